//! `keyless drift`: whether Azure is as the specs say.

use super::Exit;
use super::options::Options;
use super::output::Failure;
use super::plan::{compute, show};
use super::session::{Specs, exit_of};

/// Arguments of `drift`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    specs: Specs,
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    let Some(plan) = compute(options, &args.specs, &[])? else { return Ok(Exit::Failure) };
    show(options, &plan)?;
    Ok(exit_of(&plan, Exit::Pending))
}

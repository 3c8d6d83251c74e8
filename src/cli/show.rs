//! `keyless show`: a saved plan, as it was shown when it was created.

use std::path::PathBuf;

use super::Exit;
use super::options::Options;
use super::output::{self, Failure};
use super::plan::show;
use crate::flow::saved;
use crate::render::text;

/// Arguments of `show`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A plan saved with `plan --out`
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    options.look_at_reports(std::slice::from_ref(&args.plan));
    let plan = saved::load(&args.plan)?;
    show(options, &plan)?;
    if !options.quiet {
        output::aside(&text::writes(&plan));
        output::note(
            "not verified: previous values, names, authors, unchanged resources, findings and access changes come from the plan file; `keyless apply` reads Azure again\n",
        );
    }
    Ok(Exit::Success)
}

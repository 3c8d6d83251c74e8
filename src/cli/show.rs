//! `keyless show`: a saved plan, as it was shown when it was made.

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
    /// A file that `plan --out` wrote
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    options.look_at_reports(std::slice::from_ref(&args.plan));
    let plan = saved::load(&args.plan)?;
    show(options, &plan)?;
    if !options.quiet {
        output::aside(&text::writes(&plan));
        output::aside(
            "what was there before, who changed it, names, what changes nothing, findings and who gains or loses access are as the plan's maker saw them; `keyless apply` reads Azure again\n",
        );
    }
    Ok(Exit::Success)
}

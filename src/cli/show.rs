//! `keyless show`: a saved plan, as it was shown when it was made.

use std::path::PathBuf;

use super::Exit;
use super::options::Options;
use super::output::{self, Failure};
use super::plan::show;
use crate::document::Plan;
use crate::files;
use crate::plan::saved;
use crate::render::text;
use crate::text::{decoded, json};

/// Largest saved plan in bytes; one of a hundred thousand changes has about half of it.
const LARGEST: u64 = 512 << 20;

/// Arguments of `show`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A file that `plan --out` wrote
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    options.look_at_reports(std::slice::from_ref(&args.plan));
    let plan = load(&args.plan)?;
    show(options, &plan)?;
    if !options.quiet {
        output::aside(&text::writes(&plan));
        output::aside(
            "what was there before, who changed it, names, what changes nothing, findings and who gains or loses access are as the plan's maker saw them; `keyless apply` reads Azure again\n",
        );
    }
    Ok(Exit::Success)
}

/// Whether a file is a saved plan, whatever it is called; a pipe can be read once only, and is not looked into.
pub(super) fn holds_plan(path: &std::path::Path) -> bool {
    let is_plan = |bytes: &[u8]| json::holds(&decoded(bytes), &["formatVersion", "changes"]) == Some(true);
    path.is_file() && files::read(path, LARGEST).is_ok_and(|bytes| is_plan(&bytes))
}

/// Reads a saved plan.
pub(super) fn load(path: &std::path::Path) -> Result<Plan, Failure> {
    let refused =
        |hint: &str| Failure::new(format!("`{}` cannot be used as a plan", path.display())).hint(hint);
    let text = files::read_text(path, LARGEST)
        .map_err(|error| refused("`keyless plan --out FILE` writes one").cause(error))?;
    saved::parse(&text)
        .map_err(|error| refused("make a new plan with `keyless plan --out FILE`").cause(error))
}

//! `keyless plan`: what apply would do.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::Exit;
use super::options::{Format, Options};
use super::output::{self, Failure};
use super::session::{Lifts, Session, Specs, block_on, check, exit_of, refuse};
use crate::guards::Allow;
use crate::plan::document::Plan;
use crate::render::text;

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    specs: Specs,
    /// Save the plan, for `keyless apply FILE`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Exit 2 if there is anything to do
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    lifts: Lifts,
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    let Some(plan) = compute(options, &args.specs, &args.lifts.allow)? else { return Ok(Exit::Failure) };
    if let Some(path) = &args.out {
        save(&plan, path)?;
    }
    show(options, &plan)?;
    Ok(exit_of(&plan, if args.detailed_exitcode { Exit::Pending } else { Exit::Success }))
}

/// The plan for these specs, or nothing if something is wrong with them, which has been told.
pub(super) fn compute(options: &Options, specs: &Specs, allowed: &[Allow]) -> Result<Option<Plan>, Failure> {
    let checked = check(options, &specs.specs);
    if checked.has_errors() {
        refuse(options, &checked)?;
        return Ok(None);
    }
    block_on(async {
        let session = Session::connect(options).await?;
        let plan = session.plan(options, checked, allowed).await;
        session.close().await;
        plan.map(Some)
    })
}

/// Writes a plan as a result.
pub(super) fn show(options: &Options, plan: &Plan) -> Result<(), Failure> {
    match options.format {
        Format::Human => output::result(&text::plan(plan, options.is_verbose())),
        Format::Json => output::json(plan),
    }
}

/// Saves a plan: whole, or not at all.
fn save(plan: &Plan, path: &Path) -> Result<(), Failure> {
    let failed = || Failure::new(format!("failed to save the plan as `{}`", path.display()));
    let text = serde_json::to_string_pretty(plan).map_err(|error| failed().cause(error))?;
    let mut name = path.file_name().ok_or_else(failed)?.to_owned();
    name.push(".new");
    let draft = path.with_file_name(name);
    let written = std::fs::File::create(&draft)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&draft, path));
    written.map_err(|error| failed().cause(error))
}

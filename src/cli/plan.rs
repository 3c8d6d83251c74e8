//! `keyless plan`: what apply would do.

use std::path::PathBuf;

use super::Exit;
use super::document::{Document, json, save};
use super::options::Options;
use super::output::Failure;
use super::rotation::Rotation;
use super::session::{Lifts, Purpose, Session, Specs, block_on, check, exit_of, refuse};
use crate::guards::Allow;
use crate::plan::document::Plan;

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
    #[command(flatten)]
    rotation: Rotation,
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    let Some(plan) = compute(options, &args.specs, &args.lifts.allow, &args.rotation, Purpose::Plan)? else {
        return Ok(Exit::Failure);
    };
    if let Some(path) = &args.out {
        save(path, &json(&plan)?)?;
    }
    show(options, &plan)?;
    Ok(exit_of(&plan, if args.detailed_exitcode { Exit::Pending } else { Exit::Success }))
}

/// The plan for these specs, or nothing if something is wrong with them, which has been told.
pub(super) fn compute(
    options: &Options,
    specs: &Specs,
    allowed: &[Allow],
    rotation: &Rotation,
    purpose: Purpose,
) -> Result<Option<Plan>, Failure> {
    let checked = check(options, &specs.specs);
    if checked.has_errors() {
        refuse(options, &checked)?;
        return Ok(None);
    }
    block_on(async {
        let session = Session::connect(options).await?;
        let plan = session.plan(options, checked, allowed, rotation, purpose).await;
        session.close().await;
        plan.map(Some)
    })
}

/// Writes a plan as a result.
pub(super) fn show(options: &Options, plan: &Plan) -> Result<(), Failure> {
    Document::Plan(plan).write(options)
}

//! `keyless plan`: what apply would do.

use std::path::PathBuf;

use super::Exit;
use super::document::{Document, OutFile, all, json};
use super::options::Options;
use super::output::{self, Failure};
use super::session::{Session, Specs, block_on, check, exit_of, refuse};
use super::wish::{Lifts, RetiredStacks, Rotation, wish};
use crate::apply::Secrets;
use crate::document::{FindingEntry, Plan};
use crate::finding::Code;
use crate::flow::{self, Checked, PlanPurpose};
use crate::text::sanitize::sanitize;

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    specs: Specs,
    /// Save the plan, for `keyless apply FILE`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Exit 2 if there are changes to make
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    lifts: Lifts,
    #[command(flatten)]
    rotation: Rotation,
    #[command(flatten)]
    retirement: RetiredStacks,
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    let checked = check(options, &args.specs.specs).retire(&args.retirement.retire);
    let out = args.out.as_deref().map(|path| OutFile::open(path, checked.sources.paths(), options));
    if checked.has_errors() {
        let spoiled = out.and_then(Result::ok).map_or(Ok(()), |out| out.spoil(&checked.entries()));
        return spoiled.and_then(|()| refuse(options, &checked));
    }
    let out = out.transpose()?;
    let planned = compute(options, checked, PlanPurpose::Plan, &args.lifts, &args.rotation);
    let plan = match (planned, &out) {
        (Ok(plan), _) => plan,
        (Err(failure), None) => return Err(failure),
        (Err(failure), Some(out)) => {
            let spoiled = out.spoil(&[failure.entry()]);
            return all([spoiled, Err(failure)]).map(|()| Exit::Failure);
        }
    };
    if !options.quiet {
        output::aside(&needed_secrets(&plan));
    }
    let saved = out.map_or(Ok(()), |out| out.write(&json(&plan)?));
    all([saved, show(options, &plan)])?;
    if let Some(out) = args.out.as_deref().filter(|_| !options.quiet && !plan.steps.is_empty()) {
        let shard = options.shard.map_or_else(String::new, |shard| format!(" --shard {shard}"));
        output::aside(&format!(
            "Saved to `{0}`. To apply it: keyless apply {0}{shard}\n",
            sanitize(&out.display().to_string())
        ));
    }
    Ok(exit_of(&plan, if args.detailed_exitcode { Exit::Pending } else { Exit::Success }))
}

/// Which secrets `apply` will need that this run does not have: a plan needs none.
fn needed_secrets(plan: &Plan) -> String {
    let names = Secrets::new(std::env::vars_os()).missing_names(plan);
    if names.is_empty() { String::new() } else { format!("`apply` needs {}\n", names.join(", ")) }
}

/// The plan for specs without an error.
pub(super) fn compute(
    options: &Options,
    checked: Checked,
    purpose: PlanPurpose,
    lifts: &Lifts,
    rotation: &Rotation,
) -> Result<Plan, Failure> {
    let wish = wish(options, purpose, lifts, rotation)?;
    block_on(async {
        let session = Session::connect(options).await?;
        let plan = flow::plan(&session.azure, checked, &wish).await;
        session.close().await;
        Ok(plan?)
    })
}

/// Writes a plan as a result.
pub(super) fn show(options: &Options, plan: &Plan) -> Result<(), Failure> {
    Document::Plan(plan).write(options)?;
    point_to_doctor(options, plan);
    Ok(())
}

/// Where much may not be read, one command says which rights are missing.
pub(super) fn point_to_doctor(options: &Options, plan: &Plan) {
    const MUCH: usize = 3;
    let is_refused = |finding: &&FindingEntry| {
        let is_unread = matches!(finding.code, Code::UnknownState | Code::IncompleteRead);
        is_unread && finding.cause.as_deref().is_some_and(|cause| cause.contains(" 403 "))
    };
    if !options.quiet && plan.findings.iter().filter(is_refused).count() >= MUCH {
        output::aside("`keyless doctor` with the same specs lists the rights that the caller lacks\n");
    }
}

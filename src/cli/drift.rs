//! `keyless drift`: compares Azure with the specs.

use super::Exit;
use super::document::Document;
use super::options::Options;
use super::output::Failure;
use super::plan::{compute, point_to_doctor};
use super::session::{Specs, check, exit_of_drift, refuse};
use super::wish::{Lifts, Rotation};
use crate::flow::PlanPurpose;

/// Arguments of `drift`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    specs: Specs,
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    let checked = check(options, &args.specs.specs);
    if checked.has_errors() {
        return refuse(options, &checked);
    }
    let mut plan = compute(options, checked, PlanPurpose::Drift, &Lifts::default(), &Rotation::default())?;
    // Guards judge the writes of a plan, and `drift` writes nothing.
    plan.findings.retain(|finding| !finding.is_refusal());
    Document::Drift(&plan).write(options)?;
    point_to_doctor(options, &plan);
    Ok(exit_of_drift(&plan))
}

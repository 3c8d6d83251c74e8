//! What became of a plan: one outcome for each step, as data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FindingEntry, Plan, Requests, StepAction, Target};
use crate::source::Position;

/// What `apply` did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Version of this format: `1.0`.
    pub format_version: String,
    /// Where it happened.
    pub target: Target,
    /// How many steps ended how.
    pub summary: Tally,
    /// Each step, in the plan's order.
    pub steps: Vec<Outcome>,
    /// What went wrong, and what to do.
    pub findings: Vec<FindingEntry>,
    /// All requests, those of planning included.
    pub requests: Requests,
}

/// How many steps ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Written, or found to be as declared by then.
    pub done: usize,
    /// Refused, or of unknown outcome.
    pub failed: usize,
    /// Not tried.
    pub skipped: usize,
    /// Changes of the plan that had no step, because they cannot be made; the plan's findings say why.
    #[serde(default)]
    pub refused: usize,
    /// Declared resources that could not be read, and so had no step.
    #[serde(default)]
    pub unknown: usize,
}

/// How one step ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// What it was to do.
    pub action: StepAction,
    /// The resource, for people.
    pub title: String,
    /// Its place in the spec.
    pub address: String,
    /// Its id.
    pub id: String,
    /// Where it is declared.
    pub source: Option<Position>,
    /// How it ended.
    pub status: Status,
    /// Why, where that does not go without saying.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is worth knowing of the resource now: its endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It stands as declared.
    Done,
    /// It may or may not stand; the reason says what Azure answered.
    Failed,
    /// It was not tried.
    Skipped,
}

/// A value of a live resource worth printing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Output {
    /// What it is.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl Tally {
    /// How much of what.
    #[must_use]
    pub fn counted(&self) -> Vec<(usize, &'static str)> {
        let steps = [(self.done, "done"), (self.failed, "failed"), (self.skipped, "skipped")];
        // What no step was tried for is told where there is some.
        let without = [(self.refused, "refused"), (self.unknown, "unknown")];
        steps.into_iter().chain(without.into_iter().filter(|(count, _)| *count > 0)).collect()
    }
}

impl Report {
    /// Puts outcomes together.
    #[must_use]
    pub fn new(plan: &Plan, steps: Vec<Outcome>, findings: Vec<FindingEntry>, requests: Requests) -> Self {
        let mut summary =
            Tally { refused: plan.summary.refused, unknown: plan.summary.unknown, ..Tally::default() };
        for step in &steps {
            match step.status {
                Status::Done => summary.done += 1,
                Status::Failed => summary.failed += 1,
                Status::Skipped => summary.skipped += 1,
            }
        }
        Self {
            format_version: plan.format_version.clone(),
            target: plan.target.clone(),
            summary,
            steps,
            findings,
            requests,
        }
    }
}

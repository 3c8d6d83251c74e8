//! The result of applying a plan: one outcome for each step, as data.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FindingEntry, Plan, Requests, Shard, StepAction, Target};
use crate::text::source::Position;

/// The result of `apply`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Version of this format: `1.0`.
    pub format_version: String,
    /// Where it was applied.
    pub target: Target,
    /// The stacks of its changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stacks: Vec<String>,
    /// The environment of `--env`; of a saved plan, that for which it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Of which part of a fleet it is (`--shard`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Box<Shard>>,
    /// The number of resources by result, as in the plan's summary: a resource that takes several steps is done once all of them are.
    pub summary: Tally,
    /// Each step, in the plan's order.
    pub steps: Vec<Outcome>,
    /// Findings, with remedies.
    pub findings: Vec<FindingEntry>,
    /// All requests, including those for planning.
    pub requests: Requests,
}

/// The number of resources by result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Written, or already as declared.
    pub done: usize,
    /// At least one step failed: it was refused, or its result is unknown.
    pub failed: usize,
    /// No step failed, but at least one was not tried.
    pub skipped: usize,
    /// Changes without a step, because they are impossible; the plan's findings say why.
    #[serde(default)]
    pub refused: usize,
    /// Declared resources that could not be read, and so had no step.
    #[serde(default)]
    pub unknown: usize,
}

/// The result of one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The kind of write.
    pub action: StepAction,
    /// The title of the resource.
    pub title: String,
    /// Its address in the spec.
    pub address: String,
    /// Its id.
    pub id: String,
    /// Where it is declared.
    pub source: Option<Position>,
    /// The result.
    pub status: Status,
    /// What of the resource it writes, where several steps write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// The reason, unless it is obvious.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Values worth knowing about the resource, such as its endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
}

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The resource is as declared.
    Done,
    /// The resource may or may not be as declared; the reason contains Azure's answer.
    Failed,
    /// It was not tried.
    Skipped,
}

/// A value of a live resource worth printing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Output {
    /// Its label.
    pub name: String,
    /// What it was set to.
    pub value: String,
}

impl Tally {
    /// The same with the resources that these steps write.
    #[must_use]
    pub fn with(mut self, steps: &[Outcome]) -> Self {
        let mut results: BTreeMap<(&str, Option<&Position>), BTreeSet<Status>> = BTreeMap::new();
        for step in steps {
            results.entry((&step.address, step.source.as_ref())).or_default().insert(step.status);
        }
        for statuses in results.values() {
            match statuses {
                all if all.contains(&Status::Failed) => self.failed += 1,
                all if all.contains(&Status::Skipped) => self.skipped += 1,
                _ => self.done += 1,
            }
        }
        self
    }

    /// The counts, each with a word.
    #[must_use]
    pub fn counted(&self) -> Vec<(usize, &'static str)> {
        let steps = [(self.done, "done"), (self.failed, "failed"), (self.skipped, "skipped")];
        // These are only listed if there are any.
        let without = [(self.refused, "refused"), (self.unknown, "unknown")];
        steps.into_iter().chain(without.into_iter().filter(|(count, _)| *count > 0)).collect()
    }
}

impl Report {
    /// Combines the results; `without` counts the changes that have no step.
    #[must_use]
    pub fn new(
        plan: &Plan,
        without: Tally,
        steps: Vec<Outcome>,
        findings: Vec<FindingEntry>,
        requests: Requests,
    ) -> Self {
        let summary = without.with(&steps);
        let stacks: BTreeSet<&String> =
            plan.changes.iter().filter_map(|change| change.stack.as_ref()).collect();
        Self {
            format_version: plan.format_version.clone(),
            target: plan.target.clone(),
            stacks: stacks.into_iter().cloned().collect(),
            environment: plan.environment.clone(),
            shard: plan.shard.clone(),
            summary,
            steps,
            findings,
            requests,
        }
    }
}

//! Plan-time checks: what would make a step fail, found before anything is written.
//!
//! Pure. `missing` says what to ask, based on the steps of a plan from what has been read so far; the questions go out together with the
//! follow-ups about absent resources. `judge` reads the answers: an error refuses its change, so that keyless does not try what cannot
//! succeed. A check that could not be made is a note. Consequences of the plan that no field shows, such as access lost or settings
//! restored, are warnings.

mod assignments;
mod closing;
mod filters;
mod identities;
mod in_use;
mod locks;
mod models;
mod names;
mod nested;
mod offers;
mod permissions;
mod policy;
mod retirement;
mod revived;
mod subdomain;
mod ways_in;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::body::AssignmentBody;
use crate::diff::changes;
use crate::document::{FindingEntry, Plan, Step};
use crate::finding::{Code, Severity};
use crate::id::{ResourceId, region};
use crate::kinds::{Survey, role_assignment};
use crate::plan::predict::World;
use crate::plan::{self};
use crate::snapshot::{Answer, Query, Shape, Snapshot};
use crate::text::source::Position;

/// What to ask before a step, and what the answers mean.
struct Check {
    queries: fn(&[Step], &World) -> Vec<Query>,
    verdicts: fn(&Case<'_>) -> Vec<Verdict>,
}

const CHECKS: &[Check] = &[
    Check { queries: locks::queries, verdicts: locks::verdicts },
    Check { queries: nested::queries, verdicts: nested::verdicts },
    Check { queries: permissions::queries, verdicts: permissions::verdicts },
    Check { queries: subdomain::queries, verdicts: subdomain::verdicts },
    Check { queries: offers::queries, verdicts: offers::verdicts },
    Check { queries: models::queries, verdicts: models::verdicts },
    Check { queries: filters::queries, verdicts: filters::verdicts },
    Check { queries: in_use::queries, verdicts: in_use::verdicts },
    // It reads the lists that the check before it asks for.
    Check { queries: |_, _| Vec::new(), verdicts: retirement::verdicts },
    // Its questions depend on what the snapshot shows: see `queries`.
    Check { queries: |_, _| Vec::new(), verdicts: names::verdicts },
    Check { queries: policy::queries, verdicts: policy::verdicts },
    Check { queries: assignments::queries, verdicts: assignments::verdicts },
    Check { queries: ways_in::queries, verdicts: ways_in::verdicts },
];

/// Warnings about consequences of a plan that no guard judges. They need no further queries.
const CONSEQUENCES: &[fn(&Case<'_>, &World) -> Vec<Verdict>] =
    &[closing::verdicts, identities::verdicts, revived::verdicts];

/// What a check works with.
struct Case<'a> {
    plan: &'a Plan,
    snapshot: &'a Snapshot,
    world: &'a World,
    /// The severity of a step that the caller has no permission for.
    unpermitted: Severity,
}

/// The finding of a check, and the changes that it refuses.
struct Verdict {
    finding: FindingEntry,
    refuses: Vec<usize>,
}

/// What a plan on this state must ask before the checks are complete, without what has been answered.
#[must_use]
pub fn missing(survey: Survey<'_>) -> Vec<Query> {
    if !survey.is_settled() {
        return Vec::new();
    }
    let snapshot = survey.snapshot;
    let mut open = queries(&plan::draft(&changes(survey)), snapshot);
    open.retain(|query| snapshot.get(query).is_none());
    open
}

/// What must be asked about these steps.
#[must_use]
pub fn queries(steps: &[Step], snapshot: &Snapshot) -> Vec<Query> {
    if steps.is_empty() {
        return Vec::new();
    }
    let world = World::of(snapshot);
    let given = steps.iter().filter_map(|step| step.patch.get("roleDefinitionId")?.as_str());
    let live = world.resources.values().filter_map(|body| AssignmentBody::of(body).role_definition_id());
    let mut queries = role_assignment::unknown_roles(given.chain(live));
    queries.extend(CHECKS.iter().flat_map(|check| (check.queries)(steps, &world)));
    queries.extend(subdomain::holders(steps, snapshot));
    queries.extend(names::queries(steps, snapshot));
    queries.extend(role_assignment::schedules(ways_in::doubts(steps, &world), snapshot));
    queries.sort();
    queries.dedup();
    queries
}

/// Adds the findings to a plan. Changes that cannot succeed are refused, together with those that depend on them. `before` is the state
/// that the snapshot shows.
pub fn judge(plan: &mut Plan, snapshot: &Snapshot, before: &World, unpermitted: Severity) {
    let verdicts = verdicts(plan, snapshot, before, unpermitted);
    for Verdict { finding, refuses } in &verdicts {
        for change in refuses {
            plan.refuse(*change, &finding.message);
        }
    }
    add(plan, verdicts);
    // Refused changes have no consequences.
    let verdicts = consequences(plan, snapshot, before);
    add(plan, verdicts);
}

/// Adds the findings to a plan that is applied as a whole or not at all.
pub fn review(plan: &mut Plan, snapshot: &Snapshot, before: &World, unpermitted: Severity) {
    let verdicts = verdicts(plan, snapshot, before, unpermitted);
    // Earlier findings are made again if they still apply.
    plan.findings.retain(|finding| !is_verdict(finding));
    add(plan, verdicts);
    let verdicts = consequences(plan, snapshot, before);
    add(plan, verdicts);
}

fn verdicts(plan: &Plan, snapshot: &Snapshot, world: &World, unpermitted: Severity) -> Vec<Verdict> {
    if plan.steps.is_empty() {
        return Vec::new();
    }
    let case = Case { plan, snapshot, world, unpermitted };
    CHECKS.iter().flat_map(|check| (check.verdicts)(&case)).collect()
}

fn consequences(plan: &Plan, snapshot: &Snapshot, before: &World) -> Vec<Verdict> {
    if plan.steps.is_empty() {
        return Vec::new();
    }
    let world = before.with_restored(plan);
    let after = world.after(plan);
    let case = Case { plan, snapshot, world: &world, unpermitted: Severity::Note };
    CONSEQUENCES.iter().flat_map(|consequence| consequence(&case, &after)).collect()
}

fn add(plan: &mut Plan, verdicts: Vec<Verdict>) {
    plan.findings.extend(verdicts.into_iter().map(|verdict| verdict.finding));
    plan.findings.sort();
    plan.findings.dedup();
}

/// Codes that only checks use.
const CODES: &[Code] = &[
    Code::Locked,
    Code::NestedResources,
    Code::PolicyInUse,
    Code::UnknownPolicy,
    Code::MissingPermission,
    Code::SubdomainTaken,
    Code::NameTaken,
    Code::NotOffered,
    Code::UnknownModel,
    Code::ModelRetired,
    Code::QuotaExceeded,
    Code::PolicyRefusal,
    Code::AssignmentLimit,
    Code::DenyAssignment,
    Code::NotChecked,
    Code::ClosedNetwork,
    Code::IdentityRemoved,
    Code::RestoredAsItWas,
];

/// Whether a finding comes from a check.
#[must_use]
pub fn is_verdict(finding: &FindingEntry) -> bool {
    CODES.contains(&finding.code)
}

impl Case<'_> {
    /// Where a change, or one of its fields, is declared.
    fn place(&self, change: usize, path: &[&str]) -> Option<Position> {
        let change = self.plan.changes.get(change)?;
        let field = change.fields.iter().find(|field| field.path == path);
        field.and_then(|field| field.source.clone()).or_else(|| change.source.clone())
    }

    fn title(&self, change: usize) -> &str {
        self.plan.changes.get(change).map_or("a resource", |change| change.title.as_str())
    }

    /// An error that refuses a change.
    fn refusal(&self, code: Code, change: usize, path: &[&str], message: String, hint: String) -> Verdict {
        let finding = FindingEntry {
            source: self.place(change, path),
            hint: Some(hint),
            ..FindingEntry::of(Severity::Error, code, message)
        };
        Verdict { finding, refuses: vec![change] }
    }

    /// A note about a change.
    fn note(
        &self,
        code: Code,
        change: usize,
        path: &[&str],
        message: String,
        hint: Option<String>,
    ) -> Verdict {
        let finding = FindingEntry {
            source: self.place(change, path),
            hint,
            ..FindingEntry::of(Severity::Note, code, message)
        };
        Verdict { finding, refuses: Vec::new() }
    }

    /// A warning about a change that is made nevertheless.
    fn warning(
        &self,
        code: Code,
        change: usize,
        path: &[&str],
        message: String,
        hint: Option<String>,
    ) -> Verdict {
        let mut verdict = self.note(code, change, path, message, hint);
        verdict.finding.severity = Severity::Warning;
        verdict
    }

    /// The live resources that a change overwrites, by the first step that does: before and after.
    fn rewritten<'w>(&'w self, after: &'w World) -> BTreeMap<ResourceId, (usize, &'w Value, &'w Value)> {
        let mut rewritten = BTreeMap::new();
        for step in &self.plan.steps {
            let Some(id) = target(step) else { continue };
            if let (Some(before), Some(after)) = (self.world.resource(&id), after.resource(&id)) {
                rewritten.entry(id).or_insert((step.change, before, after));
            }
        }
        rewritten
    }

    /// The items that a query found, or a note about what is unknown without them.
    fn items(&self, query: &Query, unknown: &str, verdicts: &mut Vec<Verdict>) -> Vec<&Value> {
        if let Some(refusal) = self.snapshot.get(query).and_then(Answer::refusal) {
            let finding = FindingEntry {
                cause: Some(refusal.message.clone()),
                hint: refusal.hint.clone(),
                ..FindingEntry::of(Severity::Note, Code::NotChecked, format!("could not determine {unknown}"))
            };
            verdicts.push(Verdict { finding, refuses: Vec::new() });
        }
        self.snapshot.items(query).map(AsRef::as_ref).collect()
    }
}

/// The subscriptions in which steps write.
fn subscriptions<'a>(targets: impl Iterator<Item = &'a ResourceId>) -> BTreeSet<ResourceId> {
    targets.filter_map(|target| target.subscription_id().map(ResourceId::subscription)).collect()
}

fn list(scope: &ResourceId, path: &str, project: fn(Value) -> Value) -> Query {
    Query {
        path: format!("{}/providers/{path}", scope.as_str().trim_end_matches('/')),
        shape: Shape::List,
        scope: scope.clone(),
        project,
    }
}

/// A query made with POST.
fn question(scope: &ResourceId, path: &str, body: Value) -> Query {
    Query { shape: Shape::Ask(body), ..list(scope, path, |body| body) }
}

fn target(step: &Step) -> Option<ResourceId> {
    ResourceId::parse(&step.target).ok()
}

/// Whether two texts name the same region, ignoring case and spaces.
fn same_region(a: &str, b: &str) -> bool {
    region(a) == region(b)
}

/// Some of many names, for a message.
fn some<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 6;
    let names: BTreeSet<&str> = names.collect();
    let listed = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{listed}, …") } else { listed }
}

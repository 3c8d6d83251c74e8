//! Plan-time promises: what would keep a step from succeeding, found before anything is written.
//!
//! Pure. `missing` says what to ask, from the steps that a plan on the state read so far would take; it goes out with the
//! follow-ups of what is absent. `judge` reads the answers: an error refuses its change, so that nothing is tried that cannot
//! succeed. What may not be asked is a note. What the plan as it stands then would take from somebody, or bring back, without a field that
//! says so, is a warning.

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

use crate::diff::diff;
use crate::document::{FindingEntry, Plan, Step};
use crate::finding::{Code, Severity};
use crate::id::ResourceId;
use crate::kinds::desired::resolved;
use crate::kinds::{is_settled, role_assignment};
use crate::plan::predict::World;
use crate::plan::{self};
use crate::snapshot::{Answer, Query, Shape, Snapshot};
use crate::source::Position;
use crate::spec::Loaded;

/// What is asked before a step, and what the answers mean.
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
    // It looks at the lists that the check before it asks for.
    Check { queries: |_, _| Vec::new(), verdicts: retirement::verdicts },
    // What it asks follows from what the snapshot shows: see `queries`.
    Check { queries: |_, _| Vec::new(), verdicts: names::verdicts },
    Check { queries: policy::queries, verdicts: policy::verdicts },
    Check { queries: assignments::queries, verdicts: assignments::verdicts },
    Check { queries: ways_in::queries, verdicts: ways_in::verdicts },
];

/// What a plan has for a consequence that no guard judges. Nothing more is asked for them.
const CONSEQUENCES: &[fn(&Case<'_>, &World) -> Vec<Verdict>] =
    &[closing::verdicts, identities::verdicts, revived::verdicts];

/// What a check has to go by.
struct Case<'a> {
    plan: &'a Plan,
    snapshot: &'a Snapshot,
    world: &'a World,
    /// How much it matters that the caller may not do what the plan would.
    unpermitted: Severity,
}

/// What a check has to say, and which changes cannot succeed.
struct Verdict {
    finding: FindingEntry,
    refuses: Vec<usize>,
}

/// What a plan on this state has to ask before it can promise anything, less what has been answered.
#[must_use]
pub fn missing(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Query> {
    if !is_settled(stacks, snapshot) {
        return Vec::new();
    }
    let changes = diff(stacks, resolved(stacks, snapshot), snapshot).changes;
    let mut open = queries(&plan::draft(&changes), snapshot);
    open.retain(|query| snapshot.get(query).is_none());
    open
}

/// What these steps raise.
#[must_use]
pub fn queries(steps: &[Step], snapshot: &Snapshot) -> Vec<Query> {
    if steps.is_empty() {
        return Vec::new();
    }
    let world = World::of(snapshot);
    let given = steps.iter().filter_map(|step| step.patch.get("roleDefinitionId")?.as_str());
    let live = world.resources.values().filter_map(|body| body["properties"]["roleDefinitionId"].as_str());
    let mut queries = role_assignment::unknown_roles(given.chain(live));
    queries.extend(CHECKS.iter().flat_map(|check| (check.queries)(steps, &world)));
    queries.extend(subdomain::holders(steps, snapshot));
    queries.extend(names::queries(steps, snapshot));
    queries.extend(role_assignment::schedules(ways_in::doubts(steps, &world), snapshot));
    queries.sort();
    queries.dedup();
    queries
}

/// Adds what the answers mean to a plan. Changes that cannot succeed are refused, and with them what needs them. `before` is the state
/// that the snapshot shows.
pub fn judge(plan: &mut Plan, snapshot: &Snapshot, before: &World, unpermitted: Severity) {
    let verdicts = verdicts(plan, snapshot, before, unpermitted);
    for Verdict { finding, refuses } in &verdicts {
        for change in refuses {
            plan.refuse(*change, &finding.message);
        }
    }
    add(plan, verdicts);
    // What is refused has no consequences.
    let verdicts = consequences(plan, snapshot, before);
    add(plan, verdicts);
}

/// Adds what the answers mean to a plan that is carried out whole or not at all.
pub fn review(plan: &mut Plan, snapshot: &Snapshot, before: &World, unpermitted: Severity) {
    let verdicts = verdicts(plan, snapshot, before, unpermitted);
    // What was said when the plan was made is said again, if it still holds.
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

/// Codes that only checks of steps use.
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

/// Whether a finding comes from a check of steps.
#[must_use]
pub fn is_verdict(finding: &FindingEntry) -> bool {
    CODES.contains(&finding.code)
}

impl Case<'_> {
    /// Where a field of a change is declared, or the change itself.
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

    /// A warning about a change that goes ahead all the same.
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

    /// The live resources that a change writes over, by the first step that does: what of them stood before, and what will stand.
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

    /// The items that a query found, or a note that says what is not known without them.
    fn items(&self, query: &Query, unknown: &str, verdicts: &mut Vec<Verdict>) -> Vec<&Value> {
        if let Some(refusal) = self.snapshot.get(query).and_then(Answer::refusal) {
            let finding = FindingEntry {
                cause: Some(refusal.message.clone()),
                hint: refusal.hint.clone(),
                ..FindingEntry::of(Severity::Note, Code::NotChecked, format!("{unknown} is not known"))
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

/// A question that is asked by POST.
fn question(scope: &ResourceId, path: &str, body: Value) -> Query {
    Query { shape: Shape::Ask(body), ..list(scope, path, |body| body) }
}

fn target(step: &Step) -> Option<ResourceId> {
    ResourceId::parse(&step.target).ok()
}

/// Whether two texts name the same region: case and spaces do not count.
fn same_region(a: &str, b: &str) -> bool {
    let fold = |text: &str| text.replace(' ', "").to_ascii_lowercase();
    fold(a) == fold(b)
}

/// A few of many, for a message.
fn some<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 6;
    let names: BTreeSet<&str> = names.collect();
    let listed = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{listed}, …") } else { listed }
}

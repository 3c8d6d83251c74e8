//! Compares declared with live resources: what would have to change.
//!
//! Pure. Only declared fields are compared; each kind's field table says how. Takes desired resources and a snapshot, returns changes.

mod apart;
mod change;
mod compare;
mod foreign;
mod hidden;
mod late;
mod open;
mod passing;
mod strangers;
#[cfg(test)]
mod tests;
mod undeclared;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use apart::{Others, elsewhere, left_by_retired, moved};
pub use change::{Change, LiveMatch};
pub use compare::{field, field_changes, values};
use compare::{leaves, unshown};
use foreign::foreign;
use hidden::hidden;
pub use late::{missing, missing_grants, unfinished};
pub use open::Veil;
use open::{double, unresolved};
pub(crate) use passing::spared_by_now;
pub use strangers::Stays;
use strangers::{left_behind, outside, unread};
use undeclared::Undeclared;

use crate::document::{DeclaredList, NamedSecrets};
use crate::finding::{Code, Finding, Severity};
use crate::id::{Key, ResourceId};
use crate::kinds::desired::Desired;
use crate::kinds::{FieldChange, Inventory, KINDS, Kind, Live, Mutability, Survey};
use crate::snapshot::{Refusal, Snapshot};
use crate::spec::Loaded;
use crate::spec::model::{OnSoftDeleted, Unmanaged};
use crate::text::source::Span;

/// The result of the comparison.
#[derive(Debug, Clone, Default)]
pub struct Diff {
    /// One change for each declared resource and each live one worth reporting.
    pub changes: Vec<Change>,
    /// Findings about them.
    pub findings: Vec<Finding>,
    /// Lists that could not be read completely.
    pub incomplete: Vec<(ResourceId, Refusal)>,
    /// The accounts for which a stack declares all role assignments.
    pub complete: BTreeSet<ResourceId>,
    /// The lists that the stacks declare.
    pub lists: Vec<DeclaredList>,
    /// The secrets that the stacks name.
    pub secrets: Vec<NamedSecrets>,
    /// What the stacks declare that are loaded but not selected.
    pub beside: Vec<Desired>,
    /// By resource, the fields that its spec omits and that are no longer as creation set them.
    pub omitted: BTreeMap<Key, Vec<FieldChange>>,
    /// By resource, the paths of declared fields that Azure does not show, where nothing is written that would send them.
    pub hidden: BTreeMap<Key, Vec<Vec<String>>>,
}

/// Compares everything that the stacks declare with the snapshot.
///
/// # Panics
///
/// If `desired` was not made from `stacks`: that is a bug.
#[must_use]
pub fn diff(stacks: &[Loaded], desired: Vec<Desired>, snapshot: &Snapshot) -> Diff {
    compared(Survey::with(stacks, desired, snapshot), |kind, survey| kind.remarks(survey))
}

/// The changes alone, without what kinds remark on their live resources: that goes through all of them once more.
#[must_use]
pub fn changes(survey: Survey<'_>) -> Vec<Change> {
    compared(survey, |_, _| Vec::new()).changes
}

fn compared(mut survey: Survey<'_>, remarks: impl Fn(&dyn Kind, &Survey<'_>) -> Vec<Finding>) -> Diff {
    let remarks: Vec<Vec<Finding>> = KINDS.iter().map(|kind| remarks(*kind, &survey)).collect();
    let desired = survey.take_desired();
    let Survey { stacks, snapshot, .. } = survey;
    let known = Known {
        stacks,
        snapshot,
        inventories: KINDS.iter().map(|kind| (*kind, survey.inventory(*kind))).collect(),
    };
    let mut diff = Diff {
        complete: crate::kinds::complete(stacks),
        lists: crate::kinds::lists(stacks),
        ..Diff::default()
    };
    let others = Others::of(stacks, snapshot);
    // A secret that another loaded spec names is known too.
    diff.secrets = crate::kinds::named_secrets(desired.iter().chain(&others.desired));
    let undeclared = Undeclared::beside(&desired, &others, &known);
    let mut seen: BTreeMap<Key, Span> = BTreeMap::new();
    // What happens to a parent, for its children, by key.
    let (gone, findings) = crate::kinds::account::existing::missing(stacks, snapshot);
    diff.findings.extend(findings);
    let mut parents: BTreeMap<Key, Fate> =
        gone.into_iter().map(|(key, why)| (key, Fate::Refused(why))).collect();
    for wanted in desired {
        if let Some(open) = wanted.open.clone() {
            diff.changes.push(unresolved(wanted, open, &mut diff.findings));
            continue;
        }
        if let Some(first) = seen.insert(wanted.key.clone(), wanted.span) {
            diff.changes.push(double(wanted, first, &mut diff.findings));
            continue;
        }
        let change = known.declared(wanted, &parents, &mut diff.findings);
        parents.extend(known.fate(&change));
        diff.omitted.extend(omitted(&change, stacks));
        diff.hidden.extend(hidden(&change));
        diff.changes.push(change);
    }
    for (kind, remarks) in KINDS.iter().zip(remarks) {
        let inventory = known.inventory(*kind);
        gaps(*kind, inventory, stacks, &mut diff);
        undeclared.judge(*kind, inventory, &known, &mut diff);
        diff.findings.extend(remarks);
    }
    let (told, left) = left_by_retired(&diff.changes, |key| undeclared.is_declared(key), &known);
    diff.findings.extend(left);
    diff.findings.extend(left_behind(&diff.changes, &told));
    diff.findings.extend(outside(&diff.changes, stacks));
    diff.findings.extend(elsewhere(&diff.changes, stacks, snapshot));
    let stands = |desired: &Desired| known.inventory(desired.kind).items.contains_key(&desired.key);
    diff.findings.extend(moved(&diff.changes, &others, &known));
    let beside = late::missing_beside(&diff.changes, &others.desired, stacks, snapshot);
    late::hold_back(&mut diff.changes, &beside, stands, &mut diff.findings);
    diff.findings.extend(hidden::notes(&diff.changes, &diff.hidden));
    diff.beside = others.desired;
    diff
}

/// The live resources as far as they were read, and the stacks of the run.
struct Known<'a> {
    stacks: &'a [Loaded],
    snapshot: &'a Snapshot,
    inventories: Vec<(&'static dyn Kind, &'a Inventory)>,
}

impl Known<'_> {
    fn inventory(&self, kind: &dyn Kind) -> &Inventory {
        let found = self.inventories.iter().find(|(each, _)| each.name() == kind.name());
        found.expect("every desired resource is of a kind in KINDS").1
    }

    /// The change of a declared resource.
    fn declared(
        &self,
        wanted: Desired,
        parents: &BTreeMap<Key, Fate>,
        findings: &mut Vec<Finding>,
    ) -> Change {
        let (inventory, snapshot) = (self.inventory(wanted.kind), self.snapshot);
        let loaded = self.stacks.iter().find(|loaded| loaded.spec.stack == wanted.stack);
        let loaded = loaded.expect("a desired resource names one of the stacks it was made from");
        // A value that no resource will have cannot be compared.
        let mut lost = wanted.holes.iter().filter(|hole| hole.reference.is_some());
        if let Some(fate) = lost.find_map(|hole| parents.get(&hole.key)).cloned() {
            return fate.of(wanted);
        }
        let Some(live) = inventory.items.get(&wanted.key) else {
            return match inventory.gap(&wanted.scope) {
                Some(gap) => unknown(wanted, &gap.refusal, findings),
                None => absent(wanted, loaded, snapshot, parents, findings),
            };
        };
        // A resource created next to it needs another name.
        match live.passing(snapshot).filter(|_| live.id != wanted.id) {
            Some(passing) => {
                findings.push(passing::finding(&wanted, live, &passing));
                absent(wanted, loaded, snapshot, parents, findings)
            }
            None => fit(compare(wanted, live, findings), snapshot, findings),
        }
    }

    /// Whether a change prevents its children from being created, and why.
    fn fate(&self, change: &Change) -> Option<(Key, Fate)> {
        match change {
            Change::Unknown { desired, refusal } => {
                Some((desired.key.clone(), Fate::Unknown(refusal.clone())))
            }
            Change::Refused { desired, .. }
                if !self.inventory(desired.kind).items.contains_key(&desired.key) =>
            {
                let why = format!("{} does not exist and cannot be created", desired.title);
                Some((desired.key.clone(), Fate::Refused(why)))
            }
            _ => None,
        }
    }
}

/// Reports once what could not be read of a kind's lists.
fn gaps(kind: &'static dyn Kind, inventory: &Inventory, stacks: &[Loaded], diff: &mut Diff) {
    let all = inventory.gaps.iter().chain(&inventory.partial);
    diff.incomplete.extend(all.map(|gap| (gap.scope.clone(), gap.refusal.clone())));
    let is_told = |change: &Change| matches!(change, Change::Unknown { desired, .. } if desired.kind.name() == kind.name());
    if !diff.changes.iter().any(is_told) {
        diff.findings.extend(inventory.gaps.iter().map(|gap| unread(kind, gap, stacks)));
    }
    let which = "and accounts were read, so none are deleted";
    diff.findings.extend(inventory.partial.iter().map(|gap| gap.in_part(kind, which)));
}

/// What happened to a parent that prevents its children from being created.
#[derive(Debug, Clone)]
enum Fate {
    Unknown(Refusal),
    Refused(String),
}

impl Fate {
    /// The change of what needs it.
    fn of(self, desired: Desired) -> Change {
        match self {
            Self::Unknown(refusal) => Change::Unknown { desired, refusal },
            Self::Refused(why) => {
                Change::Refused { desired, found: LiveMatch::Nothing, fields: Vec::new(), why }
            }
        }
    }
}

/// A declared resource that could not be read: never a write, never "no changes".
fn unknown(desired: Desired, refusal: &Refusal, findings: &mut Vec<Finding>) -> Change {
    findings.push(desired.unread(refusal));
    Change::Unknown { desired, refusal: refusal.clone() }
}

/// A declared resource that does not exist.
fn absent(
    desired: Desired,
    loaded: &Loaded,
    snapshot: &Snapshot,
    parents: &BTreeMap<Key, Fate>,
    findings: &mut Vec<Finding>,
) -> Change {
    let holders = desired.holes.iter().map(|hole| &hole.key);
    if let Some(fate) = desired.after.iter().chain(holders).find_map(|parent| parents.get(parent)).cloned() {
        return fate.of(desired);
    }
    let remains = desired.remains(snapshot);
    let obstacles = desired.kind.obstacles(&desired, loaded, snapshot);
    let refused = obstacles
        .iter()
        .find(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.message.clone());
    // What is missing for several resources is one mistake, said in the same way whichever comes first.
    for finding in obstacles {
        let is_same = |other: &&mut Finding| other.code == finding.code && other.message == finding.message;
        match findings.iter_mut().find(is_same) {
            Some(other) => other.hint = other.hint.take().min(finding.hint),
            None => findings.push(finding),
        }
    }
    match (refused, remains, loaded.spec.on_soft_deleted) {
        (Some(why), ..) => {
            Change::Refused { fields: creation(&desired), desired, found: LiveMatch::Nothing, why }
        }
        (None, Some(remains), OnSoftDeleted::Restore) => restored(desired, &remains, findings),
        (None, Some(remains), _) => match foreign(&desired, &remains, findings) {
            Some(why) => Change::Refused { desired, found: LiveMatch::Nothing, fields: Vec::new(), why },
            None => Change::Create { desired, purge: Some(remains.id) },
        },
        (None, None, _) => Change::Create { desired, purge: None },
    }
}

/// Every value of a new resource.
fn creation(desired: &Desired) -> Vec<FieldChange> {
    let mut fields = Vec::new();
    for (values, given) in [(&desired.declared, true), (&desired.defaults, false)] {
        for (name, value) in values {
            let path = [name.clone()];
            leaves(desired.kind, &path, value, &mut |path, value, change| {
                let span = given.then(|| desired.span_of(path)).flatten();
                fields.push(FieldChange {
                    path: path.to_vec(),
                    before: Value::Null,
                    after: value.clone(),
                    span,
                    change,
                });
            });
        }
    }
    fields
}

/// A declared resource that is soft-deleted and will be restored.
fn restored(desired: Desired, remains: &Live, findings: &mut Vec<Finding>) -> Change {
    let ours = desired.kind.mark(&remains.body).is_some();
    match compare(desired, remains, findings) {
        Change::Update { desired, fields, adopt, .. } => {
            Change::Restore { desired, fields, mark: adopt || ours }
        }
        Change::Adopt { desired, .. } => Change::Restore { desired, fields: Vec::new(), mark: true },
        Change::NoOp { desired, .. } => Change::Restore { desired, fields: Vec::new(), mark: ours },
        Change::Refused { desired, fields, why, .. } => {
            Change::Refused { desired, found: LiveMatch::Nothing, fields, why }
        }
        other => other,
    }
}

/// The change, or a refusal if Azure has said that it would not accept it.
fn fit(change: Change, snapshot: &Snapshot, findings: &mut Vec<Finding>) -> Change {
    let Change::Update { desired, live, fields, adopt } = change else { return change };
    let problems = desired.kind.unfit(&desired, &fields, snapshot);
    let refused = problems.iter().find(|finding| finding.severity == Severity::Error);
    let refused = refused.map(|finding| finding.message.clone());
    findings.extend(problems);
    match refused {
        Some(why) => Change::Refused { desired, found: LiveMatch::This(Box::new(live)), fields, why },
        None => Change::Update { desired, live, fields, adopt },
    }
}

/// A declared resource that exists.
fn compare(desired: Desired, live: &Live, findings: &mut Vec<Finding>) -> Change {
    let mark = desired.kind.mark(&live.body);
    let there = || LiveMatch::This(Box::new(live.clone()));
    if let Some(why) = foreign(&desired, live, findings) {
        return Change::Refused { desired, found: there(), fields: Vec::new(), why };
    }
    let mut fields = field_changes(desired.kind, &desired.declared, &live.body);
    place(&mut fields, &desired);
    findings.extend(desired.kind.notices(&desired, &live.body));
    let weighed = desired.kind.weigh(&desired, &live.body, &mut fields);
    let (mut refusals, notes): (Vec<Finding>, Vec<Finding>) =
        weighed.into_iter().partition(|finding| finding.severity == Severity::Error);
    findings.extend(notes);
    refusals.extend(fields.iter().filter_map(|change| immutable(change, &desired)));
    if let Some(first) = refusals.first() {
        let why = first.message.clone();
        findings.extend(refusals);
        return Change::Refused { desired, found: there(), fields, why };
    }
    if !fields.is_empty() || desired.resend {
        fields.extend(unshown(desired.kind, &desired.declared, &live.body));
        place(&mut fields, &desired);
    }
    let unmarked = mark.is_none() && desired.kind.takes_mark();
    let adopt = unmarked && desired.adopt;
    if unmarked && !adopt {
        findings.push(not_ours(&desired));
    }
    let live = live.clone();
    match (fields.is_empty(), adopt) {
        (true, false) => Change::NoOp { desired, live },
        (true, true) => Change::Adopt { desired, live },
        (false, adopt) => Change::Update { desired, live, fields, adopt },
    }
}

/// What an owned resource's spec omits and somebody changed since creation, of the defaults that must last. Like other undeclared things it
/// is drift, and stays as it is.
fn omitted(change: &Change, stacks: &[Loaded]) -> Option<(Key, Vec<FieldChange>)> {
    let (desired, live) = match change {
        Change::NoOp { desired, live } | Change::Update { desired, live, .. } => (desired, live),
        Change::Refused { desired, found: LiveMatch::This(live), .. } => (desired, &**live),
        _ => return None,
    };
    let is_owned = desired.kind.mark(&live.body).as_ref() == Some(&desired.stack);
    let is_judged =
        |loaded: &&Loaded| loaded.spec.stack == desired.stack && loaded.spec.unmanaged == Unmanaged::Fail;
    stacks.iter().find(is_judged).filter(|_| is_owned)?;
    let mut fields = field_changes(desired.kind, &desired.defaults, &live.body);
    fields.retain(|change| field(desired.kind, &change.path).is_some_and(|row| row.lasting));
    (!fields.is_empty()).then(|| (desired.key.clone(), fields))
}

/// Records where each field is declared.
fn place(fields: &mut [FieldChange], desired: &Desired) {
    for change in fields {
        change.span = desired.span_of(&change.path);
    }
}

/// Reports a change of a field that Azure never changes, or changes only once.
fn immutable(change: &FieldChange, desired: &Desired) -> Option<Finding> {
    let reason = match change.change {
        Mutability::Never(reason) => reason,
        Mutability::OnceSet(reason) if !change.before.is_null() => reason,
        _ => return None,
    };
    let (name, before, after) = (change.path.join("."), plain(&change.before), plain(&change.after));
    let message = format!("`{name}` of {} cannot change from `{before}` to `{after}`", desired.title);
    let finding = Finding::error(Code::ImmutableField, message).at(change.span.unwrap_or(desired.span));
    Some(
        finding
            .cause(reason)
            .hint(format!("write `{before}`, or declare a new {} under another name", desired.kind.noun())),
    )
}

/// A note that a stack declares a resource that it does not own.
fn not_ours(desired: &Desired) -> Finding {
    let stays = if desired.kind.is_grant() { "revoke" } else { "delete" };
    let message = format!(
        "{} is declared but not owned by the stack: removing the line will not {stays} it",
        desired.title
    );
    let hint = if desired.kind.mark_place(&desired.stack).is_some() {
        "set `adopt: true` to mark it as the stack's"
    } else {
        "its name cannot change: delete it by hand, and the next `apply` creates the stack's own"
    };
    Finding::note(Code::NotOurs, message).at(desired.span).hint(hint)
}

/// A value for messages. The order of a list does not matter and is always the same.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let mut items: Vec<String> = items.iter().map(Value::to_string).collect();
            items.sort();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

//! Declared against live: what would have to change.
//!
//! Pure. Only declared fields are compared; each kind's field table says how. Takes desired resources and a snapshot, gives changes.

mod change;
mod compare;
mod foreign;
mod late;
mod open;
mod passing;
mod strangers;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub use change::Change;
pub use compare::{equal, field, field_changes, values};
use compare::{leaves, unshown};
use foreign::foreign;
pub use late::missing_grants;
use open::{Veiled, double, unresolved};
pub(crate) use passing::spared_by_now;
pub use strangers::Stays;
use strangers::{kept, left_behind, outside, stranger, unread};

use crate::document::{DeclaredList, NamedSecrets};
use crate::finding::{Code, Finding, Severity};
use crate::id::{Key, ResourceId};
use crate::kinds::desired::Desired;
use crate::kinds::{FieldChange, Inventory, KINDS, Kind, Live, Mutability, Verdict, Weight};
use crate::rbac::Catalogue;
use crate::snapshot::{Refusal, Snapshot};
use crate::source::Span;
use crate::spec::Loaded;
use crate::spec::model::{OnSoftDeleted, Prune, Unmanaged};

/// What the comparison gave.
#[derive(Debug, Clone, Default)]
pub struct Diff {
    /// One change for each declared resource and each live one worth naming.
    pub changes: Vec<Change>,
    /// What there is to say about them.
    pub findings: Vec<Finding>,
    /// Lists that could not be read whole.
    pub incomplete: Vec<(ResourceId, Refusal)>,
    /// The accounts of which a stack declares all role assignments.
    pub complete: BTreeSet<ResourceId>,
    /// The lists that the stacks declare.
    pub lists: Vec<DeclaredList>,
    /// The secrets that the stacks name.
    pub secrets: Vec<NamedSecrets>,
}

/// Compares everything that the stacks declare with the snapshot.
///
/// # Panics
///
/// If `desired` was not made from `stacks`: that is a bug.
#[must_use]
pub fn diff(stacks: &[Loaded], desired: Vec<Desired>, snapshot: &Snapshot) -> Diff {
    let inventories: Vec<(&'static dyn Kind, Inventory)> =
        KINDS.iter().map(|kind| (*kind, kind.inventory(stacks, snapshot))).collect();
    let roles = snapshot.roles();
    let domains: Vec<(&Loaded, Domain)> =
        stacks.iter().map(|loaded| (loaded, crate::kinds::domain(&loaded.spec))).collect();
    let inventory = |kind: &dyn Kind| {
        let found = inventories.iter().find(|(each, _)| each.name() == kind.name());
        &found.expect("every desired resource is of a kind in KINDS").1
    };
    let mut diff = Diff {
        complete: crate::kinds::complete(stacks),
        lists: crate::kinds::lists(stacks),
        secrets: crate::kinds::named_secrets(&desired),
        ..Diff::default()
    };
    // What a parent's fate means for its children, by key.
    let mut parents: BTreeMap<Key, Fate> = BTreeMap::new();
    let declared: BTreeSet<Key> = desired.iter().map(|each| each.key.clone()).collect();
    let veiled = Veiled::of(&desired, &inventories);
    let mut seen: BTreeMap<Key, Span> = BTreeMap::new();
    for wanted in desired {
        if let Some(open) = wanted.open.clone() {
            diff.changes.push(unresolved(wanted, open, &mut diff.findings));
            continue;
        }
        if let Some(first) = seen.insert(wanted.key.clone(), wanted.span) {
            diff.changes.push(double(wanted, first, &mut diff.findings));
            continue;
        }
        let inventory = inventory(wanted.kind);
        let loaded = stacks.iter().find(|loaded| loaded.spec.stack == wanted.stack);
        let loaded = loaded.expect("a desired resource names one of the stacks it was made from");
        let change = match inventory.items.get(&wanted.key) {
            // What would be made beside it needs a name of its own.
            Some(live) => match wanted.kind.passing(live, snapshot).filter(|_| live.id != wanted.id) {
                Some(passing) => {
                    diff.findings.push(passing::told(&wanted, live, &passing));
                    absent(wanted, loaded, snapshot, &parents, &mut diff.findings)
                }
                None => fit(compare(wanted, live, &mut diff.findings), snapshot, &mut diff.findings),
            },
            None => match inventory.gap(&wanted.scope) {
                Some(gap) => unknown(wanted, &gap.refusal, &mut diff.findings),
                None => absent(wanted, loaded, snapshot, &parents, &mut diff.findings),
            },
        };
        if let Change::Unknown { desired, refusal } = &change {
            parents.insert(desired.key.clone(), Fate::Unknown(refusal.clone()));
        }
        if let Change::Refused { desired, .. } = &change
            && !inventory.items.contains_key(&desired.key)
        {
            let why = format!("{} is not there and cannot be created", desired.title);
            parents.insert(desired.key.clone(), Fate::Refused(why));
        }
        diff.changes.push(change);
    }
    for (kind, inventory) in &inventories {
        for gap in inventory.gaps.iter().chain(&inventory.partial) {
            diff.incomplete.push((gap.scope.clone(), gap.refusal.clone()));
        }
        let is_told = |change: &Change| matches!(change, Change::Unknown { desired, .. } if desired.kind.name() == kind.name());
        if !diff.changes.iter().any(is_told) {
            diff.findings.extend(inventory.gaps.iter().map(|gap| unread(*kind, gap, stacks)));
        }
        for gap in &inventory.partial {
            let message = format!(
                "the caller may not list the {}s of `{}`: only those of the named groups and accounts were read, and none is deleted on their word",
                kind.noun(),
                gap.scope
            );
            let hint =
                gap.refusal.hint.as_deref().unwrap_or("Reader on the subscription makes the list whole");
            diff.findings
                .push(Finding::warning(Code::IncompleteRead, message).cause(&gap.refusal.message).hint(hint));
        }
        let strangers = inventory.strangers(|key| declared.contains(key));
        // Of what is declared, or was and would go, it matters how long it holds.
        for live in inventory
            .items
            .values()
            .filter(|live| declared.contains(&live.key) || kind.mark(&live.body).is_some())
        {
            let refusal = kind.contradiction(live, snapshot);
            diff.incomplete.extend(refusal.map(|refusal| (live.scope.clone(), refusal)));
        }
        let verdicts = kind.undeclared(&strangers, stacks, snapshot, roles);
        for (live, verdict) in strangers.into_iter().zip(verdicts) {
            let meant = declared.get(&live.key).and_then(|key| inventory.items.get(key));
            let spared = passing::spared(live, meant, snapshot);
            if let Some(change) = undeclared(live, verdict, spared, &domains, inventory, &veiled, roles) {
                diff.findings.extend(kept(&change, inventory, stacks).or_else(|| stranger(&change)));
                diff.changes.push(change);
            }
        }
        diff.findings.extend(kind.remarks(stacks, snapshot));
    }
    diff.findings.extend(left_behind(&diff.changes));
    diff.findings.extend(outside(&diff.changes, stacks));
    let stands = |desired: &Desired| inventory(desired.kind).items.contains_key(&desired.key);
    late::hold_back(&mut diff.changes, stands, &mut diff.findings);
    diff
}

/// What became of a resource on which others stand, where that keeps them from being created.
#[derive(Debug, Clone)]
enum Fate {
    Unknown(Refusal),
    Refused(String),
}

/// A declared resource that could not be read: never a write, never "no changes".
fn unknown(desired: Desired, refusal: &Refusal, findings: &mut Vec<Finding>) -> Change {
    findings.push(desired.unread(refusal));
    Change::Unknown { desired, refusal: refusal.clone() }
}

/// A declared resource that is not there.
fn absent(
    desired: Desired,
    loaded: &Loaded,
    snapshot: &Snapshot,
    parents: &BTreeMap<Key, Fate>,
    findings: &mut Vec<Finding>,
) -> Change {
    let holder = desired.hole.as_ref().map(|hole| &hole.key);
    match desired.after.iter().chain(holder).find_map(|parent| parents.get(parent)).cloned() {
        Some(Fate::Unknown(refusal)) => return Change::Unknown { desired, refusal },
        Some(Fate::Refused(why)) => return Change::Refused { desired, fields: Vec::new(), why },
        None => {}
    }
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
    let remains = desired.kind.remains(&desired, snapshot);
    let obstacles = desired.kind.obstacles(&desired, loaded, snapshot);
    let refused = obstacles
        .iter()
        .find(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.message.clone());
    findings.extend(obstacles);
    match (refused, remains, loaded.spec.on_soft_deleted) {
        (Some(why), ..) => Change::Refused { desired, fields, why },
        (None, Some(remains), OnSoftDeleted::Restore) => restored(desired, &remains, findings),
        (None, Some(remains), _) => match foreign(&desired, &remains, findings) {
            Some(why) => Change::Refused { desired, fields: Vec::new(), why },
            None => Change::Create { desired, fields, purge: Some(remains.id) },
        },
        (None, None, _) => Change::Create { desired, fields, purge: None },
    }
}

/// A declared resource that is soft-deleted and is to be brought back.
fn restored(desired: Desired, remains: &Live, findings: &mut Vec<Finding>) -> Change {
    let ours = desired.kind.mark(&remains.body).is_some();
    match compare(desired, remains, findings) {
        Change::Update { desired, fields, adopt, .. } => {
            Change::Restore { desired, fields, mark: adopt || ours }
        }
        Change::Adopt { desired, .. } => Change::Restore { desired, fields: Vec::new(), mark: true },
        Change::NoOp { desired, .. } => Change::Restore { desired, fields: Vec::new(), mark: ours },
        refused => refused,
    }
}

/// The same, unless Azure has said that it would not take it.
fn fit(change: Change, snapshot: &Snapshot, findings: &mut Vec<Finding>) -> Change {
    let Change::Update { desired, live, fields, adopt } = change else { return change };
    let problems = desired.kind.unfit(&desired, &fields, snapshot);
    let refused = problems.iter().find(|finding| finding.severity == Severity::Error);
    let refused = refused.map(|finding| finding.message.clone());
    findings.extend(problems);
    match refused {
        Some(why) => Change::Refused { desired, fields, why },
        None => Change::Update { desired, live, fields, adopt },
    }
}

/// A declared resource that is there.
fn compare(desired: Desired, live: &Live, findings: &mut Vec<Finding>) -> Change {
    let mark = desired.kind.mark(&live.body);
    if let Some(why) = foreign(&desired, live, findings) {
        return Change::Refused { desired, fields: Vec::new(), why };
    }
    let mut fields = field_changes(desired.kind, &desired.declared, &live.body);
    for change in &mut fields {
        change.span = desired.span_of(&change.path);
    }
    findings.extend(desired.kind.notices(&desired, &live.body));
    let weighed = desired.kind.weigh(&desired, &live.body, &mut fields);
    let (mut refusals, notes): (Vec<Finding>, Vec<Finding>) =
        weighed.into_iter().partition(|finding| finding.severity == Severity::Error);
    findings.extend(notes);
    for change in &fields {
        let reason = match change.change {
            Mutability::Never(reason) => reason,
            Mutability::OnceSet(reason) if !change.before.is_null() => reason,
            _ => continue,
        };
        let name = change.path.join(".");
        let message = format!(
            "`{name}` of {} cannot change from `{}` to `{}`",
            desired.title,
            plain(&change.before),
            plain(&change.after)
        );
        refusals.push(
            Finding::error(Code::ImmutableField, message)
                .at(change.span.unwrap_or(desired.span))
                .cause(reason)
                .hint(format!("write `{}`, or declare another one under a new name", plain(&change.before))),
        );
    }
    if let Some(first) = refusals.first() {
        let why = first.message.clone();
        findings.extend(refusals);
        return Change::Refused { desired, fields, why };
    }
    if !fields.is_empty() || desired.resend {
        fields.extend(unshown(desired.kind, &desired.declared));
        for change in &mut fields {
            change.span = desired.span_of(&change.path);
        }
    }
    let unmarked = mark.is_none() && desired.kind.takes_mark();
    let adopt = unmarked && desired.adopt;
    if unmarked && !adopt {
        let stays = if desired.kind.is_grant() { "revoke" } else { "delete" };
        findings.push(
            Finding::note(
                Code::NotOurs,
                format!("{} is declared, not ours: removing the line will not {stays} it", desired.title),
            )
            .at(desired.span)
            .hint("`adopt: true` marks it as the stack's"),
        );
    }
    let live = live.clone();
    match (fields.is_empty(), adopt) {
        (true, false) => Change::NoOp { desired, live },
        (true, true) => Change::Adopt { desired, live },
        (false, adopt) => Change::Update { desired, live, fields, adopt },
    }
}

/// A value as people write it. The order of a list's elements means nothing and is always the same.
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

const NOBODY_KNOWS: &str = "not declared as far as is known, but a principal is not known";

/// What becomes of something live that no spec declares: ours is deleted, all else is named. None of those goes that may be what is
/// declared and could not be made out.
fn undeclared(
    live: &Live,
    verdict: Verdict,
    spared: Option<(Stays, String)>,
    stacks: &[(&Loaded, Domain)],
    inventory: &Inventory,
    veiled: &Veiled,
    roles: &Catalogue,
) -> Option<Change> {
    let mark = live.kind.mark(&live.body);
    let owner = mark.as_deref().and_then(|mark| stacks.iter().find(|(loaded, _)| loaded.spec.stack == mark));
    let inside = |(_, domain): &&(&Loaded, Domain)| in_domain(domain, live);
    let title = live.kind.title(&live.body, roles);
    let (stays, why) = match (owner, mark) {
        // A list of a whole subscription shows what is none of the stacks' business.
        (None, _) if !stacks.iter().any(|stack| inside(&stack)) => return None,
        (None, _) if veiled.hides(live) => (Stays::Unclear, NOBODY_KNOWS.to_owned()),
        (None, None) => match spared {
            Some((Stays::Twin, why)) => (Stays::Twin, why),
            Some(_) | None => (Stays::Unmarked, "no spec declares it".to_owned()),
        },
        (None, Some(mark)) => {
            (Stays::Foreign, format!("it carries the mark of stack `{mark}`, which is not in this run"))
        }
        (Some(_), _) if let Some(spared) = spared => spared,
        (Some((loaded, _)), _) if loaded.spec.prune == Prune::None => {
            (Stays::Unpruned, "no longer declared, and the stack says `prune: none`".to_owned())
        }
        // However much is read, nothing goes there.
        (Some(owner), _) if !inside(&owner) && !veiled.hides(live) => {
            (Stays::Outside, "it carries the stack's mark outside of its groups and scopes".to_owned())
        }
        (Some(_), _) if inventory.gap_near(&live.scope).is_some() => {
            (Stays::Incomplete, "no longer declared, but the list is incomplete".to_owned())
        }
        (Some(_), _) if veiled.hides(live) => (Stays::Unclear, NOBODY_KNOWS.to_owned()),
        (Some((loaded, _)), _) => {
            return Some(Change::Delete {
                live: live.clone(),
                stack: loaded.spec.stack.clone(),
                span: loaded.document.value_span("/stack"),
                title,
            });
        }
    };
    let Verdict { weight, note } = verdict;
    let place = owner.filter(|(loaded, _)| loaded.spec.unmanaged == Unmanaged::Fail);
    let weight = match (weight, place) {
        // What may be what is declared is no drift; that it is not known is an error by itself.
        _ if veiled.hides(live) => Weight::Listed,
        // A removed line revokes nothing here, and nobody would hear of it again.
        (Weight::Listed, Some((loaded, _))) if stays == Stays::Outside && note.is_none() => {
            Weight::Drift(loaded.document.value_span("/stack"))
        }
        (weight, _) => weight,
    };
    let why = note.iter().fold(why, |why, note| format!("{why}; {note}"));
    Some(Change::Unmanaged { live: live.clone(), stays, why, weight, title })
}

/// What a stack speaks for: the resource groups it names, and its declared scopes.
type Domain = (BTreeSet<ResourceId>, BTreeSet<ResourceId>);

fn in_domain((groups, scopes): &Domain, live: &Live) -> bool {
    groups.iter().any(|group| group.contains(&live.scope)) || scopes.contains(&live.scope)
}

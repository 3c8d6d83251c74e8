//! Live resources that this run does not decide about: declared by stacks that are not selected, left behind by retired stacks, or marked
//! by stacks that are not loaded.
//!
//! Pure.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use super::{Change, Known};
use crate::body::AssignmentBody;
use crate::finding::{Code, Finding};
use crate::id::{Key, ResourceId, trailing_guid};
use crate::kinds::desired::{Desired, resolved};
use crate::kinds::{self, Live};
use crate::snapshot::{Answer, Snapshot};
use crate::spec::{Loaded, unselected};
use crate::text::names::short;

/// What the stacks declare that are loaded but not selected.
#[derive(Debug, Default)]
pub(super) struct Others {
    pub(super) desired: Vec<Desired>,
    /// By kind and what they are on, the grants whose principal is not known, with the role if that is known, and the stack.
    unresolved: BTreeMap<(&'static str, ResourceId), Vec<UnresolvedGrant>>,
}

/// A grant whose principal is not known.
#[derive(Debug)]
struct UnresolvedGrant {
    /// If it is known.
    role: Option<Uuid>,
    stack: String,
    /// Whether its principal is the identity of a resource.
    to_identity: bool,
}

impl Others {
    pub(super) fn of(stacks: &[Loaded], snapshot: &Snapshot) -> Self {
        let mut others = Self { desired: resolved(unselected(stacks), snapshot), ..Self::default() };
        let absent: LazyCell<BTreeSet<&ResourceId>, _> = LazyCell::new(|| {
            let absent = snapshot.answers().filter(|(.., answer)| matches!(answer, Answer::Absent { .. }));
            absent.map(|(_, scope, _)| scope).collect()
        });
        for each in others.desired.iter().filter(|each| each.kind.is_grant()) {
            let hole = each.principal_hole();
            // What does not exist has no role yet.
            let is_vague = each.open.is_some() || hole.is_some_and(|hole| !absent.contains(&hole.holder));
            if is_vague {
                let role = each.declared.get("roleDefinitionId").and_then(Value::as_str);
                let place = (each.kind.name(), each.kind.applies_to(&each.id));
                others.unresolved.entry(place).or_default().push(UnresolvedGrant {
                    role: role.and_then(trailing_guid),
                    stack: each.stack.clone(),
                    to_identity: hole.is_some(),
                });
            }
        }
        others
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.desired.iter().filter(|each| each.open.is_none()).map(|each| each.key.clone())
    }

    /// The stack that may declare a live role assignment, for a principal that is not known.
    pub(super) fn may_declare(&self, live: &Live) -> Option<&str> {
        let there = self.unresolved.get(&(live.kind.name(), live.kind.applies_to(&live.id)))?;
        let body = AssignmentBody::of(&live.body);
        let (role, holder) = (body.role(), body.principal_type());
        let is_person = holder
            .is_some_and(|holder| ["User", "Group"].iter().any(|each| each.eq_ignore_ascii_case(holder)));
        let may_be = |declared: &&UnresolvedGrant| {
            (declared.role.is_none() || declared.role == role) && !(declared.to_identity && is_person)
        };
        there.iter().find(may_be).map(|declared| declared.stack.as_str())
    }
}

/// What the specs of retired stacks declare and the stacks do not own, which stays, and findings about it. What has the mark of another
/// stack, and no other spec declares, is an error: most likely the retired stack was renamed, and all of it would stay unseen.
pub(super) fn left_by_retired(
    changes: &[Change],
    declared: impl Fn(&Key) -> bool,
    known: &Known<'_>,
) -> (BTreeSet<Key>, Vec<Finding>) {
    let gone: Vec<&ResourceId> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Delete { live, .. } if !live.kind.is_grant() => Some(&live.id),
            _ => None,
        })
        .collect();
    let (mut keys, mut findings) = (BTreeSet::new(), Vec::new());
    for loaded in known.stacks {
        let Some(former) = loaded.retired.as_deref() else { continue };
        let desired = resolved(std::slice::from_ref(former), known.snapshot);
        let live = |each: &Desired| {
            let live = known.inventory(each.kind).items.get(&each.key);
            live.filter(|live| !gone.iter().any(|gone| gone.contains(&live.scope)))
        };
        let mark = |each: &Desired| live(each).and_then(|live| each.kind.mark(&live.body));
        let others = desired.iter().filter(|each| !declared(&each.key));
        let foreign: Vec<(String, &Desired)> = others
            .filter_map(|each| Some((mark(each).filter(|mark| *mark != loaded.spec.stack)?, each)))
            .collect();
        findings.extend(renamed(&foreign, loaded));
        let left: Vec<&Desired> =
            desired.iter().filter(|each| live(each).is_some() && mark(each).is_none()).collect();
        keys.extend(left.iter().chain(foreign.iter().map(|(_, each)| each)).map(|each| each.key.clone()));
        let titles: BTreeSet<&str> = left.iter().map(|each| each.title.as_str()).collect();
        let (resources, declares, stay) = match titles.len() {
            0 => continue,
            1 => ("1 resource".to_owned(), "declares does", "stays"),
            count => (format!("{count} resources"), "declares do", "stay"),
        };
        let message = format!(
            "{resources} that the spec of retired stack `{}` {declares} not carry its mark and {stay}: {}",
            loaded.spec.stack,
            some(&titles)
        );
        let hint = "delete by hand what nobody needs; with `adopt: true`, an `apply` makes it the stack's own before the stack is retired";
        let span = loaded.document.value_span("/stack");
        findings.push(Finding::warning(Code::NotOurs, message).at(span).hint(hint));
    }
    (keys, findings)
}

/// An error about what the spec of a retired stack declares and what has the mark of another stack.
fn renamed(foreign: &[(String, &Desired)], loaded: &Loaded) -> Option<Finding> {
    let marks: BTreeSet<String> = foreign.iter().map(|(mark, _)| format!("`{}`", short(mark))).collect();
    let titles: BTreeSet<&str> = foreign.iter().map(|(_, each)| each.title.as_str()).collect();
    let stack = &loaded.spec.stack;
    let (resources, carry) = match titles.len() {
        0 => return None,
        1 => ("1 resource".to_owned(), "declares carries"),
        count => (format!("{count} resources"), "declares carry"),
    };
    let message = format!(
        "{resources} that the spec of retired stack `{stack}` {carry} the mark of another stack, {}, and would stay: {}",
        marks.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", "),
        some(&titles)
    );
    let hint = "if the stack was renamed, write its old name as `stack:` and retire that; else remove from the spec what is not the stack's";
    Some(Finding::error(Code::ForeignMark, message).at(loaded.document.value_span("/stack")).hint(hint))
}

/// What stacks of the run own and a stack that is not selected declares: its lines were moved, and it stays as it is. A warning for each two
/// stacks.
pub(super) fn moved(changes: &[Change], others: &Others, known: &Known<'_>) -> Vec<Finding> {
    let declared: BTreeSet<&Key> = changes.iter().filter_map(Change::desired).map(|each| &each.key).collect();
    let is_here = |stack: &String| known.stacks.iter().any(|loaded| loaded.spec.stack == *stack);
    let mut moved: BTreeMap<(String, &str), Vec<&Desired>> = BTreeMap::new();
    for each in others.desired.iter().filter(|each| each.open.is_none() && !declared.contains(&each.key)) {
        let live = known.inventory(each.kind).items.get(&each.key);
        if let Some(owner) = live.and_then(|live| each.kind.mark(&live.body)).filter(is_here) {
            moved.entry((owner, each.stack.as_str())).or_default().push(each);
        }
    }
    let told = |((owner, stack), moved): ((String, &str), Vec<&Desired>)| {
        let titles: BTreeSet<&str> = moved.iter().map(|each| each.title.as_str()).collect();
        let (resources, carry) = match titles.len() {
            1 => ("1 resource".to_owned(), "carries"),
            count => (format!("{count} resources"), "carry"),
        };
        let message = format!(
            "{resources} that stack `{stack}` declares, which is not selected in this run, {carry} the mark of stack `{owner}`, and nothing is changed there: {}",
            some(&titles)
        );
        let hint = format!(
            "if the lines were moved, select `{stack}` too: it says how it takes over what `{owner}` owns"
        );
        let span = moved.iter().map(|each| each.span).min();
        let finding = Finding::warning(Code::ForeignMark, message).hint(hint);
        Finding { span, ..finding }
    };
    moved.into_iter().map(told).collect()
}

/// Some of these titles, and how many there are besides.
fn some(titles: &BTreeSet<&str>) -> String {
    let mut named: Vec<String> = titles.iter().take(SHOWN).map(|title| (*title).to_owned()).collect();
    named.extend((titles.len() > SHOWN).then(|| format!("{} more", titles.len() - SHOWN)));
    named.join(", ")
}

/// A note about resources with marks of stacks that are not loaded, outside of what the specs of this run cover: somebody may have removed
/// a spec without retiring its stack.
pub(super) fn elsewhere(changes: &[Change], stacks: &[Loaded], snapshot: &Snapshot) -> Option<Finding> {
    let known: BTreeSet<&str> =
        stacks.iter().chain(unselected(stacks)).map(|loaded| loaded.spec.stack.as_str()).collect();
    // A live resource need not have the id that keyless would give it.
    let ids = |change| {
        let (live, desired) = (Change::live(change), Change::desired(change));
        live.map(|live| &live.id).into_iter().chain(desired.map(|desired| &desired.id))
    };
    // Mostly nobody asks: no mark is of another stack.
    let told: LazyCell<BTreeSet<&ResourceId>, _> = LazyCell::new(|| changes.iter().flat_map(ids).collect());
    let mut marked: BTreeMap<String, BTreeSet<ResourceId>> = BTreeMap::new();
    for body in snapshot.bodies().filter(|body| may_be_marked(body)) {
        let Some(id) = body["id"].as_str().and_then(|id| ResourceId::parse(id).ok()) else { continue };
        let mark = kinds::by_id(&id).and_then(|kind| kind.mark(body));
        if let Some(mark) = mark.filter(|mark| !known.contains(mark.as_str()) && !told.contains(&id)) {
            marked.entry(mark).or_default().insert(id);
        }
    }
    let (resources, belong) = match marked.values().map(BTreeSet::len).sum() {
        0 => return None,
        1 => ("1 resource elsewhere".to_owned(), "belongs to a stack that is"),
        count => (format!("{count} resources elsewhere"), "belong to stacks that are"),
    };
    let mut names: Vec<String> =
        marked.iter().take(SHOWN).map(|(stack, ids)| format!("`{}` ({})", short(stack), ids.len())).collect();
    names.extend((marked.len() > SHOWN).then(|| format!("{} more", marked.len() - SHOWN)));
    let message = format!("{resources} {belong} not loaded: {}", names.join(", "));
    let hint = "expected if their specs are applied elsewhere; if a spec was removed, pass it again with `keyless apply --retire STACK`";
    Some(Finding::note(Code::Unmanaged, message).hint(hint))
}

/// A quick look before an id is parsed: most of many thousand bodies carry no mark.
fn may_be_marked(body: &Value) -> bool {
    body["tags"].as_object().is_some_and(|tags| !tags.is_empty())
        || AssignmentBody::of(body).description().is_some_and(|text| text.contains("[keyless:"))
}

/// How many names a finding lists.
const SHOWN: usize = 5;

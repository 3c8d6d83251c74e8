//! Detects what no plan made by keyless says: the file was edited, or is from another version.
//!
//! Pure. No text in the file vouches for another one; ids, kinds, fields and fingerprints are checked against each other.

use std::collections::BTreeSet;

use crate::diff::field;
use crate::document::{
    Action, FieldEntry, HoleEntry, Mark, PlannedChange, Property, TakenEntry, dotted_path,
};
use crate::id::{ResourceId, hyphenated_guid};
use crate::kinds::{self, Compare, Kind, late, shown, undeclarable};
use crate::spec::is_stack_name;
use crate::spec::late::{LateReference, LateSubject};
use crate::text::json::contains;

/// No field is nested deeper; this bounds the tree built from a path.
const DEEPEST: usize = 12;

/// The first flawed change, and its flaw.
pub(super) fn find(changes: &[PlannedChange]) -> Option<(usize, String)> {
    let deep = changes.iter().enumerate().find_map(|(index, change)| Some((index, too_deep(change)?)));
    if deep.is_some() {
        return deep;
    }
    let mut written: BTreeSet<ResourceId> = BTreeSet::new();
    for (index, change) in changes.iter().enumerate().filter(|(_, change)| change.action.writes()) {
        let Ok(id) = ResourceId::parse(&change.id) else {
            return Some((index, "this is not the id of a resource".to_owned()));
        };
        if id.as_str() != change.id {
            return Some((index, "this is not the id of a resource as a plan writes it".to_owned()));
        }
        if !written.insert(id) {
            return Some((index, "two changes write this resource".to_owned()));
        }
    }
    changes.iter().enumerate().find_map(|(index, change)| Some((index, flaw(change, &written)?)))
}

fn too_deep(change: &PlannedChange) -> Option<String> {
    let field = change.fields.iter().find(|field| field.path.len() > DEEPEST)?;
    let (path, names) = (shown(&field.path), field.path.len());
    Some(format!("field `{path}` lies {names} names deep, and no field does that"))
}

fn flaw(change: &PlannedChange, written: &BTreeSet<ResourceId>) -> Option<String> {
    let Some(kind) = kinds::by_name(&change.kind) else {
        return Some(format!("`{}` is not a kind of resource that this version knows", change.kind));
    };
    if !change.action.writes() {
        let says_what_to_write = change.mark.is_some()
            || change.purge.is_some()
            || change.base.is_some()
            || !(change.holes.is_empty() && change.taken.is_empty() && change.after.is_empty())
            || !(change.fields.is_empty() || change.action == Action::Refused);
        return says_what_to_write.then(|| "it writes nothing, and says what to write".to_owned());
    }
    let id = ResourceId::parse(&change.id).ok()?;
    of_target(kind, &id)
        .or_else(|| of_action(kind, &id, change))
        .or_else(|| of_fields(kind, change))
        .or_else(|| undeclarable(kind, &change.patch()))
        .or_else(|| kind.misfit(&id, change))
        .or_else(|| of_references(change))
        .or_else(|| change.holes.iter().find_map(|hole| of_hole(kind, hole, change, written)))
        .or_else(|| change.taken.iter().find_map(|taken| of_taken(taken, change)))
        .or_else(|| change.after.iter().find_map(|other| of_after(other, &id, written)))
}

/// The target's type must be that of its kind, directly in its group.
fn of_target(kind: &dyn Kind, id: &ResourceId) -> Option<String> {
    let is_named = !kind.is_grant() || hyphenated_guid(id.name()).is_some();
    let is_placed = kind.granting().is_some() || id.group().is_some_and(|group| group == id.scope());
    (!kinds::is_of(kind, id) || !is_named || !is_placed)
        .then(|| format!("the id is not one of kind `{}`", kind.name()))
}

/// Each action must have what it needs and nothing that belongs to another action.
fn of_action(kind: &dyn Kind, id: &ResourceId, change: &PlannedChange) -> Option<String> {
    let no = |flaw: &str| Some(flaw.to_owned());
    if !change.stack.as_deref().is_some_and(is_stack_name) {
        return no("it does not name its stack");
    }
    let starts_from_live = matches!(change.action, Action::Update | Action::Delete | Action::Adopt);
    if change.base.as_deref().is_some_and(is_fingerprint) != starts_from_live
        || change.base.is_some() != starts_from_live
    {
        return no("it has no base fingerprint");
    }
    let marked = match change.action {
        Action::Create | Action::Adopt => change.mark == Some(Mark::Added),
        Action::Delete => change.mark.is_none(),
        Action::Restore => change.mark != Some(Mark::Kept),
        _ => true,
    };
    if !marked || (change.action == Action::Delete && !kind.takes_mark()) {
        return no("its mark does not fit its action");
    }
    let fields = match change.action {
        Action::Delete | Action::Adopt => change.fields.is_empty(),
        Action::Update => !change.fields.is_empty(),
        _ => true,
    };
    if !fields {
        return no("its fields do not fit its action");
    }
    if let Some(purge) = &change.purge {
        let fits = change.action == Action::Create
            && ResourceId::parse(purge).is_ok_and(|read| {
                read.as_str() == purge
                    && kind.soft_deleting().is_some_and(|kind| kind.leaves_behind(id, &read))
            });
        if !fits {
            return Some(format!("`{purge}` is not the id of its soft-deleted resource"));
        }
    }
    let whole = |hole: &HoleEntry| hole.reference.is_none();
    let fits = match change.action {
        Action::Create => true,
        Action::Update => !change.holes.iter().any(whole),
        _ => change.holes.is_empty(),
    };
    (!fits).then(|| "only a created resource can take a value from another one".to_owned())
}

fn is_fingerprint(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|c| c.is_ascii_hexdigit()))
}

/// No field may be set twice or inside another, and none that identifies the resource may change.
fn of_fields(kind: &dyn Kind, change: &PlannedChange) -> Option<String> {
    // ARM ignores the case of names: two spellings are the same field.
    let folded = |field: &FieldEntry| field.path.iter().map(|name| name.to_lowercase()).collect();
    let mut paths: Vec<(Vec<String>, &[String])> =
        change.fields.iter().map(|field| (folded(field), field.path.as_slice())).collect();
    paths.sort();
    if paths.first().is_some_and(|(path, _)| path.is_empty()) {
        return Some("a field has no name".to_owned());
    }
    if let Some(pair) = paths.windows(2).find(|pair| pair[1].0.starts_with(&pair[0].0)) {
        return Some(format!("field `{}` is set twice, or inside another", shown(pair[1].1)));
    }
    let is_mark = |path: &[String]| matches!(path, [tags, name] if tags == "tags" && name.eq_ignore_ascii_case(kinds::MARK));
    if change.fields.iter().any(|field| is_mark(&field.path)) {
        return Some(format!("tag `{}` is keyless's own mark, which no spec can set", kinds::MARK));
    }
    let is_identity = |entry: &&FieldEntry| {
        field(kind, &entry.path).is_some_and(|field| field.compare == Compare::Identity)
    };
    let changed = change.fields.iter().filter(|_| change.action == Action::Update).find(is_identity);
    changed.map(|entry| format!("`{}` identifies the resource and cannot change", shown(&entry.path)))
}

/// A reference to a value without a hole would be sent as it is.
fn of_references(change: &PlannedChange) -> Option<String> {
    let found = late::references(&change.patch());
    let is_open = |(path, source): &&(Vec<String>, String)| {
        let field = dotted_path(path);
        !change.holes.iter().any(|hole| hole.field == field && hole.reference.as_ref() == Some(source))
    };
    let open = found.iter().find(is_open);
    open.map(|(_, source)| format!("it does not say where the value of `{source}` comes from"))
}

fn of_hole(
    kind: &dyn Kind,
    hole: &HoleEntry,
    change: &PlannedChange,
    written: &BTreeSet<ResourceId>,
) -> Option<String> {
    let no_field =
        || Some(format!("`{}` is not a field that can take a value from another resource", hole.field));
    let unwritten = || format!("the plan does not write `{}`, whose value it needs", hole.resource);
    let Ok(resource) = ResourceId::parse(&hole.resource) else { return Some(unwritten()) };
    if let Some(reference) = &hole.reference {
        let there = late::references(&change.patch());
        let is_there =
            there.iter().any(|(path, source)| dotted_path(path) == hole.field && source == reference);
        let read = LateReference::read(reference).filter(|read| read.property == hole.property);
        let is_named = |name: &str, id: &ResourceId| id.name().eq_ignore_ascii_case(name);
        let is_of = |collection: &str| kinds::by_id(&resource).is_some_and(|kind| kind.name() == collection);
        let fits = match read.map(|read| read.subject) {
            Some(LateSubject::Account(name)) => is_of("accounts") && is_named(name, &resource),
            Some(LateSubject::Project { account, project }) => {
                let holder = resource.parent().is_some_and(|holder| is_named(account, &holder));
                is_of("projects") && is_named(project, &resource) && holder
            }
            Some(LateSubject::Principal) | None => false,
        };
        if !is_there || !fits {
            return no_field();
        }
        return (!written.contains(&resource)).then(unwritten);
    }
    let says =
        |name: &str| change.fields.iter().any(|field| field.path.first().is_some_and(|first| first == name));
    let takes =
        kind.takes_principal() && hole.field == "principalId" && hole.property == Property::PrincipalId;
    if !takes || says(&hole.field) || change.holes.iter().filter(|hole| hole.reference.is_none()).count() > 1
    {
        return no_field();
    }
    let known =
        written.contains(&resource) && kinds::by_id(&resource).is_some_and(kinds::Described::takes_identity);
    (!known).then(|| format!("the plan does not write `{}`, whose identity it needs", hole.resource))
}

/// A value of another resource must be in a field.
fn of_taken(taken: &TakenEntry, change: &PlannedChange) -> Option<String> {
    let is_id = ResourceId::parse(&taken.resource).is_ok();
    let is_there = change.fields.iter().any(|field| contains(&field.after, &taken.value));
    let fits = is_id && is_there && !taken.value.is_empty();
    (!fits).then(|| format!("no field has the value that it takes from `{}`", taken.resource))
}

fn of_after(other: &str, id: &ResourceId, written: &BTreeSet<ResourceId>) -> Option<String> {
    let known = ResourceId::parse(other).is_ok_and(|other| other != *id && written.contains(&other));
    (!known).then(|| format!("it waits for `{other}`, which is not another change of the plan"))
}

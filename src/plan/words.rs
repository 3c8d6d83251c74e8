//! Titles and reasons of changes, derived only from what they write.
//!
//! Pure. New and saved plans use the same words; those in a file are not trusted.

use crate::document::{Action, Mark, PlannedChange};
use crate::id::ResourceId;
use crate::kinds::{self, Called, Kind};
use crate::principals::Names;
use crate::rbac::Catalogue;
use serde_json::Value;

/// The reason for a change.
pub(super) fn reason(change: &PlannedChange) -> Option<String> {
    let stack = change.stack.as_deref().unwrap_or("?");
    match (change.action, change.mark) {
        (Action::Create, _) if change.purge.is_some() => {
            Some("a soft-deleted one of this name is permanently purged first".to_owned())
        }
        (Action::Restore, _) => {
            Some("Azure restores it with its old settings, then keyless writes what is declared".to_owned())
        }
        (Action::Adopt, _) => Some("it only gets the stack's mark".to_owned()),
        (Action::Update, Some(Mark::Added)) => Some("it also gets the stack's mark".to_owned()),
        (Action::Delete, _) => Some(format!("owned by stack `{stack}`, which no longer declares it")),
        _ => None,
    }
}

/// The title of a change, from its live resource if known, otherwise from its id and fields.
pub(super) fn title(change: &PlannedChange, live: Option<&Value>, roles: &Catalogue) -> Option<String> {
    let (kind, id) = (kinds::by_name(&change.kind)?, ResourceId::parse(&change.id).ok()?);
    Some(match live.filter(|_| kind.is_grant()) {
        Some(body) => kind.title(body, &Called { roles, names: &Names::new() }),
        None => kind.planned_title(&id, change, roles),
    })
}

/// Gives a change its derived title; an earlier title that says more becomes hearsay.
pub(super) fn rename(change: &mut PlannedChange, live: Option<&Value>, roles: &Catalogue) {
    let Some(title) = title(change, live, roles) else { return };
    let claimed = change.called.take().unwrap_or_else(|| std::mem::take(&mut change.title));
    change.called = (claimed != title).then_some(claimed);
    change.title = title;
}

/// The kind and id of a change that writes.
pub(super) fn subject(change: &PlannedChange) -> Option<(&'static dyn Kind, ResourceId)> {
    Some((kinds::by_name(&change.kind)?, ResourceId::parse(&change.id).ok()?))
}

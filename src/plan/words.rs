//! What changes that write are called and why they are made, said by what they write and by nothing else.
//!
//! Pure. A plan that is made and one that is read from a file speak with the same words; the file's own are not believed.

use crate::document::{Action, Mark, PlannedChange};
use crate::id::ResourceId;
use crate::kinds::{self, Called, Kind};
use crate::principals::Names;
use crate::rbac::Catalogue;
use serde_json::Value;

/// Why something is written.
pub(super) fn reason(change: &PlannedChange) -> Option<String> {
    let stack = change.stack.as_deref().unwrap_or("?");
    match (change.action, change.mark) {
        (Action::Create, _) if change.purge.is_some() => {
            Some("a soft-deleted one of this name is purged first, for good".to_owned())
        }
        (Action::Restore, _) => {
            Some("Azure brings it back as it was deleted, then what is declared is written".to_owned())
        }
        (Action::Adopt, _) => Some("it gets the stack's mark, nothing else".to_owned()),
        (Action::Update, Some(Mark::Added)) => Some("it gets the stack's mark too".to_owned()),
        (Action::Delete, _) => {
            Some(format!("it carries the mark of stack `{stack}`, which no longer declares it"))
        }
        _ => None,
    }
}

/// How people name what a change writes; with the live resource, if that is known, and else by its id and fields.
pub(super) fn title(change: &PlannedChange, live: Option<&Value>, roles: &Catalogue) -> Option<String> {
    let (kind, id) = (kinds::by_name(&change.kind)?, ResourceId::parse(&change.id).ok()?);
    Some(match live.filter(|_| kind.is_grant()) {
        Some(body) => kind.title(body, &Called { roles, names: &Names::new() }),
        None => kind.told(&id, change, roles),
    })
}

/// Calls a change by what it writes; what it was called before, if that says more, becomes hearsay.
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

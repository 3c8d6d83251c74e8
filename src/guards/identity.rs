//! User-assigned identities that would be newly attached to a live account, or to something in one.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Objection, Rule};
use crate::body::user_assigned;
use crate::id::ResourceId;
use crate::plan::predict::World;

pub(super) fn objections(before: &World, after: &World) -> Vec<Objection> {
    let mut objections = Vec::new();
    for (id, new) in &after.resources {
        // Whoever has rights in a live account can use what stands in it, including new resources.
        let account = id.up_to("accounts").filter(|account| account != id);
        let (known, whose) = match (before.resource(id), account) {
            (Some(old), _) => (attached(old), format!("`{}`", id.name())),
            (None, Some(account)) if before.resource(&account).is_some() => {
                (BTreeSet::new(), format!("new `{}` of live account `{}`", id.name(), account.name()))
            }
            _ => continue,
        };
        for identity in attached(new).difference(&known) {
            let message = format!(
                "the plan attaches user-assigned identity `{identity}` to {whose}: it gets the roles of that identity"
            );
            objections.push(Objection::at(Rule::Identity, id, message));
        }
    }
    objections
}

/// The user-assigned identities of a resource, even if its `type` disables them: another change of the type enables them.
fn attached(body: &Value) -> BTreeSet<ResourceId> {
    user_assigned(body).filter_map(|(id, _)| ResourceId::parse(id).ok()).collect()
}

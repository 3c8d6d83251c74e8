//! Who is in the directory: applications, users, groups and who is in them.
//!
//! Unless strict, every caller is added. Tests add principals with `/_sandbox/directory`, see `admin`.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::sandbox::http::{Caller, base64url};
use crate::sandbox::state::{OWNER, Principal, World, derived_id};

/// An application's principal.
pub(crate) fn by_app_id<'w>(world: &'w World, app_id: &str) -> Option<(&'w str, &'w Principal)> {
    let found = world.state.principals.iter().find(|(_, principal)| {
        principal.app_id.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(app_id))
    });
    found.map(|(id, principal)| (id.as_str(), principal))
}

/// Unless strict, adds every caller to the directory: a token may be older than this sandbox.
pub(crate) fn remember_caller(world: &mut World, caller: &Caller) {
    if world.strict || caller.object_id == OWNER {
        return;
    }
    world.state.principals.insert_if_absent(caller.object_id.to_lowercase(), || {
        if caller.kind == "User" {
            let name = caller.name.split('@').next().unwrap_or(&caller.name);
            Principal { upn: Some(caller.name.clone()), ..Principal::new("User", name) }
        } else {
            let name = format!("app-{}", caller.name.get(..8).unwrap_or(&caller.name));
            Principal { app_id: Some(caller.name.clone()), ..Principal::new("ServicePrincipal", &name) }
        }
    });
}

/// Groups of a principal, direct and transitive.
pub(crate) fn groups_of(world: &World, id: &str) -> Vec<String> {
    let mut found: Vec<String> = vec![id.to_lowercase()];
    let mut next = 0;
    while let Some(member) = found.get(next).cloned() {
        for (group, principal) in world.state.principals.iter() {
            if !found.contains(group)
                && principal.members.iter().any(|known| known.eq_ignore_ascii_case(&member))
            {
                found.push(group.clone());
            }
        }
        next += 1;
    }
    found.split_off(1)
}

/// Members of a group: its own, or those of nested groups too. Each once, in the order in which they are met.
pub(crate) fn members_of(world: &World, group: &str, nested: bool) -> Vec<String> {
    let of = |id: &str| {
        let members = world.state.principals.get(id).map(|principal| principal.members.as_slice());
        members.unwrap_or_default().iter().map(|member| member.to_lowercase()).collect::<Vec<String>>()
    };
    let mut found: Vec<String> = vec![group.to_lowercase()];
    let mut next = 0;
    while let Some(holder) = found.get(next).cloned().filter(|_| nested || next == 0) {
        for member in of(&holder) {
            if !found.contains(&member) {
                found.push(member);
            }
        }
        next += 1;
    }
    found.split_off(1)
}

/// Object id of a user that was created without one.
pub(crate) fn user_id(upn: &str) -> Uuid {
    derived_id(&format!("user:{}", upn.to_lowercase()))
}

/// Object id of a group that was created without one.
pub(crate) fn group_id(name: &str) -> Uuid {
    derived_id(&format!("group:{}", name.to_lowercase()))
}

/// The hash under which a secret is stored.
pub(crate) fn hashed(secret: &str) -> String {
    base64url::encode(&Sha256::digest(secret.as_bytes()))
}

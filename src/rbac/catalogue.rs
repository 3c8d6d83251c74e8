//! The roles that a run knows: built-in ones, and those that Azure listed for its subscriptions.
//!
//! Pure. Made from bodies in ARM shape, so that anything that judges live state can make one without queries.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Permission, Role, by_id, by_name};
use crate::id::trailing_guid;

/// Roles by GUID; built-in ones need not be included.
#[derive(Debug, Clone, Default)]
pub struct Catalogue(BTreeMap<Uuid, Role>);

/// The roles that a name matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// One role.
    One(Uuid),
    /// No role that is known here.
    Unknown,
    /// Several custom roles, by GUID.
    Several(Vec<Uuid>),
}

impl Catalogue {
    /// Collects the role definitions among bodies of any type.
    pub fn of<'a, B: Borrow<Value> + 'a>(bodies: impl Iterator<Item = &'a B>) -> Self {
        Self(bodies.map(Borrow::borrow).filter_map(role).map(|role| (role.id, role)).collect())
    }

    /// Finds a role by GUID. Azure's definition of a built-in role takes precedence over this version's.
    #[must_use]
    pub fn by_id(&self, id: Uuid) -> Option<&Role> {
        self.0.get(&id).or_else(|| by_id(id))
    }

    /// The roles with a name. A former name of a built-in role counts if no role has that name now.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Named {
        let mut found: Vec<Uuid> =
            self.0.values().filter(|role| role.is_called(name)).map(|role| role.id).collect();
        if let (true, Some(role)) = (found.is_empty(), by_name(name)) {
            found.push(role.id);
        }
        match found.as_slice() {
            [] => Named::Unknown,
            [id] => Named::One(*id),
            _ => Named::Several(found),
        }
    }

    /// A role's display name, or its GUID.
    #[must_use]
    pub fn display_name(&self, id: Uuid) -> String {
        self.by_id(id).map_or_else(|| id.to_string(), |role| role.name.clone())
    }

    /// Every name of every role.
    pub fn names<'a>(&'a self) -> impl Iterator<Item = &'a str> {
        let builtin = super::builtin_names().map(|name| -> &'a str { name });
        self.0.values().flat_map(Role::names).chain(builtin)
    }
}

/// Keeps only the parts of a role definition that a catalogue uses: Azure lists over a thousand.
#[must_use]
pub fn project(mut body: Value) -> Value {
    let mut take = |pointer| body.pointer_mut(pointer).map(Value::take);
    json!({
        "id": take("/id"),
        "properties": {
            "roleName": take("/properties/roleName"),
            "permissions": take("/properties/permissions"),
        },
    })
}

fn role(body: &Value) -> Option<Role> {
    let id = body["id"].as_str()?;
    let mut segments = id.rsplit('/').skip(1);
    let is = |segment: Option<&str>, name| segment.is_some_and(|segment| segment.eq_ignore_ascii_case(name));
    if !is(segments.next(), "roleDefinitions") || !is(segments.next(), "Microsoft.Authorization") {
        return None;
    }
    let properties = &body["properties"];
    // Unreadable permissions leave the role unknown, since it must not look harmless.
    let mut permissions = Vec::<Permission>::deserialize(&properties["permissions"]).ok()?;
    let id = trailing_guid(id)?;
    conditioned(id, &mut permissions);
    Some(Role {
        id,
        name: properties["roleName"].as_str()?.to_owned(),
        other_names: Vec::new(),
        permissions,
        inference: OnceLock::new(),
    })
}

/// Adds the documented conditions of a built-in role, which this api-version does not show. A role for which Azure lists other actions than
/// this version knows is treated as a different role.
fn conditioned(id: Uuid, permissions: &mut [Permission]) {
    let sorted = |actions: &[String]| {
        let mut actions: Vec<String> = actions.iter().map(|action| action.to_ascii_lowercase()).collect();
        actions.sort();
        actions
    };
    let (Some(known), [permission]) = (by_id(id), permissions) else { return };
    if let [documented] = known.permissions.as_slice()
        && documented.condition.is_some()
        && permission.condition.is_none()
        && sorted(&permission.actions) == sorted(&documented.actions)
    {
        permission.condition.clone_from(&documented.condition);
        permission.condition_version.clone_from(&documented.condition_version);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(id: u128, name: &str, permissions: &Value) -> Value {
        let id = Uuid::from_u128(id);
        json!({
            "id": format!("/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{id}"),
            "properties": {"roleName": name, "permissions": permissions},
        })
    }

    #[test]
    fn each_permission_excludes_for_itself_alone() {
        let chat = "Microsoft.CognitiveServices/accounts/OpenAI/*";
        let bodies = [
            body(1, "Caller", &json!([{"actions": [], "dataActions": [chat], "notDataActions": ["*/read"]}])),
            body(2, "Giver", &json!([{"actions": ["*"], "notActions": ["Microsoft.Authorization/*/write"]}])),
            body(
                3,
                "Both",
                &json!([
                    {"actions": ["*"], "notActions": ["Microsoft.Authorization/*"]},
                    {"actions": ["Microsoft.Authorization/roleAssignments/*"]},
                ]),
            ),
        ];
        let catalogue = Catalogue::of(bodies.iter());
        let role = |id| catalogue.by_id(Uuid::from_u128(id)).unwrap();
        assert!(
            role(1).gives_inference() && !role(1).can(crate::rbac::powers::WRITE) && !role(1).can_grant()
        );
        assert!(
            !role(2).gives_inference() && role(2).can(crate::rbac::powers::WRITE) && !role(2).can_grant()
        );
        assert!(role(3).can(crate::rbac::powers::WRITE) && role(3).can_grant());
    }

    #[test]
    fn a_name_is_one_role_or_none_or_an_honest_several() {
        let bodies = [
            body(1, "Chat Callers", &json!([])),
            body(2, "Twice", &json!([])),
            body(3, "twice", &json!([])),
            json!({"id": "/subscriptions/s/resourceGroups/rg", "properties": {"roleName": "no role"}}),
            json!({"id": 7}),
            body(4, "Unreadable", &json!("*")),
        ];
        let catalogue = Catalogue::of(bodies.iter());
        assert_eq!(catalogue.by_name("chat callers"), Named::One(Uuid::from_u128(1)));
        assert_eq!(catalogue.by_name("no role"), Named::Unknown);
        assert_eq!(catalogue.by_name("TWICE"), Named::Several(vec![Uuid::from_u128(2), Uuid::from_u128(3)]));
        assert_eq!(catalogue.by_name("Reader"), Named::One(by_name("Reader").unwrap().id));
        assert!(catalogue.by_id(Uuid::from_u128(4)).is_none());
    }
}

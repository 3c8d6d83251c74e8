//! Microsoft.Authorization/roleDefinitions and permissions: built-in roles, custom roles.
//!
//! The built-in ones are the 873 in `src/rbac/builtin.txt`, with ids and actions as Azure has them and descriptions of ours. The
//! product reads the same facts; a test compares them with what Azure listed. An id is written at the level of the subscription that was
//! asked, as Azure does.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::access;
use crate::sandbox::http::filter::{Term, parse};
use crate::sandbox::http::{Reply, Request, errors, scope, to_json};
use crate::sandbox::state::world::seven_digits;
use crate::sandbox::state::{Permission, RoleDefinition, World};

/// Creation date of all built-in roles: they have no author, and their exact dates are not needed.
const BUILT_IN_DATE: &str = "2015-02-02T21:55:09.8806423Z";

static BUILT_IN: LazyLock<Vec<BuiltIn>> =
    LazyLock::new(|| include_str!("../../../rbac/builtin.txt").lines().map(BuiltIn::of).collect());

static BY_GUID: LazyLock<HashMap<&'static str, &'static BuiltIn>> =
    LazyLock::new(|| BUILT_IN.iter().map(|role| (role.guid, role)).collect());

/// A line of the table: GUID, names, permissions. Most runs look at a few only.
struct BuiltIn {
    guid: &'static str,
    name: &'static str,
    permissions: &'static str,
    definition: OnceLock<RoleDefinition>,
}

impl BuiltIn {
    fn of(line: &'static str) -> Self {
        // Invariant: the file is part of this source and a test reads it.
        let [guid, names, permissions] = line.splitn(3, '\t').collect::<Vec<_>>()[..] else {
            panic!("a line of `builtin.txt` has three columns");
        };
        let name = names.split_once('|').map_or(names, |(name, _)| name);
        Self { guid, name, permissions, definition: OnceLock::new() }
    }

    fn definition(&self) -> &RoleDefinition {
        self.definition.get_or_init(|| RoleDefinition {
            // Built-in roles always have one and clients rely on it; the wording is ours.
            description: Some(format!("Azure's built-in role `{}`.", self.name)),
            guid: self.guid.to_owned(),
            name: self.name.to_owned(),
            assignable_scopes: vec![String::from("/")],
            permissions: serde_json::from_str(self.permissions)
                .expect("`builtin.txt` has permissions as JSON"),
            created_on: BUILT_IN_DATE.to_owned(),
            updated_on: BUILT_IN_DATE.to_owned(),
            created_by: None,
            updated_by: None,
        })
    }
}

/// A role by GUID, built-in or custom.
pub(crate) fn find<'w>(world: &'w World, guid: &str) -> Option<&'w RoleDefinition> {
    let guid = guid.to_lowercase();
    world.state.role_definitions.get(&guid).or_else(|| built_in(&guid))
}

/// A role by its GUID or its name.
pub(crate) fn named<'w>(world: &'w World, name: &str) -> Option<&'w RoleDefinition> {
    let mut custom = world.state.role_definitions.values();
    let built_in = || BUILT_IN.iter().find(|role| role.name.eq_ignore_ascii_case(name));
    find(world, name)
        .or_else(|| custom.find(|role| role.name.eq_ignore_ascii_case(name)))
        .or_else(|| built_in().map(BuiltIn::definition))
}

/// GUIDs of the built-in roles.
pub(crate) fn built_in_guids() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|role| role.guid)
}

fn built_in(guid: &str) -> Option<&'static RoleDefinition> {
    BY_GUID.get(guid.to_lowercase().as_str()).map(|role| role.definition())
}

/// A role's id as it is shown at a scope.
pub(super) fn id_at(scope: &str, guid: &str) -> String {
    match scope::subscription(scope) {
        Some(id) => format!("/subscriptions/{id}/providers/Microsoft.Authorization/roleDefinitions/{guid}"),
        None => format!("/providers/Microsoft.Authorization/roleDefinitions/{guid}"),
    }
}

#[derive(Serialize)]
struct ShownDefinition<'a> {
    properties: DefinitionProperties<'a>,
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DefinitionProperties<'a> {
    role_name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    assignable_scopes: &'a [String],
    permissions: &'a [Permission],
    created_on: &'a str,
    updated_on: &'a str,
    created_by: Option<&'a str>,
    updated_by: Option<&'a str>,
}

fn shown(role: &RoleDefinition, scope: &str) -> String {
    let custom = built_in(&role.guid).is_none();
    to_json(&ShownDefinition {
        properties: DefinitionProperties {
            role_name: &role.name,
            kind: if custom { "CustomRole" } else { "BuiltInRole" },
            description: role.description.as_deref(),
            assignable_scopes: &role.assignable_scopes,
            permissions: &role.permissions,
            created_on: &role.created_on,
            updated_on: &role.updated_on,
            created_by: role.created_by.as_deref(),
            updated_by: role.updated_by.as_deref(),
        },
        id: id_at(scope, &role.guid),
        kind: "Microsoft.Authorization/roleDefinitions",
        name: &role.guid,
    })
}

/// `GET {scope}/.../roleDefinitions/{guid}`.
pub(crate) fn get(world: &World, scope: &str, guid: &str) -> Reply {
    match find(world, guid) {
        Some(role) => Reply::text(200, shown(role, scope)),
        None => errors::role_definition_missing(404, guid),
    }
}

/// `GET {scope}/.../roleDefinitions`: all in one page, as Azure lists them.
pub(crate) fn list(world: &World, request: &Request, scope: &str) -> Result<Reply, Reply> {
    let terms = match request.query("$filter").filter(|filter| !filter.trim().is_empty()) {
        Some(filter) => parse(filter).ok_or_else(errors::bad_filter)?,
        None => Vec::new(),
    };
    let below = terms.iter().any(|term| matches!(term, Term::Call { name, .. } if name == "atscopeandbelow"));
    let mut kept = Vec::new();
    let custom = world.state.role_definitions.values();
    let custom = custom.filter(|role| assignable_at(role, scope) || (below && assignable_below(role, scope)));
    for role in custom.chain(BUILT_IN.iter().map(BuiltIn::definition)) {
        let mut fits = true;
        for term in &terms {
            fits = fits && matches(role, term)?;
        }
        if fits {
            kept.push(shown(role, scope));
        }
    }
    Ok(Reply::text(200, format!("{{\"value\":[{}]}}", kept.join(","))))
}

fn matches(role: &RoleDefinition, term: &Term) -> Result<bool, Reply> {
    match term {
        Term::Compare { name, operator, value } if operator == "eq" => match name.as_str() {
            "rolename" => Ok(role.name.to_lowercase() == value.to_lowercase()),
            "type" => Ok(value.eq_ignore_ascii_case(if built_in(&role.guid).is_some() {
                "BuiltInRole"
            } else {
                "CustomRole"
            })),
            _ => Err(errors::bad_filter()),
        },
        Term::Call { name, .. } if name == "atscopeandbelow" || name == "atscope" => Ok(true),
        _ => Err(errors::bad_filter()),
    }
}

/// Whether a custom role can be assigned at a scope: its assignable scopes have the scope or one above it.
fn assignable_at(role: &RoleDefinition, scope: &str) -> bool {
    let allowed = scope::at_and_above(scope);
    role.assignable_scopes
        .iter()
        .any(|assignable| allowed.contains(&assignable.trim_end_matches('/').to_lowercase()))
}

fn assignable_below(role: &RoleDefinition, scope: &str) -> bool {
    role.assignable_scopes.iter().any(|assignable| scope::covers(scope, assignable))
}

#[derive(Deserialize)]
struct SentDefinition {
    properties: SentDefinitionProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SentDefinitionProperties {
    role_name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    assignable_scopes: Vec<String>,
    #[serde(default)]
    permissions: Vec<Permission>,
}

/// `PUT {scope}/.../roleDefinitions/{guid}`: a custom role; 201 always.
pub(crate) fn put(world: &mut World, request: &Request, scope: &str, guid: &str) -> Result<Reply, Reply> {
    let body = request.json_object()?;
    let sent: SentDefinition = serde_json::from_value(Value::Object(body))
        .map_err(|error| errors::invalid_content(&error.to_string()))?;
    let sent = sent.properties;
    if Uuid::parse_str(guid).is_err() {
        let message =
            format!("The role definition ID '{guid}' is not valid. The role definition ID must be a GUID.");
        return Err(errors::bad_request("InvalidRoleDefinitionId", &message));
    }
    if built_in(guid).is_some() {
        return Err(errors::bad_request("BuiltInRoleUpdateNotAllowed", "A built-in role cannot be updated."));
    }
    if sent.assignable_scopes.is_empty() || sent.permissions.is_empty() {
        return Err(errors::bad_request(
            "InvalidRoleDefinition",
            "A role needs permissions and assignable scopes.",
        ));
    }
    let key = guid.to_lowercase();
    let same_name = world
        .state
        .role_definitions
        .iter()
        .any(|(known, role)| *known != key && role.name.eq_ignore_ascii_case(&sent.role_name));
    if same_name || BUILT_IN.iter().any(|role| role.name.eq_ignore_ascii_case(&sent.role_name)) {
        let message = format!(
            "A custom role with the same name already exists in this directory. Use a different name: '{}'.",
            sent.role_name
        );
        return Err(errors::error(409, "RoleDefinitionWithSameNameExists", &message));
    }
    let now = seven_digits(world.now);
    let caller = request.caller.object_id.clone();
    let old = world.state.role_definitions.get(&key);
    let mut role = RoleDefinition {
        guid: guid.to_owned(),
        name: sent.role_name,
        description: sent.description,
        assignable_scopes: sent.assignable_scopes,
        permissions: sent.permissions,
        created_on: now.clone(),
        updated_on: now,
        created_by: None,
        updated_by: Some(caller.clone()),
    };
    // Azure's answer has no author and the time of the write as `createdOn`; a later GET shows the real ones.
    let reply = Reply::text(201, shown(&role, scope));
    role.created_by = Some(caller);
    if let Some(old) = old {
        role.created_on.clone_from(&old.created_on);
        role.created_by.clone_from(&old.created_by);
    }
    world.state.role_definitions.insert(key, role);
    Ok(reply)
}

/// `DELETE {scope}/.../roleDefinitions/{guid}`: 200 with the deleted role, 204 without one.
pub(crate) fn delete(world: &mut World, scope: &str, guid: &str) -> Reply {
    if world.state.role_assignments.iter().any(|assignment| assignment.role.eq_ignore_ascii_case(guid)) {
        let message = "There are existing role assignments referencing role.";
        return errors::bad_request("RoleDefinitionHasAssignments", message);
    }
    if built_in(guid).is_some() {
        return errors::bad_request("BuiltInRoleUpdateNotAllowed", "A built-in role cannot be deleted.");
    }
    match world.state.role_definitions.remove(&guid.to_lowercase()) {
        Some(role) => Reply::text(200, shown(&role, scope)),
        None => Reply::empty(204),
    }
}

/// `GET {scope}/.../permissions`: unless strict, every caller is the owner.
pub(crate) fn permissions(world: &World, request: &Request, scope: &str) -> Reply {
    if !world.strict {
        let all = Permission { actions: vec![String::from("*")], ..Permission::default() };
        return Reply::json(200, &json!({"value": [all]}));
    }
    let granted: Vec<&Permission> = access::granted(world, &request.caller, scope).collect();
    Reply::json(200, &json!({"value": granted}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_roles_are_readable_and_unique() {
        assert_eq!((BUILT_IN.len(), BY_GUID.len()), (873, 873));
        assert!(BUILT_IN.iter().all(|role| Uuid::parse_str(role.guid).is_ok()));
        assert!(BUILT_IN.iter().all(|role| !role.definition().permissions.is_empty()));
        let user = built_in("A97B65F3-24C7-4388-BAEC-2E87135DC908").unwrap();
        assert_eq!(
            (user.name.as_str(), &user.permissions[0].data_actions[..]),
            ("Cognitive Services User", &[String::from("Microsoft.CognitiveServices/*")][..])
        );
    }
}

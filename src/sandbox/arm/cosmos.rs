//! Microsoft.DocumentDB: role assignments and definitions for the data of a Cosmos DB account, and the list of accounts.
//!
//! There are no recordings: shapes come from the API description. Writes and deletes are operations. Accounts exist on first use unless
//! strict, and so do databases, but for `enterprise_memory`, which the capability host of a project makes.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::operations::announce;
use super::router::{not_allowed, unknown_type};
use super::versions;
use crate::sandbox::http::scope::Target;
use crate::sandbox::http::{Item, ObjectText, Reply, Request, errors, page, scope, written};
use crate::sandbox::state::{Child, Operation, World, derived_id};

const NAMESPACE: &str = "Microsoft.DocumentDB";
const KIND: &str = "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments";
const PAGE: usize = 200;
/// The database that the capability host of a project makes.
const MEMORY: &str = "/dbs/enterprise_memory";

/// Answers below `.../providers/Microsoft.DocumentDB`.
pub(super) fn answer(world: &mut World, request: &Request, target: &Target) -> Result<Reply, Reply> {
    versions::check(request, "microsoft.documentdb", "databaseAccounts")?;
    if let ("GET", [kind]) = (request.method.as_str(), target.rest)
        && kind.eq_ignore_ascii_case("databaseAccounts")
    {
        return accounts(world, request, target);
    }
    let ([_, subscription, _, group], [kind, account, list, name @ ..]) = (target.above, target.rest) else {
        return unknown_type(request, target);
    };
    let is_roles = list.eq_ignore_ascii_case("sqlRoleDefinitions");
    if !kind.eq_ignore_ascii_case("databaseAccounts")
        || !(is_roles || list.eq_ignore_ascii_case("sqlRoleAssignments"))
    {
        return unknown_type(request, target);
    }
    if world.group(subscription, group).is_none() {
        return Err(errors::group_not_found(group));
    }
    let id = format!("{}/providers/{}/{kind}/{account}", scope::join(target.above), target.namespace);
    if is_roles {
        return match (request.method.as_str(), name) {
            ("GET", [name]) => definition(world, &id, name),
            ("PUT", [name]) => define(world, request, &id, name),
            _ => not_allowed(request),
        };
    }
    match (request.method.as_str(), name) {
        ("GET", []) => Ok(list_of(world, request, &id)),
        ("GET", [name]) => get(world, &id, name),
        ("PUT", [name]) => put(world, request, &id, name),
        ("DELETE", [name]) => Ok(delete(world, request, &id, name)),
        (_, [] | [_]) => not_allowed(request),
        _ => unknown_type(request, target),
    }
}

/// The accounts that something was written to: others exist on first use.
fn accounts(world: &World, request: &Request, target: &Target) -> Result<Reply, Reply> {
    if let [_, subscription, _, group] = target.above
        && world.group(subscription, group).is_none()
    {
        return Err(errors::group_not_found(group));
    }
    let prefix = format!("{}/", scope::join(target.above)).to_lowercase();
    let inside = format!("/providers/{}/databaseaccounts/", NAMESPACE.to_lowercase());
    let mut ids = BTreeSet::new();
    for (key, _) in world.state.children_below(&prefix) {
        let Some((place, rest)) = key.split_once(&inside) else { continue };
        let name = rest.split('/').next().unwrap_or_default();
        ids.insert(format!("{place}/providers/{NAMESPACE}/databaseAccounts/{name}"));
    }
    let items = ids.iter().map(|id| {
        let mut text = ObjectText::new();
        text.field("id", id).field("type", &"Microsoft.DocumentDB/databaseAccounts");
        let text = text.end();
        (id.as_str(), move || -> Item { written(text) })
    });
    Ok(page(request, PAGE, items))
}

fn definition_key(account: &str, name: &str) -> String {
    format!("{account}/sqlRoleDefinitions/{name}").to_lowercase()
}

/// A role of an account: the two that every account has, and those that were written.
fn definition(world: &World, account: &str, name: &str) -> Result<Reply, Reply> {
    let is_built_in = Uuid::parse_str(name).is_ok_and(|id| (1..=2).contains(&id.as_u128()));
    if is_built_in || world.state.children.contains_key(&definition_key(account, name)) {
        let id = format!("{account}/sqlRoleDefinitions/{name}");
        return Ok(Reply::json(200, &json!({"id": id, "name": name, "properties": {}})));
    }
    Err(errors::error(404, "NotFound", &format!("Role definition '{name}' was not found.")))
}

fn define(world: &mut World, request: &Request, account: &str, name: &str) -> Result<Reply, Reply> {
    let sent = request.json_object()?;
    let properties = sent.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let stamp = world.stamp(&request.caller);
    let child = Child {
        name: name.to_owned(),
        properties,
        created: stamp.clone(),
        modified: stamp,
        ..Child::default()
    };
    let own = definition_key(account, name);
    world.state.children.insert(own.clone(), child);
    Ok(started(world, request, account, &format!("put:{own}"), "Creating"))
}

fn key(account: &str, name: &str) -> String {
    format!("{account}/sqlRoleAssignments/{name}").to_lowercase()
}

fn shown(account: &str, child: &Child) -> String {
    let mut text = ObjectText::new();
    text.field("id", &format!("{account}/sqlRoleAssignments/{}", child.name))
        .field("type", &KIND)
        .field("name", &child.name)
        .field("properties", &child.properties);
    text.end()
}

fn list_of(world: &World, request: &Request, account: &str) -> Reply {
    let prefix = key(account, "");
    let items = world.state.children_below(&prefix).map(|(key, child)| {
        let text = shown(account, child);
        (key, move || -> Item { written(text) })
    });
    page(request, PAGE, items)
}

fn get(world: &World, account: &str, name: &str) -> Result<Reply, Reply> {
    let found = world.state.children.get(&key(account, name));
    let missing = || errors::error(404, "NotFound", &format!("Role assignment '{name}' was not found."));
    found.map(|child| Reply::text(200, shown(account, child))).ok_or_else(missing)
}

/// `PUT`: 202 with an operation.
fn put(world: &mut World, request: &Request, account: &str, name: &str) -> Result<Reply, Reply> {
    let refused = |message: &str| errors::bad_request("BadRequest", message);
    let name =
        Uuid::parse_str(name).map_err(|_| refused("The name of a role assignment is a GUID."))?.to_string();
    let sent = request.json_object()?;
    let properties = sent.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let text = |field: &str| properties.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (role, place, principal) = (text("roleDefinitionId"), text("scope"), text("principalId"));
    let definitions = format!("{account}/sqlRoleDefinitions/");
    if !role.to_lowercase().starts_with(&definitions.to_lowercase()) {
        return Err(refused("The role definition is not one of the account."));
    }
    if Uuid::parse_str(&principal).is_err() {
        return Err(refused("The principal ID is not a GUID."));
    }
    let below = if scope::covers(account, &place) {
        place[account.len()..].to_lowercase()
    } else {
        return Err(refused("The scope is not in the account."));
    };
    if below.starts_with(MEMORY) && !has_memory(world, account) {
        return Err(refused("The database 'enterprise_memory' of the scope does not exist."));
    }
    let others = world.state.children_below(&key(account, ""));
    let is_same = |child: &Child| {
        ["roleDefinitionId", "scope", "principalId"].iter().all(|field| {
            let old = child.properties.get(*field).and_then(Value::as_str).unwrap_or_default();
            let new = text(field);
            if *field == "scope" {
                // Names of databases have a case.
                return old.get(account.len()..) == new.get(account.len()..);
            }
            old.eq_ignore_ascii_case(&new)
        })
    };
    let own = key(account, &name);
    if others.into_iter().any(|(key, child)| key != own && is_same(child)) {
        return Err(errors::error(
            409,
            "Conflict",
            "A role assignment with the same scope, principal and role exists.",
        ));
    }
    let kept =
        ["roleDefinitionId", "scope", "principalId"].map(|field| (field.to_owned(), json!(text(field))));
    let stamp = world.stamp(&request.caller);
    let child = Child {
        name,
        properties: Map::from_iter(kept),
        created: stamp.clone(),
        modified: stamp,
        ..Child::default()
    };
    world.state.children.insert(own.clone(), child);
    Ok(started(world, request, account, &format!("put:{own}"), "Creating"))
}

fn delete(world: &mut World, request: &Request, account: &str, name: &str) -> Reply {
    let own = key(account, name);
    if world.state.children.remove(&own).is_none() {
        return Reply::empty(204);
    }
    started(world, request, account, &format!("delete:{own}"), "Deleting")
}

/// 202, with an operation that is followed to its end.
fn started(world: &mut World, request: &Request, account: &str, label: &str, status: &str) -> Reply {
    let operation = Operation {
        subscription: account.split('/').nth(2).unwrap_or_default().to_owned(),
        location: String::from("eastus"),
        status: status.to_owned(),
        account: None,
        started_at: world.now.as_millisecond(),
        done_at: world.done_at(),
        over: false,
    };
    let id = derived_id(&format!("{label}:{}", operation.started_at)).to_string();
    let reply = announce(Reply::json(202, &json!({"status": "Enqueued"})), request, &operation, &id, true);
    world.start_operation(id, operation);
    reply
}

/// Whether the host of a project keeps threads in the account.
fn has_memory(world: &World, account: &str) -> bool {
    let points_here = |project: &str, name: &str| {
        let holder = project.split("/projects/").next().unwrap_or_default();
        [project, holder].iter().any(|holder| {
            let found = world.state.children.get(&format!("{holder}/connections/{name}").to_lowercase());
            let metadata = found.and_then(|connection| connection.properties.get("metadata"));
            let target = metadata.and_then(|all| all["ResourceId"].as_str());
            target.is_some_and(|target| target.eq_ignore_ascii_case(account))
        })
    };
    world.state.children.iter().any(|(key, host)| {
        let Some((project, _)) = key.split_once("/capabilityhosts/") else { return false };
        let names = host.properties.get("threadStorageConnections").and_then(Value::as_array);
        names.into_iter().flatten().filter_map(Value::as_str).any(|name| points_here(project, name))
    })
}

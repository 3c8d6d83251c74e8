//! Capability hosts of accounts and projects: where the agents of a project keep threads, files and vectors.
//!
//! There are no recordings: shapes come from the API description, rules from public reports. A host is made by an operation and never
//! changes; there is one per account and one per project, and that of the account comes first. As far as the sandbox can tell, that of a
//! project is refused while a connection that it names, or a role of the project's identity on what the connection points to, is missing;
//! Azure accepts it and lets the operation fail. <https://github.com/microsoft-foundry/foundry-samples/issues/312>

use serde_json::{Map, Value, json};

use super::account_write::{one_of, wrong_type};
use super::children::{self, ACCOUNTS, Place};
use crate::sandbox::arm::operations::announce;
use crate::sandbox::http::{Reply, Request, errors, scope};
use crate::sandbox::state::{Account, Child, Operation, Transition, World, derived_id};

const KIND: &str = "capabilityHosts";
const NAMES: children::Names = children::Names { kind: KIND, length: 1..=64, marks: b"_.-" };
/// Lists of names of connections.
const LISTS: &[&str] =
    &["aiServicesConnections", "storageConnections", "threadStorageConnections", "vectorStoreConnections"];
/// The end of the name of a host that Azure makes for an account whose agents run in a subnet.
const OWN: &str = "@aml_aiagentservice";

fn is_of_project(place: Place) -> bool {
    place.rest.len() > 2
}

/// The project of a host, or of a list of them.
fn project(place: Place<'_>) -> Option<Place<'_>> {
    is_of_project(place).then(|| Place { rest: &place.rest[..2], ..place })
}

fn parent(world: &World, place: Place) -> Result<(), Reply> {
    children::parent(world, place)?;
    match project(place) {
        Some(project) if !world.state.children.contains_key(&project.key()) => {
            let (account, group) = (place.account.name, place.account.group);
            Err(errors::resource_not_found(
                ACCOUNTS,
                &format!("{account}/projects/{}", project.name()),
                group,
            ))
        }
        _ => Ok(()),
    }
}

/// `GET` of one.
pub(crate) fn get(world: &World, place: Place) -> Result<Reply, Reply> {
    parent(world, place)?;
    let found = world.state.children.get(&place.key());
    let child = found.ok_or_else(|| errors::specified_not_found(&place.id()))?;
    Ok(Reply::text(200, shown(world, place, child)))
}

/// `GET` of all.
pub(crate) fn list(world: &World, request: &Request, place: Place) -> Result<Reply, Reply> {
    parent(world, place)?;
    Ok(children::list(world, request, place, |place, child| shown(world, place, child)))
}

/// `PUT`: 201 with an operation; 409 if there is one already, whatever its name.
pub(crate) fn put(world: &mut World, request: &Request, place: Place) -> Result<Reply, Reply> {
    let sent = children::read(request)?;
    parent(world, place)?;
    if let Some((_, other)) = children::direct(world, place.above()).next() {
        let message = format!(
            "There is an existing Capability Host with name: {}, provisioning state: {} for workspace: {}, cannot \
             create a new Capability Host with name: {} for the same ClientId.",
            other.name,
            children::provisioning_state(world, other),
            place.above().above().id(),
            place.name()
        );
        return Err(errors::error(409, "Conflict", &message));
    }
    let location = children::idle(world, place)?.location.clone();
    children::check_name(place, &NAMES)?;
    let properties = properties(sent.properties, is_of_project(place))?;
    if let Some(project) = project(place) {
        refuse_early(world, place, project, &properties)?;
    }
    let child = Child { name: place.name().to_owned(), properties, ..Child::default() };
    children::store(world, request, place, child, Some("Creating"));
    let operation = Operation {
        subscription: place.account.subscription.to_owned(),
        location,
        status: String::from("Creating"),
        account: None,
        started_at: world.now.as_millisecond(),
        done_at: world.done_at(),
        over: false,
    };
    let found = world.state.children.get(&place.key());
    let child = found.ok_or_else(|| errors::specified_not_found(&place.id()))?;
    let reply = Reply::text(201, shown(world, place, child));
    let id = derived_id(&format!("create:{}:{}", place.key(), operation.started_at)).to_string();
    let reply = announce(reply, request, &operation, &id, false);
    world.start_operation(id, operation);
    Ok(reply)
}

/// `DELETE`: an operation; 204 if there is none.
pub(crate) fn delete(world: &mut World, request: &Request, place: Place) -> Result<Reply, Reply> {
    parent(world, place)?;
    let location = children::idle(world, place)?.location.clone();
    Ok(children::delete_by_operation(world, request, place, location))
}

/// The host that Azure makes itself for an account whose agents run in a subnet.
pub(super) fn make_own(world: &mut World, account: &Account) {
    let injected = account.properties.get("networkInjections").and_then(Value::as_array);
    if !injected.is_some_and(|list| list.iter().any(|each| each["scenario"] == "agent")) {
        return;
    }
    let name = format!("{}{OWN}", account.name);
    let key = format!("{}/{KIND}/{name}", account.key()).to_lowercase();
    if world.state.children.contains_key(&key) {
        return;
    }
    let child = Child {
        name,
        properties: Map::from_iter([(String::from("capabilityHostKind"), json!("Agents"))]),
        created: account.created.clone(),
        modified: account.created.clone(),
        transition: Some(Transition { state: String::from("Creating"), until: world.done_at() }),
        ..Child::default()
    };
    world.state.children.insert(key, child);
}

/// The properties that the service takes; it drops others.
fn properties(sent: Map<String, Value>, of_project: bool) -> Result<Map<String, Value>, Reply> {
    let mut kept = Map::new();
    for (name, value) in sent {
        let is_text = |value: &Value| value.is_string();
        let value = match (name.as_str(), value) {
            (_, Value::Null) => continue,
            (name, Value::Array(items)) if LISTS.contains(&name) && items.iter().all(is_text) => json!(items),
            ("capabilityHostKind", Value::String(word)) => {
                let word = one_of("properties.capabilityHostKind", &["Agents"], &word)?;
                if of_project {
                    continue;
                }
                word
            }
            ("customerSubnet" | "description", value @ Value::String(_))
            | ("enablePublicHostingEnvironment", value @ Value::Bool(_))
            | ("tags", value @ Value::Object(_))
                if !of_project =>
            {
                value
            }
            (name, value) if LISTS.contains(&name) || name == "capabilityHostKind" => {
                return Err(wrong_type(&format!("properties.{name}"), &value));
            }
            _ => continue,
        };
        kept.insert(name, value);
    }
    Ok(kept)
}

/// Refuses the host of a project before what it needs is there.
fn refuse_early(
    world: &World,
    place: Place,
    project: Place,
    properties: &Map<String, Value>,
) -> Result<(), Reply> {
    let refused = |message: &str| Err(errors::bad_request("BadRequest", message));
    let of_account = [String::from(KIND)];
    let mut hosts = children::direct(world, Place { rest: &of_account, ..place });
    if hosts.next().is_none() {
        return refused("The account has no capability host: create that of the account first.");
    }
    let identity = world.state.children.get(&project.key()).and_then(|child| child.identity.as_ref());
    let ids: Vec<&str> = identity
        .into_iter()
        .flat_map(|identity| {
            let assigned = identity.user_assigned_identities.values().map(|each| each.principal_id.as_str());
            identity.principal_id.as_deref().into_iter().chain(assigned)
        })
        .collect();
    for (list, name) in LISTS.iter().flat_map(|list| {
        let names = properties.get(*list).and_then(Value::as_array).into_iter().flatten();
        names.filter_map(Value::as_str).map(move |name| (*list, name))
    }) {
        let at = |holder: Place| format!("{}/connections/{name}", holder.key()).to_lowercase();
        let in_account = Place { rest: &[], ..place };
        let in_account = format!("{}/connections/{name}", in_account.id().trim_end_matches('/'));
        let found = [at(project), in_account.to_lowercase()]
            .into_iter()
            .find_map(|key| world.state.children.get(&key));
        let Some(connection) = found else {
            return refused(&format!("The connection '{name}' of {list} was not found."));
        };
        let metadata = connection.properties.get("metadata");
        let target = metadata.and_then(|all| all["ResourceId"].as_str());
        // Models are called as the user of the agent.
        let Some(target) = target.filter(|_| list != "aiServicesConnections") else { continue };
        let holds = scope::at_and_above(target).iter().any(|scope| {
            let mut there = world.state.role_assignments.at(scope, None);
            there.any(|(_, held)| ids.iter().any(|id| held.principal_id.eq_ignore_ascii_case(id)))
        });
        if !holds {
            return refused(&format!(
                "The identity of the project '{}' has no role on '{target}', which the connection '{name}' points to.",
                project.name()
            ));
        }
    }
    Ok(())
}

fn shown(world: &World, place: Place, child: &Child) -> String {
    let kind = if is_of_project(place) { format!("projects/{KIND}") } else { KIND.to_owned() };
    let mut properties = child.properties.clone();
    properties.insert(String::from("provisioningState"), json!(children::provisioning_state(world, child)));
    let mut text = children::head(place, child, &kind);
    text.field("properties", &properties)
        .field("systemData", &super::account_body::system_data(&child.created, &child.modified));
    text.end()
}

//! From a request to the handler that answers it.
//!
//! ARM's paths have scopes of any depth, so this matches segments instead of fixed routes: a
//! path is split at its last `providers`. Every handler is a function of the world and the
//! request; nothing here waits.

use axum::http::Method;

use super::cognitive::{accounts, children, deleted, domain, offers, projects, rai_policies};
use super::rbac::{access, deny_assignments, locks, policies, role_assignments, role_definitions, schedules};
use super::{activity, below, cosmos, groups, monitor, operations, user_assigned_identity, versions};
use crate::sandbox::http::scope::Target;
use crate::sandbox::http::{Reply, Request, errors, scope};
use crate::sandbox::state::World;

pub(crate) fn answer(world: &mut World, request: &Request) -> Reply {
    route(world, request).unwrap_or_else(|refusal| refusal)
}

fn route(world: &mut World, request: &Request) -> Result<Reply, Reply> {
    let segments = &request.segments[..];
    let names: Vec<String> = segments.iter().map(|segment| segment.to_lowercase()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    if let ["subscriptions", id, ..] = names.as_slice() {
        check_subscription(world, segments.get(1).map_or(*id, String::as_str))?;
    }
    if let Some(refusal) = access::refusal(world, request)
        .or_else(|| locks::refusal(world, request))
        .or_else(|| policy_refusal(world, request))
    {
        return Err(refusal);
    }
    match names.as_slice() {
        ["subscriptions"] => {
            versions::check(request, "resources", "subscriptions")?;
            only(request, &Method::GET, || groups::subscriptions(world, request))
        }
        ["tenants"] => {
            versions::check(request, "resources", "tenants")?;
            only(request, &Method::GET, || groups::tenants(world))
        }
        ["subscriptions", _] => {
            versions::check(request, "resources", "subscriptions")?;
            only(request, &Method::GET, || groups::subscription(world, &segments[1]))
        }
        ["subscriptions", _, "resourcegroups"] => {
            versions::check(request, "resources", "resourceGroups")?;
            only(request, &Method::GET, || groups::list(world, request, &segments[1]))
        }
        ["subscriptions", _, "resourcegroups", _] => {
            versions::check(request, "resources", "resourceGroups")?;
            group(world, request, &segments[1], &segments[3])
        }
        ["subscriptions", _, "operationresults", _] => {
            only(request, &Method::GET, || operations::poll_group(world, request))
        }
        _ => match scope::split(segments) {
            Some(target) => provider(world, request, &target),
            None => Err(errors::unknown_path(&request.path)),
        },
    }
}

/// The 403 for a write that a policy denies. A `PATCH` is judged by the resulting resource.
fn policy_refusal(world: &mut World, request: &Request) -> Option<Reply> {
    if world.state.policies.is_empty() || !matches!(request.method, Method::PUT | Method::PATCH) {
        return None;
    }
    let sent = serde_json::from_slice(&request.body).ok()?;
    if request.method == Method::PUT {
        return policies::refusal(world, request, &sent);
    }
    let question = Request { method: Method::GET, body: Vec::new(), ..request.clone() };
    let live = route(world, &question).ok().filter(|found| found.status == 200);
    let live = live.and_then(|found| serde_json::from_slice(&found.content.text()).ok());
    policies::refusal(world, request, &policies::merged(live.unwrap_or_default(), sent))
}

fn check_subscription(world: &World, id: &str) -> Result<(), Reply> {
    if uuid::Uuid::parse_str(id).is_err() {
        return Err(errors::invalid_subscription(id));
    }
    if world.subscription_exists(id) { Ok(()) } else { Err(errors::subscription_not_found(id)) }
}

fn only(request: &Request, method: &Method, answer: impl FnOnce() -> Reply) -> Result<Reply, Reply> {
    if request.method == *method { Ok(answer()) } else { not_allowed(request) }
}

pub(super) fn not_allowed(request: &Request) -> Result<Reply, Reply> {
    Err(errors::method_not_allowed(request.method.as_str()))
}

fn group(world: &mut World, request: &Request, subscription: &str, name: &str) -> Result<Reply, Reply> {
    match request.method {
        Method::GET => Ok(groups::get(world, subscription, name)),
        Method::HEAD => Ok(groups::head(world, subscription, name)),
        Method::PUT => groups::put(world, request, subscription, name),
        Method::PATCH => groups::patch(world, request, subscription, name),
        Method::DELETE => Ok(groups::delete(world, request, subscription, name)),
        _ => not_allowed(request),
    }
}

fn provider(world: &mut World, request: &Request, target: &Target) -> Result<Reply, Reply> {
    match target.namespace.to_lowercase().as_str() {
        "microsoft.cognitiveservices" => cognitive_services(world, request, target),
        "microsoft.authorization" => authorization(world, request, target),
        "microsoft.insights" => insights(world, request, target),
        "microsoft.machinelearningservices" => machine_learning(world, request, target),
        "microsoft.documentdb" => cosmos::answer(world, request, target),
        "microsoft.managedidentity" => identities(world, request, target),
        "microsoft.operationalinsights" => workspaces(world, request, target),
        "microsoft.policyinsights" => policy_insights(world, request, target),
        _ => {
            versions::check(request, "", target.namespace)?;
            Err(errors::invalid_namespace(target.namespace))
        }
    }
}

/// Whether policies deny a resource.
fn policy_insights(world: &World, request: &Request, target: &Target) -> Result<Reply, Reply> {
    match target.rest {
        [kind] if kind.eq_ignore_ascii_case("checkPolicyRestrictions") => {
            versions::check(request, "microsoft.policyinsights/checkpolicyrestrictions", kind)?;
            match request.method {
                Method::POST => policies::check(world, request, &target.scope),
                _ => not_allowed(request),
            }
        }
        _ => unknown_type(request, target),
    }
}

/// A user-assigned identity. Unless strict, it exists on first use.
fn identities(world: &mut World, request: &Request, target: &Target) -> Result<Reply, Reply> {
    versions::check(request, "microsoft.managedidentity", "userAssignedIdentities")?;
    match (target.above, target.rest) {
        // The identity of any resource, below its own id.
        ([_, _, _, _, _, ..], [kind, name])
            if kind.eq_ignore_ascii_case("identities") && name.eq_ignore_ascii_case("default") =>
        {
            only(request, &Method::GET, || user_assigned_identity::of_resource(world, target.above))
        }
        ([_, _, _, group], [kind, name]) if kind.eq_ignore_ascii_case("userAssignedIdentities") => {
            if world.group(&target.above[1], group).is_none() {
                return Err(errors::group_not_found(group));
            }
            match request.method {
                Method::GET => Ok(user_assigned_identity::get(world, request, group, name)),
                Method::PUT => user_assigned_identity::put(world, request, name),
                _ => not_allowed(request),
            }
        }
        ([_, _, _, group], [kind, _, credentials, name @ ..])
            if kind.eq_ignore_ascii_case("userAssignedIdentities")
                && credentials.eq_ignore_ascii_case("federatedIdentityCredentials") =>
        {
            match (&request.method, name) {
                (&Method::GET, []) => user_assigned_identity::credentials(world, request, group, None),
                (&Method::GET, [name]) => {
                    user_assigned_identity::credentials(world, request, group, Some(name))
                }
                (&Method::PUT, [name]) => user_assigned_identity::put_credential(world, request, group, name),
                _ => not_allowed(request),
            }
        }
        _ => unknown_type(request, target),
    }
}

pub(super) fn unknown_type(request: &Request, target: &Target) -> Result<Reply, Reply> {
    let types: Vec<&str> = target.rest.iter().step_by(2).map(String::as_str).collect();
    let version = request.query("api-version").unwrap_or_default();
    Err(errors::invalid_type(target.namespace, &types.join("/"), version))
}

fn cognitive_services(world: &mut World, request: &Request, target: &Target) -> Result<Reply, Reply> {
    let [_, subscription, group @ ..] = target.above else { return unknown_type(request, target) };
    let types: Vec<String> = target.rest.iter().map(|segment| segment.to_lowercase()).collect();
    let types: Vec<&str> = types.iter().map(String::as_str).collect();
    let first = types.first().copied().unwrap_or_default();
    versions::check(request, "microsoft.cognitiveservices", first)?;
    versions::check_newest(request, world.newest_version.as_deref(), first)?;
    let group = match group {
        [] => None,
        [_, name] if target.above[2].eq_ignore_ascii_case("resourceGroups") => Some(name.as_str()),
        _ => return unknown_type(request, target),
    };
    if let Some(group) = group
        && world.group(subscription, group).is_none()
    {
        return Err(errors::group_not_found(group));
    }
    match (group, types.as_slice()) {
        (_, ["accounts"]) => {
            only(request, &Method::GET, || accounts::list(world, request, subscription, group))
        }
        (Some(group), ["accounts", _, rest @ ..]) => {
            let place = accounts::AccountPlace {
                subscription,
                group,
                name: &target.rest[1],
                late: versions::is_late(request),
                shows_more: versions::shows_more(request),
            };
            account(world, request, target, place, rest)
        }
        (None, ["deletedaccounts"]) => {
            only(request, &Method::GET, || deleted::list(world, request, subscription))
        }
        (None, ["checkdomainavailability"]) if request.method == Method::POST => {
            domain::check(world, request)
        }
        (None, ["checkdomainavailability"]) => not_allowed(request),
        (None, ["skus"]) => only(request, &Method::GET, || offers::skus(request)),
        (None, ["locations", _, rest @ ..]) => region(world, request, target, subscription, rest),
        _ => unknown_type(request, target),
    }
}

/// What a subscription has in one region.
fn region(
    world: &mut World,
    request: &Request,
    target: &Target,
    subscription: &str,
    rest: &[&str],
) -> Result<Reply, Reply> {
    let location = &target.rest[1];
    let is_get = request.method == Method::GET;
    match rest {
        ["resourcegroups", _, "deletedaccounts", _] => {
            let place = deleted::DeletedPlace {
                subscription,
                location,
                group: &target.rest[3],
                name: &target.rest[5],
            };
            match request.method {
                Method::GET => Ok(deleted::get(world, place)),
                Method::DELETE => Ok(deleted::purge(world, request, place)),
                _ => not_allowed(request),
            }
        }
        ["models"] if is_get => offers::models(request, location),
        ["usages"] if is_get => offers::usages(world, request, subscription, location),
        ["raicontentfilters", one @ ..] if is_get && one.len() < 2 => {
            rai_policies::filters(request, subscription, location, target.rest.get(3).map(String::as_str))
        }
        ["models" | "usages" | "raicontentfilters"] | ["raicontentfilters", _] => not_allowed(request),
        ["operationresults", id] => only(request, &Method::GET, || operations::poll(world, subscription, id)),
        _ => unknown_type(request, target),
    }
}

fn account(
    world: &mut World,
    request: &Request,
    target: &Target,
    place: accounts::AccountPlace,
    rest: &[&str],
) -> Result<Reply, Reply> {
    match (&request.method, rest) {
        (&Method::GET, []) => Ok(accounts::get(world, place)),
        (&Method::PUT, []) => accounts::put(world, request, place),
        (&Method::PATCH, []) => accounts::patch(world, request, place),
        (&Method::DELETE, []) => accounts::delete(world, place),
        (&Method::POST, ["listkeys"]) => accounts::list_keys(world, place),
        (&Method::POST, ["regeneratekey"]) => accounts::regenerate_key(world, request, place),
        (_, [] | ["listkeys" | "regeneratekey"]) => not_allowed(request),
        _ => below::answer(world, request, target, place, rest),
    }
}

/// Hub workspaces, of which the sandbox has only the connections.
fn machine_learning(world: &mut World, request: &Request, target: &Target) -> Result<Reply, Reply> {
    versions::check(request, "microsoft.machinelearningservices", "workspaces")?;
    match (target.above, target.rest) {
        ([_, subscription, _, group], [kind, name, rest @ ..])
            if kind.eq_ignore_ascii_case("workspaces")
                && matches!(rest, [first] | [first, _] if first.eq_ignore_ascii_case("connections")) =>
        {
            if world.group(subscription, group).is_none() {
                return Err(errors::group_not_found(group));
            }
            let account =
                accounts::AccountPlace { subscription, group, name, late: false, shows_more: false };
            below::connections(
                world,
                request,
                target,
                children::Place { root: children::WORKSPACES, account, rest },
            )
        }
        _ => unknown_type(request, target),
    }
}

fn insights(world: &mut World, request: &Request, target: &Target) -> Result<Reply, Reply> {
    let types: Vec<String> = target.rest.iter().map(|segment| segment.to_lowercase()).collect();
    let types: Vec<&str> = types.iter().map(String::as_str).collect();
    match (target.above, types.as_slice()) {
        ([_, subscription], ["eventtypes", "management", "values"]) => {
            versions::check(request, "microsoft.insights/eventtypes", "eventtypes")?;
            match request.method {
                Method::GET => activity::list(world, request, subscription),
                _ => not_allowed(request),
            }
        }
        (scope, ["logs"]) => {
            versions::check(request, "microsoft.insights/logs", "logs")?;
            match request.method {
                Method::POST => monitor::logs(world, request, &scope::join(scope)),
                _ => not_allowed(request),
            }
        }
        ([_, _, _, _, _, namespace, kind, _], [first, ..])
            if namespace.eq_ignore_ascii_case("Microsoft.CognitiveServices")
                && kind.eq_ignore_ascii_case("accounts") =>
        {
            let entry = if *first == "metrics" { "metrics" } else { "diagnosticsettings" };
            versions::check(request, &format!("microsoft.insights/{entry}"), &target.rest[0])?;
            let account = &scope::join(target.above);
            check_scope(world, target, request)?;
            match (&request.method, types.as_slice()) {
                (&Method::GET, ["metrics"]) => monitor::metrics(world, request, account),
                (&Method::GET, ["diagnosticsettingscategories"]) => Ok(monitor::categories(account)),
                (&Method::GET, ["diagnosticsettings"]) => Ok(monitor::settings(world, account)),
                (&Method::GET, ["diagnosticsettings", name]) => monitor::setting(world, account, name),
                (&Method::PUT, ["diagnosticsettings", _]) => {
                    monitor::set(world, request, account, &target.rest[1])
                }
                (&Method::DELETE, ["diagnosticsettings", name]) => Ok(monitor::unset(world, account, name)),
                (_, ["metrics" | "diagnosticsettings" | "diagnosticsettingscategories", ..]) => {
                    not_allowed(request)
                }
                _ => unknown_type(request, target),
            }
        }
        _ => unknown_type(request, target),
    }
}

/// A workspace, of which the sandbox has only how long it keeps logs.
fn workspaces(world: &World, request: &Request, target: &Target) -> Result<Reply, Reply> {
    versions::check(request, "microsoft.operationalinsights", "workspaces")?;
    match target.rest {
        [kind, name, tables, table]
            if kind.eq_ignore_ascii_case("workspaces") && tables.eq_ignore_ascii_case("tables") =>
        {
            let id = format!("{}/providers/{}/{kind}/{name}", scope::join(target.above), target.namespace);
            only(request, &Method::GET, || monitor::table(world, &id, table))
        }
        _ => unknown_type(request, target),
    }
}

/// Types of Microsoft.Authorization that the sandbox has.
const AUTHORIZATION: &[&str] = &[
    "roleassignments",
    "roledefinitions",
    "permissions",
    "locks",
    "denyassignments",
    "roleassignmentscheduleinstances",
];

fn authorization(world: &mut World, request: &Request, target: &Target) -> Result<Reply, Reply> {
    let Some((kind, names)) = target.rest.split_first() else { return unknown_type(request, target) };
    let kind = kind.to_lowercase();
    if !AUTHORIZATION.contains(&kind.as_str()) {
        return unknown_type(request, target);
    }
    versions::check(request, &format!("microsoft.authorization/{kind}"), &target.rest[0])?;
    if !scope::is_scope(target.above) {
        return Err(errors::unknown_path(&request.path));
    }
    check_scope(world, target, request)?;
    let scope = target.scope.as_str();
    match (kind.as_str(), &request.method, names) {
        ("roleassignments", &Method::GET, []) => role_assignments::list(world, request, scope),
        ("roleassignments", &Method::GET, [name]) => Ok(role_assignments::get(world, scope, name)),
        ("roleassignments", &Method::PUT, [name]) => role_assignments::put(world, request, scope, name),
        ("roleassignments", &Method::DELETE, [name]) => Ok(role_assignments::delete(world, scope, name)),
        ("roledefinitions", &Method::GET, []) => role_definitions::list(world, request, scope),
        ("roledefinitions", &Method::GET, [guid]) => Ok(role_definitions::get(world, scope, guid)),
        ("roledefinitions", &Method::PUT, [guid]) => role_definitions::put(world, request, scope, guid),
        ("roledefinitions", &Method::DELETE, [guid]) => Ok(role_definitions::delete(world, scope, guid)),
        ("permissions", &Method::GET, []) => Ok(role_definitions::permissions(world, request, scope)),
        ("locks", &Method::GET, []) => locks::list(world, request, scope),
        ("locks", &Method::GET, [name]) => Ok(locks::get(world, scope, name)),
        ("locks", &Method::PUT, [name]) => locks::put(world, request, scope, name),
        ("locks", &Method::DELETE, [name]) => Ok(locks::delete(world, scope, name)),
        ("denyassignments", &Method::GET, []) => deny_assignments::list(world, request, scope),
        ("denyassignments", &Method::GET, [id]) => Ok(deny_assignments::get(world, scope, id)),
        ("roleassignmentscheduleinstances", &Method::GET, []) => schedules::list(world, request, scope),
        ("roleassignmentscheduleinstances", &Method::GET, [name]) => Ok(schedules::get(world, scope, name)),
        (_, _, [] | [_]) => not_allowed(request),
        _ => unknown_type(request, target),
    }
}

/// A scope must exist before something is assigned there; deleting needs no scope any more.
fn check_scope(world: &World, target: &Target, request: &Request) -> Result<(), Reply> {
    let [_, subscription, _, group, rest @ ..] = target.above else { return Ok(()) };
    if request.method == Method::DELETE || !target.above[2].eq_ignore_ascii_case("resourceGroups") {
        return Ok(());
    }
    if world.group(subscription, group).is_none() {
        return Err(errors::group_not_found(group));
    }
    // The sandbox knows only which accounts and projects exist, and assumes that other resources do.
    let [_, namespace, kind, name, below @ ..] = rest else { return Ok(()) };
    if !(namespace.eq_ignore_ascii_case("Microsoft.CognitiveServices")
        && kind.eq_ignore_ascii_case("accounts"))
    {
        return Ok(());
    }
    let place = accounts::AccountPlace { subscription, group, name, late: false, shows_more: false };
    let found = match below {
        [kind, _, ..] if kind.eq_ignore_ascii_case("projects") => {
            projects::get(world, children::Place::of_account(place, &below[..2]))?
        }
        _ => accounts::get(world, place),
    };
    if found.status == 200 { Ok(()) } else { Err(found) }
}

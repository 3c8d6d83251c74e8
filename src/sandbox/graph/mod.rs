//! Microsoft Graph: looks up users, groups and service principals, the groups that they are in, and the members of groups.
//!
//! Answers `/v1.0` and `/beta` alike, single requests and `$batch`. Stands on `http`, `state` and `entra`, whose directory it
//! reads.
//!
//! Differs from Azure: Graph cannot be written to (tests use `/_sandbox/directory`), needs no permission (`/_sandbox/faults` refuses a
//! request with 403), lists service principals among the members of a group, which Azure's v1.0 may leave out, and knows only the `OData`
//! options that ARM's clients use. Unless strict, a user or a group that is asked for by name exists from then on, like a resource group.

mod batch;
mod objects;
mod refusals;

use axum::http::Method;
use serde_json::{Map, Value, json};

use crate::sandbox::entra::directory;
use crate::sandbox::http::filter::{Term, parse_alternatives};
use crate::sandbox::http::{Reply, Request};
use crate::sandbox::state::World;
use batch::batch;
use objects::{SETS, Set, appear, matches, selected, set_of, shown, stranger};
use refusals::{bad_filter, body, not_allowed, not_found, refusal, unknown_segment};

/// Graph names its own host here, however it was reached.
const METADATA: &str = "https://graph.microsoft.com/v1.0/$metadata";
/// Items on a page if the client does not say.
const PAGE: usize = 100;
/// Items on a page at most.
const PAGE_LIMIT: usize = 999;
/// Ids in one look-up at most.
const IDS_LIMIT: usize = 1000;

/// Whether a path is Graph's.
pub(super) fn is_graph(segments: &[String]) -> bool {
    segments.first().is_some_and(|first| first == "v1.0" || first == "beta")
}

/// Answers a request to Graph.
pub(super) fn answer(world: &mut World, request: &Request) -> Reply {
    let path = request.segments.get(1..).unwrap_or_default().to_vec();
    if path.first().is_some_and(|first| first == "$batch") {
        return if request.method == Method::POST {
            batch(world, request)
        } else {
            not_allowed(world, request)
        };
    }
    one(world, request, &path).unwrap_or_else(|refusal| refusal)
}

fn one(world: &mut World, request: &Request, path: &[String]) -> Result<Reply, Reply> {
    let names: Vec<String> = path.iter().map(|segment| segment.to_lowercase()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    match (&request.method, names.as_slice()) {
        (&Method::POST, ["directoryobjects", "getbyids" | "microsoft.graph.getbyids"]) => {
            get_by_ids(world, request)
        }
        (&Method::GET, ["directoryobjects", id]) => {
            let found = world
                .state
                .principals
                .get(*id)
                .and_then(|principal| Some((principal, set_of(&principal.kind)?)));
            let (principal, set) = found.ok_or_else(|| not_found(world, request, id))?;
            let mut body = selected(request, shown(world, id, principal, set));
            body.insert(String::from("@odata.type"), json!(format!("#microsoft.graph.{}", set.odata)));
            Ok(entity("directoryObjects", body))
        }
        (&Method::GET, ["me"]) => {
            let id = request.caller.object_id.to_lowercase();
            by_id(world, request, &SETS[0], &id)
        }
        (&Method::GET, [first, rest @ ..]) => {
            let (name, key) = first.split_once('(').map_or((*first, None), |(name, key)| (name, Some(key)));
            let set = SETS.iter().find(|set| set.path.eq_ignore_ascii_case(name));
            match (set, key.and_then(|key| key.strip_suffix(')')), rest) {
                (Some(set), None, []) => list(world, request, set),
                (Some(set), None, [id]) => by_id(world, request, set, id),
                (Some(set), None, [id, "transitivememberof" | "memberof"]) => {
                    member_of(world, request, set, id)
                }
                (Some(set), None, [id, which @ ("transitivemembers" | "members")]) if set.kind == "Group" => {
                    members(world, request, id, *which == "transitivemembers")
                }
                (Some(set), Some(key), []) => {
                    let app = key.strip_prefix("appid='").and_then(|key| key.strip_suffix('\''));
                    let found =
                        app.and_then(|app| directory::by_app_id(world, app)).map(|(id, _)| id.to_owned());
                    let id = found.ok_or_else(|| not_found(world, request, key))?;
                    by_id(world, request, set, &id)
                }
                _ => Err(unknown_segment(world, request, first)),
            }
        }
        (_, [first, ..]) if SETS.iter().any(|set| set.path.eq_ignore_ascii_case(first)) => {
            Err(not_allowed(world, request))
        }
        (_, names) => Err(unknown_segment(world, request, names.first().copied().unwrap_or_default())),
    }
}

fn by_id(world: &mut World, request: &Request, set: &Set, id: &str) -> Result<Reply, Reply> {
    if set.kind == "User" && id.contains('@') {
        appear(world, "userprincipalname", id, set);
    }
    let found = world.state.principals.iter().find(|(key, principal)| {
        principal.kind == set.kind
            && (*key == id || principal.upn.as_deref().is_some_and(|upn| upn.eq_ignore_ascii_case(id)))
    });
    let (key, principal) = found.ok_or_else(|| not_found(world, request, id))?;
    Ok(entity(set.path, selected(request, shown(world, key, principal, set))))
}

fn entity(set: &str, mut body: Map<String, Value>) -> Reply {
    let context = format!("{METADATA}#{set}/$entity");
    body.insert(String::from("@odata.context"), json!(context));
    Reply::json(200, &body)
}

fn list(world: &mut World, request: &Request, set: &Set) -> Result<Reply, Reply> {
    let filter = request.query("$filter").unwrap_or_default().trim();
    let alternatives = if filter.is_empty() {
        Vec::new()
    } else {
        parse_alternatives(filter).ok_or_else(|| bad_filter(world, request))?
    };
    for terms in &alternatives {
        if let [Term::Compare { name, operator, value }] = terms.as_slice()
            && operator == "eq"
        {
            appear(world, name, value, set);
        }
    }
    let mut found: Vec<Map<String, Value>> = Vec::new();
    for (id, principal) in world.state.principals.iter().filter(|(_, principal)| principal.kind == set.kind) {
        let body = shown(world, id, principal, set);
        let mut fits = alternatives.is_empty();
        for terms in &alternatives {
            let mut all = true;
            for term in terms {
                all = all && matches(&body, term).ok_or_else(|| bad_filter(world, request))?;
            }
            fits = fits || all;
        }
        if fits {
            found.push(body);
        }
    }
    let context = format!("{METADATA}#{}", set.path);
    paged(world, request, &context, found)
}

/// One page of a list.
fn paged(
    world: &World,
    request: &Request,
    context: &str,
    found: Vec<Map<String, Value>>,
) -> Result<Reply, Reply> {
    let count = found.len();
    let size = match request.query("$top").map(str::parse) {
        None => PAGE,
        Some(Ok(size)) if (1..=PAGE_LIMIT).contains(&size) => size,
        Some(_) => {
            let text = format!("Invalid page size specified. Must be between 1 and {PAGE_LIMIT} inclusive.");
            return Err(refusal(world, request, 400, "Request_UnsupportedQuery", &text));
        }
    };
    let skip: usize = request.query("$skiptoken").and_then(|token| token.parse().ok()).unwrap_or_default();
    let items: Vec<_> = found.into_iter().skip(skip).take(size).map(|body| selected(request, body)).collect();
    let mut body = json!({"@odata.context": context});
    if request.query("$count") == Some("true") {
        body["@odata.count"] = json!(count);
    }
    if skip.saturating_add(items.len()) < count {
        body["@odata.nextLink"] = json!(request.next_link(&(skip + items.len()).to_string()));
    }
    body["value"] = json!(items);
    Ok(Reply::json(200, &body))
}

fn get_by_ids(world: &World, request: &Request) -> Result<Reply, Reply> {
    let body = body(world, request)?;
    let Some(ids) = body.get("ids").and_then(Value::as_array) else {
        return Err(refusal(world, request, 400, "Request_BadRequest", "The parameter 'ids' is required."));
    };
    if ids.len() > IDS_LIMIT {
        let text = format!("Too many ids were given: {}. The maximum is {IDS_LIMIT}.", ids.len());
        return Err(refusal(world, request, 400, "Request_BadRequest", &text));
    }
    let types: Option<Vec<&str>> = body
        .get("types")
        .and_then(Value::as_array)
        .map(|types| types.iter().filter_map(Value::as_str).collect());
    let asks_for_any = types
        .as_ref()
        .is_some_and(|types| types.iter().any(|kind| kind.eq_ignore_ascii_case("directoryObject")));
    let mut found = Vec::new();
    for id in ids.iter().filter_map(Value::as_str).map(str::to_lowercase) {
        let Some(principal) = world.state.principals.get(&id) else {
            let is_deleted = world.state.deleted_principals.contains_key(&id);
            if asks_for_any && !world.strict && !is_deleted && directory::by_app_id(world, &id).is_none() {
                found.push(stranger(&id));
            }
            continue;
        };
        let Some(set) = set_of(&principal.kind) else { continue };
        let wanted = types.as_ref().is_none_or(|types| {
            types.iter().any(|kind| {
                kind.eq_ignore_ascii_case(set.odata) || kind.eq_ignore_ascii_case("directoryObject")
            })
        });
        if wanted {
            let mut body = selected(request, shown(world, &id, principal, set));
            body.insert(String::from("@odata.type"), json!(format!("#microsoft.graph.{}", set.odata)));
            found.push(body);
        }
    }
    let context = format!("{METADATA}#directoryObjects");
    let reply = Reply::json(200, &json!({"@odata.context": context, "value": found}));
    Ok(reply.with("location", "https://graph.microsoft.com"))
}

fn member_of(world: &World, request: &Request, set: &Set, id: &str) -> Result<Reply, Reply> {
    if world.state.principals.get(id).is_none_or(|principal| principal.kind != set.kind) {
        return Err(not_found(world, request, id));
    }
    let groups: Vec<_> = directory::groups_of(world, id)
        .iter()
        .filter_map(|group| Some(shown(world, group, world.state.principals.get(group)?, &SETS[1])))
        .map(|mut body| {
            body.insert(String::from("@odata.type"), json!("#microsoft.graph.group"));
            body
        })
        .collect();
    let context = format!("{METADATA}#directoryObjects");
    Ok(Reply::json(200, &json!({"@odata.context": context, "value": groups})))
}

fn members(world: &World, request: &Request, group: &str, nested: bool) -> Result<Reply, Reply> {
    if world.state.principals.get(group).is_none_or(|principal| principal.kind != "Group") {
        return Err(not_found(world, request, group));
    }
    let members = directory::members_of(world, group, nested);
    let found: Vec<Map<String, Value>> = members
        .iter()
        .filter_map(|id| {
            let principal = world.state.principals.get(id)?;
            let set = set_of(&principal.kind)?;
            let mut body = shown(world, id, principal, set);
            body.insert(String::from("@odata.type"), json!(format!("#microsoft.graph.{}", set.odata)));
            Some(body)
        })
        .collect();
    paged(world, request, &format!("{METADATA}#directoryObjects"), found)
}

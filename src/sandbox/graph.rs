//! Microsoft Graph, as far as one asks it who someone is: users, groups, service principals.
//!
//! Reads the directory; writing to it is `directory`. Unless strict, a user or a group that is
//! asked for by name exists from then on, like a resource group that is used.

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::directory;
use super::filter::{Term, parse_alternatives};
use super::http::{Reply, Request};
use super::state::Principal;
use super::world::{World, seconds};

/// Graph names its own host here, however it was reached.
const METADATA: &str = "https://graph.microsoft.com/v1.0/$metadata";
/// Items on a page if the client does not say.
const PAGE: usize = 100;
/// Items on a page at most.
const PAGE_LIMIT: usize = 999;
/// Requests in a batch at most.
const BATCH_LIMIT: usize = 20;
/// Ids in one look-up at most.
const IDS_LIMIT: usize = 1000;

/// A set of objects: its path, its kind in the directory, its type in Graph.
struct Set {
    path: &'static str,
    kind: &'static str,
    odata: &'static str,
}

const SETS: &[Set] = &[
    Set { path: "users", kind: "User", odata: "user" },
    Set { path: "groups", kind: "Group", odata: "group" },
    Set { path: "servicePrincipals", kind: "ServicePrincipal", odata: "servicePrincipal" },
];

fn set_of(kind: &str) -> Option<&'static Set> {
    SETS.iter().find(|set| set.kind == kind)
}

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
    let mut body = json!({"@odata.context": format!("{METADATA}#{}", set.path)});
    if request.query("$count") == Some("true") {
        body["@odata.count"] = json!(count);
    }
    if skip.saturating_add(items.len()) < count {
        body["@odata.nextLink"] = json!(request.next_link(&(skip + items.len()).to_string()));
    }
    body["value"] = json!(items);
    Ok(Reply::json(200, &body))
}

/// Unless strict, users and groups exist when they are asked for by name.
fn appear(world: &mut World, field: &str, value: &str, set: &Set) {
    let known = world.state.principals.values().any(|principal| {
        principal.kind == set.kind
            && (principal.name.eq_ignore_ascii_case(value)
                || principal.upn.as_deref().is_some_and(|upn| upn.eq_ignore_ascii_case(value)))
    });
    if world.strict || known || value.is_empty() {
        return;
    }
    let (id, principal) = match (set.kind, field) {
        ("User", "userprincipalname") => {
            let name = value.split('@').next().unwrap_or(value);
            let principal = Principal { upn: Some(value.to_owned()), ..Principal::new("User", name) };
            (directory::user_id(value), principal)
        }
        ("Group", "displayname") => (directory::group_id(value), Principal::new("Group", value)),
        _ => return,
    };
    world.state.principals.insert(id.to_string(), principal);
}

/// Whether an object fits a condition; nothing if Graph would not understand it.
fn matches(body: &Map<String, Value>, term: &Term) -> Option<bool> {
    let field =
        |name: &str| body.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let same = |value: &Value, wanted: &str| match value {
        Value::String(text) => text.eq_ignore_ascii_case(wanted),
        Value::Bool(flag) => wanted == if *flag { "true" } else { "false" },
        Value::Null => wanted == "null",
        _ => false,
    };
    match term {
        Term::Compare { name, operator, value } => match (field(name)?, operator.as_str()) {
            (found, "eq") => Some(same(found, value)),
            (found, "ne") => Some(!same(found, value)),
            _ => None,
        },
        Term::In { name, values } => {
            let found = field(name)?;
            Some(values.iter().any(|value| same(found, value)))
        }
        Term::Call { name, arguments } => match (name.as_str(), arguments.as_slice()) {
            ("startswith", [name, start]) => {
                let text = field(name)?.as_str().unwrap_or_default().to_lowercase();
                Some(text.starts_with(&start.to_lowercase()))
            }
            (name, [_, operator, value]) if operator == "eq" => {
                let list = field(name.strip_suffix("/any")?)?.as_array()?;
                Some(list.iter().any(|item| same(item, value)))
            }
            _ => None,
        },
    }
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
            if asks_for_any && !world.strict && directory::by_app_id(world, &id).is_none() {
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

/// Unless strict, any id may become a principal by being used; until then nobody knows of what type. Only who asks for
/// `directoryObject` by name is told: others expect one of the types below it.
fn stranger(id: &str) -> Map<String, Value> {
    let known = [("@odata.type", json!("#microsoft.graph.directoryObject")), ("id", json!(id))];
    known.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
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

fn batch(world: &mut World, request: &Request) -> Reply {
    let body = match body(world, request) {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let parts = body.get("requests").and_then(Value::as_array).cloned().unwrap_or_default();
    if parts.is_empty() || parts.len() > BATCH_LIMIT {
        let text = format!("Number of batch request steps must be between 1 and {BATCH_LIMIT}.");
        return refusal(world, request, 400, "BadRequest", &text);
    }
    let mut answers = Vec::new();
    for part in &parts {
        let text = |name: &str| part.get(name).and_then(Value::as_str).unwrap_or_default();
        let reply = match part_request(request, text("method"), text("url"), part.get("body")) {
            Some(inner) => {
                let path = inner.segments.clone();
                one(world, &inner, &path).unwrap_or_else(|refusal| refusal)
            }
            None => refusal(world, request, 400, "BadRequest", "Invalid batch request step."),
        };
        let status = reply.status;
        let content: Value = serde_json::from_slice(&reply.content.text()).unwrap_or_default();
        answers.push(json!({
            "id": text("id"),
            "status": status,
            "headers": {"Content-Type": "application/json"},
            "body": content,
        }));
    }
    Reply::json(200, &json!({"responses": answers}))
}

/// One step of a batch as a request of its own; its URL is relative to the version.
fn part_request(request: &Request, method: &str, url: &str, body: Option<&Value>) -> Option<Request> {
    let base = url::Url::parse("http://localhost/").ok()?;
    let url = base.join(url.trim_start_matches('/')).ok().filter(|url| url.host() == base.host())?;
    Some(Request {
        method: method.parse().ok()?,
        path: format!("/v1.0{}", url.path()),
        segments: super::http::segments(url.path()),
        query: url.query_pairs().into_owned().collect(),
        body: body.map(|body| super::http::to_json(body).into_bytes()).unwrap_or_default(),
        ..request.clone()
    })
}

fn body(world: &World, request: &Request) -> Result<Map<String, Value>, Reply> {
    request.json_object().map_err(|_| {
        refusal(world, request, 400, "BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
    })
}

/// An object as Graph shows it without `$select`.
fn shown(world: &World, id: &str, principal: &Principal, set: &Set) -> Map<String, Value> {
    let name = &principal.name;
    let body = match set.kind {
        "User" => json!({
            "id": id, "businessPhones": [], "displayName": name, "givenName": null, "jobTitle": null, "mail": null,
            "mobilePhone": null, "officeLocation": null, "preferredLanguage": null, "surname": null,
            "userPrincipalName": principal.upn.clone().unwrap_or_else(|| format!("{name}@sandbox.invalid")),
        }),
        "Group" => json!({
            "id": id, "deletedDateTime": null, "classification": null, "description": null, "displayName": name,
            "expirationDateTime": null, "groupTypes": [], "isAssignableToRole": null, "mail": null,
            "mailEnabled": false, "mailNickname": name.replace(' ', ""), "membershipRule": null,
            "onPremisesSyncEnabled": null, "proxyAddresses": [], "renewedDateTime": null,
            "securityEnabled": true, "visibility": null,
        }),
        _ => {
            let app = principal.app_id.as_deref().unwrap_or(id);
            json!({
                "id": id, "deletedDateTime": null, "accountEnabled": true, "alternativeNames": [],
                "appDisplayName": if principal.managed { Value::Null } else { json!(name) },
                "appDescription": null, "appId": app,
                "appOwnerOrganizationId": if principal.managed { Value::Null } else { json!(world.state.tenant) },
                "appRoleAssignmentRequired": false, "description": null, "displayName": name, "homepage": null,
                "replyUrls": [], "servicePrincipalNames": [app],
                "servicePrincipalType": if principal.managed { "ManagedIdentity" } else { "Application" },
                "signInAudience": if principal.managed { Value::Null } else { json!("AzureADMyOrg") },
                "tags": [], "addIns": [], "appRoles": [], "keyCredentials": [], "oauth2PermissionScopes": [],
                "passwordCredentials": [], "applicationTemplateId": null, "disabledByMicrosoftStatus": null,
                "loginUrl": null, "logoutUrl": null, "notes": null, "notificationEmailAddresses": [],
                "preferredSingleSignOnMode": null, "preferredTokenSigningKeyThumbprint": null,
                "tokenEncryptionKeyId": null, "samlSingleSignOnSettings": null,
                "resourceSpecificApplicationPermissions": [],
                "info": {
                    "logoUrl": null, "marketingUrl": null, "privacyStatementUrl": null, "supportUrl": null,
                    "termsOfServiceUrl": null,
                },
                "verifiedPublisher": {"displayName": null, "verifiedPublisherId": null, "addedDateTime": null},
            })
        }
    };
    match body {
        Value::Object(body) => body,
        _ => Map::new(),
    }
}

fn selected(request: &Request, body: Map<String, Value>) -> Map<String, Value> {
    let Some(select) = request.query("$select") else { return body };
    let wanted: Vec<&str> = select.split(',').map(str::trim).collect();
    body.into_iter()
        .filter(|(name, _)| wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(name)))
        .collect()
}

/// Graph's own form of an error.
fn refusal(world: &World, request: &Request, status: u16, code: &str, message: &str) -> Reply {
    let date = seconds(world.now.as_millisecond());
    let client = request.header("client-request-id").unwrap_or(&request.id);
    Reply::json(
        status,
        &json!({"error": {
            "code": code,
            "message": message,
            "innerError": {"date": date.trim_end_matches('Z'), "request-id": request.id, "client-request-id": client},
        }}),
    )
}

fn not_found(world: &World, request: &Request, id: &str) -> Reply {
    let text = format!(
        "Resource '{id}' does not exist or one of its queried reference-property objects are not present."
    );
    refusal(world, request, 404, "Request_ResourceNotFound", &text)
}

fn bad_filter(world: &World, request: &Request) -> Reply {
    refusal(world, request, 400, "BadRequest", "Invalid filter clause: the sandbox does not understand it.")
}

fn unknown_segment(world: &World, request: &Request, segment: &str) -> Reply {
    refusal(world, request, 400, "BadRequest", &format!("Resource not found for the segment '{segment}'."))
}

fn not_allowed(world: &World, request: &Request) -> Reply {
    refusal(
        world,
        request,
        405,
        "Request_BadRequest",
        "Specified HTTP method is not allowed for the request target.",
    )
}

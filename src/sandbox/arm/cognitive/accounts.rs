//! Microsoft.CognitiveServices/accounts: create, read, change, delete, list, keys.
//!
//! Which writes are long-running, and with which status and headers, follows recordings
//! (ARM answers 201, 200 and 202 for them); see docs/sandbox.md for what was never recorded.

use serde_json::{Map, Value, json};

use super::account_write::{Mode, Write};
use super::{
    account_body as body, account_facts as facts, account_write as write, capability_hosts, children,
    projects,
};
use crate::sandbox::arm::operations::announce;
use crate::sandbox::arm::versions;
use crate::sandbox::http::{Item, Reply, Request, errors, page};
use crate::sandbox::state::{
    Account, DeletedAccount, Identity, Operation, Principal, World, account_key, derived_id,
};

const TYPE: &str = "Microsoft.CognitiveServices/accounts";
/// Accounts on one page of a list.
pub(crate) const PAGE: usize = 200;
/// How long a soft-deleted account can be restored.
const RETENTION_MILLIS: i64 = 48 * 60 * 60 * 1000;

/// An account, as named in a URL.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AccountPlace<'a> {
    pub(crate) subscription: &'a str,
    pub(crate) group: &'a str,
    pub(crate) name: &'a str,
    /// Whether the request asks with a version that has the fields of 2026.
    pub(crate) late: bool,
    /// Whether the answer shows what no description has.
    pub(crate) shows_more: bool,
}

impl AccountPlace<'_> {
    fn key(&self) -> String {
        account_key(self.subscription, self.group, self.name)
    }

    fn not_found(&self) -> Reply {
        errors::resource_not_found(TYPE, self.name, self.group)
    }
}

fn shown(world: &World, status: u16, account: &Account, place: AccountPlace) -> Reply {
    let more = place.shows_more.then(|| body::More { projects: project_names(world, &place.key()) });
    let scope = Some((place.subscription, place.group));
    Reply::text(status, body::live(account, scope, place.late, more.as_ref()))
        .with("etag", body::account_etag(account))
}

/// The names of an account's projects.
fn project_names(world: &World, account: &str) -> Vec<String> {
    let prefix = format!("{account}/projects/");
    let all = world.state.children_below(&prefix).filter(|(key, _)| !key[prefix.len()..].contains('/'));
    all.map(|(_, project)| project.name.clone()).collect()
}

/// `GET account`.
pub(crate) fn get(world: &World, place: AccountPlace) -> Reply {
    match world.state.accounts.get(&place.key()) {
        Some(account) => shown(world, 200, account, place),
        None => place.not_found(),
    }
}

/// `PUT account`: new 201, existing 200, soft-deleted refused or restored.
pub(crate) fn put(world: &mut World, request: &Request, place: AccountPlace) -> Result<Reply, Reply> {
    let write = write::read(request.json_object()?, place.late)?;
    if world.state.accounts.contains_key(&place.key()) {
        return replace(world, request, place, &write);
    }
    let Some(location) = write.location.as_deref().filter(|location| !location.trim().is_empty()) else {
        return Err(errors::location_required());
    };
    if let Some(deleted) = world.state.deleted_accounts.get(&place.key()) {
        if !write.restore {
            let id = body::account_id(&deleted.account, Some((place.subscription, place.group)));
            return Err(errors::soft_deleted(&id));
        }
        return Ok(restore(world, request, place));
    }
    create(world, request, place, &write, location)
}

fn create(
    world: &mut World,
    request: &Request,
    place: AccountPlace,
    sent: &Write,
    location: &str,
) -> Result<Reply, Reply> {
    let kind = sent.kind.as_deref().unwrap_or_default();
    let Some(known) = facts::of(kind) else {
        let message = format!("The account type '{kind}' is either invalid or unavailable in given region.");
        return Err(errors::bad_request("InvalidApiSetId", &message));
    };
    let Some(sku) = sent.sku.clone() else {
        return Err(errors::invalid_content("Required property 'sku' not found"));
    };
    if !is_name(place.name) {
        let message = format!("The account name '{}' is invalid.", place.name);
        return Err(errors::bad_request("AccountNameInvalid", &message));
    }
    let key = place.key();
    let stamp = world.stamp(&request.caller);
    let mut account = Account {
        subscription: place.subscription.to_owned(),
        group: place.group.to_owned(),
        name: place.name.to_owned(),
        location: location.to_owned(),
        kind: known.kind.to_owned(),
        sku,
        tags: None,
        identity: None,
        properties: Map::new(),
        created: stamp.clone(),
        modified: stamp,
        date_created: world.timestamp(),
        incarnation: world.state.incarnations.get(&key).copied().unwrap_or_default() + 1,
        revision: 0,
        keys: [0, 0],
        transition: None,
    };
    write::lay_over(&mut account, sent, Mode::Replace, &world.state.tenant)?;
    refuse_taken_subdomain(world, &account, None)?;
    refuse_unreadable_key(world, &account, None)?;
    world.state.incarnations.insert(key, account.incarnation);
    world.remember_group(place.subscription, place.group);
    if facts::is_immediate(kind) {
        return Ok(store(world, account, place, 201));
    }
    Ok(start(
        world,
        request,
        account,
        place,
        Start { status: 201, state: "Creating", doing: "Creating", location: false },
    ))
}

fn replace(world: &mut World, request: &Request, place: AccountPlace, sent: &Write) -> Result<Reply, Reply> {
    let mut account = existing(world, place)?;
    if let Some(location) = &sent.location
        && !same_place(location, &account.location)
    {
        return Err(errors::resource_elsewhere(place.name, place.group, &account.location, location));
    }
    let upgraded = upgrade(&mut account, sent)?;
    let injected = account.properties.contains_key("networkInjections");
    if let (true, Some(name)) = (injected, sent.properties.get("customSubDomainName").and_then(Value::as_str))
    {
        // https://github.com/Azure/bicep/issues/17663
        return Err(errors::subdomain_in_use(name));
    }
    let before = account.subdomain().map(str::to_owned);
    let key = account.properties.get("encryption").cloned();
    write::refuse_late_storage(&account, sent, version(request))?;
    write::lay_over(&mut account, sent, Mode::Replace, &world.state.tenant)?;
    refuse_unfit(&account, upgraded)?;
    refuse_taken_subdomain(world, &account, before.as_deref())?;
    refuse_unreadable_key(world, &account, key.as_ref())?;
    account.modified = world.stamp(&request.caller);
    account.revision += 1;
    if account.kind != "AIServices" {
        return Ok(store(world, account, place, 200));
    }
    Ok(start(
        world,
        request,
        account,
        place,
        Start { status: 200, state: "Accepted", doing: "Updating", location: false },
    ))
}

/// Azure upgrades OpenAI accounts in place; no other kind changes. Whether this is such a write.
fn upgrade(account: &mut Account, sent: &Write) -> Result<bool, Reply> {
    let Some(kind) = sent.kind.as_deref().filter(|kind| !kind.eq_ignore_ascii_case(&account.kind)) else {
        return Ok(false);
    };
    if !(account.kind == "OpenAI" && kind.eq_ignore_ascii_case("AIServices")) {
        return Err(errors::bad_request("BadRequest", "The kind of an account cannot be changed."));
    }
    account.kind = String::from("AIServices");
    Ok(true)
}

/// What Azure requires of an account that is upgraded; the text of the refusal is not recorded.
fn refuse_unfit(account: &Account, upgraded: bool) -> Result<(), Reply> {
    let identity = account.identity.as_ref().and_then(|identity| identity.principal_id.as_ref());
    if !upgraded || (identity.is_some() && account.subdomain().is_some()) {
        return Ok(());
    }
    let message = "To change the kind to AIServices, the account needs a system assigned managed identity and a custom subdomain name.";
    Err(errors::bad_request("BadRequest", message))
}

fn restore(world: &mut World, request: &Request, place: AccountPlace) -> Reply {
    let Some(deleted) = world.state.deleted_accounts.remove(&place.key()) else {
        return place.not_found();
    };
    let mut account = deleted.account;
    account.created = world.stamp(&request.caller);
    account.modified = account.created.clone();
    account.revision += 1;
    store(world, account, place, 201)
}

/// `PATCH account`: tags and sku at once, everything else as an operation.
pub(crate) fn patch(world: &mut World, request: &Request, place: AccountPlace) -> Result<Reply, Reply> {
    let body = request.json_object()?;
    let identity = body.get("identity").is_some_and(|identity| !identity.is_null());
    let sent = write::read(body, place.late)?;
    let mut account = existing(world, place)?;
    let before = account.subdomain().map(str::to_owned);
    let key = account.properties.get("encryption").cloned();
    write::refuse_late_storage(&account, &sent, version(request))?;
    let upgraded = upgrade(&mut account, &sent)?;
    write::lay_over(&mut account, &sent, Mode::Merge, &world.state.tenant)?;
    refuse_unfit(&account, upgraded)?;
    refuse_taken_subdomain(world, &account, before.as_deref())?;
    refuse_unreadable_key(world, &account, key.as_ref())?;
    account.modified = world.stamp(&request.caller);
    account.revision += 1;
    if (sent.properties.is_empty() && !identity) || facts::is_immediate(&account.kind) {
        return Ok(store(world, account, place, 200));
    }
    Ok(start(
        world,
        request,
        account,
        place,
        Start { status: 202, state: "Accepted", doing: "Updating", location: true },
    ))
}

/// `DELETE account`: soft, at once, without content.
pub(crate) fn delete(world: &mut World, place: AccountPlace) -> Result<Reply, Reply> {
    if !world.state.accounts.contains_key(&place.key()) {
        return Ok(Reply::empty(204));
    }
    existing(world, place)?;
    let projects = projects::names(world, place);
    if !projects.is_empty() {
        return Err(errors::nested_resources(&projects));
    }
    soft_delete(world, &place.key());
    Ok(Reply::empty(200))
}

/// Soft-deletes an account; its role assignments and locks are removed.
pub(crate) fn soft_delete(world: &mut World, key: &str) {
    let Some(mut account) = world.state.accounts.remove(key) else { return };
    world.forget_identity(account.identity.as_ref(), None);
    account.revision += 1;
    account.transition = None;
    // Only when its group is deleted: otherwise an account with projects is refused.
    let projects: Vec<String> =
        world.state.children_below(&format!("{key}/projects/")).map(|(key, _)| key.to_owned()).collect();
    for project in projects {
        world.remove_child(&project);
    }
    let deleted_at = world.now.as_millisecond();
    let purge_at = deleted_at.saturating_add(RETENTION_MILLIS);
    world.state.deleted_accounts.insert(key.to_owned(), DeletedAccount { account, deleted_at, purge_at });
    world.forget_scope(key);
}

/// `GET accounts` of a subscription, or of one group.
pub(crate) fn list(world: &World, request: &Request, subscription: &str, group: Option<&str>) -> Reply {
    let prefix = match group {
        Some(group) => format!("/subscriptions/{subscription}/resourcegroups/{group}/"),
        None => format!("/subscriptions/{subscription}/"),
    };
    let prefix = prefix.to_lowercase();
    let (late, more) = (versions::is_late(request), versions::shows_more(request));
    let items =
        world.state.accounts.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix)).map(
            |(key, account)| {
                let scope = group.map(|group| (subscription.to_owned(), group.to_owned()));
                let more = more.then(|| body::More { projects: project_names(world, key) });
                // The body is 40 times as large, so it is written only when it is sent.
                let item = move || -> Item {
                    let (account, more) = (account.clone(), more.clone());
                    Box::new(move || {
                        let scope = scope
                            .as_ref()
                            .map(|(subscription, group)| (subscription.as_str(), group.as_str()));
                        body::live(&account, scope, late, more.as_ref())
                    })
                };
                (key.as_str(), item)
            },
        );
    page(request, PAGE, items)
}

/// `POST account/listKeys`.
pub(crate) fn list_keys(world: &mut World, place: AccountPlace) -> Result<Reply, Reply> {
    keys(world, place, None)
}

/// `POST account/regenerateKey`.
pub(crate) fn regenerate_key(
    world: &mut World,
    request: &Request,
    place: AccountPlace,
) -> Result<Reply, Reply> {
    let body = request.json_object()?;
    let name = body.get("keyName").and_then(Value::as_str).unwrap_or_default();
    match name.to_lowercase().as_str() {
        "key1" => keys(world, place, Some(0)),
        "key2" => keys(world, place, Some(1)),
        _ => Err(errors::bad_request("InvalidKeyName", &format!("The key name '{name}' is not valid."))),
    }
}

fn keys(world: &mut World, place: AccountPlace, regenerate: Option<usize>) -> Result<Reply, Reply> {
    let secret = world.state.secret.clone();
    let Some(account) = world.state.accounts.get_mut(&place.key()) else {
        return Err(place.not_found());
    };
    if account.properties.get("disableLocalAuth") == Some(&Value::Bool(true)) {
        return Err(errors::bad_request(
            "BadRequest",
            "Failed to list key. disableLocalAuth is set to be true",
        ));
    }
    if let Some(key) = regenerate.and_then(|index| account.keys.get_mut(index)) {
        *key += 1;
    }
    // Even reading keys changes the etag.
    account.revision += 1;
    Ok(Reply::json(
        200,
        &json!({"key1": body::key(account, &secret, 0), "key2": body::key(account, &secret, 1)}),
    ))
}

/// The account, refused if it is missing or busy.
fn existing(world: &World, place: AccountPlace) -> Result<Account, Reply> {
    let account = world.state.accounts.get(&place.key()).ok_or_else(|| place.not_found())?;
    let id = |account: &Account| body::account_id(account, Some((place.subscription, place.group)));
    match &account.transition {
        Some(state) => Err(errors::account_busy(&id(account), state)),
        None if children::is_busy_below(world, &place.key()) => Err(errors::request_conflict(&id(account))),
        None => Ok(account.clone()),
    }
}

/// How a long-running write is answered.
#[derive(Debug, Clone, Copy)]
struct Start {
    status: u16,
    /// `provisioningState` of the account while the operation runs.
    state: &'static str,
    /// Status of the operation while it runs.
    doing: &'static str,
    /// Whether the answer has a `Location` header too.
    location: bool,
}

fn start(
    world: &mut World,
    request: &Request,
    mut account: Account,
    place: AccountPlace,
    how: Start,
) -> Reply {
    capability_hosts::make_own(world, &account);
    account.transition = Some(how.state.to_owned());
    let operation = Operation {
        subscription: place.subscription.to_owned(),
        location: account.location.clone(),
        status: how.doing.to_owned(),
        account: Some(place.key()),
        started_at: world.now.as_millisecond(),
        done_at: world.done_at(),
        over: false,
    };
    let id = account.derived_id(&format!("operation:{}", account.revision)).to_string();
    let reply = store(world, account, place, how.status);
    let reply = announce(reply, request, &operation, &id, how.location);
    world.start_operation(id, operation);
    reply
}

/// Puts an account into the state, and its identities into the directory.
fn store(world: &mut World, account: Account, place: AccountPlace, status: u16) -> Reply {
    let reply = shown(world, status, &account, place);
    let old = world.state.accounts.get(&place.key()).and_then(|old| old.identity.clone());
    world.forget_identity(old.as_ref(), account.identity.as_ref());
    if let Some(identity) = &account.identity {
        know(world, identity, &account.name);
    }
    world.state.accounts.insert(place.key(), account);
    reply
}

/// Puts the principals of an identity into the directory.
pub(super) fn know(world: &mut World, identity: &Identity, owner: &str) {
    let mut known = |id: &str, client: String, name: &str| {
        world.state.deleted_principals.remove(id);
        world.state.principals.insert_if_absent(id.to_owned(), || Principal {
            app_id: Some(client),
            managed: true,
            ..Principal::new("ServicePrincipal", name)
        });
    };
    if let Some(id) = &identity.principal_id {
        known(id, derived_id(&format!("client:{id}")).to_string(), owner);
    }
    for (resource, assigned) in &identity.user_assigned_identities {
        let name = resource.rsplit('/').next().unwrap_or_default();
        known(&assigned.principal_id, assigned.client_id.clone(), name);
    }
}

/// Whether an account has this subdomain, soft-deleted accounts included.
pub(super) fn subdomain_taken(world: &World, name: &str, except: &str) -> bool {
    let live = world.state.accounts.iter();
    let deleted = world.state.deleted_accounts.iter().map(|(key, deleted)| (key, &deleted.account));
    live.chain(deleted).any(|(key, account)| {
        key != except && account.subdomain().is_some_and(|taken| taken.eq_ignore_ascii_case(name))
    })
}

fn version(request: &Request) -> &str {
    request.query("api-version").unwrap_or_default()
}

/// Refuses a customer-managed key if the account's own identity has no role for the vault; a new account's identity cannot have
/// one. The sandbox knows neither the access policies of a vault nor the owner of a client id.
fn refuse_unreadable_key(world: &World, account: &Account, before: Option<&Value>) -> Result<(), Reply> {
    let Some(encryption) = account.properties.get("encryption").filter(|sent| Some(*sent) != before) else {
        return Ok(());
    };
    let key = encryption.get("keyVaultProperties");
    let text = |name: &str| key.and_then(|key| key.get(name)).and_then(Value::as_str);
    let vaulted = encryption.get("keySource").and_then(Value::as_str) == Some("Microsoft.KeyVault");
    let (Some(uri), true, None) = (text("keyVaultUri"), vaulted, text("identityClientId")) else {
        return Ok(());
    };
    let host = uri.trim_start_matches("https://").split('.').next().unwrap_or_default().to_lowercase();
    let principal = account.identity.as_ref().and_then(|identity| identity.principal_id.as_deref());
    let reaches = |scope: &str| {
        let scope = format!("{}/", scope.to_lowercase());
        let (vault, hsm) = (format!("/vaults/{host}/"), format!("/managedhsms/{host}/"));
        scope.contains(&vault) || scope.contains(&hsm) || !scope.contains("/providers/")
    };
    let mut roles = world.state.role_assignments.iter();
    if roles.any(|role| Some(role.principal_id.as_str()) == principal && reaches(&role.scope)) {
        return Ok(());
    }
    Err(errors::key_not_readable(uri))
}

fn refuse_taken_subdomain(world: &World, account: &Account, before: Option<&str>) -> Result<(), Reply> {
    match account.subdomain() {
        Some(name) if before.is_none() && subdomain_taken(world, name, &account.key()) => {
            Err(errors::subdomain_in_use(name))
        }
        _ => Ok(()),
    }
}

/// Locations compare without case and spaces: `West Europe` is `westeurope`.
pub(crate) fn same_place(left: &str, right: &str) -> bool {
    let plain = |text: &str| text.replace(' ', "").to_lowercase();
    plain(left) == plain(right)
}

/// 2 to 64 letters, digits, `_`, `.`, `-`, the first a letter or digit.
pub(crate) fn is_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
    let rest = name.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"_.-".contains(&letter));
    first && rest && (2..=64).contains(&name.len())
}

//! Writes the body of an account: properties that clients set, with Azure's order and additions.
//!
//! Input is an account of the state; output JSON text. Changes nothing.

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::account_facts as facts;
use crate::sandbox::arm::operations::etag;
use crate::sandbox::http::ObjectText;
use crate::sandbox::state::{Account, DeletedAccount, Stamp, world};

/// Properties in the order in which Azure writes those that are set by clients.
const ORDER: &[&str] = &[
    "customSubDomainName",
    "networkAcls",
    "encryption",
    "userOwnedStorage",
    "amlWorkspace",
    "apiProperties",
    "dynamicThrottlingEnabled",
    "storedCompletionsDisabled",
    "restrictOutboundNetworkAccess",
    "allowedFqdnList",
    "disableLocalAuth",
    "locations",
    "raiMonitorConfig",
    "networkInjections",
    "allowProjectManagement",
    "defaultProject",
    "associatedProjects",
];

/// Kinds that always show this key of another service as null.
const SHOW_SEARCH_KEY: &[&str] = &["AIServices", "TextAnalytics", "QnAMaker.v2"];
/// Parts of `apiProperties` that are write-only.
const SECRETS: &[&str] =
    &["qnaAzureSearchEndpointKey", "eventHubConnectionString", "storageAccountConnectionString"];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SystemData<'a> {
    created_by: &'a str,
    created_by_type: &'a str,
    created_at: &'a str,
    last_modified_by: &'a str,
    last_modified_by_type: &'a str,
    last_modified_at: &'a str,
}

/// `systemData`: who created a resource and who changed it last.
pub(super) fn system_data<'a>(created: &'a Stamp, modified: &'a Stamp) -> SystemData<'a> {
    SystemData {
        created_by: &created.by,
        created_by_type: &created.kind,
        created_at: &created.at,
        last_modified_by: &modified.by,
        last_modified_by_type: &modified.kind,
        last_modified_at: &modified.at,
    }
}

/// The account's `etag`, which every step changes.
pub(super) fn account_etag(account: &Account) -> String {
    let changed: i64 =
        account.modified.at.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_millisecond);
    etag(&account.derived_id("etag").to_string(), account.revision, changed)
}

/// ARM id of an account, in the casing of a request where one is given.
pub(super) fn account_id(account: &Account, scope: Option<(&str, &str)>) -> String {
    let (subscription, group) = scope.unwrap_or((&account.subscription, &account.group));
    format!(
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.CognitiveServices/accounts/{}",
        account.name
    )
}

/// What answers of the generally available versions of 2026 show besides, in no description of the API.
#[derive(Debug, Clone)]
pub(crate) struct More {
    /// The names of the account's projects.
    pub(crate) projects: Vec<String>,
}

/// Properties that only the versions of 2026 have.
const LATE: &[&str] = &["storedCompletionsDisabled"];

/// Body of a live account. `scope` is the subscription and group of the URL, whose casing the id echoes.
pub(crate) fn live(
    account: &Account,
    scope: Option<(&str, &str)>,
    late: bool,
    more: Option<&More>,
) -> String {
    let id = account_id(account, scope);
    body(account, &id, "Microsoft.CognitiveServices/accounts", None, (late, more))
}

/// Body of a soft-deleted account.
pub(crate) fn deleted(deleted: &DeletedAccount) -> String {
    let account = &deleted.account;
    let id = format!(
        "/subscriptions/{}/providers/Microsoft.CognitiveServices/locations/{}/resourceGroups/{}/deletedAccounts/{}",
        account.subscription, account.location, account.group, account.name
    );
    body(
        account,
        &id,
        "Microsoft.CognitiveServices/deletedAccounts",
        Some((deleted.deleted_at, deleted.purge_at)),
        (false, None),
    )
}

fn body(
    account: &Account,
    id: &str,
    kind: &str,
    dates: Option<(i64, i64)>,
    edition: (bool, Option<&More>),
) -> String {
    let mut text = ObjectText::new();
    text.field("id", &id)
        .field("name", &account.name)
        .field("type", &kind)
        .field("etag", &account_etag(account))
        .field("location", &account.location)
        .field("sku", &account.sku)
        .field("kind", &account.kind)
        .optional("tags", account.tags.as_ref())
        .raw("properties", &properties(account, dates, edition))
        .optional("identity", account.identity.as_ref())
        .field("systemData", &system_data(&account.created, &account.modified));
    text.end()
}

fn properties(account: &Account, dates: Option<(i64, i64)>, (late, more): (bool, Option<&More>)) -> String {
    let facts = facts::of(&account.kind);
    let subdomain = account.subdomain();
    let mut text = ObjectText::new();
    if let Some(facts) = facts {
        text.field("endpoint", &facts.endpoint(subdomain, &account.location));
    }
    text.field("internalId", &account.derived_id("internal").simple().to_string())
        .field("dateCreated", &account.date_created);
    if let Some(facts) = facts {
        facts.write_limits(&mut text);
    }
    text.field("isMigrated", &false);
    for name in ORDER {
        match *name {
            "apiProperties" => text.optional(name, api_properties(account).as_ref()),
            // Shown although it was never set.
            "associatedProjects" if !account.properties.contains_key(*name) => {
                let projects = more.filter(|_| account.kind == "AIServices").map(|more| &more.projects);
                text.optional(name, projects)
            }
            name if !late && LATE.contains(&name) => &mut text,
            name => text.optional(name, account.properties.get(name)),
        };
    }
    if more.is_some() && account.kind == "AIServices" {
        text.raw("armFeatures", "[]");
    }
    text.raw("privateEndpointConnections", "[]");
    let access = account.properties.get("publicNetworkAccess").cloned().unwrap_or_else(|| json!("Enabled"));
    text.field("publicNetworkAccess", &access);
    if let Some(facts) = facts {
        facts.write_capabilities(&mut text, subdomain, &account.location);
    }
    if let Some((deleted_at, purge_at)) = dates {
        text.field("deletionDate", &world::millis(deleted_at))
            .field("scheduledPurgeDate", &world::millis(purge_at));
    }
    text.field("provisioningState", &account.transition.as_deref().unwrap_or("Succeeded"));
    text.end()
}

fn api_properties(account: &Account) -> Option<Value> {
    let mut shown =
        account.properties.get("apiProperties").and_then(Value::as_object).cloned().unwrap_or_default();
    for secret in SECRETS {
        if let Some(value) = shown.get_mut(*secret) {
            *value = Value::Null;
        }
    }
    if SHOW_SEARCH_KEY.contains(&account.kind.as_str()) {
        shown.insert(String::from("qnaAzureSearchEndpointKey"), Value::Null);
    }
    (!shown.is_empty()).then_some(Value::Object(shown))
}

/// One of the account's two keys: 32 hexadecimal digits that only this sandbox can compute.
pub(crate) fn key(account: &Account, secret: &str, index: usize) -> String {
    let generation = account.keys.get(index).copied().unwrap_or_default();
    let seed = format!("{secret}:{}:{index}:{generation}", account.derived_id("key"));
    let digest = Sha256::digest(seed.as_bytes());
    let half = digest.iter().take(16).fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    format!("{half:032x}")
}

//! Connections of accounts, of projects, and of existing hub workspaces.
//!
//! Azure never shows credentials (`credentials` is null in every answer), so they are never compared. A PUT replaces the whole connection,
//! so nothing is written to a live connection whose credentials the spec does not have.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    Compare, Comparing, Declaring, Described, Facts, Field, Kind, Reading, Section, Wording, Writing,
    account, children, merge, nearby, rules, shape,
};
use crate::document::PlannedChange;
use crate::finding::{Code, Finding};
use crate::id::ResourceId;
use crate::kinds::FieldChange;
use crate::kinds::desired::Desired;
use crate::snapshot::{Answer, Query, Snapshot};
use crate::spec::Loaded;
use crate::spec::model::{Account, Connection, ConnectionAuthType, ConnectionCredentials, Spec, Workspace};
use crate::spec::secrets::{is_telling, untold};
use crate::spec::structure::Fields;
use crate::spec::variables::secret_name;
use crate::text::json::{escape, member};
use crate::text::source::Span;

/// Where connections are.
enum ConnectionPlace {
    /// In accounts, and in their projects.
    Foundry,
    /// In hub workspaces.
    Hub,
}

/// The kind, one instance for each resource provider.
pub(super) struct Connections(ConnectionPlace);

/// Connections of accounts and projects.
pub(super) static FOUNDRY: Connections = Connections(ConnectionPlace::Foundry);
/// Connections of hub workspaces.
pub(super) static HUB: Connections = Connections(ConnectionPlace::Hub);

const WORKSPACE: &str = "Microsoft.MachineLearningServices/workspaces";
/// Generally available, and the version with which Microsoft's samples create hub connections.
const HUB_API: &str = "2024-10-01";

/// Members of `properties` that have the same name and shape in a spec.
const SAME: &[&str] = &["category", "target", "authType", "metadata", "isSharedToAll"];

fn id_of(spec: &Spec, workspace: &Workspace) -> ResourceId {
    let group = workspace.resource_group.as_deref().or(spec.resource_group.as_deref()).unwrap_or_default();
    ResourceId::resource_group(&spec.subscription, group).provider(WORKSPACE, &workspace.name)
}

fn of_projects(spec: &Spec) -> Vec<Section> {
    let mut sections = Vec::new();
    for (at, account) in spec.accounts.iter().enumerate() {
        let projects = account.projects.iter().flatten().enumerate();
        for (index, project) in projects.filter(|(_, project)| project.connections.is_some()) {
            let holder = account::id_of(spec, account);
            let parent = holder.child("projects", &project.name);
            sections.push(Section {
                pointer: format!("/accounts/{at}/projects/{index}/connections"),
                place: format!("{}/projects/{}", account::address_of(account), project.name),
                after: vec![account::key(&holder), children::key(&super::project::Projects, &parent)],
                parent,
            });
        }
    }
    sections
}

fn of_workspaces(spec: &Spec) -> Vec<Section> {
    let workspaces = spec.workspaces.iter().enumerate().filter(|(_, each)| each.connections.is_some());
    let section = |(index, workspace): (usize, &Workspace)| Section {
        pointer: format!("/workspaces/{index}/connections"),
        parent: id_of(spec, workspace),
        place: match &workspace.resource_group {
            Some(group) => format!("resourceGroups/{group}/workspaces/{}", workspace.name),
            None => format!("workspaces/{}", workspace.name),
        },
        after: Vec::new(),
    };
    workspaces.map(section).collect()
}

/// The elements of one list of connections, with their pointers.
fn listed(pointer: String, list: Option<&Vec<Connection>>) -> impl Iterator<Item = (String, &Connection)> {
    let element = move |(index, each)| (format!("{pointer}/connections/{index}"), each);
    list.into_iter().flatten().enumerate().map(element)
}

/// Every declared connection of an account and its projects, with its pointer.
fn of_account(index: usize, account: &Account) -> impl Iterator<Item = (String, &Connection)> {
    let projects = account.projects.iter().flatten().enumerate();
    let nested = projects.flat_map(move |(nested, project)| {
        listed(format!("/accounts/{index}/projects/{nested}"), project.connections.as_ref())
    });
    listed(format!("/accounts/{index}"), account.connections.as_ref()).chain(nested)
}

/// Every declared connection of a spec, with its pointer.
fn declared(spec: &Spec) -> impl Iterator<Item = (String, &Connection)> {
    let accounts = spec.accounts.iter().enumerate();
    let workspaces = spec.workspaces.iter().enumerate();
    let hubs = workspaces.flat_map(|(index, workspace)| {
        listed(format!("/workspaces/{index}"), workspace.connections.as_ref())
    });
    accounts.flat_map(|(index, account)| of_account(index, account)).chain(hubs)
}

const FIELDS: &[Field] = &[
    // A secret is sent there, so guards judge it however it is set.
    Field::new("target", Compare::Equal).guarded(&[]),
    Field::new("isSharedToAll", Compare::Equal).absent("false").guarded(&[]),
    Field::new("credentials/key", Compare::Unshown),
    Field::new("credentials/clientId", Compare::Unshown),
    Field::new("credentials/resourceId", Compare::Unshown),
];

const OF_FOUNDRY: Facts = Facts {
    name: "connections",
    types: &[
        "Microsoft.CognitiveServices/accounts/connections",
        "Microsoft.CognitiveServices/accounts/projects/connections",
    ],
    noun: "connection",
    api_version: account::API,
    fields: FIELDS,
    read_only: &[
        "/id",
        "/name",
        "/type",
        "/systemData",
        "/properties/createdByWorkspaceArmId",
        "/properties/credentials",
        "/properties/error",
        "/properties/group",
        "/properties/isDefault",
    ],
    superseded: &[],
    newer: &[],
    takes_mark: false,
    takes_identity: false,
    is_callable: false,
};

static OF_HUBS: Facts = Facts {
    name: "workspaceConnections",
    types: &["Microsoft.MachineLearningServices/workspaces/connections"],
    api_version: HUB_API,
    ..OF_FOUNDRY
};

impl Described for Connections {
    fn facts(&self) -> &'static Facts {
        match self.0 {
            ConnectionPlace::Foundry => &OF_FOUNDRY,
            ConnectionPlace::Hub => &OF_HUBS,
        }
    }
}

impl Kind for Connections {}

impl Declaring for Connections {
    fn declarable(&self) -> Fields {
        Fields::of("Connection", &["name"], &[])
    }

    fn sections(&self, spec: &Spec) -> Vec<Section> {
        match self.0 {
            ConnectionPlace::Foundry => {
                let mut sections =
                    account::sections(spec, "connections", |account| account.connections.is_some());
                sections.extend(of_projects(spec));
                sections
            }
            ConnectionPlace::Hub => of_workspaces(spec),
        }
    }

    fn check(&self, loaded: &Loaded, findings: &mut Vec<Finding>) {
        match self.0 {
            // Checked once for both kinds: the rules are the same.
            ConnectionPlace::Foundry => check(loaded, findings),
            ConnectionPlace::Hub => check_workspaces(loaded, findings),
        }
    }

    fn obstacles(&self, desired: &Desired, _loaded: &Loaded, snapshot: &Snapshot) -> Vec<Finding> {
        let mut findings = Vec::new();
        let parent = desired.id.parent().unwrap_or_else(ResourceId::root);
        if desired.after.is_empty()
            && let Some(Answer::Absent { .. }) = snapshot.get(&children::list(self, &parent))
        {
            let message = format!("workspace `{}` does not exist", parent.name());
            let hint = "correct the name or the resource group; keyless does not create workspaces";
            findings.push(Finding::error(Code::WorkspaceMissing, message).at(desired.span).hint(hint));
        }
        if text(desired, "authType") == "ApiKey" && !has_key(desired) {
            let message = format!("{} cannot be created without its API key", desired.title);
            let hint = "add `credentials: {key: '${secret.NAME}'}`";
            findings.push(Finding::error(Code::CredentialsUnknown, message).at(desired.span).hint(hint));
        }
        findings
    }
}

impl Reading for Connections {
    fn follow_ups(&self, stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Query> {
        match self.0 {
            ConnectionPlace::Foundry => nearby::follow_ups(stacks, snapshot),
            // A workspace has no projects, and its only list is read if a spec declares a connection there.
            ConnectionPlace::Hub => Vec::new(),
        }
    }

    fn may_stand_in(&self, parent: &Value) -> bool {
        // An existing project can.
        parent["type"].as_str().is_none_or(|name| !name.eq_ignore_ascii_case(account::TYPE))
            || account::holds_connections(parent)
    }
}

impl Comparing for Connections {
    fn mark(&self, _body: &Value) -> Option<String> {
        None
    }

    fn weigh(&self, desired: &Desired, body: &Value, fields: &mut Vec<FieldChange>) -> Vec<Finding> {
        let (before, after) = (body["properties"]["authType"].as_str(), text(desired, "authType"));
        let signs_in = !matches!(after, "AAD" | "None");
        if fields.is_empty() || !signs_in || desired.declared.contains_key("credentials") {
            return Vec::new();
        }
        let names: Vec<String> = fields.iter().map(|field| format!("`{}`", field.path.join("."))).collect();
        let message = if before == Some(after) {
            format!(
                "cannot write {} of {}: Azure does not show its credentials, and a write without them could lose them",
                names.join(", "),
                desired.title
            )
        } else {
            format!("{} cannot change to `{after}` without credentials", desired.title)
        };
        let hint = match after {
            "ApiKey" => "add `credentials: {key: '${secret.NAME}'}`",
            _ => "add `credentials` with clientId and resourceId, or `credentials: {}` if it has none",
        };
        let span = fields.first().and_then(|field| field.span).unwrap_or(desired.span);
        vec![Finding::error(Code::CredentialsUnknown, message).at(span).hint(hint)]
    }

    fn to_spec(&self, body: &Value) -> Value {
        // Open fields can contain secrets. No spec declares one, so any declared value differs from it.
        let mut spec = shape::members(&body["properties"], SAME);
        if let Some(Value::String(target)) = spec.get_mut("target") {
            *target = untold("target", target);
        }
        for (name, value) in spec.get_mut("metadata").and_then(Value::as_object_mut).into_iter().flatten() {
            if let Value::String(text) = value {
                *text = untold(name, text);
            }
        }
        Value::Object(spec)
    }
}

impl Writing for Connections {
    fn set_mark(&self, _body: &mut Value, _stack: &str) {}

    fn overlay(&self, body: &mut Value, patch: &Map<String, Value>) {
        let properties = member(body, "properties");
        if let Some("AAD" | "None") = patch.get("authType").and_then(Value::as_str)
            && let Some(map) = properties.as_object_mut()
        {
            map.remove("credentials");
        }
        for (name, value) in patch {
            merge(properties, &json!({ name: value }));
        }
    }

    /// Fields that every reader of the connection sees contain no secret, and the credentials fit the `authType`.
    fn misfit(&self, _id: &ResourceId, change: &PlannedChange) -> Option<String> {
        let patch = change.patch();
        if let Some(flaw) = unfitting(&patch) {
            return Some(flaw);
        }
        let target = patch.get("target").map(|value| ("target", value));
        let metadata = patch.get("metadata").and_then(Value::as_object).into_iter().flatten();
        let mut texts = target.into_iter().chain(metadata.map(|(name, value)| (name.as_str(), value)));
        let found = texts.find(|(name, value)| value.as_str().is_some_and(|text| is_telling(name, text)));
        found.map(|_| "a secret stands in `target` or `metadata` as plain text".to_owned())
    }
}

impl Wording for Connections {
    fn written(&self, body: &Value) -> Map<String, Value> {
        let mut spec = shape::written(self, body);
        // Azure shows this default on every connection.
        spec.retain(|name, value| name != "isSharedToAll" || value == true);
        spec
    }

    fn comment(&self, written: &Value) -> Option<(&'static str, &'static str)> {
        let text = match written["authType"].as_str()? {
            "ApiKey" => "the key is not shown: to write this one, add credentials: {key: '${secret.NAME}'}",
            "ManagedIdentity" => "its identity is not shown: to write this one, add credentials",
            _ => return None,
        };
        Some(("authType", text))
    }

    fn wording(&self, path: &[String], value: &Value) -> Option<(&'static str, &'static str)> {
        let unshown = path.first().is_some_and(|name| name == "credentials") && value.is_null();
        unshown.then_some(("credentials", "not shown"))
    }
}

/// The members of credentials, with the `authType` that uses them.
const CREDENTIALS: [(&str, ConnectionAuthType); 3] = [
    ("key", ConnectionAuthType::ApiKey),
    ("clientId", ConnectionAuthType::ManagedIdentity),
    ("resourceId", ConnectionAuthType::ManagedIdentity),
];

/// What in a patch read from a file does not fit its `authType`; only `key` may contain a secret.
fn unfitting(patch: &Map<String, Value>) -> Option<String> {
    let credentials = patch.get("credentials")?;
    let way = patch.get("authType").and_then(Value::as_str);
    CREDENTIALS.iter().find_map(|(name, fitting)| {
        let text = credentials.get(*name)?.as_str()?;
        let fits = way.is_none_or(|way| way == format!("{fitting:?}"));
        let misplaced = *fitting == ConnectionAuthType::ManagedIdentity && text.contains("${");
        if misplaced {
            return Some(format!("`credentials.{name}` cannot contain a secret"));
        }
        (!fits).then(|| format!("`credentials.{name}` requires `authType: {fitting:?}`"))
    })
}

fn text<'a>(desired: &'a Desired, name: &str) -> &'a str {
    desired.declared.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn has_key(desired: &Desired) -> bool {
    desired.declared.get("credentials").is_some_and(|credentials| credentials["key"].is_string())
}

/// Two connections with the same name in an account or its projects; two in the same list are reported as a duplicate declaration.
/// <https://github.com/Azure/terraform-azurerm-avm-ptn-aiml-ai-foundry/issues/73>
fn check_names(loaded: &Loaded, findings: &mut Vec<Finding>) {
    let spec = &loaded.spec;
    for (index, account) in spec.accounts.iter().enumerate() {
        let mut seen: BTreeMap<String, (String, Span)> = BTreeMap::new();
        for (at, connection) in of_account(index, account) {
            let list = at.rsplit_once('/').map_or(at.as_str(), |(list, _)| list).to_owned();
            let span = loaded.document.value_span(&format!("{at}/name"));
            let Some((first, there)) = seen.get(&connection.name.to_lowercase()) else {
                seen.insert(connection.name.to_lowercase(), (list, span));
                continue;
            };
            if *first == list {
                continue;
            }
            let message = format!(
                "account `{}` has another connection `{}`, and a connection's name must be unique in an account and all its projects",
                account.name, connection.name
            );
            findings.push(
                Finding::error(Code::Duplicate, message)
                    .at(span)
                    .related(*there, "first declared here")
                    .hint("choose different names, for example prefixed with the project's name"),
            );
        }
    }
}

fn check(loaded: &Loaded, findings: &mut Vec<Finding>) {
    check_names(loaded, findings);
    for (pointer, connection) in declared(&loaded.spec) {
        let name = &connection.name;
        let fits = (3..=33).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        if !fits {
            let span = loaded.document.value_span(&format!("{pointer}/name"));
            let message = format!("`{name}` cannot name a connection");
            let hint = "3 to 33 letters, digits, `_` and `-`, beginning with a letter or digit";
            findings.push(Finding::error(Code::InvalidName, message).at(span).hint(hint));
        }
        rules::nulls(loaded, &pointer, "connection", findings);
        check_open_fields(loaded, &pointer, connection, findings);
        let names = connection.metadata.iter().flat_map(BTreeMap::keys);
        rules::twins(loaded, &format!("{pointer}/metadata"), "entry", names, findings);
        if let Some(credentials) = &connection.credentials {
            check_credentials(loaded, &pointer, connection.auth_type, credentials, findings);
        }
    }
}

/// Secrets in fields that are compared, and that Azure shows to every reader.
fn check_open_fields(loaded: &Loaded, pointer: &str, connection: &Connection, findings: &mut Vec<Finding>) {
    let target = connection.target.iter().map(|target| ("target", "/target".to_owned(), target));
    let entries = connection.metadata.iter().flatten().filter_map(|(name, value)| {
        Some((name.as_str(), format!("/metadata/{}", escape(name)), value.as_ref()?))
    });
    for (name, below, _) in target.chain(entries).filter(|(name, _, value)| is_telling(name, value)) {
        let field = if below == "/target" { "target" } else { "metadata" };
        let message = format!("a secret stands in `{field}` as plain text");
        let hint = if field == name {
            "remove it from the address and put it into `credentials` as `${secret.NAME}`; then rotate the exposed key"
        } else {
            "remove the entry and put the key into `credentials` as `${secret.NAME}`; then rotate the exposed key; if it is not a secret, choose an entry name that does not end like one"
        };
        let span = loaded.document.value_span(&format!("{pointer}{below}"));
        findings.push(Finding::error(Code::PlainSecret, message).at(span).hint(hint));
    }
}

fn check_credentials(
    loaded: &Loaded,
    pointer: &str,
    auth_type: ConnectionAuthType,
    credentials: &ConnectionCredentials,
    findings: &mut Vec<Finding>,
) {
    let mut report = |below: &str, code: Code, message: String, hint: &str| {
        let span = loaded.document.value_span(&format!("{pointer}/credentials{below}"));
        findings.push(Finding::error(code, message).at(span).hint(hint));
    };
    let key = ConnectionAuthType::ApiKey;
    let given = [&credentials.key, &credentials.client_id, &credentials.resource_id];
    for ((name, fitting), value) in CREDENTIALS.into_iter().zip(given) {
        if value.is_some() && auth_type != fitting {
            let below = format!("/{name}");
            let message = format!("`{name}` requires `authType: {fitting:?}`");
            report(&below, Code::InvalidValue, message, "remove the line, or correct `authType`");
        }
    }
    if auth_type == key && credentials.key.is_none() {
        let message = "`authType: ApiKey` requires a key, and none is given".to_owned();
        report("", Code::MissingField, message, "add `key: ${secret.NAME}`");
    }
    if let Some(text) = credentials.key.as_deref().filter(|_| auth_type == key)
        && secret_name(text).is_none()
    {
        let message = "a key stands in the spec as plain text".to_owned();
        let hint = "write `${secret.NAME}` and nothing else: it is taken from KEYLESS_SECRET_NAME when it is sent; \
                    change the key that stood here";
        report("/key", Code::PlainSecret, message, hint);
    }
}

fn check_workspaces(loaded: &Loaded, findings: &mut Vec<Finding>) {
    for (index, workspace) in loaded.spec.workspaces.iter().enumerate() {
        let pointer = format!("/workspaces/{index}");
        rules::name(loaded, &pointer, &workspace.name, "workspace", 2..=64, findings);
        let group = workspace.resource_group.as_deref().or(loaded.spec.resource_group.as_deref());
        let problem = match group {
            None => Some((
                Code::MissingField,
                format!("workspace `{}` has no resource group", workspace.name),
                "set `resourceGroup` for the file or for the workspace",
            )),
            Some(name) if !crate::spec::is_group_name(name) => Some((
                Code::InvalidName,
                format!("`{name}` cannot name a resource group"),
                "1 to 90 letters, digits, `_`, `-`, `.`, `(` and `)`, not ending with `.`",
            )),
            Some(_) => None,
        };
        if let Some((code, message, hint)) = problem {
            let span = loaded.document.value_span(&format!("{pointer}/name"));
            findings.push(Finding::error(code, message).at(span).hint(hint));
        }
    }
}

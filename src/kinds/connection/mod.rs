//! Connections of accounts, of projects, and of existing hub workspaces.
//!
//! Azure does not show credentials, so secrets are never compared. Other members of `credentials` are compared only if Azure shows them; else
//! a note says that they were not. A PUT replaces the whole connection, so nothing is written to a live connection whose credentials the spec
//! does not have.

mod credentials;
mod rules;

use serde_json::{Map, Value, json};

use super::{
    Compare, Comparing, Declaring, Described, Facts, Field, Kind, Reading, Section, Survey, Wording, Writing,
    account, children, merge, nearby, project, shape,
};
use crate::document::PlannedChange;
use crate::finding::{Code, Finding};
use crate::id::ResourceId;
use crate::kinds::FieldChange;
use crate::kinds::desired::Desired;
use crate::snapshot::{Answer, Query, Snapshot};
use crate::spec::Loaded;
use crate::spec::model::{Account, Connection, MetadataValue, Spec, Workspace};
use crate::spec::secrets::{reveals_secret, without_secrets};
use crate::spec::structure::Fields;
use crate::text::json::member;

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
const SAME: &[&str] = &[
    "audience",
    "authType",
    "category",
    "expiryTime",
    "isSharedToAll",
    "metadata",
    "peRequirement",
    "peStatus",
    "scopes",
    "sharedUserList",
    "target",
    "tokenUrl",
    "useWorkspaceManagedIdentity",
];

fn id_of(spec: &Spec, workspace: &Workspace) -> ResourceId {
    let group = workspace.resource_group.as_deref().or(spec.resource_group.as_deref()).unwrap_or_default();
    ResourceId::resource_group(&spec.subscription, group).provider(WORKSPACE, &workspace.name)
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
    Field::new("sharedUserList", Compare::Names).absent("[]"),
    Field::new("useWorkspaceManagedIdentity", Compare::Equal).absent("false"),
    Field::new("peRequirement", Compare::IgnoreCase).absent("\"NotRequired\""),
    Field::new("peStatus", Compare::IgnoreCase).absent("\"NotApplicable\""),
    Field::new("expiryTime", Compare::IgnoreCase),
    // In no description; templates send them.
    Field::new("audience", Compare::IfShown).guarded(&[]),
    Field::new("tokenUrl", Compare::IfShown).guarded(&[]),
    Field::new("scopes", Compare::IfShown),
    Field::new("credentials/key", Compare::Unshown),
    Field::new("credentials/keys", Compare::Unshown),
    Field::new("credentials/accessKeyId", Compare::Unshown),
    Field::new("credentials/secretAccessKey", Compare::Unshown),
    Field::new("credentials/pat", Compare::Unshown),
    Field::new("credentials/sas", Compare::Unshown),
    Field::new("credentials/username", Compare::IfShown),
    Field::new("credentials/password", Compare::Unshown),
    Field::new("credentials/securityToken", Compare::Unshown),
    Field::new("credentials/clientId", Compare::IfShown),
    Field::new("credentials/resourceId", Compare::IfShown),
    Field::new("credentials/clientSecret", Compare::Unshown),
    Field::new("credentials/tenantId", Compare::IfShown),
    Field::new("credentials/authUrl", Compare::IfShown),
    Field::new("credentials/developerToken", Compare::Unshown),
    Field::new("credentials/refreshToken", Compare::Unshown),
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
    moving: &[],
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
                sections
                    .extend(project::sections(spec, "connections", |project| project.connections.is_some()));
                sections
            }
            ConnectionPlace::Hub => of_workspaces(spec),
        }
    }

    fn check(&self, loaded: &Loaded, findings: &mut Vec<Finding>) {
        match self.0 {
            // Checked once for both kinds: the rules are the same.
            ConnectionPlace::Foundry => rules::check(loaded, findings),
            ConnectionPlace::Hub => rules::check_workspaces(loaded, findings),
        }
    }

    /// A list or mapping in metadata is JSON text in Azure. The connection to a key vault comes first: the secrets of the others are kept
    /// there.
    fn complete(&self, desired: &mut Desired, loaded: &Loaded) {
        let metadata = desired.declared.get_mut("metadata").and_then(Value::as_object_mut);
        metadata.into_iter().flatten().for_each(|(_, value)| as_json_text(value));
        if is_vault(text(desired, "category")) {
            return;
        }
        let Some(holder) = desired.id.up_to("accounts") else { return };
        let account = loaded.spec.accounts.iter().find(|each| account::id_of(&loaded.spec, each) == holder);
        let vaults = account.and_then(|account| account.connections.as_ref()).into_iter().flatten();
        let vaults = vaults.filter(|each| is_vault(&each.category));
        let key = |each: &Connection| children::key(self, &holder.child("connections", &each.name));
        desired.after.extend(vaults.map(key));
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
        findings.extend(credentials::missing(desired));
        findings
    }
}

impl Reading for Connections {
    fn follow_ups(&self, survey: &Survey<'_>) -> Vec<Query> {
        match self.0 {
            ConnectionPlace::Foundry => nearby::follow_ups(survey.stacks, survey.snapshot),
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
        fields.retain(|change| {
            change.path.first().is_none_or(|name| name != "metadata")
                || !is_same_json(&change.before, &change.after)
        });
        let (before, after) = (body["properties"]["authType"].as_str(), text(desired, "authType"));
        let signs_in = !credentials::is_without(after);
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
        let hint = credentials::remedy(after);
        let span = fields.first().and_then(|field| field.span).unwrap_or(desired.span);
        vec![Finding::error(Code::CredentialsUnknown, message).at(span).hint(hint)]
    }

    fn to_spec(&self, body: &Value) -> Value {
        // Open fields can contain secrets. No spec declares one, so any declared value differs from it.
        let mut spec = shape::members(&body["properties"], SAME);
        for name in ["target", "tokenUrl", "audience"] {
            if let Some(Value::String(target)) = spec.get_mut(name) {
                *target = without_secrets("target", target);
            }
        }
        for (name, value) in spec.get_mut("metadata").and_then(Value::as_object_mut).into_iter().flatten() {
            if let Value::String(text) = value {
                *text = without_secrets(name, text);
            }
        }
        Value::Object(spec)
    }
}

impl Writing for Connections {
    fn set_mark(&self, _body: &mut Value, _stack: &str) {}

    fn overlay(&self, body: &mut Value, patch: &Map<String, Value>) {
        let properties = member(body, "properties");
        if patch.get("authType").and_then(Value::as_str).is_some_and(credentials::is_without)
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
        if let Some(flaw) = credentials::unfitting(&patch) {
            return Some(flaw);
        }
        let target = ["target", "tokenUrl", "audience"]
            .into_iter()
            .filter_map(|name| Some(("target", patch.get(name)?)));
        let metadata = patch.get("metadata").and_then(Value::as_object).into_iter().flatten();
        let mut texts = target.chain(metadata.map(|(name, value)| (name.as_str(), value)));
        let found = texts.find(|(name, value)| value.as_str().is_some_and(|text| reveals_secret(name, text)));
        found.map(|_| "a secret stands in `target` or `metadata` as plain text".to_owned())
    }
}

impl Wording for Connections {
    fn written(&self, body: &Value) -> Map<String, Value> {
        let mut spec = shape::written(self, body);
        // Azure shows these defaults on every connection.
        spec.retain(|name, value| {
            let default = FIELDS.iter().find(|field| field.path == name).and_then(|field| field.absent);
            let default: Option<Value> = default.and_then(|json| serde_json::from_str(json).ok());
            default.as_ref() != Some(value)
        });
        spec
    }

    fn comment(&self, written: &Value) -> Option<(&'static str, &'static str)> {
        let text = credentials::comment(written["authType"].as_str()?)?;
        Some(("authType", text))
    }

    fn wording(&self, path: &[String], value: &Value) -> Option<(&'static str, &'static str)> {
        let unshown = path.first().is_some_and(|name| name == "credentials") && value.is_null();
        unshown.then_some(("credentials", "not shown"))
    }
}

/// What a connection points to: its resource id, or the host of its target.
pub(super) enum PointedTo {
    /// A resource.
    Resource(ResourceId),
    /// The first name of a host, which is that of the resource.
    Host(String),
}

/// What a connection points to, as far as its spec says.
pub(super) fn points_to(connection: &Connection) -> Option<PointedTo> {
    let metadata = connection.metadata.iter().flatten();
    let named = metadata.filter(|(name, _)| name.eq_ignore_ascii_case("ResourceId"));
    let named = named.filter_map(|(_, value)| match value {
        Some(MetadataValue::Text(text)) => Some(text.as_str()),
        _ => None,
    });
    let target = connection.target.as_deref();
    if let Some(id) = named.chain(target).find_map(|text| ResourceId::declared(text).ok()) {
        return Some(PointedTo::Resource(id));
    }
    let (_, host) = target?.split_once("://")?;
    let name = host.split(['.', '/', ':']).next().filter(|name| !name.is_empty())?;
    Some(PointedTo::Host(name.to_owned()))
}

/// The resource that a connection points to, if its spec has its id.
pub(super) fn resource(connection: &Connection) -> Option<ResourceId> {
    match points_to(connection)? {
        PointedTo::Resource(id) => Some(id),
        PointedTo::Host(_) => None,
    }
}

impl PointedTo {
    /// Whether a role at a scope applies to it.
    pub(super) fn is_reached_from(&self, scope: &ResourceId) -> bool {
        match self {
            Self::Resource(id) => scope.contains(id) || id.contains(scope),
            Self::Host(name) => scope.tracked().name().eq_ignore_ascii_case(name),
        }
    }
}

fn text<'a>(desired: &'a Desired, name: &str) -> &'a str {
    desired.declared.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The JSON text of a list or mapping in metadata, as Azure takes it.
fn as_json_text(value: &mut Value) {
    if value.is_object() || value.is_array() {
        *value = Value::String(value.to_string());
    }
}

/// Whether two texts are the same JSON: the service may write it in another way.
fn is_same_json(one: &Value, other: &Value) -> bool {
    let parsed = |value: &Value| {
        let value: Value = serde_json::from_str(value.as_str()?).ok()?;
        (value.is_object() || value.is_array()).then_some(value)
    };
    parsed(one).is_some_and(|one| parsed(other) == Some(one))
}

fn is_vault(category: &str) -> bool {
    category.eq_ignore_ascii_case("AzureKeyVault")
}

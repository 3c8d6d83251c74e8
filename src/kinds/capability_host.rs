//! Capability hosts of accounts and projects (`.../capabilityHosts`): where agents keep their state. One per account and one per project.
//!
//! A host never changes, and making one takes minutes. That of an account comes first; that of a project needs the connections that it
//! names, and roles of the project's identities on what those point to.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    Compare, Comparing, Declaring, Described, Facts, Field, Kind, Reading, Section, Wording, Writing,
    account, children, connection, merge, placed, project, role_assignment, rules, shape,
};
use crate::document::{Action, PlannedChange};
use crate::finding::{Code, Finding};
use crate::id::{Key, ResourceId};
use crate::kinds::FieldChange;
use crate::kinds::desired::Desired;
use crate::snapshot::Snapshot;
use crate::spec::Loaded;
use crate::spec::model::{Account, CapabilityHost, Project, Spec};
use crate::spec::structure::Fields;
use crate::text::json::member;

/// The kind `capabilityHosts`.
pub(super) struct CapabilityHosts;

const LIST: &str = "capabilityHosts";
/// The end of the name of a host that Azure makes itself, for an account whose agents run in a subnet.
const OWN: &str = "@aml_aiagentservice";
const NEVER: &str = "Azure never changes a capability host";

/// Members of `properties`, which have the same name and shape in a spec.
const SAME: &[&str] = &[
    "aiServicesConnections",
    "capabilityHostKind",
    "customerSubnet",
    "description",
    "enablePublicHostingEnvironment",
    "storageConnections",
    "tags",
    "threadStorageConnections",
    "vectorStoreConnections",
];
/// Those that only the host of an account has.
const OF_ACCOUNTS: &[&str] = &["customerSubnet", "description", "enablePublicHostingEnvironment", "tags"];

static FACTS: Facts = Facts {
    name: LIST,
    types: &[
        "Microsoft.CognitiveServices/accounts/capabilityHosts",
        "Microsoft.CognitiveServices/accounts/projects/capabilityHosts",
    ],
    noun: "capability host",
    api_version: account::API,
    fields: &[
        // Templates send it for projects too, where no description has it.
        Field::new("capabilityHostKind", Compare::IfShown),
        Field::new("customerSubnet", Compare::IgnoreCase),
        Field::new("enablePublicHostingEnvironment", Compare::Equal).absent("false"),
        Field::new("aiServicesConnections", Compare::Names).absent("[]"),
        Field::new("storageConnections", Compare::Names).absent("[]"),
        Field::new("threadStorageConnections", Compare::Names).absent("[]"),
        Field::new("vectorStoreConnections", Compare::Names).absent("[]"),
    ],
    read_only: &["/id", "/name", "/type", "/etag", "/systemData", "/properties/provisioningState"],
    moving: &[],
    superseded: &[],
    newer: &["enablePublicHostingEnvironment"],
    takes_mark: false,
    takes_identity: false,
    is_callable: false,
};

impl Described for CapabilityHosts {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }
}

impl Kind for CapabilityHosts {}

/// The lists of connections of a host.
const LISTS: [&str; 4] =
    ["aiServicesConnections", "storageConnections", "threadStorageConnections", "vectorStoreConnections"];

fn lists(host: &CapabilityHost) -> [&Option<Vec<String>>; 4] {
    [
        &host.ai_services_connections,
        &host.storage_connections,
        &host.thread_storage_connections,
        &host.vector_store_connections,
    ]
}

/// The connections that a host names.
fn named(host: &CapabilityHost) -> impl Iterator<Item = &String> {
    lists(host).into_iter().flatten().flatten()
}

/// The keys of the declared hosts of an account.
fn of_account(id: &ResourceId, account: &Account) -> impl Iterator<Item = Key> {
    let hosts = account.capability_hosts.iter().flatten();
    hosts.map(|host| children::key(&CapabilityHosts, &id.child(LIST, &host.name)))
}

/// The keys of the declared hosts of a project: what uses its workspace id comes after them.
pub(super) fn of_project(id: &ResourceId, project: &Project) -> impl Iterator<Item = Key> {
    let hosts = project.capability_hosts.iter().flatten();
    hosts.map(|host| children::key(&CapabilityHosts, &id.child(LIST, &host.name)))
}

/// The keys of the declared hosts that make containers in a database account, in which their projects' agents keep threads.
pub(super) fn that_use(spec: &Spec, database: &ResourceId) -> Vec<Key> {
    let mut keys = Vec::new();
    for account in &spec.accounts {
        let holder = account::id_of(spec, account);
        for project in account.projects.iter().flatten() {
            let hosts = project.capability_hosts.iter().flatten();
            let names: BTreeSet<String> =
                hosts.flat_map(named).map(|name| name.to_ascii_lowercase()).collect();
            let lists = [&project.connections, &account.connections];
            let mut connections = lists.into_iter().flatten().flatten();
            let is_used = connections.any(|each| {
                names.contains(&each.name.to_ascii_lowercase())
                    && connection::points_to(each).is_some_and(|target| target.is_reached_from(database))
            });
            if is_used {
                keys.extend(of_project(&holder.child("projects", &project.name), project));
            }
        }
    }
    keys
}

/// The host that Azure makes itself for the account of a project, which that of the project waits for.
fn made_by_azure(host: &ResourceId) -> Option<ResourceId> {
    let account = host.up_to("accounts").filter(|_| host.segment_after("projects").is_some())?;
    let name = format!("{}{OWN}", account.name());
    Some(account.child(LIST, &name))
}

/// Every declared host of a spec, with its pointer, its account and its project.
fn declared(spec: &Spec) -> Vec<(String, &CapabilityHost, &Account, Option<&Project>)> {
    let mut all = Vec::new();
    for (at, account) in spec.accounts.iter().enumerate() {
        for (index, host) in account.capability_hosts.iter().flatten().enumerate() {
            all.push((format!("/accounts/{at}/{LIST}/{index}"), host, account, None));
        }
        for (nested, project) in account.projects.iter().flatten().enumerate() {
            for (index, host) in project.capability_hosts.iter().flatten().enumerate() {
                let pointer = format!("/accounts/{at}/projects/{nested}/{LIST}/{index}");
                all.push((pointer, host, account, Some(project)));
            }
        }
    }
    all
}

impl Declaring for CapabilityHosts {
    fn declarable(&self) -> Fields {
        Fields::of("CapabilityHost", &["name"], &[])
    }

    fn sections(&self, spec: &Spec) -> Vec<Section> {
        let mut sections = account::sections(spec, LIST, |account| account.capability_hosts.is_some());
        sections.extend(project::sections(spec, LIST, |project| project.capability_hosts.is_some()));
        sections
    }

    fn check(&self, loaded: &Loaded, findings: &mut Vec<Finding>) {
        let document = &loaded.document;
        for (pointer, host, account, project) in declared(&loaded.spec) {
            rules::name(loaded, &pointer, &host.name, self.noun(), 1..=64, findings);
            rules::nulls(loaded, &pointer, self.noun(), findings);
            rules::tags(loaded, &pointer, host.tags.as_ref(), findings);
            let mut wrong = |below: &str, message: String, hint: &str| {
                let span = document.value_span(&format!("{pointer}{below}"));
                findings.push(Finding::error(Code::InvalidValue, message).at(span).hint(hint));
            };
            if !pointer.ends_with("/0") {
                let holder = if project.is_some() { "project" } else { "account" };
                wrong("", format!("Azure has one capability host for each {holder}"), "remove this one");
            }
            if project.is_none()
                && account.network_injections.iter().flatten().any(|each| each.scenario == "agent")
            {
                let message = format!(
                    "Azure makes the capability host of account `{}` itself, because of its `networkInjections`",
                    account.name
                );
                wrong("", message, "remove `capabilityHosts` of the account; that of a project waits for it");
            }
            let named_twice = LISTS.iter().zip(lists(host)).filter_map(|(field, list)| {
                let mut seen = BTreeSet::new();
                let twice = list.iter().flatten().find(|name| !seen.insert(name.to_ascii_lowercase()))?;
                Some((format!("/{field}"), format!("`{field}` names connection `{twice}` twice")))
            });
            for (below, message) in named_twice.collect::<Vec<_>>() {
                wrong(&below, message, "remove one of the two");
            }
            // The list of an account that is taken as given holds only what the stack adds.
            let shared = account.connections.as_ref().filter(|_| !account.existing);
            let Some(project) = project else {
                let Some(shared) = shared else { continue };
                let is_declared = |name: &str| shared.iter().any(|each| each.name.eq_ignore_ascii_case(name));
                for name in named(host).filter(|name| !is_declared(name)) {
                    let message = format!("account `{}` declares no connection `{name}`", account.name);
                    wrong("", message, "declare the connection, or correct the name");
                }
                continue;
            };
            let written = document.tree.pointer(&pointer).and_then(Value::as_object);
            for name in OF_ACCOUNTS.iter().filter(|name| written.is_some_and(|map| map.contains_key(**name)))
            {
                let message = format!("the capability host of a project has no `{name}`");
                wrong(&format!("/{name}"), message, "remove it, or move it to the account's capability host");
            }
            let (Some(own), Some(shared)) = (&project.connections, shared) else { continue };
            let is_declared =
                |name: &str| own.iter().chain(shared).any(|each| each.name.eq_ignore_ascii_case(name));
            for name in named(host).filter(|name| !is_declared(name)) {
                let message = format!("neither the project nor its account declares a connection `{name}`");
                wrong("", message, "declare the connection, or correct the name");
            }
        }
    }

    fn desired(&self, loaded: &Loaded, snapshot: &Snapshot) -> Vec<Desired> {
        let mut all = children::desired(&CapabilityHosts, loaded);
        for desired in &mut all {
            let Some(id) = desired.id.parent().filter(|_| desired.id.segment_after("projects").is_some())
            else {
                continue;
            };
            let found = project::declared(&loaded.spec, &id);
            if let Some((account, project)) = found {
                desired.after.extend(needed(loaded, snapshot, &id, account, project));
            }
        }
        all
    }

    /// Azure has one host for each account and project, whatever its name.
    fn obstacles(&self, desired: &Desired, _loaded: &Loaded, snapshot: &Snapshot) -> Vec<Finding> {
        let Some(parent) = desired.id.parent() else { return Vec::new() };
        let list = children::list(self, &parent);
        let mut live = snapshot.items(&list).filter_map(|body| placed(body));
        let Some(other) = live.find(|id| id.parent().as_ref() == Some(&parent) && *id != desired.id) else {
            return Vec::new();
        };
        let holder = if parent.segment_after("projects").is_some() { "project" } else { "account" };
        let message = format!(
            "{} cannot be created: {holder} `{}` has capability host `{}`, and Azure permits one for each {holder}",
            desired.title,
            parent.name(),
            other.name()
        );
        let hint = if is_own(&other) {
            format!(
                "Azure made that one for an account whose agents run in a subnet: remove `{LIST}` of the account"
            )
        } else {
            format!(
                "write its name; or delete it, which loses the state of its agents, and apply again: az resource delete --ids {other}"
            )
        };
        vec![Finding::error(Code::ImmutableField, message).at(desired.span).hint(hint)]
    }
}

/// Whether Azure made it itself.
fn is_own(id: &ResourceId) -> bool {
    id.as_str().trim_end_matches('/').to_ascii_lowercase().ends_with(OWN)
}

/// What the host of a project needs: the account's host, the connections that it names, and the roles of the project's identities on what
/// those point to.
fn needed(
    loaded: &Loaded,
    snapshot: &Snapshot,
    id: &ResourceId,
    account: &Account,
    project: &Project,
) -> Vec<Key> {
    let holder = account::id_of(&loaded.spec, account);
    let mut keys: Vec<Key> = of_account(&holder, account).collect();
    let names: BTreeSet<String> = project
        .capability_hosts
        .iter()
        .flatten()
        .flat_map(named)
        .map(|name| name.to_ascii_lowercase())
        .collect();
    let mut targets = Vec::new();
    for (parent, list) in [(id, &project.connections), (&holder, &account.connections)] {
        for each in list.iter().flatten().filter(|each| names.contains(&each.name.to_ascii_lowercase())) {
            let own = parent.child("connections", &each.name);
            keys.push(children::key(&connection::FOUNDRY, &own));
            targets.extend(connection::points_to(each));
        }
    }
    keys.extend(role_assignment::needed_by_project(loaded, snapshot, (account, project), &targets));
    keys
}

impl Reading for CapabilityHosts {
    fn may_stand_in(&self, parent: &Value) -> bool {
        // A project can; it is no account.
        parent["type"].as_str().is_none_or(|name| !name.eq_ignore_ascii_case(account::TYPE))
            || account::holds_connections(parent)
    }

    fn is_built_in(&self, body: &Value) -> bool {
        body["id"].as_str().is_some_and(|id| id.trim_end_matches('/').to_ascii_lowercase().ends_with(OWN))
    }
}

impl Comparing for CapabilityHosts {
    fn mark(&self, _body: &Value) -> Option<String> {
        None
    }

    fn never_changes(&self) -> bool {
        true
    }

    fn notices(&self, desired: &Desired, body: &Value) -> Vec<Finding> {
        rules::unsettled(desired, body).into_iter().collect()
    }

    fn weigh(&self, desired: &Desired, body: &Value, fields: &mut Vec<FieldChange>) -> Vec<Finding> {
        let id = body["id"].as_str().unwrap_or_default();
        let difference = |change: &FieldChange| {
            let message = format!("{NEVER}: `{}` of {} differs", change.path.join("."), desired.title);
            let finding = Finding::error(Code::ImmutableField, message);
            finding.at(change.span.unwrap_or(desired.span)).hint(format!(
                "write the live value; or delete it, which loses the state of its agents, and apply again: az resource delete --ids {id}"
            ))
        };
        fields.iter().map(difference).collect()
    }

    fn to_spec(&self, body: &Value) -> Value {
        Value::Object(shape::members(&body["properties"], SAME))
    }
}

impl Writing for CapabilityHosts {
    fn set_mark(&self, _body: &mut Value, _stack: &str) {}

    fn overlay(&self, body: &mut Value, patch: &Map<String, Value>) {
        for (name, value) in patch {
            merge(member(body, "properties"), &json!({ name: value }));
        }
    }

    /// The connections of the project or its account.
    fn names(&self, id: &ResourceId, patch: &Map<String, Value>) -> Vec<ResourceId> {
        let lists = patch.iter().filter(|(name, _)| name.ends_with("Connections"));
        let names: Vec<&str> =
            lists.filter_map(|(_, list)| list.as_array()).flatten().filter_map(Value::as_str).collect();
        let holders = [id.parent(), id.up_to("accounts")];
        let within = |holder: ResourceId| names.iter().map(move |name| holder.child("connections", name));
        holders.into_iter().flatten().flat_map(within).collect()
    }

    /// That of the account, if its agents run in a subnet.
    fn waits_for(&self, id: &ResourceId) -> Option<ResourceId> {
        made_by_azure(id)
    }

    fn misfit(&self, _id: &ResourceId, change: &PlannedChange) -> Option<String> {
        (change.action == Action::Update).then(|| "a capability host cannot change".to_owned())
    }
}

impl Wording for CapabilityHosts {}

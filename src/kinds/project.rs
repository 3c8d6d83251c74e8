//! Foundry projects (`Microsoft.CognitiveServices/accounts/projects`).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::account::{self, id_of};
use super::{
    Compare, Comparing, Declaring, Described, Facts, Field, Inventory, Kind, Live, Mutability, Reading,
    Section, Wording, Writing, children, merge, rules, shape,
};
use crate::body::{AccountBody, FOUNDRY, endpoint_of};
use crate::finding::{Code, Finding};
use crate::id::{Key, ResourceId};
use crate::kinds::desired::Desired;
use crate::principals::own_principal;
use crate::snapshot::{Query, Shape, Snapshot};
use crate::spec::Loaded;
use crate::spec::model::{Account, Project, Prune, Spec};
use crate::spec::sections;
use crate::spec::structure::Fields;
use crate::text::json::member;

pub(crate) struct Projects;

/// Members of `properties` that have the same name and shape in a spec.
const SAME: &[&str] = &["displayName", "description"];

/// The ids of the declared projects.
pub(super) fn ids(spec: &Spec) -> BTreeSet<ResourceId> {
    let mut ids = BTreeSet::new();
    for account in &spec.accounts {
        let parent = id_of(spec, account);
        ids.extend(account.projects.iter().flatten().map(|project| parent.child("projects", &project.name)));
    }
    ids
}

/// The declared project with an id, and its account.
pub(super) fn declared<'s>(spec: &'s Spec, id: &ResourceId) -> Option<(&'s Account, &'s Project)> {
    spec.accounts.iter().find_map(|account| {
        let parent = id_of(spec, account);
        let mut projects = account.projects.iter().flatten();
        let found = projects.find(|project| parent.child("projects", &project.name) == *id)?;
        Some((account, found))
    })
}

/// The lists of that name in the projects that declare one.
pub(super) fn sections(spec: &Spec, list: &str, declares: impl Fn(&Project) -> bool) -> Vec<Section> {
    let mut sections = Vec::new();
    for (at, account) in spec.accounts.iter().enumerate() {
        let projects = account.projects.iter().flatten().enumerate();
        for (index, project) in projects.filter(|(_, project)| declares(project)) {
            let holder = id_of(spec, account);
            let parent = holder.child("projects", &project.name);
            sections.push(Section {
                pointer: format!("/accounts/{at}/projects/{index}/{list}"),
                place: format!("{}/projects/{}", account::address_of(account), project.name),
                after: vec![account::key(&holder), key(&parent)],
                parent,
            });
        }
    }
    sections
}

pub(super) fn key(id: &ResourceId) -> Key {
    children::key(&Projects, id)
}

/// The query for an account's projects.
pub(crate) fn list(account: &ResourceId) -> Query {
    children::list(&Projects, account)
}

/// The query for one project.
pub(super) fn one(id: &ResourceId) -> Query {
    let path = format!("{id}?api-version={}", account::API);
    Query { path, shape: Shape::One, scope: id.clone(), project: |body| body }
}

/// The accounts whose projects could not be read, with the reason.
pub(crate) fn unlisted(snapshot: &Snapshot) -> BTreeMap<ResourceId, String> {
    children::unlisted(&Projects, snapshot)
}

/// The accounts that stacks of this run created and no longer declare: they would be deleted, if their lists were read completely.
pub(super) fn abandoned(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Live> {
    let declared: BTreeSet<ResourceId> = stacks
        .iter()
        .filter(|loaded| !loaded.is_retired())
        .flat_map(|loaded| loaded.spec.accounts.iter().map(|account| id_of(&loaded.spec, account)))
        .collect();
    let goes = |live: &Live| {
        let mark = account::Accounts.mark(&live.body);
        !declared.contains(&live.id)
            && stacks.iter().any(|Loaded { spec, .. }| {
                mark.as_ref() == Some(&spec.stack)
                    && spec.prune == Prune::Owned
                    && account::groups_of(spec).iter().any(|group| group.contains(&live.scope))
            })
    };
    account::Accounts.inventory(stacks, snapshot).items.into_values().filter(goes).collect()
}

/// Projects that no spec of the run declares, in declared lists or in accounts that would be deleted, whatever their mark.
pub(super) fn undeclared(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<ResourceId> {
    let declared: BTreeSet<ResourceId> = stacks.iter().flat_map(|loaded| ids(&loaded.spec)).collect();
    let live = Projects.inventory(stacks, snapshot).items.into_values();
    live.map(|live| live.id).filter(|id| !declared.contains(id)).collect()
}

/// The accounts with declared projects, and those that would be deleted: Azure does not delete an account with projects.
fn parents(stacks: &[Loaded], snapshot: &Snapshot) -> BTreeSet<ResourceId> {
    let gone = abandoned(stacks, snapshot).into_iter();
    let gone = gone.filter(|live| account::holds_projects(&live.body)).map(|live| live.id);
    children::parents(&Projects, stacks, snapshot).into_iter().chain(gone).collect()
}

const NEVER: Mutability = Mutability::Never("Azure fixes it when the project is created");
const FIELDS: &[Field] = &[
    Field::new("location", Compare::Location).change(NEVER),
    Field::new("identity/systemAssigned", Compare::Equal).absent("false"),
    Field::new("identity/userAssigned", Compare::Names).absent("[]").guarded(&[]),
];

static FACTS: Facts = Facts {
    name: "projects",
    types: &["Microsoft.CognitiveServices/accounts/projects"],
    noun: "project",
    api_version: account::API,
    fields: FIELDS,
    read_only: &[
        "/id",
        "/name",
        "/type",
        "/kind",
        "/etag",
        "/systemData",
        "/identity/principalId",
        "/identity/tenantId",
        "/identity/userAssignedIdentities/*/principalId",
        "/identity/userAssignedIdentities/*/clientId",
        "/properties/endpoints",
        "/properties/internalId",
        "/properties/isDefault",
        "/properties/provisioningState",
    ],
    moving: &[],
    superseded: &[],
    newer: &[],
    takes_mark: true,
    takes_identity: true,
    is_callable: false,
};

impl Described for Projects {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }
}

impl Kind for Projects {}

impl Declaring for Projects {
    fn declarable(&self) -> Fields {
        let not_fields: Vec<&str> = sections::within("projects").chain(["name"]).collect();
        Fields::of("Project", &not_fields, &[])
    }

    fn sections(&self, spec: &Spec) -> Vec<Section> {
        account::sections(spec, "projects", |account| account.projects.is_some())
    }

    fn check(&self, loaded: &Loaded, findings: &mut Vec<Finding>) {
        for (index, account) in loaded.spec.accounts.iter().enumerate() {
            for (nested, project) in account.projects.iter().flatten().enumerate() {
                let pointer = format!("/accounts/{index}/projects/{nested}");
                rules::name(loaded, &pointer, &project.name, self.noun(), 2..=64, findings);
                if let Some(kind) = account.kind.as_deref().filter(|kind| !account::may_hold_projects(kind)) {
                    let message = format!("an account of kind `{kind}` has no projects");
                    let span = loaded.document.value_span(&pointer);
                    let hint = "declare them in an account of kind AIServices; an OpenAI account can be upgraded to it in place";
                    findings.push(Finding::error(Code::ProjectsNotAllowed, message).at(span).hint(hint));
                }
                rules::nulls(loaded, &pointer, self.noun(), findings);
                rules::tags(loaded, &pointer, project.tags.as_ref(), findings);
                for (name, value) in
                    [("displayName", &project.display_name), ("description", &project.description)]
                {
                    if value.as_ref().is_some_and(String::is_empty) {
                        // <https://github.com/Azure/azure-rest-api-specs/issues/38422>
                        let message = format!("Azure does not accept an empty `{name}` for a project");
                        let span = loaded.document.value_span(&format!("{pointer}/{name}"));
                        findings.push(
                            Finding::error(Code::InvalidValue, message)
                                .at(span)
                                .hint("remove the line to keep the live value, or write the text you want"),
                        );
                    }
                }
            }
        }
    }

    fn complete(&self, desired: &mut Desired, loaded: &Loaded) {
        for list in sections::within("projects") {
            desired.declared.remove(list);
            desired.spans.retain(|path, _| !path.starts_with(list));
        }
        if let Some(identity) = desired.declared.get_mut("identity") {
            shape::long_identity(identity);
        }
        desired.defaults.insert("identity".to_owned(), json!({"systemAssigned": true}));
        let spec = &loaded.spec;
        let account = spec.accounts.iter().find(|account| Some(id_of(spec, account)) == desired.id.parent());
        let location = account.and_then(|account| account.location.as_ref()).or(spec.location.as_ref());
        desired.defaults.extend(location.map(|location| ("location".to_owned(), json!(location))));
    }

    fn obstacles(&self, desired: &Desired, loaded: &Loaded, snapshot: &Snapshot) -> Vec<Finding> {
        let (spec, parent) = (&loaded.spec, desired.id.parent());
        let account = spec.accounts.iter().find(|account| Some(id_of(spec, account)) == parent);
        // An account that the stack takes as given may be one of another stack of the run.
        let owner = parent.as_ref().and_then(|parent| loaded.neighbours.owned.get(parent));
        let of_owner = owner.and_then(|owner| owner.allows_projects);
        let is_given = account.is_some_and(|account| account.existing);
        let declared =
            if is_given { of_owner } else { account.and_then(|each| each.allow_project_management) };
        let live = parent
            .as_ref()
            .and_then(|parent| snapshot.resource(parent))
            .map(|body| AccountBody::of(body).allows_projects());
        // A new account allows projects unless the spec says otherwise.
        if declared.or(live).unwrap_or(true) {
            return Vec::new();
        }
        let message = format!(
            "account `{}` does not allow projects",
            parent.map_or_else(String::new, |id| id.name().to_owned())
        );
        let hint = if is_given {
            "its owner must set `allowProjectManagement: true`: the spec takes the account as given"
        } else {
            "add `allowProjectManagement: true` to the account"
        };
        vec![Finding::error(Code::ProjectsNotAllowed, message).at(desired.span).hint(hint)]
    }
}

impl Reading for Projects {
    fn queries(&self, stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Query> {
        parents(stacks, snapshot).iter().map(list).collect()
    }

    fn inventory(&self, stacks: &[Loaded], snapshot: &Snapshot) -> Inventory {
        children::inventory(&Projects, parents(stacks, snapshot), snapshot)
    }

    /// Projects of an account that would be deleted are read without being declared.
    fn declares_list_in(&self, scope: &ResourceId, stacks: &[Loaded]) -> bool {
        children::parents(&Projects, stacks, &Snapshot::default())
            .iter()
            .any(|parent| scope.contains(&list(parent).scope))
    }

    fn may_stand_in(&self, parent: &Value) -> bool {
        account::holds_projects(parent)
    }

    fn identity<'a>(&self, body: &'a Value) -> Option<&'a str> {
        own_principal(body)
    }
}

impl Comparing for Projects {
    fn notices(&self, desired: &Desired, body: &Value) -> Vec<Finding> {
        rules::unsettled(desired, body).into_iter().collect()
    }

    fn to_spec(&self, body: &Value) -> Value {
        let mut spec = shape::members(&body["properties"], SAME);
        spec.extend(shape::members(body, &["location"]));
        for (name, value) in [("identity", shape::identity(body)), ("tags", shape::tags(body))] {
            spec.extend(value.map(|value| (name.to_owned(), value)));
        }
        Value::Object(spec)
    }
}

impl Writing for Projects {
    fn overlay(&self, body: &mut Value, patch: &Map<String, Value>) {
        for (name, value) in patch {
            match name.as_str() {
                "location" | "tags" => merge(body, &json!({ name: value })),
                "identity" => shape::overlay_identity(member(body, name), value),
                _ => merge(member(body, "properties"), &json!({ name: value })),
            }
        }
    }
}

impl Wording for Projects {
    fn outputs(&self, body: &Value) -> Vec<(&'static str, String)> {
        let endpoint = endpoint_of(body, FOUNDRY);
        endpoint.map(|url| ("endpoint", url.to_owned())).into_iter().collect()
    }
}

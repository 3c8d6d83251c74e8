//! Azure AI Services accounts (`Microsoft.CognitiveServices/accounts`).

mod declared;
pub(crate) mod existing;
mod holds;
mod key_usage;
mod listings;
mod near;
pub(super) mod remains;
mod rules;
mod shape;
mod upgrade;

pub(crate) use existing::{given, own_groups};
pub(super) use holds::holds_connections;
pub(in crate::kinds) use holds::may_hold_projects;
pub(crate) use holds::{DEFAULT_KIND, holds_projects, serves_models};
pub(crate) use key_usage::key_usage;
use listings::lists;
pub(crate) use listings::{listings, one};
pub(super) use near::{in_retired, with_own_grants};
pub(crate) use rules::is_location;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    Called, Compare, Comparing, Declaring, Described, Facts, Field, Gap, Inventory, Kind, Live, Mutability,
    Reading, Section, SoftDeleting, Survey, Trust, UndeclaredVerdict, Wording, Writing,
};
use crate::body::{AccountBody, FOUNDRY, INFERENCE, OPENAI};
use crate::document::PlannedChange;
use crate::finding::{Code, Finding};
use crate::id::{Key, ResourceId};
use crate::kinds::FieldChange;
use crate::kinds::desired::Desired;
use crate::principals::own_principal;
use crate::rbac::Catalogue;
use crate::snapshot::{Answer, Body, Query, Shape, Snapshot};
use crate::spec::Loaded;
use crate::spec::model::{Account, OnSoftDeleted, Spec};
use crate::spec::structure::Fields;

pub(crate) const TYPE: &str = "Microsoft.CognitiveServices/accounts";
/// The action that shows accounts.
pub(crate) const READ: &str = "Microsoft.CognitiveServices/accounts/read";
/// The api-version of accounts and their children.
pub(crate) const API: &str = crate::arm::NEWEST;
/// The resource provider of groups accepts any of its versions; this one is available in every cloud.
const GROUPS_API: &str = "2021-04-01";
/// The endpoints for calling models, as the service names them in `endpoints`.
const ENDPOINTS: [&str; 3] = [INFERENCE, OPENAI, FOUNDRY];

/// The kind `accounts`.
pub struct Accounts;

/// The id of a declared account.
#[must_use]
pub(crate) fn id_of(spec: &Spec, account: &Account) -> ResourceId {
    let group = account.resource_group.as_deref().or(spec.resource_group.as_deref()).unwrap_or_default();
    ResourceId::resource_group(&spec.subscription, group).provider(TYPE, &account.name)
}

/// The address of a declared account.
#[must_use]
pub(crate) fn address_of(account: &Account) -> String {
    match &account.resource_group {
        Some(group) => format!("resourceGroups/{group}/accounts/{}", account.name),
        None => format!("accounts/{}", account.name),
    }
}

/// The lists of that name in the accounts that declare one.
pub(crate) fn sections(spec: &Spec, list: &str, declares: impl Fn(&Account) -> bool) -> Vec<Section> {
    let accounts = spec.accounts.iter().enumerate().filter(|(_, account)| declares(account));
    let section = |(index, account): (usize, &Account)| {
        let parent = id_of(spec, account);
        Section {
            pointer: format!("/accounts/{index}/{list}"),
            after: vec![key(&parent)],
            parent,
            place: address_of(account),
        }
    };
    accounts.map(section).collect()
}

/// The resource groups that a stack names; they contain what it owns.
#[must_use]
pub(crate) fn groups_of(spec: &Spec) -> BTreeSet<ResourceId> {
    let accounts = spec.accounts.iter().filter_map(|account| account.resource_group.as_ref());
    spec.resource_group
        .iter()
        .chain(accounts)
        .map(|group| ResourceId::resource_group(&spec.subscription, group))
        .collect()
}

/// All groups of the run, by subscription.
fn groups_by_subscription(stacks: &[Loaded]) -> BTreeMap<ResourceId, BTreeSet<ResourceId>> {
    let mut groups: BTreeMap<ResourceId, BTreeSet<ResourceId>> = BTreeMap::new();
    for loaded in stacks {
        let subscription = ResourceId::subscription(&loaded.spec.subscription);
        groups.entry(subscription).or_default().extend(groups_of(&loaded.spec));
    }
    groups
}

/// The query for all accounts in a resource group or a subscription.
#[must_use]
pub(crate) fn list(scope: &ResourceId) -> Query {
    Query {
        path: format!("{scope}/providers/{TYPE}?api-version={API}"),
        shape: Shape::List,
        scope: scope.clone(),
        project: shape::project,
    }
}

/// The query that shows whether a resource group exists.
pub(crate) fn group_query(group: &ResourceId) -> Query {
    let path = format!("{group}?api-version={GROUPS_API}");
    Query { path, shape: Shape::One, scope: group.clone(), project: |body| body }
}

const NEVER: Mutability = Mutability::Never("Azure fixes it when the account is created");
/// <https://github.com/hashicorp/terraform-provider-azurerm/issues/30689>
const STORAGE: Mutability =
    Mutability::Never("Azure attaches storage of one's own only while it creates the account");
const ONCE: Mutability =
    Mutability::OnceSet("clients use it in their URLs, and Azure does not change it once it is set");
const FIELDS: &[Field] = &[
    Field::new("location", Compare::Location).change(NEVER),
    Field::new("kind", Compare::IgnoreCase).change(upgrade::KIND),
    Field::new("customSubDomainName", Compare::IgnoreCase).change(ONCE),
    Field::new("disableLocalAuth", Compare::Equal)
        .absent("false")
        .change(Mutability::AfterGrants)
        .guarded(&[])
        .lasting(),
    Field::new("publicNetworkAccess", Compare::IgnoreCase).absent("\"Enabled\"").guarded(&[]),
    Field::new("networkAcls/defaultAction", Compare::IgnoreCase).absent("\"Allow\"").guarded(&[]),
    Field::new("networkAcls/bypass", Compare::IgnoreCase).guarded(&["\"None\""]),
    Field::new("networkAcls/ipRules", Compare::Cidrs).absent("[]").guarded(&[]),
    Field::new("networkAcls/virtualNetworkRules", Compare::By(&["id"])).absent("[]").guarded(&[]),
    Field::new("identity/systemAssigned", Compare::Equal).absent("false"),
    Field::new("identity/userAssigned", Compare::Names).absent("[]").guarded(&[]),
    Field::new("allowProjectManagement", Compare::Equal).absent("false"),
    Field::new("restrictOutboundNetworkAccess", Compare::Equal).absent("false").guarded(&[]),
    Field::new("allowedFqdnList", Compare::Names).absent("[]").guarded(&[]),
    Field::new("encryption/keySource", Compare::IgnoreCase)
        .absent("\"Microsoft.CognitiveServices\"")
        .guarded(&[]),
    Field::new("userOwnedStorage", Compare::By(&["resourceId"])).absent("[]").change(STORAGE),
    Field::new("networkInjections", Compare::By(&["scenario"])).absent("[]").guarded(&[]),
    Field::new("dynamicThrottlingEnabled", Compare::Equal).absent("false"),
    Field::new("storedCompletionsDisabled", Compare::Equal).absent("false"),
    Field::new("defaultProject", Compare::IgnoreCase),
    Field::new("associatedProjects", Compare::Names).absent("[]"),
    Field::new("raiMonitorConfig/adxStorageResourceId", Compare::IgnoreCase).guarded(&[]),
    Field::new("raiMonitorConfig/identityClientId", Compare::IgnoreCase),
    Field::new("amlWorkspace/resourceId", Compare::IgnoreCase),
    Field::new("amlWorkspace/identityClientId", Compare::IgnoreCase),
    Field::new("locations/routingMethod", Compare::IgnoreCase),
    Field::new("locations/regions", Compare::By(&["name"])).absent("[]"),
    Field::new("migrationToken", Compare::Unshown),
    Field::new("apiProperties/qnaAzureSearchEndpointId", Compare::IgnoreCase).guarded(&[]),
    Field::new("apiProperties/qnaRuntimeEndpoint", Compare::Equal).guarded(&[]),
    Field::new("apiProperties/statisticsEnabled", Compare::Equal).absent("false"),
    Field::new("apiProperties/qnaAzureSearchEndpointKey", Compare::Unshown),
    Field::new("apiProperties/eventHubConnectionString", Compare::Unshown),
    Field::new("apiProperties/storageAccountConnectionString", Compare::Unshown),
    // <https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/cognitive_account>
    Field::new("apiProperties/aadClientId", Compare::IgnoreCase).change(NEVER),
    Field::new("apiProperties/aadTenantId", Compare::IgnoreCase).change(NEVER),
    Field::new("apiProperties/superUser", Compare::IgnoreCase).change(NEVER),
    Field::new("apiProperties/websiteName", Compare::IgnoreCase).change(NEVER),
];

static FACTS: Facts = Facts {
    name: "accounts",
    types: &[TYPE],
    noun: "account",
    api_version: API,
    fields: FIELDS,
    read_only: shape::READ_ONLY,
    moving: &["/properties/associatedProjects", "/properties/defaultProject"],
    superseded: &[],
    newer: &["storedCompletionsDisabled"],
    takes_mark: true,
    takes_identity: true,
    is_callable: false,
};

impl Described for Accounts {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }
}

impl Kind for Accounts {
    fn soft_deleting(&self) -> Option<&dyn SoftDeleting> {
        Some(self)
    }
}

impl Declaring for Accounts {
    fn declarable(&self) -> Fields {
        Fields::of("Account", &shape::not_fields(), &[("sku", json!({"type": ["string", "null"]}))])
    }

    fn clears(&self, path: &[String]) -> bool {
        path.len() > 1 || path.first().is_some_and(|name| rules::CLEARABLE.contains(&name.as_str()))
    }

    fn check(&self, loaded: &Loaded, findings: &mut Vec<Finding>) {
        rules::check(loaded, findings);
    }

    fn desired(&self, loaded: &Loaded, _snapshot: &Snapshot) -> Vec<Desired> {
        declared::desired(loaded)
    }

    fn obstacles(&self, desired: &Desired, loaded: &Loaded, snapshot: &Snapshot) -> Vec<Finding> {
        let mut findings = Vec::new();
        let Some(group) = desired.id.group() else { return findings };
        let absent = |query: &Query| matches!(snapshot.get(query), Some(Answer::Absent { .. }));
        if absent(&list(&group)) || absent(&group_query(&group)) {
            let message = format!("resource group `{}` does not exist", group.name());
            let location = desired.declared.get("location").and_then(Value::as_str).unwrap_or("…");
            let hint = format!("create it: az group create --name {} --location {location}", group.name());
            findings.push(Finding::error(Code::ResourceGroupMissing, message).at(desired.span).hint(hint));
        } else if let Some(refusal) = snapshot.get(&group_query(&group)).and_then(Answer::refusal) {
            let message = format!("could not determine whether resource group `{}` exists", group.name());
            findings.push(Finding::note(Code::NotChecked, message).at(desired.span).cause(&refusal.message));
        }
        let subdomain = desired.defaults.get("customSubDomainName").and_then(Value::as_str);
        if subdomain.is_some_and(|name| !rules::is_subdomain(name)) {
            let message = format!("the name `{}` cannot serve as the account's subdomain", desired.id.name());
            let hint = "add `customSubDomainName` with letters, digits and `-`";
            findings.push(Finding::error(Code::SubdomainRequired, message).at(desired.span).hint(hint));
        }
        let Some(subscription) = group.subscription_id().map(ResourceId::subscription) else {
            return findings;
        };
        let query = remains::query(&subscription);
        if let Some(refusal) = snapshot.get(&query).and_then(Answer::refusal) {
            let message = format!(
                "could not determine whether a soft-deleted account holds the name `{}`",
                desired.id.name()
            );
            findings.push(Finding::note(Code::SoftDeleted, message).at(desired.span).cause(&refusal.message));
        }
        if loaded.spec.on_soft_deleted == OnSoftDeleted::Fail
            && let Some(remains) = self.remains(desired, snapshot)
        {
            findings.push(remains::holds_name(desired, &remains.body));
        }
        findings
    }
}

impl Reading for Accounts {
    fn queries(&self, stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Query> {
        let groups = groups_by_subscription(stacks);
        groups.iter().flat_map(|(subscription, groups)| lists(subscription, groups, snapshot)).collect()
    }

    fn follow_ups(&self, survey: &Survey<'_>) -> Vec<Query> {
        let Survey { stacks, snapshot, .. } = *survey;
        let mut queries = Vec::new();
        // Only accounts to be created need to know whether their group exists and whether a deleted account holds the name.
        let live = survey.inventory(self);
        for (_, id, _) in stacks.iter().flat_map(existing::own) {
            if live.items.contains_key(&key(&id)) || live.gap(&id).is_some() {
                continue;
            }
            let subscription = id.subscription_id().map(ResourceId::subscription);
            queries.extend(subscription.as_ref().map(remains::query));
            let group = id.group().filter(|group| snapshot.get(&list(group)).is_none());
            queries.extend(group.as_ref().map(group_query));
        }
        queries
    }

    fn around(&self, targets: &[ResourceId]) -> Vec<Query> {
        targets.iter().filter_map(ResourceId::group).map(|group| list(&group)).collect()
    }

    fn remarks(&self, survey: &Survey<'_>) -> Vec<Finding> {
        let unlisted = listings::unlisted(&groups_by_subscription(survey.stacks), survey.snapshot);
        unlisted.into_iter().chain(existing::keys_on(survey.stacks, survey.snapshot)).collect()
    }

    fn inventory(&self, stacks: &[Loaded], snapshot: &Snapshot) -> Inventory {
        let (mut inventory, given) = (Inventory::default(), existing::taken_as_given(stacks));
        for (subscription, groups) in groups_by_subscription(stacks) {
            for query in lists(&subscription, &groups, snapshot) {
                if let Some(refusal) = snapshot.get(&query).and_then(Answer::refusal) {
                    inventory.gaps.push(Gap { scope: query.scope.clone(), refusal: refusal.clone() });
                }
                for body in snapshot.items(&query) {
                    let Some(id) = super::placed(body) else {
                        let near = super::perhaps_in(body, &groups);
                        let gap = |scope: &ResourceId| Gap {
                            scope: scope.clone(),
                            refusal: super::unplaced(&query, body),
                        };
                        inventory.gaps.extend(near.map(gap));
                        continue;
                    };
                    // Whoever made it may say so; whose it is otherwise decides nothing here.
                    let is_marked = |mark: &String| stacks.iter().any(|loaded| loaded.spec.stack == *mark);
                    if given.contains(&id) && !self.mark(body).as_ref().is_some_and(is_marked) {
                        continue;
                    }
                    let live = live(id, body);
                    inventory.items.insert(live.key.clone(), live);
                }
            }
        }
        inventory
    }

    /// A spec names accounts but does not claim to list all of them.
    fn declares_list_in(&self, _scope: &ResourceId, _stacks: &[Loaded]) -> bool {
        false
    }

    fn identity<'a>(&self, body: &'a Value) -> Option<&'a str> {
        own_principal(body)
    }
}

impl Comparing for Accounts {
    fn undeclared(
        &self,
        live: &[&Live],
        stacks: &[Loaded],
        snapshot: &Snapshot,
        _roles: &Catalogue,
    ) -> Vec<UndeclaredVerdict> {
        near::verdicts(live, stacks, snapshot)
    }

    fn notices(&self, desired: &Desired, body: &Value) -> Vec<Finding> {
        let mut findings = Vec::new();
        let says = |name: &str| desired.declared.contains_key(name);
        let without = AccountBody::of(body).subdomain().is_none() && !says("customSubDomainName");
        if !says("disableLocalAuth") {
            findings.extend(rules::keys_on(desired, body, without));
        }
        findings.extend(super::rules::unsettled(desired, body));
        let keyless = desired.declared.get("disableLocalAuth") == Some(&Value::Bool(true));
        if without && (keyless || says("networkAcls")) {
            let message = format!(
                "{} has no customSubDomainName, which Azure requires for Entra ID tokens and network rules",
                desired.title
            );
            let hint = format!(
                "add `customSubDomainName: {}`; it can be added to a live account",
                desired.id.name()
            );
            let needs = if says("networkAcls") { "networkAcls" } else { "disableLocalAuth" };
            let span = desired.span_of(&[needs.to_owned()]).unwrap_or(desired.span);
            findings.push(Finding::error(Code::SubdomainRequired, message).at(span).hint(hint));
        }
        findings
    }

    fn weigh(&self, desired: &Desired, body: &Value, fields: &mut Vec<FieldChange>) -> Vec<Finding> {
        let bypass = rules::bypass_of(desired, body, fields);
        bypass.into_iter().chain(upgrade::weigh(desired, body, fields)).collect()
    }

    fn to_spec(&self, body: &Value) -> Value {
        shape::to_spec(body)
    }
}

impl Writing for Accounts {
    /// With networkInjections, Azure refuses a PUT that repeats the subdomain as if another account used it:
    /// <https://github.com/Azure/bicep/issues/17663>. Members of `apiProperties` can be secrets that GET always shows as null; a PUT
    /// without them could unset them.
    fn changes_by_patch(&self, body: &Value) -> bool {
        let properties = &body["properties"];
        let account = AccountBody::of(body);
        let injected = account.injections().next().is_some();
        let hiding = properties["apiProperties"].as_object().is_some_and(|members| !members.is_empty());
        (injected && account.subdomain().is_some()) || hiding
    }

    fn removing(&self, name: &str) -> Value {
        shape::removing(name)
    }

    fn trust(&self, patch: &Map<String, Value>) -> Option<Trust> {
        shape::trust(patch)
    }

    fn overlay(&self, body: &mut Value, patch: &Map<String, Value>) {
        shape::overlay(body, patch);
    }

    fn misfit(&self, _id: &ResourceId, change: &PlannedChange) -> Option<String> {
        upgrade::misfit(change)
    }
}

impl Wording for Accounts {
    /// Readers look for whether keys are enabled, which ARM leaves out if they are.
    fn written(&self, body: &Value) -> Map<String, Value> {
        let mut spec = super::shape::written(self, body);
        spec.entry("disableLocalAuth").or_insert(json!(false));
        // The service itself keeps these up with the projects of the only kind that has any.
        if body["kind"].as_str().is_some_and(may_hold_projects) {
            spec.remove("associatedProjects");
        }
        if shape::is_microsofts(&body["properties"]["encryption"]) {
            spec.insert(
                "encryption".to_owned(),
                json!({"keySource": body["properties"]["encryption"]["keySource"]}),
            );
        }
        spec
    }

    fn comment(&self, written: &Value) -> Option<(&'static str, &'static str)> {
        (written["disableLocalAuth"] == false).then_some(("disableLocalAuth", "API keys are on"))
    }

    fn title(&self, body: &Value, _called: &Called<'_>) -> String {
        format!("account {}", body["name"].as_str().unwrap_or("without name"))
    }

    fn planned_title(&self, id: &ResourceId, _change: &PlannedChange, _roles: &Catalogue) -> String {
        format!("account {}", id.name())
    }

    fn outputs(&self, body: &Value) -> Vec<(&'static str, String)> {
        AccountBody::of(body).endpoint().map(|url| ("endpoint", url.to_owned())).into_iter().collect()
    }

    fn wording(&self, path: &[String], value: &Value) -> Option<(&'static str, &'static str)> {
        match path {
            [name] if name == "disableLocalAuth" => {
                Some(("API keys", if value == &Value::Bool(true) { "disabled" } else { "enabled" }))
            }
            _ => None,
        }
    }
}

impl SoftDeleting for Accounts {
    fn remains(&self, desired: &Desired, snapshot: &Snapshot) -> Option<Live> {
        let subscription = ResourceId::subscription(desired.id.subscription_id()?);
        snapshot.items(&remains::query(&subscription)).find_map(|body| {
            let id = ResourceId::parse(body["id"].as_str()?).ok()?;
            let scope = desired.id.clone();
            remains::is_of(&desired.id, &id).then(|| Live {
                kind: &Accounts,
                id,
                key: desired.key.clone(),
                scope,
                body: body.clone(),
            })
        })
    }

    fn restoring(&self, patch: &Map<String, Value>) -> Value {
        json!({"location": patch.get("location"), "properties": {"restore": true}})
    }

    fn leaves_behind(&self, id: &ResourceId, remains: &ResourceId) -> bool {
        remains::leaves_behind(id, remains)
    }
}

/// An account from a list.
pub(crate) fn live(id: ResourceId, body: &Body) -> Live {
    Live { kind: &Accounts, key: key(&id), scope: id.clone(), id, body: body.clone() }
}

/// The identity of an account.
pub(crate) fn key(id: &ResourceId) -> Key {
    Key::new("accounts", &[id.as_str()])
}

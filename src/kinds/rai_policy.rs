//! Content filters (`Microsoft.CognitiveServices/accounts/raiPolicies`). Azure's own, `Microsoft.…`, are neither declared nor listed.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    Compare, Comparing, Declaring, Described, Facts, Field, Kind, Reading, Section, Wording, Writing,
    account, content_filters, merge, rai_blocklist, rules, shape,
};
use crate::finding::{Code, Finding};
use crate::id::ResourceId;
use crate::kinds::FieldChange;
use crate::kinds::desired::Desired;
use crate::snapshot::Snapshot;
use crate::spec::Loaded;
use crate::spec::model::Spec;
use crate::spec::structure::Fields;
use crate::text::json::member;
use crate::text::source::Span;

pub(super) struct RaiPolicies;

/// Members of `properties` that have the same name and shape in a spec.
const SAME: &[&str] = &["mode", "basePolicyName", "contentFilters", "customBlocklists", "safetyProviders"];
/// The lists, with the members that identify an element.
const LISTS: &[(&str, &[&str])] =
    &[("contentFilters", FILTER), ("customBlocklists", BLOCKLIST), ("safetyProviders", PROVIDER)];
const FILTER: &[&str] = &["name", "source"];
const BLOCKLIST: &[&str] = &["blocklistName", "source"];
const PROVIDER: &[&str] = &["safetyProviderName", "source"];

/// The names of the blocklists in a policy in spec shape.
fn blocklists(declared: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let lists = declared.get("customBlocklists").and_then(Value::as_array).into_iter().flatten();
    lists.filter_map(|list| list["blocklistName"].as_str())
}

/// Whether a policy is one of Azure's own.
pub(crate) fn is_azures(name: &str) -> bool {
    name.get(..10).is_some_and(|prefix| prefix.eq_ignore_ascii_case("Microsoft."))
}

const FIELDS: &[Field] = &[
    Field::new("mode", Compare::IgnoreCase).guarded(&["\"Default\"", "\"Blocking\""]),
    Field::new("basePolicyName", Compare::IgnoreCase),
    Field::new("contentFilters", Compare::By(FILTER)).absent("[]").guarded_whole(),
    Field::new("customBlocklists", Compare::By(BLOCKLIST)).absent("[]").guarded_whole(),
    Field::new("safetyProviders", Compare::By(PROVIDER)).absent("[]").guarded_whole(),
];

static FACTS: Facts = Facts {
    name: "raiPolicies",
    types: &["Microsoft.CognitiveServices/accounts/raiPolicies"],
    noun: "content filter",
    api_version: account::API,
    fields: FIELDS,
    read_only: &["/id", "/name", "/type", "/etag", "/systemData", "/properties/type"],
    moving: &[],
    superseded: &[],
    newer: &[
        "safetyProviders",
        "contentFilters/*/action",
        "contentFilters/*/source=PreToolCall",
        "contentFilters/*/source=PostToolCall",
        "contentFilters/*/source=PreRun",
        "contentFilters/*/source=PostRun",
    ],
    takes_mark: true,
    takes_identity: false,
    is_callable: false,
};

impl Described for RaiPolicies {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }
}

impl Kind for RaiPolicies {}

impl Declaring for RaiPolicies {
    fn declarable(&self) -> Fields {
        Fields::of("RaiPolicy", &["name"], &[])
    }

    fn sections(&self, spec: &Spec) -> Vec<Section> {
        account::sections(spec, "raiPolicies", |account| account.rai_policies.is_some())
    }

    fn check(&self, loaded: &Loaded, findings: &mut Vec<Finding>) {
        for (index, account) in loaded.spec.accounts.iter().enumerate() {
            for (nested, policy) in account.rai_policies.iter().flatten().enumerate() {
                let pointer = format!("/accounts/{index}/raiPolicies/{nested}");
                let span = |below: &str| loaded.document.value_span(&format!("{pointer}{below}"));
                if is_azures(&policy.name) {
                    let message = format!("`{}` is one of Azure's own content filters", policy.name);
                    let finding = Finding::error(Code::InvalidName, message).at(span("/name"));
                    findings.push(finding.hint(
                        "choose another name; Azure's own filters are used by `raiPolicyName` without being declared",
                    ));
                } else {
                    rules::name(loaded, &pointer, &policy.name, self.noun(), 1..=64, findings);
                }
                rules::nulls(loaded, &pointer, self.noun(), findings);
                rules::tags(loaded, &pointer, policy.tags.as_ref(), findings);
                let filters = policy.content_filters.iter().flatten().enumerate();
                let filters =
                    filters.map(|(at, each)| ("contentFilters", "filter", at, &each.name, each.source));
                let lists = policy.custom_blocklists.iter().flatten().enumerate();
                let lists = lists.map(|(at, each)| {
                    ("customBlocklists", "blocklist", at, &each.blocklist_name, each.source)
                });
                let providers = policy.safety_providers.iter().flatten().enumerate();
                let providers = providers.map(|(at, each)| {
                    ("safetyProviders", "provider", at, &each.safety_provider_name, each.source)
                });
                let mut seen: BTreeMap<(&str, String, _), Span> = BTreeMap::new();
                for (list, noun, at, name, source) in filters.chain(lists).chain(providers) {
                    let here = span(&format!("/{list}/{at}"));
                    if let Some(first) = seen.insert((list, name.to_lowercase(), source), here) {
                        let message = format!("{noun} `{name}` is listed twice for `{source:?}`");
                        findings.push(
                            Finding::error(Code::Duplicate, message)
                                .at(here)
                                .related(first, "first listed here")
                                .hint("remove one of the two"),
                        );
                    }
                }
            }
        }
    }

    /// A policy waits for the blocklists that it names in the same file, and for their items.
    fn complete(&self, desired: &mut Desired, loaded: &Loaded) {
        desired.defaults.insert("basePolicyName".to_owned(), json!("Microsoft.DefaultV2"));
        let Some(parent) = desired.id.parent() else { return };
        let account = loaded.spec.accounts.iter().find(|each| account::id_of(&loaded.spec, each) == parent);
        let names: Vec<&str> = blocklists(&desired.declared).collect();
        let keys: Vec<_> =
            account.into_iter().flat_map(|account| rai_blocklist::keys(account, &parent, &names)).collect();
        desired.after.extend(keys);
    }

    fn obstacles(&self, desired: &Desired, loaded: &Loaded, snapshot: &Snapshot) -> Vec<Finding> {
        let account = loaded
            .spec
            .accounts
            .iter()
            .find(|account| Some(account::id_of(&loaded.spec, account)) == desired.id.parent());
        let live = desired.id.parent().and_then(|account| snapshot.resource(&account));
        let location = live
            .and_then(|body| body["location"].as_str())
            .or_else(|| account?.location.as_deref())
            .or(loaded.spec.location.as_deref());
        location.map(|location| content_filters::problems(desired, location, snapshot)).unwrap_or_default()
    }
}

impl Reading for RaiPolicies {
    fn is_built_in(&self, body: &Value) -> bool {
        // Anyone can choose such a name, but not the type.
        match body["properties"]["type"].as_str() {
            Some(kind) => kind.eq_ignore_ascii_case("SystemManaged"),
            None => {
                body["name"].as_str().is_some_and(|name| is_azures(name.rsplit('/').next().unwrap_or(name)))
            }
        }
    }

    fn may_stand_in(&self, parent: &Value) -> bool {
        account::serves_models(parent)
    }
}

impl Comparing for RaiPolicies {
    fn unfit(&self, desired: &Desired, fields: &[FieldChange], snapshot: &Snapshot) -> Vec<Finding> {
        let live = desired.id.parent().and_then(|account| snapshot.resource(&account));
        let written =
            fields.iter().any(|field| field.path.first().is_some_and(|name| name == "contentFilters"));
        match live.and_then(|body| body["location"].as_str()) {
            Some(location) if written => content_filters::problems(desired, location, snapshot),
            _ => Vec::new(),
        }
    }

    fn to_spec(&self, body: &Value) -> Value {
        let mut spec = shape::members(&body["properties"], SAME);
        spec.extend(shape::tags(body).map(|tags| ("tags".to_owned(), tags)));
        Value::Object(spec)
    }
}

impl Writing for RaiPolicies {
    fn names(&self, id: &ResourceId, patch: &Map<String, Value>) -> Vec<ResourceId> {
        let Some(account) = id.parent() else { return Vec::new() };
        blocklists(patch).map(|name| account.child("raiBlocklists", name)).collect()
    }

    fn overlay(&self, body: &mut Value, patch: &Map<String, Value>) {
        for (name, value) in patch {
            let list = LISTS.iter().find(|(list, _)| list == name);
            match (name.as_str(), list) {
                ("tags", _) => merge(body, &json!({ "tags": value })),
                (_, Some((_, identity))) => {
                    shape::overlay_elements(member(member(body, "properties"), name), value, identity);
                }
                _ => merge(member(body, "properties"), &json!({ name: value })),
            }
        }
    }
}

impl Wording for RaiPolicies {}

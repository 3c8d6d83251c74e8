//! Blocklists (`Microsoft.CognitiveServices/accounts/raiBlocklists`) and their items, which are resources of their own.

use serde_json::{Map, Value, json};

use super::{
    Compare, Comparing, Declaring, Described, Facts, Field, Kind, Reading, Section, Wording, Writing,
    account, children, merge, rules, shape,
};
use crate::finding::{Code, Finding};
use crate::id::{Key, ResourceId};
use crate::kinds::desired::Desired;
use crate::spec::model::{Account, Spec};
use crate::spec::structure::Fields;
use crate::spec::{Loaded, sections};
use crate::text::json::member;

pub(super) struct RaiBlocklists;
pub(super) struct RaiBlocklistItems;

static LISTS: Facts = Facts {
    name: "raiBlocklists",
    types: &["Microsoft.CognitiveServices/accounts/raiBlocklists"],
    noun: "blocklist",
    api_version: account::API,
    fields: &[],
    read_only: &["/id", "/name", "/type", "/etag", "/systemData"],
    moving: &[],
    superseded: &[],
    newer: &[],
    takes_mark: true,
    takes_identity: false,
    is_callable: false,
};

static ITEMS: Facts = Facts {
    name: "raiBlocklistItems",
    types: &["Microsoft.CognitiveServices/accounts/raiBlocklists/raiBlocklistItems"],
    noun: "blocklist item",
    fields: &[
        Field::new("pattern", Compare::Equal).guarded(&[]),
        Field::new("isRegex", Compare::Equal).absent("false").guarded(&[]),
    ],
    ..LISTS
};

impl Described for RaiBlocklists {
    fn facts(&self) -> &'static Facts {
        &LISTS
    }
}

impl Described for RaiBlocklistItems {
    fn facts(&self) -> &'static Facts {
        &ITEMS
    }
}

impl Kind for RaiBlocklists {}
impl Kind for RaiBlocklistItems {}

/// The keys of the blocklists of these names, and of their items, as far as an account declares them.
pub(super) fn keys<'a>(
    account: &'a Account,
    id: &'a ResourceId,
    names: &'a [&'a str],
) -> impl Iterator<Item = Key> + 'a {
    let lists = account.rai_blocklists.iter().flatten();
    let lists = lists.filter(|list| names.iter().any(|name| name.eq_ignore_ascii_case(&list.name)));
    lists.flat_map(|list| {
        let own = id.child("raiBlocklists", &list.name);
        let items = list.items.iter().flatten().map(|item| own.child("raiBlocklistItems", &item.name));
        let items: Vec<Key> = items.map(|item| children::key(&RaiBlocklistItems, &item)).collect();
        std::iter::once(children::key(&RaiBlocklists, &own)).chain(items)
    })
}

impl Declaring for RaiBlocklists {
    fn declarable(&self) -> Fields {
        let not_fields: Vec<&str> = sections::within("raiBlocklists").chain(["name"]).collect();
        Fields::of("RaiBlocklist", &not_fields, &[])
    }

    fn sections(&self, spec: &Spec) -> Vec<Section> {
        account::sections(spec, "raiBlocklists", |account| account.rai_blocklists.is_some())
    }

    fn check(&self, loaded: &Loaded, findings: &mut Vec<Finding>) {
        for (index, account) in loaded.spec.accounts.iter().enumerate() {
            for (nested, list) in account.rai_blocklists.iter().flatten().enumerate() {
                let pointer = format!("/accounts/{index}/raiBlocklists/{nested}");
                rules::name(loaded, &pointer, &list.name, self.noun(), 1..=64, findings);
                rules::nulls(loaded, &pointer, self.noun(), findings);
                rules::tags(loaded, &pointer, list.tags.as_ref(), findings);
            }
        }
    }

    fn complete(&self, desired: &mut Desired, _loaded: &Loaded) {
        for list in sections::within("raiBlocklists") {
            desired.declared.remove(list);
            desired.spans.retain(|path, _| !path.starts_with(list));
        }
    }
}

impl Declaring for RaiBlocklistItems {
    fn declarable(&self) -> Fields {
        Fields::of("RaiBlocklistItem", &["name"], &[])
    }

    fn list_name(&self) -> &'static str {
        "items"
    }

    fn sections(&self, spec: &Spec) -> Vec<Section> {
        let mut all = Vec::new();
        for (at, account) in spec.accounts.iter().enumerate() {
            let holder = account::id_of(spec, account);
            let lists = account.rai_blocklists.iter().flatten().enumerate();
            for (index, list) in lists.filter(|(_, list)| list.items.is_some()) {
                let parent = holder.child("raiBlocklists", &list.name);
                all.push(Section {
                    pointer: format!("/accounts/{at}/raiBlocklists/{index}/items"),
                    place: format!("{}/raiBlocklists/{}", account::address_of(account), list.name),
                    after: vec![account::key(&holder), children::key(&RaiBlocklists, &parent)],
                    parent,
                });
            }
        }
        all
    }

    fn check(&self, loaded: &Loaded, findings: &mut Vec<Finding>) {
        for section in self.sections(&loaded.spec) {
            for (pointer, item) in section.elements(&loaded.document) {
                let text = |name: &str| item.get(name).and_then(Value::as_str);
                let name = text("name").unwrap_or_default();
                rules::name(loaded, &pointer, name, self.noun(), 1..=64, findings);
                rules::nulls(loaded, &pointer, self.noun(), findings);
                if text("pattern").is_some_and(|pattern| pattern.trim().is_empty()) {
                    let message = "an empty pattern matches nothing".to_owned();
                    let span = loaded.document.value_span(&format!("{pointer}/pattern"));
                    let finding = Finding::error(Code::InvalidValue, message).at(span);
                    findings.push(finding.hint("write the word or expression, or remove the item"));
                }
            }
        }
    }
}

impl Reading for RaiBlocklists {
    fn may_stand_in(&self, parent: &Value) -> bool {
        account::serves_models(parent)
            || parent["kind"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("ContentSafety"))
    }
}

impl Reading for RaiBlocklistItems {}

fn to_spec(body: &Value, names: &[&str]) -> Value {
    let mut spec = shape::members(&body["properties"], names);
    spec.extend(shape::tags(body).map(|tags| ("tags".to_owned(), tags)));
    Value::Object(spec)
}

fn overlay(body: &mut Value, patch: &Map<String, Value>) {
    for (name, value) in patch {
        let holder = if name == "tags" { &mut *body } else { member(body, "properties") };
        merge(holder, &json!({ name: value }));
    }
}

impl Comparing for RaiBlocklists {
    fn to_spec(&self, body: &Value) -> Value {
        to_spec(body, &["description"])
    }
}

impl Comparing for RaiBlocklistItems {
    fn to_spec(&self, body: &Value) -> Value {
        to_spec(body, &["pattern", "isRegex"])
    }
}

impl Writing for RaiBlocklists {
    fn overlay(&self, body: &mut Value, patch: &Map<String, Value>) {
        overlay(body, patch);
    }
}

impl Writing for RaiBlocklistItems {
    fn overlay(&self, body: &mut Value, patch: &Map<String, Value>) {
        overlay(body, patch);
    }
}

impl Wording for RaiBlocklists {}
impl Wording for RaiBlocklistItems {}

//! Live Azure as a spec that plans clean: the flow run backwards.
//!
//! Pure. Takes what is wanted, a snapshot and the spec of the round before; gives the next round's. The first knows accounts only;
//! each round declares what the lists of the one before show, until nothing is new. No secret is in it: Azure shows none.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::id::{ResourceId, trailing_guid};
use crate::kinds::{self, KINDS, Kind, Live};
use crate::principals::parsed_type;
use crate::rbac;
use crate::snapshot::{Query, Snapshot};
use crate::spec::Loaded;
use crate::spec::tree::escape;

/// What is to be exported, and the stack that shall declare it.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The subscription.
    pub subscription: String,
    /// Only this resource group.
    pub group: Option<String>,
    /// Only the account of this name.
    pub account: Option<String>,
    /// The stack.
    pub stack: String,
}

impl Wanted {
    /// The list that shows the accounts.
    #[must_use]
    pub fn query(&self) -> Query {
        kinds::account::list(&match &self.group {
            Some(group) => ResourceId::resource_group(&self.subscription, group),
            None => ResourceId::subscription(&self.subscription),
        })
    }
}

/// A spec's tree, and what did not get into it.
#[derive(Debug, Clone, PartialEq)]
pub struct Exported {
    /// In spec shape; lists of children that are empty stand in it, so that they are asked for.
    pub tree: Value,
    /// Why something live is not in it, each in a line.
    pub left_out: BTreeSet<String>,
}

/// The next round's spec.
#[must_use]
pub fn export(wanted: &Wanted, snapshot: &Snapshot, before: Option<&Loaded>) -> Exported {
    let mut export = Export { wanted, left_out: BTreeSet::new() };
    let mut tree = export.head(snapshot);
    if let Some(before) = before {
        for kind in KINDS {
            let inventory = kind.inventory(std::slice::from_ref(before), snapshot);
            let live: Vec<Live> = inventory.items.into_values().filter(|live| export.takes(live)).collect();
            if kind.is_grant() {
                export.grants(&mut tree, &live, before);
            }
            for section in kind.sections(&before.spec) {
                let children = live.iter().filter(|live| live.id.parent().as_ref() == Some(&section.parent));
                let elements: Vec<Value> = children.map(|live| element(live, Map::new())).collect();
                if let Some(list) = tree.pointer_mut(&section.pointer) {
                    *list = Value::Array(elements);
                }
            }
        }
    }
    Exported { tree, left_out: export.left_out }
}

struct Export<'a> {
    wanted: &'a Wanted,
    left_out: BTreeSet<String>,
}

impl Export<'_> {
    /// The file down to its accounts.
    fn head(&mut self, snapshot: &Snapshot) -> Value {
        let mut accounts = Vec::new();
        for body in snapshot.items(&self.wanted.query()) {
            let Some(id) = body["id"].as_str().and_then(|id| ResourceId::parse(id).ok()) else { continue };
            let name = self.wanted.account.as_deref();
            if name.is_none_or(|name| id.name().eq_ignore_ascii_case(name)) {
                let key = kinds::account::key(&id);
                let body = body.clone();
                accounts.push(Live { kind: &kinds::account::Accounts, key, scope: id.clone(), id, body });
            }
        }
        accounts.retain(|live| self.takes(live));
        accounts.sort_by(|a, b| a.id.cmp(&b.id));
        let group = common(accounts.iter().map(|live| live.id.segment_after("resourceGroups")));
        let location = common(accounts.iter().map(|live| live.body["location"].as_str()));
        let mut tree = json!({"version": 1, "stack": self.wanted.stack, "subscription": self.wanted.subscription});
        let mut elements = Vec::with_capacity(accounts.len());
        for live in &accounts {
            let mut own = Map::new();
            if group.is_none() {
                own.insert("resourceGroup".to_owned(), json!(live.id.segment_after("resourceGroups")));
            }
            let mut element = element(live, own);
            if let Some(map) = element.as_object_mut() {
                if location.is_some() {
                    map.remove("location");
                }
                // Whether keys are accepted is what a reader looks for, and ARM leaves it out where they are.
                map.entry("disableLocalAuth").or_insert(json!(false));
                if let Some(identity) = map.get_mut("identity") {
                    kinds::account::short_identity(identity);
                }
            }
            elements.push(element);
        }
        tree["accounts"] = Value::Array(elements);
        for (name, value) in [("resourceGroup", group), ("location", location)] {
            if let Some(value) = value {
                tree[name] = json!(value);
            }
        }
        tree
    }

    /// Whether the stack may declare it: what another stack made is that stack's.
    fn takes(&mut self, live: &Live) -> bool {
        match live.kind.mark(&live.body) {
            Some(owner) if owner != self.wanted.stack => {
                let title = live.kind.title(&live.body);
                self.left_out.insert(format!("{title}: it carries the mark of stack `{owner}`"));
                false
            }
            _ => true,
        }
    }

    /// Role assignments, those of one role, text and condition at a scope together: on each account, and on the groups where not
    /// just one account is wanted.
    fn grants(&mut self, tree: &mut Value, live: &[Live], before: &Loaded) {
        let mut grants: BTreeMap<(ResourceId, String), (Map<String, Value>, Vec<Value>)> = BTreeMap::new();
        for assignment in live {
            let Value::Object(spec) = assignment.kind.to_spec(&assignment.body) else { continue };
            let text = |name: &str| spec.get(name).and_then(Value::as_str).unwrap_or_default();
            let Some(role) = trailing_guid(text("roleDefinitionId")) else { continue };
            if parsed_type(text("principalType")).is_none() {
                let title = assignment.kind.title(&assignment.body);
                self.left_out.insert(format!("{title}: specs have no principals of type `{}`", text("principalType")));
                continue;
            }
            let mut grant = Map::from_iter([("role".to_owned(), json!(rbac::display_name(role)))]);
            for name in ["description", "condition"] {
                if !text(name).is_empty() {
                    grant.insert(name.to_owned(), json!(text(name)));
                }
            }
            let principal = json!({"id": text("principalId"), "type": text("principalType")});
            let same = (assignment.scope.clone(), Value::Object(grant.clone()).to_string());
            grants.entry(same).or_insert_with(|| (grant, Vec::new())).1.push(principal);
        }
        let accounts: Vec<ResourceId> =
            before.spec.accounts.iter().map(|account| kinds::account::id_of(&before.spec, account)).collect();
        let groups = kinds::account::groups_of(&before.spec);
        for ((scope, _), (mut grant, mut principals)) in grants {
            principals.sort_by_key(Value::to_string);
            grant.insert("principals".to_owned(), Value::Array(principals));
            if let Some(index) = accounts.iter().position(|account| *account == scope) {
                push(&mut tree["accounts"][index], grant);
            } else if self.wanted.account.is_none() && groups.contains(&scope) {
                let only = before.spec.resource_group.is_some();
                grant.insert("scope".to_owned(), if only { json!("resourceGroup") } else { json!(scope) });
                push(tree, grant);
            }
        }
    }
}

/// A live thing as an element of a spec's list, with empty lists of what may stand below it.
fn element(live: &Live, own: Map<String, Value>) -> Value {
    let mut map = own;
    map.insert("name".to_owned(), json!(live.id.name()));
    if let Value::Object(spec) = live.kind.to_spec(&live.body) {
        map.extend(spec.into_iter().filter(|(_, value)| !value.is_null()));
    }
    let below = live.id.resource_type();
    for child in KINDS.iter().flat_map(|kind| kind.types()) {
        if let Some((parent, collection)) = child.rsplit_once('/')
            && parent.eq_ignore_ascii_case(&below)
        {
            map.insert(collection.to_owned(), json!([]));
        }
    }
    Value::Object(map)
}

fn push(holder: &mut Value, grant: Map<String, Value>) {
    if let Some(list) = kinds::list_of(holder, "roleAssignments") {
        list.push(Value::Object(grant));
    }
}

/// What all have in common, without regard to case.
fn common<'a>(mut all: impl Iterator<Item = Option<&'a str>>) -> Option<String> {
    let first = all.next()??;
    all.all(|each| each.is_some_and(|each| each.eq_ignore_ascii_case(first))).then(|| first.to_owned())
}

/// Leaves out the lists of children that turned out empty.
pub fn drop_empty_lists(tree: &mut Value) {
    let collections: BTreeSet<&str> =
        KINDS.iter().flat_map(|kind| kind.types()).filter_map(|name| name.rsplit('/').next()).collect();
    fn walk(value: &mut Value, collections: &BTreeSet<&str>) {
        match value {
            Value::Object(map) => {
                map.retain(|name, child| {
                    !(collections.contains(name.as_str()) && child.as_array().is_some_and(Vec::is_empty))
                });
                map.values_mut().for_each(|child| walk(child, collections));
            }
            Value::Array(items) => items.iter_mut().for_each(|item| walk(item, collections)),
            _ => {}
        }
    }
    walk(tree, &collections);
}

/// What a reader wants to know beside the values: who the principals are, and where keys work. By JSON pointer.
#[must_use]
pub fn comments(tree: &Value, names: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut comments = BTreeMap::new();
    fn walk(value: &Value, pointer: &str, names: &BTreeMap<String, String>, comments: &mut BTreeMap<String, String>) {
        match value {
            Value::Object(map) => {
                for (name, child) in map {
                    let at = format!("{pointer}/{}", escape(name));
                    let known = child.as_str().and_then(|id| names.get(&id.to_ascii_lowercase()));
                    match (name.as_str(), known) {
                        ("id", Some(known)) => _ = comments.insert(at.clone(), known.clone()),
                        ("disableLocalAuth", _) if child == &Value::Bool(false) => {
                            comments.insert(at.clone(), "whoever has a key can call it".to_owned());
                        }
                        _ => {}
                    }
                    walk(child, &at, names, comments);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    walk(item, &format!("{pointer}/{index}"), names, comments);
                }
            }
            _ => {}
        }
    }
    walk(tree, "", names, &mut comments);
    comments
}

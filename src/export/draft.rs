//! Builds a spec's tree from live resources. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Wanted, left_out, unspoken};
use crate::finding::Finding;
use crate::id::{Key, ResourceId, trailing_guid};
use crate::kinds::account::is_location;
use crate::kinds::{self, Called, KINDS, Kind, Live, role_assignment};
use crate::principals::{Names, known_names};
use crate::rbac::Catalogue;
use crate::snapshot::Snapshot;
use crate::spec::Loaded;
use crate::spec::model::PrincipalType;

/// A field of few role assignments.
const DELEGATED: &str = "delegatedManagedIdentityResourceId";

/// A spec's tree, and findings about what is not in it.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// In spec shape, including empty lists of children, so that they are queried.
    pub tree: Value,
    /// Why live resources are left out.
    pub findings: Vec<Finding>,
    /// The accounts in it.
    live: Vec<Live>,
}

impl Draft {
    /// A draft with only the accounts.
    pub(super) fn of(wanted: &Wanted, live: Vec<Live>) -> Self {
        let subscription = wanted.subscription.subscription_id().unwrap_or_default();
        let mut tree = json!({"version": 1, "stack": wanted.stack, "subscription": subscription});
        let mut findings = Vec::new();
        // Titles of accounts need no names.
        let bare = Called { roles: &Catalogue::default(), names: &Names::new() };
        let live: Vec<Live> =
            live.into_iter().filter(|live| takes(wanted, live, &bare, &mut findings)).collect();
        findings.extend(live.iter().flat_map(|live| unspoken::fields(live, &bare)));
        let mut elements: Vec<Map<String, Value>> = live.iter().map(element).collect();
        let group = common(live.iter().map(|live| live.id.segment_after("resourceGroups")));
        // An invalid location stays with its account, so that only the account is left out, not the whole file.
        let location = common(elements.iter().map(|element| element.get("location")?.as_str()))
            .filter(|location| is_location(location));
        for (element, live) in elements.iter_mut().zip(&live) {
            if group.is_none() {
                element.insert("resourceGroup".to_owned(), json!(live.id.segment_after("resourceGroups")));
            }
            if location.is_some() {
                element.remove("location");
            }
        }
        tree["accounts"] = json!(elements);
        for (name, value) in [("resourceGroup", group), ("location", location)] {
            if let Some(value) = value {
                tree[name] = json!(value);
            }
        }
        Self { tree, findings, live }
    }

    /// The number of accounts in it.
    pub(super) fn accounts(&self) -> usize {
        self.tree["accounts"].as_array().map_or(0, Vec::len)
    }

    /// Adds the children of accounts and the role assignments, as far as the lists of the previous round show.
    pub(super) fn fill(&mut self, wanted: &Wanted, before: &Loaded, snapshot: &Snapshot) {
        let names = known_names(&[], snapshot);
        let called = &Called { roles: snapshot.roles(), names: &names };
        for kind in KINDS {
            let sections = kind.sections(&before.spec);
            if sections.is_empty() && kind.granting().is_none() {
                continue;
            }
            let inventory = kind.inventory(std::slice::from_ref(before), snapshot);
            let live = inventory.items.into_values().chain(inventory.twins.into_values());
            if kind.granting().is_some() {
                let near: Vec<Live> = live.filter(|live| self.reaches(wanted, before, live)).collect();
                let findings = &mut self.findings;
                let mut seen = BTreeSet::new();
                let live: Vec<Live> = near
                    .into_iter()
                    .filter(|live| {
                        takes(wanted, live, called, findings)
                            && lasts(live, snapshot, called, findings)
                            && is_first(live, &mut seen, called, findings)
                    })
                    .collect();
                findings.extend(live.iter().flat_map(|live| unspoken::fields(live, called)));
                self.grants(wanted, &live, before, called);
                continue;
            }
            let live: Vec<Live> =
                live.filter(|live| takes(wanted, live, called, &mut self.findings)).collect();
            self.findings.extend(live.iter().flat_map(|live| unspoken::fields(live, called)));
            for section in sections {
                let region = self.region(&section.parent);
                let children = live.iter().filter(|live| live.id.parent().as_ref() == Some(&section.parent));
                let elements = children.map(|live| {
                    let mut element = element(live);
                    if element.get("location") == region.as_ref() {
                        element.remove("location");
                    }
                    Value::Object(element)
                });
                let elements: Vec<Value> = elements.collect();
                let elements = if kind.only().is_none() { json!(elements) } else { only(elements) };
                self.put(before, &section.pointer, elements);
            }
        }
    }

    /// Adds a list, or the mapping of the only element, if the previous round has it; lists that it left out do not exist.
    fn put(&mut self, before: &Loaded, pointer: &str, elements: Value) {
        let (mut at, mut place) = (&mut self.tree, String::new());
        for token in pointer.split('/').skip(1) {
            place = format!("{place}/{token}");
            let next = if at.is_array() {
                // Elements are matched by name: indexes shift when one is left out.
                let wanted = before.document.tree.pointer(&place).unwrap_or(&Value::Null);
                let same = |each: &&mut Value| {
                    ["name", "resourceGroup"].iter().all(|member| each[*member] == wanted[*member])
                };
                at.as_array_mut().and_then(|items| items.iter_mut().find(same))
            } else {
                at.get_mut(token)
            };
            let Some(next) = next else { return };
            at = next;
        }
        *at = elements;
    }

    /// The region of a resource's account.
    fn region(&self, id: &ResourceId) -> Option<Value> {
        let account = id.tracked();
        let live = self.live.iter().find(|live| live.id == account)?;
        live.kind.written(&live.body).remove("location")
    }

    /// Whether a role assignment belongs to the export: it is on an account or its children, on a group unless a single account is
    /// exported, or the stack's own.
    fn reaches(&self, wanted: &Wanted, before: &Loaded, live: &Live) -> bool {
        let on_account = self.live.iter().any(|account| account.id.contains(&live.scope));
        let on_group =
            wanted.account.is_none() && kinds::account::groups_of(&before.spec).contains(&live.scope);
        on_account || on_group || live.kind.mark(&live.body).as_ref() == Some(&wanted.stack)
    }

    /// Adds role assignments, grouped by role, text, condition and scope.
    fn grants(&mut self, wanted: &Wanted, live: &[Live], before: &Loaded, called: &Called<'_>) {
        let mut grants: BTreeMap<(ResourceId, [String; 4]), Vec<Value>> = BTreeMap::new();
        for assignment in live {
            let spec = assignment.kind.written(&assignment.body);
            let text = |name: &str| spec.get(name).and_then(Value::as_str).unwrap_or_default();
            let Some(role) = trailing_guid(text("roleDefinitionId")) else { continue };
            let title = || assignment.kind.title(&assignment.body, called);
            if serde_json::from_value::<PrincipalType>(json!(text("principalType"))).is_err() {
                let why = format!("specs have no principals of type `{}`", text("principalType"));
                self.findings.push(left_out(&title(), &why));
                continue;
            }
            if !text("condition").is_empty() && text("conditionVersion") != "2.0" {
                let why = format!(
                    "its condition is of version `{}`, and specs write `2.0`",
                    text("conditionVersion")
                );
                self.findings.push(left_out(&title(), &why));
                continue;
            }
            let texts = [
                role_assignment::spelled(role, called.roles),
                text("description").to_owned(),
                text("condition").to_owned(),
                text(DELEGATED).to_owned(),
            ];
            let principal = self.principal(text("principalId"), text("principalType"));
            grants.entry((assignment.scope.clone(), texts)).or_default().push(principal);
        }
        let groups = kinds::account::groups_of(&before.spec);
        for ((scope, [role, description, condition, delegated]), mut principals) in grants {
            principals.sort_by_key(Value::to_string);
            let mut grant = Map::from_iter([("role".to_owned(), json!(role))]);
            for (name, text) in
                [("description", description), ("condition", condition), (DELEGATED, delegated)]
            {
                if !text.is_empty() {
                    grant.insert(name.to_owned(), json!(text));
                }
            }
            grant.insert("principals".to_owned(), Value::Array(principals));
            if let Some(index) = self.live.iter().position(|account| account.id == scope) {
                push(&mut self.tree["accounts"][index], grant);
                continue;
            }
            let word = match groups.get(&scope) {
                Some(_) if before.spec.resource_group.is_some() => json!("resourceGroup"),
                Some(group) => json!(group.as_str()),
                None if scope == wanted.subscription => json!("subscription"),
                None => json!(scope.as_str()),
            };
            grant.insert("scope".to_owned(), word);
            push(&mut self.tree, grant);
        }
    }

    /// The principal of a role: an account in this file by name, anything else by object id.
    pub(super) fn principal(&self, id: &str, principal_type: &str) -> Value {
        let is =
            |live: &&Live| live.kind.identity(&live.body).is_some_and(|own| own.eq_ignore_ascii_case(id));
        let named =
            |name: &str| self.live.iter().filter(|live| live.id.name().eq_ignore_ascii_case(name)).count();
        match self.live.iter().find(is) {
            Some(account) if named(account.id.name()) == 1 && principal_type == "ServicePrincipal" => {
                json!({"accountIdentity": account.id.name()})
            }
            _ => json!({"id": id.to_ascii_lowercase(), "type": principal_type}),
        }
    }

    /// Removes empty lists of children.
    pub(super) fn without_empty_lists(&mut self) {
        fn walk(value: &mut Value, collections: &BTreeSet<&str>) {
            match value {
                Value::Object(map) => {
                    map.retain(|name, child| {
                        let empty = child.as_array().is_some_and(Vec::is_empty)
                            || child.as_object().is_some_and(Map::is_empty);
                        !(empty && collections.contains(name.as_str()))
                    });
                    map.values_mut().for_each(|child| walk(child, collections));
                }
                Value::Array(items) => items.iter_mut().for_each(|item| walk(item, collections)),
                _ => {}
            }
        }
        walk(&mut self.tree, &collections());
    }
}

/// The names of lists of resources.
fn collections() -> BTreeSet<&'static str> {
    let of_kind = |kind: &&'static dyn Kind| {
        let names = kind.types().iter().filter_map(|name| name.rsplit('/').next());
        names.map(|collection| list_of(*kind, collection)).collect::<Vec<_>>()
    };
    KINDS.iter().flat_map(of_kind).collect()
}

/// What a spec calls a collection of a kind.
fn list_of(kind: &dyn Kind, collection: &'static str) -> &'static str {
    if kind.types().len() > 1 { collection } else { kind.list_name() }
}

/// Whether the stack may declare it: what another stack created belongs to that stack.
fn takes(wanted: &Wanted, live: &Live, called: &Called<'_>, findings: &mut Vec<Finding>) -> bool {
    match live.kind.mark(&live.body) {
        Some(owner) if owner != wanted.stack => {
            let title = live.kind.title(&live.body, called);
            let hint = format!("its spec declares it; if that is lost, export it with `--stack {owner}`");
            findings.push(left_out(&title, &format!("it carries the mark of stack `{owner}`")).hint(hint));
            false
        }
        _ => true,
    }
}

/// Whether it is permanent.
fn lasts(live: &Live, snapshot: &Snapshot, called: &Called<'_>, findings: &mut Vec<Finding>) -> bool {
    let passing = live.passing(snapshot);
    if let Some(passing) = &passing {
        let title = live.kind.title(&live.body, called);
        let how = if passing.is_activated { "activated it" } else { "assigned it" };
        let why = format!("somebody {how} through Privileged Identity Management until {}", passing.until);
        findings.push(left_out(&title, &why));
    }
    passing.is_none()
}

/// Whether the spec has no duplicate of it yet.
fn is_first(live: &Live, seen: &mut BTreeSet<Key>, called: &Called<'_>, findings: &mut Vec<Finding>) -> bool {
    let first = seen.insert(live.key.clone());
    if !first {
        let why = format!("`{}` duplicates one with the same scope, principal and role", live.id);
        findings.push(left_out(&live.kind.title(&live.body, called), &why));
    }
    first
}

/// A live resource as an element of a spec's list, with empty lists of possible children.
fn element(live: &Live) -> Map<String, Value> {
    let mut map = live.kind.written(&live.body);
    map.insert("name".to_owned(), json!(live.id.name()));
    let own = live.id.resource_type().unwrap_or_default();
    for kind in KINDS.iter().filter(|kind| kind.may_stand_in(&live.body)) {
        for (parent, collection) in kind.types().iter().filter_map(|name| name.rsplit_once('/')) {
            if parent.eq_ignore_ascii_case(&own) {
                let empty = if kind.only().is_some() { json!({}) } else { json!([]) };
                map.insert(list_of(*kind, collection).to_owned(), empty);
            }
        }
    }
    map
}

/// The only element of a list, without its name.
fn only(elements: Vec<Value>) -> Value {
    let mut element = elements.into_iter().next().unwrap_or_else(|| json!({}));
    if let Some(map) = element.as_object_mut() {
        map.remove("name");
    }
    element
}

fn push(holder: &mut Value, grant: Map<String, Value>) {
    let list = crate::text::json::member(holder, "roleAssignments");
    if list.is_null() {
        *list = json!([]);
    }
    if let Some(list) = list.as_array_mut() {
        list.push(Value::Object(grant));
    }
}

/// The common value of all, ignoring case.
fn common<'a>(mut all: impl Iterator<Item = Option<&'a str>>) -> Option<String> {
    let first = all.next()??;
    all.all(|each| each.is_some_and(|each| each.eq_ignore_ascii_case(first))).then(|| first.to_owned())
}

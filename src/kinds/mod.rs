//! Resource kinds: all that is particular to one type of resource, one file each.
//!
//! A kind is pure and synchronous. It says what a spec declares of it, how that is read and found in Azure, how spec and ARM
//! shape translate, and which fields compare otherwise than by equality. Diff, plan, apply and render never name a kind.

pub mod account;
pub(crate) mod cidr;
pub mod role_assignment;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};

use crate::desired::Desired;
use crate::finding::Finding;
use crate::id::{Key, ResourceId};
use crate::plan::document::Plan;
use crate::snapshot::{Query, Refusal, Snapshot};
use crate::spec::Loaded;
use crate::spec::model::Spec;

/// Every kind, parents before children.
pub static KINDS: &[&dyn Kind] = &[&account::Accounts, &role_assignment::RoleAssignments];

/// What keyless has to know of a type of resource.
///
/// Spec shape is what stands in a spec file; ARM shape is what Azure sends and takes. Comparing happens in spec shape.
pub trait Kind: Sync {
    /// ARM's name for the collection: `accounts`.
    fn name(&self) -> &'static str;
    /// A resource of this kind of which nothing is known but its id, in ARM shape.
    fn blank(&self, id: &ResourceId) -> Value;
    /// The word for one of them in messages.
    fn noun(&self) -> &'static str;
    /// The api-version used for reading and writing it.
    fn api_version(&self) -> &'static str;
    /// Fields that compare otherwise than by equality, or may not change.
    fn fields(&self) -> &'static [Field];
    /// JSON pointers into ARM's answer that a PUT must not send back; `*` stands for any one segment.
    fn read_only(&self) -> &'static [&'static str];
    /// Offline rules.
    fn check(&self, loaded: &Loaded, findings: &mut Vec<Finding>);
    /// What shows the state of these stacks, given what is known already.
    fn queries(&self, stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Query>;
    /// What the state raises, once every kind's `queries` are answered.
    fn follow_ups(&self, _stacks: &[Loaded], _snapshot: &Snapshot) -> Vec<Query> {
        Vec::new()
    }
    /// What there is to say about the specs once Azure has answered, whatever changes.
    fn remarks(&self, _stacks: &[Loaded], _snapshot: &Snapshot) -> Vec<Finding> {
        Vec::new()
    }
    /// The lists that show everything of this kind around some resources of any kind.
    fn around(&self, targets: &[ResourceId]) -> Vec<Query>;
    /// Everything live of this kind that the snapshot shows.
    fn inventory(&self, stacks: &[Loaded], snapshot: &Snapshot) -> Inventory;
    /// What a stack declares, with names resolved as far as the snapshot goes.
    fn desired(&self, loaded: &Loaded, snapshot: &Snapshot) -> Vec<Desired>;
    /// Why a declared thing that is absent cannot be created.
    fn obstacles(&self, _desired: &Desired, _loaded: &Loaded, _snapshot: &Snapshot) -> Vec<Finding> {
        Vec::new()
    }
    /// What is left of a declared thing that was soft-deleted.
    fn remains(&self, _desired: &Desired, _snapshot: &Snapshot) -> Option<Live> {
        None
    }
    /// What brings a soft-deleted one back, as the body of a PUT.
    fn restoring(&self, _patch: &Map<String, Value>) -> Value {
        Value::Null
    }
    /// What there is to say about a declared thing that is live, beyond its differences.
    fn notices(&self, _desired: &Desired, _body: &Value) -> Vec<Finding> {
        Vec::new()
    }
    /// Whether ARM refuses to take a live body back by PUT, so that changes must go by PATCH.
    fn refuses_put(&self, _body: &Value) -> bool {
        false
    }
    /// ARM shape to spec shape, marks left out.
    fn to_spec(&self, body: &Value) -> Value;
    /// Lays a patch in spec shape over a body in ARM shape; `null` removes.
    fn overlay(&self, body: &mut Value, patch: &Map<String, Value>);
    /// The stack whose mark the body carries.
    fn mark(&self, body: &Value) -> Option<String>;
    /// Writes a stack's mark into the body.
    fn set_mark(&self, body: &mut Value, stack: &str);
    /// The object id of its own identity, if it has one.
    fn identity<'a>(&self, _body: &'a Value) -> Option<&'a str> {
        None
    }
    /// The id of what a patch makes, where that follows from the patch; `stand_in` is one in its place.
    fn named_by(&self, _patch: &Map<String, Value>, stand_in: &ResourceId) -> ResourceId {
        stand_in.clone()
    }
    /// How people name a live one.
    fn title(&self, body: &Value) -> String;
    /// The same, where other things that were read give it a better name.
    fn title_in(&self, body: &Value, _snapshot: &Snapshot) -> String {
        self.title(body)
    }
    /// Whether it gives somebody access: keys go off after grants, and revocations come after grants.
    fn is_grant(&self) -> bool {
        false
    }
    /// Lines worth printing once it stands, as label and value.
    fn outputs(&self, _body: &Value) -> Vec<(&'static str, String)> {
        Vec::new()
    }
    /// How a field is called and its values are worded for people, where ARM's own words mislead.
    fn wording(&self, _path: &[String], _value: &Value) -> Option<(&'static str, &'static str)> {
        None
    }
}

impl fmt::Debug for dyn Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Finds a kind by its name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Kind> {
    KINDS.iter().copied().find(|kind| kind.name() == name)
}

/// How a field compares, what its absence means, and whether it may change.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Path in spec shape, with `/` between names.
    pub path: &'static str,
    /// How it compares.
    pub compare: Compare,
    /// What a live value that is not there means, as JSON.
    pub absent: Option<&'static str>,
    /// Whether it may change.
    pub change: Mutability,
}

/// How two values of a field compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// As JSON values.
    Equal,
    /// As text without regard to case.
    IgnoreCase,
    /// As regions: without regard to case and spaces.
    Location,
    /// As text without regard to white space.
    Text,
    /// As text without regard to white space at its end, which does not survive in front of a mark.
    TextToItsEnd,
    /// As a set of IPv4 addresses and ranges.
    Cidrs,
    /// As a set of texts without regard to case.
    Names,
    /// As a set of objects, each identified by the named member.
    By(&'static str),
    /// Part of what identifies the thing: always the same, never shown as a change.
    Identity,
}

/// Whether a field may change on a live resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutability {
    /// In place.
    InPlace,
    /// In place, by a write of its own once every grant of the plan stands, when it becomes true.
    AfterGrants,
    /// Never; the reason follows "because".
    Never(&'static str),
    /// Not once it has a value; the reason follows "because".
    OnceSet(&'static str),
}

impl Field {
    /// A field that compares in its own way and changes in place.
    const fn new(path: &'static str, compare: Compare) -> Self {
        Self { path, compare, absent: None, change: Mutability::InPlace }
    }

    /// Says what an absent live value means.
    const fn absent(mut self, json: &'static str) -> Self {
        self.absent = Some(json);
        self
    }

    /// Says whether it may change.
    const fn change(mut self, change: Mutability) -> Self {
        self.change = change;
        self
    }
}

/// A live resource.
#[derive(Debug, Clone)]
pub struct Live {
    /// Its kind.
    pub kind: &'static dyn Kind,
    /// Its id as ARM gave it.
    pub id: ResourceId,
    /// What it is, whatever it is called.
    pub key: Key,
    /// The resource or scope it belongs to.
    pub scope: ResourceId,
    /// The projected body in ARM shape.
    pub body: Value,
}

/// Everything live of one kind, and where the reading had gaps.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// By key.
    pub items: BTreeMap<Key, Live>,
    /// Scopes that could not be read.
    pub gaps: Vec<Gap>,
    /// Scopes of which only parts could be read: what is seen counts, and nothing is deleted on its word.
    pub partial: Vec<Gap>,
}

/// A scope about which nothing is known.
#[derive(Debug, Clone)]
pub struct Gap {
    /// The scope, with all below it.
    pub scope: ResourceId,
    /// Why.
    pub refusal: Refusal,
}

impl Inventory {
    /// Whether a list of a thing's subscription could not be read whole: one unreadable subscription does not stop the others.
    #[must_use]
    pub fn is_incomplete_near(&self, scope: &ResourceId) -> bool {
        let subscription = |id: &ResourceId| id.subscription_id().map(str::to_ascii_lowercase);
        self.gaps
            .iter()
            .chain(&self.partial)
            .any(|gap| gap.scope.contains(scope) || subscription(&gap.scope) == subscription(scope))
    }

    /// Why nothing can be said about things at a scope, if so.
    #[must_use]
    pub fn gap(&self, scope: &ResourceId) -> Option<&Gap> {
        self.gaps.iter().find(|gap| gap.scope.contains(scope))
    }
}

/// What a stack speaks for: everything in the resource groups it names, and exactly the scopes it declares.
#[must_use]
pub(crate) fn domain(spec: &Spec) -> (BTreeSet<ResourceId>, BTreeSet<ResourceId>) {
    (account::groups_of(spec), role_assignment::scopes_of(spec))
}

/// What a spec names and only Azure can judge.
#[must_use]
pub(crate) fn unjudged(stacks: &[Loaded]) -> Vec<Finding> {
    stacks.iter().flat_map(role_assignment::unjudged).collect()
}

/// The lists that show the state around a plan's steps, for judging it again later.
#[must_use]
pub fn review(plan: &Plan) -> Vec<Query> {
    let targets: Vec<ResourceId> =
        plan.steps.iter().filter_map(|step| ResourceId::parse(&step.target).ok()).collect();
    let mut queries: Vec<Query> = KINDS.iter().flat_map(|kind| kind.around(&targets)).collect();
    queries.sort();
    queries.dedup();
    queries
}

/// What of a body may be sent back: read-only parts, and the `null`s that GET shows, left out.
#[must_use]
pub fn writable(kind: &dyn Kind, body: &Value) -> Value {
    let mut body = body.clone();
    for pointer in kind.read_only() {
        let segments: Vec<&str> = pointer.split('/').skip(1).collect();
        remove(&mut body, &segments);
    }
    drop_nulls(&mut body);
    body
}

fn remove(value: &mut Value, segments: &[&str]) {
    let (Some(map), [first, rest @ ..]) = (value.as_object_mut(), segments) else { return };
    if rest.is_empty() {
        map.remove(*first);
    } else if *first == "*" {
        map.values_mut().for_each(|child| remove(child, rest));
    } else if let Some(child) = map.get_mut(*first) {
        remove(child, rest);
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, child| !child.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// A member of an object, made if it is not there. What is no object becomes one: not everything that answers is Azure.
pub(crate) fn member<'a>(value: &'a mut Value, name: &str) -> &'a mut Value {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let map = value.as_object_mut().expect("it was made an object a line before");
    map.entry(name.to_owned()).or_insert(Value::Null)
}

/// The name under which a map holds a member: as written, or otherwise in another case. ARM's names, tags too, ignore it.
#[must_use]
pub(crate) fn spelled<'a>(map: &'a Map<String, Value>, name: &'a str) -> &'a str {
    if map.contains_key(name) {
        return name;
    }
    map.keys().find(|key| key.eq_ignore_ascii_case(name)).map_or(name, String::as_str)
}

/// Why an answer with an item that cannot be placed says nothing about what is absent.
pub(crate) fn unplaced(query: &Query) -> Gap {
    let message = format!("GET {}: an item of the list has no id that can be read", query.path);
    Gap { scope: query.scope.clone(), refusal: Refusal { message, hint: None } }
}

/// Lays a patch over a value: maps merge key by key, `null` removes, all else replaces.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(map) = target else { return };
    for (key, change) in changes {
        let key = spelled(map, key).to_owned();
        if change.is_null() {
            map.remove(&key);
        } else {
            merge(map.entry(key).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn merging_keeps_what_is_not_named_and_null_removes() {
        let mut target = json!({"a": 1, "b": {"c": [1, 2], "d": 2}, "e": 3});
        merge(&mut target, &json!({"b": {"c": [9], "x": {"y": null, "z": 1}}, "e": null}));
        assert_eq!(target, json!({"a": 1, "b": {"c": [9], "d": 2, "x": {"z": 1}}}));
    }
}

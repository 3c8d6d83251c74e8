//! Children of a resource: declared in a list below a parent, and read with one query for that parent.
//!
//! Pure. A kind that names its sections gets all of this from the trait's provided methods. A list is queried only if a spec declares it: a
//! list left out is unmanaged, and `[]` declares that there are none.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Gap, Inventory, Kind, Live, account, is_of, perhaps_in, placed, unplaced, unplaced_in};
use crate::id::{Key, ResourceId};
use crate::kinds::desired::{Desired, collect_spans};
use crate::snapshot::{Answer, Query, Shape, Snapshot};
use crate::spec::Loaded;
use crate::spec::tree::YamlDocument;

/// A list of children in a spec, with their parent.
#[derive(Debug, Clone)]
pub struct Section {
    /// JSON pointer to the list.
    pub pointer: String,
    /// Id of the account or project that contains it.
    pub parent: ResourceId,
    /// The parent's address.
    pub place: String,
    /// The declared resources that must be created first; empty if the parent is assumed to exist.
    pub after: Vec<Key>,
}

impl Section {
    /// The declared elements, each with its pointer; a mapping is the only one.
    pub(super) fn elements<'a>(
        &'a self,
        document: &'a YamlDocument,
    ) -> impl Iterator<Item = (String, &'a Map<String, Value>)> {
        let declared = document.tree.pointer(&self.pointer);
        let only = declared.and_then(Value::as_object).map(|map| (self.pointer.clone(), map));
        let list = declared.and_then(Value::as_array);
        let element = |(index, value): (usize, &'a Value)| {
            Some((format!("{}/{index}", self.pointer), value.as_object()?))
        };
        list.into_iter().flatten().enumerate().filter_map(element).chain(only)
    }
}

/// The last collection in a kind's types: `deployments`.
pub(super) fn collection(kind: &dyn Kind) -> &'static str {
    kind.types().first().and_then(|name| name.rsplit('/').next()).unwrap_or_default()
}

/// The identity of a child.
pub(super) fn key(kind: &dyn Kind, id: &ResourceId) -> Key {
    Key::new(kind.name(), &[id.as_str()])
}

/// The query for a parent's children.
pub(super) fn list(kind: &dyn Kind, parent: &ResourceId) -> Query {
    Query {
        path: format!("{parent}/{}?api-version={}", collection(kind), kind.api_version()),
        shape: Shape::Children,
        // Not the whole parent: this list does not cover its other children or theirs.
        scope: parent.list(collection(kind)),
        project: |body| body,
    }
}

/// The accounts for which a list of this kind, in the account or below, was queried but could not be read completely; with the reason.
pub(super) fn unlisted(kind: &dyn Kind, snapshot: &Snapshot) -> BTreeMap<ResourceId, String> {
    let end = format!("/{}?", collection(kind));
    let lists = snapshot.answers().filter(|(path, ..)| path.contains(&end));
    let unread = lists.filter_map(|(_, scope, answer)| {
        let (account, (parent, _)) = (scope.up_to("accounts")?, scope.as_str().rsplit_once('/')?);
        let unplaced = || unplaced_in(&list(kind, &ResourceId::parse(parent).ok()?), snapshot);
        Some((account, answer.refusal().cloned().or_else(unplaced)?.message))
    });
    unread.collect()
}

pub(super) fn queries(kind: &dyn Kind, stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Query> {
    parents(kind, stacks, snapshot).iter().map(|parent| list(kind, parent)).collect()
}

/// The parents for which a list is declared. Retired stacks may own something in any account of their groups, whoever declares the account;
/// others in those that no spec declares any more, as far as their own role assignments there show it.
pub(super) fn parents(kind: &dyn Kind, stacks: &[Loaded], snapshot: &Snapshot) -> BTreeSet<ResourceId> {
    let sections = stacks.iter().flat_map(|loaded| kind.sections(&loaded.spec));
    let declared = sections.map(|section| section.parent);
    let is_owned = kind.takes_mark() && is_in_accounts(kind);
    let near =
        || [account::in_retired(stacks, snapshot), account::with_own_grants(stacks, snapshot)].concat();
    let near = is_owned.then(near).into_iter().flatten();
    declared.chain(near.filter(|live| kind.may_stand_in(&live.body)).map(|live| live.id)).collect()
}

/// Whether accounts hold it directly.
fn is_in_accounts(kind: &dyn Kind) -> bool {
    kind.types().iter().all(|name| name.split('/').count() == 3 && name.contains("/accounts/"))
}

pub(super) fn around(kind: &dyn Kind, targets: &[ResourceId]) -> Vec<Query> {
    let parents = targets.iter().filter(|target| is_of(kind, target)).filter_map(ResourceId::parent);
    parents.map(|parent| list(kind, &parent)).collect()
}

/// The live resources of a kind in these parents.
pub(super) fn inventory(
    kind: &'static dyn Kind,
    parents: BTreeSet<ResourceId>,
    snapshot: &Snapshot,
) -> Inventory {
    let mut inventory = Inventory::default();
    for parent in parents {
        let query = list(kind, &parent);
        if let Some(refusal) = snapshot.get(&query).and_then(Answer::refusal) {
            inventory.gaps.push(Gap { scope: query.scope.clone(), refusal: refusal.clone() });
        }
        for body in snapshot.items(&query) {
            let Some(id) = placed(body) else {
                let near = perhaps_in(body, [&parent]);
                let gap =
                    |_: &ResourceId| Gap { scope: query.scope.clone(), refusal: unplaced(&query, body) };
                inventory.gaps.extend(near.map(gap));
                continue;
            };
            // A list may include items shared from elsewhere.
            if id.parent().as_ref() != Some(&parent) || kind.is_built_in(body) {
                continue;
            }
            let live = Live { kind, key: key(kind, &id), scope: id.clone(), id, body: body.clone() };
            inventory.items.insert(live.key.clone(), live);
        }
    }
    inventory
}

pub(super) fn desired(kind: &'static dyn Kind, loaded: &Loaded) -> Vec<Desired> {
    let (spec, document) = (&loaded.spec, &loaded.document);
    let mut all = Vec::new();
    for section in kind.sections(spec) {
        for (pointer, element) in section.elements(document) {
            let named = || element.get("name").and_then(Value::as_str);
            let Some(name) = kind.only().or_else(named) else { continue };
            let named_at = if kind.only().is_some() { pointer.clone() } else { format!("{pointer}/name") };
            let mut declared = element.clone();
            declared.remove("name");
            let mut spans = BTreeMap::new();
            for (field, value) in &declared {
                collect_spans(document, &format!("{pointer}/{field}"), field, value, &mut spans);
            }
            let id = section.parent.child(collection(kind), name);
            let mut desired = Desired {
                kind,
                stack: spec.stack.clone(),
                address: format!("{}/{}/{name}", section.place, collection(kind)),
                title: title_of(kind, &id),
                key: key(kind, &id),
                scope: id.clone(),
                id,
                after: section.after.clone(),
                declared,
                defaults: Map::new(),
                span: document.value_span(&named_at),
                spans,
                adopt: spec.adopt,
                open: None,
                holes: Vec::new(),
                taken: Vec::new(),
                unproven: None,
                resend: false,
            };
            kind.complete(&mut desired, loaded);
            desired.defaults.retain(|field, _| !desired.declared.contains_key(field));
            all.push(desired);
        }
    }
    all
}

/// A live child's title. Its `name` may include that of its parent.
pub(super) fn title(kind: &dyn Kind, body: &Value) -> String {
    match body["id"].as_str().and_then(|id| ResourceId::parse(id).ok()) {
        Some(id) => title_of(kind, &id),
        None => format!("{} without id", kind.noun()),
    }
}

/// A child's title.
pub(super) fn title_of(kind: &dyn Kind, id: &ResourceId) -> String {
    let parent = id.parent().map_or_else(String::new, |parent| parent.name().to_owned());
    format!("{} {} of {parent}", kind.noun(), id.name())
}

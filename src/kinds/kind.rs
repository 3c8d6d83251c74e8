//! What keyless must know about a type of resource: its constants ([`Facts`]) and one trait for each stage of the flow.

use serde_json::{Map, Value};

use super::desired::Desired;
use super::{Called, FieldChange, Inventory, Live, MARK, Passing, Section, Survey, Trust, UndeclaredVerdict};
use super::{children, registered, rules, shape, undeclared};
use crate::document::PlannedChange;
use crate::finding::Finding;
use crate::id::ResourceId;
use crate::kinds::Field;
use crate::principals::Names;
use crate::rbac::Catalogue;
use crate::snapshot::{Query, Refusal, Snapshot};
use crate::spec::Loaded;
use crate::spec::model::Spec;
use crate::spec::structure::Fields;

/// A type of resource.
///
/// Spec shape is what a spec file contains; ARM shape is what Azure sends and accepts. Comparing happens in spec shape.
pub trait Kind: Declaring + Reading + Comparing + Writing + Wording {
    /// Whether it is a role assignment of Azure itself, which is not in the resource that it gives access to, and what that takes.
    fn granting(&self) -> Option<&dyn Granting> {
        None
    }
    /// Whether Azure keeps its deleted resources, and how to deal with them.
    fn soft_deleting(&self) -> Option<&dyn SoftDeleting> {
        None
    }
    /// Whether it gives somebody access, in Azure or to the data of a service: keys are disabled after grants are created, and a grant is
    /// revoked after those that may replace it.
    fn is_grant(&self) -> bool {
        self.granting().is_some()
    }
    /// What one with this id gives access to; itself if it gives none.
    fn applies_to(&self, id: &ResourceId) -> ResourceId {
        if self.granting().is_some() { id.scope() } else { id.clone() }
    }
    /// What one with this id is on or in.
    fn stands_on(&self, id: &ResourceId) -> Option<ResourceId> {
        if self.is_grant() { Some(self.applies_to(id)) } else { id.parent() }
    }
    /// Whether its `principalId` can be an identity that the same plan creates.
    fn takes_principal(&self) -> bool {
        self.is_grant()
    }
    /// The id of what a stack creates with a patch, if it follows from the patch; `stand_in` is the id used until then.
    fn named_by(
        &self,
        patch: &Map<String, Value>,
        stand_in: &ResourceId,
        _stack: Option<&str>,
    ) -> Option<ResourceId> {
        Some(self.granting()?.named_by(patch, stand_in))
    }
}

/// The constants of a kind.
#[derive(Debug)]
pub struct Facts {
    /// Its name in plans, unique among kinds: `accounts`.
    pub name: &'static str,
    /// Its ARM types; more than one only if they differ in nothing but their parents.
    pub types: &'static [&'static str],
    /// Its singular in messages.
    pub noun: &'static str,
    /// The api-version used for reading and writing it.
    pub api_version: &'static str,
    /// Fields that are not compared by equality or cannot change.
    pub fields: &'static [Field],
    /// JSON pointers into ARM's answer that a PUT must not send back; `*` matches one segment.
    pub read_only: &'static [&'static str],
    /// Further pointers that are in no fingerprint: the service changes them itself when something else is written.
    pub moving: &'static [&'static str],
    /// Of the read-only ones, fields that people used to set, with why a spec does not have them; an export mentions them.
    pub superseded: &'static [(&'static str, &'static str)],
    /// Paths of fields that api-version 2025-06-01 lacks, in spec shape; `*` matches every element of a list, `name=value` only that value.
    pub newer: &'static [&'static str],
    /// Whether it can carry a mark; without one nothing is adopted or pruned.
    pub takes_mark: bool,
    /// Whether it can have its own identity.
    pub takes_identity: bool,
    /// Whether clients call it: keys are disabled after it is created.
    pub is_callable: bool,
}

/// The constants of a kind, one method each.
pub trait Described: Sync {
    /// All of them.
    fn facts(&self) -> &'static Facts;
    /// [`Facts::name`].
    fn name(&self) -> &'static str {
        self.facts().name
    }
    /// [`Facts::types`].
    fn types(&self) -> &'static [&'static str] {
        self.facts().types
    }
    /// [`Facts::noun`].
    fn noun(&self) -> &'static str {
        self.facts().noun
    }
    /// [`Facts::api_version`].
    fn api_version(&self) -> &'static str {
        self.facts().api_version
    }
    /// [`Facts::fields`].
    fn fields(&self) -> &'static [Field] {
        self.facts().fields
    }
    /// [`Facts::read_only`].
    fn read_only(&self) -> &'static [&'static str] {
        self.facts().read_only
    }
    /// [`Facts::moving`].
    fn moving(&self) -> &'static [&'static str] {
        self.facts().moving
    }
    /// [`Facts::superseded`].
    fn superseded(&self) -> &'static [(&'static str, &'static str)] {
        self.facts().superseded
    }
    /// [`Facts::newer`].
    fn newer(&self) -> &'static [&'static str] {
        self.facts().newer
    }
    /// [`Facts::takes_mark`].
    fn takes_mark(&self) -> bool {
        self.facts().takes_mark
    }
    /// [`Facts::takes_identity`].
    fn takes_identity(&self) -> bool {
        self.facts().takes_identity
    }
    /// [`Facts::is_callable`].
    fn is_callable(&self) -> bool {
        self.facts().is_callable
    }
}

/// What a spec declares of it, and what is wrong with that.
///
/// A child kind names its [`sections`](Self::sections); any other kind overrides the methods that use them.
pub trait Declaring: Described {
    /// Every field that a spec can declare, with its accepted values, from the spec's types.
    fn declarable(&self) -> Fields;
    /// Whether `null` clears a field.
    fn clears(&self, path: &[String]) -> bool {
        path.first().is_some_and(|name| rules::is_clearable(name))
    }
    /// Offline rules.
    fn check(&self, loaded: &Loaded, findings: &mut Vec<Finding>);
    /// The lists of it that a spec declares below a parent.
    fn sections(&self, _spec: &Spec) -> Vec<Section> {
        Vec::new()
    }
    /// What a spec calls a list of it.
    fn list_name(&self) -> &'static str {
        children::collection(registered(self.name()))
    }
    /// The name of the only one that a parent has; a spec then declares a mapping instead of a list.
    fn only(&self) -> Option<&'static str> {
        None
    }
    /// The lists of it that a stack declares, including empty ones, by parent; a top-level list has no parent.
    fn lists(&self, loaded: &Loaded) -> Vec<Option<ResourceId>> {
        self.sections(&loaded.spec).into_iter().map(|section| Some(section.parent)).collect()
    }
    /// What a stack declares, with names resolved as far as the snapshot allows.
    fn desired(&self, loaded: &Loaded, _snapshot: &Snapshot) -> Vec<Desired> {
        children::desired(registered(self.name()), loaded)
    }
    /// Completes a declared child: defaults on creation, further dependencies, members that are not its own.
    fn complete(&self, _desired: &mut Desired, _loaded: &Loaded) {}
    /// Why an absent declared resource cannot be created.
    fn obstacles(&self, _desired: &Desired, _loaded: &Loaded, _snapshot: &Snapshot) -> Vec<Finding> {
        Vec::new()
    }
}

/// Which queries show it, and what their answers show.
///
/// The provided methods are those of a child kind.
pub trait Reading: Described {
    /// The queries that show the state of these stacks, given what is known.
    fn queries(&self, stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Query> {
        children::queries(registered(self.name()), stacks, snapshot)
    }
    /// Further queries once every kind's `queries` are answered.
    fn follow_ups(&self, _view: &Survey<'_>) -> Vec<Query> {
        Vec::new()
    }
    /// Findings about the specs from Azure's answers, independent of changes.
    fn remarks(&self, _view: &Survey<'_>) -> Vec<Finding> {
        Vec::new()
    }
    /// The queries for everything of this kind around some resources of any kind.
    fn around(&self, targets: &[ResourceId]) -> Vec<Query> {
        children::around(registered(self.name()), targets)
    }
    /// The live resources of this kind in the snapshot.
    fn inventory(&self, stacks: &[Loaded], snapshot: &Snapshot) -> Inventory {
        let kind = registered(self.name());
        children::inventory(kind, children::parents(kind, stacks, snapshot), snapshot)
    }
    /// Whether a complete declared list of it is at or below a scope: while the scope cannot be read, undeclared resources there are
    /// unknown.
    fn declares_list_in(&self, _scope: &ResourceId, _stacks: &[Loaded]) -> bool {
        // A child's list is only read if declared.
        true
    }
    /// Who created a live resource and who wrote it last, from fields that callers cannot set.
    fn authors<'a>(&self, body: &'a Value) -> Option<(&'a str, &'a str)> {
        let system = &body["systemData"];
        undeclared::authors(system["createdBy"].as_str(), system["lastModifiedBy"].as_str())
    }
    /// Whether the service itself creates and maintains a live one.
    fn is_built_in(&self, _body: &Value) -> bool {
        false
    }
    /// Whether a live parent can have any; the list of one that cannot is undefined.
    fn may_stand_in(&self, _parent: &Value) -> bool {
        true
    }
    /// The object id of its own identity, if any.
    fn identity<'a>(&self, _body: &'a Value) -> Option<&'a str> {
        None
    }
}

/// How what is live compares with what is declared.
pub trait Comparing: Described {
    /// One verdict for each live resource that no spec declares. Their marks hide nothing.
    fn undeclared(
        &self,
        live: &[&Live],
        stacks: &[Loaded],
        _snapshot: &Snapshot,
        _roles: &Catalogue,
    ) -> Vec<UndeclaredVerdict> {
        undeclared::children(registered(self.name()), live, stacks)
    }
    /// Findings about a live declared resource, beyond its differences.
    fn notices(&self, _desired: &Desired, _body: &Value) -> Vec<Finding> {
        Vec::new()
    }
    /// Reviews the differences of a live resource: drops those that the spec leaves to the service, with a note, and reports an error for
    /// those that cannot be written.
    fn weigh(&self, _desired: &Desired, _body: &Value, _fields: &mut Vec<FieldChange>) -> Vec<Finding> {
        Vec::new()
    }
    /// Whether Azure never changes one: nothing of it is sent again.
    fn never_changes(&self) -> bool {
        false
    }
    /// Why the differences of a live resource cannot be written, according to Azure's answers.
    fn unfit(&self, _desired: &Desired, _fields: &[FieldChange], _snapshot: &Snapshot) -> Vec<Finding> {
        Vec::new()
    }
    /// Converts ARM shape to spec shape, without marks.
    fn to_spec(&self, body: &Value) -> Value;
    /// The stack whose mark the body carries.
    fn mark(&self, body: &Value) -> Option<String> {
        shape::mark(body)
    }
    /// The mark of a body as Azure shows it. Where the name is the mark, it can only be checked against one stack: `stack` if that made it.
    fn mark_for(&self, body: &Value, _stack: Option<&str>) -> Option<String> {
        self.mark(body)
    }
}

/// What a request that writes it contains.
pub trait Writing: Described {
    /// Whether changes of a live one use PATCH: ARM refuses this body in a PUT, or a PUT could lose what GET hides.
    fn changes_by_patch(&self, _body: &Value) -> bool {
        false
    }
    /// What a PATCH sends to remove a member that it would otherwise leave alone.
    fn removing(&self, _name: &str) -> Value {
        Value::Null
    }
    /// The role that an identity needs to read a key before this change, so that the change becomes a separate write after it.
    fn trust(&self, _patch: &Map<String, Value>) -> Option<Trust> {
        None
    }
    /// Applies a patch in spec shape to a body in ARM shape; `null` removes.
    fn overlay(&self, body: &mut Value, patch: &Map<String, Value>);
    /// Writes a stack's mark into the body.
    fn set_mark(&self, body: &mut Value, stack: &str) {
        shape::set_mark(body, stack);
    }
    /// The ids that one with these fields refers to and depends on: it waits for those that the same plan creates.
    fn names(&self, _id: &ResourceId, _patch: &Map<String, Value>) -> Vec<ResourceId> {
        Vec::new()
    }
    /// The resource of its own kind that Azure may be making itself, and that must be done before this one is created.
    fn waits_for(&self, _id: &ResourceId) -> Option<ResourceId> {
        None
    }
    /// What is inconsistent in a change read from a file, beyond the rules for every kind.
    fn misfit(&self, _id: &ResourceId, _change: &PlannedChange) -> Option<String> {
        None
    }
}

/// How people see it: titles, values, and what an export writes.
pub trait Wording: Described {
    /// A live one in spec shape, as an export writes it.
    fn written(&self, body: &Value) -> Map<String, Value> {
        shape::written(registered(self.name()), body)
    }
    /// The comment that an export writes next to one of these fields.
    fn comment(&self, _written: &Value) -> Option<(&'static str, &'static str)> {
        None
    }
    /// The title of a planned change, from its id and patch alone.
    fn planned_title(&self, id: &ResourceId, _change: &PlannedChange, _roles: &Catalogue) -> String {
        children::title_of(registered(self.name()), id)
    }
    /// The title of a live one, with names for role and principal.
    fn title(&self, body: &Value, _called: &Called<'_>) -> String {
        children::title(registered(self.name()), body)
    }
    /// Values worth printing once it exists, with labels.
    fn outputs(&self, _body: &Value) -> Vec<(&'static str, String)> {
        Vec::new()
    }
    /// Where a stack's mark stands; `None` if the name is the mark.
    fn mark_place(&self, _stack: &str) -> Option<String> {
        Some(format!("the tag `{MARK}`"))
    }
    /// The role that a live one gives, if it is a grant.
    fn role(&self, _body: &Value, _roles: &Catalogue) -> Option<String> {
        None
    }
    /// A label and value for people, if ARM's own words are misleading.
    fn wording(&self, _path: &[String], _value: &Value) -> Option<(&'static str, &'static str)> {
        None
    }
}

/// What a kind needs only if it gives access: its name depends on a principal that may not exist yet, it may end, and Azure holds no second
/// one that is equal.
pub trait Granting {
    /// Whether a live resource may be a declared one whose principal is not known yet.
    fn may_be(&self, declared: &Map<String, Value>, body: &Value) -> bool;
    /// Whether a live one is temporary, and so neither declared nor kept.
    fn passing(&self, live: &Live, snapshot: &Snapshot) -> Option<Passing>;
    /// Why it is not known whether a live one is temporary, if Azure contradicts itself.
    fn contradiction(&self, live: &Live, snapshot: &Snapshot) -> Option<Refusal>;
    /// The identifying members in which the answer to a write differs from what was sent, in words.
    fn otherwise(&self, target: &str, sent: &Value, answer: &Value) -> Vec<String>;
    /// The patch with what a creation that omits it is meant to say all the same.
    fn whole(&self, patch: &Map<String, Value>) -> Map<String, Value>;
    /// The id of what a patch creates, if it follows from the patch; `stand_in` is the id used until then.
    fn named_by(&self, patch: &Map<String, Value>, stand_in: &ResourceId) -> ResourceId;
    /// Inserts into its title the name of the principal that it declares by object id.
    fn name_principal(&self, desired: &mut Desired, names: &Names);
}

/// What a kind needs only if Azure keeps its deleted resources for a while.
pub trait SoftDeleting {
    /// The soft-deleted remains of a declared resource.
    fn remains(&self, desired: &Desired, snapshot: &Snapshot) -> Option<Live>;
    /// The body of a PUT that restores a soft-deleted one.
    fn restoring(&self, patch: &Map<String, Value>) -> Value;
    /// Whether an id is that of its soft-deleted remains.
    fn leaves_behind(&self, id: &ResourceId, remains: &ResourceId) -> bool;
}

//! Resource kinds: everything specific to one type of resource, one file or folder each.
//!
//! A kind is pure and synchronous. It says what a spec declares, how to find and read it in Azure, how spec and ARM shape translate, and
//! which fields are not compared by equality. Diff, plan, apply and render never name a kind.

pub mod account;
mod check;
mod children;
pub(crate) mod cidr;
mod connection;
pub(crate) mod content_filters;
mod declarable;
mod deployment;
pub mod desired;
mod domain;
mod field;
mod lists;
mod named_secrets;
mod nearby;
pub(crate) mod project;
mod queries;
mod rai_policy;
pub mod role_assignment;
mod rules;
mod shape;
mod undeclared;
mod unplaced;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};

pub use check::check;
pub use children::Section;
pub(crate) use declarable::{shown, undeclarable};
pub(crate) use deployment::Deployments;
pub use desired::Desired;
pub(crate) use domain::{Domain, domain};
pub use field::{Compare, Field, FieldChange, Mutability};
pub(crate) use lists::lists;
pub(crate) use named_secrets::{named_secrets, names_in};
pub(crate) use nearby::{connections_in, unlisted_connections};
pub(crate) use project::Projects;
pub use queries::{is_settled, missing, review, review_secrets, unread};
pub(crate) use rai_policy::is_azures as is_azures_policy;
pub(crate) use role_assignment::scope_name;
pub(crate) use rules::{has_succeeded, unsettled};
pub(crate) use shape::MARK;
pub use shape::{merge, writable};
pub use undeclared::{UndeclaredVerdict, Weight};
use unplaced::contradicts;
pub(crate) use unplaced::{perhaps_in, placed, unplaced, unplaced_in};

use crate::document::PlannedChange;
use crate::finding::{Code, Finding};
use crate::id::{Key, ResourceId};
use crate::principals::Names;
use crate::rbac::Catalogue;
use crate::snapshot::{Body, Query, Refusal, Snapshot};
use crate::spec::Loaded;
use crate::spec::model::Spec;
use crate::spec::structure::Fields;

/// Every kind, parents before children.
pub static KINDS: &[&dyn Kind] = &[
    &account::Accounts,
    &rai_policy::RaiPolicies,
    &deployment::Deployments,
    &project::Projects,
    &connection::FOUNDRY,
    &connection::HUB,
    &role_assignment::RoleAssignments,
];

/// What keyless must know about a type of resource.
///
/// Spec shape is what a spec file contains; ARM shape is what Azure sends and accepts. Comparing happens in spec shape.
pub trait Kind: Sync {
    /// Its name in plans, unique among kinds: `accounts`.
    fn name(&self) -> &'static str;
    /// Its ARM types; more than one only if they differ in nothing but their parents.
    fn types(&self) -> &'static [&'static str];
    /// Its singular in messages.
    fn noun(&self) -> &'static str;
    /// The api-version used for reading and writing it.
    fn api_version(&self) -> &'static str;
    /// Fields that are not compared by equality or cannot change.
    fn fields(&self) -> &'static [Field];
    /// Every field that a spec can declare, with its accepted values, from the spec's types.
    fn declarable(&self) -> Fields;
    /// Whether `null` clears a field.
    fn clears(&self, path: &[String]) -> bool {
        path.first().is_some_and(|name| rules::is_clearable(name))
    }
    /// JSON pointers into ARM's answer that a PUT must not send back; `*` matches one segment.
    fn read_only(&self) -> &'static [&'static str];
    /// Of those, fields that people used to set, with why a spec does not have them; an export mentions them.
    fn superseded(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }
    /// Offline rules.
    fn check(&self, loaded: &Loaded, findings: &mut Vec<Finding>);
    /// The lists of it that a spec declares below a parent. A kind that is not a child leaves this empty and overrides the methods that use
    /// it.
    fn sections(&self, _spec: &Spec) -> Vec<Section> {
        Vec::new()
    }
    /// Whether a live resource may be a declared one whose principal is not known yet.
    fn may_be(&self, _declared: &Map<String, Value>, _body: &Value) -> bool {
        true
    }
    /// The lists of it that a stack declares, including empty ones, by parent; a top-level list has no parent.
    fn lists(&self, loaded: &Loaded) -> Vec<Option<ResourceId>> {
        self.sections(&loaded.spec).into_iter().map(|section| Some(section.parent)).collect()
    }
    /// The queries that show the state of these stacks, given what is known.
    fn queries(&self, stacks: &[Loaded], _snapshot: &Snapshot) -> Vec<Query> {
        children::queries(registered(self.name()), stacks)
    }
    /// Further queries once every kind's `queries` are answered.
    fn follow_ups(&self, _stacks: &[Loaded], _snapshot: &Snapshot) -> Vec<Query> {
        Vec::new()
    }
    /// Findings about the specs from Azure's answers, independent of changes.
    fn remarks(&self, _stacks: &[Loaded], _snapshot: &Snapshot) -> Vec<Finding> {
        Vec::new()
    }
    /// The queries for everything of this kind around some resources of any kind.
    fn around(&self, targets: &[ResourceId]) -> Vec<Query> {
        children::around(registered(self.name()), targets)
    }
    /// The live resources of this kind in the snapshot.
    fn inventory(&self, stacks: &[Loaded], snapshot: &Snapshot) -> Inventory {
        let kind = registered(self.name());
        children::inventory(kind, children::parents(kind, stacks), snapshot)
    }
    /// What a stack declares, with names resolved as far as the snapshot allows.
    fn desired(&self, loaded: &Loaded, _snapshot: &Snapshot) -> Vec<Desired> {
        children::desired(registered(self.name()), loaded)
    }
    /// Completes a declared child: defaults on creation, further dependencies, members that are not its own.
    fn complete(&self, _desired: &mut Desired, _loaded: &Loaded) {}
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
    /// Why an absent declared resource cannot be created.
    fn obstacles(&self, _desired: &Desired, _loaded: &Loaded, _snapshot: &Snapshot) -> Vec<Finding> {
        Vec::new()
    }
    /// The soft-deleted remains of a declared resource.
    fn remains(&self, _desired: &Desired, _snapshot: &Snapshot) -> Option<Live> {
        None
    }
    /// The body of a PUT that restores a soft-deleted one.
    fn restoring(&self, _patch: &Map<String, Value>) -> Value {
        Value::Null
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
    /// Why the differences of a live resource cannot be written, according to Azure's answers.
    fn unfit(&self, _desired: &Desired, _fields: &[FieldChange], _snapshot: &Snapshot) -> Vec<Finding> {
        Vec::new()
    }
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
    /// Whether a live one is temporary, and so neither declared nor kept.
    fn passing(&self, _live: &Live, _snapshot: &Snapshot) -> Option<Passing> {
        None
    }
    /// Why it is not known whether a live one is temporary, if Azure contradicts itself.
    fn contradiction(&self, _live: &Live, _snapshot: &Snapshot) -> Option<Refusal> {
        None
    }
    /// The identifying members in which the answer to a write differs from what was sent, in words.
    fn otherwise(&self, _target: &str, _sent: &Value, _answer: &Value) -> Vec<String> {
        Vec::new()
    }
    /// Converts ARM shape to spec shape, without marks.
    fn to_spec(&self, body: &Value) -> Value;
    /// A live one in spec shape, as an export writes it.
    fn written(&self, body: &Value) -> Map<String, Value> {
        shape::written(registered(self.name()), body)
    }
    /// The comment that an export writes next to one of these fields.
    fn comment(&self, _written: &Value) -> Option<(&'static str, &'static str)> {
        None
    }
    /// Whether a live parent can have any; the list of one that cannot is undefined.
    fn may_stand_in(&self, _parent: &Value) -> bool {
        true
    }
    /// Applies a patch in spec shape to a body in ARM shape; `null` removes.
    fn overlay(&self, body: &mut Value, patch: &Map<String, Value>);
    /// Whether it can carry a mark; without one nothing is adopted or pruned.
    fn takes_mark(&self) -> bool {
        true
    }
    /// The stack whose mark the body carries.
    fn mark(&self, body: &Value) -> Option<String> {
        shape::mark(body)
    }
    /// Writes a stack's mark into the body.
    fn set_mark(&self, body: &mut Value, stack: &str) {
        shape::set_mark(body, stack);
    }
    /// The object id of its own identity, if any.
    fn identity<'a>(&self, _body: &'a Value) -> Option<&'a str> {
        None
    }
    /// The id of what a patch creates, if it follows from the patch; `stand_in` is the id used until then.
    fn named_by(&self, _patch: &Map<String, Value>, stand_in: &ResourceId) -> ResourceId {
        stand_in.clone()
    }
    /// The ids that one with these fields refers to and depends on: it waits for those that the same plan creates.
    fn names(&self, _id: &ResourceId, _patch: &Map<String, Value>) -> Vec<ResourceId> {
        Vec::new()
    }
    /// The title of a planned change, from its id and patch alone.
    fn told(&self, id: &ResourceId, _change: &PlannedChange, _roles: &Catalogue) -> String {
        children::title_of(registered(self.name()), id)
    }
    /// What is inconsistent in a change read from a file, beyond the rules for every kind.
    fn misfit(&self, _id: &ResourceId, _change: &PlannedChange) -> Option<String> {
        None
    }
    /// Whether it can have its own identity.
    fn takes_identity(&self) -> bool {
        false
    }
    /// Whether an id is that of its soft-deleted remains.
    fn leaves_behind(&self, _id: &ResourceId, _remains: &ResourceId) -> bool {
        false
    }
    /// The title of a live one, with names for role and principal.
    fn title(&self, body: &Value, _called: &Called<'_>) -> String {
        children::title(registered(self.name()), body)
    }
    /// Inserts into its title the name of the principal that it declares by object id.
    fn name_principal(&self, _desired: &mut Desired, _names: &Names) {}
    /// Whether it gives somebody access: keys are disabled after grants are created, and revoked grants come last.
    fn is_grant(&self) -> bool {
        false
    }
    /// Whether clients call it: keys are disabled after it is created.
    fn is_callable(&self) -> bool {
        false
    }
    /// Values worth printing once it exists, with labels.
    fn outputs(&self, _body: &Value) -> Vec<(&'static str, String)> {
        Vec::new()
    }
    /// A label and value for people, if ARM's own words are misleading.
    fn wording(&self, _path: &[String], _value: &Value) -> Option<(&'static str, &'static str)> {
        None
    }
}

impl fmt::Debug for dyn Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A kind that needs itself as a trait object.
fn registered(name: &str) -> &'static dyn Kind {
    by_name(name).expect("every kind stands in KINDS")
}

/// Finds a kind by its name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Kind> {
    KINDS.iter().copied().find(|kind| kind.name() == name)
}

/// Finds a kind by the ARM type of a resource.
#[must_use]
pub fn by_id(id: &ResourceId) -> Option<&'static dyn Kind> {
    KINDS.iter().copied().find(|kind| is_of(*kind, id))
}

/// Whether an id belongs to a resource of a kind.
#[must_use]
pub fn is_of(kind: &dyn Kind, id: &ResourceId) -> bool {
    let found = id.resource_type();
    found.is_some_and(|found| kind.types().iter().any(|name| name.eq_ignore_ascii_case(&found)))
}

/// Display names of roles and principals.
#[derive(Debug, Clone, Copy)]
pub struct Called<'a> {
    /// By role id.
    pub roles: &'a Catalogue,
    /// By object id.
    pub names: &'a Names,
}

/// A live resource.
#[derive(Debug, Clone)]
pub struct Live {
    /// Its kind.
    pub kind: &'static dyn Kind,
    /// Its id as ARM returned it.
    pub id: ResourceId,
    /// Its identity, independent of its id.
    pub key: Key,
    /// The resource or scope that it belongs to.
    pub scope: ResourceId,
    /// Its body, as Azure showed it.
    pub body: Body,
}

/// Why a live resource is temporary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passing {
    /// When it ends, as Azure wrote it.
    pub until: String,
    /// Whether somebody activated it; otherwise it was assigned with an end.
    pub is_activated: bool,
    /// How its end relates to now.
    pub end: End,
}

/// How the end of a live resource relates to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Azure does not show it.
    Unknown,
    /// It is in the future.
    Ahead,
    /// It passed recently: Azure may still be removing the resource.
    Past,
    /// It passed so long ago that the resource is here to stay.
    LongPast,
}

impl Passing {
    /// Whether its end has passed.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.end, End::Past | End::LongPast)
    }

    /// Whether its end is known and not long past.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.end, End::Ahead | End::Past)
    }
}

/// A declared change that Azure accepts only once an identity can read a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// The top-level field that needs it.
    pub field: &'static str,
    /// The vault's name, if the change names it.
    pub vault: Option<String>,
    /// Whether it is the resource's own identity, which is created with the resource.
    pub own: bool,
}

impl Trust {
    /// Whether a role at this scope can let the identity read the key: at the vault, a key in it, or above. The vault's URI does not show
    /// its resource group.
    #[must_use]
    pub fn is_given_at(&self, scope: &ResourceId) -> bool {
        let named = ["vaults", "managedHSMs"].iter().find_map(|collection| scope.segment_after(collection));
        match (named, &self.vault) {
            (Some(named), Some(vault)) => named.eq_ignore_ascii_case(vault),
            (Some(_), None) => true,
            (None, _) => scope.resource_type().is_none() || scope.subscription_id().is_none(),
        }
    }
}

/// The live resources of one kind, and where reading had gaps.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// By key.
    pub items: BTreeMap<Key, Live>,
    /// Duplicates of a key in `items`; no declaration refers to them.
    pub twins: BTreeMap<(Key, ResourceId), Live>,
    /// Scopes that could not be read.
    pub gaps: Vec<Gap>,
    /// Scopes that could be read only in part: what was found counts, but nothing is deleted because of it.
    pub partial: Vec<Gap>,
}

/// A scope about which nothing is known.
#[derive(Debug, Clone)]
pub struct Gap {
    /// The scope, including everything below it.
    pub scope: ResourceId,
    /// Why it could not be read.
    pub refusal: Refusal,
}

impl Gap {
    /// Reports that a list could be read only in part.
    pub(crate) fn in_part(&self, kind: &dyn Kind, which: &str) -> Finding {
        let message = format!(
            "the caller is not allowed to list the {}s of `{}`: only those of the named groups {which}",
            kind.noun(),
            self.scope
        );
        let hint = self
            .refusal
            .hint
            .as_deref()
            .unwrap_or("assign the caller the Reader role on the subscription to read the whole list");
        Finding::warning(Code::IncompleteRead, message).cause(&self.refusal.message).hint(hint)
    }
}

impl Inventory {
    /// Everything live.
    pub fn all(&self) -> impl Iterator<Item = &Live> {
        self.items.values().chain(self.twins.values())
    }

    /// Everything that these declarations do not refer to.
    pub fn strangers(&self, declared: impl Fn(&Key) -> bool) -> Vec<&Live> {
        let undeclared = self.items.values().filter(|live| !declared(&live.key));
        undeclared.chain(self.twins.values()).collect()
    }

    /// A gap in the subscription of a resource: one unreadable subscription does not block the others.
    #[must_use]
    pub fn gap_near(&self, scope: &ResourceId) -> Option<&Gap> {
        let subscription = |id: &ResourceId| id.subscription_id().map(str::to_ascii_lowercase);
        self.gaps
            .iter()
            .chain(&self.partial)
            .find(|gap| gap.scope.contains(scope) || subscription(&gap.scope) == subscription(scope))
    }

    /// Why nothing is known about resources at a scope, if so.
    #[must_use]
    pub fn gap(&self, scope: &ResourceId) -> Option<&Gap> {
        self.gaps.iter().find(|gap| gap.scope.contains(scope))
    }
}

/// The accounts for which a stack declares all role assignments. A retired stack does not: what it does not own there stays.
#[must_use]
pub(crate) fn complete(stacks: &[Loaded]) -> BTreeSet<ResourceId> {
    stacks.iter().filter(|loaded| !loaded.is_retired()).flat_map(role_assignment::complete).collect()
}

/// Names in a spec that only Azure can verify.
#[must_use]
pub(crate) fn unjudged(stacks: &[Loaded]) -> Vec<Finding> {
    stacks.iter().flat_map(role_assignment::unjudged).collect()
}

//! Resource kinds: all that is particular to one type of resource, one file each.
//!
//! A kind is pure and synchronous. It says what a spec declares of it, how that is read and found in Azure, how spec and ARM
//! shape translate, and which fields compare otherwise than by equality. Diff, plan, apply and render never name a kind.

pub mod account;
mod check;
mod children;
pub(crate) mod cidr;
mod connection;
pub(crate) mod content_filters;
mod declarable;
mod deployment;
pub mod desired;
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
pub use field::{Compare, Field, FieldChange, Mutability};
pub(crate) use lists::lists;
pub(crate) use named_secrets::{named_secrets, names_in};
pub(crate) use nearby::{connections_in, unlisted_connections};
pub(crate) use project::Projects;
pub use queries::{is_settled, missing, review, review_secrets, unread};
pub(crate) use rai_policy::is_azures as is_azures_policy;
pub(crate) use rules::{has_succeeded, unsettled};
pub(crate) use shape::MARK;
pub use shape::{merge, writable};
pub use undeclared::{Verdict, Weight};
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

/// What keyless has to know of a type of resource.
///
/// Spec shape is what stands in a spec file; ARM shape is what Azure sends and takes. Comparing happens in spec shape.
pub trait Kind: Sync {
    /// What plans call it, unique among kinds: `accounts`.
    fn name(&self) -> &'static str;
    /// Its ARM types; several only where they differ in nothing but their parents.
    fn types(&self) -> &'static [&'static str];
    /// The word for one of them in messages.
    fn noun(&self) -> &'static str;
    /// The api-version used for reading and writing it.
    fn api_version(&self) -> &'static str;
    /// Fields that compare otherwise than by equality, or may not change.
    fn fields(&self) -> &'static [Field];
    /// Every field that a spec says of one, with what it takes: from the spec's types.
    fn declarable(&self) -> Fields;
    /// Whether `null` clears a field.
    fn clears(&self, path: &[String]) -> bool {
        path.first().is_some_and(|name| rules::is_clearable(name))
    }
    /// JSON pointers into ARM's answer that a PUT must not send back; `*` stands for any one segment.
    fn read_only(&self) -> &'static [&'static str];
    /// Of those, what people once set there, with why a spec does not hold it: an export names it.
    fn superseded(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }
    /// Offline rules.
    fn check(&self, loaded: &Loaded, findings: &mut Vec<Finding>);
    /// Where a spec declares lists of it below a parent. What is not a child says nothing here, and overrides what uses it.
    fn sections(&self, _spec: &Spec) -> Vec<Section> {
        Vec::new()
    }
    /// Whether something live may be what is declared, of which all is known but for whom it is.
    fn may_be(&self, _declared: &Map<String, Value>, _body: &Value) -> bool {
        true
    }
    /// The lists of it that a stack declares, empty ones too, by what they stand in; the file's own stands in nothing.
    fn lists(&self, loaded: &Loaded) -> Vec<Option<ResourceId>> {
        self.sections(&loaded.spec).into_iter().map(|section| Some(section.parent)).collect()
    }
    /// What shows the state of these stacks, given what is known already.
    fn queries(&self, stacks: &[Loaded], _snapshot: &Snapshot) -> Vec<Query> {
        children::queries(registered(self.name()), stacks)
    }
    /// What the state raises, once every kind's `queries` are answered.
    fn follow_ups(&self, _stacks: &[Loaded], _snapshot: &Snapshot) -> Vec<Query> {
        Vec::new()
    }
    /// What there is to say about the specs once Azure has answered, whatever changes.
    fn remarks(&self, _stacks: &[Loaded], _snapshot: &Snapshot) -> Vec<Finding> {
        Vec::new()
    }
    /// The lists that show everything of this kind around some resources of any kind.
    fn around(&self, targets: &[ResourceId]) -> Vec<Query> {
        children::around(registered(self.name()), targets)
    }
    /// Everything live of this kind that the snapshot shows.
    fn inventory(&self, stacks: &[Loaded], snapshot: &Snapshot) -> Inventory {
        let kind = registered(self.name());
        children::inventory(kind, children::parents(kind, stacks), snapshot)
    }
    /// What a stack declares, with names resolved as far as the snapshot goes.
    fn desired(&self, loaded: &Loaded, _snapshot: &Snapshot) -> Vec<Desired> {
        children::desired(registered(self.name()), loaded)
    }
    /// The last word on a declared child: defaults of a creation, what else it waits for, what is not its own.
    fn complete(&self, _desired: &mut Desired, _loaded: &Loaded) {}
    /// What live ones that no spec declares are to the stacks, one verdict for each. Their marks hide nothing.
    fn undeclared(
        &self,
        live: &[&Live],
        stacks: &[Loaded],
        _snapshot: &Snapshot,
        _roles: &Catalogue,
    ) -> Vec<Verdict> {
        undeclared::children(registered(self.name()), live, stacks)
    }
    /// Whether a list of it that is declared complete lies at or below a scope: whether something stands beside it is not known then
    /// while the scope cannot be read.
    fn declares_list_in(&self, _scope: &ResourceId, _stacks: &[Loaded]) -> bool {
        // A child's list is read only where it is declared.
        true
    }
    /// Who made a live one and who wrote it last, by what nobody can type in.
    fn authors<'a>(&self, body: &'a Value) -> Option<(&'a str, &'a str)> {
        undeclared::authors(&body["systemData"], "createdBy", "lastModifiedBy")
    }
    /// Whether the service itself makes and keeps a live one.
    fn is_built_in(&self, _body: &Value) -> bool {
        false
    }
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
    /// Weighs the differences of a live one: what the spec lets the service do is taken out with a note, what cannot be written
    /// stands beside an error.
    fn weigh(&self, _desired: &Desired, _body: &Value, _fields: &mut Vec<FieldChange>) -> Vec<Finding> {
        Vec::new()
    }
    /// Why the differences of a live one cannot be written, as far as Azure has said what it takes.
    fn unfit(&self, _desired: &Desired, _fields: &[FieldChange], _snapshot: &Snapshot) -> Vec<Finding> {
        Vec::new()
    }
    /// Whether changes of a live one go by PATCH: ARM refuses to take this body back by PUT, or a PUT could lose what GET hides.
    fn changes_by_patch(&self, _body: &Value) -> bool {
        false
    }
    /// What a PATCH says so that a member goes away which it would otherwise leave alone.
    fn removing(&self, _name: &str) -> Value {
        Value::Null
    }
    /// What of a declared change needs a role that lets an identity read a key, so that it is a write of its own after that role.
    fn trust(&self, _patch: &Map<String, Value>) -> Option<Trust> {
        None
    }
    /// Whether a live one is there for a while only, so that it is nothing to declare or to keep.
    fn passing(&self, _live: &Live, _snapshot: &Snapshot) -> Option<Passing> {
        None
    }
    /// Why it is not known whether a live one is there for a while only, where Azure says two things of it.
    fn contradiction(&self, _live: &Live, _snapshot: &Snapshot) -> Option<Refusal> {
        None
    }
    /// What identifies it and is another thing in the answer to a write than what was sent, in words.
    fn otherwise(&self, _target: &str, _sent: &Value, _answer: &Value) -> Vec<String> {
        Vec::new()
    }
    /// ARM shape to spec shape, marks left out.
    fn to_spec(&self, body: &Value) -> Value;
    /// What a spec that is made from a live one says of it: spec shape as people write it.
    fn written(&self, body: &Value) -> Map<String, Value> {
        shape::written(registered(self.name()), body)
    }
    /// What such a spec tells people beside one of these fields.
    fn comment(&self, _written: &Value) -> Option<(&'static str, &'static str)> {
        None
    }
    /// Whether a live parent can hold any: of one that cannot, it is not known what its list answers.
    fn may_stand_in(&self, _parent: &Value) -> bool {
        true
    }
    /// Lays a patch in spec shape over a body in ARM shape; `null` removes.
    fn overlay(&self, body: &mut Value, patch: &Map<String, Value>);
    /// Whether there is a place for a mark; without one nothing is adopted or pruned.
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
    /// The object id of its own identity, if it has one.
    fn identity<'a>(&self, _body: &'a Value) -> Option<&'a str> {
        None
    }
    /// The id of what a patch makes, where that follows from the patch; `stand_in` is one in its place.
    fn named_by(&self, _patch: &Map<String, Value>, stand_in: &ResourceId) -> ResourceId {
        stand_in.clone()
    }
    /// The ids of what one with these fields names and cannot stand without: it waits for those that the same plan makes.
    fn names(&self, _id: &ResourceId, _patch: &Map<String, Value>) -> Vec<ResourceId> {
        Vec::new()
    }
    /// How people name one that a plan writes, by its id and what is written and nothing else.
    fn told(&self, id: &ResourceId, _change: &PlannedChange, _roles: &Catalogue) -> String {
        children::title_of(registered(self.name()), id)
    }
    /// What does not fit together in a change that was read from a file, beyond what holds for every kind.
    fn misfit(&self, _id: &ResourceId, _change: &PlannedChange) -> Option<String> {
        None
    }
    /// Whether it can have an identity of its own.
    fn takes_identity(&self) -> bool {
        false
    }
    /// Whether an id is that of what is left of a soft-deleted one.
    fn leaves_behind(&self, _id: &ResourceId, _remains: &ResourceId) -> bool {
        false
    }
    /// How people name a live one, its role and its principal as these are called.
    fn title(&self, body: &Value, _called: &Called<'_>) -> String {
        children::title(registered(self.name()), body)
    }
    /// Puts into its title what the principal that it declares by object id is called.
    fn name_principal(&self, _desired: &mut Desired, _names: &Names) {}
    /// Whether it gives somebody access: keys go off after grants, and revocations come after grants.
    fn is_grant(&self) -> bool {
        false
    }
    /// Whether clients call it: keys go off after it stands.
    fn is_callable(&self) -> bool {
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

/// A kind that asks for itself.
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

/// Whether an id is that of a resource of a kind.
#[must_use]
pub fn is_of(kind: &dyn Kind, id: &ResourceId) -> bool {
    let found = id.resource_type();
    found.is_some_and(|found| kind.types().iter().any(|name| name.eq_ignore_ascii_case(&found)))
}

/// How roles and principals are called.
#[derive(Debug, Clone, Copy)]
pub struct Called<'a> {
    /// The roles.
    pub roles: &'a Catalogue,
    /// The principals.
    pub names: &'a Names,
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
    /// What Azure showed of it.
    pub body: Body,
}

/// Why something live does not last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passing {
    /// When it ends, as Azure says it.
    pub until: String,
    /// Whether somebody activated it; if not, somebody gave it until then.
    pub is_activated: bool,
    /// How that stands to now.
    pub end: End,
}

/// How the end of something live stands to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Azure does not say when that is.
    Unknown,
    /// It is still to come.
    Ahead,
    /// It came a while ago: Azure may still be taking it away.
    Past,
    /// It came so long ago that it has not ended by itself.
    LongPast,
}

impl Passing {
    /// Whether its end has come.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.end, End::Past | End::LongPast)
    }

    /// Whether its end is known and has not long gone by.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.end, End::Ahead | End::Past)
    }
}

/// A declared change that Azure takes only once an identity may read a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// The top-level field that needs it.
    pub field: &'static str,
    /// The vault's name, where the change says it.
    pub vault: Option<String>,
    /// Whether it is the resource's own identity, which begins with the resource.
    pub own: bool,
}

impl Trust {
    /// Whether a role at this scope can let the identity read the key: at the vault, at a key in it, or around it. Which group the
    /// vault is in, its address does not say.
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

/// Everything live of one kind, and where the reading had gaps.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// By key.
    pub items: BTreeMap<Key, Live>,
    /// Further ones whose key stands in `items`: none of them is what a declaration means.
    pub twins: BTreeMap<(Key, ResourceId), Live>,
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

impl Gap {
    /// That only some of the list was read: which, and what that means.
    pub(crate) fn in_part(&self, kind: &dyn Kind, which: &str) -> Finding {
        let message = format!(
            "the caller may not list the {}s of `{}`: only those of the named groups {which}",
            kind.noun(),
            self.scope
        );
        let hint = self.refusal.hint.as_deref().unwrap_or("Reader on the subscription makes the list whole");
        Finding::warning(Code::IncompleteRead, message).cause(&self.refusal.message).hint(hint)
    }
}

impl Inventory {
    /// Everything live.
    pub fn all(&self) -> impl Iterator<Item = &Live> {
        self.items.values().chain(self.twins.values())
    }

    /// Everything that is not what these declarations mean.
    pub fn strangers(&self, declared: impl Fn(&Key) -> bool) -> Vec<&Live> {
        let undeclared = self.items.values().filter(|live| !declared(&live.key));
        undeclared.chain(self.twins.values()).collect()
    }

    /// Where a list of a thing's subscription could not be read whole: one unreadable subscription does not stop the others.
    #[must_use]
    pub fn gap_near(&self, scope: &ResourceId) -> Option<&Gap> {
        let subscription = |id: &ResourceId| id.subscription_id().map(str::to_ascii_lowercase);
        self.gaps
            .iter()
            .chain(&self.partial)
            .find(|gap| gap.scope.contains(scope) || subscription(&gap.scope) == subscription(scope))
    }

    /// Why nothing can be said about things at a scope, if so.
    #[must_use]
    pub fn gap(&self, scope: &ResourceId) -> Option<&Gap> {
        self.gaps.iter().find(|gap| gap.scope.contains(scope))
    }
}

/// The accounts of which a stack declares all role assignments.
#[must_use]
pub(crate) fn complete(stacks: &[Loaded]) -> BTreeSet<ResourceId> {
    stacks.iter().flat_map(role_assignment::complete).collect()
}

/// What a stack speaks for: everything in the resource groups it names, what it lists below a parent, and exactly the scopes it
/// declares.
#[must_use]
pub(crate) fn domain(spec: &Spec) -> (BTreeSet<ResourceId>, BTreeSet<ResourceId>) {
    let parents = KINDS.iter().flat_map(|kind| kind.sections(spec)).map(|section| section.parent);
    (account::groups_of(spec).into_iter().chain(parents).collect(), role_assignment::scopes_of(spec))
}

/// What a spec names and only Azure can judge.
#[must_use]
pub(crate) fn unjudged(stacks: &[Loaded]) -> Vec<Finding> {
    stacks.iter().flat_map(role_assignment::unjudged).collect()
}

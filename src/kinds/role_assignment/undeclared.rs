//! Role assignments that no spec declares, and which of them are drift.
//!
//! Pure. An assignment on an account, or on its children, is measured against the account's `roleAssignments`. Elsewhere it is only
//! reported, unless the `grant` guard covers its role and it was created in a group of the stack. Assignments that services create for
//! themselves, that grant nothing, or that are temporary are not drift.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use uuid::Uuid;

use super::accepted::{Expectation, expectations, names};
use super::orphans::{self, principal};
use super::{RoleAssignments, declared, definitions, is_named_by_keyless, temporary};
use crate::body::AssignmentBody;
use crate::id::{Key, ResourceId};
use crate::kinds::account::{self, id_of};
use crate::kinds::project::Projects;
use crate::kinds::undeclared::{UndeclaredVerdict, Weight, co_manager};
use crate::kinds::{Comparing as _, End, Inventory, Live, Passing, children};
use crate::principals::own_principal;
use crate::rbac::{Catalogue, Role};
use crate::snapshot::{Answer, Query, Refusal, Snapshot};
use crate::spec::Loaded;
use crate::spec::model::Unmanaged;
use crate::text::source::Span;

/// The accounts whose assignments a stack declares, each with the pointer to its list.
pub(super) fn lists(loaded: &Loaded) -> impl Iterator<Item = (ResourceId, String)> {
    loaded.spec.accounts.iter().enumerate().filter_map(|(index, account)| {
        let pointer = format!("/accounts/{index}/roleAssignments");
        let declared = loaded.document.tree.pointer(&pointer).is_some();
        declared.then(|| (id_of(&loaded.spec, account), pointer))
    })
}

/// The projects whose assignments a stack declares, each with the pointer to its list.
pub(super) fn of_projects(loaded: &Loaded) -> impl Iterator<Item = (ResourceId, String)> {
    loaded.spec.accounts.iter().enumerate().flat_map(move |(index, account)| {
        let id = id_of(&loaded.spec, account);
        account.projects.iter().flatten().enumerate().filter_map(move |(at, project)| {
            let pointer = format!("/accounts/{index}/projects/{at}/roleAssignments");
            let declared = loaded.document.tree.pointer(&pointer).is_some();
            declared.then(|| (id.child("projects", &project.name), pointer))
        })
    })
}

/// Why an undeclared assignment is drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ground {
    /// A declared list that does not contain it.
    List,
    /// An account that the stack declares without a list: guarded roles only.
    Account,
    /// A group that the stack names: guarded roles only.
    Group,
}

/// A stack for which an undeclared assignment is drift, unless it expects it.
#[derive(Debug, Clone, Copy)]
struct Concern<'a> {
    stack: &'a str,
    ground: Ground,
    span: Span,
}

/// Where undeclared assignments are drift, and for which stacks.
#[derive(Default)]
struct Places<'a> {
    /// The declared accounts. An assignment on one affects no other account.
    accounts: BTreeMap<ResourceId, Concern<'a>>,
    /// The projects that have a list of their own.
    projects: BTreeMap<ResourceId, Concern<'a>>,
    /// The groups, each with all stacks that name it: an assignment there affects the accounts of all of them.
    groups: BTreeMap<ResourceId, Vec<Concern<'a>>>,
}

impl<'a> Places<'a> {
    fn of(stacks: &'a [Loaded]) -> Self {
        let mut places = Self::default();
        for loaded in stacks.iter().filter(|loaded| loaded.spec.unmanaged == Unmanaged::Fail) {
            let (spec, stack) = (&loaded.spec, loaded.spec.stack.as_str());
            let named = ["/roleAssignments", "/resourceGroup", "/accounts"];
            let pointer = named.iter().find(|name| loaded.document.tree.pointer(name).is_some());
            let span = loaded.document.key_span(pointer.unwrap_or(&"/stack"));
            let given = account::given(loaded);
            for group in account::own_groups(spec) {
                places.groups.entry(group).or_default().push(Concern { stack, ground: Ground::Group, span });
            }
            for (project, pointer) in of_projects(loaded) {
                let span = loaded.document.key_span(&pointer);
                places.projects.insert(project, Concern { stack, ground: Ground::List, span });
            }
            for account in spec.accounts.iter().filter(|account| !account.existing) {
                places
                    .accounts
                    .insert(id_of(spec, account), Concern { stack, ground: Ground::Account, span });
            }
            // A list of an account that a stack takes as given holds only what that stack adds.
            for (account, pointer) in lists(loaded).filter(|(account, _)| !given.contains(account)) {
                let span = loaded.document.key_span(&pointer);
                places.accounts.insert(account, Concern { stack, ground: Ground::List, span });
            }
        }
        places
    }

    /// The stacks that an assignment at a scope concerns, depending on whether its role is guarded.
    fn concerned(&self, scope: &ResourceId, guarded: bool) -> &[Concern<'a>] {
        let account = scope.up_to("accounts");
        let project = scope.up_to("projects").and_then(|project| self.projects.get(&project));
        let account = account.and_then(|account| self.accounts.get(&account));
        let concerned = match project.or(account) {
            Some(account) => std::slice::from_ref(account),
            None => scope.group().and_then(|group| self.groups.get(&group)).map_or(&[][..], Vec::as_slice),
        };
        let matters = |concern: &Concern<'_>| guarded || concern.ground == Ground::List;
        if concerned.iter().all(matters) { concerned } else { &[] }
    }
}

/// The role of an assignment, if known.
fn role_of<'a>(live: &Live, roles: &'a Catalogue) -> Option<&'a Role> {
    AssignmentBody::of(&live.body).role().and_then(|id| roles.by_id(id))
}

/// Whether the `grant` guard covers what an assignment grants; an unknown role may be anything.
pub(super) fn is_guarded(body: &serde_json::Value, roles: &Catalogue) -> bool {
    AssignmentBody::of(body).role().and_then(|id| roles.by_id(id)).is_none_or(Role::is_guarded)
}

/// The identities of accounts and of their children, by account.
fn identities(snapshot: &Snapshot) -> BTreeMap<ResourceId, BTreeSet<Uuid>> {
    let mut identities: BTreeMap<ResourceId, BTreeSet<Uuid>> = BTreeMap::new();
    for body in snapshot.bodies() {
        let principal = own_principal(body).and_then(|id| Uuid::try_parse(id).ok());
        let Some(principal) = principal else { continue };
        let id = body["id"].as_str().and_then(|id| ResourceId::parse(id).ok());
        if let Some(account) = id.and_then(|id| id.up_to("accounts")) {
            identities.entry(account).or_default().insert(principal);
        }
    }
    identities
}

/// Whether a service may have created it for the identity of an account or project.
fn may_be_own(live: &Live, role: Option<&Role>) -> bool {
    AssignmentBody::of(&live.body).principal_type() == Some("ServicePrincipal")
        && role.is_none_or(Role::is_inference_only)
}

/// A note for an activated assignment that has not ended.
fn running(passing: &Passing) -> Option<String> {
    let until = &passing.until;
    (passing.is_activated && passing.is_running())
        .then(|| format!("activated through Privileged Identity Management: it ends {until}"))
}

/// A note for one that should have ended long ago.
fn overdue(passing: &Passing) -> Option<String> {
    let how = if passing.is_activated { "activated" } else { "given" };
    let until = &passing.until;
    (passing.end == End::LongPast)
        .then(|| format!("{how} through Privileged Identity Management until {until}, but still live"))
}

/// What the concerned stacks expect.
enum Weighed<'a> {
    /// All of them expect it: the expectation that ends first.
    Excused(&'a Expectation<'a>),
    /// One stack does not, or none is concerned; and the last expectation that has ended.
    Unexcused { open: Option<Concern<'a>>, last: Option<&'a Expectation<'a>> },
}

/// Applies the expectations that match an assignment. Each stack speaks for itself: if another one expects it, it still affects this
/// stack's accounts.
fn weigh<'a>(named: &[&'a Expectation<'a>], concerned: &[Concern<'a>], today: Option<Date>) -> Weighed<'a> {
    // Of several in one stack the one that lasts longest counts, wherever it is declared.
    let latest = |speaks: &dyn Fn(&Expectation<'_>) -> bool| {
        let own = named.iter().copied().filter(|each| speaks(each));
        own.max_by_key(|each| (each.until, each.reason))
    };
    let of = |concern: &Concern<'_>| latest(&|each| each.stack == concern.stack);
    let holds = |each: &&Expectation<'_>| each.holds_on(today);
    let open = concerned.iter().find(|concern| of(concern).is_none_or(|each| !holds(&each)));
    if let Some(concern) = open {
        return Weighed::Unexcused { open: Some(*concern), last: of(concern) };
    }
    let last = latest(&|_| true);
    let excuse = if concerned.is_empty() {
        last.filter(holds)
    } else {
        // The expectation that ends first makes it drift.
        concerned.iter().filter_map(of).min_by_key(|each| (each.until, each.reason))
    };
    excuse.map_or(Weighed::Unexcused { open: None, last }, Weighed::Excused)
}

/// A note that another stack expects it, which does not count for the concerned one.
fn unheard(named: &[&Expectation<'_>], concern: Concern<'_>) -> Option<String> {
    let stack = concern.stack;
    let other = named.iter().find(|each| each.stack != stack)?.stack;
    Some(match concern.ground {
        Ground::List => format!(
            "stack `{other}` expects it, and stack `{stack}` declares the list: only `expected` of that stack counts here"
        ),
        Ground::Account => format!(
            "stack `{other}` expects it, and stack `{stack}` declares the account: only `expected` of that stack counts here"
        ),
        Ground::Group => format!(
            "stack `{other}` expects it, and stack `{stack}` names that resource group too and does not"
        ),
    })
}

/// A note that it looks like keyless's own without its mark: whoever removed its line must know that it was not revoked.
fn lost_mark(live: &Live) -> Option<String> {
    let lost = RoleAssignments.mark(&live.body).is_none()
        && is_named_by_keyless(&live.id, AssignmentBody::of(&live.body));
    lost.then(|| {
        "it has the name that keyless assigns: if a stack created it, its mark was removed, and removing its line did not revoke it"
            .to_owned()
    })
}

/// What verdicts are based on.
struct Judge<'a, I: FnOnce() -> BTreeMap<ResourceId, BTreeSet<Uuid>>> {
    stacks: &'a [Loaded],
    snapshot: &'a Snapshot,
    roles: &'a Catalogue,
    places: Places<'a>,
    identities: LazyCell<BTreeMap<ResourceId, BTreeSet<Uuid>>, I>,
    expectations: Vec<Expectation<'a>>,
    gone: orphans::Gone<'a>,
}

pub(super) fn verdicts(
    live: &[&Live],
    stacks: &[Loaded],
    snapshot: &Snapshot,
    roles: &Catalogue,
) -> Vec<UndeclaredVerdict> {
    if live.is_empty() {
        return Vec::new();
    }
    let judge = Judge {
        stacks,
        snapshot,
        roles,
        places: Places::of(stacks),
        identities: LazyCell::new(|| identities(snapshot)),
        expectations: expectations(stacks, snapshot).0,
        gone: orphans::Gone::of(stacks, snapshot),
    };
    live.iter().map(|live| judge.verdict(live)).collect()
}

impl<I: FnOnce() -> BTreeMap<ResourceId, BTreeSet<Uuid>>> Judge<'_, I> {
    fn verdict(&self, live: &Live) -> UndeclaredVerdict {
        let role = role_of(live, self.roles);
        if let Some(note) = self.co_managed(live, role) {
            return UndeclaredVerdict { weight: Weight::CoManaged, note: Some(note) };
        }
        let passing = temporary::passing(live, self.snapshot);
        let harmless = self.principal_gone(live).or_else(|| self.made_by_service(live, role));
        if let Some(note) = harmless.or_else(|| running(passing.as_ref()?)) {
            return UndeclaredVerdict::listed(Some(note));
        }
        let named: Vec<_> = self.expectations.iter().filter(|each| each.names(live, self.roles)).collect();
        let concerned = self.places.concerned(&live.scope, role.is_none_or(Role::is_guarded));
        let (open, last) = match weigh(&named, concerned, self.snapshot.today) {
            Weighed::Excused(each) => return UndeclaredVerdict::listed(Some(each.excuse())),
            Weighed::Unexcused { open, last } => (open, last),
        };
        // One that did not end when it should have is here to stay, as far as anyone can tell.
        let overdue = passing.as_ref().and_then(overdue);
        let over = last.map(|over| format!("it was expected until {}: {}", over.until, over.reason));
        let note = overdue.or(over).or_else(|| unheard(&named, open?)).or_else(|| lost_mark(live));
        let Some(concern) = open else { return UndeclaredVerdict::listed(note) };
        let weight = match self.doubt(live, role, concern.ground) {
            Some(refusal) => Weight::Unknown(concern.span, refusal),
            None => Weight::Drift(concern.span),
        };
        UndeclaredVerdict { weight, note }
    }

    /// A note that another team created it, which `coManagedBy` accepts for roles that are not guarded.
    fn co_managed(&self, live: &Live, role: Option<&Role>) -> Option<String> {
        let team = co_manager(live, self.stacks)?;
        let role = role.filter(|role| !role.is_guarded())?;
        let accepted = team.roles.iter().any(|name| names(name, role.id, self.roles));
        accepted.then(|| format!("created by stack `{}`, accepted by `coManagedBy`", team.stack))
    }

    /// A note that it grants nothing.
    fn principal_gone(&self, live: &Live) -> Option<String> {
        self.gone.has(live).then(|| "its principal no longer exists".to_owned())
    }

    /// A note that a service created it for the identity of the account or of one of its projects.
    fn made_by_service(&self, live: &Live, role: Option<&Role>) -> Option<String> {
        role.filter(|role| role.is_inference_only())?;
        let own = self.identities.get(&live.scope.up_to("accounts")?)?;
        let note = "an inference role of the identity of the account or of a project, which services assign";
        own.contains(&principal(live)?).then(|| note.to_owned())
    }

    /// Why it is not known whether it is drift, although everything known suggests so.
    fn doubt(&self, live: &Live, role: Option<&Role>, ground: Ground) -> Option<Refusal> {
        // Next to a list any role is drift; elsewhere it depends on the role.
        let unjudged = || self.role_unread(live).filter(|_| ground != Ground::List && role.is_none());
        let unread = temporary::unread(live, self.snapshot);
        unread
            .or_else(|| temporary::endless(live, self.snapshot))
            .or_else(|| self.projects_unread(live, role).or_else(unjudged).cloned())
            .or_else(|| self.principal_unread(live))
    }

    /// Why it is not known whether the principal exists, and how a caller without access to the directory can find out.
    fn principal_unread(&self, live: &Live) -> Option<Refusal> {
        let message = self.gone.unread(live)?.message.clone();
        let hint = "if its principal no longer exists, delete it; otherwise it is drift: declare it, delete it, or list it under `expected`. With the Directory Readers role keyless checks this itself";
        Some(Refusal { message, hint: Some(hint.to_owned()) })
    }

    /// Why a role's permissions are not known.
    fn role_unread(&self, live: &Live) -> Option<&Refusal> {
        let subscription = ResourceId::subscription(live.scope.subscription_id()?);
        self.snapshot.get(&definitions(&subscription)).and_then(Answer::refusal)
    }

    /// Why it is not known whether an identity belongs to a project of the account.
    fn projects_unread(&self, live: &Live, role: Option<&Role>) -> Option<&Refusal> {
        let account = live.scope.up_to("accounts").filter(|_| may_be_own(live, role))?;
        self.snapshot.get(&children::list(&Projects, &account)).and_then(Answer::refusal)
    }
}

/// Assignments that are drift as far as is known, but whose verdict depends on further answers.
pub(super) fn doubtful<'a>(stacks: &[Loaded], live: &'a Inventory, snapshot: &Snapshot) -> Vec<&'a Live> {
    let declared = declared_keys(stacks, snapshot);
    let known: BTreeSet<&str> = stacks.iter().map(|loaded| loaded.spec.stack.as_str()).collect();
    let is_stranger =
        |live: &&Live| RoleAssignments.mark(&live.body).is_none_or(|mark| !known.contains(mark.as_str()));
    let strangers = live.strangers(|key| declared.contains(key)).into_iter();
    let undeclared: Vec<&Live> = strangers.filter(is_stranger).collect();
    if undeclared.is_empty() {
        return Vec::new();
    }
    let roles = snapshot.roles();
    let verdicts = verdicts(&undeclared, stacks, snapshot, roles);
    let open = undeclared.into_iter().zip(verdicts);
    open.filter(|(_, verdict)| matches!(verdict.weight, Weight::Drift(_) | Weight::Unknown(..)))
        .map(|(live, _)| live)
        .collect()
}

/// What a stack marked and no spec declares any more: it would be deleted unless it is temporary.
pub(super) fn leaving<'a>(stacks: &[Loaded], live: &'a Inventory, snapshot: &Snapshot) -> Vec<&'a Live> {
    let stack_of = |live: &Live| RoleAssignments.mark(&live.body);
    let is_ours = |live: &Live| {
        stack_of(live).is_some_and(|mark| stacks.iter().any(|loaded| loaded.spec.stack == mark))
    };
    let mut doubtful = live.all().filter(|live| is_ours(live) && !temporary::lasts(live)).peekable();
    if doubtful.peek().is_none() {
        return Vec::new();
    }
    let declared = declared_keys(stacks, snapshot);
    doubtful.filter(|live| !declared.contains(&live.key)).collect()
}

fn declared_keys(stacks: &[Loaded], snapshot: &Snapshot) -> BTreeSet<Key> {
    let desired = stacks.iter().flat_map(|loaded| declared::desired(loaded, snapshot));
    desired.map(|desired| desired.key).collect()
}

/// The queries for projects of accounts on which an identity has a role: it may belong to one of them.
pub(super) fn projects(doubtful: &[&Live], snapshot: &Snapshot) -> Vec<Query> {
    let roles = snapshot.roles();
    let accounts: BTreeSet<ResourceId> = doubtful
        .iter()
        .filter(|live| may_be_own(live, role_of(live, roles)))
        .filter_map(|live| live.scope.up_to("accounts"))
        .collect();
    if accounts.is_empty() {
        return Vec::new();
    }
    let holding = snapshot.bodies().filter(|body| account::holds_projects(body));
    let ids = holding.filter_map(|body| ResourceId::parse(body["id"].as_str()?).ok());
    ids.filter(|id| accounts.contains(id)).map(|id| children::list(&Projects, &id)).collect()
}

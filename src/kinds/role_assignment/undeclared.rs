//! Role assignments that no spec declares: which of them are drift.
//!
//! Pure. An assignment on an account, or on something in it, stands beside the account's `roleAssignments`. Elsewhere it is named only,
//! unless its role is one that the `grant` guard guards and it was made in a group of the stack. What services make for themselves, what
//! gives nothing to anybody and what ends by itself is no drift.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::accepted::{Expectation, expectations, names};
use super::orphans::{self, principal};
use super::{RoleAssignments, declared, definitions, temporary};
use crate::id::{Key, ResourceId, trailing_guid};
use crate::kinds::account::{self, groups_of, id_of};
use crate::kinds::project::Projects;
use crate::kinds::undeclared::{Verdict, Weight, co_manager};
use crate::kinds::{End, Inventory, Kind as _, Live, Passing, children};
use crate::principals::own_principal;
use crate::rbac::{Catalogue, Role};
use crate::snapshot::{Answer, Query, Refusal, Snapshot};
use crate::source::Span;
use crate::spec::Loaded;
use crate::spec::model::Unmanaged;

/// The accounts whose assignments a stack declares, each with the pointer to the list.
pub(super) fn lists(loaded: &Loaded) -> impl Iterator<Item = (ResourceId, String)> {
    loaded.spec.accounts.iter().enumerate().filter_map(|(index, account)| {
        let pointer = format!("/accounts/{index}/roleAssignments");
        let declared = loaded.document.tree.pointer(&pointer).is_some();
        declared.then(|| (id_of(&loaded.spec, account), pointer))
    })
}

/// What makes an assignment that no spec declares drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ground {
    /// A declared list that it stands beside.
    List,
    /// An account that the stack declares without a list: guarded roles only.
    Account,
    /// A group that the stack names: guarded roles only.
    Group,
}

/// A stack to which an assignment that no spec declares is drift, unless it expects that.
#[derive(Debug, Clone, Copy)]
struct Concern<'a> {
    stack: &'a str,
    ground: Ground,
    span: Span,
}

/// Where an assignment that no spec declares is drift, and to whom.
struct Places<'a> {
    /// The declared accounts. What is assigned there reaches no other one.
    accounts: BTreeMap<ResourceId, Concern<'a>>,
    /// The stacks' groups, each with all stacks that name it: what is assigned there reaches the accounts of them all.
    groups: BTreeMap<ResourceId, Vec<Concern<'a>>>,
}

impl<'a> Places<'a> {
    fn of(stacks: &'a [Loaded]) -> Self {
        let mut places = Self { accounts: BTreeMap::new(), groups: BTreeMap::new() };
        for loaded in stacks.iter().filter(|loaded| loaded.spec.unmanaged == Unmanaged::Fail) {
            let (spec, stack) = (&loaded.spec, loaded.spec.stack.as_str());
            let named = ["/roleAssignments", "/resourceGroup", "/accounts"];
            let pointer = named.iter().find(|name| loaded.document.tree.pointer(name).is_some());
            let span = loaded.document.key_span(pointer.unwrap_or(&"/stack"));
            for group in groups_of(spec) {
                places.groups.entry(group).or_default().push(Concern { stack, ground: Ground::Group, span });
            }
            for account in &spec.accounts {
                places
                    .accounts
                    .insert(id_of(spec, account), Concern { stack, ground: Ground::Account, span });
            }
            for (account, pointer) in lists(loaded) {
                let span = loaded.document.key_span(&pointer);
                places.accounts.insert(account, Concern { stack, ground: Ground::List, span });
            }
        }
        places
    }

    /// The stacks to which an assignment at a scope matters, of a role that is guarded or not.
    fn concerned(&self, scope: &ResourceId, guarded: bool) -> &[Concern<'a>] {
        let account = scope.up_to("accounts").and_then(|account| self.accounts.get(&account));
        let concerned = match account {
            Some(account) => std::slice::from_ref(account),
            None => scope.group().and_then(|group| self.groups.get(&group)).map_or(&[][..], Vec::as_slice),
        };
        let matters = |concern: &Concern<'_>| guarded || concern.ground == Ground::List;
        if concerned.iter().all(matters) { concerned } else { &[] }
    }
}

/// The role of an assignment, where it is known.
fn role_of<'a>(live: &Live, roles: &'a Catalogue) -> Option<&'a Role> {
    live.body["properties"]["roleDefinitionId"]
        .as_str()
        .and_then(trailing_guid)
        .and_then(|id| roles.by_id(id))
}

/// Whether an assignment gives what the `grant` guard guards: a role that nobody knows might be anything.
pub(super) fn is_guarded(body: &serde_json::Value, roles: &Catalogue) -> bool {
    let role = body["properties"]["roleDefinitionId"].as_str().and_then(trailing_guid);
    role.and_then(|id| roles.by_id(id)).is_none_or(Role::is_guarded)
}

/// The identities of accounts and of what stands in them, by account.
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

/// Whether it could be one of those that services give to an account's or a project's own identity.
fn may_be_own(live: &Live, role: Option<&Role>) -> bool {
    live.body["properties"]["principalType"] == "ServicePrincipal" && role.is_none_or(Role::is_inference_only)
}

/// What verdicts go by.
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
) -> Vec<Verdict> {
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
    fn verdict(&self, live: &Live) -> Verdict {
        let role = role_of(live, self.roles);
        let guarded = role.is_none_or(Role::is_guarded);
        if let Some(team) = co_manager(live, self.stacks)
            && let Some(role) = role.filter(|_| !guarded)
            && team.roles.iter().any(|name| names(name, role.id, self.roles))
        {
            let note = format!("made by stack `{}`, as `coManagedBy` accepts", team.stack);
            return Verdict { weight: Weight::CoManaged, note: Some(note) };
        }
        if self.gone.has(live) {
            return Verdict::listed(Some("its principal is gone".to_owned()));
        }
        let account = live.scope.up_to("accounts");
        let own = || self.identities.get(account.as_ref()?)?.contains(&principal(live)?).then_some(());
        if role.is_some_and(Role::is_inference_only) && own().is_some() {
            let note =
                "an inference role of the account's own identity or of a project's: services give those";
            return Verdict::listed(Some(note.to_owned()));
        }
        let passing = temporary::passing(live, self.snapshot);
        let running = |passing: &&Passing| passing.is_activated && passing.is_running();
        if let Some(passing) = passing.as_ref().filter(running) {
            let note = format!(
                "activated through Privileged Identity Management for a while: it ends {}",
                passing.until
            );
            return Verdict::listed(Some(note));
        }
        let concerned = self.places.concerned(&live.scope, guarded);
        let named: Vec<_> = self.expectations.iter().filter(|each| each.names(live, self.roles)).collect();
        // Of several of a stack the one that holds longest counts, wherever it stands.
        let latest = |speaks: &dyn Fn(&Expectation<'_>) -> bool| {
            let own = named.iter().copied().filter(|each| speaks(each));
            own.max_by_key(|each| (each.until, each.reason))
        };
        let holds = |each: &&Expectation<'_>| each.holds_on(self.snapshot.today);
        // A stack speaks for itself: what another one expects still reaches its own accounts.
        let of = |concern: &Concern<'_>| latest(&|each| each.stack == concern.stack);
        let open = concerned.iter().find(|concern| of(concern).is_none_or(|each| !holds(&each)));
        let (last, excuses) = match open {
            Some(concern) => (of(concern), None),
            None if concerned.is_empty() => {
                let last = latest(&|_| true);
                (last, last.filter(holds))
            }
            // The first that ends makes it drift.
            None => (None, concerned.iter().filter_map(of).min_by_key(|each| (each.until, each.reason))),
        };
        if let Some(holds) = excuses {
            let whom = if holds.locked { " (of whom, by the lock file, unverified)" } else { "" };
            return Verdict::listed(Some(format!("expected until {}{whom}: {}", holds.until, holds.reason)));
        }
        let unheard = || {
            let concern = open?;
            let other = named.iter().find(|each| each.stack != concern.stack)?.stack;
            let stack = concern.stack;
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
        };
        let over = last.map(|over| format!("it was expected until {}: {}", over.until, over.reason));
        // What did not end when it should have is there for good, as far as anybody can tell.
        let overdue = passing.filter(|passing| passing.end == End::LongPast).map(|passing| {
            let how = if passing.is_activated { "activated" } else { "given" };
            let until = passing.until;
            format!("{how} through Privileged Identity Management until {until}, and live all the same")
        });
        let note = overdue.or(over).or_else(unheard);
        let Some(Concern { ground, span: place, .. }) = open.copied() else { return Verdict::listed(note) };
        // Beside a list any role is drift; elsewhere it matters what the role permits.
        let unjudged = || self.role_unread(live).filter(|_| ground != Ground::List && role.is_none());
        let unread = temporary::unread(live, self.snapshot);
        let unread = unread.or_else(|| temporary::endless(live, self.snapshot));
        let refusal = unread.or_else(|| self.projects_unread(live, role).or_else(unjudged).cloned());
        match refusal.or_else(|| self.principal_unread(live)) {
            Some(refusal) => Verdict { weight: Weight::Unknown(place, refusal), note },
            None => Verdict { weight: Weight::Drift(place), note },
        }
    }

    /// Why it is not known whether the principal is gone, and how whoever may not ask settles that.
    fn principal_unread(&self, live: &Live) -> Option<Refusal> {
        let message = self.gone.unread(live)?.message.clone();
        let hint = "if its principal is gone, delete it: it gives nothing to anybody; if not, it is drift: declare it, delete it, or name it under `expected` for a while. A caller that may read the directory (Directory Readers) finds that out by itself";
        Some(Refusal { message, hint: Some(hint.to_owned()) })
    }

    /// Why it is not known what a role permits.
    fn role_unread(&self, live: &Live) -> Option<&Refusal> {
        let subscription = ResourceId::subscription(live.scope.subscription_id()?);
        self.snapshot.get(&definitions(&subscription)).and_then(Answer::refusal)
    }

    /// Why it is not known whether an identity is that of a project of the account.
    fn projects_unread(&self, live: &Live, role: Option<&Role>) -> Option<&Refusal> {
        let account = live.scope.up_to("accounts").filter(|_| may_be_own(live, role))?;
        self.snapshot.get(&children::list(&Projects, &account)).and_then(Answer::refusal)
    }
}

/// Assignments whose verdict hangs on what Azure has still to say: they would be drift by what is known.
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

/// What a stack marked and no spec declares any more: it would go, unless it ends by itself.
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

/// The projects of accounts on which an identity has a role: it may be that of one of them.
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

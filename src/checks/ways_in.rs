//! What must be known before access is removed: which accounts a grant applies to, whether the remaining role assignments are temporary,
//! and whether their principals still exist. Asked only when keys are disabled; when a grant that allows calls is deleted or changed, or
//! its identity is deleted; when somebody loses a grant and has another that may be temporary; and when somebody is granted permanently
//! what they may already have temporarily. Guards judge the answers; this module only asks.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use super::{Case, Verdict, target};
use crate::body::AccountBody;
use crate::document::{FindingEntry, Step, StepAction};
use crate::finding::{Code, Severity};
use crate::id::{ResourceId, comparable};
use crate::kinds::account::{self, holds_projects, serves_models};
use crate::kinds::role_assignment::{Assignments, Doubt, Placed};
use crate::kinds::{self, Deployments, project};
use crate::plan::predict::World;
use crate::principals;
use crate::rbac::{Catalogue, Role};
use crate::snapshot::{Query, Refusal};

/// All role assignments of a state.
fn assignments(world: &World) -> impl Iterator<Item = Placed<'_>> {
    world.resources.iter().filter_map(|(id, body)| Placed::of(id, body))
}

/// The query for its duration, in the list of a scope that shows it.
fn doubt(each: &Placed<'_>, at: &ResourceId) -> Doubt {
    Doubt { at: at.clone(), assignment: each.id.clone() }
}

fn holder<'a>(each: &Placed<'a>) -> &'a str {
    each.said.principal_id().unwrap_or_default()
}

/// The role and its holder, as a key.
fn gift(each: &Placed<'_>) -> (Option<Uuid>, String) {
    (each.said.role(), holder(each).to_ascii_lowercase())
}

/// Whether it may allow its holder to call models; a role with unknown permissions may.
fn may_call(each: &Placed<'_>, roles: &Catalogue) -> bool {
    each.role(roles).is_none_or(Role::serves_anything)
}

fn reaches(each: &Placed<'_>, world: &World, account: &ResourceId) -> bool {
    world.reaches(&each.id, &each.scope, account)
}

fn is_for(each: &Placed<'_>, kind: &str) -> bool {
    each.said.principal_type().unwrap_or_default().eq_ignore_ascii_case(kind)
}

/// What steps do to the access of accounts.
struct Risk<'a> {
    /// The state after them.
    after: &'a World,
    /// Assignments that may allow calls and are deleted, get another condition or lose their principal.
    narrowed: Vec<Placed<'a>>,
    /// Assignments that may allow calls afterwards.
    left: Assignments<'a>,
    /// The accounts, and other scopes that could not be read, whose remaining access matters.
    at: BTreeSet<ResourceId>,
}

impl<'a> Risk<'a> {
    fn of(steps: &[Step], world: &'a World, after: &'a World) -> Self {
        let roles = Catalogue::of(after.resources.values());
        let lost = world.identities_lost(after);
        let is_lost = |each: &Placed<'_>| lost.contains(&comparable(holder(each)));
        let mut narrowed = narrowed(steps, world, &roles);
        if !lost.is_empty() {
            let theirs = assignments(world).filter(is_lost);
            narrowed.extend(theirs.filter(|each| may_call(each, &roles)));
        }
        let left = assignments(after).filter(|each| may_call(each, &roles) && !is_lost(each)).collect();
        // For unread scopes, as much is asked as for known ones: the remaining grants may be enough.
        let unread = narrowed.iter().map(|each| &each.scope);
        let unread = unread.filter(|scope| world.unread_accounts(scope).is_some()).cloned();
        let at = at_risk(world, after, &narrowed).into_iter().chain(unread).collect();
        Self { after, narrowed, left, at }
    }

    fn near(&self, account: &ResourceId) -> impl Iterator<Item = &Placed<'a>> {
        self.left.near(account).filter(|each| reaches(each, self.after, account))
    }
}

fn concerns(steps: &[Step]) -> bool {
    steps.iter().any(|step| ["accounts", "projects", "roleAssignments"].contains(&step.kind.as_str()))
}

/// The assignments whose duration matters.
pub(super) fn doubts(steps: &[Step], world: &World) -> Vec<Doubt> {
    if !concerns(steps) {
        return Vec::new();
    }
    let after = world.after_steps(steps);
    let mut doubts = given_for_good(steps, world, &after);
    doubts.extend(left_to_losers(steps, world, &after));
    let risk = Risk::of(steps, world, &after);
    for account in &risk.at {
        // Assignments that keyless creates are permanent. Existing ones are always checked, since a schedule can be added later.
        let there = risk.near(account).filter(|each| world.resource(&each.id).is_some());
        doubts.extend(there.map(|each| doubt(each, account)));
    }
    doubts
}

pub(super) fn queries(steps: &[Step], world: &World) -> Vec<Query> {
    if !concerns(steps) {
        return Vec::new();
    }
    let after = world.after_steps(steps);
    let risk = Risk::of(steps, world, &after);
    let mut queries: Vec<Query> = risk.narrowed.iter().flat_map(|each| accounts_below(each, world)).collect();
    for account in &risk.at {
        let near = || risk.near(account);
        // This directory knows nothing of another tenant's principals.
        let asked = near().filter(|each| !is_for(each, "ForeignGroup"));
        // A principal that the directory does not know loses nothing.
        let lost = risk
            .narrowed
            .iter()
            .filter(|each| lets_in(each, world, account) && !is_for(each, "ForeignGroup"));
        let ids: BTreeSet<Uuid> = asked.chain(lost).filter_map(|each| each.said.principal()).collect();
        queries.extend(ids.into_iter().map(principals::existence));
        // Which remaining principals can call the deployed models: a spec need not list the deployments.
        if near().next().is_some() && world.resource(account).is_some_and(serves_models) {
            queries.push(Deployments::list(account));
        }
        if near().any(|each| is_for(each, "ServicePrincipal"))
            && world.resource(account).is_some_and(holds_projects)
        {
            queries.push(project::list(account));
        }
    }
    queries
}

/// Assignments that may allow calls and are deleted or get another condition.
fn narrowed<'a>(steps: &[Step], before: &'a World, roles: &Catalogue) -> Vec<Placed<'a>> {
    lessened(steps, before).into_iter().filter(|each| may_call(each, roles)).collect()
}

/// Assignments that are deleted or get another condition.
fn lessened<'a>(steps: &[Step], before: &'a World) -> Vec<Placed<'a>> {
    let narrows = |step: &&Step| {
        step.kind == "roleAssignments"
            && match step.action {
                StepAction::Delete => true,
                StepAction::Update => {
                    ["condition", "conditionVersion"].iter().any(|field| step.patch.contains_key(*field))
                }
                _ => false,
            }
    };
    let targets = steps.iter().filter(narrows).filter_map(target);
    let live = targets.filter_map(|id| before.resources.get_key_value(&id));
    live.filter_map(|(id, body)| Placed::of(id, body)).collect()
}

/// Whether an assignment may apply to an account, which is not always known for one above subscriptions.
fn lets_in(each: &Placed<'_>, world: &World, account: &ResourceId) -> bool {
    each.scope.subscription_id().is_none() || reaches(each, world, account)
}

/// The queries that tell whether those who lose a role assignment permanently keep what they have besides.
fn left_to_losers(steps: &[Step], before: &World, after: &World) -> Vec<Doubt> {
    let lost = lessened(steps, before);
    if lost.is_empty() {
        return Vec::new();
    }
    let mut left: BTreeMap<String, Vec<Placed<'_>>> = BTreeMap::new();
    let live = assignments(before).filter(|each| after.resource(&each.id).is_some());
    for each in live.filter(|each| !each.is_named_by_keyless()) {
        left.entry(gift(&each).1).or_default().push(each);
    }
    let mut doubts = Vec::new();
    for each in &lost {
        for other in left.get(&gift(each).1).into_iter().flatten().filter(|other| other.id != each.id) {
            // A query at a scope also returns what is inherited there.
            if reaches(other, before, &each.scope) {
                doubts.push(doubt(other, &each.scope));
            } else if reaches(each, before, &other.scope) {
                doubts.push(doubt(other, &other.scope));
            }
        }
    }
    doubts
}

/// The lists of accounts that an assignment applies to, if not read yet: a spec names groups, while assignments above or beside them reach
/// further.
fn accounts_below(each: &Placed<'_>, world: &World) -> Vec<Query> {
    let scope = &each.scope;
    if !world.has_unknown_accounts(scope) {
        return Vec::new();
    }
    match scope.group().or_else(|| scope.subscription_id().map(ResourceId::subscription)) {
        Some(scope) => vec![account::list(&scope)],
        None => {
            let holds = world.inherited.iter().filter(|(id, _)| *id == each.id);
            holds.map(|(_, subscription)| account::list(subscription)).collect()
        }
    }
}

/// Live accounts without keys after the steps, if keys are disabled or one of the deleted or changed grants applies to them.
fn at_risk(before: &World, after: &World, narrowed: &[Placed<'_>]) -> BTreeSet<ResourceId> {
    let keys_off = |body: &Value| AccountBody::of(body).keys_off();
    let is_touched = |account: &ResourceId| narrowed.iter().any(|each| lets_in(each, before, account));
    let is_account = |id: &ResourceId| kinds::by_id(id).is_some_and(|kind| kind.name() == "accounts");
    let off = after.resources.iter().filter(|(id, body)| is_account(id) && keys_off(body));
    let at_risk = off.filter(|(id, _)| {
        let was = before.resource(id).or_else(|| before.remains(id));
        was.is_some_and(|was| !keys_off(was) || is_touched(id))
    });
    at_risk.map(|(id, _)| id.clone()).collect()
}

/// Assignments that somebody may have temporarily and is now granted permanently or without a condition.
fn given_for_good(steps: &[Step], before: &World, after: &World) -> Vec<Doubt> {
    let written = |step: &&Step| {
        step.kind == "roleAssignments" && matches!(step.action, StepAction::Create | StepAction::Update)
    };
    let targets: Vec<ResourceId> = steps.iter().filter(written).filter_map(target).collect();
    let given: Vec<Placed<'_>> =
        targets.iter().filter_map(|id| Placed::of(id, after.resource(id)?)).collect();
    if given.is_empty() {
        return Vec::new();
    }
    let mut had: BTreeMap<_, Vec<Placed<'_>>> = BTreeMap::new();
    for each in assignments(before) {
        had.entry(gift(&each)).or_default().push(each);
    }
    let mut doubts = Vec::new();
    for grant in &given {
        let same = had.get(&gift(grant)).map_or(&[][..], Vec::as_slice);
        let is_conditional =
            same.iter().any(|each| each.said.condition().is_some_and(|text| !text.is_empty()));
        let others = same.iter().filter(|each| each.id != grant.id && !each.is_named_by_keyless());
        let counts = |each: &&Placed<'_>| {
            each.scope == grant.scope || (is_conditional && reaches(each, before, &grant.scope))
        };
        doubts.extend(others.filter(counts).map(|each| doubt(each, &grant.scope)));
    }
    doubts
}

pub(super) fn verdicts(case: &Case<'_>) -> Vec<Verdict> {
    // Reported once for everybody, and not at all if the same was reported about declared ids.
    let is_reported = case.plan.findings.iter().any(|finding| finding.code == Code::PrincipalUnread);
    let unread = principals::unanswered(case.snapshot).filter(|_| !is_reported);
    let gone = unread.map(|refusal| {
        let message = "could not verify that the principals that can still call models without keys exist: the directory could not be queried";
        not_known(message, refusal)
    });
    let steps = &case.plan.steps;
    let raised = left_to_losers(steps, case.world, &case.world.after_steps(steps));
    let refused = raised.iter().find_map(|doubt| doubt.unread(case.snapshot));
    let for_good = refused.map(|refusal| {
        let message =
            "could not verify that principals that lose one role assignment keep their other one permanently";
        not_known(message, &refusal)
    });
    gone.into_iter().chain(for_good).collect()
}

fn not_known(message: &str, refusal: &Refusal) -> Verdict {
    let finding = FindingEntry {
        cause: Some(refusal.message.clone()),
        hint: refusal.hint.clone(),
        ..FindingEntry::of(Severity::Note, Code::NotChecked, message)
    };
    Verdict { finding, refuses: Vec::new() }
}

//! How much a plan deletes, and whether that was intended: limits for each stack, and lists that a spec leaves out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{About, Objection, Origin, Rule, child_of, is_account, owner};
use crate::document::{Action, DeclaredList, Plan, PlannedChange, Step, StepAction};
use crate::id::{ResourceId, arm_guid};
use crate::kinds;
use crate::plan::predict::World;

/// The steps with an action, each with its target.
fn targets(plan: &Plan, action: StepAction) -> impl Iterator<Item = (&Step, ResourceId)> {
    let steps = plan.steps.iter().filter(move |step| step.action == action);
    steps.filter_map(|step| Some((step, ResourceId::parse(&step.target).ok()?)))
}

/// Limits on deleting, for each stack.
pub(super) fn deletes(plan: &Plan, before: &World, origin: Origin) -> Vec<Objection> {
    let mut objections = Vec::new();
    let owner_of = |id: &ResourceId| owner_in(plan, id, before.resource(id)?);
    let places: BTreeSet<(Option<&str>, ResourceId)> =
        targets(plan, StepAction::Delete).map(|(_, id)| (owner_of(&id), place(&id))).collect();
    // A plan file could claim resources marked elsewhere as the stack's own: only those next to what is deleted count.
    let counts = |stack, id| origin == Origin::Specs || places.contains(&(stack, place(id)));
    // Marks planted outside the stack's resource groups must not make its deletes look few.
    let known: BTreeSet<ResourceId> = plan
        .changes
        .iter()
        .filter(|change| !change.action.is_undeclared())
        .filter_map(|change| ResourceId::parse(&change.id).ok())
        .collect();
    // By stack. Resources without a mark are counted apart: some kinds have no place for one.
    let mut owned: BTreeMap<Option<&str>, (usize, usize)> = BTreeMap::new();
    for (id, body) in before.resources.iter().filter(|(id, _)| known.contains(id)) {
        let stack = owner_in(plan, id, body);
        if counts(stack, id) {
            owned.entry(stack).or_default().0 += 1;
        }
    }
    let mut others = None;
    for (_, id) in targets(plan, StepAction::Delete) {
        owned.entry(owner_of(&id)).or_default().1 += 1;
        if is_account(&id) {
            let lost = others.get_or_insert_with(|| of_others(before)).get(&id);
            let (models, others) = (with_deployments(before, &id), with_others(lost));
            let message = format!("the plan deletes account `{}`{models}{others}", id.name());
            objections.push(Objection::at(Rule::DeleteAccount, &id, message));
        } else if let Some(account) = child_of(&id, "projects") {
            let message = format!(
                "the plan deletes project `{}` of `{account}`: the agents, threads and files in it are lost",
                id.name()
            );
            objections.push(Objection::at(Rule::DeleteProject, &id, message));
        } else if let Some(account) = child_of(&id, "deployments") {
            let message =
                format!("the plan deletes deployment `{}`: calls to it on `{account}` will fail", id.name());
            objections.push(Objection::at(Rule::DeleteDeployment, &id, message));
        }
    }
    for (step, id) in targets(plan, StepAction::Purge) {
        let message = format!(
            "the plan purges the soft-deleted account `{}`: it cannot be recovered afterwards",
            id.name()
        );
        let account = plan.changes.get(step.change).and_then(|change| ResourceId::parse(&change.id).ok());
        objections.push(Objection::at(Rule::Purge, &account.unwrap_or(id), message));
    }
    for (stack, (owned, deleted)) in owned {
        let message = if deleted > 10 {
            format!("refusing to delete more than 10 resources: the plan deletes {deleted} {}", of(stack))
        } else if stack.is_some() && deleted >= 5 && deleted * 100 > owned * 30 {
            format!("the plan deletes {deleted} of the {owned} resources {}", of(stack))
        } else {
            continue;
        };
        let about = stack.map_or(About::Plan, |stack| About::Stack(stack.to_owned()));
        objections.push(Objection::about(Rule::Deletes, about, message));
    }
    objections
}

/// The stack that owns a resource. The role assignments of Cosmos DB carry no text: for one of the plan's stacks their name says it.
fn owner_in<'a>(plan: &'a Plan, id: &ResourceId, body: &'a Value) -> Option<&'a str> {
    let stacks = || plan.changes.iter().filter_map(|change| change.stack.as_deref());
    owner(body).or_else(|| stacks().find(|stack| is_named_for(id, body, stack)))
}

/// Whether an id is that of a role assignment of Cosmos DB.
fn is_of_cosmos(id: &ResourceId) -> bool {
    id.as_str().to_ascii_lowercase().contains("/sqlroleassignments/")
}

/// Whether the name of a role assignment of Cosmos DB says that a stack made it. Duplicated from the planner on purpose.
fn is_named_for(id: &ResourceId, body: &Value, stack: &str) -> bool {
    if !is_of_cosmos(id) {
        return false;
    }
    let member = |name: &str| body["properties"][name].as_str().unwrap_or_default();
    let text = |name: &str| member(name).to_ascii_lowercase();
    let role = text("roleDefinitionId");
    let role = role.rsplit('/').next().unwrap_or_default();
    // Names of databases have a case, the id of their account has none.
    let account = id.parent().map_or_else(String::new, |account| account.as_str().to_ascii_lowercase());
    let below = member("scope").trim_end_matches('/').get(account.len()..).unwrap_or_default();
    let parts = [text("principalId"), role.to_owned(), format!("{account}{below}")];
    let [principal, role, scope] = parts.each_ref().map(String::as_str);
    arm_guid(&[principal, role, scope, "keyless", stack]).to_string().eq_ignore_ascii_case(id.name())
}

/// Where a resource is: its resource group, or the scope above resource groups.
fn place(id: &ResourceId) -> ResourceId {
    id.group().unwrap_or_else(|| id.scope())
}

/// The deployments deleted along with an account, as far as they were read.
fn with_deployments(before: &World, account: &ResourceId) -> String {
    let stands =
        |id: &&ResourceId| child_of(id, "deployments").is_some() && id.parent().as_ref() == Some(account);
    let names: Vec<String> =
        before.resources.keys().filter(stands).map(|id| format!("`{}`", id.name())).collect();
    match names.as_slice() {
        [] if before.unlisted_deployments.contains_key(account) => {
            " and its deployments, which could not be listed: calls to them will fail".to_owned()
        }
        [] => String::new(),
        [one] => format!(" and its deployment {one}: calls to it will fail"),
        all => format!(" and its deployments {}: calls to them will fail", all.join(", ")),
    }
}

/// By account, how much each stack other than the account's own created on it and in it.
fn of_others(before: &World) -> BTreeMap<ResourceId, BTreeMap<&str, usize>> {
    let mut others: BTreeMap<ResourceId, BTreeMap<&str, usize>> = BTreeMap::new();
    for (id, body) in &before.resources {
        let Some(stack) = owner(body) else { continue };
        let place = if is_assignment(id) { id.scope() } else { id.clone() };
        let Some(account) = place.up_to("accounts") else { continue };
        if before.resource(&account).and_then(owner) != Some(stack) {
            *others.entry(account).or_default().entry(stack).or_default() += 1;
        }
    }
    others
}

/// What other stacks created there, in words.
fn with_others(others: Option<&BTreeMap<&str, usize>>) -> String {
    let Some(others) = others else { return String::new() };
    let all: Vec<String> =
        others.iter().map(|(stack, count)| format!("{count} of stack `{stack}`")).collect();
    format!("; this also deletes what other stacks created there: {}", all.join(", "))
}

/// The owner of the resources, in words.
fn of(stack: Option<&str>) -> String {
    stack.map_or_else(|| "without a mark".to_owned(), |stack| format!("of stack `{stack}`"))
}

/// A list of a spec from which a plan deletes: its stack, its kind and its parent; a top-level list has no parent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct List<'a> {
    stack: &'a str,
    kind: &'a str,
    within: Option<ResourceId>,
}

impl<'a> List<'a> {
    /// The list that would declare a deleted resource; `None` if its parent is deleted too, or if another rule applies.
    fn of(step: &'a Step, id: &ResourceId, stack: &'a str, gone: &BTreeSet<ResourceId>) -> Option<Self> {
        if is_account(id) || ["projects", "deployments"].iter().any(|list| child_of(id, list).is_some()) {
            return None;
        }
        let within = if is_assignment(id) { id.scope() } else { id.parent()? };
        if gone.iter().any(|gone| gone.contains(&within)) {
            return None;
        }
        // Those of Cosmos DB are one list for all its accounts.
        let has_own = if is_assignment(id) { is_account(&within) } else { !is_of_cosmos(id) };
        let within = has_own.then_some(within);
        Some(Self { stack, kind: &step.kind, within })
    }

    /// Whether a live resource belongs to it.
    fn holds(&self, id: &ResourceId, body: &Value) -> bool {
        let is_in_it = match (&self.within, is_assignment(id)) {
            (within, true) if self.kind == "roleAssignments" => match within {
                Some(within) => id.scope() == *within,
                None => !is_account(&id.scope()),
            },
            (within, false) => {
                kinds::by_id(id).is_some_and(|kind| kind.name() == self.kind)
                    && within.as_ref().is_none_or(|within| id.parent().as_ref() == Some(within))
            }
            _ => false,
        };
        is_in_it && (owner(body) == Some(self.stack) || is_named_for(id, body, self.stack))
    }
}

/// Deletes that may be unintended: if a spec leaves a list out, everything in it that the stack created is deleted. Writing `[]` confirms
/// that.
///
/// A plan read from a file does not prove what its specs declare. Its lists count as left out if nothing that the stack created would
/// remain in them.
pub(super) fn left_out(plan: &Plan, before: &World, after: &World, origin: Origin) -> Vec<Objection> {
    let gone: BTreeSet<ResourceId> = targets(plan, StepAction::Delete).map(|(_, id)| id).collect();
    let mut lists: BTreeMap<List<'_>, Vec<ResourceId>> = BTreeMap::new();
    for (step, id) in targets(plan, StepAction::Delete) {
        // Resources without a mark belong to no stack.
        let Some(stack) = before.resource(&id).and_then(|body| owner_in(plan, &id, body)) else { continue };
        if let Some(list) = List::of(step, &id, stack, &gone) {
            lists.entry(list).or_default().push(id);
        }
    }
    let declares = |list: &List<'_>, declared: &DeclaredList| {
        (list.stack, list.kind, &list.within) == (declared.stack.as_str(), declared.kind, &declared.within)
    };
    let is_left_out = |list: &List<'_>| match origin {
        Origin::Specs => !plan.lists.iter().any(|declared| declares(list, declared)),
        Origin::File => !after.resources.iter().any(|(id, body)| list.holds(id, body)),
    };
    let left_out = lists.into_iter().filter(|(list, _)| is_left_out(list));
    left_out.map(|(list, deleted)| objection(plan, &list, &deleted, origin)).collect()
}

fn objection(plan: &Plan, list: &List<'_>, deleted: &[ResourceId], origin: Origin) -> Objection {
    let count = deleted.len();
    let noun = kinds::by_name(list.kind).map_or("resource", |kind| kind.noun());
    let them = if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") };
    let (whose, go) = (of(Some(list.stack)), if count == 1 { "goes" } else { "go" });
    // Another stack's spec may declare the account, so its list does not belong to this one.
    let is_declared = |id: &ResourceId| {
        let is = |change: &&PlannedChange| {
            change.stack.as_deref() == Some(list.stack)
                && ResourceId::parse(&change.id).ok().as_ref() == Some(id)
        };
        let mut said = plan.changes.iter().filter(is);
        said.any(|change| !change.action.is_undeclared() && change.action != Action::Delete)
    };
    let in_its_spec = list.within.as_ref().is_none_or(|id| !is_account(id) || is_declared(id));
    let name = list.within.as_ref().map(ResourceId::name);
    let (message, instead) = match (origin, &list.within) {
        (Origin::File, _) => {
            let place = name.map_or("outside of accounts".to_owned(), |name| format!("on `{name}`"));
            let message = format!(
                "{them} {whose} {place} {go} and none stays there, and a plan that is applied without its specs does not prove that they want none"
            );
            (message, "name its specs behind the plan".to_owned())
        }
        (Origin::Specs, Some(account)) if !in_its_spec => {
            let message = format!(
                "stack `{}` no longer declares account `{}`: its {them} there would be deleted",
                list.stack,
                account.name()
            );
            let instead = if list.kind == "roleAssignments" {
                "keep a role assignment with that scope and `principals: []`".to_owned()
            } else {
                format!("keep the account with `{}: []`", list.kind)
            };
            (message, instead)
        }
        (Origin::Specs, None)
            if let Some(project) = common_project(deleted).filter(|id| !is_declared(id)) =>
        {
            let message = format!(
                "stack `{}` no longer declares project `{}`: its {them} there would be deleted",
                list.stack,
                project.name()
            );
            (message, "keep the project with `roleAssignments: []`".to_owned())
        }
        (Origin::Specs, within) => {
            let place = match (within, name) {
                (Some(parent), Some(name)) if is_account(parent) => format!("account `{name}`"),
                (_, Some(name)) => format!("`{name}`"),
                _ => format!("stack `{}`", list.stack),
            };
            let whose = if within.is_some() { format!(" {whose}") } else { String::new() };
            let message = format!(
                "`{}` of {place} is no longer in the spec: {them}{whose} would be deleted",
                list.kind
            );
            let empty = if list.kind == "roleAssignments" {
                "write `roleAssignments: []`"
            } else {
                "write an empty list, `[]`"
            };
            (message, empty.to_owned())
        }
    };
    let (stack, kind) = (list.stack.to_owned(), list.kind.to_owned());
    let apart = origin == Origin::Specs && !in_its_spec;
    let about = About::List { stack, kind, within: list.within.clone(), apart };
    Objection::about(Rule::DeleteList, about, message).unless(instead)
}

/// The project on which all of these role assignments are.
fn common_project(deleted: &[ResourceId]) -> Option<ResourceId> {
    let project = deleted.first().filter(|id| is_assignment(id))?.scope();
    let is_on_it = |id: &ResourceId| is_assignment(id) && id.scope() == project;
    (child_of(&project, "projects").is_some() && deleted.iter().all(is_on_it)).then_some(project)
}

/// Whether an id is that of a role assignment.
fn is_assignment(id: &ResourceId) -> bool {
    id.as_str().to_ascii_lowercase().contains("/providers/microsoft.authorization/roleassignments/")
}

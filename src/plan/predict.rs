//! Predicts the live state after a plan, which guards judge and against which a second plan must be empty.
//!
//! Pure. Takes the state in a snapshot and a plan's steps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::body::is_resource;
use crate::document::{Differs, Plan, Step, StepAction, patch};
use crate::id::{ResourceId, comparable};
use crate::kinds::role_assignment::{self, GivenBeside, UnreadAssignments, Unscheduled};
use crate::kinds::{self, Deployments, account, merge, project};
use crate::principals::{self, has_own_identity, own_principal};
use crate::rbac::Terms;
use crate::snapshot::{Body, Snapshot};

/// Live resources in ARM shape, by id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct World {
    /// By id, ignoring case.
    pub resources: BTreeMap<ResourceId, Body>,
    /// Resources above subscriptions, such as assignments on management groups, each with a subscription whose list shows it: it applies
    /// there, which no id says.
    pub inherited: BTreeSet<(ResourceId, ResourceId)>,
    /// Principals that the directory was asked about and does not know.
    pub gone: BTreeSet<Uuid>,
    /// How long role assignments last, as far as that was queried.
    pub terms: Arc<Terms>,
    /// Where schedules could not be read.
    pub unscheduled: Unscheduled,
    /// Accounts whose projects could not be listed, with the reason.
    pub unlisted: BTreeMap<ResourceId, String>,
    /// Accounts whose deployments could not be listed, with the reason.
    pub unlisted_deployments: BTreeMap<ResourceId, String>,
    /// Accounts for which a list of connections, in the account or in a project, was queried but could not be read; with the reason.
    pub unlisted_connections: BTreeMap<ResourceId, String>,
    /// Scopes whose accounts are all known.
    pub listed: BTreeSet<ResourceId>,
    /// Scopes whose accounts could not be listed, with the reason.
    pub unread: BTreeMap<ResourceId, String>,
    /// Role assignments that could not be read: there may be others that are not known.
    pub unread_assignments: Vec<UnreadAssignments>,
    /// To whom stacks that are loaded but not selected give roles. Nothing of these stacks may have been read.
    pub beside: Vec<GivenBeside>,
    /// Assignments whose principal is not known yet, each with the resource whose identity it will be.
    pub holders: BTreeMap<ResourceId, ResourceId>,
}

impl World {
    /// Everything in a snapshot, including inherited assignments.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut world = Self {
            gone: principals::gone(snapshot),
            terms: Arc::new(snapshot.terms().clone()),
            unscheduled: Unscheduled::of(snapshot),
            unlisted: project::unlisted(snapshot),
            unlisted_deployments: Deployments::unlisted(snapshot),
            unread_assignments: role_assignment::unread(snapshot),
            unlisted_connections: kinds::unlisted_connections(snapshot),
            ..Self::default()
        };
        for (scope, why) in account::listings(snapshot) {
            match why {
                Some(why) => _ = world.unread.insert(scope.clone(), why),
                None => _ = world.listed.insert(scope.clone()),
            }
        }
        for (asked, body) in snapshot.shown() {
            let Some(id) = body["id"].as_str().and_then(|id| ResourceId::parse(id).ok()) else { continue };
            // Only a subscription's list shows that it applies there: a management group's own list says nothing about what is below.
            let shown_by = asked.subscription_id().map(ResourceId::subscription);
            if let Some(subscription) = shown_by.filter(|_| id.subscription_id().is_none()) {
                world.inherited.insert((id.clone(), subscription));
            }
            // A resource's system-assigned identity is deleted with it, but the soft-deleted resource still shows it.
            if id.segment_after("deletedAccounts").is_some() {
                world.gone.extend(own_principal(body).and_then(|id| Uuid::try_parse(id).ok()));
            }
            world.resources.insert(id, body.clone());
        }
        world
    }

    /// The principals of system-assigned identities that no longer exist in a later state, in comparable form: Azure deletes the principal
    /// with its resource, or when the resource drops the identity. User-assigned identities exist independently.
    #[must_use]
    pub fn identities_lost(&self, after: &Self) -> BTreeSet<String> {
        self.losers_of_identities(after).filter_map(|(_, principal)| principal).collect()
    }

    /// The resources that lose such an identity, with its principal as far as Azure shows it.
    pub fn losers_of_identities(&self, after: &Self) -> impl Iterator<Item = (&ResourceId, Option<String>)> {
        self.resources.iter().filter_map(|(id, was)| {
            let principal = own_principal(was);
            // A soft-deleted resource's identity is already gone.
            if principal.is_none()
                && (!has_own_identity(was) || id.segment_after("deletedAccounts").is_some())
            {
                return None;
            }
            let is_lost = match after.resource(id) {
                Some(is) => is["identity"] != was["identity"] && !has_own_identity(is),
                None => true,
            };
            // Children are deleted with their parent.
            let goes_with =
                |parent: ResourceId| self.resource(&parent).is_some() && after.resource(&parent).is_none();
            (is_lost || id.parent().is_some_and(goes_with)).then(|| (id, principal.map(comparable)))
        })
    }

    /// What is known of a resource.
    #[must_use]
    pub fn resource(&self, id: &ResourceId) -> Option<&Value> {
        self.resources.get(id).map(AsRef::as_ref)
    }

    /// What is not there in another state, or may be otherwise there: states that follow from each other share what is the same.
    pub fn differing(&self, other: &Self) -> impl Iterator<Item = (&ResourceId, &Body)> {
        let is_same = |id: &ResourceId, body: &Body| {
            other.resources.get(id).is_some_and(|theirs| Arc::ptr_eq(body, theirs))
        };
        self.resources.iter().filter(move |(id, body)| !is_same(id, body))
    }

    /// What stands in a resource.
    pub fn inside(&self, holder: &ResourceId) -> impl Iterator<Item = (&ResourceId, &Body)> {
        let from = self.resources.range(holder.list("")..);
        from.take_while(move |(id, _)| holder.contains(id))
    }

    /// A soft-deleted account: its id has a location before the account's group and name.
    #[must_use]
    pub fn remains(&self, id: &ResourceId) -> Option<&Value> {
        let (group, name) = (id.group()?, id.name());
        let is_account = id.resource_type()?.eq_ignore_ascii_case("Microsoft.CognitiveServices/accounts");
        let end = format!("/resourceGroups/{}/deletedAccounts/{name}", group.name()).to_ascii_lowercase();
        let is = |deleted: &ResourceId| {
            deleted.as_str().to_ascii_lowercase().ends_with(&end)
                && deleted.subscription_id().map(str::to_ascii_lowercase)
                    == id.subscription_id().map(str::to_ascii_lowercase)
        };
        let found = self.resources.iter().filter(|_| is_account).find(|(deleted, _)| is(deleted));
        found.map(|(_, body)| body.as_ref())
    }

    /// Whether a scope may be or contain unknown accounts. Other resources contain none, and an assignment on something in an account gives
    /// no access to the account.
    #[must_use]
    pub fn has_unknown_accounts(&self, scope: &ResourceId) -> bool {
        let Some(subscription) = scope.subscription_id().map(ResourceId::subscription) else { return true };
        let is_account = kinds::by_id(scope).is_some_and(|kind| kind.name() == "accounts");
        let is_place = is_account || *scope == subscription || scope.group().as_ref() == Some(scope);
        let is_known = is_account && self.resource(scope).is_some_and(is_resource);
        is_place && !is_known && !listed_with(scope).any(|list| self.listed.contains(&list))
    }

    /// Why nothing is known about accounts at or below a scope, if they could not be listed.
    #[must_use]
    pub fn unread_accounts(&self, scope: &ResourceId) -> Option<&str> {
        const ABOVE: &str =
            "keyless lists accounts by subscription, and does not know all subscriptions below this scope";
        if !self.has_unknown_accounts(scope) {
            return None;
        }
        if scope.subscription_id().is_none() {
            return Some(ABOVE);
        }
        listed_with(scope).find_map(|list| self.unread.get(&list)).map(String::as_str)
    }

    /// Whether an assignment at a scope applies to a resource or scope.
    #[must_use]
    pub fn reaches(&self, assignment: &ResourceId, scope: &ResourceId, at: &ResourceId) -> bool {
        let within = || Some(ResourceId::subscription(at.subscription_id()?));
        scope.contains(at)
            || within().is_some_and(|within| self.inherited.contains(&(assignment.clone(), within)))
    }

    /// The state before a plan, with each soft-deleted resource that the plan restores in its place.
    #[must_use]
    pub fn with_restored(&self, plan: &Plan) -> Self {
        let mut world = self.clone();
        for step in plan.steps.iter().filter(|step| step.action == StepAction::Restore) {
            let Ok(id) = ResourceId::parse(&step.target) else { continue };
            if let Some(body) = self.remains(&id) {
                world.resources.insert(id.clone(), Body::new(restored_as(&id, body)));
            }
        }
        world
    }

    /// The state after all steps of a plan succeed.
    #[must_use]
    pub fn after(&self, plan: &Plan) -> Self {
        self.after_steps(&plan.steps)
    }

    /// The state that the specs ask for: after a plan, without what they do not declare, and with what creation sets.
    #[must_use]
    pub fn as_declared(&self, plan: &Plan) -> Self {
        let mut after = self.after(plan);
        for change in plan.changes.iter().filter(|change| change.differs == Some(Differs::Extra)) {
            if let Ok(id) = ResourceId::parse(&change.id) {
                after.resources.remove(&id);
            }
        }
        for change in plan.changes.iter().filter(|change| !change.omitted.is_empty()) {
            let (Ok(id), Some(kind)) = (ResourceId::parse(&change.id), kinds::by_name(&change.kind)) else {
                continue;
            };
            if let Some(body) = after.resources.get_mut(&id) {
                kind.overlay(Arc::make_mut(body), &patch(&change.omitted));
            }
        }
        after
    }

    /// The state after these steps succeed.
    #[must_use]
    pub fn after_steps(&self, steps: &[Step]) -> Self {
        let mut after = self.clone();
        for step in steps {
            let (Ok(id), Some(kind)) = (ResourceId::parse(&step.target), kinds::by_name(&step.kind)) else {
                continue;
            };
            if matches!(step.action, StepAction::Delete | StepAction::Purge) {
                after.resources.remove(&id);
                continue;
            }
            let restored = (step.action == StepAction::Restore).then(|| self.remains(&id)).flatten();
            let start =
                || Body::new(restored.map_or_else(|| blank(&id), |remains| restored_as(&id, remains)));
            let body = after.resources.entry(id.clone()).or_insert_with(start);
            let body = Arc::make_mut(body);
            kind.overlay(body, &step.patch);
            for hole in step.holes.iter().filter(|hole| hole.reference.is_none()) {
                let holder = hole.resource.rsplit('/').next().unwrap_or_default();
                let whose = json!(format!("the identity of {holder}"));
                kind.overlay(body, &Map::from_iter([(hole.field.clone(), whose)]));
                if let Ok(holder) = ResourceId::parse(&hole.resource) {
                    after.holders.insert(id.clone(), holder);
                }
            }
            if let Some(stack) = &step.mark {
                kind.set_mark(body, stack);
            }
        }
        after
    }
}

/// The scopes whose lists of accounts cover a scope.
fn listed_with(scope: &ResourceId) -> impl Iterator<Item = ResourceId> {
    scope.group().into_iter().chain(scope.subscription_id().map(ResourceId::subscription))
}

/// A soft-deleted account as the account it was.
fn restored_as(id: &ResourceId, remains: &Value) -> Value {
    let mut body = remains.clone();
    merge(&mut body, &blank(id));
    body
}

/// A resource of which only the id is known.
fn blank(id: &ResourceId) -> Value {
    json!({"id": id, "name": id.name(), "type": id.resource_type(), "properties": {}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plan_writes_and_deletes_shows_in_the_state_after_it() {
        let id = |text: &str| ResourceId::parse(text).unwrap();
        let chat = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/chat";
        let (old, new) = (format!("{chat}-old"), format!("{chat}-new"));
        let step = |action: &str, target: &str, patch: Value| {
            json!({"change": 0, "action": action, "kind": "accounts", "target": target, "patch": patch, "lane": "",
                "needs": [], "last": false, "source": null, "mark": "team-a"})
        };
        let plan = crate::plan::samples::plan(
            json!([]),
            json!([
                step("update", chat, json!({"disableLocalAuth": true})),
                step("delete", &old, json!({})),
                step("create", &new, json!({"location": "eastus2"})),
            ]),
        );
        let body = |text: &str| (id(text), Body::new(json!({"id": text, "properties": {"restore": 1}})));
        let before = World { resources: BTreeMap::from([body(chat), body(&old)]), ..World::default() };
        let after = before.after(&plan);
        assert_eq!(
            after.resource(&id(chat)),
            Some(
                &json!({"id": chat, "properties": {"restore": 1, "disableLocalAuth": true}, "tags": {"keyless-stack": "team-a"}})
            )
        );
        assert_eq!(after.resource(&id(&old)), None);
        let made = after.resource(&id(&new)).unwrap();
        assert_eq!(
            (&made["name"], &made["type"], &made["location"]),
            (&json!("chat-new"), &json!("Microsoft.CognitiveServices/accounts"), &json!("eastus2"))
        );
        assert_eq!(before.resources.len(), 2);
    }

    #[test]
    fn accounts_may_be_unknown_at_accounts_groups_subscriptions_and_above_and_nowhere_else() {
        const SUBSCRIPTION: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11";
        let id = |text: &str| match text {
            "/" => ResourceId::root(),
            text => ResourceId::parse(text).unwrap(),
        };
        let group = format!("{SUBSCRIPTION}/resourceGroups/rg");
        let account = format!("{group}/providers/Microsoft.CognitiveServices/accounts/chat");
        let above = "/providers/Microsoft.Management/managementGroups/mg";
        let scopes = [
            account.as_str(),
            &group,
            SUBSCRIPTION,
            above,
            "/",
            &format!("{account}/projects/main"),
            &format!("{group}/providers/Microsoft.Storage/storageAccounts/st"),
            &format!("{group}/providers/Microsoft.Purview/accounts/p"),
        ];
        let unread = |world: &World| scopes.map(|scope| world.unread_accounts(&id(scope)).is_some());
        let unknown = |world: &World| scopes.map(|scope| world.has_unknown_accounts(&id(scope)));
        let with = |listed: &[&str], refused: &[&str], settings: Option<Value>| World {
            listed: listed.iter().map(|scope| id(scope)).collect(),
            unread: refused.iter().map(|scope| (id(scope), "no".to_owned())).collect(),
            resources: settings
                .map(|properties| (id(&account), Body::new(json!({"id": account, "properties": properties}))))
                .into_iter()
                .collect(),
            ..World::default()
        };
        let (yes, no) = (true, false);
        let never = [no, no, no, yes, yes, no, no, no];
        let nothing = with(&[], &[], None);
        assert_eq!(unknown(&nothing), [yes, yes, yes, yes, yes, no, no, no]);
        assert_eq!(unread(&nothing), never, "nobody asked");
        assert_eq!(unknown(&with(&[SUBSCRIPTION], &[], None)), never, "a list of all knows of each");
        assert_eq!(unknown(&with(&[&group], &[], None)), [no, no, yes, yes, yes, no, no, no]);
        assert_eq!(unread(&with(&[&group], &[SUBSCRIPTION], None)), [no, no, yes, yes, yes, no, no, no]);
        assert_eq!(unread(&with(&[], &[&group], None)), [yes, yes, no, yes, yes, no, no, no]);
        assert_eq!(unread(&with(&[], &[&group], Some(json!({})))), [no, yes, no, yes, yes, no, no, no]);
        assert_eq!(unread(&with(&[], &[&group], Some(json!(null)))), [yes, yes, no, yes, yes, no, no, no]);
    }
}

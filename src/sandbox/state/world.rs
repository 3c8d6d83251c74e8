//! State, time and rules of a running sandbox: what handlers change.
//!
//! `server` sets `now` before each request and notes what changed after it; handlers use no
//! clock, no randomness and no files, so equal requests at equal times give equal answers.

use jiff::{SignedDuration, Timestamp};

use super::{Group, Identity, Operation, Stamp, State, Subscription, group_key};
use crate::sandbox::http::faults::Fault;
use crate::sandbox::http::stats::Stats;
use crate::sandbox::http::throttle::Buckets;
use crate::sandbox::http::{Caller, scope};

/// Location of a resource group that exists by being used.
const FIRST_USE_LOCATION: &str = "eastus";
/// How long a finished operation can still be asked for.
const OPERATION_MEMORY: SignedDuration = SignedDuration::from_hours(24);

/// Everything a handler may look at.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) stats: Stats,
    /// The sandbox's time of this request.
    pub(crate) now: Timestamp,
    /// Whether things must be created before they are used.
    pub(crate) strict: bool,
    /// How long an operation takes.
    pub(crate) operation_time: SignedDuration,
    /// How long a role assignment takes to reach the data plane.
    pub(crate) role_propagation: SignedDuration,
    /// Faults to inject.
    pub(crate) faults: Vec<Fault>,
    /// The newest api-version of Microsoft.CognitiveServices that this cloud has; all of them if not set.
    pub(crate) newest_version: Option<String>,
    /// Limits of requests, if there are any.
    pub(crate) throttle: Option<Buckets>,
    /// Lines for the journal that are not yet on disk.
    pub(crate) unsaved: Vec<u8>,
}

impl World {
    pub(crate) fn new(state: State, strict: bool, operation_time: SignedDuration) -> Self {
        Self {
            state,
            stats: Stats::default(),
            now: Timestamp::UNIX_EPOCH,
            strict,
            operation_time,
            role_propagation: SignedDuration::ZERO,
            faults: Vec::new(),
            newest_version: None,
            throttle: None,
            unsaved: Vec::new(),
        }
    }

    /// Sets the time and does everything that is due.
    pub(crate) fn advance_to(&mut self, real: Timestamp) {
        let ahead = SignedDuration::from_secs(self.state.clock_ahead_seconds);
        self.now = real.saturating_add(ahead).unwrap_or(real);
        let now = self.now.as_millisecond();
        let due: Vec<String> = self
            .state
            .pending
            .iter()
            .filter(|id| self.state.operations.get(*id).is_none_or(|operation| operation.done_at <= now))
            .cloned()
            .collect();
        for id in due {
            self.state.pending.remove(&id);
            let Some(operation) = self.state.operations.get_mut(&id) else { continue };
            operation.over = true;
            let account = operation.account.clone();
            if let Some(account) = account.and_then(|key| self.state.accounts.get_mut(&key)) {
                account.transition = None;
                account.revision += 1;
            }
        }
        let purged: Vec<String> = self
            .state
            .deleted_accounts
            .iter()
            .filter(|(_, deleted)| deleted.purge_at <= now)
            .map(|(key, _)| key.clone())
            .collect();
        for key in purged {
            self.purge_account(&key);
        }
        let over = self.state.schedules.iter().filter(|(_, schedule)| schedule.ends_at <= now);
        let over: Vec<String> = over.map(|(name, _)| name.clone()).collect();
        for name in over {
            self.state.role_assignments.remove(&name);
            self.state.schedules.remove(&name);
        }
    }

    /// Purges a soft-deleted account and its children.
    pub(crate) fn purge_account(&mut self, key: &str) {
        self.state.deleted_accounts.remove(key);
        self.remove_child(key);
    }

    /// Removes a child and what stands below it, with their role assignments and locks; gives whether it was there.
    pub(crate) fn remove_child(&mut self, key: &str) -> bool {
        let there = self.state.children.contains_key(key);
        let below: Vec<String> =
            self.state.children_below(&format!("{key}/")).map(|(key, _)| key.to_owned()).collect();
        for key in below.iter().map(String::as_str).chain([key]) {
            if let Some(child) = self.state.children.remove(key) {
                self.forget_identity(child.identity.as_ref(), None);
            }
            self.forget_scope(key);
        }
        there
    }

    /// Takes the principal of a system-assigned identity out of the directory, unless its resource keeps it: Azure deletes the service
    /// principal with the resource, and when the identity is switched off.
    pub(crate) fn forget_identity(&mut self, old: Option<&Identity>, new: Option<&Identity>) {
        let Some(id) = old.and_then(|old| old.principal_id.as_deref()) else { return };
        if new.and_then(|new| new.principal_id.as_deref()) != Some(id) {
            self.state.principals.remove(id);
            self.state.deleted_principals.insert(id.to_owned(), true);
        }
    }

    /// Drops the role assignments and locks at and below a scope that no longer exists.
    pub(crate) fn forget_scope(&mut self, scope: &str) {
        let all = &self.state.role_assignments;
        let gone: Vec<String> = all
            .at(scope, None)
            .chain(all.below(scope, None))
            .map(|(_, assignment)| assignment.name.clone())
            .collect();
        for name in gone {
            self.state.role_assignments.remove(&name);
        }
        let locks = self.state.locks.iter().filter(|(_, lock)| scope::covers(scope, &lock.scope));
        let gone: Vec<String> = locks.map(|(key, _)| key.clone()).collect();
        for key in gone {
            self.state.locks.remove(&key);
        }
    }

    /// `2023-07-25T04:50:15.0581066Z`, without trailing zeros, as `systemData` has it.
    pub(crate) fn timestamp(&self) -> String {
        trimmed(self.now)
    }

    pub(crate) fn stamp(&self, caller: &Caller) -> Stamp {
        Stamp { by: caller.name.clone(), kind: caller.kind.to_owned(), at: self.timestamp() }
    }

    /// Starts an operation under an id. With an operation time of zero it is done at the first poll.
    pub(crate) fn start_operation(&mut self, id: String, operation: Operation) {
        let forgotten = (self.now.as_millisecond()).saturating_sub(as_millis(OPERATION_MEMORY));
        if self.state.operations.len() > 1000 {
            self.state.operations.retain(|operation| operation.done_at > forgotten);
        }
        self.state.pending.insert(id.clone());
        self.state.operations.insert(id, operation);
    }

    /// When an operation that starts now is done, in milliseconds since 1970.
    pub(crate) fn done_at(&self) -> i64 {
        self.now.as_millisecond().saturating_add(as_millis(self.operation_time))
    }

    /// Whether a subscription exists; unless strict, every one does.
    pub(crate) fn subscription_exists(&self, id: &str) -> bool {
        self.state.subscriptions.contains_key(&id.to_lowercase()) || !self.strict
    }

    /// A resource group; unless strict, every one exists that was not deleted.
    pub(crate) fn group(&self, subscription: &str, name: &str) -> Option<Group> {
        let key = group_key(subscription, name);
        if let Some(group) = self.state.groups.get(&key) {
            return Some(group.clone());
        }
        if self.strict || self.state.deleted_groups.contains_key(&key) {
            return None;
        }
        Some(Group {
            subscription: subscription.to_owned(),
            name: name.to_owned(),
            location: FIRST_USE_LOCATION.to_owned(),
            tags: None,
        })
    }

    /// Notes a subscription and a group that something was just written to.
    pub(crate) fn remember_group(&mut self, subscription: &str, name: &str) {
        self.remember_subscription(subscription);
        if let Some(group) = self.group(subscription, name) {
            self.state.groups.insert_if_absent(group_key(subscription, name), || group);
        }
    }

    /// Notes a subscription that something was just written to.
    pub(crate) fn remember_subscription(&mut self, id: &str) {
        let new = || Subscription { id: id.to_owned(), name: String::from("sandbox") };
        self.state.subscriptions.insert_if_absent(id.to_lowercase(), new);
    }
}

fn as_millis(duration: SignedDuration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Seven digits after the point, zeros trimmed.
pub(super) fn trimmed(time: Timestamp) -> String {
    let text = seven_digits(time);
    let text = text.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.');
    format!("{text}Z")
}

/// `2023-08-23T13:05:38.8480660Z`: exactly seven digits, as Microsoft.Authorization has it.
pub(crate) fn seven_digits(time: Timestamp) -> String {
    let seconds = time.strftime("%Y-%m-%dT%H:%M:%S");
    format!("{seconds}.{:07}Z", time.subsec_nanosecond().unsigned_abs() / 100)
}

/// Whole seconds, as operations and the activity log have it.
pub(crate) fn seconds(millis: i64) -> String {
    let time = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Seven digits of a time in milliseconds since 1970, zeros trimmed.
pub(crate) fn millis(millis: i64) -> String {
    trimmed(Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH))
}

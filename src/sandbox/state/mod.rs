//! The sandbox's state, its clock, the state file and its journal.
//!
//! Answers no requests. `State` is plain data (`resources`, `rights`) in tables that know what is unsaved, `World` is the
//! state of a running sandbox with its clock, and `store` keeps the state on disk. Stands on `http`.
//!
//! Ids are kept as clients sent them and looked up by their lower-case form, because ARM echoes casing and compares without
//! it. Unlike Azure, equal histories give equal ids, and tests can advance the clock.

mod assignment_table;
mod monitor;
mod resources;
mod rights;
pub(super) mod store;
mod table;
pub(super) mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

pub(crate) use monitor::{DiagnosticSetting, ModelCall, Monitoring};
pub(crate) use resources::{
    Account, Child, DeletedAccount, Event, Group, Identity, Lock, Operation, Stamp, Subscription, Transition,
    account_key, group_key, user_assigned,
};
pub(crate) use rights::{
    DenyAssignment, EVERYONE, Federated, Operator, Permission, Policy, Principal, RoleAssignment,
    RoleDefinition, Schedule,
};
pub(crate) use world::World;

use assignment_table::RoleAssignments;
use table::{Journaled, Table};

/// Default tenant of a sandbox.
pub(super) const TENANT: &str = "11111111-1111-1111-1111-111111111111";
/// Subscription that a sandbox lists until one is used.
pub(super) const SUBSCRIPTION: &str = "22222222-2222-2222-2222-222222222222";
/// Object id of the caller when a token has no readable claims.
pub(super) const OWNER: &str = "66666666-7777-4888-8999-000000000000";
/// Its sign-in name.
pub(super) const OWNER_NAME: &str = "owner@sandbox.invalid";
/// Layout of the state file; another one is refused.
pub(super) const VERSION: u32 = 2;
/// From this many changes on, a snapshot is shorter than a line of the journal.
const MANY: usize = 5000;
/// Namespace of the ids that the sandbox gives out, so that equal histories give equal ids.
const IDS: Uuid = Uuid::from_u128(0x7f1c_2f0e_41d3_4b60_9c3a_5b1e_0d6a_2e11);

/// An id that depends on nothing but its label.
pub(super) fn derived_id(label: &str) -> Uuid {
    Uuid::new_v5(&IDS, label.as_bytes())
}

/// Everything that survives a restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct State {
    pub(super) version: u32,
    /// Which snapshot this is: its journal names it.
    #[serde(default)]
    pub(super) snapshot: String,
    /// Whether everything is unsaved, not only what the tables marked.
    #[serde(skip)]
    pub(super) whole: bool,
    /// Whether the clock was moved since it was last written down.
    #[serde(skip)]
    pub(super) clock_moved: bool,
    pub(super) tenant: String,
    /// Root of account keys and token signatures.
    pub(super) secret: String,
    /// How far the sandbox's clock runs ahead of the real one.
    #[serde(default)]
    pub(super) clock_ahead_seconds: i64,
    #[serde(default)]
    pub(super) subscriptions: Table<Subscription>,
    #[serde(default)]
    pub(super) groups: Table<Group>,
    /// Groups that were deleted: they no longer exist on first use.
    #[serde(default)]
    pub(super) deleted_groups: Table<bool>,
    #[serde(default)]
    pub(super) accounts: Table<Account>,
    #[serde(default)]
    pub(super) deleted_accounts: Table<DeletedAccount>,
    /// What stands below accounts, soft-deleted ones included.
    #[serde(default)]
    pub(super) children: Table<Child>,
    /// How often an account of this id was created.
    #[serde(default)]
    pub(super) incarnations: Table<u32>,
    #[serde(default)]
    pub(super) operations: Table<Operation>,
    /// Operations that are not yet over.
    #[serde(skip)]
    pub(super) pending: BTreeSet<String>,
    #[serde(default)]
    pub(super) role_assignments: RoleAssignments,
    #[serde(default)]
    pub(super) role_definitions: Table<RoleDefinition>,
    #[serde(default)]
    pub(super) deny_assignments: Table<DenyAssignment>,
    /// By the name of the role assignment that they limit.
    #[serde(default)]
    pub(super) schedules: Table<Schedule>,
    #[serde(default)]
    pub(super) policies: Table<Policy>,
    #[serde(default)]
    pub(super) principals: Table<Principal>,
    /// System-assigned identities that were deleted with their resource. They do not exist on first use.
    #[serde(default)]
    pub(super) deleted_principals: Table<bool>,
    #[serde(default)]
    pub(super) locks: Table<Lock>,
    /// The activity log, newest first within a subscription.
    #[serde(default)]
    pub(super) events: Table<Event>,
    /// By the account's key and the setting's name.
    #[serde(default)]
    pub(super) diagnostic_settings: Table<DiagnosticSetting>,
    /// What the data planes of accounts took, by the account's key and the time.
    #[serde(default)]
    pub(super) model_calls: Table<ModelCall>,
    /// By the account's key.
    #[serde(default)]
    pub(super) monitoring: Table<Monitoring>,
}

impl State {
    /// An empty directory and no resources.
    pub(super) fn new(secret: String) -> Self {
        Self {
            version: VERSION,
            snapshot: String::new(),
            whole: false,
            clock_moved: false,
            tenant: TENANT.to_owned(),
            secret,
            clock_ahead_seconds: 0,
            subscriptions: Table::default(),
            groups: Table::default(),
            deleted_groups: Table::default(),
            accounts: Table::default(),
            deleted_accounts: Table::default(),
            children: Table::default(),
            incarnations: Table::default(),
            operations: Table::default(),
            pending: BTreeSet::new(),
            role_assignments: RoleAssignments::default(),
            role_definitions: Table::default(),
            deny_assignments: Table::default(),
            schedules: Table::default(),
            policies: Table::default(),
            principals: Table::default(),
            deleted_principals: Table::default(),
            locks: Table::default(),
            events: Table::default(),
            diagnostic_settings: Table::default(),
            model_calls: Table::default(),
            monitoring: Table::default(),
        }
    }

    /// Children whose key begins with a prefix, in ascending order of keys.
    pub(super) fn children_below<'s>(
        &'s self,
        prefix: &str,
    ) -> impl Iterator<Item = (&'s str, &'s Child)> + use<'s> {
        let prefix = prefix.to_owned();
        let from = (Bound::Included(prefix.clone()), Bound::Unbounded);
        let all = self.children.range::<String, _>(from);
        all.take_while(move |(key, _)| key.starts_with(&prefix)).map(|(key, child)| (key.as_str(), child))
    }

    /// All tables, by the names under which a journal has them.
    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Journaled)> {
        vec![
            ("accounts", &mut self.accounts),
            ("children", &mut self.children),
            ("deletedAccounts", &mut self.deleted_accounts),
            ("deletedGroups", &mut self.deleted_groups),
            ("deletedPrincipals", &mut self.deleted_principals),
            ("denyAssignments", &mut self.deny_assignments),
            ("diagnosticSettings", &mut self.diagnostic_settings),
            ("events", &mut self.events),
            ("groups", &mut self.groups),
            ("incarnations", &mut self.incarnations),
            ("locks", &mut self.locks),
            ("modelCalls", &mut self.model_calls),
            ("monitoring", &mut self.monitoring),
            ("operations", &mut self.operations),
            ("policies", &mut self.policies),
            ("principals", &mut self.principals),
            ("roleAssignments", &mut self.role_assignments),
            ("roleDefinitions", &mut self.role_definitions),
            ("schedules", &mut self.schedules),
            ("subscriptions", &mut self.subscriptions),
        ]
    }

    /// Whether anything is unsaved.
    pub(super) fn is_changed(&mut self) -> bool {
        self.whole || self.clock_moved || self.tables().iter().any(|(_, table)| table.marks() > 0)
    }

    /// Marks everything as saved.
    pub(super) fn forget_changes(&mut self) {
        (self.whole, self.clock_moved) = (false, false);
        for (_, table) in self.tables() {
            table.forget_marks();
        }
    }

    /// Unsaved changes as a line for the journal; empty if a snapshot is needed.
    pub(super) fn drain(&mut self) -> String {
        let marks: usize = self.tables().iter().map(|(_, table)| table.marks()).sum();
        if self.whole || marks > MANY {
            self.whole = true;
            return String::new();
        }
        self.clock_moved = false;
        let mut line = format!("{{\"clockAheadSeconds\":{},\"tables\":{{", self.clock_ahead_seconds);
        let changed = self.tables().into_iter().filter(|(_, table)| table.marks() > 0);
        let tables: Vec<String> =
            changed.map(|(name, table)| format!("\"{name}\":{}", table.drain())).collect();
        line.push_str(&tables.join(","));
        line.push_str("}}\n");
        line
    }

    /// Applies a line of a journal.
    pub(super) fn apply(&mut self, line: &[u8]) -> Result<(), serde_json::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Line {
            clock_ahead_seconds: i64,
            tables: BTreeMap<String, BTreeMap<String, Value>>,
        }
        let line: Line = serde_json::from_slice(line)?;
        self.clock_ahead_seconds = line.clock_ahead_seconds;
        for (name, entries) in line.tables {
            let Some((_, table)) = self.tables().into_iter().find(|(known, _)| *known == name) else {
                return Err(serde::de::Error::custom(format!("there is no table `{name}`")));
            };
            for (key, value) in entries {
                table.apply(key, value)?;
            }
        }
        Ok(())
    }

    /// Restores what is not saved because it follows from the rest.
    pub(super) fn rebuild(&mut self) {
        let open = self.operations.iter().filter(|(_, operation)| !operation.over);
        self.pending = open.map(|(id, _)| id.clone()).collect();
    }
}

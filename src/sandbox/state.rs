//! What the sandbox remembers: plain data, as the state file holds it.
//!
//! Ids are kept as clients sent them and looked up by their lower-case form, because ARM
//! echoes casing and compares without it. No behaviour lives here, but what is unsaved is known.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::assignment_table::RoleAssignments;
pub(super) use super::rights::{
    DenyAssignment, EVERYONE, Federated, Operator, Permission, Policy, Principal, RoleAssignment,
    RoleDefinition, Schedule,
};
use super::table::{Journaled, Table};

/// Tenant of every sandbox that was not told another.
pub(super) const TENANT: &str = "11111111-1111-1111-1111-111111111111";
/// Subscription that a sandbox lists as long as none was used.
pub(super) const SUBSCRIPTION: &str = "22222222-2222-2222-2222-222222222222";
/// Layout of the state file; another one is refused.
pub(super) const VERSION: u32 = 2;
/// With so many changes a snapshot is shorter than a line of a journal.
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
    #[serde(default)]
    pub(super) locks: Table<Lock>,
    /// The activity log, newest first within a subscription.
    #[serde(default)]
    pub(super) events: Table<Event>,
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
            locks: Table::default(),
            events: Table::default(),
        }
    }

    /// All tables, by the names under which a journal has them.
    fn tables(&mut self) -> Vec<(&'static str, &mut dyn Journaled)> {
        vec![
            ("accounts", &mut self.accounts),
            ("children", &mut self.children),
            ("deletedAccounts", &mut self.deleted_accounts),
            ("deletedGroups", &mut self.deleted_groups),
            ("denyAssignments", &mut self.deny_assignments),
            ("events", &mut self.events),
            ("groups", &mut self.groups),
            ("incarnations", &mut self.incarnations),
            ("locks", &mut self.locks),
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

    /// Takes what is unsaved for saved.
    pub(super) fn forget_changes(&mut self) {
        (self.whole, self.clock_moved) = (false, false);
        for (_, table) in self.tables() {
            table.forget_marks();
        }
    }

    /// What is unsaved, as a line for the journal. Empty if only a snapshot will do.
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

    /// Takes over a line of a journal.
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

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Subscription {
    pub(super) id: String,
    pub(super) name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Group {
    pub(super) subscription: String,
    pub(super) name: String,
    pub(super) location: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tags: Option<Map<String, Value>>,
}

/// Who did something, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stamp {
    pub(super) by: String,
    pub(super) kind: String,
    pub(super) at: String,
}

/// A Cognitive Services account: what its clients wrote, and the few facts that answers need.
///
/// The read-only 35 KB of a body are written when answering, never kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Account {
    pub(super) subscription: String,
    pub(super) group: String,
    pub(super) name: String,
    pub(super) location: String,
    pub(super) kind: String,
    pub(super) sku: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tags: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) identity: Option<Identity>,
    /// Writable properties that were ever set.
    pub(super) properties: Map<String, Value>,
    pub(super) created: Stamp,
    pub(super) modified: Stamp,
    pub(super) date_created: String,
    /// Which account of this id this is: a name can be purged and used again.
    pub(super) incarnation: u32,
    /// Steps since creation; each gives another etag.
    pub(super) revision: u32,
    /// How often each key was regenerated.
    pub(super) keys: [u32; 2],
    /// What is being done, while it lasts: `Creating` or `Accepted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) transition: Option<String>,
}

impl Account {
    /// Lower-case ARM id.
    pub(super) fn key(&self) -> String {
        account_key(&self.subscription, &self.group, &self.name)
    }

    /// Subdomain, if one was chosen.
    pub(super) fn subdomain(&self) -> Option<&str> {
        self.properties.get("customSubDomainName").and_then(Value::as_str)
    }

    /// An id that stays with this account and no other.
    pub(super) fn derived_id(&self, label: &str) -> Uuid {
        derived_id(&format!("{label}:{}:{}", self.key(), self.incarnation))
    }
}

/// Lower-case ARM id of an account.
pub(super) fn account_key(subscription: &str, group: &str, name: &str) -> String {
    format!(
        "/subscriptions/{subscription}/resourcegroups/{group}/providers/microsoft.cognitiveservices/accounts/{name}"
    )
    .to_lowercase()
}

/// Lower-case ARM id of a resource group.
pub(super) fn group_key(subscription: &str, group: &str) -> String {
    format!("/subscriptions/{subscription}/resourcegroups/{group}").to_lowercase()
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) principal_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tenant_id: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) user_assigned_identities: BTreeMap<String, UserAssigned>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserAssigned {
    pub(super) principal_id: String,
    pub(super) client_id: String,
}

/// An account between its deletion and its purge. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeletedAccount {
    pub(super) account: Account,
    pub(super) deleted_at: i64,
    pub(super) purge_at: i64,
}

/// A deployment, a content filter, a project, a connection: what stands below an account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Child {
    /// As the creating URL had it.
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) location: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sku: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tags: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) identity: Option<Identity>,
    /// Properties that were set, and what the service made of those that were not.
    pub(super) properties: Map<String, Value>,
    pub(super) created: Stamp,
    pub(super) modified: Stamp,
    /// Writes since creation; each gives another etag.
    pub(super) revision: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) transition: Option<Transition>,
}

/// What is being done to a child, and until when in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Transition {
    pub(super) state: String,
    pub(super) until: i64,
}

/// A long-running operation. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Operation {
    pub(super) subscription: String,
    pub(super) location: String,
    /// What it says while it runs: `Creating`, `Updating` or `Deleting`.
    pub(super) status: String,
    /// Key of the account that changes, unless it goes away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<String>,
    pub(super) started_at: i64,
    pub(super) done_at: i64,
    /// Whether what it does at its end was done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) over: bool,
}

/// A management lock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Lock {
    /// As the creating URL had it.
    pub(super) scope: String,
    pub(super) name: String,
    /// `CanNotDelete`, `ReadOnly` or `NotSpecified`.
    pub(super) level: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) notes: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) owners: Option<Value>,
}

/// A write, as the activity log keeps it. The time is microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    pub(super) at: i64,
    pub(super) action: String,
    pub(super) resource: String,
    pub(super) method: String,
    pub(super) uri: String,
    pub(super) status: u16,
    pub(super) caller: String,
    pub(super) object_id: String,
    /// `User` or `Application`.
    pub(super) kind: String,
    pub(super) correlation_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client_request_id: Option<String>,
    /// What was sent, where it holds no secrets and clients look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<String>,
}

//! Who can call the models of an account, through which role assignment, and whether a key lets anyone in.
//!
//! Pure. Takes live accounts and a snapshot of the role assignments around them; `changes` takes the predicted state of a plan
//! instead. Conditions, deny assignments and the membership of groups are told or named, never evaluated. What could not be
//! read is an error: it must not look like "nobody".

pub mod changes;
mod holders;
mod read;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use read::{known_names, queries};

use crate::finding::{Code, Finding};
use crate::keys::Keys;
use crate::kinds::role_assignment;
use crate::rbac::Catalogue;
use crate::snapshot::{Answer, Snapshot};
use crate::source::{Position, Sources};
use crate::spec::Loaded;
use crate::standing::Standing;
use holders::{Assignment, holders};

/// What is named and not evaluated.
pub const NOT_EVALUATED: [&str; 3] = ["conditions", "deny assignments", "membership of groups"];

/// Who can call the models of which account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// The accounts, in the order of the specs.
    pub accounts: Vec<AccountAccess>,
    /// What could narrow or widen this and was not evaluated.
    pub not_evaluated: Vec<String>,
}

/// Who can call the models of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountAccess {
    /// Its place in the spec: `accounts/chat-eu`.
    pub address: String,
    /// Its name.
    pub name: String,
    /// Its resource id.
    pub id: String,
    /// Where it is declared.
    pub source: Option<Position>,
    /// Whether anyone with a key can call too.
    pub keys: Keys,
    /// Whether all role assignments and roles that count could be read.
    pub complete: bool,
    /// Who can call with a token.
    pub principals: Vec<Holder>,
}

/// A principal that can call models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// Its object id.
    pub id: String,
    /// What it is, as the role assignment says: `User`, `Group`, `ServicePrincipal`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name, where the directory or a lock file told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the directory knows no such principal any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub orphaned: bool,
    /// Through what it can.
    pub through: Vec<Through>,
}

/// A role assignment with inference data actions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Through {
    /// How the scope stands to the account.
    pub reach: Reach,
    /// The scope.
    pub scope: String,
    /// The role's name.
    pub role: String,
    /// The GUID of the role definition.
    pub role_id: String,
    /// The id of the assignment.
    pub assignment: String,
    /// The condition under which it holds; not evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
}

/// How the scope of an assignment stands to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Reach {
    /// The account itself.
    Direct,
    /// Something in the account: a project.
    Below,
    /// Its resource group.
    ResourceGroup,
    /// Its subscription.
    Subscription,
    /// A management group or the tenant's root.
    Above,
}

/// Who can call the models of these accounts.
#[must_use]
pub fn access(
    stacks: &[Loaded],
    standing: &[Standing],
    snapshot: &Snapshot,
    sources: &Sources,
) -> (Access, Vec<Finding>) {
    let roles = Catalogue::of(snapshot.bodies());
    let names = known_names(stacks, snapshot);
    let directory = read::directory(stacks, standing, snapshot);
    let mut findings = Vec::new();
    let mut accounts = Vec::new();
    for account in standing {
        let bodies = read::around(stacks, account, snapshot);
        let assignments: Vec<Assignment<'_>> = bodies.into_iter().filter_map(Assignment::of).collect();
        let found = holders(&account.id, &assignments, &roles, &names);
        let mut principals = found.holders;
        if let Some(known) = &directory {
            for holder in &mut principals {
                // A group of another tenant stands in no directory that could be asked.
                holder.orphaned =
                    !known.contains(&holder.id.to_ascii_lowercase()) && holder.kind != "ForeignGroup";
            }
        }
        let mut problems = gaps(stacks, account, snapshot);
        problems.extend(unjudged(account, &found.unjudged));
        accounts.push(AccountAccess {
            address: account.address.clone(),
            name: account.name().to_owned(),
            id: account.id.to_string(),
            source: account.span.map(|span| sources.position(span)),
            keys: if account.takes_keys() { Keys::Enabled } else { Keys::Disabled },
            complete: problems.is_empty(),
            principals,
        });
        findings.extend(problems);
    }
    if let Some(refusal) = read::nameless(stacks, standing, snapshot).and_then(Answer::refusal) {
        let message = "names could not be looked up: principals are shown by their object ids";
        findings.push(Finding::note(Code::PrincipalUnread, message).cause(&refusal.message));
    }
    (Access { accounts, not_evaluated: NOT_EVALUATED.map(str::to_owned).to_vec() }, findings)
}

/// Why the assignments around an account could not be read whole.
fn gaps(stacks: &[Loaded], account: &Standing, snapshot: &Snapshot) -> Vec<Finding> {
    let message = format!("who can call the models of {} could not be read whole", account.title());
    let finding = |refusal: &crate::snapshot::Refusal| {
        let finding = Finding::error(Code::IncompleteRead, &message).cause(&refusal.message);
        let hint = "give the caller Reader on the subscription; what is shown is only what could be read";
        Finding { span: account.span, ..finding.hint(hint) }
    };
    role_assignment::gaps_near(stacks, &account.id, snapshot).iter().map(finding).collect()
}

/// Roles of assignments that reach the account and of which nobody knows what they permit.
fn unjudged(account: &Standing, roles: &BTreeMap<String, usize>) -> Vec<Finding> {
    let finding = |(role, count): (&String, &usize)| {
        let holders = if *count == 1 { "1 assignment" } else { &format!("{count} assignments") };
        let message = format!(
            "role `{role}` could not be read: {holders} of it might let somebody call the models of {}",
            account.title()
        );
        let finding = Finding::error(Code::RoleUnread, message)
            .hint("give the caller Reader on the subscription, or look: az role definition list --name GUID");
        Finding { span: account.span, ..finding }
    };
    roles.iter().map(finding).collect()
}

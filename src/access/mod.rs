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
use crate::id::ResourceId;
use crate::keys::Keys;
use crate::kinds::role_assignment::{self, denial::Denial};
use crate::snapshot::{Answer, Query, Snapshot};
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
    /// Deny assignments on the account or above it; they may take that away, and are not evaluated.
    pub deny_assignments: Vec<DenyAssignment>,
}

/// A deny assignment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DenyAssignment {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub scope: String,
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
    /// Whether it ends by itself: somebody activated it through Privileged Identity Management, or gave it for a while.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub temporary: bool,
    /// When it ends, where Azure shows that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
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
    let roles = snapshot.roles();
    let names = known_names(stacks, snapshot);
    let directory = read::directory(stacks, standing, snapshot);
    let mut findings = Vec::new();
    let mut accounts = Vec::new();
    for account in standing {
        let bodies = read::around(stacks, account, snapshot);
        let assignments: Vec<Assignment<'_>> = bodies.into_iter().filter_map(Assignment::of).collect();
        let found = holders(&account.id, &assignments, roles, &names);
        let mut principals = found.holders;
        if let Some(known) = &directory {
            for holder in &mut principals {
                // A group of another tenant stands in no directory that could be asked.
                holder.orphaned =
                    !known.contains(&holder.id.to_ascii_lowercase()) && holder.kind != "ForeignGroup";
            }
        }
        for through in principals.iter_mut().flat_map(|holder| &mut holder.through) {
            mark_temporary(through, snapshot);
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
            deny_assignments: denials(account, snapshot),
        });
        findings.extend(problems);
    }
    if let Some(refusal) = read::nameless(stacks, standing, snapshot).and_then(Answer::refusal) {
        let message = "names could not be looked up: principals are shown by their object ids";
        findings.push(Finding::note(Code::PrincipalUnread, message).cause(&refusal.message));
    }
    findings.extend(unchecked(stacks, standing, snapshot));
    (Access { accounts, not_evaluated: NOT_EVALUATED.map(str::to_owned).to_vec() }, findings)
}

/// Says of an assignment whether somebody activated it.
fn mark_temporary(through: &mut Through, snapshot: &Snapshot) {
    let (Ok(scope), Ok(id)) = (ResourceId::parse(&through.scope), ResourceId::parse(&through.assignment))
    else {
        return;
    };
    if let Some(properties) = role_assignment::activated(&scope, &id, snapshot) {
        through.temporary = true;
        through.until = properties["endDateTime"].as_str().map(str::to_owned);
    }
}

/// The deny assignments on an account or above it.
fn denials(account: &Standing, snapshot: &Snapshot) -> Vec<DenyAssignment> {
    let query = read::denials(account);
    let listed = query.iter().flat_map(|query| snapshot.items(query)).filter_map(|body| Denial::of(body));
    // A list of a subscription shows those management groups only that hold it.
    let above = |scope: &ResourceId| scope.subscription_id().is_none() || scope.contains(&account.id);
    let mut denials: Vec<DenyAssignment> = listed
        .filter(|denial| above(&denial.scope))
        .map(|denial| DenyAssignment { name: denial.name.to_owned(), scope: denial.scope.to_string() })
        .collect();
    denials.sort();
    denials
}

/// What could not be found out and takes nothing from who can call.
fn unchecked(stacks: &[Loaded], standing: &[Standing], snapshot: &Snapshot) -> Vec<Finding> {
    let scopes = read::unmarked(stacks, standing, snapshot);
    let temporary = scopes.iter().map(|scope| {
        let message = format!("which role assignments on `{scope}` are there for a while only is not known");
        (role_assignment::schedule_instances(scope), message)
    });
    let mut denials: Vec<_> = standing.iter().filter_map(read::denials).collect();
    denials.sort();
    denials.dedup();
    let denials = denials.into_iter().map(|query| {
        let message = format!("the deny assignments of `{}` could not be read", query.scope);
        (query, message)
    });
    let refused = |(query, message): (Query, String)| {
        let refusal = snapshot.get(&query).and_then(Answer::refusal)?;
        Some(Finding::note(Code::NotChecked, message).cause(&refusal.message))
    };
    temporary.chain(denials).filter_map(refused).collect()
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

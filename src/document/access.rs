//! Who can call the models of an account, and how a plan changes that.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::keys::Keys;
use crate::text::source::Position;

/// What is reported but never evaluated.
pub const NOT_EVALUATED: [&str; 2] = ["conditions", "deny assignments"];

/// Who can call the models of which account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// The accounts, in the order of the specs.
    pub accounts: Vec<AccountAccess>,
    /// The groups that can call models, each once, with their members; only with `--members`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<Group>>,
    /// What could narrow or widen access but was not evaluated.
    pub not_evaluated: Vec<String>,
    /// Whether all accounts, and everything that may give access to them, could be read.
    pub complete: bool,
}

/// Who can call the models of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountAccess {
    /// Its address in the spec: `accounts/chat-eu`.
    pub address: String,
    /// Name of the resource.
    pub name: String,
    /// Its resource id.
    pub id: String,
    /// Its kind, such as `AIServices` or `SpeechServices`, if Azure shows it: principals can call its models, or its service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Where it is declared.
    pub source: Option<Position>,
    /// Whether API keys are enabled, so that anyone with a key can call too.
    pub keys: Keys,
    /// Whether all relevant role assignments and roles could be read.
    pub complete: bool,
    /// Who can call with a token.
    pub principals: Vec<Holder>,
    /// Deny assignments on the account or above, which may deny access; they are not evaluated.
    pub deny_assignments: Vec<DenyAssignment>,
}

/// A deny assignment that takes away access.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DenyAssignment {
    /// Name of the deny assignment.
    pub name: String,
    /// Id of the resource or group to which it applies.
    pub scope: String,
}

/// A group that can call models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Its object id.
    pub id: String,
    /// Its type in the role assignment: `Group`, or `ForeignGroup` for one of another tenant.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name, if the directory or a lock file has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its members, or why they are not known.
    #[serde(flatten)]
    pub members: Members,
}

/// The members of a group. There is no list if they could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Members {
    /// Known.
    Listed {
        /// All that Microsoft Graph lists, those of nested groups too. It may leave out service principals.
        members: Vec<Member>,
    },
    /// Not known.
    Unread {
        /// Why they could not be read.
        unread: String,
    },
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Its object id.
    pub id: String,
    /// Its type: `User`, `Group`, `ServicePrincipal`, `Device`; empty for any other.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its sign-in name, or else its display name; absent if the caller may not read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The client id of a service principal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_id: Option<String>,
    /// The type of a service principal, such as `Application` or `ManagedIdentity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_principal_type: Option<String>,
}

/// A principal that can call models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// Its object id.
    pub id: String,
    /// Its type in the role assignment: `User`, `Group`, `ServicePrincipal`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name, if the directory or a lock file has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the directory no longer has such a principal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub orphaned: bool,
    /// The role assignments that give it access.
    pub through: Vec<Through>,
}

/// A role assignment with inference data actions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Through {
    /// How the scope relates to the account.
    pub reach: Reach,
    /// Id of the resource or group on which the role is given.
    pub scope: String,
    /// The role's name.
    pub role: String,
    /// The GUID of the role definition.
    pub role_id: String,
    /// Which models the role lets somebody call; absent for an account that serves none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Models>,
    /// The id of the assignment.
    pub assignment: String,
    /// Its condition; not evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Whether it is temporary: activated through Privileged Identity Management, or assigned with an end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub temporary: bool,
    /// When it ends, if Azure shows that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// Which models a role lets somebody call, by `model.format`: data actions of OpenAI do not open the models of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Models {
    /// Format `OpenAI`.
    #[serde(rename = "OpenAI")]
    pub openai: Callable,
    /// Format `Anthropic`.
    #[serde(rename = "Anthropic")]
    pub anthropic: Callable,
    /// Any other format.
    pub others: Callable,
}

/// How many models somebody can call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Callable {
    /// None.
    None,
    /// Perhaps some: which data action the call takes is not documented.
    Perhaps,
    /// Some kinds of models, such as those that chat, but not all.
    Some,
    /// All.
    All,
}

/// How the scope of an assignment relates to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Reach {
    /// The account itself.
    Direct,
    /// A child of the account, such as a project.
    Below,
    /// On the resource group of the account.
    ResourceGroup,
    /// On the subscription of the account.
    Subscription,
    /// A management group or the tenant's root.
    Above,
}

/// The changes for one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessChange {
    /// The account's name.
    pub account: String,
    /// Its resource id.
    pub id: String,
    /// Who can call its models afterwards, and could not before or only temporarily.
    pub gains: Vec<Holder>,
    /// Who could call them and no longer can.
    pub loses: Vec<Holder>,
    /// Who could call them permanently and unconditionally, and afterwards only temporarily or under a condition: their remaining access.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restricted: Vec<Holder>,
    /// Whether keys are enabled before and after, if that changes who can call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<KeysChange>,
}

/// Whether keys are enabled before and after; `null` if there is no account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeysChange {
    /// As it is now.
    pub before: Option<Keys>,
    /// As it is after an apply.
    pub after: Option<Keys>,
}

/// The names of principals in changes, by object id in lower case.
#[must_use]
pub fn names(changes: &[AccessChange]) -> BTreeMap<String, String> {
    let holders =
        changes.iter().flat_map(|change| change.gains.iter().chain(&change.loses).chain(&change.restricted));
    holders.filter_map(|holder| Some((holder.id.to_ascii_lowercase(), holder.name.clone()?))).collect()
}

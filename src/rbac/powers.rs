//! Rights that allow privilege escalation, which the `grant` guard covers.
//!
//! Plain data. docs/guards.md shows this table, and the rights that are not guarded with the reason; a test keeps it current.

use super::{CALLS, Permission, Role};

/// The right to write role assignments.
pub(super) const GRANT: &str = "Microsoft.Authorization/roleAssignments/write";

/// The right to change accounts.
pub(super) const WRITE: &str = "Microsoft.CognitiveServices/accounts/write";

/// A right that allows privilege escalation.
#[derive(Debug, PartialEq, Eq)]
pub struct Power {
    /// The actions that include it; one is enough.
    pub actions: &'static [&'static str],
    /// What it allows: "a role that can ...".
    pub words: &'static str,
    /// How it allows privilege escalation, for the docs.
    pub how: &'static str,
}

/// Every such right, the most powerful first: messages name the first ones.
pub const POWERS: &[Power] = &[
    Power {
        actions: &[GRANT],
        words: "assign roles to others",
        how: "assigns itself, or anybody, any role at the scope and below",
    },
    Power {
        actions: &["Microsoft.Authorization/roleDefinitions/write"],
        words: "change what custom roles permit",
        how: "adds permissions to a role that it already has",
    },
    Power {
        actions: &["Microsoft.Authorization/roleAssignmentScheduleRequests/write"],
        words: "assign roles temporarily (PIM)",
        how: "requests an active assignment of any role in Privileged Identity Management",
    },
    Power {
        actions: &["Microsoft.Authorization/roleEligibilityScheduleRequests/write"],
        words: "make others eligible for roles (PIM)",
        how: "an eligible principal activates the role later",
    },
    Power {
        actions: &[
            "Microsoft.Authorization/roleManagementPolicies/write",
            "Microsoft.Authorization/roleManagementPolicyAssignments/write",
        ],
        words: "change how roles are activated (PIM policies)",
        how: "removes approval, MFA or the time limit from an activation",
    },
    Power {
        actions: &["Microsoft.Authorization/elevateAccess/action"],
        words: "elevate itself to User Access Administrator of the tenant",
        how: "User Access Administrator at the root, for a Global Administrator",
    },
    Power {
        actions: &[WRITE],
        words: "change accounts",
        how: "turns keys on, opens networks and attaches identities, past every guard of keyless",
    },
    Power {
        // Azure's own roles (Managed Identity Operator) write the action with the identity's position in it, other places without.
        actions: &[
            "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
            "Microsoft.ManagedIdentity/userAssignedIdentities/name/assign/action",
        ],
        words: "attach user-assigned identities",
        how: "its code, on a resource with that identity, acts with the identity's roles",
    },
    Power {
        actions: &["Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write"],
        words: "let outside tokens sign in as a managed identity",
        how: "a token from its own issuer gets the identity's roles",
    },
    Power {
        actions: &["Microsoft.Resources/deploymentScripts/write"],
        words: "run deployment scripts",
        how: "a script runs as the identity attached to it",
    },
    Power {
        actions: &["Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/write"],
        words: "assign Cosmos DB's own roles",
        how: "gives access to the data of the database account, outside Azure RBAC",
    },
    Power {
        actions: &["Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions/write"],
        words: "change what Cosmos DB's own roles permit",
        how: "adds data actions to a Cosmos DB role that it already has",
    },
];

impl Role {
    /// Its rights that allow privilege escalation.
    pub fn powers(&self) -> impl Iterator<Item = &'static Power> {
        POWERS.iter().filter(|power| power.actions.iter().any(|action| self.can(action)))
    }

    /// Whether the `grant` guard covers it at every scope.
    #[must_use]
    pub fn is_guarded(&self) -> bool {
        self.powers().next().is_some()
    }

    /// What this and another role both allow, as far as a condition can withhold it: data actions, including model calls, and rights that
    /// allow privilege escalation.
    pub fn shared_with<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        let rights = POWERS.iter().flat_map(|power| power.actions).copied();
        let rights = rights.filter(|action| self.can(action) && other.can(action));
        // If one pattern covers another, what both permit is the narrower one.
        let patterns =
            |role: &'a Self| role.permissions.iter().flat_map(|permission| &permission.data_actions);
        let data = patterns(self).chain(patterns(other)).map(String::as_str).chain(CALLS);
        rights.chain(data.filter(|action| self.can_on_data(action) && other.can_on_data(action)))
    }

    /// The permissions that include writing role assignments.
    pub(super) fn granting(&self) -> impl Iterator<Item = &Permission> {
        self.permissions.iter().filter(|permission| permission.allows(GRANT))
    }
}

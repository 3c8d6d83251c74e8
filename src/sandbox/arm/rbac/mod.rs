//! Microsoft.Authorization and Azure Policy: who may do what, and which writes are refused all the same.
//!
//! Answers role assignments, role definitions, permissions, schedule instances, deny assignments, locks and
//! `checkPolicyRestrictions`. `access`, `locks` and `policies` also check every request to ARM, and `access` calls of the
//! data plane.
//!
//! Unlike Azure, there are 873 built-in roles and conditions of assignments are not evaluated. Deny assignments,
//! policies and activated roles are made through `/_sandbox/access`.

pub(crate) mod access;
pub(super) mod deny_assignments;
pub(super) mod locks;
pub(super) mod policies;
pub(super) mod role_assignments;
pub(crate) mod role_definitions;
pub(super) mod schedules;

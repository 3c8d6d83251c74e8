//! Azure Resource Manager: subscriptions, resource groups and resource providers.
//!
//! Answers `/subscriptions`, `/providers` and `/tenants`. `router` and `below` (below an account) find the handler; `cognitive` has accounts and their
//! children, `rbac` decides who may do what. Both use `action` (which operation a request is), `operations` (long-running
//! operations) and `versions`, and neither imports the other. Resource groups (`groups`) use both; `activity` is the activity log,
//! `monitor` has settings, metrics and the request log of accounts; `cosmos` has the role assignments of Cosmos DB.
//! Stands on `http`, `state` and `entra`.
//!
//! Unlike Azure, only those types exist that keyless and similar tools call, and management groups have no hierarchy. Unless
//! strict, resource groups exist on first use and every caller may do everything. docs/sandbox.md has the details.

mod action;
pub(super) mod activity;
mod below;
pub(super) mod cognitive;
mod cosmos;
mod groups;
pub(super) mod monitor;
mod operations;
pub(super) mod rbac;
mod router;
mod user_assigned_identity;
mod versions;

pub(super) use router::answer;

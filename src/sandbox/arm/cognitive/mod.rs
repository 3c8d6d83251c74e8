//! Microsoft.CognitiveServices: accounts, their children, models and quota; and connections of hub workspaces.
//!
//! `accounts` answers for accounts, with reading (`account_write`), showing (`account_body`) and the facts of each kind
//! (`account_facts`) apart; `deleted` has soft-deleted accounts, `domain` the availability of subdomains. `deployments`,
//! `rai_policies`, `projects`, `connections`, `capability_hosts` and `plain` (blocklists, Defender) share `children`. `offers` lists models, SKUs and usage from the `catalog`.
//!
//! Unlike Azure, operations finish at once unless the sandbox is given an operation time, the catalogue is a selection, and
//! credentials of connections are not kept.

pub(crate) mod account_body;
mod account_facts;
pub(super) mod account_write;
pub(crate) mod accounts;
pub(super) mod capability_hosts;
pub(crate) mod catalog;
pub(crate) mod children;
pub(super) mod connections;
pub(super) mod deleted;
pub(super) mod deployments;
pub(super) mod domain;
pub(super) mod offers;
pub(super) mod plain;
pub(super) mod projects;
pub(super) mod rai_policies;

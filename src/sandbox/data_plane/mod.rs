//! The data plane of accounts: calls of their models.
//!
//! Answers `/_data/{subdomain}/...` and requests to an account's own host. `calls` finds the account and the operation, `access`
//! decides who may call, `answers` writes the answer. Stands on `http`, `state`, `entra` and `arm`.
//!
//! Unlike Azure, there is no model: equal questions get equal answers. New role assignments count at once unless the sandbox
//! is given a propagation time.

mod access;
mod answers;
mod calls;

pub(super) use calls::{answer, call};

//! Microsoft Entra: discovery, the token endpoint, managed identities, and the directory.
//!
//! Answers `/{tenant}/oauth2/...`, `/metadata/...` and `/msi/token`. Tells the other wings who the caller of a request is
//! (`caller`) and who is in the directory (`directory`). Stands on `http` and `state`.
//!
//! Unlike Azure, tokens are signed with a secret of this sandbox (HS256), users cannot sign in, and unless strict, unknown
//! applications can.

mod authority;
pub(super) mod caller;
pub(super) mod certificate;
pub(super) mod directory;
mod managed_identity;
pub(super) mod token;

use crate::sandbox::http::{Reply, Request};
use crate::sandbox::state::World;

/// Answers a request for a token or about the authority; nothing if it is for another service.
pub(super) fn answer(world: &mut World, request: &Request) -> Option<Reply> {
    authority::answer(world, request).or_else(|| managed_identity::answer(world, request))
}

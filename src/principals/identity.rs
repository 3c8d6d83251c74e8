//! The identity of an account of the same file: read from the live account, or a hole where it does not exist yet.
//!
//! Pure. Never guesses: an account that nobody gives an identity is an error.

use uuid::Uuid;

use super::{Form, Resolved};
use crate::finding::{Code, Finding, Open};
use crate::id::ResourceId;
use crate::snapshot::Snapshot;
use crate::source::Span;
use crate::spec::model::{Account, Identity, IdentityType, PrincipalType};

/// Whose identity it is: `None` while the account, or its identity, is still to be made.
pub fn identity_of(
    account: &Account,
    id: &ResourceId,
    snapshot: &Snapshot,
    span: Span,
) -> Result<Option<Resolved>, Open> {
    let Some(body) = snapshot.resource(id) else { return Ok(None) };
    let object = body["identity"]["principalId"].as_str().and_then(|id| Uuid::try_parse(id).ok());
    match object {
        Some(object) => Ok(Some(Resolved {
            id: object,
            principal_type: PrincipalType::ServicePrincipal,
            name: Some(format!("identity of account {}", account.name)),
            locked: false,
        })),
        None if is_given_one(account) => Ok(None),
        None => {
            let form = Form::AccountIdentity(&account.name);
            Err(Open::refused(
                Finding::error(Code::PrincipalNotFound, format!("{} does not exist", form.shown()))
                    .at(span)
                    .hint("add `identity: SystemAssigned` to the account"),
            ))
        }
    }
}

/// Whether the spec gives a live account an identity of its own.
fn is_given_one(account: &Account) -> bool {
    match &account.identity {
        Some(Identity::Type(kind)) => *kind == IdentityType::SystemAssigned,
        Some(Identity::Each(parts)) => parts.system_assigned == Some(true),
        None => false,
    }
}

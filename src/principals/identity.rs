//! Identities as Azure shows them, and the identity of an account or a project in the same file: from the live resource, or a hole if it
//! does not exist yet.
//!
//! Pure. Never guesses: a resource without an identity is an error.

use serde_json::Value;
use uuid::Uuid;

use super::Resolved;
use crate::finding::{Code, Finding, Open};
use crate::id::ResourceId;
use crate::snapshot::Snapshot;
use crate::spec::model::{Identity, IdentityType, PrincipalType};
use crate::text::source::Span;

/// The object id of an identity. While the identity is being created it is missing, empty or all zeros, which no principal has.
#[must_use]
pub fn object_id(identity: &Value) -> Option<&str> {
    let shown = identity["principalId"].as_str().filter(|id| !id.trim().is_empty())?;
    Uuid::try_parse(shown).map_or(true, |id| !id.is_nil()).then_some(shown)
}

/// Whether a text can be an object id: a GUID that is not all zeros.
#[must_use]
pub fn is_object_id(text: &str) -> bool {
    Uuid::try_parse(text).is_ok_and(|id| !id.is_nil())
}

/// The object id of a resource's system-assigned identity, if Azure shows it.
#[must_use]
pub fn own_principal(body: &Value) -> Option<&str> {
    object_id(&body["identity"])
}

/// Whether a resource has a system-assigned identity.
#[must_use]
pub fn has_own_identity(body: &Value) -> bool {
    let kinds = body["identity"]["type"].as_str().unwrap_or_default();
    kinds.split(',').any(|kind| kind.trim().eq_ignore_ascii_case("SystemAssigned"))
}

/// The resource of a file whose identity is meant.
#[derive(Debug, Clone, Copy)]
pub struct IdentityHolder<'a> {
    /// What it is: `account`.
    pub noun: &'static str,
    /// Name of the resource in its file.
    pub name: &'a str,
    /// The identities that its spec declares.
    pub identity: Option<&'a Identity>,
}

/// The identity: `None` while its resource, or the identity, is still to be created.
pub fn identity_of(
    holder: IdentityHolder<'_>,
    id: &ResourceId,
    snapshot: &Snapshot,
    span: Span,
) -> Result<Option<Resolved>, Open> {
    let IdentityHolder { noun, name, identity } = holder;
    let Some(body) = snapshot.resource(id) else { return Ok(None) };
    match own_principal(body).and_then(|id| Uuid::try_parse(id).ok()) {
        Some(object) => Ok(Some(Resolved {
            id: object,
            principal_type: PrincipalType::ServicePrincipal,
            name: Some(format!("identity of {noun} {name}")),
            locked: false,
            of: Some(id.clone()),
        })),
        None if is_given_one(identity) => Ok(None),
        None if has_own_identity(body) => {
            let message = format!("Azure does not show the object id of the identity of {noun} `{name}` yet");
            let finding = Finding::error(Code::PrincipalUnread, message).at(span);
            Err(Open::unknown(finding.hint("retry once Azure shows it")))
        }
        None => {
            let message = format!("the identity of {noun} `{name}` does not exist");
            let finding = Finding::error(Code::PrincipalNotFound, message).at(span);
            Err(Open::refused(finding.hint(format!("add `identity: SystemAssigned` to the {noun}"))))
        }
    }
}

/// Whether the spec gives a live resource a system-assigned identity.
fn is_given_one(identity: Option<&Identity>) -> bool {
    match identity {
        Some(Identity::Type(kind)) => *kind == IdentityType::SystemAssigned,
        Some(Identity::Each(parts)) => parts.system_assigned == Some(true),
        None => false,
    }
}

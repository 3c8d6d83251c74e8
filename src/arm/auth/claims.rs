//! The contents of a token. Parsed, not verified: only Azure decides whether the token is valid.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use uuid::Uuid;

use super::Secret;

/// The claims that keyless uses; a sandbox's token may have none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Claims {
    /// Object id of the caller.
    pub oid: Option<Uuid>,
    /// The tenant.
    pub tid: Option<Uuid>,
    /// `app` or `user`.
    pub idtyp: Option<String>,
}

impl Claims {
    /// The claims of a token; empty if it is not a JSON Web Token.
    #[must_use]
    pub fn of(token: &Secret) -> Self {
        let payload = token.expose().split('.').nth(1).unwrap_or_default();
        let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Whether the bearer is an application.
    #[must_use]
    pub fn is_application(&self) -> bool {
        self.idtyp.as_deref() == Some("app")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_read_and_anything_else_has_none() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"oid":"66666666-7777-4888-8999-000000000000","aud":"x"}"#);
        let claims = Claims::of(&Secret::new(format!("e30.{payload}.signature")));
        assert_eq!(claims.oid.unwrap().to_string(), "66666666-7777-4888-8999-000000000000");
        assert_eq!(claims.tid, None);
        for other in ["sandbox", "", "a.b.c", "a.e30.c"] {
            assert_eq!(Claims::of(&Secret::new(other)), Claims::default(), "{other}");
        }
    }
}

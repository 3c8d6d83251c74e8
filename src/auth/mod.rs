//! Who the run is: a credential, and its tokens.
//!
//! In: the chosen credential and the environment. Out: tokens, cached, for scopes. IO: Entra ID, managed identity, the
//! developer tools. Never shows a token, key or assertion, in `Debug` neither.

use std::fmt;
use std::sync::Arc;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself; only for sending.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("REDACTED")
    }
}

/// No token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The credential could not give one.
    #[error("`{credential}` gave no token: {reason}")]
    NoToken {
        /// Which credential.
        credential: String,
        /// Why, without secrets.
        reason: String,
        /// What to do.
        advice: String,
    },
}

impl AuthError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            AuthError::NoToken { advice, .. } => Some(advice),
        }
    }
}

/// A credential, shared by all clients of a run.
#[derive(Clone, Debug)]
pub struct Credential(Arc<Source>);

#[derive(Debug)]
enum Source {
    /// A token that was handed in, for sandboxes and tests.
    Fixed(Secret),
}

impl Credential {
    /// A token that was handed in; it serves every scope and is never renewed.
    #[must_use]
    pub fn fixed(token: Secret) -> Self {
        Self(Arc::new(Source::Fixed(token)))
    }

    /// Which credential it is, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        match &*self.0 {
            Source::Fixed(_) => "fixed token",
        }
    }

    /// A token for a scope.
    #[expect(clippy::unused_async, reason = "the other credentials ask Entra ID")]
    pub async fn token(&self, _scope: &str) -> Result<Secret, AuthError> {
        match &*self.0 {
            Source::Fixed(token) => Ok(token.clone()),
        }
    }
}

//! Why the flow ended before there was a plan: nothing was written then.

use super::pins::Foreign;
use crate::auth::AuthError;
use crate::id::ResourceIdError;
use crate::snapshot::Refusal;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Halt {
    #[error("failed to sign in")]
    NotSignedIn(#[source] AuthError),
    /// By a signal; says when that was.
    #[error("interrupted {0}; nothing was written")]
    Interrupted(&'static str),
    #[error("`--within {given}` is not a scope")]
    NoScope { given: String, source: ResourceIdError },
    #[error("`--rotate {address}` names nothing that holds a secret")]
    NothingToRotate {
        address: String,
        /// The addresses that do.
        known: Vec<String>,
    },
    #[error("`{path}` cannot be used as a plan")]
    UnusablePlan { path: String, cause: String, hint: &'static str },
    #[error("the plan was made for {made}, and this run goes to {here}")]
    OtherTarget { made: String, here: String },
    #[error(transparent)]
    OtherStack(Foreign),
    #[error("could not read what the plan starts from: it would write {title}; nothing was written")]
    UnreadStart { title: String, refusal: Refusal },
}

impl Halt {
    /// What lies behind it.
    pub(crate) fn cause(&self) -> Option<String> {
        match self {
            Self::NotSignedIn(error) => Some(error.to_string()),
            Self::NoScope { source, .. } => Some(source.to_string()),
            Self::UnusablePlan { cause, .. } => Some(cause.clone()),
            Self::UnreadStart { refusal, .. } => Some(refusal.message.clone()),
            Self::Interrupted(_)
            | Self::NothingToRotate { .. }
            | Self::OtherTarget { .. }
            | Self::OtherStack(_) => None,
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::NotSignedIn(error) => error.hint().map(str::to_owned),
            Self::Interrupted(_) | Self::NoScope { .. } => None,
            Self::NothingToRotate { known, .. } if known.is_empty() => {
                Some("no connection of these specs has `credentials`".to_owned())
            }
            Self::NothingToRotate { known, .. } => Some(format!("these do: {}", known.join(", "))),
            Self::UnusablePlan { hint, .. } => Some((*hint).to_owned()),
            Self::OtherTarget { .. } => {
                Some("apply it where it was made for, or make one for this target".to_owned())
            }
            Self::OtherStack(foreign) => Some(foreign.hint()),
            Self::UnreadStart { refusal, .. } => {
                let hint = refusal.hint.as_deref().unwrap_or("see that it can be read");
                Some(format!("{hint}; then apply the plan again"))
            }
        }
    }
}

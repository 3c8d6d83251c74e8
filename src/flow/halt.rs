//! Why the flow ended without a plan; nothing was written.

use super::ShardNumber;
use super::pins::Foreign;
use crate::arm::auth::AuthError;
use crate::id::ResourceIdError;
use crate::snapshot::Refusal;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Halt {
    #[error("failed to sign in")]
    NotSignedIn(#[source] AuthError),
    /// By a signal, with the phase it interrupted.
    #[error("interrupted {0}; nothing was written")]
    Interrupted(&'static str),
    #[error("`--within {given}` is not a scope")]
    NoScope { given: String, source: ResourceIdError },
    #[error("`--rotate {address}` does not name a resource with a secret")]
    NothingToRotate {
        address: String,
        /// The addresses that have one.
        known: Vec<String>,
    },
    #[error("could not use `{path}` as a plan")]
    UnusablePlan { path: String, cause: String, hint: &'static str },
    #[error("the plan was made for {made}, but this run targets {here}")]
    OtherTarget { made: String, here: String },
    #[error("the plan is of {}, but this run is of {}", of_part(*made), of_part(*here))]
    OtherShard { made: Option<ShardNumber>, here: Option<ShardNumber> },
    #[error(transparent)]
    OtherStack(Foreign),
    #[error("could not read the current state of {title}, which the plan would write; nothing was written")]
    UnreadStart { title: String, refusal: Refusal },
}

/// Which part of a fleet is meant.
fn of_part(shard: Option<ShardNumber>) -> String {
    shard.map_or("no shard".to_owned(), |shard| format!("shard {shard}"))
}

impl Halt {
    /// Its cause.
    pub(crate) fn cause(&self) -> Option<String> {
        match self {
            Self::NotSignedIn(error) => Some(error.to_string()),
            Self::NoScope { source, .. } => Some(source.to_string()),
            Self::UnusablePlan { cause, .. } => Some(cause.clone()),
            Self::UnreadStart { refusal, .. } => Some(refusal.message.clone()),
            Self::Interrupted(_)
            | Self::NothingToRotate { .. }
            | Self::OtherTarget { .. }
            | Self::OtherShard { .. }
            | Self::OtherStack(_) => None,
        }
    }

    /// Its remedy.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::NotSignedIn(error) => error.hint().map(str::to_owned),
            Self::Interrupted(_) => None,
            Self::NoScope { .. } => {
                Some("write an id, such as `/subscriptions/ID/resourceGroups/NAME`".to_owned())
            }
            Self::NothingToRotate { known, .. } if known.is_empty() => {
                Some("no connection of these specs has `credentials`".to_owned())
            }
            Self::NothingToRotate { known, .. } => {
                Some(format!("resources with a secret: {}", known.join(", ")))
            }
            Self::UnusablePlan { hint, .. } => Some((*hint).to_owned()),
            Self::OtherTarget { .. } => {
                Some("apply it to the target it was made for, or make a plan for this target".to_owned())
            }
            Self::OtherShard { made: Some(made), .. } => {
                Some(format!("apply it with `--shard {made}`, or make a plan for this shard"))
            }
            Self::OtherShard { made: None, .. } => {
                Some("make a plan for each shard, with `keyless plan --shard I/N --out FILE`".to_owned())
            }
            Self::OtherStack(foreign) => Some(foreign.hint()),
            Self::UnreadStart { refusal, .. } => {
                let hint = refusal.hint.as_deref().unwrap_or("make sure that it can be read");
                Some(format!("{hint}; then apply the plan again"))
            }
        }
    }
}

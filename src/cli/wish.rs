//! Options that decide what a plan may contain: lifted guards, secrets to send again, and pins.

use super::options::Options;
use super::output::Failure;
use crate::flow::pins::Within;
use crate::flow::{PlanPurpose, Wish};
use crate::guards::{self, Allow};

/// Which guards are lifted.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Lifts {
    // Made from the rules themselves, so that none is left out.
    #[arg(long, value_name = "RULE[:ADDRESS]", help = guards::allow_help())]
    allow: Vec<Allow>,
}

/// Whose secrets, and other fields that Azure does not show, are sent again.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Rotation {
    /// Send the secrets of the resource at this address again, and its other fields that Azure does not show, even if nothing has changed
    #[arg(long, value_name = "ADDRESS")]
    pub(super) rotate: Vec<String>,
}

/// Which stacks are retired.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct RetiredStacks {
    /// Delete everything that this stack owns, before its spec is removed. The spec must be loaded; guards apply
    #[arg(long, value_name = "STACK")]
    pub(super) retire: Vec<String>,
}

/// What these options ask of the flow.
pub(super) fn wish<'a>(
    options: &Options,
    purpose: PlanPurpose,
    lifts: &'a Lifts,
    rotation: &'a Rotation,
) -> Result<Wish<'a>, Failure> {
    let within = Within::parse(&options.within)?;
    Ok(Wish { purpose, within, allowed: &lifts.allow, rotate: &rotation.rotate })
}

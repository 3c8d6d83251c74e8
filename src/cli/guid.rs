//! `keyless guid`: ARM's and Bicep's `guid()`.

use super::Exit;
use super::output::{self, Failure};
use crate::id::arm_guid;

/// Arguments of `guid`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The arguments of `guid()`, case-sensitive
    #[arg(required = true, value_name = "PART")]
    parts: Vec<String>,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    output::result(&format!("{}\n", arm_guid(&args.parts)))?;
    Ok(Exit::Success)
}

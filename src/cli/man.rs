//! `keyless man`: manual pages, for those who make packages. Not shown in the help.

use std::path::PathBuf;

use super::Exit;
use super::output::Failure;

/// Arguments of `man`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder for the pages; it must exist
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

pub(super) fn run(args: &Args, command: clap::Command) -> Result<Exit, Failure> {
    let failed = |error| {
        Failure::new(format!("failed to write manual pages to `{}`", args.folder.display())).cause(error)
    };
    clap_mangen::generate_to(command, &args.folder).map_err(failed)?;
    Ok(Exit::Success)
}

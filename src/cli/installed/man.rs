//! `keyless man`: manual pages, for those who make packages. Not shown in the help.

use std::path::PathBuf;

use crate::cli::Exit;
use crate::cli::output::Failure;

/// Arguments of `man`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The folder for the pages; it must exist
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

pub(in crate::cli) fn run(args: &Args, command: clap::Command) -> Result<Exit, Failure> {
    let failed = |error| {
        Failure::new(format!("failed to write manual pages to `{}`", args.folder.display())).cause(error)
    };
    clap_mangen::generate_to(command, &args.folder).map_err(failed)?;
    Ok(Exit::Success)
}

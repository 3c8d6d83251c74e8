//! Referees: what others wrote, held against keyless and its sandbox.
//!
//! Input are the folders `openapi`, `recordings` and `clients` of `../shared`; output are tables and failures.
//! Nothing here may import code of the product that it judges, but for starting the sandbox.

pub(crate) mod cassette;
pub(crate) mod contract;
mod contract_examples;
mod contract_recorded;
mod contract_right;
mod contract_sandbox;
mod contract_suite;
mod contract_wrong;
pub(crate) mod exchange;
mod recordings;
mod recordings_blind;
mod recordings_compare;
mod recordings_lists;
mod recordings_masks;
mod recordings_replay;
mod transcripts;
mod wire;

use std::path::PathBuf;

/// The `../shared` folder, if it exists.
pub(crate) fn shared() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    folder.join("openapi").is_dir().then_some(folder)
}

/// Say on one line that a check did not run.
pub(crate) fn skipped(what: &str) {
    crate::common::skipped(format_args!("{what}: ../shared is not here"));
}

/// Prints a table or a list for `--nocapture`.
#[expect(clippy::print_stdout, reason = "the tables are the tests' product")]
pub(crate) fn show(text: &str) {
    println!("{text}");
}

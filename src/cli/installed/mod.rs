//! What is installed beside the program: completion scripts and manual pages.

pub(super) mod completions;
pub(super) mod man;

//! Commands beside plan, apply and drift: outputs, keys, access, verify.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod absent;
mod access;
mod access_formats;
mod export;
mod export_names;
mod init;
mod keys;
mod members;
mod outputs;
mod pages;
mod retiring_keys;
mod usage;
mod verify;
mod verify_models;
mod verify_network;
mod verify_projects;
mod verify_waits;

use crate::common::head;

/// A spec of accounts without any further lines.
fn accounts(names: &[&str]) -> String {
    let lines = names.iter().map(|name| format!("  - name: {name}\n    disableLocalAuth: true\n"));
    format!("{}accounts:\n{}", head("team-a"), lines.collect::<String>())
}

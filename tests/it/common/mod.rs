//! What integration tests of the binary start from: an empty folder, an empty environment, and a sandbox behind a wire that sees and can spoil everything.
//!
//! Nothing here knows how keyless works; it knows the command line, HTTP and the spec's format.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

pub(crate) mod azure;
pub(crate) mod cloud;
pub(crate) mod leaks;
pub(crate) mod run;

pub(crate) use azure::{Azure, Fault};
pub(crate) use run::{Folder, Run, finish};

use std::fmt::Display;
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The subscription of these tests.
pub(crate) const SUB: &str = "7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11";
/// Principals.
pub(crate) const ALICE: &str = "aaaaaaaa-0000-4000-8000-000000000001";
pub(crate) const BOB: &str = "bbbbbbbb-0000-4000-8000-000000000002";
pub(crate) const CAROL: &str = "cccccccc-0000-4000-8000-000000000003";
/// Built-in roles.
pub(crate) const CS_USER: &str = "a97b65f3-24c7-4388-baec-2e87135dc908";
pub(crate) const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

/// Says that a check was skipped, also in a test that passes, whose output the harness keeps to itself.
pub(crate) fn skipped(what: impl Display) {
    // Only the `print` macros are captured. One write for the whole line, so that tests side by side do not mix theirs.
    let line = format!("SKIPPED {what}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// The folder of shared facts, or a line that says that it is not there.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path);
    if found.exists() {
        return Some(found);
    }
    skipped(format_args!("what needs ../shared/{path}: it is not there"));
    None
}

/// A number from the environment.
pub(crate) fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// So many seeds, the same in every run; `KEYLESS_FIRST_SEED` begins elsewhere.
pub(crate) fn seeds(count: u64) -> Range<u64> {
    let first = setting("KEYLESS_FIRST_SEED").unwrap_or(0);
    first..first.saturating_add(count)
}

/// Whether tests that go through many rows take every one: with `KEYLESS_ROWS=all`, as tests/slow.sh and .ci/run have it.
pub(crate) fn every_row() -> bool {
    std::env::var("KEYLESS_ROWS").is_ok_and(|rows| rows == "all")
}

/// At most so many rows, spread evenly from the first to the last; all of them where [`every_row`] says so.
pub(crate) fn few<T>(count: usize, rows: impl IntoIterator<Item = T>) -> Vec<T> {
    let rows: Vec<T> = rows.into_iter().collect();
    if every_row() || rows.len() <= count {
        return rows;
    }
    let gap = (rows.len() - 1).checked_div(count - 1).unwrap_or(rows.len());
    rows.into_iter().step_by(gap).take(count).collect()
}

/// Does the work of each item, four at a time, and gives the results in the items' order. For what mostly waits.
pub(crate) fn side_by_side<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return done };
            done.push((index, work(item)));
        }
    };
    let mut all: Vec<(usize, R)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(worker)).collect();
        let ended = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended.flat_map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, result)| result).collect()
}

/// The head of a spec in the usual group.
pub(crate) fn head(stack: &str) -> String {
    format!("version: 1\nstack: {stack}\nsubscription: {SUB}\nresourceGroup: rg\nlocation: eastus2\n")
}

/// A spec of one account, with further lines of it.
pub(crate) fn one_account(stack: &str, name: &str, lines: &str) -> String {
    let mut spec = format!("{}accounts:\n  - name: {name}\n", head(stack));
    for line in lines.lines() {
        spec.push_str("    ");
        spec.push_str(line);
        spec.push('\n');
    }
    spec
}

/// Lines that assign *Cognitive Services User* on the account that contains them.
pub(crate) fn grants(principals: &[&str]) -> String {
    let lines = "roleAssignments:\n  - role: Cognitive Services User\n    principals:\n";
    format!("{lines}{}", listed(principals, "User"))
}

/// A line for each principal.
pub(crate) fn listed<T: Display>(principals: impl IntoIterator<Item = T>, kind: &str) -> String {
    let line = |text: String, principal| text + &format!("      - {{id: {principal}, type: {kind}}}\n");
    principals.into_iter().fold(String::new(), line)
}

/// The path of an account of the usual group.
pub(crate) fn account(name: &str) -> String {
    format!("/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/{name}")
}

/// The path of a role assignment.
pub(crate) fn assignment(scope: &str, name: &str) -> String {
    format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}")
}

/// The id of a role definition.
pub(crate) fn role(guid: &str) -> String {
    format!("/subscriptions/{SUB}/providers/Microsoft.Authorization/roleDefinitions/{guid}")
}

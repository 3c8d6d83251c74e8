//! The contract against the traffic of the whole test suite.
//!
//! Input is `target/exchanges/*.jsonl`, into which the tests' sandboxes record; output is one summary. It is ignored in
//! an ordinary run, because the transcripts are complete only after it:
//! `cargo test --test it exchanges_of_the_suite -- --ignored --nocapture`.

use std::path::PathBuf;

use super::contract::report::{Report, check_transcript};
use super::{contract, show, skipped};

/// Where the tests' sandboxes record; `KEYLESS_EXCHANGES` names another folder.
fn folder() -> PathBuf {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/exchanges");
    std::env::var_os("KEYLESS_EXCHANGES").map_or_else(default, PathBuf::from)
}

#[test]
#[ignore = "reads what an ordinary run of the tests has recorded"]
fn exchanges_of_the_suite_keep_the_contract() {
    if contract::checker().is_none() {
        return skipped("the contract of the suite's own traffic");
    }
    let folder = folder();
    let mut report = Report::default();
    let mut files = 0;
    if folder.is_dir() {
        for path in contract::files(&folder) {
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                files += 1;
                report.absorb(check_transcript(&path).expect("the descriptions are here"));
            }
        }
    }
    show(&format!("{files} transcripts in {}\n{}", folder.display(), report.summary()));
    assert!(report.bodies > 0, "no body was checked: run `cargo test` first");
    assert!(report.unreadable.is_empty(), "{} transcripts cannot be read", report.unreadable.len());
    assert!(report.violations.is_empty(), "{} violations, listed above", report.violations.len());
    assert!(
        report.excepted * 20 <= report.checked,
        "{} of {} exchanges need an exception",
        report.excepted,
        report.checked
    );
}

//! The contract against recorded traffic of the live service: which exceptions does reality need?

use super::contract::exceptions::{EXCEPTIONS, LIBERTIES};
use super::contract::report::{Report, Uses};
use super::recordings::recordings;
use super::{contract, show, skipped};

#[test]
#[ignore = "slow: tests/slow.sh"]
fn contract_holds_for_recorded_traffic_but_for_the_listed_exceptions() {
    let (Some(recordings), Some(checker)) = (recordings(), contract::checker()) else {
        return skipped("the contract against recorded traffic");
    };
    let mut report = Report::default();
    for (name, calls) in &recordings.cassettes {
        for (at, exchange) in calls.iter().enumerate() {
            report.add(checker, &format!("{name}[{at}]"), exchange);
        }
    }
    show(&report.summary());
    assert!(report.bodies > 400, "only {} bodies were checked", report.bodies);
    let unlisted: Vec<String> = report.violations.iter().map(ToString::to_string).collect();
    assert!(unlisted.is_empty(), "the recordings show what no list has:\n{}", unlisted.join("\n"));
    assert!(
        report.excepted * 20 <= report.checked,
        "{} of {} exchanges need an exception",
        report.excepted,
        report.checked
    );
    let exceptions = EXCEPTIONS.iter().map(|entry| (entry.cassette, entry.call, entry.path));
    let liberties = LIBERTIES.iter().map(|entry| (entry.cassette, entry.call, entry.path));
    let mut unproven = unproven(exceptions, &report.exceptions);
    unproven.extend(self::unproven(liberties, &report.liberties));
    assert!(unproven.is_empty(), "these calls do not show what a list says:\n{}", unproven.join("\n"));
}

/// The entries whose own call did not need them: an unused entry among them.
fn unproven(entries: impl Iterator<Item = (&'static str, usize, &'static str)>, used: &Uses) -> Vec<String> {
    let proof = entries.map(|(cassette, call, path)| (format!("{cassette}[{call}]"), path));
    let wrong = proof
        .enumerate()
        .filter(|(at, (origin, _))| !used.get(at).is_some_and(|origins| origins.contains(origin)));
    wrong.map(|(_, (origin, path))| format!("{origin}: {path}")).collect()
}

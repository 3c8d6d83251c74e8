//! Recordings of the live service, replayed against the sandbox.
//!
//! Input are all cassettes; output is a table, a line for each, and the differences that no list explains.
//! `cargo test --test it recordings_table -- --nocapture` prints it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::OnceLock;

use super::contract::Checker;
use super::contract::report::Report;
use super::exchange::Exchange;
use super::recordings_lists::{FAULTS, KNOWN, OUTSIDE};
use super::recordings_masks::Outlines;
use super::recordings_replay::{Outcome, TOLD, replay, subject};
use super::{cassette, contract, shared, show, skipped};

/// Counts of one cassette.
#[derive(Default)]
struct Line {
    calls: usize,
    outside: usize,
    agrees: usize,
    differs: usize,
}

/// All recordings, with the outlines of what is masked.
pub(crate) struct Recordings {
    pub(crate) cassettes: Vec<(String, Vec<Exchange>)>,
    pub(crate) outlines: Outlines,
}

/// The recordings, read once; none without the folder.
pub(crate) fn recordings() -> Option<&'static Recordings> {
    static RECORDINGS: OnceLock<Option<Recordings>> = OnceLock::new();
    RECORDINGS.get_or_init(|| Some(load(&shared()?, contract::checker()?))).as_ref()
}

/// Read every cassette.
fn load(shared: &Path, checker: &Checker) -> Recordings {
    let mut cassettes = Vec::new();
    let mut outlines = Outlines::default();
    for name in cassette::names(shared) {
        let calls = cassette::read(shared, &name);
        for call in calls.iter().filter(|call| call.status < 300) {
            if let Some(body) = call.response.json() {
                outlines.add(&subject(checker, call), body);
            }
        }
        cassettes.push((name, calls));
    }
    Recordings { cassettes, outlines }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recordings_table() {
    let (Some(recordings), Some(checker)) = (recordings(), contract::checker()) else {
        return skipped("the replay of recordings");
    };
    let Recordings { cassettes, outlines } = recordings;
    let mut table = Table::default();
    let mut contract = Report::default();
    for (name, calls) in cassettes {
        let outcomes = replay(checker, outlines, name, calls, &mut contract).await;
        table.add(name, &outcomes);
    }
    show(&table.text());
    show(&format!("contract of the sandbox's answers: {}", contract.summary()));
    let sum = &table.sum;
    let replayed = sum.agrees + sum.differs;
    assert!(replayed > 500, "only {replayed} calls were replayed");
    assert!(sum.agrees * 100 >= replayed * 95, "{} of {replayed} calls agree", sum.agrees);
    assert!(table.unexplained.is_empty(), "differences without a reason:\n{}", table.unexplained.join("\n"));
    assert!(contract.violations.is_empty(), "{} answers break the contract", contract.violations.len());
    let unused: Vec<_> = KNOWN.iter().enumerate().filter(|(at, _)| !table.known.contains(at)).collect();
    let unused: Vec<_> = unused.iter().map(|(_, known)| (known.cassette, known.call, known.says)).collect();
    assert!(unused.is_empty(), "reasons for differences that are not there: {unused:?}");
    let idle: Vec<_> = OUTSIDE.iter().filter(|entry| !table.outside.contains_key(entry.subject)).collect();
    let idle: Vec<_> = idle.iter().map(|entry| entry.subject).collect();
    assert_eq!(table.outside.get(TOLD), Some(&FAULTS.len()), "failures that the sandbox was told");
    assert!(idle.is_empty(), "left out, but never called: {idle:?}");
}

#[derive(Default)]
struct Table {
    rows: Vec<(String, Line)>,
    sum: Line,
    outside: BTreeMap<String, usize>,
    /// Entries of `KNOWN` that were needed.
    known: BTreeSet<usize>,
    explained: Vec<String>,
    unexplained: Vec<String>,
}

impl Table {
    fn add(&mut self, name: &str, outcomes: &[Outcome]) {
        let mut line = Line { calls: outcomes.len(), ..Line::default() };
        for (at, outcome) in outcomes.iter().enumerate() {
            match outcome {
                Outcome::Outside(label) => {
                    line.outside += 1;
                    *self.outside.entry(label.clone()).or_default() += 1;
                }
                Outcome::Agrees => line.agrees += 1,
                Outcome::Differs(differences) => {
                    line.differs += 1;
                    for difference in differences {
                        self.difference(name, at, difference);
                    }
                }
            }
        }
        for (sum, count) in [
            (&mut self.sum.calls, line.calls),
            (&mut self.sum.outside, line.outside),
            (&mut self.sum.agrees, line.agrees),
            (&mut self.sum.differs, line.differs),
        ] {
            *sum += count;
        }
        self.rows.push((name.to_owned(), line));
    }

    fn difference(&mut self, name: &str, call: usize, text: &str) {
        let known = KNOWN
            .iter()
            .position(|known| (known.cassette, known.call) == (name, call) && text.contains(known.says));
        if let Some(at) = known {
            self.known.insert(at);
            self.explained.push(format!("{name}[{call}]: {text}\n    because {}", KNOWN[at].because));
        } else {
            self.unexplained.push(format!("{name}[{call}]: {text}"));
        }
    }

    fn text(&self) -> String {
        let mut text =
            format!("{:<80} {:>5} {:>7} {:>6} {:>7}\n", "cassette", "calls", "outside", "agree", "differ");
        let sum = ("all".to_owned(), &self.sum);
        let rows = self.rows.iter().map(|(name, line)| (name.clone(), line)).chain([sum]);
        for (name, line) in rows {
            let Line { calls, outside, agrees, differs } = line;
            let _ = writeln!(text, "{name:<80} {calls:>5} {outside:>7} {agrees:>6} {differs:>7}");
        }
        text.push('\n');
        for (label, count) in &self.outside {
            let listed = OUTSIDE.iter().find(|entry| entry.subject == label).map(|entry| entry.because);
            let told = FAULTS.iter().map(|fault| fault.because).collect::<BTreeSet<_>>();
            let because =
                listed.map_or_else(|| told.into_iter().collect::<Vec<_>>().join("; "), str::to_owned);
            let _ = writeln!(text, "outside {count:>4}  {label}: {because}");
        }
        for (title, list) in [("known", &self.explained), ("DIFFERS", &self.unexplained)] {
            for line in list {
                let _ = writeln!(text, "{title}  {line}");
            }
        }
        text
    }
}

//! Findings of many exchanges, sorted into violations, exceptions, liberties and notes.
//!
//! Input are verdicts; output is a report whose text a person reads and whose numbers tests check. What is excused
//! stands as data in `exceptions`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Formatter, Write as _};
use std::path::Path;

use super::exceptions::{EXCEPTIONS, HABITS, LIBERTIES, REPORTED, same};
use super::value::{Finding, Rule, Side};
use super::{Checked, Checker, Verdict};
use crate::referee::exchange::{Exchange, read_transcript};

/// What became of many exchanges.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) exchanges: usize,
    /// Exchanges that a description covers.
    pub(crate) checked: usize,
    /// Of these, in a version that is described, not only a neighbouring one.
    pub(crate) exact: usize,
    pub(crate) bodies: usize,
    /// Exchanges whose client named itself.
    pub(crate) named: usize,
    pub(crate) not_described: BTreeMap<String, usize>,
    pub(crate) operations: BTreeMap<String, usize>,
    pub(crate) violations: Vec<Violation>,
    /// Transcripts that could not be read.
    pub(crate) unreadable: Vec<String>,
    /// Where each exception was needed, by its place in the list.
    pub(crate) exceptions: Uses,
    /// Exchanges that needed an exception.
    pub(crate) excepted: usize,
    /// Where each liberty was taken, by its place in the list.
    pub(crate) liberties: Uses,
    /// Things that are not wrong: open enums, requests that the server refused.
    pub(crate) notes: BTreeMap<String, usize>,
}

/// The origins of exchanges that used an entry of a list.
pub(crate) type Uses = BTreeMap<usize, BTreeSet<String>>;

/// A violation without an exception, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    pub(crate) origin: String,
    pub(crate) method: String,
    pub(crate) operation: String,
    pub(crate) subject: String,
    /// The finding's path without the page around an item.
    pub(crate) path: String,
    pub(crate) finding: Finding,
}

impl Display for Violation {
    fn fmt(&self, out: &mut Formatter<'_>) -> std::fmt::Result {
        let Self { origin, operation, finding, .. } = self;
        let Finding { rule, side, at, detail, .. } = finding;
        write!(out, "{origin}: {operation}: {side:?} {rule:?} `{at}`: {detail}")
    }
}

/// Statuses by which a server says that the request itself was wrong.
const REFUSALS: [u16; 6] = [400, 404, 405, 409, 415, 422];

/// Whether a test sent this itself, to play a person or another program: every client under test names itself. Cassettes
/// and kept transcripts have no headers of the connection, and nobody's hand in them.
fn by_hand(exchange: &Exchange) -> bool {
    exchange.request_headers.contains_key("host") && !exchange.request_headers.contains_key("user-agent")
}

/// Whether the product sent this.
fn by_keyless(exchange: &Exchange) -> bool {
    exchange.request_headers.get("user-agent").is_some_and(|agent| agent.starts_with("keyless"))
}

impl Report {
    /// Checks one exchange; `origin` says where it comes from.
    pub(crate) fn add(&mut self, checker: &Checker, origin: &str, exchange: &Exchange) {
        self.exchanges += 1;
        self.named += usize::from(exchange.request_headers.contains_key("user-agent"));
        let verdict = match checker.check(exchange) {
            Verdict::NotDescribed(label) => {
                *self.not_described.entry(label).or_default() += 1;
                return;
            }
            Verdict::Checked(verdict) => verdict,
        };
        self.checked += 1;
        self.exact += usize::from(verdict.exact);
        self.bodies += verdict.bodies;
        *self.operations.entry(verdict.operation.clone()).or_default() += 1;
        let mut excepted = false;
        let refused = REFUSALS.contains(&exchange.status);
        for finding in &verdict.findings {
            excepted |= self.sort(origin, exchange, &verdict, finding, refused);
        }
        self.excepted += usize::from(excepted);
    }

    /// Put a finding where it belongs; true if an exception excused it.
    fn sort(
        &mut self,
        origin: &str,
        exchange: &Exchange,
        verdict: &Checked,
        finding: &Finding,
        refused: bool,
    ) -> bool {
        let path = finding.path.strip_prefix("/value/*").unwrap_or(&finding.path);
        if finding.rule == Rule::OpenEnum {
            let note = format!("open enum: {}{path}: {}", verdict.subject, finding.detail);
            *self.notes.entry(note).or_default() += 1;
            return false;
        }
        // keyless itself sends nothing that is no request at all, also where the answer says so.
        if finding.side == Side::Request && refused && !by_keyless(exchange) {
            let note = format!("refused with {}: {:?} {path}", exchange.status, finding.rule);
            *self.notes.entry(note).or_default() += 1;
            return false;
        }
        if finding.side == Side::Request && by_hand(exchange) {
            let note = format!("sent by a test's own hand: {:?} {path}", finding.rule);
            *self.notes.entry(note).or_default() += 1;
            return false;
        }
        if finding.side == Side::Answer && matches!(finding.rule, Rule::UnknownField | Rule::Null) {
            let found = LIBERTIES.iter().position(|liberty| {
                liberty.rule == finding.rule
                    && liberty.subject == same(&verdict.subject)
                    && liberty.path == path
            });
            if let Some(at) = found {
                self.liberties.entry(at).or_default().insert(origin.to_owned());
                return false;
            }
        }
        if finding.side == Side::Answer && finding.rule == Rule::UnknownField {
            let found = REPORTED.iter().find(|entry| entry.subject == verdict.subject && entry.path == path);
            if let Some(entry) = found {
                let note = format!("reported: {}{path}: {}", entry.subject, entry.source);
                *self.notes.entry(note).or_default() += 1;
                return false;
            }
        }
        let client = exchange.request_headers.get("user-agent").map_or("", String::as_str);
        let habit = HABITS.iter().find(|habit| {
            client.starts_with(habit.client)
                && finding.side == Side::Request
                && habit.rule == finding.rule
                && habit.method == exchange.method
                && habit.subject == verdict.subject
                && habit.path == path
        });
        if let Some(habit) = habit {
            let note = format!(
                "habit of {}: {} {:?} {path}: {}",
                habit.client, habit.subject, habit.rule, habit.because
            );
            *self.notes.entry(note).or_default() += 1;
            return true;
        }
        let found = EXCEPTIONS.iter().position(|exception| {
            exception.rule == finding.rule
                && exception.side == finding.side
                && exception.method == exchange.method
                && exception.subject == verdict.subject
                && exception.path == path
        });
        if let Some(at) = found {
            self.exceptions.entry(at).or_default().insert(origin.to_owned());
            return true;
        }
        self.violations.push(Violation {
            origin: origin.to_owned(),
            method: exchange.method.clone(),
            operation: format!("{} ({})", verdict.operation, verdict.edition),
            subject: verdict.subject.clone(),
            path: path.to_owned(),
            finding: finding.clone(),
        });
        false
    }

    /// Several reports as one.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.exchanges += other.exchanges;
        self.checked += other.checked;
        self.exact += other.exact;
        self.bodies += other.bodies;
        self.named += other.named;
        self.excepted += other.excepted;
        self.violations.extend(other.violations);
        self.unreadable.extend(other.unreadable);
        for (mine, theirs) in [
            (&mut self.not_described, other.not_described),
            (&mut self.operations, other.operations),
            (&mut self.notes, other.notes),
        ] {
            for (key, count) in theirs {
                *mine.entry(key).or_default() += count;
            }
        }
        for (mine, theirs) in
            [(&mut self.exceptions, other.exceptions), (&mut self.liberties, other.liberties)]
        {
            for (key, origins) in theirs {
                mine.entry(key).or_default().extend(origins);
            }
        }
    }

    /// The numbers, for a reader.
    pub(crate) fn summary(&self) -> String {
        let mut text = format!(
            "exchanges {}, described {} (in that very version {}), bodies {}, violations {}, needing an exception {}\n",
            self.exchanges,
            self.checked,
            self.exact,
            self.bodies,
            self.violations.len(),
            self.excepted
        );
        let listed =
            [("checked", &self.operations), ("not described", &self.not_described), ("note", &self.notes)];
        for (title, map) in listed {
            for (key, count) in map {
                let _ = writeln!(text, "  {title:<14} {count:>5}  {key}");
            }
        }
        for (at, origins) in &self.exceptions {
            let count = origins.len();
            let exception = &EXCEPTIONS[*at];
            let _ = writeln!(
                text,
                "  exception      {count:>5}  {} {} {:?} `{}`: {} ({}[{}])",
                exception.method,
                exception.subject,
                exception.rule,
                exception.path,
                exception.because,
                exception.cassette,
                exception.call
            );
        }
        for error in &self.unreadable {
            let _ = writeln!(text, "  UNREADABLE     {error}");
        }
        for violation in self.violations.iter().collect::<BTreeSet<_>>() {
            let _ = writeln!(text, "  VIOLATION      {violation}");
        }
        text
    }
}

/// Check a transcript of the sandbox, if the descriptions are here; what cannot be read is in `unreadable`.
pub(crate) fn check_transcript(path: &Path) -> Option<Report> {
    let checker = super::checker()?;
    let mut report = Report::default();
    match read_transcript(path) {
        Ok(exchanges) => {
            for (at, exchange) in exchanges.iter().enumerate() {
                report.add(checker, &format!("{}:{}", path.display(), at + 1), exchange);
            }
        }
        Err(error) => report.unreadable.push(error),
    }
    Some(report)
}

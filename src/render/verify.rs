//! What was proven, for people.

use std::fmt::Write as _;

use anstyle::Style;

use super::markdown::place;
use super::page::Page;
use super::statement::Said;
use super::text::{BAD, CHANGED, GOOD, QUIET, headed};
use crate::text::sanitize::{markdown, sanitize};
use crate::verify::verdict::ProofResult;
use crate::verify::{Proof, Verification};

impl Said for Verification {
    const COMMAND: &'static str = "verify";

    fn text(&self, _page: Page) -> String {
        let mut text = String::new();
        for check in &self.checks {
            let (word, style): (&str, Style) = match check.outcome {
                ProofResult::Proven => ("proven      ", GOOD),
                ProofResult::Disproven => ("disproven   ", BAD),
                ProofResult::Inconclusive => ("inconclusive", CHANGED),
                ProofResult::Unprovable => ("not provable", QUIET),
            };
            text.push_str(&headed(word, style, &check.title(), check.source.as_ref()));
            let _ = writeln!(text, "               {QUIET}{}{QUIET:#}", sanitize(&words(check)));
        }
        text
    }

    fn summary(&self) -> String {
        let tally = &self.summary;
        let unprovable = match tally.unprovable {
            0 => String::new(),
            some => format!(", {some} not provable"),
        };
        format!(
            "{} proven, {} disproven, {} inconclusive{unprovable}",
            tally.proven, tally.disproven, tally.inconclusive
        )
    }

    fn markdown(&self) -> String {
        let mut text = String::from("| | | why | declared |\n| --- | --- | --- | --- |\n");
        for check in &self.checks {
            let word = match check.outcome {
                ProofResult::Proven => "proven",
                ProofResult::Disproven => "**disproven**",
                ProofResult::Inconclusive => "**inconclusive**",
                ProofResult::Unprovable => "not provable",
            };
            let (title, why) = (markdown(&check.title()), markdown(&words(check)));
            let _ = writeln!(text, "| {word} | {title} | {why} | {} |", place(check.source.as_ref()));
        }
        text
    }
}

/// Reason, message, and how long it took.
fn words(check: &Proof) -> String {
    let reason = check.reason.map(|reason| format!("{}: ", reason.word())).unwrap_or_default();
    let waited = match check.waited_seconds {
        0 => String::new(),
        seconds => format!(", after {seconds} s"),
    };
    format!("{reason}{}{waited}", check.message)
}

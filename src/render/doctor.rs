//! What `doctor` found out, for people: a table to paste into a ticket.

use std::fmt::Write as _;

use super::page::Page;
use super::statement::Said;
use super::text::{BAD, CHANGED, GOOD, plural};
use crate::doctor::{Diagnosis, Health, Prerequisite};
use crate::text::sanitize::{markdown, sanitize};

/// Width of the names of checks.
const NAMES: usize = 12;

impl Said for Diagnosis {
    const COMMAND: &'static str = "doctor";

    fn text(&self, _page: Page) -> String {
        let mut text = String::new();
        for check in &self.checks {
            let (word, style) = match check.state {
                Health::Ok => ("ok     ", GOOD),
                Health::Unknown => ("unknown", CHANGED),
                Health::Broken => ("BROKEN ", BAD),
            };
            let _ = writeln!(
                text,
                "  {style}{word}{style:#} {:NAMES$} {}",
                sanitize(&check.name),
                sanitize(&about(check))
            );
            if let Some(hint) = &check.hint {
                let _ =
                    writeln!(text, "{:width$}help: {}", "", sanitize(hint), width = 2 + 7 + 1 + NAMES + 1);
            }
        }
        text
    }

    fn summary(&self) -> String {
        match self.broken() {
            0 if self.unknown() > 0 => {
                format!("no problems found in what could be checked; {} unknown", self.unknown())
            }
            0 => "no problems found".to_owned(),
            broken => format!("{broken} {} found", plural(broken, "problem", "problems")),
        }
    }

    fn markdown(&self) -> String {
        let mut text = String::from("| | what | found | help |\n| --- | --- | --- | --- |\n");
        for check in &self.checks {
            let word = match check.state {
                Health::Ok => "ok",
                Health::Unknown => "unknown",
                Health::Broken => "**broken**",
            };
            let hint = check.hint.as_deref().map(markdown).unwrap_or_default();
            let _ = writeln!(
                text,
                "| {word} | {} | {} | {hint} |",
                markdown(&check.name),
                markdown(&about(check))
            );
        }
        text
    }
}

fn about(check: &Prerequisite) -> String {
    match &check.subject {
        Some(subject) => format!("{subject}: {}", check.detail),
        None => check.detail.clone(),
    }
}

//! The frame around the documents of commands other than `plan`, `apply` and `drift`.
//!
//! Works on the documents alone. Everything that came from Azure or a spec is sanitised by whoever writes it.

use std::fmt::Write as _;

use maud::Markup;

use super::openmetrics::{self, Measures};
use super::page::{Page, fold};
use super::remarks::{self, OF_FINDINGS};
use super::{html, markdown, people, text};
use crate::document::{FindingEntry, Statement};

/// What a command has to say, for people.
pub trait Said {
    /// The command's name.
    const COMMAND: &'static str;
    /// For a terminal or a log.
    fn text(&self, page: Page) -> String;
    /// The same in a sentence, without a final period.
    fn summary(&self) -> String;
    /// For a comment on a pull request.
    fn markdown(&self) -> String;
    /// Issues besides the findings.
    fn issues(&self) -> Vec<FindingEntry> {
        Vec::new()
    }
    /// Its metrics.
    fn measures(&self) -> Measures {
        Measures::new()
    }
    /// For a browser: its text as it is, where a command has no page of its own.
    fn html(&self) -> Markup {
        html::as_text(&fold(&self.text(Page::endless(true)), Page::endless(true)))
    }
}

/// A document as text.
#[must_use]
pub fn text<T: Said>(document: &Statement<T>, page: Page) -> String {
    let mut text = document.about.text(page);
    if !text.is_empty() {
        text.push('\n');
    }
    remarks::text(&mut text, &people::findings(&document.findings, page.verbose), page, OF_FINDINGS);
    let _ = writeln!(text, "{}. {}.", document.about.summary(), text::requests(document.requests));
    text::target(&mut text, &document.target);
    fold(&text, page)
}

/// The metrics of a document.
#[must_use]
pub fn measures<T: Said>(document: &Statement<T>) -> Measures {
    let mut measures = document.about.measures();
    measures.push(openmetrics::findings(&document.findings));
    measures
}

/// A document as Markdown.
#[must_use]
pub fn markdown<T: Said>(document: &Statement<T>) -> String {
    let mut text = format!(
        "## keyless {}\n\n**{}.** {}. {}\n\n",
        T::COMMAND,
        document.about.summary(),
        text::requests(document.requests),
        markdown::target(&document.target)
    );
    text.push_str(&document.about.markdown());
    markdown::with_findings(text, &people::findings(&document.findings, false), markdown::LONGEST)
}

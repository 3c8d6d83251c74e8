//! Documents as HTML pages: one file each, which a browser opens without any request.
//!
//! Works on the documents alone. `maud` escapes every value; [`T`] first replaces invisible characters in text from outside. The script only
//! filters, folds and moves the focus: without it, a page shows the same.

pub(super) mod access;
mod changes;
mod drift;
pub(super) mod keys;
mod page;
mod plan;

pub use drift::drift;
pub use plan::plan;

use maud::{Markup, Render, html};

use super::statement::Said;
use super::steps::{self, Titles};
use super::text;
use crate::document::report::Report;
use crate::document::{FindingEntry, Statement};
use crate::render::page::{Page, fold};
use crate::text::sanitize::{sanitize, sanitize_lines};
use changes::of_stacks;
use page::HtmlPage;

/// Text from outside, with invisible characters replaced.
pub(super) struct T<S: AsRef<str>>(pub(super) S);

impl<S: AsRef<str>> Render for T<S> {
    fn render_to(&self, buffer: &mut String) {
        sanitize(self.0.as_ref()).as_ref().render_to(buffer);
    }
}

/// A document of a command that carries out no plan.
#[must_use]
pub fn statement<T: Said>(document: &Statement<T>) -> String {
    HtmlPage {
        command: T::COMMAND,
        about: String::new(),
        said: document.about.summary(),
        target: Some(&document.target),
        requests: Some(document.requests),
        findings: &document.findings,
    }
    .with(&document.about.html())
}

/// The result of `apply`.
#[must_use]
pub fn report(report: &Report) -> String {
    let wide = Page::endless(true);
    let steps: String =
        report.steps.iter().map(|step| steps::outcome(step, &Titles::default(), wide)).collect();
    HtmlPage {
        command: "apply",
        about: of_stacks(report.stacks.iter().map(String::as_str).collect(), report.environment.as_deref()),
        said: text::counted(&report.summary),
        target: Some(&report.target),
        requests: Some(report.requests),
        findings: &report.findings,
    }
    .with(&as_text(&fold(&steps, wide)))
}

/// The findings of a command that has nothing else to show.
#[must_use]
pub fn validation(command: &str, findings: &[FindingEntry]) -> String {
    let said = match findings.len() {
        0 => "nothing to report".to_owned(),
        1 => "1 finding".to_owned(),
        many => format!("{many} findings"),
    };
    let page = HtmlPage { command, about: String::new(), said, target: None, requests: None, findings };
    page.with(&html! {})
}

/// Lines as they are, for a command without a page of its own.
#[must_use]
pub fn lines(command: &'static str, lines: &str, findings: &[FindingEntry]) -> String {
    let page = HtmlPage {
        command,
        about: String::new(),
        said: String::new(),
        target: None,
        requests: None,
        findings,
    };
    page.with(&as_text(lines))
}

/// Text for a terminal, without its colours.
pub(super) fn as_text(styled: &str) -> Markup {
    let plain = anstream::adapter::strip_str(styled).to_string();
    let plain = sanitize_lines(plain.trim_end());
    html! { @if !plain.is_empty() { pre { (plain.as_ref()) } } }
}

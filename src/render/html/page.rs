//! The frame of every page: its head with the content security policy, heading, findings and footer.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::T;
use crate::document::{FindingEntry, Plan, Requests, Target, TargetKind};
use crate::finding::Severity;
use crate::render::alike::Alike;
use crate::render::summary::{self, Counted, Side};
use crate::render::text;
use crate::text::source::Position;

/// The one style sheet.
const STYLE: &str = include_str!("page.css");
/// The one script.
const SCRIPT: &str = include_str!("page.js");

/// The content security policy: only the page's own style sheet and script, by their hashes. No requests, no forms, and no text that becomes
/// markup.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
});

/// The frame around a document.
pub(super) struct HtmlPage<'a> {
    pub(super) command: &'a str,
    /// The stacks and their environment.
    pub(super) about: String,
    /// The result in a sentence, without a final period.
    pub(super) said: String,
    pub(super) target: Option<&'a Target>,
    pub(super) requests: Option<Requests>,
    pub(super) findings: &'a [FindingEntry],
}

impl HtmlPage<'_> {
    /// The page with this body.
    pub(super) fn with(&self, body: &Markup) -> String {
        let title = format!("keyless {}", self.command);
        let title = title.trim_end();
        let (errors, others): (Vec<_>, Vec<_>) =
            self.findings.iter().partition(|finding| finding.severity == Severity::Error);
        let (warnings, notes): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|finding| finding.severity == Severity::Warning);
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(*POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="referrer" content="no-referrer";
                    meta name="robots" content="noindex";
                    title { (title) @if !self.about.is_empty() { ": " (T(&self.about)) } @if !self.said.is_empty() { " - " (T(&self.said)) } }
                    // Without it, a browser requests an icon from the page's server.
                    link rel="icon" href="data:,";
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    a.skip href="#main" { "Skip to content" }
                    header {
                        h1 { (title) @if !self.about.is_empty() { " " span.about { (T(&self.about)) } } }
                        @if !self.said.is_empty() { p.said { (T(&self.said)) "." } }
                        @if let Some(target) = self.target {
                            p.target.sandbox[target.kind == TargetKind::Sandbox] { "Target: " (T(target.to_string())) }
                        }
                    }
                    main #main tabindex="-1" {
                        (findings("Errors", "error", &errors, true))
                        (body)
                        (findings("Warnings", "warning", &warnings, true))
                        (findings("Notes", "note", &notes, false))
                    }
                    footer {
                        p {
                            @if let Some(requests) = self.requests { (text::requests(requests)) ". " }
                            "Written by keyless " (env!("CARGO_PKG_VERSION")) ". This page loads nothing from the network."
                        }
                    }
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        };
        page.into_string() + "\n"
    }
}

/// Findings of one severity.
fn findings(heading: &str, severity: &'static str, findings: &[&FindingEntry], open: bool) -> Markup {
    html! {
        @if !findings.is_empty() {
            section.findings {
                details.(severity) open[open] {
                    summary { h2 { (heading) } " " span.count { (findings.len()) } }
                    ul {
                        @for alike in Alike::of(findings.iter().copied()) {
                            li {
                                @for finding in &alike.findings {
                                    p {
                                        strong.(severity) { (finding.severity) "[" (finding.code.as_str()) "]" }
                                        ": " (T(&finding.message)) " " (place(finding.source.as_ref()))
                                    }
                                }
                                @for (label, said) in alike.more() {
                                    p.more { (label) ": " (T(said)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Where something is declared.
pub(super) fn place(source: Option<&Position>) -> Markup {
    html! {
        @if let Some(source) = source { code.place { (T(&source.file)) ":" (source.line) } }
    }
}

/// The counts of a plan or a drift.
pub(super) fn counts(plan: &Plan, side: Side) -> Markup {
    let counts = summary::all(plan, side);
    let tile = |(number, sort): &(usize, Counted)| (*number, sort.words(*number), sort.look().class());
    tiles(&counts.iter().map(tile).collect::<Vec<_>>())
}

/// Numbers, without zeros.
pub(super) fn tiles(counts: &[(usize, &str, &'static str)]) -> Markup {
    html! {
        ul.tiles {
            @for (count, what, look) in counts.iter().filter(|(count, _, _)| *count > 0) {
                li.(look) { b { (count) } " " span { (what) } }
            }
        }
    }
}

/// A filter field. Hidden without the script, which it needs.
pub(super) fn filter(id: &'static str, label: &str, of: &'static str) -> Markup {
    html! {
        label.filter for=(id) { span { (label) } input #(id) type="search" data-filter=(of) autocomplete="off" spellcheck="false"; }
    }
}

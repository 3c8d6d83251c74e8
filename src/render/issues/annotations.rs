//! Issues as commands for GitHub Actions and Azure Pipelines, which show them at a line, and as GitLab's code quality report.
//!
//! The output is whole lines. Every text is escaped as its host documents, so that none can start a command of its own.
//! <https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands>,
//! <https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands>,
//! <https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format>

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Issue, stand_in};
use crate::finding::Severity;
use crate::render::alike::together;
use crate::text::sanitize::sanitize;
use crate::text::scrub::scrub;

/// GitHub shows this many of each type per step.
const SHOWN: usize = 10;

/// The pipeline's host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// GitHub Actions.
    GitHub,
    /// Azure Pipelines.
    Azure,
}

/// A line that the host executes. Only this module makes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCommand(String);

impl HostCommand {
    /// The line, without its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which issues are annotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Much {
    /// Errors.
    Errors,
    /// All except quiet notes.
    Loud,
    /// Everything.
    All,
}

/// A command for each issue, the most important first. If there are more than the host shows, issues that say the same are merged.
#[must_use]
pub fn annotations(issues: &[Issue], host: Host, much: Much) -> Vec<HostCommand> {
    let mut lines = Vec::new();
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let is_shown = |issue: &&Issue| match much {
            Much::Errors => severity == Severity::Error,
            Much::Loud => !issue.quiet,
            Much::All => true,
        };
        let these = issues.iter().filter(|issue| issue.severity == severity).filter(is_shown);
        let mut these: Vec<&Issue> = these.collect();
        these.sort_by_key(|issue| issue.rank);
        let merged = host == Host::GitHub && these.len() > SHOWN;
        let alike = if merged { merge(these) } else { these.into_iter().map(|issue| vec![issue]).collect() };
        let mut these: Vec<String> = alike.iter().filter_map(|issues| line(issues, host)).collect();
        if host == Host::GitHub && these.len() > SHOWN {
            let left = these.len() + 1 - SHOWN;
            these.truncate(SHOWN - 1);
            let name = kind(severity);
            these.push(format!("::{name} title=keyless::and {left} more, see the log"));
        }
        lines.extend(these.into_iter().map(HostCommand));
    }
    lines
}

fn kind(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    }
}

/// Issues that say the same of different resources, together.
fn merge(issues: Vec<&Issue>) -> Vec<Vec<&Issue>> {
    let key = |(index, issue): &(usize, &Issue)| match &issue.same {
        Some(same) => (issue.rule.id(), same.clone(), 0),
        None => (issue.rule.id(), String::new(), *index),
    };
    let groups = together(issues.into_iter().enumerate(), key).into_iter();
    groups.map(|(_, group)| group.into_iter().map(|(_, issue)| issue).collect()).collect()
}

/// One command for issues that say the same. Azure Pipelines has none for a note.
fn line(issues: &[&Issue], host: Host) -> Option<String> {
    let (issue, more) = issues.split_first()?;
    let (severity, id) = (issue.severity, issue.rule.id());
    let mut text = issue.said.iter().map(|part| harmless(part)).collect::<Vec<_>>().join("\n");
    if !more.is_empty() {
        let names: Vec<String> = more
            .iter()
            .filter_map(|issue| issue.resource.as_deref()?.rsplit('/').next())
            .map(harmless)
            .collect();
        let rest = names.len().saturating_sub(SHOWN);
        let others = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        let _ = write!(text, "\nthe same for {}{others}", names[..names.len() - rest].join(", "));
    }
    let place = issue.place.as_ref().map(|place| (harmless(&place.file), place));
    match host {
        Host::GitHub => {
            let place = place.map(|(file, place)| {
                format!("file={},line={},col={},", github_property(&file), place.line, place.column)
            });
            let place = place.unwrap_or_default();
            Some(format!("::{} {place}title=keyless {id}::{}", kind(severity), github_data(&text)))
        }
        Host::Azure if severity == Severity::Note => None,
        Host::Azure => {
            let place = place.map(|(file, place)| {
                let file = azure(&file);
                format!("sourcepath={file};linenumber={};columnnumber={};", place.line, place.column)
            });
            let place = place.unwrap_or_default();
            Some(format!("##vso[task.logissue type={};{place}code={id};]{}", kind(severity), azure(&text)))
        }
    }
}

/// Text from outside, without secrets, invisible characters and commands.
fn harmless(text: &str) -> String {
    sanitize(&scrub(text)).into_owned()
}

/// The text of a GitHub command.
fn github_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property of a GitHub command.
fn github_property(text: &str) -> String {
    github_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// A property or the text of an Azure Pipelines command.
fn azure(text: &str) -> String {
    let text = text.replace('%', "%AZP25").replace('\r', "%0D").replace('\n', "%0A");
    text.replace(';', "%3B").replace(']', "%5D")
}

/// Issues as GitLab's code quality report.
#[must_use]
pub fn code_quality(issues: &[Issue]) -> Value {
    // GitLab ignores what has no file.
    let elsewhere = stand_in(issues);
    let entry = |issue: &Issue| {
        let place = issue.place.as_ref().unwrap_or(&elsewhere);
        let text = issue.said.iter().map(|part| harmless(part)).collect::<Vec<_>>().join("; ");
        json!({
            "description": text,
            "check_name": issue.rule.id(),
            "fingerprint": issue.fingerprint,
            "severity": match issue.severity {
                Severity::Error => "major",
                Severity::Warning => "minor",
                Severity::Note => "info",
            },
            "location": {"path": harmless(&place.file), "lines": {"begin": place.line}},
        })
    };
    issues.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Folders, of_findings};
    use super::*;
    use crate::document::FindingEntry;
    use crate::finding::Code;
    use crate::text::source::Position;

    fn finding(severity: Severity, file: &str, message: &str) -> FindingEntry {
        FindingEntry {
            source: Some(Position { file: file.to_owned(), line: 7, column: 3 }),
            hint: Some("do".to_owned()),
            ..FindingEntry::of(severity, Code::MissingPermission, message)
        }
    }

    fn texts(commands: Vec<HostCommand>) -> Vec<String> {
        commands.into_iter().map(|command| command.0).collect()
    }

    #[test]
    fn a_text_cannot_end_its_property_or_begin_a_command() {
        let hostile = "a]b;c,d:e::f%0A::error::g\n##vso[x]##[y]\r";
        let issues = of_findings(&[finding(Severity::Error, hostile, hostile)], &Folders::default());
        let annotations = |host| texts(annotations(&issues, host, Much::Loud));
        assert_eq!(
            annotations(Host::GitHub),
            [
                "::error file=a]b;c%2Cd%3Ae%3A%3Af%250A%3A%3Aerror%3A%3Ag/u{a}#/u{23}vso[x]#/u{23}[y]/u{d},line=7,col=3,\
                 title=keyless missing-permission::\
                 a]b;c,d:e::f%250A::error::g\\u{a}#\\u{23}vso[x]#\\u{23}[y]\\u{d}%0Ahelp: do"
                    .replace("/u{", "\\u{")
            ]
        );
        assert_eq!(
            annotations(Host::Azure),
            [
                "##vso[task.logissue type=error;sourcepath=a%5Db%3Bc,d:e::f%AZP250A::error::g\\u{a}#\\u{23}vso[x%5D#\\u{23}[y%5D\\u{d};\
              linenumber=7;columnnumber=3;code=missing-permission;]\
              a%5Db%3Bc,d:e::f%AZP250A::error::g\\u{a}#\\u{23}vso[x%5D#\\u{23}[y%5D\\u{d}%0Ahelp: do"
            ]
        );
    }

    #[test]
    fn errors_come_first_and_github_is_given_what_it_shows() {
        let of =
            |severity, count: usize| (0..count).map(move |at| finding(severity, "a.yaml", &format!("m{at}")));
        let findings: Vec<FindingEntry> =
            of(Severity::Note, 1).chain(of(Severity::Warning, 12)).chain(of(Severity::Error, 10)).collect();
        let issues = of_findings(&findings, &Folders::default());
        let annotations = |host, much| texts(annotations(&issues, host, much));
        let lines = annotations(Host::GitHub, Much::Loud);
        let starts = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
        assert_eq!((starts("::error "), starts("::warning "), starts("::notice ")), (10, 10, 1));
        assert!(lines[0].starts_with("::error ") && lines[20].starts_with("::notice "), "{lines:#?}");
        assert_eq!(lines[19], "::warning title=keyless::and 3 more, see the log");
        assert_eq!(annotations(Host::GitHub, Much::Errors).len(), 10);
        assert_eq!(annotations(Host::Azure, Much::All).len(), 22, "it shows all, and has nothing for notes");
    }
}

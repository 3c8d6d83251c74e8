//! Results as documents: to stdout in the format asked for, and to report files.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;

use super::options::{Format, Options};
use super::output::{self, Failure};
use crate::plan::document::{FORMAT_VERSION, FindingEntry, Plan};
use crate::render::sanitize::sanitize_json;
use crate::render::statement::{self, Said};
use crate::render::{markdown, sarif, text};
use crate::report::Report;
use crate::statement::Statement;

/// A document in every format.
pub(super) trait Saying {
    fn text(&self, verbose: bool) -> String;
    fn markdown(&self) -> String;
    fn json(&self) -> Result<String, Failure>;
    fn findings(&self) -> &[FindingEntry];
}

impl<T: Said + Serialize> Saying for Statement<T> {
    fn text(&self, verbose: bool) -> String {
        statement::text(self, verbose)
    }

    fn markdown(&self) -> String {
        statement::markdown(self)
    }

    fn json(&self) -> Result<String, Failure> {
        json(self)
    }

    fn findings(&self) -> &[FindingEntry] {
        &self.findings
    }
}

/// A result.
pub(super) enum Document<'a> {
    /// Of `plan`, `show` and `apply`.
    Plan(&'a Plan),
    /// Of `drift`.
    Drift(&'a Plan),
    /// Of `apply`.
    Report(&'a Report),
    /// Of a command that carries out no plan.
    Statement(&'a dyn Saying),
    /// Of `validate`, and of every command whose specs are wrong. People have read them on stderr.
    Findings(&'a [FindingEntry]),
}

/// What `--format json` prints where there are findings only.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Findings<'a> {
    format_version: &'static str,
    findings: &'a [FindingEntry],
}

/// A report file and its format.
#[derive(Debug, Clone)]
pub struct ReportFile {
    format: ReportFormat,
    path: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReportFormat {
    Human,
    Json,
    Markdown,
    Sarif,
}

impl FromStr for ReportFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, path) = text.split_once('=').ok_or("a report is given as FORMAT=FILE")?;
        let format = match format {
            "human" => ReportFormat::Human,
            "json" => ReportFormat::Json,
            "markdown" => ReportFormat::Markdown,
            "sarif" => ReportFormat::Sarif,
            _ => {
                return Err(format!(
                    "no format is called `{format}`; there are human, json, markdown, sarif"
                ));
            }
        };
        if path.is_empty() {
            return Err("a report is given as FORMAT=FILE, and no file is named".to_owned());
        }
        Ok(Self { format, path: PathBuf::from(path) })
    }
}

impl Document<'_> {
    /// Writes it to stdout in the format asked for, and to the report files.
    pub(super) fn write(&self, options: &Options) -> Result<(), Failure> {
        for report in &options.report {
            save(&report.path, &self.render(report.format, options)?)?;
        }
        output::result(&self.render(options.format.into(), options)?)
    }

    /// Writes it to the report files only.
    pub(super) fn write_reports(&self, options: &Options) -> Result<(), Failure> {
        options.report.iter().try_for_each(|report| save(&report.path, &self.render(report.format, options)?))
    }

    fn render(&self, format: ReportFormat, options: &Options) -> Result<String, Failure> {
        Ok(match (format, self) {
            (ReportFormat::Human, Document::Plan(plan) | Document::Drift(plan)) => {
                text::plan(plan, options.is_verbose())
            }
            (ReportFormat::Human, Document::Report(report)) => text::report(report),
            (ReportFormat::Human, Document::Findings(findings)) => text::validation(findings),
            (ReportFormat::Human, Document::Statement(said)) => said.text(options.is_verbose()),
            (ReportFormat::Markdown, Document::Plan(plan)) => markdown::plan(plan),
            (ReportFormat::Markdown, Document::Drift(plan)) => markdown::drift(plan),
            (ReportFormat::Markdown, Document::Report(report)) => markdown::report(report),
            (ReportFormat::Markdown, Document::Findings(findings)) => markdown::validation(findings),
            (ReportFormat::Markdown, Document::Statement(said)) => said.markdown(),
            (ReportFormat::Json, Document::Plan(plan) | Document::Drift(plan)) => json(plan)?,
            (ReportFormat::Json, Document::Report(report)) => json(report)?,
            (ReportFormat::Json, Document::Statement(said)) => said.json()?,
            (ReportFormat::Json, Document::Findings(findings)) => {
                json(&Findings { format_version: FORMAT_VERSION, findings })?
            }
            (ReportFormat::Sarif, document) => json(&sarif::sarif(document.findings()))?,
        })
    }

    fn findings(&self) -> &[FindingEntry] {
        match self {
            Document::Plan(plan) | Document::Drift(plan) => &plan.findings,
            Document::Report(report) => &report.findings,
            Document::Statement(said) => said.findings(),
            Document::Findings(findings) => findings,
        }
    }
}

impl From<Format> for ReportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Human => ReportFormat::Human,
            Format::Json => ReportFormat::Json,
            Format::Markdown => ReportFormat::Markdown,
        }
    }
}

/// A document as JSON in which nothing is hidden and no line is a pipeline's command.
pub(super) fn json(document: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|error| Failure::new("failed to write the result as JSON").cause(error))?;
    Ok(format!("{}\n", sanitize_json(&text)))
}

/// Writes a file: whole, or not at all.
pub(super) fn save(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = || Failure::new(format!("failed to write `{}`", path.display()));
    let mut name = path.file_name().ok_or_else(failed)?.to_owned();
    name.push(".new");
    let draft = path.with_file_name(name);
    // A terminal's colours have no place in a file.
    let text = anstream::adapter::strip_str(text).to_string();
    let written = std::fs::File::create(&draft)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&draft, path));
    written.map_err(|error| failed().cause(error))
}

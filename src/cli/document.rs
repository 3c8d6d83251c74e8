//! Writes results to stdout in the requested format, and to report files.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use serde::Serialize;

use super::options::{Format, Options};
use super::output::{self, Failure};
use crate::document::report::Report;
use crate::document::{FORMAT_VERSION, FindingEntry, Plan, Shard, Statement};
use crate::files::{OutputFile, WriteError};
use crate::finding::Severity;
use crate::render::issues::annotations::Much;
use crate::render::issues::{self, Folders, Issue};
use crate::render::issues::{annotations, sarif};
use crate::render::openmetrics::{self, Measures};
use crate::render::page::Page;
use crate::render::statement::{self, Said};
use crate::render::{comment, drift, html, markdown, text};
use crate::text::sanitize::sanitize_json;

/// A document that can be written in every format.
pub(super) trait Saying {
    fn text(&self, page: Page) -> String;
    fn markdown(&self) -> String;
    fn html(&self) -> String;
    fn json(&self) -> Result<String, Failure>;
    /// Its findings, and what else a list of issues has.
    fn issues(&self) -> Vec<FindingEntry>;
    /// What is measured of it.
    fn measures(&self) -> Measures;
}

impl<T: Said + Serialize> Saying for Statement<T> {
    fn text(&self, page: Page) -> String {
        statement::text(self, page)
    }

    fn markdown(&self) -> String {
        statement::markdown(self)
    }

    fn html(&self) -> String {
        html::statement(self)
    }

    fn json(&self) -> Result<String, Failure> {
        json(self)
    }

    fn issues(&self) -> Vec<FindingEntry> {
        self.findings.iter().cloned().chain(self.about.issues()).collect()
    }

    fn measures(&self) -> Measures {
        statement::measures(self)
    }
}

/// A result.
pub(super) enum Document<'a> {
    /// Of `plan`, `show` and `apply`.
    Plan(&'a Plan),
    Drift(&'a Plan),
    /// Of `apply`.
    Report(&'a Report, &'a Plan),
    /// Of `apply`, in parts.
    Merged(&'a Report),
    /// Of the commands beside `plan`, `apply` and `drift`.
    Statement(&'a dyn Saying),
    /// Of `validate`, and of every command whose specs have errors. For people they are printed on stderr.
    Findings(&'a [FindingEntry]),
}

/// What `--format json` prints if there are only findings.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FindingList<'a> {
    format_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<Shard>,
    findings: &'a [FindingEntry],
}

/// A report file and its format.
#[derive(Debug, Clone)]
pub struct ReportFile {
    format: ReportFormat,
    path: PathBuf,
    /// Checked once, before the run starts its work.
    target: Arc<OnceLock<Result<OutputFile, WriteError>>>,
    /// Set once this run has written it, or tried to.
    tried: Arc<OnceLock<()>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReportFormat {
    Human,
    Json,
    Markdown,
    Html,
    Sarif,
    CodeQuality,
    Comment,
    OpenMetrics,
}

const FORMATS: &str = "human, json, markdown, comment, html, sarif, codequality or openmetrics";

impl FromStr for ReportFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, path) = text.split_once('=').ok_or("expected FORMAT=FILE")?;
        let format = match format {
            "human" => ReportFormat::Human,
            "json" => ReportFormat::Json,
            "markdown" => ReportFormat::Markdown,
            "html" => ReportFormat::Html,
            "sarif" => ReportFormat::Sarif,
            "codequality" => ReportFormat::CodeQuality,
            "comment" => ReportFormat::Comment,
            "openmetrics" => ReportFormat::OpenMetrics,
            _ => {
                return Err(format!("unknown format `{format}`: use {FORMATS}"));
            }
        };
        if path.is_empty() {
            return Err("expected FORMAT=FILE, but FILE is empty".to_owned());
        }
        if path == "-" {
            return Err(
                "`-` is not a file: use `--format` for stdout, or `./-` for a file of that name".to_owned()
            );
        }
        Ok(Self { format, path: PathBuf::from(path), target: Arc::default(), tried: Arc::default() })
    }
}

impl ReportFile {
    /// Whether it is a comment, which only some commands write.
    pub(super) fn is_comment(&self) -> bool {
        self.format == ReportFormat::Comment
    }

    /// Checks whether it can be written without overwriting what the run reads or another report.
    pub(super) fn look(&self, inputs: &[PathBuf], others: &[ReportFile]) {
        self.target
            .get_or_init(|| OutputFile::open(&self.path, inputs, others.iter().flat_map(Self::target)));
    }

    /// Where it goes, if it can be written.
    pub(super) fn target(&self) -> Result<&OutputFile, Failure> {
        match self.target.get_or_init(|| OutputFile::open(&self.path, &[], [])) {
            Ok(target) => Ok(target),
            Err(error) => Err(unwritten(&self.path, error)),
        }
    }
}

/// The file of `--out`, checked before the run starts its work.
pub(super) struct OutFile {
    path: PathBuf,
    target: OutputFile,
}

impl OutFile {
    /// Checks whether it can be written without overwriting what the run reads or a report.
    pub(super) fn open(path: &Path, inputs: &[PathBuf], options: &Options) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            return Err(Failure::new("`-` is not a file")
                .hint("use `--format` for stdout, or `./-` for a file of that name"));
        }
        let target = OutputFile::open(
            path,
            &options.all_inputs(inputs),
            options.report.iter().flat_map(ReportFile::target),
        )
        .map_err(|error| unwritten(path, &error))?;
        Ok(Self { path: path.to_owned(), target })
    }

    /// Whether writing would replace a file.
    pub(super) fn replaces_something(&self) -> bool {
        self.target.replaces_something()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn write(&self, text: &str) -> Result<(), Failure> {
        save(&self.target, &self.path, text)
    }

    /// Replaces an earlier run's file with the findings, so that it does not pass for this run's.
    pub(super) fn spoil(&self, findings: &[FindingEntry]) -> Result<(), Failure> {
        if !self.replaces_something() {
            return Ok(());
        }
        let findings = FindingList { format_version: FORMAT_VERSION, shard: None, findings };
        self.write(&output::presentable(&json(&findings)?))
    }

    /// Writes it as a new file. A file that has appeared there since the run began is kept.
    pub(super) fn write_new(&self, text: &str) -> Result<(), Failure> {
        let bytes = anstream::adapter::strip_str(text).to_string();
        self.target.write_new(bytes.as_bytes()).map_err(|error| unwritten(&self.path, &error))
    }
}

/// Why a file was not written, and what to do.
fn unwritten(path: &Path, error: &WriteError) -> Failure {
    let failure = Failure::new(format!("failed to write `{}`", path.display())).cause(error);
    match error {
        WriteError::Folder => failure.hint("name a file in it"),
        WriteError::Input | WriteError::Twice => failure.hint("name another file"),
        WriteError::Appeared => failure.hint("name another file, or remove that one and run again"),
        WriteError::NoFolder(_) => failure.hint("create the folder first, or name another one"),
        WriteError::NobodyReads => failure.hint("start the program that reads it first"),
        WriteError::Io(_) => failure,
    }
}

/// Writes a whole file, or nothing.
fn save(target: &OutputFile, path: &Path, text: &str) -> Result<(), Failure> {
    // Files get no colours.
    let text = anstream::adapter::strip_str(text).to_string();
    target.write(text.as_bytes()).map_err(|error| unwritten(path, &error))
}

/// Evaluates every result, then fails with the last failure. Earlier ones are reported at once.
pub(super) fn all(results: impl IntoIterator<Item = Result<(), Failure>>) -> Result<(), Failure> {
    let mut last: Option<Failure> = None;
    for failure in results.into_iter().filter_map(Result::err) {
        if let Some(earlier) = last.replace(failure) {
            earlier.report();
        }
    }
    last.map_or(Ok(()), Err)
}

impl Document<'_> {
    /// Writes it to the report files and to stdout in the requested format, even if a report file fails.
    pub(super) fn write(&self, options: &Options) -> Result<(), Failure> {
        let reports = self.write_reports(options);
        let page = output::page(options);
        let shown =
            self.render(options, options.format.into(), page).and_then(|text| output::rendered(&text));
        all([reports, shown])
    }

    /// Writes it to the report files only.
    pub(super) fn write_reports(&self, options: &Options) -> Result<(), Failure> {
        self.annotate(options);
        self.write_into(&options.report, options)
    }

    /// Writes it to the report files that were checked and not yet written. An unchecked one might be a file that the run reads.
    pub(super) fn write_unwritten_reports(&self, options: &Options) -> Result<(), Failure> {
        let is_due =
            |report: &&ReportFile| report.tried.get().is_none() && matches!(report.target.get(), Some(Ok(_)));
        self.write_into(options.report.iter().filter(is_due), options)
    }

    fn write_into<'a>(
        &self,
        reports: impl IntoIterator<Item = &'a ReportFile>,
        options: &Options,
    ) -> Result<(), Failure> {
        all(reports.into_iter().map(|report| {
            let target = report.target()?;
            report.tried.get_or_init(|| ());
            // A file is as wide as its lines are.
            let page = Page::endless(options.is_verbose());
            let format = match report.format {
                ReportFormat::Comment if options.disclose => ReportFormat::Markdown,
                format => format,
            };
            save(target, &report.path, &self.render(options, format, page)?)
        }))
    }

    /// As it may be shown: without secrets, and without what a terminal or a pipeline would obey.
    fn render(&self, options: &Options, format: ReportFormat, page: Page) -> Result<String, Failure> {
        let text = self.text(options, format, page)?;
        Ok(match (format, self) {
            // `apply` reads it back. Its texts were sanitized before the fingerprint was taken.
            (ReportFormat::Json, Document::Plan(_) | Document::Drift(_)) => text,
            _ => output::presentable(&text),
        })
    }

    fn text(&self, options: &Options, format: ReportFormat, page: Page) -> Result<String, Failure> {
        Ok(match (format, self) {
            (ReportFormat::Human, Document::Plan(plan)) => text::plan(plan, page),
            (ReportFormat::Human, Document::Drift(plan)) => drift::text(plan, page),
            (ReportFormat::Human, Document::Report(report, _) | Document::Merged(report)) => {
                text::report(report, page)
            }
            (ReportFormat::Human, Document::Findings(findings)) => text::validation(findings),
            (ReportFormat::Human, Document::Statement(said)) => said.text(page),
            (ReportFormat::Markdown, Document::Plan(plan)) => markdown::plan(plan),
            (ReportFormat::Markdown, Document::Drift(plan)) => drift::markdown(plan),
            (ReportFormat::Markdown, Document::Report(report, plan)) => markdown::report(report, Some(plan)),
            (ReportFormat::Markdown, Document::Merged(report)) => markdown::report(report, None),
            (ReportFormat::Markdown, Document::Findings(findings)) => {
                markdown::validation(&options.command, findings)
            }
            (ReportFormat::Markdown, Document::Statement(said)) => said.markdown(),
            (ReportFormat::Html, Document::Plan(plan)) => html::plan(plan),
            (ReportFormat::Html, Document::Drift(plan)) => html::drift(plan),
            (ReportFormat::Html, Document::Report(report, _) | Document::Merged(report)) => {
                html::report(report)
            }
            (ReportFormat::Html, Document::Findings(findings)) => {
                html::validation(&options.command, findings)
            }
            (ReportFormat::Html, Document::Statement(said)) => said.html(),
            (ReportFormat::Json, Document::Plan(plan) | Document::Drift(plan)) => json(plan)?,
            (ReportFormat::Json, Document::Report(report, _) | Document::Merged(report)) => json(report)?,
            (ReportFormat::Json, Document::Statement(said)) => said.json()?,
            (ReportFormat::Json, Document::Findings(findings)) => {
                json(&FindingList { format_version: FORMAT_VERSION, shard: options.as_shard(), findings })?
            }
            (ReportFormat::Sarif, document) => json(&sarif::sarif(&document.issues()))?,
            (ReportFormat::Comment, Document::Plan(plan)) => comment::plan(plan),
            (ReportFormat::Comment, Document::Drift(plan)) => comment::drift(plan),
            (ReportFormat::Comment, Document::Report(report, plan)) => comment::report(report, plan),
            (ReportFormat::Comment, Document::Findings(findings)) => {
                comment::validation(&options.command, findings)
            }
            // Refused when the run begins.
            (ReportFormat::Comment, Document::Statement(_) | Document::Merged(_)) => String::new(),
            (ReportFormat::OpenMetrics, document) => document.measured(),
            (ReportFormat::CodeQuality, document) => {
                json(&annotations::code_quality(&document.issues_beside_comments(options)))?
            }
        })
    }

    /// What is measured of it, and when.
    fn measured(&self) -> String {
        let measures = match self {
            Document::Plan(plan) | Document::Drift(plan) => openmetrics::of_plan(plan),
            Document::Report(report, _) | Document::Merged(report) => openmetrics::of_report(report),
            Document::Statement(said) => said.measures(),
            Document::Findings(findings) => vec![openmetrics::findings(findings)],
        };
        let whole = match self {
            Document::Plan(plan) | Document::Drift(plan) => plan.incomplete.is_empty() && !plan.has_errors(),
            Document::Report(report, _) | Document::Merged(report) => {
                report.summary.failed + report.summary.skipped == 0
            }
            Document::Statement(said) => {
                said.issues().iter().all(|finding| finding.severity != Severity::Error)
            }
            Document::Findings(findings) => {
                findings.iter().all(|finding| finding.severity != Severity::Error)
            }
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        openmetrics::text(&measures, whole, now.map_or(0, |now| now.as_secs()))
    }

    /// Annotates the lines of specs in a pipeline. Commands for hosts go to stderr, so that stdout stays a result.
    pub(super) fn annotate(&self, options: &Options) {
        if let Some(host) = options.annotations.host() {
            let much = match (options.quiet, options.is_verbose()) {
                (true, _) => Much::Errors,
                (false, false) => Much::Loud,
                (false, true) => Much::All,
            };
            output::commands(&annotations::annotations(&self.issues_beside_comments(options), host, much));
        }
    }

    /// All issues, for places that whoever reads a comment reads too.
    fn issues_beside_comments(&self, options: &Options) -> Vec<Issue> {
        let folders = &folders();
        match self {
            _ if options.disclose => self.issues(),
            Document::Plan(plan) => comment::issues_of_plan(plan, folders),
            Document::Drift(plan) => comment::issues_of_drift(plan, folders),
            Document::Report(report, plan) => {
                comment::issues_of_findings(&report.findings, Some(plan), folders)
            }
            Document::Merged(report) => comment::issues_of_findings(&report.findings, None, folders),
            Document::Statement(said) => comment::issues_of_findings(&said.issues(), None, folders),
            Document::Findings(findings) => comment::issues_of_findings(findings, None, folders),
        }
    }

    /// All issues. A difference is a note in a plan, where it is intended, and a warning in a drift.
    fn issues(&self) -> Vec<Issue> {
        let folders = &folders();
        match self {
            Document::Plan(plan) => issues::of_plan(plan, Severity::Note, folders),
            Document::Drift(plan) => issues::of_plan(plan, Severity::Warning, folders),
            Document::Report(report, _) | Document::Merged(report) => {
                issues::of_findings(&report.findings, folders)
            }
            Document::Statement(said) => issues::of_findings(&said.issues(), folders),
            Document::Findings(findings) => issues::of_findings(findings, folders),
        }
    }
}

/// The folder in which the run began, and the repository around it, from which hosts name files.
fn folders() -> Folders {
    let here = std::env::current_dir().unwrap_or_default();
    let root = here.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&here);
    Folders { root: root.display().to_string(), here: here.display().to_string() }
}

impl From<Format> for ReportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Human => ReportFormat::Human,
            Format::Json => ReportFormat::Json,
            Format::Markdown => ReportFormat::Markdown,
            Format::Html => ReportFormat::Html,
        }
    }
}

/// A document as JSON, with invisible characters escaped and no line that a pipeline would take for a command.
pub(super) fn json(document: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|error| Failure::new("failed to write the result as JSON").cause(error))?;
    Ok(format!("{}\n", sanitize_json(&text)))
}

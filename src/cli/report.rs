//! `keyless report merge`: the reports of all shards as one.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::Exit;
use super::document::Document;
use super::keys::exit_of_status;
use super::options::{Format, Options};
use super::output::{self, Failure};
use super::session::{exit_of, exit_of_drift};
use crate::document::FindingEntry;
use crate::document::report::Report;
use crate::files;
use crate::finding::Severity;
use crate::flow::merge::{self, MergeError, Merging, ShardReport, WholeReport};
use crate::text::sanitize::sanitize;

/// Largest report in bytes, like that of a saved plan.
const LARGEST: u64 = 512 << 20;

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: ReportCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ReportCommand {
    /// Merge the JSON reports of all shards into one, and exit as one run would have
    ///
    /// Each shard writes its report with `--shard I/N --report json=FILE`. A shard whose report is missing, old or unreadable, or that ended without a
    /// result, is an error of the merged report.
    Merge(MergeArgs),
}

#[derive(Debug, clap::Args)]
struct MergeArgs {
    /// The reports, or folders: each `.json` file in one is a report
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Exit 2 if there are changes to make, of `plan`
    #[arg(long)]
    detailed_exitcode: bool,
    /// Lift a guard that counts over all shards
    #[arg(long, value_name = "RULE", value_parser = ["deletes"])]
    allow: Vec<String>,
    /// Leave out reports of runs that began longer ago
    #[arg(long, value_name = "HOURS", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..))]
    max_age: u16,
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    let ReportCommand::Merge(args) = &args.command;
    let files = listed(&args.files)?;
    options.look_at_reports(&files);
    let (mut reports, mut unread): (Vec<ShardReport>, Vec<(String, String)>) = (Vec::new(), Vec::new());
    for path in &files {
        let file = sanitize(&path.display().to_string()).into_owned();
        let text = files::read_text(path, LARGEST).map_err(|error| error.to_string());
        let report = text.map(|text| merge::parse(&file, &text));
        match report {
            Ok(report) => match report.map_err(|error| unmerged(&error))? {
                Ok(report) => reports.push(report),
                Err(why) => unread.push((file, why)),
            },
            Err(why) => unread.push((file, why)),
        }
    }
    let merging = Merging { lifted: &args.allow, now: Timestamp::now(), max_age: args.max_age };
    let (command, whole) = merge::merge(reports, &unread, merging).map_err(|error| unmerged(&error))?;
    // The document says what it would have said of the command.
    let options = &Options { command, shard: None, ..options.clone() };
    options.comment_fits()?;
    let pending = if args.detailed_exitcode { Exit::Pending } else { Exit::Success };
    match &whole {
        WholeReport::Plan(plan) => {
            Document::Plan(plan).write(options)?;
            Ok(exit_of(plan, pending))
        }
        WholeReport::Drift(plan) => {
            Document::Drift(plan).write(options)?;
            Ok(exit_of_drift(plan))
        }
        WholeReport::Report(report) => {
            if options.report.iter().any(super::document::ReportFile::is_comment) {
                return Err(Failure::new("reports of `keyless apply` cannot be merged into a comment")
                    .hint("use `markdown=FILE`, and show it only to those who may see all of it"));
            }
            Document::Merged(report).write(options)?;
            Ok(exit_of_report(report))
        }
        WholeReport::Access(said) => {
            Document::Statement(said).write(options)?;
            Ok(exit_of_findings(&said.findings))
        }
        WholeReport::Outputs(said) => {
            Document::Statement(said).write(options)?;
            Ok(exit_of_findings(&said.findings))
        }
        WholeReport::Keys(said) => {
            Document::Statement(said).write(options)?;
            Ok(exit_of_status(said))
        }
        WholeReport::Findings(findings, stacks) => {
            Document::Findings(findings).write(options)?;
            let exit = exit_of_findings(findings);
            if exit == Exit::Success && options.format == Format::Human {
                output::result(&format!("valid: stack {}\n", stacks.join(", ")))?;
            }
            Ok(exit)
        }
    }
}

fn unmerged(error: &MergeError) -> Failure {
    Failure::new(error.to_string())
        .hint("give the report of each shard of one run, written with `--shard I/N --report json=FILE`")
}

/// The files, and those of folders.
fn listed(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let unread = |error| {
            Failure::new(format!("failed to read the folder `{}`", sanitize(&path.display().to_string())))
                .cause(error)
        };
        let entries = std::fs::read_dir(path).map_err(unread)?;
        let mut inside = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(unread)?;
        inside.retain(|path| is_json(path));
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|own| own.eq_ignore_ascii_case("json"))
}

fn exit_of_findings(findings: &[FindingEntry]) -> Exit {
    let failed = findings.iter().any(|finding| finding.severity == Severity::Error);
    if failed { Exit::Failure } else { Exit::Success }
}

/// As `apply` ends: a guard's refusal outranks nothing that failed.
fn exit_of_report(report: &Report) -> Exit {
    let counts = report.summary;
    let is_wrong = |finding: &FindingEntry| finding.severity == Severity::Error && !finding.is_refusal();
    if counts.failed + counts.skipped + counts.refused + counts.unknown > 0
        || report.findings.iter().any(is_wrong)
    {
        return Exit::Failure;
    }
    if report.findings.iter().any(FindingEntry::is_refusal) { Exit::Refused } else { Exit::Success }
}

//! `keyless lock`: looks up the principals that specs name, and writes lock files or compares with them.

use super::Exit;
use super::document::{Document, OutFile, all, json};
use super::options::{Format, Options};
use super::output::{self, Failure};
use super::session::{Session, Specs, block_on, read_specs, refuse};
use super::specs::diagnostics;
use crate::finding::Open;
use crate::flow::{Checked, locks};
use crate::spec::Loaded;
use std::fmt::Write as _;

/// Arguments of `lock`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    specs: Specs,
    /// Write nothing; exit 2 if the directory disagrees with the lock files
    #[arg(long)]
    check: bool,
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    let mut checked = read_specs(options, &args.specs.specs);
    if checked.has_errors() {
        return refuse(options, &checked);
    }
    let mut reads = checked.sources.paths().to_vec();
    let outs = if args.check { Vec::new() } else { outs(options, &checked)? };
    reads.extend(checked.stacks.iter().filter_map(|loaded| locks::path_of(loaded, &checked.sources)));
    options.look_at_reports(&reads);
    let fresh = block_on(async {
        let session = Session::connect(options).await?;
        let fresh = session.azure.look_up(&checked).await;
        session.close().await;
        Ok(fresh?)
    })?;
    let mut locks = Vec::new();
    for (loaded, (lock, open)) in checked.stacks.iter().zip(fresh) {
        checked
            .findings
            .extend(open.into_iter().map(|(Open::Unknown(finding) | Open::Refused(finding))| *finding));
        locks.push((loaded, lock));
    }
    let unresolved = checked.has_errors();
    let environment = checked.environment.as_deref();
    let mut lines = String::new();
    let mut differences = Vec::new();
    for (loaded, lock) in &locks {
        if args.check {
            differences.extend(locks::differences(loaded, lock, &checked.sources, environment));
        }
    }
    if !unresolved {
        for (out, (loaded, lock)) in outs.iter().zip(&locks) {
            let Some(out) = out else { continue };
            // One that cannot be read is replaced, as it says itself.
            let whole =
                locks::merged(loaded, lock, &checked.sources, environment).unwrap_or_else(|_| lock.clone());
            out.write(&json(&whole)?)?;
            let (count, kept) = (lock.principals.len(), whole.principals.len() - lock.principals.len());
            let principals = if count == 1 { "principal" } else { "principals" };
            let more = match kept {
                0 => String::new(),
                1 => "; 1 more is kept for other environments".to_owned(),
                more => format!("; {more} more are kept for other environments"),
            };
            let _ = writeln!(lines, "wrote {} ({count} {principals}{more})", out.path().display());
        }
    }
    let differ = !differences.is_empty();
    checked.findings.extend(differences);
    show(options, &checked, &lines, args.check)?;
    Ok(match (unresolved, differ) {
        (true, _) => Exit::Failure,
        (false, true) => Exit::Pending,
        (false, false) => Exit::Success,
    })
}

fn show(options: &Options, checked: &Checked, lines: &str, comparing: bool) -> Result<(), Failure> {
    let entries = checked.entries();
    if options.format != Format::Human {
        return Document::Findings(&entries).write(options);
    }
    let reported = Document::Findings(&entries).write_reports(options);
    output::aside(&diagnostics(checked));
    let said = match (lines.is_empty(), checked.has_errors()) {
        (false, _) => output::result(lines),
        (true, true) => Ok(()),
        (true, false) if comparing => output::result("the lock files match the directory\n"),
        (true, false) => output::result("nothing to write: the specs use no names that need a lookup\n"),
    };
    all([reported, said])
}

/// The lock files to write: of specs that use names, and those that exist already.
fn outs(options: &Options, checked: &Checked) -> Result<Vec<Option<OutFile>>, Failure> {
    let out = |loaded: &Loaded| {
        let Some(path) = locks::path_of(loaded, &checked.sources) else { return Ok(None) };
        let stands = std::fs::symlink_metadata(&path).is_ok();
        if stands && !locks::is_plain(&path).is_ok_and(|plain| plain) {
            return Err(Failure::new(format!("failed to write `{}`", path.display()))
                .cause("it is not a regular file")
                .hint("keyless follows no links to lock files: remove it first"));
        }
        let wanted = stands || locks::is_needed(loaded);
        wanted.then(|| OutFile::open(&path, checked.sources.paths(), options)).transpose()
    };
    checked.stacks.iter().map(out).collect()
}

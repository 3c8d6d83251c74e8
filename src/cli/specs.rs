//! Specs as every command takes them: read, checked, and refused with all that is wrong.

use std::io;
use std::path::PathBuf;

use super::Exit;
use super::document::Document;
use super::lock;
use super::options::{Format, Options};
use super::output::{self, Failure};
use crate::flow::{Checked, held_against, pins};
use crate::render::diagnostic;
use crate::source::Sources;
use crate::spec;
use crate::spec::variables::VariableInputs;

/// Which specs.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Specs {
    /// Spec files, folders of them, or `-` for stdin
    #[arg(value_name = "SPEC", default_value = "specs")]
    pub specs: Vec<PathBuf>,
}

/// Findings as a compiler shows them.
pub(super) fn diagnostics(checked: &Checked) -> String {
    diagnostic::render(&checked.findings, &checked.sources, true)
}

/// Reads and checks specs, with the lock files beside them; nothing is asked of Azure. The report files are looked at as well.
pub(super) fn check(options: &Options, paths: &[PathBuf]) -> Checked {
    check_beside(options, paths, &[])
}

/// Like [`check`], for a run that reads other files too.
pub(super) fn check_beside(options: &Options, paths: &[PathBuf], others: &[PathBuf]) -> Checked {
    let mut checked = read_specs(options, paths);
    // Whether there is a lock file or not, and whether its spec can be read or not.
    let locks: Vec<PathBuf> =
        checked.sources.paths().iter().map(|path| path.with_extension("lock.json")).collect();
    for path in locks.iter().chain(others) {
        checked.sources.note(path);
    }
    for loaded in &mut checked.stacks {
        let path = lock::path_of(loaded, &checked.sources);
        match path.as_deref().map(lock::read).transpose() {
            Ok(found) => loaded.lock = found.flatten(),
            Err(problem) => checked.findings.push(problem.at(loaded.document.value_span("/stack"))),
        }
        checked.findings.extend(held_against(loaded, None));
    }
    checked.findings.sort_by_key(|finding| finding.span);
    options.look_at_reports(checked.sources.paths());
    checked
}

/// Reads and checks specs by themselves.
pub(super) fn read_specs(options: &Options, paths: &[PathBuf]) -> Checked {
    let mut sources = Sources::default();
    let inputs = VariableInputs::new(options.var.clone(), options.var_file.clone(), std::env::vars_os());
    let (stacks, mut findings) = spec::read(paths, &inputs, &mut sources, io::stdin(), crate::kinds::check);
    findings.extend(pins::other_stacks(&options.stack, &stacks));
    // Each stage told what it found; a reader goes through the file.
    findings.sort_by_key(|finding| finding.span);
    Checked { stacks, findings, sources }
}

/// Tells what is wrong with specs and ends: nothing is asked of Azure.
pub(super) fn refuse(options: &Options, checked: &Checked) -> Result<Exit, Failure> {
    let entries = checked.entries();
    let document = Document::Findings(&entries);
    let written = if options.format == Format::Human {
        document.write_reports(options)
    } else {
        document.write(options)
    };
    output::aside(&diagnostics(checked));
    output::aside(&format!("\n{}\n", diagnostic::summary(&checked.findings)));
    written.map(|()| Exit::Failure)
}

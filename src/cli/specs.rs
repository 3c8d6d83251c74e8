//! Specs as every command takes them: read, checked, and refused with all that is wrong.

use std::io;
use std::path::PathBuf;

use super::Exit;
use super::document::Document;
use super::lock;
use super::options::{Format, Options};
use super::output::{self, Failure};
use crate::document::FindingEntry;
use crate::finding::{Code, Finding, Severity};
use crate::kinds::Kind as _;
use crate::kinds::account::Accounts;
use crate::kinds::role_assignment::principals_of;
use crate::render::diagnostic;
use crate::snapshot::Snapshot;
use crate::source::{Sources, Span};
use crate::spec::variables::VariableInputs;
use crate::spec::{self, Loaded};

/// Which specs.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Specs {
    /// Spec files, folders of them, or `-` for stdin
    #[arg(value_name = "SPEC", default_value = "specs")]
    pub specs: Vec<PathBuf>,
}

/// Specs that were read and checked.
#[derive(Clone)]
pub(super) struct Checked {
    /// The stacks.
    pub stacks: Vec<Loaded>,
    /// Everything there is to say so far.
    pub findings: Vec<Finding>,
    /// The files, for places.
    pub sources: Sources,
}

impl Checked {
    /// Whether a finding is an error.
    pub(super) fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// How many findings are errors.
    pub(super) fn errors(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error).count()
    }

    /// The address of each declared account, and where it stands.
    pub(super) fn accounts(&self) -> Vec<(String, Span)> {
        let desired = self.stacks.iter().flat_map(|loaded| Accounts.desired(loaded, &Snapshot::default()));
        desired.map(|desired| (desired.address, desired.span)).collect()
    }

    /// Findings as documents hold them.
    pub(super) fn entries(&self) -> Vec<FindingEntry> {
        self.findings.iter().map(|finding| FindingEntry::new(finding, &self.sources)).collect()
    }

    /// Findings as a compiler shows them.
    pub(super) fn diagnostics(&self) -> String {
        diagnostic::render(&self.findings, &self.sources, true)
    }
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
        let problems =
            loaded.lock.as_ref().map(|lock| lock.problems(loaded, &principals_of(&loaded.spec), None));
        checked.findings.extend(problems.into_iter().flatten());
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
    for loaded in &stacks {
        if !options.stack.is_empty() && !options.stack.contains(&loaded.spec.stack) {
            let message = format!(
                "this run is pinned to stack `{}`, not `{}`",
                options.stack.join("`, `"),
                loaded.spec.stack
            );
            let hint = "give the spec of the pinned stack only, or add `--stack` for this one";
            let span = loaded.document.value_span("/stack");
            findings.push(Finding::error(Code::StackMismatch, message).at(span).hint(hint));
        }
    }
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
    output::aside(&checked.diagnostics());
    output::aside(&format!("\n{}\n", diagnostic::summary(&checked.findings)));
    written.map(|()| Exit::Failure)
}

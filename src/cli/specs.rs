//! Reads specs from arguments, for every command, and reports all their errors. `flow::Checked` does the reading.

use std::io;
use std::path::PathBuf;

use super::Exit;
use super::document::Document;
use super::options::{Format, Options, now};
use super::output::{self, Failure};
use crate::document::Shard;
use crate::flow::Checked;
use crate::render::diagnostic;
use crate::spec::variables::VariableInputs;

/// The specs of a command.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Specs {
    /// Spec files, folders of specs, or `-` for stdin
    #[arg(value_name = "SPEC", default_value = "specs")]
    pub specs: Vec<PathBuf>,
}

/// Findings as a compiler shows them.
pub(super) fn diagnostics(checked: &Checked) -> String {
    diagnostic::render(&checked.findings, &checked.sources, true, output::page_aside())
}

/// Reads and checks specs with the lock files beside them, without asking Azure, and checks the report files.
pub(super) fn check(options: &Options, paths: &[PathBuf]) -> Checked {
    check_beside(options, paths, &[])
}

/// Like [`check`], for a run that reads other files too.
pub(super) fn check_beside(options: &Options, paths: &[PathBuf], others: &[PathBuf]) -> Checked {
    let checked = read(options, paths).with_locks().select(&options.select, &options.stack);
    let mut checked = part(options, checked);
    for path in others {
        checked.sources.note(path);
    }
    options.look_at_reports(checked.sources.paths());
    checked
}

/// Reads and checks specs by themselves.
pub(super) fn read_specs(options: &Options, paths: &[PathBuf]) -> Checked {
    let checked = read(options, paths).select(&options.select, &options.stack);
    part(options, checked)
}

/// Keeps this run's part of a fleet.
fn part(options: &Options, checked: Checked) -> Checked {
    let wishes: [&[String]; 3] = [&options.select, &options.stack, &options.within];
    let checked = checked.keep_shard(options.shard, &options.command, now(), &wishes);
    if let Some(shard) = &checked.shard {
        options.part.get_or_init(|| Shard::clone(shard));
    }
    checked
}

fn read(options: &Options, paths: &[PathBuf]) -> Checked {
    let mut inputs = VariableInputs::new(options.var.clone(), options.var_file.clone(), std::env::vars_os());
    inputs.beside.clone_from(&options.env);
    Checked::read(paths, io::stdin(), &inputs)
}

/// Reports the errors of specs and ends the run before it asks Azure.
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

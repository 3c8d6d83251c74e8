//! `keyless validate`: everything that can be said without Azure.

use serde::Serialize;

use super::Exit;
use super::options::{Format, Options};
use super::output::{self, Failure};
use super::session::{Checked, Specs, check};
use crate::plan::document::{FORMAT_VERSION, FindingEntry};
use crate::render::diagnostic;

/// Arguments of `validate`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    specs: Specs,
}

/// What `validate --format json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Findings {
    format_version: &'static str,
    findings: Vec<FindingEntry>,
}

impl Findings {
    /// The findings of specs.
    pub(super) fn new(checked: &Checked) -> Self {
        Self { format_version: FORMAT_VERSION, findings: checked.entries() }
    }
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    let checked = check(options, &args.specs.specs);
    let failed = checked.has_errors();
    if options.format == Format::Json {
        output::json(&Findings::new(&checked))?;
    } else {
        output::aside(&checked.diagnostics());
        let stacks: Vec<&str> = checked.stacks.iter().map(|loaded| loaded.spec.stack.as_str()).collect();
        if failed {
            output::aside(&format!("\n{}\n", diagnostic::summary(&checked.findings)));
        } else {
            output::result(&format!("valid: stack {}\n", stacks.join(", ")))?;
        }
    }
    Ok(if failed { Exit::Failure } else { Exit::Success })
}

//! `keyless validate`: everything that can be checked without Azure.

use super::Exit;
use super::document::{Document, all};
use super::options::{Format, Options};
use super::output::{self, Failure};
use super::session::{Specs, check};
use super::specs::diagnostics;
use super::variables::refuse_unusable_variables;
use crate::flow::ShardNumber;
use crate::render::diagnostic;

/// Arguments of `validate`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    specs: Specs,
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    // A variable may be missing here, but if it is set, it must be usable.
    refuse_unusable_variables(options)?;
    let checked = check(options, &args.specs.specs).with_unjudged();
    let entries = checked.entries();
    let failed = checked.has_errors();
    if options.format != Format::Human {
        Document::Findings(&entries).write(options)?;
        return Ok(if failed { Exit::Failure } else { Exit::Success });
    }
    let reported = Document::Findings(&entries).write_reports(options);
    output::aside(&diagnostics(&checked));
    if failed {
        output::aside(&format!("\n{}\n", diagnostic::summary(&checked.findings)));
        return reported.map(|()| Exit::Failure);
    }
    let stacks: Vec<&str> = checked.stacks.iter().map(|loaded| loaded.spec.stack.as_str()).collect();
    let valid = match (stacks.as_slice(), options.shard) {
        ([], Some(ShardNumber { index, of })) => format!("valid: no stack is in shard {index} of {of}\n"),
        (stacks, _) => format!("valid: stack {}\n", stacks.join(", ")),
    };
    all([reported, output::result(&valid)])?;
    Ok(Exit::Success)
}

//! `keyless outputs`: endpoints, ids and identities of accounts and projects, for applications.

use super::Exit;
use super::document::{Document, all};
use super::options::Options;
use super::output::{self, Failure};
use super::session::{Session, Specs, over_specs};
use super::specs::diagnostics;
use crate::accounts::outputs::{outputs, queries};
use crate::flow::Checked;
use crate::render::diagnostic;

/// Arguments of `outputs`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    specs: Specs,
    /// Print `KEY=value` lines for a pipeline; print nothing if anything is wrong
    #[arg(long)]
    dotenv: bool,
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    over_specs(options, &args.specs, async |session, checked| show(options, args, session, checked).await)
}

async fn show(
    options: &Options,
    args: &Args,
    session: &Session,
    mut checked: Checked,
) -> Result<Exit, Failure> {
    let (snapshot, standing) = session.azure.look(&mut checked, queries).await?;
    let (outputs, findings) = outputs(&checked.stacks, &standing, &snapshot, &checked.sources);
    checked.findings.extend(findings);
    let variables = if args.dotenv { outputs.variables() } else { Ok(String::new()) };
    let variables = variables.unwrap_or_else(|findings| {
        checked.findings.extend(findings);
        String::new()
    });
    let document = session.azure.state(outputs, &checked);
    let exit = if document.has_errors() { Exit::Failure } else { Exit::Success };
    if !args.dotenv {
        Document::Statement(&document).write(options)?;
        return Ok(exit);
    }
    let reported = Document::Statement(&document).write_reports(options);
    if exit == Exit::Success {
        all([reported, output::data(&variables)])?;
    } else {
        output::aside(&diagnostics(&checked));
        output::aside(&format!("\n{}\n", diagnostic::summary(&checked.findings)));
        reported?;
    }
    if !options.quiet {
        output::aside(&format!("Target: {}\n", document.target));
    }
    Ok(exit)
}

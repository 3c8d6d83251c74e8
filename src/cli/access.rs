//! `keyless access`: who can call the models of the accounts.

use super::Exit;
use super::document::Document;
use super::options::Options;
use super::output::Failure;
use super::session::{Session, Specs, over_specs};
use crate::access::{access, queries};
use crate::flow::Checked;

/// Arguments of `access`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    specs: Specs,
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    over_specs(options, &args.specs, async |session, checked| tell(options, session, checked).await)
}

async fn tell(options: &Options, session: &Session, mut checked: Checked) -> Result<Exit, Failure> {
    let (snapshot, standing) = session.azure.look(&mut checked, queries).await?;
    let (access, findings) = access(&checked.stacks, &standing, &snapshot, &checked.sources);
    checked.findings.extend(findings);
    let document = session.azure.state(access, &checked);
    Document::Statement(&document).write(options)?;
    Ok(if document.has_errors() { Exit::Failure } else { Exit::Success })
}

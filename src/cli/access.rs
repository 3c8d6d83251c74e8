//! `keyless access`: who can call the models of the accounts.

use super::Exit;
use super::document::Document;
use super::options::Options;
use super::output::Failure;
use super::session::{Checked, Session, Specs, block_on, check, refuse};
use crate::access::{access, queries};

/// Arguments of `access`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    specs: Specs,
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    let checked = check(options, &args.specs.specs);
    if checked.has_errors() {
        return refuse(options, &checked);
    }
    block_on(async {
        let session = Session::connect(options).await?;
        let exit = tell(options, &session, checked).await;
        session.close().await;
        exit
    })
}

async fn tell(options: &Options, session: &Session, mut checked: Checked) -> Result<Exit, Failure> {
    let (snapshot, standing) = session.look(&mut checked, queries).await?;
    let (access, findings) = access(&checked.stacks, &standing, &snapshot, &checked.sources);
    checked.findings.extend(findings);
    let document = session.state(access, &checked);
    Document::Statement(&document).write(options)?;
    Ok(if document.has_errors() { Exit::Failure } else { Exit::Success })
}

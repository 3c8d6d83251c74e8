//! `keyless access`: who can call the models of the accounts.

use super::Exit;
use super::document::Document;
use super::keys::subscription;
use super::options::Options;
use super::output::Failure;
use super::session::{Session, Specs, block_on, check, refuse};
use crate::access::{AskedAccounts, Groups, access, queries};
use crate::accounts;
use crate::flow::Checked;
use crate::id::ResourceId;
use crate::snapshot::Snapshot;
use crate::spec::Loaded;

/// Arguments of `access`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    specs: Specs,
    /// Check all accounts of this subscription instead of the specs
    #[arg(long, value_name = "GUID", conflicts_with = "specs", value_parser = subscription)]
    subscription: Option<ResourceId>,
    /// List the members of groups too, as far as Microsoft Graph shows them
    #[arg(long)]
    members: bool,
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    let checked = match args.subscription {
        Some(_) => {
            options.without_specs()?;
            Checked::default()
        }
        None => check(options, &args.specs.specs),
    };
    if checked.has_errors() {
        return refuse(options, &checked);
    }
    block_on(async {
        let session = Session::connect(options).await?;
        let exit = show(options, args, &session, checked).await;
        session.close().await;
        exit
    })
}

async fn show(
    options: &Options,
    args: &Args,
    session: &Session,
    mut checked: Checked,
) -> Result<Exit, Failure> {
    let groups = if args.members { Groups::Opened } else { Groups::Closed };
    let (snapshot, standing) = match &args.subscription {
        Some(subscription) => {
            let wanted = |known: &Snapshot| queries(AskedAccounts::In(subscription), groups, known);
            let (snapshot, standing, findings) = session.azure.listed(subscription, &wanted).await?;
            checked.findings.extend(findings);
            (snapshot, standing)
        }
        None => {
            let wanted =
                |stacks: &[Loaded], known: &Snapshot| queries(AskedAccounts::Of(stacks), groups, known);
            let (snapshot, mut standing) = session.azure.look(&mut checked, wanted).await?;
            let (given, findings) = accounts::given(&checked.stacks, &snapshot);
            standing.extend(given);
            checked.findings.extend(findings);
            (snapshot, standing)
        }
    };
    let wanted = match &args.subscription {
        Some(subscription) => AskedAccounts::In(subscription),
        None => AskedAccounts::Of(&checked.stacks),
    };
    let (mut access, findings) = access(wanted, groups, &standing, &snapshot, &checked.sources);
    access.complete &= !checked.has_errors();
    checked.findings.extend(findings);
    let document = session.azure.state(access, &checked);
    Document::Statement(&document).write(options)?;
    Ok(if document.has_errors() { Exit::Failure } else { Exit::Success })
}

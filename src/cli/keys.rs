//! `keyless keys`: which accounts take API keys, and new keys that nobody knows.

use super::document::Document;
use super::options::Options;
use super::output::Failure;
use super::pins;
use super::session::{Checked, Session, Specs, block_on, check, refuse};
use super::{Exit, confirm};
use crate::arm::Phase;
use crate::finding::{Code, Finding};
use crate::id::ResourceId;
use crate::keys::revoke::revoke;
use crate::keys::{Revocation, status};
use crate::source::Sources;
use crate::standing::Standing;

/// Arguments of `keys`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Say which accounts take API keys; exit 2 if one does. No key is read
    Status(StatusArgs),
    /// Regenerate both keys of accounts, so that the old ones are refused. No key is shown or kept
    Revoke(RevokeArgs),
}

#[derive(Debug, clap::Args)]
struct StatusArgs {
    #[command(flatten)]
    specs: Specs,
    /// All accounts of this subscription instead of those of specs
    #[arg(long, value_name = "GUID", conflicts_with = "specs", value_parser = subscription)]
    subscription: Option<ResourceId>,
}

#[derive(Debug, clap::Args)]
struct RevokeArgs {
    #[command(flatten)]
    specs: Specs,
    /// Only this account of the specs, by its name or address; may be repeated
    #[arg(long, value_name = "ACCOUNT")]
    account: Vec<String>,
    /// Regenerate without asking
    #[arg(long)]
    yes: bool,
}

pub(super) fn subscription(text: &str) -> Result<ResourceId, String> {
    let id = uuid::Uuid::try_parse(text).map_err(|_| "a subscription is given by its GUID")?;
    Ok(ResourceId::subscription(&id.to_string()))
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    let (specs, subscription) = match &args.command {
        Command::Status(args) => (&args.specs, args.subscription.as_ref()),
        Command::Revoke(args) => {
            confirm::possible(args.yes, "look at `keyless keys status`", "keys revoke")?;
            (&args.specs, None)
        }
    };
    let checked = match subscription {
        Some(_) => Checked { stacks: Vec::new(), findings: Vec::new(), sources: Sources::default() },
        None => check(options, &specs.specs),
    };
    if checked.has_errors() {
        return refuse(options, &checked);
    }
    block_on(async {
        let session = Session::connect(options).await?;
        let exit = match &args.command {
            Command::Status(args) => tell(options, args, &session, checked).await,
            Command::Revoke(args) => renew(options, args, &session, checked).await,
        };
        session.close().await;
        exit
    })
}

async fn tell(
    options: &Options,
    args: &StatusArgs,
    session: &Session,
    mut checked: Checked,
) -> Result<Exit, Failure> {
    let standing = match &args.subscription {
        Some(subscription) => {
            let (standing, findings) = session.listed(subscription).await?;
            checked.findings.extend(findings);
            standing
        }
        None => session.accounts(&mut checked).await?,
    };
    let document = session.state(status(&standing, &checked.sources), &checked);
    Document::Statement(&document).write(options)?;
    Ok(match (document.has_errors(), document.about.summary.enabled) {
        (true, _) => Exit::Failure,
        (false, 0) => Exit::Success,
        (false, _) => Exit::Pending,
    })
}

async fn renew(
    options: &Options,
    args: &RevokeArgs,
    session: &Session,
    mut checked: Checked,
) -> Result<Exit, Failure> {
    let mut standing = session.accounts(&mut checked).await?;
    // Nothing of another tenant's is written.
    if checked.findings.iter().any(|finding| finding.code == Code::TenantMismatch) {
        return refuse(options, &checked);
    }
    if !args.account.is_empty() {
        standing = named(standing, &args.account, &mut checked)?;
    }
    let scopes = pins::scopes(&options.within)?;
    let is_outside =
        |account: &&Standing| !scopes.is_empty() && !scopes.iter().any(|scope| scope.contains(&account.id));
    if let Some(outside) = standing.iter().find(is_outside) {
        let message = format!(
            "{} is outside of `{}`, to which this run is pinned",
            outside.title(),
            options.within.join("`, `")
        );
        return Err(Failure::new(message).hint("name other accounts with `--account`, or widen `--within`"));
    }
    if !standing.is_empty() {
        let names: Vec<&str> = standing.iter().map(Standing::name).collect();
        let question = format!(
            "Regenerate both keys of {} in {}? Whoever calls with one of them now is refused from then on.",
            names.join(", "),
            session.target.place()
        );
        confirm::confirm(args.yes, &question, &session.interrupt).await?;
    }
    session.spinner.say("regenerating keys");
    session.interrupt.enter(Phase::Writing);
    let (accounts, findings) = revoke(&standing, &session.client, &checked.sources).await;
    session.interrupt.enter(Phase::Telling);
    session.spinner.clear();
    checked.findings.extend(findings);
    let document = session.state(Revocation::new(accounts), &checked);
    Document::Statement(&document).write(options)?;
    Ok(if document.has_errors() { Exit::Failure } else { Exit::Success })
}

/// The accounts that were asked for; one that no spec declares is a mistake. What is said of the others is left out.
fn named(
    standing: Vec<Standing>,
    wanted: &[String],
    checked: &mut Checked,
) -> Result<Vec<Standing>, Failure> {
    let declared: Vec<(String, crate::source::Span)> = checked.accounts();
    for name in wanted {
        if !declared.iter().any(|(address, _)| is(address, name)) {
            let known: Vec<&str> = declared.iter().map(|(address, _)| address.as_str()).collect();
            return Err(Failure::new(format!("no spec declares an account `{name}`"))
                .hint(format!("declared are {}", known.join(", "))));
        }
    }
    let chosen = |address: &str| wanted.iter().any(|name| is(address, name));
    let others: Vec<_> =
        declared.iter().filter(|(address, _)| !chosen(address)).map(|(_, span)| *span).collect();
    let about_others = |finding: &Finding| {
        matches!(finding.code, Code::AccountAbsent | Code::UnknownState)
            && finding.span.is_some_and(|span| others.contains(&span))
    };
    checked.findings.retain(|finding| !about_others(finding));
    Ok(standing.into_iter().filter(|account| chosen(&account.address)).collect())
}

/// Whether an address is that of the account that somebody named.
fn is(address: &str, name: &str) -> bool {
    address.eq_ignore_ascii_case(name)
        || address.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(name))
}

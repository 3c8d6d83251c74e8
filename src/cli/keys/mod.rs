//! `keyless keys`: lists the accounts that accept API keys, finds out who uses keys, and regenerates keys.

mod usage;

use super::document::Document;
use super::options::Options;
use super::output::Failure;
use super::session::{Session, Specs, block_on, check, refuse};
use super::{Exit, confirm};
use crate::accounts::{self, Standing};
use crate::arm::Phase;
use crate::document::Statement;
use crate::document::keys::{KeysStatement, Revocation};
use crate::finding::{Code, Finding};
use crate::flow::Checked;
use crate::flow::pins::Within;
use crate::id::ResourceId;
use crate::keys::revoke::revoke;
use crate::keys::status;
use crate::kinds::Comparing as _;
use crate::kinds::account::Accounts;
use crate::snapshot::Snapshot;

/// Arguments of `keys`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, clap::Subcommand)]
enum KeysCommand {
    /// List the accounts that accept API keys; exit 2 if there are any. Reads no key
    Status(StatusArgs),
    /// Find out from Azure's logs and metrics who still uses API keys; exit 2 if keys are used, 1 if that could not be determined
    Usage(usage::Args),
    /// Regenerate both keys of each account, so that the old ones stop working. Shows and stores no key
    Revoke(RevokeArgs),
}

#[derive(Debug, clap::Args)]
struct StatusArgs {
    #[command(flatten)]
    specs: Specs,
    /// Check all accounts of this subscription instead of the specs
    #[arg(long, value_name = "GUID", conflicts_with = "specs", value_parser = subscription)]
    subscription: Option<ResourceId>,
}

#[derive(Debug, clap::Args)]
struct RevokeArgs {
    #[command(flatten)]
    specs: Specs,
    /// Only this account of the specs, by name or address; may be repeated
    #[arg(long, value_name = "ACCOUNT")]
    account: Vec<String>,
    /// Regenerate without asking for confirmation
    #[arg(long)]
    yes: bool,
}

pub(super) fn subscription(text: &str) -> Result<ResourceId, String> {
    let id = uuid::Uuid::try_parse(text).map_err(|_| "expected the GUID of a subscription")?;
    Ok(ResourceId::subscription(&id.to_string()))
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    let (specs, subscription) = match &args.command {
        KeysCommand::Status(args) => (&args.specs, args.subscription.as_ref()),
        KeysCommand::Usage(args) => (&args.specs, args.subscription.as_ref()),
        KeysCommand::Revoke(args) => {
            confirm::possible(args.yes, "check `keyless keys status`")?;
            (&args.specs, None)
        }
    };
    let checked = match subscription {
        Some(_) => {
            options.without_specs()?;
            Checked::default()
        }
        None => check(options, &specs.specs),
    };
    if checked.has_errors() {
        return refuse(options, &checked);
    }
    block_on(async {
        let session = Session::connect(options).await?;
        let exit = match &args.command {
            KeysCommand::Status(args) => show(options, args, &session, checked).await,
            KeysCommand::Usage(args) => usage::show(options, args, &session, checked).await,
            KeysCommand::Revoke(args) => renew(options, args, &session, checked).await,
        };
        session.close().await;
        exit
    })
}

async fn show(
    options: &Options,
    args: &StatusArgs,
    session: &Session,
    mut checked: Checked,
) -> Result<Exit, Failure> {
    let standing = standing(args.subscription.as_ref(), session, &mut checked).await?;
    let document = session.azure.state(status(&standing, &checked.sources), &checked);
    Document::Statement(&document).write(options)?;
    Ok(exit_of_status(&document))
}

/// How `keys status` ends, of one run or of all shards.
pub(super) fn exit_of_status(document: &Statement<KeysStatement>) -> Exit {
    match (document.has_errors(), document.about.summary.enabled) {
        (true, _) => Exit::Failure,
        (false, 0) => Exit::Success,
        (false, _) => Exit::Pending,
    }
}

/// The live accounts of specs, or all of a subscription.
async fn standing(
    subscription: Option<&ResourceId>,
    session: &Session,
    checked: &mut Checked,
) -> Result<Vec<Standing>, Failure> {
    let Some(subscription) = subscription else { return Ok(session.azure.accounts(checked).await?) };
    let wanted = |_: &Snapshot| vec![accounts::list(subscription)];
    let (_, standing, findings) = session.azure.listed(subscription, &wanted).await?;
    checked.findings.extend(findings);
    Ok(standing)
}

async fn renew(
    options: &Options,
    args: &RevokeArgs,
    session: &Session,
    mut checked: Checked,
) -> Result<Exit, Failure> {
    let before = checked.clone();
    let mut standing = choose(options, args, session, &mut checked).await?;
    // Accounts of another tenant are never changed.
    if is_elsewhere(&checked) {
        return refuse(options, &checked);
    }
    if !standing.is_empty() {
        let names: Vec<&str> = standing.iter().map(Standing::name).collect();
        let question = format!(
            "Regenerate both keys of {}? Clients that still use one of them will be refused.",
            names.join(", ")
        );
        confirm::confirm(args.yes, &session.azure.target, &question, &session.azure.interrupt).await?;
        if !args.yes {
            // The answer may come after an hour.
            checked = before;
            let now = choose(options, args, session, &mut checked).await?;
            if is_elsewhere(&checked) {
                return refuse(options, &checked);
            }
            let news = overtaken(&standing, &now);
            if !news.is_empty() {
                return Err(Failure::new(
                    "Azure changed while waiting for confirmation; no key was regenerated",
                )
                .cause(news.join("; "))
                .hint("run it again to see the accounts as they are now"));
            }
            standing = now;
        }
    }
    session.spinner.say("regenerating keys");
    session.azure.interrupt.enter(Phase::Writing);
    let (accounts, findings) = revoke(&standing, &session.azure.client, &checked.sources).await;
    session.azure.interrupt.enter(Phase::Telling);
    session.spinner.clear();
    checked.findings.extend(findings);
    let document = session.azure.state(Revocation::new(accounts), &checked);
    Document::Statement(&document).write(options)?;
    Ok(if document.has_errors() { Exit::Failure } else { Exit::Success })
}

fn is_elsewhere(checked: &Checked) -> bool {
    checked.findings.iter().any(|finding| finding.code == Code::TenantMismatch)
}

/// Reads the accounts whose keys are to be regenerated. Fails if this run may not change one of them.
async fn choose(
    options: &Options,
    args: &RevokeArgs,
    session: &Session,
    checked: &mut Checked,
) -> Result<Vec<Standing>, Failure> {
    let mut standing = session.azure.accounts(checked).await?;
    if !args.account.is_empty() {
        standing = named(standing, &args.account, checked)?;
    }
    let within = Within::parse(&options.within)?;
    if let Some(outside) = standing.iter().find(|account| !within.holds(&account.id)) {
        let message = format!("{} is outside of `--within` {within}", outside.title());
        return Err(Failure::new(message).hint("name other accounts with `--account`, or widen `--within`"));
    }
    for account in &standing {
        let mark = Accounts.mark(&account.body);
        if let Some(mark) = mark.filter(|mark| checked.stacks.iter().all(|loaded| loaded.spec.stack != *mark))
        {
            let message = format!(
                "{} carries the mark of stack `{mark}`, which is not in this run; no key was regenerated",
                account.title()
            );
            return Err(Failure::new(message)
                .hint("ask that stack's team to revoke its keys, or name other accounts with `--account`"));
        }
    }
    Ok(standing)
}

/// What changed on these accounts since they were shown.
fn overtaken(shown: &[Standing], now: &[Standing]) -> Vec<String> {
    let state = |account: &Standing| {
        let made = account.body["systemData"]["createdAt"].clone();
        (account.takes_keys(), Accounts.mark(&account.body), made)
    };
    let mut news = Vec::new();
    for account in shown {
        let title = account.title();
        match now.iter().find(|other| other.id == account.id) {
            None => news.push(format!("{title} no longer exists, or could not be read")),
            Some(other) if other.takes_keys() != account.takes_keys() => {
                let word = if other.takes_keys() { "accepts" } else { "refuses" };
                news.push(format!("{title} now {word} keys"));
            }
            Some(other) if state(other) != state(account) => {
                news.push(format!("{title} was recreated, or has another mark"));
            }
            Some(_) => {}
        }
    }
    let new = now.iter().filter(|account| shown.iter().all(|other| other.id != account.id));
    news.extend(new.map(|account| format!("{} is new", account.title())));
    news
}

/// The accounts that were asked for, or an error if no spec declares one. Drops the findings about other accounts.
fn named(
    standing: Vec<Standing>,
    wanted: &[String],
    checked: &mut Checked,
) -> Result<Vec<Standing>, Failure> {
    let declared: Vec<(String, crate::text::source::Span)> = checked.accounts();
    for name in wanted {
        if !declared.iter().any(|(address, _)| is(address, name)) {
            let known: Vec<&str> = declared.iter().map(|(address, _)| address.as_str()).collect();
            return Err(Failure::new(format!("no spec declares an account `{name}`"))
                .hint(format!("declared accounts: {}", known.join(", "))));
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

/// Whether `name` is this address or its last part.
fn is(address: &str, name: &str) -> bool {
    address.eq_ignore_ascii_case(name)
        || address.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(name))
}

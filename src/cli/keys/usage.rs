//! `keyless keys usage`: who still uses API keys, as far as logs and metrics show.

use super::{standing, subscription};
use crate::cli::Exit;
use crate::cli::document::Document;
use crate::cli::options::Options;
use crate::cli::output::Failure;
use crate::cli::session::{Session, Specs};
use crate::flow::Checked;
use crate::id::ResourceId;
use crate::keys::usage::MOST_DAYS;

/// Arguments of `keys usage`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) specs: Specs,
    /// Check all accounts of this subscription instead of the specs
    #[arg(long, value_name = "GUID", conflicts_with = "specs", value_parser = subscription)]
    pub(super) subscription: Option<ResourceId>,
    /// Full days to look back, 1 to 90. Default: 30, or the largest `quietDays` of the specs if greater
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_DAYS)))]
    days: Option<u32>,
    /// Look up the names of callers in the directory; otherwise object ids are shown
    #[arg(long)]
    names: bool,
}

pub(super) async fn show(
    options: &Options,
    args: &Args,
    session: &Session,
    mut checked: Checked,
) -> Result<Exit, Failure> {
    let standing = standing(args.subscription.as_ref(), session, &mut checked).await?;
    let (usage, findings) = session.azure.usage(&standing, args.days, &checked, args.names).await?;
    checked.findings.extend(findings);
    let document = session.azure.state(usage, &checked);
    Document::Statement(&document).write(options)?;
    let summary = &document.about.summary;
    // Use of keys is the answer to the question, so it outranks what could not be read.
    Ok(match (summary.keys_used + summary.calls_without_name, summary.cannot_tell) {
        (1.., _) => Exit::Pending,
        (0, 0) if !document.has_errors() => Exit::Success,
        _ => Exit::Failure,
    })
}

//! `keyless export`: live Azure as a spec, proved to plan clean before it is printed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use super::Exit;
use super::document::json;
use super::options::{Format, Options};
use super::output::{self, Failure};
use super::session::{Session, block_on};
use crate::export::{Exported, Wanted, comments, differences, drop_empty_lists, export, names, people};
use crate::finding::Severity;
use crate::snapshot::Snapshot;
use crate::source::Sources;
use crate::spec::variables::VariableInputs;
use crate::spec::write::to_yaml;
use crate::spec::{self, Loaded, structure};

/// Rounds of reading: accounts, what stands in them, what stands in that; a last one that finds nothing new.
const ROUNDS: usize = 5;

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The subscription (a GUID)
    #[arg(long, value_name = "GUID")]
    subscription: Uuid,
    /// Only what is in this resource group
    #[arg(long, value_name = "NAME")]
    resource_group: Option<String>,
    /// Only the account of this name
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    let wanted = Wanted {
        subscription: args.subscription.to_string(),
        group: args.resource_group.clone(),
        account: args.account.clone(),
        stack: options.stack.first().cloned().unwrap_or_else(|| "exported".to_owned()),
    };
    block_on(async {
        let session = Session::connect(options).await?;
        let exit = tell(options, &session, &wanted).await;
        session.close().await;
        exit
    })
}

async fn tell(options: &Options, session: &Session, wanted: &Wanted) -> Result<Exit, Failure> {
    let (exported, mut snapshot) = read(session, wanted).await?;
    let Exported { mut tree, left_out } = exported;
    drop_empty_lists(&mut tree);
    let loaded = load(&tree)?;
    let different = differences(&loaded, &snapshot);
    let people = people(&tree);
    if !people.is_empty() {
        session.ask(&[crate::principals::objects(&people)], &mut snapshot).await;
    }
    let comments = comments(&tree, &names(&people, &snapshot));
    output::result(&match options.format {
        Format::Human | Format::Markdown => to_yaml(&tree, &comments),
        Format::Json => json(&tree)?,
    })?;
    let lines = left_out.iter().map(|line| ("left out", line));
    for (what, line) in lines.chain(different.iter().map(|line| ("does not plan clean", line))) {
        output::aside(&format!("{what}: {}\n", crate::render::sanitize::sanitize(line)));
    }
    Ok(if different.is_empty() { Exit::Success } else { Exit::Failure })
}

/// Reads until a round shows nothing that the one before did not.
async fn read(session: &Session, wanted: &Wanted) -> Result<(Exported, Snapshot), Failure> {
    let mut snapshot = Snapshot::default();
    session.ask(&[wanted.query()], &mut snapshot).await;
    unread(&snapshot)?;
    let mut exported = export(wanted, &snapshot, None);
    if exported.tree["accounts"].as_array().is_none_or(Vec::is_empty) {
        return Err(Failure::new("there is no account to export")
            .hint("look with: az cognitiveservices account list --subscription ID"));
    }
    for _ in 0..ROUNDS {
        for pointer in structure::strip(&mut exported.tree) {
            exported.left_out.insert(format!("`{pointer}`: specs have no such field"));
        }
        let loaded = load(&exported.tree)?;
        snapshot = session.read_on(std::slice::from_ref(&loaded), snapshot).await;
        unread(&snapshot)?;
        let next = export(wanted, &snapshot, Some(&loaded));
        if next.tree == exported.tree {
            break;
        }
        exported = Exported { tree: next.tree, left_out: &exported.left_out | &next.left_out };
    }
    Ok((exported, snapshot))
}

/// A part that could not be read would be missing in the spec without a word.
fn unread(snapshot: &Snapshot) -> Result<(), Failure> {
    let Some(refusal) = snapshot.refusals().next() else { return Ok(()) };
    let failure = Failure::new("what is to be exported could not be read whole").cause(&refusal.message);
    Err(match &refusal.hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    })
}

/// The tree as the spec that a later run reads.
fn load(tree: &Value) -> Result<Loaded, Failure> {
    let text = to_yaml(tree, &BTreeMap::new());
    let mut sources = Sources::default();
    let (loaded, findings) =
        spec::read(&["-".into()], &VariableInputs::default(), &mut sources, text.as_bytes());
    let errors: BTreeSet<String> = findings
        .into_iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.message)
        .collect();
    loaded.into_iter().next().ok_or_else(|| {
        Failure::new("what is live cannot be declared as it is")
            .cause(errors.into_iter().collect::<Vec<_>>().join("; "))
            .hint("narrow the export with `--resource-group` or `--account`")
    })
}

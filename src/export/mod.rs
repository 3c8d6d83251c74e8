//! `export`: live Azure as a spec that plans no changes; the flow in reverse.
//!
//! Pure. Takes what to export and a snapshot; returns the open queries, and at the end a spec with findings about what is left out. The
//! first round only knows accounts; each round declares the lists that the previous one revealed, until nothing is new. The final spec is
//! read like any other and compared with the snapshot: whatever would be a change is removed. It contains no secret: Azure shows none, and
//! no keys are listed.

mod comments;
mod draft;
mod settle;
mod sql_roles;
mod unspoken;

use std::collections::BTreeMap;

use serde_json::Value;
use thiserror::Error;

use crate::finding::{Code, Finding};
use crate::id::ResourceId;
use crate::kinds::{self, KINDS, Survey, missing, perhaps_in, placed, unplaced};
use crate::snapshot::{Answer, Query, Refusal, Snapshot};
use crate::spec::Loaded;
use crate::spec::write::{literal, to_yaml};
use draft::Draft;

/// How many resources a message names.
const NAMED: usize = 5;
/// The maximum number of rounds: accounts, their children, the children of those, and one that finds nothing new.
const ROUNDS: usize = 6;

/// What to export, and the stack to declare it.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What is exported.
    pub subscription: ResourceId,
    /// Only this resource group, if set.
    pub group: Option<String>,
    /// Only accounts with this name, if set.
    pub account: Option<String>,
    /// The name of the stack in the spec.
    pub stack: String,
}

/// An exported spec.
#[derive(Debug, Clone)]
pub struct Exported {
    /// The spec; its texts are literal.
    pub tree: Value,
    /// Comments by JSON pointer.
    pub comments: BTreeMap<String, String>,
    /// What is left out, and what could not be determined. An error is something that a spec cannot declare.
    pub findings: Vec<Finding>,
    /// The number of declared resources and role assignments.
    pub declared: usize,
    /// How many resources `drift` will report, because they are left out of declared lists.
    pub beside: usize,
}

/// Why there is no spec.
#[derive(Debug, Error)]
pub enum Unexportable {
    /// Something could not be read.
    #[error("could not read everything to export")]
    Unread(Refusal),
    /// The group does not exist.
    #[error("resource group `{0}` does not exist")]
    NoGroup(String),
    /// There are no accounts.
    #[error("there is no account to export in `{scope}`{named}")]
    Nothing {
        /// Where they were looked for.
        scope: ResourceId,
        /// The name that was looked for.
        named: String,
        /// Why existing accounts are left out.
        findings: Vec<Finding>,
    },
    /// The live state cannot be declared.
    #[error("a spec cannot declare the live state as it is")]
    Undeclarable {
        /// The reason.
        reason: String,
        /// The remedy.
        hint: &'static str,
    },
}

impl Wanted {
    /// How to export what its stack has made beside it.
    fn wider(&self) -> &'static str {
        match (&self.account, &self.group) {
            (Some(_), _) => {
                "leave out `--account`, so that the rest of the stack is exported too, or export it under another name with `--stack`"
            }
            (None, Some(_)) => {
                "leave out `--resource-group`, so that the rest of the stack is exported too, or export it under another name with `--stack`"
            }
            (None, None) => "export it under another name with `--stack`",
        }
    }

    /// The list that shows the accounts.
    fn list(&self) -> Query {
        kinds::account::list(&self.scope())
    }

    /// The scope of the export.
    #[must_use]
    pub fn scope(&self) -> ResourceId {
        let subscription = self.subscription.subscription_id().unwrap_or_default();
        self.group.as_ref().map_or_else(
            || self.subscription.clone(),
            |group| ResourceId::resource_group(subscription, group),
        )
    }
}

impl Exported {
    /// The spec as YAML.
    #[must_use]
    pub fn text(&self) -> String {
        to_yaml(&self.tree, &self.comments)
    }
}

/// The open queries.
#[must_use]
pub fn queries(wanted: &Wanted, snapshot: &Snapshot) -> Vec<Query> {
    if snapshot.get(&wanted.list()).is_none() {
        return vec![wanted.list()];
    }
    // After an error there will be no spec, whatever else is read.
    let Ok((draft, loaded)) = grown(wanted, snapshot) else { return Vec::new() };
    let stacks = std::slice::from_ref(&loaded);
    let mut open = missing(&Survey::of(stacks, snapshot));
    if Survey::of(stacks, snapshot).is_settled() {
        // unreachable: the caller returned above
        open.extend(comments::names(&draft.tree));
    }
    open
}

/// The spec for a complete snapshot.
pub fn export(wanted: &Wanted, snapshot: &Snapshot) -> Result<Exported, Unexportable> {
    let (mut draft, loaded) = grown(wanted, snapshot)?;
    let stacks = std::slice::from_ref(&loaded);
    if !missing(&Survey::of(stacks, snapshot)).is_empty() {
        let message = "gave up because the answers kept raising new questions".to_owned();
        return Err(Unexportable::Unread(Refusal { message, hint: None }));
    }
    if let Some(gap) = KINDS.iter().flat_map(|kind| kind.inventory(stacks, snapshot).gaps).next() {
        return Err(Unexportable::Unread(gap.refusal));
    }
    sql_roles::without_nobody(&mut draft.tree);
    draft.without_empty_lists();
    let roles = snapshot.roles();
    let (loaded, verdict) = loop {
        let loaded = settle::fit(&mut draft)?;
        if draft.accounts() == 0 {
            return Err(nothing(wanted, draft.findings));
        }
        let verdict = settle::verdict(&loaded, snapshot, roles, wanted)?;
        if verdict.wrong.is_empty() {
            break (loaded, verdict);
        }
        draft.leave_out(&loaded.document, verdict.wrong)?;
    };
    draft.findings.sort_by(|a, b| (a.severity, &a.message).cmp(&(b.severity, &b.message)));
    draft.findings.dedup();
    draft.findings.extend(verdict.findings);
    draft.findings.extend(beside(&verdict.beside));
    let exported = Exported {
        comments: comments::comments(&draft.tree, snapshot),
        tree: literal(&draft.tree),
        findings: draft.findings,
        declared: verdict.unchanged,
        beside: verdict.beside.len(),
    };
    match settle::read(&exported.text()) {
        (Some(printed), _) if printed.document.tree == loaded.document.tree => Ok(exported),
        _ => Err(settle::undeclarable("the spec with comments differs from the spec without")),
    }
}

/// The spec as far as a snapshot shows it, with lists that are not known yet.
fn grown(wanted: &Wanted, snapshot: &Snapshot) -> Result<(Draft, Loaded), Unexportable> {
    let mut draft = accounts(wanted, snapshot)?;
    let mut loaded = settle::fit(&mut draft)?;
    for _ in 0..ROUNDS {
        if !Survey::of(std::slice::from_ref(&loaded), snapshot).is_settled() {
            break;
        }
        let mut next = accounts(wanted, snapshot)?;
        next.fill(wanted, &loaded, snapshot);
        sql_roles::fill(&mut next, &loaded, snapshot);
        loaded = settle::fit(&mut next)?;
        let same = next.tree == draft.tree;
        draft = next;
        if same {
            break;
        }
    }
    Ok((draft, loaded))
}

/// Only the accounts.
fn accounts(wanted: &Wanted, snapshot: &Snapshot) -> Result<Draft, Unexportable> {
    let list = wanted.list();
    match snapshot.get(&list) {
        Some(Answer::Found(_)) => {}
        Some(Answer::Denied(refusal) | Answer::Failed(refusal)) => {
            return Err(Unexportable::Unread(refusal.clone()));
        }
        Some(Answer::Absent { .. }) => {
            return Err(Unexportable::NoGroup(wanted.group.clone().unwrap_or_default()));
        }
        None => return Err(nothing(wanted, Vec::new())),
    }
    let mut live = Vec::new();
    for body in snapshot.items(&list) {
        let Some(id) = placed(body) else {
            // Something that is certainly elsewhere does not belong to the export.
            if perhaps_in(body, [&list.scope]).next().is_none() {
                continue;
            }
            return Err(Unexportable::Unread(unplaced(&list, body)));
        };
        if wanted.account.as_ref().is_none_or(|name| id.name().eq_ignore_ascii_case(name)) {
            live.push(kinds::account::live(id, body));
        }
    }
    live.sort_by_cached_key(|live| (live.id.group(), live.id.name().to_ascii_lowercase()));
    let draft = Draft::of(wanted, live);
    if draft.accounts() == 0 { Err(nothing(wanted, draft.findings)) } else { Ok(draft) }
}

fn nothing(wanted: &Wanted, findings: Vec<Finding>) -> Unexportable {
    let named = wanted.account.as_ref().map_or_else(String::new, |name| format!(" called `{name}`"));
    Unexportable::Nothing { scope: wanted.scope(), named, findings }
}

/// Warns that what is left out of a declared list is drift.
fn beside(titles: &[String]) -> Option<Finding> {
    let (shown, more) = titles.split_at(titles.len().min(NAMED));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    let message = format!(
        "`keyless drift` will report resources that are left out of this spec's lists: {}{more}",
        shown.join(", ")
    );
    let hint =
        "to ignore them, set `unmanaged: list` at the top of the spec, or remove the list from the spec";
    (!titles.is_empty()).then(|| Finding::note(Code::Unmanaged, message).hint(hint))
}

/// Reports something left out that a spec need not, or cannot, declare.
fn left_out(what: &str, why: &str) -> Finding {
    Finding::note(Code::LeftOut, format!("{what} is left out: {why}"))
}

//! `export`: live Azure as a spec that plans clean, the flow run backwards.
//!
//! Pure. Takes what is wanted and a snapshot; gives what is still to be asked, and in the end a spec with what is left out of it and
//! why. The first round knows accounts only; each declares the lists of what the one before it showed, until nothing is new. Before
//! a spec is given out it is read as any other and compared with the snapshot: whatever would not be "no changes" is taken out of it.
//! No secret is in it: Azure shows none, and no keys are listed.

mod comments;
mod draft;
mod settle;
mod unspoken;

use std::collections::BTreeMap;

use serde_json::Value;
use thiserror::Error;

use crate::finding::{Code, Finding};
use crate::id::ResourceId;
use crate::kinds::{self, KINDS, is_settled, missing, perhaps_in, placed, unplaced};
use crate::snapshot::{Answer, Query, Refusal, Snapshot};
use crate::spec::Loaded;
use crate::spec::write::{literal, to_yaml};
use draft::Draft;

/// How many things a message names.
const NAMED: usize = 5;
/// Rounds that find something new: accounts, what stands in them, what stands in that, and one to see that this is all.
const ROUNDS: usize = 6;

/// What is to be exported, and the stack that shall declare it.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The subscription.
    pub subscription: ResourceId,
    /// Only this resource group.
    pub group: Option<String>,
    /// Only accounts of this name.
    pub account: Option<String>,
    /// The stack.
    pub stack: String,
}

/// A spec made from live Azure.
#[derive(Debug, Clone)]
pub struct Exported {
    /// The spec; every text in it means itself.
    pub tree: Value,
    /// What people want to know beside the values, by JSON pointer.
    pub comments: BTreeMap<String, String>,
    /// What is left out, and what could not be found out. An error is something that a spec cannot declare.
    pub findings: Vec<Finding>,
    /// How many resources and role assignments it declares.
    pub declared: usize,
    /// How many `drift` will report, since they are left out of lists that the spec declares.
    pub beside: usize,
}

/// Why there is no spec.
#[derive(Debug, Error)]
pub enum Unexportable {
    /// A part of it could not be read.
    #[error("what is to be exported could not be read whole")]
    Unread(Refusal),
    /// The group is not there.
    #[error("resource group `{0}` does not exist")]
    NoGroup(String),
    /// There is nothing.
    #[error("there is no account to export in `{scope}`{named}")]
    Nothing {
        /// Where it was looked for.
        scope: ResourceId,
        /// Of which name.
        named: String,
        /// Why accounts that are there are left out.
        findings: Vec<Finding>,
    },
    /// What there is cannot be declared.
    #[error("what is live cannot be declared as it is")]
    Undeclarable {
        /// Why.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
}

impl Wanted {
    /// The list that shows the accounts.
    fn list(&self) -> Query {
        kinds::account::list(&self.scope())
    }

    /// Where everything that is wanted is.
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

/// What is still to be asked.
#[must_use]
pub fn queries(wanted: &Wanted, snapshot: &Snapshot) -> Vec<Query> {
    if snapshot.get(&wanted.list()).is_none() {
        return vec![wanted.list()];
    }
    // Whatever more is asked after an error, there will be no spec.
    let Ok((draft, loaded)) = grown(wanted, snapshot) else { return Vec::new() };
    let stacks = std::slice::from_ref(&loaded);
    let mut open = missing(stacks, snapshot);
    if is_settled(stacks, snapshot) {
        // Nobody comes to it any more.
        open.extend(comments::names(&draft.tree));
    }
    open
}

/// The spec of what a snapshot shows, once nothing is left to be asked.
pub fn export(wanted: &Wanted, snapshot: &Snapshot) -> Result<Exported, Unexportable> {
    let (mut draft, loaded) = grown(wanted, snapshot)?;
    let stacks = std::slice::from_ref(&loaded);
    if !missing(stacks, snapshot).is_empty() {
        let message = "answers raise questions without end".to_owned();
        return Err(Unexportable::Unread(Refusal { message, hint: None }));
    }
    if let Some(gap) = KINDS.iter().flat_map(|kind| kind.inventory(stacks, snapshot).gaps).next() {
        return Err(Unexportable::Unread(gap.refusal));
    }
    draft.without_empty_lists();
    let roles = snapshot.roles();
    let (loaded, verdict) = loop {
        let loaded = settle::fit(&mut draft)?;
        if draft.accounts() == 0 {
            return Err(nothing(wanted, draft.findings));
        }
        let verdict = settle::verdict(&loaded, snapshot, roles)?;
        if verdict.wrong.is_empty() {
            break (loaded, verdict);
        }
        draft.leave_out(&loaded.document, verdict.wrong)?;
    };
    draft.findings.sort_by(|a, b| (a.severity, &a.message).cmp(&(b.severity, &b.message)));
    draft.findings.dedup();
    draft.findings.extend(verdict.told);
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
        _ => Err(settle::undeclarable("the spec reads otherwise with its comments than without")),
    }
}

/// As much of the spec as a snapshot shows, with the lists in it that are not known yet.
fn grown(wanted: &Wanted, snapshot: &Snapshot) -> Result<(Draft, Loaded), Unexportable> {
    let mut draft = accounts(wanted, snapshot)?;
    let mut loaded = settle::fit(&mut draft)?;
    for _ in 0..ROUNDS {
        if !is_settled(std::slice::from_ref(&loaded), snapshot) {
            break;
        }
        let mut next = accounts(wanted, snapshot)?;
        next.fill(wanted, &loaded, snapshot);
        loaded = settle::fit(&mut next)?;
        let same = next.tree == draft.tree;
        draft = next;
        if same {
            break;
        }
    }
    Ok((draft, loaded))
}

/// The accounts alone.
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
            // What is elsewhere for sure is not among what is exported.
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

/// That a declared list is complete, and what is left out of it is drift.
fn beside(titles: &[String]) -> Option<Finding> {
    let (shown, more) = titles.split_at(titles.len().min(NAMED));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    let message = format!(
        "`keyless drift` will report what is left out of lists that this spec declares: {}{more}",
        shown.join(", ")
    );
    let hint =
        "to leave it alone, put `unmanaged: list` into the spec's head, or take the list out of the spec";
    (!titles.is_empty()).then(|| Finding::note(Code::Unmanaged, message).hint(hint))
}

/// That something is left out which a spec needs not, or cannot, hold.
fn left_out(what: &str, why: &str) -> Finding {
    Finding::note(Code::LeftOut, format!("{what} is left out: {why}"))
}

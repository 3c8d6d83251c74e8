//! Live things that no spec declares: which of them are drift.
//!
//! Pure. A declared list is complete, so what stands beside one is drift; what no list speaks about is named. A mark is text that anybody
//! can type: it hides nothing, unless the account says that the other team's things are accepted there, and whoever made the thing is of
//! that team.

use serde_json::Value;

use super::{Kind, Live, account};
use crate::id::{ResourceId, comparable};
use crate::snapshot::Refusal;
use crate::source::Span;
use crate::spec::Loaded;
use crate::spec::model::{CoManager, Unmanaged};

/// What something live that no spec declares is to the stacks.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// How much it matters.
    pub weight: Weight,
    /// What there is to say of it, beside that no spec declares it.
    pub note: Option<String>,
}

/// How much it matters that something live is not declared.
#[derive(Debug, Clone)]
pub enum Weight {
    /// It is named, and no more.
    Listed,
    /// It is drift; the place is that of the list that it stands beside.
    Drift(Span),
    /// What would tell whether it is drift could not be read.
    Unknown(Span, Refusal),
    /// Another team made it, as the account says it may.
    CoManaged,
}

impl Verdict {
    pub(super) fn listed(note: Option<String>) -> Self {
        Self { weight: Weight::Listed, note }
    }
}

/// Verdicts on children: each stands beside the list of its parent, if a spec declares that.
pub(super) fn children(kind: &dyn Kind, live: &[&Live], stacks: &[Loaded]) -> Vec<Verdict> {
    let lists: Vec<(ResourceId, Span)> = stacks
        .iter()
        .filter(|loaded| loaded.spec.unmanaged == Unmanaged::Fail)
        .flat_map(|loaded| kind.sections(&loaded.spec).into_iter().map(move |section| (loaded, section)))
        .map(|(loaded, section)| (section.parent, loaded.document.key_span(&section.pointer)))
        .collect();
    let verdict = |live: &&Live| {
        if let Some(team) = co_manager(live, stacks) {
            let note = format!("made by stack `{}`, as `coManagedBy` accepts", team.stack);
            return Verdict { weight: Weight::CoManaged, note: Some(note) };
        }
        let parent = live.id.parent();
        let list = lists.iter().find(|(list, _)| Some(list) == parent.as_ref());
        Verdict { weight: list.map_or(Weight::Listed, |(_, place)| Weight::Drift(*place)), note: None }
    };
    live.iter().map(verdict).collect()
}

/// The team whose mark a live thing carries, if its account accepts that team's things and the team made it. Of things that give a role,
/// the role has to be among the accepted ones too.
pub(super) fn co_manager<'a>(live: &Live, stacks: &'a [Loaded]) -> Option<&'a CoManager> {
    let mark = live.kind.mark(&live.body)?;
    let (maker, writer) = live.kind.authors(&live.body)?;
    // A stack of the run says itself what it owns.
    if stacks.iter().any(|loaded| loaded.spec.stack == mark) {
        return None;
    }
    let account = live.scope.up_to("accounts")?;
    let declared =
        stacks.iter().flat_map(|loaded| loaded.spec.accounts.iter().map(move |each| (loaded, each)));
    let here = declared.filter(|(loaded, each)| account::id_of(&loaded.spec, each) == account);
    here.flat_map(|(_, each)| &each.co_managed_by).find(|team| {
        let is_of_it = |who: &str| team.by.iter().any(|id| comparable(id) == comparable(who));
        team.stack == mark && is_of_it(maker) && is_of_it(writer)
    })
}

/// Who made something and who wrote it last; nothing where either is not said.
pub(super) fn authors<'a>(said: &'a Value, made: &str, written: &str) -> Option<(&'a str, &'a str)> {
    let who = |name: &str| said[name].as_str().filter(|who| !who.is_empty());
    Some((who(made)?, who(written)?))
}

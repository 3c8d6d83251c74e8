//! Live resources that no spec declares, and which of them are drift.
//!
//! Pure. A declared list is complete, so anything not in it is drift; what no list covers is only reported. A mark is text that anyone can
//! type: it hides nothing, unless the account accepts the other team's resources and that team created the resource.

use std::collections::BTreeSet;

use super::{Kind, Live, account};
use crate::id::{ResourceId, comparable};
use crate::snapshot::Refusal;
use crate::spec::model::{CoManager, Unmanaged};
use crate::spec::{Loaded, unselected};
use crate::text::source::Span;

/// What a live undeclared resource means for the stacks.
#[derive(Debug, Clone)]
pub struct UndeclaredVerdict {
    /// How serious it is.
    pub weight: Weight,
    /// A note to show with it.
    pub note: Option<String>,
}

/// How serious an undeclared live resource is.
#[derive(Debug, Clone)]
pub enum Weight {
    /// It is only listed.
    Listed,
    /// It is drift, next to the list at this position.
    Drift(Span),
    /// It could not be determined whether it is drift.
    Unknown(Span, Refusal),
    /// Another team created it, as the account permits.
    CoManaged,
}

impl UndeclaredVerdict {
    pub(super) fn listed(note: Option<String>) -> Self {
        Self { weight: Weight::Listed, note }
    }
}

/// Verdicts on children: drift if a spec declares their parent's list.
pub(super) fn children(kind: &dyn Kind, live: &[&Live], stacks: &[Loaded]) -> Vec<UndeclaredVerdict> {
    let of_stack = |loaded| {
        let given: BTreeSet<ResourceId> = account::given(loaded);
        let sections = kind.sections(&loaded.spec).into_iter();
        // A list of an account that a stack takes as given holds only what that stack adds; the owner's own list is complete.
        let complete = sections.filter(move |section| !given.contains(&section.parent));
        complete.map(move |section| (section.parent, loaded.document.key_span(&section.pointer)))
    };
    let lists: Vec<(ResourceId, Span)> =
        stacks.iter().filter(|loaded| loaded.spec.unmanaged == Unmanaged::Fail).flat_map(of_stack).collect();
    let verdict = |live: &&Live| {
        if let Some(team) = co_manager(live, stacks) {
            let note = format!("created by stack `{}`, accepted by `coManagedBy`", team.stack);
            return UndeclaredVerdict { weight: Weight::CoManaged, note: Some(note) };
        }
        let parent = live.id.parent();
        let list = lists.iter().find(|(list, _)| Some(list) == parent.as_ref());
        UndeclaredVerdict {
            weight: list.map_or(Weight::Listed, |(_, place)| Weight::Drift(*place)),
            note: None,
        }
    };
    live.iter().map(verdict).collect()
}

/// The team whose mark a live resource carries, if its account accepts that team's resources and the team created it. For a role assignment
/// its role must be accepted too.
pub(super) fn co_manager<'a>(live: &Live, stacks: &'a [Loaded]) -> Option<&'a CoManager> {
    let mark = live.kind.mark(&live.body)?;
    let (maker, writer) = live.kind.authors(&live.body)?;
    // A stack that is loaded decides itself what it owns, selected or not.
    if stacks.iter().chain(unselected(stacks)).any(|loaded| loaded.spec.stack == mark) {
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

/// Who created something and who wrote it last; `None` if either is missing.
pub(super) fn authors<'a>(made: Option<&'a str>, written: Option<&'a str>) -> Option<(&'a str, &'a str)> {
    made.filter(|who| !who.is_empty()).zip(written.filter(|who| !who.is_empty()))
}

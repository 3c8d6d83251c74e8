//! New connections whose name is taken. A name must be unique among an account and all its projects; Azure answers 409 to a second one.
//!
//! Within a spec this is one of the spec's rules. Only Azure knows about projects that no spec in this run declares and lists that a spec
//! leaves out: they are read only for new connections.

use std::collections::BTreeSet;

use super::{Case, Verdict, target};
use crate::document::{Step, StepAction};
use crate::finding::Code;
use crate::id::ResourceId;
use crate::kinds;
use crate::snapshot::{Answer, Query, Snapshot};

/// A connection that a step creates.
struct New<'a> {
    id: ResourceId,
    account: ResourceId,
    step: &'a Step,
}

fn new(steps: &[Step]) -> Vec<New<'_>> {
    let made = steps.iter().filter(|step| step.action == StepAction::Create && step.kind == "connections");
    let new = |step| {
        let id = target(step)?;
        Some(New { account: id.up_to("accounts")?, id, step })
    };
    made.filter_map(new).collect()
}

pub(super) fn queries(steps: &[Step], snapshot: &Snapshot) -> Vec<Query> {
    let accounts = new(steps).into_iter().map(|new| new.account).collect();
    kinds::connections_in(&accounts, snapshot)
}

pub(super) fn verdicts(case: &Case<'_>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let new = new(&case.plan.steps);
    for account in new.iter().map(|new| &new.account).collect::<BTreeSet<_>>() {
        let lists = kinds::connections_in(&BTreeSet::from([account.clone()]), case.snapshot);
        let is_unread = |list: &&Query| case.snapshot.get(list).and_then(Answer::refusal).is_some();
        if let Some(list) = lists.iter().find(is_unread) {
            let unknown = format!(
                "whether the names of new connections of account `{}` are unique there and in all its projects",
                account.name()
            );
            case.items(list, &unknown, &mut verdicts);
        }
    }
    for each in &new {
        let has_it = |id: &&ResourceId| {
            id.name().eq_ignore_ascii_case(each.id.name())
                && **id != each.id
                && kinds::by_id(id).is_some_and(|kind| kind.name() == "connections")
                && id.up_to("accounts").as_ref() == Some(&each.account)
        };
        let Some(other) = case.world.resources.keys().find(has_it) else { continue };
        let goes = |step: &&Step| {
            step.action == StepAction::Delete && target(step).is_some_and(|id| id.contains(other))
        };
        let (goes, hint) = match case.plan.steps.iter().find(goes) {
            Some(_) => (
                ", which this plan deletes only at its end",
                "apply once without the new connection, then with it; or give it another name",
            ),
            None => ("", "choose another name, for example prefixed with the project's name"),
        };
        let message = format!(
            "cannot create {}: {} has a connection `{}`{goes}, and a connection's name must be unique in an account and all its projects",
            case.title(each.step.change),
            holder(other),
            other.name(),
        );
        verdicts.push(case.refusal(Code::NameTaken, each.step.change, &[], message, hint.to_owned()));
    }
    verdicts
}

/// The parent of a connection, in words.
fn holder(connection: &ResourceId) -> String {
    let parent = connection.parent().unwrap_or_else(ResourceId::root);
    let noun = kinds::by_id(&parent).map_or("resource", |kind| kind.noun());
    format!("{noun} `{}`", parent.name())
}

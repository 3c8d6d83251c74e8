//! Tells apart what has the same name in another resource group or subscription: "chat in rg-eu".
//!
//! Pure. Titles say it, so that every format, finding and report does.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{Plan, PlannedChange};
use crate::id::ResourceId;
use crate::kinds;

/// Accounts and other resources that share their type and name with another, and whether that is in a group of the same name.
#[derive(Debug, Default)]
pub struct Apart(BTreeMap<ResourceId, bool>);

impl Apart {
    /// Finds those of which the name alone does not say which one is meant.
    pub fn of(ids: impl IntoIterator<Item = ResourceId>) -> Self {
        let mut alike: BTreeMap<(Option<String>, String), BTreeSet<ResourceId>> = BTreeMap::new();
        for id in ids {
            let lower = |text: &str| text.to_ascii_lowercase();
            alike
                .entry((id.resource_type().map(|own| lower(&own)), lower(id.name())))
                .or_default()
                .insert(id);
        }
        let group = |id: &ResourceId| within(id).map(|group| group.name().to_ascii_lowercase());
        let same = alike.into_values().filter(|same| same.len() > 1);
        let marked = same.flat_map(|same| {
            let is_twice =
                |id: &ResourceId| same.iter().filter(|other| group(other) == group(id)).count() > 1;
            same.iter().map(|id| (id.clone(), is_twice(id))).collect::<Vec<_>>()
        });
        Self(marked.collect())
    }

    /// Those of a plan: what its changes are on, and where access changes.
    #[must_use]
    pub fn in_plan(plan: &Plan) -> Self {
        let access = plan.access.iter().filter_map(|change| ResourceId::parse(&change.id).ok());
        Self::of(plan.changes.iter().filter_map(stands_on).chain(access))
    }

    /// Where it is, if its name does not say which one is meant: " in rg-eu".
    #[must_use]
    pub fn said(&self, id: &ResourceId) -> String {
        let Some(is_twice) = self.0.get(id) else { return String::new() };
        let group = within(id).map(|group| format!(" in {}", group.name()));
        let subscription = id.subscription_id().filter(|_| *is_twice);
        let subscription = subscription.map(|own| format!(" of subscription {own}"));
        group.into_iter().chain(subscription).collect()
    }

    /// The name of what has an id, and where that is.
    #[must_use]
    pub fn named(&self, name: &str, id: &str) -> String {
        let said = ResourceId::parse(id).map_or_else(|_| String::new(), |id| self.said(&id));
        format!("{name}{said}")
    }
}

/// The resource group that something is in.
fn within(id: &ResourceId) -> Option<ResourceId> {
    id.group().filter(|group| group != id)
}

/// The account that a change is of or in, a resource group, or a subscription.
#[must_use]
pub fn stands_on(change: &PlannedChange) -> Option<ResourceId> {
    let id = ResourceId::parse(&change.id).ok()?;
    Some(kinds::by_name(&change.kind).map_or_else(|| id.tracked(), |kind| kind.applies_to(&id).tracked()))
}

/// Adds to titles where it is, if their names do not say which one is meant, and they do not say it yet.
pub fn distinguish(changes: &mut [PlannedChange]) {
    let apart = Apart::of(changes.iter().filter_map(stands_on));
    if apart.0.is_empty() {
        return;
    }
    for change in changes {
        let Some(on) = stands_on(change) else { continue };
        let said = apart.said(&on);
        if !change.title.ends_with(&said) {
            // Of its own part of a fleet it may have been enough to name the group.
            let group = said.find(" of subscription ").map_or("", |at| &said[..at]);
            if change.title.ends_with(group) {
                change.title.truncate(change.title.len() - group.len());
            }
            change.title.push_str(&said);
        }
        if change.called.as_ref() == Some(&change.title) {
            change.called = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_are_not_unique_say_where_they_are() {
        let account = |subscription: &str, group: &str, name: &str| {
            ResourceId::resource_group(subscription, group)
                .provider("Microsoft.CognitiveServices/accounts", name)
        };
        let ids = [
            account("s1", "rg-eu", "chat"),
            account("s1", "rg-us", "Chat"),
            account("s2", "rg-eu", "chat"),
            account("s1", "rg-eu", "other"),
            ResourceId::resource_group("s1", "rg-eu"),
            ResourceId::resource_group("s2", "rg-eu"),
        ];
        let apart = Apart::of(ids.clone());
        let said: Vec<String> = ids.iter().map(|id| apart.said(id)).collect();
        assert_eq!(
            said,
            [
                " in rg-eu of subscription s1",
                " in rg-us",
                " in rg-eu of subscription s2",
                "",
                " of subscription s1",
                " of subscription s2",
            ]
        );
    }
}

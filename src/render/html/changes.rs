//! What pages of plans and of drifts share: changes in their groups, and values.

use maud::{Markup, html};
use serde_json::Value;

use super::T;
use crate::document::{FieldEntry, PlannedChange};
use crate::id::ResourceId;
use crate::render::text::{plain, worded};
use crate::render::words;

const ACCOUNT: &str = "Microsoft.CognitiveServices/accounts";
const AUTHORIZATION: &str = "Microsoft.Authorization/";

/// What a change belongs to: an account with all that stands on it, or whatever else a role is given on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChangePlace {
    /// Its id; nothing where it is not known what is meant.
    pub(super) id: Option<ResourceId>,
}

impl ChangePlace {
    pub(super) fn of(change: &PlannedChange) -> Self {
        let Ok(id) = ResourceId::parse(&change.id) else { return Self { id: None } };
        let tracked = id.tracked();
        let is_grant = tracked.resource_type().is_some_and(|kind| {
            kind.get(..AUTHORIZATION.len()).is_some_and(|start| start.eq_ignore_ascii_case(AUTHORIZATION))
        });
        Self { id: Some(if is_grant { id.scope() } else { tracked }) }
    }

    /// What it is, and its name.
    pub(super) fn title(&self) -> (String, String) {
        let Some(id) = &self.id else { return ("not known".to_owned(), String::new()) };
        let name = id.name().to_owned();
        match id.resource_type() {
            Some(kind) if kind.eq_ignore_ascii_case(ACCOUNT) => ("account".to_owned(), name),
            Some(kind) if kind.to_ascii_lowercase().ends_with("/managementgroups") => {
                ("management group".to_owned(), name)
            }
            Some(kind) => (kind, name),
            None if id.group().is_some() => ("resource group".to_owned(), name),
            None if id.subscription_id().is_some() => ("subscription".to_owned(), name),
            None => ("tenant root".to_owned(), String::new()),
        }
    }

    /// The group that it is in.
    pub(super) fn group(&self) -> Option<String> {
        let group = self.id.as_ref()?.group()?;
        (Some(&group) != self.id.as_ref()).then(|| group.name().to_owned())
    }
}

/// Changes by their place, in the order in which places first appear.
pub(super) fn by_place<'a>(
    changes: impl IntoIterator<Item = &'a PlannedChange>,
) -> Vec<(ChangePlace, Vec<&'a PlannedChange>)> {
    let mut groups: Vec<(ChangePlace, Vec<&PlannedChange>)> = Vec::new();
    let mut known = std::collections::BTreeMap::new();
    for change in changes {
        let place = ChangePlace::of(change);
        let at = *known.entry(place.id.clone()).or_insert(groups.len());
        match groups.get_mut(at) {
            Some((_, changes)) => changes.push(change),
            None => groups.push((place, vec![change])),
        }
    }
    groups
}

/// The stacks of changes, for a heading.
pub(super) fn stacks(changes: &[PlannedChange]) -> String {
    let mut stacks: Vec<&str> = changes
        .iter()
        .filter(|change| change.source.is_some())
        .filter_map(|change| change.stack.as_deref())
        .collect();
    stacks.sort_unstable();
    stacks.dedup();
    match stacks.as_slice() {
        [] => String::new(),
        [one] => format!("stack {one}"),
        [a, b] => format!("stacks {a}, {b}"),
        many => format!("{} stacks", many.len()),
    }
}

/// One value. Elements with members of their own take a line each.
pub(super) fn value(kind: &str, field: &FieldEntry, value: &Value) -> Markup {
    if let Some(lines) = words::block(value) {
        return block(&lines);
    }
    match value.as_array() {
        Some(items) if items.iter().any(Value::is_object) => html! {
            ul { @for item in items { li { code { (T(plain(item))) } } } }
        },
        _ => html! { code { (T(worded(kind, field, value))) } },
    }
}

/// How a long value changes, word by word. The marks carry the meaning.
pub(super) fn block(lines: &[words::StyledText]) -> Markup {
    html! { pre { @for line in lines { (T(&line.plain)) "\n" } } }
}

/// A field whose value is cut to what can be read.
pub(super) fn shortened(field: &FieldEntry) -> FieldEntry {
    let (before, after) = words::shortened(&field.before, &field.after);
    FieldEntry { before, after, ..field.clone() }
}

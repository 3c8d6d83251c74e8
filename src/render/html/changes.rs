//! Values and headings on the pages of plans and drifts.

use std::collections::BTreeSet;

use maud::{Markup, html};
use serde_json::Value;

use super::T;
use crate::document::{FieldEntry, Plan};
use crate::id::ResourceId;
use crate::render::text::{plain, worded};
use crate::render::words;

/// The name of the resource group that something is in; `None` for the group itself.
pub(super) fn resource_group(id: Option<&ResourceId>) -> Option<String> {
    let group = id?.group()?;
    (Some(&group) != id).then(|| group.name().to_owned())
}

/// The stacks and the environment of a plan, for a heading.
pub(super) fn about(plan: &Plan) -> String {
    let declared = plan.changes.iter().filter(|change| change.source.is_some());
    of_stacks(declared.filter_map(|change| change.stack.as_deref()).collect(), plan.environment.as_deref())
}

/// Stacks and their environment.
pub(super) fn of_stacks(stacks: BTreeSet<&str>, environment: Option<&str>) -> String {
    let stacks = match stacks.into_iter().collect::<Vec<_>>().as_slice() {
        [] => None,
        [one] => Some(format!("stack {one}")),
        [a, b] => Some(format!("stacks {a}, {b}")),
        many => Some(format!("{} stacks", many.len())),
    };
    let environment = environment.map(|name| format!("environment {name}"));
    [stacks, environment].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// One value. Elements that are objects take a line each.
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

/// One of two long texts; what only it has is marked as deleted or inserted.
pub(super) fn side(lines: &[words::SideLine], is_old: bool) -> Markup {
    html! { pre { @for line in lines {
        @for (part, differs) in &line.0 {
            @if !differs { (T(part)) } @else if is_old { del { (T(part)) } } @else { ins { (T(part)) } }
        }
        "\n"
    } } }
}

/// A text of several lines.
fn block(lines: &[words::StyledText]) -> Markup {
    html! { pre { @for line in lines { (T(&line.plain)) "\n" } } }
}

/// A field with very long values cut.
pub(super) fn shortened(field: &FieldEntry) -> FieldEntry {
    let (before, after) = words::shortened(&field.before, &field.after);
    FieldEntry { before, after, ..field.clone() }
}

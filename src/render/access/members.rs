//! The members of groups that can call models, in text and Markdown; in HTML they are part of the matrix.
//!
//! Works on the document alone. Markdown has numbers only: more people read a comment on a pull request than need the names.

use std::fmt::Write as _;

use crate::document::access::{Group, Member, Members};
use crate::principals::called;
use crate::render::page::{Page, fold, list};
use crate::render::text::{CHANGED, STRONG, plural};
use crate::text::sanitize::{markdown as escaped, sanitize};

/// The number of members of a group that are named without `-v`.
const NAMED: usize = 10;
/// The number of lines after which only the sizes of groups are shown without `-v`.
const LINES: usize = 200;

/// The groups and their members.
pub(in crate::render) fn text(groups: &[Group], page: Page) -> String {
    if groups.is_empty() {
        return String::new();
    }
    let mut text = format!("{STRONG}Members of groups:{STRONG:#}\n");
    let mut counted = 0;
    for group in groups {
        let name = called(&group.kind, &group.id, group.name.as_deref());
        let size = size(group);
        let style = if matches!(group.members, Members::Unread { .. }) { CHANGED } else { STRONG };
        let mut said = format!("  {}: {style}{size}{style:#}\n", sanitize(&name));
        let names: Vec<String> = match &group.members {
            Members::Listed { members } => {
                members.iter().map(|member| sanitize(&who(member)).into_owned()).collect()
            }
            Members::Unread { .. } => Vec::new(),
        };
        if page.verbose {
            for name in &names {
                let _ = writeln!(said, "    {name}");
            }
        } else if !names.is_empty() && text.lines().count() > LINES {
            counted += 1;
        } else if !names.is_empty() {
            let mut shown: Vec<String> = names.iter().take(NAMED).cloned().collect();
            if let Some(more) = names.len().checked_sub(NAMED).filter(|more| *more > 0) {
                shown.push(format!("and {more} more"));
            }
            let _ = writeln!(said, "    {}", list(&shown));
        }
        text.push_str(&fold(&said, page));
    }
    if counted > 0 {
        let what = plural(counted, "group", "groups");
        let _ = writeln!(
            text,
            "{STRONG}Too much to list: {counted} {what} without names. -v lists all.{STRONG:#}"
        );
    }
    text
}

/// The groups and how many members they have.
pub(in crate::render) fn markdown(groups: &[Group]) -> String {
    if groups.is_empty() {
        return String::new();
    }
    let mut text = String::from("\n| group | members |\n| --- | --- |\n");
    for group in groups {
        let name = called(&group.kind, &group.id, group.name.as_deref());
        let _ = writeln!(text, "| {} | {} |", escaped(&name), escaped(&size(group)));
    }
    text
}

/// How many members a group has.
pub(in crate::render) fn size(group: &Group) -> String {
    match &group.members {
        Members::Unread { .. } => "members not known".to_owned(),
        Members::Listed { members } if members.is_empty() => "Microsoft Graph lists no members".to_owned(),
        // Microsoft Graph lists the members of nested groups too, so that everybody is counted once.
        Members::Listed { members } => {
            let nested = members.iter().filter(|member| member.kind == "Group").count();
            let count = |count: usize, one: &str, many: &str| format!("{count} {}", plural(count, one, many));
            let own = count(members.len() - nested, "member", "members");
            match nested {
                0 => own,
                nested => format!("{own}, {} included", count(nested, "nested group", "nested groups")),
            }
        }
    }
}

/// A member in words.
fn who(member: &Member) -> String {
    called(kind(member), &member.id, member.name.as_deref())
}

/// The type of a member in words.
pub(in crate::render) fn kind(member: &Member) -> &str {
    match member.service_principal_type.as_deref() {
        Some("ManagedIdentity") => "ManagedIdentity",
        _ => &member.kind,
    }
}

//! The members of the groups that can call.
//!
//! Pure. Each group is read once, however many accounts it has a role on. A group that could not be read has no list of members, because an
//! empty one would look like "nobody".

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::document::access::{AccountAccess, Group, Holder, Member, Members};
use crate::finding::{Code, Finding};
use crate::principals;
use crate::snapshot::{Answer, Snapshot};

/// The type of a group of this tenant in a role assignment.
pub(super) const GROUP: &str = "Group";
/// The type of a group of another tenant.
const FOREIGN: &str = "ForeignGroup";

/// The groups that can call models of some account, by kind and name.
pub(super) fn groups(accounts: &[AccountAccess], snapshot: &Snapshot) -> Vec<Group> {
    let holders = accounts.iter().flat_map(|account| &account.principals);
    let held = holders.filter(|holder| [GROUP, FOREIGN].contains(&holder.kind.as_str()));
    let distinct: BTreeMap<String, &Holder> =
        held.map(|holder| (holder.id.to_ascii_lowercase(), holder)).collect();
    let group = |holder: &Holder| Group {
        id: holder.id.clone(),
        kind: holder.kind.clone(),
        name: holder.name.clone(),
        members: members(holder, snapshot),
    };
    let mut groups: Vec<Group> = distinct.into_values().map(group).collect();
    groups.sort_by_cached_key(|group| order(&group.kind, group.name.as_deref(), &group.id));
    groups
}

/// The members of one group.
fn members(group: &Holder, snapshot: &Snapshot) -> Members {
    let unread = |why: &str| Members::Unread { unread: why.to_owned() };
    if group.kind == FOREIGN {
        return unread("the group belongs to another tenant");
    }
    match answer(&group.id, snapshot) {
        Some(Answer::Found(items)) => {
            let read: Option<Vec<Member>> = items.iter().map(|item| principals::member(item)).collect();
            match read {
                Some(members) => Members::Listed { members: sorted(members) },
                None => unread("an object in Microsoft Graph's answer has no valid id"),
            }
        }
        Some(Answer::Denied(refusal) | Answer::Failed(refusal)) => unread(&refusal.message),
        Some(Answer::Absent { code }) => unread(code),
        None => unread("its id is not valid"),
    }
}

fn answer<'a>(group: &str, snapshot: &'a Snapshot) -> Option<&'a Answer> {
    snapshot.get(&principals::members(Uuid::try_parse(group).ok()?))
}

/// By kind and name; a member that two pages show is listed once.
fn sorted(members: Vec<Member>) -> Vec<Member> {
    let distinct: BTreeMap<String, Member> =
        members.into_iter().map(|member| (member.id.to_ascii_lowercase(), member)).collect();
    let mut members: Vec<Member> = distinct.into_values().collect();
    members.sort_by_cached_key(|member| order(&member.kind, member.name.as_deref(), &member.id));
    members
}

/// Those without a name come last.
fn order(kind: &str, name: Option<&str>, id: &str) -> (String, bool, String, String) {
    (kind.to_owned(), name.is_none(), name.unwrap_or_default().to_lowercase(), id.to_ascii_lowercase())
}

/// The note about a group whose members are not known.
pub(super) fn unread(group: &Group, snapshot: &Snapshot) -> Option<Finding> {
    let Members::Unread { unread } = &group.members else { return None };
    let name = group.name.as_deref().unwrap_or(&group.id);
    let note = Finding::note(Code::PrincipalUnread, format!("could not read the members of group `{name}`"));
    let note = note.cause(unread);
    Some(match answer(&group.id, snapshot) {
        Some(Answer::Denied(_)) => note.hint(
            "the caller needs GroupMember.Read.All in Microsoft Graph, and Member.Read.Hidden for groups with hidden members",
        ),
        _ => note,
    })
}

/// What is not evaluated of groups.
pub(super) fn not_evaluated(groups: Option<&[Group]>) -> &'static str {
    match groups {
        None => "membership of groups",
        Some(groups) if groups.iter().any(|group| matches!(group.members, Members::Unread { .. })) => {
            "membership of groups whose members could not be read"
        }
        Some(_) => "service principals that Microsoft Graph may leave out of a group's members",
    }
}

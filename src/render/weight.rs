//! Which changes are shortened first if there is no room for all. What decides who gets in is named in any crowd.
//!
//! Works on the documents alone, and therefore judges roles by their names: whatever is no built-in role may give anything.

use serde_json::Value;

use super::summary::Counted;
use crate::document::{FieldEntry, PlannedChange};
use crate::kinds;
use crate::rbac;

/// How important a change is, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Prominence {
    /// Something new, or nothing at all.
    New,
    /// Something live changes.
    Changed,
    /// It cannot be written or judged, or it drifted. Named in a shortened group.
    Named,
    /// What is live differs in its fields, which stay where what is missing or extra is only counted.
    Differs,
    /// A grant that no spec declares, or that differs; or something new that lets more in than it has to. Named even where its group is
    /// left out.
    Admits,
    /// Something is deleted, which is always named; only where a format has a limit, and no room at all, it is counted.
    Deleted,
    /// A guard judges it, whether or not `--allow` lifts that, and its finding says what. Or it is live already: a grant of a guarded role,
    /// keys that are on, an opened network, another content filter.
    Guarded,
}

/// The kinds of what stops prompts and answers.
const FILTERS: [&str; 4] = ["raiPolicies", "raiBlocklists", "raiBlocklistItems", "defenderForAISettings"];

/// How important a change is.
pub(super) fn weight(change: &PlannedChange, sort: Counted) -> Prominence {
    let own = match sort {
        Counted::Update | Counted::Undeclared | Counted::NotJudged => Prominence::Changed,
        Counted::Changed => Prominence::Differs,
        Counted::Refused | Counted::Unknown | Counted::Drifted | Counted::Missing | Counted::Extra => {
            Prominence::Named
        }
        Counted::Delete => Prominence::Deleted,
        _ => Prominence::New,
    };
    admits(change, sort).map_or(own, |admits| admits.max(own))
}

/// Whether something is live that no plan made, rather than something that a plan makes.
pub(super) fn is_found(sort: Counted) -> bool {
    is_undeclared(sort) || matches!(sort, Counted::Changed | Counted::Missing | Counted::Drifted)
}

fn is_undeclared(sort: Counted) -> bool {
    matches!(sort, Counted::Extra | Counted::Undeclared | Counted::NotJudged)
}

/// The weight of what is live and lets more in than the specs do.
fn admits(change: &PlannedChange, sort: Counted) -> Option<Prominence> {
    let is_filter = FILTERS.contains(&change.kind.as_str());
    let mut fields = change.fields.iter().filter(|_| sort == Counted::Changed).chain(&change.omitted);
    match sort {
        Counted::Create | Counted::Restore => {
            change.fields.iter().any(|field| opens_new(&change.kind, field)).then_some(Prominence::Admits)
        }
        _ if !is_found(sort) => None,
        _ if is_undeclared(sort) && gives_power(change) => Some(Prominence::Guarded),
        _ if is_undeclared(sort) => (is_grant(change) || is_filter).then_some(Prominence::Admits),
        Counted::Missing => is_filter.then_some(Prominence::Guarded),
        _ if is_grant(change) => Some(Prominence::Admits),
        _ => fields.any(|field| opens(&change.kind, field)).then_some(Prominence::Guarded),
    }
}

fn is_grant(change: &PlannedChange) -> bool {
    kinds::by_name(&change.kind).is_some_and(kinds::Kind::is_grant)
}

/// Whether it gives a role that can be used to gain more.
pub(super) fn gives_power(change: &PlannedChange) -> bool {
    given(change).is_some_and(|(_, power)| power > 0)
}

/// How many rights that can be used to gain more a role has: whatever is no built-in role may have all of them. A custom role can have
/// the former name of a built-in one, or its name with other blanks.
fn power(role: &str) -> usize {
    match rbac::by_name(role).filter(|known| known.name == role) {
        Some(known) => known.powers().count(),
        None => rbac::POWERS.len(),
    }
}

/// The role that a change gives, and how many such rights it has.
pub(super) fn given(change: &PlannedChange) -> Option<(&str, usize)> {
    let kind = kinds::by_name(&change.kind).filter(|kind| kind.is_grant())?;
    let title = change.title.strip_prefix(kind.noun())?.strip_prefix(' ')?;
    // A name can hold an arrow too, and with its rest it is no built-in role.
    let role = title.rsplit_once(" -> ").map_or(title, |(role, _)| role);
    Some((role, power(role)))
}

/// Whether a field decides who gets in, or what is stopped.
pub(super) fn decides(kind: &str, field: &FieldEntry) -> bool {
    let path: Vec<&str> = field.path.iter().map(String::as_str).collect();
    match (kind, path.as_slice()) {
        (
            "accounts",
            [
                "disableLocalAuth"
                | "publicNetworkAccess"
                | "restrictOutboundNetworkAccess"
                | "allowedFqdnList",
            ]
            | ["networkAcls", ..],
        )
        | ("deployments", ["raiPolicyName" | "spilloverDeploymentName"])
        | ("connections", ["target"]) => true,
        _ => FILTERS.contains(&kind),
    }
}

/// Whether a live value lets in more than the value of the spec.
fn opens(kind: &str, field: &FieldEntry) -> bool {
    let FieldEntry { before: live, after: spec, .. } = field;
    let is = |word: &str| live.as_str().is_some_and(|text| text.eq_ignore_ascii_case(word));
    let has_more = || match (live.as_array(), spec.as_array()) {
        (Some(live), Some(spec)) => live.iter().any(|element| !spec.contains(element)),
        _ => !live.is_null(),
    };
    let last = field.path.last().map_or("", String::as_str);
    decides(kind, field)
        && match last {
            "disableLocalAuth" | "restrictOutboundNetworkAccess" => live != &Value::Bool(true),
            "publicNetworkAccess" => !is("Disabled"),
            "defaultAction" => !is("Deny"),
            "bypass" => !is("None"),
            "ipRules" | "virtualNetworkRules" | "allowedFqdnList" => has_more(),
            _ => true,
        }
}

/// Whether a field of something new lets more in, or leads further, than it has to.
pub(super) fn opens_new(kind: &str, field: &FieldEntry) -> bool {
    let name = field.path.last().map_or("", String::as_str);
    match kind {
        _ if !decides(kind, field) => false,
        "connections" => true,
        _ => is_open(name, &field.after),
    }
}

/// Whether a value, or something in it, opens a network or switches off a filter.
fn is_open(name: &str, value: &Value) -> bool {
    match (name, value) {
        ("disableLocalAuth" | "restrictOutboundNetworkAccess" | "blocking" | "enabled", Value::Bool(on)) => {
            !on
        }
        ("publicNetworkAccess", Value::String(word)) => word != "Disabled",
        ("defaultAction", Value::String(word)) => word != "Deny",
        ("state", Value::String(word)) => word == "Disabled",
        (_, Value::Object(members)) => members.iter().any(|(name, value)| is_open(name, value)),
        (_, Value::Array(elements)) => elements.iter().any(|element| is_open("", element)),
        _ => false,
    }
}

//! Changes that let models say more or protect an account's data less: weakened content filters, items of blocklists gone, deployments with
//! another filter, Defender off, stored completions on, Microsoft's encryption key instead of the customer's.

use serde_json::Value;

use super::policy::{DEFAULT, Policies};
use super::{Objection, Rule, accounts, child_of, was};
use crate::body::{AccountBody, DeploymentBody};
use crate::id::ResourceId;
use crate::plan::predict::World;

/// How many losses a message names.
const NAMED: usize = 4;

pub(super) fn objections(before: &World, after: &World) -> Vec<Objection> {
    let found =
        filters(before, after).into_iter().chain(blocklists(before, after)).chain(data(before, after));
    found.map(|(id, message)| Objection::at(Rule::Weakening, id, message)).collect()
}

/// Weakened content filters, deployments with a weaker one, and Defender.
fn filters<'a>(before: &World, after: &'a World) -> Vec<(&'a ResourceId, String)> {
    let mut found = Vec::new();
    for (id, new) in &after.resources {
        let old = before.resource(id);
        if let (Some(account), Some(old)) = (child_of(id, "raiPolicies"), old) {
            let Some((was, now)) = both(before, after, id) else { continue };
            for what in was.effective(old).lost(&now.effective(new)) {
                let name = id.name();
                found.push((id, format!("the plan weakens content filter `{name}` of `{account}`: {what}")));
            }
        } else if child_of(id, "deployments").is_some() {
            let messages = [deployment(before, after, id, new), spillover(before, after, id, new)];
            found.extend(messages.into_iter().flatten().map(|message| (id, message)));
        } else if let (Some(account), Some(old)) = (child_of(id, "defenderForAISettings"), old)
            && is(&old["properties"]["state"], "Enabled")
            && !is(&new["properties"]["state"], "Enabled")
        {
            found.push((id, format!("the plan disables Defender for AI of account `{account}`")));
        }
    }
    found
}

/// Blocklists that go, and items that stop less, of accounts that stay.
fn blocklists<'a>(before: &'a World, after: &World) -> Vec<(&'a ResourceId, String)> {
    let mut found = Vec::new();
    for (id, old) in &before.resources {
        let (list, gone) = match (child_of(id, "raiBlocklists"), blocklist_of(id)) {
            (Some(_), _) => (id.clone(), after.resource(id).is_none()),
            (_, Some(list)) => {
                let stops = |body: &Value| {
                    (body["properties"]["pattern"].clone(), body["properties"]["isRegex"] == true)
                };
                let gone = after.resource(id).is_none_or(|new| stops(old) != stops(new));
                // What goes with its list is said of the list.
                (list.clone(), gone && after.resource(&list).is_some())
            }
            _ => continue,
        };
        let account = list.parent().filter(|account| after.resource(account).is_some());
        if let Some(account) = account.filter(|_| gone) {
            let what = if list == *id {
                format!("deletes blocklist `{}`", id.name())
            } else {
                format!("removes what item `{}` of blocklist `{}` stops", id.name(), list.name())
            };
            found.push((id, format!("the plan {what} of account `{}`", account.name())));
        }
    }
    found
}

/// Accounts that store completions again, or give up their own encryption key.
fn data<'a>(before: &World, after: &'a World) -> Vec<(&'a ResourceId, String)> {
    let own_key = |body: &Value| AccountBody::of(body).encryption().has_own_key();
    let stores_nothing = |body: &Value| AccountBody::of(body).stores_no_completions();
    let mut found = Vec::new();
    for (id, new) in accounts(after) {
        let name = id.name();
        if was(before, after, id).is_some_and(stores_nothing) && !stores_nothing(new) {
            let message = format!(
                "the plan lets account `{name}` store prompts and answers again: storedCompletionsDisabled true -> false"
            );
            found.push((id, message));
        }
        if was(before, after, id).is_some_and(own_key) && !own_key(new) {
            let message = format!(
                "the plan encrypts account `{name}` with Microsoft's key instead of its own: encryption.keySource Microsoft.KeyVault -> Microsoft.CognitiveServices"
            );
            found.push((id, message));
        }
    }
    found
}

/// The blocklist of an item.
fn blocklist_of(id: &ResourceId) -> Option<ResourceId> {
    let kind = "Microsoft.CognitiveServices/accounts/raiBlocklists/raiBlocklistItems";
    id.resource_type().filter(|found| found.eq_ignore_ascii_case(kind)).and_then(|_| id.parent())
}

fn is(value: &Value, word: &str) -> bool {
    value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(word))
}

/// The policies of a child's account, before and after.
fn both<'a>(before: &'a World, after: &'a World, child: &ResourceId) -> Option<(Policies<'a>, Policies<'a>)> {
    let account = child.parent()?;
    let live = before.resource(&account).is_some() || before.resource(child).is_some();
    let of = |world| Policies { world, account: account.clone(), live };
    Some((of(before), of(after)))
}

/// The policy that a deployment names, or Azure's default.
fn policy_of(deployment: &Value) -> &str {
    DeploymentBody::of(deployment).policy().unwrap_or(DEFAULT)
}

/// Whether a deployment gets a filter that blocks less than its old one, or, if it is new, less than Azure's default.
fn deployment(before: &World, after: &World, id: &ResourceId, new: &Value) -> Option<String> {
    let (was, now) = both(before, after, id)?;
    let old = before.resource(id);
    let (left, entered) = (old.map_or(DEFAULT, policy_of), policy_of(new));
    // A policy that the plan creates may differ from what had that name before.
    let made = old.is_some() && was.find(entered).is_none() && now.find(entered).is_some();
    if left.eq_ignore_ascii_case(entered) && !made {
        return None;
    }
    let why = match (was.find(left), now.find(entered)) {
        (None, _) => format!("may block less: Azure does not show what `{left}` blocks"),
        (_, None) => "may block less: Azure does not show what it blocks".to_owned(),
        (Some(left), Some(entered)) => {
            let lost = was.effective(left).lost(&now.effective(entered));
            format!("blocks less: {}", named(&lost)?)
        }
    };
    let (name, account) = (id.name(), child_of(id, "deployments")?);
    Some(match old {
        Some(_) => format!(
            "the plan moves deployment `{name}` of `{account}` from content filter `{left}` to `{entered}`, which {why}"
        ),
        None => format!(
            "the plan creates deployment `{name}` of `{account}` with content filter `{entered}`, which, measured against `{left}`, {why}"
        ),
    })
}

/// Whether a deployment begins to spill over to one whose filter blocks less than its own: another than before, or one that the plan creates.
fn spillover(before: &World, after: &World, id: &ResourceId, new: &Value) -> Option<String> {
    let target = DeploymentBody::of(new).spillover()?;
    let (_, now) = both(before, after, id)?;
    let receiver = now.account.child("deployments", target);
    let known = before.resource(id).and_then(|old| DeploymentBody::of(old).spillover());
    let is_made = before.resource(&receiver).is_none() && after.resource(&receiver).is_some();
    if !is_made && known.is_some_and(|known| known.eq_ignore_ascii_case(target)) {
        return None;
    }
    let (own, other) = (policy_of(new), after.resource(&receiver).map(policy_of));
    if other.is_some_and(|other| other.eq_ignore_ascii_case(own)) {
        return None;
    }
    let why = match (now.find(own), other.and_then(|other| now.find(other))) {
        (Some(own), Some(other)) => {
            format!("blocks less: {}", named(&now.effective(own).lost(&now.effective(other)))?)
        }
        _ => "may block less: Azure does not show what it blocks".to_owned(),
    };
    let (name, account) = (id.name(), child_of(id, "deployments")?);
    Some(format!(
        "the plan lets deployment `{name}` of `{account}` spill over to `{target}`, whose content filter {why}"
    ))
}

/// Some of many losses; `None` if nothing is lost.
fn named(lost: &[String]) -> Option<String> {
    let more = lost.len().saturating_sub(NAMED);
    let text = lost.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
    match (lost.len(), more) {
        (0, _) => None,
        (_, 0) => Some(text),
        _ => Some(format!("{text}; and {more} more")),
    }
}

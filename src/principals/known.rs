//! The names of principals, as far as the run knows them: one look-up, and one format. Pure.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use super::{IDENTITY_TYPE, object_id};
use crate::id::ResourceId;
use crate::snapshot::Snapshot;
use crate::spec::Loaded;

/// Names of principals by object id in lower case.
pub type Names = BTreeMap<String, String>;

/// Names from the directory's answers in this run. Names from a lock file are marked as such.
#[must_use]
pub fn known_names(stacks: &[Loaded], snapshot: &Snapshot) -> Names {
    let locks = stacks.iter().filter_map(|loaded| loaded.lock.as_ref());
    let locked = locks.flat_map(|lock| &lock.principals);
    let locked = locked.filter(|entry| entry.may_be_in(snapshot.caller.tenant));
    let mut names: Names = locked
        .map(|entry| (entry.id.to_string(), format!("{}, from lock, unverified", entry.name)))
        .collect();
    names.extend(snapshot.names(shown_names).iter().map(|(id, name)| (id.clone(), name.clone())));
    names
}

/// The names in Azure's answers.
fn shown_names(snapshot: &Snapshot) -> Names {
    let mut names = Names::new();
    for body in snapshot.bodies() {
        // A user-assigned identity is read from ARM.
        if let (Some(name), Some(principal)) = (identity_name(body), object_id(&body["properties"])) {
            names.insert(principal.to_ascii_lowercase(), name);
        }
    }
    for body in snapshot.bodies().filter(|body| body["properties"].is_null()) {
        let id = body["id"].as_str().filter(|id| Uuid::try_parse(id).is_ok());
        let name = body["userPrincipalName"].as_str().or_else(|| body["displayName"].as_str());
        if let (Some(id), Some(name)) = (id, name) {
            names.insert(id.to_ascii_lowercase(), name.to_owned());
        }
    }
    names
}

/// The name of a user-assigned identity. Few bodies are one, and reading an id whole takes long.
fn identity_name(body: &Value) -> Option<String> {
    let text = body["id"].as_str()?;
    let collection = IDENTITY_TYPE.rsplit('/').next();
    let is_like_one = text.trim_end_matches('/').rsplit('/').nth(1).zip(collection);
    is_like_one.filter(|(found, wanted)| found.eq_ignore_ascii_case(wanted))?;
    let id = ResourceId::parse(text).ok()?;
    id.resource_type()?.eq_ignore_ascii_case(IDENTITY_TYPE).then(|| id.name().to_owned())
}

/// Puts names beside the object ids that stand as words of a message.
pub(crate) fn name_in(message: &mut String, names: &Names) {
    let word = |word: &str| match names.get(&word.to_ascii_lowercase()) {
        Some(name) => called("", word, Some(name)).trim_start_matches("principal ").to_owned(),
        None => word.to_owned(),
    };
    *message = message.split(' ').map(word).collect::<Vec<_>>().join(" ");
}

/// What says where a name is from that the directory did not tell.
const FROM: [&str; 3] = [
    ", from the plan and there from lock, unverified",
    ", from the plan, unverified",
    ", from lock, unverified",
];

/// A principal for messages: `User alice@contoso.com (1f0c…)`.
#[must_use]
pub fn called(kind: &str, id: &str, name: Option<&str>) -> String {
    let kind = if kind.is_empty() { "principal" } else { kind };
    // Where a name is from is said behind the id, as for one that a spec names.
    let from = |name: &str| FROM.iter().find_map(|from| Some((name.strip_suffix(from)?.to_owned(), *from)));
    match name {
        Some(name) if let Some((name, from)) = from(name) => format!("{kind} {name} ({id}{from})"),
        Some(name) => format!("{kind} {name} ({id})"),
        None => format!("{kind} {id}"),
    }
}

//! Who caused a drift, in one line. Works on the document alone; callers sanitise the line.

use std::fmt;

use uuid::Uuid;

use crate::document::{Cause, Done, PlannedChange};
use crate::id::ResourceId;

/// The line about who caused a change. With `address`, it includes the address of the request: a comment on a pull request is
/// read by more people than need that.
pub(super) fn line(change: &PlannedChange, address: bool) -> Option<CauseLine> {
    match &change.caused_by {
        Some(cause) => Some(said(cause, address)),
        None => change.cause_unknown.clone().map(|why| CauseLine { who: why, ..CauseLine::default() }),
    }
}

/// Who did something, when, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CauseLine {
    pub(super) who: String,
    /// The first and the last time, if several changes share this line.
    pub(super) when: Option<(String, String)>,
    pub(super) how: String,
}

impl CauseLine {
    /// Merges the times of another change with the same line.
    pub(super) fn take(&mut self, other: &Self) {
        if let (Some((from, to)), Some((first, last))) = (&mut self.when, &other.when) {
            from.clone_from(&first.clone().min(from.clone()));
            to.clone_from(&last.clone().max(to.clone()));
        }
    }
}

impl fmt::Display for CauseLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.who)?;
        match &self.when {
            Some((from, to)) if from == to => write!(f, " at {from}")?,
            Some((from, to)) => write!(f, " from {from} to {to}")?,
            None => {}
        }
        f.write_str(&self.how)
    }
}

fn said(cause: &Cause, address: bool) -> CauseLine {
    let what = match (cause.done, &cause.resource) {
        (Done::Changed, _) => "last changed by".to_owned(),
        (Done::Created, _) => "created by".to_owned(),
        (Done::Deleted, None) => "deleted by".to_owned(),
        (Done::Deleted, Some(above)) => {
            let name = ResourceId::parse(above).map_or_else(|_| above.clone(), |id| id.name().to_owned());
            format!("`{name}`, which it was in, was deleted by")
        }
    };
    let when = cause.when.parse::<jiff::Timestamp>();
    let when =
        when.map_or_else(|_| cause.when.clone(), |when| when.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let from = cause.client_ip_address.as_ref().filter(|_| address).map(|from| format!("from {from}"));
    let operation = cause.operation.as_deref().map(without_provider);
    let more: Vec<&str> = operation.into_iter().chain(from.as_deref()).collect();
    let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join(", ")) };
    CauseLine { who: format!("{what} {}", who(cause)), when: Some((when.clone(), when)), how: more }
}

/// An operation without its resource provider: `accounts/deployments/delete`.
fn without_provider(operation: &str) -> &str {
    let parts = operation.split_once('/').filter(|(provider, _)| provider.contains('.'));
    parts.map_or(operation, |(_, rest)| rest)
}

/// The caller in lists of people: by sign-in name alone, because some sources show the name and others the id.
pub(super) fn person(cause: &Cause) -> String {
    match &cause.caller_name {
        Some(name) if name.contains('@') => name.clone(),
        _ => who(cause),
    }
}

/// The caller, with type and id.
pub(super) fn who(cause: &Cause) -> String {
    let sort = match cause.caller_type.as_deref() {
        Some("Application") => "application ",
        Some("ManagedIdentity") => "managed identity ",
        None if cause.caller_name.is_none() && Uuid::try_parse(&cause.caller).is_ok() => "principal ",
        _ => "",
    };
    match &cause.caller_name {
        Some(name) => format!("{sort}{name} ({})", cause.caller),
        None => format!("{sort}{}", cause.caller),
    }
}

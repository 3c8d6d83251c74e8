//! Who fetched or regenerated keys, from the activity log. Fetching a key is not using it: many tools fetch keys on every run, and a key
//! that was copied long ago works without being fetched.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use super::{Window, begin, second};
use crate::document::usage::Fetched;
use crate::id::ResourceId;
use crate::snapshot::{Answer, Query, Refusal, Shape};
use crate::text::query::{encoded, quoted};

/// The operations, in lower case, and as they are shown.
const OPERATIONS: [(&str, &str); 2] = [
    ("microsoft.cognitiveservices/accounts/listkeys/action", "listKeys"),
    ("microsoft.cognitiveservices/accounts/regeneratekey/action", "regenerateKey"),
];
/// Application ids of Microsoft's tools; from public lists, none was seen in an event of an account.
const TOOLS: [(&str, &str); 3] = [
    ("c44b4083-3bb0-49c1-b47d-974e53cbdf3c", "Azure portal"),
    ("04b07795-8ddb-461a-bbee-02f9e1bf7b46", "Azure CLI"),
    ("1950a258-227b-4e31-a9cf-717495945fc2", "Azure PowerShell"),
];
/// The claim with the caller's object id.
const OBJECT_ID: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";

/// Who fetched keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fetches {
    /// Each caller and tool.
    pub all: Vec<Fetched>,
    /// Whether the whole log was read.
    pub whole: bool,
}

/// The question about an account.
pub(super) fn query(account: &ResourceId, window: Window) -> Query {
    let subscription = account.subscription_id().unwrap_or_default();
    // The log rejects a start more than 90 days ago.
    let from = begin(window.first().max(window.today() - 89));
    let filter = format!(
        "eventTimestamp ge '{}' and eventTimestamp le '{}' and resourceUri eq {}",
        second(from),
        second(window.end()),
        quoted(account.as_str())
    );
    Query {
        path: format!(
            "/subscriptions/{subscription}/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01&$filter={}",
            encoded(&filter)
        ),
        shape: Shape::Newest,
        scope: account.clone(),
        project: brief,
    }
}

/// The part of an event that is kept: of other operations nothing.
#[expect(clippy::needless_pass_by_value, reason = "what a page is projected by takes its items")]
fn brief(event: Value) -> Value {
    let operation = event["operationName"]["value"].as_str().unwrap_or_default().to_ascii_lowercase();
    let ended =
        !event["eventName"]["value"].as_str().is_some_and(|name| name.eq_ignore_ascii_case("BeginRequest"));
    let succeeded =
        event["status"]["value"].as_str().is_some_and(|status| status.eq_ignore_ascii_case("Succeeded"));
    let Some((_, shown)) = OPERATIONS.iter().find(|(known, _)| *known == operation) else {
        return Value::Null;
    };
    if !(ended && succeeded) {
        return Value::Null;
    }
    serde_json::json!({
        "operation": shown,
        "resource": event["resourceId"],
        // The event names people; their ids say enough unless names are asked for.
        "caller": event["claims"][OBJECT_ID].as_str().into_iter().chain(event["caller"].as_str()).find(|id| Uuid::try_parse(id).is_ok()),
        "app": event["claims"]["appid"],
        "at": event["eventTimestamp"],
    })
}

pub(super) fn read(answer: Option<&Answer>, account: &ResourceId) -> Result<Fetches, Refusal> {
    let events = match answer {
        Some(Answer::Found(events)) => events.as_slice(),
        Some(Answer::Denied(refusal) | Answer::Failed(refusal)) => return Err(refusal.clone()),
        Some(Answer::Absent { .. }) | None => &[],
    };
    let mut all: BTreeMap<(String, String, Option<String>), Fetched> = BTreeMap::new();
    for event in events {
        let text = |name: &str| event[name].as_str().map(str::to_owned);
        let Some(operation) = text("operation") else { continue };
        if !event["resource"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(account.as_str())) {
            continue;
        }
        let caller =
            text("caller").unwrap_or_else(|| "somebody whose object id is not in the log".to_owned());
        let app = text("app").map(|app| app.to_ascii_lowercase());
        let tool =
            TOOLS.iter().find(|(id, _)| app.as_deref() == Some(id)).map(|(_, tool)| (*tool).to_owned());
        let at = text("at").unwrap_or_default();
        let found = all.entry((operation.clone(), caller.clone(), tool.clone()));
        let found = found.or_insert(Fetched { operation, caller, tool, times: 0, last: String::new() });
        found.times += 1;
        if at > found.last {
            found.last = at;
        }
    }
    let whole = !events.iter().any(|event| event.as_str() == Some("more"));
    Ok(Fetches { all: all.into_values().collect(), whole })
}

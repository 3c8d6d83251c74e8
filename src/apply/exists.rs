//! Azure refuses a role assignment because the same stands under another name: whether that one gives what is declared, for how long, and
//! whether it is still there (IO).

use jiff::Timestamp;
use serde_json::Value;

use super::found::{PLAN_AGAIN, taken_over};
use super::settle;
use super::write::{Problem, Written};
use crate::arm::{self, Client};
use crate::document::Step;
use crate::id::ResourceId;
use crate::kinds::Kind;
use crate::kinds::role_assignment::{self, twin};
use crate::rbac::{Term, Terms};

/// What stands in the way of an assignment.
pub(super) enum Met {
    /// Nothing any more.
    Gone,
    /// Something, so that the step ends.
    Stands(Written),
}

/// Finds the assignment of which Azure says that it exists, since it may give what is declared.
pub(super) async fn judge(client: &Client, kind: &dyn Kind, step: &Step, error: &arm::Error) -> Met {
    let failed =
        |cause: String, hint: Option<String>| Met::Stands(Problem::failed("create", cause, hint).into());
    let unexplained = || failed(error.to_string(), error.hint());
    let Ok(target) = ResourceId::parse(&step.target) else { return unexplained() };
    let scope = target.scope();
    let query = twin::query(&scope, &step.patch);
    let mut same = client.list(&query.path, query.project).await.unwrap_or_default();
    same.retain(|body| twin::is_same(&scope, &step.patch, body));
    if same.is_empty() {
        return unexplained();
    }
    let (terms, unread) = match terms(client, &scope).await {
        Ok(terms) => (terms, None),
        Err(why) => (Terms::default(), Some(why)),
    };
    let term_of = |body: &Value| terms.ending(&id_of(body)?);
    let other = |body: &Value| match taken_over(kind, step, body) {
        Some(why) => vec![why],
        None => settle::other(kind, step, body),
    };
    let lasting = same.iter().filter(|body| term_of(body).is_none()).min_by_key(|body| other(body).len());
    let Some(body) = lasting else {
        let ending = same.iter().filter_map(|body| Some((body, term_of(body)?)));
        // The one that stands longest is in the way longest; of one without an end nobody knows how long.
        let last = ending.max_by_key(|(_, term)| (term.end().is_none(), term.end()));
        let Some((body, term)) = last else { return unexplained() };
        return ends(client, kind, body, term, error).await;
    };
    let what = told(body);
    let other = other(body);
    if other.is_empty() {
        // What keyless made lasts, as its name tells; anything else may end by itself, and keys may wait for it.
        let lasts = || id_of(body).is_some_and(|id| role_assignment::is_named_by_keyless(&id, body));
        if let Some(unread) = unread.filter(|_| !lasts()) {
            let cause = format!(
                "{error}; somebody made {what}, meanwhile, and whether it is there for a while only could not be read: {unread}"
            );
            return failed(cause, Some(PLAN_AGAIN.to_owned()));
        }
        let note = format!("somebody made it meanwhile: {what}");
        return Met::Stands(Written::Done { note: Some(note), outputs: Vec::new() });
    }
    let cause =
        format!("{error}; somebody made {what}, meanwhile, otherwise than declared: {}", other.join(", "));
    failed(cause, Some(PLAN_AGAIN.to_owned()))
}

/// What ends by itself and is in the way until then. What should have ended is looked for once more: Azure's lists lag behind.
async fn ends(client: &Client, kind: &dyn Kind, body: &Value, term: &Term, error: &arm::Error) -> Met {
    let what = told(body);
    let id = body["id"].as_str().unwrap_or("?");
    let until = term.until().map(|end| format!(", until {end}")).unwrap_or_default();
    if term.end().is_none_or(|end| end > Timestamp::now()) {
        let cause = format!(
            "{error}; it is there for a while only{until}: somebody activated it through Privileged Identity Management, or gave it until then ({what})"
        );
        let hint = "apply again once it has ended".to_owned();
        return Met::Stands(Problem::failed("create", cause, Some(hint)).into());
    }
    let path = format!("{id}?api-version={}", kind.api_version());
    let seen = match client.get(&path).await {
        Err(error) if error.says_absent() => return Met::Gone,
        Err(error) => format!("whether it still stands could not be read: {error}"),
        Ok(_) => "it still stands".to_owned(),
    };
    let cause = format!(
        "{error}; {what}, is in the way: by Privileged Identity Management it was there{until}, and {seen}"
    );
    let hint = format!(
        "wait some minutes and apply again; if it stands then, delete it: az role assignment delete --ids {id}"
    );
    Met::Stands(Problem::failed("create", cause, Some(hint)).into())
}

/// Which assignment that is, and who made it.
fn told(body: &Value) -> String {
    let text = |name: &str| body["properties"][name].as_str();
    let id = body["id"].as_str().unwrap_or("?");
    let by = text("createdBy").unwrap_or("someone");
    let when = text("createdOn").unwrap_or("an unknown time");
    format!("{id}, created by {by} on {when}")
}

fn id_of(body: &Value) -> Option<ResourceId> {
    body["id"].as_str().and_then(|id| ResourceId::parse(id).ok())
}

/// How long the assignments at a scope hold; or why that is not known.
async fn terms(client: &Client, scope: &ResourceId) -> Result<Terms, String> {
    let query = role_assignment::schedule_instances(scope);
    let instances = match client.list(&query.path, query.project).await {
        // Nobody activates anything there.
        Err(error) if error.has_code("AadPremiumLicenseRequired") => Vec::new(),
        listed => listed.map_err(|error| error.to_string())?,
    };
    role_assignment::terms(&instances).map_err(|why| format!("GET {}: {why}", query.path))
}

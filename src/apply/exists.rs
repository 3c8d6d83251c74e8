//! Handles Azure's refusal of a role assignment because the same one exists under another name: whether that one grants what is declared,
//! for how long, and whether it still exists (IO).

use jiff::Timestamp;
use serde_json::Value;

use super::found::{PLAN_AGAIN, taken_over};
use super::settle;
use super::write::{StepProblem, WriteEnd};
use crate::arm::{self, Client};
use crate::body::AssignmentBody;
use crate::document::Step;
use crate::id::ResourceId;
use crate::kinds::Kind;
use crate::kinds::role_assignment::{self, twin};
use crate::rbac::{Term, Terms};

/// The obstacle to an assignment.
pub(super) enum Met {
    /// It no longer exists.
    Gone,
    /// It exists, so the step ends.
    Stands(WriteEnd),
}

/// Finds the assignment that Azure says exists, since it may grant what is declared.
pub(super) async fn judge(client: &Client, kind: &dyn Kind, step: &Step, error: &arm::Error) -> Met {
    let failed =
        |cause: String, hint: Option<String>| Met::Stands(StepProblem::failed("create", cause, hint).into());
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
        // The one that lasts longest blocks longest; one without an end may block indefinitely.
        let last = ending.max_by_key(|(_, term)| (term.end().is_none(), term.end()));
        let Some((body, term)) = last else { return unexplained() };
        return ends(client, kind, body, term, error).await;
    };
    let what = description(body);
    let other = other(body);
    if other.is_empty() {
        // What keyless created is permanent, as its name shows; any other may be temporary, and disabling keys may wait for it.
        let lasts = || {
            id_of(body).is_some_and(|id| role_assignment::is_named_by_keyless(&id, AssignmentBody::of(body)))
        };
        if let Some(unread) = unread.filter(|_| !lasts()) {
            let cause = format!(
                "{error}; meanwhile somebody created {what}, and could not determine whether it is temporary: {unread}"
            );
            return failed(cause, Some(PLAN_AGAIN.to_owned()));
        }
        let note = format!("somebody created it meanwhile: {what}");
        return Met::Stands(WriteEnd::Done { note: Some(note), outputs: Vec::new() });
    }
    let cause = format!(
        "{error}; meanwhile somebody created {what}, which differs from the declaration: {}",
        other.join(", ")
    );
    failed(cause, Some(PLAN_AGAIN.to_owned()))
}

/// Handles a temporary assignment that blocks until its end. One that should have ended is read again: Azure's lists lag behind.
async fn ends(client: &Client, kind: &dyn Kind, body: &Value, term: &Term, error: &arm::Error) -> Met {
    let what = description(body);
    let id = body["id"].as_str().unwrap_or("?");
    let until = term.until().map(|end| format!(", until {end}")).unwrap_or_default();
    if term.end().is_none_or(|end| end > Timestamp::now()) {
        let cause = format!(
            "{error}; it is temporary{until}: somebody activated it through Privileged Identity Management, or assigned it with an end ({what})"
        );
        let hint = "apply again once it has ended".to_owned();
        return Met::Stands(StepProblem::failed("create", cause, Some(hint)).into());
    }
    let path = format!("{id}?api-version={}", kind.api_version());
    let seen = match client.get(&path).await {
        Err(error) if error.says_absent() => return Met::Gone,
        Err(error) => format!("could not read whether it still exists: {error}"),
        Ok(_) => "it still exists".to_owned(),
    };
    let cause =
        format!("{error}; {what}, blocks it: Privileged Identity Management granted it{until}, and {seen}");
    let hint = format!(
        "wait a few minutes and apply again; if it still exists, delete it: az role assignment delete --ids {id}"
    );
    Met::Stands(StepProblem::failed("create", cause, Some(hint)).into())
}

/// The assignment's id and its creator.
fn description(body: &Value) -> String {
    let id = body["id"].as_str().unwrap_or("?");
    let (by, when) = AssignmentBody::of(body).created();
    format!("{id}, created by {} on {}", by.unwrap_or("someone"), when.unwrap_or("an unknown time"))
}

fn id_of(body: &Value) -> Option<ResourceId> {
    body["id"].as_str().and_then(|id| ResourceId::parse(id).ok())
}

/// How long the assignments at a scope last, or why that is not known.
async fn terms(client: &Client, scope: &ResourceId) -> Result<Terms, String> {
    let query = role_assignment::schedule_instances(scope);
    let instances = match client.list(&query.path, query.project).await {
        // Nothing can be activated there.
        Err(error) if error.has_code("AadPremiumLicenseRequired") => Vec::new(),
        listed => listed.map_err(|error| error.to_string())?,
    };
    role_assignment::terms(&instances).map_err(|why| format!("GET {}: {why}", query.path))
}

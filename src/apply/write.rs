//! One step: read what is there, lay the patch over it, write, and look at what came of it.

use serde_json::{Map, Value, json};

use super::Secrets;
use super::fill::fill;
use crate::arm::{self, Client};
use crate::diff::field_changes;
use crate::finding::{Code, Severity};
use crate::id::ResourceId;
use crate::kinds::role_assignment::twin;
use crate::kinds::{self, Kind, writable};
use crate::plan::document::{FindingEntry, Step, StepAction, dotted_path};
use crate::report::Output;
use crate::verify::gate::{Gate, Stop};

/// How a write ended.
pub(super) enum Written {
    /// The resource stands as declared.
    Done { note: Option<String>, outputs: Vec<Output> },
    /// It does not, or nobody knows.
    Failed(Problem),
    /// Ctrl-C came before anything was sent that could change something.
    NotTried,
}

/// Something to say about a step; the step gives it a place.
pub(super) struct Problem {
    code: Code,
    severity: Severity,
    /// What was attempted, as a verb in front of the resource's title: `create`.
    attempt: String,
    pub(super) cause: String,
    hint: Option<String>,
}

impl Problem {
    fn failed(attempt: &str, cause: impl Into<String>, hint: Option<String>) -> Self {
        let severity = Severity::Error;
        Self {
            code: Code::WriteFailed,
            severity,
            attempt: format!("failed to {attempt}"),
            cause: cause.into(),
            hint,
        }
    }

    pub(super) fn at(self, title: &str, step: &Step) -> FindingEntry {
        FindingEntry {
            source: step.source.clone(),
            severity: self.severity,
            code: self.code.as_str().to_owned(),
            message: format!("{} {title}", self.attempt),
            cause: Some(self.cause),
            hint: self.hint,
        }
    }
}

impl From<Problem> for Written {
    fn from(problem: Problem) -> Self {
        Written::Failed(problem)
    }
}

/// Carries a step out; beside its end stands what it wrote.
pub(super) async fn write(
    client: &Client,
    step: &Step,
    secrets: &Secrets,
    gate: Option<&Gate>,
) -> (String, Written) {
    let (target, mut written) = match fill(client, step, secrets).await {
        Ok(step) => (step.target.clone(), looked_at(client, &step, gate).await),
        Err((cause, hint)) => (step.target.clone(), Problem::failed("create", cause, hint).into()),
    };
    // Azure's answer may repeat what was sent.
    if let Written::Failed(problem) = &mut written {
        problem.cause = secrets.scrub(&problem.cause);
        problem.hint = problem.hint.as_deref().map(|hint| secrets.scrub(hint));
    }
    (target, written)
}

/// A step with a look before and after it, where there is a gate.
async fn looked_at(client: &Client, step: &Step, gate: Option<&Gate>) -> Written {
    let Some(gate) = gate else { return carry_out(client, step).await };
    let stopped = |attempt: &str, Stop { cause, hint }| Problem::failed(attempt, cause, Some(hint)).into();
    if let Err(stop) = gate.before(client, step).await {
        return stopped("verify before the update of", stop);
    }
    let written = carry_out(client, step).await;
    if matches!(written, Written::Done { .. })
        && let Err(stop) = gate.after(client, step).await
    {
        return stopped("verify after the update of", stop);
    }
    written
}

async fn carry_out(client: &Client, step: &Step) -> Written {
    let Some(kind) = kinds::by_name(&step.kind) else {
        let hint = "the plan is from another version of keyless: make it again".to_owned();
        return Problem::failed(
            "write",
            format!("`{}` is not a kind of this version", step.kind),
            Some(hint),
        )
        .into();
    };
    let path = format!("{}?api-version={}", step.target, kind.api_version());
    match step.action {
        StepAction::Delete => delete(client, "delete", &path).await,
        StepAction::Purge => delete(client, "purge", &path).await,
        StepAction::Restore => restore(client, kind, step, &path).await,
        StepAction::Create | StepAction::Update => put(client, kind, step, &path).await,
    }
}

async fn delete(client: &Client, verb: &str, path: &str) -> Written {
    match client.delete(path).await {
        Ok(_) => Written::Done { note: None, outputs: Vec::new() },
        Err(error) if error.says_absent() => {
            Written::Done { note: Some("it had gone already".to_owned()), outputs: Vec::new() }
        }
        Err(error) => unwritten(verb, &error),
    }
}

/// The end of a step whose request did not succeed.
fn unwritten(attempt: &str, error: &arm::Error) -> Written {
    if error.kind == arm::Kind::Interrupted && error.effect == arm::Effect::None {
        return Written::NotTried;
    }
    Problem::failed(attempt, error.to_string(), error.hint()).into()
}

/// Brings back what was soft-deleted, unless an earlier run has done so, then writes what is declared.
async fn restore(client: &Client, kind: &dyn Kind, step: &Step, path: &str) -> Written {
    let gone = match client.get(path).await {
        Ok(_) => false,
        Err(error) if error.says_absent() => true,
        Err(error) => return unwritten("read before the restore of", &error),
    };
    // Repeated after it took effect, this would be a PUT of a live resource that leaves everything out.
    if gone && let Err(error) = client.put_once(path, &kind.restoring(&step.patch)).await {
        let came_back = error.effect == arm::Effect::Unknown && client.get(path).await.is_ok();
        if !came_back {
            return unwritten("restore", &error);
        }
    }
    match put(client, kind, step, path).await {
        Written::NotTried if gone => {
            let cause = "interrupted once it was back, before what is declared was written";
            let hint = "run again: what already happened is found and not repeated".to_owned();
            Problem::failed("end the restore of", cause, Some(hint)).into()
        }
        written => written,
    }
}

async fn put(client: &Client, kind: &dyn Kind, step: &Step, path: &str) -> Written {
    let verb = match step.action {
        StepAction::Create => "create",
        StepAction::Restore => "bring the restored resource to what is declared:",
        _ => "update",
    };
    let plan_again = Some("someone else is at work here: run `plan` again and look".to_owned());
    let live = match client.get(path).await {
        // The write would otherwise replace everything with what little there is.
        Ok(body) if !body["properties"].is_object() => {
            let cause = "the answer is not a resource of Azure";
            return Problem::failed(&format!("read before the {verb}"), cause, None).into();
        }
        Ok(body) => Some(body),
        Err(error) if error.says_absent() => None,
        Err(error) => return unwritten(&format!("read before the {verb}"), &error),
    };
    match (step.action, &live) {
        (StepAction::Update | StepAction::Restore, None) => {
            return Problem::failed(verb, "it has gone since the plan was made", plan_again).into();
        }
        (StepAction::Create, Some(body))
            if !field_changes(kind, &step.patch, body).is_empty() && !kind.is_grant() =>
        {
            return Problem::failed(
                verb,
                "someone created it, otherwise than declared, since the plan was made",
                plan_again,
            )
            .into();
        }
        _ => {}
    }
    let before = live.as_ref().map_or_else(|| json!({}), |body| writable(kind, body));
    let mut body = before.clone();
    kind.overlay(&mut body, &step.patch);
    if let Some(stack) = &step.mark {
        kind.set_mark(&mut body, stack);
    }
    if let (true, Some(live)) = (body == before, &live) {
        let note = Some("it was as declared by then".to_owned());
        return Written::Done { note, outputs: outputs(kind, live) };
    }
    let sent = match &live {
        Some(live) if kind.refuses_put(live) => client.patch(path, &changed(&before, &body)).await,
        _ => client.put(path, &body).await,
    };
    match sent {
        Ok(written) => settled(kind, step, &before, &written.body),
        Err(error) if error.has_code("RoleAssignmentExists") => exists(client, step, error).await,
        Err(error) => unwritten(verb, &error),
    }
}

/// The parts of a body that differ, each top-level member and each member of `properties` whole.
fn changed(before: &Value, after: &Value) -> Value {
    let members = |from: &Value, old: &Value| -> Map<String, Value> {
        let map = from.as_object().cloned().unwrap_or_default();
        map.into_iter().filter(|(name, value)| old[name.as_str()] != *value).collect()
    };
    let mut body = members(after, before);
    if body.contains_key("properties") {
        body.insert(
            "properties".to_owned(),
            Value::Object(members(&after["properties"], &before["properties"])),
        );
    }
    Value::Object(body)
}

/// Looks at what Azure says stands there now.
fn settled(kind: &dyn Kind, step: &Step, before: &Value, body: &Value) -> Written {
    let other: Vec<String> = field_changes(kind, &step.patch, body)
        .into_iter()
        .map(|change| {
            format!("`{}` is `{}`, not `{}`", dotted_path(&change.path), change.before, change.after)
        })
        .collect();
    if !other.is_empty() {
        let hint =
            "a policy may rewrite it after each write, or someone else wrote at the same time".to_owned();
        return Problem {
            code: Code::ReadBack,
            severity: Severity::Error,
            attempt: "Azure took the write and shows something else for".to_owned(),
            cause: other.join(", "),
            hint: Some(hint),
        }
        .into();
    }
    let surprises = undeclared_changes(kind, step, before, body);
    if surprises.is_empty() {
        return Written::Done { note: None, outputs: outputs(kind, body) };
    }
    Problem {
        code: Code::ReadBack,
        severity: Severity::Error,
        attempt: "a field that nobody declared changed with the write of".to_owned(),
        cause: surprises.join(", "),
        hint: Some(
            "compare with the portal; `keyless plan` shows whether what is declared still holds".to_owned(),
        ),
    }
    .into()
}

/// Fields in spec shape that the step did not declare and that differ now from what they were. New ones are the service's defaults.
fn undeclared_changes(kind: &dyn Kind, step: &Step, before: &Value, after: &Value) -> Vec<String> {
    let Value::Object(mut undeclared) = kind.to_spec(before) else { return Vec::new() };
    forget(&mut undeclared, &step.patch);
    field_changes(kind, &undeclared, after)
        .into_iter()
        .map(|change| {
            format!("`{}` was `{}` and is `{}`", dotted_path(&change.path), change.after, change.before)
        })
        .collect()
}

/// Takes out of `fields` what the patch names.
fn forget(fields: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match (fields.get_mut(name), value) {
            (Some(Value::Object(inner)), Value::Object(patch)) => forget(inner, patch),
            _ => {
                fields.remove(name);
            }
        }
    }
}

/// Somebody made the same assignment under another name: find it, since it gives what is declared.
async fn exists(client: &Client, step: &Step, error: arm::Error) -> Written {
    let Ok(target) = ResourceId::parse(&step.target) else {
        return Problem::failed("create", error.to_string(), error.hint()).into();
    };
    let scope = target.scope();
    let query = twin::query(&scope, &step.patch);
    let listed = client.list(&query.path, query.project).await.unwrap_or_default();
    match listed.into_iter().find(|body| twin::is_same(&scope, &step.patch, body)) {
        Some(body) if is_activated(client, &scope, &body).await => {
            let cause = format!(
                "{error}; it is there for a while only: somebody activated it through Privileged Identity Management"
            );
            Problem::failed("create", cause, Some("apply again once it has ended".to_owned())).into()
        }
        Some(body) => {
            let by = body["properties"]["createdBy"].as_str().unwrap_or("someone");
            let when = body["properties"]["createdOn"].as_str().unwrap_or("an unknown time");
            let id = body["id"].as_str().unwrap_or("?");
            let note = format!("somebody made it meanwhile: {id}, created by {by} on {when}");
            Written::Done { note: Some(note), outputs: Vec::new() }
        }
        None => Problem::failed("create", error.to_string(), error.hint()).into(),
    }
}

/// Whether an assignment will end by itself; where nobody may say, it counts as it stands.
async fn is_activated(client: &Client, scope: &ResourceId, assignment: &Value) -> bool {
    let query = kinds::role_assignment::schedule_instances(scope);
    let instances = client.list(&query.path, query.project).await.unwrap_or_default();
    let id = |value: &Value| value.as_str().and_then(|id| ResourceId::parse(id).ok());
    instances.iter().map(|item| &item["properties"]).any(|instance| {
        instance["assignmentType"] == "Activated"
            && id(&instance["originRoleAssignmentId"]) == id(&assignment["id"])
    })
}

fn outputs(kind: &dyn Kind, body: &Value) -> Vec<Output> {
    kind.outputs(body).into_iter().map(|(name, value)| Output { name: name.to_owned(), value }).collect()
}

//! Runs one step: reads the live resource, applies the patch, writes, and checks the result.

use std::time::Duration;

use serde_json::{Value, json};

use super::exists::{self, Met};
use super::fill::fill;
use super::found::{PLAN_AGAIN, found, is_unmarked, needless, overtaken, taken_over};
use super::{Secrets, patch, settle};
use crate::arm::{self, Client};
use crate::body::is_resource;
use crate::document::report::Output;
use crate::document::{FindingEntry, Step, StepAction};
use crate::finding::{Code, Severity};
use crate::id::ResourceId;
use crate::kinds::{self, Kind, writable};
use crate::verify::gate::{Gate, Stop};

/// How a write ended.
pub(super) enum WriteEnd {
    /// The resource is as declared.
    Done { note: Option<String>, outputs: Vec<Output> },
    /// It is not, or that is not known.
    Failed(StepProblem),
    /// Ctrl-C came before any request that changes something.
    NotTried,
}

/// A problem with a step; the step adds its position.
pub(super) struct StepProblem {
    code: Code,
    severity: Severity,
    /// What was attempted, as a verb that precedes the resource's title: `create`.
    attempt: String,
    pub(super) cause: String,
    hint: Option<String>,
}

impl StepProblem {
    pub(super) fn failed(attempt: &str, cause: impl Into<String>, hint: Option<String>) -> Self {
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
            cause: Some(self.cause),
            hint: self.hint,
            ..FindingEntry::of(self.severity, self.code, format!("{} {title}", self.attempt))
        }
    }
}

impl From<StepProblem> for WriteEnd {
    fn from(problem: StepProblem) -> Self {
        WriteEnd::Failed(problem)
    }
}

/// Runs a step; also returns its final target.
pub(super) async fn write(
    client: &Client,
    step: &Step,
    secrets: &Secrets,
    gate: Option<&Gate>,
) -> (String, WriteEnd) {
    match fill(client, step, secrets).await {
        Ok(step) => (step.target.clone(), looked_at(client, &step, gate).await),
        Err((cause, hint)) => (step.target.clone(), StepProblem::failed("create", cause, hint).into()),
    }
}

/// Runs a step with verification before and after it, if there is a gate.
async fn looked_at(client: &Client, step: &Step, gate: Option<&Gate>) -> WriteEnd {
    let Some(gate) = gate else { return carry_out(client, step).await };
    let stopped =
        |attempt: &str, Stop { cause, hint }| StepProblem::failed(attempt, cause, Some(hint)).into();
    let mut proven = match gate.before(client, step).await {
        Ok(proven) => proven,
        Err(stop) => return stopped("verify before the update of", stop),
    };
    match carry_out(client, step).await {
        WriteEnd::Done { note, mut outputs } => match gate.after(client, step).await {
            Ok(more) => {
                proven.extend(more);
                outputs.extend(proven);
                WriteEnd::Done { note, outputs }
            }
            Err(stop) => stopped("verify after the update of", stop),
        },
        other => other,
    }
}

async fn carry_out(client: &Client, step: &Step) -> WriteEnd {
    let Some(kind) = kinds::by_name(&step.kind) else {
        let hint = "the plan is from another version of keyless: make a new one".to_owned();
        return StepProblem::failed(
            "write",
            format!("`{}` is not a kind of this version", step.kind),
            Some(hint),
        )
        .into();
    };
    let path = format!("{}?api-version={}", step.target, kind.api_version());
    match step.action {
        StepAction::Delete => delete(client, kind, step, "delete", &path).await,
        StepAction::Purge => delete(client, kind, step, "purge", &path).await,
        StepAction::Restore => restore(client, kind, step, &path).await,
        StepAction::Create | StepAction::Update => put(client, kind, step, &path).await,
    }
}

async fn delete(client: &Client, kind: &dyn Kind, step: &Step, verb: &str, path: &str) -> WriteEnd {
    let mut turns = ConflictRetries::default();
    loop {
        let (mut seen, mut unseen) = (false, false);
        // A soft-deleted resource is purged for its name, whoever created it.
        if step.action == StepAction::Delete {
            match client.get(path).await {
                Ok(live) => {
                    if let Some(cause) = taken_over(kind, step, &live) {
                        return StepProblem::failed(verb, cause, Some(PLAN_AGAIN.to_owned())).into();
                    }
                    seen = true;
                }
                // A replica that lags behind the list also answers 404, so the answer to the DELETE must agree.
                Err(error) if error.says_absent() => unseen = true,
                Err(error) => return unwritten(&format!("read before the {verb} of"), &error),
            }
        }
        match client.delete(path).await {
            // What is purged is made anew next, which shows whether its name is free.
            Ok(done) if matches!(done.status, 200 | 202) => match step.action {
                StepAction::Purge => return DELETED,
                _ => return seen_gone(client, verb, path).await,
            },
            // 204 is also documented as "does not exist"; other codes are not documented.
            Ok(done) if done.status == 204 && !seen => return DELETED,
            Ok(done) => {
                let said = format!("Azure answered {}", done.status);
                return look_again(client, verb, path, &said, DELETED).await;
            }
            Err(error) if error.says_absent() && (unseen && error.effect == arm::Effect::None) => {
                return gone(&error);
            }
            Err(error) if error.says_absent() => {
                return look_again(client, verb, path, &error.to_string(), gone(&error)).await;
            }
            Err(error) if turns.again(client, &error).await => {}
            Err(error) if error.effect == arm::Effect::Unknown && is_absent(client, path).await => {
                return gone(&error);
            }
            Err(error) => return unwritten(verb, &error),
        }
    }
}

async fn is_absent(client: &Client, path: &str) -> bool {
    client.get(path).await.is_err_and(|read| read.says_absent())
}

const DELETED: WriteEnd = WriteEnd::Done { note: None, outputs: Vec::new() };

/// The resource is gone. If an earlier attempt of the same DELETE had an effect, it was this run's.
fn gone(error: &arm::Error) -> WriteEnd {
    let note = (error.effect == arm::Effect::None).then(|| "it was already deleted".to_owned());
    WriteEnd::Done { note, outputs: Vec::new() }
}

/// How long Azure may still show a deleted resource, as seconds between reads.
const LAGS: [u64; 4] = [1, 2, 4, 8];

/// Confirms a delete: trusting the answer alone could leave access open if nothing was deleted.
async fn seen_gone(client: &Client, verb: &str, path: &str) -> WriteEnd {
    let mut lags = LAGS.into_iter();
    loop {
        match client.get(path).await {
            Err(read) if read.says_absent() => return DELETED,
            // With the deleted role the caller may have lost the right to read.
            Err(read) if read.kind == arm::ErrorKind::Denied => {
                let note = format!("Azure reported it as deleted; could not confirm that: {read}");
                return WriteEnd::Done { note: Some(note), outputs: Vec::new() };
            }
            Err(read) => {
                let cause = format!("Azure reported it as deleted, but could not confirm that: {read}");
                return StepProblem::failed(verb, cause, Some("run the command again".to_owned())).into();
            }
            Ok(_) => match lags.next() {
                Some(lag) if client.pause(Duration::from_secs(lag)).await => {}
                _ => {
                    let cause = "Azure reported it as deleted, but it still exists".to_owned();
                    let hint =
                        "run the command again; if it still exists, delete it in the portal".to_owned();
                    return StepProblem::failed(verb, cause, Some(hint)).into();
                }
            },
        }
    }
}

/// Reads a resource that Azure says does not exist: a 404 may concern something else, such as the URL of the operation.
async fn look_again(client: &Client, verb: &str, path: &str, said: &str, gone: WriteEnd) -> WriteEnd {
    match client.get(path).await {
        Err(read) if read.says_absent() => gone,
        Ok(_) => {
            let cause = format!("{said}; but a read shows that it still exists");
            let hint = "Azure contradicts itself, possibly temporarily: run the command again".to_owned();
            StepProblem::failed(verb, cause, Some(hint)).into()
        }
        Err(read) => {
            let cause = format!("{said}; could not read whether it still exists: {read}");
            StepProblem::failed(verb, cause, read.hint()).into()
        }
    }
}

/// Counts retries of a write that conflicted with another version of its resource.
#[derive(Default)]
struct ConflictRetries(u32);

impl ConflictRetries {
    /// The service keeps working on a deleted resource's children for seconds, sometimes half a minute:
    /// <https://github.com/hashicorp/terraform-provider-azurerm/pull/32632>.
    const WAITS: [u64; 7] = [1, 2, 4, 8, 15, 15, 15];

    /// Waits, and returns whether to read the resource and try again; not after Ctrl-C.
    async fn again(&mut self, client: &Client, error: &arm::Error) -> bool {
        let Some(wait) = Self::WAITS.get(self.0 as usize).filter(|_| error.says_outdated()) else {
            return false;
        };
        self.0 += 1;
        client.pause(Duration::from_secs(*wait)).await
    }
}

/// The result of a step whose request failed.
pub(super) fn unwritten(attempt: &str, error: &arm::Error) -> WriteEnd {
    if error.kind == arm::ErrorKind::Interrupted && error.effect == arm::Effect::None {
        return WriteEnd::NotTried;
    }
    StepProblem::failed(attempt, error.to_string(), error.hint()).into()
}

/// Restores a soft-deleted resource, unless an earlier run did, then writes what is declared.
async fn restore(client: &Client, kind: &dyn Kind, step: &Step, path: &str) -> WriteEnd {
    let mut gone = false;
    let mut turns = ConflictRetries::default();
    let body = kind.soft_deleting().map_or(Value::Null, |kind| kind.restoring(&step.patch));
    // Read before each attempt: repeated after it took effect, this would be a PUT that clears a live resource.
    loop {
        match client.get(path).await {
            // A restored resource has the mark that it had before.
            Ok(live) if !gone && is_unmarked(kind, step, &live) => {
                let cause = "somebody restored or recreated it since the plan was made, and it carries no mark of a stack";
                return StepProblem::failed("restore", cause, Some(PLAN_AGAIN.to_owned())).into();
            }
            Ok(_) => break,
            Err(error) if error.says_absent() => gone = true,
            Err(error) => return unwritten("read before the restore of", &error),
        }
        match client.put_once(path, &body).await {
            Ok(_) => break,
            Err(error) if error.effect == arm::Effect::Unknown && client.get(path).await.is_ok() => break,
            Err(error) if turns.again(client, &error).await => {}
            Err(error) => return unwritten("restore", &error),
        }
    }
    match put(client, kind, step, path).await {
        WriteEnd::NotTried if gone => {
            let cause = "interrupted after the restore, before the declared settings were written";
            let hint = "run the command again: it does not repeat what was done".to_owned();
            StepProblem::failed("end the restore of", cause, Some(hint)).into()
        }
        written => written,
    }
}

/// Applies the patch to the live resource and writes that, unless it is already as declared or belongs to somebody else.
async fn put(client: &Client, kind: &dyn Kind, step: &Step, path: &str) -> WriteEnd {
    let verb = match step.action {
        StepAction::Create => "create",
        StepAction::Restore => "write the declared settings of the restored resource:",
        _ => "update",
    };
    let (mut turns, mut again, mut looked) = (ConflictRetries::default(), false, false);
    // Read before each attempt: the patch is applied to the live state.
    loop {
        let live = match read(client, path, verb).await {
            Ok(live) => live,
            Err(end) => return end,
        };
        if let Some((cause, hint)) = overtaken(kind, step, live.as_ref()) {
            return StepProblem::failed(verb, cause, Some(hint.to_owned())).into();
        }
        let before = live.as_ref().map_or_else(|| json!({}), |body| writable(kind, body));
        let body = declared(kind, step, &before);
        if let Some(live) = &live
            && let Some(note) = needless(kind, step, live, body == before || kind.never_changes())
        {
            return found(client, kind, step, (path, verb), live, note).await;
        }
        if live.is_none()
            && let Some(error) = unready(client, step).await
        {
            return unwritten("wait for what Azure makes itself before the creation of", &error);
        }
        let sent = match &live {
            Some(live) if kind.changes_by_patch(live) => {
                client.patch(path, &patch::between(kind, &before, &body)).await
            }
            _ => client.put(path, &body).await,
        };
        match sent {
            Ok(written) => return settled(client, kind, step, path, [&before, &body], &written.body).await,
            Err(error) if error.has_code("RoleAssignmentExists") => {
                match exists::judge(client, kind, step, &error).await {
                    // Only once: Azure may keep contradicting itself.
                    Met::Gone if !std::mem::replace(&mut again, true) => {}
                    Met::Gone => return unwritten(verb, &error),
                    Met::Stands(written) => return written,
                }
            }
            // Sent twice because the first answer was lost: the first may have made what the second is refused for.
            Err(error)
                if live.is_none()
                    && error.kind == arm::ErrorKind::Conflict
                    && !looked
                    && client.get(path).await.is_ok() =>
            {
                looked = true;
            }
            Err(error) if turns.again(client, &error).await => {}
            Err(error) if kind.trust(&step.patch).is_some() && error.kind == arm::ErrorKind::Invalid => {
                return StepProblem::failed(verb, error.to_string(), Some(UNTRUSTED.to_owned())).into();
            }
            Err(error) => return unwritten(verb, &error),
        }
    }
}

/// Waits for what Azure itself makes before a resource can be created, if it is there; returns what went wrong.
async fn unready(client: &Client, step: &Step) -> Option<arm::Error> {
    let target = ResourceId::parse(&step.target).ok()?;
    let kind = kinds::by_id(&target)?;
    let path = format!("{}?api-version={}", kind.waits_for(&target)?, kind.api_version());
    let body = match client.get(&path).await {
        Ok(body) => body,
        Err(error) => return (!error.says_absent()).then_some(error),
    };
    client.settled(&path, body).await.err()
}

/// The live resource before a write, or how the step ends if it cannot be read.
async fn read(client: &Client, path: &str, verb: &str) -> Result<Option<Value>, WriteEnd> {
    let attempt = format!("read before the {verb}");
    match client.get(path).await {
        // The write would otherwise replace everything with an almost empty body.
        Ok(body) if !is_resource(&body) => {
            Err(StepProblem::failed(&attempt, "the answer is not a resource of Azure", None).into())
        }
        Ok(body) => Ok(Some(body)),
        Err(error) if error.says_absent() => Ok(None),
        Err(error) => Err(unwritten(&attempt, &error)),
    }
}

/// The intended body: the step's patch and mark, applied to the writable part of the live one.
fn declared(kind: &dyn Kind, step: &Step, before: &Value) -> Value {
    let mut body = before.clone();
    kind.overlay(&mut body, &step.patch);
    if let Some(stack) = &step.mark {
        kind.set_mark(&mut body, stack);
    }
    body
}

/// Only the text of Azure's error shows that a key cannot be read, and a role takes time to reach a vault:
/// <https://github.com/hashicorp/terraform-provider-azurerm/issues/32855>.
const UNTRUSTED: &str = "the account's identity needs a role that lets it get, wrap and unwrap the key, such as Key Vault Crypto Service \
     Encryption User; one given a moment ago takes minutes to reach the vault: apply again";

/// Checks the resource that Azure shows after a write.
async fn settled(
    client: &Client,
    kind: &dyn Kind,
    step: &Step,
    path: &str,
    [before, sent]: [&Value; 2],
    body: &Value,
) -> WriteEnd {
    let problem = |attempt: &str, cause: Vec<String>, hint: &str| -> WriteEnd {
        StepProblem {
            code: Code::ReadBack,
            severity: Severity::Error,
            attempt: attempt.to_owned(),
            cause: cause.join(", "),
            hint: Some(hint.to_owned()),
        }
        .into()
    };
    let mut other = settle::undone(kind, step, body);
    other.extend(kind.granting().iter().flat_map(|grant| grant.otherwise(&step.target, sent, body)));
    if !other.is_empty() {
        return problem(
            "Azure accepted the write but returned a different value for",
            other,
            "a policy may overwrite it after each write, or somebody else wrote at the same time",
        );
    }
    let mut surprises = settle::undeclared(kind, step, before, body);
    // Fields missing from the answer may appear in a read.
    if surprises.is_empty()
        && !settle::lost(kind, before, sent, body).is_empty()
        && let Ok(live) = client.get(path).await
    {
        surprises = settle::lost(kind, before, sent, &live);
    }
    if surprises.is_empty() {
        return WriteEnd::Done { note: None, outputs: outputs(kind, body) };
    }
    problem(
        "an undeclared field changed with the write of",
        surprises,
        "compare with the portal; `keyless plan` shows whether the declared settings still apply",
    )
}

pub(super) fn outputs(kind: &dyn Kind, body: &Value) -> Vec<Output> {
    kind.outputs(body).into_iter().map(|(name, value)| Output { name: name.to_owned(), value }).collect()
}

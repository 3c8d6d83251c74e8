//! What the evidence about an account allows to say. The only place that concludes anything.
//!
//! The order matters: proof of use counts even if the log is incomplete, and what is missing counts before anything is said to be quiet. A
//! day is covered if the metrics count no call, or if the log has as many as they count. So a setting made last week, a short retention, a
//! daily cap and a workspace that was left out all show as days that are not covered. Whatever could stand in the log for a call that it
//! lost (reads of catalogues, refused calls, rare operations, calls of another day) counts for it only if the metrics count it too.

use std::collections::{BTreeMap, BTreeSet};

use super::coverage::{ShortDay, coverage, not_yet};
use super::log::{LogGap, LoggedCalls, RequestLog, is_model_call};
use super::{AskedAccount, Day, KeyEvidence, Metrics, Window, date};
use crate::document::usage::{AccountUsage, CallKind, Calls, KeyVerdict, MissingEvidence};
use crate::finding::{Code, Finding, Severity};
use crate::snapshot::Refusal;
use crate::text::source::Sources;

/// An operation that logs who called, besides those of models.
const NAMING: &str = "Create_Thread";
/// How many days the docs recommend: more than a month, so that a month's end is among them.
const MONTH: u32 = 35;

/// Judges an account.
#[must_use]
pub(crate) fn judge(
    subject: &AskedAccount,
    evidence: &KeyEvidence,
    window: Window,
    sources: &Sources,
) -> AccountUsage {
    let rows = match &evidence.log {
        RequestLog::Read { rows, .. } => rows.as_slice(),
        RequestLog::NotAsked | RequestLog::Absent | RequestLog::Unread(_) => &[],
    };
    let (covered, hole) = match &evidence.metrics {
        Ok(metrics) => coverage(metrics, rows, window),
        Err(_) => (0, None),
    };
    let (verdict, reasons) = conclude(subject, evidence, rows, (covered, hole, window));
    let statement = match verdict {
        KeyVerdict::KeysUsed => "keys are used".to_owned(),
        KeyVerdict::CallsWithoutName => "calls without a name".to_owned(),
        KeyVerdict::NoKeyCallSeen => format!("no key call seen in {covered} of {} days", window.days),
        KeyVerdict::NoCall => format!("no call at all in {} days", window.days),
        KeyVerdict::KeysOff => "keys are off".to_owned(),
        KeyVerdict::CannotTell => "cannot tell".to_owned(),
    };
    AccountUsage {
        address: subject.address.clone(),
        name: subject.id.name().to_owned(),
        id: subject.id.to_string(),
        source: subject.span.map(|span| sources.position(span)),
        verdict,
        statement,
        covered_days: covered,
        quiet_days: subject.quiet_days,
        reasons,
        notes: notes(verdict, subject, evidence, (rows, window)),
        calls: calls(rows),
        keys_fetched: evidence.fetched.as_ref().map(|fetches| fetches.all.clone()).unwrap_or_default(),
    }
}

/// The verdict, and why it is not stronger.
fn conclude(
    subject: &AskedAccount,
    evidence: &KeyEvidence,
    rows: &[LoggedCalls],
    (covered, hole, window): (u32, Option<ShortDay>, Window),
) -> (KeyVerdict, Vec<MissingEvidence>) {
    if !subject.takes_keys {
        return (KeyVerdict::KeysOff, Vec::new());
    }
    let metrics = evidence.metrics.as_ref().ok();
    // Where a token was accepted, keys are not all that works, whatever the settings say.
    let only_keys_work =
        !subject.has_subdomain && rows.iter().all(|row| row.how != CallKind::Token || row.is_refused);
    let called = |count: fn(&Metrics) -> &BTreeMap<Day, u64>| {
        metrics.is_some_and(|metrics| count(metrics).values().any(|calls| *calls > 0))
    };
    let no_subdomain = || {
        let message = "the account has no custom subdomain, so it accepts keys only".to_owned();
        let hint = "set `customSubDomainName`, give the applications roles, and let them call the new endpoint with tokens";
        MissingEvidence { message, cause: None, hint: Some(hint.to_owned()), denied: false }
    };
    // Proof.
    if rows.iter().any(|row| is_key_use(row, rows)) {
        return (KeyVerdict::KeysUsed, Vec::new());
    }
    if only_keys_work && called(|metrics| &metrics.successful) {
        return (KeyVerdict::KeysUsed, vec![no_subdomain()]);
    }
    // What may be use.
    if rows.iter().any(|row| matches!(row.how, CallKind::Key | CallKind::Unclear)) {
        return (KeyVerdict::CallsWithoutName, nameless(rows));
    }
    if only_keys_work && called(|metrics| &metrics.calls) {
        return (KeyVerdict::CallsWithoutName, vec![no_subdomain()]);
    }
    // What may hide use.
    let long_enough = window.days >= subject.quiet_days;
    let nobody = metrics.is_some_and(|metrics| metrics.total() == 0) && rows.is_empty();
    if nobody && long_enough {
        return (KeyVerdict::NoCall, Vec::new());
    }
    let mut missing = if nobody { Vec::new() } else { gaps(subject, evidence) };
    if missing.is_empty() && covered < subject.quiet_days {
        missing.push(too_short(subject, evidence, (covered, hole, window)));
    }
    if missing.is_empty() {
        missing.extend(metrics.and_then(|metrics| too_late(metrics, rows, window)));
    }
    if missing.is_empty() {
        (KeyVerdict::NoKeyCallSeen, Vec::new())
    } else {
        (KeyVerdict::CannotTell, missing)
    }
}

/// Whether calls were certainly made with a key: they succeeded, their records have a field for the caller, it is empty, and the service is
/// known to fill it.
fn is_key_use(row: &LoggedCalls, rows: &[LoggedCalls]) -> bool {
    let names = || {
        let is = |name: &str| name.eq_ignore_ascii_case(&row.operation);
        let here = |other: &LoggedCalls| other.how == CallKind::Token && is(&other.operation);
        is(NAMING) || is_model_call(&row.operation) || rows.iter().any(here)
    };
    row.how == CallKind::Key && row.without_field < row.calls && names()
}

/// Why calls without a name are no proof.
fn nameless(rows: &[LoggedCalls]) -> Vec<MissingEvidence> {
    let of = |how: CallKind| -> BTreeSet<&str> {
        rows.iter().filter(|row| row.how == how).map(|row| row.operation.as_str()).collect()
    };
    let mut reasons = Vec::new();
    let say = |operations: BTreeSet<&str>, why: &str, hint: &str| {
        let name = |name: &str| {
            if name.is_empty() { "an operation without a name".to_owned() } else { format!("`{name}`") }
        };
        let names: Vec<String> = operations.into_iter().map(name).collect();
        let message = format!("{}: {why}", names.join(", "));
        MissingEvidence { message, cause: None, hint: Some(hint.to_owned()), denied: false }
    };
    let (keys, unclear) = (of(CallKind::Key), of(CallKind::Unclear));
    if !keys.is_empty() {
        reasons.push(say(
            keys,
            "calls succeeded, and the log names no caller for them; it may be that this service never logs callers",
            "find the application by address, deployment and time; its log may have the response header `apim-request-id`, which is the log's correlation id",
        ));
    }
    if !unclear.is_empty() {
        reasons.push(say(
            unclear,
            "calls neither succeeded nor were they refused as unauthorized, and the log names no caller for them",
            "an application that sends a wrong request, is throttled, has used up its quota or comes from a network that the account refuses may have sent a key with it",
        ));
    }
    reasons
}

/// What is missing from the evidence.
fn gaps(subject: &AskedAccount, evidence: &KeyEvidence) -> Vec<MissingEvidence> {
    let id = &subject.id;
    let reader = |scope: &str| {
        format!(
            "az role assignment create --assignee-object-id OBJECT_ID --assignee-principal-type TYPE --role \"Monitoring Reader\" --scope {scope}"
        )
    };
    let refused = |what: &str, refusal: &Refusal, denied: bool| MissingEvidence {
        message: what.to_owned(),
        cause: Some(refusal.message.clone()),
        hint: refusal
            .hint
            .clone()
            .filter(|hint| !hint.is_empty())
            .or_else(|| denied.then(|| reader(id.as_str())))
            .or_else(|| Some("run the command again".to_owned())),
        denied,
    };
    let mut missing = Vec::new();
    if let Err(refusal) = &evidence.metrics {
        let what = "could not read the metrics, which show whether the log has every call";
        missing.push(refused(what, refusal, evidence.metrics_denied));
    }
    let sends = format!(
        "az monitor diagnostic-settings create --name requests --resource {id} --workspace WORKSPACE_ID --logs '[{{\"category\":\"RequestResponse\",\"enabled\":true}}]'"
    );
    if let Ok(sinks) = &evidence.sinks
        && sinks.workspaces.is_empty()
    {
        let message = if !sinks.elsewhere.is_empty() {
            format!(
                "the request log goes to {} only, where keyless cannot read it",
                sinks.elsewhere.join(" and ")
            )
        } else if !sinks.open_groups.is_empty() {
            format!(
                "could not determine whether the category group `{}` contains the request log",
                sinks.open_groups.join("`, `")
            )
        } else if sinks.has_settings {
            "no diagnostic setting sends the request log (category `RequestResponse`) anywhere".to_owned()
        } else {
            "no diagnostic setting sends the request log anywhere".to_owned()
        };
        missing.push(MissingEvidence { message, cause: None, hint: Some(sends), denied: false });
        return missing;
    }
    match &evidence.log {
        RequestLog::Read { flaws, .. } => missing.extend(flaws.iter().map(|flaw| match flaw {
            LogGap::Hidden(workspace) => MissingEvidence {
                message: format!(
                    "the log is also in a workspace that the caller may not read: `{workspace}`"
                ),
                cause: None,
                hint: Some(reader(workspace)),
                denied: true,
            },
            LogGap::Partial(why) => MissingEvidence {
                message: "Azure returned only a part of the log".to_owned(),
                cause: Some(why.clone()),
                hint: Some("run the command again, or with fewer `--days`".to_owned()),
                denied: false,
            },
            LogGap::Unsaid => MissingEvidence {
                message: "Azure did not say whether it left out workspaces".to_owned(),
                cause: None,
                hint: Some(reader(id.as_str())),
                denied: false,
            },
        })),
        RequestLog::Absent => missing.push(MissingEvidence {
            message: "no request log has arrived in the workspace yet, or the caller may not see it"
                .to_owned(),
            cause: None,
            hint: Some("the log starts up to 2 hours after its diagnostic setting was made".to_owned()),
            // Azure answers the same to a caller who may not read the table, and the settings would have shown which it is.
            denied: evidence.sinks.is_err(),
        }),
        RequestLog::Unread(refusal) => {
            missing.push(refused("could not read the request log", refusal, evidence.log_denied));
        }
        RequestLog::NotAsked if evidence.metrics.as_ref().is_ok_and(|metrics| metrics.total() > 0) => missing
            .push(MissingEvidence {
                message: "the request log was not read".to_owned(),
                cause: None,
                hint: None,
                denied: false,
            }),
        RequestLog::NotAsked => {}
    }
    missing
}

/// That the log covers too few days, and from when it does.
fn too_short(
    subject: &AskedAccount,
    evidence: &KeyEvidence,
    (covered, hole, window): (u32, Option<ShortDay>, Window),
) -> MissingEvidence {
    let days = |count: u32| some(u64::from(count), "day");
    let mut message =
        format!("the log covers {}, of {} that are needed", days(covered), days(subject.quiet_days));
    if let Some(ShortDay { day, counted, logged, unsure, at_border, .. }) = hole {
        let beside = if unsure > 0 { format!(" beside {unsure} that may not count") } else { String::new() };
        let why = if at_border {
            "calls were made within a minute of midnight".to_owned()
        } else {
            format!("the metrics count {}, and the log has {logged}{beside}", some(counted, "call"))
        };
        message = format!("{message}: on {} {why}", date(day));
    }
    let may_be_twice = evidence.metrics.as_ref().is_ok_and(|metrics| metrics.may_be_twice);
    let hint = match (evidence.retention, hole) {
        (_, None) => format!(
            "only {} were looked at: ask for `--days {}`, or leave `--days` out",
            days(window.days),
            subject.quiet_days
        ),
        (_, Some(hole)) if hole.at_border => {
            "run the command again tomorrow: the metrics may have counted these calls on a day outside of the period, and others in their place. Move a job that runs at midnight (UTC) by some minutes"
                .to_owned()
        }
        (_, Some(hole)) if hole.logged > hole.counted => {
            "the metrics do not count all calls of this account, so they cannot show that the log has them"
                .to_owned()
        }
        _ if may_be_twice => {
            "several metrics count calls, and Azure did not say for which API: calls may be counted twice"
                .to_owned()
        }
        (_, Some(hole)) if hole.logged + hole.unsure >= hole.counted => format!(
            "make one more call of the same kind (a refused one: with a wrong key), and run the command again tomorrow: the log has {} more of that day, refused or of an operation of which no other day shows that the metrics count it",
            some(hole.unsure, "call")
        ),
        (Some(kept), _) if kept < subject.quiet_days && kept <= covered + 1 => {
            format!("the workspace keeps the log for {}: keep it longer", days(kept))
        }
        (_, Some(hole)) if hole.counted - hole.logged <= hole.after => {
            "run the command again tomorrow: the metrics may have counted calls shortly after midnight on the day before"
                .to_owned()
        }
        _ => "wait until the log covers these days, and see that it is whole: it has no calls from before its diagnostic setting was made; a daily cap of the workspace drops calls"
            .to_owned(),
    };
    MissingEvidence { message, cause: None, hint: Some(hint), denied: false }
}

/// That calls of today are not in the log, where nothing shows that it ever has them in time: no call of a full day, or too little time since
/// midnight.
fn too_late(metrics: &Metrics, rows: &[LoggedCalls], window: Window) -> Option<MissingEvidence> {
    let count = not_yet(metrics, rows, window);
    let was_called = metrics.calls.range(..window.today()).any(|(_, calls)| *calls > 0);
    let (since, hint) = match (window.is_early(), was_called) {
        (true, _) => ("yesterday", "run the command again after 01:00 (UTC), when yesterday is counted"),
        (false, false) => ("today", "the account was not called before: run the command again tomorrow"),
        (false, true) => return None,
    };
    (count > 0).then(|| MissingEvidence {
        message: format!(
            "the metrics count {} since {since} that the log does not have",
            some(count, "call")
        ),
        cause: None,
        hint: Some(hint.to_owned()),
        denied: false,
    })
}

/// `1 call`, `2 calls`.
fn some(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// What the evidence cannot show.
fn notes(
    verdict: KeyVerdict,
    subject: &AskedAccount,
    evidence: &KeyEvidence,
    (rows, window): (&[LoggedCalls], Window),
) -> Vec<String> {
    let mut notes = Vec::new();
    if verdict == KeyVerdict::NoCall {
        notes.push("a standby application that is not running looks the same".to_owned());
        let unread: Vec<String> = gaps(subject, evidence).into_iter().map(|gap| gap.message).collect();
        if !unread.is_empty() {
            notes.push(format!(
                "an application that only lists models, or only makes other calls that no metric counts, was not looked for: {}",
                unread.join("; ")
            ));
        }
    }
    if verdict == KeyVerdict::NoKeyCallSeen {
        if window.days < MONTH {
            notes.push(format!("jobs at the end of a month may fall outside of {} days", window.days));
        } else {
            notes.push(
                "jobs that run once a quarter, and standby applications, may fall outside of this time"
                    .to_owned(),
            );
        }
        if window.is_early() {
            let last = date(window.today() - 1);
            notes.push(format!("it is shortly after midnight (UTC): days are counted up to {last}"));
        }
        let not_yet = evidence.metrics.as_ref().map_or(0, |metrics| not_yet(metrics, rows, window));
        if not_yet > 0 {
            notes.push(format!(
                "the metrics count {} of today that the log does not have yet",
                some(not_yet, "call")
            ));
        }
        let callers: BTreeSet<&String> = rows.iter().flat_map(|row| &row.callers).collect();
        let one = callers.len() == 1 && rows.iter().any(|row| row.how == CallKind::Token);
        if one {
            notes.push(
                "one caller: a gateway? keys that it takes from its own callers are not seen here".to_owned(),
            );
        }
    }
    let refused: u64 = rows.iter().filter(|row| row.how == CallKind::Refused).map(|row| row.calls).sum();
    if refused > 0 && verdict.passes() {
        let were = if refused == 1 { "was" } else { "were" };
        notes.push(format!(
            "{} without a caller's name {were} refused (401), which is no use of a key",
            some(refused, "call")
        ));
    }
    if evidence.sinks.is_err() && matches!(verdict, KeyVerdict::NoKeyCallSeen | KeyVerdict::CannotTell) {
        notes
            .push("could not read the diagnostic settings, which show where the request log goes".to_owned());
    }
    match &evidence.fetched {
        Err(refusal) => {
            let what = "could not read the activity log, which shows who fetched keys";
            notes.push(format!("{what}: {}", refusal.message));
        }
        Ok(fetches) if !fetches.whole => {
            notes.push("only the newest part of the activity log was read".to_owned());
        }
        Ok(_) => {}
    }
    notes
}

/// The calls of all days together.
fn calls(rows: &[LoggedCalls]) -> Vec<Calls> {
    let mut all: BTreeMap<(CallKind, &str), Vec<&LoggedCalls>> = BTreeMap::new();
    for row in rows {
        all.entry((row.how, &row.operation)).or_default().push(row);
    }
    let list = |rows: &[&LoggedCalls], part: fn(&LoggedCalls) -> &[String]| -> Vec<String> {
        let set: BTreeSet<&String> = rows.iter().flat_map(|row| part(row)).collect();
        set.into_iter().cloned().collect()
    };
    let together = |((how, operation), rows): ((CallKind, &str), Vec<&LoggedCalls>)| Calls {
        how,
        operation: operation.to_owned(),
        calls: rows.iter().map(|row| row.calls).sum(),
        without_field: rows.iter().map(|row| row.without_field).sum(),
        first: rows.iter().map(|row| row.first).min().unwrap_or_default().to_string(),
        last: rows.iter().map(|row| row.last).max().unwrap_or_default().to_string(),
        deployments: list(&rows, |row| &row.deployments),
        addresses: list(&rows, |row| &row.addresses),
        callers: list(&rows, |row| &row.callers),
    };
    all.into_iter().map(together).collect()
}

/// The findings about a verdict: none if keys can be turned off.
#[must_use]
pub(crate) fn findings(subject: &AskedAccount, usage: &AccountUsage) -> Vec<Finding> {
    let code = match usage.verdict {
        KeyVerdict::KeysUsed => Code::KeysUsed,
        KeyVerdict::CallsWithoutName => Code::CallsWithoutName,
        KeyVerdict::CannotTell => Code::KeyUseUnknown,
        KeyVerdict::NoKeyCallSeen | KeyVerdict::NoCall | KeyVerdict::KeysOff => return Vec::new(),
    };
    let say = |why: &str| {
        let message = format!("account {}: {}{why}", usage.name, usage.statement);
        Finding { span: subject.span, ..Finding::new(Severity::Warning, code, message) }
    };
    let mut findings: Vec<Finding> = usage
        .reasons
        .iter()
        .map(|reason| Finding {
            cause: reason.cause.clone(),
            hint: reason.hint.clone(),
            ..say(&format!(": {}", reason.message))
        })
        .collect();
    if findings.is_empty() {
        let keys = [CallKind::Key];
        let calls = some(usage.count(&keys), "call");
        let last = usage.last_call(&keys).unwrap_or_default();
        findings.push(
            say(&format!(": {calls} with a key, {last}"))
                .hint("move the applications that make these calls to tokens"),
        );
    }
    findings
}

//! `report merge`: of the JSON reports of all shards, the document that one run would have made.
//!
//! Pure. What one run decides over everything at once is decided again here: order, counts, titles that tell equal names apart, and how much is
//! deleted in all. A shard without a result is an error of the whole.

mod findings;
mod missing;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::accounts::outputs::Outputs;
use crate::document::access::Access;
use crate::document::keys::{Counts, KeysStatement};
use crate::document::report::{Report, Tally};
use crate::document::{
    Action, FORMAT_VERSION, FindingEntry, Incomplete, MOST_SHARDS, PLAN_VERSION, Plan, PlannedChange,
    Requests, Shard, Statement, Summary, Target,
};
use crate::id::{ResourceId, comparable};
use crate::kinds::KINDS;
use crate::plan::apart;
use crate::principals::{Names, name_in};
use findings::merged;
use missing::Missing;

/// How reports are merged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Merging<'m> {
    /// The guards that count anew and are lifted.
    pub(crate) lifted: &'m [String],
    pub(crate) now: Timestamp,
    /// How many hours ago a report may have begun: an older one is of an earlier run.
    pub(crate) max_age: u16,
}

/// Why reports cannot be merged at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MergeError {
    #[error("none of the files is a report of a run with `--shard`{}", told(unread))]
    Nothing { unread: Vec<(String, String)> },
    #[error("`{file}` is not a report of a run with `--shard`")]
    Whole { file: String },
    #[error("`{file}` is a report of `keyless {command}`, which cannot be merged")]
    Command { file: String, command: String },
    #[error("`{file}` and `{other}` differ in {what}")]
    Differ { file: String, other: String, what: &'static str },
    #[error("`{file}` and `{other}` are reports of the same shard, {index} of {of}")]
    Twice { file: String, other: String, index: u32, of: u32 },
}

/// Why files could not be read.
fn told(unread: &[(String, String)]) -> String {
    let reasons: Vec<String> =
        unread.iter().map(|(file, why)| format!("`{file}` cannot be read: {why}")).collect();
    if reasons.is_empty() { String::new() } else { format!("; {}", reasons.join("; ")) }
}

/// What one shard reported.
#[derive(Debug)]
pub(crate) struct ShardReport {
    file: String,
    shard: Shard,
    said: Reported,
}

#[derive(Debug)]
enum Reported {
    Plan(Box<Plan>),
    Report(Box<Report>),
    Access(Box<Statement<Access>>),
    Keys(Box<Statement<KeysStatement>>),
    Outputs(Box<Statement<Outputs>>),
    /// It ended before it had a result, or only checked specs.
    Findings(Vec<FindingEntry>),
}

/// The document of all shards.
#[derive(Debug)]
pub(crate) enum WholeReport {
    Plan(Plan),
    Drift(Plan),
    Report(Report),
    Access(Statement<Access>),
    Keys(Statement<KeysStatement>),
    Outputs(Statement<Outputs>),
    /// With the stacks of the specs that were read.
    Findings(Vec<FindingEntry>, Vec<String>),
}

/// What a document is, by its members.
#[derive(Deserialize)]
struct Head {
    shard: Option<Shard>,
    changes: Option<IgnoredAny>,
    steps: Option<IgnoredAny>,
    accounts: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OnlyFindings {
    format_version: String,
    findings: Vec<FindingEntry>,
}

/// Reads a shard's report; the inner error says why its text is none.
pub(crate) fn parse(file: &str, text: &str) -> Result<Result<ShardReport, String>, MergeError> {
    let mut head: Head = match serde_json::from_str(text) {
        Ok(head) => head,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let file = file.to_owned();
    let Some(shard) = head.shard.take() else { return Err(MergeError::Whole { file }) };
    if shard.index >= shard.of || shard.of > MOST_SHARDS {
        return Ok(Err(format!("it says that it is of shard {} of {}", shard.index, shard.of)));
    }
    let said = match (shard.command.as_str(), &head) {
        ("plan" | "drift" | "apply", Head { changes: Some(_), .. }) => {
            boxed::<Plan>(text, |plan| &plan.format_version, PLAN_VERSION).map(Reported::Plan)
        }
        ("apply", Head { steps: Some(_), .. }) => {
            boxed::<Report>(text, |report| &report.format_version, PLAN_VERSION).map(Reported::Report)
        }
        ("access", Head { accounts: Some(_), .. }) => {
            boxed::<Statement<_>>(text, |said| &said.format_version, FORMAT_VERSION).map(Reported::Access)
        }
        ("keys status", Head { accounts: Some(_), .. }) => {
            boxed::<Statement<_>>(text, |said| &said.format_version, FORMAT_VERSION).map(Reported::Keys)
        }
        ("outputs", Head { accounts: Some(_), .. }) => {
            boxed::<Statement<_>>(text, |said| &said.format_version, FORMAT_VERSION).map(Reported::Outputs)
        }
        (_, Head { changes: None, steps: None, accounts: None, .. }) => {
            boxed::<OnlyFindings>(text, |only| &only.format_version, FORMAT_VERSION)
                .map(|only| Reported::Findings(only.findings))
        }
        _ => return Err(MergeError::Command { file, command: shard.command }),
    };
    Ok(said.map(|said| ShardReport { file, shard, said }))
}

/// Parses a document, unless it has another format version.
fn boxed<T: DeserializeOwned>(
    text: &str,
    version: impl Fn(&T) -> &String,
    known: &str,
) -> Result<Box<T>, String> {
    let document: T = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let version = version(&document);
    if version == known {
        return Ok(Box::new(document));
    }
    Err(format!("it has format version `{version}`, but this version of keyless reads `{known}`"))
}

/// The command of these reports, and the document of all shards. `unread` says of files that should be reports why they are none.
pub(crate) fn merge(
    mut reports: Vec<ShardReport>,
    unread: &[(String, String)],
    merging: Merging<'_>,
) -> Result<(String, WholeReport), MergeError> {
    reports.sort_by_key(|report| report.shard.index);
    let left = missing::leftovers(&mut reports, merging.now, merging.max_age);
    let first = reports.first().or_else(|| left.first().map(|left| &left.report));
    let Some(Shard { command, of, .. }) = first.map(|report| &report.shard) else {
        return Err(MergeError::Nothing { unread: unread.to_vec() });
    };
    let (command, mut missing) = (command.clone(), Missing::of(*of));
    for pair in reports.windows(2) {
        if let [one, other] = pair {
            agree(one, other)?;
        }
    }
    missing.left(left, &reports);
    missing.unread(unread);
    missing.absent(&reports);
    let has_result = |report: &ShardReport| !matches!(report.said, Reported::Findings(_));
    if command != "validate" && reports.iter().any(has_result) {
        missing.ended(reports.iter().filter(|report| !has_result(report)));
    }
    let whole = put_together(&command, reports, missing, merging.lifted);
    Ok((command, whole))
}

/// Fails if two reports are not of one fleet.
fn agree(one: &ShardReport, other: &ShardReport) -> Result<(), MergeError> {
    let (file, with) = (other.file.clone(), one.file.clone());
    if one.shard.of == other.shard.of && one.shard.index == other.shard.index {
        let Shard { index, of, .. } = one.shard;
        return Err(MergeError::Twice { file, other: with, index, of });
    }
    let both = |what: fn(&Reported) -> Option<&Target>| what(&one.said).zip(what(&other.said));
    let what = [
        ("the number of shards", one.shard.of == other.shard.of),
        ("their command", one.shard.command == other.shard.command),
        ("their target", both(target).is_none_or(|(one, other)| one == other)),
        ("their environment (`--env`)", environment(&one.said) == environment(&other.said)),
        (
            "what they read: the specs with their variables and lock files, `--select`, `--stack`, `--within`, `--retire` or the version of keyless",
            ended_early(one) || ended_early(other) || one.shard.inputs == other.shard.inputs,
        ),
    ];
    let differing = what.into_iter().find(|(_, same)| !same);
    differing.map_or(Ok(()), |(what, _)| Err(MergeError::Differ { file, other: with, what }))
}

/// Whether it may have ended before it had read everything.
fn ended_early(report: &ShardReport) -> bool {
    matches!(report.said, Reported::Findings(_))
        && (report.shard.command != "validate" || report.shard.inputs.is_empty())
}

fn target(said: &Reported) -> Option<&Target> {
    match said {
        Reported::Plan(plan) => Some(&plan.target),
        Reported::Report(report) => Some(&report.target),
        Reported::Access(said) => Some(&said.target),
        Reported::Keys(said) => Some(&said.target),
        Reported::Outputs(said) => Some(&said.target),
        Reported::Findings(_) => None,
    }
}

fn environment(said: &Reported) -> Option<&String> {
    match said {
        Reported::Plan(plan) => plan.environment.as_ref(),
        Reported::Report(report) => report.environment.as_ref(),
        _ => None,
    }
}

/// The documents of the shards by type, each with its shard.
fn put_together(
    command: &str,
    reports: Vec<ShardReport>,
    missing: Missing,
    lifted: &[String],
) -> WholeReport {
    let stacks = reports.iter().map(|report| &report.shard.stacks).max_by_key(|stacks| stacks.len()).cloned();
    let files: Vec<String> = reports
        .iter()
        .max_by_key(|report| report.shard.files.len())
        .map_or_else(Vec::new, |report| report.shard.files.clone());
    let order = Order(files.into_iter().zip(0..).collect());
    let is_applied = reports.iter().any(|report| matches!(report.said, Reported::Report(_)));
    let (mut plans, mut applied, mut access, mut keys, mut outputs) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // One list of findings for each shard.
    let mut findings = vec![missing.findings];
    for ShardReport { shard, said, .. } in reports {
        match said {
            Reported::Plan(plan) if is_applied => applied.push(unapplied(&plan)),
            Reported::Plan(plan) => plans.push((shard, *plan)),
            Reported::Report(report) => applied.push(*report),
            Reported::Access(said) => access.push(*said),
            Reported::Keys(said) => keys.push(*said),
            Reported::Outputs(said) => outputs.push(*said),
            Reported::Findings(entries) => findings.push(entries),
        }
    }
    if !plans.is_empty() {
        let plan = merge_plans(plans, findings, missing.scopes, &order, lifted);
        return if command == "drift" { WholeReport::Drift(plan) } else { WholeReport::Plan(plan) };
    }
    if !applied.is_empty() {
        return WholeReport::Report(merge_reports(applied, findings));
    }
    if !access.is_empty() {
        let complete = missing.scopes.is_empty();
        return WholeReport::Access(merge_statements(access, findings, |all| {
            let mut about = Access { complete, ..Access::default() };
            for one in all {
                about.accounts.extend(one.accounts);
                // The same in every shard, since it follows from options.
                about.not_evaluated = one.not_evaluated;
                about.complete &= one.complete;
                let known: BTreeSet<String> =
                    about.groups.iter().flatten().map(|group| group.id.clone()).collect();
                let new =
                    one.groups.map(|groups| groups.into_iter().filter(|group| !known.contains(&group.id)));
                if let Some(new) = new {
                    about.groups.get_or_insert_default().extend(new);
                }
            }
            about
                .accounts
                .sort_by_key(|account| order.of(account.source.as_ref().map(|place| place.file.as_str())));
            about
        }));
    }
    if !keys.is_empty() {
        return WholeReport::Keys(merge_statements(keys, findings, |all| {
            let mut about = KeysStatement::default();
            for one in all {
                about.accounts.extend(one.accounts);
            }
            about.summary = Counts::of(&about.accounts);
            about
                .accounts
                .sort_by_key(|account| order.of(account.source.as_ref().map(|place| place.file.as_str())));
            about
        }));
    }
    if !outputs.is_empty() {
        return WholeReport::Outputs(merge_statements(outputs, findings, |all| {
            let mut about = Outputs::default();
            about.accounts.extend(all.into_iter().flat_map(|one| one.accounts));
            about
                .accounts
                .sort_by_key(|account| order.of(account.source.as_ref().map(|place| place.file.as_str())));
            about
        }));
    }
    WholeReport::Findings(merged(findings), stacks.unwrap_or_default())
}

/// The order of the specs in one run.
struct Order(BTreeMap<String, usize>);

impl Order {
    fn of(&self, file: Option<&str>) -> usize {
        file.and_then(|file| self.0.get(file)).copied().unwrap_or(usize::MAX)
    }
}

fn merge_plans(
    plans: Vec<(Shard, Plan)>,
    mut findings: Vec<Vec<FindingEntry>>,
    mut incomplete: Vec<Incomplete>,
    order: &Order,
    lifted: &[String],
) -> Plan {
    let mut whole: Option<Plan> = None;
    let mut names = Names::new();
    let mut placed = Vec::new();
    for (shard, mut plan) in plans {
        let changes = std::mem::take(&mut plan.changes);
        placed.extend(
            changes.into_iter().enumerate().map(|(index, change)| PlannedChange {
                differs: shard.differs.get(&index).copied(),
                ..change
            }),
        );
        findings.push(std::mem::take(&mut plan.findings));
        let whole = whole.get_or_insert_with(|| Plan {
            shard: None,
            requests: Requests::default(),
            incomplete: Vec::new(),
            access: Vec::new(),
            declares_assignments: Vec::new(),
            secrets: Vec::new(),
            ..plan.clone()
        });
        whole.keys.extend(shard.keys);
        names.extend(shard.names);
        whole.access.append(&mut plan.access);
        whole.declares_assignments.append(&mut plan.declares_assignments);
        whole.secrets.append(&mut plan.secrets);
        incomplete.append(&mut plan.incomplete);
        add(&mut whole.requests, plan.requests);
    }
    let mut whole = whole.expect("the caller has a plan");
    placed.sort_by_cached_key(|change| place(change, order));
    // What is above subscriptions is seen from each of them.
    let mut seen = BTreeSet::new();
    placed.retain(|change| !is_above(change) || seen.insert((change.action, change.id.clone())));
    for change in &mut placed {
        name_in(&mut change.title, &names);
    }
    for message in findings.iter_mut().flatten().map(|finding| &mut finding.message) {
        name_in(message, &names);
    }
    for change in &mut whole.access {
        for holder in change.gains.iter_mut().chain(&mut change.loses).chain(&mut change.restricted) {
            holder.name = holder.name.take().or_else(|| names.get(&comparable(&holder.id)).cloned());
        }
    }
    apart::distinguish(&mut placed);
    whole.changes = placed;
    whole.summary = Summary::of(&whole.changes);
    let id = |text: &str| ResourceId::parse(text).ok();
    whole.access.sort_by_cached_key(|change| id(&change.id));
    whole.declares_assignments.sort_by_cached_key(|account| id(account));
    whole.declares_assignments.dedup();
    whole.secrets.sort_by(|one, other| one.resource.cmp(&other.resource));
    whole.secrets.dedup();
    incomplete.sort();
    // What is above subscriptions is asked about by each shard.
    incomplete.dedup_by_key(|gap| (gap.scope.clone(), findings::without_id(&gap.reason)));
    whole.incomplete = incomplete;
    whole.findings = merged(findings);
    whole.findings.extend(findings::deletes_in_all(&whole, lifted));
    whole.findings.sort();
    whole.known = whole.judged();
    whole.fingerprint = whole.digest();
    whole
}

/// Where a change stands in the plan of one run: what is declared comes first, by kind and in the order of the specs; then, by kind, what is
/// not.
fn place(change: &PlannedChange, order: &Order) -> (bool, usize, usize, String) {
    let kind = KINDS.iter().position(|kind| kind.name() == change.kind).unwrap_or(KINDS.len());
    let is_undeclared = change.action.is_undeclared() || change.action == Action::Delete;
    let (file, within) = if is_undeclared {
        let id = change.id.to_ascii_lowercase();
        let within = match ResourceId::parse(&id).ok().and_then(|id| id.subscription_id().map(str::to_owned))
        {
            Some(subscription) => format!("/subscriptions/{subscription}"),
            None => id,
        };
        (0, within)
    } else {
        (order.of(change.source.as_ref().map(|place| place.file.as_str())), String::new())
    };
    (is_undeclared, kind, file, within)
}

/// Whether it is undeclared and in no subscription.
fn is_above(change: &PlannedChange) -> bool {
    let subscription = ResourceId::parse(&change.id).map(|id| id.subscription_id().is_some());
    change.action.is_undeclared() && subscription == Ok(false)
}

/// What an `apply` that wrote nothing would have reported.
fn unapplied(plan: &Plan) -> Report {
    let without = Tally { refused: plan.summary.refused, unknown: plan.summary.unknown, ..Tally::default() };
    Report::new(plan, without, Vec::new(), plan.findings.clone(), plan.requests)
}

fn merge_reports(reports: Vec<Report>, mut findings: Vec<Vec<FindingEntry>>) -> Report {
    let mut reports = reports.into_iter();
    let mut whole = reports.next().expect("the caller has a report");
    whole.summary = counted(&whole);
    findings.push(std::mem::take(&mut whole.findings));
    for report in reports {
        let Tally { done, failed, skipped, refused, unknown } = counted(&report);
        whole.summary.done += done;
        whole.summary.failed += failed;
        whole.summary.skipped += skipped;
        whole.summary.refused = whole.summary.refused.saturating_add(refused);
        whole.summary.unknown = whole.summary.unknown.saturating_add(unknown);
        whole.stacks.extend(report.stacks);
        whole.steps.extend(report.steps);
        findings.push(report.findings);
        add(&mut whole.requests, report.requests);
    }
    whole.stacks.sort();
    whole.stacks.dedup();
    Report { findings: merged(findings), shard: None, ..whole }
}

/// What its steps say. Of what has no step there are only the numbers.
fn counted(report: &Report) -> Tally {
    let Tally { refused, unknown, .. } = report.summary;
    Tally { refused, unknown, ..Tally::default() }.with(&report.steps)
}

fn merge_statements<T>(
    statements: Vec<Statement<T>>,
    mut findings: Vec<Vec<FindingEntry>>,
    about: impl FnOnce(Vec<T>) -> T,
) -> Statement<T> {
    let mut requests = Requests::default();
    // The caller has a statement.
    let target = statements[0].target.clone();
    let mut parts = Vec::new();
    for statement in statements {
        parts.push(statement.about);
        findings.push(statement.findings);
        add(&mut requests, statement.requests);
    }
    Statement::new(about(parts), merged(findings), target, requests)
}

fn add(sum: &mut Requests, more: Requests) {
    sum.reads = sum.reads.saturating_add(more.reads);
    sum.writes = sum.writes.saturating_add(more.writes);
}

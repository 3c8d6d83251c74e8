//! Proof: that models answer a token, and that keys are refused.
//!
//! `probe`, `verdict` and `wait` are pure: what to ask, what an answer proves, when to ask again. `call` sends; `run` here goes
//! around until every verdict stands; `gate` does so in the middle of an apply.

pub mod call;
pub mod gate;
pub mod probe;
pub mod verdict;
pub mod wait;

use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use schemars::JsonSchema;
use serde::Serialize;
use std::borrow::Borrow;

use serde_json::Value;
use tokio::time::Instant;

use crate::arm::Interrupt;
use crate::desired::Desired;
use crate::finding::{Code, Finding, Severity};
use crate::id::ResourceId;
use crate::kinds::account::{self, Accounts};
use crate::kinds::{Deployments, Kind as _};
use crate::plan::document::FindingEntry;
use crate::snapshot::{Answer, Query, Shape, Snapshot};
use crate::source::{Position, Sources, Span};
use crate::spec::Loaded;
use crate::standing::{self, Standing};
use call::Prober;
use probe::{Deployment, Place, Probe};
use verdict::{Outcome, Reason, Verdict, judge, without_subdomain};

/// What was proven of the accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// How many checks ended how.
    pub summary: Tally,
    /// Each check, in the order of the specs.
    pub checks: Vec<Check>,
}

/// How many checks ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// It is so.
    pub proven: usize,
    /// It is not so.
    pub disproven: usize,
    /// Nobody knows.
    pub inconclusive: usize,
}

/// One thing to prove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// The account's place in the spec.
    pub address: String,
    /// The account's name.
    pub account: String,
    /// Where the deployment is declared, or else the account.
    pub source: Option<Position>,
    /// What is to be proven.
    pub claim: Claim,
    /// The deployment, where one is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// What was found out.
    pub outcome: Outcome,
    /// What stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// In words.
    pub message: String,
    /// How often it was asked.
    pub attempts: usize,
    /// How many seconds were waited for it.
    pub waited_seconds: u64,
}

/// What is to be proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Claim {
    /// A model answers a token.
    ModelAnswers,
    /// Keys are refused.
    KeysRefused,
}

/// Something to ask, or a verdict that needs no asking.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    account: &'a Standing,
    claim: Claim,
    deployment: Option<String>,
    span: Option<Span>,
    probe: Result<Probe, Verdict>,
}

/// What must be read: the accounts, and what is deployed in them.
#[must_use]
pub fn queries(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Query> {
    let mut queries = Accounts.queries(stacks, snapshot);
    if queries.iter().all(|query| snapshot.get(query).is_some()) {
        let (standing, _) = standing::declared(stacks, snapshot);
        queries.extend(standing.iter().map(|account| deployments(&account.id)));
    }
    queries
}

/// What lists the deployments of an account.
#[must_use]
pub fn deployments(account: &ResourceId) -> Query {
    Query {
        path: format!("{account}/deployments?api-version={}", Accounts.api_version()),
        shape: Shape::List,
        scope: account.clone(),
        project: |body| body,
    }
}

/// Everything to prove of these accounts, and what could not be read of them.
#[must_use]
pub fn subjects<'a>(
    stacks: &[Loaded],
    standing: &'a [Standing],
    snapshot: &Snapshot,
    place: &Place,
) -> (Vec<Subject<'a>>, Vec<Finding>) {
    let (mut subjects, mut findings) = (Vec::new(), Vec::new());
    for account in standing {
        let query = deployments(&account.id);
        match snapshot.get(&query) {
            Some(Answer::Found(bodies)) => {
                let wanted = wanted(stacks, snapshot, &account.id);
                subjects.extend(models(account, bodies, &wanted, place));
            }
            answer => {
                let message = format!("the deployments of {} could not be read", account.title());
                let finding = Finding { span: account.span, ..Finding::error(Code::UnknownState, message) };
                findings.push(match answer.and_then(Answer::refusal) {
                    Some(refusal) => {
                        Finding { hint: refusal.hint.clone(), ..finding.cause(&refusal.message) }
                    }
                    None => finding,
                });
            }
        }
        if !keeps_keys(stacks, account) {
            subjects.push(keys(account, place));
        }
    }
    (subjects, findings)
}

/// Whether the spec says that keys stay on: then there is nothing to prove about them.
fn keeps_keys(stacks: &[Loaded], account: &Standing) -> bool {
    stacks.iter().any(|loaded| {
        loaded.spec.accounts.iter().any(|declared| {
            account::id_of(&loaded.spec, declared) == account.id && declared.disable_local_auth == Some(false)
        })
    })
}

/// The deployments that specs declare of an account.
fn wanted(stacks: &[Loaded], snapshot: &Snapshot, account: &ResourceId) -> Vec<Desired> {
    let declared = stacks.iter().flat_map(|loaded| Deployments.desired(loaded, snapshot));
    declared.filter(|desired| desired.id.parent().as_ref() == Some(account)).collect()
}

/// That each deployment answers a token: those that are live, and those that should be.
fn models<'a>(
    account: &'a Standing,
    bodies: &[impl Borrow<Value>],
    wanted: &[Desired],
    place: &Place,
) -> Vec<Subject<'a>> {
    let subject = |deployment: Option<String>, span: Option<Span>, probe| Subject {
        account,
        claim: Claim::ModelAnswers,
        deployment,
        span: span.or(account.span),
        probe,
    };
    let deployments: Vec<Deployment> = bodies.iter().map(Borrow::borrow).filter_map(Deployment::of).collect();
    if deployments.is_empty() && wanted.is_empty() {
        let nothing = "nothing is deployed in it that could be called";
        return vec![subject(None, None, Err(Verdict::inconclusive(Reason::Model, nothing)))];
    }
    let probe = |deployment: &Deployment| {
        if account.body["properties"]["customSubDomainName"].is_null() {
            return Err(without_subdomain());
        }
        let probe = probe::deployment(&account.body, deployment, place);
        probe.map_err(|why| Verdict::inconclusive(Reason::Network, why))
    };
    let same = |desired: &Desired, live: &Deployment| desired.id.name().eq_ignore_ascii_case(&live.name);
    let live = deployments.iter().map(|each| {
        let declared = wanted.iter().find(|desired| same(desired, each));
        subject(Some(each.name.clone()), declared.map(|desired| desired.span), probe(each))
    });
    let absent = wanted.iter().filter(|desired| !deployments.iter().any(|each| same(desired, each)));
    let absent = absent.map(|desired| {
        let verdict = Verdict::disproven(Reason::Absent, "the spec declares it, and it does not exist");
        subject(Some(desired.id.name().to_owned()), Some(desired.span), Err(verdict))
    });
    let mut subjects: Vec<Subject<'a>> = live.chain(absent).collect();
    subjects.sort_by(|left, right| left.deployment.cmp(&right.deployment));
    subjects
}

/// That a key is refused.
fn keys<'a>(account: &'a Standing, place: &Place) -> Subject<'a> {
    let probe = if account.body["properties"]["customSubDomainName"].is_null() {
        let shared = "the account has no customSubDomainName, and so no host of its own that could be asked";
        Err(Verdict::inconclusive(Reason::Subdomain, shared))
    } else {
        probe::keys(&account.body, place).map_err(|why| Verdict::inconclusive(Reason::Network, why))
    };
    Subject { account, claim: Claim::KeysRefused, deployment: None, span: account.span, probe }
}

/// Told whenever something is waited for: what, why, how long so far.
pub type Waiting = dyn Fn(&str, &Verdict, Duration) + Send + Sync;

/// How a run goes.
pub struct Run<'a> {
    /// Who calls.
    pub caller: &'a Prober,
    /// How long to wait for what may pass.
    pub limit: Duration,
    /// Ends waits.
    pub interrupt: &'a Interrupt,
    /// How many are asked at once.
    pub parallelism: usize,
    /// Told of waits.
    pub waiting: &'a Waiting,
}

/// Asks until every verdict stands.
pub async fn run(subjects: &[Subject<'_>], run: &Run<'_>, sources: Option<&Sources>) -> Verification {
    let asked: Vec<BoxFuture<'_, Check>> =
        subjects.iter().map(|subject| check(subject, run, sources).boxed()).collect();
    let checks: Vec<Check> = stream::iter(asked).buffered(run.parallelism.max(1)).collect().await;
    let mut summary = Tally::default();
    for check in &checks {
        match check.outcome {
            Outcome::Proven => summary.proven += 1,
            Outcome::Disproven => summary.disproven += 1,
            Outcome::Inconclusive => summary.inconclusive += 1,
        }
    }
    Verification { summary, checks }
}

async fn check(subject: &Subject<'_>, run: &Run<'_>, sources: Option<&Sources>) -> Check {
    let began = Instant::now();
    let mut attempts = 0;
    let verdict = match &subject.probe {
        Err(verdict) => verdict.clone(),
        Ok(probe) => loop {
            attempts += 1;
            let verdict = judge(probe.call, &run.caller.ask(probe).await);
            let elapsed = began.elapsed();
            let Some(wait) = wait::again(&verdict, attempts, elapsed, run.limit) else { break verdict };
            (run.waiting)(&subject.title(), &verdict, elapsed);
            tokio::select! {
                biased;
                () = run.interrupt.triggered() => {
                    let message = format!("{}; interrupted while waiting for that to change", verdict.message);
                    break Verdict { message, ..verdict };
                }
                () = tokio::time::sleep(wait) => {}
            }
        },
    };
    Check {
        address: subject.account.address.clone(),
        account: subject.account.name().to_owned(),
        source: subject.span.and_then(|span| Some(sources?.position(span))),
        claim: subject.claim,
        deployment: subject.deployment.clone(),
        outcome: verdict.outcome,
        reason: verdict.reason,
        message: verdict.message,
        attempts,
        waited_seconds: if attempts > 1 { began.elapsed().as_secs() } else { 0 },
    }
}

impl Subject<'_> {
    fn title(&self) -> String {
        title(self.claim, self.deployment.as_deref(), self.account.name())
    }
}

fn title(claim: Claim, deployment: Option<&str>, account: &str) -> String {
    match (claim, deployment) {
        (Claim::KeysRefused, _) => format!("keys of account {account}"),
        (Claim::ModelAnswers, Some(deployment)) => format!("deployment {deployment} of account {account}"),
        (Claim::ModelAnswers, None) => format!("models of account {account}"),
    }
}

impl Check {
    /// What it is about, for people.
    #[must_use]
    pub fn title(&self) -> String {
        title(self.claim, self.deployment.as_deref(), &self.account)
    }

    /// What to do, where it is not proven.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self.reason? {
            Reason::Network => "run it from where the account can be reached",
            Reason::Subdomain => "add `customSubDomainName` to the account in the spec",
            Reason::Token => "check how the run signs in, its tenant and `--cloud`",
            Reason::Role => {
                "give the caller a role such as `Cognitive Services User` on the account, or name another with `--verify-credential`; what was granted a moment ago takes minutes"
            }
            Reason::Key => {
                "`disableLocalAuth: true` turns keys off; that takes some minutes to reach everywhere"
            }
            Reason::Absent => "`keyless apply` creates what the spec declares",
            Reason::Model if self.deployment.is_none() => "deploy a model in it first",
            Reason::Model => "look at the deployment: its name, its state, and what its model can be asked",
            Reason::Throttled => "try again when there is less traffic, or raise the deployment's capacity",
            Reason::Service => {
                "try again later; if it stays so, the answer is one that this version does not know"
            }
        })
    }
}

/// What there is to say about a verification; an error for whatever is not proven, unless it is allowed to be inconclusive.
#[must_use]
pub fn findings(verification: &Verification, lenient: bool) -> Vec<FindingEntry> {
    let finding = |check: &Check| {
        let (code, severity, what) = match check.outcome {
            Outcome::Proven => return None,
            Outcome::Disproven => (Code::Disproven, Severity::Error, "disproven"),
            Outcome::Inconclusive if lenient => (Code::Inconclusive, Severity::Note, "not known"),
            Outcome::Inconclusive => (Code::Inconclusive, Severity::Error, "not known"),
        };
        let message = match (check.claim, &check.deployment) {
            (Claim::ModelAnswers, Some(_)) => format!("that {} answers a token is {what}", check.title()),
            (Claim::ModelAnswers, None) => {
                format!("that a model of account {} answers a token is {what}", check.account)
            }
            (Claim::KeysRefused, _) => format!("that {} are refused is {what}", check.title()),
        };
        let open = check.outcome == Outcome::Inconclusive && !lenient;
        let way_out = if open { "; `--allow-inconclusive` lets it pass" } else { "" };
        Some(FindingEntry {
            source: check.source.clone(),
            severity,
            code: code.as_str().to_owned(),
            message,
            cause: Some(check.message.clone()),
            hint: check.hint().map(|hint| format!("{hint}{way_out}")),
        })
    };
    verification.checks.iter().filter_map(finding).collect()
}

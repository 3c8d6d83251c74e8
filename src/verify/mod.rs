//! Proves that models and projects accept a token, and that keys are refused.
//!
//! `subject`, `probe`, `verdict`, `recent` and `wait` are pure: what to prove, what to send, what an answer proves, what is new, when to
//! retry. `call` sends; `run` repeats until every verdict is final; `gate` does so during an apply.

pub(crate) mod call;
pub(crate) mod gate;
pub(crate) mod probe;
pub(crate) mod recent;
mod subject;
pub(crate) mod verdict;
pub(crate) mod wait;

use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::Instant;

use crate::arm::Interrupt;
use crate::document::FindingEntry;
use crate::finding::{Code, Severity};
use crate::text::source::{Position, Sources};
use call::Prober;
use probe::DataPlane;
pub(crate) use subject::{ExpectedChild, Subject, queries, subjects};
use verdict::{Judgement, ProofResult, Reason, judge};

/// The results for the accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Verification {
    /// The number of checks by result.
    pub summary: ProofCounts,
    /// Each check, in the order of the specs.
    pub checks: Vec<Proof>,
}

/// The number of checks by result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Tally")]
pub(crate) struct ProofCounts {
    /// Confirmed.
    pub proven: usize,
    /// Refuted.
    pub disproven: usize,
    /// Could not be determined.
    pub inconclusive: usize,
    /// Cannot be shown without cost or side effects.
    pub unprovable: usize,
}

/// One thing to prove.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Check")]
pub(crate) struct Proof {
    /// The account's address in the spec.
    pub address: String,
    /// The account's name.
    pub account: String,
    /// Where the deployment or project is declared, otherwise the account.
    pub source: Option<Position>,
    /// What to prove.
    pub claim: Claim,
    /// The deployment, if one is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// The project, if one is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    pub outcome: ProofResult,
    /// The reason, unless it is proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    pub message: String,
    /// The number of attempts.
    pub attempts: usize,
    /// How many seconds were spent waiting.
    pub waited_seconds: u64,
    /// Whether the spec declares that keys are disabled.
    #[serde(skip)]
    pub keys_declared_off: bool,
    /// Whether models are called at an endpoint that is not Azure's own.
    #[serde(skip)]
    pub beside: bool,
}

/// What to prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Claim {
    /// A model accepts a token.
    ModelAnswers,
    /// The endpoint of a Foundry project accepts a token.
    ProjectAnswers,
    /// Keys are refused.
    KeysRefused,
}

/// Called for each wait: what for, why, and how long so far.
pub(crate) type Waiting = dyn Fn(&str, &Judgement, Duration) + Send + Sync;

/// The settings of a run.
pub(crate) struct Run<'a> {
    /// Sends the probes.
    pub caller: &'a Prober,
    /// How long to wait for temporary failures.
    pub limit: Duration,
    /// Ends waits.
    pub interrupt: &'a Interrupt,
    /// The number of concurrent probes.
    pub parallelism: usize,
    /// Receives waits.
    pub waiting: &'a Waiting,
    /// The location of data planes.
    pub place: &'a DataPlane,
}

/// Probes until every verdict is final.
pub(crate) async fn run(subjects: &[Subject<'_>], run: &Run<'_>, sources: Option<&Sources>) -> Verification {
    let asked: Vec<BoxFuture<'_, Proof>> =
        subjects.iter().map(|subject| check(subject, run, sources).boxed()).collect();
    let checks: Vec<Proof> = stream::iter(asked).buffered(run.parallelism.max(1)).collect().await;
    let mut summary = ProofCounts::default();
    for check in &checks {
        match check.outcome {
            ProofResult::Proven => summary.proven += 1,
            ProofResult::Disproven => summary.disproven += 1,
            ProofResult::Inconclusive => summary.inconclusive += 1,
            ProofResult::Unprovable => summary.unprovable += 1,
        }
    }
    Verification { summary, checks }
}

async fn check(subject: &Subject<'_>, run: &Run<'_>, sources: Option<&Sources>) -> Proof {
    let began = Instant::now();
    let mut attempts = 0;
    let verdict = match &subject.probe {
        Err(verdict) => verdict.clone(),
        Ok(probe) => loop {
            attempts += 1;
            let verdict = tokio::select! {
                biased;
                () = run.interrupt.triggered() => break Judgement::interrupted(),
                answered = run.caller.ask(probe) => judge(probe.call, &answered),
            };
            let verdict = verdict.beside_arm(!subject.account.takes_keys());
            let elapsed = began.elapsed();
            let again = wait::again(&verdict, subject.recent, attempts, elapsed, run.limit);
            let Some(wait) = again else { break verdict };
            (run.waiting)(&subject.title(), &verdict, elapsed);
            tokio::select! {
                biased;
                () = run.interrupt.triggered() => {
                    let message = format!("{}; interrupted while waiting for that to change", verdict.message);
                    break Judgement { message, ..verdict };
                }
                () = tokio::time::sleep(wait) => {}
            }
        },
    };
    Proof {
        address: subject.account.address.clone(),
        account: subject.account.name().to_owned(),
        source: subject.span.and_then(|span| Some(sources?.position(span))),
        claim: subject.claim,
        deployment: subject.name.clone().filter(|_| subject.claim == Claim::ModelAnswers),
        project: subject.name.clone().filter(|_| subject.claim == Claim::ProjectAnswers),
        outcome: verdict.outcome,
        reason: verdict.reason,
        message: verdict.message,
        attempts,
        waited_seconds: if attempts > 1 { began.elapsed().as_secs() } else { 0 },
        keys_declared_off: subject.keys_declared_off,
        beside: matches!(run.place, DataPlane::Beside(_)),
    }
}

impl Subject<'_> {
    fn title(&self) -> String {
        title(self.claim, self.name.as_deref(), self.account.name())
    }
}

fn title(claim: Claim, name: Option<&str>, account: &str) -> String {
    match (claim, name) {
        (Claim::KeysRefused, _) => format!("keys of account {account}"),
        (Claim::ModelAnswers, Some(name)) => format!("deployment {name} of account {account}"),
        (Claim::ProjectAnswers, Some(name)) => format!("project {name} of account {account}"),
        (Claim::ModelAnswers | Claim::ProjectAnswers, None) => format!("models of account {account}"),
    }
}

impl Proof {
    /// Its subject, for people.
    #[must_use]
    pub(crate) fn title(&self) -> String {
        title(self.claim, self.deployment.as_deref().or(self.project.as_deref()), &self.account)
    }

    /// The remedy, if it is not proven.
    #[must_use]
    pub(crate) fn hint(&self) -> Option<String> {
        let reason = self.reason?;
        if reason == Reason::Role && self.outcome != ProofResult::Unprovable {
            return Some(self.who_else());
        }
        self.remedy(reason).map(str::to_owned)
    }

    /// Who could call if the caller lacks the role: how to use another identity depends on the endpoint.
    fn who_else(&self) -> String {
        let role = match self.claim {
            Claim::ProjectAnswers => {
                "`Foundry User` (formerly `Azure AI User`) on the project or its account"
            }
            Claim::ModelAnswers | Claim::KeysRefused => "`Cognitive Services User` on the account",
        };
        let another = match (self.beside, self.claim) {
            (false, _) => "use another identity with `--verify-credential`",
            (true, Claim::ProjectAnswers) => {
                "set `KEYLESS_VERIFY_PROJECT_TOKEN` or `KEYLESS_VERIFY_TOKEN` to the token of another identity"
            }
            (true, _) => "set `KEYLESS_VERIFY_TOKEN` to the token of another identity",
        };
        format!(
            "assign the caller a role such as {role}, or {another}; a new role assignment takes a few minutes to take effect"
        )
    }

    fn remedy(&self, reason: Reason) -> Option<&'static str> {
        Some(match reason {
            _ if self.outcome == ProofResult::Unprovable => {
                "call it as its applications do, with a token, before disabling keys"
            }
            Reason::Network => "run it from a network that can reach the account",
            Reason::Dns => {
                "check DNS where this runs: with a private endpoint the name only resolves where the private DNS zone (`privatelink.…`) is linked, and a new subdomain takes a few minutes"
            }
            Reason::Subdomain => "add `customSubDomainName` to the account in the spec",
            Reason::Token => "check the credential, its tenant and `--cloud`",
            Reason::Role => return None,
            Reason::Key if self.outcome == ProofResult::Inconclusive => {
                "a write takes a few minutes to take effect everywhere: verify again later; whether Azure checks a key while keys are disabled is not documented"
            }
            Reason::Key if self.keys_declared_off => {
                "the spec sets `disableLocalAuth: true`, but keys are enabled in Azure: `keyless apply` disables them"
            }
            Reason::Key => {
                "set `disableLocalAuth: true` in the spec to disable keys, which takes a few minutes to take effect everywhere"
            }
            Reason::Absent => "`keyless apply` creates what the spec declares",
            Reason::Project => {
                "a new project's endpoint can take a while to work; if it does not, contact Azure support with the answer above"
            }
            Reason::Model if self.deployment.is_none() => "deploy a model first",
            Reason::Model => "check the deployment: its name, its state, and which calls its model supports",
            Reason::Throttled => "try again when there is less traffic, or raise the deployment's capacity",
            Reason::Service => {
                "try again later; if it does not change, this version does not know the answer"
            }
        })
    }
}

/// The findings of a verification: an error for everything that is not proven, unless inconclusive results are allowed.
#[must_use]
pub(crate) fn findings(verification: &Verification, lenient: bool) -> Vec<FindingEntry> {
    let finding = |check: &Proof| {
        let (code, severity) = match check.outcome {
            ProofResult::Proven => return None,
            ProofResult::Disproven => (Code::Disproven, Severity::Error),
            ProofResult::Inconclusive if lenient => (Code::Inconclusive, Severity::Note),
            ProofResult::Inconclusive => (Code::Inconclusive, Severity::Error),
            ProofResult::Unprovable => (Code::Inconclusive, Severity::Note),
        };
        let what = match check.claim {
            Claim::ModelAnswers if check.deployment.is_none() => {
                format!("a model of account {}", check.account)
            }
            Claim::ModelAnswers | Claim::ProjectAnswers => check.title(),
            Claim::KeysRefused => format!("account {}", check.account),
        };
        let message = match (check.claim, check.outcome) {
            (Claim::KeysRefused, ProofResult::Disproven) => format!("{what} accepts API keys"),
            (Claim::KeysRefused, _) => format!("could not verify that {what} refuses API keys"),
            (_, ProofResult::Disproven) => match check.reason {
                Some(Reason::Role) => format!("the caller may not call {what}"),
                Some(Reason::Absent) => format!("{what} does not exist"),
                Some(Reason::Model | Reason::Project) => format!("{what} cannot be called"),
                _ => format!("{what} does not accept tokens"),
            },
            _ => format!("could not verify that {what} accepts tokens"),
        };
        let open = check.outcome == ProofResult::Inconclusive && !lenient;
        let way_out = if open { "; `--allow-inconclusive` ignores this" } else { "" };
        Some(FindingEntry {
            source: check.source.clone(),
            cause: Some(check.message.clone()),
            hint: check.hint().map(|hint| format!("{hint}{way_out}")),
            ..FindingEntry::of(severity, code, message)
        })
    };
    verification.checks.iter().filter_map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_identity_is_named_as_the_target_takes_it_and_what_the_spec_says_is_not_advised() {
        let check = |claim, reason, beside, keys_declared_off| Proof {
            address: String::new(),
            account: "chat".to_owned(),
            source: None,
            claim,
            deployment: None,
            project: None,
            outcome: ProofResult::Disproven,
            reason: Some(reason),
            message: String::new(),
            attempts: 1,
            waited_seconds: 0,
            keys_declared_off,
            beside,
        };
        for (claim, beside, words, others) in [
            (Claim::ModelAnswers, false, "`--verify-credential`", "KEYLESS_VERIFY"),
            (Claim::ModelAnswers, true, "`KEYLESS_VERIFY_TOKEN`", "--verify-credential"),
            (Claim::ProjectAnswers, false, "`--verify-credential`", "KEYLESS_VERIFY"),
            (Claim::ProjectAnswers, true, "`KEYLESS_VERIFY_PROJECT_TOKEN`", "--verify-credential"),
        ] {
            let hint = check(claim, Reason::Role, beside, false).hint().unwrap();
            assert!(hint.contains(words) && !hint.contains(others), "{hint}");
        }
        let keys = |off| check(Claim::KeysRefused, Reason::Key, false, off).hint().unwrap();
        assert!(keys(true).contains("`keyless apply` disables them"));
        assert!(keys(false).starts_with("set `disableLocalAuth: true` in the spec to disable keys"));
    }
}

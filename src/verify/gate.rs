//! Verifies during an apply (IO): the keys of a live account are disabled only once its models and projects, including those that the plan
//! declares, were seen to accept a token; and count as disabled only once they were seen to be refused.

use std::time::Duration;

use jiff::Timestamp;

use super::call::Prober;
use super::probe::DataPlane;
use super::recent::{Looking, Recent};
use super::subject::{answering, keys, sorts};
use super::verdict::ProofResult;
use super::{ExpectedChild, Proof, Run, Subject, Verification, Waiting, run};
use crate::accounts::Standing;
use crate::arm::{Client, Interrupt};
use crate::document::report::Output;
use crate::document::{Action, Plan, Step, StepAction};
use crate::id::ResourceId;
use crate::kinds::account::Accounts;
use crate::kinds::{Deployments, Described as _, Projects, role_assignment};
use crate::rbac::Catalogue;

/// Verifies before and after keys are disabled.
pub(crate) struct Gate {
    /// Sends the probes.
    pub caller: Prober,
    /// The location of data planes.
    pub place: DataPlane,
    /// What the plan declares, so that a missing resource does not count as proven.
    pub wanted: Vec<ExpectedChild>,
    /// How long to wait for temporary failures.
    pub limit: Duration,
    /// Whether inconclusive checks let it pass.
    pub lenient: bool,
    /// Ends waits.
    pub interrupt: Interrupt,
    /// Receives waits.
    pub waiting: Box<Waiting>,
}

/// Why a step must stop, and what to do.
pub(crate) struct Stop {
    pub(crate) cause: String,
    pub(crate) hint: String,
}

impl Gate {
    /// Whether a step disables the keys of a live account.
    #[must_use]
    pub(crate) fn concerns(step: &Step) -> bool {
        step.kind == Accounts.name()
            && step.action == StepAction::Update
            && step.patch.get("disableLocalAuth").is_some_and(|value| value == true)
    }

    /// The deployments and projects that a plan declares, whether live or not.
    #[must_use]
    pub(crate) fn wanted(plan: &Plan) -> Vec<ExpectedChild> {
        let kinds = [Deployments.name(), Projects.name()];
        let undeclared = [Action::Delete, Action::Unmanaged, Action::UnmanagedDrift];
        let declared = plan
            .changes
            .iter()
            .filter(|change| kinds.contains(&change.kind.as_str()) && !undeclared.contains(&change.action));
        let ids = declared.filter_map(|change| ResourceId::parse(&change.id).ok());
        ids.map(|id| ExpectedChild { id, span: None }).collect()
    }

    /// Before the write: every deployment and project accepts a token. Returns what was proven and what was not.
    pub(crate) async fn before(&self, client: &Client, step: &Step) -> Result<Vec<Output>, Stop> {
        let account = account(client, step).await?;
        let looking = Looking { caller: self.caller.object_id().await, now: Timestamp::now() };
        let grants = role_assignment::list(&account.id);
        // An unreadable list may contain a grant.
        let grant = match client.list(&grants.path, grants.project).await {
            Ok(bodies) => looking.granted(&account.id, &bodies, &Catalogue::default()),
            Err(_) => true,
        };
        let recent = Recent { grant, made: false, account: looking.made(&account.body), written: true };
        let mut subjects = Vec::new();
        for sort in sorts(&account, &self.wanted) {
            let query = sort.list(&account.id);
            let bodies = client.list(&query.path, query.project).await.map_err(|error| unread(&error))?;
            subjects.extend(answering(
                &account,
                sort,
                &bodies,
                &self.wanted,
                &self.place,
                (&looking, recent),
            ));
        }
        let verification = self.look(&subjects).await;
        self.settled(&verification, "keys stay enabled")
    }

    /// After the write: a key is refused. Returns what was proven and what was not.
    pub(crate) async fn after(&self, client: &Client, step: &Step) -> Result<Vec<Output>, Stop> {
        let account = account(client, step).await?;
        // It was just written, whatever the body says.
        let recent = Recent { written: true, account: true, ..Recent::default() };
        let verification = self.look(&[keys(&account, &self.place, recent)]).await;
        self.settled(&verification, "keys are disabled, but are not refused yet")
    }

    async fn look(&self, subjects: &[Subject<'_>]) -> Verification {
        let how = Run {
            caller: &self.caller,
            limit: self.limit,
            interrupt: &self.interrupt,
            parallelism: subjects.len(),
            waiting: &*self.waiting,
            place: &self.place,
        };
        run(subjects, &how, None).await
    }

    /// What was found, unless it stops the step: what is disproven always does, what is inconclusive unless that is allowed.
    fn settled(&self, verification: &Verification, so: &str) -> Result<Vec<Output>, Stop> {
        let stops = |check: &&Proof| match check.outcome {
            ProofResult::Proven | ProofResult::Unprovable => false,
            ProofResult::Inconclusive => !self.lenient,
            ProofResult::Disproven => true,
        };
        let mut stopping: Vec<&Proof> = verification.checks.iter().filter(stops).collect();
        // The worst comes first: what is disproven no option lets pass.
        stopping.sort_by_key(|check| check.outcome == ProofResult::Inconclusive);
        let told = |check: &Proof| format!("{}: {}", check.title(), check.message);
        let Some(check) = stopping.first() else {
            let said = |check: &Proof| {
                let name = if check.outcome == ProofResult::Proven { "verified" } else { "not verified" };
                Output { name: name.to_owned(), value: told(check) }
            };
            return Ok(verification.checks.iter().map(said).collect());
        };
        let way_out = match check.outcome {
            ProofResult::Inconclusive => ", or with `--allow-inconclusive`",
            _ => "",
        };
        let hint = match check.hint() {
            Some(hint) => format!("{hint}; then apply again{way_out}"),
            None => format!("apply again{way_out}"),
        };
        let all: Vec<String> = stopping.iter().map(|check| told(check)).collect();
        Err(Stop { cause: format!("{so}: {}", all.join("; ")), hint })
    }
}

async fn account(client: &Client, step: &Step) -> Result<Standing, Stop> {
    let path = format!("{}?api-version={}", step.target, Accounts.api_version());
    let body = client.get(&path).await.map_err(|error| unread(&error))?;
    let id = ResourceId::parse(&step.target)
        .map_err(|error| Stop { cause: error.to_string(), hint: "make a new plan".to_owned() })?;
    Ok(Standing { address: String::new(), id, span: None, body: body.into() })
}

fn unread(error: &crate::arm::Error) -> Stop {
    let hint = error.hint().unwrap_or_else(|| "run the command again".to_owned());
    Stop { cause: format!("could not read what to verify: {error}"), hint }
}

//! A saved plan before it is carried out: pinned, made for this target, and judged anew on fresh live state.

use jiff::Timestamp;
use jiff::tz::Offset;

use super::clean::clean;
use super::options::Options;
use super::output::Failure;
use super::pins;
use super::session::Session;
use crate::document::{FindingEntry, Plan, Target};
use crate::finding::{Code, Severity};
use crate::guards::{self, Allow};
use crate::plan::predict::World;
use crate::plan::saved::{self, Hearsay};
use crate::read::ask_all;
use crate::snapshot::Snapshot;
use crate::{access, checks, diff, kinds};

/// More rounds of questions than checks can need.
const ROUNDS: usize = 4;

/// Fails where a plan was made for another target than this run's.
pub(super) fn same_target(plan: &Plan, target: &Target) -> Result<(), Failure> {
    if plan.target == *target {
        return Ok(());
    }
    let message = format!("the plan was made for {}, and this run goes to {target}", plan.target);
    Err(Failure::new(message).hint("apply it where it was made for, or make one for this target"))
}

/// What could not be read of what stands beside the plan's changes: it writes nothing there, and guards judged without it.
fn beside(snapshot: &Snapshot) -> Vec<FindingEntry> {
    let told = snapshot.refusals().map(|refusal| FindingEntry {
        source: None,
        severity: Severity::Warning,
        code: Code::IncompleteRead.as_str().to_owned(),
        message: "what stands beside the plan's changes could not be read: it was judged without that"
            .to_owned(),
        cause: Some(refusal.message.clone()),
        hint: refusal.hint.clone(),
    });
    told.collect()
}

impl Session {
    /// Judges a saved plan anew: live state as it was, what is there ours, guards with this run's lifts. What nothing but the file says
    /// is left out.
    pub(super) async fn review(
        &self,
        options: &Options,
        mut plan: Plan,
        allowed: &[Allow],
    ) -> Result<(Plan, Hearsay), Failure> {
        same_target(&plan, &self.target)?;
        let claims = self.claims().await?;
        self.spinner.say("reading Azure");
        let mut snapshot = Snapshot::default();
        let now = Timestamp::now();
        (snapshot.now, snapshot.today) = (Some(now), Some(Offset::UTC.to_datetime(now).date()));
        let around = kinds::review(&plan);
        ask_all(&around, &self.client, &self.graph, &mut snapshot).await;
        let unread = plan.steps.iter().find_map(|step| Some((step.change, kinds::unread(step, &snapshot)?)));
        let beside = beside(&snapshot);
        let mut stale = saved::stale(&plan, &World::of(&snapshot));
        // A plan that has to be made anew promises nothing.
        let promises = unread.is_none() && stale.is_empty();
        if promises {
            // What is found raises further questions: which accounts there are, then who is left in them.
            for _ in 0..ROUNDS {
                let mut raised = checks::queries(&plan.steps, &snapshot);
                raised.extend(kinds::review_secrets(&plan, &snapshot));
                raised.extend(kinds::role_assignment::review(&plan, &snapshot));
                raised.retain(|query| snapshot.get(query).is_none());
                ask_all(&raised, &self.client, &self.graph, &mut snapshot).await;
            }
        }
        self.spinner.clear();
        self.unless_interrupted()?;
        if let Some((change, refusal)) = unread {
            let title = plan.changes.get(change).map_or("a resource", |change| change.title.as_str());
            let message = format!(
                "could not read what the plan starts from: it would write {title}; nothing was written"
            );
            let hint = refusal.hint.unwrap_or_else(|| "see that it can be read".to_owned());
            let hint = format!("{hint}; then apply the plan again");
            return Err(Failure::new(message).cause(refusal.message).hint(hint));
        }
        if promises {
            stale = saved::spared(&plan, &diff::spared_by_now(&plan, &snapshot));
        }
        let now = World::of(&snapshot);
        // What guards, pins and checks said when the plan was made is said again, if it still holds.
        let hearsay = Hearsay::findings_of(&mut plan, |finding| {
            finding.is_judgement() || pins::is_outside(finding) || checks::is_verdict(finding)
        });
        if promises {
            let foreign = saved::confront(&mut plan, &now);
            plan.findings.extend(foreign);
            checks::review(&mut plan, &snapshot, Severity::Error);
        }
        let names = crate::document::access::names(&plan.access);
        let told = |name: &str| match name.strip_suffix(", from lock, unverified") {
            Some(name) => format!("{name}, from the plan and there from lock, unverified"),
            None => format!("{name}, from the plan, unverified"),
        };
        let names = names.into_iter().map(|(id, name)| (id, told(&name))).collect();
        plan.access = access::changes::changes(&now, &now.after(&plan), &names);
        plan.findings.extend(guards::judge_file(&plan, &now, claims.oid, allowed));
        plan.findings.extend(stale);
        plan.findings.extend(beside);
        plan.findings.extend(pins::outside(&options.within, &plan)?);
        plan.findings.sort();
        saved::leave_out_idle(&mut plan);
        plan.requests = self.requests();
        clean(&mut plan);
        Ok((plan, hearsay))
    }
}

//! Runs a plan's steps (IO): in parallel where lanes and dependencies allow, and reports each.
//!
//! A failed step stops only those that depend on it. After an interrupt no further step starts; running ones finish.

mod exists;
mod fill;
mod found;
mod patch;
mod secrets;
mod settle;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::arm::{Client, Interrupt};
use crate::document::report::{Outcome, Status};
use crate::document::{FindingEntry, Plan, Step, StepAction};
use crate::kinds;
use crate::verify::gate::Gate;
pub(crate) use secrets::Secrets;
use write::WriteEnd;

/// Receives progress: reads, and the start and end of each step.
pub(crate) trait Progress: Send + Sync {
    /// The steps with these titles follow.
    fn starts(&self, titles: &[&str]);
    /// A step or read started.
    fn begins(&self, title: &str);
    /// A step ended.
    fn ended(&self, outcome: &Outcome);
    /// Nothing that takes time is running.
    fn rests(&self);
}

/// Runs all steps of a plan: the outcome of each, and findings about those that failed. With a gate, keys are disabled only if models were
/// seen to accept a token.
pub(crate) async fn apply(
    plan: &Plan,
    client: &Client,
    secrets: &Secrets,
    interrupt: &Interrupt,
    progress: &dyn Progress,
    gate: Option<Arc<Gate>>,
) -> (Vec<Outcome>, Vec<FindingEntry>) {
    let title = |step: &Step| plan.changes[step.change].title.as_str();
    progress.starts(&plan.steps.iter().map(title).collect::<Vec<_>>());
    let mut run = ApplyRun::new(plan);
    let mut tasks = JoinSet::new();
    loop {
        run.skip_hopeless(progress);
        while let Some(index) = run.next(interrupt.is_triggered()) {
            progress.begins(&plan.changes[plan.steps[index].change].title);
            run.lanes.insert(plan.steps[index].lane.clone());
            run.started[index] = true;
            let (client, step, secrets) = (client.clone(), plan.steps[index].clone(), secrets.clone());
            let gate = gate.clone().filter(|_| Gate::concerns(&step));
            tasks.spawn(async move {
                let (target, written) = write::write(&client, &step, &secrets, gate.as_deref()).await;
                (index, target, written)
            });
        }
        let Some(joined) = tasks.join_next().await else { break };
        match joined {
            Ok((index, target, written)) => run.end(index, target, written, progress),
            // A panic in a step is a bug; its lane stays blocked, so nothing overwrites its result.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    run.skip_rest(progress);
    (run.outcomes.into_iter().flatten().collect(), run.findings)
}

/// The state of a run.
struct ApplyRun<'a> {
    plan: &'a Plan,
    started: Vec<bool>,
    /// What each step writes; for some only known when they run.
    targets: Vec<String>,
    /// What of its resource each step writes, where several do.
    parts: Vec<Option<String>>,
    outcomes: Vec<Option<Outcome>>,
    lanes: BTreeSet<String>,
    findings: Vec<FindingEntry>,
}

/// What of its resource each step writes, where several write it.
fn parts(plan: &Plan) -> Vec<Option<String>> {
    let mut writes: BTreeMap<usize, usize> = BTreeMap::new();
    for step in &plan.steps {
        *writes.entry(step.change).or_default() += 1;
    }
    let part = |step: &Step| {
        let is_one_of_several = step.action == StepAction::Update && writes[&step.change] > 1;
        let kind = kinds::by_name(&step.kind).filter(|_| is_one_of_several)?;
        let said =
            step.patch.iter().map(|(name, value)| match kind.wording(std::slice::from_ref(name), value) {
                Some((label, word)) => format!("{label} {word}"),
                None => name.clone(),
            });
        Some(said.collect::<Vec<_>>().join(", "))
    };
    plan.steps.iter().map(part).collect()
}

impl<'a> ApplyRun<'a> {
    fn new(plan: &'a Plan) -> Self {
        let count = plan.steps.len();
        Self {
            plan,
            started: vec![false; count],
            targets: plan.steps.iter().map(|step| step.target.clone()).collect(),
            parts: parts(plan),
            outcomes: vec![None; count],
            lanes: BTreeSet::new(),
            findings: Vec::new(),
        }
    }

    fn status(&self, index: usize) -> Option<Status> {
        self.outcomes[index].as_ref().map(|outcome| outcome.status)
    }

    /// A step that can start now.
    fn next(&self, interrupted: bool) -> Option<usize> {
        let steps = &self.plan.steps;
        let ended = |index: usize| self.outcomes[index].is_some();
        let others_ended = || (0..steps.len()).all(|other| steps[other].last || ended(other));
        let unyielding_ended = || (0..steps.len()).all(|other| steps[other].yields || ended(other));
        let may_begin = |(index, step): &(usize, &Step)| {
            !self.started[*index]
                && !ended(*index)
                && !self.lanes.contains(&step.lane)
                && step.needs.iter().all(|need| self.status(*need) == Some(Status::Done))
                && (!step.last || others_ended())
                && (!step.yields || unyielding_ended())
        };
        if interrupted { None } else { steps.iter().enumerate().find(may_begin).map(|(index, _)| index) }
    }

    /// Skips steps that depend on one that did not succeed, repeatedly.
    fn skip_hopeless(&mut self, progress: &dyn Progress) {
        loop {
            let hopeless = (0..self.plan.steps.len()).find_map(|index| {
                let needs = &self.plan.steps[index].needs;
                let lost =
                    |need: &&usize| matches!(self.status(**need), Some(Status::Failed | Status::Skipped));
                if self.outcomes[index].is_some() || self.started[index] {
                    return None;
                }
                needs.iter().find(lost).map(|need| (index, *need))
            });
            let Some((index, need)) = hopeless else { return };
            let needed = &self.plan.changes[self.plan.steps[need].change].title;
            let reason = format!("it depends on {needed}, which did not succeed");
            self.finish(index, Status::Skipped, Some(reason), Vec::new(), progress);
        }
    }

    /// Skips what is left when nothing runs and nothing can start, which only an interrupt causes.
    fn skip_rest(&mut self, progress: &dyn Progress) {
        for index in 0..self.plan.steps.len() {
            if self.outcomes[index].is_none() {
                let reason = "interrupted before it started".to_owned();
                self.finish(index, Status::Skipped, Some(reason), Vec::new(), progress);
            }
        }
    }

    fn end(&mut self, index: usize, target: String, written: WriteEnd, progress: &dyn Progress) {
        self.targets[index] = target;
        self.lanes.remove(&self.plan.steps[index].lane);
        let step = &self.plan.steps[index];
        let title = &self.plan.changes[step.change].title;
        match written {
            WriteEnd::Done { note, outputs } => self.finish(index, Status::Done, note, outputs, progress),
            WriteEnd::NotTried => {
                let reason = Some("interrupted before anything was written".to_owned());
                self.finish(index, Status::Skipped, reason, Vec::new(), progress);
            }
            WriteEnd::Failed(problem) => {
                let reason = problem.cause.clone();
                self.findings.push(problem.at(title, step));
                self.finish(index, Status::Failed, Some(reason), Vec::new(), progress);
            }
        }
    }

    fn finish(
        &mut self,
        index: usize,
        status: Status,
        reason: Option<String>,
        outputs: Vec<crate::document::report::Output>,
        progress: &dyn Progress,
    ) {
        let step = &self.plan.steps[index];
        let change = &self.plan.changes[step.change];
        let outcome = Outcome {
            action: step.action,
            title: change.title.clone(),
            address: change.address.clone(),
            id: self.targets[index].clone(),
            source: step.source.clone(),
            status,
            part: self.parts[index].clone(),
            reason,
            outputs,
        };
        progress.ended(&outcome);
        self.outcomes[index] = Some(outcome);
    }
}

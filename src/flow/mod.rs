//! The flow, to be read from top to bottom: spec → queries → snapshot → desired → diff → plan → checks → guards → apply → report.
//!
//! [`plan`] is all of it for what specs declare, [`review`] for a plan that was saved. [`decide`] says which of them an `apply` carries out,
//! and [`execute`] does that. In between the command line shows and asks: nothing here knows of options, terminals or exit codes. Azure is
//! asked through [`Azure`] alone, and files are read where a run begins ([`Checked::read`], [`saved::load`]); every other step is a pure
//! function of the floors below.

mod azure;
mod clean;
mod decision;
mod halt;
pub(crate) mod locks;
pub(crate) mod pins;
mod rotation;
pub(crate) mod saved;
mod specs;
mod statement;
mod wish;

use std::sync::Arc;

use jiff::Timestamp;

pub(crate) use azure::Azure;
pub(crate) use decision::{Asked, Decision};
pub(crate) use halt::Halt;
pub(crate) use specs::Checked;
pub(crate) use wish::{Purpose, Wish};

use crate::apply::{Secrets, apply};
use crate::arm::Phase;
use crate::diff;
use crate::document::report::Report;
use crate::document::{FindingEntry, Plan};
use crate::drift::Inquiry;
use crate::finding::Severity;
use crate::kinds::desired::{desired, resolved};
use crate::plan::predict::World;
use crate::plan::saved::{Hearsay, confront, differing, leave_out_idle, spared, stale};
use crate::snapshot::{Query, Snapshot};
use crate::spec::Loaded;
use crate::verify::gate::Gate;
use crate::{access, checks, guards, kinds, principals};

/// The plan for what specs declare.
pub(crate) async fn plan(azure: &Azure, specs: Checked, wish: &Wish<'_>) -> Result<Plan, Halt> {
    // A wish that the specs cannot grant is a mistake on the command line: it is told before Azure is asked anything.
    rotation::mark(&mut desired(&specs.stacks), wish.rotate)?;

    // spec → queries → snapshot. An answer may raise the next question, so what is open is worked out anew until nothing is.
    let open = |known: &Snapshot| queries(&specs.stacks, known, wish.purpose);
    let (snapshot, caller) = azure.read(&open).await?;
    let Checked { stacks, mut findings, sources } = specs;

    // Specs and lock files name a tenant, and only the caller's token tells which one this is.
    findings.extend(specs::foreign_tenants(&stacks, &caller));
    findings.extend(stacks.iter().flat_map(|loaded| locks::held_against(loaded, caller.tid)));

    // snapshot → desired: names are resolved by now, so that each declared resource has its id.
    let mut desired = resolved(&stacks, &snapshot);
    rotation::mark(&mut desired, wish.rotate)?;

    // desired → diff → plan. From here on the plan is all there is: plain data, of which each write follows.
    let diff = diff::diff(&stacks, desired, &snapshot);
    let names = principals::known_names(&stacks, &snapshot);
    let inquiry = wish.purpose.explains().then(|| Inquiry::new(&diff.changes, &snapshot, names.clone()));
    let mut plan = crate::plan::plan(diff, &findings, &sources, azure.target.clone(), azure.requests());

    // What this run must not write, whoever asks for it; then what Azure would not take: such a change is refused, not tried.
    plan.findings.extend(pins::outside(&wish.within, &plan));
    let before = World::of(&snapshot);
    if let Some(unpermitted) = wish.purpose.unpermitted() {
        checks::judge(&mut plan, &snapshot, &before, unpermitted);
    }

    // Guards come last, on the state that the changes which are left would lead to. They know nothing of how those were found.
    plan.access = access::changes::changes(&before, &before.after(&plan), &names);
    plan.findings.extend(guards::judge(&plan, &before, caller.oid, wish.allowed));
    plan.findings.sort();

    // Who caused what differs. It decides nothing, so it is asked once everything is decided.
    if let Some(inquiry) = inquiry {
        let answers = azure.ask_log(inquiry.queries(Timestamp::now())).await;
        inquiry.tell(&answers, &mut plan);
        plan.requests = azure.requests();
    }

    // Whatever was read may repeat a secret of this run: nothing leaves before it was looked through.
    clean::clean(&mut plan);
    Ok(plan)
}

/// A saved plan judged anew: on live state as it is now, by this run's lifts and pins. What nothing but the file says is left out.
pub(crate) async fn review(azure: &Azure, saved: Plan, wish: &Wish<'_>) -> Result<(Plan, Hearsay), Halt> {
    let mut plan = saved;
    // Approved for one target is not approved for another.
    saved::same_target(&plan, &azure.target)?;

    // plan → queries → snapshot: no spec says what to read, so it is what stands where the plan writes, and around that.
    let (mut snapshot, caller) = azure.read(&|_| kinds::review(&plan)).await?;
    saved::starting_points(&plan, &snapshot)?;
    let beside = saved::unread_beside(&snapshot);

    // In place of a diff: is everything still as it was when the plan was made? Of one that is not, nothing more is asked.
    let mut before = World::of(&snapshot);
    let mut outdated = stale(&plan, &before);
    let holds = outdated.is_empty();
    if holds {
        azure.ask_more(&|known| saved::raised(&plan, known), &mut snapshot).await?;
        before = World::of(&snapshot);
        outdated = spared(&plan, &diff::spared_by_now(&plan, &snapshot));
    }

    // What the file says besides its writes is somebody's word: it is made anew from live state, or left out and counted.
    let hearsay = Hearsay::findings_of(&mut plan, saved::is_found_anew);
    let names = saved::names(&plan);
    if holds {
        let foreign = confront(&mut plan, &before);
        plan.findings.extend(foreign);
        checks::review(&mut plan, &snapshot, &before, Severity::Error);
    }
    plan.findings.extend(outdated);
    plan.findings.extend(beside);
    plan.findings.extend(pins::outside(&wish.within, &plan));

    // Guards as for a fresh plan, except that what the file calls declared counts for nothing.
    plan.access = access::changes::changes(&before, &before.after(&plan), &names);
    plan.findings.extend(guards::judge_file(&plan, &before, caller.oid, wish.allowed));
    plan.findings.sort();

    leave_out_idle(&mut plan);
    plan.requests = azure.requests();
    clean::clean(&mut plan);
    Ok((plan, hearsay))
}

/// What an `apply` carries out: what specs ask for now, a saved plan, or what both say.
pub(crate) async fn decide(azure: &Azure, asked: Asked, wish: &Wish<'_>) -> Result<Decision, Halt> {
    match asked {
        Asked::Specs(specs) => {
            Ok(Decision { plan: plan(azure, specs, wish).await?, hearsay: Hearsay::default(), whole: false })
        }
        Asked::Saved(saved) => {
            let (plan, hearsay) = review(azure, saved, wish).await?;
            Ok(Decision { plan, hearsay, whole: true })
        }
        // What runs is what the specs ask for now; the file only says what was approved.
        Asked::Both(saved, specs) => {
            let mut fresh = plan(azure, specs, wish).await?;
            saved::same_target(&saved, &azure.target)?;
            fresh.findings.extend(differing(&saved, &fresh));
            Ok(Decision { plan: fresh, hearsay: Hearsay::default(), whole: true })
        }
    }
}

/// The same once more, after a question that may have stood for an hour: what was shown and approved is what runs, or nothing does.
pub(crate) async fn decide_again(
    azure: &Azure,
    asked: Asked,
    wish: &Wish<'_>,
    shown: &Plan,
) -> Result<Decision, Halt> {
    let mut now = decide(azure, asked, wish).await?;
    now.plan.findings.extend(decision::overtaken(shown, &now.plan));
    now.plan.findings.sort();
    Ok(now)
}

/// plan → apply → report. `news` is what the plan did not say yet when it was approved.
pub(crate) async fn execute(
    azure: &Azure,
    plan: &Plan,
    secrets: &Secrets,
    gate: Option<Gate>,
    news: Vec<FindingEntry>,
) -> Report {
    // A signal ends reads at once; a write in flight gets time to end, and what was written is told whatever comes.
    azure.interrupt.enter(Phase::Writing);
    let gate = gate.map(Arc::new);
    let mut report = apply(plan, &azure.client, secrets, &azure.interrupt, &*azure.progress, gate).await;
    azure.interrupt.enter(Phase::Telling);
    azure.progress.rests();
    report.findings.splice(0..0, news);
    report
}

/// What is still to be asked: what shows the state of everything declared, then what the steps raise that a plan on it would take.
fn queries(stacks: &[Loaded], known: &Snapshot, purpose: Purpose) -> Vec<Query> {
    let mut open = kinds::missing(stacks, known);
    if purpose.unpermitted().is_some() {
        open.extend(checks::missing(stacks, known));
    }
    open
}

//! The flow, to be read from top to bottom: spec → queries → snapshot → desired → diff → plan → checks → guards → apply → report.
//!
//! [`plan`] runs all of it for specs, [`review`] for a saved plan. [`decide`] chooses which one an `apply` runs, and [`execute`] runs it.
//! In between, the command line shows the plan and asks: nothing here knows about options, terminals or exit codes. Azure is queried only
//! through [`Azure`], and files are read only at the start ([`Checked::read`], [`saved::load`]); every other step is a pure function of the
//! floors below.

mod azure;
mod clean;
mod decision;
mod halt;
pub(crate) mod locks;
pub(crate) mod merge;
pub(crate) mod pins;
mod rotation;
pub(crate) mod saved;
mod shard;
mod specs;
mod statement;
mod usage;
mod wish;

use std::sync::Arc;

use jiff::Timestamp;

pub(crate) use azure::Azure;
pub(crate) use decision::{Asked, Decision};
pub(crate) use halt::Halt;
pub(crate) use shard::{ShardNumber, same_part};
pub(crate) use specs::Checked;
pub(crate) use wish::{PlanPurpose, Wish};

use crate::apply::{Secrets, apply};
use crate::arm::Phase;
use crate::diff;
use crate::document::report::Report;
use crate::document::{FindingEntry, Plan};
use crate::drift::{self, Inquiry};
use crate::finding::Severity;
use crate::kinds::desired::{desired, resolved};
use crate::plan::predict::World;
use crate::plan::saved::{Hearsay, confront, differing, leave_out_idle, spared, stale};

use crate::snapshot::{Query, Snapshot};
use crate::spec::Loaded;
use crate::verify::gate::Gate;
use crate::{access, accounts, checks, guards, kinds, principals};

/// The plan for what specs declare.
pub(crate) async fn plan(azure: &Azure, specs: Checked, wish: &Wish<'_>) -> Result<Plan, Halt> {
    // A wish that the specs cannot satisfy is a usage error, reported before any request to Azure.
    let rotate = shard::rotated_here(&specs, wish.rotate);
    if !rotate.is_empty() {
        rotation::mark(&mut desired(&specs.stacks), &rotate)?;
    }

    // spec → queries → snapshot. An answer may raise further queries, so the open ones are recomputed until none is left.
    let open = |known: &Snapshot| queries(&specs.stacks, known, wish.purpose);
    let (mut snapshot, caller) = azure.read(&open).await?;
    let Checked { stacks, mut findings, sources, environment, shard } = specs;

    // Specs and lock files may name a tenant, which only the caller's token can confirm.
    findings.extend(specs::foreign_tenants(&stacks, &caller));
    findings.extend(stacks.iter().flat_map(|loaded| locks::held_against(loaded, caller.tid)));

    // snapshot → desired: names are resolved now, so each declared resource has its id.
    let mut desired = resolved(&stacks, &snapshot);
    rotation::mark(&mut desired, &rotate)?;
    findings.extend(kinds::lacking(&desired, &snapshot));

    // desired → diff → plan. From here on, the plan is plain data from which every write follows.
    let diff = diff::diff(&stacks, desired, &snapshot);
    let names = principals::known_names(&stacks, &snapshot);
    let inquiry = wish.purpose.explains().then(|| Inquiry::new(&diff, &snapshot, names.clone()));
    let beside = kinds::role_assignment::holders(&diff.beside);
    let mut plan = crate::plan::plan(diff, &findings, &sources, azure.target.clone(), azure.requests());
    plan.environment = environment;

    plan.refuse_all(kinds::unwritable(&plan, &snapshot));

    // What this run is not allowed to write; then what Azure would refuse: such changes are refused, not attempted.
    plan.findings.extend(pins::outside(&wish.within, &plan));
    let before = World { beside, ..World::of(&snapshot) };
    // What takes the right to do all this goes last, and not while anything cannot be done.
    plan.find_taken_rights(&before, caller.oid);
    plan.keep_needed_rights();
    if let Some(unpermitted) = wish.purpose.unpermitted() {
        checks::judge(&mut plan, &snapshot, &before, unpermitted);
    }

    crate::plan::add_along(&mut plan, &before);
    let retired = stacks.iter().filter(|loaded| loaded.is_retired());
    crate::plan::note_retired(
        &mut plan,
        &retired.map(|loaded| loaded.spec.stack.as_str()).collect::<Vec<_>>(),
    );
    plan.keys = accounts::keys(&stacks, &snapshot);

    // Keys that go off may still be used, which only Azure's logs show. `drift` turns nothing off.
    if !wish.purpose.explains() {
        plan.key_usage = kinds::account::key_usage(&stacks);
    }
    azure.find_key_use(&mut plan, &before, wish.purpose == PlanPurpose::Apply).await?;

    // Guards run last, on the predicted state after the remaining changes. They do not know how changes were found.
    // A plan says who gains and loses access; a drift, who has or lacks what by the specs.
    plan.access = if wish.purpose.explains() {
        access::changes::drifted(&before, &plan, &names)
    } else {
        access::changes::changes(&before, &before.after(&plan), &names)
    };
    let mut objections = guards::judge(&plan, &before, caller.oid, wish.allowed);
    for finding in &mut objections {
        principals::name_in(&mut finding.message, &names);
    }
    plan.findings.extend(objections);
    plan.findings.sort();

    // Who caused the differences. This decides nothing, so it comes last.
    if let Some(inquiry) = inquiry {
        let answers = azure.ask_log(inquiry.queries(Timestamp::now())).await;
        inquiry.explain(&answers, &mut plan);
        let unnamed = drift::unnamed(&plan);
        if !unnamed.is_empty() {
            let query = principals::callers(&unnamed);
            let open = |known: &Snapshot| {
                if known.get(&query).is_none() { vec![query.clone()] } else { Vec::new() }
            };
            azure.ask_more(&open, &mut snapshot).await?;
            drift::name_callers(&mut plan, &principals::callers_named(&snapshot));
        }
        plan.requests = azure.requests();
    }

    plan.known = plan.judged();
    // Anything read may repeat one of this run's secrets, so the plan is cleaned before it leaves.
    clean::clean(&mut plan);
    shard::record(&mut plan, shard, names);
    Ok(plan)
}

/// Judges a saved plan again: against the current live state, with this run's `--allow` flags and pins. What only the file claims is left
/// out.
pub(crate) async fn review(azure: &Azure, saved: Plan, wish: &Wish<'_>) -> Result<(Plan, Hearsay), Halt> {
    let mut plan = saved;
    // Approval for one target does not apply to another.
    saved::same_target(&plan, &azure.target)?;

    // plan → queries → snapshot: without specs, reads the targets of the plan and their surroundings.
    let (mut snapshot, caller) = azure.read(&|_| kinds::review(&plan)).await?;
    saved::starting_points(&plan, &snapshot)?;
    let beside = saved::unread_beside(&snapshot);

    // Instead of a diff: checks that everything is still as it was when the plan was made. If not, nothing more is queried.
    let mut before = World::of(&snapshot);
    let mut outdated = stale(&plan, &before);
    outdated.extend(spared(&plan, &kinds::outgrown(&plan, &snapshot)));
    let holds = outdated.is_empty();
    if holds {
        azure.ask_more(&|known| saved::raised(&plan, known), &mut snapshot).await?;
        before = World::of(&snapshot);
        outdated = spared(&plan, &diff::spared_by_now(&plan, &snapshot));
    }

    plan.find_taken_rights(&before, caller.oid);

    // What else the file says is only a claim: it is recomputed from live state, or left out and counted.
    let hearsay = Hearsay::findings_of(&mut plan, saved::is_found_anew);
    let names = saved::names(&plan);
    if holds {
        let foreign = confront(&mut plan, &before);
        plan.findings.extend(foreign);
        checks::review(&mut plan, &snapshot, &before, Severity::Error);
    }
    plan.findings.extend(outdated);
    plan.findings.extend(beside);
    plan.findings.extend(kinds::lacking_in(&plan, &snapshot));
    plan.refuse_all(kinds::unwritable(&plan, &snapshot));
    plan.findings.extend(pins::outside(&wish.within, &plan));

    crate::plan::add_along(&mut plan, &before);
    if holds {
        plan.key_usage = usage::strictest(&guards::keys_going_off(&plan, &before));
        azure.find_key_use(&mut plan, &before, true).await?;
    }

    // Guards as for a new plan, except that the file's claims about declarations do not count.
    plan.access = access::changes::changes(&before, &before.after(&plan), &names);
    plan.findings.extend(guards::judge_file(&plan, &before, caller.oid, wish.allowed));
    plan.findings.sort();

    leave_out_idle(&mut plan);
    plan.requests = azure.requests();
    // The rest of the specs is known as far as it was when the plan was made.
    plan.known = plan.known.max(plan.judged());
    clean::clean(&mut plan);
    Ok((plan, hearsay))
}

/// What an `apply` runs: what specs require now, a saved plan, or a saved plan confirmed by specs.
pub(crate) async fn decide(azure: &Azure, asked: Asked, wish: &Wish<'_>) -> Result<Decision, Halt> {
    match asked {
        Asked::Specs(specs) => {
            Ok(Decision { plan: plan(azure, specs, wish).await?, hearsay: Hearsay::default(), whole: false })
        }
        Asked::Saved(saved) => {
            let (plan, hearsay) = review(azure, saved, wish).await?;
            Ok(Decision { plan, hearsay, whole: true })
        }
        // What specs require now is run; the file only says what was approved.
        Asked::Both(saved, specs) => {
            let mut fresh = plan(azure, specs, wish).await?;
            saved::same_target(&saved, &azure.target)?;
            fresh.findings.extend(differing(&saved, &fresh));
            Ok(Decision { plan: fresh, hearsay: Hearsay::default(), whole: true })
        }
    }
}

/// Decides again after a prompt that may have been open for an hour: only what was shown and approved may run.
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

/// plan → apply → report. `news` are findings made after the plan was approved.
pub(crate) async fn execute(
    azure: &Azure,
    decision: &Decision,
    secrets: &Secrets,
    gate: Option<Gate>,
    news: Vec<FindingEntry>,
) -> Report {
    // A signal ends reads at once; a running write gets time to finish, and everything written is reported.
    azure.interrupt.enter(Phase::Writing);
    let gate = gate.map(Arc::new);
    let (plan, client) = (&decision.plan, &azure.client);
    let (steps, failures) = apply(plan, client, secrets, &azure.interrupt, &*azure.progress, gate).await;
    azure.interrupt.enter(Phase::Telling);
    azure.progress.rests();
    let findings = news.into_iter().chain(failures).collect();
    Report::new(plan, decision.without_step(), steps, findings, azure.requests())
}

/// The open queries: first the state of everything declared, then what the steps of a plan on it need.
fn queries(stacks: &[Loaded], known: &Snapshot, purpose: PlanPurpose) -> Vec<Query> {
    let survey = kinds::Survey::of(stacks, known);
    let mut open = kinds::missing(&survey);
    if purpose.unpermitted().is_some() {
        open.extend(checks::missing(survey));
    }
    open
}

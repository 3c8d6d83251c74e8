//! `keyless apply`: makes a plan or loads a saved one, shows it, asks for confirmation, applies it and reports.

use std::path::PathBuf;

use super::Exit;
use super::confirm;
use super::document::Document;
use super::options::{Format, Options, now};
use super::output::{self, Failure};
use super::plan::show;
use super::session::{Session, block_on, check_beside, refuse};
use super::verify::How;
use super::wish::{Lifts, RetiredStacks, Rotation, wish};
use crate::apply::Secrets;
use crate::document::report::Report;
use crate::document::{Action, FindingEntry, PlannedChange};
use crate::finding::{Code, Severity};
use crate::flow::{self, Asked, Decision, PlanPurpose, Wish, pins, saved};
use crate::render::text;
use crate::spec::load::holds_spec;

/// Arguments of `apply`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A saved plan, spec files, folders of specs, or `-` for stdin. With a plan and specs, the plan is applied only if the
    /// specs still produce the same plan
    #[arg(value_name = "[PLAN] [SPEC]...", default_value = "specs")]
    paths: Vec<PathBuf>,
    /// Apply without asking for confirmation
    #[arg(long)]
    yes: bool,
    /// Turn keys off only after models and projects have accepted a token, and check that keys are refused afterwards
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    lifts: Lifts,
    #[command(flatten)]
    rotation: Rotation,
    #[command(flatten)]
    retirement: RetiredStacks,
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    // A `.json` argument is a plan, even if it is missing or damaged, unless it holds a spec.
    let is_json = |path: &PathBuf| path.extension().is_some_and(|own| own.eq_ignore_ascii_case("json"));
    let is_plan = |path: &PathBuf| saved::holds_plan(path) || (is_json(path) && !holds_spec(path));
    let (plan, specs) = args.paths.split_at(usize::from(args.paths.first().is_some_and(is_plan)));
    // Read first: if something fails later, the report must replace an old one, but never a file that the run reads.
    let checked =
        (!specs.is_empty()).then(|| check_beside(options, specs, plan).retire(&args.retirement.retire));
    options.look_at_reports(plan);
    let mut saved = plan.first().map(|path| saved::load(path)).transpose()?;
    if let Some(plan) = &mut saved {
        flow::same_part(plan, options.shard, &options.command, now())?;
        pins::stacks(&options.stack, plan)?;
        pins::unselected(&options.select, plan)?;
    }
    if specs.is_empty() && !args.rotation.rotate.is_empty() {
        return Err(Failure::new("`--rotate` cannot be used with a saved plan")
            .hint("pass `--rotate` to the `keyless plan` that creates it"));
    }
    if specs.is_empty() && !args.retirement.retire.is_empty() {
        return Err(Failure::new("`--retire` cannot be used with a saved plan alone")
            .hint("pass `--retire` to the `keyless plan` that creates it; pass the specs here to check it against them"));
    }
    if let Some(checked) = checked.as_ref().filter(|checked| checked.has_errors()) {
        return refuse(options, checked);
    }
    let before = if saved.is_some() { "check `keyless show`" } else { "check `keyless plan`" };
    confirm::possible(args.yes, before)?;
    let asked = match (saved, checked) {
        (None, Some(specs)) => Asked::Specs(specs),
        (Some(plan), None) => Asked::Saved(plan),
        (Some(plan), Some(specs)) => Asked::Both(plan, specs),
        (None, None) => return Err(Failure::new("neither a plan nor a spec was given")),
    };
    let wish = wish(options, PlanPurpose::Apply, &args.lifts, &args.rotation)?;
    block_on(async {
        let session = Session::connect(options).await?;
        let exit = carry_out(options, args, &session, asked, &wish).await;
        session.close().await;
        exit
    })
}

async fn carry_out(
    options: &Options,
    args: &Args,
    session: &Session,
    asked: Asked,
    wish: &Wish<'_>,
) -> Result<Exit, Failure> {
    let azure = &session.azure;
    let secrets = Secrets::new(std::env::vars_os());
    // A plan confirmed at the terminal is made and judged again after the answer.
    let again = (!args.yes).then(|| asked.clone());
    let mut decision = flow::decide(azure, asked, wish).await?;
    decision.look_for(&secrets);
    show_decision(options, &decision)?;
    if decision.is_refused() {
        return Ok(refusal(&decision));
    }
    if decision.plan.steps.is_empty() {
        return Ok(if decision.has_errors() { Exit::Failure } else { Exit::Success });
    }
    if decision.whole && !options.quiet {
        output::aside(&text::writes(&decision.plan));
    }
    let what = match decision.plan.summary.pending() {
        1 => "this change".to_owned(),
        pending => format!("these {pending} changes"),
    };
    let question = format!("Apply {what}?");
    confirm::confirm(args.yes, &decision.plan.target, &question, &azure.interrupt).await?;
    let mut news = Vec::new();
    if let Some(asked) = again {
        let shown = decision.plan;
        decision = flow::decide_again(azure, asked, wish, &shown).await?;
        if decision.is_refused() {
            output::aside("Azure changed while waiting for confirmation:\n");
            show(options, &decision.plan)?;
            return Ok(refusal(&decision));
        }
        let is_new = |finding: &&FindingEntry| !shown.findings.contains(finding);
        news = decision.plan.findings.iter().filter(is_new).cloned().collect();
    }
    let gate = if args.verify { Some(args.how.gate(options, session, &decision.plan).await?) } else { None };
    let report = flow::execute(azure, &decision, &secrets, gate, news).await;
    let told = Document::Report(&report, &decision.plan).write(options);
    told.map_err(|failure| {
        failure.with_azure("the plan had already been applied: `keyless plan` shows what is left")
    })?;
    let is_done = succeeded(&report) && !decision.has_errors();
    let is_retired = |change: &PlannedChange| {
        let retired = |stack| args.retirement.retire.contains(stack);
        change.action == Action::Delete && change.stack.as_ref().is_some_and(retired)
    };
    if is_done && !options.quiet && decision.plan.changes.iter().any(is_retired) {
        let is_rest =
            |finding: &FindingEntry| finding.code == Code::NotOurs && finding.severity == Severity::Warning;
        let has_rest = decision.plan.findings.iter().any(is_rest);
        output::note(if has_rest {
            "Remove the specs of the retired stacks now: applying them would create everything again. Something that they declare stays: see `not-ours` above.\n"
        } else {
            "Remove the specs of the retired stacks now: applying them would create everything again.\n"
        });
    }
    Ok(if is_done { Exit::Success } else { Exit::Failure })
}

/// Shows the plan: in the format asked for if the run ends here, else as text only, because the report follows.
fn show_decision(options: &Options, decision: &Decision) -> Result<(), Failure> {
    let plan = &decision.plan;
    let whole = plan.steps.is_empty() || decision.is_refused();
    if !whole {
        Document::Plan(plan).annotate(options);
    }
    let shown = if whole {
        show(options, plan)
    } else if options.format == Format::Human {
        output::result(&text::plan_to_apply(plan, output::page(options)))
    } else {
        Ok(())
    };
    // If the plan could not be shown, nothing is written.
    shown.map_err(|failure| failure.with_azure("nothing was written to Azure"))?;
    if !options.quiet {
        output::aside(&text::left_out(&decision.hearsay));
    }
    Ok(())
}

/// Ends a run whose plan was refused.
fn refusal(decision: &Decision) -> Exit {
    if decision.has_errors() {
        output::aside("nothing was written: fix the errors above, then apply again\n");
        return Exit::Failure;
    }
    output::aside("refused by a guard: nothing was written\n");
    Exit::Refused
}

fn succeeded(report: &Report) -> bool {
    report.summary.failed == 0 && report.summary.skipped == 0
}

//! `keyless apply`: plans or takes a saved plan, shows, asks, writes, reports.

use std::path::PathBuf;
use std::sync::Arc;

use super::Exit;
use super::confirm;
use super::document::Document;
use super::options::{Format, Options};
use super::output::{self, Failure};
use super::pins;
use super::plan::show;
use super::review::same_target;
use super::rotation::Rotation;
use super::session::{Checked, Lifts, Purpose, Session, block_on, check_beside, refuse};
use super::show::load;
use super::verify::How;
use crate::apply::{Secrets, apply};
use crate::arm::Phase;
use crate::checks;
use crate::document::report::Report;
use crate::document::{FindingEntry, Plan};
use crate::finding::{Code, Severity};
use crate::plan::saved::{self, Hearsay};
use crate::render::text;
use crate::text::sanitize::sanitize;

/// Arguments of `apply`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A saved plan (a `.json` file), then spec files, folders of them, or `-`; with both, only what both say is written
    #[arg(value_name = "[PLAN] [SPEC]...", default_value = "specs")]
    paths: Vec<PathBuf>,
    /// Write without asking
    #[arg(long)]
    yes: bool,
    /// Before keys go off, see models and projects answer a token; afterwards, see keys refused
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    lifts: Lifts,
    #[command(flatten)]
    rotation: Rotation,
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    let is_plan = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "json");
    let (plan, specs) = args.paths.split_at(usize::from(args.paths.first().as_ref().is_some_and(is_plan)));
    // Read before anything fails: a report must take the place of an old one, and of nothing that the run reads.
    let checked = (!specs.is_empty()).then(|| check_beside(options, specs, plan));
    options.look_at_reports(plan);
    let saved = plan.first().map(|path| load(path)).transpose()?;
    if let Some(plan) = &saved {
        pins::stacks(&options.stack, plan)?;
    }
    if specs.is_empty() && !args.rotation.rotate.is_empty() {
        return Err(Failure::new("a saved plan says itself which secrets it sends")
            .hint("give `--rotate` to the `keyless plan` that makes it"));
    }
    if let Some(checked) = checked.as_ref().filter(|checked| checked.has_errors()) {
        return refuse(options, checked);
    }
    confirm::possible(args.yes, "look at `keyless plan`", "apply")?;
    block_on(async {
        let session = Session::connect(options).await?;
        let exit = carry_out(options, args, &session, saved, checked).await;
        session.close().await;
        exit
    })
}

/// The plan to carry out: of specs, or a saved one judged anew on fresh state.
async fn decide(
    options: &Options,
    args: &Args,
    session: &Session,
    saved: Option<Plan>,
    checked: Option<Checked>,
) -> Result<(Plan, Hearsay), Failure> {
    let fresh = match checked {
        Some(checked) => {
            let allowed = &args.lifts.allow;
            Some(session.plan(options, checked, allowed, &args.rotation, Purpose::Apply).await?)
        }
        None => None,
    };
    match (saved, fresh) {
        (None, Some(fresh)) => Ok((fresh, Hearsay::default())),
        (Some(saved), None) => session.review(options, saved, &args.lifts.allow).await,
        // What runs is what the specs ask for now; the file only says what was approved.
        (Some(saved), Some(mut fresh)) => {
            same_target(&saved, &session.target)?;
            fresh.findings.extend(saved::differing(&saved, &fresh));
            Ok((fresh, Hearsay::default()))
        }
        (None, None) => Err(Failure::new("neither a plan nor a spec was given")),
    }
}

async fn carry_out(
    options: &Options,
    args: &Args,
    session: &Session,
    saved: Option<Plan>,
    checked: Option<Checked>,
) -> Result<Exit, Failure> {
    let whole = saved.is_some();
    // What is approved at the terminal is judged a second time.
    let again = (!args.yes).then(|| (saved.clone(), checked.clone()));
    let (mut plan, mut hearsay) = decide(options, args, session, saved, checked).await?;
    let secrets = Secrets::new(std::env::vars_os());
    let missing = secrets.missing(&plan);
    let lacking = !missing.is_empty();
    plan.findings.extend(missing);
    plan.findings.sort();
    let nothing = plan.steps.is_empty();
    let refused = is_refused(&plan, whole) || lacking;
    let shown = if nothing || refused {
        show(options, &plan).map(drop)
    } else if options.format == Format::Human {
        output::result(&text::plan(&plan, options.is_verbose()))
    } else {
        Ok(())
    };
    // What nobody could see is not written.
    shown.map_err(|failure| failure.with_azure("nothing was written to Azure"))?;
    if !options.quiet {
        output::aside(&text::left_out(&hearsay));
    }
    let errors = plan.has_errors() || hearsay.errors;
    if refused {
        return Ok(refusal(errors));
    }
    if nothing {
        return Ok(if errors { Exit::Failure } else { Exit::Success });
    }
    if whole && !options.quiet {
        output::aside(&text::writes(&plan));
    }
    let question = format!("Write this to {}?", sanitize(&plan.target.place()));
    confirm::confirm(args.yes, &question, &session.interrupt).await?;
    let mut news = Vec::new();
    if let Some((saved, checked)) = again {
        let shown = plan;
        (plan, hearsay) = decide(options, args, session, saved, checked).await?;
        plan.findings.extend(overtaken(&shown, &plan));
        plan.findings.sort();
        if is_refused(&plan, whole) {
            output::aside("Azure changed while the question stood:\n");
            show(options, &plan)?;
            return Ok(refusal(plan.has_errors() || hearsay.errors));
        }
        news = plan.findings.iter().filter(|finding| !shown.findings.contains(finding)).cloned().collect();
    }
    let rest = if plan.has_errors() || hearsay.errors { Exit::Failure } else { Exit::Success };
    let gate = if args.verify { Some(Arc::new(args.how.gate(options, session, &plan).await?)) } else { None };
    session.interrupt.enter(Phase::Writing);
    let mut report =
        apply(&plan, &session.client, &secrets, &session.interrupt, &*session.spinner, gate).await;
    session.interrupt.enter(Phase::Telling);
    session.spinner.clear();
    // What the plan did not say yet when it was approved.
    report.findings.splice(0..0, news);
    let told = Document::Report(&report).write(options);
    told.map_err(|failure| {
        failure.with_azure("the plan was carried out before that: `keyless plan` shows what is left")
    })?;
    Ok(if succeeded(&report) { rest } else { Exit::Failure })
}

/// In what a plan differs by now from the one that was shown and approved.
fn overtaken(shown: &Plan, now: &Plan) -> Vec<FindingEntry> {
    let hint = "run `keyless apply` again: it shows the plan as it is now";
    let told = saved::differing(shown, now).into_iter();
    told.map(|finding| FindingEntry { hint: Some(hint.to_owned()), ..finding }).collect()
}

/// Whether nothing of a plan may be written.
fn is_refused(plan: &Plan, whole: bool) -> bool {
    // `--within` forbids part of the plan: then nothing of it is written.
    plan.is_refused() || plan.findings.iter().any(pins::is_outside) || is_hopeless(plan, whole)
}

/// The end of a run that may not write.
fn refusal(errors: bool) -> Exit {
    output::aside("refused: nothing was written\n");
    if errors { Exit::Failure } else { Exit::Refused }
}

/// Whether the caller is of another tenant or may not do what the plan would, or part of a plan cannot succeed that is carried out whole or
/// not at all.
fn is_hopeless(plan: &Plan, whole: bool) -> bool {
    plan.findings.iter().any(|finding| {
        let forbidden = finding.code == Code::MissingPermission.as_str();
        let foreign = finding.code == Code::ForeignMark.as_str();
        let elsewhere = finding.code == Code::TenantMismatch.as_str();
        finding.severity == Severity::Error
            && (forbidden || elsewhere || (whole && (foreign || checks::is_verdict(finding))))
    })
}

fn succeeded(report: &Report) -> bool {
    report.summary.failed == 0 && report.summary.skipped == 0
}

//! `keyless apply`: plans, shows, asks, writes, reports.

use std::io::{self, BufRead, IsTerminal};

use super::Exit;
use super::options::{Format, Options};
use super::output::{self, Failure};
use super::plan::show;
use super::session::{Lifts, Session, Specs, block_on, check, refuse};
use crate::apply::apply;
use crate::plan::document::Plan;
use crate::render::text;
use crate::report::Report;

/// Arguments of `apply`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    specs: Specs,
    /// Write without asking
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    lifts: Lifts,
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    let checked = check(options, &args.specs.specs);
    if checked.has_errors() {
        return refuse(options, &checked);
    }
    if !args.yes && !io::stdin().is_terminal() {
        return Err(Failure::new("nobody is there to confirm")
            .hint("look at `keyless plan`, then run `keyless apply --yes`"));
    }
    block_on(async {
        let session = Session::connect(options).await?;
        let exit = carry_out(options, args, &session, checked).await;
        session.close().await;
        exit
    })
}

async fn carry_out(
    options: &Options,
    args: &Args,
    session: &Session,
    checked: super::session::Checked,
) -> Result<Exit, Failure> {
    let plan = session.plan(options, checked, &args.lifts.allow).await?;
    let nothing = plan.steps.is_empty();
    if options.format == Format::Human || nothing {
        show(options, &plan)?;
    }
    let rest = if plan.has_errors() { Exit::Failure } else { Exit::Success };
    if nothing {
        return Ok(rest);
    }
    if plan.is_refused() {
        output::aside("refused: nothing was written; each guard says above which flag lets it pass\n");
        return Ok(if plan.has_errors() { Exit::Failure } else { Exit::Refused });
    }
    if pinned(&plan) {
        return Err(Failure::new("the plan changes what this run is pinned not to; nothing was written"));
    }
    if !args.yes && !confirmed(&plan)? {
        return Err(Failure::new("not confirmed; nothing was written"));
    }
    let report = apply(&plan, &session.client, &session.interrupt, &*session.spinner).await;
    session.spinner.clear();
    match options.format {
        Format::Human => output::result(&text::report(&report))?,
        Format::Json => output::json(&report)?,
    }
    Ok(if succeeded(&report) { rest } else { Exit::Failure })
}

/// Whether `--within` or `--stack` forbids part of the plan: then nothing of it is written.
fn pinned(plan: &Plan) -> bool {
    plan.findings.iter().any(|finding| finding.code == crate::finding::Code::OutsideWithin.as_str())
}

fn succeeded(report: &Report) -> bool {
    report.summary.failed == 0 && report.summary.skipped == 0
}

/// Asks on the terminal.
fn confirmed(plan: &Plan) -> Result<bool, Failure> {
    output::aside(&format!("Write this to {}? Only `yes` is taken as yes: ", plan.target.place()));
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::new("failed to read the answer").cause(error))?;
    Ok(answer.trim() == "yes")
}

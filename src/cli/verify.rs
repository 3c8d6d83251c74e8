//! `keyless verify`: proof by calling, per account and deployment.

use std::time::Duration;

use super::Exit;
use super::document::Document;
use super::options::Options;
use super::output::Failure;
use super::session::{Checked, Session, Specs, block_on, check, refuse};
use crate::arm::Interrupt;
use crate::verify::gate::Gate;
use crate::verify::{Run, Waiting, findings, queries, run as verify, subjects};

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    specs: Specs,
    /// Let pass what could not be found out; what is disproven still fails
    #[arg(long)]
    allow_inconclusive: bool,
    #[command(flatten)]
    how: How,
}

/// How models are called.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct How {
    /// Call models with another credential, so that the run's own identity needs no data role
    #[arg(long, value_name = "HOW", env = "KEYLESS_VERIFY_CREDENTIAL", hide_env = true)]
    pub verify_credential: Option<crate::auth::Kind>,
    /// How long to wait for what was just granted or made
    #[arg(long, value_name = "SECONDS", env = "KEYLESS_VERIFY_WAIT", hide_env = true, default_value_t = 300)]
    verify_wait: u16,
}

impl How {
    fn limit(&self) -> Duration {
        Duration::from_secs(u64::from(self.verify_wait))
    }

    /// What looks before and after keys go off.
    pub(super) async fn gate(&self, options: &Options, session: &Session) -> Result<Gate, Failure> {
        let (caller, place) = session.data_plane(options, self).await?;
        Ok(Gate {
            caller,
            place,
            limit: self.limit(),
            interrupt: session.interrupt.clone(),
            waiting: told(session),
        })
    }
}

/// Waits as progress.
fn told(session: &Session) -> Box<Waiting> {
    let spinner = session.spinner.clone();
    Box::new(move |title, verdict, elapsed| spinner.waiting(title, verdict, elapsed))
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    let checked = check(options, &args.specs.specs);
    if checked.has_errors() {
        return refuse(options, &checked);
    }
    block_on(async {
        let session = Session::connect(options).await?;
        let exit = tell(options, args, &session, checked).await;
        session.close().await;
        exit
    })
}

async fn tell(
    options: &Options,
    args: &Args,
    session: &Session,
    mut checked: Checked,
) -> Result<Exit, Failure> {
    let (caller, place) = session.data_plane(options, &args.how).await?;
    let (snapshot, standing) = session.look(&mut checked, queries).await?;
    let (subjects, unread) = subjects(&checked.stacks, &standing, &snapshot, &place);
    checked.findings.extend(unread);
    session.spinner.say("calling models");
    let interrupt: &Interrupt = &session.interrupt;
    let how = Run {
        caller: &caller,
        limit: args.how.limit(),
        interrupt,
        parallelism: usize::from(options.parallelism),
        waiting: &*told(session),
    };
    let verification = verify(&subjects, &how, Some(&checked.sources)).await;
    session.spinner.clear();
    let found = findings(&verification, args.allow_inconclusive);
    let mut document = session.state(verification, &checked);
    document.findings.extend(found);
    document.findings.sort();
    Document::Statement(&document).write(options)?;
    Ok(if document.has_errors() { Exit::Failure } else { Exit::Success })
}

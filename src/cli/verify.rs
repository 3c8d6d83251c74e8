//! `keyless verify`: calls every account, deployment and project to prove that tokens work and keys do not.

use std::time::Duration;

use super::Exit;
use super::document::Document;
use super::options::Options;
use super::output::{self, Failure};
use super::session::{Session, Specs, over_specs};
use crate::arm::Interrupt;
use crate::arm::auth::cloud::Cloud;
use crate::arm::auth::{Credential, Environment, Secret, Settings};
use crate::document::Plan;
use crate::flow::{Checked, Halt};
use crate::verify::call::Prober;
use crate::verify::gate::Gate;
use crate::verify::probe::DataPlane;
use crate::verify::recent::Looking;
use crate::verify::{Run, Waiting, findings, queries, run as verify, subjects};

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    specs: Specs,
    #[command(flatten)]
    how: How,
}

/// How models are called.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct How {
    /// Succeed even if a check is inconclusive; a disproven one still fails
    #[arg(long)]
    allow_inconclusive: bool,
    /// Call models with this credential, so that the run's own identity needs no data role
    #[arg(long, value_name = "HOW", env = "KEYLESS_VERIFY_CREDENTIAL", hide_env_values = true)]
    pub verify_credential: Option<crate::arm::auth::CredentialKind>,
    /// How long to wait for new role assignments and resources to take effect
    #[arg(
        long,
        value_name = "SECONDS",
        env = "KEYLESS_VERIFY_WAIT",
        hide_env_values = true,
        default_value_t = 300
    )]
    verify_wait: u16,
}

impl How {
    fn limit(&self) -> Duration {
        Duration::from_secs(u64::from(self.verify_wait))
    }

    /// The checks before and after an account's keys go off.
    pub(super) async fn gate(
        &self,
        options: &Options,
        session: &Session,
        plan: &Plan,
    ) -> Result<Gate, Failure> {
        let (caller, place) = data_plane(options, session, self).await?;
        Ok(Gate {
            caller,
            place,
            wanted: Gate::wanted(plan),
            limit: self.limit(),
            lenient: self.allow_inconclusive,
            interrupt: session.azure.interrupt.clone(),
            waiting: waiting(session),
        })
    }
}

/// The token in an environment variable, if it is set.
fn handed_in(variable: &str) -> Option<Credential> {
    let token = std::env::var(variable).ok().filter(|token| !token.is_empty())?;
    Some(Credential::fixed(Secret::new(token)))
}

/// Who calls models, and where: at the hosts of the cloud, or below the one address of a sandbox.
async fn data_plane(options: &Options, session: &Session, how: &How) -> Result<(Prober, DataPlane), Failure> {
    let endpoint = session.azure.client.endpoint();
    let (credential, cloud, place) = match (endpoint.cloud(), how.verify_credential) {
        (Some(cloud), None) => (session.azure.credential.clone(), cloud, DataPlane::Cloud(cloud)),
        (Some(cloud), Some(kind)) => {
            let settings = Settings::new(cloud, Environment::process());
            let credential = Credential::sign_in(kind, &settings).await;
            (credential.map_err(Halt::NotSignedIn)?, cloud, DataPlane::Cloud(cloud))
        }
        (None, Some(_)) => {
            return Err(Failure::new("`--verify-credential` works with Azure's own clouds only")
                .hint("for another endpoint, set KEYLESS_VERIFY_TOKEN"));
        }
        (None, None) => {
            let credential =
                handed_in("KEYLESS_VERIFY_TOKEN").unwrap_or_else(|| session.azure.credential.clone());
            (credential, Cloud::Public, DataPlane::Beside(endpoint.base().clone()))
        }
    };
    if !options.quiet && how.verify_credential.is_some() {
        output::aside(&format!("calling models with {}: {}\n", credential.name(), credential.why()));
    }
    // A token from a variable is for one audience, and projects need another.
    let beside = endpoint.cloud().is_none();
    let project = handed_in("KEYLESS_VERIFY_PROJECT_TOKEN").filter(|_| beside);
    let project = project.unwrap_or_else(|| credential.clone());
    let caller = Prober::new(credential, project, cloud, endpoint.is_loopback())
        .map_err(|error| Failure::new("failed to set up the connection").cause(error))?;
    Ok((caller, place))
}

/// Shows waits as progress.
fn waiting(session: &Session) -> Box<Waiting> {
    let spinner = session.spinner.clone();
    Box::new(move |title, verdict, elapsed| spinner.waiting(title, verdict, elapsed))
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    over_specs(options, &args.specs, async |session, checked| show(options, args, session, checked).await)
}

async fn show(
    options: &Options,
    args: &Args,
    session: &Session,
    mut checked: Checked,
) -> Result<Exit, Failure> {
    let (caller, place) = data_plane(options, session, &args.how).await?;
    let (snapshot, standing) = session.azure.look(&mut checked, queries).await?;
    let looking = Looking { caller: caller.object_id().await, now: jiff::Timestamp::now() };
    let (subjects, unread) = subjects(&checked.stacks, &standing, &snapshot, &place, &looking);
    checked.findings.extend(unread);
    session.spinner.say("calling models");
    let interrupt: &Interrupt = &session.azure.interrupt;
    let how = Run {
        caller: &caller,
        limit: args.how.limit(),
        interrupt,
        parallelism: usize::from(options.parallelism),
        waiting: &*waiting(session),
        place: &place,
    };
    let verification = verify(&subjects, &how, Some(&checked.sources)).await;
    session.spinner.clear();
    let found = findings(&verification, args.how.allow_inconclusive);
    let mut document = session.azure.state(verification, &checked);
    document.findings.extend(found);
    document.findings.sort();
    Document::Statement(&document).write(options)?;
    Ok(if document.has_errors() { Exit::Failure } else { Exit::Success })
}

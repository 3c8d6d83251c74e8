//! What all commands that talk to Azure share: the connection that the options select, and the exit code of a plan.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Exit;
use super::options::Options;
use super::output::{self, Failure};
use super::progress::Spinner;
use super::signals;
pub(super) use super::specs::{Specs, check, check_beside, read_specs, refuse};
use super::variables::refuse_unusable_variables;
use crate::arm::auth::cloud::{Cloud, Endpoint};
use crate::arm::auth::{Credential, Environment, Secret, Settings};
use crate::arm::{self, Client, Interrupt, Phase};
use crate::document::{Plan, Target, TargetKind};
use crate::flow::{Azure, Checked, Halt};
use crate::text;
use crate::text::redact::redact;

/// A run with a connection.
pub(super) struct Session {
    pub azure: Azure,
    /// Shows progress.
    pub spinner: Arc<Spinner>,
    #[cfg(feature = "sandbox")]
    sandbox: Option<crate::sandbox::Sandbox>,
}

/// Where requests go, and with which credential.
struct Destination {
    endpoint: Endpoint,
    graph: Endpoint,
    credential: Credential,
    #[cfg(feature = "sandbox")]
    sandbox: Option<crate::sandbox::Sandbox>,
}

impl Destination {
    /// A place that serves Graph as well as ARM: the real Graph must never get a token that the user provided for an endpoint.
    fn own(endpoint: Endpoint, credential: Credential) -> Self {
        Self {
            graph: endpoint.clone(),
            endpoint,
            credential,
            #[cfg(feature = "sandbox")]
            sandbox: None,
        }
    }

    /// A sandbox inside this process.
    #[cfg(feature = "sandbox")]
    async fn sandbox(state: &Path) -> Result<Self, Failure> {
        let sandbox = start_sandbox(state).await?;
        let endpoint = Endpoint::custom(sandbox.url()).map_err(|error| Failure::new(error.to_string()))?;
        let place = Self::own(endpoint, Credential::fixed(Secret::new("sandbox")));
        Ok(Self { sandbox: Some(sandbox), ..place })
    }

    #[cfg(not(feature = "sandbox"))]
    async fn sandbox(_: &Path) -> Result<Self, Failure> {
        Err(Failure::new("this build of keyless does not include the sandbox"))
    }

    /// An endpoint given by hand.
    fn custom(url: &str) -> Result<Self, Failure> {
        let endpoint = Endpoint::custom(url).map_err(|error| {
            Failure::new(format!("invalid `--arm-endpoint {}`", redact(url))).cause(error)
        })?;
        let token = std::env::var("KEYLESS_TOKEN").ok().filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| {
            Failure::new("no token for the endpoint").hint("set KEYLESS_TOKEN; a sandbox accepts any token")
        })?;
        let credential =
            Credential::from_variable(Secret::new(token), &endpoint).map_err(Halt::NotSignedIn)?;
        Ok(Self::own(endpoint, credential))
    }

    /// One of Azure's clouds.
    async fn cloud(options: &Options, interrupt: &Interrupt) -> Result<Self, Failure> {
        let cloud = Cloud::from(options.cloud);
        let credential = tokio::select! {
            biased;
            () = interrupt.triggered() => return Err(Failure::interrupted("while signing in")),
            credential = sign_in(options, cloud) => credential?,
        };
        Ok(Self { graph: Endpoint::graph(cloud), ..Self::own(Endpoint::arm(cloud), credential) })
    }
}

impl Session {
    /// Connects to the target that the options select.
    pub(super) async fn connect(options: &Options) -> Result<Self, Failure> {
        options.reports_ready()?;
        refuse_unusable_variables(options)?;
        let interrupt = options.interrupt.clone();
        signals::listen(&interrupt, Duration::from_secs(u64::from(options.grace)))?;
        let spinner = Arc::new(Spinner::new(options.quiet, options.is_verbose()));
        let place = match (&options.sandbox, &options.arm_endpoint) {
            (Some(state), _) => Destination::sandbox(state).await?,
            (None, Some(url)) => Destination::custom(url)?,
            (None, None) => Destination::cloud(options, &interrupt).await?,
        };
        let client_options = arm::ClientSettings {
            parallelism: usize::from(options.parallelism),
            interrupt: interrupt.clone(),
            ..arm::ClientSettings::default()
        };
        let unconnected = |error| Failure::new("failed to set up the connection").cause(error);
        let client = Client::new(place.endpoint, place.credential.clone(), client_options, spinner.clone())
            .map_err(unconnected)?;
        let azure = Azure {
            graph: client.beside(place.graph).map_err(unconnected)?,
            client,
            credential: place.credential,
            interrupt,
            target: target_of(options),
            interactive: io::stdin().is_terminal(),
            progress: spinner.clone(),
            pace: crate::read::Pace::default(),
        };
        Ok(Self {
            azure,
            spinner,
            #[cfg(feature = "sandbox")]
            sandbox: place.sandbox,
        })
    }

    /// Which credential was chosen, and why.
    pub(super) fn credential(&self) -> (&'static str, &str) {
        (self.azure.credential.name(), self.azure.credential.why())
    }

    /// Ends what the session started.
    pub(super) async fn close(self) {
        self.spinner.clear();
        #[cfg(feature = "sandbox")]
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
        // Only printing is left; a reader that does not read must not keep the process alive.
        self.azure.interrupt.enter(Phase::Telling);
    }
}

/// Where a run goes.
pub(super) fn target_of(options: &Options) -> Target {
    let (kind, cloud, endpoint) = match (&options.sandbox, &options.arm_endpoint) {
        (Some(_), _) => (TargetKind::Sandbox, None, None),
        (None, Some(url)) => {
            let base = Endpoint::custom(url).map(|endpoint| endpoint.base().to_string());
            (TargetKind::Custom, None, base.ok())
        }
        (None, None) => {
            (TargetKind::Azure, Some(Cloud::from(options.cloud).addresses().name.to_owned()), None)
        }
    };
    Target { kind, cloud, endpoint }
}

/// Signs in to one of Azure's clouds, and says how.
async fn sign_in(options: &Options, cloud: Cloud) -> Result<Credential, Failure> {
    let settings = Settings::new(cloud, Environment::process());
    let credential = Credential::sign_in(options.credential, &settings).await.map_err(Halt::NotSignedIn)?;
    if !options.quiet {
        output::aside(&format!("signing in with {}: {}\n", credential.name(), credential.why()));
    }
    Ok(credential)
}

#[cfg(feature = "sandbox")]
async fn start_sandbox(state: &Path) -> Result<crate::sandbox::Sandbox, Failure> {
    let options =
        crate::sandbox::Options { state: Some(state.to_path_buf()), ..crate::sandbox::Options::default() };
    crate::sandbox::Sandbox::start(options)
        .await
        .map_err(|error| Failure::new("failed to start the sandbox").cause(chain(&error)))
}

/// An error with its sources: the sandbox's errors say what failed, and their sources why.
#[cfg(feature = "sandbox")]
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    text::causes(error).fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Runs a command that talks to Azure.
pub(super) fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new("failed to start the runtime").cause(error))?
        .block_on(future)
}

/// Checks specs, connects, and runs a command's work with them.
pub(super) fn over_specs(
    options: &Options,
    specs: &Specs,
    work: impl AsyncFnOnce(&Session, Checked) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    let checked = check(options, &specs.specs);
    if checked.has_errors() {
        return refuse(options, &checked);
    }
    block_on(async {
        let session = Session::connect(options).await?;
        let exit = work(&session, checked).await;
        session.close().await;
        exit
    })
}

/// The exit code of a plan; `pending` is the one for changes to make. Undeclared resources count only in [`exit_of_drift`], since `apply`
/// does nothing about them.
pub(super) fn exit_of(plan: &Plan, pending: Exit) -> Exit {
    if plan.has_errors() {
        return Exit::Failure;
    }
    if plan.is_refused() {
        return Exit::Refused;
    }
    if plan.summary.pending() > 0 { pending } else { Exit::Success }
}

/// The exit code of `drift`.
pub(super) fn exit_of_drift(plan: &Plan) -> Exit {
    // What could not be read may differ.
    if plan.summary.unmanaged_unknown > 0 || !plan.incomplete.is_empty() {
        return Exit::Failure;
    }
    match exit_of(plan, Exit::Pending) {
        Exit::Success if plan.summary.unmanaged_drift + plan.drifted() > 0 => Exit::Pending,
        exit => exit,
    }
}

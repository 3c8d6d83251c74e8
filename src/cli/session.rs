//! What commands share that talk to Azure: the connection, and specs in, a plan out.

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::Offset;

use super::Exit;
use super::clean::{clean, refuse_unusable_variables};
use super::options::Options;
use super::output::{self, Failure};
use super::pins;
use super::progress::Spinner;
use super::rotation::Rotation;
use super::signals;
pub(super) use super::specs::{Checked, Specs, check, check_beside, read_specs, refuse};
use crate::accounts::{self, Standing};
use crate::arm::{self, Client, Interrupt, Phase};
use crate::auth::{AuthError, Claims, Credential, Environment, Secret, Settings};
use crate::cloud::{Cloud, Endpoint};
use crate::diff::diff;
use crate::document::{Plan, Requests, Statement, Target, TargetKind};
use crate::drift::Inquiry;
use crate::finding::{Code, Finding, Open, Severity};
use crate::guards::{self, Allow};
use crate::id::ResourceId;
use crate::kinds::Kind as _;
use crate::kinds::account::Accounts;
use crate::kinds::desired::{desired, resolved};
use crate::kinds::missing;
use crate::kinds::role_assignment::{principal_queries, principals_of};
use crate::plan::predict::World;
use crate::read::{ask_all, ask_log, read_by};
use crate::snapshot::{Caller, Query, Snapshot};
use crate::spec::Loaded;
use crate::spec::lock::Lock;
use crate::text::redact::redact;
use crate::{access, checks};

/// How long `drift` waits for the activity log: Azure may ask to come back much later.
const PATIENCE: Duration = Duration::from_mins(1);

/// Which guards are lifted.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Lifts {
    // Made from the rules themselves, so that none is left out.
    #[arg(long, value_name = "RULE[:ADDRESS]", help = guards::allow_help())]
    pub(super) allow: Vec<Allow>,
}

/// What a plan is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be looked at.
    Plan,
    /// To be carried out at once.
    Apply,
    /// To show what differs.
    Drift,
}

/// A run that has a connection.
pub(super) struct Session {
    /// Sends requests.
    pub client: Client,
    /// Asks Microsoft Graph.
    pub graph: Client,
    /// Who the run is.
    pub credential: Credential,
    /// Ends waits on Ctrl-C.
    pub interrupt: Interrupt,
    /// Where requests go.
    pub target: Target,
    /// Shows what goes on.
    pub spinner: Arc<Spinner>,
    #[cfg(feature = "sandbox")]
    sandbox: Option<crate::sandbox::Sandbox>,
}

impl Session {
    /// Connects to what the options name.
    pub(super) async fn connect(options: &Options) -> Result<Self, Failure> {
        options.reports_ready()?;
        // Twice in one process is harmless: the first provider stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        refuse_unusable_variables(options)?;
        let interrupt = Interrupt::default();
        signals::listen(&interrupt, Duration::from_secs(u64::from(options.grace)))?;
        let spinner = Arc::new(Spinner::new(options.quiet));
        #[cfg(feature = "sandbox")]
        let mut sandbox = None;
        let target = target_of(options);
        let (endpoint, graph, credential) = if let Some(state) = &options.sandbox {
            #[cfg(not(feature = "sandbox"))]
            {
                let _ = state;
                return Err(Failure::new("this keyless was built without its sandbox"));
            }
            #[cfg(feature = "sandbox")]
            {
                let server = start_sandbox(state).await?;
                let endpoint =
                    Endpoint::custom(server.url()).map_err(|error| Failure::new(error.to_string()))?;
                sandbox = Some(server);
                (endpoint.clone(), endpoint, Credential::fixed(Secret::new("sandbox")))
            }
        } else if let Some(url) = &options.arm_endpoint {
            let endpoint = Endpoint::custom(url).map_err(|error| {
                Failure::new(format!("`--arm-endpoint {}` cannot be used", redact(url))).cause(error)
            })?;
            let token = std::env::var("KEYLESS_TOKEN").map_err(|_| {
                Failure::new("no token for the endpoint")
                    .hint("put one into KEYLESS_TOKEN; a sandbox takes any")
            })?;
            let credential = Credential::from_variable(Secret::new(token), &endpoint)
                .map_err(|error| not_signed_in(&error))?;
            // Graph stands beside ARM there; the real one never gets a token that was handed in.
            (endpoint.clone(), endpoint, credential)
        } else {
            let cloud = Cloud::from(options.cloud);
            let credential = tokio::select! {
                biased;
                () = interrupt.triggered() => return Err(Failure::interrupted("while signing in")),
                credential = sign_in(options, cloud) => credential?,
            };
            (Endpoint::arm(cloud), Endpoint::graph(cloud), credential)
        };
        let client_options = arm::Options {
            parallelism: usize::from(options.parallelism),
            interrupt: interrupt.clone(),
            ..arm::Options::default()
        };
        let client = Client::new(endpoint, credential.clone(), client_options, spinner.clone())
            .map_err(|error| Failure::new("failed to set up the connection").cause(error))?;
        let graph = client
            .beside(graph)
            .map_err(|error| Failure::new("failed to set up the connection").cause(error))?;
        Ok(Self {
            client,
            graph,
            credential,
            interrupt,
            target,
            spinner,
            #[cfg(feature = "sandbox")]
            sandbox,
        })
    }

    /// Which credential was taken, and why.
    pub(super) fn credential(&self) -> (&'static str, &str) {
        (self.credential.name(), self.credential.why())
    }

    /// Who the caller is, as its token says. Fails where no token can be had, before anything else is asked.
    pub(super) async fn claims(&self) -> Result<Claims, Failure> {
        let token = tokio::select! {
            biased;
            () = self.interrupt.triggered() => return Err(Failure::interrupted("while signing in")),
            token = self.credential.token(self.client.endpoint().scope()) => token,
        };
        token.map(|token| Claims::of(&token)).map_err(|error| not_signed_in(&error))
    }

    /// Reads what `wanted` wants to know, as `read_by` does, and says who asked.
    pub(super) async fn read(
        &self,
        wanted: &(dyn Fn(&Snapshot) -> Vec<Query> + Sync),
    ) -> Result<(Snapshot, Claims), Failure> {
        let claims = self.claims().await?;
        self.spinner.say("reading Azure");
        let caller = Caller {
            id: claims.oid,
            application: claims.is_application(),
            interactive: io::stdin().is_terminal(),
        };
        let mut snapshot = read_by(wanted, caller, &self.client, &self.graph).await;
        snapshot.today = Some(Offset::UTC.to_datetime(Timestamp::now()).date());
        self.spinner.clear();
        self.unless_interrupted()?;
        Ok((snapshot, claims))
    }

    /// Fails after a signal: what was read then is not all there is.
    pub(super) fn unless_interrupted(&self) -> Result<(), Failure> {
        if self.interrupt.is_triggered() { Err(Failure::interrupted("while reading")) } else { Ok(()) }
    }

    /// Reads what a command wants to know of these specs; what there is to say about that goes among their findings.
    pub(super) async fn look(
        &self,
        checked: &mut Checked,
        wanted: fn(&[Loaded], &Snapshot) -> Vec<Query>,
    ) -> Result<(Snapshot, Vec<Standing>), Failure> {
        let open = |snapshot: &Snapshot| {
            let stacks = &checked.stacks;
            [wanted(stacks, snapshot), accounts::about_absent(stacks, snapshot)].concat()
        };
        let (snapshot, claims) = self.read(&open).await?;
        checked.findings.extend(foreign_tenants(&checked.stacks, &claims));
        let (standing, findings) = accounts::declared(&checked.stacks, &snapshot);
        checked.findings.extend(findings);
        Ok((snapshot, standing))
    }

    /// The declared accounts as they stand.
    pub(super) async fn accounts(&self, checked: &mut Checked) -> Result<Vec<Standing>, Failure> {
        let accounts = |stacks: &[Loaded], snapshot: &Snapshot| Accounts.queries(stacks, snapshot);
        self.look(checked, accounts).await.map(|(_, standing)| standing)
    }

    /// All accounts of a subscription, with everything there is to say about that.
    pub(super) async fn listed(
        &self,
        subscription: &ResourceId,
    ) -> Result<(Vec<Standing>, Vec<Finding>), Failure> {
        let (snapshot, _) = self.read(&|_| vec![accounts::list(subscription)]).await?;
        Ok(accounts::listed(subscription, &snapshot))
    }

    /// A document of this run.
    pub(super) fn state<T>(&self, about: T, checked: &Checked) -> Statement<T> {
        Statement::new(about, checked.entries(), self.target.clone(), self.requests())
    }

    /// Reads Azure and plans.
    pub(super) async fn plan(
        &self,
        options: &Options,
        checked: Checked,
        allowed: &[Allow],
        rotation: &Rotation,
        purpose: Purpose,
    ) -> Result<Plan, Failure> {
        rotation.mark(&mut desired(&checked.stacks))?;
        let wanted = |snapshot: &Snapshot| {
            let mut open = missing(&checked.stacks, snapshot);
            if purpose != Purpose::Drift {
                open.extend(checks::missing(&checked.stacks, snapshot));
            }
            open
        };
        let (snapshot, claims) = self.read(&wanted).await?;
        let Checked { stacks, mut findings, sources } = checked;
        findings.extend(foreign_tenants(&stacks, &claims));
        for loaded in &stacks {
            let problems = loaded
                .lock
                .as_ref()
                .map(|lock| lock.problems(loaded, &principals_of(&loaded.spec), claims.tid));
            findings.extend(problems.into_iter().flatten());
        }
        let mut wanted = resolved(&stacks, &snapshot);
        rotation.mark(&mut wanted)?;
        let diff = diff(&stacks, wanted, &snapshot);
        let requests = self.requests();
        let names = access::known_names(&stacks, &snapshot);
        let inquiry =
            (purpose == Purpose::Drift).then(|| Inquiry::new(&diff.changes, &snapshot, names.clone()));
        let mut plan = crate::plan::plan(diff, &findings, &sources, self.target.clone(), requests);
        plan.findings.extend(pins::outside(&options.within, &plan)?);
        match purpose {
            Purpose::Plan => checks::judge(&mut plan, &snapshot, Severity::Note),
            Purpose::Apply => checks::judge(&mut plan, &snapshot, Severity::Error),
            Purpose::Drift => {}
        }
        let before = World::of(&snapshot);
        plan.access = access::changes::changes(&before, &before.after(&plan), &names);
        plan.findings.extend(guards::judge(&plan, &before, claims.oid, allowed));
        plan.findings.sort();
        if let Some(inquiry) = inquiry {
            self.attribute(inquiry, &mut plan).await;
        }
        clean(&mut plan);
        Ok(plan)
    }

    /// Says of each difference who caused it, as far as Azure knows.
    async fn attribute(&self, inquiry: Inquiry, plan: &mut Plan) {
        let queries = inquiry.queries(Timestamp::now());
        if !queries.is_empty() {
            self.spinner.say("reading the activity log");
        }
        let answers = ask_log(queries, &self.client, PATIENCE).await;
        self.spinner.clear();
        inquiry.tell(&answers, plan);
        plan.requests = self.requests();
    }

    /// Looks up whom the stacks name, for a lock file of each; lock files that stand there do not count.
    pub(super) async fn look_up(&self, stacks: &[Loaded]) -> Result<Vec<(Lock, Vec<Open>)>, Failure> {
        let claims = self.claims().await?;
        self.spinner.say("reading the directory");
        let mut snapshot = Snapshot::default();
        let mut queries = principal_queries(stacks);
        queries.sort();
        queries.dedup();
        ask_all(&queries, &self.client, &self.graph, &mut snapshot).await;
        self.spinner.clear();
        self.unless_interrupted()?;
        Ok(stacks
            .iter()
            .map(|loaded| Lock::of(loaded, &principals_of(&loaded.spec), &snapshot, claims.tid))
            .collect())
    }

    pub(super) fn requests(&self) -> Requests {
        let counts = self.client.requests();
        Requests { reads: counts.reads, writes: counts.writes }
    }

    /// Ends what the session started.
    pub(super) async fn close(self) {
        self.spinner.clear();
        #[cfg(feature = "sandbox")]
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
        // What is left is to print; a reader that does not read must not hold the process.
        self.interrupt.enter(Phase::Telling);
    }
}

/// Declared tenants that are not the caller's.
fn foreign_tenants(stacks: &[Loaded], claims: &Claims) -> Vec<Finding> {
    stacks.iter().filter_map(|loaded| foreign_tenant(loaded, claims)).collect()
}

fn foreign_tenant(loaded: &Loaded, claims: &Claims) -> Option<Finding> {
    let (declared, tid) = (loaded.spec.tenant.as_deref()?, claims.tid?);
    (!declared.eq_ignore_ascii_case(&tid.to_string())).then(|| {
        Finding::error(
            Code::TenantMismatch,
            format!("the caller is signed in to tenant `{tid}`, not `{declared}`"),
        )
        .at(loaded.document.value_span("/tenant"))
        .hint("sign in to the declared tenant, or correct the line")
    })
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
    let credential =
        Credential::sign_in(options.credential, &settings).await.map_err(|error| not_signed_in(&error))?;
    if !options.quiet {
        output::aside(&format!("signing in with {}: {}\n", credential.name(), credential.why()));
    }
    Ok(credential)
}

pub(super) fn not_signed_in(error: &AuthError) -> Failure {
    let failure = Failure::new("failed to sign in").cause(error);
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

#[cfg(feature = "sandbox")]
async fn start_sandbox(state: &std::path::Path) -> Result<crate::sandbox::Sandbox, Failure> {
    let options =
        crate::sandbox::Options { state: Some(state.to_path_buf()), ..crate::sandbox::Options::default() };
    crate::sandbox::Sandbox::start(options)
        .await
        .map_err(|error| Failure::new("failed to start the sandbox").cause(chain(&error)))
}

/// An error with what lies behind it: the sandbox's own say what failed, and their sources why.
#[cfg(feature = "sandbox")]
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |cause| cause.source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
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

/// Checks specs, connects, and does a command's work with them.
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

/// Whether a plan leaves nothing to do and nothing open. What no spec declares is no work for `apply`: only [`exit_of_drift`] counts it.
pub(super) fn exit_of(plan: &Plan, pending: Exit) -> Exit {
    if plan.has_errors() {
        return Exit::Failure;
    }
    if plan.is_refused() {
        return Exit::Refused;
    }
    if plan.summary.pending() > 0 { pending } else { Exit::Success }
}

/// Whether Azure is as the specs say.
pub(super) fn exit_of_drift(plan: &Plan) -> Exit {
    // Of what was not read nobody knows whether it is as the specs say.
    if plan.summary.unmanaged_unknown > 0 || !plan.incomplete.is_empty() {
        return Exit::Failure;
    }
    match exit_of(plan, Exit::Pending) {
        Exit::Success if plan.summary.unmanaged_drift > 0 => Exit::Pending,
        exit => exit,
    }
}

//! Options that every command takes.
//!
//! Most have an environment variable. `--sandbox`, `--arm-endpoint`, `--yes` and `--allow` have none, because they decide what is
//! changed and where.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::document::ReportFile;
use super::output::{Failure, LogWriter};
use clap::{ArgAction, Args, ValueEnum};
use jiff::Timestamp;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::arm::Interrupt;
use crate::arm::auth::cloud::Cloud;
use crate::document::Shard;
use crate::flow::ShardNumber;
use crate::render::issues::annotations::Host;

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Common options")]
pub struct Options {
    /// Ctrl-C, shared by all of the process
    #[arg(skip)]
    pub interrupt: Interrupt,
    /// The command's name, for headings of documents
    #[arg(skip)]
    pub command: String,
    /// The part of a fleet that was read
    #[arg(skip)]
    pub part: Arc<OnceLock<Shard>>,
    /// Use the built-in sandbox instead of Azure, and keep its state in the file STATE
    #[arg(
        long, global = true, value_name = "STATE", num_args = 0..=1, require_equals = true,
        default_missing_value = ".keyless/sandbox.json", conflicts_with = "arm_endpoint"
    )]
    pub sandbox: Option<PathBuf>,
    /// Use another Azure Resource Manager endpoint, with the token in `KEYLESS_TOKEN`
    #[arg(long, global = true, value_name = "URL")]
    pub arm_endpoint: Option<String>,
    /// Azure cloud
    #[arg(long, global = true, value_enum, env = "KEYLESS_CLOUD", hide_env_values = true, default_value_t = CloudName::Public)]
    pub cloud: CloudName,
    /// How to sign in
    #[arg(
        long,
        global = true,
        value_name = "HOW",
        env = "KEYLESS_CREDENTIAL",
        hide_env_values = true,
        default_value = "auto"
    )]
    pub credential: crate::arm::auth::CredentialKind,
    /// Output format
    #[arg(long, global = true, value_enum, env = "KEYLESS_FORMAT", hide_env_values = true, default_value_t = Format::Human)]
    pub format: Format,
    /// Also write the result to a file, as human, json, markdown, comment, html, sarif, codequality or openmetrics
    #[arg(long, global = true, value_name = "FORMAT=FILE", env = "KEYLESS_REPORT", hide_env_values = true)]
    pub report: Vec<ReportFile>,
    /// Show ids, addresses, sign-in names and targets in comments, annotations and code quality reports too
    #[arg(long, global = true, env = "KEYLESS_DISCLOSE", hide_env_values = true)]
    pub disclose: bool,
    /// Show findings at their lines in a pipeline
    #[arg(
        long, global = true, value_name = "HOST", value_enum, env = "KEYLESS_ANNOTATIONS", hide_env_values = true,
        default_value_t = Annotations::Auto
    )]
    pub annotations: Annotations,
    /// Values for `${NAME}`.
    #[arg(
        long, global = true, value_name = "NAME=VALUE", value_parser = crate::spec::variables::parse_assignment,
        help = "Set the value of `${NAME}` in specs [env: KEYLESS_VAR_NAME]"
    )]
    pub var: Vec<(String, String)>,
    /// Read values for `${NAME}` in specs from a YAML file
    #[arg(long, global = true, value_name = "FILE", env = "KEYLESS_VAR_FILE", hide_env_values = true)]
    pub var_file: Vec<PathBuf>,
    /// Read values for `${NAME}` from `NAME.vars.yaml` next to each spec
    #[arg(
        long, global = true, value_name = "NAME", env = "KEYLESS_ENV", hide_env_values = true,
        value_parser = crate::spec::variables::parse_environment_name
    )]
    pub env: Option<String>,
    /// Refuse specs of any other stack
    #[arg(long, global = true, value_name = "NAME", env = "KEYLESS_STACK", hide_env_values = true)]
    pub stack: Vec<String>,
    /// Read and write these stacks only, of all loaded specs
    #[arg(long, global = true, value_name = "NAME", env = "KEYLESS_SELECT", hide_env_values = true)]
    pub select: Vec<String>,
    /// Take only the stacks of shard I of N, from 0: those whose subscription is in it
    #[arg(long, global = true, value_name = "I/N", env = "KEYLESS_SHARD", hide_env_values = true)]
    pub shard: Option<ShardNumber>,
    /// Refuse changes outside this scope; repeat it to allow several scopes
    #[arg(long, global = true, value_name = "SCOPE", env = "KEYLESS_WITHIN", hide_env_values = true)]
    pub within: Vec<String>,
    /// Maximum number of concurrent requests
    #[arg(
        long, global = true, value_name = "N", env = "KEYLESS_PARALLELISM", hide_env_values = true, default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..=64)
    )]
    pub parallelism: u16,
    /// How long to wait for writes in progress after Ctrl-C, SIGTERM or SIGHUP
    #[arg(
        long, global = true, value_name = "SECONDS", env = "KEYLESS_GRACE", hide_env_values = true, default_value_t = 20,
        value_parser = clap::value_parser!(u16).range(0..=3600)
    )]
    pub grace: u16,
    /// Show more: notes and unchanged resources, then requests (-vv), then all (-vvv)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Show results and errors only
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        env = "KEYLESS_QUIET",
        hide_env_values = true
    )]
    pub quiet: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, env = "KEYLESS_COLOR", hide_env_values = true, default_value_t = Color::Auto)]
    pub color: Color,
}

/// The options that say what a run is about, with their variables.
pub(super) const PINS: [(&str, &str); 3] =
    [("stack", "KEYLESS_STACK"), ("select", "KEYLESS_SELECT"), ("within", "KEYLESS_WITHIN")];

/// The commands that work on specs, which can be divided.
const OVER_SPECS: [&str; 11] = [
    "validate",
    "plan",
    "apply",
    "drift",
    "access",
    "verify",
    "outputs",
    "lock",
    "keys status",
    "keys usage",
    "keys revoke",
];

/// The variable that says which shard this is: that of keyless, or that of a pod.
fn shard_variable() -> &'static str {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if is_set("JOB_COMPLETIONS") && !is_set("KEYLESS_SHARD") { "JOB_COMPLETIONS" } else { "KEYLESS_SHARD" }
}

/// The time, as a document of a shard has it.
pub(super) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Azure's clouds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CloudName {
    /// Azure
    Public,
    /// Azure Government
    Usgov,
    /// Azure operated by 21Vianet
    China,
}

impl From<CloudName> for Cloud {
    fn from(name: CloudName) -> Self {
        match name {
            CloudName::Public => Self::Public,
            CloudName::Usgov => Self::UsGov,
            CloudName::China => Self::China,
        }
    }
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for people
    Human,
    /// One JSON document
    Json,
    /// Markdown, for a comment on a pull request
    Markdown,
    /// A page for a browser that needs nothing else
    Html,
}

/// Whose commands show findings at their lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Annotations {
    /// Where the job runs: GitHub Actions, Azure Pipelines, or nowhere
    Auto,
    /// GitHub Actions
    Github,
    /// Azure Pipelines
    AzurePipelines,
    /// None
    Off,
}

impl Annotations {
    /// What obeys them.
    pub(super) fn host(self) -> Option<Host> {
        let is_true = |name| std::env::var(name).is_ok_and(|value| value.eq_ignore_ascii_case("true"));
        match self {
            Self::Github => Some(Host::GitHub),
            Self::AzurePipelines => Some(Host::Azure),
            Self::Auto if is_true("GITHUB_ACTIONS") => Some(Host::GitHub),
            Self::Auto if is_true("TF_BUILD") => Some(Host::Azure),
            Self::Auto | Self::Off => None,
        }
    }
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// If the terminal supports it
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Options {
    /// Sets what the whole process shares: colour and logs.
    pub(super) fn apply_globally(&self) {
        match self.color {
            Color::Auto => {}
            Color::Always => anstream::ColorChoice::Always.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
        }
        let level = match self.verbose {
            0 | 1 => return,
            2 => tracing::Level::DEBUG,
            _ => tracing::Level::TRACE,
        };
        // Only keyless's own logs: those of the HTTP stack could hold headers.
        let filter = tracing_subscriber::filter::Targets::new().with_target("keyless", level);
        let layer = tracing_subscriber::fmt::layer().with_writer(LogWriter).with_ansi(false).without_time();
        tracing_subscriber::registry().with(filter).with(layer).init();
    }

    /// Checks whether the report files can be written. [`Options::reports_ready`], or the write itself, reports one that cannot.
    /// `inputs` are the files that the run reads.
    pub(super) fn look_at_reports(&self, inputs: &[PathBuf]) {
        let inputs = &self.all_inputs(inputs);
        for (index, report) in self.report.iter().enumerate() {
            report.look(inputs, &self.report[..index]);
        }
    }

    /// Fails if a pin has no value: a pipeline whose variable came out empty must not run without it.
    pub(super) fn pins_hold(&self) -> Result<(), Failure> {
        for ((option, variable), given) in PINS.into_iter().zip([&self.stack, &self.select, &self.within]) {
            if !given.iter().any(|value| value.trim().is_empty()) {
                continue;
            }
            let is_set =
                std::env::var_os(variable).is_some_and(|value| value.to_string_lossy().trim().is_empty());
            return Err(if is_set {
                Failure::new(format!("`{variable}` is set but empty")).hint("unset it, or give it a value")
            } else {
                Failure::new(format!("`--{option}` is empty")).hint("leave it out, or give it a value")
            });
        }
        Ok(())
    }

    /// Takes the shard of a pod of an Indexed Job, for a command that reads specs. Fails if one is given to another command, which would do
    /// the whole of its work in each shard.
    pub(super) fn shard_of_pod(&mut self) -> Result<(), Failure> {
        let is_over_specs = OVER_SPECS.contains(&self.command.as_str());
        if self.shard.is_some() {
            // A variable is set for all that a pod runs. `doctor` reads specs, and always tells of this machine too.
            let is_meant =
                is_over_specs || self.command == "doctor" || std::env::var_os("KEYLESS_SHARD").is_some();
            return if is_meant {
                Ok(())
            } else {
                Err(Failure::new(format!("`--shard` has no effect on `keyless {}`", self.command))
                    .hint("leave it out: only commands that read specs work on a part of a fleet"))
            };
        }
        if !is_over_specs {
            return Ok(());
        }
        let of_pod = ShardNumber::of_pod(|name| std::env::var(name).ok());
        self.shard =
            of_pod.map_err(|why| Failure::new(why).hint("give `--shard I/N`, or mend the manifest"))?;
        Ok(())
    }

    /// The part of a fleet that a document without a result is of.
    pub(super) fn as_shard(&self) -> Option<Shard> {
        let ShardNumber { index, of } = self.shard?;
        if let Some(read) = self.part.get() {
            return Some(read.clone());
        }
        Some(Shard { index, of, command: self.command.clone(), began: now(), ..Shard::default() })
    }

    /// Fails if a comment is asked for that nobody can make fit for everybody: which names and targets are to be left out of it is known of
    /// plans only.
    pub(super) fn comment_fits(&self) -> Result<(), Failure> {
        let made = ["plan", "apply", "drift", "show", "validate", "report merge"];
        if made.contains(&self.command.as_str()) || !self.report.iter().any(ReportFile::is_comment) {
            return Ok(());
        }
        Err(Failure::new(format!("`keyless {}` cannot write `--report comment=FILE`", self.command))
            .hint("use `markdown=FILE`, and show it only to those who may see all of it"))
    }

    /// What the run reads, the files of its own sandbox and those that sign it in among them.
    pub(super) fn all_inputs(&self, inputs: &[PathBuf]) -> Vec<PathBuf> {
        let state = self.sandbox.iter().flat_map(|state| {
            ["", ".journal", ".lock"].map(|end| {
                let mut name = state.as_os_str().to_owned();
                name.push(end);
                PathBuf::from(name)
            })
        });
        let credentials = ["AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE"];
        let credentials = credentials.into_iter().filter_map(std::env::var_os).map(PathBuf::from);
        inputs.iter().cloned().chain(state).chain(credentials).collect()
    }

    /// Fails if an option is given that only works on specs, in a run that reads none.
    pub(super) fn without_specs(&self) -> Result<(), Failure> {
        let given = [
            ("--var", "", !self.var.is_empty()),
            ("--var-file", "KEYLESS_VAR_FILE", !self.var_file.is_empty()),
            ("--env", "KEYLESS_ENV", self.env.is_some()),
            ("--stack", "KEYLESS_STACK", !self.stack.is_empty()),
            ("--select", "KEYLESS_SELECT", !self.select.is_empty()),
            ("--within", "KEYLESS_WITHIN", !self.within.is_empty()),
            ("--shard", shard_variable(), self.shard.is_some()),
        ];
        let Some((option, variable, _)) = given.into_iter().find(|(.., given)| *given) else { return Ok(()) };
        let unset = if variable.is_empty() { String::new() } else { format!(", and unset {variable}") };
        Err(Failure::new(format!("`{option}` has no effect with `--subscription`, which reads no specs"))
            .hint(format!("leave it out{unset}")))
    }

    /// Fails if a report file cannot be written: before anything is asked of Azure.
    pub(super) fn reports_ready(&self) -> Result<(), Failure> {
        self.look_at_reports(&[]);
        self.report.iter().try_for_each(|report| report.target().map(drop))
    }

    /// Whether notes and unchanged resources are shown.
    #[must_use]
    pub fn is_verbose(&self) -> bool {
        self.verbose > 0
    }
}

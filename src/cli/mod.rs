//! The command line: arguments, one file per command, exit codes.
//!
//! Results go to stdout, everything else to stderr. The exit code is always one of [`Exit`].

mod access;
mod apply;
mod confirm;
mod doctor;
mod document;
mod drift;
mod export;
mod guid;
mod init;
mod installed;
mod keys;
mod lock;
mod options;
mod output;
mod outputs;
mod plan;
mod progress;
mod report;
#[cfg(feature = "sandbox")]
mod sandbox;
mod schema;
mod session;
mod show;
mod signals;
mod specs;
mod validate;
mod variables;
mod verify;
mod wish;

use std::error::Error as _;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches as _, Parser, Subcommand};

use crate::apply::Secrets;
use crate::arm::auth::Environment;
use crate::text::names::listed;

use document::Document;
use installed::{completions, man};
pub use options::Options;
use options::{Format, PINS};

/// How a run ended; also the process's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, or in sync.
    Success,
    /// 1: failed, including usage errors and invalid specs.
    Failure,
    /// 2: changes are pending (`drift`, and `plan --detailed-exitcode`), API keys are enabled (`keys status`), or API keys are used (`keys usage`).
    Pending,
    /// 3: a guard refused the plan.
    Refused,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Pending => 2,
            Exit::Refused => 3,
        })
    }
}

/// Keyless access to Azure AI, as code.
#[derive(Debug, Parser)]
#[command(name = "keyless", version, about, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done or in sync, 1 failed, 2 changes pending (drift; plan --detailed-exitcode) or API keys enabled (keys status) or used (keys usage), 3 refused by a guard.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Check specs offline
    Validate(validate::Args),
    /// Show what `apply` would change
    Plan(plan::Args),
    /// Change Azure to match the specs, or apply a saved plan
    Apply(apply::Args),
    /// Report where Azure differs from the specs, and who changed it
    ///
    /// Exits 2 if anything differs.
    Drift(drift::Args),
    /// List who can call the models of each account, and through which role
    Access(access::Args),
    /// Call the models to prove that they accept tokens and refuse API keys
    Verify(verify::Args),
    /// Show which accounts accept API keys and who uses them, or regenerate the keys
    Keys(keys::Args),
    /// Print endpoints, ids and identities of the accounts, for applications
    Outputs(outputs::Args),
    /// Write a spec for existing accounts, for which `plan` shows no changes
    ///
    /// `--stack NAME` sets the spec's stack. Without it, the stack is named after the exported account or resource group, or
    /// `exported`.
    Export(export::Args),
    /// Write a first spec, the editor's settings and a pipeline
    ///
    /// Asks for what the options leave open. Overwrites nothing.
    Init(init::Args),
    /// Write lock files that map names of principals to object ids
    ///
    /// Pipelines can then resolve the names without permissions in Microsoft Graph.
    Lock(lock::Args),
    /// Check connectivity, sign-in and permissions
    Doctor(doctor::Args),
    /// Merge the reports of shards
    Report(report::Args),
    /// Show a saved plan
    Show(show::Args),
    /// Print the JSON Schema of specs or of JSON output
    Schema(schema::Args),
    /// Print the GUID that ARM's and Bicep's `guid()` function returns
    Guid(guid::Args),
    /// Run a local imitation of Azure Resource Manager
    #[cfg(feature = "sandbox")]
    Sandbox(sandbox::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Write manual pages into a folder
    #[command(hide = true)]
    Man(man::Args),
}

/// Runs a command line.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    output::report_panics();
    Environment::process().learn_secrets();
    // Reading them registers them with `scrub`, so that no output shows one.
    drop(Secrets::new(std::env::vars_os()));
    let mut command = without_empty(Cli::command());
    let parsed = command.try_get_matches_from_mut(args).and_then(|mut matches| {
        let name = command_name(&matches);
        let cli = Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))?;
        Ok(Cli { options: Options { command: name, ..cli.options }, ..cli })
    });
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return misused(error).into(),
    };
    let Cli { mut options, command } = cli;
    options.apply_globally();
    let shard = options.shard_of_pod();
    if let Err(failure) = shard.and_then(|()| options.pins_hold()).and_then(|()| options.comment_fits()) {
        return ended(&options, failure).into();
    }
    let exit = match command {
        Command::Validate(args) => validate::run(&options, &args),
        Command::Plan(args) => plan::run(&options, &args),
        Command::Apply(args) => apply::run(&options, &args),
        Command::Drift(args) => drift::run(&options, &args),
        Command::Access(args) => access::run(&options, &args),
        Command::Verify(args) => verify::run(&options, &args),
        Command::Keys(args) => keys::run(&options, &args),
        Command::Outputs(args) => outputs::run(&options, &args),
        Command::Export(args) => export::run(&options, &args),
        Command::Init(args) => init::run(&options, &args),
        Command::Lock(args) => lock::run(&options, &args),
        Command::Doctor(args) => doctor::run(&options, &args),
        Command::Report(args) => report::run(&options, &args),
        Command::Show(args) => show::run(&options, &args),
        Command::Schema(args) => schema::run(&args),
        Command::Guid(args) => guid::run(&args),
        #[cfg(feature = "sandbox")]
        Command::Sandbox(args) => sandbox::run(&options.interrupt, &args),
        Command::Completions(args) => completions::run(&args, &mut Cli::command()),
        Command::Man(args) => man::run(&args, Cli::command()),
    };
    let exit = exit.unwrap_or_else(|failure| ended(&options, failure));
    options.interrupt.finish_saying();
    exit.into()
}

/// The name of a command with its subcommand: `keys status`.
fn command_name(matches: &clap::ArgMatches) -> String {
    match matches.subcommand() {
        Some((name, within)) => format!("{name} {}", command_name(within)).trim_end().to_owned(),
        None => String::new(),
    }
}

/// A command for which empty variables of the environment count as not set: a pipeline sets one for an input that was left out. Pins are
/// kept, and refused by [`Options::pins_hold`]: without them the run would be about more than was meant.
fn without_empty(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|argument| {
        let is_pin = PINS.iter().any(|(id, ..)| argument.get_id().as_str() == *id);
        let empty = argument
            .get_env()
            .is_some_and(|name| std::env::var_os(name).is_some_and(|value| value.is_empty()));
        if empty && !is_pin { argument.env(Resettable::Reset) } else { argument }
    });
    command.mut_subcommands(without_empty)
}

/// Reports why a command ended early, in the report files too: an earlier run's report must not pass for this one's.
fn ended(options: &Options, failure: Failure) -> Exit {
    let entry = [failure.entry()];
    let document = Document::Findings(&entry);
    let written = if failure.is_interruption() && options.format != Format::Human {
        document.write(options)
    } else {
        document.annotate(options);
        document.write_unwritten_reports(options)
    };
    written.unwrap_or_else(|failure| _ = failure.report());
    failure.report()
}

/// Prints help or version, or reports a usage error.
fn misused(mut error: clap::Error) -> Exit {
    // Help and version are results; clap's own exit code for the rest is 2, which here means "changes pending".
    if !error.use_stderr() {
        return output::result(&error.render().ansi().to_string()).map_or(Exit::Failure, |()| Exit::Success);
    }
    // clap repeats arguments and values of environment variables: sanitize them, each on one line.
    let harmless: Vec<_> = error
        .context()
        // The usage text comes from the command alone, and has several lines.
        .filter(|(kind, _)| *kind != ContextKind::Usage)
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => Some((kind, ContextValue::String(output::one_line(text)))),
            ContextValue::StyledStr(text) => Some((kind, ContextValue::StyledStr(styled(text)))),
            ContextValue::StyledStrs(texts) => {
                Some((kind, ContextValue::StyledStrs(texts.iter().map(styled).collect())))
            }
            ContextValue::Strings(texts) => {
                Some((kind, ContextValue::Strings(texts.iter().map(|text| output::one_line(text)).collect())))
            }
            _ => None,
        })
        .collect();
    for (kind, value) in harmless {
        error.insert(kind, value);
    }
    if let Some(owner) = owner(&error) {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![owner]));
    }
    let mut text = error.render().ansi().to_string();
    // The reason why a value is refused may repeat the value.
    if let Some(why) = error.source().map(ToString::to_string).filter(|why| !why.is_empty()) {
        text = text.replace(&why, &output::one_line(&why));
    }
    output::aside(&text);
    Exit::Failure
}

/// A tip that names the commands which have an option that this one lacks.
fn owner(error: &clap::Error) -> Option<StyledStr> {
    if error.kind() != ErrorKind::UnknownArgument || error.get(ContextKind::SuggestedArg).is_some() {
        return None;
    }
    let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidArg) else { return None };
    let option = given.split('=').next().unwrap_or_default();
    let command = Cli::command();
    let has = |command: &clap::Command| {
        let long = option.strip_prefix("--");
        long.is_some() && command.get_arguments().any(|argument| argument.get_long() == long)
    };
    let mut owners = Vec::new();
    for command in command.get_subcommands() {
        if has(command) {
            owners.push(command.get_name().to_owned());
        }
        let below = command.get_subcommands().filter(|below| has(below));
        owners.extend(below.map(|below| format!("{} {}", command.get_name(), below.get_name())));
    }
    let belongs = || format!("`{option}` belongs to {}", listed(owners.iter().map(String::as_str)));
    (!owners.is_empty()).then(|| StyledStr::from(belongs()))
}

/// A tip, sanitized: it may repeat an argument.
fn styled(text: &StyledStr) -> StyledStr {
    StyledStr::from(output::one_line(&text.to_string()))
}

pub use output::Failure;

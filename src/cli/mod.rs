//! The command line: arguments, one file per command, exit codes.
//!
//! Results go to stdout, all else to stderr. Whatever happens, the exit code is one of [`Exit`].

mod access;
mod apply;
mod completions;
mod confirm;
mod doctor;
mod document;
mod drift;
mod export;
mod guid;
mod keys;
mod lock;
mod options;
mod output;
mod outputs;
mod plan;
mod progress;
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

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};

use crate::apply::Secrets;
use crate::auth::Environment;
use crate::text::names::listed;

use document::Document;
use options::Format;
pub use options::Options;

/// How a run ended; also the process's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, or in sync.
    Success,
    /// 1: failed; wrong usage and wrong specs too.
    Failure,
    /// 2: changes are pending (`drift`, and `plan --detailed-exitcode`), or keys are taken (`keys status`).
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

const EXIT_CODES: &str = "Exit codes: 0 done or in sync, 1 failed, 2 changes pending (drift; plan --detailed-exitcode) or keys taken (keys status), 3 refused by a guard.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Check specs without asking Azure
    Validate(validate::Args),
    /// Show what apply would do
    Plan(plan::Args),
    /// Bring Azure to what the specs say
    Apply(apply::Args),
    /// Exit 2 if Azure is not as the specs say
    Drift(drift::Args),
    /// Who can call the models of the accounts, and through what
    Access(access::Args),
    /// Prove by calling them that models answer a token and keys are refused
    Verify(verify::Args),
    /// Which accounts take API keys; or make the old keys worthless
    Keys(keys::Args),
    /// Endpoints, ids and identities of the accounts, for applications
    Outputs(outputs::Args),
    /// Print a spec of what is live, which plans no change
    ///
    /// `--stack NAME` is the stack it declares; left out, it is called as the account or group that is asked for.
    Export(export::Args),
    /// Write down whom the specs name, so that pipelines need not look it up
    Lock(lock::Args),
    /// Say what stands in the way of signing in, reading and writing
    Doctor(doctor::Args),
    /// Show a saved plan
    Show(show::Args),
    /// Print the JSON Schema of what keyless reads or writes
    Schema(schema::Args),
    /// Print what the `guid()` of ARM and Bicep gives for these parts
    Guid(guid::Args),
    /// An Azure Resource Manager on this machine, for trying things out
    #[cfg(feature = "sandbox")]
    Sandbox(sandbox::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
}

/// Runs a command line.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    output::tell_panics();
    Environment::process().learn_secrets();
    // Each is known from the moment it is read.
    drop(Secrets::new(std::env::vars_os()));
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return misused(error).into(),
    };
    let Cli { options, command } = cli;
    options.apply_globally();
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
        Command::Lock(args) => lock::run(&options, &args),
        Command::Doctor(args) => doctor::run(&options, &args),
        Command::Show(args) => show::run(&options, &args),
        Command::Schema(args) => schema::run(&args),
        Command::Guid(args) => guid::run(&args),
        #[cfg(feature = "sandbox")]
        Command::Sandbox(args) => sandbox::run(&args),
        Command::Completions(args) => completions::run(&args, &mut Cli::command()),
    };
    exit.unwrap_or_else(|failure| ended(&options, failure)).into()
}

/// Tells why a command ended early, in report files too: what an earlier run left there must not pass for what this one found.
fn ended(options: &Options, failure: Failure) -> Exit {
    let entry = [failure.entry()];
    let document = Document::Findings(&entry);
    let written = if failure.is_interruption() && options.format != Format::Human {
        document.write(options)
    } else {
        document.write_unwritten_reports(options)
    };
    written.unwrap_or_else(|failure| _ = failure.report());
    failure.report()
}

/// Tells how the command line is used, or what is wrong with it.
fn misused(mut error: clap::Error) -> Exit {
    // Help and version are results; clap's own exit code for the rest is 2, which here means "changes pending".
    if !error.use_stderr() {
        return output::result(&error.render().ansi().to_string()).map_or(Exit::Failure, |()| Exit::Success);
    }
    // An argument, and the value of a variable, is repeated on one line.
    let harmless: Vec<_> = error
        .context()
        // What is made of the command alone has lines of its own.
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
    // Why a value is refused may repeat it.
    if let Some(why) = error.source().map(ToString::to_string).filter(|why| !why.is_empty()) {
        text = text.replace(&why, &output::one_line(&why));
    }
    output::aside(&text);
    Exit::Failure
}

/// Which other commands have an option that this one has not.
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

/// A tip, which repeats an argument too.
fn styled(text: &StyledStr) -> StyledStr {
    StyledStr::from(output::one_line(&text.to_string()))
}

pub use output::Failure;

//! `keyless init`: asks how to begin, and writes a first spec, the editor's settings and the pipeline. Overwrites nothing.

mod first;

use std::fmt::Write as _;
use std::io::{self, ErrorKind, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, iter};

use clap::ValueEnum;
use uuid::Uuid;

use super::confirm::typed;
use super::document::OutFile;
use super::options::Options;
use super::output::{self, Failure};
use super::session::block_on;
use super::{Exit, export, signals};
use crate::export::Wanted;
use crate::finding::{Finding, Severity};
use crate::flow::Checked;
use crate::id::ResourceId;
use crate::spec::variables::VariableInputs;
use crate::spec::{STACK_NAMES, is_group_name, is_stack_name};
use first::{
    Answers, Editor, IGNORED, NewFile, Pinned, Platform, Scratch, files, ignoring, modeline, scratch,
};

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where the spec comes from
    #[arg(long, value_enum)]
    from: Option<From>,
    /// The subscription
    #[arg(long, value_name = "GUID", value_parser = subscription)]
    subscription: Option<String>,
    /// The resource group
    #[arg(long, value_name = "NAME", value_parser = group)]
    resource_group: Option<String>,
    /// Whose pipeline to write
    #[arg(long, value_enum)]
    host: Option<Platform>,
    /// Name of the new account, or the only account to read
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Location of the new account
    #[arg(long, value_name = "LOCATION", default_value = "eastus2", value_parser = location)]
    location: String,
    /// Object id of a user who may call the models of the new account
    #[arg(long, value_name = "GUID", value_parser = user)]
    user: Option<String>,
    /// Whose settings to write
    #[arg(long, value_enum, default_value_t = Editor::Vscode)]
    editor: Editor,
    /// Repository of keyless and the commit (for Azure Pipelines: the tag) of it that the pipeline uses
    #[arg(long, value_name = "OWNER/NAME@COMMIT", value_parser = pin)]
    pin: Option<Pinned>,
}

/// Where a first spec comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum From {
    /// The accounts of a resource group, as `export` writes them
    Live,
    /// A new account with API keys off
    Scratch,
}

fn subscription(text: &str) -> Result<String, String> {
    let id = Uuid::try_parse(text).map_err(|_| "expected the GUID of a subscription")?;
    Ok(id.to_string())
}

fn user(text: &str) -> Result<String, String> {
    let id = Uuid::try_parse(text).map_err(|_| "expected the object id of a user, a GUID")?;
    Ok(id.to_string())
}

fn group(text: &str) -> Result<String, String> {
    if is_group_name(text) {
        Ok(text.to_owned())
    } else {
        Err("not a valid name of a resource group".to_owned())
    }
}

fn location(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if fits {
        Ok(text.to_owned())
    } else {
        Err("expected the name of a location, such as eastus2".to_owned())
    }
}

fn pin(text: &str) -> Result<Pinned, String> {
    let is_plain = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(&c))
    };
    let (repository, commit) = text.split_once('@').ok_or("expected OWNER/NAME@COMMIT")?;
    let fits = repository.contains('/') && repository.split('/').chain(commit.split('/')).all(is_plain);
    if !fits || repository.starts_with("ORG/") {
        return Err("expected OWNER/NAME@COMMIT".to_owned());
    }
    Ok(Pinned { repository: repository.to_owned(), commit: commit.to_owned() })
}

/// Fails if a pin is not what a host takes, or names something that others may move.
fn lasting(host: Platform, pinned: Option<&Pinned>) -> Result<(), Failure> {
    let Some(Pinned { repository, commit }) = pinned else { return Ok(()) };
    let is_hash =
        matches!(commit.len(), 40 | 64) && commit.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    let is_tag = commit != "TAG" && (!commit.starts_with("refs/") || commit.starts_with("refs/tags/"));
    let (fits, hint) = match host {
        Platform::None => return Ok(()),
        Platform::AzurePipelines => (is_tag, "Azure Pipelines takes a tag; protect it from being moved"),
        Platform::Github if repository.matches('/').count() != 1 => {
            (false, "a repository of GitHub is OWNER/NAME")
        }
        Platform::Github | Platform::Gitlab => {
            (is_hash, "give the whole hash of a commit: branches and tags can be moved")
        }
    };
    if fits {
        return Ok(());
    }
    Err(Failure::new(format!("cannot pin the pipeline to `{repository}@{commit}`; nothing was written"))
        .hint(hint))
}

/// The first answers: all of them are known before anything is read or written.
struct Begun {
    from: From,
    answers: Answers,
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    let stack = stack(options)?;
    possible(args)?;
    lasting(args.host.unwrap_or(Platform::None), args.pin.as_ref())?;
    options.reports_ready()?;
    signals::listen(&options.interrupt, Duration::from_secs(u64::from(options.grace)))?;
    let (begun, spec) = block_on(async {
        let begun = ask(options, args, stack).await?;
        // Before Azure is read: what stands there already ends the run anyway.
        lasting(begun.answers.host, args.pin.as_ref())?;
        pin_counts(begun.answers.host, args.pin.as_ref())?;
        at_root(begun.answers.host)?;
        free(&files(&begun.answers, ""))?;
        undeclared(&begun.answers.stack)?;
        let spec = match begun.from {
            From::Scratch => valid(scratch(&begun.answers, &wanted(args)))?,
            From::Live => live(options, args, &begun.answers).await?,
        };
        Ok((begun, spec))
    })?;
    let files = files(&begun.answers, &spec);
    free(&files)?;
    if options.interrupt.is_triggered() {
        return Err(Failure::interrupted("before the first file"));
    }
    let ignores = write(options, &files)?;
    output::result(&next_steps(&begun, args, &files, ignores))?;
    Ok(Exit::Success)
}

/// What `--stack` says.
fn stack(options: &Options) -> Result<Option<String>, Failure> {
    match options.stack.as_slice() {
        [] => Ok(None),
        [name] if is_stack_name(name) => Ok(Some(name.clone())),
        [name] => Err(Failure::new(format!("`{name}` cannot name a stack")).hint(STACK_NAMES)),
        _ => Err(Failure::new("a spec declares one stack, but several were given")
            .hint("give `--stack` once; KEYLESS_STACK counts too")),
    }
}

/// Fails if something must be asked and nobody can answer.
fn possible(args: &Args) -> Result<(), Failure> {
    let missing: Vec<&str> = [
        ("--from live|scratch", args.from.is_none()),
        ("--subscription GUID", args.subscription.is_none()),
        ("--resource-group NAME", args.resource_group.is_none()),
        ("--host github|azure-pipelines|gitlab|none", args.host.is_none()),
    ]
    .into_iter()
    .filter_map(|(flag, missing)| missing.then_some(flag))
    .collect();
    if missing.is_empty() || io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::new("cannot ask how to begin: stdin is not a terminal")
        .hint(format!("give {}", missing.join(" "))))
}

/// The branch that is checked out, even if it has no commit yet.
fn branch() -> Option<String> {
    let head = fs::read_to_string(".git/HEAD").ok()?;
    head.trim().strip_prefix("ref: refs/heads/").map(str::to_owned)
}

/// A pipeline that this folder has already.
fn other_pipeline() -> Option<&'static str> {
    let hosts = [Platform::Github, Platform::AzurePipelines, Platform::Gitlab];
    hosts.into_iter().filter_map(Platform::file).find(|file| Path::new(file).exists())
}

/// Fails if a pin is given and there is no pipeline to put it into.
fn pin_counts(host: Platform, pinned: Option<&Pinned>) -> Result<(), Failure> {
    if host != Platform::None || pinned.is_none() {
        return Ok(());
    }
    Err(Failure::new("`--pin` has no effect without a pipeline; nothing was written")
        .hint("leave it out, or give `--host github|azure-pipelines|gitlab`"))
}

/// Asks for what no flag says.
async fn ask(options: &Options, args: &Args, stack: Option<String>) -> Result<Begun, Failure> {
    let from = match args.from {
        Some(from) => from,
        None => {
            let words = "From the accounts that exist in a resource group (live), or from scratch?";
            question(options, words, Some("scratch"), chosen).await?
        }
    };
    let subscription = match &args.subscription {
        Some(id) => id.clone(),
        None => {
            let words = "Which subscription? Its GUID; `az account show --query id` shows yours:";
            question(options, words, None, subscription).await?
        }
    };
    let group = match &args.resource_group {
        Some(name) => name.clone(),
        None => question(options, "Which resource group?", None, group).await?,
    };
    let host = match args.host {
        Some(host) => host,
        None => {
            let words = "Whose pipeline: github, azure-pipelines, gitlab or none?";
            question(options, words, Some(here()), chosen).await?
        }
    };
    let named = group.to_ascii_lowercase();
    let stack = stack.unwrap_or_else(|| if is_stack_name(&named) { named } else { "main".to_owned() });
    let answers = Answers { subscription, group, stack, host, editor: args.editor, pinned: args.pin.clone() };
    Ok(Begun { from, answers })
}

/// The host of which this folder has a file already.
fn here() -> &'static str {
    let hosts = [(Platform::Gitlab, "gitlab"), (Platform::AzurePipelines, "azure-pipelines")];
    let has = |host: Platform| host.file().is_some_and(|file| Path::new(file).exists());
    hosts.into_iter().find(|(host, _)| has(*host)).map_or("github", |(_, name)| name)
}

/// Asks until the answer fits; an empty one is the usual one.
async fn question<T>(
    options: &Options,
    words: &str,
    usual: Option<&str>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Failure> {
    let shown = usual.map(|usual| format!(" [{usual}]")).unwrap_or_default();
    loop {
        output::aside(&format!("{words}{shown} "));
        let line = typed(&options.interrupt, "while waiting for an answer").await?;
        let Some(line) = line.strip_suffix(b"\n") else {
            return Err(Failure::new("no answer; nothing was written"));
        };
        let text = String::from_utf8_lossy(line).trim().to_owned();
        let text = if text.is_empty() { usual.unwrap_or_default().to_owned() } else { text };
        match read(&text) {
            Ok(answer) => return Ok(answer),
            Err(why) => output::aside(&format!("{}\n", output::one_line(&why))),
        }
    }
}

/// One of a few words.
fn chosen<T: ValueEnum>(text: &str) -> Result<T, String> {
    let words: Vec<String> = T::value_variants()
        .iter()
        .filter_map(|each| Some(format!("`{}`", each.to_possible_value()?.get_name())))
        .collect();
    T::from_str(text, true).map_err(|_| format!("answer {}", words.join(" or ")))
}

fn wanted(args: &Args) -> Scratch {
    Scratch { account: args.account.clone(), location: args.location.clone(), user: args.user.clone() }
}

/// What `export` writes of the group.
async fn live(options: &Options, args: &Args, answers: &Answers) -> Result<String, Failure> {
    let wanted = Wanted {
        subscription: ResourceId::subscription(&answers.subscription),
        group: Some(answers.group.clone()),
        account: args.account.clone(),
        stack: answers.stack.clone(),
    };
    let text = export::whole(options, &wanted).await?;
    Ok(format!("{}{text}", modeline(answers.editor)))
}

/// A spec, if it has no mistake.
fn valid(spec: String) -> Result<String, Failure> {
    let checked = read(&["-"], &spec);
    match checked.findings.into_iter().find(|finding| finding.severity == Severity::Error) {
        Some(Finding { message, hint: Some(hint), .. }) => Err(Failure::new(message).hint(hint)),
        Some(Finding { message, .. }) => Err(Failure::new(message)),
        None => Ok(spec),
    }
}

/// Fails if a spec that is there declares the stack: each file would revoke what the other grants.
fn undeclared(stack: &str) -> Result<(), Failure> {
    if !Path::new("specs").is_dir() {
        return Ok(());
    }
    let checked = read(&["specs"], "");
    let Some(loaded) = checked.stacks.iter().find(|loaded| loaded.spec.stack == stack) else { return Ok(()) };
    let file = &checked.sources.file(loaded.document.value_span("/stack").file).name;
    Err(Failure::new(format!("`{file}` already declares stack `{stack}`; nothing was written"))
        .hint("`--stack NAME` gives the new spec another"))
}

fn read(paths: &[&str], stdin: &str) -> Checked {
    let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    Checked::read(&paths, stdin.as_bytes(), &VariableInputs::new(Vec::new(), Vec::new(), iter::empty()))
}

/// Fails where a host would not find its pipeline: below the root of a git repository.
fn at_root(host: Platform) -> Result<(), Failure> {
    let Some(file) = host.file() else { return Ok(()) };
    let here =
        env::current_dir().map_err(|error| Failure::new("failed to find the current folder").cause(error))?;
    // A working tree of its own has a file of this name.
    match here.ancestors().find(|folder| folder.join(".git").exists()) {
        Some(root) if root != here => Err(Failure::new(format!(
            "this folder is inside the git repository `{}`, and the pipeline `{file}` belongs in its root; nothing was written",
            root.display()
        ))
        .hint("run it in the root, or leave the pipeline out: `--host none`")),
        _ => Ok(()),
    }
}

/// Fails if one of the files exists.
fn free(files: &[NewFile]) -> Result<(), Failure> {
    let stands: Vec<&NewFile> =
        files.iter().filter(|file| fs::symlink_metadata(&file.path).is_ok()).collect();
    let [first, more @ ..] = stands.as_slice() else { return Ok(()) };
    let names: String =
        more.iter().fold(format!("`{}`", first.path), |names, file| names + ", `" + &file.path + "`");
    let verb = if more.is_empty() { "exists" } else { "exist" };
    let hint = if stands.iter().all(|file| file.path.starts_with(".vscode/")) {
        "`--editor none` leaves the settings of the editor out"
    } else if stands.iter().all(|file| file.path.starts_with("specs/")) {
        "`--stack NAME` gives the spec another name"
    } else {
        "move it away first, or leave it out: `--host none`, `--editor none`; `--stack NAME` gives the spec another name"
    };
    Err(Failure::new(format!("{names} already {verb}, and keyless overwrites nothing; nothing was written"))
        .hint(hint))
}

/// Writes all of the files, or none; whether `.gitignore` got lines too.
fn write(options: &Options, files: &[NewFile]) -> Result<bool, Failure> {
    let mut made = Made::default();
    let written = files.iter().try_for_each(|file| {
        made.folders_of(Path::new(&file.path))?;
        OutFile::open(Path::new(&file.path), &[], options)?.write_new(&file.text)?;
        made.0.push(PathBuf::from(&file.path));
        Ok(())
    });
    let written = written.and_then(|()| ignore(options));
    if written.is_err() {
        made.undo();
    }
    written.map_err(|failure: Failure| failure.with_azure("nothing was left behind"))
}

/// Adds what git should not see, unless it is there. An existing file keeps its lines.
fn ignore(options: &Options) -> Result<bool, Failure> {
    let path = Path::new(".gitignore");
    let before = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        before => before.map_err(|error| Failure::new("failed to read `.gitignore`").cause(error))?,
    };
    match ignoring(&before) {
        Some(text) => OutFile::open(path, &[], options)?.write(&text).map(|()| true),
        None => Ok(false),
    }
}

/// What this run created so far: files, and folders before what is in them.
#[derive(Default)]
struct Made(Vec<PathBuf>);

impl Made {
    fn folders_of(&mut self, path: &Path) -> Result<(), Failure> {
        let missing: Vec<&Path> = path
            .ancestors()
            .skip(1)
            .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
            .collect();
        for folder in missing.into_iter().rev() {
            fs::create_dir(folder).map_err(|error| {
                Failure::new(format!("failed to create the folder `{}`", folder.display())).cause(error)
            })?;
            self.0.push(folder.to_owned());
        }
        Ok(())
    }

    /// Removes what it created; a folder that holds anything else stays.
    fn undo(self) {
        for path in self.0.iter().rev() {
            let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
        }
    }
}

/// What was written, and what to do next.
fn next_steps(begun: &Begun, args: &Args, files: &[NewFile], ignores: bool) -> String {
    let mut text = String::new();
    for file in files {
        let _ = writeln!(text, "wrote {}", file.path);
    }
    if ignores {
        let _ = writeln!(text, "added to .gitignore: {}", IGNORED.join(", "));
    }
    let spec = files.first().map(|file| file.path.as_str()).unwrap_or_default();
    let _ = writeln!(text, "\nNext:");
    let who = "say in it who may call the models (`roleAssignments`)";
    if begun.from == From::Scratch && args.user.is_none() {
        let _ = writeln!(text, "  {spec}: {who}");
    }
    let _ = match begun.from {
        From::Scratch => {
            writeln!(
                text,
                "  keyless plan {spec} --sandbox    # without Azure; without `--sandbox`, on Azure"
            )
        }
        // The sandbox has nothing of what was read.
        From::Live => writeln!(text, "  keyless plan {spec}"),
    };
    if let Some(pipeline) = begun.answers.host.file() {
        let replace = if args.pin.is_some() && begun.answers.host == Platform::Github {
            "set up its identities"
        } else {
            "replace what is in capital letters, and set up its identities"
        };
        let _ = writeln!(
            text,
            "  {pipeline}: {replace} (docs/bootstrap.md and docs/pipelines.md in the repository of keyless)"
        );
        if let Some(branch) = branch().filter(|branch| branch != "main") {
            let _ = writeln!(
                text,
                "  {pipeline}: it applies what is on `main`, and this branch is `{branch}`: `git branch -m main`, or change it there"
            );
        }
    } else if let Some(pipeline) = other_pipeline() {
        let _ = writeln!(
            text,
            "  {pipeline}: if its jobs read all of specs/ for one stack, give each stack jobs of its own with `specs: {spec}`"
        );
    }
    text
}

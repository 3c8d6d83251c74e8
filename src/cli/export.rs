//! `keyless export`: a spec for live accounts, checked to plan no changes before it is printed.

use std::path::{Path, PathBuf};

use super::document::{Document, OutFile, Saying, all, json};
use super::options::{Format, Options};
use super::output::{self, Failure};
use super::session::{Session, block_on};
use super::{Exit, keys};
use crate::document::FindingEntry;
use crate::export::{Exported, Unexportable, Wanted, export, queries};
use crate::finding::{Finding, Severity};
use crate::id::ResourceId;
use crate::render::openmetrics::{self, Measures};
use crate::render::page::Page;
use crate::render::{diagnostic, export as render, html, markdown};
use crate::spec::{STACK_NAMES, is_group_name, is_stack_name};
use crate::text::scrub::holds_secret;
use crate::text::source::Sources;

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The subscription
    #[arg(long, value_name = "GUID", value_parser = keys::subscription)]
    subscription: ResourceId,
    /// Export only this resource group
    #[arg(long, value_name = "NAME", value_parser = group)]
    resource_group: Option<String>,
    /// Export only the account of this name and its contents
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Write the spec to this new file instead of stdout, if everything could be exported
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn group(text: &str) -> Result<String, &'static str> {
    if is_group_name(text) { Ok(text.to_owned()) } else { Err("not a valid name of a resource group") }
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    let wanted = Wanted {
        subscription: args.subscription.clone(),
        group: args.resource_group.clone(),
        account: args.account.clone(),
        stack: stack(options, args)?,
    };
    let out = args.out.as_deref().map(|path| new_file(options, path)).transpose()?;
    block_on(async {
        let session = Session::connect(options).await?;
        let exit = show(options, &session, &wanted, out).await;
        session.close().await;
        exit
    })
}

/// The file for the spec. An existing file may be an edited spec, so it is not overwritten.
fn new_file(options: &Options, path: &Path) -> Result<OutFile, Failure> {
    let out = OutFile::open(path, &[], options)?;
    if out.replaces_something() {
        return Err(Failure::new(format!(
            "`{}` already exists, and keyless does not overwrite it",
            path.display()
        ))
        .hint("name another file, or remove it first"));
    }
    Ok(out)
}

/// The stack's name: `--stack`, or the name of what is exported.
fn stack(options: &Options, args: &Args) -> Result<String, Failure> {
    let name = match options.stack.as_slice() {
        [] => {
            let named = args.account.as_ref().or(args.resource_group.as_ref());
            let name = named.map(|name| name.to_ascii_lowercase()).filter(|name| is_stack_name(name));
            return Ok(name.unwrap_or_else(|| "exported".to_owned()));
        }
        [name] => name,
        _ => {
            return Err(Failure::new("an export declares one stack, but several were given")
                .hint("give `--stack` once; KEYLESS_STACK counts too"));
        }
    };
    if !is_stack_name(name) {
        return Err(Failure::new(format!("`{name}` cannot name a stack")).hint(STACK_NAMES));
    }
    Ok(name.clone())
}

async fn show(
    options: &Options,
    session: &Session,
    wanted: &Wanted,
    out: Option<OutFile>,
) -> Result<Exit, Failure> {
    let (snapshot, _) = session.azure.read(&|snapshot| queries(wanted, snapshot)).await?;
    let exported = export(wanted, &snapshot).map_err(|why| failure(why, options.quiet))?;
    whole_text(&exported)?;
    let failed = exported.findings.iter().any(|finding| finding.severity == Severity::Error);
    let spec = ExportedSpec { exported: &exported, entries: entries(&exported) };
    let document = Document::Statement(&spec);
    let written = match &out {
        None => document.write(options),
        Some(out) => {
            let file = if failed { Ok(()) } else { out.write_new(&exported.text()) };
            // Text would only repeat the file.
            let shown = match options.format {
                Format::Human => document.write_reports(options),
                Format::Json | Format::Markdown | Format::Html => document.write(options),
            };
            all([file, shown])
        }
    };
    aside(&exported.findings, options.quiet);
    if !options.quiet {
        output::aside(&render::summary(&exported, session.azure.requests(), &session.azure.target));
    }
    written?;
    if let Some(out) = out.filter(|_| failed) {
        return Err(Failure::new(format!(
            "`{}` was not written: not everything could be exported",
            out.path().display()
        ))
        .hint("without `--out`, keyless prints what it could export"));
    }
    Ok(if failed { Exit::Failure } else { Exit::Success })
}

/// The spec as text, for a command that writes it; fails where not everything could be exported.
pub(super) async fn whole(options: &Options, wanted: &Wanted) -> Result<String, Failure> {
    let session = Session::connect(options).await?;
    let read = session.azure.read(&|snapshot| queries(wanted, snapshot)).await;
    session.close().await;
    let (snapshot, _) = read?;
    let exported = export(wanted, &snapshot).map_err(|why| failure(why, options.quiet))?;
    aside(&exported.findings, options.quiet);
    if exported.findings.iter().any(|finding| finding.severity == Severity::Error) {
        return Err(Failure::new("not everything could be exported; nothing was written")
            .hint("`keyless export` prints what it can"));
    }
    whole_text(&exported)
}

/// The spec as text, unless it has a secret in it.
fn whole_text(exported: &Exported) -> Result<String, Failure> {
    let text = exported.text();
    if holds_secret(&text) {
        return Err(Failure::new("the spec would contain a secret of this run; nothing was written").hint(
            "a live value contains a token or a secret: find it in the portal, and change the secret",
        ));
    }
    Ok(text)
}

fn entries(exported: &Exported) -> Vec<FindingEntry> {
    exported.findings.iter().map(|finding| FindingEntry::new(finding, &Sources::default())).collect()
}

fn aside(findings: &[Finding], quiet: bool) {
    let said = findings.iter().filter(|finding| !quiet || finding.severity == Severity::Error);
    let said: Vec<Finding> = said.cloned().collect();
    if !said.is_empty() {
        output::aside(&format!(
            "{}\n",
            diagnostic::render(&said, &Sources::default(), true, output::page_aside())
        ));
    }
}

fn failure(why: Unexportable, quiet: bool) -> Failure {
    let failure = Failure::new(why.to_string());
    match why {
        Unexportable::Unread(refusal) => {
            let failure = failure.cause(refusal.message);
            match refusal.hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        }
        Unexportable::NoGroup(_) => failure.hint("`az group list --query [].name` lists the resource groups"),
        Unexportable::Nothing { findings, .. } => {
            aside(&findings, quiet);
            failure.hint(if findings.is_empty() {
                "list the accounts with: az cognitiveservices account list --subscription ID --output table"
            } else {
                "the accounts that exist were left out, for the reasons above"
            })
        }
        Unexportable::Undeclarable { reason, hint } => failure.cause(reason).hint(hint),
    }
}

/// The spec as a command's result.
struct ExportedSpec<'a> {
    exported: &'a Exported,
    entries: Vec<FindingEntry>,
}

impl Saying for ExportedSpec<'_> {
    fn text(&self, _page: Page) -> String {
        self.exported.text()
    }

    fn markdown(&self) -> String {
        markdown::code("yaml", &self.exported.text())
    }

    fn html(&self) -> String {
        html::lines("export", &self.exported.text(), &self.entries)
    }

    fn json(&self) -> Result<String, Failure> {
        json(&self.exported.tree)
    }

    fn issues(&self) -> Vec<FindingEntry> {
        self.entries.clone()
    }

    fn measures(&self) -> Measures {
        vec![openmetrics::findings(&self.entries)]
    }
}

//! Reads specs: from files to typed values.
//!
//! The stages are in [`read`]: load (the only IO) → parse → substitute variables → check the structure → typed [`model::Spec`]. Each stage
//! reports everything it finds, with positions. What fields may contain beyond their types is checked by the kinds.
mod beside;
mod build;
pub(crate) mod conflict;
pub mod late;
pub mod load;
pub mod lock;
pub mod model;
mod names;
mod retire;
mod scalar;
mod schema;
pub(crate) mod secrets;
pub mod sections;
pub mod structure;
pub mod tree;
pub mod variables;
pub mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use crate::finding::{Code, Finding, Severity};
use crate::id::ResourceId;
use crate::text::source::{FileId, Sources, Span};
use beside::EnvironmentFiles;
use load::SpecFile;
use lock::Lock;
pub(crate) use names::is_group_name;
pub use names::{STACK_NAMES, is_stack_name};
use tree::YamlDocument;
use variables::{VariableInputs, Variables};

/// The number of findings after which no more are reported for a file.
const MAX_FINDINGS: usize = 1000;

/// A spec that was read without an error.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The tree with its variables substituted, and its positions.
    pub document: YamlDocument,
    /// The same, typed.
    pub spec: model::Spec,
    /// The principals of its names, if it has a lock file.
    pub lock: Option<Lock>,
    /// What the spec said before [`Loaded::retire`], if its stack is to be retired.
    pub retired: Option<Arc<Loaded>>,
    /// The specs that are loaded but not selected; the same for each selected spec.
    pub unselected: Arc<Vec<Loaded>>,
    /// What the stacks of a run say about each other's accounts; the same for each.
    pub neighbours: Arc<Neighbours>,
}

/// Accounts that one stack of a run makes and another one takes as given.
#[derive(Debug, Default)]
pub struct Neighbours {
    /// As their owners declare them.
    pub owned: BTreeMap<ResourceId, OwnedAccount>,
    /// Those in which stacks that take them as given declare projects.
    pub projects_in: BTreeSet<ResourceId>,
}

/// What the owner of an account declares that matters to stacks that take it as given.
#[derive(Debug)]
pub struct OwnedAccount {
    /// Its kind.
    pub kind: Option<String>,
    /// Its identities.
    pub identity: Option<model::Identity>,
    /// Whether it may have projects.
    pub allows_projects: Option<bool>,
}

impl Loaded {
    fn new(document: YamlDocument, spec: model::Spec) -> Self {
        Self {
            document,
            spec,
            lock: None,
            retired: None,
            unselected: Arc::default(),
            neighbours: Arc::default(),
        }
    }

    /// Whether its stack is to be retired: the spec then only names the places where the stack may own something.
    #[must_use]
    pub fn is_retired(&self) -> bool {
        self.retired.is_some()
    }
}

/// The specs that are loaded but not selected: nothing is read or written for them, but what they declare counts.
#[must_use]
pub fn unselected(stacks: &[Loaded]) -> &[Loaded] {
    stacks.first().map_or(&[], |loaded| loaded.unselected.as_slice())
}

/// Specs that declare nothing in this run although their declarations matter: those not selected, and what retired ones said before.
pub fn beside(stacks: &[Loaded]) -> impl Iterator<Item = &Loaded> {
    unselected(stacks).iter().chain(stacks.iter().filter_map(|loaded| loaded.retired.as_deref()))
}

/// Reads specs: those without errors, in the order of their files, and the findings about all of them.
pub fn read(
    paths: &[PathBuf],
    inputs: &VariableInputs,
    sources: &mut Sources,
    stdin: impl Read,
    check: fn(&[Loaded]) -> Vec<Finding>,
) -> (Vec<Loaded>, Vec<Finding>) {
    let (files, mut findings) = load::load(paths, sources, stdin);
    let (outside, problems) = outside(inputs, sources);
    // Variables in a broken file of variables are not known, so references to them are not reported as unknown.
    let complete = !has_error(&problems);
    findings.extend(problems);
    let mut loaded = Vec::new();
    let mut damaged = Vec::new();
    let mut beside = EnvironmentFiles::new(inputs, outside);
    // The variables that specs refer to; nothing where a spec could not be read as far as that.
    let mut used = Some(BTreeSet::new());
    for SpecFile { file, folders } in files {
        let (variables, of_environment) = beside.of(&folders, sources);
        let found = !has_error(&of_environment);
        findings.extend(of_environment);
        let (document, unread) = parse(file, sources);
        let known = document.is_some();
        let (one, names, mut problems) = read_file((document, unread), &variables, sources, &mut damaged);
        if inputs.beside.is_none() {
            let unknown =
                problems.iter_mut().filter(|problem| variables::is_nowhere(problem)).collect::<Vec<_>>();
            if let Some(hint) = (!unknown.is_empty()).then(|| beside::unchosen(&folders)).flatten() {
                for problem in unknown {
                    problem.hint = Some(hint.clone());
                }
            }
        }
        let lacks = beside.lacks(&folders, &names, file, sources);
        if !complete || !found || lacks.is_some() {
            problems.retain(|finding| finding.code != Code::UnknownVariable);
        }
        findings.extend(lacks);
        used = used.filter(|_| known).map(|used| &used | &names);
        findings.extend(problems);
        loaded.extend(one.filter(|_| complete));
    }
    findings.extend(beside.nowhere());
    findings.extend(used.filter(|_| complete).iter().flat_map(|used| variables::unused(inputs, used)));
    // Of a damaged file the rules say what they can; nothing further is done with it.
    // There may be a hundred thousand entries: they are copied only where there is something to put them together with.
    let all = if damaged.is_empty() { &loaded } else { &[damaged, loaded.clone()].concat() };
    if complete {
        let found = by_rules(all, &findings, check);
        findings.extend(found);
    }
    name_foreign_variables(&mut findings, sources);
    findings.sort_by_key(place);
    (loaded, capped(&variables::by_variable(findings, sources)))
}

/// What the rules find, except what follows from something that is reported already.
fn by_rules(all: &[Loaded], findings: &[Finding], check: fn(&[Loaded]) -> Vec<Finding>) -> Vec<Finding> {
    let reported: BTreeSet<Span> = findings.iter().filter_map(|finding| finding.span).collect();
    let (stand_ins, owners) = stand_ins(all);
    let mut found = check(all);
    found.retain(|finding| {
        finding.span.is_none_or(|span| {
            let follows = finding.code == Code::MissingField && owners.contains(&span);
            !reported.contains(&span) && !stand_ins.contains(&span) && !follows
        })
    });
    found
}

/// Adds to errors about values such as `$NAME` how a variable is written.
fn name_foreign_variables(findings: &mut [Finding], sources: &Sources) {
    for finding in findings {
        let span = finding.span.filter(|_| finding.severity == Severity::Error);
        let written = span.and_then(|span| sources.file(span.file).text.get(span.start..span.end));
        // What may be a secret is never repeated, and has a hint of its own.
        let is_secret =
            span.is_some_and(|span| sources.file(span.file).hidden(span.start..span.end).next().is_some());
        if let Some(name) = written.filter(|_| !is_secret).and_then(variables::foreign_name) {
            finding.hint = Some(format!("a variable is written `${{{name}}}`"));
        }
    }
}

/// The positions of values with findings, and those of principals that contain them: these may seem to lack a value that is present but
/// wrong.
fn stand_ins(damaged: &[Loaded]) -> (BTreeSet<Span>, BTreeSet<Span>) {
    let (mut values, mut owners) = (BTreeSet::new(), BTreeSet::new());
    for Loaded { document, .. } in damaged {
        for pointer in &document.reported {
            values.extend([document.value_span(pointer), document.key_span(pointer)]);
            let owner = pointer.rsplit_once('/').map_or("", |(owner, _)| owner);
            if owner.rsplit('/').nth(1) == Some("principals") {
                owners.insert(document.value_span(owner));
            }
        }
    }
    (values, owners)
}

/// Parses a file, and hides possible secrets in it from excerpts.
fn parse(file: FileId, sources: &mut Sources) -> (Option<YamlDocument>, Vec<Finding>) {
    let parsed = tree::parse(file, sources);
    let hidden = secrets::hidden(parsed.0.as_ref(), &sources.file(file).text);
    sources.hide(file, hidden);
    parsed
}

/// Reads the variables from outside of the specs.
fn outside(inputs: &VariableInputs, sources: &mut Sources) -> (Variables, Vec<Finding>) {
    let (files, mut findings) = load::load_variables(&inputs.files, sources);
    let mut documents = Vec::new();
    for file in files {
        let (document, problems) = parse(file, sources);
        documents.extend(document);
        findings.extend(problems);
    }
    let (variables, problems) = Variables::new(inputs, &documents);
    findings.extend(problems);
    (variables, findings)
}

/// Reads one file: all of its findings, in the order of the file, the variables that it refers to, and the spec if no finding is an error.
fn read_file(
    (document, mut findings): (Option<YamlDocument>, Vec<Finding>),
    outside: &Variables,
    sources: &Sources,
    damaged: &mut Vec<Loaded>,
) -> (Option<Loaded>, BTreeSet<String>, Vec<Finding>) {
    let mut used = BTreeSet::new();
    let loaded = document.and_then(|mut document| {
        findings.extend(variables::substitute(&mut document, outside, sources));
        used.clone_from(&document.used);
        structure::settle(&mut document);
        secrets::learn_names(&document);
        let wrong = structure::check(&document);
        findings.extend(structure::bare(&mut document, &wrong));
        findings.extend(wrong);
        // A value that could not be substituted was reported, perhaps in another file.
        if has_error(&findings) || !document.reported.is_empty() {
            let rest = rest_of(document);
            if rest.is_none() {
                let last = findings.iter().filter_map(|finding| finding.span).max();
                let message =
                    "names, roles and secrets of this file are checked once these problems are fixed";
                findings.push(Finding { span: last, ..Finding::note(Code::NotChecked, message) });
            }
            damaged.extend(rest);
            return None;
        }
        match model::Spec::deserialize(&document.tree) {
            Ok(spec) => Some(Loaded::new(document, spec)),
            Err(error) => {
                let finding =
                    Finding::error(Code::WrongType, "the spec matches its schema but could not be read");
                let finding = finding.at(document.span_of("")).cause(error.to_string());
                findings.push(finding.hint("this is a bug in keyless: please report it with the spec"));
                None
            }
        }
    });
    (loaded, used, findings)
}

/// The position of a finding, for sorting.
fn place(finding: &Finding) -> Option<(FileId, usize)> {
    finding.span.map(|span| (span.file, span.start))
}

/// Sorts findings and limits their number per file. Errors are kept before others, so that a file with an error never looks like one
/// without.
fn capped(findings: &[Finding]) -> Vec<Finding> {
    let mut kept = Vec::new();
    for mut of_file in
        findings.chunk_by(|a, b| place(a).map(|at| at.0) == place(b).map(|at| at.0)).map(<[_]>::to_vec)
    {
        let more = of_file.len().saturating_sub(MAX_FINDINGS);
        if more > 0 {
            of_file.sort_by_key(|finding| finding.severity);
            of_file.truncate(MAX_FINDINGS);
            of_file.sort_by_key(place);
            let note = format!("{more} more problems in this file are not shown");
            let span = of_file.last().and_then(|last| last.span);
            of_file.push(Finding { span, ..Finding::note(Code::TooLarge, note) });
        }
        kept.extend(of_file);
    }
    kept
}

/// What can be read of a document with problems.
fn rest_of(mut document: YamlDocument) -> Option<Loaded> {
    let (tree, lost) = structure::salvage(&document)?;
    document.tree = tree;
    document.reported.extend(lost);
    let spec = model::Spec::deserialize(&document.tree).ok()?;
    Some(Loaded::new(document, spec))
}

fn has_error(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

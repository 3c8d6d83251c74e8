//! `--env NAME`: of each spec, the file `NAME.vars.yaml` beside it.
//!
//! Reads those files, each once, and says which specs have none. A spec without one is an error only where it refers to a variable: it
//! would else be planned with what some other environment has.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::variables::{VariableInputs, Variables};
use super::{load, parse};
use crate::finding::{Code, Finding};
use crate::text::source::{FileId, Sources};

/// The files of an environment, as far as they were read.
pub(super) struct EnvironmentFiles<'a> {
    name: Option<&'a str>,
    /// What holds without any.
    outside: Variables,
    /// By path.
    read: BTreeMap<PathBuf, Variables>,
    /// Whether a spec was reported to be missing.
    is_reported: bool,
    /// The folders of the specs.
    folders: BTreeSet<PathBuf>,
}

impl<'a> EnvironmentFiles<'a> {
    pub(super) fn new(inputs: &'a VariableInputs, outside: Variables) -> Self {
        Self {
            name: inputs.beside.as_deref(),
            outside,
            read: BTreeMap::new(),
            is_reported: false,
            folders: BTreeSet::new(),
        }
    }

    /// The variables of a spec with these folders around it, and what there is to say of the file if it was not read before.
    pub(super) fn of(&mut self, folders: &[PathBuf], sources: &mut Sources) -> (Variables, Vec<Finding>) {
        self.folders.extend(folders.iter().cloned());
        let path = self.name.and_then(|name| load::variables_beside(folders, name));
        let Some(path) = path else { return (self.outside.clone(), Vec::new()) };
        if let Some(known) = self.read.get(&path) {
            return (known.clone(), Vec::new());
        }
        let (file, mut findings) = load::load_beside(&path, folders, sources);
        let document = file.and_then(|file| {
            let (document, problems) = parse(file, sources);
            findings.extend(problems);
            document
        });
        let variables = document.map_or_else(
            || self.outside.clone(),
            |document| {
                let (variables, problems) = self.outside.with_file(&document);
                findings.extend(problems);
                variables
            },
        );
        self.read.insert(path, variables.clone());
        (variables, findings)
    }

    /// That a spec refers to variables and has no file of the environment beside it.
    pub(super) fn lacks(
        &mut self,
        folders: &[PathBuf],
        used: &BTreeSet<String>,
        file: FileId,
        sources: &Sources,
    ) -> Option<Finding> {
        let name = self.name?;
        if used.is_empty() || load::variables_beside(folders, name).is_some() {
            return None;
        }
        self.is_reported = true;
        let spec = &sources.file(file).name;
        let message = format!("there is no `{name}.vars.yaml` beside `{spec}`, which refers to variables");
        let hint = instead(folders, name).unwrap_or_else(|| {
            "write that file in the spec's folder, or in a folder above it that the command line names; `{}` in it sets no variable"
                .to_owned()
        });
        Some(Finding::error(Code::UnreadableFile, message).hint(hint))
    }

    /// That there is no file of the environment at all.
    pub(super) fn nowhere(&self) -> Option<Finding> {
        let name = self.name.filter(|_| self.read.is_empty() && !self.is_reported)?;
        let message = format!("there is no `{name}.vars.yaml` beside the specs");
        let folders: Vec<PathBuf> = self.folders.iter().cloned().collect();
        let hint = instead(&folders, name).unwrap_or_else(|| {
            "`--env NAME` takes `NAME.vars.yaml` beside each spec: correct the name, or leave it out"
                .to_owned()
        });
        Some(Finding::error(Code::UnreadableFile, message).hint(hint))
    }
}

/// What to give instead of the name of an environment that has no file in these folders.
fn instead(folders: &[PathBuf], name: &str) -> Option<String> {
    if let Some(misnamed) = load::misnamed_beside(folders, name) {
        return Some(format!("rename `{misnamed}` to `{name}.vars.yaml`"));
    }
    let there = load::environments_beside(folders);
    (!there.is_empty()).then(|| format!("write that file, or use {}", options(&there)))
}

/// The hint to a spec that refers to unknown variables in a run without `--env`, if there are files of environments.
pub(super) fn unchosen(folders: &[PathBuf]) -> Option<String> {
    let there = load::environments_beside(folders);
    (!there.is_empty())
        .then(|| format!("pass {}: there is a file of variables for it beside this spec", options(&there)))
}

/// `--env dev` or `--env prod`.
fn options(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`--env {name}`")).collect();
    if names.len() > SHOWN {
        shown.push("another one".to_owned());
    }
    shown.join(" or ")
}

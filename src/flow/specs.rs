//! Reads and checks specs: the start of the flow.
//!
//! Reads only files. Findings are collected on the way; [`foreign_tenants`] adds those that need the caller's token.

use std::io::Read;
use std::path::PathBuf;

use serde_json::json;

use super::{locks, pins};
use crate::arm::auth::Claims;
use crate::document::{FindingEntry, Shard, hash};
use crate::finding::{Code, Finding, Severity};
use crate::kinds::account::Accounts;
use crate::kinds::{self, Declaring as _};
use crate::snapshot::Snapshot;
use crate::spec::model::Prune;
use crate::spec::variables::VariableInputs;
use crate::spec::{self, Loaded};
use crate::text::names::short;
use crate::text::source::{Sources, Span};

/// Specs that were read and checked.
#[derive(Clone, Default)]
pub(crate) struct Checked {
    pub stacks: Vec<Loaded>,
    /// All findings so far.
    pub findings: Vec<Finding>,
    /// The files, for positions.
    pub sources: Sources,
    /// The environment of `--env`.
    pub environment: Option<String>,
    /// The part of a fleet whose stacks are left.
    pub shard: Option<Box<Shard>>,
}

impl Checked {
    /// Reads and checks specs on their own.
    pub(crate) fn read(paths: &[PathBuf], stdin: impl Read, inputs: &VariableInputs) -> Self {
        let mut sources = Sources::default();
        let (stacks, findings) = spec::read(paths, inputs, &mut sources, stdin, kinds::check);
        let environment = inputs.beside.clone();
        let mut checked = Self { stacks, findings, sources, environment, shard: None };
        checked.check_environment();
        checked.in_order_of_files();
        checked
    }

    /// Warns of stacks that have one name in all environments of a subscription: each run takes what another environment has there for its
    /// own, deletes what its spec lacks, and reports the rest as drift.
    fn check_environment(&mut self) {
        let Some(environment) = &self.environment else { return };
        for loaded in self.stacks.iter().filter(|loaded| loaded.document.refers_to_variables()) {
            let varies = |pointer| {
                let span: Span = loaded.document.value_span(pointer);
                let text = &self.sources.file(span.file).text;
                text.get(span.start..span.end).is_some_and(|text| text.contains("${"))
            };
            if varies("/stack") || varies("/subscription") {
                continue;
            }
            let message = format!(
                "stack `{}` has this name in every environment, not only in `{environment}`: what other environments created counts as its own, and is deleted or drift",
                loaded.spec.stack
            );
            let hint = "give each environment a stack of its own, as in `stack: ml-${stage}`, or a subscription of its own";
            let finding = Finding::warning(Code::StackMismatch, message);
            self.findings.push(finding.at(loaded.document.value_span("/stack")).hint(hint));
        }
    }

    /// Reads the lock files beside the specs, and checks each spec against its own.
    pub(crate) fn with_locks(mut self) -> Self {
        // Whether or not a lock file exists, and whether or not its spec could be read.
        let paths: Vec<PathBuf> = self.sources.paths().iter().map(|path| locks::beside(path)).collect();
        for path in &paths {
            self.sources.note(path);
        }
        let environment = self.environment.as_deref();
        for loaded in &mut self.stacks {
            match locks::of(loaded, &self.sources) {
                Ok(lock) => loaded.lock = lock.map(|lock| lock.in_environment(environment)),
                Err(problem) => self.findings.push(*problem),
            }
            let lacking = locks::held_against(loaded, None);
            self.findings.extend(
                lacking
                    .into_iter()
                    .map(|finding| locks::with_file(finding, loaded, &self.sources, environment)),
            );
        }
        self.findings.extend(locks::contradictions(&self.stacks));
        self.in_order_of_files();
        self
    }

    /// Keeps the selected specs; of these, specs of stacks that the run is not pinned to are errors.
    pub(crate) fn select(mut self, selected: &[String], pinned: &[String]) -> Self {
        self.stacks = pins::select(selected, self.stacks, &mut self.findings);
        self.findings.extend(pins::other_stacks(pinned, &self.stacks));
        kinds::account::existing::introduce(&mut self.stacks);
        self.in_order_of_files();
        self
    }

    /// Makes the run delete everything that these stacks own in the domains that their specs name.
    pub(crate) fn retire(mut self, names: &[String]) -> Self {
        let is_left_out =
            |name: &String| spec::unselected(&self.stacks).iter().any(|loaded| loaded.spec.stack == *name);
        if let Some(shard) = self.shard.as_mut().filter(|_| !names.is_empty()) {
            shard.inputs = hash(&json!([shard.inputs, names]));
        }
        let is_empty = self.stacks.is_empty();
        let left_out: Vec<&String> = names.iter().filter(|name| is_left_out(name)).collect();
        for name in names {
            let found = self.stacks.iter_mut().find(|loaded| loaded.spec.stack == *name);
            match found {
                Some(loaded) if loaded.spec.prune == Prune::None => {
                    let message = format!(
                        "stack `{name}` cannot be retired: with `prune: none`, nothing of it is deleted"
                    );
                    let finding = Finding::error(Code::StackMismatch, message);
                    let hint = "remove the line to retire the stack";
                    self.findings.push(finding.at(loaded.document.value_span("/prune")).hint(hint));
                }
                Some(loaded) => loaded.retire(),
                // Another part of the fleet retires it.
                None if self.shard.is_some() && (is_empty || left_out.contains(&name)) => {}
                None if left_out.contains(&name) => {
                    let message = format!("`--retire {name}`: that stack is not selected");
                    let finding = Finding::error(Code::StackMismatch, message);
                    self.findings.push(finding.hint(format!("add `--select {name}`")));
                }
                // Its spec may be one that could not be read, which is reported already.
                None if has_error(&self.findings) => {}
                None => {
                    let message = format!("`--retire {}` needs the spec of that stack", short(name));
                    let finding = Finding::error(Code::StackMismatch, message);
                    // Each part of a fleet says the same.
                    let all = self.stacks.iter().chain(spec::unselected(&self.stacks));
                    let hint = pins::meant(name, all).unwrap_or_else(|| {
                        "the spec says where the stack may own something: pass it, from an earlier commit if it was removed".to_owned()
                    });
                    self.findings.push(finding.hint(hint));
                }
            }
        }
        kinds::account::existing::introduce(&mut self.stacks);
        self
    }

    /// Adds notes about names that only Azure can verify, for a run that does not connect to it.
    pub(crate) fn with_unjudged(mut self) -> Self {
        self.findings.extend(kinds::unjudged(&self.stacks));
        self.in_order_of_files();
        self
    }

    /// Sorts findings by file: stages add them in turn, but people read file by file.
    fn in_order_of_files(&mut self) {
        self.findings.sort_by_key(|finding| finding.span);
    }

    pub(crate) fn has_errors(&self) -> bool {
        has_error(&self.findings)
    }

    pub(crate) fn errors(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error).count()
    }

    /// The address of each declared account, and its position.
    pub(crate) fn accounts(&self) -> Vec<(String, Span)> {
        let desired = self.stacks.iter().flat_map(|loaded| Accounts.desired(loaded, &Snapshot::default()));
        desired.map(|desired| (desired.address, desired.span)).collect()
    }

    /// Findings as documents hold them.
    pub(crate) fn entries(&self) -> Vec<FindingEntry> {
        self.findings.iter().map(|finding| FindingEntry::new(finding, &self.sources)).collect()
    }
}

fn has_error(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

/// Errors for declared tenants other than the caller's.
pub(super) fn foreign_tenants(stacks: &[Loaded], claims: &Claims) -> Vec<Finding> {
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

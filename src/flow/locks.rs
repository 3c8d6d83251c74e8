//! Lock files: read from beside their specs, checked against them, and compared with the directory.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::files;
use crate::finding::{Code, Finding};
use crate::kinds::role_assignment::{principal_queries, principals_of};
use crate::spec::Loaded;
use crate::spec::conflict::conflicts;
use crate::spec::lock::{Lock, LockEntry};
use crate::text::sanitize::sanitize;
use crate::text::source::Sources;

/// Largest lock file in bytes.
const LARGEST: u64 = 64 << 20;

/// The path of the lock file for a spec.
pub(super) fn beside(spec: &Path) -> PathBuf {
    spec.with_extension("lock.json")
}

/// The path of a spec's lock file; a spec from stdin has none.
pub(crate) fn path_of(loaded: &Loaded, sources: &Sources) -> Option<PathBuf> {
    let name = &sources.file(loaded.document.file).name;
    (name != "<stdin>").then(|| beside(Path::new(name)))
}

/// Whether a spec has names that need a lock file.
pub(crate) fn is_needed(loaded: &Loaded) -> bool {
    !principal_queries(std::slice::from_ref(loaded)).is_empty()
}

/// Whether a path is a regular file itself, not a link.
pub(crate) fn is_plain(path: &Path) -> io::Result<bool> {
    std::fs::symlink_metadata(path).map(|about| about.is_file())
}

/// The lock file of a spec, if there is one.
pub(super) fn of(loaded: &Loaded, sources: &Sources) -> Result<Option<Lock>, Box<Finding>> {
    let read = path_of(loaded, sources).as_deref().map(read).transpose();
    let at_stack = |problem: Box<Finding>| Box::new(problem.at(loaded.document.value_span("/stack")));
    read.map(Option::flatten).map_err(at_stack)
}

/// Problems with a spec's lock file. Its tenant can only be checked after sign-in.
pub(super) fn held_against(loaded: &Loaded, tenant: Option<Uuid>) -> Vec<Finding> {
    let lock = loaded.lock.as_ref();
    lock.map(|lock| lock.problems(loaded, &principals_of(&loaded.spec), tenant)).unwrap_or_default()
}

/// Names that two lock files of the run give different ids: one of them is wrong, and either might give or take access.
pub(super) fn contradictions(stacks: &[Loaded]) -> Vec<Finding> {
    let mut known: BTreeMap<(&str, String), Vec<(&LockEntry, &str)>> = BTreeMap::new();
    let mut findings = Vec::new();
    for loaded in stacks {
        for entry in loaded.lock.iter().flat_map(|lock| &lock.principals) {
            let earlier =
                known.entry((entry.principal_type.as_str(), entry.name.to_lowercase())).or_default();
            let other = earlier.iter().find(|(other, _)| other.is_like(entry) && other.id != entry.id);
            if let Some((other, stack)) = other {
                let message = format!(
                    "the lock files of stacks `{stack}` and `{}` disagree about {}: {} and {}",
                    loaded.spec.stack,
                    entry.shown(),
                    other.id,
                    entry.id
                );
                let hint = "run `keyless lock` for both as someone who can read the directory, and review the changes";
                findings.push(
                    Finding::error(Code::LockOutdated, message)
                        .at(loaded.document.value_span("/stack"))
                        .hint(hint),
                );
            }
            earlier.push((entry, &loaded.spec.stack));
        }
    }
    findings
}

/// A finding about what a lock file lacks, with the file and the command that adds it.
pub(super) fn with_file(
    mut finding: Finding,
    loaded: &Loaded,
    sources: &Sources,
    environment: Option<&str>,
) -> Finding {
    if let Some(path) = path_of(loaded, sources) {
        let path = sanitize(&path.to_string_lossy()).into_owned();
        let of = environment.map(|name| format!(" for environment `{name}`")).unwrap_or_default();
        if let Some(rest) = finding.message.strip_prefix("the lock file does not contain ") {
            finding.message = format!("the lock file `{path}` does not contain {rest}{of}");
        }
        if let (Some(name), Some(hint)) = (environment, &finding.hint) {
            finding.hint = Some(hint.replace("`keyless lock`", &format!("`keyless lock --env {name}`")));
        }
    }
    finding
}

/// A new lock file with the entries of the standing one that other environments name, if the spec refers to variables. What a lock file
/// holds and no spec names gives no access.
pub(crate) fn merged(
    loaded: &Loaded,
    fresh: &Lock,
    sources: &Sources,
    environment: Option<&str>,
) -> Result<Lock, Box<Finding>> {
    let Some(standing) = of(loaded, sources)?.filter(|_| loaded.document.refers_to_variables()) else {
        return Ok(fresh.clone());
    };
    Ok(standing.kept_with(fresh, environment))
}

/// How a spec's lock file differs from a new one, or why that is not known.
pub(crate) fn differences(
    loaded: &Loaded,
    fresh: &Lock,
    sources: &Sources,
    environment: Option<&str>,
) -> Vec<Finding> {
    match of(loaded, sources) {
        Ok(None) if fresh.principals.is_empty() => Vec::new(),
        Ok(None) => {
            let path = path_of(loaded, sources).unwrap_or_default();
            let message = format!("there is no lock file `{}`", sanitize(&path.to_string_lossy()));
            let finding =
                Finding::error(Code::LockOutdated, message).at(loaded.document.value_span("/stack"));
            vec![
                finding.hint("run `keyless lock` as someone who can read the directory, and commit the file"),
            ]
        }
        Ok(Some(standing)) => {
            let shared = loaded.document.refers_to_variables();
            let named = principals_of(&loaded.spec);
            let environment = environment.filter(|_| shared);
            let standing =
                if shared { standing.without_strangers(fresh, &named, environment) } else { standing };
            standing.differences(fresh, loaded, &named, environment)
        }
        Err(problem) => vec![*problem],
    }
}

/// Reads a lock file, if there is one. Links are not followed, since they could lead anywhere.
fn read(path: &Path) -> Result<Option<Lock>, Box<Finding>> {
    let unusable = |cause: String| {
        let message = format!("could not use lock file `{}`", path.display());
        let hint = "remove it, or recreate it with `keyless lock`";
        Box::new(Finding::error(Code::LockOutdated, message).cause(cause).hint(hint))
    };
    match is_plain(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(error.to_string())),
        Ok(false) => return Err(unusable("it is not a regular file".to_owned())),
        Ok(true) => {}
    }
    let text = files::read_text(path, LARGEST).map_err(|error| unusable(error.to_string()))?;
    Lock::parse(&text).map(Some).map_err(|error| match conflicts(&text).first() {
        Some(conflict) => {
            let line = 1 + text[..conflict.start].matches('\n').count();
            unusable(format!("line {line} begins an unresolved merge conflict"))
        }
        None => unusable(error.to_string()),
    })
}

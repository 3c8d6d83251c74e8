//! Lock files: read from beside their specs, checked against them, and compared with the directory.

use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::files;
use crate::finding::{Code, Finding};
use crate::kinds::role_assignment::{principal_queries, principals_of};
use crate::source::Sources;
use crate::spec::Loaded;
use crate::spec::conflict::conflicts;
use crate::spec::lock::Lock;

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

/// How a spec's lock file differs from a new one, or why that is not known.
pub(crate) fn differences(loaded: &Loaded, fresh: &Lock, sources: &Sources) -> Vec<Finding> {
    match of(loaded, sources) {
        Ok(standing) => {
            let none = || Lock { principals: Vec::new(), ..fresh.clone() };
            let standing = standing.unwrap_or_else(none);
            standing.differences(fresh, loaded, &principals_of(&loaded.spec))
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

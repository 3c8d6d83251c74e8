//! The state file: read once, replaced as a whole, one owner at a time.
//!
//! A save writes a neighbour, syncs it and renames it, so that a killed sandbox leaves either
//! the old state or the new one. The lock is a file of its own because renaming replaces the
//! locked one.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::Error;
use super::state::{State, VERSION};

/// A state file that this process owns.
#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
    /// Held, not read: dropping it gives the file free.
    _lock: File,
}

impl Store {
    /// Takes a state file into possession, and creates its folder if needed.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::State { path: path.to_owned(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let lock = private().truncate(false).open(beside(path, "lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// The saved state, if there is one.
    pub(super) fn load(&self) -> Result<Option<State>, Error> {
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::State { path: self.path.clone(), source }),
        };
        let state: State = serde_json::from_slice(&text)
            .map_err(|source| Error::NotState { path: self.path.clone(), source })?;
        if state.version == VERSION {
            Ok(Some(state))
        } else {
            Err(Error::Version { path: self.path.clone(), found: state.version })
        }
    }

    /// Replaces the saved state; when this returns it is on disk.
    pub(super) fn save(&self, text: &[u8]) -> std::io::Result<()> {
        let fresh = beside(&self.path, "new");
        let mut file = private().truncate(true).open(&fresh)?;
        file.write_all(text)?;
        file.sync_all()?;
        std::fs::rename(&fresh, &self.path)?;
        // The new name must survive a power cut as well.
        match self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) => File::open(folder)?.sync_all(),
            None => File::open(".")?.sync_all(),
        }
    }

    /// Removes the saved state.
    pub(super) fn remove(&self) -> Result<(), Error> {
        match std::fs::remove_file(&self.path) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                Err(Error::State { path: self.path.clone(), source })
            }
            _ => Ok(()),
        }
    }
}

/// `state.json` → `state.json.lock`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

/// Options of a file that nobody else may read: state holds what account keys derive from.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded_and_nobody_else_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/state.json");
        let store = Store::open(&path).unwrap();
        assert_eq!(store.load().unwrap(), None);
        let state = State::new(String::from("secret"));
        store.save(&serde_json::to_vec(&state).unwrap()).unwrap();
        assert_eq!(store.load().unwrap(), Some(state));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        store.remove().unwrap();
        store.remove().unwrap();
        assert_eq!(store.load().unwrap(), None);
    }

    #[test]
    fn a_second_owner_is_refused_until_the_first_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let first = Store::open(&path).unwrap();
        assert!(matches!(Store::open(&path), Err(Error::InUse { .. })));
        drop(first);
        assert!(Store::open(&path).is_ok());
    }

    #[test]
    fn a_torn_or_foreign_file_is_an_error_not_an_empty_state() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let store = Store::open(&path).unwrap();
        for text in ["", "{", "[]", "{\"version\":1}"] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(store.load(), Err(Error::NotState { .. })), "{text}");
        }
    }
}

//! The state file and its journal: read once, one owner at a time.
//!
//! A change appends a line to the journal and syncs it; now and then the whole state is rewritten
//! and the journal starts again. A killed sandbox leaves a snapshot and the changes since,
//! perhaps with a torn last line, which was never answered. The lock is a file of its own because
//! renaming replaces the locked one.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Error as IoError, ErrorKind, Result as IoResult, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

#[cfg(test)]
use super::Subscription;
use super::{State, VERSION};
use crate::sandbox::Error;
use crate::sandbox::http::to_json;

/// A journal is folded into the snapshot once it is larger than this and twice the snapshot.
const FOLD: u64 = 4 * 1024 * 1024;

/// A state file that this process owns.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    journal: Mutex<Journal>,
    /// Held only for the lock: dropping it releases the file.
    _lock: File,
}

/// The journal that belongs to the snapshot on disk.
#[derive(Debug, Default)]
struct Journal {
    /// None until there is a snapshot of this run.
    file: Option<File>,
    bytes: u64,
    snapshot_bytes: u64,
    /// Whether it has lines, perhaps from an earlier run.
    lines: bool,
}

/// First line of a journal: the snapshot that it continues.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Head {
    snapshot: String,
}

impl Store {
    /// Locks a state file, and creates its folder if needed.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::State { path: path.to_owned(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let lock = private().truncate(false).open(beside(path, "lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), journal: Mutex::default(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// The saved state, if there is one: the snapshot and what was changed since.
    pub(crate) fn load(&self) -> Result<Option<State>, Error> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Some(text) = Self::read(&self.path)? else { return Ok(None) };
        let foreign = |source| Error::NotState { path: self.path.clone(), source };
        let found: Versioned = serde_json::from_slice(&text).map_err(foreign)?;
        if found.version != VERSION {
            return Err(Error::Version { path: self.path.clone(), found: found.version });
        }
        let mut lines = false;
        let mut state: State = serde_json::from_slice(&text).map_err(foreign)?;
        let path = self.journal_path();
        if let Some(journal) = Self::read(&path)? {
            lines = replay(&mut state, &journal).map_err(|source| Error::NotState { path, source })?;
        }
        self.journal.lock().unwrap_or_else(PoisonError::into_inner).lines = lines;
        state.rebuild();
        Ok(Some(state))
    }

    fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
        // Reading a device or a pipe might never end.
        let plain = std::fs::metadata(path).and_then(|about| {
            if about.is_file() { Ok(()) } else { Err(IoError::other("it is not a regular file")) }
        });
        match plain.and_then(|()| std::fs::read(path)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::State { path: path.to_owned(), source }),
        }
    }

    fn journal_path(&self) -> PathBuf {
        beside(&self.path, "journal")
    }

    /// Replaces the snapshot and begins a new journal; when this returns both are on disk.
    pub(crate) fn save(&self, snapshot: &str, text: &[u8]) -> IoResult<()> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        // Until this is done there is nothing to append to.
        *journal = Journal::default();
        replace(&self.path, text)?;
        // A kill from here on leaves a journal of another snapshot, which is not read.
        let mut head = to_json(&Head { snapshot: snapshot.to_owned() });
        head.push('\n');
        let file = replace(&self.journal_path(), head.as_bytes())?;
        // The new names must survive a power cut as well.
        match self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) => File::open(folder)?.sync_all()?,
            None => File::open(".")?.sync_all()?,
        }
        let length = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        *journal = Journal {
            file: Some(file),
            bytes: length(head.len()),
            snapshot_bytes: length(text.len()),
            lines: false,
        };
        Ok(())
    }

    /// Appends lines to the journal; when this returns they are on disk.
    pub(crate) fn append(&self, lines: &[u8]) -> IoResult<()> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = &mut journal.file else {
            return Err(IoError::other("there is no journal"));
        };
        if let Err(error) = file.write_all(lines).and_then(|()| file.sync_data()) {
            // The file may end in half a line now; only a new snapshot is safe.
            *journal = Journal::default();
            return Err(error);
        }
        journal.lines = true;
        journal.bytes = journal.bytes.saturating_add(u64::try_from(lines.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Whether the next save should be a snapshot.
    pub(crate) fn wants_snapshot(&self) -> bool {
        let journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        journal.file.is_none() || journal.bytes > FOLD.max(journal.snapshot_bytes.saturating_mul(2))
    }

    /// Whether the journal may have lines.
    pub(crate) fn has_lines(&self) -> bool {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner).lines
    }

    /// Removes the saved state.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        // A journal without its snapshot is not read.
        for path in [self.path.clone(), self.journal_path()] {
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(Error::State { path, source });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Applies a journal to its snapshot, and returns whether it had any lines.
fn replay(state: &mut State, journal: &[u8]) -> Result<bool, serde_json::Error> {
    // Text after the last line break was cut by a kill, and its request never answered.
    let whole = journal.iter().rposition(|byte| *byte == b'\n').map_or(&[][..], |end| &journal[..end]);
    let mut lines = whole.split(|byte| *byte == b'\n');
    let head: Option<Head> = lines.next().and_then(|head| serde_json::from_slice(head).ok());
    if head.is_none_or(|head| head.snapshot != state.snapshot) {
        return Ok(false);
    }
    let mut any = false;
    for line in lines {
        state.apply(line)?;
        any = true;
    }
    Ok(any)
}

/// `state.json` → `state.json.lock`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

/// Replaces a file atomically and syncs it; a symbolic link in its place is replaced, not followed.
fn replace(path: &Path, text: &[u8]) -> IoResult<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut fresh = tempfile::Builder::new().prefix(".sandbox-").rand_bytes(16).tempfile_in(folder)?;
    fresh.write_all(text)?;
    fresh.as_file().sync_all()?;
    Ok(fresh.persist(path)?)
}

/// Options of a file that only its owner may read: account keys derive from the state.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> (tempfile::TempDir, PathBuf, Store) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/state.json");
        let store = Store::open(&path).unwrap();
        (folder, path, store)
    }

    fn saved(store: &Store, snapshot: &str) -> State {
        let mut state = State::new(String::from("secret"));
        state.snapshot = snapshot.to_owned();
        store.save(snapshot, &serde_json::to_vec(&state).unwrap()).unwrap();
        state
    }

    fn line(state: &mut State, id: &str) -> Vec<u8> {
        state.subscriptions.insert(id.to_owned(), Subscription { id: id.to_owned(), name: String::new() });
        state.drain().into_bytes()
    }

    #[test]
    fn what_is_saved_is_loaded_and_nobody_else_may_read_it() {
        let (_folder, path, store) = opened();
        assert_eq!(store.load().unwrap(), None);
        let mut state = saved(&store, "one");
        assert_eq!(store.load().unwrap().as_ref(), Some(&state));
        let line = line(&mut state, "s");
        store.append(&line).unwrap();
        assert_eq!(store.load().unwrap(), Some(state));
        #[cfg(unix)]
        for path in [&path, &beside(&path, "journal")] {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        store.remove().unwrap();
        store.remove().unwrap();
        assert_eq!(store.load().unwrap(), None);
        assert!(!beside(&path, "journal").exists());
    }

    #[test]
    fn a_kill_at_any_byte_of_the_journal_loses_only_the_torn_line() {
        let (_folder, path, store) = opened();
        let mut state = saved(&store, "one");
        let mut ends = vec![(std::fs::read(beside(&path, "journal")).unwrap().len(), 0)];
        for (count, id) in (1..).zip(["a", "b", "c"]) {
            let line = line(&mut state, id);
            store.append(&line).unwrap();
            ends.push((std::fs::read(beside(&path, "journal")).unwrap().len(), count));
        }
        let whole = std::fs::read(beside(&path, "journal")).unwrap();
        for cut in 0..=whole.len() {
            std::fs::write(beside(&path, "journal"), &whole[..cut]).unwrap();
            let expected = ends.iter().rev().find(|(end, _)| *end <= cut).map_or(0, |(_, count)| *count);
            assert_eq!(store.load().unwrap().unwrap().subscriptions.len(), expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_journal_of_another_snapshot_is_not_read() {
        let (_folder, path, store) = opened();
        let mut state = saved(&store, "one");
        let line = line(&mut state, "s");
        store.append(&line).unwrap();
        let old = std::fs::read(beside(&path, "journal")).unwrap();
        saved(&store, "two");
        std::fs::write(beside(&path, "journal"), old).unwrap();
        assert_eq!(store.load().unwrap().unwrap().subscriptions.len(), 0);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(store.load().unwrap(), None, "nor one without a snapshot");
    }

    #[test]
    fn a_second_owner_is_refused_until_the_first_lets_go() {
        let (_folder, path, first) = opened();
        assert!(matches!(Store::open(&path), Err(Error::InUse { .. })));
        drop(first);
        assert!(Store::open(&path).is_ok());
    }

    #[test]
    fn a_torn_or_foreign_file_is_an_error_not_an_empty_state() {
        let (_folder, path, store) = opened();
        for text in ["", "{", "[]", "{\"version\":2}"] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(store.load(), Err(Error::NotState { .. })), "{text}");
        }
        std::fs::write(&path, "{\"version\":1,\"else\":0}").unwrap();
        assert!(matches!(store.load(), Err(Error::Version { found: 1, .. })));
        saved(&store, "one");
        for damage in ["nonsense\n", "{\"tables\":{\"nobody\":{}}}\n"] {
            let text = format!("{{\"snapshot\":\"one\"}}\n{damage}");
            std::fs::write(beside(&path, "journal"), text).unwrap();
            assert!(matches!(store.load(), Err(Error::NotState { .. })), "{damage}");
        }
    }
}

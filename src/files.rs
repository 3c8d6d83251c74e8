//! Files (IO): reading up to a limit, and writing all or nothing.
//!
//! A path from a command line, a folder or the environment may be anything: an endless device, a pipe that is never written to, a link made
//! by somebody else. [`read`] and [`open`] report that instead of waiting or reading forever. A [`OutputFile`] is opened before the work whose
//! result it takes, so that problems are known before Azure is queried.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

/// How long to wait for a reader of a named pipe.
const READER_WAIT: Duration = Duration::from_secs(10);
/// The maximum length of a chain of links.
const MAX_LINKS: usize = 40;

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("it is a folder")]
    Folder,
    #[error("it is a named pipe, which may never be written to")]
    NamedPipe,
    #[error("it is over {} MiB", limit >> 20)]
    TooLarge { limit: u64 },
    #[error("it is not UTF-8")]
    NotUtf8,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Opens a file for reading. A named pipe is refused, because opening it waits for a writer; `/dev/fd/63`, from the shell's `<(...)`, is
/// already open.
pub(crate) fn open(path: &Path) -> Result<File, ReadError> {
    let about = fs::metadata(path)?;
    if about.is_dir() {
        return Err(ReadError::Folder);
    }
    if is_pipe(&about) && !is_descriptor(path) && path.canonicalize().is_ok() {
        return Err(ReadError::NamedPipe);
    }
    Ok(File::open(path)?)
}

/// The bytes of a file, up to a limit.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let file = open(path)?;
    if is_over(&file, limit) { Err(ReadError::TooLarge { limit }) } else { read_all(file, limit) }
}

/// The text of a file of at most `limit` bytes.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String, ReadError> {
    String::from_utf8(read(path, limit)?).map_err(|_| ReadError::NotUtf8)
}

/// Whether a file is larger than the limit.
pub(crate) fn is_over(file: &File, limit: u64) -> bool {
    file.metadata().is_ok_and(|about| about.is_file() && about.len() > limit)
}

/// Reads to the end, up to a limit.
pub(crate) fn read_all(from: impl Read, limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    from.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
        Ok(bytes)
    } else {
        Err(ReadError::TooLarge { limit })
    }
}

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("it is a folder")]
    Folder,
    #[error("this run also reads it")]
    Input,
    #[error("this run already writes it")]
    Twice,
    #[error("it was created since this run started")]
    Appeared,
    #[error("folder `{}` does not exist", .0.display())]
    NoFolder(PathBuf),
    #[error("it is a pipe without a reader for {} s", READER_WAIT.as_secs())]
    NobodyReads,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A file to write, checked in advance.
#[derive(Debug)]
pub(crate) struct OutputFile(Sink);

#[derive(Debug)]
enum Sink {
    /// A regular file, or none yet: a complete draft next to it replaces it.
    Replace { real: PathBuf, old: Option<Metadata> },
    /// A regular file in a folder where no draft can be created.
    Rewrite(File),
    /// A pipe, a terminal or a device, which is written directly.
    Stream(File),
}

impl OutputFile {
    /// Checks a path and opens what must not be replaced. Refuses files among `inputs`, by any name, and files already in `others`.
    pub(crate) fn open<'a>(
        path: &Path,
        inputs: &[PathBuf],
        others: impl IntoIterator<Item = &'a OutputFile>,
    ) -> Result<Self, WriteError> {
        let sink = match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let real = destination(path)?;
                // The run may be about to create it.
                if inputs.iter().any(|input| destination(input).is_ok_and(|input| input == real)) {
                    return Err(WriteError::Input);
                }
                draft(&real, None)?;
                Sink::Replace { real, old: None }
            }
            Err(error) => return Err(error.into()),
            Ok(about) if about.is_dir() => return Err(WriteError::Folder),
            Ok(about) => existing(path, about, inputs)?,
        };
        let taken = |other: &OutputFile| match (&other.0, &sink) {
            (Sink::Replace { real: first, .. }, Sink::Replace { real: second, .. }) => first == second,
            _ => false,
        };
        if others.into_iter().any(taken) { Err(WriteError::Twice) } else { Ok(Self(sink)) }
    }

    /// Whether writing would overwrite existing content.
    pub(crate) fn replaces_something(&self) -> bool {
        match &self.0 {
            Sink::Replace { old, .. } => old.as_ref().is_some_and(|old| old.len() > 0),
            Sink::Rewrite(file) => file.metadata().is_ok_and(|about| about.len() > 0),
            Sink::Stream(_) => false,
        }
    }

    /// Writes everything. A regular file keeps its content until the last byte is on disk, and no draft remains. A file created since
    /// opening is replaced.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), WriteError> {
        self.place(bytes, false)
    }

    /// The same, but a file created since opening stays, and is an error.
    pub(crate) fn write_new(&self, bytes: &[u8]) -> Result<(), WriteError> {
        self.place(bytes, true)
    }

    fn place(&self, bytes: &[u8], new: bool) -> Result<(), WriteError> {
        match &self.0 {
            Sink::Stream(file) => write_all(file, bytes)?,
            Sink::Rewrite(file) => rewrite(file, bytes)?,
            Sink::Replace { real, old } => {
                let draft = draft(real, old.as_ref())?;
                write_all(draft.as_file(), bytes)?;
                keep_owner_and_mode(draft.as_file(), old.as_ref())?;
                draft.as_file().sync_all()?;
                let new = new && old.is_none();
                match if new { draft.persist_noclobber(real) } else { draft.persist(real) } {
                    Ok(_) => {}
                    Err(error) if new && error.error.kind() == ErrorKind::AlreadyExists => {
                        return Err(WriteError::Appeared);
                    }
                    // A file that is mounted by itself, as in containers, cannot be replaced.
                    Err(error) if error.error.kind() == ErrorKind::ResourceBusy => {
                        rewrite(&OpenOptions::new().write(true).open(real)?, bytes)?;
                    }
                    Err(error) => return Err(error.error.into()),
                }
            }
        }
        Ok(())
    }
}

/// How to write to an existing file.
fn existing(path: &Path, about: Metadata, inputs: &[PathBuf]) -> Result<Sink, WriteError> {
    if let Some(stream) = standard_stream(&about) {
        return Ok(Sink::Stream(stream));
    }
    if !about.is_file() {
        return Ok(Sink::Stream(open_stream(path.to_owned())?));
    }
    if inputs.iter().any(|input| is_same(input, path, &about)) {
        return Err(WriteError::Input);
    }
    if is_descriptor(path) {
        return Ok(Sink::Stream(OpenOptions::new().append(true).open(path)?));
    }
    let real = path.canonicalize()?;
    // A file without write permission is not replaced either.
    let file = OpenOptions::new().write(true).open(&real)?;
    match draft(&real, Some(&about)) {
        Ok(_) => Ok(Sink::Replace { real, old: Some(about) }),
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            Ok(Sink::Rewrite(file))
        }
        Err(error) => Err(error.into()),
    }
}

/// An empty file next to another, with an unpredictable name; removed when dropped.
fn draft(real: &Path, old: Option<&Metadata>) -> io::Result<tempfile::NamedTempFile> {
    let mut draft = tempfile::Builder::new();
    draft.prefix(".keyless-").suffix(".draft").rand_bytes(16);
    #[cfg(unix)]
    {
        // A draft that replaces a file is private until it gets that file's mode; a new file follows `umask`.
        let mode = if old.is_some() { 0o600 } else { 0o666 };
        draft.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    }
    let folder = real.parent().unwrap_or(Path::new("/"));
    draft.tempfile_in(folder).map_err(|error| {
        // The draft's own name would be confusing.
        let what = format!("cannot create a file in folder `{}` ({})", folder.display(), error.kind());
        io::Error::new(error.kind(), what)
    })
}

fn keep_owner_and_mode(file: &File, old: Option<&Metadata>) -> io::Result<()> {
    let Some(old) = old else { return Ok(()) };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        // Only root may change the owner; other users own their new files.
        let _ = std::os::unix::fs::fchown(file, Some(old.uid()), Some(old.gid()));
    }
    let mode: Permissions = old.permissions();
    file.set_permissions(mode)
}

fn write_all(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes).and_then(|()| file.flush())
}

fn rewrite(file: &File, bytes: &[u8]) -> io::Result<()> {
    file.set_len(0)?;
    write_all(file, bytes)?;
    file.sync_all()
}

/// The destination of a path without a file: broken links are followed, so that they stay links.
fn destination(path: &Path) -> Result<PathBuf, WriteError> {
    let mut path = path.to_owned();
    let mut links = 0;
    while let Ok(next) = fs::read_link(&path) {
        links += 1;
        if links > MAX_LINKS {
            return Err(io::Error::new(ErrorKind::InvalidInput, "its links form a circle").into());
        }
        path = folder_of(&path).join(next);
    }
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it does not name a file").into());
    };
    let folder = folder_of(&path);
    match folder.canonicalize() {
        Ok(real) => Ok(real.join(name)),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(WriteError::NoFolder(folder.to_owned())),
        Err(error) => Err(error.into()),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Opens a pipe or a device. A thread that still waits for a reader ends with the process.
fn open_stream(path: PathBuf) -> Result<File, WriteError> {
    let (send, opened) = mpsc::channel();
    std::thread::spawn(move || send.send(OpenOptions::new().write(true).open(path)));
    match opened.recv_timeout(READER_WAIT) {
        Ok(file) => Ok(file?),
        Err(_) => Err(WriteError::NobodyReads),
    }
}

/// Whether a path names something that this process has already opened.
fn is_descriptor(path: &Path) -> bool {
    let mut parts = path.components().skip(1).map(Component::as_os_str);
    match parts.next() {
        Some(first) if first == "dev" => parts.next().is_some_and(|second| second == "fd"),
        Some(first) if first == "proc" => parts.nth(1).is_some_and(|third| third == "fd"),
        _ => false,
    }
}

#[cfg(unix)]
fn is_pipe(about: &Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&about.file_type())
}

#[cfg(not(unix))]
fn is_pipe(_: &Metadata) -> bool {
    false
}

/// Stdout or stderr, if the path names one. Opening it again would overwrite it from the start.
#[cfg(unix)]
fn standard_stream(about: &Metadata) -> Option<File> {
    use std::os::fd::{AsFd as _, BorrowedFd};
    let same = |stream: BorrowedFd<'_>| {
        let file = File::from(stream.try_clone_to_owned().ok()?);
        let own = file.metadata().ok()?;
        (identity(&own) == identity(about)).then_some(file)
    };
    same(io::stdout().as_fd()).or_else(|| same(io::stderr().as_fd()))
}

#[cfg(not(unix))]
fn standard_stream(_: &Metadata) -> Option<File> {
    None
}

/// Whether two paths lead to the same file, through any links.
#[cfg(unix)]
fn is_same(input: &Path, _: &Path, about: &Metadata) -> bool {
    fs::metadata(input).is_ok_and(|input| identity(&input) == identity(about))
}

#[cfg(not(unix))]
fn is_same(input: &Path, path: &Path, _: &Metadata) -> bool {
    matches!((input.canonicalize(), path.canonicalize()), (Ok(input), Ok(path)) if input == path)
}

#[cfg(unix)]
fn identity(about: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (about.dev(), about.ino())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("it is a folder").flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn looking_at_a_target_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        fs::write(&old, "before").unwrap();
        assert!(OutputFile::open(&old, &[], []).unwrap().replaces_something());
        assert!(!OutputFile::open(&new, &[], []).unwrap().replaces_something());
        assert_eq!(
            (names(folder.path()), fs::read_to_string(&old).unwrap()),
            (vec!["old".into()], "before".into())
        );
    }

    #[test]
    fn what_appears_meanwhile_is_not_replaced_by_what_must_be_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new");
        let target = OutputFile::open(&path, &[], []).unwrap();
        fs::write(&path, "precious").unwrap();
        assert!(matches!(target.write_new(b"ours"), Err(WriteError::Appeared)));
        assert_eq!(
            (names(folder.path()), fs::read_to_string(&path).unwrap()),
            (vec!["new".into()], "precious".into())
        );
    }

    #[test]
    fn links_stay_links_and_modes_stay_modes() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("old"), "before").unwrap();
        fs::set_permissions(at("old"), Permissions::from_mode(0o640)).unwrap();
        symlink("old", at("link")).unwrap();
        symlink("nothing-yet", at("dangling")).unwrap();
        for name in ["link", "dangling"] {
            OutputFile::open(&at(name), &[], []).unwrap().write(b"after").unwrap();
            assert!(fs::symlink_metadata(at(name)).unwrap().is_symlink(), "{name}");
            assert_eq!(fs::read_to_string(at(name)).unwrap(), "after");
        }
        assert_eq!(fs::metadata(at("old")).unwrap().permissions().mode() & 0o7777, 0o640);
        assert_eq!(names(folder.path()), ["dangling", "link", "nothing-yet", "old"]);
    }

    #[test]
    fn what_is_read_and_what_is_named_twice_is_refused_under_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("spec"), "a spec").unwrap();
        symlink("spec", at("link")).unwrap();
        fs::hard_link(at("spec"), at("hard")).unwrap();
        for name in ["spec", "link", "hard", "./spec"] {
            let refused = OutputFile::open(&at(name), &[at("spec")], []);
            assert!(matches!(refused, Err(WriteError::Input)), "{name}: {refused:?}");
        }
        let first = OutputFile::open(&at("new"), &[], []).unwrap();
        assert!(matches!(OutputFile::open(&at("./new"), &[], [&first]), Err(WriteError::Twice)));
    }

    #[test]
    fn what_has_no_place_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(matches!(OutputFile::open(folder.path(), &[], []), Err(WriteError::Folder)));
        assert!(matches!(OutputFile::open(&at("no/such"), &[], []), Err(WriteError::NoFolder(_))));
        symlink("circle", at("circle")).unwrap();
        assert!(OutputFile::open(&at("circle"), &[], []).is_err());
    }

    #[test]
    fn reading_ends_at_its_bound() {
        assert!(matches!(read(Path::new("/dev/zero"), 1 << 20), Err(ReadError::TooLarge { .. })));
        assert_eq!(read_all(&b"abc"[..], 3).unwrap(), b"abc");
        assert!(matches!(read_all(&b"abcd"[..], 3), Err(ReadError::TooLarge { limit: 3 })));
    }

    #[test]
    fn only_what_is_open_already_is_a_descriptor() {
        for (path, is) in
            [("/dev/fd/63", true), ("/proc/self/fd/1", true), ("/dev/null", false), ("dev/fd", false)]
        {
            assert_eq!(is_descriptor(Path::new(path)), is, "{path}");
        }
    }
}

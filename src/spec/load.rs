//! Reads spec files: the only part of reading a spec that does IO.
//!
//! Input: paths from the command line, and standard input. Output: the files' text in [`Sources`], and a finding for each file that cannot
//! be read. Walking a folder never follows a link out of it, so that a pull request cannot expose a token file in a diagnostic; a file
//! named on the command line may be a link, because whoever names it can read it anyway.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::document::is_plan;
use crate::files::{self, ReadError};
use crate::finding::{Code, Finding, Severity};
use crate::text::source::{FileId, Sources, Span};
use crate::text::{decoded, json};

/// Largest file in bytes.
pub const MAX_BYTES: u64 = 64 << 20;
/// Deepest nesting of folders.
const MAX_FOLDERS: usize = 64;
/// The name of standard input.
pub const STDIN: &str = "<stdin>";

/// A spec file that was read.
#[derive(Debug, Clone)]
pub struct SpecFile {
    /// Its text among the sources.
    pub file: FileId,
    /// The folders in which a file beside it may stand, its own first; the last is the one that the command line names.
    pub folders: Vec<PathBuf>,
}

/// Loads files, folders and `-`: what could be read, in order, and what could not.
///
/// A file reached twice is loaded once. Folders give their `.yaml` and `.yml` files in sorted order, without hidden ones and files of
/// variables; of a spec in JSON, as `export` writes it too, they say that it is not read.
pub fn load(paths: &[PathBuf], sources: &mut Sources, stdin: impl Read) -> (Vec<SpecFile>, Vec<Finding>) {
    let mut loader = Loader::new(sources, "split it into several specs");
    let mut stdin = Some(stdin);
    for path in paths {
        if path.as_os_str() == "-" {
            if let Some(stdin) = stdin.take() {
                loader.beside = vec![PathBuf::from(".")];
                loader.add(STDIN, stdin);
            }
            continue;
        }
        match fs::metadata(path) {
            Err(error) => loader.unreadable(&shown(path), &error),
            Ok(about) if about.is_dir() => loader.folder(path),
            Ok(_) if is_variables(path) => loader.no_spec(path),
            Ok(_) => {
                loader.beside = folders(path, path.parent().unwrap_or(path));
                loader.file(path);
            }
        }
    }
    let Loader { sources, mut files, mut findings, .. } = loader;
    files.retain(|SpecFile { file, .. }| {
        let source = sources.file(*file);
        let is_spec = !is_plan(&source.text);
        if !is_spec {
            let name = &source.name;
            let message = format!("`{name}` is a saved plan, not a spec");
            let hint = format!(
                "show it with `keyless show {name}` or apply it with `keyless apply {name}`; if specs are passed too, put it first"
            );
            findings.push(Finding::error(Code::SavedPlan, message).hint(hint));
        }
        is_spec
    });
    (files, findings)
}

/// Loads files of variables: what could be read, in order, and findings for the rest. Folders are refused.
pub fn load_variables(paths: &[PathBuf], sources: &mut Sources) -> (Vec<FileId>, Vec<Finding>) {
    let mut loader = Loader::new(sources, "pass a file of variables: a YAML mapping of names to values");
    for path in paths {
        // A file named twice also counts at its last position.
        loader.seen.clear();
        loader.file(path);
    }
    (loader.files.into_iter().map(|read| read.file).collect(), loader.findings)
}

/// Where the file of variables of an environment stands for specs with these folders around them: the nearest one, if there is any.
#[must_use]
pub fn variables_beside(folders: &[PathBuf], name: &str) -> Option<PathBuf> {
    let path = |folder: &PathBuf| folder.join(format!("{name}{VARIABLES}"));
    folders.iter().map(path).find(|path| fs::symlink_metadata(path).is_ok())
}

/// The environments that have a file of variables in these folders, sorted.
#[must_use]
pub fn environments_beside(folders: &[PathBuf]) -> Vec<String> {
    let entries = folders.iter().filter_map(|folder| fs::read_dir(here(folder)).ok()).flatten().flatten();
    let names = entries
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(VARIABLES)));
    let names: BTreeSet<String> = names.filter_map(|path| environment_of(&path)).collect();
    names.into_iter().filter(|name| super::variables::parse_environment_name(name).is_ok()).collect()
}

/// The file of an environment with the ending that is not read, if there is one in these folders.
#[must_use]
pub fn misnamed_beside(folders: &[PathBuf], name: &str) -> Option<String> {
    let path = |folder: &PathBuf| folder.join(format!("{name}{VARIABLES_YML}"));
    folders.iter().map(path).find(|path| fs::symlink_metadata(path).is_ok()).map(|path| shown(&path))
}

/// Loads a file that was found beside a spec and not named. Like a walk, it follows no link out of the folder that was.
pub fn load_beside(
    path: &Path,
    folders: &[PathBuf],
    sources: &mut Sources,
) -> (Option<FileId>, Vec<Finding>) {
    let mut loader = Loader::new(sources, "make it smaller: it is a YAML mapping of names to values");
    let root = folders.last().and_then(|root| here(root).canonicalize().ok());
    match (path.canonicalize(), root) {
        (Ok(real), Some(root)) if !real.starts_with(&root) => {
            loader.sources.note(path);
            let message = format!("`{}` is a link out of the folder and is not followed", shown(path));
            let hint = "name what it points to with `--var-file`, or copy it into the folder";
            loader.findings.push(Finding::error(Code::UnreadableFile, message).hint(hint));
        }
        _ => loader.file(path),
    }
    (loader.files.first().map(|read| read.file), loader.findings)
}

/// A folder as the system opens it: of `a.yaml` it is the one that the run is in.
fn here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

/// The folders from that of a file up to a root.
fn folders(path: &Path, root: &Path) -> Vec<PathBuf> {
    let above = path.ancestors().skip(1).take_while(|folder| folder.starts_with(root));
    above.map(Path::to_owned).collect()
}

struct Loader<'s> {
    sources: &'s mut Sources,
    /// Canonical paths of the loaded files.
    seen: BTreeSet<PathBuf>,
    files: Vec<SpecFile>,
    /// Where a file beside the next one may stand.
    beside: Vec<PathBuf>,
    findings: Vec<Finding>,
    /// The remedy for a file that is too large.
    smaller: &'static str,
}

/// An entry of a folder to load.
enum FolderEntry {
    Spec,
    /// A folder that has not been walked yet.
    Folder,
}

impl<'s> Loader<'s> {
    fn new(sources: &'s mut Sources, smaller: &'static str) -> Self {
        let (files, beside) = (Vec::new(), Vec::new());
        Self { sources, seen: BTreeSet::new(), files, beside, findings: Vec::new(), smaller }
    }

    /// A file of variables that was named where specs are.
    fn no_spec(&mut self, path: &Path) {
        self.sources.note(path);
        let name = shown(path);
        let environment = environment_of(path).unwrap_or_default();
        let environment = shown(Path::new(&environment));
        let message = format!("`{name}` is a variables file, not a spec");
        let hint = if ends_in(path, &["yml"]) {
            format!(
                "give it as `--var-file {name}`, or rename it to `{environment}{VARIABLES}` for `--env {environment}`"
            )
        } else {
            format!("give it as `--var-file {name}`, or as `--env {environment}` to specs beside it")
        };
        self.findings.push(Finding::error(Code::NoSpecs, message).hint(hint));
    }

    fn folder(&mut self, folder: &Path) {
        let root = match folder.canonicalize() {
            Ok(root) => root,
            Err(error) => return self.unreadable(&shown(folder), &error),
        };
        let mut found = Vec::new();
        let before = self.findings.len();
        self.walk(folder, &root, 0, &mut BTreeSet::from([root.clone()]), &mut found);
        let failed = self.findings[before..].iter().any(|finding| finding.severity == Severity::Error);
        if found.is_empty() && !failed {
            let message = format!("folder `{}` contains no spec", shown(folder));
            let hint = "spec files end in `.yaml` or `.yml`; hidden files and `*.vars.yaml` are ignored";
            self.findings.push(Finding::error(Code::NoSpecs, message).hint(hint));
        }
        found.sort();
        for path in found {
            self.beside = folders(&path, folder);
            self.file(&path);
        }
    }

    /// Collects the specs below a folder. Each real folder is walked once, even if several links lead to it.
    fn walk(
        &mut self,
        folder: &Path,
        root: &Path,
        depth: usize,
        walked: &mut BTreeSet<PathBuf>,
        found: &mut Vec<PathBuf>,
    ) {
        if depth > MAX_FOLDERS {
            let message =
                format!("folders are nested deeper than {MAX_FOLDERS} levels in `{}`", shown(folder));
            self.findings.push(
                Finding::error(Code::TooLarge, message).hint("pass the folder that contains the specs"),
            );
            return;
        }
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.unreadable(&shown(folder), &error),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            match self.entry(&entry, root, walked) {
                Some(FolderEntry::Spec) => found.push(path),
                Some(FolderEntry::Folder) => self.walk(&path, root, depth + 1, walked, found),
                None => {}
            }
        }
    }

    /// Which entry of a folder to load, and findings for others: unreadable specs, and those that would go unnoticed.
    fn entry(
        &mut self,
        entry: &fs::DirEntry,
        root: &Path,
        walked: &mut BTreeSet<PathBuf>,
    ) -> Option<FolderEntry> {
        let path = entry.path();
        let wanted = is_spec(&path);
        let about = match fs::metadata(&path) {
            Ok(about) => about,
            // A broken link only matters if it has the name of a spec.
            Err(_) if !wanted => return None,
            Err(error) => {
                self.unreadable(&shown(&path), &error);
                return None;
            }
        };
        if about.is_file() && ends_in(&path, &["json"]) && holds_spec(&path) {
            let message = format!("`{}` contains a spec but is not read", shown(&path));
            let hint = "only `.yaml` and `.yml` files are read from a folder: rename it to end in `.yaml`, which accepts JSON, or move it elsewhere";
            self.findings.push(Finding::error(Code::UnreadSpec, message).hint(hint));
        }
        if !(about.is_dir() || (about.is_file() && wanted)) {
            return None;
        }
        let real = path.canonicalize().map_err(|error| self.unreadable(&shown(&path), &error)).ok()?;
        if entry.file_type().is_ok_and(|kind| kind.is_symlink()) && !real.starts_with(root) {
            let message = format!("`{}` links out of the folder and is not followed", shown(&path));
            // A link with the name of a spec was meant to be read; a linked folder may contain anything.
            let severity = if about.is_file() { Severity::Error } else { Severity::Warning };
            let hint = "pass its target on the command line, or copy it into the folder";
            self.findings.push(Finding::new(severity, Code::UnreadableFile, message).hint(hint));
            return None;
        }
        if about.is_file() {
            Some(FolderEntry::Spec)
        } else {
            walked.insert(real).then_some(FolderEntry::Folder)
        }
    }

    fn file(&mut self, path: &Path) {
        self.sources.note(path);
        match files::open(path) {
            Ok(file) if files::is_over(&file, MAX_BYTES) => {
                self.unread(&shown(path), ReadError::TooLarge { limit: MAX_BYTES });
            }
            Ok(file) => {
                // A pipe such as `/dev/fd/63` has no canonical path.
                if self.seen.insert(path.canonicalize().unwrap_or_else(|_| path.to_owned())) {
                    self.add(&shown(path), file);
                }
            }
            Err(error) => self.unread(&shown(path), error),
        }
    }

    /// Reads a file completely, up to the size limit, and adds it.
    fn add(&mut self, name: &str, from: impl Read) {
        match files::read_all(from, MAX_BYTES).map(String::from_utf8) {
            Ok(Ok(text)) => {
                let file = self.sources.add(name, text);
                self.files.push(SpecFile { file, folders: self.beside.clone() });
            }
            Ok(Err(error)) => self.not_utf8(name, error),
            Err(error) => self.unread(name, error),
        }
    }

    fn unread(&mut self, name: &str, error: ReadError) {
        let unreadable = |message: String| Finding::error(Code::UnreadableFile, message);
        let finding = match error {
            ReadError::Folder => unreadable(format!("`{name}` is a folder")).hint("pass a file"),
            ReadError::NamedPipe => {
                unreadable(format!("`{name}` is a named pipe, which may never be written to"))
                    .hint("pipe into `-`, which is standard input, or use the shell's `<(...)`")
            }
            ReadError::TooLarge { limit } => {
                let message = format!("`{name}` is over {} MiB", limit >> 20);
                Finding::error(Code::TooLarge, message).hint(self.smaller)
            }
            ReadError::Io(error) => return self.unreadable(name, &error),
            ReadError::NotUtf8 => unreadable(format!("`{name}` is not UTF-8")),
        };
        self.findings.push(finding);
    }

    fn not_utf8(&mut self, name: &str, error: std::string::FromUtf8Error) {
        let at = error.utf8_error().valid_up_to();
        let mut bytes = error.into_bytes();
        let bad = bytes[at];
        let hint = match bytes.as_slice() {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "the file seems to be UTF-16: save it as UTF-8",
            _ => "save the file as UTF-8",
        };
        // The readable part is kept so that the finding can show its position.
        bytes.truncate(at);
        let file = self.sources.add(name, String::from_utf8(bytes).unwrap_or_default());
        let message = format!("byte {at} of `{name}`, 0x{bad:02x}, is not UTF-8");
        self.findings
            .push(Finding::error(Code::NotUtf8, message).at(Span { file, start: at, end: at }).hint(hint));
    }

    fn unreadable(&mut self, name: &str, error: &io::Error) {
        let (message, hint) = match error.kind() {
            io::ErrorKind::NotFound => {
                (format!("`{name}` does not exist"), "pass spec files or folders, or `-` for standard input")
            }
            io::ErrorKind::PermissionDenied => (
                format!("permission denied reading `{name}`"),
                "make it readable for the user that runs the command",
            ),
            _ => (format!("could not read `{name}`"), "check that it is a file or folder that can be opened"),
        };
        let finding = Finding::error(Code::UnreadableFile, message).hint(hint);
        self.findings.push(match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => finding,
            _ => finding.cause(error.to_string()),
        });
    }
}

fn is_spec(path: &Path) -> bool {
    ends_in(path, &["yaml", "yml"]) && !is_variables(path)
}

/// What the name of a file of variables ends in.
const VARIABLES: &str = ".vars.yaml";

/// The ending that people write instead: no spec either, but not read with `--env`.
const VARIABLES_YML: &str = ".vars.yml";

/// Whether a file's name says that it holds variables, in whatever letter case.
fn is_variables(path: &Path) -> bool {
    environment_of(path).is_some()
}

/// The environment that the name of a file of variables begins with.
fn environment_of(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy();
    let lower = name.to_ascii_lowercase();
    let ending = [VARIABLES, VARIABLES_YML].into_iter().find(|ending| lower.ends_with(ending))?;
    let environment = name.get(..name.len() - ending.len()).filter(|environment| !environment.is_empty())?;
    Some(environment.to_owned())
}

/// Whether a file's name ends in one of these, ignoring case.
fn ends_in(path: &Path, endings: &[&str]) -> bool {
    path.extension().is_some_and(|own| endings.iter().any(|ending| own.eq_ignore_ascii_case(ending)))
}

/// Whether a file contains a spec in JSON, or a list of specs. Lock files, saved plans and reports do not. If it is not valid JSON, for
/// example because of a comment, the names of a spec's fields decide, and the names of fields that only keyless writes.
pub(crate) fn holds_spec(path: &Path) -> bool {
    let Ok(bytes) = files::read(path, MAX_BYTES) else { return false };
    let text = decoded(&bytes);
    json::holds(&text, &["version", "stack"]).unwrap_or_else(|| {
        let text = text.to_ascii_lowercase();
        !text.contains("\"formatversion\"") && ["version", "stack"].iter().all(|name| has_field(&text, name))
    })
}

/// Whether a text that is not JSON has a field with this name: the whole word, quoted or not, followed by a colon.
fn has_field(text: &str, name: &str) -> bool {
    let is_field = |at: usize| {
        let before = text[..at].chars().next_back();
        let behind = text[at + name.len()..].trim_start_matches(['"', '\'', ' ', '\t']);
        before.is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == '-')) && behind.starts_with(':')
    };
    text.match_indices(name).any(|(at, _)| is_field(at))
}

/// A path for display, with control characters escaped.
fn shown(path: &Path) -> String {
    crate::text::sanitize::sanitize(&path.to_string_lossy()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_from(paths: &[&Path]) -> (Vec<String>, Vec<Finding>) {
        let mut sources = Sources::default();
        let paths = paths.iter().map(|path| path.to_path_buf()).collect::<Vec<_>>();
        let (files, findings) = load(&paths, &mut sources, b"from: stdin\n".as_slice());
        (files.iter().map(|read| sources.file(read.file).text.clone()).collect(), findings)
    }

    #[test]
    fn folders_give_their_specs_sorted_and_without_hidden_ones() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("b/.git")).unwrap();
        for name in
            ["c.yaml", "a.yml", "b/x.yaml", ".hidden.yaml", "b/.git/y.yaml", "notes.txt", "d.yaml.bak"]
        {
            fs::write(folder.path().join(name), name).unwrap();
        }
        fs::write(folder.path().join("d.YAML"), "d.YAML").unwrap();
        fs::write(folder.path().join("e.Yml"), "e.Yml").unwrap();
        let (texts, findings) = load_from(&[folder.path()]);
        assert_eq!(texts, ["a.yml", "b/x.yaml", "c.yaml", "d.YAML", "e.Yml"]);
        assert!(findings.is_empty(), "{findings:?}");
    }

    #[test]
    fn a_file_named_twice_is_loaded_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        fs::write(&file, "a").unwrap();
        let roundabout = folder.path().join(".").join("a.yaml");
        let (texts, findings) =
            load_from(&[&file, folder.path(), &roundabout, Path::new("-"), Path::new("-")]);
        assert_eq!(texts, ["a", "from: stdin\n"]);
        assert!(findings.is_empty());
    }

    #[test]
    fn what_is_missing_or_holds_no_spec_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (texts, findings) = load_from(&[folder.path(), &folder.path().join("gone.yaml")]);
        assert!(texts.is_empty());
        assert_eq!(
            findings.iter().map(|finding| finding.code).collect::<Vec<_>>(),
            [Code::NoSpecs, Code::UnreadableFile]
        );
        assert!(findings.iter().all(|finding| finding.hint.is_some()));
        assert!(findings[1].message.contains("gone.yaml"));
    }
}

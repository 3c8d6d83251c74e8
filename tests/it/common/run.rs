//! The real binary, in an empty folder with an empty environment.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// A working folder, deleted after the test.
pub(crate) struct Folder {
    dir: tempfile::TempDir,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Folder {
    /// An empty folder, without Azure.
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), arguments: Vec::new(), environment: Vec::new() }
    }

    /// An empty folder whose runs go to an endpoint.
    pub(crate) fn at(endpoint: &str) -> Self {
        let mut folder = Self::new();
        folder.arguments = vec!["--arm-endpoint".to_owned(), endpoint.to_owned()];
        folder.environment.push(("KEYLESS_TOKEN".to_owned(), "a-token-of-the-tests".to_owned()));
        folder
    }

    /// An empty folder whose runs have these variables.
    pub(crate) fn with(environment: Vec<(String, String)>) -> Self {
        Self { environment, ..Self::new() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file, with its folders.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The command, ready to run.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyless"));
        command.env_clear().envs(self.environment.iter().cloned()).current_dir(self.path());
        command.args(arguments).args(&self.arguments);
        command
    }

    pub(crate) fn keyless(&self, arguments: &str) -> Run {
        self.args(arguments.split_whitespace())
    }

    pub(crate) fn args<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Run {
        finish(self.command(arguments), b"")
    }

    pub(crate) fn with_stdin(&self, arguments: &str, stdin: impl AsRef<[u8]>) -> Run {
        finish(self.command(arguments.split_whitespace()), stdin.as_ref())
    }

    pub(crate) fn with_env(&self, arguments: &str, environment: &[(&str, &str)]) -> Run {
        let mut command = self.command(arguments.split_whitespace());
        command.envs(environment.iter().copied());
        finish(command, b"")
    }
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command, stdin: &[u8]) -> Run {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may well end without reading.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("keyless prints UTF-8");
    let run = Run {
        code: output.status.code().expect("keyless ends by itself, not by a signal"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    };
    assert!(!run.stderr.contains("panicked at"), "{run}");
    run
}

impl Run {
    /// Asserts the exit code, and shows everything if it is another.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Asserts that stdout contains each of these.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stdout.contains(word), "`{word}` is not on stdout\n{self}");
        }
        self
    }

    /// Asserts that stderr contains each of these.
    #[track_caller]
    pub(crate) fn complains(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "`{word}` is not on stderr\n{self}");
        }
        self
    }

    /// The one JSON document on stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{self}"))
    }

    /// Asserts that the document fits a schema that the binary itself prints.
    #[track_caller]
    pub(crate) fn fits(&self, schema: &str) {
        let document = self.json();
        let errors =
            validator(schema).iter_errors(&document).map(|error| error.to_string()).collect::<Vec<_>>();
        assert!(errors.is_empty(), "{errors:?}\n{self}");
    }

    /// The document's changes with an action, by title.
    #[track_caller]
    pub(crate) fn changes(&self, action: &str) -> Vec<Value> {
        let document = self.json();
        let all = document["changes"].as_array().expect("a plan has changes").clone();
        all.into_iter().filter(|change| change["action"] == action).collect()
    }

    /// `code@line` of each finding of the document, in its order.
    #[track_caller]
    pub(crate) fn findings(&self) -> Vec<String> {
        let document = self.json();
        let all = document["findings"].as_array().expect("the document has findings").clone();
        let short = |finding: &Value| {
            format!(
                "{}@{}",
                finding["code"].as_str().unwrap(),
                finding["source"]["line"].as_u64().unwrap_or(0)
            )
        };
        all.iter().map(short).collect()
    }
}

/// The schema of a document as the binary prints it, compiled once for all tests.
fn validator(schema: &str) -> Arc<jsonschema::Validator> {
    static COMPILED: Mutex<BTreeMap<String, Arc<jsonschema::Validator>>> = Mutex::new(BTreeMap::new());
    let mut compiled = COMPILED.lock().unwrap();
    let print = || Folder::new().keyless(&format!("schema {schema}")).exits(0).json();
    let compile = || Arc::new(jsonschema::validator_for(&print()).unwrap());
    Arc::clone(compiled.entry(schema.to_owned()).or_insert_with(compile))
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, stdout, stderr } = self;
        write!(f, "exit {code}\n--- stdout\n{stdout}--- stderr\n{stderr}---")
    }
}

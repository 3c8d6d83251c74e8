//! The one way out: everything that leaves the process, on stdout, on stderr and in logs, goes through here.
//!
//! What comes in is rendered already, and its parts were made harmless where they were put together. Here the whole is looked at once more,
//! because one forgotten place is enough: no secret of the run, no control or invisible character, no line that a pipeline would obey.

use std::fmt::{Display, Write as _};
use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

use super::Exit;
use crate::document::FindingEntry;
use crate::finding::{Code, Severity, bounded};
use crate::flow::Halt;
use crate::text::sanitize::{sanitize, sanitize_screen};
use crate::text::scrub::{holds_secret, scrub, scrub_lines};

/// Why a command ended early: a message, its causes, and what to do.
#[derive(Debug)]
pub struct Failure {
    message: String,
    cause: Option<String>,
    hint: Option<String>,
    /// What report files are to call it.
    code: Code,
}

impl Failure {
    /// A failure with a message; lower case, no final period.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: bounded(message.into()), cause: None, hint: None, code: Code::RunFailed }
    }

    /// A run that a signal ended before it wrote anything to Azure.
    pub(super) fn interrupted(when: &str) -> Self {
        let failure = Self::new(format!("interrupted {when}; nothing was written"));
        Self { code: Code::Interrupted, ..failure }
    }

    /// Whether a signal ended the run.
    pub(super) fn is_interruption(&self) -> bool {
        self.code == Code::Interrupted
    }

    /// What report files say of it.
    pub(super) fn entry(&self) -> FindingEntry {
        FindingEntry {
            cause: self.cause.clone(),
            hint: self.hint.clone(),
            ..FindingEntry::of(Severity::Error, self.code, self.message.clone())
        }
    }

    /// Adds what lies behind it.
    #[must_use]
    pub fn cause(mut self, cause: impl Display) -> Self {
        self.cause = Some(bounded(cause.to_string()));
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(bounded(hint.into()));
        self
    }

    /// Says besides what became of Azure.
    #[must_use]
    pub(super) fn with_azure(mut self, state: &str) -> Self {
        self.message = format!("{}; {state}", self.message);
        self
    }

    /// What lies behind it, or else what failed; and what to do.
    pub(super) fn into_parts(self) -> (String, Option<String>) {
        (self.cause.unwrap_or(self.message), self.hint)
    }

    /// Tells it on stderr.
    pub(super) fn report(self) -> Exit {
        let style = anstyle::AnsiColor::Red.on_default().bold();
        let mut text = format!("{style}error{style:#}: {}\n", one_line(&self.message));
        for (label, more) in [("cause", self.cause), ("hint", self.hint)] {
            if let Some(more) = more {
                let _ = writeln!(text, "{label}: {}", one_line(&more));
            }
        }
        aside(&text);
        Exit::Failure
    }
}

impl From<Halt> for Failure {
    fn from(halt: Halt) -> Self {
        let code = if let Halt::Interrupted(_) = halt { Code::Interrupted } else { Code::RunFailed };
        let (cause, hint) = (halt.cause().map(bounded), halt.hint().map(bounded));
        Self { cause, hint, code, ..Self::new(halt.to_string()) }
    }
}

/// A text from outside as part of a line.
pub(super) fn one_line(text: &str) -> String {
    sanitize(&scrub(text)).into_owned()
}

/// A rendered text as it may be shown.
pub(super) fn presentable(text: &str) -> String {
    sanitize_screen(&scrub_lines(text)).into_owned()
}

/// Writes a result for people to stdout.
pub(super) fn result(text: &str) -> Result<(), Failure> {
    rendered(&presentable(text))
}

/// Writes a result that programs read back to stdout. Taking a secret out of it would make it another value, so it is not written at all then.
pub(super) fn data(text: &str) -> Result<(), Failure> {
    if holds_secret(text) {
        return Err(Failure::new("the result holds a secret of this run, and is not written").hint(
            "a live value repeats a token or a secret: look for it in the portal, and change the secret",
        ));
    }
    rendered(text)
}

/// Writes a result to stdout that is presentable already.
pub(super) fn rendered(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    match out.write_all(sanitize_screen(text).as_bytes()).and_then(|()| out.flush()) {
        // Whoever reads has seen enough: `keyless plan | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new("failed to write the result").cause(error)),
        Ok(()) => Ok(()),
    }
}

/// Writes anything that is not the result to stderr. That nobody may be listening there is no reason to stop.
pub(super) fn aside(text: &str) {
    let _ = anstream::stderr().lock().write_all(presentable(text).as_bytes());
}

/// Where logs go: an event is one line, whatever stands in it.
pub(super) struct Log;

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        Log
    }
}

impl Write for Log {
    /// Takes one event, whole, as the layer above hands it over.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        aside(&format!("{}\n", one_line(text.trim_end_matches('\n'))));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Has a panic tell of itself here too: its message may hold anything.
pub(super) fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        let name = thread.name().unwrap_or("unnamed");
        aside(&format!(
            "thread '{}' panicked at {place}:\n{}\nThis is a bug in keyless: please report it.\n",
            one_line(name),
            one_line(message)
        ));
    }));
}

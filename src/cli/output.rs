//! Everything that the process prints, on stdout, on stderr and in logs, goes through here.
//!
//! The text is already rendered, and its parts were sanitized when they were put together. This module sanitizes the whole text again, in case
//! one place was missed: no secret of the run, no control or invisible character, no line that a pipeline would take for a command.

use std::fmt::{Display, Write as _};
use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

use super::Exit;
use super::options::Options;
use crate::document::FindingEntry;
use crate::finding::{Code, Severity, bounded};
use crate::flow::Halt;
use crate::render::issues::annotations::HostCommand;
use crate::render::page::{Page, fold};
use crate::text::sanitize::{sanitize, sanitize_screen};
use crate::text::scrub::{holds_secret, scrub, scrub_lines};

/// Why a command ended early: a message, its causes, and what to do.
#[derive(Debug)]
pub struct Failure {
    message: String,
    cause: Option<String>,
    hint: Option<String>,
    /// Its code in report files.
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

    /// The finding for report files.
    pub(super) fn entry(&self) -> FindingEntry {
        FindingEntry {
            cause: self.cause.clone(),
            hint: self.hint.clone(),
            ..FindingEntry::of(Severity::Error, self.code, self.message.clone())
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn cause(mut self, cause: impl Display) -> Self {
        self.cause = Some(bounded(cause.to_string()));
        self
    }

    /// Adds a hint: what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(bounded(hint.into()));
        self
    }

    /// Adds whether Azure was changed.
    #[must_use]
    pub(super) fn with_azure(mut self, state: &str) -> Self {
        self.message = format!("{}; {state}", self.message);
        self
    }

    /// The cause, or the message if there is none; and the hint.
    pub(super) fn into_parts(self) -> (String, Option<String>) {
        (self.cause.unwrap_or(self.message), self.hint)
    }

    /// Prints it on stderr.
    pub(super) fn report(self) -> Exit {
        let style = anstyle::AnsiColor::Red.on_default().bold();
        let mut text = format!("{style}error{style:#}: {}\n", one_line(&self.message));
        for (label, more) in [("cause", self.cause), ("help", self.hint)] {
            if let Some(more) = more {
                let _ = writeln!(text, "{label}: {}", one_line(&more));
            }
        }
        note(&text);
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

/// The page on stdout.
pub(super) fn page(options: &Options) -> Page {
    let (verbose, quiet) = (options.is_verbose(), options.quiet);
    Page { verbose, quiet, width: width(terminal_size::terminal_size_of(io::stdout())) }
}

/// The page on stderr.
pub(super) fn page_aside() -> Page {
    Page { verbose: false, quiet: false, width: width(terminal_size::terminal_size_of(io::stderr())) }
}

/// How many characters a line takes: what `COLUMNS` says, or else the terminal.
fn width(terminal: Option<(terminal_size::Width, terminal_size::Height)>) -> Option<usize> {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    said.or(terminal.map(|(width, _)| usize::from(width.0))).filter(|width| *width > 0)
}

/// A text from outside as part of a line.
pub(super) fn one_line(text: &str) -> String {
    sanitize(&scrub(text)).into_owned()
}

/// A rendered text, sanitized.
pub(super) fn presentable(text: &str) -> String {
    sanitize_screen(&scrub_lines(text)).into_owned()
}

/// Writes a result for people to stdout.
pub(super) fn result(text: &str) -> Result<(), Failure> {
    rendered(&presentable(text))
}

/// Writes a result for programs to stdout. If it contains a secret, nothing is written: redacting it would change the value.
pub(super) fn data(text: &str) -> Result<(), Failure> {
    if holds_secret(text) {
        return Err(Failure::new("the result contains a secret of this run; nothing was printed").hint(
            "a live value contains a token or a secret: find it in the portal, and change the secret",
        ));
    }
    rendered(text)
}

/// Writes a result that is already sanitized to stdout.
pub(super) fn rendered(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    match out.write_all(sanitize_screen(text).as_bytes()).and_then(|()| out.flush()) {
        // The reader has closed the pipe, as in `keyless plan | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new("failed to write the result").cause(error)),
        Ok(()) => Ok(()),
    }
}

/// Writes commands to stderr for the pipeline to obey: the only lines that nothing breaks on their way out.
pub(super) fn commands(commands: &[HostCommand]) {
    let text = commands.iter().fold(String::new(), |text, command| text + command.as_str() + "\n");
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Writes messages to stderr, wrapped at its width.
pub(super) fn note(text: &str) {
    aside(&fold(text, page_aside()));
}

/// Writes anything that is not the result to stderr. A failure to write is ignored.
pub(super) fn aside(text: &str) {
    let _ = anstream::stderr().lock().write_all(presentable(text).as_bytes());
}

/// Writes each log event as one line.
pub(super) struct LogWriter;

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = LogWriter;

    fn make_writer(&'a self) -> LogWriter {
        LogWriter
    }
}

impl Write for LogWriter {
    /// Takes one whole event, as `tracing_subscriber` passes it.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        aside(&format!("{}\n", one_line(text.trim_end_matches('\n'))));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reports panics through this module, because their messages may contain secrets.
pub(super) fn report_panics() {
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

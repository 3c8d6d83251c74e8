//! What goes to stdout and stderr.

use std::fmt::{Display, Write as _};
use std::io::{self, Write};

use super::Exit;
use crate::render::sanitize::{break_commands, sanitize};

/// Why a command ended early: a message, its causes, and what to do.
#[derive(Debug)]
pub struct Failure {
    message: String,
    cause: Option<String>,
    hint: Option<String>,
}

impl Failure {
    /// A failure with a message; lower case, no final period.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), cause: None, hint: None }
    }

    /// Adds what lies behind it.
    #[must_use]
    pub fn cause(mut self, cause: impl Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What lies behind it, or else what failed; and what to do.
    pub(super) fn into_parts(self) -> (String, Option<String>) {
        (self.cause.unwrap_or(self.message), self.hint)
    }

    /// Tells it on stderr.
    pub(super) fn report(self) -> Exit {
        let style = anstyle::AnsiColor::Red.on_default().bold();
        let mut text = format!("{style}error{style:#}: {}\n", sanitize(&self.message));
        for (label, more) in [("cause", self.cause), ("hint", self.hint)] {
            if let Some(more) = more {
                let _ = writeln!(text, "{label}: {}", sanitize(&more));
            }
        }
        aside(&text);
        Exit::Failure
    }
}

/// Writes a result to stdout.
pub(super) fn result(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    match out.write_all(break_commands(text).as_bytes()).and_then(|()| out.flush()) {
        // Whoever reads has seen enough: `keyless plan | head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new("failed to write the result").cause(error)),
        Ok(()) => Ok(()),
    }
}

/// Writes anything that is not the result to stderr. That nobody may be listening there is no reason to stop.
pub(super) fn aside(text: &str) {
    let _ = anstream::stderr().lock().write_all(break_commands(text).as_bytes());
}

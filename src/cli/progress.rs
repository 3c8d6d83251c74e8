//! Progress on a terminal, and the lines of steps as they end.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::output::aside;
use crate::apply::Progress;
use crate::arm::observer::{Event, Observer, What};
use crate::render::sanitize::sanitize;
use crate::render::text;
use crate::report::Outcome;

/// A spinner that says what is going on; silent where stderr is no terminal.
pub(super) struct Spinner {
    bar: Option<ProgressBar>,
    quiet: bool,
}

impl Spinner {
    pub(super) fn new(quiet: bool) -> Self {
        let shown = !quiet && std::io::stderr().is_terminal();
        let bar = shown.then(|| {
            let style = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}");
            let bar = ProgressBar::new_spinner()
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar, quiet }
    }

    pub(super) fn say(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(sanitize(what).into_owned());
        }
    }

    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| aside(line)),
            None => aside(line),
        }
    }
}

impl Progress for Spinner {
    fn begins(&self, title: &str) {
        self.say(title);
    }

    fn ended(&self, outcome: &Outcome) {
        if !self.quiet {
            self.line(&text::outcome(outcome));
        }
    }
}

/// Waits shorter than this pass without a word.
const WORTH_A_LINE: Duration = Duration::from_secs(5);

impl Observer for Spinner {
    fn event(&self, event: &Event) {
        match &event.what {
            What::Waiting { wait, why } => {
                // Some of Azure's 307 s have passed by now, and it is still 307 s that it asked for.
                let seconds = wait.as_millis().div_ceil(1000);
                let text = format!("waiting {seconds} s: {why}");
                self.say(&text);
                if self.bar.is_none() && !self.quiet && *wait >= WORTH_A_LINE {
                    self.line(&format!("{} {}: {}\n", event.method, sanitize(&event.path), sanitize(&text)));
                }
            }
            What::Retrying { .. } | What::State { .. } => {}
        }
    }
}

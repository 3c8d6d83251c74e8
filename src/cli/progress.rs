//! Progress on a terminal, and a line for each step as it ends.

use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::output::{aside, one_line, page_aside};
use crate::apply::Progress;
use crate::arm::observer::{Observer, RequestEvent, What};
use crate::document::report::{Outcome, Status};
use crate::render::steps::{self, Titles};
use crate::verify::verdict::Judgement;

/// A spinner that shows what is going on; silent unless stderr is a terminal.
pub(super) struct Spinner {
    shown: bool,
    quiet: bool,
    /// Whether each step is shown, however many there are.
    verbose: bool,
    /// The steps of a run.
    steps: Mutex<Steps>,
    /// The line on the terminal, if there is one. A cleared bar cannot be shown again, so a new one is made.
    bar: Mutex<Option<ProgressBar>>,
}

impl Spinner {
    pub(super) fn new(quiet: bool, verbose: bool) -> Self {
        let shown = !quiet && std::io::stderr().is_terminal();
        Self { shown, quiet, verbose, steps: Mutex::default(), bar: Mutex::default() }
    }

    fn bar(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        locked(&self.bar)
    }

    pub(super) fn say(&self, what: &str) {
        if self.shown {
            self.bar().get_or_insert_with(spinner).set_message(one_line(what));
        }
    }

    pub(super) fn clear(&self) {
        if let Some(bar) = self.bar().take() {
            bar.finish_and_clear();
        }
    }

    fn line(&self, line: &str) {
        match &*self.bar() {
            Some(bar) => bar.suspend(|| aside(line)),
            None => aside(line),
        }
    }
}

impl Spinner {
    /// Says that a new role assignment or resource has not taken effect yet.
    pub(super) fn waiting(&self, title: &str, verdict: &Judgement, elapsed: Duration) {
        let text = format!("waiting for {title} ({} s so far): {}", elapsed.as_secs(), verdict.message);
        self.say(&text);
        if !self.shown && !self.quiet {
            self.line(&format!("{}\n", one_line(&text)));
        }
    }
}

fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}");
    let bar =
        ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// After a panic elsewhere, the worst that can happen is a leftover line on the terminal.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Of more steps than this, those that are done are shown by account at the end.
const MANY: usize = 60;
/// How often it is said how many of these have ended.
const PARTS: usize = 10;

/// The steps of a run.
#[derive(Default)]
struct Steps {
    all: usize,
    ended: usize,
    titles: Titles,
    /// Those that are shown at the end.
    done: Vec<Outcome>,
}

impl Progress for Spinner {
    fn starts(&self, titles: &[&str]) {
        let (all, titles) = (titles.len(), Titles::of(titles.iter().copied()));
        *locked(&self.steps) = Steps { all, titles, ..Steps::default() };
    }

    fn begins(&self, title: &str) {
        self.say(title);
    }

    fn ended(&self, outcome: &Outcome) {
        if self.quiet {
            return;
        }
        let steps = &mut *locked(&self.steps);
        let parts = |ended: usize| ended * PARTS / steps.all.max(1);
        let is_part = parts(steps.ended) < parts(steps.ended + 1);
        steps.ended += 1;
        let has_news = outcome.status != Status::Done || outcome.reason.is_some();
        let is_many = steps.all > MANY && !self.verbose;
        if has_news || !is_many {
            self.line(&steps::outcome(outcome, &steps.titles, page_aside()));
        } else {
            steps.done.push(outcome.clone());
        }
        if is_many && is_part {
            self.line(&format!("  {} of {} steps\n", steps.ended, steps.all));
        }
    }

    fn rests(&self) {
        self.clear();
        let done = std::mem::take(&mut locked(&self.steps).done);
        if !done.is_empty() {
            aside(&steps::by_account(&done, page_aside()));
        }
    }
}

/// Shorter waits are not printed.
const WORTH_A_LINE: Duration = Duration::from_secs(5);

impl Observer for Spinner {
    fn event(&self, event: &RequestEvent) {
        match &event.what {
            What::Waiting { wait, why } => {
                // Round up: a little of the 307 s that Azure asked for has already passed.
                let seconds = wait.as_millis().div_ceil(1000);
                let text = format!("waiting {seconds} s: {why}");
                self.say(&text);
                if !self.shown && !self.quiet && *wait >= WORTH_A_LINE {
                    self.line(&format!("{} {}: {}\n", event.method, one_line(&event.path), one_line(&text)));
                }
            }
            What::State { .. } => {}
        }
    }
}

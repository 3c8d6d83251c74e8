//! Ctrl-C, SIGTERM and SIGHUP as values: no further request starts, reads are dropped, running writes get some time.
//!
//! The signal handler calls [`Interrupt::trigger`], and [`Interrupt::expire`] once the time for writes is over. The client checks before
//! and during each request and during each wait. It also records what a signal would interrupt: [`Interrupt::phase`].

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// The progress of an interrupt, which never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Running,
    Ending,
    Over,
}

/// What a signal would interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was written yet.
    Reading,
    /// A write may be in flight.
    Writing,
    /// No request is in flight any more: the result is being reported.
    Telling,
}

/// An interrupt flag shared by a whole run.
#[derive(Debug, Clone)]
pub struct Interrupt(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    stage: watch::Sender<Stage>,
    phase: AtomicU8,
    /// Held while a message about it is printed.
    message: Mutex<()>,
}

impl Default for Interrupt {
    fn default() -> Self {
        let stage = watch::Sender::new(Stage::Running);
        let phase = AtomicU8::new(Phase::Reading as u8);
        Self(Arc::new(Inner { stage, phase, message: Mutex::default() }))
    }
}

impl Interrupt {
    /// Ends reads and waits, and prevents further requests.
    pub fn trigger(&self) {
        self.raise(Stage::Ending);
    }

    /// Triggers it, then prints the message about that: it says that no further steps will start.
    pub(crate) fn trigger_saying(&self, say: impl FnOnce()) {
        let _message = self.0.message.lock().unwrap_or_else(PoisonError::into_inner);
        self.trigger();
        say();
    }

    /// Waits until the message is printed: the run that it interrupts may end before.
    pub(crate) fn finish_saying(&self) {
        drop(self.0.message.lock());
    }

    /// Ends writes too: it is then unknown whether they took effect.
    pub fn expire(&self) {
        self.raise(Stage::Over);
    }

    fn raise(&self, to: Stage) {
        self.0.stage.send_if_modified(|stage| {
            let higher = *stage < to;
            if higher {
                *stage = to;
            }
            higher
        });
    }

    /// Whether it was triggered.
    #[must_use]
    pub fn is_triggered(&self) -> bool {
        *self.0.stage.borrow() >= Stage::Ending
    }

    /// Returns once it is triggered.
    pub async fn triggered(&self) {
        self.reached(Stage::Ending).await;
    }

    /// Returns once the time for writes is over.
    pub async fn expired(&self) {
        self.reached(Stage::Over).await;
    }

    async fn reached(&self, wanted: Stage) {
        let mut stage = self.0.stage.subscribe();
        if stage.wait_for(|stage| *stage >= wanted).await.is_err() {
            // The sender lives in `self`, so it cannot be gone; waiting forever is what "never triggered" means.
            std::future::pending::<()>().await;
        }
    }

    /// Records what a signal would interrupt from now on.
    pub fn enter(&self, phase: Phase) {
        self.0.phase.store(phase as u8, Ordering::SeqCst);
    }

    /// What a signal would interrupt.
    #[must_use]
    pub fn phase(&self) -> Phase {
        let phase = self.0.phase.load(Ordering::SeqCst);
        [Phase::Reading, Phase::Writing]
            .into_iter()
            .find(|known| *known as u8 == phase)
            .unwrap_or(Phase::Telling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_goes_forward_only() {
        let interrupt = Interrupt::default();
        assert_eq!((interrupt.is_triggered(), interrupt.phase()), (false, Phase::Reading));
        for phase in [Phase::Writing, Phase::Telling] {
            interrupt.enter(phase);
            assert_eq!(interrupt.phase(), phase);
        }
        interrupt.expire();
        interrupt.trigger();
        assert!(interrupt.is_triggered());
        assert_eq!(*interrupt.0.stage.borrow(), Stage::Over);
    }
}

//! Ctrl-C as a value: requests in flight finish, waits end.
//!
//! Whoever catches the signal calls [`Interrupt::trigger`]; the client asks before each request and during each wait.

use std::sync::Arc;

use tokio::sync::watch;

/// A flag that is raised at most once, shared by a whole run.
#[derive(Debug, Clone)]
pub struct Interrupt(Arc<watch::Sender<bool>>);

impl Default for Interrupt {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Interrupt {
    /// Ends all waits and lets no further request begin.
    pub fn trigger(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was triggered.
    #[must_use]
    pub fn is_triggered(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns once it is triggered.
    pub async fn triggered(&self) {
        let mut flag = self.0.subscribe();
        if flag.wait_for(|raised| *raised).await.is_err() {
            // The sender lives in `self`, so it cannot have gone; waiting for ever is what "never triggered" means.
            std::future::pending::<()>().await;
        }
    }
}

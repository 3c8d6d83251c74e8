//! The ARM client over real HTTP, and the machine against recorded traffic.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod hostile;
mod leaks;
mod lists;
mod recorded;
pub(crate) mod server;
mod signing;
mod waiting;
mod writes;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyless::arm::auth::cloud::Endpoint;
use keyless::arm::auth::{Credential, Secret};
use keyless::arm::observer::What;
use keyless::arm::{Client, ClientSettings, Interrupt, Limits, Observer, RequestEvent};

/// The token of these tests.
const TOKEN: &str = "eyJ0b2tlbiI6InRoYXQgbXVzdCBub3QgbGVhayJ9";

/// Limits under which nothing waits noticeably.
fn quick() -> Limits {
    let mut limits = Limits::default();
    let tiny = Duration::from_millis(1);
    for patience in [
        &mut limits.fault,
        &mut limits.throttled,
        &mut limits.conflict,
        &mut limits.principal,
        &mut limits.not_visible,
    ] {
        (patience.first, patience.longest) = (tiny, tiny);
    }
    (limits.poll_first, limits.poll_longest) = (tiny, tiny);
    limits
}

fn options() -> ClientSettings {
    ClientSettings { limits: quick(), ..ClientSettings::default() }
}

/// Records events; can interrupt at the first wait.
#[derive(Default)]
struct Witness {
    seen: Mutex<Vec<What>>,
    interrupt_on_wait: Option<Interrupt>,
}

impl Observer for Witness {
    fn event(&self, event: &RequestEvent) {
        self.seen.lock().unwrap().push(event.what.clone());
        if let (Some(interrupt), What::Waiting { .. } | What::State { .. }) =
            (&self.interrupt_on_wait, &event.what)
        {
            interrupt.trigger();
        }
    }
}

fn client_with(base: &str, options: ClientSettings, observer: Arc<dyn Observer>) -> Client {
    let credential = Credential::fixed(Secret::new(TOKEN));
    Client::new(Endpoint::custom(base).unwrap(), credential, options, observer).unwrap()
}

pub(crate) fn client(base: &str) -> Client {
    client_with(base, options(), Arc::new(Witness::default()))
}

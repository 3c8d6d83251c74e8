//! Ctrl-C, SIGTERM and SIGHUP. The first signal ends reads and gives writes in progress some time to finish; the second ends that time; the
//! third ends the process.
//!
//! GitHub Actions sends SIGINT, 7.5 s later SIGTERM, 2.5 s later SIGKILL; GitLab, Kubernetes and `docker stop` send SIGTERM and later
//! SIGKILL; a terminal that closes, and an ssh connection that is lost, send SIGHUP. A separate thread listens for them: the runtime of a
//! command ends before everything is printed, and from then on it would ignore signals.

use std::sync::{Once, mpsc};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::output::{self, Failure};
use crate::arm::{Interrupt, Phase};

/// How long the process may still print after a signal, so that a late one does not cut off the report.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Listens until the end of the process; a second call changes nothing.
pub(super) fn listen(interrupt: &Interrupt, grace: Duration) -> Result<(), Failure> {
    static STARTED: Once = Once::new();
    let mut told = Ok(());
    STARTED.call_once(|| told = start(interrupt, grace));
    told
}

fn start(interrupt: &Interrupt, grace: Duration) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::new("failed to listen for signals").cause(error);
    let interrupt = interrupt.clone();
    let (tell, ready) = mpsc::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            let signals = Signals::new();
            let (signals, told) = match signals {
                Ok(signals) => (Some(signals), Ok(())),
                Err(error) => (None, Err(error)),
            };
            let _ = tell.send(told);
            if let Some(signals) = signals {
                attend(signals, &interrupt, grace).await;
            }
        });
    });
    // Wait for the thread: until it listens, a signal would end the process without a message.
    ready.recv().unwrap_or(Ok(())).map_err(failed)
}

async fn attend(mut signals: Signals, interrupt: &Interrupt, grace: Duration) {
    let mut heard = 0;
    let mut deadline = Instant::now();
    loop {
        let signal = tokio::select! {
            signal = signals.next() => signal,
            () = sleep_until(deadline), if heard == 1 => {
                heard = 2;
                give_up(interrupt, &format!("after {} s", grace.as_secs()));
                continue;
            }
        };
        heard += 1;
        match (heard, interrupt.phase()) {
            (_, Phase::Telling) => {
                // Long enough for any reader that is still reading.
                sleep(LAST_WORDS).await;
                std::process::exit(signal.exit())
            }
            (1, phase) => {
                deadline = Instant::now() + grace;
                let name = signal.name();
                let message = match phase {
                    Phase::Writing => format!(
                        "\ninterrupted: {name}; no further steps will start; waiting up to {} s for writes in progress (a second signal stops waiting)\n",
                        grace.as_secs()
                    ),
                    _ => format!("\ninterrupted: {name}\n"),
                };
                interrupt.trigger_saying(|| say_soon(message));
            }
            (2, _) => give_up(interrupt, "at the second signal"),
            _ => std::process::exit(signal.exit()),
        }
    }
}

/// Prints a message, and waits for that only briefly: a reader that does not read must not keep the process from ending.
fn say_soon(text: String) {
    const MOMENT: Duration = Duration::from_millis(200);
    let (send, said) = mpsc::channel();
    std::thread::spawn(move || {
        output::aside(&text);
        let _ = send.send(());
    });
    let _ = said.recv_timeout(MOMENT);
}

/// Stops waiting for writes in progress.
fn give_up(interrupt: &Interrupt, when: &str) {
    if interrupt.phase() == Phase::Writing {
        output::aside(&format!("no longer waiting for writes in progress, {when}\n"));
    }
    interrupt.expire();
}

/// A signal that asks the process to end.
#[derive(Debug, Clone, Copy)]
enum Signal {
    Interrupt,
    #[cfg(unix)]
    Terminate,
    #[cfg(unix)]
    HangUp,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "Ctrl-C (SIGINT)",
            #[cfg(unix)]
            Self::Terminate => "SIGTERM",
            #[cfg(unix)]
            Self::HangUp => "the terminal was closed (SIGHUP)",
        }
    }

    /// The exit code that shells report for a process ended by this signal.
    fn exit(self) -> i32 {
        match self {
            Self::Interrupt => 130,
            #[cfg(unix)]
            Self::Terminate => 143,
            #[cfg(unix)]
            Self::HangUp => 129,
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// `None` under `nohup`.
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let hang_up = if ignores_hang_up() { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up,
        })
    }

    async fn next(&mut self) -> Signal {
        let hang_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => None,
            }
        };
        tokio::select! {
            Some(()) = self.interrupt.recv() => Signal::Interrupt,
            Some(()) = self.terminate.recv() => Signal::Terminate,
            Some(()) = hang_up => Signal::HangUp,
            else => std::future::pending().await,
        }
    }
}

/// Whether the process was started to outlive its terminal, as with `nohup`. Listening for SIGHUP would undo that.
#[cfg(unix)]
fn ignores_hang_up() -> bool {
    use std::io::IsTerminal as _;
    const HANG_UP: u64 = 1;
    let status = std::fs::read_to_string("/proc/self/status").ok();
    let ignored = status.as_deref().and_then(|status| {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    });
    match ignored {
        Some(mask) => mask & HANG_UP != 0,
        // Without /proc, guess: `nohup` redirects output from the terminal to a file.
        None => !std::io::stderr().is_terminal(),
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signal::Interrupt,
            Err(_) => std::future::pending().await,
        }
    }
}

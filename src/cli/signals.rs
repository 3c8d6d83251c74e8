//! Ctrl-C, SIGTERM and SIGHUP. The first one ends reads and lets writes in flight have some time; the second ends that time; the third ends
//! the process.
//!
//! GitHub Actions sends SIGINT, 7.5 s later SIGTERM, 2.5 s later SIGKILL; GitLab, Kubernetes and `docker stop` send SIGTERM and later
//! SIGKILL; a terminal that closes, and an ssh connection that is lost, send SIGHUP. Listened to by a thread of its own: the runtime of a command ends before all is printed, and a signal that is caught by
//! nobody would do nothing.

use std::sync::mpsc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::output::{self, Failure};
use crate::arm::{Interrupt, Phase};

/// How long a signal leaves for what is being told: reports are not cut off by the signal that comes a moment too late.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Listens from now on to the end of the process.
pub(super) fn listen(interrupt: &Interrupt, grace: Duration) -> Result<(), Failure> {
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
    // A signal before the thread listens would end the process without a word.
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
                // A reader that reads has all of it long before.
                sleep(LAST_WORDS).await;
                std::process::exit(signal.exit())
            }
            (1, phase) => {
                deadline = Instant::now() + grace;
                let name = signal.name();
                say_soon(match phase {
                    Phase::Writing => format!(
                        "\ninterrupted: {name}; no further step begins, writes in flight have {} s (a second signal ends that)\n",
                        grace.as_secs()
                    ),
                    _ => format!("\ninterrupted: {name}\n"),
                });
                interrupt.trigger();
            }
            (2, _) => give_up(interrupt, "at the second signal"),
            _ => std::process::exit(signal.exit()),
        }
    }
}

/// Says it, and waits for that no longer than a moment: what was interrupted may end the process right away, and a reader that does not
/// read keeps nobody from interrupting it.
fn say_soon(text: String) {
    const MOMENT: Duration = Duration::from_millis(200);
    let (send, said) = mpsc::channel();
    std::thread::spawn(move || {
        output::aside(&text);
        let _ = send.send(());
    });
    let _ = said.recv_timeout(MOMENT);
}

/// Waits for no write any longer.
fn give_up(interrupt: &Interrupt, when: &str) {
    if interrupt.phase() == Phase::Writing {
        output::aside(&format!("not waiting for writes in flight any longer, {when}\n"));
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

    /// As shells say it of a process that a signal has ended.
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
    /// Nothing under `nohup`.
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

/// Whether whoever started the process wants it to outlive its terminal, as `nohup` does. Listening would undo that.
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
        // Where nothing tells: `nohup` leads what would go to a terminal into a file.
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

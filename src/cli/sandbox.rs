//! `keyless sandbox`: a local imitation of Azure Resource Manager.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};

use super::Exit;
use super::output::{self, Failure};
use super::session::{block_on, chain};
use super::signals;
use crate::arm::{Interrupt, Phase};
use crate::sandbox::{self, Sandbox, Throttle, Tls};

/// Arguments of `sandbox`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: SandboxCommand,
}

#[derive(Debug, Subcommand)]
enum SandboxCommand {
    /// Serve until Ctrl-C, SIGTERM or SIGHUP; prints `listening on URL` first
    Serve(Serve),
    /// Delete the sandbox's state
    Reset {
        /// The state file
        #[arg(long, value_name = "FILE", default_value = ".keyless/sandbox.json")]
        state: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct Serve {
    /// Address to listen on; loopback only
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// File to keep the state in; without it, the state is lost when the process ends
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Certificate chain for HTTPS (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key for HTTPS (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Delay every response by this many milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency: u64,
    /// Milliseconds that a long-running operation takes to finish
    #[arg(long, value_name = "MS", default_value_t = 0)]
    operation_time: u64,
    /// Milliseconds until a new role assignment takes effect on calls of models
    #[arg(long, value_name = "MS", default_value_t = 0)]
    role_propagation: u64,
    /// Which request limits to apply
    #[arg(long, value_enum, default_value_t = ThrottleName::Off)]
    throttle: ThrottleName,
    /// Check tokens and permissions, and let nothing exist before it is created
    #[arg(long)]
    strict: bool,
    /// Append every request and response to this file as a JSON line, without secrets
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ThrottleName {
    /// No limits
    Off,
    /// The limits that Azure documents
    Documented,
}

pub(super) fn run(interrupt: &Interrupt, args: &Args) -> Result<Exit, Failure> {
    match &args.command {
        SandboxCommand::Serve(serve) => block_on(async { listen(interrupt, serve).await }),
        SandboxCommand::Reset { state } => {
            sandbox::reset(state)
                .map_err(|error| Failure::new("failed to reset the sandbox").cause(chain(&error)))?;
            Ok(Exit::Success)
        }
    }
}

async fn listen(interrupt: &Interrupt, serve: &Serve) -> Result<Exit, Failure> {
    let tls = serve.tls_cert.clone().zip(serve.tls_key.clone()).map(|(cert, key)| Tls { cert, key });
    let options = sandbox::Options {
        listen: serve.listen,
        state: serve.state.clone(),
        latency: Duration::from_millis(serve.latency),
        throttle: match serve.throttle {
            ThrottleName::Off => Throttle::Off,
            ThrottleName::Documented => Throttle::Documented,
        },
        strict: serve.strict,
        tls,
        record: serve.record.clone(),
        operation_time: Duration::from_millis(serve.operation_time),
        role_propagation: Duration::from_millis(serve.role_propagation),
    };
    let failed = |error: sandbox::Error| Failure::new("failed to start the sandbox").cause(chain(&error));
    let server = Sandbox::start(options).await.map_err(failed)?;
    signals::listen(interrupt, Duration::ZERO)?;
    output::result(&format!("listening on {}\n", server.url()))?;
    interrupt.triggered().await;
    // A second signal need not wait for the state to be saved: the journal already has it.
    interrupt.enter(Phase::Telling);
    server.stop().await;
    Ok(Exit::Success)
}

//! The `keyless` binary: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    keyless::cli::run(std::env::args_os())
}

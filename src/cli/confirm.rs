//! Asking before something is written.

use std::io::{self, BufRead as _, IsTerminal as _};

use super::output::{self, Failure};

/// Fails where nobody could be asked; `before` is what to do first, as in "look at `keyless plan`".
pub(super) fn possible(yes: bool, before: &str, command: &str) -> Result<(), Failure> {
    if yes || io::stdin().is_terminal() {
        return Ok(());
    }
    let hint = format!("{before}, then run `keyless {command} --yes`");
    Err(Failure::new("nobody is there to confirm").hint(hint))
}

/// Asks on the terminal; anything but `yes` is a failure.
pub(super) fn confirm(yes: bool, question: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    output::aside(&format!("{question} Only `yes` is taken as yes: "));
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::new("failed to read the answer").cause(error))?;
    if answer.trim() == "yes" { Ok(()) } else { Err(Failure::new("not confirmed; nothing was written")) }
}

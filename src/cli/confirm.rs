//! Asking before something is written.

use std::io::{self, BufRead as _, IsTerminal as _};

use super::output::{self, Failure};
use crate::arm::Interrupt;

/// Fails where nobody could be asked; `before` is what to do first, as in "look at `keyless plan`".
pub(super) fn possible(yes: bool, before: &str) -> Result<(), Failure> {
    if yes || io::stdin().is_terminal() {
        return Ok(());
    }
    let hint = format!("{before}, then run this command once more with `--yes`");
    Err(Failure::new("nobody is there to confirm").hint(hint))
}

/// Longest answer that is read.
const LONGEST: u64 = 1024;

/// Asks on the terminal. Only `yes` is yes: an empty line, the end of the input and everything else is no, and so is Ctrl-C.
pub(super) async fn confirm(yes: bool, question: &str, interrupt: &Interrupt) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    output::aside(&format!("{} Only `yes` is taken as yes: ", output::one_line(question)));
    let (send, answer) = tokio::sync::oneshot::channel();
    // No task of the runtime, which would wait at its end for a line that nobody types any more.
    std::thread::spawn(move || send.send(answer_from(io::stdin().lock())));
    let answer = tokio::select! {
        biased;
        () = interrupt.triggered() => {
            return Err(Failure::interrupted("at the question"));
        }
        answer = answer => answer.unwrap_or_default(),
    };
    if is_yes(&answer) { Ok(()) } else { Err(Failure::new("not confirmed; nothing was written")) }
}

/// The line that was typed. What cannot be read is no answer.
fn answer_from(input: impl io::BufRead) -> Vec<u8> {
    let mut answer = Vec::new();
    match input.take(LONGEST).read_until(b'\n', &mut answer) {
        Ok(_) => answer,
        Err(_) => Vec::new(),
    }
}

/// Whether an answer is `yes` and ends: half a line may have been meant to go on.
fn is_yes(answer: &[u8]) -> bool {
    answer.strip_suffix(b"\n").is_some_and(|line| line.trim_ascii() == b"yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        for (typed, is) in [
            ("yes\n", true),
            (" yes \r\n", true),
            ("yes\nno\n", true),
            ("", false),
            ("\n", false),
            ("yes", false),
            ("y\n", false),
            ("Yes\n", false),
            ("YES\n", false),
            ("yes please\n", false),
            ("yesyes\n", false),
            ("no\n", false),
            ("no yes\n", false),
            ("\nyes\n", false),
            ("\u{fffd}\n", false),
        ] {
            assert_eq!(is_yes(&answer_from(typed.as_bytes())), is, "{typed:?}");
        }
        let long = format!("yes{}\n", " ".repeat(4096));
        assert!(!is_yes(&answer_from(long.as_bytes())), "it is not read to its end");
        assert!(!is_yes(&answer_from(&b"\xff\n"[..])));
    }
}

//! Asks for confirmation before anything is written.

use std::io::{self, BufRead as _, IsTerminal as _};

use super::output::{self, Failure};
use crate::arm::Interrupt;
use crate::document::Target;
use crate::render::page::{Page, fold};

/// Fails if stdin is not a terminal; `before` is what the hint says to do first, such as "check `keyless plan`".
pub(super) fn possible(yes: bool, before: &str) -> Result<(), Failure> {
    if yes || io::stdin().is_terminal() {
        return Ok(());
    }
    let hint = format!("{before}, then run this command again with `--yes`");
    Err(Failure::new("cannot ask for confirmation: stdin is not a terminal").hint(hint))
}

/// Longest answer that is read.
const LONGEST: u64 = 1024;

/// Asks on the terminal. Only `yes` confirms: an empty line, the end of input, Ctrl-C and everything else do not.
pub(super) async fn confirm(
    yes: bool,
    target: &Target,
    question: &str,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    output::aside(&asked(target, question, output::page_aside()));
    let answer = typed(interrupt, "while waiting for confirmation").await?;
    if is_yes(&answer) { Ok(()) } else { Err(Failure::new("not confirmed; nothing was written")) }
}

/// The target, and the question on the last line.
fn asked(target: &Target, question: &str, page: Page) -> String {
    let [target, question] = [target.to_string(), question.to_owned()].map(|text| output::one_line(&text));
    fold(&format!("Target: {target}\n{question} Type `yes` to continue: "), page)
}

/// The next line that is typed, with its newline; nothing at the end of the input. Ctrl-C ends the run.
pub(super) async fn typed(interrupt: &Interrupt, when: &str) -> Result<Vec<u8>, Failure> {
    let (send, answer) = tokio::sync::oneshot::channel();
    // A thread, not a task: the runtime would wait for a task, and so for a line that is never typed, when it shuts down.
    std::thread::spawn(move || send.send(answer_from(io::stdin().lock())));
    tokio::select! {
        biased;
        () = interrupt.triggered() => Err(Failure::interrupted(when)),
        answer = answer => Ok(answer.unwrap_or_default()),
    }
}

/// The line that was typed, or nothing if it cannot be read.
fn answer_from(input: impl io::BufRead) -> Vec<u8> {
    let mut answer = Vec::new();
    match input.take(LONGEST).read_until(b'\n', &mut answer) {
        Ok(_) => answer,
        Err(_) => Vec::new(),
    }
}

/// Whether an answer is `yes` with a newline: without one, the line may have been cut off.
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

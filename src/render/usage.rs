//! Who still uses API keys, for people. Object ids and names of callers are left out of Markdown, which ends up in comments.

use std::fmt::Write as _;

use super::access::account_name;
use super::markdown::place;
use super::page::Page;
use super::statement::Said;
use super::text::{BAD, CHANGED, GOOD, QUIET, STRONG, headed, plural};
use crate::document::usage::{AccountUsage, CallKind, Calls, Fetched, KeyVerdict, Usage};
use crate::id::ResourceId;
use crate::plan::apart::Apart;
use crate::text::sanitize::{markdown, sanitize};

/// The most items of a list that are shown without `-v`.
const FEW: usize = 3;

impl Said for Usage {
    const COMMAND: &'static str = "keys usage";

    fn text(&self, page: Page) -> String {
        let mut text = String::new();
        let apart = Apart::of(self.accounts.iter().filter_map(|account| ResourceId::parse(&account.id).ok()));
        for account in &self.accounts {
            let style = match account.verdict {
                KeyVerdict::KeysUsed => BAD,
                KeyVerdict::CallsWithoutName | KeyVerdict::CannotTell => CHANGED,
                KeyVerdict::NoKeyCallSeen | KeyVerdict::NoCall | KeyVerdict::KeysOff => GOOD,
            };
            let name = account_name(&account.name, &account.id, account.source.is_some(), &apart);
            text.push_str(&headed("account", STRONG, &name, account.source.as_ref()));
            let _ = writeln!(text, "      {style}{}{style:#}", sanitize(&account.statement));
            let most = if page.verbose { usize::MAX } else { FEW };
            for calls in &account.calls {
                let _ = writeln!(
                    text,
                    "      {} {}",
                    how(calls.how, account.verdict),
                    sanitize(&told(calls, most, true))
                );
            }
            for fetched in account.keys_fetched.iter().take(most) {
                let _ = writeln!(text, "      {}", sanitize(&fetching(fetched)));
            }
            let more = account.keys_fetched.len().saturating_sub(most);
            if more > 0 {
                let _ = writeln!(text, "      … and {more} more; -v shows them");
            }
            for note in &account.notes {
                let _ = writeln!(text, "      {STRONG}note{STRONG:#} {}", sanitize(note));
            }
        }
        text
    }

    fn summary(&self) -> String {
        let counts = &self.summary;
        let parts = [
            (counts.keys_used, "with keys in use"),
            (counts.calls_without_name, "with calls without a name"),
            (counts.cannot_tell, "of which this could not be determined"),
            (counts.no_key_call_seen, "without a key call"),
            (counts.no_call, "without any call"),
            (counts.keys_off, "with API keys off"),
        ];
        let (some, all): (Vec<_>, usize) =
            (parts.into_iter().filter(|(count, _)| *count > 0).collect(), self.accounts.len());
        let said = match (some.as_slice(), all) {
            ([], _) => return "no account to report on".to_owned(),
            ([(_, what)], 1) => format!("1 account, {what}"),
            ([(_, what)], 2) => format!("2 accounts, both {what}"),
            ([(_, what)], _) => format!("{all} accounts, all {what}"),
            (some, _) => {
                let some: Vec<String> = some.iter().map(|(count, what)| format!("{count} {what}")).collect();
                format!("{all} accounts: {}", some.join(", "))
            }
        };
        format!("{said}. Looked at {} days, since {}", self.days, self.from)
    }

    fn markdown(&self) -> String {
        let mut text =
            String::from("| verdict | account | evidence | declared |\n| --- | --- | --- | --- |\n");
        for account in &self.accounts {
            let statement = markdown(&account.statement);
            let verdict = if account.verdict.passes() { statement } else { format!("**{statement}**") };
            let evidence: Vec<String> = account
                .calls
                .iter()
                .map(|calls| format!("{}: {}", word(calls.how, account.verdict), told(calls, FEW, false)))
                .chain(account.reasons.iter().map(|reason| reason.message.clone()))
                .chain(fetches(account))
                .chain(account.notes.iter().cloned())
                .map(|line| markdown(&line))
                .collect();
            let name = match account.source {
                Some(_) => &account.name,
                None => &account.id,
            };
            let declared = place(account.source.as_ref());
            let _ =
                writeln!(text, "| {verdict} | {} | {} | {declared} |", markdown(name), evidence.join("<br>"));
        }
        text
    }
}

fn how(how: CallKind, verdict: KeyVerdict) -> String {
    let style = match how {
        CallKind::Key => BAD,
        CallKind::Unclear => CHANGED,
        CallKind::Token => GOOD,
        CallKind::Refused => QUIET,
    };
    format!("{style}{:7}{style:#}", word(how, verdict))
}

/// How calls were authenticated.
fn word(how: CallKind, verdict: KeyVerdict) -> &'static str {
    match how {
        CallKind::Key if verdict == KeyVerdict::KeysUsed => "key",
        CallKind::Key => "no name",
        CallKind::Unclear => "unclear",
        CallKind::Token => "token",
        CallKind::Refused => "refused",
    }
}

/// Calls in a line: what, when, of what and from where.
fn told(calls: &Calls, most: usize, callers: bool) -> String {
    let day = |time: &str| time.get(..10).unwrap_or(time).to_owned();
    let operation = if calls.operation.is_empty() { "an operation without a name" } else { &calls.operation };
    let (first, last) = (day(&calls.first), day(&calls.last));
    let when = if first == last { first } else { format!("{first} to {last}") };
    let mut line = format!(
        "{operation}: {} {}, {when}",
        calls.calls,
        plural(usize::try_from(calls.calls).unwrap_or(usize::MAX), "call", "calls")
    );
    for (word, items) in [("of", &calls.deployments), ("from", &calls.addresses)] {
        if !items.is_empty() {
            let _ = write!(line, ", {word} {}", few(items, most));
        }
    }
    match (callers, calls.callers.len()) {
        (_, 0) => {}
        (true, _) => _ = write!(line, ", by {}", few(&calls.callers, most)),
        (false, 1) => line.push_str(", by 1 caller"),
        (false, count) => _ = write!(line, ", by {count} callers"),
    }
    line
}

fn few(items: &[String], most: usize) -> String {
    let more = items.len().saturating_sub(most);
    let shown = items.get(..items.len() - more).unwrap_or_default().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

fn fetching(fetched: &Fetched) -> String {
    let tool = fetched.tool.as_ref().map(|tool| format!(" with {tool}")).unwrap_or_default();
    let times = if fetched.times == 1 { "once".to_owned() } else { format!("{} times", fetched.times) };
    let last = fetched.last.get(..10).unwrap_or(&fetched.last);
    let what = match fetched.operation.as_str() {
        "regenerateKey" => "regenerated",
        "listKeys" => "listed",
        _ => "fetched",
    };
    format!("keys {what} {times}{tool} by {}, last on {last} (this does not show use)", fetched.caller)
}

/// How often keys were listed and regenerated, without saying by whom.
fn fetches(account: &AccountUsage) -> Option<String> {
    let times = |is: fn(&Fetched) -> bool| -> u64 {
        account.keys_fetched.iter().filter(|fetched| is(fetched)).map(|fetched| fetched.times).sum()
    };
    let is_new = |fetched: &Fetched| fetched.operation == "regenerateKey";
    let often = |times| if times == 1 { "once".to_owned() } else { format!("{times} times") };
    let said = |(what, times): (&str, u64)| (times > 0).then(|| format!("{what} {}", often(times)));
    let counts =
        [("listed", times(|fetched| fetched.operation != "regenerateKey")), ("regenerated", times(is_new))];
    let said: Vec<String> = counts.into_iter().filter_map(said).collect();
    (!said.is_empty()).then(|| format!("keys {} (this does not show use)", said.join(", ")))
}

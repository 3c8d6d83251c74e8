//! `keys status` as text, Markdown and HTML.

use std::fmt::Write as _;

use maud::Markup;

use super::access::account_name;
use super::html;
use super::markdown::place;
use super::openmetrics::{self, Measures};
use super::page::Page;
use super::statement::Said;
use super::text::{BAD, CHANGED, GOOD, headed};
use crate::document::FindingEntry;
use crate::document::keys::{AccountKeys, KeyStatus, Keys, KeysStatement, Revocation};
use crate::finding::{Code, Severity};
use crate::id::ResourceId;
use crate::plan::apart::Apart;
use crate::text::sanitize::{markdown, markdown_code};
use crate::text::source::Position;

impl Said for KeysStatement {
    const COMMAND: &'static str = "keys status";

    fn measures(&self) -> Measures {
        openmetrics::of_keys(self)
    }

    fn text(&self, _page: Page) -> String {
        let apart = Apart::of(self.accounts.iter().filter_map(|account| ResourceId::parse(&account.id).ok()));
        enabled_first(&self.accounts).into_iter().fold(String::new(), |text, account| {
            let (word, style) = match account.keys {
                Keys::Enabled => ("API keys on: ", BAD),
                Keys::Disabled => ("API keys off:", GOOD),
            };
            let name = account_name(&account.name, &account.id, account.source.is_some(), &apart);
            text + &headed(word, style, &format!("account {name}"), account.source.as_ref())
        })
    }

    fn summary(&self) -> String {
        let (enabled, all) = (self.summary.enabled, self.accounts.len());
        match (enabled, all) {
            (_, 0) => "no account to report on".to_owned(),
            (0, 1) => "the account does not accept API keys".to_owned(),
            (0, _) => format!("no account accepts API keys ({all} checked)"),
            (1, 1) => "the account accepts API keys".to_owned(),
            (1, _) => format!("1 of {all} accounts accepts API keys"),
            _ => format!("{enabled} of {all} accounts accept API keys"),
        }
    }

    fn markdown(&self) -> String {
        let mut text = String::from("| API keys | account | id | declared |\n| --- | --- | --- | --- |\n");
        for account in enabled_first(&self.accounts) {
            let word = match account.keys {
                Keys::Enabled => "**enabled**",
                Keys::Disabled => "disabled",
            };
            let (name, id) = (markdown(&account.name), markdown_code(&account.id));
            let _ = writeln!(text, "| {word} | {name} | {id} | {} |", place(account.source.as_ref()));
        }
        text
    }

    fn issues(&self) -> Vec<FindingEntry> {
        let on = self.accounts.iter().filter(|account| account.keys == Keys::Enabled);
        on.map(|account| accepted(Severity::Error, &title(account), account.source.as_ref())).collect()
    }

    fn html(&self) -> Markup {
        html::keys::status(self)
    }
}

fn enabled_first(accounts: &[AccountKeys]) -> Vec<&AccountKeys> {
    let mut accounts: Vec<&AccountKeys> = accounts.iter().collect();
    accounts.sort_by_key(|account| account.keys != Keys::Enabled);
    accounts
}

/// An account that accepts keys, as an issue.
pub(super) fn accepted(severity: Severity, title: &str, source: Option<&Position>) -> FindingEntry {
    FindingEntry {
        source: source.cloned(),
        hint: Some("set `disableLocalAuth: true` once nobody uses the keys".to_owned()),
        ..FindingEntry::of(severity, Code::KeysEnabled, format!("{title} accepts API keys"))
    }
}

/// A declared account has a source position; a listed one has only its id.
fn title(account: &AccountKeys) -> String {
    match account.source {
        Some(_) => format!("account {}", account.name),
        None => account.id.clone(),
    }
}

impl Said for Revocation {
    const COMMAND: &'static str = "keys revoke";

    fn text(&self, _page: Page) -> String {
        let mut text = String::new();
        for account in &self.accounts {
            for key in &account.keys {
                let (word, style) = match key.status {
                    KeyStatus::Regenerated => ("regenerated", GOOD),
                    KeyStatus::Failed => ("failed     ", BAD),
                    KeyStatus::Unknown => ("unknown    ", CHANGED),
                };
                let title = format!("{} of account {}", key.name, account.name);
                text.push_str(&headed(word, style, &title, account.source.as_ref()));
            }
        }
        text
    }

    fn summary(&self) -> String {
        let tally = &self.summary;
        format!("{} regenerated, {} failed, {} unknown", tally.regenerated, tally.failed, tally.unknown)
    }

    fn markdown(&self) -> String {
        let mut text = String::from("| | key | account | |\n| --- | --- | --- | --- |\n");
        for account in &self.accounts {
            for key in &account.keys {
                let word = match key.status {
                    KeyStatus::Regenerated => "regenerated",
                    KeyStatus::Failed => "**failed**",
                    KeyStatus::Unknown => "**unknown**",
                };
                let reason = key.reason.as_deref().map(markdown).unwrap_or_default();
                let _ = writeln!(text, "| {word} | {} | {} | {reason} |", key.name, markdown(&account.name));
            }
        }
        text
    }
}

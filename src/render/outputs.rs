//! Outputs of accounts for people.

use std::fmt::Write as _;

use super::markdown::place;
use super::sanitize::{markdown, markdown_code, sanitize};
use super::statement::Said;
use super::text::{STRONG, headed, plural};
use crate::outputs::{AccountOutputs, Outputs};

impl Said for Outputs {
    const COMMAND: &'static str = "outputs";

    fn text(&self) -> String {
        let mut text = String::new();
        for account in &self.accounts {
            text.push_str(&headed("account", STRONG, &account.name, account.source.as_ref()));
            for (label, value) in lines(account) {
                let _ = writeln!(text, "    {label:22}{}", sanitize(&value));
            }
        }
        text
    }

    fn summary(&self) -> String {
        let count = self.accounts.len();
        format!("{count} {}", plural(count, "account", "accounts"))
    }

    fn markdown(&self) -> String {
        let mut text = String::from("| account | | | declared |\n| --- | --- | --- | --- |\n");
        for account in &self.accounts {
            let name = markdown(&account.name);
            let _ = writeln!(text, "| **{name}** | | | {} |", place(account.source.as_ref()));
            for (label, value) in lines(account) {
                let _ = writeln!(text, "| | {label} | {} | |", markdown_code(&value));
            }
        }
        text
    }
}

/// Everything known of an account, with a label each.
fn lines(account: &AccountOutputs) -> Vec<(&'static str, String)> {
    let mut lines: Vec<(&str, String)> =
        account.values().into_iter().map(|(label, _, value)| (label, value.to_owned())).collect();
    for identity in &account.user_assigned_identities {
        let principal = identity.principal_id.as_ref().map(|id| format!(" (principal id {id})"));
        lines.push(("user-assigned", format!("{}{}", identity.id, principal.unwrap_or_default())));
    }
    lines
}

//! Outputs of accounts and projects for people.

use std::fmt::Write as _;

use super::markdown::place;
use super::page::Page;
use super::statement::Said;
use super::text::{STRONG, headed, plural};
use crate::accounts::outputs::{AccountOutputs, Outputs};
use crate::text::sanitize::{markdown, markdown_code, sanitize};

impl Said for Outputs {
    const COMMAND: &'static str = "outputs";

    fn text(&self, _page: Page) -> String {
        let mut text = String::new();
        for account in &self.accounts {
            text.push_str(&headed("account", STRONG, &account.name, account.source.as_ref()));
            for (label, value) in lines(account) {
                let _ = writeln!(text, "    {label:22}{}", sanitize(&value));
            }
            for project in &account.projects {
                let name = format!("{} of {}", project.name, account.name);
                text.push_str(&headed("project", STRONG, &name, project.source.as_ref()));
                for (label, _, value) in project.values() {
                    let _ = writeln!(text, "    {label:22}{}", sanitize(value));
                }
            }
        }
        text
    }

    fn summary(&self) -> String {
        let count = self.accounts.len();
        let accounts = format!("{count} {}", plural(count, "account", "accounts"));
        match self.accounts.iter().map(|account| account.projects.len()).sum() {
            0 => accounts,
            count => format!("{accounts}, {count} {}", plural(count, "project", "projects")),
        }
    }

    fn markdown(&self) -> String {
        let mut text = String::from("| account or project | | | declared |\n| --- | --- | --- | --- |\n");
        for account in &self.accounts {
            let name = markdown(&account.name);
            let _ = writeln!(text, "| **{name}** | | | {} |", place(account.source.as_ref()));
            for (label, value) in lines(account) {
                let _ = writeln!(text, "| | {label} | {} | |", markdown_code(&value));
            }
            for project in &account.projects {
                let place = place(project.source.as_ref());
                let _ = writeln!(text, "| **{}** of {name} | | | {place} |", markdown(&project.name));
                for (label, _, value) in project.values() {
                    let _ = writeln!(text, "| | {label} | {} | |", markdown_code(value));
                }
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

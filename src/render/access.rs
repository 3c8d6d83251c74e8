//! Who can call the models, for people: of `access`, and of plans that change it.

use std::fmt::Write as _;

use maud::Markup;

use super::html;
use super::markdown::place;
use super::statement::Said;
use super::text::{BAD, CHANGED, GOOD, QUIET, STRONG, headed, plural};
use crate::document::Plan;
use crate::document::access::{
    Access, AccessChange, AccountAccess, DenyAssignment, Holder, NOT_EVALUATED, Reach, Through,
};
use crate::document::keys::Keys;
use crate::id::ResourceId;
use crate::principals::called;
use crate::text::sanitize::{markdown, sanitize};

/// A plan that changes more accounts than this names the first ones only; JSON has them all.
const SHOWN: usize = 20;

impl Said for Access {
    const COMMAND: &'static str = "access";

    fn text(&self) -> String {
        let mut text = String::new();
        for account in &self.accounts {
            text.push_str(&headed("account", STRONG, &account.name, account.source.as_ref()));
            let (words, style) = match account.keys {
                Keys::Enabled => (ANYONE, BAD),
                Keys::Disabled => ("API keys are off", GOOD),
            };
            let _ = writeln!(text, "    {style}{words}{style:#}");
            if account.principals.is_empty() {
                let _ = writeln!(text, "    {}", nobody(account));
            }
            for holder in &account.principals {
                let _ = writeln!(text, "    {}", sanitize(&who(holder)));
                for through in &holder.through {
                    let _ = writeln!(text, "      {QUIET}{}{QUIET:#}", sanitize(&how(through)));
                }
            }
            for denial in &account.deny_assignments {
                let _ = writeln!(text, "    {}", sanitize(&denied(denial)));
            }
        }
        text + &format!("Not evaluated: {}.\n", NOT_EVALUATED.join(", "))
    }

    fn summary(&self) -> String {
        let (accounts, keys) =
            (self.accounts.len(), self.accounts.iter().filter(|account| account.keys == Keys::Enabled));
        let holders: usize = self.accounts.iter().map(|account| account.principals.len()).sum();
        format!(
            "{accounts} {}, {holders} {} with a token, {} with keys on",
            plural(accounts, "account", "accounts"),
            plural(holders, "way in", "ways in"),
            keys.count()
        )
    }

    fn markdown(&self) -> String {
        let mut text = String::from(
            "| account | who can call its models | through | declared |\n| --- | --- | --- | --- |\n",
        );
        for account in &self.accounts {
            let name = markdown(&account.name);
            let words = match account.keys {
                Keys::Enabled => format!("**{ANYONE}**"),
                Keys::Disabled => "API keys are off".to_owned(),
            };
            let _ = writeln!(text, "| **{name}** | {words} | | {} |", place(account.source.as_ref()));
            if account.principals.is_empty() {
                let _ = writeln!(text, "| | {} | | |", nobody(account));
            }
            for holder in &account.principals {
                let through: Vec<String> =
                    holder.through.iter().map(|through| markdown(&how(through))).collect();
                let _ = writeln!(text, "| | {} | {} | |", markdown(&who(holder)), through.join("<br>"));
            }
            for denial in &account.deny_assignments {
                let _ = writeln!(text, "| | {} | | |", markdown(&denied(denial)));
            }
        }
        text + &format!("\nNot evaluated: {}.\n", NOT_EVALUATED.join(", "))
    }

    fn html(&self) -> Markup {
        html::access::matrix(self)
    }
}

const ANYONE: &str = "API keys are on: anyone with a key can call";

fn nobody(account: &AccountAccess) -> &'static str {
    if account.complete {
        "nobody can call its models with a token"
    } else {
        "whether anybody can call with a token is not known"
    }
}

/// A principal in words.
pub(super) fn who(holder: &Holder) -> String {
    let Holder { id, kind, name, orphaned, .. } = holder;
    let mut text = called(kind, id, name.as_deref());
    if *orphaned {
        text.push_str(", orphaned: the directory does not know it");
    } else if kind.ends_with("Group") {
        text.push_str(", and so its members");
    }
    text
}

fn denied(denial: &DenyAssignment) -> String {
    format!("deny assignment {} on {}: not evaluated", denial.name, denial.scope)
}

/// An assignment in words.
pub(super) fn how(through: &Through) -> String {
    let name = ResourceId::parse(&through.scope).map_or_else(|_| String::new(), |id| id.name().to_owned());
    let place = match through.reach {
        Reach::Direct => "on the account".to_owned(),
        Reach::Below => format!("only in {name}"),
        Reach::ResourceGroup => format!("on resource group {name}"),
        Reach::Subscription => format!("on subscription {name}"),
        Reach::Above if name.is_empty() => "on the tenant root".to_owned(),
        Reach::Above => format!("on management group {name}"),
    };
    let condition = if through.condition.is_some() { ", under a condition" } else { "" };
    let temporary = match (through.temporary, &through.until) {
        (false, _) => String::new(),
        (true, Some(end)) => format!(", temporary, until {end}"),
        (true, None) => ", temporary".to_owned(),
    };
    format!("{} {place}{condition}{temporary}", through.role)
}

/// Who gains and who loses if a plan is carried out; nothing where nobody does.
pub(super) fn changes(text: &mut String, plan: &Plan) {
    let changes = &plan.access;
    if changes.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "{STRONG}If applied, who gains (+) and who loses (-) access to models{}:{STRONG:#}",
        limits(plan)
    );
    for change in changes.iter().take(SHOWN) {
        let _ = writeln!(text, "  {}", sanitize(&change.account));
        for (sign, words) in lines(change) {
            let style = match sign {
                "+" => GOOD,
                "-" => BAD,
                _ => CHANGED,
            };
            let _ = writeln!(text, "    {style}{sign}{style:#} {}", sanitize(&words));
        }
    }
    if let Some(more) = more(changes) {
        let _ = writeln!(text, "  {more}");
    }
    text.push('\n');
}

/// The same for a comment on a pull request.
pub(super) fn changes_markdown(text: &mut String, plan: &Plan) {
    let changes = &plan.access;
    if changes.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n**If applied, who gains and who loses access to models{}**\n", limits(plan));
    for change in changes.iter().take(SHOWN) {
        let _ = writeln!(text, "- {}", markdown(&change.account));
        for (sign, words) in lines(change) {
            let verb = match sign {
                "+" => "gains",
                "-" => "**loses**",
                _ => "",
            };
            let _ = writeln!(text, "  - {verb} {}", markdown(&words));
        }
    }
    if let Some(more) = more(changes) {
        let _ = writeln!(text, "- {more}");
    }
}

/// What was not read could let somebody in already.
pub(super) fn limits(plan: &Plan) -> &'static str {
    if plan.incomplete.is_empty() { "" } else { ", as far as could be read" }
}

fn more(changes: &[AccessChange]) -> Option<String> {
    let more = changes.len().checked_sub(SHOWN).filter(|more| *more > 0)?;
    Some(format!("and {more} more {}; JSON lists them", plural(more, "account", "accounts")))
}

/// How far somebody can who could always and for good.
pub(super) fn limit(holder: &Holder) -> &'static str {
    let through = || holder.through.iter();
    let is_free = |way: &Through| way.condition.is_none();
    match (through().all(|way| way.temporary), through().any(is_free)) {
        (true, true) => "for a while",
        (true, false) => "for a while, and as far as a condition lets",
        (false, true) => "for a while, and after that as far as a condition lets",
        (false, false) => "as far as a condition lets",
    }
}

fn lines(change: &AccessChange) -> Vec<(&'static str, String)> {
    let line = |holder: &Holder| {
        let roles: Vec<String> = holder.through.iter().map(how).collect();
        format!("{}: {}", who(holder), roles.join("; "))
    };
    let mut lines: Vec<(&str, String)> = change.gains.iter().map(|holder| ("+", line(holder))).collect();
    lines.extend(change.loses.iter().map(|holder| ("-", line(holder))));
    let kept = |holder: &Holder| {
        let roles: Vec<String> = holder.through.iter().map(how).collect();
        format!("{}: can only {}, by {}", who(holder), limit(holder), roles.join("; "))
    };
    lines.extend(change.restricted.iter().map(|holder| ("-", kept(holder))));
    if let Some(keys) = change.keys {
        lines.push(match keys.after {
            Some(Keys::Enabled) => ("+", "anyone with an API key".to_owned()),
            Some(Keys::Disabled) | None => ("-", "anyone with an API key".to_owned()),
        });
    }
    lines
}

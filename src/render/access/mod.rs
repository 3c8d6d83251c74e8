//! Who can call the models, for people: of `access`, and of plans that change it.

pub(super) mod members;
mod models;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use maud::Markup;
use models::{models, nobody};

use super::alike::{alike, together};
use super::html;
use super::keys;
use super::markdown::{CUT, place, push};
use super::openmetrics::{self, Measures};
use super::page::{self, HANG, Page, fold, list};
use super::people;
use super::statement::Said;
use super::summary::Side;
use super::text::{BAD, CHANGED, GOOD, QUIET, STRONG, headed, plural};
use crate::document::access::{
    Access, AccessChange, AccountAccess, DenyAssignment, Holder, KeysChange, Reach, Through,
};
use crate::document::keys::Keys;
use crate::document::{FindingEntry, Plan};
use crate::finding::Severity;
use crate::id::ResourceId;
use crate::plan::apart::Apart;
use crate::principals::called;
use crate::text::sanitize::{markdown, sanitize};

/// The most lines about who gains and who loses access, without `-v`.
const LINES: usize = 60;

impl Said for Access {
    const COMMAND: &'static str = "access";

    fn measures(&self) -> Measures {
        openmetrics::of_access(self)
    }

    fn text(&self, page: Page) -> String {
        let this = &*people::access(self, page.verbose);
        let mut text = String::new();
        let lines = |account: &AccountAccess| account_lines(account, page.verbose);
        let (mut used, mut totals) = (0, 0);
        let (accounts, apart) = (keys_on_first(&this.accounts), self.apart());
        for same in alike(&accounts, !page.verbose, |account| lines(account)) {
            let first = same[0];
            let mut said = if same.len() == 1 {
                headed("account", STRONG, &named(first, &apart), first.source.as_ref())
            } else {
                let names: Vec<String> =
                    same.iter().map(|account| sanitize(&named(account, &apart)).into_owned()).collect();
                format!("  {STRONG}{} accounts, each:{STRONG:#}\n    {}\n", same.len(), list(&names))
            };
            for line in lines(first) {
                let _ = writeln!(said, "{line}");
            }
            let said = fold(&said, page);
            used += said.lines().count();
            if page.verbose || used <= MOST {
                text.push_str(&said);
                continue;
            }
            totals += same.len();
            for account in same {
                text.push_str(&fold(&total(account, &apart), page));
            }
        }
        if totals > 0 {
            let what = plural(totals, "account", "accounts");
            let _ = writeln!(
                text,
                "{STRONG}Too much to list: {totals} {what} as totals only. -v lists all.{STRONG:#}"
            );
        }
        text.push_str(&members::text(this.groups.as_deref().unwrap_or_default(), page));
        text + &format!("Not evaluated: {}.\n", self.not_evaluated.join(", "))
    }

    fn summary(&self) -> String {
        let (accounts, keys) =
            (self.accounts.len(), self.accounts.iter().filter(|account| account.keys == Keys::Enabled));
        let through = self.accounts.iter().flat_map(|account| &account.principals);
        let assignments: BTreeSet<&str> =
            through.flat_map(|holder| &holder.through).map(|through| through.assignment.as_str()).collect();
        let read = if self.complete { "" } else { ", as far as could be read" };
        let (given, on) = (assignments.len(), keys.count());
        format!(
            "{accounts} {}: {given} {} access, {on} {} API keys{read}",
            plural(accounts, "account", "accounts"),
            plural(given, "role assignment gives", "role assignments give"),
            plural(on, "account accepts", "accounts accept"),
        )
    }

    fn markdown(&self) -> String {
        let this = &*people::access(self, false);
        let mut text = String::from(
            "| account | who can call its models | through | declared |\n| --- | --- | --- | --- |\n",
        );
        let (mut parts, apart) = (Vec::new(), self.apart());
        for account in keys_on_first(&this.accounts) {
            let mut text = String::new();
            let name = markdown(&named(account, &apart));
            let words = match account.keys {
                Keys::Enabled => format!("**{ANYONE}**"),
                Keys::Disabled => "API keys are off".to_owned(),
            };
            let _ = writeln!(text, "| **{name}** | {words} | | {} |", place(account.source.as_ref()));
            if account.principals.is_empty() {
                let _ = writeln!(text, "| | {} | | |", nobody(account));
            }
            for holder in &account.principals {
                let through: Vec<String> = exact_ways(holder).iter().map(|way| markdown(way)).collect();
                let _ = writeln!(text, "| | {} | {} | |", markdown(&who(holder)), through.join("<br>"));
            }
            for denial in &account.deny_assignments {
                let _ = writeln!(text, "| | {} | | |", markdown(&denied(denial)));
            }
            parts.push((text, 1));
        }
        let mut cut = Vec::new();
        push(&mut text, parts, OF_ACCOUNTS, "accounts; those with API keys on come first", &mut cut);
        if !cut.is_empty() {
            let _ = writeln!(text, "\n{CUT} {}. `--format json` has all.", cut.concat());
        }
        text.push_str(&members::markdown(this.groups.as_deref().unwrap_or_default()));
        text + &format!("\nNot evaluated: {}.\n", self.not_evaluated.join(", "))
    }

    fn issues(&self) -> Vec<FindingEntry> {
        let on = self.accounts.iter().filter(|account| account.keys == Keys::Enabled);
        let issue = |account: &AccountAccess| {
            let title = match account.source {
                Some(_) => format!("account {}", account.name),
                None => account.id.clone(),
            };
            keys::accepted(Severity::Warning, &title, account.source.as_ref())
        };
        on.map(issue).collect()
    }

    fn html(&self) -> Markup {
        html::access::matrix(self)
    }
}

/// Up to this many principals of an account are listed one by one, each with its role assignments.
const FEW: usize = 6;

/// The number of lines after which accounts are shown as totals.
const MOST: usize = 300;

/// The most characters of a comment for the list of accounts.
const OF_ACCOUNTS: usize = 48_000;

/// Accounts that accept keys come first, so that they are not cut.
fn keys_on_first(accounts: &[AccountAccess]) -> Vec<&AccountAccess> {
    let mut accounts: Vec<&AccountAccess> = accounts.iter().collect();
    accounts.sort_by_key(|account| account.keys != Keys::Enabled);
    accounts
}

/// An account's name, and where it is, if its name is not unique or no spec says which one is meant.
fn named(account: &AccountAccess, apart: &Apart) -> String {
    account_name(&account.name, &account.id, account.source.is_some(), apart)
}

/// The same for any account of a statement.
pub(super) fn account_name(name: &str, id: &str, is_declared: bool, apart: &Apart) -> String {
    let id = ResourceId::parse(id).ok();
    let group = id.as_ref().and_then(ResourceId::group).filter(|_| !is_declared);
    match (id.as_ref().map(|id| apart.said(id)).filter(|said| !said.is_empty()), group) {
        (Some(said), _) => format!("{name}{said}"),
        (None, Some(group)) => format!("{name} in {}", group.name()),
        (None, None) => name.to_owned(),
    }
}

impl Access {
    fn apart(&self) -> Apart {
        Apart::of(self.accounts.iter().filter_map(|account| ResourceId::parse(&account.id).ok()))
    }
}

/// An account with its totals only.
fn total(account: &AccountAccess, apart: &Apart) -> String {
    let (count, keys) = (account.principals.len(), if account.keys == Keys::Enabled { "on" } else { "off" });
    let title = format!(
        "{}: {count} {} access, API keys {keys}",
        named(account, apart),
        plural(count, "principal has", "principals have")
    );
    headed("account", STRONG, &title, account.source.as_ref())
}

/// What stands below an account.
fn account_lines(account: &AccountAccess, verbose: bool) -> Vec<String> {
    let (words, style) = match account.keys {
        Keys::Enabled => (ANYONE, BAD),
        Keys::Disabled => ("API keys are off", GOOD),
    };
    let mut lines = vec![format!("    {style}{words}{style:#}")];
    if account.principals.is_empty() {
        lines.push(format!("    {}", nobody(account)));
    }
    if verbose || account.principals.len() <= FEW {
        for holder in &account.principals {
            lines.push(format!("    {}", sanitize(&who(holder))));
            lines.extend(
                exact_ways(holder).iter().map(|way| format!("      {QUIET}{}{QUIET:#}", sanitize(way))),
            );
        }
    } else {
        for (way, holders) in by_way(&account.principals) {
            lines.push(format!("    {}:", sanitize(&way)));
            lines.push(format!("      {}", list(&holders)));
        }
    }
    lines.extend(account.deny_assignments.iter().map(|denial| format!("    {}", sanitize(&denied(denial)))));
    lines
}

/// Each role and scope with all who have it.
fn by_way(holders: &[Holder]) -> Vec<(String, Vec<String>)> {
    let each = holders.iter().flat_map(|holder| exact_ways(holder).into_iter().map(move |way| (way, holder)));
    let mut groups = together(each, |(way, _)| way.clone());
    groups.sort_by(|(a, _), (b, _)| a.cmp(b));
    let named = |holders: Vec<(String, &Holder)>| {
        holders.into_iter().map(|(_, holder)| sanitize(&in_short(holder)).into_owned()).collect()
    };
    groups.into_iter().map(|(way, holders)| (way, named(holders))).collect()
}

/// A principal in a list.
fn in_short(holder: &Holder) -> String {
    let who = called(&holder.kind, &holder.id, holder.name.as_deref());
    match holder {
        Holder { orphaned: true, .. } => format!("{who} [orphaned]"),
        Holder { kind, .. } if kind.ends_with("Group") => format!("{who} and its members"),
        _ => who,
    }
}

fn ways(holder: &Holder) -> Vec<String> {
    holder.through.iter().map(how).collect()
}

/// The same, with the models that each opens if those are not all.
fn exact_ways(holder: &Holder) -> Vec<String> {
    let each = |through: &Through| format!("{}{}", how(through), models(through.models));
    holder.through.iter().map(each).collect()
}

/// The lines about a change in access: each role and scope with all who gain or lose it, of whom `whole` shows the ids.
fn by_ways(lines: Vec<AccessLine>, whole: bool) -> Vec<(&'static str, String)> {
    const FEW: usize = 3;
    let said = |((sign, what), all): ((&'static str, String), Vec<AccessLine>)| {
        let is_whole = whole || all.len() <= FEW;
        let who = all.iter().map(|line| if is_whole { &line.who.whole } else { &line.who.short });
        let who: Vec<String> = who.map(|who| sanitize(who).into_owned()).collect();
        let who = if let [one] = who.as_slice() { one.clone() } else { list(&who) };
        (sign, if what.is_empty() { who } else { format!("{}: {who}", sanitize(&what)) })
    };
    together(lines, |line| (line.sign, line.what.clone())).into_iter().map(said).collect()
}

const ANYONE: &str = "API keys are on: anyone with a key can call";

/// A principal in words.
pub(super) fn who(holder: &Holder) -> String {
    let Holder { id, kind, name, orphaned, .. } = holder;
    let mut text = called(kind, id, name.as_deref());
    if *orphaned {
        text.push_str(", orphaned: the directory does not know it");
    } else if kind.ends_with("Group") {
        text.push_str(" and its members");
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

impl Side {
    /// The heading of the list of who gains and who loses access.
    fn heading(self, plan: &Plan) -> String {
        let limits = limits(plan);
        match self {
            Side::Plan => format!("If applied, who gains (+) and who loses (-) access to models{limits}:"),
            Side::Drift => {
                format!("Access to models, compared with the specs{limits} (+ not in the specs, - missing):")
            }
        }
    }

    /// Turns the signs of a plan into those of a drift: who would gain access lacks it today.
    fn sign(self, sign: &'static str) -> &'static str {
        match (self, sign) {
            (Side::Drift, "+") => "-",
            (Side::Drift, "-") => "+",
            _ => sign,
        }
    }
}

/// Who gains and who loses access by a plan; or, for a drift, who has more or less access than the specs give.
/// Without `-v` in so many lines at most.
pub(super) fn changes(text: &mut String, plan: &Plan, page: Page, side: Side, most: usize) {
    if plan.access.is_empty() {
        return;
    }
    let _ = writeln!(text, "{STRONG}{}{STRONG:#}", side.heading(plan));
    let said = |change: &AccessChange| lines(change, side);
    let access = most_important_first(plan, side);
    let apart = Apart::in_plan(plan);
    let groups = alike(&access, !page.verbose, |change| said(change));
    let (mut used, mut shown) = (0, 0);
    for same in &groups {
        let name = |change: &AccessChange| apart.named(&change.account, &change.id);
        let names: Vec<String> = same.iter().map(|change| sanitize(&name(change)).into_owned()).collect();
        let mut said = format!("  {}\n", if names.len() > 1 { list(&names) } else { names.concat() });
        for (sign, words) in by_ways(lines(same[0], side), page.verbose) {
            let style = match sign {
                "+" => GOOD,
                "-" => BAD,
                _ => CHANGED,
            };
            let _ = writeln!(said, "    {style}{sign}{style:#} {HANG}{words}");
        }
        let said = fold(&said, page);
        used += said.lines().count();
        if !page.verbose && shown > 0 && used > LINES.min(most) {
            break;
        }
        shown += same.len();
        text.push_str(&said);
    }
    if let Some(more) = plan.access.len().checked_sub(shown).filter(|more| *more > 0) {
        let losing = groups.iter().flatten().skip(shown).filter(|change| takes(change)).count();
        let losing = if losing > 0 && side == Side::Plan {
            format!(" ({losing} of them lose callers)")
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            "  and {more} more {}{losing}; -v lists them",
            plural(more, "account", "accounts")
        );
    }
    text.push('\n');
}

/// The same for a comment on a pull request, in parts with the number of accounts in each.
pub(super) fn changes_markdown(plan: &Plan, side: Side) -> Vec<(String, usize)> {
    let words = |sign: &str| match (side, sign) {
        (Side::Plan, "+") => "gains",
        (Side::Plan, "-") => "**loses**",
        (Side::Drift, "+") => "**not in the specs:**",
        (Side::Drift, "-") => "missing:",
        _ => "",
    };
    let apart = Apart::in_plan(plan);
    let said = |same: Vec<&AccessChange>| {
        let name = |change: &AccessChange| apart.named(&change.account, &change.id);
        let names: Vec<String> = same.iter().map(|change| markdown(&name(change))).collect();
        let mut text = format!("- {}\n", names.join(", "));
        for (sign, said) in by_ways(lines(same[0], side), false) {
            let _ = writeln!(text, "  - {} {}", words(sign), markdown(&page::unmarked(&said)));
        }
        (text, same.len())
    };
    let access = most_important_first(plan, side);
    let groups = alike(&access, true, |change| lines(change, side));
    groups.into_iter().map(|same| said(same.into_iter().copied().collect())).collect()
}

/// Accounts whose keys are turned on, or are on and should not be, first; then those where somebody loses access, or has more than the
/// specs give; then the rest.
fn most_important_first(plan: &Plan, side: Side) -> Vec<&AccessChange> {
    let mut access: Vec<&AccessChange> = plan.access.iter().collect();
    let enabled = |keys: &KeysChange| {
        let keys = if side == Side::Plan { keys.after } else { keys.before };
        keys == Some(Keys::Enabled)
    };
    access.sort_by_key(|change| (!change.keys.as_ref().is_some_and(enabled), !takes(change)));
    access
}

/// Whether somebody can do less.
fn takes(change: &AccessChange) -> bool {
    !change.loses.is_empty() || !change.restricted.is_empty()
}

/// The heading of that list in Markdown.
pub(super) fn heading_markdown(plan: &Plan, side: Side) -> String {
    let limits = limits(plan);
    match side {
        Side::Plan => format!("\n**If applied, who gains and who loses access to models{limits}**\n\n"),
        Side::Drift => {
            format!("\n**Access to models, compared with the specs{limits}**\n\n")
        }
    }
}

/// Limits for the heading. An assignment that was not read may already give access.
pub(super) fn limits(plan: &Plan) -> String {
    let read = if plan.incomplete.is_empty() { "" } else { ", as far as could be read" };
    // Whoever loses a role may keep it as a member of a group, and a group's loss says nothing of its members' own roles.
    let loses = plan.access.iter().any(takes);
    format!("{read}{}", if loses { ", group membership not counted" } else { "" })
}

/// What is left to somebody whose access was unconditional and permanent.
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

/// Who gains or loses which roles.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct AccessLine {
    sign: &'static str,
    who: Somebody,
    what: String,
}

/// A principal, in full for a line and short for a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Somebody {
    whole: String,
    short: String,
}

fn lines(change: &AccessChange, side: Side) -> Vec<AccessLine> {
    let told = |sign, holder: &Holder, what: String| {
        let who = Somebody { whole: who(holder), short: in_short(holder) };
        AccessLine { sign: side.sign(sign), who, what }
    };
    let through = |holder: &Holder| ways(holder).join("; ");
    let mut lines: Vec<AccessLine> =
        change.gains.iter().map(|holder| told("+", holder, through(holder))).collect();
    lines.extend(change.loses.iter().map(|holder| told("-", holder, through(holder))));
    let kept = |holder: &Holder| match side {
        Side::Plan => format!("{}, from now on only {}", through(holder), limit(holder)),
        Side::Drift => format!("{}, by the spec only {}", through(holder), limit(holder)),
    };
    lines.extend(change.restricted.iter().map(|holder| told("-", holder, kept(holder))));
    if let Some(keys) = change.keys {
        let sign = match keys.after {
            Some(Keys::Enabled) => "+",
            Some(Keys::Disabled) | None => "-",
        };
        let [whole, short] = [(); 2].map(|()| "anyone with an API key".to_owned());
        let who = Somebody { whole, short };
        // First, because it affects more people than any other line.
        lines.insert(0, AccessLine { sign: side.sign(sign), who, what: String::new() });
    }
    if side == Side::Drift {
        lines.sort_by_key(|line| line.sign != "+");
    }
    lines
}

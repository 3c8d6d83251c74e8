//! Who can call the models of which account, as a matrix: a row for each principal, a column for each account.
//!
//! If there are many accounts, cells have short codes for role, scope and limits. A list below the matrix has the words for each code once, so
//! that a page with twelve thousand cells opens quickly.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use maud::{Markup, html};

use super::T;
use super::page::{filter, place, tiles};
use crate::document::access::{Access, AccountAccess, Group, Holder, Members, Reach, Through};
use crate::document::keys::Keys;
use crate::id::ResourceId;
use crate::render::access::how;
use crate::render::access::members::{kind as kind_of, size};

/// From more accounts than this, cells have codes instead of words.
const WORDED: usize = 6;

/// One principal, with what it has on each account by the account's index.
struct PrincipalRow<'a> {
    holder: &'a Holder,
    cells: BTreeMap<usize, &'a [Through]>,
    /// Its members, if it is a group and they were asked for.
    group: Option<&'a Group>,
}

/// The codes in cells, and their words.
#[derive(Default)]
struct Legend<'a> {
    /// Codes of roles, by their names.
    roles: BTreeMap<&'a str, String>,
    /// The texts of conditions, and their numbers.
    conditions: BTreeMap<&'a str, usize>,
    /// The distinct contents of cells; a cell refers to its content by index.
    sayings: Vec<CellSaying>,
    /// The indexes, by the words.
    places: BTreeMap<String, usize>,
    /// Whether cells hold codes.
    coded: bool,
}

/// The content of a cell.
struct CellSaying {
    code: String,
    words: String,
    /// The letter of the first scope.
    letter: &'static str,
}

/// The matrix, and what was not evaluated.
pub(in crate::render) fn matrix(access: &Access) -> Markup {
    let accounts = &access.accounts;
    let rows = rows(access);
    let legend = Legend::of(&rows, accounts.len() > WORDED);
    let with_keys = accounts.iter().filter(|account| account.keys == Keys::Enabled).count();
    let incomplete = accounts.iter().filter(|account| !account.complete).count();
    html! {
        (tiles(&[
            (accounts.len(), "accounts", "quiet"),
            (rows.len(), "principals with a token", "quiet"),
            (with_keys, "with keys on: anyone with a key can call", "bad"),
            (incomplete, "that could not be read completely", "bad"),
        ]))
        @if accounts.is_empty() {
            p { "No account to report on." }
        } @else {
            section {
                h2 { "Principals and accounts" }
                div.tools.unready {
                    (filter("filter", "Filter principals", "matrix"))
                    (filter("accounts", "Filter accounts", "matrix"))
                    label.check { input #keyed type="checkbox"; " only accounts with keys on" }
                    label.check { input #words type="checkbox" checked[!legend.coded]; " words in cells" }
                    output #shown aria-live="polite" {}
                }
                (legend.shown())
                div.scroll.matrix tabindex="0" role="region" aria-label="Matrix of principals and accounts" {
                    (table(accounts, &rows, &legend, with_keys > 0))
                }
                p #detail.detail aria-live="polite" hidden {}
                (legend.shown_sayings())
            }
            (legend.shown_conditions())
            (denials(accounts))
        }
        p.about { "Not evaluated: " (access.not_evaluated.join(", ")) "." }
    }
}

/// Everyone who can call anything, by kind and name.
fn rows(access: &Access) -> Vec<PrincipalRow<'_>> {
    let groups = access.groups.iter().flatten();
    let groups: BTreeMap<String, &Group> =
        groups.map(|group| (group.id.to_ascii_lowercase(), group)).collect();
    let mut rows: BTreeMap<(&str, bool, String, String), PrincipalRow<'_>> = BTreeMap::new();
    for (index, account) in access.accounts.iter().enumerate() {
        for holder in &account.principals {
            let name = holder.name.as_deref().unwrap_or_default().to_lowercase();
            // Those without a name come last.
            let key = (holder.kind.as_str(), name.is_empty(), name, holder.id.to_ascii_lowercase());
            let group = groups.get(&key.3).copied();
            let row =
                rows.entry(key).or_insert_with(|| PrincipalRow { holder, cells: BTreeMap::new(), group });
            row.cells.insert(index, &holder.through);
        }
    }
    rows.into_values().collect()
}

fn table(accounts: &[AccountAccess], rows: &[PrincipalRow<'_>], legend: &Legend<'_>, keyed: bool) -> Markup {
    let mut kinds: Vec<(&str, Vec<&PrincipalRow<'_>>)> = Vec::new();
    for row in rows {
        match kinds.last_mut() {
            Some((kind, rows)) if *kind == row.holder.kind => rows.push(row),
            _ => kinds.push((&row.holder.kind, vec![row])),
        }
    }
    let class = if legend.coded { "codes" } else { "words" };
    html! {
        table #matrix.(class) {
            caption.hidden { "Who can call the models of which account" }
            thead { tr {
                td.corner { "Principal" }
                @for account in accounts { (column(account)) }
            } }
            @if keyed {
                tbody.keys { tr {
                    th scope="row" { "Anyone with an API key" }
                    @for account in accounts {
                        @match account.keys {
                            Keys::Enabled => td.k { @if legend.coded { "key" } @else { "API keys are on" } },
                            Keys::Disabled => td {},
                        }
                    }
                } }
            }
            @for (kind, rows) in &kinds {
                tbody {
                    tr.kind { th scope="rowgroup" colspan=(accounts.len() + 1) { span { (T(plural(kind))) " " span.count { (rows.len()) } } } }
                    @for row in rows { (line(row, accounts, legend)) }
                }
            }
        }
    }
}

fn column(account: &AccountAccess) -> Markup {
    let group = ResourceId::parse(&account.id).ok().and_then(|id| id.group());
    html! {
        th scope="col" data-keys[account.keys == Keys::Enabled] {
            div {
                span.name { (T(&account.name)) }
                @if let Some(group) = group { span.about { "in " (T(group.name())) } }
                (place(account.source.as_ref()))
                @if account.keys == Keys::Enabled { strong.badge.bad { "keys on" } }
                @if !account.complete { strong.badge.changed { "incomplete" } }
            }
        }
    }
}

fn line(row: &PrincipalRow<'_>, accounts: &[AccountAccess], legend: &Legend<'_>) -> Markup {
    let Holder { id, name, orphaned, .. } = row.holder;
    html! {
        tr {
            th scope="row" {
                @match name {
                    Some(name) => { span.name { (T(name)) } " " code.id { (T(id)) } }
                    None => code.name { (T(id)) },
                }
                @if *orphaned { " " strong.badge.bad { "orphaned" } }
                @if let Some(group) = row.group { (members(group)) }
            }
            @for (index, account) in accounts.iter().enumerate() {
                @match row.cells.get(&index) {
                    Some(ways) => (cell(ways, legend)),
                    // It may be in what was not read.
                    None if !account.complete => td.q { "?" },
                    None => td {},
                }
            }
        }
    }
}

/// The members of a group, folded below its name.
fn members(group: &Group) -> Markup {
    let size = size(group);
    match &group.members {
        Members::Unread { unread } => html! { details.members { summary { (size) } p { (T(unread)) } } },
        Members::Listed { members } if members.is_empty() => html! { div.about { (size) } },
        Members::Listed { members } => html! {
            details.members {
                summary { (size) }
                ul {
                    @for member in members {
                        li {
                            (kind_of(member)) " "
                            @if let Some(name) = &member.name { b { (T(name)) } " " }
                            code { (T(&member.id)) }
                        }
                    }
                }
            }
        },
    }
}

fn cell(ways: &[Through], legend: &Legend<'_>) -> Markup {
    let place = legend.places.get(&legend.words(ways)).copied().unwrap_or_default();
    let Some(CellSaying { code, words, letter }) = legend.sayings.get(place) else { return html! { td {} } };
    html! { td.(letter) data-w=(place) { (T(if legend.coded { code } else { words })) } }
}

/// The letter of a scope, in codes and as a class.
fn letter(reach: Reach) -> &'static str {
    match reach {
        Reach::Direct => "a",
        Reach::Below => "p",
        Reach::ResourceGroup => "g",
        Reach::Subscription => "s",
        Reach::Above => "m",
    }
}

fn plural(kind: &str) -> String {
    match kind {
        "User" => "Users".to_owned(),
        "Group" => "Groups, and so their members".to_owned(),
        "ForeignGroup" => "Groups of other tenants, and so their members".to_owned(),
        "ServicePrincipal" => "Service principals".to_owned(),
        "" => "Others".to_owned(),
        other => other.to_owned(),
    }
}

/// Role assignments, the least limited first: without a condition, permanent, on the widest scope.
fn strongest_first(ways: &[Through]) -> Vec<&Through> {
    let mut ways: Vec<&Through> = ways.iter().collect();
    let limits = |way: &&Through| (way.condition.is_some(), way.temporary, way.reach == Reach::Below);
    ways.sort_by_key(|way| (limits(way), std::cmp::Reverse(way.reach)));
    ways
}

impl<'a> Legend<'a> {
    fn of(rows: &[PrincipalRow<'a>], coded: bool) -> Self {
        let ways = || rows.iter().flat_map(|row| row.cells.values().copied().flatten());
        let names: BTreeSet<&str> = ways().map(|way| way.role.as_str()).collect();
        let conditions: BTreeSet<&str> = ways().filter_map(|way| way.condition.as_deref()).collect();
        let mut taken = BTreeSet::new();
        let mut roles = BTreeMap::new();
        for name in names {
            let short = initials(name);
            let numbered = (2..).map(|number: usize| format!("{short}{number}"));
            let code = std::iter::once(short.clone()).chain(numbered).find(|code| taken.insert(code.clone()));
            roles.insert(name, code.unwrap_or_default());
        }
        let conditions = conditions.into_iter().zip(1..).collect();
        let mut legend = Self { roles, conditions, coded, ..Self::default() };
        for ways in rows.iter().flat_map(|row| row.cells.values().copied()) {
            let words = legend.words(ways);
            let strongest = strongest_first(ways).first().copied();
            if let Some(strongest) = strongest.filter(|_| !legend.places.contains_key(&words)) {
                let (code, letter) = (legend.code(strongest, ways.len() - 1), letter(strongest.reach));
                legend.places.insert(words.clone(), legend.sayings.len());
                legend.sayings.push(CellSaying { code, words, letter });
            }
        }
        legend
    }

    /// A role assignment as a code: role, scope, and marks for its limits.
    fn code(&self, way: &Through, more: usize) -> String {
        let role = self.roles.get(way.role.as_str()).map_or("", String::as_str);
        let mut code = format!("{role}·{}", letter(way.reach));
        if way.condition.is_some() {
            code.push('*');
        }
        if way.temporary {
            code.push('†');
        }
        if more > 0 {
            let _ = write!(code, "+{more}");
        }
        code
    }

    /// Ways in words.
    fn words(&self, ways: &[Through]) -> String {
        let word = |way: &&Through| {
            let number = way.condition.as_deref().and_then(|text| self.conditions.get(text));
            number.map_or_else(|| how(way), |number| format!("{} {number}", how(way)))
        };
        strongest_first(ways).iter().map(word).collect::<Vec<_>>().join("; ")
    }

    /// What codes mean.
    fn shown(&self) -> Markup {
        html! {
            @if !self.roles.is_empty() {
                details.legend open[self.coded] {
                    summary { "What the codes mean" }
                    dl { @for (name, code) in &self.roles { div { dt { code { (T(code)) } } dd { (T(name)) } } } }
                    dl {
                        @for (letter, words) in [
                            ("a", "on the account"),
                            ("p", "only in a project or other part of it"),
                            ("g", "on its resource group"),
                            ("s", "on its subscription"),
                            ("m", "on a management group or the tenant root"),
                        ] { div { dt.(letter) { code { "·" (letter) } } dd { (words) } } }
                        div { dt { code { "*" } } dd { "under a condition" } }
                        div { dt { code { "†" } } dd { "temporary" } }
                        div { dt { code { "+1" } } dd { "one more way in" } }
                        div { dt { code { "?" } } dd { "not known: the account could not be read completely" } }
                    }
                }
            }
        }
    }

    /// The words for each code.
    fn shown_sayings(&self) -> Markup {
        html! {
            @if !self.sayings.is_empty() {
                details.legend {
                    summary { "Every way in, in words" }
                    ol #ways { @for CellSaying { code, words, .. } in &self.sayings { li { code { (T(code)) } " " span { (T(words)) } } } }
                }
            }
        }
    }

    fn shown_conditions(&self) -> Markup {
        let mut conditions: Vec<(&&str, &usize)> = self.conditions.iter().collect();
        conditions.sort_by_key(|(_, number)| **number);
        html! {
            @if !conditions.is_empty() {
                section {
                    h2 { "Conditions" }
                    p { "Shown as they stand, and not evaluated." }
                    ol { @for (text, _) in conditions { li { code.condition { (T(text)) } } } }
                }
            }
        }
    }
}

/// The initials of a role's name, without the prefix that most roles share.
fn initials(name: &str) -> String {
    let rest = ["Cognitive Services ", "Azure AI "].iter().find_map(|start| name.strip_prefix(start));
    let words = rest.unwrap_or(name).split(|letter: char| !letter.is_alphanumeric());
    let short: String =
        words.filter_map(|word| word.chars().next()).take(3).flat_map(char::to_uppercase).collect();
    if short.is_empty() { "R".to_owned() } else { short }
}

fn denials(accounts: &[AccountAccess]) -> Markup {
    html! {
        @if accounts.iter().any(|account| !account.deny_assignments.is_empty()) {
            section {
                h2 { "Deny assignments" }
                p { "They may take access away, and are not evaluated." }
                table.plain {
                    caption.hidden { "Deny assignments by account" }
                    thead { tr { th scope="col" { "Account" } th scope="col" { "Deny assignment" } th scope="col" { "On" } } }
                    tbody {
                        @for account in accounts {
                            @for denial in &account.deny_assignments {
                                tr { th scope="row" { (T(&account.name)) } td { (T(&denial.name)) } td { code { (T(&denial.scope)) } } }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_roles_are_short() {
        for (name, code) in [
            ("Cognitive Services OpenAI User", "OU"),
            ("Azure AI Developer", "D"),
            ("chat-callers of all teams", "CCO"),
            ("<img src=x>", "ISX"),
            ("…", "R"),
        ] {
            assert_eq!(initials(name), code, "{name}");
        }
    }
}

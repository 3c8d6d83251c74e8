//! A plan as people read it: object ids behind names are cut, and what several findings say alike is said once.
//!
//! Works on the document alone. JSON, SARIF and `-v` keep all of it.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::iter::once;

use uuid::Uuid;

use super::alike::together;
use super::weight::given;
use crate::document::access::{Access, AccessChange, Holder, Member, Members};
use crate::document::{Action, FindingEntry, Plan, PlannedChange};
use crate::finding::Code;
use crate::kinds;

/// A plan for text and Markdown.
pub(super) fn plan(plan: &Plan, verbose: bool) -> Cow<'_, Plan> {
    if verbose {
        return Cow::Borrowed(plan);
    }
    let mut plan = said_once(plan);
    plan.findings = strongest_first(&plan.findings, &plan.changes).into_iter().cloned().collect();
    let ids = Ids::of(texts(&plan));
    for change in &mut plan.changes {
        cut_ids(change, &ids);
    }
    for finding in &mut plan.findings {
        finding.message = ids.cut(&finding.message);
    }
    for AccessChange { gains, loses, restricted, .. } in &mut plan.access {
        gains.iter_mut().chain(loses).chain(restricted).for_each(|holder| ids.cut_holder(holder));
    }
    Cow::Owned(plan)
}

/// Who can call models, for text and Markdown.
pub(super) fn access(access: &Access, verbose: bool) -> Cow<'_, Access> {
    if verbose {
        return Cow::Borrowed(access);
    }
    let holders = access.accounts.iter().flat_map(|account| &account.principals).map(|holder| &holder.id);
    let groups = access
        .groups
        .iter()
        .flatten()
        .flat_map(|group| once(&group.id).chain(members(&group.members).iter().map(|member| &member.id)));
    let ids = Ids::among(holders.chain(groups).map(String::as_str));
    let mut access = access.clone();
    let holders = access.accounts.iter_mut().flat_map(|account| &mut account.principals);
    holders.for_each(|holder| ids.cut_holder(holder));
    for group in access.groups.iter_mut().flatten() {
        if group.name.is_some() {
            group.id = ids.cut_id(&group.id);
        }
        let Members::Listed { members } = &mut group.members else { continue };
        for member in members.iter_mut().filter(|member| member.name.is_some()) {
            member.id = ids.cut_id(&member.id);
        }
    }
    Cow::Owned(access)
}

fn members(members: &Members) -> &[Member] {
    match members {
        Members::Listed { members } => members,
        Members::Unread { .. } => &[],
    }
}

/// Findings for text and Markdown.
pub(super) fn findings(findings: &[FindingEntry], verbose: bool) -> Cow<'_, [FindingEntry]> {
    if verbose {
        return Cow::Borrowed(findings);
    }
    let ids = Ids::of(findings.iter().map(|finding| finding.message.as_str()));
    let cut = |finding: &FindingEntry| FindingEntry { message: ids.cut(&finding.message), ..finding.clone() };
    Cow::Owned(findings.iter().map(cut).collect())
}

/// Findings of which those about grants are in the order of what the roles can do, each role once before any comes twice: where there is
/// no room for all, no crowd of lesser roles hides the greatest.
pub(super) fn strongest_first<'a>(
    findings: &'a [FindingEntry],
    changes: &[PlannedChange],
) -> Vec<&'a FindingEntry> {
    let roles: BTreeMap<&str, (&str, usize)> =
        changes.iter().filter_map(|change| Some((change.id.as_str(), given(change)?))).collect();
    let role = |finding: &FindingEntry| finding.resource.as_deref().and_then(|id| roles.get(id)).copied();
    let is_grant = |finding: &&FindingEntry| finding.code == Code::GuardGrant;
    let mut seen = BTreeSet::new();
    let mut order: Vec<_> = findings
        .iter()
        .filter(is_grant)
        .map(|finding| {
            let (role, power) = role(finding).unwrap_or(("", usize::MAX));
            let is_again = !seen.insert((finding.severity, role));
            ((is_again, Reverse(power)), finding)
        })
        .collect();
    order.sort_by_key(|(rank, _)| *rank);
    let mut order = order.into_iter().map(|(_, finding)| finding);
    let each = |finding| if is_grant(&finding) { order.next().unwrap_or(finding) } else { finding };
    findings.iter().map(each).collect()
}

/// A plan in which nothing is said twice: neither by several findings nor by a finding and a change.
pub(super) fn said_once(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    let told: BTreeSet<&String> = plan.findings.iter().map(|finding| &finding.message).collect();
    let is_told = |change: &PlannedChange| {
        change.action == Action::Refused && change.reason.as_ref().is_some_and(|reason| told.contains(reason))
    };
    let repeats: Vec<bool> = plan.changes.iter().map(is_told).collect();
    for (change, _) in plan.changes.iter_mut().zip(repeats).filter(|(_, repeats)| *repeats) {
        change.reason = None;
    }
    plan.findings = immutable_once(undeclared_once(std::mem::take(&mut plan.findings), &plan.changes));
    plan
}

/// Undeclared resources are listed as changes: one finding for all with the same remedy.
fn undeclared_once(findings: Vec<FindingEntry>, changes: &[PlannedChange]) -> Vec<FindingEntry> {
    let listed: BTreeMap<&str, &str> = changes
        .iter()
        .filter(|change| change.action == Action::UnmanagedDrift)
        .map(|change| (change.id.as_str(), change.kind.as_str()))
        .collect();
    let kind = |finding: &FindingEntry| {
        let is_plain = finding.code == Code::Unmanaged && finding.message.starts_with("no spec declares ");
        finding.resource.as_deref().filter(|_| is_plain).and_then(|id| listed.get(id))
    };
    let key = |finding: &FindingEntry| kind(finding).map(|_| (finding.severity, finding.hint.clone()));
    let (these, mut rest): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| kind(finding).is_some());
    for (_, same) in together(these, key) {
        let kinds: BTreeSet<&str> = same.iter().filter_map(kind).copied().collect();
        let noun = match kinds.first().filter(|_| kinds.len() == 1).and_then(|kind| kinds::by_name(kind)) {
            Some(kind) => kind.noun(),
            None => "resource",
        };
        let count = same.len();
        let Some(first) = same.into_iter().next() else { continue };
        let hint = first.hint.as_deref();
        let hint = hint.map(|hint| if count == 1 { hint.to_owned() } else { of_several(hint) });
        let (plural, are) = if count == 1 { ("", "is") } else { ("s", "are") };
        rest.push(FindingEntry {
            message: format!("{count} {noun}{plural} {are} not declared"),
            hint,
            source: None,
            resource: None,
            ..first
        });
    }
    rest.sort();
    rest
}

/// A remedy for several resources.
fn of_several(hint: &str) -> String {
    let words = [
        ("delete it", "delete them"),
        ("deletes it", "deletes them"),
        ("in it still works", "in them still works"),
        ("declare it", "declare them"),
        ("accepts it", "accepts them"),
    ];
    words.into_iter().fold(hint.to_owned(), |hint, (one, many)| hint.replace(one, many))
}

/// The most resources that a finding about several names.
const NAMED: usize = 10;

/// One line of a spec that several resources inherit, and that none of them can take: one finding.
fn immutable_once(findings: Vec<FindingEntry>) -> Vec<FindingEntry> {
    let key = |finding: &FindingEntry| {
        let (field, name, why) = immutable(finding)?;
        let (noun, _) = name.split_once(' ')?;
        let (source, hint) = (finding.source.clone(), finding.hint.clone());
        Some((source, field.to_owned(), noun.to_owned(), why.to_owned(), hint))
    };
    let mut once = Vec::new();
    for (same, all) in together(findings, key) {
        let Some((_, field, noun, why, _)) = same.filter(|_| all.len() > 1) else {
            once.extend(all);
            continue;
        };
        let name = |finding: &FindingEntry| Some(immutable(finding)?.1.split_once(' ')?.1.to_owned());
        let mut names: Vec<String> = all.iter().take(NAMED).filter_map(name).collect();
        names.extend(
            all.len().checked_sub(NAMED).filter(|more| *more > 0).map(|more| format!("and {more} more")),
        );
        let message = format!("{field} of {} {noun}s{why} ({})", all.len(), names.join(", "));
        once.extend(all.into_iter().next().map(|first| FindingEntry { message, ..first }));
    }
    once.sort();
    once
}

/// The field, the resource and the rest of a message about a field that cannot change.
fn immutable(finding: &FindingEntry) -> Option<(&str, &str, &str)> {
    let (field, rest) =
        finding.message.split_once(" of ").filter(|_| finding.code == Code::ImmutableField)?;
    let at = rest.find(" cannot change ")?;
    Some((field, &rest[..at], &rest[at..]))
}

/// Every text of a plan that may name a principal.
fn texts(plan: &Plan) -> Vec<&str> {
    let changes = plan.changes.iter().filter(|change| !change.unverified);
    let said = changes
        .flat_map(|PlannedChange { title, reason, along, .. }| once(title).chain(reason).chain(along))
        .chain(plan.findings.iter().map(|finding| &finding.message));
    said.map(String::as_str).collect()
}

/// The ids of the principals that a plan names, in lower case.
pub(super) fn ids(plan: &Plan) -> BTreeSet<String> {
    let changed = plan.access.iter();
    let holders = changed.flat_map(|AccessChange { gains, loses, restricted, .. }| {
        gains.iter().chain(loses).chain(restricted).map(|holder| holder.id.as_str())
    });
    let words =
        texts(plan).into_iter().flat_map(|text| text.split(|c: char| !(c.is_ascii_hexdigit() || c == '-')));
    let ids = holders.chain(words).filter(|id| id.len() == WHOLE && Uuid::try_parse(id).is_ok());
    ids.map(str::to_ascii_lowercase).collect()
}

fn cut_ids(change: &mut PlannedChange, ids: &Ids) {
    if let Some(cause) = change.caused_by.as_mut().filter(|cause| cause.caller_name.is_some()) {
        cause.caller = ids.cut_id(&cause.caller);
    }
    // What only a file says about a principal is read together with its whole id.
    if change.unverified {
        return;
    }
    let PlannedChange { title, reason, along, .. } = change;
    for text in once(title).chain(reason).chain(along) {
        *text = ids.cut(text);
    }
}

/// How object ids behind names are cut: `User alice@contoso.com (1f0c22aa…)`.
#[derive(Default)]
pub(super) struct Ids {
    /// Those that begin like another one, and stay whole.
    alike: BTreeSet<String>,
}

/// So many digits of an id are shown.
const DIGITS: usize = 8;
/// The length of a GUID.
const WHOLE: usize = 36;

impl Ids {
    pub(super) fn of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let ids = |text: &'t str| places(text).into_iter().map(move |at| &text[at..at + WHOLE]);
        Self::among(texts.into_iter().flat_map(ids))
    }

    fn among<'t>(ids: impl IntoIterator<Item = &'t str>) -> Self {
        let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for id in ids.into_iter().filter(|id| id.len() == WHOLE && id.is_ascii()) {
            let id = id.to_ascii_lowercase();
            known.entry(id[..DIGITS].to_owned()).or_default().insert(id);
        }
        Self { alike: known.into_values().filter(|ids| ids.len() > 1).flatten().collect() }
    }

    /// A text with its ids behind names cut.
    pub(super) fn cut(&self, text: &str) -> String {
        let (mut cut, mut from) = (String::with_capacity(text.len()), 0);
        for at in places(text) {
            cut.push_str(&text[from..at]);
            cut.push_str(&self.cut_id(&text[at..at + WHOLE]));
            from = at + WHOLE;
        }
        cut + &text[from..]
    }

    /// An id, cut if nothing else begins like it.
    fn cut_id(&self, id: &str) -> String {
        let is_whole = id.len() == WHOLE && Uuid::try_parse(id).is_ok();
        match id.get(..DIGITS).filter(|_| is_whole && !self.alike.contains(&id.to_ascii_lowercase())) {
            Some(digits) => format!("{digits}…"),
            None => id.to_owned(),
        }
    }

    fn cut_holder(&self, holder: &mut Holder) {
        // A name that is not verified is read together with the whole id.
        if holder.name.as_ref().is_some_and(|name| !name.ends_with(", unverified")) {
            holder.id = self.cut_id(&holder.id);
        }
    }
}

/// Where ids stand in brackets behind something: `alice@contoso.com (1f0c22aa-…)`.
fn places(text: &str) -> Vec<usize> {
    let starts = text.match_indices(" (").map(|(at, open)| at + open.len());
    let is_id = |at: &usize| {
        let end = at + WHOLE;
        text.get(*at..end).is_some_and(|id| Uuid::try_parse(id).is_ok()) && text[end..].starts_with(')')
    };
    // Behind these it stands for something without a name.
    let is_named = |at: &usize| !["` (", "identity ("].iter().any(|end| text[..*at].ends_with(end));
    starts.filter(|at| is_id(at) && is_named(at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;
    use crate::text::source::Position;

    const ALICE: &str = "aaaaaaaa-0000-4000-8000-000000000001";
    const BOB: &str = "bbbbbbbb-0000-4000-8000-000000000002";
    const LIKE_BOB: &str = "bbbbbbbb-0000-4000-8000-000000000003";

    #[test]
    fn ids_behind_names_are_cut_unless_another_begins_alike() {
        let text = format!("a -> User alice ({ALICE}) and Group b ({BOB}, from lock, unverified), {ALICE}");
        let ids = Ids::of([text.as_str()]);
        assert_eq!(
            ids.cut(&text),
            format!("a -> User alice (aaaaaaaa…) and Group b ({BOB}, from lock, unverified), {ALICE}")
        );
        assert_eq!(ids.cut(&ids.cut(&text)), ids.cut(&text));
        let others = format!("User b ({BOB}), User c ({LIKE_BOB})");
        let ids = Ids::of([text.as_str(), &others]);
        assert_eq!(ids.cut(&others), others);
        assert!(!ids.cut(&text).contains(&format!("({ALICE})")));
        for plain in [
            "(",
            " (ä",
            &format!("({ALICE})"),
            &format!(" (request {ALICE})"),
            &format!(" ({ALICE} x)"),
            &format!("the identity of `chat` ({ALICE})"),
        ] {
            assert_eq!(Ids::default().cut(plain), *plain);
        }
    }

    #[test]
    fn one_line_that_several_accounts_inherit_is_one_finding() {
        let finding = |name: &str, to: &str, line: usize| FindingEntry {
            source: Some(Position { file: "a.yaml".to_owned(), line, column: 1 }),
            ..FindingEntry::of(
                Severity::Error,
                Code::ImmutableField,
                format!("`location` of account {name} cannot change from `eastus2` to `{to}`"),
            )
        };
        let all =
            vec![finding("a", "b", 1), finding("c", "b", 1), finding("d", "e", 1), finding("f", "b", 2)];
        let said: Vec<String> = immutable_once(all).into_iter().map(|finding| finding.message).collect();
        assert_eq!(
            said,
            [
                "`location` of 2 accounts cannot change from `eastus2` to `b` (a, c)",
                "`location` of account d cannot change from `eastus2` to `e`",
                "`location` of account f cannot change from `eastus2` to `b`",
            ]
        );
    }
}

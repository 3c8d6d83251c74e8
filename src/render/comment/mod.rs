//! Markdown for places that more people read than may see everything: ids are shortened; address ranges, sign-in names and targets are left out.
//!
//! Input: what `markdown` makes of a document. Its text is looked through as people read it, whatever was escaped in it, so that nothing depends
//! on where a name stands: title, finding, hint or path.

pub(super) mod veil;

use serde_json::{Map, Value};
use veil::{TARGET, USER, Withheld};

use super::drift;
use super::issues::{self, Folders, Issue};
use super::markdown::{self, LONGEST};
use super::people;
use super::summary::Side;
use super::tables::SignInNames;
use crate::document::access::Holder;
use crate::document::report::Report;
use crate::document::{FieldEntry, FindingEntry, Plan, PlannedChange, dotted_path};
use crate::finding::{Code, Severity};
use crate::kinds;
use crate::principals::called;

/// What stands in the place of a target or name that replaces another.
const ANOTHER: &str = "(another target)";
const ANOTHER_USER: &str = "(another name)";
/// What an element of the live value is that the spec does not have.
const ONLY_LIVE: &str = "only live";
/// The last line.
const NOTE: &str = "\nIds are shortened; addresses, sign-in names and targets are left out. `--disclose` shows them, and the JSON report has them.\n";
/// The line after it, where a flag would lift nothing as it stands.
const FLAGS: &str = "\nA flag `--allow` is shortened here too and lifts nothing as it stands: the log of the run and the JSON report have it in full.\n";
/// What describes a connection.
const METADATA: &str = "metadata";

/// The comment on a plan.
#[must_use]
pub fn plan(plan: &Plan) -> String {
    let counted = counted(plan, Side::Plan);
    fitted(&withheld(plan), |most| markdown::plan_within(&counted, most, SignInNames::Withheld))
}

/// What `drift` found.
#[must_use]
pub fn drift(plan: &Plan) -> String {
    let counted = counted(plan, Side::Drift);
    fitted(&withheld(plan), |most| drift::markdown_within(&counted, most, SignInNames::Withheld))
}

/// What an `apply` did, without what its plan withholds.
#[must_use]
pub fn report(report: &Report, plan: &Plan) -> String {
    fitted(&withheld(plan), |most| markdown::report_within(report, Some(plan), most))
}

/// The issues of a plan, as they may be shown beside a comment.
#[must_use]
pub fn issues_of_plan(plan: &Plan, folders: &Folders) -> Vec<Issue> {
    issues(plan, Side::Plan, Severity::Note, folders)
}

/// The same of a drift.
#[must_use]
pub fn issues_of_drift(plan: &Plan, folders: &Folders) -> Vec<Issue> {
    issues(plan, Side::Drift, Severity::Warning, folders)
}

fn issues(plan: &Plan, side: Side, severity: Severity, folders: &Folders) -> Vec<Issue> {
    let withheld = withheld(plan);
    issues::of_plan(&counted(plan, side), severity, folders)
        .into_iter()
        .map(|issue| issue.without(&withheld))
        .collect()
}

/// The same of findings alone, or beside the plan that they are of.
#[must_use]
pub fn issues_of_findings(findings: &[FindingEntry], plan: Option<&Plan>, folders: &Folders) -> Vec<Issue> {
    let withheld = plan.map(withheld).unwrap_or_default();
    issues::of_findings(findings, folders).into_iter().map(|issue| issue.without(&withheld)).collect()
}

/// Findings alone: names in them are those of the specs.
#[must_use]
pub fn validation(command: &str, findings: &[FindingEntry]) -> String {
    fitted(&Withheld::default(), |most| markdown::validation_within(command, findings, most))
}

/// A text that is short enough once it says what it withholds: words in the place of short addresses make it longer.
fn fitted(withheld: &Withheld, text: impl Fn(usize) -> String) -> String {
    let limit = LONGEST - NOTE.len() - FLAGS.len();
    let mut most = limit;
    for _ in 0..4 {
        let veiled = over(withheld, &text(most));
        let size = veiled.chars().count();
        if size <= LONGEST {
            return veiled;
        }
        most = most * limit / size * 19 / 20;
    }
    // No word is so many times as long as what it stands for.
    over(withheld, &text(limit / 8))
}

fn over(withheld: &Withheld, text: &str) -> String {
    let veiled = withheld.markdown(text);
    let lifts_nothing = text.lines().any(|line| line.contains("--allow ") && !veiled.contains(line));
    veiled + NOTE + if lifts_nothing { FLAGS } else { "" }
}

/// The plan with words in the place of values that would be gone: how many ranges there are, and whether a target is another one.
fn counted(plan: &Plan, side: Side) -> Plan {
    let field = |field: &FieldEntry| {
        let (sort, FieldEntry { before, after, .. }) = (Sensitivity::of_field(field), field);
        let (old, new) = match side {
            Side::Plan => (None, OtherSide { value: before, only: "of them new" }),
            Side::Drift => (
                Some(OtherSide { value: after, only: ONLY_LIVE }),
                OtherSide { value: before, only: "only in the spec" },
            ),
        };
        let (before, after) = (shown(sort, before, old), shown(sort, after, Some(new)));
        FieldEntry { before, after, ..field.clone() }
    };
    let change = |change: &PlannedChange| PlannedChange {
        fields: change.fields.iter().map(field).collect(),
        omitted: change.omitted.iter().map(field).collect(),
        ..change.clone()
    };
    Plan { changes: plan.changes.iter().map(change).collect(), ..plan.clone() }
}

/// What a value is about, by the names on the way to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sensitivity {
    Plain,
    /// Ranges of addresses.
    Ranges,
    /// Hosts that may be called.
    Hosts,
    /// Where something leads.
    Target,
    /// Somebody's name.
    Person,
    /// Free text about a connection, which often says where the target is.
    Described,
}

/// Parts of names in what describes a connection whose values say where it leads, even as a single word.
const LEADS: [&str; 12] = [
    "host",
    "server",
    "endpoint",
    "url",
    "uri",
    "address",
    "domain",
    "resource",
    "account",
    "database",
    "cluster",
    "workspace",
];

impl Sensitivity {
    /// Of a member of a value of this sort.
    fn of(self, name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        match (self, name) {
            (Sensitivity::Described, _) if LEADS.iter().any(|part| lower.contains(part)) => {
                Sensitivity::Target
            }
            (Sensitivity::Described, _) | (_, METADATA | "scopes") => Sensitivity::Described,
            (_, "ipRules") => Sensitivity::Ranges,
            (_, "allowedFqdnList") => Sensitivity::Hosts,
            (_, "superUser" | "sharedUserList" | "username") => Sensitivity::Person,
            (_, "target") => Sensitivity::Target,
            _ if ["url", "uri", "endpoint"].iter().any(|end| lower.ends_with(end)) => Sensitivity::Target,
            _ => Sensitivity::Plain,
        }
    }

    fn of_field(field: &FieldEntry) -> Self {
        field.path.iter().fold(Sensitivity::Plain, |sort, name| sort.of(name))
    }

    /// What stands in the place of a text of this sort, and of one that replaces another.
    fn words(self, text: &str) -> Option<[&'static str; 2]> {
        match self {
            Sensitivity::Target => Some([TARGET, ANOTHER]),
            Sensitivity::Described if may_lead_somewhere(text) => Some([TARGET, ANOTHER]),
            Sensitivity::Person => Some([USER, ANOTHER_USER]),
            Sensitivity::Plain | Sensitivity::Ranges | Sensitivity::Hosts | Sensitivity::Described => None,
        }
    }
}

/// Whether a text in what describes a connection may name a host or a resource, in whatever way: plain words do not.
fn may_lead_somewhere(text: &str) -> bool {
    text.contains(|c: char| !c.is_alphanumeric() && !" -_".contains(c))
}

/// The other value of a field, and what the elements are that it does not have.
#[derive(Clone, Copy)]
struct OtherSide<'a> {
    value: &'a Value,
    only: &'static str,
}

/// A value of this sort, beside the other one.
fn shown(sort: Sensitivity, value: &Value, beside: Option<OtherSide<'_>>) -> Value {
    let of = |member: &str| {
        beside.and_then(|beside| Some(OtherSide { value: beside.value.get(member)?, only: beside.only }))
    };
    match (sort, value) {
        (Sensitivity::Ranges, Value::Array(ranges)) => {
            count(ranges, beside, ["address range", "address ranges"])
        }
        (Sensitivity::Hosts, Value::Array(hosts)) => count(hosts, beside, ["host", "hosts"]),
        (sort, Value::String(text)) => match sort.words(text) {
            Some([same, another]) => {
                // Of two columns the second one has the other.
                let beside = beside.filter(|beside| beside.only != ONLY_LIVE);
                let is_other =
                    beside.and_then(|beside| beside.value.as_str()).is_some_and(|other| other != text);
                Value::String(if is_other { another } else { same }.to_owned())
            }
            None => value.clone(),
        },
        (sort, Value::Object(members)) => {
            let shown = |(member, value): (&String, &Value)| {
                (member.clone(), shown(sort.of(member), value, of(member)))
            };
            Value::Object(members.iter().map(shown).collect::<Map<_, _>>())
        }
        (sort, Value::Array(items)) => items.iter().map(|item| shown(sort, item, None)).collect(),
        _ => value.clone(),
    }
}

/// How many there are, and how many of them the other value does not have.
fn count(items: &[Value], beside: Option<OtherSide<'_>>, [one, many]: [&str; 2]) -> Value {
    let count = items.len();
    let noun = if count == 1 { one } else { many };
    let only = beside.and_then(|beside| {
        let other = beside.value.as_array()?;
        let new = items.iter().filter(|item| !other.contains(item)).count();
        (new > 0).then(|| format!(", {new} {}", beside.only))
    });
    Value::String(format!("{count} {noun}{}", only.unwrap_or_default()))
}

/// Names of people and targets of connections in a plan. A value is withheld in its own cell; elsewhere only if it has the shape of a host,
/// a URL or an id, and is nothing that the plan itself says: whoever writes a spec must not be able to blank words of a comment.
pub(super) fn withheld(plan: &Plan) -> Withheld {
    let mut known = Vec::new();
    let changed = plan.access.iter();
    let holders =
        changed.flat_map(|change| change.gains.iter().chain(&change.loses).chain(&change.restricted));
    for holder in holders.filter(|holder| is_person(holder)) {
        if let Some(name) = &holder.name {
            // Only where it stands as a name: it may be any word.
            let [said, veiled] = [name, USER].map(|name| called("User", "", Some(name)));
            let start = |text: &str| text.rfind('(').map(|at| text[..=at].to_owned());
            known.extend(start(&said).zip(start(&veiled)));
        }
    }
    let mut found = Vec::new();
    for field in plan.changes.iter().flat_map(|change| change.fields.iter().chain(&change.omitted)) {
        for value in [&field.before, &field.after] {
            targets(Sensitivity::of_field(field), value, &mut found);
        }
    }
    // Unchanged connections are not among the changes.
    let moved = plan.findings.iter().filter(|finding| finding.code == Code::GuardConnection);
    moved.for_each(|finding| shaped(&finding.message, &mut found));
    let own = own_words(plan);
    let is_own = |text: &String| own.contains(&text.to_lowercase());
    known.extend(found.into_iter().filter(|text| !is_own(text)).map(|text| (text, TARGET.to_owned())));
    Withheld::new(known).apart(&people::ids(plan))
}

/// What a plan itself calls things, in lower case: resources, files and fields.
fn own_words(plan: &Plan) -> String {
    let fields = |change: &PlannedChange| -> Vec<String> {
        let all = change.fields.iter().chain(&change.omitted);
        all.flat_map(|field| {
            field.source.iter().map(|place| place.file.clone()).chain([dotted_path(&field.path)])
        })
        .collect()
    };
    let changes = plan.changes.iter().flat_map(|change| {
        let names = [change.title.clone(), change.id.clone(), change.address.clone()];
        names.into_iter().chain(change.source.iter().map(|place| place.file.clone())).chain(fields(change))
    });
    let places = plan.findings.iter().filter_map(|finding| finding.source.as_ref());
    let known = kinds::KINDS.iter().flat_map(|kind| kind.fields()).map(|field| field.path.replace('/', "."));
    let words = changes.chain(places.map(|place| place.file.clone())).chain(known);
    let all = [OWN.to_owned()].into_iter().chain(words).collect::<Vec<_>>().join("\n");
    all.to_lowercase()
}

/// Texts with dots that messages have, and pages that they name.
const OWN: &str =
    "Microsoft.CognitiveServices Microsoft.KeyVault learn.microsoft.com aka.ms azure.microsoft.com";

/// The parts of a text that have the shape of a host, a URL or the id of a resource.
fn shaped(text: &str, found: &mut Vec<String>) {
    for word in text.split(|c: char| c.is_whitespace() || "`\"',;<>()[]{}".contains(c)) {
        let word = word.trim_end_matches(['.', ':']);
        let is_id = word.starts_with("/subscriptions/") || word.starts_with("/providers/");
        if is_id || word.contains("://") {
            found.push(word.to_owned());
        }
        if is_id {
            continue;
        }
        let before = found.len();
        let tokens = word.split(|c: char| !(c.is_alphanumeric() || "-_.".contains(c)));
        found.extend(
            tokens.map(|token| token.trim_matches('.')).filter(|token| is_host(token)).map(str::to_owned),
        );
        // With its port and path.
        if found.len() > before && word.starts_with(char::is_alphanumeric) {
            found.push(word.to_owned());
        }
    }
}

/// Whether a text has the shape of a host: names with dots between them, the last of letters.
fn is_host(text: &str) -> bool {
    let Some((rest, last)) = text.rsplit_once('.') else { return false };
    let is_top = last.len() > 1 && last.starts_with("xn--") || last.chars().all(char::is_alphabetic);
    is_top && last.chars().count() > 1 && rest.split('.').all(|label| !label.is_empty())
}

fn is_person(holder: &Holder) -> bool {
    holder.kind == "User"
}

/// The parts of a value that are left out wherever they stand.
fn targets(sort: Sensitivity, value: &Value, found: &mut Vec<String>) {
    match (sort, value) {
        (Sensitivity::Plain | Sensitivity::Ranges, Value::String(_)) => {}
        (_, Value::String(text)) => shaped(text, found),
        (sort, Value::Object(members)) => {
            members.iter().for_each(|(member, value)| targets(sort.of(member), value, found));
        }
        (sort, Value::Array(items)) => items.iter().for_each(|item| targets(sort, item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beside(value: &Value) -> OtherSide<'_> {
        OtherSide { value, only: "of them new" }
    }

    #[test]
    fn where_a_connection_leads_is_left_out_of_what_describes_it() {
        let id = "/subscriptions/a/resourceGroups/rg-hidden/providers/Microsoft.Search/searchServices/first";
        for text in [id, "first.internal.example.net", "https://first", "first.example.net:443/x"] {
            let before = serde_json::json!({"metadata": {"ResourceId": text, "ApiType": "Azure"}});
            let after =
                serde_json::json!({"metadata": {"ResourceId": "other.example.net", "ApiType": "Azure"}});
            assert_eq!(shown(Sensitivity::Plain, &before, None)["metadata"]["ResourceId"], TARGET);
            let other = shown(Sensitivity::Plain, &after, Some(beside(&before)));
            assert_eq!(other["metadata"]["ResourceId"], ANOTHER);
            assert_eq!(shown(Sensitivity::Plain, &before, None)["metadata"]["ApiType"], "Azure");
            let mut known = Vec::new();
            targets(Sensitivity::Plain, &before, &mut known);
            // Without dots, a host is a word like any other.
            assert!(known.iter().any(|known| known == text), "{known:?}");
        }
        for text in ["Azure", "2024-05-01", "my search_1"] {
            assert!(!may_lead_somewhere(text), "{text}");
        }
        for text in [
            "Host=db.corp.example;Port=1",
            "db.corp,1433",
            "tcp:db",
            "db.corp.",
            "*.db.corp",
            "host\\inst",
            "host?x",
            "(host)",
            "[\"db\"]",
        ] {
            assert!(may_lead_somewhere(text), "{text}");
        }
    }

    #[test]
    fn words_in_the_place_of_short_addresses_do_not_make_a_comment_too_long() {
        let line = format!("- {}\n", "::1 ".repeat(100));
        let text = |most: usize| line.repeat(most / line.len());
        let comment = fitted(&Withheld::default(), text);
        assert!((30_000..=LONGEST).contains(&comment.chars().count()), "{}", comment.chars().count());
        assert!(comment.ends_with(NOTE));
    }

    #[test]
    fn ranges_are_counted_and_another_target_is_told_from_the_same() {
        let ranges = |texts: &[&str]| serde_json::json!(texts);
        let before = ranges(&["203.0.113.0/24"]);
        assert_eq!(shown(Sensitivity::Ranges, &before, None), "1 address range");
        let after = ranges(&["203.0.113.0/24", "198.51.100.7"]);
        assert_eq!(
            shown(Sensitivity::Ranges, &after, Some(beside(&before))),
            "2 address ranges, 1 of them new"
        );
        let targets = ["https://a", "https://b"].map(Value::from);
        assert_eq!(shown(Sensitivity::Target, &targets[1], Some(beside(&targets[0]))), ANOTHER);
        assert_eq!(shown(Sensitivity::Target, &targets[1], Some(beside(&targets[1]))), TARGET);
        let whole = serde_json::json!({"networkAcls": {"ipRules": ["203.0.113.0/24"]}});
        assert_eq!(shown(Sensitivity::Plain, &whole, None)["networkAcls"]["ipRules"], "1 address range");
    }

    #[test]
    fn names_of_people_hosts_and_where_tokens_come_from_are_left_out() {
        let value = serde_json::json!({
            "apiProperties": {"superUser": "admin", "qnaRuntimeEndpoint": "qna.corp"},
            "allowedFqdnList": ["one.corp.example", "two.corp.example"],
            "sharedUserList": ["shared"], "tokenUrl": "token.corp/oauth", "scopes": ["openid", "scope.corp/.default"],
            "metadata": {"Host": "single", "ApiType": "Azure", "Location": "eastus2"},
        });
        let shown = shown(Sensitivity::Plain, &value, None);
        assert_eq!(
            shown,
            serde_json::json!({
                "apiProperties": {"superUser": USER, "qnaRuntimeEndpoint": TARGET},
                "allowedFqdnList": "2 hosts",
                "sharedUserList": [USER], "tokenUrl": TARGET, "scopes": ["openid", TARGET],
                "metadata": {"Host": TARGET, "ApiType": "Azure", "Location": "eastus2"},
            })
        );
        let mut known = Vec::new();
        targets(Sensitivity::Plain, &value, &mut known);
        let text =
            "admin qna.corp one.corp.example shared token.corp scope.corp single; openid Azure eastus2";
        let known = known.into_iter().map(|text| (text, TARGET.to_owned())).collect();
        let rest = Withheld::new(known).plain(text);
        // Single words are left out in their own cells only.
        let withheld = ["admin", TARGET, TARGET, "shared", TARGET, TARGET, "single"].join(" ");
        assert_eq!(rest, format!("{withheld}; openid Azure eastus2"));
    }
}

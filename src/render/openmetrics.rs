//! Counts of a run in `OpenMetrics` text, for whoever scrapes it: <https://prometheus.io/docs/specs/om/open_metrics_spec/>.
//!
//! Works on the documents alone; the caller says what time it is. All metrics are gauges, so that the text is also one of Prometheus's older
//! format, as `node_exporter` reads it from files.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::document::access::Access;
use crate::document::keys::{Keys, KeysStatement};
use crate::document::report::Report;
use crate::document::{Differs, FindingEntry, Plan, PlannedChange};
use crate::finding::Severity;
use crate::id::ResourceId;
use crate::text::sanitize::sanitize;

/// A metric, and its values in order.
#[derive(Debug, Clone)]
pub struct Family {
    name: &'static str,
    help: &'static str,
    samples: BTreeMap<Vec<(&'static str, String)>, u64>,
}

/// What is measured of a run.
pub type Measures = Vec<Family>;

const STATES: [&str; 6] = ["differing", "missing", "extra", "unknown", "partly_compared", "in_sync"];

/// Of a plan or a drift: how many resources of each account are as declared and how many are not, and which accounts accept keys.
#[must_use]
pub fn of_plan(plan: &Plan) -> Measures {
    let mut resources = Family::new("keyless_resources", "Resources by stack, account and state.");
    for change in &plan.changes {
        let Some(state) = state(change) else { continue };
        let mut labels = vec![("stack", change.stack.clone().unwrap_or_default())];
        labels.extend(place(&change.id));
        // A series that was there stays there with a zero.
        for each in STATES {
            let mut labels = labels.clone();
            labels.push(("state", each.to_owned()));
            *resources.samples.entry(labels).or_default() += u64::from(each == state);
        }
    }
    let mut unread = Family::new("keyless_unread_scopes", "Scopes that could not be read.");
    unread.samples.insert(Vec::new(), count(plan.incomplete.len()));
    let keys = plan.keys.iter().map(|(id, keys)| (id.as_str(), *keys));
    vec![resources, unread, enabled(keys), findings(&plan.findings)]
}

/// Of an `apply`: its steps by result.
#[must_use]
pub fn of_report(report: &Report) -> Measures {
    let mut steps = Family::new("keyless_steps", "Steps of the last apply by result.");
    for (count, word) in [
        (report.summary.done, "done"),
        (report.summary.failed, "failed"),
        (report.summary.skipped, "skipped"),
    ] {
        steps.samples.insert(vec![("result", word.to_owned())], self::count(count));
    }
    vec![steps, findings(&report.findings)]
}

/// Of `access`: how many may call the models of each account, and which accounts accept keys.
#[must_use]
pub fn of_access(access: &Access) -> Measures {
    let mut holders =
        Family::new("keyless_principals", "Principals who may call the models of an account with a token.");
    for account in &access.accounts {
        holders.samples.insert(place(&account.id), count(account.principals.len()));
    }
    let keys = access.accounts.iter().map(|account| (account.id.as_str(), account.keys));
    vec![holders, enabled(keys)]
}

/// Of `keys status`: which accounts accept keys.
#[must_use]
pub fn of_keys(statement: &KeysStatement) -> Measures {
    vec![enabled(statement.accounts.iter().map(|account| (account.id.as_str(), account.keys)))]
}

/// How many findings there are of each severity.
#[must_use]
pub fn findings(findings: &[FindingEntry]) -> Family {
    let mut family = Family::new("keyless_findings", "Findings of the last run by severity.");
    for (severity, word) in
        [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")]
    {
        let found = findings.iter().filter(|finding| finding.severity == severity).count();
        family.samples.insert(vec![("severity", word.to_owned())], count(found));
    }
    family
}

fn enabled<'a>(keys: impl Iterator<Item = (&'a str, Keys)>) -> Family {
    let mut family = Family::new("keyless_api_keys_enabled", "1 if an account accepts API keys, 0 if not.");
    for (id, keys) in keys {
        family.samples.insert(place(id), u64::from(keys == Keys::Enabled));
    }
    family
}

/// Where a change is counted; nothing for what is only listed.
fn state(change: &PlannedChange) -> Option<&'static str> {
    use crate::document::Action;
    match (change.differs, change.action) {
        (Some(Differs::Changed), _) => Some("differing"),
        (Some(Differs::Missing), _) => Some("missing"),
        (Some(Differs::Extra), _) => Some("extra"),
        (None, Action::Unknown | Action::UnmanagedUnknown) => Some("unknown"),
        (None, Action::Noop) if !change.omitted.is_empty() => Some("differing"),
        (None, Action::Noop) if change.is_partly_compared() => Some("partly_compared"),
        (None, Action::Noop) => Some("in_sync"),
        (None, _) => None,
    }
}

/// Where a resource is: subscription, group and account, as far as its id says so.
fn place(id: &str) -> Vec<(&'static str, String)> {
    let id = ResourceId::parse(id).ok();
    let segment = |name: &str| {
        let found = id.as_ref().and_then(|id| id.segment_after(name));
        found.unwrap_or_default().to_owned()
    };
    [("subscription", "subscriptions"), ("resource_group", "resourceGroups"), ("account", "accounts")]
        .map(|(label, name)| (label, segment(name)))
        .to_vec()
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

impl Family {
    fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, samples: BTreeMap::new() }
    }
}

/// The text; `now` in seconds since 1970. `whole` is whether the run did all that it was asked for.
#[must_use]
pub fn text(measures: &[Family], whole: bool, now: u64) -> String {
    let mut text = String::new();
    for family in measures {
        let _ = writeln!(text, "# TYPE {} gauge\n# HELP {} {}", family.name, family.name, family.help);
        for (labels, value) in &family.samples {
            let _ = writeln!(text, "{}{} {value}", family.name, written(labels));
        }
    }
    let last = [
        (
            "keyless_last_run_whole",
            "",
            "1 if the last run read everything and failed in nothing, 0 if not.",
            u64::from(whole),
        ),
        (
            "keyless_last_run_timestamp_seconds",
            "# UNIT keyless_last_run_timestamp_seconds seconds\n",
            "When the last run ended.",
            now,
        ),
    ];
    for (name, unit, help, value) in last {
        let _ = writeln!(text, "# TYPE {name} gauge\n{unit}# HELP {name} {help}\n{name} {value}");
    }
    text + "# EOF\n"
}

/// Labels with a value, in braces.
fn written(labels: &[(&'static str, String)]) -> String {
    let some = labels.iter().filter(|(_, value)| !value.is_empty());
    let some: Vec<String> = some.map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    if some.is_empty() { String::new() } else { format!("{{{}}}", some.join(",")) }
}

fn escaped(value: &str) -> String {
    sanitize(value).replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_empty_ones_left_out() {
        let labels = vec![("stack", "a\"b\\c\n".to_owned()), ("account", String::new())];
        assert_eq!(written(&labels), "{stack=\"a\\\"b\\\\c\\\\u{a}\"}");
        assert_eq!(written(&[]), "");
    }
}

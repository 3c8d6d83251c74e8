//! Issues of a run: its findings, and what differs. The input of SARIF, code quality reports and annotations.
//!
//! Works on documents alone. Texts are not sanitised here.

pub mod annotations;
pub mod sarif;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::cause;
use super::comment::veil::Withheld;
use super::drift::is_compared;
use super::people::strongest_first;
use super::text::{label, worded};
use super::words::shortened;
use crate::document::{Action, Differs, FieldEntry, FindingEntry, Mark, Plan, PlannedChange, hash};
use crate::finding::{Code, Severity, bounded};
use crate::kinds::{self, Kind};
use crate::spec::load::STDIN;
use crate::text::source::Position;

/// A finding or a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    pub(super) rule: IssueRule,
    pub(super) severity: Severity,
    /// Message, cause and hint.
    pub(super) said: Vec<String>,
    pub(super) place: Option<Position>,
    /// The id of the live resource, or its place in the spec.
    pub(super) resource: Option<String>,
    /// Whether `--allow` lifted it.
    pub(super) lifted: bool,
    /// Whether it is shown only on request.
    pub(super) quiet: bool,
    /// Its rank among issues of its severity, and among those of its rank: 0 comes first.
    pub(super) rank: (u8, usize),
    /// What other resources can have in common with it: the field and both values.
    pub(super) same: Option<String>,
    /// Stable between runs even if its line moves, and unique.
    pub(super) fingerprint: String,
}

impl Issue {
    /// The same without what is withheld; its fingerprint stays.
    pub(super) fn without(self, withheld: &Withheld) -> Self {
        let veiled = |text: &String| withheld.plain(text);
        Self {
            said: self.said.iter().map(veiled).collect(),
            resource: self.resource.as_ref().map(veiled),
            ..self
        }
    }
}

/// The rule of an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IssueRule {
    Finding(Code),
    Differs(Differs),
}

impl IssueRule {
    /// Every rule.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let differs = [Differs::Missing, Differs::Changed, Differs::Extra];
        differs.into_iter().map(IssueRule::Differs).chain(Code::ALL.iter().copied().map(IssueRule::Finding))
    }

    pub(super) fn id(self) -> &'static str {
        match self {
            IssueRule::Finding(code) => code.as_str(),
            IssueRule::Differs(Differs::Missing) => "differs-missing",
            IssueRule::Differs(Differs::Changed) => "differs-changed",
            IssueRule::Differs(Differs::Extra) => "differs-extra",
        }
    }

    pub(super) fn about(self) -> &'static str {
        match self {
            IssueRule::Finding(code) => code.about(),
            IssueRule::Differs(Differs::Missing) => "a resource that a spec declares and that does not exist",
            IssueRule::Differs(Differs::Changed) => "a resource that differs from its spec",
            IssueRule::Differs(Differs::Extra) => "a resource that no spec declares, or no longer declares",
        }
    }

    /// The page of the documentation.
    pub(super) fn page(self) -> &'static str {
        match self {
            IssueRule::Finding(_) => "docs/findings.md",
            IssueRule::Differs(_) => "docs/pipelines.md",
        }
    }
}

/// The folders from which paths are relative.
#[derive(Debug, Clone, Default)]
pub struct Folders {
    /// The folder in which the run began.
    pub here: String,
    /// The repository's folder, to which the paths of hosts are relative.
    pub root: String,
}

/// Issues of findings alone.
#[must_use]
pub fn of_findings(findings: &[FindingEntry], folders: &Folders) -> Vec<Issue> {
    numbered(findings.iter().map(|finding| of_finding(finding, None, folders)).collect(), folders)
}

/// Issues of a plan: its findings, and its differences with this severity.
#[must_use]
pub fn of_plan(plan: &Plan, severity: Severity, folders: &Folders) -> Vec<Issue> {
    // Each undeclared resource, and each that drifted in what its spec omits, has a finding.
    let code = |change: &PlannedChange| match change.action {
        Action::UnmanagedDrift => Some(Code::Unmanaged),
        _ => change.is_drifted().then_some(Code::KeysEnabled),
    };
    let keyed = |change| code(change).map(|code| ((code, change.id.as_str()), change));
    let reported: BTreeMap<(Code, &str), &PlannedChange> = plan.changes.iter().filter_map(keyed).collect();
    let mut found = BTreeSet::new();
    let mut issues = Vec::new();
    for (index, finding) in strongest_first(&plan.findings, &plan.changes).into_iter().enumerate() {
        let key = finding.resource.as_deref().map(|id| (finding.code, id));
        let about = key.and_then(|key| reported.get(&key)).copied();
        found.extend(key.filter(|_| about.is_some()));
        let mut issue = of_finding(finding, about, folders);
        if finding.code == Code::GuardGrant {
            issue.rank.1 = index;
        }
        issues.push(issue);
    }
    for change in &plan.changes {
        let has_finding = code(change).is_some_and(|code| found.contains(&(code, change.id.as_str())));
        if !has_finding && let Some(differs) = differs(change) {
            issues.extend(of_change(change, differs, severity));
        }
    }
    issues.sort_by(|a, b| (a.place.is_none(), &a.place).cmp(&(b.place.is_none(), &b.place)));
    numbered(issues, folders)
}

/// Ranks of issues.
const KEYS: u8 = 0;
const ROLES: u8 = 1;
const OTHER: u8 = 2;
const TAGS: u8 = 3;

fn of_finding(finding: &FindingEntry, about: Option<&PlannedChange>, folders: &Folders) -> Issue {
    let hint = finding.hint.as_ref().map(|hint| format!("help: {hint}"));
    let said = [Some(&finding.message), finding.cause.as_ref(), hint.as_ref()];
    let cause = about.and_then(|change| cause::line(change, false)).map(|line| line.to_string());
    let resource = about.map(|change| &change.id);
    let file = finding.source.as_ref().map(|place| folders.relative(&place.file));
    let key = match resource {
        Some(id) => json!([finding.code, id.to_ascii_lowercase()]),
        None => json!([finding.code, file, finding.message]),
    };
    Issue {
        rule: IssueRule::Finding(finding.code),
        severity: finding.severity,
        said: said.into_iter().flatten().cloned().chain(cause).collect(),
        place: finding.source.clone(),
        resource: finding.resource.clone(),
        lifted: finding.is_lifted(),
        quiet: finding.is_quiet(),
        rank: match finding.code {
            Code::KeysEnabled | Code::GuardKeysOn | Code::GuardKeyUse => (KEYS, 0),
            Code::Unmanaged | Code::GuardGrant => (ROLES, 0),
            _ => (OTHER, 0),
        },
        same: None,
        fingerprint: hash(&key),
    }
}

/// How a change differs; for a saved plan, its action says so.
fn differs(change: &PlannedChange) -> Option<Differs> {
    change.differs.or(match change.action {
        Action::Create | Action::Restore => Some(Differs::Missing),
        Action::Update | Action::Adopt => Some(Differs::Changed),
        Action::Delete | Action::UnmanagedDrift => Some(Differs::Extra),
        Action::Noop
        | Action::Refused
        | Action::Unmanaged
        | Action::UnmanagedUnknown
        | Action::CoManaged
        | Action::Unknown => None,
    })
}

/// One issue for each field that differs, at its line, or one for the whole.
fn of_change(change: &PlannedChange, differs: Differs, severity: Severity) -> Vec<Issue> {
    let rule = IssueRule::Differs(differs);
    let resource = if change.id.is_empty() { &change.address } else { &change.id };
    let issue = |said: String, place: Option<&Position>, path: &[String]| Issue {
        rule,
        severity,
        said: [bounded(said)]
            .into_iter()
            .chain(cause::line(change, false).map(|line| line.to_string()))
            .collect(),
        place: place.or(change.source.as_ref()).cloned(),
        resource: Some(resource.clone()),
        lifted: false,
        quiet: severity == Severity::Note,
        rank: match path.first().map(String::as_str) {
            Some("disableLocalAuth") => (KEYS, 0),
            Some("tags") => (TAGS, 0),
            _ if kinds::by_name(&change.kind).is_some_and(Kind::is_grant) => (ROLES, 0),
            _ => (OTHER, 0),
        },
        same: None,
        fingerprint: hash(&json!([rule.id(), resource.to_ascii_lowercase(), path])),
    };
    let title = &change.title;
    let why = |otherwise: &str| match &change.reason {
        Some(why) => format!(": {why}"),
        None => otherwise.to_owned(),
    };
    let whole = match differs {
        Differs::Missing if change.action == Action::Restore => {
            format!("{title} is declared, but soft-deleted")
        }
        Differs::Missing => format!("{title} is declared, but does not exist"),
        Differs::Extra => format!("{title} exists, but is not declared{}", why("")),
        Differs::Changed if change.mark == Some(Mark::Added) => {
            let stack = change.stack.as_deref().unwrap_or("?");
            format!("{title} does not carry the mark of stack `{stack}`")
        }
        Differs::Changed => format!("{title} is not as declared{}", why("")),
    };
    let fields: Vec<&FieldEntry> = match differs {
        Differs::Changed => change.fields.iter().filter(|field| is_compared(change, field)).collect(),
        Differs::Missing | Differs::Extra => Vec::new(),
    };
    if fields.is_empty() {
        return vec![issue(whole, None, &[])];
    }
    let of_field = |field: &&FieldEntry| {
        let name = label(&change.kind, field);
        let (before, after) = shortened(&field.before, &field.after);
        let [live, spec] = [&before, &after].map(|value| worded(&change.kind, field, value));
        let differs = format!("{name} {live}, but {spec} in the spec");
        let issue = issue(format!("{title}: {differs}"), field.source.as_ref(), &field.path);
        Issue { same: Some(differs), ..issue }
    };
    fields.iter().map(of_field).collect()
}

/// Shortens fingerprints, numbers equal ones, and makes paths relative to the repository.
fn numbered(mut issues: Vec<Issue>, folders: &Folders) -> Vec<Issue> {
    for issue in &mut issues {
        // A host cannot show a place in stdin.
        issue.place = issue.place.take().filter(|place| place.file != STDIN);
        if let Some(place) = &mut issue.place {
            place.file = folders.relative(&place.file);
        }
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for issue in &mut issues {
        let digest: String = issue.fingerprint.trim_start_matches("sha256:").chars().take(32).collect();
        let count = seen.entry(digest.clone()).or_insert(0);
        *count += 1;
        issue.fingerprint = format!("{digest}:{count}");
    }
    issues
}

impl Folders {
    /// A path relative to the repository's folder, with slashes, however it was written.
    pub(super) fn relative(&self, file: &str) -> String {
        let [file, here, root] = [file, &self.here, &self.root].map(|path| path.replace('\\', "/"));
        let is_whole = file.starts_with('/') || file.get(1..3) == Some(":/");
        let whole = if is_whole || here.is_empty() { file } else { format!("{here}/{file}") };
        let whole = plain(&whole);
        let root = plain(&root);
        let inside = whole.strip_prefix(root.trim_end_matches('/')).and_then(|rest| rest.strip_prefix('/'));
        inside.filter(|_| !root.is_empty()).unwrap_or(&whole).to_owned()
    }
}

/// A path without `.` and, if possible, without `..`.
fn plain(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match (part, parts.last()) {
            (".", _) | ("", Some(_)) => {}
            ("..", Some(&last)) if last != ".." && !last.is_empty() => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// The place of issues without one: hosts require a file for each.
pub(super) fn stand_in(issues: &[Issue]) -> Position {
    let first = issues.iter().find_map(|issue| issue.place.as_ref());
    let file = first.map_or("specs", |place| place.file.as_str());
    Position { file: file.to_owned(), line: 1, column: 1 }
}

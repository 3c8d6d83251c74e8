//! The plan document: what `--format json` prints and what `apply` executes. Versioned, self-contained, without secrets.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::access::changes::AccessChange;
use crate::drift::Cause;
use crate::finding::{Code, Finding, Severity};
use crate::guards;
use crate::source::{Position, Sources};

/// The version of the format.
pub const FORMAT_VERSION: &str = "1.0";

/// What keyless would do, and all there is to say about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Version of this format: `1.0`.
    pub format_version: String,
    /// Where it would happen.
    pub target: Target,
    /// How many changes of each sort.
    pub summary: Summary,
    /// Every declared resource, and live ones worth naming.
    pub changes: Vec<PlannedChange>,
    /// Ids of the accounts of which a spec declares all role assignments: what somebody made there by hand is no way in to rely on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declares_assignments: Vec<String>,
    /// Who gains and who loses the way to call models, by account.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access: Vec<AccessChange>,
    /// What there is to say, in the order of the spec's lines.
    pub findings: Vec<FindingEntry>,
    /// What could not be read.
    pub incomplete: Vec<Incomplete>,
    /// The requests made so far.
    pub requests: Requests,
    /// The writes, in an order that respects what needs what.
    pub steps: Vec<Step>,
    /// Hash of target, changes and steps. It shows damage, not authorship.
    pub fingerprint: String,
}

/// Where a plan holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Whether it is Azure at all.
    pub kind: TargetKind,
    /// Azure's cloud: `public`, `usgov`, `china`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud: Option<String>,
    /// The endpoint of Azure Resource Manager; left out for a sandbox inside keyless, whose port changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// Whether a target is Azure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// One of Azure's clouds.
    Azure,
    /// The sandbox: nothing in Azure changes.
    Sandbox,
    /// An endpoint given by hand.
    Custom,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TargetKind::Azure => write!(f, "Azure ({})", self.cloud.as_deref().unwrap_or("public")),
            TargetKind::Sandbox => write!(f, "SANDBOX: nothing in Azure changed"),
            TargetKind::Custom => {
                write!(f, "{}, not a cloud of Azure", self.endpoint.as_deref().unwrap_or("?"))
            }
        }
    }
}

impl Target {
    /// The target in a question: "write this to …?".
    #[must_use]
    pub fn place(&self) -> String {
        match self.kind {
            TargetKind::Sandbox => "the sandbox".to_owned(),
            TargetKind::Azure | TargetKind::Custom => self.to_string(),
        }
    }
}

/// What would happen to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is made.
    Create,
    /// It is brought back from soft deletion.
    Restore,
    /// Its fields change.
    Update,
    /// It goes.
    Delete,
    /// It gets the stack's mark.
    Adopt,
    /// Nothing.
    Noop,
    /// Nothing, because what would have to happen cannot; a finding says why.
    Refused,
    /// Nothing: nobody declares it.
    Unmanaged,
    /// Nothing: no spec declares it, beside a declared list or among what is guarded, and that is drift.
    UnmanagedDrift,
    /// Nothing: no spec declares it, and what would tell whether that is drift could not be read.
    UnmanagedUnknown,
    /// Nothing: another team made it, as `coManagedBy` says.
    CoManaged,
    /// Nobody knows: it could not be read.
    Unknown,
}

/// How many changes of each sort.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// To be created.
    pub create: usize,
    /// To be brought back from soft deletion.
    pub restore: usize,
    /// To be updated.
    pub update: usize,
    /// To be deleted.
    pub delete: usize,
    /// To be marked.
    pub adopt: usize,
    /// As declared.
    pub noop: usize,
    /// Live and declared by nobody.
    pub unmanaged: usize,
    /// Of those, the ones that count as drift.
    pub unmanaged_drift: usize,
    /// Of those, the ones of which it is not known whether they count as drift.
    #[serde(default)]
    pub unmanaged_unknown: usize,
    /// Made by another team, as `coManagedBy` says.
    #[serde(default)]
    pub co_managed: usize,
    /// Could not be read.
    pub unknown: usize,
    /// Cannot be brought to what is declared.
    pub refused: usize,
}

impl Summary {
    pub(super) fn count(&mut self, action: Action) {
        match action {
            Action::Create => self.create += 1,
            Action::Restore => self.restore += 1,
            Action::Update => self.update += 1,
            Action::Delete => self.delete += 1,
            Action::Adopt => self.adopt += 1,
            Action::Noop => self.noop += 1,
            Action::Refused => self.refused += 1,
            Action::Unmanaged => self.unmanaged += 1,
            Action::UnmanagedDrift => {
                self.unmanaged += 1;
                self.unmanaged_drift += 1;
            }
            Action::UnmanagedUnknown => {
                self.unmanaged += 1;
                self.unmanaged_unknown += 1;
            }
            Action::CoManaged => self.co_managed += 1,
            Action::Unknown => self.unknown += 1,
        }
    }

    /// Writes that are pending.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.create + self.restore + self.update + self.delete + self.adopt
    }
}

/// One change, as people and programs read it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedChange {
    /// What would happen.
    pub action: Action,
    /// The kind: `accounts`, `deployments`, `roleAssignments`.
    pub kind: String,
    /// The resource id; empty while it is not known.
    pub id: String,
    /// Its place in the spec, or its id where no spec declares it.
    pub address: String,
    /// How people name it.
    pub title: String,
    /// Where it is declared.
    pub source: Option<Position>,
    /// The fields that differ.
    pub fields: Vec<FieldEntry>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who did that, from `drift` only: the last that is known to have been done to the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caused_by: Option<Cause>,
    /// Why it is not known who did that, from `drift` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause_unknown: Option<String>,
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldEntry {
    /// Its path in the spec, name by name.
    #[serde(with = "dotted")]
    #[schemars(with = "String")]
    pub path: Vec<String>,
    /// The live value.
    pub before: Value,
    /// The declared value.
    pub after: Value,
    /// Where it is declared; absent for a default.
    pub source: Option<Position>,
}

/// Paths are written with dots; a name that itself holds a dot stands in brackets, as a JSON string.
mod dotted {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(path: &[String], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::dotted_path(path))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| D::Error::custom(format_args!("`{text}` is not the path of a field")))
    }

    pub(super) fn parse(text: &str) -> Option<Vec<String>> {
        let mut path = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (name, tail) = match rest.strip_prefix('[') {
                Some(inner) => {
                    let mut names = serde_json::Deserializer::from_str(inner).into_iter::<String>();
                    let name = names.next()?.ok()?;
                    (name, inner[names.byte_offset()..].strip_prefix(']')?)
                }
                None => {
                    let (name, tail) = rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()));
                    // Without this a text could be read for ever.
                    if name.is_empty() {
                        return None;
                    }
                    (name.to_owned(), tail)
                }
            };
            path.push(name);
            rest = tail.strip_prefix('.').unwrap_or(tail);
        }
        Some(path)
    }
}

/// A path with dots: `networkAcls.ipRules`, `tags["a.b"]`.
#[must_use]
pub fn dotted_path(path: &[String]) -> String {
    let mut text = String::new();
    for name in path {
        if name.contains(['.', '[', ']', '"']) || name.is_empty() {
            let _ = write!(text, "[{}]", Value::from(name.as_str()));
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(name);
        }
    }
    text
}

/// A finding, as people and programs read it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FindingEntry {
    /// Where in the spec.
    pub source: Option<Position>,
    /// How much it matters.
    pub severity: Severity,
    /// What sort of thing it is; stable between versions.
    pub code: String,
    /// What there is to say.
    pub message: String,
    /// What Azure answered, or another cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl FindingEntry {
    /// A finding with its place spelled out.
    #[must_use]
    pub fn new(finding: &Finding, sources: &Sources) -> Self {
        Self {
            source: finding.span.map(|span| sources.position(span)),
            severity: finding.severity,
            code: finding.code.as_str().to_owned(),
            message: finding.message.clone(),
            cause: finding.cause.clone(),
            hint: finding.hint.clone(),
        }
    }

    /// Whether people may be spared it: a note, unless it tells of what would make `apply` fail, or of what `drift` could not find out.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let loud = [Code::MissingPermission, Code::PolicyRefusal, Code::CauseUnread];
        self.severity == Severity::Note && loud.iter().all(|code| code.as_str() != self.code)
    }
}

/// A scope that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Incomplete {
    /// The scope.
    pub scope: String,
    /// What Azure answered.
    pub reason: String,
}

/// How many requests were made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Requests {
    /// GETs, polling included.
    pub reads: u64,
    /// All others.
    pub writes: u64,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StepAction {
    /// Makes a resource that was absent.
    Create,
    /// Brings a soft-deleted resource back, then to what is declared.
    Restore,
    /// Removes a soft-deleted resource for good.
    Purge,
    /// Changes one that was there.
    Update,
    /// Deletes one.
    Delete,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Which of the changes it carries out, by index.
    pub change: usize,
    /// What it does.
    pub action: StepAction,
    /// The kind of its resource.
    pub kind: String,
    /// The resource it writes. With a `reference`, its last segment stands in for a name that is not known yet.
    pub target: String,
    /// The declared change, in spec shape.
    pub patch: Map<String, Value>,
    /// A field of the patch that is not known before another step has run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// The stack whose mark it writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
    /// Fingerprint of the live resource it starts from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Steps of one lane never run side by side.
    pub lane: String,
    /// Steps, by index, that must have succeeded.
    pub needs: Vec<usize>,
    /// Whether it waits until all steps that are not last have ended.
    pub last: bool,
    /// Where it is declared.
    pub source: Option<Position>,
}

/// A field whose value is read when the step runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    /// The field of the patch that it fills.
    pub field: String,
    /// The resource whose own identity's object id is the value.
    pub identity_of: String,
    /// The kind of that resource.
    pub kind: String,
}

impl Plan {
    /// The hash that `fingerprint` should hold.
    #[must_use]
    pub fn digest(&self) -> String {
        super::hash(&serde_json::json!({"target": self.target, "changes": self.changes, "steps": self.steps}))
    }

    /// Refuses a change, and with it every change that needs it: their steps go, and their reason says why.
    pub fn refuse(&mut self, change: usize, why: &str) {
        let mut refused = BTreeMap::from([(change, why.to_owned())]);
        loop {
            let lost =
                |need: &usize| self.steps.get(*need).is_some_and(|step| refused.contains_key(&step.change));
            let next =
                self.steps.iter().filter(|step| !refused.contains_key(&step.change)).find_map(|step| {
                    let need = step.needs.iter().find(|need| lost(need))?;
                    Some((step.change, self.steps[*need].change))
                });
            let Some((change, needed)) = next else { break };
            let title = self.changes.get(needed).map_or("another change", |change| change.title.as_str());
            refused.insert(change, format!("it needs {title}, which cannot be done"));
        }
        for (change, why) in &refused {
            if let Some(change) =
                self.changes.get_mut(*change).filter(|change| change.action != Action::Refused)
            {
                change.action = Action::Refused;
                change.reason = Some(why.clone());
            }
        }
        let kept: Vec<usize> =
            (0..self.steps.len()).filter(|index| !refused.contains_key(&self.steps[*index].change)).collect();
        let steps = std::mem::take(&mut self.steps);
        for (index, mut step) in steps.into_iter().enumerate() {
            if kept.binary_search(&index).is_ok() {
                step.needs = step.needs.iter().filter_map(|need| kept.binary_search(need).ok()).collect();
                self.steps.push(step);
            }
        }
        self.summary = Summary::default();
        for change in &self.changes {
            self.summary.count(change.action);
        }
        self.fingerprint = self.digest();
    }

    /// Whether something is wrong, guards left aside.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        let wrong =
            |finding: &FindingEntry| finding.severity == Severity::Error && !guards::is_refusal(finding);
        self.summary.unknown > 0 || self.summary.refused > 0 || self.findings.iter().any(wrong)
    }

    /// Whether a guard refuses it.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.findings.iter().any(guards::is_refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_read_as_it_was_written_and_others_are_refused() {
        for names in [
            vec!["networkAcls", "ipRules"],
            vec!["tags", "a.b", "c"],
            vec!["tags", "x\"]y"],
            vec!["tags", "\\", "[", ""],
            vec!["", "a"],
        ] {
            let path: Vec<String> = names.into_iter().map(str::to_owned).collect();
            assert_eq!(dotted::parse(&dotted_path(&path)), Some(path));
        }
        for text in ["[", "a[b]", "a[\"b\"", "..", ".a", "a [keyless:alpha]", "[1]"] {
            assert_eq!(dotted::parse(text), None, "{text}");
        }
    }
}

//! The plan document: what `--format json` prints and what `apply` executes. Versioned, self-contained, without secrets.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::access::AccessChange;
use super::cause::Cause;
use super::counts::Judged;
use super::finding::FindingEntry;
use super::hash::Hashing;
use super::keys::Keys;
use super::shard::Shard;
use super::step::{Step, TakenRight};
use super::target::Target;
use super::usage::KeyUsageTerms;
use crate::finding::Severity;
use crate::id::ResourceId;
use crate::text::json::{holds, member};
use crate::text::source::Position;

/// The format version of a plan. It contains what is executed only once: steps, their order and dependencies follow from the changes.
pub const PLAN_VERSION: &str = "2.0";

/// Whether a text is a plan in JSON, of any version.
#[must_use]
pub(crate) fn is_plan(text: &str) -> bool {
    holds(text, &["formatVersion", "changes"]) == Some(true)
}
/// What keyless would do, with findings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Version of this format: `2.0`.
    pub format_version: String,
    /// Where it would be applied.
    pub target: Target,
    /// The environment of `--env` for which it was made. It decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// How much of what the specs declare was judged.
    #[serde(default)]
    pub known: Judged,
    /// Of which part of a fleet it is (`--shard`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Box<Shard>>,
    /// The number of changes by action.
    pub summary: Summary,
    /// Every declared resource, and live ones worth naming. Only they decide what is written.
    pub changes: Vec<PlannedChange>,
    /// Ids of the accounts for which a spec declares all role assignments: assignments made there by hand cannot be relied on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declares_assignments: Vec<String>,
    /// The secrets that specs name for declared resources: Azure never shows which secret one uses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<NamedSecrets>,
    /// What must be known about the use of keys, for accounts whose keys the plan turns off. It is not saved, since a file could demand less
    /// than its specs.
    #[serde(skip)]
    pub key_usage: Vec<KeyUsageTerms>,
    /// The lists that the specs declare. They are not saved, since a file could not prove them.
    #[serde(skip)]
    pub lists: Vec<DeclaredList>,
    /// Which declared accounts accept API keys, by id, as far as they were read. Only set in a new plan.
    #[serde(skip)]
    pub keys: BTreeMap<String, Keys>,
    /// Who gains and who loses access to models, by account.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access: Vec<AccessChange>,
    /// Findings, in the order of the spec's lines.
    pub findings: Vec<FindingEntry>,
    /// What could not be read.
    pub incomplete: Vec<Incomplete>,
    /// The requests made so far.
    pub requests: Requests,
    /// The writes, ordered by their dependencies. They follow from the changes and are never saved.
    #[serde(skip)]
    pub steps: Vec<Step>,
    /// Hash of the target and of what the changes write. It detects damage, not forgery.
    pub fingerprint: String,
}

/// What happens to a resource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is created.
    Create,
    /// It is restored from soft deletion.
    Restore,
    /// Its fields change.
    Update,
    /// It is deleted.
    Delete,
    /// It gets the stack's mark.
    Adopt,
    /// Nothing.
    #[default]
    Noop,
    /// Nothing, because the necessary change is impossible; a finding says why.
    Refused,
    /// Nothing: it is not declared.
    Unmanaged,
    /// Nothing: it is not declared, and that is drift.
    UnmanagedDrift,
    /// Nothing: it is not declared, and it could not be determined whether that is drift.
    UnmanagedUnknown,
    /// Nothing: another team created it, as `coManagedBy` permits.
    CoManaged,
    /// Unknown, because it could not be read.
    Unknown,
}

impl Action {
    /// Whether something is written.
    #[must_use]
    pub fn writes(self) -> bool {
        matches!(self, Action::Create | Action::Restore | Action::Update | Action::Delete | Action::Adopt)
    }
}

/// The number of changes by action.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// To be created.
    pub create: usize,
    /// To be restored from soft deletion.
    pub restore: usize,
    /// To be updated.
    pub update: usize,
    /// To be deleted.
    pub delete: usize,
    /// To be marked.
    pub adopt: usize,
    /// As declared.
    pub noop: usize,
    /// Live but not declared.
    pub unmanaged: usize,
    /// Those that are drift.
    pub unmanaged_drift: usize,
    /// Those that may be drift.
    #[serde(default)]
    pub unmanaged_unknown: usize,
    /// Created by another team, as `coManagedBy` permits.
    #[serde(default)]
    pub co_managed: usize,
    /// Could not be read.
    pub unknown: usize,
    /// Cannot be changed to what is declared.
    pub refused: usize,
}

impl Summary {
    /// Counts changes.
    #[must_use]
    pub fn of(changes: &[PlannedChange]) -> Self {
        let mut summary = Self::default();
        for change in changes {
            summary.count(change.action);
        }
        summary
    }

    fn count(&mut self, action: Action) {
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

/// A change, with everything that its writes follow from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlannedChange {
    /// What would happen.
    pub action: Action,
    /// The kind: `accounts`, `deployments`, `roleAssignments`.
    pub kind: String,
    /// The resource id; empty if the declaration is not resolved. With `holes`, its last segment stands in for a name that follows from
    /// them.
    pub id: String,
    /// Its address in the spec, or its id if it is not declared. For a saved plan it is the id, since an address in a file must not decide
    /// what `--allow` permits.
    pub address: String,
    /// Its title. For a saved plan it is recomputed.
    pub title: String,
    /// The stack that declares or owned it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// Whether it gets the stack's mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    /// The soft-deleted resource with its name that is permanently purged first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge: Option<String>,
    /// Fields that are only known once other changes of this plan are done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holes: Vec<HoleEntry>,
    /// Values of other resources that are in its fields, as Azure showed them to the plan. With another value now, the plan is stale.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<TakenEntry>,
    /// Resource ids of further changes that it waits for, besides those in its ids, holes and fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// Fingerprint of the live resource that it starts from, covering everything that a write could overwrite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Where it is declared.
    pub source: Option<Position>,
    /// The fields that are written.
    pub fields: Vec<FieldEntry>,
    /// The fields that the spec omits and that differ from the default at creation, which `after` has. They are drift, and are not written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub omitted: Vec<FieldEntry>,
    /// Why it is done or cannot be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The declared fields that Azure does not show, so that they were not compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_compared: Vec<String>,
    /// What is deleted with it, as Azure deletes what is in an account or project.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub along: Vec<String>,
    /// Who caused it, from `drift` only: the last known operation on the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caused_by: Option<Cause>,
    /// Why the cause is not known, from `drift` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause_unknown: Option<String>,
    /// Its title in a saved plan, if that says more than the recomputed one; not verified.
    #[serde(skip)]
    pub called: Option<String>,
    /// How the live state differs from the declaration. Only set in a new plan.
    #[serde(skip)]
    pub differs: Option<Differs>,
    /// Whether it takes a right to write that the run itself may need. Found in each run, never read from a file.
    #[serde(skip)]
    pub takes_right: Option<TakenRight>,
    /// Whether it comes from a saved plan and has not been compared with Azure: its earlier field values are then not verified.
    #[serde(skip)]
    pub unverified: bool,
}

/// How the live state differs from the declaration, whatever can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Differs {
    /// It is declared but does not exist.
    Missing,
    /// It exists but differs.
    Changed,
    /// It exists but is not declared.
    Extra,
}

/// How a change affects a stack's mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// It is added.
    Added,
    /// It is already there.
    Kept,
}

/// A field whose value is read from another resource once that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Hole")]
pub struct HoleEntry {
    /// Name of the field in the spec.
    pub field: String,
    /// The id of the other resource.
    pub resource: String,
    /// The property of the other resource that it takes.
    pub property: Property,
    /// The reference in the field's text that the value replaces. If omitted: the value is the whole field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// A value of another resource in a field, as it was when the plan was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Taken")]
pub struct TakenEntry {
    /// The id of the other resource.
    pub resource: String,
    /// The property of the other resource that has it.
    pub property: Property,
    /// The value.
    pub value: String,
}

/// The value that fills a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Property {
    /// The object id of its own identity.
    PrincipalId,
    /// The workspace id of a project, as a GUID.
    WorkspaceId,
    /// The endpoint of an account.
    Endpoint,
}

impl Property {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PrincipalId => "principalId",
            Self::WorkspaceId => "workspaceId",
            Self::Endpoint => "endpoint",
        }
    }
}

impl PlannedChange {
    /// The declared change, in spec shape.
    #[must_use]
    pub fn patch(&self) -> Map<String, Value> {
        patch(&self.fields)
    }
}

/// Fields as a tree in spec shape.
pub(crate) fn patch<'a>(fields: impl IntoIterator<Item = &'a FieldEntry>) -> Map<String, Value> {
    let mut patch = Value::Object(Map::new());
    for field in fields {
        let mut place = &mut patch;
        for name in &field.path {
            place = member(place, name);
        }
        place.clone_from(&field.after);
    }
    match patch {
        Value::Object(patch) => patch,
        // Only a field without a path replaces the whole, which `saved` rejects.
        _ => Map::new(),
    }
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FieldEntry {
    /// Its path in the spec.
    #[serde(with = "super::path")]
    #[schemars(with = "String")]
    pub path: Vec<String>,
    /// The live value.
    pub before: Value,
    /// The value to write; `null` clears it.
    pub after: Value,
    /// Where it is declared; absent for a default.
    pub source: Option<Position>,
}

/// A scope that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Incomplete {
    /// Id of the resource or group that could not be read.
    pub scope: String,
    /// What Azure answered.
    pub reason: String,
}

/// The number of requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Requests {
    /// GETs, including polls.
    pub reads: u64,
    /// All other requests.
    pub writes: u64,
}

impl Plan {
    /// The hash for `fingerprint`. Excludes what is recomputed when the plan is read, and what only explains.
    #[must_use]
    pub fn digest(&self) -> String {
        let bare = |change: &PlannedChange| PlannedChange {
            address: String::new(),
            title: String::new(),
            reason: None,
            omitted: Vec::new(),
            not_compared: Vec::new(),
            along: Vec::new(),
            caused_by: None,
            cause_unknown: None,
            ..change.clone()
        };
        // Members in the order of their names, one change after the other: there may be a hundred thousand.
        let mut hash = Hashing::default();
        hash.text("{\"changes\":[");
        for (index, change) in self.changes.iter().enumerate() {
            hash.text(if index == 0 { "" } else { "," });
            hash.value(&serde_json::json!(bare(change)));
        }
        hash.text("],\"declaresAssignments\":");
        hash.value(&serde_json::json!(self.declares_assignments));
        // Plans without secrets keep the hash of earlier versions.
        if !self.secrets.is_empty() {
            hash.text(",\"secrets\":");
            hash.value(&serde_json::json!(self.secrets));
        }
        hash.text(",\"target\":");
        hash.value(&serde_json::json!(self.target));
        hash.text("}");
        hash.finish()
    }

    /// Unchanged declared resources of stacks that delete something: the deletes were judged with these in place.
    pub fn relied_on(&self) -> impl Iterator<Item = &PlannedChange> {
        let deletes = self.changes.iter().filter(|change| change.action == Action::Delete);
        let stacks: BTreeSet<&str> = deletes.filter_map(|change| change.stack.as_deref()).collect();
        let stands = move |change: &&PlannedChange| {
            change.action == Action::Noop
                && change.stack.as_deref().is_some_and(|stack| stacks.contains(stack))
        };
        self.changes.iter().filter(stands)
    }

    /// Whether there are errors, apart from guards.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        let wrong = |finding: &FindingEntry| finding.severity == Severity::Error && !finding.is_refusal();
        self.summary.unknown > 0 || self.summary.refused > 0 || self.findings.iter().any(wrong)
    }

    /// Whether a guard refuses it.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.findings.iter().any(FindingEntry::is_refusal)
    }
}

/// The secrets that a spec names for a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamedSecrets {
    /// The id of the resource.
    pub resource: String,
    /// Each `NAME` of its `${secret.NAME}`, sorted.
    pub names: Vec<String>,
}

/// A declared list, including an empty one: what it does not contain is not wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredList {
    /// The stack that declares it.
    pub stack: String,
    /// The kind of its elements.
    pub kind: &'static str,
    /// Its parent, or the scope that it covers; `None` for a top-level list.
    pub within: Option<ResourceId>,
}

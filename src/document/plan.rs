//! The plan document: what `--format json` prints and what `apply` executes. Versioned, self-contained, without secrets.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::access::AccessChange;
use super::cause::Cause;
use super::finding::FindingEntry;
use super::target::Target;
use crate::finding::{Code, Severity};
use crate::id::ResourceId;
use crate::source::Position;
use crate::text::json::{holds, member};

/// The version of a plan. What runs is said once in it: steps, their order and what they wait for follow from the changes.
pub const PLAN_VERSION: &str = "2.0";

/// Whether a text is a plan in JSON, of whatever version.
#[must_use]
pub(crate) fn is_plan(text: &str) -> bool {
    holds(text, &["formatVersion", "changes"]) == Some(true)
}
/// What keyless would do, and all there is to say about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Version of this format: `2.0`.
    pub format_version: String,
    /// Where it would happen.
    pub target: Target,
    /// How many changes of each sort.
    pub summary: Summary,
    /// Every declared resource, and live ones worth naming. They are all that decides what is written.
    pub changes: Vec<PlannedChange>,
    /// Ids of the accounts of which a spec declares all role assignments: what somebody made there by hand is no way in to rely on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declares_assignments: Vec<String>,
    /// The secrets that specs name for declared resources, by name: Azure shows of none which one it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<NamedSecrets>,
    /// The lists that the specs declare. No file says that: whatever it said there would be its word alone.
    #[serde(skip)]
    pub lists: Vec<DeclaredList>,
    /// Who gains and who loses the way to call models, by account.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access: Vec<AccessChange>,
    /// What there is to say, in the order of the spec's lines.
    pub findings: Vec<FindingEntry>,
    /// What could not be read.
    pub incomplete: Vec<Incomplete>,
    /// The requests made so far.
    pub requests: Requests,
    /// The writes, in an order that respects what needs what. They follow from the changes and never stand in a file.
    #[serde(skip)]
    pub steps: Vec<Step>,
    /// Hash of the target and of what the changes write. It shows damage, not authorship.
    pub fingerprint: String,
}

/// What would happen to a resource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
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
    #[default]
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

impl Action {
    /// Whether something is written.
    #[must_use]
    pub fn writes(self) -> bool {
        matches!(self, Action::Create | Action::Restore | Action::Update | Action::Delete | Action::Adopt)
    }
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

/// One change: what people read, and all that its writes follow from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlannedChange {
    /// What would happen.
    pub action: Action,
    /// The kind: `accounts`, `deployments`, `roleAssignments`.
    pub kind: String,
    /// The resource id; empty where it is not known what is meant. With `holes`, its last segment stands in for a name that
    /// follows from them.
    pub id: String,
    /// Its place in the spec, or its id where no spec declares it. Read from a file it is the id: no text in a file says what a
    /// guard is lifted for.
    pub address: String,
    /// How people name it. Read from a file it is made anew from the rest.
    pub title: String,
    /// The stack that declares it, or whose it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// Whether the stack's mark is written with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    /// The soft-deleted resource of that name which is purged first, for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge: Option<String>,
    /// Fields that are not known before other changes of this plan are done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holes: Vec<Hole>,
    /// Resource ids of other changes that it waits for, beyond what follows from ids, holes and fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// Fingerprint of the live resource that it starts from: of all that a write could overwrite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Where it is declared.
    pub source: Option<Position>,
    /// The fields that are written.
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
    /// What the file from which it was read calls it, where that is more than can be seen from the rest: hearsay.
    #[serde(skip)]
    pub called: Option<String>,
    /// How what is live differs from what is declared. Only a plan that was just made says that.
    #[serde(skip)]
    pub differs: Option<Differs>,
    /// Whether it was read from a file and not yet held against Azure: what its fields were before is hearsay then.
    #[serde(skip)]
    pub unverified: bool,
}

/// How something live differs from what is declared, whatever can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Differs {
    /// It is declared and not there.
    Missing,
    /// It is there, and not as declared.
    Changed,
    /// It is there, and no spec declares it.
    Extra,
}

/// A stack's mark on what it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// It was not there.
    Added,
    /// It was, and stays.
    Kept,
}

/// A field whose value is read from another resource once that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hole {
    /// The field.
    pub field: String,
    /// The id of the other resource.
    pub resource: String,
    /// What of it the value is.
    pub property: Property,
}

/// What a hole is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Property {
    /// The object id of its own identity.
    PrincipalId,
}

impl PlannedChange {
    /// The declared change, in spec shape: what the fields become.
    #[must_use]
    pub fn patch(&self) -> Map<String, Value> {
        patch(&self.fields)
    }
}

/// Fields as one tree in spec shape.
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
        // Only a field without a path replaces the whole, and `saved` takes none.
        _ => Map::new(),
    }
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FieldEntry {
    /// Its path in the spec, name by name.
    #[serde(with = "super::path")]
    #[schemars(with = "String")]
    pub path: Vec<String>,
    /// The live value.
    pub before: Value,
    /// The declared value: what is written. `null` clears it.
    pub after: Value,
    /// Where it is declared; absent for a default.
    pub source: Option<Position>,
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

/// One write. It follows from a change.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(test, derive(Deserialize), serde(rename_all = "camelCase"))]
pub struct Step {
    /// Which of the changes it carries out, by index.
    pub change: usize,
    /// What it does.
    pub action: StepAction,
    /// The kind of its resource.
    pub kind: String,
    /// The resource it writes. With holes, its last segment stands in for a name that is not known yet.
    pub target: String,
    /// The declared change, in spec shape.
    pub patch: Map<String, Value>,
    /// Fields of the patch that are not known before other steps have run.
    #[cfg_attr(test, serde(default))]
    pub holes: Vec<Hole>,
    /// The stack whose mark it writes.
    pub mark: Option<String>,
    /// The stack that it is for: nothing is written over the mark of another.
    #[cfg_attr(test, serde(default))]
    pub owner: Option<String>,
    /// Whether the stack's mark stood there when the plan was made, and has to stand there still.
    #[cfg_attr(test, serde(default))]
    pub marked: bool,
    /// Fingerprint of the live resource it starts from.
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

impl Plan {
    /// The hash that `fingerprint` should hold. What a reader makes anew, or what only explains, does not count.
    #[must_use]
    pub fn digest(&self) -> String {
        let bare = |change: &PlannedChange| PlannedChange {
            address: String::new(),
            title: String::new(),
            reason: None,
            caused_by: None,
            cause_unknown: None,
            ..change.clone()
        };
        let changes: Vec<PlannedChange> = self.changes.iter().map(bare).collect();
        let mut told = serde_json::json!({
            "target": self.target, "changes": changes, "declaresAssignments": self.declares_assignments,
        });
        // Plans from before there were any keep their hash.
        if !self.secrets.is_empty() {
            told["secrets"] = serde_json::json!(self.secrets);
        }
        super::hash(&told)
    }

    /// What the stacks declare, and the plan leaves as it is, of which something is deleted: what goes was judged to be replaced, or not to
    /// be needed, with these there.
    pub fn relied_on(&self) -> impl Iterator<Item = &PlannedChange> {
        let deletes = self.changes.iter().filter(|change| change.action == Action::Delete);
        let stacks: BTreeSet<&str> = deletes.filter_map(|change| change.stack.as_deref()).collect();
        let stands = move |change: &&PlannedChange| {
            change.action == Action::Noop
                && change.stack.as_deref().is_some_and(|stack| stacks.contains(stack))
        };
        self.changes.iter().filter(stands)
    }

    /// How many declared things stay when their lines go. Each has a note of its own; that there are some is always said.
    #[must_use]
    pub fn not_ours(&self) -> usize {
        let told =
            |finding: &&FindingEntry| finding.code == Code::NotOurs && finding.severity == Severity::Note;
        self.findings.iter().filter(told).count()
    }

    /// Whether something is wrong, guards left aside.
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

/// A list that a spec declares, an empty one too: what it leaves out is not wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredList {
    /// Whose spec it is.
    pub stack: String,
    /// The kind of its elements.
    pub kind: &'static str,
    /// What it stands in, or the scope for which it speaks; nothing for a list of the file itself.
    pub within: Option<ResourceId>,
}

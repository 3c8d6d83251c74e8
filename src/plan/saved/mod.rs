//! Plans that were saved: read back, checked for what a file must not say, and held against fresh live state.
//!
//! Pure. Whoever can replace the file can make its fingerprint anew, so that shows damage and not authorship. What the file says once
//! is what runs; what is shown of it is made anew from that, or told as hearsay; steps and their order are never read.

mod flaws;
mod hearsay;
#[cfg(test)]
mod spelled_tests;
#[cfg(test)]
mod tests;
mod withheld;

use std::collections::BTreeMap;

pub use hearsay::{Hearsay, leave_out_idle};

use crate::diff::{field, field_changes};
use crate::document::{Action, FindingEntry, Mark, PLAN_VERSION, Plan, PlannedChange, StepAction, Summary};
use crate::finding::{Code, Severity};
use crate::id::ResourceId;
use crate::kinds::{self, Compare, writable};
use crate::plan::predict::World;
use crate::plan::{steps, words};
use crate::rbac::Catalogue;

/// Why a file cannot be carried out as a plan.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// It is not JSON, or not all of it, or it has a name twice.
    #[error("it is not a whole JSON document: {0}")]
    Json(serde_json::Error),
    /// It is JSON, and not a plan.
    #[error("it is not a plan: {0}")]
    Shape(serde_json::Error),
    /// The run that was to make it ended before it had one.
    #[error("the run that was to write it had no plan: {0}")]
    Failed(String),
    /// It is of another format.
    #[error("it has format version `{0}`, and this keyless reads `{PLAN_VERSION}`")]
    Version(String),
    /// It was changed, or damaged, after it was made.
    #[error("its contents do not match its fingerprint: it was edited or damaged")]
    Fingerprint,
    /// It says something that no plan says.
    #[error("change {place} (`{id}`): {flaw}: it was edited, or made by another version of keyless")]
    Flaw {
        /// Which change, counted from 1.
        place: usize,
        /// Its resource.
        id: String,
        /// What is wrong with it.
        flaw: String,
    },
    /// Its changes wait for each other.
    #[error(
        "its changes wait for each other in a circle: it was edited, or made by another version of keyless"
    )]
    Circle,
}

/// Reads a saved plan.
pub fn parse(text: &str) -> Result<Plan, SavedError> {
    let value = crate::text::json::once(text).map_err(SavedError::Json)?;
    // A run that fails leaves its findings where its plan would be.
    if value.get("changes").is_none()
        && let Some(why) = value.pointer("/findings/0/message").and_then(|message| message.as_str())
    {
        return Err(SavedError::Failed(why.to_owned()));
    }
    // The version decides how the rest is to be read.
    if let Some(version) = value.get("formatVersion").and_then(|version| version.as_str())
        && version != PLAN_VERSION
    {
        return Err(SavedError::Version(version.to_owned()));
    }
    let mut plan: Plan = serde_json::from_value(value).map_err(SavedError::Shape)?;
    // The counts are what people look at first.
    if plan.fingerprint != plan.digest() || plan.summary != Summary::of(&plan.changes) {
        return Err(SavedError::Fingerprint);
    }
    if let Some((index, flaw)) = flaws::find(&plan.changes).or_else(|| withheld::find(&plan.changes)) {
        let id = plan.changes[index].id.clone();
        return Err(SavedError::Flaw { place: index + 1, id, flaw });
    }
    plan.steps = steps::steps(&plan.changes);
    if steps::are_circular(&plan.steps) {
        return Err(SavedError::Circle);
    }
    let builtin = Catalogue::default();
    for change in &mut plan.changes {
        if !change.id.is_empty() {
            change.address.clone_from(&change.id);
        }
        if change.action.writes() {
            words::rename(change, None, &builtin);
            change.reason = words::reason(change);
        }
        change.unverified = true;
    }
    Ok(plan)
}

/// What changed in Azure since the plan was made, step by step.
#[must_use]
pub fn stale(plan: &Plan, now: &World) -> Vec<FindingEntry> {
    let mut findings = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| step.action != StepAction::Purge) {
        let (Ok(id), Some(kind)) = (ResourceId::parse(&step.target), kinds::by_name(&step.kind)) else {
            continue;
        };
        let live = now.resource(&id).map(|body| crate::document::hash(&writable(kind, body)));
        let what = match (&step.base, live) {
            (base, live) if *base == live => continue,
            (None, Some(_)) => "somebody created it",
            (Some(_), None) => "it has gone",
            _ => "its settings were changed",
        };
        let why = format!("since it was made {what}");
        findings
            .insert(id, plan.changes.get(step.change).map(|change| finding(Code::GuardStale, change, &why)));
    }
    for change in plan.relied_on() {
        let Ok(id) = ResourceId::parse(&change.id) else { continue };
        let what = match now.resource(&id) {
            None => "is not there any more, or not shown",
            Some(body) if !kinds::has_succeeded(body) => "is not as Azure should have left it",
            Some(_) => continue,
        };
        let message = format!(
            "`{id}` {what}, and what the plan deletes was to go because that was there as it is declared"
        );
        findings.entry(id).or_insert_with(|| {
            Some(FindingEntry {
                hint: Some("make a new plan, look at it, and apply that".to_owned()),
                ..FindingEntry::of(Severity::Error, Code::GuardStale, message)
            })
        });
    }
    findings.into_values().flatten().collect()
}

/// What the plan deletes and a plan that is made now would leave alone, with why.
#[must_use]
pub fn spared(plan: &Plan, why: &[(usize, String)]) -> Vec<FindingEntry> {
    let told = why.iter().filter_map(|(change, why)| Some((plan.changes.get(*change)?, why)));
    told.map(|(change, why)| finding(Code::GuardStale, change, why)).collect()
}

/// Holds a plan against live state that is as it was: what its fields were before and what its changes are called is read from there,
/// and what carries another mark than the plan's stack may write is told as an error.
#[must_use]
pub fn confront(plan: &mut Plan, now: &World) -> Vec<FindingEntry> {
    let roles = Catalogue::of(now.resources.values());
    let mut findings = Vec::new();
    for change in &mut plan.changes {
        // Who changed it is for `drift` to find out; the file's word is not taken for that.
        (change.caused_by, change.cause_unknown) = (None, None);
    }
    for change in plan.changes.iter_mut().filter(|change| change.action.writes()) {
        let Some((kind, id)) = words::subject(change) else { continue };
        let live = now.resource(&id);
        words::rename(change, live, &roles);
        change.unverified = false;
        // What is brought back, or purged so that another takes its name, still says whose it was.
        let restores = change.action == Action::Restore;
        let remains = (restores || change.purge.is_some()).then(|| now.remains(&id)).flatten();
        let Some(body) = live.or(remains) else { continue };
        let differing = field_changes(kind, &change.patch(), body);
        let was = live.is_some() || restores;
        for entry in change.fields.iter_mut().filter(|_| was) {
            let unshown = field(kind, &entry.path).is_some_and(|field| field.compare == Compare::Unshown);
            let known = differing.iter().find(|field| field.path == entry.path);
            entry.before = match known {
                Some(field) => field.before.clone(),
                None if unshown => serde_json::Value::Null,
                None => entry.after.clone(),
            };
        }
        let (mark, stack) = (kind.mark(body), change.stack.as_deref());
        let ours = mark.is_some() && mark.as_deref() == stack;
        let why = match (change.action, change.mark, mark.as_deref()) {
            (_, _, Some(other)) if !ours => format!("it carries the mark of stack `{other}`"),
            (Action::Delete, ..) | (_, Some(Mark::Kept), _) if !ours => {
                "it carries no mark of a stack".to_owned()
            }
            (Action::Update | Action::Adopt, Some(Mark::Added), Some(_)) => {
                "it carries the mark already that the plan would add".to_owned()
            }
            _ => continue,
        };
        findings.push(finding(Code::ForeignMark, change, &why));
    }
    findings
}

/// How a saved plan and a fresh one differ in what they write: both are the same, or nothing is.
#[must_use]
pub fn differing(saved: &Plan, fresh: &Plan) -> Vec<FindingEntry> {
    let ids = |plan: &Plan| -> BTreeMap<ResourceId, usize> {
        let written = plan.changes.iter().enumerate().filter(|(_, change)| change.action.writes());
        written.filter_map(|(index, change)| Some((ResourceId::parse(&change.id).ok()?, index))).collect()
    };
    let (old, new) = (ids(saved), ids(fresh));
    let mut findings = Vec::new();
    for (id, index) in &old {
        let change = &saved.changes[*index];
        let why = match new.get(id).map(|index| &fresh.changes[*index]) {
            Some(now) if is_same(change, now) => continue,
            Some(_) => "the specs and Azure ask for something else now",
            None => "the specs and Azure do not ask for that now",
        };
        findings.push(finding(Code::GuardStale, change, why));
    }
    for (id, index) in &new {
        if !old.contains_key(id) {
            let change = &fresh.changes[*index];
            let what = format!("the specs and Azure ask to {} {} now", verb(change.action), change.title);
            let mut finding = finding(Code::GuardStale, change, "");
            finding.message = format!("{what}, and the plan does not hold that");
            findings.push(finding);
        }
    }
    findings
}

/// Whether two changes write the same.
fn is_same(a: &PlannedChange, b: &PlannedChange) -> bool {
    let id = |text: &Option<String>| text.as_deref().map(str::to_ascii_lowercase);
    a.action == b.action
        && a.kind == b.kind
        && a.stack == b.stack
        && a.mark == b.mark
        && id(&a.purge) == id(&b.purge)
        && a.holes == b.holes
        && a.after == b.after
        && a.base == b.base
        && a.patch() == b.patch()
}

fn verb(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Restore => "restore",
        Action::Delete => "delete",
        Action::Adopt => "adopt",
        _ => "update",
    }
}

fn finding(code: Code, change: &PlannedChange, why: &str) -> FindingEntry {
    let called = change.called.as_ref().map(|called| format!(" (called \"{called}\" in the plan)"));
    let title = format!("{}{}", change.title, called.unwrap_or_default());
    FindingEntry {
        source: change.source.clone(),
        hint: Some("make a new plan, look at it, and apply that".to_owned()),
        ..FindingEntry::of(
            Severity::Error,
            code,
            format!("the plan would {} {title}, and {why}", verb(change.action)),
        )
    }
}

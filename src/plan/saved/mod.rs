//! Saved plans: parsed, checked for contradictions, and compared with live state.
//!
//! Pure. Anyone who can replace the file can recompute its fingerprint, which therefore detects damage, not forgery. Only what the file
//! says once is executed; titles and reasons are recomputed from that or treated as hearsay; steps and their order are never read.

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
use crate::document::{
    Action, FieldEntry, FindingEntry, Mark, PLAN_VERSION, Plan, PlannedChange, StepAction, Summary,
    dotted_path,
};
use crate::finding::{Code, Severity, bounded};
use crate::id::ResourceId;
use crate::kinds::{self, settings};
use crate::plan::predict::World;
use crate::plan::{apart, steps, words};
use crate::rbac::Catalogue;

/// Why a file cannot be applied as a plan.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// It is not JSON, is truncated, or has a duplicate name.
    #[error("it is not a whole JSON document: {0}")]
    Json(serde_json::Error),
    /// It is JSON but not a plan.
    #[error("it is not a plan: {0}")]
    Shape(serde_json::Error),
    /// The run that should have made the plan failed.
    #[error("the run that wrote it failed before it had a plan: {0}")]
    Failed(String),
    /// It has another format version.
    #[error("it has format version `{0}`, but this version of keyless reads `{PLAN_VERSION}`")]
    Version(String),
    /// It was changed or damaged after it was made.
    #[error("its contents do not match its fingerprint: it was edited or damaged")]
    Fingerprint,
    /// It says something that no plan made by keyless says.
    #[error("change {place} (`{id}`): {flaw}: it was edited, or made by another version of keyless")]
    Flaw {
        /// The number of the change, counted from 1.
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
    // A failed run writes its findings instead of a plan.
    if value.get("changes").is_none()
        && let Some(why) = value.pointer("/findings/0/message").and_then(|message| message.as_str())
    {
        return Err(SavedError::Failed(why.to_owned()));
    }
    // The format version decides how to read the rest.
    if let Some(version) = value.get("formatVersion").and_then(|version| version.as_str())
        && version != PLAN_VERSION
    {
        return Err(SavedError::Version(version.to_owned()));
    }
    let mut plan: Plan = serde_json::from_value(value).map_err(SavedError::Shape)?;
    // Readers look at the counts first.
    if plan.fingerprint != plan.digest() || plan.summary != Summary::of(&plan.changes) {
        return Err(SavedError::Fingerprint);
    }
    if let Some((index, flaw)) = flaws::find(&plan.changes).or_else(|| withheld::find(&plan.changes)) {
        let id = plan.changes[index].id.clone();
        return Err(SavedError::Flaw { place: index + 1, id, flaw });
    }
    // A file may claim more than it shows.
    plan.known = plan.known.max(plan.judged());
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
    apart::distinguish(&mut plan.changes);
    Ok(plan)
}

/// What changed in Azure since the plan was made, for each step.
#[must_use]
pub fn stale(plan: &Plan, now: &World) -> Vec<FindingEntry> {
    let mut findings = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| step.action != StepAction::Purge) {
        let (Ok(id), Some(kind)) = (ResourceId::parse(&step.target), kinds::by_name(&step.kind)) else {
            continue;
        };
        let live = now.resource(&id).map(|body| crate::document::hash(&settings(kind, body)));
        let what = match (&step.base, live) {
            (base, live) if *base == live => continue,
            (None, Some(_)) => "it was created in Azure",
            (Some(_), None) => "it was deleted in Azure",
            _ => "its settings changed in Azure",
        };
        let why = format!("{what} after the plan was made");
        findings
            .insert(id, plan.changes.get(step.change).map(|change| finding(Code::GuardStale, change, &why)));
    }
    for change in plan.relied_on() {
        let Ok(id) = ResourceId::parse(&change.id) else { continue };
        let what = match now.resource(&id) {
            None => "does not exist any more, or is not shown",
            Some(body) if !kinds::has_succeeded(body) => "is not in a good state",
            Some(_) => continue,
        };
        let message = format!(
            "`{id}` {what}, and the plan deletes resources on the condition that it exists as declared"
        );
        findings.entry(id).or_insert_with(|| {
            Some(FindingEntry {
                hint: Some("make a new plan, review it, and apply that".to_owned()),
                ..FindingEntry::of(Severity::Error, Code::GuardStale, message)
            })
        });
    }
    findings.into_values().flatten().collect()
}

/// Changes of the plan that a new plan would not make like that, with the reason.
#[must_use]
pub fn spared(plan: &Plan, why: &[(usize, String)]) -> Vec<FindingEntry> {
    let stale = why.iter().filter_map(|(change, why)| Some((plan.changes.get(*change)?, why)));
    stale.map(|(change, why)| finding(Code::GuardStale, change, why)).collect()
}

/// Completes a plan from unchanged live state: earlier field values and titles are read from there. Resources with a mark of a stack other
/// than the plan's are errors.
#[must_use]
pub fn confront(plan: &mut Plan, now: &World) -> Vec<FindingEntry> {
    let roles = Catalogue::of(now.resources.values());
    let mut findings = Vec::new();
    for change in &mut plan.changes {
        // `drift` finds out who changed it; the file is not trusted for that.
        (change.caused_by, change.cause_unknown) = (None, None);
        change.omitted.clear();
        change.along.clear();
    }
    for change in plan.changes.iter_mut().filter(|change| change.action.writes()) {
        let Some((kind, id)) = words::subject(change) else { continue };
        let live = now.resource(&id);
        words::rename(change, live, &roles);
        change.unverified = false;
        // A resource that is restored, or purged to free its name, still shows who owned it.
        let restores = change.action == Action::Restore;
        let remains = (restores || change.purge.is_some()).then(|| now.remains(&id)).flatten();
        let Some(body) = live.or(remains) else { continue };
        let differing = field_changes(kind, &change.patch(), body);
        let was = live.is_some() || restores;
        for entry in change.fields.iter_mut().filter(|_| was) {
            let known = differing.iter().find(|field| field.path == entry.path);
            let unshown =
                field(kind, &entry.path).is_some_and(|field| field.compare.hides(&serde_json::Value::Null));
            entry.before = match known {
                Some(field) => field.before.clone(),
                None if unshown => serde_json::Value::Null,
                None => entry.after.clone(),
            };
        }
        let stack = change.stack.as_deref();
        let mark = kind.mark_for(body, stack);
        let ours = mark.is_some() && mark.as_deref() == stack;
        let why = match (change.action, change.mark, mark.as_deref()) {
            (_, _, Some(other)) if !ours => format!("it carries the mark of stack `{other}`"),
            (Action::Delete, ..) | (_, Some(Mark::Kept), _) if !ours => {
                "it carries no mark of a stack".to_owned()
            }
            (Action::Update | Action::Adopt, Some(Mark::Added), Some(_)) => {
                "it already carries the mark that the plan would add".to_owned()
            }
            _ => continue,
        };
        findings.push(finding(Code::ForeignMark, change, &why));
    }
    apart::distinguish(&mut plan.changes);
    findings
}

/// The differences between what a saved plan and a new one write: they must be the same, or nothing is applied.
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
            Some(now) => format!("the specs and Azure now require something else{}", unlike(change, now)),
            None => "the specs and Azure no longer require that".to_owned(),
        };
        let mut stale = finding(Code::GuardStale, change, &why);
        if !new.contains_key(id) && is_rotation(change) {
            stale.hint = Some("the plan was made with `--rotate`: pass the same `--rotate` here".to_owned());
        }
        findings.push(stale);
    }
    for (id, index) in &new {
        if !old.contains_key(id) {
            let change = &fresh.changes[*index];
            let what = format!("the specs and Azure now require to {} {}", verb(change.action), change.title);
            let mut finding = finding(Code::GuardStale, change, "");
            finding.message = format!("{what}, which is not in the plan");
            findings.push(finding);
        }
    }
    findings
}

/// Whether a change writes only what Azure never shows, which nothing but `--rotate` asks for.
fn is_rotation(change: &PlannedChange) -> bool {
    let Some(kind) = kinds::by_name(&change.kind).filter(|_| change.action == Action::Update) else {
        return false;
    };
    let is_unshown = |entry: &FieldEntry| {
        field(kind, &entry.path).is_some_and(|field| field.compare.hides(&serde_json::Value::Null))
    };
    !change.fields.is_empty() && change.fields.iter().all(is_unshown)
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

/// The first field in which two changes of a resource differ.
fn unlike(saved: &PlannedChange, fresh: &PlannedChange) -> String {
    let value = |change: &PlannedChange, path: &[String]| {
        let field = change.fields.iter().find(|field| field.path == path);
        field.map_or_else(|| "nothing".to_owned(), |field| bounded(format!("`{}`", field.after)))
    };
    let mut paths = saved.fields.iter().chain(&fresh.fields).map(|field| &field.path);
    let differs = paths.find(|path| value(saved, path) != value(fresh, path));
    differs.map_or_else(String::new, |path| {
        let (was, is) = (value(saved, path), value(fresh, path));
        format!(": `{}` {is} instead of {was}", dotted_path(path))
    })
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
        hint: Some("make a new plan, review it, and apply that".to_owned()),
        ..FindingEntry::of(
            Severity::Error,
            code,
            format!("the plan would {} {title}, but {why}", verb(change.action)),
        )
    }
}

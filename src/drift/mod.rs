//! Finds who caused drift: who last wrote, created or deleted each resource that differs, and when.
//!
//! Pure. What a live body says about its last write comes first and needs no request; for the rest the activity log is queried. Takes
//! changes, a snapshot and the log's answers; returns a [`Cause`] for each change, or why there is none. It names the last write to a
//! resource, which need not be the one that changed the field, and changes nothing else in the plan.

mod log;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use log::Log;
pub use log::{LogAnswer, LogEvent, LogQuery, PAGES};

use crate::diff::{Change, Diff, LiveMatch};
use crate::document::{Cause, Done, Evidence, FindingEntry, Plan};
use crate::finding::{Code, Severity};
use crate::id::ResourceId;
use crate::kinds::Weight;
use crate::kinds::desired::Hole;
use crate::snapshot::{Refusal, Snapshot};

/// How a live state differs from its declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// It exists and differs.
    Changed,
    /// It exists and is not declared.
    Appeared,
    /// It is declared and does not exist.
    Gone,
}

/// A resource whose last change is to be explained.
#[derive(Debug, Clone)]
struct CauseSubject {
    /// The index of the plan's change.
    change: usize,
    id: ResourceId,
    sort: Sort,
    cause: Option<Cause>,
    /// Whether only its body is asked: it does not differ.
    is_idle: bool,
}

impl CauseSubject {
    /// What is left to look for: the caller, or the caller's name if the resource only has an id.
    fn search(&self) -> Option<log::Search> {
        if self.is_idle {
            return None;
        }
        let at = match &self.cause {
            None => None,
            Some(cause) if cause.is_nameless() => Some(cause.when.parse().ok()?),
            Some(_) => return None,
        };
        Some(log::Search { id: self.id.clone(), sort: self.sort, at })
    }
}

/// All questions about who caused drift.
#[derive(Debug)]
pub struct Inquiry {
    subjects: Vec<CauseSubject>,
    /// Names of principals by object id in lower case.
    names: BTreeMap<String, String>,
}

impl Inquiry {
    /// The questions about these changes; those that bodies answer are answered at once.
    #[must_use]
    pub fn new(diff: &Diff, snapshot: &Snapshot, names: BTreeMap<String, String>) -> Self {
        let changes = diff.changes.iter().enumerate();
        let subjects = changes.filter_map(|(change, what)| subject(change, what, diff, snapshot));
        let mut inquiry = Self { subjects: subjects.collect(), names };
        for subject in &mut inquiry.subjects {
            if let Some(cause) = &mut subject.cause {
                name(cause, &inquiry.names);
            }
        }
        inquiry
    }

    /// The remaining queries to the activity log: one per resource group, and one per provider for resources outside of groups.
    #[must_use]
    pub fn queries(&self, now: Timestamp) -> Vec<LogQuery> {
        let mut places: BTreeMap<log::LogScope, Vec<log::Search>> = BTreeMap::new();
        let first = log::first(now);
        let is_kept = |search: &log::Search| search.at.is_none_or(|at| at >= first);
        for search in self.subjects.iter().filter_map(CauseSubject::search).filter(is_kept) {
            if let Some(place) = log::LogScope::of(&search.id) {
                places.entry(place).or_default().push(search);
            }
        }
        places.into_iter().map(|(place, wanted)| LogQuery::new(place, wanted, now)).collect()
    }

    /// Writes the results into a plan's changes.
    pub fn explain(mut self, answers: &[(LogQuery, LogAnswer)], plan: &mut Plan) {
        let answer = |id: &ResourceId| {
            let place = log::LogScope::of(id)?;
            answers.iter().find(|(query, _)| query.place == place).map(|(_, answer)| answer)
        };
        let logs: BTreeMap<&log::LogScope, Log> = answers
            .iter()
            .filter_map(|(query, answer)| match answer {
                LogAnswer::Read { events, .. } => Some((&query.place, Log::of(events))),
                LogAnswer::Unread(_) => None,
            })
            .collect();
        for subject in &mut self.subjects {
            let Some(search) = subject.search() else { continue };
            let log = log::LogScope::of(&search.id).and_then(|place| logs.get(&place));
            if let Some(event) = log.and_then(|log| log.find(&search)) {
                let mut cause = event.cause(&search.id);
                if let Some(known) = &subject.cause {
                    cause.done = known.done;
                }
                name(&mut cause, &self.names);
                subject.cause = Some(cause);
            }
        }
        let unexplained: BTreeSet<&ResourceId> = self
            .subjects
            .iter()
            .filter(|subject| subject.sort == Sort::Gone && subject.cause.is_none())
            .map(|subject| &subject.id)
            .collect();
        for subject in &self.subjects {
            let Some(change) = plan.changes.get_mut(subject.change) else { continue };
            // If a parent is missing too, only the parent is reported.
            let within = || log::around(&subject.id).any(|above| unexplained.contains(&above));
            if subject.cause.is_none() && !subject.is_idle && !(subject.sort == Sort::Gone && within()) {
                change.cause_unknown = Some(log::unknown(subject.sort, answer(&subject.id)));
            }
            change.caused_by.clone_from(&subject.cause);
        }
        plan.findings.extend(answers.iter().filter_map(|(query, answer)| match answer {
            LogAnswer::Unread(refusal) => Some(unread(query, refusal)),
            LogAnswer::Read { .. } => None,
        }));
        plan.findings.sort();
        plan.fingerprint = plan.digest();
    }
}

/// Callers that are known by an id only.
#[must_use]
pub fn unnamed(plan: &Plan) -> BTreeSet<Uuid> {
    let causes = plan.changes.iter().filter_map(|change| change.caused_by.as_ref());
    let unnamed = causes.filter(|cause| cause.caller_name.is_none());
    unnamed.filter_map(|cause| Uuid::try_parse(&cause.caller).ok()).collect()
}

/// Adds names of callers, by id in lower case.
pub fn name_callers(plan: &mut Plan, names: &BTreeMap<String, String>) {
    for cause in plan.changes.iter_mut().filter_map(|change| change.caused_by.as_mut()) {
        if cause.caller_name.is_none() {
            name(cause, names);
        }
    }
}

/// Reports a log that could not be read.
fn unread(query: &LogQuery, refusal: &Refusal) -> FindingEntry {
    let message = format!(
        "could not read the activity log of {}, which shows who caused the differences there",
        query.place
    );
    let hint =
        "the differences above are complete; the activity log in the Azure portal shows who wrote last";
    FindingEntry {
        cause: Some(refusal.message.clone()),
        hint: Some(refusal.hint.clone().unwrap_or_else(|| hint.to_owned())),
        ..FindingEntry::of(Severity::Note, Code::CauseUnread, message)
    }
}

fn name(cause: &mut Cause, names: &BTreeMap<String, String>) {
    cause.caller_name = names.get(&cause.caller.to_ascii_lowercase()).cloned();
}

/// The question about a change, if somebody caused it in Azure.
fn subject(change: usize, what: &Change, diff: &Diff, snapshot: &Snapshot) -> Option<CauseSubject> {
    let live = |id: &ResourceId, sort, body: &Value| CauseSubject {
        change,
        id: id.clone(),
        sort,
        cause: of_body(body, if sort == Sort::Appeared { Done::Created } else { Done::Changed }),
        is_idle: false,
    };
    match what {
        Change::Update { live: other, .. } => Some(live(&other.id, Sort::Changed, &other.body)),
        Change::NoOp { desired, live: other } if diff.omitted.contains_key(&desired.key) => {
            Some(live(&other.id, Sort::Changed, &other.body))
        }
        // Without a mark, removing its line deletes nothing. Whoever removed the mark may be the last who changed it.
        Change::NoOp { desired, live: other }
            if desired.kind.takes_mark() && desired.kind.mark(&other.body).is_none() =>
        {
            Some(CauseSubject { is_idle: true, ..live(&other.id, Sort::Changed, &other.body) })
        }
        // It carries a stack's mark, which anyone can type: its creator shows whether it is a leftover or was added by somebody else.
        Change::Delete { live: other, .. } => Some(live(&other.id, Sort::Appeared, &other.body)),
        Change::Unmanaged { live: other, weight: Weight::Drift(_) | Weight::Unknown(..), .. } => {
            Some(live(&other.id, Sort::Appeared, &other.body))
        }
        Change::Refused { found: LiveMatch::This(other), .. } => {
            Some(live(&other.id, Sort::Changed, &other.body))
        }
        Change::Create { desired, .. }
        | Change::Restore { desired, .. }
        | Change::Refused { desired, .. }
            if !desired.holes.iter().any(is_in_id) && desired.open.is_none() =>
        {
            Some(match snapshot.resource(&desired.id) {
                Some(body) => live(&desired.id, Sort::Changed, body),
                None => CauseSubject {
                    change,
                    id: desired.id.clone(),
                    sort: Sort::Gone,
                    cause: None,
                    is_idle: false,
                },
            })
        }
        _ => None,
    }
}

/// Whether the id of a resource is not known while a value is open: it is derived from its principal, and that of a Cosmos DB role from its
/// scope too.
fn is_in_id(hole: &Hole) -> bool {
    hole.reference.is_none() || hole.field == "scope"
}

/// What a resource says about its last write or its creation: mostly in `systemData`, role assignments in their properties.
fn of_body(body: &Value, done: Done) -> Option<Cause> {
    let (system, properties) = (&body["systemData"], &body["properties"]);
    let (by, at, sort, elder_by, elder_at) = match done {
        Done::Created => ("createdBy", "createdAt", "createdByType", "createdBy", "createdOn"),
        _ => ("lastModifiedBy", "lastModifiedAt", "lastModifiedByType", "updatedBy", "updatedOn"),
    };
    let said = |caller: &Value, when: &Value| {
        let (caller, when) = (caller.as_str()?, when.as_str()?);
        let when: Timestamp = when.parse().ok()?;
        (!caller.is_empty()).then(|| (caller.to_owned(), when.to_string()))
    };
    let (caller, when) =
        said(&system[by], &system[at]).or_else(|| said(&properties[elder_by], &properties[elder_at]))?;
    Some(Cause {
        done,
        caller,
        caller_name: None,
        caller_type: system[sort].as_str().map(str::to_owned),
        when,
        operation: None,
        client_ip_address: None,
        correlation_id: None,
        resource: None,
        evidence: Evidence::Resource,
    })
}

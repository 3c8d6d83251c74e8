//! Who caused a drift: who last wrote, made or deleted each resource that differs, and when.
//!
//! Pure. What a live body says of its last write comes first and costs no request; for the rest the activity log is asked, by queries
//! that are values. In: changes, snapshot, the log's answers. Out: a [`Cause`] behind each change, or why there is none. It names
//! the last write to a resource, which need not be the one that changed the field; and it changes nothing else of the plan.

mod log;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use log::Log;
pub use log::{Answer, Event, LogQuery, PAGES};

use crate::diff::{Change, Found};
use crate::document::{Cause, Done, Evidence, FindingEntry, Plan};
use crate::finding::{Code, Severity};
use crate::id::ResourceId;
use crate::kinds::Weight;
use crate::snapshot::{Refusal, Snapshot};

/// How a live state differs from what is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// It is there and differs.
    Changed,
    /// It is there and nobody declares it.
    Appeared,
    /// It is declared and not there.
    Gone,
}

/// A resource of which it is asked who did that.
#[derive(Debug, Clone)]
struct Subject {
    /// Which of the plan's changes, by index.
    change: usize,
    id: ResourceId,
    sort: Sort,
    cause: Option<Cause>,
}

impl Subject {
    /// What is left to look for: who it was, or what they are called where the resource only says an id.
    fn search(&self) -> Option<log::Search> {
        let at = match &self.cause {
            None => None,
            Some(cause) if cause.is_nameless() => Some(cause.when.parse().ok()?),
            Some(_) => return None,
        };
        Some(log::Search { id: self.id.clone(), sort: self.sort, at })
    }
}

/// All that is asked about who caused a drift.
#[derive(Debug)]
pub struct Inquiry {
    subjects: Vec<Subject>,
    /// Names of principals by object id in lower case.
    names: BTreeMap<String, String>,
}

impl Inquiry {
    /// What there is to ask about these changes; what bodies say is answered at once.
    #[must_use]
    pub fn new(changes: &[Change], snapshot: &Snapshot, names: BTreeMap<String, String>) -> Self {
        let subjects =
            changes.iter().enumerate().filter_map(|(change, what)| subject(change, what, snapshot));
        let mut inquiry = Self { subjects: subjects.collect(), names };
        for subject in &mut inquiry.subjects {
            if let Some(cause) = &mut subject.cause {
                name(cause, &inquiry.names);
            }
        }
        inquiry
    }

    /// The questions to the activity log that are left: one for each resource group, and one for each provider of what stands in none.
    #[must_use]
    pub fn queries(&self, now: Timestamp) -> Vec<LogQuery> {
        let mut places: BTreeMap<log::Place, Vec<log::Search>> = BTreeMap::new();
        let first = log::first(now);
        let is_kept = |search: &log::Search| search.at.is_none_or(|at| at >= first);
        for search in self.subjects.iter().filter_map(Subject::search).filter(is_kept) {
            if let Some(place) = log::Place::of(&search.id) {
                places.entry(place).or_default().push(search);
            }
        }
        places.into_iter().map(|(place, wanted)| LogQuery::new(place, wanted, now)).collect()
    }

    /// Writes into a plan's changes what came of it.
    pub fn tell(mut self, answers: &[(LogQuery, Answer)], plan: &mut Plan) {
        let answer = |id: &ResourceId| {
            let place = log::Place::of(id)?;
            answers.iter().find(|(query, _)| query.place == place).map(|(_, answer)| answer)
        };
        let logs: BTreeMap<&log::Place, Log> = answers
            .iter()
            .filter_map(|(query, answer)| match answer {
                Answer::Read { events, .. } => Some((&query.place, Log::of(events))),
                Answer::Unread(_) => None,
            })
            .collect();
        for subject in &mut self.subjects {
            let Some(search) = subject.search() else { continue };
            let log = log::Place::of(&search.id).and_then(|place| logs.get(&place));
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
            // What is missing with all that it was in is said once.
            let within = || log::around(&subject.id).any(|above| unexplained.contains(&above));
            if subject.cause.is_none() && !(subject.sort == Sort::Gone && within()) {
                change.cause_unknown = Some(log::unknown(subject.sort, answer(&subject.id)));
            }
            change.caused_by.clone_from(&subject.cause);
        }
        plan.findings.extend(answers.iter().filter_map(|(query, answer)| match answer {
            Answer::Unread(refusal) => Some(unread(query, refusal)),
            Answer::Read { .. } => None,
        }));
        plan.findings.sort();
        plan.fingerprint = plan.digest();
    }
}

/// That a log could not be read.
fn unread(query: &LogQuery, refusal: &Refusal) -> FindingEntry {
    let message = format!(
        "the activity log of {} could not be read: it would tell who caused what differs there",
        query.place
    );
    let hint = "what differs is as said; the activity log in Azure's portal shows who wrote last";
    FindingEntry {
        cause: Some(refusal.message.clone()),
        hint: Some(refusal.hint.clone().unwrap_or_else(|| hint.to_owned())),
        ..FindingEntry::of(Severity::Note, Code::CauseUnread, message)
    }
}

fn name(cause: &mut Cause, names: &BTreeMap<String, String>) {
    cause.caller_name = names.get(&cause.caller.to_ascii_lowercase()).cloned();
}

/// What is asked about a change, if it is one that somebody caused in Azure.
fn subject(change: usize, what: &Change, snapshot: &Snapshot) -> Option<Subject> {
    let live = |id: &ResourceId, sort, body: &Value| Subject {
        change,
        id: id.clone(),
        sort,
        cause: of_body(body, if sort == Sort::Appeared { Done::Created } else { Done::Changed }),
    };
    match what {
        Change::Update { live: other, .. } => Some(live(&other.id, Sort::Changed, &other.body)),
        // It carries a stack's mark, which anybody can type: who made it tells what is left over from what somebody slipped in.
        Change::Delete { live: other, .. } => Some(live(&other.id, Sort::Appeared, &other.body)),
        Change::Unmanaged { live: other, weight: Weight::Drift(_) | Weight::Unknown(..), .. } => {
            Some(live(&other.id, Sort::Appeared, &other.body))
        }
        Change::Refused { found: Found::This(other), .. } => Some(live(&other.id, Sort::Changed, &other.body)),
        Change::Create { desired, .. } | Change::Restore { desired, .. } | Change::Refused { desired, .. }
            // While it is not known who is meant, neither is the id.
            if desired.hole.is_none() && desired.open.is_none() =>
        {
            Some(match snapshot.resource(&desired.id) {
                Some(body) => live(&desired.id, Sort::Changed, body),
                None => Subject { change, id: desired.id.clone(), sort: Sort::Gone, cause: None },
            })
        }
        _ => None,
    }
}

/// What a resource says of its own last write or of its making: most in `systemData`, role assignments among their properties.
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

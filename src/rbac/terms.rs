//! How long role assignments last, according to Azure's `roleAssignmentScheduleInstances`.
//!
//! Pure, and the only place that decides this, for plan, drift, guards and apply. Each instance is one schedule of Privileged Identity
//! Management and names the resulting assignment; permanent assignments are listed too, without an end
//! (<https://learn.microsoft.com/rest/api/authorization/role-assignment-schedule-instances/list-for-scope>). Two assignments of the same
//! scope, principal and role are independent. Conflicting instances of one assignment leave it undecided: guards then assume that it ends,
//! and other callers report that it is not known.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde_json::{Value, json};

use crate::id::ResourceId;

/// The durations of assignments, from instances; an assignment without an instance is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms(BTreeMap<ResourceId, Term>);

/// How long one assignment lasts, by all instances that name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    holds: BTreeSet<Hold>,
    end: EndTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hold {
    /// Permanently.
    Lasts,
    /// Somebody assigned it with an end.
    Given,
    /// Somebody activated it.
    Activated,
}

/// When it ends, in Azure's words and parsed if possible.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct EndTime {
    text: Option<String>,
    at: Option<Timestamp>,
}

/// The end in an instance: any value counts as one, parsable or not.
fn end_of(properties: &Value) -> Option<String> {
    match &properties["endDateTime"] {
        Value::Null => None,
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Parses a time from Azure; without a time zone it is UTC.
fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Offset::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok())
}

impl Hold {
    fn of(properties: &Value) -> Self {
        let kind = properties["assignmentType"].as_str().unwrap_or_default();
        match end_of(properties) {
            _ if kind.eq_ignore_ascii_case("Activated") => Self::Activated,
            Some(_) => Self::Given,
            None => Self::Lasts,
        }
    }
}

impl Term {
    fn of(properties: &Value) -> Self {
        let text = end_of(properties);
        let end = EndTime { at: text.as_deref().and_then(moment), text };
        Self { holds: BTreeSet::from([Hold::of(properties)]), end }
    }

    /// Combines it with another instance: it lasts until the later end, or an unknown time if either end is unknown.
    fn add(&mut self, other: Self) {
        let later = match (self.ends(), other.ends()) {
            (false, true) => true,
            (true, true) => self.end.at.is_some_and(|at| other.end.at.is_none_or(|other| at < other)),
            _ => false,
        };
        if later {
            self.end = other.end;
        }
        self.holds.extend(other.holds);
    }

    /// Whether it ends, according to any instance.
    #[must_use]
    pub fn ends(&self) -> bool {
        self.holds.iter().any(|hold| *hold != Hold::Lasts)
    }

    /// Whether its instances conflict.
    #[must_use]
    pub fn is_contradicted(&self) -> bool {
        self.holds.len() > 1
    }

    /// Whether it is only activated, by all instances.
    #[must_use]
    pub fn is_activated(&self) -> bool {
        self.holds.iter().eq([&Hold::Activated])
    }

    /// When it ends, as Azure wrote it.
    #[must_use]
    pub fn until(&self) -> Option<&str> {
        self.end.text.as_deref().filter(|_| self.ends())
    }

    /// When it ends, if known.
    #[must_use]
    pub fn end(&self) -> Option<Timestamp> {
        self.end.at.filter(|_| self.ends())
    }
}

/// Its description, to follow "an assignment".
impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.holds.iter().map(|hold| match hold {
            Hold::Lasts => "that is permanent",
            Hold::Given => "that somebody assigned with an end",
            Hold::Activated => "that somebody activated",
        });
        f.write_str(&words.collect::<Vec<_>>().join(" and as one "))
    }
}

impl Terms {
    /// The part of an instance that says how long an assignment lasts: there may be as many instances as assignments.
    #[must_use]
    pub fn project(mut instance: Value) -> Value {
        let said = |name: &str, value: &Value| {
            ["originRoleAssignmentId", "assignmentType", "endDateTime"].contains(&name) && !value.is_null()
        };
        let mut properties = instance.get_mut("properties").map(Value::take).unwrap_or_default();
        if let Some(properties) = properties.as_object_mut() {
            properties.retain(|name, value| said(name, value));
        }
        json!({ "properties": properties })
    }

    /// The durations in these bodies, as far as they are instances.
    pub fn of<'b>(bodies: impl IntoIterator<Item = &'b Value>) -> Self {
        let mut terms = Self::default();
        for body in bodies {
            let properties = &body["properties"];
            let Some(origin) = properties["originRoleAssignmentId"].as_str() else { continue };
            let Ok(assignment) = ResourceId::parse(origin) else { continue };
            let term = Term::of(properties);
            match terms.0.get_mut(&assignment) {
                Some(known) => known.add(term),
                None => _ = terms.0.insert(assignment, term),
            }
        }
        terms
    }

    /// The duration of an assignment, if known.
    #[must_use]
    pub fn get(&self, assignment: &ResourceId) -> Option<&Term> {
        self.0.get(assignment)
    }

    /// The duration of an assignment, if it ends.
    #[must_use]
    pub fn ending(&self, assignment: &ResourceId) -> Option<&Term> {
        self.get(assignment).filter(|term| term.ends())
    }

    /// Whether an assignment is known to be permanent.
    #[must_use]
    pub fn lasts(&self, assignment: &ResourceId) -> bool {
        self.get(assignment).is_some_and(|term| !term.ends())
    }

    /// The unparsable assignment id in an instance that has an end.
    #[must_use]
    pub fn unnamed(instance: &Value) -> Option<&str> {
        let properties = &instance["properties"];
        let origin = properties["originRoleAssignmentId"].as_str().unwrap_or_default();
        (Hold::of(properties) != Hold::Lasts && ResourceId::parse(origin).is_err()).then_some(origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASSIGNMENT: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/providers/Microsoft.Authorization/roleAssignments/a";

    fn instance(kind: &str, end: Option<&str>) -> Value {
        json!({"properties": {"originRoleAssignmentId": ASSIGNMENT, "assignmentType": kind, "endDateTime": end}})
    }

    /// Whether it ends, whether that is contradicted, and when it ends.
    fn said(instances: &[Value]) -> (bool, bool, Option<String>) {
        let terms = Terms::of(instances);
        let id = ResourceId::parse(&ASSIGNMENT.to_uppercase().replace("/SUBSCRIPTIONS", "/subscriptions"));
        let id = id.unwrap();
        let term = terms.get(&id).unwrap();
        assert_eq!(terms.lasts(&id), !term.ends());
        (term.ends(), term.is_contradicted(), term.until().map(str::to_owned))
    }

    #[test]
    fn of_two_words_on_one_assignment_the_less_safe_one_counts_whichever_comes_first() {
        const EARLY: Option<&str> = Some("2026-11-20T06:00:00Z");
        const LATE: Option<&str> = Some("2026-11-20T06:00:00.0000000-02:00");
        let lasts = instance("Assigned", None);
        let rows = [
            (vec![lasts.clone()], (false, false, None)),
            (vec![lasts.clone(), lasts.clone()], (false, false, None)),
            (vec![instance("Activated", EARLY)], (true, false, EARLY)),
            (vec![instance("activated", None)], (true, false, None)),
            (vec![instance("Assigned", EARLY)], (true, false, EARLY)),
            (vec![lasts.clone(), instance("Activated", EARLY)], (true, true, EARLY)),
            (vec![lasts.clone(), instance("Assigned", EARLY)], (true, true, EARLY)),
            (vec![lasts, instance("Activated", None)], (true, true, None)),
            (vec![instance("Assigned", EARLY), instance("Activated", LATE)], (true, true, LATE)),
            (vec![instance("Activated", EARLY), instance("Activated", LATE)], (true, false, LATE)),
            (vec![instance("Activated", EARLY), instance("Activated", None)], (true, false, None)),
            (
                vec![instance("Activated", EARLY), instance("Activated", Some("soon"))],
                (true, false, Some("soon")),
            ),
        ];
        for (instances, (ends, contradicted, until)) in rows {
            let expected = (ends, contradicted, until.map(str::to_owned));
            assert_eq!(said(&instances), expected, "{instances:?}");
            let reversed: Vec<Value> = instances.iter().rev().cloned().collect();
            assert_eq!(said(&reversed), expected, "{reversed:?}");
        }
    }

    #[test]
    fn whatever_stands_as_an_end_is_one_and_a_time_without_zone_is_of_utc() {
        let term = |end: Value| {
            let instance = json!({"properties": {"originRoleAssignmentId": ASSIGNMENT, "assignmentType": "Assigned", "endDateTime": end}});
            Terms::of([&instance]).get(&ResourceId::parse(ASSIGNMENT).unwrap()).unwrap().clone()
        };
        for end in [json!(null), json!(""), json!(" ")] {
            assert!(!term(end.clone()).ends(), "{end}");
        }
        for end in [json!(123), json!(false), json!({}), json!("soon")] {
            let term = term(end.clone());
            assert!(term.ends() && term.end().is_none() && term.until().is_some(), "{end}");
        }
        let at = term(json!("2026-11-20T06:00:00")).end();
        assert_eq!(at, Some("2026-11-20T06:00:00Z".parse().unwrap()));
    }

    #[test]
    fn what_ends_and_does_not_say_what_it_is_may_be_anything() {
        let of = |origin: Value, kind: &str| {
            let instance = json!({"properties": {"originRoleAssignmentId": origin, "assignmentType": kind}});
            Terms::unnamed(&instance).map(str::to_owned)
        };
        assert_eq!(of(json!(null), "Activated").as_deref(), Some(""));
        assert_eq!(of(json!("soon"), "Activated").as_deref(), Some("soon"));
        assert_eq!(of(json!(ASSIGNMENT), "Activated"), None);
        assert_eq!(of(json!(null), "Assigned"), None);
    }
}

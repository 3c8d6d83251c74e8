//! Queries to Privileged Identity Management for how long assignments last, and what remains unknown afterwards.
//!
//! Pure. At a scope, `$filter=atScope()` returns schedules there and above; without a filter, a subscription's list also returns those
//! below (<https://learn.microsoft.com/powershell/module/az.resources/get-azroleassignmentscheduleinstance>, first example). If more than
//! one scope of a subscription is in doubt, its list is queried once; if that is not allowed, each scope by itself. An assignment missing
//! from that list is not assumed to be permanent: it is then queried at its own scope.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{Beside, ResourceId};
use crate::rbac::Terms;
use crate::snapshot::{Answer, Query, Refusal, Shape, Snapshot};

/// An assignment whose duration matters, and the scope whose list shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Doubt {
    pub(crate) at: ResourceId,
    pub(crate) assignment: ResourceId,
}

const LIST: &str =
    "/providers/Microsoft.Authorization/roleAssignmentScheduleInstances?api-version=2020-10-01";
const AT_SCOPE: &str = "&$filter=atScope()";
const UNNAMED: &str = "an item of the list does not say which assignment ends";

/// The query for schedules at a scope and above.
pub(crate) fn at(scope: &ResourceId) -> Query {
    let mut query = within(scope);
    query.path.push_str(AT_SCOPE);
    query
}

/// The query for schedules at a subscription, above and below.
fn within(subscription: &ResourceId) -> Query {
    Query {
        path: format!("{}{LIST}", subscription.as_str().trim_end_matches('/')),
        shape: Shape::Schedules,
        scope: subscription.clone(),
        project: Terms::project,
    }
}

impl Doubt {
    fn subscription(&self) -> Option<ResourceId> {
        self.at.subscription_id().map(ResourceId::subscription)
    }

    /// The answer of the subscription's list, if it was queried and is allowed.
    fn whole<'a>(&self, snapshot: &'a Snapshot) -> Option<&'a Answer> {
        let answer = snapshot.get(&within(&self.subscription()?))?;
        (!matches!(answer, Answer::Denied(_))).then_some(answer)
    }

    /// Whether no further query can help.
    fn is_settled(&self, snapshot: &Snapshot) -> bool {
        snapshot.terms().get(&self.assignment).is_some()
            || snapshot.get(&at(&self.at)).is_some()
            || self.whole(snapshot).is_some_and(|answer| !matches!(answer, Answer::Found(_)))
    }

    /// Why it is not known whether the assignment is temporary, as far as that was queried.
    pub(crate) fn unread(&self, snapshot: &Snapshot) -> Option<Refusal> {
        if let Some(term) = snapshot.terms().get(&self.assignment) {
            return term.is_contradicted().then(|| Refusal {
                message: format!("`roleAssignmentScheduleInstances` shows {} as one {term}", self.assignment),
                hint: Some(
                    "Azure contradicts itself: check the portal, under Privileged Identity Management"
                        .to_owned(),
                ),
            });
        }
        let query = at(&self.at);
        match (snapshot.get(&query), self.whole(snapshot)) {
            (Some(answer), _) => gap(&query, answer, Some(&self.assignment)),
            (None, Some(answer)) => answer.refusal().cloned(),
            (None, None) => None,
        }
    }
}

/// The queries that are still open.
pub(crate) fn open(doubts: impl IntoIterator<Item = Doubt>, snapshot: &Snapshot) -> Vec<Query> {
    let mut near: BTreeMap<Option<ResourceId>, BTreeSet<ResourceId>> = BTreeMap::new();
    for doubt in doubts.into_iter().filter(|doubt| !doubt.is_settled(snapshot)) {
        near.entry(doubt.subscription()).or_default().insert(doubt.at);
    }
    let mut queries = Vec::new();
    for (subscription, scopes) in near {
        let whole = subscription.filter(|_| scopes.len() > 1).map(|subscription| within(&subscription));
        match whole.filter(|whole| snapshot.get(whole).is_none()) {
            Some(whole) => queries.push(whole),
            None => queries.extend(scopes.iter().map(at)),
        }
    }
    queries
}

/// Why an answer does not show which assignments are temporary, or whether this one is. Items that certainly belong elsewhere do not count.
fn gap(query: &Query, answer: &Answer, assignment: Option<&ResourceId>) -> Option<Refusal> {
    let may_be = |text: &str| assignment.is_none_or(|id| id.beside(text) != Beside::Elsewhere);
    match answer {
        Answer::Found(items) if items.iter().any(|item| Terms::unnamed(item).is_some_and(may_be)) => {
            Some(Refusal { message: format!("GET {}: {UNNAMED}", query.path), hint: None })
        }
        answer => answer.refusal().cloned(),
    }
}

/// The schedules that could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unscheduled {
    /// Scopes whose own list was refused, with the reason.
    pub at: BTreeMap<ResourceId, String>,
    /// Subscriptions whose list failed, so that their scopes were not queried, with the reason.
    pub within: BTreeMap<ResourceId, String>,
}

impl Unscheduled {
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let mut unread = Self::default();
        for (path, scope, answer) in snapshot.answers().filter(|(path, ..)| path.contains(LIST)) {
            if path.ends_with(AT_SCOPE) {
                let gap = gap(&at(scope), answer, None);
                unread.at.extend(gap.map(|refusal| (scope.clone(), refusal.message)));
            } else if let Answer::Failed(refusal) = answer {
                unread.within.insert(scope.clone(), refusal.message.clone());
            }
        }
        unread
    }

    /// Why the schedules at a scope could not be read; `None` if they could.
    #[must_use]
    pub fn why(&self, scope: &ResourceId) -> Option<&str> {
        let whole = || self.within.get(&ResourceId::subscription(scope.subscription_id()?));
        self.at.get(scope).or_else(whole).map(String::as_str)
    }
}

/// The schedules in the items of a scope's list, or why they cannot be used.
pub(crate) fn terms(items: &[serde_json::Value]) -> Result<Terms, &'static str> {
    if items.iter().any(|item| Terms::unnamed(item).is_some()) { Err(UNNAMED) } else { Ok(Terms::of(items)) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const SUBSCRIPTION: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11";

    fn id(text: &str) -> ResourceId {
        ResourceId::parse(text).unwrap()
    }

    fn account(name: &str) -> ResourceId {
        id(&format!("{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/{name}"))
    }

    fn doubt(name: &str) -> Doubt {
        let at = account(name);
        let assignment = at.provider("Microsoft.Authorization/roleAssignments", "a");
        Doubt { at, assignment }
    }

    fn instance(doubt: &Doubt, kind: &str, end: Option<&str>) -> Value {
        let origin = doubt.assignment.as_str();
        json!({"properties": {"originRoleAssignmentId": origin, "assignmentType": kind, "endDateTime": end}})
    }

    fn asked(doubts: &[Doubt], snapshot: &Snapshot) -> Vec<Query> {
        open(doubts.iter().cloned(), snapshot)
    }

    fn refusal() -> Refusal {
        Refusal { message: "GET x: no".to_owned(), hint: None }
    }

    #[test]
    fn one_scope_is_asked_by_itself_and_several_by_the_list_of_their_subscription() {
        let nothing = Snapshot::default();
        let (a, b) = (doubt("a"), doubt("b"));
        assert_eq!(asked(std::slice::from_ref(&a), &nothing), [at(&a.at)]);
        assert_eq!(asked(&[a.clone(), a.clone()], &nothing), [at(&a.at)]);
        assert_eq!(asked(&[a.clone(), b.clone()], &nothing), [within(&id(SUBSCRIPTION))]);
        // No subscription's list includes what is above subscriptions.
        let above = |name: &str| Doubt {
            at: id(&format!("/providers/Microsoft.Management/managementGroups/{name}")),
            assignment: a.assignment.clone(),
        };
        let two = [above("x"), above("y")];
        assert_eq!(asked(&two, &nothing), [at(&two[0].at), at(&two[1].at)]);
    }

    #[test]
    fn what_the_list_of_the_subscription_does_not_tell_is_asked_where_it_stands() {
        let (a, b) = (doubt("a"), doubt("b"));
        let both = [a.clone(), b.clone()];
        let each = [at(&a.at), at(&b.at)];
        let unnamed = json!({"properties": {"assignmentType": "Activated"}});
        let absent = || Answer::Absent { code: "AadPremiumLicenseRequired".to_owned() };
        let rows: [(&str, Answer, &[Query], [bool; 2]); 7] = [
            (
                "names both",
                Answer::found([instance(&a, "Activated", None), instance(&b, "Assigned", None)]),
                &[],
                [false; 2],
            ),
            ("names one", Answer::found([instance(&a, "Assigned", None)]), &each[1..], [false; 2]),
            ("names none", Answer::found([]), &each, [false; 2]),
            (
                "is unclear about one",
                Answer::found([instance(&a, "Assigned", None), unnamed]),
                &each[1..],
                [false; 2],
            ),
            ("is refused", Answer::Denied(refusal()), &each, [false; 2]),
            ("failed", Answer::Failed(refusal()), &[], [true; 2]),
            ("is not there", absent(), &[], [false; 2]),
        ];
        for (what, answer, more, unread) in rows {
            let mut snapshot = Snapshot::default();
            snapshot.insert(&within(&id(SUBSCRIPTION)), answer);
            assert_eq!(asked(&both, &snapshot), more, "{what}");
            assert_eq!(both.each_ref().map(|doubt| doubt.unread(&snapshot).is_some()), unread, "{what}");
            let unscheduled = Unscheduled::of(&snapshot);
            assert_eq!(both.each_ref().map(|doubt| unscheduled.why(&doubt.at).is_some()), unread, "{what}");
            // A caller that is not allowed to read that either cannot know.
            for query in more {
                snapshot.insert(query, Answer::Denied(refusal()));
            }
            assert!(asked(&both, &snapshot).is_empty(), "{what}");
            let refused = both.each_ref().map(|doubt| more.contains(&at(&doubt.at)) || unread[0]);
            assert_eq!(both.each_ref().map(|doubt| doubt.unread(&snapshot).is_some()), refused, "{what}");
            let unscheduled = Unscheduled::of(&snapshot);
            assert_eq!(both.each_ref().map(|doubt| unscheduled.why(&doubt.at).is_some()), refused, "{what}");
        }
    }

    #[test]
    fn what_is_said_twice_and_not_alike_is_not_known() {
        let a = doubt("a");
        let mut snapshot = Snapshot::default();
        let said = [instance(&a, "Assigned", None), instance(&a, "Activated", Some("2030-01-01T00:00:00Z"))];
        snapshot.insert(&at(&a.at), Answer::found(said));
        assert!(asked(std::slice::from_ref(&a), &snapshot).is_empty());
        let message = a.unread(&snapshot).unwrap().message;
        assert!(
            message.ends_with("as one that is permanent and as one that somebody activated"),
            "{message}"
        );
    }
}

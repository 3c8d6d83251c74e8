//! The table of role assignments, found by name and in the order of scopes.
//!
//! Names are unique in a tenant; lists go by scope. Like `table`, it knows what was changed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::RoleAssignment;
use super::table::{Journaled, object};

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "Vec<RoleAssignment>")]
pub(crate) struct RoleAssignments {
    /// By `scope`, a space, `name`, all lower case: sorted as lists are, and a page token.
    by_place: BTreeMap<String, RoleAssignment>,
    /// Place of each name.
    places: BTreeMap<String, String>,
    marked: BTreeSet<String>,
}

impl PartialEq for RoleAssignments {
    fn eq(&self, other: &Self) -> bool {
        self.by_place == other.by_place
    }
}

impl From<Vec<RoleAssignment>> for RoleAssignments {
    fn from(list: Vec<RoleAssignment>) -> Self {
        let mut all = Self::default();
        for assignment in list {
            all.put(assignment);
        }
        all
    }
}

impl Serialize for RoleAssignments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.by_place.values())
    }
}

impl RoleAssignments {
    fn put(&mut self, assignment: RoleAssignment) {
        let name = assignment.name.to_lowercase();
        self.take(&name);
        let place = format!("{} {name}", assignment.scope.to_lowercase());
        self.places.insert(name, place.clone());
        self.by_place.insert(place, assignment);
    }

    fn take(&mut self, name: &str) -> Option<RoleAssignment> {
        let place = self.places.remove(name)?;
        self.by_place.remove(&place)
    }

    pub(crate) fn insert(&mut self, assignment: RoleAssignment) {
        self.marked.insert(assignment.name.to_lowercase());
        self.put(assignment);
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<RoleAssignment> {
        let name = name.to_lowercase();
        let removed = self.take(&name)?;
        self.marked.insert(name);
        Some(removed)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&RoleAssignment> {
        self.by_place.get(self.places.get(&name.to_lowercase())?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &RoleAssignment> {
        self.by_place.values()
    }

    /// Assignments at exactly this scope that come after a place, with their places.
    pub(crate) fn at<'a>(
        &'a self,
        scope: &str,
        after: Option<&str>,
    ) -> impl Iterator<Item = (&'a str, &'a RoleAssignment)> + use<'a> {
        self.range(format!("{scope} ").to_lowercase(), after)
    }

    /// Assignments below this scope that come after a place, with their places.
    pub(crate) fn below<'a>(
        &'a self,
        scope: &str,
        after: Option<&str>,
    ) -> impl Iterator<Item = (&'a str, &'a RoleAssignment)> + use<'a> {
        // Assignments of the tenant are at "/ name", which the prefix "/" covers too.
        self.range(format!("{}/", scope.trim_end_matches('/')).to_lowercase(), after)
            .filter(|(place, _)| !place.starts_with("/ "))
    }

    fn range(
        &self,
        prefix: String,
        after: Option<&str>,
    ) -> impl Iterator<Item = (&str, &RoleAssignment)> + use<'_> {
        let from = match after.filter(|after| *after > prefix.as_str()) {
            Some(after) => Bound::Excluded(after),
            None => Bound::Included(prefix.as_str()),
        };
        let found = self.by_place.range::<str, _>((from, Bound::Unbounded));
        found
            .take_while(move |(place, _)| place.starts_with(prefix.as_str()))
            .map(|(place, assignment)| (place.as_str(), assignment))
    }
}

impl Journaled for RoleAssignments {
    fn marks(&self) -> usize {
        self.marked.len()
    }

    fn forget_marks(&mut self) {
        self.marked.clear();
    }

    fn drain(&mut self) -> String {
        let marked = std::mem::take(&mut self.marked);
        object(marked.iter().map(|name| (name.as_str(), self.get(name))))
    }

    fn apply(&mut self, key: String, value: Value) -> Result<(), serde_json::Error> {
        if value.is_null() {
            self.take(&key);
        } else {
            self.put(serde_json::from_value(value)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn assignment(scope: &str, name: &str) -> RoleAssignment {
        serde_json::from_value(json!({
            "name": name, "scope": scope, "role": "r", "principalId": "p", "principalType": "User",
            "createdOn": "", "updatedOn": "", "createdBy": "", "updatedBy": "",
        }))
        .unwrap()
    }

    #[test]
    fn scopes_are_listed_in_order_and_from_any_place_on() {
        let mut all = RoleAssignments::default();
        for (scope, name) in
            [("/S/b", "1"), ("/s", "2"), ("/s/a/x", "3"), ("/s/a", "4"), ("/", "5"), ("/sx", "6")]
        {
            all.insert(assignment(scope, name));
        }
        let names = |found: Vec<(&str, &RoleAssignment)>| {
            found.iter().map(|(_, assignment)| assignment.name.clone()).collect::<Vec<_>>().concat()
        };
        assert_eq!(names(all.at("/s", None).collect()), "2");
        assert_eq!(names(all.below("/s", None).collect()), "431");
        assert_eq!(names(all.below("/s", Some("/s/a 4")).collect()), "31");
        assert_eq!(names(all.below("/s", Some("/s 2")).collect()), "431");
        assert_eq!(names(all.below("/s", Some("/t")).collect()), "");
        assert_eq!(names(all.below("/", None).collect()), "24316");
    }

    #[test]
    fn a_journal_of_changes_makes_another_equal() {
        let mut all = RoleAssignments::default();
        all.insert(assignment("/s", "A"));
        all.insert(assignment("/s", "b"));
        all.insert(assignment("/t", "a"));
        all.remove("B");
        let mut copy = RoleAssignments::default();
        let line: BTreeMap<String, Value> = serde_json::from_str(&all.drain()).unwrap();
        for (key, value) in line {
            copy.apply(key, value).unwrap();
        }
        assert_eq!(all, copy);
        assert_eq!((copy.get("A").unwrap().scope.as_str(), all.marks()), ("/t", 0));
    }
}

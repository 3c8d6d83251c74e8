//! Which subscriptions belong to one part: those between which a spec reaches.
//!
//! Pure. A stack may give a role at a scope of another subscription, and guards judge everybody who has access there. Every part loads all
//! specs, so each comes to the same answer.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::id::ResourceId;
use crate::spec::Loaded;

/// The members of a spec by which a stack reaches into other subscriptions.
const REACHING: [&str; 6] =
    ["scope", "databaseAccount", "managedIdentity", "accountIdentity", "projectIdentity", "resourceIdentity"];

/// Subscriptions, each with a smaller one of the same part. The smallest one of a part names it.
#[derive(Debug, Default)]
pub(super) struct Parts(BTreeMap<String, String>);

impl Parts {
    pub(super) fn of<'l>(stacks: impl Iterator<Item = &'l Loaded>) -> Self {
        let mut parts = Self::default();
        for loaded in stacks {
            parts.reach(&loaded.spec.subscription, &loaded.document.tree);
        }
        parts
    }

    /// The subscription that names the part of this one.
    pub(super) fn name(&self, subscription: &str) -> String {
        let mut name = subscription.to_ascii_lowercase();
        while let Some(smaller) = self.0.get(&name) {
            name.clone_from(smaller);
        }
        name
    }

    /// Joins a subscription with all that a part of its spec names.
    fn reach(&mut self, own: &str, tree: &Value) {
        match tree {
            Value::Object(members) => {
                for (member, value) in members {
                    match value.as_str() {
                        Some(id) if REACHING.contains(&member.as_str()) => self.join(own, id),
                        _ => self.reach(own, value),
                    }
                }
            }
            Value::Array(elements) => elements.iter().for_each(|element| self.reach(own, element)),
            _ => {}
        }
    }

    fn join(&mut self, own: &str, id: &str) {
        let Ok(id) = ResourceId::parse(id) else { return };
        let Some(other) = id.subscription_id() else { return };
        let (one, other) = (self.name(own), self.name(other));
        if one != other {
            let (smaller, larger) = if one < other { (one, other) } else { (other, one) };
            self.0.insert(larger, smaller);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Parts;

    #[test]
    fn subscriptions_that_reach_each_other_are_one_part_in_whatever_order() {
        let id = |number: usize| format!("0000000A-0000-4000-8000-{number:012}");
        let reached = |own: usize, other: usize| {
            let scope = format!("/subscriptions/{}/resourceGroups/rg", id(other));
            (id(own), json!({"roleAssignments": [{"scope": scope, "principals": [{"user": "a@b.c"}]}]}))
        };
        let mut links = vec![reached(5, 3), reached(3, 9), reached(7, 8), reached(2, 9)];
        for _ in 0..links.len() {
            let mut parts = Parts::default();
            for (own, tree) in &links {
                parts.reach(own, tree);
            }
            let names: Vec<String> = (1..10).map(|number| parts.name(&id(number))).collect();
            let expected = [1, 2, 2, 4, 2, 6, 7, 7, 2].map(|number| id(number).to_lowercase());
            assert_eq!(names, expected);
            links.rotate_left(1);
        }
    }

    #[test]
    fn targets_of_connections_and_scopes_above_subscriptions_join_nothing() {
        let mut parts = Parts::default();
        let other = "/subscriptions/00000000-0000-4000-8000-000000000000/resourceGroups/rg";
        let tree = json!({
            "roleAssignments": [{"scope": "/providers/Microsoft.Management/managementGroups/mg"}, {"scope": "subscription"}],
            "connections": [{"metadata": {"ResourceId": other}}],
        });
        parts.reach("b", &tree);
        assert_eq!(parts.name("B"), "b");
    }
}

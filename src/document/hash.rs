//! Fingerprints.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The SHA-256 of a value's JSON with sorted members.
pub(crate) fn hash(value: &Value) -> String {
    let mut hashing = Hashing::default();
    hashing.value(value);
    hashing.finish()
}

/// The same of a document that is told in parts.
#[derive(Default)]
pub(super) struct Hashing(Sha256);

impl Hashing {
    pub(super) fn text(&mut self, text: &str) {
        self.0.update(text);
    }

    pub(super) fn value(&mut self, value: &Value) {
        self.0.update(value.to_string());
    }

    pub(super) fn finish(self) -> String {
        let digest = self.0.finalize();
        digest.iter().fold(String::from("sha256:"), |text, byte| text + &format!("{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::hash;
    use crate::document::{NamedSecrets, PLAN_VERSION, Plan, Summary};

    #[test]
    fn a_plan_that_is_told_in_parts_has_the_hash_of_the_whole() {
        let change = |name: &str| {
            json!({
                "action": "create", "kind": "deployments", "id": format!("/subscriptions/s/x/{name}"), "address": "", "title": "",
                "stack": "ä\"b", "source": null, "fields": [{"path": "tags", "before": null, "after": {"b": 1, "a": [2.5]}}],
            })
        };
        for count in 0..3 {
            let changes: Vec<Value> = ["one", "two"].into_iter().take(count).map(change).collect();
            let told = json!({
                "formatVersion": PLAN_VERSION, "target": {"kind": "sandbox"}, "summary": Summary::default(),
                "changes": changes, "declaresAssignments": ["/b", "/a"], "findings": [], "incomplete": [],
                "requests": {"reads": 1, "writes": 0}, "fingerprint": "",
            });
            let mut plan: Plan = serde_json::from_value(told).unwrap();
            let mut whole = json!({
                "changes": plan.changes, "declaresAssignments": plan.declares_assignments, "target": plan.target,
            });
            assert_eq!(plan.digest(), hash(&whole));
            // What only explains is no part of it.
            for change in &mut plan.changes {
                change.title = "deployment".to_owned();
                change.reason = Some("why".to_owned());
            }
            assert_eq!(plan.digest(), hash(&whole));
            plan.secrets = vec![NamedSecrets { resource: "/r".to_owned(), names: vec!["A".to_owned()] }];
            whole["secrets"] = json!(plan.secrets);
            assert_eq!(plan.digest(), hash(&whole));
        }
    }
}

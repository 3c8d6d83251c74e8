//! A spec's tree as YAML that people read and [`super::read`] takes back.
//!
//! Input: a tree, and comments by JSON pointer. Output: text. What stands first in a spec (`name`, `kind`) comes first, lists of children last. Pure.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::Value;
use serde_saphyr::Commented;

use super::tree::escape;
use crate::render::sanitize::sanitize;

/// What a reader looks for first, in this order.
const FIRST: &[&str] = &[
    "version",
    "stack",
    "tenant",
    "subscription",
    "scope",
    "name",
    "resourceGroup",
    "location",
    "kind",
    "sku",
    "role",
    "id",
    "type",
];

/// What holds children, in this order at the end.
const LAST: &[&str] = &[
    "principals",
    "raiPolicies",
    "deployments",
    "projects",
    "connections",
    "accounts",
    "workspaces",
    "roleAssignments",
];

/// Writes a tree; `${` in its texts becomes `$${`, which stands for itself. A comment stands behind the value it is about.
///
/// # Panics
///
/// Never on a tree of JSON: all of it can be written.
#[must_use]
pub fn to_yaml(tree: &Value, comments: &BTreeMap<String, String>) -> String {
    // Every line stays whole: an id that is folded cannot be found by searching for it.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(&Node { value: tree, pointer: String::new(), comments }, options)
        .expect("a tree of JSON has nothing that YAML cannot hold, and memory takes every write")
}

struct Node<'a> {
    value: &'a Value,
    pointer: String,
    comments: &'a BTreeMap<String, String>,
}

impl<'a> Node<'a> {
    fn child(&self, name: &str, value: &'a Value) -> Node<'a> {
        Node { value, pointer: format!("{}/{}", self.pointer, escape(name)), comments: self.comments }
    }
}

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Object(map) => {
                let mut members: Vec<(&String, &Value)> = map.iter().collect();
                members.sort_by_key(|(name, _)| rank(name));
                let mut writer = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    writer.serialize_entry(name, &self.child(name, value))?;
                }
                writer.end()
            }
            Value::Array(items) => {
                let mut writer = serializer.serialize_seq(Some(items.len()))?;
                for (index, item) in items.iter().enumerate() {
                    writer.serialize_element(&self.child(&index.to_string(), item))?;
                }
                writer.end()
            }
            scalar => {
                let literal = match scalar {
                    Value::String(text) => Value::String(text.replace("${", "$${")),
                    other => other.clone(),
                };
                match self.comments.get(&self.pointer) {
                    Some(comment) => Commented(literal, sanitize(comment).into_owned()).serialize(serializer),
                    None => literal.serialize(serializer),
                }
            }
        }
    }
}

/// Where a member stands among its siblings; those of one rank go by name.
fn rank(name: &str) -> (usize, usize) {
    let place = |list: &[&str]| list.iter().position(|known| *known == name);
    match (place(FIRST), place(LAST)) {
        (Some(first), _) => (0, first),
        (None, None) => (1, 0),
        (None, Some(last)) => (2, last),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::source::Sources;
    use crate::spec::tree;
    use crate::spec::variables::{VariableInputs, Variables, substitute};

    fn back(text: &str) -> Value {
        let mut sources = Sources::default();
        let file = sources.add("written.yaml", text);
        let (document, findings) = tree::parse(file, &sources);
        assert!(findings.is_empty(), "{findings:?}\n{text}");
        let mut document = document.unwrap();
        let (variables, _) = Variables::new(&VariableInputs::default(), &[]);
        let findings = substitute(&mut document, &variables, &sources);
        assert!(findings.is_empty(), "{findings:?}\n{text}");
        document.tree
    }

    #[test]
    fn a_spec_reads_from_its_head_to_its_children() {
        let tree = json!({
            "accounts": [{"tags": {"team": "ml"}, "roleAssignments": [], "name": "chat", "networkAcls": {"ipRules": ["203.0.113.0/24"]}}],
            "version": 1, "stack": "ml",
        });
        let comments = BTreeMap::from([("/accounts/0/name".to_owned(), "line\nbreak \u{202e}".to_owned())]);
        let text = to_yaml(&tree, &comments);
        let expected = "version: 1\nstack: ml\naccounts:\n- name: chat # line\\u{a}break \\u{202e}\n  networkAcls:\n    ipRules:\n    - 203.0.113.0/24\n  tags:\n    team: ml\n  roleAssignments: []\n";
        assert_eq!(text, expected);
        assert_eq!(back(&text), tree);
    }

    fn scalar() -> impl Strategy<Value = Value> {
        let words = ["no", "on", "1.10", "0123", "null", "~", "", " ", "a: b", "- x", "#", "a #b", "${name}", "$${", "@x", "|", "'", "\"", "!t", "2024-01-31", "[", "{}"];
        prop_oneof![
            proptest::sample::select(words.to_vec()).prop_map(|word| json!(word)),
            "\\PC{0,40}".prop_map(|text| json!(text)),
            "[a-z \\n\\t:#'\"\\\\]{0,120}".prop_map(|text| json!(text)),
            any::<i64>().prop_map(|number| json!(number)),
            any::<bool>().prop_map(|truth| json!(truth)),
            Just(Value::Null),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(tree in scalar().prop_recursive(4, 40, 5, |inner| prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map("[a-z:# \\-]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ])) {
            let tree = json!({ "spec": tree });
            prop_assert_eq!(back(&to_yaml(&tree, &BTreeMap::new())), tree);
        }
    }
}

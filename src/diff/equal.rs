//! When two values mean the same: one rule for each way of comparing that a field table names.
//!
//! Pure. In: a declared and a live value, both in spec shape. Out: yes or no.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::kinds::{Compare, cidr};

/// Whether two values mean the same.
#[must_use]
pub fn equal(compare: Compare, declared: &Value, live: &Value) -> bool {
    let folded = |value: &Value, fold: fn(&str) -> String| value.as_str().map(fold);
    let texts = |fold: fn(&str) -> String| match (folded(declared, fold), folded(live, fold)) {
        (Some(declared), Some(live)) => declared == live,
        _ => declared == live,
    };
    let sets = |fold: fn(&str) -> String| {
        let set = |value: &Value| -> Option<BTreeSet<String>> {
            value.as_array()?.iter().map(|each| each.as_str().map(fold)).collect()
        };
        match (set(declared), set(live)) {
            (Some(declared), Some(live)) => declared == live,
            _ => declared == live,
        }
    };
    match compare {
        Compare::Identity => true,
        Compare::Equal => declared == live,
        Compare::IgnoreCase => texts(str::to_lowercase),
        Compare::Location => texts(|text| text.to_lowercase().replace(' ', "")),
        Compare::Text => texts(without_white_space),
        Compare::Cidrs => sets(cidr::canonical),
        Compare::Names => sets(str::to_lowercase),
        Compare::By(identity) => same_elements(identity, declared, live),
    }
}

/// Leaves out white space, but for what stands in quotes.
fn without_white_space(text: &str) -> String {
    let mut quoted = false;
    text.chars()
        .filter(|c| {
            quoted ^= *c == '\'';
            quoted || !c.is_whitespace()
        })
        .collect()
}

/// Whether two lists hold the same elements by identity, each with the members that are declared of it.
fn same_elements(identity: &str, declared: &Value, live: &Value) -> bool {
    let (Some(declared), Some(live)) = (declared.as_array(), live.as_array()) else {
        return declared == live;
    };
    let name = |element: &Value| element[identity].as_str().map(str::to_lowercase);
    declared.len() == live.len()
        && declared.iter().all(|wanted| {
            let found = live.iter().find(|found| name(found) == name(wanted));
            found.is_some_and(|found| covers(identity, wanted, found))
        })
}

/// Whether a live element has every member that is declared of it; an absent boolean is false.
fn covers(identity: &str, declared: &Value, live: &Value) -> bool {
    declared.as_object().into_iter().flatten().all(|(name, wanted)| {
        let found = &live[name.as_str()];
        if name == identity {
            return true;
        }
        match (wanted, found) {
            (Value::Null | Value::Bool(false), Value::Null | Value::Bool(false)) => true,
            (Value::String(wanted), Value::String(found)) => wanted.eq_ignore_ascii_case(found),
            _ => wanted == found,
        }
    })
}

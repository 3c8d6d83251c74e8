//! Selects the part of a very large tree to check, so that a million mistakes do not take gigabytes.
//!
//! The validator collects all errors before returning the first. A part is a tree whose lists and mappings are truncated: what is left
//! keeps its position, so that every pointer into the part is valid in the tree. Pure.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// The size up to which a tree is checked whole: about fifteen thousand role assignments.
const CHECKED_WHOLE: usize = 250_000;
/// The size of a part, unless the first mistake comes later.
const PART: usize = 100_000;
/// No rule requires more elements than this, so truncating breaks none.
const SHORTEST: usize = 64;

/// The tree if it is small or valid, otherwise an invalid part of it. Mappings keep their known `fields`, since a missing one would be
/// reported.
pub(super) fn to_check(
    tree: &Value,
    is_valid: impl Fn(&Value) -> bool,
    is_field: impl Fn(&str) -> bool,
) -> Cow<'_, Value> {
    let longest = longest(tree);
    if count(tree, CHECKED_WHOLE) <= CHECKED_WHOLE || longest <= SHORTEST || is_valid(tree) {
        return Cow::Borrowed(tree);
    }
    // Many mistakes, if they are near the front.
    let (mut length, mut part) = (SHORTEST, cut(tree, SHORTEST, &is_field));
    while length * 2 < longest {
        let longer = cut(tree, length * 2, &is_field);
        if count(&longer, PART) > PART {
            break;
        }
        (length, part) = (length * 2, longer);
    }
    if !is_valid(&part) {
        return Cow::Owned(part);
    }
    // Otherwise the first mistake, by bisection: valid with `valid` elements, invalid with `invalid`.
    let (mut valid, mut invalid) = (length, longest);
    while invalid - valid > 1 {
        let middle = valid.midpoint(invalid);
        if is_valid(&cut(tree, middle, &is_field)) {
            valid = middle;
        } else {
            invalid = middle;
        }
    }
    Cow::Owned(cut(tree, invalid, &is_field))
}

/// The number of values; counting stops beyond `enough`.
fn count(tree: &Value, enough: usize) -> usize {
    let mut seen = 0;
    let mut open = vec![tree];
    while let Some(value) = open.pop().filter(|_| seen <= enough) {
        seen += 1;
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(map) => open.extend(map.values()),
            _ => {}
        }
    }
    seen
}

/// The length of the longest list or mapping. Recursive: a document is at most 64 levels deep.
fn longest(tree: &Value) -> usize {
    match tree {
        Value::Array(items) => items.iter().map(longest).max().unwrap_or(0).max(items.len()),
        Value::Object(map) => map.values().map(longest).max().unwrap_or(0).max(map.len()),
        _ => 0,
    }
}

fn cut(tree: &Value, length: usize, is_field: &impl Fn(&str) -> bool) -> Value {
    match tree {
        Value::Array(items) => items.iter().take(length).map(|item| cut(item, length, is_field)).collect(),
        Value::Object(map) => {
            let kept = map.iter().enumerate().filter(|(index, (name, _))| *index < length || is_field(name));
            Value::Object(
                kept.map(|(_, (name, value))| (name.clone(), cut(value, length, is_field)))
                    .collect::<Map<_, _>>(),
            )
        }
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Everything without `false` is valid.
    fn is_valid(tree: &Value) -> bool {
        match tree {
            Value::Bool(valid) => *valid,
            Value::Array(items) => items.iter().all(is_valid),
            Value::Object(map) => map.values().all(is_valid),
            _ => true,
        }
    }

    fn wrong(tree: &Value) -> usize {
        match tree {
            Value::Bool(false) => 1,
            Value::Array(items) => items.iter().map(wrong).sum(),
            Value::Object(map) => map.values().map(wrong).sum(),
            _ => 0,
        }
    }

    fn checked(tree: &Value) -> Cow<'_, Value> {
        to_check(tree, is_valid, |name| name == "stack")
    }

    #[test]
    fn what_is_small_or_valid_is_checked_whole() {
        for tree in [json!([false]), json!(vec![true; 300_000]), json!(vec![false; 50_000])] {
            assert!(matches!(checked(&tree), Cow::Borrowed(_)));
        }
    }

    #[test]
    fn of_a_million_mistakes_a_part_is_told_and_the_first_is_among_them() {
        let million = json!({"accounts": vec![false; 1_000_000], "stack": "a"});
        let part = checked(&million);
        assert!((1..=PART).contains(&wrong(&part)), "{}", wrong(&part));
        assert_eq!(part["stack"], "a");
        for place in [0, 63, 64, 65_535, 65_536, 777_777, 999_999] {
            let mut items = vec![json!(true); 1_000_000];
            items[place] = json!(false);
            let tree = json!({"accounts": items});
            let part = checked(&tree);
            assert_eq!(wrong(&part), 1, "{place}");
            assert_eq!(part["accounts"][place], false, "where it stood");
        }
        let nested = json!(vec![json!(vec![false; 1000]); 1000]);
        assert!((1..=PART).contains(&wrong(&checked(&nested))));
        let fields: Map<String, Value> = (0..300_000).map(|key| (format!("a{key}"), json!(false))).collect();
        let mut tree = json!(fields);
        tree["stack"] = json!("a");
        let part = checked(&tree);
        assert!((1..=PART).contains(&wrong(&part)) && part["stack"] == "a");
    }
}

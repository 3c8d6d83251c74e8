//! Tables of the state, which track what has changed since the last save.
//!
//! They read like a map, and mark each changed key. A journal line has the current value of each marked key, or null if it was
//! removed. Does not access files.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::sandbox::http::to_json;

/// A map by lower-case ids.
#[derive(Debug, Clone)]
pub(crate) struct Table<T> {
    items: BTreeMap<String, T>,
    marked: BTreeSet<String>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { items: BTreeMap::new(), marked: BTreeSet::new() }
    }
}

impl<T> Deref for Table<T> {
    type Target = BTreeMap<String, T>;

    fn deref(&self) -> &Self::Target {
        &self.items
    }
}

/// Compares contents only, because marks say what is unsaved.
impl<T: PartialEq> PartialEq for Table<T> {
    fn eq(&self, other: &Self) -> bool {
        self.items == other.items
    }
}

impl<T: Serialize> Serialize for Table<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.items.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { items: BTreeMap::deserialize(deserializer)?, marked: BTreeSet::new() })
    }
}

impl<T> Table<T> {
    pub(crate) fn insert(&mut self, key: String, value: T) -> Option<T> {
        self.marked.insert(key.clone());
        self.items.insert(key, value)
    }

    pub(crate) fn insert_if_absent(&mut self, key: String, value: impl FnOnce() -> T) {
        if !self.items.contains_key(&key) {
            self.insert(key, value());
        }
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<T> {
        let removed = self.items.remove(key)?;
        self.marked.insert(key.to_owned());
        Some(removed)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut T> {
        let found = self.items.get_mut(key)?;
        self.marked.insert(key.to_owned());
        Some(found)
    }

    /// Keeps only values that satisfy a condition.
    pub(crate) fn retain(&mut self, fits: impl Fn(&T) -> bool) {
        let gone: Vec<String> =
            self.items.iter().filter(|(_, value)| !fits(value)).map(|(key, _)| key.clone()).collect();
        for key in gone {
            self.remove(&key);
        }
    }
}

/// The operations on a table that the journal needs.
pub(crate) trait Journaled {
    /// How many keys are marked.
    fn marks(&self) -> usize;
    /// Clears all marks.
    fn forget_marks(&mut self);
    /// Writes the marked keys as a JSON object and clears the marks.
    fn drain(&mut self) -> String;
    /// Applies a key's value from a journal; null removes the key.
    fn apply(&mut self, key: String, value: Value) -> Result<(), serde_json::Error>;
}

impl<T: Serialize + DeserializeOwned> Journaled for Table<T> {
    fn marks(&self) -> usize {
        self.marked.len()
    }

    fn forget_marks(&mut self) {
        self.marked.clear();
    }

    fn drain(&mut self) -> String {
        let marked = std::mem::take(&mut self.marked);
        object(marked.iter().map(|key| (key.as_str(), self.items.get(key))))
    }

    fn apply(&mut self, key: String, value: Value) -> Result<(), serde_json::Error> {
        if value.is_null() {
            self.items.remove(&key);
        } else {
            self.items.insert(key, serde_json::from_value(value)?);
        }
        Ok(())
    }
}

/// A JSON object of keys and values.
pub(crate) fn object<'a, T: Serialize + 'a>(pairs: impl Iterator<Item = (&'a str, Option<&'a T>)>) -> String {
    let mut text = String::from("{");
    for (key, value) in pairs {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&to_json(&key));
        text.push(':');
        text.push_str(&to_json(&value));
    }
    text.push('}');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_drained_makes_another_table_equal() {
        let mut table: Table<u32> = Table::default();
        for (key, value) in [("a", 1), ("b", 2), ("c", 3)] {
            table.insert(key.to_owned(), value);
        }
        let mut copy: Table<u32> = Table::default();
        let mut follow = |table: &mut Table<u32>| {
            let line: BTreeMap<String, Value> = serde_json::from_str(&table.drain()).unwrap();
            for (key, value) in line {
                copy.apply(key, value).unwrap();
            }
            assert_eq!(*table, copy);
        };
        follow(&mut table);
        *table.get_mut("a").unwrap() = 4;
        table.remove("b");
        table.retain(|value| *value != 3);
        table.insert_if_absent(String::from("a"), || 9);
        table.insert_if_absent(String::from("d"), || 5);
        assert_eq!(table.marks(), 4);
        follow(&mut table);
        assert_eq!((table.marks(), table.drain().as_str()), (0, "{}"));
    }
}

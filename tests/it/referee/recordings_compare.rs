//! Two answers to one call: the recorded one and the sandbox's.
//!
//! Input are both answers, what the call is about, and what the cassette made; output are the differences, one text
//! each. Everything is compared by value but for what `recordings_masks` names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::contract::value::json_kind;
use super::exchange::{Exchange, Payload};
use super::recordings_masks::{Mask, Outline, Outlines, is_built_in, mask};

/// A comparison of one call.
pub(crate) struct Comparison<'a> {
    /// What the call is about, as in the contract, or `polling`.
    subject: &'a str,
    /// Ids, in lower case, of what the cassette has made so far.
    made: &'a BTreeSet<String>,
    outlines: &'a Outlines,
    found: Vec<String>,
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(subject: &'a str, made: &'a BTreeSet<String>, outlines: &'a Outlines) -> Self {
        Self { subject, made, outlines, found: Vec::new() }
    }

    /// Everything in which the sandbox's answer differs.
    pub(crate) fn differences(mut self, recorded: &Exchange, ours: &Exchange) -> Vec<String> {
        if recorded.status != ours.status {
            let said = ours.response.json().map_or(String::new(), |body| clip(&body.to_string()));
            self.found.push(format!("status {} in place of {} {said}", ours.status, recorded.status));
            return self.found;
        }
        for header in ["azure-asyncoperation", "location"] {
            match (recorded.header(header).is_some(), ours.header(header).is_some()) {
                (true, false) => self.found.push(format!("lacks the header {header}")),
                (false, true) => self.found.push(format!("has the header {header}")),
                _ => {}
            }
        }
        match (&recorded.response, &ours.response) {
            (Payload::Json(recorded), Payload::Json(ours)) => self.bodies(recorded, ours),
            (recorded, ours) if recorded == ours => {}
            (recorded, ours) => {
                self.found.push(format!("body is {} in place of {}", name(ours), name(recorded)));
            }
        }
        self.found
    }

    fn bodies(&mut self, recorded: &Value, ours: &Value) {
        if let (Some(recorded), Some(ours)) = (recorded.get("error"), ours.get("error")) {
            self.errors(recorded, ours);
            return;
        }
        match (recorded.get("value"), ours.get("value")) {
            (Some(Value::Array(theirs)), Some(Value::Array(mine)))
                if mask(self.subject, "/value", false).is_none() =>
            {
                self.pages(theirs, mine);
                let rest = |body: &Value| {
                    let mut rest = body.as_object().cloned().unwrap_or_default();
                    rest.remove("value");
                    Value::Object(rest)
                };
                self.values(&rest(recorded), &rest(ours), "", false);
            }
            _ => {
                let built_in = is_built_in(ours);
                self.values(recorded, ours, "", built_in);
            }
        }
    }

    /// Code and message, ids in it masked; details by their types.
    fn errors(&mut self, recorded: &Value, ours: &Value) {
        let text = |value: &Value, name: &str| value[name].as_str().map(mask_ids);
        for name in ["code", "message"] {
            if text(recorded, name) != text(ours, name) {
                self.found.push(format!(
                    "error.{name} `{}` in place of `{}`",
                    clip(ours[name].as_str().unwrap_or("nothing")),
                    clip(recorded[name].as_str().unwrap_or("nothing"))
                ));
            }
        }
        let mut theirs = Outline::default();
        theirs.add(recorded);
        self.found.extend(theirs.differences(ours, "/error"));
    }

    /// A page of things with ids: what both have is compared, and what was made here must be there.
    fn pages(&mut self, recorded: &[Value], ours: &[Value]) {
        let id = |item: &Value| item["id"].as_str().map(str::to_lowercase);
        let theirs: BTreeMap<String, &Value> =
            recorded.iter().filter_map(|item| Some((id(item)?, item))).collect();
        let mine: BTreeMap<String, &Value> = ours.iter().filter_map(|item| Some((id(item)?, item))).collect();
        for (id, item) in &mine {
            match theirs.get(id) {
                Some(other) => self.values(other, item, "/value/*", is_built_in(item)),
                // A built-in role that came after the recording.
                None if is_built_in(item) => {}
                None => self.found.push(format!("lists {id}")),
            }
        }
        for id in theirs.keys().filter(|id| self.made.contains(*id) && !mine.contains_key(*id)) {
            self.found.push(format!("does not list {id}"));
        }
    }

    fn values(&mut self, recorded: &Value, ours: &Value, path: &str, built_in: bool) {
        match mask(self.subject, path, built_in) {
            Some(Mask::Type) => self.types(recorded, ours, path),
            Some(Mask::Shape) => self.shapes(ours, path),
            Some(Mask::Map) => {
                let values = |map: &Value| {
                    let map = map.as_object().into_iter().flatten();
                    Value::Array(map.map(|(_, value)| value.clone()).collect())
                };
                self.types(recorded, ours, path);
                let mut theirs = Outline::default();
                theirs.add(&values(recorded));
                self.found.extend(theirs.differences(&values(ours), path));
            }
            None => match (recorded, ours) {
                (Value::Object(recorded), Value::Object(ours)) => {
                    self.objects(recorded, ours, path, built_in);
                }
                (Value::Array(recorded), Value::Array(ours)) if recorded.len() == ours.len() => {
                    for (recorded, ours) in recorded.iter().zip(ours) {
                        self.values(recorded, ours, &format!("{path}/*"), built_in);
                    }
                }
                _ if recorded == ours => {}
                _ => self.found.push(format!(
                    "`{path}` is {} in place of {}",
                    clip(&ours.to_string()),
                    clip(&recorded.to_string())
                )),
            },
        }
    }

    fn objects(
        &mut self,
        recorded: &Map<String, Value>,
        ours: &Map<String, Value>,
        path: &str,
        built_in: bool,
    ) {
        for (name, value) in recorded {
            let path = format!("{path}/{name}");
            match ours.get(name) {
                Some(mine) => self.values(value, mine, &path, built_in),
                None if self.varies(&path, built_in) => {}
                None => self.found.push(format!("lacks `{path}`, {}", clip(&value.to_string()))),
            }
        }
        for (name, value) in ours.iter().filter(|(name, _)| !recorded.contains_key(*name)) {
            let path = format!("{path}/{name}");
            if self.varies(&path, built_in) {
                self.shapes(value, &path);
            } else {
                self.found.push(format!("has `{path}`, {}", clip(&value.to_string())));
            }
        }
    }

    fn types(&mut self, recorded: &Value, ours: &Value, path: &str) {
        let (want, have) = (json_kind(recorded), json_kind(ours));
        if want != have {
            self.found.push(format!("`{path}` is {have} in place of {want}"));
        }
    }

    /// The sandbox's types must be those of all recordings of such a thing.
    fn shapes(&mut self, ours: &Value, path: &str) {
        match self.outlines.of(self.subject, path) {
            Some(outline) => self.found.extend(outline.differences(ours, path)),
            None => self.found.push(format!("has `{path}`, never recorded")),
        }
    }

    /// Whether such a thing was recorded with this property and without it.
    fn varies(&self, path: &str, built_in: bool) -> bool {
        mask(self.subject, path, built_in) == Some(Mask::Shape) && self.outlines.varies(self.subject, path)
    }
}

fn name(payload: &Payload) -> &'static str {
    match payload {
        Payload::Empty => "empty",
        Payload::Json(_) => "JSON",
        Payload::Other(_) => "no JSON",
    }
}

/// GUIDs, with dashes or without, as `<id>`.
fn mask_ids(text: &str) -> String {
    let mut masked = String::new();
    let mut word = String::new();
    let flush = |word: &mut String, masked: &mut String| {
        let hex = word.chars().filter(char::is_ascii_hexdigit).count();
        let rest = word.chars().filter(|c| *c != '-').count();
        let id = hex == 32 && rest == 32;
        masked.push_str(if id { "<id>" } else { word.as_str() });
        word.clear();
    };
    for letter in text.chars() {
        if letter.is_ascii_alphanumeric() || letter == '-' {
            word.push(letter);
        } else {
            flush(&mut word, &mut masked);
            masked.push(letter);
        }
    }
    flush(&mut word, &mut masked);
    masked
}

/// The beginning of a text, for a table.
fn clip(text: &str) -> String {
    let short: String = text.chars().take(160).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

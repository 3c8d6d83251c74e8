//! Writes a spec's tree as readable YAML that [`super::read`] reads back: the reverse of reading.
//!
//! Input: a tree, and comments by JSON pointer. Output: text, with each value on one line if it fits, and members in reading order. Text
//! that another YAML parser could take for something else is quoted, and invisible characters are escaped. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::scalar::{self, Scalar};
use super::sections::{SECTIONS, section};
use crate::text::json::escape;
use crate::text::sanitize::{break_commands, hides, sanitize};

/// Members in reading order; others follow by name.
const ORDER: &[&str] = &[
    "stack",
    "tenant",
    "subscription",
    "format",
    "name",
    "version",
    "scope",
    "role",
    "id",
    "resourceGroup",
    "location",
    "adopt",
    "prune",
    "unmanaged",
    "onSoftDeleted",
    "variables",
    "type",
    "kind",
    "category",
    "target",
    "authType",
    "model",
    "displayName",
    "description",
    "source",
    "sku",
    "identity",
    "systemAssigned",
    "customSubDomainName",
    "disableLocalAuth",
    "publicNetworkAccess",
    "networkAcls",
    "defaultAction",
    "bypass",
    "ipRules",
    "virtualNetworkRules",
    "allowProjectManagement",
    "encryption",
    "keySource",
    "userOwnedStorage",
    "restrictOutboundNetworkAccess",
    "allowedFqdnList",
    "networkInjections",
    "scenario",
    "defenderForAISettings",
    "apiProperties",
    "storedCompletionsDisabled",
    "raiMonitorConfig",
    "amlWorkspace",
    "locations",
    "defaultProject",
    "associatedProjects",
    "mode",
    "basePolicyName",
    "enabled",
    "blocking",
    "severityThreshold",
    "pattern",
    "isRegex",
    "action",
    "contentFilters",
    "customBlocklists",
    "safetyProviders",
    "raiPolicyName",
    "versionUpgradeOption",
    "serviceTier",
    "deploymentState",
    "routing",
    "dynamicThrottlingEnabled",
    "spilloverDeploymentName",
    "parentDeploymentName",
    "capacitySettings",
    "modelProviderData",
    "condition",
    "conditionVersion",
    "audience",
    "tokenUrl",
    "scopes",
    "credentials",
    "metadata",
    "tags",
    "principals",
];

/// The maximum width of a list or mapping of plain values on one line.
const WIDTH: usize = 120;

/// The tree with every text taken literally: `${` starts no reference.
#[must_use]
pub fn literal(tree: &Value) -> Value {
    match tree {
        Value::String(text) => Value::String(text.replace("${", "$${")),
        Value::Array(items) => Value::Array(items.iter().map(literal).collect()),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(name, value)| (name.clone(), literal(value))).collect())
        }
        other => other.clone(),
    }
}

/// Writes a tree. Comments go after their value, or above one that takes several lines.
#[must_use]
pub fn to_yaml(tree: &Value, comments: &BTreeMap<String, String>) -> String {
    let mut writer = Writer { text: String::new(), comments };
    match tree {
        Value::Object(map) if !map.is_empty() => writer.map(map, "", 0),
        other => {
            writer.text.push_str(&one_line(other));
            writer.text.push('\n');
        }
    }
    writer.text
}

struct Writer<'a> {
    text: String,
    comments: &'a BTreeMap<String, String>,
}

impl Writer<'_> {
    fn map(&mut self, map: &Map<String, Value>, pointer: &str, indent: usize) {
        for (position, (name, value)) in in_order(map).into_iter().enumerate() {
            let at = format!("{pointer}/{}", escape(name));
            let key = format!("{}:", text_on_a_line(name, true));
            let short = self.short(value, &at, indent + key.len());
            if short.is_none() && pointer.is_empty() && position > 0 {
                self.text.push('\n');
            }
            self.comment_above(&at, short.is_some(), indent);
            self.indent(indent);
            self.text.push_str(&key);
            self.rest(value, &at, indent, short);
        }
    }

    fn list(&mut self, items: &[Value], pointer: &str, indent: usize) {
        for (index, item) in items.iter().enumerate() {
            let at = format!("{pointer}/{index}");
            // Such elements go on separate lines, however short they are.
            let tall = item.as_object().is_some_and(|map| !map.is_empty())
                && pointer.rsplit('/').next().is_some_and(|name| section(name).is_some());
            let short = if tall { None } else { self.short(item, &at, indent + 1) };
            self.comment_above(&at, short.is_some(), indent);
            match item {
                Value::Object(map) if short.is_none() => {
                    // The first member goes next to the dash.
                    let start = self.text.len();
                    self.map(map, &at, indent + 2);
                    self.text.replace_range(start + indent..=start + indent, "-");
                }
                _ => {
                    self.indent(indent);
                    self.text.push('-');
                    self.rest(item, &at, indent, short);
                }
            }
        }
    }

    /// Writes what follows a key or a dash.
    fn rest(&mut self, value: &Value, at: &str, indent: usize, short: Option<String>) {
        match (value, short) {
            (_, Some(line)) => {
                self.text.push(' ');
                self.text.push_str(&line);
                self.comment_behind(at);
                self.text.push('\n');
            }
            (Value::Object(map), None) => {
                self.text.push('\n');
                self.map(map, at, indent + 2);
            }
            (Value::Array(items), None) => {
                self.text.push('\n');
                self.list(items, at, indent + 2);
            }
            (scalar, None) => {
                let lines = scalar.as_str().unwrap_or_default();
                self.text.push_str(if lines.ends_with('\n') { " |" } else { " |-" });
                self.comment_behind(at);
                self.text.push('\n');
                for line in lines.lines() {
                    if !line.is_empty() {
                        self.indent(indent + 2);
                        self.text.push_str(line);
                    }
                    self.text.push('\n');
                }
            }
        }
    }

    /// The value on one line, if it should be.
    fn short(&self, value: &Value, at: &str, column: usize) -> Option<String> {
        let empty = |value: &Value| match value {
            Value::Array(items) => items.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => false,
        };
        // On separate lines an empty one would be read back as null.
        if empty(value) {
            return Some(one_line(value));
        }
        let simple = |value: &Value| match value {
            Value::Array(_) | Value::Object(_) => empty(value),
            Value::String(text) => !is_lines(text),
            _ => true,
        };
        let flat = match value {
            Value::Array(items) => items.iter().all(simple),
            Value::Object(map) => map.values().all(simple),
            scalar => return simple(scalar).then(|| one_line(scalar)),
        };
        let inside = format!("{at}/");
        let spoken_of =
            self.comments.range(inside.clone()..).next().is_some_and(|(found, _)| found.starts_with(&inside));
        if !flat || spoken_of {
            return None;
        }
        let line = one_line(value);
        (column + 1 + line.len() <= WIDTH).then_some(line)
    }

    fn indent(&mut self, indent: usize) {
        self.text.extend(std::iter::repeat_n(' ', indent));
    }

    fn comment_behind(&mut self, at: &str) {
        if let Some(comment) = self.comments.get(at) {
            // Writing to a string cannot fail.
            let _ = write!(self.text, "  # {}", sanitize(comment));
        }
    }

    fn comment_above(&mut self, at: &str, short: bool, indent: usize) {
        if let Some(comment) = self.comments.get(at).filter(|_| !short) {
            self.indent(indent);
            let _ = writeln!(self.text, "# {}", sanitize(comment));
        }
    }
}

fn in_order(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let order = ORDER.iter().copied().chain(SECTIONS.iter().map(|row| row.name));
    let rank = |name: &str| match name {
        // The format's version, not a model's.
        "version" if map.contains_key("stack") => 0,
        name => 1 + order.clone().position(|known| known == name).unwrap_or(order.clone().count()),
    };
    let mut members: Vec<(&String, &Value)> = map.iter().collect();
    members.sort_by_key(|(name, _)| (rank(name), *name));
    members
}

/// A scalar, or a list or mapping of scalars.
fn one_line(value: &Value) -> String {
    match value {
        Value::String(text) => text_on_a_line(text, false),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(inner).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let members = in_order(map).into_iter();
            let members: Vec<String> = members
                .map(|(name, value)| format!("{}: {}", text_on_a_line(name, true), inner(value)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        other => other.to_string(),
    }
}

fn inner(value: &Value) -> String {
    match value {
        Value::String(text) => text_on_a_line(text, true),
        other => one_line(other),
    }
}

/// A text, quoted unless no parser could take it for something else.
fn text_on_a_line(text: &str, inside: bool) -> String {
    if is_plain(text) && !(inside && text.contains(',')) { text.to_owned() } else { quoted(text) }
}

/// Whether a text needs no quotes in any YAML parser.
fn is_plain(text: &str) -> bool {
    /// Words that YAML 1.1 takes for booleans or null.
    const WORDS: &[&str] = &["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let begins = |first: char| first.is_alphabetic() || first == '/';
    let number_like = || Uuid::try_parse(text).is_ok() && text.len() == 36 || is_address(text);
    let ordinary = |character: char| character.is_alphanumeric() || "_-./@+()=,:;!?' ".contains(character);
    (text.starts_with(begins) || number_like())
        && text.chars().all(ordinary)
        && !hides(text)
        && !text.contains(": ")
        && !text.ends_with([' ', ':'])
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
        && matches!(scalar::read(text), Scalar::Value(Value::String(_)))
}

/// An IPv4 address or range.
fn is_address(text: &str) -> bool {
    let (address, length) = text.split_once('/').unwrap_or((text, "32"));
    address.parse::<IpAddr>().is_ok_and(|address| address.is_ipv4())
        && length.bytes().all(|byte| byte.is_ascii_digit())
}

/// A text in double quotes, with every character visible.
fn quoted(text: &str) -> String {
    let mut line = String::with_capacity(text.len() + 2);
    line.push('"');
    let mut previous = '\0';
    for character in text.chars() {
        let code = u32::from(character);
        let mut buffer = [0; 4];
        // Writing to a string cannot fail.
        let _ = match character {
            '"' | '\\' => write!(line, "\\{character}"),
            '\n' => write!(line, "\\n"),
            '\r' => write!(line, "\\r"),
            '\t' => write!(line, "\\t"),
            // Two of them could start a pipeline command.
            '#' if previous == '#' => write!(line, "\\x23"),
            _ if !hides(character.encode_utf8(&mut buffer)) => write!(line, "{character}"),
            _ if code > 0xFFFF => write!(line, "\\U{code:08x}"),
            _ => write!(line, "\\u{code:04x}"),
        };
        previous = character;
    }
    line.push('"');
    line
}

/// Whether a multi-line text can be written as a block.
fn is_lines(text: &str) -> bool {
    let lines = || text.split('\n');
    text.contains('\n')
        && !text.starts_with(char::is_whitespace)
        && !text.ends_with("\n\n")
        && lines().all(|line| !hides(line) && !line.ends_with(' '))
        && break_commands(text) == text
}

#[cfg(test)]
mod tests;

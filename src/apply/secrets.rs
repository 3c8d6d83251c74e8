//! Secrets from the environment, which only get into requests.
//!
//! Pure: takes the environment as pairs and keeps only variables that start with `KEYLESS_SECRET_`. A plan contains references; a step is
//! filled when it is sent, only in fields that its kind's table marks.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use serde_json::{Map, Value, json};

use crate::arm::auth::Secret;
use crate::document::{FindingEntry, Plan};
use crate::finding::{Code, Severity};
use crate::kinds::{self, Compare, Kind};
use crate::spec::variables::secret_name;
use crate::text::json::escape;
use crate::text::scrub;

/// The prefix of variables with secrets.
const PREFIX: &str = "KEYLESS_SECRET_";

/// The secrets of a run, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Secrets {
    values: BTreeMap<String, Secret>,
}

impl Secrets {
    /// Takes the secrets of an environment; an empty value counts as missing.
    pub(crate) fn new(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let values = environment.into_iter().filter_map(|(name, value)| {
            let name = name.to_str()?.strip_prefix(PREFIX)?.to_owned();
            let value = value.into_string().ok().filter(|value| !value.is_empty())?;
            Some((name, Secret::new(value)))
        });
        Self { values: values.collect() }
    }

    /// Findings for secrets that the plan would send but that are missing, at the line that needs each.
    #[must_use]
    pub(crate) fn missing(&self, plan: &Plan) -> Vec<FindingEntry> {
        let mut findings = Vec::new();
        for step in &plan.steps {
            let Some(kind) = kinds::by_name(&step.kind) else { continue };
            let change = plan.changes.get(step.change);
            for (pointer, name) in references(kind, &step.patch) {
                if self.values.contains_key(name) {
                    continue;
                }
                let title = change.map_or(step.target.as_str(), |change| change.title.as_str());
                let path = pointer.trim_start_matches('/').replace('/', ".");
                let field =
                    change.and_then(|change| change.fields.iter().find(|field| field.path.join(".") == path));
                findings.push(FindingEntry {
                    source: field.and_then(|field| field.source.clone()).or_else(|| step.source.clone()),
                    hint: Some(format!("set {PREFIX}{name}")),
                    ..FindingEntry::of(
                        Severity::Error,
                        Code::MissingSecret,
                        format!("`{path}` of {title} needs the secret `{name}`, which is not set"),
                    )
                });
            }
        }
        findings.sort();
        findings.dedup();
        findings
    }

    /// The variables of the secrets that the plan would send and that are not set, sorted.
    #[must_use]
    pub(crate) fn missing_names(&self, plan: &Plan) -> Vec<String> {
        let kinds = plan.steps.iter().filter_map(|step| Some((kinds::by_name(&step.kind)?, step)));
        let names = kinds.flat_map(|(kind, step)| references(kind, &step.patch)).map(|(_, name)| name);
        let missing: BTreeSet<&str> = names.filter(|name| !self.values.contains_key(*name)).collect();
        missing.into_iter().map(|name| format!("{PREFIX}{name}")).collect()
    }

    /// A step's patch with its secrets filled in, or the name of a missing one.
    pub(super) fn fill(
        &self,
        kind: &dyn Kind,
        patch: &Map<String, Value>,
    ) -> Result<Map<String, Value>, String> {
        let mut filled = Value::Object(patch.clone());
        for (pointer, name) in references(kind, patch) {
            let secret = self.values.get(name).ok_or_else(|| name.to_owned())?;
            if let Some(value) = filled.pointer_mut(&pointer) {
                *value = json!(secret.expose());
            }
        }
        match filled {
            Value::Object(map) => Ok(map),
            _ => Ok(Map::new()),
        }
    }

    /// The variables whose secrets are too short to be redacted in output.
    #[must_use]
    pub(crate) fn too_short(&self) -> Vec<String> {
        let short = self.values.iter().filter(|(_, secret)| scrub::is_too_short(secret.expose()));
        short.map(|(name, _)| format!("{PREFIX}{name}")).collect()
    }
}

/// The secret fields of a patch that contain a reference, as pointer and name; a field may be a mapping of them.
fn references<'a>(kind: &dyn Kind, patch: &'a Map<String, Value>) -> Vec<(String, &'a str)> {
    let mut found = Vec::new();
    for field in kind.fields().iter().filter(|field| field.compare == Compare::Unshown) {
        let mut segments = field.path.split('/');
        let first = segments.next().and_then(|name| patch.get(name));
        let value = first.and_then(|first| segments.try_fold(first, |value, segment| value.get(segment)));
        let members = value.and_then(Value::as_object).into_iter().flatten();
        let members = members.map(|(name, value)| (format!("/{}/{}", field.path, escape(name)), value));
        let all = value.map(|value| (format!("/{}", field.path), value)).into_iter().chain(members);
        found.extend(all.filter_map(|(pointer, value)| Some((pointer, secret_name(value.as_str()?)?))));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let pair = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        Secrets::new([
            pair("KEYLESS_SECRET_SEARCH", "s3cr3t"),
            pair("KEYLESS_SECRET_LONGER", "s3cr3t-too"),
            pair("KEYLESS_SECRET_EMPTY", ""),
            pair("SECRET_OTHER", "x"),
        ])
    }

    fn fill(patch: &Value) -> Result<Value, String> {
        let kind = kinds::by_name("connections").unwrap();
        secrets().fill(kind, patch.as_object().unwrap()).map(Value::Object)
    }

    #[test]
    fn only_secret_fields_are_filled() {
        let patch =
            json!({"credentials": {"key": "${secret.SEARCH}"}, "metadata": {"a": "${secret.SEARCH}"}});
        let filled = fill(&patch).unwrap();
        assert_eq!(filled["credentials"]["key"], "s3cr3t");
        assert_eq!(filled["metadata"]["a"], "${secret.SEARCH}");
        for name in ["EMPTY", "OTHER"] {
            let key = format!("${{secret.{name}}}");
            assert_eq!(fill(&json!({"credentials": {"key": key}})), Err(name.to_owned()));
        }
    }

    #[test]
    fn what_is_too_short_is_named_and_no_secret_is_shown() {
        assert_eq!(secrets().too_short(), ["KEYLESS_SECRET_SEARCH"]);
        assert!(!format!("{:?}", secrets()).contains("s3cr3t"));
    }
}

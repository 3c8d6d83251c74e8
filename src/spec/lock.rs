//! The lock file of a spec, as data: the principals its names resolved to when somebody with access to the directory looked them up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::model::PrincipalType;

/// The version of the format.
pub(crate) const FORMAT_VERSION: &str = "1.0";

/// The principals of a spec's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Lock {
    /// Version of this format: `1.0`.
    pub format_version: String,
    /// Each principal that the spec names and that must be looked up, by type and name.
    pub principals: Vec<LockEntry>,
}

/// The principal of a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LockEntry {
    /// The tenant in which it was looked up, if that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<Uuid>,
    /// The environments (`--env`) whose runs named it; empty if it was locked without one, and then it counts in all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
    /// User, group, or service principal.
    #[serde(rename = "type")]
    pub principal_type: PrincipalType,
    /// Its name in the spec; for a managed identity the resource id.
    pub name: String,
    /// Its object id.
    pub id: Uuid,
}

/// A lock file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It is not JSON, or has another structure.
    #[error("it is not a lock file: {0}")]
    Shape(serde_json::Error),
    /// It has another format version.
    #[error("it has format version `{0}`, but this version of keyless reads `{FORMAT_VERSION}`")]
    Version(String),
    /// It has several object ids for one name.
    #[error("it contains {who} twice, as `{}` and as `{}`: two versions of the file were merged", .ids[0], .ids[1])]
    Twice {
        /// The name with its type.
        who: String,
        /// The object ids.
        ids: [Uuid; 2],
    },
}

impl LockEntry {
    /// Whether it holds the principal of this name, in whatever tenant.
    pub(crate) fn is(&self, principal_type: PrincipalType, name: &str) -> bool {
        self.principal_type == principal_type && self.name.to_lowercase() == name.to_lowercase()
    }

    /// Whether it was looked up in this tenant, as far as both are known.
    pub(crate) fn may_be_in(&self, tenant: Option<Uuid>) -> bool {
        self.tenant.is_none() || tenant.is_none() || self.tenant == tenant
    }

    /// Whether both hold the same name of the same tenant.
    pub(crate) fn is_like(&self, other: &LockEntry) -> bool {
        self.is(other.principal_type, &other.name) && self.may_be_in(other.tenant)
    }

    /// Whether it counts in an environment.
    pub(crate) fn counts_in(&self, environment: Option<&str>) -> bool {
        let named = |name| self.environments.iter().any(|each| each == name);
        self.environments.is_empty() || environment.is_none_or(named)
    }

    pub(crate) fn shown(&self) -> String {
        format!("{} `{}`", self.principal_type.as_str(), self.name)
    }
}

impl Lock {
    /// Parses a lock file.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        let lock: Self = serde_json::from_str(text).map_err(LockError::Shape)?;
        if lock.format_version != FORMAT_VERSION {
            return Err(LockError::Version(lock.format_version));
        }
        let mut known: BTreeMap<(&str, String), Vec<&LockEntry>> = BTreeMap::new();
        for entry in &lock.principals {
            let named = known.entry((entry.principal_type.as_str(), entry.name.to_lowercase())).or_default();
            if let Some(first) = named.iter().find(|first| first.may_be_in(entry.tenant)) {
                return Err(LockError::Twice { who: entry.shown(), ids: [first.id, entry.id] });
            }
            named.push(entry);
        }
        Ok(lock)
    }
}

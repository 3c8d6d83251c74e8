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
    /// Its type.
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
    pub(crate) fn is(&self, principal_type: PrincipalType, name: &str) -> bool {
        self.principal_type == principal_type && self.name.to_lowercase() == name.to_lowercase()
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
        let mut known: BTreeMap<(&str, String), Uuid> = BTreeMap::new();
        for entry in &lock.principals {
            let key = (entry.principal_type.as_str(), entry.name.to_lowercase());
            if let Some(first) = known.insert(key, entry.id) {
                return Err(LockError::Twice { who: entry.shown(), ids: [first, entry.id] });
            }
        }
        Ok(lock)
    }
}

//! The scope of a declared role assignment, parsed once: there may be a hundred thousand.

use serde::{Deserialize, Deserializer};

use crate::id::ResourceId;

/// A scope as a spec writes it.
#[derive(Debug, Clone)]
pub enum DeclaredScope {
    /// A resource id in the form in which ids are printed.
    Id(ResourceId),
    /// A word, or any other text.
    Text(String),
}

impl DeclaredScope {
    /// The scope as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Id(id) => id.as_str(),
            Self::Text(text) => text,
        }
    }
}

impl<'de> Deserialize<'de> for DeclaredScope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(match ResourceId::declared(&text) {
            Ok(id) if id.as_str() == text => Self::Id(id),
            _ => Self::Text(text),
        })
    }
}

//! The target of a run: one of Azure's clouds, the sandbox, or a custom endpoint. Plain data and its words.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The target of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Whether it is Azure.
    pub kind: TargetKind,
    /// Azure's cloud: `public`, `usgov`, `china`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud: Option<String>,
    /// The endpoint of Azure Resource Manager; omitted for a sandbox inside keyless, whose port changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// Whether a target is Azure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// One of Azure's clouds.
    Azure,
    /// The sandbox: nothing in Azure changes.
    Sandbox,
    /// A custom endpoint.
    Custom,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TargetKind::Azure => write!(f, "Azure ({})", self.cloud.as_deref().unwrap_or("public")),
            TargetKind::Sandbox => write!(f, "SANDBOX: nothing in Azure changed"),
            TargetKind::Custom => {
                write!(f, "{} (custom endpoint, not Azure)", self.endpoint.as_deref().unwrap_or("?"))
            }
        }
    }
}

impl Target {
    /// The target in a question: "write this to …?".
    #[must_use]
    pub fn place(&self) -> String {
        match self.kind {
            TargetKind::Sandbox => "the sandbox".to_owned(),
            TargetKind::Azure | TargetKind::Custom => self.to_string(),
        }
    }
}

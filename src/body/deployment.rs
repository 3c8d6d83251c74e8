//! The deployment of a model.

use serde_json::Value;

use super::is;

/// What a body says about a deployment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeploymentBody<'a>(&'a Value);

impl<'a> DeploymentBody<'a> {
    /// Views a body.
    #[must_use]
    pub(crate) fn of(body: &'a Value) -> Self {
        Self(body)
    }

    /// A member of its `model` or its `sku`.
    #[must_use]
    pub(crate) fn part(self, head: &str, name: &str) -> Option<&'a Value> {
        let part = if head == "model" { &self.0["properties"]["model"] } else { &self.0[head] };
        part.get(name)
    }

    /// Who makes the model: `OpenAI`, `Anthropic`.
    #[must_use]
    pub(crate) fn format(self) -> Option<&'a str> {
        self.part("model", "format")?.as_str()
    }

    /// Whether the model is of that maker.
    #[must_use]
    pub(crate) fn is_by(self, maker: &str) -> bool {
        is(self.format(), maker)
    }

    /// The name of the model.
    #[must_use]
    pub(crate) fn model(self) -> Option<&'a str> {
        self.part("model", "name")?.as_str()
    }

    /// Whether the service shows that the model has a capability; ARM says so in text.
    #[must_use]
    pub(crate) fn can(self, capability: &str) -> bool {
        self.0["properties"]["capabilities"][capability] == "true"
    }

    /// The content filter that it names. Without a name Azure uses its default.
    #[must_use]
    pub(crate) fn policy(self) -> Option<&'a str> {
        self.0["properties"]["raiPolicyName"].as_str()
    }

    /// The deployment that takes the calls for which it has no room.
    #[must_use]
    pub(crate) fn spillover(self) -> Option<&'a str> {
        self.0["properties"]["spilloverDeploymentName"].as_str()
    }
}

//! A role assignment as its body says it: the one place that knows where in ARM's shape each thing stands.
//!
//! Pure. What a body does not say, or does not say as text, is nothing.

use serde_json::Value;
use uuid::Uuid;

use crate::id::trailing_guid;

/// What a body in ARM shape says of a role assignment.
#[derive(Debug, Clone, Copy)]
pub struct Assignment<'a>(&'a Value);

impl<'a> Assignment<'a> {
    /// Takes any body: one that is no role assignment says nothing.
    #[must_use]
    pub fn of(body: &'a Value) -> Self {
        Self(&body["properties"])
    }

    /// On what.
    #[must_use]
    pub fn scope(self) -> Option<&'a str> {
        self.0["scope"].as_str()
    }

    /// To whom, as Azure spells the object id.
    #[must_use]
    pub fn principal_id(self) -> Option<&'a str> {
        self.0["principalId"].as_str()
    }

    /// The same as a GUID.
    #[must_use]
    pub fn principal(self) -> Option<Uuid> {
        Uuid::try_parse(self.principal_id()?).ok()
    }

    /// What the principal is said to be: `User`, `Group`, `ServicePrincipal`.
    #[must_use]
    pub fn principal_type(self) -> Option<&'a str> {
        self.0["principalType"].as_str()
    }

    /// The id of its role's definition, which comes in several forms.
    #[must_use]
    pub fn role_definition_id(self) -> Option<&'a str> {
        self.0["roleDefinitionId"].as_str()
    }

    /// The GUID of its role.
    #[must_use]
    pub fn role(self) -> Option<Uuid> {
        self.role_definition_id().and_then(trailing_guid)
    }

    /// Under what it holds.
    #[must_use]
    pub fn condition(self) -> Option<&'a str> {
        self.0["condition"].as_str()
    }

    /// The version of the condition's language.
    #[must_use]
    pub fn condition_version(self) -> Option<&'a str> {
        self.0["conditionVersion"].as_str()
    }

    /// Who made it, and when.
    #[must_use]
    pub fn created(self) -> (Option<&'a str>, Option<&'a str>) {
        (self.0["createdBy"].as_str(), self.0["createdOn"].as_str())
    }

    /// Who wrote it last, and when.
    #[must_use]
    pub fn updated(self) -> (Option<&'a str>, Option<&'a str>) {
        (self.0["updatedBy"].as_str(), self.0["updatedOn"].as_str())
    }

    /// Its description, with the mark that may stand in it.
    #[must_use]
    pub fn description(self) -> Option<&'a str> {
        self.0["description"].as_str()
    }
}

//! A role assignment as its body says it: the one place that knows where in ARM's shape each thing stands.
//!
//! Pure. What a body does not say, or does not say as text, is nothing.

use serde_json::Value;
use uuid::Uuid;

use crate::id::trailing_guid;

/// The kinds of principals that the API describes. Azure may also say `Unknown`, or nothing.
pub(crate) const PRINCIPAL_TYPES: [&str; 5] = ["User", "Group", "ServicePrincipal", "ForeignGroup", "Device"];

/// What a body in ARM shape says of a role assignment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AssignmentBody<'a>(&'a Value);

impl<'a> AssignmentBody<'a> {
    /// Takes any body: one that is no role assignment says nothing.
    #[must_use]
    pub(crate) fn of(body: &'a Value) -> Self {
        Self(&body["properties"])
    }

    /// The scope it applies to.
    #[must_use]
    pub(crate) fn scope(self) -> Option<&'a str> {
        self.0["scope"].as_str()
    }

    /// The object id of the principal, as Azure spells it.
    #[must_use]
    pub(crate) fn principal_id(self) -> Option<&'a str> {
        self.0["principalId"].as_str()
    }

    /// The object id as a GUID.
    #[must_use]
    pub(crate) fn principal(self) -> Option<Uuid> {
        Uuid::try_parse(self.principal_id()?).ok()
    }

    /// The kind of principal, in the spelling of [`PRINCIPAL_TYPES`].
    #[must_use]
    pub(crate) fn principal_type(self) -> Option<&'a str> {
        let written = self.0["principalType"].as_str()?;
        let known = PRINCIPAL_TYPES.into_iter().find(|known| known.eq_ignore_ascii_case(written));
        Some(known.unwrap_or(written))
    }

    /// The id of its role definition, which Azure writes in several forms.
    #[must_use]
    pub(crate) fn role_definition_id(self) -> Option<&'a str> {
        self.0["roleDefinitionId"].as_str()
    }

    /// The GUID of its role.
    #[must_use]
    pub(crate) fn role(self) -> Option<Uuid> {
        self.role_definition_id().and_then(trailing_guid)
    }

    /// The condition under which it applies.
    #[must_use]
    pub(crate) fn condition(self) -> Option<&'a str> {
        self.0["condition"].as_str()
    }

    /// The version of the condition's language.
    #[must_use]
    pub(crate) fn condition_version(self) -> Option<&'a str> {
        self.0["conditionVersion"].as_str()
    }

    /// Who created it, and when.
    #[must_use]
    pub(crate) fn created(self) -> (Option<&'a str>, Option<&'a str>) {
        (self.0["createdBy"].as_str(), self.0["createdOn"].as_str())
    }

    /// Who wrote it last, and when.
    #[must_use]
    pub(crate) fn updated(self) -> (Option<&'a str>, Option<&'a str>) {
        (self.0["updatedBy"].as_str(), self.0["updatedOn"].as_str())
    }

    /// Its description, including a mark if it has one.
    #[must_use]
    pub(crate) fn description(self) -> Option<&'a str> {
        self.0["description"].as_str()
    }
}

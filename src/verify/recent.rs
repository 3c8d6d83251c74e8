//! What is so new that it may not have taken effect everywhere. Pure: the time is a parameter.
//!
//! Azure's answers contain times; what has none may be new.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::body::AssignmentBody;
use crate::id::ResourceId;
use crate::kinds::placed;
use crate::rbac::{Catalogue, Role};

/// Grants, resources and writes older than this have taken effect: Azure promises five minutes for roles, and reports mention ten.
const WINDOW: Duration = Duration::from_mins(10);

/// What is new about a subject.
#[expect(clippy::struct_excessive_bools, reason = "four facts that have nothing to do with each other")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Recent {
    /// A role assignment that would allow the caller to call.
    pub grant: bool,
    /// The deployment or project.
    pub made: bool,
    pub account: bool,
    /// The last write to the account.
    pub written: bool,
}

/// The caller and the current time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Looking {
    /// The object id of the caller, if its token has one.
    pub caller: Option<Uuid>,
    /// The current time.
    pub now: Timestamp,
}

impl Looking {
    /// Whether a time is within the window. Clocks differ: a future time is new.
    fn is_new(&self, time: Option<&str>) -> bool {
        let time = time.and_then(|text| text.parse::<Timestamp>().ok());
        time.is_none_or(|time| time.duration_until(self.now).unsigned_abs() < WINDOW || time > self.now)
    }

    /// Whether a resource was just created.
    pub(super) fn made(&self, body: &Value) -> bool {
        let made = &body["systemData"]["createdAt"];
        self.is_new(if made.is_null() { &body["properties"]["dateCreated"] } else { made }.as_str())
    }

    /// Whether a resource was just written.
    pub(super) fn written(&self, body: &Value) -> bool {
        let written = &body["systemData"]["lastModifiedAt"];
        if written.is_null() { self.made(body) } else { self.is_new(written.as_str()) }
    }

    /// Whether one of these role assignments is new, applies to the account and would allow the caller to call models. A group's may:
    /// whether the caller is a member is not known.
    pub(super) fn granted<'a>(
        &self,
        account: &ResourceId,
        assignments: impl IntoIterator<Item = &'a Value>,
        roles: &Catalogue,
    ) -> bool {
        assignments.into_iter().any(|body| {
            let Some(scope) = placed(body).map(|id| id.scope()) else { return false };
            let said = AssignmentBody::of(body);
            let reaches =
                scope.subscription_id().is_none() || scope.contains(account) || account.contains(&scope);
            let is_new = self.is_new(said.created().1) || self.is_new(said.updated().1);
            let group = said.principal_type().unwrap_or_default().to_ascii_lowercase().ends_with("group");
            let caller = said.principal();
            let role = said.role().and_then(|id| roles.by_id(id));
            reaches
                && is_new
                && (group || (caller.is_some() && caller == self.caller))
                && role.is_none_or(Role::gives_inference)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ACCOUNT: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/chat";
    const ME: &str = "aaaaaaaa-0000-4000-8000-000000000001";
    const USER: &str = "a97b65f3-24c7-4388-baec-2e87135dc908";
    const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

    fn looking() -> Looking {
        Looking { caller: Uuid::try_parse(ME).ok(), now: "2026-11-26T12:00:00Z".parse().expect("a time") }
    }

    #[test]
    fn what_is_new_is_no_older_than_ten_minutes() {
        for (time, new) in [
            (json!("2026-11-26T11:50:01Z"), true),
            (json!("2026-11-26T11:50:00Z"), false),
            (json!("2026-11-26T12:03:00.1234567Z"), true),
            (json!("2027-11-26T12:03:00Z"), true),
            (json!("2020-01-01T00:00:00Z"), false),
            (json!(null), true),
            (json!("yesterday"), true),
        ] {
            assert_eq!(looking().is_new(time.as_str()), new, "{time}");
        }
    }

    #[test]
    fn a_write_is_the_last_one_and_a_making_stands_in_for_it_where_azure_shows_none() {
        let (new, old) = ("2026-11-26T11:59:00Z", "2026-11-26T08:00:00Z");
        for (body, made, written) in [
            (json!({"systemData": {"createdAt": old, "lastModifiedAt": new}}), false, true),
            (json!({"systemData": {"createdAt": new, "lastModifiedAt": old}}), true, false),
            (json!({"systemData": {"createdAt": old}}), false, false),
            (json!({"properties": {"dateCreated": old}}), false, false),
            (json!({"properties": {"dateCreated": new}}), true, true),
            (json!({"properties": {"dateCreated": new}, "systemData": {"createdAt": old}}), false, false),
            (json!({}), true, true),
        ] {
            assert_eq!((looking().made(&body), looking().written(&body)), (made, written), "{body}");
        }
    }

    #[test]
    fn only_a_new_grant_that_would_let_the_caller_in_is_waited_for() {
        let group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg";
        let other = format!("{group}/providers/Microsoft.CognitiveServices/accounts/other");
        let project = format!("{ACCOUNT}/projects/team");
        let (new, old, bob) =
            ("2026-11-26T11:59:00Z", "2026-11-26T08:00:00Z", "bbbbbbbb-0000-4000-8000-000000000002");
        let custom = "c0570000-0000-4000-8000-000000000001";
        for (scope, principal, kind, role, time, counts) in [
            (ACCOUNT, ME, "ServicePrincipal", USER, new, true),
            (group, ME, "User", USER, new, true),
            (project.as_str(), ME, "User", USER, new, true),
            ("/providers/Microsoft.Management/managementGroups/m", ME, "User", USER, new, true),
            (ACCOUNT, bob, "Group", USER, new, true),
            (ACCOUNT, bob, "ForeignGroup", USER, new, true),
            (ACCOUNT, ME, "User", custom, new, true),
            (ACCOUNT, bob, "User", USER, new, false),
            (other.as_str(), ME, "User", USER, new, false),
            (ACCOUNT, ME, "User", READER, new, false),
            (ACCOUNT, ME, "User", USER, old, false),
        ] {
            let body = json!({
                "id": format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{ME}"),
                "properties": {
                    "principalId": principal, "principalType": kind, "createdOn": time, "updatedOn": time,
                    "roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{role}"),
                },
            });
            let account = ResourceId::parse(ACCOUNT).expect("an id");
            let granted = |looking: Looking| looking.granted(&account, [&body], &Catalogue::default());
            assert_eq!(granted(looking()), counts, "{body}");
            // Without a caller in the token only groups are left.
            let nobody = Looking { caller: None, ..looking() };
            assert_eq!(granted(nobody), counts && kind.ends_with("Group"), "{body}");
        }
    }
}

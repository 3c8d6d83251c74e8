//! What a request does, in the words of roles and of the activity log.
//!
//! `Microsoft.CognitiveServices/accounts/write`, and the scope that it is over. Pure.

use axum::http::Method;

#[cfg(test)]
use crate::sandbox::http::{Caller, segments};
use crate::sandbox::http::{Request, scope};

/// Types that another type's operation permits to read, as documented.
const READ_AS: &[(&str, &str)] =
    &[("microsoft.authorization/roleassignmentscheduleinstances", "Microsoft.Authorization/roleAssignments")];
/// Types read with `POST`, which an operation `read` permits, as documented.
const QUESTIONS: &[&str] = &["checkpolicyrestrictions"];

/// An operation and its scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Action {
    pub(crate) name: String,
    /// Id of the resource; for a list, the scope of the list.
    pub(crate) scope: String,
}

/// The operation of a request; none for lists at tenant level.
pub(crate) fn of(request: &Request) -> Option<Action> {
    let segments = &request.segments[..];
    let (path, verb) = match (&request.method, segments.split_last()) {
        // https://learn.microsoft.com/azure/azure-monitor/logs/manage-access
        (&Method::POST, Some((last, above))) if last.eq_ignore_ascii_case("logs") => {
            (above, String::from("logs/AzureDiagnostics/read"))
        }
        (&Method::POST, Some((last, above))) => {
            let question = QUESTIONS.iter().any(|known| last.eq_ignore_ascii_case(known));
            (above, format!("{last}/{}", if question { "read" } else { "action" }))
        }
        (&Method::GET | &Method::HEAD, _) => (segments, String::from("read")),
        (&Method::DELETE, _) => (segments, String::from("delete")),
        _ => (segments, String::from("write")),
    };
    let (mut kind, end) = kind(path)?;
    if verb == "read"
        && let Some((_, other)) = READ_AS.iter().find(|(known, _)| kind.eq_ignore_ascii_case(known))
    {
        (*other).clone_into(&mut kind);
    }
    Some(Action { name: format!("{kind}/{verb}"), scope: scope::join(&path[..end]) })
}

/// Type of the resource that a path names, and how many of its segments are the scope.
fn kind(path: &[String]) -> Option<(String, usize)> {
    let names: Vec<String> = path.iter().map(|segment| segment.to_lowercase()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let groups = || String::from("Microsoft.Resources/subscriptions/resourceGroups");
    match names.as_slice() {
        ["subscriptions", _] => Some((String::from("Microsoft.Resources/subscriptions"), 2)),
        ["subscriptions", _, "resourcegroups"] => Some((groups(), 2)),
        ["subscriptions", _, "resourcegroups", _] => Some((groups(), 4)),
        // A `POST` to a provider, not to a resource of it.
        [.., "providers", _] => Some((path.last()?.clone(), path.len())),
        _ => {
            let target = scope::split(path)?;
            let types: Vec<&str> = target.rest.iter().step_by(2).map(String::as_str).collect();
            let list = !target.rest.len().is_multiple_of(2);
            Some((format!("{}/{}", target.namespace, types.join("/")), path.len() - usize::from(list)))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::*;

    fn action(method: &Method, path: &str) -> Option<(String, String)> {
        let request = Request {
            method: method.clone(),
            path: path.to_owned(),
            segments: segments(path),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: Vec::new(),
            id: String::new(),
            origin: String::new(),
            caller: Caller::without_token(),
        };
        of(&request).map(|action| (action.name, action.scope))
    }

    #[test]
    fn requests_are_named_as_roles_name_them() {
        let account = "/subscriptions/s/resourceGroups/g/providers/A.B/accounts/a";
        let group = "/subscriptions/s/resourceGroups/g";
        let assignment = format!("{account}/providers/Microsoft.Authorization/roleAssignments/n");
        let instances = format!("{group}/providers/Microsoft.Authorization/roleAssignmentScheduleInstances");
        for (method, path, name, scope) in [
            (Method::GET, account, "A.B/accounts/read", account),
            (Method::PUT, account, "A.B/accounts/write", account),
            (Method::PATCH, account, "A.B/accounts/write", account),
            (Method::DELETE, account, "A.B/accounts/delete", account),
            (Method::POST, &format!("{account}/listKeys"), "A.B/accounts/listKeys/action", account),
            (Method::GET, &format!("{account}/deployments"), "A.B/accounts/deployments/read", account),
            (
                Method::GET,
                &format!("{group}/providers/A.B/accounts"),
                "A.B/accounts/read",
                &format!("{group}/providers/A.B"),
            ),
            (Method::PUT, &assignment, "Microsoft.Authorization/roleAssignments/write", &assignment),
            (
                Method::GET,
                &instances,
                "Microsoft.Authorization/roleAssignments/read",
                &format!("{group}/providers/Microsoft.Authorization"),
            ),
            (
                Method::POST,
                &format!("{group}/providers/Microsoft.PolicyInsights/checkPolicyRestrictions"),
                "Microsoft.PolicyInsights/checkPolicyRestrictions/read",
                &format!("{group}/providers/Microsoft.PolicyInsights"),
            ),
            (Method::HEAD, group, "Microsoft.Resources/subscriptions/resourceGroups/read", group),
            (
                Method::GET,
                "/subscriptions/s/resourceGroups",
                "Microsoft.Resources/subscriptions/resourceGroups/read",
                "/subscriptions/s",
            ),
        ] {
            assert_eq!(action(&method, path), Some((name.to_owned(), scope.to_owned())), "{method} {path}");
        }
        assert_eq!(action(&Method::GET, "/subscriptions"), None);
    }
}

//! Remedies for errors: by ARM's code, otherwise by their kind. Pure; one table.

use super::error::{Error, ErrorKind};
use super::exchange::Method;

/// ARM's codes with a known remedy.
const BY_CODE: &[(&str, &str)] = &[
    ("ScopeLocked", "a lock on the resource or a parent scope prevents this: remove the lock first"),
    (
        "RequestDisallowedByPolicy",
        "Azure Policy denies this: change the spec, or request an exemption from the policy assignment in the message",
    ),
    (
        "MissingSubscriptionRegistration",
        "register the provider once: `az provider register --namespace Microsoft.CognitiveServices`",
    ),
    ("SubscriptionNotFound", "check the subscription id, and that the credential belongs to its tenant"),
    ("InvalidSubscriptionId", "check the subscription id in the spec"),
    (
        "InvalidAuthenticationTokenTenant",
        "the credential belongs to a different tenant than the subscription: sign in to the subscription's tenant",
    ),
    (
        "InvalidAuthenticationTokenAudience",
        "the token is for another service or cloud: check `--cloud` and `--arm-endpoint`",
    ),
    ("ExpiredAuthenticationToken", "the token has expired: sign in again"),
    ("InvalidAuthenticationToken", "the token is not valid here: sign in again, and check `--cloud`"),
    ("AuthenticationFailed", "sign in again, and check `--cloud`"),
    ("ResourceGroupNotFound", "create the resource group, or correct its name"),
    (
        "PrincipalNotFound",
        "check the object id and its tenant; a new principal can take a few minutes to become visible, less if the spec sets `type`",
    ),
    (
        "RoleAssignmentExists",
        "the principal already has this role at this scope through another assignment: run the command again",
    ),
    ("RoleDefinitionDoesNotExist", "check the role's name or GUID"),
    (
        "RoleAssignmentLimitExceeded",
        "the subscription has as many role assignments as Azure allows: delete some, or assign roles to groups",
    ),
    (
        "FlagMustBeSetForRestore",
        "a soft-deleted account has this name: set `onSoftDeleted: restore` or `purge`",
    ),
    ("CustomDomainInUse", "choose another `customSubDomainName`: soft-deleted accounts keep theirs too"),
    ("InsufficientQuota", "request more quota, or lower the capacity"),
    (
        "RequestConflict",
        "another operation is changing the parent resource: wait for it to finish, then run the command again",
    ),
    (
        "AccountProvisioningStateInvalid",
        "another operation is changing the account: wait for it to finish, then run the command again",
    ),
];

pub(super) fn hint(error: &Error) -> Option<String> {
    if let Some(advice) = &error.advice {
        return Some(advice.clone());
    }
    let text = error.message.as_deref().unwrap_or_default();
    if error.kind == ErrorKind::Denied
        && let Some(needed) = needed_permission(text)
    {
        return Some(format!("{needed}; a new role assignment takes a few minutes to take effect"));
    }
    if let Some((_, hint)) = BY_CODE.iter().find(|(code, _)| error.has_code(code)) {
        return Some((*hint).to_owned());
    }
    let hint = match (error.kind, error.status) {
        (ErrorKind::Denied, Some(401)) => {
            "sign in again, and check that the credential belongs to the subscription's tenant and cloud"
        }
        (ErrorKind::Denied, _) => {
            return Some(match asked_for(error) {
                Some((action, scope)) => format!("the caller needs `{action}` at `{scope}`"),
                None => "the caller lacks the permission that this request needs".to_owned(),
            });
        }
        (ErrorKind::Throttled, _) => {
            "Azure limits requests per subscription: try again later, or lower `--parallelism`"
        }
        (ErrorKind::Network, _) if text.contains("certificate") => {
            "the certificate is not trusted: for a proxy that inspects TLS, or a sandbox, set `SSL_CERT_FILE` to its CA certificate"
        }
        (ErrorKind::Network, _) => {
            "check the network, DNS and proxy (HTTPS_PROXY, NO_PROXY) between here and Azure"
        }
        (ErrorKind::Unavailable, _) => {
            "Azure is failing: try again later, and check https://status.azure.com"
        }
        (ErrorKind::Unreadable, _) => "a proxy may be answering instead of Azure: check HTTPS_PROXY",
        (ErrorKind::Origin, _) => {
            "do not trust this server: check the endpoint and any proxy before trying again"
        }
        (ErrorKind::Interrupted | ErrorKind::TimedOut, _) => {
            "run the command again: it does not repeat what was done"
        }
        (
            ErrorKind::NotFound
            | ErrorKind::Conflict
            | ErrorKind::Invalid
            | ErrorKind::OperationFailed
            | ErrorKind::SignIn,
            _,
        ) => {
            return None;
        }
    };
    Some(hint.to_owned())
}

/// "does not have authorization to perform action 'A' over scope 'S'", and the linked form with "permission".
fn needed_permission(message: &str) -> Option<String> {
    // The linked form first names the caller's existing permissions.
    let start = message.find("does not have")?;
    let rest = &message[start..];
    let (action, rest) = quoted_after(rest, "perform action")?;
    let scope = quoted_after(rest, "scope").map(|(scope, _)| scope);
    Some(match scope {
        Some(scope) => format!("the caller needs `{action}` at `{}`", assignable(scope)),
        None => format!("the caller needs `{action}` at this scope"),
    })
}

/// The action that a request needs, and the scope, from its method and path: for denials whose text does not say it.
fn asked_for(error: &Error) -> Option<(String, &str)> {
    let path = error.path.split('?').next().filter(|path| !path.contains('…'))?;
    let (holder, own) = path.rsplit_once("/providers/")?;
    let parts: Vec<&str> = own.split('/').collect();
    let (provider, names) = parts.split_first()?;
    let types: Vec<&str> = names.iter().step_by(2).copied().collect();
    let is_list = names.len() % 2 == 1;
    let (types, verb) = match (&error.method, types.as_slice()) {
        (_, []) => return None,
        (Method::Get, types) => (types, "read".to_owned()),
        (Method::Delete, types) => (types, "delete".to_owned()),
        (Method::Post, [types @ .., action]) if is_list && !types.is_empty() => {
            (types, format!("{action}/action"))
        }
        (Method::Put | Method::Patch, types) => (types, "write".to_owned()),
        (Method::Ask | Method::Post, _) => return None,
    };
    let of = |end: &str| path.strip_suffix(end).unwrap_or(path);
    let scope = match names {
        [_] => holder,
        [.., last] if is_list => of(last).trim_end_matches('/'),
        _ => path,
    };
    (!scope.is_empty()).then(|| (format!("{provider}/{}/{verb}", types.join("/")), assignable(scope)))
}

/// The scope at which a role can be assigned: Azure's errors also name providers and locations, where no role can be assigned.
fn assignable(scope: &str) -> &str {
    let Some((holder, below)) = scope.rsplit_once("/providers/") else { return scope };
    let mut names = below.split('/').skip(1);
    let is_resource =
        names.next().is_some_and(|kind| !kind.eq_ignore_ascii_case("locations")) && names.next().is_some();
    if is_resource || holder.is_empty() { scope } else { holder }
}

fn quoted_after<'a>(text: &'a str, words: &str) -> Option<(&'a str, &'a str)> {
    let rest = &text[text.find(words)? + words.len()..];
    let start = rest.find('\'')? + 1;
    let length = rest[start..].find('\'')?;
    Some((&rest[start..start + length], &rest[start + length + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::Method;

    fn denied(code: &str, message: &str) -> Option<String> {
        let mut details = (*Error::new(ErrorKind::Denied, Method::Put, "/x", message)).clone();
        details.code = Some(code.to_owned());
        details.status = Some(403);
        Error::from_details(details).hint()
    }

    #[test]
    fn a_denial_without_words_names_what_its_request_needs() {
        let account = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/a";
        let group = "/subscriptions/s/resourceGroups/g";
        for (method, path, action, scope) in [
            (Method::Put, account.to_owned(), "accounts/write", account),
            (
                Method::Delete,
                format!("{account}/deployments/d?api-version=1"),
                "accounts/deployments/delete",
                "/deployments/d",
            ),
            (Method::Get, format!("{account}/deployments"), "accounts/deployments/read", account),
            (
                Method::Get,
                format!("{group}/providers/Microsoft.CognitiveServices/accounts"),
                "accounts/read",
                group,
            ),
            (Method::Post, format!("{account}/listKeys?api-version=1"), "accounts/listKeys/action", account),
        ] {
            let mut details = (*Error::new(ErrorKind::Denied, method, path, "no")).clone();
            details.status = Some(403);
            let said = Error::from_details(details).hint().unwrap();
            let wanted = format!("the caller needs `Microsoft.CognitiveServices/{action}` at `");
            assert!(said.starts_with(&wanted) && said.ends_with(&format!("{scope}`")), "{said}");
        }
        assert!(denied("X", "no").unwrap().contains("this request needs"));
    }

    #[test]
    fn a_denial_names_the_permission_and_the_scope_that_azure_named() {
        let plain = "The client 'a@b' with object id 'o' does not have authorization to perform action 'Microsoft.Authorization/roleAssignments/write' over scope '/subscriptions/s/resourceGroups/g' or the scope is invalid. If access was recently granted, please refresh your credentials.";
        assert_eq!(
            denied("AuthorizationFailed", plain).unwrap(),
            "the caller needs `Microsoft.Authorization/roleAssignments/write` at `/subscriptions/s/resourceGroups/g`; a new role assignment takes a few minutes to take effect"
        );
        for (scope, place) in [
            (
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices",
                "/subscriptions/s/resourceGroups/g",
            ),
            ("/subscriptions/s/providers/Microsoft.CognitiveServices/locations/eastus2", "/subscriptions/s"),
            ("/subscriptions/s/providers/Microsoft.X", "/subscriptions/s"),
            (
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.X/accounts/a",
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.X/accounts/a",
            ),
            (
                "/providers/Microsoft.Management/managementGroups/mg",
                "/providers/Microsoft.Management/managementGroups/mg",
            ),
        ] {
            assert_eq!(assignable(scope), place, "{scope}");
        }
        let linked = "The client 'a' has permission to perform action 'Microsoft.CognitiveServices/accounts/write' on scope '/x'; however, it does not have permission to perform action(s) 'Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action' on the linked scope(s) '/y' (respectively).";
        assert!(denied("LinkedAuthorizationFailed", linked).unwrap().starts_with(
            "the caller needs `Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action` at `/y`"
        ));
        assert!(denied("RequestDisallowedByPolicy", "no").unwrap().contains("Azure Policy"));
        assert!(denied("Other", "it does not have authorization to perform action 'unclosed").is_some());
    }
}

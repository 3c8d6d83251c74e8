//! Who may call the models of an account: network, key or token, and the role behind a token.
//!
//! Texts are Azure's as they are publicly known; docs/sandbox.md names what is ours.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::account_body;
use super::caller;
use super::directory;
use super::errors::error;
use super::http::{Caller, Reply, Request};
use super::role_assignments;
use super::role_definitions;
use super::state::{Account, Permission, RoleAssignment};
use super::token::{self, Claims};
use super::world::World;

/// What is called: the account, or one of its projects.
#[derive(Debug, Clone, Copy)]
pub(super) enum Endpoint<'a> {
    Account,
    Project(&'a str),
}

impl Endpoint<'_> {
    /// Resource that a token must be for.
    fn audience(self) -> &'static str {
        match self {
            Self::Account => "https://cognitiveservices.azure.com",
            // https://github.com/microsoft/agent-framework/issues/7201
            Self::Project(_) => "https://ai.azure.com",
        }
    }
}

/// The address that every caller of the sandbox has.
const HERE: std::net::Ipv4Addr = std::net::Ipv4Addr::LOCALHOST;

/// Refuses what the account's network rules refuse.
pub(super) fn check_network(account: &Account) -> Result<(), Reply> {
    if account.properties.get("publicNetworkAccess").and_then(Value::as_str) == Some("Disabled") {
        // https://github.com/TabularEditor/TabularEditor3/issues/1557
        return Err(error(403, "403", "Public access is disabled. Please configure private endpoint."));
    }
    let Some(rules) = account.properties.get("networkAcls") else { return Ok(()) };
    let listed = rules.get("ipRules").and_then(Value::as_array).into_iter().flatten();
    let mut ranges = listed.filter_map(|rule| rule.get("value").and_then(Value::as_str));
    let denies = rules.get("defaultAction").and_then(Value::as_str) == Some("Deny");
    if denies && !ranges.any(covers_here) {
        // https://github.com/Azure-Samples/azure-sql-db-chatbot/issues/3
        return Err(error(403, "403", "Access denied due to Virtual Network/Firewall rules."));
    }
    Ok(())
}

fn covers_here(range: &str) -> bool {
    let (address, length) = range.split_once('/').unwrap_or((range, "32"));
    let (Ok(address), Ok(length)) = (address.parse::<std::net::Ipv4Addr>(), length.parse::<u32>()) else {
        return false;
    };
    let mask = u32::MAX.checked_shl(32_u32.saturating_sub(length)).unwrap_or_default();
    u32::from(address) & mask == u32::from(HERE) & mask
}

/// The caller behind a token, nobody behind a key that fits, or the refusal.
pub(super) fn authenticate(
    world: &World,
    request: &Request,
    account: &Account,
    endpoint: Endpoint,
) -> Result<Option<Caller>, Reply> {
    let bearer = caller::bearer(request.header("authorization"));
    // Clients with a key send it as `api-key`, as a bearer token, or both.
    let key = request
        .header("api-key")
        .or_else(|| request.header("ocp-apim-subscription-key"))
        .or(bearer.filter(|text| looks_like_key(text)));
    if let Some(key) = key {
        return check_key(world, account, key).map(|()| None);
    }
    let Some(bearer) = bearer else {
        let message = "Access denied due to missing subscription key. Make sure to include subscription key when \
                       making requests to an API.";
        return Err(error(401, "401", message));
    };
    if account.subdomain().is_none() {
        // https://github.com/Azure/azure-sdk-for-net/issues/12789
        let message = "Please provide a custom subdomain for token authentication, otherwise API key is required. \
                       (Please see https://aka.ms/cogsvc-authenticatewithtoken)";
        return Err(error(400, "BadRequest", message));
    }
    let claims = if world.strict {
        let claims = token::verify(&world.state.secret, bearer);
        claims.filter(|claims| claims.exp > world.now.as_second()).ok_or_else(|| unauthorised(endpoint))?
    } else {
        token::read::<Claims>(bearer).unwrap_or_default()
    };
    let (sent, wanted) = (claims.aud.trim_end_matches('/'), endpoint.audience());
    let any = sent.is_empty() && !world.strict;
    if !(any || sent.eq_ignore_ascii_case(wanted)) {
        return Err(unauthorised(endpoint));
    }
    Ok(Some(caller::named(claims)))
}

fn unauthorised(endpoint: Endpoint) -> Reply {
    let message = format!(
        "Unauthorized. Access token is missing, invalid, audience is incorrect ({}), or have expired.",
        endpoint.audience()
    );
    error(401, "401", &message)
}

/// Keys are 32 hexadecimal digits, or 84 letters and digits in Azure of late; a token has dots.
fn looks_like_key(text: &str) -> bool {
    [32, 84].contains(&text.len()) && text.bytes().all(|letter| letter.is_ascii_alphanumeric())
}

fn check_key(world: &World, account: &Account, sent: &str) -> Result<(), Reply> {
    if account.properties.get("disableLocalAuth") == Some(&Value::Bool(true)) {
        let message = "Key based authentication is disabled for this resource.";
        return Err(error(403, "AuthenticationTypeDisabled", message));
    }
    // Hashes, so that how long it takes tells nothing.
    let hash = |text: &str| Sha256::digest(text.as_bytes());
    let sent = hash(sent);
    if (0..2).any(|index| hash(&account_body::key(account, &world.state.secret, index)) == sent) {
        return Ok(());
    }
    let message = "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid \
                   key for an active subscription and use a correct regional API endpoint for your resource.";
    Err(error(401, "401", message))
}

/// Refuses a caller without a role that has the data action, at the account (or project) or above.
pub(super) fn authorise(
    world: &World,
    account: &Account,
    endpoint: Endpoint,
    caller: &Caller,
    action: &str,
    operation: &str,
) -> Result<(), Reply> {
    let mut scope = account.key();
    if let Endpoint::Project(project) = endpoint {
        scope = format!("{scope}/projects/{}", project.to_lowercase());
    }
    let mut principals = directory::groups_of(world, &caller.object_id);
    principals.push(caller.object_id.to_lowercase());
    let granted = role_assignments::at_or_above(world, &scope).any(|assignment| {
        principals.iter().any(|principal| assignment.principal_id.eq_ignore_ascii_case(principal))
            && has_spread(world, assignment)
            && role_definitions::find(world, &assignment.role)
                .is_some_and(|role| role.permissions.iter().any(|permission| gives(permission, action)))
    });
    if granted {
        return Ok(());
    }
    let message = format!(
        "The principal `{}` lacks the required data action `{action}` to perform `{operation}` operation.",
        caller.object_id
    );
    Err(error(401, "PermissionDenied", &message))
}

/// Whether an assignment is old enough to have reached the data plane.
fn has_spread(world: &World, assignment: &RoleAssignment) -> bool {
    let Ok(made) = assignment.created_on.parse::<Timestamp>() else { return true };
    world.now.duration_since(made) >= world.role_propagation.max(SignedDuration::ZERO)
}

fn gives(permission: &Permission, action: &str) -> bool {
    let any = |patterns: &[String]| patterns.iter().any(|pattern| fits(pattern, action));
    any(&permission.data_actions) && !any(&permission.not_data_actions)
}

/// Whether a pattern, in which each `*` stands for anything, covers an action.
fn fits(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_lowercase(), action.to_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = action.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_and_the_rest_for_itself() {
        let chat = "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action";
        for pattern in [
            "*",
            "Microsoft.CognitiveServices/*",
            "microsoft.cognitiveservices/accounts/openai/*",
            "Microsoft.CognitiveServices/*/action",
            "Microsoft.CognitiveServices/accounts/*/chat/*/action",
            chat,
        ] {
            assert!(fits(pattern, chat), "{pattern}");
        }
        for pattern in [
            "",
            "Microsoft.CognitiveServices/*/read",
            "Microsoft.CognitiveServices/accounts/MaaS/*",
            "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions",
            "*/actio",
            "action",
        ] {
            assert!(!fits(pattern, chat), "{pattern}");
        }
        assert!(!fits("*ab*ab", "xab"), "no letter serves twice");
    }

    #[test]
    fn ranges_cover_loopback_or_not() {
        for (range, covered) in [
            ("127.0.0.1", true),
            ("127.0.0.0/8", true),
            ("0.0.0.0/0", true),
            ("127.0.0.2", false),
            ("203.0.113.0/24", false),
            ("::1", false),
        ] {
            assert_eq!(covers_here(range), covered, "{range}");
        }
    }
}

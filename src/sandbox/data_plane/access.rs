//! Who may call the models of an account: network, key or token, and the role behind a token.
//!
//! Texts are Azure's where they are publicly known; docs/sandbox.md lists those that are ours.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::sandbox::arm::cognitive::account_body;
use crate::sandbox::arm::rbac::access;
use crate::sandbox::entra::token::Claims;
use crate::sandbox::entra::{caller, token};
use crate::sandbox::http::errors::error;
use crate::sandbox::http::{Caller, Reply, Request};
use crate::sandbox::state::{Account, World};

/// What is called: the account, its route for models of Anthropic, or one of its projects.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Endpoint<'a> {
    Account,
    Anthropic,
    Project(&'a str),
}

impl Endpoint<'_> {
    /// Resource that a token must be for.
    fn audience(self) -> &'static str {
        match self {
            Self::Account => "https://cognitiveservices.azure.com",
            // https://github.com/microsoft/agent-framework/issues/7201 and https://github.com/Azure-Samples/claude/issues/40
            Self::Project(_) | Self::Anthropic => "https://ai.azure.com",
        }
    }
}

/// Address of every caller of the sandbox.
const HERE: std::net::Ipv4Addr = std::net::Ipv4Addr::LOCALHOST;

/// Applies the account's network rules.
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

/// The caller of a token, `nobody` for a valid key, or the refusal.
pub(crate) fn authenticate(
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
    // Without an envelope: https://github.com/Azure/azure-sdk-for-net/issues/55036.
    Reply::json(401, &json!({"statusCode": 401, "message": message}))
}

/// Whether a credential is a key: 32 hexadecimal digits, or 84 letters and digits as Azure makes them now. A token has dots.
fn looks_like_key(text: &str) -> bool {
    [32, 84].contains(&text.len()) && text.bytes().all(|letter| letter.is_ascii_alphanumeric())
}

fn check_key(world: &World, account: &Account, sent: &str) -> Result<(), Reply> {
    if account.properties.get("disableLocalAuth") == Some(&Value::Bool(true)) {
        let message = "Key based authentication is disabled for this resource.";
        return Err(error(403, "AuthenticationTypeDisabled", message));
    }
    // Compares hashes, so that timing reveals nothing.
    let hash = |text: &str| Sha256::digest(text.as_bytes());
    let sent = hash(sent);
    if (0..2).any(|index| hash(&account_body::key(account, &world.state.secret, index)) == sent) {
        return Ok(());
    }
    let message = "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid \
                   key for an active subscription and use a correct regional API endpoint for your resource.";
    Err(error(401, "401", message))
}

/// Refuses a caller who has no role with the data action at or above the account (or project).
pub(super) fn authorise(
    world: &World,
    account: &Account,
    endpoint: Endpoint,
    caller: &Caller,
    action: &str,
    operation: &str,
) -> Result<(), Reply> {
    let (mut scope, mut help) = (account.key(), "");
    if let Endpoint::Project(project) = endpoint {
        scope = format!("{scope}/projects/{}", project.to_lowercase());
        // https://github.com/microsoft/ai-agent-evals/issues/43
        help =
            " For instructions on granting the necessary permissions, see https://aka.ms/FoundryPermissions.";
    }
    if access::has_data_action(world, caller, action, &scope) {
        return Ok(());
    }
    let message = format!(
        "The principal `{}` lacks the required data action `{action}` to perform `{operation}` operation.{help}",
        caller.object_id
    );
    Err(error(401, "PermissionDenied", &message))
}

#[cfg(test)]
mod tests {
    use super::*;

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

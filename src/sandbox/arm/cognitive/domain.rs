//! `checkDomainAvailability`: whether a custom subdomain is available.
//!
//! Input is the world and a request; output the answer. Changes nothing.

use serde_json::{Value, json};

use super::accounts::subdomain_taken;
use crate::sandbox::http::{Reply, Request, errors};
use crate::sandbox::state::World;

/// `POST checkDomainAvailability`; names are unique across all subscriptions.
pub(crate) fn check(world: &World, request: &Request) -> Result<Reply, Reply> {
    let sent = request.json_object()?;
    let text = |name: &str| {
        let missing =
            || errors::invalid_content(&format!("Required property '{name}' not found in JSON. Path ''"));
        sent.get(name).and_then(Value::as_str).ok_or_else(missing)
    };
    let (name, kind) = (text("subdomainName")?, text("type")?);
    let reason = if !is_label(name) {
        Some(format!("Sub domain name '{name}' is not valid"))
    } else if subdomain_taken(world, name, "") {
        Some(format!("Sub domain name '{name}' is already used. Please pick a different name."))
    } else {
        None
    };
    let mut answer = json!({"isSubdomainAvailable": reason.is_none(), "subdomainName": name, "type": kind});
    if let Some(reason) = reason {
        answer["reason"] = Value::String(reason);
    }
    if let Some(kind) = sent.get("kind").filter(|kind| kind.is_string()) {
        answer["kind"] = kind.clone();
    }
    Ok(Reply::json(200, &answer))
}

/// Whether a name can start a host name: 2 to 64 letters, digits and inner dashes.
fn is_label(name: &str) -> bool {
    let letters = name.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'-');
    letters && (2..=64).contains(&name.len()) && !name.starts_with('-') && !name.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_host_name_can_begin_with_is_a_subdomain() {
        for good in ["chat-eu", "ab", "A1"] {
            assert!(is_label(good), "{good}");
        }
        for bad in ["", "a", "-ab", "ab-", "a_b", "a.b", "ü-eu", &"a".repeat(65)] {
            assert!(!is_label(bad), "{bad}");
        }
    }
}

//! What the descriptions do not cover, by name.
//!
//! Input is an exchange; output is the provider that a description may cover, or a label to count it under.

use super::super::exchange::Exchange;

/// Resource types of described providers that no file here describes.
const OUTSIDE: [(&str, &str, &str); 12] = [
    ("microsoft.cognitiveservices", "operationresults", "polling"),
    ("microsoft.cognitiveservices", "operationsstatus", "polling"),
    ("microsoft.cognitiveservices", "capabilityhosts", "capability hosts"),
    ("microsoft.authorization", "locks", "locks"),
    ("microsoft.authorization", "policyassignments", "policies"),
    ("microsoft.authorization", "policydefinitions", "policies"),
    ("microsoft.authorization", "roleassignmentscheduleinstances", "temporary assignments"),
    ("microsoft.authorization", "roleeligibilityscheduleinstances", "temporary assignments"),
    ("microsoft.insights", "diagnosticsettings", "diagnostic settings"),
    ("microsoft.insights", "diagnosticsettingscategories", "diagnostic settings"),
    ("microsoft.insights", "logs", "queries of the request log"),
    ("microsoft.insights", "metrics", "metrics"),
];

/// The provider's namespace, or the label of something that is not described.
pub(crate) fn label(exchange: &Exchange, segments: &[String]) -> Result<String, String> {
    let lower: Vec<String> = segments.iter().map(|segment| segment.to_lowercase()).collect();
    if let Some(namespace) = provider(&lower) {
        let named = |(of, kind, _): &&(&str, &str, &str)| {
            *of == namespace && lower.iter().any(|segment| segment == kind)
        };
        if let Some((_, _, label)) = OUTSIDE.iter().find(named) {
            return Err((*label).to_owned());
        }
        // The permissions of a whole subscription are asked for, and only groups and resources are described.
        let last = lower.last().map(String::as_str);
        if namespace == "microsoft.authorization" && last == Some("permissions") && lower.len() == 5 {
            return Err("permissions of a subscription".to_owned());
        }
        return Ok(namespace);
    }
    let host = exchange.url.host_str().unwrap_or_default();
    let first = lower.first().map(String::as_str).unwrap_or_default();
    let has = |name: &str| lower.iter().any(|segment| segment == name);
    Err(match first {
        _ if host.starts_with("graph.") => "Graph",
        "v1.0" | "beta" => "Graph",
        "_sandbox" => "sandbox control",
        "metadata" => "metadata of the cloud",
        "openai" | "models" | "_data" => "data plane",
        "tenants" => "tenants",
        "msi" => "managed identity",
        "subscriptions" if has("resourcegroups") => "resource groups",
        "subscriptions" => "subscriptions",
        _ if has("oauth2") || has(".well-known") || has("discovery") || has("userrealm") => "Entra",
        _ if has("projects") => "data plane",
        _ => "something else",
    }
    .to_owned())
}

/// The namespace after the last `providers`.
fn provider(lower: &[String]) -> Option<String> {
    let at = lower.iter().rposition(|segment| segment == "providers")?;
    lower.get(at + 1).cloned()
}

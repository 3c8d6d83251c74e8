//! An account in spec shape and in ARM shape.

use serde_json::{Map, Value, json};

use crate::kinds::shape::{self, overlay_elements, overlay_identity};
use crate::kinds::{KINDS, Trust, cidr, merge};
use crate::spec::sections;
use crate::text::json::member;

/// Members of a declared account that are not fields of the resource, besides its children.
const NOT_FIELDS: &[&str] = &["name", "existing", "resourceGroup", "expected", "coManagedBy", "keyUsage"];

/// All members of a declared account that are not fields of the resource.
pub(super) fn not_fields() -> Vec<&'static str> {
    let single = KINDS.iter().filter(|kind| kind.only().is_some()).map(|kind| kind.list_name());
    NOT_FIELDS.iter().copied().chain(sections::within("accounts")).chain(single).collect()
}

/// Members that GET shows and PUT does not accept: the read-only ones of the API description, and others that the service adds.
pub(super) const READ_ONLY: &[&str] = &[
    "/id",
    "/name",
    "/type",
    "/etag",
    "/systemData",
    "/identity/principalId",
    "/identity/tenantId",
    "/identity/userAssignedIdentities/*/principalId",
    "/identity/userAssignedIdentities/*/clientId",
    "/properties/abusePenalty",
    // In no description: the service shows it at the versions of 2026.
    "/properties/armFeatures",
    "/properties/backupUpperLimit",
    "/properties/callRateLimit",
    "/properties/capabilities",
    "/properties/commitmentPlanAssociations",
    "/properties/dateCreated",
    "/properties/deletionDate",
    "/properties/endpoint",
    "/properties/endpoints",
    "/properties/internalId",
    "/properties/isMigrated",
    "/properties/privateEndpointConnections",
    "/properties/provisioningState",
    "/properties/quotaLimit",
    "/properties/scheduledPurgeDate",
    "/properties/skuChangeInfo",
];

/// Drops the large read-only maps, which make up nine tenths of an AIServices body, and keeps only the endpoints for models.
pub(super) fn project(mut body: Value) -> Value {
    if let Some(properties) = body.get_mut("properties").and_then(Value::as_object_mut) {
        for name in ["callRateLimit", "capabilities", "skuChangeInfo", "quotaLimit"] {
            properties.remove(name);
        }
        if let Some(endpoints) = properties.get_mut("endpoints").and_then(Value::as_object_mut) {
            endpoints.retain(|name, _| super::ENDPOINTS.contains(&name.as_str()));
        }
    }
    body
}

/// `keySource` for encryption with Microsoft's key.
const MICROSOFT: &str = "Microsoft.CognitiveServices";
/// `keySource` for encryption with the customer's key.
const VAULT: &str = "Microsoft.KeyVault";

/// What a PATCH sends to remove a member; for encryption it names Microsoft's key instead (recorded).
pub(super) fn removing(name: &str) -> Value {
    match name {
        "encryption" => json!({ "keySource": MICROSOFT }),
        "tags" => json!({}),
        _ => Value::Null,
    }
}

/// The role that encryption with a customer-managed key requires. If a system-assigned identity reads the key, the account must exist
/// first, since the identity is created with it: <https://github.com/MicrosoftDocs/azure-ai-docs/pull/814>.
pub(super) fn trust(patch: &Map<String, Value>) -> Option<Trust> {
    let encryption = patch.get("encryption")?;
    let key = &encryption["keyVaultProperties"];
    let source = encryption["keySource"].as_str();
    if !(source.is_some_and(|source| source.eq_ignore_ascii_case(VAULT))
        || (source.is_none() && key.is_object()))
    {
        return None;
    }
    let host = key["keyVaultUri"].as_str().and_then(|uri| url::Url::parse(uri).ok());
    let vault = host.and_then(|url| Some(url.host_str()?.split('.').next()?.to_owned()));
    Some(Trust { field: "encryption", vault, own: key["identityClientId"].is_null() })
}

/// Members of `properties` that have the same name and shape in a spec.
const SAME: &[&str] = &[
    "allowProjectManagement",
    "allowedFqdnList",
    "amlWorkspace",
    "associatedProjects",
    "customSubDomainName",
    "defaultProject",
    "disableLocalAuth",
    "dynamicThrottlingEnabled",
    "encryption",
    "locations",
    "networkInjections",
    "publicNetworkAccess",
    "raiMonitorConfig",
    "restrictOutboundNetworkAccess",
    "storedCompletionsDisabled",
    "userOwnedStorage",
];

/// Members of `apiProperties` that specs have and Azure shows.
const API_PROPERTIES: &[&str] = &[
    "aadClientId",
    "aadTenantId",
    "qnaAzureSearchEndpointId",
    "qnaRuntimeEndpoint",
    "statisticsEnabled",
    "superUser",
    "websiteName",
];

/// Whether an account says that it is encrypted with Microsoft's key, which is also the default.
pub(super) fn is_microsofts(encryption: &Value) -> bool {
    let own = |(name, value): (&String, &Value)| match name.as_str() {
        "keySource" => value.as_str().is_some_and(|source| source.eq_ignore_ascii_case(MICROSOFT)),
        _ => value.is_null(),
    };
    encryption["keySource"].is_string() && encryption.as_object().is_some_and(|map| map.iter().all(own))
}

/// ARM shape to spec shape.
pub(super) fn to_spec(body: &Value) -> Value {
    let mut spec = Map::new();
    let properties = &body["properties"];
    let mut put = |name: &str, value: &Value| {
        if !value.is_null() {
            spec.insert(name.to_owned(), value.clone());
        }
    };
    put("location", &body["location"]);
    put("kind", &body["kind"]);
    put("sku", &body["sku"]["name"]);
    for name in SAME {
        put(name, &properties[*name]);
    }
    if let Value::Object(acls) = &properties["networkAcls"] {
        let mut acls = acls.clone();
        if let Some(Value::Array(rules)) = acls.get_mut("ipRules") {
            for rule in rules {
                *rule = rule.get("value").cloned().unwrap_or_default();
            }
        }
        put("networkAcls", &Value::Object(acls));
    }
    // Members that are secrets are always shown as null, and so are others that were never set.
    let mut api = properties["apiProperties"].as_object().cloned().unwrap_or_default();
    api.retain(|name, value| !value.is_null() && API_PROPERTIES.contains(&name.as_str()));
    if !api.is_empty() {
        put("apiProperties", &Value::Object(api));
    }
    put("identity", &shape::identity(body).unwrap_or_default());
    put("tags", &shape::tags(body).unwrap_or_default());
    if is_microsofts(&properties["encryption"]) {
        spec.remove("encryption");
    }
    Value::Object(spec)
}

/// Lays a patch in spec shape over a body in ARM shape.
pub(super) fn overlay(body: &mut Value, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match name.as_str() {
            "location" | "kind" => merge(body, &json!({ name: value })),
            "tags" => merge(body, &json!({ "tags": value })),
            "sku" => merge(body, &json!({"sku": {"name": value}})),
            "identity" => overlay_identity(member(body, "identity"), value),
            "networkAcls" => overlay_network_acls(property(body, name), value),
            "userOwnedStorage" => overlay_elements(property(body, name), value, &["resourceId"]),
            "networkInjections" => overlay_elements(property(body, name), value, &["scenario"]),
            _ => merge(member(body, "properties"), &json!({ name: value })),
        }
    }
}

fn property<'a>(body: &'a mut Value, name: &str) -> &'a mut Value {
    member(member(body, "properties"), name)
}

fn overlay_network_acls(acls: &mut Value, patch: &Value) {
    let mut patch = patch.clone();
    let Some(map) = patch.as_object_mut() else { return };
    if let Some(Value::Array(ranges)) = map.get("ipRules") {
        let live = acls["ipRules"].as_array();
        let rules = ranges.iter().filter_map(Value::as_str).map(|range| {
            let same = |rule: &&Value| {
                rule["value"].as_str().is_some_and(|value| cidr::canonical(value) == cidr::canonical(range))
            };
            // An unchanged rule keeps its other members.
            let kept = live.and_then(|live| live.iter().find(same)).cloned();
            kept.unwrap_or_else(|| json!({"value": range.strip_suffix("/32").unwrap_or(range)}))
        });
        let rules = rules.collect();
        map.insert("ipRules".to_owned(), Value::Array(rules));
    }
    if let Some(subnets) = map.remove("virtualNetworkRules") {
        overlay_elements(member(acls, "virtualNetworkRules"), &subnets, &["id"]);
    }
    merge(acls, &patch);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid(mut body: Value, patch: &Value) -> Value {
        overlay(&mut body, patch.as_object().unwrap());
        body
    }

    #[test]
    fn a_system_assigned_identity_leaves_user_assigned_ones_alone() {
        let live = json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {"/x": {}}}});
        let patched = laid(live, &json!({"identity": {"systemAssigned": true}}));
        assert_eq!(
            patched["identity"],
            json!({"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {"/x": {}}})
        );
    }

    #[test]
    fn a_changed_default_action_keeps_the_rules() {
        let live = json!({"properties": {"networkAcls": {"defaultAction": "Allow", "ipRules": [{"value": "1.2.3.4"}]}}});
        let patched = laid(live, &json!({"networkAcls": {"defaultAction": "Deny"}}));
        assert_eq!(
            patched["properties"]["networkAcls"],
            json!({"defaultAction": "Deny", "ipRules": [{"value": "1.2.3.4"}]})
        );
    }

    #[test]
    fn members_of_a_kept_subnet_rule_survive() {
        let live = json!({"properties": {"networkAcls": {"virtualNetworkRules": [{"id": "/A", "state": "Succeeded"}, {"id": "/b"}]}}});
        let patched = laid(
            live,
            &json!({"networkAcls": {"virtualNetworkRules": [{"id": "/a", "ignoreMissingVnetServiceEndpoint": true}]}}),
        );
        assert_eq!(
            patched["properties"]["networkAcls"]["virtualNetworkRules"],
            json!([{"id": "/a", "state": "Succeeded", "ignoreMissingVnetServiceEndpoint": true}])
        );
    }
}

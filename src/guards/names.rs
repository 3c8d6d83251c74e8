//! Normalizes the case of property names that guards read. Whether ARM accepts `RoleDefinitionId` for `roleDefinitionId` has not been
//! recorded, so it may.
//!
//! Pure. Done once before any guard looks, so that no guard misses a spelling.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use crate::plan::predict::World;
use crate::snapshot::Body;

/// The names that guards read, sorted without regard to case.
const NAMES: &[&str] = &[
    "action",
    "adxStorageResourceId",
    "allowedFqdnList",
    "allowProjectManagement",
    "apiProperties",
    "assignmentType",
    "audience",
    "authType",
    "authUrl",
    "basePolicyName",
    "blocking",
    "blocklistName",
    "bypass",
    "capabilities",
    "category",
    "clientId",
    "condition",
    "conditionVersion",
    "contentFilters",
    "createdBy",
    "createdByType",
    "createdOn",
    "credentials",
    "customBlocklists",
    "customSubDomainName",
    "defaultAction",
    "deletionDate",
    "description",
    "disableLocalAuth",
    "enabled",
    "encryption",
    "endDateTime",
    "endpoint",
    "endpoints",
    "format",
    "id",
    "identity",
    "identityClientId",
    "ipRules",
    "isRegex",
    "isSharedToAll",
    "keyless-stack",
    "keyName",
    "keySource",
    "keyVaultProperties",
    "keyVaultUri",
    "kind",
    "metadata",
    "mode",
    "model",
    "name",
    "networkAcls",
    "networkInjections",
    "originRoleAssignmentId",
    "pattern",
    "principalId",
    "principalType",
    "privateEndpointConnections",
    "privateLinkServiceConnectionState",
    "properties",
    "provisioningState",
    "publicNetworkAccess",
    "qnaAzureSearchEndpointId",
    "qnaRuntimeEndpoint",
    "raiMonitorConfig",
    "raiPolicyName",
    "restrictOutboundNetworkAccess",
    "roleDefinitionId",
    "safetyProviderName",
    "safetyProviders",
    "scenario",
    "scheduledPurgeDate",
    "scope",
    "severityThreshold",
    "source",
    "spilloverDeploymentName",
    "state",
    "status",
    "storedCompletionsDisabled",
    "subnetArmId",
    "systemData",
    "tags",
    "target",
    "tokenUrl",
    "type",
    "updatedBy",
    "updatedOn",
    "useMicrosoftManagedNetwork",
    "userAssignedIdentities",
    "value",
    "virtualNetworkRules",
];

/// A state in which every name that guards read has its canonical case. Bodies that equal those of `known`, already normalized, are
/// skipped.
pub(super) fn spelled(mut world: World, known: Option<&World>) -> World {
    for (id, body) in &mut world.resources {
        let is_known =
            known.and_then(|known| known.resources.get(id)).is_some_and(|known| Arc::ptr_eq(known, body));
        if !is_known && is_odd(body) {
            *body = Body::new(exact(body));
        }
    }
    world
}

static EXACT: LazyLock<HashSet<&str>> = LazyLock::new(|| NAMES.iter().copied().collect());

/// The canonical spelling of a name, if it differs.
fn odd(name: &str) -> Option<&'static str> {
    // Almost every name is spelled so, and there may be a million.
    if EXACT.contains(name) {
        return None;
    }
    let lower = |text: &'static str| text.bytes().map(|byte| byte.to_ascii_lowercase());
    let order = |known: &'static str| lower(known).cmp(name.bytes().map(|byte| byte.to_ascii_lowercase()));
    let at = NAMES.binary_search_by(|known| order(known)).ok()?;
    Some(NAMES[at]).filter(|known| *known != name)
}

fn is_odd(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(name, value)| odd(name).is_some() || is_odd(value)),
        Value::Array(items) => items.iter().any(is_odd),
        _ => false,
    }
}

fn exact(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let name =
                |name: &str| odd(name).filter(|exact| !map.contains_key(*exact)).unwrap_or(name).to_owned();
            Value::Object(map.iter().map(|(key, value)| (name(key), exact(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(exact).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use serde_json::json;

    use super::super::tests::{ALICE, CHAT, GROUP, OWNER, grant, world};
    use super::*;
    use crate::guards::lock_out::Declared;
    use crate::guards::{network, rights};

    #[test]
    fn a_guard_sees_what_a_body_spells_in_another_case() {
        let mut owner = grant(1, GROUP, OWNER, ALICE);
        let properties = owner["properties"].as_object_mut().unwrap();
        for (name, other) in [("roleDefinitionId", "RoleDefinitionId"), ("principalId", "PRINCIPALID")] {
            let value = properties.remove(name).unwrap();
            properties.insert(other.to_owned(), value);
        }
        let empty = World::default();
        let after = spelled(world([owner]), Some(&empty));
        assert_eq!(rights(&empty, &after, None, &Declared::default()).objections.len(), 1);
        let acls = |action: &str, name: &str| {
            let acls = json!({"DefaultAction": action, "ipRules": []});
            spelled(world([json!({"id": CHAT, "Properties": {name: acls}})]), None)
        };
        let opened = network::objections(&acls("Deny", "networkAcls"), &acls("Allow", "NetworkAcls"));
        assert_eq!(opened.len(), 1);
    }

    #[test]
    fn every_name_that_a_guard_reads_is_in_the_table() {
        assert!(NAMES.is_sorted_by_key(|name| name.to_ascii_lowercase()));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let files = ["guards", "body"].map(|folder| fs::read_dir(source.join(folder)).unwrap());
        let mut read = 0;
        for path in files.into_iter().flatten().map(|file| file.unwrap().path()) {
            if path.is_dir() || path.to_str().unwrap().ends_with("tests.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            for name in
                code.split("[\"").skip(1).filter_map(|rest| rest.split_once("\"]")).map(|(name, _)| name)
            {
                let is_name = name.starts_with(|first: char| first.is_ascii_lowercase())
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
                read += usize::from(is_name);
                assert!(!is_name || NAMES.contains(&name), "`{name}` of {}", path.display());
            }
        }
        assert!(read > 40, "{read}");
    }
}

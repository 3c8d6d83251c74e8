//! What Azure's documentation and API description say of fields: the other opinion that the product's own field tables are held against.
//!
//! Written from <https://learn.microsoft.com/azure/templates/microsoft.cognitiveservices/accounts> and the description of api-version
//! 2026-05-01, never from the product. A field that is missing here is a change in place, compares by equality and has no default.

/// Fields that a live resource does not change, by kind.
const FIXED: &[(&str, &[&str])] = &[
    ("accounts", &["location", "kind", "customSubDomainName", "userOwnedStorage"]),
    ("deployments", &["model/format", "model/name"]),
    ("projects", &["location"]),
];

/// What it means that Azure shows nothing, as JSON.
pub(super) const ACCOUNT_DEFAULTS: &[(&str, &str)] = &[
    ("disableLocalAuth", "false"),
    ("publicNetworkAccess", "\"Enabled\""),
    ("networkAcls/defaultAction", "\"Allow\""),
    ("networkAcls/ipRules", "[]"),
    ("networkAcls/virtualNetworkRules", "[]"),
    ("identity/systemAssigned", "false"),
    ("identity/userAssigned", "[]"),
    ("allowProjectManagement", "false"),
    ("restrictOutboundNetworkAccess", "false"),
    ("allowedFqdnList", "[]"),
    ("encryption/keySource", "\"Microsoft.CognitiveServices\""),
    ("userOwnedStorage", "[]"),
    ("networkInjections", "[]"),
];

/// What the description marks as read-only and the service does not take, by kind, as JSON pointers. `dynamicThrottlingEnabled` of a
/// deployment is marked so and taken all the same: <https://github.com/Azure/bicep-types-az/issues/2121>.
const READ_ONLY: &[(&str, &[&str])] = &[
    (
        "accounts",
        &[
            "/identity/principalId",
            "/identity/tenantId",
            "/properties/abusePenalty",
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
        ],
    ),
    (
        "deployments",
        &[
            "/properties/callRateLimit",
            "/properties/capabilities",
            "/properties/model/callRateLimit",
            "/properties/provisioningState",
            "/properties/rateLimits",
            // As a recorded answer spells it.
            "/properties/ratelimits",
            // Refused since 2023-05-01, where the sku says it: <https://github.com/hashicorp/terraform-provider-azurerm/issues/22377>.
            "/properties/scaleSettings",
        ],
    ),
    ("raiPolicies", &["/properties/type"]),
    (
        "projects",
        &[
            "/identity/principalId",
            "/identity/tenantId",
            "/properties/endpoints",
            "/properties/isDefault",
            "/properties/provisioningState",
        ],
    ),
    // `isDefault` is in no description; a recorded answer shows it.
    ("connections", &["/properties/createdByWorkspaceArmId", "/properties/group", "/properties/isDefault"]),
];

/// Of every resource.
const ENVELOPE: &[&str] = &["/id", "/name", "/type", "/etag", "/systemData"];

fn row<'a, T: ?Sized>(table: &'a [(&str, &'a T)], kind: &str) -> Option<&'a T> {
    table.iter().find(|(name, _)| *name == kind).map(|(_, row)| *row)
}

/// Whether Azure refuses to change the field of a live resource.
pub(super) fn fixed(kind: &str, path: &str) -> bool {
    row(FIXED, kind).is_some_and(|paths| paths.contains(&path))
}

/// What a write of the kind must not hold.
pub(super) fn read_only(kind: &str) -> impl Iterator<Item = &'static str> {
    let own = row(READ_ONLY, kind).unwrap_or_else(|| panic!("no facts about {kind}"));
    ENVELOPE.iter().chain(own).copied()
}

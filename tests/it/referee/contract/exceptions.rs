//! Where reality and the descriptions part, as data.
//!
//! Each entry names the recorded call that proves it. `contract_recorded` fails if a call does not, if an entry is not
//! needed, and if recordings show something that is not listed.

use super::value::{Rule, Side};

/// A broken rule that a recording shows to be right.
pub(crate) struct Exception {
    pub(crate) rule: Rule,
    pub(crate) side: Side,
    pub(crate) method: &'static str,
    pub(crate) subject: &'static str,
    pub(crate) path: &'static str,
    pub(crate) cassette: &'static str,
    pub(crate) call: usize,
    pub(crate) because: &'static str,
}

/// What one client sends although the descriptions forbid it, and no recording shows: seen when it was run against the sandbox.
pub(crate) struct Habit {
    /// The start of its user-agent; requests of other clients are never excused.
    pub(crate) client: &'static str,
    pub(crate) rule: Rule,
    pub(crate) method: &'static str,
    pub(crate) subject: &'static str,
    pub(crate) path: &'static str,
    pub(crate) because: &'static str,
}

/// A property that answers hold and descriptions lack, or a null in place of a value.
pub(crate) struct Liberty {
    pub(crate) rule: Rule,
    pub(crate) subject: &'static str,
    pub(crate) path: &'static str,
    pub(crate) cassette: &'static str,
    pub(crate) call: usize,
}

const fn liberty(
    rule: Rule,
    subject: &'static str,
    path: &'static str,
    cassette: &'static str,
    call: usize,
) -> Liberty {
    Liberty { rule, subject, path, cassette, call }
}

const ACCOUNT_CAPABILITIES_2022: &str =
    "cognitiveservices/2022-06/test_cognitiveservices_account_capabilities.yaml";
const COMMITMENT_PLAN_2022: &str = "cognitiveservices/2022-06/test_cognitiveservices_commitment_plan.yaml";
const ACCOUNT_LIST_SKUS_2023: &str =
    "cognitiveservices/2023-12/test_cognitiveservices_account_list_skus.yaml";
const DEPLOYMENT_2023: &str = "cognitiveservices/2023-12/test_cognitiveservices_deployment.yaml";
const LIST_MODELS_2023: &str = "cognitiveservices/2023-12/test_cognitiveservices_list_models.yaml";
const MODEL_2023: &str = "cognitiveservices/2023-12/test_cognitiveservices_model.yaml";
const PRIVATE_ENDPOINT_CONNECTION_2023: &str =
    "cognitiveservices/2023-12/test_cognitiveservices_private_endpoint_connection.yaml";
const PROJECT_CONNECTIONS_EXCERPT_2025: &str = "cognitiveservices/2025-10/project_connections_excerpt.yaml";
const ROLEASSIGNMENT_400_PRINCIPALNOTFOUND_409_EXISTS_AKS: &str =
    "errors/roleassignment_400_principalnotfound_409_exists_aks.yaml";
const ROLEASSIGNMENT_409_EXISTS_CONTAINERAPP: &str = "errors/roleassignment_409_exists_containerapp.yaml";
const ROLE_CREATE_SCENARIO_2019: &str = "role/2019-06/test_role_create_scenario.yaml";
const ROLE_ASSIGNMENT_CREATE_UPDATE_2022: &str = "role/2022-06/test_role_assignment_create_update.yaml";
const ROLE_ASSIGNMENT_AUDITS_2023: &str = "role/2023-12/test_role_assignment_audits.yaml";

/// A property that answers hold and descriptions lack, as people report it: nothing recorded has these versions.
pub(crate) struct Reported {
    pub(crate) subject: &'static str,
    pub(crate) path: &'static str,
    /// Where it is reported.
    pub(crate) source: &'static str,
}

/// What answers of the generally available versions of 2026 hold beyond their description.
pub(crate) const REPORTED: &[Reported] = &[
    Reported {
        subject: "microsoft.cognitiveservices/accounts",
        path: "/properties/armFeatures",
        source: "the shared facts about Azure, section 15",
    },
    Reported {
        subject: "microsoft.cognitiveservices/accounts/projects",
        path: "/kind",
        source: "recorded by Azure/azure-service-operator, at another version",
    },
    Reported {
        subject: "microsoft.cognitiveservices/accounts/projects",
        path: "/properties/internalId",
        source: "https://github.com/hashicorp/terraform-provider-azurerm/issues/31543",
    },
];

/// Subjects whose bodies are those of another, so that a recording of one proves something for the other.
const SAME: [(&str, &str); 3] = [
    ("microsoft.cognitiveservices/deletedaccounts", "microsoft.cognitiveservices/accounts"),
    (
        "microsoft.cognitiveservices/locations/resourcegroups/deletedaccounts",
        "microsoft.cognitiveservices/accounts",
    ),
    (
        "microsoft.cognitiveservices/accounts/connections",
        "microsoft.cognitiveservices/accounts/projects/connections",
    ),
];

/// The subject that speaks for a subject.
pub(crate) fn same(subject: &str) -> &str {
    SAME.iter().find(|(of, _)| *of == subject).map_or(subject, |(_, other)| other)
}

/// What real clients send although the descriptions forbid it.
pub(crate) const EXCEPTIONS: &[Exception] = &[
    Exception {
        rule: Rule::ReadOnly,
        side: Side::Request,
        method: "PUT",
        subject: "microsoft.authorization/roleassignments",
        path: "/properties/scope",
        cassette: ROLE_ASSIGNMENT_CREATE_UPDATE_2022,
        call: 12,
        because: "az sends the assignment back with its scope, and ARM takes it",
    },
    Exception {
        rule: Rule::ReadOnly,
        side: Side::Request,
        method: "PUT",
        subject: "microsoft.cognitiveservices/accounts/privateendpointconnections",
        path: "/etag",
        cassette: PRIVATE_ENDPOINT_CONNECTION_2023,
        call: 25,
        because: "az sends the connection back as it read it",
    },
    Exception {
        rule: Rule::ReadOnly,
        side: Side::Request,
        method: "PUT",
        subject: "microsoft.cognitiveservices/accounts/privateendpointconnections",
        path: "/id",
        cassette: PRIVATE_ENDPOINT_CONNECTION_2023,
        call: 25,
        because: "az sends the connection back as it read it",
    },
    Exception {
        rule: Rule::ReadOnly,
        side: Side::Request,
        method: "PUT",
        subject: "microsoft.cognitiveservices/accounts/privateendpointconnections",
        path: "/name",
        cassette: PRIVATE_ENDPOINT_CONNECTION_2023,
        call: 25,
        because: "az sends the connection back as it read it",
    },
    Exception {
        rule: Rule::ReadOnly,
        side: Side::Request,
        method: "PUT",
        subject: "microsoft.cognitiveservices/accounts/privateendpointconnections",
        path: "/properties/privateEndpoint/id",
        cassette: PRIVATE_ENDPOINT_CONNECTION_2023,
        call: 25,
        because: "az sends the connection back as it read it",
    },
    Exception {
        rule: Rule::Null,
        side: Side::Request,
        method: "PUT",
        subject: "microsoft.cognitiveservices/accounts/privateendpointconnections",
        path: "/properties/privateLinkServiceConnectionState/description",
        cassette: PRIVATE_ENDPOINT_CONNECTION_2023,
        call: 25,
        because: "az sends the connection back as it read it",
    },
    Exception {
        rule: Rule::ReadOnly,
        side: Side::Request,
        method: "PUT",
        subject: "microsoft.cognitiveservices/accounts/privateendpointconnections",
        path: "/properties/provisioningState",
        cassette: PRIVATE_ENDPOINT_CONNECTION_2023,
        call: 25,
        because: "az sends the connection back as it read it",
    },
    Exception {
        rule: Rule::ReadOnly,
        side: Side::Request,
        method: "PUT",
        subject: "microsoft.cognitiveservices/accounts/privateendpointconnections",
        path: "/type",
        cassette: PRIVATE_ENDPOINT_CONNECTION_2023,
        call: 25,
        because: "az sends the connection back as it read it",
    },
];

/// What single clients send.
pub(crate) const HABITS: &[Habit] = &[
    Habit {
        client: "AZURECLI/",
        rule: Rule::Type,
        method: "PUT",
        subject: "microsoft.cognitiveservices/accounts/deployments",
        path: "/sku/capacity",
        because: "az sends --sku-capacity as it was typed, as text; the one that was recorded in 2023 sent a number",
    },
    Habit {
        client: "keyless-prove",
        rule: Rule::ReadOnly,
        method: "PUT",
        subject: "microsoft.authorization/roleassignments",
        path: "/properties/createdBy",
        because: "tests/prove.py tries whether an author can be forged",
    },
];

/// What answers hold beyond their description.
pub(crate) const LIBERTIES: &[Liberty] = &[
    liberty(
        Rule::Null,
        "microsoft.authorization/roleassignments",
        "/properties/condition",
        ROLEASSIGNMENT_400_PRINCIPALNOTFOUND_409_EXISTS_AKS,
        0,
    ),
    liberty(
        Rule::Null,
        "microsoft.authorization/roleassignments",
        "/properties/conditionVersion",
        ROLEASSIGNMENT_400_PRINCIPALNOTFOUND_409_EXISTS_AKS,
        0,
    ),
    liberty(
        Rule::Null,
        "microsoft.authorization/roleassignments",
        "/properties/createdBy",
        ROLEASSIGNMENT_400_PRINCIPALNOTFOUND_409_EXISTS_AKS,
        3,
    ),
    liberty(
        Rule::Null,
        "microsoft.authorization/roleassignments",
        "/properties/delegatedManagedIdentityResourceId",
        ROLEASSIGNMENT_400_PRINCIPALNOTFOUND_409_EXISTS_AKS,
        0,
    ),
    liberty(
        Rule::Null,
        "microsoft.authorization/roleassignments",
        "/properties/description",
        ROLEASSIGNMENT_400_PRINCIPALNOTFOUND_409_EXISTS_AKS,
        0,
    ),
    liberty(
        Rule::Null,
        "microsoft.authorization/roleassignments",
        "/properties/updatedBy",
        ROLEASSIGNMENT_409_EXISTS_CONTAINERAPP,
        2,
    ),
    liberty(
        Rule::Null,
        "microsoft.authorization/roledefinitions",
        "/properties/createdBy",
        ROLE_CREATE_SCENARIO_2019,
        1,
    ),
    liberty(
        Rule::Null,
        "microsoft.authorization/roledefinitions",
        "/properties/updatedBy",
        ROLE_CREATE_SCENARIO_2019,
        1,
    ),
    liberty(
        Rule::Null,
        "microsoft.cognitiveservices/accounts",
        "/properties/apiProperties/qnaAzureSearchEndpointKey",
        COMMITMENT_PLAN_2022,
        0,
    ),
    liberty(
        Rule::UnknownField,
        "microsoft.cognitiveservices/accounts",
        "/properties/backupUpperLimit",
        ACCOUNT_CAPABILITIES_2022,
        0,
    ),
    liberty(
        Rule::UnknownField,
        "microsoft.cognitiveservices/accounts/deployments",
        "/properties/ratelimits",
        DEPLOYMENT_2023,
        7,
    ),
    liberty(
        Rule::UnknownField,
        "microsoft.cognitiveservices/accounts/models",
        "/skus/*/ratelimits",
        MODEL_2023,
        5,
    ),
    liberty(
        Rule::UnknownField,
        "microsoft.cognitiveservices/accounts/projects/connections",
        "/location",
        PROJECT_CONNECTIONS_EXCERPT_2025,
        0,
    ),
    liberty(
        Rule::Null,
        "microsoft.cognitiveservices/accounts/projects/connections",
        "/properties/credentials",
        PROJECT_CONNECTIONS_EXCERPT_2025,
        0,
    ),
    liberty(
        Rule::Null,
        "microsoft.cognitiveservices/accounts/projects/connections",
        "/properties/error",
        PROJECT_CONNECTIONS_EXCERPT_2025,
        0,
    ),
    liberty(
        Rule::Null,
        "microsoft.cognitiveservices/accounts/projects/connections",
        "/properties/expiryTime",
        PROJECT_CONNECTIONS_EXCERPT_2025,
        0,
    ),
    liberty(
        Rule::UnknownField,
        "microsoft.cognitiveservices/accounts/projects/connections",
        "/properties/isDefault",
        PROJECT_CONNECTIONS_EXCERPT_2025,
        0,
    ),
    liberty(
        Rule::UnknownField,
        "microsoft.cognitiveservices/accounts/projects/connections",
        "/systemData",
        PROJECT_CONNECTIONS_EXCERPT_2025,
        0,
    ),
    liberty(
        Rule::UnknownField,
        "microsoft.cognitiveservices/accounts/projects/connections",
        "/tags",
        PROJECT_CONNECTIONS_EXCERPT_2025,
        0,
    ),
    liberty(
        Rule::UnknownField,
        "microsoft.cognitiveservices/locations/models",
        "/model/skus/*/ratelimits",
        LIST_MODELS_2023,
        0,
    ),
    liberty(
        Rule::UnknownField,
        "microsoft.cognitiveservices/skus",
        "/locationInfo",
        ACCOUNT_LIST_SKUS_2023,
        0,
    ),
    liberty(
        Rule::UnknownField,
        "microsoft.insights/eventtypes/management/values",
        "/channels",
        ROLE_ASSIGNMENT_AUDITS_2023,
        8,
    ),
    liberty(
        Rule::Null,
        "microsoft.insights/eventtypes/management/values",
        "/properties/*",
        ROLE_ASSIGNMENT_AUDITS_2023,
        8,
    ),
];

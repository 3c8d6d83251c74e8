//! What the replay leaves out, prepares and knows to differ, as data.
//!
//! Each entry has a reason; `recordings` fails if one is not needed.

/// Calls that the sandbox does not answer for: by what they are about.
pub(crate) struct Outside {
    pub(crate) subject: &'static str,
    pub(crate) because: &'static str,
}

/// A call that must come before a cassette's first, because its recorder had made it earlier.
pub(crate) struct Prepare {
    pub(crate) cassette: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) body: &'static str,
}

/// A call that failed because of the world around ARM, not of what was asked. The sandbox is told to fail so, which shows
/// that it can, and that what follows is as recorded.
pub(crate) struct Fault {
    pub(crate) cassette: &'static str,
    pub(crate) call: usize,
    pub(crate) because: &'static str,
}

/// A call whose answer differs from the recorded one, and why that is right or bearable.
pub(crate) struct Known {
    pub(crate) cassette: &'static str,
    pub(crate) call: usize,
    /// A part of the difference's text.
    pub(crate) says: &'static str,
    pub(crate) because: &'static str,
}

/// Providers and labels of the contract, or the beginning of a subject.
pub(crate) const OUTSIDE: &[Outside] = &[
    Outside {
        subject: "Graph",
        because: "makes and deletes principals and asks for these; the sandbox's Graph only reads",
    },
    Outside { subject: "provider microsoft.network", because: "another service" },
    Outside { subject: "provider microsoft.media", because: "another service" },
    Outside { subject: "provider microsoft.management", because: "another service" },
    Outside { subject: "provider microsoft.recoveryservices", because: "another service" },
    Outside {
        subject: "microsoft.cognitiveservices/accounts/commitmentplans",
        because: "not in the sandbox's offer",
    },
    Outside {
        subject: "microsoft.cognitiveservices/locations/commitmenttiers",
        because: "not in the sandbox's offer",
    },
    Outside {
        subject: "microsoft.cognitiveservices/accounts/privateendpointconnections",
        because: "not in the sandbox's offer",
    },
    Outside {
        subject: "microsoft.cognitiveservices/accounts/privatelinkresources",
        because: "not in the sandbox's offer",
    },
    Outside {
        subject: "microsoft.insights/eventtypes/management/values",
        because: "asks for what happened in two minutes of 2023",
    },
];

/// The principals of two recordings were service principals that had existed before; any assignment that says so makes
/// one. The excerpt of connections begins below a project.
pub(crate) const PREPARE: &[Prepare] = &[
    Prepare {
        cassette: CONNECTIONS,
        method: "PUT",
        path: "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/clitest.rg000001/providers/\
               Microsoft.CognitiveServices/accounts/cog000002?api-version=2025-09-01",
        body: r#"{"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"},
            "properties": {"customSubDomainName": "cog000002", "allowProjectManagement": true}}"#,
    },
    Prepare {
        cassette: CONNECTIONS,
        method: "POST",
        path: "/_sandbox/clock",
        body: r#"{"advanceSeconds": 3600}"#,
    },
    Prepare {
        cassette: CONNECTIONS,
        method: "PUT",
        path: "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/clitest.rg000001/providers/\
               Microsoft.CognitiveServices/accounts/cog000002/projects/prj000003?api-version=2025-09-01",
        body: r#"{"location": "eastus2", "identity": {"type": "SystemAssigned"}, "properties": {}}"#,
    },
    Prepare {
        cassette: NO_PRINCIPAL_AKS,
        method: "PUT",
        path: "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/elsewhere/providers/Microsoft.Authorization/\
               roleAssignments/0b5a3d2e-6d0c-4a53-9c0e-6f0a5d3f1c01?api-version=2022-04-01",
        body: r#"{"properties": {
            "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
            "principalId": "00000000-0000-0000-0000-000000000001", "principalType": "ServicePrincipal"}}"#,
    },
    Prepare {
        cassette: NO_PRINCIPAL_CONTAINER,
        method: "PUT",
        path: "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/elsewhere/providers/Microsoft.Authorization/\
               roleAssignments/0b5a3d2e-6d0c-4a53-9c0e-6f0a5d3f1c02?api-version=2022-04-01",
        body: r#"{"properties": {
            "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
            "principalId": "27e3fe0a-ef36-41a0-ab3b-4666831b100b", "principalType": "ServicePrincipal"}}"#,
    },
];

const NOT_EVERYWHERE: &str = "the principal was so new that the region asked did not know it yet";

pub(crate) const FAULTS: &[Fault] = &[
    Fault { cassette: NO_PRINCIPAL_AKS, call: 1, because: NOT_EVERYWHERE },
    Fault { cassette: NO_PRINCIPAL_AKS, call: 2, because: NOT_EVERYWHERE },
    Fault { cassette: NO_PRINCIPAL_CONTAINER, call: 0, because: NOT_EVERYWHERE },
];

const CONNECTIONS: &str = "cognitiveservices/2025-10/project_connections_excerpt.yaml";
const NO_PRINCIPAL_AKS: &str = "errors/roleassignment_400_principalnotfound_409_exists_aks.yaml";
const NO_PRINCIPAL_CONTAINER: &str = "errors/roleassignment_400_principalnotfound_container.yaml";

const ROLE_DEFINITIONS: &str = "role/2023-12/test_role_definition_scenario.yaml";
const PRIVATE_ENDPOINT: &str = "cognitiveservices/2023-12/test_cognitiveservices_private_endpoint.yaml";
const PRIVATE_ENDPOINT_CONNECTION: &str =
    "cognitiveservices/2023-12/test_cognitiveservices_private_endpoint_connection.yaml";

const ROLE_DEFINITIONS_2019: &str = "role/2019-06/test_role_create_scenario.yaml";

const DEPLOYMENT_2023: &str = "cognitiveservices/2023-12/test_cognitiveservices_deployment.yaml";

const TAKES_TIME: &str = "the replay lets operations last, and Azure's were over when they were answered";
const LAG: &str = "the live list lagged behind a write by seconds; the sandbox's is always up to date";
const NO_NETWORK: &str =
    "the private endpoint was made by calls to Microsoft.Network, which are not replayed";

pub(crate) const KNOWN: &[Known] = &[
    Known { cassette: DEPLOYMENT_2023, call: 7, says: "provisioningState` is ", because: TAKES_TIME },
    Known {
        cassette: ROLE_DEFINITIONS_2019,
        call: 0,
        says: "createdBy` is null",
        because: "in 2019 the answer to a new definition named its creator; since 2023 it does not",
    },
    Known { cassette: ROLE_DEFINITIONS, call: 1, says: "lists ", because: LAG },
    Known { cassette: ROLE_DEFINITIONS, call: 4, says: "permissions/*/actions` is ", because: LAG },
    Known { cassette: ROLE_DEFINITIONS, call: 6, says: "does not list ", because: LAG },
    Known {
        cassette: PRIVATE_ENDPOINT,
        call: 23,
        says: "privateEndpointConnections` is []",
        because: NO_NETWORK,
    },
    Known {
        cassette: PRIVATE_ENDPOINT_CONNECTION,
        call: 22,
        says: "privateEndpointConnections` is []",
        because: NO_NETWORK,
    },
];

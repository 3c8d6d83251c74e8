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
    Outside { subject: "Graph", because: "another service" },
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
];

pub(crate) const PREPARE: &[Prepare] = &[];

const ROLE_DEFINITIONS: &str = "role/2023-12/test_role_definition_scenario.yaml";
const PRIVATE_ENDPOINT: &str = "cognitiveservices/2023-12/test_cognitiveservices_private_endpoint.yaml";
const PRIVATE_ENDPOINT_CONNECTION: &str =
    "cognitiveservices/2023-12/test_cognitiveservices_private_endpoint_connection.yaml";

const ROLE_DEFINITIONS_2019: &str = "role/2019-06/test_role_create_scenario.yaml";

const LAG: &str = "the live list lagged behind a write by seconds; the sandbox's is always up to date";
const NO_NETWORK: &str =
    "the private endpoint was made by calls to Microsoft.Network, which are not replayed";

pub(crate) const KNOWN: &[Known] = &[
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

//! What breaks a plan of deployments: models, versions and SKUs that are not to be had, and quota.

use serde_json::{Value, json};

use super::{Row, heal, nothing};
use crate::common::{Azure, Fault, account};

/// Three deployments, of which two draw on one quota: 900 of the 1000 that the sandbox gives.
pub(super) const SPEC: &str = "\
version: 1
stack: team-a
subscription: 7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11
resourceGroup: rg
location: eastus2
accounts:
  - name: chat
    kind: AIServices
    sku: S0
    customSubDomainName: chat-eu
    disableLocalAuth: true
    deployments:
      - name: big
        model:
          format: OpenAI
          name: gpt-4o
          version: \"2024-08-06\"
        sku:
          name: GlobalStandard
          capacity: 600
      - name: embed
        model:
          format: OpenAI
          name: text-embedding-3-small
          version: \"1\"
        sku:
          name: Standard
          capacity: 20
      - name: small
        model:
          format: OpenAI
          name: gpt-4o
          version: \"2024-11-20\"
        sku:
          name: GlobalStandard
          capacity: 300
";

/// Takes models off the region's list.
fn withdraw(list: &mut Value, is_gone: fn(&Value) -> bool) {
    let models = list["value"].as_array_mut().unwrap();
    let before = models.len();
    models.retain(|item| !is_gone(&item["model"]));
    assert!(models.len() < before, "the region had it");
}

fn spoil_models(azure: &Azure, edit: fn(&mut Value)) {
    azure.spoil("GET", "/locations/eastus2/models?", Fault::Edit(edit));
}

fn by_hand() -> String {
    format!("{}/deployments/by-hand", account("other"))
}

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "no region has such a model",
        spec: &[("text-embedding-3-small", "text-embedding-4-small")],
        breaks: nothing,
        finds: ("unknown-model", "error", Some("name: text-embedding-4-small")),
        exit: 1,
        mends: nothing,
    },
    Row {
        name: "the model is of another format",
        spec: &[(
            "OpenAI\n          name: text-embedding-3-small",
            "Cohere\n          name: text-embedding-3-small",
        )],
        breaks: nothing,
        finds: ("unknown-model", "error", Some("name: text-embedding-3-small")),
        exit: 1,
        mends: nothing,
    },
    Row {
        name: "the account's kind does not have the model",
        spec: &[
            ("kind: AIServices", "kind: OpenAI"),
            (
                "OpenAI\n          name: text-embedding-3-small",
                "Cohere\n          name: Cohere-embed-v3-english",
            ),
            ("name: Standard", "name: GlobalStandard"),
        ],
        breaks: nothing,
        finds: ("unknown-model", "error", Some("name: Cohere-embed-v3-english")),
        exit: 1,
        mends: nothing,
    },
    Row {
        name: "the region does not have the model",
        spec: &[],
        breaks: |azure| {
            spoil_models(azure, |list| withdraw(list, |model| model["name"] == "text-embedding-3-small"));
        },
        finds: ("unknown-model", "error", Some("name: text-embedding-3-small")),
        exit: 1,
        mends: heal,
    },
    Row {
        name: "the model has no such version",
        spec: &[("2024-11-20", "2024-11-21")],
        breaks: nothing,
        finds: ("not-offered", "error", Some("version: \"2024-11-21\"")),
        exit: 1,
        mends: nothing,
    },
    Row {
        name: "the region does not have the version",
        spec: &[],
        breaks: |azure| {
            spoil_models(azure, |list| {
                withdraw(list, |model| model["name"] == "gpt-4o" && model["version"] == "2024-11-20");
            });
        },
        finds: ("not-offered", "error", Some("version: \"2024-11-20\"")),
        exit: 1,
        mends: heal,
    },
    Row {
        name: "the model does not come with the SKU",
        spec: &[("name: Standard", "name: ProvisionedManaged")],
        breaks: nothing,
        finds: ("not-offered", "error", Some("name: ProvisionedManaged")),
        exit: 1,
        mends: nothing,
    },
    Row {
        name: "the model comes with the SKU in other regions",
        spec: &[("location: eastus2", "location: swedencentral")],
        breaks: nothing,
        finds: ("not-offered", "error", Some("name: Standard")),
        exit: 1,
        mends: nothing,
    },
    Row {
        name: "the capacities together are one more than the quota",
        spec: &[("capacity: 300", "capacity: 401")],
        breaks: nothing,
        finds: ("quota-exceeded", "error", Some("capacity: 600")),
        exit: 1,
        mends: nothing,
    },
    Row {
        name: "another account uses the quota",
        spec: &[],
        breaks: |azure| {
            azure.make_account("other", &json!({}));
            azure.get(&account("other"));
            let model = json!({"format": "OpenAI", "name": "gpt-4o", "version": "2024-08-06"});
            let sku = json!({"name": "GlobalStandard", "capacity": 101});
            azure.put(&by_hand(), json!({"sku": sku, "properties": {"model": model}}));
            azure.get(&by_hand());
        },
        finds: ("quota-exceeded", "error", Some("capacity: 600")),
        exit: 1,
        mends: |azure| azure.delete(&by_hand()),
    },
    Row {
        name: "the region's models may not be read",
        spec: &[],
        breaks: |azure| azure.spoil("GET", "/locations/eastus2/models?", Fault::denied()),
        finds: ("not-checked", "note", None),
        exit: 0,
        mends: heal,
    },
    Row {
        name: "quota may not be read",
        spec: &[],
        breaks: |azure| azure.spoil("GET", "/locations/eastus2/usages?", Fault::denied()),
        finds: ("not-checked", "note", None),
        exit: 0,
        mends: heal,
    },
];

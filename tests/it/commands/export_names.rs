//! `export`: whom a grant names where a name is not enough.

use serde_json::json;

use crate::common::{Azure, CS_USER, SUB, account, assignment, role};

#[test]
fn an_identity_is_exported_by_account_name_only_if_the_name_is_unique() {
    for twice in [false, true] {
        let azure = Azure::start();
        let elsewhere = account("chat").replace("/rg/", "/other/");
        let body = |subdomain: &str| {
            json!({
                "location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"}, "identity": {"type": "SystemAssigned"},
                "properties": {"customSubDomainName": subdomain, "disableLocalAuth": true},
            })
        };
        azure.put(&account("chat"), body("chat"));
        if twice {
            azure.put(&elsewhere, body("chat-two"));
        }
        let own = azure.get(&account("chat"))["identity"]["principalId"].as_str().unwrap().to_owned();
        let grant = json!({"roleDefinitionId": role(CS_USER), "principalId": own, "principalType": "ServicePrincipal"});
        let name = assignment(&account("chat"), "00000000-0000-4000-8000-000000000001");
        azure.put(&name, json!({ "properties": grant }));
        let folder = azure.folder();
        let run = folder.keyless(&format!("export --subscription {SUB} --stack all")).exits(0);
        assert_eq!(run.stdout.contains("accountIdentity: chat"), !twice, "{run}");
        assert_eq!(run.stdout.contains(&format!("id: {own}")), twice, "{run}");
        folder.write("specs/all.yaml", &run.stdout);
        folder.keyless("plan --detailed-exitcode").exits(0).says(&["No changes"]);
    }
}

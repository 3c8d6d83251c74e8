//! Accounts on which Azure has not finished, or has failed.

use serde_json::Value;

use crate::common::{Azure, Fault, one_account};

fn set(body: &mut Value, state: &str) {
    for account in body["value"].as_array_mut().into_iter().flatten() {
        account["properties"]["provisioningState"] = state.into();
    }
}

fn failed(body: &mut Value) {
    set(body, "Failed");
}

fn deleting(body: &mut Value) {
    set(body, "Deleting");
}

fn updating(body: &mut Value) {
    set(body, "Updating");
}

#[test]
fn an_account_whose_last_change_failed_is_never_in_sync() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", ""));
    folder.keyless("apply a.yaml --yes -q").exits(0);
    folder.keyless("drift a.yaml").exits(0).says(&["No drift"]);
    azure.spoil("GET", "/accounts", Fault::Edit(failed));
    folder.keyless("drift a.yaml").exits(1).says(&["error[provisioning-failed]", "account chat"]);
    azure.heal();
    azure.spoil("GET", "/accounts", Fault::Edit(deleting));
    folder.keyless("drift a.yaml").exits(1).says(&["Azure is deleting account chat"]);
    azure.heal();
    azure.spoil("GET", "/accounts", Fault::Edit(updating));
    folder.keyless("drift a.yaml").exits(0).says(&["warning[operation-under-way]", "`Updating`"]);
}

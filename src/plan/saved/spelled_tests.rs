//! GUIDs in a file must be in the form that plans use.

use serde_json::{Value, json};

use super::tests::{ALICE, GONE, GRANT, LIVE, OWNER, READER, ROLES, assignment, edit, refused, set};
use crate::id::arm_guid;
use crate::kinds::desired::samples::account;

#[test]
fn a_guid_has_the_form_in_which_a_plan_writes_it() {
    let forms = |guid: &str| {
        [guid.to_uppercase(), guid.replace('-', ""), format!("{{{guid}}}"), format!("urn:uuid:{guid}")]
    };
    for form in forms(ALICE) {
        // Its name follows from its content.
        let spelled = edit(move |changes: &mut Value| {
            let scope = account("chat");
            let name = arm_guid(&[form.as_str(), READER, scope.as_str()]).to_string();
            changes[GRANT]["id"] = assignment(&scope, &name);
            let fields = changes[GRANT]["fields"].as_array_mut().unwrap();
            fields.iter_mut().find(|field| field["path"] == "principalId").unwrap()["after"] = json!(form);
        });
        refused(vec![("a principal", spelled, "is not an object id in the form that plans use")]);
    }
    for form in forms(OWNER) {
        let role = edit(move |changes: &mut Value| {
            let fields = changes[GRANT]["fields"].as_array_mut().unwrap();
            let role = fields.iter_mut().find(|field| field["path"] == "roleDefinitionId").unwrap();
            role["after"] = json!(format!("{ROLES}/{form}"));
        });
        refused(vec![("a role", role, "it has no role")]);
    }
    for form in forms(OWNER).into_iter().skip(1).take(2) {
        let name = edit(move |changes: &mut Value| changes[GONE]["id"] = assignment(&account("chat"), &form));
        refused(vec![("a name", name, "the id is not one of kind")]);
    }
    for form in forms("7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11").into_iter().skip(1) {
        let id = account("chat").as_str().replace("7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11", &form);
        refused(vec![("a subscription", set(LIVE, "id", json!(id)), "this is not the id of a resource")]);
    }
}

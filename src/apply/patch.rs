//! The PATCH that turns one body into another.
//!
//! Pure. ARM replaces each top-level member in a PATCH and each member of `properties`, and keeps the others (recorded with the Azure CLI);
//! user-assigned identities and tags are added and removed one by one.

use serde_json::{Map, Value};

use crate::kinds::Kind;

const USERS: &str = "userAssignedIdentities";

/// The differing members, each whole; removed ones as their kind specifies.
pub(super) fn between(kind: &dyn Kind, before: &Value, after: &Value) -> Value {
    let mut body = members(kind, before, after);
    if body.contains_key("properties") {
        let properties = members(kind, &before["properties"], &after["properties"]);
        body.insert("properties".to_owned(), Value::Object(properties));
    }
    if let Some(users) =
        body.get_mut("identity").and_then(|identity| identity.get_mut(USERS)?.as_object_mut())
    {
        let mut gone = before["identity"][USERS].as_object().cloned().unwrap_or_default();
        gone.retain(|id, _| !users.keys().any(|left| left.eq_ignore_ascii_case(id)));
        users.extend(gone.into_iter().map(|(id, _)| (id, Value::Null)));
    }
    Value::Object(body)
}

fn members(kind: &dyn Kind, before: &Value, after: &Value) -> Map<String, Value> {
    let map = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let (old, new) = (map(before), map(after));
    let gone = old.iter().filter(|(name, _)| !new.contains_key(*name));
    let gone = gone.map(|(name, _)| (name.clone(), kind.removing(name))).collect::<Vec<_>>();
    new.into_iter().filter(|(name, value)| old.get(name) != Some(value)).chain(gone).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds;

    #[test]
    fn only_what_changes_is_sent_and_what_goes_is_named() {
        let accounts = kinds::by_name("accounts").unwrap();
        let before = json!({
            "location": "eastus2", "tags": {"a": "1"},
            "identity": {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {"/x": {}, "/y": {}}},
            "properties": {"apiProperties": {"statisticsEnabled": true}, "networkAcls": {"defaultAction": "Allow"},
                "encryption": {"keySource": "Microsoft.KeyVault"}, "disableLocalAuth": true},
        });
        let change = |change: fn(&mut Value)| {
            let mut after = before.clone();
            change(&mut after);
            between(accounts, &before, &after)
        };
        assert_eq!(
            change(|after| after["properties"]["networkAcls"]["defaultAction"] = json!("Deny")),
            json!({"properties": {"networkAcls": {"defaultAction": "Deny"}}})
        );
        assert_eq!(
            change(|after| _ = after["properties"].as_object_mut().unwrap().remove("encryption")),
            json!({"properties": {"encryption": {"keySource": "Microsoft.CognitiveServices"}}})
        );
        assert_eq!(change(|after| _ = after.as_object_mut().unwrap().remove("tags")), json!({"tags": {}}));
        let users =
            |users: Value| json!({"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": users});
        assert_eq!(
            between(accounts, &before, &{
                let mut after = before.clone();
                after["identity"] = users(json!({"/X": {}, "/z": {}}));
                after
            }),
            json!({"identity": users(json!({"/X": {}, "/y": null, "/z": {}}))})
        );
        assert_eq!(
            change(|after| after["identity"] = json!({"type": "SystemAssigned"})),
            json!({"identity": {"type": "SystemAssigned"}})
        );
    }
}

//! Changes behind keyless's back, one at a time: field, before, after, spec line.

use serde_json::{Value, json};

use crate::common::{
    ALICE, Azure, BOB, CS_USER, Folder, READER, account, assignment, grants, one_account, role,
};

const SPEC: &str = "\
disableLocalAuth: true
publicNetworkAccess: Disabled
networkAcls:
  defaultAction: Deny
  ipRules: [203.0.113.0/24, 198.51.100.7]
tags:
  team: ml
";

/// An applied spec: lines 1 to 5 are the head, the account's name is on line 7.
fn applied() -> (Azure, Folder, String) {
    let azure = Azure::start();
    let folder = azure.folder();
    let grants = format!("{}    description: calls the models\n", grants(&[ALICE]));
    let spec = one_account("team-a", "chat", &format!("{SPEC}{grants}"));
    folder.write("a.yaml", &spec);
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.keyless("drift a.yaml").exits(0).says(&["No drift"]);
    azure.take_seen();
    (azure, folder, spec)
}

/// The line number of a text in the spec, from 1.
fn line(spec: &str, text: &str) -> u64 {
    spec.lines().position(|line| line.contains(text)).unwrap() as u64 + 1
}

/// What `drift` says of the only field that differs.
#[track_caller]
fn only_field(folder: &Folder) -> (Value, Value, Value, u64) {
    let run = folder.keyless("drift a.yaml --format json").exits(2);
    let changes = run.changes("update");
    let [change] = changes.as_slice() else { panic!("one change\n{run}") };
    let [field] = change["fields"].as_array().unwrap().as_slice() else { panic!("one field\n{run}") };
    assert_eq!(field["source"]["file"], "a.yaml", "{run}");
    let at = field["source"]["line"].as_u64().unwrap();
    (field["path"].clone(), field["before"].clone(), field["after"].clone(), at)
}

/// Changes something, and expects one field to differ until `apply` closes it.
#[track_caller]
fn drifts(change: impl FnOnce(&Azure), path: &str, before: Value, after: Value, text: &str) {
    let (azure, folder, spec) = applied();
    change(&azure);
    assert_eq!(only_field(&folder), (json!(path), before, after, line(&spec, text)));
    let human = folder.keyless("drift a.yaml").exits(2);
    let place = format!("a.yaml:{}", line(&spec, text));
    assert!(
        human.stdout.contains(&place)
            && human.stdout.contains("Drift: 1 differs; who: owner@sandbox.invalid"),
        "{human}"
    );
    assert!(azure.take_writes().is_empty(), "drift writes nothing");
    folder.keyless("apply a.yaml --yes").exits(0).says(&["1 done"]);
    assert_eq!(azure.take_writes().len(), 1, "one write closes it");
    folder.keyless("drift a.yaml").exits(0);
}

#[test]
fn keys_turned_on_by_hand_are_drift() {
    let change = |azure: &Azure| {
        azure.patch(&account("chat"), json!({"properties": {"disableLocalAuth": false}}));
    };
    drifts(change, "disableLocalAuth", json!(false), json!(true), "disableLocalAuth");
}

#[test]
fn keys_turned_on_are_said_in_plain_words() {
    let (azure, folder, _) = applied();
    azure.patch(&account("chat"), json!({"properties": {"disableLocalAuth": false}}));
    folder
        .keyless("drift a.yaml")
        .exits(2)
        .says(&["  changed  account chat", "API keys  live: enabled, spec: disabled"]);
}

#[test]
fn an_address_added_by_hand_is_drift() {
    let change = |azure: &Azure| {
        let acls = json!({"defaultAction": "Deny", "ipRules": [
            {"value": "203.0.113.0/24"}, {"value": "198.51.100.7"}, {"value": "192.0.2.1"}]});
        azure.patch(&account("chat"), json!({"properties": {"networkAcls": acls}}));
    };
    let (before, after) =
        (json!(["203.0.113.0/24", "198.51.100.7", "192.0.2.1"]), json!(["203.0.113.0/24", "198.51.100.7"]));
    drifts(change, "networkAcls.ipRules", before, after, "ipRules");
}

#[test]
fn addresses_in_another_order_or_spelling_are_no_drift() {
    let (azure, folder, _) = applied();
    let acls = json!({"defaultAction": "Deny", "ipRules": [{"value": "198.51.100.7/32"}, {"value": "203.0.113.0/24"}]});
    azure.patch(&account("chat"), json!({"properties": {"networkAcls": acls}}));
    folder.keyless("drift a.yaml").exits(0).says(&["No drift"]);
}

#[test]
fn a_tag_changed_by_hand_is_drift_and_one_added_is_not() {
    let change = |azure: &Azure| {
        azure.patch(
            &account("chat"),
            json!({"tags": {"team": "other", "keyless-stack": "team-a", "cost": "7"}}),
        );
    };
    drifts(change, "tags.team", json!("other"), json!("ml"), "team: ml");
}

#[test]
fn a_network_opened_by_hand_is_drift() {
    let change = |azure: &Azure| {
        azure.patch(&account("chat"), json!({"properties": {"publicNetworkAccess": "Enabled"}}));
    };
    drifts(change, "publicNetworkAccess", json!("Enabled"), json!("Disabled"), "publicNetworkAccess");
}

#[test]
fn a_description_changed_by_hand_is_drift() {
    let change = |azure: &Azure| {
        let grant = &azure.grants_at(&account("chat"))[0];
        let mut properties = grant["properties"].clone();
        properties["description"] = json!("something else [keyless:team-a]");
        azure.put(grant["id"].as_str().unwrap(), json!({ "properties": properties }));
    };
    drifts(change, "description", json!("something else"), json!("calls the models"), "description");
}

#[test]
fn a_difference_that_only_a_guarded_plan_can_fix_is_still_drift() {
    let azure = Azure::start();
    let folder = azure.folder();
    let owner = grants(&[ALICE]).replace("Cognitive Services User", "Owner");
    folder.write("a.yaml", one_account("team-a", "chat", &owner));
    folder.keyless("apply a.yaml --yes --allow grant").exits(0);
    let grant = azure.grants_at(&account("chat"))[0]["id"].as_str().unwrap().to_owned();
    azure.delete(&grant);
    folder.keyless("plan a.yaml").exits(3).says(&["error[guard-grant]"]);
    let run = folder.keyless("drift a.yaml").exits(2).says(&["Drift: 1 missing"]);
    assert!(!run.stdout.contains("guard-grant"), "{run}");
}

#[test]
fn a_deleted_assignment_is_drift_and_comes_back() {
    let (azure, folder, spec) = applied();
    let name = azure.grants_at(&account("chat"))[0]["name"].as_str().unwrap().to_owned();
    azure.delete(&assignment(&account("chat"), &name));
    let run = folder.keyless("drift a.yaml --format json").exits(2);
    let created = run.changes("create");
    let [change] = created.as_slice() else { panic!("one to create\n{run}") };
    assert_eq!(change["kind"], "roleAssignments");
    assert_eq!(change["source"]["line"], line(&spec, ALICE));
    folder.keyless("apply a.yaml --yes").exits(0);
    assert_eq!(azure.grants_at(&account("chat"))[0]["name"], name, "under its old name");
}

#[test]
fn a_deleted_account_is_drift_and_the_soft_deleted_one_is_named() {
    let (azure, folder, spec) = applied();
    azure.delete(&account("chat"));
    let run = folder.keyless("drift a.yaml --format json").exits(1);
    assert_eq!(run.changes("refused")[0]["kind"], "accounts", "{run}");
    assert!(run.findings().contains(&format!("soft-deleted@{}", line(&spec, "name: chat"))), "{run}");
    // That it is gone is known, though it cannot be made again.
    let said = "Drift: 2 missing (apply cannot write 2 of these); who: owner@sandbox.invalid";
    let run = folder.keyless("drift a.yaml").exits(1).says(&[
        "  missing  account chat",
        "      apply cannot make it: account chat",
        said,
    ]);
    assert!(!run.stdout.contains("not known"), "{run}");
    folder.keyless("drift a.yaml --format markdown").exits(1).says(&["| **missing** | **account chat**"]);
    azure.take_seen();
    folder.keyless("apply a.yaml --yes").exits(1);
    assert!(azure.take_writes().is_empty());
}

#[test]
fn drift_shows_live_and_spec_values_and_never_what_apply_would_do() {
    let (azure, folder, spec) = applied();
    let long = "calls the models of the chat account from the nightly batch of the platform team";
    folder.write("a.yaml", spec.replace("description: calls the models", &format!("description: {long}")));
    folder.keyless("apply a.yaml --yes").exits(0);
    let grant = azure.grants_at(&account("chat"))[0].clone();
    let mut changed = json!({"properties": grant["properties"]});
    changed["properties"]["description"] =
        json!(format!("{} [keyless:team-a]", long.replace("nightly", "weekly")));
    azure.put(grant["id"].as_str().unwrap(), changed);
    let acls =
        json!({"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.0/24"}, {"value": "192.0.2.1"}]});
    azure.patch(&account("chat"), json!({"properties": {"disableLocalAuth": false, "networkAcls": acls}}));
    let left = json!({"properties": {"roleDefinitionId": role(READER), "principalId": BOB, "principalType": "User", "description": "x [keyless:team-a]"}});
    azure.put(&assignment(&account("chat"), "11111111-1111-4111-8111-111111111111"), left);
    let run = folder.keyless("drift a.yaml").exits(2).says(&[
        "API keys             live: enabled, spec: disabled",
        "networkAcls.ipRules  spec only: 198.51.100.7",
        "                           live only: 192.0.2.1",
        "spec: calls the models of the chat account from the nightly batch",
        "live: calls the models of the chat account from the weekly batch",
        "  extra    role assignment Reader",
        "owned by stack `team-a`, which no longer declares it",
        "Drift: 2 differ, 1 extra; who: owner@sandbox.invalid.",
    ]);
    for word in ["enabled -> ", "Plan:", "to update", "to delete", "  ~ ", "  - role"] {
        assert!(!run.stdout.contains(word), "{word}\n{run}");
    }
    folder.keyless("drift a.yaml --format markdown").exits(2).says(&[
        "**2 differ, 1 extra; who&#58; owner&#64;sandbox.invalid.**",
        "| | resource or field | spec | live | declared |",
        "| **changed** | **account chat**",
        "| | API keys | `disabled` | `enabled` |",
        "nightly batch of the platform team` | `calls the models of the chat account from the weekly batch",
        "| **extra** | **role assignment Reader",
    ]);
}

#[test]
fn roles_that_can_be_used_to_gain_more_are_the_first_of_what_is_undeclared() {
    const CONTRIBUTOR: &str = "b24988ac-6180-42a0-ab88-20f7382dd24c";
    let (azure, folder, _) = applied();
    for (name, given) in [("1", CS_USER), ("9", CONTRIBUTOR)] {
        let id = format!("{name}1111111-1111-4111-8111-111111111111");
        let given = json!({"roleDefinitionId": role(given), "principalId": BOB, "principalType": "User"});
        azure.put(&assignment(&account("chat"), &id), json!({"properties": given}));
    }
    for format in ["", " --format markdown"] {
        let run = folder.keyless(&format!("drift a.yaml{format}")).exits(2);
        let start = if format.is_empty() { "  extra  " } else { "| **extra** | **" };
        let place = |role: &str| run.stdout.find(&format!("{start}role assignment {role}"));
        let [contributor, other] = ["Contributor", "Cognitive Services User"].map(place);
        assert!(contributor.is_some() && contributor < other, "{run}");
    }
}

#[test]
fn fields_that_the_spec_leaves_out_are_never_drift() {
    let (azure, folder, _) = applied();
    azure.patch(
        &account("chat"),
        json!({"identity": {"type": "None"}, "properties": {
            "restrictOutboundNetworkAccess": true, "allowedFqdnList": ["a.example"], "allowProjectManagement": true}}),
    );
    folder.keyless("drift a.yaml").exits(0).says(&["No drift"]);
}

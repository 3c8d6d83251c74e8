//! Plans that are saved, shown, and carried out later.

use serde_json::{Value, json};

use crate::common::{ALICE, Azure, BOB, CAROL, Folder, READER, SUB, account, grants, head, one_account};

fn planned() -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    folder
        .write("a.yaml", one_account("team-a", "chat", &format!("tags: {{team: ml}}\n{}", grants(&[ALICE]))));
    folder.keyless("plan a.yaml --out plan.json").exits(0).says(&["1 to create, 1 to update"]);
    azure.take_seen();
    (azure, folder)
}

fn edit(folder: &Folder, change: impl FnOnce(&mut Value)) {
    let path = folder.path().join("plan.json");
    let mut plan: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut plan);
    std::fs::write(path, plan.to_string()).unwrap();
}

#[test]
fn a_saved_plan_is_shown_as_it_was_and_carried_out() {
    let (azure, folder) = planned();
    let shown = folder.keyless("plan a.yaml").stdout;
    azure.take_seen();
    assert_eq!(folder.keyless("show plan.json").exits(0).stdout, shown);
    assert!(azure.take_seen().is_empty(), "showing asks nothing");
    std::fs::remove_file(folder.path().join("a.yaml")).unwrap();
    folder.keyless("apply plan.json --yes").exits(0).says(&["2 done"]);
    assert_eq!(azure.get(&account("chat"))["tags"]["team"], "ml");
    assert_eq!(azure.grants_at(&account("chat")).len(), 1);
}

#[test]
fn a_saved_plan_is_refused_when_what_it_starts_from_has_changed() {
    type Change = fn(&Azure);
    let changes: [Change; 3] = [
        |azure| {
            azure.patch(&account("chat"), json!({"properties": {"publicNetworkAccess": "Disabled"}}));
        },
        |azure| azure.delete(&account("chat")),
        |azure| {
            azure.patch(&account("chat"), json!({"tags": {"someone": "else"}}));
        },
    ];
    for change in changes {
        let (azure, folder) = planned();
        change(&azure);
        let run = folder.keyless("apply plan.json --yes").exits(3);
        assert!(run.stdout.contains("guard-stale"), "{run}");
        assert!(azure.take_writes().is_empty());
    }
}

#[test]
fn reading_keys_or_another_etag_makes_no_plan_stale() {
    let (azure, folder) = planned();
    azure.send("POST", &format!("{}/regenerateKey", account("chat")), Some(json!({"keyName": "Key1"})));
    folder.keyless("apply plan.json --yes").exits(0).says(&["2 done"]);
}

#[test]
fn a_damaged_plan_is_refused() {
    let damages: [fn(&mut Value); 6] = [
        |plan| plan["steps"][0]["patch"]["tags"]["team"] = json!("evil"),
        |plan| plan["steps"][0]["target"] = json!("/subscriptions/x"),
        |plan| plan["formatVersion"] = json!("9.9"),
        |plan| plan["target"]["endpoint"] = json!("http://127.0.0.1:9/"),
        |plan| *plan = json!([]),
        |plan| plan["changes"] = json!([]),
    ];
    for damage in damages {
        let (azure, folder) = planned();
        edit(&folder, damage);
        let run = folder.keyless("apply plan.json --yes").exits(1);
        assert!(run.stderr.contains("plan.json"), "{run}");
        assert!(azure.take_seen().is_empty());
    }
    let folder = Folder::new();
    folder.write("plan.json", "{\"formatVersion\": \"1.0\"");
    folder.keyless("show plan.json").exits(1).complains(&["not a whole JSON document"]);
}

#[test]
fn with_specs_only_steps_that_both_hold_are_carried_out() {
    let (azure, folder) = planned();
    folder.write("a.yaml", one_account("team-a", "chat", &format!("tags: {{team: ml}}\n{}", grants(&[BOB]))));
    folder.keyless("apply plan.json a.yaml --yes").exits(3).says(&["guard-stale"]);
    assert!(azure.take_writes().is_empty());
    folder
        .write("a.yaml", one_account("team-a", "chat", &format!("tags: {{team: ml}}\n{}", grants(&[ALICE]))));
    folder.keyless("apply plan.json a.yaml --yes").exits(0).says(&["2 done"]);
}

#[test]
fn a_plan_made_for_one_target_is_refused_on_another() {
    let (azure, folder) = planned();
    let run = Folder::new();
    std::fs::copy(folder.path().join("plan.json"), run.path().join("plan.json")).unwrap();
    let refused = run.keyless("apply plan.json --yes --sandbox").exits(1);
    assert!(refused.stderr.contains("target") || refused.stdout.contains("target"), "{refused}");
    assert!(azure.take_writes().is_empty());
}

#[test]
fn lifts_are_never_read_from_a_plan() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write(
        "a.yaml",
        format!("{}roleAssignments: [{{scope: subscription, role: Reader, principals: [{{id: {CAROL}, type: User}}]}}]\n", head("team-a")),
    );
    folder.keyless("plan a.yaml --out plan.json --allow grant").exits(0);
    folder.keyless("apply plan.json --yes").exits(3).says(&["guard-grant"]);
    assert!(azure.take_writes().is_empty());
    folder.keyless("apply plan.json --yes --allow grant").exits(0);
    let grant = &azure.grants_at(&format!("/subscriptions/{SUB}"))[0];
    assert!(grant["properties"]["roleDefinitionId"].as_str().unwrap().ends_with(READER));
}

#[test]
fn a_saved_plan_holds_no_token_and_is_the_same_each_time() {
    let (_azure, folder) = planned();
    let first = std::fs::read_to_string(folder.path().join("plan.json")).unwrap();
    folder.keyless("plan a.yaml --out plan.json").exits(0);
    assert_eq!(std::fs::read_to_string(folder.path().join("plan.json")).unwrap(), first);
    assert!(!first.contains("a-token"));
}

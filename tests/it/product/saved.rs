//! Plans that are saved, shown, and carried out later.

use serde_json::{Value, json};

use super::forged::{base, change, forge, refused};
use crate::common::{
    ALICE, Azure, BOB, CAROL, Fault, Folder, READER, SUB, account, few, grants, head, one_account,
};

fn planned() -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    folder
        .write("a.yaml", one_account("team-a", "chat", &format!("tags: {{team: ml}}\n{}", grants(&[ALICE]))));
    let run = folder.keyless("plan a.yaml --out plan.json").exits(0).says(&["1 to create, 1 to update"]);
    run.complains(&["Saved to `plan.json`. To apply it: keyless apply plan.json"]);
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
        |plan| plan["changes"][0]["fields"][0]["after"] = json!("evil"),
        |plan| plan["changes"][0]["id"] = json!("/subscriptions/x"),
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
    folder.write("plan.json", "{\"formatVersion\": \"2.0\"");
    folder.keyless("show plan.json").exits(1).complains(&["not a whole JSON document"]);
}

#[test]
fn a_plan_that_does_not_say_how_much_was_judged_claims_nothing() {
    let (_azure, folder) = planned();
    let known = || folder.keyless("show plan.json --format json").exits(0).json()["known"].clone();
    assert_eq!(known(), "all");
    edit(&folder, |plan| drop(plan.as_object_mut().unwrap().remove("known")));
    assert_eq!(known(), "part");
    // Nor more than it shows.
    edit(&folder, |plan| {
        plan["known"] = json!("all");
        plan["incomplete"] = json!([{"scope": "/subscriptions/x", "reason": "no"}]);
    });
    assert_eq!(known(), "part");
    // Who carries it out reads again what it writes, and no more.
    folder.write("a.yaml", one_account("team-a", "chat", "disableLocalAuth: false"));
    folder.keyless("plan a.yaml --out plan.json").exits(3);
    edit(&folder, |plan| plan["known"] = json!("part"));
    let refused = folder.keyless("apply plan.json --yes --format json").exits(3);
    assert_eq!(refused.json()["known"], "part", "{refused}");
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
    std::fs::copy(folder.path().join("a.yaml"), run.path().join("a.yaml")).unwrap();
    for arguments in ["apply plan.json --yes --sandbox", "apply plan.json a.yaml --yes --sandbox"] {
        run.keyless(arguments)
            .exits(1)
            .complains(&["the plan was made for", "or make a plan for this target"]);
    }
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

#[test]
#[ignore = "slow: tests/slow.sh"]
fn pins_hold_for_every_change_of_a_plan_that_nobody_edited() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = |principals: &[&str]| one_account("team-a", "chat", &grants(principals));
    folder.write("a.yaml", spec(&[ALICE, BOB]));
    folder.keyless("apply a.yaml --yes").exits(0);
    let other = format!("--within {}", account("other"));
    let inside = format!("--within /subscriptions/{SUB}/resourceGroups/RG");
    let by_hand = "12345678-aaaa-4bbb-8ccc-0123456789ab";
    // A delete, which writes no mark; then an unmarked account that changes and keeps no mark; then one that is adopted.
    let revoked = spec(&[ALICE]);
    azure.make_account("free", &json!({"customSubDomainName": "free", "disableLocalAuth": true}));
    let unmarked = format!("{revoked}  - name: free\n    tags: {{team: ml}}\n");
    azure.grant(&account("chat"), by_hand, READER, CAROL, None);
    let adopted = unmarked.replacen("accounts:", "adopt: true\naccounts:", 1)
        + &format!(
            "roleAssignments: [{{scope: {}, role: Reader, principals: [{{id: {CAROL}, type: User}}]}}]\n",
            account("chat")
        );
    for (text, counts) in few(2, [(revoked, "1 to delete"), (unmarked, "1 to update"), (adopted, "to adopt")])
    {
        folder.write("a.yaml", text);
        folder.keyless("plan a.yaml --out plan.json").exits(0).says(&[counts]);
        azure.take_seen();
        let run = folder.keyless("apply plan.json --yes --stack team-b").exits(1);
        run.complains(&[
            "for stack `team-a`",
            "pinned to stack `team-b`",
            "help: if this is intended, add `--stack team-a`",
        ]);
        assert!(azure.take_seen().is_empty(), "nothing was even asked");
        for command in ["apply plan.json --yes", "apply plan.json a.yaml --yes", "apply a.yaml --yes"] {
            let run = folder.keyless(&format!("{command} {other}")).exits(1);
            run.says(&["outside-within"]).complains(&["nothing was written"]);
            assert!(azure.take_writes().is_empty());
        }
        folder.keyless(&format!("apply plan.json --yes --stack team-a {inside}")).exits(0);
        folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
    }
}

#[test]
fn a_guard_that_refused_the_plan_is_lifted_when_it_is_applied() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write(
        "a.yaml",
        format!("{}roleAssignments: [{{scope: subscription, role: Reader, principals: [{{id: {CAROL}, type: User}}]}}]\n", head("team-a")),
    );
    folder.keyless("plan a.yaml --out plan.json").exits(3).says(&["error[guard-grant]"]);
    folder.keyless("apply plan.json --yes").exits(3);
    let run = folder.keyless("apply plan.json --yes --allow grant").exits(0);
    assert!(!run.stdout.contains("error[guard-grant]"), "{run}");
}

#[test]
fn findings_of_a_saved_plan_that_no_longer_apply_are_not_repeated() {
    let (azure, folder) = planned();
    let reader = json!({"value": [{"actions": ["*/read"], "notActions": []}]}).to_string();
    let denied = Fault::Answer(200, "application/json", reader);
    azure.spoil("GET", "/Microsoft.Authorization/permissions?", denied);
    folder.keyless("plan a.yaml --out plan.json").exits(0).says(&["note[missing-permission]"]);
    folder.keyless("apply plan.json --yes").exits(1).says(&["error[missing-permission]"]);
    azure.heal();
    let run = folder.keyless("apply plan.json --yes").exits(0);
    assert!(!run.stdout.contains("missing-permission"), "{run}");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_caller_of_another_tenant_than_the_declared_one_is_told() {
    let azure = Azure::start();
    let folder = azure.folder();
    let (ours, theirs) = ("11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222");
    // A token whose claims say the tenant; the sandbox takes any.
    let claims = "eyJhbGciOiJub25lIn0.eyJ0aWQiOiIxMTExMTExMS0xMTExLTExMTEtMTExMS0xMTExMTExMTExMTEifQ.x";
    azure.make_account("chat", &json!({"customSubDomainName": "chat"}));
    let told = format!("the caller is signed in to tenant `{ours}`, not `{theirs}`");
    for (tenant, code) in [(theirs, 1), (ours, 0), (&*ours.to_uppercase(), 0)] {
        folder
            .write("a.yaml", format!("tenant: {tenant}\n{}", one_account("team-a", "chat", "tags: {a: b}")));
        for command in ["plan", "access", "outputs", "apply --yes", "keys revoke --yes", "drift"] {
            let run = folder.with_env(&format!("{command} a.yaml"), &[("KEYLESS_TOKEN", claims)]).exits(code);
            let said = format!("{}{}", run.stdout, run.stderr);
            assert_eq!(said.contains(&told), code == 1, "{run}");
            let writes = azure.take_writes().len();
            assert!(code == 0 || writes == 0, "{command} writes what is another tenant's: {run}");
        }
    }
}

#[test]
fn a_saved_plan_is_refused_when_somebody_made_what_it_would_make() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    folder.keyless("plan a.yaml --out plan.json").exits(0).says(&["2 to create"]);
    azure.make_account("chat", &json!({"customSubDomainName": "chat"}));
    azure.take_seen();
    let run = folder.keyless("apply plan.json --yes").exits(3);
    run.says(&["guard-stale", "create account chat, but it was created in Azure after the plan was made"]);
    assert!(azure.take_writes().is_empty());
}

#[test]
fn what_pinned_the_making_of_a_plan_does_not_pin_whoever_applies_it() {
    let (azure, folder) = planned();
    let other = account("other");
    folder.keyless(&format!("plan a.yaml --out plan.json --within {other}")).exits(1);
    folder.keyless("show plan.json").exits(0).says(&["outside-within"]);
    let run = folder.keyless(&format!("apply plan.json --yes --within {}", account("chat"))).exits(0);
    assert!(!run.stdout.contains("outside-within"), "{run}");
    assert_eq!(azure.take_writes().len(), 2);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_could_not_be_read_stops_a_saved_plan_only_where_the_plan_writes() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = |principals: &[&str], lines: &str| {
        one_account("team-a", "chat", &format!("{lines}{}", grants(principals)))
    };
    let accounts = "CognitiveServices/accounts?";
    folder.write("a.yaml", spec(&[ALICE, BOB], ""));
    folder.keyless("apply a.yaml --yes").exits(0);
    // Only a revocation: it was planned, and lifted, without the accounts.
    folder.write("a.yaml", spec(&[ALICE], ""));
    azure.spoil("GET", accounts, Fault::denied());
    folder.keyless("plan a.yaml --out plan.json --allow lock-out").exits(1).says(&["1 to delete"]);
    azure.take_seen();
    let run = folder.keyless("apply plan.json --yes --allow lock-out");
    run.says(&["warning[incomplete-read]", "Azure answered 403", "1 done"]);
    assert_eq!(azure.grants_at(&account("chat")).len(), 1);
    // A grant on an account, and a change of the account itself, need to know it.
    azure.heal();
    for changed in [spec(&[ALICE, CAROL], ""), spec(&[ALICE], "tags: {x: y}\n")] {
        folder.write("a.yaml", changed);
        folder.keyless("plan a.yaml --out plan.json").exits(0);
        azure.spoil("GET", accounts, Fault::denied());
        azure.take_seen();
        let run = folder.keyless("apply plan.json --yes").exits(1).complains(&[
            "could not read the current state of",
            "Azure answered 403",
            "then apply the plan again",
            "nothing was written",
        ]);
        assert!(azure.take_writes().is_empty(), "{run}");
        azure.heal();
        folder.keyless("apply plan.json --yes").exits(0).says(&["1 done"]);
        folder.write("a.yaml", spec(&[ALICE], ""));
        folder.keyless("apply a.yaml --yes").exits(0);
    }
    // So does a revocation the list of role assignments.
    folder.write("a.yaml", one_account("team-a", "chat", "roleAssignments: []\n"));
    folder.keyless("plan a.yaml --out plan.json --allow lock-out").exits(0);
    azure.spoil("GET", "Authorization/roleAssignments?", Fault::denied());
    azure.take_seen();
    folder
        .keyless("apply plan.json --yes --allow lock-out")
        .exits(1)
        .complains(&["could not read the current state of role assignment"]);
    assert!(azure.take_writes().is_empty());
}

/// Of two values one reader takes the first, and another the last: what was approved need not be what runs.
#[test]
fn a_plan_with_a_name_twice_is_refused_with_the_name() {
    let (azure, folder) = planned();
    let path = folder.path().join("plan.json");
    let text = std::fs::read_to_string(&path).unwrap();
    for (name, doubled) in [
        ("changes", text.replacen("\"changes\":", "\"changes\": [], \"changes\":", 1)),
        (
            "formatVersion",
            text.replacen("\"formatVersion\":", "\"formatVersion\": \"1.0\", \"formatVersion\":", 1),
        ),
        ("action", text.replacen("\"action\":", "\"action\": \"no-op\", \"action\":", 1)),
        ("kind", text.replacen("\"kind\":", "\"\\u006bind\": \"projects\", \"kind\":", 1)),
    ] {
        assert_ne!(doubled, text, "{name}");
        std::fs::write(&path, doubled).unwrap();
        for command in ["show plan.json", "apply plan.json --yes", "apply plan.json a.yaml --yes"] {
            folder.keyless(command).exits(1).complains(&[&format!("`{name}` occurs twice")]);
        }
    }
    assert!(azure.take_writes().is_empty());
    std::fs::write(&path, text).unwrap();
    folder.keyless("apply plan.json --yes").exits(0);
}

/// Makes of a change that the plan holds back the delete that earlier versions made of it.
fn release(azure: &Azure, folder: &Folder, action: &str, word: &str) {
    forge(folder, |plan| {
        let held = change(plan, action, word);
        let text = |name: &str| held[name].as_str().unwrap().to_owned();
        held["base"] = base(azure, &text("kind"), &text("id"));
        held["action"] = json!("delete");
        held["stack"] = json!("team-a");
        held.as_object_mut().unwrap().remove("reason");
    });
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn deletes_of_earlier_versions_that_a_fresh_plan_holds_back_are_refused() {
    let (alice, bob) = (format!("{{id: {ALICE}, type: User}}"), format!("{{id: {BOB}, type: User}}"));
    let of = |name: &str, principals: &[&str]| {
        let principals = principals.join(", ");
        format!(
            "  - name: {name}\n    roleAssignments:\n      - role: Cognitive Services User\n        principals: [{principals}]\n"
        )
    };
    let spec = |accounts: &[&str]| head("team-a") + "accounts:\n" + &accounts.concat();
    // Of a role that does not exist the plan shows no id; an account that cannot be made gives its identity no role.
    let odd = format!("      - role: Nobody's Role\n        principals: [{alice}]\n");
    let (lost, identity) = ("  - name: lost\n", "{accountIdentity: lost}");
    let front = "  - {name: front, disableLocalAuth: true}\n";
    let on_front = format!(
        "{}roleAssignments:\n  - {{scope: {}, role: Reader, principals: [{alice}]}}\n",
        head("team-b"),
        account("front")
    );
    let (two, one) = (of("chat", &[&alice, &bob]), of("chat", &[&alice]));
    let other = of("chat", &[&alice, identity]);
    let started = || {
        let azure = Azure::start();
        azure.make_account("lost", &json!({"customSubDomainName": "lost"}));
        azure.delete(&account("lost"));
        let folder = azure.folder();
        (azure, folder)
    };
    let replaced = "which may replace it, cannot be created";
    for (before, after, beside, action, word, why) in few(
        2,
        [
            (spec(&[&two]), spec(&[&one, &odd]), "", "unmanaged", BOB, replaced),
            (spec(&[&two]), spec(&[&other, lost]), "", "refused", BOB, replaced),
            (
                spec(&[&one, front]),
                spec(&[&one, &odd]),
                "",
                "refused",
                "accounts/front",
                "is not as declared",
            ),
            (
                spec(&[&one, front]),
                spec(&[&one]),
                on_front.as_str(),
                "refused",
                "accounts/front",
                "is declared on or in it",
            ),
        ],
    ) {
        let (azure, folder) = started();
        folder.write("specs/a.yaml", before);
        folder.keyless("apply --yes").exits(0);
        folder.write("specs/a.yaml", after);
        if !beside.is_empty() {
            folder.write("specs/b.yaml", beside);
        }
        folder.keyless("plan --allow delete-account --out plan.json").exits(1);
        folder.keyless("show plan.json").exits(0);
        release(&azure, &folder, action, word);
        azure.take_seen();
        let run = folder.keyless("apply plan.json --yes --allow delete-account");
        refused(
            &azure,
            run,
            1,
            &["it is deleted although", why, "another version of keyless", "make a new plan"],
        );
    }
    // What stands far from the one that is missing goes by a saved plan too.
    let (azure, folder) = started();
    folder.write("a.yaml", spec(&[&one, &of("far", &[&alice, &bob])]));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", spec(&[&other, lost, &of("far", &[&alice])]));
    folder.keyless("plan a.yaml --out plan.json").exits(1).says(&["1 to delete"]);
    folder.keyless("apply plan.json --yes").says(&["1 done"]);
    assert_eq!(azure.grants_at(&account("far")).len(), 1);
}

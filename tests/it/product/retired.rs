//! `--retire`: what a stack owns in its domain is deleted, past the guards; all else stays, and is reported.

use serde_json::{Value, json};

use crate::common::{
    ALICE, Azure, BOB, CS_USER, Fault, Folder, SUB, account, assignment, few, grants, head, one_account, role,
};

const LIFTS: &str = "--allow delete-account --allow delete-deployment --allow deletes --allow lock-out";
const GRANT: &str = "a5510000-0000-4000-8000-000000000001";

fn deployment() -> &'static str {
    "deployments:\n  - name: gpt\n    model: {format: OpenAI, name: gpt-4o, version: \"2024-08-06\"}\n    sku: {name: GlobalStandard, capacity: 3}\n"
}

/// A whole stack: an account with a model and its users, and a grant on the group.
fn spec() -> String {
    format!(
        "{}roleAssignments:\n  - {{scope: resourceGroup, role: Reader, principals: [{{id: {BOB}, type: User}}]}}\n",
        one_account("team-a", "chat", &format!("{}{}", grants(&[ALICE]), deployment()))
    )
}

fn applied() -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_seen();
    (azure, folder)
}

fn deletes(azure: &Azure) -> usize {
    azure.take_writes().iter().filter(|seen| seen.method == "DELETE").count()
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn all_that_a_stack_made_goes_past_its_guards_and_then_nothing_is_left_to_do() {
    let (azure, folder) = applied();
    let plan = folder.keyless("plan a.yaml --retire team-a").exits(3);
    plan.says(&[
        "4 to delete",
        "guard-delete-account",
        "guard-delete-deployment",
        "account chat",
        "deployment gpt",
    ]);
    folder.keyless("apply a.yaml --retire team-a --yes").exits(3).complains(&["nothing was written"]);
    assert_eq!(deletes(&azure), 0);
    // Without the word nothing goes, whoever looks.
    folder.keyless("plan a.yaml").exits(0).says(&["No changes"]);
    folder.keyless("drift a.yaml").exits(0);
    folder.keyless("access a.yaml").exits(0).says(&["account chat"]);
    folder.keyless(&format!("apply a.yaml --retire team-a --yes {LIFTS}")).exits(0).says(&["4 done"]);
    assert_eq!(deletes(&azure), 4);
    assert!(azure.grants_at(&format!("/subscriptions/{SUB}/resourceGroups/rg")).is_empty());
    folder.keyless("apply a.yaml --retire team-a --yes").exits(0).says(&["No changes"]);
    // Nothing is asked about what is not there any more, and no deleted account stands in the way.
    folder.keyless("plan a.yaml --retire team-a").exits(0).says(&["No changes"]);
}

#[test]
fn a_saved_plan_of_it_is_judged_again_and_is_what_its_specs_say_only_with_the_same_word() {
    let (azure, folder) = applied();
    folder.keyless("plan a.yaml --retire team-a --out p.json").exits(3);
    folder.keyless("show p.json").exits(0).says(&["4 to delete"]);
    folder.keyless("apply p.json --yes").exits(3).says(&["guard-delete-account"]);
    folder
        .keyless(&format!("apply p.json --yes --retire team-a {LIFTS}"))
        .exits(1)
        .complains(&["cannot be used with a saved plan"]);
    // The specs alone want none of it.
    folder.keyless(&format!("apply p.json a.yaml --yes {LIFTS}")).exits(3).says(&["guard-stale"]);
    assert_eq!(deletes(&azure), 0);
    // Somebody takes the mark off in between: that one is nobody's to delete any more.
    let group = format!("/subscriptions/{SUB}/resourceGroups/rg");
    let grant = azure.grants_at(&group)[0].clone();
    let mut plain = grant.clone();
    plain["properties"]["description"] = json!("");
    let id = grant["id"].as_str().unwrap();
    azure.put(id, json!({"properties": plain["properties"]}));
    folder.keyless(&format!("apply p.json --yes {LIFTS} --allow delete-list")).exits(3);
    assert_eq!(deletes(&azure), 0);
    azure.put(id, json!({"properties": grant["properties"]}));
    folder.keyless(&format!("apply p.json a.yaml --retire team-a --yes {LIFTS}")).exits(0).says(&["4 done"]);
    assert_eq!(deletes(&azure), 4);
}

#[test]
fn a_saved_plan_of_it_is_applied_by_itself() {
    let (azure, folder) = applied();
    folder.keyless("plan a.yaml --retire team-a --out p.json").exits(3);
    folder.keyless(&format!("apply p.json --yes {LIFTS} --allow delete-list")).exits(0).says(&["4 done"]);
    assert_eq!(deletes(&azure), 4);
}

#[test]
fn what_is_not_its_own_stays_and_is_told() {
    let azure = Azure::start();
    let folder = azure.folder();
    // The account and one of its users were there before, and the stack adopted neither.
    azure.make_account("chat", &json!({"disableLocalAuth": true, "customSubDomainName": "chat"}));
    azure.grant(&account("chat"), GRANT, CS_USER, BOB, None);
    folder.write(
        "a.yaml",
        one_account("team-a", "chat", &format!("{}{}", grants(&[ALICE, BOB]), deployment())),
    );
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_seen();
    // Nobody declares them, so they are none of the stack's.
    azure.make_account("other", &json!({"disableLocalAuth": true, "customSubDomainName": "other"}));
    azure.grant(&account("other"), GRANT.replace("001", "002").as_str(), CS_USER, BOB, None);
    let run = folder.keyless("plan a.yaml --retire team-a --allow delete-deployment").exits(0);
    let run = run.says(&["2 to delete", "deployment gpt", "2 resources that the spec of retired stack `team-a` declares do not carry its mark and stay: account chat, role assignment Cognitive Services User -> User "]);
    assert!(!run.stdout.contains("stays while"), "{run}");
    folder.keyless("apply a.yaml --retire team-a --yes --allow delete-deployment").exits(0);
    assert_eq!(deletes(&azure), 2);
    let left = azure.grants_at(&account("chat"));
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["properties"]["principalId"], BOB);
}

#[test]
fn what_another_stack_has_in_its_account_is_named_and_keeps_it_where_that_stack_is_loaded() {
    let (azure, folder) = applied();
    let id = assignment(&account("chat"), GRANT);
    azure.put(&id, json!({"properties": {"roleDefinitionId": role(CS_USER), "principalId": BOB, "principalType": "User", "description": "[keyless:team-b]"}}));
    let run = folder.keyless("plan a.yaml --retire team-a").exits(3);
    run.says(&["this also deletes what other stacks created there: 1 of stack `team-b`"]);
    let b = format!(
        "{}roleAssignments:\n  - {{scope: {}, role: Cognitive Services User, principals: [{{id: {BOB}, type: User}}]}}\n",
        head("team-b").replace("resourceGroup: rg\n", "").replace("location: eastus2\n", ""),
        account("chat")
    );
    folder.write("b.yaml", b);
    for select in ["", "--select team-a"] {
        let run =
            folder.keyless(&format!("apply a.yaml b.yaml --retire team-a --yes {LIFTS} {select}")).exits(1);
        run.says(&["error[still-declared]", "b.yaml:"]);
        assert!(azure.get(&account("chat"))["id"].is_string());
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn where_a_list_cannot_be_read_nothing_of_it_goes() {
    for path in [
        "/providers/Microsoft.CognitiveServices/accounts?",
        "/accounts/chat/deployments?",
        "/roleAssignments?",
    ] {
        let (azure, folder) = applied();
        azure.spoil("GET", path, Fault::error(500, "InternalServerError", "no such luck"));
        let run = folder.keyless(&format!("apply a.yaml --retire team-a --yes {LIFTS}")).exits(1);
        assert!(run.stdout.contains("incomplete-read"), "{path}: {run}");
        // An account goes with its deployments, whether they could be listed or not: its guard says so.
        let gone = azure.take_writes();
        let is_account = |path: &str| path == account("chat");
        let unread = !path.contains("accounts?")
            || !gone.iter().any(|seen| seen.method == "DELETE" && is_account(seen.path()));
        assert!(unread, "{path}: {run}");
        azure.heal();
        folder.keyless(&format!("apply a.yaml --retire team-a --yes {LIFTS}")).exits(0);
        assert_eq!(azure.send("GET", &account("chat"), None).status, 404, "{path}");
    }
}

#[test]
fn names_that_mean_nobody_any_more_are_not_in_its_way_and_variables_without_a_value_are() {
    let (azure, folder) = applied();
    let gone = spec().replace("    roleAssignments:\n", "    roleAssignments:\n      - {role: Cognitive Services User, principals: [{group: no-such-group}]}\n");
    folder.write("a.yaml", &gone);
    let lookups = |answer: &mut Value| {
        for response in answer["responses"].as_array_mut().into_iter().flatten() {
            response["body"]["value"] = json!([]);
        }
    };
    azure.spoil("POST", "$batch", Fault::Edit(lookups));
    folder.keyless("plan a.yaml").exits(1).says(&["no-such-group"]);
    folder.keyless(&format!("plan a.yaml --retire team-a {LIFTS}")).exits(0).says(&["4 to delete"]);
    azure.heal();
    folder.write("a.yaml", spec().replace("name: chat", "name: ${name}"));
    folder.keyless("plan a.yaml --retire team-a").exits(1).complains(&["no variable is named `name`"]);
    folder
        .keyless(&format!("plan a.yaml --retire team-a --var name=chat {LIFTS}"))
        .exits(0)
        .says(&["4 to delete"]);
    // Under a wrong name the account is in the group all the same.
    folder
        .keyless(&format!("plan a.yaml --retire team-a --var name=other {LIFTS}"))
        .exits(0)
        .says(&["account chat"]);
}

#[test]
fn a_stack_that_is_not_loaded_or_deletes_nothing_is_not_retired() {
    let (azure, folder) = applied();
    folder
        .keyless("plan a.yaml --retire team-b")
        .exits(1)
        .complains(&["`--retire team-b` needs the spec of that stack", "did you mean `team-a`?"]);
    folder.write("a.yaml", spec().replace("accounts:", "prune: none\naccounts:"));
    folder.keyless("plan a.yaml --retire team-a").exits(1).complains(&["with `prune: none`", "a.yaml:6:"]);
    // Another stack of the run goes on as it is, and pins hold.
    folder.write("a.yaml", spec());
    folder.write("b.yaml", one_account("team-b", "other", ""));
    folder
        .keyless("plan a.yaml b.yaml --select team-b --retire team-a")
        .exits(1)
        .complains(&["that stack is not selected", "add `--select team-a`"]);
    let run = folder.keyless(&format!("plan a.yaml b.yaml --retire team-a {LIFTS}")).exits(0);
    run.says(&["1 to create, 4 to delete"]);
    folder.keyless("plan a.yaml --retire team-a --stack team-b").exits(1).complains(&["stack-mismatch"]);
    let within = format!("--within /subscriptions/{SUB}/resourceGroups/elsewhere");
    folder
        .keyless(&format!("apply a.yaml --retire team-a --yes {LIFTS} {within}"))
        .exits(1)
        .says(&["outside-within"]);
    assert_eq!(deletes(&azure), 0);
    // Only these two commands know it, and only as a flag.
    let set = [("KEYLESS_RETIRE", "team-a")];
    folder.with_env("plan a.yaml", &set).exits(0).says(&["No changes"]);
    for command in ["drift", "access", "verify", "outputs", "validate", "lock"] {
        let run = folder.keyless(&format!("{command} a.yaml --retire team-a")).exits(1);
        run.complains(&["unexpected argument '--retire'"]);
    }
}

#[test]
fn what_the_spec_does_not_name_any_more_takes_a_word_of_its_own_and_then_goes_too() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"disableLocalAuth": true, "customSubDomainName": "chat"}));
    folder.write("a.yaml", spec());
    folder.keyless("apply a.yaml --yes").exits(0);
    // On an account that the spec names, whatever list of it was left out: that list is empty.
    folder.write("a.yaml", one_account("team-a", "chat", ""));
    let run = folder.keyless("plan a.yaml --retire team-a --allow delete-deployment --allow lock-out");
    run.exits(0).says(&["3 to delete", "deployment gpt"]);
    // On one that it does not name, somebody may have forgotten it.
    folder.write("a.yaml", head("team-a"));
    let run = folder.keyless("plan a.yaml --retire team-a --allow lock-out").exits(3);
    run.says(&["error[guard-delete-list]", "no longer declares account `chat`"]);
    let lifts = "--allow lock-out --allow delete-list --allow delete-deployment";
    folder.keyless(&format!("apply a.yaml --retire team-a {lifts} --yes")).exits(0);
    assert!(azure.grants_at(&account("chat")).is_empty());
    folder.keyless("plan a.yaml --retire team-a").exits(0).says(&["No changes"]);
}

#[test]
fn the_right_of_the_identity_that_carries_it_out_is_not_taken_unasked() {
    let azure = Azure::start();
    let folder = azure.folder();
    let claims = json!({ "oid": BOB }).to_string();
    let encode = |text: &str| base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, text);
    let token = format!("{}.{}.x", encode("{\"alg\":\"none\"}"), encode(&claims));
    let owner =
        "roleAssignments:\n  - {scope: resourceGroup, role: Owner, principals: [{id: BOB, type: User}]}\n";
    folder.write("a.yaml", head("team-a") + &owner.replace("BOB", BOB));
    folder.keyless("apply a.yaml --yes --allow grant").exits(0);
    let as_bob = [("KEYLESS_TOKEN", token.as_str())];
    let retire = "apply a.yaml --retire team-a --yes";
    azure.take_seen();
    folder.with_env(retire, &as_bob).exits(3).says(&["error[guard-lock-out]", "takes `Owner`"]);
    assert_eq!(deletes(&azure), 0);
    folder.with_env(&format!("{retire} --allow lock-out"), &as_bob).exits(0).says(&["1 done"]);
    assert_eq!(deletes(&azure), 1);
}

#[test]
fn a_lock_keeps_what_it_is_on_and_its_limit_counts() {
    let (azure, folder) = applied();
    let lock = format!("{}/providers/Microsoft.Authorization/locks/L", account("chat"));
    azure.put(&lock, json!({"properties": {"level": "CanNotDelete"}}));
    let run = folder.keyless(&format!("apply a.yaml --retire team-a --yes {LIFTS}")).exits(1);
    run.says(&["while the CanNotDelete lock `L`"]);
    assert!(azure.get(&account("chat"))["id"].is_string());
    azure.delete(&lock);
    folder.keyless(&format!("apply a.yaml --retire team-a --yes {LIFTS}")).exits(0);
    // Eleven are more than ten, whatever was meant.
    let many: Vec<String> = (0..11).map(|at| BOB.replace("bbbbbbbb", &format!("9{at:07}"))).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    azure.make_account("fresh", &json!({"disableLocalAuth": true, "customSubDomainName": "fresh"}));
    folder.write("a.yaml", one_account("team-a", "fresh", &grants(&many)));
    folder.keyless("apply a.yaml --yes").exits(0);
    let run = folder.keyless("plan a.yaml --retire team-a --allow lock-out").exits(3);
    run.says(&["error[guard-deletes]"]);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn two_stacks_on_one_account_each_lose_only_their_own() {
    let (azure, folder) = applied();
    let on_it = |who: &str| {
        format!(
            "{}roleAssignments:\n  - {{scope: {}, role: Cognitive Services OpenAI User, principals: [{{id: {who}, type: User}}]}}\n",
            head("team-b"),
            account("chat")
        )
    };
    folder.write("b.yaml", on_it(BOB));
    folder.keyless("apply a.yaml b.yaml --yes").exits(0);
    azure.take_seen();
    for specs in few(2, ["b.yaml", "a.yaml b.yaml", "a.yaml b.yaml --select team-b"]) {
        let run = folder.keyless(&format!("plan {specs} --retire team-b")).exits(0);
        run.says(&["1 to delete", "Cognitive Services OpenAI User"]);
    }
    folder.keyless("apply a.yaml b.yaml --retire team-b --select team-b --yes").exits(0).says(&["1 done"]);
    assert_eq!(deletes(&azure), 1);
    folder.keyless("plan a.yaml").exits(0).says(&["No changes"]);
    folder.keyless("drift a.yaml").exits(0);
    // Both at once: what is on the account goes before it.
    folder.keyless("apply b.yaml --yes").exits(0);
    azure.take_seen();
    let both = format!("apply a.yaml b.yaml --retire team-a --retire team-b --yes {LIFTS}");
    folder.keyless(&both).exits(0).says(&["5 done"]);
    folder.keyless(&both).exits(0).says(&["No changes"]);
    assert_eq!(deletes(&azure), 5);
}

/// Projects, connections, content filters, a second group, and scopes outside of all groups.
#[test]
fn everything_that_a_stack_can_own_goes_wherever_its_spec_names_it() {
    let azure = Azure::start();
    let folder = azure.folder();
    let lines = "projects:\n  - name: main\n    connections: [{name: docs, category: CognitiveSearch, target: \"https://s1.search.windows.net\", authType: AAD}]\nconnections: [{name: search, category: CognitiveSearch, target: \"https://s1.search.windows.net\", authType: AAD}]\nraiPolicies:\n  - {name: strict, basePolicyName: Microsoft.DefaultV2, mode: Blocking, contentFilters: [{name: hate, source: Prompt, blocking: true, enabled: true, severityThreshold: Low}]}\n";
    let deployment = deployment().replace("capacity: 3}", "capacity: 3}\n    raiPolicyName: strict");
    let far = format!(
        "  - name: far\n    resourceGroup: rg-far\nroleAssignments:\n  - {{scope: subscription, role: Reader, principals: [{{id: {BOB}, type: User}}]}}\n  - {{scope: /subscriptions/{SUB}/resourceGroups/other/providers/Microsoft.Storage/storageAccounts/st1, role: Storage Blob Data Reader, principals: [{{id: {BOB}, type: User}}]}}\n"
    );
    let whole = one_account("team-a", "chat", &format!("{}{lines}{deployment}", grants(&[ALICE]))) + &far;
    folder.write("a.yaml", whole);
    folder.keyless("apply a.yaml --yes --allow grant").exits(0).says(&["10 done"]);
    azure.take_seen();
    let retire = format!("apply a.yaml --retire team-a --yes {LIFTS} --allow delete-project");
    folder.keyless(&retire).exits(0).says(&["8 done"]);
    assert_eq!(deletes(&azure), 8);
    folder.keyless(&retire).exits(0).says(&["No changes"]);
    assert_eq!(deletes(&azure), 0);
}

const TEAM: &str = "dddddddd-0000-4000-8000-000000000004";

/// A token of one principal, unsigned.
fn token_of(id: &str) -> String {
    let encode = |text: &str| base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, text);
    format!("{}.{}.x", encode("{\"alg\":\"none\"}"), encode(&json!({ "oid": id }).to_string()))
}

/// Whoever carries it out has its right by the stack, as a group that it may be in: without it, the rest could not be done.
#[test]
fn the_right_of_the_identity_that_carries_it_out_goes_last_and_not_if_anything_failed() {
    let azure = Azure::start();
    let folder = azure.folder();
    let owner = |scope: &str, who: &str, kind: &str| {
        format!("  - {{scope: {scope}, role: Owner, principals: [{{id: {who}, type: {kind}}}]}}\n")
    };
    let group = format!("/subscriptions/{SUB}/resourceGroups/rg");
    let rights = [
        owner("subscription", BOB, "User"),
        owner("resourceGroup", BOB, "User"),
        owner("resourceGroup", TEAM, "Group"),
        owner("resourceGroup", ALICE, "User"),
    ];
    folder.write("a.yaml", spec() + &rights.concat());
    folder.keyless("apply a.yaml --yes --allow grant").exits(0);
    let token = token_of(BOB);
    let as_bob = [("KEYLESS_TOKEN", token.as_str())];
    let retire = format!("apply a.yaml --retire team-a --yes {LIFTS}");
    let order = || {
        let gone = azure.take_writes().into_iter().filter(|seen| seen.method == "DELETE");
        gone.map(|seen| seen.path().to_owned()).collect::<Vec<_>>()
    };
    let held = |scope: &str| {
        let grants = azure.grants_at(scope).into_iter();
        grants
            .map(|grant| grant["properties"]["principalId"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let id = |scope: &str, who: &str| {
        let mut grants = azure.grants_at(scope).into_iter();
        let owner = |grant: &Value| {
            grant["properties"]["principalId"] == who
                && grant["properties"]["roleDefinitionId"]
                    .as_str()
                    .unwrap()
                    .ends_with("8e3af657-a8ff-443c-a75c-2fe8c4bcb635")
        };
        grants.find(owner).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let subscription = format!("/subscriptions/{SUB}");
    let last = [id(&group, TEAM), id(&group, BOB), id(&subscription, BOB)];
    // Something cannot be done: the caller keeps its right; others do not.
    azure.take_seen();
    azure.spoil("DELETE", "/deployments/gpt", Fault::error(409, "Conflict", "in use"));
    let run = folder.with_env(&retire, &as_bob).exits(1);
    run.complains(&["it depends on deployment gpt of chat, which did not succeed"]);
    assert_eq!((held(&group), held(&subscription)), (vec![BOB.to_owned()], vec![BOB.to_owned()]));
    let gone = order();
    assert!(gone.last().unwrap().eq_ignore_ascii_case(&last[0]), "{gone:?}");
    azure.heal();
    // Nor is it taken while a plan says that something stays.
    let lock = format!("{}/providers/Microsoft.Authorization/locks/L", account("chat"));
    azure.put(&lock, json!({"properties": {"level": "CanNotDelete"}}));
    folder.with_env(&retire, &as_bob).exits(1);
    assert_eq!((held(&group), held(&subscription)), (vec![BOB.to_owned()], vec![BOB.to_owned()]));
    azure.delete(&lock);
    // From a saved plan in the same order.
    azure.take_seen();
    folder.with_env("plan a.yaml --retire team-a --out p.json", &as_bob).exits(3);
    folder.with_env(&format!("apply p.json --yes {LIFTS} --allow delete-list"), &as_bob).exits(0);
    let gone = order();
    assert!(gone.iter().any(|path| path.eq_ignore_ascii_case(&account("chat"))), "{gone:?}");
    let end = &gone[gone.len() - 2..];
    assert!(end.iter().zip(&last[1..]).all(|(one, other)| one.eq_ignore_ascii_case(other)), "{gone:?}");
    folder.with_env(&retire, &as_bob).exits(0).says(&["No changes"]);
}

/// Under its new name the stack owns nothing: with "no changes" its spec would be removed, and all of it would stay.
#[test]
fn a_stack_that_was_renamed_is_not_retired_under_its_new_name() {
    let (azure, folder) = applied();
    folder.write("a.yaml", spec().replace("stack: team-a", "stack: team-new"));
    for command in ["plan", "apply --yes"] {
        let run = folder.keyless(&format!("{command} a.yaml --retire team-new")).exits(1);
        run.says(&[
            "error[foreign-mark]: 4 resources that the spec of retired stack `team-new` declares carry the mark of another stack, `team-a`, and would stay: ",
            "if the stack was renamed, write its old name",
            "No changes in what is known",
        ]);
    }
    // What a stack of the run declares was handed over.
    folder.write("b.yaml", spec());
    let run = folder.keyless("plan a.yaml b.yaml --retire team-new");
    assert!(!run.stdout.contains("renamed"), "{run}");
    assert_eq!(deletes(&azure), 0);
}

/// The account belongs to another stack by now, or to nobody.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_it_made_in_an_account_that_its_spec_no_longer_names_goes_too() {
    for is_declared in [true, false] {
        let azure = Azure::start();
        let folder = azure.folder();
        let within = format!("{}projects: [{{name: lab}}]\nraiPolicies: [{{name: strict}}]\n", deployment());
        folder.write(
            "a.yaml",
            one_account("team-a", "chat", &format!("allowProjectManagement: true\n{within}")),
        );
        folder.keyless("apply a.yaml --yes").exits(0);
        azure.patch(&account("chat"), json!({"tags": {}}));
        folder.write("a.yaml", head("team-a"));
        let mut specs = "a.yaml".to_owned();
        if is_declared {
            folder
                .write("b.yaml", one_account("team-b", "chat", "").replace("team-b", "team-b\nadopt: true"));
            folder.keyless("apply a.yaml b.yaml --yes").exits(0);
            specs.push_str(" b.yaml");
        }
        azure.take_seen();
        let retire = format!("{specs} --retire team-a");
        folder.keyless(&format!("plan {retire}")).exits(3).says(&[
            "3 to delete",
            "deployment gpt of chat",
            "project lab of chat",
            "stack `team-a` is being retired",
        ]);
        let lifts = "--allow delete-deployment --allow delete-project --allow delete-list";
        let run = folder.keyless(&format!("apply {retire} --yes {lifts}")).exits(0);
        run.complains(&["Remove the specs of the retired stacks now"]);
        assert_eq!(deletes(&azure), 3);
        folder.keyless(&format!("plan {retire}")).exits(0).says(&["No changes"]);
        assert!(azure.get(&account("chat"))["id"].is_string());
    }
}

//! What takes the place of what goes comes first: no account, project or deployment is deleted while something that its stack declares is
//! missing, however many runs that takes.

use serde_json::{Value, json};

use crate::common::{ALICE, Azure, Fault, Folder, SUB, account, few, grants, head, one_account};

const LIFTS: &str = "--yes --allow delete-account --allow delete-deployment --allow delete-project";

fn deployment(name: &str) -> String {
    format!(
        "deployments:\n  - name: {name}\n    model: {{format: OpenAI, name: gpt-4o, version: \"2024-08-06\"}}\n    sku: {{name: GlobalStandard, capacity: 3}}\n"
    )
}

/// An account of the stack under a name, in a group.
fn in_group(name: &str, group: &str, lines: &str) -> String {
    one_account("team-a", name, &format!("resourceGroup: {group}\n{lines}"))
}

fn applied(spec: &str) -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec);
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_seen();
    (azure, folder)
}

fn deletes(azure: &Azure) -> Vec<String> {
    let writes = azure.take_writes().into_iter().filter(|seen| seen.method == "DELETE");
    writes.map(|seen| seen.path().to_owned()).collect()
}

#[test]
fn an_account_that_moves_stays_with_its_users_until_the_new_one_is_whole() {
    let old = one_account("team-a", "chat", &format!("{}{}", grants(&[ALICE]), deployment("gpt")));
    let (azure, folder) = applied(&old);
    azure.put(&format!("/subscriptions/{SUB}/resourceGroups/rg-new"), json!({"location": "eastus2"}));
    let new = in_group("chat-new", "rg-new", &format!("{}{}", grants(&[ALICE]), deployment("gpt")));
    let near = "/resourceGroups/rg-new/providers/Microsoft.CognitiveServices/accounts/chat-new";
    // What keeps the new one from being whole, run after run, on one and the same Azure.
    let gone = new.replace("rg-new", "rg-gone");
    let (account_fails, models, roles) =
        (format!("{near}?"), format!("{near}/deployments/gpt?"), format!("{near}/providers/"));
    let obstacles = [
        ("resource group `rg-gone` does not exist", &gone, vec![]),
        ("no such luck", &new, vec![&account_fails]),
        ("no such luck", &new, vec![&models, &roles]),
        ("no such luck", &new, vec![&models]),
        ("no such luck", &new, vec![&models]),
    ];
    for (words, spec, failing) in few(2, obstacles) {
        folder.write("a.yaml", spec);
        let no_group =
            Fault::error(404, "ResourceGroupNotFound", "Resource group 'rg-gone' could not be found.");
        azure.spoil("GET", "/resourceGroups/rg-gone?", no_group);
        for part in &failing {
            azure.spoil("PUT", part, Fault::error(400, "InvalidRequest", "no such luck"));
        }
        let run = folder.keyless(&format!("apply a.yaml {LIFTS}")).exits(1);
        assert!(run.stdout.contains(words) || run.stderr.contains(words), "{run}");
        assert!(deletes(&azure).is_empty(), "{failing:?}: {run}");
        assert_eq!(azure.grants_at(&account("chat")).len(), 1, "{failing:?}");
        azure.heal();
    }
    folder.write("a.yaml", new);
    folder.keyless(&format!("apply a.yaml {LIFTS}")).exits(0);
    assert_eq!(deletes(&azure).len(), 2, "its user, then the account");
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
}

fn becomes(list: &mut Value, state: &str) {
    for item in list["value"].as_array_mut().unwrap() {
        if item["name"] == "new" {
            item["properties"]["provisioningState"] = json!(state);
        }
    }
}

fn creating(list: &mut Value) {
    becomes(list, "Creating");
}

fn failed(list: &mut Value) {
    becomes(list, "Failed");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_renamed_deployment_stays_until_the_new_one_exists_or_is_no_longer_declared() {
    let spec = |deployments: &str| {
        one_account("team-a", "chat", &format!("disableLocalAuth: false\nroleAssignments: []\n{deployments}"))
    };
    let (azure, folder) = applied(&spec(&deployment("old")));
    folder.write("a.yaml", spec(&deployment("new")));
    azure.spoil("PUT", "/deployments/new?", Fault::error(400, "InsufficientQuota", "no quota is left"));
    for _ in 0..2 {
        let run = folder.keyless(&format!("apply a.yaml {LIFTS}")).exits(1);
        run.complains(&["deployment old of chat", "deployment new of chat, which did not succeed"]);
        assert!(deletes(&azure).is_empty());
    }
    // Azure says beforehand that it will not take it.
    folder.write("a.yaml", spec(&deployment("new").replace("gpt-4o", "gpt-unheard-of")));
    let run = folder.keyless(&format!("apply a.yaml {LIFTS}")).exits(1);
    run.says(&["it depends on deployment new of chat, which is refused"]);
    assert!(deletes(&azure).is_empty());
    // Azure has not finished it, or has failed to.
    folder.write("a.yaml", spec(&deployment("new")));
    azure.heal();
    folder.keyless("apply a.yaml --yes").exits(3);
    azure.spoil("DELETE", "/deployments/old?", Fault::error(409, "Conflict", "not now"));
    folder.keyless(&format!("apply a.yaml {LIFTS}")).exits(1);
    azure.heal();
    for (state, words) in [("Creating", "Azure is still changing"), ("Failed", "did not complete")] {
        let edit: fn(&mut Value) = if state == "Creating" { creating } else { failed };
        azure.spoil("GET", "/deployments?", Fault::Edit(edit));
        azure.take_seen();
        let run = folder.keyless(&format!("apply a.yaml {LIFTS}")).exits(1);
        run.says(&[words, "deployment old of chat stays until deployment new of chat is as declared"]);
        assert!(deletes(&azure).is_empty(), "{state}");
        azure.heal();
    }
    // To make room, the old one is deleted in a run of its own.
    folder.write("a.yaml", spec("deployments: []\n"));
    folder.keyless(&format!("apply a.yaml {LIFTS}")).exits(0).says(&["2 done"]);
    assert_eq!(deletes(&azure).len(), 2);
}

#[test]
fn what_a_stack_cannot_make_holds_back_neither_other_stacks_nor_roles_elsewhere() {
    let two = format!(
        "{}  - name: search\n    disableLocalAuth: false\n    roleAssignments:\n      - role: Reader\n        principals: [{{id: {ALICE}, type: User}}]\n",
        one_account("team-a", "chat", "disableLocalAuth: false\nroleAssignments: []\n")
    );
    let (azure, folder) = applied(&two);
    folder.write("b.yaml", one_account("team-b", "other", "disableLocalAuth: false\n"));
    folder.keyless("apply b.yaml --yes").exits(0);
    folder.write("b.yaml", format!("{}accounts: []\n", head("team-b")));
    let none = two.split("    roleAssignments:\n      - role").next().unwrap();
    let none = none.replace("location: eastus2", "location: eastus2\nunmanaged: list");
    let refused = "        tags: {a: b}\n".trim_start();
    folder.write("a.yaml", format!("{none}    roleAssignments: []\n    resourceGroup: rg\n    {refused}"));
    azure.spoil("PATCH", "/accounts/search?", Fault::error(400, "InvalidRequest", "no such luck"));
    azure.take_seen();
    folder.keyless(&format!("apply a.yaml b.yaml {LIFTS}")).exits(1);
    let gone = deletes(&azure);
    assert_eq!(gone.len(), 2, "{gone:?}");
    assert!(gone.iter().any(|path| *path == account("other")), "{gone:?}");
    assert!(gone.iter().any(|path| path.contains("/roleAssignments/")), "{gone:?}");
}

type Harm = fn(&Azure);

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_saved_plan_deletes_only_if_what_it_leaves_unchanged_exists_and_succeeded() {
    let whole = |name: &str, deployments: &str| {
        format!(
            "  - name: {name}\n    disableLocalAuth: false\n    roleAssignments:\n      - role: Cognitive Services User\n        principals: [{{id: {ALICE}, type: User}}]\n{deployments}"
        )
    };
    let model = deployment("gpt").replace('\n', "\n    ");
    let model = format!("    {}", model.trim_end());
    let (old, new) = (whole("chat", ""), whole("chat-new", &format!("{model}\n")));
    let harms: [(&str, Harm); 4] = [
        ("accounts/chat-new`", |azure| azure.delete(&account("chat-new"))),
        ("deployments/gpt`", |azure| azure.delete(&format!("{}/deployments/gpt", account("chat-new")))),
        ("roleAssignments/", |azure| {
            let grants = azure.grants_at(&account("chat-new"));
            azure.delete(grants[0]["id"].as_str().unwrap());
        }),
        ("is not in a good state", |azure| {
            azure.spoil("GET", "/deployments?", Fault::Edit(broken));
        }),
    ];
    for (words, harm) in few(2, harms) {
        let (azure, folder) = applied(&format!("{}accounts:\n{old}{new}", head("team-a")));
        folder.write("a.yaml", format!("{}accounts:\n{new}", head("team-a")));
        folder.keyless("plan a.yaml --out saved.json").exits(3);
        azure.take_seen();
        harm(&azure);
        let chat = format!("--allow delete-account:{} --allow lock-out", account("chat"));
        let run = folder.keyless(&format!("apply saved.json --yes {chat}")).exits(3);
        run.says(&[
            "error[guard-stale]",
            words,
            "the plan deletes resources on the condition that it exists",
        ]);
        assert!(
            deletes(&azure).iter().all(|path| !path.contains("/accounts/chat/") && *path != account("chat"))
        );
        assert_eq!(azure.grants_at(&account("chat")).len(), 1, "{words}");
    }
    // If everything is unchanged, it is deleted.
    let (_azure, folder) = applied(&format!("{}accounts:\n{old}{new}", head("team-a")));
    folder.write("a.yaml", format!("{}accounts:\n{new}", head("team-a")));
    folder.keyless("plan a.yaml --out saved.json").exits(3);
    let lifts = format!("--allow delete-account:{}", account("chat"));
    folder.keyless(&format!("apply saved.json --yes {lifts}")).exits(0).says(&["2 done"]);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_goes_is_lifted_at_the_address_that_it_had_unless_another_could_be_meant() {
    let two = format!(
        "{}{}",
        one_account("team-a", "chat", &format!("{}projects:\n  - name: lab\n", deployment("gpt"))),
        "  - name: chat\n    resourceGroup: rg-new\n    customSubDomainName: chat-new\n"
    );
    let (azure, folder) = applied(&two);
    let lists = "deployments: []\nprojects: []\n";
    let second = two.split_once("  - name: chat\n    resourceGroup").unwrap().1;
    let both = format!("{}  - name: chat\n    resourceGroup{second}", one_account("team-a", "chat", lists));
    folder.write("a.yaml", &both);
    // What stands in one that is declared has one place only.
    let lifts = "--allow delete-deployment:accounts/chat/deployments/gpt --allow delete-project:accounts/chat/projects/LAB";
    folder.keyless(&format!("plan a.yaml {lifts}")).exits(0).says(&["2 to delete"]);
    let wrong = "--allow delete-deployment:accounts/chat --allow delete-project:accounts/chat/projects/lap";
    folder.keyless(&format!("plan a.yaml {wrong}")).exits(3);
    // A saved plan by itself knows no spec.
    folder.keyless("plan a.yaml --out saved.json").exits(3);
    folder.keyless(&format!("apply saved.json --yes {lifts}")).exits(3);
    folder.keyless(&format!("apply a.yaml --yes {lifts}")).exits(0);
    // Two accounts of one name: `accounts/chat` is the one that stays, or either.
    let lift = "--allow delete-account:accounts/chat --allow lock-out";
    folder.write(
        "a.yaml",
        format!("{}accounts: []\n", head("team-a"))
            .replace("accounts: []", "accounts:\n  - {name: other, resourceGroup: rg-new}"),
    );
    folder.keyless(&format!("plan a.yaml {lift}")).exits(3).says(&["2 to delete"]);
    folder.write(
        "a.yaml",
        one_account("team-a", "chat", "resourceGroup: rg-new\ncustomSubDomainName: chat-new\n"),
    );
    folder.keyless(&format!("plan a.yaml {lift}")).exits(3);
    assert!(deletes(&azure).iter().all(|path| path.contains("/deployments/") || path.contains("/projects/")));
}

fn broken(list: &mut Value) {
    for item in list["value"].as_array_mut().unwrap() {
        item["properties"]["provisioningState"] = json!("Failed");
    }
}

#[test]
fn users_stay_with_what_a_lock_keeps_from_being_deleted() {
    let lines = "roleAssignments: []\ndisableLocalAuth: false\nprojects:";
    let scope = format!("{}/projects/p1", account("chat"));
    let user = |principals: &str| {
        format!("roleAssignments:\n  - {{scope: {scope}, role: Reader, principals: [{principals}]}}\n")
    };
    let alice = format!("{{id: {ALICE}, type: User}}");
    let (azure, folder) = applied(&format!(
        "{}{}",
        one_account("team-a", "chat", &format!("{lines} [{{name: p1}}]")),
        user(&alice)
    ));
    folder.write("a.yaml", format!("{}{}", one_account("team-a", "chat", &format!("{lines} []")), user("")));
    // On something in the project, which says nothing of the roles on the project itself.
    let locked = format!("{scope}/connections/search/providers/Microsoft.Authorization/locks/keep");
    azure.put(&locked, json!({"properties": {"level": "CanNotDelete"}}));
    azure.take_seen();
    let run = folder.keyless(&format!("apply a.yaml {LIFTS}")).exits(1);
    let run = run.says(&["cannot delete project p1 of chat while the CanNotDelete lock", "2 refused"]);
    assert!(deletes(&azure).is_empty(), "{run}");
    assert_eq!(azure.grants_at(&scope).len(), 1);
    azure.delete(&locked);
    folder.keyless(&format!("apply a.yaml {LIFTS}")).exits(0).says(&["2 done"]);
}

#[test]
fn the_old_account_stays_while_the_new_one_has_not_got_its_own_key() {
    let old = one_account("team-a", "chat", "disableLocalAuth: false\n");
    let (azure, folder) = applied(&old);
    let key = "encryption:\n  keySource: Microsoft.KeyVault\n  keyVaultProperties: {keyName: k, keyVersion: v1, keyVaultUri: 'https://kv.vault.azure.net'}\n";
    folder.write("a.yaml", one_account("team-a", "chat-new", &format!("disableLocalAuth: false\n{key}")));
    azure.take_seen();
    // Nobody has given its identity a role at the vault.
    for done in ["0 done, 1 failed, 1 skipped"; 2] {
        let run = folder.keyless(&format!("apply a.yaml {LIFTS}")).exits(1);
        run.says(&["cannot access the key", done]);
        assert!(deletes(&azure).is_empty());
    }
}

//! Replacements: what goes, goes only once what may take its place stands.

use crate::common::{ALICE, Azure, BOB, Fault, Folder, SUB, account, grants, head, one_account};

const LIFTED: &str = "--allow deletes --allow delete-account --allow delete-deployment --allow delete-project --allow lock-out --allow weakening";
/// What Azure offers.
const NOW: &str = "2024-08-06";

fn deployment(name: &str, version: &str) -> String {
    format!(
        "deployments: [{{name: {name}, model: {{format: OpenAI, name: gpt-4o, version: \"{version}\"}}, sku: {{name: GlobalStandard, capacity: 1}}}}]\n"
    )
}

fn chat(folder: &Folder, lines: &str) {
    folder.write("a.yaml", one_account("team-a", "chat", lines));
}

/// An account with users and a deployment; nothing of what made it is counted.
fn applied(lines: &str) -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    chat(&folder, lines);
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.put(
        &format!("/subscriptions/{SUB}/resourceGroups/rg-two"),
        serde_json::json!({"location": "eastus2"}),
    );
    azure.take_seen();
    (azure, folder)
}

/// Method and last part of the path of each write.
fn writes(azure: &Azure) -> Vec<String> {
    let last = |path: &str| {
        let path = path.split('?').next().unwrap_or_default();
        let of: Vec<&str> = path.rsplit('/').take(2).collect();
        if of[1] == "roleAssignments" { of[1].to_owned() } else { of[0].to_owned() }
    };
    azure.take_writes().iter().map(|seen| format!("{} {}", seen.method, last(seen.path()))).collect()
}

/// That a run with every rule lifted writes nothing, refuses all deletes, and says these words.
#[track_caller]
fn nothing_goes(azure: &Azure, folder: &Folder, words: &[&str]) {
    let run = folder.keyless(&format!("plan a.yaml {LIFTED} --format json")).exits(1);
    assert!(run.changes("delete").is_empty(), "{run}");
    folder.keyless(&format!("plan a.yaml {LIFTED} --out saved.json")).exits(1).says(words);
    folder.keyless(&format!("apply a.yaml {LIFTED} --yes")).exits(1);
    folder.keyless(&format!("apply saved.json {LIFTED} --yes"));
    assert_eq!(writes(azure), [] as [&str; 0], "{run}");
}

fn moved(lines: &str) -> String {
    one_account("team-a", "chat", &format!("resourceGroup: rg-two\n{}{lines}", grants(&[ALICE, BOB])))
}

#[test]
fn an_account_that_moves_to_another_group_stays_with_its_users() {
    let (azure, folder) = applied(&format!("{}{}", grants(&[ALICE, BOB]), deployment("gpt", NOW)));
    folder.write("a.yaml", moved(""));
    let words = [
        "error[subdomain-taken]",
        "account `chat` of resource group `rg`, which this plan would delete, has it",
        "an account cannot move, and Azure keeps the subdomain of a deleted one",
        "az cognitiveservices account purge --name chat --resource-group rg --location eastus2",
        "stays while account chat, which may take its place, cannot be created",
    ];
    nothing_goes(&azure, &folder, &words);
    assert_eq!(azure.grants_at(&account("chat")).len(), 2);
    // The hint is true: in two runs, with a purge between them, it moves.
    folder.write("a.yaml", format!("{}accounts: []\n", head("team-a")));
    folder.keyless(&format!("apply a.yaml {LIFTED} --yes")).exits(0);
    folder.write("a.yaml", moved(""));
    let run = folder.keyless("plan a.yaml").exits(1);
    run.says(&[
        "account `chat` of resource group `rg`, which is soft-deleted, has it",
        "purge that, for good",
    ]);
    azure.delete(&format!(
        "/subscriptions/{SUB}/providers/Microsoft.CognitiveServices/locations/eastus2/resourceGroups/rg/deletedAccounts/chat?api-version=2025-06-01"
    ));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.keyless("drift a.yaml").exits(0);
}

#[test]
fn an_account_that_moves_under_another_subdomain_goes_after_all_that_is_in_the_new_one() {
    let (azure, folder) = applied(&grants(&[ALICE, BOB]));
    folder.write("a.yaml", moved(&format!("customSubDomainName: chat-two\n{}", deployment("gpt", NOW))));
    azure.spoil("PUT", "/deployments/gpt?", Fault::error(409, "Conflict", "not now"));
    let run = folder.keyless(&format!("apply a.yaml {LIFTED} --yes")).exits(1);
    assert_eq!(azure.grants_at(&account("chat")).len(), 2, "{run}");
    assert_eq!(azure.get(&account("chat"))["name"], "chat");
    azure.heal();
    azure.take_seen();
    folder.keyless(&format!("apply a.yaml {LIFTED} --yes")).exits(0);
    assert_eq!(
        writes(&azure),
        ["PUT gpt", "DELETE roleAssignments", "DELETE roleAssignments", "DELETE chat"]
    );
    folder.keyless("drift a.yaml").exits(0);
}

#[test]
fn an_account_stays_while_what_is_to_be_in_the_new_one_cannot_be_made() {
    let (azure, folder) = applied(&grants(&[ALICE]));
    // The new account can be made, and a role that nobody knows cannot be given on it.
    let users = grants(&[ALICE]).replace("Cognitive Services User", "Acme Caller");
    let lines = format!("resourceGroup: rg-two\ncustomSubDomainName: chat-two\n{users}");
    folder.write("a.yaml", one_account("team-a", "chat", &lines));
    let run = folder.keyless(&format!("apply a.yaml {LIFTED} --yes")).exits(1);
    run.says(&["it belongs to account chat, which may take its place"]);
    assert_eq!(azure.grants_at(&account("chat")).len(), 1);
}

#[test]
fn a_deployment_stays_while_the_one_under_its_new_name_cannot_be_had() {
    let (azure, folder) = applied(&deployment("gpt", NOW));
    chat(&folder, &deployment("gpt2", "1999-01-01"));
    let stays = "stays while deployment gpt2 of chat, which may take its place, cannot be created";
    nothing_goes(&azure, &folder, &["error[not-offered]", stays]);
    // Of another account nothing waits.
    let other = "  - name: other\n    deployments: []\n";
    chat(&folder, &deployment("gpt", NOW));
    let text = std::fs::read_to_string(folder.path().join("a.yaml")).unwrap();
    folder.write("a.yaml", format!("{text}  - name: other\n    {}", deployment("old", NOW)));
    folder.keyless("apply a.yaml --yes").exits(0);
    let broken = text.replace("name: gpt,", "name: gpt2,").replace(NOW, "1999-01-01");
    folder.write("a.yaml", format!("{broken}{other}"));
    azure.take_seen();
    folder.keyless(&format!("apply a.yaml {LIFTED} --yes")).exits(1).says(&[stays]);
    assert_eq!(writes(&azure), ["DELETE old"]);
}

#[test]
fn a_deployment_stays_where_azure_refuses_the_one_under_its_new_name() {
    let (azure, folder) = applied(&deployment("gpt", NOW));
    chat(&folder, &deployment("gpt2", NOW));
    folder.keyless(&format!("plan a.yaml {LIFTED} --out saved.json")).exits(0).says(&["1 to delete"]);
    for plan in ["a.yaml", "saved.json"] {
        azure.spoil("PUT", "/deployments/gpt2?", Fault::error(400, "InsufficientQuota", "no quota is left"));
        let run = folder.keyless(&format!("apply {plan} {LIFTED} --yes")).exits(1);
        run.says(&["no quota is left", "0 done, 1 failed, 1 skipped"]).complains(&[
            "it stays: deployment gpt2 of chat, which may take its place, was not made",
            "where Azure has no room for both, delete this one in a run of its own first",
        ]);
        assert!(!writes(&azure).iter().any(|write| write.starts_with("DELETE")), "{plan}");
        azure.heal();
    }
    // As it says: in two runs.
    chat(&folder, "deployments: []\n");
    folder.keyless(&format!("apply a.yaml {LIFTED} --yes")).exits(0);
    chat(&folder, &deployment("gpt2", NOW));
    folder.keyless("apply a.yaml --yes").exits(0);
}

#[test]
fn a_deployment_under_a_new_name_is_made_before_the_old_one_goes() {
    for saved in [false, true] {
        let (azure, folder) = applied(&deployment("gpt", NOW));
        chat(&folder, &deployment("gpt2", NOW));
        folder.keyless(&format!("plan a.yaml {LIFTED} --out saved.json")).exits(0);
        let plan = if saved { "saved.json" } else { "a.yaml" };
        folder.keyless(&format!("apply {plan} {LIFTED} --yes")).exits(0);
        assert_eq!(writes(&azure), ["PUT gpt2", "DELETE gpt"]);
        folder.keyless("drift a.yaml").exits(0);
    }
}

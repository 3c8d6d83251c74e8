//! Guards about who may do what: roles that could become more, conditions, identities, lock-outs.

use std::fs;

use serde_json::{Value, json};

use crate::common::{
    ALICE, Azure, BOB, CAROL, CS_USER, Folder, SUB, account, few, grants, head, listed, one_account, role,
    shared,
};

const ROLE: &str = "c0570000-0000-4000-8000-000000000009";
const HAND: &str = "12345678-aaaa-4bbb-8ccc-0123456789ab";

/// Lines that give Bob a role where they stand.
fn gives(role: &str, more: &str) -> String {
    let principals = listed([BOB], "User");
    format!("roleAssignments:\n  - role: {role}\n{more}    principals:\n{principals}")
}

fn at_group(role: &str, more: &str) -> String {
    let text = gives(role, &format!("    scope: resourceGroup\n{more}"));
    format!("{}{text}", head("team-a"))
}

fn define(azure: &Azure, permission: &Value) {
    let properties = json!({
        "roleName": "Made by hand", "type": "CustomRole", "permissions": [permission],
        "assignableScopes": [format!("/subscriptions/{SUB}")],
    });
    azure.put(&role(ROLE), json!({ "properties": properties }));
}

/// Asserts that a spec is refused by one rule at one address, that only its own flag lifts that, and that it does.
#[track_caller]
fn refused(azure: &Azure, folder: &Folder, rule: &str, address: &str, message: &str) {
    azure.take_seen();
    let flag = format!("{rule}:{address}");
    let shown = if address.contains(' ') { format!("--allow '{flag}'") } else { format!("--allow {flag}") };
    let code = format!("error[guard-{rule}]");
    folder.keyless("plan a.yaml").exits(3).says(&[
        &code,
        message,
        &format!("help: if this is intended: {shown}\n"),
    ]);
    folder.args(["apply", "a.yaml", "--yes"]).exits(3).complains(&["nothing was written"]);
    for other in ["weakening".to_owned(), format!("{rule}:accounts/another"), format!("weakening:{address}")]
    {
        folder.args(["apply", "a.yaml", "--yes", "--allow", &other]).exits(3);
    }
    assert!(azure.take_writes().is_empty(), "{rule}");
    folder.args(["apply", "a.yaml", "--yes", "--allow", &flag]).exits(0);
    assert!(!azure.take_writes().is_empty(), "{rule}");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_role_that_could_become_more_needs_its_flag() {
    let writes = |action: &str| json!({"actions": [action]});
    let address = |name: &str| format!("accounts/chat/roleAssignments/{name}/{BOB}");
    for (permission, words) in few(
        1,
        [
            (writes("Microsoft.Authorization/roleDefinitions/write"), "change what custom roles permit"),
            (
                writes("Microsoft.Authorization/roleAssignmentScheduleRequests/write"),
                "assign roles temporarily (PIM)",
            ),
            (writes("Microsoft.Authorization/elevateAccess/action"), "elevate itself"),
            (writes("Microsoft.CognitiveServices/accounts/*"), "change accounts"),
            (
                json!({"actions": ["Microsoft.ManagedIdentity/*"], "notActions": ["*/assign/action"]}),
                "let outside tokens sign in as a managed identity",
            ),
            (
                writes("Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/write"),
                "assign Cosmos DB's own roles",
            ),
        ],
    ) {
        let azure = Azure::start();
        define(&azure, &permission);
        let folder = azure.folder();
        folder.write("a.yaml", one_account("team-a", "chat", &gives("Made by hand", "")));
        refused(&azure, &folder, "grant", &address("Made by hand"), words);
    }
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &gives("Cognitive Services Contributor", "")));
    let address = address("Cognitive Services Contributor");
    refused(&azure, &folder, "grant", &address, "a role that can change accounts");
    // What excludes its own rights gives none of them.
    let azure = Azure::start();
    define(&azure, &json!({"actions": ["Microsoft.Authorization/*"], "notActions": ["*/write", "*/action"]}));
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &gives("Made by hand", "")));
    folder.keyless("plan a.yaml").exits(0);
}

#[test]
fn one_flag_lifts_one_grant() {
    let azure = Azure::start();
    let folder = azure.folder();
    let more = format!("  - role: Owner\n    principals:\n{}", listed([BOB, CAROL], "User"));
    folder.write("a.yaml", one_account("team-a", "chat", &format!("{}{more}", grants(&[ALICE]))));
    let flag = |who: &str| format!("grant:accounts/chat/roleAssignments/Owner/{who}");
    let run = folder.args(["plan", "a.yaml", "--allow", &flag(BOB)]).exits(3);
    assert_eq!(run.stdout.matches("error[guard-grant]").count(), 1, "{run}");
    assert!(run.stdout.contains(&format!("gives User {CAROL} `Owner`")), "{run}");
    folder.args(["plan", "a.yaml", "--allow", &flag(BOB), "--allow", &flag(CAROL)]).exits(0);
}

#[test]
fn the_roles_of_the_tutorial_pass_without_a_word() {
    for role in [
        "Cognitive Services User",
        "Cognitive Services OpenAI User",
        "Cognitive Services OpenAI Contributor",
        "Azure AI Developer",
        "Azure AI User",
        "Reader",
    ] {
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", one_account("team-a", "chat", &gives(role, "")));
        let findings = folder.keyless("plan a.yaml --format json").exits(0).findings();
        assert!(!findings.iter().any(|finding| finding.starts_with("guard-")), "{role}: {findings:?}");
    }
}

/// A condition under which its holder may give these roles only.
fn delegating(roles: &str) -> String {
    format!(
        "    condition: \"((!(ActionMatches{{'Microsoft.Authorization/roleAssignments/write'}})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {{{roles}}}))\"\n"
    )
}

#[test]
fn who_may_give_inference_roles_only_is_a_note_below_a_group() {
    let only_calls = delegating(&format!("{CS_USER}, 5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"));
    let administrator = "Role Based Access Control Administrator";
    for (spec, exit, words) in few(
        3,
        [
            (
                one_account("team-a", "chat", &gives("Azure AI Project Manager", "")),
                0,
                "by its condition only `Foundry User`",
            ),
            (
                one_account("team-a", "chat", &gives(administrator, &only_calls)),
                0,
                "by its condition only `Cognitive Services OpenAI User`, `Cognitive Services User`",
            ),
            (at_group("Azure AI Project Manager", ""), 3, "assign roles to others"),
            (at_group(administrator, &only_calls), 3, "assign roles to others"),
            // More than assignments can be written with these.
            (one_account("team-a", "chat", &gives("Azure AI Account Owner", "")), 3, "change accounts"),
            (
                one_account("team-a", "chat", &gives("User Access Administrator", &only_calls)),
                3,
                "change what custom roles permit",
            ),
            // A condition that lets Owner be given, or one that restricts nothing.
            (
                one_account(
                    "team-a",
                    "chat",
                    &gives(administrator, &delegating("8e3af657-a8ff-443c-a75c-2fe8c4bcb635")),
                ),
                3,
                "assign roles to others",
            ),
            (
                one_account(
                    "team-a",
                    "chat",
                    &gives(
                        administrator,
                        "    condition: \"!(ActionMatches{'Microsoft.Authorization/roleAssignments/write/none'})\"\n",
                    ),
                ),
                3,
                "assign roles to others",
            ),
            (at_group("Cognitive Services User", ""), 0, "on the whole resource group `rg`"),
        ],
    ) {
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", &spec);
        let severity = if exit == 0 { "note[guard-grant]" } else { "error[guard-grant]" };
        folder.keyless("plan a.yaml -v").exits(exit).says(&[severity, words]);
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_changed_condition_needs_its_flag() {
    let Some(cases) = shared("cases/azure") else { return };
    let address = "accounts/ab18/roleAssignments/Role Based Access Control Administrator/77777777-7777-4888-8999-000000000000";
    for other in ["condition-widened-owner.yaml", "condition-trivial.yaml"] {
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", fs::read(cases.join("condition-before.yaml")).unwrap());
        folder.keyless("apply a.yaml --yes").exits(0);
        folder.write("a.yaml", fs::read(cases.join(other)).unwrap());
        let shown = folder.keyless("plan a.yaml").exits(3);
        assert!(!shown.stdout.contains("\\u{a}"), "{shown}");
        refused(
            &azure,
            &folder,
            "condition",
            address,
            "changes the condition under which ServicePrincipal 77777777-7777-4888-8999-000000000000",
        );
    }
}

#[test]
fn a_condition_is_not_got_around_by_a_grant_beside_it() {
    let azure = Azure::start();
    let folder = azure.folder();
    let condition = "    condition: \"@Resource[Microsoft.Storage/storageAccounts:name] StringEquals 'a'\"\n";
    folder.write("a.yaml", at_group("Reader", condition));
    folder.keyless("apply a.yaml --yes").exits(0);
    // Dropped by `null`.
    folder.write("a.yaml", at_group("Reader", "    condition: null\n"));
    folder.keyless("plan a.yaml").exits(3).says(&["error[guard-condition]", "drops the condition"]);
    // The same role without it, on something in the group.
    azure.make_account("other", &json!({"customSubDomainName": "other"}));
    let more = format!(
        "  - scope: {}\n    role: Reader\n    principals:\n{}",
        account("other"),
        listed([BOB], "User")
    );
    folder.write("a.yaml", format!("{}{more}", at_group("Reader", condition)));
    let address = format!("{}/roleAssignments/Reader/{BOB}", account("other"));
    refused(&azure, &folder, "condition", &address, "without the condition under which it has it on");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_identity_newly_attached_to_a_live_account_needs_its_flag() {
    let azure = Azure::start();
    let folder = azure.folder();
    let id = |name: &str| {
        format!(
            "/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
        )
    };
    let spec = |identity: &str| {
        one_account("team-a", "chat", &format!("identity: {identity}\n{}", grants(&[ALICE])))
    };
    // A new account has nobody's trust to lose.
    folder.write("a.yaml", spec(&format!("{{userAssigned: [{}]}}", id("own"))));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", spec(&format!("{{userAssigned: [{}, {}]}}", id("own"), id("foreign"))));
    refused(&azure, &folder, "identity", "accounts/chat", "attaches user-assigned identity");
    folder.write("a.yaml", spec(&format!("{{userAssigned: [{}]}}", id("foreign"))));
    folder.keyless("apply a.yaml --yes").exits(0);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_account_that_is_brought_back_is_held_against_what_it_was() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    azure.delete(&account("chat"));
    let lines = format!("disableLocalAuth: false\n{}", grants(&[ALICE]));
    let spec = one_account("team-a", "chat", &lines);
    folder.write("a.yaml", spec.replace("accounts:", "onSoftDeleted: restore\naccounts:"));
    refused(&azure, &folder, "keys-on", "accounts/chat", "enables the API keys of account `chat`");
}

#[test]
fn the_only_way_in_put_under_a_condition_is_a_lock_out() {
    let Some(cases) = shared("cases/guards") else { return };
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", fs::read(cases.join("base.yaml")).unwrap());
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", fs::read(cases.join("condition-never.yaml")).unwrap());
    refused(&azure, &folder, "lock-out", "accounts/chat-a", "apply only under a condition");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_was_given_by_hand_beside_a_declared_list_is_no_way_in_to_rely_on() {
    let open = json!({"customSubDomainName": "chat", "disableLocalAuth": false});
    let reader = format!("roleAssignments:\n  - role: Reader\n    principals:\n{}", listed([BOB], "User"));
    for (lines, by_hand_at, refused_by) in [
        (reader.as_str(), account("chat"), Some("were given by hand on `chat`")),
        ("roleAssignments: []\n", account("chat"), Some("were given by hand on `chat`")),
        // Without a list they are nobody's to take away; and what is inherited is others' to declare.
        ("", account("chat"), None),
        (reader.as_str(), format!("/subscriptions/{SUB}/resourceGroups/rg"), None),
    ] {
        let azure = Azure::start();
        let folder = azure.folder();
        azure.make_account("chat", &open);
        azure.grant(&by_hand_at, HAND, CS_USER, ALICE, None);
        folder.write("a.yaml", one_account("team-a", "chat", &format!("disableLocalAuth: true\n{lines}")));
        match refused_by {
            Some(words) => refused(&azure, &folder, "lock-out", "accounts/chat", words),
            None => drop(folder.keyless("plan a.yaml").exits(0)),
        }
    }
    // The declared way in goes, and one by hand is left.
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[BOB])));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.grant(&account("chat"), HAND, CS_USER, ALICE, None);
    folder.write("a.yaml", one_account("team-a", "chat", "roleAssignments: []\n"));
    folder.keyless("plan a.yaml").exits(3).says(&["error[guard-lock-out]", "were given by hand on `chat`"]);
}

#[test]
fn the_callers_own_right_to_write_is_not_taken_by_a_condition_either() {
    let azure = Azure::start();
    let folder = azure.folder();
    let claims = json!({ "oid": BOB }).to_string();
    let encode = |text: &str| base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, text);
    let token = format!("{}.{}.x", encode("{\"alg\":\"none\"}"), encode(&claims));
    let owner = |more: &str| at_group("Owner", more);
    folder.write("a.yaml", owner(""));
    folder.keyless("apply a.yaml --yes --allow grant").exits(0);
    let as_bob = [("KEYLESS_TOKEN", token.as_str())];
    folder.write("b.yaml", head("team-a"));
    folder.with_env("plan b.yaml", &as_bob).exits(3).says(&["error[guard-lock-out]", "takes `Owner`"]);
    folder.write("b.yaml", owner("    condition: \"@Environment[isPrivateLink] BoolEquals true\"\n"));
    folder.with_env("plan b.yaml", &as_bob).exits(3).says(&["error[guard-lock-out]", "under a condition"]);
    // Somebody else's is not the caller's.
    folder.keyless("plan b.yaml").exits(0);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn each_stack_has_its_own_limit_of_deletes() {
    let azure = Azure::start();
    let folder = azure.folder();
    let many = |stack: &str, from: u32, count: u32| {
        let principals = (from..from + count).map(|index| format!("dddddddd-0000-4000-8000-{index:012}"));
        let entry = "roleAssignments:\n  - scope: resourceGroup\n    role: Reader\n    principals:\n";
        format!("{}{entry}{}", head(stack), listed(principals, "User"))
    };
    folder.write("specs/a.yaml", many("team-a", 0, 40));
    folder.write("specs/b.yaml", many("team-b", 100, 40));
    folder.keyless("apply --yes -q").exits(0);
    folder.write("specs/a.yaml", many("team-a", 0, 31));
    folder.write("specs/b.yaml", many("team-b", 100, 31));
    folder.keyless("plan").exits(0);
    folder.write("specs/b.yaml", many("team-b", 100, 29));
    let run = folder.keyless("plan").exits(3);
    run.says(&["the plan deletes 11 of stack `team-b`", "if this is intended: --allow deletes:team-b"]);
    folder.keyless("plan --allow deletes:team-a").exits(3).says(&["`--allow deletes:team-a` has no effect"]);
    folder.keyless("plan --allow deletes:team-b").exits(0);
}

#[test]
fn a_subscription_is_a_guid_with_hyphens_and_nothing_around_it() {
    let folder = Folder::new();
    let bare = SUB.replace('-', "");
    for wrong in [
        format!("'{{{SUB}}}'"),
        format!("'{bare}'"),
        format!("'({SUB})'"),
        format!("urn:uuid:{SUB}"),
        format!("'{SUB} '"),
    ] {
        for field in ["subscription", "tenant"] {
            let spec = format!("tenant: {SUB}\n{}", head("team-a"));
            let spec = spec.replace(&format!("{field}: {SUB}"), &format!("{field}: {wrong}"));
            folder.write("a.yaml", &spec);
            let findings = folder.keyless("validate a.yaml --format json").exits(1).findings();
            assert!(
                findings.iter().any(|finding| finding.starts_with("invalid-guid@")),
                "{field} {wrong}: {findings:?}"
            );
        }
    }
}

#[test]
fn a_flag_with_another_address_lifts_nothing() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &gives("Owner", "")));
    let plan = |allow: &str| folder.args(["plan", "a.yaml", "--allow", allow]);
    let there = "to allow what it does refuse: `--allow grant:";
    let run = plan("grant:accounts/chat").exits(3).says(&[
        "warning[unused-allow]: `--allow grant:accounts/chat` has no effect: guard `grant` refuses nothing at that address",
        there,
    ]);
    plan("grant:").exits(3).says(&["`--allow grant:` has no effect", there]);
    plan("purge:accounts/chat")
        .exits(3)
        .says(&["guard `purge` refuses nothing in this plan", "remove the flag"]);
    // The flag that is named lifts it, and then nothing is said of flags.
    let flag = run.stdout.split(there).nth(1).unwrap().split('`').next().unwrap().to_owned();
    let lifted = plan(&format!("grant:{flag}")).exits(0);
    assert!(!lifted.stdout.contains("unused-allow"), "{lifted}");
    plan("stale").exits(1).complains(&["`stale` cannot be lifted: make a new plan"]);
    // It is said of a saved plan too, anew.
    folder.args(["plan", "a.yaml", "--out", "plan.json", "--allow", "purge:x"]).exits(3);
    let run = folder.args(["apply", "plan.json", "--yes", "--allow", "grant", "--allow", "grant:x"]).exits(0);
    let run = run.says(&["`--allow grant:x` has no effect"]);
    assert!(!run.stdout.contains("purge:x"), "{run}");
}

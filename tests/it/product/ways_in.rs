//! Ways in that are none: keys do not go off where only principals that are gone, roles for a while, or the account's own identities are
//! left; and what somebody has for a while silences no guard.

use serde_json::{Value, json};

use crate::common::{
    ALICE, Azure, BOB, CS_USER, Fault, Folder, READER, SUB, account, assignment, few, grants, head, listed,
    one_account, role,
};

const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
const HAND: &str = "12345678-aaaa-4bbb-8ccc-0123456789ab";
const GONE: &str = "99999999-0000-4000-8000-000000000009";
/// Cognitive Services OpenAI User.
const OPENAI_USER: &str = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd";
const AI_DEVELOPER: &str = "64702f94-c441-49e6-a78b-ef80e0188fee";
const CALLER: &str = "c0570000-0000-4000-8000-000000000001";
const PIM: &str = "/roleAssignmentScheduleInstances?";

fn group() -> String {
    format!("/subscriptions/{SUB}/resourceGroups/rg")
}

/// An account whose keys are on, and a folder.
fn open() -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account(
        "chat",
        &json!({"customSubDomainName": "chat", "disableLocalAuth": false, "allowProjectManagement": true}),
    );
    (azure, folder)
}

fn closing(lines: &str) -> String {
    one_account("team-a", "chat", &format!("disableLocalAuth: true\n{lines}"))
}

/// Takes whoever is gone out of what the directory answers.
fn forget(answer: &mut Value) {
    for response in answer["responses"].as_array_mut().into_iter().flatten() {
        if let Some(found) = response["body"]["value"].as_array_mut() {
            found.retain(|item| item["id"] != GONE);
        }
    }
}

/// Takes a member out of each item of a list.
fn without(list: &mut Value, path: &str) {
    for item in list["value"].as_array_mut().into_iter().flatten() {
        let (of, name) = path.rsplit_once('/').unwrap_or(("", path));
        let of = if of.is_empty() { item } else { &mut item[of] };
        of.as_object_mut().unwrap().remove(name);
    }
}

fn for_an_hour(azure: &Azure, scope: &str, role: &str, who: &str) {
    let instance = json!({"scope": scope, "role": role, "principalId": who, "principalType": "User",
        "seconds": 3600, "assignmentType": "Activated"});
    let answer = azure.send("POST", "/_sandbox/access", Some(json!({ "scheduleInstances": [instance] })));
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[track_caller]
fn locked(azure: &Azure, folder: &Folder, words: &str) {
    refused(azure, folder, "lock-out", words);
    folder.keyless("plan a.yaml --allow lock-out:accounts/chat").exits(0);
}

/// Asserts that neither a fresh plan nor a saved one passes the guard.
#[track_caller]
fn refused(azure: &Azure, folder: &Folder, rule: &str, words: &str) {
    azure.take_seen();
    let code = format!("error[guard-{rule}]");
    folder.keyless("plan a.yaml").exits(3).says(&[&code, words]);
    folder.keyless("apply a.yaml --yes").exits(3).complains(&["nothing was written"]);
    let lift = format!("plan a.yaml --out saved.json --allow {rule}");
    folder.keyless(&lift).exits(0);
    folder.keyless("apply saved.json --yes").exits(3).complains(&["nothing was written"]);
    assert!(azure.take_writes().is_empty(), "{rule}");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn keys_do_not_go_off_where_only_principals_that_are_gone_are_left() {
    let orphans = format!(
        "roleAssignments:\n  - role: Cognitive Services User\n    principals:\n{}",
        listed([GONE], "Group")
    );
    for (spec, at) in few(
        2,
        [
            (closing(""), Some(group())),
            (closing(""), Some(account("chat"))),
            (closing(&orphans), Some(account("chat"))),
            (closing(&orphans), None),
        ],
    ) {
        let (azure, folder) = open();
        azure.spoil("POST", "$batch", Fault::Edit(forget));
        if let Some(scope) = at {
            let body = json!({"properties": {"roleDefinitionId": role(CS_USER), "principalId": GONE, "principalType": "Group"}});
            azure.put(&assignment(&scope, HAND), body);
        }
        folder.write("a.yaml", &spec);
        locked(&azure, &folder, "are for principals that are gone");
        // Somebody who is there is enough, and a directory that may not be read says of nobody that they are gone.
        azure.grant(&group(), "12345678-aaaa-4bbb-8ccc-0123456789ac", CS_USER, ALICE, None);
        folder.keyless("plan a.yaml").exits(0);
        azure.delete(&assignment(&group(), "12345678-aaaa-4bbb-8ccc-0123456789ac"));
        let denied = Fault::error(403, "Authorization_RequestDenied", "Insufficient privileges.");
        azure.spoil("POST", "$batch", denied);
        let run = folder.keyless("plan a.yaml -v").exits(0);
        let notes = [
            "could not verify that the principals that can still call models",
            "could not verify the declared object ids",
        ];
        assert_eq!(notes.iter().filter(|note| run.stdout.contains(**note)).count(), 1, "{run}");
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn keys_do_not_go_off_where_the_only_way_in_ends_by_itself() {
    for scope in few(1, [group(), account("chat")]) {
        let (azure, folder) = open();
        for_an_hour(&azure, &scope, "Cognitive Services User", ALICE);
        folder.write("a.yaml", closing(""));
        locked(&azure, &folder, "are temporary");
        // Of what may not be asked about it is not known; one that keyless makes lasts.
        let unnamed = Fault::Edit(|list| without(list, "properties/originRoleAssignmentId"));
        for (fault, cause) in [
            (Fault::denied(), "Azure answered 403 AuthorizationFailed"),
            (unnamed, "an item of the list does not say which assignment ends"),
        ] {
            azure.spoil("GET", PIM, fault);
            locked(&azure, &folder, "may be temporary");
            let cause = format!(
                "cause: GET {}/providers/Microsoft.Authorization{PIM}api-version=2020-10-01&$filter=atScope(): {cause}",
                account("chat")
            );
            folder.keyless("plan a.yaml").exits(3).says(&[&cause]);
        }
        folder.write("a.yaml", closing(&grants(&[BOB])));
        folder.keyless("plan a.yaml").exits(0);
        azure.heal();
        folder.keyless("apply a.yaml --yes").exits(0);
        // The lasting one goes.
        folder.write("a.yaml", closing("roleAssignments: []\n"));
        folder.keyless("plan a.yaml").exits(3).says(&["error[guard-lock-out]", "are temporary"]);
    }
    let (azure, folder) = open();
    azure.grant(&format!("/subscriptions/{SUB}"), HAND, CS_USER, ALICE, None);
    folder.write("a.yaml", closing(""));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_seen();
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
    assert_eq!(azure.take_seen().len(), 2, "in sync nothing more is asked");
    folder.write("a.yaml", closing("tags: {team: ml}\n"));
    folder.keyless("plan a.yaml").exits(0);
    assert!(
        !azure.take_seen().iter().any(|seen| seen.target.contains(PIM) || seen.target.contains("$batch"))
    );
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn keys_do_not_go_off_where_only_the_accounts_own_identities_are_left() {
    let call = |who: &str| {
        format!(
            "identity: SystemAssigned\nroleAssignments:\n  - role: Cognitive Services User\n    principals: [{{accountIdentity: {who}}}]\n"
        )
    };
    let (azure, folder) = open();
    // The identity is as new as its grant.
    folder.write("a.yaml", closing(&call("chat")));
    locked(&azure, &folder, "the account's own identity");
    // That of another account counts.
    folder.write("a.yaml", format!("{}  - name: front\n", closing(&call("front"))));
    folder.keyless("plan a.yaml").exits(0);
    // A project's, declared or not.
    let project = format!("{}/projects/main", account("chat"));
    azure.put(
        &project,
        json!({"location": "eastus2", "identity": {"type": "SystemAssigned"}, "properties": {}}),
    );
    let own = azure.get(&project)["identity"]["principalId"].as_str().unwrap().to_owned();
    let given = |who: &str| json!({"properties": {"roleDefinitionId": role(CS_USER), "principalId": who, "principalType": "ServicePrincipal"}});
    azure.put(&assignment(&account("chat"), HAND), given(&own));
    for lines in few(1, ["", "projects: [{name: main}]\n"]) {
        folder.write("a.yaml", closing(lines));
        locked(&azure, &folder, "that of one of its projects");
    }
    azure.delete(&assignment(&account("chat"), HAND));
    azure.put(&assignment(&account("chat"), HAND), given(BOB));
    folder.write("a.yaml", closing(""));
    folder.keyless("plan a.yaml").exits(0);
    for (fault, cause) in [
        (Fault::denied(), "Azure answered 403 AuthorizationFailed"),
        (Fault::Edit(|list| without(list, "id")), "an item of the list shows no id"),
    ] {
        azure.spoil("GET", "/projects?", fault);
        locked(&azure, &folder, "the account's projects, which could not be read");
        let list = format!("GET {}/projects?", account("chat"));
        folder.keyless("plan a.yaml").exits(3).says(&["cause: ", &list, cause]);
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_role_for_a_while_silences_no_guard() {
    let at_group = |name: &str, more: &str| {
        format!(
            "{}roleAssignments:\n  - role: {name}\n    scope: resourceGroup\n{more}    principals:\n{}",
            head("team-a"),
            listed([BOB], "User")
        )
    };
    let condition = "    condition: \"@Resource[Microsoft.Storage/storageAccounts:name] StringEquals 'a'\"\n";
    let above = format!("/subscriptions/{SUB}");
    // The same role above, activated without the condition that goes.
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", at_group("Reader", condition));
    folder.keyless("apply a.yaml --yes").exits(0);
    for_an_hour(&azure, &above, "Reader", BOB);
    folder.write("a.yaml", at_group("Reader", "    condition: null\n"));
    refused(&azure, &folder, "condition", "drops the condition");
    azure.spoil("GET", PIM, Fault::denied());
    refused(&azure, &folder, "condition", "drops the condition");
    azure.heal();
    // One that lasts is had already.
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", at_group("Reader", condition));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.grant(&above, HAND, READER, BOB, None);
    folder.write("a.yaml", at_group("Reader", "    condition: null\n"));
    folder.keyless("plan a.yaml").exits(0);
    // Owner for good, to whom has it for an hour.
    let azure = Azure::start();
    let folder = azure.folder();
    for_an_hour(&azure, &group(), "Owner", BOB);
    folder.write("a.yaml", at_group("Owner", ""));
    refused(&azure, &folder, "grant", "`Owner`");
    let azure = Azure::start();
    let folder = azure.folder();
    azure.grant(&group(), HAND, OWNER, BOB, None);
    folder.write("a.yaml", at_group("Owner", ""));
    folder.keyless("plan a.yaml").exits(0);
}

#[test]
fn a_foreign_identity_does_not_enter_a_live_account_by_a_new_project() {
    let azure = Azure::start();
    let folder = azure.folder();
    let foreign = format!("{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/foreign", group());
    let spec = |projects: &str| closing(&format!("{}projects:\n{projects}", grants(&[ALICE])));
    folder.write("a.yaml", spec("  - name: main\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    let second = format!("  - name: main\n  - name: second\n    identity: {{userAssigned: [{foreign}]}}\n");
    folder.write("a.yaml", spec(&second));
    refused(&azure, &folder, "identity", "to new `second` of live account `chat`");
    folder.keyless("apply a.yaml --yes --allow identity:accounts/chat/projects/second").exits(0);
    // With an account that is new itself nobody has anything to lose.
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec(&second));
    folder.keyless("apply a.yaml --yes").exits(0);
}

/// What lets models be called, and nothing else.
fn define(azure: &Azure, action: &str) {
    let action = format!("Microsoft.CognitiveServices/accounts/{action}");
    let permissions = json!([{"actions": [], "dataActions": [action]}]);
    let scopes = [format!("/subscriptions/{SUB}")];
    let properties = json!({"roleName": "Caller", "type": "CustomRole", "permissions": permissions, "assignableScopes": scopes});
    azure.put(&role(CALLER), json!({ "properties": properties }));
}

/// Azure shows what a model can in place of what the sandbox shows of it.
fn shows(list: &mut Value, format: &str, capabilities: &Value) {
    for deployment in list["value"].as_array_mut().into_iter().flatten() {
        deployment["properties"]["model"]["format"] = json!(format);
        deployment["properties"]["capabilities"] = capabilities.clone();
    }
}

fn codex(list: &mut Value) {
    shows(list, "OpenAI", &json!({"responses": "true"}));
}

fn claude(list: &mut Value) {
    shows(list, "Anthropic", &json!({}));
}

fn realtime(list: &mut Value) {
    shows(list, "OpenAI", &json!({"chatCompletion": "true", "realtime": "true"}));
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn keys_do_not_go_off_where_nobody_who_is_left_can_call_what_is_deployed() {
    const CHAT: &str = "OpenAI/deployments/chat/completions/action";
    const RESPONSES: &str = "OpenAI/responses/*";
    const OTHERS: &str =
        "the roles with inference data actions that are left do not permit calls to the deployed models";
    const PERHAPS: &str = "perhaps nobody could call the models of account `chat`: keys are off, and the roles with inference data actions that are left may not permit calls";
    type Show = Option<fn(&mut Value)>;
    let built_in = |guid: &'static str| (guid, "");
    let own = |action: &'static str| (CALLER, action);
    let rows = [
        (Some(codex as fn(&mut Value)), own(CHAT), Some(OTHERS)),
        (Some(codex), own(RESPONSES), None),
        (Some(codex), built_in(OPENAI_USER), None),
        (Some(realtime), own(CHAT), Some(OTHERS)),
        (Some(realtime), own("OpenAI/deployments/realtime/*"), None),
        (Some(claude), built_in(OPENAI_USER), Some(OTHERS)),
        (Some(claude), built_in(AI_DEVELOPER), Some(PERHAPS)),
        (Some(claude), built_in(CS_USER), None),
        // The sandbox shows that it chats.
        (Some(|_: &mut Value| {}), own(CHAT), None),
        (Some(|_: &mut Value| {}), own(RESPONSES), Some(OTHERS)),
        (None, own(CHAT), None),
        (None, own(RESPONSES), Some(PERHAPS)),
    ] as [(Show, (&str, &str), Option<&str>); 12];
    for (show, (guid, action), words) in few(2, rows) {
        let (azure, folder) = open();
        if let Some(show) = show {
            azure.get(&account("chat"));
            azure.put(
                &format!("{}/deployments/model", account("chat")),
                json!({
                    "sku": {"name": "GlobalStandard", "capacity": 1},
                    "properties": {"model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"}},
                }),
            );
            azure.spoil("GET", "/deployments?", Fault::Edit(show));
        }
        if guid == CALLER {
            define(&azure, action);
        }
        azure.grant(&group(), HAND, guid, ALICE, None);
        // What is deployed counts whether a spec lists it or not.
        folder.write("a.yaml", closing(""));
        match words {
            Some(words) => locked(&azure, &folder, words),
            None => _ = folder.keyless("plan a.yaml").exits(0),
        }
    }
}

/// What may not be listed may be a model of any sort: only who can call all of the usual ones is a way in then.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn keys_do_not_go_off_unasked_where_it_cannot_be_read_what_is_deployed() {
    for (guid, action, locks_out) in few(
        2,
        [
            (CALLER, "OpenAI/deployments/embeddings/action", true),
            (CALLER, "OpenAI/*", true),
            (CS_USER, "", false),
        ],
    ) {
        let (azure, folder) = open();
        if guid == CALLER {
            define(&azure, action);
        }
        azure.grant(&group(), HAND, guid, ALICE, None);
        folder.write("a.yaml", closing(""));
        folder.keyless("plan a.yaml --out saved.json").exits(0);
        azure.spoil("GET", "/deployments?", Fault::denied());
        if locks_out {
            locked(&azure, &folder, "the caller needs to read the account's `deployments`");
            let list = format!("GET {}/deployments?", account("chat"));
            folder.keyless("plan a.yaml").exits(3).says(&["cause: ", &list]);
            folder.keyless("apply saved.json --yes").exits(3).says(&["guard-lock-out"]);
        } else {
            folder.keyless("plan a.yaml").exits(0);
        }
        assert!(azure.take_writes().iter().all(|seen| seen.body["properties"]["disableLocalAuth"] != true));
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_role_for_responses_alone_counts_as_a_way_to_call_models() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    define(&azure, "OpenAI/responses/*");
    let given = format!("roleAssignments:\n  - role: Caller\n    principals:\n{}", listed([ALICE], "User"));
    folder.write("a.yaml", closing(&given));
    let note = folder.keyless("plan a.yaml").exits(0).says(&["who gains", ALICE]);
    assert!(!note.stdout.contains("role-without-inference"), "{note}");
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.keyless("access a.yaml").exits(0).says(&["Caller on the account"]);
    folder.write("a.yaml", closing("roleAssignments: []\n"));
    locked(&azure, &folder, "no role with inference data actions is left");
}

#[test]
fn whoever_keeps_only_what_ends_is_told_so() {
    for (lasting, ending) in few(1, [(group(), account("chat")), (account("chat"), group())]) {
        let (azure, folder) = open();
        let entry = format!(
            "roleAssignments:\n  - scope: {lasting}\n    role: Cognitive Services User\n    principals:\n{}",
            listed([BOB], "User")
        );
        let spec = one_account("team-a", "chat", "disableLocalAuth: false\n");
        let nobody = entry.split("    principals").next().unwrap().to_owned() + "    principals: []\n";
        folder.write("a.yaml", format!("{spec}{entry}"));
        folder.keyless("apply a.yaml --yes").exits(0);
        folder.write("a.yaml", format!("{spec}{nobody}"));
        folder.keyless("plan a.yaml").exits(0).says(&["-> User user-bbbbbbbb@sandbox.invalid (bbbbbbbb…)"]);
        for_an_hour(&azure, &ending, "Cognitive Services User", BOB);
        let words = "from now on only for a while: User user-bbbbbbbb@sandbox.invalid (bbbbbbbb…)";
        let run = folder.keyless("plan a.yaml").exits(0).says(&[
            words,
            "- Cognitive Services User on ",
            ", temporary, until 20",
        ]);
        assert!(!run.stdout.contains("not-checked"), "{run}");
        let document = folder.keyless("plan a.yaml --format json").exits(0).json();
        let access = &document["access"][0];
        assert_eq!((&access["loses"], &access["gains"]), (&json!([]), &json!([])));
        assert_eq!(access["restricted"][0]["through"][0]["temporary"], true, "{document}");
        folder.keyless("plan a.yaml --format markdown").exits(0).says(&["only for a while"]);
        folder.keyless("plan a.yaml --out saved.json").exits(0);
        folder.keyless("apply saved.json --yes --allow delete-list").exits(0).says(&["only for a while"]);
        // What may not be asked is not known, and a note says so.
        folder.write("a.yaml", format!("{spec}{entry}"));
        folder.keyless("apply a.yaml --yes").exits(0);
        folder.write("a.yaml", format!("{spec}{nobody}"));
        azure.spoil("GET", PIM, Fault::denied());
        folder
            .keyless("plan a.yaml -v")
            .exits(0)
            .says(&["that lose one role assignment keep their other one permanently"]);
    }
}

#[test]
fn who_is_gone_loses_nothing_and_lets_nobody_in() {
    let given = |who: &[(&str, &str)]| {
        let lines: String = who.iter().map(|(id, kind)| listed([id], kind)).collect();
        let list = match who {
            [] => "roleAssignments: []\n".to_owned(),
            _ => format!("roleAssignments:\n  - role: Cognitive Services User\n    principals:\n{lines}"),
        };
        closing(&list)
    };
    let group = (GONE, "Group");
    for (before, after, refused) in [
        (&[group][..], &[][..], false),
        (&[group, (ALICE, "User")], &[(ALICE, "User")], false),
        (&[group, (ALICE, "User")], &[group], true),
        (&[group, (ALICE, "User")], &[], true),
    ] {
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", given(before));
        folder.keyless("apply a.yaml --yes").exits(0);
        azure.spoil("POST", "$batch", Fault::Edit(forget));
        folder.write("a.yaml", given(after));
        let run = folder.keyless("plan a.yaml").exits(if refused { 3 } else { 0 });
        assert_eq!(run.stdout.contains("error[guard-lock-out]"), refused, "{run}");
        assert_eq!(
            run.stdout.contains("are for principals that are gone"),
            refused && !after.is_empty(),
            "{run}"
        );
        assert!(!run.stdout.contains("- Group"), "{run}");
    }
}

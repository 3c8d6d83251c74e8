//! What people read, line by line: nothing misleads, nothing is said twice, and nothing wraps badly.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::common::{
    ALICE, Azure, BOB, CAROL, CS_USER, Folder, Run, account, assignment, grants, head, one_account, role,
};

/// The sandbox's owner, who did everything that no token is for.
const OWNER: &str = "66666666-7777-4888-8999-000000000000";

fn narrow(folder: &Folder, arguments: &str) -> Run {
    folder.with_env(arguments, &[("COLUMNS", "60")])
}

/// Gives people names in the directory.
fn know(azure: &Azure, people: &[(&str, &str)]) {
    let people: Vec<Value> = people
        .iter()
        .map(|(id, name)| json!({"id": id, "displayName": name, "userPrincipalName": format!("{name}@contoso.com")}))
        .collect();
    assert_eq!(azure.send("POST", "/_sandbox/directory", Some(json!({ "users": people }))).status, 200);
}

/// Where a text stands in another.
#[track_caller]
fn at(text: &str, part: &str) -> usize {
    text.find(part).unwrap_or_else(|| panic!("`{part}` is not in\n{text}"))
}

#[test]
fn a_long_text_that_differs_stands_whole_under_both_headings() {
    let long = |word: &str| {
        format!("this is a {word} long note about the account that goes on and on for a while, see the wiki")
    };
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = |word: &str| one_account("team-a", "chat", &format!("tags:\n  note: \"{}\"\n", long(word)));
    folder.write("a.yaml", spec("rather"));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", spec("very"));
    let (spec, live) = (long("very"), long("rather"));
    let text = folder.keyless("drift a.yaml").exits(2);
    text.says(&[&format!("tags.note  spec: {spec}"), &format!("live: {live}")]);
    folder.keyless("drift a.yaml --format markdown").exits(2).says(&[&format!("| `{spec}` | `{live}` |")]);
    folder.keyless("plan a.yaml --format markdown").exits(0).says(&[&format!("| `{live}` | `{spec}` |")]);
    let marked = ["<del>", "</del> long note", "<ins>"];
    for command in ["drift a.yaml --format html", "plan a.yaml --format html"] {
        let page = folder.command(command.split(' ')).output().unwrap();
        let page = String::from_utf8(page.stdout).unwrap();
        for word in marked {
            assert!(page.contains(word) && !page.contains("[-") && !page.contains("{+"), "{word}: {page}");
        }
    }
    let narrow = narrow(&folder, "drift a.yaml").exits(2);
    assert_eq!(narrow.stdout.matches("a.yaml:9").count(), 1, "a place is said once: {narrow}");
}

/// Accounts that each differ in a field of their own, and lack role assignments.
#[test]
fn a_shortened_drift_keeps_the_fields_that_changed() {
    const ACCOUNTS: usize = 90;
    let azure = Azure::start();
    let folder = azure.folder();
    let mut spec = head("crowd") + "accounts:\n";
    for index in 0..ACCOUNTS {
        let name = format!("chat-{index:02}");
        azure.put(&account(&name), json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"},
            "tags": {"a": "old", "keyless-stack": "crowd"}, "properties": {"customSubDomainName": name, "disableLocalAuth": false}}));
        let _ = write!(
            spec,
            "  - name: {name}\n    disableLocalAuth: true\n    tags: {{a: new{index}}}\n    roleAssignments:\n      - role: Cognitive Services User\n        principals:\n"
        );
        for number in 0..4 {
            let _ = writeln!(spec, "          - {{id: {index:08x}-aaaa-4000-8000-{number:012}, type: User}}");
        }
    }
    folder.write("a.yaml", spec);
    let run = folder.keyless("drift a.yaml").exits(2).says(&["Shortened: ", "-v lists all"]);
    assert!(run.stdout.lines().count() <= 500, "{run}");
    assert_eq!(run.stdout.matches("live: enabled, spec: disabled").count(), ACCOUNTS, "{run}");
    let markdown = folder.keyless("drift a.yaml --format markdown").exits(2);
    let (whole, short) = ("| | API keys | `disabled` | `enabled` |", "live&#58; enabled, spec&#58; disabled");
    let told = markdown.stdout.matches(whole).count() + markdown.stdout.matches(short).count();
    assert_eq!(told, ACCOUNTS, "{markdown}");
}

#[test]
fn ranges_of_a_drift_are_only_live_or_only_in_the_spec() {
    let azure = Azure::start();
    let folder = azure.folder();
    let acls = "networkAcls:\n  defaultAction: Deny\n  ipRules: [203.0.113.0/24, 198.51.100.7]\n";
    folder.write("a.yaml", one_account("team-a", "chat", acls));
    folder.keyless("apply a.yaml --yes").exits(0);
    let live =
        json!({"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.0/24"}, {"value": "192.0.2.1"}]});
    azure.patch(&account("chat"), json!({"properties": {"networkAcls": live}}));
    folder.keyless("drift a.yaml --report comment=c.md --quiet").exits(2);
    let comment = std::fs::read_to_string(folder.path().join("c.md")).unwrap();
    assert!(
        comment.contains("| `2 address ranges, 1 only in the spec` | `2 address ranges, 1 only live` |"),
        "{comment}"
    );
    folder.keyless("plan a.yaml --report comment=c.md --quiet").exits(0);
    let comment = std::fs::read_to_string(folder.path().join("c.md")).unwrap();
    assert!(comment.contains("2 address ranges, 1 of them new"), "{comment}");
}

#[test]
fn the_owner_of_the_sandbox_has_one_name() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[OWNER])));
    folder.keyless("apply a.yaml --yes").exits(0);
    let run = folder.keyless("access a.yaml").exits(0).says(&["User owner@sandbox.invalid (66666666"]);
    assert!(!run.stdout.contains("user-66666666"), "{run}");
}

#[test]
fn a_principal_has_one_form_and_its_whole_id_with_v_and_in_json() {
    let azure = Azure::start();
    let folder = azure.folder();
    know(&azure, &[(ALICE, "alice"), (BOB, "bob")]);
    let spec = one_account("team-a", "chat", &grants(&[ALICE]))
        + "      - role: Owner\n        principals: [{id: "
        + BOB
        + ", type: User}]\n";
    folder.write("a.yaml", spec);
    let run = folder.keyless("plan a.yaml").exits(3).says(&[
        "role assignment Cognitive Services User -> User alice@contoso.com (aaaaaaaa…) on chat",
        "+ Cognitive Services User on the account: User alice@contoso.com (aaaaaaaa…)",
        "error[guard-grant]: the plan gives User bob@contoso.com (bbbbbbbb…) `Owner` on account chat in resource group rg",
    ]);
    for whole in [format!("({ALICE})"), format!("({BOB})")] {
        assert!(!run.stdout.contains(&whole), "{run}");
        let markdown = folder.keyless("plan a.yaml --format markdown").exits(3);
        assert!(!markdown.stdout.contains(&whole), "{markdown}");
        folder.keyless("plan a.yaml -v").exits(3).says(&[&whole]);
        folder.keyless("plan a.yaml --format json").exits(3).says(&[&whole]);
    }
}

#[test]
fn two_of_one_name_whose_ids_begin_alike_are_told_apart() {
    let other = ALICE.replace("000000000001", "000000000009");
    let azure = Azure::start();
    let folder = azure.folder();
    know(&azure, &[(ALICE, "alice"), (&other, "alice2")]);
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE, &other])));
    folder.keyless("plan a.yaml").exits(0).says(&[&format!("({ALICE})"), &format!("({other})")]);
}

#[test]
fn accounts_whose_keys_are_on_come_first_in_what_a_drift_says_of_access() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = head("team-a")
        + "accounts:\n  - {name: a-first, disableLocalAuth: true, roleAssignments: []}\n  - {name: z-last, disableLocalAuth: true}\n";
    folder.write("a.yaml", spec);
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.patch(&account("z-last"), json!({"properties": {"disableLocalAuth": false}}));
    azure.grant(&account("a-first"), "11111111-1111-4111-8111-111111111111", CS_USER, BOB, None);
    let run = folder.keyless("drift a.yaml").exits(2);
    let access = &run.stdout[at(&run.stdout, "Access to models, compared with the specs")..];
    assert!(at(access, "anyone with an API key") < at(access, "a-first"), "{run}");
}

#[test]
fn what_is_undeclared_is_said_once_with_a_count() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", "disableLocalAuth: true\nroleAssignments: []\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    for (number, who) in [(1, ALICE), (2, BOB), (3, CAROL), (4, OWNER)] {
        let id = format!("11111111-1111-4111-8111-{number:012}");
        azure.grant(&account("chat"), &id, CS_USER, who, None);
    }
    for command in ["drift a.yaml", "drift a.yaml --format markdown"] {
        let run = folder
            .keyless(command)
            .exits(2)
            .says(&["4 role assignments are not declared", "delete them by hand"]);
        assert_eq!(run.stdout.matches("unmanaged").count(), 1, "{run}");
    }
    let json = folder.keyless("drift a.yaml --format json").exits(2);
    assert_eq!(json.findings().len(), 4, "{json}");
}

#[test]
fn a_line_that_several_accounts_inherit_is_one_error_and_no_reason() {
    let azure = Azure::start();
    let folder = azure.folder();
    let accounts = "accounts:\n  - {name: chat-prod, disableLocalAuth: true}\n  - {name: vision-prod, disableLocalAuth: true}\n";
    folder.write("a.yaml", head("team-a") + accounts);
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", head("team-a").replace("eastus2", "westus") + accounts);
    let run = folder.keyless("plan a.yaml").exits(1).says(&[
        "error[immutable-field]: `location` of 2 accounts cannot change from `eastus2` to `westus` (chat-prod, vision-prod)",
        "declare a new account under another name",
    ]);
    assert_eq!(run.stdout.matches("cannot change").count(), 1, "{run}");
    let json = folder.keyless("plan a.yaml --format json").exits(1);
    assert_eq!(json.findings().len(), 2, "{json}");
}

#[test]
fn errors_are_the_last_of_the_findings() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = one_account("team-a", "chat", "networkAcls: {defaultAction: Allow, ipRules: [203.0.113.7]}\n")
        + "    roleAssignments:\n      - role: Owner\n        principals: [{id: "
        + BOB
        + ", type: User}]\n";
    folder.write("a.yaml", spec);
    for command in ["plan a.yaml", "plan a.yaml -v"] {
        let run = folder.keyless(command).exits(3);
        let last = |sort: &str| run.stdout.rfind(&format!("\n{sort}[")).unwrap_or(0);
        assert!(last("error") > last("warning") && last("error") > last("note"), "{run}");
        assert!(last("warning") > 0, "{run}");
    }
}

#[test]
fn a_page_says_the_type_of_a_principal_once() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    let page = folder.keyless("plan a.yaml --format html").exits(0);
    assert!(!page.stdout.contains("principalType"), "{page}");
}

#[test]
fn who_changed_the_most_is_named_first() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = head("team-a")
        + "accounts:\n  - {name: chat-a, disableLocalAuth: true}\n  - {name: chat-b, disableLocalAuth: true}\n  - {name: chat-c, disableLocalAuth: true}\n";
    folder.write("a.yaml", spec);
    folder.keyless("apply a.yaml --yes").exits(0);
    let on = json!({"properties": {"disableLocalAuth": false}});
    let claims = json!({"oid": ALICE, "upn": "alice@contoso.com"});
    let token = format!("e30.{}.c2ln", base64url(&claims.to_string()));
    azure.send_as(&token, "PATCH", &account("chat-a"), Some(on.clone()));
    for name in ["chat-b", "chat-c"] {
        azure.patch(&account(name), on.clone());
    }
    let run = folder.keyless("drift a.yaml").exits(2);
    run.says(&["who: owner@sandbox.invalid (2), alice@contoso.com."]);
}

fn base64url(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

/// A spec with a mistake of each sort whose message is long.
const MISTAKES: &str = "    sku: [fifty]
    deployments:
      - name: d
        model: gpt-4o
    networkAcls:
      ipRules: [{value: 203.0.113.0/24}]
    roleAssignments:
      - role: Cognitive Services User
        principals:
          - {group: }
          - {user: a, group: b}
          - {id: aaaaaaaa-0000-4000-8000-000000000001, type: Robot}
";

#[test]
fn messages_of_specs_are_no_longer_than_the_page_is_wide() {
    let folder = Folder::new();
    folder.write("a.yaml", head("team-a") + "accounts:\n  - name: chat\n" + MISTAKES);
    let run = narrow(&folder, "validate a.yaml").exits(1);
    let is_excerpt = |line: &str| {
        let rest = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        rest.starts_with('|') || rest.starts_with("-->")
    };
    let is_word = |line: &str| !line.trim().contains(' ');
    let long =
        run.stderr.lines().find(|line| line.chars().count() > 60 && !is_excerpt(line) && !is_word(line));
    assert_eq!(long, None, "{run}");
    folder.keyless("validate a.yaml").exits(1).complains(&[
        "write `model: {format: OpenAI, name: gpt-4o}`",
        "write the range alone: `203.0.113.0/24`",
        "write the group's name",
        "use `User`, `Group`, `ServicePrincipal`",
    ]);
}

#[test]
fn each_way_to_name_a_principal_is_told_when_its_value_was_left_open() {
    let folder = Folder::new();
    for (field, hint) in [
        ("accountIdentity", "write the account's name"),
        ("projectIdentity", "write ACCOUNT/PROJECT"),
        ("resourceIdentity", "write the resource's id"),
    ] {
        let lines = format!("    roleAssignments: [{{role: Reader, principals: [{{{field}: }}]}}]\n");
        folder.write("a.yaml", head("team-a") + "accounts:\n  - name: chat\n" + &lines);
        folder.keyless("validate a.yaml").exits(1).complains(&[hint]);
    }
}

#[test]
fn accounts_of_a_subscription_are_named_and_not_given_as_ids() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat-dev", &json!({"customSubDomainName": "chat-dev", "disableLocalAuth": true}));
    let ask = format!("--subscription {}", crate::common::SUB);
    let status = narrow(&folder, &format!("keys status {ask}")).exits(0);
    let status =
        status.says(&["  API keys off: account chat-dev in rg\n", "the account does not accept API keys"]);
    assert!(!status.stdout.contains("/subscriptions/"), "{status}");
    let usage = narrow(&folder, &format!("keys usage {ask}")).exits(0);
    let usage = usage.says(&["  account chat-dev in rg\n      keys are off\n"]);
    assert!(!usage.stdout.contains("/subscriptions/"), "{usage}");
}

#[test]
fn who_deleted_something_is_said_without_a_provider() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.delete(azure.grants_at(&account("chat"))[0]["id"].as_str().unwrap());
    folder.keyless("drift a.yaml").exits(2).says(&["(roleAssignments/delete, from "]);
}

#[test]
fn what_a_variable_declares_follows_its_account() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("v/a.yaml", head("team-a") + "accounts:\n  - name: chat\n    disableLocalAuth: true\n    roleAssignments:\n      - role: Cognitive Services User\n        principals: ${people}\n  - name: vision\n    disableLocalAuth: true\n");
    folder.write("v/0.vars.yaml", format!("people: [{{id: {ALICE}, type: User}}]\n"));
    let run = folder.keyless("plan v --env 0").exits(0);
    let places = ["+ account chat", "+ role assignment Cognitive Services User", "+ account vision"];
    let places: Vec<usize> = places.iter().map(|part| at(&run.stdout, part)).collect();
    assert!(places.is_sorted(), "{run}");
}

#[test]
fn an_element_without_a_name_is_told_by_its_number() {
    let folder = Folder::new();
    let spec = one_account(
        "team-a",
        "chat",
        "roleAssignments:\n  - role: Cognitive Services User\n    principals:\n      - {me: true}\n      - {mee: true}\n",
    );
    folder.write("a.yaml", spec);
    folder.keyless("validate a.yaml").exits(1).complains(&[
        "principal 2 of role assignment `Cognitive Services User` of account `chat` has no field `mee`",
    ]);
}

/// Grants of a role that is none of the usual ones name no digits of its id.
#[test]
fn an_assignment_that_goes_says_who_loses_it() {
    let azure = Azure::start();
    let folder = azure.folder();
    know(&azure, &[(ALICE, "alice"), (BOB, "bob")]);
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE, BOB])));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    let reader = assignment(&account("chat"), "22222222-1111-4111-8111-111111111111");
    azure.put(
        &reader,
        json!({"properties": {"roleDefinitionId": role(crate::common::READER), "principalId": CAROL,
        "principalType": "User", "description": "[keyless:team-a]"}}),
    );
    folder.keyless("plan a.yaml").exits(0).says(&[
        "- role assignment Cognitive Services User -> User bob@contoso.com (bbbbbbbb…)",
        "owned by stack `team-a`, which no longer declares it",
        "- Cognitive Services User on the account: User bob@contoso.com (bbbbbbbb…)",
    ]);
}

//! What a message of a wrong spec says: one finding for one mistake, at its line, with what to write instead.

use serde_json::json;

use crate::common::{ALICE, Azure, Folder, SUB, account, few, head};

/// Lines of a spec, the message with its line, and the fix.
struct Row {
    lines: &'static str,
    found: &'static str,
    says: &'static [&'static str],
}

const ACCOUNT: &str = "accounts:\n  - name: chat-eu\n";

/// Where the lines that follow the head of a spec begin.
fn first_line() -> usize {
    head("team-a").lines().count() + 1
}

fn assert_row(row: &Row) {
    let folder = Folder::new();
    folder.write("a.yaml", format!("{}{}", head("team-a"), row.lines.replace("ALICE", ALICE)));
    let run = folder.keyless("validate a.yaml --format json").exits(1);
    // `@+2`: two lines below the first that follows the head.
    let expected: Vec<String> = row
        .found
        .split_whitespace()
        .map(|found| match found.split_once("@+") {
            Some((code, below)) => format!("{code}@{}", first_line() + below.parse::<usize>().unwrap()),
            None => found.to_owned(),
        })
        .collect();
    assert_eq!(run.findings(), expected, "{}: {run}", row.lines);
    folder.keyless("validate a.yaml").exits(1).complains(row.says);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn one_mistake_is_one_finding_at_its_line_and_says_what_to_write() {
    let grant = "    roleAssignments:\n      - role: Cognitive Services User\n        principals:\n";
    for (lines, found, says) in few(
        8,
        [
            ("    location: $WHERE\n", "invalid-value@+2", &["a variable is written `${WHERE}`"][..]),
            ("    deployments:\n", "wrong-type@+2", &["write `[]` to remove all"]),
            ("    roleAssignments:\n", "wrong-type@+2", &["write `[]` to remove all"]),
            ("    raiPolicies: ~\n", "wrong-type@+2", &["write `[]` to remove all"]),
            (
                "    roleAssignments:\n      - role: Cognitive Services User\n        principals:\n",
                "wrong-type@+4",
                &["write who gets the role", "`- group: NAME`", "`[]` means none"],
            ),
            (
                "    roleAssignments:\n      - role:\n        principals: []\n",
                "wrong-type@+3",
                &["write a role's name or GUID, such as `Cognitive Services User`"],
            ),
            // A field that is left empty clears nothing: `null` would.
            (
                "    networkAcls: {ipRules: }\n",
                "wrong-type@+2",
                &["`ipRules` must be a list, but is empty", "write `[]`"],
            ),
            ("    networkAcls: {defaultAction: }\n", "wrong-type@+2", &["`defaultAction` has no value"]),
            (
                "    identity:\n      systemAssigned:\n",
                "wrong-type@+3",
                &["`systemAssigned` has no value", "set a value"],
            ),
            ("    tags: {team: }\n", "wrong-type@+2", &["`team` has no value", "write `null`"]),
            ("    networkAcls:\n", "wrong-type@+2", &["write its fields below it"]),
            ("    sku: {name: }\n", "wrong-type@+2", &["`name` must be text, not null"]),
            ("    location: $(where)\n", "invalid-value@+2", &["a variable is written `${where}`"]),
            ("    resourceGroup: $RG*\n", "invalid-name@+2", &["cannot name a resource group"]),
            ("    resourceGroup: $RG\n", "invalid-name@+2", &["a variable is written `${RG}`"]),
            ("    publicNetworkAccess: $PNA\n", "invalid-value@+2", &["a variable is written `${PNA}`"]),
            (
                "    scope: subscription\n",
                "unknown-field@+2",
                &["put it under the top-level `roleAssignments`"],
            ),
            (
                "    deployments:\n      - name: gpt\n        model: {format: OpenAI, name: gpt-4o, version: \"1\"}\n        sku: {name: Standard, capacity: 007}\n",
                "wrong-type@+5",
                &["write `7`, without quotes"],
            ),
            (
                "    deployments:\n      - name: gpt\n        model: {format: OpenAI, name: gpt-4o, version: \"1\"}\n        sku: {name: Standard, capacity: 50k}\n",
                "wrong-type@+5",
                &["Azure's default on creation, unchanged later"],
            ),
            ("    sku: {nam: S0}\n", "unknown-field@+2", &["did you mean `name`?"]),
            ("    sku: {name: S9}\n", "invalid-value@+2", &["has no sku `S9`"]),
            (
                "    deployments:\n      - name: gpt\n        model: {format: OpenAI, name: gpt-4o, version: \"1\"}\n        sku: {name: Standard, capacity: \"50\"}\n",
                "wrong-type@+5",
                &["write `50`, without quotes"],
            ),
            (
                "    roleAssignments:\n      - scope: resourceGroup\n        role: Cognitive Services User\n        principals: []\n",
                "unknown-field@+3",
                &["for another scope use the top-level `roleAssignments`"],
            ),
            ("\tsku: S0\n", "yaml-syntax@+2", &["a tab indents this line", "indent with spaces"]),
            (
                "    networkAcls:\n      defaultAction: Deny\n    \tbypass: None\n",
                "yaml-syntax@+4",
                &["indent with spaces"],
            ),
        ],
    ) {
        assert_row(&Row { lines: Box::leak(format!("{ACCOUNT}{lines}").into_boxed_str()), found, says });
    }
    for (principal, found, says) in [
        ("{group: x, user: y@z}", "invalid-value@+5", &["keep one of `group`, `user`"][..]),
        (
            "{id: ALICE, type: User, user: y@z}",
            "invalid-value@+5",
            &["keep one of `id`, `user`; `id` requires `type`"],
        ),
        ("ml-developers", "wrong-type@+5", &["write who gets the role, such as `- group: NAME`"]),
        ("user:alice@x", "wrong-type@+5", &["add a space after `:`"]),
        ("{id: ALICE, type: Robot}", "invalid-value@+5", &["not `Robot`"]),
        ("{id: ALICE, type: [User]}", "wrong-type@+5", &["not a list"]),
        ("group: [x]", "wrong-type@+5", &["`group` must be text, not a list"]),
        ("user: {name: x}", "wrong-type@+5", &["`user` must be text, not a mapping"]),
        ("gruop: x", "unknown-field@+5", &["did you mean `group`?"]),
        ("wholly: x", "unknown-field@+5", &["its fields are"]),
        ("group: ${nobody}", "unknown-variable@+5", &["`nobody`"]),
        ("user: ${nobody}", "unknown-variable@+5", &["`nobody`"]),
        ("managedIdentity: ${nobody}", "unknown-variable@+5", &["`nobody`"]),
        ("accountIdentity: ${nobody}", "unknown-variable@+5", &["`nobody`"]),
    ] {
        let lines = format!("{ACCOUNT}{grant}          - {principal}\n");
        assert_row(&Row { lines: Box::leak(lines.into_boxed_str()), found, says });
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_stands_in_for_a_wrong_value_is_no_mistake_of_the_spec() {
    let group = "resourceGroup: rg";
    for (wrong, instead, found) in [
        ("location: eastus2", "location: ${region}", "unknown-variable@5"),
        ("location: eastus2", "location: a-${region}", "unknown-variable@5"),
        ("location: eastus2", "location: $LOCATION", "invalid-value@5"),
        ("location: eastus2", "location: [eastus2]", "wrong-type@5"),
        ("location: eastus2", "location: {name: eastus2}", "wrong-type@5"),
        ("location: eastus2", "locatoin: eastus2", "unknown-field@5"),
        ("location: eastus2", "wholly: eastus2", "unknown-field@5 missing-field@7 missing-field@8"),
        (group, "resourceGroup: ${gone}", "unknown-variable@4"),
        (group, "resourceGroup: [rg]", "wrong-type@4"),
        ("stack: team-a", "stack: ${gone}", "unknown-variable@2"),
        ("stack: team-a", "stack: [a]", "wrong-type@2"),
        ("stack: team-a\n", "", "missing-field@1"),
        (&format!("subscription: {SUB}"), "subscription: ${gone}", "unknown-variable@3"),
        (&format!("subscription: {SUB}"), "subscription: {a: b}", "wrong-type@3"),
        (&format!("subscription: {SUB}\n"), "", "missing-field@1"),
        ("  - name: one", "  - name: [one]", "wrong-type@7"),
        ("  - name: one", "  - name: ${one}", "unknown-variable@7"),
        ("role: Reader", "role: [Reader]", "wrong-type@10"),
        ("role: Reader", "role:", "wrong-type@10"),
        ("role: Reader", "role: ${role}", "unknown-variable@10"),
        ("role: Reader", "rol: Reader", "unknown-field@10"),
        ("scope: resourceGroup\n    role: Reader\n", "scope: resourceGroup\n", "missing-field@10"),
        ("scope: resourceGroup\n    role: Reader\n", "role: Reader\n", "missing-field@10"),
        ("scope: resourceGroup", "scope: [resourceGroup]", "wrong-type@10"),
        ("scope: resourceGroup", "scope: ${scope}", "unknown-variable@10"),
    ] {
        let grant = |role: &str, scope: &str| {
            format!("  - scope: {scope}\n    role: {role}\n    principals: [{{id: {ALICE}, type: User}}]\n")
        };
        let spec = format!(
            "version: 1\nstack: team-a\nsubscription: {SUB}\n{group}\nlocation: eastus2\naccounts:\n  - name: one\n  - name: two\nroleAssignments:\n{}{}{}",
            grant("Reader", "resourceGroup"),
            grant("Cognitive Services User", "resourceGroup"),
            grant("Reader", "subscription"),
        );
        assert!(spec.contains(wrong), "`{wrong}`");
        let folder = Folder::new();
        folder.write("a.yaml", spec.replacen(wrong, instead, 1));
        let run = folder.keyless("validate a.yaml --format json").exits(1);
        let mut codes: Vec<String> = run.findings();
        let line = |entry: &String| entry.rsplit('@').next().unwrap().to_owned();
        // Where a line of a grant goes, the finding stands at the grant or at the line itself.
        if found.ends_with("@10") && !codes.is_empty() {
            assert!(["10", "11"].contains(&line(&codes[0]).as_str()), "{instead}: {run}");
            let code = codes[0].split('@').next().unwrap().to_owned();
            codes[0] = format!("{code}@10");
        }
        assert_eq!(codes.join(" "), found, "{instead}: {run}");
    }
}

#[test]
fn an_accounts_sku_is_text_or_a_mapping_with_its_name() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = |sku: &str| format!("{}{ACCOUNT}    sku: {sku}\n", head("team-a"));
    folder.write("a.yaml", spec("{name: S0}"));
    folder.keyless("apply a.yaml --yes").exits(0).says(&["sku", "1 done"]);
    for sku in ["S0", "{name: S0}", "\n      name: S0"] {
        folder.write("a.yaml", spec(sku));
        folder.keyless("validate a.yaml").exits(0);
        folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
    }
    azure.make_account("by-hand", &json!({}));
    let export = folder.keyless(&format!("export --subscription {SUB}")).exits(0);
    export.says(&["    sku: S0\n"]);
}

#[test]
fn an_option_of_another_command_is_told_with_that_command() {
    let folder = Folder::new();
    let run = folder.keyless("apply --out x").exits(1).complains(&["'--out'", "`--out` belongs to `plan`"]);
    assert!(!run.stderr.contains("-- --out"), "{run}");
    folder.keyless("validate --yes").exits(1).complains(&["`--yes` belongs to `apply`"]);
    folder.keyless("plan --outt x").exits(1).complains(&["a similar argument exists: '--out'"]);
    folder.keyless("plan --nothing").exits(1);
}

#[test]
fn an_account_that_holds_the_subdomain_in_another_group_is_named() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.put(
        &account("chat-eu").replace("/rg/", "/other/"),
        json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"}, "properties": {"customSubDomainName": "chat-eu"}}),
    );
    azure.make_account("second", &json!({"disableLocalAuth": true}));
    let moved = format!("{}{ACCOUNT}  - name: second\n", head("team-a"));
    for (spec, hint) in [
        (
            moved.clone(),
            "moving an account to another resource group means deleting and recreating it; or is `resourceGroup` mistyped?",
        ),
        (
            moved.replace("name: chat-eu", "{name: chat, customSubDomainName: chat-eu}"),
            "choose another `customSubDomainName`",
        ),
    ] {
        folder.write("a.yaml", &spec);
        folder.keyless("plan a.yaml").exits(1).says(&[
            "subdomain-taken",
            "is that of account chat-eu in resource group `other`",
            hint,
        ]);
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn where_nothing_answers_on_this_machine_the_hint_speaks_of_this_machine() {
    let folder = Folder::at("http://127.0.0.1:9/");
    let grant = "    roleAssignments: [{role: Reader, principals: [{group: x}]}]\n";
    folder.write("a.yaml", format!("{}{ACCOUNT}{grant}", head("team-a")));
    let run = folder
        .keyless("plan a.yaml")
        .exits(1)
        .says(&["principal-unread", "help: no answer from `http://127.0.0.1:9/` on this machine"]);
    for other in ["help: write the object id", "DNS", "no answer from Azure"] {
        assert!(!run.stdout.contains(other), "{other}: {run}");
    }
}

#[test]
fn an_undeclared_connection_is_reported_to_stay_with_its_secret() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = |list: &str| format!("{}{ACCOUNT}    connections:{list}\n", head("team-a"));
    let declared = "\n      - {name: search, category: CognitiveSearch, target: \"https://s.search.windows.net\", authType: AAD}";
    folder.write("a.yaml", spec(declared));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", spec(" []"));
    folder.keyless("plan a.yaml").exits(0).says(&[
        "connection search",
        "keyless never deletes it, and any secret in it still works: delete it by hand",
    ]);
}

/// A key may begin with `$`, and then looks like a variable of a shell.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_key_that_begins_like_a_variable_is_never_repeated() {
    let folder = Folder::new();
    for key in ["$Qk3y0fTheSearchService", "$(Qk3y0fTheSearchService)", "'$Qk3y0fTheSearchService'"] {
        for credentials in [format!("{{key: {key}}}"), format!("{{apiKey: {key}}}"), key.to_owned()] {
            let lines = format!(
                "    connections:\n      - {{name: s, category: CognitiveSearch, target: \"https://s.search.windows.net/\", authType: ApiKey, credentials: {credentials}}}\n"
            );
            folder.write("a.yaml", format!("{}accounts:\n  - name: chat\n{lines}", head("a")));
            for format in ["human", "json", "markdown", "html"] {
                let run = folder
                    .keyless(&format!(
                        "validate a.yaml --format {format} --report sarif=s.json --report codequality=q.json"
                    ))
                    .exits(1);
                let files = ["s.json", "q.json"]
                    .map(|name| std::fs::read_to_string(folder.path().join(name)).unwrap());
                for text in [&run.stdout, &run.stderr].into_iter().chain(&files) {
                    assert!(!text.contains("Qk3y0f"), "{credentials}: {run}");
                }
            }
            if credentials.starts_with("{key") {
                folder.keyless("validate a.yaml").exits(1).complains(&["plain-secret", "${secret."]);
            }
        }
    }
}

#[test]
fn what_follows_from_a_mistake_is_no_finding_and_two_mistakes_are_two() {
    for (lines, found, says) in [
        ("    location: {{ where }}\n", "yaml-syntax@+2", &["quote a value that starts with `{`"][..]),
        (
            "    projects:\n      - name: team\n        roleAssignments: [{scope: subscription, role: Cognitive Services User, principals: []}]\n",
            "unknown-field@+4",
            &["these apply to the account or project; for another scope use the top-level `roleAssignments`"],
        ),
        (
            "    roleAssignments:\n      - role: Cognitive Services User\n        principals:\n          - {id: nope, type: Robot}\n",
            "invalid-guid@+5 invalid-value@+5",
            &["not `Robot`", "`nope` is not an object id"],
        ),
    ] {
        assert_row(&Row { lines: Box::leak(format!("{ACCOUNT}{lines}").into_boxed_str()), found, says });
    }
    let folder = Folder::new();
    let head = head("team-a");
    folder.write("a.yaml", format!("{head}variables: {{other: \"${{stage}}\"}}\naccounts:\n  - name: chat-${{other}}\n    tags: {{a: \"${{other}}\"}}\n"));
    let run = folder.keyless("validate a.yaml --format json").exits(1);
    assert_eq!(run.findings(), [format!("malformed-reference@{}", first_line())], "{run}");
}

/// A template of ARM has them there.
#[test]
fn fields_in_properties_go_one_level_up() {
    let row = Row {
        lines: "accounts:\n  - name: chat-eu\n    properties: {disableLocalAuth: true}\n",
        found: "unknown-field@+2",
        says: &["write the fields in it directly under account `chat-eu`"],
    };
    assert_row(&row);
}

//! A plan that says yes applies, and one that cannot says so at the line: live situations, each promise broken in turn.
//!
//! A row breaks one thing, in the spec or in Azure. The plan has to report it with its code, at its line; then the cause is taken
//! away, and the same spec applies.

use serde_json::{Value, json};

use crate::common::{ALICE, Azure, BOB, CS_USER, Fault, READER, SUB, account, role};

/// The spec of every row: what breaks is put in by replacing a part of it.
const SPEC: &str = "\
version: 1
stack: team-a
subscription: 7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11
resourceGroup: rg
location: eastus2
accounts:
  - name: chat
    kind: AIServices
    sku: S0
    customSubDomainName: chat-eu
    disableLocalAuth: true
    roleAssignments:
      - role: Cognitive Services User
        principals:
          - {id: aaaaaaaa-0000-4000-8000-000000000001, type: User}
";

const GROUP: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg";

/// A way in which a plan cannot hold.
struct Row {
    name: &'static str,
    /// Parts of the spec and what stands in their place.
    spec: &'static [(&'static str, &'static str)],
    /// What is done to Azure.
    breaks: fn(&Azure),
    /// The finding: code, severity, and the text of its line; none for what has no place in the spec.
    finds: (&'static str, &'static str, Option<&'static str>),
    /// How the plan ends.
    exit: i32,
    /// What undoes it, beside the spec as it is above.
    mends: fn(&Azure),
}

impl Row {
    fn broken(&self) -> String {
        let replace = |text: String, (old, new): &(&str, &str)| {
            assert!(text.contains(old), "{}: `{old}` is not in the spec", self.name);
            text.replace(old, new)
        };
        self.spec.iter().fold(SPEC.to_owned(), replace)
    }
}

fn nothing(_: &Azure) {}

fn heal(azure: &Azure) {
    azure.heal();
}

fn lock(azure: &Azure, scope: &str, level: &str) {
    azure.put(
        &format!("{scope}/providers/Microsoft.Authorization/locks/L"),
        json!({"properties": {"level": level}}),
    );
}

fn unlock(azure: &Azure, scope: &str) {
    azure.delete(&format!("{scope}/providers/Microsoft.Authorization/locks/L"));
}

/// What the stack made before, with one assignment more that is no longer declared.
fn with_a_revocation(azure: &Azure) {
    azure.make_account("chat", &json!({"customSubDomainName": "chat-eu", "disableLocalAuth": true}));
    for (name, principal) in
        [("d0000000-0000-4000-8000-000000000001", ALICE), ("d0000000-0000-4000-8000-000000000002", BOB)]
    {
        azure.grant(&account("chat"), name, CS_USER, principal, Some("[keyless:team-a]"));
    }
}

fn directory(azure: &Azure, content: Value) {
    assert_eq!(azure.send("POST", "/_sandbox/directory", Some(content)).status, 200);
}

fn answers(azure: &Azure, part: &str, body: &Value) {
    azure.spoil("*", part, Fault::Answer(200, "application/json", body.to_string()));
}

/// Puts into the sandbox what people and services do in Azure beside ARM's writes.
fn access(azure: &Azure, content: Value) {
    let answer = azure.send("POST", "/_sandbox/access", Some(content));
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Somebody activates a role for an hour, or is given it for an hour.
fn for_an_hour(azure: &Azure, kind: &str) {
    azure.make_account("chat", &json!({"customSubDomainName": "chat-eu", "disableLocalAuth": true}));
    let instance = json!({
        "scope": account("chat"), "role": "Cognitive Services User", "principalId": ALICE, "principalType": "User",
        "seconds": 3600, "assignmentType": kind,
    });
    access(azure, json!({"scheduleInstances": [instance]}));
}

fn skus(azure: &Azure, kind: &str, name: &str, location: &str, restrictions: Value) {
    let offer = json!({
        "resourceType": "accounts", "kind": kind, "name": name, "tier": "Standard",
        "locations": [location], "restrictions": restrictions,
    });
    answers(azure, "/Microsoft.CognitiveServices/skus?", &json!({"value": [offer]}));
}

fn define(azure: &Azure, guid: &str, name: &str) {
    azure.put(
        &role(guid),
        json!({"properties": {
            "roleName": name, "type": "CustomRole", "assignableScopes": [format!("/subscriptions/{SUB}")],
            "permissions": [{"actions": [], "dataActions": ["Microsoft.CognitiveServices/accounts/OpenAI/*"]}],
        }}),
    );
}

const ROWS: &[Row] = &[
    Row {
        name: "another account has the subdomain",
        spec: &[],
        breaks: |azure| {
            let path = account("other").replace("/rg/", "/elsewhere/");
            azure.put(&path, json!({"location": "westus", "kind": "AIServices", "sku": {"name": "S0"}, "properties": {"customSubDomainName": "chat-eu"}}));
        },
        finds: ("subdomain-taken", "error", Some("customSubDomainName: chat-eu")),
        exit: 1,
        mends: |azure| {
            azure.delete(&account("other").replace("/rg/", "/elsewhere/"));
            azure.send("DELETE", &format!("/subscriptions/{SUB}/providers/Microsoft.CognitiveServices/locations/westus/resourceGroups/elsewhere/deletedAccounts/other"), None);
        },
    },
    Row {
        name: "a soft-deleted account has the name",
        spec: &[],
        breaks: |azure| {
            azure.make_account("chat", &json!({}));
            azure.delete(&account("chat"));
        },
        finds: ("soft-deleted", "error", Some("- name: chat")),
        exit: 1,
        mends: |azure| {
            azure.send("DELETE", &format!("/subscriptions/{SUB}/providers/Microsoft.CognitiveServices/locations/eastus2/resourceGroups/rg/deletedAccounts/chat"), None);
        },
    },
    Row {
        name: "a lock on the account keeps a role from being revoked",
        spec: &[],
        breaks: |azure| {
            with_a_revocation(azure);
            lock(azure, &account("chat"), "CanNotDelete");
        },
        finds: ("locked", "error", Some("stack: team-a")),
        exit: 1,
        mends: |azure| unlock(azure, &account("chat")),
    },
    Row {
        name: "a lock on the group keeps a role from being revoked",
        spec: &[],
        breaks: |azure| {
            with_a_revocation(azure);
            lock(azure, GROUP, "CanNotDelete");
        },
        finds: ("locked", "error", Some("stack: team-a")),
        exit: 1,
        mends: |azure| unlock(azure, GROUP),
    },
    Row {
        name: "a read-only lock on the subscription keeps the account from being made",
        spec: &[],
        breaks: |azure| lock(azure, &format!("/subscriptions/{SUB}"), "ReadOnly"),
        finds: ("locked", "error", Some("- name: chat")),
        exit: 1,
        mends: |azure| unlock(azure, &format!("/subscriptions/{SUB}")),
    },
    Row {
        name: "a read-only lock on the account keeps a role from being given",
        spec: &[],
        breaks: |azure| {
            azure.make_account("chat", &json!({"customSubDomainName": "chat-eu", "disableLocalAuth": true}));
            lock(azure, &account("chat"), "ReadOnly");
        },
        finds: ("locked", "error", Some("- {id: aaaaaaaa")),
        exit: 1,
        mends: |azure| unlock(azure, &account("chat")),
    },
    Row {
        name: "locks may not be read",
        spec: &[],
        breaks: |azure| azure.spoil("GET", "/locks?", Fault::denied()),
        finds: ("not-checked", "note", None),
        exit: 0,
        mends: heal,
    },
    Row {
        name: "nobody has defined the role",
        spec: &[("Cognitive Services User", "Model Callers")],
        breaks: nothing,
        finds: ("unknown-role", "error", Some("- role: Model Callers")),
        exit: 1,
        mends: nothing,
    },
    Row {
        name: "roles may not be read",
        spec: &[("Cognitive Services User", "Model Callers")],
        breaks: |azure| azure.spoil("GET", "/roleDefinitions?", Fault::denied()),
        finds: ("role-unread", "error", Some("- role: Model Callers")),
        exit: 1,
        mends: heal,
    },
    Row {
        name: "two custom roles have the name",
        spec: &[("Cognitive Services User", "Model Callers")],
        breaks: |azure| {
            define(azure, "c0570000-0000-4000-8000-000000000001", "One");
            define(azure, "c0570000-0000-4000-8000-000000000002", "Two");
            let rename = |list: &mut Value| {
                for body in list["value"].as_array_mut().unwrap() {
                    if body["properties"]["type"] == "CustomRole" {
                        body["properties"]["roleName"] = json!("Model Callers");
                    }
                }
            };
            azure.spoil("GET", "/roleDefinitions?", Fault::Edit(rename));
        },
        finds: ("unknown-role", "error", Some("- role: Model Callers")),
        exit: 1,
        mends: heal,
    },
    Row {
        name: "the role lets nobody call models",
        spec: &[("Cognitive Services User", "Cognitive Services Contributor")],
        breaks: nothing,
        finds: ("role-without-inference", "note", Some("- role: Cognitive Services Contributor")),
        exit: 0,
        mends: nothing,
    },
    Row {
        name: "the directory has no such group",
        spec: &[("{id: aaaaaaaa-0000-4000-8000-000000000001, type: User}", "{group: nobody}")],
        breaks: |azure| {
            let batch = Fault::Edit(|answer| answer["responses"][0]["body"]["value"] = json!([]));
            azure.spoil("POST", "/v1.0/$batch", batch);
        },
        finds: ("principal-not-found", "error", Some("- {group: nobody}")),
        exit: 1,
        mends: heal,
    },
    Row {
        name: "two groups have the name",
        spec: &[("{id: aaaaaaaa-0000-4000-8000-000000000001, type: User}", "{group: ml}")],
        breaks: |azure| {
            directory(
                azure,
                json!({"groups": [
                    {"id": "cafe0000-0000-4000-8000-000000000001", "displayName": "ml"},
                    {"id": "cafe0000-0000-4000-8000-000000000002", "displayName": "ml"},
                ]}),
            );
        },
        finds: ("principal-ambiguous", "error", Some("- {group: ml}")),
        exit: 1,
        mends: nothing,
    },
    Row {
        name: "a client id stands for an object id",
        spec: &[(
            "aaaaaaaa-0000-4000-8000-000000000001, type: User",
            "cafe0000-0000-4000-8000-000000000004, type: ServicePrincipal",
        )],
        breaks: |azure| {
            let app = json!({"id": "cafe0000-0000-4000-8000-000000000003", "appId": "cafe0000-0000-4000-8000-000000000004", "displayName": "p"});
            directory(azure, json!({"servicePrincipals": [app]}));
        },
        finds: ("client-id", "error", Some("- {id: cafe0000")),
        exit: 1,
        mends: nothing,
    },
    Row {
        name: "the principal is of another type",
        spec: &[(
            "aaaaaaaa-0000-4000-8000-000000000001, type: User",
            "cafe0000-0000-4000-8000-000000000001, type: User",
        )],
        breaks: |azure| {
            directory(
                azure,
                json!({"groups": [{"id": "cafe0000-0000-4000-8000-000000000001", "displayName": "ml"}]}),
            )
        },
        finds: ("principal-type", "error", Some("- {id: cafe0000")),
        exit: 1,
        mends: nothing,
    },
    Row {
        name: "the principal of a live assignment is gone",
        spec: &[],
        breaks: |azure| {
            azure.make_account("chat", &json!({"customSubDomainName": "chat-eu", "disableLocalAuth": true}));
            azure.grant(&account("chat"), "d0000000-0000-4000-8000-000000000001", READER, BOB, None);
            azure.spoil(
                "POST",
                "/v1.0/$batch",
                Fault::Edit(|answer| {
                    for response in answer["responses"].as_array_mut().unwrap() {
                        response["body"]["value"].as_array_mut().unwrap().retain(|item| item["id"] != BOB);
                    }
                }),
            );
        },
        finds: ("orphaned-assignment", "note", None),
        exit: 0,
        mends: heal,
    },
    Row {
        name: "Azure knows no such kind",
        spec: &[],
        breaks: |azure| skus(azure, "SpeechServices", "S0", "EASTUS2", json!([])),
        finds: ("not-offered", "error", Some("kind: AIServices")),
        exit: 1,
        mends: heal,
    },
    Row {
        name: "the region does not have the kind",
        spec: &[],
        breaks: |azure| skus(azure, "AIServices", "S0", "WESTUS", json!([])),
        finds: ("not-offered", "error", Some("location: eastus2")),
        exit: 1,
        mends: heal,
    },
    Row {
        name: "the kind does not come with the SKU",
        spec: &[],
        breaks: |azure| skus(azure, "AIServices", "F0", "EASTUS2", json!([])),
        finds: ("not-offered", "error", Some("sku: S0")),
        exit: 1,
        mends: heal,
    },
    Row {
        name: "the SKU is closed to the subscription",
        spec: &[],
        breaks: |azure| {
            let closed = json!([{"type": "Location", "values": ["EASTUS2"], "reasonCode": "NotAvailableForSubscription"}]);
            skus(azure, "AIServices", "S0", "EASTUS2", closed);
        },
        finds: ("not-offered", "error", Some("sku: S0")),
        exit: 1,
        mends: heal,
    },
    Row {
        name: "the subscription is full of assignments",
        spec: &[],
        breaks: |azure| {
            let fill = |list: &mut Value| {
                let body = |n: usize| {
                    let name = format!("f0000000-0000-4000-8000-{n:012}");
                    json!({"id": crate::common::assignment(GROUP, &name), "name": name, "properties": {
                        "scope": GROUP, "principalId": BOB, "principalType": "User", "roleDefinitionId": role(READER),
                    }})
                };
                list["value"].as_array_mut().unwrap().extend((0..4000).map(body));
            };
            azure.spoil("GET", "/roleAssignments?", Fault::Edit(fill));
        },
        finds: ("assignment-limit", "error", Some("- {id: aaaaaaaa")),
        exit: 1,
        mends: heal,
    },
    Row {
        name: "network rules on an account without a subdomain",
        spec: &[("    customSubDomainName: chat-eu\n", "    networkAcls: {defaultAction: Deny}\n")],
        breaks: |azure| azure.make_account("chat", &json!({"disableLocalAuth": true})),
        finds: ("subdomain-required", "error", Some("- name: chat")),
        exit: 1,
        mends: nothing,
    },
    Row {
        name: "keys are on, and the spec does not say",
        spec: &[("    disableLocalAuth: true\n", "")],
        breaks: |azure| azure.make_account("chat", &json!({"customSubDomainName": "chat-eu"})),
        finds: ("keys-enabled", "warning", Some("- name: chat")),
        exit: 0,
        mends: nothing,
    },
    Row {
        name: "a policy would refuse the account",
        spec: &[],
        breaks: |azure| {
            let policy = json!({
                "scope": GROUP, "name": "regions", "type": "Microsoft.CognitiveServices/accounts",
                "field": "location", "operator": "notEquals", "value": "westeurope",
            });
            access(azure, json!({"policies": [policy]}));
        },
        finds: ("policy-refusal", "note", Some("location: eastus2")),
        exit: 0,
        mends: |azure| access(azure, json!({"remove": ["regions"]})),
    },
    Row {
        name: "the caller may not write",
        spec: &[],
        breaks: |azure| {
            answers(
                azure,
                "/Microsoft.Authorization/permissions?",
                &json!({"value": [{"actions": ["*/read"], "notActions": []}]}),
            )
        },
        finds: ("missing-permission", "note", Some("- name: chat")),
        exit: 0,
        mends: heal,
    },
    Row {
        name: "the caller may write accounts and give no roles",
        spec: &[],
        breaks: |azure| {
            let contributor = json!({"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"]});
            answers(azure, "/Microsoft.Authorization/permissions?", &json!({"value": [contributor]}));
        },
        finds: ("missing-permission", "note", Some("- {id: aaaaaaaa")),
        exit: 0,
        mends: heal,
    },
    Row {
        name: "a deny assignment stands above",
        spec: &[],
        breaks: |azure| {
            let denial =
                json!({"scope": GROUP, "name": "managed app", "permissions": [{"actions": ["*/delete"]}]});
            access(azure, json!({"denyAssignments": [denial]}));
        },
        finds: ("deny-assignment", "note", Some("- {id: aaaaaaaa")),
        exit: 0,
        mends: |azure| access(azure, json!({"remove": ["managed app"]})),
    },
    Row {
        name: "somebody activated the role for a while",
        spec: &[],
        breaks: |azure| for_an_hour(azure, "Activated"),
        finds: ("temporary-assignment", "note", Some("- {id: aaaaaaaa")),
        exit: 0,
        mends: |azure| {
            for body in azure.grants_at(&account("chat")) {
                access(azure, json!({"remove": [body["name"]]}));
            }
        },
    },
    Row {
        name: "the tenant has no licence for PIM",
        spec: &[],
        breaks: |azure| {
            azure.make_account("chat", &json!({"customSubDomainName": "chat-eu", "disableLocalAuth": true}));
            azure.grant(&account("chat"), "d0000000-0000-4000-8000-000000000001", CS_USER, ALICE, None);
            let refusal =
                Fault::error(400, "AadPremiumLicenseRequired", "The tenant needs an AAD Premium 2 license.");
            azure.spoil("GET", "/roleAssignmentScheduleInstances?", refusal);
        },
        finds: ("not-checked", "note", Some("- {id: aaaaaaaa")),
        exit: 0,
        mends: heal,
    },
    Row {
        name: "the resource group is not there",
        spec: &[],
        breaks: |azure| {
            let gone = Fault::error(404, "ResourceGroupNotFound", "Resource group 'rg' could not be found.");
            azure.spoil("GET", "/resourceGroups/rg", gone);
        },
        finds: ("resource-group-missing", "error", Some("- name: chat")),
        exit: 1,
        mends: heal,
    },
    Row {
        name: "the live account is of another kind",
        spec: &[("kind: AIServices", "kind: OpenAI")],
        breaks: |azure| azure.make_account("chat", &json!({"customSubDomainName": "chat-eu"})),
        finds: ("immutable-field", "error", Some("kind: OpenAI")),
        exit: 1,
        mends: nothing,
    },
    Row {
        name: "another stack has marked the account",
        spec: &[],
        breaks: |azure| {
            azure.make_account("chat", &json!({"customSubDomainName": "chat-eu", "disableLocalAuth": true}));
            azure.patch(&account("chat"), json!({"tags": {"keyless-stack": "team-b"}}));
        },
        finds: ("foreign-mark", "error", Some("- name: chat")),
        exit: 1,
        mends: |azure| {
            azure.patch(&account("chat"), json!({"tags": {}}));
        },
    },
];

/// Each promise broken in turn is reported at its line, and mended, the spec applies. In halves, which run side by side.
fn table(rows: &[Row]) {
    assert!(ROWS.len() >= 25, "{}", ROWS.len());
    let broken: Vec<String> = rows.iter().filter_map(|row| check(row).err()).collect();
    assert!(broken.is_empty(), "{} of {} rows fail:\n{}", broken.len(), rows.len(), broken.join("\n"));
}

#[test]
fn each_promise_broken_in_turn_is_reported_at_its_line_and_mended_it_applies() {
    table(&ROWS[..ROWS.len() / 2]);
}

#[test]
fn each_further_promise_broken_in_turn_is_reported_and_mended_it_applies() {
    table(&ROWS[ROWS.len() / 2..]);
}

fn check(row: &Row) -> Result<(), String> {
    let azure = Azure::start();
    let folder = azure.folder();
    (row.breaks)(&azure);
    let spec = row.broken();
    folder.write("a.yaml", &spec);
    let plan = folder.keyless("plan a.yaml --format json");
    let (code, severity, line) = row.finds;
    let line = line.map(|text| {
        let found = spec
            .lines()
            .position(|each| each.contains(text))
            .unwrap_or_else(|| panic!("{}: {text}", row.name));
        found + 1
    });
    let fits = |finding: &Value| {
        finding["code"] == code
            && finding["severity"] == severity
            && finding["source"]["line"].as_u64() == line.map(|line| line as u64)
    };
    let document = plan.json();
    let findings = document["findings"].as_array().unwrap();
    let told = format!("exit {}: {}", plan.code, document["findings"]);
    if plan.code != row.exit || !findings.iter().any(fits) {
        return Err(format!(
            "{}: expected {code} {severity} at {line:?} and exit {}; {told}",
            row.name, row.exit
        ));
    }
    if findings.iter().any(|finding| finding["severity"] == "error") != (severity == "error") {
        return Err(format!("{}: there is more to it; {told}", row.name));
    }
    (row.mends)(&azure);
    folder.write("a.yaml", SPEC);
    let applied = folder.keyless("apply a.yaml --yes");
    if applied.code != 0 {
        return Err(format!("{}: once mended it does not apply\n{applied}", row.name));
    }
    Ok(())
}

#[test]
fn a_change_that_cannot_succeed_is_refused_and_the_rest_is_done() {
    let azure = Azure::start();
    with_a_revocation(&azure);
    azure.patch(&account("chat"), json!({"tags": {"keyless-stack": "team-a"}}));
    lock(&azure, &account("chat"), "CanNotDelete");
    let folder = azure.folder();
    folder.write(
        "a.yaml",
        SPEC.replace("    disableLocalAuth: true\n", "    disableLocalAuth: true\n    tags: {team: ml}\n"),
    );
    let run = folder.keyless("apply a.yaml --yes").exits(1);
    run.says(&[
        "cannot revoke role assignment Cognitive Services User",
        "while the CanNotDelete lock `L`",
        "az lock delete --ids",
    ]);
    assert_eq!(azure.get(&account("chat"))["tags"]["team"], "ml");
    assert_eq!(azure.grants_at(&account("chat")).len(), 2, "nothing was revoked");
}

#[test]
fn without_the_right_to_write_apply_ends_before_the_first_write_and_plan_is_useful() {
    let azure = Azure::start();
    let reader = json!({"value": [{"actions": ["*/read"], "notActions": []}]});
    let folder = azure.folder();
    folder.write("a.yaml", SPEC);
    folder.keyless("plan a.yaml --out plan.json").exits(0);
    answers(&azure, "/Microsoft.Authorization/permissions?", &reader);
    folder.keyless("plan a.yaml -v").exits(0).says(&[
        "note[missing-permission]",
        "Microsoft.CognitiveServices/accounts/write",
        "Microsoft.Authorization/roleAssignments/write",
    ]);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(2);
    azure.take_seen();
    for arguments in ["apply a.yaml --yes", "apply plan.json --yes", "apply plan.json a.yaml --yes"] {
        let run = folder.keyless(arguments).exits(1);
        run.says(&["error[missing-permission]"]).complains(&["nothing was written"]);
        assert_eq!(azure.take_writes().len(), 0, "{arguments}");
    }
    // One permission excludes for itself alone.
    let both = json!({"value": [
        {"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"]},
        {"actions": ["Microsoft.Authorization/roleAssignments/*"], "notActions": []},
    ]});
    answers(&azure, "/Microsoft.Authorization/permissions?", &both);
    folder.keyless("apply plan.json --yes").exits(0);
}

#[test]
fn a_lock_set_after_the_plan_was_saved_stops_the_saved_plan_whole() {
    let azure = Azure::start();
    with_a_revocation(&azure);
    let folder = azure.folder();
    folder.write("a.yaml", SPEC);
    folder.keyless("plan a.yaml --out plan.json").exits(0);
    lock(&azure, GROUP, "CanNotDelete");
    azure.take_seen();
    folder.keyless("apply plan.json --yes").exits(1).says(&["error[locked]"]);
    assert_eq!(azure.take_writes().len(), 0);
    unlock(&azure, GROUP);
    folder.keyless("apply plan.json --yes").exits(0);
}

#[test]
fn a_write_that_a_policy_refuses_names_policy_and_line() {
    let azure = Azure::start();
    let body = json!({"error": {
        "code": "RequestDisallowedByPolicy",
        "message": "Resource 'chat' was disallowed by policy.",
        "additionalInfo": [{"type": "PolicyViolation", "info": {
            "policyDefinitionDisplayName": "Allowed locations", "policyAssignmentName": "regions",
            "policyAssignmentId": format!("{GROUP}/providers/Microsoft.Authorization/policyAssignments/regions"),
        }}],
    }});
    azure.spoil("PUT", "/accounts/chat?", Fault::Answer(403, "application/json", body.to_string()));
    let folder = azure.folder();
    folder.write("a.yaml", SPEC);
    let run = folder.keyless("apply a.yaml --yes --format json").exits(1);
    assert_eq!(run.findings(), ["write-failed@7"]);
    let finding = &run.json()["findings"][0];
    let cause = finding["cause"].as_str().unwrap();
    assert!(cause.contains("Allowed locations") && cause.contains("regions"), "{finding}");
}

#[test]
fn an_activated_assignment_is_neither_taken_for_the_declared_one_nor_adopted() {
    let azure = Azure::start();
    for_an_hour(&azure, "Activated");
    let folder = azure.folder();
    folder.write("a.yaml", SPEC.replace("location: eastus2\n", "location: eastus2\nadopt: true\n"));
    let plan = folder.keyless("plan a.yaml --format json").exits(0);
    let counts = (plan.changes("adopt").len(), plan.changes("create").len());
    assert_eq!(counts, (1, 1), "the account is adopted\n{plan}");
    // Where the list shows the temporary one in place of the declared one, that it is there is no success.
    let run = folder.keyless("apply a.yaml --yes").exits(1);
    run.says(&["activated it through Privileged Identity Management", "apply again once it has ended"]);
    // Made anew, the account has lost its mark too.
    for_an_hour(&azure, "Assigned");
    let plan = folder.keyless("plan a.yaml --format json").exits(0);
    assert_eq!(plan.findings(), ["temporary-assignment@16"], "one that ends counts until then\n{plan}");
    assert_eq!((plan.changes("adopt").len(), plan.changes("create").len()), (2, 0));
}

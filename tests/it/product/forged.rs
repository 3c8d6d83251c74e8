//! Saved plans that somebody edited, the fingerprint made anew: what is shown is what runs, or nothing does.

use keyless::document::{Plan, Summary};
use keyless::kinds::{self, writable};
use keyless::text::sanitize::sanitize_json;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::common::{
    ALICE, Azure, BOB, CAROL, CS_USER, Folder, Run, SUB, account, assignment, few, grants, one_account,
};

pub(super) const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
const BY_HAND: &str = "12345678-aaaa-4bbb-8ccc-0123456789ab";

/// A stack that gives Carol what it takes from Bob, tags its account, turns its keys off and makes a second account. Beside it an Owner.
pub(super) fn planned() -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    let before = format!("disableLocalAuth: false\n{}", grants(&[ALICE, BOB]));
    folder.write("a.yaml", one_account("team-a", "chat", &before));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.grant(&account("chat"), BY_HAND, OWNER, ALICE, None);
    let after = format!("disableLocalAuth: true\ntags: {{team: ml}}\n{}", grants(&[ALICE, CAROL]));
    folder.write("a.yaml", one_account("team-a", "chat", &after) + "  - name: front\n");
    folder.keyless("plan a.yaml --out plan.json").exits(0).says(&["2 to create, 1 to update, 1 to delete"]);
    azure.take_seen();
    (azure, folder)
}

/// Edits the saved plan; counts and fingerprint are made anew, as far as it is a plan still.
pub(super) fn forge(folder: &Folder, edit: impl FnOnce(&mut Value)) {
    let path = folder.path().join("plan.json");
    let mut value: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    edit(&mut value);
    if let Ok(mut plan) = serde_json::from_value::<Plan>(value.clone()) {
        plan.summary = Summary::of(&plan.changes);
        value["summary"] = json!(plan.summary);
        value["fingerprint"] = json!(plan.digest());
    }
    std::fs::write(path, value.to_string()).unwrap();
}

/// The change of a plan with this action and a word in its id or title.
pub(super) fn change<'a>(plan: &'a mut Value, action: &str, word: &str) -> &'a mut Value {
    let fits = |change: &&mut Value| {
        let has = |member: &str| change[member].as_str().unwrap().contains(word);
        change["action"] == action && (has("id") || has("title"))
    };
    plan["changes"].as_array_mut().unwrap().iter_mut().find(fits).unwrap()
}

/// The fingerprint that a change has to start from; whoever forges a plan can work it out too.
pub(super) fn base(azure: &Azure, kind: &str, id: &str) -> Value {
    let body = writable(kinds::by_name(kind).unwrap(), &azure.get(id));
    let digest = Sha256::digest(body.to_string());
    json!(digest.iter().fold(String::from("sha256:"), |text, byte| text + &format!("{byte:02x}")))
}

/// Applying it is refused, with these words on either stream, and nothing is written.
#[track_caller]
pub(super) fn refused(azure: &Azure, run: Run, code: i32, words: &[&str]) -> Run {
    let run = run.exits(code);
    for word in words {
        assert!(run.stdout.contains(word) || run.stderr.contains(word), "`{word}` is not told\n{run}");
    }
    assert!(azure.take_writes().is_empty(), "{run}");
    run
}

#[test]
fn an_honest_edit_of_nothing_is_carried_out() {
    let (azure, folder) = planned();
    forge(&folder, |_| {});
    folder.keyless("apply plan.json --yes").exits(0).says(&["Applied:", "4 done"]).complains(&[
        "what the plan writes, by id:",
        &format!("update   {} (stack team-a)", account("chat")),
    ]);
    assert_eq!(azure.get(&account("chat"))["properties"]["disableLocalAuth"], true);
}

#[test]
fn a_title_that_says_tag_does_not_hide_the_delete_of_an_owner() {
    let (azure, folder) = planned();
    let owner = assignment(&account("chat"), BY_HAND);
    let base = base(&azure, "roleAssignments", &owner);
    forge(&folder, |plan| {
        let gone = change(plan, "delete", BOB);
        gone["id"] = json!(owner);
        gone["base"] = base;
        gone["title"] = json!("tags of account chat");
        gone["reason"] = json!("nothing changes");
        gone["address"] = json!("accounts/chat");
    });
    let shown = folder.keyless("show plan.json").exits(0).complains(&[&format!("delete   {owner}")]);
    let lines = [
        format!("- role assignment {BY_HAND} on chat"),
        "called \"tags of account chat\" in the plan, unverified".to_owned(),
    ];
    let shown = shown.says(&lines.each_ref().map(String::as_str));
    assert!(!shown.stdout.contains("nothing changes"), "{shown}");
    let words = [
        "foreign-mark",
        "delete role assignment Owner",
        ALICE,
        "it carries no mark of a stack",
        "nothing was written",
    ];
    refused(&azure, folder.keyless("apply plan.json --yes"), 1, &words);
}

#[test]
fn what_is_deleted_is_read_from_azure_whatever_the_file_calls_it() {
    let (azure, folder) = planned();
    // Alice's, which is the stack's own: nothing but the file says that Bob is meant.
    let all = azure.grants_at(&account("chat"));
    let of_alice = |body: &&Value| body["properties"]["principalId"] == ALICE && body["name"] != BY_HAND;
    let id = all.iter().find(of_alice).unwrap()["id"].as_str().unwrap().to_owned();
    let base = base(&azure, "roleAssignments", &id);
    forge(&folder, |plan| {
        let gone = change(plan, "delete", BOB);
        gone["id"] = json!(id);
        gone["base"] = base;
        plan["access"] = json!([]);
    });
    let shown = folder.keyless("show plan.json").exits(0);
    assert!(!shown.stdout.lines().any(|line| line.starts_with("  - ") && line.contains(BOB)), "{shown}");
    let title = format!("- role assignment Cognitive Services User -> User {ALICE} on chat");
    let lost = format!("- Cognitive Services User on the account: User {ALICE}");
    folder.keyless("apply plan.json --yes").exits(0).says(&[&title, &lost, "in the plan, unverified"]);
}

/// What is edited, how, and with which words it is refused.
type Forgery = (&'static str, fn(&mut Value), &'static str);

fn forgeries() -> [Forgery; 13] {
    [
        (
            "a kind that is not the target's",
            |plan| change(plan, "delete", BOB)["kind"] = json!("accounts"),
            "the id is not one of kind `accounts`",
        ),
        (
            "a fingerprint that is gone",
            |plan| {
                change(plan, "update", "chat").as_object_mut().unwrap().remove("base");
            },
            "it has no base fingerprint",
        ),
        (
            "an assignment on more than is shown",
            |plan| {
                let grant = change(plan, "create", CAROL);
                let name = grant["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
                grant["id"] = json!(assignment(&format!("/subscriptions/{SUB}"), &name));
            },
            "its name does not match its role, principal and scope",
        ),
        (
            "another role for whom is shown",
            |plan| {
                for field in change(plan, "create", CAROL)["fields"].as_array_mut().unwrap() {
                    if field["path"] == "roleDefinitionId" {
                        field["after"] = json!(field["after"].as_str().unwrap().replace(CS_USER, OWNER));
                    }
                }
            },
            "its name does not match its role, principal and scope",
        ),
        (
            "a second change of the same account",
            |plan| {
                let mut again = change(plan, "update", "chat").clone();
                again["fields"] =
                    json!([{"path": "disableLocalAuth", "before": true, "after": false, "source": null}]);
                plan["changes"].as_array_mut().unwrap().push(again);
            },
            "two changes write this resource",
        ),
        (
            "nothing to do, and a patch",
            |plan| change(plan, "update", "chat")["action"] = json!("noop"),
            "it writes nothing, and says what to write",
        ),
        (
            "a purge of another account",
            |plan| {
                let deleted = format!(
                    "/subscriptions/{SUB}/providers/Microsoft.CognitiveServices/locations/eastus2/resourceGroups/rg/deletedAccounts/prod"
                );
                change(plan, "create", "front")["purge"] = json!(deleted);
            },
            "is not the id of its soft-deleted resource",
        ),
        (
            "the identity of an account that the plan does not write",
            |plan| {
                let grant = change(plan, "create", CAROL);
                grant["fields"].as_array_mut().unwrap().retain(|field| field["path"] != "principalId");
                grant["holes"] = json!([{"field": "principalId", "resource": account("other"), "property": "principalId"}]);
            },
            "whose identity it needs",
        ),
        (
            "waiting for what nobody knows",
            |plan| change(plan, "create", CAROL)["after"] = json!([account("nobody")]),
            "is not another change of the plan",
        ),
        (
            "a creation without mark",
            |plan| {
                change(plan, "create", "front").as_object_mut().unwrap().remove("mark");
            },
            "its mark does not fit its action",
        ),
        (
            "a stack that ends a mark and begins another",
            |plan| change(plan, "create", "front")["stack"] = json!("x] [keyless:team-b"),
            "it does not name its stack",
        ),
        (
            "grants that wait for the keys to go off",
            |plan| change(plan, "create", CAROL)["after"] = json!([account("chat")]),
            "wait for each other in a circle",
        ),
        ("steps of its own", |plan| plan["steps"] = json!([]), "unknown field `steps`"),
    ]
}

#[test]
fn forged_changes_are_refused_with_what_is_wrong() {
    let made_otherwise = "it was edited, or made by another version of keyless";
    let (azure, folder) = planned();
    let whole = std::fs::read(folder.path().join("plan.json")).unwrap();
    for (what, edit, words) in few(5, forgeries()) {
        folder.write("plan.json", &whole);
        forge(&folder, edit);
        for command in ["show plan.json", "apply plan.json --yes", "apply plan.json a.yaml --yes"] {
            let run = refused(&azure, folder.keyless(command), 1, &[words, "help: make a new plan"]);
            let told = run.stderr.contains(made_otherwise) || run.stderr.contains("unknown field");
            assert!(told, "{what}: {run}");
        }
    }
}

#[test]
fn a_plan_of_the_old_format_is_refused() {
    let (azure, folder) = planned();
    forge(&folder, |plan| plan["formatVersion"] = json!("1.0"));
    let words = ["format version `1.0`", "make a new plan with `keyless plan --out FILE`"];
    refused(&azure, folder.keyless("apply plan.json --yes"), 1, &words);
}

#[test]
fn allow_applies_to_the_resource_id_and_not_to_a_name_in_the_plan_file() {
    let (azure, folder) = planned();
    forge(&folder, |plan| {
        let chat = change(plan, "update", "chat");
        chat["action"] = json!("delete");
        chat["fields"] = json!([]);
        chat.as_object_mut().unwrap().remove("mark");
        chat["address"] = json!("accounts/playground");
        chat["title"] = json!("account playground");
        // Nothing in the file speaks for the account any more.
        let on_chat = format!("{}/providers/", account("chat"));
        plan["changes"]
            .as_array_mut()
            .unwrap()
            .retain(|change| !change["id"].as_str().unwrap().starts_with(&on_chat));
    });
    for address in ["accounts/playground", "accounts/chat", &account("front")] {
        let run = folder.keyless(&format!("apply plan.json --yes --allow delete-account:{address}"));
        let flag = format!("if this is intended: --allow delete-account:{}", account("chat"));
        refused(&azure, run, 3, &["guard-delete-account", "account `chat`", &flag]);
    }
    let allowed = format!("apply plan.json --yes --allow delete-account:{} -v", account("CHAT"));
    let run = folder.keyless(&allowed);
    assert!(run.stdout.contains("allowed by `--allow`"), "{run}");
}

#[test]
fn the_order_of_a_file_means_nothing() {
    let (azure, folder) = planned();
    forge(&folder, |plan| plan["changes"].as_array_mut().unwrap().reverse());
    folder.keyless("apply plan.json --yes").exits(0).says(&["4 done"]);
    let writes = azure.take_writes();
    let at = |fits: &dyn Fn(&crate::common::azure::Seen) -> bool| writes.iter().position(fits).unwrap();
    let granted = at(&|seen| seen.body["properties"]["principalId"] == CAROL);
    let keys_off = at(&|seen| {
        seen.path().ends_with("accounts/chat") && seen.body["properties"]["disableLocalAuth"] == true
    });
    let revoked = at(&|seen| seen.method == "DELETE");
    assert!(granted < keys_off && keys_off < revoked, "{writes:?}");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn with_specs_the_fresh_plan_runs_if_it_equals_the_file() {
    let edits: [fn(&mut Value); 4] = [
        |plan| {
            let front = json!([account("front")]);
            change(plan, "create", CAROL)["after"] = front;
        },
        |plan| change(plan, "create", "front")["stack"] = json!("team-b"),
        |plan| {
            let fields = change(plan, "update", "chat")["fields"].as_array_mut().unwrap();
            fields.retain(|field| field["path"] != "tags.team");
        },
        |plan| {
            let gone = change(plan, "delete", BOB)["id"].clone();
            plan["changes"].as_array_mut().unwrap().retain(|change| change["id"] != gone);
        },
    ];
    let (azure, folder) = planned();
    let whole = std::fs::read(folder.path().join("plan.json")).unwrap();
    for edit in edits {
        folder.write("plan.json", &whole);
        forge(&folder, edit);
        refused(&azure, folder.keyless("apply plan.json a.yaml --yes"), 3, &["guard-stale"]);
    }
    folder.write("plan.json", &whole);
    // Whatever it is called there, the specs say it again.
    forge(&folder, |plan| change(plan, "delete", BOB)["title"] = json!("tags of account chat"));
    let run = folder.keyless("apply plan.json a.yaml --yes").exits(0).says(&["4 done"]);
    assert!(!run.stdout.contains("tags of account chat"), "{run}");
}

#[test]
fn another_stacks_mark_is_shown_and_refused_where_the_run_is_pinned() {
    let (azure, folder) = planned();
    forge(&folder, |plan| change(plan, "create", "front")["stack"] = json!("team-b"));
    folder
        .keyless("show plan.json")
        .exits(0)
        .complains(&[&format!("create   {} (stack team-b)", account("front"))]);
    let run = folder.keyless("apply plan.json --yes --stack team-a");
    refused(&azure, run, 1, &["for stack `team-b`", "pinned to stack `team-a`", "add `--stack team-b`"]);
    assert!(azure.take_seen().is_empty());
    forge(&folder, |plan| change(plan, "update", "chat")["stack"] = json!("team-b"));
    let words = ["foreign-mark", "it carries the mark of stack `team-a`"];
    refused(&azure, folder.keyless("apply plan.json --yes"), 1, &words);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_another_stack_left_behind_is_neither_brought_back_nor_purged() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = |stack: &str, mode: &str| {
        let lines = format!("disableLocalAuth: true\n{}", grants(&[ALICE]));
        one_account(stack, "chat", &lines).replace("accounts:", &format!("onSoftDeleted: {mode}\naccounts:"))
    };
    folder.write("a.yaml", spec("team-a", "restore"));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.delete(&account("chat"));
    for (mode, action) in [("restore", "restore"), ("purge", "create")] {
        folder.write("a.yaml", spec("team-a", mode));
        folder.keyless("plan a.yaml --out plan.json --allow purge").exits(0);
        azure.take_seen();
        forge(&folder, |plan| {
            for change in plan["changes"].as_array_mut().unwrap() {
                change["stack"] = json!("team-b");
            }
            assert_eq!(change(plan, action, "chat")["mark"], "added");
        });
        let words = ["foreign-mark", "it carries the mark of stack `team-a`", "nothing was written"];
        let run = folder.keyless("apply plan.json --yes --stack team-b --allow purge");
        refused(&azure, run, 1, &words);
        // The same in a spec.
        folder.write("b.yaml", spec("team-b", mode));
        folder.keyless("plan b.yaml").exits(1).says(&["error[foreign-mark]", "stack `team-a`"]);
    }
    // What it let in counts for a saved plan too.
    let opened = spec("team-a", "restore").replace("disableLocalAuth: true", "disableLocalAuth: false");
    folder.write("a.yaml", opened);
    folder.keyless("plan a.yaml --out plan.json --allow keys-on").exits(0);
    azure.take_seen();
    refused(&azure, folder.keyless("apply plan.json --yes"), 3, &["guard-keys-on"]);
    folder.write("a.yaml", spec("team-a", "restore"));
    folder.keyless("plan a.yaml --out plan.json").exits(0);
    folder.keyless("apply plan.json --yes").exits(0);
}

#[test]
fn previous_values_in_a_plan_file_are_unverified_and_apply_reads_them_from_azure() {
    let azure = Azure::start();
    let folder = azure.folder();
    let lines = "customSubDomainName: chat\nnetworkAcls:\n  defaultAction: Deny\n  ipRules: ";
    folder.write("a.yaml", one_account("team-a", "chat", &format!("{lines}[203.0.113.7]\n")));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder
        .write("a.yaml", one_account("team-a", "chat", &format!("{lines}[203.0.113.7, 198.51.100.0/24]\n")));
    folder.keyless("plan a.yaml --out plan.json").exits(0).says(&["+ 198.51.100.0/24"]);
    azure.take_seen();
    forge(&folder, |plan| {
        let field = &mut change(plan, "update", "chat")["fields"][0];
        field["before"] = field["after"].clone();
    });
    folder.keyless("show plan.json").exits(0).says(&["198.51.100.0/24"]);
    forge(&folder, |plan| {
        let field = &mut change(plan, "update", "chat")["fields"][0];
        field["before"] = json!(["198.51.100.0/24"]);
    });
    folder.keyless("show plan.json").exits(0).says(&["+ 203.0.113.7", "= 198.51.100.0/24"]);
    let run = folder.keyless("apply plan.json --yes").exits(0).says(&["+ 198.51.100.0/24"]);
    assert!(!run.stdout.contains("203.0.113.7"), "what stays is no change: {run}");
}

#[test]
fn a_finding_of_a_code_that_this_version_does_not_have_is_refused() {
    let (azure, folder) = planned();
    let path = folder.path().join("plan.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let read: Plan = serde_json::from_str(&text).unwrap();
    assert!(!read.findings.is_empty(), "{text}");
    let again = serde_json::to_string_pretty(&read).unwrap();
    assert_eq!(sanitize_json(&again) + "\n", text, "a plan that was read is written as it was");
    forge(&folder, |plan| plan["findings"][0]["code"] = json!("guard-tomorrow\n::error::x"));
    for command in ["show plan.json", "apply plan.json --yes"] {
        let said = "this version of keyless has no findings of code `guard-tomorrow\\u{a}::error::x`";
        refused(
            &azure,
            folder.keyless(command),
            1,
            &[said, "make a new plan with `keyless plan --out FILE`"],
        );
    }
}

#[test]
fn no_text_of_a_file_reaches_a_reader_as_it_is() {
    const EVIL: &str = "x\u{1b}[31m\n::error::y\n##vso[task.complete]\u{202e}<img src=z>@all";
    /// Puts it at the end of every text that may be anything.
    fn spoil(value: &mut Value, name: &str) {
        let fixed = [
            "action",
            "kind",
            "id",
            "stack",
            "mark",
            "base",
            "path",
            "formatVersion",
            "fingerprint",
            "severity",
            "code",
            "type",
            "keys",
            "before",
            "after",
            "scope",
            "reach",
            "property",
            "resource",
            "field",
        ];
        match value {
            Value::Object(map) => map.iter_mut().for_each(|(name, value)| spoil(value, name)),
            Value::Array(items) => items.iter_mut().for_each(|value| spoil(value, name)),
            Value::String(text) if !fixed.contains(&name) => text.push_str(EVIL),
            _ => {}
        }
    }
    let (_azure, folder) = planned();
    forge(&folder, |plan| {
        plan["incomplete"] = json!([{"scope": "s", "reason": "r"}]);
        let finding = |severity: &str| {
            json!({"source": {"file": "f", "line": 1, "column": 1}, "severity": severity, "code": "keys-enabled",
            "message": "m", "cause": "c", "hint": "h"})
        };
        plan["findings"] = json!([finding("error"), finding("warning"), finding("note")]);
        for change in plan["changes"].as_array_mut().unwrap() {
            change["reason"] = json!("because");
            change["causeUnknown"] = json!("who knows");
        }
        change(plan, "create", CAROL)["fields"][0]["before"] = json!(EVIL);
        let fields = change(plan, "update", "chat")["fields"].as_array_mut().unwrap();
        for (path, before) in
            [(format!("tags[{}]", json!(EVIL)), json!(EVIL)), ("tags.list".to_owned(), json!([EVIL]))]
        {
            fields.push(json!({"path": path, "before": before, "after": EVIL, "source": null}));
        }
        for name in ["findings", "changes", "access", "incomplete"] {
            spoil(&mut plan[name], name);
        }
    });
    for command in [
        "show plan.json -v",
        "show plan.json --format markdown",
        "show plan.json --format json",
        "apply plan.json --yes -v",
    ] {
        let run = folder.keyless(command);
        let text = format!("{}{}", run.stdout, run.stderr);
        assert!(
            text.contains("vso[task.complete]") && text.contains("error"),
            "nothing of it is shown\n{run}"
        );
        for raw in ["\u{1b}[31m", "\u{202e}", "##vso["] {
            assert!(!text.contains(raw), "{raw:?} after `{command}`\n{run}");
        }
        assert!(!text.lines().any(|line| line.trim_start().starts_with("::")), "{command}\n{run}");
        if command.contains("markdown") {
            // In a span of code nothing is markup, and nothing in it can end the span.
            let outside: String = run.stdout.split('`').step_by(2).collect();
            assert!(!outside.contains("<img") && !outside.contains("@all"), "{run}");
        }
    }
}

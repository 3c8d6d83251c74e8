//! A system-assigned identity goes with its account or project, or when `identity` takes it away: what it has is no way in after such a plan.

use serde_json::{Value, json};

use crate::common::{ALICE, Azure, CS_USER, Folder, SUB, account, assignment, few, head, role};

const HAND: &str = "12345678-aaaa-4bbb-8ccc-0123456789ab";
const WORDS: &str = "are for identities that the plan deletes";

fn app() -> String {
    format!(
        "/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/app"
    )
}

/// A spec of account `chat`, called by these principals, and of what else there is.
fn spec(keys_off: bool, callers: &[(&str, &str)], more: &str) -> String {
    let callers: Vec<String> =
        callers.iter().map(|(id, kind)| format!("{{id: {id}, type: {kind}}}")).collect();
    let list = match callers.as_slice() {
        [] => "[]".to_owned(),
        callers => {
            format!("[{{role: Cognitive Services User, principals: [{}]}}]", callers.join(", "))
        }
    };
    format!(
        "{}accounts:\n  - name: chat\n    disableLocalAuth: {keys_off}\n    roleAssignments: {list}\n{more}",
        head("team-a")
    )
}

/// Another account of the same spec.
fn front(identity: &str, projects: &str) -> String {
    format!(
        "  - name: front\n    disableLocalAuth: true\n    identity: {identity}\n    projects: {projects}\n    roleAssignments: [{{role: Cognitive Services User, principals: [{{id: {ALICE}, type: User}}]}}]\n"
    )
}

fn principal(azure: &Azure, of: &str) -> String {
    azure.get(of)["identity"]["principalId"].as_str().unwrap().to_owned()
}

/// The plan's access changes of account `chat`.
fn access(run: &Value, what: &str) -> Vec<String> {
    let accounts = run["access"].as_array().into_iter().flatten().filter(|of| of["account"] == "chat");
    let holders = accounts.flat_map(|of| of[what].as_array().unwrap());
    holders.map(|holder| holder["id"].as_str().unwrap().to_owned()).collect()
}

/// Asserts that neither a fresh plan nor a saved one passes the guard, and that the plan says who loses their way in and promises nobody one.
#[track_caller]
fn locked(azure: &Azure, folder: &Folder, lifts: &str, loses: &str) {
    azure.take_seen();
    let json = folder.keyless(&format!("plan a.yaml --format json {lifts}")).exits(3).json();
    assert_eq!(access(&json, "gains"), [""; 0], "{json}");
    assert!(loses.is_empty() || access(&json, "loses").contains(&loses.to_owned()), "{json}");
    folder.keyless(&format!("plan a.yaml {lifts}")).exits(3).says(&["error[guard-lock-out]", WORDS]);
    folder.keyless(&format!("apply a.yaml --yes {lifts}")).exits(3).complains(&["nothing was written"]);
    let lifts = format!("{lifts} --allow deletes --allow delete-list");
    folder.keyless(&format!("plan a.yaml --out saved.json {lifts} --allow lock-out")).exits(0);
    folder
        .keyless(&format!("apply saved.json --yes {lifts}"))
        .exits(3)
        .says(&["error[guard-lock-out]", WORDS])
        .complains(&["nothing was written"]);
    assert!(azure.take_writes().is_empty());
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_identity_that_the_plan_deletes_is_nobody_who_is_left() {
    let user = (ALICE, "User");
    // Which part of `front` has the identity, and what the plan does to it.
    let own = account("front");
    let project = format!("{}/projects/main", account("front"));
    let rest = front("SystemAssigned", "[{name: other}]");
    for (of, after, lifts) in few(
        1,
        [
            (&own, String::new(), "--allow delete-account --allow delete-project"),
            (&own, front("None", "[{name: main}, {name: other}]"), ""),
            (
                &own,
                front(
                    &format!("{{systemAssigned: false, userAssigned: [{}]}}", app()),
                    "[{name: main}, {name: other}]",
                ),
                "--allow identity",
            ),
            (&project, String::new(), "--allow delete-account --allow delete-project"),
            (&project, rest.clone(), "--allow delete-project"),
            (
                &project,
                front(
                    "SystemAssigned",
                    "[{name: main, identity: {systemAssigned: false, userAssigned: [APP]}}, {name: other}]",
                )
                .replace("APP", &app()),
                "--allow identity",
            ),
        ],
    ) {
        let azure = Azure::start();
        let folder = azure.folder();
        let before = front("SystemAssigned", "[{name: main}, {name: other}]");
        folder.write("a.yaml", spec(false, &[], &before));
        folder.keyless("apply a.yaml --yes").exits(0);
        let who = principal(&azure, of);
        let service = (who.as_str(), "ServicePrincipal");
        // Keys go off.
        folder.write("a.yaml", spec(false, &[service], &before));
        folder.keyless("apply a.yaml --yes").exits(0);
        folder.write("a.yaml", spec(true, &[service], &after));
        locked(&azure, &folder, lifts, &who);
        // Keys are off, and no grant is removed.
        folder.write("a.yaml", spec(true, &[service], &before));
        folder.keyless("apply a.yaml --yes").exits(0);
        folder.write("a.yaml", spec(true, &[service], &after));
        locked(&azure, &folder, lifts, &who);
        // Keys are off, and the only other grant is removed.
        folder.write("a.yaml", spec(true, &[user, service], &before));
        folder.keyless("apply a.yaml --yes").exits(0);
        folder.write("a.yaml", spec(true, &[service], &after));
        locked(&azure, &folder, lifts, ALICE);
        // The plan itself gives the role, in place of the other.
        folder.write("a.yaml", spec(true, &[user], &before));
        folder.keyless("apply a.yaml --yes").exits(0);
        folder.write("a.yaml", spec(true, &[service], &after));
        locked(&azure, &folder, lifts, ALICE);
        // Somebody else is enough.
        folder.write("a.yaml", spec(true, &[user, service], &after));
        let json = folder.keyless(&format!("plan a.yaml --format json {lifts}")).exits(0).json();
        assert_eq!(access(&json, "gains"), [""; 0], "{json}");
    }
}

#[test]
fn an_identity_that_is_only_detached_stays_a_way_in() {
    let azure = Azure::start();
    let folder = azure.folder();
    let both = format!("{{systemAssigned: true, userAssigned: [{}]}}", app());
    folder.write("a.yaml", spec(false, &[], &front(&both, "[]")));
    folder.keyless("apply a.yaml --yes").exits(0);
    let attached = azure.get(&account("front"))["identity"]["userAssignedIdentities"].clone();
    let (_, attached) = attached.as_object().unwrap().iter().next().unwrap();
    let service = (attached["principalId"].as_str().unwrap(), "ServicePrincipal");
    for after in [front("{systemAssigned: true, userAssigned: []}", "[]"), front("None", "[]"), String::new()]
    {
        folder.write("a.yaml", spec(true, &[service], &after));
        folder.keyless("plan a.yaml --allow delete-account").exits(0);
    }
}

#[test]
fn accounts_that_no_spec_names_are_judged_where_an_identity_goes() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec(true, &[(ALICE, "User")], &front("SystemAssigned", "[]")));
    folder.keyless("apply a.yaml --yes").exits(0);
    // Another team's account in another group: its only callers have a role on the subscription.
    let other = account("other").replace("/rg/", "/rg-other/");
    let body = json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"},
        "properties": {"customSubDomainName": "other", "disableLocalAuth": true}});
    azure.put(&other, body);
    let who = principal(&azure, &account("front"));
    let given = json!({"properties": {"roleDefinitionId": role(CS_USER), "principalId": who, "principalType": "ServicePrincipal"}});
    azure.put(&assignment(&format!("/subscriptions/{SUB}"), HAND), given);
    folder.write("a.yaml", spec(true, &[(ALICE, "User")], ""));
    let lift = "--allow delete-account --allow delete-list";
    folder.keyless(&format!("plan a.yaml {lift}")).exits(3).says(&[
        "error[guard-lock-out]",
        "could call the models of account `other`",
        WORDS,
    ]);
    folder.keyless(&format!("plan a.yaml {lift} --allow lock-out --out saved.json")).exits(0);
    folder.keyless(&format!("apply saved.json --yes {lift}")).exits(3).says(&["account `other`", WORDS]);
    folder.write("a.yaml", spec(true, &[(ALICE, "User")], &front("SystemAssigned", "[]")));
    azure.take_seen();
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
    assert_eq!(azure.take_seen().len(), 3, "in sync nothing more is asked");
}

#[test]
fn what_a_deleted_identity_could_elsewhere_is_told() {
    let azure = Azure::start();
    let folder = azure.folder();
    let projects = "[{name: main}, {name: other}]";
    let user = (ALICE, "User");
    folder.write("a.yaml", spec(true, &[user], &front("SystemAssigned", projects)));
    folder.keyless("apply a.yaml --yes").exits(0);
    let lift = "--allow delete-account --allow delete-project --allow delete-list";
    let told = |folder: &Folder| {
        let run = folder.keyless(&format!("plan a.yaml --format json {lift}")).exits(0).json();
        let warnings = run["findings"].as_array().unwrap().iter();
        let warnings = warnings.filter(|finding| finding["code"] == "identity-removed");
        warnings.map(|finding| finding["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // Nothing is left of an identity without roles elsewhere.
    folder.write("a.yaml", spec(true, &[user], ""));
    assert_eq!(told(&folder), [""; 0]);
    let project = format!("{}/projects/main", account("front"));
    let (own, main) = (principal(&azure, &account("front")), principal(&azure, &project));
    let storage =
        format!("/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/st1");
    for (number, scope, who) in [
        (1, &storage, &own),
        (2, &account("chat"), &own),
        (3, &storage, &main),
        (4, &account("front"), &main),
    ] {
        let name = format!("00000000-0000-4000-8000-00000000000{number}");
        let body = json!({"properties": {"roleDefinitionId": role(CS_USER), "principalId": who, "principalType": "ServicePrincipal"}});
        azure.put(&assignment(scope, &name), body);
    }
    let accounts = format!(
        "the plan deletes account `front` and with it its system-assigned identity ({own}): its roles `Cognitive Services User` on accounts `chat`, `Cognitive Services User` on storageAccounts `st1` become useless"
    );
    let projects = format!(
        "the plan deletes project `main` and with it its system-assigned identity ({main}): its role `Cognitive Services User` on storageAccounts `st1` becomes useless"
    );
    assert_eq!(told(&folder), [accounts.clone(), projects.clone()]);
    folder.keyless(&format!("plan a.yaml --out saved.json {lift}")).exits(0);
    folder.keyless(&format!("apply saved.json --yes {lift}")).exits(0).says(&[&accounts, &projects]);
}

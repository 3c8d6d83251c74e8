//! Who caused a drift: the last write to each resource that differs, by whom and when, from the resource itself or from the activity log.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::common::{
    ALICE, Azure, BOB, Fault, Folder, READER, Run, account, assignment, grants, one_account, role,
};

const LOG: &str = "/providers/Microsoft.Insights/eventtypes/management/values";
const MALLORY: &str = "0a11ce00-0000-4000-8000-000000000001";
/// The object id of an application, which is all that Azure says of one.
const ROBOT: &str = "b0700000-0000-4000-8000-000000000001";

fn token(claims: &Value) -> String {
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn mallory() -> String {
    token(&json!({"oid": MALLORY, "upn": "mallory@contoso.com"}))
}

fn robot() -> String {
    token(&json!({"oid": ROBOT, "appid": "b0700000-0000-4000-8000-0000000000aa"}))
}

/// An applied account with a grant and a deployment.
fn applied() -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    let lines = format!(
        "disableLocalAuth: true\n{}deployments:\n  - name: gpt\n    model: {{format: OpenAI, name: gpt-4o, version: \"2024-11-20\"}}\n    sku: {{name: GlobalStandard, capacity: 1}}\n",
        grants(&[ALICE])
    );
    let spec = one_account("team-a", "chat", &lines);
    folder.write("a.yaml", spec.replace("location: eastus2", "location: eastus2\nunmanaged: fail"));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_seen();
    (azure, folder)
}

#[track_caller]
fn does(azure: &Azure, token: &str, method: &str, path: &str, body: Option<Value>) {
    let answer = azure.send_as(token, method, path, body);
    assert!(answer.status < 300, "{method} {path}: {answer:?}");
}

fn keys_on() -> Value {
    json!({"properties": {"disableLocalAuth": false}})
}

fn grant(principal: &str) -> Value {
    let properties =
        json!({"roleDefinitionId": role(READER), "principalId": principal, "principalType": "User"});
    json!({ "properties": properties })
}

fn time(text: &Value) -> jiff::Timestamp {
    text.as_str().unwrap().parse().unwrap()
}

/// The questions to the activity log among what was sent.
fn asked(azure: &Azure) -> Vec<String> {
    let seen = azure.take_seen();
    seen.into_iter().filter(|seen| seen.path().ends_with(LOG)).map(|seen| seen.target).collect()
}

/// The only change with an action.
#[track_caller]
fn only(run: &Run, action: &str) -> Value {
    let changes = run.changes(action);
    let [change] = changes.as_slice() else { panic!("one {action}\n{run}") };
    change.clone()
}

#[test]
fn what_a_resource_says_of_its_own_last_write_takes_no_request() {
    let (azure, folder) = applied();
    does(&azure, &mallory(), "PATCH", &account("chat"), Some(keys_on()));
    let run = folder.keyless("drift a.yaml --format json").exits(2);
    run.fits("plan");
    let changed = only(&run, "update")["causedBy"].clone();
    let said = ["done", "caller", "callerType", "evidence"].map(|name| changed[name].clone());
    assert_eq!(said, ["changed", "mallory@contoso.com", "User", "resource"].map(Value::from));
    let live = azure.get(&account("chat"));
    assert_eq!(time(&changed["when"]), time(&live["systemData"]["lastModifiedAt"]));
    folder.keyless("drift a.yaml").exits(2).says(&["last changed by mallory@contoso.com at 20"]);
    assert_eq!(asked(&azure), Vec::<String>::new());
}

#[test]
fn what_carries_the_stacks_mark_names_who_made_it() {
    let (azure, folder) = applied();
    let planted = assignment(&account("chat"), "11111111-1111-4111-8111-111111111111");
    let mut body = grant(BOB);
    body["properties"]["description"] = json!("for a while [keyless:team-a]");
    does(&azure, &mallory(), "PUT", &planted, Some(body));
    folder.keyless("drift a.yaml").exits(2).says(&["Drift: 1 extra", "created by mallory@contoso.com at 20"]);
}

#[test]
fn what_has_an_id_although_its_text_waits_for_a_project_names_who_deleted_it() {
    let azure = Azure::start();
    let folder = azure.folder();
    let storage = format!(
        "{}/storageAccounts/st1",
        account("x").split("/Microsoft.Cog").next().unwrap().to_owned() + "/Microsoft.Storage"
    );
    let condition = "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringStartsWithIgnoreCase '${project.chat/main.workspaceId}'";
    let spec = one_account(
        "team-a",
        "chat",
        "projects: [{name: main}]\nconnections: [{name: registry, category: ContainerRegistry, target: r.azurecr.io, authType: AAD, metadata: {owner: '${project.chat/main.principalId}'}}]",
    ) + &format!(
        "roleAssignments:\n  - scope: {storage}\n    role: Storage Blob Data Owner\n    principals: [{{id: {ALICE}, type: User}}]\n    condition: \"{condition}\"\n"
    );
    folder.write("a.yaml", spec);
    folder.keyless("apply a.yaml --yes").exits(0);
    let granted = azure.grants_at(&storage).remove(0)["id"].as_str().unwrap().to_owned();
    for gone in [
        granted,
        format!("{}/connections/registry", account("chat")),
        format!("{}/projects/main", account("chat")),
    ] {
        does(&azure, &mallory(), "DELETE", &gone, None);
    }
    let run = folder.keyless("drift a.yaml --format json").exits(2);
    let gone = run.changes("create");
    assert_eq!(gone.len(), 3, "{run}");
    for change in gone {
        assert_eq!(change["causedBy"]["caller"], "mallory@contoso.com", "{change}");
    }
}

#[test]
fn a_grant_made_by_hand_names_who_made_it_though_azure_shows_an_id_only() {
    let (azure, folder) = applied();
    let by_hand = assignment(&account("chat"), "11111111-1111-4111-8111-111111111111");
    does(&azure, &mallory(), "PUT", &by_hand, Some(grant(BOB)));
    let run = folder.keyless("drift a.yaml --format json").exits(2);
    let made = only(&run, "unmanaged-drift")["causedBy"].clone();
    let said = ["done", "caller", "operation", "evidence"].map(|name| made[name].clone());
    let write = "Microsoft.Authorization/roleAssignments/write";
    assert_eq!(said, ["created", "mallory@contoso.com", write, "activityLog"].map(Value::from));
    assert_eq!(asked(&azure).len(), 1);
    // Without the log there is the id, and the directory knows whose it is.
    azure.spoil("GET", LOG, Fault::Answer(200, "application/json", r#"{"value": []}"#.to_owned()));
    let by = "created by mallory@contoso.com (0a11ce00…) at 20";
    folder.keyless("drift a.yaml").exits(2).says(&[by]);
    azure.spoil("GET", LOG, Fault::denied());
    folder.keyless("drift a.yaml").exits(2).says(&[by, "note[cause-unread]"]);
}

#[test]
fn what_is_gone_is_looked_for_in_the_activity_log_once() {
    let (azure, folder) = applied();
    let grant = azure.grants_at(&account("chat"))[0]["id"].as_str().unwrap().to_owned();
    does(&azure, &robot(), "DELETE", &format!("{}/deployments/gpt", account("chat")), None);
    does(&azure, &mallory(), "DELETE", &grant, None);
    // Two events for each write, fifty to a page: what is looked for is on the second.
    for _ in 0..26 {
        azure.send_as(&robot(), "PATCH", &account("no-such"), Some(keys_on()));
    }
    let run = folder.keyless("drift a.yaml --format json").exits(2);
    run.fits("plan");
    let seen = azure.take_seen();
    assert_eq!(run.json()["requests"]["reads"], seen.len(), "what is asked of the log is counted");
    let asked: Vec<&str> =
        seen.iter().filter(|seen| seen.path().ends_with(LOG)).map(|seen| seen.target.as_str()).collect();
    let group = "resourceGroupName%20eq%20%27rg%27";
    assert!(asked.len() == 2 && asked[0].contains(group), "one question, of two pages: {asked:?}");
    assert!(
        asked.iter().all(|target| !target.contains("$select")),
        "Azure documents none that has the caller"
    );
    let created = run.changes("create");
    let cause =
        |kind: &str| created.iter().find(|change| change["kind"] == kind).unwrap()["causedBy"].clone();
    let by = |kind: &str| {
        ["done", "caller", "operation", "clientIpAddress", "evidence"].map(|name| cause(kind)[name].clone())
    };
    let (gone, from) = ("Microsoft.CognitiveServices/accounts/deployments/delete", "127.0.0.1");
    assert_eq!(by("deployments"), ["deleted", ROBOT, gone, from, "activityLog"].map(Value::from));
    let gone = "Microsoft.Authorization/roleAssignments/delete";
    assert_eq!(
        by("roleAssignments"),
        ["deleted", "mallory@contoso.com", gone, from, "activityLog"].map(Value::from)
    );
    assert!(cause("deployments")["correlationId"].is_string());

    folder
        .keyless("drift a.yaml")
        .exits(2)
        .says(&["deleted by mallory@contoso.com at 20", "(roleAssignments/delete, from 127.0.0.1)"]);
    let markdown = folder
        .keyless("drift a.yaml --format markdown")
        .exits(2)
        .says(&["deleted by mallory&#64;contoso.com at 20"]);
    assert!(markdown.stdout.starts_with("## keyless drift: stack team-a, "), "{markdown}");
    assert!(!markdown.stdout.contains("from 127"), "comments are read by many: {markdown}");
    // A plan that is made of what drifted is as good as any.
    folder.write("p.json", &run.stdout);
    folder.keyless("show p.json").exits(0).says(&["deleted by mallory@contoso.com"]);
    folder.keyless("apply p.json --yes").exits(0).says(&["2 done"]);
}

#[test]
fn what_went_with_its_account_is_said_to_have() {
    let (azure, folder) = applied();
    does(&azure, &mallory(), "DELETE", &account("chat"), None);
    let run = folder.keyless("drift a.yaml --format json").exits(1);
    let refused = run.changes("refused");
    let cause =
        |kind: &str| refused.iter().find(|change| change["kind"] == kind).unwrap()["causedBy"].clone();
    assert_eq!(
        (&cause("accounts")["caller"], &cause("accounts")["resource"]),
        (&json!("mallory@contoso.com"), &Value::Null)
    );
    assert_eq!(cause("deployments")["resource"], json!(account("chat")));
    folder
        .keyless("drift a.yaml")
        .exits(1)
        .says(&["`chat`, which it was in, was deleted by mallory@contoso.com"]);
}

#[test]
fn a_log_that_may_not_be_read_changes_no_verdict_and_hides_no_change() {
    let (azure, folder) = applied();
    does(&azure, &mallory(), "DELETE", &format!("{}/deployments/gpt", account("chat")), None);
    let known = folder.keyless("drift a.yaml --format json").exits(2).json();
    for (fault, why) in [
        (Fault::denied(), "AuthorizationFailed"),
        (Fault::error(400, "BadRequest", "the filter is not liked"), "the filter is not liked"),
        (Fault::Answer(200, "application/json", "{}".to_owned()), "value"),
    ] {
        azure.spoil("GET", LOG, fault);
        let run = folder.keyless("drift a.yaml --format json").exits(2);
        run.fits("plan");
        let change = only(&run, "create");
        assert_eq!(
            change["causeUnknown"],
            "could not determine whether somebody deleted it: the activity log could not be read"
        );
        assert_eq!((&run.json()["summary"], &run.json()["steps"]), (&known["summary"], &known["steps"]));
        assert_eq!(run.findings(), ["cause-unread@0"], "{run}");
        assert!(run.json()["findings"][0]["cause"].as_str().unwrap().contains(why), "{run}");
        folder.keyless("drift a.yaml").exits(2).says(&[
            "note[cause-unread]",
            why,
            "help: ",
            "Drift: 1 missing; who: unknown",
        ]);
        azure.heal();
    }
}

#[test]
fn what_the_log_does_not_show_is_not_known() {
    let (azure, folder) = applied();
    let spec = std::fs::read_to_string(folder.path().join("a.yaml")).unwrap();
    folder.write("a.yaml", format!("{spec}  - name: new\n    projects: [{{name: pro}}]\n"));
    let run = folder.keyless("drift a.yaml").exits(2);
    let line = "the activity log shows no delete of it in the last 89 days";
    assert_eq!(
        run.stdout.matches(line).count(),
        1,
        "said of the account, and its project goes with it: {run}"
    );
    assert!(run.stdout.contains("not created yet, or deleted in the last few minutes"), "{run}");
    azure.take_seen();
    folder.keyless("plan a.yaml").exits(0);
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.keyless("drift a.yaml").exits(0);
    assert_eq!(asked(&azure), Vec::<String>::new(), "only a drift asks the log");
}

/// The recorded log of a role assignment made by hand, taken for what Azure answers.
#[test]
fn a_recorded_log_names_who_wrote_a_recorded_assignment() {
    const ZERO: &str = "00000000-0000-0000-0000-000000000000";
    let Some(root) = crate::common::shared("recordings/azure-cli/role/2023-12") else { return };
    let shared = root.ancestors().nth(4).unwrap();
    let calls = crate::referee::cassette::read(shared, "role/2023-12/test_role_assignment_audits.yaml");
    let logs = calls.iter().filter(|call| call.url.path().ends_with(LOG));
    let log = logs.filter_map(|call| call.response.json()).find(|log| log["value"][0].is_object()).unwrap();
    let event = &log["value"][0];
    let (id, name) = (event["resourceId"].as_str().unwrap(), event["resourceGroupName"].as_str().unwrap());
    let azure = Azure::start();
    let folder = azure.folder();
    let contributor = "b24988ac-6180-42a0-ab88-20f7382dd24c";
    let principal = "b6399c31-08ca-45ae-bf23-8c26ac2e5729";
    let definition =
        format!("/subscriptions/{ZERO}/providers/Microsoft.Authorization/roleDefinitions/{contributor}");
    let properties = json!({"roleDefinitionId": definition, "principalId": principal, "principalType": "ServicePrincipal", "description": "other"});
    azure.put(id, json!({ "properties": properties }));
    folder.write(
        "a.yaml",
        format!(
            "version: 1\nstack: team-a\nsubscription: {ZERO}\nresourceGroup: {name}\nlocation: eastus2\nroleAssignments:\n  - scope: resourceGroup\n    role: Contributor\n    description: build images\n    principals: [{{id: {principal}, type: ServicePrincipal}}]\n"
        ),
    );
    // Azure may leave out who wrote it last.
    azure.spoil(
        "GET",
        "/roleAssignments?",
        Fault::Edit(|list| {
            for item in list["value"].as_array_mut().into_iter().flatten() {
                item["properties"]["updatedBy"] = Value::Null;
            }
        }),
    );
    azure.spoil("GET", LOG, Fault::Answer(200, "application/json", log.to_string()));
    let run = folder.keyless("drift a.yaml --format json").exits(2);
    let cause = only(&run, "update")["causedBy"].clone();
    for (name, said) in [
        ("caller", &event["caller"]),
        ("when", &event["eventTimestamp"]),
        ("operation", &event["operationName"]["value"]),
        ("correlationId", &event["correlationId"]),
        ("clientIpAddress", &event["httpRequest"]["clientIpAddress"]),
    ] {
        assert_eq!((&cause[name], said.is_string()), (said, true), "{name}: {run}");
    }
    assert_eq!(cause["done"], "changed");
}

#[test]
fn a_caller_of_whom_azure_shows_an_id_only_is_named_if_the_directory_knows_it() {
    let (azure, folder) = applied();
    let people = json!({"servicePrincipals": [{"id": ROBOT, "displayName": "pipeline"}]});
    assert_eq!(azure.send("POST", "/_sandbox/directory", Some(people)).status, 200);
    does(&azure, &robot(), "DELETE", &format!("{}/deployments/gpt", account("chat")), None);
    let said = "pipeline (b0700000…)";
    folder.keyless("drift a.yaml").exits(2).says(&[said, &format!("who: {said}")]);
    let run = folder.keyless("drift a.yaml --format json").exits(2);
    assert_eq!(only(&run, "create")["causedBy"]["callerName"], "pipeline", "{run}");
    azure.spoil("POST", "/v1.0/$batch", Fault::denied());
    let run = folder.keyless("drift a.yaml").exits(2).says(&[ROBOT]);
    assert!(!run.stdout.contains("pipeline"), "{run}");
}

#[test]
fn who_last_changed_a_resource_without_the_mark_is_told_on_request() {
    let (azure, folder) = applied();
    does(&azure, &mallory(), "PATCH", &account("chat"), Some(json!({"tags": {}})));
    azure.take_seen();
    let run = folder.keyless("drift a.yaml -v").exits(0);
    run.says(&["last changed by mallory@contoso.com at 20", "1 declared but not owned", "No drift"]);
    assert_eq!(asked(&azure), Vec::<String>::new());
    let run = folder.keyless("drift a.yaml").exits(0);
    assert!(!run.stdout.contains("mallory"), "{run}");
}

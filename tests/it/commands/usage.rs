//! Who still uses keys, through the real binary and the sandbox, whose data plane notes what it took.

use std::time::{Duration, Instant};

use keyless::sandbox::Options;
use serde_json::{Value, json};

use super::accounts;
use crate::common::{ALICE, Azure, BOB, CS_USER, Fault, SUB, account};

/// Whom the sandbox takes a token without claims for.
const OWNER: &str = "66666666-7777-4888-8999-000000000000";
const DAY: u32 = 24 * 3600;

fn workspace(name: &str) -> String {
    format!(
        "/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/{name}"
    )
}

/// The id of an account in a resource group.
fn account_in(group: &str, name: &str) -> String {
    account(name).replace("/resourceGroups/rg/", &format!("/resourceGroups/{group}/"))
}

fn make(azure: &Azure, id: &str, properties: &Value) {
    let body =
        json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"}, "properties": properties});
    azure.put(id, body);
}

fn setting(azure: &Azure, id: &str, name: &str, properties: &Value) {
    let path =
        format!("{id}/providers/Microsoft.Insights/diagnosticSettings/{name}?api-version=2021-05-01-preview");
    azure.put(&path, json!({"properties": properties}));
}

fn to(name: &str) -> Value {
    json!({"workspaceId": workspace(name), "logs": [{"category": "RequestResponse", "enabled": true}]})
}

fn monitor(azure: &Azure, id: &str, calls: &Value, logs: Option<Value>) {
    let mut body = json!({"account": id, "calls": calls});
    if let Some(logs) = logs {
        body["logs"] = logs;
    }
    let answer = azure.send("POST", "/_sandbox/monitor", Some(body));
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn advance(azure: &Azure, days: u32) {
    let answer = azure.send("POST", "/_sandbox/clock", Some(json!({"advanceSeconds": days * DAY})));
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// An account with a deployment, whose requests are logged.
fn live() -> Azure {
    let azure = Azure::start();
    azure.leave_midnight();
    azure.make_account("chat", &json!({"customSubDomainName": "chat"}));
    let model = json!({"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"});
    let body = json!({"sku": {"name": "GlobalStandard", "capacity": 1}, "properties": {"model": model}});
    azure.put(&format!("{}/deployments/small", account("chat")), body);
    azure.grant(&account("chat"), "aaaaaaaa-0000-4000-8000-00000000000a", CS_USER, OWNER, None);
    setting(&azure, &account("chat"), "requests", &to("w"));
    azure
}

/// Calls the model with a key or a token.
#[track_caller]
fn call(azure: &Azure, credential: &str, status: u16) {
    let body = json!({"model": "small", "messages": [{"role": "user", "content": "hello"}]});
    let answer = azure.send_as(credential, "POST", "/_data/chat/openai/v1/chat/completions", Some(body));
    assert_eq!(answer.status, status, "{answer:?}");
}

fn key(azure: &Azure) -> String {
    let keys = azure.send("POST", &format!("{}/listKeys", account("chat")), None).body;
    keys["key1"].as_str().unwrap().to_owned()
}

fn usage(document: &Value, name: &str) -> Value {
    let all = document["accounts"].as_array().unwrap();
    all.iter().find(|account| account["name"] == name).unwrap_or_else(|| panic!("{name}: {document}")).clone()
}

#[test]
fn a_client_with_a_key_and_one_with_a_token_are_told_apart() {
    let azure = live();
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    monitor(&azure, &account("chat"), &json!([]), Some(json!({"retentionDays": 90})));
    call(&azure, &key(&azure), 200);
    call(&azure, "a-token", 200);
    call(&azure, &"0".repeat(32), 401);
    azure.take_seen();
    let run = folder.keyless("keys usage --format json").exits(2);
    run.fits("keys-usage");
    assert_eq!(run.findings(), ["keys-used@7"]);
    let found = usage(&run.json(), "chat");
    assert_eq!(found["verdict"], "keysUsed");
    let calls: Vec<(&str, u64)> = found["calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|calls| (calls["how"].as_str().unwrap(), calls["calls"].as_u64().unwrap()))
        .collect();
    assert_eq!(calls, [("key", 1), ("token", 1), ("refused", 1)]);
    assert_eq!(found["calls"][0]["deployments"], json!(["small"]));
    assert_eq!(found["calls"][0]["addresses"], json!(["127.0.0.***"]));
    assert_eq!(found["keysFetched"][0]["operation"], "listKeys");
    let seen = azure.take_seen();
    assert!(seen.iter().all(|seen| seen.method == "GET" || seen.only_asks()), "{seen:?}");
    let logs = seen.iter().find(|seen| seen.path().ends_with("/logs")).unwrap();
    assert!(logs.path().starts_with(&account("chat")), "no workspace is named: {logs:?}");
    assert_eq!(logs.headers["prefer"], "include-permissions=true, wait=50");
    folder.keyless("keys usage").exits(2).says(&[
        "  account chat  specs/a.yaml:7\n      keys are used\n",
        "key     ChatCompletions_Create: 1 call, ",
        "of small, from 127.0.0.***",
        "(this does not show use)",
        "1 account, with keys in use. Looked at 30 days, since ",
    ]);

    // The client moves to tokens, and the quiet days pass.
    advance(&azure, 15);
    call(&azure, "a-token", 200);
    advance(&azure, 15);
    folder.keyless("keys usage").exits(2);
    advance(&azure, 1);
    call(&azure, "a-token", 200);
    let run = folder.keyless("keys usage --format json").exits(0);
    let found = usage(&run.json(), "chat");
    assert_eq!(found["statement"], "no key call seen in 30 of 30 days", "{found}");
    assert!(found["notes"].to_string().contains("a gateway?"), "{found}");
    assert_eq!(run.findings(), [] as [&str; 0]);
}

/// Calls with tokens on every day of which the log is certainly kept: it keeps 30 days, and calls are made at noon.
fn tokens() -> Vec<Value> {
    let caller = |ago: usize| if ago.is_multiple_of(2) { ALICE } else { BOB };
    (0..=29).map(|ago| json!({"daysAgo": ago, "count": 2, "caller": caller(ago)})).collect()
}

fn and(mut calls: Vec<Value>, more: Value) -> Value {
    calls.push(more);
    json!(calls)
}

/// A world: an account, where its log goes, what was called, and how its log misleads; and the one right verdict.
struct World {
    /// Accounts of a group are asked about together.
    group: &'static str,
    properties: Value,
    settings: Vec<Value>,
    calls: Value,
    logs: Option<Value>,
    verdict: &'static str,
    says: &'static str,
}

impl World {
    fn of(calls: &Value, verdict: &'static str, says: &'static str) -> Self {
        Self {
            group: "rg",
            properties: json!({}),
            settings: vec![to("w")],
            calls: calls.clone(),
            logs: None,
            verdict,
            says,
        }
    }

    fn sent(self, settings: &[Value]) -> Self {
        Self { settings: settings.to_vec(), ..self }
    }

    fn but(self, logs: Value) -> Self {
        Self { logs: Some(logs), ..self }
    }

    fn on(self, properties: Value) -> Self {
        Self { properties, ..self }
    }

    fn alone(self, group: &'static str) -> Self {
        Self { group, ..self }
    }

    /// Whether a call was made with a key since so many days ago, or on any day.
    fn used_keys(&self, since: u64) -> bool {
        let calls = self.calls.as_array().unwrap();
        calls.iter().any(|call| {
            let refused = call["status"] == 401;
            call["caller"].is_null() && !refused && call["daysAgo"].as_u64().unwrap() <= since
        })
    }
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn worlds() -> Vec<World> {
    let key = |ago: u32| json!({"daysAgo": ago});
    let keys = || json!((0..=30).map(key).collect::<Vec<_>>());
    let only =
        |name: &str| json!({"workspaceId": workspace("w"), "logs": [{name: "audit", "enabled": true}]});
    let requests = |enabled: bool| json!([{"category": "RequestResponse", "enabled": enabled}]);
    let silent =
        |caller: Value| json!([{"daysAgo": 3, "operation": "Speech", "silent": true, "caller": caller}]);
    let none = json!({"customSubDomainName": null});
    vec![
        World::of(&keys(), "keysUsed", ""),
        World::of(&and(tokens(), key(20)), "keysUsed", ""),
        World::of(&and(tokens(), key(0)), "keysUsed", ""),
        World::of(&and(tokens(), key(2)), "keysUsed", "").but(json!({"partial": true})).alone("rg-part"),
        World::of(&and(tokens(), key(2)), "keysUsed", "").but(json!({"retentionDays": 7})),
        World::of(&and(tokens(), key(2)), "keysUsed", "").but(json!({"twins": true})),
        World::of(&and(tokens(), key(2)), "keysUsed", "").sent(&[to("w"), to("secret")]),
        World::of(
            &json!([{"daysAgo": 2, "operation": "New"}, {"daysAgo": 2, "operation": "New", "caller": BOB}]),
            "keysUsed",
            "",
        ),
        World::of(&keys(), "keysUsed", "no custom subdomain").sent(&[]).on(none.clone()),
        World::of(&json!([{"daysAgo": 2, "status": 401}]), "callsWithoutName", "no custom subdomain")
            .sent(&[])
            .on(none.clone()),
        World::of(&json!([]), "noCall", "standby").sent(&[]).on(none),
        World::of(&silent(json!(null)), "callsWithoutName", "never logs callers"),
        World::of(&silent(json!(BOB)), "callsWithoutName", "never logs callers"),
        World::of(
            &and(tokens(), json!({"daysAgo": 4, "status": 429})),
            "callsWithoutName",
            "neither succeeded",
        ),
        World::of(
            &and(tokens(), json!({"daysAgo": 4, "status": 500})),
            "callsWithoutName",
            "neither succeeded",
        ),
        World::of(&json!([{"daysAgo": 2, "operation": "New"}]), "callsWithoutName", "never logs callers"),
        World::of(&json!(tokens()), "noKeyCallSeen", "end of a month"),
        World::of(&json!(tokens()), "noKeyCallSeen", "").but(json!({"twins": true})),
        World::of(&json!(tokens()), "noKeyCallSeen", "").sent(&[to("w"), to("v")]),
        World::of(&json!(tokens()), "noKeyCallSeen", "")
            .sent(&[to("w"), to("v")])
            .but(json!({"twins": true})),
        World::of(
            &json!(
                [tokens(), vec![json!({"daysAgo": 4, "status": 401}), json!({"daysAgo": 5, "status": 401})]]
                    .concat()
            ),
            "noKeyCallSeen",
            "were refused (401)",
        ),
        // The metrics count it by its status.
        World::of(&and(tokens(), json!({"daysAgo": 4, "status": 401})), "noKeyCallSeen", "was refused (401)"),
        World::of(
            &and(tokens(), json!({"daysAgo": 4, "status": 403, "caller": BOB})),
            "noKeyCallSeen",
            "end of a month",
        ),
        // A valid key whose quota is used up is answered so too.
        World::of(
            &and(tokens(), json!({"daysAgo": 4, "status": 403})),
            "callsWithoutName",
            "neither succeeded",
        ),
        World::of(
            &json!(
                [
                    tokens(),
                    vec![
                        json!({"daysAgo": 9, "status": 403, "caller": BOB, "counted": false}),
                        json!({"daysAgo": 9, "logged": false}),
                    ]
                ]
                .concat()
            ),
            "cannotTell",
            "the metrics count 3 calls, and the log has 2",
        ),
        // Metrics that count a call on the other side of midnight, where nothing else shows it: yesterday, and on the first day.
        World::of(
            &json!(
                [
                    tokens(),
                    vec![
                        json!({"daysAgo": 1, "second": 86_390, "caller": BOB, "counted": false}),
                        json!({"daysAgo": 0, "caller": BOB, "logged": false}),
                        json!({"daysAgo": 1, "logged": false}),
                    ]
                ]
                .concat()
            ),
            "cannotTell",
            "within a minute of midnight",
        ),
        World::of(
            &json!(
                [
                    tokens(),
                    vec![
                        json!({"daysAgo": 31, "second": 86_000, "caller": BOB, "logged": false}),
                        json!({"daysAgo": 30, "second": 10, "caller": BOB, "counted": false}),
                        json!({"daysAgo": 30, "logged": false}),
                    ]
                ]
                .concat()
            ),
            "cannotTell",
            "within a minute of midnight",
        )
        .but(json!({"retentionDays": 90})),
        // The log has nothing of the only calls that there were.
        World::of(
            &json!([{"daysAgo": 0, "count": 500, "logged": false}, {"daysAgo": 0, "caller": BOB}]),
            "cannotTell",
            "the account was not called before",
        ),
        // Jobs that run equally often every night: one that the metrics leave out, and one with a key that the log does not have.
        World::of(
            &json!([
                tokens(),
                (1..=29)
                    .flat_map(|ago| [
                        json!({"daysAgo": ago, "operation": "Files_Upload", "caller": BOB, "counted": false}),
                        json!({"daysAgo": ago, "logged": false}),
                    ])
                    .collect(),
            ]
            .concat()),
            "cannotTell",
            "no other day shows",
        ),
        // Tokens were taken, so keys are not all that works.
        World::of(&json!(tokens()), "noKeyCallSeen", "").on(json!({"customSubDomainName": null})),
        World::of(&json!([{"daysAgo": 4, "caller": BOB}]), "noKeyCallSeen", "a gateway?"),
        World::of(
            &and(tokens(), json!({"daysAgo": 3, "operation": "Models_List", "caller": BOB})),
            "noKeyCallSeen",
            "",
        ),
        World::of(&and(tokens(), key(31)), "noKeyCallSeen", "").but(json!({"retentionDays": 90})),
        World::of(&json!(tokens()), "noKeyCallSeen", "").sent(&[
            json!({"workspaceId": workspace("w"), "logs": [{"categoryGroup": "allLogs", "enabled": true}]}),
        ]),
        World::of(&json!([]), "noCall", "standby"),
        World::of(&json!([]), "noCall", "").sent(&[]),
        World::of(&json!(tokens()), "keysOff", "").on(json!({"disableLocalAuth": true})),
        World::of(&keys(), "cannotTell", "no diagnostic setting").sent(&[]),
        World::of(&keys(), "cannotTell", "category `RequestResponse`").sent(&[only("category")]),
        World::of(&keys(), "cannotTell", "category `RequestResponse`").sent(&[only("categoryGroup")]),
        World::of(&keys(), "cannotTell", "a storage account")
            .sent(&[json!({"storageAccountId": "/s", "logs": requests(true)})]),
        World::of(&keys(), "cannotTell", "an event hub")
            .sent(&[json!({"eventHubAuthorizationRuleId": "/e", "logs": requests(true)})]),
        World::of(&keys(), "cannotTell", "category `RequestResponse`")
            .sent(&[json!({"workspaceId": workspace("w"), "logs": requests(false)})]),
        World::of(&json!([{"daysAgo": 2, "logged": false}]), "cannotTell", "has arrived").alone("rg-empty"),
        // The answer about its group says that there is a table, and that it has nothing of this account.
        World::of(&json!([{"daysAgo": 2, "logged": false}]), "cannotTell", "covers 1 day, of 30"),
        World::of(
            &and(tokens(), json!({"daysAgo": 9, "logged": false})),
            "cannotTell",
            "covers 8 days, of 30",
        ),
        World::of(&and(tokens(), key(9)), "cannotTell", "the log has 1").but(json!({"capPerDay": 1})),
        // A workspace keeps the log of all its accounts equally long, so this one has its own.
        World::of(&and(tokens(), key(20)), "cannotTell", "keeps the log for 14 days")
            .sent(&[to("short")])
            .but(json!({"retentionDays": 14})),
        World::of(&json!(tokens()), "cannotTell", "only a part")
            .but(json!({"partial": true}))
            .alone("rg-cut"),
        World::of(&json!(tokens()), "cannotTell", "may not read: `/subscriptions")
            .sent(&[to("w"), to("secret")]),
        World::of(&and(tokens(), key(2)), "cannotTell", "may not read")
            .sent(&[to("secret")])
            .but(json!({"hidden": [workspace("secret")]})),
        World::of(&and(tokens(), key(2)), "cannotTell", "may not read")
            .sent(&[to("denied")])
            .but(json!({"deniedTable": true})),
        // What hides behind other calls: in another metric, shortly after midnight, and where no metric counts it.
        World::of(
            &and(
                tokens(),
                json!({"daysAgo": 9, "count": 2, "operation": "Speech_Synthesize", "logged": false}),
            ),
            "cannotTell",
            "the metrics count 4 calls, and the log has 2",
        )
        .but(json!({"totalWithoutModels": true})),
        World::of(&json!(tokens()), "noKeyCallSeen", "").but(json!({"totalWithoutModels": true})),
        World::of(&json!(tokens()), "cannotTell", "counted twice").but(json!({"namelessMetrics": true})),
        World::of(
            &json!([{"daysAgo": 1, "logged": false}, {"daysAgo": 0, "second": 20, "caller": BOB}]),
            "cannotTell",
            "run the command again tomorrow",
        ),
        World::of(
            &and(
                tokens(),
                json!({"daysAgo": 9, "operation": "Assistants_Run", "caller": BOB, "counted": false}),
            ),
            "cannotTell",
            "do not count all calls",
        ),
        // A refused call that the metrics do not count, and a key call that the log lost; on another day they count one.
        World::of(
            &json!(
                [
                    tokens(),
                    vec![
                        json!({"daysAgo": 9, "status": 401, "counted": false}),
                        json!({"daysAgo": 9, "logged": false}),
                        json!({"daysAgo": 12, "status": 401}),
                    ]
                ]
                .concat()
            ),
            "cannotTell",
            "the metrics count 3 calls, and the log has 2",
        ),
        World::of(
            &json!([{"daysAgo": 1, "operation": "Models_List"}]),
            "callsWithoutName",
            "never logs callers",
        ),
        World::of(&json!(tokens()), "cannotTell", "left out workspaces")
            .but(json!({"unsaid": true}))
            .alone("rg-unsaid"),
    ]
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn each_world_of_the_sandbox_has_its_verdict() {
    // Whatever the time of the day.
    for hours in [0, 8, 16] {
        each_world_has_its_verdict(hours);
    }
}

fn each_world_has_its_verdict(hours: u32) {
    let azure = Azure::start();
    let later = azure.send("POST", "/_sandbox/clock", Some(json!({"advanceSeconds": hours * 3600})));
    assert_eq!(later.status, 200, "{later:?}");
    azure.leave_midnight();
    let worlds = worlds();
    assert!(worlds.len() >= 25);
    for (number, world) in worlds.iter().enumerate() {
        let (name, id) = (format!("w{number:02}"), account_in(world.group, &format!("w{number:02}")));
        let mut properties = json!({"customSubDomainName": name});
        for (field, value) in world.properties.as_object().unwrap() {
            properties[field] = value.clone();
        }
        make(&azure, &id, &properties);
        for (number, properties) in world.settings.iter().enumerate() {
            setting(&azure, &id, &format!("requests{number}"), properties);
        }
        monitor(&azure, &id, &world.calls, world.logs.clone());
    }
    azure.take_seen();
    let folder = azure.folder();
    let run = folder.keyless(&format!("keys usage --subscription {SUB} --format json -v")).exits(2);
    run.fits("keys-usage");
    let document = run.json();
    for (number, world) in worlds.iter().enumerate() {
        let found = usage(&document, &format!("w{number:02}"));
        assert_eq!(found["verdict"], world.verdict, "{number}: {found}");
        assert!(found.to_string().contains(world.says), "{number}: `{}` in {found}", world.says);
        // Two laws: keys that were used on a covered day are never passed, and without them nothing is called use of keys.
        let covered = found["coveredDays"].as_u64().unwrap();
        let quiet = ["noKeyCallSeen", "noCall"].contains(&world.verdict);
        assert!(!(quiet && world.used_keys(covered)), "{number}: {found}");
        let may_be_used = world.used_keys(u64::MAX) || world.properties["customSubDomainName"].is_null();
        assert!(may_be_used || world.verdict != "keysUsed", "{number}: {found}");
    }
    let groups: std::collections::BTreeSet<&str> = worlds.iter().map(|world| world.group).collect();
    let logs = azure.take_seen().iter().filter(|seen| seen.path().ends_with("/logs")).count();
    assert_eq!(logs, groups.len(), "one query for each group");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn few_requests_find_out_about_300_accounts() {
    const GROUPS: usize = 30;
    const EACH: usize = 10;
    let azure = Azure::with(Options { latency: Duration::from_millis(20), ..Options::default() });
    azure.leave_midnight();
    for number in 0..GROUPS * EACH {
        let name = format!("a{number:03}");
        let id = account_in(&format!("rg{}", number / EACH), &name);
        make(&azure, &id, &json!({"customSubDomainName": name}));
        setting(&azure, &id, "requests", &to("w"));
        // In each group one account has a second workspace, which nobody here may read.
        let first = number.is_multiple_of(EACH);
        if first {
            setting(&azure, &id, "more", &to("secret"));
        }
        let hidden = first.then(|| json!({"hidden": [workspace("secret")]}));
        monitor(&azure, &id, &json!([{"daysAgo": 3, "caller": ALICE}]), hidden);
    }
    azure.take_seen();
    let folder = azure.folder();
    let run = folder.keyless(&format!("keys usage --subscription {SUB} --format json")).exits(1);
    let summary = &run.json()["summary"];
    assert_eq!((&summary["noKeyCallSeen"], &summary["cannotTell"]), (&json!(270), &json!(30)), "{summary}");
    let seen = azure.take_seen();
    let of = |end: &str| seen.iter().filter(|seen| seen.path().ends_with(end)).count();
    assert_eq!(of("/logs"), GROUPS, "a hidden workspace has no account asked about alone");
    assert_eq!(of("/metrics"), 2 * GROUPS * EACH, "all calls, and for each API");
    assert_eq!(of("/diagnosticSettings"), GROUPS * EACH);
    assert_eq!(of("/values"), GROUPS * EACH, "who fetched keys");
    assert_eq!(of("/tables/AzureDiagnostics"), 2, "each workspace is asked once");
    assert!(seen.len() <= 4 * GROUPS * EACH + GROUPS + 5, "{}", seen.len());
    let queries = seen.iter().filter(|seen| seen.path().ends_with("/logs"));
    assert_eq!(queries.map(|seen| seen.at_once).max(), Some(5), "Azure runs 5 queries of a caller at once");
}

#[test]
fn what_may_not_be_read_is_named_with_the_command_that_permits_it() {
    let azure = live();
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    call(&azure, "a-token", 200);
    let private = r#"{"error":{"message":"The provided credentials have insufficient access to perform the requested operation","code":"InsufficientAccessError","innererror":{"code":"NspValidationFailedError","message":"Access to workspace 'w' is denied."}}}"#;
    let table = r#"{"error":{"message":"The request had some invalid properties","code":"BadArgumentError","innererror":{"code":"SemanticError","message":"A semantic error occurred.","innererror":{"code":"SEM0100","message":"Failed to resolve table"}}}}"#;
    for (method, part, fault, says) in [
        ("POST", "/logs?", Fault::denied(), "--role \"Monitoring Reader\""),
        (
            "POST",
            "/logs?",
            Fault::Answer(403, "application/json", private.to_owned()),
            "refuses queries from public networks",
        ),
        (
            "POST",
            "/logs?",
            Fault::Answer(400, "application/json", table.to_owned()),
            "no request log has arrived",
        ),
        (
            "POST",
            "/logs?",
            Fault::Answer(200, "application/json", "[]".to_owned()),
            "could not read the request log",
        ),
        (
            "POST",
            "/logs?",
            Fault::Answer(204, "application/json", String::new()),
            "could not read the request log",
        ),
        ("GET", "/metrics?", Fault::denied(), "could not read the metrics"),
        ("GET", "/metrics?", Fault::Edit(|body| body["value"] = json!([])), "could not read the metrics"),
    ] {
        azure.heal();
        azure.spoil(method, part, fault);
        let run = folder.keyless("keys usage --format json").exits(1);
        assert_eq!(run.findings(), ["key-use-unknown@7"], "{says}");
        assert!(run.json()["findings"].to_string().contains(&says.replace('"', "\\\"")), "{says}: {run}");
    }
    // Settings decide nothing if the log has every call.
    azure.heal();
    azure.spoil("GET", "/diagnosticSettings?", Fault::denied());
    azure.spoil("GET", "/eventtypes/", Fault::denied());
    let run = folder.keyless("keys usage --format json").exits(0);
    let notes = usage(&run.json(), "chat")["notes"].to_string();
    assert!(notes.contains("could not read the diagnostic settings"), "{notes}");
    assert!(notes.contains("could not read the activity log"), "{notes}");
}

#[test]
fn use_of_keys_outranks_what_cannot_be_told() {
    let azure = live();
    let folder = azure.folder();
    azure.make_account("other", &json!({"customSubDomainName": "other"}));
    monitor(&azure, &account("other"), &json!([{"daysAgo": 1}]), None);
    folder.write("specs/a.yaml", accounts(&["chat", "other", "gone"]));
    call(&azure, "a-token", 200);
    folder.keyless("keys usage").exits(1);
    call(&azure, &key(&azure), 200);
    let run = folder.keyless("keys usage --format json").exits(2);
    assert_eq!(run.findings(), ["keys-used@7", "key-use-unknown@9", "account-absent@11"]);
}

#[test]
fn comments_name_nobody_and_names_are_shown_only_if_asked_for() {
    let azure = live();
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    let user = json!({"users": [{"id": ALICE, "userPrincipalName": "alice@contoso.com"}]});
    assert_eq!(azure.send("POST", "/_sandbox/directory", Some(user)).status, 200);
    monitor(&azure, &account("chat"), &json!([{"daysAgo": 1, "caller": ALICE}]), None);
    call(&azure, &key(&azure), 200);
    let run = folder.keyless("keys usage --report markdown=r.md --report sarif=r.sarif").exits(2);
    assert!(run.stdout.contains(ALICE) && run.stdout.contains("127.0.0.***"), "{run}");
    assert!(!run.stdout.to_lowercase().contains("alice@"), "{run}");
    let comment = std::fs::read_to_string(folder.path().join("r.md")).unwrap();
    assert!(comment.contains("keys are used") && comment.contains("by 1 caller"), "{comment}");
    for secret in [ALICE, OWNER, "alice", &key(&azure)] {
        assert!(!comment.to_lowercase().contains(secret), "{comment}");
    }
    let sarif = std::fs::read_to_string(folder.path().join("r.sarif")).unwrap();
    assert!(sarif.contains("keys-used") && !sarif.contains(ALICE), "{sarif}");
    let named = folder.keyless("keys usage --names").exits(2);
    assert!(named.stdout.contains(&format!("alice@contoso.com ({ALICE})")), "{named}");
    let denied = Fault::error(403, "Authorization_RequestDenied", "Insufficient privileges.");
    azure.spoil("POST", "$batch", denied);
    folder.keyless("keys usage --names").exits(2).says(&[
        &format!("by {ALICE}"),
        "warning[principal-unread]: could not look up the names of callers, so their object ids are shown",
        "403 Authorization_RequestDenied",
    ]);
}

#[test]
fn the_period_has_limits() {
    let azure = live();
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    for days in ["0", "91", "x"] {
        folder.keyless(&format!("keys usage --days {days}")).exits(1).complains(&["--days"]);
    }
    monitor(&azure, &account("chat"), &json!([{"daysAgo": 5, "caller": ALICE}, {"daysAgo": 20}]), None);
    folder.keyless("keys usage --days 10").exits(0).says(&["no key call seen in 10 of 10 days"]);
    folder.keyless("keys usage --days 20").exits(2);
    // A spec that wants more quiet days has more looked at, and fewer are not enough for it.
    let spec = accounts(&["chat"]).replace("- name: chat\n", "- name: chat\n    keyUsage: {quietDays: 18}\n");
    folder.write("specs/a.yaml", &spec);
    folder
        .keyless("keys usage --days 10")
        .exits(1)
        .says(&["the log covers 10 days, of 18 days that are needed"]);
    folder.keyless("keys usage --days 18").exits(0).says(&["no key call seen in 18 of 18 days"]);
    folder.write("specs/a.yaml", spec.replace("18", "40"));
    folder.keyless("keys usage").exits(2).says(&["Looked at 40 days, since"]);
}

#[test]
fn few_days_are_named_as_the_reason_and_huge_numbers_are_no_counts() {
    let azure = live();
    let folder = azure.folder();
    let spec = accounts(&["chat"]).replace("- name: chat\n", "- name: chat\n    keyUsage: {quietDays: 35}\n");
    folder.write("specs/a.yaml", &spec);
    monitor(&azure, &account("chat"), &json!([{"daysAgo": 2, "caller": ALICE}]), None);
    let run = folder.keyless("keys usage --days 7 --format json").exits(1);
    assert!(run.json()["findings"].to_string().contains("ask for `--days 35`"), "{run}");
    azure.spoil(
        "GET",
        "/metrics?",
        Fault::Edit(|body| {
            for metric in body["value"].as_array_mut().unwrap() {
                let day = json!({"timeStamp": "2026-11-01T00:00:00Z", "total": 9.9e17});
                metric["timeseries"] = json!([{"metadatavalues": [], "data": vec![day; 60]}]);
            }
        }),
    );
    let run = folder.keyless("keys usage --format json").exits(1);
    assert!(run.stdout.contains("could not read the metrics"), "{run}");
    azure.heal();
    azure.spoil(
        "POST",
        "/logs?",
        Fault::Edit(|body| {
            let columns = body["tables"][0]["columns"].as_array().unwrap().clone();
            let calls = columns.iter().position(|column| column["name"] == "Calls").unwrap();
            let row = body["tables"][0]["rows"][0].clone();
            let rows = body["tables"][0]["rows"].as_array_mut().unwrap();
            rows.push(row);
            for row in rows {
                row[calls] = json!(u64::MAX - 1);
            }
        }),
    );
    let run = folder.keyless("keys usage --format json").exits(1);
    assert!(run.stdout.contains("could not read the request log"), "{run}");
}

#[test]
fn throttled_queries_are_sent_again_when_azure_says() {
    let azure = live();
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    call(&azure, "a-token", 200);
    for (seconds, times) in [(0, 2), (3, 1)] {
        let fault = json!([{"method": "POST", "path": "*/logs", "status": 429, "code": "Throttled", "retryAfter": seconds, "times": times}]);
        assert_eq!(azure.send("POST", "/_sandbox/faults", Some(fault)).status, 200);
        azure.take_seen();
        let begun = Instant::now();
        folder.keyless("keys usage").exits(0);
        assert!(begun.elapsed() >= Duration::from_secs(seconds), "{:?}", begun.elapsed());
        let sent = azure.take_seen().iter().filter(|seen| seen.path().ends_with("/logs")).count();
        assert_eq!(sent, times + 1);
    }
}

#[test]
fn the_sandbox_answers_no_other_query() {
    let azure = live();
    let path =
        format!("{}/providers/Microsoft.Insights/logs?api-version=2018-03-01-preview", account("chat"));
    let answer = azure.send("POST", &path, Some(json!({"query": "AzureDiagnostics | take 1"})));
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(answer.body["error"]["innererror"]["code"], "SyntaxError");
}

#[test]
fn on_a_terminal_it_says_what_it_is_reading() {
    let azure = Azure::with(Options { latency: Duration::from_millis(300), ..Options::default() });
    azure.make_account("chat", &json!({"customSubDomainName": "chat"}));
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    let keyless = folder.command(["keys", "usage"]);
    let words = std::iter::once(keyless.get_program()).chain(keyless.get_args());
    let line: Vec<&str> = words.map(|word| word.to_str().unwrap()).collect();
    // `script` gives it a terminal.
    let mut script = std::process::Command::new("script");
    script.args(["-qec", &line.join(" "), "/dev/null"]).env_clear().env("TERM", "xterm");
    script.env("PATH", "/usr/bin:/bin").current_dir(folder.path());
    script.envs(keyless.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let Ok(output) = script.output() else { return };
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("reading settings, metrics and logs"), "{shown}");
}

#[test]
fn accounts_whose_keys_are_off_cost_no_request() {
    let azure = Azure::start();
    azure.make_account("off", &json!({"customSubDomainName": "off", "disableLocalAuth": true}));
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["off"]));
    folder.keyless("keys usage").exits(0).says(&[
        "account off",
        "      keys are off",
        "1 account, with API keys off. Looked at 30 days, since ",
        "1 read, 0 writes",
    ]);
}

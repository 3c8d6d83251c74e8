//! The guard `key-use`: keys that a spec wants to know unused go off only on evidence.

use serde_json::{Value, json};

use crate::common::{ALICE, Azure, BOB, CAROL, Fault, Folder, SUB, account, grants, one_account};

const RULE: &str = "error[guard-key-use]";
const DAY: u32 = 24 * 3600;

/// An account with keys on, whose request log goes to a workspace that keeps it for 90 days.
fn live(calls: &Value) -> (Azure, Folder) {
    let azure = Azure::start();
    azure.leave_midnight();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": false}));
    let workspace = format!(
        "/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/w"
    );
    let path = format!(
        "{}/providers/Microsoft.Insights/diagnosticSettings/requests?api-version=2021-05-01-preview",
        account("chat")
    );
    let logs = json!([{"category": "RequestResponse", "enabled": true}]);
    azure.put(&path, json!({"properties": {"workspaceId": workspace, "logs": logs}}));
    let body = json!({"account": account("chat"), "calls": calls, "logs": {"retentionDays": 90}});
    assert_eq!(azure.send("POST", "/_sandbox/monitor", Some(body)).status, 200);
    let folder = azure.folder();
    (azure, folder)
}

fn spec(usage: &str) -> String {
    one_account("team-a", "chat", &format!("disableLocalAuth: true\n{usage}{}", grants(&[CAROL])))
}

/// Calls of two people with tokens on each of 40 days, and one with a key so many days ago.
fn calls(key: Option<u32>) -> Value {
    let caller = |ago: u32| if ago.is_multiple_of(2) { ALICE } else { BOB };
    let mut calls: Vec<Value> =
        (0..=40).map(|ago| json!({"daysAgo": ago, "caller": caller(ago), "deployment": "small"})).collect();
    calls.extend(key.map(|ago| json!({"daysAgo": ago, "deployment": "large"})));
    json!(calls)
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn keys_that_are_used_stay_on() {
    let (azure, folder) = live(&calls(Some(20)));
    folder.write("a.yaml", spec("keyUsage: {quietDays: 35}\n"));
    azure.take_seen();
    let run = folder.keyless("apply a.yaml --yes").exits(3).says(&[
        RULE,
        "the plan turns off API keys of account `chat`, and keys are used: 1 call with a key in the last 35 days (the last one on ",
        ", ChatCompletions_Create of `large`)",
        "--allow key-use:accounts/chat",
    ]);
    assert!(azure.take_writes().is_empty(), "{run}");
    for secret in [ALICE, BOB, "127.0.0.*"] {
        assert!(!folder.keyless("plan a.yaml --format json").exits(3).stdout.contains(secret), "{secret}");
    }
    folder.keyless("plan a.yaml --allow key-use").exits(0);
    folder.keyless("apply a.yaml --yes --allow keys-on").exits(3);
    folder.keyless("apply a.yaml --yes --allow key-use:accounts/chat").exits(0);
}

#[test]
fn after_the_quiet_days_keys_go_off_and_in_sync_nothing_is_asked() {
    let (azure, folder) = live(&calls(Some(20)));
    // Fewer days are enough here, and the key was used before them.
    folder.write("a.yaml", spec("keyUsage: {quietDays: 14}\n"));
    azure.take_seen();
    folder.keyless("plan a.yaml").exits(0).says(&["no key call seen in 14 of 14 days before today"]);
    let seen = azure.take_seen();
    assert!(
        !seen.iter().any(|seen| seen.target.contains("/eventtypes/")),
        "who fetched keys decides nothing"
    );
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_seen();
    folder.keyless("apply a.yaml --yes").exits(0);
    let seen = azure.take_seen();
    assert!(!seen.iter().any(|seen| seen.target.to_lowercase().contains("microsoft.insights")), "{seen:?}");
    // A spec that does not ask is as before: nothing is read.
    let (azure, folder) = live(&calls(Some(20)));
    folder.write("a.yaml", spec(""));
    folder.keyless("plan a.yaml").exits(0);
    let seen = azure.take_seen();
    assert!(!seen.iter().any(|seen| seen.target.to_lowercase().contains("/logs?")), "{seen:?}");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_cannot_be_told_is_refused_until_the_day_that_the_spec_names() {
    // Metrics count a call that the log does not have.
    let (_azure, folder) = live(&json!([{"daysAgo": 3, "logged": false}, {"daysAgo": 2, "caller": ALICE}]));
    folder.write("a.yaml", spec("keyUsage: {quietDays: 35}\n"));
    folder.keyless("plan a.yaml").exits(3).says(&[
        RULE,
        "it cannot be told whether they are still used: the log covers 2 days, of 35 days that are needed",
    ]);
    folder.write("a.yaml", spec("keyUsage: {quietDays: 35, allowUnknownUntil: 2020-12-31}\n"));
    folder.keyless("plan a.yaml").exits(3).says(&[RULE, "`allowUnknownUntil` ended on 2020-12-31"]);
    folder.write("a.yaml", spec("keyUsage: {quietDays: 35, allowUnknownUntil: 2099-12-31}\n"));
    folder.keyless("plan a.yaml").exits(0).says(&["`allowUnknownUntil` accepts that until 2099-12-31"]);
    // Nothing here is only a right that the identity of `apply` may have: no log ever came, and there is no setting.
    let (azure, folder) = live(&json!([{"daysAgo": 3, "logged": false}]));
    folder.write("a.yaml", spec("keyUsage: {quietDays: 35}\n"));
    folder.keyless("plan a.yaml").exits(3).says(&[RULE, "no request log has arrived"]);
    azure.delete(&format!(
        "{}/providers/Microsoft.Insights/diagnosticSettings/requests?api-version=2021-05-01-preview",
        account("chat")
    ));
    azure.spoil("GET", "/metrics?", Fault::denied());
    folder.keyless("plan a.yaml").exits(3).says(&[
        RULE,
        "could not read the metrics",
        "no diagnostic setting",
    ]);
    // Calls that may have been made with a key are more than a lack of evidence, and so is use of keys.
    let silent = json!([{"daysAgo": 3, "operation": "Speech", "silent": true}]);
    let (_azure, folder) = live(&silent);
    folder.write("a.yaml", spec("keyUsage: {quietDays: 35, allowUnknownUntil: 2099-12-31}\n"));
    folder.keyless("plan a.yaml").exits(3).says(&[
        RULE,
        "they may still be used: 1 call without a caller's name in the last 35 days (the last one on ",
        ", Speech)",
    ]);
    let (_azure, folder) = live(&calls(Some(1)));
    folder.write("a.yaml", spec("keyUsage: {quietDays: 35, allowUnknownUntil: 2099-12-31}\n"));
    folder.keyless("plan a.yaml").exits(3).says(&[RULE]);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn who_may_not_read_the_log_leaves_the_judgement_to_apply() {
    let (azure, folder) = live(&calls(None));
    folder.write("a.yaml", spec("keyUsage: {quietDays: 35}\n"));
    azure.spoil("POST", "/logs?", Fault::denied());
    let told =
        "whether they are still used is judged at apply, since this identity may not read what shows it";
    folder
        .keyless("plan a.yaml --out saved.json --report markdown=r.md --report sarif=r.sarif")
        .exits(0)
        .says(&["note[guard-key-use]", told]);
    for report in ["r.md", "r.sarif"] {
        let text = std::fs::read_to_string(folder.path().join(report)).unwrap();
        assert!(text.contains(told), "{report}: {text}");
    }
    for apply in ["a.yaml", "saved.json a.yaml", "saved.json"] {
        let run = folder.keyless(&format!("apply {apply} --yes")).exits(3);
        run.says(&[RULE, "could not read the request log", "AuthorizationFailed"]);
    }
    folder.keyless("apply a.yaml --yes").exits(3).says(&["Monitoring Reader"]);
    azure.heal();
    folder.keyless("apply saved.json --yes").exits(0);
}

#[test]
fn a_saved_plan_is_judged_by_the_calls_of_the_day_it_is_applied() {
    let (azure, folder) = live(&calls(None));
    folder.write("a.yaml", spec("keyUsage: {quietDays: 35}\n"));
    folder.keyless("plan a.yaml --out saved.json").exits(0);
    let body = json!({"account": account("chat"), "calls": [{"daysAgo": 0}]});
    assert_eq!(azure.send("POST", "/_sandbox/monitor", Some(body)).status, 200);
    for apply in ["saved.json", "saved.json a.yaml"] {
        folder.keyless(&format!("apply {apply} --yes")).exits(3).says(&[RULE, "keys are used: 1 call"]);
    }
    advance(&azure, 36);
    // Its specs need fewer days than the file alone.
    folder.keyless("apply saved.json --yes").exits(3).says(&[RULE, "or name its specs behind the plan"]);
    folder.keyless("apply saved.json a.yaml --yes").exits(0);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_saved_plan_lowers_no_demand_of_its_specs() {
    // The last call with a key was 50 days ago, and the log of the first 10 of 60 days is lost.
    let all = json!([{"daysAgo": 55, "logged": false, "caller": ALICE}, {"daysAgo": 50}, {"daysAgo": 1, "caller": BOB}]);
    for (usage, from_specs) in
        [("keyUsage: {quietDays: 35}\n", 0), ("keyUsage: {quietDays: 55}\n", 3), ("", 0)]
    {
        let (azure, folder) = live(&all);
        folder.write("a.yaml", spec(usage));
        folder.keyless("plan a.yaml --allow key-use --out saved.json").exits(0);
        let text = std::fs::read_to_string(folder.path().join("saved.json")).unwrap();
        assert!(!text.contains("quietDays"), "{text}");
        // Without specs it is judged as if they wanted all the evidence that there can be, whether they want any or not.
        folder.keyless("apply saved.json --yes").exits(3).says(&[RULE, "in the last 90 days"]);
        assert!(azure.take_writes().is_empty());
        folder.keyless("apply saved.json a.yaml --yes").exits(from_specs);
    }
    // What cannot be told is refused too, whatever the spec accepts.
    let (_azure, folder) = live(&json!([{"daysAgo": 55, "logged": false}, {"daysAgo": 1, "caller": BOB}]));
    folder.write("a.yaml", spec("keyUsage: {quietDays: 60, allowUnknownUntil: 2099-12-31}\n"));
    folder.keyless("plan a.yaml --out saved.json").exits(0);
    folder.keyless("apply saved.json --yes").exits(3).says(&[
        RULE,
        "the log covers 54 days, of 90 days that are needed",
        "without its specs, a saved plan is judged over 90 days",
        "name its specs behind the plan; if the plan is intended all the same: --allow key-use:/subscriptions/",
    ]);
    folder.keyless("apply saved.json a.yaml --yes").exits(0);
}

#[test]
fn calls_that_no_metric_counts_are_said_to_be_unseen_where_the_log_is_hidden() {
    let (azure, folder) = live(&json!([]));
    let hidden = format!(
        "/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/w"
    );
    let calls = json!([{"daysAgo": 1, "count": 3, "operation": "Files_Upload", "counted": false}]);
    let body = json!({"account": account("chat"), "calls": calls, "logs": {"hidden": [hidden]}});
    assert_eq!(azure.send("POST", "/_sandbox/monitor", Some(body)).status, 200);
    folder.write("a.yaml", spec("keyUsage: {quietDays: 7}\n"));
    folder.keyless("plan a.yaml").exits(0).says(&[
        "no call at all in 7 days before today",
        "an application that only lists models, or only makes other calls that no metric counts, was not looked for: the log is also in a workspace that the caller may not read",
    ]);
}

#[test]
fn what_to_do_first_is_no_way_to_intend_the_plan() {
    let (_azure, folder) = live(&json!([{"daysAgo": 3, "logged": false}, {"daysAgo": 2, "caller": ALICE}]));
    folder.write("a.yaml", spec("keyUsage: {quietDays: 7}\n"));
    let run = folder.keyless("plan a.yaml").exits(3).says(&[
        "help: wait until the log covers these days",
        "; if the plan is intended all the same: --allow key-use:accounts/chat\n",
    ]);
    assert!(!run.stdout.contains("if this is intended"), "{run}");
}

#[test]
fn a_restored_account_whose_keys_go_off_is_said_to_be_unchecked() {
    let (azure, folder) = live(&calls(Some(1)));
    azure.delete(&account("chat"));
    let restored =
        |usage: &str| spec(usage).replace("stack: team-a", "stack: team-a\nonSoftDeleted: restore");
    let said = "the plan restores account `chat` with API keys off, and it was not checked who used them before it was deleted";
    folder.write("a.yaml", restored(""));
    let run = folder.keyless("plan a.yaml").exits(0);
    assert!(!run.stdout.contains(said), "nobody asked: {run}");
    folder.write("a.yaml", restored("keyUsage: {quietDays: 35}\n"));
    folder.keyless("plan a.yaml --out plan.json").exits(0).says(&["note[guard-key-use]", said]);
    folder.keyless("apply plan.json a.yaml --yes").exits(0).says(&[said]);
}

fn advance(azure: &Azure, days: u32) {
    let answer = azure.send("POST", "/_sandbox/clock", Some(json!({"advanceSeconds": days * DAY})));
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn mistakes_in_key_usage_are_found_offline() {
    let folder = Folder::new();
    for (usage, says) in [
        ("{quietDays: 0}", "quietDays"),
        ("{quietDays: 91}", "quietDays"),
        ("{}", "quietDays"),
        ("{quietDays: 35, allowUnknownUntil: soon}", "`soon` is not a date"),
    ] {
        folder.write("a.yaml", spec(&format!("keyUsage: {usage}\n")));
        let run = folder.keyless("validate a.yaml").exits(1);
        assert!(format!("{run}").contains(says), "{usage}: {run}");
    }
}

//! A fleet in several processes: `--shard I/N`, and `report merge` of what each of them reports.

use serde_json::{Value, json};

use crate::common::{
    ALICE, Azure, BOB, CAROL, CS_USER, Fault, Folder, Run, SUB, account, assignment, grants, one_account,
    role,
};

const SHARDS: usize = 4;
/// So many subscriptions that no shard of these has none.
const STACKS: usize = 12;
/// What differs between runs of one fleet without being about it: how many requests each process needed.
const OWN: [&str; 2] = ["requests", "fingerprint"];

fn subscription(number: usize) -> String {
    format!("7f3b1c52-1a08-4d7b-9f5e-{number:012}")
}

fn path(number: usize) -> String {
    account(&format!("chat-{number}")).replace(SUB, &subscription(number))
}

/// A stack for each subscription.
fn fleet(azure: &Azure) -> Folder {
    let folder = azure.folder();
    for number in 0..STACKS {
        let lines = format!("disableLocalAuth: true\n{}", grants(&[ALICE, BOB]));
        let spec = one_account(&format!("team-{number:02}"), &format!("chat-{number}"), &lines);
        folder.write(&format!("specs/s{number:02}.yaml"), spec.replace(SUB, &subscription(number)));
    }
    folder.keyless("apply --yes").exits(0).says(&["36 done"]);
    folder
}

/// Something of each sort: keys on, a grant gone, a grant by hand, a line removed.
fn disturb(azure: &Azure, folder: &Folder) {
    for number in [1, 4, 7] {
        azure.patch(&path(number), json!({"properties": {"disableLocalAuth": false}}));
    }
    let grant = azure.grants_at(&path(2)).remove(0);
    azure.delete(grant["id"].as_str().unwrap());
    for number in [3, 8] {
        let id = assignment(&path(number), &format!("a5510000-0000-4000-8000-{number:012}"));
        let body = json!({"properties": {"roleDefinitionId": role(CS_USER), "principalId": CAROL, "principalType": "User"}});
        azure.put(&id, body);
    }
    without_bob(folder, 5);
}

/// Removes the line of one grant.
fn without_bob(folder: &Folder, number: usize) {
    let file = folder.path().join(format!("specs/s{number:02}.yaml"));
    let text = std::fs::read_to_string(&file).unwrap();
    let kept: Vec<&str> = text.lines().filter(|line| !line.contains(BOB)).collect();
    std::fs::write(&file, kept.join("\n")).unwrap();
}

/// Runs every shard; their exit codes.
fn shards(folder: &Folder, command: &str) -> Vec<i32> {
    let run = |index: usize| {
        let report = format!("json=reports/{index}.json");
        folder.keyless(&format!("{command} --shard {index}/{SHARDS} --report {report}")).code
    };
    std::fs::create_dir_all(folder.path().join("reports")).unwrap();
    (0..SHARDS).map(run).collect()
}

/// A document without what is each process's own.
fn bare(mut document: Value) -> Value {
    for name in OWN {
        document.as_object_mut().unwrap().remove(name);
    }
    document
}

#[test]
fn four_shards_report_together_what_one_run_reports() {
    let azure = Azure::start();
    let folder = fleet(&azure);
    disturb(&azure, &folder);
    // Compared in full, but for what differs from process to process (`OWN`).
    for (command, merge) in [
        ("plan", "report merge reports"),
        ("plan --detailed-exitcode", "report merge reports --detailed-exitcode"),
        ("drift", "report merge reports"),
        ("access", "report merge reports"),
        ("outputs", "report merge reports"),
        ("keys status", "report merge reports"),
        ("validate", "report merge reports"),
    ] {
        let whole = folder.keyless(&format!("{command} --format json"));
        shards(&folder, command);
        let merged = folder.keyless(&format!("{merge} --format json"));
        assert_eq!(merged.code, whole.code, "{command}\n{merged}\n{whole}");
        let (merged, whole) = (bare(merged.json()), bare(whole.json()));
        for (name, value) in whole.as_object().unwrap() {
            for (merged, value) in
                merged[name].as_array().into_iter().flatten().zip(value.as_array().into_iter().flatten())
            {
                assert_eq!(merged, value, "{command}: {name}");
            }
            assert_eq!(&merged[name], value, "{command}: {name}");
        }
        assert_eq!(merged.as_object().unwrap().len(), whole.as_object().unwrap().len(), "{command}");
    }
    // Every other format is made of the same document.
    shards(&folder, "drift");
    let texts = |arguments: &str| {
        let run = folder.keyless(&format!(
            "{arguments} --report markdown=m --report sarif=s --report openmetrics=o --report html=h"
        ));
        let lines = |text: String| {
            text.lines().filter(|line| !line.contains("reads")).map(str::to_owned).collect::<Vec<_>>()
        };
        let mut all = vec![lines(run.stdout)];
        for name in ["m", "s", "o", "h"] {
            let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
            all.push(lines(text).into_iter().filter(|line| !line.contains("timestamp_seconds")).collect());
        }
        all
    };
    assert_eq!(texts("report merge reports"), texts("drift"));
}

#[test]
fn every_subscription_is_read_by_one_shard_only() {
    let azure = Azure::start();
    let folder = fleet(&azure);
    let mut read = Vec::new();
    for index in 0..SHARDS {
        azure.take_seen();
        // As a pod of an Indexed Job is told.
        let pod = [("JOB_COMPLETION_INDEX", index.to_string()), ("JOB_COMPLETIONS", SHARDS.to_string())];
        let pod: Vec<(&str, &str)> = pod.iter().map(|(name, value)| (*name, value.as_str())).collect();
        folder.with_env("drift", &pod).exits(0);
        let seen = azure.take_seen();
        let its =
            (0..STACKS).filter(|number| seen.iter().any(|seen| seen.path().contains(&subscription(*number))));
        let its: Vec<usize> = its.collect();
        assert!(!its.is_empty() && its.len() < STACKS, "{index}: {its:?}");
        read.extend(its);
    }
    read.sort_unstable();
    assert_eq!(read, (0..STACKS).collect::<Vec<_>>());
    azure.take_seen();
    folder.keyless("drift --shard 0/1").exits(0);
    folder
        .with_env("drift", &[("JOB_COMPLETIONS", "4")])
        .exits(1)
        .complains(&["`JOB_COMPLETION_INDEX` is not"]);
    folder.keyless("drift --shard 4/4").exits(1).complains(&["of 4 shards, the first is 0 and the last 3"]);
    // Whatever Job it is, a command that reads no specs does not care.
    folder.with_env("schema spec", &[("JOB_COMPLETIONS", "4")]).exits(0);
}

#[test]
fn a_shard_without_a_result_is_an_error_of_the_merged_report() {
    let azure = Azure::start();
    let folder = fleet(&azure);
    assert_eq!(shards(&folder, "drift"), [0; SHARDS]);
    folder.keyless("report merge reports").exits(0).says(&["No drift: 36 resources"]);
    let missing = |arguments: &str, words: &[&str]| {
        let run = folder.keyless(&format!("report merge {arguments} --format json")).exits(1);
        assert_eq!(run.findings(), ["shard-missing@0"], "{run}");
        let said = run.json()["findings"][0]["message"].to_string();
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
        run
    };
    missing("reports/0.json reports/1.json reports/3.json", &["shard 2 of 4", "there is no report of it"]);
    folder
        .keyless("report merge reports/0.json reports/1.json reports/3.json")
        .exits(1)
        .says(&["not known", "shard 2 of 4"]);
    // Ended before it had a result: its own finding is there too.
    let one = std::fs::read_to_string(folder.path().join("reports/1.json")).unwrap();
    folder.keyless("drift --shard 1/4 --report json=reports/1.json --within nowhere").exits(1);
    let run = folder.keyless("report merge reports --format json").exits(1);
    assert_eq!(run.findings(), ["run-failed@0", "shard-missing@0"], "{run}");
    // Left from another day, torn, or twice.
    let old: Value = serde_json::from_str(&one).unwrap();
    let mut older = old.clone();
    older["shard"]["began"] = json!("2026-01-01T00:00:00Z");
    folder.write("reports/1.json", older.to_string());
    missing("reports", &["shard 1 of 4", "more than 12 hours ago"]);
    folder.write("reports/1.json", &one[..one.len() / 2]);
    let run = folder.keyless("report merge reports --format json").exits(1);
    assert_eq!(run.findings(), ["shard-missing@0", "shard-missing@0"], "{run}");
    folder.write("reports/1.json", &one);
    folder.write("reports/again.json", &one);
    folder.keyless("report merge reports").exits(1).complains(&["reports of the same shard, 1 of 4"]);
    std::fs::remove_file(folder.path().join("reports/again.json")).unwrap();
    folder.keyless("drift --format json --report json=whole.json").exits(0);
    folder
        .keyless("report merge whole.json")
        .exits(1)
        .complains(&["is not a report of a run with `--shard`"]);
    folder.keyless("validate --shard 1/4 --report json=reports/1.json").exits(0);
    folder.keyless("report merge reports").exits(1).complains(&["differ in their command"]);
}

#[test]
fn deletes_that_are_few_in_each_stack_and_many_in_all_are_refused_in_the_merge() {
    let azure = Azure::start();
    let folder = fleet(&azure);
    for number in 0..STACKS {
        without_bob(&folder, number);
    }
    assert_eq!(shards(&folder, "plan"), [0; SHARDS]);
    folder
        .keyless("report merge reports")
        .exits(3)
        .says(&["the shards' plans delete 12 of 12 stacks in all", "--allow deletes"]);
    folder.keyless("report merge reports --allow deletes").exits(0).says(&["12 to delete"]);
}

#[test]
fn shards_apply_what_is_theirs() {
    let azure = Azure::start();
    let folder = fleet(&azure);
    disturb(&azure, &folder);
    let codes = shards(&folder, "apply --yes");
    assert!(codes.iter().all(|code| *code == 0), "{codes:?}");
    folder.keyless("report merge reports").exits(0).says(&["5 done, 0 failed"]);
    folder.keyless("plan --detailed-exitcode").exits(0);
}

/// The reports of all shards, to be changed.
fn reports(folder: &Folder) -> Vec<Value> {
    let read = |index| std::fs::read_to_string(folder.path().join(format!("reports/{index}.json"))).unwrap();
    (0..SHARDS).map(|index| serde_json::from_str(&read(index)).unwrap()).collect()
}

/// Merges these reports after one of them was changed.
fn merged_with(folder: &Folder, whole: &[Value], index: usize, change: impl Fn(&mut Value)) -> Run {
    for (number, report) in whole.iter().enumerate() {
        let mut report = report.clone();
        if number == index {
            change(&mut report);
        }
        folder.write(&format!("reports/{number}.json"), report.to_string());
    }
    folder.keyless("report merge reports --format json")
}

#[test]
fn stacks_that_give_access_in_each_others_subscriptions_are_one_part() {
    let azure = Azure::start();
    let folder = azure.folder();
    // With four shards, these two would each be in one of its own.
    let [one, other] = [0, 4].map(|number| format!("{number:08}-2222-4333-8444-555555555555"));
    let group = account("chat-4").replace(SUB, &other);
    let group = group.split("/providers/").next().unwrap();
    let write = |carol: &str, keys_off: bool| {
        let own = one_account("t0", "chat-0", &format!("disableLocalAuth: true\n{}", grants(&[ALICE])));
        let beyond = format!(
            "roleAssignments:\n  - {{scope: {group}, role: Cognitive Services OpenAI User, principals: [{carol}]}}\n"
        );
        folder.write("specs/s0.yaml", own.replace(SUB, &one) + &beyond);
        let its = one_account("t4", "chat-4", &format!("disableLocalAuth: {keys_off}"));
        folder.write("specs/s4.yaml", its.replace(SUB, &other));
    };
    write(&format!("{{id: {CAROL}, type: User}}"), false);
    folder.keyless("apply --yes").exits(0);
    // One stack takes the last grant, the other turns keys off.
    write("", true);
    folder.keyless("plan").exits(3).says(&["guard-lock-out"]);
    let codes = shards(&folder, "apply --yes");
    assert!(codes.contains(&3) && codes.iter().all(|code| [0, 3].contains(code)), "{codes:?}");
    folder.keyless("report merge reports").exits(3);
    assert_eq!(azure.grants_at(group).len(), 1);
    // Also if it goes with its stack: a retired stack may own something at each scope that its spec names.
    write(&format!("{{id: {CAROL}, type: User}}"), true);
    let codes = shards(&folder, "plan --retire t0 --allow delete-account --allow deletes");
    assert!(codes.contains(&3), "{codes:?}");
    folder.keyless("report merge reports").exits(3).says(&["guard-lock-out"]);
}

#[test]
fn a_saved_plan_is_applied_by_its_own_shard_only() {
    let azure = Azure::start();
    let folder = fleet(&azure);
    disturb(&azure, &folder);
    folder.keyless("plan --out whole.json").exits(0);
    folder.keyless("plan --shard 1/4 --out one.json").exits(0);
    let before = azure.take_seen().len();
    assert!(before > 0);
    let saved = |shard| folder.keyless(&format!("plan --shard {shard}/4 --out its.json")).stderr;
    let told =
        (0..SHARDS).any(|shard| saved(shard).contains(&format!("keyless apply its.json --shard {shard}/4")));
    assert!(told, "the command is one that is not refused");
    azure.take_seen();
    for (command, words) in [
        ("apply whole.json --yes --shard 1/4", "the plan is of no shard, but this run is of shard 1/4"),
        ("apply one.json --yes --shard 0/4", "the plan is of shard 1/4, but this run is of shard 0/4"),
        ("apply one.json specs --yes --shard 0/4", "the plan is of shard 1/4, but this run is of shard 0/4"),
        ("apply one.json --yes", "the plan is of shard 1/4, but this run is of no shard"),
    ] {
        folder.keyless(command).exits(1).complains(&[words]);
    }
    assert!(azure.take_seen().is_empty());
    let run = folder.keyless("apply one.json --yes --shard 1/4 --format json").exits(0);
    assert_eq!(run.json()["shard"]["command"], "apply");
}

#[test]
fn what_each_shard_says_of_the_same_is_said_once() {
    let azure = Azure::start();
    let folder = fleet(&azure);
    // Which stack was probably meant does not depend on the shard.
    shards(&folder, "plan --retire team-0O");
    let run = folder.keyless("report merge reports --format json").exits(1);
    assert_eq!(run.findings(), ["stack-mismatch@0"], "{run}");
    for number in [1, 5, 9] {
        azure.spoil("GET", &format!("/subscriptions/{}/", subscription(number)), Fault::denied());
    }
    let whole = folder.keyless("plan --format json").exits(1).json();
    shards(&folder, "plan");
    let merged = folder.keyless("report merge reports --format json").exits(1).json();
    assert_eq!(merged["incomplete"], whole["incomplete"]);
    let mut gaps: Vec<String> =
        whole["incomplete"].as_array().unwrap().iter().map(ToString::to_string).collect();
    let all = gaps.len();
    gaps.dedup();
    assert_eq!(gaps.len(), all, "{whole}");
}

#[test]
fn why_no_report_can_be_read_is_told() {
    let folder = Folder::new();
    folder.write("reports/0.json", "{\"shard\": ");
    folder.write("reports/1.json", "");
    folder.keyless("report merge reports").exits(1).complains(&[
        "none of the files is a report of a run with `--shard`",
        "0.json` cannot be read: EOF while parsing",
        "1.json` cannot be read: ",
    ]);
}

#[test]
fn a_shard_given_to_a_command_that_knows_no_parts_is_refused() {
    let azure = Azure::start();
    let folder = azure.folder();
    for command in
        [&format!("export --subscription {SUB}"), "schema spec", "report merge x.json", "show x.json"]
    {
        let run = folder.keyless(&format!("{command} --shard 0/4")).exits(1);
        run.complains(&["`--shard` has no effect on `keyless"]);
        assert!(azure.take_seen().is_empty());
    }
    // A pod has the variable for everything that it runs.
    folder.with_env("schema spec", &[("KEYLESS_SHARD", "0/4")]).exits(0);
}

#[test]
fn reports_of_other_specs_or_options_are_not_merged() {
    let azure = Azure::start();
    let folder = fleet(&azure);
    shards(&folder, "drift");
    let reads = |words: &[&str]| {
        folder.keyless("report merge reports").exits(1).complains(words);
    };
    folder.keyless("drift --shard 1/4 --select team-01 --report json=reports/1.json").exits(0);
    reads(&["differ in what they read"]);
    without_bob(&folder, 5);
    shards(&folder, "validate");
    folder.keyless("report merge reports").exits(0).says(&["valid: stack team-00, team-01"]);
    without_bob(&folder, 6);
    folder.keyless("validate --shard 1/4 --report json=reports/1.json").exits(0);
    reads(&["differ in what they read"]);
}

#[test]
fn reports_of_another_night_are_not_taken_for_those_of_this_one() {
    let azure = Azure::start();
    let folder = fleet(&azure);
    shards(&folder, "drift");
    let whole = reports(&folder);
    let old = |report: &mut Value| report["shard"]["began"] = json!("2026-01-01T00:00:00Z");
    // A night in which no pod ran.
    let mut all = whole.clone();
    all.iter_mut().for_each(old);
    let run = merged_with(&folder, &all, 0, |_| {}).exits(1);
    assert_eq!(run.findings(), ["shard-missing@0"; SHARDS], "{run}");
    let run =
        merged_with(&folder, &whole, 1, |report| report["shard"]["began"] = json!("yesterday")).exits(1);
    assert_eq!(run.findings(), ["shard-missing@0"], "{run}");
    let run =
        merged_with(&folder, &whole, 1, |report| report["shard"]["began"] = json!("2126-01-01T00:00:00Z"));
    assert_eq!(run.exits(1).findings(), ["shard-missing@0"]);
    // Left from when there were more shards: it hides nothing, and blocks nothing.
    let mut left = whole[0].clone();
    old(&mut left);
    (left["shard"]["index"], left["shard"]["of"]) = (json!(6), json!(8));
    folder.write("reports/6.json", left.to_string());
    let run = merged_with(&folder, &whole, 0, |_| {}).exits(0);
    assert_eq!(run.findings(), ["old-report@0"], "{run}");
}

#[test]
fn what_reports_say_of_themselves_is_bounded_and_counted_anew() {
    let azure = Azure::start();
    let folder = fleet(&azure);
    shards(&folder, "drift");
    let whole = reports(&folder);
    let most = json!(u64::MAX);
    let run = merged_with(&folder, &whole, 1, |report| report["requests"]["reads"] = most.clone());
    assert_eq!(run.exits(0).json()["requests"]["reads"], most);
    for (index, of) in [(7, 4), (0, u32::MAX), (0, 0)] {
        let run = merged_with(&folder, &whole, 1, |report| {
            (report["shard"]["index"], report["shard"]["of"]) = (json!(index), json!(of));
        });
        assert_eq!(run.exits(1).findings(), ["shard-missing@0", "shard-missing@0"], "{index}/{of}");
    }
    // Of many that are missing, one finding.
    let mut many = whole[0].clone();
    many["shard"]["of"] = json!(10_000);
    folder.write("many.json", many.to_string());
    let run = folder.keyless("report merge many.json --format json").exits(1);
    assert_eq!(run.findings(), ["shard-missing@0"], "{run}");
    assert!(run.json()["findings"][0]["message"].to_string().contains("shards 1 to 9999 of 10000"), "{run}");
    // How much is known is known of the whole.
    let run = merged_with(&folder, &whole, 3, |report| {
        report["incomplete"] = json!([{"scope": "/subscriptions/x", "reason": "no"}]);
    });
    assert_eq!(run.json()["known"], "part");
    shards(&folder, "keys status");
    let run = merged_with(&folder, &reports(&folder), 1, |report| {
        report["summary"] = json!({"enabled": u64::MAX, "disabled": u64::MAX});
    });
    assert_eq!(run.exits(0).json()["summary"], json!({"enabled": 0, "disabled": STACKS}));
    disturb(&azure, &folder);
    shards(&folder, "apply --yes");
    let run = merged_with(&folder, &reports(&folder), 1, |report| report["summary"]["done"] = most.clone());
    assert_eq!(run.exits(0).json()["summary"]["done"], 5);
}

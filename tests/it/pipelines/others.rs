//! deploy/gitlab and deploy/azure-pipelines: the scripts of their jobs, in the environment that each host gives them. And what installs a release.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::host::{BOT, Host, STRANGER};
use super::runner::{search_path, yaml};
use crate::common::cloud::{Cloud, TENANT};
use crate::common::{ALICE, BOB, Folder, account, grants, one_account};

const GITLAB: &str = include_str!("../../../deploy/gitlab/keyless.gitlab-ci.yml");
const AZURE: &str = include_str!("../../../deploy/azure-pipelines/keyless.yml");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const FAR: i64 = 4_000_000_000;
const MARKER: &str = "<!-- keyless plan: stack=ml-platform environment= -->";

const ISSUER: &str = "https://hosts.test";
const IDENTITIES: [(&str, &str); 3] = [
    ("planner", "0000aaaa-0000-4000-8000-000000000001"),
    ("auditor", "0000aaaa-0000-4000-8000-000000000002"),
    ("applier", "0000aaaa-0000-4000-8000-000000000003"),
];

fn id(name: &str) -> &'static str {
    IDENTITIES.iter().find(|(each, _)| *each == name).unwrap().1
}

/// A cloud in which each identity signs in with an assertion about itself.
fn cloud() -> Cloud {
    let cloud = Cloud::start();
    cloud.know("users", &json!([{"id": ALICE, "userPrincipalName": "alice@contoso.com"}]));
    for (name, app) in IDENTITIES {
        let own = json!({"federatedCredentials": [{"issuer": ISSUER, "subject": name}]});
        let principal = cloud.application(name, app, own, Some("Reader"));
        if name == "applier" {
            cloud.grant(&principal, "Cognitive Services Contributor");
            cloud.grant(&principal, "Role Based Access Control Administrator");
        }
    }
    cloud
}

fn assertion(name: &str) -> String {
    crate::signing::federated(ISSUER, name, FAR)
}

fn folder(cloud: &Cloud) -> Folder {
    let folder = cloud.folder(&[]);
    let spec =
        one_account("ml-platform", "chat", &format!("disableLocalAuth: true\n{}", grants(&["\"${who}\""])));
    folder.write("specs/ml.yaml", format!("{spec}variables: {{who: {BOB}}}\n"));
    folder
}

/// More arguments of keyless, which a template takes one a line.
fn arguments() -> String {
    format!("--var\nwho={ALICE}")
}

/// A script of a job; (exit code, everything that it printed).
pub(super) fn bash(script: &str, at: &Path, variables: &[(String, String)]) -> (i32, String) {
    let mut command = Command::new("bash");
    command.args(["-eo", "pipefail", "-c", script]).current_dir(at).stdin(Stdio::null());
    command.env_clear().env("PATH", search_path()).envs(variables.iter().cloned());
    let ran = command.output().unwrap();
    let said = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (ran.status.code().unwrap(), said)
}

pub(super) fn owned<const N: usize>(variables: [(&str, &str); N]) -> Vec<(String, String)> {
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// Runs a job of the template for GitLab.
fn gitlab(name: &str, identity: &str, host: &Host, cloud: &Cloud, folder: &Folder) -> (i32, String) {
    let (_, jobs) = GITLAB.split_once("\n---\n").expect("inputs, then jobs");
    let filled = jobs
        .replace("$[[ inputs.stack ]]", "ml-platform")
        .replace("$[[ inputs.specs ]]", "specs")
        .replace("$[[ inputs.within ]]", "any")
        .replace("$[[ inputs.disclose ]]", "false")
        .replace("$[[ inputs.name ]]", "keyless")
        .replace("$[[ inputs.vars ]]", "")
        .replace("$[[ inputs.accept-drift ]]", "false")
        .replace("$[[ inputs.check-rights ]]", "false")
        .replace("$[[ inputs.scripts ]]", "group/keyless")
        .replace("/tmp/keyless/", &format!("{ROOT}/"));
    let jobs = yaml(&filled);
    let project = folder.path().display().to_string();
    let api = format!("{}/api/v4", host.url);
    let mut variables = cloud.variables();
    variables.extend(owned([
        ("GITLAB_CI", "true"),
        ("CI_API_V4_URL", &api),
        ("CI_PROJECT_ID", "9"),
        ("CI_PROJECT_DIR", &project),
        ("CI_SERVER_URL", "https://gitlab.test"),
        ("CI_MERGE_REQUEST_IID", "5"),
        ("CI_COMMIT_SHA", "1111111111"),
        ("CI_COMMIT_BRANCH", "main"),
        ("CI_PIPELINE_URL", "https://gitlab.test/pipelines/1"),
        ("GITLAB_TOKEN", "the-project's-own"),
        ("AZURE_TENANT_ID", TENANT),
        ("PLANNER_CLIENT_ID", id("planner")),
        ("AUDITOR_CLIENT_ID", id("auditor")),
        ("APPLIER_CLIENT_ID", id("applier")),
        ("KEYLESS_IDENTITY", &assertion(identity)),
    ]));
    // Whoever starts a pipeline by hand gives variables that go before those of a job.
    variables.extend(owned([("STACK", "theirs"), ("SPECS", "elsewhere"), ("SAVE", ""), ("NO_PLAN", "mine")]));
    variables.extend(owned([
        ("GITHUB_ACTIONS", "1"),
        ("GITHUB_API_URL", "http://127.0.0.1:1"),
        ("TF_BUILD", "True"),
    ]));
    variables.extend(owned([
        ("KEYLESS_VAR_WHO", BOB),
        ("KEYLESS_SELECT", "theirs"),
        ("KEYLESS_CLOUD", "china"),
    ]));
    let scripts = [&jobs[".keyless"]["before_script"], &jobs[name]["script"]];
    let lines: Vec<&str> =
        scripts.into_iter().flat_map(|lines| lines.as_array().unwrap()).filter_map(Value::as_str).collect();
    let lines: Vec<&str> = lines.into_iter().filter(|line| !line.starts_with("git ")).collect();
    bash(&lines.join("\n").replace("$[[ inputs.arguments ]]", &arguments()), folder.path(), &variables)
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_merge_request_of_gitlab_gets_a_plan_an_apply_and_an_issue_for_drift() {
    let (host, cloud) = (Host::start(), cloud());
    let folder = folder(&cloud);
    let run = |name: &str, identity: &str| gitlab(name, identity, &host, &cloud, &folder);
    host.say(5, STRANGER, &format!("{MARKER}\nall is well"));
    let (code, said) = run("keyless plan", "planner");
    assert_eq!(code, 0, "{said}");
    assert!(folder.path().join("keyless-results/codequality.json").is_file());
    for _ in 0..2 {
        let (code, said) = run("keyless comment", "planner");
        assert_eq!(code, 0, "{said}");
    }
    let notes = host.comments(5);
    assert_eq!(notes.len(), 2);
    assert!(
        notes[1].0 == BOT && notes[1].1.starts_with(MARKER) && notes[1].1.contains("2 to create"),
        "{notes:?}"
    );

    let (code, said) = run("keyless plan main", "auditor");
    assert_eq!(code, 0, "{said}");
    let (code, said) = run("keyless apply", "auditor");
    assert!(code == 1 && said.contains("AADSTS"), "only the job of the environment is the applier: {said}");
    let (code, said) = run("keyless plan main", "auditor");
    assert_eq!(code, 0, "{said}");
    std::fs::remove_dir_all(folder.path().join(".keyless-approved")).unwrap();
    // A later commit that touches the specs.
    let later = json!({"diffs": [{"old_path": "specs/ml.yaml", "new_path": "specs/ml.yaml"}]});
    host.with(|kept| (kept.head, kept.compared) = ("2222222222".to_owned(), later));
    let (code, said) = run("keyless apply", "applier");
    assert!(
        code == 1 && said.contains("main has moved on since 111111111 and changes specs/ml.yaml"),
        "{said}"
    );
    host.with(|kept| kept.compared = json!({"diffs": [{"old_path": "README.md", "new_path": "README.md"}]}));
    let (code, said) = run("keyless apply", "applier");
    assert_eq!(code, 0, "{said}");
    host.with(|kept| kept.head = "1111111111".to_owned());
    let chat = format!("{}?api-version=2025-06-01", account("chat"));
    assert!(
        cloud.send("PATCH", &chat, Some(json!({"properties": {"disableLocalAuth": false}}))).status < 300
    );
    let (code, said) = run("keyless drift", "auditor");
    assert_eq!(code, 2, "{said}");
    host.take_writes();
    let (code, said) = run("keyless issue", "auditor");
    assert_eq!(code, 0, "{said}");
    assert_eq!(host.take_writes(), ["POST /api/v4/projects/9/issues"]);
    assert!(cloud.send("PATCH", &chat, Some(json!({"properties": {"disableLocalAuth": true}}))).status < 300);
    assert_eq!(run("keyless drift", "auditor").0, 0);
    let (code, said) = run("keyless issue", "auditor");
    assert_eq!(code, 0, "{said}");
    let [issue] = host.with(|kept| kept.issues.clone()).try_into().unwrap();
    assert_eq!((&issue["state"], &issue["title"]), (&json!("closed"), &json!("Drift: stack ml-platform")));
}

/// What a job of GitLab begins with: scripts of the reviewed commit, and no variables of keyless from somebody else.
#[test]
fn a_job_of_gitlab_clones_the_scripts_and_drops_the_variables_of_others() {
    let (_, jobs) = GITLAB.split_once("\n---\n").unwrap();
    let jobs = yaml(jobs);
    let lines = jobs[".$[[ inputs.name ]]"]["before_script"].as_array().unwrap();
    let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
    let folder = Folder::new();
    folder.write("stubs/git", "#!/bin/sh\necho \"git $*\"\n");
    let path = folder.path().join("stubs").display().to_string();
    let header = "-c http.extraHeader=Authorization:Basic Z2l0bGFiLWNpLXRva2VuOnRoZS1qb2I= ";
    for (scripts, cloned) in [
        (
            "group/keyless",
            format!("{header}clone --quiet --no-checkout https://gitlab.test/group/keyless.git"),
        ),
        ("https://example.test/k.git", "clone --quiet --no-checkout https://example.test/k.git".to_owned()),
    ] {
        let script =
            lines.join("\n").replace("$[[ inputs.scripts ]]", scripts).replace("$[[ inputs.commit ]]", "abc");
        let variables = owned([
            ("CI_SERVER_URL", "https://gitlab.test"),
            ("CI_JOB_TOKEN", "the-job"),
            ("KEYLESS_IDENTITY", "identity"),
            ("KEYLESS_SECRET_SEARCH", "secret\nKEYLESS_IDENTITY=x"),
            ("KEYLESS_VAR_STAGE", "theirs"),
            ("KEYLESS_ENV", "theirs"),
            ("GITHUB_ACTIONS", "true"),
            ("TF_BUILD", "True"),
            ("JOB_COMPLETION_INDEX", "0"),
        ]);
        let (code, said) = bash(
            &format!("chmod +x {path}/git; PATH={path}:$PATH\n{script}\nenv"),
            folder.path(),
            &variables,
        );
        assert_eq!(code, 0, "{said}");
        assert!(
            said.starts_with(&format!(
                "git {cloned} /tmp/keyless\ngit -C /tmp/keyless checkout --quiet abc\n"
            )),
            "{said}"
        );
        assert!(
            said.contains("KEYLESS_SECRET_SEARCH=secret\n") && said.contains("KEYLESS_IDENTITY=identity\n")
        );
        assert!(
            !said.contains("theirs") && !said.contains("GITHUB_") && !said.contains("TF_BUILD"),
            "{said}"
        );
        assert!(
            said.contains("KEYLESS_CREDENTIAL=workload-identity\n") && !said.contains("JOB_COMPLETION"),
            "{said}"
        );
    }
}

/// Whoever reads a pull request of a fork learns why there is no plan.
#[test]
fn a_fork_gets_no_plan_on_any_host_and_a_job_says_so() {
    let said = "No plan. This ";
    let (_, jobs) = GITLAB.split_once("\n---\n").unwrap();
    let jobs = yaml(jobs);
    let of = |job: &str| jobs[format!("$[[ inputs.name ]] {job}").as_str()].clone();
    let rule = |job: &str| of(job)["rules"][0]["if"].as_str().unwrap().to_owned();
    assert_eq!(rule("plan"), rule("comment"));
    // In a pipeline of the fork, the project is the fork itself.
    assert!(rule("plan").ends_with("$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_MERGE_REQUEST_PROJECT_ID"));
    assert_eq!(rule("fork"), rule("plan").replace("_ID == ", "_ID != "));
    let (code, told) = bash(of("fork")["script"][0].as_str().unwrap(), Folder::new().path(), &[]);
    assert!(code == 0 && told.starts_with(said), "{told}");

    let template = yaml(AZURE);
    let jobs = template["stages"][0]["jobs"].as_array().unwrap();
    let [fork, plan, comment] = jobs.as_slice() else { panic!("{jobs:?}") };
    assert_eq!(fork["condition"], "eq(variables['System.PullRequest.IsFork'], 'True')");
    for job in [plan, comment] {
        let condition = job["condition"].as_str().unwrap();
        assert!(condition.contains("ne(variables['System.PullRequest.IsFork'], 'True')"), "{condition}");
    }
    let (code, told) = bash(fork["steps"][1]["bash"].as_str().unwrap(), Folder::new().path(), &[]);
    assert!(code == 0 && told.contains(said), "{told}");
}

/// Two includes of the template for GitLab share no job, no lock and no hidden job; an agent keeps no folder from one run of Azure Pipelines to
/// the next.
#[test]
fn stacks_and_runs_have_nothing_in_common() {
    let (_, jobs) = GITLAB.split_once("\n---\n").unwrap();
    let own = |name: &str| -> Vec<String> {
        let jobs = yaml(&jobs.replace("$[[ inputs.name ]]", name));
        let jobs = jobs.as_object().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let locks = jobs
            .values()
            .filter(|job| !job["resource_group"].is_null())
            .map(|job| text(&job["resource_group"]));
        let extended = jobs.values().filter(|job| !job["extends"].is_null()).map(|job| text(&job["extends"]));
        jobs.keys().cloned().chain(locks).chain(extended).collect()
    };
    let (first, second) = (own("eu"), own("us"));
    assert!(first.len() > 15 && !first.iter().any(|name| second.contains(name)), "{first:?}");

    let template = yaml(AZURE);
    let mut count = 0;
    for job in
        template["stages"].as_array().unwrap().iter().flat_map(|stage| stage["jobs"].as_array().unwrap())
    {
        let runs_nothing = job["steps"][0]["checkout"] == "none";
        assert!(runs_nothing || job["workspace"]["clean"] == "all", "{job}");
        count += 1;
    }
    assert_eq!(count, 7);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn teams_and_slack_hear_of_drift_and_of_nothing_else() {
    let (host, cloud) = (Host::start(), cloud());
    let folder = folder(&cloud);
    let url = format!("{}/webhook/s3cret-part-of-the-url", host.url);
    let variables = owned([("WEBHOOK", &url)]);
    let tell = |kind: &str| {
        bash(
            &format!("exec python3 {ROOT}/deploy/host/notify.py {kind} keyless-results"),
            folder.path(),
            &variables,
        )
    };
    for (job, identity) in
        [("keyless plan main", "auditor"), ("keyless apply", "applier"), ("keyless drift", "auditor")]
    {
        let (code, said) = gitlab(job, identity, &host, &cloud, &folder);
        assert_eq!(code, 0, "{said}");
    }
    assert_eq!(tell("teams"), (0, String::new()));
    let chat = format!("{}?api-version=2025-06-01", account("chat"));
    assert!(
        cloud.send("PATCH", &chat, Some(json!({"properties": {"disableLocalAuth": false}}))).status < 300
    );
    gitlab("keyless drift", "auditor", &host, &cloud, &folder);
    for kind in ["teams", "slack"] {
        let (code, said) = tell(kind);
        assert_eq!((code, said.trim()), (0, format!("stack ml-platform: told {kind}").as_str()));
    }
    let posted = host.with(|kept| kept.posted.clone());
    let card = &posted[0]["attachments"][0]["content"]["body"];
    assert_eq!(card[0]["inlines"][0]["text"], "Drift: stack ml-platform");
    assert!(card[1]["inlines"][0]["text"].as_str().unwrap().starts_with("1 differs"), "{card}");
    let line = card[2]["inlines"][0]["text"].as_str().unwrap();
    assert!(
        line.starts_with("changed: account chat: disableLocalAuth (changed by ") && line.contains(" at 20"),
        "{line}"
    );
    assert_eq!(posted[1]["blocks"][0]["text"]["type"], "plain_text");
    // The URL of a webhook is a secret, also if it is none, and whatever the answer quotes.
    let heard = |url: &str| {
        let hook = format!("exec python3 {ROOT}/deploy/host/notify.py slack keyless-results");
        bash(&hook, folder.path(), &owned([("WEBHOOK", url)]))
    };
    for wrong in [
        "127.0.0.1:1/s3cret",
        "http://127.0.0.1:1/s3cret s3cret",
        "http://127.0.0.1:1x/s3cret",
        "http://[::1/s3cret",
    ] {
        let (code, said) = heard(wrong);
        let none = "notify.py: keyless-results: WEBHOOK is not a URL: it must begin with https:// and have no blanks in it\n";
        assert_eq!((code, said.as_str()), (1, none), "{wrong}");
    }
    let (code, said) = heard(&format!("{}/nowhere/s3cret", host.url));
    assert!(code == 1 && said.contains("POST the webhook: 404") && !said.contains("s3cret"), "{said}");
    // A blank at the end came with the paste.
    assert_eq!(heard(&format!("{url}\n")).0, 0);
    host.with(|kept| kept.busy.push(("POST /webhook/s3cret-part-of-the-url".to_owned(), 404, "")));
    let (code, said) = tell("slack");
    assert!(code == 1 && said.contains("POST the webhook: 404") && !said.contains("s3cret"), "{said}");
    for broken in [url.trim_start_matches("http://").to_owned(), format!("{url} with s3cret")] {
        let (code, said) = bash(
            &format!("exec python3 {ROOT}/deploy/host/notify.py slack keyless-results"),
            folder.path(),
            &owned([("WEBHOOK", &broken)]),
        );
        assert!(code == 1 && said.contains("not a URL") && !said.contains("s3cret"), "{broken:?}: {said}");
    }
}

/// The scripts of a stage of the template for Azure Pipelines, with their variables.
fn scripts(stage: &str) -> Vec<(String, Value, Value)> {
    fn walk(value: &Value, found: &mut Vec<(String, Value, Value)>) {
        let script = value["inputs"]["inlineScript"].as_str().or(value["bash"].as_str());
        if let Some(script) = script {
            found.push((
                script.to_owned(),
                value["env"].clone(),
                value["inputs"]["azureSubscription"].clone(),
            ));
        }
        match value {
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            Value::Object(members) => members.values().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let template = yaml(AZURE);
    let stages = template["stages"].as_array().unwrap();
    let mut found = Vec::new();
    walk(stages.iter().find(|each| each["stage"] == stage).unwrap(), &mut found);
    found.retain(|(script, ..)| !script.contains("install.sh") && !script.contains("comes from a fork"));
    found
}

fn azure(stage: &str, host: &Host, cloud: &Cloud, folder: &Folder) -> Vec<(i32, String)> {
    let collection = format!("{}/org/", host.url);
    let work = folder.path().display().to_string();
    let mut results = Vec::new();
    for (script, env, connection) in scripts(stage) {
        let filled = |text: &str| {
            text.replace("${{ parameters.stack }}", "ml-platform")
                .replace("${{ parameters.specs }}", "specs")
                .replace("${{ parameters.within }}", "any")
                .replace("${{ parameters.disclose }}", "false")
                .replace("${{ parameters.allow }}", " ")
                .replace("${{ parameters.vars }}", "")
                .replace("${{ parameters.arguments }}", &arguments())
                .replace("${{ parameters.acceptDrift }}", "false")
                .replace("${{ parameters.checkRights }}", "false")
                .replace("${{ parameters.workItemType }}", "Task")
                .replace("$(Pipeline.Workspace)", &work)
                .replace("$(System.AccessToken)", "the-build's-own")
        };
        let mut variables = cloud.variables();
        variables.extend(owned([
            ("TF_BUILD", "True"),
            ("PIPELINE_WORKSPACE", &work),
            ("AGENT_TEMPDIRECTORY", &work),
            ("SYSTEM_COLLECTIONURI", &collection),
            ("SYSTEM_TEAMPROJECT", "ml team"),
            ("BUILD_REPOSITORY_ID", "r"),
            ("BUILD_BUILDID", "12"),
            ("SYSTEM_PULLREQUEST_PULLREQUESTID", "5"),
            ("SYSTEM_PULLREQUEST_SOURCECOMMITID", "1111111111"),
            ("BUILD_SOURCEVERSION", "1111111111"),
            ("BUILD_SOURCEBRANCH", "refs/heads/main"),
        ]));
        if let Some(connection) = connection.as_str() {
            let name = connection.trim_start_matches("${{ parameters.").trim_end_matches(" }}");
            variables.extend(owned([
                ("tenantId", TENANT),
                ("servicePrincipalId", id(name)),
                ("idToken", &assertion(name)),
            ]));
        }
        for (name, value) in env.as_object().into_iter().flatten() {
            variables.push((name.clone(), filled(value.as_str().unwrap())));
        }
        let script = script.replace("$PIPELINE_WORKSPACE/keyless/", &format!("{ROOT}/"));
        results.push(bash(&script, folder.path(), &variables));
        // What follows a failed step is skipped; only the jobs of comments and issues go on.
        if stage == "apply" && results.last().is_some_and(|(code, _)| *code != 0) {
            break;
        }
    }
    results
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_pull_request_of_azure_devops_gets_a_plan_and_an_apply() {
    let (host, cloud) = (Host::start(), cloud());
    let folder = folder(&cloud);
    let run = |stage: &str| azure(stage, &host, &cloud, &folder);
    host.say(5, STRANGER, &format!("{MARKER}\nall is well"));
    for _ in 0..2 {
        let results = run("plan");
        assert!(results.iter().all(|(code, _)| *code == 0) && results.len() == 2, "{results:?}");
        assert!(results[0].1.contains("##vso[task.uploadsummary]"), "{}", results[0].1);
    }
    let comments = host.comments(5);
    assert_eq!(comments.len(), 2);
    let link = format!("Commit 111111111, [run]({}/org/ml%20team/_build/results?buildId=12).", host.url);
    assert!(comments[1].1.starts_with(MARKER) && comments[1].1.contains(&link), "{comments:?}");
    let results = run("plan_main");
    assert!(
        results[0].1.contains("##vso[task.setvariable variable=changes;isOutput=true]true"),
        "{results:?}"
    );
    // A later commit that touches the specs stops the first of two steps.
    let changes =
        json!([{"item": {"path": "/specs", "isFolder": true}}, {"item": {"path": "/specs/ml.yaml"}}]);
    let later = json!({"commonCommit": "1111111111", "changes": changes, "allChangesIncluded": true});
    host.with(|kept| kept.compared = later);
    let newest = &run("apply")[0];
    assert!(
        newest.0 == 1 && newest.1.contains("main has moved on since 111111111 and changes specs/ml.yaml"),
        "{}",
        newest.1
    );
    host.with(|kept| kept.compared = json!({}));
    let results = run("apply");
    assert!(results.iter().all(|(code, _)| *code == 0), "{results:?}");
    let results = run("drift");
    assert_eq!(results.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [0, 0], "{results:?}");
    assert!(results[1].1.contains("no drift, no issue"), "{}", results[1].1);
    assert_eq!(run("plan").len(), 2);
    assert!(host.comments(5)[1].1.contains("**No changes; 2 unchanged.**"));
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn drift_opens_one_work_item_of_azure_devops_and_closes_it() {
    let (host, cloud) = (Host::start(), cloud());
    let folder = folder(&cloud);
    let run = |stage: &str| azure(stage, &host, &cloud, &folder);
    let live = |properties: Value| {
        let chat = format!("{}?api-version=2025-06-01", account("chat"));
        assert!(cloud.send("PATCH", &chat, Some(json!({"properties": properties}))).status < 300);
    };
    for stage in ["plan_main", "apply"] {
        let results = run(stage);
        assert!(results.iter().all(|(code, _)| *code == 0), "{results:?}");
    }
    // Somebody else's item with the same tag is left alone.
    let tag = "keyless drift: stack=ml-platform environment=";
    let theirs = json!({"number": 1, "author": STRANGER, "title": "mine", "body": "text", "state": "open", "labels": format!("keyless; {tag}")});
    host.with(|kept| kept.issues.push(theirs.clone()));
    let drift = |expected: i32| {
        host.take_writes();
        let results = run("drift");
        assert_eq!(results.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [expected, 0], "{results:?}");
        let mut writes = host.take_writes();
        writes.retain(|line| !line.ends_with("/wiql") && !line.ends_with("/workitemsbatch"));
        writes.iter().map(|line| line.replace("/org/ml%20team/_apis/wit", "")).collect::<Vec<_>>()
    };
    live(json!({"disableLocalAuth": false}));
    assert_eq!(drift(2), ["POST /workitems/$Task"]);
    let [_, item] = host.with(|kept| kept.issues.clone()).try_into().unwrap();
    assert_eq!(
        (&item["title"], &item["labels"]),
        (&json!("Drift: stack ml-platform"), &json!(format!("keyless; {tag}")))
    );
    let text = item["body"].as_str().unwrap();
    assert!(text.contains("API keys") && text.contains("Commit 111111111, [run]"), "{text}");
    let number = item["number"].as_u64().unwrap();
    // The same drift again is told once; another is a comment.
    assert_eq!(drift(2), [format!("PATCH /workitems/{number}")]);
    cloud.send("DELETE", &format!("{}?api-version=2022-04-01", assignment(&cloud)), None);
    assert_eq!(
        drift(2),
        [format!("POST /workItems/{number}/comments"), format!("PATCH /workitems/{number}")]
    );
    let results = [run("plan_main"), run("apply")].concat();
    assert!(results.iter().all(|(code, _)| *code == 0), "{results:?}");
    assert_eq!(
        drift(0),
        [format!("POST /workItems/{number}/comments"), format!("PATCH /workitems/{number}")]
    );
    let states = host.with(|kept| kept.issues.iter().map(|each| each["state"].clone()).collect::<Vec<_>>());
    assert_eq!(states, ["open", "closed"]);
    assert_eq!(host.with(|kept| kept.issues[0].clone()), theirs);
}

/// The id of the only role assignment.
fn assignment(cloud: &Cloud) -> String {
    let list = format!(
        "{}/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01&$filter=atScope()",
        account("chat")
    );
    let answer = cloud.send("GET", &list, None);
    let own = |one: &&Value| one["properties"]["principalId"] == ALICE;
    answer.body["value"].as_array().unwrap().iter().find(own).unwrap()["id"].as_str().unwrap().to_owned()
}

#[test]
fn an_archive_is_installed_only_if_it_is_the_one_that_was_reviewed() {
    let host = Host::start();
    let folder = Folder::new();
    let make = "mkdir keyless-1 && printf '#!/bin/sh\\necho keyless 1\\n' > keyless-1/keyless && chmod +x keyless-1/keyless && \
                tar -czf a.tar.gz keyless-1 && sha256sum a.tar.gz";
    let (code, said) = bash(make, folder.path(), &[]);
    assert_eq!(code, 0, "{said}");
    let sum = said.split(' ').next().unwrap();
    let archive = std::fs::read(folder.path().join("a.tar.gz")).unwrap();
    host.with(|kept| kept.files.insert("/releases/a.tar.gz".to_owned(), archive));
    let install = |sum: &str| {
        bash(
            &format!("exec {ROOT}/deploy/host/install.sh {}/releases/a.tar.gz {sum} bin", host.url),
            folder.path(),
            &[],
        )
    };
    let (code, said) = install(&"0".repeat(64));
    assert!(code == 1 && said.contains(&format!("the archive's SHA-256 is {sum}, not 000")), "{said}");
    assert!(!folder.path().join("bin").exists());
    assert_eq!(install("nothing").0, 1);
    let (code, said) = install(sum);
    assert!(code == 0 && said == "keyless 1\n", "{said}");
    assert!(folder.path().join("bin/keyless").is_file());
}

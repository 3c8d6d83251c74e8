//! deploy/github: the workflow that users copy, and the actions that it uses.

use serde_json::{Value, json};

use super::host::{BOT, Host, STRANGER};
use super::runner::{Event, Repository, Run};
use crate::common::cloud::{Cloud, TENANT};
use crate::common::{ALICE, BOB, CS_USER, SUB, account, assignment, grants, one_account, role};

const WORKFLOW: &str = include_str!("../../../deploy/github/workflow.yml");
const NAME: &str = "team/estate";
const PLANNER: &str = "0000aaaa-0000-4000-8000-000000000001";
const AUDITOR: &str = "0000aaaa-0000-4000-8000-000000000002";
const APPLIER: &str = "0000aaaa-0000-4000-8000-000000000003";
const MARKER: &str = "<!-- keyless plan: stack=ml-platform environment= -->";

/// The workflow with the group of these tests.
fn workflow() -> String {
    assert!(WORKFLOW.contains("resourceGroups/rg-ai\n"));
    WORKFLOW.replace("resourceGroups/rg-ai\n", "resourceGroups/rg\n")
}

/// A cloud with the three identities, each for runs of its own kind.
fn cloud() -> Cloud {
    let cloud = Cloud::start();
    let people = json!([{"id": ALICE, "userPrincipalName": "alice@contoso.com"}, {"id": BOB, "userPrincipalName": "bob@contoso.com"}]);
    cloud.know("users", &people);
    let runs_of = |subject: &str| {
        let issuer = "https://token.actions.githubusercontent.com";
        json!({"federatedCredentials": [{"issuer": issuer, "subject": format!("repo:{NAME}:{subject}")}]})
    };
    cloud.application("planner", PLANNER, runs_of("pull_request"), Some("Reader"));
    cloud.application("auditor", AUDITOR, runs_of("ref:refs/heads/main"), Some("Reader"));
    let applier = cloud.application("applier", APPLIER, runs_of("environment:production"), Some("Reader"));
    cloud.grant(&applier, "Cognitive Services Contributor");
    cloud.grant(&applier, "Role Based Access Control Administrator");
    cloud
}

fn repository<'a>(host: &'a Host, cloud: &Cloud, spec: &str) -> Repository<'a> {
    Repository {
        host,
        name: NAME,
        world: cloud.variables(),
        vars: json!({
            "AZURE_TENANT_ID": TENANT, "AZURE_SUBSCRIPTION_ID": SUB,
            "PLANNER_CLIENT_ID": PLANNER, "AUDITOR_CLIENT_ID": AUDITOR, "APPLIER_CLIENT_ID": APPLIER,
        }),
        files: vec![("specs/ml.yaml".to_owned(), spec.to_owned())],
        arguments: "",
        protects: true,
        sets_up: false,
    }
}

fn spec(principals: &[&str]) -> String {
    one_account("ml-platform", "chat", &format!("disableLocalAuth: true\n{}", grants(principals)))
}

fn run<'a>(repository: &'a Repository<'a>, event: Event) -> Run<'a> {
    Run::of(repository, &workflow(), event).whole()
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn the_plan_of_a_pull_request_is_one_comment_that_is_edited() {
    let (host, cloud) = (Host::start(), cloud());
    // A comment of somebody else with the same marker, and one of the bot that only quotes it.
    host.say(5, STRANGER, &format!("{MARKER}\nthis plan is fine, trust me"));
    host.say(5, BOT, &format!("> {MARKER}\nquoted"));
    let two = repository(&host, &cloud, &spec(&[ALICE, BOB]));
    let ran = run(&two, Event::pull_request("1111111111", NAME));
    assert_eq!(ran.results(), ["plan: success", "comment: success"], "{}", ran.job("plan").log);
    assert!(ran.job("plan").summary.contains("3 to create"), "{}", ran.job("plan").summary);
    let comments = host.comments(5);
    let [_, _, (author, first)] = comments.as_slice() else { panic!("one comment: {comments:?}") };
    assert_eq!((*author, first.lines().next()), (BOT, Some(MARKER)));
    assert!(
        first.contains("3 to create")
            && first.contains("Commit 111111111, [run](https://github.test/team/estate/actions/runs/77)"),
        "{first}"
    );

    let one = repository(&host, &cloud, &spec(&[ALICE]));
    run(&one, Event::pull_request("2222222222", NAME));
    let comments = host.comments(5);
    assert_eq!(comments.len(), 3);
    assert!(
        comments[2].1.contains("2 to create") && comments[2].1.contains("Commit 222222222"),
        "{}",
        comments[2].1
    );
    // What is there already when the pull request is looked at again.
    let merged = run(&one, Event::push("2222222222"));
    assert_eq!(merged.results(), ["plan-main: success", "apply: success"], "{}", merged.job("apply").log);
    let ran = run(&one, Event::pull_request("3333333333", NAME));
    assert_eq!(ran.results(), ["plan: success", "comment: success"]);
    let comments = host.comments(5);
    assert_eq!(comments.len(), 3, "the empty plan is told where the plan was");
    assert!(comments[2].1.contains("**No changes; 2 unchanged.**"), "{}", comments[2].1);
    assert_eq!(comments[0].1, format!("{MARKER}\nthis plan is fine, trust me"));
    assert_eq!(comments[1].1, format!("> {MARKER}\nquoted"));
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_empty_plan_alone_makes_no_comment() {
    let (host, cloud) = (Host::start(), cloud());
    let repository = repository(&host, &cloud, &spec(&[ALICE]));
    run(&repository, Event::push("1111111111"));
    let ran = run(&repository, Event::pull_request("2222222222", NAME));
    assert!(
        ran.job("comment").log.contains("stack ml-platform: nothing changes, no comment"),
        "{}",
        ran.job("comment").log
    );
    assert!(host.comments(5).is_empty());
}

#[test]
fn a_spec_with_mistakes_fails_the_job_and_the_comment_says_why() {
    let (host, cloud) = (Host::start(), cloud());
    let wrong = spec(&[ALICE]).replace("disableLocalAuth", "disableLocalAut");
    let repository = repository(&host, &cloud, &wrong);
    let ran = run(&repository, Event::pull_request("1111111111", NAME));
    assert_eq!(ran.results(), ["plan: failure", "comment: success"], "{}", ran.job("plan").log);
    let comments = host.comments(5);
    assert!(comments[0].1.contains("disableLocalAut"), "{comments:?}");
}

#[test]
fn a_fork_and_dependabot_get_no_plan_and_the_job_says_so() {
    let (host, cloud) = (Host::start(), cloud());
    let repository = repository(&host, &cloud, &spec(&[ALICE]));
    cloud.take_asked();
    let ran = run(&repository, Event::pull_request("1111111111", "stranger/estate"));
    assert_eq!(ran.results(), ["plan: success"]);
    let said = "No plan. This pull request comes from a fork, and forks get no identity in Azure.";
    assert!(ran.job("plan").log.contains(said), "{}", ran.job("plan").log);
    assert!(ran.job("plan").summary.contains("no plan"), "{}", ran.job("plan").summary);
    let ran = run(&repository, Event { actor: "dependabot[bot]", ..Event::pull_request("1111111111", NAME) });
    assert_eq!(ran.results(), ["plan: success", "comment: success"]);
    assert!(ran.job("plan").log.contains("Runs of Dependabot get no identity in Azure"));
    assert!(ran.job("comment").log.contains("Nothing to say"), "{}", ran.job("comment").log);
    assert_eq!(cloud.take_asked(), [""; 0], "nobody signed in");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_is_applied_was_planned_on_main_in_the_same_run_before_the_approval() {
    let (host, cloud) = (Host::start(), cloud());
    let repository = repository(&host, &cloud, &spec(&[ALICE]));
    let text = workflow();
    let mut ran = Run::of(&repository, &text, Event::push("1111111111"));
    assert!(!ran.goes_on(false), "the plan is made, and the environment is asked for");
    assert_eq!(ran.results(), ["plan-main: success"], "{}", ran.job("plan-main").log);
    assert!(ran.job("plan-main").summary.contains("2 to create"));
    assert!(ran.artifact("keyless-plan-ml-platform").join("plan.json").is_file());
    let chat = format!("{}?api-version=2025-06-01", account("chat"));
    assert_eq!(cloud.send("GET", &chat, None).status, 404, "nothing before the approval");
    assert!(ran.goes_on(true));
    assert_eq!(ran.results(), ["plan-main: success", "apply: success"], "{}", ran.job("apply").log);
    assert!(ran.job("apply").summary.contains("2 done"), "{}", ran.job("apply").summary);
    assert_eq!(cloud.send("GET", &chat, None).body["properties"]["disableLocalAuth"], true);
    // Nothing to change: nobody is asked for an approval.
    let again = run(&repository, Event::push("1111111111"));
    assert_eq!(again.results(), ["plan-main: success"]);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_approved_plan_is_refused_if_azure_or_main_has_changed_since() {
    let (host, cloud) = (Host::start(), cloud());
    let first = repository(&host, &cloud, &spec(&[ALICE]));
    run(&first, Event::push("1111111111"));
    let second = repository(
        &host,
        &cloud,
        &spec(&[ALICE]).replace("disableLocalAuth: true\n", "disableLocalAuth: true\n    tags: {team: ml}\n"),
    );
    let text = workflow();
    let mut waits = Run::of(&second, &text, Event::push("2222222222"));
    assert!(!waits.goes_on(false));
    // Somebody changes the account by hand meanwhile.
    let change = json!({"tags": {"owner": "bob", "keyless-stack": "ml-platform"}});
    let chat = format!("{}?api-version=2025-06-01", account("chat"));
    assert!(cloud.send("PATCH", &chat, Some(change)).status < 300);
    waits.goes_on(true);
    assert_eq!(waits.results(), ["plan-main: success", "apply: failure"]);
    assert!(waits.job("apply").log.contains("chat"), "{}", waits.job("apply").log);
    assert!(cloud.send("GET", &chat, None).body["tags"]["team"].is_null());

    let mut waits = Run::of(&second, &text, Event::push("2222222222"));
    assert!(!waits.goes_on(false));
    let later =
        json!({"status": "ahead", "files": [{"filename": "README.md"}, {"filename": "specs/ml.yaml"}]});
    host.with(|kept| kept.compared = later);
    waits.goes_on(true);
    assert_eq!(waits.results(), ["plan-main: success", "apply: failure"]);
    let said = "main has moved on since 222222222 and changes specs/ml.yaml: nothing is applied; approve the newest run instead";
    assert!(waits.job("apply").log.contains(said), "{}", waits.job("apply").log);
    // Of a spec that is named as a file, what lies beside it counts too.
    let stack = "          stack: ml-platform\n";
    let named = text.replace(stack, &format!("{stack}          specs: specs/ml.yaml\n"));
    assert!(named.contains("specs/ml.yaml"));
    for beside in ["specs/prod.vars.yaml", "specs/ml.lock.json"] {
        host.with(|kept| kept.compared = json!({"status": "ahead", "files": [{"filename": beside}]}));
        let ran = Run::of(&second, &named, Event::push("2222222222")).whole();
        assert_eq!(ran.results(), ["plan-main: success", "apply: failure"], "{beside}");
    }
    // Commits that touch no spec do not matter.
    host.with(|kept| kept.compared = json!({"status": "ahead", "files": [{"filename": "README.md"}]}));
    assert_eq!(run(&second, Event::push("2222222222")).results(), ["plan-main: success", "apply: success"]);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn each_identity_can_do_its_own_job_only() {
    let (host, cloud) = (Host::start(), cloud());
    // A pull request that rewrites the workflow: its run is still one of a pull request.
    let rewritten = workflow()
        .replace("if: github.event_name == 'pull_request'\n", "if: github.event_name == 'none'\n")
        .replace("github.ref == 'refs/heads/main' && (github.event_name == 'push' || github.event_name == 'workflow_dispatch')", "github.event_name == 'pull_request'")
        .replace("    environment: production\n", "");
    let repository = repository(&host, &cloud, &spec(&[ALICE]));
    let ran = Run::of(&repository, &rewritten, Event::pull_request("1111111111", NAME)).whole();
    assert_eq!(ran.job("plan-main").result, "failure");
    assert!(ran.job("plan-main").log.contains("AADSTS"), "{}", ran.job("plan-main").log);
    let as_planner = rewritten.replace("vars.AUDITOR_CLIENT_ID", "vars.PLANNER_CLIENT_ID");
    let ran = Run::of(&repository, &as_planner, Event::pull_request("1111111111", NAME)).whole();
    assert_eq!((ran.job("plan-main").result, ran.job("apply").result), ("success", "failure"));
    assert!(
        ran.job("apply").log.contains("a pull request's run applies nothing"),
        "{}",
        ran.job("apply").log
    );
    // One that names the environment, and calls keyless itself: only the rule of the environment stops it, as docs/bootstrap.md says.
    let asks_for_the_applier = "permissions: {}
jobs:
  mine:
    environment: production
    permissions: {contents: read, id-token: write}
    steps:
      - uses: actions/checkout@COMMIT
      - run: keyless apply specs --yes
        env:
          KEYLESS_CREDENTIAL: github-oidc
          AZURE_TENANT_ID: ${{ vars.AZURE_TENANT_ID }}
          AZURE_CLIENT_ID: ${{ vars.APPLIER_CLIENT_ID }}
";
    let chat = format!("{}?api-version=2025-06-01", account("chat"));
    for (protects, result, status) in [(true, "failure", 404), (false, "success", 200)] {
        let repository = Repository { protects, ..self::repository(&host, &cloud, &spec(&[ALICE])) };
        let event = Event::pull_request("1111111111", NAME);
        let ran = Run::of(&repository, asks_for_the_applier, event).whole();
        assert_eq!(ran.job("mine").result, result, "{}", ran.job("mine").log);
        assert_eq!(ran.job("mine").log.contains("is not allowed to deploy to production"), protects);
        assert_eq!(cloud.send("GET", &chat, None).status, status);
    }
}

/// An applier that may give any role is found out before it writes anything.
#[test]
fn apply_checks_the_rights_of_its_identity_if_it_should() {
    let (host, cloud) = (Host::start(), cloud());
    let repository = repository(&host, &cloud, &spec(&[ALICE]));
    let id = "client-id: ${{ vars.APPLIER_CLIENT_ID }}\n";
    let checked = workflow().replace(id, &format!("{id}          check-rights: true\n"));
    assert!(checked.contains("check-rights"));
    let ran = Run::of(&repository, &checked, Event::push("1111111111")).whole();
    assert_eq!(ran.results(), ["plan-main: success", "apply: failure"]);
    let log = &ran.job("apply").log;
    assert!(log.contains("BROKEN  delegation") && log.contains("too wide"), "{log}");
    let chat = format!("{}?api-version=2025-06-01", account("chat"));
    assert_eq!(cloud.send("GET", &chat, None).status, 404, "nothing was written");
}

/// keyless is built from the commit of the action or downloaded, and is what later steps run.
#[test]
fn setup_puts_keyless_on_the_path() {
    let (host, cloud) = (Host::start(), cloud());
    let folder = crate::common::Folder::new();
    // As cargo would, a program that says what it was built from.
    let cargo = "#!/bin/sh\nfor root; do :; done\nmkdir -p \"$root/bin\"\nprintf '#!/bin/sh\\necho built in %s\\n' \"$PWD\" >\"$root/bin/keyless\"\nchmod +x \"$root/bin/keyless\"\n";
    folder.write("stubs/cargo", cargo);
    folder.write("stubs/rustup", "#!/bin/sh\n");
    folder.write("a/keyless", "#!/bin/sh\necho downloaded\n");
    let make = "chmod +x stubs/* a/keyless && tar -czf a.tar.gz a && sha256sum a.tar.gz && cat a.tar.gz >stubs.tar.gz";
    let (code, said) = super::others::bash(make, folder.path(), &[]);
    assert_eq!(code, 0, "{said}");
    let sum = said.split(' ').next().unwrap();
    let archive = std::fs::read(folder.path().join("a.tar.gz")).unwrap();
    host.with(|kept| kept.files.insert("/releases/a.tar.gz".to_owned(), archive));
    let mut repository = Repository { sets_up: true, ..repository(&host, &cloud, "") };
    repository.world.push(("STUBS".to_owned(), folder.path().join("stubs").display().to_string()));
    let archive = format!("{{archive: \"{}/releases/a.tar.gz\", sha256: \"{sum}\"}}", host.url);
    let built = format!("built in {}", env!("CARGO_MANIFEST_DIR"));
    for (with, said) in [("{}", built.as_str()), ("{cache: \"false\"}", &built), (&archive, "downloaded")] {
        let text = format!(
            "permissions: {{}}\njobs:\n  one:\n    steps:\n      - run: echo \"$STUBS\" >>\"$GITHUB_PATH\"\n      - uses: ORG/keyless/deploy/github/setup@COMMIT\n        with: {with}\n      - run: keyless\n"
        );
        let ran = Run::of(&repository, &text, Event::push("1111111111")).whole();
        let job = ran.job("one");
        assert!(job.result == "success" && job.log.ends_with(&format!("{said}\n")), "{with}: {}", job.log);
    }
    let wrong = archive.replace(sum, &"0".repeat(64));
    let text = format!(
        "permissions: {{}}\njobs:\n  one:\n    steps:\n      - uses: ORG/keyless/deploy/github/setup@COMMIT\n        with: {wrong}\n      - run: keyless\n"
    );
    let ran = Run::of(&repository, &text, Event::push("1111111111")).whole();
    assert!(
        ran.job("one").result == "failure" && ran.job("one").log.contains("not 0000"),
        "{}",
        ran.job("one").log
    );
}

fn drifts(cloud: &Cloud) {
    let by_hand = json!({"properties": {"roleDefinitionId": role(CS_USER), "principalId": BOB, "principalType": "User"}});
    let path = assignment(&account("chat"), "d0000000-0000-4000-8000-000000000001");
    assert_eq!(cloud.send("PUT", &format!("{path}?api-version=2022-04-01"), Some(by_hand)).status, 201);
}

fn open_issues(host: &Host) -> Vec<Value> {
    host.with(|kept| kept.issues.iter().filter(|issue| issue["state"] == "open").cloned().collect())
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn drift_opens_one_issue_which_is_edited_and_closed() {
    let (host, cloud) = (Host::start(), cloud());
    let repository = repository(&host, &cloud, &spec(&[ALICE]));
    run(&repository, Event::push("1111111111"));
    let ran = run(&repository, Event::schedule("1111111111"));
    assert_eq!(ran.results(), ["drift: success", "issue: success"], "{}", ran.job("drift").log);
    assert!(ran.job("issue").log.contains("no drift, no issue"));

    drifts(&cloud);
    let ran = run(&repository, Event::schedule("1111111111"));
    assert_eq!(
        ran.results(),
        ["drift: failure", "issue: success"],
        "{}{}",
        ran.job("drift").log,
        ran.job("issue").log
    );
    let issues = open_issues(&host);
    let [issue] = issues.as_slice() else { panic!("one issue: {issues:?}") };
    assert_eq!(issue["title"], "Drift: stack ml-platform");
    let text = issue["body"].as_str().unwrap();
    assert!(text.starts_with("<!-- keyless drift: stack=ml-platform environment= -->\n"), "{text}");
    assert!(text.contains("**1 extra") && text.contains("created by"), "{text}");

    // The job that the page has for chats, in the same workflow.
    let page = std::fs::read_to_string(format!("{}/docs/pipelines.md", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let job = page.split("```yaml\n").find(|block| block.contains("deploy/github/notify@COMMIT")).unwrap();
    let with_chat = format!("{}\n{}", workflow(), job.split("```").next().unwrap());
    let mut hooked = self::repository(&host, &cloud, &spec(&[ALICE]));
    hooked.vars["secrets"] = json!({"TEAMS_WEBHOOK": format!("{}/webhook/s3cret", host.url)});
    let ran = Run::of(&hooked, &with_chat, Event::schedule("1111111111")).whole();
    assert!(ran.results().contains(&"notify: success".to_owned()), "{}", ran.job("notify").log);
    assert_eq!(ran.job("notify").log, "stack ml-platform: told teams\n");
    let posted = host.with(|kept| kept.posted.remove(0)).to_string();
    assert!(posted.contains("Drift: stack ml-platform") && posted.contains("created by"), "{posted}");

    // The same again: the issue is brought up to date, and nobody is told twice.
    let number = issue["number"].as_u64().unwrap();
    run(&repository, Event::schedule("1111111111"));
    assert_eq!(open_issues(&host).len(), 1);
    assert_eq!(host.comments(number), []);
    // Something else differs too.
    let chat = format!("{}?api-version=2025-06-01", account("chat"));
    assert!(
        cloud.send("PATCH", &chat, Some(json!({"properties": {"disableLocalAuth": false}}))).status < 300
    );
    run(&repository, Event::schedule("1111111111"));
    assert_eq!(open_issues(&host).len(), 1);
    let comments = host.comments(number);
    assert!(
        comments.len() == 1 && comments[0].1.starts_with("What differs has changed. **1 differs"),
        "{comments:?}"
    );

    // Azure cannot be read: nothing is known, and the issue stays.
    cloud.line(crate::common::cloud::ARM, crate::common::cloud::Line::Refused);
    let ran = run(&repository, Event::schedule("1111111111"));
    assert!(
        ran.job("issue").log.contains("drift could not be judged; issues stay as they are"),
        "{}",
        ran.job("issue").log
    );
    assert_eq!(open_issues(&host).len(), 1);
    cloud.line(crate::common::cloud::ARM, crate::common::cloud::Line::Open);

    let path = assignment(&account("chat"), "d0000000-0000-4000-8000-000000000001");
    assert!(cloud.send("DELETE", &format!("{path}?api-version=2022-04-01"), None).status < 300);
    assert!(cloud.send("PATCH", &chat, Some(json!({"properties": {"disableLocalAuth": true}}))).status < 300);
    let ran = run(&repository, Event::schedule("1111111111"));
    assert_eq!(ran.results(), ["drift: success", "issue: success"]);
    assert!(open_issues(&host).is_empty());
    let comments = host.comments(number);
    assert!(comments[1].1.starts_with("No drift any more."), "{comments:?}");
    drifts(&cloud);
    run(&repository, Event::schedule("1111111111"));
    assert_eq!(open_issues(&host).len(), 1);
    assert_ne!(open_issues(&host)[0]["number"], number, "later drift has an issue of its own");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_busy_host_is_asked_again_and_a_refusal_is_told_without_the_token() {
    let (host, cloud) = (Host::start(), cloud());
    let repository = repository(&host, &cloud, &spec(&[ALICE]));
    host.with(|kept| {
        kept.busy.push(("POST /graphql".to_owned(), 502, ""));
        kept.busy.push(("GET /repos/team/estate/issues/5/comments".to_owned(), 500, ""));
        kept.busy.push(("POST /repos/team/estate/issues/5/comments".to_owned(), 403, "reset"));
        kept.busy.push(("POST /repos/team/estate/issues/5/comments".to_owned(), 429, "0"));
    });
    run(&repository, Event::pull_request("1111111111", NAME));
    assert_eq!(host.comments(5).len(), 1);
    let without =
        workflow().replace("permissions: {pull-requests: write}", "permissions: {pull-requests: read}");
    let ran = Run::of(&repository, &without, Event::pull_request("2222222222", NAME)).whole();
    assert_eq!(ran.job("comment").result, "failure");
    let log = &ran.job("comment").log;
    assert!(log.contains("403 Resource not accessible by integration"), "{log}");
    assert!(!log.contains(&super::host::token(&json!({"pull-requests": "read"}))), "{log}");
}

/// The one comment that is made of what a plan's job left.
fn commented(left: &[(&str, &str)]) -> String {
    let (host, cloud) = (Host::start(), cloud());
    let repository = repository(&host, &cloud, &spec(&[ALICE]));
    let only_comment = "permissions: {}\njobs:\n  comment:\n    permissions: {pull-requests: write}\n    steps:\n      - uses: ORG/keyless/deploy/github/comment@COMMIT\n";
    let mut posts = Run::of(&repository, only_comment, Event::pull_request("1111111111", NAME));
    let artifact = posts.artifact("keyless-plan-ml-platform");
    std::fs::create_dir_all(&artifact).unwrap();
    let ran =
        json!({"command": "plan", "stack": "ml-platform", "environment": "", "exitCode": 2}).to_string();
    for (name, text) in left.iter().chain(&[("run.json", ran.as_str())]) {
        std::fs::write(artifact.join(name), text).unwrap();
    }
    assert!(posts.goes_on(true));
    let comments = host.comments(5);
    assert_eq!(comments.len(), 1, "{}", posts.job("comment").log);
    comments[0].1.clone()
}

#[test]
fn a_long_plan_fits_into_a_comment() {
    let long: String = "| a row | of many |\n".repeat(5_000);
    let text = commented(&[("comment.md", &format!("<details>\n{long}</details>\n"))]);
    assert!(text.chars().count() <= 65_536 && text.contains("</details>") && text.contains("**Cut here:**"));
}

/// What is for fewer readers never takes the place of what is for all.
#[test]
fn a_comment_shows_nothing_but_what_was_written_for_it() {
    for left in [vec![], vec![("comment.md", "")], vec![("comment.md", " \n")]] {
        let text = commented(&[left, vec![("keyless.md", "alice@contoso.com gains access")]].concat());
        assert!(text.contains("no result") && !text.contains("alice"), "{text}");
    }
}

/// An artifact belongs to one stack and one environment.
#[test]
fn no_two_stacks_or_environments_share_an_artifact() {
    let action = |name: &str| {
        let path = format!("{}/deploy/github/{name}/action.yml", env!("CARGO_MANIFEST_DIR"));
        super::runner::yaml(&std::fs::read_to_string(path).unwrap())
    };
    let names = |action: &Value, stack: &str, environment: &str| -> Vec<String> {
        let context = json!({"inputs": {"stack": stack, "environment": environment}});
        let steps = action["runs"]["steps"].as_array().unwrap().iter();
        let named = steps.filter_map(|step| step["with"]["name"].as_str());
        named.map(|name| super::expression::filled(name, &context)).collect()
    };
    let runs = [("ml", "prod-eu"), ("ml-prod", "eu"), ("ml", ""), ("ml", "default"), ("ml-default", "")];
    for (name, count) in [("plan", 1), ("drift", 1), ("apply", 2)] {
        let action = action(name);
        let all: Vec<String> = runs.iter().flat_map(|(stack, of)| names(&action, stack, of)).collect();
        let different: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!((all.len(), different.len()), (runs.len() * count, runs.len() * count), "{all:?}");
    }
    // What is applied is what was planned.
    let [plan, apply] = ["plan", "apply"].map(|name| names(&action(name), "ml", "eu"));
    assert_eq!((plan[0].as_str(), plan[0].as_str()), ("keyless-plan-ml@eu", apply[0].as_str()));
}

/// A comment that was made although its answer was lost.
#[test]
fn a_lost_answer_makes_no_second_comment_and_a_second_one_says_the_same() {
    let (host, cloud) = (Host::start(), cloud());
    let repository = repository(&host, &cloud, &spec(&[ALICE]));
    let post = "POST /repos/team/estate/issues/5/comments".to_owned();
    host.with(|kept| kept.lost.push(post));
    let ran = run(&repository, Event::pull_request("1111111111", NAME));
    assert_eq!(ran.results(), ["plan: success", "comment: success"], "{}", ran.job("comment").log);
    assert_eq!(host.comments(5).len(), 1);
    // Two of the bot's own, however that came: neither stays as it was.
    host.say(5, BOT, &format!("{MARKER}\nold"));
    run(&repository, Event::pull_request("2222222222", NAME));
    let comments = host.comments(5);
    assert!(
        comments.len() == 2 && comments.iter().all(|(_, text)| text.contains("Commit 222222222")),
        "{comments:?}"
    );
}

#[test]
fn a_late_run_leaves_the_comment_of_a_newer_commit() {
    let (host, cloud) = (Host::start(), cloud());
    let repository = repository(&host, &cloud, &spec(&[ALICE]));
    let text = workflow();
    let late = Run::of(&repository, &text, Event::pull_request("1111111111", NAME));
    run(&repository, Event::pull_request("2222222222", NAME));
    host.with(|kept| kept.head = "2222222222".to_owned());
    let late = late.whole();
    assert!(late.job("comment").log.contains("has a newer commit"), "{}", late.job("comment").log);
    assert!(host.comments(5)[0].1.contains("Commit 222222222"));
}

#[test]
fn whoever_lets_anybody_s_code_run_with_the_identity_of_main_is_refused() {
    let (host, cloud) = (Host::start(), cloud());
    let repository = repository(&host, &cloud, &spec(&[ALICE]));
    let text = workflow()
        .replace("github.event_name == 'pull_request' ||", "github.event_name == 'pull_request_target' ||");
    let event = Event { name: "pull_request_target", ..Event::pull_request("1111111111", NAME) };
    let ran = Run::of(&repository, &text, event).whole();
    assert_eq!(ran.job("plan").result, "failure");
    assert!(ran.job("plan").log.contains("`on: pull_request_target` is refused"), "{}", ran.job("plan").log);
}

/// A required check that never comes would block every merge.
#[test]
fn a_merge_queue_passes_without_a_plan() {
    let (host, cloud) = (Host::start(), cloud());
    let repository = repository(&host, &cloud, &spec(&[ALICE]));
    cloud.take_asked();
    let reference = "refs/heads/gh-readonly-queue/main/pr-5-0";
    let ran = run(&repository, Event { name: "merge_group", reference, ..Event::push("1111111111") });
    assert_eq!(ran.results(), ["plan: success"]);
    assert!(ran.job("plan").log.contains("No plan. A merge queue combines"), "{}", ran.job("plan").log);
    assert_eq!(cloud.take_asked(), [""; 0], "nobody signed in");
}

#[test]
fn a_limit_whose_variable_has_no_value_fails_the_job() {
    let (host, cloud) = (Host::start(), cloud());
    let repository = repository(&host, &cloud, &spec(&[ALICE]));
    let limit = "within: /subscriptions/${{ vars.AZURE_SUBSCRIPTION_ID }}/resourceGroups/rg\n";
    for (given, result) in [("${{ vars.LIMIT }}", "failure"), ("any", "success")] {
        let text = workflow().replace(limit, &format!("within: {given}\n"));
        let ran = Run::of(&repository, &text, Event::push("1111111111")).whole();
        let job = ran.job("plan-main");
        assert_eq!(job.result, result, "{}", job.log);
        assert_eq!(
            job.log.contains("WITHIN is empty: give it scopes, or `any` for no limit"),
            given != "any"
        );
        // A run that ends before keyless does replaces the comment of the commit before.
        host.say(5, BOT, &format!("{MARKER}\nthe plan of yesterday"));
        Run::of(&repository, &text, Event::pull_request("2222222222", NAME)).whole();
        let (_, comment) = host.comments(5).pop().unwrap();
        assert_eq!(comment.contains("no result"), given != "any", "{comment}");
        assert!(comment.contains("Commit 222222222") && !comment.contains("yesterday"), "{comment}");
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn the_workflow_that_init_writes_runs() {
    let (host, cloud) = (Host::start(), cloud());
    let folder = crate::common::Folder::new();
    let begin = format!(
        "init --from scratch --subscription {SUB} --resource-group rg --host github --stack ml-platform --user {ALICE}"
    );
    folder.keyless(&begin).exits(0);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let repository = repository(&host, &cloud, &read("specs/ml-platform.yaml"));
    let text = read(".github/workflows/keyless.yml");
    let ran = Run::of(&repository, &text, Event::pull_request("1111111111", NAME)).whole();
    assert_eq!(ran.results(), ["plan: success", "comment: success"], "{}", ran.job("plan").log);
    let ran = Run::of(&repository, &text, Event::push("1111111111")).whole();
    assert_eq!(ran.results(), ["plan-main: success", "apply: success"], "{}", ran.job("apply").log);
}

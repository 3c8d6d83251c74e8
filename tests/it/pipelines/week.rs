//! A week of a team, from a pull request to a stale plan, in a git repository with the workflow of deploy/github; what people read is a transcript.

use std::fmt::Write as _;
use std::process::Command;

use base64::Engine as _;
use serde_json::{Value, json};

use super::host::Host;
use super::runner::{Event, Repository, Run};
use crate::common::{ALICE, Azure, BOB, Folder, SUB, account, grants, one_account};

const WORKFLOW: &str = include_str!("../../../deploy/github/workflow.yml");

/// A repository in which the team works.
struct Git(Folder);

impl Git {
    fn new() -> Self {
        let git = Self(Folder::new());
        git.run(&["init", "--quiet", "--initial-branch=main"]);
        git
    }

    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=team", "-c", "user.email=team@contoso.com"]).args(arguments);
        let ran = command.current_dir(self.0.path()).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap().trim().to_owned()
    }

    /// A commit on a branch; its id lives as long as the test program.
    fn commit(&self, branch: &str, spec: &str) -> &'static str {
        self.run(&["checkout", "--quiet", "-B", branch]);
        self.0.write("specs/ml.yaml", spec);
        self.run(&["add", "."]);
        self.run(&["commit", "--quiet", "--message", branch]);
        self.head()
    }

    fn merge(&self, branch: &str) -> &'static str {
        self.run(&["checkout", "--quiet", "main"]);
        self.run(&["merge", "--quiet", "--no-ff", "--message", "merge", branch]);
        self.head()
    }

    fn head(&self) -> &'static str {
        self.run(&["rev-parse", "HEAD"]).leak()
    }
}

struct Week {
    host: Host,
    azure: Azure,
    git: Git,
    arguments: &'static str,
    told: String,
}

impl Week {
    fn repository(&self, sha: &str) -> Repository<'_> {
        Repository {
            host: &self.host,
            name: "team/estate",
            world: vec![("KEYLESS_TOKEN".to_owned(), token("bob"))],
            vars: json!({"AZURE_TENANT_ID": "t", "AZURE_SUBSCRIPTION_ID": SUB, "PLANNER_CLIENT_ID": "p", "AUDITOR_CLIENT_ID": "a", "APPLIER_CLIENT_ID": "w"}),
            files: vec![(
                "specs/ml.yaml".to_owned(),
                self.git.run(&["show", &format!("{sha}:specs/ml.yaml")]) + "\n",
            )],
            arguments: self.arguments,
            protects: true,
            sets_up: false,
        }
    }

    fn says(&mut self, title: &str, text: &str) {
        let _ = write!(self.told, "\n======== {title}\n\n{}\n", text.trim());
    }

    /// Runs the workflow; before the approval something may happen.
    fn run(&self, event: Event, meanwhile: impl FnOnce()) -> (Vec<String>, String) {
        let repository = self.repository(event.sha);
        let workflow = WORKFLOW.replace("resourceGroups/rg-ai\n", "resourceGroups/rg\n");
        let mut run = Run::of(&repository, &workflow, event);
        if !run.goes_on(false) {
            meanwhile();
            run.goes_on(true);
        }
        let log = run.jobs.iter().filter(|job| job.result == "failure").map(|job| job.log.as_str());
        (run.results(), log.collect())
    }

    fn pull_request(&mut self, day: &str, branch: &str, spec: &str) {
        let sha = self.git.commit(branch, spec);
        let (results, log) = self.run(Event::pull_request(sha, "team/estate"), || ());
        let comments = self.host.comments(5);
        let (_, text) = comments.last().unwrap_or_else(|| panic!("a comment: {log}"));
        self.says(&format!("{day}: a pull request, {}", results.join(", ")), text);
    }
}

/// A token of somebody with a name.
fn token(name: &str) -> String {
    let claims = json!({"oid": BOB, "upn": format!("{name}@contoso.com")}).to_string();
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims);
    format!("e30.{payload}.x")
}

fn spec(principals: &[&str], more: &str) -> String {
    one_account("ml-platform", "chat", &format!("disableLocalAuth: true\n{more}{}", grants(principals)))
}

/// Without what differs from run to run.
fn steady(text: &str, shas: &[&str], url: &str) -> String {
    let escaped = |url: &str| url.replace(':', "&#58;");
    let mut text = text.replace(url, "https://arm.test").replace(&escaped(url), &escaped("https://arm.test"));
    for sha in shas {
        text = text.replace(&sha[..9], "COMMIT");
    }
    let mut steady = String::new();
    for line in text.lines() {
        let words = line.split(' ').map(|word| {
            let is_time =
                word.len() > 18 && word.starts_with("20") && word.contains('T') && word.contains("&#58;");
            if is_time { "TIME" } else { word }
        });
        let line = words.collect::<Vec<_>>().join(" ");
        steady += if line.starts_with("<!-- differences=") { "<!-- differences=DIGEST -->" } else { &line };
        steady.push('\n');
    }
    steady
}

#[test]
fn a_week_of_a_team() {
    let azure = Azure::start();
    let arguments: &'static str = format!("--arm-endpoint\n{}", azure.url()).leak();
    let mut week = Week { host: Host::start(), azure, git: Git::new(), arguments, told: String::new() };
    week.git.commit("main", "version: 1\n");

    week.pull_request("Monday", "first", &spec(&[ALICE, BOB], ""));
    let first = week.git.merge("first");
    let (results, log) = week.run(Event::push(first), || ());
    week.says(&format!("Monday: merged and approved, {}", results.join(", ")), "");
    assert_eq!(results, ["plan-main: success", "apply: success"], "{log}");

    // A change by hand, which the night finds.
    let keys_on = json!({"properties": {"disableLocalAuth": false}});
    assert!(week.azure.send_as(&token("mallory"), "PATCH", &account("chat"), Some(keys_on)).status < 300);
    let (results, _) = week.run(Event::schedule(first), || ());
    let issue = week.host.with(|kept| kept.issues[0].clone());
    week.says(
        &format!("Tuesday, 5:17: {}", results.join(", ")),
        &format!("{}\n\n{}", issue["title"].as_str().unwrap(), issue["body"].as_str().unwrap()),
    );
    // Somebody runs the workflow by hand: the plan is the repair.
    let by_hand = Event { name: "workflow_dispatch", ..Event::push(first) };
    let (results, log) = week.run(by_hand, || ());
    assert_eq!(results, ["plan-main: success", "apply: success"], "{log}");
    let (again, log) = week.run(Event::schedule(first), || ());
    assert_eq!(again, ["drift: success", "issue: success"], "{log}");
    let comments = week.host.comments(issue["number"].as_u64().unwrap());
    week.says(
        &format!("Tuesday: repaired, {}", results.join(", ")),
        &format!("{} (closed)\n\n{}", issue["title"].as_str().unwrap(), comments[0].1),
    );
    assert_eq!(week.host.with(|kept| kept.issues[0]["state"].clone()), "closed");

    // A line less is access less.
    week.pull_request("Thursday", "without-bob", &spec(&[ALICE], ""));
    let second = week.git.merge("without-bob");
    let (results, log) = week.run(Event::push(second), || ());
    assert_eq!(results, ["plan-main: success", "apply: success"], "{log}");
    let left: Vec<Value> = week.azure.grants_at(&account("chat"));
    assert!(left.len() == 1 && left[0]["properties"]["principalId"] == ALICE, "{left:?}");
    week.says("Thursday: merged and approved: bob has no role on the account any more", "");

    // A plan that waits, while the account changes.
    week.pull_request("Friday", "tags", &spec(&[ALICE], "tags: {team: ml}\n"));
    let third = week.git.merge("tags");
    let change = json!({"tags": {"owner": "mallory", "keyless-stack": "ml-platform"}});
    let (results, log) = week.run(Event::push(third), || {
        assert!(week.azure.send_as(&token("mallory"), "PATCH", &account("chat"), Some(change)).status < 300);
    });
    assert_eq!(results, ["plan-main: success", "apply: failure"], "{log}");
    assert!(week.azure.get(&account("chat"))["tags"]["team"].is_null());
    let said: Vec<&str> =
        log.lines().filter(|line| line.contains("error") && line.contains("chat")).collect();
    week.says(
        &format!("Friday: approved after the account had changed, {}", results.join(", ")),
        &said.join("\n"),
    );

    let shas: Vec<String> =
        week.git.run(&["log", "--all", "--format=%H"]).lines().map(str::to_owned).collect();
    let shas: Vec<&str> = shas.iter().map(String::as_str).collect();
    let told = steady(&week.told, &shas, week.azure.url());
    insta::with_settings!({
        snapshot_path => "../../deploy", prepend_module_to_snapshot => false, omit_expression => true,
        description => "A team's week: what stands in pull requests, in the issue, and in the log of a refused run.",
    }, {
        insta::assert_snapshot!("week", told);
    });
}

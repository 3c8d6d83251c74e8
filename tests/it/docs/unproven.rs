//! docs/unproven.md is complete and leads somewhere, and the script that tries its beliefs finds them in the sandbox, also when it lies.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::common::cloud::{Cloud, TENANT};
use crate::common::{ALICE, Azure, CS_USER, Fault, Run, SUB, account, finish};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/prove.py");
/// What the script finds nothing about in `world`: a lock, which would forbid it to write.
const WITHOUT_EVIDENCE: &[&str] = &["C12"];
/// What a sandbox that is not strict cannot show: it makes every principal up.
const ONLY_STRICT: &[&str] = &["B2"];

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/unproven.md")).unwrap()
}

/// All code below a folder.
fn code(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &code(&path);
        } else if path.extension().is_some_and(|end| end == "rs") {
            text += &std::fs::read_to_string(path).unwrap();
        }
    }
    text
}

/// The entries of the page: name, and its text.
fn entries() -> Vec<(String, String)> {
    let page = page();
    let entry = |text: &str| {
        let text = text.split("\n## ").next().unwrap();
        let (name, rest) = text.split_once(": ").unwrap();
        (name.to_owned(), rest.to_owned())
    };
    page.split("\n### ").skip(1).map(entry).collect()
}

/// A run of the script; the environment has nothing but what is given.
fn prove(arguments: &[&str], variables: &[(String, String)]) -> Run {
    let mut command = Command::new("python3");
    command.arg(SCRIPT).args(arguments).env_clear().env("PATH", std::env::var("PATH").unwrap());
    let own = [("SUBSCRIPTION", SUB), ("RESOURCE_GROUP", "rg"), ("ACCOUNT", "chat")];
    command.envs(own).env("PYTHONDONTWRITEBYTECODE", "1").envs(variables.iter().cloned());
    finish(command, b"")
}

fn at(azure: &Azure, more: &[&str]) -> Run {
    let arguments = [&["--arm-endpoint", azure.url()], more].concat();
    prove(&arguments, &[("KEYLESS_TOKEN".to_owned(), "a-t0ken-of-the-tests".to_owned())])
}

/// The result of each row of the table.
fn results(run: &Run) -> BTreeMap<String, String> {
    let rows = run.stdout.lines().filter(|line| line.starts_with("| ")).skip(2);
    let cells = |row: &str| row.split(" | ").map(str::to_owned).collect::<Vec<_>>();
    rows.map(cells).map(|cells| (cells[0][2..].to_owned(), cells[2].clone())).collect()
}

fn having(run: &Run, result: &str) -> Vec<String> {
    let of = results(run).into_iter().filter(|(_, found)| found.trim_matches('*') == result);
    of.map(|(entry, _)| entry).collect()
}

/// An account with something of everything that the script looks at.
fn fill(put: &dyn Fn(&str, serde_json::Value)) {
    let chat = account("chat");
    let made = json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"}, "identity": {"type": "SystemAssigned"},
        "properties": {"customSubDomainName": "chat", "disableLocalAuth": true, "allowProjectManagement": true}});
    put(&format!("{chat}?api-version=2025-06-01"), made);
    let model = json!({"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"});
    let body = json!({"sku": {"name": "GlobalStandard", "capacity": 1}, "properties": {"model": model}});
    put(&format!("{chat}/deployments/small?api-version=2025-06-01"), body);
    let project = json!({"location": "eastus2", "identity": {"type": "SystemAssigned"}, "properties": {}});
    put(&format!("{chat}/projects/main?api-version=2025-06-01"), project);
    let connection = json!({"properties": {"category": "CognitiveSearch", "target": "https://s.search.windows.net",
        "authType": "ApiKey", "credentials": {"key": "s3cret-of-a-search"}}});
    put(&format!("{chat}/connections/search?api-version=2025-06-01"), connection);
    let workspace = format!(
        "/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/w"
    );
    let setting = json!({"properties": {"workspaceId": workspace, "logs": [{"category": "RequestResponse", "enabled": true}]}});
    put(
        &format!("{chat}/providers/Microsoft.Insights/diagnosticSettings/log?api-version=2021-05-01-preview"),
        setting,
    );
}

fn world() -> Azure {
    let azure = Azure::start();
    fill(&|path, body| _ = azure.put(path, body));
    // Whom a sandbox takes a token without claims for.
    let owner = "66666666-7777-4888-8999-000000000000";
    azure.grant(&account("chat"), "bbbbbbbb-0000-4000-8000-00000000000b", CS_USER, owner, None);
    azure.grant(&account("chat"), "aaaaaaaa-0000-4000-8000-00000000000a", CS_USER, ALICE, None);
    let calls =
        json!([{"daysAgo": 3, "count": 5, "caller": ALICE}, {"daysAgo": 2, "count": 2, "caller": ALICE}]);
    let past = json!({"account": account("chat"), "calls": calls});
    assert_eq!(azure.send("POST", "/_sandbox/monitor", Some(past)).status, 200);
    azure.take_seen();
    azure
}

#[test]
fn every_belief_says_what_follows_where_it_counts_and_what_refutes_it() {
    let entries = entries();
    assert!(entries.len() > 40, "{}", entries.len());
    let code = code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let mut next = (b'A', 1);
    let (mut tried, mut writing) = (BTreeSet::new(), BTreeSet::new());
    for (name, text) in &entries {
        if name.as_bytes()[0] != next.0 {
            next = (next.0 + 1, 1);
        }
        assert_eq!(*name, format!("{}{}", char::from(next.0), next.1), "numbered without a gap");
        next.1 += 1;
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("- **")).collect();
        let [wrong, relied, prove, refuted] = lines.as_slice() else { panic!("{name}: four lines\n{text}") };
        assert!(wrong.starts_with("- **If wrong**: ") && refuted.starts_with("- **Refuted by**: "), "{name}");
        let files: Vec<&str> = relied
            .strip_prefix("- **Relied on**: ")
            .unwrap()
            .split(", ")
            .map(|file| file.trim_matches('`'))
            .collect();
        for file in files {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            let place = if name.starts_with('E') { "deploy/" } else { "src/" };
            assert!(file.starts_with(place) && path.is_file(), "{name}: {file}");
        }
        assert!(prove.starts_with("- **Prove**") && prove.contains('`'), "{name}: {prove}");
        if prove.starts_with("- **Prove** (`just prove") {
            tried.insert(name.clone());
        }
        if prove.starts_with("- **Prove** (`just prove --writes`)") {
            writing.insert(name.clone());
        }
        // C2 asks with one that does not exist.
        for version in prove.split("api-version=").skip(1).filter(|_| name != "C2") {
            let version = version.split(['"', '&', '`', '\'']).next().unwrap();
            assert!(
                code.contains(&format!("={version}")) || code.contains(&format!("\"{version}\"")),
                "{name}: {version}"
            );
        }
    }
    let listed = prove(&["--list"], &[]).exits(0).stdout;
    assert_eq!(tried, listed.lines().map(str::to_owned).collect(), "the page says what the script tries");
    let azure = world();
    let skipped: BTreeSet<String> = having(&at(&azure, &[]), "skipped").into_iter().collect();
    let only_strict = ONLY_STRICT.iter().map(|name| (*name).to_owned());
    assert_eq!(skipped, writing.into_iter().chain(only_strict).collect());
}

#[test]
fn the_sandbox_is_as_believed_and_stays_as_it_was() {
    let azure = world();
    let state = || {
        let lists = ["raiPolicies", "raiBlocklists", "providers/Microsoft.Authorization/roleAssignments"];
        lists.map(|list| azure.get(&format!("{}/{list}", account("chat"))))
    };
    let before = state();
    let reading = at(&azure, &[]).exits(0);
    let seen = azure.take_seen();
    let writes: Vec<String> = seen
        .iter()
        .filter(|seen| seen.method != "GET" && !seen.only_asks())
        .map(|seen| format!("{} {}", seen.method, seen.path()))
        .collect();
    let harmless = ["POST /_data/chat/openai/v1/chat/completions", "POST /v1.0/directoryObjects/getByIds"];
    assert!(writes.iter().all(|write| harmless.contains(&write.as_str())), "{writes:?}");
    assert!(seen.iter().all(|seen| !seen.path().ends_with("/listKeys")), "no key is fetched");

    let run = at(&azure, &["--writes"]).exits(0);
    assert_eq!(having(&run, "no evidence"), WITHOUT_EVIDENCE, "{run}");
    assert_eq!(having(&run, "skipped"), ONLY_STRICT, "{run}");
    let rest = results(&run).len() - WITHOUT_EVIDENCE.len() - ONLY_STRICT.len();
    assert_eq!(having(&run, "as believed").len(), rest, "{run}");
    let seen = azure.take_seen();
    for method in ["PUT", "DELETE"] {
        assert!(seen.iter().any(|seen| seen.method == method), "it wrote: {method}");
    }
    assert_eq!(state(), before, "what was made is gone, and nothing else");

    for run in [&reading, &run] {
        assert!(run.stdout.contains("tried on SANDBOX") && run.stdout.contains("proves nothing about Azure"));
        let told = run.stdout.to_lowercase();
        for secret in [SUB, ALICE, "a-t0ken", "s3cret", "eyj", "/subscriptions/"] {
            assert!(!told.contains(secret), "`{secret}`: {run}");
        }
    }
}

#[test]
fn the_script_tells_what_is_otherwise_and_what_it_may_not_see() {
    let azure = world();
    // A lock forbids to write where it could not be deleted again.
    let lock = format!("{}/providers/Microsoft.Authorization/locks/keep", account("chat"));
    azure.put(&lock, json!({"properties": {"level": "CanNotDelete"}}));
    azure.spoil("GET", "/raiContentFilters", Fault::denied());
    azure.spoil("GET", "/raiPolicies?", Fault::Edit(|body| body["value"] = json!([])));
    azure.spoil(
        "GET",
        "/connections?",
        Fault::Edit(|body| {
            for item in body["value"].as_array_mut().into_iter().flatten() {
                item["properties"]["credentials"] = json!({"key": "s3cret-shown"});
            }
        }),
    );
    azure.spoil(
        "GET",
        "/accounts/chat/deployments?",
        Fault::Edit(|body| *body = json!({"value": [{"name": "odd"}]})),
    );
    azure.spoil(
        "POST",
        "/openai/v1/",
        Fault::error(401, "Unauthorized", "no | \n @everyone `x` <b> 7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11"),
    );
    // An unfiltered list that shows nothing below the subscription.
    azure.spoil(
        "GET",
        &format!(
            "/subscriptions/{SUB}/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01"
        ),
        Fault::Edit(|body| {
            if let Some(list) = body["value"].as_array_mut() {
                list.retain(|item| {
                    item["properties"]["scope"].as_str().is_some_and(|scope| !scope.contains("/accounts/"))
                });
            }
        }),
    );
    let run = at(&azure, &["--writes"]).exits(1);
    let found = results(&run);
    for entry in ["A1", "A12", "B9", "C6", "C8", "C9"] {
        assert_eq!(found[entry], "**REFUTED**", "{entry}: {run}");
    }
    for entry in ["A8", "C4", "C5", "C13", "C14"] {
        assert_eq!(found[entry], "skipped", "{entry}: {run}");
    }
    assert_eq!((found["C7"].as_str(), found["C12"].as_str()), ("as believed", "as believed"), "{run}");
    assert!(run.stdout.contains("a lock could keep what was made from being deleted"), "{run}");
    assert!(
        run.stdout.contains("no right to read content filters of the region (403 AuthorizationFailed)"),
        "{run}"
    );
    assert!(
        !run.stdout.contains("s3cret") && !run.stdout.contains("everyone") && !run.stdout.contains(SUB),
        "{run}"
    );
    let writes: Vec<String> = azure.take_writes().into_iter().map(|seen| seen.method).collect();
    assert!(!writes.iter().any(|method| method == "PUT" || method == "DELETE"), "{writes:?}");
}

#[test]
fn what_cannot_be_deleted_is_told() {
    let azure = world();
    azure.spoil("DELETE", "/raiBlocklists/", Fault::error(409, "ScopeLocked", "no"));
    let run = at(&azure, &["--writes"]).exits(1);
    let path = format!("could not delete {}/raiBlocklists/keyless-prove-", account("chat"));
    run.complains(&[&path, "delete it yourself"]);
}

#[test]
fn an_account_that_does_not_exist_refutes_nothing() {
    let azure = world();
    let variables = [("KEYLESS_TOKEN", "any"), ("ACCOUNT", "gone")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let run = prove(&["--arm-endpoint", azure.url()], &variables).exits(1);
    assert_eq!(run.stdout, "", "{run}");
    run.complains(&["no account of these names"]);
}

#[test]
fn the_script_signs_in_and_goes_to_azures_own_hosts() {
    let cloud = Cloud::with(&["chat.openai.azure.com", "chat.services.ai.azure.com"]);
    let app = "0000aaaa-0000-4000-8000-000000000007";
    let id = cloud.application("prover", app, json!({"secret": "s3cret-of-the-prover"}), Some("Owner"));
    cloud.grant(&id, "Cognitive Services User");
    fill(&|path, body| assert!(cloud.send("PUT", path, Some(body)).status < 300, "{path}"));
    let mut variables = cloud.variables();
    let own = [
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_CLIENT_ID", app),
        ("AZURE_CLIENT_SECRET", "s3cret-of-the-prover"),
    ];
    variables.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let run = prove(&["--writes"], &variables).exits(0);
    let found = results(&run);
    for entry in ["A4", "A8", "B2", "B9", "B15", "C4", "C13", "D3", "D4"] {
        assert_eq!(found[entry], "as believed", "{entry}: {run}");
    }
    assert!(
        run.stdout.contains("tried on `management.azure.com`") && !run.stdout.contains("SANDBOX"),
        "{run}"
    );
    assert!(!run.stdout.contains("s3cret") && !run.stderr.contains("s3cret"), "{run}");

    // Without a role there is nothing to see, and nothing is refuted.
    let other = "0000aaaa-0000-4000-8000-000000000008";
    cloud.application("stranger", other, json!({"secret": "s3cret-of-the-stranger"}), None);
    for (name, value) in &mut variables {
        match name.as_str() {
            "AZURE_CLIENT_ID" => other.clone_into(value),
            "AZURE_CLIENT_SECRET" => "s3cret-of-the-stranger".clone_into(value),
            _ => {}
        }
    }
    let run = prove(&[], &variables).exits(0);
    assert!(having(&run, "skipped").len() > 25, "{run}");
    assert_eq!(having(&run, "REFUTED"), Vec::<String>::new(), "{run}");
}

//! New connections that send a secret: one that another connection has already goes to another host with a word only.

use serde_json::{Value, json};

use crate::common::{Azure, Fault, Folder, Run, account, one_account};

const SECRETS: &[(&str, &str)] = &[
    ("KEYLESS_SECRET_SEARCH", "k3y-of-the-search-service"),
    ("KEYLESS_SECRET_OTHER", "k3y-of-something-else"),
    ("KEYLESS_SECRET_THIRD", "k3y-of-yet-another-thing"),
];
const GOOD: &str = "good.search.windows.net";
const EVIL: &str = "evil.example";
const LIFT: &str = "--allow connection:accounts/chat/connections/search2";

/// A connection to a search service.
fn line(name: &str, host: &str, secret: &str) -> String {
    of("CognitiveSearch", name, host, secret)
}

fn of(category: &str, name: &str, host: &str, secret: &str) -> String {
    format!(
        "{{name: {name}, category: {category}, target: \"https://{host}/\", authType: ApiKey, credentials: {{key: \"${{secret.{secret}}}\"}}}}"
    )
}

/// An account with these connections, and a project with those; `None` leaves a list out.
fn spec(own: Option<&[String]>, of_project: Option<&[String]>) -> String {
    let list = |lines: &[String]| format!("connections: [{}]", lines.join(", "));
    let own = own.map_or_else(String::new, |lines| format!("{}\n", list(lines)));
    let nested = of_project.map_or_else(String::new, |lines| format!(", {}", list(lines)));
    one_account(
        "team-a",
        "chat",
        &format!("allowProjectManagement: true\n{own}projects: [{{name: main{nested}}}]\n"),
    )
}

fn run(folder: &Folder, arguments: &str) -> Run {
    folder.with_env(arguments, SECRETS)
}

fn applied(text: &str) -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", text);
    run(&folder, "apply a.yaml --yes").exits(0);
    azure.take_seen();
    (azure, folder)
}

/// Refused in a plan, in `apply` and from a file, and nothing is written.
fn refused(azure: &Azure, folder: &Folder, text: &str, words: &str) {
    folder.write("a.yaml", text);
    run(folder, "plan a.yaml --out p.json").exits(3).says(&["error[guard-connection]", words, "a.yaml:"]);
    run(folder, "apply a.yaml --yes").exits(3).complains(&["nothing was written"]);
    run(folder, "apply p.json --yes").exits(3).says(&["error[guard-connection]", words]);
    run(folder, "apply p.json a.yaml --yes").exits(3);
    assert!(azure.take_writes().is_empty(), "{text}");
}

fn passes(azure: &Azure, folder: &Folder, text: &str) {
    folder.write("a.yaml", text);
    run(folder, "plan a.yaml --out p.json").exits(0);
    run(folder, "apply p.json --yes").exits(0);
    assert!(!azure.take_writes().is_empty(), "{text}");
}

/// The way round a guard of live connections that comes to mind first.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_second_connection_does_not_take_a_secret_to_another_host() {
    let search = line("search", GOOD, "SEARCH");
    let (azure, folder) = applied(&spec(Some(std::slice::from_ref(&search)), None));
    let words = "new connection `search2` sends `${secret.SEARCH}` to another host than connection `search` of account `chat`, which the spec also declares with `${secret.SEARCH}`: `https://good.search.windows.net/` -> `https://evil.example/`";
    let own = |second: String| spec(Some(&[search.clone(), second]), None);
    refused(&azure, &folder, &own(line("search2", EVIL, "SEARCH")), words);
    refused(&azure, &folder, &own(of("CustomKeys", "search2", EVIL, "SEARCH")), words);
    let nested = spec(Some(std::slice::from_ref(&search)), Some(&[of("ApiKey", "search2", EVIL, "SEARCH")]));
    refused(&azure, &folder, &nested, words);
    // In another account, be it new, and from a file that reads only what is around what it writes.
    let other = |host: &str| {
        let more = format!("  - name: far\n    connections: [{}]\n", of("ApiKey", "search2", host, "SEARCH"));
        format!("{}{more}", spec(Some(std::slice::from_ref(&search)), None))
    };
    refused(&azure, &folder, &other(EVIL), words);
    // Another secret is another matter, and so is a word.
    passes(&azure, &folder, &own(of("ApiKey", "other", "other.example", "OTHER")));
    folder.write("a.yaml", own(line("search2", EVIL, "SEARCH")));
    run(&folder, &format!("apply a.yaml --yes {LIFT}")).exits(0);
    run(&folder, "apply a.yaml --yes").exits(0).says(&["No changes"]);
    azure.take_seen();
    // The host that has it may have it again.
    passes(&azure, &folder, &other("GOOD.search.windows.net").replace("name: search2", "name: again"));
}

/// Azure never shows which secret a connection has: under another name it may be the same one, sent elsewhere.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_new_name_does_not_get_a_secret_past_the_guard_of_its_host() {
    let (search, other) = (line("search", GOOD, "SEARCH"), of("ApiKey", "other", "other.example", "OTHER"));
    let (azure, folder) = applied(&spec(Some(&[search, other.clone()]), None));
    let words = "new connection `search2` sends `${secret.SEARCH}` to another host than connection `search` of account `chat`, which the spec does not declare: `https://good.search.windows.net/` -> `https://evil.example/`";
    let renamed = |host: &str| spec(Some(&[line("search2", host, "SEARCH"), other.clone()]), None);
    refused(&azure, &folder, &renamed(EVIL), words);
    run(&folder, "plan a.yaml").says(&[
        "Azure does not show which secret a connection has: `search2` may be `search` under a new name",
    ]);
    run(&folder, &format!("plan a.yaml {LIFT}")).exits(0);
    // The list of the old name is left out, and a project has the new one.
    refused(&azure, &folder, &spec(None, Some(&[line("search2", EVIL, "SEARCH")])), words);
    // Or the old one is declared, without its secret.
    let bare = line("search", GOOD, "SEARCH").replace(", credentials: {key: \"${secret.SEARCH}\"}", "");
    let words = "connection `search` of account `chat`, which the spec declares without its secret: ";
    refused(&azure, &folder, &spec(Some(&[bare, line("search2", EVIL, "SEARCH")]), None), words);
    run(&folder, "plan a.yaml").says(&[
        "if this is intended: declare the `credentials` of the old one too (`{key: \"${secret.NAME}\"}`)",
        "or --allow connection:accounts/chat/connections/search2",
    ]);
    let both = [line("search", GOOD, "SEARCH"), line("search2", "two.example", "THIRD")];
    folder.write("a.yaml", spec(Some(&both), None));
    run(&folder, "plan a.yaml").exits(0);
    // The same host may have it under another name, but not with what leads elsewhere.
    let leading = line("search2", GOOD, "SEARCH").replace(
        ", credentials",
        ", isSharedToAll: true, metadata: {tokenUrl: \"https://evil.example\"}, credentials",
    );
    let words = "new connection `search2` sends `${secret.SEARCH}` to the host of connection `search` of account `chat`, which the spec does not declare, with another `isSharedToAll`, `metadata`";
    refused(&azure, &folder, &spec(Some(&[leading, other.clone()]), None), words);
    passes(&azure, &folder, &renamed("GOOD.search.windows.net"));
}

#[test]
fn a_project_that_is_not_declared_any_more_takes_no_secret_elsewhere() {
    let azure = Azure::start();
    let folder = azure.folder();
    let projects =
        |lines: &str| one_account("team-a", "chat", &format!("allowProjectManagement: true\n{lines}"));
    let of_project = |project: &str, connection: &str| {
        projects(&format!("projects: [{{name: {project}, connections: [{connection}]}}]\n"))
    };
    folder.write("a.yaml", of_project("old", &line("search", GOOD, "SEARCH")));
    run(&folder, "apply a.yaml --yes").exits(0);
    azure.take_seen();
    let words = "than connection `search` of project `old` of `chat`, which this plan deletes: ";
    let moved = of_project("new", &of("ApiKey", "search2", EVIL, "SEARCH"));
    refused(&azure, &folder, &moved, words);
    run(&folder, "plan a.yaml --allow delete-project").exits(3).says(&[words]);
    // The list of projects is left out: nothing reads it but this.
    let left_out = projects(&format!("connections: [{}]\n", line("search2", EVIL, "SEARCH")));
    refused(
        &azure,
        &folder,
        &left_out,
        "than connection `search` of project `old` of `chat`, which the spec does not declare: ",
    );
}

/// Wherever it is: what goes in one account is no way to take its secret elsewhere from another account, or from a workspace.
#[test]
fn a_project_that_goes_takes_no_secret_to_another_account() {
    let of_far = |projects: &str| format!("  - name: far\n    allowProjectManagement: true\n{projects}");
    let chat = |own: &str| one_account("team-a", "chat", &format!("{own}allowProjectManagement: true\n"));
    let search = line("search", GOOD, "SEARCH");
    let with = format!("    projects: [{{name: old, connections: [{search}]}}]\n");
    let (azure, folder) = applied(&format!("{}{}", chat(""), of_far(&with)));
    let without = of_far("    projects: []\n");
    let own = |connection: String| format!("{}{without}", chat(&format!("connections: [{connection}]\n")));
    let words = "than connection `search` of project `old` of `far`, which this plan deletes: `https://good.search.windows.net/` -> `https://evil.example/`";
    folder.write("a.yaml", own(line("search2", EVIL, "SEARCH")));
    let word = "--allow delete-project";
    run(&folder, &format!("plan a.yaml --out p.json {word}")).exits(3).says(&[words]);
    run(&folder, &format!("apply a.yaml --yes {word}")).exits(3).complains(&["nothing was written"]);
    run(&folder, &format!("apply p.json --yes {word}")).exits(3).says(&[words]);
    run(&folder, &format!("apply p.json a.yaml --yes {word}")).exits(3);
    assert!(azure.take_writes().is_empty());
    run(&folder, &format!("plan a.yaml {word} {LIFT}")).exits(0);
    let hub = format!("workspaces: [{{name: hub, connections: [{}]}}]\n", line("search2", EVIL, "SEARCH"));
    folder.write("b.yaml", format!("{}{without}{hub}", chat("")));
    run(&folder, &format!("plan b.yaml {word}")).exits(3).says(&[words]);
    // Its connections could not be read, which is not the same as having none.
    let list = format!("{}/projects/old/connections", account("far"));
    azure.spoil("GET", &list, Fault::error(403, "AuthorizationFailed", "no right to read connections"));
    run(&folder, &format!("plan a.yaml {word}")).exits(3).says(&[
        "the connections of account `far`, from which this plan deletes something, could not all be read",
    ]);
}

/// A harmless connection does not make its host one that another secret may go to.
#[test]
fn a_host_that_has_one_secret_gets_no_other_by_a_new_name() {
    let search = line("search", GOOD, "SEARCH");
    let mine = of("ApiKey", "mine", EVIL, "OTHER");
    let (azure, folder) = applied(&spec(Some(std::slice::from_ref(&search)), None));
    passes(&azure, &folder, &spec(Some(&[search, mine.clone()]), None));
    let words = "new connection `search2` sends `${secret.SEARCH}` to another host than connection `search` of account `chat`, which the spec does not declare: `https://good.search.windows.net/` -> `https://evil.example/`";
    refused(&azure, &folder, &spec(Some(&[mine.clone(), line("search2", EVIL, "SEARCH")]), None), words);
    // A secret that is already sent there may be sent there again.
    folder.write("a.yaml", spec(Some(&[mine, line("search2", EVIL, "OTHER")]), None));
    run(&folder, "plan a.yaml").exits(0);
}

/// What somebody clicked together beside it is held against a new connection only where it may be that one.
#[test]
fn a_connection_made_by_hand_holds_up_what_is_alike_only() {
    let search = line("search", GOOD, "SEARCH");
    let (azure, folder) = applied(&spec(Some(std::slice::from_ref(&search)), None));
    let by_hand = |name: &str, category: &str, host: &str| {
        let path = format!("{}/projects/main/connections/{name}", account("chat"));
        let properties = json!({"category": category, "authType": "ApiKey", "target": format!("https://{host}/"), "credentials": {"key": "k3y-by-hand-of-alice"}});
        azure.put(&path, json!({"properties": properties}));
    };
    by_hand("insights", "AppInsights", "insights.example");
    azure.take_seen();
    let bing = of("GroundingWithBingSearch", "bing", "api.bing.microsoft.com", "OTHER");
    passes(&azure, &folder, &spec(Some(&[search.clone(), bing.clone()]), None));
    let with = |more: String| spec(Some(&[search.clone(), bing.clone(), more]), None);
    // A host of a foreign connection does not count as known.
    by_hand("hers", "ApiKey", EVIL);
    by_hand("theirs", "ApiKey", "theirs.example");
    azure.take_seen();
    let words = "new connection `search2` sends `${secret.THIRD}` to another host than connection `theirs` of project `main` of `chat`, which the spec does not declare";
    refused(&azure, &folder, &with(of("ApiKey", "search2", EVIL, "THIRD")), words);
}

#[test]
fn connections_that_cannot_be_read_are_not_taken_for_none() {
    let (azure, folder) = applied(&spec(None, Some(&[])));
    azure.spoil(
        "GET",
        &format!("{}/connections", account("chat")),
        Fault::error(403, "AuthorizationFailed", "no right to read connections"),
    );
    let words = "new connection `search2` sends `${secret.SEARCH}` to `https://evil.example/`, and the connections of account `chat` could not all be read: it may be one of them under another name";
    refused(&azure, &folder, &spec(None, Some(&[line("search2", EVIL, "SEARCH")])), words);
    run(&folder, "plan a.yaml").exits(3).says(&["cause: GET", "no right to read connections"]);
}

#[test]
fn a_host_that_the_spec_names_is_shown_though_a_secret_begins_like_it() {
    let (_azure, folder) = applied(&spec(Some(&[line("search", GOOD, "SEARCH")]), None));
    let secret = "secondsecond";
    folder.write("a.yaml", spec(Some(&[line("search2", "second.search.windows.net", "OTHER")]), None));
    let run = folder.with_env("plan a.yaml", &[("KEYLESS_SECRET_OTHER", secret)]).exits(3);
    let run = run.says(&["-> `https://second.search.windows.net/`"]);
    assert!(!run.stdout.contains("REDACTED"), "{run}");
}

/// Nothing more is read than the declared lists, unless a connection is new.
#[test]
fn what_is_in_sync_costs_no_request_more() {
    let text = spec(None, Some(&[line("search", GOOD, "SEARCH")]));
    let (azure, folder) = applied(&text);
    run(&folder, "plan a.yaml --detailed-exitcode").exits(0);
    let lists = |azure: &Azure| -> Vec<String> {
        let seen = azure.take_seen();
        let paths = seen.iter().map(|seen| seen.path().to_owned());
        paths.filter(|path| path.ends_with("/connections") || path.ends_with("/projects")).collect()
    };
    let of_spec =
        ["/projects", "/projects/main/connections"].map(|path| format!("{}{path}", account("chat")));
    let mut read = lists(&azure);
    read.sort();
    assert_eq!(read, of_spec);
    folder.write(
        "a.yaml",
        spec(None, Some(&[line("search", GOOD, "SEARCH"), of("ApiKey", "other", "other.example", "OTHER")])),
    );
    run(&folder, "plan a.yaml").exits(0);
    let mut read = lists(&azure);
    read.sort();
    assert_eq!(read.len(), 3, "{read:?}");
    assert_eq!(read[0], format!("{}/connections", account("chat")));
}

/// A saved plan names the secrets, so that a run without the specs knows where they go; what it names takes nothing away.
#[test]
fn a_plan_from_a_file_names_its_secrets_and_proves_none() {
    let search = line("search", GOOD, "SEARCH");
    let (_azure, folder) = applied(&spec(Some(std::slice::from_ref(&search)), None));
    folder.write("a.yaml", spec(Some(&[search, line("search2", "other.example", "OTHER")]), None));
    run(&folder, "plan a.yaml --out p.json").exits(0);
    let plan: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("p.json")).unwrap()).unwrap();
    let names: Vec<&Value> = plan["secrets"].as_array().unwrap().iter().map(|each| &each["names"]).collect();
    assert_eq!(names, [&json!(["SEARCH"]), &json!(["OTHER"])]);
    // Both are of one category: only the specs prove that they have different secrets.
    let words = "connection `search` of account `chat`, whose secret is not known, since the plan is applied without its specs: ";
    let refused = run(&folder, "apply p.json --yes").exits(3);
    refused.says(&[
        words,
        "if this is intended: apply the plan together with its specs, or --allow connection:",
    ]);
    run(&folder, "apply p.json a.yaml --yes").exits(0);
}

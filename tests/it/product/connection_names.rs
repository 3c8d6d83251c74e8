//! New connections whose name another one has, which no spec of the run declares: a plan says so, and not Azure's 409.

use serde_json::json;

use super::still_used::told;
use crate::common::{Azure, Fault, Folder, account, one_account};

fn line(name: &str) -> String {
    format!(
        "{{name: {name}, category: CognitiveSearch, target: \"https://a.search.windows.net\", authType: AAD}}"
    )
}

/// An account with these connections and projects, as YAML lists.
fn spec(connections: &str, projects: &str) -> String {
    one_account(
        "team-a",
        "chat",
        &format!("allowProjectManagement: true\nconnections: [{connections}]\nprojects: [{projects}]\n"),
    )
}

fn project(name: &str) -> String {
    format!("{}/projects/{name}", account("chat"))
}

/// Makes a connection by hand, in a project or in the account.
fn by_hand(azure: &Azure, holder: &str, name: &str) {
    let properties =
        json!({"category": "CognitiveSearch", "target": "https://b.search.windows.net", "authType": "AAD"});
    azure.put(&format!("{holder}/connections/{name}"), json!({ "properties": properties }));
}

/// The account and `p1`, applied; somebody made project `p2` beside it.
fn applied() -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec("", "{name: p1}"));
    folder.keyless("apply a.yaml --yes").exits(0);
    let body = json!({"location": "eastus2", "identity": {"type": "SystemAssigned"}, "properties": {}});
    azure.put(&project("p2"), body);
    azure.take_seen();
    (azure, folder)
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_name_that_a_connection_of_an_undeclared_project_has_is_refused_while_planning() {
    let (azure, folder) = applied();
    by_hand(&azure, &project("p2"), "conn3");
    by_hand(&azure, &account("chat"), "shared");
    azure.take_seen();
    let of_p1 = |name: &str| format!("{{name: p1, connections: [{}]}}", line(name));
    let without_list = spec("", &of_p1("SHARED")).replace("    connections: []\n", "");
    for (text, title, other) in [
        (spec(&line("CONN3"), "{name: p1}"), "CONN3 of chat", "project `p2` has a connection `conn3`"),
        (spec("", &of_p1("Conn3")), "Conn3 of p1", "project `p2` has a connection `conn3`"),
        // What stands in the account itself, be its list declared or left out.
        (spec("", &of_p1("SHARED")), "SHARED of p1", "account `chat` has a connection `shared`"),
        (without_list, "SHARED of p1", "account `chat` has a connection `shared`"),
    ] {
        folder.write("a.yaml", &text);
        let run = folder.keyless("plan a.yaml --format json").exits(1);
        let found = told(&run, "name-taken");
        assert_eq!(found.len(), 1, "{run}");
        let words =
            format!("cannot create connection {title}: {other}, and a connection's name must be unique");
        // At the connection's line.
        let at = text.lines().position(|line| line.contains("category:")).unwrap() + 1;
        assert!(found[0].starts_with(&format!("a.yaml:{at} {words}")), "{}", found[0]);
        assert!(run.changes("create").is_empty(), "{run}");
        folder.keyless("apply a.yaml --yes").exits(1).says(&["error[name-taken]"]);
        assert!(azure.take_writes().is_empty(), "{text}");
    }
    // In another account the name is free, and so is another one here.
    let other =
        spec(&line("conn4"), "{name: p1}") + "  - name: other\n    connections: [" + &line("conn3") + "]\n";
    folder.write("a.yaml", other);
    folder.keyless("apply a.yaml --yes").exits(0);
    // What is live by itself is no second one.
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
}

#[test]
fn a_saved_plan_hears_of_a_name_that_was_taken_since() {
    let (azure, folder) = applied();
    folder.write("a.yaml", spec(&line("conn3"), "{name: p1}"));
    folder.keyless("plan a.yaml --out saved.json").exits(0);
    by_hand(&azure, &project("p2"), "Conn3");
    azure.take_seen();
    let run = folder.keyless("apply saved.json --yes").exits(1);
    run.says(&["error[name-taken]", "project `p2` has a connection `Conn3`"]);
    assert!(azure.take_writes().is_empty());
    azure.delete(&format!("{}/connections/Conn3", project("p2")));
    folder.keyless("apply saved.json --yes").exits(0);
}

/// A project goes last: until then its connections have their names.
#[test]
fn a_name_is_not_free_before_its_project_has_gone() {
    const LIFT: &str = "--allow delete-project";
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec("", &format!("{{name: old, connections: [{}]}}", line("conn"))));
    folder.keyless("apply a.yaml --yes").exits(0);
    let after = spec("", &format!("{{name: new, connections: [{}]}}", line("conn")));
    folder.write("a.yaml", &after);
    let words = "project `old` has a connection `conn`, which this plan deletes only at its end";
    folder.keyless(&format!("plan a.yaml {LIFT}")).exits(1).says(&[
        "error[name-taken]",
        words,
        "apply once without",
    ]);
    folder.write("a.yaml", spec("", "{name: new}"));
    folder.keyless(&format!("apply a.yaml --yes {LIFT}")).exits(0);
    folder.write("a.yaml", after);
    folder.keyless("apply a.yaml --yes").exits(0);
}

#[test]
fn who_may_not_list_the_neighbours_is_told_that_the_name_is_not_checked() {
    let (azure, folder) = applied();
    folder.write("a.yaml", spec(&line("conn3"), "{name: p1}"));
    let note = "could not determine whether the names of new connections of account `chat` are unique there and in all its projects";
    for list in ["/projects/p2/connections?", "/accounts/chat/projects?"] {
        azure.spoil("GET", list, Fault::denied());
        let run = folder.keyless("plan a.yaml -v");
        run.says(&["[not-checked]", note]);
        azure.heal();
    }
}

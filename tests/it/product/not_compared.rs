//! What could not be compared is told, in every output, and the last line claims no more than was compared.

use serde_json::{Value, json};

use crate::common::{ALICE, Azure, BOB, Fault, Folder, Run, grants, head, one_account};

fn connection(name: &str, more: &str) -> String {
    format!(
        "  - {{name: {name}, category: RemoteTool, target: 'https://x.example', authType: ProjectManagedIdentity{more}}}\n"
    )
}

const AUDIENCE: &str = ", audience: 'https://api.contoso.com'";

fn write(folder: &Folder, connections: &str) {
    folder.write("a.yaml", one_account("team-a", "chat", &format!("connections:\n{connections}")));
}

fn told(run: &Run) -> Vec<Value> {
    let findings = run.json()["findings"].as_array().unwrap().clone();
    findings.into_iter().filter(|each| each["code"] == "not-compared").collect()
}

/// The sandbox does not show `audience` of a connection, as Azure may not.
#[test]
fn a_field_that_azure_does_not_show_is_told_and_sent_when_asked() {
    let azure = Azure::start();
    let folder = azure.folder();
    write(&folder, &[connection("one", ""), connection("two", "")].concat());
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.keyless("plan a.yaml").exits(0).says(&["No changes; 3 unchanged"]);
    write(&folder, &[connection("one", AUDIENCE), connection("two", AUDIENCE)].concat());
    azure.take_seen();
    let words = "Azure does not show `audience` of 2 connections, so it was not compared";
    let last = "; 1 unchanged, 2 not fully compared";
    let run = folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
    run.says(&[
        words,
        "--rotate accounts/chat/connections/one",
        &format!("No changes in what Azure shows{last}"),
    ]);
    let run = folder.keyless("drift a.yaml").exits(0);
    run.says(&[words, "No drift in what Azure shows: 1 resource matches the specs; 2 not fully compared"]);
    folder.keyless("apply a.yaml --yes").exits(0).says(&["No changes in what Azure shows"]);
    for (command, head) in
        [("plan", "No changes in what Azure shows"), ("drift", "No drift in what Azure shows")]
    {
        folder.keyless(&format!("{command} a.yaml --format markdown")).exits(0).says(&[
            head,
            "not fully compared",
            "audience",
        ]);
        let run = folder
            .keyless(&format!(
                "{command} a.yaml --format json --report html=p.html --report openmetrics=m.txt"
            ))
            .exits(0);
        run.fits("plan");
        let document = run.json();
        assert_eq!(document["known"], "shown", "{run}");
        let fields: Vec<&Value> =
            document["changes"].as_array().unwrap().iter().map(|change| &change["notCompared"]).collect();
        assert_eq!(fields, [&Value::Null, &json!(["audience"]), &json!(["audience"])], "{run}");
        let told = told(&run);
        assert_eq!(told.len(), 1, "{run}");
        assert_eq!((&told[0]["severity"], &told[0]["source"]["line"]), (&json!("note"), &json!(9)));
        let page = std::fs::read_to_string(folder.path().join("p.html")).unwrap();
        assert!(page.to_lowercase().contains(&head.to_lowercase()), "{head}");
        let metrics = std::fs::read_to_string(folder.path().join("m.txt")).unwrap();
        let partly =
            metrics.lines().find(|line| line.contains("state=\"partly_compared\"") && line.ends_with(" 2"));
        assert!(partly.is_some(), "{metrics}");
    }
    assert!(azure.take_writes().is_empty());
    // Asked for, it is sent, past its guard; so it is with another change.
    let rotate = "apply a.yaml --yes --rotate accounts/chat/connections/one";
    folder.keyless(rotate).exits(3).says(&["guard-connection", "another audience"]);
    folder.keyless(&format!("{rotate} --allow connection")).exits(0).says(&["1 done"]);
    let sent = |azure: &Azure| -> Vec<Value> {
        azure.take_writes().iter().map(|seen| seen.body["properties"]["audience"].clone()).collect()
    };
    assert_eq!(sent(&azure), [json!("https://api.contoso.com")]);
    let more = format!("{AUDIENCE}, isSharedToAll: true");
    write(&folder, &[connection("one", AUDIENCE), connection("two", &more)].concat());
    folder.keyless("apply a.yaml --yes --allow connection").exits(0).says(&["1 done"]);
    assert_eq!(sent(&azure), [json!("https://api.contoso.com")]);
}

/// A comment that says "2 unchanged" where errors hide what would change is read as an approval.
#[test]
fn every_output_says_how_much_of_it_is_known() {
    let azure = Azure::start();
    let folder = azure.folder();
    let lines = grants(&[ALICE, BOB]);
    folder.write("a.yaml", one_account("team-a", "chat", &lines));
    folder.keyless("apply a.yaml --yes").exits(0);
    let run = folder.keyless("plan a.yaml --format markdown").exits(0);
    run.says(&["**No changes; 3 unchanged.**"]);
    assert_eq!(folder.keyless("plan a.yaml --format json").json()["known"], "all");
    // A renamed stack owns nothing: an error, and otherwise nothing to see.
    folder.write("a.yaml", one_account("team-new", "chat", &lines));
    let retire = "plan a.yaml --retire team-new";
    folder.keyless(retire).exits(1).says(&["No changes in what is known"]);
    folder.keyless(&format!("{retire} --format markdown")).exits(1).says(&["**No changes in what is known"]);
    assert_eq!(folder.keyless(&format!("{retire} --format json")).json()["known"], "part");
    // A list that could not be read.
    folder.write("a.yaml", format!("{}accounts: []\n", head("team-b")));
    azure.spoil("GET", "/roleAssignments", Fault::denied());
    let plan = folder.keyless("plan a.yaml --format markdown");
    plan.says(&["No changes in what could be read"]);
    assert_eq!(folder.keyless("plan a.yaml --format json").json()["known"], "part");
}

/// Azure shows no credentials. What of them stands in a spec as plain text can change there, unlike a secret, so it is told.
#[test]
fn open_members_of_credentials_are_told() {
    let azure = Azure::start();
    let folder = azure.folder();
    let write_with = |id: &str| {
        let credentials = format!(
            "  - {{name: two, category: RemoteTool, target: 'https://x.example', authType: ManagedIdentity, credentials: {{clientId: {id}, resourceId: r{id}}}}}\n"
        );
        write(&folder, &[connection("one", ""), credentials].concat());
    };
    write_with("old");
    folder.keyless("apply a.yaml --yes").exits(0);
    write_with("new");
    let words = "Azure does not show `credentials.clientId`, `credentials.resourceId` of connection";
    folder.keyless("plan a.yaml").exits(0).says(&[
        words,
        "--rotate accounts/chat/connections/two",
        "No changes in what Azure shows; 2 unchanged, 1 not fully compared",
    ]);
    folder.keyless("drift a.yaml").exits(0).says(&[words]);
    azure.take_writes();
    folder.keyless("apply a.yaml --yes --rotate accounts/chat/connections/two").exits(0);
    let sent = azure.take_writes();
    assert!(sent.iter().any(|seen| seen.body["properties"]["credentials"]["clientId"] == "new"), "{sent:?}");
}

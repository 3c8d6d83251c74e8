//! Object ids that are none, or are something else's.

use super::{DANA, PIPELINE, PIPELINE_APP, populate, spec};
use crate::common::{ALICE, Azure, BOB, CAROL, Fault, SUB, grants, head, one_account};

#[test]
fn a_client_id_is_told_with_the_object_id_before_anything_is_written() {
    let azure = Azure::start();
    populate(&azure);
    let folder = azure.folder();
    folder.write("a.yaml", spec(&[&format!("id: {PIPELINE_APP}, type: ServicePrincipal")]));
    let plan = folder.keyless("plan a.yaml --format json").exits(1);
    assert_eq!(plan.findings(), ["client-id@11"], "{plan}");
    assert!(plan.json()["findings"][0]["hint"].as_str().unwrap().contains(PIPELINE), "{plan}");
    assert_eq!(plan.changes("refused").len(), 1, "{plan}");
}

#[test]
fn a_wrong_type_is_told_with_the_right_one() {
    let azure = Azure::start();
    populate(&azure);
    let folder = azure.folder();
    folder.write("a.yaml", spec(&[&format!("id: {DANA}, type: ServicePrincipal")]));
    let plan = folder.keyless("plan a.yaml --format json").exits(1);
    assert_eq!(plan.findings(), ["principal-type@11"], "{plan}");
    assert_eq!(plan.json()["findings"][0]["hint"], "write `type: User`");
}

#[test]
fn an_id_that_the_directory_does_not_know_is_a_warning() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec(&[&format!("id: {ALICE}, type: User")]));
    let quiet = folder.keyless("plan a.yaml --format json").exits(0);
    assert_eq!(quiet.findings(), Vec::<String>::new(), "the sandbox lets anyone be anyone on first use");
    // A directory that answers, and leaves it out.
    let nobody = r#"{"responses": [{"id": "0", "status": 200, "body": {"value": []}}, {"id": "1", "status": 200, "body": {"value": []}}]}"#;
    azure.spoil("POST", "$batch", Fault::Answer(200, "application/json", nobody.to_owned()));
    let plan = folder.keyless("plan a.yaml --format json").exits(0);
    assert_eq!(plan.findings(), ["principal-not-found@11"], "{plan}");
    assert_eq!(
        (plan.json()["findings"][0]["severity"].as_str(), plan.changes("create").len()),
        (Some("warning"), 2)
    );
}

#[test]
fn a_directory_that_may_not_be_read_is_one_note_and_no_obstacle() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE, BOB, CAROL])));
    azure.spoil(
        "POST",
        "$batch",
        Fault::error(403, "Authorization_RequestDenied", "Insufficient privileges."),
    );
    let plan = folder.keyless("plan a.yaml --format json").exits(0);
    assert_eq!(plan.findings(), ["principal-unread@0"], "{plan}");
    assert_eq!(plan.json()["findings"][0]["severity"], "note");
    azure.take_seen();
    folder.keyless("apply a.yaml --yes").exits(0).says(&["4 done"]);
    azure.take_seen();
    folder.keyless("plan a.yaml").exits(0).says(&["No changes", "2 reads"]);
    assert_eq!(azure.take_seen().len(), 2, "nobody is asked about what stands");
}

#[test]
fn nothing_is_asked_of_graph_without_need() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", "disableLocalAuth: true\n"));
    folder.keyless("plan a.yaml").exits(0);
    assert!(azure.take_seen().iter().all(|seen| !seen.target.contains("v1.0")));
}

#[test]
fn object_ids_that_get_a_role_of_cosmos_db_are_verified_in_the_same_request() {
    let azure = Azure::start();
    populate(&azure);
    let folder = azure.folder();
    let database =
        format!("/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.DocumentDB/databaseAccounts/c1");
    let text = |who: &str| {
        format!(
            "{}sqlRoleAssignments:\n  - {{databaseAccount: {database}, role: Cosmos DB Built-in Data Reader, principals: [{{{who}}}]}}\n",
            head("team-a")
        )
    };
    for (who, finding) in [
        (format!("id: {PIPELINE_APP}, type: ServicePrincipal"), "client-id@7"),
        (format!("id: {DANA}, type: ServicePrincipal"), "principal-type@7"),
    ] {
        folder.write("a.yaml", text(&who));
        azure.take_seen();
        let plan = folder.keyless("plan a.yaml --format json").exits(1);
        assert_eq!(plan.findings(), [finding], "{plan}");
        assert_eq!(azure.take_seen().iter().filter(|seen| seen.target.contains("$batch")).count(), 1);
    }
    folder.write("a.yaml", text(&format!("id: {DANA}, type: User")));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_seen();
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
    let seen = azure.take_seen();
    assert!(seen.iter().all(|seen| !seen.target.contains("$batch")), "{seen:?}");
}

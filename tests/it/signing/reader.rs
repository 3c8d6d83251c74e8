//! A pull request's identity: a Reader plans, and whoever lacks the right to write is told before the first write.

use serde_json::json;

use super::{APP, folder};
use crate::common::cloud::{Cloud, TENANT};
use crate::common::{ALICE, SUB};

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_reader_plans_to_some_use_and_its_apply_ends_before_the_first_write() {
    let cloud = Cloud::start();
    let reader =
        cloud.application("pull request", APP, json!({"secret": "s3cret-of-the-test"}), Some("Reader"));
    cloud.know("users", &json!([{"id": ALICE, "userPrincipalName": "alice@contoso.com"}]));
    let folder = folder(&cloud, &[("AZURE_CLIENT_SECRET", "s3cret-of-the-test")]);
    let missing = [
        "missing-permission",
        "lacks `Microsoft.CognitiveServices/accounts/write` at",
        "lacks `Microsoft.Authorization/roleAssignments/write` at",
    ];
    folder
        .keyless("plan specs")
        .exits(0)
        .says(&["note[missing-permission]", "Plan: 2 to create"])
        .says(&missing);
    folder.keyless("plan specs --detailed-exitcode").exits(2);
    let plan = folder.keyless("plan specs --format json").exits(0);
    let document = plan.json();
    let of_rights = document["findings"].as_array().unwrap().iter();
    let of_rights: Vec<_> = of_rights.filter(|finding| finding["code"] == "missing-permission").collect();
    assert_eq!(of_rights.len(), 2, "{plan}");
    assert!(of_rights.iter().all(|finding| finding["severity"] == "note"), "{plan}");
    folder.keyless("plan specs --out plan.json").exits(0);

    let writes = || cloud.send("GET", "/_sandbox/stats", None).body["writes"].as_u64().unwrap();
    let before = writes();
    for arguments in ["apply specs --yes", "apply plan.json --yes"] {
        let run = folder.keyless(arguments).exits(1);
        run.says(&["error[missing-permission]"]).complains(&["nothing was written"]);
    }
    assert_eq!(writes(), before, "no write came to Azure");

    cloud.grant(&reader, "Owner");
    folder.keyless("apply plan.json --yes").exits(0);
    assert!(writes() > before, "writes are counted");
    folder.keyless("plan specs --detailed-exitcode").exits(0).says(&["No changes"]);

    // Whoever may only read can export it, and plan what came of that.
    let auditor = "0000aaaa-0000-4000-8000-000000000002";
    cloud.application("auditor", auditor, json!({"secret": "another-secret"}), Some("Reader"));
    let folder = cloud.folder(&[
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_CLIENT_ID", auditor),
        ("AZURE_CLIENT_SECRET", "another-secret"),
    ]);
    let before = writes();
    let run = folder.keyless(&format!("export --subscription {SUB} --stack team")).exits(0);
    folder.write("specs/exported.yaml", &run.stdout);
    folder.keyless("plan --detailed-exitcode").exits(0).says(&["No changes; 2 unchanged"]);
    assert_eq!(writes(), before);
}

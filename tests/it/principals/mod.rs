//! Principals that a spec names otherwise than by object id, through the real binary and the sandbox's directory.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

mod holes;
mod ids;
mod lock;
mod names;

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::common::{Azure, one_account};

const ML: &str = "cafe0000-0000-4000-8000-000000000001";
const OTHER_ML: &str = "cafe0000-0000-4000-8000-000000000002";
const PIPELINE: &str = "cafe0000-0000-4000-8000-000000000003";
const PIPELINE_APP: &str = "cafe0000-0000-4000-8000-000000000004";
const DANA: &str = "cafe0000-0000-4000-8000-000000000005";

/// Puts people, groups and applications into the sandbox's directory.
fn populate(azure: &Azure) {
    let directory = json!({
        "users": [{"id": DANA, "userPrincipalName": "dana@contoso.com", "displayName": "Dana"}],
        "groups": [{"id": ML, "displayName": "ml-developers"}],
        "servicePrincipals": [{"id": PIPELINE, "appId": PIPELINE_APP, "displayName": "pipeline"}],
    });
    assert_eq!(azure.send("POST", "/_sandbox/directory", Some(directory)).status, 200);
}

fn add_group(azure: &Azure, id: &str, name: &str) {
    let directory = json!({"groups": [{"id": id, "displayName": name}]});
    assert_eq!(azure.send("POST", "/_sandbox/directory", Some(directory)).status, 200);
}

/// One account on which these principals, in YAML, may call the models.
fn spec(principals: &[&str]) -> String {
    let mut lines = String::from("roleAssignments:\n  - role: Cognitive Services User\n    principals:\n");
    for principal in principals {
        let _ = writeln!(lines, "      - {{{principal}}}");
    }
    one_account("team-a", "chat", &lines)
}

/// The principals that have a role on the account, with their types, sorted.
fn granted(azure: &Azure) -> Vec<(String, String)> {
    let text = |body: &Value, name: &str| body["properties"][name].as_str().unwrap().to_owned();
    let grants = azure.grants_at(&crate::common::account("chat"));
    let mut all: Vec<(String, String)> =
        grants.iter().map(|body| (text(body, "principalId"), text(body, "principalType"))).collect();
    all.sort();
    all
}

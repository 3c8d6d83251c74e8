//! Proof at Azure's own addresses: tokens of the right audience at the right hosts, and what it looks like when a host cannot be reached.

use serde_json::json;

use super::verify::checks;
use crate::common::cloud::{Cloud, Line, TENANT};
use crate::common::{CS_USER, SUB, account, assignment, head, role};

const APP: &str = "0000aaaa-0000-4000-8000-000000000001";
const OPENAI: &str = "chat.openai.azure.com";
const FOUNDRY: &str = "chat.services.ai.azure.com";
const VARIABLES: [(&str, &str); 3] =
    [("AZURE_TENANT_ID", TENANT), ("AZURE_CLIENT_ID", APP), ("AZURE_CLIENT_SECRET", "s3cret-of-the-test")];

/// A strict cloud with an account, a model and a project in it, and an application with the role that calls them.
fn cloud(subdomain: &str) -> Cloud {
    let cloud = Cloud::with(&[OPENAI, FOUNDRY]);
    let caller = cloud.application("pipeline", APP, json!({"secret": "s3cret-of-the-test"}), Some("Reader"));
    let put = |path: &str, body| {
        let answer = cloud.send("PUT", path, Some(body));
        assert!([200, 201].contains(&answer.status), "{path}: {answer:?}");
    };
    let at = |below: &str| format!("{}{below}?api-version=2025-06-01", account("chat"));
    let properties =
        json!({"customSubDomainName": subdomain, "disableLocalAuth": true, "allowProjectManagement": true});
    put(
        &at(""),
        json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"}, "properties": properties,
            "identity": {"type": "SystemAssigned"}}),
    );
    let model = json!({"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"});
    put(
        &at("/deployments/gpt"),
        json!({"sku": {"name": "GlobalStandard", "capacity": 1}, "properties": {"model": model}}),
    );
    put(
        &at("/projects/team"),
        json!({"location": "eastus2", "identity": {"type": "SystemAssigned"}, "properties": {}}),
    );
    let grant = format!("{}?api-version=2022-04-01", assignment(&account("chat"), SUB));
    put(&grant, json!({"properties": {"principalId": caller, "roleDefinitionId": role(CS_USER)}}));
    cloud
}

fn spec() -> String {
    format!("{}accounts:\n  - name: chat\n", head("team-a"))
}

#[test]
fn each_host_is_sent_a_token_of_its_own_audience() {
    let cloud = cloud("chat");
    let folder = cloud.folder(&VARIABLES);
    folder.write("specs/a.yaml", spec());
    cloud.take_asked();
    let run = folder.keyless("verify --credential client-secret --format json").exits(0);
    assert_eq!(
        checks(&run),
        ["modelAnswers gpt proven -", "projectAnswers team proven -", "keysRefused - proven -"]
    );
    let asked = cloud.take_asked();
    for host in [OPENAI, FOUNDRY] {
        assert!(asked.iter().any(|asked| asked == host), "{host} was not asked: {asked:?}");
    }
}

#[test]
fn a_host_that_cannot_be_reached_proves_nothing() {
    let cloud = cloud("chat");
    let folder = cloud.folder(&VARIABLES);
    folder.write("specs/a.yaml", spec());
    cloud.line(FOUNDRY, Line::Refused);
    let run = folder.keyless("verify --credential client-secret --verify-wait 0 --format json").exits(1);
    assert_eq!(
        checks(&run),
        ["modelAnswers gpt proven -", "projectAnswers team inconclusive network", "keysRefused - proven -"]
    );
    cloud.line(OPENAI, Line::Refused);
    let run = folder.keyless("verify --credential client-secret --verify-wait 0").exits(1);
    run.says(&["network: no connection", "run it from a network that can reach the account"]);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_name_that_does_not_resolve_is_told_as_dns_with_what_to_do() {
    // The second has more letters than a part of a host name may have.
    for subdomain in
        ["no-such-account-of-keyless-7f3b1c521a084d7b9f5e2f6f0c1d9a11".to_owned(), "a".repeat(64)]
    {
        let cloud = cloud(&subdomain);
        let hosts = ["openai", "services.ai"].map(|api| format!("{subdomain}.{api}.azure.com"));
        // Past the proxy, so that this machine is asked for the names; without a network it says no at once.
        let direct = hosts.join(",");
        let further = [("NO_PROXY", direct.as_str()), ("RES_OPTIONS", "attempts:1 timeout:1")];
        let folder = cloud.folder(&[&VARIABLES[..], &further].concat());
        folder.write("specs/a.yaml", spec());
        let arguments = "verify --credential client-secret --verify-wait 0";
        let run = folder.keyless(&format!("{arguments} --format json")).exits(1);
        let claims = ["modelAnswers gpt", "projectAnswers team", "keysRefused -"];
        assert_eq!(checks(&run), claims.map(|claim| format!("{claim} inconclusive dns")), "{run}");
        run.fits("verify");
        folder.keyless(arguments).exits(1).says(&[
            &format!("dns: `{}` does not resolve (", hosts[0]),
            &format!("dns: `{}` does not resolve (", hosts[1]),
            "check DNS where this runs",
            "private DNS zone",
        ]);
        folder.keyless(&format!("{arguments} --allow-inconclusive")).exits(0);
    }
}

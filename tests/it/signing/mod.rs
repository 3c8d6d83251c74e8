//! Signing in, as the real binary does it in production: every credential, every way to fail, and what must not be shown.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

mod auto;
mod doctor;
mod each;
mod failures;
mod leaks;
mod planner;
mod reader;

use crate::common::cloud::{Cloud, TENANT};
use crate::common::{ALICE, Folder, grants, one_account};

/// The client id of the application that signs in.
const APP: &str = "0000aaaa-0000-4000-8000-000000000001";

/// Variables that every application needs.
const NAMES: [(&str, &str); 2] = [("AZURE_TENANT_ID", TENANT), ("AZURE_CLIENT_ID", APP)];

/// A folder with one spec, whose runs go to a cloud with these variables.
fn folder(cloud: &Cloud, variables: &[(&str, &str)]) -> Folder {
    let folder = cloud.folder(&[&NAMES[..], variables].concat());
    write_spec(&folder);
    folder
}

/// The spec of one account with one role assignment.
fn write_spec(folder: &Folder) {
    folder.write("specs/one.yaml", one_account("team", "chat", &grants(&[ALICE])));
}

/// A federated token without a valid signature.
pub(crate) fn federated(issuer: &str, subject: &str, expires: i64) -> String {
    use base64::Engine as _;
    let claims = serde_json::json!({
        "iss": issuer, "sub": subject, "aud": "api://AzureADTokenExchange", "exp": expires,
    });
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("e30.{payload}.c2lnbmF0dXJl")
}

/// A folder with a developer tool in it that is signed in as the application: it runs a line of shell, notes that it was called, and
/// tells a token for the scope that it is asked for.
#[cfg(unix)]
fn tool(cloud: &Cloud, name: &str, before: &str) -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let (token, expires) = match name {
        "az" => ("accessToken", "\"tokenType\": \"Bearer\", \"expires_on\": 4000000000"),
        _ => ("token", "\"expiresOn\": \"2096-10-02T07:06:40Z\""),
    };
    let tools = tempfile::tempdir().unwrap();
    let value = |resource: &str| {
        cloud.token(APP, "s3cret-of-the-test", resource)["access_token"].as_str().unwrap().to_owned()
    };
    let script = format!(
        "#!/bin/sh\n{before}\necho \"$@\" >> {calls}\ncase \"$*\" in *graph*) t={graph};; *) t={arm};; esac\n\
         echo '{{\"{token}\": \"'$t'\", {expires}}}'\n",
        calls = tools.path().join("calls").display(),
        graph = value("https://graph.microsoft.com"),
        arm = value("https://management.azure.com"),
    );
    let file = tools.path().join(name);
    std::fs::write(&file, script).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    tools
}

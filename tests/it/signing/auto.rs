//! What `--credential auto` takes where several could be meant, and what it says of those that it passed over.

use serde_json::{Value, json};

use super::{APP, NAMES, folder, tool, write_spec};
use crate::arm::server::{Server, answer};
use crate::common::cloud::{ARM, Cloud, ENTRA, GRAPH};
use crate::common::{ALICE, Folder, few};

/// A cloud that knows the application, which may read.
fn cloud() -> Cloud {
    let cloud = Cloud::start();
    cloud.application("pipeline", APP, json!({"secret": "s3cret-of-the-test"}), Some("Reader"));
    cloud.know("users", &json!([{"id": ALICE, "userPrincipalName": "alice@contoso.com"}]));
    cloud
}

/// A folder with these variables, whose PATH leads to an `az` that is signed in.
#[cfg(unix)]
fn with_az(cloud: &Cloud, variables: &[(&str, &str)], before: &str) -> (Folder, tempfile::TempDir) {
    let tools = tool(cloud, "az", before);
    let path = format!("{}:/usr/bin:/bin", tools.path().display());
    let folder = cloud.folder(&[&[("PATH", path.as_str())], variables].concat());
    write_spec(&folder);
    (folder, tools)
}

/// The environment variables.
type Variables = &'static [(&'static str, &'static str)];

/// Places with an identity that `azure_identity` 1.0 cannot use: variables, what is said, and what helps.
const PLACES: &[(Variables, &str, &str)] = &[
    (
        &[("MSI_ENDPOINT", "http://localhost:50342/oauth2/token")],
        "keyless does not support the identity of Azure Cloud Shell",
        "Cloud Shell is already signed in to it",
    ),
    (
        &[
            ("IDENTITY_ENDPOINT", "http://localhost:40342/metadata/identity/oauth2/token"),
            ("IMDS_ENDPOINT", "http://localhost:40342"),
        ],
        "keyless does not support managed identities of Azure Arc",
        "sign in with `az login`",
    ),
    (
        &[("MSI_ENDPOINT", "http://127.0.0.1:46808/MSI/auth"), ("MSI_SECRET", "s")],
        "keyless does not support managed identities of Azure Machine Learning",
        "az login --identity",
    ),
    (
        &[
            ("IDENTITY_ENDPOINT", "https://10.0.0.4:2377/metadata/identity/oauth2/token"),
            ("IDENTITY_HEADER", "h"),
            ("IDENTITY_SERVER_THUMBPRINT", "t"),
        ],
        "keyless does not support managed identities of Service Fabric",
        "another credential",
    ),
];

#[cfg(unix)]
#[test]
#[ignore = "slow: tests/slow.sh"]
fn auto_falls_back_to_azure_cli_if_a_managed_identity_cannot_be_used_and_says_why() {
    let cloud = cloud();
    for (variables, reason, _) in PLACES {
        let (folder, _tools) = with_az(&cloud, variables, "");
        folder.keyless("plan --detailed-exitcode").exits(2).says(&["2 to create"]).complains(&[
            "signing in with azure-cli: `az` is installed; skipped `managed-identity` (",
            reason,
        ]);
    }
    assert!(cloud.take_asked().iter().all(|host| [ARM, GRAPH].contains(&host.as_str())));
}

#[test]
fn if_no_credential_is_left_each_skipped_one_is_named_with_its_reason() {
    let cloud = cloud();
    for (variables, reason, _) in PLACES {
        let bare = cloud.folder(&[&[("PATH", "/nonexistent")], *variables].concat());
        write_spec(&bare);
        bare.keyless("plan").exits(1).complains(&[
            "cause: no credential was found: the environment declares none; skipped `managed-identity` (",
            reason,
            "`azure-cli` (`az` is not on PATH), `azure-developer-cli` (`azd` is not on PATH)",
            "help: run `az login`",
        ]);
    }
}

#[test]
fn a_requested_managed_identity_that_cannot_be_used_is_refused_with_a_reason() {
    let cloud = cloud();
    for (variables, reason, hint) in PLACES {
        folder(&cloud, variables)
            .keyless("plan --credential managed-identity")
            .exits(1)
            .complains(&[&format!("cause: could not use `managed-identity`: {reason}"), hint]);
    }
    assert_eq!(cloud.take_asked(), [""; 0], "nobody was asked");
}

#[cfg(unix)]
#[test]
fn a_credential_that_is_declared_in_part_is_passed_over_and_named() {
    let cloud = cloud();
    let shell = PLACES[0].0[0];
    let (folder, _tools) =
        with_az(&cloud, &[shell, ("AZURE_CLIENT_SECRET", "s3cret-of-the-test"), NAMES[1]], "");
    let run = folder.keyless("plan --detailed-exitcode").exits(2).complains(&[
        "signing in with azure-cli: `az` is installed; skipped \
         `client-secret` (`AZURE_CLIENT_SECRET` is set, but `AZURE_TENANT_ID` is not), `managed-identity` (",
    ]);
    assert!(!run.stderr.contains("s3cret-of-the-test"), "{run}");
}

#[cfg(unix)]
#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_slow_azure_cli_gets_the_time_that_it_needs() {
    let cloud = cloud();
    // Longer than any other credential may take; once is enough.
    let (folder, _tools) = with_az(&cloud, &[], "[ -e \"$0.woken\" ] || { : > \"$0.woken\"; sleep 9; }");
    folder.keyless("plan --detailed-exitcode --credential azure-cli").exits(2).says(&["2 to create"]);
}

#[cfg(unix)]
#[test]
fn an_azure_cli_that_prints_without_end_is_not_listened_to() {
    let cloud = cloud();
    let (folder, _tools) = with_az(&cloud, &[], "exec yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    let run = folder.keyless("plan --credential azure-cli").exits(1);
    assert!(run.stderr.contains(" returned no token: `az` printed over 1 MiB\n"), "{run}");
}

/// Whether a process runs, and is no zombie.
#[cfg(unix)]
fn runs(pid: &str) -> bool {
    let told = std::process::Command::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap();
    let state = String::from_utf8_lossy(&told.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

#[cfg(unix)]
#[test]
fn what_an_azure_cli_leaves_running_costs_neither_the_token_nor_lives_on() {
    use std::time::{Duration, Instant};
    let cloud = cloud();
    let files = tempfile::tempdir().unwrap();
    let left = files.path().join("left");
    // It holds the streams of the tool.
    let (folder, _tools) = with_az(&cloud, &[], &format!("sleep 300 & echo $! >> {}", left.display()));
    let start = Instant::now();
    folder.keyless("plan --detailed-exitcode --credential azure-cli").exits(2).says(&["2 to create"]);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    let pids = std::fs::read_to_string(&left).unwrap();
    assert!(pids.lines().count() > 0, "{pids}");
    // A signal takes its time.
    let deadline = Instant::now() + Duration::from_secs(10);
    while pids.lines().any(runs) {
        assert!(Instant::now() < deadline, "still there: {pids}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn no_proxy_hears_of_the_metadata_service() {
    let cloud = cloud();
    let (proxy, _runtime) = Server::beside();
    proxy.forever(answer(400, &[], &json!({"error": "invalid_request"})), std::time::Duration::ZERO);
    let heard = |variables: &[(&str, &str)], arguments: &str| {
        let proxied = [("HTTP_PROXY", proxy.base.as_str()), ("PATH", "/nonexistent")];
        let folder = cloud.folder(&[&proxied, variables].concat());
        write_spec(&folder);
        let before = proxy.seen().len();
        folder.keyless(arguments).exits(1);
        proxy.seen().split_off(before).into_iter().map(|seen| seen.target).collect::<Vec<String>>()
    };
    // Control: a request to another host uses the proxy.
    let app = [("IDENTITY_ENDPOINT", "http://identity.test/msi"), ("IDENTITY_HEADER", "h")];
    assert!(heard(&app, "plan").iter().any(|target| target.starts_with("http://identity.test/msi?")));
    for arguments in ["plan", "plan --credential managed-identity"] {
        assert_eq!(heard(&[], arguments), [""; 0], "{arguments}");
    }
}

#[test]
fn github_is_asked_for_a_token_that_the_cloud_takes() {
    let cloud = cloud();
    let (github, _runtime) = Server::beside();
    github.forever(answer(200, &[], &json!({"value": "e30.e30.x"})), std::time::Duration::ZERO);
    let url = format!("{}/job?x=1", github.base);
    let folder = folder(
        &cloud,
        &[("ACTIONS_ID_TOKEN_REQUEST_URL", &url), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "the-job's-own")],
    );
    for (name, audience) in few(
        2,
        [
            ("public", "AzureADTokenExchange"),
            ("usgov", "AzureADTokenExchangeUSGov"),
            ("china", "AzureADTokenExchangeChina"),
        ],
    ) {
        let before = github.seen().len();
        folder.keyless(&format!("plan --cloud {name} --credential github-oidc")).exits(1);
        let targets: Vec<String> =
            github.seen().split_off(before).into_iter().map(|seen| seen.target).collect();
        assert!(!targets.is_empty(), "{name}: GitHub was asked");
        let expected = format!("/job?x=1&audience=api%3A%2F%2F{audience}");
        assert!(targets.iter().all(|target| *target == expected), "{name}: {targets:?}");
    }
    assert!(cloud.take_asked().iter().any(|host| host == ENTRA), "the assertion went on to Entra ID");
}

/// The document of `doctor` says which credential it is, too.
#[cfg(unix)]
#[test]
fn doctor_says_which_credential_was_passed_over() {
    let cloud = cloud();
    let (folder, _tools) = with_az(&cloud, &[PLACES[0].0[0]], "");
    let document: Value = folder.keyless("doctor --format json").json();
    let checks = document["checks"].as_array().unwrap();
    let credential = checks.iter().find(|check| check["name"] == "credential");
    let text = credential.map(Value::to_string).unwrap_or_default();
    assert!(text.contains("azure-cli") && text.contains("Cloud Shell"), "{document}");
}

#[cfg(unix)]
#[test]
fn of_two_developer_tools_the_one_that_is_there_is_taken() {
    let cloud = cloud();
    let tools = tool(&cloud, "azd", "");
    // Where a shell is, and no `az`.
    let shell = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/bin/cat", shell.path().join("cat")).unwrap();
    let path = format!("{}:{}", tools.path().display(), shell.path().display());
    let folder = cloud.folder(&[("PATH", path.as_str())]);
    write_spec(&folder);
    folder
        .keyless("plan --detailed-exitcode")
        .exits(2)
        .complains(&["azure-developer-cli: `azd` is installed", "`az` is not on PATH"]);
}

#[cfg(unix)]
#[test]
fn an_azure_cli_without_a_sign_in_is_skipped_if_azd_is_installed() {
    let cloud = cloud();
    let signed_out = "echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1";
    let expired = "echo 'ERROR: AADSTS700082: The refresh token has expired.' >&2; exit 1";
    let azd = tool(&cloud, "azd", "");
    let with = |before: &str, more: &str| {
        let az = tool(&cloud, "az", before);
        let path = format!("{}:{more}/usr/bin:/bin", az.path().display());
        let folder = cloud.folder(&[("PATH", path.as_str())]);
        write_spec(&folder);
        (folder.keyless("plan --detailed-exitcode"), az)
    };
    let both = format!("{}:", azd.path().display());
    let (run, _) = with(signed_out, &both);
    run.exits(2)
        .complains(&["azure-developer-cli: `azd` is installed", "`azure-cli` (`az` is not signed in)"]);
    // A sign-in that has expired is no reason to sign in as somebody else, and where nothing else is there `az` tells why itself.
    for (before, more, words) in
        [(expired, both.as_str(), "AADSTS700082"), (signed_out, "", "to setup account")]
    {
        let (run, _) = with(before, more);
        run.exits(1).complains(&["`azure-cli` returned no token", words]);
    }
    let (run, az) = with("", &both);
    run.exits(2).complains(&["signing in with azure-cli: `az` is installed"]);
    assert!(az.path().join("calls").exists() && azd.path().join("calls").exists());
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_sign_in_that_waits_for_its_tool() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};
    let cloud = cloud();
    let files = tempfile::tempdir().unwrap();
    let (called, said) = (files.path().join("called"), files.path().join("said"));
    let (folder, _tools) = with_az(&cloud, &[], &format!("touch {}; sleep 60", called.display()));
    let mut child = folder
        .command(["plan", "--credential", "azure-cli"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&said).unwrap())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while !called.exists() {
        assert!(start.elapsed() < Duration::from_mins(1), "the tool is not called");
        std::thread::sleep(Duration::from_millis(5));
    }
    let start = Instant::now();
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    // A tool has 30 s.
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    let said = std::fs::read_to_string(said).unwrap();
    assert!(said.contains("interrupted while signing in; nothing was written"), "{said}");
}

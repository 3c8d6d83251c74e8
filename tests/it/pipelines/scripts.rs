//! deploy/host by itself: what the scripts make of odd results, of a host that fails, and of paths.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::{Value, json};

use super::host::{Host, token};
use super::others::{bash, owned};
use crate::common::Folder;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The environment of a job on GitHub, of a pull request of the newest commit.
fn github(host: &Host, folder: &Folder) -> Vec<(String, String)> {
    let event = json!({"pull_request": {"number": 5, "head": {"sha": "1111111111"}}});
    folder.write("event.json", event.to_string());
    let may = token(&json!({"pull-requests": "write", "issues": "write", "contents": "read"}));
    owned([
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_API_URL", &host.url),
        ("GITHUB_GRAPHQL_URL", &format!("{}/graphql", host.url)),
        ("GITHUB_REPOSITORY", "team/estate"),
        ("GITHUB_TOKEN", &may),
        ("GITHUB_SERVER_URL", "https://github.test"),
        ("GITHUB_RUN_ID", "77"),
        ("GITHUB_SHA", "1111111111"),
        ("GITHUB_REF_NAME", "main"),
        ("GITHUB_REF_TYPE", "branch"),
        ("GITHUB_EVENT_PATH", folder.path().join("event.json").to_str().unwrap()),
    ])
}

/// Leaves what a job of `command` leaves.
fn result(folder: &Folder, at: &str, command: &str, stack: &str, code: u8, document: &Value) {
    let ran = json!({"command": command, "stack": stack, "environment": "", "exitCode": code});
    folder.write(&format!("{at}/run.json"), ran.to_string());
    folder.write(&format!("{at}/keyless.md"), "**1 differs.**\n\nalice@contoso.com\n");
    folder.write(&format!("{at}/comment.md"), "**1 differs.**\n\n(name withheld)\n");
    folder.write(&format!("{at}/keyless.json"), document.to_string());
}

fn script(name: &str, host: &Host, folder: &Folder) -> (i32, String) {
    bash(&format!("exec python3 {ROOT}/deploy/host/{name} results"), folder.path(), &github(host, folder))
}

/// API keys turned on by hand, where the spec does not speak of them: nothing is written, and it is drift.
fn keys_on() -> Value {
    let field = json!({"path": "disableLocalAuth", "before": false, "after": true});
    json!({"action": "noop", "id": "/chat", "title": "account chat", "fields": [], "omitted": [field]})
}

#[test]
fn keys_that_the_spec_does_not_mention_are_drift_for_issues_and_chats() {
    let (host, folder) = (Host::start(), Folder::new());
    let other = json!({"action": "update", "id": "/x", "title": "deployment gpt", "fields": [{"path": "sku", "before": 1, "after": 2}]});
    // Something else could not be read.
    result(&folder, "results/a", "drift", "keys-on", 1, &json!({"changes": [keys_on()]}));
    let (code, said) = script("issue.py", &host, &folder);
    assert!(code == 0 && said.contains("issue opened"), "{said}");
    let number = host.with(|kept| kept.issues[0]["number"].as_u64().unwrap());
    // Later something else differs too, and then again only the keys: watchers hear of each.
    for (changes, heard) in [
        (vec![keys_on()], 0),
        (vec![keys_on(), other.clone()], 1),
        (vec![other.clone()], 2),
        (vec![other], 2),
    ] {
        result(&folder, "results/a", "drift", "keys-on", 2, &json!({"changes": changes}));
        let (code, said) = script("issue.py", &host, &folder);
        assert_eq!((code, host.comments(number).len()), (0, heard), "{said}");
    }
    // Of what no spec declares only a fingerprint says that it changed.
    for (base, heard) in [("sha256:1", 3), ("sha256:1", 3), ("sha256:2", 4)] {
        let stranger =
            json!({"action": "unmanaged-drift", "id": "/c", "title": "connection c", "base": base});
        result(&folder, "results/a", "drift", "keys-on", 2, &json!({"changes": [stranger]}));
        let (code, said) = script("issue.py", &host, &folder);
        assert_eq!((code, host.comments(number).len()), (0, heard), "{said}");
    }
    result(&folder, "results/a", "drift", "keys-on", 2, &json!({"changes": [keys_on()]}));
    let hook = format!("export WEBHOOK={}/webhook/s; exec python3 {ROOT}/deploy/host/notify.py", host.url);
    let (code, said) = bash(&format!("{hook} slack results"), folder.path(), &[]);
    assert_eq!(code, 0, "{said}");
    let told = host.with(|kept| kept.posted.remove(0));
    let text = "Drift: stack keys-on\n1 differs.\nchanged: account chat: disableLocalAuth";
    assert_eq!(told["blocks"][0]["text"]["text"], text);
    // What a chat has no room for is counted.
    let many: Vec<Value> = (0..200)
        .map(|at| json!({"action": "create", "id": "/x", "title": format!("account {at}{}", "x".repeat(60))}))
        .collect();
    result(&folder, "results/a", "drift", "keys-on", 2, &json!({"changes": many}));
    for kind in ["slack", "teams"] {
        assert_eq!(bash(&format!("{hook} {kind} results"), folder.path(), &[]).0, 0);
    }
    let posted = host.with(|kept| kept.posted.clone());
    let slack = posted[0]["blocks"][0]["text"]["text"].as_str().unwrap();
    assert!(slack.len() <= 3_000 && slack.contains("missing: account 0x"), "{slack}");
    let shown = slack.lines().count() - 3;
    assert!(slack.ends_with(&format!("and {} more: the run has all of them", 200 - shown)), "{slack}");
    assert!(posted[1]["attachments"][0]["content"]["body"].as_array().unwrap().len() <= 40);
}

#[test]
fn a_result_that_fails_or_is_odd_keeps_no_other_back() {
    let (host, folder) = (Host::start(), Folder::new());
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (at, document) in
        ["{\"changes\":[\"x\"]}", "{\"changes\":7}", "[]", "{", nested.as_str()].iter().enumerate()
    {
        let name = format!("results/{at}");
        result(&folder, &name, "drift", &format!("odd{at}"), 1, &Value::Null);
        folder.write(&format!("{name}/keyless.json"), document);
    }
    folder.write("results/bad/run.json", "{\"command\": 1}");
    result(&folder, "results/good", "drift", "good", 2, &json!({"changes": [keys_on()]}));
    let (code, said) = script("issue.py", &host, &folder);
    assert!(code == 1 && said.contains("issue.py: bad: KeyError") && !said.contains("Traceback"), "{said}");
    assert_eq!(said.matches("drift could not be judged").count(), 5, "{said}");
    assert_eq!(host.with(|kept| kept.issues.clone())[0]["title"], "Drift: stack good");

    for stack in ["a", "b"] {
        result(&folder, &format!("results/{stack}"), "plan", stack, 2, &json!({}));
    }
    host.with(|kept| kept.busy.push(("POST /repos/team/estate/issues/5/comments".to_owned(), 422, "")));
    let (code, said) = script("comment.py", &host, &folder);
    assert!(code == 1 && said.contains("comment.py: a: POST") && said.contains("422 not now"), "{said}");
    assert!(host.comments(5)[0].1.contains("stack=b"), "{said}");
}

#[test]
fn an_issue_or_what_is_said_in_it_is_written_once_though_answers_are_lost() {
    let (host, folder) = (Host::start(), Folder::new());
    let drift = |code: u8, changes: Vec<Value>| {
        result(&folder, "results/a", "drift", "s", code, &json!({"changes": changes}));
        let (code, said) = script("issue.py", &host, &folder);
        assert_eq!(code, 0, "{said}");
        host.with(|kept| (kept.issues.clone(), kept.comments.len()))
    };
    host.with(|kept| kept.lost.push("POST /repos/team/estate/issues".to_owned()));
    let (issues, _) = drift(2, vec![keys_on()]);
    assert_eq!(issues.len(), 1);
    let other = json!({"action": "create", "id": "/x"});
    host.with(|kept| {
        kept.lost.push(format!("POST /repos/team/estate/issues/{}/comments", issues[0]["number"]));
    });
    assert_eq!(drift(2, vec![other]).1, 1);
    // A second one of the same name, however it came, is closed.
    let mut twin = issues[0].clone();
    twin["number"] = json!(999);
    host.with(|kept| kept.issues.push(twin));
    let (issues, _) = drift(2, vec![keys_on()]);
    assert_eq!((&issues[0]["state"], &issues[1]["state"]), (&json!("open"), &json!("closed")));
    // Everybody reads a public repository's issues.
    assert!(issues[0]["body"].as_str().unwrap().contains("alice"));
    host.with(|kept| kept.is_public = true);
    let (issues, _) = drift(2, vec![keys_on()]);
    let text = issues[0]["body"].as_str().unwrap();
    assert!(text.contains("(name withheld)") && !text.contains("alice"), "{text}");
}

#[test]
fn whatever_a_spec_is_called_a_later_change_of_it_is_seen() {
    let (host, folder) = (Host::start(), Folder::new());
    folder.write("specs/ml/a.yaml", "");
    folder.write("real/b.yaml", "");
    folder.write("vars/prod.yaml", "");
    symlink("../real/b.yaml", folder.path().join("specs/linked.yaml")).unwrap();
    symlink("real", folder.path().join("link")).unwrap();
    let whole = folder.path().join("specs").display().to_string();
    let newest = |specs: &str, arguments: &str, changed: &str| {
        host.with(|kept| kept.compared = json!({"status": "ahead", "files": [{"filename": changed}]}));
        let mut variables = github(&host, &folder);
        variables.extend(owned([("SPECS", specs), ("ARGUMENTS", arguments)]));
        bash(&format!("exec python3 {ROOT}/deploy/host/newest.py"), folder.path(), &variables)
    };
    for (specs, arguments, changed) in [
        ("specs", "", "specs/ml/a.yaml"),
        ("specs//ml", "", "specs/ml/a.yaml"),
        ("./specs/./ml/", "", "specs/ml/a.yaml"),
        ("specs/../specs", "", "specs/ml/a.yaml"),
        (&whole, "", "specs/ml/a.yaml"),
        ("specs/ml/a.yaml", "", "specs/ml/prod.vars.yaml"),
        ("link", "", "real/b.yaml"),
        ("link", "", "link"),
        ("specs/linked.yaml", "", "real/b.lock.json"),
        ("specs/linked.yaml", "", "specs/linked.lock.json"),
        ("specs", "", "specs"),
        ("specs", "--var-file\nvars/prod.yaml", "vars/prod.yaml"),
        ("specs", "--var-file=vars/prod.yaml", "vars/prod.yaml"),
        ("specs", "real", "real/c.yaml"),
        (".", "", "README.md"),
    ] {
        let (code, said) = newest(specs, arguments, changed);
        let expected = format!("main has moved on since 111111111 and changes {changed}: nothing is applied");
        assert!(code == 1 && said.contains(&expected), "{specs} {arguments}: {said}");
        let (code, said) = newest(specs, arguments, "docs/README.md");
        assert_eq!(code, i32::from(specs == "."), "{specs}: {said}");
    }
    host.with(|kept| kept.compared = json!({"status": "ahead", "files": [{"filename": "vars/prod.yaml"}]}));
    let mut variables = github(&host, &folder);
    variables.extend(owned([("KEYLESS_VAR_FILE", "vars/prod.yaml")]));
    let (code, said) = bash(&format!("exec python3 {ROOT}/deploy/host/newest.py"), folder.path(), &variables);
    assert!(code == 1 && said.contains("changes vars/prod.yaml"), "{said}");
    // A comparison without files is not one of which nothing changed.
    for (compared, code) in [
        (json!({"status": "ahead"}), 1),
        (json!({"status": "ahead", "files": null}), 1),
        (json!({"status": "ahead", "files": []}), 0),
        (json!({"status": "identical"}), 0),
    ] {
        host.with(|kept| kept.compared = compared.clone());
        let ran = bash(
            &format!("exec python3 {ROOT}/deploy/host/newest.py"),
            folder.path(),
            &github(&host, &folder),
        );
        assert_eq!(ran.0, code, "{compared}: {}", ran.1);
    }
    // What is not in the checkout cannot be judged.
    let outside = Folder::new();
    outside.write("specs/a.yaml", "");
    let away = outside.path().join("specs").display().to_string();
    symlink(outside.path().join("specs"), folder.path().join("away")).unwrap();
    for (specs, arguments, said) in [
        ("/github/workspace/specs", "", "there is no `/github/workspace/specs`"),
        ("none", "", "there is no `none`"),
        (&away, "", "it is not in the checkout"),
        ("away", "", "it is not in the checkout"),
        ("..", "", "it is not in the checkout"),
        ("specs", &format!("--var-file={away}/a.yaml"), "it is not in the checkout"),
    ] {
        let (code, told) = newest(specs, arguments, "README.md");
        assert!(code == 1 && told.contains(said), "{specs}: {told}");
    }
    // Of another repository in the checkout, the host is not asked.
    std::fs::create_dir_all(folder.path().join("real/.git")).unwrap();
    let (code, told) = newest("real", "", "README.md");
    assert!(code == 1 && told.contains("it is not in the checkout"), "{told}");
}

/// A flag as people have it: from a message with quotes, several in the one line of a host's page, or one a line.
#[test]
fn guards_are_lifted_however_their_flags_were_pasted() {
    let folder = Folder::new();
    folder.write("stubs/keyless", "#!/bin/sh\nprintf '[%s]' \"$@\"\n");
    let path = folder.path().join("stubs/keyless");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    for (allow, lifted) in [
        (" ", vec![]),
        ("deletes:ml", vec!["deletes:ml"]),
        ("grant:a/Role X/group:a;b; deletes:ml ;", vec!["grant:a/Role X/group:a;b", "deletes:ml"]),
        ("--allow 'grant:a/it'\\''s/b' --allow delete-list:x", vec!["grant:a/it's/b", "delete-list:x"]),
        ("--allow='grant:a b'; \"deletes:ml\"\r\n\nstale", vec!["grant:a b", "deletes:ml", "stale"]),
    ] {
        let script = format!("PATH=$PWD/stubs:$PATH exec bash {ROOT}/deploy/host/run.sh plan");
        let (code, said) = bash(&script, folder.path(), &owned([("STACK", "ml"), ("ALLOW", allow)]));
        let mut given: Vec<&str> =
            said.split("[--allow][").skip(1).map(|rest| rest.split(']').next().unwrap()).collect();
        given.sort_unstable();
        let mut lifted = lifted;
        lifted.sort_unstable();
        assert_eq!((code, given), (0, lifted), "{allow}: {said}");
    }
}

/// The folder in which a job runs is the estate's: what stands there chooses no compiler.
#[test]
fn keyless_is_built_by_its_own_toolchain_and_in_its_own_folder() {
    let folder = Folder::new();
    folder.write("rust-toolchain.toml", "[toolchain]\npath = \"evil\"\n");
    for name in ["cargo", "rustup"] {
        let path = format!("stubs/{name}");
        folder.write(&path, format!("#!/bin/sh\necho \"{name} $RUSTUP_TOOLCHAIN $PWD $*\"\n"));
        let path = folder.path().join(path);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let script = format!("export PATH=$PWD/stubs:$PATH; exec bash {ROOT}/deploy/host/build.sh built");
    let (code, said) = bash(&script, folder.path(), &[]);
    let root = folder.path().canonicalize().unwrap().join("built").display().to_string();
    let version = env!("CARGO_PKG_RUST_VERSION");
    let expected = format!(
        "rustup {version} {ROOT} toolchain install {version} --profile minimal --no-self-update\n\
         cargo {version} {ROOT} install --locked --profile dist --path . --root {root}\n"
    );
    assert_eq!((code, said), (0, expected));
}

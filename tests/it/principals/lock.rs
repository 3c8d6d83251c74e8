//! The lock file: names without a directory.

use serde_json::{Value, json};

use super::{DANA, ML, OTHER_ML, PIPELINE, PIPELINE_APP, add_group, granted, populate, spec};
use crate::common::{Azure, Fault, Folder, account};

const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";

/// A world whose spec names three principals and is locked.
fn locked() -> (Azure, Folder) {
    let azure = Azure::start();
    populate(&azure);
    let folder = azure.folder();
    let app = format!("servicePrincipal: {PIPELINE_APP}");
    folder.write("specs/a.yaml", spec(&["user: dana@contoso.com", "group: ml-developers", &app]));
    folder.keyless("lock").exits(0).says(&["wrote specs/a.lock.json (3 principals)"]);
    azure.take_seen();
    (azure, folder)
}

fn read(folder: &Folder) -> Value {
    let text = std::fs::read_to_string(folder.path().join("specs/a.lock.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_lock_file_decides_if_the_directory_cannot_be_read() {
    let (azure, folder) = locked();
    let expected = json!({"formatVersion": "1.0", "principals": [
        {"type": "Group", "name": "ml-developers", "id": ML},
        {"type": "ServicePrincipal", "name": PIPELINE_APP, "id": PIPELINE},
        {"type": "User", "name": "dana@contoso.com", "id": DANA},
    ]});
    assert_eq!(read(&folder), expected);
    azure.spoil("*", "v1.0", Fault::error(403, "Authorization_RequestDenied", "Insufficient privileges."));
    let shown = format!("Group ml-developers ({ML}, from lock, unverified)");
    let gains = format!("+ User dana@contoso.com, from lock, unverified ({DANA})");
    folder.keyless("plan").exits(0).says(&["4 to create", &shown, &gains]);
    let asked = azure.take_seen().into_iter().filter(|seen| seen.target.contains("v1.0")).count();
    assert_eq!(asked, 1, "one batch");
    folder.keyless("plan --out plan.json").exits(0).says(&[&shown]);
    folder.keyless("apply plan.json --yes").exits(0).says(&["4 done", "from lock, unverified"]);
    folder.keyless("apply --yes").exits(0);
    folder.keyless("drift").exits(0);
    assert_eq!(granted(&azure).len(), 3);
    // Where it may be read it is compared, and what it says is verified.
    azure.heal();
    folder.keyless("plan --detailed-exitcode -v").exits(0).says(&[&format!("Group ml-developers ({ML})")]);
    // The same look-ups give the same bytes.
    let before = std::fs::read(folder.path().join("specs/a.lock.json")).unwrap();
    folder.keyless("lock").exits(0);
    assert_eq!(std::fs::read(folder.path().join("specs/a.lock.json")).unwrap(), before);
}

/// Somebody puts another's id behind a name, in the hope that nobody looks.
#[test]
fn a_lock_file_that_the_directory_contradicts_is_an_error() {
    const EVE: &str = "eeeeeeee-0000-4000-8000-00000000000e";
    let (azure, folder) = locked();
    let mut swapped = read(&folder);
    let dana = swapped["principals"].as_array_mut().unwrap().iter_mut().find(|entry| entry["id"] == DANA);
    dana.unwrap()["id"] = json!(EVE);
    folder.write("specs/a.lock.json", swapped.to_string());
    for command in ["plan", "drift"] {
        let run = folder.keyless(&format!("{command} --format json")).exits(1);
        assert!(run.findings().contains(&"lock-outdated@11".to_owned()), "{command}: {run}");
        assert!(run.stdout.contains(EVE) && run.stdout.contains(DANA), "{command}: {run}");
    }
    folder.keyless("apply --yes").exits(1).says(&["error[lock-outdated]"]);
    assert_eq!(granted(&azure).len(), 2, "neither of the two");
    assert!(granted(&azure).iter().all(|(id, _)| id != EVE && id != DANA));
    // A name that nobody has.
    folder.write("specs/a.yaml", spec(&["user: dana@contoso.com", "servicePrincipal: pipelin"]));
    let mut stale = swapped.clone();
    stale["principals"] = json!([
        {"type": "ServicePrincipal", "name": "pipelin", "id": EVE},
        {"type": "User", "name": "dana@contoso.com", "id": DANA},
    ]);
    folder.write("specs/a.lock.json", stale.to_string());
    folder.keyless("plan").exits(1).says(&[
        "error[lock-outdated]",
        "service principal `pipelin`",
        EVE,
        "the directory has no service principal `pipelin`",
    ]);
    // Whom a spec expects is no other matter.
    let expected = "    expected: [{role: Owner, principal: {user: dana@contoso.com}, reason: x, until: \"2099-12-31\"}]\n";
    folder.write("specs/a.yaml", format!("{}{expected}", spec(&["group: ml-developers"])));
    folder.keyless("lock").exits(0);
    azure.grant(&account("chat"), "12345678-aaaa-4bbb-8ccc-0123456789ab", OWNER, EVE, None);
    folder.keyless("apply --yes").exits(0);
    folder.keyless("drift").exits(2).says(&[EVE]);
    let text = std::fs::read_to_string(folder.path().join("specs/a.lock.json")).unwrap().replace(DANA, EVE);
    folder.write("specs/a.lock.json", text);
    let run = folder.keyless("drift").exits(1);
    run.says(&["error[lock-outdated]", &format!("`{EVE}` in the lock file")]);
    // Nobody may look: it is hidden, and said of whom by the lock file.
    azure.spoil("*", "v1.0", Fault::error(403, "Authorization_RequestDenied", "Insufficient privileges."));
    folder.keyless("drift -v").exits(0).says(&["principal taken from the lock file, unverified"]);
}

#[test]
fn a_second_group_of_a_locked_name_is_told_with_the_one_that_the_lock_file_means() {
    let (azure, folder) = locked();
    add_group(&azure, OTHER_ML, "ml-developers");
    let first = format!("group `ml-developers` is `{ML}` in the lock file, and others have that name now");
    let write = format!("write the intended one: `{{id: {ML}, type: Group}}` is the one in the lock file");
    let run = folder.keyless("plan").exits(1);
    let run = run.says(&["error[lock-outdated]", &first, OTHER_ML, &write]);
    assert!(!run.stdout.contains("nobody in the directory"), "{run}");
    assert!(!run.stdout.contains("run `keyless lock`"), "{run}");
    let run = folder.keyless("lock --check --format json").exits(1);
    assert_eq!(run.findings(), ["principal-ambiguous@12"], "the spec does name it: {run}");
}

#[test]
fn a_declared_name_that_the_lock_lacks_is_found_without_azure() {
    let (azure, folder) = locked();
    folder.write("specs/a.yaml", spec(&["user: dana@contoso.com", "group: others"]));
    folder.keyless("validate").exits(1).complains(&[
        "lock-outdated",
        "`others`",
        "a.yaml:12:",
        "keyless lock",
    ]);
    folder.keyless("apply --yes").exits(1);
    assert!(azure.take_seen().is_empty());
}

#[test]
fn check_names_what_differs_and_exits_2() {
    let (azure, folder) = locked();
    folder.keyless("lock --check").exits(0).says(&["the lock files match the directory"]);
    // Somebody swapped an id, or the group was made anew.
    let mut swapped = read(&folder);
    swapped["principals"][0]["id"] = json!(OTHER_ML);
    folder.write("specs/a.lock.json", swapped.to_string());
    folder.keyless("lock --check").exits(2).complains(&["ml-developers", ML, OTHER_ML, "specs/a.yaml:12:"]);
    let findings = folder.keyless("lock --check --format json").exits(2).findings();
    assert_eq!(findings, ["lock-outdated@12"]);
    // A name more, a name less.
    folder.keyless("lock").exits(0);
    folder.write("specs/a.yaml", spec(&["user: dana@contoso.com", "user: new@contoso.com"]));
    let findings = folder.keyless("lock --check --format json").exits(2).findings();
    assert_eq!(findings.len(), 3, "{findings:?}");
    // What cannot be asked is no difference.
    azure.spoil("*", "v1.0", Fault::error(403, "Authorization_RequestDenied", "Insufficient privileges."));
    folder.keyless("lock --check").exits(1).complains(&["principal-unread"]);
}

#[test]
fn nothing_is_written_where_a_name_cannot_be_made_out() {
    let (azure, folder) = locked();
    let before = read(&folder);
    add_group(&azure, OTHER_ML, "ml-developers");
    folder.keyless("lock").exits(1).complains(&["principal-ambiguous", ML, OTHER_ML]);
    assert_eq!(read(&folder), before);
}

#[test]
fn a_lock_file_that_is_none_stops_everything() {
    let (azure, folder) = locked();
    let twice = |name: &str| {
        let entry = |name: &str, id: &str| json!({"type": "User", "name": name, "id": id});
        let principals = [entry("dana@contoso.com", DANA), entry(name, PIPELINE)];
        json!({"formatVersion": "1.0", "principals": principals}).to_string()
    };
    for name in ["dana@contoso.com", "Dana@Contoso.com"] {
        folder.write("specs/a.lock.json", twice(name));
        for command in ["validate", "plan"] {
            folder.keyless(command).exits(1).complains(&["lock-outdated", "twice", DANA, PIPELINE]);
        }
    }
    let doubled = [
        r#"{"formatVersion": "1.0", "principals": [], "principals": []}"#.to_owned(),
        json!({"formatVersion": "1.0", "principals": [{"type": "User", "name": "dana@contoso.com", "id": DANA}]})
            .to_string()
            .replace("\"id\":", &format!("\"id\": \"{PIPELINE}\", \"id\":")),
    ];
    for text in &doubled {
        folder.write("specs/a.lock.json", text);
        for command in ["validate", "plan"] {
            folder.keyless(command).exits(1).complains(&["lock-outdated", "duplicate field"]);
        }
    }
    for text in ["", "[]", "{\"formatVersion\": \"7\", \"principals\": []}", "{\"principals\": []}", "\u{0}"]
    {
        folder.write("specs/a.lock.json", text);
        for command in ["validate", "plan", "apply --yes", "drift"] {
            folder.keyless(command).exits(1).complains(&["lock-outdated", "a.lock.json"]);
        }
    }
    assert!(azure.take_seen().is_empty());
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_a_lock_file_is_not_followed() {
    let (_azure, folder) = locked();
    let secret = folder.write("secret.json", "{\"token-of-somebody\": 1}");
    let path = folder.path().join("specs/a.lock.json");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(secret, path).unwrap();
    let run = folder.keyless("validate").exits(1).complains(&["not a regular file"]);
    assert!(!run.stderr.contains("token-of-somebody"), "{run}");
}

#[test]
fn a_lock_of_another_tenant_is_an_error() {
    let (_azure, folder) = locked();
    let mut lock = read(&folder);
    lock["principals"][0]["tenant"] = json!("00000000-0000-4000-8000-00000000000a");
    folder.write("specs/a.lock.json", lock.to_string());
    // A token of the tenant b, unsigned.
    let token = "e30.eyJ0aWQiOiIwMDAwMDAwMC0wMDAwLTQwMDAtODAwMC0wMDAwMDAwMDAwMGIifQ.x";
    let run = folder.with_env("plan --format json", &[("KEYLESS_TOKEN", token)]).exits(1);
    assert!(run.findings().contains(&"tenant-mismatch@2".to_owned()), "{run}");
}

#[test]
fn a_lock_file_holds_what_each_environment_names() {
    let azure = Azure::start();
    populate(&azure);
    add_group(&azure, OTHER_ML, "ml-prod");
    let folder = azure.folder();
    folder.write("specs/a.yaml", spec(&["group: '${group}'", "user: dana@contoso.com"]));
    folder.write("specs/dev.vars.yaml", "group: ml-developers\n");
    folder.write("specs/prod.vars.yaml", "group: ml-prod\n");
    folder
        .keyless("lock --env dev --check")
        .exits(2)
        .complains(&["there is no lock file `specs/a.lock.json`", "keyless lock"]);
    folder.keyless("lock --env dev").exits(0).says(&["wrote specs/a.lock.json (2 principals)"]);
    folder.keyless("plan --env prod").exits(1).complains(&[
        "the lock file `specs/a.lock.json` does not contain group `ml-prod` for environment `prod`",
        "run `keyless lock --env prod`",
    ]);
    let run = folder.keyless("lock --env prod").exits(0);
    run.says(&["wrote specs/a.lock.json (2 principals; 1 more that this run does not name is kept)"]);
    for environment in ["dev", "prod"] {
        folder.keyless(&format!("plan --env {environment}")).exits(0);
        folder.keyless(&format!("lock --check --env {environment}")).exits(0);
    }
    assert_eq!(read(&folder)["principals"].as_array().unwrap().len(), 3);
}

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
    // One person is called the same wherever it stands.
    let gains = format!("User dana@contoso.com ({DANA}, from lock, unverified)");
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
#[ignore = "slow: tests/slow.sh"]
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
    folder.keyless("drift").exits(2).says(&["Owner -> User user-eeeeeeee@sandbox.invalid (eeeeeeee…)"]);
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
    assert!(!run.stdout.contains("not in the directory"), "{run}");
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
#[ignore = "slow: tests/slow.sh"]
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
    run.says(&["wrote specs/a.lock.json (2 principals; 1 more is kept for other environments)"]);
    for environment in ["dev", "prod"] {
        folder.keyless(&format!("plan --env {environment}")).exits(0);
        folder.keyless(&format!("lock --check --env {environment}")).exits(0);
    }
    assert_eq!(read(&folder)["principals"].as_array().unwrap().len(), 3);
}

/// An unsigned token of a tenant.
fn token(tenant: Option<&str>) -> String {
    let claims = tenant.map_or_else(|| json!({}), |tenant| json!({ "tid": tenant }));
    let claims = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, claims.to_string());
    format!("e30.{claims}.x")
}

/// Development in one tenant, production in another: each run counts what was looked up in its own.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_lock_file_holds_names_of_two_tenants() {
    let tenants = ["a", "b", "c"].map(|end| format!("00000000-0000-4000-8000-00000000000{end}"));
    let azure = Azure::start();
    populate(&azure);
    let ml_dev = "00000000-0000-4000-8000-0000000000dd";
    add_group(&azure, ml_dev, "ml-dev");
    add_group(&azure, OTHER_ML, "ml-prod");
    let folder = azure.folder();
    let keyless = |arguments: &str, tenant: Option<&str>| {
        folder.with_env(arguments, &[("KEYLESS_TOKEN", &token(tenant))])
    };
    folder.write("specs/a.yaml", spec(&["group: ml-developers", "group: '${group}'"]));
    folder.write("specs/dev.vars.yaml", "group: ml-dev\n");
    folder.write("specs/prod.vars.yaml", "group: ml-prod\n");
    let environments = ["dev", "prod"];
    for (environment, tenant) in environments.into_iter().zip(&tenants) {
        keyless(&format!("lock --env {environment}"), Some(tenant)).exits(0);
    }
    let principals = read(&folder)["principals"].clone();
    let entry = |tenant: &str, environment: &str, name: &str, id: &str| json!({"tenant": tenant, "environments": [environment], "type": "Group", "name": name, "id": id});
    assert_eq!(
        principals,
        json!([
            entry(&tenants[0], "dev", "ml-dev", ml_dev),
            entry(&tenants[0], "dev", "ml-developers", ML),
            entry(&tenants[1], "prod", "ml-developers", ML),
            entry(&tenants[1], "prod", "ml-prod", OTHER_ML),
        ])
    );
    // In the second tenant another group has that name. Nobody may look.
    let other = "00000000-0000-4000-8000-0000000000bb";
    let mut lock = read(&folder);
    lock["principals"][2]["id"] = json!(other);
    azure.spoil("*", "v1.0", Fault::error(403, "Authorization_RequestDenied", "Insufficient privileges."));
    // With and without a word about environments.
    for bare in [false, true] {
        if bare {
            for entry in lock["principals"].as_array_mut().unwrap() {
                entry.as_object_mut().unwrap().remove("environments");
            }
        }
        folder.write("specs/a.lock.json", lock.to_string());
        for (environment, tenant) in environments.into_iter().zip(&tenants) {
            keyless(&format!("validate --env {environment}"), None).exits(0);
            let run = keyless(&format!("plan --env {environment}"), Some(tenant)).exits(0);
            let (mine, others) = if environment == "dev" { (ML, other) } else { (other, ML) };
            let run = run.says(&[&format!("Group ml-developers ({mine}")]);
            assert!(!run.stdout.contains(others), "{run}");
        }
        let run = keyless("plan --env dev", Some(&tenants[2])).exits(1);
        run.says(&[
            "error[tenant-mismatch]",
            "`ml-developers` was locked in another tenant than the caller's",
        ]);
    }
    keyless("plan --env dev", None)
        .exits(1)
        .says(&["contains group `ml-developers` for several tenants, and the caller's token names none"]);
}

/// Whoever had a name while nobody named it need not have it still.
#[test]
fn what_no_environment_names_any_more_is_forgotten() {
    let azure = Azure::start();
    populate(&azure);
    add_group(&azure, OTHER_ML, "ml-prod");
    let folder = azure.folder();
    folder.write("specs/a.yaml", spec(&["group: '${group}'"]));
    let names = |environment: &str, group: &str| {
        folder.write(&format!("specs/{environment}.vars.yaml"), format!("group: {group}\n"));
    };
    names("dev", "ml-developers");
    names("prod", "ml-prod");
    folder.keyless("lock --env dev").exits(0);
    folder.keyless("lock --env prod").exits(0);
    // That development names it proves nothing of production.
    names("prod", "ml-developers");
    let lacks = "does not contain group `ml-developers` for environment `prod`";
    folder.keyless("validate --env prod").exits(1).complains(&[lacks, "run `keyless lock --env prod`"]);
    let run = folder.keyless("lock --check --env prod").exits(2);
    run.complains(&[
        "the lock file does not contain Group `ml-developers` for environment `prod`",
        "the lock file contains Group `ml-prod` for environment `prod`, which the spec does not name",
        "run `keyless lock --env prod`",
    ]);
    folder.keyless("lock --env prod").exits(0).says(&["wrote specs/a.lock.json (1 principal)"]);
    folder.keyless("lock --check --env prod").exits(0);
    let held = json!([{"environments": ["dev", "prod"], "type": "Group", "name": "ml-developers", "id": ML}]);
    assert_eq!(read(&folder)["principals"], held);
    // One after the other names another group; then the name comes back.
    names("dev", "ml-prod");
    folder.keyless("lock --env dev").exits(0).says(&["1 more is kept for other environments"]);
    folder.keyless("validate --env prod").exits(0);
    names("prod", "ml-prod");
    folder.keyless("lock --env prod").exits(0).says(&["wrote specs/a.lock.json (1 principal)"]);
    names("prod", "ml-developers");
    folder.keyless("validate --env prod").exits(1).complains(&[lacks]);
    // A spec without variables is the same in every environment.
    folder.write("specs/a.yaml", spec(&["group: ml-developers"]));
    folder.keyless("lock --env dev").exits(0);
    folder.keyless("validate --env prod").exits(0);
}

/// Where nobody can look, one of two files would revoke what the other one gives.
#[test]
fn two_lock_files_of_a_run_agree_about_a_name_or_nothing_is_planned() {
    let (azure, folder) = locked();
    let other = spec(&["user: Dana@contoso.com"]).replace("team-a", "team-b").replace("chat", "other");
    folder.write("specs/b.yaml", other);
    let lock = |id: &str| {
        let entry = json!({"type": "User", "name": "Dana@contoso.com", "id": id});
        folder.write("specs/b.lock.json", json!({"formatVersion": "1.0", "principals": [entry]}).to_string());
    };
    azure.spoil("*", "v1.0", Fault::error(403, "Authorization_RequestDenied", "Insufficient privileges."));
    lock(DANA);
    folder.keyless("plan").exits(0);
    lock(ML);
    folder.keyless("plan").exits(1).complains(&[
        "error[lock-outdated]: the lock files of stacks `team-a` and `team-b` disagree about User `Dana@contoso.com`",
        DANA,
        "run `keyless lock` for both",
    ]);
}

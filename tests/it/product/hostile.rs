//! Text and files of people who mean no good.

use serde_json::json;

use crate::common::{
    ALICE, Azure, BOB, CS_USER, Fault, Folder, READER, Run, account, grants, head, one_account,
};

/// What must never reach a terminal or a pipeline's log as it is.
const HOSTILE: &str = "a\u{1b}[31mred\u{7}\u{202e}bidi\u{200b}zero\u{9b}csi ##vso[task.setvariable variable=x]y ##[error]z\r\n::error::w\n##vso[task.complete]";

/// Asserts that neither stream holds anything raw.
#[track_caller]
fn clean(run: &Run) {
    for (stream, text) in [("stdout", &run.stdout), ("stderr", &run.stderr)] {
        let raw = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{200b}\u{2066}\u{feff}".contains(c);
        assert!(!text.contains(raw), "{stream} holds a raw character: {text:?}");
        let lower = text.to_lowercase();
        assert!(!lower.contains("##vso["), "{stream}: {text}");
        assert!(!text.contains("##["), "{stream}: {text}");
        assert!(!text.lines().any(|line| line.trim_start().starts_with("::")), "{stream}: {text}");
    }
}

/// Asserts that something hostile was there to be shown.
#[track_caller]
fn shows(run: &Run, escaped: &str) {
    assert!(run.stdout.contains(escaped) || run.stderr.contains(escaped), "`{escaped}` is not shown: {run}");
}

/// Takes out what sets a style: `ESC [ … m`.
fn without_styles(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').expect("a style ends with m").1)
}

const FORMATS: [&str; 2] = ["human", "json"];

#[test]
fn hostile_live_tags_and_descriptions_reach_no_stream_raw() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    azure.patch(&account("chat"), json!({"tags": {"team": HOSTILE}}));
    azure.grant(&account("chat"), "12345678-aaaa-4bbb-8ccc-0123456789ab", CS_USER, ALICE, Some(HOSTILE));
    azure.grant(&account("chat"), "12345678-aaaa-4bbb-8ccc-0123456789ac", READER, BOB, Some(HOSTILE));
    let lines = format!("tags: {{team: ml}}\n{}    description: fine\n", grants(&[ALICE]));
    folder.write("a.yaml", one_account("team-a", "chat", &lines));
    for format in FORMATS {
        let run = folder.keyless(&format!("plan a.yaml -v --format {format}")).exits(0);
        clean(&run);
        shows(&run, if format == "json" { "\\u202e" } else { "\\u{202e}" });
        if format == "json" {
            let fields = run.changes("update")[0]["fields"].clone();
            assert_eq!(fields[0]["before"], HOSTILE, "JSON says the same, escaped");
        }
        // Colour adds sequences of our own and nothing else.
        let coloured = folder.keyless(&format!("plan a.yaml -v --format {format} --color always")).exits(0);
        assert_eq!(format == "human", coloured.stdout.contains('\u{1b}'), "{coloured}");
        assert_eq!(without_styles(&coloured.stdout), run.stdout);
    }
}

#[test]
fn hostile_error_messages_reach_no_stream_raw() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    for format in FORMATS {
        azure.spoil("GET", "CognitiveServices/accounts?", Fault::error(403, HOSTILE, HOSTILE));
        let run = folder.keyless(&format!("plan a.yaml --format {format}")).exits(1);
        clean(&run);
        shows(&run, if format == "json" { "\\u202e" } else { "\\u{202e}" });
        azure.heal();
        azure.spoil("PUT", "/accounts/chat?", Fault::error(400, "Bad", HOSTILE));
        let run = folder.keyless(&format!("apply a.yaml --yes --format {format}")).exits(1);
        clean(&run);
        shows(&run, if format == "json" { "\\u202e" } else { "\\u{202e}" });
        azure.heal();
    }
}

#[test]
fn hostile_endpoints_and_names_reach_no_stream_raw() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.spoil(
        "GET",
        "/accounts/chat?",
        Fault::Edit(|body| {
            if body.get("id").is_some() {
                body["properties"]["endpoint"] = json!(HOSTILE);
                body["name"] = json!(HOSTILE);
            }
        }),
    );
    folder.write("a.yaml", one_account("team-a", "chat", ""));
    for format in FORMATS {
        clean(&folder.keyless(&format!("apply a.yaml --yes --format {format}")));
        azure.delete(&account("chat"));
        let id = format!(
            "/subscriptions/{}/providers/Microsoft.CognitiveServices/locations/eastus2/resourceGroups/rg/deletedAccounts/chat",
            crate::common::SUB
        );
        azure.delete(&id);
    }
}

#[test]
fn hostile_callers_reach_no_stream_raw() {
    let azure = Azure::start();
    let folder = azure.folder();
    let lines = format!("disableLocalAuth: true\n{}", grants(&[ALICE]));
    folder.write("a.yaml", one_account("team-a", "chat", &lines));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.patch(&account("chat"), json!({"properties": {"disableLocalAuth": false}}));
    let grant = azure.grants_at(&account("chat"))[0]["id"].as_str().unwrap().to_owned();
    azure.delete(&grant);
    azure.spoil(
        "GET",
        "/accounts?",
        Fault::Edit(|list| list["value"][0]["systemData"]["lastModifiedBy"] = json!(HOSTILE)),
    );
    azure.spoil(
        "GET",
        "/eventtypes/",
        Fault::Edit(|log| {
            for event in log["value"].as_array_mut().into_iter().flatten() {
                event["caller"] = json!(HOSTILE);
                event["httpRequest"]["clientIpAddress"] = json!(HOSTILE);
                event["correlationId"] = json!(HOSTILE);
            }
        }),
    );
    for format in ["human", "json", "markdown"] {
        let run = folder.keyless(&format!("drift a.yaml --format {format}")).exits(2);
        clean(&run);
        assert!(run.stdout.matches("zero").count() >= 2, "both callers are shown: {run}");
    }
}

#[test]
fn hostile_specs_are_refused_in_words_and_reach_no_stream_raw() {
    let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x, x]\n");
    for (name, last) in "bcdefghijk".chars().zip("abcdefghij".chars()) {
        bomb += &[&format!("{name}: &{name} ["), vec![format!("*{last}"); 10].join(", ").as_str(), "]\n"]
            .concat();
    }
    let deep = format!("version: 1\na: {}", "[".repeat(100_000));
    let blocks = (0..3_000).fold(String::new(), |text, depth| text + &" ".repeat(depth) + "a:\n");
    let escaped =
        HOSTILE.replace('\r', "\\r").replace('\n', "\\n").replace('\u{1b}', "\\e").replace('\u{7}', "\\a");
    let named = format!("version: 1\nstack: \"{}\"\nx: 1\n", escaped.replace('\u{9b}', "\\x9b"));
    let files: Vec<(&str, Vec<u8>, &str)> = vec![
        ("bomb.yaml", bomb.into_bytes(), "too-large"),
        ("deep.yaml", deep.into_bytes(), "too-large"),
        ("blocks.yaml", blocks.into_bytes(), "too-large"),
        ("latin.yaml", b"version: 1\nstack: caf\xe9\n".to_vec(), "not-utf8"),
        ("raw.yaml", HOSTILE.as_bytes().to_vec(), "yaml-syntax"),
        ("named.yaml", named.into_bytes(), "unknown-field"),
        ("empty.yaml", Vec::new(), "yaml-syntax"),
        ("nul.yaml", b"version: 1\0\n".to_vec(), "yaml-syntax"),
        ("key.yaml", "\"k\u{202e}\": 1\n".into(), "unknown-field"),
        ("twice.yaml", "version: 1\nversion: 1\n".into(), "duplicate-key"),
        ("secret.yaml", "version: 1\nstack: \"${secret.X}\"\n".into(), "secret-outside-secret-field"),
    ];
    let folder = Folder::new();
    for (name, bytes, code) in files {
        folder.write(name, bytes);
        for format in FORMATS {
            let run = folder.keyless(&format!("validate {name} --format {format}")).exits(1);
            clean(&run);
            shows(&run, code);
        }
    }
}

#[test]
fn a_file_over_64_mib_is_refused() {
    let folder = Folder::new();
    let file = std::fs::File::create(folder.path().join("large.yaml")).unwrap();
    file.set_len((64 << 20) + 1).unwrap();
    folder.keyless("validate large.yaml").exits(1).complains(&["too-large"]);
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_folder_is_not_followed_and_its_text_not_shown() {
    let folder = Folder::new();
    folder.write("token.txt", "eyJhbGciOi.SECRET.signature\n");
    folder.write("specs/a.yaml", head("team-a"));
    std::os::unix::fs::symlink(folder.path().join("token.txt"), folder.path().join("specs/b.yaml")).unwrap();
    let run = folder.keyless("validate").exits(1).complains(&["link out of the folder"]);
    assert!(!run.stderr.contains("SECRET"), "{run}");
}

#[test]
fn a_hostile_file_name_reaches_no_stream_raw() {
    let folder = Folder::new();
    let name = "specs/\u{1b}[31m\u{202e}##vso[x]\n::error::.yaml";
    folder.write(name, "version: 2\n");
    clean(&folder.keyless("validate").exits(1));
    clean(&folder.keyless("validate --format json").exits(1));
    clean(&folder.args(["validate", "no\u{1b}[31m such\n::file"]).exits(1));
    clean(&folder.args(["validate", "--va\u{1b}[31mr"]).exits(1));
}

#[test]
fn a_token_never_reaches_a_stream() {
    let azure = Azure::start();
    let mut command = azure.folder();
    let folder = &mut command;
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    let token = "eyJ0b2tlbiI6InRoYXQgbXVzdCBub3QgbGVhayJ9";
    for arguments in ["plan a.yaml -vvv", "apply a.yaml --yes -vvv", "drift a.yaml -vv --format json"] {
        let run = folder.with_env(arguments, &[("KEYLESS_TOKEN", token)]);
        assert!(!run.stdout.contains(token) && !run.stderr.contains(token), "{run}");
    }
    let seen = azure.take_seen();
    assert!(!seen.is_empty());
    let expected = format!("Bearer {token}");
    assert!(seen.iter().all(|seen| seen.headers["authorization"] == expected.as_str()), "and it was sent");
}

//! Text and files of people who mean no good.

use serde_json::json;

use crate::common::{
    ALICE, Azure, BOB, CS_USER, Fault, Folder, READER, Run, account, few, grants, head, one_account,
};

/// What must never reach a terminal or a pipeline's log as it is.
const HOSTILE: &str = "a\u{1b}[31mred\u{7}\u{202e}bidi\u{200b}zero\u{9b}csi ##vso[task.setvariable variable=x]y ##[error]z\r\n::error::w\n##vso[task.complete] <img src=x> @everyone [a](https://evil) ![i](https://evil) | cell `code`";

/// Asserts that neither stream contains raw control characters.
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

/// Asserts that there was something to show.
#[track_caller]
fn shows(run: &Run, escaped: &str) {
    assert!(run.stdout.contains(escaped) || run.stderr.contains(escaped), "`{escaped}` is not shown: {run}");
}

/// Asserts that a text in a format shows the hostile text, so that there was something to escape, and that no reader of it obeys any of it.
#[track_caller]
fn tames(format: &str, text: &str) {
    let bidi = if format == "json" { "\\u202e" } else { "u{202e}" };
    for part in ["bidi", "zero", bidi] {
        assert!(text.contains(part), "{format} does not show `{part}`: {text}");
    }
    let raw = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{200b}\u{2066}\u{feff}".contains(c);
    assert!(!text.contains(raw), "{format} holds a raw character: {text:?}");
    assert!(!text.to_lowercase().contains("##vso[") && !text.contains("##["), "{format}: {text}");
    assert!(!text.lines().any(|line| line.trim_start().starts_with("::")), "{format}: {text}");
    match format {
        "markdown" => {
            // Inside of code nothing is markup; what ends it is written out.
            let outside: String = text.split('`').step_by(2).collect();
            for markup in ["<img", "@everyone", "[a](", "![i]", "https://"] {
                assert!(!outside.contains(markup), "`{markup}` in Markdown: {text}");
            }
            for row in text.lines().filter(|line| line.starts_with('|')) {
                let cells = row.replace("\\|", "").matches('|').count();
                assert!(cells == 6 || cells == 5, "a row of {cells} bars: {row}\n{text}");
            }
        }
        "sarif" => {
            let document: serde_json::Value = serde_json::from_str(text).unwrap();
            let results = document["runs"][0]["results"].as_array().unwrap();
            let told: String = results.iter().map(|each| each["message"]["text"].as_str().unwrap()).collect();
            assert!(!told.contains(raw) && !told.contains("[a]("), "a reader of SARIF sees {told:?}");
        }
        _ => {}
    }
}

/// Runs in every format at once, and asserts that each shows the hostile text and is harmless.
#[track_caller]
fn tames_all(folder: &Folder, arguments: &str, code: i32, formats: &[&str]) {
    let reports =
        "--report human=r.human --report json=r.json --report markdown=r.markdown --report sarif=r.sarif";
    let run = folder.keyless(&format!("{arguments} {reports}")).exits(code);
    clean(&run);
    for format in formats {
        let text = std::fs::read_to_string(folder.path().join(format!("r.{format}"))).unwrap();
        tames(format, &text);
    }
    for format in ["human", "json", "markdown"] {
        let run = folder.keyless(&format!("{arguments} -vvv --format {format}")).exits(code);
        clean(&run);
        tames(format, &run.stdout);
    }
}

/// Takes out what sets a style: `ESC [ … m`.
fn without_styles(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').expect("a style ends with m").1)
}

const FORMATS: [&str; 2] = ["human", "json"];
const ALL: [&str; 4] = ["human", "json", "markdown", "sarif"];

#[test]
fn hostile_live_tags_and_descriptions_reach_no_stream_raw() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    // A single-line value is in its own cell.
    let short = "bidi\u{202e}zero | <img src=x> @everyone [a](https://evil)";
    azure.patch(&account("chat"), json!({"tags": {"team": HOSTILE, "short": short}}));
    azure.grant(&account("chat"), "12345678-aaaa-4bbb-8ccc-0123456789ab", CS_USER, ALICE, Some(HOSTILE));
    azure.grant(&account("chat"), "12345678-aaaa-4bbb-8ccc-0123456789ac", READER, BOB, Some(HOSTILE));
    let lines = format!("tags: {{team: ml, short: ml}}\n{}    description: fine\n", grants(&[ALICE]));
    folder.write("a.yaml", one_account("team-a", "chat", &lines));
    tames_all(&folder, "plan a.yaml", 0, &ALL);
    for format in FORMATS {
        let run = folder.keyless(&format!("plan a.yaml -v --format {format}")).exits(0);
        clean(&run);
        shows(&run, if format == "json" { "\\u202e" } else { "\\u{202e}" });
        if format == "json" {
            let fields = run.changes("update")[0]["fields"].clone();
            assert_eq!(fields[1]["before"], HOSTILE, "JSON says the same, escaped");
        }
        // Colour adds sequences of our own and nothing else.
        let coloured = folder.keyless(&format!("plan a.yaml -v --format {format} --color always")).exits(0);
        assert_eq!(format == "human", coloured.stdout.contains('\u{1b}'), "{coloured}");
        assert_eq!(without_styles(&coloured.stdout), run.stdout);
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn hostile_error_messages_reach_no_stream_raw() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    azure.spoil("GET", "CognitiveServices/accounts?", Fault::error(403, HOSTILE, HOSTILE));
    tames_all(&folder, "plan a.yaml", 1, &ALL);
    azure.heal();
    azure.spoil("PUT", "/accounts/chat?", Fault::error(400, "Bad", HOSTILE));
    tames_all(&folder, "apply a.yaml --yes", 1, &ALL);
    azure.heal();
    // A hint that repeats what the message names.
    let denied =
        format!("it does not have authorization to perform action '{HOSTILE}' over scope '{HOSTILE}'.");
    azure.spoil("PUT", "/accounts/chat?", Fault::error(403, "AuthorizationFailed", &denied));
    tames_all(&folder, "apply a.yaml --yes", 1, &ALL);
}

#[test]
fn hostile_answers_reach_no_log_raw() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    azure.spoil("GET", "CognitiveServices/accounts?", Fault::error(403, HOSTILE, HOSTILE));
    for verbosity in ["-vv", "-vvv"] {
        let run = folder.keyless(&format!("plan a.yaml --format json {verbosity}")).exits(1);
        clean(&run);
        let logged: Vec<&str> = run.stderr.lines().filter(|line| line.contains("given up")).collect();
        assert!(!logged.is_empty(), "the error is logged: {run}");
        for line in logged {
            assert!(line.contains("bidi") && line.contains("\\u{202e}"), "an event is one line: {line}");
        }
        // Every line is an event of ours: none was begun by what stands in another.
        let begins = |line: &str| {
            ["DEBUG ", " INFO ", "TRACE ", " WARN ", "ERROR "]
                .iter()
                .any(|level| line.trim_start().starts_with(level.trim_start()))
        };
        assert!(run.stderr.lines().all(begins), "{run}");
    }
}

#[test]
fn hostile_arguments_and_variables_reach_no_stream_raw() {
    let folder = Folder::new();
    let hostile = "bidi\u{202e}zero\u{200b}\u{1b}[31m\n::error::w\n##vso[task.complete]";
    let arguments: Vec<Vec<String>> = vec![
        vec![hostile.to_owned()],
        vec!["validate".to_owned(), format!("--{hostile}")],
        vec!["validate".to_owned(), format!("--format={hostile}")],
        vec!["validate".to_owned(), format!("--color={hostile}")],
        vec!["validate".to_owned(), format!("--report={hostile}=x")],
        vec!["validate".to_owned(), format!("--var={hostile}")],
        vec!["validate".to_owned(), format!("--var={hostile}=1")],
        vec!["validate".to_owned(), format!("--credential={hostile}")],
        vec!["validate".to_owned(), format!("--parallelism={hostile}")],
        vec!["plan".to_owned(), format!("--allow={hostile}")],
        vec!["plan".to_owned(), format!("--within={hostile}"), "--sandbox".to_owned()],
        vec!["plan".to_owned(), format!("--arm-endpoint={hostile}")],
        vec!["keys".to_owned(), "status".to_owned(), format!("--subscription={hostile}")],
        vec![
            "export".to_owned(),
            format!("--subscription={}", crate::common::SUB),
            format!("--stack={hostile}"),
        ],
        vec!["apply".to_owned(), format!("{hostile}.json")],
        vec!["completions".to_owned(), hostile.to_owned()],
        vec!["schema".to_owned(), hostile.to_owned()],
    ];
    for arguments in arguments {
        let run = folder.args(&arguments).exits(1);
        clean(&run);
        assert!(
            !run.stderr.lines().any(|line| line.starts_with(":\\u{3a}error")),
            "it begins no line: {run}"
        );
    }
    for (name, value) in
        [("KEYLESS_FORMAT", hostile), ("KEYLESS_CREDENTIAL", hostile), ("KEYLESS_REPORT", hostile)]
    {
        let run = folder.with_env("validate", &[(name, value)]).exits(1);
        clean(&run);
        shows(&run, "\\u{202e}");
    }
    let run = folder.args(["validate", &format!("--format={hostile}")]).exits(1);
    shows(&run, "bidi\\u{202e}zero\\u{200b}\\u{1b}[31m\\u{a}::error::w\\u{a}#\\u{23}vso[task.complete]");
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
fn hostile_names_of_principals_and_denials_reach_no_reader_raw() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat"}));
    azure.grant(
        &account("chat"),
        "12345678-aaaa-4bbb-8ccc-0123456789ab",
        CS_USER,
        ALICE,
        Some("x [keyless:team-a]"),
    );
    let denial = json!({"scope": account("chat"), "name": HOSTILE, "permissions": []});
    let denials = json!({"denyAssignments": [denial]});
    assert_eq!(azure.send("POST", "/_sandbox/access", Some(denials)).status, 200);
    azure.spoil(
        "POST",
        "$batch",
        Fault::Edit(|body| {
            let user =
                |id: &str| json!({"@odata.type": "#microsoft.graph.user", "id": id, "displayName": HOSTILE});
            body["responses"][0]["body"]["value"] = json!([user(ALICE), user(BOB)]);
        }),
    );
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[BOB])));
    tames_all(&folder, "access a.yaml", 0, &ALL[..3]);
    // A name is on one line, whatever is in it.
    let whole = |run: &Run| {
        let named: Vec<&str> = run.stdout.lines().filter(|line| line.contains("bidi")).collect();
        assert!(!named.is_empty() && named.iter().all(|line| line.contains("cell `code`")), "{run}");
    };
    whole(&folder.keyless("access a.yaml").exits(0));
    whole(&folder.keyless("plan a.yaml").exits(0));
    for (format, text) in
        [("human", "who loses (-)"), ("markdown", "who loses access"), ("json", "\"loses\"")]
    {
        let run = folder.keyless(&format!("plan a.yaml --format {format}")).exits(0).says(&[text]);
        clean(&run);
        tames(format, &run.stdout);
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn hostile_names_of_roles_reach_no_reader_raw() {
    const ROLE: &str = "c0570000-0000-4000-8000-000000000001";
    let azure = Azure::start();
    let folder = azure.folder();
    let calls = json!([{"actions": [], "dataActions": ["Microsoft.CognitiveServices/accounts/OpenAI/*"]}]);
    let subscription = format!("/subscriptions/{}", crate::common::SUB);
    let role = json!({"roleName": HOSTILE, "type": "CustomRole", "assignableScopes": [subscription], "permissions": calls});
    azure.put(&crate::common::role(ROLE), json!({ "properties": role }));
    folder.write(
        "a.yaml",
        one_account("team-a", "chat", &grants(&[ALICE]).replace("Cognitive Services User", ROLE)),
    );
    tames_all(&folder, "plan a.yaml", 0, &ALL[..3]);
    let run = folder.keyless("apply a.yaml --yes --report markdown=r.md --report json=r.json").exits(0);
    clean(&run);
    tames("human", &run.stdout);
    for (format, file) in [("markdown", "r.md"), ("json", "r.json")] {
        tames(format, &std::fs::read_to_string(folder.path().join(file)).unwrap());
    }
    tames_all(&folder, "access a.yaml", 0, &ALL[..3]);
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
    for (name, bytes, code) in few(4, files) {
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
    let run = folder.keyless("validate").exits(1).complains(&["links out of the folder"]);
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
    // The position of a finding in Markdown.
    let folder = Folder::new();
    folder.write("specs/bidi\u{202e}zero\u{200b} <img src=x> @everyone [a](x) `code` |.yaml", "version: 2\n");
    tames("markdown", &folder.keyless("validate --format markdown").exits(1).stdout);
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

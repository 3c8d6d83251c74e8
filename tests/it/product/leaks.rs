//! No secret in anything that a run writes: whatever answers repeat it, in whatever form, at any verbosity, in every format.
//!
//! Each test first shows that the server received the secret, and that the text which repeats it was shown.

use serde_json::{Value, json};

use crate::common::leaks::{SECRET, broken, forms, holds_none, written};
use crate::common::{ALICE, Azure, Fault, Folder, Run, SUB, account, few, grants, one_account};

/// A token, as long and as plain as one.
const TOKEN: &str =
    "eyJhbGciOiJub25lIn0.eyJvaWQiOiJhIHRva2VuIHRoYXQgbXVzdCBub3QgbGVhayJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg";
const CONNECTION: &str = "projects:
  - name: team
    displayName: Team
    connections:
      - name: search
        category: CognitiveSearch
        target: https://s.search.windows.net/
        authType: ApiKey
        credentials: {key: \"${secret.SEARCH}\"}
";
const ADDRESS: &str = "accounts/chat/projects/team/connections/search";

/// A text that repeats a secret in every form, between words that must be seen.
fn echo(secret: &str) -> String {
    let told: Vec<String> = forms(secret).into_iter().chain(broken(secret)).collect();
    format!("echo-begins '{}' echo-ends", told.join("' and '"))
}

/// Runs with both secrets, with all formats at once: one on stdout, the others in files.
fn run(folder: &Folder, arguments: &str) -> Run {
    let reports = "--report human=r.txt --report json=r.json --report markdown=r.md --report sarif=r.sarif";
    let environment = [("KEYLESS_SECRET_SEARCH", SECRET), ("KEYLESS_TOKEN", TOKEN)];
    folder.with_env(&format!("{arguments} -vvv {reports}"), &environment)
}

/// Asserts that the text around the secret is in all of these.
#[track_caller]
fn shows(folder: &Folder, run: &Run, names: &[&str]) {
    let texts = written(folder, run);
    for name in names {
        let (_, text) =
            texts.iter().find(|(file, _)| file == name).unwrap_or_else(|| panic!("no {name}: {run}"));
        assert!(
            text.contains("echo-begins") && text.contains("echo-ends"),
            "{name} does not show it:\n{text}\n{run}"
        );
        assert!(text.contains("REDACTED"), "{name}:\n{text}\n{run}");
    }
}

#[track_caller]
fn was_sent_the_token(azure: &Azure) {
    let seen = azure.take_seen();
    let expected = format!("Bearer {TOKEN}");
    // `doctor` also looks whether hosts answer at all, without a token.
    let sent: Vec<_> = seen.iter().filter_map(|seen| seen.headers.get("authorization")).collect();
    assert!(!sent.is_empty() && sent.iter().all(|sent| *sent == expected.as_str()), "{sent:?}");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_token_that_every_answer_repeats_shows_nowhere() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write(
        "specs/a.yaml",
        one_account("team-a", "chat", &format!("disableLocalAuth: true\n{}", grants(&[ALICE]))),
    );
    run(&folder, "apply --yes").exits(0);
    azure.take_seen();
    azure.spoil("*", "/", Fault::error(403, "AuthorizationFailed", &echo(TOKEN)));
    for command in few(
        3,
        [
            "plan --out p.json",
            "apply --yes",
            "drift",
            "access",
            "verify",
            "keys status",
            &format!("keys status --subscription {SUB}"),
            "outputs",
            &format!("export --subscription {SUB} --stack x"),
            "doctor",
        ],
    ) {
        for format in ["human", "json", "markdown"] {
            let run = run(&folder, &format!("{command} --format {format}"));
            assert_ne!(run.code, 0, "{run}");
            holds_none(&folder, &run, &[TOKEN, SECRET]);
            // In the log, which shows each request.
            shows(&folder, &run, &["stderr"]);
        }
        was_sent_the_token(&azure);
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_connections_key_that_an_answer_repeats_shows_nowhere() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", CONNECTION));
    run(&folder, "apply a.yaml --yes").exits(0);
    let sent = azure.take_writes();
    assert!(sent.iter().any(|seen| seen.body["properties"]["credentials"]["key"] == SECRET), "{sent:?}");
    run(&folder, &format!("plan a.yaml --rotate {ADDRESS} --out p.json")).exits(0);
    let repeated = echo(SECRET);
    // The hint repeats what the message names.
    let denied =
        format!("it does not have authorization to perform action '{repeated}' over scope '{repeated}'.");
    let plain = format!("<html><body>{repeated}</body></html>");
    for (fault, shown) in few(
        3,
        [
            (Fault::error(400, "ValidationError", &repeated), true),
            (Fault::error(403, "AuthorizationFailed", &denied), true),
            (
                Fault::Answer(
                    400,
                    "application/json",
                    json!({"error": {"code": "Bad", "message": "no", "details": [
            {"code": "Inner", "message": repeated, "target": repeated}]}})
                    .to_string(),
                ),
                true,
            ),
            (Fault::Answer(400, "application/json", json!([{"message": repeated}]).to_string()), true),
            (Fault::Answer(400, "application/json", json!(repeated).to_string()), true),
            (Fault::Answer(400, "text/plain", repeated.clone()), false),
            (Fault::Answer(400, "text/html", plain), false),
            (Fault::Answer(200, "text/html", repeated.clone()), false),
            (Fault::error(400, SECRET, "the code is the secret"), false),
        ],
    ) {
        azure.heal();
        azure.spoil("PUT", "/connections/search", fault);
        for (command, format) in
            [("apply a.yaml", "human"), ("apply p.json", "json"), ("apply a.yaml", "markdown")]
        {
            let rotate =
                if command.ends_with("yaml") { format!("--rotate {ADDRESS}") } else { String::new() };
            let run = run(&folder, &format!("{command} --yes {rotate} --format {format}")).exits(1);
            holds_none(&folder, &run, &[SECRET, TOKEN]);
            if shown {
                shows(&folder, &run, &["stdout", "stderr", "r.txt", "r.json", "r.md", "r.sarif"]);
            }
            let sent = azure.take_writes();
            assert!(
                sent.iter().any(|seen| seen.body["properties"]["credentials"]["key"] == SECRET),
                "{sent:?}"
            );
        }
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_page_that_is_cut_shows_no_piece_of_a_secret() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", ""));
    let parts: Vec<String> = forms(TOKEN);
    // Wherever the cut falls: after 300 characters, or after 24 words.
    for (index, before) in few(1, [295, 290, 280, 260, 230].into_iter().enumerate()) {
        // Each form at every other place: what is found does not depend on where the cut falls in which form.
        for form in parts.iter().skip(index % 2).step_by(2) {
            azure.heal();
            azure.spoil(
                "GET",
                "/",
                Fault::Answer(400, "text/plain", format!("{}{form}", "x".repeat(before))),
            );
            let run = run(&folder, "plan a.yaml");
            holds_none(&folder, &run, &[TOKEN]);
            assert!(run.stdout.contains("xxxxxxxx"), "the page is shown: {run}");
        }
    }
    for words in few(1, [20, 22, 23]) {
        azure.heal();
        let text = format!("{}{SECRET}{SECRET}", "word ".repeat(words));
        azure.spoil("GET", "/", Fault::Answer(400, "text/plain", text));
        let run = run(&folder, "plan a.yaml");
        holds_none(&folder, &run, &[SECRET]);
        assert!(run.stdout.contains("word word"), "the page is shown: {run}");
    }
    // Azure cuts too, and breaks lines.
    for (before, after) in
        [("Unexpected value '", "' (truncated)"), ("", "[truncated]"), ("", "\u{200b}"), ("<b>", "</b>")]
    {
        azure.heal();
        let end = TOKEN.len() - 9;
        let told = format!("told {before}{}{after} and {before}{}{after} end", &TOKEN[..end], &TOKEN[9..]);
        azure.spoil("GET", "/", Fault::error(403, "AuthorizationFailed", &told));
        let run = run(&folder, "plan a.yaml").exits(1).says(&["told ", "REDACTED", " end"]);
        holds_none(&folder, &run, &[TOKEN]);
    }
    for end in few(2, [9, 12, 18, 60]) {
        azure.heal();
        let told = format!("the token '{}...' is wrong; it begins with '{}", &TOKEN[..end], &TOKEN[..end]);
        azure.spoil("GET", "/", Fault::error(403, "AuthorizationFailed", &told));
        let run = run(&folder, "plan a.yaml").exits(1);
        let run = run.says(&["the token 'REDACTED...' is wrong; it begins with 'REDACTED"]);
        holds_none(&folder, &run, &[TOKEN]);
        assert!(!run.stdout.contains(&TOKEN[..end]) && !run.stderr.contains(&TOKEN[..end]), "{run}");
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_live_value_that_repeats_a_secret_is_hidden_and_the_saved_plan_still_holds() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    azure.patch(&account("chat"), json!({"tags": {"team": format!("of {TOKEN} and {SECRET}")}}));
    folder.write("a.yaml", one_account("team-a", "chat", "tags: {team: ml}\n"));
    for format in ["human", "json", "markdown"] {
        let run = run(&folder, &format!("plan a.yaml --out p.json --format {format}")).exits(0);
        holds_none(&folder, &run, &[TOKEN, SECRET]);
        run.says(&["of REDACTED and REDACTED"]);
        let run = run_show(&folder, format);
        holds_none(&folder, &run, &[TOKEN, SECRET]);
    }
    azure.take_seen();
    let applied = run(&folder, "apply p.json --yes").exits(0);
    holds_none(&folder, &applied, &[TOKEN, SECRET]);
    assert_eq!(azure.get(&account("chat"))["tags"]["team"], "ml");
    was_sent_the_token(&azure);
    // A spec with a placeholder in place of a secret would be wrong.
    azure.patch(&account("chat"), json!({"tags": {"team": SECRET}}));
    let exported = run(&folder, &format!("export --subscription {SUB} --stack x")).exits(1);
    exported.complains(&["would contain a secret of this run"]);
}

fn run_show(folder: &Folder, format: &str) -> Run {
    run(folder, &format!("show p.json --format {format}")).exits(0).says(&["of REDACTED and REDACTED"])
}

#[test]
fn what_is_declared_is_never_changed_by_a_secret_that_looks_like_it() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    folder.write("a.yaml", one_account("team-a", "chat", "tags: {stage: production}\n"));
    let run = |arguments: &str| folder.with_env(arguments, &[("KEYLESS_SECRET_X", "production")]);
    let planned = run("plan a.yaml --out p.json --format json").exits(0);
    assert_eq!(planned.changes("update").len() + planned.changes("adopt").len(), 1, "{planned}");
    run("apply p.json --yes").exits(0);
    assert_eq!(azure.get(&account("chat"))["tags"]["stage"], "production");
    run("plan a.yaml --detailed-exitcode").exits(0);
}

#[test]
fn a_secret_too_short_to_be_kept_out_is_an_error_that_names_its_variable() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", CONNECTION));
    for secret in ["seven77", "a", "        ", "  short  "] {
        for command in
            ["apply a.yaml --yes", "plan a.yaml", "validate a.yaml", "validate a.yaml --format json"]
        {
            let run = folder.with_env(command, &[("KEYLESS_SECRET_SEARCH", secret)]).exits(1);
            run.complains(&["`KEYLESS_SECRET_SEARCH`", "fewer than 8 characters"]);
        }
    }
    assert!(azure.take_seen().is_empty(), "nothing was asked");
    folder.keyless("validate a.yaml").exits(0);
    folder.with_env("validate a.yaml", &[("KEYLESS_SECRET_SEARCH", "eight888")]).exits(0);
    folder.with_env("apply a.yaml --yes", &[("KEYLESS_SECRET_SEARCH", "eight888")]).exits(0);
    let elsewhere = ["plan", "a.yaml", "--arm-endpoint", "https://arm.example.com"];
    let mut command = Folder::new().command(elsewhere);
    command.env("KEYLESS_TOKEN", "short").current_dir(folder.path());
    crate::common::run::finish(command, b"").exits(1).complains(&["`KEYLESS_TOKEN`", "fewer than 8"]);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn the_answer_to_a_new_key_is_never_shown_whatever_its_status() {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat"}));
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", "disableLocalAuth: true\n"));
    let key = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
    for status in few(1, [400, 403, 409, 429, 500]) {
        for (kind, body) in [
            ("application/json", json!({"key1": key, "key2": key}).to_string()),
            (
                "application/json",
                json!({"error": {"code": "BadRequest", "message": format!("no: {key}")}}).to_string(),
            ),
            (
                "application/json",
                json!({"error": {"code": key, "message": "no", "details": [{"code": "X", "message": key}]}})
                    .to_string(),
            ),
            ("application/json", json!({"error": {"code": "X", "innererror": {"message": key}}}).to_string()),
            ("text/plain", format!("no: {key}")),
        ] {
            azure.heal();
            azure.take_seen();
            azure.spoil("POST", "regenerateKey", Fault::Answer(status, kind, body));
            for format in ["human", "json", "markdown"] {
                let run = run(&folder, &format!("keys revoke a.yaml --yes --format {format}")).exits(1);
                holds_none(&folder, &run, &[key]);
                run.says(&[&format!("Azure answered {status}")]);
            }
            assert!(azure.take_writes().len() >= 2, "it was asked");
        }
    }
    azure.heal();
    azure.spoil("POST", "regenerateKey", Fault::error(400, "BadRequest", key));
    let run = run(&folder, "keys revoke a.yaml --yes").exits(1);
    run.says(&["Azure answered 400 BadRequest", "its message is not shown, because it could contain a key"]);
    azure.heal();
    azure.spoil("POST", "regenerateKey", Fault::denied());
    folder
        .keyless("keys revoke a.yaml --yes")
        .exits(1)
        .says(&["Microsoft.CognitiveServices/accounts/regenerateKey/action"]);
}

/// Keys written into a spec in any form: no message repeats one.
#[test]
fn a_key_in_a_spec_is_told_without_being_shown() {
    let head = |credentials: &str| {
        let lines = format!(
            "connections:
  - name: search
    category: ApiKey
    target: https://x.example.com
    authType: ApiKey
{credentials}"
        );
        one_account("team-a", "chat", &lines)
    };
    for (credentials, codes) in few(
        3,
        [
            ("    credentials: {key: plain-Wq7LxT93pd}\n", &["plain-secret"][..]),
            ("    credentials:\n      key: plain-Wq7LxT93pd\n", &["plain-secret"]),
            ("    credentials:\n      key: 'quoted Wq7LxT93pd'\n", &["plain-secret"]),
            ("    credentials:\n      key: \"escaped \\x57q7LxT93pd Wq7LxT93pd\"\n", &["plain-secret"]),
            (
                "    credentials:\n      key: |\n        first Wq7LxT93pd\n        second Wq7LxT93pd\n",
                &["plain-secret"],
            ),
            (
                "    credentials:\n      key: >-\n        first Wq7LxT93pd\n        second Wq7LxT93pd\n",
                &["plain-secret"],
            ),
            (
                "    credentials:\n      key: \"first Wq7LxT93pd\n        second Wq7LxT93pd\"\n",
                &["plain-secret"],
            ),
            ("    credentials:\n      key: first Wq7LxT93pd\n        second Wq7LxT93pd\n", &["plain-secret"]),
            ("    credentials: {key: 'Wq7LxT93pd${secret.A}'}\n", &["plain-secret"]),
            ("    credentials: {key: 'Wq7LxT93pd${Wq7LxT93pd-and-no-end'}\n", &["malformed-reference"]),
            ("    credentials: {key: [Wq7LxT93pd]}\n", &["wrong-type"]),
            ("    credentials: {key: 93939393939393}\n", &["wrong-type"]),
            ("    credentials: Wq7LxT93pd\n", &["wrong-type"]),
            ("    credentials: {kye: Wq7LxT93pd}\n", &["unknown-field"]),
            ("    apiKey: Wq7LxT93pd\n", &["unknown-field"]),
            ("    credentials: {key: Wq7LxT93pd, key: Wq7LxT93pd-again}\n", &["duplicate-key"]),
            ("    credentials: {key: \"Wq7LxT93pd}\n", &["yaml-syntax"]),
            ("    credentials: {key: Wq7LxT93pd\n", &["yaml-syntax"]),
            ("    credentials: {key: *Wq7LxT93pd}\n", &["yaml-syntax"]),
            (
                "    credentials: {key: &a Wq7LxT93pd}\n    metadata: {other: *a, bad: [1]}\n",
                &["plain-secret"],
            ),
            (
                "    credentials: {key: \"${secret.X}\"}\n    credentials: {keys: {a: Wq7LxT93pd}}\n",
                &["duplicate-key"],
            ),
            (
                "    credentials: {key: \"${secret.X}\"}\n    credentials: {key: [Wq7LxT93pd]}\n",
                &["duplicate-key"],
            ),
            ("    credentials: {keys: {Authorization: \"Bearer Wq7LxT93pd\"}}} }\n", &["yaml-syntax"]),
            ("    credentials:\n      keys:\n        foo: bar: baz Wq7LxT93pd\n", &["yaml-syntax"]),
            (
                "    credentials:\n      keys:\n        x-functions-auth: Wq7LxT93pd\n\t    other: 1\n",
                &["yaml-syntax"],
            ),
            ("    credentials:\n      keys:\n        Wq7LxT93pd\n        b: [\n", &["yaml-syntax"]),
            ("    authorization: \"Bearer Wq7LxT93pd\"\n", &["unknown-field"]),
            ("    header: \"Bearer Wq7LxT93pd\"\n", &["unknown-field"]),
            ("    credentials: {key: '${Wq7LxT93pd}'}\n", &["unknown-variable"]),
            ("    credentials: {key: '${Wq7LxT93}'}\n", &["unknown-variable"]),
            ("    credentials: {Wq7LxT93pd: x}\n", &["unknown-field"]),
            ("    credentials: {Wq7LxT93: x, Wq7LxT93: y}\n", &["duplicate-key"]),
            ("    credentials: {'${Wq7LxT93pd}': x}\n", &["malformed-reference"]),
            ("    credentials: {keys: {Wq7LxT93pd: [x]}}\n", &["wrong-type"]),
            ("    credentials: {key: Wq7LxT93pd}\n    isSharedToAll: perhaps\n", &["wrong-type"]),
        ],
    ) {
        let folder = Folder::new();
        folder.write("a.yaml", head(credentials));
        let reports =
            "--report human=r.txt --report json=r.json --report markdown=r.md --report sarif=r.sarif";
        for format in ["human", "json", "markdown"] {
            let run = folder.keyless(&format!("validate a.yaml --format {format} {reports}")).exits(1);
            std::fs::remove_file(folder.path().join("a.yaml")).unwrap();
            let texts = written(&folder, &run);
            for (name, text) in &texts {
                assert!(
                    !text.contains("Wq7LxT93") && !text.contains("939393"),
                    "{credentials}\n{name}: {text}\n{run}"
                );
            }
            for code in codes {
                let told = if format == "human" { &run.stderr } else { &run.stdout };
                assert!(told.contains(code), "{credentials}\n{run}");
            }
            assert!(format != "human" || run.stderr.contains("a.yaml:"), "the excerpt is shown: {run}");
            folder.write("a.yaml", head(credentials));
        }
    }
}

#[test]
fn a_value_from_outside_that_becomes_a_key_is_not_shown_either() {
    let folder = Folder::new();
    let lines = "connections:
  - {name: search, category: ApiKey, target: https://x.example.com, authType: ApiKey, credentials: {key: '${mine}'}}
";
    folder.write("a.yaml", one_account("team-a", "chat", lines));
    folder.write("vars.yaml", "mine: Wq7LxT93pd\n");
    for run in [
        folder.keyless("validate a.yaml --var mine=Wq7LxT93pd --format json"),
        folder.keyless("validate a.yaml --var mine=939393939393 --format json"),
        folder.keyless("validate a.yaml --var-file vars.yaml --format json"),
        folder.with_env("validate a.yaml --format json", &[("KEYLESS_VAR_MINE", "Wq7LxT93pd")]),
    ] {
        let run = run.exits(1);
        assert_eq!(run.json()["findings"][0]["code"], "plain-secret", "{run}");
        let all = format!("{}{}", run.stdout, run.stderr);
        assert!(!all.contains("Wq7LxT93") && !all.contains("939393"), "{run}");
    }
    // Nor as part of a mapping or a list that a variable holds.
    for (lines, vars) in [
        (lines.replace("{key: '${mine}'}", "'${mine}'"), "mine: {key: Wq7LxT93pd}\n"),
        (
            "connections: ${mine}\n".to_owned(),
            "mine: [{name: s, category: ApiKey, target: 'https://x.example.com', authType: ApiKey, credentials: {key: Wq7LxT93pd}}]\n",
        ),
    ] {
        folder.write("a.yaml", one_account("team-a", "chat", &lines));
        folder.write("vars.yaml", vars);
        for format in ["json", "human"] {
            let run =
                folder.keyless(&format!("validate a.yaml --var-file vars.yaml --format {format}")).exits(1);
            let all = format!("{}{}", run.stdout, run.stderr);
            assert!(all.contains("plain-secret") && !all.contains("Wq7LxT93"), "{run}");
        }
    }
}

/// What takes an older plan's place is a file that pipelines keep.
#[test]
fn what_a_failed_plan_leaves_in_its_file_shows_no_secret() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", crate::common::one_account("team-a", "chat", "tags: {a: b}\n"));
    let secret = "Zx9-search-key-4711";
    folder.with_env("plan a.yaml --out plan.json", &[("KEYLESS_SECRET_SEARCH", secret)]).exits(0);
    folder.write("a.yaml", crate::common::one_account("team-a", "chat", &format!("sku: {secret}\n")));
    let run = folder.with_env("plan a.yaml --out plan.json", &[("KEYLESS_SECRET_SEARCH", secret)]).exits(1);
    let left = std::fs::read_to_string(folder.path().join("plan.json")).unwrap();
    assert!(left.contains("\"findings\"") && !left.contains("\"changes\""), "{left}");
    assert!(!left.contains(secret) && !run.stdout.contains(secret), "{left}{run}");
    assert!(left.contains("REDACTED"), "it was there to be shown: {left}");
}

#[test]
fn bodies_that_are_written_are_never_scrubbed() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    azure.patch(&account("chat"), json!({"tags": {"other": SECRET}}));
    folder.write("a.yaml", one_account("team-a", "chat", "publicNetworkAccess: Disabled\n"));
    run(&folder, "apply a.yaml --yes --allow lock-out").exits(0);
    let live: Value = azure.get(&account("chat"));
    assert_eq!(live["properties"]["publicNetworkAccess"], "Disabled");
    assert_eq!(live["tags"]["other"], SECRET, "what is not declared survives as it is");
}

/// Fields of connections that everybody may read, with secrets in them.
const TELLING: &[&str] = &[
    "target: \"https://x.example.com/?sv=2020-01-01&sig=Wq7LxT93pd%3D\"",
    "target: \"Endpoint=sb://x;SharedAccessKeyName=Root;SharedAccessKey=Wq7LxT93pd=\"",
    "target: \"DefaultEndpointsProtocol=https;AccountName=a;AccountKey=Wq7LxT93pd;EndpointSuffix=core.windows.net\"",
    "target: \"https://user:Wq7LxT93pd@x.example.com/\"",
    "metadata: {apiKey: Wq7LxT93pd}",
    "metadata: {AccountKey: Wq7LxT93pd}",
    "metadata: {password: Wq7LxT93pd}",
    "metadata: {token: Wq7LxT93pd}",
    "metadata: {secret: Wq7LxT93pd}",
    "metadata: {note: \"Bearer Wq7LxT93pd\"}",
];

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_secret_in_an_open_field_of_a_connection_is_an_error_and_is_not_shown() {
    for line in TELLING {
        let folder = Folder::new();
        let lines =
            format!("connections:\n  - name: search\n    category: ApiKey\n    authType: None\n    {line}\n");
        folder.write("a.yaml", one_account("team-a", "chat", &lines));
        for format in ["human", "json", "markdown"] {
            let run = folder.keyless(&format!("validate a.yaml --format {format}")).exits(1);
            let all = format!("{}{}", run.stdout, run.stderr);
            assert!(all.contains("plain-secret") && !all.contains("Wq7LxT93"), "{line}\n{run}");
            assert!(format != "human" || all.contains("REDACTED"), "the excerpt is shown: {run}");
        }
    }
}

#[test]
fn a_secret_in_an_open_field_of_a_live_connection_is_not_shown_and_a_plan_takes_it_out() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account(
        "chat",
        &json!({"customSubDomainName": "chat", "disableLocalAuth": true, "allowProjectManagement": true}),
    );
    let id = format!("{}/connections/search", account("chat"));
    let live = "https://x.example.com/?sv=2020-01-01&sig=Wq7LxT93pd%3D";
    azure.put(
        &id,
        json!({"properties": {"category": "ApiKey", "authType": "None", "target": live,
            "metadata": {"ApiType": "Azure", "apiKey": "Wq7LxT93pd", "other": "x"}}}),
    );
    assert_eq!(azure.get(&id)["properties"]["target"], live);
    let lines = "connections:
  - {name: search, category: ApiKey, authType: None, target: https://x.example.com/, metadata: {apiKey: null}}
";
    folder.write("a.yaml", one_account("team-a", "chat", lines));
    for format in ["human", "json", "markdown"] {
        let run = run(&folder, &format!("plan a.yaml --out p.json --format {format}")).exits(0);
        holds_none(&folder, &run, &["Wq7LxT93pd"]);
        run.says(&["sig=REDACTED"]);
    }
    let exported = run(&folder, &format!("export --subscription {SUB} --stack x"));
    holds_none(&folder, &exported, &["Wq7LxT93pd"]);
    assert!(exported.stdout.contains("search") && exported.stderr.contains("target"), "{exported}");
    run(&folder, "apply p.json --yes").exits(0);
    let after = azure.get(&id);
    assert_eq!(after["properties"]["target"], "https://x.example.com/");
    assert_eq!(after["properties"]["metadata"], json!({"ApiType": "Azure", "other": "x"}));
}

//! SARIF for code scanning: what differs is in it, at its line, as the standard and GitHub want it.

use serde_json::{Value, json};

use crate::common::{ALICE, Azure, BOB, CAROL, CS_USER, Folder, account, grants, one_account};

const BY_HAND: &str = "12345678-aaaa-4bbb-8ccc-0123456789ab";

/// What SARIF 2.1.0 and GitHub's code scanning say of the objects that keyless writes, closed: no other member is written.
/// `KEYLESS_SARIF_SCHEMA` names the standard's own schema, to hold every document against that too.
fn facts() -> Value {
    let text = json!({"type": "object", "additionalProperties": false, "required": ["text"],
        "properties": {"text": {"type": "string", "minLength": 1}}});
    let short = json!({"type": "object", "additionalProperties": false, "required": ["text"],
        "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 1024}}});
    let object = |required: &[&str], properties: Value| json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties});
    let list = |items: Value| json!({"type": "array", "items": items});
    let count = json!({"type": "integer", "minimum": 1});
    let level = json!({"enum": ["none", "note", "warning", "error"]});
    let rule = object(
        &["id", "shortDescription", "fullDescription", "help"],
        json!({"id": {"type": "string", "minLength": 1}, "name": {"type": "string", "maxLength": 255, "pattern": "^[A-Z][A-Za-z]+$"},
            "shortDescription": short, "fullDescription": short, "help": text}),
    );
    let region = ["startLine", "startColumn", "endLine", "endColumn"];
    let location = object(
        &["physicalLocation"],
        json!({
            "physicalLocation": object(&["artifactLocation", "region"], json!({
                "artifactLocation": object(&["uri"], json!({"uri": {"type": "string", "pattern": "^[A-Za-z0-9._~%/-]+$"}})),
                "region": object(&region, json!({"startLine": count, "startColumn": count, "endLine": count, "endColumn": count})),
            })),
            "logicalLocations": list(object(&["fullyQualifiedName"], json!({
                "fullyQualifiedName": {"type": "string", "minLength": 1}, "kind": {"type": "string"}}))),
        }),
    );
    let result = object(
        &["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
        json!({
            "ruleId": {"type": "string"}, "ruleIndex": {"type": "integer", "minimum": 0}, "kind": {"const": "fail"}, "level": level,
            "message": text, "locations": {"type": "array", "minItems": 1, "maxItems": 10, "items": location},
            "partialFingerprints": object(&["primaryLocationLineHash"], json!({"primaryLocationLineHash": {"type": "string", "pattern": "^[0-9a-f]{32}:[0-9]+$"}})),
            "suppressions": list(object(&["kind"], json!({"kind": {"enum": ["inSource", "external"]},
                "status": {"enum": ["accepted", "underReview", "rejected"]}, "justification": {"type": "string"}}))),
        }),
    );
    let driver = object(
        &["name", "version", "semanticVersion", "rules"],
        json!({"name": {"const": "keyless"}, "version": {"type": "string"}, "semanticVersion": {"type": "string"},
            "rules": {"type": "array", "uniqueItems": true, "items": rule}}),
    );
    let invocation = object(
        &["executionSuccessful"],
        json!({"executionSuccessful": {"type": "boolean"},
            "toolExecutionNotifications": list(object(&["message"], json!({"level": level, "message": text})))}),
    );
    let run = object(
        &["tool", "results"],
        json!({"tool": object(&["driver"], json!({"driver": driver})), "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
            "invocations": list(invocation), "results": {"type": "array", "maxItems": 25000, "items": result}}),
    );
    object(
        &["$schema", "version", "runs"],
        json!({"$schema": {"const": "https://json.schemastore.org/sarif-2.1.0.json"}, "version": {"const": "2.1.0"},
            "runs": {"type": "array", "minItems": 1, "maxItems": 20, "items": run}}),
    )
}

/// Asserts that a document is SARIF that GitHub takes: it fits the schemas, each result has its rule, and no two have one fingerprint.
#[track_caller]
pub(super) fn is_sarif(document: &Value) {
    let own = std::env::var_os("KEYLESS_SARIF_SCHEMA")
        .map(|path| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap());
    for schema in [Some(facts()), own].iter().flatten() {
        let validator = jsonschema::validator_for(schema).unwrap();
        let wrong: Vec<String> = validator
            .iter_errors(document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}\n{document:#}");
    }
    let run = &document["runs"][0];
    let mut prints = std::collections::BTreeSet::new();
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
        assert!(prints.insert(result["partialFingerprints"].to_string()), "twice: {result:#}");
    }
}

/// The results of a run: rule, level, file and line.
#[track_caller]
fn results(folder: &Folder, arguments: &str, code: i32) -> Vec<Value> {
    folder.keyless(&format!("{arguments} --report sarif=r.sarif")).exits(code);
    let text = std::fs::read_to_string(folder.path().join("r.sarif")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    is_sarif(&document);
    document["runs"][0]["results"].as_array().unwrap().clone()
}

fn short(results: &[Value]) -> Vec<String> {
    let of = |result: &Value| {
        let place = &result["locations"][0]["physicalLocation"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        format!(
            "{} {} {}:{} {}",
            text(&result["ruleId"]),
            text(&result["level"]),
            text(&place["artifactLocation"]["uri"]),
            place["region"]["startLine"],
            text(&result["message"]["text"]).lines().next().unwrap_or_default()
        )
    };
    results.iter().map(of).collect()
}

/// An account that is live and differs: two fields, one grant gone from Azure, one no longer declared, and an Owner made by hand.
fn differing() -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    let with = |tags: &str, who: &[&str]| {
        one_account("team-a", "chat", &format!("disableLocalAuth: true\ntags: {{{tags}}}\n{}", grants(who)))
    };
    folder.write("a.yaml", with("team: ml, cost: one", &[ALICE, BOB]));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.grant(&account("chat"), BY_HAND, CS_USER, "99999999-0000-4000-8000-000000000009", None);
    folder.write("a.yaml", with("team: ops, cost: two", &[ALICE, CAROL]));
    (azure, folder)
}

#[test]
fn each_difference_is_a_result_at_its_line_with_a_fingerprint_that_stays() {
    let (_azure, folder) = differing();
    let drift = results(&folder, "drift a.yaml", 2);
    let plan = results(&folder, "plan a.yaml", 0);
    for (told, level) in [(&drift, "warning"), (&plan, "note")] {
        let lines = short(told);
        let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
        for (rule, expected) in [("differs-missing", 1), ("differs-changed", 2), ("differs-extra", 1)] {
            assert_eq!(count(&format!("{rule} {level} a.yaml:")), expected, "{rule}: {lines:#?}");
        }
        assert_eq!(count("unmanaged warning a.yaml:"), 1, "said once: {lines:#?}");
    }
    let lines = short(&drift).join("\n");
    let spec = std::fs::read_to_string(folder.path().join("a.yaml")).unwrap();
    let line = |text: &str| spec.lines().position(|line| line.contains(text)).unwrap() + 1;
    assert!(
        lines.contains(&format!("a.yaml:{} account chat: tags.team ml, but ops in the spec", line("tags"))),
        "{lines}"
    );
    let undeclared = drift.iter().find(|result| result["ruleId"] == "unmanaged").unwrap();
    let resource = &undeclared["locations"][0]["logicalLocations"][0];
    assert!(resource["fullyQualifiedName"].as_str().unwrap().ends_with(BY_HAND), "{undeclared:#}");
    // Lines that move, another run and another command make nothing new of it.
    let prints = |results: &[Value]| {
        let mut prints: Vec<String> = results
            .iter()
            .map(|result| format!("{} {}", result["ruleId"], result["partialFingerprints"]))
            .collect();
        prints.sort();
        prints
    };
    assert_eq!(prints(&drift), prints(&plan));
    folder.write("a.yaml", format!("# one\n# two\n{spec}"));
    let moved = results(&folder, "drift a.yaml", 2);
    assert_eq!(prints(&drift), prints(&moved));
    assert_ne!(short(&drift), short(&moved), "their lines moved");
}

#[test]
fn paths_are_named_from_the_folder_of_the_run_and_a_result_without_a_place_gets_a_file() {
    let (_azure, folder) = differing();
    let here = short(&results(&folder, "drift a.yaml", 2));
    let whole = folder.path().canonicalize().unwrap().join("a.yaml");
    assert_eq!(short(&results(&folder, &format!("drift {}", whole.display()), 2)), here);
    assert_eq!(short(&results(&folder, "drift ./a.yaml", 2)), here);
    let failed = results(&folder, "drift gone.yaml", 1);
    assert!(short(&failed)[0].starts_with("unreadable-file error specs:1 "), "{failed:#?}");
}

#[test]
fn what_is_refused_is_an_error_beside_the_difference_and_what_is_lifted_is_suppressed() {
    let (_azure, folder) = differing();
    folder.write("a.yaml", one_account("team-a", "chat", "location: westus\ndisableLocalAuth: false\n"));
    let refused = results(&folder, "plan a.yaml", 1);
    let lines = short(&refused);
    for rule in ["immutable-field error a.yaml:", "differs-changed note a.yaml:"] {
        assert!(lines.iter().any(|line| line.starts_with(rule)), "{rule} in {lines:#?}");
    }
    folder.write(
        "a.yaml",
        one_account("team-a", "chat", &format!("disableLocalAuth: false\n{}", grants(&[ALICE, BOB]))),
    );
    let guarded = results(&folder, "plan a.yaml", 3);
    let keys = |results: &[Value]| {
        results.iter().find(|result| result["ruleId"] == "guard-keys-on").unwrap().clone()
    };
    assert_eq!((&keys(&guarded)["level"], keys(&guarded).get("suppressions")), (&json!("error"), None));
    let lifted = keys(&results(&folder, "plan a.yaml --allow keys-on", 0));
    assert_eq!(
        (&lifted["level"], &lifted["suppressions"][0]["status"]),
        (&json!("note"), &json!("accepted"))
    );
}

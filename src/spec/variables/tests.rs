//! Tests of references and their values.

use std::ffi::OsString;

use serde_json::json;

use super::super::tree::parse;
use super::*;

struct Result {
    tree: Value,
    findings: Vec<Finding>,
    places: Vec<String>,
    document: YamlDocument,
}

fn inputs(arguments: &[(&str, &str)], environment: &[(&str, &str)]) -> VariableInputs {
    let arguments = arguments.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let environment = environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    VariableInputs::new(arguments, Vec::new(), environment)
}

fn run(spec: &str, inputs: &VariableInputs, files: &[&str]) -> Result {
    let mut sources = Sources::default();
    let mut document = |name: &str, text: &str| {
        let file = sources.add(name, text);
        let (document, findings) = parse(file, &sources);
        assert!(findings.is_empty(), "{findings:?}");
        document.unwrap()
    };
    let files = files.iter().map(|text| document("vars.yaml", text)).collect::<Vec<_>>();
    let mut document = document("spec.yaml", spec);
    let (outside, mut findings) = Variables::new(inputs, &files);
    findings.extend(substitute(&mut document, &outside, &sources));
    let places = findings.iter().map(|finding| sources.position(finding.span.unwrap()).to_string()).collect();
    Result { tree: document.tree.clone(), findings, places, document }
}

fn put_in(spec: &str, arguments: &[(&str, &str)]) -> Value {
    let result = run(spec, &inputs(arguments, &[]), &[]);
    assert!(result.findings.is_empty(), "{:?}", result.findings);
    result.tree
}

#[test]
fn one_reference_takes_the_type_and_an_embedded_one_gives_text() {
    let spec = "variables: {on: true, n: 3, f: 1.10, t: x, z: ~}\nv: ['${on}', \"${n}\", '${f}', '${t}', '${z}', 'a${on}', '${n}${n}', '${f}!', ' ${n}']\n";
    assert_eq!(put_in(spec, &[])["v"], json!([true, 3, 1.1, "x", null, "atrue", "33", "1.10!", " 3"]));
}

#[test]
fn arguments_go_before_files_before_the_environment_before_the_spec() {
    let spec = "variables: {a: spec, b: spec, c: spec, d: spec}\nv: ${a} ${b} ${c} ${d}\n";
    let inputs = inputs(
        &[("a", "first"), ("a", "argument")],
        &[("KEYLESS_VAR_A", "env"), ("KEYLESS_VAR_B", "env"), ("KEYLESS_VAR_C", "env")],
    );
    let result = run(spec, &inputs, &["a: file\nb: early\n", "b: file\n"]);
    assert!(result.findings.is_empty(), "{:?}", result.findings);
    assert_eq!(result.tree["v"], "argument file env spec");
}

#[test]
fn of_the_environment_only_our_own_prefix_is_ever_seen() {
    let environment = [
        ("SECRET_TOKEN", "leak"),
        ("KEYLESS_TOKEN", "leak"),
        ("keyless_var_x", "leak"),
        ("KEYLESS_VAR_OK", "fine"),
    ];
    let inputs = inputs(&[], &environment);
    assert!(!format!("{inputs:?}").contains("leak"));
    let result =
        run("a: ${SECRET_TOKEN}\nb: ${KEYLESS_TOKEN}\nc: ${TOKEN}\nd: ${x}\ne: ${ok}${OK}\n", &inputs, &[]);
    assert_eq!(result.findings.iter().filter(|finding| finding.code == Code::UnknownVariable).count(), 4);
    assert_eq!(result.tree["e"], "finefine");
}

#[test]
fn arguments_are_typed_and_never_null_or_structure() {
    let arguments = [
        ("off", "true"),
        ("n", "7"),
        ("empty", ""),
        ("null", "null"),
        ("list", "[a, b]"),
        ("map", "{a: 1}"),
        ("ref", "${off}"),
        ("tag", "!!int 3"),
    ];
    let tree = put_in(
        "v: ['${off}', '${n}', '${empty}', '${null}', '${list}', '${map}', '${ref}', '${tag}', 'x${empty}y']\n",
        &arguments,
    );
    assert_eq!(tree["v"], json!([true, 7, "", "null", "[a, b]", "{a: 1}", "${off}", "!!int 3", "xy"]));
}

#[test]
fn values_with_line_breaks_and_yaml_add_no_structure() {
    let tree = put_in("a: x\nb: ${v}\nc: 'p ${v}'\n", &[("v", "1\nadmin: true\n- x # }")]);
    assert_eq!(tree, json!({"a": "x", "b": "1\nadmin: true\n- x # }", "c": "p 1\nadmin: true\n- x # }"}));
}

#[test]
fn two_dollars_are_a_literal_and_keys_are_left_alone() {
    assert_eq!(
        put_in("v: ['$${x}', '$$${x}', 'a$${', '$', '$x', '$$', '{x}', '$ {x}']\n", &[])["v"],
        json!(["${x}", "$${x}", "a${", "$", "$x", "$$", "{x}", "$ {x}"])
    );
    let result = run("v: {'${x}': 1}\n", &inputs(&[("x", "y")], &[]), &[]);
    assert_eq!(result.tree["v"], json!({"${x}": 1}));
    assert_eq!(result.findings.len(), 1);
    assert_eq!(result.findings[0].severity, crate::finding::Severity::Warning);
}

#[test]
fn what_is_no_reference_is_malformed_at_its_place() {
    for (text, hint) in [
        ("${", "close it"),
        ("${a", "close it"),
        ("${}", "letters"),
        ("${ a }", "without spaces"),
        ("${1a}", "letters"),
        ("${a-b}", "`${a}`"),
        ("${a:-x}", "`${a}`"),
        ("${ä}", "letters"),
        ("${a.b}", "letters"),
        ("${secret.}", "letters"),
        ("${secret.1}", "letters"),
        ("${env:HOME}", "default"),
        ("${${a}}", "letters"),
        ("${a\nb}", "letters"),
    ] {
        let result = run(&format!("v: {}\n", json!(format!("é {text}"))), &inputs(&[("a", "x")], &[]), &[]);
        assert_eq!(result.findings.len(), 1, "{text:?}: {:?}", result.findings);
        assert_eq!(result.findings[0].code, Code::MalformedReference, "{text:?}");
        assert!(
            result.findings[0].hint.as_ref().unwrap().contains(hint),
            "{text:?}: {:?}",
            result.findings[0].hint
        );
        assert_eq!(
            result.places[0],
            if text.contains('\n') { "spec.yaml:1:4" } else { "spec.yaml:1:7" },
            "{text:?}"
        );
        assert!(result.document.reported.contains("/v"));
    }
}

#[test]
fn unknown_names_are_told_all_at_once_with_the_nearest_one() {
    let spec = "variables: {region: x}\na: ${regoin}\nb: x-${far_away}-${reg}\nc: ${stag}\n";
    let result = run(spec, &inputs(&[], &[("KEYLESS_VAR_STAGE", "dev")]), &[]);
    let hints = result.findings.iter().map(|finding| finding.hint.clone().unwrap()).collect::<Vec<_>>();
    assert_eq!(result.places, ["spec.yaml:2:4", "spec.yaml:3:6", "spec.yaml:3:18", "spec.yaml:4:4"]);
    assert!(
        hints[0].contains("`${region}`")
            && hints[1].contains("--var far_away=")
            && hints[3].contains("`${stage}`"),
        "{hints:?}"
    );
}

#[test]
fn secrets_stay_references_and_have_no_field_yet() {
    let result = run(
        "a: ${secret.KEY}\nb: x${secret.KEY}\nvariables: {s: \"${secret.KEY}\"}\n",
        &inputs(&[], &[("KEYLESS_SECRET_KEY", "leak"), ("KEYLESS_VAR_KEY", "leak")]),
        &[],
    );
    assert_eq!(result.tree["a"], "${secret.KEY}");
    assert!(!result.tree.to_string().contains("leak"));
    let codes = result.findings.iter().map(|finding| finding.code).collect::<Vec<_>>();
    assert_eq!(
        codes,
        [Code::MalformedReference, Code::SecretOutsideSecretField, Code::SecretOutsideSecretField]
    );
    assert!(matches("/accounts/*/connections/*/key", "/accounts/0/connections/12/key"));
    assert!(
        !matches("/accounts/*/key", "/accounts/0/x/key") && !matches("/a/*", "/a") && !matches("/a", "/a/b")
    );
}

#[test]
fn variables_have_good_names_and_refer_to_nothing() {
    let text = "bad-name: x\nr: a${list}\nl: [1, {'${k}': '${ok}'}]\nok: $${x}\n";
    for (spec, files) in [
        (format!("variables:\n  {}\nv: ${{ok}}\n", text.trim().replace('\n', "\n  ")), vec![]),
        ("v: ${ok}\n".to_owned(), vec![text]),
    ] {
        let result = run(&spec, &VariableInputs::default(), &files);
        let mut codes = result.findings.iter().map(|finding| finding.code).collect::<Vec<_>>();
        codes.sort_unstable();
        let malformed = Code::MalformedReference;
        assert_eq!(codes, [malformed, malformed, malformed, Code::InvalidName], "{spec}");
        assert_eq!(result.tree["v"], "${x}");
    }
    assert_eq!(run("v: 1\n", &VariableInputs::default(), &["[1]"]).findings[0].code, Code::WrongType);
    for (spec, code) in [
        ("variables: {n: }\nv: a${n}\n", Code::InvalidValue),
        ("variables: {n: [1]}\nv: a${n}\n", Code::InvalidValue),
        ("variables: {n: {a: 1}}\nv: ${n}${n}\n", Code::InvalidValue),
    ] {
        let result = run(spec, &VariableInputs::default(), &[]);
        assert!(result.findings.iter().all(|finding| finding.code == code), "{:?}", result.findings);
        assert!(!result.findings.is_empty(), "{spec}");
    }
}

#[test]
fn lists_and_mappings_stand_where_one_reference_stood_alone() {
    let spec = "variables: {l: [a, '$${x}', [1.10]], m: {k: [true, ~]}}\nv: ${l}\nw: ['${m}', '${l}']\n";
    let tree = put_in(spec, &[]);
    assert_eq!(tree["v"], json!(["a", "${x}", [1.1]]));
    assert_eq!(tree["w"], json!([{"k": [true, null]}, ["a", "${x}", [1.1]]]));
    // A nearer source takes the place of all of it.
    let result = run(spec, &inputs(&[], &[("KEYLESS_VAR_L", "[b]")]), &["m: [1]\n"]);
    assert_eq!((&result.tree["v"], &result.tree["w"][0]), (&json!("[b]"), &json!([1])));
}

#[test]
fn what_variables_add_to_a_document_has_a_limit() {
    let big = format!("variables: {{l: [{}]}}\n", vec!["x"; 100_000].join(", "));
    let many = format!("{big}v: [{}]\n", vec!["'${l}'"; 1000].join(", "));
    let result = run(&many, &VariableInputs::default(), &[]);
    let codes = result.findings.iter().map(|finding| finding.code).collect::<Vec<_>>();
    assert_eq!(codes, [Code::TooLarge]);
}

#[test]
fn letter_case_does_not_count_in_the_environment_and_two_names_are_an_error() {
    let spec = "a: ${region}\nb: ${Region}\n";
    for name in ["KEYLESS_VAR_region", "KEYLESS_VAR_Region", "KEYLESS_VAR_REGION"] {
        let result = run(spec, &inputs(&[], &[(name, "eu")]), &[]);
        assert!(result.findings.is_empty(), "{:?}", result.findings);
        assert_eq!(result.tree, json!({"a": "eu", "b": "eu"}));
    }
    let both = inputs(&[], &[("KEYLESS_VAR_region", "eu"), ("KEYLESS_VAR_REGION", "eu")]);
    let (_, findings) = Variables::new(&both, &[]);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].code, Code::Duplicate);
    assert!(findings[0].message.contains("`KEYLESS_VAR_REGION` and `KEYLESS_VAR_region`"));
    // Behind `--var` a name is what it is.
    let result = run(spec, &inputs(&[("region", "us")], &[("KEYLESS_VAR_REGION", "eu")]), &[]);
    assert_eq!(result.tree, json!({"a": "us", "b": "eu"}));
}

#[test]
fn assignments_on_the_command_line_are_split_at_the_first_sign() {
    assert_eq!(parse_assignment("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
    assert_eq!(parse_assignment("a="), Ok(("a".to_owned(), String::new())));
    for wrong in ["a", "=b", "a-b=c", "1=c", "", "secret.x=1"] {
        assert!(parse_assignment(wrong).is_err(), "{wrong}");
    }
}

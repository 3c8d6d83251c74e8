//! The tree and its positions.

use serde_json::json;

use super::*;
use crate::finding::Code;

fn parse_text(text: &str) -> (Option<YamlDocument>, Vec<Finding>, Sources) {
    let mut sources = Sources::default();
    let file = sources.add("spec.yaml", text);
    let (document, findings) = parse(file, &sources);
    (document, findings, sources)
}

fn tree(text: &str) -> Value {
    let (document, findings, _) = parse_text(text);
    assert!(findings.is_empty(), "{text:?}: {findings:?}");
    document.unwrap().tree
}

/// Codes of the findings about a text, with line and column.
fn found(text: &str) -> Vec<(Code, String)> {
    let (_, findings, sources) = parse_text(text);
    findings
        .iter()
        .map(|finding| {
            (finding.code, sources.position(finding.span.unwrap()).to_string().replace("spec.yaml:", ""))
        })
        .collect()
}

fn one(text: &str) -> (Code, String) {
    let found = found(text);
    assert_eq!(found.len(), 1, "{text:?}: {found:?}");
    found[0].clone()
}

#[test]
fn values_are_what_their_yaml_says_and_nothing_surprises() {
    let text = "a: no\nb: on\nc: 0123\nd: 1_000\ne: 2024-01-31\nf: 'true'\ng: true\nh: 1\ni: ~\nj:\nk: !!str 12\nl: |\n  two\n  lines\nm: \"\\u00e4\"\n";
    let expected = json!({
        "a": "no", "b": "on", "c": "0123", "d": "1_000", "e": "2024-01-31", "f": "true", "g": true, "h": 1, "i": null, "j": null,
        "k": "12", "l": "two\nlines\n", "m": "ä",
    });
    assert_eq!(tree(text), expected);
    assert_eq!(
        tree("no: 1\non: 2\n0123: 3\n2024-01-31: 4\n\"1\": 5\n"),
        json!({"no": 1, "on": 2, "0123": 3, "2024-01-31": 4, "1": 5})
    );
}

#[test]
fn line_ends_byte_order_marks_and_json_are_understood() {
    assert_eq!(tree("a: 1\r\nb:\r\n  - x\r\n"), json!({"a": 1, "b": ["x"]}));
    assert_eq!(tree("\u{feff}a: 1\n"), json!({"a": 1}));
    assert_eq!(tree("%YAML 1.2\n---\na: 1\n...\n"), json!({"a": 1}));
    assert_eq!(tree("{\"a\": [1, {\"b\": null}]}"), json!({"a": [1, {"b": null}]}));
}

#[test]
fn every_key_and_value_has_its_place() {
    let text = "a: 1\nlist:\n  - name: x\n    'a/b~': \"ä\"\n  - [1, two]\nempty:\nflow: {k: v}\n";
    let (document, _, sources) = parse_text(text);
    let document = document.unwrap();
    let slice = |span: Span| &text[span.start..span.end];
    for (pointer, key, value) in [
        ("/a", "a", "1"),
        ("/list", "list", "- name: x\n    'a/b~': \"ä\"\n  - [1, two]"),
        ("/list/0", "name: x\n    'a/b~': \"ä\"", "name: x\n    'a/b~': \"ä\""),
        ("/list/0/name", "name", "x"),
        ("/list/0/a~1b~0", "'a/b~'", "\"ä\""),
        ("/list/1", "[1, two]", "[1, two]"),
        ("/list/1/1", "two", "two"),
        ("/empty", "empty", ""),
        ("/flow/k", "k", "v"),
    ] {
        assert_eq!(slice(document.key_span(pointer)), key, "{pointer}");
        assert_eq!(slice(document.value_span(pointer)), value, "{pointer}");
    }
    assert_eq!(slice(document.span_of("/empty")), "empty");
    assert_eq!(slice(document.span_of("/list")), "list");
    assert_eq!(slice(document.span_of("/a")), "1");
    assert_eq!(sources.position(document.value_span("/list/1/1")).to_string(), "spec.yaml:5:9");
}

#[test]
fn a_pointer_to_nothing_gives_the_nearest_ancestor() {
    let (document, ..) = parse_text("a: 1\nlist: [x]\n");
    let document = document.unwrap();
    assert_eq!(document.key_span("/a/b/c"), document.key_span("/a"));
    assert_eq!(document.value_span("/list/7"), document.value_span("/list"));
    assert_eq!(document.value_span("/list/x"), document.value_span("/list"));
    for pointer in ["", "/", "//", "nonsense", "/~", "/list/18446744073709551616", "/list/-1"] {
        let _ = (
            document.key_span(pointer),
            document.value_span(pointer),
            document.span_of(pointer),
            document.raw(pointer),
        );
    }
}

#[test]
fn all_problems_that_leave_the_rest_readable_are_told_at_once() {
    let text = "a: 1\na: 2\nb: .inf\nc: 99999999999999999999\n1: x\nd: *gone\ne: !secret x\nf: {g: 1, g: 2}\n? [x]\n: y\n: z\nh: !!int x\ni: !!set {}\n";
    let expected = [
        (Code::DuplicateKey, "2:1"),
        (Code::InvalidValue, "3:4"),
        (Code::InvalidValue, "4:4"),
        (Code::YamlSyntax, "5:1"),
        (Code::YamlSyntax, "6:4"),
        (Code::YamlSyntax, "7:12"),
        (Code::DuplicateKey, "8:11"),
        (Code::YamlSyntax, "9:3"),
        (Code::YamlSyntax, "11:1"),
        (Code::YamlSyntax, "12:10"),
        (Code::YamlSyntax, "13:10"),
    ];
    assert_eq!(found(text), expected.map(|(code, place)| (code, place.to_owned())));
    let (document, ..) = parse_text(text);
    let document = document.unwrap();
    assert_eq!(document.tree["f"], json!({"g": 1}));
    assert!(
        ["/b", "/c", "/d", "/e", "/h"].iter().all(|pointer| document.reported.contains(*pointer)),
        "{:?}",
        document.reported
    );
}

#[test]
fn a_key_set_twice_shows_both_places() {
    let (_, findings, sources) = parse_text("a:\n  b: 1\n  'b': 2\n");
    assert_eq!(sources.position(findings[0].span.unwrap()).line, 3);
    assert_eq!(sources.position(findings[0].related.as_ref().unwrap().0).line, 2);
}

#[test]
fn what_is_no_document_is_said() {
    for text in ["", "\n", "# only a comment\n", "---\n", "~", "null\n", "\u{feff}"] {
        assert_eq!(one(text), (Code::YamlSyntax, "1:1".to_owned()), "{text:?}");
    }
    assert_eq!(one("a: 1\n---\nb: 2\n"), (Code::YamlSyntax, "2:1".to_owned()));
    assert_eq!(one("a: 1\n---\n").1, "2:1");
}

#[test]
fn syntax_errors_have_a_place_and_a_hint() {
    for (text, line) in [
        ("a: [1, 2\n", 2),
        ("a: 'x\n", 1),
        ("a:\n\t- x\n", 2),
        ("a: b: c\n", 1),
        ("a: @x\n", 1),
        ("a: {b: ]\n", 1),
        ("a: 1\n b: 2\n", 2),
        ("a: \"\\q\"\n", 1),
        ("- x\ny: 1\n", 2),
        ("a: %x\n", 1),
        ("a: !no!tag x\n", 1),
        ("]\n", 1),
    ] {
        let (_, findings, sources) = parse_text(text);
        let finding = findings.last().unwrap();
        assert_eq!(finding.code, Code::YamlSyntax, "{text:?}");
        assert!(finding.hint.is_some(), "{text:?}");
        let at = sources.position(finding.span.unwrap()).line;
        assert!(at.abs_diff(line) <= 1, "{text:?}: {at}");
    }
}

#[test]
fn aliases_and_merges_share_values_and_point_to_where_they_are_written() {
    let text = "base: &base {x: 1, y: 2}\nlist: &list [a]\nuse: {<<: *base, y: 3, l: *list}\nboth:\n  <<: [{x: 9, z: 8}, *base]\nquoted: {'<<': 1}\n";
    let (document, findings, sources) = parse_text(text);
    assert!(findings.is_empty(), "{findings:?}");
    let document = document.unwrap();
    assert_eq!(document.tree["use"], json!({"x": 1, "y": 3, "l": ["a"]}));
    assert_eq!(document.tree["both"], json!({"x": 9, "y": 2, "z": 8}));
    assert_eq!(document.tree["quoted"], json!({"<<": 1}));
    assert_eq!(sources.position(document.value_span("/use/l")).to_string(), "spec.yaml:3:27");
    assert_eq!(sources.position(document.value_span("/use/l/0")).to_string(), "spec.yaml:2:14");
    assert_eq!(sources.position(document.value_span("/use/x")).to_string(), "spec.yaml:1:17");
    assert_eq!(one("a: {<<: 1}\n"), (Code::YamlSyntax, "1:5".to_owned()));
    assert_eq!(one("a: &x [*x]\n"), (Code::YamlSyntax, "1:8".to_owned()));
    assert_eq!(one("b: &b {}\na: {<<: *b, <<: *b}\n"), (Code::DuplicateKey, "2:13".to_owned()));
}

#[test]
fn depth_is_limited_to_64_levels_through_aliases_too() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse_text(&nested(MAX_DEPTH)).0.is_some());
    assert_eq!(one(&nested(MAX_DEPTH + 1)), (Code::TooLarge, "1:65".to_owned()));
    assert_eq!(one(&"- ".repeat(MAX_DEPTH + 1)).0, Code::TooLarge);
    let through_alias = format!("a: &a {}\nb: {}*a{}\n", nested(40), "[".repeat(40), "]".repeat(40));
    assert_eq!(one(&through_alias), (Code::TooLarge, "2:44".to_owned()));
    let merged =
        format!("a: &a {{x: {}}}\nb: &b {{<<: *a}}\nc: {}*b{}\n", nested(60), "[".repeat(3), "]".repeat(3));
    assert_eq!(one(&merged).0, Code::TooLarge);
}

#[test]
fn sharing_is_welcome_and_multiplying_is_not() {
    let addresses = (0..200).map(|index| format!("10.0.{index}.0/24")).collect::<Vec<_>>().join(", ");
    let shared = format!("a: &a [{addresses}]\nb: [{}]\n", vec!["*a"; 50].join(", "));
    assert!(parse_text(&shared).0.is_some());
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 2000].join(", "));
    assert_eq!(one(&long).0, Code::TooLarge);
}

#[test]
fn problems_without_end_are_cut_short_and_that_is_said() {
    let (document, findings, _) = parse_text(&"- .inf\n".repeat(5000));
    assert!(document.is_none());
    assert_eq!(findings.len(), 1001);
    assert!(findings[1000].message.contains("not read"));
}

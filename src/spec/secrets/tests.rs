//! What is hidden in specs, well-formed or not.

use super::*;
use crate::spec::tree;
use crate::text::source::Sources;

/// The text without its hidden parts.
fn shown(text: &str) -> String {
    let mut sources = Sources::default();
    let file = sources.add("a.yaml", text);
    let (document, _) = tree::parse(file, &sources);
    let mut shown = text.to_owned();
    for range in hidden(document.as_ref(), text).into_iter().rev() {
        let end = range.end.min(shown.len());
        if range.start < end {
            shown.replace_range(range.start..end, "@");
        }
    }
    shown
}

#[test]
fn names_of_secrets_are_told_from_other_names() {
    for name in [
        "key",
        "Key",
        "apiKey",
        "api_key",
        "API-KEY",
        "clientSecret",
        "sas",
        "pwd",
        "apikey",
        "sharedAccessKey",
    ] {
        assert_eq!(names_secret(name), name != "{name}");
    }
    for name in ["monkey", "keyName", "maxTokens", "tokens", "disableLocalAuth", "atlas", "", "name"] {
        assert!(!names_secret(name), "{name}");
    }
}

#[test]
fn a_pointer_says_whether_its_value_is_a_secret() {
    for (pointer, secret) in [
        ("/accounts/0/connections/1/credentials/key", true),
        ("/accounts/0/connections/1/credentials", true),
        ("/accounts/0/connections/1/credentials/other/deep", true),
        ("/accounts/0/connections/1/credentials/clientId", false),
        ("/accounts/0/connections/1/target", false),
        ("/accounts/0/connections/1/apiKey", true),
        ("", false),
    ] {
        assert_eq!(is_secret(pointer), secret, "{pointer}");
    }
}

#[test]
fn secrets_are_hidden_however_they_are_written() {
    for (written, left) in [
        ("credentials:\n  key: plain-s3cret\nnext: 1\n", "credentials:\n  key: @\nnext: 1\n"),
        (
            "credentials: {key: 'single ''quoted'' s3cret', clientId: 11111111-2222-4333-8444-555555555555}\n",
            "credentials: {key: @, clientId: 11111111-2222-4333-8444-555555555555}\n",
        ),
        (
            "credentials: {\"key\": \"double \\\"s3cret\\\" \\x41\", clientId: null}\n",
            "credentials: {\"key\": @, clientId: null}\n",
        ),
        ("credentials: {key: plain s3cret}\nnext: 1\n", "credentials: {key: @}\nnext: 1\n"),
        ("apiKey: s3cret # old\nnext: 1\n", "apiKey: @ # old\nnext: 1\n"),
        ("credentials: s3cret-itself\n", "credentials: @\n"),
        ("credentials: {key: 12345678901234}\n", "credentials: {key: @}\n"),
        ("credentials: {kye: s3cret-mistyped}\n", "credentials: {kye: @}\n"),
        ("credentials: {key: [s3cret-one, s3cret-two]}\n", "credentials: {key: [@, @]}\n"),
        (
            "credentials: {key: '${secret.NAME}', other: ${NAME}}\n",
            "credentials: {key: '${secret.NAME}', @{@}}\n",
        ),
        ("key: ${secret.NAME}\nnext: 1\n", "key: ${secret.NAME}\nnext: 1\n"),
        ("disableKey: true\nkey:\nnext: 1\n", "disableKey: true\nkey:\nnext: 1\n"),
    ] {
        assert_eq!(shown(written), left);
    }
}

#[test]
fn secrets_of_several_lines_are_hidden_in_all_of_them() {
    for written in [
        "credentials:\n  key: |\n    first-s3cret\n    second-s3cret\n  clientId: ''\n",
        "credentials:\n  key: >-\n    first-s3cret\n\n    second-s3cret\n  clientId: ''\n",
        "credentials:\n  key: \"first-s3cret\n    second-s3cret\"\n  clientId: ''\n",
        "credentials:\n  key: 'first-s3cret\n\n    second-s3cret'\n  clientId: ''\n",
        "credentials:\n  key: first-s3cret\n    second-s3cret\n  clientId: ''\n",
        "credentials:\n  key:\n    first-s3cret\n    second-s3cret\n  clientId: ''\n",
        "credentials:\n  key: &k first-s3cret\n    second-s3cret\n  clientId: ''\n",
    ] {
        let shown = shown(written);
        assert!(!shown.contains("s3cret") && shown.contains("clientId: ''"), "{written}\n{shown}");
    }
}

#[test]
fn secrets_of_a_file_that_cannot_be_read_are_hidden_too() {
    for written in [
        "a: [\nkey: s3cret-value\n",
        "key: \"s3cret-value that is not closed\nnext: s3cret\n",
        "key: 's3cret-value\n",
        "key: a\nkey: s3cret-value\n",
        "\tapiKey: s3cret-value\n",
        "{\"key\":\"s3cret-value\",\n",
        "key: @s3cret-value\n",
        "# key: s3cret-value\na: [\n",
        "key: |\n  s3cret-value\n bad\n",
    ] {
        assert!(!shown(written).contains("s3cret"), "{written}\n{}", shown(written));
    }
}

#[test]
fn credentials_are_masked_to_their_end_in_a_file_with_a_mistake() {
    for (written, left) in [
        ("credentials: {key: '${secret.X}'}\ncredentials: {keys: {a: s3cret-twice}}\nnext: 1\n", "next: 1"),
        ("credentials: {key: '${secret.X}'}\ncredentials: {key: [s3cret-twice]}\nnext: 1\n", "next: 1"),
        ("- {credentials: {keys: {Authorization: \"Bearer s3cret-header\"}}} }\nnext: 1\n", "next: 1"),
        ("- {credentials: {keys: {a: s3cret{one}}}s3cret-rest}\nnext: 1\n", "next: 1"),
        ("credentials:\n  keys:\n    foo: bar: baz s3cret-deep\nnext: 1\n", "next: 1"),
        (
            "credentials:\n  keys:\n    x-functions-auth: s3cret-one\n\t    other: s3cret-two\nnext: 1\n",
            "next: 1",
        ),
        ("credentials:\n- key\n- s3cret-item\nnext: 1\n", "next: 1"),
        ("- credentials:\n    keys: {a: s3cret-one\n    more: s3cret-two\n  name: n\nnext: 1\n", "name: n"),
        ("- credentials: {keys: {a: \"s3cret-one}\n  name: n\n", "credentials: {keys: {"),
        ("{\"credentials\":{\"keys\":{\"a\":\"s3cret-one\"}},,\"name\":\"n\"}\n", "\"name\":\"n\""),
        (
            "{\n\"credentials\": {\n\"keys\": {\n\"a\": \"s3cret-one\"\n}},,\n\"name\": \"n\"}\n",
            "\"name\": \"n\"",
        ),
        ("credentials: {? key : s3cret-one}\nnext: 1\n", "next: 1"),
        ("credentials: {s3cret-Name: x}\nnext: 1\n", "next: 1"),
        ("credentials: {key: '${s3cret_wrapped}'}\nnext: 1\n", "next: 1"),
        ("credentials:\n  key: ${s3cret_wrapped}\nnext: 1\n", "next: 1"),
        ("authorization: \"Bearer s3cret-header\"\nnext: 1\n", "next: 1"),
        ("note: \"Bearer s3cret-header-1\"\nnext: 1\n", "note: \"Bearer @\""),
        ("# credentials:\n#   keys:\n#     a: s3cret-one\nnext: 1\n", "next: 1"),
        ("target: https://h/?sv=1&sig=s3cret-value\n", "target: https://h/?sv=1&sig=@"),
        ("target: https://u:s3cret@h/\n", "target: https://u:@@h/"),
    ] {
        let shown = shown(written);
        assert!(!shown.contains("s3cret") && shown.contains(left), "{written}\n{shown}");
    }
}

#[test]
fn brackets_without_end_cost_no_more_than_their_lines() {
    let text = "- credentials: {a: [\n".repeat(2_000);
    assert!(!shown(&text).contains("a:"));
    let text = "- {credentials: {a: [s3cret]}}\n".repeat(2_000);
    assert!(!shown(&text).contains("s3cret"));
}

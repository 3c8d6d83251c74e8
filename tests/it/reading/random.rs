//! Text at random: no panic, bounded time, places inside of the file, and the same bytes twice.
#![expect(clippy::print_stdout, reason = "generators print what they covered")]

use proptest::prelude::*;

use super::*;
use crate::common::every_row;

/// Text made of what YAML and specs are made of, so that much of it is well-formed or nearly so.
fn yaml_ish() -> impl Strategy<Value = String> {
    const PARTS: &[&str] = &[
        "version",
        "stack",
        "accounts",
        "name",
        "roleAssignments",
        "principals",
        "tags",
        "identity",
        "networkAcls",
        "ipRules",
        "variables",
        "disableLocalAuth",
        "x",
        ": ",
        ":",
        "- ",
        "-",
        "\n",
        "\n  ",
        "\n    ",
        "\n  - ",
        "\n      ",
        " ",
        "\t",
        "\r\n",
        "{",
        "}",
        "[",
        "]",
        ", ",
        "'",
        "\"",
        "true",
        "no",
        "1",
        "-0",
        "0x",
        "1e999",
        ".inf",
        "~",
        "null",
        "&a ",
        "*a",
        "<<",
        "!!str ",
        "!x ",
        "|\n",
        ">-\n",
        "? ",
        "---\n",
        "...",
        "%YAML 1.2\n",
        "# c",
        "${",
        "${a}",
        "$${",
        "${secret.A}",
        "}",
        "\\",
        "\\u",
        "@",
        "`",
        "ä",
        "漢",
        "\u{202e}",
        "\u{1b}",
        "\u{feff}",
        "\u{85}",
        "\0",
        "\u{10ffff}",
    ];
    let part = prop_oneof![8 => prop::sample::select(PARTS).prop_map(str::to_owned), 1 => ".{0,3}"];
    prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
}

/// A good spec with a few bytes changed.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let spec = format!(
        "{SMALL}variables: {{a: &a eastus2}}\nlocation: ${{a}}\naccounts:\n  - name: chat-eu\n    identity: {{userAssigned: [x]}}\n    tags: {{a: 'b', c: *a}}\n    networkAcls:\n      ipRules:\n        - 10.0.0.0/8\n    roleAssignments:\n      - role: Reader\n        principals: [{{id: x, type: Group}}]\n"
    );
    let change = (
        any::<prop::sample::Index>(),
        prop_oneof![
            Just(b"\n: -'\"{}[]&*!|>%@`#?,$".to_vec()).prop_flat_map(prop::sample::select),
            any::<u8>()
        ],
        0..3,
    );
    prop::collection::vec(change, 1..4).prop_map(move |changes| {
        let mut bytes = spec.clone().into_bytes();
        for (index, byte, how) in changes {
            let at = index.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        bytes
    })
}

fn holds_for(text: &[u8]) -> Result<bool, TestCaseError> {
    let outcome = read_text(text);
    let shown = outcome.shown();
    prop_assert!(!shown.contains(['\u{1b}', '\u{202e}', '\u{feff}', '\0']), "{shown:?}");
    prop_assert!(outcome.loaded.is_empty() != outcome.findings.is_empty() || !outcome.findings.is_empty());
    for finding in &outcome.findings {
        prop_assert!(finding.message.chars().count() < 1000);
        prop_assert!(!finding.message.contains("but could not be read"), "{}", shown);
        if let Some(span) = finding.span {
            let text = &outcome.sources.file(span.file).text;
            prop_assert!(span.start <= span.end && span.end <= text.len(), "{span:?} of {}", text.len());
            prop_assert!(
                text.is_char_boundary(span.start) && text.is_char_boundary(span.end),
                "{span:?} in {text:?}"
            );
        }
    }
    prop_assert_eq!(shown, read_text(text).shown());
    Ok(!outcome.loaded.is_empty())
}

#[test]
fn random_text_never_panics_and_every_place_is_inside_of_the_file() {
    let cases = if every_row() { 3000 } else { 600 };
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let well_formed = std::cell::Cell::new(0);
    let run = runner.run(&yaml_ish(), |text| {
        holds_for(text.as_bytes())?;
        let mut sources = Sources::default();
        let file = sources.add("x", text);
        well_formed.set(well_formed.get() + u32::from(spec::tree::parse(file, &sources).0.is_some()));
        Ok(())
    });
    run.unwrap();
    println!("{} of {cases} texts were well-formed", well_formed.get());
    assert!(well_formed.get() >= cases / 10, "only {} of {cases} texts were well-formed", well_formed.get());
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn damaged_specs_never_panic_and_some_of_them_stay_good() {
    let cases = if every_row() { 2000 } else { 400 };
    let good = std::cell::Cell::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let run = runner.run(&damaged(), |bytes| {
        good.set(good.get() + u32::from(holds_for(&bytes)?));
        Ok(())
    });
    run.unwrap();
    println!("{} of {cases} specs stayed good", good.get());
    // Both sides of the door must have been tried.
    assert!(
        (cases / 50..cases - cases / 50).contains(&good.get()),
        "{} of {cases} specs stayed good",
        good.get()
    );
}

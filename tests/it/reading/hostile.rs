//! The hostile files of SECURITY: each gives a finding, quickly, and none more than that.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use keyless::document::FindingEntry;
use keyless::render;

use super::*;
use crate::common::few;

/// A hundred times what any of them needs in a debug build, so that a busy machine is no failure; a bomb would take far longer.
const SOON: Duration = Duration::from_mins(2);

#[test]
fn an_alias_bomb_is_refused_before_it_explodes() {
    let levels = numbered(9, |level| {
        let previous = vec![format!("*a{level}"); 9].join(", ");
        format!("a{0}: &a{0} [{previous}]\n", level + 1)
    });
    let bomb = format!("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n{levels}");
    let start = Instant::now();
    let outcome = read_text(&bomb);
    assert!(start.elapsed() < SOON);
    assert!(outcome.loaded.is_empty());
    assert_eq!(outcome.findings.len(), 1, "{}", outcome.shown());
    assert_eq!(outcome.findings[0].code.as_str(), "too-large");
    assert!(outcome.findings[0].message.contains("aliases"), "{}", outcome.shown());
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn anchors_inside_of_anchors_and_merges_do_not_multiply_either() {
    let text =
        format!("a: &a {{{}}}\n", (0..10_000).map(|key| format!("k{key}: v")).collect::<Vec<_>>().join(", "));
    let merges = numbered(2000, |key| format!("m{key}: {{<<: *a}}\n"));
    let nested = format!(
        "{}{}{}\n",
        numbered(60, |level| format!("&n{level} [")),
        "x".repeat(4 << 20),
        "]".repeat(60)
    );
    for text in [text + &merges, nested] {
        let start = Instant::now();
        let outcome = read_text(&text);
        assert!(start.elapsed() < SOON);
        assert_eq!(
            outcome.findings.last().map(|finding| finding.code.as_str()),
            Some("too-large"),
            "{}",
            outcome.shown()
        );
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_hundred_thousand_levels_are_a_finding_and_no_stack_overflow() {
    const LEVELS: usize = 100_000;
    let block = numbered(LEVELS, |level| format!("{}k:\n", " ".repeat(level % 2000)));
    for text in [
        "[".repeat(LEVELS),
        format!("{}{}", "[".repeat(LEVELS), "]".repeat(LEVELS)),
        "{a: ".repeat(LEVELS),
        "- ".repeat(LEVELS),
        "? ".repeat(LEVELS),
        "a: ".repeat(LEVELS),
        "!!seq [".repeat(LEVELS),
        "&a [".repeat(LEVELS),
        block,
        format!("{SMALL}accounts: {}", "[".repeat(LEVELS)),
    ] {
        // A thread of a test has 2 MiB of stack; a quarter of that must do.
        let start = Instant::now();
        let outcome = std::thread::Builder::new()
            .stack_size(128 << 10)
            .spawn(move || read_text(&text))
            .unwrap()
            .join()
            .unwrap();
        assert!(start.elapsed() < SOON);
        assert!(outcome.loaded.is_empty());
        assert!(!outcome.findings.is_empty());
        assert!(outcome.shown().len() < 10_000, "what is shown stays readable");
    }
    assert_eq!(read_text("[".repeat(LEVELS)).codes(), ["too-large 1:65"]);
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_folder_is_not_followed_and_its_target_not_shown() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    let token = outside.path().join("token");
    fs::write(&token, "eyJ0b2tlbg: secret-of-the-pipeline\n").unwrap();
    fs::write(outside.path().join("other.yaml"), "also: secret-of-the-pipeline\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("good.yaml"), SMALL).unwrap();
    symlink(&token, folder.path().join("evil.yaml")).unwrap();
    symlink(outside.path(), folder.path().join("linked")).unwrap();
    symlink(folder.path(), folder.path().join("circle")).unwrap();
    symlink("good.yaml", folder.path().join("within.yaml")).unwrap();
    symlink("../gone", folder.path().join("gone.yaml")).unwrap();
    let outcome = read(&[folder.path()], &VariableInputs::default());
    assert!(!outcome.shown().contains("secret-of-the-pipeline"), "{}", outcome.shown());
    assert_eq!(outcome.loaded.len(), 1, "the link within the folder is the same file");
    let mut messages = outcome.findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>();
    messages.sort_unstable();
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert!(
        messages.iter().any(|message| message.contains("evil.yaml` links out of the folder")),
        "{messages:?}"
    );
    assert!(
        messages.iter().any(|message| message.contains("linked` links out of the folder")),
        "{messages:?}"
    );
    assert!(messages.iter().any(|message| message.contains("gone.yaml")), "{messages:?}");
    // The same link, named: whoever names it can read it.
    let named = read(&[&folder.path().join("evil.yaml")], &VariableInputs::default());
    assert!(named.shown().contains("eyJ0b2tlbg"));
}

#[test]
fn sixty_five_mebibytes_are_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big.yaml");
    let mut file = fs::File::create(&path).unwrap();
    file.seek(SeekFrom::Start((65 << 20) - 1)).unwrap();
    file.write_all(b"#").unwrap();
    let start = Instant::now();
    let outcome = read(&[&path], &VariableInputs::default());
    assert!(start.elapsed() < SOON);
    assert_eq!(outcome.codes(), ["too-large -"]);
    assert!(outcome.findings[0].message.contains("64 MiB"));
}

#[test]
fn standard_input_without_end_is_cut_off() {
    let mut sources = Sources::default();
    let endless = std::io::repeat(b'#').chain(std::io::empty());
    let (loaded, findings) =
        spec::read(&["-".into()], &VariableInputs::default(), &mut sources, endless, keyless::kinds::check);
    assert!(loaded.is_empty());
    assert_eq!(findings[0].code.as_str(), "too-large");
}

#[test]
fn bytes_that_are_not_utf_8_are_found_by_their_position() {
    let outcome = read_text(b"version: 1\nstack: caf\xe9\n");
    assert_eq!(outcome.codes(), ["not-utf8 2:11"]);
    assert!(outcome.findings[0].message.contains("byte 21 of `<stdin>`, 0xe9"), "{}", outcome.shown());
    let outcome = read_text(b"\xff\xfev\0e\0");
    assert_eq!(outcome.codes(), ["not-utf8 1:1"]);
    assert!(outcome.findings[0].hint.as_ref().unwrap().contains("UTF-16"));
    assert_eq!(read_text(b"a: \xed\xa0\x80\n").codes(), ["not-utf8 1:4"]);
}

#[cfg(unix)]
#[test]
fn control_characters_in_names_and_lines_are_shown_and_not_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a\u{1b}]0;owned\u{7}\n::error::\u{202e}.yaml");
    fs::write(&path, format!("{SMALL}\"\\e[31m\u{202e}##vso[x]\": 1 # \u{200b}::warning::\n")).unwrap();
    let missing = folder.path().join("gone\u{1b}[2J.yaml");
    let outcome = read(&[folder.path(), &missing], &VariableInputs::default());
    assert!(outcome.codes().contains(&"unknown-field 4:1".to_owned()), "{:?}", outcome.codes());
    assert!(outcome.codes().contains(&"unreadable-file -".to_owned()), "{:?}", outcome.codes());
    let entries: Vec<FindingEntry> =
        outcome.findings.iter().map(|finding| FindingEntry::new(finding, &outcome.sources)).collect();
    let diagnostics = |color| {
        render::diagnostic::render(&outcome.findings, &outcome.sources, color, render::page::Page::default())
    };
    for (format, shown) in [
        ("text", diagnostics(false)),
        ("colour", diagnostics(true)),
        ("markdown", render::markdown::validation("validate", &entries)),
        (
            "sarif",
            keyless::text::sanitize::sanitize_json(
                &render::issues::sarif::sarif(&render::issues::of_findings(
                    &entries,
                    &render::issues::Folders::default(),
                ))
                .to_string(),
            ),
        ),
        ("json", keyless::text::sanitize::sanitize_json(&serde_json::json!(entries).to_string())),
    ] {
        // The control: the key, and the names of both files, are there for whoever reads.
        for part in ["31m", "vso", "202e", "owned", "2J.yaml"] {
            assert!(shown.contains(part), "{format} does not show `{part}`: {shown:?}");
        }
        let plain = shown.replace("\u{1b}[", "<").replace('\n', "");
        assert!(
            !plain.contains(|c: char| c.is_control() || matches!(c, '\u{202e}' | '\u{200b}')),
            "{format}: {shown:?}"
        );
        assert_eq!(format == "colour", shown.contains('\u{1b}'), "styles are those of a terminal: {shown:?}");
        assert!(!shown.contains("\u{1b}[31m\\") && !shown.contains("\u{1b}[2J"), "{format}: {shown:?}");
        assert!(
            !shown.contains("##vso[") && !shown.lines().any(|line| line.trim_start().starts_with("::")),
            "{format}: {shown}"
        );
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_huge_key_and_very_many_unknown_fields_take_bounded_time() {
    let huge = format!("{SMALL}? {}\n: 1\n", "k".repeat(8 << 20));
    let many = format!("{SMALL}{}", numbered(50_000, |key| format!("unknown{key}: 1\n")));
    for text in few(1, [many, huge]) {
        let start = Instant::now();
        let outcome = read_text(&text);
        assert!(!outcome.findings.is_empty() && outcome.findings.len() <= 1001);
        assert!(outcome.shown().len() < 1 << 20);
        assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    }
}

#[test]
fn much_of_anything_takes_bounded_time() {
    const PATTERNS: &[&str] = &[
        "# c\n",
        "a\n",
        "a ",
        "'",
        "\"",
        "''",
        "[],",
        "{},",
        "&a ",
        "*a,",
        "!x ",
        "a: b\n",
        ": ",
        "? \n",
        "- \n",
        "- a\n",
        "\t",
        "%X\n",
        "---\n",
        "|\n",
        "\\",
        "${",
        "a,",
        "\n",
        " ",
        "${a}",
        "$${",
        "ä",
        "\u{feff}",
        "a: &a b\n",
        "- *a\n",
        "::",
        "<<: {}\n",
        "k: ${x\n",
        "\r",
        "{a: ",
        "a:\n ",
        "#",
        "- !!str\n",
        ">\n ",
    ];
    for pattern in few(3, PATTERNS) {
        for prefix in ["", "v: [", "v: \"", "v: |\n  ", "v: &a x\nw:\n"] {
            let text = format!("{prefix}{}", pattern.repeat((64 << 10) / pattern.len()));
            let start = Instant::now();
            let outcome = read_text(&text);
            let _ = outcome.shown();
            assert!(start.elapsed() < SOON, "{prefix:?} {pattern:?}: {:?}", start.elapsed());
        }
    }
}

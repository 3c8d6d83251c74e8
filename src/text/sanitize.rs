//! Makes text from outside harmless: display names, descriptions, tags, error messages, lines of specs.
//!
//! Input: any text. Output: text with every character visible, which neither a terminal nor a pipeline interprets, and without Markdown
//! markup. Used by every renderer. Pure.

use std::borrow::Cow;
use std::fmt::Write;

/// Characters that are invisible, or that order or join others: they could make text look like other text. Sorted.
///
/// Unicode's format characters, but for the few that are drawn; line and paragraph separators; fillers and variation selectors;
/// non-characters. Control characters are not listed.
const INVISIBLE: &[(u32, u32)] = &[
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x070F, 0x070F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x206F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFDD0, 0xFDEF),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0xFFFE, 0xFFFF),
    (0x13430, 0x1345F),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
];

fn is_hidden(character: char) -> bool {
    let code = u32::from(character);
    character.is_control()
        || code & 0xFFFE == 0xFFFE
        || (code >= 0xAD && INVISIBLE.iter().any(|(from, to)| (*from..=*to).contains(&code)))
}

/// Whether a text contains a control, bidirectional, zero-width or other invisible character.
#[must_use]
pub fn hides(text: &str) -> bool {
    text.contains(is_hidden)
}

/// Writes a character visibly: `\u{202e}`.
pub(crate) fn escape_into(text: &mut String, character: char) {
    // Writing to a string does not fail.
    let _ = write!(text, "\\u{{{:x}}}", u32::from(character));
}

/// Sanitizes one line: control, bidirectional, zero-width and other invisible characters, including line breaks, become `\u{..}`, and
/// pipeline commands are broken.
#[must_use]
pub fn sanitize(text: &str) -> Cow<'_, str> {
    clean(text, |_| false)
}

/// Sanitizes text that may have several lines: as [`sanitize`], but keeps line feeds and tabs.
#[must_use]
pub fn sanitize_lines(text: &str) -> Cow<'_, str> {
    clean(text, |character| matches!(character, '\n' | '\t'))
}

/// Sanitizes finished output: as [`sanitize_lines`], but keeps keyless's own styles (`ESC [ 1 m`).
#[must_use]
pub fn sanitize_screen(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{1b}') {
        return sanitize_lines(text);
    }
    let mut parts = text.split('\u{1b}');
    let mut screen = sanitize_parts(parts.next().unwrap_or_default());
    for part in parts {
        let style = part.strip_prefix('[').and_then(|part| part.split_once('m'));
        match style.filter(|(style, _)| style.bytes().all(|byte| byte.is_ascii_digit() || byte == b';')) {
            Some((style, rest)) => {
                let _ = write!(screen, "\u{1b}[{style}m");
                screen.push_str(&sanitize_parts(rest));
            }
            None => {
                escape_into(&mut screen, '\u{1b}');
                screen.push_str(&sanitize_parts(part));
            }
        }
    }
    Cow::Owned(break_commands(&screen).into_owned())
}

fn sanitize_parts(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => clean.push(character),
            other => push_sanitized(&mut clean, other),
        }
    }
    clean
}

/// Adds a single character of a line, as [`sanitize`] shows it.
pub(crate) fn push_sanitized(text: &mut String, character: char) {
    if is_hidden(character) {
        escape_into(text, character);
    } else {
        text.push(character);
    }
}

fn clean(text: &str, keeps: fn(char) -> bool) -> Cow<'_, str> {
    let bad = |character: char| is_hidden(character) && !keeps(character);
    if !text.contains(bad) {
        return break_commands(text);
    }
    let mut clean = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if bad(character) {
            escape_into(&mut clean, character);
        } else {
            clean.push(character);
        }
    }
    Cow::Owned(break_commands(&clean).into_owned())
}

/// Breaks commands of Azure Pipelines (`##vso[`, `##[`) and GitHub Actions (`##[`, and `::` at the start of a line).
///
/// For everything that goes to stdout or stderr as text. One character is written as `\u{..}`, so that nothing is hidden.
#[must_use]
pub fn break_commands(text: &str) -> Cow<'_, str> {
    if !(text.contains("##") || text.contains("::")) {
        return Cow::Borrowed(text);
    }
    let mut broken = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive('\n') {
        let start = line.len() - line.trim_start().len();
        let (blank, rest) = line.split_at(start);
        broken.push_str(blank);
        let mut rest = match rest.strip_prefix("::") {
            Some(rest) => {
                broken.push_str(":\\u{3a}");
                rest
            }
            None => rest,
        };
        while let Some(at) = rest.find("##") {
            let after = &rest[at + 2..];
            let command = after.starts_with('[')
                || after.get(..4).is_some_and(|next| next.eq_ignore_ascii_case("vso["));
            broken.push_str(&rest[..=at]);
            if command {
                broken.push_str("\\u{23}");
                rest = after;
            } else {
                // The second `#` may start a command with a third.
                rest = &rest[at + 1..];
            }
        }
        broken.push_str(rest);
    }
    Cow::Owned(broken)
}

/// The same for a JSON document: `##` occurs only in strings, where a JSON escape preserves the meaning.
///
/// No line of a JSON document starts with `::`. Invisible characters are escaped as well.
#[must_use]
pub fn sanitize_json(document: &str) -> String {
    let mut clean = String::with_capacity(document.len() + 16);
    let mut previous = '\0';
    for character in document.chars() {
        if character == '#' && previous == '#' {
            clean.push_str("\\u0023");
        } else if is_hidden(character) && !character.is_ascii() {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                // Writing to a string does not fail.
                let _ = write!(clean, "\\u{unit:04x}");
            }
        } else if character == '\u{7f}' {
            clean.push_str("\\u007f");
        } else {
            clean.push(character);
        }
        previous = character;
    }
    clean
}

/// One line of text for Markdown: shown literally, without markup, HTML, links, images, mentions or issue references.
#[must_use]
pub fn markdown(text: &str) -> String {
    let text = sanitize(text);
    let mut safe = String::with_capacity(text.len() + 16);
    for (at, character) in text.char_indices() {
        let before = &text[..at];
        match character {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            // Despite a backslash, hosts interpret `@name`, `#1`, `!1` and bare URLs; an entity prevents that.
            '@' => safe.push_str("&#64;"),
            '#' => safe.push_str("&#35;"),
            '!' => safe.push_str("&#33;"),
            ':' => safe.push_str("&#58;"),
            '.' if ends_with_www(before) || before.bytes().all(|byte| byte.is_ascii_digit()) => {
                safe.push_str("&#46;");
            }
            // Lists and underlined headings start a line.
            '-' | '+' | '=' if before.trim_start().is_empty() => {
                safe.push('\\');
                safe.push(character);
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '|' | '~' | '$' => {
                safe.push('\\');
                safe.push(character);
            }
            _ => safe.push(character),
        }
    }
    // Leading blanks would make it code.
    let indent = safe.len() - safe.trim_start().len();
    format!("{}{}", "&#32;".repeat(safe[..indent].chars().count()), &safe[indent..])
}

fn ends_with_www(text: &str) -> bool {
    text.len()
        .checked_sub(3)
        .and_then(|start| text.get(start..))
        .is_some_and(|end| end.eq_ignore_ascii_case("www"))
}

/// Text as inline code in Markdown, including in tables.
#[must_use]
pub fn markdown_code(text: &str) -> String {
    let text = sanitize(text).replace('|', "\\u{7c}").replace('`', "\\u{60}");
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_or_nobody_sees_is_written_out() {
        for (text, shown) in [
            ("plain ä 漢 é 👍", "plain ä 漢 é 👍"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("a\u{202e}b\u{2066}c", "a\\u{202e}b\\u{2066}c"),
            ("zero\u{200b}width\u{200d}\u{feff}", "zero\\u{200b}width\\u{200d}\\u{feff}"),
            ("two\r\nlines\t", "two\\u{d}\\u{a}lines\\u{9}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
            (
                "\u{ad}\u{3164}\u{fe0f}\u{2028}\u{fffe}\u{1fffe}",
                "\\u{ad}\\u{3164}\\u{fe0f}\\u{2028}\\u{fffe}\\u{1fffe}",
            ),
        ] {
            assert_eq!(sanitize(text), shown);
        }
        assert_eq!(sanitize_lines("two\r\nlines\t\u{7}"), "two\\u{d}\nlines\t\\u{7}");
    }

    #[test]
    fn a_screen_keeps_its_lines_and_styles_and_nothing_else() {
        for (text, shown) in [
            ("a\n\tb\r\n", "a\n\tb\\u{d}\n"),
            ("\u{1b}[1;31merror\u{1b}[0m: x\u{7}", "\u{1b}[1;31merror\u{1b}[0m: x\\u{7}"),
            ("\u{1b}[2J\u{1b}]0;t\u{7}\u{1b}[31", "\\u{1b}[2J\\u{1b}]0;t\\u{7}\\u{1b}[31"),
            ("a\n::error::x\n", "a\n:\\u{3a}error::x\n"),
            ("\u{1b}[1m##vso[x]\u{1b}[0m", "\u{1b}[1m#\\u{23}vso[x]\u{1b}[0m"),
        ] {
            assert_eq!(sanitize_screen(text), shown);
        }
    }

    #[test]
    fn no_output_line_is_a_pipeline_command() {
        for (text, broken) in [
            ("##vso[task.setvariable]x", "#\\u{23}vso[task.setvariable]x"),
            ("a ##VSO[x] ##[error]y", "a #\\u{23}VSO[x] #\\u{23}[error]y"),
            ("###[x", "##\\u{23}[x"),
            ("::set-output name=a::b", ":\\u{3a}set-output name=a::b"),
            ("a\n  ::error::b", "a\n  :\\u{3a}error::b"),
            ("a::b ## heading", "a::b ## heading"),
        ] {
            assert_eq!(break_commands(text), broken);
            assert_eq!(break_commands(broken), broken);
        }
        assert_eq!(sanitize("::error::x"), ":\\u{3a}error::x");
    }

    #[test]
    fn json_keeps_its_meaning_and_loses_its_commands() {
        let value =
            serde_json::json!({ "a": "##vso[x] ###[y]", "b": "\u{202e}\u{85}\u{e0041} ä", "c": "::d" });
        let document = serde_json::to_string_pretty(&value).unwrap();
        let clean = sanitize_json(&document);
        assert!(!clean.contains("##") && !clean.contains('\u{202e}') && !clean.contains('\u{e0041}'));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&clean).unwrap(), value);
    }

    #[test]
    fn markdown_shows_text_and_nothing_else() {
        for (text, safe) in [
            ("chat-eu", "chat-eu"),
            ("<img src=x>", "&lt;img src=x&gt;"),
            ("@everyone #1 !2", "&#64;everyone &#35;1 &#33;2"),
            ("![a](https://b)", "&#33;\\[a\\]\\(https&#58;//b\\)"),
            ("a|b`c`", "a\\|b\\`c\\`"),
            ("www.x.y", "www&#46;x.y"),
            ("- x", "\\- x"),
            ("1. x", "1&#46; x"),
            ("    code", "&#32;&#32;&#32;&#32;code"),
            ("a\n# b", "a\\\\u{a}&#35; b"),
        ] {
            assert_eq!(markdown(text), safe);
        }
        assert_eq!(markdown_code("a`|b\n"), "`a\\u{60}\\u{7c}b\\u{a}`");
    }

    #[test]
    fn a_secret_is_found_in_markdown() {
        let secret = "s3cr3t+/key=Ω \"va&lue\"\\n<1>";
        crate::text::scrub::learn(secret);
        let text = format!("before {} after", markdown(secret));
        assert_eq!(crate::text::scrub::scrub(&text), "before REDACTED after", "{text}");
    }
}

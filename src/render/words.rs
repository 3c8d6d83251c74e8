//! Diffs of long values, word by word: conditions, descriptions, list elements.
//!
//! Uses the marks of `git diff --word-diff`, `[-gone-]` and `{+new+}`, so that nothing depends on colour. Text from outside is
//! sanitised line by line. If it contains such marks itself, both values are shown whole, so that no text can fake a change.

use std::fmt::Write as _;

use anstyle::Style;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use similar::{ChangeTag, TextDiff};

use super::text::{BAD, CHANGED, GOOD, plain};
use crate::text::sanitize::sanitize;

/// Shorter texts of one line are shown as `before -> after`.
const LONG: usize = 60;
/// Longer ones are shown as a whole: comparing them takes too long.
const LONGEST: usize = 20_000;
/// Unchanged lines of context.
const AROUND: usize = 2;
const MARKS: [&str; 4] = ["[-", "-]", "{+", "+}"];

/// The longest text that is shown whole, in characters: Azure accepts conditions of 8 KB.
const SHOWN: usize = 20_000;
/// The length to which longer ones are cut.
const LEFT: usize = 1000;
/// How much of that precedes the first difference.
const BEFORE: usize = 200;

/// A value before and after, with very long texts cut around their first difference.
pub(super) fn shortened(before: &Value, after: &Value) -> (Value, Value) {
    let differs = match (before, after) {
        (Value::String(before), Value::String(after)) => {
            before.chars().zip(after.chars()).take_while(|(a, b)| a == b).count()
        }
        _ => 0,
    };
    let shown = |value: &Value| match value {
        Value::String(text) => Value::String(cut(text, differs)),
        other => shorter(other),
    };
    (shown(before), shown(after))
}

/// Cut texts inside lists and mappings keep a hash of the whole, so that different ones stay different.
fn shorter(value: &Value) -> Value {
    let cut = |text: &str| match cut(text, 0) {
        short if short.len() == text.len() => short,
        short => {
            let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
            let [a, b, c, d, ..] = digest;
            format!("{short} {:08x}", u32::from_be_bytes([a, b, c, d]))
        }
    };
    match value {
        Value::String(text) => Value::String(cut(text)),
        Value::Array(items) => items.iter().map(shorter).collect(),
        Value::Object(map) => {
            let members = map.iter().map(|(name, value)| (cut(name), shorter(value)));
            members.collect::<serde_json::Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

fn cut(text: &str, differs: usize) -> String {
    let count = text.chars().count();
    if count <= SHOWN {
        return text.to_owned();
    }
    let from = differs.saturating_sub(BEFORE).min(count - LEFT);
    let shown: String = text.chars().skip(from).take(LEFT).collect();
    let before = if from > 0 { format!("({from} characters more) …") } else { String::new() };
    let behind = count - from - LEFT;
    let behind = if behind > 0 { format!("… (and {behind} more characters)") } else { String::new() };
    format!("{before}{shown}{behind}")
}

/// A line, plain for measuring and with styles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct StyledText {
    pub(super) plain: String,
    pub(super) styled: String,
}

impl StyledText {
    fn push(&mut self, text: &str, style: Style) {
        self.plain.push_str(text);
        let _ = write!(self.styled, "{style}{text}{style:#}");
    }

    fn of(text: &str, style: Style) -> Self {
        let mut line = Self::default();
        line.push(text, style);
        line
    }
}

/// The lines of a text; `None` for other values.
pub(super) fn block(value: &Value) -> Option<Vec<StyledText>> {
    let text = value.as_str().map(str::trim_end).filter(|text| text.contains('\n'))?;
    Some(text.lines().map(|line| StyledText::of(&sanitize(line), Style::new())).collect())
}

/// How a long value changes, word by word; `None` for short values and other types.
pub(super) fn changed(before: &Value, after: &Value) -> Option<Vec<StyledText>> {
    match (before, after) {
        (Value::String(before), Value::String(after)) => {
            is_long(&[before, after]).then(|| texts(before, after))
        }
        (Value::String(gone), Value::Null) => is_long(&[gone]).then(|| texts(gone, "")),
        (Value::Null, Value::String(new)) => is_long(&[new]).then(|| texts("", new)),
        (Value::Array(before), Value::Array(after)) => elements(before, after),
        _ => None,
    }
}

/// A line of one of two texts: its parts, and whether only this text has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SideLine(pub(super) Vec<(String, bool)>);

impl SideLine {
    fn of(text: &str, differs: bool) -> Self {
        Self(vec![(sanitize(text).into_owned(), differs)])
    }

    /// The text of the line, without marking what differs.
    pub(super) fn plain(&self) -> String {
        self.0.iter().map(|(part, _)| part.as_str()).collect()
    }

    /// The line for a terminal.
    pub(super) fn styled(&self, style: Style) -> StyledText {
        let mut line = StyledText::default();
        for (part, differs) in &self.0 {
            line.push(part, if *differs { style } else { Style::new() });
        }
        line
    }

    /// Parts that together would be a command of a pipeline become one.
    fn harmless(self) -> Self {
        let plain = self.plain();
        match sanitize(&plain) {
            whole if whole == plain => self,
            whole => Self(vec![(whole.into_owned(), true)]),
        }
    }
}

/// Two long texts side by side, each with its lines around what differs; `None` for short texts and other values.
pub(super) fn both(before: &Value, after: &Value) -> Option<[Vec<SideLine>; 2]> {
    let (before, after) = match (before, after) {
        (Value::String(before), Value::String(after)) => (Some(before), Some(after)),
        (Value::String(before), Value::Null) => (Some(before), None),
        (Value::Null, Value::String(after)) => (None, Some(after)),
        _ => return None,
    };
    let all: Vec<&str> = [before, after].into_iter().flatten().map(String::as_str).collect();
    if !is_long(&all) {
        return None;
    }
    let whole = |text: Option<&String>| match text {
        Some(text) => text.trim_end().lines().map(|line| SideLine::of(line, true)).collect(),
        None => vec![SideLine::of(&plain(&Value::Null), true)],
    };
    Some(match (before, after) {
        (Some(before), Some(after)) if before.len() + after.len() <= LONGEST => sides(before, after),
        (before, after) => [whole(before), whole(after)],
    })
}

fn sides(before: &str, after: &str) -> [Vec<SideLine>; 2] {
    let pieces = pieces(before.trim_end(), after.trim_end());
    [ChangeTag::Delete, ChangeTag::Insert].map(|own| {
        let mut lines = vec![(SideLine::default(), false)];
        for (tag, piece) in &pieces {
            let is_here = *tag == own || *tag == ChangeTag::Equal;
            for (index, part) in piece.split('\n').enumerate() {
                if index > 0 && is_here {
                    lines.push((SideLine::default(), false));
                }
                let Some((line, differs)) = lines.last_mut() else { continue };
                *differs |= *tag != ChangeTag::Equal;
                if is_here && !part.is_empty() {
                    line.0.push((sanitize(part).into_owned(), *tag == own));
                }
            }
        }
        let lines: Vec<_> = lines.into_iter().map(|(line, differs)| (line.harmless(), differs)).collect();
        around(&lines, |line| line.plain().trim().is_empty(), &SideLine::of("...", false))
    })
}

/// The elements of two lists that differ: those that keep their identity, those that are gone, and those that are new.
pub(super) struct Elements<'a> {
    pub(super) changed: Vec<(&'a Value, &'a Value)>,
    pub(super) gone: Vec<&'a Value>,
    pub(super) new: Vec<&'a Value>,
}

impl<'a> Elements<'a> {
    pub(super) fn of(before: &'a [Value], after: &'a [Value]) -> Self {
        let gone: Vec<&Value> = before.iter().filter(|element| !after.contains(element)).collect();
        let new = after.iter().filter(|element| !before.contains(element)).collect();
        let mut elements = Self { changed: Vec::new(), gone: Vec::new(), new };
        for old in gone {
            let is_same = |each: &&Value| identity(old).is_some() && identity(old) == identity(each);
            match elements.new.iter().position(is_same) {
                Some(at) => elements.changed.push((old, elements.new.remove(at))),
                None => elements.gone.push(old),
            }
        }
        elements
    }

    /// Those before, and those after.
    pub(super) fn columns(&self) -> [Vec<&'a Value>; 2] {
        let (before, after): (Vec<_>, Vec<_>) = self.changed.iter().copied().unzip();
        [[before, self.gone.clone()].concat(), [after, self.new.clone()].concat()]
    }
}

fn is_long(texts: &[&str]) -> bool {
    texts.iter().any(|text| text.trim_end().contains('\n') || text.chars().count() > LONG)
}

fn texts(before: &str, after: &str) -> Vec<StyledText> {
    let (before, after) = (before.trim_end(), after.trim_end());
    let marked = |text: &str| MARKS.iter().any(|mark| text.contains(mark));
    if before.len() + after.len() > LONGEST || marked(before) || marked(after) {
        let whole = |text: &str, sign: &str, style: Style| -> Vec<StyledText> {
            text.lines().map(|line| StyledText::of(&format!("{sign} {}", sanitize(line)), style)).collect()
        };
        return [whole(before, "-", BAD), whole(after, "+", GOOD)].concat();
    }
    let mut lines = vec![(StyledText::default(), false)];
    for (tag, piece) in pieces(before, after) {
        for (index, part) in piece.split('\n').enumerate() {
            if index > 0 {
                lines.push((StyledText::default(), false));
            }
            let (Some((line, differs)), false) = (lines.last_mut(), part.is_empty()) else { continue };
            let text = sanitize(part);
            match tag {
                ChangeTag::Equal => line.push(&text, Style::new()),
                // Marks around white space alone would distract from the real change.
                _ if part.trim().is_empty() => line.push(&text, Style::new()),
                ChangeTag::Delete => line.push(&format!("[-{text}-]"), BAD),
                ChangeTag::Insert => line.push(&format!("{{+{text}+}}"), GOOD),
            }
            *differs |= tag != ChangeTag::Equal;
        }
    }
    around(&lines, |line| line.plain.trim().is_empty(), &StyledText::of("...", Style::new()))
}

/// The unchanged, removed and added parts, in order. White space between two changes belongs to them, because whole phrases read better.
fn pieces(before: &str, after: &str) -> Vec<(ChangeTag, String)> {
    let mut pieces: Vec<(ChangeTag, String)> = Vec::new();
    let mut push = |tag: ChangeTag, text: &str| match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some((last, piece)) if *last == tag => piece.push_str(text),
        _ => pieces.push((tag, text.to_owned())),
    };
    let (mut gone, mut new, mut blank) = (String::new(), String::new(), String::new());
    let diff = TextDiff::from_words(before, after);
    let end = std::iter::once((ChangeTag::Equal, "\n"));
    let changes = diff.iter_all_changes().map(|change| (change.tag(), change.value()));
    for (tag, text) in changes.chain(end) {
        match tag {
            ChangeTag::Equal => {
                let inside =
                    !(gone.is_empty() && new.is_empty()) && text.trim().is_empty() && !text.contains('\n');
                if inside {
                    blank.push_str(text);
                    continue;
                }
                while gone.ends_with(' ') && new.ends_with(' ') {
                    gone.pop();
                    new.pop();
                    blank.push(' ');
                }
                push(ChangeTag::Delete, &gone);
                push(ChangeTag::Insert, &new);
                push(ChangeTag::Equal, &blank);
                push(ChangeTag::Equal, text);
                (gone, new, blank) = (String::new(), String::new(), String::new());
            }
            ChangeTag::Delete | ChangeTag::Insert => {
                gone.push_str(&blank);
                new.push_str(&blank);
                blank.clear();
                if tag == ChangeTag::Delete { gone.push_str(text) } else { new.push_str(text) }
            }
        }
    }
    // The line break at the end only closed the last change.
    if let Some((_, last)) = pieces.last_mut() {
        last.pop();
    }
    pieces
}

/// The lines that differ, with context; `dots` stand for the others.
fn around<T: Clone>(lines: &[(T, bool)], is_blank: impl Fn(&T) -> bool, dots: &T) -> Vec<T> {
    let near = |at: usize| {
        let (from, to) = (at.saturating_sub(AROUND), (at + AROUND).min(lines.len() - 1));
        lines[from..=to].iter().any(|(_, differs)| *differs)
    };
    let mut shown = Vec::new();
    let mut left_out = false;
    for (at, (line, _)) in lines.iter().enumerate() {
        if is_blank(line) {
            continue;
        }
        if near(at) {
            if left_out {
                shown.push(dots.clone());
            }
            left_out = false;
            shown.push(line.clone());
        } else {
            left_out = true;
        }
    }
    if left_out {
        shown.push(dots.clone());
    }
    shown
}

/// Removed, added and changed elements, if some keep their identity.
fn elements(before: &[Value], after: &[Value]) -> Option<Vec<StyledText>> {
    let elements = Elements::of(before, after);
    if elements.changed.is_empty() {
        return None;
    }
    let line =
        |sign: &str, element: &Value, style| StyledText::of(&format!("{sign} {}", plain(element)), style);
    let mut lines: Vec<StyledText> = elements.gone.iter().map(|element| line("-", element, BAD)).collect();
    lines.extend(elements.new.iter().map(|element| line("+", element, GOOD)));
    for (old, new) in elements.changed {
        let mut shown = texts(&plain(old), &plain(new));
        if let Some(first) = shown.first_mut() {
            let mut line = StyledText::of("~ ", CHANGED);
            line.plain.push_str(&first.plain);
            line.styled.push_str(&first.styled);
            *first = line;
        }
        lines.extend(shown);
    }
    Some(lines)
}

/// The identity of a list element: its name and source, its id, or its value.
fn identity(element: &Value) -> Option<Vec<String>> {
    let text = |name: &&str| element[*name].as_str().map(str::to_ascii_lowercase);
    let found: Vec<String> = ["name", "source", "id", "value"].iter().filter_map(text).collect();
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(before: &Value, after: &Value) -> Option<Vec<String>> {
        changed(before, after).map(|lines| lines.into_iter().map(|line| line.plain).collect())
    }

    #[test]
    fn very_long_texts_are_cut_around_what_differs() {
        let long = |word: &str| json!(format!("{}{word}{}", "ä".repeat(30_000), "b".repeat(30_000)));
        let (before, after) = shortened(&long("OLD"), &long("NEW"));
        for (value, word) in [(before, "OLD"), (after, "NEW")] {
            let text = value.as_str().unwrap().to_owned();
            assert!(text.contains(word) && text.chars().count() < 1100, "{text}");
            assert!(
                text.starts_with("(29800 characters more) …")
                    && text.ends_with("… (and 29203 more characters)"),
                "{text}"
            );
        }
        let nested = json!([{"a": "x".repeat(50_000)}, "short", 1]);
        let (_, shown) = shortened(&Value::Null, &nested);
        assert!(shown[0]["a"].as_str().unwrap().contains("x… (and 49000 more characters) "));
        // Elements that only differ after the cut are different ones.
        let list = |end: &str| json!([format!("{}{end}", "x".repeat(50_000))]);
        let (before, after) = shortened(&list("a"), &list("b"));
        assert_ne!(before, after);
        assert_eq!((&shown[1], &shown[2]), (&json!("short"), &json!(1)));
        let condition = json!("c".repeat(SHOWN));
        assert_eq!(shortened(&condition, &condition), (condition.clone(), condition.clone()));
    }

    #[test]
    fn a_long_text_shows_the_words_that_go_and_come() {
        let words = "the platform pipeline may hand out these two roles, and no other one at all";
        let after = words.replace("may", "must not");
        assert_eq!(
            shown(&json!(words), &json!(after)),
            Some(vec![words.replace("may", "[-may-]{+must not+}")])
        );
        assert_eq!(shown(&json!("short"), &json!("shorter")), None);
        assert_eq!(shown(&json!(7), &json!("x".repeat(100))), None);
        assert_eq!(shown(&json!(words), &Value::Null), Some(vec![format!("[-{words}-]")]));
        // Without colour the marks suffice.
        let lines = changed(&json!(words), &json!(after)).unwrap();
        assert_eq!(anstream::adapter::strip_str(&lines[0].styled).to_string(), lines[0].plain);
    }

    #[test]
    fn lines_stay_lines_and_those_far_from_a_change_are_left_out() {
        let text = |middle: &str| format!("one\ntwo\nthree\n{middle}\nfive\nsix\nseven\n");
        assert_eq!(
            shown(&json!(text("four")), &json!(text("4"))).unwrap(),
            ["...", "two", "three", "[-four-]{+4+}", "five", "six", "..."]
        );
        let gone = "a b\nc d";
        assert_eq!(shown(&json!(gone), &Value::Null).unwrap(), ["[-a b-]", "[-c d-]"]);
        let lines: Vec<String> =
            block(&json!("a\n b\u{202e}\n")).unwrap().into_iter().map(|line| line.plain).collect();
        assert_eq!(lines, ["a", " b\\u{202e}"]);
        assert_eq!(block(&json!("a\n")), None);
    }

    #[test]
    fn two_long_texts_stand_side_by_side_with_what_only_one_has() {
        let words = "the platform pipeline may hand out these two roles, and no other one at all";
        let [before, after] = both(&json!(words), &json!(words.replace("may", "must not"))).unwrap();
        assert_eq!(
            (before[0].plain(), after[0].plain()),
            (words.to_owned(), words.replace("may", "must not"))
        );
        let own = |line: &SideLine| line.0.iter().find(|(_, own)| *own).unwrap().0.clone();
        assert_eq!((own(&before[0]), own(&after[0])), ("may".to_owned(), "must not".to_owned()));
        let plain = |lines: &[SideLine]| lines.iter().map(SideLine::plain).collect::<Vec<_>>();
        let text = |middle: &str| format!("one\ntwo\nthree\n{middle}five\nsix\nseven\n");
        let [before, after] = both(&json!(text("four\n")), &json!(text(""))).unwrap();
        assert_eq!(plain(&before), ["...", "two", "three", "four", "five", "six", "seven"]);
        assert_eq!(plain(&after)[0], "...", "{after:?}");
        assert!(plain(&after).contains(&"three".to_owned()) && !plain(&after).contains(&"four".to_owned()));
        let [before, after] = both(&json!(words), &Value::Null).unwrap();
        assert_eq!((plain(&before), plain(&after)), (vec![words.to_owned()], vec!["not set".to_owned()]));
        assert_eq!(both(&json!("short"), &json!("shorter")), None);
        let [_, after] = both(&json!(format!("{words}:x")), &json!(format!("::error::{words}"))).unwrap();
        assert!(!after[0].plain().starts_with("::error::"), "{after:?}");
    }

    #[test]
    fn no_text_draws_a_change_or_commands_a_terminal() {
        let (before, after) = (format!("{} [-x-]", "w ".repeat(40)), "w ".repeat(40));
        let lines = shown(&json!(before), &json!(after)).unwrap();
        assert!(lines.len() == 2 && lines[0].starts_with("- w") && lines[1].starts_with("+ w"), "{lines:?}");
        let lines = shown(&json!("::error::\u{1b}[2J\nb"), &json!("##vso[x]\nb")).unwrap();
        let all = lines.join("\n");
        assert!(!all.contains('\u{1b}') && !all.contains("##vso[") && !all.contains("-::error::"), "{all}");
        let huge = "word ".repeat(10_000);
        assert_eq!(shown(&json!(huge), &json!("x")).unwrap().len(), 2);
    }

    #[test]
    fn elements_that_keep_their_identity_change_word_by_word() {
        let filter = |name: &str, threshold: &str| json!({"name": name, "source": "Prompt", "severityThreshold": threshold});
        let before = json!([filter("Hate", "Low"), filter("Violence", "Low"), filter("Sexual", "Low")]);
        let after = json!([filter("Hate", "High"), filter("Violence", "Low"), filter("Jailbreak", "Low")]);
        let lines = shown(&before, &after).unwrap();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[0].starts_with("- ") && lines[0].contains("Sexual"), "{lines:?}");
        assert!(lines[1].starts_with("+ ") && lines[1].contains("Jailbreak"), "{lines:?}");
        assert!(lines[2].starts_with("~ ") && lines[2].contains("{+High"), "{lines:?}");
        assert_eq!(shown(&json!(["a"]), &json!(["b"])), None);
    }
}

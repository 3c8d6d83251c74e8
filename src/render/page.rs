//! Lays out text: source positions in one column, lines wrapped at the reader's width.
//!
//! Pure. Renderers insert marks where a line must not break and where its continuation is indented; `fold` consumes them. Text from
//! outside contains none: `sanitize` escapes the noncharacters that serve as marks.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::text::QUIET;
use crate::text::sanitize::sanitize;
use crate::text::source::Position;

/// The reader of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Page {
    /// Whether everything is shown.
    pub verbose: bool,
    /// Whether of all findings errors alone are shown.
    pub quiet: bool,
    /// The width in characters, if known: that of the terminal.
    pub width: Option<usize>,
}

impl Page {
    /// A page without a width: lines are not wrapped.
    #[must_use]
    pub const fn endless(verbose: bool) -> Self {
        Self { verbose, quiet: false, width: None }
    }

    /// The width for lists, which are always wrapped.
    fn limit(self) -> usize {
        self.width.unwrap_or(USUAL).max(NARROWEST)
    }
}

/// The width of lists if the page has none.
const USUAL: usize = 100;
/// The least width.
const NARROWEST: usize = 30;
/// The last column for source positions: after a longer line, the position follows after two spaces.
const WIDEST: usize = 64;

/// A space at which lines do not break if the words around it fit into one line.
pub(super) const GLUE: char = '\u{fdd0}';
/// Two spaces before a source position, which never stands alone on a line.
const GAP: char = '\u{fdd1}';
/// The indentation of continuation lines.
pub(super) const HANG: char = '\u{fdd2}';
/// Marks a line that wraps on every page.
pub(super) const LIST: char = '\u{fdd3}';

/// A line: its text, plain for measuring and styled for showing, and its source position.
pub(super) struct Line {
    pub(super) plain: String,
    pub(super) styled: String,
    pub(super) place: Option<String>,
    /// Whether the position goes into the column; after a title it follows directly.
    pub(super) aligned: bool,
}

impl Line {
    /// A line about the one above it.
    pub(super) fn quiet(said: &str) -> Self {
        Self::of(format!("      {QUIET}{}{QUIET:#}", sanitize(said)))
    }

    /// A line without a source position.
    pub(super) fn of(styled: String) -> Self {
        Self { plain: String::new(), styled, place: None, aligned: false }
    }
}

/// A source position as text.
pub(super) fn place(position: &Position) -> String {
    format!("{}:{}", file(position), position.line)
}

fn file(position: &Position) -> String {
    sanitize(&position.file).replace(' ', &GLUE.to_string())
}

/// Several source positions: the first ones, consecutive lines as a range, and the number of the others.
pub(super) fn places(positions: &[&Position]) -> Option<String> {
    const NAMED: usize = 3;
    let first = positions.first()?;
    let mut runs: Vec<(&Position, usize)> = Vec::new();
    for position in positions {
        match runs.last_mut() {
            Some((from, to)) if from.file == position.file && (*to..=*to + 1).contains(&position.line) => {
                *to = position.line;
            }
            _ => runs.push((position, position.line)),
        }
    }
    // "and 1 more" is longer than the position itself.
    let most = if runs.len() == NAMED + 1 { NAMED + 1 } else { NAMED };
    let named: Vec<_> = runs.iter().take_while(|(from, _)| from.file == first.file).take(most).collect();
    let lines: Vec<String> = named
        .iter()
        .map(|(from, to)| if from.line == *to { to.to_string() } else { format!("{}-{to}", from.line) })
        .collect();
    let more = runs.len() - named.len();
    let more = if more > 0 { format!("{GLUE}and{GLUE}{more}{GLUE}more") } else { String::new() };
    Some(format!("{}:{}{more}", file(first), lines.join(&format!(",{GLUE}"))))
}

/// The items of a list; no item is broken.
pub(super) fn list(items: &[String]) -> String {
    let glued = |item: &String| item.replace(' ', &GLUE.to_string());
    format!("{LIST}{HANG}{}", items.iter().map(glued).collect::<Vec<_>>().join(", "))
}

/// Lines with their positions in one column on the right, except those of very long lines.
pub(super) fn laid_out(lines: &[Line], page: Page) -> String {
    let placed = || lines.iter().filter(|line| line.aligned && line.place.is_some());
    let of_place = |line: &Line| line.place.as_deref().map_or(0, |place| width(&nearer(place, page)));
    let widest = placed().map(of_place).max().unwrap_or(0);
    let most = page.width.map_or(WIDEST, |page| page.saturating_sub(widest + 2).min(WIDEST));
    let column =
        placed().map(|line| width(&line.plain)).filter(|width| *width <= most).max().unwrap_or(0) + 2;
    let mut text = String::new();
    for line in lines {
        let styled = &line.styled;
        let _ = match &line.place {
            Some(place) => {
                let (taken, place) = (width(&line.plain), nearer(place, page));
                let fits = line.aligned && taken + 2 <= column;
                let gap = if fits { " ".repeat(column - taken) } else { GAP.to_string() };
                writeln!(text, "{styled}{gap}{QUIET}{place}{QUIET:#}")
            }
            None => writeln!(text, "{styled}"),
        };
    }
    text
}

/// A word, or words that stay together, with style codes.
#[derive(Default)]
struct Word {
    /// Spaces before it.
    blanks: usize,
    text: String,
    width: usize,
}

/// Wraps a text for a page; continuation lines are indented.
#[must_use]
pub fn fold(text: &str, page: Page) -> String {
    let mut folded = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        let limit = (page.width.is_some() || line.contains(LIST)).then(|| page.limit());
        match limit.filter(|limit| width(line) > *limit) {
            Some(limit) => match line.split_once(GAP) {
                Some((said, place)) => fold_placed(&mut folded, said, place, limit),
                None => fold_line(&mut folded, line, limit),
            },
            None => push(&mut folded, line),
        }
        folded.push_str(end);
    }
    folded
}

fn fold_line(folded: &mut String, line: &str, limit: usize) {
    fold_words(folded, line, limit, "");
}

/// Wraps a line with a source position, which stays beside the last word or, if there is no room for both, beside the first ones.
fn fold_placed(folded: &mut String, said: &str, place: &str, limit: usize) {
    let (words, hang) = words(said);
    let last = words.last().map_or(0, |word| word.width);
    if hanging(&words, hang, limit) + last + 2 + width(place) <= limit {
        fold_line(folded, &format!("{said}{GAP}{place}"), limit);
    } else {
        fold_words(folded, said, limit, place);
    }
}

/// Wraps a line; the position ends its first line.
fn fold_words(folded: &mut String, line: &str, limit: usize, place: &str) {
    let (words, hang) = words(line);
    let hang = hanging(&words, hang, limit);
    let aside = if place.is_empty() { String::new() } else { format!("{GAP}{place}") };
    let mut first = Some(aside.as_str()).filter(|aside| !aside.is_empty());
    let mut column = 0;
    for (index, word) in words.iter().enumerate() {
        // A word longer than a line is split.
        let is_long = hang + word.width > limit && first.is_none();
        let room = limit.saturating_sub(first.map_or(0, width));
        if index == 0 || is_long || column + word.blanks + word.width <= room {
            folded.push_str(&" ".repeat(word.blanks));
            column += word.blanks;
        } else {
            if let Some(aside) = first.take() {
                push(folded, aside);
            }
            next_line(folded, hang);
            column = hang;
        }
        if column + word.width <= limit {
            push(folded, &word.text);
            column += word.width;
        } else {
            column = split(folded, &word.text, column, hang, limit);
        }
    }
    if let Some(aside) = first {
        push(folded, aside);
    }
}

/// The indentation of continuation lines.
fn hanging(words: &[Word], hang: Option<usize>, limit: usize) -> usize {
    let indent = words.first().map_or(0, |word| word.blanks);
    hang.filter(|hang| *hang <= limit / 3).unwrap_or(indent + 4).min(limit / 2)
}

/// A source position that takes at most half of a line, if it has directories to leave out.
fn nearer(place: &str, page: Page) -> Cow<'_, str> {
    let most = page.width.map_or(usize::MAX, |_| page.limit() / 2);
    let mut rest = place;
    while width(rest) + 2 > most
        && let Some((_, behind)) = rest.split_once('/')
    {
        rest = behind;
    }
    if rest.len() == place.len() { Cow::Borrowed(place) } else { Cow::Owned(format!("…/{rest}")) }
}

/// Splits words that stay together but are longer than a line; returns the column after them.
fn split(folded: &mut String, text: &str, mut column: usize, hang: usize, limit: usize) -> usize {
    for (index, part) in text.split(GLUE).enumerate() {
        let (wide, blank) = (width(part), usize::from(index > 0));
        if column + blank + wide <= limit {
            folded.push_str(&" ".repeat(blank));
            column += blank;
        } else if column > hang {
            next_line(folded, hang);
            column = hang;
        }
        push(folded, part);
        column += wide;
    }
    column
}

fn next_line(folded: &mut String, hang: usize) {
    folded.truncate(folded.trim_end_matches(' ').len());
    folded.push('\n');
    folded.push_str(&" ".repeat(hang));
}

/// The words of a line, and its continuation indent.
fn words(line: &str) -> (Vec<Word>, Option<usize>) {
    let (mut words, mut word, mut hang) = (Vec::new(), Word::default(), None);
    let (mut column, mut is_style) = (0, false);
    for character in line.chars() {
        match character {
            ' ' if !is_style => {
                if word.width > 0 {
                    words.push(std::mem::take(&mut word));
                }
                word.blanks += 1;
                column += 1;
                continue;
            }
            HANG => {
                hang = hang.or(Some(column));
                continue;
            }
            '\u{1b}' => is_style = true,
            'm' if is_style => is_style = false,
            _ if is_style => {}
            other => {
                word.width += width_of(other);
                column += width_of(other);
            }
        }
        word.text.push(character);
    }
    words.push(word);
    (words, hang)
}

fn width_of(character: char) -> usize {
    match character {
        HANG | LIST => 0,
        GAP => 2,
        _ => 1,
    }
}

/// The visible width of a text.
pub(super) fn width(text: &str) -> usize {
    let mut is_style = false;
    let mut width = 0;
    for character in text.chars() {
        match character {
            '\u{1b}' => is_style = true,
            'm' if is_style => is_style = false,
            _ if is_style => {}
            other => width += width_of(other),
        }
    }
    width
}

/// A text without its marks.
pub(super) fn unmarked(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    push(&mut plain, text);
    plain
}

/// Appends a text without its marks.
fn push(folded: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            GLUE => folded.push(' '),
            GAP => folded.push_str("  "),
            HANG | LIST => {}
            other => folded.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NARROW: Page = Page { verbose: false, quiet: false, width: Some(40) };

    fn line(plain: &str, place: &str, aligned: bool) -> Line {
        Line { plain: plain.to_owned(), styled: plain.to_owned(), place: Some(place.to_owned()), aligned }
    }

    fn shown(lines: &[Line], page: Page) -> Vec<String> {
        fold(&laid_out(lines, page), page)
            .lines()
            .map(|line| anstream::adapter::strip_str(line).to_string())
            .collect()
    }

    #[test]
    fn a_place_goes_with_the_last_word_or_else_with_the_first_ones() {
        let title = line("  + role assignment Reader -> User alice on chat", "a.yaml:13", false);
        assert_eq!(
            shown(&[title], NARROW),
            ["  + role assignment Reader -> User alice", "      on chat  a.yaml:13"]
        );
        let long = line("  + role aaaaaaaa-0000-4000-8000-000000000001", "a.yaml:13", false);
        assert_eq!(
            shown(&[long], NARROW),
            ["  + role  a.yaml:13", "      aaaaaaaa-0000-4000-8000-000000000001"]
        );
    }

    #[test]
    fn one_long_value_does_not_push_the_column() {
        let long = format!("      a  {}", "x".repeat(90));
        let lines = [
            line("      a  b", "a.yaml:1", true),
            line(&long, "a.yaml:2", true),
            line("      abc  d", "a.yaml:3", true),
        ];
        assert_eq!(
            shown(&lines, Page::endless(false)),
            ["      a  b    a.yaml:1", &format!("{long}  a.yaml:2"), "      abc  d  a.yaml:3"]
        );
    }

    #[test]
    fn lists_are_folded_on_every_page_between_their_items_and_other_lines_only_where_the_width_is_known() {
        let items: Vec<String> = (0..9).map(|index| format!("User number {index} of all")).collect();
        let text = format!("      {}\n{}\n", list(&items), "word ".repeat(50));
        let folded = fold(&text, Page::endless(false));
        let lines: Vec<&str> = folded.lines().collect();
        assert!(lines.iter().all(|line| line.len() <= 100 || line.starts_with("word")), "{folded}");
        assert!(lines[1].trim_start().starts_with("User number"), "{folded}");
        assert_eq!(lines.len(), 4, "{folded}");
        assert!(fold(&text, NARROW).lines().all(|line| line.len() <= 40));
    }

    #[test]
    fn styles_take_no_room_and_no_mark_is_left() {
        let styled = format!("  {QUIET}{}{QUIET:#}", list(&["a b".to_owned(), "c".repeat(40)]));
        let folded = fold(&format!("{styled}{HANG}{GAP}x\n"), NARROW);
        assert!(!folded.contains(['\u{fdd0}', '\u{fdd1}', '\u{fdd2}', '\u{fdd3}']), "{folded:?}");
        assert_eq!(width(&styled), 2 + 3 + 2 + 40);
    }

    #[test]
    fn lines_of_many_places_are_few() {
        let at = |file: &str, line| Position { file: file.to_owned(), line, column: 1 };
        let of = |all: &[Position]| places(&all.iter().collect::<Vec<_>>()).unwrap().replace(GLUE, " ");
        assert_eq!(of(&[at("a", 3)]), "a:3");
        assert_eq!(of(&[at("a", 3), at("a", 4), at("a", 5)]), "a:3-5");
        assert_eq!(of(&[at("a", 3), at("a", 9)]), "a:3, 9");
        assert_eq!(
            of(&[at("a", 3), at("a", 9), at("a", 12), at("a", 15), at("b", 1)]),
            "a:3, 9, 12 and 2 more"
        );
        assert_eq!(of(&[at("a", 3), at("a", 3)]), "a:3");
    }
}

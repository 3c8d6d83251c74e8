//! Findings as text, the way a compiler shows them: message, place, the line, a hint.
//!
//! Input: findings and the sources that they point into. Output: text for a terminal or a log. The lines of a spec are someone else's text:
//! they are sanitised before the layout sees them. Pure.

use std::collections::BTreeMap;
use std::ops::Range;

use annotate_snippets::renderer::Renderer;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Snippet};
use anstream::adapter::strip_str;

use super::page::{Page, fold};
use crate::finding::{Finding, Severity};
use crate::text::sanitize::{break_commands, push_sanitized, sanitize};
use crate::text::scrub::{self, REDACTED};
use crate::text::source::{FileId, Position, SourceFile, Sources, Span};

/// Widest part of a line that is shown, in characters.
const WIDTH: usize = 100;
/// Of that, how much stands before the place.
const BEFORE: usize = 40;
/// So far around a place secrets are looked for, in bytes: further than any is long that reaches into what is shown.
const NEARBY: usize = 16 << 10;
/// Two places of one file are shown together if they are at most so many lines apart.
const TOGETHER: usize = 30;
/// Stands for a file's name while the layout is made, with the number of the place: the layout would count columns in the excerpt instead of the
/// line. Sanitised text never holds this character.
const PLACE: char = '\u{fdd0}';

/// Renders findings in the order given, each with its line. Messages are wrapped for the page, excerpts are not.
#[must_use]
pub fn render(findings: &[Finding], sources: &Sources, color: bool, page: Page) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    let mut searched = Searched::default();
    for (index, finding) in findings.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        let (groups, places) = groups(finding, sources, &mut searched);
        if finding.span.is_none() && finding.cause.is_none() {
            // Together they would be joined by the frame of an excerpt, and there is none.
            let parts: Vec<String> = groups.into_iter().map(|group| renderer.render(&[group])).collect();
            text.push_str(&parts.join("\n"));
        } else {
            push_with_places(&mut text, &renderer.render(&groups), &places);
        }
        text.push('\n');
    }
    let folded = text.split_inclusive('\n').fold(String::with_capacity(text.len()), |folded, line| {
        folded + &if is_message(line) { fold(line, page) } else { line.to_owned() }
    });
    break_commands(&folded).into_owned()
}

/// Whether a line of a layout is a message, and not part of an excerpt.
fn is_message(line: &str) -> bool {
    let plain = strip_str(line).to_string();
    let plain = plain.trim_start();
    let labels = ["error", "warning", "note", "help", "= cause: "];
    labels.iter().any(|label| plain.starts_with(label))
}

/// Counts findings: "3 errors, 1 warning".
#[must_use]
pub fn summary(findings: &[Finding]) -> String {
    let counts = [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")]
        .into_iter()
        .filter_map(|(severity, word)| {
            let count = findings.iter().filter(|finding| finding.severity == severity).count();
            let plural = if count == 1 { "" } else { "s" };
            (count > 0).then(|| format!("{count} {word}{plural}"))
        })
        .collect::<Vec<_>>();
    if counts.is_empty() { "no findings".to_owned() } else { counts.join(", ") }
}

fn groups(
    finding: &Finding,
    sources: &Sources,
    searched: &mut Searched,
) -> (Vec<Group<'static>>, Vec<Position>) {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(sanitize(&finding.message).into_owned()).id(finding.code.as_str());
    let mut group = Group::with_title(title);
    let mut places = Vec::new();
    if let Some(span) = finding.span {
        for (place, snippet) in snippets(span, finding.related.as_ref(), sources, searched) {
            group = group.element(snippet.path(format!("{PLACE}{}", places.len())));
            places.push(place);
        }
    }
    if let Some(cause) = &finding.cause {
        group = group.element(Level::NOTE.with_name("cause").message(sanitize(cause).into_owned()));
    }
    let mut groups = vec![group];
    if let Some(hint) = &finding.hint {
        groups.push(Group::with_title(Level::HELP.secondary_title(sanitize(hint).into_owned())));
    }
    (groups, places)
}

/// Appends a layout, with the true places instead of the stand-ins and the layout's own idea of line and column.
fn push_with_places(text: &mut String, layout: &str, places: &[Position]) {
    let mut rest = layout;
    while let Some((before, after)) = rest.split_once(PLACE) {
        text.push_str(before);
        let end = after.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(after.len());
        let index = after[..end].split(':').next().and_then(|index| index.parse::<usize>().ok());
        if let Some(place) = index.and_then(|index| places.get(index)) {
            text.push_str(&sanitize(&place.to_string()));
        }
        rest = &after[end..];
    }
    text.push_str(rest);
}

type Excerpt = (Position, Snippet<'static, Annotation<'static>>);

/// The lines to show: one excerpt for both places where they are close, else one for each.
fn snippets(
    span: Span,
    related: Option<&(Span, String)>,
    sources: &Sources,
    searched: &mut Searched,
) -> Vec<Excerpt> {
    let main = SnippetMark { span, label: None, kind: AnnotationKind::Primary };
    let Some((other, label)) = related else { return vec![excerpt(&[main], sources, searched)] };
    let label = Some(sanitize(label).into_owned());
    let other = SnippetMark { span: *other, label, kind: AnnotationKind::Context };
    let lines = [&main, &other].map(|mark| sources.position(mark.span).line);
    if main.span.file == other.span.file && lines[0].abs_diff(lines[1]) <= TOGETHER {
        vec![excerpt(&[main, other], sources, searched)]
    } else {
        vec![excerpt(&[main], sources, searched), excerpt(&[other], sources, searched)]
    }
}

struct SnippetMark {
    span: Span,
    label: Option<String>,
    kind: AnnotationKind,
}

/// The lines of some marks in one file, sanitised and cut to width, with the marks moved to where their text has moved.
fn excerpt(marks: &[SnippetMark], sources: &Sources, searched: &mut Searched) -> Excerpt {
    let mut positions = marks.iter().map(|mark| sources.position(mark.span)).collect::<Vec<_>>();
    let first = positions.iter().map(|position| position.line).min().unwrap_or(1);
    let last = positions.iter().map(|position| position.line).max().unwrap_or(1);
    let file = sources.file(marks[0].span.file);
    let mut shown = String::new();
    let mut annotations = Vec::new();
    for number in first..=last {
        let (start, line) = file.line(number);
        let here = marks.iter().zip(&positions).filter(|(_, position)| position.line == number);
        let here = here.map(|(mark, _)| mark).collect::<Vec<_>>();
        let focus = here.first().map_or(0, |mark| mark.span.start.saturating_sub(start).min(line.len()));
        let hidden = hidden(file, start, line, focus, searched.of(marks[0].span.file));
        let moved = push_line(&mut shown, line, focus, &hidden);
        for mark in here {
            let from = mark.span.start.saturating_sub(start).min(line.len());
            let to = mark.span.end.saturating_sub(start).clamp(from, line.trim_end().len().max(from));
            let annotation =
                mark.kind.span(moved.position(from)..moved.position(to)).label(mark.label.clone());
            annotations.push(annotation);
        }
        shown.push('\n');
    }
    let main = positions.swap_remove(0);
    (main, Snippet::source(shown).line_start(first).annotations(annotations))
}

/// Where the bytes of a line went: pairs of offset before and after, in order.
struct Moved(Vec<(usize, usize)>);

impl Moved {
    /// The new offset of a byte; what was cut off stands at the cut.
    fn position(&self, offset: usize) -> usize {
        let next = self.0.partition_point(|(before, _)| *before < offset).min(self.0.len() - 1);
        self.0[next].1
    }
}

/// Appends a line, sanitised and cut to a window around the focus.
fn push_line(shown: &mut String, line: &str, focus: usize, hidden: &[Range<usize>]) -> Moved {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let focus = focus.min(line.len());
    let from = line[..floor(line, focus)].char_indices().rev().nth(BEFORE - 1).map_or(0, |(at, _)| at);
    let window =
        line[from..].char_indices().nth(WIDTH).map_or(&line[from..], |(end, _)| &line[from..from + end]);
    let mut moved = Vec::new();
    if from > 0 {
        shown.push('…');
    }
    for (at, character) in window.char_indices() {
        moved.push((from + at, shown.len()));
        match hidden.iter().find(|range| range.contains(&(from + at))) {
            // One word for all of it, instead of a character each.
            Some(range) if at == 0 || from + at == range.start => shown.push_str(REDACTED),
            Some(_) => {}
            None if character == '\t' => shown.push('\t'),
            None => push_sanitized(shown, character),
        }
    }
    moved.push((from + window.len(), shown.len()));
    if from + window.len() < line.len() {
        shown.push('…');
    }
    Moved(moved)
}

/// Where secrets stand in the parts of files that were searched: many places of one line need one search.
#[derive(Default)]
struct Searched(Vec<(FileId, SecretRanges)>);

/// By the first byte of a part, in bytes of the file.
type SecretRanges = BTreeMap<usize, Vec<Range<usize>>>;

impl Searched {
    fn of(&mut self, file: FileId) -> &mut SecretRanges {
        let at = self.0.iter().position(|(known, _)| *known == file).unwrap_or_else(|| {
            self.0.push((file, SecretRanges::new()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }
}

/// What of a line is not shown: what the spec's structure tells to be a secret, and the secrets of this run.
fn hidden(
    file: &SourceFile,
    start: usize,
    line: &str,
    focus: usize,
    searched: &mut SecretRanges,
) -> Vec<Range<usize>> {
    // A line may be as long as its file, and only a window of it is shown: what is searched begins at a multiple, so that it is
    // the same for all places that are near each other.
    let block = focus / NEARBY * NEARBY;
    let from = floor(line, block.saturating_sub(NEARBY));
    let to = floor(line, (block + 2 * NEARBY).min(line.len()));
    let within =
        |range: &Range<usize>| range.start.saturating_sub(start)..(range.end - start).min(line.len());
    let known = searched.entry(start + from).or_insert_with(|| {
        let found = scrub::find(&line[from..to]).into_iter();
        found.map(|range| start + from + range.start..start + from + range.end).collect()
    });
    // What is shown stands within so many bytes of the focus.
    let near = focus.saturating_sub(4 * WIDTH)..(focus + 4 * WIDTH).min(line.len()).max(focus + 1);
    let structural = file.hidden(start + near.start..start + near.end).map(within);
    let is_near = |range: &Range<usize>| range.end > near.start && range.start < near.end;
    let mut hidden: Vec<Range<usize>> = structural.chain(known.iter().map(within).filter(is_near)).collect();
    hidden.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
    hidden
}

/// The nearest boundary of a character at or before an offset.
fn floor(text: &str, offset: usize) -> usize {
    (0..=offset).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Code;
    use crate::text::source::FileId;

    fn at(file: FileId, text: &str, part: &str) -> Span {
        let start = text.find(part).unwrap();
        Span { file, start, end: start + part.len() }
    }

    fn show(text: &str, part: &str) -> String {
        let mut sources = Sources::default();
        let file = sources.add("specs/prod.yaml", text);
        render(
            &[Finding::error(Code::UnknownField, "m").at(at(file, text, part))],
            &sources,
            false,
            Page::default(),
        )
    }

    #[test]
    fn a_finding_reads_like_a_compilers() {
        let mut sources = Sources::default();
        let text = "version: 1\nstack: a\naccounts:\n  - name: chat-eu\n    locaton: eastus2\n";
        let file = sources.add("specs/prod.yaml", text);
        let finding = Finding::error(Code::UnknownField, "account `chat-eu` has no field `locaton`")
            .at(at(file, text, "locaton"))
            .hint("did you mean `location`?");
        let shown =
            render(&[finding, Finding::note(Code::NoSpecs, "nowhere")], &sources, false, Page::default());
        let expected = "\
error[unknown-field]: account `chat-eu` has no field `locaton`
 --> specs/prod.yaml:5:5
  |
5 |     locaton: eastus2
  |     ^^^^^^^
  |
help: did you mean `location`?

note[no-specs]: nowhere
";
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_second_place_is_shown_with_its_label_near_or_far() {
        for (between, far) in [(1, false), (100, true)] {
            let mut sources = Sources::default();
            let text = format!("a: 1\n{}b: 2\n", "#\n".repeat(between));
            let file = sources.add("x.yaml", text.as_str());
            let finding = Finding::warning(Code::DuplicateKey, "m")
                .at(at(file, &text, "b"))
                .related(at(file, &text, "a"), "first set here")
                .cause("Azure answered 403");
            let shown = render(&[finding], &sources, false, Page::default());
            assert!(
                shown.contains("first set here") && shown.contains("= cause: Azure answered 403"),
                "{shown}"
            );
            assert!(shown.contains(&format!("--> x.yaml:{}:1", between + 2)), "{shown}");
            assert_eq!(shown.contains("x.yaml:1:1"), far, "{shown}");
        }
    }

    #[test]
    fn hostile_lines_reach_no_terminal_and_marks_stay_where_they_belong() {
        let text = "k: \"\u{1b}]0;x\u{7}\u{202e}\" # ::error::\nbad: 1\r\n";
        let mut sources = Sources::default();
        let file = sources.add("\u{1b}[31m.yaml", text);
        let finding = Finding::error(Code::UnknownField, "m\u{1b}[0m\n::error::x")
            .at(at(file, text, "\u{202e}"))
            .hint("\u{9b}");
        for color in [false, true] {
            let shown = render(std::slice::from_ref(&finding), &sources, color, Page::default());
            assert!(!shown.contains(['\u{7}', '\u{202e}', '\u{9b}', '\u{fdd0}', '\r']), "{shown:?}");
            assert!(!shown.contains("\u{1b}]") && !shown.contains("\u{1b}[31m."), "{shown:?}");
            assert!(!shown.lines().any(|line| line.trim_start().starts_with("::")), "{shown}");
        }
        let shown = render(&[finding], &sources, false, Page::default());
        let lines = shown.lines().collect::<Vec<_>>();
        assert_eq!(lines[1], " --> \\u{1b}[31m.yaml:1:11");
        assert_eq!(lines[3].find("\\u{202e}"), lines[4].find('^'), "{shown}");
        assert_eq!(lines[4].matches('^').count(), "\\u{202e}".len(), "{shown}");
    }

    #[test]
    fn long_lines_are_cut_around_the_place_and_the_column_stays_true() {
        let text = format!("{}: {}HERE{}\n", "k".repeat(300), "ä".repeat(5000), "b".repeat(1 << 20));
        let shown = show(&text, "HERE");
        assert!(shown.lines().all(|line| line.chars().count() < 130), "{shown}");
        assert!(shown.contains("specs/prod.yaml:1:5303"), "{shown}");
        let lines = shown.lines().collect::<Vec<_>>();
        let column = |line: &str, mark: &str| line.find(mark).map(|at| line[..at].chars().count());
        assert_eq!(column(lines[3], "HERE"), column(lines[4], "^^^^"), "{shown}");
        assert!(lines[3].contains("…ä") && lines[3].ends_with("b…"), "{shown}");
    }

    #[test]
    fn tabs_and_wide_characters_do_not_shift_the_mark() {
        let shown = show("a:\t漢字 x: BAD\n", "BAD");
        let lines = shown.lines().collect::<Vec<_>>();
        // Two characters of double width: the mark stands two columns further than characters say.
        let before = lines[3].split("BAD").next().map(|before| before.chars().count() + 2);
        assert_eq!(lines[4].find('^'), before, "{shown}");
    }

    #[test]
    fn places_at_the_edges_of_a_file_are_shown() {
        for (text, start, end) in [
            ("", 0, 0),
            ("a", 1, 1),
            ("a\n", 2, 2),
            ("a\nb", 0, 3),
            ("ä", 1, 1),
            ("a\r\n", 0, 9),
            ("a", 50, 60),
        ] {
            let mut sources = Sources::default();
            let file = sources.add("x", text);
            let shown = render(
                &[Finding::error(Code::YamlSyntax, "m").at(Span { file, start, end })],
                &sources,
                false,
                Page::default(),
            );
            assert!(shown.contains("--> x:"), "{text:?}: {shown}");
            assert!(shown.contains('^'), "{text:?}: {shown}");
        }
    }

    #[test]
    fn the_summary_counts_and_uses_the_plural() {
        let error = Finding::error(Code::NoSpecs, "m");
        let warning = Finding::warning(Code::NoSpecs, "m");
        assert_eq!(summary(&[error.clone(), warning, error.clone(), error]), "3 errors, 1 warning");
        assert_eq!(summary(&[]), "no findings");
    }
}

//! Source files: their text, and positions in them.
//!
//! Loading (the IO) is in `spec::load`; these are plain values. Later stages carry a [`Span`] and never read a file again.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A file of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A range of bytes in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file in which it is.
    pub file: FileId,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A position as people and editors write it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Position {
    /// The file as named on the command line, or `<stdin>`.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A loaded file.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Its displayed name.
    pub name: String,
    /// The whole content.
    pub text: String,
    line_starts: Vec<usize>,
    /// The number of characters that start before each block of the text: a line may be as long as its file.
    characters: Vec<usize>,
    /// The hidden ranges of the text, sorted and not overlapping.
    hidden: Vec<Range<usize>>,
}

/// Characters are counted in blocks of this many bytes.
const BLOCK: usize = 1024;

/// The number of characters that start in a part of a text.
fn begins(bytes: &[u8]) -> usize {
    // All bytes of a character except the first are 10xxxxxx.
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}

impl SourceFile {
    /// A line without its line break, by its number from 1, and its offset.
    pub(crate) fn line(&self, number: usize) -> (usize, &str) {
        let start = self.line_starts.get(number - 1).copied().unwrap_or(self.text.len());
        let end = self.line_starts.get(number).map_or(self.text.len(), |next| next - 1);
        (start, &self.text[start..end])
    }

    /// The number of characters that start before a byte.
    fn characters_before(&self, offset: usize) -> usize {
        let block = offset / BLOCK;
        self.characters[block] + begins(&self.text.as_bytes()[block * BLOCK..offset])
    }

    /// The hidden ranges in a part of the text.
    pub fn hidden(&self, part: Range<usize>) -> impl Iterator<Item = &Range<usize>> {
        let first = self.hidden.partition_point(|range| range.end <= part.start);
        self.hidden[first..].iter().take_while(move |range| range.start < part.end)
    }
}

/// All files of a run.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
    paths: Vec<PathBuf>,
}

impl Sources {
    /// Keeps a file, so that positions in it can be shown.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let text = text.into();
        let line_starts =
            std::iter::once(0).chain(text.match_indices('\n').map(|(index, _)| index + 1)).collect();
        let mut before = 0;
        let mut characters = vec![0];
        characters.extend(text.as_bytes().chunks(BLOCK).map(|block| {
            before += begins(block);
            before
        }));
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(SourceFile { name: name.into(), text, line_starts, characters, hidden: Vec::new() });
        id
    }

    /// Records a path that is read or was tried, by any name: nothing may be written over it.
    pub fn note(&mut self, path: &Path) {
        self.paths.push(path.to_owned());
    }

    /// All recorded paths.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Hides these ranges of a file; they are sorted and do not overlap.
    pub fn hide(&mut self, id: FileId, ranges: Vec<Range<usize>>) {
        self.files[id.0 as usize].hidden = ranges;
    }

    /// The file for an id from this value.
    #[must_use]
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// Where a span starts.
    #[must_use]
    pub fn position(&self, span: Span) -> Position {
        let file = self.file(span.file);
        let start = span.start.min(file.text.len());
        let line = file.line_starts.partition_point(|line_start| *line_start <= start);
        let line_start = file.line_starts[line - 1];
        let column = file.characters_before(start) - file.characters_before(line_start) + 1;
        Position { file: file.name.clone(), line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", "ä: 1\nb: 2\n");
        let at = |start| sources.position(Span { file, start, end: start }).to_string();
        assert_eq!(at(0), "a.yaml:1:1");
        assert_eq!(at(4), "a.yaml:1:4");
        assert_eq!(at(6), "a.yaml:2:1");
        assert_eq!(at(99), "a.yaml:3:1");
    }

    #[test]
    fn columns_are_those_of_a_count_from_the_beginning_of_the_line() {
        let mut sources = Sources::default();
        let text = format!("{}\n{}", "aä漢👍".repeat(700), "ä".repeat(3000));
        let file = sources.add("a.yaml", text.as_str());
        for (start, _) in text.char_indices().chain([(text.len(), ' ')]) {
            let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
            let position = sources.position(Span { file, start, end: start });
            assert_eq!(position.column, text[line_start..start].chars().count() + 1);
            assert_eq!(sources.file(file).line(position.line).0, line_start);
        }
        assert_eq!(sources.file(file).line(2).1, "ä".repeat(3000));
    }
}

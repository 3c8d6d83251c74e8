//! Source files: their text, and places in them.
//!
//! Loading (the IO) is in `spec::load`; here are plain values. Every later stage carries a [`Span`] and never looks at a file again.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of the files of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A range of bytes in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A place as people and editors name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Position {
    /// The file as it was named on the command line, or `<stdin>`.
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
    /// Its name as shown.
    pub name: String,
    /// Its text.
    pub text: String,
    line_starts: Vec<usize>,
    /// What is not to be shown of the text: in order, apart from each other.
    hidden: Vec<Range<usize>>,
}

impl SourceFile {
    /// What is not to be shown of a part of the text.
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
    /// Adds a file.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let text = text.into();
        let line_starts =
            std::iter::once(0).chain(text.match_indices('\n').map(|(index, _)| index + 1)).collect();
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(SourceFile { name: name.into(), text, line_starts, hidden: Vec::new() });
        id
    }

    /// Notes a path that is read, or was tried, under whatever name: nothing may be written over it.
    pub fn note(&mut self, path: &Path) {
        self.paths.push(path.to_owned());
    }

    /// All paths that were noted.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Has nobody shown these parts of a file; they stand in order, apart from each other.
    pub fn hide(&mut self, id: FileId, ranges: Vec<Range<usize>>) {
        self.files[id.0 as usize].hidden = ranges;
    }

    /// The file of an id that this value gave out.
    #[must_use]
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// Where a span begins.
    #[must_use]
    pub fn position(&self, span: Span) -> Position {
        let file = self.file(span.file);
        let start = span.start.min(file.text.len());
        let line = file.line_starts.partition_point(|line_start| *line_start <= start);
        let line_start = file.line_starts[line - 1];
        let column = file.text.get(line_start..start).map_or(1, |before| before.chars().count() + 1);
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
}

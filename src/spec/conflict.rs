//! Unresolved merge conflicts in a file. Pure.

use std::ops::Range;

use crate::finding::{Code, Finding};
use crate::text::source::{FileId, Span};

/// The byte ranges of git's conflict markers: lines at the left edge that are never valid YAML or JSON.
pub(crate) fn conflicts(text: &str) -> Vec<Range<usize>> {
    const MARK: &str = "<<<<<<<";
    let mut start = 0;
    let mut found = Vec::new();
    for line in text.split_inclusive('\n') {
        let shown = line.trim_end();
        if shown.strip_prefix(MARK).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')) {
            found.push(start..start + shown.len());
        }
        start += line.len();
    }
    found
}

/// A finding for each conflict.
pub(super) fn findings(file: FileId, text: &str) -> Vec<Finding> {
    let finding = |Range { start, end }: Range<usize>| {
        Finding::error(Code::YamlSyntax, "unresolved merge conflict").at(Span { file, start, end }).hint(
            "keep the correct version and remove the lines that git added: `<<<<<<<`, `=======`, `>>>>>>>`",
        )
    };
    conflicts(text).into_iter().map(finding).collect()
}

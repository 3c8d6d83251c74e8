//! Reading of specs, from files on disk to findings: hostile files, many mistakes at once, size, and text at random.
mod hostile;
mod mistakes;
mod random;

use std::path::Path;

use keyless::finding::Finding;
use keyless::spec::variables::VariableInputs;
use keyless::spec::{self, Loaded};
use keyless::text::source::Sources;

/// What came of reading some paths.
struct Outcome {
    loaded: Vec<Loaded>,
    findings: Vec<Finding>,
    sources: Sources,
}

impl Outcome {
    /// Codes and places, in order; `-` for findings without a place.
    fn codes(&self) -> Vec<String> {
        let place = |finding: &Finding| match finding.span {
            Some(span) => {
                let position = self.sources.position(span);
                format!("{}:{}", position.line, position.column)
            }
            None => "-".to_owned(),
        };
        self.findings.iter().map(|finding| format!("{} {}", finding.code, place(finding))).collect()
    }

    fn shown(&self) -> String {
        keyless::render::diagnostic::render(
            &self.findings,
            &self.sources,
            false,
            keyless::render::page::Page::default(),
        )
    }
}

fn read(paths: &[&Path], inputs: &VariableInputs) -> Outcome {
    let mut sources = Sources::default();
    let paths = paths.iter().map(|path| path.to_path_buf()).collect::<Vec<_>>();
    let (loaded, findings) =
        spec::read(&paths, inputs, &mut sources, std::io::empty(), keyless::kinds::check);
    Outcome { loaded, findings, sources }
}

/// Reads a text as if it came on standard input.
fn read_text(text: impl AsRef<[u8]>) -> Outcome {
    let mut sources = Sources::default();
    let (loaded, findings) = spec::read(
        &["-".into()],
        &VariableInputs::default(),
        &mut sources,
        text.as_ref(),
        keyless::kinds::check,
    );
    Outcome { loaded, findings, sources }
}

const SMALL: &str = "version: 1\nstack: s\nsubscription: 00000000-0000-0000-0000-000000000000\n";

/// Text made of numbered parts.
fn numbered(count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect::<Vec<_>>().concat()
}

//! The last words of an export, which stand beside the spec and not in it.

use super::text;
use crate::document::{Requests, Target};
use crate::export::Exported;
use crate::finding::Code;

/// What the spec holds, what it cost, and where it was read.
#[must_use]
pub fn summary(exported: &Exported, requests: Requests, target: &Target) -> String {
    let left_out = exported.findings.iter().filter(|finding| finding.code == Code::LeftOut).count();
    let drift = if exported.beside > 0 {
        format!(", and drift reports {} of what is left out", exported.beside)
    } else {
        String::new()
    };
    let mut summary = format!(
        "Exported: {} {}, {left_out} left out; a plan of this spec changes nothing{drift}. {}.\n",
        exported.declared,
        text::plural(exported.declared, "resource", "resources"),
        text::requests(requests),
    );
    text::target(&mut summary, target);
    summary
}

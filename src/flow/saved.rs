//! A saved plan: read from its file, and what `review` has to know of it: what it starts from, what is asked about it, and what in it is
//! only its word.
//!
//! Pure, but for reading the file.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Halt, pins};
use crate::document::{FindingEntry, Plan, Target, is_plan};
use crate::finding::{Code, Severity};
use crate::plan::saved::parse;
use crate::snapshot::{Query, Snapshot};
use crate::text::decoded;
use crate::{checks, document, files, kinds};

/// Largest saved plan in bytes; one with a hundred thousand changes has about half of that.
const LARGEST: u64 = 512 << 20;

/// Whether a file is a saved plan, whatever its name; a pipe can be read only once, so it is not inspected.
pub(crate) fn holds_plan(path: &Path) -> bool {
    path.is_file() && files::read(path, LARGEST).is_ok_and(|bytes| is_plan(&decoded(&bytes)))
}

/// Reads a saved plan.
pub(crate) fn load(path: &Path) -> Result<Plan, Halt> {
    let unusable = |cause: String, hint| Halt::UnusablePlan { path: path.display().to_string(), cause, hint };
    let text = files::read_text(path, LARGEST)
        .map_err(|error| unusable(error.to_string(), "`keyless plan --out FILE` writes one"))?;
    parse(&text)
        .map_err(|error| unusable(error.to_string(), "make a new plan with `keyless plan --out FILE`"))
}

/// Fails where a plan was made for another target than this run's.
pub(super) fn same_target(plan: &Plan, here: &Target) -> Result<(), Halt> {
    if plan.target == *here {
        return Ok(());
    }
    Err(Halt::OtherTarget { made: plan.target.to_string(), here: here.to_string() })
}

/// Fails where it could not be read what a step of the plan starts from.
pub(super) fn starting_points(plan: &Plan, snapshot: &Snapshot) -> Result<(), Halt> {
    let unread = plan.steps.iter().find_map(|step| Some((step.change, kinds::unread(step, snapshot)?)));
    let Some((change, refusal)) = unread else { return Ok(()) };
    let title = plan.changes.get(change).map_or("a resource", |change| change.title.as_str());
    Err(Halt::UnreadStart { title: title.to_owned(), refusal })
}

/// Findings for unread resources next to the plan's changes: it writes nothing there, and guards judged without them.
pub(super) fn unread_beside(snapshot: &Snapshot) -> Vec<FindingEntry> {
    let findings = snapshot.refusals().map(|refusal| FindingEntry {
        cause: Some(refusal.message.clone()),
        hint: refusal.hint.clone(),
        ..FindingEntry::of(
            Severity::Warning,
            Code::IncompleteRead,
            "could not read everything next to the plan's changes: the plan was judged without it",
        )
    });
    findings.collect()
}

/// The queries that the plan's steps need, given a snapshot: first which accounts exist, then who remains in them.
pub(super) fn raised(plan: &Plan, known: &Snapshot) -> Vec<Query> {
    let mut raised = checks::queries(&plan.steps, known);
    raised.extend(kinds::review_secrets(plan, known));
    raised.extend(kinds::role_assignment::review(plan, known));
    raised
}

/// Whether a finding came from guards, pins or checks, which make it again if it still applies.
pub(super) fn is_found_anew(finding: &FindingEntry) -> bool {
    finding.is_judgement() || pins::is_outside(finding) || checks::is_verdict(finding)
}

/// The file's names for principals, each labelled as the file's.
pub(super) fn names(plan: &Plan) -> BTreeMap<String, String> {
    let marked = |name: &str| match name.strip_suffix(", from lock, unverified") {
        Some(name) => format!("{name}, from the plan and there from lock, unverified"),
        None => format!("{name}, from the plan, unverified"),
    };
    let names = document::access::names(&plan.access);
    names.into_iter().map(|(id, name)| (id, marked(&name))).collect()
}

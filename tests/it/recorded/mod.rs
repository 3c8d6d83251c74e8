//! Recorded traffic as the referee of reading and comparing: what Azure really answered is read without loss, equals itself, and differs in exactly
//! what was altered.
//!
//! Recorded error bodies are the concern of `arm::recorded`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stderr, reason = "a referee says how much it saw")]

mod accounts;
mod alter;
mod assignments;
mod cassettes;
mod children;
mod export;
mod facts;
mod random;

use keyless::diff::{Change, Diff, diff};
use keyless::document::{Plan, Requests, Target, TargetKind};
use keyless::finding::{Finding, Severity};
use keyless::kinds::desired::{Desired, desired};
use keyless::kinds::{Survey, missing};
use keyless::snapshot::{Answer, Query, Snapshot};
use keyless::spec::variables::VariableInputs;
use keyless::spec::{self, Loaded};
use keyless::text::source::Sources;
use serde_json::Value;

/// A spec that was read, with its findings.
struct Read {
    stacks: Vec<Loaded>,
    sources: Sources,
    findings: Vec<Finding>,
}

/// Reads a spec as it would stand in a file. Whoever calls wants it to be valid.
#[track_caller]
fn read(text: &str) -> Read {
    let mut sources = Sources::default();
    let (stacks, findings) = spec::read(
        &["-".into()],
        &VariableInputs::default(),
        &mut sources,
        text.as_bytes(),
        keyless::kinds::check,
    );
    let errors: Vec<&Finding> =
        findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    assert!(errors.is_empty() && stacks.len() == 1, "{errors:#?}\n{text}");
    Read { stacks, sources, findings }
}

/// The state in which every query is answered so.
fn snapshot(stacks: &[Loaded], answer: impl Fn(&Query) -> Answer) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for wave in 0.. {
        let open = missing(&Survey::of(stacks, &snapshot));
        if open.is_empty() {
            break;
        }
        assert!(wave < 5, "no end of questions");
        for query in open {
            snapshot.insert(&query, answer(&query));
        }
    }
    snapshot
}

/// The state in which lists of a type show these bodies, projected as they would be on receipt.
fn showing(stacks: &[Loaded], collection: &str, bodies: &[Value]) -> Snapshot {
    snapshot(stacks, |query| {
        let listed = query.path.contains(&format!("/{collection}?"));
        Answer::found(if listed { bodies.iter().cloned().map(query.project).collect() } else { Vec::new() })
    })
}

/// The comparison of what the specs declare.
fn compare(read: &Read, snapshot: &Snapshot) -> Diff {
    diff(&read.stacks, desired(&read.stacks), snapshot)
}

/// The comparison of something else.
fn compare_as(read: &Read, wanted: Vec<Desired>, snapshot: &Snapshot) -> Diff {
    diff(&read.stacks, wanted, snapshot)
}

fn plan(diff: Diff, read: &Read) -> Plan {
    let target = Target { kind: TargetKind::Sandbox, cloud: None, endpoint: None };
    keyless::plan::plan(diff, &read.findings, &read.sources, target, Requests::default())
}

/// Paths of the fields that a change shows, with dots.
fn paths(change: &Change) -> Vec<String> {
    let fields = match change {
        Change::Update { fields, .. } | Change::Refused { fields, .. } => fields.as_slice(),
        _ => &[],
    };
    fields.iter().map(|field| field.path.join("/")).collect()
}

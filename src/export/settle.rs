//! Turns a draft into a valid spec: removes and reports what specs cannot express and what would be a change. Pure.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::Value;

use super::draft::Draft;
use super::{Unexportable, Wanted, left_out};
use crate::diff::{Change, diff};
use crate::finding::{Code, Finding, Severity};
use crate::kinds::desired::resolved;
use crate::kinds::{Called, Weight};
use crate::principals::known_names;
use crate::rbac::Catalogue;
use crate::snapshot::Snapshot;
use crate::spec::tree::{self, YamlDocument};
use crate::spec::variables::VariableInputs;
use crate::spec::write::{literal, to_yaml};
use crate::spec::{self, Loaded, structure};
use crate::text::json::unescape;
use crate::text::source::{Sources, Span};

/// The maximum number of rounds of removing: each can leave something that needed what was removed.
const ROUNDS: usize = 20;
/// Findings worth reporting about the exported spec; others come with the next plan.
const TOLD: &[Code] = &[
    Code::IncompleteRead,
    Code::NotChecked,
    Code::OperationUnderWay,
    Code::OrphanedAssignment,
    Code::TemporaryAssignment,
];

/// Something that cannot stay in a spec: its position and the reason.
pub(super) struct Wrong {
    span: Option<Span>,
    severity: Severity,
    why: String,
    hint: Option<String>,
}

/// What a plan for a spec would do.
#[derive(Default)]
pub(super) struct Preview {
    /// What it would change.
    pub wrong: Vec<Wrong>,
    /// Other findings.
    pub findings: Vec<Finding>,
    /// How many resources it would leave unchanged.
    pub unchanged: usize,
    /// What `drift` would report next to the spec's lists.
    pub beside: Vec<String>,
}

/// Removes what a spec cannot contain, and reads the rest.
pub(super) fn fit(draft: &mut Draft) -> Result<Loaded, Unexportable> {
    for _ in 0..ROUNDS {
        let text = to_yaml(&literal(&draft.tree), &BTreeMap::new());
        let (loaded, findings) = read(&text);
        let errors = findings.into_iter().filter(|finding| finding.severity == Severity::Error);
        let errors: Vec<Finding> = errors.collect();
        if let (Some(loaded), true) = (loaded, errors.is_empty()) {
            return Ok(loaded);
        }
        let mut sources = Sources::default();
        let file = sources.add("", text);
        let Some(document) = tree::parse(file, &sources).0 else {
            return Err(undeclarable("it is not YAML"));
        };
        // Azure has more fields than specs: an unknown one is not an error here.
        let structure = structure::check(&document);
        let (findings, severity) =
            if structure.is_empty() { (errors, Severity::Error) } else { (structure, Severity::Note) };
        let wrong = findings.into_iter().map(|finding| Wrong::of(finding, severity)).collect();
        draft.leave_out(&document, wrong)?;
    }
    Err(undeclarable("gave up after 20 rounds of removing unsupported fields"))
}

/// Reads a spec like any other, without variables or other inputs that could change it.
pub(super) fn read(text: &str) -> (Option<Loaded>, Vec<Finding>) {
    let mut sources = Sources::default();
    let (loaded, findings) = spec::read(
        &["-".into()],
        &VariableInputs::default(),
        &mut sources,
        text.as_bytes(),
        crate::kinds::check,
    );
    (loaded.into_iter().next(), findings)
}

/// What a plan for this spec would do.
pub(super) fn verdict(
    loaded: &Loaded,
    snapshot: &Snapshot,
    roles: &Catalogue,
    wanted: &Wanted,
) -> Result<Preview, Unexportable> {
    let stacks = std::slice::from_ref(loaded);
    let diff = diff(stacks, resolved(stacks, snapshot), snapshot);
    let mut verdict = Preview::default();
    for change in diff.changes {
        let (desired, why) = match change {
            Change::NoOp { .. } => {
                verdict.unchanged += 1;
                continue;
            }
            Change::Unmanaged { title, weight: Weight::Drift(_), .. } => {
                verdict.beside.push(title);
                continue;
            }
            Change::Unmanaged { .. } => continue,
            Change::Delete { live, .. } => {
                let reason = format!(
                    "{} carries the mark of stack `{}` and would be deleted, because it is not part of this export",
                    live.kind.title(&live.body, &Called { roles, names: &known_names(stacks, snapshot) }),
                    loaded.spec.stack
                );
                return Err(Unexportable::Undeclarable { reason, hint: wanted.wider() });
            }
            Change::Update { desired, fields, .. } => {
                for field in fields {
                    let why = format!("a plan would change `{}`", field.path.join("."));
                    let span = Some(desired.span_of(&field.path).unwrap_or(desired.span));
                    verdict.wrong.push(Wrong { span, severity: Severity::Error, why, hint: None });
                }
                continue;
            }
            Change::Refused { desired, why, .. } => (desired, why),
            Change::Unknown { desired, refusal } => (desired, refusal.message),
            Change::Create { desired, .. }
            | Change::Restore { desired, .. }
            | Change::Adopt { desired, .. } => (desired, "it does not exist as declared".to_owned()),
        };
        verdict.wrong.push(Wrong { span: Some(desired.span), severity: Severity::Error, why, hint: None });
    }
    let (errors, others): (Vec<Finding>, Vec<Finding>) =
        diff.findings.into_iter().partition(|finding| finding.severity == Severity::Error);
    // Findings that say more than the change come first.
    verdict.wrong.splice(0..0, errors.into_iter().map(|finding| Wrong::of(finding, Severity::Error)));
    let kept = others.into_iter().filter(|finding| TOLD.contains(&finding.code));
    // Their titles identify the subject; positions would refer to a file that does not exist yet.
    verdict.findings = kept.map(|finding| Finding { span: None, ..finding }).collect();
    Ok(verdict)
}

impl Wrong {
    fn of(finding: Finding, severity: Severity) -> Self {
        let why = match finding.code {
            Code::UnknownField => "specs have no such field".to_owned(),
            _ => finding.message,
        };
        Self { span: finding.span, severity, why, hint: finding.hint }
    }
}

impl Draft {
    /// Removes what is wrong from this draft: the field, or its parent if the field is required.
    pub(super) fn leave_out(
        &mut self,
        document: &YamlDocument,
        wrong: Vec<Wrong>,
    ) -> Result<(), Unexportable> {
        let mut places: Vec<(String, Wrong)> = Vec::new();
        for wrong in wrong {
            let Some(place) = wrong.span.and_then(|span| document.pointer_at(span)) else {
                return Err(undeclarable(&wrong.why));
            };
            let place = removable(&place).ok_or_else(|| undeclarable(&wrong.why))?;
            if places.iter().all(|(other, _)| *other != place) {
                places.push((place, wrong));
            }
        }
        // Without its wrong parts the parent may be valid: it is checked again in the next round.
        let inner: Vec<String> = places.iter().map(|(place, _)| place.clone()).collect();
        places.retain(|(place, _)| !inner.iter().any(|other| is_below(other, place)));
        // From the end, so that positions before a removed element stay valid.
        places.sort_by_key(|(place, _)| Reverse(order(place)));
        for (place, wrong) in places {
            let what = structure::thing(&self.tree, &place);
            if self.tree.pointer(&place).is_none() {
                continue;
            }
            let finding = left_out(&what, &wrong.why);
            let finding = Finding { severity: wrong.severity, ..finding };
            self.findings.push(match wrong.hint.filter(|_| wrong.severity == Severity::Error) {
                Some(hint) => finding.hint(hint),
                None => finding,
            });
            self.remove(&place);
        }
        Ok(())
    }

    fn remove(&mut self, place: &str) {
        let Some((holder, last)) = place.rsplit_once('/') else { return };
        match self.tree.pointer_mut(holder) {
            Some(Value::Array(items)) => {
                if let Some(index) = last.parse::<usize>().ok().filter(|index| *index < items.len()) {
                    items.remove(index);
                }
                if items.is_empty() && holder.ends_with("/principals") {
                    self.remove(holder.trim_end_matches("/principals"));
                }
            }
            Some(Value::Object(map)) => {
                map.remove(&unescape(last));
            }
            _ => {}
        }
    }
}

/// What must be removed to remove a pointer; top-level fields cannot be.
fn removable(place: &str) -> Option<String> {
    let mut place = place.to_owned();
    while structure::is_required(&place) {
        place.truncate(place.rfind('/')?);
    }
    (place.matches('/').count() > 1).then_some(place)
}

fn is_below(place: &str, holder: &str) -> bool {
    place.strip_prefix(holder).is_some_and(|rest| rest.starts_with('/'))
}

/// Sorts pointers in document order: numbers as numbers.
fn order(place: &str) -> Vec<(usize, String)> {
    place.split('/').map(|token| (token.parse().unwrap_or_default(), token.to_owned())).collect()
}

pub(super) fn undeclarable(why: &str) -> Unexportable {
    Unexportable::Undeclarable {
        reason: why.to_owned(),
        hint: "narrow the export with `--resource-group` or `--account`",
    }
}

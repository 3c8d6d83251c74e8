//! Rules for conditions: a syntax error is an error, what only Azure can judge a note, and a condition that the spec does not declare a
//! warning.

use serde_json::Value;

use crate::body::AssignmentBody;
use crate::finding::{Code, Finding};
use crate::kinds::desired::Desired;
use crate::rbac::Condition;
use crate::rbac::condition::RemarkKind;
use crate::spec::Loaded;

const FORMAT: &str = "https://learn.microsoft.com/azure/role-based-access-control/conditions-format";

/// Undeclared fields are not compared, but a condition decides whether the declared grant applies at all.
pub(super) fn undeclared(desired: &Desired, body: &Value) -> Option<Finding> {
    let text = AssignmentBody::of(body).condition().filter(|text| !text.trim().is_empty())?;
    if desired.declared.contains_key("condition") {
        return None;
    }
    let message = format!("{} has a condition that the spec does not declare", desired.title);
    let finding = Finding::warning(Code::UndeclaredCondition, message).at(desired.span);
    let hint = "declare the condition, or write `condition: null` to remove it";
    Some(finding.cause(format!("the condition is `{text}`")).hint(hint))
}

/// Findings about the condition of the assignment at a pointer.
pub(super) fn check(loaded: &Loaded, pointer: &str) -> Vec<Finding> {
    let pointer = format!("{pointer}/condition");
    let Some(text) = loaded.document.tree.pointer(&pointer).and_then(Value::as_str) else {
        return Vec::new();
    };
    let span = loaded.document.value_span(&pointer);
    if text.trim().is_empty() {
        let hint = "write a condition, or `condition: null` to remove the live one";
        return vec![Finding::error(Code::InvalidCondition, "the condition is empty").at(span).hint(hint)];
    }
    match Condition::parse(text) {
        Err(mistake) => {
            let message =
                format!("could not parse the condition: {}, at {}", mistake.message, place(text, mistake.at));
            vec![Finding::error(Code::InvalidCondition, message).at(span).hint(format!("see {FORMAT}"))]
        }
        Ok(condition) => {
            let finding = |remark: &crate::rbac::condition::Remark| {
                let message = format!("{}, at {}", remark.message, place(text, remark.at));
                match remark.kind {
                    RemarkKind::Unknown => Finding::note(Code::UnknownInCondition, message)
                        .hint("Azure checks it when the assignment is written"),
                    RemarkKind::Order => Finding::warning(Code::ConditionOrder, message)
                        .hint("write `(a AND b) OR c`, or `a AND (b OR c)`"),
                }
                .at(span)
            };
            condition.remarks().iter().map(finding).collect()
        }
    }
}

/// The position of a byte of a condition, counted from one.
fn place(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    if text.trim_end().contains('\n') {
        format!("line {line}, column {column} of the condition")
    } else {
        format!("column {column} of the condition")
    }
}

//! An account of kind OpenAI that becomes one of kind AIServices in place; no other kind changes:
//! <https://learn.microsoft.com/azure/ai-foundry/how-to/upgrade-azure-openai>.

use serde_json::Value;

use crate::body::AccountBody;
use crate::document::{Action, FieldEntry, PlannedChange};
use crate::finding::{Code, Finding};
use crate::kinds::desired::Desired;
use crate::kinds::{FieldChange, Mutability};
use crate::principals::has_own_identity;

pub(super) const KIND: Mutability = Mutability::Never(
    "Azure fixes it when the account is created; only OpenAI becomes AIServices, behind the guard `upgrade`",
);

fn is(value: &Value, kind: &str) -> bool {
    value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(kind))
}

/// Another change of the kind, which no plan that keyless makes has.
pub(super) fn misfit(change: &PlannedChange) -> Option<String> {
    let mut kinds = change.fields.iter().filter(|field| field.path == ["kind"]);
    let is_other = |field: &FieldEntry| !(is(&field.before, "OpenAI") && is(&field.after, "AIServices"));
    (change.action == Action::Update && kinds.any(is_other)).then(|| {
        "no account changes its `kind`, but for one of kind OpenAI that becomes AIServices".to_owned()
    })
}

/// Allows that change, as a write of its own, if the account has what Azure requires for it.
pub(super) fn weigh(desired: &Desired, body: &Value, fields: &mut [FieldChange]) -> Option<Finding> {
    let is_upgrade = |change: &&mut FieldChange| {
        change.path == ["kind"] && is(&change.before, "OpenAI") && is(&change.after, "AIServices")
    };
    let change = fields.iter_mut().find(is_upgrade)?;
    change.change = Mutability::Apart;
    let missing = if !has_own_identity(body) {
        "a system-assigned identity"
    } else if AccountBody::of(body).subdomain().is_none() {
        "a custom subdomain"
    } else {
        return None;
    };
    let message =
        format!("{} cannot become one of kind `AIServices` yet: it has no {}", desired.title, &missing[2..]);
    let hint = "Azure requires it for the upgrade: declare it and apply with the old kind first";
    Some(Finding::error(Code::ImmutableField, message).at(change.span.unwrap_or(desired.span)).hint(hint))
}

//! What waits for what: the needs of every step, worked out a second time from what the steps write.

use std::collections::BTreeSet;

use keyless::document::{Step, StepAction};
use keyless::plan::saved;
use serde_json::json;

use super::arm::within;
use super::laws::Tally;
use super::*;

const ASSIGNMENTS: &str = "/providers/microsoft.authorization/roleassignments/";

fn is_grant(step: &Step) -> bool {
    step.kind == "roleAssignments"
}

/// The scope of an assignment, or the resource itself.
fn scope(step: &Step) -> String {
    let target = step.target.to_lowercase();
    target.split(ASSIGNMENTS).next().unwrap_or_default().to_owned()
}

fn touch(one: &Step, other: &Step) -> bool {
    let (one, other) = (scope(one), scope(other));
    let above = |scope: &str| !scope.starts_with("/subscriptions/");
    within(&one, &other) || within(&other, &one) || above(&one) || above(&other)
}

fn live<'a>(case: &'a Case, target: &str) -> Option<&'a Value> {
    let mut bodies = case.seen.accounts.iter().chain(&case.seen.assignments);
    bodies.find(|body| body["id"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(target)))
}

/// Whether a step turns the keys of a live account off.
fn turns_keys_off(case: &Case, step: &Step) -> bool {
    let was = live(case, &step.target).map(|body| &body["properties"]["disableLocalAuth"]);
    step.action == StepAction::Update
        && step.patch.get("disableLocalAuth") == Some(&Value::Bool(true))
        && was != Some(&Value::Bool(true))
}

/// Whether a role at a scope can let an identity read a key of the vault that an encryption names.
fn opens_vault(grant: &Step, encryption: &Value) -> bool {
    let scope = format!("{}/", scope(grant));
    let uri = encryption["keyVaultProperties"]["keyVaultUri"].as_str().unwrap_or_default();
    let vault = uri.trim_start_matches("https://").split('.').next().unwrap_or_default().to_lowercase();
    let above = scope.starts_with("/providers/microsoft.management/managementgroups/");
    scope.contains(&format!("/vaults/{vault}/")) || !scope.contains("/providers/") || above
}

/// Whether a step hands the account's encryption to a key that an identity has to read, which it does by itself.
fn entrusts(step: &Step, steps: &[Step]) -> bool {
    let Some(encryption) = step.patch.get("encryption").filter(|_| step.patch.len() == 1) else {
        return false;
    };
    let key = &encryption["keyVaultProperties"];
    let vaulted = encryption["keySource"] == "Microsoft.KeyVault"
        || (encryption["keySource"].is_null() && key.is_object());
    let own = key["identityClientId"].is_null();
    let given = |other: &Step| {
        is_grant(other) && other.action == StepAction::Create && opens_vault(other, encryption)
    };
    step.action == StepAction::Update && vaulted && (own || steps.iter().any(given))
}

/// The steps that have to have succeeded before step `at`.
fn needed(case: &Case, at: usize) -> BTreeSet<usize> {
    let steps = &case.planned.plan.steps;
    let step = &steps[at];
    let ending = |step: &Step| step.action == StepAction::Delete || turns_keys_off(case, step);
    let entrusting = |step: &Step| entrusts(step, steps);
    let mut needs = BTreeSet::new();
    let mut add = |fits: &dyn Fn(&Step) -> bool| {
        needs.extend((0..steps.len()).filter(|other| *other != at && fits(&steps[*other])));
    };
    if entrusting(step) {
        let identity = |other: &Step| {
            !other.holes.is_empty()
                || other.patch.get("principalType") == Some(&Value::from("ServicePrincipal"))
        };
        let encryption = &step.patch["encryption"];
        add(&|other| {
            is_grant(other)
                && other.action != StepAction::Delete
                && identity(other)
                && opens_vault(other, encryption)
        });
        add(&|other| !ending(other) && other.target == step.target);
    } else if ending(step) {
        // Neither keys nor roles are removed before the grants that could replace them exist.
        add(&|other| is_grant(other) && other.action != StepAction::Delete && touch(step, other));
        // A failed grant elsewhere does not keep keys on.
        add(&|other| !ending(other) && !entrusting(other) && other.target == step.target);
        // An account is deleted, with the roles on it, once everything that its stack declares exists.
        let goes = |other: &Step| {
            !is_grant(other)
                && other.action == StepAction::Delete
                && within(&scope(step), &other.target.to_lowercase())
        };
        if step.action == StepAction::Delete && steps.iter().any(goes) {
            add(&|other| other.action != StepAction::Delete && other.owner == step.owner);
        }
        // Roles are revoked once nothing can keep the resource any more: after its contents.
        if step.action == StepAction::Delete && is_grant(step) {
            let goes = |other: &&Step| !is_grant(other) && other.action == StepAction::Delete;
            let around = steps.iter().filter(goes).map(|other| other.target.to_lowercase());
            let innermost = around.filter(|target| within(target, &scope(step))).max_by_key(String::len);
            if let Some(target) = innermost {
                add(&|other| {
                    goes(&other)
                        && other.target.to_lowercase() != target
                        && within(&other.target.to_lowercase(), &target)
                });
            }
        }
        // The roles on an account are deleted before it.
        if step.action == StepAction::Delete && !is_grant(step) {
            add(&|other| {
                is_grant(other)
                    && other.action == StepAction::Delete
                    && within(&scope(other), &step.target.to_lowercase())
            });
        }
    } else if matches!(step.action, StepAction::Create | StepAction::Update) {
        add(&|other| other.change == step.change && other.action == StepAction::Purge);
        let made = |other: &Step| matches!(other.action, StepAction::Create | StepAction::Restore);
        add(&|other| is_grant(step) && made(other) && scope(step) == other.target.to_lowercase());
        for hole in &step.holes {
            let writes = |other: &Step| {
                !ending(other)
                    && !entrusting(other)
                    && other.action != StepAction::Purge
                    && other.target.eq_ignore_ascii_case(&hole.resource)
            };
            needs.extend((0..steps.len()).rfind(|other| writes(&steps[*other])));
        }
    }
    needs
}

/// Every step waits for exactly what it needs, comes after it, and writes something.
pub(super) fn sequence(case: &Case, _: &mut Tally) -> Result<(), String> {
    let plan = &case.planned.plan;
    // A plan file has no steps: they are derived from its changes.
    let read = saved::parse(&json!(plan).to_string())
        .map_err(|error| format!("a saved plan is refused: {error}"))?;
    if read.steps != plan.steps {
        return Err(format!("from a file other steps follow: {:?} instead of {:?}", read.steps, plan.steps));
    }
    for (at, step) in plan.steps.iter().enumerate() {
        let what = format!("{:?} of {}", step.action, step.target);
        let needs: BTreeSet<usize> = step.needs.iter().copied().collect();
        let expected = needed(case, at);
        if needs != expected || needs.len() != step.needs.len() {
            return Err(format!("{what} (step {at}) waits for {:?} instead of {expected:?}", step.needs));
        }
        if needs.iter().any(|need| *need >= at) {
            return Err(format!("{what} stands before what it waits for"));
        }
        if step.last != (step.action == StepAction::Delete) {
            return Err(format!("{what} is among the last: {}", step.last));
        }
        if turns_keys_off(case, step) && step.patch.len() != 1 {
            return Err(format!("{what} turns keys off together with {:?}", step.patch));
        }
        if step.action == StepAction::Update && step.patch.is_empty() {
            let text = live(case, &step.target).map(Value::to_string).unwrap_or_default();
            if step.mark.is_none() || text.contains("keyless-stack") || text.contains("[keyless:") {
                return Err(format!("{what} writes nothing"));
            }
        }
        if step.action != StepAction::Purge && step.lane != step.target.to_lowercase() {
            return Err(format!("{what} runs in lane {}", step.lane));
        }
    }
    for (index, change) in plan.changes.iter().enumerate() {
        use keyless::document::Action::{Adopt, Create, Delete, Restore, Update};
        let writes = matches!(change.action, Adopt | Create | Delete | Restore | Update);
        if writes != plan.steps.iter().any(|step| step.change == index) {
            return Err(format!("{:?} of {} has steps: {}", change.action, change.title, !writes));
        }
    }
    Ok(())
}

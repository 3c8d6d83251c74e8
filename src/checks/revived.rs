//! Soft-deleted accounts that a plan restores: everything that the spec does not declare comes back as it was, which no field of the plan
//! shows.
//!
//! The list of deleted accounts shows an account's own settings but not its children (recorded by the Azure CLI).

use serde_json::Value;

use super::closing::Public;
use super::{Case, Verdict, some, target};
use crate::body::{AccountBody, user_assigned};
use crate::document::{PlannedChange, StepAction};
use crate::finding::Code;
use crate::plan::predict::World;

pub(super) fn verdicts(case: &Case<'_>, after: &World) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for step in case.plan.steps.iter().filter(|step| step.action == StepAction::Restore) {
        let Some(id) = target(step) else { continue };
        let Some(account) = after.resource(&id) else { continue };
        let comes = undeclared(&case.plan.changes[step.change], account);
        let comes = if comes.is_empty() { String::new() } else { format!(": {}", comes.join(", ")) };
        let message = format!(
            "account `{}` comes back with its old settings, except for what the spec declares{comes}; until it is restored, Azure does not show which deployments, projects and connections come back with it",
            id.name()
        );
        let hint = "declare what should not come back as it was; after the restore, `keyless export` shows everything in it";
        let hint = Some(hint.to_owned());
        verdicts.push(case.warning(Code::RestoredAsItWas, step.change, &[], message, hint));
    }
    verdicts
}

/// What comes back undeclared and affects who has access.
fn undeclared(change: &PlannedChange, account: &Value) -> Vec<String> {
    let declares = |path: &[&str]| change.fields.iter().any(|field| field.path == path);
    let mut comes = Vec::new();
    if !declares(&["disableLocalAuth"]) {
        comes.push(
            if AccountBody::of(account).keys_off() { "API keys off" } else { "API keys on" }.to_owned(),
        );
    }
    if !(declares(&["publicNetworkAccess"]) && declares(&["networkAcls", "defaultAction"])) {
        comes.push(match Public::of(account) {
            Public::Open => "its network open to every address".to_owned(),
            Public::Rules => format!("its network open to {}", admitted(account)),
            Public::NoRules | Public::Off => "its network closed to every public address".to_owned(),
        });
    }
    let attached: Vec<&String> = user_assigned(account).map(|(id, _)| id).collect();
    if !declares(&["identity", "userAssigned"]) && !attached.is_empty() {
        let names = some(attached.iter().map(|id| id.rsplit('/').next().unwrap_or_default()));
        comes.push(format!("user-assigned identities {names}"));
    }
    comes
}

fn admitted(account: &Value) -> String {
    let network = AccountBody::of(account).network();
    let subnets = network.subnets().filter_map(|id| id.rsplit('/').next());
    some(network.addresses().chain(subnets))
}

//! What an account may call: restrictions lifted, hosts added, another storage for what is monitored, agents moved out of the subnet that
//! contained them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Objection, Rule, accounts, was};
use crate::body::{AccountBody, Injection};
use crate::plan::predict::World;

pub(super) fn objections(before: &World, after: &World) -> Vec<Objection> {
    let mut objections = Vec::new();
    for (id, new) in accounts(after) {
        let Some(old) = was(before, after, id) else { continue };
        let name = id.name();
        let mut object = |message: String| {
            objections.push(Objection::at(Rule::Outbound, id, message));
        };
        if is_limited(old) && !is_limited(new) {
            object(format!(
                "the plan lets account `{name}` call any host: restrictOutboundNetworkAccess true -> false"
            ));
        }
        // If it could call any host before, a list restricts it.
        let known = hosts(old);
        let added: Vec<String> = hosts(new).difference(&known).map(|host| format!("`{host}`")).collect();
        if is_limited(old) && !added.is_empty() {
            object(format!(
                "the plan adds hosts to those that account `{name}` may call: {}",
                added.join(", ")
            ));
        }
        let storage = |body| AccountBody::of(body).monitor_storage().map(str::to_lowercase);
        if let Some(gets) = storage(new).filter(|gets| storage(old).as_ref() != Some(gets)) {
            object(format!(
                "the plan sends what monitoring keeps of prompts of account `{name}` to another storage account: `{gets}`"
            ));
        }
        if let Some(subnet) = injected(old)
            && injected(new).is_none()
        {
            object(format!(
                "the plan takes the agents of account `{name}` out of subnet `{subnet}`, whose rules limit what they reach"
            ));
        }
    }
    objections
}

fn is_limited(body: &Value) -> bool {
    AccountBody::of(body).limits_outbound()
}

/// The hosts of the list, as DNS compares them.
fn hosts(body: &Value) -> BTreeSet<String> {
    AccountBody::of(body)
        .allowed_hosts()
        .map(|host| host.trim().trim_end_matches('.').to_ascii_lowercase())
        .collect()
}

/// The customer's subnet in which agents run.
fn injected(body: &Value) -> Option<&str> {
    AccountBody::of(body).injections().filter(|each| each.is_own()).find_map(Injection::subnet)
}

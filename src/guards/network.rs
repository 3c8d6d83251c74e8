//! What lets more callers reach an account than before.

use std::net::Ipv4Addr;

use serde_json::Value;

use super::{Objection, Rule, accounts};
use crate::plan::predict::World;

pub(super) fn objections(before: &World, after: &World) -> Vec<Objection> {
    let mut objections = Vec::new();
    for (id, new) in accounts(after) {
        let Some(old) = before.resource(id) else { continue };
        let name = id.name();
        let mut object = |message: String| {
            objections.push(Objection { rule: Rule::PublicNetwork, id: Some(id.clone()), message });
        };
        if denies(old) && !denies(new) {
            object(format!("the plan opens account `{name}` to every address: networkAcls Deny -> Allow"));
        }
        if private(old) && !private(new) {
            object(format!("the plan opens account `{name}`: publicNetworkAccess Disabled -> Enabled"));
        }
    }
    for (id, new) in accounts(after) {
        let old = before.resource(id);
        if everybody(new) && !old.is_some_and(everybody) {
            let message =
                format!("the plan lets the whole internet reach account `{}` by an ipRule", id.name());
            objections.push(Objection { rule: Rule::NetworkRange, id: Some(id.clone()), message });
        }
    }
    objections
}

fn denies(body: &Value) -> bool {
    body["properties"]["networkAcls"]["defaultAction"]
        .as_str()
        .is_some_and(|action| action.eq_ignore_ascii_case("Deny"))
}

fn private(body: &Value) -> bool {
    body["properties"]["publicNetworkAccess"]
        .as_str()
        .is_some_and(|access| access.eq_ignore_ascii_case("Disabled"))
}

/// Whether the ipRules together let every address in: `0.0.0.0/0`, and its halves or quarters too.
fn everybody(body: &Value) -> bool {
    let rules = body["properties"]["networkAcls"]["ipRules"].as_array();
    let covered: u64 = rules.into_iter().flatten().filter_map(|rule| rule["value"].as_str()).map(wide).sum();
    covered >= 1 << 32
}

/// How many addresses a range of prefix 8 or wider holds; smaller ranges do not add up to the internet.
fn wide(range: &str) -> u64 {
    let Some((address, prefix)) = range.split_once('/') else { return 0 };
    match (address.parse::<Ipv4Addr>(), prefix.parse::<u32>()) {
        (Ok(_), Ok(prefix @ 0..=8)) => 1 << (32 - prefix),
        _ => 0,
    }
}

//! Changes that let more callers reach an account: public access, address ranges, subnets, Azure's trusted services.
//!
//! A missing field means what Azure takes it to mean. Closing is never refused: if everybody could call before, a rule admits nobody new.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde_json::Value;

use super::{Objection, Rule, accounts, was};
use crate::body::{AccountBody, Injection, Network};
use crate::id::ResourceId;
use crate::plan::predict::World;

/// The prefix length of the widest range that a new rule may add without `--allow`.
const WIDEST: u32 = 20;
/// How many addresses the rules may admit in total without `--allow`: the size of a /16.
const MOST: u64 = 1 << 16;

pub(super) fn objections(before: &World, after: &World) -> Vec<Objection> {
    let mut objections = Vec::new();
    for (id, new) in accounts(after) {
        let old = was(before, after, id);
        let said = public(old, new)
            .into_iter()
            .map(|message| (Rule::PublicNetwork, message))
            .chain(ranges(old, new).into_iter().map(|message| (Rule::NetworkRange, message)))
            .chain(subnets(id, old, new).into_iter().map(|message| (Rule::NetworkSubnet, message)))
            .chain(bypass(old, new).into_iter().map(|message| (Rule::NetworkBypass, message)));
        objections.extend(said.map(|(rule, message)| {
            Objection::at(rule, id, message.replace("{account}", &format!("account `{}`", id.name())))
        }));
    }
    objections
}

fn network(body: &Value) -> Network<'_> {
    AccountBody::of(body).network()
}

fn access(body: &Value) -> &str {
    network(body).public().unwrap_or("Enabled")
}

/// Whether it was closed to public networks; an unknown value counts as the stricter one before the plan.
fn was_private(body: &Value) -> bool {
    !access(body).eq_ignore_ascii_case("Enabled")
}

/// Whether any address can call it, so that no rule admits anybody new.
fn was_open(body: &Value) -> bool {
    !network(body).denies() && !was_private(body)
}

fn public(old: Option<&Value>, new: &Value) -> Vec<String> {
    let mut said = Vec::new();
    let Some(old) = old else { return said };
    if network(old).denies() && !network(new).denies() {
        said.push("the plan opens {account} to every address: networkAcls Deny -> Allow".to_owned());
    }
    let (was, now) = (access(old), access(new));
    if was_private(old) && !now.eq_ignore_ascii_case("Disabled") && !now.eq_ignore_ascii_case(was) {
        said.push(format!("the plan opens {{account}}: publicNetworkAccess {was} -> {now}"));
    }
    said
}

/// The first and last address of a rule; `None` if it cannot be parsed: Azure accepts IPv4 only.
fn span(rule: &str) -> Option<(u64, u64)> {
    let (address, prefix) = rule.trim().split_once('/').unwrap_or((rule.trim(), "32"));
    let address = u64::from(u32::from(address.parse::<Ipv4Addr>().ok()?));
    let is_number =
        !prefix.is_empty() && prefix.len() <= 2 && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let prefix: u32 = is_number.then(|| prefix.parse().ok()).flatten().filter(|prefix| *prefix <= 32)?;
    let size = 1_u64 << (32 - prefix);
    let first = address / size * size;
    Some((first, first + size - 1))
}

/// The same addresses as sorted spans that neither touch nor overlap.
fn union(spans: impl Iterator<Item = (u64, u64)>) -> Vec<(u64, u64)> {
    let mut sorted: Vec<(u64, u64)> = spans.collect();
    sorted.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (first, last) in sorted {
        match joined.last_mut() {
            Some((_, end)) if first <= *end + 1 => *end = last.max(*end),
            _ => joined.push((first, last)),
        }
    }
    joined
}

/// How many addresses two unions share.
fn overlap(one: &[(u64, u64)], other: &[(u64, u64)]) -> u64 {
    let shared = |(first, last): (u64, u64), (from, to): (u64, u64)| {
        (last.min(to) + 1).saturating_sub(first.max(from))
    };
    one.iter().map(|span| other.iter().map(|other| shared(*span, *other)).sum::<u64>()).sum()
}

fn size(spans: &[(u64, u64)]) -> u64 {
    spans.iter().map(|(first, last)| last - first + 1).sum()
}

/// New ranges that are too wide, and a total of too many addresses if new ones are among them.
fn ranges(old: Option<&Value>, new: &Value) -> Vec<String> {
    let mut said = Vec::new();
    if old.is_some_and(was_open) {
        return said;
    }
    let known = union(old.into_iter().flat_map(|body| network(body).addresses()).filter_map(span));
    let is_known = |(first, last): (u64, u64)| known.iter().any(|(from, to)| *from <= first && last <= *to);
    let mut added = Vec::new();
    let mut unread = Vec::new();
    for rule in network(new).addresses() {
        match span(rule) {
            Some(span) if !is_known(span) => added.push((rule, span)),
            Some(_) => {}
            None if old
                .into_iter()
                .flat_map(|body| network(body).addresses())
                .any(|old| old.trim().eq_ignore_ascii_case(rule.trim())) => {}
            None => unread.push(format!("`{rule}`")),
        }
    }
    let mut wide: Vec<String> = added
        .iter()
        .filter(|(_, span)| size(&[*span]) > 1 << (32 - WIDEST))
        .map(|(rule, span)| format!("`{rule}` ({})", addresses(size(&[*span]))))
        .collect();
    // The order of a list does not count.
    wide.sort();
    unread.sort();
    if !wide.is_empty() {
        said.push(format!(
            "the plan lets a range wider than /{WIDEST} reach {{account}}: {}",
            wide.join(", ")
        ));
    }
    let all = size(&union(network(new).addresses().filter_map(span)));
    if !added.is_empty() && all > MOST {
        let more = all - overlap(&union(network(new).addresses().filter_map(span)), &known);
        said.push(format!(
            "with the plan {} can reach {{account}}, more than {}; {} of them could not before",
            addresses(all),
            grouped(MOST),
            grouped(more),
        ));
    }
    if !unread.is_empty() {
        said.push(format!(
            "the plan adds address rules to {{account}} that may admit anyone: {} cannot be parsed as an IPv4 range",
            unread.join(", ")
        ));
    }
    said
}

fn addresses(count: u64) -> String {
    if count == 1 { "1 address".to_owned() } else { format!("{} addresses", grouped(count)) }
}

/// A number with thousands separators.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The subnets in which its agents run.
fn injected(body: &Value) -> impl Iterator<Item = &str> {
    AccountBody::of(body).injections().filter_map(Injection::subnet)
}

/// The subscription of a subnet; for an id that cannot be parsed the text itself, which matches no account's subscription.
fn subscription(subnet: &str) -> String {
    let parsed = ResourceId::parse(subnet.trim()).ok();
    let found = parsed.as_ref().and_then(ResourceId::subscription_id).map(str::to_ascii_lowercase);
    found.unwrap_or_else(|| subnet.trim().to_ascii_lowercase())
}

/// Subnets of subscriptions that had no access to the account before.
fn subnets(id: &ResourceId, old: Option<&Value>, new: &Value) -> Vec<String> {
    let mut known: BTreeSet<String> = id.subscription_id().map(str::to_ascii_lowercase).into_iter().collect();
    let all = |body| network(body).subnets().chain(injected(body)).map(subscription);
    known.extend(old.into_iter().flat_map(all));
    let foreign = |subnet: &&str| !known.contains(&subscription(subnet));
    let listed = |subnets: Vec<&str>| {
        let subnets: BTreeSet<String> = subnets.into_iter().map(|subnet| format!("`{subnet}`")).collect();
        subnets.into_iter().collect::<Vec<_>>().join(", ")
    };
    let mut said = Vec::new();
    let calling: Vec<&str> = network(new).subnets().filter(foreign).collect();
    if !calling.is_empty() && !old.is_some_and(was_open) {
        said.push(format!(
            "the plan lets a subnet of another subscription reach {{account}}: {}",
            listed(calling)
        ));
    }
    let running: Vec<&str> = injected(new).filter(foreign).collect();
    if !running.is_empty() {
        said.push(format!(
            "the plan lets agents of {{account}} run in a subnet of another subscription: {}",
            listed(running)
        ));
    }
    said
}

/// Whether trusted services can bypass the rules where they could not, or may not have. What Azure assumes for a missing `bypass` is not
/// documented: before the plan it counts as `None`, and after a plan that removes `None` it counts as all services.
fn bypass(old: Option<&Value>, new: &Value) -> Option<String> {
    let old = old.filter(|old| !was_open(old))?;
    let word = |body| network(body).bypass();
    let is = |word: Option<&str>, wanted: &str| word.is_some_and(|word| word.eq_ignore_ascii_case(wanted));
    let (was, now) = (word(old), word(new));
    let opens = match now {
        Some(_) => !is(now, "None") && !is(was, now.unwrap_or_default()),
        None => is(was, "None"),
    };
    let shown = |word: Option<&str>| word.unwrap_or("not set").to_owned();
    opens.then(|| {
        format!(
            "the plan lets Azure's trusted services past the network rules of {{account}}: networkAcls.bypass {} -> {}",
            shown(was),
            shown(now)
        )
    })
}

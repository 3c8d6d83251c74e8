//! What holds for every plan.

use std::collections::BTreeMap;

use serde_json::json;

use keyless::document::{Action, Plan, PlannedChange, Step, StepAction};

use super::arm::{key_of_assignment, within};
use super::judge::{self, all_held, opened, openness, somebody_calls, somebody_could_call};
use super::lifts::lifts;
use super::live::{Azure, Item, Label};
use super::sequence::sequence;
use super::values::{other, place, units};
use super::*;

/// What cases were seen, so that no law holds for want of cases.
#[derive(Debug, Default)]
pub(super) struct Tally {
    cases: u64,
    /// Cases by what occurs in them: actions and guards.
    covered: BTreeMap<String, u64>,
    altered: u64,
    hidden: u64,
    judged: u64,
    broken: Vec<String>,
}

type Law = fn(&Case, &mut Tally) -> Result<(), String>;

const LAWS: &[(&str, Law)] = &[
    ("only what a stack made inside of its domain is deleted", only_ours_is_deleted),
    ("what a stack made and no longer declares is deleted", what_should_go_goes),
    ("a plan after its predicted apply is empty", emptiness),
    ("one declared field altered by hand is exactly one change", one_alteration),
    ("equal inputs give equal bytes, and order does not count", order),
    ("what could not be read is unknown and never written", unread),
    ("what no spec declares is drift by where it stands, whatever mark it carries", marks_hide_nothing),
    ("what passes the guards locks nobody out and opens nothing", guarded),
    ("every step waits for what it needs and for nothing else", sequence),
    ("a refusal names the flag that lifts it, and no other refusal", lifts),
];

#[test]
fn every_law_holds_for_every_generated_case() {
    let total = cases();
    let seeds = seeds(total);
    let next = std::sync::atomic::AtomicU64::new(seeds.start);
    let work = || {
        let mut tally = Tally::default();
        loop {
            let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if seed >= seeds.end {
                return tally;
            }
            let case = Case::new(seed);
            cover(&case, &mut tally);
            for (name, law) in LAWS {
                if let Err(why) = law(&case, &mut tally) {
                    tally.broken.push(format!("seed {seed}: {name}: {why}"));
                }
            }
        }
    };
    let mut all = Tally::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let tally = worker.join().expect("a law panicked");
            all.cases += tally.cases;
            all.altered += tally.altered;
            all.hidden += tally.hidden;
            all.judged += tally.judged;
            all.broken.extend(tally.broken);
            for (what, count) in tally.covered {
                *all.covered.entry(what).or_default() += count;
            }
        }
    });
    println!(
        "{} cases: {} fields altered by hand, {} declared things hidden, {} plans past the guards judged anew; {:?}",
        all.cases, all.altered, all.hidden, all.judged, all.covered
    );
    if !judge::has_roles() {
        skipped("guards against a brute-force evaluator: ../shared/roles is not there");
    }
    assert!(
        all.broken.is_empty(),
        "{} breaches, such as\n{}",
        all.broken.len(),
        all.broken[..all.broken.len().min(5)].join("\n")
    );
    for (action, part) in [
        ("Create", 10),
        ("Adopt", 10),
        ("Update", 10),
        ("Delete", 10),
        ("Noop", 10),
        ("Unmanaged", 10),
        ("UnmanagedDrift", 10),
        ("CoManaged", 50),
        ("Unknown", 10),
        ("Refused", 10),
    ] {
        let count = all.covered.get(action).copied().unwrap_or_default();
        assert!(count * part >= total, "{action} occurs in {count} of {total} cases only");
    }
    let openings: &[&str] = &[
        "keys-on",
        "public-network",
        "network-range",
        "network-subnet",
        "network-bypass",
        "outbound",
        "weakening",
    ];
    for opening in openings {
        let spoken = all.covered.contains_key(&format!("guard {opening}"));
        assert!(spoken || total < 2000, "guard {opening} speaks in no case");
    }
    for guards in
        [&["deletes"], &["delete-list"], &["delete-account"], &["purge"], &["grant"], openings, &["lock-out"]]
    {
        let spoken = guards.iter().filter_map(|guard| all.covered.get(&format!("guard {guard}")));
        let count: u64 = spoken.sum();
        // Few accounts are purged: a hundred cases may hold none.
        let rare = guards.contains(&"purge") && total < 2000;
        assert!(rare || count * 200 >= total, "{guards:?} speak in {count} of {total} cases only");
    }
    assert!(all.altered * 3 > total && all.hidden * 5 > total);
    assert!(all.judged * 2 > total || !judge::has_roles());
}

/// Counts what occurs in a case.
fn cover(case: &Case, tally: &mut Tally) {
    tally.cases += 1;
    let plan = &case.planned.plan;
    let mut seen: Vec<String> = plan.changes.iter().map(|change| format!("{:?}", change.action)).collect();
    seen.extend(arm::guard_codes(plan).into_iter().map(|code| format!("guard {code}")));
    seen.sort();
    seen.dedup();
    for what in seen {
        *tally.covered.entry(what).or_default() += 1;
    }
}

fn key_of_item(item: &Item) -> String {
    if item.body["properties"].get("principalId").is_some() {
        key_of_assignment(&item.body)
    } else {
        item.body["id"].as_str().unwrap_or_default().to_lowercase()
    }
}

fn key_of_grant(grant: &specs::Grant) -> String {
    specs::grant_key(&grant.scope, &grant.principal, &grant.role)
}

/// Live things by what they are.
fn by_key(azure: &Azure) -> BTreeMap<String, &Item> {
    azure.accounts.iter().chain(&azure.assignments).map(|item| (key_of_item(item), item)).collect()
}

fn by_action(planned: &Planned, action: Action) -> impl Iterator<Item = &String> {
    planned
        .plan
        .changes
        .iter()
        .zip(&planned.keys)
        .filter(move |(change, _)| change.action == action)
        .map(|(_, key)| key)
}

fn only_ours_is_deleted(case: &Case, _: &mut Tally) -> Result<(), String> {
    let planned = &case.planned;
    let live = by_key(&case.azure);
    for key in by_action(planned, Action::Delete) {
        let item = live.get(key).ok_or_else(|| format!("{key} is deleted and was never there"))?;
        let Label::Leftover { stack, inside: true } = item.label else {
            return Err(format!("{key} is deleted: {:?}", item.label));
        };
        if case.specs.trees[stack]["prune"] == "none" {
            return Err(format!("{key} is deleted against `prune: none`"));
        }
    }
    let ids: Vec<&str> = case
        .azure
        .accounts
        .iter()
        .chain(&case.azure.assignments)
        .filter_map(|item| {
            matches!(item.label, Label::Leftover { inside: true, .. })
                .then(|| item.body["id"].as_str())
                .flatten()
        })
        .collect();
    let astray = planned.plan.steps.iter().find(|step| {
        step.action == StepAction::Delete && !ids.iter().any(|id| id.eq_ignore_ascii_case(&step.target))
    });
    astray.map_or(Ok(()), |step| Err(format!("a step deletes {}", step.target)))
}

fn what_should_go_goes(case: &Case, _: &mut Tally) -> Result<(), String> {
    if case.blindness.accounts.is_some() || case.blindness.assignments.is_some() {
        return Ok(());
    }
    let planned = &case.planned;
    let deleted: Vec<&String> = by_action(planned, Action::Delete).collect();
    // If a declared role cannot be made, the roles that it may replace stay, and so do their accounts.
    let declared = |key: &str| case.specs.grants.iter().any(|grant| key_of_grant(grant) == key);
    let missing: Vec<&String> = [Action::Refused, Action::Unknown]
        .into_iter()
        .flat_map(|action| by_action(planned, action))
        .filter(|key| declared(key))
        .collect();
    let refused: Vec<&String> = by_action(planned, Action::Refused).collect();
    let above = |scope: &str| !scope.starts_with("/subscriptions/");
    // No account is deleted, with the roles on it, while something that its stack declares is missing.
    let behind = |stack: usize| {
        let of_stack =
            |change: &PlannedChange| change.stack.as_deref() == case.specs.trees[stack]["stack"].as_str();
        let unmet = |change: &PlannedChange| matches!(change.action, Action::Refused | Action::Unknown);
        let changes = planned.plan.changes.iter().zip(&planned.keys);
        let mut unmet = changes.filter(|(change, _)| of_stack(change) && unmet(change));
        let account = |key: &str| case.specs.accounts.iter().any(|account| account.id.to_lowercase() == key);
        unmet.any(|(_, key)| declared(key) || account(key))
    };
    let accounts = case.azure.accounts.iter();
    let kept: Vec<String> = accounts
        .filter(|item| matches!(item.label, Label::Leftover { stack, inside: true } if behind(stack)))
        .map(key_of_item)
        .filter(|key| refused.contains(&key))
        .collect();
    let waits = |key: &String| {
        let scope = key.split('|').next().unwrap_or_default();
        if refused.contains(&key) && kept.iter().any(|account| within(scope, account)) {
            return true;
        }
        let near = |other: &str| within(scope, other) || within(other, scope) || above(scope) || above(other);
        refused.contains(&key)
            && missing.iter().any(|other| near(other.split('|').next().unwrap_or_default()))
    };
    for item in case.azure.accounts.iter().chain(&case.azure.assignments) {
        if let Label::Leftover { stack, inside: true } = item.label
            && case.specs.trees[stack]["prune"] != "none"
            && !deleted.contains(&&key_of_item(item))
            && !waits(&key_of_item(item))
        {
            return Err(format!("{} stays", key_of_item(item)));
        }
    }
    Ok(())
}

/// The same Azure, with the mark of a stack outside the run on everything unmarked and undeclared.
fn marks_hide_nothing(case: &Case, _: &mut Tally) -> Result<(), String> {
    let mut bare = case.azure.clone();
    let strangers = |item: &&mut Item| matches!(item.label, Label::Stranger | Label::Foreign);
    for item in bare.assignments.iter_mut().filter(strangers) {
        item.body["properties"]["description"] = Value::Null;
    }
    for item in bare.accounts.iter_mut().filter(strangers) {
        item.body["tags"] = Value::Null;
    }
    let mut marked = bare.clone();
    for item in marked.assignments.iter_mut().filter(strangers) {
        item.body["properties"]["description"] = json!("mine [keyless:a-team-that-is-not-here]");
    }
    for item in marked.accounts.iter_mut().filter(strangers) {
        item.body["tags"] = json!({"Keyless-Stack": "a-team-that-is-not-here"});
    }
    let shown = |azure: &Azure| -> Vec<(String, Action)> {
        let planned = again(case, azure);
        let actions = planned.plan.changes.iter().map(|change| change.action);
        planned.keys.iter().cloned().zip(actions).collect()
    };
    let (bare, marked) = (shown(&bare), shown(&marked));
    match bare.iter().find(|change| !marked.contains(change)) {
        Some((key, action)) => Err(format!("{key} is {action:?}, and with a mark something else")),
        None => Ok(()),
    }
}

/// A case with another Azure, read again.
pub(super) fn again(case: &Case, azure: &Azure) -> Planned {
    let seen = arm::read(&case.read.stacks, azure, &case.blindness);
    arm::plan(&case.read, &seen.snapshot, case.caller)
}

/// Azure as it is after the plan; what the caller cannot see stays as it was.
pub(super) fn afterwards(case: &Case, plan: &Plan) -> Azure {
    let mut after = arm::carried_out(plan, &case.seen, &case.azure);
    let seen = by_key(&after).into_keys().collect::<Vec<_>>();
    let gone: Vec<String> = plan
        .steps
        .iter()
        .filter(|step| step.action == StepAction::Delete)
        .map(|step| step.target.to_lowercase())
        .collect();
    let unseen = |item: &&Item| {
        !seen.contains(&key_of_item(item))
            && !gone.contains(&item.body["id"].as_str().unwrap_or_default().to_lowercase())
    };
    let (accounts, assignments): (Vec<Item>, Vec<Item>) = (
        case.azure.accounts.iter().filter(unseen).cloned().collect(),
        case.azure.assignments.iter().filter(unseen).cloned().collect(),
    );
    after.accounts.extend(accounts);
    after.assignments.extend(assignments);
    after
}

fn emptiness(case: &Case, _: &mut Tally) -> Result<(), String> {
    let first = &case.planned;
    let second = &case.later().1;
    if let Some(step) = second.plan.steps.first() {
        return Err(format!("{:?} of {} is left: {}", step.action, step.target, json!(step.patch)));
    }
    let identities = |azure: &Azure| {
        let accounts = azure.accounts.iter().map(|item| item.body["identity"].to_string().to_lowercase());
        accounts.collect::<String>()
    };
    let (attached, left) = (identities(&case.azure), identities(&case.later().0));
    for (change, key) in second.plan.changes.iter().zip(&second.keys) {
        // What a service gave to an identity of the account's is a stranger's once the plan has detached it.
        let detached = key.split('|').nth(1).is_some_and(|who| attached.contains(who) && !left.contains(who));
        let was = first.keys.iter().position(|other| other == key).map(|at| first.plan.changes[at].action);
        let fits = match change.action {
            Action::Noop => true,
            // What did not wait has been written, and the keys wait still.
            Action::Refused if was == Some(Action::Update) => {
                !change.fields.is_empty()
                    && change.fields.iter().all(|field| field.path == ["disableLocalAuth"])
            }
            Action::Refused | Action::Unknown => was == Some(change.action),
            Action::UnmanagedDrift if detached && was == Some(Action::Unmanaged) => true,
            action if action.is_undeclared() => was == Some(action),
            _ => false,
        };
        if !fits {
            return Err(format!("{key} was {was:?} and is {:?}: {:?}", change.action, change.reason));
        }
    }
    if second.plan.is_refused() {
        return Err(format!("a plan without steps is refused: {:?}", arm::guard_codes(&second.plan)));
    }
    Ok(())
}

fn one_alteration(case: &Case, tally: &mut Tally) -> Result<(), String> {
    if case.blindness.accounts.is_some() {
        return Ok(());
    }
    let (mut after, quiet) = (case.later().0.clone(), &case.later().1);
    let mut rng = Rng::new(case.seed ^ 0xa17e_4ed0);
    let at_rest: Vec<&String> = by_action(quiet, Action::Noop).collect();
    let candidates: Vec<_> =
        case.specs.accounts.iter().filter(|account| at_rest.contains(&&account.id.to_lowercase())).collect();
    if candidates.is_empty() {
        return Ok(());
    }
    let account = *rng.pick(&candidates);
    let declared = units(account);
    let unit = rng.pick(&declared);
    let item = after.accounts.iter_mut().find(|item| key_of_item(item) == account.id.to_lowercase());
    let item = item.ok_or("an account at rest is not there")?;
    let frozen =
        unit.name() == "customSubDomainName" && item.body["properties"]["customSubDomainName"].is_string();
    let identity = item.body["identity"].to_string().to_lowercase();
    let mut value = other(unit, &mut rng);
    if unit.name() == "tags" {
        value["keyless-stack"] = item.body["tags"]["keyless-stack"].clone();
    }
    place(&mut item.body, &unit.path, value.clone());
    // Only OpenAI becomes AIServices in place.
    let upgrades = unit.name() == "kind"
        && value == "OpenAI"
        && item.body["identity"]["type"].as_str().is_some_and(|kind| kind.contains("SystemAssigned"))
        && item.body["properties"]["customSubDomainName"].is_string();
    tally.altered += 1;
    let loud = again(case, &after);
    let frozen = (frozen && !value.is_null())
        || (matches!(unit.name().as_str(), "location" | "kind" | "userOwnedStorage") && !upgrades);
    // Keys stay on while a declared assignment cannot be made; which assignments count, the reference says.
    let waits = quiet.plan.changes.iter().any(|change| {
        change.kind == "roleAssignments" && matches!(change.action, Action::Refused | Action::Unknown)
    });
    let may_wait = unit.name() == "disableLocalAuth" && value == false && waits;
    let expected = if frozen { Action::Refused } else { Action::Update };
    for ((change, key), quiet) in loud.plan.changes.iter().zip(&loud.keys).zip(&quiet.plan.changes) {
        if *key != account.id.to_lowercase() {
            // What a service gave to the account's own identity is a stranger's once that is no longer the account's.
            let principal = key.split('|').nth(1).unwrap_or("-");
            let orphaned = unit.name() == "identity" && identity.contains(principal);
            let known = [quiet.action, change.action] == [Action::Unmanaged, Action::UnmanagedDrift];
            if change.action != quiet.action && !(orphaned && known) {
                return Err(format!(
                    "altering {} of {} made {key} {:?}",
                    unit.name(),
                    account.id,
                    change.action
                ));
            }
            continue;
        }
        let outside: Vec<String> = change
            .fields
            .iter()
            .map(|field| field.path.join("/"))
            .filter(|path| {
                // A declared identity is one value in a spec and two in a comparison.
                *path != unit.name() && !path.starts_with(&format!("{}/", unit.name()))
            })
            .collect();
        let is_expected = change.action == expected || (may_wait && change.action == Action::Refused);
        if !is_expected || change.fields.is_empty() || !outside.is_empty() {
            return Err(format!(
                "{} of {key} became {value}: {:?}, {:?}",
                unit.name(),
                change.action,
                change.fields
            ));
        }
    }
    Ok(())
}

/// A plan without what order in the spec decides: positions, and the order of steps and changes.
fn without_order(planned: &Planned) -> Value {
    fn settle(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.remove("source");
                map.values_mut().for_each(settle);
            }
            Value::Array(items) => {
                items.iter_mut().for_each(settle);
                items.sort_by_key(Value::to_string);
                // All specs come from standard input here, so findings of two may have the same position.
                items.dedup();
            }
            _ => {}
        }
    }
    let mut plan = json!(planned.plan);
    let steps = &planned.plan.steps;
    let named = |step: &Step| json!([step.action, step.target, step.patch]);
    let whole = |step: &Step| {
        json!({
            "change": planned.keys[step.change], "step": named(step), "kind": step.kind, "mark": step.mark,
            "base": step.base, "lane": step.lane, "last": step.last, "holes": step.holes,
            "needs": step.needs.iter().map(|need| named(&steps[*need])).collect::<Vec<_>>(),
        })
    };
    plan["steps"] = steps.iter().map(whole).collect();
    plan["fingerprint"] = Value::Null;
    settle(&mut plan);
    plan
}

/// Shuffles every list of a spec: in none of them the order has a meaning.
fn shuffle_lists(value: &mut Value, rng: &mut Rng) {
    match value {
        Value::Object(map) => {
            for child in map.values_mut() {
                shuffle_lists(child, rng);
            }
        }
        Value::Array(items) => {
            for child in items.iter_mut() {
                shuffle_lists(child, rng);
            }
            rng.shuffle(items);
        }
        _ => {}
    }
}

fn order(case: &Case, _: &mut Tally) -> Result<(), String> {
    let first = &case.planned;
    let text = |plan: &Plan| json!(plan).to_string();
    let before = text(&first.plan);
    if before != text(&case.plan_anew().plan) {
        return Err("the same input twice gives two plans".to_owned());
    }
    let mut rng = Rng::new(case.seed ^ 0x0bde_0bde);
    let mut azure = case.azure.clone();
    rng.shuffle(&mut azure.accounts);
    rng.shuffle(&mut azure.assignments);
    rng.shuffle(&mut azure.deleted);
    if before != text(&again(case, &azure).plan) {
        return Err("the order of live things counts".to_owned());
    }
    let mut trees = case.specs.trees.clone();
    for tree in &mut trees {
        shuffle_lists(tree, &mut rng);
    }
    rng.shuffle(&mut trees);
    let read = arm::parse(&trees.iter().map(specs::yaml).collect::<Vec<_>>());
    let seen = arm::read(&read.stacks, &azure, &case.blindness);
    let shuffled = arm::plan(&read, &seen.snapshot, case.caller);
    let (one, two) = (without_order(first), without_order(&shuffled));
    if one == two { Ok(()) } else { Err(format!("the order in the specs counts:\n{one}\n{two}")) }
}

fn unread(case: &Case, tally: &mut Tally) -> Result<(), String> {
    let planned = &case.planned;
    let visible: Vec<String> = case
        .seen
        .accounts
        .iter()
        .map(|body| body["id"].as_str().unwrap_or_default().to_lowercase())
        .chain(case.seen.assignments.iter().map(key_of_assignment))
        .collect();
    for (change, key) in planned.plan.changes.iter().zip(&planned.keys) {
        let account = !key.contains('|');
        let veils = if account { &case.seen.blind_accounts } else { &case.seen.blind_assignments };
        let scope = key.split('|').next().unwrap_or_default();
        let veiled = veils.iter().any(|veil| within(scope, veil));
        if veiled && !visible.contains(key) {
            tally.hidden += 1;
            if change.action != Action::Unknown {
                return Err(format!("{key} could not be read and is {:?}", change.action));
            }
        }
        if veiled && change.action == Action::Delete {
            return Err(format!("{key} is deleted on the word of an incomplete list"));
        }
    }
    if !(case.seen.blind_accounts.is_empty() && case.seen.blind_assignments.is_empty())
        && planned.plan.incomplete.is_empty()
    {
        return Err("the plan does not say that something was not read".to_owned());
    }
    Ok(())
}

/// The condition that a spec declares of an assignment, in lower case: nothing where none speaks of it, and no text where it clears it.
fn declared_condition(case: &Case, key: &str) -> Option<String> {
    let mut grants = case.specs.grants.iter();
    let grant = grants.find(|grant| specs::grant_key(&grant.scope, &grant.principal, &grant.role) == *key)?;
    grant.entry.get("condition").map(|condition| condition.as_str().unwrap_or_default().to_lowercase())
}

fn guarded(case: &Case, tally: &mut Tally) -> Result<(), String> {
    if !judge::has_roles() {
        return Ok(());
    }
    let planned = &case.planned;
    if planned.plan.is_refused() {
        return Ok(());
    }
    tally.judged += 1;
    let mut seen = Azure::default();
    let item = |body: &Value| Item { body: body.clone(), label: Label::Stranger };
    seen.accounts = case.seen.accounts.iter().map(item).collect();
    seen.assignments = case.seen.assignments.iter().map(item).collect();
    let held = all_held(&seen);
    let deleted: Vec<&String> = by_action(planned, Action::Delete).collect();
    if deleted.len() > 10 * case.specs.trees.len() {
        return Err(format!("{} deletes pass", deleted.len()));
    }
    let made: Vec<judge::Held> = by_action(planned, Action::Create)
        .filter(|key| key.contains('|'))
        .map(|key| {
            let parts: Vec<&str> = key.split('|').collect();
            judge::Held {
                scope: parts[0].to_owned(),
                principal: parts[1].to_owned(),
                role: parts[2].to_owned(),
                condition: declared_condition(case, key).unwrap_or_default(),
                gone: arm::is_gone(parts[1]),
            }
        })
        .collect();
    for new in &made {
        if judge::power(&new.role).grows {
            return Err(format!("a role that could become more passes: {new:?}"));
        }
        if !new.scope.contains("/resourcegroups/") {
            return Err(format!("a grant above every group passes: {new:?}"));
        }
    }
    let key = |held: &judge::Held| specs::grant_key(&held.scope, &held.principal, &held.role);
    let mut after: Vec<judge::Held> =
        held.iter().filter(|held| !deleted.contains(&&key(held))).cloned().collect();
    after.extend(made);
    for (change, key_of_change) in planned.plan.changes.iter().zip(&planned.keys) {
        if change.action != Action::Update || !key_of_change.contains('|') {
            continue;
        }
        let was =
            held.iter().find(|held| key(held) == *key_of_change).ok_or("an update of what is not there")?;
        let Some(now) = declared_condition(case, key_of_change) else { continue };
        let bare = |text: &str| text.split_whitespace().collect::<String>();
        let elsewhere = held
            .iter()
            .any(|held| held.role == was.role && held.principal == was.principal && held.scope != was.scope);
        if !was.condition.is_empty() && bare(&was.condition) != bare(&now) && !elsewhere {
            return Err(format!("changing the condition of {key_of_change} passes"));
        }
        for held in after.iter_mut().filter(|held| key(held) == *key_of_change) {
            held.condition.clone_from(&now);
        }
    }
    for item in &seen.accounts {
        let id = key_of_item(item);
        if deleted.contains(&&id) {
            return Err(format!("deleting account {id} passes"));
        }
        let written = by_action(planned, Action::Update).any(|key| *key == id);
        let before = openness(&item.body);
        let account = judge::declared(&case.specs, &id).filter(|_| written);
        let mut now = account.map_or_else(|| before.clone(), |account| opened(before.clone(), account));
        // Keys that wait for a grant stay as they are; which, the reference says.
        let writes_keys = |change: &PlannedChange| change.patch().contains_key("disableLocalAuth");
        let changes = planned.plan.changes.iter().zip(&planned.keys).filter(|(_, key)| **key == id);
        if !changes.map(|(change, _)| change).any(writes_keys) {
            now.keys_off = before.keys_off;
        }
        let own = item.body["identity"]["principalId"].as_str().unwrap_or_default();
        let could = !before.keys_off || somebody_could_call(&id, own, &held);
        if could && now.keys_off && !somebody_calls(&id, own, &after) {
            return Err(format!("nobody can call {id} any more"));
        }
        if let Some(what) = judge::opens(&id, &before, &now) {
            return Err(format!("{id} opens ({what}): from {before:?} to {now:?}"));
        }
    }
    for id in by_action(planned, Action::Create).filter(|key| !key.contains('|')) {
        if let Some(what) =
            judge::declared(&case.specs, id).and_then(|account| judge::opens_anew(id, account))
        {
            return Err(format!("new account {id} lets in {what}"));
        }
    }
    Ok(())
}

/// Prints the case of `KEYLESS_SEED`, to debug a failure.
#[test]
#[ignore = "a tool: KEYLESS_SEED=7 cargo test --test it one_case -- --ignored --nocapture"]
fn one_case_in_full() {
    let seed = setting("KEYLESS_SEED").unwrap_or(0);
    let case = Case::new(seed);
    for tree in &case.specs.trees {
        println!("{}", specs::yaml(tree));
    }
    for item in case.azure.accounts.iter().chain(&case.azure.assignments) {
        println!("{:?} {:#}", item.label, item.body);
    }
    println!("deleted {:#?}\n{:?}", case.azure.deleted, case.blindness);
    println!("{:#}", serde_json::json!(case.plan_anew().plan));
}

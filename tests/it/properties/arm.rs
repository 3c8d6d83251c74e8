//! Azure's answers to the queries of a run, and the run itself: spec text to plan, all of it pure.
//!
//! Answers follow ARM.md §9: a list of role assignments shows what is at, above and below its scope.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use serde_json::{Value, json};

use keyless::checks;
use keyless::diff::{Change, diff};
use keyless::document::{Plan, Requests, Target, TargetKind};
use keyless::finding::Severity;
use keyless::guards;
use keyless::kinds::Live;
use keyless::kinds::desired::{Desired, resolved};
use keyless::kinds::{Survey, missing};
use keyless::plan;
use keyless::plan::predict::World;
use keyless::snapshot::{Answer, Query, Refusal, Shape, Snapshot};
use keyless::spec::variables::VariableInputs;
use keyless::spec::{self, Loaded};
use keyless::text::source::Sources;

use super::live::Azure;
use super::rng::Rng;
use super::specs::{MANAGEMENT_GROUP, SUBSCRIPTIONS, grant_key};

/// What the caller may not read.
#[derive(Debug, Clone, Default)]
pub(super) struct Blindness {
    pub(super) accounts: Option<Veil>,
    pub(super) assignments: Option<Veil>,
}

#[derive(Debug, Clone)]
pub(super) struct Veil {
    /// In lower case.
    pub(super) scope: String,
    /// Whether Azure refuses, or does not manage to answer.
    pub(super) denied: bool,
}

impl Blindness {
    pub(super) fn generate(subscriptions: &[String], groups: &[String], rng: &mut Rng) -> Self {
        let mut blindness = Self::default();
        if !rng.chance(25) {
            return blindness;
        }
        let veil = |rng: &mut Rng| {
            let denied = rng.chance(50);
            let scope = if denied && rng.chance(50) { rng.pick(groups) } else { rng.pick(subscriptions) };
            Some(Veil { scope: scope.to_lowercase(), denied })
        };
        if rng.chance(60) {
            blindness.accounts = veil(rng);
        }
        if rng.chance(60) {
            blindness.assignments = veil(rng);
        }
        blindness
    }
}

/// What was read of a case: the answers, what they showed, and of which scopes nothing is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) snapshot: Snapshot,
    pub(super) accounts: Vec<Value>,
    pub(super) assignments: Vec<Value>,
    pub(super) deleted: Vec<Value>,
    /// The scopes whose lists showed an assignment, by its id in lower case.
    pub(super) shown_by: BTreeMap<String, BTreeSet<String>>,
    pub(super) blind_accounts: Vec<String>,
    pub(super) blind_assignments: Vec<String>,
    /// Principals that the directory does not know.
    pub(super) gone: BTreeSet<String>,
    /// Subscriptions whose assignments could be listed in parts only.
    pub(super) partial: Vec<String>,
}

pub(super) fn within(scope: &str, outer: &str) -> bool {
    let (scope, outer) = (scope.to_lowercase(), outer.to_lowercase());
    let outer = outer.trim_end_matches('/');
    scope == outer || scope.starts_with(&format!("{outer}/"))
}

/// Whether what is assigned at a scope holds at another: within it, or below its management group.
pub(super) fn holds_at(scope: &str, at: &str) -> bool {
    let first = format!("/subscriptions/{}", SUBSCRIPTIONS[0]);
    within(scope, at) || (at.eq_ignore_ascii_case(MANAGEMENT_GROUP) && within(scope, &first))
}

pub(super) fn scope_of(assignment: &Value) -> &str {
    assignment["properties"]["scope"].as_str().unwrap_or_default()
}

/// Asks until no query is open.
pub(super) fn read(stacks: &[Loaded], azure: &Azure, blindness: &Blindness) -> Seen {
    let mut seen = Seen::default();
    seen.snapshot.today = Some(TODAY);
    let mut refused: Vec<(&'static str, String, bool)> = Vec::new();
    for _ in 0..10 {
        let open = missing(&Survey::of(stacks, &seen.snapshot));
        if open.is_empty() {
            break;
        }
        for query in open {
            let (kind, answer) = answer(&query, azure, blindness);
            if answer.refusal().is_some() {
                refused.push((kind, query.scope.to_string(), matches!(answer, Answer::Denied(_))));
            }
            if let Answer::Found(items) = &answer {
                let shown = match kind {
                    "accounts" => &mut seen.accounts,
                    "roleAssignments" => &mut seen.assignments,
                    "deletedAccounts" => &mut seen.deleted,
                    _ => &mut Vec::new(),
                };
                if kind == "roleAssignments" {
                    for item in items {
                        let id = item["id"].as_str().unwrap_or_default().to_lowercase();
                        let principal = item["properties"]["principalId"].as_str().unwrap_or_default();
                        seen.gone.extend(is_gone(principal).then(|| principal.to_lowercase()));
                        seen.shown_by.entry(id).or_default().insert(query.scope.to_string());
                    }
                }
                let items: Vec<Value> = items.iter().map(|item| (**item).clone()).collect();
                shown.extend(items.into_iter().filter(|item| !shown.contains(item)).collect::<Vec<_>>());
            }
            seen.snapshot.insert(&query, answer);
        }
    }
    assert!(missing(&Survey::of(stacks, &seen.snapshot)).is_empty(), "reading does not come to an end");
    // Of all that is checked before a plan may promise anything, these cases have whether somebody exists.
    for query in checks::missing(Survey::of(stacks, &seen.snapshot)) {
        if matches!(query.shape, Shape::Directory(_)) {
            let known = known(&query).into_iter().map(|id| json!({"id": id}));
            seen.snapshot.insert(&query, Answer::found(known));
        }
    }
    for (kind, scope, denied) in refused {
        // A subscription that may not be listed is asked for in parts: what those lists hide is all that is hidden.
        let subscription = scope.matches('/').count() == 2;
        let itself = stacks.iter().any(|loaded| {
            let id = format!("/subscriptions/{}", loaded.spec.subscription);
            id.eq_ignore_ascii_case(&scope)
                && loaded.spec.role_assignments.iter().any(|entry| entry.scope.as_str() == "subscription")
        });
        if kind == "roleAssignments" && denied && subscription {
            seen.partial.push(scope.clone());
        }
        match kind {
            "accounts" if !(denied && subscription) => seen.blind_accounts.push(scope),
            "roleAssignments" if !(denied && subscription) || itself => seen.blind_assignments.push(scope),
            _ => {}
        }
    }
    seen
}

pub(super) fn answer(query: &Query, azure: &Azure, blindness: &Blindness) -> (&'static str, Answer) {
    let path = query.path.split('?').next().unwrap_or_default();
    let scope = query.scope.as_str();
    let refusal = |veil: &Option<Veil>| {
        let veil = veil.as_ref()?;
        let hidden =
            within(scope, &veil.scope) || (within(&veil.scope, scope) && scope.starts_with("/subscriptions"));
        let refusal = Refusal { message: format!("failed to list {scope}"), hint: None };
        let answer = if veil.denied { Answer::Denied(refusal) } else { Answer::Failed(refusal) };
        hidden.then_some(answer)
    };
    let found =
        |items: Vec<&Value>| Answer::found(items.into_iter().map(|item| (query.project)(item.clone())));
    let absent = || Answer::Absent { code: "ResourceGroupNotFound".to_owned() };
    let group_gone = azure.missing_groups.iter().any(|group| within(scope, group));
    match path.rsplit('/').next() {
        Some("accounts") => {
            let list = azure.accounts.iter().map(|item| &item.body);
            let list = list.filter(|body| within(body["id"].as_str().unwrap_or_default(), scope)).collect();
            let answer = || if group_gone { absent() } else { found(list) };
            ("accounts", refusal(&blindness.accounts).unwrap_or_else(answer))
        }
        Some("deletedAccounts") => {
            let list = azure
                .deleted
                .iter()
                .filter(|body| within(body["id"].as_str().unwrap_or_default(), scope))
                .collect();
            ("deletedAccounts", refusal(&blindness.accounts).unwrap_or_else(|| found(list)))
        }
        Some("roleAssignments") => {
            let above_only = query.path.contains("atScope()");
            let list = azure.assignments.iter().map(|item| &item.body).filter(|body| {
                let at = scope_of(body);
                holds_at(scope, at) || (!above_only && within(at, scope))
            });
            let list = list.collect();
            ("roleAssignments", refusal(&blindness.assignments).unwrap_or_else(|| found(list)))
        }
        // Nobody activates a role in these cases; tests/it/product/promises/mod.rs has who does.
        Some("roleAssignmentScheduleInstances") => ("activations", found(Vec::new())),
        // Another generator makes the contents of accounts.
        Some(
            "raiPolicies"
            | "raiBlocklists"
            | "raiBlocklistItems"
            | "defenderForAISettings"
            | "deployments"
            | "projects"
            | "capabilityHosts"
            | "sqlRoleAssignments"
            | "connections",
        ) => ("children", found(Vec::new())),
        Some("getByIds") => {
            ("directory", Answer::found(known(query).into_iter().map(|id| json!({"id": id}))))
        }
        Some("graph:names") => ("directory", found(Vec::new())),
        Some("roleDefinitions") => ("roles", found(Vec::new())),
        _ => {
            let group =
                json!({"id": scope, "name": scope.rsplit('/').next(), "tags": {"keyless-stack": "alpha"}});
            ("group", if group_gone { absent() } else { found(vec![&group]) })
        }
    }
}

/// The day of these runs.
pub(super) const TODAY: Date = Date::constant(2026, 11, 26);

/// Whether the directory knows a principal: by the first letter of its id, most of those that somebody declares it does.
pub(super) fn is_gone(principal: &str) -> bool {
    principal.starts_with(['f', 'F', '7', '3'])
}

/// Those of the ids asked about that the directory knows.
fn known(query: &Query) -> Vec<String> {
    let Shape::Directory(parts) = &query.shape else { return Vec::new() };
    let ids = parts.iter().filter_map(|part| part.body.as_ref()?["ids"].as_array());
    let ids = ids.flatten().filter_map(Value::as_str).filter(|id| !is_gone(id));
    ids.map(str::to_owned).collect()
}

/// Specs that were read, with their places.
pub(super) struct Read {
    pub(super) stacks: Vec<Loaded>,
    pub(super) sources: Sources,
}

/// Reads spec texts, each by itself and then all together, as a run over several files does.
pub(super) fn parse(texts: &[String]) -> Read {
    let mut sources = Sources::default();
    let mut stacks = Vec::new();
    for text in texts {
        let (loaded, findings) = spec::read(
            &["-".into()],
            &VariableInputs::default(),
            &mut sources,
            text.as_bytes(),
            keyless::kinds::check,
        );
        let wrong: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
        assert!(wrong.is_empty(), "the generator made a spec with errors: {wrong:?}\n{text}");
        stacks.extend(loaded);
    }
    let findings = keyless::kinds::check(&stacks);
    let wrong: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    assert!(wrong.is_empty(), "the generator made specs that do not go together: {wrong:?}");
    Read { stacks, sources }
}

/// The plan, guards included, and what each of its changes is about.
pub(super) struct Planned {
    pub(super) plan: Plan,
    /// Account id, or scope, principal and role; in lower case; in the order of the plan's changes.
    pub(super) keys: Vec<String>,
}

pub(super) fn plan(read: &Read, snapshot: &Snapshot, caller: Option<&str>) -> Planned {
    let diff = diff(&read.stacks, resolved(&read.stacks, snapshot), snapshot);
    let keys = diff.changes.iter().map(key_of).collect();
    let target = Target { kind: TargetKind::Sandbox, cloud: None, endpoint: None };
    let mut plan = plan::plan(diff, &[], &read.sources, target, Requests::default());
    let caller = caller.and_then(|id| uuid::Uuid::try_parse(id).ok());
    let refusals = guards::judge(&plan, &World::of(snapshot), caller, &[]);
    plan.findings.extend(refusals);
    plan.findings.sort();
    Planned { plan, keys }
}

fn key_of(change: &Change) -> String {
    let of_spec = |desired: &Desired| match desired.kind.name() {
        "roleAssignments" => {
            let text = |name: &str| {
                let value = desired.declared.get(name).and_then(Value::as_str);
                value.unwrap_or_default().to_owned()
            };
            let role = text("roleDefinitionId");
            grant_key(
                desired.scope.as_str(),
                &text("principalId"),
                role.rsplit('/').next().unwrap_or_default(),
            )
        }
        _ => desired.id.to_string().to_lowercase(),
    };
    let of_live = |live: &Live| match live.kind.name() {
        "roleAssignments" => key_of_assignment(&live.body),
        _ => live.id.to_string().to_lowercase(),
    };
    match change {
        Change::Delete { live, .. } | Change::Unmanaged { live, .. } => of_live(live),
        declared => declared.desired().map(of_spec).unwrap_or_default(),
    }
}

pub(super) fn key_of_assignment(body: &Value) -> String {
    let text = |name: &str| body["properties"][name].as_str().unwrap_or_default();
    let role = text("roleDefinitionId").rsplit('/').next().unwrap_or_default();
    grant_key(scope_of(body), text("principalId"), role)
}

/// Codes of the guards that refuse a plan, without their common beginning.
pub(super) fn guard_codes(plan: &Plan) -> Vec<String> {
    let refusals = plan.findings.iter().filter(|finding| finding.is_refusal());
    let mut codes: Vec<String> = refusals
        .map(|finding| finding.code.as_str())
        .map(|code| code.strip_prefix("guard-").unwrap_or(code).to_owned())
        .collect();
    codes.sort();
    codes.dedup();
    codes
}

/// The state of Azure after a plan: the predicted resources, completed as the service does.
pub(super) fn carried_out(plan: &Plan, seen: &Seen, azure: &Azure) -> Azure {
    let world = World::of(&seen.snapshot).after(plan);
    let mut after = Azure { missing_groups: azure.missing_groups.clone(), ..Azure::default() };
    let stranger = |body: Value| super::live::Item { body, label: super::live::Label::Stranger };
    for (id, body) in world.resources {
        let mut body = Arc::unwrap_or_clone(body);
        let lower = id.as_str().to_lowercase();
        if let Some((scope, _)) = lower.rsplit_once("/providers/microsoft.authorization/roleassignments/") {
            let scope = if scope.is_empty() { "/" } else { &id.as_str()[..scope.len()] };
            body["properties"]["scope"] = json!(scope);
            after.assignments.push(stranger(body));
        } else if lower.contains("/deletedaccounts/") {
            let name = lower.rsplit('/').next().unwrap_or_default().to_owned();
            let made = |item: &super::live::Item| {
                item.body["name"].as_str().is_some_and(|other| other.eq_ignore_ascii_case(&name))
            };
            if !after.accounts.iter().any(made) {
                after.deleted.push(body);
            }
        } else if lower.contains("/microsoft.cognitiveservices/accounts/") {
            after.accounts.push(stranger(body));
        }
    }
    let brought_back: Vec<String> =
        after.accounts.iter().filter_map(|item| item.body["name"].as_str()).map(str::to_lowercase).collect();
    after.deleted.retain(|body| {
        !body["name"].as_str().is_some_and(|name| brought_back.contains(&name.to_lowercase()))
    });
    after
}

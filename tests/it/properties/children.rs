//! What stands in accounts and workspaces: cases at random, each child with what a plan must say of it.
//!
//! The generator writes down its expectation while it makes a child, from how it made it: absent, as declared, with one field altered,
//! marked by whom. Nothing here asks the code under test what it thinks.

#![expect(clippy::unwrap_used, reason = "a generator that breaks its own shapes has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use keyless::document::{Action, Step, StepAction};
use keyless::kinds::{Survey, missing};
use keyless::plan::predict::World;
use keyless::snapshot::{Answer, Query, Refusal, Snapshot};
use keyless::spec::Loaded;

use super::arm::{self, Planned, Read};
use super::rng::Rng;
use super::{cases, seeds, specs};

const SUBSCRIPTION: &str = specs::SUBSCRIPTIONS[0];
const STACK: &str = "alpha";
/// The kinds that have a place for a mark.
const MARKED: [&str; 3] = ["raiPolicies", "deployments", "projects"];

/// What a plan must say of a child.
#[derive(Debug, Clone, PartialEq)]
struct Expected {
    action: Action,
    /// Of updates and refused updates.
    paths: Vec<String>,
}

#[derive(Debug, Default)]
struct Case {
    tree: Value,
    /// Live bodies by id in lower case.
    live: BTreeMap<String, Value>,
    /// Lists that cannot be read, and whether Azure refuses.
    hidden: BTreeMap<String, bool>,
    expected: BTreeMap<String, Expected>,
    /// Altered fields of which the spec lets Azure do as it likes.
    excused: usize,
}

/// A child as made: in spec shape, in ARM shape, and how each of its fields could differ.
struct Made {
    element: Value,
    body: Value,
    alterations: Vec<Alteration>,
}

/// A field, where it is in a body, another value for it, and what a plan makes of that.
struct Alteration {
    path: &'static str,
    pointer: &'static str,
    value: Value,
    action: Action,
}

fn alter(path: &'static str, pointer: &'static str, value: Value) -> Alteration {
    Alteration { path, pointer, value, action: Action::Update }
}

fn body(id: &str, arm_type: &str, properties: &Value) -> Value {
    json!({"id": id, "name": id.rsplit('/').next(), "type": arm_type, "etag": "\"e\"", "systemData": {"createdBy": "x"},
        "properties": properties})
}

fn tags(made: &mut Made, rng: &mut Rng) {
    if rng.chance(30) {
        made.element["tags"] = json!({"team": "ml"});
        made.body["tags"] = json!({"Team": "ml", "by": "hand"});
        made.alterations.push(alter("tags.team", "/tags", json!({"team": "other", "by": "hand"})));
    }
}

fn rai_policy(id: &str, rng: &mut Rng) -> Made {
    let filters = json!([
        {"name": "Hate", "source": "Prompt", "enabled": true, "blocking": true, "severityThreshold": "Low"},
        {"name": "Hate", "source": "Completion", "enabled": true, "blocking": false},
    ]);
    let mut made = Made {
        element: json!({"name": id.rsplit('/').next()}),
        body: body(
            id,
            "Microsoft.CognitiveServices/accounts/raiPolicies",
            &json!({"type": "UserManaged", "mode": "Blocking", "basePolicyName": "Microsoft.Default", "contentFilters": filters, "invented": 1}),
        ),
        alterations: Vec::new(),
    };
    if rng.chance(60) {
        made.element["mode"] = json!("Blocking");
        made.alterations.push(alter("mode", "/properties/mode", json!("Default")));
    }
    if rng.chance(60) {
        made.element["basePolicyName"] = json!("Microsoft.Default");
        made.alterations.push(alter(
            "basePolicyName",
            "/properties/basePolicyName",
            json!("Microsoft.DefaultV2"),
        ));
    }
    if rng.chance(70) {
        let mut declared = filters.as_array().unwrap().clone();
        rng.shuffle(&mut declared);
        made.element["contentFilters"] = json!(declared);
        let (mut flipped, mut fewer, mut more) = (filters.clone(), filters.clone(), filters.clone());
        flipped[1]["blocking"] = json!(true);
        fewer.as_array_mut().unwrap().pop();
        more.as_array_mut().unwrap().push(json!({"name": "Violence", "source": "Prompt"}));
        for value in [flipped, fewer, more] {
            made.alterations.push(alter("contentFilters", "/properties/contentFilters", value));
        }
    }
    tags(&mut made, rng);
    made
}

fn deployment(id: &str, policies: &[String], rng: &mut Rng) -> Made {
    let policy = if rng.chance(60) { rng.pick(policies).clone() } else { "Microsoft.DefaultV2".to_owned() };
    let upgrade =
        *rng.pick(&["OnceNewDefaultVersionAvailable", "OnceCurrentVersionExpired", "NoAutoUpgrade"]);
    let mut properties = json!({
        "model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-08-06", "publisher": "OpenAI"},
        "versionUpgradeOption": upgrade, "raiPolicyName": policy, "currentCapacity": 3, "provisioningState": "Succeeded",
        "capabilities": {"chatCompletion": "true"}, "rateLimits": [{"key": "request"}], "spilloverDeploymentName": "other",
    });
    let mut element = json!({"name": id.rsplit('/').next(), "model": {"format": "OpenAI", "name": "gpt-4o"}});
    let mut alterations = vec![Alteration {
        path: "model.name",
        pointer: "/properties/model/name",
        value: json!("gpt-4"),
        action: Action::Refused,
    }];
    if rng.chance(70) {
        element["sku"] = json!({"name": "GlobalStandard", "capacity": 3});
        alterations.push(alter("sku.capacity", "/sku/capacity", json!(9)));
        alterations.push(alter("sku.name", "/sku/name", json!("Standard")));
    }
    if rng.chance(50) {
        element["raiPolicyName"] = json!(policy);
        alterations.push(alter("raiPolicyName", "/properties/raiPolicyName", json!("Microsoft.Other")));
    }
    let declares = rng.chance(50);
    if declares {
        element["versionUpgradeOption"] = json!(upgrade);
        let other = if upgrade == "NoAutoUpgrade" { "OnceCurrentVersionExpired" } else { "NoAutoUpgrade" };
        // Together with a version, what moved it would not be known.
        alterations.push(alter("versionUpgradeOption", "/properties/versionUpgradeOption", json!(other)));
    } else if rng.chance(30) {
        properties.as_object_mut().unwrap().remove("versionUpgradeOption");
    }
    if rng.chance(60) {
        element["model"]["version"] = json!("2024-08-06");
        let may = declares && upgrade != "NoAutoUpgrade";
        for (value, newer) in [("2024-11-20", true), ("2024-05-13", false)] {
            let action = if may && newer { Action::Noop } else { Action::Update };
            let (path, pointer) = ("model.version", "/properties/model/version");
            alterations.push(Alteration { path, pointer, value: json!(value), action });
        }
    }
    let mut made = Made {
        element,
        body: body(id, "Microsoft.CognitiveServices/accounts/deployments", &properties),
        alterations,
    };
    made.body["sku"] = json!({"name": "GlobalStandard", "capacity": 3});
    tags(&mut made, rng);
    made
}

fn project(id: &str, rng: &mut Rng) -> Made {
    let mut made = Made {
        element: json!({"name": id.rsplit('/').next()}),
        body: body(
            id,
            "Microsoft.CognitiveServices/accounts/projects",
            &json!({"displayName": "Team", "description": "by hand", "isDefault": true, "endpoints": {"AI Foundry API": "https://x/"},
                "internalId": "i", "provisioningState": "Succeeded"}),
        ),
        alterations: Vec::new(),
    };
    let name = id.rsplit('/').next().unwrap_or_default();
    let account = id.rsplit('/').nth(2).unwrap_or_default();
    made.body["name"] = json!(format!("{account}/{name}"));
    made.body["kind"] = json!("AIServices");
    made.body["location"] = json!("eastus2");
    made.body["identity"] = json!({"type": "SystemAssigned", "principalId": "p", "tenantId": "t"});
    for (field, pointer, value) in [
        ("displayName", "/properties/displayName", "Team"),
        ("description", "/properties/description", "by hand"),
    ] {
        if rng.chance(50) {
            made.element[field] = json!(value);
            made.alterations.push(alter(field, pointer, json!("otherwise")));
        }
    }
    if rng.chance(30) {
        made.element["location"] = json!("East US 2");
        let (path, pointer) = ("location", "/location");
        made.alterations.push(Alteration { path, pointer, value: json!("westus3"), action: Action::Refused });
    }
    if rng.chance(40) {
        made.element["identity"] = json!("SystemAssigned");
        made.alterations.push(alter("identity.systemAssigned", "/identity", json!({"type": "None"})));
    }
    tags(&mut made, rng);
    made
}

fn connection(id: &str, arm_type: &str, rng: &mut Rng) -> Made {
    let auth = *rng.pick(&["AAD", "AAD", "ApiKey", "ManagedIdentity", "None"]);
    let mut element = json!({"name": id.rsplit('/').next(), "category": "AIServices", "authType": auth});
    let mut properties = json!({
        "category": "AIServices", "authType": auth, "target": "https://x.example.com/", "credentials": null, "group": "AzureAI",
        "metadata": {"apitype": "Azure", "ApiVersion": "2024-02-01"}, "isSharedToAll": true, "sharedUserList": [], "isDefault": true,
        "expiryTime": null, "error": null, "peStatus": "NotApplicable",
    });
    // Without what it signs in with, nothing of such a connection can be written.
    let credentials = match auth {
        "ApiKey" if rng.chance(70) => Some(json!({"key": "${secret.KEY}"})),
        "ManagedIdentity" if rng.chance(60) => Some(json!({"clientId": "c", "resourceId": "r"})),
        "ManagedIdentity" if rng.chance(50) => Some(json!({})),
        _ => None,
    };
    let action = match (auth, &credentials) {
        ("ApiKey" | "ManagedIdentity", None) => Action::Refused,
        _ => Action::Update,
    };
    if let Some(credentials) = credentials {
        element["credentials"] = credentials;
    }
    let was = if auth == "AAD" { "ApiKey" } else { "AAD" };
    let mut alterations = vec![
        alter("category", "/properties/category", json!("AzureOpenAI")),
        alter("authType", "/properties/authType", json!(was)),
    ];
    if rng.chance(70) {
        element["target"] = json!("https://x.example.com/");
        alterations.push(alter("target", "/properties/target", json!("https://y.example.com/")));
    }
    if rng.chance(50) {
        element["metadata"] = json!({"ApiType": "Azure"});
        alterations.push(alter("metadata.ApiType", "/properties/metadata", json!({"ApiType": "other"})));
    }
    if rng.chance(40) {
        element["isSharedToAll"] = json!(true);
        alterations.push(alter("isSharedToAll", "/properties/isSharedToAll", json!(false)));
    } else if rng.chance(30) {
        element["isSharedToAll"] = json!(false);
        properties.as_object_mut().unwrap().remove("isSharedToAll");
    }
    for alteration in &mut alterations {
        alteration.action = action;
    }
    Made { element, body: body(id, arm_type, &properties), alterations }
}

/// How a case is to be.
struct Plan<'a> {
    case: &'a mut Case,
    adopt: bool,
    prune: bool,
    calm: bool,
    rng: &'a mut Rng,
}

impl Plan<'_> {
    /// Puts a list of children below a parent, declared and not, live and not. `standing` says whether the parent is live.
    fn list(
        &mut self,
        parent: &str,
        kind: &'static str,
        standing: bool,
        make: impl Fn(&str, &mut Rng) -> Made,
    ) -> Option<Vec<Value>> {
        if self.rng.chance(35) {
            // Not asked, so not answered.
            if standing && self.rng.chance(50) {
                let id = format!("{parent}/{kind}/unasked");
                let made = make(&id, self.rng);
                self.put(&id, made.body, Some(STACK));
            }
            return None;
        }
        let list = format!("{parent}/{kind}").to_lowercase();
        if standing && self.rng.chance(6) {
            let denied = self.rng.chance(50);
            self.case.hidden.insert(list.clone(), denied);
        }
        // A connection's name is unique in an account and all its projects.
        let whose = parent.split_once("/projects/").map_or_else(String::new, |(_, name)| format!("{name}-"));
        let mut elements = Vec::new();
        for number in 0..self.rng.below(4) {
            let id = format!("{parent}/{kind}/{whose}{}-{number}", kind.trim_end_matches('s'));
            let mut made = make(&id, self.rng);
            let expected = self.declared(
                &id,
                kind,
                standing && !self.case.hidden.contains_key(&list),
                standing,
                &mut made,
            );
            self.case.expected.insert(id.to_lowercase(), expected);
            elements.push(made.element);
        }
        if standing {
            self.undeclared(parent, kind, &list, &make);
        }
        self.rng.shuffle(&mut elements);
        Some(elements)
    }

    fn put(&mut self, id: &str, mut body: Value, mark: Option<&str>) {
        body["id"] = json!(self.rng.recase(id));
        if let Some(mark) = mark {
            let tags = body["tags"].as_object().cloned().unwrap_or_default();
            let mut tags: Map<String, Value> = tags;
            tags.insert("keyless-stack".to_owned(), json!(mark));
            body["tags"] = Value::Object(tags);
        }
        self.case.live.insert(id.to_lowercase(), body);
    }

    fn declared(&mut self, id: &str, kind: &str, seen: bool, standing: bool, made: &mut Made) -> Expected {
        let say = |action| Expected { action, paths: Vec::new() };
        if !standing || self.rng.chance(if self.calm { 4 } else { 20 }) {
            let keyless = made.element["authType"] == "ApiKey" && made.element.get("credentials").is_none();
            return say(match (seen || !standing, keyless) {
                (false, _) => Action::Unknown,
                (true, true) => Action::Refused,
                (true, false) => Action::Create,
            });
        }
        let markable = MARKED.contains(&kind);
        let mark = match self.rng.below(20) {
            _ if !markable => None,
            0..=11 => Some(STACK),
            12..=18 => None,
            _ => Some(specs::FOREIGN),
        };
        let differs = !self.calm && !made.alterations.is_empty() && self.rng.chance(45);
        let mut expected = say(Action::Noop);
        if differs {
            let at = self.rng.below(made.alterations.len());
            let alteration = &made.alterations[at];
            match made.body.pointer_mut(alteration.pointer) {
                Some(place) => *place = alteration.value.clone(),
                None => {
                    // A model's upgrade option that is not shown, or a list that was not there.
                    let (parent, name) = alteration.pointer.rsplit_once('/').unwrap();
                    made.body.pointer_mut(parent).unwrap()[name] = alteration.value.clone();
                }
            }
            expected.action = alteration.action;
            if alteration.action == Action::Noop {
                self.case.excused += 1;
            } else {
                expected.paths.push(alteration.path.to_owned());
                if alteration.action == Action::Update {
                    let unshown = made.element["credentials"].as_object();
                    expected.paths.extend(
                        unshown
                            .into_iter()
                            .flat_map(|map| map.keys().map(|name| format!("credentials.{name}"))),
                    );
                }
            }
        }
        let body = made.body.clone();
        self.put(id, body, mark);
        if !seen {
            return say(Action::Unknown);
        }
        if mark == Some(specs::FOREIGN) {
            return say(Action::Refused);
        }
        if expected.action == Action::Noop && mark.is_none() && markable && self.adopt {
            return say(Action::Adopt);
        }
        expected
    }

    fn undeclared(
        &mut self,
        parent: &str,
        kind: &'static str,
        list: &str,
        make: &impl Fn(&str, &mut Rng) -> Made,
    ) {
        for number in 0..self.rng.below(3) {
            let id = format!("{parent}/{kind}/extra-{number}");
            let body = make(&id, self.rng).body;
            let markable = MARKED.contains(&kind);
            let mark = match self.rng.below(10) {
                _ if !markable => None,
                0..=4 => Some(STACK),
                5..=8 => None,
                _ => Some(specs::FOREIGN),
            };
            self.put(&id, body, mark);
            let action = match mark {
                _ if self.case.hidden.contains_key(list) => continue,
                Some(STACK) if self.prune => Action::Delete,
                // It is beside a declared list, whatever its mark says.
                _ => Action::UnmanagedDrift,
            };
            self.case.expected.insert(id.to_lowercase(), Expected { action, paths: Vec::new() });
        }
        if kind == "raiPolicies" {
            let id = format!("{parent}/raiPolicies/Microsoft.DefaultV2");
            let mut own = make(&id, self.rng).body;
            own["properties"]["type"] = json!("SystemManaged");
            self.put(&id, own, None);
        }
    }
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0xc41d_0000);
        let mut case = Case::default();
        let (adopt, prune, calm) = (rng.chance(35), !rng.chance(20), rng.chance(30));
        let mut tree = json!({"version": 1, "stack": STACK, "subscription": SUBSCRIPTION, "resourceGroup": "rg-a",
            "location": "eastus2", "adopt": adopt, "prune": if prune { "owned" } else { "none" }});
        let mut plan = Plan { case: &mut case, adopt, prune, calm, rng: &mut rng };
        let mut accounts = Vec::new();
        for number in 0..plan.rng.between(1, 3) {
            let id = format!(
                "{}/providers/Microsoft.CognitiveServices/accounts/acct-{number}",
                specs::group_id(SUBSCRIPTION, "rg-a")
            );
            accounts.push(account(&mut plan, &id));
        }
        tree["accounts"] = json!(accounts);
        if plan.rng.chance(40) {
            let id = format!(
                "{}/providers/Microsoft.MachineLearningServices/workspaces/hub",
                specs::group_id(SUBSCRIPTION, "rg-hub")
            );
            let standing = plan.rng.chance(80);
            let arm_type = "Microsoft.MachineLearningServices/workspaces/connections";
            let list = plan.list(&id, "connections", standing, |id, rng| connection(id, arm_type, rng));
            if standing {
                plan.put(&id, json!({"name": "hub"}), None);
            } else {
                for (key, expected) in &mut plan.case.expected {
                    if key.starts_with(&format!("{}/", id.to_lowercase())) {
                        expected.action = Action::Refused;
                    }
                }
            }
            let mut workspace = json!({"name": "hub", "resourceGroup": "rg-hub"});
            if let Some(list) = list {
                workspace["connections"] = json!(list);
            }
            tree["workspaces"] = json!([workspace]);
        }
        case.tree = tree;
        case.settle();
        case
    }

    /// What follows from one list for others.
    fn settle(&mut self) {
        // An absent child of what could not be read is not known either.
        let unknown: Vec<String> = self
            .expected
            .iter()
            .filter(|(_, expected)| expected.action == Action::Unknown)
            .map(|(key, _)| key.clone())
            .collect();
        let mut named: BTreeMap<String, String> = BTreeMap::new();
        for account in self.tree["accounts"].as_array().into_iter().flatten() {
            let prefix = format!(
                "{}/providers/microsoft.cognitiveservices/accounts/{}",
                specs::group_id(SUBSCRIPTION, "rg-a").to_lowercase(),
                account["name"].as_str().unwrap_or_default()
            );
            for deployment in account["deployments"].as_array().into_iter().flatten() {
                let text = |name: &str| deployment[name].as_str().unwrap_or_default().to_lowercase();
                named.insert(
                    format!("{prefix}/deployments/{}", text("name")),
                    format!("{prefix}/raipolicies/{}", text("raiPolicyName")),
                );
            }
        }
        let blind: Vec<String> =
            self.hidden.keys().filter_map(|list| list.rsplit('/').next().map(str::to_owned)).collect();
        for (key, expected) in &mut self.expected {
            let stands_on =
                |other: &String| key.starts_with(&format!("{other}/")) || named.get(key) == Some(other);
            if matches!(expected.action, Action::Create | Action::Refused)
                && !self.live.contains_key(key)
                && unknown.iter().any(stands_on)
            {
                expected.action = Action::Unknown;
            }
            // An incomplete list of a kind permits no delete of that kind in the subscription.
            let kind = key.rsplit('/').nth(1).unwrap_or_default();
            if expected.action == Action::Delete && blind.iter().any(|other| other == kind) {
                expected.action = Action::UnmanagedDrift;
            }
        }
        // What may be meant to take its place comes first; and filters wait for all that is deleted in their account.
        let unmet = |expected: &Expected| matches!(expected.action, Action::Refused | Action::Unknown);
        if self.expected.values().any(unmet) {
            let goes = |key: &String, expected: &Expected| {
                let serves = ["/deployments/", "/projects/"].iter().any(|list| key.contains(list));
                serves && expected.action == Action::Delete
            };
            let held = self.expected.iter().filter(|(key, expected)| goes(key, expected));
            let held: BTreeSet<String> = held.map(|(key, _)| key.clone()).collect();
            let account = |key: &str| key.split('/').take(9).collect::<Vec<_>>().join("/");
            let near: BTreeSet<String> = held.iter().map(|key| account(key)).collect();
            for (key, expected) in &mut self.expected {
                let waits = key.contains("/raipolicies/") && near.contains(&account(key));
                if expected.action == Action::Delete && (waits || held.contains(key)) {
                    expected.action = Action::Refused;
                }
            }
        }
    }
}

fn account(plan: &mut Plan<'_>, id: &str) -> Value {
    let name = id.rsplit('/').next().unwrap_or_default();
    let (standing, keys_off) = (plan.rng.chance(80), plan.rng.chance(60));
    if standing {
        let mut body = body(
            id,
            "Microsoft.CognitiveServices/accounts",
            &json!({"customSubDomainName": name, "disableLocalAuth": keys_off, "allowProjectManagement": true, "provisioningState": "Succeeded"}),
        );
        body["location"] = json!("eastus2");
        body["kind"] = json!("AIServices");
        body["sku"] = json!({"name": "S0"});
        plan.put(id, body, Some(STACK));
    }
    let mut account = json!({"name": name, "disableLocalAuth": true});
    let policies = plan.list(id, "raiPolicies", standing, rai_policy);
    let mut names = vec!["Microsoft.Default".to_owned()];
    names.extend(policies.iter().flatten().filter_map(|each| each["name"].as_str().map(str::to_owned)));
    let deployments = plan.list(id, "deployments", standing, |id, rng| deployment(id, &names, rng));
    let mut projects = plan.list(id, "projects", standing, project);
    for project in projects.iter_mut().flatten() {
        let parent = format!("{id}/projects/{}", project["name"].as_str().unwrap_or_default());
        let there = plan.case.live.contains_key(&parent.to_lowercase());
        let arm_type = "Microsoft.CognitiveServices/accounts/projects/connections";
        let list = plan.list(&parent, "connections", there, |id, rng| connection(id, arm_type, rng));
        if let Some(list) = list {
            project["connections"] = json!(list);
        }
    }
    let arm_type = "Microsoft.CognitiveServices/accounts/connections";
    let connections = plan.list(id, "connections", standing, |id, rng| connection(id, arm_type, rng));
    for (field, list) in [
        ("raiPolicies", policies),
        ("deployments", deployments),
        ("projects", projects),
        ("connections", connections),
    ] {
        if let Some(list) = list {
            account[field] = json!(list);
        }
    }
    account
}

/// What Azure answers of a state.
fn answer(query: &Query, live: &BTreeMap<String, Value>, hidden: &BTreeMap<String, bool>) -> Answer {
    let path = query.path.split('?').next().unwrap_or_default().to_lowercase();
    let below = |parent: &str| -> Vec<Value> {
        let prefix = format!("{parent}/");
        let ours = |key: &&String| key.strip_prefix(&prefix).is_some_and(|name| !name.contains('/'));
        live.keys().filter(ours).map(|key| (query.project)(live[key].clone())).collect()
    };
    if let Some(denied) = hidden.get(&path) {
        let refusal = Refusal { message: format!("failed to list {path}"), hint: None };
        return if *denied { Answer::Denied(refusal) } else { Answer::Failed(refusal) };
    }
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let is_list =
        ["raipolicies", "deployments", "projects", "connections"].iter().any(|list| path.ends_with(list));
    if is_list && !live.contains_key(parent) {
        return Answer::Absent { code: "ResourceNotFound".to_owned() };
    }
    if is_list {
        return Answer::found(below(&path));
    }
    // All accounts are in one group; the subscription's list shows them.
    if let Some(subscription) = path.strip_suffix("/providers/microsoft.cognitiveservices/accounts") {
        let list =
            format!("{subscription}/resourcegroups/rg-a/providers/microsoft.cognitiveservices/accounts");
        return Answer::found(below(if subscription.contains("/resourcegroups/") { &path } else { &list }));
    }
    Answer::found(Vec::new())
}

fn see(stacks: &[Loaded], live: &BTreeMap<String, Value>, hidden: &BTreeMap<String, bool>) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for _ in 0..10 {
        for query in missing(&Survey::of(stacks, &snapshot)) {
            let answer = answer(&query, live, hidden);
            snapshot.insert(&query, answer);
        }
    }
    assert!(missing(&Survey::of(stacks, &snapshot)).is_empty(), "reading does not come to an end");
    snapshot
}

/// What the service fills in once it has taken a write.
fn completed(mut body: Value) -> Value {
    let kind = body["id"].as_str().and_then(|id| id.rsplit('/').nth(1)).unwrap_or_default().to_lowercase();
    let filled = match kind.as_str() {
        "deployments" => vec![
            ("/sku", json!({"name": "Standard"})),
            ("/sku/capacity", json!(1)),
            ("/properties/versionUpgradeOption", json!("OnceNewDefaultVersionAvailable")),
            ("/properties/raiPolicyName", json!("Microsoft.DefaultV2")),
            ("/properties/model/version", json!("2024-05-13")),
            ("/properties/model/publisher", json!("OpenAI")),
        ],
        "connections" => vec![
            ("/properties/isSharedToAll", json!(false)),
            ("/properties/metadata", json!({})),
            ("/properties/group", json!("AzureAI")),
        ],
        _ => Vec::new(),
    };
    for (pointer, value) in filled {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        if let Some(Value::Object(map)) = body.pointer_mut(parent) {
            map.entry(name).or_insert(value);
        }
    }
    if kind == "connections" {
        // Whatever was sent, it is not shown.
        body["properties"]["credentials"] = Value::Null;
    }
    body
}

/// The live state once a plan is carried out; what was not seen stays.
fn carried_out(case: &Case, snapshot: &Snapshot, planned: &Planned) -> BTreeMap<String, Value> {
    let mut after = case.live.clone();
    let world = World::of(snapshot).after(&planned.plan);
    for step in &planned.plan.steps {
        if step.action == StepAction::Delete {
            after.remove(&step.target.to_lowercase());
        }
    }
    for (id, body) in world.resources {
        after.insert(id.as_str().to_lowercase(), completed(Arc::unwrap_or_clone(body)));
    }
    after
}

fn judge(case: &Case, read: &Read) -> Result<BTreeSet<String>, String> {
    let snapshot = see(&read.stacks, &case.live, &case.hidden);
    let planned = arm::plan(read, &snapshot, None);
    let mut covered = BTreeSet::new();
    let mut open = case.expected.clone();
    for (change, key) in
        planned.plan.changes.iter().zip(&planned.keys).filter(|(change, _)| change.kind != "accounts")
    {
        let expected = open
            .remove(key)
            .ok_or_else(|| format!("{key} is {:?}, and nothing is expected", change.action))?;
        let mut paths: Vec<String> = change.fields.iter().map(|field| field.path.join(".")).collect();
        let mut wanted = expected.paths.clone();
        paths.sort();
        wanted.sort();
        let told = matches!(change.action, Action::Update)
            || (change.action == Action::Refused && !wanted.is_empty());
        if change.action != expected.action || (told && paths != wanted) {
            return Err(format!(
                "{key} is {:?} {paths:?}, expected {expected:?}: {:?}",
                change.action, change.reason
            ));
        }
        covered.insert(format!("{} {:?}", change.kind, change.action));
        covered.insert(format!("{:?}", change.action));
    }
    if let Some((key, expected)) = open.first_key_value() {
        return Err(format!("nothing is said of {key}, expected {expected:?}"));
    }
    for (kind, guard) in [("deployments", "delete-deployment"), ("projects", "delete-project")] {
        let deletes =
            planned.plan.steps.iter().any(|step| step.action == StepAction::Delete && step.kind == kind);
        if arm::guard_codes(&planned.plan).contains(&guard.to_owned()) != deletes {
            return Err(format!("the guard of {kind} speaks where none goes, or is silent"));
        }
    }
    let steps = &planned.plan.steps;
    for (index, step) in steps.iter().enumerate() {
        if step.needs.iter().any(|need| *need >= index) {
            return Err(format!("step {index} needs a later one"));
        }
        if step.patch.get("disableLocalAuth") == Some(&json!(true)) && step.action == StepAction::Update {
            // Keys go off once the deployments exist.
            let model = format!("{}/deployments/", step.target.to_lowercase());
            let is_model = |other: &&Step| {
                other.target.to_lowercase().starts_with(&model) && other.action != StepAction::Delete
            };
            let waited = steps.iter().filter(is_model).count();
            let needed = step.needs.iter().map(|need| &steps[*need]);
            let (models, others): (Vec<&Step>, Vec<&Step>) = needed.partition(is_model);
            if models.len() != waited || others.iter().any(|other| other.target != step.target) {
                return Err(format!(
                    "keys go off after {models:?} and {others:?}, with {waited} models written"
                ));
            }
            covered.insert(format!("keys that wait for {} models", waited.min(1)));
        }
    }
    // The same answers in another order give the same bytes, and a plan after its predicted apply is empty.
    if json!(arm::plan(read, &snapshot, None).plan) != json!(planned.plan) {
        return Err("the same input twice gives two plans".to_owned());
    }
    let after = carried_out(case, &snapshot, &planned);
    let second = arm::plan(read, &see(&read.stacks, &after, &case.hidden), None);
    if let Some(step) = second.plan.steps.first() {
        return Err(format!("{:?} of {} is left: {}", step.action, step.target, json!(step.patch)));
    }
    Ok(covered)
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn plans_say_of_every_child_what_its_making_demands() {
    let total = cases() * 2 / 3;
    let (mut covered, mut excused, mut broken) = (BTreeMap::<String, u64>::new(), 0, Vec::new());
    for seed in seeds(total) {
        let case = Case::new(seed);
        excused += case.excused;
        let read = arm::parse(&[specs::yaml(&case.tree)]);
        match judge(&case, &read) {
            Ok(seen) => seen.into_iter().for_each(|what| *covered.entry(what).or_default() += 1),
            Err(why) => broken.push(format!("seed {seed}: {why}")),
        }
    }
    println!("{total} cases, {excused} versions that Azure moved; cases by what occurs: {covered:?}");
    assert!(
        broken.is_empty(),
        "{} breaches, such as\n{}",
        broken.len(),
        broken[..broken.len().min(5)].join("\n")
    );
    for action in ["Create", "Adopt", "Update", "Delete", "Noop", "UnmanagedDrift", "Unknown", "Refused"] {
        let count = covered.get(action).copied().unwrap_or_default();
        assert!(count * 10 >= total, "{action} occurs in {count} of {total} cases only");
    }
    for kind in ["raiPolicies", "deployments", "projects", "connections", "workspaceConnections"] {
        let count = covered.get(&format!("{kind} Update")).copied().unwrap_or_default();
        assert!(count * 50 >= total, "{kind} are updated in {count} of {total} cases only");
    }
    assert!(excused > 0, "no version was moved");
    for count in [0, 1] {
        assert!(covered.contains_key(&format!("keys that wait for {count} models")), "{covered:?}");
    }
}

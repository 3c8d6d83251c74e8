//! What holds for every export of a generated Azure, judged by the labels and marks of the generator.

use std::collections::BTreeSet;

use keyless::document::Action;
use keyless::export::{Exported, Unexportable, Wanted, export, queries};
use keyless::finding::{Code, Severity};
use keyless::id::ResourceId;
use keyless::kinds::{Survey, missing};
use keyless::snapshot::{Answer, Query, Snapshot};
use serde_json::json;

use super::arm::{self, Blindness, key_of_assignment, scope_of, within};
use super::fuzz::mutate;
use super::live::Azure;
use super::*;

/// Asks until nothing is wanted any more.
fn snapshot(wanted: impl Fn(&Snapshot) -> Vec<Query>, world: &World, blindness: &Blindness) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for wave in 0.. {
        let mut open = wanted(&snapshot);
        open.retain(|query| snapshot.get(query).is_none());
        if open.is_empty() {
            break;
        }
        assert!(wave < 8, "no end of questions");
        for query in open {
            snapshot.insert(&query, world.answer(&query, blindness));
        }
    }
    snapshot
}

/// The contents of an account: one of each kind.
fn children(account: &Value, rng: &mut Rng) -> Vec<Value> {
    let Some(id) = account["id"].as_str() else { return Vec::new() };
    let mut all = Vec::new();
    let mut put = |path: &str, body: Value| {
        let mut body = body;
        body["id"] = json!(format!("{id}/{path}"));
        all.push(body);
    };
    if ["AIServices", "OpenAI"].iter().any(|kind| account["kind"] == *kind) {
        let filter = json!({"name": "Hate", "source": "Prompt", "enabled": true, "blocking": true, "severityThreshold": "Low", "x": null});
        let policy = json!({"properties": {"mode": "Blocking", "basePolicyName": "Microsoft.DefaultV2", "contentFilters": [filter], "type": "UserManaged"}});
        put("raiPolicies/strict", policy);
        put("raiPolicies/Microsoft.Default", json!({"properties": {"type": "SystemManaged"}}));
        let model =
            json!({"format": "OpenAI", "name": "gpt-4o", "version": "2024-08-06", "callRateLimit": null});
        let deployment = json!({"sku": {"name": "Standard", "capacity": 1 + rng.below(9)}, "properties": {"model": model, "raiPolicyName": "strict", "provisioningState": "Succeeded"}});
        put("deployments/chat", deployment);
    }
    let holds_projects = account["properties"]["allowProjectManagement"] == true;
    let auth = *rng.pick(&["AAD", "ApiKey", "CustomKeys"]);
    let connection = json!({"properties": {"category": "CognitiveSearch", "target": "https://s", "authType": auth, "credentials": null, "metadata": {"${x}": "${y}"}}});
    if holds_projects || account["kind"] == "AIServices" {
        put("connections/search", connection.clone());
    }
    if holds_projects {
        put("projects/team/connections/search", connection);
        put(
            "projects/team",
            json!({"location": account["location"], "identity": {"type": "SystemAssigned"}, "properties": {"displayName": "a: #b", "description": null}}),
        );
    }
    all
}

/// Whose mark a body carries, read from the text alone.
fn owner(body: &Value) -> Option<String> {
    let tag = body["tags"].as_object().into_iter().flatten();
    let mut tag = tag.filter(|(name, _)| name.eq_ignore_ascii_case("keyless-stack"));
    let text = body["properties"]["description"].as_str().unwrap_or_default();
    let mark = text.trim_end().strip_suffix(']').and_then(|text| Some(text.rsplit_once("[keyless:")?.1));
    tag.next().and_then(|(_, value)| value.as_str()).or(mark).map(str::to_owned)
}

/// What came of a case: nothing, a refusal, or a spec, with how many things it declares and leaves out.
#[derive(Debug, Default)]
struct Tally {
    nothing: u64,
    refused: u64,
    unread: u64,
    declared: usize,
    left_out: usize,
}

/// A generated Azure, and which part is exported; every second one is damaged.
struct World {
    azure: Azure,
    /// Deployments, content filters, projects and connections.
    children: Vec<Value>,
    wanted: Wanted,
    damaged: bool,
}

impl World {
    fn new(seed: u64) -> Option<Self> {
        let mut rng = Rng::new(seed);
        let specs = specs::generate(&mut rng);
        let mut azure = live::generate(&specs, &mut rng);
        let id = ResourceId::parse(azure.accounts.first()?.body["id"].as_str()?).ok()?;
        let wanted = Wanted {
            subscription: ResourceId::subscription(id.subscription_id()?),
            group: id.segment_after("resourceGroups").filter(|_| rng.chance(70)).map(str::to_owned),
            account: None,
            stack: specs.trees[0]["stack"].as_str()?.to_owned(),
        };
        let mut children: Vec<Value> =
            azure.accounts.iter().flat_map(|item| children(&item.body, &mut rng)).collect();
        let damaged = seed % 2 == 1;
        for _ in 0..if damaged { 3 } else { 0 } {
            let list = if rng.chance(60) { &mut azure.accounts } else { &mut azure.assignments };
            let count = list.len().max(1);
            if let Some(item) = list.get_mut(rng.below(count)) {
                let id = item.body["id"].clone();
                mutate(&mut item.body, &mut rng);
                if item.body.is_object() {
                    item.body["id"] = id;
                }
            }
        }
        for _ in 0..if damaged { 2 } else { 0 } {
            let count = children.len().max(1);
            if let Some(child) = children.get_mut(rng.below(count)) {
                let id = child["id"].clone();
                mutate(child, &mut rng);
                if child.is_object() {
                    child["id"] = id;
                }
            }
        }
        Some(Self { azure, children, wanted, damaged })
    }

    fn answer(&self, query: &Query, blindness: &Blindness) -> Answer {
        match arm::answer(query, &self.azure, blindness) {
            ("children", Answer::Found(_)) => {
                let list = query.path.split('?').next().unwrap_or_default().to_lowercase();
                let is_in = |child: &&Value| {
                    let id = child["id"].as_str().unwrap_or_default().to_lowercase();
                    id.rsplit_once('/').is_some_and(|(holder, _)| holder == list)
                };
                Answer::found(self.children.iter().filter(is_in).cloned().map(query.project))
            }
            (_, answer) => answer,
        }
    }

    fn export(&self, blindness: &Blindness) -> Result<Exported, Unexportable> {
        export(&self.wanted, &snapshot(|snapshot| queries(&self.wanted, snapshot), self, blindness))
    }

    fn is_ours(&self, body: &Value) -> bool {
        owner(body).is_none_or(|owner| owner == self.wanted.stack)
    }

    /// The ids of the accounts that are asked for: those that the stack may declare, and those of others.
    fn accounts(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let scope = self.wanted.scope().to_string();
        let id = |body: &Value| body["id"].as_str().unwrap_or_default().to_lowercase();
        let inside =
            self.azure.accounts.iter().map(|item| &item.body).filter(|body| within(&id(body), &scope));
        let (ours, others): (Vec<&Value>, Vec<&Value>) = inside.partition(|body| self.is_ours(body));
        (ours.into_iter().map(id).collect(), others.into_iter().map(id).collect())
    }

    /// What an exported spec must declare: everything without a mark or with this stack's.
    fn expected(&self) -> BTreeSet<String> {
        let (mut expected, _) = self.accounts();
        let mut scopes = expected.clone();
        let group = |id: &String| id.split("/providers/").next().unwrap_or_default().to_owned();
        scopes.extend(expected.iter().map(group));
        let assignments = self.azure.assignments.iter().map(|item| &item.body);
        let near =
            assignments.filter(|body| self.is_ours(body) && scopes.contains(&scope_of(body).to_lowercase()));
        expected.extend(near.map(key_of_assignment));
        let ids = self.children.iter().map(|child| child["id"].as_str().unwrap_or_default().to_lowercase());
        let accounts = scopes.iter().filter(|scope| scope.contains("/accounts/")).cloned();
        let accounts: Vec<String> = accounts.collect();
        let held = ids.filter(|id| accounts.iter().any(|account| within(id, account)));
        // Azure's own filters, and what specs have no word for.
        let strange = |id: &String| id.contains("microsoft.default") || self.is_strange(id);
        expected.extend(held.filter(|id| !strange(id)));
        expected
    }

    /// Whether it is a connection that signs in in a way that specs do not know.
    fn is_strange(&self, id: &str) -> bool {
        let is = |child: &&Value| child["id"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(id));
        self.children.iter().find(is).is_some_and(|child| child["properties"]["authType"] == "CustomKeys")
    }
}

/// What a later run, which reads spec and Azure again, finds in sync.
fn unchanged(exported: &Exported, world: &World) -> Result<BTreeSet<String>, String> {
    let read = arm::parse(&[exported.text()]);
    let anew =
        snapshot(|snapshot| missing(&Survey::of(&read.stacks, snapshot)), world, &Blindness::default());
    let planned = arm::plan(&read, &anew, None);
    let mut same = BTreeSet::new();
    for (change, key) in planned.plan.changes.iter().zip(&planned.keys) {
        match change.action {
            Action::Noop => _ = same.insert(key.clone()),
            action if action.is_undeclared() => {}
            action => return Err(format!("{action:?} of {key}")),
        }
    }
    match planned.plan.findings.iter().find(|finding| finding.severity == Severity::Error) {
        Some(error) => Err(error.message.clone()),
        None => Ok(same),
    }
}

/// Whether an error says that this resource is left out, by its own name or its container's.
fn is_told(id: &str, exported: &Exported) -> bool {
    let names: Vec<&str> =
        id.split('/').skip_while(|segment| *segment != "accounts").skip(1).step_by(2).collect();
    let left_out = exported.findings.iter().filter(|finding| finding.severity == Severity::Error);
    let mut left_out = left_out.map(|finding| finding.message.to_lowercase());
    left_out.any(|message| names.iter().any(|name| message.contains(&format!("`{name}` is left out"))))
}

fn hold(seed: u64, tally: &mut Tally) -> Result<(), String> {
    let Some(world) = World::new(seed) else {
        tally.nothing += 1;
        return Ok(());
    };
    let exported = match world.export(&Blindness::default()) {
        Ok(exported) => exported,
        Err(Unexportable::Nothing { .. } | Unexportable::NoGroup(_)) => {
            tally.nothing += 1;
            return Ok(());
        }
        Err(Unexportable::Undeclarable { reason, .. }) if reason.contains("would be deleted") => {
            tally.refused += 1;
            return Ok(());
        }
        Err(Unexportable::Undeclarable { reason, .. }) => return Err(reason),
        Err(Unexportable::Unread(_)) if world.damaged => {
            tally.refused += 1;
            return Ok(());
        }
        Err(Unexportable::Unread(refusal)) => return Err(format!("unread: {}", refusal.message)),
    };
    let same = unchanged(&exported, &world).map_err(|why| format!("{why}\n{}", exported.text()))?;
    tally.declared += same.len();
    tally.left_out += exported.findings.iter().filter(|finding| finding.code == Code::LeftOut).count();
    if world.damaged {
        return Ok(());
    }
    let expected = world.expected();
    let lost: Vec<&String> = expected.difference(&same).collect();
    if let Some(id) = lost.into_iter().find(|id| !is_told(id, &exported)) {
        let told: Vec<&str> = exported.findings.iter().map(|finding| finding.message.as_str()).collect();
        return Err(format!("{id} is neither declared nor told\n{}\n{told:#?}", exported.text()));
    }
    if let Some(foreign) = world.accounts().1.intersection(&same).next() {
        return Err(format!("{foreign} is another stack's"));
    }
    // If a part is hidden, there is no spec.
    let veil = Some(arm::Veil { scope: world.wanted.scope().to_string().to_lowercase(), denied: false });
    let blindness = match seed % 4 {
        0 => Blindness { accounts: veil, assignments: None },
        _ => Blindness { accounts: None, assignments: veil },
    };
    match world.export(&blindness) {
        Err(Unexportable::Unread(_)) => tally.unread += 1,
        other => return Err(format!("with a part hidden: {:?}", other.map(|exported| exported.text()))),
    }
    Ok(())
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_export_plans_no_change_and_loses_nothing() {
    let mut tally = Tally::default();
    // Each reads a world five times over.
    let total = (cases() / 4).min(500);
    let broken: Vec<String> = seeds(total)
        .filter_map(|seed| hold(seed, &mut tally).err().map(|why| format!("seed {seed}: {why}")))
        .collect();
    println!("{total} exports: {tally:?}");
    assert!(
        broken.is_empty(),
        "{} breaches, such as\n{}",
        broken.len(),
        broken[..broken.len().min(3)].join("\n")
    );
    assert!(tally.unread * 4 > total && tally.declared as u64 > total * 2 && tally.left_out > 0, "{tally:?}");
}

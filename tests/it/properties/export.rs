//! What holds for every export of a generated Azure, judged by the labels and marks of the generator.

use std::collections::BTreeSet;

use keyless::export::{Unexportable, Wanted, export, queries};
use keyless::finding::{Code, Severity};
use keyless::id::ResourceId;
use keyless::plan::document::Action;
use keyless::snapshot::Snapshot;

use super::arm::{self, Blindness, key_of_assignment, scope_of, within};
use super::live::Azure;
use super::*;

/// Reads as the command does.
fn snapshot(wanted: &Wanted, azure: &Azure, blindness: &Blindness) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for wave in 0.. {
        let mut open = queries(wanted, &snapshot);
        open.retain(|query| snapshot.get(query).is_none());
        if open.is_empty() {
            break;
        }
        assert!(wave < 8, "no end of questions");
        for query in open {
            let (_, answer) = arm::answer(&query, azure, blindness);
            snapshot.insert(&query, answer);
        }
    }
    snapshot
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

fn hold(seed: u64, tally: &mut Tally) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let specs = specs::generate(&mut rng);
    let azure = live::generate(&specs, &mut rng);
    let tree = &specs.trees[0];
    let Some(first) = azure.accounts.first() else {
        tally.nothing += 1;
        return Ok(());
    };
    let id = ResourceId::parse(first.body["id"].as_str().unwrap_or_default())
        .map_err(|error| error.to_string())?;
    let wanted = Wanted {
        subscription: ResourceId::subscription(id.subscription_id().unwrap_or_default()),
        group: id.segment_after("resourceGroups").filter(|_| rng.chance(70)).map(str::to_owned),
        account: None,
        stack: tree["stack"].as_str().unwrap_or_default().to_owned(),
    };
    let scope = wanted.scope().to_string();
    let snapshot = snapshot(&wanted, &azure, &Blindness::default());
    let exported = match export(&wanted, &snapshot) {
        Ok(exported) => exported,
        Err(Unexportable::Nothing { .. } | Unexportable::NoGroup(_)) => {
            tally.nothing += 1;
            return Ok(());
        }
        Err(Unexportable::Undeclarable { .. }) => {
            tally.refused += 1;
            return Ok(());
        }
        Err(Unexportable::Unread(refusal)) => return Err(format!("unread: {}", refusal.message)),
    };
    // A later run reads the spec, and Azure, anew.
    let read = arm::parse(&[exported.text()]);
    let seen = arm::read(&read.stacks, &azure, &Blindness::default());
    let planned = arm::plan(&read, &seen.snapshot, None);
    let mut same = BTreeSet::new();
    for (change, key) in planned.plan.changes.iter().zip(&planned.keys) {
        match change.action {
            Action::Noop => _ = same.insert(key.clone()),
            Action::Unmanaged | Action::UnmanagedDrift => {}
            action => return Err(format!("{action:?} of {key}\n{}", exported.text())),
        }
    }
    if let Some(error) = planned.plan.findings.iter().find(|finding| finding.severity == Severity::Error) {
        return Err(format!("{}\n{}", error.message, exported.text()));
    }
    // Whatever is nobody's or this stack's is declared; whatever is another's is not.
    let left_out = exported.findings.iter().filter(|finding| finding.code == Code::LeftOut).count();
    let accounts = azure.accounts.iter().map(|item| &item.body);
    let accounts: Vec<&Value> =
        accounts.filter(|body| within(body["id"].as_str().unwrap_or_default(), &scope)).collect();
    let ours = |body: &&Value| owner(body).is_none_or(|owner| owner == wanted.stack);
    let mut expected: BTreeSet<String> = BTreeSet::new();
    let mut scopes: BTreeSet<String> = BTreeSet::new();
    for body in accounts.iter().copied().filter(ours) {
        let id = body["id"].as_str().unwrap_or_default().to_lowercase();
        scopes.insert(id.split("/providers/").next().unwrap_or_default().to_owned());
        scopes.insert(id.clone());
        expected.insert(id);
    }
    for body in azure.assignments.iter().map(|item| &item.body).filter(ours) {
        if scopes.contains(&scope_of(body).to_lowercase()) {
            expected.insert(key_of_assignment(body));
        }
    }
    let lost: Vec<&String> = expected.difference(&same).collect();
    if lost.len() > exported.findings.iter().filter(|finding| finding.severity == Severity::Error).count() {
        return Err(format!(
            "{lost:?} are neither declared nor told\n{}\n{:?}",
            exported.text(),
            exported.findings
        ));
    }
    for body in accounts.iter().copied().filter(|body| !ours(body)) {
        let id = body["id"].as_str().unwrap_or_default().to_lowercase();
        if same.contains(&id) {
            return Err(format!("{id} is another stack's"));
        }
    }
    tally.declared += same.len();
    tally.left_out += left_out;
    // With a part of it hidden there is no spec.
    let list = if rng.chance(50) { "accounts" } else { "assignments" };
    let veil = Some(arm::Veil { scope: scope.to_lowercase(), denied: false });
    let blindness = match list {
        "accounts" => Blindness { accounts: veil, assignments: None },
        _ => Blindness { accounts: None, assignments: veil },
    };
    match export(&wanted, &self::snapshot(&wanted, &azure, &blindness)) {
        Err(Unexportable::Unread(_)) => tally.unread += 1,
        other => return Err(format!("with {list} hidden: {:?}", other.map(|exported| exported.text()))),
    }
    Ok(())
}

#[test]
fn an_export_plans_no_change_and_loses_nothing() {
    let mut tally = Tally::default();
    // Each reads a world five times over.
    let total = cases() / 4;
    let broken: Vec<String> = (0..total)
        .filter_map(|seed| hold(seed, &mut tally).err().map(|why| format!("seed {seed}: {why}")))
        .collect();
    println!("{total} exports: {tally:?}");
    assert!(
        broken.is_empty(),
        "{} breaches, such as\n{}",
        broken.len(),
        broken[..broken.len().min(3)].join("\n")
    );
    assert!(tally.unread * 2 > total && tally.declared as u64 > total * 2 && tally.left_out > 0, "{tally:?}");
}

//! The findings of all shards, and what is found only in all of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{Action, FindingEntry, Plan};
use crate::finding::{Code, Severity};

/// More deletes than these, in all stacks together, are refused.
const MOST_DELETES: usize = 10;

/// The findings of one run, from those of each shard. What every shard finds, because each loads all specs, one run finds once.
pub(super) fn merged(shards: Vec<Vec<FindingEntry>>) -> Vec<FindingEntry> {
    let mut found: BTreeMap<FindingEntry, (usize, usize)> = BTreeMap::new();
    let with_results = shards.iter().filter(|findings| !findings.is_empty()).count();
    for findings in shards {
        let mut here: BTreeMap<FindingEntry, usize> = BTreeMap::new();
        for finding in findings {
            *here.entry(finding).or_default() += 1;
        }
        for (finding, count) in here {
            let (most, shards) = found.entry(finding).or_default();
            *most = count.max(*most);
            *shards += 1;
        }
    }
    // One shard needs the `--allow` that another does not.
    found.retain(|finding, (_, shards)| finding.code != Code::UnusedAllow || *shards == with_results);
    found.into_iter().flat_map(|(finding, (count, _))| std::iter::repeat_n(finding, count)).collect()
}

/// An objection to deletes that are few in each stack and many in all.
pub(super) fn deletes_in_all(plan: &Plan, lifted: &[String]) -> Option<FindingEntry> {
    let judged: Vec<&str> = plan
        .findings
        .iter()
        .filter(|finding| finding.code == Code::GuardDeletes)
        .map(|finding| finding.message.as_str())
        .collect();
    let is_judged =
        |stack: &str| judged.iter().any(|message| message.contains(&format!("of stack `{stack}`")));
    let deleted = plan.changes.iter().filter(|change| change.action == Action::Delete);
    let unjudged: Vec<&str> =
        deleted.filter_map(|change| change.stack.as_deref()).filter(|stack| !is_judged(stack)).collect();
    let stacks: BTreeSet<&str> = unjudged.iter().copied().collect();
    if unjudged.len() <= MOST_DELETES || stacks.len() < 2 {
        return None;
    }
    let (count, stacks) = (unjudged.len(), stacks.len());
    let message = format!(
        "refusing to delete more than {MOST_DELETES} resources: the shards' plans delete {count} of {stacks} stacks in all"
    );
    let is_lifted = lifted.iter().any(|rule| rule == "deletes");
    let severity = if is_lifted { Severity::Note } else { Severity::Error };
    let hint = if is_lifted {
        "lifted by `--allow deletes`"
    } else {
        "if each of them is meant, merge with `--allow deletes`"
    };
    Some(FindingEntry {
        hint: Some(hint.to_owned()),
        ..FindingEntry::of(severity, Code::GuardDeletes, message)
    })
}

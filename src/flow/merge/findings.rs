//! The findings of all shards, and what is found only in all of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{Action, FindingEntry, Plan};
use crate::finding::{Code, Severity};

/// More deletes than these, in all stacks together, are refused.
const MOST_DELETES: usize = 10;

/// The findings of one run, from what is said of missing shards and then those of each shard. What every shard finds, because each loads
/// all specs, one run finds once.
pub(super) fn merged(lists: Vec<Vec<FindingEntry>>) -> Vec<FindingEntry> {
    let shards = lists.len().saturating_sub(1);
    // By what is said, with one of the findings that say it, and how many of them one shard has.
    let mut found: BTreeMap<FindingEntry, (FindingEntry, usize)> = BTreeMap::new();
    let mut idle: BTreeMap<String, Vec<FindingEntry>> = BTreeMap::new();
    for findings in lists {
        let mut here: BTreeMap<FindingEntry, (FindingEntry, usize)> = BTreeMap::new();
        for finding in findings {
            if finding.code == Code::UnusedAllow {
                let flag = finding.message.split(" has no effect").next().unwrap_or_default().to_owned();
                idle.entry(flag).or_default().push(finding);
                continue;
            }
            here.entry(without_request(&finding)).or_insert((finding, 0)).1 += 1;
        }
        for (said, (finding, count)) in here {
            let most = &mut found.entry(said).or_insert((finding, 0)).1;
            *most = count.max(*most);
        }
    }
    let once = found.into_values().flat_map(|(finding, count)| std::iter::repeat_n(finding, count));
    let mut all: Vec<FindingEntry> = once.collect();
    // One shard needs the `--allow` that another does not. The longest says what the guard does refuse.
    let unused = idle.into_values().filter(|findings| findings.len() >= shards);
    all.extend(unused.filter_map(|findings| {
        findings.into_iter().max_by_key(|finding| finding.hint.as_ref().map(String::len))
    }));
    all.sort();
    all
}

/// A finding without the id of the request whose answer it repeats: each shard sends its own.
fn without_request(finding: &FindingEntry) -> FindingEntry {
    FindingEntry {
        message: without_id(&finding.message),
        cause: finding.cause.as_deref().map(without_id),
        ..finding.clone()
    }
}

/// A text without the ids of requests in it.
pub(super) fn without_id(text: &str) -> String {
    const BEFORE: &str = "request ";
    let mut parts = text.split(BEFORE);
    let mut bare = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_hexdigit() || c == '-');
        let is_id = part.len() - rest.len() >= 8;
        bare.push_str(BEFORE);
        bare.push_str(if is_id { rest } else { part });
    }
    bare
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

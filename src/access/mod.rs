//! Who can call an account's models, through which role assignment, and whether keys are enabled.
//!
//! Pure. Takes live accounts and a snapshot of the role assignments around them; `changes` takes the predicted state of a plan instead.
//! Conditions and deny assignments are reported, never evaluated; members of groups are listed if asked for. Any account that was not read
//! completely is an error, since it must not look like "nobody".

pub(crate) mod changes;
mod holders;
mod members;
mod read;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use read::{AskedAccounts, Groups, queries};

use crate::accounts::Standing;
use crate::document::access::{Access, AccountAccess, DenyAssignment, NOT_EVALUATED, Through};
use crate::document::keys::Keys;
use crate::finding::{Code, Finding};
use crate::id::ResourceId;
use crate::kinds::role_assignment::denial::Denial;
use crate::principals::{self, known_names};
use crate::snapshot::{Answer, Refusal, Snapshot};
use crate::text::source::Sources;
use holders::holders;
use read::Around;

/// Who can call the models of these accounts.
#[must_use]
pub(crate) fn access(
    wanted: AskedAccounts<'_>,
    groups: Groups,
    standing: &[Standing],
    snapshot: &Snapshot,
    sources: &Sources,
) -> (Access, Vec<Finding>) {
    let around = Around::of(wanted, snapshot);
    let unread = wanted.unread(standing, snapshot);
    let names = known_names(wanted.stacks(), snapshot);
    let directory = read::directory(&around, standing, snapshot);
    let known = directory.and_then(known_to);
    let types = principals::types(directory);
    let mut findings = Vec::new();
    let mut accounts = Vec::new();
    for (account, unread) in standing.iter().zip(&unread) {
        let found =
            holders((&account.id, account.kind()), around.near(&account.id), around.roles, &names, &types);
        let mut principals = found.holders;
        if let Some(known) = &known {
            for holder in &mut principals {
                // A group from another tenant is in no directory that can be queried.
                holder.orphaned =
                    !known.contains(&holder.id.to_ascii_lowercase()) && holder.kind != "ForeignGroup";
            }
        }
        for through in principals.iter_mut().flat_map(|holder| &mut holder.through) {
            mark_temporary(through, snapshot);
        }
        let mut problems = gaps(account, unread);
        problems.extend(unjudged(account, &found.unjudged));
        accounts.push(AccountAccess {
            address: account.address.clone(),
            name: account.name().to_owned(),
            id: account.id.to_string(),
            kind: account.kind().map(str::to_owned),
            source: account.span.map(|span| sources.position(span)),
            keys: if account.takes_keys() { Keys::Enabled } else { Keys::Disabled },
            complete: problems.is_empty(),
            principals,
            deny_assignments: denials(account, snapshot),
        });
        findings.extend(problems);
    }
    if let Some(refusal) = directory.and_then(Answer::refusal) {
        let message = "could not look up names: principals are shown by their object ids";
        findings.push(Finding::note(Code::PrincipalUnread, message).cause(&refusal.message));
    }
    findings.extend(unchecked(&around, standing, snapshot));
    let groups = (groups == Groups::Opened).then(|| members::groups(&accounts, snapshot));
    findings.extend(groups.iter().flatten().filter_map(|group| members::unread(group, snapshot)));
    let mut not_evaluated = NOT_EVALUATED.map(str::to_owned).to_vec();
    not_evaluated.push(members::not_evaluated(groups.as_deref()).to_owned());
    let complete = accounts.iter().all(|account| account.complete);
    (Access { accounts, groups, not_evaluated, complete }, findings)
}

/// The object ids that the directory knows, if it answered.
fn known_to(answer: &Answer) -> Option<BTreeSet<String>> {
    let Answer::Found(items) = answer else { return None };
    Some(items.iter().filter_map(|item| Some(item["id"].as_str()?.to_ascii_lowercase())).collect())
}

/// Records whether an assignment is temporary.
fn mark_temporary(through: &mut Through, snapshot: &Snapshot) {
    let Ok(id) = ResourceId::parse(&through.assignment) else { return };
    if let Some(term) = snapshot.terms().ending(&id) {
        through.temporary = true;
        through.until = term.until().map(str::to_owned);
    }
}

/// The deny assignments on an account or above it.
fn denials(account: &Standing, snapshot: &Snapshot) -> Vec<DenyAssignment> {
    let query = read::denials(account);
    let listed = query.iter().flat_map(|query| snapshot.items(query)).filter_map(|body| Denial::of(body));
    // A subscription's list shows only the management groups above it.
    let above = |scope: &ResourceId| scope.subscription_id().is_none() || scope.contains(&account.id);
    let mut denials: Vec<DenyAssignment> = listed
        .filter(|denial| above(&denial.scope))
        .map(|denial| DenyAssignment { name: denial.name.to_owned(), scope: denial.scope.to_string() })
        .collect();
    denials.sort();
    denials
}

/// What could not be determined, without affecting who can call.
fn unchecked(around: &Around<'_>, standing: &[Standing], snapshot: &Snapshot) -> Vec<Finding> {
    // By scope: an unread scope has the same cause for all accounts.
    let temporary: BTreeMap<ResourceId, Refusal> = read::doubtful(around, standing)
        .into_iter()
        .filter_map(|doubt| doubt.unread(snapshot).map(|refusal| (doubt.at, refusal)))
        .collect();
    let temporary = temporary.into_iter().map(|(scope, refusal)| {
        let message = format!("could not determine which role assignments on `{scope}` are temporary");
        (message, refusal)
    });
    let mut denials: Vec<_> = standing.iter().filter_map(read::denials).collect();
    denials.sort();
    denials.dedup();
    let denials = denials.into_iter().filter_map(|query| {
        let message = format!("could not read the deny assignments of `{}`", query.scope);
        Some((message, snapshot.get(&query).and_then(Answer::refusal)?.clone()))
    });
    let unread = temporary.chain(denials);
    unread
        .map(|(message, refusal)| Finding::note(Code::NotChecked, message).cause(&refusal.message))
        .collect()
}

/// Why the assignments around an account could not all be read.
fn gaps(account: &Standing, unread: &[Refusal]) -> Vec<Finding> {
    let message = format!("could not fully determine who can call the models of {}", account.title());
    let finding = |refusal: &Refusal| {
        let finding = Finding::error(Code::IncompleteRead, &message).cause(&refusal.message);
        let hint = "assign the caller the Reader role on the subscription; the result is incomplete";
        Finding { span: account.span, ..finding.hint(hint) }
    };
    unread.iter().map(finding).collect()
}

/// Roles with unknown permissions whose assignments apply to the account.
fn unjudged(account: &Standing, roles: &BTreeMap<String, usize>) -> Vec<Finding> {
    let finding = |(role, count): (&String, &usize)| {
        let holders = if *count == 1 { "1 assignment" } else { &format!("{count} assignments") };
        let message = format!(
            "could not read role `{role}`: {holders} of it may allow calling the models of {}",
            account.title()
        );
        let finding = Finding::error(Code::RoleUnread, message)
            .hint("assign the caller the Reader role on the subscription, or look it up: az role definition list --name GUID");
        Finding { span: account.span, ..finding }
    };
    roles.iter().map(finding).collect()
}

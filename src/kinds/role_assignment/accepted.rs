//! What a spec accepts without declaring it: assignments `expected` until a day, and those of another team (`coManagedBy`).
//!
//! Pure. A role matches by its current or former name or its GUID; a live assignment's role is always known, so no name needs to be looked
//! up. An expectation for a principal that cannot be resolved matches nothing.

use jiff::civil::Date;
use uuid::Uuid;

use super::{roles, rules};
use crate::body::AssignmentBody;
use crate::finding::{Code, Finding, Severity};
use crate::id::ResourceId;
use crate::kinds::Live;
use crate::kinds::account::{groups_of, id_of};
use crate::principals::{self, Form, is_object_id};
use crate::rbac::{self, Catalogue, Named};
use crate::snapshot::Snapshot;
use crate::spec::model::{CoManager, Expected, ExpectedPrincipal, Principal, Spec};
use crate::spec::{Loaded, STACK_NAMES, is_stack_name};
use crate::text::day;

/// An assignment that a spec expects.
pub(super) struct Expectation<'a> {
    entry: &'a Expected,
    /// The stack whose spec says so.
    pub(super) stack: &'a str,
    principal: Uuid,
    /// The last day on which it applies.
    pub(super) until: Date,
    pub(super) reason: &'a str,
    /// Whether the principal is known only from a lock file.
    pub(super) locked: bool,
    /// Where it applies: to an account and its children, or to all accounts and groups of the stack. It excuses nothing for other stacks
    /// there.
    places: Vec<ResourceId>,
}

impl Expectation<'_> {
    /// Whether it matches a live assignment.
    pub(super) fn names(&self, live: &Live, roles: &Catalogue) -> bool {
        let said = AssignmentBody::of(&live.body);
        said.principal() == Some(self.principal)
            && said.role().is_some_and(|role| names(&self.entry.role, role, roles))
            && self.places.iter().any(|place| place.contains(&live.scope))
    }

    /// Whether it still applies; without a known day it does not.
    pub(super) fn holds_on(&self, today: Option<Date>) -> bool {
        today.is_some_and(|today| today <= self.until)
    }

    /// What a listing says about an assignment that it excuses.
    pub(super) fn excuse(&self) -> String {
        let whom = if self.locked { " (principal taken from the lock file, unverified)" } else { "" };
        format!("expected until {}{whom}: {}", self.until, self.reason)
    }
}

/// Whether a name in a spec means a role.
pub(super) fn names(name: &str, role: Uuid, roles: &Catalogue) -> bool {
    match (Uuid::try_parse(name), rbac::by_name(name)) {
        (Ok(id), _) => id == role,
        (Err(_), Some(known)) => known.id == role,
        (Err(_), None) => roles.by_name(name) == Named::One(role),
    }
}

/// The entries of a spec, each with its pointer and its account, if any.
fn entries(spec: &Spec) -> impl Iterator<Item = (String, &Expected, Option<ResourceId>)> {
    let file = spec.expected.iter().enumerate().map(|(at, entry)| (format!("/expected/{at}"), entry, None));
    let nested = spec.accounts.iter().enumerate().flat_map(move |(index, account)| {
        account.expected.iter().enumerate().map(move |(at, entry)| {
            (format!("/accounts/{index}/expected/{at}"), entry, Some(id_of(spec, account)))
        })
    });
    file.chain(nested)
}

/// The principals that must be looked up, each with its pointer.
pub(super) fn principals(spec: &Spec) -> impl Iterator<Item = (String, &Principal)> {
    entries(spec).filter_map(|(pointer, entry, _)| match &entry.principal {
        ExpectedPrincipal::Named(principal) if principal.id.is_none() => {
            Some((format!("{pointer}/principal"), principal))
        }
        _ => None,
    })
}

/// The expectations, and findings about those that could not be resolved.
pub(super) fn expectations<'a>(
    stacks: &'a [Loaded],
    snapshot: &Snapshot,
) -> (Vec<Expectation<'a>>, Vec<Finding>) {
    let (mut expectations, mut findings) = (Vec::new(), Vec::new());
    for loaded in stacks {
        let spec = &loaded.spec;
        let everywhere = || {
            let accounts = spec.accounts.iter().map(|account| id_of(spec, account));
            groups_of(spec).into_iter().chain(accounts).collect()
        };
        for (pointer, entry, account) in entries(spec) {
            let principal = match &entry.principal {
                ExpectedPrincipal::Id(id) | ExpectedPrincipal::Named(Principal { id: Some(id), .. }) => {
                    Uuid::try_parse(id).ok().map(|id| (id, false))
                }
                ExpectedPrincipal::Named(named) => Form::of(named).and_then(|form| {
                    let span = loaded.document.value_span(&format!("{pointer}/principal"));
                    match principals::resolve(&form, loaded.lock.as_ref(), snapshot, span) {
                        Ok(known) => Some((known.id, known.locked)),
                        Err(open) => {
                            let finding = open.into_finding();
                            // A wrong lock file is more than a doubt: it would excuse somebody else.
                            let is_wrong = finding.code == Code::LockOutdated;
                            let severity = if is_wrong { Severity::Error } else { Severity::Warning };
                            findings.push(Finding { severity, ..finding });
                            None
                        }
                    }
                }),
            };
            let (Some((principal, locked)), Some(until)) = (principal, day(&entry.until)) else { continue };
            let places = account.map_or_else(everywhere, |account| vec![account]);
            let reason = entry.reason.trim();
            expectations.push(Expectation {
                entry,
                stack: &spec.stack,
                principal,
                until,
                reason,
                locked,
                places,
            });
        }
    }
    (expectations, findings)
}

/// Offline rules.
pub(super) fn check(loaded: &Loaded, findings: &mut Vec<Finding>) {
    for (pointer, entry, _) in entries(&loaded.spec) {
        check_expected(loaded, &pointer, entry, findings);
    }
    for (index, account) in loaded.spec.accounts.iter().enumerate() {
        for (nested, team) in account.co_managed_by.iter().enumerate() {
            check_team(loaded, &format!("/accounts/{index}/coManagedBy/{nested}"), team, findings);
        }
    }
}

/// An entry has a role, a day, a reason and a principal.
fn check_expected(loaded: &Loaded, pointer: &str, entry: &Expected, findings: &mut Vec<Finding>) {
    let at = |field: &str| loaded.document.value_span(&format!("{pointer}/{field}"));
    let wrong = |field: &str, code: Code, message: String, hint: &str| {
        Finding::error(code, message).at(at(field)).hint(hint)
    };
    findings.extend(roles::slip(&entry.role, at("role")));
    if day(&entry.until).is_none() {
        let message = format!("`{}` is not a date", entry.until);
        let hint = "write the last day on which it is expected, such as `2026-12-31`";
        findings.push(wrong("until", Code::InvalidValue, message, hint));
    }
    if entry.reason.trim().is_empty() {
        let hint = "add a reason that explains the assignment to readers of the spec";
        findings.push(wrong("reason", Code::InvalidValue, "`reason` is empty".to_owned(), hint));
    }
    match &entry.principal {
        ExpectedPrincipal::Id(id) | ExpectedPrincipal::Named(Principal { id: Some(id), .. }) => {
            if !is_object_id(id) {
                let message = format!("`{id}` is not an object id");
                let hint = "object ids are GUIDs: az ad user show --id NAME --query id";
                findings.push(wrong("principal", Code::InvalidGuid, message, hint));
            }
        }
        ExpectedPrincipal::Named(
            Principal { account_identity: Some(_), .. } | Principal { project_identity: Some(_), .. },
        ) => {
            let message = "the identity of an account or a project cannot be expected by name".to_owned();
            let hint = "declare the assignment, or write the identity's object id; inference roles of an account's own identity are not drift";
            findings.push(wrong("principal", Code::InvalidValue, message, hint));
        }
        ExpectedPrincipal::Named(named) => {
            findings.extend(rules::principal_problem(loaded, &format!("{pointer}/principal"), named));
        }
    }
}

/// An entry has the other team's stack, who creates its resources, and the roles that it may assign.
fn check_team(loaded: &Loaded, pointer: &str, team: &CoManager, findings: &mut Vec<Finding>) {
    let at = |field: &str| loaded.document.value_span(&format!("{pointer}/{field}"));
    if !is_stack_name(&team.stack) {
        let message = format!("`{}` cannot name a stack", team.stack);
        findings.push(Finding::error(Code::InvalidName, message).at(at("stack")).hint(STACK_NAMES));
    } else if team.stack == loaded.spec.stack {
        let message = format!("`{}` is this file's own stack", team.stack);
        let hint = "write the stack of the other team";
        findings.push(Finding::error(Code::InvalidValue, message).at(at("stack")).hint(hint));
    }
    for (number, id) in team.by.iter().enumerate() {
        if !is_object_id(id) && !id.contains('@') {
            let message = format!("`{id}` is neither an object id nor a sign-in name");
            let hint = "write who creates the other team's resources, as Azure shows it under `createdBy`";
            let span = at(&format!("by/{number}"));
            findings.push(Finding::error(Code::InvalidGuid, message).at(span).hint(hint));
        }
    }
    for (number, name) in team.roles.iter().enumerate() {
        let span = at(&format!("roles/{number}"));
        findings.extend(roles::slip(name, span));
        if roles::offline(name).is_some_and(rbac::Role::is_guarded) {
            let message =
                format!("`{name}` cannot be accepted from another team: the `grant` guard covers it");
            let hint = "remove it, and declare the assignment here";
            findings.push(Finding::warning(Code::InvalidValue, message).at(span).hint(hint));
        }
    }
}

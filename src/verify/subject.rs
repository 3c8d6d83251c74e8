//! What to prove about an account: that its deployments and projects accept a token, and that keys are refused.
//!
//! Pure. Takes live accounts, lists of their children, and the children that should exist; returns probes, or verdicts that need no probe.
//! A declared resource that does not exist is disproven, never omitted.

use std::borrow::Borrow;

use serde_json::Value;

use super::Claim;
use super::probe::{self, DataPlane, LiveDeployment, Probe};
use super::recent::{Looking, Recent};
use super::verdict::{Judgement, ProofResult, Reason, without_subdomain};
use crate::accounts::{self, Standing};
use crate::body::AccountBody;
use crate::document::keys::Keys;
use crate::finding::{Code, Finding};
use crate::id::ResourceId;
use crate::kinds::account::Accounts;
use crate::kinds::account::existing::{Owners, owners};
use crate::kinds::{Declaring as _, Deployments, Described as _, Projects, Reading as _, role_assignment};
use crate::snapshot::{Answer, Query, Shape, Snapshot};
use crate::spec::Loaded;
use crate::text::source::Span;

/// A probe, or a verdict that needs none.
#[derive(Debug, Clone)]
pub(crate) struct Subject<'a> {
    pub(super) account: &'a Standing,
    pub(super) claim: Claim,
    /// The deployment or project.
    pub(super) name: Option<String>,
    pub(super) span: Option<Span>,
    pub(super) probe: Result<Probe, Judgement>,
    /// What may not have taken effect yet.
    pub(super) recent: Recent,
    /// Whether the spec declares that keys are disabled.
    pub(super) keys_declared_off: bool,
}

/// A deployment or project that should exist.
#[derive(Debug, Clone)]
pub(crate) struct ExpectedChild {
    pub id: ResourceId,
    /// Where it is declared, if known.
    pub span: Option<Span>,
}

impl ExpectedChild {
    fn is_in(&self, account: &ResourceId, sort: ChildSort) -> bool {
        let of_that_type = self.id.resource_type().is_some_and(|name| {
            name.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(sort.collection()))
        });
        of_that_type && self.id.parent().as_ref() == Some(account)
    }
}

/// The callable children of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChildSort {
    Deployments,
    Projects,
}

impl ChildSort {
    fn collection(self) -> &'static str {
        match self {
            ChildSort::Deployments => "deployments",
            ChildSort::Projects => "projects",
        }
    }

    /// The query that lists them.
    pub(super) fn list(self, account: &ResourceId) -> Query {
        Query {
            path: format!("{account}/{}?api-version={}", self.collection(), Accounts.api_version()),
            shape: Shape::List,
            scope: account.clone(),
            project: |body| body,
        }
    }
}

/// What to list in an account: projects only if it may have some.
pub(super) fn sorts(account: &Standing, wanted: &[ExpectedChild]) -> Vec<ChildSort> {
    let declared = wanted.iter().any(|each| each.is_in(&account.id, ChildSort::Projects));
    let allowed = AccountBody::of(&account.body).allows_projects();
    let projects = (declared || allowed).then_some(ChildSort::Projects);
    [ChildSort::Deployments].into_iter().chain(projects).collect()
}

/// What must be read: the accounts, and their children.
#[must_use]
pub(crate) fn queries(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Query> {
    let mut queries = Accounts.queries(stacks, snapshot);
    if queries.iter().all(|query| snapshot.get(query).is_some()) {
        let (standing, _) = accounts::declared(stacks, snapshot);
        let wanted = wanted(stacks, snapshot);
        queries.extend(role_assignment::lists(stacks, snapshot));
        queries.extend(standing.iter().flat_map(|account| {
            sorts(account, &wanted).into_iter().map(|sort| sort.list(&account.id)).collect::<Vec<_>>()
        }));
    }
    queries
}

/// Everything to prove about these accounts, and findings about what could not be read.
#[must_use]
pub(crate) fn subjects<'a>(
    stacks: &[Loaded],
    standing: &'a [Standing],
    snapshot: &Snapshot,
    place: &DataPlane,
    looking: &Looking,
) -> (Vec<Subject<'a>>, Vec<Finding>) {
    let wanted = wanted(stacks, snapshot);
    let (mut subjects, mut findings) = (Vec::new(), Vec::new());
    let lists = role_assignment::lists(stacks, snapshot);
    let (roles, owners) = (snapshot.roles(), owners(stacks));
    for account in standing {
        let near = |query: &&Query| query.scope.subscription_id() == account.id.subscription_id();
        // An unreadable list may contain a grant.
        let grant = lists.iter().filter(near).any(|query| match snapshot.get(query) {
            Some(Answer::Found(bodies)) => {
                looking.granted(&account.id, bodies.iter().map(AsRef::as_ref), roles)
            }
            _ => true,
        });
        let recent = Recent {
            grant,
            made: false,
            account: looking.made(&account.body),
            written: looking.written(&account.body),
        };
        for sort in sorts(account, &wanted) {
            match snapshot.get(&sort.list(&account.id)) {
                Some(Answer::Found(bodies)) => {
                    subjects.extend(answering(account, sort, bodies, &wanted, place, (looking, recent)));
                }
                answer => findings.push(unread(account, sort, answer)),
            }
        }
        // If keys stay enabled there is nothing to prove.
        let declared = declared_keys(&owners, account);
        if declared != Some(Keys::Enabled) {
            let keys_declared_off = declared == Some(Keys::Disabled);
            subjects.push(Subject { keys_declared_off, ..keys(account, place, recent) });
        }
    }
    (subjects, findings)
}

fn unread(account: &Standing, sort: ChildSort, answer: Option<&Answer>) -> Finding {
    let message = format!("could not read the {} of {}", sort.collection(), account.title());
    let finding = Finding { span: account.span, ..Finding::error(Code::UnknownState, message) };
    match answer.and_then(Answer::refusal) {
        Some(refusal) => Finding { hint: refusal.hint.clone(), ..finding.cause(&refusal.message) },
        None => finding,
    }
}

/// What the owner of an account declares about its keys.
fn declared_keys(owners: &Owners<'_>, account: &Standing) -> Option<Keys> {
    let (_, declared) = owners.get(&account.id)?;
    let off = declared.disable_local_auth?;
    Some(if off { Keys::Disabled } else { Keys::Enabled })
}

/// The deployments and projects that specs declare.
fn wanted(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<ExpectedChild> {
    let of = |loaded| [Deployments.desired(loaded, snapshot), Projects.desired(loaded, snapshot)].concat();
    let declared = stacks.iter().flat_map(of);
    declared.map(|desired| ExpectedChild { id: desired.id, span: Some(desired.span) }).collect()
}

/// Subjects for everything of a sort, live or declared: it must accept a token.
pub(super) fn answering<'a>(
    account: &'a Standing,
    sort: ChildSort,
    bodies: &[impl Borrow<Value>],
    wanted: &[ExpectedChild],
    place: &DataPlane,
    (looking, recent): (&Looking, Recent),
) -> Vec<Subject<'a>> {
    let claim = match sort {
        ChildSort::Deployments => Claim::ModelAnswers,
        ChildSort::Projects => Claim::ProjectAnswers,
    };
    let wanted: Vec<&ExpectedChild> = wanted.iter().filter(|each| each.is_in(&account.id, sort)).collect();
    let probed = |body: &Value| {
        let (name, probe) = probed(account, sort, body, place)?;
        Some((name, probe, Recent { made: looking.made(body), ..recent }))
    };
    let live: Vec<(String, Result<Probe, Judgement>, Recent)> =
        bodies.iter().filter_map(|body| probed(body.borrow())).collect();
    let subject = |name, span: Option<Span>, probe| Subject {
        account,
        claim,
        name,
        span: span.or(account.span),
        probe,
        recent,
        keys_declared_off: false,
    };
    if sort == ChildSort::Deployments && live.is_empty() && wanted.is_empty() {
        let nothing = "it has no deployment to call";
        return vec![subject(None, None, Err(Judgement::inconclusive(Reason::Model, nothing)))];
    }
    let unprovable = |probe: &Result<Probe, Judgement>| {
        probe.as_ref().is_err_and(|verdict| verdict.outcome == ProofResult::Unprovable)
    };
    // Something that cannot be tried is no proof that anything works.
    let untried = !live.is_empty() && live.iter().all(|(_, probe, _)| unprovable(probe));
    let same = |wanted: &ExpectedChild, name: &str| wanted.id.name().eq_ignore_ascii_case(name);
    let absent = wanted.iter().filter(|each| !live.iter().any(|(name, ..)| same(each, name)));
    let absent = absent.map(|each| {
        let verdict = Judgement::disproven(Reason::Absent, "the spec declares it, but it does not exist");
        subject(Some(each.id.name().to_owned()), each.span, Err(verdict))
    });
    let mut subjects: Vec<Subject<'a>> = absent.collect();
    if untried {
        let nothing = "no model in it can be called without cost or side effects";
        subjects.push(subject(None, None, Err(Judgement::inconclusive(Reason::Model, nothing))));
    }
    for (name, probe, recent) in live {
        let declared = wanted.iter().find(|each| same(each, &name));
        let span = declared.and_then(|each| each.span);
        subjects.push(Subject { recent, ..subject(Some(name), span, probe) });
    }
    subjects.sort_by(|left, right| left.name.cmp(&right.name));
    subjects
}

/// The probe for a live deployment or project, by its name.
fn probed(
    account: &Standing,
    sort: ChildSort,
    body: &Value,
    place: &DataPlane,
) -> Option<(String, Result<Probe, Judgement>)> {
    let (name, probe) = match sort {
        ChildSort::Deployments => {
            let LiveDeployment { name, format, ask } = LiveDeployment::of(body)?;
            let Some(ask) = ask else { return Some((name, Err(Judgement::unprovable(&format)))) };
            let probe = probe::model(&account.body, &name, ask, place);
            (name, probe)
        }
        ChildSort::Projects => (probe::name(body)?, probe::project(&account.body, body, place)),
    };
    if AccountBody::of(&account.body).subdomain().is_none() {
        return Some((name, Err(without_subdomain())));
    }
    Some((name, probe.map_err(|why| Judgement::inconclusive(Reason::Network, why))))
}

/// The subject for keys, which must be refused because of `disableLocalAuth: true`.
pub(super) fn keys<'a>(account: &'a Standing, place: &DataPlane, recent: Recent) -> Subject<'a> {
    let probe = if AccountBody::of(&account.body).subdomain().is_none() {
        let shared = "the account has no customSubDomainName, so it has no host of its own";
        Err(Judgement::inconclusive(Reason::Subdomain, shared))
    } else {
        probe::keys(&account.body, place).map_err(|why| Judgement::inconclusive(Reason::Network, why))
    };
    let claim = Claim::KeysRefused;
    Subject { account, claim, name: None, span: account.span, probe, recent, keys_declared_off: true }
}

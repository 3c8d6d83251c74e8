//! The live accounts that a command is about: the start of `outputs`, `keys`, `access` and `verify`.
//!
//! Pure. Takes stacks and a snapshot of their accounts, or a list of a subscription; returns live accounts, and a finding for each declared
//! account that is absent or could not be read, saying what `apply` would do as far as known.

pub(crate) mod outputs;

use std::collections::BTreeMap;

use crate::body::AccountBody;
use crate::document::keys::Keys;
use crate::finding::{Code, Finding, Severity};
use crate::id::ResourceId;
use crate::kinds::account::existing::{GivenAccount, live_given};
use crate::kinds::account::{self, Accounts, READ};
use crate::kinds::desired::Desired;
use crate::kinds::role_assignment::caller::permits;
use crate::kinds::{Declaring as _, Inventory, Live, Reading as _, Survey, perhaps_in, placed, unplaced};
use crate::snapshot::{Answer, Body, Query, Snapshot};
use crate::spec::Loaded;
use crate::spec::model::OnSoftDeleted;
use crate::text::source::Span;

/// A live account.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// Its address in the spec, or its id if there is no spec.
    pub address: String,
    /// Its id as ARM returned it.
    pub id: ResourceId,
    /// Where it is declared.
    pub span: Option<Span>,
    /// The projected body in ARM shape.
    pub body: Body,
}

impl Standing {
    #[must_use]
    pub(crate) fn name(&self) -> &str {
        self.id.name()
    }

    #[must_use]
    pub(crate) fn title(&self) -> String {
        format!("account {}", self.name())
    }

    /// Its kind, if Azure shows it.
    #[must_use]
    pub(crate) fn kind(&self) -> Option<&str> {
        self.body["kind"].as_str()
    }

    /// Whether it accepts API keys; a missing field means that it does.
    #[must_use]
    pub(crate) fn takes_keys(&self) -> bool {
        !AccountBody::of(&self.body).keys_off()
    }
}

/// The declared accounts that are live, in the order of the specs, and findings about the others.
#[must_use]
pub(crate) fn declared(stacks: &[Loaded], snapshot: &Snapshot) -> (Vec<Standing>, Vec<Finding>) {
    let inventory = Accounts.inventory(stacks, snapshot);
    let (mut standing, mut findings) = (Vec::new(), Vec::new());
    for desired in stacks.iter().flat_map(|loaded| Accounts.desired(loaded, snapshot)) {
        if let Some(Live { id, body, .. }) = inventory.items.get(&desired.key) {
            let (id, body) = (id.clone(), body.clone());
            standing.push(Standing { address: desired.address, id, span: Some(desired.span), body });
        } else {
            findings.push(not_live(&desired, &inventory, Code::AccountAbsent, (stacks, snapshot)));
        }
    }
    (standing, findings)
}

/// The live accounts that no spec declares itself and some take as given, and findings about the others of these.
#[must_use]
pub(crate) fn given(stacks: &[Loaded], snapshot: &Snapshot) -> (Vec<Standing>, Vec<Finding>) {
    let (live, findings) = live_given(stacks, snapshot);
    let standing = live.into_iter().map(|GivenAccount { address, id, span, body }| {
        let span = Some(span);
        Standing { address, id, span, body }
    });
    (standing.collect(), findings)
}

/// Which declared accounts accept API keys, by id.
pub(crate) fn keys(stacks: &[Loaded], snapshot: &Snapshot) -> BTreeMap<String, Keys> {
    let inventory = Accounts.inventory(stacks, snapshot);
    let declared = stacks.iter().flat_map(|loaded| Accounts.desired(loaded, snapshot));
    let live = declared.filter_map(|desired| inventory.items.get(&desired.key));
    let state = |off| if off { Keys::Disabled } else { Keys::Enabled };
    live.map(|live| (live.id.to_string(), state(AccountBody::of(&live.body).keys_off()))).collect()
}

/// Queries about declared accounts that are absent: whether soft-deleted accounts hold their names.
#[must_use]
pub(crate) fn about_absent(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Query> {
    let is_listed = Accounts.queries(stacks, snapshot).iter().all(|query| snapshot.get(query).is_some());
    if is_listed { Accounts.follow_ups(&Survey::of(stacks, snapshot)) } else { Vec::new() }
}

/// Why a declared resource cannot be used: it does not exist, or could not be read.
pub(crate) fn not_live(
    desired: &Desired,
    inventory: &Inventory,
    absent: Code,
    (stacks, snapshot): (&[Loaded], &Snapshot),
) -> Finding {
    if let Some(gap) = inventory.gap(&desired.scope) {
        return desired.unread(&gap.refusal);
    }
    let mut message = format!("{} does not exist", desired.title);
    let loaded = stacks.iter().find(|loaded| loaded.spec.stack == desired.stack);
    let remains = desired.remains(snapshot);
    if let Some(remains) = &remains {
        let day = AccountBody::of(&remains.body).deleted().unwrap_or("at an unknown time");
        message = format!("{message}: it was soft-deleted {day}");
    }
    let obstacles =
        loaded.map(|loaded| desired.kind.obstacles(desired, loaded, snapshot)).unwrap_or_default();
    let refused = obstacles.iter().find(|obstacle| obstacle.severity == Severity::Error);
    let hint = match (remains, loaded.map(|loaded| loaded.spec.on_soft_deleted), refused) {
        (Some(_), Some(OnSoftDeleted::Restore), None) => {
            "`keyless apply` restores it, because of `onSoftDeleted: restore`".to_owned()
        }
        (Some(_), Some(OnSoftDeleted::Purge), None) => {
            "`keyless apply` permanently purges that one and creates a new one, because of `onSoftDeleted: purge`; this requires `--allow purge`".to_owned()
        }
        (Some(_), _, Some(Finding { code: Code::SoftDeleted, hint: Some(hint), .. })) => {
            format!("`keyless apply` does not create it while the deleted one holds the name: {hint}")
        }
        (_, _, Some(refused)) => {
            let hint = refused.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
            format!("`keyless apply` cannot create it: {}{hint}", refused.message)
        }
        _ => match obstacles.first() {
            Some(unknown) => format!("`keyless apply` creates what the spec declares; {}", unknown.message),
            None => "`keyless apply` creates what the spec declares".to_owned(),
        },
    };
    Finding::error(absent, message).at(desired.span).hint(hint)
}

/// The query for all accounts of a subscription.
#[must_use]
pub(crate) fn list(subscription: &ResourceId) -> Query {
    account::list(subscription)
}

/// All accounts of a subscription by name, or why they could not be read.
#[must_use]
pub(crate) fn listed(subscription: &ResourceId, snapshot: &Snapshot) -> (Vec<Standing>, Vec<Finding>) {
    let query = list(subscription);
    let mut findings = Vec::new();
    let unread = |cause: &str| {
        Finding::error(Code::UnknownState, format!("could not read the accounts of `{subscription}`"))
            .cause(cause)
    };
    match snapshot.get(&query) {
        Some(Answer::Found(_)) if permits(snapshot, subscription, READ) == Some(false) => {
            let finding =
                unread(&format!("the caller lacks `{READ}` there, and Azure may list only what it may read"));
            findings.push(finding.hint("give the caller Reader on the subscription"));
        }
        Some(Answer::Found(_)) => {}
        Some(Answer::Denied(refusal) | Answer::Failed(refusal)) => {
            findings.push(Finding { hint: refusal.hint.clone(), ..unread(&refusal.message) });
        }
        Some(Answer::Absent { .. }) | None => findings.push(unread("Azure does not know this subscription")),
    }
    let mut standing: Vec<Standing> = Vec::new();
    for body in snapshot.items(&query) {
        match placed(body) {
            Some(id) => {
                let address = id.to_string();
                standing.push(Standing { address, id, span: None, body: body.clone() });
            }
            None if perhaps_in(body, [subscription]).next().is_none() => {}
            None => {
                let refusal = unplaced(&query, body);
                findings.push(Finding { hint: refusal.hint, ..unread(&refusal.message) });
            }
        }
    }
    standing.sort_by(|left, right| left.id.cmp(&right.id));
    (standing, findings)
}

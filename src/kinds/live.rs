//! Live resources of a kind, and what of them could not be read.

use std::collections::BTreeMap;

use super::Kind;
use crate::finding::{Code, Finding};
use crate::id::{Key, ResourceId};
use crate::snapshot::{Body, Refusal, Snapshot};

/// A live resource.
#[derive(Debug, Clone)]
pub struct Live {
    /// What it is, and how it is read and compared.
    pub kind: &'static dyn Kind,
    /// Its id as ARM returned it.
    pub id: ResourceId,
    /// Its identity, independent of its id.
    pub key: Key,
    /// The resource or scope that it belongs to.
    pub scope: ResourceId,
    /// Its body, as Azure showed it.
    pub body: Body,
}

impl Live {
    /// Whether it is temporary, and so neither declared nor kept.
    #[must_use]
    pub fn passing(&self, snapshot: &Snapshot) -> Option<Passing> {
        self.kind.granting()?.passing(self, snapshot)
    }

    /// Why it is not known whether it is temporary, if Azure contradicts itself.
    #[must_use]
    pub fn contradiction(&self, snapshot: &Snapshot) -> Option<Refusal> {
        self.kind.granting()?.contradiction(self, snapshot)
    }
}

/// Why a live resource is temporary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passing {
    /// When it ends, as Azure wrote it.
    pub until: String,
    /// Whether somebody activated it; otherwise it was assigned with an end.
    pub is_activated: bool,
    /// How its end relates to now.
    pub end: End,
}

/// How the end of a live resource relates to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Azure does not show it.
    Unknown,
    /// It is in the future.
    Ahead,
    /// It passed recently: Azure may still be removing the resource.
    Past,
    /// It passed so long ago that the resource is here to stay.
    LongPast,
}

impl Passing {
    /// Whether its end has passed.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.end, End::Past | End::LongPast)
    }

    /// Whether its end is known and not long past.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.end, End::Ahead | End::Past)
    }
}

/// A declared change that Azure accepts only once an identity can read a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// The top-level field that needs it.
    pub field: &'static str,
    /// The vault's name, if the change names it.
    pub vault: Option<String>,
    /// Whether it is the resource's own identity, which is created with the resource.
    pub own: bool,
}

impl Trust {
    /// Whether a role at this scope can let the identity read the key: at the vault, a key in it, or above. The vault's URI does not show
    /// its resource group.
    #[must_use]
    pub fn is_given_at(&self, scope: &ResourceId) -> bool {
        let named = ["vaults", "managedHSMs"].iter().find_map(|collection| scope.segment_after(collection));
        match (named, &self.vault) {
            (Some(named), Some(vault)) => named.eq_ignore_ascii_case(vault),
            (Some(_), None) => true,
            (None, _) => scope.resource_type().is_none() || scope.subscription_id().is_none(),
        }
    }
}

/// The live resources of one kind, and where reading had gaps.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// By key.
    pub items: BTreeMap<Key, Live>,
    /// Duplicates of a key in `items`; no declaration refers to them.
    pub twins: BTreeMap<(Key, ResourceId), Live>,
    /// Scopes that could not be read.
    pub gaps: Vec<Gap>,
    /// Scopes that could be read only in part: what was found counts, but nothing is deleted because of it.
    pub partial: Vec<Gap>,
}

/// A scope about which nothing is known.
#[derive(Debug, Clone)]
pub struct Gap {
    /// The scope, including everything below it.
    pub scope: ResourceId,
    /// Why it could not be read.
    pub refusal: Refusal,
}

impl Gap {
    /// Reports that a list could be read only in part.
    pub(crate) fn in_part(&self, kind: &dyn Kind, which: &str) -> Finding {
        let message = format!(
            "the caller is not allowed to list the {}s of `{}`: only those of the named groups {which}",
            kind.noun(),
            self.scope
        );
        let hint = self
            .refusal
            .hint
            .as_deref()
            .unwrap_or("assign the caller the Reader role on the subscription to read the whole list");
        Finding::warning(Code::IncompleteRead, message).cause(&self.refusal.message).hint(hint)
    }
}

impl Inventory {
    /// Everything live.
    pub fn all(&self) -> impl Iterator<Item = &Live> {
        self.items.values().chain(self.twins.values())
    }

    /// Everything that these declarations do not refer to.
    pub fn strangers(&self, declared: impl Fn(&Key) -> bool) -> Vec<&Live> {
        let undeclared = self.items.values().filter(|live| !declared(&live.key));
        undeclared.chain(self.twins.values()).collect()
    }

    /// A gap in the subscription of a resource: one unreadable subscription does not block the others.
    #[must_use]
    pub fn gap_near(&self, scope: &ResourceId) -> Option<&Gap> {
        let subscription = |id: &ResourceId| id.subscription_id().map(str::to_ascii_lowercase);
        self.gaps
            .iter()
            .chain(&self.partial)
            .find(|gap| gap.scope.contains(scope) || subscription(&gap.scope) == subscription(scope))
    }

    /// Why nothing is known about resources at a scope, if so.
    #[must_use]
    pub fn gap(&self, scope: &ResourceId) -> Option<&Gap> {
        self.gaps.iter().find(|gap| gap.scope.contains(scope))
    }
}

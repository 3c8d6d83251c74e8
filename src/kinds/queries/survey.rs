//! What stacks declare and what is live of it, each worked out once for a snapshot: there may be a hundred thousand of both. Pure.

use std::cell::OnceCell;
use std::collections::HashSet;

use super::open;
use crate::id::Key;
use crate::kinds::desired::{Desired, resolved};
use crate::kinds::{Inventory, KINDS, Kind};
use crate::snapshot::{Query, Snapshot};
use crate::spec::Loaded;

/// Stacks beside a snapshot.
pub struct Survey<'a> {
    /// The stacks.
    pub stacks: &'a [Loaded],
    /// What was read.
    pub snapshot: &'a Snapshot,
    open: OnceCell<Vec<Query>>,
    desired: OnceCell<Vec<Desired>>,
    declared: OnceCell<HashSet<Key>>,
    live: Vec<OnceCell<Inventory>>,
}

impl<'a> Survey<'a> {
    /// Works nothing out yet.
    #[must_use]
    pub fn of(stacks: &'a [Loaded], snapshot: &'a Snapshot) -> Self {
        Self {
            stacks,
            snapshot,
            open: OnceCell::new(),
            desired: OnceCell::new(),
            declared: OnceCell::new(),
            live: KINDS.iter().map(|_| OnceCell::new()).collect(),
        }
    }

    /// The same with what the stacks declare.
    #[must_use]
    pub fn with(stacks: &'a [Loaded], desired: Vec<Desired>, snapshot: &'a Snapshot) -> Self {
        Self { desired: desired.into(), ..Self::of(stacks, snapshot) }
    }

    /// The queries that show the state and are not answered.
    pub(super) fn open(&self) -> &[Query] {
        self.open.get_or_init(|| open(self.snapshot, |kind| kind.queries(self.stacks, self.snapshot)))
    }

    /// Whether all queries that show the state are answered.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.open().is_empty()
    }

    /// What the stacks declare.
    #[must_use]
    pub fn desired(&self) -> &[Desired] {
        self.desired.get_or_init(|| resolved(self.stacks, self.snapshot))
    }

    /// What they declare of one kind.
    pub(in crate::kinds) fn desired_of(&self, kind: &dyn Kind) -> impl Iterator<Item = &Desired> {
        let name = kind.name();
        self.desired().iter().filter(move |each| each.kind.name() == name)
    }

    /// The same as [`Self::desired`], for whoever asks no more than what is live afterwards.
    #[must_use]
    pub fn take_desired(&mut self) -> Vec<Desired> {
        self.desired.take().unwrap_or_else(|| resolved(self.stacks, self.snapshot))
    }

    /// Whether the stacks declare what has a key.
    #[must_use]
    pub fn declares(&self, key: &Key) -> bool {
        let keys = || self.desired().iter().map(|each| each.key.clone()).collect();
        self.declared.get_or_init(keys).contains(key)
    }

    /// What is live of a kind.
    ///
    /// # Panics
    ///
    /// If the kind is not in [`KINDS`]: that is a bug.
    #[must_use]
    pub fn inventory(&self, kind: &dyn Kind) -> &Inventory {
        let position = KINDS.iter().position(|each| each.name() == kind.name());
        let position = position.expect("every kind stands in KINDS");
        self.live[position].get_or_init(|| kind.inventory(self.stacks, self.snapshot))
    }
}

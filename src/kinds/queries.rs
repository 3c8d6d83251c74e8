//! What is asked of Azure: the queries of all kinds, until none is left.

use super::{KINDS, Kind};
use crate::snapshot::{Query, Snapshot};
use crate::spec::Loaded;

/// The queries that are still open: what shows the state, and once that is answered, what the state raises.
#[must_use]
pub fn missing(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Query> {
    let state = open(snapshot, |kind| kind.queries(stacks, snapshot));
    if state.is_empty() { open(snapshot, |kind| kind.follow_ups(stacks, snapshot)) } else { state }
}

/// Whether all is answered that shows the state.
#[must_use]
pub fn is_settled(stacks: &[Loaded], snapshot: &Snapshot) -> bool {
    open(snapshot, |kind| kind.queries(stacks, snapshot)).is_empty()
}

fn open(snapshot: &Snapshot, ask: impl Fn(&'static dyn Kind) -> Vec<Query>) -> Vec<Query> {
    let asked = KINDS.iter().flat_map(|kind| ask(*kind));
    let mut open: Vec<Query> = asked.filter(|query| snapshot.get(query).is_none()).collect();
    open.sort();
    open.dedup();
    open
}

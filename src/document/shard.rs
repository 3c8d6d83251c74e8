//! Which part of a fleet a document is about: a run with `--shard I/N` says so, and `report merge` puts the parts together.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Differs;
use super::keys::Keys;

/// The largest number of parts: whoever reads a report need not count further.
pub(crate) const MOST_SHARDS: u32 = 10_000;

/// A part of a fleet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Shard {
    /// Its number, from 0.
    pub index: u32,
    /// The number of parts.
    pub of: u32,
    /// The command that ran.
    pub command: String,
    /// When it began, in RFC 3339.
    pub began: String,
    /// The spec files of all parts, in the order in which they are read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// The stacks of all parts, in the same order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stacks: Vec<String>,
    /// The SHA-256 of the specs of all parts, with variables, lock files, the options that select, and the version of keyless. The parts of
    /// one run have the same.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub inputs: String,
    /// Of a plan: how the live state differs from the declaration, by the number of the change.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub differs: BTreeMap<usize, Differs>,
    /// Of a plan: which declared accounts accept API keys, by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, Keys>,
    /// Of a plan: the names of principals that it knows, by object id. Another part may not have asked for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
}

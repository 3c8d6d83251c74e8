//! Plain data that commands show and save. Versioned, self-contained, without secrets.
//!
//! Does not read, judge or decide: `plan` makes plans of changes, `render` shows documents, `cli` writes them.

pub mod access;
mod cause;
mod counts;
mod finding;
mod hash;
pub mod keys;
mod path;
mod plan;
pub mod report;
mod shard;
mod statement;
mod step;
mod target;
pub mod usage;

pub use cause::{Cause, Done, Evidence};
pub use counts::Judged;
pub use finding::FindingEntry;
pub(crate) use hash::hash;
pub use path::{dotted_path, parse_path};
pub use plan::*;
pub(crate) use plan::{is_plan, patch};
pub(crate) use shard::MOST_SHARDS;
pub use shard::Shard;
pub use statement::Statement;
pub use step::{Step, StepAction, TakenRight};
pub use target::{Target, TargetKind};

/// The version of every other document.
pub const FORMAT_VERSION: &str = "1.0";

//! The result of a write that was followed to its end. Plain data.

use std::time::Duration;

use serde_json::Value;

use super::exchange::Completed;

/// A write that succeeded.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The resource at the end; `Null` after a delete.
    pub body: Value,
    /// The status of the write itself.
    pub status: u16,
    /// Azure's request id of the write.
    pub request_id: Option<String>,
    /// How often it was sent.
    pub attempts: u32,
    /// The number of polls; 0 if it was finished at once.
    pub polls: u32,
    /// From the first request to the end.
    pub waited: Duration,
}

impl From<Completed> for Written {
    fn from(done: Completed) -> Self {
        Self {
            body: done.body,
            status: done.status,
            request_id: done.request_id,
            attempts: done.attempts,
            polls: done.polls,
            waited: done.took,
        }
    }
}

//! Azure Resource Manager over HTTP, for reading and applying.
//!
//! Input: method, path, body. Output: the final answer after retries and long-running operations, or an [`Error`]. `exchange`, `retry`,
//! `origin`, `bucket`, `page` and `error_body` are pure and synchronous; only `client` sends. Knows no resource kind, spec or plan.

pub mod auth;
pub mod bucket;
pub mod client;
pub mod clock;
mod counts;
pub mod error;
mod error_body;
pub mod exchange;
mod hint;
pub(crate) mod http;
pub mod interrupt;
mod logs;
pub mod observer;
pub mod origin;
mod page;
pub mod retry;
mod settings;
mod state;
mod target;
mod versions;
mod wire;
mod written;

pub use client::{Client, ClientSettings, RequestCounts, Written};
pub use error::{Effect, Error, ErrorKind};
pub(crate) use error_body::carries_error;
pub use exchange::{Limits, Method};
pub use interrupt::{Interrupt, Phase};
pub use observer::{Observer, RequestEvent};
pub(crate) use page::is_next_link;
pub use state::ProvisioningState;
pub(crate) use versions::{NEWEST, lacks_newer};

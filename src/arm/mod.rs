//! Azure Resource Manager over HTTP: what the reader and the executor stand on.
//!
//! In: method, path, body. Out: the answer at the end of all retries and long-running operations, or an [`Error`].
//! `exchange`, `retry`, `origin`, `bucket`, `page` and `error_body` are pure and synchronous; only `client` sends.
//! Nothing here knows a resource kind, a spec or a plan.

pub mod bucket;
pub mod client;
pub mod clock;
pub mod error;
mod error_body;
pub mod exchange;
mod hint;
pub mod interrupt;
pub mod observer;
pub mod origin;
mod page;
pub mod retry;
mod state;
mod target;
mod wire;
mod written;

pub use client::{Client, Counts, Options, Written};
pub use error::{Effect, Error, Kind};
pub(crate) use error_body::carries_error;
pub use exchange::{Limits, Method};
pub use interrupt::{Interrupt, Phase};
pub use observer::{Event, Observer};
pub(crate) use page::is_next_link;
pub use state::State;

//! The ground floor: what every module needs to know of text. Pure.

pub(crate) mod excerpt;
pub mod json;
pub(crate) mod loopback;
pub(crate) mod names;
pub(crate) mod query;
pub mod redact;
pub mod sanitize;

//! Integration tests: the real binary and its parts over real HTTP.

mod arm;
mod properties;
mod reading;
#[cfg(feature = "sandbox")]
mod sandbox;

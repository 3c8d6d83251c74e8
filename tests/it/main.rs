//! Integration tests: the real binary and its parts over real HTTP.

mod arm;
#[cfg(feature = "sandbox")]
mod sandbox;

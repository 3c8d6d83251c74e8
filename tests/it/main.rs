//! Integration tests: the real binary and its parts over real HTTP.

mod arm;
mod docs;
mod reading;
#[cfg(feature = "sandbox")]
mod referee;
#[cfg(feature = "sandbox")]
mod sandbox;

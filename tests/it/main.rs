//! Integration tests.
mod referee;

#[cfg(feature = "sandbox")]
mod sandbox;

//! Integration tests.

#[cfg(feature = "sandbox")]
mod referee;
#[cfg(feature = "sandbox")]
mod sandbox;

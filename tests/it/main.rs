//! Integration tests: the real binary and its parts over real HTTP.

mod arm;
#[cfg(feature = "sandbox")]
mod commands;
#[cfg(feature = "sandbox")]
mod common;
mod docs;
#[cfg(feature = "sandbox")]
mod faults;
#[cfg(feature = "sandbox")]
mod pipelines;
#[cfg(feature = "sandbox")]
mod principals;
#[cfg(feature = "sandbox")]
mod product;
mod properties;
mod reading;
#[cfg(feature = "sandbox")]
mod recorded;
#[cfg(feature = "sandbox")]
mod referee;
#[cfg(feature = "sandbox")]
mod sandbox;
#[cfg(feature = "sandbox")]
mod scenarios;
#[cfg(feature = "sandbox")]
mod signing;

//! keyless: keyless access to Azure AI, as code.
//!
//! Data flows one way: spec → queries → snapshot → desired → diff → plan → apply → report. The modules stand in that order.
pub mod arm;
pub mod auth;
pub mod cloud;
pub mod finding;
pub mod id;
pub mod render;
pub mod source;
pub mod spec;

#[cfg(feature = "sandbox")]
pub mod sandbox;

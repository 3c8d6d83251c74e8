//! keyless: keyless access to Azure AI, as code.
//!
//! Data flows one way: spec → queries → snapshot → desired → diff → plan → apply → report; `flow` contains the whole pipeline. A module
//! imports only what is below it: ARCHITECTURE.md shows the floors. Everything except loading, reading and applying is pure and
//! synchronous.

pub mod cli;

pub(crate) mod flow;

pub(crate) mod body;
pub mod document;
pub(crate) mod files;
pub mod finding;
pub mod id;
pub mod spec;
pub mod text;

pub mod kinds;
pub mod rbac;
pub mod snapshot;

pub mod read;

pub(crate) mod access;
pub(crate) mod accounts;
pub mod checks;
pub(crate) mod doctor;
pub mod export;
pub(crate) mod keys;

pub mod diff;
pub mod drift;
pub mod guards;
pub mod plan;
pub mod principals;

pub(crate) mod apply;
pub(crate) mod verify;

pub mod render;

pub mod arm;

#[cfg(feature = "sandbox")]
pub mod sandbox;

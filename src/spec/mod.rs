//! Specs: from files to typed values.
pub mod model;

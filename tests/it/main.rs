//! Integration tests.
mod arm;

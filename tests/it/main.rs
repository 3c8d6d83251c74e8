//! Integration tests.

mod sandbox;

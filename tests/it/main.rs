//! Integration tests.
mod referee;

mod sandbox;

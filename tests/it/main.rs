//! Integration tests.
mod referee;

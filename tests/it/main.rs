//! Integration tests.
mod reading;

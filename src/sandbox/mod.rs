//! ARM on loopback.

//! Requests, replies, and what every service needs for them: the lowest wing of the sandbox.
//!
//! Answers no requests itself. It has requests and replies (`message`), the grammar of ARM paths (`scope`) and of filters
//! (`filter`), error answers (`errors`), and what can happen to any request: limits (`throttle`), injected faults (`faults`)
//! and counting (`stats`). Uses no other wing.
//!
//! Unlike Azure, requests are limited only with `--throttle documented`. Error texts are Azure's where they were recorded;
//! docs/sandbox.md lists those that are ours.

pub(super) mod base64url;
pub(super) mod errors;
pub(super) mod faults;
pub(super) mod filter;
mod message;
pub(super) mod scope;
pub(super) mod stats;
pub(super) mod throttle;

pub(super) use message::{
    Caller, Content, Item, ObjectText, Reply, Request, after, page, segments, to_json, written,
};

//! The sandbox as its clients see it: over HTTP, from outside.

mod accounts;
mod client;
mod lifecycle;
mod recordings;
mod roles;
mod tls;
mod transcript;

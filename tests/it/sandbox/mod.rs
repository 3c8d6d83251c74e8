//! The sandbox over real HTTP, and against what Azure was recorded to answer.

mod accounts;
mod client;
mod lifecycle;
mod recordings;
mod roles;

//! The files of deploy/, run as a host of repositories runs them: against its API on loopback, and against a strict cloud in which three
//! identities may do what docs/pipelines.md says and nothing else.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

mod comments;
mod expression;
mod github;
mod host;
mod metrics;
mod others;
mod release;
mod runner;
mod scripts;
mod week;

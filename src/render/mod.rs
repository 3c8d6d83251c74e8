//! From what is known to what is shown: text, JSON, Markdown, HTML, SARIF, `OpenMetrics`, annotations of pipelines.
//!
//! Inputs are findings and reports, as data; outputs are strings. Nothing here decides anything, asks anything or prints.
mod access;
mod alike;
mod cause;
pub mod comment;
pub mod diagnostic;
mod doctor;
pub mod drift;
mod entry;
pub mod export;
mod groups;
pub mod html;
pub mod issues;
mod keys;
pub mod markdown;
pub mod openmetrics;
mod outputs;
pub mod page;
mod people;
mod remarks;
pub mod statement;
pub mod steps;
mod summary;
mod tables;
pub mod text;
mod usage;
mod verify;
mod weight;
mod words;

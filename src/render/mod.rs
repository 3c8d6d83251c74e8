//! From what is known to what is shown: text, JSON, Markdown, SARIF.
//!
//! Inputs are findings and reports, as data; outputs are strings. Nothing here decides anything, asks anything or prints.
pub mod diagnostic;
pub mod markdown;
pub mod sanitize;
pub mod sarif;
pub mod text;

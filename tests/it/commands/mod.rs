//! Commands beside plan, apply and drift: outputs, keys, access, verify.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

mod keys;
mod outputs;

use crate::common::{Folder, Run, head};

/// A spec of accounts without any further lines.
fn accounts(names: &[&str]) -> String {
    let lines = names.iter().map(|name| format!("  - name: {name}\n    disableLocalAuth: true\n"));
    format!("{}accounts:\n{}", head("team-a"), lines.collect::<String>())
}

/// Checks a document against a schema that the binary itself prints.
#[track_caller]
fn fits(run: &Run, schema: &str) {
    let schema = Folder::new().keyless(&format!("schema {schema}")).exits(0).json();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let problems: Vec<String> = validator.iter_errors(&run.json()).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{problems:?}\n{run}");
}

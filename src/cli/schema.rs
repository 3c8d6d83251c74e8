//! `keyless schema`: JSON Schemas of what keyless reads and writes.

use clap::ValueEnum;

use super::Exit;
use super::document::json;
use super::output::{self, Failure};
use crate::accounts::outputs::Outputs;
use crate::doctor::Diagnosis;
use crate::document::access::Access;
use crate::document::keys::{KeysStatement, Revocation};
use crate::document::report::Report;
use crate::document::usage::Usage;
use crate::document::{Plan, Statement};
use crate::verify::Verification;

/// Arguments of `schema`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which document
    #[arg(value_enum, default_value_t = SchemaName::Spec)]
    document: SchemaName,
}

/// The documents that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SchemaName {
    /// Spec files
    Spec,
    /// What `plan --format json` prints
    Plan,
    /// What `apply --format json` prints
    Report,
    /// What `access --format json` prints
    Access,
    /// What `doctor --format json` prints
    Doctor,
    /// What `outputs --format json` prints
    Outputs,
    /// What `verify --format json` prints
    Verify,
    /// What `keys status --format json` prints
    KeysStatus,
    /// What `keys usage --format json` prints
    KeysUsage,
    /// What `keys revoke --format json` prints
    KeysRevoke,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let schema = match args.document {
        SchemaName::Spec => crate::spec::structure::published_schema(),
        SchemaName::Plan => schemars::schema_for!(Plan).to_value(),
        SchemaName::Report => schemars::schema_for!(Report).to_value(),
        SchemaName::Access => schemars::schema_for!(Statement<Access>).to_value(),
        SchemaName::Doctor => schemars::schema_for!(Statement<Diagnosis>).to_value(),
        SchemaName::Outputs => schemars::schema_for!(Statement<Outputs>).to_value(),
        SchemaName::Verify => schemars::schema_for!(Statement<Verification>).to_value(),
        SchemaName::KeysStatus => schemars::schema_for!(Statement<KeysStatement>).to_value(),
        SchemaName::KeysUsage => schemars::schema_for!(Statement<Usage>).to_value(),
        SchemaName::KeysRevoke => schemars::schema_for!(Statement<Revocation>).to_value(),
    };
    output::result(&json(&schema)?)?;
    Ok(Exit::Success)
}

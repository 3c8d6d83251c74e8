//! Fingerprints.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The SHA-256 of a value's JSON with sorted members.
pub(crate) fn hash(value: &Value) -> String {
    let digest = Sha256::digest(value.to_string());
    digest.iter().fold(String::from("sha256:"), |text, byte| text + &format!("{byte:02x}"))
}

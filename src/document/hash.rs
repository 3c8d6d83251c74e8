//! Fingerprints.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The SHA-256 of a value's JSON with sorted members.
pub(crate) fn hash(value: &Value) -> String {
    let mut hashing = Hashing::default();
    hashing.value(value);
    hashing.finish()
}

/// The same of a document that is told in parts.
#[derive(Default)]
pub(super) struct Hashing(Sha256);

impl Hashing {
    pub(super) fn text(&mut self, text: &str) {
        self.0.update(text);
    }

    pub(super) fn value(&mut self, value: &Value) {
        self.0.update(value.to_string());
    }

    pub(super) fn finish(self) -> String {
        let digest = self.0.finalize();
        digest.iter().fold(String::from("sha256:"), |text, byte| text + &format!("{byte:02x}"))
    }
}

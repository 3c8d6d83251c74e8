//! keyless: keyless access to Azure AI, as code.
#[cfg(feature = "sandbox")]
pub mod sandbox;

//! Certificates of applications, and whether one of them signed an assertion.
//!
//! Entra takes RS256 and PS256 with the certificate named by its thumbprint. Pure.

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use webpki::EndEntityCert;
use webpki::ring::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256_LEGACY_KEY};

use crate::sandbox::http::base64url;

/// A certificate in the form that is stored; none if the text is not a certificate in PEM.
pub(crate) fn encoded(pem: &str) -> Option<String> {
    CertificateDer::from_pem_slice(pem.as_bytes()).ok().map(|der| base64url::encode(&der))
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(rename = "x5t#S256")]
    thumbprint: Option<String>,
}

/// Whether an assertion is signed with one of these certificates.
pub(crate) fn signed(certificates: &[String], assertion: &str) -> bool {
    certificates
        .iter()
        .filter_map(|kept| base64url::decode(kept))
        .any(|der| is_signed(&der, assertion).is_some())
}

fn is_signed(der: &[u8], assertion: &str) -> Option<()> {
    let (text, signature) = assertion.rsplit_once('.')?;
    let header: Header = serde_json::from_slice(&base64url::decode(text.split('.').next()?)?).ok()?;
    // An older header has a SHA-1 thumbprint instead, which only saves a search.
    if header.thumbprint.is_some_and(|sent| sent != base64url::encode(&Sha256::digest(der))) {
        return None;
    }
    let algorithm: &dyn SignatureVerificationAlgorithm = match header.alg.as_str() {
        "RS256" => RSA_PKCS1_2048_8192_SHA256,
        "PS256" => RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        _ => return None,
    };
    let der = CertificateDer::from(der);
    let certificate = EndEntityCert::try_from(&der).ok()?;
    certificate.verify_signature(algorithm, text.as_bytes(), &base64url::decode(signature)?).ok()
}

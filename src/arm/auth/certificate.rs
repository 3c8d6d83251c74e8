//! An application's certificate: assertions signed with its key.
//!
//! Input: a PEM file with an RSA key and its certificate. Output: an assertion in the form documented by Entra ID
//! (<https://learn.microsoft.com/entra/identity-platform/certificate-credentials>). Signed with `ring`, because `azure_identity` would need
//! OpenSSL.

use std::fmt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use azure_core::error::{Error as AzureError, ErrorKind};
use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PSS_SHA256, RsaKeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::files;
use crate::text::scrub;

/// Largest file in bytes; a key with a long chain has some ten thousand.
const LARGEST: u64 = 1 << 20;

/// The lifetime of an assertion in seconds; Entra ID recommends five to ten minutes.
const LIFETIME: u64 = 600;

/// A certificate with its key, and its application.
pub(super) struct Certificate {
    key: RsaKeyPair,
    /// SHA-256 of the certificate, in base64url.
    thumbprint: String,
    client: String,
    /// The token endpoint.
    audience: String,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}

/// Why a file is not a certificate with a key, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unusable {
    pub(super) reason: String,
    pub(super) advice: &'static str,
}

const BOTH: &str = "put the private key and the certificate into one PEM file";
const DECRYPT: &str = "remove the password: `openssl pkey -in FILE -out KEY.pem`, and append the certificate";
const CONVERT: &str = "convert it to PEM: `openssl pkcs12 -in FILE.pfx -out FILE.pem -nodes`";

impl Certificate {
    /// Reads the file.
    pub(super) fn load(path: &Path, tenant: &str, client: String, authority: &str) -> Result<Self, Unusable> {
        let file = path.display();
        let bytes = files::read(path, LARGEST).map_err(|error| Unusable {
            reason: format!("could not read `{file}`: {error}"),
            advice: "check AZURE_CLIENT_CERTIFICATE_PATH",
        })?;
        learn_key(&bytes);
        let (key, thumbprint) = parse(&bytes)
            .map_err(|(what, advice)| Unusable { reason: format!("`{file}` {what}"), advice })?;
        Ok(Self { key, thumbprint, client, audience: format!("{authority}{tenant}/oauth2/v2.0/token") })
    }

    /// An assertion for a time in seconds since 1970.
    fn assertion(&self, now: u64) -> Result<String, ring::error::Unspecified> {
        let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint});
        let claims = json!({
            "aud": self.audience, "iss": self.client, "sub": self.client, "jti": Uuid::new_v4(),
            "iat": now, "nbf": now, "exp": now + LIFETIME,
        });
        let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encoded(&header), encoded(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[async_trait::async_trait]
impl ClientAssertion for Certificate {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        self.assertion(now).map_err(|_| {
            AzureError::with_message(ErrorKind::Credential, "the certificate's key cannot sign".to_owned())
        })
    }
}

/// Registers the private keys of a PEM file, so that no text for people contains one.
fn learn_key(pem: &[u8]) {
    let pem = String::from_utf8_lossy(pem);
    let mut private = false;
    for line in pem.lines().map(str::trim) {
        match line.strip_prefix("-----BEGIN ") {
            Some(what) => private = what.contains("PRIVATE KEY"),
            None if private && !line.starts_with("-----") => scrub::learn(line),
            None => {}
        }
    }
}

/// The key in a PEM file, and the thumbprint of its certificate.
fn parse(pem: &[u8]) -> Result<(RsaKeyPair, String), (&'static str, &'static str)> {
    if !contains(pem, b"-----BEGIN ") {
        return Err(("is not a PEM file", CONVERT));
    }
    if contains(pem, b"ENCRYPTED") {
        return Err(("contains an encrypted private key", DECRYPT));
    }
    let key = match PrivateKeyDer::from_pem_slice(pem) {
        Ok(PrivateKeyDer::Pkcs8(key)) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        Ok(PrivateKeyDer::Pkcs1(key)) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
        Ok(_) => {
            return Err(("contains a private key that is not RSA, and Entra ID only supports RSA", BOTH));
        }
        Err(_) => return Err(("contains no private key", BOTH)),
    };
    let Ok(key) = key else {
        return Err((
            "contains a private key that is not RSA with at least 2048 bits, which Entra ID requires",
            BOTH,
        ));
    };
    // A certificate contains its public key in the form that `ring` returns.
    let own = CertificateDer::pem_slice_iter(pem).flatten().find(|der| contains(der, key.public().as_ref()));
    let Some(own) = own else { return Err(("contains no certificate for its private key", BOTH)) };
    Ok((key, URL_SAFE_NO_PAD.encode(Sha256::digest(&own))))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_with_a_key_is_told_apart() {
        for (file, words) in [
            ("\u{30}\u{82}", "is not a PEM file"),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\n", "an encrypted private key"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "contains no private key"),
            ("-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", "that is not RSA, and"),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                "not RSA with at least 2048 bits",
            ),
        ] {
            let (reason, advice) = parse(file.as_bytes()).unwrap_err();
            assert!(reason.contains(words) && !advice.is_empty(), "{file}: {reason}");
        }
        let missing =
            Certificate::load(Path::new("/nonexistent.pem"), "t", "c".to_owned(), "https://x/").unwrap_err();
        assert!(missing.reason.starts_with("could not read `/nonexistent.pem`: "), "{}", missing.reason);
    }
}

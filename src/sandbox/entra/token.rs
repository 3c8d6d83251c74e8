//! Access tokens: JSON Web Tokens, signed with a key that only this sandbox has (HS256).
//!
//! Real ones are signed with RSA; no client of ARM looks at the signature, and the sandbox needs
//! to check its own only. Pure.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::sandbox::http::{base64url, to_json};

/// Claims of a token. Times are seconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    #[serde(default)]
    pub(crate) aud: String,
    #[serde(default)]
    pub(crate) iss: String,
    #[serde(default)]
    pub(crate) iat: i64,
    #[serde(default)]
    pub(crate) nbf: i64,
    #[serde(default)]
    pub(crate) exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) appid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) azp: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) idtyp: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) oid: Option<String>,
    #[serde(default)]
    pub(crate) sub: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unique_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ver: Option<String>,
    /// Resource of a managed identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) xms_mirid: Option<String>,
}

pub(super) fn sign(secret: &str, claims: &Claims) -> String {
    let header = base64url::encode(br#"{"typ":"JWT","alg":"HS256","kid":"sandbox"}"#);
    let payload = base64url::encode(to_json(claims).as_bytes());
    let signed = format!("{header}.{payload}");
    let signature = signature(secret, &signed);
    format!("{signed}.{signature}")
}

/// The claims of a token; the signature is not checked.
pub(crate) fn read<T: serde::de::DeserializeOwned>(token: &str) -> Option<T> {
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    serde_json::from_slice(&base64url::decode(payload)?).ok()
}

/// The claims of a token that this sandbox signed.
pub(crate) fn verify(secret: &str, token: &str) -> Option<Claims> {
    let (signed, sent) = token.rsplit_once('.')?;
    if signature(secret, signed) == sent { read(token) } else { None }
}

fn signature(secret: &str, text: &str) -> String {
    base64url::encode(&hmac(format!("token:{secret}").as_bytes(), text.as_bytes()))
}

/// HMAC with SHA-256 (RFC 2104).
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let pad = |byte: u8| block.map(|own| own ^ byte);
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        use std::fmt::Write;
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    #[test]
    fn hmac_agrees_with_rfc_4231() {
        assert_eq!(
            hex(&hmac(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(&hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn only_what_this_secret_signed_is_verified() {
        let claims = Claims { aud: String::from("a"), oid: Some(String::from("o")), ..Claims::default() };
        let token = sign("one", &claims);
        assert_eq!(verify("one", &token), Some(claims.clone()));
        assert_eq!(verify("two", &token), None);
        let (head, signature) = token.rsplit_once('.').unwrap();
        let other = base64url::encode(to_json(&Claims { aud: String::from("b"), ..claims }).as_bytes());
        let forged = format!("{}.{other}.{signature}", head.split('.').next().unwrap());
        assert_eq!(verify("one", &forged), None);
        for text in ["", "a", "a.b", "..", "a.b.c.d"] {
            assert_eq!(verify("one", text), None, "{text}");
        }
    }
}

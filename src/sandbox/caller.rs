//! Who is asking: reads the claims of a bearer token.
//!
//! Unless strict, any token is accepted, and one without readable claims is the owner's.

use serde::Deserialize;

use super::base64url;
use super::http::Caller;

/// Object id of whoever sends a token that says nothing.
pub(super) const OWNER: &str = "33333333-3333-3333-3333-333333333333";

#[derive(Debug, Default, Deserialize)]
struct Claims {
    oid: Option<String>,
    upn: Option<String>,
    unique_name: Option<String>,
    appid: Option<String>,
    azp: Option<String>,
}

/// The caller behind an `Authorization` header, or none if there is no bearer token in it.
pub(super) fn of(authorization: Option<&str>) -> Option<Caller> {
    let (scheme, token) = authorization?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") || token.trim().is_empty() {
        return None;
    }
    let claims = claims(token.trim()).unwrap_or_default();
    let object_id = claims.oid.unwrap_or_else(|| OWNER.to_owned());
    let app = claims.appid.or(claims.azp);
    let user = claims.upn.or(claims.unique_name);
    Some(match (user, app) {
        (Some(name), _) => Caller { object_id, name, kind: "User" },
        (None, Some(name)) => Caller { object_id, name, kind: "Application" },
        (None, None) => Caller { object_id, name: String::from("owner@sandbox.invalid"), kind: "User" },
    })
}

fn claims(token: &str) -> Option<Claims> {
    let mut parts = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    serde_json::from_slice(&base64url::decode(payload)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_name_the_caller_and_their_absence_means_the_owner() {
        let payload = base64url::encode(br#"{"oid":"o","appid":"a"}"#);
        let caller = of(Some(&format!("Bearer x.{payload}.y"))).unwrap();
        assert_eq!((caller.object_id.as_str(), caller.name.as_str(), caller.kind), ("o", "a", "Application"));
        assert_eq!(of(Some("bearer anything")).unwrap().object_id, OWNER);
        for header in [None, Some("Bearer "), Some("Basic abc"), Some("Bearer")] {
            assert_eq!(of(header), None);
        }
    }
}

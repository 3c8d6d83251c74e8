//! The caller of a request: reads a bearer token, and checks it when strict.
//!
//! Unless strict, any token is accepted, and one without readable claims is the owner's. When
//! strict, only unexpired tokens of this sandbox's own Entra count, for the service that is asked.

use jiff::Timestamp;

use super::token;
use super::token::Claims;
use crate::sandbox::http::{Caller, Reply, Request, errors};
use crate::sandbox::state::{OWNER, OWNER_NAME, World};

/// A service that takes tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    Arm,
    Graph,
}

impl Audience {
    /// Resources that tokens may be for, beside the sandbox's own address.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Arm => &["https://management.core.windows.net", "https://management.azure.com"],
            Self::Graph => &["https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000"],
        }
    }
}

/// The caller behind a request, or the 401 that it gets.
pub(crate) fn of(world: &World, request: &Request, audience: Audience) -> Result<Caller, Reply> {
    let missing = || errors::authentication_missing(&format!("{}/{}", request.origin, world.state.tenant));
    let token = bearer(request.header("authorization")).ok_or_else(missing)?;
    if world.strict {
        return Ok(named(checked(world, request, audience, token)?));
    }
    Ok(named(token::read(token).unwrap_or_default()))
}

/// The token of an `Authorization` header.
pub(crate) fn bearer(authorization: Option<&str>) -> Option<&str> {
    let (scheme, token) = authorization?.split_once(' ')?;
    Some(token.trim()).filter(|token| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())
}

fn checked(world: &World, request: &Request, audience: Audience, token: &str) -> Result<Claims, Reply> {
    let claims = token::verify(&world.state.secret, token).ok_or_else(errors::token_invalid)?;
    let now = world.now.as_second();
    if claims.exp <= now {
        let shown =
            |second| Timestamp::from_second(second).unwrap_or_default().strftime("%-m/%-d/%Y %-I:%M:%S %p");
        return Err(errors::token_expired(&shown(claims.exp).to_string(), &shown(now).to_string()));
    }
    let wanted = claims.aud.trim_end_matches('/');
    let known = audience.names();
    if known.iter().any(|name| name.eq_ignore_ascii_case(wanted))
        || wanted.eq_ignore_ascii_case(&request.origin)
    {
        Ok(claims)
    } else {
        Err(errors::token_audience(&claims.aud))
    }
}

/// The caller named by claims; the owner if there are none.
pub(crate) fn named(claims: Claims) -> Caller {
    let object_id = claims.oid.unwrap_or_else(|| OWNER.to_owned());
    let app = claims.appid.or(claims.azp);
    let user = claims.upn.or(claims.unique_name);
    match (user, app) {
        (Some(name), _) => Caller { object_id, name, kind: "User" },
        (None, Some(name)) => Caller { object_id, name, kind: "Application" },
        (None, None) => Caller { object_id, name: OWNER_NAME.to_owned(), kind: "User" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_name_the_caller_and_their_absence_means_the_owner() {
        let text = |text: &str| Some(text.to_owned());
        let app = named(Claims { oid: text("o"), appid: text("a"), ..Claims::default() });
        assert_eq!((app.object_id.as_str(), app.name.as_str(), app.kind), ("o", "a", "Application"));
        let user = named(Claims { oid: text("o"), appid: text("a"), upn: text("u"), ..Claims::default() });
        assert_eq!((user.name.as_str(), user.kind), ("u", "User"));
        assert_eq!(named(Claims::default()).object_id, OWNER);
    }

    #[test]
    fn only_bearer_tokens_count() {
        assert_eq!(bearer(Some("bearer anything")), Some("anything"));
        for header in [None, Some("Bearer "), Some("Basic abc"), Some("Bearer")] {
            assert_eq!(bearer(header), None);
        }
    }
}

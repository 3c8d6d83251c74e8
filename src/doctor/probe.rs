//! Checks whether hosts can be reached, and their clock (IO).
//!
//! Sends a bare request without a token: any answer means that the host was reached. Failures are classified by where they occur: the name,
//! the connection, TLS, or a proxy.

use std::error::Error as StdError;
use std::io::{Error as IoError, ErrorKind};
use std::iter;
use std::time::{Duration, SystemTime};

use url::Url;

use super::Prerequisite;
use crate::arm::http;
use crate::text;

/// How long a host may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The allowed clock skew: Entra ID and ARM tolerate five minutes.
const TOLERANCE: Duration = Duration::from_mins(5);

/// The result for a host.
#[derive(Debug)]
pub(crate) struct Reached {
    /// The check of reaching it.
    pub check: Prerequisite,
    /// How far this machine's clock is ahead of the host's, in seconds.
    pub ahead: Option<i64>,
}

/// Sends any request to a host.
pub(crate) async fn reach(base: &Url) -> Reached {
    let host = base.host_str().unwrap_or_default().to_owned();
    let (answer, ahead) = ask(base).await;
    let check = match answer {
        Ok(status) => Prerequisite::ok("network", format!("answers ({status})")),
        Err((what, hint)) => Prerequisite::broken("network", what, hint),
    };
    Reached { check: check.of(host), ahead }
}

type ProbeTrouble = (String, &'static str);

async fn ask(base: &Url) -> (Result<u16, ProbeTrouble>, Option<i64>) {
    let client = match http::towards(base, PATIENCE, PATIENCE).build() {
        Ok(client) => client,
        Err(error) => return (Err(trouble(&error)), None),
    };
    match client.get(base.clone()).send().await {
        Ok(answer) => {
            let date = answer.headers().get("date").and_then(|value| value.to_str().ok());
            (Ok(answer.status().as_u16()), date.and_then(|date| ahead(date, SystemTime::now())))
        }
        Err(error) => (Err(trouble(&error.without_url())), None),
    }
}

/// How far a moment is ahead of a `Date` header, in seconds.
fn ahead(date: &str, now: SystemTime) -> Option<i64> {
    let theirs = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    let ours = jiff::Timestamp::try_from(now).ok()?;
    Some(ours.as_second() - theirs.as_second())
}

/// Where a request failed, and the remedy.
fn trouble(error: &reqwest::Error) -> ProbeTrouble {
    let chain: Vec<&(dyn StdError + 'static)> =
        iter::once::<&(dyn StdError + 'static)>(error).chain(text::causes(error)).collect();
    let words = chain.iter().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let last = chain.last().map(ToString::to_string).unwrap_or_default();
    let has = |part: &str| words.to_lowercase().contains(part);
    let refused = chain
        .iter()
        .filter_map(|error| error.downcast_ref::<IoError>())
        .any(|error| matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset));
    if has("dns error") || has("failed to lookup") {
        return (format!("DNS: could not resolve the name ({last})"), "check the DNS server and `--cloud`");
    }
    if has("tunnel") || has("proxy") {
        return (
            format!("proxy: it rejects the connection ({last})"),
            "check HTTPS_PROXY and NO_PROXY, and what the proxy allows",
        );
    }
    if has("certificate") || has("tls") || has("handshake") {
        return (
            format!("TLS: the host's certificate is not trusted ({last})"),
            "if a proxy intercepts TLS, point SSL_CERT_FILE to its CA certificate; check this machine's clock",
        );
    }
    if error.is_timeout() {
        return (
            format!("no answer within {} s", PATIENCE.as_secs()),
            "check the firewall and the route to the host, and HTTPS_PROXY",
        );
    }
    let what = if refused { "TCP: the connection was refused" } else { "TCP: the connection failed" };
    (format!("{what} ({last})"), "check the firewall and the route to the host, and HTTPS_PROXY")
}

/// Compares this machine's clock with a host's.
#[must_use]
pub(crate) fn clock(host: &str, ahead: Option<i64>) -> Prerequisite {
    let Some(seconds) = ahead else {
        return Prerequisite::unknown("clock", "no host returned the time");
    };
    let amount = seconds.unsigned_abs();
    if amount <= TOLERANCE.as_secs() {
        return Prerequisite::ok("clock", format!("within 5 minutes of {host}"));
    }
    let way = if seconds < 0 { "behind" } else { "ahead of" };
    Prerequisite::broken(
        "clock",
        format!("{} {way} {host}", span(amount)),
        "set this machine's clock: tokens and assertions depend on it",
    )
}

fn span(seconds: u64) -> String {
    match seconds {
        0..7200 => format!("{} minutes", seconds / 60),
        _ => format!("{} hours", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Health;
    use super::*;

    #[test]
    fn clocks_may_differ_by_five_minutes() {
        for (ahead, state, words) in [
            (Some(0), Health::Ok, "within 5 minutes of h"),
            (Some(-300), Health::Ok, "within 5 minutes of h"),
            (Some(301), Health::Broken, "5 minutes ahead of h"),
            (Some(-90_000), Health::Broken, "25 hours behind h"),
            (None, Health::Unknown, "no host returned the time"),
        ] {
            let check = clock("h", ahead);
            assert_eq!((check.state, check.detail.as_str()), (state, words), "{ahead:?}");
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 + 60);
        assert_eq!(ahead("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(60));
        assert_eq!(ahead("yesterday", now), None);
    }
}

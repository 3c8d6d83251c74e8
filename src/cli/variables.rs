//! Environment variables that cannot be used: a run with one is refused.

use super::options::Options;
use super::output::Failure;
use crate::apply::Secrets;
use crate::arm::auth::Environment;
use crate::arm::auth::cloud::Endpoint;
use crate::text::scrub;

/// Refuses secrets that are too short to redact. A token for a loopback endpoint is not a secret: a sandbox accepts any.
///
/// Also refuses variables that are not UTF-8: they would silently count as not set.
pub(super) fn refuse_unusable_variables(options: &Options) -> Result<(), Failure> {
    let unreadable = Environment::unreadable();
    if !unreadable.is_empty() {
        let are = if unreadable.len() == 1 { "is" } else { "are" };
        return Err(Failure::new(format!("`{}` {are} not valid UTF-8", unreadable.join("`, `")))
            .hint("set it again: the value contains bytes that are not text"));
    }
    let mut short = Secrets::new(std::env::vars_os()).too_short();
    let endpoint = options.arm_endpoint.as_ref().and_then(|url| Endpoint::custom(url).ok());
    let token = std::env::var("KEYLESS_TOKEN").is_ok_and(|token| scrub::is_too_short(&token));
    if token && endpoint.is_some_and(|endpoint| !endpoint.is_loopback()) {
        short.push("KEYLESS_TOKEN".to_owned());
    }
    match short.as_slice() {
        [] => Ok(()),
        names => Err(Failure::new(format!(
            "`{}` has fewer than {} characters: too short to be redacted reliably",
            names.join("`, `"),
            scrub::SHORTEST
        ))
        .hint("use a longer secret; blanks and `+` do not count")),
    }
}

//! Variables of the environment that cannot be used: a run that has one is refused.

use super::options::Options;
use super::output::Failure;
use crate::apply::Secrets;
use crate::auth::Environment;
use crate::auth::cloud::Endpoint;
use crate::text::scrub;

/// Refuses secrets that could not be kept out of what keyless says. To this machine goes no secret: a sandbox takes any token.
///
/// So are variables that cannot be read: a secret that is not Unicode would count as not set, and nobody would know why.
pub(super) fn refuse_unusable_variables(options: &Options) -> Result<(), Failure> {
    let unreadable = Environment::unreadable();
    if !unreadable.is_empty() {
        let are = if unreadable.len() == 1 { "is" } else { "are" };
        return Err(Failure::new(format!("`{}` {are} set, and not UTF-8", unreadable.join("`, `")))
            .hint("set it again: the value holds bytes that are no text, as of a file that was cut or is not text at all"));
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
            "`{}` has fewer than {} characters, and keyless could not keep it out of its output",
            names.join("`, `"),
            scrub::SHORTEST
        ))
        .hint("make a longer one; blanks and `+` do not count")),
    }
}

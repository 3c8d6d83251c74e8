//! Secrets of a run: refused where they could not be kept out of what keyless says, and taken out of plans.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::options::Options;
use super::output::Failure;
use crate::apply::Secrets;
use crate::auth::Environment;
use crate::cloud::Endpoint;
use crate::document::Plan;
use crate::scrub::{self, scrub};

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

/// Takes the secrets of this run out of everything in a plan that only people read, and takes its fingerprint anew.
///
/// What is executed, compared or read back stays as it is: ids, addresses, declared values.
pub(super) fn clean(plan: &mut Plan) {
    for change in &mut plan.changes {
        text(&mut change.title);
        change
            .reason
            .as_mut()
            .into_iter()
            .chain(&mut change.cause_unknown)
            .chain(&mut change.called)
            .for_each(text);
        all(&mut change.caused_by);
        for field in &mut change.fields {
            values(&mut field.before);
        }
    }
    all(&mut plan.access);
    for finding in &mut plan.findings {
        text(&mut finding.message);
        finding.cause.as_mut().into_iter().chain(&mut finding.hint).for_each(text);
    }
    for gap in &mut plan.incomplete {
        text(&mut gap.reason);
    }
    plan.fingerprint = plan.digest();
}

fn text(text: &mut String) {
    *text = scrub(text).into_owned();
}

/// Each text in something that holds nothing but texts for people.
fn all<T: Serialize + DeserializeOwned>(part: &mut T) {
    let Ok(mut tree) = serde_json::to_value(&*part) else { return };
    values(&mut tree);
    // A word that is no text, such as the name of an alternative, is no secret.
    if let Ok(clean) = serde_json::from_value(tree) {
        *part = clean;
    }
}

fn values(value: &mut Value) {
    match value {
        Value::String(string) => text(string),
        Value::Array(items) => items.iter_mut().for_each(values),
        Value::Object(map) => map.values_mut().for_each(values),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

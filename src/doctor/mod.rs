//! The result of `doctor`: one line for each prerequisite of a plan.
//!
//! Pure data, and the rules that turn answers into it; only `probe` does IO, without a token. Contains no secrets, so that it can be pasted
//! into a ticket.

pub(crate) mod delegation;
pub(crate) mod probe;
pub(crate) mod rights;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::arm;
use crate::arm::auth::Claims;

/// The state of a prerequisite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "State")]
pub(crate) enum Health {
    /// As it should be.
    Ok,
    /// It could not be determined, and keyless works without it.
    Unknown,
    /// It prevents a plan.
    Broken,
}

/// One prerequisite that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Check")]
pub(crate) struct Prerequisite {
    /// One of `cloud`, `network`, `clock`, `credential`, `tenant`, `identity`, `subscription`, `group`, `rights`,
    /// and of `--for apply` `delegation`.
    pub name: String,
    /// Which one, if there are several: a host, a subscription, a resource group, a scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    pub state: Health,
    /// What was found.
    pub detail: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Prerequisite {
    fn new(name: &str, state: Health, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), subject: None, state, detail: detail.into(), hint: None }
    }

    /// A fulfilled prerequisite.
    #[must_use]
    pub(crate) fn ok(name: &str, detail: impl Into<String>) -> Self {
        Self::new(name, Health::Ok, detail)
    }

    /// A prerequisite that could not be checked.
    #[must_use]
    pub(crate) fn unknown(name: &str, detail: impl Into<String>) -> Self {
        Self::new(name, Health::Unknown, detail)
    }

    /// A prerequisite that prevents a plan, with a remedy.
    #[must_use]
    pub(crate) fn broken(name: &str, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..Self::new(name, Health::Broken, detail) }
    }

    /// Names the subject if there are several.
    #[must_use]
    pub(crate) fn of(self, subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..self }
    }
}

/// Everything that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Diagnosis {
    /// Ordered so that each one may depend on those before.
    pub checks: Vec<Prerequisite>,
}

impl Diagnosis {
    /// The number of prerequisites that could not be checked.
    #[must_use]
    pub(crate) fn unknown(&self) -> usize {
        self.checks.iter().filter(|check| check.state == Health::Unknown).count()
    }

    /// The number of broken prerequisites.
    #[must_use]
    pub(crate) fn broken(&self) -> usize {
        self.checks.iter().filter(|check| check.state == Health::Broken).count()
    }
}

/// Compares a token's tenant with the one that specs declare.
#[must_use]
pub(crate) fn tenant(claims: &Claims, declared: &[Uuid]) -> Prerequisite {
    let Some(tenant) = claims.tid else {
        return Prerequisite::unknown("tenant", "not in the token");
    };
    match declared.iter().find(|declared| **declared != tenant) {
        Some(other) => Prerequisite::broken(
            "tenant",
            format!("{tenant}, and a spec declares {other}"),
            "sign in to the tenant that the spec declares, or name another credential",
        ),
        None => Prerequisite::ok("tenant", tenant.to_string()),
    }
}

/// The identity in a token, with its name from Microsoft Graph if available.
#[must_use]
pub(crate) fn identity(claims: &Claims, answer: Option<&Result<Value, arm::Error>>) -> Prerequisite {
    let Some(id) = claims.oid else {
        return Prerequisite::unknown("identity", "not in the token");
    };
    let kind = if claims.is_application() { "application" } else { "user" };
    match answer {
        Some(Ok(body)) => {
            let name = body["userPrincipalName"].as_str().or(body["displayName"].as_str());
            Prerequisite::ok("identity", format!("{kind} `{}`, object id {id}", name.unwrap_or_default()))
        }
        Some(Err(error)) => {
            let why = error.code.clone().unwrap_or_else(|| "no answer".to_owned());
            Prerequisite::ok(
                "identity",
                format!("{kind} with object id {id}; could not read its name from Microsoft Graph ({why})"),
            )
        }
        None => Prerequisite::ok("identity", format!("{kind} with object id {id}")),
    }
}

/// Judges ARM's answer about a subscription.
#[must_use]
pub(crate) fn subscription(id: &str, answer: &Result<Value, arm::Error>, claims: &Claims) -> Prerequisite {
    let check = match answer {
        Err(error) if error.kind == arm::ErrorKind::NotFound => Prerequisite::broken(
            "subscription",
            "the caller cannot see this subscription",
            "check the id in the spec, and that the identity has a role in it; a new role assignment takes a few minutes to take effect",
        ),
        Err(error) => Prerequisite::broken("subscription", error.to_string(), hint_of(error)),
        Ok(body) => {
            let (name, state) = (text(body, "displayName"), text(body, "state"));
            let tenant = Uuid::try_parse(text(body, "tenantId")).ok();
            let another = tenant.filter(|tenant| claims.tid.is_some_and(|own| own != *tenant));
            match (state, another) {
                (_, Some(tenant)) => Prerequisite::broken(
                    "subscription",
                    format!("`{name}` belongs to tenant {tenant}, which is not the token's"),
                    "sign in to the tenant of the subscription",
                ),
                ("Enabled" | "Warned", None) => {
                    Prerequisite::ok("subscription", format!("`{name}`, {state}"))
                }
                (_, None) => Prerequisite::broken(
                    "subscription",
                    format!("`{name}` is {state}: Azure refuses writes there"),
                    "see the subscription's overview in the Azure portal",
                ),
            }
        }
    };
    check.of(id)
}

/// Judges ARM's answer about a resource group that specs name. Only its owner can create it: without it, everything in it is refused.
#[must_use]
pub(crate) fn resource_group(name: &str, answer: &Result<Value, arm::Error>) -> Prerequisite {
    let check = match answer {
        Ok(body) => Prerequisite::ok("group", format!("exists, in {}", text(body, "location"))),
        Err(error) if error.code.as_deref() == Some("ResourceGroupNotFound") => Prerequisite::broken(
            "group",
            "does not exist, and keyless does not create resource groups",
            format!("check the name in the spec, or create it: az group create --name {name} --location …"),
        ),
        Err(error) => Prerequisite::unknown("group", error.to_string()),
    };
    check.of(name)
}

fn text<'b>(body: &'b Value, name: &str) -> &'b str {
    body[name].as_str().unwrap_or_default()
}

fn hint_of(error: &arm::Error) -> String {
    error.hint().unwrap_or_else(|| "see the network checks above".to_owned())
}

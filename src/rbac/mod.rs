//! Roles: what a role permits by Azure's rules, and the built-in ones by GUID and all of their names.
//!
//! Pure. Azure renames roles, so a role is its GUID, and names are only ways to find it. `builtin` knows Azure's own roles offline;
//! `catalogue` adds the roles that Azure was queried for.

mod builtin;
mod calls;
mod catalogue;
pub mod condition;
mod powers;
mod services;
mod terms;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde::Deserialize;
use uuid::Uuid;

pub use builtin::{builtin, builtin_names, by_id, by_name};
pub use calls::{CALLS, CallActions, Opened, Publisher, Task, USUAL, calls_of, shown};
pub use catalogue::{Catalogue, Named, project};
pub use condition::Condition;
use condition::Givable;
use powers::GRANT;
pub use powers::{POWERS, Power};
pub use services::{Service, serves_models, service};
pub use terms::{Term, Terms};

/// A role definition, of which only the permissions count.
#[derive(Debug, Clone)]
pub struct Role {
    /// GUID of the role definition.
    pub id: Uuid,
    /// Its name when the table was made.
    pub name: String,
    /// Its former and later names.
    pub other_names: Vec<String>,
    permissions: Vec<Permission>,
    /// Whether it lets somebody call a model, once somebody asked.
    inference: OnceLock<bool>,
}

/// What a role or a caller may do: any of the actions, except those excluded in the same permission.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Permission {
    actions: Vec<String>,
    not_actions: Vec<String>,
    data_actions: Vec<String>,
    not_data_actions: Vec<String>,
    /// The condition under which it applies; a few built-in roles have one.
    #[serde(alias = "Condition")]
    condition: Option<String>,
    #[serde(alias = "ConditionVersion")]
    condition_version: Option<String>,
}

impl Role {
    /// Whether it permits an action on resources.
    #[must_use]
    pub fn can(&self, action: &str) -> bool {
        allowed(&self.permissions, action)
    }

    /// Whether it permits a data action, such as a model call.
    #[must_use]
    pub fn can_on_data(&self, action: &str) -> bool {
        self.permissions.iter().any(|permission| permission.allows_data(action))
    }

    /// Whether it allows assigning roles.
    #[must_use]
    pub fn can_grant(&self) -> bool {
        self.can(GRANT)
    }

    /// The roles that its holder may assign, by the role's own condition.
    #[must_use]
    pub fn givable(&self) -> Givable {
        let each = self.granting().map(Permission::givable);
        let either = |one: Givable, two: Givable| match (one, two) {
            (Givable::Only(one), Givable::Only(two)) => Givable::Only(&one | &two),
            _ => Givable::Any,
        };
        each.reduce(either).unwrap_or(Givable::Only(BTreeSet::new()))
    }

    /// All of its names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.other_names).map(String::as_str)
    }

    fn is_called(&self, name: &str) -> bool {
        self.names().any(|known| known.eq_ignore_ascii_case(name))
    }
}

impl Permission {
    fn allows(&self, action: &str) -> bool {
        permits(&self.actions, &self.not_actions, action)
    }

    fn givable(&self) -> Givable {
        givable(self.condition.as_deref(), self.condition_version.as_deref())
    }

    fn allows_data(&self, action: &str) -> bool {
        permits(&self.data_actions, &self.not_data_actions, action)
    }
}

/// The roles that may be assigned under a condition; an unparsable or missing one restricts nothing.
#[must_use]
pub fn givable(condition: Option<&str>, version: Option<&str>) -> Givable {
    let known = condition.filter(|_| version.is_none_or(|version| version == "2.0"));
    let condition = known.and_then(|text| Condition::parse(text).ok());
    condition.map_or(Givable::Any, |condition| condition.givable())
}

/// Whether any of these permits an action: what one excludes, another may still permit.
#[must_use]
pub fn allowed(permissions: &[Permission], action: &str) -> bool {
    permissions.iter().any(|permission| permission.allows(action))
}

fn permits(allowed: &[String], excluded: &[String], action: &str) -> bool {
    let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, action));
    any(allowed) && !any(excluded)
}

/// Whether an action pattern of a role covers an action: `*` matches any characters, including `/`, and case is ignored.
#[must_use]
pub fn matches(pattern: &str, action: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern.eq_ignore_ascii_case(action) };
    let Some((start, rest)) = action.split_at_checked(head.len()) else { return false };
    if !start.eq_ignore_ascii_case(head) {
        return false;
    }
    let (tail, rest) = (tail.to_ascii_lowercase(), rest.to_ascii_lowercase());
    let mut rest = rest.as_str();
    // Between the first and the last star each piece is matched at its first occurrence: later ones only leave less.
    let mut pieces = tail.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_cover_what_azure_says_they_cover() {
        let cases = [
            ("*", "Microsoft.X/y/read", true),
            ("*/read", "Microsoft.X/y/read", true),
            ("*/read", "Microsoft.X/y/write", false),
            ("Microsoft.CognitiveServices/*", "microsoft.cognitiveservices/accounts/OpenAI/x/action", true),
            ("Microsoft.CognitiveServices/*/read", "Microsoft.CognitiveServices/accounts/read", true),
            ("Microsoft.CognitiveServices/*/read", "Microsoft.CognitiveServices/read", false),
            ("Microsoft.X/*/a/*/b", "Microsoft.X/1/a/2/b", true),
            ("Microsoft.X/*/a/*/b", "Microsoft.X/1/b", false),
            ("a*a", "a", false),
            ("a*b*b", "ab", false),
            ("Microsoft.X/y/read", "Microsoft.X/y/read/more", false),
        ];
        for (pattern, action, expected) in cases {
            assert_eq!(matches(pattern, action), expected, "{pattern} on {action}");
        }
    }
}

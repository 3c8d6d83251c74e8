//! Conditions of role assignments and roles (Azure ABAC, version 2.0): whether one can be parsed, and what it certainly allows.
//!
//! Pure. `parse` finds structural mistakes; this module answers two questions about a parsed condition, in doubt as if it restricted
//! nothing: which roles may be assigned under it, and whether it allows an action in all cases. Format:
//! <https://learn.microsoft.com/azure/role-based-access-control/conditions-format>.

mod parse;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeSet;

use uuid::Uuid;

pub use parse::{Condition, Mistake, Remark, RemarkKind, Token};
use parse::{Expr, Operand, Source};

use super::matches;
use super::powers::GRANT;

/// The attribute, in a request to write a role assignment, with the assigned role.
const ROLE: &str = "Microsoft.Authorization/roleAssignments:RoleDefinitionId";

/// Roles that a principal may assign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Givable {
    /// Only these.
    Only(BTreeSet<Uuid>),
    /// Any, as far as known.
    Any,
}

impl Givable {
    /// What two conditions allow if both must hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Any, other) | (other, Self::Any) => other,
            (Self::Only(one), Self::Only(two)) => Self::Only(&one & &two),
        }
    }
}

/// The value of an expression for a request, as far as known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Truth {
    Yes,
    No,
    Open,
}

impl Truth {
    fn of(known: bool) -> Self {
        if known { Self::Yes } else { Self::No }
    }

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Open => Self::Open,
        }
    }
}

/// The role in a request.
#[derive(Debug, Clone, Copy)]
enum Given {
    This(Uuid),
    /// A role that the condition does not name.
    Other,
    /// The request is not for an assignment, or may be for any role.
    Unsaid,
}

impl Condition {
    /// The roles that a principal with the right to write role assignments may assign under it.
    #[must_use]
    pub fn givable(&self) -> Givable {
        let Some(expr) = self.certain() else { return Givable::Any };
        if truth(expr, GRANT, Given::Other) != Truth::No {
            return Givable::Any;
        }
        let mut named = BTreeSet::new();
        collect_roles(expr, &mut named);
        named.retain(|role| truth(expr, GRANT, Given::This(*role)) != Truth::No);
        Givable::Only(named)
    }

    /// Whether it certainly allows an action in all cases.
    #[must_use]
    pub fn always_lets(&self, action: &str) -> bool {
        self.certain().is_some_and(|expr| truth(expr, action, Given::Unsaid) == Truth::Yes)
    }

    /// Whether it certainly denies an action in all cases.
    #[must_use]
    pub fn never_lets(&self, action: &str) -> bool {
        self.certain().is_some_and(|expr| truth(expr, action, Given::Unsaid) == Truth::No)
    }

    /// Its expression, unless its text is ambiguous.
    fn certain(&self) -> Option<&Expr> {
        (!self.ambiguous).then_some(&self.expr)
    }
}

fn truth(expr: &Expr, action: &str, given: Given) -> Truth {
    match expr {
        Expr::All(parts) => {
            let mut all = Truth::Yes;
            for part in parts {
                match truth(part, action, given) {
                    Truth::No => return Truth::No,
                    Truth::Open => all = Truth::Open,
                    Truth::Yes => {}
                }
            }
            all
        }
        Expr::Any(parts) => {
            let mut any = Truth::No;
            for part in parts {
                match truth(part, action, given) {
                    Truth::Yes => return Truth::Yes,
                    Truth::Open => any = Truth::Open,
                    Truth::No => {}
                }
            }
            any
        }
        Expr::Not(inner) => truth(inner, action, given).not(),
        Expr::Action(patterns) => Truth::of(patterns.iter().any(|pattern| matches(pattern, action))),
        Expr::Compare { left, operator, right } => {
            role_comparison(left, operator, right).map_or(Truth::Open, |roles| roles.truth(given))
        }
        Expr::Other => Truth::Open,
    }
}

/// A comparison of the assigned role with roles by GUID.
struct Roles {
    ids: Vec<Uuid>,
    equal: bool,
    /// Whether the comparison must hold for all of them instead of one.
    all: bool,
}

impl Roles {
    fn truth(&self, given: Given) -> Truth {
        let holds = |id: &Uuid| match given {
            Given::This(role) => (role == *id) == self.equal,
            Given::Other | Given::Unsaid => !self.equal,
        };
        match given {
            Given::Unsaid => Truth::Open,
            _ if self.all => Truth::of(self.ids.iter().all(holds)),
            _ => Truth::of(self.ids.iter().any(holds)),
        }
    }
}

fn role_comparison(left: &Operand, operator: &str, right: &Operand) -> Option<Roles> {
    let Operand::Attribute { source: Source::Request, name } = left else { return None };
    if !name.eq_ignore_ascii_case(ROLE) {
        return None;
    }
    let (quantifier, operator) = match operator.split_once(':') {
        Some((quantifier, operator)) => (Some(quantifier), operator),
        None => (None, operator),
    };
    let equal = match operator.to_ascii_lowercase().as_str() {
        "guidequals" => true,
        "guidnotequals" => false,
        _ => return None,
    };
    let values: Vec<&str> = match right {
        Operand::Word(text) | Operand::Text(text) => vec![text],
        Operand::Set(values) => values.iter().map(String::as_str).collect(),
        Operand::Attribute { .. } => return None,
    };
    let ids: Vec<Uuid> = values.iter().map(|value| Uuid::try_parse(value).ok()).collect::<Option<_>>()?;
    // There is one role on the left, so "any of" and "all of" it are the same.
    let all = match quantifier.map(str::to_ascii_lowercase).as_deref() {
        None if ids.len() == 1 => false,
        Some("foranyofanyvalues" | "forallofanyvalues") => false,
        Some("foranyofallvalues" | "forallofallvalues") => true,
        _ => return None,
    };
    Some(Roles { ids, equal, all })
}

fn collect_roles(expr: &Expr, into: &mut BTreeSet<Uuid>) {
    match expr {
        Expr::All(parts) | Expr::Any(parts) => parts.iter().for_each(|part| collect_roles(part, into)),
        Expr::Not(inner) => collect_roles(inner, into),
        Expr::Compare { left, operator, right } => {
            into.extend(role_comparison(left, operator, right).into_iter().flat_map(|roles| roles.ids));
        }
        Expr::Action(_) | Expr::Other => {}
    }
}

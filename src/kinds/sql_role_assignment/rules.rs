//! Offline rules of Cosmos DB's role assignments.

use std::collections::BTreeMap;

use serde_json::Value;

use super::databases::database_of;
use super::{BUILT_IN, LIST, key, role_of};
use crate::finding::{Code, Finding};
use crate::id::{Key, ResourceId};
use crate::kinds::role_assignment::principal_problem;
use crate::principals::Form;
use crate::spec::Loaded;
use crate::text::names::nearest;
use crate::text::source::Span;

pub(super) fn check(loaded: &Loaded, findings: &mut Vec<Finding>) {
    let mut seen: BTreeMap<Key, Span> = BTreeMap::new();
    for (index, entry) in loaded.spec.sql_role_assignments.iter().enumerate() {
        let pointer = format!("/{LIST}/{index}");
        let at = |field: &str| loaded.document.value_span(&format!("{pointer}/{field}"));
        let database = ResourceId::declared(&entry.database_account).ok();
        if database.as_ref().is_none_or(|id| database_of(id).as_ref() != Some(id)) {
            let message = format!("`{}` is not the id of a Cosmos DB account", entry.database_account);
            let hint = "az cosmosdb list --query [].id";
            findings.push(Finding::error(Code::InvalidId, message).at(at("databaseAccount")).hint(hint));
        }
        let role = role_of(&entry.role);
        if role.is_none() {
            let hint = match nearest(&entry.role, BUILT_IN.iter().map(|(name, _)| *name)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "Cosmos DB has roles of its own: write `Cosmos DB Built-in Data Reader`, `Cosmos DB Built-in Data Contributor`, or the GUID of a definition of the account".to_owned(),
            };
            let message = format!("`{}` is not a role of Cosmos DB that keyless knows", entry.role);
            findings.push(Finding::error(Code::UnknownRole, message).at(at("role")).hint(hint));
        }
        if let Some(scope) = entry.scope.as_deref().filter(|scope| !is_below(scope)) {
            let message = format!("`{scope}` is not a scope in a Cosmos DB account");
            let hint = "write `/dbs/NAME` or `/dbs/NAME/colls/NAME`; without `scope` it is the whole account";
            findings.push(Finding::error(Code::InvalidId, message).at(at("scope")).hint(hint));
        }
        if loaded.document.tree.pointer(&format!("{pointer}/scope")).is_some_and(Value::is_null) {
            let message = "`scope` is null, which does not say where the role applies".to_owned();
            let hint = "write `/dbs/NAME` or `/dbs/NAME/colls/NAME`; for the whole account remove `scope`";
            findings.push(Finding::error(Code::InvalidValue, message).at(at("scope")).hint(hint));
        }
        for (nested, principal) in entry.principals.iter().enumerate() {
            let place = format!("{pointer}/principals/{nested}");
            if let Some(problem) = principal_problem(loaded, &place, principal) {
                findings.push(problem);
                continue;
            }
            let (Some(database), Some(role), Some(form)) = (&database, role, Form::of(principal)) else {
                continue;
            };
            let span = loaded.document.value_span(&place);
            let scope = format!("{database}{}", entry.scope.as_deref().unwrap_or_default());
            if let Some(first) = seen.insert(key(database, &scope, &form.label(), &role.to_string()), span) {
                let message = format!("{} gets `{}` at this scope twice", form.shown(), entry.role);
                findings.push(
                    Finding::error(Code::Duplicate, message)
                        .at(span)
                        .related(first, "first declared here")
                        .hint("remove one of the two"),
                );
            }
        }
    }
}

/// Whether a text is a database or a container below an account.
pub(super) fn is_below(scope: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty() && !name.chars().any(|c| c.is_control() || c.is_whitespace() || "?#\\%".contains(c))
    };
    // A reference to a value has slashes of its own.
    let mut plain = scope.to_owned();
    for reference in crate::spec::late::LateReference::all(scope) {
        plain = plain.replace(reference.source, "later");
    }
    match plain.trim_end_matches('/').split('/').collect::<Vec<_>>().as_slice() {
        ["", "dbs", database] => is_name(database),
        ["", "dbs", database, "colls", container] => is_name(database) && is_name(container),
        _ => false,
    }
}

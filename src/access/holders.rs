//! From role assignments to the principals that can call an account's models.

use std::collections::BTreeMap;

use crate::body::{AssignmentBody, PRINCIPAL_TYPES};
use crate::document::access::{Callable, Holder, Models, Reach, Through};
use crate::id::{ResourceId, comparable};
use crate::kinds::role_assignment::Placed;
use crate::rbac::{self, Catalogue, Opened, Publisher, Role};

/// What the assignments say about one account.
#[derive(Default)]
pub(super) struct AccountHolders {
    /// Who can call, sorted by name.
    pub(super) holders: Vec<Holder>,
    /// Roles with unknown permissions, and how many assignments have them.
    pub(super) unjudged: BTreeMap<String, usize>,
}

/// How the scope of an assignment near an account relates to it.
fn reach(scope: &ResourceId, account: &ResourceId) -> Reach {
    if scope == account {
        Reach::Direct
    } else if account.contains(scope) {
        Reach::Below
    } else if scope.subscription_id().is_none() {
        // A subscription's list shows only the management groups above it.
        Reach::Above
    } else if scope.group().is_some() {
        Reach::ResourceGroup
    } else {
        Reach::Subscription
    }
}

/// The type of an assignment's principal: the assignment's word, or else the directory's.
pub(super) fn kind_of<'a>(said: AssignmentBody<'a>, types: &BTreeMap<String, &'static str>) -> &'a str {
    let written = said.principal_type().unwrap_or_default();
    let known = || types.get(&comparable(said.principal_id()?)).copied();
    if PRINCIPAL_TYPES.contains(&written) { written } else { known().unwrap_or(written) }
}

/// Which models a role lets somebody call.
fn models(role: &Role) -> Models {
    let [openai, anthropic, others] = Publisher::ALL.map(|publisher| match role.reaches(publisher) {
        Opened::None => Callable::None,
        Opened::Perhaps => Callable::Perhaps,
        Opened::Some => Callable::Some,
        Opened::All => Callable::All,
    });
    Models { openai, anthropic, others }
}

/// Who can call the models of an account, or the service of its kind, by the assignments near it.
pub(super) fn holders<'a>(
    (account, kind): (&ResourceId, Option<&str>),
    near: impl IntoIterator<Item = &'a Placed<'a>>,
    roles: &Catalogue,
    names: &BTreeMap<String, String>,
    types: &BTreeMap<String, &'static str>,
) -> AccountHolders {
    let mut found = AccountHolders::default();
    let mut by_principal: BTreeMap<String, Holder> = BTreeMap::new();
    for Placed { id, scope, said } in near {
        let definition = || said.role_definition_id().unwrap_or_default().to_owned();
        let role_id = said.role().map_or_else(definition, |id| id.to_string());
        let Some(role) = said.role().and_then(|id| roles.by_id(id)) else {
            *found.unjudged.entry(role_id).or_default() += 1;
            continue;
        };
        if !role.serves(kind) {
            continue;
        }
        let principal = said.principal_id().unwrap_or_default();
        let key = comparable(principal);
        let holder = by_principal.entry(key.clone()).or_insert_with(|| Holder {
            name: names.get(&key).cloned(),
            id: principal.to_owned(),
            kind: kind_of(*said, types).to_owned(),
            orphaned: false,
            through: Vec::new(),
        });
        holder.through.push(Through {
            reach: reach(scope, account),
            scope: scope.to_string(),
            role: role.name.clone(),
            role_id,
            models: rbac::service(kind).is_none().then(|| models(role)),
            assignment: id.to_string(),
            condition: said.condition().filter(|text| !text.is_empty()).map(str::to_owned),
            temporary: false,
            until: None,
        });
    }
    found.holders = by_principal.into_values().collect();
    for holder in &mut found.holders {
        holder.through.sort();
        holder.through.dedup();
    }
    let order = |holder: &Holder| {
        (holder.kind.clone(), holder.name.as_ref().map(|name| name.to_lowercase()), holder.id.to_lowercase())
    };
    found.holders.sort_by_key(order);
    found
}

//! From role assignments to the principals that can call an account's models.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::document::access::{Holder, Reach, Through};
use crate::id::{ResourceId, comparable, trailing_guid};
use crate::kinds::role_assignment;
use crate::rbac::{Catalogue, Role};

/// The parts of a role assignment's ARM body that matter here.
pub(super) struct Assignment<'a> {
    pub(super) id: ResourceId,
    pub(super) scope: ResourceId,
    body: &'a Value,
}

/// What the assignments say about one account.
#[derive(Default)]
pub(super) struct Found {
    /// Who can call, sorted by name.
    pub(super) holders: Vec<Holder>,
    /// Roles with unknown permissions, and how many assignments have them.
    pub(super) unjudged: BTreeMap<String, usize>,
}

impl<'a> Assignment<'a> {
    /// Parses a body; `None` if it is not a role assignment. The scope comes from the id.
    pub(super) fn of(body: &'a Value) -> Option<Self> {
        let id = ResourceId::parse(body["id"].as_str()?).ok()?;
        let is = id.as_str().to_ascii_lowercase().contains("/microsoft.authorization/roleassignments/");
        is.then(|| Self { scope: id.scope(), id, body })
    }

    /// How its scope relates to an account; `None` if it does not apply there.
    pub(super) fn reach(&self, account: &ResourceId) -> Option<Reach> {
        let scope = &self.scope;
        if scope == account {
            return Some(Reach::Direct);
        }
        if account.contains(scope) {
            return Some(Reach::Below);
        }
        if scope.subscription_id().is_none() {
            // A subscription's list shows only the management groups above it.
            return Some(Reach::Above);
        }
        let reach = if scope.group().is_some() { Reach::ResourceGroup } else { Reach::Subscription };
        scope.contains(account).then_some(reach)
    }

    fn text(&self, name: &str) -> &'a str {
        self.body["properties"][name].as_str().unwrap_or_default()
    }

    /// Whether its name shows that it is permanent.
    pub(super) fn is_named_by_keyless(&self) -> bool {
        role_assignment::is_named_by_keyless(&self.id, self.body)
    }

    pub(super) fn principal(&self) -> &'a str {
        self.text("principalId")
    }

    /// Its role, if known, and the role's display name.
    pub(super) fn role<'r>(&self, roles: &'r Catalogue) -> (Option<&'r Role>, String) {
        let definition = self.text("roleDefinitionId");
        match trailing_guid(definition) {
            Some(id) => (roles.by_id(id), id.to_string()),
            None => (None, definition.to_owned()),
        }
    }
}

/// Who can call the models of an account.
pub(super) fn holders<'a>(
    account: &ResourceId,
    assignments: impl IntoIterator<Item = &'a Assignment<'a>>,
    roles: &Catalogue,
    names: &BTreeMap<String, String>,
) -> Found {
    let mut found = Found::default();
    let mut by_principal: BTreeMap<String, Holder> = BTreeMap::new();
    for assignment in assignments {
        let Some(reach) = assignment.reach(account) else { continue };
        let (role, role_id) = assignment.role(roles);
        let Some(role) = role else {
            *found.unjudged.entry(role_id).or_default() += 1;
            continue;
        };
        if !role.gives_inference() {
            continue;
        }
        let condition = assignment.text("condition");
        let principal = comparable(assignment.principal());
        let holder = by_principal.entry(principal.clone()).or_insert_with(|| Holder {
            name: names.get(&principal).cloned(),
            id: assignment.principal().to_owned(),
            kind: assignment.text("principalType").to_owned(),
            orphaned: false,
            through: Vec::new(),
        });
        holder.through.push(Through {
            reach,
            scope: assignment.scope.to_string(),
            role: role.name.clone(),
            role_id,
            assignment: assignment.id.to_string(),
            condition: (!condition.is_empty()).then(|| condition.to_owned()),
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

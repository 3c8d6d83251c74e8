//! Role assignments as specs declare them: one for each principal of each grant.
//!
//! Pure. Whoever could not be made out stands in the list too, as open: a declaration is never lost.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{RoleAssignments, TYPE, grants, key, roles, scope_name, scope_of};
use crate::finding::Open;
use crate::id::{ResourceId, arm_guid, comparable, trailing_guid};
use crate::kinds::desired::{Desired, Hole, collect_spans};
use crate::kinds::{Inventory, account};
use crate::principals::{self, Form, Resolved};
use crate::snapshot::Snapshot;
use crate::source::Span;
use crate::spec::Loaded;

/// What a stack declares, with names resolved as far as the snapshot goes.
pub(super) fn desired(loaded: &Loaded, snapshot: &Snapshot) -> Vec<Desired> {
    let (spec, document) = (&loaded.spec, &loaded.document);
    let catalogue = snapshot.roles();
    let mut all = Vec::new();
    for grant in grants(spec) {
        let role = roles::resolve(loaded, &grant, snapshot);
        for (index, principal) in grant.principals.iter().enumerate() {
            let Some(form) = Form::of(principal) else { continue };
            let at = format!("{}/principals/{index}", grant.pointer);
            let span = document.value_span(&format!("{at}/{}", form.word()));
            let who = who(&form, loaded, snapshot, span);
            let mut declared = Map::new();
            let mut spans = BTreeMap::new();
            for name in ["description", "condition", "conditionVersion"] {
                let pointer = format!("{}/{name}", grant.pointer);
                if let Some(value) = document.tree.pointer(&pointer) {
                    collect_spans(document, &pointer, name, value, &mut spans);
                    declared.insert(name.to_owned(), value.clone());
                }
            }
            if grant.conditional && !grant.explicit_version {
                declared.insert("conditionVersion".to_owned(), json!("2.0"));
                spans.insert(
                    "conditionVersion".to_owned(),
                    document.value_span(&format!("{}/condition", grant.pointer)),
                );
            }
            // Whoever is not known has a label in place of an id: it is no id, so it meets nothing that is live.
            let label = form.label();
            let (id, title, nobody, hole) = match who {
                Who::Known(who) => {
                    declared.insert("principalId".to_owned(), json!(who.id));
                    declared.insert("principalType".to_owned(), json!(who.principal_type.as_str()));
                    spans.insert("principalType".to_owned(), document.value_span(&format!("{at}/type")));
                    (who.id.to_string(), who.title(), None, None)
                }
                Who::Later(hole) => {
                    declared.insert("principalType".to_owned(), json!("ServicePrincipal"));
                    let title = format!("{} (known after it is created)", form.shown());
                    (label, title, None, Some(hole))
                }
                Who::Open(open) => (label, form.shown(), Some(open), None),
            };
            // The same holds of a role; its name stands in the title, and its id leads nowhere.
            let (role, role_label, role_name, open) = match &role {
                Ok(role) => {
                    declared.insert("roleDefinitionId".to_owned(), json!(definition_id(&grant.scope, *role)));
                    (*role, role.to_string(), catalogue.display_name(*role), nobody)
                }
                Err(open) => {
                    let name = grant.role.to_owned();
                    (Uuid::nil(), roles::label(grant.role), name, Some(open.clone()))
                }
            };
            all.push(Desired {
                kind: &RoleAssignments,
                stack: spec.stack.clone(),
                address: format!("{}/roleAssignments/{role_name}/{}", grant.place, form.label()),
                title: format!("role assignment {role_name} -> {title} on {}", scope_name(&grant.scope)),
                id: id_of(&grant.scope, &id, role),
                key: key(&grant.scope, &id, &role_label),
                scope: grant.scope.clone(),
                after: grant.after.clone(),
                declared,
                defaults: Map::new(),
                span: document.value_span(&at),
                spans,
                adopt: spec.adopt,
                open,
                hole,
                unproven: match form {
                    Form::Id(id, _) if loaded.lock.is_none() => Some(id),
                    _ => None,
                },
                resend: false,
            });
        }
    }
    all
}

/// The accounts of a stack that declare a list of their assignments, an empty one too.
pub(in crate::kinds) fn complete(loaded: &Loaded) -> impl Iterator<Item = ResourceId> {
    let lists = |index| loaded.document.tree.pointer(&format!("/accounts/{index}/roleAssignments"));
    let accounts = loaded.spec.accounts.iter().enumerate();
    let declaring = accounts.filter(move |(index, _)| lists(*index).is_some_and(serde_json::Value::is_array));
    declaring.map(|(_, each)| account::id_of(&loaded.spec, each))
}

/// The lists that a stack declares: those of accounts, the file's own, and each scope that this names. Of an account that the spec holds
/// its own list speaks: an entry for its scope says nothing of what stood there, unless that is nobody.
pub(super) fn lists(loaded: &Loaded) -> Vec<Option<ResourceId>> {
    let own = loaded.document.tree.pointer("/roleAssignments").filter(|list| list.is_array());
    let held: BTreeSet<ResourceId> =
        loaded.spec.accounts.iter().map(|each| account::id_of(&loaded.spec, each)).collect();
    let scopes = loaded.spec.role_assignments.iter().filter_map(|each| {
        let scope = scope_of(&loaded.spec, &each.scope)?;
        (each.principals.is_empty() || !held.contains(&scope)).then_some(scope)
    });
    complete(loaded).chain(scopes).map(Some).chain(own.map(|_| None)).collect()
}

/// Whom a principal means.
enum Who {
    Known(Resolved),
    Later(Hole),
    Open(Open),
}

fn who(form: &Form<'_>, loaded: &Loaded, snapshot: &Snapshot, span: Span) -> Who {
    let Form::AccountIdentity(name) = form else {
        let known = principals::resolve(form, loaded.lock.as_ref(), snapshot, span);
        return known.map_or_else(Who::Open, Who::Known);
    };
    let spec = &loaded.spec;
    let mut named = spec.accounts.iter().filter(|account| account.name.eq_ignore_ascii_case(name));
    let Some(account) = named.next() else {
        let known = principals::resolve(form, None, snapshot, span);
        return known.map_or_else(Who::Open, Who::Known);
    };
    let holder = account::id_of(spec, account);
    match principals::identity_of(account, &holder, snapshot, span) {
        Ok(Some(known)) => Who::Known(known),
        Ok(None) => {
            let key = account::key(&holder);
            Who::Later(Hole { field: "principalId", holder, kind: "accounts", key })
        }
        Err(open) => Who::Open(open),
    }
}

/// The id of an assignment, named as Bicep's templates name it.
pub(super) fn id_of(scope: &ResourceId, principal: &str, role: Uuid) -> ResourceId {
    let name = arm_guid(&[principal, role.to_string().as_str(), scope.as_str()]);
    scope.provider(TYPE, &name.to_string())
}

/// Whether a live assignment has the name that keyless gives to the like of it: then it was made by a plain PUT (by Bicep, perhaps), and
/// lasts, whatever its description says. A mark says nothing of that: `adopt` writes it onto anything, and so may anybody. Privileged
/// Identity Management makes assignments under names of its own, as far as is known, so whoever copies keyless's name makes one that lasts
/// too. It may give an end to what is there (`AdminUpdate`); where much hangs on that, it is asked whatever the name is.
pub(crate) fn is_named_by_keyless(id: &ResourceId, body: &Value) -> bool {
    let text = |name: &str| body["properties"][name].as_str().unwrap_or_default();
    let (Some(name), Some(role)) = (trailing_guid(id.as_str()), trailing_guid(text("roleDefinitionId")))
    else {
        return false;
    };
    // Letters count in the name; Azure shows a scope as the PUT spelled it, at times in one of the two places only.
    let scopes = [Some(id.scope()), ResourceId::parse(text("scope")).ok()];
    let principal = comparable(text("principalId"));
    scopes.iter().flatten().any(|scope| {
        *scope == id.scope() && trailing_guid(id_of(scope, &principal, role).as_str()) == Some(name)
    })
}

/// The declared object ids of assignments that would be created, but for stacks whose lock file makes asking needless.
pub(super) fn unproven(stacks: &[Loaded], live: &Inventory, snapshot: &Snapshot) -> BTreeSet<Uuid> {
    let mut ids = BTreeSet::new();
    let unlocked = stacks.iter().filter(|loaded| loaded.lock.is_none());
    let grants =
        unlocked.flat_map(|loaded| grants(&loaded.spec).into_iter().map(move |grant| (loaded, grant)));
    for (loaded, grant) in grants {
        let Ok(role) = roles::resolve(loaded, &grant, snapshot) else { continue };
        for principal in grant.principals {
            let Some(Form::Id(id, _)) = Form::of(principal) else { continue };
            let key = key(&grant.scope, &id.to_string(), &role.to_string());
            if !live.items.contains_key(&key) && live.gap(&grant.scope).is_none() {
                ids.insert(id);
            }
        }
    }
    ids
}

/// The id of a role definition as assignments at a scope name it.
fn definition_id(scope: &ResourceId, role: Uuid) -> ResourceId {
    let holder = scope.subscription_id().map_or_else(ResourceId::root, ResourceId::subscription);
    holder.provider(super::DEFINITION, &role.to_string())
}

//! Roles in specs: built-in roles that this version knows, and others that Azure lists for the subscription.
//!
//! Pure. An unresolved name stays open, like a principal: nothing is written for it, and nothing is revoked in its place.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

use super::{API, DeclaredGrant, grants};
use crate::body::AssignmentBody;
use crate::finding::{Code, Finding, Open};
use crate::id::{ResourceId, trailing_guid};
use crate::kinds::{Inventory, account};
use crate::rbac::{self, Catalogue, Named, Role};
use crate::snapshot::{Answer, Body, Query, Shape, Snapshot};
use crate::spec::Loaded;
use crate::spec::model::{Account, Spec};
use crate::text::names::{nearest, very_like};
use crate::text::source::Span;

/// The query for all roles that can be assigned in a subscription and below.
#[must_use]
pub(crate) fn definitions(subscription: &ResourceId) -> Query {
    Query {
        path: format!(
            "{subscription}/providers/Microsoft.Authorization/roleDefinitions?api-version={API}&$filter=atScopeAndBelow()"
        ),
        shape: Shape::List,
        scope: subscription.clone(),
        project: rbac::project,
    }
}

/// The subscription whose roles can be assigned at a scope; above subscriptions, the stack's own.
fn holder(spec: &Spec, scope: &ResourceId) -> ResourceId {
    ResourceId::subscription(scope.subscription_id().unwrap_or(&spec.subscription))
}

/// The queries for role definitions: for roles that a spec names and this version does not know, and for those of live assignments that
/// will be shown.
pub(super) fn declared(stacks: &[Loaded]) -> Vec<Query> {
    let mut holders = BTreeSet::new();
    for loaded in stacks {
        let unknown = |grant: &DeclaredGrant<'_>| offline(grant.role).is_none();
        let scopes = grants(&loaded.spec).filter(unknown);
        holders.extend(scopes.map(|grant| holder(&loaded.spec, &grant.scope)));
    }
    holders.iter().map(definitions).collect()
}

/// The queries for roles of live assignments near declared ones that this version does not know.
pub(super) fn live(near: &Inventory) -> Vec<Query> {
    let scopes = near.all().filter(|live| is_unknown(&live.body)).map(|live| &live.scope);
    let holders: BTreeSet<ResourceId> =
        scopes.filter_map(|scope| scope.subscription_id().map(ResourceId::subscription)).collect();
    holders.iter().map(definitions).collect()
}

/// The queries for role definitions among these ids that this version does not know: guards judge every role that is assigned.
#[must_use]
pub(crate) fn unknown_roles<'a>(ids: impl Iterator<Item = &'a str>) -> Vec<Query> {
    let unknown = ids.filter(|id| trailing_guid(id).is_some_and(|id| rbac::by_id(id).is_none()));
    let holders: BTreeSet<ResourceId> = unknown
        .filter_map(|id| ResourceId::parse(id).ok()?.subscription_id().map(ResourceId::subscription))
        .collect();
    holders.iter().map(definitions).collect()
}

/// Whether this version does not know an assignment's role.
pub(super) fn is_unknown(assignment: &Value) -> bool {
    AssignmentBody::of(assignment).role().is_some_and(|id| rbac::by_id(id).is_none())
}

/// A role by GUID or name, among those that this version knows.
pub(super) fn offline(role: &str) -> Option<&'static Role> {
    match Uuid::try_parse(role) {
        Ok(id) => rbac::by_id(id),
        Err(_) => rbac::by_name(role),
    }
}

/// What distinguishes a declared role before Azure is queried.
pub(super) fn label(role: &str) -> String {
    match (Uuid::try_parse(role), rbac::by_name(role)) {
        (Ok(id), _) => id.to_string(),
        (Err(_), Some(known)) => known.id.to_string(),
        (Err(_), None) => role.to_lowercase(),
    }
}

/// A role as a spec writes it: its name if unambiguous, otherwise its GUID.
#[must_use]
pub(crate) fn spelled(id: Uuid, catalogue: &Catalogue) -> String {
    let name = rbac::by_id(id).map_or_else(|| catalogue.display_name(id), |role| role.name.clone());
    let means = match rbac::by_name(&name) {
        Some(known) => known.id == id,
        None => {
            catalogue.by_name(&name) == Named::One(id) && very_like(&name, rbac::builtin_names()).is_none()
        }
    };
    if means { name } else { id.to_string() }
}

/// The GUID of a declared role.
pub(super) fn resolve(loaded: &Loaded, grant: &DeclaredGrant<'_>, snapshot: &Snapshot) -> Result<Uuid, Open> {
    let name = grant.role;
    if let Ok(id) = Uuid::try_parse(name) {
        return Ok(id);
    }
    if let Some(known) = rbac::by_name(name) {
        return Ok(known.id);
    }
    let span = loaded.document.value_span(&format!("{}/role", grant.pointer()));
    let holder = holder(&loaded.spec, &grant.scope);
    let query = definitions(&holder);
    match snapshot.get(&query) {
        Some(Answer::Found(bodies)) => named(name, bodies, &holder, span),
        other => {
            let finding = Finding::error(Code::RoleUnread, format!("could not look up role `{name}`"))
                .at(span)
                .hint("write the role's GUID: az role definition list --name NAME --query [].name; or assign the caller the Reader role on the subscription");
            let refusal = other.and_then(Answer::refusal);
            Err(Open::unknown(match refusal {
                Some(refusal) => finding.cause(&refusal.message),
                None => finding,
            }))
        }
    }
}

/// The role with a name among the role definitions of a subscription.
fn named(name: &str, bodies: &[Body], holder: &ResourceId, span: Span) -> Result<Uuid, Open> {
    let is_called = |body: &&Body| {
        body["properties"]["roleName"].as_str().is_some_and(|found| found.eq_ignore_ascii_case(name))
    };
    // Azure lists over a thousand roles, and a spec may name one many times: only those that count are parsed.
    match Catalogue::of(bodies.iter().filter(is_called)).by_name(name) {
        Named::One(id) => Ok(id),
        Named::Unknown => {
            let hint = match nearest(name, Catalogue::of(bodies.iter()).names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "list them: az role definition list --query [].roleName; a custom role can be assigned only below its assignable scopes".to_owned(),
            };
            let message =
                format!("subscription `{}` has no role `{name}`, built-in or custom", holder.name());
            Err(Open::refused(Finding::error(Code::UnknownRole, message).at(span).hint(hint)))
        }
        Named::Several(ids) => {
            let listed = ids.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
            let message = format!("role `{name}` matches {} custom roles: {listed}", ids.len());
            let hint = "write the GUID of the intended role: `role: GUID`";
            Err(Open::refused(Finding::error(Code::UnknownRole, message).at(span).hint(hint)))
        }
    }
}

/// What is wrong with a role as far as that is known offline: only misspelled names of built-in roles.
pub(super) fn slip(name: &str, span: Span) -> Option<Finding> {
    if offline(name).is_some() || Uuid::try_parse(name).is_ok() {
        return None;
    }
    let near = very_like(name, rbac::builtin_names())?;
    let finding = Finding::error(Code::UnknownRole, format!("there is no role `{name}`")).at(span);
    Some(finding.hint(format!("did you mean `{near}`?")))
}

/// Roles that only Azure can verify, reported when specs are checked offline.
#[must_use]
pub(crate) fn unjudged(loaded: &Loaded) -> Vec<Finding> {
    let mut notes = Vec::new();
    for grant in grants(&loaded.spec) {
        let span = loaded.document.value_span(&format!("{}/role", grant.pointer()));
        if offline(grant.role).is_some()
            || Uuid::try_parse(grant.role).is_ok()
            || slip(grant.role, span).is_some()
        {
            continue;
        }
        let message = format!(
            "`{}` is not a built-in role that this version knows; `plan` looks it up in Azure",
            grant.role
        );
        let note = Finding::note(Code::UnknownRole, message).at(span);
        notes.push(match nearest(grant.role, rbac::builtin_names()) {
            Some(near) => note.hint(format!("did you mean `{near}`?")),
            None => note,
        });
    }
    notes
}

/// Declared roles on accounts that do not allow calling models, among those that this version knows.
pub(super) fn without_inference_offline(loaded: &Loaded, grant: &DeclaredGrant<'_>) -> Option<Finding> {
    without_inference(loaded, grant, offline(grant.role)?)
}

/// The same for roles that Azure was queried for.
pub(super) fn remarks(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Finding> {
    let catalogue = snapshot.roles();
    let mut findings = Vec::new();
    for loaded in stacks {
        for grant in grants(&loaded.spec).filter(|grant| offline(grant.role).is_none()) {
            let role = resolve(loaded, &grant, snapshot).ok().and_then(|id| catalogue.by_id(id));
            findings.extend(role.and_then(|role| without_inference(loaded, &grant, role)));
        }
    }
    findings
}

/// The kind of the account on which a role is given, as a spec of the run declares it.
fn kind_of<'s>(loaded: &'s Loaded, grant: &DeclaredGrant<'s>, id: &ResourceId) -> Option<&'s str> {
    let spec = &loaded.spec;
    let is_it =
        |each: &&Account| each.name.eq_ignore_ascii_case(id.name()) && account::id_of(spec, each) == *id;
    let declared = grant.account().or_else(|| spec.accounts.iter().find(is_it))?;
    let made = if declared.existing {
        loaded.neighbours.owned.get(id)?.kind.as_deref()
    } else {
        declared.kind.as_deref()
    };
    Some(made.unwrap_or(account::DEFAULT_KIND))
}

fn without_inference(loaded: &Loaded, grant: &DeclaredGrant<'_>, role: &Role) -> Option<Finding> {
    let kind = kind_of(loaded, grant, &grant.scope.up_to("accounts")?);
    let lets_in = match kind {
        Some(kind) if kind.eq_ignore_ascii_case("OpenAI") => role.gives_inference(),
        // Such an account may serve speech, language and vision beside models.
        Some(kind) if rbac::serves_models(kind) => role.serves_anything(),
        Some(kind) => role.serves(Some(kind)),
        None => role.serves_anything(),
    };
    if lets_in {
        return None;
    }
    let span = loaded.document.value_span(&format!("{}/role", grant.pointer()));
    let (what, roles) = match rbac::service(kind) {
        None => ("models".to_owned(), vec!["Cognitive Services User", "Cognitive Services OpenAI User"]),
        Some(service) => {
            let what = format!("an account of kind `{}`", kind.unwrap_or_default());
            (what, service.roles().collect())
        }
    };
    let message = format!("`{}` does not let anyone call {what}", role.name);
    let roles: Vec<String> = roles.into_iter().map(|role| format!("`{role}`")).collect();
    let do_so = if roles.len() == 1 { "does" } else { "do" };
    let note = Finding::note(Code::RoleWithoutInference, message).at(span);
    Some(note.hint(format!("{} {do_so}", roles.join(" and "))))
}

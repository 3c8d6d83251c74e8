//! Offline rules of role assignments.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{
    DESCRIPTION_LIMIT, DeclaredGrant, accepted, assignments, conditions, grants, key, marked, roles, scope_of,
};
use crate::finding::{Code, Finding};
use crate::id::{Key, ResourceId};
use crate::kinds::late::own::{self, Misnamed, OwnResource};
use crate::principals::{Form, IDENTITY_TYPE, is_object_id};
use crate::rbac;
use crate::spec::Loaded;
use crate::spec::model::{Principal, RoleAssignment};
use crate::text::names::{listed, nearest};
use crate::text::source::Span;

pub(super) fn check(loaded: &Loaded, findings: &mut Vec<Finding>) {
    let spec = &loaded.spec;
    accepted::check(loaded, findings);
    for (index, assignment) in spec.role_assignments.iter().enumerate() {
        if scope_of(spec, &assignment.scope).is_none() {
            findings.push(scope_problem(loaded, index, assignment.scope.as_str()));
        }
    }
    for (pointer, assignment) in assignments(spec) {
        texts(loaded, &pointer, assignment, findings);
        findings.extend(conditions::check(loaded, &pointer));
    }
    let mut seen: BTreeMap<Key, Span> = BTreeMap::new();
    for grant in grants(spec) {
        let own = grant.pointer();
        findings.extend(roles::slip(grant.role, loaded.document.value_span(&format!("{own}/role"))));
        findings.extend(roles::without_inference_offline(loaded, &grant));
        for (index, principal) in grant.principals.iter().enumerate() {
            let at = format!("{own}/principals/{index}");
            let problem = principal_problem(loaded, &at, principal);
            findings.extend(problem.or_else(|| twice(loaded, &grant, principal, &at, &mut seen)));
        }
    }
}

/// Reports a principal that gets the same role at the same scope twice.
fn twice(
    loaded: &Loaded,
    grant: &DeclaredGrant<'_>,
    principal: &Principal,
    at: &str,
    seen: &mut BTreeMap<Key, Span>,
) -> Option<Finding> {
    let span = loaded.document.value_span(at);
    let form = Form::of(principal)?;
    let role = roles::label(grant.role);
    let first = seen.insert(key(&grant.scope, &form.label(), &role), span)?;
    let known = Uuid::try_parse(&role).ok().and_then(rbac::by_id);
    let shown = known.map_or(grant.role, |known| known.name.as_str());
    let message = format!("{} gets `{shown}` at this scope twice", form.shown());
    let hint = "Azure allows one assignment per role, principal and scope: remove one of the two";
    let finding = Finding::error(Code::Duplicate, message).at(span);
    Some(finding.related(first, "first declared here").hint(hint))
}

fn scope_problem(loaded: &Loaded, index: usize, scope: &str) -> Finding {
    let span = loaded.document.value_span(&format!("/roleAssignments/{index}/scope"));
    if scope == "resourceGroup" {
        return Finding::error(Code::MissingField, "scope `resourceGroup` needs the file's `resourceGroup`")
            .at(span)
            .hint("set `resourceGroup` for the file, or write the scope's id");
    }
    let hint = match nearest(scope, ["subscription", "resourceGroup"]) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write `subscription`, `resourceGroup`, or the id of a scope".to_owned(),
    };
    let message = match ResourceId::declared(scope) {
        Err(error) if scope.starts_with('/') => format!("not a scope: {error}"),
        _ => format!("`{scope}` is not a scope"),
    };
    Finding::error(Code::InvalidId, message).at(span).hint(hint)
}

/// The texts of a declared assignment, which are checked even if its scope is invalid.
fn texts(loaded: &Loaded, pointer: &str, assignment: &RoleAssignment, findings: &mut Vec<Finding>) {
    let span = |name: &str| loaded.document.value_span(&format!("{pointer}/{name}"));
    if let Some(text) = &assignment.description {
        description(loaded, text, span("description"), findings);
    }
    let error =
        |message: String| Finding::error(Code::ConditionVersion, message).at(span("conditionVersion"));
    match assignment.condition_version.as_deref() {
        Some("2.0") if assignment.condition.is_none() => findings.push(
            error("conditionVersion is set without a condition".to_owned())
                .hint("add `condition`, or remove the line"),
        ),
        None | Some("2.0") => {}
        Some(version) => findings.push(
            error(format!("Azure does not accept condition version `{version}`"))
                .hint("write \"2.0\", or remove the line"),
        ),
    }
}

/// A description must not contain a mark of keyless, and must leave room for one.
fn description(loaded: &Loaded, text: &str, span: Span, findings: &mut Vec<Finding>) {
    if text.to_ascii_lowercase().contains("[keyless:") {
        findings.push(
            Finding::error(Code::TypedMark, "`[keyless:…]` is keyless's own mark of ownership")
                .at(span)
                .hint("remove it: keyless marks what a stack creates"),
        );
    }
    let room =
        DESCRIPTION_LIMIT - (marked("x", &loaded.spec.stack).chars().count() - 1).min(DESCRIPTION_LIMIT);
    let length = text.chars().count();
    if length > room {
        let message = format!("a description of {length} characters leaves no room for the stack's mark");
        findings.push(Finding::error(Code::DescriptionTooLong, message).at(span).hint(format!(
            "Azure allows {DESCRIPTION_LIMIT} characters, including the mark: use at most {room}"
        )));
    }
}

/// What is wrong with a principal's form, if anything.
pub(in crate::kinds) fn principal_problem(
    loaded: &Loaded,
    at: &str,
    principal: &Principal,
) -> Option<Finding> {
    let span = loaded.document.value_span(at);
    let lookups = [
        ("user", principal.user.is_some()),
        ("group", principal.group.is_some()),
        ("servicePrincipal", principal.service_principal.is_some()),
        ("managedIdentity", principal.managed_identity.is_some()),
        ("accountIdentity", principal.account_identity.is_some()),
        ("projectIdentity", principal.project_identity.is_some()),
        ("resourceIdentity", principal.resource_identity.is_some()),
        ("me", principal.me.is_some()),
    ];
    let named: Vec<&str> = lookups.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    let error = |code, message: String, hint: &str| Some(Finding::error(code, message).at(span).hint(hint));
    match (principal.id.as_deref(), principal.principal_type, named.as_slice()) {
        (None, None, []) => error(
            Code::MissingField,
            "an empty principal".to_owned(),
            "write `id` and `type`, or one of `user`, `group`, `servicePrincipal`, `managedIdentity`, `accountIdentity`, `projectIdentity`, `resourceIdentity`",
        ),
        (None, Some(_), [form]) => error(
            Code::InvalidValue,
            format!("`type` is only allowed with `id`: Azure determines the type of a `{form}`"),
            "remove `type`",
        ),
        (None, None, [form]) => name_problem(loaded, &format!("{at}/{form}"), principal),
        (id, _, several @ [_, ..]) => {
            let mut named: Vec<&str> = several.iter().copied().chain(id.map(|_| "id")).collect();
            named.sort_unstable();
            let ways = named.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let with_type = if id.is_some() { "; `id` requires `type`" } else { "" };
            error(
                Code::InvalidValue,
                match named.as_slice() {
                    [_, _] => format!("a principal takes one of {}, not both", listed(named)),
                    _ => format!("a principal takes only one of {}", listed(named)),
                },
                &format!("keep one of {ways}{with_type}"),
            )
        }
        (None, Some(_), []) => {
            error(Code::MissingField, "the principal has a `type` but no `id`".to_owned(), "add `id`")
        }
        (Some(id), _, []) if !is_object_id(id) => Some(
            Finding::error(Code::InvalidGuid, format!("`{id}` is not an object id"))
                .at(loaded.document.value_span(&format!("{at}/id")))
                .hint("object ids are GUIDs: az ad sp show --id APP --query id"),
        ),
        (Some(_), None, []) => error(
            Code::MissingField,
            "the principal has an `id` but no `type`".to_owned(),
            "add `type: User`, `Group` or `ServicePrincipal`: without it Azure refuses principals that are still replicating",
        ),
        _ => None,
    }
}

/// What is wrong with a principal's name, if anything.
fn name_problem(loaded: &Loaded, at: &str, principal: &Principal) -> Option<Finding> {
    let span = loaded.document.value_span(at);
    let error = |code, message: String, hint: &str| Some(Finding::error(code, message).at(span).hint(hint));
    let named = [&principal.user, &principal.group, &principal.service_principal];
    if named.into_iter().flatten().any(|name| name.trim().is_empty()) {
        return error(Code::InvalidValue, "the principal's name is empty".to_owned(), "write its name");
    }
    match principal {
        Principal { user: Some(name), .. } if !name.contains('@') => error(
            Code::InvalidValue,
            format!("`{name}` is not a user's sign-in name"),
            "it looks like `alice@contoso.com`: az ad user list --display-name NAME --query [].userPrincipalName",
        ),
        Principal { managed_identity: Some(id), .. } => {
            let provider = format!("/providers/{IDENTITY_TYPE}/").to_ascii_lowercase();
            let hint = "az identity show --resource-group GROUP --name NAME --query id";
            match ResourceId::declared(id) {
                Err(problem) => error(Code::InvalidId, format!("not a resource id: {problem}"), hint),
                Ok(parsed) if !parsed.as_str().to_ascii_lowercase().contains(&provider) => {
                    error(Code::InvalidId, format!("`{id}` is not the id of a user-assigned identity"), hint)
                }
                Ok(_) => None,
            }
        }
        Principal { account_identity: Some(id), .. } if id.starts_with('/') => {
            resource_problem(loaded, at, id, Some("Microsoft.CognitiveServices/accounts"))
        }
        Principal { project_identity: Some(id), .. } if id.starts_with('/') => {
            resource_problem(loaded, at, id, Some("Microsoft.CognitiveServices/accounts/projects"))
        }
        Principal { resource_identity: Some(id), .. } => resource_problem(loaded, at, id, None),
        Principal { account_identity: Some(name), .. } => {
            own_problem(span, own::account_named(&loaded.spec, name), (name, None))
        }
        Principal { project_identity: Some(path), .. } => match path.split_once('/') {
            Some((account, name)) => {
                let found = own::project_named(&loaded.spec, account, name);
                own_problem(span, found, (account, Some(name)))
            }
            None => error(
                Code::InvalidValue,
                format!("`{path}` is not a project"),
                "write ACCOUNT/PROJECT, of this file, or the project's resource id",
            ),
        },
        Principal { me: Some(false), .. } => error(
            Code::InvalidValue,
            "`me: false` does not name a principal".to_owned(),
            "remove it, or write `me: true`",
        ),
        _ => None,
    }
}

/// Why a text is not the id of a resource of a type, if so.
fn resource_problem(loaded: &Loaded, at: &str, id: &str, wanted: Option<&str>) -> Option<Finding> {
    let error = |message: String, hint: &str| {
        Some(Finding::error(Code::InvalidId, message).at(loaded.document.value_span(at)).hint(hint))
    };
    let hint = "write the id of a resource: az resource list --query [].id";
    match ResourceId::declared(id).map(|id| id.resource_type()) {
        Err(problem) => error(format!("not a resource id: {problem}"), hint),
        Ok(None) => error(format!("`{id}` is not the id of a resource"), hint),
        Ok(Some(found)) if wanted.is_none() && found.eq_ignore_ascii_case(IDENTITY_TYPE) => {
            error(format!("`{id}` is a user-assigned identity"), "write `managedIdentity` instead")
        }
        Ok(Some(found)) => match wanted.filter(|wanted| !wanted.eq_ignore_ascii_case(&found)) {
            Some(wanted) => error(format!("`{id}` is not the id of a resource of type {wanted}"), hint),
            None => None,
        },
    }
}

/// Why the own identity of an account or a project of this file cannot be a principal, if so.
fn own_problem(
    span: Span,
    found: Result<OwnResource<'_>, Misnamed<'_>>,
    (account, project): (&str, Option<&str>),
) -> Option<Finding> {
    let (message, hint) = match found {
        Ok(own) => (own.without_identity()?, "declare `identity: SystemAssigned` for it".to_owned()),
        Err(wrong) => {
            let hint = match wrong {
                Misnamed::Account(Some(near)) => format!("did you mean `{near}`?"),
                Misnamed::Account(None) => "name an account of this file".to_owned(),
                Misnamed::Several => {
                    "write the identity's object id: `{id: …, type: ServicePrincipal}`".to_owned()
                }
                Misnamed::Project(Some(near)) => format!("did you mean `{account}/{near}`?"),
                Misnamed::Project(None) => "name a project of this file, or write its resource id".to_owned(),
            };
            (wrong.message(account, project), hint)
        }
    };
    Some(Finding::error(Code::InvalidValue, message).at(span).hint(hint))
}

//! The principals in a spec: their forms, the queries about them, and what the answers mean.
//!
//! Pure. Takes principals of a spec and a snapshot; returns queries (to Microsoft Graph, and to ARM for managed identities), and object ids
//! or the reason why there is none. Names are never guessed: an ambiguous name, a missing one, and a directory that cannot be read are
//! three different errors.

mod form;
mod identity;
mod known;
pub mod lock;
mod members;
mod proof;

use serde_json::Value;
#[cfg(test)]
use serde_json::json;
use uuid::Uuid;

use crate::finding::{Code, Finding, Open};
use crate::id::ResourceId;
use crate::snapshot::{Answer, Body, Part, Query, Refusal, Shape, Snapshot};
use crate::spec::model::{Principal, PrincipalType};
use crate::text::query::{encoded, quoted};
use crate::text::source::Span;

use crate::spec::lock::Lock;
pub use form::{Form, Set};
pub use identity::{IdentityHolder, has_own_identity, identity_of, is_object_id, object_id, own_principal};
pub(crate) use known::name_in;
pub use known::{Names, called, known_names};
pub use members::{member, members};
pub use proof::{callers, callers_named, existence, gone, names, objects, prove, types, unanswered};

const IDENTITIES_API: &str = "2023-01-31";
/// The ARM type of user-assigned identities.
pub(crate) const IDENTITY_TYPE: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";
/// The remedy if the directory cannot be queried.
const WITHOUT_GRAPH: &str = "write the object id and its type: `{id: …, type: …}`; or have someone who can read the directory run `keyless lock`, so that no look-up is needed";

/// A resolved principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Its object id.
    pub id: Uuid,
    /// User, group, or service principal.
    pub principal_type: PrincipalType,
    /// Its display name, if known.
    pub name: Option<String>,
    /// Whether it is known only from a lock file.
    pub locked: bool,
    /// The resource whose identity it is, if Azure was asked for that.
    pub of: Option<ResourceId>,
}

impl Resolved {
    /// The principal for messages: `Group ml-developers (1f0c…)`.
    #[must_use]
    pub fn title(&self) -> String {
        let kind = self.principal_type.as_str();
        match &self.name {
            Some(name) if self.locked => format!("{kind} {name} ({}, from lock, unverified)", self.id),
            name => called(kind, &self.id.to_string(), name.as_deref()),
        }
    }
}

/// The query for a name in the directory.
fn named(set: Set, name: &str) -> Query {
    let (path, field, select) = set.path(name);
    let filter = encoded(&format!("{field} eq {}", quoted(name)));
    let url = format!("/{path}?$filter={filter}&$select={select}");
    Query {
        path: format!("graph:{url}"),
        shape: Shape::Directory(vec![Part { url, body: None }]),
        scope: ResourceId::root(),
        project: object,
    }
}

/// Keeps the needed properties of a directory object.
fn object(body: Value) -> Value {
    let Value::Object(mut map) = body else { return Value::Null };
    map.retain(|name, _| {
        ["id", "displayName", "userPrincipalName", "appId", "servicePrincipalType", "@odata.type"]
            .contains(&name.as_str())
    });
    Value::Object(map)
}

/// The queries for principals. Those in a lock file are queried too, in the same batch: callers with access to the directory detect that it
/// is wrong.
#[must_use]
pub fn queries<'a>(principals: impl IntoIterator<Item = &'a Principal>) -> Vec<Query> {
    principals.into_iter().filter_map(|principal| Form::of(principal)?.query()).collect()
}

/// Resolves a principal; a problem is reported at `span`. A lock file counts if there is no answer, and is wrong if an answer contradicts
/// it.
pub fn resolve(
    form: &Form<'_>,
    lock: Option<&Lock>,
    snapshot: &Snapshot,
    span: Span,
) -> Result<Resolved, Open> {
    let found = look_up(form, snapshot, span);
    let Some(locked) = lock.and_then(|lock| lock.resolve(form, snapshot.caller.tenant)) else { return found };
    let locked = locked.map_err(|finding| Open::refused(finding.at(span)))?;
    let now = match found {
        Err(Open::Unknown(_)) => return Ok(locked),
        Ok(found) if found.id == locked.id => return Ok(found),
        Ok(found) => Ok(found.id),
        Err(Open::Refused(finding)) if finding.code == Code::PrincipalAmbiguous => {
            let ids = named_so(form, snapshot);
            return Err(Open::refused(lock::ambiguous(form, &locked, &ids, finding.message).at(span)));
        }
        Err(Open::Refused(finding)) => Err(finding.message),
    };
    Err(Open::refused(lock::outdated(form, locked.id, &now).at(span)))
}

/// Resolves a principal from the answers of Azure and the directory.
fn look_up(form: &Form<'_>, snapshot: &Snapshot, span: Span) -> Result<Resolved, Open> {
    let answer = form.query().and_then(|query| snapshot.get(&query).cloned());
    match form {
        Form::Id(id, principal_type) => {
            Ok(Resolved { id: *id, principal_type: *principal_type, name: None, locked: false, of: None })
        }
        Form::Named(set, name) => match answer {
            Some(Answer::Found(items)) => one_of(*set, name, &items, span),
            other => Err(unread(form, other.as_ref(), span)),
        },
        Form::ManagedIdentity(resource) | Form::ResourceIdentity(_, resource) => match answer {
            Some(Answer::Found(items)) => {
                let id = items.first().and_then(|body| object_id(&body["properties"]));
                let id = id.and_then(|id| Uuid::try_parse(id).ok());
                let name = Some(match form {
                    Form::ResourceIdentity(..) => format!("identity of {}", resource.name()),
                    _ => resource.name().to_owned(),
                });
                id.map(|id| Resolved {
                    id,
                    principal_type: PrincipalType::ServicePrincipal,
                    name,
                    locked: false,
                    of: Some(resource.clone()),
                })
                .ok_or_else(|| unread(form, None, span))
            }
            Some(Answer::Absent { .. }) => Err(Open::refused(
                Finding::error(Code::PrincipalNotFound, format!("{} does not exist", form.shown()))
                    .at(span)
                    .hint(match form {
                        Form::ResourceIdentity(..) => {
                            "check the id, and whether the resource has a system-assigned identity"
                        }
                        _ => "check the id: az identity list --query [].id",
                    }),
            )),
            other => Err(unread(form, other.as_ref(), span)),
        },
        Form::Me => me(snapshot, span),
        // Only the spec knows which account or project that is: see `identity_of`.
        Form::AccountIdentity(_) | Form::ProjectIdentity(_) => Err(unread(form, None, span)),
    }
}

/// The ids of all principals with a name.
fn named_so(form: &Form<'_>, snapshot: &Snapshot) -> Vec<Uuid> {
    let query = form.query();
    let items = query.iter().flat_map(|query| snapshot.items(query));
    items.filter_map(|item| item["id"].as_str().and_then(|id| Uuid::try_parse(id).ok())).collect()
}

/// The only object with a name.
fn one_of(set: Set, name: &str, items: &[Body], span: Span) -> Result<Resolved, Open> {
    let form = Form::Named(set, name);
    let id = |item: &Body| item["id"].as_str().and_then(|id| Uuid::try_parse(id).ok());
    let mut ids: Vec<Uuid> = items.iter().filter_map(id).collect();
    ids.sort();
    match (items, ids.as_slice()) {
        ([], _) => Err(Open::refused(
            Finding::error(Code::PrincipalNotFound, format!("the directory has no {}", form.shown()))
                .at(span)
                .hint(advice(set, name)),
        )),
        ([item], [id]) => {
            let shown = if set == Set::Users { "userPrincipalName" } else { "displayName" };
            let live = item[shown].as_str().unwrap_or(name);
            Ok(Resolved {
                id: *id,
                principal_type: set.principal_type(),
                name: Some(live.to_owned()),
                locked: false,
                of: None,
            })
        }
        (_, [_, _, ..]) => {
            let listed = ids.iter().take(5).map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
            let more = if ids.len() > 5 { ", …" } else { "" };
            Err(Open::refused(
                Finding::error(
                    Code::PrincipalAmbiguous,
                    format!("{} matches {} principals: {listed}{more}", form.shown(), ids.len()),
                )
                .at(span)
                .hint(format!(
                    "write the intended one: `{{id: …, type: {}}}`",
                    set.principal_type().as_str()
                )),
            ))
        }
        _ => Err(unread(&form, None, span)),
    }
}

/// The remedy for a name without a match.
fn advice(set: Set, name: &str) -> &'static str {
    match set {
        Set::Users => {
            "check the sign-in name, which may differ from the mail address: az ad user list --display-name NAME; those of guests contain `#EXT#`"
        }
        Set::Groups => {
            "check the spelling and the tenant: az ad group list --filter \"startswith(displayName,'…')\""
        }
        Set::ServicePrincipals if Uuid::try_parse(name).is_ok() => {
            "a GUID here is an application's client id; for an object id use `id` and `type: ServicePrincipal`"
        }
        Set::ServicePrincipals => "check the spelling and the tenant: az ad sp list --display-name NAME",
    }
}

/// A principal for which Azure gave no useful answer.
fn unread(form: &Form<'_>, answer: Option<&Answer>, span: Span) -> Open {
    let finding =
        Finding::error(Code::PrincipalUnread, format!("could not look up {}", form.shown())).at(span);
    let finding = match answer.and_then(Answer::refusal) {
        Some(Refusal { message, .. }) => finding.cause(message),
        None => finding.cause("the answer does not identify it"),
    };
    // An error must be fixed first; a caller without access to the directory has an alternative.
    let hint = match answer {
        Some(Answer::Failed(Refusal { hint: Some(hint), .. })) => {
            format!("{hint}; if only Microsoft Graph does not answer: {WITHOUT_GRAPH}")
        }
        _ => WITHOUT_GRAPH.to_owned(),
    };
    Open::unknown(finding.hint(hint))
}

/// The caller, if it is a person at a terminal.
fn me(snapshot: &Snapshot, span: Span) -> Result<Resolved, Open> {
    let caller = snapshot.caller;
    let refused = |message: &str, hint: &str| {
        Err(Open::refused(Finding::error(Code::NotInteractive, message).at(span).hint(hint)))
    };
    match caller.id {
        _ if !caller.interactive => refused(
            "`me` is the user at the terminal, but stdin is not a terminal",
            "name the principal: `{id: …, type: …}`, or `user: NAME`",
        ),
        None => refused("the token does not identify `me`", "name the principal: `{id: …, type: …}`"),
        Some(id) => {
            let principal_type =
                if caller.application { PrincipalType::ServicePrincipal } else { PrincipalType::User };
            Ok(Resolved { id, principal_type, name: Some("me".to_owned()), locked: false, of: None })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Caller;
    use crate::text::source::Sources;

    const A: &str = "aaaaaaaa-0000-4000-8000-000000000001";
    const B: &str = "bbbbbbbb-0000-4000-8000-000000000002";

    fn span() -> Span {
        Span { file: Sources::default().add("a.yaml", ""), start: 0, end: 0 }
    }

    fn resolved(form: &Form<'_>, answer: Answer) -> Result<Resolved, Open> {
        let mut snapshot = Snapshot::default();
        snapshot.insert(&form.query().expect("it is looked up"), answer);
        resolve(form, None, &snapshot, span())
    }

    #[test]
    fn a_name_is_one_object_or_an_error_that_says_which_there_are() {
        let group = Form::Named(Set::Groups, "ml");
        let object = |id: &str| json!({"id": id, "displayName": "ML"});
        let one = resolved(&group, Answer::found(vec![object(A)])).unwrap();
        assert_eq!(one.title(), format!("Group ML ({A})"));
        let Err(Open::Refused(two)) = resolved(&group, Answer::found(vec![object(B), object(A)])) else {
            panic!("two of one name are nobody")
        };
        assert_eq!(two.message, format!("group `ml` matches 2 principals: `{A}`, `{B}`"));
        let Err(Open::Refused(none)) = resolved(&group, Answer::found(Vec::new())) else {
            panic!("no such name is nobody")
        };
        assert_eq!(none.code, Code::PrincipalNotFound);
    }

    #[test]
    fn what_could_not_be_asked_is_unknown_and_never_absent() {
        let refusal = || Refusal { message: "no".to_owned(), hint: None };
        let id = format!("/subscriptions/{A}/resourceGroups/rg/providers/{IDENTITY_TYPE}/app");
        let forms = [
            Form::Named(Set::Users, "alice@contoso.com"),
            Form::Named(Set::ServicePrincipals, "app"),
            Form::ManagedIdentity(ResourceId::parse(&id).unwrap()),
        ];
        for form in &forms {
            for answer in [
                Answer::Denied(refusal()),
                Answer::Failed(refusal()),
                Answer::found(vec![Value::Null]),
                Answer::found(vec![json!({"id": 7}), json!({"id": "x"})]),
            ] {
                let outcome = resolved(form, answer.clone());
                assert!(matches!(outcome, Err(Open::Unknown(_))), "{form:?} {answer:?}: {outcome:?}");
            }
            let unasked = resolve(form, None, &Snapshot::default(), span());
            assert!(matches!(unasked, Err(Open::Unknown(_))), "{form:?}");
        }
        let gone = resolved(&forms[2], Answer::Absent { code: "ResourceNotFound".to_owned() });
        assert!(matches!(gone, Err(Open::Refused(_))), "{gone:?}");
    }

    #[test]
    fn a_guid_is_an_application_and_any_text_stays_inside_its_quotes() {
        assert!(named(Set::ServicePrincipals, A).path.contains("appId%20eq%20"));
        assert!(named(Set::ServicePrincipals, "app").path.contains("displayName%20eq%20"));
        let query = named(Set::Groups, "a' or displayName ne 'x&$top=1#");
        assert_eq!(
            query.path,
            "graph:/groups?$filter=displayName%20eq%20%27a%27%27%20or%20displayName%20ne%20%27%27x%26%24top%3D1%23%27&$select=id,displayName"
        );
    }

    #[test]
    fn me_is_a_person_at_a_terminal() {
        let who = |caller: Caller| {
            let mut snapshot = Snapshot::default();
            snapshot.caller = caller;
            resolve(&Form::Me, None, &snapshot, span()).map(|resolved| resolved.title())
        };
        let id = Uuid::try_parse(A).ok();
        let person = Caller { id, tenant: None, application: false, interactive: true };
        assert_eq!(who(person), Ok(format!("User me ({A})")));
        let application = Caller { application: true, ..person };
        assert_eq!(who(application), Ok(format!("ServicePrincipal me ({A})")));
        for caller in [Caller { interactive: false, ..person }, Caller { id: None, ..person }] {
            assert!(matches!(who(caller), Err(Open::Refused(_))), "{caller:?}");
        }
    }
}

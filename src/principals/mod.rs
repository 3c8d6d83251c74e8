//! Who a spec's principals are: how they are named, what must be asked about them, and what the answers mean.
//!
//! Pure. Takes principals of a spec and a snapshot; gives queries (to Microsoft Graph, and to ARM for managed identities), and
//! object ids or the reason why there is none. A name is never guessed: two of one name, none, and a directory that may not be
//! read are three different things, and none of them is a principal.

mod identity;
mod known;
pub mod lock;
mod proof;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::finding::{Code, Finding, Open};
use crate::id::ResourceId;
use crate::snapshot::{Answer, Body, Part, Query, Refusal, Shape, Snapshot};
use crate::source::Span;
use crate::spec::model::{Principal, PrincipalType};
use crate::text::query::{encoded, quoted};

use crate::spec::lock::Lock;
pub use identity::{has_own_identity, identity_of, is_object_id, object_id, own_principal};
pub use known::{Names, called, known_names};
pub use proof::{existence, gone, names, objects, prove, unanswered};

const IDENTITIES_API: &str = "2023-01-31";
/// The ARM type of user-assigned identities.
pub(crate) const IDENTITY_TYPE: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";
/// The way out where the directory cannot be asked.
const WITHOUT_GRAPH: &str = "write the object id and its type: `{id: …, type: …}`; or let someone who may read the directory run `keyless lock`, whose file makes asking needless";

/// How a principal is named.
#[derive(Debug, Clone, PartialEq)]
pub enum Form<'a> {
    /// By its object id.
    Id(Uuid, PrincipalType),
    /// By its name in the directory.
    Named(Set, &'a str),
    /// By the resource id of a user-assigned identity.
    ManagedIdentity(ResourceId),
    /// By the account whose own identity it is.
    AccountIdentity(&'a str),
    /// Whoever runs keyless.
    Me,
}

/// A set of named objects in the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    /// People, by sign-in name.
    Users,
    /// Groups, by display name.
    Groups,
    /// Applications, by client id or display name.
    ServicePrincipals,
}

impl Set {
    /// The spec's word for one of them.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Set::Users => "user",
            Set::Groups => "group",
            Set::ServicePrincipals => "servicePrincipal",
        }
    }

    /// What one of them is.
    #[must_use]
    pub fn principal_type(self) -> PrincipalType {
        match self {
            Set::Users => PrincipalType::User,
            Set::Groups => PrincipalType::Group,
            Set::ServicePrincipals => PrincipalType::ServicePrincipal,
        }
    }

    /// Graph's path, the property that holds this name, and what to select.
    fn path(self, name: &str) -> (&'static str, &'static str, &'static str) {
        match self {
            Set::Users => ("users", "userPrincipalName", "id,displayName,userPrincipalName"),
            Set::Groups => ("groups", "displayName", "id,displayName"),
            Set::ServicePrincipals if Uuid::try_parse(name).is_ok() => {
                ("servicePrincipals", "appId", "id,displayName,appId")
            }
            Set::ServicePrincipals => ("servicePrincipals", "displayName", "id,displayName,appId"),
        }
    }
}

impl<'a> Form<'a> {
    /// The form of a principal that the rules accept; `None` for any other.
    #[must_use]
    pub fn of(principal: &'a Principal) -> Option<Self> {
        let Principal {
            id,
            principal_type,
            user,
            group,
            service_principal,
            managed_identity,
            account_identity,
            me,
        } = principal;
        if let (Some(id), Some(principal_type)) = (id, principal_type) {
            return Uuid::try_parse(id).ok().map(|id| Form::Id(id, *principal_type));
        }
        let named = [(Set::Users, user), (Set::Groups, group), (Set::ServicePrincipals, service_principal)];
        if let Some((set, name)) = named.into_iter().find_map(|(set, name)| Some((set, name.as_deref()?))) {
            return Some(Form::Named(set, name));
        }
        if let Some(id) = managed_identity {
            return ResourceId::declared(id).ok().map(Form::ManagedIdentity);
        }
        if let Some(account) = account_identity {
            return Some(Form::AccountIdentity(account));
        }
        (*me == Some(true)).then_some(Form::Me)
    }

    /// The field of a principal that names it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Form::Id(..) => "id",
            Form::Named(set, _) => set.word(),
            Form::ManagedIdentity(_) => "managedIdentity",
            Form::AccountIdentity(_) => "accountIdentity",
            Form::Me => "me",
        }
    }

    /// It in an address: the id, or the word and the name.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Form::Id(id, _) => id.to_string(),
            Form::Named(set, name) => format!("{}:{name}", set.word()),
            Form::ManagedIdentity(id) => format!("managedIdentity:{id}"),
            Form::AccountIdentity(account) => format!("accountIdentity:{account}"),
            Form::Me => "me".to_owned(),
        }
    }

    /// It in a message.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Form::Id(id, _) => format!("principal `{id}`"),
            Form::Named(Set::ServicePrincipals, name) => format!("service principal `{name}`"),
            Form::Named(set, name) => format!("{} `{name}`", set.word()),
            Form::ManagedIdentity(id) => format!("managed identity `{}`", id.name()),
            Form::AccountIdentity(account) => format!("the identity of account `{account}`"),
            Form::Me => "`me`".to_owned(),
        }
    }

    /// What must be asked to know its object id.
    #[must_use]
    pub fn query(&self) -> Option<Query> {
        match self {
            Form::Named(set, name) => Some(named(*set, name)),
            Form::ManagedIdentity(id) => Some(Query {
                path: format!("{id}?api-version={IDENTITIES_API}"),
                shape: Shape::One,
                scope: id.clone(),
                project: |body| json!({"id": body["id"], "properties": {"principalId": body["properties"]["principalId"]}}),
            }),
            Form::Id(..) | Form::AccountIdentity(_) | Form::Me => None,
        }
    }
}

/// Who a principal turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Its object id.
    pub id: Uuid,
    /// What it is.
    pub principal_type: PrincipalType,
    /// What people call it, if anybody said.
    pub name: Option<String>,
    /// Whether only a lock file says so.
    pub locked: bool,
}

impl Resolved {
    /// It for people: `Group ml-developers (1f0c…)`.
    #[must_use]
    pub fn title(&self) -> String {
        let kind = self.principal_type.as_str();
        match &self.name {
            Some(name) if self.locked => format!("{kind} {name} ({}, from lock, unverified)", self.id),
            name => called(kind, &self.id.to_string(), name.as_deref()),
        }
    }
}

/// The look-up of a name in the directory.
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

/// What is needed of an object of the directory.
fn object(body: Value) -> Value {
    let Value::Object(mut map) = body else { return Value::Null };
    map.retain(|name, _| {
        ["id", "displayName", "userPrincipalName", "appId", "@odata.type"].contains(&name.as_str())
    });
    Value::Object(map)
}

/// What must be asked to know who these are. What a lock file says is asked too, in the same batch: who may read the directory
/// finds out that it is wrong.
#[must_use]
pub fn queries<'a>(principals: impl IntoIterator<Item = &'a Principal>) -> Vec<Query> {
    principals.into_iter().filter_map(|principal| Form::of(principal)?.query()).collect()
}

/// Finds out who a principal is; a problem is told at `span`. A lock file counts where nobody answers, and is wrong where an answer says
/// otherwise.
pub fn resolve(
    form: &Form<'_>,
    lock: Option<&Lock>,
    snapshot: &Snapshot,
    span: Span,
) -> Result<Resolved, Open> {
    let found = look_up(form, snapshot, span);
    let Some(locked) = lock.and_then(|lock| lock.resolve(form)) else { return found };
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

/// Finds out who a principal is, by what Azure and the directory answered.
fn look_up(form: &Form<'_>, snapshot: &Snapshot, span: Span) -> Result<Resolved, Open> {
    let answer = form.query().and_then(|query| snapshot.get(&query).cloned());
    match form {
        Form::Id(id, principal_type) => {
            Ok(Resolved { id: *id, principal_type: *principal_type, name: None, locked: false })
        }
        Form::Named(set, name) => match answer {
            Some(Answer::Found(items)) => one_of(*set, name, &items, span),
            other => Err(unread(form, other.as_ref(), span)),
        },
        Form::ManagedIdentity(resource) => match answer {
            Some(Answer::Found(items)) => {
                let id = items.first().and_then(|body| object_id(&body["properties"]));
                let id = id.and_then(|id| Uuid::try_parse(id).ok());
                let name = Some(resource.name().to_owned());
                id.map(|id| Resolved {
                    id,
                    principal_type: PrincipalType::ServicePrincipal,
                    name,
                    locked: false,
                })
                .ok_or_else(|| unread(form, None, span))
            }
            Some(Answer::Absent { .. }) => Err(Open::refused(
                Finding::error(Code::PrincipalNotFound, format!("{} does not exist", form.shown()))
                    .at(span)
                    .hint("check the id: az identity list --query [].id"),
            )),
            other => Err(unread(form, other.as_ref(), span)),
        },
        Form::Me => me(snapshot, span),
        // Which account that is, only the spec knows: see `identity_of`.
        Form::AccountIdentity(_) => Err(unread(form, None, span)),
    }
}

/// The ids of all that have a name.
fn named_so(form: &Form<'_>, snapshot: &Snapshot) -> Vec<Uuid> {
    let query = form.query();
    let items = query.iter().flat_map(|query| snapshot.items(query));
    items.filter_map(|item| item["id"].as_str().and_then(|id| Uuid::try_parse(id).ok())).collect()
}

/// The one object that a name means.
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
            })
        }
        (_, [_, _, ..]) => {
            let listed = ids.iter().take(5).map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
            let more = if ids.len() > 5 { ", …" } else { "" };
            Err(Open::refused(
                Finding::error(
                    Code::PrincipalAmbiguous,
                    format!("{} could be {} principals: {listed}{more}", form.shown(), ids.len()),
                )
                .at(span)
                .hint(format!(
                    "write the one that is meant: `{{id: …, type: {}}}`",
                    set.principal_type().as_str()
                )),
            ))
        }
        _ => Err(unread(&form, None, span)),
    }
}

/// What to do about a name that nothing has.
fn advice(set: Set, name: &str) -> &'static str {
    match set {
        Set::Users => {
            "check the sign-in name, which may differ from the mail address: az ad user list --display-name NAME; guests have one with `#EXT#`"
        }
        Set::Groups => {
            "check the spelling and the tenant: az ad group list --filter \"startswith(displayName,'…')\""
        }
        Set::ServicePrincipals if Uuid::try_parse(name).is_ok() => {
            "a GUID here is an application's client id; an object id goes by `id` and `type: ServicePrincipal`"
        }
        Set::ServicePrincipals => "check the spelling and the tenant: az ad sp list --display-name NAME",
    }
}

/// A principal about whom Azure said nothing of use.
fn unread(form: &Form<'_>, answer: Option<&Answer>, span: Span) -> Open {
    let finding =
        Finding::error(Code::PrincipalUnread, format!("{} could not be looked up", form.shown())).at(span);
    let finding = match answer.and_then(Answer::refusal) {
        Some(Refusal { message, .. }) => finding.cause(message),
        None => finding.cause("the answer does not say who it is"),
    };
    // Where nobody answered, that is what to mend first; who may not ask the directory can do without it.
    let hint = match answer {
        Some(Answer::Failed(Refusal { hint: Some(hint), .. })) => {
            format!("{hint}; if only Microsoft Graph does not answer: {WITHOUT_GRAPH}")
        }
        _ => WITHOUT_GRAPH.to_owned(),
    };
    Open::unknown(finding.hint(hint))
}

/// The caller, where it is a person at a terminal.
fn me(snapshot: &Snapshot, span: Span) -> Result<Resolved, Open> {
    let caller = snapshot.caller;
    let refused = |message: &str, hint: &str| {
        Err(Open::refused(Finding::error(Code::NotInteractive, message).at(span).hint(hint)))
    };
    match caller.id {
        _ if !caller.interactive => refused(
            "`me` is whoever sits at the terminal, and nobody does",
            "name the principal: `{id: …, type: …}`, or `user: NAME`",
        ),
        None => refused("the token does not say who `me` is", "name the principal: `{id: …, type: …}`"),
        Some(id) => {
            let principal_type =
                if caller.application { PrincipalType::ServicePrincipal } else { PrincipalType::User };
            Ok(Resolved { id, principal_type, name: Some("me".to_owned()), locked: false })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Caller;
    use crate::source::Sources;

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
        assert_eq!(two.message, format!("group `ml` could be 2 principals: `{A}`, `{B}`"));
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
        let person = Caller { id, application: false, interactive: true };
        assert_eq!(who(person), Ok(format!("User me ({A})")));
        let application = Caller { application: true, ..person };
        assert_eq!(who(application), Ok(format!("ServicePrincipal me ({A})")));
        for caller in [Caller { interactive: false, ..person }, Caller { id: None, ..person }] {
            assert!(matches!(who(caller), Err(Open::Refused(_))), "{caller:?}");
        }
    }
}

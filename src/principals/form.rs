//! The forms in which a spec names a principal, and the query for each. Pure.

use serde_json::json;
use uuid::Uuid;

use super::{IDENTITIES_API, named};
use crate::id::ResourceId;
use crate::snapshot::{Query, Shape};
use crate::spec::model::{Principal, PrincipalType};

/// The form of a principal.
#[derive(Debug, Clone, PartialEq)]
pub enum Form<'a> {
    /// By its object id.
    Id(Uuid, PrincipalType),
    /// By its name in the directory.
    Named(Set, &'a str),
    /// By the resource id of a user-assigned identity.
    ManagedIdentity(ResourceId),
    /// By the account of the file that owns the identity.
    AccountIdentity(&'a str),
    /// By the project of the file that owns the identity: `ACCOUNT/PROJECT`.
    ProjectIdentity(&'a str),
    /// By the id of the resource that owns the identity, under the field that has it.
    ResourceIdentity(&'static str, ResourceId),
    /// The user who runs keyless.
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
    /// The spec's field for one of them.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Set::Users => "user",
            Set::Groups => "group",
            Set::ServicePrincipals => "servicePrincipal",
        }
    }

    /// The principal type of its objects.
    #[must_use]
    pub fn principal_type(self) -> PrincipalType {
        match self {
            Set::Users => PrincipalType::User,
            Set::Groups => PrincipalType::Group,
            Set::ServicePrincipals => PrincipalType::ServicePrincipal,
        }
    }

    /// Graph's path, the property with this name, and the properties to select.
    pub(super) fn path(self, name: &str) -> (&'static str, &'static str, &'static str) {
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
    /// The form of a principal that passed the rules; `None` for any other.
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
            project_identity,
            resource_identity,
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
        let of_resources = [
            ("accountIdentity", account_identity, Form::AccountIdentity as fn(&'a str) -> Self),
            ("projectIdentity", project_identity, Form::ProjectIdentity),
        ];
        for (word, text, of_file) in of_resources {
            match text.as_deref() {
                Some(id) if id.starts_with('/') => {
                    return ResourceId::declared(id).ok().map(|id| Form::ResourceIdentity(word, id));
                }
                Some(name) => return Some(of_file(name)),
                None => {}
            }
        }
        if let Some(id) = resource_identity {
            return ResourceId::declared(id).ok().map(|id| Form::ResourceIdentity("resourceIdentity", id));
        }
        (*me == Some(true)).then_some(Form::Me)
    }

    /// The field of a principal with its name.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Form::Id(..) => "id",
            Form::Named(set, _) => set.word(),
            Form::ManagedIdentity(_) => "managedIdentity",
            Form::AccountIdentity(_) => "accountIdentity",
            Form::ProjectIdentity(_) => "projectIdentity",
            Form::ResourceIdentity(word, _) => word,
            Form::Me => "me",
        }
    }

    /// The principal in an address: the id, or the field and the name.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Form::Id(id, _) => id.to_string(),
            Form::Named(set, name) => format!("{}:{name}", set.word()),
            Form::ManagedIdentity(id) => format!("managedIdentity:{id}"),
            Form::AccountIdentity(account) => format!("accountIdentity:{account}"),
            Form::ProjectIdentity(project) => format!("projectIdentity:{project}"),
            Form::ResourceIdentity(word, id) => format!("{word}:{id}"),
            Form::Me => "me".to_owned(),
        }
    }

    /// The principal in a message.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Form::Id(id, _) => format!("principal `{id}`"),
            Form::Named(Set::ServicePrincipals, name) => format!("service principal `{name}`"),
            Form::Named(set, name) => format!("{} `{name}`", set.word()),
            Form::ManagedIdentity(id) => format!("managed identity `{}`", id.name()),
            Form::AccountIdentity(account) => format!("the identity of account `{account}`"),
            Form::ProjectIdentity(project) => format!("the identity of project `{project}`"),
            Form::ResourceIdentity(_, id) => format!("the identity of `{}`", id.name()),
            Form::Me => "`me`".to_owned(),
        }
    }

    /// The query for its object id.
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
            // It answers for a resource of any type, whatever api-versions that has.
            Form::ResourceIdentity(_, id) => Some(Query {
                path: format!(
                    "{id}/providers/Microsoft.ManagedIdentity/identities/default?api-version={IDENTITIES_API}"
                ),
                shape: Shape::One,
                scope: id.clone(),
                project: |body| json!({"properties": {"principalId": body["properties"]["principalId"]}}),
            }),
            Form::Id(..) | Form::AccountIdentity(_) | Form::ProjectIdentity(_) | Form::Me => None,
        }
    }
}

//! Accounts and projects that a file names elsewhere in itself, as principals and in references to their values, and their identities.
//!
//! Pure. The one place that says which of them a name means, and whether it gets an identity of its own.

use crate::finding::{Code, Finding, Open};
use crate::id::{Key, ResourceId};
use crate::kinds::{account, project};
use crate::principals::{IdentityHolder, Resolved, identity_of};
use crate::snapshot::Snapshot;
use crate::spec::Loaded;
use crate::spec::model::{Account, Identity, IdentityType, Project, Spec};
use crate::text::names::nearest;
use crate::text::source::Span;

/// Why a name means no account or project of a file, with one that was probably meant.
pub(in crate::kinds) enum Misnamed<'s> {
    Account(Option<&'s str>),
    /// Accounts of several groups have the name.
    Several,
    Project(Option<&'s str>),
}

impl Misnamed<'_> {
    pub(in crate::kinds) fn message(&self, account: &str, project: Option<&str>) -> String {
        match self {
            Misnamed::Account(_) => format!("this file declares no account `{account}`"),
            Misnamed::Several => format!("this file declares several accounts `{account}`"),
            Misnamed::Project(_) => {
                format!("account `{account}` declares no project `{}`", project.unwrap_or_default())
            }
        }
    }
}

/// An account or a project of a file.
pub(in crate::kinds) struct OwnResource<'s> {
    pub(in crate::kinds) account: &'s Account,
    pub(in crate::kinds) project: Option<&'s Project>,
    /// The account's id.
    parent: ResourceId,
    pub(in crate::kinds) id: ResourceId,
    /// The name of its kind.
    pub(in crate::kinds) kind: &'static str,
    pub(in crate::kinds) key: Key,
}

/// The account of a file with a name.
pub(in crate::kinds) fn account_named<'s>(
    spec: &'s Spec,
    name: &str,
) -> Result<OwnResource<'s>, Misnamed<'s>> {
    let mut named = spec.accounts.iter().filter(|each| each.name.eq_ignore_ascii_case(name));
    match (named.next(), named.next()) {
        (Some(account), None) => {
            let id = account::id_of(spec, account);
            let (kind, key) = ("accounts", account::key(&id));
            Ok(OwnResource { account, project: None, parent: id.clone(), id, kind, key })
        }
        (Some(_), Some(_)) => Err(Misnamed::Several),
        (None, _) => {
            Err(Misnamed::Account(nearest(name, spec.accounts.iter().map(|each| each.name.as_str()))))
        }
    }
}

/// The project of a file with a name.
pub(in crate::kinds) fn project_named<'s>(
    spec: &'s Spec,
    account: &str,
    name: &str,
) -> Result<OwnResource<'s>, Misnamed<'s>> {
    let OwnResource { account, parent, .. } = account_named(spec, account)?;
    let projects = || account.projects.iter().flatten();
    let Some(found) = projects().find(|each| each.name.eq_ignore_ascii_case(name)) else {
        return Err(Misnamed::Project(nearest(name, projects().map(|each| each.name.as_str()))));
    };
    let id = parent.child("projects", &found.name);
    let (kind, key) = ("projects", project::key(&id));
    Ok(OwnResource { account, project: Some(found), parent, id, kind, key })
}

impl OwnResource<'_> {
    pub(in crate::kinds) fn noun(&self) -> &'static str {
        if self.project.is_some() { "project" } else { "account" }
    }

    pub(in crate::kinds) fn name(&self) -> &str {
        self.project.map_or(&self.account.name, |project| &project.name)
    }

    /// What its own file says of its identities.
    fn identity(&self) -> Option<&Identity> {
        self.project.map_or(&self.account.identity, |project| &project.identity).as_ref()
    }

    /// Why nothing can be given to an identity of its own, as far as its file says.
    pub(in crate::kinds) fn without_identity(&self) -> Option<String> {
        has_none(self.identity()).then(|| self.no_identity())
    }

    fn no_identity(&self) -> String {
        format!("{} `{}` is declared without an identity of its own", self.noun(), self.name())
    }

    /// Its own identity; `None` while it is still to be created.
    pub(in crate::kinds) fn principal(
        &self,
        loaded: &Loaded,
        snapshot: &Snapshot,
        span: Span,
    ) -> Result<Option<Resolved>, Open> {
        // Another stack of the run may make an account that this one takes as given.
        let owner = loaded.neighbours.owned.get(&self.parent).filter(|_| self.account.existing);
        let identity = match owner {
            Some(owner) if self.project.is_none() => owner.identity.as_ref(),
            _ => self.identity(),
        };
        let is_live = snapshot.resource(&self.id).is_some();
        // Azure gives a new resource only the identities that its spec lists.
        let lists_others = matches!(identity, Some(Identity::Each(parts)) if parts.system_assigned.is_none());
        if has_none(identity) || (lists_others && !is_live) {
            let finding = Finding::error(Code::PrincipalNotFound, self.no_identity()).at(span);
            let hint = "add `systemAssigned: true`, or write `identity: SystemAssigned`";
            return Err(Open::refused(finding.hint(hint)));
        }
        let (noun, name) = (self.noun(), self.name());
        let found = identity_of(IdentityHolder { noun, name, identity }, &self.id, snapshot, span)?;
        let is_nowhere =
            self.account.existing && owner.is_none() && snapshot.resource(&self.parent).is_none();
        if found.is_none() && is_nowhere {
            let message = format!("{noun} `{name}` does not exist");
            return Err(Open::refused(Finding::error(Code::PrincipalNotFound, message).at(span)));
        }
        Ok(found)
    }
}

/// Whether a spec says that there is no system-assigned identity.
fn has_none(identity: Option<&Identity>) -> bool {
    match identity {
        Some(Identity::Type(kind)) => *kind == IdentityType::None,
        Some(Identity::Each(parts)) => parts.system_assigned == Some(false),
        None => false,
    }
}

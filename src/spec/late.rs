//! References to values that Azure makes together with a resource: `${project.ACCOUNT/PROJECT.workspaceId}`.
//!
//! They stay in the text of a spec until the value is known. Pure.

use crate::document::Property;

/// A reference in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LateReference<'t> {
    /// As written, with `${` and `}`.
    pub source: &'t str,
    /// Whose value it is.
    pub subject: LateSubject<'t>,
    /// Which value.
    pub property: Property,
}

/// Whose value a reference means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LateSubject<'t> {
    /// A project of an account.
    Project {
        /// The account's name.
        account: &'t str,
        /// The project's name.
        project: &'t str,
    },
    /// An account.
    Account(&'t str),
    /// The project whose identity gets the role that the text belongs to.
    Principal,
}

/// The reference of such a principal.
pub const OF_PRINCIPAL: &str = "${principal.workspaceId}";

/// The reference to the workspace id of a project.
#[must_use]
pub fn workspace_id(account: &str, project: &str) -> String {
    format!("${{project.{account}/{project}.workspaceId}}")
}

impl<'t> LateReference<'t> {
    /// Reads one reference, with `${` and `}`.
    #[must_use]
    pub fn read(source: &'t str) -> Option<Self> {
        let inner = source.strip_prefix("${")?.strip_suffix('}')?;
        let (subject, property) = inner.rsplit_once('.')?;
        let property = match property {
            "workspaceId" => Property::WorkspaceId,
            "principalId" => Property::PrincipalId,
            "endpoint" => Property::Endpoint,
            _ => return None,
        };
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        };
        let subject = match subject.split_once('.') {
            None if subject == "principal" => LateSubject::Principal,
            Some(("project", path)) => {
                let (account, project) = path.split_once('/')?;
                if !is_name(account) || !is_name(project) {
                    return None;
                }
                LateSubject::Project { account, project }
            }
            Some(("account", name)) if is_name(name) => LateSubject::Account(name),
            _ => return None,
        };
        let has = match subject {
            LateSubject::Project { .. } => property != Property::Endpoint,
            LateSubject::Account(_) => property != Property::WorkspaceId,
            LateSubject::Principal => property == Property::WorkspaceId,
        };
        has.then_some(Self { source, subject, property })
    }

    /// The references in a text.
    #[must_use]
    pub fn all(text: &'t str) -> Vec<Self> {
        let mut found = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let end = rest[at..].find('}').map_or(rest.len(), |end| at + end + 1);
            found.extend(Self::read(&rest[at..end]));
            rest = &rest[at + 2..];
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_a_resource_of_the_file_and_a_value_that_it_has() {
        let project = |account, project| Some(LateSubject::Project { account, project });
        for (text, subject) in [
            ("${project.a.b/main-1.workspaceId}", project("a.b", "main-1")),
            ("${project.a/main.principalId}", project("a", "main")),
            ("${account.chat.principalId}", Some(LateSubject::Account("chat"))),
            ("${account.chat.endpoint}", Some(LateSubject::Account("chat"))),
            ("${principal.workspaceId}", Some(LateSubject::Principal)),
            ("${project.a/main.endpoint}", None),
            ("${account.chat.workspaceId}", None),
            ("${principal.principalId}", None),
            ("${project.main.workspaceId}", None),
            ("${project.a/b/c.workspaceId}", None),
            ("${project./b.workspaceId}", None),
            ("${account.chat}", None),
            ("${chat}", None),
            ("${secret.chat}", None),
        ] {
            assert_eq!(LateReference::read(text).map(|found| found.subject), subject, "{text}");
        }
        let text = "x ${a} '${project.a/b.workspaceId}' ${ ${principal.workspaceId}";
        assert_eq!(LateReference::all(text).len(), 2);
        assert_eq!(LateReference::all("${").len(), 0);
    }
}

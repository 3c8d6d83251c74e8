//! Offline rules of references to values of resources: each names an account or a project of its file.

use serde_json::Value;

use super::named;
use super::own::Misnamed;
use crate::document::Property;
use crate::finding::{Code, Finding};
use crate::principals::Form;
use crate::spec::Loaded;
use crate::spec::late::{LateReference, LateSubject};
use crate::spec::model::Principal;
use crate::text::json::escape;

/// Checks the references of a file.
pub(in crate::kinds) fn check(loaded: &Loaded, findings: &mut Vec<Finding>) {
    walk(loaded, &loaded.document.tree, &mut String::new(), findings);
}

fn walk(loaded: &Loaded, value: &Value, pointer: &mut String, findings: &mut Vec<Finding>) {
    let mut below = |token: &str, item: &Value, findings: &mut Vec<Finding>| {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(token);
        walk(loaded, item, pointer, findings);
        pointer.truncate(length);
    };
    match value {
        Value::String(text) if text.contains("${") => {
            for reference in LateReference::all(text) {
                if let Some((message, hint)) = problem(loaded, &reference, pointer) {
                    let span = loaded.document.value_span(pointer);
                    findings.push(Finding::error(Code::MalformedReference, message).at(span).hint(hint));
                }
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| below(&at.to_string(), item, findings));
        }
        Value::Object(map) => {
            let fields = map.iter().filter(|(name, _)| *name != "variables");
            fields.for_each(|(name, item)| below(&escape(name), item, findings));
        }
        _ => {}
    }
}

/// What is wrong with a reference, and what to do.
fn problem(loaded: &Loaded, reference: &LateReference<'_>, pointer: &str) -> Option<(String, String)> {
    let (account, project) = match reference.subject {
        LateSubject::Principal => return principal_problem(loaded, pointer),
        LateSubject::Account(name) => (name, None),
        LateSubject::Project { account, project } => (account, Some(project)),
    };
    match named(&loaded.spec, reference)? {
        Err(wrong) => {
            let hint = match wrong {
                Misnamed::Account(Some(near)) | Misnamed::Project(Some(near)) => {
                    format!("did you mean `{near}`?")
                }
                Misnamed::Account(None) => "name an account of this file".to_owned(),
                Misnamed::Several => "name an account whose name stands only once in this file".to_owned(),
                Misnamed::Project(None) => "name a project of this file".to_owned(),
            };
            Some((wrong.message(account, project), hint))
        }
        Ok(own) if reference.property == Property::PrincipalId => {
            let message = own.without_identity()?;
            Some((message, "declare `identity: SystemAssigned` for it".to_owned()))
        }
        Ok(_) => None,
    }
}

/// Why the principals of an assignment have no workspace id.
fn principal_problem(loaded: &Loaded, pointer: &str) -> Option<(String, String)> {
    let assignment = pointer.rsplit_once('/').map_or("", |(holder, _)| holder);
    let principals = loaded.document.tree.pointer(&format!("{assignment}/principals"));
    let principals: Vec<Principal> =
        principals.and_then(|list| serde_json::from_value(list.clone()).ok()).unwrap_or_default();
    let is_project = |each: &Principal| matches!(Form::of(each), Some(Form::ProjectIdentity(_)));
    (!principals.iter().all(is_project)).then(|| {
        let message = "only the identity of a project of this file has a workspace id".to_owned();
        let hint = "give the role to `projectIdentity: ACCOUNT/PROJECT` alone, or name the project: `${project.ACCOUNT/PROJECT.workspaceId}`";
        (message, hint.to_owned())
    })
}

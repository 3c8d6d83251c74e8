//! Values that Azure makes together with a resource, in the text of other declarations: `${project.A/P.workspaceId}`.
//!
//! Pure. A known value takes the place of its reference; while the resource does not exist, the reference stays and the declaration has a
//! hole. A value that Azure does not show leaves the declaration unknown.

mod check;
pub(in crate::kinds) mod now;
pub(in crate::kinds) mod own;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::document::{Property, TakenEntry, dotted_path};
use crate::finding::{Code, Finding, Open};
use crate::id::{Key, ResourceId};
use crate::kinds::desired::{Desired, Hole};
use crate::principals::{Resolved, own_principal};
use crate::snapshot::Snapshot;
use crate::spec::Loaded;
use crate::spec::late::{LateReference, LateSubject};
use crate::spec::model::Spec;
use crate::text::source::Span;

pub(super) use check::check;
use own::{Misnamed, OwnResource};

/// A value, or where it will come from.
enum Late {
    Known(TakenEntry),
    Later { holder: ResourceId, kind: &'static str, key: Key },
}

/// A reference in a field.
struct FoundReference {
    path: Vec<String>,
    source: String,
    property: Property,
    found: Result<Late, Open>,
}

/// Puts known values into a declaration, and notes those that are not known yet.
pub(super) fn settle(desired: &mut Desired, loaded: &Loaded, snapshot: &Snapshot) {
    if desired.open.is_some() {
        return;
    }
    let mut places = Vec::new();
    for (name, value) in &desired.declared {
        walk(value, &mut vec![name.clone()], true, &mut |path, text| {
            for reference in LateReference::all(text) {
                let span = desired.span_of(path).unwrap_or(desired.span);
                places.push(FoundReference {
                    path: path.to_vec(),
                    source: reference.source.to_owned(),
                    property: reference.property,
                    found: value_of(&reference, loaded, snapshot, span),
                });
            }
        });
    }
    for FoundReference { path, source, property, found } in places {
        match found {
            Ok(Late::Known(taken)) => {
                fill(&mut desired.declared, &path, &source, &taken.value);
                desired.taken.push(taken);
            }
            Ok(Late::Later { holder, kind, key }) => {
                let hole =
                    Hole { field: dotted_path(&path), holder, kind, key, property, reference: Some(source) };
                if !desired.holes.contains(&hole) {
                    desired.holes.push(hole);
                }
            }
            Err(open) => _ = desired.open.get_or_insert(open),
        }
    }
}

/// A text with the values that are known; why others cannot be is told by [`settle`].
pub(super) fn resolved(text: &str, loaded: &Loaded, snapshot: &Snapshot, span: Span) -> String {
    let mut filled = text.to_owned();
    for reference in LateReference::all(text) {
        if let Ok(Late::Known(value)) = value_of(&reference, loaded, snapshot, span) {
            filled = filled.replace(reference.source, &value.value);
        }
    }
    filled
}

/// The values that are known of those that a text refers to.
pub(super) fn taken(text: &str, loaded: &Loaded, snapshot: &Snapshot, span: Span) -> Vec<TakenEntry> {
    let known = LateReference::all(text).into_iter().filter_map(|reference| {
        match value_of(&reference, loaded, snapshot, span) {
            Ok(Late::Known(taken)) => Some(taken),
            _ => None,
        }
    });
    known.collect()
}

/// Where a principal is from, if that is another resource.
pub(super) fn taken_principal(known: &Resolved) -> Option<TakenEntry> {
    let resource = known.of.as_ref()?.to_string();
    Some(TakenEntry { resource, property: Property::PrincipalId, value: known.id.to_string() })
}

/// Puts a value in the place of a reference, in a field and what is below it; returns whether it was there.
pub(crate) fn fill(fields: &mut Map<String, Value>, path: &[String], source: &str, text: &str) -> bool {
    fn replace(value: &mut Value, source: &str, text: &str) -> bool {
        match value {
            Value::String(old) if old.contains(source) => {
                *old = old.replace(source, text);
                true
            }
            Value::Array(items) => {
                let mut found = false;
                for item in items {
                    found |= replace(item, source, text);
                }
                found
            }
            _ => false,
        }
    }
    let Some((first, rest)) = path.split_first() else { return false };
    let value = fields.get_mut(first);
    let value = rest.iter().try_fold(value, |value, name| Some(value?.get_mut(name)));
    value.flatten().is_some_and(|value| replace(value, source, text))
}

/// The references in some fields, each with the path of its field.
pub(crate) fn references(fields: &Map<String, Value>) -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    for (name, value) in fields {
        walk(value, &mut vec![name.clone()], true, &mut |path, text| {
            found.extend(LateReference::all(text).iter().map(|each| (path.to_vec(), each.source.to_owned())));
        });
    }
    found
}

/// Visits each text; the path of one in a list is that of the list.
fn walk(value: &Value, path: &mut Vec<String>, outside: bool, visit: &mut dyn FnMut(&[String], &str)) {
    match value {
        Value::String(text) if text.contains("${") => visit(path, text),
        Value::Array(items) => items.iter().for_each(|item| walk(item, path, false, visit)),
        Value::Object(map) if outside => {
            for (name, item) in map {
                path.push(name.clone());
                walk(item, path, true, visit);
                path.pop();
            }
        }
        _ => {}
    }
}

/// What a reference names; `None` for the principal of an assignment.
fn named<'s>(spec: &'s Spec, reference: &LateReference<'_>) -> Option<Result<OwnResource<'s>, Misnamed<'s>>> {
    match reference.subject {
        LateSubject::Account(name) => Some(own::account_named(spec, name)),
        LateSubject::Project { account, project } => Some(own::project_named(spec, account, project)),
        LateSubject::Principal => None,
    }
}

fn value_of(
    reference: &LateReference<'_>,
    loaded: &Loaded,
    snapshot: &Snapshot,
    span: Span,
) -> Result<Late, Open> {
    let Some(Ok(own)) = named(&loaded.spec, reference) else {
        let message = format!("`{}` names nothing that this file declares", reference.source);
        return Err(Open::refused(Finding::error(Code::MalformedReference, message).at(span)));
    };
    let later = || Late::Later { holder: own.id.clone(), kind: own.kind, key: own.key.clone() };
    let found = |value| {
        let resource = own.id.to_string();
        Late::Known(TakenEntry { resource, property: reference.property, value })
    };
    if reference.property == Property::PrincipalId {
        let known = own.principal(loaded, snapshot, span)?;
        return Ok(known.map_or_else(later, |known| found(known.id.to_string())));
    }
    let Some(body) = snapshot.resource(&own.id) else { return Ok(later()) };
    // The first subdomain, which the same plan may give the account, makes another endpoint.
    let declared = own.account.custom_sub_domain_name.as_deref().filter(|name| !name.is_empty());
    let has_one = body["properties"]["customSubDomainName"].as_str().is_some_and(|name| !name.is_empty());
    if reference.property == Property::Endpoint && declared.is_some() && !has_one {
        return Ok(later());
    }
    value_in(body, reference.property).map(found).ok_or_else(|| {
        let what = reference.property.as_str();
        let message = format!("Azure does not show `{what}` of {} `{}`", own.noun(), own.name());
        let finding = Finding::error(Code::UnknownState, message).at(span);
        Open::unknown(finding.hint(format!("retry once Azure shows it; `{}` needs it", reference.source)))
    })
}

/// A value in the body of its resource, in a form that is safe in any text.
pub(crate) fn value_in(body: &Value, property: Property) -> Option<String> {
    let guid = |text: &str| Uuid::try_parse(text).ok().filter(|id| !id.is_nil()).map(|id| id.to_string());
    match property {
        Property::PrincipalId => own_principal(body).and_then(guid),
        // Azure writes it without hyphens, and names containers by its hyphenated form.
        Property::WorkspaceId => body["properties"]["internalId"].as_str().and_then(guid),
        Property::Endpoint => {
            let url = body["properties"]["endpoint"].as_str()?;
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/._-".contains(&byte);
            (url.starts_with("http") && url.bytes().all(is_plain)).then(|| url.to_owned())
        }
    }
}

//! Verifies declared object ids before an assignment is created, so that a client id used by mistake is found in the plan and not when
//! calls are refused.
//!
//! Pure. Graph's answer decides if there is one; a directory that cannot be read is a note.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

use super::object;
use crate::finding::{Code, Finding};
use crate::id::ResourceId;
use crate::snapshot::{Answer, Body, Part, Query, Refusal, Shape, Snapshot};
use crate::text::query::{encoded, quoted};
use crate::text::source::Span;

/// The number of ids per look-up; Graph accepts more, but pages the answers.
const LOOKED_UP: usize = 100;
/// The number of values that Graph accepts in one `in (…)`.
const IN: usize = 15;
/// The path prefix of a query for a principal's existence.
const EXISTENCE: &str = "graph:/directoryObjects/";

/// Queries what these ids are: objects, or client ids of applications. One query for all, so its path contains no id.
#[must_use]
pub fn objects(ids: &BTreeSet<Uuid>) -> Query {
    Query {
        path: "graph:/directoryObjects/getByIds".to_owned(),
        shape: Shape::Directory(objects_and_applications(ids)),
        scope: ResourceId::root(),
        project: object,
    }
}

fn objects_and_applications(ids: &BTreeSet<Uuid>) -> Vec<Part> {
    let ids: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    let applications = ids.chunks(IN).map(|ids| {
        let listed = ids.iter().map(|id| quoted(id)).collect::<Vec<_>>().join(",");
        let filter = encoded(&format!("appId in ({listed})"));
        Part { url: format!("/servicePrincipals?$filter={filter}&$select=id,displayName,appId"), body: None }
    });
    by_ids(&ids).chain(applications).collect()
}

/// Queries who wrote to resources, by object id or client id: Azure records either.
#[must_use]
pub fn callers(ids: &BTreeSet<Uuid>) -> Query {
    Query {
        path: "graph:callers".to_owned(),
        shape: Shape::Directory(objects_and_applications(ids)),
        scope: ResourceId::root(),
        project: object,
    }
}

/// The names of those callers, by each id in lower case; empty if the directory could not be read.
#[must_use]
pub fn callers_named(snapshot: &Snapshot) -> BTreeMap<String, String> {
    let Some(Answer::Found(items)) = snapshot.get(&callers(&BTreeSet::new())) else { return BTreeMap::new() };
    let named = |item: &Body| {
        let name = item["userPrincipalName"].as_str().or(item["displayName"].as_str())?.to_owned();
        let ids = [&item["id"], &item["appId"]].into_iter().filter_map(Value::as_str);
        Some(ids.map(|id| (id.to_ascii_lowercase(), name.clone())).collect::<Vec<_>>())
    };
    items.iter().filter_map(named).flatten().collect()
}

/// Queries whether a principal exists: one query each, so that its answer identifies the principal.
#[must_use]
pub fn existence(id: Uuid) -> Query {
    Query {
        path: format!("{EXISTENCE}{id}"),
        shape: Shape::Directory(by_ids(&[id.to_string()]).collect()),
        scope: ResourceId::root(),
        project: object,
    }
}

/// Queried principals that the directory does not know.
#[must_use]
pub fn gone(snapshot: &Snapshot) -> BTreeSet<Uuid> {
    let is_empty = |answer: &Answer| matches!(answer, Answer::Found(items) if items.is_empty());
    let asked = snapshot.below(EXISTENCE).filter(|(_, answer)| is_empty(answer));
    asked.filter_map(|(id, _)| Uuid::try_parse(id).ok()).collect()
}

/// Why it is not known whether a principal exists.
#[must_use]
pub fn unanswered(snapshot: &Snapshot) -> Option<&Refusal> {
    snapshot.below(EXISTENCE).find_map(|(_, answer)| answer.refusal())
}

fn by_ids(ids: &[String]) -> impl Iterator<Item = Part> {
    ids.chunks(LOOKED_UP).map(|ids| Part {
        url: "/directoryObjects/getByIds".to_owned(),
        body: Some(json!({"ids": ids, "types": ["directoryObject"]})),
    })
}

/// Queries the names of objects; a separate query, whose path contains no id either.
#[must_use]
pub fn names(ids: &BTreeSet<Uuid>) -> Query {
    let ids: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    Query {
        path: "graph:names".to_owned(),
        shape: Shape::Directory(by_ids(&ids).collect()),
        scope: ResourceId::root(),
        project: object,
    }
}

/// The types of principals by object id in lower case, as the directory answered.
#[must_use]
pub fn types(answer: Option<&Answer>) -> BTreeMap<String, &'static str> {
    let Some(Answer::Found(items)) = answer else { return BTreeMap::new() };
    items
        .iter()
        .filter_map(|item| Some((item["id"].as_str()?.to_ascii_lowercase(), type_of(item)?)))
        .collect()
}

/// The directory's objection to an id of a declared type.
#[must_use]
pub fn prove(id: Uuid, declared: &str, snapshot: &Snapshot, span: Span) -> Option<Finding> {
    let answer = snapshot.get(&objects(&BTreeSet::new()))?;
    let Answer::Found(items) = answer else {
        // The same for every id, so it is reported once.
        let note = Finding::note(Code::PrincipalUnread, "could not verify the declared object ids");
        return Some(match answer.refusal() {
            Some(refusal) => note.cause(&refusal.message),
            None => note,
        });
    };
    let is = |value: &Value| value.as_str().and_then(|text| Uuid::try_parse(text).ok()) == Some(id);
    if let Some(item) = items.iter().find(|item| is(&item["id"])) {
        let found = type_of(item).filter(|found| *found != declared)?;
        let message = format!("principal `{id}` is a {found}, not a {declared}");
        return Some(
            Finding::error(Code::PrincipalType, message).at(span).hint(format!("write `type: {found}`")),
        );
    }
    if let Some(item) = items.iter().find(|item| is(&item["appId"])) {
        let object = item["id"].as_str().unwrap_or("?");
        let name = item["displayName"].as_str().unwrap_or("?");
        let message = format!("`{id}` is the client id of application `{name}`, not an object id");
        let hint = format!("write `{{id: {object}, type: ServicePrincipal}}`, or `servicePrincipal: {id}`");
        return Some(Finding::error(Code::ClientId, message).at(span).hint(hint));
    }
    Some(
        Finding::warning(Code::PrincipalNotFound, format!("the directory has no principal `{id}`"))
            .at(span)
            .hint("check the id and its tenant; a new one takes a few minutes to appear"),
    )
}

/// An object's type in ARM's words, if Graph's type has one.
pub(super) fn type_of(item: &Value) -> Option<&'static str> {
    Some(match item["@odata.type"].as_str()? {
        "#microsoft.graph.user" => "User",
        "#microsoft.graph.group" => "Group",
        "#microsoft.graph.servicePrincipal" => "ServicePrincipal",
        "#microsoft.graph.device" => "Device",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;
    use crate::text::source::Sources;

    const ID: Uuid = Uuid::from_u128(7);
    const OBJECT: Uuid = Uuid::from_u128(8);

    fn verdict(answer: Answer, declared: &str) -> Option<(Severity, Code, String)> {
        let mut snapshot = Snapshot::default();
        snapshot.insert(&objects(&BTreeSet::from([ID])), answer);
        let span = Span { file: Sources::default().add("a.yaml", ""), start: 0, end: 0 };
        let finding = prove(ID, declared, &snapshot, span)?;
        Some((finding.severity, finding.code, finding.message + finding.hint.as_deref().unwrap_or_default()))
    }

    #[test]
    fn an_object_of_the_declared_type_is_no_news_and_of_another_an_error() {
        let item = |odata: &str| Answer::found(vec![json!({"id": ID, "@odata.type": odata})]);
        assert_eq!(verdict(item("#microsoft.graph.group"), "Group"), None);
        assert_eq!(verdict(item("#microsoft.graph.directoryObject"), "Group"), None, "nobody says otherwise");
        let (severity, code, text) = verdict(item("#microsoft.graph.group"), "User").unwrap();
        assert_eq!((severity, code), (Severity::Error, Code::PrincipalType));
        assert!(text.contains("`type: Group`"), "{text}");
    }

    #[test]
    fn a_client_id_is_told_with_the_object_id_and_a_stranger_is_a_warning() {
        let application = json!({"id": OBJECT, "appId": ID, "displayName": "pipeline"});
        let (severity, code, text) = verdict(Answer::found(vec![application]), "ServicePrincipal").unwrap();
        assert_eq!((severity, code), (Severity::Error, Code::ClientId));
        assert!(text.contains(&OBJECT.to_string()), "{text}");
        let (severity, code, _) = verdict(Answer::found(Vec::new()), "User").unwrap();
        assert_eq!((severity, code), (Severity::Warning, Code::PrincipalNotFound));
    }

    #[test]
    fn a_directory_that_may_not_be_read_is_a_note() {
        let refusal = Refusal { message: "no".to_owned(), hint: None };
        for answer in [Answer::Denied(refusal.clone()), Answer::Failed(refusal)] {
            assert_eq!(verdict(answer, "User").unwrap().0, Severity::Note);
        }
    }

    #[test]
    fn gone_is_only_whom_the_directory_was_asked_about_and_does_not_know() {
        let refusal = Refusal { message: "no".to_owned(), hint: None };
        let mut snapshot = Snapshot::default();
        snapshot.insert(&objects(&BTreeSet::from([ID])), Answer::found([]));
        assert!(gone(&snapshot).is_empty(), "another question");
        snapshot.insert(&existence(ID), Answer::found([]));
        snapshot.insert(&existence(OBJECT), Answer::found([json!({"id": OBJECT})]));
        assert_eq!((gone(&snapshot), unanswered(&snapshot)), (BTreeSet::from([ID]), None));
        snapshot.insert(&existence(ID), Answer::Denied(refusal.clone()));
        assert_eq!((gone(&snapshot), unanswered(&snapshot)), (BTreeSet::new(), Some(&refusal)));
    }

    #[test]
    fn many_ids_keep_within_what_graph_takes() {
        let Shape::Directory(parts) = objects(&(0..250).map(Uuid::from_u128).collect()).shape else {
            panic!("it asks the directory")
        };
        assert_eq!(parts.iter().filter(|part| part.body.is_some()).count(), 3);
        assert_eq!(parts.len(), 3 + 17);
        assert!(parts.iter().all(|part| part.url.matches("%27").count() <= 2 * IN));
    }
}

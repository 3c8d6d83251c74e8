//! Azure's answers: queries as values, and their answers.
//!
//! Pure. `read` fills a snapshot; `desired`, `diff` and `plan` only look things up in it. Looking up something that was never queried is a
//! bug, not "absent".

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use uuid::Uuid;

use crate::id::ResourceId;
use crate::rbac::{Catalogue, Terms};

/// One read from Azure. Queries that send the same request are equal.
#[derive(Debug, Clone)]
pub struct Query {
    /// Path and query string, including api-version.
    pub path: String,
    /// The form of the answer.
    pub shape: Shape,
    /// The scope that the answer covers.
    pub scope: ResourceId,
    /// Keeps the needed part of each item; bodies are large and mostly read-only.
    pub project: fn(Value) -> Value,
}

/// The form of a query's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// A single resource.
    One,
    /// A paged list.
    List,
    /// The answer to a POST with this body, which changes nothing.
    Ask(Value),
    /// The answer of Azure Monitor to a query of logs, a POST with this body. It may be partial, and is asked to name what it leaves out.
    Logs(Value),
    /// The newest pages of a paged list; without the rest, it ends with the item `null`.
    Newest,
    /// A paged list of a resource's children, which is absent if the resource is.
    Children,
    /// A paged list of Privileged Identity Management, which may have several items with the same id and requires a license.
    Schedules,
    /// Microsoft Graph's combined answers to all of these.
    Directory(Vec<Part>),
    /// A list of Microsoft Graph, which counts as unread if it has more pages than this.
    DirectoryPages(usize),
}

/// One request to Microsoft Graph, sent in a batch with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its path and query after the version, percent-encoded.
    pub url: String,
    /// The body of a POST that only queries; `None` for a GET.
    pub body: Option<Value>,
}

/// The identity that runs keyless, as far as known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Caller {
    /// Object id, from the token.
    pub id: Option<Uuid>,
    /// Its tenant, from the token.
    pub tenant: Option<Uuid>,
    /// Whether it is an application, according to the token.
    pub application: bool,
    /// Whether a person is at the terminal.
    pub interactive: bool,
}

impl Query {
    /// Its identity: its path and its body. A query to the directory is identified by its path alone.
    fn key(&self) -> Cow<'_, str> {
        match &self.shape {
            Shape::Ask(body) | Shape::Logs(body) => Cow::Owned(format!("{} {body}", self.path)),
            _ => Cow::Borrowed(&self.path),
        }
    }
}

impl Query {
    /// The container whose absence makes the list absent, for this error code.
    fn hangs_on(&self, code: &str) -> Option<ResourceId> {
        match self.shape {
            Shape::List | Shape::Children | Shape::Schedules
                if code.eq_ignore_ascii_case("ResourceGroupNotFound") =>
            {
                self.scope.group()
            }
            Shape::Children => {
                let (parent, _) = self.scope.as_str().rsplit_once('/')?;
                ResourceId::parse(parent).ok()
            }
            _ => None,
        }
    }
}

/// The id in a body that is inside a group or resource. Role assignments, locks and the like only refer to it, possibly for a while after
/// it was deleted.
fn resource_in(holder: &ResourceId, body: &Body) -> Option<ResourceId> {
    let text = body["id"].as_str()?;
    // Most are elsewhere, and there may be many.
    text.get(..holder.as_str().len()).filter(|start| start.eq_ignore_ascii_case(holder.as_str()))?;
    let id = ResourceId::parse(text).ok().filter(|id| holder.contains(id))?;
    let is_pointer = id
        .resource_type()
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("microsoft.authorization/"));
    (!is_pointer).then_some(id)
}

impl PartialEq for Query {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Query {}

impl PartialOrd for Query {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Query {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The request and Azure's answer.
    pub message: String,
    /// The remedy.
    pub hint: Option<String>,
}

/// A projected body in ARM shape, shared because there may be many and none changes.
pub type Body = Arc<Value>;

/// The result of a query. Only `Absent` means that something does not exist.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The items; for a single resource exactly one.
    Found(Vec<Body>),
    /// Azure says that it does not exist; the code says what exactly is missing.
    Absent {
        /// ARM's error code, such as `ResourceGroupNotFound`.
        code: String,
    },
    /// The caller is not allowed to read it.
    Denied(Refusal),
    /// It could not be read.
    Failed(Refusal),
}

impl Answer {
    /// An answer with these items.
    #[must_use]
    pub fn found(items: impl IntoIterator<Item = Value>) -> Self {
        Self::Found(items.into_iter().map(Body::new).collect())
    }

    /// The refusal, if any.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Answer::Denied(refusal) | Answer::Failed(refusal) => Some(refusal),
            Answer::Found(_) | Answer::Absent { .. } => None,
        }
    }
}

/// All answers so far.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The answers by query, each with the scope that it covers.
    answers: BTreeMap<String, (ResourceId, Answer)>,
    /// The absent lists, each with the container whose absence explains it.
    absences: BTreeMap<String, ResourceId>,
    /// The identity that ran the queries.
    pub caller: Caller,
    /// The current day (UTC), if known: otherwise nothing with an end day applies.
    pub today: Option<Date>,
    /// The current time, if known: otherwise nothing with an end time has ended.
    pub now: Option<Timestamp>,
    /// The api-version of Microsoft.CognitiveServices that the queries used, if the cloud does not have the newest.
    pub older_version: Option<&'static str>,
    /// The regions whose own lists were queried with an older one than the rest.
    pub older_regions: Vec<(String, &'static str)>,
    /// The role definitions among the answers, computed on first use.
    roles: OnceLock<Catalogue>,
    /// The durations of role assignments in the answers, computed on first use.
    terms: OnceLock<Terms>,
    /// The names of principals in the answers, computed on first use.
    names: OnceLock<BTreeMap<String, String>>,
}

/// The id of an item that a list contains twice with different content, so that neither can be trusted. Identical items come from shifted
/// pages. Different schedules of one assignment are handled by [`Terms`].
fn contradicted(query: &Query, answer: &Answer) -> Option<String> {
    let Answer::Found(items) = answer else { return None };
    if !matches!(query.shape, Shape::List | Shape::Children) {
        return None;
    }
    let mut seen: BTreeMap<String, &Value> = BTreeMap::new();
    items.iter().find_map(|body| {
        let id = body["id"].as_str()?;
        let first = seen.insert(id.to_ascii_lowercase(), body)?;
        (*first != **body).then(|| id.to_owned())
    })
}

impl Snapshot {
    /// Stores an answer. An absent list becomes an unread one if another answer shows its container or something in it.
    pub fn insert(&mut self, query: &Query, answer: Answer) {
        self.roles.take();
        self.terms.take();
        self.names.take();
        let key = query.key().into_owned();
        let answer = match contradicted(query, &answer) {
            Some(id) => Answer::Failed(Refusal {
                message: format!("GET {key}: Azure shows `{id}` twice with different content"),
                hint: Some("run the command again: a list may change while its pages are read".to_owned()),
            }),
            None => answer,
        };
        self.absences.remove(&key);
        let shows = |holder: &ResourceId, answer: &Answer| match answer {
            Answer::Found(items) => items.iter().find_map(|body| resource_in(holder, body)),
            _ => None,
        };
        if let Answer::Absent { code } = &answer
            && let Some(holder) = query.hangs_on(code)
        {
            self.absences.insert(key.clone(), holder);
        }
        let mut contested: Vec<(String, ResourceId)> = Vec::new();
        for (absent, holder) in &self.absences {
            let shown = if *absent == key {
                self.answers.values().find_map(|(_, answer)| shows(holder, answer))
            } else {
                shows(holder, &answer)
            };
            contested.extend(shown.map(|id| (absent.clone(), id)));
        }
        self.answers.insert(key, (query.scope.clone(), answer));
        for (key, id) in contested {
            self.absences.remove(&key);
            self.contest(&key, &id);
        }
    }

    /// Turns an absence into an unread list, since another answer shows `id`.
    fn contest(&mut self, key: &str, id: &ResourceId) {
        let Some((_, answer)) = self.answers.get_mut(key) else { return };
        let Answer::Absent { code } = &*answer else { return };
        let message = format!("GET {key}: Azure answered {code}, but shows `{id}` elsewhere");
        let hint = "run the command again: a new resource may not be visible everywhere yet";
        *answer = Answer::Failed(Refusal { message, hint: Some(hint.to_owned()) });
    }

    /// The answer to a query, or `None` if it was not run yet.
    #[must_use]
    pub fn get(&self, query: &Query) -> Option<&Answer> {
        self.answers.get(&*query.key()).map(|(_, answer)| answer)
    }

    /// Every answer, with its path and the scope that it covers.
    pub fn answers(&self) -> impl Iterator<Item = (&str, &ResourceId, &Answer)> {
        self.answers.iter().map(|(path, (scope, answer))| (path.as_str(), scope, answer))
    }

    /// Everything that could not be read.
    pub fn refusals(&self) -> impl Iterator<Item = &Refusal> {
        self.answers.values().filter_map(|(_, answer)| answer.refusal())
    }

    /// The answers to all paths with a prefix, each with the rest of its path.
    pub fn below(&self, start: &str) -> impl Iterator<Item = (&str, &Answer)> {
        let found = self.answers.range(start.to_owned()..);
        found.map_while(move |(path, (_, answer))| Some((path.strip_prefix(start)?, answer)))
    }

    /// Everything that was found, by any query.
    pub fn bodies(&self) -> impl Iterator<Item = &Body> {
        self.shown().map(|(_, body)| body)
    }

    /// The same, each with the scope that was queried.
    pub fn shown(&self) -> impl Iterator<Item = (&ResourceId, &Body)> {
        self.answers.values().flat_map(|(scope, answer)| {
            let items = match answer {
                Answer::Found(items) => items.as_slice(),
                _ => &[],
            };
            items.iter().map(move |body| (scope, body))
        })
    }

    /// The roles that Azure has listed so far.
    pub fn roles(&self) -> &Catalogue {
        self.roles.get_or_init(|| Catalogue::of(self.bodies()))
    }

    /// The durations of role assignments, as far as Azure has shown.
    pub fn terms(&self) -> &Terms {
        self.terms.get_or_init(|| Terms::of(self.bodies().map(AsRef::as_ref)))
    }

    /// The names of principals by object id, as `principals` finds them in the bodies.
    pub(crate) fn names(&self, find: fn(&Self) -> BTreeMap<String, String>) -> &BTreeMap<String, String> {
        self.names.get_or_init(|| find(self))
    }

    /// The body with an id, from any query.
    #[must_use]
    pub fn resource(&self, id: &ResourceId) -> Option<&Body> {
        self.bodies().find(|body| {
            body["id"]
                .as_str()
                .is_some_and(|text| text.trim_end_matches('/').eq_ignore_ascii_case(id.as_str()))
        })
    }

    /// The items that a query found; empty if it found nothing.
    pub fn items(&self, query: &Query) -> impl Iterator<Item = &Body> {
        match self.get(query) {
            Some(Answer::Found(items)) => items.as_slice(),
            _ => &[],
        }
        .iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const GROUP: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg";

    fn query(path: &str, shape: Shape) -> Query {
        let scope = ResourceId::parse(path.trim_end_matches("/projects")).unwrap();
        let scope = if path.ends_with("/projects") { scope.list("projects") } else { scope };
        Query { path: format!("{path}?list"), shape, scope, project: |body| body }
    }

    fn absent(code: &str) -> Answer {
        Answer::Absent { code: code.to_owned() }
    }

    #[test]
    fn a_list_is_not_absent_while_another_answer_shows_what_it_hangs_on_whichever_comes_first() {
        let account = format!("{GROUP}/providers/Microsoft.CognitiveServices/accounts/chat");
        let in_group = query(GROUP, Shape::List);
        let children = query(&format!("{account}/projects"), Shape::Children);
        let one = query(GROUP, Shape::One);
        let pointer = format!("{account}/providers/Microsoft.Authorization/roleAssignments/0");
        let beside = account.replace("/rg/", "/rg-other/");
        for (asked, code, shown, contested) in [
            (&in_group, "ResourceGroupNotFound", &account, true),
            (&in_group, "ResourceGroupNotFound", &account.to_uppercase(), true),
            (&in_group, "ResourceGroupNotFound", &pointer, false),
            (&in_group, "ResourceGroupNotFound", &beside, false),
            (&in_group, "AadPremiumLicenseRequired", &account, false),
            (&children, "ResourceNotFound", &account, true),
            (&children, "ParentResourceNotFound", &account, true),
            (&children, "ResourceGroupNotFound", &account, true),
            (&children, "ResourceNotFound", &format!("{account}2"), false),
            (&children, "ResourceNotFound", &pointer, false),
            // What was asked for itself says so itself.
            (&one, "ResourceGroupNotFound", &account, false),
        ] {
            let other = query(GROUP.split("/resourceGroups").next().unwrap(), Shape::List);
            let found = Answer::found([json!({"id": shown.replace("SUBSCRIPTIONS", "subscriptions")})]);
            for first in [true, false] {
                let mut snapshot = Snapshot::default();
                if first {
                    snapshot.insert(&other, found.clone());
                }
                snapshot.insert(asked, absent(code));
                if !first {
                    snapshot.insert(&other, found.clone());
                }
                let refusal = snapshot.get(asked).and_then(Answer::refusal);
                assert_eq!(refusal.is_some(), contested, "{code} {shown} {first}");
                if let Some(refusal) = refusal {
                    assert!(refusal.message.contains(code), "{refusal:?}");
                }
            }
        }
    }
}

//! What Azure answered: queries as values, their answers, and nothing else.
//!
//! Pure. `read` fills a snapshot; `desired`, `diff` and `plan` only look things up in it. Asking for something that was never
//! queried is a bug of ours, not "absent".

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

/// One read of Azure. Two queries that send the same are the same.
#[derive(Debug, Clone)]
pub struct Query {
    /// Path and query string, api-version included.
    pub path: String,
    /// One resource, a list followed through all its pages, or a question to the directory.
    pub shape: Shape,
    /// The scope that the answer speaks about.
    pub scope: ResourceId,
    /// Takes from each item what is needed; bodies are large and mostly read-only.
    pub project: fn(Value) -> Value,
}

/// What a query gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// A single resource.
    One,
    /// A paged list.
    List,
    /// The answer to a POST of this body, which changes nothing.
    Ask(Value),
    /// A paged list of the children of a resource, which is absent with it.
    Children,
    /// A paged list of Privileged Identity Management, which may say several things under one id, and which only tenants with a license have.
    Schedules,
    /// What Microsoft Graph answers to all of these together.
    Directory(Vec<Part>),
}

/// One request to Microsoft Graph, to be sent in a batch with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its path and query behind the version, percent-encoded.
    pub url: String,
    /// The body of a POST that only asks; a GET has none.
    pub body: Option<Value>,
}

/// Who runs keyless, as far as it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Caller {
    /// Object id, from the token.
    pub id: Option<Uuid>,
    /// Whether it is an application, as the token says.
    pub application: bool,
    /// Whether a person sits at the terminal.
    pub interactive: bool,
}

impl Query {
    /// What tells it from others: its path, and what it sends with it. A question to the directory is named by its path alone.
    fn key(&self) -> Cow<'_, str> {
        match &self.shape {
            Shape::Ask(body) => Cow::Owned(format!("{} {body}", self.path)),
            _ => Cow::Borrowed(&self.path),
        }
    }
}

impl Query {
    /// What a list hangs on, so that it is absent with it, where Azure answers this code.
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

/// The id of what a body shows in a group or a resource, as part of it. Role assignments, locks and the like only point there, and may do
/// so for a while after it has gone.
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
    /// What was tried and what Azure answered.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// A projected body in ARM shape, shared by all that look at it: there may be many, and nobody changes one.
pub type Body = Arc<Value>;

/// What came of a query. Only `Absent` means that a thing is not there.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The items; for a single resource exactly one.
    Found(Vec<Body>),
    /// Azure says it is not there; the code tells what exactly is missing.
    Absent {
        /// ARM's error code, such as `ResourceGroupNotFound`.
        code: String,
    },
    /// The caller may not read it.
    Denied(Refusal),
    /// It could not be read.
    Failed(Refusal),
}

impl Answer {
    /// What was found.
    #[must_use]
    pub fn found(items: impl IntoIterator<Item = Value>) -> Self {
        Self::Found(items.into_iter().map(Body::new).collect())
    }

    /// The refusal, if there is one.
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
    /// By what was asked, each with the scope that it speaks about.
    answers: BTreeMap<String, (ResourceId, Answer)>,
    /// The lists that are absent, each with what it hangs on and would be absent with it.
    absences: BTreeMap<String, ResourceId>,
    /// Who asked.
    pub caller: Caller,
    /// On which day (UTC), where the run said so: without it nothing that holds until some day holds.
    pub today: Option<Date>,
    /// When it was asked, where the run said so: without it nothing that ends at some time has ended.
    pub now: Option<Timestamp>,
    /// The role definitions among the answers, once somebody asked for them.
    roles: OnceLock<Catalogue>,
    /// How long role assignments hold by the answers, once somebody asked for that.
    terms: OnceLock<Terms>,
}

/// The id of what a list shows twice with different content: neither is to be believed. The same twice is a page that moved. What schedules
/// say of one assignment is weighed by [`Terms`].
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
    /// Stores an answer. A list that is said to be absent could not be read where another answer shows what it hangs on, or something in
    /// that: what stands in the list is not known then.
    pub fn insert(&mut self, query: &Query, answer: Answer) {
        self.roles.take();
        self.terms.take();
        let key = query.key().into_owned();
        let answer = match contradicted(query, &answer) {
            Some(id) => Answer::Failed(Refusal {
                message: format!("GET {key}: Azure shows `{id}` twice, each time otherwise"),
                hint: Some("run it again: a list may change while its pages are read".to_owned()),
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

    /// Makes an absence into a list that could not be read, since another answer shows `id`.
    fn contest(&mut self, key: &str, id: &ResourceId) {
        let Some((_, answer)) = self.answers.get_mut(key) else { return };
        let Answer::Absent { code } = &*answer else { return };
        let message = format!("GET {key}: Azure answered {code}, and shows `{id}` elsewhere");
        let hint = "run it again: a resource that was just made may not be seen everywhere";
        *answer = Answer::Failed(Refusal { message, hint: Some(hint.to_owned()) });
    }

    /// The answer to a query, or `None` while it has not been asked.
    #[must_use]
    pub fn get(&self, query: &Query) -> Option<&Answer> {
        self.answers.get(&*query.key()).map(|(_, answer)| answer)
    }

    /// Every answer, with the path that was asked and the scope that it speaks about.
    pub fn answers(&self) -> impl Iterator<Item = (&str, &ResourceId, &Answer)> {
        self.answers.iter().map(|(path, (scope, answer))| (path.as_str(), scope, answer))
    }

    /// Everything that could not be read.
    pub fn refusals(&self) -> impl Iterator<Item = &Refusal> {
        self.answers.values().filter_map(|(_, answer)| answer.refusal())
    }

    /// The answers to all whose paths begin alike, each with the rest of its path.
    pub fn below(&self, start: &str) -> impl Iterator<Item = (&str, &Answer)> {
        let found = self.answers.range(start.to_owned()..);
        found.map_while(move |(path, (_, answer))| Some((path.strip_prefix(start)?, answer)))
    }

    /// Everything that was found, whatever was asked.
    pub fn bodies(&self) -> impl Iterator<Item = &Body> {
        self.shown().map(|(_, body)| body)
    }

    /// The same, each with the scope that was asked about.
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

    /// How long role assignments hold, as far as Azure has told.
    pub fn terms(&self) -> &Terms {
        self.terms.get_or_init(|| Terms::of(self.bodies().map(AsRef::as_ref)))
    }

    /// The body that bears an id, whatever question it answered.
    #[must_use]
    pub fn resource(&self, id: &ResourceId) -> Option<&Body> {
        self.bodies().find(|body| {
            body["id"]
                .as_str()
                .is_some_and(|text| text.trim_end_matches('/').eq_ignore_ascii_case(id.as_str()))
        })
    }

    /// The items that a query found; none where it found nothing.
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

//! What Azure answered: queries as values, their answers, and nothing else.
//!
//! Pure. `read` fills a snapshot; `desired`, `diff` and `plan` only look things up in it. Asking for something that was never
//! queried is a bug of ours, not "absent".

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use jiff::civil::Date;
use serde_json::Value;
use uuid::Uuid;

use crate::id::ResourceId;
use crate::kinds::{KINDS, Kind};
use crate::rbac::Catalogue;
use crate::spec::Loaded;

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
    /// Who asked.
    pub caller: Caller,
    /// On which day (UTC), where the run said so: without it nothing that holds until some day holds.
    pub today: Option<Date>,
    /// The role definitions among the answers, once somebody asked for them.
    roles: OnceLock<Catalogue>,
}

impl Snapshot {
    /// Stores an answer.
    pub fn insert(&mut self, query: &Query, answer: Answer) {
        self.roles.take();
        self.answers.insert(query.key().into_owned(), (query.scope.clone(), answer));
    }

    /// The answer to a query, or `None` while it has not been asked.
    #[must_use]
    pub fn get(&self, query: &Query) -> Option<&Answer> {
        self.answers.get(&*query.key()).map(|(_, answer)| answer)
    }

    /// Everything that could not be read.
    pub fn refusals(&self) -> impl Iterator<Item = &Refusal> {
        self.answers.values().filter_map(|(_, answer)| answer.refusal())
    }

    /// What could not be read: the path that was asked, and the scope that it speaks about.
    pub fn refused(&self) -> impl Iterator<Item = (&str, &ResourceId)> {
        let refused = self.answers.iter().filter(|(_, (_, answer))| answer.refusal().is_some());
        refused.map(|(path, (scope, _))| (path.as_str(), scope))
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

/// The queries that are still open: what shows the state, and once that is answered, what the state raises.
#[must_use]
pub fn missing(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Query> {
    let state = open(snapshot, |kind| kind.queries(stacks, snapshot));
    if state.is_empty() { open(snapshot, |kind| kind.follow_ups(stacks, snapshot)) } else { state }
}

/// Whether all is answered that shows the state.
#[must_use]
pub fn is_settled(stacks: &[Loaded], snapshot: &Snapshot) -> bool {
    open(snapshot, |kind| kind.queries(stacks, snapshot)).is_empty()
}

fn open(snapshot: &Snapshot, ask: impl Fn(&'static dyn Kind) -> Vec<Query>) -> Vec<Query> {
    let asked = KINDS.iter().flat_map(|kind| ask(*kind));
    let mut open: Vec<Query> = asked.filter(|query| snapshot.get(query).is_none()).collect();
    open.sort();
    open.dedup();
    open
}

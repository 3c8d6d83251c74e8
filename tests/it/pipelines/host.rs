//! The API of a host of repositories, on loopback: comments, issues and commits of GitHub, notes of GitLab, threads and work items of Azure
//! DevOps, the tokens of jobs, and files to download.
//!
//! A token says what its job may do, and the host holds it to that.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, Uri};
use base64::Engine as _;
use serde_json::{Value, json};

/// Whoever a job's token belongs to, and somebody else who comments.
pub(crate) const BOT: u64 = 41_898_282;
pub(crate) const STRANGER: u64 = 7;

#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// `{id, number, author, body}`: comments on issues and pull requests, in the order in which they were made.
    pub(crate) comments: Vec<Value>,
    /// `{number, author, title, body, state, labels}`.
    pub(crate) issues: Vec<Value>,
    /// What `compare` answers.
    pub(crate) compared: Value,
    /// The newest commit of the pull request, and of the branch.
    pub(crate) head: String,
    /// Whether everybody reads the repository.
    pub(crate) is_public: bool,
    /// `METHOD path`, in order.
    pub(crate) seen: Vec<String>,
    /// Answers before any other, by `METHOD path`: status and `Retry-After`; or, with `reset`, the time at which GitHub's own limit ends.
    pub(crate) busy: Vec<(String, u16, &'static str)>,
    /// Requests that are done and answered 502 all the same, by `METHOD path`.
    pub(crate) lost: Vec<String>,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Bodies that a webhook got.
    pub(crate) posted: Vec<Value>,
    next: u64,
}

pub(crate) struct Host {
    pub(crate) url: String,
    kept: Arc<Mutex<Kept>>,
    _runtime: tokio::runtime::Runtime,
}

impl Host {
    pub(crate) fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let kept = Arc::new(Mutex::new(Kept {
            compared: json!({"status": "identical", "files": []}),
            next: 100,
            head: "1111111111".to_owned(),
            ..Kept::default()
        }));
        let state = Arc::clone(&kept);
        let url = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let router = axum::Router::new().fallback(serve).with_state(state);
            tokio::spawn(async move { axum::serve(listener, router).await });
            url
        });
        Self { url, kept, _runtime: runtime }
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(&mut self.kept.lock().unwrap())
    }

    /// The comments on a pull request or an issue, as (author, text).
    pub(crate) fn comments(&self, number: u64) -> Vec<(u64, String)> {
        let of = |each: &&Value| each["number"] == number;
        let told =
            |each: &Value| (each["author"].as_u64().unwrap(), each["body"].as_str().unwrap().to_owned());
        self.with(|kept| kept.comments.iter().filter(of).map(told).collect())
    }

    pub(crate) fn say(&self, number: u64, author: u64, body: &str) {
        self.with(|kept| kept.comment(number, author, body));
    }

    /// The requests that wrote, since the last time.
    pub(crate) fn take_writes(&self) -> Vec<String> {
        let mut seen = self.with(|kept| std::mem::take(&mut kept.seen));
        seen.retain(|line| !line.starts_with("GET") && !line.ends_with("/graphql"));
        seen
    }
}

/// A token that a job gets: what it may do, as its `permissions` say.
pub(crate) fn token(permissions: &Value) -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(permissions.to_string())
}

/// Where a job asks for its identity; the host signs whatever subject stands there.
pub(crate) fn identity_url(host: &Host, subject: &str) -> String {
    let coded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(subject);
    format!("{}/identity/{coded}?x=1", host.url)
}

impl Kept {
    fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn comment(&mut self, number: u64, author: u64, body: &str) -> Value {
        let id = self.id();
        let one = json!({"id": id, "number": number, "author": author, "body": body});
        self.comments.push(one.clone());
        one
    }

    fn edit(&mut self, id: &str, text: &str) -> Value {
        let one = self.comments.iter_mut().find(|each| is(&each["id"], id));
        let one = one.expect("a comment that is edited exists");
        one["body"] = json!(text);
        one.clone()
    }

    fn open(&mut self, body: &Value, text: &str) -> Value {
        let number = self.id();
        let labels = &body["labels"];
        self.issues.push(json!({
            "number": number, "author": BOT, "title": body["title"], "body": text, "state": "open", "labels": labels,
        }));
        json!({"number": number, "iid": number})
    }

    fn issue(&mut self, number: &str) -> &mut Value {
        let one = self.issues.iter_mut().find(|each| is(&each["number"], number));
        one.expect("an issue that is edited exists")
    }
}

/// Whether a number of a document is the one in a path.
fn is(number: &Value, text: &str) -> bool {
    text.parse().is_ok_and(|text: u64| number.as_u64() == Some(text))
}

/// As GitHub, GitLab and Azure DevOps each show an author.
fn shown(one: &Value) -> Value {
    let mut shown = one.clone();
    let author = &one["author"];
    shown["user"] = json!({"id": author});
    shown["iid"] = one["number"].clone();
    shown["description"] = one["body"].clone();
    shown["author"] = json!({"id": author});
    shown
}

fn page(all: Vec<Value>, query: &str) -> Value {
    let number = |name: &str| {
        let value = query.split('&').find_map(|part| part.strip_prefix(&format!("{name}=")));
        value.and_then(|value| value.parse::<usize>().ok())
    };
    let (size, at) = (number("per_page").unwrap_or(30).min(100), number("page").unwrap_or(1));
    json!(all.into_iter().skip((at - 1) * size).take(size).collect::<Vec<_>>())
}

/// What a job's token permits.
fn may(headers: &HeaderMap, need: &[&str]) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    if text("private-token").is_some_and(|token| token == "the-project's-own") {
        return true;
    }
    let Some(token) =
        text("authorization").and_then(|value| value.strip_prefix("Bearer ").map(str::to_owned))
    else {
        return false;
    };
    if token == "the-build's-own" {
        return true;
    }
    let decoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
    let permissions: Value = serde_json::from_slice(&decoded).unwrap_or_default();
    need.iter().any(|each| {
        let (name, level) = each.split_once(": ").unwrap();
        permissions[name] == "write" || permissions[name] == level
    })
}

async fn serve(
    State(kept): State<Arc<Mutex<Kept>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let mut kept = kept.lock().unwrap();
    let (path, query) = (uri.path().to_owned(), uri.query().unwrap_or_default().to_owned());
    let line = format!("{method} {path}");
    kept.seen.push(line.clone());
    if let Some(at) = kept.busy.iter().position(|(busy, ..)| *busy == line) {
        let (_, status, after) = kept.busy.remove(at);
        return answer(status, &json!({"message": "not now"}), after);
    }
    if let Some(file) = kept.files.get(&path) {
        return Response::new(Body::from(file.clone()));
    }
    let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    if parts.first() == Some(&"identity") {
        let subject = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(parts[1]).unwrap_or_default();
        let subject = String::from_utf8(subject).unwrap_or_default();
        let issuer = "https://token.actions.githubusercontent.com";
        return answer(
            200,
            &json!({"value": crate::signing::federated(issuer, &subject, 4_000_000_000)}),
            "",
        );
    }
    if parts.first() == Some(&"webhook") {
        kept.posted.push(sent);
        return answer(200, &Value::Null, "");
    }
    let github = github(&mut kept, &method, &parts, &query, &headers, &sent);
    let found = github
        .or_else(|| gitlab(&mut kept, &method, &parts, &query, &headers, &sent))
        .or_else(|| azure_devops(&mut kept, &method, &parts, &headers, &sent));
    if let Some(at) = kept.lost.iter().position(|lost| *lost == line) {
        kept.lost.remove(at);
        return answer(502, &json!({"message": "Bad Gateway"}), "");
    }
    match found {
        Some((status, value)) => answer(status, &value, ""),
        None => answer(404, &json!({"message": "Not Found"}), ""),
    }
}

type Answered = Option<(u16, Value)>;

fn github(
    kept: &mut Kept,
    method: &Method,
    parts: &[&str],
    query: &str,
    headers: &HeaderMap,
    sent: &Value,
) -> Answered {
    let refused = Some((403, json!({"message": "Resource not accessible by integration"})));
    let text = sent["body"].as_str();
    let ["repos", _, _, rest @ ..] = parts else {
        return match parts {
            ["graphql"] if may(headers, &["pull-requests: read", "issues: read"]) => {
                let viewer = json!({"login": "github-actions[bot]", "databaseId": BOT});
                Some((200, json!({"data": {"viewer": viewer}})))
            }
            ["graphql"] => Some((401, json!({"message": "Bad credentials"}))),
            _ => None,
        };
    };
    let talks = may(headers, &["pull-requests: write", "issues: write"]);
    match (method.as_str(), rest) {
        ("GET", ["compare", ..]) if may(headers, &["contents: read"]) => Some((200, kept.compared.clone())),
        ("GET", []) => Some((200, json!({"private": !kept.is_public}))),
        ("GET", ["pulls", _]) if talks => Some((200, json!({"head": {"sha": kept.head}}))),
        ("GET", ["issues", number, "comments"]) if talks => {
            let of = |each: &&Value| is(&each["number"], number);
            Some((200, page(kept.comments.iter().filter(of).map(shown).collect(), query)))
        }
        ("POST", ["issues", number, "comments"]) if talks => {
            Some((201, kept.comment(number.parse().unwrap(), BOT, text?)))
        }
        ("PATCH", ["issues", "comments", id]) if talks => Some((200, kept.edit(id, text?))),
        ("GET", ["issues"]) if may(headers, &["issues: read"]) => {
            assert!(
                query.contains("creator=github-actions%5Bbot%5D") && query.contains("state=open"),
                "{query}"
            );
            let open = |each: &&Value| each["state"] == "open";
            Some((200, page(kept.issues.iter().filter(open).map(shown).collect(), query)))
        }
        ("POST", ["issues"]) if may(headers, &["issues: write"]) => Some((201, kept.open(sent, text?))),
        ("PATCH", ["issues", number]) if may(headers, &["issues: write"]) => {
            let issue = kept.issue(number);
            for name in ["body", "state"] {
                if let Some(value) = sent.get(name) {
                    issue[name] = value.clone();
                }
            }
            Some((200, Value::Null))
        }
        _ => refused,
    }
}

fn gitlab(
    kept: &mut Kept,
    method: &Method,
    parts: &[&str],
    query: &str,
    headers: &HeaderMap,
    sent: &Value,
) -> Answered {
    let ["api", "v4", rest @ ..] = parts else { return None };
    if !may(headers, &[]) {
        return Some((401, json!({"message": "401 Unauthorized"})));
    }
    match (method.as_str(), rest) {
        ("GET", ["user"]) => Some((200, json!({"id": BOT}))),
        ("GET", ["projects", _]) => Some((200, json!({"visibility": "private"}))),
        ("GET", ["projects", _, "merge_requests", _]) => Some((200, json!({"sha": kept.head}))),
        ("GET", ["projects", _, "repository", "branches", "main"]) => {
            Some((200, json!({"commit": {"id": kept.head}})))
        }
        ("GET", ["projects", _, "repository", "merge_base"]) => Some((200, json!({"id": "1111111111"}))),
        ("GET", ["projects", _, "repository", "compare"]) => Some((200, kept.compared.clone())),
        ("GET", ["projects", _, "merge_requests" | "issues", number, "notes"]) => {
            let of = |each: &&Value| is(&each["number"], number);
            Some((200, page(kept.comments.iter().filter(of).map(shown).collect(), query)))
        }
        ("POST", ["projects", _, "merge_requests" | "issues", number, "notes"]) => {
            Some((201, kept.comment(number.parse().unwrap(), BOT, sent["body"].as_str()?)))
        }
        ("PUT", ["projects", _, "merge_requests", _, "notes", id]) => {
            Some((200, kept.edit(id, sent["body"].as_str()?)))
        }
        ("GET", ["projects", _, "issues"]) => {
            let open = |each: &&Value| each["state"] == "open";
            Some((200, page(kept.issues.iter().filter(open).map(shown).collect(), query)))
        }
        ("POST", ["projects", _, "issues"]) => Some((201, kept.open(sent, sent["description"].as_str()?))),
        ("PUT", ["projects", _, "issues", number]) => {
            let issue = kept.issue(number);
            if let Some(text) = sent.get("description") {
                issue["body"] = text.clone();
            }
            if sent["state_event"] == "close" {
                issue["state"] = json!("closed");
            }
            Some((200, Value::Null))
        }
        _ => None,
    }
}

fn azure_devops(
    kept: &mut Kept,
    method: &Method,
    parts: &[&str],
    headers: &HeaderMap,
    sent: &Value,
) -> Answered {
    let ["org", rest @ ..] = parts else { return None };
    if !may(headers, &[]) {
        return Some((401, Value::Null));
    }
    match (method.as_str(), rest) {
        ("GET", ["_apis", "connectionData"]) => Some((200, json!({"authenticatedUser": {"id": BOT}}))),
        ("GET", ["_apis", "projects", _]) => Some((200, json!({"visibility": "private"}))),
        ("GET", [_, "_apis", "git", "repositories", _, "diffs", "commits"]) => {
            let mut compared = kept.compared.clone();
            if compared["commonCommit"].is_null() {
                compared = json!({"commonCommit": kept.head, "changes": [], "allChangesIncluded": true});
            }
            Some((200, compared))
        }
        ("GET", [_, "_apis", "git", "repositories", _, "pullRequests", _]) => {
            Some((200, json!({"lastMergeSourceCommit": {"commitId": kept.head}})))
        }
        ("GET", [_, "_apis", "git", "repositories", _, "pullRequests", number, "threads"]) => {
            let of = |each: &&Value| is(&each["number"], number);
            // A comment of each thread has the number 1.
            let thread = |one: &Value| {
                let comment = json!({"id": 1, "author": {"id": one["author"]}, "content": one["body"]});
                json!({"id": one["id"], "comments": [comment], "isDeleted": false})
            };
            let threads: Vec<Value> = kept.comments.iter().filter(of).map(thread).collect();
            Some((200, json!({"value": threads})))
        }
        ("POST", [_, "_apis", "git", "repositories", _, "pullRequests", number, "threads"]) => {
            assert_eq!(sent["status"], "closed");
            let text = sent["comments"][0]["content"].as_str()?;
            Some((200, kept.comment(number.parse().unwrap(), BOT, text)))
        }
        (
            "PATCH",
            [_, "_apis", "git", "repositories", _, "pullRequests", _, "threads", id, "comments", "1"],
        ) => Some((200, kept.edit(id, sent["content"].as_str()?))),
        (_, [_, "_apis", "wit", rest @ ..]) => work_items(kept, method, rest, headers, sent),
        _ => None,
    }
}

/// Work items of Azure DevOps, in a process of its own words: a Task ends as "Fertig". A description comes back without comments.
fn work_items(
    kept: &mut Kept,
    method: &Method,
    parts: &[&str],
    headers: &HeaderMap,
    sent: &Value,
) -> Answered {
    let patch = || {
        assert_eq!(headers["content-type"], "application/json-patch+json");
        let step = |one: &Value| (one["path"].as_str().unwrap().to_owned(), one["value"].clone());
        let steps: BTreeMap<String, Value> = sent.as_array().unwrap().iter().map(step).collect();
        let text = steps.contains_key("/fields/System.Description");
        assert_eq!(text, steps.contains_key("/multilineFieldsFormat/System.Description"), "{steps:?}");
        steps
    };
    match (method.as_str(), parts) {
        ("GET", ["workitemtypes", "Task", "states"]) => {
            let states = [("Neu", "Proposed"), ("Fertig", "Completed"), ("Verworfen", "Removed")];
            Some((
                200,
                json!({"value": states.map(|(name, category)| json!({"name": name, "category": category}))}),
            ))
        }
        ("POST", ["wiql"]) => {
            let query = sent["query"].as_str()?;
            let wanted = "[System.Tags] CONTAINS 'keyless' AND [System.WorkItemType] = 'Task' AND [System.State] NOT IN ('Fertig', 'Verworfen')";
            assert!(query.contains(wanted), "{query}");
            let open = |each: &&Value| each["state"] == "open";
            let found: Vec<Value> =
                kept.issues.iter().filter(open).map(|each| json!({"id": each["number"]})).collect();
            Some((200, json!({"workItems": found})))
        }
        ("POST", ["workitemsbatch"]) => {
            let wanted = |each: &&Value| sent["ids"].as_array().unwrap().contains(&each["number"]);
            let shown = |each: &Value| {
                let fields = json!({
                    "System.CreatedBy": {"id": each["author"]}, "System.Description": each["body"], "System.Tags": each["labels"],
                });
                json!({"id": each["number"], "fields": fields})
            };
            let found: Vec<Value> = kept.issues.iter().filter(wanted).map(shown).collect();
            Some((200, json!({"value": found})))
        }
        ("POST", ["workitems", "$Task"]) => {
            let steps = patch();
            let text = steps["/fields/System.Description"].as_str()?.to_owned();
            assert!(!text.contains("<!--"), "{text}");
            let made =
                json!({"title": steps["/fields/System.Title"], "labels": steps["/fields/System.Tags"]});
            Some((200, kept.open(&made, &text)))
        }
        ("PATCH", ["workitems", number]) => {
            let steps = patch();
            let item = kept.issue(number);
            if let Some(text) = steps.get("/fields/System.Description") {
                assert!(!text.as_str()?.contains("<!--"), "{text}");
                item["body"] = text.clone();
            }
            if let Some(state) = steps.get("/fields/System.State") {
                assert_eq!(state, "Fertig");
                item["state"] = json!("closed");
            }
            Some((200, Value::Null))
        }
        ("GET", ["workItems", number, "comments"]) => {
            let of = |each: &&Value| is(&each["number"], number);
            let shown: Vec<Value> =
                kept.comments.iter().filter(of).map(|each| json!({"text": each["body"]})).collect();
            Some((200, json!({"comments": shown})))
        }
        ("POST", ["workItems", number, "comments"]) => {
            Some((200, kept.comment(number.parse().unwrap(), BOT, sent["text"].as_str()?)))
        }
        _ => None,
    }
}

fn answer(status: u16, value: &Value, after: &str) -> Response<Body> {
    let mut response =
        Response::new(Body::from(if value.is_null() { String::new() } else { value.to_string() }));
    *response.status_mut() = status.try_into().unwrap();
    response.headers_mut().insert("content-type", "application/json; charset=utf-8".parse().unwrap());
    if after == "reset" {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        response.headers_mut().insert("x-ratelimit-remaining", "0".parse().unwrap());
        response.headers_mut().insert("x-ratelimit-reset", now.into());
    } else if !after.is_empty() {
        response.headers_mut().insert("retry-after", after.parse().unwrap());
    }
    response
}

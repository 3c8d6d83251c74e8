//! The data plane of accounts: chat completions, responses, messages, embeddings and information about models; of projects also what is deployed.
//!
//! An account answers at `/_data/{subdomain}/...`, and wherever its own hosts or `{subdomain}.localhost` lead here.
//! Who may call is `access`, what is answered `answers`; here is which account and which operation is meant.

use axum::http::Method;
use serde_json::Value;

use super::access::Endpoint;
use super::{access, answers};
use crate::sandbox::arm::cognitive::catalog::Task;
use crate::sandbox::arm::cognitive::children::Place;
use crate::sandbox::arm::cognitive::{accounts, catalog, children};
use crate::sandbox::arm::monitor;
use crate::sandbox::entra::directory;
use crate::sandbox::http::{Reply, Request};
use crate::sandbox::state::{Account, Child, ModelCall, World};

/// First segment of paths to accounts, because a sandbox has only one address.
const PREFIX: &str = "_data";
/// Domains of accounts, and `localhost`.
const DOMAINS: &[&str] =
    &["cognitiveservices.azure.com", "openai.azure.com", "services.ai.azure.com", "localhost"];

/// A request to an account: the host and the path below it.
#[derive(Debug)]
pub(crate) struct Call {
    host: String,
    path: Vec<String>,
}

/// An operation: its name in errors and the data action that it requires.
struct CallOperation {
    name: &'static str,
    action: &'static str,
    does: Does,
}

/// What an operation does.
enum Does {
    Task(Task),
    Info,
    Deployments,
}

impl Does {
    /// The operation in the request log. Only those of chats and embeddings are in public records.
    fn logged(&self) -> &'static str {
        match self {
            Self::Task(Task::Chat | Task::Completion | Task::Messages) => "ChatCompletions_Create",
            Self::Task(Task::Embeddings) => "Embeddings_Create",
            Self::Task(Task::Responses) => "Responses_Create",
            Self::Info | Self::Deployments => "Models_List",
        }
    }
}

const OPERATIONS: &[(&[&str], CallOperation)] = &[
    (
        &["POST", "models", "chat", "completions"],
        CallOperation {
            name: "POST /models/chat/completions",
            action: "Microsoft.CognitiveServices/accounts/MaaS/chat/completions/action",
            does: Does::Task(Task::Chat),
        },
    ),
    (
        &["POST", "models", "embeddings"],
        CallOperation {
            name: "POST /models/embeddings",
            action: "Microsoft.CognitiveServices/accounts/MaaS/embeddings/action",
            does: Does::Task(Task::Embeddings),
        },
    ),
    (
        &["GET", "models", "info"],
        CallOperation {
            name: "GET /models/info",
            action: "Microsoft.CognitiveServices/accounts/MaaS/info/read",
            does: Does::Info,
        },
    ),
    (
        &["POST", "openai", "deployments", "*", "chat", "completions"],
        CallOperation {
            name: "POST /openai/deployments/{deployment-id}/chat/completions",
            action: "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action",
            does: Does::Task(Task::Chat),
        },
    ),
    (
        &["POST", "openai", "deployments", "*", "embeddings"],
        CallOperation {
            name: "POST /openai/deployments/{deployment-id}/embeddings",
            action: "Microsoft.CognitiveServices/accounts/OpenAI/deployments/embeddings/action",
            does: Does::Task(Task::Embeddings),
        },
    ),
    (
        &["POST", "openai", "v1", "chat", "completions"],
        CallOperation {
            name: "POST /openai/v1/chat/completions",
            action: "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action",
            does: Does::Task(Task::Chat),
        },
    ),
    (
        &["POST", "openai", "v1", "responses"],
        CallOperation {
            name: "POST /openai/v1/responses",
            action: "Microsoft.CognitiveServices/accounts/OpenAI/responses/write",
            does: Does::Task(Task::Responses),
        },
    ),
    (
        &["POST", "anthropic", "v1", "messages"],
        CallOperation {
            name: "POST /anthropic/v1/messages",
            // https://learn.microsoft.com/answers/questions/5889342
            action: "Microsoft.CognitiveServices/accounts/AIServices/providers/action",
            does: Does::Task(Task::Messages),
        },
    ),
    (
        &["POST", "openai", "v1", "embeddings"],
        CallOperation {
            name: "POST /openai/v1/embeddings",
            action: "Microsoft.CognitiveServices/accounts/OpenAI/deployments/embeddings/action",
            does: Does::Task(Task::Embeddings),
        },
    ),
];

/// Projects only. <https://learn.microsoft.com/azure/foundry/reference/rest/deployments-list>; the data action:
/// <https://learn.microsoft.com/azure/ai-foundry/concepts/rbac-foundry>.
const OF_PROJECTS: &[(&[&str], CallOperation)] = &[(
    &["GET", "deployments"],
    CallOperation {
        name: "GET /api/projects/{projectName}/deployments",
        action: "Microsoft.CognitiveServices/accounts/AIServices/deployments/read",
        does: Does::Deployments,
    },
)];

/// Reads a request as a call to an account; nothing if it is for another service.
pub(crate) fn call(request: &Request) -> Option<Call> {
    if let [first, host, path @ ..] = &request.segments[..]
        && first == PREFIX
    {
        return Some(Call { host: host.to_lowercase(), path: path.to_vec() });
    }
    let (_, authority) = request.origin.split_once("://")?;
    let host = authority.split(':').next().unwrap_or_default().to_lowercase();
    let subdomain = DOMAINS.iter().find_map(|domain| host.strip_suffix(domain)?.strip_suffix('.'))?;
    // ARM has no such paths, so `anything.localhost` still works for ARM.
    let ours = request
        .segments
        .first()
        .is_some_and(|first| ["models", "openai", "anthropic", "api"].contains(&first.as_str()));
    ours.then(|| Call { host: subdomain.to_owned(), path: request.segments.clone() })
}

pub(crate) fn answer(world: &mut World, request: &Request, call: &Call) -> Reply {
    let reply = served(world, request, call).unwrap_or_else(|refusal| refusal);
    note(world, request, call, reply.status);
    // As in the request log of the account.
    reply.with("apim-request-id", request.id.clone())
}

/// Has the metrics and the log know of a call. Those of projects have none.
fn note(world: &mut World, request: &Request, call: &Call, status: u16) {
    let Some(account) = account(world, &call.host) else { return };
    let endpoint = of_account(&call.path);
    let Some(operation) = operation(&request.method, &call.path, endpoint) else { return };
    let caller = access::authenticate(world, request, account, endpoint).ok().flatten();
    let named = match &call.path[..] {
        [_, deployments, name, ..] if deployments == "deployments" => Some(name.clone()),
        _ => serde_json::from_slice::<Value>(&request.body)
            .ok()
            .and_then(|body| body.get("model")?.as_str().map(str::to_owned)),
    };
    let known = ModelCall {
        at: world.now.as_microsecond(),
        operation: operation.does.logged().to_owned(),
        deployment: named,
        status,
        caller: caller.map(|caller| caller.object_id),
        silent: false,
        uncounted: false,
        sinks: Vec::new(),
    };
    let key = account.key();
    monitor::note(world, &key, known);
}

fn served(world: &mut World, request: &Request, call: &Call) -> Result<Reply, Reply> {
    let account = account(world, &call.host).ok_or_else(|| answers::unknown_host(&call.host))?;
    let (endpoint, path) = match &call.path[..] {
        [api, projects, project, path @ ..] if api == "api" && projects == "projects" => {
            (Endpoint::Project(project), path)
        }
        path => (of_account(path), path),
    };
    access::check_network(account)?;
    let caller = access::authenticate(world, request, account, endpoint)?;
    if let Endpoint::Project(project) = endpoint
        && !world.state.children.contains_key(&format!(
            "{}/projects/{}",
            account.key(),
            project.to_lowercase()
        ))
    {
        return Err(answers::project_not_found());
    }
    let operation = operation(&request.method, path, endpoint);
    if let (Some(caller), Some(operation)) = (&caller, operation) {
        access::authorise(world, account, endpoint, caller, operation.action, operation.name)?;
    }
    // The v1 route needs no version: learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle.
    let general = path.get(1).is_some_and(|second| second == "v1");
    let versioned = general || request.query("api-version").is_some_and(|version| !version.is_empty());
    let Some(operation) = operation.filter(|_| versioned) else { return Err(answers::not_found()) };
    let reply = operate(world, request, account, operation, path);
    if let Some(caller) = caller {
        directory::remember_caller(world, &caller);
    }
    reply
}

/// The part of an account that a path leads to.
fn of_account(path: &[String]) -> Endpoint<'static> {
    if path.first().is_some_and(|first| first == "anthropic") {
        Endpoint::Anthropic
    } else {
        Endpoint::Account
    }
}

fn operate(
    world: &World,
    request: &Request,
    account: &Account,
    operation: &CallOperation,
    path: &[String],
) -> Result<Reply, Reply> {
    let task = match operation.does {
        Does::Task(task) => task,
        Does::Deployments => return Ok(answers::deployments(&deployments(world, account))),
        Does::Info => {
            let named = request.query("model").or_else(|| request.header(answers::MODEL_HEADER));
            return Ok(answers::info(deployment(world, account, named)?));
        }
    };
    let body = answers::body(request)?;
    let named = match path {
        [_, deployments, name, ..] if deployments == "deployments" => Some(name.as_str()),
        _ => body.get("model").and_then(Value::as_str).or_else(|| request.header(answers::MODEL_HEADER)),
    };
    let child = deployment(world, account, Some(named.ok_or_else(answers::no_model)?))?;
    if child.properties.get("deploymentState").and_then(Value::as_str) == Some("Paused") {
        return Err(answers::paused());
    }
    let model = answers::DeployedModel::of(child);
    let known = catalog::find("AIServices", model.format, model.name);
    // Every model that chats also answers `responses`.
    let does =
        |known: &catalog::Model| known.task == task || (known.task, task) == (Task::Chat, Task::Responses);
    if known.is_some_and(|known| !does(known)) {
        return Err(answers::wrong_task(task, model.name));
    }
    match task {
        Task::Chat => answers::chat(world, request, child, &body),
        Task::Responses => answers::response(world, request, child, &body),
        Task::Messages => answers::message(request, child, &body),
        _ => answers::embeddings(&model, &body),
    }
}

fn operation(method: &Method, path: &[String], endpoint: Endpoint) -> Option<&'static CallOperation> {
    let fits = |pattern: &&[&str]| {
        pattern.len() == path.len() + 1
            && pattern[0] == method.as_str()
            && pattern[1..].iter().zip(path).all(|(part, segment)| *part == "*" || part == segment)
    };
    let further = if matches!(endpoint, Endpoint::Project(_)) { OF_PROJECTS } else { &[] };
    OPERATIONS.iter().chain(further).find(|(pattern, _)| fits(pattern)).map(|(_, operation)| operation)
}

/// The account with this subdomain, or with this name if it has no subdomain (as with a regional endpoint).
fn account<'w>(world: &'w World, host: &str) -> Option<&'w Account> {
    let by_subdomain =
        |account: &&Account| account.subdomain().is_some_and(|own| own.eq_ignore_ascii_case(host));
    let by_name =
        |account: &&Account| account.subdomain().is_none() && account.name.eq_ignore_ascii_case(host);
    let accounts = || world.state.accounts.values();
    accounts().find(by_subdomain).or_else(|| accounts().find(by_name))
}

/// Deployments of an account that are ready.
fn deployments<'w>(world: &'w World, account: &Account) -> Vec<&'w Child> {
    let rest = [String::from("deployments")];
    let place = accounts::AccountPlace {
        subscription: &account.subscription,
        group: &account.group,
        name: &account.name,
        late: false,
        shows_more: false,
    };
    let all = children::direct(world, Place::of_account(place, &rest)).map(|(_, child)| child);
    all.filter(|child| children::state(world, child) != Some("Creating")).collect()
}

/// A deployment by name; without a name, the first one.
fn deployment<'w>(world: &'w World, account: &Account, name: Option<&str>) -> Result<&'w Child, Reply> {
    let named = |child: &&Child| name.is_none_or(|name| child.name.eq_ignore_ascii_case(name));
    deployments(world, account).into_iter().find(named).ok_or_else(answers::deployment_not_found)
}

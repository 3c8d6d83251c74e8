//! What the data plane answers: the same to the same question, in the shapes that clients parse.
//!
//! No model thinks here. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::sandbox::arm::cognitive::catalog::{self, Task};
use crate::sandbox::http::errors::error;
use crate::sandbox::http::{Reply, Request};
use crate::sandbox::state::{Child, World, derived_id};

/// Header that names the model when the body does not.
pub(super) const MODEL_HEADER: &str = "x-ms-model-mesh-model-name";
/// How many inputs one request may embed.
const INPUTS: usize = 2048;

/// The model behind a deployment.
#[derive(Debug)]
pub(crate) struct DeployedModel<'a> {
    pub(crate) format: &'a str,
    pub(crate) name: &'a str,
    version: &'a str,
}

impl<'a> DeployedModel<'a> {
    pub(crate) fn of(child: &'a Child) -> Self {
        let model = child.properties.get("model");
        let text =
            |name: &str| model.and_then(|model| model.get(name)).and_then(Value::as_str).unwrap_or_default();
        Self { format: text("format"), name: text("name"), version: text("version") }
    }

    /// The name in answers: with the version if that is a date.
    fn shown(&self) -> String {
        if self.version.starts_with("20") {
            format!("{}-{}", self.name, self.version)
        } else {
            self.name.to_owned()
        }
    }

    fn dimensions(&self) -> usize {
        match self.name.to_lowercase().as_str() {
            "text-embedding-3-large" => 3072,
            name if name.starts_with("cohere") => 1024,
            _ => 1536,
        }
    }
}

pub(crate) fn not_found() -> Reply {
    error(404, "404", "Resource not found")
}

/// <https://github.com/microsoft/microsoft-foundry-for-vscode/issues/99>
pub(super) fn project_not_found() -> Reply {
    error(404, "ResourceNotFound", "The project does not exist.")
}

/// The 404 for an unknown host; in Azure such a name does not resolve.
pub(super) fn unknown_host(name: &str) -> Reply {
    let message = format!("No account of this sandbox has the subdomain '{name}'.");
    error(404, "SandboxUnknownHost", &message)
}

pub(super) fn deployment_not_found() -> Reply {
    let message = "The API deployment for this resource does not exist. If you created the deployment within the last \
                   5 minutes, please wait a moment and try again.";
    error(404, "DeploymentNotFound", message)
}

pub(super) fn no_model() -> Reply {
    let message = format!(
        "No model specified in request. Please provide a model name in the request body or as a {MODEL_HEADER} header."
    );
    error(400, "no_model_name", &message)
}

pub(super) fn wrong_task(task: Task, model: &str) -> Reply {
    let operation = match task {
        Task::Chat => "chatCompletion",
        Task::Responses => "responses",
        Task::Messages => "messages",
        Task::Embeddings | Task::Completion => "embeddings",
    };
    let message = format!(
        "The {operation} operation does not work with the specified model, {model}. Please choose different model and \
         try again. You can learn more about which models can be used with each operation here: \
         https://go.microsoft.com/fwlink/?linkid=2197993."
    );
    error(400, "OperationNotSupported", &message)
}

/// The 423 for a deployment that is paused; the words are ours.
pub(super) fn paused() -> Reply {
    error(423, "DeploymentPaused", "The deployment is paused. Resume it to call its model.")
}

/// The 400 for an invalid question, in the form of OpenAI's API.
fn invalid(param: &str, message: &str) -> Reply {
    let error = json!({"message": message, "type": "invalid_request_error", "param": param, "code": null});
    Reply::json(400, &json!({"error": error}))
}

/// The body, which must be a JSON object.
pub(crate) fn body(request: &Request) -> Result<Map<String, Value>, Reply> {
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(body)) => Ok(body),
        _ => Err(invalid("", "The request body must be a JSON object.")),
    }
}

fn refuse_stream(body: &Map<String, Value>) -> Result<(), Reply> {
    if body.get("stream") == Some(&Value::Bool(true)) {
        return Err(invalid("stream", "This sandbox does not stream: leave out `stream`."));
    }
    Ok(())
}

/// `chat/completions`.
pub(crate) fn chat(
    world: &World,
    request: &Request,
    deployment: &Child,
    body: &Map<String, Value>,
) -> Result<Reply, Reply> {
    refuse_stream(body)?;
    let messages = body.get("messages").and_then(Value::as_array).filter(|messages| !messages.is_empty());
    let Some(messages) = messages else {
        return Err(invalid("messages", "'messages' must be a list of at least one message."));
    };
    if messages.iter().any(|message| message.get("role").and_then(Value::as_str).is_none()) {
        return Err(invalid("messages", "Each of 'messages' needs a 'role'."));
    }
    let limit = ["max_completion_tokens", "max_tokens"].iter().find_map(|name| body.get(*name)?.as_u64());
    if limit == Some(0) {
        return Err(invalid("max_tokens", "'max_tokens' must be at least 1."));
    }
    let Words { text, used, cut } = words(deployment, limit);
    let reason = if cut { "length" } else { "stop" };
    let prompt: usize = messages.iter().map(|message| tokens(message.get("content")) + 4).sum::<usize>() + 3;
    Ok(Reply::json(
        200,
        &json!({
            "id": format!("chatcmpl-{}", derived_id(&format!("chat:{}", request.id)).simple()),
            "object": "chat.completion",
            "created": world.now.as_second(),
            "model": DeployedModel::of(deployment).shown(),
            "system_fingerprint": "fp_sandbox",
            "choices": [{
                "index": 0,
                "finish_reason": reason,
                "logprobs": null,
                "message": {"role": "assistant", "content": text, "refusal": null},
            }],
            "usage": {"prompt_tokens": prompt, "completion_tokens": used, "total_tokens": prompt + used},
        }),
    ))
}

/// The answer of every model, cut at a limit of tokens.
struct Words {
    text: String,
    used: usize,
    cut: bool,
}

fn words(deployment: &Child, limit: Option<u64>) -> Words {
    let text = format!(
        "This is a sandbox: no model answered. Deployment {} has {}.",
        deployment.name,
        DeployedModel::of(deployment).shown()
    );
    let words: Vec<&str> = text.split_inclusive(' ').collect();
    let limit = limit.map_or(words.len(), |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let used = limit.min(words.len());
    Words { text: words[..used].concat().trim_end().to_owned(), used, cut: used < words.len() }
}

/// `responses`: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/responses>.
pub(crate) fn response(
    world: &World,
    request: &Request,
    deployment: &Child,
    body: &Map<String, Value>,
) -> Result<Reply, Reply> {
    refuse_stream(body)?;
    let input = match body.get("input") {
        Some(Value::String(text)) if !text.is_empty() => tokens(body.get("input")),
        Some(Value::Array(items)) if !items.is_empty() => {
            items.iter().map(|item| tokens(item.get("content"))).sum()
        }
        _ => return Err(invalid("input", "'input' must be a text or a list of at least one item.")),
    };
    let limit = body.get("max_output_tokens").and_then(Value::as_u64);
    if limit.is_some_and(|limit| limit < 16) {
        let message = "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16.";
        return Err(invalid("max_output_tokens", message));
    }
    let Words { text, used, cut } = words(deployment, limit);
    let status = if cut { "incomplete" } else { "completed" };
    let id = derived_id(&format!("response:{}", request.id)).simple();
    Ok(Reply::json(
        200,
        &json!({
            "id": format!("resp_{id}"),
            "object": "response",
            "created_at": world.now.as_second(),
            "status": status,
            "incomplete_details": cut.then(|| json!({"reason": "max_output_tokens"})),
            "model": DeployedModel::of(deployment).shown(),
            "output": [{
                "id": format!("msg_{id}"),
                "type": "message",
                "status": status,
                "role": "assistant",
                "content": [{"type": "output_text", "text": text, "annotations": []}],
            }],
            "store": false,
            "usage": {"input_tokens": input, "output_tokens": used, "total_tokens": input + used},
        }),
    ))
}

/// `messages`, in the form of Anthropic's API: <https://docs.anthropic.com/en/api/messages>.
pub(crate) fn message(
    request: &Request,
    deployment: &Child,
    body: &Map<String, Value>,
) -> Result<Reply, Reply> {
    let wrong = |message: &str| {
        let error = json!({"type": "invalid_request_error", "message": message});
        Reply::json(400, &json!({"type": "error", "error": error}))
    };
    if request.header("anthropic-version").is_none() {
        return Err(wrong("anthropic-version: header is required"));
    }
    if body.get("stream") == Some(&Value::Bool(true)) {
        return Err(wrong("This sandbox does not stream: leave out `stream`."));
    }
    let limit = body.get("max_tokens").and_then(Value::as_u64).filter(|limit| *limit > 0);
    let Some(limit) = limit else { return Err(wrong("max_tokens: Field required")) };
    let messages = body.get("messages").and_then(Value::as_array).filter(|messages| !messages.is_empty());
    let Some(messages) = messages else { return Err(wrong("messages: at least one message is required")) };
    let Words { text, used, cut } = words(deployment, Some(limit));
    let prompt: usize = messages.iter().map(|message| tokens(message.get("content"))).sum();
    Ok(Reply::json(
        200,
        &json!({
            "id": format!("msg_{}", derived_id(&format!("message:{}", request.id)).simple()),
            "type": "message",
            "role": "assistant",
            "model": DeployedModel::of(deployment).shown(),
            "content": [{"type": "text", "text": text}],
            "stop_reason": if cut { "max_tokens" } else { "end_turn" },
            "stop_sequence": null,
            "usage": {"input_tokens": prompt, "output_tokens": used},
        }),
    ))
}

/// Counts tokens: about four letters each; a list of tokens has its length.
fn tokens(content: Option<&Value>) -> usize {
    match content {
        Some(Value::String(text)) => text.chars().count().div_ceil(4),
        Some(Value::Array(parts)) if parts.iter().all(Value::is_number) => parts.len(),
        Some(Value::Array(parts)) => parts.iter().map(|part| tokens(part.get("text"))).sum(),
        _ => 0,
    }
}

/// `embeddings`.
pub(crate) fn embeddings(model: &DeployedModel, body: &Map<String, Value>) -> Result<Reply, Reply> {
    let inputs: Vec<&Value> = match body.get("input") {
        Some(Value::Array(items)) if !items.iter().all(Value::is_number) => items.iter().collect(),
        Some(one @ (Value::String(_) | Value::Array(_))) => vec![one],
        _ => Vec::new(),
    };
    let usable = |input: &&Value| match input {
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty() && items.iter().all(Value::is_number),
        _ => false,
    };
    if inputs.is_empty() || inputs.len() > INPUTS || !inputs.iter().all(usable) {
        return Err(invalid(
            "input",
            "'input' must be a text, or a list of 1 to 2048 texts, none of them empty.",
        ));
    }
    let dimensions = match body.get("dimensions") {
        None | Some(Value::Null) => model.dimensions(),
        Some(wanted) => wanted
            .as_u64()
            .and_then(|wanted| usize::try_from(wanted).ok())
            .filter(|wanted| (1..=model.dimensions()).contains(wanted))
            .ok_or_else(|| invalid("dimensions", "'dimensions' must be between 1 and what the model has."))?,
    };
    let base64 = body.get("encoding_format").and_then(Value::as_str) == Some("base64");
    let shown = |(index, input): (usize, &&Value)| {
        let vector = vector(&input.to_string(), dimensions);
        let embedding = if base64 {
            let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
            json!(STANDARD.encode(bytes))
        } else {
            json!(vector)
        };
        json!({"object": "embedding", "index": index, "embedding": embedding})
    };
    let used: usize = inputs.iter().map(|input| tokens(Some(input)).max(1)).sum();
    Ok(Reply::json(
        200,
        &json!({
            "object": "list",
            "data": inputs.iter().enumerate().map(shown).collect::<Vec<_>>(),
            "model": model.shown(),
            "usage": {"prompt_tokens": used, "total_tokens": used},
        }),
    ))
}

/// A unit vector derived from a text.
fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let mut numbers: Vec<f32> = Vec::with_capacity(dimensions);
    let mut block = 0_u32;
    while numbers.len() < dimensions {
        let digest = Sha256::new().chain_update(text.as_bytes()).chain_update(block.to_le_bytes()).finalize();
        numbers.extend(digest.iter().map(|byte| f32::from(*byte) - 127.5));
        block += 1;
    }
    numbers.truncate(dimensions);
    let length = numbers.iter().map(|number| number * number).sum::<f32>().sqrt();
    numbers.iter().map(|number| number / length).collect()
}

/// `models/info`.
pub(crate) fn info(deployment: &Child) -> Reply {
    let model = DeployedModel::of(deployment);
    let embeds = catalog::find("AIServices", model.format, model.name)
        .is_some_and(|known| known.task == Task::Embeddings);
    Reply::json(
        200,
        &json!({
            "model_name": model.name,
            "model_type": if embeds { "embeddings" } else { "chat-completion" },
            "model_provider_name": model.format,
        }),
    )
}

/// `deployments` of a project: all of its account.
pub(crate) fn deployments(children: &[&Child]) -> Reply {
    let shown = |child: &&Child| {
        let model = DeployedModel::of(child);
        let known = catalog::find("AIServices", model.format, model.name);
        let capabilities: Map<String, Value> = known
            .map_or(&[][..], catalog::Model::capabilities)
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        json!({
            "name": child.name,
            "type": "ModelDeployment",
            "modelName": model.name,
            "modelVersion": model.version,
            "modelPublisher": model.format,
            "capabilities": capabilities,
            "sku": child.sku,
        })
    };
    Reply::json(200, &json!({"value": children.iter().map(shown).collect::<Vec<_>>()}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_have_length_one_and_follow_from_the_text() {
        let one = vector("a", 1536);
        let length: f32 = one.iter().map(|number| number * number).sum();
        assert!((length - 1.0).abs() < 1e-4, "{length}");
        assert_eq!((one.len(), &one), (1536, &vector("a", 1536)));
        assert_ne!(one, vector("b", 1536));
    }
}

//! The requests to an account's data plane, and their URLs. Pure.

use serde_json::{Value, json};
use url::Url;

use crate::arm::auth::cloud::{Cloud, takes_data_tokens};
use crate::body::{AccountBody, DeploymentBody, FOUNDRY, INFERENCE, OPENAI, endpoint_of};
use crate::rbac::{self, Task};

/// The kind of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    /// A call of a model.
    Model(Ask),
    /// A list of a project's deployments, which costs nothing.
    Project,
    /// Any request with a random key instead of a token.
    Keys,
}

/// The cheapest request to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ask {
    /// The shortest chat.
    Chat,
    /// One word to embed.
    Embeddings,
    /// The shortest response, for models without chat completions.
    Responses,
    /// The shortest message, for Anthropic models.
    Message,
}

impl Call {
    /// Whether its token is for Foundry (`https://ai.azure.com`); for messages: <https://github.com/Azure-Samples/claude/issues/40>.
    #[must_use]
    pub(crate) fn is_for_foundry(self) -> bool {
        matches!(self, Call::Project | Call::Model(Ask::Message))
    }
}

/// A deployment as ARM shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LiveDeployment {
    pub name: String,
    /// The model's publisher: `OpenAI`, `Mistral AI`.
    pub format: String,
    /// The request to send; `None` if none is known without cost or side effects.
    pub ask: Option<Ask>,
}

impl Ask {
    /// The request for a model with this task; `None` if none is known without cost or side effects.
    fn of(task: Task) -> Option<Self> {
        match task {
            Task::Chat => Some(Self::Chat),
            Task::Embeddings => Some(Self::Embeddings),
            Task::Responses => Some(Self::Responses),
            Task::Messages => Some(Self::Message),
            Task::Completions | Task::Images | Task::Audio | Task::Realtime | Task::Video => None,
        }
    }
}

impl LiveDeployment {
    /// Parses a deployment in ARM shape: its capabilities show what the model does.
    #[must_use]
    pub(crate) fn of(body: &Value) -> Option<Self> {
        let name = name(body)?;
        let format = DeploymentBody::of(body).format().unwrap_or_default().to_owned();
        let ask = rbac::shown(body).into_iter().find_map(Ask::of);
        Some(Self { name, format, ask })
    }
}

/// The name of a deployment or project, which the service writes after the account's.
pub(super) fn name(body: &Value) -> Option<String> {
    Some(body["name"].as_str()?.rsplit('/').next()?.to_owned())
}

/// A request to the data plane.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Probe {
    /// Its kind.
    pub call: Call,
    /// Where it goes.
    pub url: Url,
    /// The body; `None` for a GET.
    pub body: Option<Value>,
}

/// The location of an account's data plane.
#[derive(Debug, Clone)]
pub(crate) enum DataPlane {
    /// At the hosts in ARM's answers, below the cloud's suffixes.
    Cloud(Cloud),
    /// At the origin of a sandbox, below `_data/SUBDOMAIN`.
    Beside(Url),
}

/// The api-version of the list of models; everything else is below `/openai/v1`, which has none.
/// <https://learn.microsoft.com/azure/ai-services/openai/api-version-deprecation>
const OPENAI_VERSION: &str = "2024-10-21";
/// <https://learn.microsoft.com/azure/foundry/reference/rest/deployments-list>.
const FOUNDRY_VERSION: &str = "v1";

/// The smallest limit of an answer's tokens.
const FEWEST: u32 = 1;
/// Reasoning models need some tokens before their first word; responses accept no lower limit.
const FEW: u32 = 16;

/// The smallest request to a deployment, by its name.
pub(crate) fn model(account: &Value, name: &str, ask: Ask, place: &DataPlane) -> Result<Probe, String> {
    const WORDS: &str = "Say yes.";
    let messages = json!([{"role": "user", "content": WORDS}]);
    let (api, path, body) = match ask {
        Ask::Chat => {
            (OPENAI, "openai/v1/chat/completions", json!({"messages": messages, "max_tokens": FEWEST}))
        }
        Ask::Embeddings => (OPENAI, "openai/v1/embeddings", json!({"input": ["yes"]})),
        // Not stored by the service.
        Ask::Responses => {
            (OPENAI, "openai/v1/responses", json!({"input": WORDS, "max_output_tokens": FEW, "store": false}))
        }
        Ask::Message => {
            (INFERENCE, "anthropic/v1/messages", json!({"messages": messages, "max_tokens": FEWEST}))
        }
    };
    let mut body = body;
    body["model"] = json!(name);
    let url = extended(&base(account, api, place)?, path.split('/'))?;
    Ok(Probe { call: Call::Model(ask), url, body: Some(body) })
}

/// The request to a project: the list of its deployments, which requires the data action
/// `Microsoft.CognitiveServices/accounts/AIServices/deployments/read`.
pub(crate) fn project(account: &Value, project: &Value, place: &DataPlane) -> Result<Probe, String> {
    let shown = endpoint_of(project, FOUNDRY).ok_or("Azure does not show its endpoint")?;
    let base = own(account, shown, place)?;
    let mut url = match place {
        DataPlane::Cloud(_) => extended(&base, ["deployments"].into_iter())?,
        DataPlane::Beside(_) => {
            let name = name(project).unwrap_or_default();
            extended(&base, ["api", "projects", &name, "deployments"].into_iter())?
        }
    };
    url.query_pairs_mut().clear().append_pair("api-version", FOUNDRY_VERSION);
    Ok(Probe { call: Call::Project, url, body: None })
}

/// The same request for models that require another name for the limit, if the answer says so.
#[must_use]
pub(crate) fn renamed_limit(probe: &Probe, answer: &Value) -> Option<Probe> {
    let message = answer["error"]["message"].as_str()?;
    let mut body = probe.body.clone().filter(|_| message.contains("max_completion_tokens"))?;
    body.as_object_mut()?.remove("max_tokens")?;
    body["max_completion_tokens"] = json!(FEW);
    Some(Probe { body: Some(body), ..probe.clone() })
}

/// The request that shows whether keys are checked: a list that costs nothing.
pub(crate) fn keys(account: &Value, place: &DataPlane) -> Result<Probe, String> {
    let mut url = extended(&base(account, OPENAI, place)?, ["openai", "models"].into_iter())?;
    url.query_pairs_mut().append_pair("api-version", OPENAI_VERSION);
    Ok(Probe { call: Call::Keys, url, body: None })
}

fn extended<'a>(base: &Url, segments: impl Iterator<Item = &'a str>) -> Result<Url, String> {
    let mut url = base.clone();
    let refused = || format!("`{base}` is not a URL that requests can be sent to");
    url.path_segments_mut().map_err(|()| refused())?.pop_if_empty().extend(segments);
    Ok(url)
}

/// The account's own endpoint for an API, if it may receive a token.
fn base(account: &Value, api: &str, place: &DataPlane) -> Result<Url, String> {
    let shown = endpoint_of(account, api).or_else(|| AccountBody::of(account).endpoint());
    own(account, shown.ok_or("Azure does not show its endpoint")?, place)
}

/// A URL from ARM, if it is at the account's own host; or the account's URL in a sandbox.
fn own(account: &Value, shown: &str, place: &DataPlane) -> Result<Url, String> {
    let subdomain = AccountBody::of(account).subdomain().unwrap_or_default();
    let url = Url::parse(shown).map_err(|_| format!("`{shown}` is not a URL"))?;
    match place {
        DataPlane::Beside(origin) => extended(origin, ["_data", subdomain].into_iter()),
        DataPlane::Cloud(cloud) => {
            let own = url.host_str().and_then(|host| host.split('.').next());
            if !takes_data_tokens(*cloud, &url) {
                return Err(format!(
                    "`{shown}` is not a host of Azure AI in this cloud: nothing was sent there"
                ));
            }
            if own.is_none_or(|own| !own.eq_ignore_ascii_case(subdomain)) {
                return Err(format!(
                    "`{shown}` is not below the account's own subdomain: nothing was sent there"
                ));
            }
            Ok(url)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(endpoint: &str) -> Value {
        json!({"properties": {"customSubDomainName": "chat", "endpoint": endpoint}})
    }

    #[test]
    fn each_model_is_asked_at_the_api_that_takes_it() {
        let body = json!({"properties": {"customSubDomainName": "chat", "endpoints": {
            OPENAI: "https://chat.openai.azure.com/", INFERENCE: "https://chat.services.ai.azure.com/",
        }}});
        for (ask, url, limit) in [
            (Ask::Chat, "https://chat.openai.azure.com/openai/v1/chat/completions", "max_tokens"),
            (Ask::Embeddings, "https://chat.openai.azure.com/openai/v1/embeddings", "input"),
            (Ask::Responses, "https://chat.openai.azure.com/openai/v1/responses", "max_output_tokens"),
            (Ask::Message, "https://chat.services.ai.azure.com/anthropic/v1/messages", "max_tokens"),
        ] {
            let probe = model(&body, "gpt 4", ask, &DataPlane::Cloud(Cloud::Public)).unwrap();
            let sent = probe.body.unwrap();
            assert_eq!((probe.url.as_str(), &sent["model"]), (url, &json!("gpt 4")));
            assert!(!sent[limit].is_null(), "{sent}");
        }
    }

    #[test]
    fn a_token_goes_to_the_accounts_own_host_and_to_no_other() {
        let at = |endpoint: &str| keys(&account(endpoint), &DataPlane::Cloud(Cloud::Public));
        assert!(at("https://chat.cognitiveservices.azure.com/").is_ok());
        assert!(at("https://CHAT.cognitiveservices.azure.com/").is_ok());
        for endpoint in [
            "https://eastus2.api.cognitive.microsoft.com/",
            "https://other.cognitiveservices.azure.com/",
            "https://chat.cognitiveservices.azure.us/",
            "https://chat.cognitiveservices.azure.com.evil.example/",
            "http://chat.cognitiveservices.azure.com/",
            "https://chat.cognitiveservices.azure.com:444/",
            "https://user@chat.cognitiveservices.azure.com/",
            "not a url",
        ] {
            assert!(at(endpoint).is_err(), "{endpoint}");
        }
        let origin = Url::parse("http://127.0.0.1:8080/").unwrap();
        let probe = keys(&account("https://evil.example/"), &DataPlane::Beside(origin)).unwrap();
        assert!(
            probe.url.as_str().starts_with("http://127.0.0.1:8080/_data/chat/openai/models?"),
            "{probe:?}"
        );
    }

    #[test]
    fn a_project_is_asked_for_its_deployments_at_the_endpoint_that_azure_shows() {
        let body = account("https://chat.cognitiveservices.azure.com/");
        let at = |endpoint: &str, place: &DataPlane| {
            let shown = json!({"name": "chat/team", "properties": {"endpoints": {FOUNDRY: endpoint}}});
            project(&body, &shown, place).map(|probe| probe.url.to_string())
        };
        let cloud = DataPlane::Cloud(Cloud::Public);
        let expected = "https://chat.services.ai.azure.com/api/projects/team/deployments?api-version=v1";
        for endpoint in [
            "https://chat.services.ai.azure.com/api/projects/team",
            "https://chat.services.ai.azure.com/api/projects/team/?a=b",
        ] {
            assert_eq!(at(endpoint, &cloud).unwrap(), expected, "{endpoint}");
        }
        for endpoint in [
            "https://other.services.ai.azure.com/api/projects/team",
            "https://chat.services.ai.azure.com.evil.example/api/projects/team",
            "http://chat.services.ai.azure.com/api/projects/team",
        ] {
            assert!(at(endpoint, &cloud).is_err(), "{endpoint}");
        }
        let beside = DataPlane::Beside(Url::parse("http://127.0.0.1:8080/").unwrap());
        assert_eq!(
            at("https://chat.services.ai.azure.com/api/projects/team", &beside).unwrap(),
            "http://127.0.0.1:8080/_data/chat/api/projects/team/deployments?api-version=v1"
        );
        assert!(project(&body, &json!({"name": "chat/team", "properties": {}}), &cloud).is_err());
    }

    #[test]
    fn a_model_that_wants_the_other_name_of_the_limit_is_asked_once_more() {
        let body = json!({"properties": {"customSubDomainName": "chat", "endpoint": "https://chat.openai.azure.com/"}});
        let cloud = DataPlane::Cloud(Cloud::Public);
        let probe = model(&body, "o", Ask::Chat, &cloud).unwrap();
        let answer = json!({"error": {"code": "unsupported_parameter", "message":
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."}});
        let again = renamed_limit(&probe, &answer).unwrap();
        assert_eq!(again.body.as_ref().unwrap()["max_completion_tokens"], 16);
        assert_eq!(renamed_limit(&again, &answer), None, "not for ever");
        assert_eq!(renamed_limit(&probe, &json!({"error": {"message": "another"}})), None);
    }

    #[test]
    fn capabilities_say_what_a_model_can_be_asked() {
        let (openai, other) = ("OpenAI", "Mistral AI");
        for (format, capabilities, ask) in [
            (openai, json!({"chatCompletion": "true", "responses": "true"}), Some(Ask::Chat)),
            (other, json!({"chatCompletion": "true", "embeddings": "false"}), Some(Ask::Chat)),
            (openai, json!({"embeddings": "true"}), Some(Ask::Embeddings)),
            (openai, json!({"responses": "true"}), Some(Ask::Responses)),
            ("anthropic", json!({"chatCompletion": "true"}), Some(Ask::Message)),
            ("Anthropic", Value::Null, Some(Ask::Message)),
            (openai, json!({"imageGenerations": "true"}), None),
            (openai, json!({"chatCompletion": "true", "realtime": "true"}), None),
            (other, Value::Null, None),
        ] {
            let body = json!({"name": "chat/m", "properties": {"capabilities": capabilities, "model": {"format": format}}});
            let found = LiveDeployment::of(&body).unwrap();
            assert_eq!((found.name.as_str(), found.ask), ("m", ask), "{format} {capabilities}");
        }
    }
}

//! Model calls: the data actions that they require, and which calls a deployed model supports.
//!
//! Pure; one table for two questions. Whether a role may allow calling some model is answered broadly, with `CALLS`: anything that opens a
//! model counts. Whether it allows calling what is deployed in an account is answered narrowly, with `calls_of`: what is uncertain does not
//! count. `verify` calls models by the same table (`shown`).
//!
//! Names of data actions come from <https://learn.microsoft.com/azure/role-based-access-control/permissions/ai-machine-learning> and the
//! built-in roles; which call requires which action comes from Azure's errors ("lacks the required data action ... to perform ...").

use serde_json::Value;

use super::Role;
use crate::body::DeploymentBody;

const CHAT: &str = "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action";
const EMBEDDINGS: &str = "Microsoft.CognitiveServices/accounts/OpenAI/deployments/embeddings/action";
const RESPONSES: &str = "Microsoft.CognitiveServices/accounts/OpenAI/responses/write";
const COMPLETIONS: &str = "Microsoft.CognitiveServices/accounts/OpenAI/deployments/completions/action";
const IMAGES: &str = "Microsoft.CognitiveServices/accounts/OpenAI/images/generations/action";
const AUDIO: &str = "Microsoft.CognitiveServices/accounts/OpenAI/deployments/audio/action";
const REALTIME: &str = "Microsoft.CognitiveServices/accounts/OpenAI/deployments/realtime/action";
/// No list contains the actions below: the pattern is from the built-in roles.
const VIDEO: &str = "Microsoft.CognitiveServices/accounts/OpenAI/video/generations/*/action";
const MAAS_CHAT: &str = "Microsoft.CognitiveServices/accounts/MaaS/chat/completions/action";
const MAAS_EMBEDDINGS: &str = "Microsoft.CognitiveServices/accounts/MaaS/embeddings/action";
const MAAS_IMAGES: &str = "Microsoft.CognitiveServices/accounts/MaaS/images/generations/action";
/// The documented requirement for models of other publishers:
/// <https://learn.microsoft.com/azure/foundry/foundry-models/how-to/configure-entra-id>.
const MAAS: &str = "Microsoft.CognitiveServices/accounts/MaaS/*";
/// The requirement of `POST /anthropic/v1/*` according to Azure's error: <https://learn.microsoft.com/answers/questions/5889342>.
const PROVIDERS: &str = "Microsoft.CognitiveServices/accounts/AIServices/providers/action";

/// Actions that roles for model callers permit, and that conditions name in practice.
pub const USUAL: [&str; 3] = [CHAT, EMBEDDINGS, MAAS_CHAT];

/// Every data action that calls a model.
pub const CALLS: [&str; 22] = [
    CHAT,
    EMBEDDINGS,
    MAAS_CHAT,
    RESPONSES,
    COMPLETIONS,
    IMAGES,
    AUDIO,
    REALTIME,
    VIDEO,
    "Microsoft.CognitiveServices/accounts/OpenAI/deployments/extensions/chat/completions/action",
    "Microsoft.CognitiveServices/accounts/OpenAI/deployments/search/action",
    "Microsoft.CognitiveServices/accounts/OpenAI/engines/completions/action",
    "Microsoft.CognitiveServices/accounts/OpenAI/engines/generate/action",
    "Microsoft.CognitiveServices/accounts/OpenAI/engines/search/action",
    "Microsoft.CognitiveServices/accounts/OpenAI/assistants/threads/runs/write",
    "Microsoft.CognitiveServices/accounts/OpenAI/batch-jobs/write",
    MAAS_EMBEDDINGS,
    MAAS_IMAGES,
    "Microsoft.CognitiveServices/accounts/MaaS/images/embeddings/action",
    MAAS,
    PROVIDERS,
    // `POST /api/projects/{project}/openai/*`: https://github.com/microsoft-foundry/foundry-samples/issues/692.
    "Microsoft.CognitiveServices/accounts/AIServices/agents/write",
];

/// A way to call a model: its caller certainly has access with all of these data actions, and perhaps with one.
pub type CallActions = &'static [&'static str];

/// What a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Chat completions.
    Chat,
    /// Embeddings of texts.
    Embeddings,
    /// Responses; some models support nothing else.
    Responses,
    /// Legacy completions.
    Completions,
    /// Pictures.
    Images,
    /// Transcripts and speech.
    Audio,
    /// Conversations over a socket.
    Realtime,
    /// Films.
    Video,
    /// Messages, at the route for Anthropic models.
    Messages,
}

/// The capabilities in ARM that show what a model does, cheapest to call first.
const CAPABILITIES: [(&str, Task); 7] = [
    ("chatCompletion", Task::Chat),
    ("embeddings", Task::Embeddings),
    ("responses", Task::Responses),
    ("completion", Task::Completions),
    ("imageGenerations", Task::Images),
    ("audio", Task::Audio),
    ("realtime", Task::Realtime),
];

/// Parts of names of OpenAI models that do not chat, used before ARM shows capabilities; all others chat.
/// <https://learn.microsoft.com/azure/foundry/foundry-models/concepts/models-sold-directly-by-azure>
const NAMES: [(&str, Task); 16] = [
    ("embedding", Task::Embeddings),
    ("codex", Task::Responses),
    ("-pro", Task::Responses),
    ("deep-research", Task::Responses),
    ("computer-use", Task::Responses),
    ("realtime", Task::Realtime),
    ("dall-e", Task::Images),
    ("image", Task::Images),
    ("whisper", Task::Audio),
    ("transcribe", Task::Audio),
    ("tts", Task::Audio),
    ("sora", Task::Video),
    ("instruct", Task::Completions),
    ("davinci", Task::Completions),
    ("babbage", Task::Completions),
    ("curie", Task::Completions),
];

/// The same for models of other publishers, which chat by default.
const NAMES_OF_OTHERS: [(&str, Task); 3] =
    [("embed", Task::Embeddings), ("image", Task::Images), ("flux", Task::Images)];

impl Task {
    /// The ways to call a model that does this; one of them is enough.
    fn calls(self, is_openai: bool) -> &'static [CallActions] {
        match (self, is_openai) {
            (Self::Chat, true) => &[&[CHAT]],
            // `/openai/v1` and `/models` both serve models of other publishers, and only for the second the data action is documented.
            (Self::Chat, false) => &[&[MAAS_CHAT], &[CHAT, MAAS_CHAT]],
            (Self::Embeddings, true) => &[&[EMBEDDINGS]],
            (Self::Embeddings, false) => &[&[MAAS_EMBEDDINGS], &[EMBEDDINGS, MAAS_EMBEDDINGS]],
            (Self::Responses, _) => &[&[RESPONSES]],
            (Self::Completions, _) => &[&[COMPLETIONS]],
            (Self::Images, true) => &[&[IMAGES]],
            (Self::Audio, true) => &[&[AUDIO]],
            (Self::Realtime, _) => &[&[REALTIME]],
            (Self::Video, _) => &[&[VIDEO]],
            // Which of the two it is depends on the model, and is not documented.
            (Self::Images, false) => &[&[IMAGES, MAAS_IMAGES]],
            (Self::Audio, false) => &[&[AUDIO, MAAS]],
            // Documentation (https://github.com/Azure-Samples/claude/pull/41) and the service's answers disagree, so both are required for
            // certainty.
            (Self::Messages, _) => &[&[MAAS, PROVIDERS]],
        }
    }
}

/// What a model does according to ARM's body of its deployment; empty if it shows nothing.
#[must_use]
pub fn shown(deployment: &Value) -> Vec<Task> {
    let deployment = DeploymentBody::of(deployment);
    if deployment.is_by("Anthropic") {
        return vec![Task::Messages];
    }
    let shown = CAPABILITIES.iter().filter(|(name, _)| deployment.can(name));
    let mut tasks: Vec<Task> = shown.map(|(_, task)| *task).collect();
    // Such a model also shows chat, but supports no chat completions.
    if tasks.contains(&Task::Realtime) {
        tasks.retain(|task| *task == Task::Realtime);
    }
    tasks
}

/// The ways to call a deployed model; one of them is enough. ARM shows what a model does only once it exists; before that, or if it shows
/// nothing, the model's name decides. `was` is the deployment before, which may have had another model.
#[must_use]
pub fn calls_of(deployment: &Value, was: Option<&Value>) -> Vec<CallActions> {
    let mut tasks = shown(deployment);
    let deployment = DeploymentBody::of(deployment);
    let is_openai = deployment.is_by("OpenAI");
    let model = |of: DeploymentBody<'_>| (of.format().map(str::to_owned), of.model().map(str::to_owned));
    let is_other = was.is_some_and(|was| model(DeploymentBody::of(was)) != model(deployment));
    if tasks.is_empty() || (is_other && tasks != [Task::Messages]) {
        tasks = vec![named(deployment, is_openai)];
    }
    tasks.iter().flat_map(|task| task.calls(is_openai)).copied().collect()
}

fn named(deployment: DeploymentBody<'_>, is_openai: bool) -> Task {
    let name = deployment.model().unwrap_or_default().to_ascii_lowercase();
    let names: &[(&str, Task)] = if is_openai { &NAMES } else { &NAMES_OF_OTHERS };
    names.iter().find(|(part, _)| name.contains(part)).map_or(Task::Chat, |(_, task)| *task)
}

/// Whose models: what a call takes depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Publisher {
    /// OpenAI.
    OpenAi,
    /// Anthropic: Claude.
    Anthropic,
    /// All others, such as Mistral AI, Meta, `DeepSeek`.
    Others,
}

/// How many of a publisher's models a role lets somebody call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Opened {
    /// None.
    None,
    /// Some at most, and that is not certain.
    Perhaps,
    /// Some kinds of models certainly, such as those that chat, but not all.
    Some,
    /// All that there are.
    All,
}

impl Publisher {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::OpenAi, Self::Anthropic, Self::Others];

    /// What its models do.
    fn tasks(self) -> &'static [Task] {
        match self {
            Self::OpenAi => &[
                Task::Chat,
                Task::Embeddings,
                Task::Responses,
                Task::Completions,
                Task::Images,
                Task::Audio,
                Task::Realtime,
                Task::Video,
            ],
            Self::Anthropic => &[Task::Messages],
            Self::Others => &[Task::Chat, Task::Embeddings, Task::Images],
        }
    }
}

impl Role {
    /// How many of a publisher's models it lets somebody call.
    #[must_use]
    pub fn reaches(&self, publisher: Publisher) -> Opened {
        let calls = |task: &Task| task.calls(publisher == Publisher::OpenAi);
        let certainly = |task: &&Task| calls(task).iter().any(|call| self.can_call(call));
        let perhaps = |task: &Task| calls(task).iter().any(|call| self.may_call(call));
        let tasks = publisher.tasks();
        match tasks.iter().filter(certainly).count() {
            0 if tasks.iter().any(perhaps) => Opened::Perhaps,
            0 => Opened::None,
            all if all == tasks.len() => Opened::All,
            _ => Opened::Some,
        }
    }

    /// Whether it may allow calling some model with a token.
    #[must_use]
    pub fn gives_inference(&self) -> bool {
        *self.inference.get_or_init(|| CALLS.iter().any(|action| self.can_on_data(action)))
    }

    /// Whether it allows the calls that most models support.
    #[must_use]
    pub fn gives_usual_inference(&self) -> bool {
        USUAL.iter().any(|action| self.can_on_data(action))
    }

    /// Whether it allows each of those calls.
    #[must_use]
    pub fn gives_all_usual_inference(&self) -> bool {
        USUAL.iter().all(|action| self.can_on_data(action))
    }

    /// Whether it is a role for calling models, as services assign it, without a right that allows privilege escalation. Narrower than
    /// `gives_inference`: this asks whether the role is harmless.
    #[must_use]
    pub fn is_inference_only(&self) -> bool {
        self.gives_usual_inference() && !self.is_guarded()
    }

    /// Whether it certainly permits a call.
    #[must_use]
    pub fn can_call(&self, call: CallActions) -> bool {
        call.iter().all(|action| self.can_on_data(action))
    }

    /// Whether it may permit a call.
    #[must_use]
    pub fn may_call(&self, call: CallActions) -> bool {
        call.iter().any(|action| self.can_on_data(action))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::rbac::{Catalogue, builtin, by_name};

    fn role(data_actions: &Value) -> Role {
        let id = "/providers/Microsoft.Authorization/roleDefinitions/00000000-0000-4000-8000-000000000001";
        let body = json!({"id": id, "properties": {"roleName": "one", "permissions": [{"dataActions": data_actions}]}});
        let id = Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0001);
        Catalogue::of([body].iter()).by_id(id).expect("the role was just put in").clone()
    }

    fn deployment(format: &str, name: &str, capabilities: &Value) -> Value {
        json!({"properties": {"model": {"format": format, "name": name}, "capabilities": capabilities}})
    }

    /// Whether a role certainly, perhaps, or not at all allows calling a deployed model.
    fn lets(role: &Role, deployment: &Value) -> &'static str {
        let calls = calls_of(deployment, None);
        match (calls.iter().any(|call| role.can_call(call)), calls.iter().any(|call| role.may_call(call))) {
            (true, _) => "yes",
            (_, true) => "perhaps",
            _ => "no",
        }
    }

    #[test]
    fn every_data_action_of_openai_user_that_calls_a_model_opens_one() {
        let user = by_name("Cognitive Services OpenAI User").unwrap();
        let listed = user.permissions.iter().flat_map(|permission| &permission.data_actions);
        for pattern in listed.filter(|pattern| !pattern.ends_with("/read") && !pattern.ends_with("/delete")) {
            assert!(role(&json!([pattern])).gives_inference(), "{pattern}");
        }
    }

    #[test]
    fn what_only_reads_or_serves_something_else_opens_no_model() {
        let accounts = "Microsoft.CognitiveServices/accounts";
        for (actions, opens) in [
            (json!([format!("{accounts}/OpenAI/*/read"), format!("{accounts}/*/delete")]), false),
            (json!([format!("{accounts}/SpeechServices/*"), format!("{accounts}/ContentSafety/*")]), false),
            (json!([format!("{accounts}/AIServices/agents/read")]), false),
            (json!([format!("{accounts}/OpenAI/responses/read")]), false),
            (json!([format!("{accounts}/OpenAI/responses/*")]), true),
            (json!([format!("{accounts}/MaaS/*")]), true),
            (json!([format!("{accounts}/AIServices/*")]), true),
            (json!(["*"]), true),
        ] {
            assert_eq!(role(&actions).gives_inference(), opens, "{actions}");
        }
        let only_broadly = builtin().filter(|role| role.gives_inference() && !role.gives_usual_inference());
        assert_eq!(only_broadly.map(|role| role.name.as_str()).collect::<Vec<_>>(), Vec::<&str>::new());
        // Harmlessness is judged narrowly.
        assert!(!role(&json!([format!("{accounts}/AIServices/agents/write")])).is_inference_only());
        assert!(!role(&json!([format!("{accounts}/OpenAI/responses/*")])).is_inference_only());
        assert!(role(&json!([format!("{accounts}/OpenAI/deployments/chat/*")])).is_inference_only());
    }

    #[test]
    fn a_role_lets_somebody_call_the_models_that_take_what_it_permits() {
        let openai = |name: &str, can: &Value| deployment("OpenAI", name, can);
        let (chats, none) = (json!({"chatCompletion": "true"}), Value::Null);
        let only = |action: &str| role(&json!([format!("Microsoft.CognitiveServices/accounts/{action}")]));
        let (chat, responses) =
            (only("OpenAI/deployments/chat/completions/action"), only("OpenAI/responses/*"));
        let (maas, embed) = (only("MaaS/*"), only("OpenAI/deployments/embeddings/action"));
        let user = by_name("Cognitive Services OpenAI User").unwrap();
        for (role, model, expected) in [
            (&chat, openai("gpt-4o", &chats), "yes"),
            (&chat, openai("gpt-4o", &none), "yes"),
            (&chat, openai("gpt-5-codex", &json!({"responses": "true"})), "no"),
            (&chat, openai("gpt-5.1-codex-mini", &none), "no"),
            (&chat, openai("o3-pro", &json!({})), "no"),
            (
                &chat,
                openai("gpt-4o-realtime-preview", &json!({"chatCompletion": "true", "realtime": "true"})),
                "no",
            ),
            (&chat, openai("gpt-image-1", &none), "no"),
            (&chat, openai("text-embedding-3-small", &none), "no"),
            (&chat, deployment("Meta", "Llama-3.3-70B-Instruct", &none), "perhaps"),
            (&chat, deployment("DeepSeek", "DeepSeek-V4-Pro", &none), "perhaps"),
            (&maas, deployment("DeepSeek", "DeepSeek-V4-Pro", &none), "yes"),
            (&responses, openai("gpt-5-codex", &json!({"responses": "true"})), "yes"),
            (&responses, openai("gpt-5-codex", &none), "yes"),
            (&responses, openai("gpt-4o", &json!({"chatCompletion": "true", "responses": "true"})), "yes"),
            (&responses, openai("gpt-4o", &chats), "no"),
            (&embed, openai("text-embedding-3-small", &none), "yes"),
            (&embed, deployment("Cohere", "Cohere-embed-v3-english", &none), "perhaps"),
            (&embed, deployment("Mistral AI", "Mistral-large-2407", &chats), "no"),
            (&maas, deployment("Mistral AI", "Mistral-large-2407", &chats), "yes"),
            (&maas, openai("gpt-4o", &chats), "no"),
            (&maas, deployment("Anthropic", "claude-sonnet-4-5", &chats), "perhaps"),
            (&maas, deployment("Black Forest Labs", "FLUX-1.1-pro", &none), "perhaps"),
        ] {
            assert_eq!(lets(role, &model), expected, "{:?} {model}", role.permissions);
        }
        let ordinary = [
            openai("gpt-4o", &none),
            openai("gpt-5-codex", &none),
            openai("text-embedding-3-small", &none),
            openai("dall-e-3", &none),
            openai("whisper", &none),
            openai("gpt-realtime", &none),
            openai("sora", &none),
            openai("gpt-35-turbo-instruct", &none),
            deployment("xAI", "grok-3", &none),
        ];
        for model in &ordinary {
            for name in [
                "Cognitive Services OpenAI User",
                "Cognitive Services User",
                "Foundry User",
                "Azure AI Developer",
            ] {
                let is_sure = name != "Cognitive Services OpenAI User"
                    || model["properties"]["model"]["format"] == "OpenAI";
                let expected = if is_sure { "yes" } else { "perhaps" };
                assert_eq!(lets(by_name(name).unwrap(), model), expected, "{name} {model}");
            }
        }
        let claude = deployment("anthropic", "claude-sonnet-4-5", &none);
        for (name, expected) in
            [("Cognitive Services User", "yes"), ("Foundry User", "yes"), ("Azure AI Developer", "perhaps")]
        {
            assert_eq!(lets(by_name(name).unwrap(), &claude), expected, "{name}");
        }
        assert_eq!(lets(user, &claude), "no");
        let reached = |name: &str| Publisher::ALL.map(|publisher| by_name(name).unwrap().reaches(publisher));
        assert_eq!(reached("Cognitive Services User"), [Opened::All; 3]);
        assert_eq!(reached("Cognitive Services OpenAI User"), [Opened::All, Opened::None, Opened::Perhaps]);
        assert_eq!(reached("Azure AI Developer"), [Opened::All, Opened::Perhaps, Opened::All]);
        assert_eq!(reached("Reader"), [Opened::None; 3]);
        assert_eq!(
            Publisher::ALL.map(|publisher| chat.reaches(publisher)),
            [Opened::Some, Opened::None, Opened::Perhaps]
        );
        // A deployment's capabilities describe the model that the plan replaces.
        let (was, now) = (openai("gpt-4o", &chats), openai("gpt-5-codex", &chats));
        assert_eq!(calls_of(&now, Some(&was)), [&[RESPONSES]]);
        assert_eq!(calls_of(&now, Some(&now)), [&[CHAT]]);
        let now = deployment("Anthropic", "claude-sonnet-4-5", &chats);
        assert_eq!(calls_of(&now, Some(&was)), [&[MAAS, PROVIDERS]]);
    }
}

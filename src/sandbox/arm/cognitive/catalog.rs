//! The models that can be deployed, as data: names, versions, SKUs, and where a SKU is not available.
//!
//! A selection of Azure's catalogue. A region's real list changes by the week; docs/sandbox.md says
//! what is ours. Pure.

/// What a model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Chat,
    Embeddings,
    /// The responses API, another route to models that chat.
    Responses,
    /// A legacy API: such models can be deployed, but the sandbox's data plane does not answer for them.
    Completion,
    /// Anthropic's own API.
    Messages,
}

/// A model in all its versions.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) format: &'static str,
    pub(crate) name: &'static str,
    /// The last one is the default.
    pub(crate) versions: &'static [&'static str],
    pub(crate) task: Task,
    pub(crate) skus: &'static [&'static str],
}

const ALL: &[&str] = &[
    "GlobalStandard",
    "Standard",
    "DataZoneStandard",
    "GlobalBatch",
    "ProvisionedManaged",
    "GlobalProvisionedManaged",
    "DataZoneProvisionedManaged",
];
const GLOBAL: &[&str] = &["GlobalStandard"];
const REGIONAL: &[&str] = &["Standard"];
const BOTH: &[&str] = &["GlobalStandard", "Standard"];
const OPENAI: &str = "OpenAI";
/// The publisher whose models take `modelProviderData`.
pub(super) const ANTHROPIC: &str = "Anthropic";

const fn openai(
    name: &'static str,
    versions: &'static [&'static str],
    task: Task,
    skus: &'static [&'static str],
) -> Model {
    Model { format: OPENAI, name, versions, task, skus }
}

const fn partner(
    format: &'static str,
    name: &'static str,
    versions: &'static [&'static str],
    task: Task,
) -> Model {
    Model { format, name, versions, task, skus: GLOBAL }
}

static MODELS: &[Model] = &[
    openai("ada", &["1"], Task::Completion, REGIONAL),
    openai("gpt-35-turbo", &["0613", "1106", "0125"], Task::Chat, REGIONAL),
    openai("gpt-4", &["0613", "1106-Preview", "turbo-2024-04-09"], Task::Chat, ALL),
    openai("gpt-4o", &["2024-05-13", "2024-08-06", "2024-11-20"], Task::Chat, ALL),
    openai("gpt-4o-mini", &["2024-07-18"], Task::Chat, ALL),
    openai("gpt-4.1", &["2025-04-14"], Task::Chat, ALL),
    openai("gpt-4.1-mini", &["2025-04-14"], Task::Chat, ALL),
    openai("gpt-4.1-nano", &["2025-04-14"], Task::Chat, ALL),
    openai("gpt-5", &["2025-08-07"], Task::Chat, ALL),
    openai("gpt-5-mini", &["2025-08-07"], Task::Chat, ALL),
    openai("gpt-5-nano", &["2025-08-07"], Task::Chat, ALL),
    openai("gpt-5.4", &["2026-03-05"], Task::Chat, ALL),
    openai("gpt-5.4-mini", &["2026-03-17"], Task::Chat, ALL),
    // It makes images, for which the sandbox's data plane does not answer.
    openai("gpt-image-1.5", &["2025-12-16"], Task::Completion, ALL),
    openai("o3-mini", &["2025-01-31"], Task::Chat, ALL),
    openai("o4-mini", &["2025-04-16"], Task::Chat, ALL),
    openai("text-embedding-ada-002", &["1", "2"], Task::Embeddings, BOTH),
    openai("text-embedding-3-small", &["1"], Task::Embeddings, BOTH),
    openai("text-embedding-3-large", &["1"], Task::Embeddings, BOTH),
    partner("Mistral AI", "Mistral-large-2407", &["1"], Task::Chat),
    partner("Mistral AI", "Mistral-Large-2411", &["1", "2"], Task::Chat),
    partner("Mistral AI", "mistral-small-2503", &["1"], Task::Chat),
    partner("Mistral AI", "Mistral-Nemo", &["1"], Task::Chat),
    partner("Mistral AI", "Ministral-3B", &["1"], Task::Chat),
    partner("Meta", "Meta-Llama-3.1-405B-Instruct", &["1"], Task::Chat),
    partner("Meta", "Llama-3.3-70B-Instruct", &["1", "2", "3", "4", "5"], Task::Chat),
    partner("Meta", "Llama-4-Maverick-17B-128E-Instruct-FP8", &["1"], Task::Chat),
    partner("Microsoft", "Phi-3.5-mini-instruct", &["1", "2", "3", "4", "5", "6"], Task::Chat),
    partner("Microsoft", "Phi-4", &["2", "3", "4", "5", "6", "7"], Task::Chat),
    partner("Microsoft", "Phi-4-mini-instruct", &["1"], Task::Chat),
    partner("Microsoft", "MAI-DS-R1", &["1"], Task::Chat),
    partner("DeepSeek", "DeepSeek-R1", &["1"], Task::Chat),
    partner("DeepSeek", "DeepSeek-V3-0324", &["1"], Task::Chat),
    partner("xAI", "grok-3", &["1"], Task::Chat),
    partner("xAI", "grok-3-mini", &["1"], Task::Chat),
    partner(ANTHROPIC, "claude-sonnet-4-5", &["20250929"], Task::Messages),
    partner(ANTHROPIC, "claude-sonnet-4-6", &["1"], Task::Messages),
    partner(ANTHROPIC, "claude-opus-4-6", &["1"], Task::Messages),
    partner("AI21 Labs", "AI21-Jamba-1.5-Large", &["1"], Task::Chat),
    partner("Cohere", "cohere-command-a", &["1"], Task::Chat),
    partner("Cohere", "Cohere-embed-v3-english", &["1"], Task::Embeddings),
    partner("Cohere", "Cohere-embed-v3-multilingual", &["1"], Task::Embeddings),
];

/// Combinations of SKU, model and region that Azure refused, each with its report.
const NOT_THERE: &[(&str, &str, &str)] = &[
    // https://github.com/microsoft/microsoft-foundry-for-vscode/issues/644
    ("Standard", "gpt-4.1", "australiaeast"),
    // https://github.com/Azure-Samples/get-started-with-ai-chat/issues/42
    ("Standard", "text-embedding-3-small", "swedencentral"),
];

/// Default retirement date of a model.
const ENDS: &str = "2028-01-01T00:00:00Z";
/// Models and versions that were retired under one SKU, each with its report.
const ENDED: &[(&str, &str, &str, &str)] = &[
    // https://github.com/Azure/azure-dev/issues/7534
    ("gpt-4o-mini", "2024-07-18", "Standard", "2026-03-31T00:00:00Z"),
];

impl Model {
    /// When a version is retired, under a SKU or altogether.
    pub(crate) fn ends(&self, version: &str, sku: Option<&str>) -> &'static str {
        let ended = ENDED
            .iter()
            .find(|(name, ended, under, _)| *name == self.name && *ended == version && Some(*under) == sku);
        ended.map_or(ENDS, |(.., end)| end)
    }

    /// The SKU in the service's own casing, if the model has it anywhere.
    pub(crate) fn sku(&self, name: &str) -> Option<&'static str> {
        self.skus.iter().find(|known| known.eq_ignore_ascii_case(name)).copied()
    }

    /// Whether a region has the model under a SKU.
    pub(super) fn is_in(&self, sku: &str, location: &str) -> bool {
        let location = location.replace(' ', "").to_lowercase();
        !NOT_THERE.contains(&(sku, self.name, &location))
    }

    /// The default version of a deployment.
    pub(super) fn default_version(&self) -> &'static str {
        self.versions.last().copied().unwrap_or_default()
    }

    /// Name and value of the capability that a deployment shows.
    pub(crate) fn capabilities(&self) -> &'static [(&'static str, &'static str)] {
        match self.task {
            Task::Chat => &[("chatCompletion", "true")],
            Task::Embeddings => &[("embeddings", "true"), ("embeddingsMaxInputs", "2048")],
            // No recorded list of models shows one.
            Task::Responses | Task::Messages => &[],
            Task::Completion => &[("completion", "true")],
        }
    }
}

/// A model by its format and name, if an account of that kind can have it.
pub(crate) fn find(kind: &str, format: &str, name: &str) -> Option<&'static Model> {
    of_kind(kind)
        .find(|model| model.format.eq_ignore_ascii_case(format) && model.name.eq_ignore_ascii_case(name))
}

/// Models that an account of that kind can have.
pub(super) fn of_kind(kind: &str) -> impl Iterator<Item = &'static Model> {
    let (all, some) = (kind.eq_ignore_ascii_case("AIServices"), kind.eq_ignore_ascii_case(OPENAI));
    MODELS.iter().filter(move |model| all || (some && model.format == OPENAI))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_model_is_named_once_and_has_versions_and_skus() {
        let mut names: Vec<(&str, &str)> = MODELS.iter().map(|model| (model.format, model.name)).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(MODELS.iter().all(|model| !model.versions.is_empty() && !model.skus.is_empty()));
        for (sku, name, _) in NOT_THERE {
            assert!(MODELS.iter().any(|model| model.name == *name && model.sku(sku).is_some()), "{name}");
        }
    }

    #[test]
    fn accounts_of_kind_openai_have_openai_models_only() {
        assert!(find("AIServices", "mistral ai", "mistral-large-2407").is_some());
        assert!(find("OpenAI", "Mistral AI", "Mistral-large-2407").is_none());
        assert!(find("OpenAI", "OpenAI", "GPT-4o").is_some());
        assert!(find("FormRecognizer", "OpenAI", "gpt-4o").is_none());
    }
}

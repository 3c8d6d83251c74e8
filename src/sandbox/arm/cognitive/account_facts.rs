//! What the service knows about each kind of account: endpoints, capabilities, rate limits.
//!
//! These are the read-only parts that make a body of kind AIServices 40 KB. They stand for the
//! real ones in size and shape, not in every word; docs/sandbox.md says so. Pure, written once.

use std::sync::OnceLock;

use serde_json::json;

use crate::sandbox::http::{ObjectText, to_json};

/// Kinds whose writes complete before the answer.
const IMMEDIATE: &[&str] = &["SpeechServices", "QnAMaker"];

/// Read-only facts about one kind.
#[derive(Debug)]
pub(super) struct Facts {
    pub(crate) kind: &'static str,
    /// Host suffix of the account's main endpoint, if it has a subdomain.
    suffix: &'static str,
    /// Endpoint name and host suffix.
    endpoints: &'static [(&'static str, &'static str)],
    /// Names of what it can do.
    capabilities: &'static [&'static str],
    /// Family of paths, and the collections in it.
    limits: &'static [(&'static str, &'static [&'static str])],
}

const COMMON: &str = "cognitiveservices.azure.com";
const OPENAI: &str = "openai.azure.com";
const FOUNDRY: &str = "services.ai.azure.com";

static KINDS: &[Facts] = &[
    Facts {
        kind: "AIServices",
        suffix: COMMON,
        endpoints: &[
            ("AI Foundry API", FOUNDRY),
            ("Azure AI Model Inference API", FOUNDRY),
            ("Content Understanding", FOUNDRY),
            ("OpenAI Language Model Instance API", OPENAI),
            ("OpenAI Model Scaleset API", OPENAI),
            ("OpenAI Dall-E API", OPENAI),
            ("OpenAI Whisper API", OPENAI),
            ("OpenAI Realtime API", OPENAI),
            ("OpenAI Moderations API", OPENAI),
            ("OpenAI Sora API", OPENAI),
            ("Computer Vision", COMMON),
            ("Content Safety", COMMON),
            ("Custom Vision Prediction", COMMON),
            ("Custom Vision Training", COMMON),
            ("Face", COMMON),
            ("FormRecognizer", COMMON),
            ("Language", COMMON),
            ("Text Analytics", COMMON),
            ("TextTranslation", COMMON),
            ("DocumentTranslation", COMMON),
            ("Speech Services Speech to Text", COMMON),
            ("Speech Services Custom Voice", COMMON),
            ("Speech Services Batch Synthesis", COMMON),
            ("Speech Services Video Translation", COMMON),
            ("Speech Services Audio Content Creation", COMMON),
            ("Unified Speech", COMMON),
            ("Token", COMMON),
            ("Container", COMMON),
        ],
        capabilities: &[
            "DynamicThrottling",
            "VirtualNetworks",
            "NetworkSecurityPerimeter",
            "CustomerManagedKey",
            "CustomerManagedStorage",
            "TrustedServices",
            "EnableRLSForThrottling",
            "MaxFineTuneCount",
            "MaxRunningFineTuneCount",
            "MaxUserFileCount",
            "MaxTrainingFileSize",
            "MaxUserFileImportDurationInHours",
            "MaxFineTuneJobDurationInHours",
            "RaiMonitor",
            "Container",
        ],
        limits: &[
            (
                "openai",
                &[
                    "completions",
                    "chat/completions",
                    "embeddings",
                    "images",
                    "audio",
                    "realtime",
                    "responses",
                    "assistants",
                    "threads",
                    "vector_stores",
                    "files",
                    "fine_tuning/jobs",
                    "batches",
                ],
            ),
            (
                "formrecognizer",
                &[
                    "documentModels",
                    "documentClassifiers",
                    "custom/models",
                    "prebuilt/invoice",
                    "prebuilt/receipt",
                    "prebuilt/idDocument",
                    "layout",
                    "read",
                    "operations",
                ],
            ),
            (
                "language",
                &[
                    "query-text",
                    "analyze-text/jobs",
                    "analyze-conversations/jobs",
                    "authoring/projects",
                    "query-knowledgebases",
                ],
            ),
            ("vision", &["analyze", "read", "models", "datasets", "retrieval/indexes", "planogram"]),
            (
                "face",
                &[
                    "detect",
                    "identify",
                    "verify",
                    "persongroups",
                    "largepersongroups",
                    "facelists",
                    "sessions",
                ],
            ),
            ("contentsafety", &["text/blocklists", "text", "image", "groundedness", "shieldPrompt"]),
            (
                "speechtotext",
                &["transcriptions", "models", "datasets", "evaluations", "endpoints", "projects", "webhooks"],
            ),
            ("customvoice", &["projects", "consents", "personalvoices", "endpoints"]),
            ("translator", &["translate", "document/batches", "transliterate", "detect", "dictionary"]),
            ("customvision", &["training/projects", "prediction", "iterations"]),
            ("contentunderstanding", &["analyzers", "classifiers", "labelingProjects"]),
            ("models", &["chat/completions", "embeddings", "images/embeddings", "info"]),
        ],
    },
    Facts {
        kind: "OpenAI",
        suffix: OPENAI,
        endpoints: &[
            ("OpenAI Language Model Instance API", OPENAI),
            ("OpenAI Dall-E API", OPENAI),
            ("OpenAI Whisper API", OPENAI),
        ],
        capabilities: &[
            "VirtualNetworks",
            "CustomerManagedKey",
            "MaxFineTuneCount",
            "MaxUserFileCount",
            "RaiMonitor",
        ],
        limits: &[("openai", &["completions", "chat/completions", "embeddings"])],
    },
    Facts {
        kind: "FormRecognizer",
        suffix: COMMON,
        endpoints: &[("FormRecognizer", COMMON), ("Container", COMMON)],
        capabilities: &["DynamicThrottling", "VirtualNetworks", "CustomerManagedKey", "Container"],
        limits: &[(
            "formrecognizer",
            &["documentModels", "documentClassifiers", "custom/models", "layout", "read"],
        )],
    },
    Facts {
        kind: "TextAnalytics",
        suffix: COMMON,
        endpoints: &[
            ("Text Analytics", COMMON),
            ("Language", COMMON),
            ("QuestionAnswering", COMMON),
            ("Container", COMMON),
        ],
        capabilities: &[
            "DynamicThrottling",
            "VirtualNetworks",
            "CustomerManagedKey",
            "CustomerManagedStorage",
            "Container",
        ],
        limits: &[(
            "language",
            &["query-text", "analyze-text/jobs", "analyze-conversations/jobs", "authoring/projects"],
        )],
    },
    Facts {
        kind: "SpeechServices",
        suffix: COMMON,
        endpoints: &[
            ("Speech Services Speech to Text", COMMON),
            ("Unified Speech", COMMON),
            ("Container", COMMON),
        ],
        capabilities: &["VirtualNetworks", "CustomerManagedKey", "CustomerManagedStorage", "Container"],
        limits: &[("speechtotext", &["transcriptions", "models", "datasets"])],
    },
    Facts {
        kind: "ContentSafety",
        suffix: COMMON,
        endpoints: &[("Content Safety", COMMON), ("Container", COMMON)],
        capabilities: &["VirtualNetworks", "CustomerManagedKey"],
        limits: &[("contentsafety", &["text/blocklists", "text", "image"])],
    },
    Facts {
        kind: "ComputerVision",
        suffix: COMMON,
        endpoints: &[("Computer Vision", COMMON), ("Container", COMMON)],
        capabilities: &[
            "DynamicThrottling",
            "VirtualNetworks",
            "NetworkSecurityPerimeter",
            "CustomerManagedStorage",
        ],
        limits: &[("vision", &["analyze", "read", "models"])],
    },
    simple("CognitiveServices"),
    simple("Face"),
    simple("CustomVision.Training"),
    simple("CustomVision.Prediction"),
    simple("TextTranslation"),
    simple("LUIS"),
    simple("LUIS.Authoring"),
    simple("QnAMaker"),
    simple("QnAMaker.v2"),
    simple("ImmersiveReader"),
    simple("Personalizer"),
    simple("AnomalyDetector"),
    simple("MetricsAdvisor"),
    simple("HealthInsights"),
    simple("ConversationalLanguageUnderstanding"),
    simple("ContentModerator"),
    simple("Emotion"),
];

const fn simple(kind: &'static str) -> Facts {
    Facts {
        kind,
        suffix: COMMON,
        endpoints: &[("Container", COMMON)],
        capabilities: &["VirtualNetworks"],
        limits: &[("container.billing", &["billing"])],
    }
}

/// JSON text of the parts that are the same in every account of a kind.
struct Texts {
    capabilities: String,
    call_rate_limit: String,
}

/// The texts of each kind, written when an account of the kind is first shown.
static TEXTS: [OnceLock<Texts>; KINDS.len()] = [const { OnceLock::new() }; KINDS.len()];

/// Facts of a kind; kinds compare without case.
pub(crate) fn of(kind: &str) -> Option<&'static Facts> {
    KINDS.iter().find(|facts| facts.kind.eq_ignore_ascii_case(kind))
}

/// Names of all kinds.
pub(super) fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|facts| facts.kind)
}

/// Whether writes of this kind complete at once, without a long-running operation.
pub(super) fn is_immediate(kind: &str) -> bool {
    IMMEDIATE.iter().any(|known| known.eq_ignore_ascii_case(kind))
}

impl Facts {
    fn texts(&self) -> Option<&'static Texts> {
        let written = TEXTS.get(KINDS.iter().position(|facts| facts.kind == self.kind)?)?;
        Some(written.get_or_init(|| Texts {
            capabilities: capabilities(self),
            call_rate_limit: call_rate_limit(self),
        }))
    }

    /// The account's main endpoint.
    pub(crate) fn endpoint(&self, subdomain: Option<&str>, location: &str) -> String {
        let address = address(self.suffix, subdomain, location);
        // Speech shows its token service when it has no subdomain.
        let token =
            if self.kind == "SpeechServices" && subdomain.is_none() { "sts/v1.0/issuetoken" } else { "" };
        format!("{address}{token}")
    }

    /// Adds the read-only maps to a body.
    pub(super) fn write_limits(&self, body: &mut ObjectText) {
        if let Some(texts) = self.texts() {
            body.raw("callRateLimit", &texts.call_rate_limit);
        }
    }

    /// Adds `capabilities` and `endpoints` to a body.
    pub(super) fn write_capabilities(&self, body: &mut ObjectText, subdomain: Option<&str>, location: &str) {
        if let Some(texts) = self.texts() {
            body.raw("capabilities", &texts.capabilities);
        }
        let mut endpoints = ObjectText::new();
        for (name, suffix) in self.endpoints {
            endpoints.field(name, &address(suffix, subdomain, location));
        }
        body.raw("endpoints", &endpoints.end());
    }
}

fn address(suffix: &str, subdomain: Option<&str>, location: &str) -> String {
    match subdomain {
        Some(name) => format!("https://{}.{suffix}/", name.to_lowercase()),
        None => {
            format!("https://{}.api.cognitive.microsoft.com/", location.replace(' ', "").to_lowercase())
        }
    }
}

fn capabilities(facts: &Facts) -> String {
    let entries: Vec<_> = facts
        .capabilities
        .iter()
        .map(|name| match *name {
            "Container" => {
                let values: Vec<String> =
                    facts.limits.iter().map(|(family, _)| format!("{family}.*")).collect();
                json!({"name": name, "value": values.join(",")})
            }
            name if name.starts_with("Max") => json!({"name": name, "value": "100"}),
            name => json!({"name": name}),
        })
        .collect();
    to_json(&entries)
}

fn call_rate_limit(facts: &Facts) -> String {
    let rule = |count: u32, throttled: &str, key: &str, patterns: [String; 3]| {
        format!(
            r#"{{"count":{count},{throttled}"key":"{key}","matchPatterns":[{}],"renewalPeriod":1}}"#,
            patterns.join(",")
        )
    };
    let mut rules = Vec::new();
    for (family, collections) in facts.limits {
        for collection in *collections {
            let pattern = |rest: &str, method: &str| {
                format!(r#"{{"method":"{method}","path":"{family}/{collection}{rest}"}}"#)
            };
            let key = format!("{family}.{}", collection.replace('/', "."));
            let writes = [pattern("", "POST"), pattern("/{id}", "PUT"), pattern("/{id}", "DELETE")];
            let reads =
                [pattern("", "GET"), pattern("/{id}", "GET"), pattern("/{id}/results/{resultId}", "GET")];
            rules.push(rule(15, r#""dynamicThrottlingEnabled":true,"#, &format!("{key}.write"), writes));
            rules.push(rule(50, "", &format!("{key}.read"), reads));
        }
    }
    format!(r#"{{"rules":[{}]}}"#, rules.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ai_services_account_has_about_40_kb_of_read_only_facts() {
        let mut body = ObjectText::new();
        let facts = of("aiservices").unwrap();
        facts.write_limits(&mut body);
        facts.write_capabilities(&mut body, Some("Chat"), "eastus");
        let text = body.end();
        assert!((34_000..44_000).contains(&text.len()), "{}", text.len());
        assert!(text.contains("\"AI Foundry API\":\"https://chat.services.ai.azure.com/\""));
    }

    #[test]
    fn without_a_subdomain_the_endpoint_is_the_regions() {
        assert_eq!(
            of("Face").unwrap().endpoint(None, "West Europe"),
            "https://westeurope.api.cognitive.microsoft.com/"
        );
    }
}

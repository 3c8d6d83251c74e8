//! What clients of an account call, by the account's kind: models, or a service with data actions of its own (Speech, Language, Vision).
//!
//! Pure. Data actions of a service stand below `Microsoft.CognitiveServices/accounts/AREA/`:
//! <https://learn.microsoft.com/azure/role-based-access-control/permissions/ai-machine-learning>. Which of them a client needs depends on
//! what it does, so every one that does more than read or delete counts.

use super::{Permission, Role, by_name, matches};

const PROVIDER: &str = "Microsoft.CognitiveServices/";
const ACCOUNTS: &str = "Microsoft.CognitiveServices/accounts/";

/// A service that is no model.
#[derive(Debug, PartialEq, Eq)]
pub struct Service {
    kinds: &'static [&'static str],
    /// Where its data actions are; none means any.
    areas: &'static [&'static str],
    /// The built-in role for those who only call it, beside *Cognitive Services User*.
    role: Option<&'static str>,
}

/// Kinds without a row, such as the one for several services, may be called with the data actions of any.
const ANY: Service = Service { kinds: &[], areas: &[], role: None };

const SERVICES: &[Service] = &[
    Service {
        kinds: &["SpeechServices"],
        areas: &[
            "SpeechServices",
            "CustomVoice",
            "AudioContentCreation",
            "TTSPlayer",
            "VideoTranslation",
            "CustomAvatar",
            "BatchAvatar",
            "BatchTextToSpeech",
        ],
        role: Some("Cognitive Services Speech User"),
    },
    Service {
        kinds: &["TextAnalytics", "ConversationalLanguageUnderstanding", "LanguageAuthoring"],
        areas: &["Language", "TextAnalytics", "ConversationalLanguageUnderstanding", "LanguageAuthoring"],
        role: Some("Cognitive Services Language Reader"),
    },
    Service {
        kinds: &["CustomVision.Prediction"],
        areas: &["CustomVision"],
        role: Some("Cognitive Services Custom Vision Deployment"),
    },
    Service {
        kinds: &["CustomVision.Training"],
        areas: &["CustomVision"],
        role: Some("Cognitive Services Custom Vision Trainer"),
    },
    Service { kinds: &["ComputerVision"], areas: &["ComputerVision"], role: None },
    Service { kinds: &["Face"], areas: &["Face"], role: Some("Cognitive Services Face Recognizer") },
    Service { kinds: &["FormRecognizer"], areas: &["FormRecognizer"], role: None },
    Service { kinds: &["ContentSafety"], areas: &["ContentSafety"], role: None },
    Service { kinds: &["ContentModerator"], areas: &["ContentModerator"], role: None },
    Service { kinds: &["TextTranslation"], areas: &["TextTranslation"], role: None },
    Service {
        kinds: &["ImmersiveReader"],
        areas: &["ImmersiveReader"],
        role: Some("Cognitive Services Immersive Reader User"),
    },
    Service { kinds: &["LUIS", "LUIS.Authoring"], areas: &["LUIS"], role: None },
    Service {
        kinds: &["MetricsAdvisor"],
        areas: &["MetricsAdvisor"],
        role: Some("Cognitive Services Metrics Advisor User"),
    },
    Service {
        kinds: &["QnAMaker", "QnAMaker.v2"],
        areas: &["QnAMaker", "QnAMaker.v2"],
        role: Some("Cognitive Services QnA Maker Reader"),
    },
];

/// Whether accounts of a kind serve models.
#[must_use]
pub fn serves_models(kind: &str) -> bool {
    ["AIServices", "OpenAI"].iter().any(|each| each.eq_ignore_ascii_case(kind))
}

/// The service of an account that serves no models. Without a kind it is taken for one that does.
#[must_use]
pub fn service(kind: Option<&str>) -> Option<&'static Service> {
    let kind = kind.filter(|kind| !serves_models(kind))?;
    let is_it = |service: &&Service| service.kinds.iter().any(|each| each.eq_ignore_ascii_case(kind));
    Some(SERVICES.iter().find(is_it).unwrap_or(&ANY))
}

impl Service {
    /// The built-in roles for those who call it.
    pub fn roles(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once("Cognitive Services User").chain(self.role)
    }

    /// Whether a role certainly lets somebody make any of its calls: one of its own roles, or all data actions of its areas.
    #[must_use]
    pub fn is_covered_by(&self, role: &Role) -> bool {
        let is_own = |name: &str| by_name(name).is_some_and(|own| own.id == role.id);
        // For services of any area: everything below all accounts.
        let areas = if self.areas.is_empty() { &[""] } else { self.areas };
        let has_all = |permission: &Permission, area: &str| {
            let all = [
                format!("{ACCOUNTS}{area}/*"),
                format!("{ACCOUNTS}*"),
                format!("{PROVIDER}*"),
                "*".to_owned(),
            ];
            permission.data_actions.iter().any(|had| all.iter().any(|all| had.eq_ignore_ascii_case(all)))
        };
        // What is excluded may be what a client needs.
        let covers = |permission: &&Permission| {
            permission.not_data_actions.is_empty() && areas.iter().all(|area| has_all(permission, area))
        };
        self.roles().any(is_own) || role.permissions.iter().any(|permission| covers(&permission))
    }

    /// Whether a data action or pattern of a role is one of its calls.
    fn takes(&self, permission: &Permission, pattern: &str) -> bool {
        let lower = pattern.to_ascii_lowercase();
        if lower.ends_with("/read") || lower.ends_with("/delete") {
            return false;
        }
        let below = lower.strip_prefix(&ACCOUNTS.to_ascii_lowercase());
        let area = below.and_then(|below| below.split('/').next()).filter(|area| !area.contains('*'));
        match area {
            Some(area) => {
                let is_its =
                    self.areas.is_empty() || self.areas.iter().any(|own| own.eq_ignore_ascii_case(area));
                is_its && permission.allows_data(pattern)
            }
            None => {
                let areas = if self.areas.is_empty() { &["any"] } else { self.areas };
                areas.iter().any(|area| {
                    let call = format!("{ACCOUNTS}{area}/call/action");
                    matches(pattern, &call) && permission.allows_data(&call)
                })
            }
        }
    }
}

impl Role {
    /// Whether it may let somebody call what an account of a kind serves: some model, or the service of that kind.
    #[must_use]
    pub fn serves(&self, kind: Option<&str>) -> bool {
        service(kind).map_or_else(|| self.gives_inference(), |service| self.calls(service))
    }

    /// Whether it lets somebody call some service of accounts, or a model.
    #[must_use]
    pub fn serves_anything(&self) -> bool {
        self.gives_inference() || self.calls(&ANY)
    }

    fn calls(&self, service: &Service) -> bool {
        self.permissions.iter().any(|permission| {
            permission.data_actions.iter().any(|pattern| service.takes(permission, pattern))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_is_called_with_its_own_roles_and_with_those_for_all() {
        let kinds = [
            "SpeechServices",
            "TextAnalytics",
            "CustomVision.Prediction",
            "ComputerVision",
            "Face",
            "OpenAI",
        ];
        for (role, expected) in [
            ("Cognitive Services User", [true; 6]),
            ("Foundry User", [true; 6]),
            ("Cognitive Services Data Contributor (Preview)", [true; 6]),
            ("Cognitive Services Data Reader", [false; 6]),
            ("Reader", [false; 6]),
            ("Cognitive Services Contributor", [false; 6]),
            ("Cognitive Services Speech User", [true, false, false, false, false, false]),
            ("Cognitive Services Speech Contributor", [true, false, false, false, false, false]),
            ("Cognitive Services Language Reader", [false, true, false, false, false, false]),
            ("Cognitive Services Custom Vision Reader", [false, false, true, false, false, false]),
            ("Cognitive Services Face Recognizer", [false, false, false, false, true, false]),
            ("Azure AI Developer", [true, false, false, false, false, true]),
            ("Cognitive Services OpenAI User", [false, false, false, false, false, true]),
        ] {
            let role = by_name(role).unwrap();
            assert_eq!(kinds.map(|kind| role.serves(Some(kind))), expected, "{}", role.name);
            let several = role.serves(Some("CognitiveServices"));
            assert_eq!(several, expected.contains(&true), "{}", role.name);
            assert_eq!(role.serves(None), expected[5], "{}", role.name);
        }
        for service in SERVICES {
            for name in service.roles() {
                assert!(by_name(name).unwrap().calls(service), "{name} {service:?}");
            }
        }
    }

    #[test]
    fn only_a_services_own_roles_and_those_for_everything_are_certain() {
        for (kind, role, expected) in [
            ("SpeechServices", "Cognitive Services User", true),
            ("SpeechServices", "Cognitive Services Speech User", true),
            ("SpeechServices", "Cognitive Services Language Reader", false),
            ("LUIS", "Cognitive Services LUIS Reader", false),
            ("CustomVision.Prediction", "Cognitive Services Custom Vision Reader", false),
            ("CognitiveServices", "Cognitive Services User", true),
            ("CognitiveServices", "Cognitive Services Immersive Reader User", false),
            ("CognitiveServices", "Cognitive Services OpenAI User", false),
        ] {
            let found = service(Some(kind)).unwrap().is_covered_by(by_name(role).unwrap());
            assert_eq!(found, expected, "{role} on {kind}");
        }
    }
}

//! What an answer from the data plane proves, and what it does not.
//!
//! Pure: `(request, answer) -> Verdict`. Code and message decide, never the status alone: a missing role, a wrong key and a token with a
//! wrong audience are all a 401; a firewall and disabled keys are both a 403. Anything uncertain is inconclusive.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::probe::{Ask, Call};

/// The result of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answered {
    /// There was an answer.
    Answer {
        status: u16,
        /// The body; `None` if it is not JSON.
        body: Option<Value>,
    },
    /// The name of the host does not resolve.
    NoName {
        host: String,
        /// What the resolver said.
        why: String,
    },
    /// No connection, or it was interrupted.
    NoConnection(String),
    /// No answer in time.
    NoAnswer,
    /// There is no token to send.
    NoToken(String),
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Outcome")]
pub(crate) enum ProofResult {
    /// Confirmed.
    Proven,
    /// Refuted.
    Disproven,
    /// Could not be determined.
    Inconclusive,
    /// Cannot be shown without cost or side effects.
    Unprovable,
}

/// Why something is not proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reason {
    /// Firewall, private network or proxy: the account was not reached.
    Network,
    /// The name of the account's host does not resolve from here.
    Dns,
    /// The account has no subdomain, which tokens require.
    Subdomain,
    /// There is no token, or the account does not accept it.
    Token,
    /// The token is accepted, but its owner lacks the role.
    Role,
    /// Keys are checked.
    Key,
    /// A declared deployment or project does not exist.
    Absent,
    /// The deployment or its model.
    Model,
    /// Azure shows the project, but its endpoint does not know it.
    Project,
    /// Too many requests.
    Throttled,
    /// Azure fails, or the answer is not known.
    Service,
}

impl Reason {
    /// Its name.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Dns => "dns",
            Self::Subdomain => "subdomain",
            Self::Token => "token",
            Self::Role => "role",
            Self::Key => "key",
            Self::Absent => "absent",
            Self::Model => "model",
            Self::Project => "project",
            Self::Throttled => "throttled",
            Self::Service => "service",
        }
    }
}

/// The judgement of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub outcome: ProofResult,
    /// The reason, unless it is proven.
    pub reason: Option<Reason>,
    /// The message, as a fragment.
    pub message: String,
    /// What may still take effect and change it.
    pub awaits: Awaits,
}

/// What may still take effect: new grants, resources and writes take minutes to do so everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaits {
    /// Nothing: the verdict is final.
    Nothing,
    /// A role assignment.
    Grant,
    /// The deployment or project itself.
    Made,
    /// The account's own host name.
    Name,
    /// A write to the account.
    Write,
    /// The end of a failure or of throttling, independent of writes.
    Calm,
}

impl Judgement {
    fn proven(message: &str) -> Self {
        Self {
            outcome: ProofResult::Proven,
            reason: None,
            message: message.to_owned(),
            awaits: Awaits::Nothing,
        }
    }

    pub(super) fn disproven(reason: Reason, message: impl Into<String>) -> Self {
        let (outcome, message) = (ProofResult::Disproven, message.into());
        Self { outcome, reason: Some(reason), message, awaits: Awaits::Nothing }
    }

    /// Could not be determined.
    pub(super) fn inconclusive(reason: Reason, message: impl Into<String>) -> Self {
        let (outcome, message) = (ProofResult::Inconclusive, message.into());
        Self { outcome, reason: Some(reason), message, awaits: Awaits::Nothing }
    }

    /// A model without a harmless request: generating an image or transcribing audio is not harmless.
    pub(super) fn unprovable(format: &str) -> Self {
        let maker = if format.is_empty() { String::new() } else { format!(" of {format}") };
        let message = format!("this model{maker} has no known call without cost or side effects");
        Self {
            outcome: ProofResult::Unprovable,
            reason: Some(Reason::Model),
            message,
            awaits: Awaits::Nothing,
        }
    }

    /// A signal came before the answer.
    pub(super) fn interrupted() -> Self {
        let message = "interrupted before it answered".to_owned();
        Self { outcome: ProofResult::Inconclusive, reason: None, message, awaits: Awaits::Nothing }
    }

    fn awaiting(mut self, awaits: Awaits) -> Self {
        self.awaits = awaits;
        self
    }

    /// The verdict on keys, combined with ARM's setting. If ARM shows them disabled, the answer for a wrong key proves nothing: it is not
    /// documented whether Azure checks the key or the setting first.
    #[must_use]
    pub(crate) fn beside_arm(self, keys_off: bool) -> Self {
        if self.reason != Some(Reason::Key) {
            return self;
        }
        // While ARM shows them enabled, nothing in progress could disable them.
        if !keys_off {
            return self.awaiting(Awaits::Nothing);
        }
        // The answer says that keys are accepted, which this verdict denies.
        let answer = self.message.replacen(TAKEN, "", 1);
        let message = format!("keys are disabled in Azure, yet {answer}");
        Self::inconclusive(Reason::Key, message).awaiting(self.awaits)
    }
}

/// The account has no subdomain: Azure then accepts no tokens, so no request is needed.
#[must_use]
pub(crate) fn without_subdomain() -> Judgement {
    Judgement::disproven(
        Reason::Subdomain,
        "the account has no customSubDomainName, which Azure requires to accept tokens",
    )
}

/// What an answer proves.
#[must_use]
pub(crate) fn judge(call: Call, answered: &Answered) -> Judgement {
    let (status, body) = match answered {
        Answered::Answer { status, body } => (*status, body.as_ref()),
        Answered::NoName { host, why } => {
            return Judgement::inconclusive(Reason::Dns, format!("`{host}` does not resolve ({why})"))
                .awaiting(Awaits::Name);
        }
        Answered::NoConnection(why) => {
            return Judgement::inconclusive(Reason::Network, format!("no connection ({why})"));
        }
        Answered::NoAnswer => return Judgement::inconclusive(Reason::Network, "no answer in time"),
        Answered::NoToken(why) => return Judgement::inconclusive(Reason::Token, why.clone()),
    };
    if (300..400).contains(&status) {
        let message = format!(
            "{status}: a redirect, which keyless does not follow: something is in front of the account"
        );
        return Judgement::inconclusive(Reason::Network, message);
    }
    let Some(body) = body else {
        let message =
            format!("{status} without JSON: a proxy or gateway may have answered instead of the account");
        return Judgement::inconclusive(Reason::Network, message);
    };
    if (200..300).contains(&status) {
        return answered_well(call, status, body);
    }
    let said = ErrorWords::of(body);
    if call == Call::Keys {
        return keys(status, &said);
    }
    refused(call, status, &said)
}

/// Judges a success: only the expected form of answer counts.
fn answered_well(call: Call, status: u16, body: &Value) -> Judgement {
    let filled = |name: &str| body[name].as_array().is_some_and(|list| !list.is_empty());
    let named = |item: &Value| item["name"].is_string();
    let right = match call {
        Call::Model(Ask::Chat) => filled("choices"),
        Call::Model(Ask::Embeddings) => filled("data"),
        // The text may exceed the limit: it is enough that it started.
        Call::Model(Ask::Responses) => body["object"] == "response" && body["output"].is_array(),
        Call::Model(Ask::Message) => body["type"] == "message" && body["content"].is_array(),
        // A project without models lists none: https://learn.microsoft.com/azure/foundry/reference/rest/deployments-list.
        Call::Project => body["value"].as_array().is_some_and(|list| list.iter().all(named)),
        Call::Keys => {
            // Accepting a random key means that keys are not checked.
            let message = format!("{status}: the server did not check the key");
            return Judgement::inconclusive(Reason::Service, message);
        }
    };
    let who = if call == Call::Project { "project" } else { "model" };
    if right {
        return Judgement::proven(&format!("the {who} accepted the token"));
    }
    Judgement::inconclusive(Reason::Service, format!("{status}, but the answer does not come from a {who}"))
}

/// The code and message of an error.
struct ErrorWords {
    code: String,
    message: String,
}

impl ErrorWords {
    fn of(body: &Value) -> Self {
        // Some gateways omit the envelope.
        let error = if body["error"].is_object() { &body["error"] } else { body };
        let text = |name: &str| match &error[name] {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        Self { code: text("code"), message: text("message") }
    }

    fn is(&self, code: &str) -> bool {
        self.code.eq_ignore_ascii_case(code)
    }

    fn says(&self, words: &str) -> bool {
        self.message.to_ascii_lowercase().contains(words)
    }

    fn shown(&self, status: u16) -> String {
        let Self { code, message } = self;
        let message = message.trim_end_matches('.');
        match (code.is_empty() || *code == status.to_string(), message.is_empty()) {
            (true, true) => status.to_string(),
            (true, false) => format!("{status}: {message}"),
            (false, true) => format!("{status} {code}"),
            (false, false) => format!("{status} {code}: {message}"),
        }
    }
}

/// The errors of network rules and private endpoints, as a 403 with an unspecific code.
const FENCES: [&str; 4] = [
    // https://github.com/Azure-Samples/azure-sql-db-chatbot/issues/3
    "virtual network/firewall rules",
    // https://github.com/TabularEditor/TabularEditor3/issues/1557
    "public access is disabled",
    // https://github.com/continuedev/continue/issues/12547
    "a virtual network is configured for this resource",
    "private endpoint",
];

fn is_fence(status: u16, said: &ErrorWords) -> bool {
    status == 403 && FENCES.iter().any(|words| said.says(words))
}

/// What a check of a wrong key means, unless something contradicts it.
const TAKEN: &str = ", so the account accepts keys";

/// Judges the answer to a random key. Only one code proves that keys are disabled.
fn keys(status: u16, said: &ErrorWords) -> Judgement {
    let shown = said.shown(status);
    if said.is("AuthenticationTypeDisabled") {
        return Judgement::proven("keys are refused: AuthenticationTypeDisabled");
    }
    if is_fence(status, said) {
        return Judgement::inconclusive(Reason::Network, shown);
    }
    // A wrong key while keys are enabled: https://learn.microsoft.com/azure/ai-services/authentication.
    if status == 401 && said.says("invalid subscription key") {
        let message = format!("Azure checked the key{TAKEN} ({shown})");
        return Judgement::disproven(Reason::Key, message).awaiting(Awaits::Write);
    }
    passing_trouble(status, &shown).unwrap_or_else(|| Judgement::inconclusive(Reason::Service, shown))
}

/// Judges the refusal of a call with a token.
fn refused(call: Call, status: u16, said: &ErrorWords) -> Judgement {
    let shown = said.shown(status);
    if is_fence(status, said) {
        return Judgement::inconclusive(Reason::Network, shown);
    }
    // 401 or 403: https://github.com/microsoft/semantic-kernel/issues/10020.
    if matches!(status, 401 | 403) && said.is("PermissionDenied") {
        return Judgement::disproven(
            Reason::Role,
            format!("Azure accepted the token, but the caller has no role that permits the call ({shown})"),
        )
        .awaiting(Awaits::Grant);
    }
    // https://github.com/Azure/azure-sdk-for-net/issues/12789; the older text in #12813.
    if status == 400 && (said.says("custom subdomain") || said.says("provide an authentication key")) {
        return Judgement::disproven(Reason::Subdomain, shown);
    }
    if status == 401 && (said.says("access token is missing, invalid") || said.says("audience is incorrect"))
    {
        return Judgement::disproven(Reason::Token, format!("Azure did not accept the token ({shown})"));
    }
    // A new deployment takes some minutes, according to Azure.
    if said.is("DeploymentNotFound") {
        return Judgement::disproven(Reason::Model, shown).awaiting(Awaits::Made);
    }
    if said.is("unknown_model") || said.is("no_model_name") {
        return Judgement::disproven(Reason::Model, shown);
    }
    // https://github.com/microsoft/microsoft-foundry-for-vscode/issues/99, and for a new project
    // https://github.com/microsoft/agent-framework/issues/4117.
    if call == Call::Project
        && status == 404
        && (said.says("project does not exist") || said.says("project not found"))
    {
        return Judgement::disproven(
            Reason::Project,
            format!("the project's endpoint does not know it ({shown})"),
        )
        .awaiting(Awaits::Made);
    }
    if let Some(trouble) = passing_trouble(status, &shown) {
        return trouble;
    }
    // A model's objection to a request does not show who may call it. A paused deployment answers 423.
    if matches!(status, 400 | 423) {
        return Judgement::inconclusive(Reason::Model, shown);
    }
    if status == 404 {
        return Judgement::inconclusive(
            Reason::Service,
            format!("the endpoint does not know this request ({shown})"),
        );
    }
    Judgement::inconclusive(Reason::Service, shown)
}

fn passing_trouble(status: u16, shown: &str) -> Option<Judgement> {
    match status {
        429 => Some(Judgement::inconclusive(Reason::Throttled, shown).awaiting(Awaits::Calm)),
        408 | 500..=599 => Some(Judgement::inconclusive(Reason::Service, shown).awaiting(Awaits::Calm)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

//! What an answer of the data plane proves, and what it does not.
//!
//! Pure: `(what was asked, what came back) -> Verdict`. Code and message decide, never the status alone: a missing role, a wrong
//! key and a token for somebody else are all a 401, a firewall and keys that are off both a 403. Whatever is not known for
//! certain is inconclusive.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::probe::{Ask, Call};

/// What came of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answered {
    /// Someone answered.
    Answer {
        /// The status.
        status: u16,
        /// The body; nothing where it is no JSON.
        body: Option<Value>,
    },
    /// The name of the host does not resolve.
    NoName {
        /// The host.
        host: String,
        /// What the resolver said.
        why: String,
    },
    /// No connection, or it broke.
    NoConnection(String),
    /// No answer in time.
    NoAnswer,
    /// There is no token to send.
    NoToken(String),
}

/// What was found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is so.
    Proven,
    /// It is not so.
    Disproven,
    /// Nobody knows.
    Inconclusive,
    /// Nothing that does no harm would show it.
    Unprovable,
}

/// What stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// Firewall, private network, proxy: the account was not reached, or not from here.
    Network,
    /// The name of the account's host does not resolve from here.
    Dns,
    /// The account has no subdomain of its own, without which no token is taken.
    Subdomain,
    /// The token: none could be had, or it is not one that the account takes.
    Token,
    /// The token is taken, and its owner lacks the role.
    Role,
    /// Keys are looked at.
    Key,
    /// The spec declares a deployment or a project that is not there.
    Absent,
    /// The deployment or its model.
    Model,
    /// Azure shows the project, and its endpoint does not know it.
    Project,
    /// Too many requests.
    Throttled,
    /// Azure has a fault, or what answered is not known.
    Service,
}

impl Reason {
    /// It in a word.
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

/// A verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What was found out.
    pub outcome: Outcome,
    /// What stands in the way, unless it is proven.
    pub reason: Option<Reason>,
    /// In words, as a fragment.
    pub message: String,
    /// What could still arrive and change it.
    pub awaits: Awaits,
}

/// What could still arrive: whatever was just granted, made or written takes minutes to reach everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaits {
    /// Nothing: the verdict stands.
    Nothing,
    /// A role assignment.
    Grant,
    /// The deployment or project itself.
    Made,
    /// The account's own name.
    Name,
    /// A write to the account.
    Write,
    /// The end of a fault or of throttling, which has nothing to do with what was written.
    Calm,
}

impl Verdict {
    fn proven(message: &str) -> Self {
        Self { outcome: Outcome::Proven, reason: None, message: message.to_owned(), awaits: Awaits::Nothing }
    }

    pub(super) fn disproven(reason: Reason, message: impl Into<String>) -> Self {
        let (outcome, message) = (Outcome::Disproven, message.into());
        Self { outcome, reason: Some(reason), message, awaits: Awaits::Nothing }
    }

    /// Nobody knows.
    pub(super) fn inconclusive(reason: Reason, message: impl Into<String>) -> Self {
        let (outcome, message) = (Outcome::Inconclusive, message.into());
        Self { outcome, reason: Some(reason), message, awaits: Awaits::Nothing }
    }

    /// A model that no harmless question is known for: to make an image, or to hear a recording, is none.
    pub(super) fn unprovable(format: &str) -> Self {
        let maker = if format.is_empty() { String::new() } else { format!(" of {format}") };
        let message = format!(
            "no call without cost or side effects is known for what Azure shows of this model{maker}"
        );
        Self { outcome: Outcome::Unprovable, reason: Some(Reason::Model), message, awaits: Awaits::Nothing }
    }

    /// A signal came before there was an answer.
    pub(super) fn interrupted() -> Self {
        let message = "interrupted before it answered".to_owned();
        Self { outcome: Outcome::Inconclusive, reason: None, message, awaits: Awaits::Nothing }
    }

    fn awaiting(mut self, awaits: Awaits) -> Self {
        self.awaits = awaits;
        self
    }

    /// The verdict on keys beside what ARM shows of them. While keys are off there, the answer that a wrong key gets proves nothing: whether
    /// Azure looks at the key or at the setting first is nowhere documented.
    #[must_use]
    pub fn beside_arm(self, keys_off: bool) -> Self {
        if self.reason != Some(Reason::Key) {
            return self;
        }
        // While Azure itself shows them on, nothing is under way that could turn them off.
        if !keys_off {
            return self.awaiting(Awaits::Nothing);
        }
        // That keys are taken is what this verdict denies.
        let answer = self.message.replacen(TAKEN, "", 1);
        let message = format!("Azure shows that keys are off, yet {answer}");
        Self::inconclusive(Reason::Key, message).awaiting(self.awaits)
    }
}

/// The account has no subdomain: Azure takes no token then, and nothing needs to be sent to know it.
#[must_use]
pub fn without_subdomain() -> Verdict {
    Verdict::disproven(
        Reason::Subdomain,
        "the account has no customSubDomainName, without which Azure accepts no token",
    )
}

/// What an answer proves.
#[must_use]
pub fn judge(call: Call, answered: &Answered) -> Verdict {
    let (status, body) = match answered {
        Answered::Answer { status, body } => (*status, body.as_ref()),
        Answered::NoName { host, why } => {
            return Verdict::inconclusive(Reason::Dns, format!("`{host}` does not resolve ({why})"))
                .awaiting(Awaits::Name);
        }
        Answered::NoConnection(why) => {
            return Verdict::inconclusive(Reason::Network, format!("no connection ({why})"));
        }
        Answered::NoAnswer => return Verdict::inconclusive(Reason::Network, "no answer in time"),
        Answered::NoToken(why) => return Verdict::inconclusive(Reason::Token, why.clone()),
    };
    if (300..400).contains(&status) {
        let message =
            format!("{status}: a redirect, which is not followed: something stands in front of the account");
        return Verdict::inconclusive(Reason::Network, message);
    }
    let Some(body) = body else {
        let message =
            format!("{status} without JSON: a proxy or a gateway may have answered in the account's place");
        return Verdict::inconclusive(Reason::Network, message);
    };
    if (200..300).contains(&status) {
        return answered_well(call, status, body);
    }
    let said = Said::of(body);
    if call == Call::Keys {
        return keys(status, &said);
    }
    refused(call, status, &said)
}

/// A success: only what looks like the answer that was asked for counts.
fn answered_well(call: Call, status: u16, body: &Value) -> Verdict {
    let filled = |name: &str| body[name].as_array().is_some_and(|list| !list.is_empty());
    let named = |item: &Value| item["name"].is_string();
    let right = match call {
        Call::Model(Ask::Chat) => filled("choices"),
        Call::Model(Ask::Embeddings) => filled("data"),
        // What it wanted to say may not fit: that it began to is enough.
        Call::Model(Ask::Responses) => body["object"] == "response" && body["output"].is_array(),
        Call::Model(Ask::Message) => body["type"] == "message" && body["content"].is_array(),
        // A project without models lists none: https://learn.microsoft.com/azure/foundry/reference/rest/deployments-list.
        Call::Project => body["value"].as_array().is_some_and(|list| list.iter().all(named)),
        Call::Keys => {
            // A random key that is taken would be no key check at all.
            let message = format!("{status}: whatever answered did not check the key");
            return Verdict::inconclusive(Reason::Service, message);
        }
    };
    let who = if call == Call::Project { "project" } else { "model" };
    if right {
        return Verdict::proven(&format!("the {who} answered the token"));
    }
    Verdict::inconclusive(Reason::Service, format!("{status}, but the answer is not one that a {who} gives"))
}

/// Code and message of an error.
struct Said {
    code: String,
    message: String,
}

impl Said {
    fn of(body: &Value) -> Self {
        // The gateway of some services leaves out the envelope.
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

/// What network rules and private endpoints answer, with a 403 whose code says nothing.
const FENCES: [&str; 4] = [
    // https://github.com/Azure-Samples/azure-sql-db-chatbot/issues/3
    "virtual network/firewall rules",
    // https://github.com/TabularEditor/TabularEditor3/issues/1557
    "public access is disabled",
    // https://github.com/continuedev/continue/issues/12547
    "a virtual network is configured for this resource",
    "private endpoint",
];

fn is_fence(status: u16, said: &Said) -> bool {
    status == 403 && FENCES.iter().any(|words| said.says(words))
}

/// What it means that a wrong key was looked at, where nothing speaks against it.
const TAKEN: &str = ", so the account accepts keys";

/// What a random key was answered. That keys are off is proven by one code only.
fn keys(status: u16, said: &Said) -> Verdict {
    let shown = said.shown(status);
    if said.is("AuthenticationTypeDisabled") {
        return Verdict::proven("keys are refused: AuthenticationTypeDisabled");
    }
    if is_fence(status, said) {
        return Verdict::inconclusive(Reason::Network, shown);
    }
    // A wrong key while keys are on: https://learn.microsoft.com/azure/ai-services/authentication.
    if status == 401 && said.says("invalid subscription key") {
        let message = format!("Azure checked the key{TAKEN} ({shown})");
        return Verdict::disproven(Reason::Key, message).awaiting(Awaits::Write);
    }
    passing_trouble(status, &shown).unwrap_or_else(|| Verdict::inconclusive(Reason::Service, shown))
}

/// What a call with a token was answered, other than well.
fn refused(call: Call, status: u16, said: &Said) -> Verdict {
    let shown = said.shown(status);
    if is_fence(status, said) {
        return Verdict::inconclusive(Reason::Network, shown);
    }
    // 401 or 403: https://github.com/microsoft/semantic-kernel/issues/10020.
    if matches!(status, 401 | 403) && said.is("PermissionDenied") {
        return Verdict::disproven(
            Reason::Role,
            format!("Azure accepted the token, but its owner lacks a role that permits the call ({shown})"),
        )
        .awaiting(Awaits::Grant);
    }
    // https://github.com/Azure/azure-sdk-for-net/issues/12789; the older text in #12813.
    if status == 400 && (said.says("custom subdomain") || said.says("provide an authentication key")) {
        return Verdict::disproven(Reason::Subdomain, shown);
    }
    if status == 401 && (said.says("access token is missing, invalid") || said.says("audience is incorrect"))
    {
        return Verdict::disproven(Reason::Token, format!("Azure did not accept the token ({shown})"));
    }
    // A new deployment takes some minutes, says Azure itself.
    if said.is("DeploymentNotFound") {
        return Verdict::disproven(Reason::Model, shown).awaiting(Awaits::Made);
    }
    if said.is("unknown_model") || said.is("no_model_name") {
        return Verdict::disproven(Reason::Model, shown);
    }
    // https://github.com/microsoft/microsoft-foundry-for-vscode/issues/99, and of a new project
    // https://github.com/microsoft/agent-framework/issues/4117.
    if call == Call::Project
        && status == 404
        && (said.says("project does not exist") || said.says("project not found"))
    {
        return Verdict::disproven(
            Reason::Project,
            format!("the project's endpoint does not know it ({shown})"),
        )
        .awaiting(Awaits::Made);
    }
    if let Some(trouble) = passing_trouble(status, &shown) {
        return trouble;
    }
    // That a model finds fault with a request says nothing certain about who may call it.
    // 423 is what a paused deployment answers.
    if matches!(status, 400 | 423) {
        return Verdict::inconclusive(Reason::Model, shown);
    }
    if status == 404 {
        return Verdict::inconclusive(
            Reason::Service,
            format!("the endpoint does not know this request ({shown})"),
        );
    }
    Verdict::inconclusive(Reason::Service, shown)
}

fn passing_trouble(status: u16, shown: &str) -> Option<Verdict> {
    match status {
        429 => Some(Verdict::inconclusive(Reason::Throttled, shown).awaiting(Awaits::Calm)),
        408 | 500..=599 => Some(Verdict::inconclusive(Reason::Service, shown).awaiting(Awaits::Calm)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

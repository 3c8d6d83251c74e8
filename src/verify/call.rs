//! Sends a probe (IO): a token or a random key, to one URL, once. Redirects are never followed.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::probe::{Ask, Call, Probe, renamed_limit};
use super::verdict::Answered;
use crate::arm::auth::cloud::{Addresses, Cloud};
use crate::arm::auth::{Claims, Credential};
use crate::arm::http;
use crate::text;

/// Larger answers are not needed to judge.
const LARGEST: usize = 1024 * 1024;

/// Sends probes to the data plane.
#[derive(Debug, Clone)]
pub(crate) struct Prober {
    http: reqwest::Client,
    account: Credential,
    project: Credential,
    addresses: &'static Addresses,
}

impl Prober {
    /// A prober with tokens for accounts and for projects, which differ in their audience; no proxy is used for this machine.
    pub(crate) fn new(
        account: Credential,
        project: Credential,
        cloud: Cloud,
        loopback: bool,
    ) -> Result<Self, String> {
        let mut builder = http::builder(Duration::from_secs(10), Duration::from_mins(1));
        if loopback {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| format!("could not set up the HTTP client: {error}"))?;
        Ok(Self { http, account, project, addresses: cloud.addresses() })
    }

    /// The object id in its token, if any.
    pub(crate) async fn object_id(&self) -> Option<Uuid> {
        let token = self.account.token(self.addresses.data_scope).await.ok()?;
        Claims::of(&token).oid
    }

    /// Sends a probe, and again if the model requires another name for the limit.
    pub(crate) async fn ask(&self, probe: &Probe) -> Answered {
        let answered = self.send(probe).await;
        let Answered::Answer { status: 400, body: Some(body) } = &answered else { return answered };
        match renamed_limit(probe, body) {
            Some(probe) => self.send(&probe).await,
            None => answered,
        }
    }

    async fn send(&self, probe: &Probe) -> Answered {
        let mut request = match &probe.body {
            Some(body) => self.http.post(probe.url.clone()).json(body),
            None => self.http.get(probe.url.clone()),
        };
        if probe.call == Call::Model(Ask::Message) {
            // The only version: https://docs.anthropic.com/en/api/versioning.
            request = request.header("anthropic-version", "2023-06-01");
        }
        request = match probe.call {
            // This key belongs to no account: it shows whether keys are checked, and no real key is ever read.
            Call::Keys => request.header("api-key", Uuid::new_v4().simple().to_string()),
            call => {
                let (credential, scope) = if call.is_for_foundry() {
                    (&self.project, self.addresses.project_scope)
                } else {
                    (&self.account, self.addresses.data_scope)
                };
                match credential.token(scope).await {
                    Ok(token) => request.bearer_auth(token.expose()),
                    Err(error) => return Answered::NoToken(error.to_string()),
                }
            }
        };
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return broken(probe, &error),
        };
        let status = response.status().as_u16();
        tracing::debug!(url = %probe.url, status, "the data plane answered");
        match collect(response).await {
            Ok(bytes) => Answered::Answer { status, body: serde_json::from_slice::<Value>(&bytes).ok() },
            Err(error) => broken(probe, &error),
        }
    }
}

async fn collect(mut response: reqwest::Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > LARGEST {
            break;
        }
    }
    Ok(bytes)
}

/// The failure by its innermost causes; reqwest has no error for a name that does not resolve.
fn broken(probe: &Probe, error: &reqwest::Error) -> Answered {
    let causes: Vec<String> = text::causes(error).map(ToString::to_string).collect();
    let last = causes.last().cloned().unwrap_or_else(|| "the request failed".to_owned());
    // The second is rustls's error for a name that would not be resolved.
    if causes.iter().any(|cause| cause.contains("dns error") || cause == "invalid dns name") {
        let host = probe.url.host_str().unwrap_or_default().to_owned();
        return Answered::NoName { host, why: last };
    }
    if error.is_timeout() {
        return Answered::NoAnswer;
    }
    Answered::NoConnection(last)
}

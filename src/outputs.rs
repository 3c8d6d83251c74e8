//! What applications need to know of the accounts: endpoints, ids, identities. Never a key.
//!
//! Pure. Takes live accounts; gives the document, and `KEY=value` lines for a pipeline.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::finding::{Code, Finding};
use crate::kinds::account::{FOUNDRY, INFERENCE, OPENAI};
use crate::render::sanitize::hides;
use crate::source::{Position, Sources};
use crate::standing::Standing;

/// Of all declared accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outputs {
    /// The accounts, in the order of the specs.
    pub accounts: Vec<AccountOutputs>,
}

/// Of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountOutputs {
    /// Its place in the spec: `accounts/chat-eu`.
    pub address: String,
    /// Its name.
    pub name: String,
    /// Where it is declared.
    pub source: Option<Position>,
    /// Its resource id.
    pub id: String,
    /// Its own endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The endpoint that model inference clients take, `/models` included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference_endpoint: Option<String>,
    /// The endpoint of the Azure OpenAI API.
    #[serde(rename = "openAIEndpoint", skip_serializing_if = "Option::is_none")]
    pub openai_endpoint: Option<String>,
    /// The endpoint of Foundry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foundry_endpoint: Option<String>,
    /// The object id of its system-assigned identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// Its user-assigned identities, by resource id.
    pub user_assigned_identities: Vec<UserAssigned>,
}

/// A user-assigned identity of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserAssigned {
    /// Its resource id.
    pub id: String,
    /// Its object id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// Its client id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// What live accounts give. A value with invisible characters is left out and told.
#[must_use]
pub fn outputs(standing: &[Standing], sources: &Sources) -> (Outputs, Vec<Finding>) {
    let mut findings = Vec::new();
    let accounts = standing.iter().map(|account| of(account, sources, &mut findings)).collect();
    (Outputs { accounts }, findings)
}

fn of(account: &Standing, sources: &Sources, findings: &mut Vec<Finding>) -> AccountOutputs {
    let mut safe = |what: &str, value: &Value| -> Option<String> {
        let text = value.as_str().filter(|text| !text.is_empty())?;
        if !hides(text) {
            return Some(text.to_owned());
        }
        let message = format!("{what} of {} holds invisible characters", account.title());
        let hint = "look at the account in Azure: nothing that a pipeline would run is taken from it";
        let finding = Finding::error(Code::UnsafeOutput, message).hint(hint);
        findings.push(Finding { span: account.span, ..finding });
        None
    };
    let properties = &account.body["properties"];
    let endpoints = &properties["endpoints"];
    let inference = safe("the inference endpoint", &endpoints[INFERENCE]);
    let users = account.body["identity"]["userAssignedIdentities"].as_object();
    let mut identities: Vec<UserAssigned> = Vec::new();
    for (id, identity) in users.into_iter().flatten() {
        let Some(id) = safe("a user-assigned identity", &Value::from(id.as_str())) else { continue };
        let principal_id = safe("the principal id of an identity", &identity["principalId"]);
        let client_id = safe("the client id of an identity", &identity["clientId"]);
        identities.push(UserAssigned { id, principal_id, client_id });
    }
    AccountOutputs {
        address: account.address.clone(),
        name: account.name().to_owned(),
        source: account.span.map(|span| sources.position(span)),
        id: account.id.to_string(),
        endpoint: safe("the endpoint", &properties["endpoint"]),
        inference_endpoint: inference.map(|url| format!("{}/models", url.trim_end_matches('/'))),
        openai_endpoint: safe("the OpenAI endpoint", &endpoints[OPENAI]),
        foundry_endpoint: safe("the Foundry endpoint", &endpoints[FOUNDRY]),
        principal_id: safe("the principal id", &account.body["identity"]["principalId"]),
        user_assigned_identities: identities,
    }
}

impl AccountOutputs {
    /// The values with a label for people and the end of a variable's name.
    #[must_use]
    pub fn values(&self) -> Vec<(&'static str, &'static str, &str)> {
        let optional = [
            ("endpoint", "ENDPOINT", &self.endpoint),
            ("inference endpoint", "INFERENCE_ENDPOINT", &self.inference_endpoint),
            ("OpenAI endpoint", "OPENAI_ENDPOINT", &self.openai_endpoint),
            ("Foundry endpoint", "FOUNDRY_ENDPOINT", &self.foundry_endpoint),
            ("principal id", "PRINCIPAL_ID", &self.principal_id),
        ];
        let some =
            optional.into_iter().filter_map(|(label, key, value)| Some((label, key, value.as_deref()?)));
        some.chain([("resource id", "RESOURCE_ID", self.id.as_str())]).collect()
    }
}

/// The part of a variable's name that stands for an account: `ACCOUNT_CHAT_EU`.
///
/// The word in front keeps an account called `identity` from setting `IDENTITY_ENDPOINT`, by which others sign in.
fn variable(account: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("ACCOUNT_{}", account.chars().map(letter).collect::<String>())
}

impl Outputs {
    /// `KEY=value` lines sorted by key; two accounts that would set the same variable are refused.
    pub fn variables(&self) -> Result<String, Vec<Finding>> {
        let mut lines: BTreeMap<String, (&AccountOutputs, &str)> = BTreeMap::new();
        let mut findings = Vec::new();
        for account in &self.accounts {
            for (_, end, value) in account.values() {
                let key = format!("{}_{end}", variable(&account.name));
                if let Some((other, _)) = lines.insert(key.clone(), (account, value)) {
                    let message = format!(
                        "accounts `{}` and `{}` would both set `{key}`",
                        other.address, account.address
                    );
                    let hint = "take the values from `--format json`, which names each account in full";
                    findings.push(Finding::error(Code::UnsafeOutput, message).hint(hint));
                }
            }
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        Ok(lines.into_iter().fold(String::new(), |mut text, (key, (_, value))| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{key}={value}");
            text
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::id::ResourceId;

    fn account(name: &str, body: Value) -> Standing {
        let group = ResourceId::resource_group("7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11", "rg");
        let id = group.provider("Microsoft.CognitiveServices/accounts", name);
        Standing { address: format!("accounts/{name}"), id, span: None, body }
    }

    #[test]
    fn variables_are_named_after_accounts_and_sorted() {
        let body = json!({
            "identity": {"principalId": "p"},
            "properties": {"endpoint": "https://e/", "endpoints": {INFERENCE: "https://i/"}},
        });
        let (outputs, findings) = outputs(&[account("chat-eu.1", body)], &Sources::default());
        assert_eq!(findings, []);
        assert_eq!(
            outputs.variables().unwrap(),
            "ACCOUNT_CHAT_EU_1_ENDPOINT=https://e/\n\
             ACCOUNT_CHAT_EU_1_INFERENCE_ENDPOINT=https://i/models\n\
             ACCOUNT_CHAT_EU_1_PRINCIPAL_ID=p\n\
             ACCOUNT_CHAT_EU_1_RESOURCE_ID=/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/chat-eu.1\n"
        );
    }

    #[test]
    fn two_accounts_that_would_set_the_same_variable_are_refused() {
        let openai = json!({"properties": {"endpoints": {OPENAI: "https://o/"}}});
        let plain = json!({"properties": {"endpoint": "https://e/"}});
        for (left, right) in [
            (account("a-b", plain.clone()), account("a.b", plain.clone())),
            (account("chat", openai), account("chat-openai", plain)),
        ] {
            let (outputs, _) = outputs(&[left, right], &Sources::default());
            let findings = outputs.variables().unwrap_err();
            assert!(findings.iter().all(|finding| finding.code == Code::UnsafeOutput), "{findings:?}");
        }
    }

    #[test]
    fn a_value_with_hidden_characters_is_told_and_not_given() {
        for bad in ["https://e/\nPATH=/tmp", "https://e/\u{202e}", "\u{1b}[0m", "a\u{200b}b"] {
            let (outputs, findings) =
                outputs(&[account("chat", json!({"properties": {"endpoint": bad}}))], &Sources::default());
            assert_eq!(outputs.accounts[0].endpoint, None, "{bad:?}");
            assert_eq!(findings.len(), 1, "{bad:?}");
            assert!(!outputs.variables().unwrap().contains("ENDPOINT"), "{bad:?}");
        }
    }
}

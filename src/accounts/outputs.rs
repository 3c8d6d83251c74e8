//! What applications need to know about accounts and projects: endpoints, ids, identities. Never a key.
//!
//! Pure. Takes live accounts and a snapshot of their projects; returns the document, and `KEY=value` lines for a pipeline.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::accounts::{Standing, not_live};
use crate::body::{AccountBody, FOUNDRY, INFERENCE, OPENAI, endpoint_of, user_assigned};
use crate::finding::{Code, Finding};
use crate::kinds::account::Accounts;
use crate::kinds::desired::Desired;
use crate::kinds::{Declaring as _, Live, Projects, Reading as _};
use crate::principals::object_id;
use crate::snapshot::{Query, Snapshot};
use crate::spec::Loaded;
use crate::text::sanitize::hides;
use crate::text::source::{Position, Sources, Span};

/// Outputs of all declared accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outputs {
    /// The accounts, in the order of the specs.
    pub accounts: Vec<AccountOutputs>,
}

/// Outputs of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountOutputs {
    /// Its place in the spec: `accounts/chat-eu`.
    pub address: String,
    pub name: String,
    /// Where it is declared.
    pub source: Option<Position>,
    /// Its resource id.
    pub id: String,
    /// Its own endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The endpoint for model inference clients, including `/models`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inference_endpoint: Option<String>,
    /// The endpoint of the Azure OpenAI API.
    #[serde(rename = "openAIEndpoint", default, skip_serializing_if = "Option::is_none")]
    pub openai_endpoint: Option<String>,
    /// The endpoint of Foundry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foundry_endpoint: Option<String>,
    /// The object id of its system-assigned identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// Its user-assigned identities, by resource id.
    pub user_assigned_identities: Vec<UserAssigned>,
    /// Its declared projects, in the order of the specs.
    pub projects: Vec<ProjectOutputs>,
}

/// Outputs of one project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProjectOutputs {
    /// Its place in the spec: `accounts/chat-eu/projects/team`.
    pub address: String,
    pub name: String,
    /// Where it is declared.
    pub source: Option<Position>,
    /// Its resource id.
    pub id: String,
    /// The endpoint for Foundry clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The object id of its system-assigned identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
}

/// A user-assigned identity of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserAssigned {
    /// Its resource id.
    pub id: String,
    /// Its object id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// The queries: the accounts, and lists of projects where specs declare some.
#[must_use]
pub(crate) fn queries(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Query> {
    let declared = declared(stacks, snapshot);
    let mut lists = Projects.queries(stacks, snapshot);
    lists.retain(|list| declared.iter().any(|project| list.scope.contains(&project.id)));
    Accounts.queries(stacks, snapshot).into_iter().chain(lists).collect()
}

fn declared(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Desired> {
    stacks.iter().flat_map(|loaded| Projects.desired(loaded, snapshot)).collect()
}

/// The outputs of live accounts and their declared projects. A value with invisible characters is left out and reported, and so is a
/// project that does not exist.
#[must_use]
pub(crate) fn outputs(
    stacks: &[Loaded],
    standing: &[Standing],
    snapshot: &Snapshot,
    sources: &Sources,
) -> (Outputs, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut accounts: Vec<AccountOutputs> =
        standing.iter().map(|account| of(account, sources, &mut findings)).collect();
    let inventory = Projects.inventory(stacks, snapshot);
    for desired in declared(stacks, snapshot) {
        let parent = desired.id.parent();
        let Some(at) = standing.iter().position(|account| Some(&account.id) == parent.as_ref()) else {
            // The account's own finding covers this.
            continue;
        };
        if let Some(live) = inventory.items.get(&desired.key) {
            accounts[at].projects.push(project(&desired, live, sources, &mut findings));
        } else {
            findings.push(not_live(&desired, &inventory, Code::ProjectAbsent, (stacks, snapshot)));
        }
    }
    (Outputs { accounts }, findings)
}

/// Takes values of one resource, and reports unsafe ones.
struct Taker<'a> {
    title: String,
    span: Option<Span>,
    findings: &'a mut Vec<Finding>,
}

impl Taker<'_> {
    fn text(&mut self, what: &str, text: Option<&str>) -> Option<String> {
        let text = text.filter(|text| !text.is_empty())?;
        if !hides(text) {
            return Some(text.to_owned());
        }
        let message = format!("{what} of {} contains invisible characters", self.title);
        let hint = "check it in Azure: keyless does not pass it on, because a pipeline could execute it";
        let finding = Finding::error(Code::UnsafeOutput, message).hint(hint);
        self.findings.push(Finding { span: self.span, ..finding });
        None
    }

    fn principal(&mut self, what: &str, identity: &Value) -> Option<String> {
        self.text(what, object_id(identity))
    }
}

fn of(account: &Standing, sources: &Sources, findings: &mut Vec<Finding>) -> AccountOutputs {
    let mut taker = Taker { title: account.title(), span: account.span, findings };
    let body = &account.body;
    let inference = taker.text("the inference endpoint", endpoint_of(body, INFERENCE));
    let mut identities: Vec<UserAssigned> = Vec::new();
    for (id, identity) in user_assigned(body) {
        let Some(id) = taker.text("a user-assigned identity", Some(id)) else { continue };
        let principal_id = taker.principal("the principal id of an identity", identity);
        let client_id = taker.text("the client id of an identity", identity["clientId"].as_str());
        identities.push(UserAssigned { id, principal_id, client_id });
    }
    AccountOutputs {
        address: account.address.clone(),
        name: account.name().to_owned(),
        source: account.span.map(|span| sources.position(span)),
        id: account.id.to_string(),
        endpoint: taker.text("the endpoint", AccountBody::of(body).endpoint()),
        inference_endpoint: inference.map(|url| format!("{}/models", url.trim_end_matches('/'))),
        openai_endpoint: taker.text("the OpenAI endpoint", endpoint_of(body, OPENAI)),
        foundry_endpoint: taker.text("the Foundry endpoint", endpoint_of(body, FOUNDRY)),
        principal_id: taker.principal("the principal id", &body["identity"]),
        user_assigned_identities: identities,
        projects: Vec::new(),
    }
}

fn project(desired: &Desired, live: &Live, sources: &Sources, findings: &mut Vec<Finding>) -> ProjectOutputs {
    let mut taker = Taker { title: desired.title.clone(), span: Some(desired.span), findings };
    ProjectOutputs {
        address: desired.address.clone(),
        name: live.id.name().to_owned(),
        source: Some(sources.position(desired.span)),
        id: live.id.to_string(),
        endpoint: taker.text("the endpoint", endpoint_of(&live.body, FOUNDRY)),
        principal_id: taker.principal("the principal id", &live.body["identity"]),
    }
}

/// Known values, each with a label for people and the suffix of a variable's name.
fn known<'a>(
    optional: impl IntoIterator<Item = (&'static str, &'static str, &'a Option<String>)>,
    id: &'a str,
) -> Vec<(&'static str, &'static str, &'a str)> {
    let some = optional.into_iter().filter_map(|(label, key, value)| Some((label, key, value.as_deref()?)));
    some.chain([("resource id", "RESOURCE_ID", id)]).collect()
}

impl AccountOutputs {
    /// The values, each with a label for people and the suffix of a variable's name.
    #[must_use]
    pub(crate) fn values(&self) -> Vec<(&'static str, &'static str, &str)> {
        let optional = [
            ("endpoint", "ENDPOINT", &self.endpoint),
            ("inference endpoint", "INFERENCE_ENDPOINT", &self.inference_endpoint),
            ("OpenAI endpoint", "OPENAI_ENDPOINT", &self.openai_endpoint),
            ("Foundry endpoint", "FOUNDRY_ENDPOINT", &self.foundry_endpoint),
            ("principal id", "PRINCIPAL_ID", &self.principal_id),
        ];
        known(optional, &self.id)
    }
}

impl ProjectOutputs {
    /// The values, each with a label for people and the suffix of a variable's name.
    #[must_use]
    pub(crate) fn values(&self) -> Vec<(&'static str, &'static str, &str)> {
        let optional =
            [("endpoint", "ENDPOINT", &self.endpoint), ("principal id", "PRINCIPAL_ID", &self.principal_id)];
        known(optional, &self.id)
    }
}

/// A name as part of a variable's name: `CHAT_EU`.
///
/// The prefix, `ACCOUNT` or `PROJECT`, keeps an account called `identity` from setting `IDENTITY_ENDPOINT`, which Azure's clients use to
/// sign in.
fn spelled(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    name.chars().map(letter).collect()
}

/// An address, the prefix of its variables, and its values.
type VariableGroup<'a> = (&'a str, String, Vec<(&'static str, &'static str, &'a str)>);

impl Outputs {
    fn named(&self) -> impl Iterator<Item = VariableGroup<'_>> {
        self.accounts.iter().flat_map(|account| {
            let name = spelled(&account.name);
            let projects: Vec<VariableGroup<'_>> = account
                .projects
                .iter()
                .map(|project| {
                    let beginning = format!("PROJECT_{name}_{}", spelled(&project.name));
                    (project.address.as_str(), beginning, project.values())
                })
                .collect();
            [(account.address.as_str(), format!("ACCOUNT_{name}"), account.values())]
                .into_iter()
                .chain(projects)
        })
    }

    /// `KEY=value` lines sorted by key; two resources that would set the same variable are an error.
    pub(crate) fn variables(&self) -> Result<String, Vec<Finding>> {
        let mut lines: BTreeMap<String, (&str, &str)> = BTreeMap::new();
        let mut findings = Vec::new();
        for (address, name, values) in self.named() {
            for (_, end, value) in values {
                let key = format!("{name}_{end}");
                if let Some((other, _)) = lines.insert(key.clone(), (address, value)) {
                    let message = format!("`{other}` and `{address}` would both set `{key}`");
                    let hint = "take the values from `--format json`, which names each resource in full";
                    findings.push(Finding::error(Code::UnsafeOutput, message).hint(hint));
                }
            }
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        Ok(lines.into_iter().fold(String::new(), |mut text, (key, (_, value))| {
            // Writing to a string cannot fail.
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
        Standing { address: format!("accounts/{name}"), id, span: None, body: body.into() }
    }

    fn told(standing: &[Standing]) -> (Outputs, Vec<Finding>) {
        outputs(&[], standing, &Snapshot::default(), &Sources::default())
    }

    #[test]
    fn variables_are_named_after_accounts_and_sorted() {
        let body = json!({
            "identity": {"principalId": "p"},
            "properties": {"endpoint": "https://e/", "endpoints": {INFERENCE: "https://i/"}},
        });
        let (outputs, findings) = told(&[account("chat-eu.1", body)]);
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
            let (outputs, _) = told(&[left, right]);
            let findings = outputs.variables().unwrap_err();
            assert!(findings.iter().all(|finding| finding.code == Code::UnsafeOutput), "{findings:?}");
        }
    }

    #[test]
    fn a_value_with_hidden_characters_is_told_and_not_given() {
        for bad in ["https://e/\nPATH=/tmp", "https://e/\u{202e}", "\u{1b}[0m", "a\u{200b}b"] {
            let (outputs, findings) = told(&[account("chat", json!({"properties": {"endpoint": bad}}))]);
            assert_eq!(outputs.accounts[0].endpoint, None, "{bad:?}");
            assert_eq!(findings.len(), 1, "{bad:?}");
            assert!(!outputs.variables().unwrap().contains("ENDPOINT"), "{bad:?}");
        }
    }
}

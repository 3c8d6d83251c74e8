//! An Azure AI Services account, live or soft-deleted.

use serde_json::{Map, Value};

use super::{is, is_empty, list, members};

/// The endpoint of the model inference API, to which clients append `models`:
/// <https://learn.microsoft.com/azure/ai-foundry/foundry-models/how-to/create-model-deployments>.
pub(crate) const INFERENCE: &str = "Azure AI Model Inference API";
/// The endpoint of the Azure OpenAI API.
pub(crate) const OPENAI: &str = "OpenAI Language Model Instance API";
/// The endpoint of Foundry: projects and agents.
pub(crate) const FOUNDRY: &str = "AI Foundry API";

/// What a body says about an account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AccountBody<'a>(&'a Value);

impl<'a> AccountBody<'a> {
    /// Views a body.
    #[must_use]
    pub(crate) fn of(body: &'a Value) -> Self {
        Self(&body["properties"])
    }

    /// Whether API keys are off. They are on where `disableLocalAuth` is missing.
    #[must_use]
    pub(crate) fn keys_off(self) -> bool {
        self.0["disableLocalAuth"] == true
    }

    /// `customSubDomainName`, without which Azure accepts no tokens.
    #[must_use]
    pub(crate) fn subdomain(self) -> Option<&'a str> {
        self.0["customSubDomainName"].as_str()
    }

    /// The URL for everything that has no endpoint of its own.
    #[must_use]
    pub(crate) fn endpoint(self) -> Option<&'a str> {
        self.0["endpoint"].as_str()
    }

    /// Whether projects are allowed in it.
    #[must_use]
    pub(crate) fn allows_projects(self) -> bool {
        self.0["allowProjectManagement"] == true
    }

    /// Who may reach it.
    #[must_use]
    pub(crate) fn network(self) -> Network<'a> {
        Network(self.0)
    }

    /// The states of its private endpoint connections: `Approved`, `Pending`, `Rejected`.
    pub(crate) fn private_endpoints(self) -> impl Iterator<Item = Option<&'a str>> {
        let state = |connection: &'a Value| {
            connection["properties"]["privateLinkServiceConnectionState"]["status"].as_str()
        };
        list(self.0, "privateEndpointConnections").map(state)
    }

    /// With which key it is encrypted.
    #[must_use]
    pub(crate) fn encryption(self) -> EncryptionBody<'a> {
        EncryptionBody(&self.0["encryption"])
    }

    /// Where its agents run.
    pub(crate) fn injections(self) -> impl Iterator<Item = Injection<'a>> {
        list(self.0, "networkInjections").map(Injection)
    }

    /// Whether it keeps no prompts and answers of stored completions.
    #[must_use]
    pub(crate) fn stores_no_completions(self) -> bool {
        self.0["storedCompletionsDisabled"] == true
    }

    /// The storage account that gets the results of monitoring for abuse.
    #[must_use]
    pub(crate) fn monitor_storage(self) -> Option<&'a str> {
        self.0["raiMonitorConfig"]["adxStorageResourceId"].as_str()
    }

    /// A member of `apiProperties`.
    #[must_use]
    pub(crate) fn api_property(self, name: &str) -> Option<&'a str> {
        self.0["apiProperties"][name].as_str()
    }

    /// Whether it may call only the hosts of its list.
    #[must_use]
    pub(crate) fn limits_outbound(self) -> bool {
        self.0["restrictOutboundNetworkAccess"] == true
    }

    /// The hosts that it may call.
    pub(crate) fn allowed_hosts(self) -> impl Iterator<Item = &'a str> {
        list(self.0, "allowedFqdnList").filter_map(Value::as_str)
    }

    /// Whether it is soft-deleted.
    #[must_use]
    pub(crate) fn is_deleted(self) -> bool {
        !self.0["deletionDate"].is_null()
    }

    /// When it was deleted.
    #[must_use]
    pub(crate) fn deleted(self) -> Option<&'a str> {
        self.0["deletionDate"].as_str()
    }

    /// When Azure will purge it.
    #[must_use]
    pub(crate) fn purged(self) -> Option<&'a str> {
        self.0["scheduledPurgeDate"].as_str()
    }
}

/// One of the named endpoints of an account or project.
#[must_use]
pub(crate) fn endpoint_of<'a>(body: &'a Value, api: &str) -> Option<&'a str> {
    body["properties"]["endpoints"][api].as_str()
}

/// The network rules of an account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Network<'a>(&'a Value);

impl<'a> Network<'a> {
    fn acls(self) -> &'a Value {
        &self.0["networkAcls"]
    }

    /// `publicNetworkAccess`; where it is missing, Azure means `Enabled`.
    #[must_use]
    pub(crate) fn public(self) -> Option<&'a str> {
        self.0["publicNetworkAccess"].as_str()
    }

    /// Whether calls are refused unless a rule allows them.
    #[must_use]
    pub(crate) fn denies(self) -> bool {
        is(self.acls()["defaultAction"].as_str(), "Deny")
    }

    /// The address ranges that may call it, as Azure spells them.
    pub(crate) fn addresses(self) -> impl Iterator<Item = &'a str> {
        list(self.acls(), "ipRules").filter_map(|rule| rule["value"].as_str())
    }

    /// The ids of the subnets that may call it.
    pub(crate) fn subnets(self) -> impl Iterator<Item = &'a str> {
        list(self.acls(), "virtualNetworkRules").filter_map(|rule| rule["id"].as_str())
    }

    /// Whether any address or subnet has a rule, readable or not.
    #[must_use]
    pub(crate) fn has_rules(self) -> bool {
        !is_empty(&self.acls()["ipRules"]) || !is_empty(&self.acls()["virtualNetworkRules"])
    }

    /// Which of Azure's services pass: `AzureServices` or `None`.
    #[must_use]
    pub(crate) fn bypass(self) -> Option<&'a str> {
        self.acls()["bypass"].as_str()
    }
}

/// How an account is encrypted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EncryptionBody<'a>(&'a Value);

impl<'a> EncryptionBody<'a> {
    /// Whose key it is: `Microsoft.KeyVault` or `Microsoft.CognitiveServices`.
    #[must_use]
    pub(crate) fn source(self) -> Option<&'a str> {
        self.0["keySource"].as_str()
    }

    /// Whether the key is the customer's own.
    #[must_use]
    pub(crate) fn has_own_key(self) -> bool {
        is(self.source(), "Microsoft.KeyVault")
    }

    /// `keyVaultProperties`: where the customer's key is, and the identity that reads it.
    #[must_use]
    pub(crate) fn vault(self) -> Option<&'a Map<String, Value>> {
        members(&self.0["keyVaultProperties"])
    }

    /// The client id of the identity that reads the key; `None` if that is the account's own.
    #[must_use]
    pub(crate) fn reader(self) -> Option<&'a str> {
        self.vault()?.get("identityClientId")?.as_str()
    }
}

/// A place in a network for the agents of an account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Injection<'a>(&'a Value);

impl<'a> Injection<'a> {
    /// The id of the subnet.
    #[must_use]
    pub(crate) fn subnet(self) -> Option<&'a str> {
        self.0["subnetArmId"].as_str()
    }

    /// Whether agents run there, and not in a network that Microsoft manages.
    #[must_use]
    pub(crate) fn is_own(self) -> bool {
        self.0["useMicrosoftManagedNetwork"] != true && !is(self.0["scenario"].as_str(), "none")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_body_lacks_is_nothing() {
        for body in [
            json!(null),
            json!({"properties": []}),
            json!({"properties": {"disableLocalAuth": "true", "networkAcls": 3}}),
        ] {
            let account = AccountBody::of(&body);
            assert!(!account.keys_off() && !account.allows_projects() && !account.is_deleted());
            assert!(account.subdomain().is_none() && account.encryption().vault().is_none());
            let network = account.network();
            assert!(!network.denies() && !network.has_rules() && network.addresses().next().is_none());
        }
    }

    #[test]
    fn a_rule_that_cannot_be_read_is_still_a_rule() {
        let body = json!({"properties": {"networkAcls": {"defaultAction": "deny", "ipRules": [{}]}}});
        let network = AccountBody::of(&body).network();
        assert!(network.denies() && network.has_rules());
        assert_eq!(network.addresses().count(), 0);
    }
}

//! Each field that could open something, as data: what stands before, what comes after, and the flag that lifts it.

use crate::common::SUB;

/// Another subscription.
pub(super) const OTHER: &str = "99999999-0000-4000-8000-000000000009";
/// Secrets that specs of this file name.
pub(super) const SECRETS: &[(&str, &str)] =
    &[("KEYLESS_SECRET_SEARCH", "first-secret-of-9"), ("KEYLESS_SECRET_OTHER", "other-secret-of-9")];

/// A change that a guard objects to.
pub(crate) struct Opening {
    pub(super) rule: &'static str,
    /// The field of a spec that does it, as docs/openings.md names it.
    pub(crate) field: &'static str,
    /// Lines of the account before, applied; none where it does not exist.
    pub(super) before: Option<String>,
    /// Lines of the account that are refused.
    pub(super) after: String,
    /// The address that the flag has.
    pub(super) address: &'static str,
}

pub(super) fn opening(
    rule: &'static str,
    field: &'static str,
    before: &str,
    after: &str,
    address: &'static str,
) -> Opening {
    Opening { rule, field, before: Some(before.to_owned()), after: after.to_owned(), address }
}

pub(super) fn subnet(subscription: &str) -> String {
    format!(
        "/subscriptions/{subscription}/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/app"
    )
}

pub(super) fn acls(more: &str) -> String {
    format!("networkAcls: {{defaultAction: Deny, bypass: None, {more}}}\n")
}

pub(super) fn deployment(policy: &str) -> String {
    let model = "model: {format: OpenAI, name: gpt-4o, version: '2024-11-20'}";
    let policy = if policy.is_empty() { String::new() } else { format!(", raiPolicyName: {policy}") };
    format!("deployments: [{{name: gpt, {model}, sku: {{name: GlobalStandard, capacity: 1}}{policy}}}]\n")
}

/// A deployment whose filter blocks more than that of the one beside it.
pub(super) fn spilling(more: &str) -> String {
    let model = "model: {format: OpenAI, name: gpt-4o, version: '2024-11-20'}, sku: {name: GlobalStandard, capacity: 1}";
    let strict = policy(&hate("enabled: true, blocking: true, severityThreshold: Low"));
    format!(
        "{strict}deployments: [{{name: gpt, {model}, raiPolicyName: own{more}}}, {{name: overflow, {model}}}]\n"
    )
}

/// An own policy; what it does not list it takes from its base.
pub(super) fn policy(more: &str) -> String {
    format!("raiPolicies: [{{name: own, {more}}}]\n")
}

pub(super) fn hate(more: &str) -> String {
    format!("contentFilters: [{{name: Hate, source: Prompt, {more}}}]")
}

pub(super) const ON: &str = "enabled: true, blocking: true, severityThreshold: Medium";
pub(super) const OFF: &str = "enabled: false, blocking: false";

/// A connection of the account.
pub(super) fn connection(target: &str, more: &str) -> String {
    format!("connections: [{{name: search, category: CognitiveSearch, target: '{target}', {more}}}]\n")
}

pub(super) const HOST: &str = "https://s.search.windows.net/";
pub(super) const KEY: &str = "authType: ApiKey, credentials: {key: '${secret.SEARCH}'}";
pub(super) const OTHER_KEY: &str = "authType: ApiKey, credentials: {key: '${secret.OTHER}'}";

/// Each field that could open something, at least once.
pub(crate) fn openings() -> Vec<Opening> {
    let mut all = networks();
    all.extend(calls());
    all.extend(protections());
    all.extend(connections());
    all.extend(credentials());
    all.extend(services());
    all.extend(lists());
    all
}

/// Who may call an account.
pub(super) fn networks() -> Vec<Opening> {
    let chat = "accounts/chat";
    let deny = acls("ipRules: [203.0.113.0/24]");
    vec![
        opening(
            "public-network",
            "accounts[].networkAcls.defaultAction",
            &deny,
            "networkAcls: {defaultAction: Allow}\n",
            chat,
        ),
        opening(
            "public-network",
            "accounts[].networkAcls.defaultAction",
            &deny,
            "networkAcls: {defaultAction: null}\n",
            chat,
        ),
        opening(
            "public-network",
            "accounts[].publicNetworkAccess",
            "publicNetworkAccess: Disabled\n",
            "publicNetworkAccess: Enabled\n",
            chat,
        ),
        opening(
            "network-range",
            "accounts[].networkAcls.ipRules[]",
            &deny,
            "networkAcls: {ipRules: [0.0.0.0/1, 128.0.0.0/2, 192.0.0.0/3]}\n",
            chat,
        ),
        // Four /16 of a cloud provider.
        opening(
            "network-range",
            "accounts[].networkAcls.ipRules[]",
            &deny,
            "networkAcls: {ipRules: [20.33.0.0/16, 20.34.0.0/16, 20.35.0.0/16, 20.36.0.0/16]}\n",
            chat,
        ),
        Opening {
            rule: "network-range",
            field: "accounts[].networkAcls.ipRules[]",
            before: None,
            after: acls("ipRules: [20.33.0.0/16]"),
            address: chat,
        },
        opening(
            "network-subnet",
            "accounts[].networkAcls.virtualNetworkRules[].id",
            &acls(&format!("virtualNetworkRules: [{{id: {}}}]", subnet(SUB))),
            &acls(&format!("virtualNetworkRules: [{{id: {}}}, {{id: {}}}]", subnet(SUB), subnet(OTHER))),
            chat,
        ),
        opening(
            "network-bypass",
            "accounts[].networkAcls.bypass",
            &deny,
            "networkAcls: {bypass: AzureServices}\n",
            chat,
        ),
        opening(
            "network-bypass",
            "accounts[].networkAcls.bypass",
            &deny,
            "networkAcls: {bypass: null}\n",
            chat,
        ),
    ]
}

/// Whom an account may call, and what its agents may.
pub(super) fn calls() -> Vec<Opening> {
    let chat = "accounts/chat";
    let limited = "restrictOutboundNetworkAccess: true\nallowedFqdnList: [good.example]\n";
    let agents = |more: &str| format!("networkInjections: [{{scenario: agent, {more}}}]\n");
    let here = format!("subnetArmId: {}", subnet(SUB));
    vec![
        opening(
            "outbound",
            "accounts[].restrictOutboundNetworkAccess",
            limited,
            "restrictOutboundNetworkAccess: false\n",
            chat,
        ),
        opening(
            "outbound",
            "accounts[].allowedFqdnList[]",
            limited,
            "allowedFqdnList: [good.example, evil.example]\n",
            chat,
        ),
        opening(
            "outbound",
            "accounts[].networkInjections[].scenario",
            &agents(&here),
            "networkInjections: []\n",
            chat,
        ),
        opening(
            "outbound",
            "accounts[].networkInjections[].useMicrosoftManagedNetwork",
            &agents(&here),
            &agents(&format!("{here}, useMicrosoftManagedNetwork: true")),
            chat,
        ),
        opening(
            "network-subnet",
            "accounts[].networkInjections[].subnetArmId",
            &agents(&here),
            &agents(&format!("subnetArmId: {}", subnet(OTHER))),
            chat,
        ),
    ]
}

/// What few accounts have.
fn services() -> Vec<Opening> {
    let chat = "accounts/chat";
    let search = |name: &str| {
        let group = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg";
        format!(
            "apiProperties: {{qnaAzureSearchEndpointId: {group}/providers/Microsoft.Search/searchServices/{name}}}\n"
        )
    };
    let storage = |name: &str| {
        let group = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg";
        format!(
            "raiMonitorConfig: {{adxStorageResourceId: {group}/providers/Microsoft.Storage/storageAccounts/{name}}}\n"
        )
    };
    let runtime = |host: &str| format!("apiProperties: {{qnaRuntimeEndpoint: 'https://{host}.example/'}}\n");
    vec![
        opening(
            "connection",
            "accounts[].apiProperties.qnaAzureSearchEndpointId",
            &search("ours"),
            &search("theirs"),
            chat,
        ),
        opening(
            "connection",
            "accounts[].apiProperties.qnaRuntimeEndpoint",
            &runtime("ours"),
            &runtime("theirs"),
            chat,
        ),
        opening(
            "outbound",
            "accounts[].raiMonitorConfig.adxStorageResourceId",
            &storage("ours"),
            &storage("theirs"),
            chat,
        ),
        opening(
            "weakening",
            "accounts[].storedCompletionsDisabled",
            "storedCompletionsDisabled: true\n",
            "storedCompletionsDisabled: false\n",
            chat,
        ),
    ]
}

/// Words that blocklists stop, and Defender.
fn lists() -> Vec<Opening> {
    let item = "accounts/chat/raiBlocklists/own/raiBlocklistItems/a";
    let list = |items: &str| format!("raiBlocklists: [{{name: own, items: [{{{items}}}]}}]\n");
    let row =
        |field, before: &str, after: &str| opening("weakening", field, &list(before), &list(after), item);
    vec![
        opening(
            "weakening",
            "accounts[].raiBlocklists[].items[].name",
            &list("name: a, pattern: acme"),
            &list("name: b, pattern: acme"),
            // What no spec declares goes by its id.
            item,
        ),
        row(
            "accounts[].raiBlocklists[].items[].pattern",
            "name: a, pattern: acme",
            "name: a, pattern: other",
        ),
        row(
            "accounts[].raiBlocklists[].items[].isRegex",
            "name: a, pattern: ac.e, isRegex: true",
            "name: a, pattern: ac.e, isRegex: false",
        ),
        opening(
            "weakening",
            "accounts[].defenderForAISettings.state",
            "defenderForAISettings: {state: Enabled}\n",
            "defenderForAISettings: {state: Disabled}\n",
            "accounts/chat/defenderForAISettings/Default",
        ),
    ]
}

/// Blocklists and filters of other providers that a policy uses.
fn further_filters(own: &'static str) -> Vec<Opening> {
    let mut all = vec![
        opening(
            "weakening",
            "accounts[].raiPolicies[].mode",
            &policy("mode: Blocking"),
            &policy("mode: Asynchronous_filter"),
            own,
        ),
        opening(
            "weakening",
            "accounts[].raiPolicies[].basePolicyName",
            &policy("basePolicyName: Microsoft.DefaultV2"),
            &policy("basePolicyName: Microsoft.Default"),
            own,
        ),
    ];
    for (list, name, fields) in [
        (
            "customBlocklists",
            "blocklistName",
            [
                "accounts[].raiPolicies[].customBlocklists[].blocklistName",
                "accounts[].raiPolicies[].customBlocklists[].source",
                "accounts[].raiPolicies[].customBlocklists[].blocking",
            ],
        ),
        (
            "safetyProviders",
            "safetyProviderName",
            [
                "accounts[].raiPolicies[].safetyProviders[].safetyProviderName",
                "accounts[].raiPolicies[].safetyProviders[].source",
                "accounts[].raiPolicies[].safetyProviders[].blocking",
            ],
        ),
    ] {
        let one = |called: &str, source: &str, blocking: bool| {
            policy(&format!("{list}: [{{{name}: {called}, source: {source}, blocking: {blocking}}}]"))
        };
        let afters = [one("b", "Prompt", true), one("a", "Completion", true), one("a", "Prompt", false)];
        for (field, after) in fields.into_iter().zip(afters) {
            all.push(opening("weakening", field, &one("a", "Prompt", true), &after, own));
        }
    }
    all
}

fn spillover(gpt: &'static str) -> Opening {
    let field = "accounts[].deployments[].spilloverDeploymentName";
    opening("weakening", field, &spilling(""), &spilling(", spilloverDeploymentName: overflow"), gpt)
}

/// What filters, and what encrypts.
pub(super) fn protections() -> Vec<Opening> {
    let chat = "accounts/chat";
    let (own, gpt) = ("accounts/chat/raiPolicies/own", "accounts/chat/deployments/gpt");
    let mut all = vec![
        spillover(gpt),
        opening(
            "weakening",
            "accounts[].encryption.keySource",
            "encryption: {keySource: Microsoft.KeyVault, keyVaultProperties: {keyName: k, keyVersion: '1', keyVaultUri: 'https://v.vault.azure.net/', identityClientId: 0a0b0c0d-0000-4000-8000-000000000001}}\n",
            "encryption: {keySource: Microsoft.CognitiveServices}\n",
            chat,
        ),
        opening(
            "weakening",
            "accounts[].deployments[].raiPolicyName",
            &deployment("Microsoft.DefaultV2"),
            &deployment("Microsoft.Default"),
            gpt,
        ),
        opening(
            "weakening",
            "accounts[].deployments[].raiPolicyName",
            &deployment(""),
            &deployment("Microsoft.Nil"),
            gpt,
        ),
        opening(
            "weakening",
            "accounts[].deployments[].raiPolicyName",
            &deployment("Microsoft.DefaultV2"),
            &format!("{}{}", policy(&format!("mode: Blocking, {}", hate(OFF))), deployment("own")),
            gpt,
        ),
        // A new one, under a policy that stands already or not, in an account that does or not.
        opening(
            "weakening",
            "accounts[].deployments[].raiPolicyName",
            &policy(&hate(OFF)),
            &format!("{}{}", policy(&hate(OFF)), deployment("own")),
            gpt,
        ),
        opening(
            "weakening",
            "accounts[].deployments[].raiPolicyName",
            "",
            &format!("{}{}", policy(&hate(OFF)), deployment("own")),
            gpt,
        ),
        Opening {
            rule: "weakening",
            field: "accounts[].deployments[].raiPolicyName",
            before: None,
            after: format!("{}{}", policy(&hate(OFF)), deployment("own")),
            address: gpt,
        },
        Opening {
            rule: "weakening",
            field: "accounts[].deployments[].raiPolicyName",
            before: None,
            after: deployment("Microsoft.Default"),
            address: gpt,
        },
    ];
    let [enabled, blocking, threshold] = [
        "accounts[].raiPolicies[].contentFilters[].enabled",
        "accounts[].raiPolicies[].contentFilters[].blocking",
        "accounts[].raiPolicies[].contentFilters[].severityThreshold",
    ];
    for (field, more) in [
        (enabled, "enabled: false, blocking: true, severityThreshold: Medium"),
        (enabled, "enabled: null, blocking: true, severityThreshold: Medium"),
        (blocking, "enabled: true, blocking: false, severityThreshold: Medium"),
        (threshold, "enabled: true, blocking: true, severityThreshold: High"),
        (
            "accounts[].raiPolicies[].contentFilters[].action",
            "enabled: true, blocking: true, severityThreshold: Medium, action: ANNOTATING",
        ),
    ] {
        all.push(opening("weakening", field, &policy(&hate(ON)), &policy(&hate(more)), own));
    }
    let low = "enabled: true, blocking: true, severityThreshold: Low";
    for (field, after) in [
        ("accounts[].raiPolicies[].contentFilters[].name", hate(low).replace("Hate", "Violence")),
        ("accounts[].raiPolicies[].contentFilters[].source", hate(low).replace("Prompt", "Completion")),
    ] {
        // What is left takes the base's place, which stops less.
        all.push(opening("weakening", field, &policy(&hate(low)), &policy(&after), own));
    }
    all.extend(further_filters(own));
    all
}

/// Where secrets go.
pub(super) fn connections() -> Vec<Opening> {
    let search = "accounts/chat/connections/search";
    let evil = "https://s.search.windows.net@evil.example/";
    let rows = [
        ("accounts[].connections[].target", connection(HOST, KEY), connection(evil, OTHER_KEY)),
        ("accounts[].connections[].target", connection(HOST, KEY), connection(evil, KEY)),
        ("accounts[].connections[].authType", connection(HOST, "authType: AAD"), connection(HOST, KEY)),
        (
            "accounts[].connections[].credentials.key",
            connection(HOST, KEY),
            connection(HOST, &format!("{OTHER_KEY}, metadata: {{a: b}}")),
        ),
        (
            "accounts[].connections[].metadata",
            connection(HOST, KEY),
            connection(HOST, &format!("{KEY}, metadata: {{ResourceId: /evil}}")),
        ),
        (
            "accounts[].connections[].category",
            connection(HOST, KEY),
            connection(HOST, KEY).replace("CognitiveSearch", "ApiKey"),
        ),
        (
            "accounts[].connections[].isSharedToAll",
            connection(HOST, KEY),
            connection(HOST, &format!("{KEY}, isSharedToAll: true")),
        ),
    ];
    let opening = |(field, before, after): (&'static str, String, String)| {
        opening("connection", field, &before, &after, search)
    };
    rows.into_iter().map(opening).collect()
}

const OAUTH: &str = "authType: OAuth2, tokenUrl: 'https://login.partner.example/token', scopes: [read], credentials: {clientId: 0a0b0c0d-0000-4000-8000-000000000001, clientSecret: '${secret.SEARCH}'}";

/// What is sent with a secret, whatever way it signs in.
fn credentials() -> Vec<Opening> {
    let search = "accounts/chat/connections/search";
    let key = |more: &str| connection(HOST, &format!("{KEY}, {more}"));
    let identity = |audience: &str| {
        connection(HOST, &format!("authType: AccountManagedIdentity, audience: '{audience}'"))
    };
    let mut rows = vec![
        ("accounts[].connections[].sharedUserList[]", connection(HOST, KEY), key("sharedUserList: [bob]")),
        (
            "accounts[].connections[].useWorkspaceManagedIdentity",
            connection(HOST, KEY),
            key("useWorkspaceManagedIdentity: true"),
        ),
        ("accounts[].connections[].peRequirement", connection(HOST, KEY), key("peRequirement: Required")),
        ("accounts[].connections[].peStatus", connection(HOST, KEY), key("peStatus: Active")),
        (
            "accounts[].connections[].expiryTime",
            connection(HOST, KEY),
            key("expiryTime: '2027-01-31T00:00:00Z'"),
        ),
        (
            "accounts[].connections[].audience",
            identity("https://cognitiveservices.azure.com"),
            identity("https://management.azure.com"),
        ),
        (
            "accounts[].connections[].audience",
            identity("https://cognitiveservices.azure.com"),
            identity("https://cognitiveservices.azure.com").replace(HOST, "https://evil.example/"),
        ),
        (
            "accounts[].connections[].tokenUrl",
            connection(HOST, OAUTH),
            connection(HOST, &OAUTH.replace("login.partner.example", "evil.example")),
        ),
        (
            "accounts[].connections[].scopes[]",
            connection(HOST, OAUTH),
            connection(HOST, &OAUTH.replace("[read]", "[read, write]")),
        ),
    ];
    let secret = "'${secret.SEARCH}'";
    let other = "'${secret.OTHER}'";
    let client = "clientId: 0a0b0c0d-0000-4000-8000-000000000001";
    for (field, way, members) in [
        ("keys", "CustomKeys", format!("keys: {{x-api-key: {secret}}}")),
        ("accessKeyId", "AccessKey", format!("accessKeyId: {secret}, secretAccessKey: {secret}")),
        ("secretAccessKey", "AccessKey", format!("secretAccessKey: {secret}, accessKeyId: {secret}")),
        ("pat", "PAT", format!("pat: {secret}")),
        ("sas", "SAS", format!("sas: {secret}")),
        ("password", "UsernamePassword", format!("password: {secret}, username: reader")),
        (
            "securityToken",
            "UsernamePassword",
            format!("securityToken: {secret}, password: {secret}, username: reader"),
        ),
        ("clientSecret", "ServicePrincipal", format!("clientSecret: {secret}, {client}, tenantId: {OTHER}")),
        (
            "authUrl",
            "OAuth2",
            format!("authUrl: 'https://login.partner.example/consent', {client}, clientSecret: {secret}"),
        ),
        ("developerToken", "OAuth2", format!("developerToken: {secret}, {client}")),
        ("refreshToken", "OAuth2", format!("refreshToken: {secret}, {client}")),
    ] {
        let with = |members: &str, more: &str| {
            connection(HOST, &format!("authType: {way}, credentials: {{{members}}}{more}"))
        };
        let changed = match field {
            "authUrl" => members.replace("login.partner.example", "evil.example"),
            _ => members.replacen(secret, other, 1),
        };
        let field = NAMES.iter().find(|name| name.ends_with(&format!(".{field}"))).expect("a row");
        rows.push((field, with(&members, ""), with(&changed, ", metadata: {a: b}")));
    }
    let opening = |(field, before, after): (&'static str, String, String)| {
        opening("connection", field, &before, &after, search)
    };
    rows.into_iter().map(opening).collect()
}

/// The members of credentials that are secrets or say where those go.
const NAMES: &[&str] = &[
    "accounts[].connections[].credentials.keys",
    "accounts[].connections[].credentials.accessKeyId",
    "accounts[].connections[].credentials.secretAccessKey",
    "accounts[].connections[].credentials.pat",
    "accounts[].connections[].credentials.sas",
    "accounts[].connections[].credentials.password",
    "accounts[].connections[].credentials.securityToken",
    "accounts[].connections[].credentials.clientSecret",
    "accounts[].connections[].credentials.authUrl",
    "accounts[].connections[].credentials.developerToken",
    "accounts[].connections[].credentials.refreshToken",
];

//! Offline rules for accounts: what Azure would refuse, or accept without effect.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{DEFAULT_KIND, remains};
use crate::body::AccountBody;
use crate::finding::{Code, Finding};
use crate::id::ResourceId;
use crate::kinds::desired::Desired;
use crate::kinds::{FieldChange, cidr, rules};
use crate::spec::Loaded;
use crate::spec::model::{Account, ApiProperties, Identity, MOST_QUIET_DAYS, NetworkAcls, Sku};
use crate::spec::sections;
use crate::spec::structure::EMPTY_SECTION;
use crate::spec::variables::secret_name;
use crate::text::day;
use crate::text::names::{nearest, short};
use crate::text::source::Span;

/// Kinds with their pricing tiers, from the service's own SKU list; kinds without tiers were found elsewhere.
const KINDS: &[(&str, &[&str])] = &[
    ("AIServices", &["S0"]),
    ("AnomalyDetector", &["F0", "S0"]),
    ("CognitiveServices", &["S0"]),
    ("ComputerVision", &["DC0", "F0", "S0", "S1"]),
    ("ContentModerator", &["E0", "F0", "S0", "V0", "V1", "V3"]),
    ("ContentSafety", &["F0", "S0"]),
    ("ConversationalLanguageUnderstanding", &["S"]),
    ("CustomVision.Prediction", &["F0", "S0"]),
    ("CustomVision.Training", &["F0", "S0"]),
    ("Face", &["E0", "F0", "S0"]),
    ("FormRecognizer", &["DC0", "F0", "S0"]),
    ("HealthInsights", &["F0", "S0"]),
    ("ImmersiveReader", &["S0", "S1"]),
    ("Internal.AllInOne", &["S0"]),
    ("Knowledge", &["S0"]),
    ("LUIS", &["DC0", "S1", "V0", "V1"]),
    ("LUIS.Authoring", &["E0", "F0", "S1"]),
    ("LanguageAuthoring", &["S"]),
    ("MetricsAdvisor", &["S0"]),
    ("OpenAI", &["S0"]),
    ("Personalizer", &["E0", "F0", "S0"]),
    ("QnAMaker", &[]),
    ("QnAMaker.v2", &["S0"]),
    ("SpeechServices", &["DC0", "F0", "S0"]),
    ("TextAnalytics", &["DC0", "F0", "S", "S0", "S1", "S2", "S3", "S4"]),
    ("TextTranslation", &["C2", "C3", "C4", "D3", "DC0", "F0", "S1", "S2", "S3", "S4"]),
    ("TranscriptionIntelligence", &["F0", "S0"]),
];

/// Kinds that support letting trusted Azure services bypass network rules; for others Azure answers `NetworkAclsBypassNotSupported`:
/// <https://github.com/hashicorp/terraform-provider-azurerm/pull/30887>.
const TRUSTED_SERVICES: &[&str] = &["AIServices", "OpenAI", "TextAnalytics"];

/// Members that `null` can clear; the others have a value as long as the account lives.
pub(super) const CLEARABLE: &[&str] =
    &["tags", "encryption", "raiMonitorConfig", "amlWorkspace", "locations", "defaultProject"];

/// One account under check: where it stands and where to report.
struct AccountCheck<'a> {
    loaded: &'a Loaded,
    pointer: String,
    account: &'a Account,
    findings: &'a mut Vec<Finding>,
}

pub(super) fn check(loaded: &Loaded, findings: &mut Vec<Finding>) {
    subdomains(loaded, findings);
    super::existing::check(loaded, findings);
    let region = loaded.spec.location.as_deref();
    findings.extend(region.and_then(|region| no_region(region, loaded.document.value_span("/location"))));
    for (index, account) in loaded.spec.accounts.iter().enumerate() {
        let mut check = AccountCheck { loaded, pointer: format!("/accounts/{index}"), account, findings };
        check.names();
        check.nulls();
        check.kind_and_sku();
        check.subdomain();
        check.keys();
        check.key_usage();
        check.tags();
        check.ids();
        check.secrets();
        if let Some(acls) = &account.network_acls {
            check.network_acls(acls);
        }
    }
}

/// No two accounts say that they have one subdomain. What a new account gets where its spec says nothing is judged where that is known.
fn subdomains(loaded: &Loaded, findings: &mut Vec<Finding>) {
    let mut seen: BTreeMap<String, (Span, &str)> = BTreeMap::new();
    for (index, account) in loaded.spec.accounts.iter().enumerate() {
        let Some(name) = account.custom_sub_domain_name.as_deref().filter(|name| !name.is_empty()) else {
            continue;
        };
        let span = loaded.document.value_span(&format!("/accounts/{index}/customSubDomainName"));
        if let Some((first, other)) = seen.insert(name.to_ascii_lowercase(), (span, &account.name)) {
            let message =
                format!("accounts `{other}` and `{}` cannot both have the subdomain `{name}`", account.name);
            let finding = Finding::error(Code::Duplicate, message).at(span);
            findings.push(finding.related(first, "first declared here").hint(UNIQUE));
        }
    }
}

const UNIQUE: &str = "choose another `customSubDomainName`: it is unique in all of Azure";
const NO_BYPASS: &str = "remove the line: only accounts of kind AIServices, OpenAI and TextAnalytics have it";

/// Why an account of a kind has no `bypass`.
fn no_bypass(kind: &str) -> Option<String> {
    let trusts = TRUSTED_SERVICES.iter().any(|known| known.eq_ignore_ascii_case(kind));
    (!trusts).then(|| format!("an account of kind `{kind}` does not take `networkAcls.bypass`"))
}

/// The same for a live account, whose kind the spec may leave out.
pub(super) fn bypass_of(desired: &Desired, body: &Value, fields: &[FieldChange]) -> Option<Finding> {
    let change = fields.iter().find(|field| field.path == ["networkAcls", "bypass"])?;
    // A declared kind was checked offline.
    if desired.declared.contains_key("kind") {
        return None;
    }
    let problem = format!("{}: {}", desired.title, no_bypass(body["kind"].as_str()?)?);
    let span = desired.span_of(&change.path).unwrap_or(desired.span);
    Some(Finding::error(Code::InvalidValue, problem).at(span).hint(NO_BYPASS))
}

/// Reports that a live account accepts keys while the spec does not mention them. For a restored account `checks::revived` reports it.
pub(super) fn keys_on(desired: &Desired, body: &Value, without_subdomain: bool) -> Option<Finding> {
    if AccountBody::of(body).keys_off() || remains::is_deleted(body) {
        return None;
    }
    // Without a subdomain Azure accepts no tokens and would refuse the single line.
    let hint = if without_subdomain {
        "add `customSubDomainName`, which token authentication requires, and `disableLocalAuth: true`"
    } else {
        "add `disableLocalAuth: true` to the spec to disable them"
    };
    let message = format!("{} accepts API keys, and the spec does not set `disableLocalAuth`", desired.title);
    Some(Finding::warning(Code::KeysEnabled, message).at(desired.span).hint(hint).about(&desired.id))
}

/// Reports a location that cannot be a region's name.
fn no_region(location: &str, span: Span) -> Option<Finding> {
    if is_location(location) {
        return None;
    }
    let finding = Finding::error(Code::InvalidValue, format!("`{location}` is not a region")).at(span);
    Some(finding.hint("write it as in `az account list-locations`, such as `eastus2`"))
}

/// Whether a name can be the subdomain of an endpoint.
pub(super) fn is_subdomain(name: &str) -> bool {
    (2..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

impl AccountCheck<'_> {
    fn span(&self, below: &str) -> Span {
        self.loaded.document.value_span(&format!("{}{below}", self.pointer))
    }

    fn report(&mut self, below: &str, code: Code, message: String, hint: &str) {
        let finding = Finding::error(code, message).at(self.span(below)).hint(hint);
        self.findings.push(finding);
    }

    fn names(&mut self) {
        let name = &self.account.name;
        let fits = (2..=64).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        if !fits {
            self.report(
                "/name",
                Code::InvalidName,
                format!("`{name}` cannot name an account"),
                "2 to 64 letters, digits, `_`, `.` and `-`, beginning with a letter or digit",
            );
        }
        let spec = &self.loaded.spec;
        if self.account.resource_group.is_none() && spec.resource_group.is_none() {
            self.report(
                "",
                Code::MissingField,
                format!("account `{name}` has no resource group"),
                "set `resourceGroup` for the file or for the account",
            );
        }
        if let Some(group) = self.account.resource_group.as_deref()
            && !crate::spec::is_group_name(group)
        {
            self.report(
                "/resourceGroup",
                Code::InvalidName,
                format!("`{group}` cannot name a resource group"),
                GROUP_NAMES,
            );
        }
        if self.account.location.is_none() && spec.location.is_none() {
            self.report(
                "",
                Code::MissingField,
                format!("account `{name}` has no location"),
                "set `location` for the file or for the account, such as `eastus2`",
            );
        }
        let own = self.account.location.as_deref();
        self.findings.extend(own.and_then(|location| no_region(location, self.span("/location"))));
    }

    fn nulls(&mut self) {
        let tree = self.loaded.document.tree.pointer(&self.pointer);
        for (name, value) in tree.and_then(Value::as_object).into_iter().flatten() {
            if value.is_null() && sections::section(name).is_some() {
                let message = format!("`{name}` must be a list, but is empty");
                self.report(&format!("/{name}"), Code::WrongType, message, EMPTY_SECTION);
            } else if value.is_null() && !CLEARABLE.contains(&name.as_str()) {
                self.report(
                    &format!("/{name}"),
                    Code::InvalidValue,
                    format!("`{name}` of an account cannot be cleared"),
                    "remove the line to keep the live value, or write the value you want",
                );
            }
        }
    }

    fn kind_and_sku(&mut self) {
        let kind = self.account.kind.as_deref().unwrap_or(DEFAULT_KIND);
        let Some((_, skus)) = KINDS.iter().find(|(known, _)| *known == kind) else {
            let names = KINDS.iter().map(|(known, _)| *known);
            let message = format!("this version does not know the account kind `{kind}`");
            let finding = match nearest(kind, names) {
                Some(near) => {
                    Finding::error(Code::InvalidValue, message).hint(format!("did you mean `{near}`?"))
                }
                None => Finding::warning(Code::InvalidValue, message)
                    .hint("Azure may accept it; `az cognitiveservices account list-kinds` lists all kinds"),
            };
            let finding = finding.at(self.span("/kind"));
            self.findings.push(finding);
            return;
        };
        let Some(sku) = self.account.sku.as_ref().map(Sku::name) else { return };
        if !skus.is_empty() && !skus.contains(&sku) {
            let hint = match skus {
                [only] => format!("write `{only}`"),
                several => format!("available: {}", several.join(", ")),
            };
            self.report("/sku", Code::InvalidValue, format!("kind `{kind}` has no sku `{sku}`"), &hint);
        }
    }

    fn subdomain(&mut self) {
        let Some(name) = self.account.custom_sub_domain_name.as_deref() else { return };
        if name.is_empty()
            && (self.account.network_acls.is_some() || self.account.disable_local_auth == Some(true))
        {
            self.report(
                "/customSubDomainName",
                Code::SubdomainRequired,
                "an account without a subdomain supports neither network rules nor Entra ID tokens"
                    .to_owned(),
                "remove the line to use the account's name, or choose a subdomain",
            );
        } else if !is_subdomain(name) {
            self.report(
                "/customSubDomainName",
                Code::InvalidName,
                format!("`{name}` cannot be a subdomain"),
                "2 to 64 letters, digits and `-`, beginning and ending with a letter or digit",
            );
        }
    }

    fn keys(&mut self) {
        if self.account.disable_local_auth == Some(false) {
            let message = format!("account `{}` is declared with API keys on", self.account.name);
            let finding = Finding::warning(Code::KeysEnabled, message).at(self.span("/disableLocalAuth"));
            self.findings.push(finding.hint(
                "`disableLocalAuth: true` disables them; without the line they are disabled on a new account and unchanged on a live one",
            ));
        }
    }

    fn key_usage(&mut self) {
        let Some(usage) = &self.account.key_usage else { return };
        if !(1..=MOST_QUIET_DAYS).contains(&usage.quiet_days) {
            let message =
                format!("`{}` is not a number of days from 1 to {MOST_QUIET_DAYS}", usage.quiet_days);
            let hint = "write more than a month, such as 35: some jobs run at the end of a month";
            let finding = Finding::error(Code::InvalidValue, message).at(self.span("/keyUsage/quietDays"));
            self.findings.push(finding.hint(hint));
        }
        if let Some(until) = &usage.allow_unknown_until
            && day(until).is_none()
        {
            let message = format!("`{until}` is not a date");
            let hint =
                "write the last day on which keys may be turned off without evidence, such as `2026-12-31`";
            let span = self.span("/keyUsage/allowUnknownUntil");
            self.findings.push(Finding::error(Code::InvalidValue, message).at(span).hint(hint));
        }
    }

    fn tags(&mut self) {
        let tags = self.account.tags.as_ref();
        rules::tags(self.loaded, &self.pointer, tags, self.findings);
    }

    /// Secrets in plain text.
    fn secrets(&mut self) {
        let properties = self.account.api_properties.as_ref();
        let of =
            |field: fn(&ApiProperties) -> &Option<String>| properties.and_then(|each| field(each).as_deref());
        let account = self.account;
        for (below, text) in [
            ("/migrationToken", account.migration_token.as_deref()),
            ("/apiProperties/qnaAzureSearchEndpointKey", of(|each| &each.qna_azure_search_endpoint_key)),
            ("/apiProperties/eventHubConnectionString", of(|each| &each.event_hub_connection_string)),
            (
                "/apiProperties/storageAccountConnectionString",
                of(|each| &each.storage_account_connection_string),
            ),
        ] {
            if text.is_some_and(|text| secret_name(text).is_none()) {
                self.report(
                    below,
                    Code::PlainSecret,
                    "a secret stands in the spec as plain text".to_owned(),
                    "write `${secret.NAME}` and nothing else: it is taken from KEYLESS_SECRET_NAME when it is sent; change the secret that stood here",
                );
            }
        }
    }

    fn ids(&mut self) {
        let mut seen: BTreeMap<(String, ResourceId), Span> = BTreeMap::new();
        for (below, id, collection) in ids_in(self.account) {
            match ResourceId::declared(id) {
                Ok(parsed) if parsed.segment_after(collection).is_some() => {
                    let list = below.split('/').take(3).collect::<Vec<_>>().join("/");
                    let span = self.span(&below);
                    if let Some(first) = seen.insert((list, parsed), span) {
                        self.findings.push(
                            Finding::error(Code::Duplicate, format!("`{id}` is listed twice"))
                                .at(span)
                                .related(first, "first listed here")
                                .hint("remove one of the two"),
                        );
                    }
                }
                Ok(_) => self.report(
                    &below,
                    Code::InvalidId,
                    format!("`{id}` is not the resource id of an element of `{collection}`"),
                    "copy the resource id from the portal, or from the `id` that `az … show` prints",
                ),
                Err(error) => self.report(
                    &below,
                    Code::InvalidId,
                    format!("not a resource id: {error}"),
                    "copy the resource id from the portal, or from the `id` that `az … show` prints",
                ),
            }
        }
    }

    fn network_acls(&mut self, acls: &NetworkAcls) {
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        for (index, range) in acls.ip_rules.iter().flatten().enumerate() {
            let below = format!("/networkAcls/ipRules/{index}");
            if let Some(problem) = cidr::problem(range) {
                self.report(&below, Code::InvalidCidr, problem.message, &problem.hint);
                continue;
            }
            let span = self.span(&below);
            if cidr::is_private(range) {
                let message = format!(
                    "`{range}` is a private range, and private addresses never reach the public endpoint"
                );
                self.findings.push(
                    Finding::warning(Code::InvalidCidr, message)
                        .at(span)
                        .hint("only public addresses are supported; for private ones use virtualNetworkRules or a private endpoint"),
                );
            }
            if let Some(first) = seen.insert(cidr::canonical(range), span) {
                self.findings.push(
                    Finding::error(Code::Duplicate, format!("`{range}` is listed twice"))
                        .at(span)
                        .related(first, "first listed here")
                        .hint("remove one of the two"),
                );
            }
        }
        let kind = self.account.kind.as_deref().unwrap_or(DEFAULT_KIND);
        if let (Some(_), Some(problem)) = (acls.bypass, no_bypass(kind)) {
            self.report("/networkAcls/bypass", Code::InvalidValue, problem, NO_BYPASS);
        }
        let open = acls.default_action == Some(crate::spec::model::DefaultAction::Allow);
        if open && acls.ip_rules.as_ref().is_some_and(|rules| !rules.is_empty()) {
            let name = short(&self.account.name);
            let message =
                format!("`ipRules` of account `{name}` have no effect while `defaultAction` is `Allow`");
            let finding =
                Finding::warning(Code::InvalidValue, message).at(self.span("/networkAcls/defaultAction"));
            self.findings.push(finding.hint("write `defaultAction: Deny`"));
        }
    }
}

const GROUP_NAMES: &str = "1 to 90 letters, digits, `_`, `-`, `.`, `(` and `)`, not ending with `.`";

/// Whether it has the form of a region's name.
pub(crate) fn is_location(name: &str) -> bool {
    !name.trim().is_empty() && name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == ' ')
}

/// The resource ids in an account's fields, with pointers below it, and the collection in which each must be.
fn ids_in(account: &Account) -> Vec<(String, &str, &'static str)> {
    let identities = match &account.identity {
        Some(Identity::Each(parts)) => parts.user_assigned.as_deref().unwrap_or_default(),
        _ => &[],
    };
    let storage = account.user_owned_storage.iter().flatten();
    let injections = account.network_injections.iter().flatten();
    let rules = account.network_acls.iter().flat_map(|acls| acls.virtual_network_rules.iter().flatten());
    let mut ids: Vec<(String, &str, &str)> = Vec::new();
    for (index, id) in identities.iter().enumerate() {
        ids.push((format!("/identity/userAssigned/{index}"), id, "userAssignedIdentities"));
    }
    if let Some(id) = account.rai_monitor_config.as_ref().and_then(|it| it.adx_storage_resource_id.as_ref()) {
        ids.push(("/raiMonitorConfig/adxStorageResourceId".to_owned(), id, "storageAccounts"));
    }
    if let Some(id) = account.aml_workspace.as_ref().and_then(|workspace| workspace.resource_id.as_ref()) {
        ids.push(("/amlWorkspace/resourceId".to_owned(), id, "workspaces"));
    }
    for (index, storage) in storage.enumerate() {
        let pointer = format!("/userOwnedStorage/{index}/resourceId");
        ids.push((pointer, &storage.resource_id, "storageAccounts"));
    }
    for (index, injection) in injections.enumerate() {
        if let Some(subnet) = &injection.subnet_arm_id {
            ids.push((format!("/networkInjections/{index}/subnetArmId"), subnet, "subnets"));
        }
    }
    for (index, rule) in rules.enumerate() {
        ids.push((format!("/networkAcls/virtualNetworkRules/{index}/id"), &rule.id, "subnets"));
    }
    ids
}

//! The members of credentials, as one table: which ways to sign in use them, and which are secrets.
//!
//! Pure.

use serde_json::{Map, Value};

use super::text;
use crate::finding::{Code, Finding};
use crate::kinds::desired::Desired;
use crate::spec::Loaded;
use crate::spec::variables::secret_name;
use crate::text::json::escape;

/// A member of credentials.
struct CredentialMember {
    name: &'static str,
    /// The ways to sign in that use it.
    ways: &'static [&'static str],
    /// The ways to sign in that cannot do without it.
    needed: &'static [&'static str],
    /// Whether only a reference to a secret may stand there.
    secret: bool,
}

const fn secret(
    name: &'static str,
    ways: &'static [&'static str],
    needed: &'static [&'static str],
) -> CredentialMember {
    CredentialMember { name, ways, needed, secret: true }
}

const fn open(
    name: &'static str,
    ways: &'static [&'static str],
    needed: &'static [&'static str],
) -> CredentialMember {
    CredentialMember { name, ways, needed, secret: false }
}

const CREDENTIALS: &[CredentialMember] = &[
    secret("key", &["ApiKey", "AccountKey"], &["ApiKey", "AccountKey"]),
    secret("keys", &["CustomKeys"], &["CustomKeys"]),
    secret("accessKeyId", &["AccessKey"], &["AccessKey"]),
    secret("secretAccessKey", &["AccessKey"], &["AccessKey"]),
    secret("pat", &["PAT"], &["PAT"]),
    secret("sas", &["SAS"], &["SAS"]),
    open("username", &["UsernamePassword", "OAuth2"], &["UsernamePassword"]),
    secret("password", &["UsernamePassword", "OAuth2"], &["UsernamePassword"]),
    secret("securityToken", &["UsernamePassword"], &[]),
    open("clientId", &["ManagedIdentity", "ServicePrincipal", "OAuth2"], &["ServicePrincipal", "OAuth2"]),
    open("resourceId", &["ManagedIdentity"], &[]),
    secret("clientSecret", &["ServicePrincipal", "OAuth2"], &["ServicePrincipal"]),
    open("tenantId", &["ServicePrincipal", "OAuth2"], &["ServicePrincipal"]),
    open("authUrl", &["OAuth2"], &[]),
    secret("developerToken", &["OAuth2"], &[]),
    secret("refreshToken", &["OAuth2"], &[]),
];

/// Whether a way to sign in has no credentials.
pub(super) fn is_without(way: &str) -> bool {
    matches!(way, "AAD" | "None" | "AccountManagedIdentity" | "ProjectManagedIdentity")
}

fn needed(way: &str) -> impl Iterator<Item = &'static CredentialMember> {
    CREDENTIALS.iter().filter(move |each| each.needed.contains(&way))
}

/// How a spec writes the credentials that a way to sign in needs.
fn example(way: &str) -> String {
    let member = |each: &CredentialMember| match (each.name, each.secret) {
        ("keys", _) => "keys: {x-api-key: '${secret.NAME}'}".to_owned(),
        (name, true) => format!("{name}: '${{secret.NAME}}'"),
        (name, false) => format!("{name}: …"),
    };
    format!("{{{}}}", needed(way).map(member).collect::<Vec<_>>().join(", "))
}

/// What to do about credentials that the spec does not have.
pub(super) fn remedy(way: &str) -> String {
    if way == "ManagedIdentity" {
        return "add `credentials` with clientId and resourceId, or `credentials: {}` if it has none"
            .to_owned();
    }
    format!("add `credentials: {}`", example(way))
}

/// The comment that an export writes.
pub(super) fn comment(way: &str) -> Option<&'static str> {
    match way {
        way if is_without(way) => None,
        "ApiKey" => Some("the key is not shown: to write this one, add credentials: {key: '${secret.NAME}'}"),
        "ManagedIdentity" => Some("its identity is not shown: to write this one, add credentials"),
        _ => Some("its credentials are not shown: to write this one, add credentials"),
    }
}

/// Why a connection cannot be created: credentials that its way to sign in needs and the spec does not have.
pub(super) fn missing(desired: &Desired) -> Option<Finding> {
    let way = text(desired, "authType");
    let given = desired.declared.get("credentials");
    let lacks = |each: &&CredentialMember| given.is_none_or(|given| given[each.name].is_null());
    needed(way).find(lacks)?;
    let what = if way == "ApiKey" { "its API key" } else { "its credentials" };
    let message = format!("{} cannot be created without {what}", desired.title);
    Some(Finding::error(Code::CredentialsUnknown, message).at(desired.span).hint(remedy(way)))
}

/// The texts of a member, with where each is below it: `keys` has several.
fn texts(value: &Value) -> Vec<(String, &str)> {
    match value {
        Value::String(text) => vec![(String::new(), text)],
        Value::Object(map) => map
            .iter()
            .filter_map(|(name, value)| Some((format!("/{}", escape(name)), value.as_str()?)))
            .collect(),
        _ => Vec::new(),
    }
}

/// Members that do not fit the way to sign in, that are missing, and secrets in plain text.
pub(super) fn check(loaded: &Loaded, pointer: &str, findings: &mut Vec<Finding>) {
    let tree = &loaded.document.tree;
    let connection = tree.pointer(pointer).unwrap_or(&Value::Null);
    let way = connection["authType"].as_str().unwrap_or_default();
    let mut report = |below: &str, code: Code, message: String, hint: &str| {
        let span = loaded.document.value_span(&format!("{pointer}/credentials{below}"));
        findings.push(Finding::error(code, message).at(span).hint(hint));
    };
    for each in CREDENTIALS {
        let (name, value) = (each.name, &connection["credentials"][each.name]);
        let below = format!("/{name}");
        if value.is_null() {
            if each.needed.contains(&way) {
                let a = if name == "key" { "a key" } else { name };
                let message = format!("`authType: {way}` requires {a}, and none is given");
                let hint = match each.secret {
                    true if name == "keys" => "add `keys: {x-api-key: ${secret.NAME}}`".to_owned(),
                    true => format!("add `{name}: ${{secret.NAME}}`"),
                    false => format!("add `{name}`"),
                };
                report("", Code::MissingField, message, &hint);
            }
            continue;
        }
        if !each.ways.contains(&way) {
            let ways = each.ways.join("` or `");
            let message = format!("`{name}` requires `authType: {ways}`");
            report(&below, Code::InvalidValue, message, "remove the line, or correct `authType`");
            continue;
        }
        for (further, text) in texts(value) {
            if each.secret && secret_name(text).is_none() {
                let hint = "write `${secret.NAME}` and nothing else: it is taken from KEYLESS_SECRET_NAME when it is sent; \
                            regenerate that key: it was exposed";
                let message = "a key stands in the spec as plain text".to_owned();
                report(&format!("{below}{further}"), Code::PlainSecret, message, hint);
            }
        }
    }
}

/// What in a patch read from a file does not fit its `authType`; only secret members may contain a secret.
pub(super) fn unfitting(patch: &Map<String, Value>) -> Option<String> {
    let credentials = patch.get("credentials")?;
    let way = patch.get("authType").and_then(Value::as_str);
    CREDENTIALS.iter().find_map(|each| {
        let (name, found) = (each.name, texts(credentials.get(each.name)?));
        if !each.secret && found.iter().any(|(_, text)| text.contains("${")) {
            return Some(format!("`credentials.{name}` cannot contain a secret"));
        }
        if each.secret && found.iter().any(|(_, text)| secret_name(text).is_none()) {
            return Some(format!(
                "`credentials.{name}` contains a secret as plain text; only `${{secret.NAME}}` is allowed"
            ));
        }
        let fits = found.is_empty() || way.is_none_or(|way| each.ways.contains(&way));
        (!fits).then(|| format!("`credentials.{name}` requires `authType: {}`", each.ways.join("` or `")))
    })
}

//! Offline rules for connections.

use std::collections::BTreeMap;

use serde_json::json;

use super::{credentials, declared, of_account};
use crate::finding::{Code, Finding};
use crate::kinds::rules;
use crate::spec::Loaded;
use crate::spec::model::{Connection, ConnectionAuthType, MetadataValue};
use crate::spec::secrets::reveals_secret;
use crate::text::json::escape;
use crate::text::source::Span;

/// Two connections with the same name in an account or its projects; two in the same list are reported as a duplicate declaration.
/// <https://github.com/Azure/terraform-azurerm-avm-ptn-aiml-ai-foundry/issues/73>
fn check_names(loaded: &Loaded, findings: &mut Vec<Finding>) {
    let spec = &loaded.spec;
    for (index, account) in spec.accounts.iter().enumerate() {
        let mut seen: BTreeMap<String, (String, Span)> = BTreeMap::new();
        for (at, connection) in of_account(index, account) {
            let list = at.rsplit_once('/').map_or(at.as_str(), |(list, _)| list).to_owned();
            let span = loaded.document.value_span(&format!("{at}/name"));
            let Some((first, there)) = seen.get(&connection.name.to_lowercase()) else {
                seen.insert(connection.name.to_lowercase(), (list, span));
                continue;
            };
            if *first == list {
                continue;
            }
            let message = format!(
                "account `{}` has another connection `{}`, and a connection's name must be unique in an account and all its projects",
                account.name, connection.name
            );
            findings.push(
                Finding::error(Code::Duplicate, message)
                    .at(span)
                    .related(*there, "first declared here")
                    .hint("choose different names, for example prefixed with the project's name"),
            );
        }
    }
}

/// The most characters of a resource's name anywhere in Azure. The API description allows 33 to connections, and longer names are in use.
const LONGEST_NAME: usize = 260;

pub(super) fn check(loaded: &Loaded, findings: &mut Vec<Finding>) {
    check_names(loaded, findings);
    for (pointer, connection) in declared(&loaded.spec) {
        let name = &connection.name;
        let fits = (3..=LONGEST_NAME).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        if !fits {
            let span = loaded.document.value_span(&format!("{pointer}/name"));
            let message = format!("`{name}` cannot name a connection");
            let hint = "3 to 33 letters, digits, `_` and `-`, beginning with a letter or digit";
            findings.push(Finding::error(Code::InvalidName, message).at(span).hint(hint));
        } else if name.len() > 33 {
            let message =
                format!("`{name}` has {} characters, and the API description allows 33", name.len());
            let finding = Finding::warning(Code::InvalidName, message)
                .at(loaded.document.value_span(&format!("{pointer}/name")));
            findings.push(finding.hint("shorten it, unless a connection of this name exists"));
        }
        rules::nulls(loaded, &pointer, "connection", findings);
        check_open_fields(loaded, &pointer, connection, findings);
        let names = connection.metadata.iter().flat_map(BTreeMap::keys);
        rules::twins(loaded, &format!("{pointer}/metadata"), "entry", names, findings);
        if connection.credentials.is_some() {
            credentials::check(loaded, &pointer, findings);
        }
        check_signing_in(loaded, &pointer, connection, findings);
    }
}

/// Secrets in fields that are compared, and that Azure shows to every reader.
fn check_open_fields(loaded: &Loaded, pointer: &str, connection: &Connection, findings: &mut Vec<Finding>) {
    let auth_url = connection.credentials.as_ref().and_then(|credentials| credentials.auth_url.as_ref());
    let addresses = [
        ("/target", connection.target.as_ref()),
        ("/tokenUrl", connection.token_url.as_ref()),
        ("/audience", connection.audience.as_ref()),
        ("/credentials/authUrl", auth_url),
    ];
    let addresses =
        addresses.into_iter().filter_map(|(below, text)| Some(("target", below.to_owned(), text?.clone())));
    let entries = connection.metadata.iter().flatten().filter_map(|(name, value)| {
        let text = match value.as_ref()? {
            MetadataValue::Text(text) => text.clone(),
            MetadataValue::List(items) => json!(items).to_string(),
            MetadataValue::Map(map) => json!(map).to_string(),
        };
        Some((name.as_str(), format!("/metadata/{}", escape(name)), text))
    });
    for (_, below, _) in addresses.chain(entries).filter(|(name, _, value)| reveals_secret(name, value)) {
        let field = if below.starts_with("/metadata") {
            "metadata"
        } else {
            below.trim_start_matches("/credentials").trim_start_matches('/')
        };
        let message = format!("a secret stands in `{field}` as plain text");
        let hint = if field == "metadata" {
            "remove the entry and put the key into `credentials` as `${secret.NAME}`; then rotate the exposed key; if it is not a secret, choose an entry name that does not end like one"
        } else {
            "remove it from the address and put it into `credentials` as `${secret.NAME}`; then rotate the exposed key"
        };
        let span = loaded.document.value_span(&format!("{pointer}{below}"));
        findings.push(Finding::error(Code::PlainSecret, message).at(span).hint(hint));
    }
}

pub(super) fn check_workspaces(loaded: &Loaded, findings: &mut Vec<Finding>) {
    for (index, workspace) in loaded.spec.workspaces.iter().enumerate() {
        let pointer = format!("/workspaces/{index}");
        rules::name(loaded, &pointer, &workspace.name, "workspace", 2..=64, findings);
        let group = workspace.resource_group.as_deref().or(loaded.spec.resource_group.as_deref());
        let problem = match group {
            None => Some((
                Code::MissingField,
                format!("workspace `{}` has no resource group", workspace.name),
                "set `resourceGroup` for the file or for the workspace",
            )),
            Some(name) if !crate::spec::is_group_name(name) => Some((
                Code::InvalidName,
                format!("`{name}` cannot name a resource group"),
                "1 to 90 letters, digits, `_`, `-`, `.`, `(` and `)`, not ending with `.`",
            )),
            Some(_) => None,
        };
        if let Some((code, message, hint)) = problem {
            let span = loaded.document.value_span(&format!("{pointer}/name"));
            findings.push(Finding::error(code, message).at(span).hint(hint));
        }
    }
}

/// Fields that only some ways to sign in have.
fn check_signing_in(loaded: &Loaded, pointer: &str, connection: &Connection, findings: &mut Vec<Finding>) {
    use ConnectionAuthType::{AccountManagedIdentity, OAuth2, ProjectManagedIdentity};
    let way = connection.auth_type;
    let identity = matches!(way, AccountManagedIdentity | ProjectManagedIdentity);
    for (name, is_given, fits, needs) in [
        (
            "audience",
            connection.audience.is_some(),
            identity,
            "AccountManagedIdentity` or `ProjectManagedIdentity",
        ),
        ("tokenUrl", connection.token_url.is_some(), way == OAuth2, "OAuth2"),
        ("scopes", connection.scopes.is_some(), way == OAuth2, "OAuth2"),
    ] {
        if is_given && !fits {
            let message = format!("`{name}` requires `authType: {needs}`");
            let span = loaded.document.value_span(&format!("{pointer}/{name}"));
            let finding = Finding::error(Code::InvalidValue, message).at(span);
            findings.push(finding.hint("remove the line, or correct `authType`"));
        }
    }
}

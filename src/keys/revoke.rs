//! Regenerates both keys of accounts (IO): accounts in parallel, the keys of one account in turn.
//!
//! Azure's answers contain the new keys and are discarded unread.

use futures_util::future::join_all;
use serde_json::json;

use crate::accounts::Standing;
use crate::arm::{Client, Effect, Error};
use crate::document::keys::{AccountRevocation, KeyOutcome, KeyStatus};
use crate::finding::{Code, Finding};
use crate::kinds::Described as _;
use crate::kinds::account::Accounts;
use crate::text::source::Sources;

/// The names of keys in ARM.
const KEYS: [&str; 2] = ["Key1", "Key2"];

/// Regenerates both keys of each account, with a finding for each key that may still be the old one.
pub(crate) async fn revoke(
    standing: &[Standing],
    client: &Client,
    sources: &Sources,
) -> (Vec<AccountRevocation>, Vec<Finding>) {
    let done = join_all(standing.iter().map(|account| both(account, client))).await;
    let mut findings = Vec::new();
    let mut accounts = Vec::new();
    for (account, (keys, problems)) in standing.iter().zip(done) {
        findings.extend(problems);
        accounts.push(AccountRevocation {
            address: account.address.clone(),
            name: account.name().to_owned(),
            id: account.id.to_string(),
            source: account.span.map(|span| sources.position(span)),
            keys,
        });
    }
    (accounts, findings)
}

async fn both(account: &Standing, client: &Client) -> (Vec<KeyOutcome>, Vec<Finding>) {
    let path = format!("{}/regenerateKey?api-version={}", account.id, Accounts.api_version());
    let (mut outcomes, mut findings) = (Vec::new(), Vec::new());
    for key in KEYS {
        let (status, reason) = match client.post_blindly(&path, &json!({"keyName": key})).await {
            Ok(_) => (KeyStatus::Regenerated, None),
            Err(error) => {
                let lost = error.effect != Effect::None;
                let (message, hint) = if lost {
                    (
                        format!("could not determine whether {key} of {} was regenerated", account.title()),
                        Some("run the command again: regenerating twice does no harm".to_owned()),
                    )
                } else {
                    let message = format!("failed to regenerate {key} of {}", account.title());
                    (message, while_off(account, &error).or_else(|| denied(&error)).or_else(|| error.hint()))
                };
                let mut reason = error.to_string();
                if error.status.is_some() {
                    reason.push_str("; its message is not shown, because it could contain a key");
                }
                let finding = Finding::error(Code::KeysNotRevoked, message).cause(reason.clone());
                findings.push(Finding { hint, span: account.span, ..finding });
                (if lost { KeyStatus::Unknown } else { KeyStatus::Failed }, Some(reason))
            }
        };
        outcomes.push(KeyOutcome { name: key.to_owned(), status, reason });
    }
    (outcomes, findings)
}

/// The permission that the caller lacks; Azure's own message is not read.
fn denied(error: &Error) -> Option<String> {
    let hint = "the caller needs `Microsoft.CognitiveServices/accounts/regenerateKey/action` on the account; a new role assignment takes a few minutes to take effect";
    (error.status == Some(403)).then(|| hint.to_owned())
}

/// A hint for a refusal while keys are disabled: whether Azure regenerates them then is not documented. A caller without permission gets a
/// 403, and must be told that.
fn while_off(account: &Standing, error: &Error) -> Option<String> {
    let hint =
        "its keys are disabled: no key is accepted now, but the old ones work again once keys are enabled";
    (!account.takes_keys() && error.status == Some(400)).then(|| hint.to_owned())
}

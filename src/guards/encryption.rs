//! Accounts that would lose access to the key they are encrypted with, which makes them unusable.
//!
//! The access policies of key vaults are not read.

use serde_json::Value;
use url::Url;

use super::assignments::{Grant, Grants};
use super::{Objection, Rule, accounts};
use crate::body::AccountBody;
use crate::id::{ResourceId, comparable};
use crate::plan::predict::World;
use crate::principals::object_id;

/// The data action an identity needs so that an account can use a key.
const UNWRAP: &str = "Microsoft.KeyVault/vaults/keys/unwrap/action";

pub(super) fn objections(
    before: &World,
    after: &World,
    old: &Grants<'_>,
    new: &Grants<'_>,
) -> Vec<Objection> {
    let mut objections = Vec::new();
    for (id, is) in accounts(after) {
        let Some((was, key)) = before.resource(id).zip(CustomerKey::of(is)) else { continue };
        let Some(reader) = key.reader(was).or_else(|| key.reader(is)) else { continue };
        let account = id.name();
        if reader.is_of(was) && !reader.is_of(is) {
            let message = format!(
                "the plan takes {} from account `{account}`, which reads its encryption key with it: the account would become unusable",
                reader.words()
            );
            objections.push(Objection::at(Rule::LockOut, id, message));
            continue;
        }
        let Some(principal) = reader.principal(was).map(comparable) else { continue };
        // A role with unknown permissions may allow reading the key, but cannot be relied on.
        let is_its = |grant: &&Grant<'_>| key.may_be_below(&grant.scope);
        let opened =
            |grant: &&Grant<'_>| is_its(grant) && grant.role.is_none_or(|role| role.can_on_data(UNWRAP));
        let opens = |grant: &&Grant<'_>| {
            is_its(grant)
                && grant.is_lasting(before, &grant.scope)
                && grant.role.is_some_and(|role| role.can_on_data(UNWRAP))
                && (!grant.is_conditional()
                    || old.alike(grant).any(|was| was.is(grant) && was.is_kept_by(grant)))
        };
        let lost =
            old.of_holder(&principal).filter(opened).find(|grant| !grant.is_kept(before, &grant.scope, new));
        let Some(lost) = lost.filter(|_| !new.of_holder(&principal).any(|grant| opens(&grant))) else {
            continue;
        };
        let message = format!(
            "the plan takes `{}` on `{}` from {} of account `{account}`, which reads its encryption key with it: unless an access policy of the vault allows it, the account would become unusable",
            lost.role_name(),
            lost.scope.name(),
            reader.words()
        );
        objections.push(Objection::at(Rule::LockOut, lost.id, message));
    }
    objections
}

/// A customer-managed key that encrypts an account.
struct CustomerKey<'a> {
    vault: String,
    name: &'a str,
    /// The client id of the identity that reads it, unless that is the account's own identity.
    client: Option<&'a str>,
}

/// The identity that reads a key.
enum KeyReader<'a> {
    Own,
    Attached(&'a str),
}

impl<'a> CustomerKey<'a> {
    fn of(account: &'a Value) -> Option<Self> {
        let encryption = AccountBody::of(account).encryption();
        let key = encryption.vault()?;
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let uri = Url::parse(text("keyVaultUri")?).ok()?;
        (encryption.source().is_none() || encryption.has_own_key()).then_some(())?;
        Some(Self {
            vault: uri.host_str()?.split('.').next()?.to_owned(),
            name: text("keyName").unwrap_or_default(),
            client: encryption.reader().filter(|client| !client.is_empty()),
        })
    }

    /// The identity that reads it, among those attached to an account; `None` if none has that client id.
    fn reader<'b>(&self, account: &'b Value) -> Option<KeyReader<'b>> {
        let Some(client) = self.client.map(comparable) else { return Some(KeyReader::Own) };
        let mut attached = account["identity"]["userAssignedIdentities"].as_object().into_iter().flatten();
        let is = |body: &Value| body["clientId"].as_str().is_some_and(|id| comparable(id) == client);
        attached.find(|(_, body)| is(body)).map(|(id, _)| KeyReader::Attached(id))
    }

    /// Whether an assignment at a scope may apply to this key. The key's URI names the vault but not its scope.
    fn may_be_below(&self, scope: &ResourceId) -> bool {
        let vault = scope.tracked();
        match vault.resource_type().map(|name| name.to_ascii_lowercase()).as_deref() {
            None | Some("microsoft.management/managementgroups") => true,
            Some("microsoft.keyvault/vaults" | "microsoft.keyvault/managedhsms") => {
                let key = scope.segment_after("keys");
                vault.name().eq_ignore_ascii_case(&self.vault)
                    && key.is_none_or(|key| key.eq_ignore_ascii_case(self.name))
            }
            Some(_) => false,
        }
    }
}

impl KeyReader<'_> {
    fn is_of(&self, account: &Value) -> bool {
        let identity = &account["identity"];
        let types = identity["type"].as_str().unwrap_or_default().to_ascii_lowercase();
        match self {
            Self::Own => types.contains("systemassigned"),
            Self::Attached(reader) => {
                let attached = identity["userAssignedIdentities"].as_object();
                let mut names = attached.into_iter().flatten().filter(|(_, body)| !body.is_null());
                types.contains("userassigned") && names.any(|(id, _)| id.eq_ignore_ascii_case(reader))
            }
        }
    }

    fn principal<'a>(&self, account: &'a Value) -> Option<&'a str> {
        let identity = &account["identity"];
        match self {
            Self::Own => object_id(identity),
            Self::Attached(id) => {
                let mut attached = identity["userAssignedIdentities"].as_object().into_iter().flatten();
                object_id(attached.find(|(name, _)| name.eq_ignore_ascii_case(id))?.1)
            }
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Own => "the system-assigned identity".to_owned(),
            Self::Attached(id) => format!("user-assigned identity `{id}`"),
        }
    }
}

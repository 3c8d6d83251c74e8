//! Soft-deleted accounts: list, read, purge. Deleting and restoring is `accounts`.

use super::account_body as body;
use super::accounts::{PAGE, same_place};
use crate::sandbox::arm::operations::announce;
use crate::sandbox::http::{Item, Reply, Request, errors, page};
use crate::sandbox::state::{DeletedAccount, Operation, World, account_key, derived_id};

/// A deleted account, as named in a URL.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeletedPlace<'a> {
    pub(crate) subscription: &'a str,
    pub(crate) location: &'a str,
    pub(crate) group: &'a str,
    pub(crate) name: &'a str,
}

impl DeletedPlace<'_> {
    fn find<'w>(&self, world: &'w World) -> Option<&'w DeletedAccount> {
        let found =
            world.state.deleted_accounts.get(&account_key(self.subscription, self.group, self.name))?;
        // A wrong location gets the same 404 as an unknown account.
        same_place(&found.account.location, self.location).then_some(found)
    }

    fn not_found(&self) -> Reply {
        errors::resource_not_found("Microsoft.CognitiveServices/deletedAccounts", self.name, self.group)
    }
}

/// `GET deletedAccounts` of a subscription.
pub(crate) fn list(world: &World, request: &Request, subscription: &str) -> Reply {
    let prefix = format!("/subscriptions/{subscription}/").to_lowercase();
    let found =
        world.state.deleted_accounts.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
    let items = found.map(|(key, deleted)| {
        let item = move || -> Item {
            let deleted = deleted.clone();
            Box::new(move || body::deleted(&deleted))
        };
        (key.as_str(), item)
    });
    page(request, PAGE, items)
}

/// `GET .../deletedAccounts/{name}`.
pub(crate) fn get(world: &World, place: DeletedPlace) -> Reply {
    match place.find(world) {
        Some(deleted) => Reply::text(200, body::deleted(deleted)),
        None => place.not_found(),
    }
}

/// `DELETE .../deletedAccounts/{name}`: purges the account, as a long-running operation.
pub(crate) fn purge(world: &mut World, request: &Request, place: DeletedPlace) -> Reply {
    let Some(deleted) = place.find(world) else {
        return place.not_found();
    };
    let key = deleted.account.key();
    let id = deleted.account.derived_id(&format!("purge:{}", deleted.account.revision)).to_string();
    let operation = Operation {
        subscription: place.subscription.to_owned(),
        location: place.location.to_owned(),
        status: String::from("Deleting"),
        account: None,
        started_at: world.now.as_millisecond(),
        done_at: world.done_at(),
        over: false,
    };
    world.purge_account(&key);
    let id = derived_id(&id).to_string();
    let reply = announce(Reply::empty(202), request, &operation, &id, true);
    world.start_operation(id, operation);
    reply
}

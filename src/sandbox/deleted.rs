//! Soft-deleted accounts: list, read, purge. Deleting and restoring is `accounts`.

use super::account_body as body;
use super::accounts::{PAGE, same_place};
use super::errors;
use super::http::{Item, Reply, Request, page};
use super::operations::announce;
use super::state::{DeletedAccount, Operation, account_key, derived_id};
use super::world::World;

/// A deleted account as a URL names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) subscription: &'a str,
    pub(super) location: &'a str,
    pub(super) group: &'a str,
    pub(super) name: &'a str,
}

impl Place<'_> {
    fn find<'w>(&self, world: &'w World) -> Option<&'w DeletedAccount> {
        let found =
            world.state.deleted_accounts.get(&account_key(self.subscription, self.group, self.name))?;
        // A wrong location finds nothing, and says no more than that.
        same_place(&found.account.location, self.location).then_some(found)
    }

    fn not_found(&self) -> Reply {
        errors::resource_not_found("Microsoft.CognitiveServices/deletedAccounts", self.name, self.group)
    }
}

/// `GET deletedAccounts` of a subscription.
pub(super) fn list(world: &World, request: &Request, subscription: &str) -> Reply {
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
pub(super) fn get(world: &World, place: Place) -> Reply {
    match place.find(world) {
        Some(deleted) => Reply::text(200, body::deleted(deleted)),
        None => place.not_found(),
    }
}

/// `DELETE .../deletedAccounts/{name}`: gone for good, as an operation.
pub(super) fn purge(world: &mut World, request: &Request, place: Place) -> Reply {
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

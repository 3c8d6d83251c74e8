//! Which models a role opens, for people.

use crate::document::access::{AccountAccess, Callable, Models};
use crate::rbac;

/// What to add to a way in: nothing if it opens all models, or the account serves none.
pub(super) fn models(models: Option<Models>) -> String {
    let Some(Models { openai, anthropic, others }) = models else { return String::new() };
    let each = [(openai, "OpenAI"), (anthropic, "Claude"), (others, "other publishers")];
    if each.iter().all(|(callable, _)| *callable == Callable::All) {
        return String::new();
    }
    let words = each.map(|(callable, whose)| match callable {
        Callable::All => whose.to_owned(),
        Callable::Some => format!("some of {whose}"),
        Callable::Perhaps => format!("perhaps {whose}"),
        Callable::None => format!("not {whose}"),
    });
    format!(" (models: {})", words.join(", "))
}

/// An account that no role opens.
pub(super) fn nobody(account: &AccountAccess) -> &'static str {
    if account.complete && rbac::service(account.kind.as_deref()).is_some() {
        "nobody can call it with a token"
    } else if account.complete {
        "nobody can call its models with a token"
    } else {
        "could not determine who can call with a token"
    }
}

//! Which accounts take API keys, as a page.

use maud::{Markup, html};

use super::T;
use super::page::{filter, place, tiles};
use crate::document::keys::{AccountKeys, Keys, KeysStatement};
use crate::id::ResourceId;

/// The accounts in one table, those that take keys first.
pub(in crate::render) fn status(status: &KeysStatement) -> Markup {
    let mut accounts: Vec<&AccountKeys> = status.accounts.iter().collect();
    accounts.sort_by_key(|account| account.keys == Keys::Disabled);
    html! {
        (tiles(&[
            (status.summary.enabled, "keys enabled", "bad"),
            (status.summary.disabled, "keys disabled", "good"),
        ]))
        @if !accounts.is_empty() {
            div.tools.unready { (filter("filter", "Filter accounts", "rows")) output #shown aria-live="polite" {} }
            div.scroll tabindex="0" role="region" aria-label="Accounts and their keys" {
                table.plain #rows {
                    caption.hidden { "Accounts and whether they take API keys" }
                    thead { tr {
                        th scope="col" { "API keys" }
                        th scope="col" { "Account" }
                        th scope="col" { "Resource group" }
                        th scope="col" { "Subscription" }
                        th scope="col" { "Declared" }
                    } }
                    tbody { @for account in accounts { (row(account)) } }
                }
            }
        }
    }
}

fn row(account: &AccountKeys) -> Markup {
    let id = ResourceId::parse(&account.id).ok();
    let part = |name: &str| id.as_ref().and_then(|id| id.segment_after(name)).unwrap_or_default();
    html! {
        tr data-item {
            td { @match account.keys {
                Keys::Enabled => strong.badge.bad { "enabled" },
                Keys::Disabled => span.badge.good { "disabled" },
            } }
            th scope="row" { (T(&account.name)) }
            td { (T(part("resourceGroups"))) }
            td { code { (T(part("subscriptions"))) } }
            td { (place(account.source.as_ref())) }
        }
    }
}

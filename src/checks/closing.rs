//! Networks that a plan closes completely: every caller that uses the public address is locked out, including the caller of `apply`. No
//! guard refuses that, so a warning says it.

use serde_json::Value;

use super::{Case, Verdict};
use crate::body::AccountBody;
use crate::finding::Code;
use crate::kinds;
use crate::plan::predict::World;

/// The fields that close a network, in the order in which they are checked.
const FIELDS: [&[&str]; 4] = [
    &["publicNetworkAccess"],
    &["networkAcls", "defaultAction"],
    &["networkAcls", "ipRules"],
    &["networkAcls", "virtualNetworkRules"],
];

/// Who can reach an account over its public address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Public {
    /// Everybody.
    Open,
    /// Only what its rules name.
    Rules,
    /// No address: there are no rules.
    NoRules,
    /// No address, whatever the rules say.
    Off,
}

impl Public {
    pub(super) fn of(account: &Value) -> Self {
        let network = AccountBody::of(account).network();
        if network.public().is_some_and(|access| access.eq_ignore_ascii_case("Disabled")) {
            Self::Off
        } else if !network.denies() {
            Self::Open
        } else if network.has_rules() {
            Self::Rules
        } else {
            Self::NoRules
        }
    }

    fn is_shut(self) -> bool {
        matches!(self, Self::NoRules | Self::Off)
    }
}

pub(super) fn verdicts(case: &Case<'_>, after: &World) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for (id, (change, old, new)) in case.rewritten(after) {
        let is_account = kinds::by_id(&id).is_some_and(|kind| kind.name() == "accounts");
        let now = Public::of(new);
        if !is_account || Public::of(old).is_shut() || !now.is_shut() {
            continue;
        }
        let fields = &case.plan.changes[change].fields;
        let changes =
            |path: &&&[&str]| fields.iter().any(|field| field.path == **path && field.before != field.after);
        let field = FIELDS.iter().find(changes).copied().unwrap_or_default();
        let why = match now {
            Public::Off => "`publicNetworkAccess` is Disabled",
            _ => "`networkAcls` denies by default and names no address or subnet",
        };
        let message = format!(
            "the plan closes account `{}` to every public address ({why}): {}",
            id.name(),
            who_is_left(new, now)
        );
        let hint = "check that its applications, and the runner of `keyless verify`, can reach it another way; keyless does not manage private endpoints";
        verdicts.push(case.warning(Code::ClosedNetwork, change, field, message, Some(hint.to_owned())));
    }
    verdicts
}

fn who_is_left(account: &Value, public: Public) -> String {
    let is = |word: Option<&str>, wanted: &str| word.is_some_and(|word| word.eq_ignore_ascii_case(wanted));
    let account = AccountBody::of(account);
    let trusted = public == Public::NoRules && is(account.network().bypass(), "AzureServices");
    let besides = if trusted { ", besides the Azure services that `bypass` trusts" } else { "" };
    match account.private_endpoints().filter(|state| is(*state, "Approved")).count() {
        0 if trusted => {
            "it has no approved private endpoint, so only the Azure services that `bypass` trusts can call it"
                .to_owned()
        }
        0 => "it has no approved private endpoint, so nobody can call it".to_owned(),
        1 => format!("only its private endpoint still reaches it{besides}"),
        several => format!("only its {several} private endpoints still reach it{besides}"),
    }
}

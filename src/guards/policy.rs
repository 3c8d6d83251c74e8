//! Content filters as guards compare them: what a policy stops by itself and by the policy that it starts from.
//!
//! A filter stops what is at its threshold or worse, so `Low` stops most and `High` least:
//! <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter-severity-levels>. What a policy does not list it takes
//! from its base, as Microsoft's own guides have it, which send an empty list with a base:
//! <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/use-blocklists>. What Azure does not show counts as stricter where a plan
//! leaves it, and as weaker where a plan comes to it.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::id::ResourceId;
use crate::plan::predict::World;

/// The policy of a deployment that names none.
pub(super) const DEFAULT: &str = "Microsoft.DefaultV2";
/// Longer chains of bases than anybody has count as not shown.
const DEEPEST: usize = 8;

/// Azure's own policies as its documentation has them, for accounts that do not exist yet and so can show none:
/// <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/default-safety-policies>. That protected code is told of and not
/// stopped is what the portal's copies of it say.
static DOCUMENTED: LazyLock<[(&str, Value); 2]> = LazyLock::new(|| {
    let filter = |name: &str, source: &str, blocking: bool| json!({"name": name, "source": source, "enabled": true, "blocking": blocking});
    let mut harms = Vec::new();
    for name in ["Hate", "Sexual", "Violence", "Selfharm"] {
        for source in ["Prompt", "Completion"] {
            let mut filter = filter(name, source, true);
            filter["severityThreshold"] = json!("Medium");
            harms.push(filter);
        }
    }
    let mut all = harms.clone();
    all.push(filter("Jailbreak", "Prompt", true));
    all.push(filter("Protected Material Text", "Completion", true));
    all.push(filter("Protected Material Code", "Completion", false));
    let policy = |filters: Vec<Value>| json!({"properties": {"mode": "Blocking", "contentFilters": filters}});
    [("Microsoft.Default", policy(harms)), (DEFAULT, policy(all))]
});

/// What an account's policies are, in one state.
#[derive(Debug, Clone)]
pub(super) struct Policies<'a> {
    /// The state.
    pub(super) world: &'a World,
    /// The account.
    pub(super) account: ResourceId,
    /// Whether it was live before the plan, so that Azure could show its policies.
    pub(super) live: bool,
}

impl<'a> Policies<'a> {
    /// A policy as Azure shows it.
    pub(super) fn find(&self, name: &str) -> Option<&'a Value> {
        let shown = self.world.resource(&self.account.child("raiPolicies", name));
        let documented = || DOCUMENTED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        shown.or_else(|| if self.live { None } else { documented().map(|(_, policy)| policy) })
    }

    /// All that a policy stops.
    pub(super) fn effective(&self, policy: &'a Value) -> Effective<'a> {
        let mut effective = Effective { filters: Vec::new(), unshown: None, policy };
        let mut at = policy;
        for _ in 0..DEEPEST {
            let own = elements(at, "contentFilters").filter(|filter| {
                let key = identity(filter, "name");
                !effective.filters.iter().any(|known| identity(known, "name") == key)
            });
            let own: Vec<&Value> = own.collect();
            effective.filters.extend(own);
            let Some(base) = at["properties"]["basePolicyName"].as_str() else { return effective };
            match self.find(base) {
                // One that is said to start from itself starts from nothing.
                Some(found) if std::ptr::eq(found, at) => return effective,
                Some(found) => at = found,
                None => {
                    effective.unshown = Some(base);
                    return effective;
                }
            }
        }
        effective.unshown = at["properties"]["basePolicyName"].as_str();
        effective
    }
}

/// What a policy stops, with what it takes from others.
#[derive(Debug)]
pub(super) struct Effective<'a> {
    filters: Vec<&'a Value>,
    /// The base that the rest comes from, where Azure does not show it.
    unshown: Option<&'a str>,
    policy: &'a Value,
}

impl Effective<'_> {
    /// What it stops no longer once another is in its place, in words.
    pub(super) fn lost(&self, new: &Effective<'_>) -> Vec<String> {
        let mut lost = Vec::new();
        if !is_late(self.policy) && is_late(new.policy) {
            lost.push("answers no longer wait for the filter (mode)".to_owned());
        }
        for before in self.filters.iter().filter(|filter| stops(filter)) {
            let key = identity(before, "name");
            let title = title(before);
            let mut after = new.filters.iter().filter(|filter| identity(filter, "name") == key).peekable();
            if after.peek().is_none() {
                lost.push(match new.unshown {
                    Some(base) => format!("{title} is left to `{base}`, which Azure does not show"),
                    None => format!("{title} is gone"),
                });
            }
            lost.extend(after.find_map(|after| weaker(before, after)).map(|what| format!("{title} {what}")));
        }
        lost.extend(self.lost_of_base(new));
        for (list, name) in [("customBlocklists", "blocklistName"), ("safetyProviders", "safetyProviderName")]
        {
            lost.extend(detached(self.policy, new.policy, list, name));
        }
        lost
    }

    /// What may be lost of a base that Azure does not show.
    fn lost_of_base(&self, new: &Effective<'_>) -> Option<String> {
        let base = self.unshown?;
        if new.unshown.is_none_or(|other| !other.eq_ignore_ascii_case(base)) {
            return Some(format!("it no longer starts from `{base}`, which Azure does not show"));
        }
        let listed = |filter: &&&Value| {
            self.filters.iter().any(|known| identity(known, "name") == identity(filter, "name"))
        };
        let strictest = |filter: &&Value| stops(filter) && level(filter, usize::MAX) == 0;
        let lax = new.filters.iter().filter(|filter| !listed(filter)).filter(|filter| !strictest(filter));
        let first = lax.map(|filter| title(filter)).min()?;
        Some(format!("{first} may stop less than in `{base}`, which Azure does not show"))
    }
}

/// How a filter stops less than another.
fn weaker(before: &Value, after: &Value) -> Option<String> {
    let shown = |filter: &Value| filter["severityThreshold"].as_str().unwrap_or("Low").to_owned();
    if after["enabled"] == false {
        Some("is disabled".to_owned())
    } else if !stops(after) {
        Some("no longer blocks".to_owned())
    } else if level(after, usize::MAX) > level(before, 0)
        && !shown(after).eq_ignore_ascii_case(&shown(before))
    {
        Some(format!("stops from {} on, and did from {}", shown(after), shown(before)))
    } else {
        None
    }
}

/// Blocklists, or providers of filters, that are no longer asked or no longer block.
fn detached<'a>(
    old: &'a Value,
    new: &'a Value,
    list: &'static str,
    name: &'static str,
) -> impl Iterator<Item = String> + use<'a> {
    elements(old, list).filter_map(move |before| {
        let key = identity(before, name);
        let what = match elements(new, list).find(|after| identity(after, name) == key) {
            None => "is detached",
            Some(after) if before["blocking"] == true && after["blocking"] != true => "no longer blocks",
            Some(_) => return None,
        };
        let text = |member: &str| before[member].as_str().unwrap_or("?").to_owned();
        Some(format!("`{}` of `{}` ({list}) {what}", text(name), text("source")))
    })
}

/// Whether a policy lets answers out before it has looked: `Deferred`, of late called `Asynchronous_filter`.
fn is_late(policy: &Value) -> bool {
    let mode = policy["properties"]["mode"].as_str().unwrap_or_default();
    ["Deferred", "Asynchronous_filter"].iter().any(|late| mode.eq_ignore_ascii_case(late))
}

fn elements<'a>(policy: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    policy["properties"][list].as_array().into_iter().flatten()
}

/// Whether a filter stops anything at all. Newer descriptions have an `action` beside `blocking`, `None` where that decides.
fn stops(filter: &Value) -> bool {
    let action = filter["action"].as_str().unwrap_or_default();
    let is = |words: &[&str]| words.iter().any(|word| action.eq_ignore_ascii_case(word));
    let blocks = filter["blocking"] == true || is(&["BLOCKING", "HITL", "RETRY"]);
    filter["enabled"] != false && blocks && !is(&["ANNOTATING"])
}

/// What makes two elements the same: name and source. Azure writes `Protected Material Text` and `protected_material_text`.
fn identity(element: &Value, name: &str) -> [String; 2] {
    [name, "source"].map(|member| {
        let text = element[member].as_str().unwrap_or_default();
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    })
}

fn title(filter: &Value) -> String {
    let text = |name: &str| filter[name].as_str().unwrap_or("?").to_owned();
    format!("`{}` of `{}`", text("name"), text("source"))
}

/// From which severity on a filter stops; one that does not say stops everything that it finds.
fn level(filter: &Value, unknown: usize) -> usize {
    let Some(named) = filter["severityThreshold"].as_str() else { return 0 };
    ["Low", "Medium", "High"].iter().position(|level| level.eq_ignore_ascii_case(named)).unwrap_or(unknown)
}

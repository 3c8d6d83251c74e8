//! Content filters as guards compare them: what a policy blocks, including what it inherits from its base.
//!
//! A filter blocks content at its threshold or worse, so `Low` blocks the most and `High` the least:
//! <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter-severity-levels>. A policy inherits from its base what it
//! does not list, as Microsoft's own guides assume when they send an empty list with a base:
//! <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/use-blocklists>. What Azure does not show, and members whose meaning is not
//! documented, count as stricter before a plan and as weaker after it ([`is_lost`]); a member that is unchanged loses nothing. An unset
//! mode has a documented meaning: answers are held back until they are filtered:
//! <https://learn.microsoft.com/azure/foundry/openai/concepts/content-streaming>.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::id::ResourceId;
use crate::plan::predict::World;

/// The policy of a deployment that names none.
pub(super) const DEFAULT: &str = "Microsoft.DefaultV2";
/// Filters with severity levels, named as [`identity`] spells them.
const GRADED: &[&str] = &["hate", "sexual", "violence", "selfharm"];
/// Chains of bases longer than this count as not shown.
const DEEPEST: usize = 8;

/// Azure's own policies as documented, for accounts that do not exist yet and so cannot show any:
/// <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/default-safety-policies>. The portal's copies say that protected code is
/// annotated, not blocked.
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

/// An account's policies in one state.
#[derive(Debug, Clone)]
pub(super) struct Policies<'a> {
    pub(super) world: &'a World,
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

    /// Everything that a policy blocks.
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
                // A policy that names itself as its base has none.
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

/// What a policy blocks, including what it inherits.
#[derive(Debug)]
pub(super) struct Effective<'a> {
    filters: Vec<&'a Value>,
    /// The base of the rest, if Azure does not show it.
    unshown: Option<&'a str>,
    policy: &'a Value,
}

impl Effective<'_> {
    /// What it no longer blocks once another policy replaces it, in words.
    pub(super) fn lost(&self, new: &Effective<'_>) -> Vec<String> {
        let mut lost = Vec::new();
        if is_lost([self.policy, new.policy].map(waits)) {
            lost.push("answers no longer wait for the filter (mode)".to_owned());
        }
        for before in self.filters.iter().filter(|filter| stops(filter) != Some(false)) {
            let key = identity(before, "name");
            let title = title(before);
            let mut after = new.filters.iter().filter(|filter| identity(filter, "name") == key).peekable();
            if after.peek().is_none() {
                lost.push(match new.unshown {
                    Some(base) => format!("{title} now comes from `{base}`, which Azure does not show"),
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

    /// What may be lost with a base that Azure does not show.
    fn lost_of_base(&self, new: &Effective<'_>) -> Option<String> {
        let base = self.unshown?;
        if new.unshown.is_none_or(|other| !other.eq_ignore_ascii_case(base)) {
            return Some(format!("it no longer has the base `{base}`, which Azure does not show"));
        }
        let listed = |filter: &&&Value| {
            self.filters.iter().any(|known| identity(known, "name") == identity(filter, "name"))
        };
        let strictest = |filter: &&Value| stops(filter) == Some(true) && level(filter, usize::MAX) == 0;
        let lax = new.filters.iter().filter(|filter| !listed(filter)).filter(|filter| !strictest(filter));
        let first = lax.map(|filter| title(filter)).min()?;
        Some(format!("{first} may stop less than in `{base}`, which Azure does not show"))
    }
}

/// A member of two filters or policies, before and after: its value, and whether that means yes, no or unknown.
type PolicyMember<'a> = ([&'a Value; 2], Option<bool>);

/// Whether a yes is lost, the one rule for all members: unknown counts as yes before and as no after.
fn is_lost([(before, was), (after, is)]: [PolicyMember<'_>; 2]) -> bool {
    before != after && was != Some(false) && is != Some(true)
}

/// How a filter blocks less than another one that may block something.
fn weaker(before: &Value, after: &Value) -> Option<String> {
    let said = |is: Option<bool>, no: &str, unknown: &str| {
        Some(if is == Some(false) { no } else { unknown }.to_owned())
    };
    if is_lost([before, after].map(enabled)) {
        return said(enabled(after).1, "is disabled", "is no longer known to be enabled");
    }
    if is_lost([before, after].map(blocks)) {
        return said(blocks(after).1, "is no longer blocked", "is no longer known to be blocked");
    }
    let threshold = |filter: &Value| filter["severityThreshold"].as_str().map(str::to_owned);
    let (had, has) = (threshold(before), threshold(after));
    let same = match (&had, &has) {
        (Some(had), Some(has)) => had.eq_ignore_ascii_case(has),
        (None, None) => true,
        _ => false,
    };
    let unsaid = had.is_some() && has.is_none();
    if same || !(unsaid || level(after, usize::MAX) > level(before, 0)) {
        return None;
    }
    let had = had.unwrap_or_else(|| "Low".to_owned());
    Some(match has {
        Some(has) => format!("is blocked from {has}; before, from {had}"),
        None => format!("has no severity threshold; before, {had}"),
    })
}

/// Blocklists or filter providers that are no longer used or no longer block.
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
            Some(after) if is_lost([before, after].map(blocks)) => "no longer blocks",
            Some(_) => return None,
        };
        let text = |member: &str| before[member].as_str().unwrap_or("?").to_owned();
        Some(format!("`{}` of `{}` ({list}) {what}", text(name), text("source")))
    })
}

/// Whether answers are held back until a policy has checked them: not with `Deferred`, now called `Asynchronous_filter`.
fn waits(policy: &Value) -> PolicyMember<'_> {
    let mode = &policy["properties"]["mode"];
    let is = |words: &[&str]| {
        mode.as_str().is_some_and(|mode| words.iter().any(|word| mode.eq_ignore_ascii_case(word)))
    };
    let waits = if mode.is_null() || is(&["Blocking", "Default"]) {
        Some(true)
    } else if is(&["Deferred", "Asynchronous_filter"]) {
        Some(false)
    } else {
        None
    };
    ([mode, &Value::Null], waits)
}

fn elements<'a>(policy: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    policy["properties"][list].as_array().into_iter().flatten()
}

fn enabled(filter: &Value) -> PolicyMember<'_> {
    let enabled = &filter["enabled"];
    ([enabled, &Value::Null], enabled.as_bool())
}

/// Whether detected content is withheld. Newer API descriptions have an `action` besides `blocking`, which decides if `action` is missing.
fn blocks(element: &Value) -> PolicyMember<'_> {
    let (blocking, action) = (&element["blocking"], &element["action"]);
    let is = |words: &[&str]| {
        action.as_str().is_some_and(|action| words.iter().any(|word| action.eq_ignore_ascii_case(word)))
    };
    let blocks = if is(&["BLOCKING", "HITL", "RETRY"]) {
        Some(true)
    } else if is(&["ANNOTATING"]) {
        Some(false)
    } else if action.is_null() || is(&["None"]) {
        blocking.as_bool()
    } else {
        None
    };
    ([blocking, action], blocks)
}

/// Whether a filter blocks anything at all.
fn stops(filter: &Value) -> Option<bool> {
    match (enabled(filter).1, blocks(filter).1) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

/// What identifies an element: name and source. Azure writes both `Protected Material Text` and `protected_material_text`.
fn identity(element: &Value, name: &str) -> [String; 2] {
    [name, "source"].map(|member| {
        let text = element[member].as_str().unwrap_or_default();
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    })
}

fn title(filter: &Value) -> String {
    let text = |name: &str| filter[name].as_str().unwrap_or("?").to_owned();
    let name = text("name");
    match text("source").as_str() {
        "Prompt" => format!("`{name}` in prompts"),
        "Completion" => format!("`{name}` in completions"),
        other => format!("`{name}` of `{other}`"),
    }
}

/// The severity from which a filter blocks; one without severity levels blocks everything it detects.
fn level(filter: &Value, unknown: usize) -> usize {
    let named = filter["severityThreshold"].as_str();
    let position =
        |named| ["Low", "Medium", "High"].iter().position(|level| level.eq_ignore_ascii_case(named));
    match named {
        None if !GRADED.contains(&identity(filter, "name")[0].as_str()) => 0,
        _ => named.and_then(position).unwrap_or(unknown),
    }
}

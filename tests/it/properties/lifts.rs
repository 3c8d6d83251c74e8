//! Guards and the flags that lift them.

use keyless::document::FindingEntry;
use keyless::guards::{self, Allow};
use keyless::plan::predict::World;

use super::laws::Tally;
use super::*;

/// The flag that a refusal names, as a shell would read it.
fn flag(refusal: &FindingEntry) -> Result<String, String> {
    let hint = refusal.hint.as_deref().unwrap_or_default();
    let (_, flag) = hint.split_once("--allow ").ok_or_else(|| format!("no flag in `{hint}`"))?;
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:@=,+%".contains(c));
    if plain(flag) {
        return Ok(flag.to_owned());
    }
    let quoted = flag.strip_prefix('\'').and_then(|flag| flag.strip_suffix('\''));
    let text = quoted.map(|quoted| quoted.replace(r"'\''", "\u{1}")).filter(|text| !text.contains('\''));
    text.map(|text| text.replace('\u{1}', "'"))
        .ok_or_else(|| format!("`--allow {flag}` cannot be copied to a shell as it stands"))
}

/// Each refusal names a flag; the flag lifts this refusal and, but for others of the same rule and address, no other.
pub(super) fn lifts(case: &Case, _: &mut Tally) -> Result<(), String> {
    let world = World::of(&case.seen.snapshot);
    let caller = case.caller.and_then(|id| uuid::Uuid::try_parse(id).ok());
    let refusals = |allowed: &[Allow]| -> Vec<FindingEntry> {
        let findings = guards::judge(&case.planned.plan, &world, caller, allowed);
        findings.into_iter().filter(FindingEntry::is_refusal).collect()
    };
    let all = refusals(&[]);
    for refusal in &all {
        let text = flag(refusal)?;
        let allow: Allow = text.parse().map_err(|error| format!("`--allow {text}`: {error}"))?;
        let left = refusals(std::slice::from_ref(&allow));
        if left.contains(refusal) {
            return Err(format!("`--allow {text}` does not lift {}", refusal.message));
        }
        let lost =
            all.iter().find(|other| flag(other).is_ok_and(|flag| flag != text) && !left.contains(other));
        if let Some(lost) = lost {
            return Err(format!("`--allow {text}` also lifts {}", lost.message));
        }
        let rule = text.split(':').next().unwrap_or_default();
        let everywhere: Allow = rule.parse().map_err(|error| format!("`--allow {rule}`: {error}"))?;
        if refusals(&[everywhere]).iter().any(|left| left.code == refusal.code) {
            return Err(format!("`--allow {rule}` leaves a refusal of that rule"));
        }
    }
    Ok(())
}

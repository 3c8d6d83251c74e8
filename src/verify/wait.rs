//! How long to wait for what was just granted: a pure machine over elapsed time.

use std::time::Duration;

use super::verdict::Verdict;

/// A role assignment takes up to five minutes to become effective:
/// <https://learn.microsoft.com/azure/ai-services/openai/how-to/managed-identity>.
#[cfg(test)]
const PROPAGATION: Duration = Duration::from_mins(5);

/// Waits between attempts; the last one repeats.
const WAITS: [u64; 5] = [2, 4, 8, 15, 30];

/// When to ask again after so many attempts, or nothing if this verdict stands.
#[must_use]
pub fn again(verdict: &Verdict, attempts: usize, elapsed: Duration, limit: Duration) -> Option<Duration> {
    let step = WAITS[attempts.saturating_sub(1).min(WAITS.len() - 1)];
    let left = limit.checked_sub(elapsed).filter(|left| !left.is_zero())?;
    verdict.may_pass.then(|| Duration::from_secs(step).min(left))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::verify::probe::Call;
    use crate::verify::verdict::{Answered, judge};

    fn verdict(status: u16, code: &str, message: &str) -> Verdict {
        let body = Some(json!({"error": {"code": code, "message": message}}));
        judge(Call::Chat, &Answered::Answer { status, body })
    }

    #[test]
    fn a_missing_role_is_asked_for_until_five_minutes_are_over_and_never_later() {
        let missing = verdict(401, "PermissionDenied", "x");
        let (mut elapsed, mut attempts) = (Duration::ZERO, 1);
        while let Some(wait) = again(&missing, attempts, elapsed, PROPAGATION) {
            elapsed += wait;
            attempts += 1;
        }
        assert_eq!(elapsed, PROPAGATION);
        assert!((10..20).contains(&attempts), "{attempts}");
        assert_eq!(again(&missing, 1, Duration::ZERO, Duration::ZERO), None, "told not to wait");
    }

    #[test]
    fn what_time_does_not_mend_is_not_waited_for() {
        for standing in [
            verdict(403, "403", "Public access is disabled. Please configure private endpoint."),
            verdict(400, "BadRequest", "Please provide a custom subdomain for token authentication"),
            judge(Call::Chat, &Answered::Answer { status: 200, body: Some(json!({"choices": [{}]})) }),
        ] {
            assert_eq!(again(&standing, 1, Duration::ZERO, PROPAGATION), None, "{standing:?}");
        }
    }
}

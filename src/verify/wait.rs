//! How long to wait for new grants and resources: a pure machine over elapsed time.

use std::time::Duration;

use super::recent::Recent;
use super::verdict::{Awaits, Judgement};

/// The maximum time for a role assignment to take effect: <https://learn.microsoft.com/azure/ai-services/openai/how-to/managed-identity>.
#[cfg(test)]
const PROPAGATION: Duration = Duration::from_mins(5);

/// The waits between attempts; the last one repeats.
const WAITS: [u64; 5] = [2, 4, 8, 15, 30];

/// The number of attempts if throttled or failing.
const TRIES: usize = 3;

/// The wait before the next attempt, or `None` if the verdict is final.
#[must_use]
pub(crate) fn again(
    verdict: &Judgement,
    recent: Recent,
    attempts: usize,
    elapsed: Duration,
    limit: Duration,
) -> Option<Duration> {
    let step = WAITS[attempts.saturating_sub(1).min(WAITS.len() - 1)];
    let left = limit.checked_sub(elapsed).filter(|left| !left.is_zero())?;
    let arrives = match verdict.awaits {
        Awaits::Nothing => false,
        Awaits::Grant => recent.grant,
        Awaits::Made => recent.made,
        Awaits::Name => recent.account,
        Awaits::Write => recent.written,
        Awaits::Calm => attempts < TRIES,
    };
    arrives.then(|| Duration::from_secs(step).min(left))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::verify::probe::{Ask, Call};
    use crate::verify::verdict::{Answered, judge};

    const ALL: Recent = Recent { grant: true, made: true, account: true, written: true };

    fn verdict(status: u16, code: &str, message: &str) -> Judgement {
        let body = Some(json!({"error": {"code": code, "message": message}}));
        judge(Call::Model(Ask::Chat), &Answered::Answer { status, body })
    }

    #[test]
    fn a_missing_role_is_asked_for_until_five_minutes_are_over_and_never_later() {
        let missing = verdict(401, "PermissionDenied", "x");
        let (mut elapsed, mut attempts) = (Duration::ZERO, 1);
        let recent = Recent { grant: true, ..Recent::default() };
        while let Some(wait) = again(&missing, recent, attempts, elapsed, PROPAGATION) {
            elapsed += wait;
            attempts += 1;
        }
        assert_eq!(elapsed, PROPAGATION);
        assert!((10..20).contains(&attempts), "{attempts}");
        let waits: Vec<u64> = (1..8)
            .filter_map(|attempts| again(&missing, recent, attempts, Duration::ZERO, PROPAGATION))
            .map(|wait| wait.as_secs())
            .collect();
        assert_eq!(waits, [2, 4, 8, 15, 30, 30, 30], "soon at first, then ever slower");
        assert_eq!(again(&missing, recent, 1, Duration::ZERO, Duration::ZERO), None, "told not to wait");
    }

    #[test]
    fn what_time_does_not_mend_is_not_waited_for() {
        for standing in [
            verdict(403, "403", "Public access is disabled. Please configure private endpoint."),
            verdict(400, "BadRequest", "Please provide a custom subdomain for token authentication"),
            judge(
                Call::Model(Ask::Chat),
                &Answered::Answer { status: 200, body: Some(json!({"choices": [{}]})) },
            ),
        ] {
            assert_eq!(again(&standing, ALL, 1, Duration::ZERO, PROPAGATION), None, "{standing:?}");
        }
    }

    #[test]
    fn each_verdict_waits_for_the_one_thing_that_could_change_it_and_only_if_that_is_new() {
        let none = Recent::default();
        let missing = verdict(401, "PermissionDenied", "x");
        let unknown = verdict(404, "DeploymentNotFound", "x");
        let nameless =
            judge(Call::Model(Ask::Chat), &Answered::NoName { host: "h".to_owned(), why: "w".to_owned() });
        let key = Answered::Answer {
            status: 401,
            body: Some(json!({"error": {"message": "invalid subscription key"}})),
        };
        let key = judge(Call::Keys, &key);
        for (verdict, recent) in [
            (&missing, Recent { grant: true, ..none }),
            (&unknown, Recent { made: true, ..none }),
            (&nameless, Recent { account: true, ..none }),
            (&key, Recent { written: true, ..none }),
        ] {
            assert!(again(verdict, recent, 1, Duration::ZERO, PROPAGATION).is_some(), "{verdict:?}");
            let others = Recent {
                grant: !recent.grant,
                made: !recent.made,
                account: !recent.account,
                written: !recent.written,
            };
            assert_eq!(again(verdict, others, 1, Duration::ZERO, PROPAGATION), None, "{verdict:?}");
        }
        let slow = verdict(429, "429", "slow down");
        let waits: Vec<bool> = (1..5)
            .map(|attempts| again(&slow, none, attempts, Duration::ZERO, PROPAGATION).is_some())
            .collect();
        assert_eq!(waits, [true, true, false, false], "a fault is asked a few times, whatever is new");
    }
}

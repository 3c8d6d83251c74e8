//! The laws in thousands of random worlds.

use super::*;

/// An operation that not every world's metrics count.
const RARE: &str = "Files_Upload";

#[test]
#[expect(clippy::too_many_lines, reason = "all that may differ between worlds")]
fn thousands_of_worlds_obey_the_laws() {
    // tests/nightly.sh begins elsewhere each night, and tries more.
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = setting("KEYLESS_FIRST_SEED").unwrap_or_default();
    let mut state = 7_u64.wrapping_add(first);
    let mut below = |limit: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    };
    let mut verdicts = std::collections::BTreeMap::new();
    for _ in 0..setting("KEYLESS_WORLDS").unwrap_or(2000) {
        let mut traffic = Vec::new();
        for _ in 0..below(6) {
            let who = [
                TrafficCaller::Key,
                TrafficCaller::KeySilent,
                TrafficCaller::KeyUnclear,
                TrafficCaller::TokenSilent,
                TrafficCaller::Refused,
                TrafficCaller::TokenRefused(BOB),
                TrafficCaller::KeyUnlogged,
            ];
            let tokens = [TrafficCaller::Token(ALICE), TrafficCaller::Token(BOB)];
            let calls = below(4) + 1;
            #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
            let who = match below(4) {
                0 => who[below(7) as usize],
                _ => tokens[below(2) as usize],
            };
            let operation =
                if matches!(who, TrafficCaller::KeySilent | TrafficCaller::TokenSilent) || below(8) == 0 {
                    SPEECH
                } else {
                    CHAT
                };
            #[expect(clippy::cast_possible_wrap, reason = "small numbers")]
            traffic.push(of(operation, on(below(31) as i64, who, calls)));
        }
        // Calls that no metric counts, or that are counted.
        for _ in 0..below(3) {
            #[expect(clippy::cast_possible_wrap, reason = "small numbers")]
            traffic.insert(0, of(RARE, on(below(31) as i64, TrafficCaller::Token(BOB), below(2) + 1)));
        }
        let mut world = UsageWorld::of(traffic);
        world.uncounted = (below(2) == 0).then_some(RARE);
        world.only_total = (below(3) == 0).then_some(RARE);
        // Jobs of every night.
        for _ in 0..below(3) {
            let who = [
                TrafficCaller::Refused,
                TrafficCaller::TokenRefused(ALICE),
                TrafficCaller::KeyUnlogged,
                TrafficCaller::Token(ALICE),
            ][usize::try_from(below(4)).unwrap()];
            let calls = below(2) + 1;
            // What no metric counts and no log has can be seen by nobody.
            let unlogged = who == TrafficCaller::KeyUnlogged;
            let operation = if unlogged { CHAT } else { [CHAT, RARE][usize::try_from(below(2)).unwrap()] };
            world.traffic.splice(0..0, (1..=30).map(|ago| of(operation, on(ago, who, calls))));
        }
        world.statuses = [StatusAnswer::Codes, StatusAnswer::Words, StatusAnswer::Denied]
            [usize::try_from(below(3)).unwrap()];
        world.counts_refused = below(2) == 0;
        world.takes_keys = below(20) > 0;
        world.has_subdomain = below(8) > 0;
        #[expect(clippy::cast_possible_wrap, reason = "small numbers")]
        if below(3) == 0 {
            world.since = below(31) as i64;
        }
        if below(4) == 0 {
            #[expect(clippy::cast_possible_wrap, reason = "small numbers")]
            let day = below(31) as i64;
            world.cap = Some((day, below(4)));
        }
        // A call at midnight, which the metrics may count on the day beside it.
        if below(3) == 0 && !world.traffic.is_empty() {
            let length = u64::try_from(world.traffic.len()).unwrap();
            let place = usize::try_from(below(length)).unwrap();
            let call = &mut world.traffic[place];
            if below(2) == 0 && call.ago > 0 {
                call.at_end = 1;
                world.late = (below(2) == 0).then_some((call.ago, 1));
            } else {
                call.at_begin = 1;
                world.early = (below(2) == 0).then_some((call.ago, 1));
            }
        }
        if below(8) == 0 {
            world.now = "2026-11-26T00:30:00Z";
        }
        if below(6) == 0 {
            world.metrics =
                [MetricAnswer::Denied, MetricAnswer::OneMissing, MetricAnswer::Failed, MetricAnswer::Shorter]
                    [usize::try_from(below(4)).unwrap()];
        }
        world.total_has_models = below(2) == 0;
        if below(3) == 0 {
            let apis = [
                ApiAnswer::NamedOtherwise,
                ApiAnswer::Nameless,
                ApiAnswer::Denied,
                ApiAnswer::Versions,
                ApiAnswer::Routes,
            ];
            world.apis = apis[usize::try_from(below(5)).unwrap()];
        }
        if below(4) == 0 {
            #[expect(clippy::cast_possible_wrap, reason = "small numbers")]
            let reads = of(
                ["Models_List", "models_list"][usize::try_from(below(2)).unwrap()],
                on(below(31) as i64, TrafficCaller::Token(BOB), 3),
            );
            world.traffic.insert(0, reads);
        }
        if below(6) == 0 {
            world.setting =
                [Setting::None, Setting::Storage, Setting::Denied][usize::try_from(below(3)).unwrap()];
        }
        if below(4) == 0 {
            let answers = [
                QueryAnswer::NoTable,
                QueryAnswer::Denied,
                QueryAnswer::Private,
                QueryAnswer::Partial,
                QueryAnswer::Hidden,
                QueryAnswer::DeniedTable,
                QueryAnswer::DeniedHere,
                QueryAnswer::Unsaid,
                QueryAnswer::OfAnother,
                QueryAnswer::ListedTwice,
                QueryAnswer::ReadableTwice,
                QueryAnswer::NoSources,
                QueryAnswer::OddSources,
                QueryAnswer::Broken,
            ];
            world.log = answers[usize::try_from(below(14)).unwrap()];
        }
        world.quiet_days = u32::try_from(below(30) + 1).unwrap();
        let usage = world.judged();
        is_lawful(&world, &usage);
        *verdicts.entry(usage.verdict).or_insert(0) += 1;
    }
    assert!(verdicts.len() == 6 && verdicts.values().all(|count| *count > 20), "{verdicts:?}");
}

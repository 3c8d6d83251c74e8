//! Worlds whose metrics do not count every call, or count it in another way than the log.

use super::*;

/// An operation that is not known to be counted.
const UPLOAD: &str = "Files_Upload";

/// As [`table::table`].
#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn counting() -> Vec<(&'static str, UsageWorld, KeyVerdict, &'static str)> {
    use KeyVerdict::{CallsWithoutName, CannotTell, KeysUsed, NoCall, NoKeyCallSeen};
    let world = UsageWorld::of;
    let with = |traffic: Vec<Traffic>, change: &dyn Fn(&mut UsageWorld)| {
        let mut world = UsageWorld::of(traffic);
        change(&mut world);
        world
    };
    vec![
        (
            "calls of another service that only TotalCalls counts, which counts no models",
            with(and(tokens(), of(SPEECH, on(9, TrafficCaller::KeySilent, 5))), &|world| {
                (world.cap, world.total_has_models) = (Some((9, 5)), false);
            }),
            CannotTell,
            "count 10 calls, and the log has 5",
        ),
        (
            "fewer calls of another service than of models",
            with(and(tokens(), of(SPEECH, on(9, TrafficCaller::KeySilent, 2))), &|world| {
                (world.cap, world.total_has_models) = (Some((9, 5)), false);
            }),
            CannotTell,
            "count 7 calls, and the log has 5",
        ),
        (
            "the same, and the metrics name no API",
            with(and(tokens(), of(SPEECH, on(9, TrafficCaller::KeySilent, 5))), &|world| {
                (world.cap, world.total_has_models) = (Some((9, 5)), false);
                world.apis = ApiAnswer::Nameless;
            }),
            CannotTell,
            "covers 0 days",
        ),
        (
            "metrics that cannot be told apart",
            with(tokens(), &|world| world.apis = ApiAnswer::Denied),
            CannotTell,
            "counted twice",
        ),
        (
            "metrics that name the same API differently",
            with(tokens(), &|world| world.apis = ApiAnswer::NamedOtherwise),
            CannotTell,
            "metrics count 15 calls, and the log has 5",
        ),
        (
            "metrics that do not overlap",
            with(tokens(), &|world| world.total_has_models = false),
            NoKeyCallSeen,
            "",
        ),
        (
            "metrics of fewer days than were asked about",
            with(vec![on(25, TrafficCaller::Key, 1)], &|world| {
                (world.metrics, world.since) = (MetricAnswer::Shorter, 5);
            }),
            CannotTell,
            "could not read the metrics",
        ),
        (
            "refused calls that the metrics do not count, and a key call that was lost on such a day",
            with(
                [
                    tokens(),
                    vec![
                        on(12, TrafficCaller::Refused, 1),
                        on(9, TrafficCaller::Refused, 1),
                        on(9, TrafficCaller::Key, 1),
                    ],
                ]
                .concat(),
                &|world| (world.cap, world.counts_refused) = (Some((9, 6)), false),
            ),
            CannotTell,
            "count 6 calls, and the log has 5",
        ),
        (
            "a refused call that the metrics do not count does not stand for a key call that was lost on its day",
            with(
                [tokens(), vec![on(9, TrafficCaller::Refused, 1), on(9, TrafficCaller::Key, 1)]].concat(),
                &|world| (world.cap, world.counts_refused) = (Some((9, 6)), false),
            ),
            CannotTell,
            "count 6 calls, and the log has 5",
        ),
        (
            "nor for one that did not succeed",
            with(
                [tokens(), vec![on(9, TrafficCaller::Refused, 1), on(9, TrafficCaller::KeyUnclear, 1)]]
                    .concat(),
                &|world| (world.cap, world.counts_refused) = (Some((9, 6)), false),
            ),
            CannotTell,
            "no other day shows",
        ),
        (
            "nor does a token without the role",
            with(
                [
                    tokens(),
                    vec![on(9, TrafficCaller::TokenRefused(BOB), 1), on(9, TrafficCaller::KeyUnclear, 1)],
                ]
                .concat(),
                &|world| (world.cap, world.counts_refused) = (Some((9, 6)), false),
            ),
            CannotTell,
            "no other day shows",
        ),
        (
            "nor one at midnight, for a call of the day before",
            with(
                vec![
                    Traffic { at_end: 1, ..on(10, TrafficCaller::TokenRefused(BOB), 1) },
                    on(9, TrafficCaller::Key, 1),
                ],
                &|world| (world.cap, world.counts_refused) = (Some((9, 0)), false),
            ),
            CannotTell,
            "count 1 call, and the log has 0",
        ),
        (
            "more refused calls than the metrics count by their status stand for no other call",
            with(
                [tokens(), vec![on(9, TrafficCaller::Refused, 2), on(9, TrafficCaller::KeyUnclear, 1)]]
                    .concat(),
                &|world| {
                    world.cap = Some((9, 7));
                    world.traffic.push(of(LIST, on(9, TrafficCaller::Refused, 1)));
                },
            ),
            CannotTell,
            "count 8 calls, and the log has 7",
        ),
        (
            "refused calls do not stand for calls that only TotalCalls counts and the log lost",
            with(
                [
                    tokens(),
                    vec![on(9, TrafficCaller::Refused, 1), of(UPLOAD, on(9, TrafficCaller::KeyUnclear, 1))],
                ]
                .concat(),
                &|world| (world.cap, world.only_total) = (Some((9, 6)), Some(UPLOAD)),
            ),
            CannotTell,
            "count 7 calls, and the log has 5",
        ),
        (
            "one version of Azure OpenAI on one day, another on the next, and a metric that leaves it out",
            with(and(tokens(), on(9, TrafficCaller::Token(BOB), 2)), &|world| {
                world.apis = ApiAnswer::Versions;
            }),
            NoKeyCallSeen,
            "",
        ),
        (
            "a call at midnight that the metrics dropped stands for one lost call of the day beside it, and for no second one",
            with(
                vec![
                    Traffic { at_end: 1, ..on(10, TrafficCaller::Token(ALICE), 2) },
                    on(9, TrafficCaller::Key, 2),
                ],
                &|world| (world.cap, world.dropped) = (Some((9, 0)), Some((10, 1))),
            ),
            CannotTell,
            "count 2 calls, and the log has 0",
        ),
        (
            "a call that no metric counts does not stand for a key call that was lost on its day",
            with(
                [
                    tokens(),
                    vec![of(UPLOAD, on(9, TrafficCaller::Token(ALICE), 1)), on(9, TrafficCaller::Key, 1)],
                ]
                .concat(),
                &|world| (world.cap, world.uncounted) = (Some((9, 6)), Some(UPLOAD)),
            ),
            CannotTell,
            "no other day shows",
        ),
        (
            "nor for one of the day before, close to midnight",
            with(
                vec![
                    Traffic { at_end: 1, ..of(UPLOAD, on(10, TrafficCaller::Token(ALICE), 1)) },
                    on(9, TrafficCaller::Key, 1),
                ],
                &|world| (world.cap, world.uncounted) = (Some((9, 0)), Some(UPLOAD)),
            ),
            CannotTell,
            "count 1 call, and the log has 0",
        ),
        (
            "an operation on one day only looks the same",
            world(and(tokens(), of(UPLOAD, on(9, TrafficCaller::Token(ALICE), 1)))),
            CannotTell,
            "no other day shows",
        ),
        (
            "an operation that two days with different numbers show to be counted",
            world(
                [
                    tokens(),
                    [(9, 1), (12, 2)]
                        .map(|(ago, calls)| of(UPLOAD, on(ago, TrafficCaller::Token(ALICE), calls)))
                        .to_vec(),
                ]
                .concat(),
            ),
            NoKeyCallSeen,
            "",
        ),
        (
            "the same number every night, of calls that no metric counts and of key calls that are never logged",
            with(
                [
                    (1..=30).map(|ago| of(UPLOAD, on(ago, TrafficCaller::Token(ALICE), 1))).collect(),
                    (1..=30).map(|ago| on(ago, TrafficCaller::KeyUnlogged, 1)).collect(),
                    tokens(),
                ]
                .concat(),
                &|world| world.uncounted = Some(UPLOAD),
            ),
            CannotTell,
            "no other day shows",
        ),
        (
            "the same with refused calls, which the metrics do not count",
            with(
                [
                    (1..=30).map(|ago| on(ago, TrafficCaller::Refused, 1)).collect(),
                    (1..=30).map(|ago| on(ago, TrafficCaller::KeyUnlogged, 1)).collect(),
                    tokens(),
                ]
                .concat(),
                &|world| (world.counts_refused, world.statuses) = (false, StatusAnswer::Words),
            ),
            CannotTell,
            "covers 0 days",
        ),
        (
            "other numbers of refused calls, if the metrics say that they count none",
            with(
                [
                    (1..=30).map(|ago| on(ago, TrafficCaller::Refused, 1 + ago.unsigned_abs() % 2)).collect(),
                    (1..=30)
                        .map(|ago| on(ago, TrafficCaller::KeyUnlogged, 1 + ago.unsigned_abs() % 2))
                        .collect(),
                    tokens(),
                ]
                .concat(),
                &|world| world.counts_refused = false,
            ),
            CannotTell,
            "covers 0 days",
        ),
        (
            "an account without a subdomain, by a list that leaves it out, whose log names the callers",
            with(tokens(), &|world| world.has_subdomain = false),
            NoKeyCallSeen,
            "",
        ),
        (
            "key calls of an API that one metric names without a version, fewer than those with one",
            with([tokens(), daily(TrafficCaller::KeyUnlogged, 2)].concat(), &|world| {
                (world.apis, world.total_has_models) = (ApiAnswer::Routes, false);
            }),
            CannotTell,
            "counted twice",
        ),
        (
            "refused calls that the metrics do not count",
            with(and(tokens(), on(9, TrafficCaller::Refused, 2)), &|world| world.counts_refused = false),
            NoKeyCallSeen,
            "were refused",
        ),
        (
            "calls that no metric counts, beside a key call that was lost",
            with(
                [
                    tokens(),
                    vec![
                        of("Assistants_Run", on(9, TrafficCaller::Token(ALICE), 2)),
                        on(9, TrafficCaller::Key, 1),
                    ],
                ]
                .concat(),
                &|world| (world.cap, world.uncounted) = (Some((9, 7)), Some("Assistants_Run")),
            ),
            CannotTell,
            "do not count all calls",
        ),
        (
            "reads of catalogues in another case do not stand for calls that are missing",
            with(
                [
                    tokens(),
                    vec![
                        of("models_list", on(9, TrafficCaller::Token(ALICE), 1)),
                        on(9, TrafficCaller::Key, 1),
                    ],
                ]
                .concat(),
                &|world| world.cap = Some((9, 6)),
            ),
            CannotTell,
            "count 6 calls, and the log has 5",
        ),
        (
            "a client that only lists models, with a key",
            world(vec![of(LIST, on(3, TrafficCaller::Key, 2))]),
            CallsWithoutName,
            "never logs callers",
        ),
        (
            "a client that only lists models, with a token",
            world(vec![of(LIST, on(3, TrafficCaller::Token(ALICE), 2))]),
            NoKeyCallSeen,
            "",
        ),
        (
            "nobody calls, and a workspace is hidden",
            with(vec![], &|world| world.log = QueryAnswer::Hidden),
            NoCall,
            "was not looked for: the log is also in a workspace that the caller may not read",
        ),
        (
            "an operation in another case that names its callers",
            world(vec![
                of("translate", on(3, TrafficCaller::Key, 1)),
                of("Translate", on(3, TrafficCaller::Token(BOB), 1)),
                of("chatcompletions_create", on(4, TrafficCaller::Token(BOB), 1)),
            ]),
            KeysUsed,
            "",
        ),
    ]
}

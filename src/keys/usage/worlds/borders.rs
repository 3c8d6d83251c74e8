//! Worlds at the borders: of days, of what metrics count, and of what an answer says about workspaces.

use super::*;

const EARLY: &str = "2026-11-26T00:30:00Z";
/// An operation that is not known to be counted.
const UPLOAD: &str = "Files_Upload";

/// As [`table::table`].
#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn borders() -> Vec<(&'static str, UsageWorld, KeyVerdict, &'static str)> {
    use KeyVerdict::{CallsWithoutName, CannotTell, KeysUsed, NoCall, NoKeyCallSeen};
    let world = UsageWorld::of;
    let with = |traffic: Vec<Traffic>, change: &dyn Fn(&mut UsageWorld)| {
        let mut world = UsageWorld::of(traffic);
        change(&mut world);
        world
    };
    vec![
        // At the borders of days.
        (
            "a token shortly after midnight does not stand for a key call that was lost yesterday",
            with(
                vec![
                    on(1, TrafficCaller::Key, 1),
                    Traffic { at_midnight: 1, ..on(0, TrafficCaller::Token(ALICE), 1) },
                ],
                &|world| world.cap = Some((1, 0)),
            ),
            CannotTell,
            "again tomorrow",
        ),
        (
            "the same, and the metrics of today have nothing yet",
            with(
                vec![
                    on(1, TrafficCaller::Key, 1),
                    Traffic { at_midnight: 1, ..of(LIST, on(0, TrafficCaller::Token(ALICE), 1)) },
                    Traffic { at_midnight: 1, ..of("Late_Create", on(0, TrafficCaller::Token(ALICE), 1)) },
                ],
                &|world| (world.cap, world.uncounted) = (Some((1, 0)), Some("Late_Create")),
            ),
            CannotTell,
            "covers 0 days",
        ),
        (
            "a refused call at midnight does not stand for a key call that was lost the day before",
            with(
                vec![
                    on(9, TrafficCaller::Key, 1),
                    Traffic { at_midnight: 1, ..on(8, TrafficCaller::Refused, 1) },
                    on(7, TrafficCaller::Token(ALICE), 1),
                ],
                &|world| (world.cap, world.counts_refused) = (Some((9, 0)), false),
            ),
            CannotTell,
            "count 1 call, and the log has 0",
        ),
        (
            "a token at midnight lends to one side only",
            with(
                vec![
                    on(10, TrafficCaller::Token(BOB), 1),
                    Traffic { at_midnight: 1, ..on(9, TrafficCaller::Token(ALICE), 2) },
                    on(8, TrafficCaller::Key, 1),
                ],
                &|world| (world.cap, world.late) = (Some((8, 0)), Some((9, 1))),
            ),
            CannotTell,
            "covers 7 days",
        ),
        (
            "half an hour after midnight, a key call of yesterday evening that is nowhere yet",
            with(vec![on(1, TrafficCaller::KeyNotYet, 1), on(2, TrafficCaller::Token(ALICE), 1)], &|world| {
                world.now = EARLY;
            }),
            NoKeyCallSeen,
            "",
        ),
        (
            "half an hour after midnight, a key call of yesterday that the log has",
            with(vec![on(1, TrafficCaller::Key, 1), on(2, TrafficCaller::Token(ALICE), 1)], &|world| {
                world.now = EARLY;
            }),
            KeysUsed,
            "",
        ),
        (
            "half an hour after midnight, a key call of today",
            with(and(tokens(), on(0, TrafficCaller::Key, 1)), &|world| world.now = EARLY),
            KeysUsed,
            "",
        ),
        (
            "a call today that the log does not have yet",
            with(and(tokens(), on(0, TrafficCaller::Key, 1)), &|world| world.cap = Some((0, 5))),
            NoKeyCallSeen,
            "count 1 call of today that the log does not have yet",
        ),
        (
            "the last day of the retention is half gone",
            with(and(daily(TrafficCaller::Token(ALICE), 2), on(30, TrafficCaller::Key, 1)), &|world| {
                (world.cap, world.retention) = (Some((30, 1)), Some(30));
            }),
            CannotTell,
            "covers 29 days, of 30",
        ),
        // What metrics count.
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
                    Traffic { at_midnight: 1, ..of(UPLOAD, on(10, TrafficCaller::Token(ALICE), 1)) },
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
            "an operation that two days show to be counted",
            world(
                [tokens(), [9, 12].map(|ago| of(UPLOAD, on(ago, TrafficCaller::Token(ALICE), 1))).to_vec()]
                    .concat(),
            ),
            NoKeyCallSeen,
            "",
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
            "only lists models",
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
        // Which workspaces were searched.
        (
            "an account that is listed twice, with a workspace that is hidden",
            with(tokens(), &|world| world.log = QueryAnswer::ListedTwice),
            CannotTell,
            "may not read: `/subscriptions",
        ),
        (
            "a workspace that is listed twice, once without the table",
            with(tokens(), &|world| world.log = QueryAnswer::ReadableTwice),
            CannotTell,
            "may not read",
        ),
        (
            "an account that is listed without a workspace",
            with(tokens(), &|world| world.log = QueryAnswer::NoSources),
            CannotTell,
            "left out workspaces",
        ),
        (
            "a workspace that is listed in another form",
            with(tokens(), &|world| world.log = QueryAnswer::OddSources),
            CannotTell,
            "left out workspaces",
        ),
    ]
}

//! Worlds at the borders: of days, and of what an answer says about workspaces.

use super::*;

const EARLY: &str = "2026-11-26T00:30:00Z";

/// As [`table::table`].
#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn borders() -> Vec<(&'static str, UsageWorld, KeyVerdict, &'static str)> {
    use KeyVerdict::{CannotTell, KeysUsed, NoKeyCallSeen};
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
                    Traffic { at_begin: 1, ..on(0, TrafficCaller::Token(ALICE), 1) },
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
                    Traffic { at_begin: 1, ..of(LIST, on(0, TrafficCaller::Token(ALICE), 1)) },
                    Traffic { at_begin: 1, ..of("Late_Create", on(0, TrafficCaller::Token(ALICE), 1)) },
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
                    Traffic { at_begin: 1, ..on(8, TrafficCaller::Refused, 1) },
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
                    Traffic { at_end: 1, ..on(9, TrafficCaller::Token(ALICE), 2) },
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
        (
            "a token at the end of yesterday that the metrics count today, and a key call of yesterday that was lost",
            with(
                vec![
                    Traffic { at_end: 1, ..on(1, TrafficCaller::Token(ALICE), 4) },
                    on(1, TrafficCaller::Key, 1),
                    on(2, TrafficCaller::Token(ALICE), 3),
                ],
                &|world| (world.cap, world.late) = (Some((1, 4)), Some((1, 1))),
            ),
            CannotTell,
            "again tomorrow",
        ),
        (
            "a token at the begin of the first day that the metrics count on the day before, and a key call that was lost",
            with(
                vec![
                    Traffic { at_begin: 1, ..on(30, TrafficCaller::Token(ALICE), 4) },
                    on(30, TrafficCaller::Key, 1),
                    on(2, TrafficCaller::Token(ALICE), 3),
                ],
                &|world| (world.cap, world.early) = (Some((30, 4)), Some((30, 1))),
            ),
            CannotTell,
            "covers 29 days",
        ),
        (
            "a call at the end of yesterday that the metrics have no place for elsewhere",
            with(
                vec![
                    Traffic { at_end: 1, ..on(1, TrafficCaller::Token(ALICE), 4) },
                    on(2, TrafficCaller::Token(ALICE), 3),
                ],
                &|world| world.late = Some((1, 1)),
            ),
            NoKeyCallSeen,
            "",
        ),
        (
            "calls of today only, which the log does not have",
            with(vec![on(0, TrafficCaller::Key, 500), on(0, TrafficCaller::Token(ALICE), 1)], &|world| {
                (world.cap, world.traffic) = (Some((0, 1)), world.traffic.iter().rev().copied().collect());
            }),
            CannotTell,
            "count 500 calls since today",
        ),
        (
            "half an hour after midnight, key calls of yesterday that the log lost",
            with(and(tokens(), on(1, TrafficCaller::Key, 5)), &|world| {
                (world.now, world.cap) = (EARLY, Some((1, 5)));
            }),
            CannotTell,
            "again after 01:00",
        ),
        (
            "half an hour after midnight, and the log has all",
            with(tokens(), &|world| world.now = EARLY),
            NoKeyCallSeen,
            "days are counted up to 2026-11-24",
        ),
        (
            "a call of today that the metrics do not have yet does not stand for a key call that was lost yesterday",
            with(
                vec![
                    of("Embeddings_Create", on(1, TrafficCaller::Key, 1)),
                    Traffic { at_begin: 1, ..on(0, TrafficCaller::Token(ALICE), 1) },
                ],
                &|world| (world.cap, world.uncounted) = (Some((1, 0)), Some(CHAT)),
            ),
            CannotTell,
            "covers 0 days",
        ),
        (
            "a call after midnight that is counted on the day before shows nothing of an operation that is not counted",
            with(
                vec![
                    of("Files_Upload", on(9, TrafficCaller::Token(BOB), 1)),
                    Traffic { at_begin: 1, ..on(8, TrafficCaller::Token(ALICE), 1) },
                    of("Files_Upload", on(5, TrafficCaller::Token(BOB), 2)),
                    on(5, TrafficCaller::KeyUnlogged, 2),
                ],
                &|world| (world.early, world.uncounted) = (Some((8, 1)), Some("Files_Upload")),
            ),
            CannotTell,
            "covers 4 days",
        ),
        (
            "nor does a call before midnight that is counted on the day after",
            with(
                vec![
                    of("Files_Upload", on(9, TrafficCaller::Token(BOB), 1)),
                    Traffic { at_end: 1, ..on(10, TrafficCaller::Token(ALICE), 1) },
                    of("Files_Upload", on(5, TrafficCaller::Token(BOB), 2)),
                    on(5, TrafficCaller::KeyUnlogged, 2),
                ],
                &|world| (world.late, world.uncounted) = (Some((10, 1)), Some("Files_Upload")),
            ),
            CannotTell,
            "covers 4 days",
        ),
        (
            "a call at noon that the metrics do not count does not stand for a key call that was lost a day later",
            with(
                vec![
                    on(3, TrafficCaller::Key, 1),
                    of("Embeddings_Create", on(4, TrafficCaller::Token(ALICE), 1)),
                ],
                &|world| {
                    (world.cap, world.uncounted) = (Some((3, 0)), Some("Embeddings_Create"));
                    world.quiet_days = 3;
                },
            ),
            CannotTell,
            "covers 2 days",
        ),
        (
            "a busy day that ends with a call which the metrics count today, and a key call that was lost",
            with(
                vec![
                    Traffic { at_end: 1, ..on(1, TrafficCaller::Token(ALICE), 200) },
                    on(1, TrafficCaller::Key, 1),
                    on(2, TrafficCaller::Token(ALICE), 3),
                ],
                &|world| (world.cap, world.late) = (Some((1, 200)), Some((1, 1))),
            ),
            CannotTell,
            "again tomorrow",
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

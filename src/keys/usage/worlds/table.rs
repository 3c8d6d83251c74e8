//! The worlds, each with the one right verdict.

use super::*;

/// Each world with its name, its verdict, and words of the reason or note that has to be given.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn table() -> Vec<(&'static str, UsageWorld, KeyVerdict, &'static str)> {
    use KeyVerdict::{CallsWithoutName, CannotTell, KeysOff, KeysUsed, NoCall, NoKeyCallSeen};
    let world = UsageWorld::of;
    let with = |traffic: Vec<Traffic>, change: &dyn Fn(&mut UsageWorld)| {
        let mut world = UsageWorld::of(traffic);
        change(&mut world);
        world
    };
    vec![
        ("only keys", world(daily(TrafficCaller::Key, 5)), KeysUsed, ""),
        ("one key among tokens", world(and(tokens(), on(20, TrafficCaller::Key, 1))), KeysUsed, ""),
        ("a key today", world(and(tokens(), on(0, TrafficCaller::Key, 1))), KeysUsed, ""),
        (
            "a key for an unknown operation that logs callers",
            world(vec![
                of("Translate", on(3, TrafficCaller::Key, 1)),
                of("Translate", on(3, TrafficCaller::Token(BOB), 1)),
            ]),
            KeysUsed,
            "",
        ),
        (
            "a key, and the log is young",
            with(and(tokens(), on(2, TrafficCaller::Key, 1)), &|world| world.since = 3),
            KeysUsed,
            "",
        ),
        (
            "a key, and the metrics are denied",
            with(and(tokens(), on(2, TrafficCaller::Key, 1)), &|world| world.metrics = MetricAnswer::Denied),
            KeysUsed,
            "",
        ),
        (
            "a key, and a workspace is hidden",
            with(and(tokens(), on(2, TrafficCaller::Key, 1)), &|world| world.log = QueryAnswer::DeniedTable),
            KeysUsed,
            "",
        ),
        (
            "no subdomain, and calls succeed",
            with(daily(TrafficCaller::Key, 1), &|world| {
                (world.has_subdomain, world.setting) = (false, Setting::None);
            }),
            KeysUsed,
            "no custom subdomain",
        ),
        (
            "no subdomain, and every call is refused",
            with(daily(TrafficCaller::Refused, 1), &|world| {
                (world.has_subdomain, world.setting) = (false, Setting::None);
            }),
            CallsWithoutName,
            "no custom subdomain",
        ),
        ("no subdomain, and no call", with(vec![], &|world| world.has_subdomain = false), NoCall, "standby"),
        (
            "a service that logs no caller, with keys",
            world(vec![of(SPEECH, on(3, TrafficCaller::KeySilent, 4))]),
            CallsWithoutName,
            "never logs callers",
        ),
        (
            "a service that logs no caller, with tokens",
            world(vec![of(SPEECH, on(3, TrafficCaller::TokenSilent, 4))]),
            CallsWithoutName,
            "never logs callers",
        ),
        (
            "records without the field",
            world(vec![on(3, TrafficCaller::TokenSilent, 4)]),
            CallsWithoutName,
            "never logs callers",
        ),
        (
            "a throttled key",
            world(and(tokens(), on(3, TrafficCaller::KeyUnclear, 1))),
            CallsWithoutName,
            "neither succeeded",
        ),
        (
            "an unknown operation with a key only",
            world(vec![of("Translate", on(3, TrafficCaller::Key, 1))]),
            CallsWithoutName,
            "never logs callers",
        ),
        ("only tokens", world(tokens()), NoKeyCallSeen, "end of a month"),
        ("one caller", world(daily(TrafficCaller::Token(ALICE), 3)), NoKeyCallSeen, "a gateway?"),
        (
            "tokens and refused calls",
            world([tokens(), [4, 14].map(|ago| on(ago, TrafficCaller::Refused, 1)).to_vec()].concat()),
            NoKeyCallSeen,
            "2 calls without a caller's name were refused",
        ),
        (
            "only refused calls",
            world(vec![on(4, TrafficCaller::Refused, 2), on(5, TrafficCaller::Refused, 1)]),
            NoKeyCallSeen,
            "refused",
        ),
        (
            "refused calls on one day, which the metrics count by their status",
            world(and(tokens(), on(4, TrafficCaller::Refused, 2))),
            NoKeyCallSeen,
            "2 calls without a caller's name were refused",
        ),
        (
            "tokens without the role on one day, which the metrics count by their status",
            world(and(tokens(), on(4, TrafficCaller::TokenRefused(BOB), 2))),
            NoKeyCallSeen,
            "",
        ),
        (
            "refused calls on one day: no other day shows that the metrics count them",
            with(and(tokens(), on(4, TrafficCaller::Refused, 2)), &|world| {
                world.statuses = StatusAnswer::Words;
            }),
            CannotTell,
            "metrics count 7 calls, and the log has 5",
        ),
        (
            "tokens on some days",
            world(vec![on(1, TrafficCaller::Token(ALICE), 1), on(29, TrafficCaller::Token(BOB), 1)]),
            NoKeyCallSeen,
            "",
        ),
        (
            "a setting by its group",
            with(tokens(), &|world| world.setting = Setting::Group),
            NoKeyCallSeen,
            "",
        ),
        (
            "the settings are denied, and the log has every call",
            with(tokens(), &|world| world.setting = Setting::Denied),
            NoKeyCallSeen,
            "could not read the diagnostic settings",
        ),
        (
            "fewer days are enough",
            with(tokens(), &|world| (world.since, world.quiet_days) = (14, 14)),
            NoKeyCallSeen,
            "",
        ),
        (
            "idle before the log began",
            with((0..10).map(|ago| on(ago, TrafficCaller::Token(ALICE), 1)).collect(), &|world| {
                world.since = 10;
            }),
            NoKeyCallSeen,
            "",
        ),
        (
            "calls at midnight that the metrics count later, of a busy account",
            with(near_midnight(daily(TrafficCaller::Token(ALICE), 500)), &|world| world.late = Some((8, 1))),
            NoKeyCallSeen,
            "",
        ),
        (
            "calls at midnight on each day, of an account that is not busy",
            with(near_midnight(tokens()), &|world| world.late = Some((8, 1))),
            CannotTell,
            "covers 0 days",
        ),
        (
            "catalogue reads are no calls",
            world(and(tokens(), of(LIST, on(6, TrafficCaller::Token(ALICE), 9)))),
            NoKeyCallSeen,
            "",
        ),
        ("nobody calls", world(vec![]), NoCall, "standby"),
        (
            "nobody calls, and there is no log",
            with(vec![], &|world| world.setting = Setting::None),
            NoCall,
            "",
        ),
        (
            "keys are off",
            with(daily(TrafficCaller::Token(ALICE), 1), &|world| world.takes_keys = false),
            KeysOff,
            "",
        ),
        (
            "no setting",
            with(daily(TrafficCaller::Key, 1), &|world| world.setting = Setting::None),
            CannotTell,
            "no diagnostic setting",
        ),
        (
            "a setting that is off",
            with(daily(TrafficCaller::Key, 1), &|world| world.setting = Setting::Disabled),
            CannotTell,
            "category `RequestResponse`",
        ),
        (
            "the wrong category",
            with(daily(TrafficCaller::Key, 1), &|world| world.setting = Setting::AuditCategory),
            CannotTell,
            "category `RequestResponse`",
        ),
        (
            "a group without the log",
            with(daily(TrafficCaller::Key, 1), &|world| world.setting = Setting::AuditGroup),
            CannotTell,
            "category `RequestResponse`",
        ),
        (
            "only storage",
            with(daily(TrafficCaller::Key, 1), &|world| world.setting = Setting::Storage),
            CannotTell,
            "a storage account",
        ),
        ("no table", with(tokens(), &|world| world.log = QueryAnswer::NoTable), CannotTell, "has arrived"),
        (
            "the log is denied",
            with(daily(TrafficCaller::Key, 1), &|world| world.log = QueryAnswer::Denied),
            CannotTell,
            "Monitoring Reader",
        ),
        (
            "a private workspace",
            with(daily(TrafficCaller::Key, 1), &|world| world.log = QueryAnswer::Private),
            CannotTell,
            "public networks",
        ),
        (
            "a part of the log",
            with(and(tokens(), on(3, TrafficCaller::Key, 1)), &|world| world.log = QueryAnswer::Partial),
            CannotTell,
            "only a part",
        ),
        (
            "a part of the log, and metrics that miss the rest",
            with(and(tokens(), of(LIST, on(3, TrafficCaller::Key, 1))), &|world| {
                world.log = QueryAnswer::Partial;
            }),
            CannotTell,
            "only a part",
        ),
        (
            "a hidden workspace, and metrics that miss the rest",
            with(and(tokens(), of(LIST, on(3, TrafficCaller::Key, 1))), &|world| {
                world.log = QueryAnswer::Hidden;
            }),
            CannotTell,
            "may not read: `/subscriptions",
        ),
        (
            "a denied table",
            with(tokens(), &|world| world.log = QueryAnswer::DeniedTable),
            CannotTell,
            "may not read",
        ),
        (
            "workspaces that are not listed",
            with(tokens(), &|world| world.log = QueryAnswer::Unsaid),
            CannotTell,
            "left out workspaces",
        ),
        (
            "another table than asked for",
            with(tokens(), &|world| world.log = QueryAnswer::Broken),
            CannotTell,
            "could not read the request log",
        ),
        (
            "a setting made last week",
            with(
                daily(TrafficCaller::Key, 1)
                    .into_iter()
                    .filter(|each| each.ago > 7)
                    .chain(tokens())
                    .collect(),
                &|world| world.since = 7,
            ),
            CannotTell,
            "covers 7 days, of 30",
        ),
        (
            "a setting made today",
            with(and(tokens(), on(1, TrafficCaller::Key, 1)), &|world| world.since = 0),
            CannotTell,
            "covers 0 days",
        ),
        (
            "a short retention",
            with(and(tokens(), on(20, TrafficCaller::Key, 1)), &|world| {
                (world.since, world.retention) = (14, Some(14));
            }),
            CannotTell,
            "keeps the log for 14 days",
        ),
        (
            "a daily cap",
            with(and(tokens(), on(9, TrafficCaller::Key, 1)), &|world| world.cap = Some((9, 5))),
            CannotTell,
            "count 6 calls, and the log has 5",
        ),
        (
            "a daily cap on one of the quiet days, and whole days before it",
            with(and(tokens(), on(9, TrafficCaller::Key, 1)), &|world| {
                (world.cap, world.quiet_days) = (Some((9, 5)), 14);
            }),
            CannotTell,
            "covers 8 days, of 14",
        ),
        (
            "catalogue reads in the log do not stand for calls that are missing",
            with(
                [
                    tokens(),
                    vec![of(LIST, on(9, TrafficCaller::Token(ALICE), 9)), on(9, TrafficCaller::Key, 1)],
                ]
                .concat(),
                &|world| world.cap = Some((9, 14)),
            ),
            CannotTell,
            "count 6 calls, and the log has 5",
        ),
        (
            "calls at midnight of another day do not stand for calls that are missing",
            with(
                and(near_midnight(daily(TrafficCaller::Token(ALICE), 500)), on(9, TrafficCaller::Key, 1)),
                &|world| world.cap = Some((9, 500)),
            ),
            CannotTell,
            "count 501 calls, and the log has 500",
        ),
        (
            "a midnight call that stands for one missing call, and not for a second",
            with(
                and(
                    tokens()
                        .into_iter()
                        .map(|each| {
                            let near = u64::from(each.ago == 8);
                            Traffic { at_begin: near, at_end: near, ..each }
                        })
                        .collect(),
                    on(9, TrafficCaller::Key, 1),
                ),
                &|world| (world.cap, world.late) = (Some((9, 5)), Some((8, 1))),
            ),
            CannotTell,
            "covers 8 days, of 30",
        ),
        (
            "calls of another service that only TotalCalls counts, and the log lost",
            with(and(tokens(), of(SPEECH, on(9, TrafficCaller::KeySilent, 7))), &|world| {
                world.cap = Some((9, 5));
            }),
            CannotTell,
            "count 12 calls, and the log has 5",
        ),
        (
            "an answer that lists another account's workspaces",
            with(tokens(), &|world| world.log = QueryAnswer::OfAnother),
            CannotTell,
            "left out workspaces",
        ),
        (
            "a table that is denied for the account itself",
            with(tokens(), &|world| world.log = QueryAnswer::DeniedHere),
            CannotTell,
            "may not read",
        ),
        (
            "a metric that Azure could not count",
            with(tokens(), &|world| world.metrics = MetricAnswer::Failed),
            CannotTell,
            "could not read the metrics",
        ),
        (
            "a key call that failed, in a part of the log",
            with(and(tokens(), on(3, TrafficCaller::KeyUnclear, 1)), &|world| {
                world.log = QueryAnswer::Partial;
            }),
            CannotTell,
            "only a part",
        ),
        (
            "the metrics are denied",
            with(tokens(), &|world| world.metrics = MetricAnswer::Denied),
            CannotTell,
            "could not read the metrics",
        ),
        (
            "a metric is missing",
            with(tokens(), &|world| world.metrics = MetricAnswer::OneMissing),
            CannotTell,
            "could not read the metrics",
        ),
        (
            "no call by metrics that cannot be read",
            with(vec![], &|world| world.metrics = MetricAnswer::Denied),
            CannotTell,
            "could not read the metrics",
        ),
        (
            "more days are needed than were asked",
            with(vec![], &|world| world.quiet_days = 35),
            CannotTell,
            "of 35 days that are needed",
        ),
        (
            "the same, and nothing is logged",
            with(vec![], &|world| (world.quiet_days, world.setting) = (35, Setting::None)),
            CannotTell,
            "ask for `--days 35`",
        ),
        (
            "the same, with calls",
            with(tokens(), &|world| world.quiet_days = 35),
            CannotTell,
            "ask for `--days 35`",
        ),
    ]
}

fn near_midnight(traffic: Vec<Traffic>) -> Vec<Traffic> {
    traffic.into_iter().map(|each| Traffic { at_begin: 1, at_end: 1, ..each }).collect()
}

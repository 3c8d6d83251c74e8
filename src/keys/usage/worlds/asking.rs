//! What is asked, and which answer counts: about a group, about an account alone, and about its days.

use super::*;

#[test]
fn the_log_is_asked_only_where_it_can_decide() {
    for (world, asked) in [
        (UsageWorld::of(tokens()), true),
        (UsageWorld::of(vec![]), true),
        (UsageWorld { setting: Setting::None, ..UsageWorld::of(vec![]) }, false),
        (UsageWorld { setting: Setting::None, ..UsageWorld::of(tokens()) }, false),
        (UsageWorld { metrics: MetricAnswer::Denied, ..UsageWorld::of(vec![]) }, true),
        (UsageWorld { takes_keys: false, ..UsageWorld::of(tokens()) }, false),
    ] {
        let subjects = [world.subject("a")];
        let mut snapshot = Snapshot::default();
        let mut logs = false;
        for _ in 0..8 {
            for query in queries(&subjects, UsageWorld::window(), &snapshot) {
                logs |= matches!(query.shape, Shape::Logs(_));
                let answer = world.answer(&query);
                snapshot.insert(&query, answer);
            }
        }
        assert_eq!(logs, asked, "{world:?}");
    }
}

#[test]
fn one_query_asks_about_all_accounts_of_a_group() {
    let world = UsageWorld::of(tokens());
    let subjects: Vec<AskedAccount> = (0..100).map(|number| world.subject(&format!("a{number}"))).collect();
    let mut snapshot = Snapshot::default();
    let mut count = 0;
    for _ in 0..8 {
        let mut open = queries(&subjects, UsageWorld::window(), &snapshot);
        open.retain(|query| snapshot.get(query).is_none());
        for query in open {
            let answer = match &query.shape {
                Shape::Logs(_) => {
                    count += 1;
                    assert_eq!(query.scope.as_str(), GROUP);
                    about_all(&world.logged(), &subjects)
                }
                _ => world.answer(&query),
            };
            snapshot.insert(&query, answer);
        }
    }
    assert_eq!(count, 1);
    for subject in &subjects {
        let evidence = evidence(subject, UsageWorld::window(), &snapshot);
        let usage = judge(subject, &evidence, UsageWorld::window(), &Sources::default());
        assert_eq!(usage.verdict, KeyVerdict::NoKeyCallSeen, "{usage:?}");
    }
}

/// Asks all that is open about these accounts until nothing is, and judges them in turn.
fn judged(subjects: &[AskedAccount], answer: &dyn Fn(&Query) -> Answer) -> Vec<AccountUsage> {
    let mut snapshot = Snapshot::default();
    for _ in 0..8 {
        for query in queries(subjects, UsageWorld::window(), &snapshot) {
            if snapshot.get(&query).is_none() {
                snapshot.insert(&query, answer(&query));
            }
        }
    }
    let judge = |subject: &AskedAccount| {
        let evidence = evidence(subject, UsageWorld::window(), &snapshot);
        judge(subject, &evidence, UsageWorld::window(), &Sources::default())
    };
    subjects.iter().map(judge).collect()
}

#[test]
fn what_the_answer_about_a_group_leaves_open_is_asked_about_alone() {
    let world = |log: QueryAnswer| UsageWorld { log, ..UsageWorld::of(tokens()) };
    let subjects = [world(QueryAnswer::Whole).subject("a"), world(QueryAnswer::Whole).subject("b")];
    for (together, verdict, alone) in [
        (QueryAnswer::Whole, KeyVerdict::NoKeyCallSeen, 0),
        (QueryAnswer::Hidden, KeyVerdict::CannotTell, 0),
        (QueryAnswer::DeniedTable, KeyVerdict::CannotTell, 0),
        (QueryAnswer::Partial, KeyVerdict::NoKeyCallSeen, 2),
        (QueryAnswer::Unsaid, KeyVerdict::NoKeyCallSeen, 2),
        (QueryAnswer::NoTable, KeyVerdict::NoKeyCallSeen, 2),
        (QueryAnswer::Denied, KeyVerdict::NoKeyCallSeen, 2),
        (QueryAnswer::Broken, KeyVerdict::NoKeyCallSeen, 2),
    ] {
        let singly = std::cell::Cell::new(0);
        let answer = |query: &Query| match &query.shape {
            Shape::Logs(_) if query.scope.as_str() == GROUP => match world(together).logged() {
                found @ Answer::Found(_)
                    if !matches!(together, QueryAnswer::Unsaid | QueryAnswer::Broken) =>
                {
                    about_all(&found, &subjects)
                }
                other => other,
            },
            Shape::Logs(_) => {
                singly.set(singly.get() + 1);
                let one: Vec<_> =
                    subjects.iter().filter(|subject| subject.id == query.scope).cloned().collect();
                about_all(&world(QueryAnswer::Whole).logged(), &one)
            }
            _ => world(together).answer(query),
        };
        for usage in judged(&subjects, &answer) {
            assert_eq!(usage.verdict, verdict, "{together:?}: {usage:?}");
        }
        assert_eq!(singly.get(), alone, "{together:?}");
    }
}

/// The metrics count no reads of catalogues; they count as calls if the log of the group has them.
#[test]
fn calls_that_the_metrics_do_not_count_are_seen_where_the_log_of_the_group_is_read() {
    let busy = UsageWorld::of(tokens());
    let subjects = ["a", "b", "c"].map(|name| busy.subject(name));
    for (who, verdict) in [
        (TrafficCaller::Token(BOB), KeyVerdict::NoKeyCallSeen),
        (TrafficCaller::Key, KeyVerdict::CallsWithoutName),
    ] {
        let reads = UsageWorld::of(vec![of(LIST, on(3, who, 2))]);
        let answer = |query: &Query| match &query.shape {
            Shape::Logs(_) => {
                assert_eq!(query.scope.as_str(), GROUP);
                both(&about_all(&busy.logged(), &subjects[..2]), &about_all(&reads.logged(), &subjects[2..]))
            }
            _ if query.scope == subjects[2].id => reads.answer(query),
            _ => busy.answer(query),
        };
        let verdicts: Vec<KeyVerdict> =
            judged(&subjects, &answer).iter().map(|usage| usage.verdict).collect();
        assert_eq!(verdicts, [KeyVerdict::NoKeyCallSeen, KeyVerdict::NoKeyCallSeen, verdict]);
    }
}

/// An account that nobody called by its metrics is asked about alone too, where its group's log is not read or is only a part; what a part
/// shows counts even if the account's own log is not read.
#[test]
fn an_idle_account_is_asked_about_alone_where_its_group_leaves_it_open() {
    let reads = UsageWorld::of(vec![of(LIST, on(3, TrafficCaller::Key, 2))]);
    let idle = UsageWorld::of(Vec::new());
    let subjects = [reads.subject("a"), reads.subject("b")];
    for (together, alone, verdict, words) in [
        (QueryAnswer::Denied, QueryAnswer::Whole, KeyVerdict::CallsWithoutName, ""),
        (QueryAnswer::Partial, QueryAnswer::Whole, KeyVerdict::CallsWithoutName, ""),
        (QueryAnswer::Unsaid, QueryAnswer::Whole, KeyVerdict::CallsWithoutName, ""),
        (QueryAnswer::Unsaid, QueryAnswer::Denied, KeyVerdict::CallsWithoutName, ""),
        (QueryAnswer::Unsaid, QueryAnswer::Unsaid, KeyVerdict::CallsWithoutName, ""),
        (QueryAnswer::NoTable, QueryAnswer::Whole, KeyVerdict::CallsWithoutName, ""),
        (QueryAnswer::Denied, QueryAnswer::Denied, KeyVerdict::NoCall, "could not read the request log"),
    ] {
        let answer = |query: &Query| match &query.shape {
            Shape::Logs(_) if query.scope.as_str() == GROUP => {
                match reads.clone().with_log(together).logged() {
                    found @ Answer::Found(_) if together == QueryAnswer::Partial => {
                        about_all(&found, &subjects)
                    }
                    // Azure names both accounts, and says nothing of workspaces.
                    Answer::Found(_) => {
                        let whole = about_all(&reads.logged(), &subjects);
                        let Answer::Found(bodies) = &whole else { panic!("{whole:?}") };
                        let mut body = (*bodies[0]).clone();
                        body["permissions"] = Value::Null;
                        Answer::found([body])
                    }
                    other => other,
                }
            }
            Shape::Logs(_) => match reads.clone().with_log(alone).logged() {
                found @ Answer::Found(_) if alone == QueryAnswer::Whole => {
                    let one: Vec<_> =
                        subjects.iter().filter(|subject| subject.id == query.scope).cloned().collect();
                    about_all(&found, &one)
                }
                other => other,
            },
            _ => idle.answer(query),
        };
        for usage in judged(&subjects, &answer) {
            assert_eq!(usage.verdict, verdict, "{together:?} {alone:?}: {usage:?}");
            let notes = usage.notes.join(" ");
            assert!(verdict != KeyVerdict::NoCall || notes.contains(words), "{notes}");
            assert!(!notes.contains("there is no log"), "{notes}");
        }
    }
}

/// Two answers as one.
fn both(one: &Answer, other: &Answer) -> Answer {
    let (Answer::Found(one), Answer::Found(other)) = (one, other) else { panic!("{one:?} {other:?}") };
    let mut body = (*one[0]).clone();
    for list in ["/tables/0/rows", "/permissions/resources"] {
        let more = other[0].pointer(list).unwrap().as_array().unwrap().clone();
        body.pointer_mut(list).unwrap().as_array_mut().unwrap().extend(more);
    }
    Answer::found([body])
}

#[test]
fn an_account_is_not_judged_by_the_calls_of_another() {
    let keys = UsageWorld::of(daily(TrafficCaller::Key, 5));
    let world = UsageWorld::of(tokens());
    let subjects = [world.subject("a"), world.subject("b")];
    let answer = |query: &Query| match &query.shape {
        // The calls with keys are those of `b`.
        Shape::Logs(_) => {
            both(&about_all(&world.logged(), &subjects), &about_all(&keys.logged(), &subjects[1..]))
        }
        _ => world.answer(query),
    };
    let verdicts: Vec<KeyVerdict> = judged(&subjects, &answer).iter().map(|usage| usage.verdict).collect();
    assert_eq!(verdicts, [KeyVerdict::NoKeyCallSeen, KeyVerdict::KeysUsed]);
}

#[test]
fn a_busy_account_is_asked_about_day_by_day() {
    let busy = daily(TrafficCaller::Token(ALICE), 2_000);
    for (traffic, a_day_fails, days, verdict) in [
        (busy.clone(), false, 31, KeyVerdict::NoKeyCallSeen),
        (and(busy.clone(), on(9, TrafficCaller::Key, 1)), false, 31, KeyVerdict::KeysUsed),
        // A day that could not be read hides nothing that the others show.
        (and(busy.clone(), on(9, TrafficCaller::Key, 1)), true, 31, KeyVerdict::KeysUsed),
        (busy, true, 31, KeyVerdict::CannotTell),
        (tokens(), false, 0, KeyVerdict::CannotTell),
    ] {
        let world = UsageWorld::of(traffic);
        let asked = std::cell::Cell::new(0);
        let answer = |query: &Query| {
            let Shape::Logs(body) = &query.shape else { return world.answer(query) };
            let text = body["query"].as_str().unwrap();
            let at = |name: &str| {
                let rest = text.split(&format!("let {name} = datetime(")).nth(1).unwrap();
                rest.split(')').next().unwrap().parse::<Timestamp>().unwrap()
            };
            let (since, until) = (at("since"), at("until"));
            if until.duration_since(since) > SignedDuration::from_hours(24) {
                return UsageWorld { log: QueryAnswer::Partial, ..world.clone() }.logged();
            }
            asked.set(asked.get() + 1);
            let ago = UsageWorld::window().today() - since.as_second().div_euclid(DAY);
            if a_day_fails && ago == 4 {
                return world.clone().with_log(QueryAnswer::Denied).logged();
            }
            let mut day = world.clone();
            day.traffic.retain(|each| each.ago == ago);
            day.logged()
        };
        let usage = judged(&[world.subject("a")], &answer).remove(0);
        assert_eq!((usage.verdict, asked.get()), (verdict, days), "{usage:?}");
        let part = usage.reasons.iter().any(|reason| reason.message.contains("only a part"));
        assert_eq!(part, verdict == KeyVerdict::CannotTell, "{usage:?}");
    }
}

/// The answer about one account, for each of these.
fn about_all(one: &Answer, subjects: &[AskedAccount]) -> Answer {
    let Answer::Found(bodies) = one else { panic!("{one:?}") };
    let mut body = (*bodies[0]).clone();
    let rows = body["tables"][0]["rows"].as_array().unwrap().clone();
    let resource = body["permissions"]["resources"][0].clone();
    let (mut all, mut resources) = (Vec::new(), Vec::new());
    for subject in subjects {
        all.extend(rows.iter().map(|row| {
            let mut row = row.clone();
            row[0] = json!(subject.id.as_str().to_lowercase());
            row
        }));
        let mut resource = resource.clone();
        resource["resourceId"] = json!(subject.id.as_str());
        resources.push(resource);
    }
    body["tables"][0]["rows"] = json!(all);
    body["permissions"]["resources"] = json!(resources);
    Answer::found([body])
}

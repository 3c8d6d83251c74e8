//! Long-running operations, followed to their end with simulated time.

use super::*;

/// Each row: the answers to a write and its polls, and what the machine did.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of rules")]
fn each_rule_of_long_running_operations() {
    use Method::{Delete, Patch, Post, Put};
    let op = ("Azure-AsyncOperation", POLL);
    let place = ("Location", POLL);
    let status = |status: &str| answer(200, &[], json!({"id": "x", "status": status}));
    let read = |state: &str| answer(200, &[], account(state));
    let done = || read("Succeeded");
    for (name, method, outcomes, log) in [
        (
            "201 Succeeded without header is over",
            Put,
            vec![answer(201, &[], account("Succeeded"))],
            "send done",
        ),
        ("a body without state is over", Put, vec![answer(201, &[], json!({"id": "x"}))], "send done"),
        (
            "201 with header is followed, then read",
            Put,
            vec![answer(201, &[op], account("Creating")), status("Creating"), status("Succeeded"), done()],
            "send poll poll read done",
        ),
        (
            "200 with header is followed too",
            Put,
            vec![answer(200, &[op], account("Accepted")), status("succeeded"), done()],
            "send poll read done",
        ),
        (
            "the operation header wins over Location",
            Patch,
            vec![answer(202, &[place, op], account("Accepted")), status("Succeeded"), done()],
            "send poll read done",
        ),
        (
            "202 with Location only is polled until it is not 202",
            Put,
            vec![
                answer(202, &[place], Value::Null),
                answer(202, &[place], Value::Null),
                answer(200, &[], Value::Null),
                done(),
            ],
            "send poll poll read done",
        ),
        (
            "201 Creating without header polls the resource",
            Put,
            vec![answer(201, &[], account("Creating")), read("Creating"), done()],
            "send read read done",
        ),
        (
            "a Location on 201 is no operation",
            Put,
            vec![answer(201, &[place], account("Succeeded"))],
            "send done",
        ),
        (
            "unknown states go on",
            Put,
            vec![
                answer(201, &[op], Value::Null),
                status("ResolvingDNS"),
                status("Fancy"),
                status("Succeeded"),
                done(),
            ],
            "send poll poll poll read done",
        ),
        (
            "Failed ends it",
            Put,
            vec![answer(201, &[op], Value::Null), status("Failed")],
            "send poll OperationFailed/Accepted",
        ),
        (
            "cANCELED ends it",
            Put,
            vec![answer(201, &[op], Value::Null), status("cANCELED")],
            "send poll OperationFailed/Accepted",
        ),
        (
            "a resource that says Failed is an error",
            Put,
            vec![answer(200, &[], account("Failed"))],
            "send OperationFailed/Accepted",
        ),
        ("a PUT without a body is read", Put, vec![answer(200, &[], Value::Null), done()], "send read done"),
        (
            "202 without any word polls the resource",
            Put,
            vec![answer(202, &[], Value::Null), read("Accepted"), done()],
            "send read read done",
        ),
        ("a DELETE that answers 200 is over", Delete, vec![answer(200, &[], Value::Null)], "send done"),
        ("204 too", Delete, vec![answer(204, &[], Value::Null)], "send done"),
        (
            "a DELETE with header is followed and not read",
            Delete,
            vec![answer(202, &[op, place], Value::Null), status("Deleting"), status("Succeeded")],
            "send poll poll done",
        ),
        (
            "a DELETE with 202 alone polls until it is gone",
            Delete,
            vec![answer(202, &[], Value::Null), read("Deleting"), failing(404, "ResourceNotFound")],
            "send read read done",
        ),
        (
            "which not every 404 says",
            Delete,
            vec![
                answer(202, &[], Value::Null),
                failing(404, "InvalidResourceType"),
                answer(404, &[], Value::Null),
                failing(404, "ResourceNotFound"),
            ],
            "send read read read done",
        ),
        (
            "a success of an operation that tells an error is none",
            Delete,
            vec![
                answer(202, &[op], Value::Null),
                answer(200, &[], json!({"status": "Succeeded", "error": {"code": "Busy", "message": "m"}})),
            ],
            "send poll OperationFailed/Accepted",
        ),
        (
            "an error or a part is no answer about the resource",
            Put,
            vec![
                answer(201, &[op], Value::Null),
                status("Succeeded"),
                failing(200, "X"),
                answer(206, &[], account("Succeeded")),
                done(),
            ],
            "send poll read read read done",
        ),
        (
            "a POST gives what the operation gives",
            Post,
            vec![answer(202, &[place], Value::Null), answer(200, &[], json!({"a": 1}))],
            "send poll done",
        ),
        (
            "troubles while polling are retried, and never the write",
            Put,
            vec![
                answer(201, &[op], Value::Null),
                broken(true),
                failing(500, "X"),
                failing(429, "X"),
                garbage(200),
                status("Succeeded"),
                failing(404, "X"),
                broken(false),
                done(),
            ],
            "send poll poll poll poll poll read read read done",
        ),
        (
            "polling a POST is safe to repeat",
            Post,
            vec![answer(202, &[op], Value::Null), broken(true), failing(500, "X"), status("Succeeded")],
            "send poll poll poll done",
        ),
        (
            "a Location that answers 409 is the operation's failure",
            Delete,
            vec![answer(202, &[place], Value::Null), failing(409, "Busy")],
            "send poll OperationFailed/Accepted",
        ),
        (
            "a denied poll leaves the outcome open",
            Put,
            vec![answer(201, &[op], Value::Null), failing(403, "X")],
            "send poll Denied/Accepted",
        ),
        (
            "a poll that is refused is not the operation's failure",
            Put,
            vec![answer(201, &[op], Value::Null), failing(400, "X")],
            "send poll Invalid/Accepted",
        ),
        (
            "nor is a Location that may not be asked",
            Delete,
            vec![answer(202, &[place], Value::Null), failing(403, "X")],
            "send poll Denied/Accepted",
        ),
        (
            "a poll's redirect is not followed either",
            Put,
            vec![answer(201, &[op], Value::Null), answer(307, &[("location", "https://x/")], Value::Null)],
            "send poll Origin/Accepted",
        ),
        (
            "Ctrl-C while polling leaves it open too",
            Put,
            vec![answer(201, &[op], Value::Null), Sent::Interrupted],
            "send poll Interrupted/Accepted",
        ),
        (
            "after Succeeded the resource may lag",
            Put,
            vec![answer(201, &[op], Value::Null), status("Succeeded"), read("Accepted"), done()],
            "send poll read read done",
        ),
        (
            "an operation without status is checked on the resource",
            Put,
            vec![answer(201, &[op], Value::Null), answer(200, &[], json!({"id": "x"})), done()],
            "send poll read done",
        ),
        (
            "an unreadable body does not matter where a header leads on",
            Put,
            vec![
                Sent::Answer(Response {
                    status: 201,
                    headers: [op].into_iter().collect(),
                    body: ResponseBody::unreadable("cut", b"{"),
                }),
                status("Succeeded"),
                done(),
            ],
            "send poll read done",
        ),
    ] {
        let mut play = Play::new(method, ACCOUNT);
        for outcome in outcomes {
            play.give(outcome);
        }
        assert_eq!(play.log.join(" "), log, "{name}");
    }
}

#[test]
fn the_first_poll_comes_at_once_and_the_wait_then_doubles_to_ten_seconds() {
    let mut play = Play::new(Method::Put, ACCOUNT);
    let going = || answer(200, &[], json!({"status": "Creating"}));
    assert_eq!(play.give(answer(201, &[("azure-asyncoperation", POLL)], Value::Null)), None);
    let waits: Vec<u128> = (0..8).map(|_| play.give(going()).unwrap().as_millis()).collect();
    assert_eq!(waits, [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
    let told = answer(200, &[("Retry-After", "3")], json!({"status": "Creating"}));
    assert_eq!(play.give(told), Some(Duration::from_secs(3)));
    let none = answer(200, &[("Retry-After", "0")], json!({"status": "Creating"}));
    assert_eq!(play.give(none), Some(Duration::from_millis(100)));

    let mut play = Play::new(Method::Put, ACCOUNT);
    let accepted = answer(201, &[("azure-asyncoperation", POLL), ("Retry-After", "15")], Value::Null);
    assert_eq!(play.give(accepted), Some(Duration::from_secs(15)));
}

#[test]
fn an_operation_ends_at_its_limit_with_its_outcome_unknown() {
    let mut play = Play::new(Method::Put, ACCOUNT);
    let began = play.now;
    play.give(answer(201, &[("azure-asyncoperation", POLL)], Value::Null));
    while play.give(answer(200, &[], json!({"status": "Creating"}))).is_some() {}
    let minutes = play.now.since(began).as_secs() / 60;
    assert_eq!(minutes, 30);
    assert_eq!((play.error().kind, play.error().effect), (ErrorKind::TimedOut, Effect::Accepted));
    assert!(play.error().to_string().contains("still `Creating` after 30 min"), "{}", play.error());
}

#[test]
fn the_poll_address_is_used_verbatim_and_follows_azures_newest() {
    let newer = "https://management.azure.com/op/2?t=%2b%2B&c=x%3d";
    let mut play = Play::new(Method::Put, ACCOUNT);
    play.give(answer(201, &[("Azure-AsyncOperation", newer)], Value::Null));
    assert!(matches!(&play.next, Some(Next::Send(_, Request::Operation(url))) if url.expose() == newer));
    play.give(answer(200, &[("Azure-AsyncOperation", POLL)], json!({"status": "Creating"})));
    assert!(matches!(&play.next, Some(Next::Send(_, Request::Operation(url))) if url.expose() == POLL));
    let shown = format!("{:?}", play.next);
    assert!(shown.contains("management.azure.com/op/1") && !shown.contains("s=S"), "{shown}");

    let mut play = Play::new(Method::Put, ACCOUNT);
    play.give(answer(202, &[("Location", POLL)], Value::Null));
    play.give(answer(202, &[("Location", newer)], Value::Null));
    assert!(matches!(&play.next, Some(Next::Send(_, Request::Operation(url))) if url.expose() == newer));
}

#[test]
fn polls_are_counted_beside_attempts() {
    let mut play = Play::new(Method::Put, ACCOUNT);
    play.give(answer(201, &[("azure-asyncoperation", POLL)], Value::Null));
    play.give(answer(200, &[], json!({"status": "Creating"})));
    play.give(answer(200, &[], json!({"status": "Succeeded"})));
    play.give(answer(200, &[], account("Succeeded")));
    assert_eq!((play.done().polls, play.done().attempts), (3, 1));
}

#[test]
fn an_operation_may_ask_for_a_wait_of_two_hours_and_no_more() {
    for (seconds, wait) in [("7200", Some(Duration::from_hours(2))), ("7201", None)] {
        let mut play = Play::new(Method::Put, ACCOUNT);
        let headers = [("azure-asyncoperation", POLL), ("Retry-After", seconds)];
        assert_eq!(play.give(answer(201, &headers, Value::Null)), wait, "{seconds} s");
        if wait.is_none() {
            assert_eq!((play.error().kind, play.error().effect), (ErrorKind::TimedOut, Effect::Accepted));
        }
    }
}

/// The status of the operation's own answer counts only if that answer is the failure.
#[test]
fn a_failed_operation_has_a_status_only_if_its_address_answered_one() {
    let failed = |headers: &[(&str, &str)], outcome| {
        let mut play = Play::new(Method::Delete, ACCOUNT);
        play.give(answer(202, headers, Value::Null));
        play.give(outcome);
        (play.error().status, play.error().to_string())
    };
    let (status, text) = failed(&[("Location", POLL)], failing(409, "Busy"));
    assert_eq!(status, Some(409), "{text}");
    let operation = [("azure-asyncoperation", POLL)];
    let (status, text) = failed(&operation, answer(200, &[], json!({"status": "Canceled"})));
    assert_eq!(status, None);
    assert!(text.contains("Azure reports `Canceled` without a reason"), "{text}");
    let coded = json!({"status": "Failed", "error": {"code": "QuotaExceeded"}});
    let (_, text) = failed(&operation, answer(200, &[], coded));
    assert!(text.contains("QuotaExceeded") && !text.contains("no reason"), "{text}");
    let deeper =
        json!({"status": "Failed", "error": null, "properties": {"error": {"code": "Deep", "message": "d"}}});
    let (_, text) = failed(&operation, answer(200, &[], deeper));
    assert!(text.contains("Deep: d"), "{text}");
}

#[test]
fn a_failed_operation_tells_azures_reason() {
    let failed = json!({"status": "Failed", "error": {"code": "QuotaExceeded", "message": "Too much.",
        "details": [{"code": "Inner", "message": "more", "target": "sku"}]}});
    let mut play = Play::new(Method::Put, ACCOUNT);
    play.give(answer(201, &[("azure-asyncoperation", POLL), ("x-ms-request-id", "r9")], Value::Null));
    play.give(answer(200, &[], failed));
    assert_eq!(
        play.error().to_string(),
        "the operation failed: QuotaExceeded: Too much.; Inner: more (target `sku`) (request r9)"
    );
    assert!(play.error().has_code("quotaexceeded") && play.error().has_code("Inner"));
}

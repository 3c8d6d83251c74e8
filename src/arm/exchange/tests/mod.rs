//! The machine with simulated time: one table row or test per rule.

mod operations;
mod properties;

use serde_json::json;

use super::*;

const ACCOUNT: &str =
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/a?api-version=1";
const ASSIGNMENT: &str = "/subscriptions/s/providers/Microsoft.Authorization/roleAssignments/n?api-version=1";
const POLL: &str = "https://management.azure.com/op/1?api-version=1&t=T&s=S";

/// Feeds results to the machine and keeps time.
struct Play {
    next: Option<Next>,
    now: Moment,
    log: Vec<String>,
}

impl Play {
    fn new(method: Method, path: &str) -> Self {
        Self::with(method, path, Limits::default())
    }

    fn with(method: Method, path: &str, limits: Limits) -> Self {
        let now = Moment(1_000_000);
        let mut play =
            Self { next: Some(Exchange::start(method, path, limits, 1, now)), now, log: Vec::new() };
        play.note();
        play
    }

    fn note(&mut self) {
        let entry = match self.next.as_ref().unwrap() {
            Next::Send(_, Request::Call) => "send".to_owned(),
            Next::Send(_, Request::Operation(_)) => "poll".to_owned(),
            Next::Send(_, Request::Resource) => "read".to_owned(),
            Next::Wait { .. } => return,
            Next::Done(_) => "done".to_owned(),
            Next::GiveUp(error) => format!("{:?}/{:?}", error.kind, error.effect),
        };
        self.log.push(entry);
    }

    /// Passes a result for the request that was sent; then simulates the wait, if any, and returns its length.
    fn give(&mut self, outcome: Sent) -> Option<Duration> {
        let Some(Next::Send(exchange, _)) = self.next.take() else {
            panic!("nothing was sent: {:?}", self.log)
        };
        self.next = Some(exchange.step(outcome, self.now));
        self.note();
        let Some(Next::Wait { until, .. }) = &self.next else { return None };
        let wait = until.since(self.now);
        self.now = *until;
        let Some(Next::Wait { exchange, .. }) = self.next.take() else { unreachable!() };
        self.next = Some(exchange.step(Sent::Waited, self.now));
        self.note();
        Some(wait)
    }

    fn sent(&self) -> usize {
        self.log.iter().filter(|entry| *entry == "send").count()
    }

    fn error(&self) -> &Error {
        match &self.next {
            Some(Next::GiveUp(error)) => error,
            other => panic!("no error: {other:?}"),
        }
    }

    fn done(&self) -> &Completed {
        match &self.next {
            Some(Next::Done(done)) => done,
            other => panic!("not done: {other:?}"),
        }
    }
}

fn answer(status: u16, headers: &[(&str, &str)], body: Value) -> Sent {
    let body = if body.is_null() { ResponseBody::Empty } else { ResponseBody::Json(body) };
    Sent::Answer(Response { status, headers: headers.iter().copied().collect(), body })
}

fn failing(status: u16, code: &str) -> Sent {
    answer(status, &[("x-ms-request-id", "r1")], json!({"error": {"code": code, "message": "m"}}))
}

fn account(state: &str) -> Value {
    json!({"name": "a", "properties": {"provisioningState": state}})
}

fn garbage(status: u16) -> Sent {
    let body = ResponseBody::unreadable("cut off", b"{");
    Sent::Answer(Response { status, headers: Headers::default(), body })
}

fn broken(sent: bool) -> Sent {
    Sent::Broken { sent, lasting: false, what: "reset".to_owned() }
}

/// Each row: a method, the results, and what the machine did, in order.
#[test]
fn each_rule_of_retrying() {
    use Method::{Delete, Get, Patch, Post, Put};
    let ok = || answer(200, &[], json!({}));
    for (name, method, outcomes, log) in [
        ("a read ends at once", Get, vec![ok()], "send done"),
        ("408 is retried", Get, vec![failing(408, "X"), ok()], "send send done"),
        ("429 is retried", Put, vec![failing(429, "X"), ok()], "send send done"),
        ("500 is retried", Put, vec![failing(500, "X"), ok()], "send send done"),
        ("599 is retried", Delete, vec![failing(599, "X"), ok()], "send send done"),
        ("a broken read is retried", Get, vec![broken(true), ok()], "send send done"),
        ("a broken PUT is retried", Put, vec![broken(true), ok()], "send send done"),
        ("a broken DELETE is retried", Delete, vec![broken(true), ok()], "send send done"),
        ("a broken PATCH is retried", Patch, vec![broken(true), ok()], "send send done"),
        ("a POST that may have arrived is not", Post, vec![broken(true)], "send Network/Unknown"),
        ("a POST that cannot have arrived is", Post, vec![broken(false), ok()], "send send done"),
        ("a POST is not repeated after 500", Post, vec![failing(500, "X")], "send Unavailable/Unknown"),
        ("nor after 408", Post, vec![failing(408, "X")], "send Unavailable/Unknown"),
        ("but after 429", Post, vec![failing(429, "X"), ok()], "send send done"),
        ("and 503", Post, vec![failing(503, "X"), ok()], "send send done"),
        ("nor when its answer is unreadable", Post, vec![garbage(200)], "send Unreadable/Unknown"),
        ("an unreadable read is repeated", Get, vec![garbage(200), ok()], "send send done"),
        ("an empty read too", Get, vec![answer(200, &[], Value::Null), ok()], "send send done"),
        ("an unreadable PUT too", Put, vec![garbage(201), ok()], "send send done"),
        ("RequestConflict is retried", Put, vec![failing(409, "RequestConflict"), ok()], "send send done"),
        (
            "a busy account too",
            Put,
            vec![failing(409, "AccountProvisioningStateInvalid"), ok()],
            "send send done",
        ),
        ("also as a 400", Put, vec![failing(400, "AccountProvisioningStateInvalid"), ok()], "send send done"),
        ("another conflict is final", Put, vec![failing(409, "RoleAssignmentExists")], "send Conflict/None"),
        ("400 is final", Put, vec![failing(400, "BadRequest")], "send Invalid/None"),
        ("403 is final", Get, vec![failing(403, "AuthorizationFailed")], "send Denied/None"),
        ("401 is final", Get, vec![failing(401, "X")], "send Denied/None"),
        ("404 is final", Get, vec![failing(404, "ResourceNotFound")], "send NotFound/None"),
        ("412 is a conflict", Put, vec![failing(412, "X")], "send Conflict/None"),
        ("a DELETE of nothing is told", Delete, vec![failing(404, "X")], "send NotFound/None"),
        (
            "a repeated one may have done it",
            Delete,
            vec![broken(true), failing(404, "X")],
            "send send NotFound/Unknown",
        ),
        ("a part is no answer to a read", Get, vec![answer(206, &[], json!({})), ok()], "send send done"),
        ("an error with 200 is none either", Get, vec![failing(200, "X"), ok()], "send send done"),
        ("a PUT answered so is unclear", Put, vec![failing(200, "X")], "send Invalid/Unknown"),
        ("a DELETE too", Delete, vec![failing(204, "X")], "send Invalid/Unknown"),
        ("a POST too", Post, vec![failing(200, "X")], "send Invalid/Unknown"),
        (
            "but not after a refusal",
            Delete,
            vec![failing(429, "X"), failing(404, "X")],
            "send send NotFound/None",
        ),
        (
            "a refusal after a PUT that never left is none",
            Put,
            vec![broken(false), failing(403, "X")],
            "send send Denied/None",
        ),
        (
            "a refusal after a lost PUT is unclear",
            Put,
            vec![broken(true), failing(403, "X")],
            "send send Denied/Unknown",
        ),
        (
            "PrincipalNotFound elsewhere is final",
            Put,
            vec![failing(400, "PrincipalNotFound")],
            "send Invalid/None",
        ),
        (
            "a redirect is not followed",
            Get,
            vec![answer(307, &[("location", "https://x/")], Value::Null)],
            "send Origin/None",
        ),
        ("Ctrl-C ends it", Put, vec![Sent::Interrupted], "send Interrupted/None"),
        ("a write without its answer is unclear", Put, vec![Sent::Abandoned], "send Interrupted/Unknown"),
        ("a read without its answer did nothing", Get, vec![Sent::Abandoned], "send Interrupted/None"),
        (
            "Ctrl-C after a lost PUT",
            Put,
            vec![broken(true), Sent::Interrupted],
            "send send Interrupted/Unknown",
        ),
        (
            "a wrong certificate is final",
            Get,
            vec![Sent::Broken { sent: false, lasting: true, what: "certificate".to_owned() }],
            "send Network/None",
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
fn retry_after_is_honoured_whatever_it_is_up_to_two_hours() {
    for (header, value, wait) in
        [("Retry-After", "307", 307_000), ("Retry-After", "0", 0), ("x-ms-retry-after-ms", "40", 40)]
    {
        for status in [429, 503, 500] {
            let mut play = Play::new(Method::Get, ACCOUNT);
            assert_eq!(
                play.give(answer(status, &[(header, value)], Value::Null)),
                Some(Duration::from_millis(wait))
            );
        }
    }
    let asked = |seconds| {
        let mut play = Play::new(Method::Get, ACCOUNT);
        (play.give(answer(429, &[("Retry-After", seconds)], Value::Null)), play)
    };
    assert_eq!(asked("7200").0, Some(Duration::from_hours(2)));
    let (wait, play) = asked("7201");
    assert_eq!((wait, play.error().kind), (None, ErrorKind::Throttled));
}

#[test]
fn a_conflict_may_last_ten_minutes_to_the_second() {
    for (seconds, waits) in [("600", true), ("601", false)] {
        let mut play = Play::new(Method::Put, ACCOUNT);
        let busy = json!({"error": {"code": "RequestConflict", "message": "m"}});
        assert_eq!(play.give(answer(409, &[("Retry-After", seconds)], busy)).is_some(), waits, "{seconds} s");
    }
}

#[test]
fn methods_are_named_as_on_the_wire() {
    use Method::{Ask, Delete, Get, Patch, Post, Put};
    let names: Vec<String> = [Get, Put, Patch, Delete, Post, Ask].iter().map(ToString::to_string).collect();
    assert_eq!(names, ["GET", "PUT", "PATCH", "DELETE", "POST", "POST"]);
}

#[test]
fn what_a_read_answers_is_handed_on_whole() {
    let mut play = Play::new(Method::Get, ACCOUNT);
    play.give(answer(200, &[], account("Succeeded")));
    assert_eq!((&play.done().body, play.done().polls), (&account("Succeeded"), 0));
}

#[test]
fn attempts_count_what_was_sent() {
    let Next::Send(first, _) = Exchange::start(Method::Get, ACCOUNT, Limits::default(), 1, Moment(0)) else {
        panic!("a call begins with a request")
    };
    assert_eq!(first.sent, 1);
    let Next::Wait { exchange, .. } = first.step(broken(true), Moment(0)) else { panic!("it is repeated") };
    let Next::Send(third, _) = exchange.step(Sent::Waited, Moment(1)) else { panic!("it is sent again") };
    assert_eq!(third.sent, 2);
}

#[test]
fn headers_show_their_names_and_no_value() {
    let headers: Headers = [("location", "https://x/?s=secret"), ("etag", "1")].into_iter().collect();
    assert_eq!(format!("{headers:?}"), r#"["location", "etag"]"#);
}

#[test]
fn an_error_page_is_quoted_by_its_first_words() {
    let body = ResponseBody::unreadable("not JSON", b"Bad gateway of the proxy");
    let mut play = Play::new(Method::Get, ACCOUNT);
    play.give(Sent::Answer(Response { status: 400, headers: Headers::default(), body }));
    assert!(play.error().to_string().contains("Bad gateway of the proxy"), "{}", play.error());
}

#[test]
fn a_wait_says_why() {
    let why = |path, outcome| {
        let Next::Send(exchange, _) = Exchange::start(Method::Put, path, Limits::default(), 1, Moment(0))
        else {
            panic!()
        };
        let Next::Wait { why, .. } = exchange.step(outcome, Moment(0)) else { panic!() };
        why
    };
    assert_eq!(
        why(ACCOUNT, answer(429, &[("Retry-After", "307")], Value::Null)),
        Why::Throttled { by_azure: true }
    );
    assert_eq!(why(ACCOUNT, failing(429, "X")), Why::Throttled { by_azure: false });
    let late = |status| why(ACCOUNT, answer(status, &[("Retry-After", "5")], Value::Null));
    assert_eq!(late(503), Why::Throttled { by_azure: true });
    assert_eq!(late(500).to_string(), "Azure answered 500");
    assert_eq!(why(ACCOUNT, failing(409, "RequestConflict")), Why::Conflict);
    assert_eq!(why(ASSIGNMENT, failing(400, "PrincipalNotFound")), Why::PrincipalNotReplicated);
    assert_eq!(why(ACCOUNT, failing(502, "X")).to_string(), "Azure answered 502");
    assert_eq!(why(ACCOUNT, broken(true)).to_string(), "reset");
}

#[test]
fn a_call_that_goes_once_is_repeated_only_if_it_surely_did_nothing() {
    for (outcome, repeated) in [
        (failing(429, "X"), true),
        (failing(503, "X"), true),
        (broken(false), true),
        (failing(500, "X"), false),
        (broken(true), false),
        (garbage(201), false),
    ] {
        let start = Exchange::start_once(Method::Put, ACCOUNT, Limits::default(), 1, Moment(0));
        let Next::Send(exchange, _) = start else { panic!("a call begins with a request") };
        match exchange.step(outcome.clone(), Moment(0)) {
            Next::Wait { .. } => assert!(repeated, "{outcome:?}"),
            Next::GiveUp(error) => {
                assert!(!repeated && error.effect == Effect::Unknown, "{outcome:?}: {error}");
            }
            next => panic!("{outcome:?}: {next:?}"),
        }
    }
}

#[test]
fn attempts_are_bounded_per_sort_of_trouble() {
    for (outcome, sent, kind) in [
        (failing(500, "X"), 6, ErrorKind::Unavailable),
        (broken(true), 6, ErrorKind::Network),
        (garbage(200), 6, ErrorKind::Unreadable),
        (failing(429, "X"), 20, ErrorKind::Throttled),
    ] {
        let mut play = Play::new(Method::Put, ACCOUNT);
        while play.give(outcome.clone()).is_some() {}
        assert_eq!(
            (play.sent(), play.error().kind, play.error().attempts),
            (sent, kind, u32::try_from(sent).unwrap())
        );
    }
}

#[test]
fn a_missing_principal_is_waited_for_about_two_minutes_under_the_same_name() {
    let mut play = Play::new(Method::Put, ASSIGNMENT);
    let began = play.now;
    while play.give(failing(400, "PrincipalNotFound")).is_some() {}
    let waited = play.now.since(began).as_secs();
    assert!((90..=120).contains(&waited), "{waited} s");
    assert_eq!(play.error().code.as_deref(), Some("PrincipalNotFound"));

    let mut play = Play::new(Method::Put, ASSIGNMENT);
    for _ in 0..5 {
        play.give(failing(400, "PrincipalNotFound"));
    }
    play.give(answer(201, &[], json!({"id": "x"})));
    assert_eq!((play.done().attempts, play.done().status), (6, 201));
}

#[test]
fn a_conflict_is_waited_for_at_most_ten_minutes() {
    let mut play = Play::new(Method::Put, ACCOUNT);
    let began = play.now;
    while play.give(failing(409, "RequestConflict")).is_some() {}
    let waited = play.now.since(began).as_secs();
    assert!((300..=600).contains(&waited), "{waited} s");
}

#[test]
fn errors_say_what_azure_said_and_how_often_it_was_asked() {
    let mut play = Play::new(Method::Get, ACCOUNT);
    play.give(failing(403, "AuthorizationFailed"));
    assert_eq!(play.error().to_string(), "Azure answered 403 AuthorizationFailed: m (request r1)");
    let mut play = Play::new(Method::Put, ACCOUNT);
    play.give(answer(500, &[("retry-after", "2")], Value::Null));
    play.give(failing(400, "Bad"));
    assert_eq!(
        play.error().to_string(),
        "Azure answered 400 Bad: m (request r1, attempt 2, 2 s); it is unknown whether it took effect"
    );
}

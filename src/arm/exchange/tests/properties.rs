//! Properties that hold for every sequence of answers.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn any_outcome() -> impl Strategy<Value = Sent> {
    let status = prop_oneof![
        4 => Just(200u16), 2 => Just(201), 3 => Just(202), 1 => Just(204), 1 => Just(301), 1 => Just(400),
        1 => Just(404), 1 => Just(408), 2 => Just(409), 2 => Just(429), 1 => Just(500), 1 => Just(503),
        1 => 100u16..=999,
    ];
    let code = prop_oneof![Just("RequestConflict"), Just("PrincipalNotFound"), Just("X")];
    let state =
        prop_oneof![Just("Creating"), Just("Succeeded"), Just("Failed"), Just("Odd"), Just("Accepted")];
    let body = (0..7u8, code, state).prop_map(|(form, code, state)| match form {
        0 => ResponseBody::Empty,
        1 => ResponseBody::unreadable("cut", b"<"),
        2 => ResponseBody::Json(json!({"status": state})),
        3 => ResponseBody::Json(json!({"properties": {"provisioningState": state}})),
        4 => ResponseBody::Json(json!({"error": {"code": code, "message": "m"}})),
        5 => ResponseBody::Taken,
        _ => ResponseBody::Json(json!([state, 1])),
    });
    let header = prop_oneof![
        4 => Just(vec![]),
        2 => Just(vec![("Azure-AsyncOperation", POLL)]),
        2 => Just(vec![("Location", POLL)]),
        1 => Just(vec![("Retry-After", "0")]),
        1 => Just(vec![("Retry-After", "3600")]),
        1 => Just(vec![("Retry-After", "18446744073709551615")]),
        1 => Just(vec![("Azure-AsyncOperation", POLL), ("Retry-After", "0")]),
    ];
    prop_oneof![
        12 => (status, header, body).prop_map(|(status, headers, body)| {
            Sent::Answer(Response { status, headers: headers.into_iter().collect(), body })
        }),
        2 => any::<bool>().prop_map(broken),
    ]
}

/// Whether it answers a read.
fn is_whole(answer: &Response) -> bool {
    answer.status == 200 && answer.body != ResponseBody::Empty && answer.error_in_success().is_none()
}

fn any_method() -> impl Strategy<Value = Method> {
    prop_oneof![
        Just(Method::Get),
        Just(Method::Put),
        Just(Method::Patch),
        Just(Method::Post),
        Just(Method::Delete)
    ]
}

/// The longest cycle of answers is one shorter than this.
const ANSWERS: usize = 12;

proptest! {
    /// Whatever cycle of answers Azure returns, the exchange ends, and an accepted write is never repeated.
    #[test]
    fn every_exchange_ends_and_an_accepted_write_is_never_sent_again(
        method in any_method(),
        assignment in any::<bool>(),
        seed in any::<u64>(),
        outcomes in prop::collection::vec(any_outcome(), 1..ANSWERS),
    ) {
        let limits = Limits { operation: Duration::from_mins(1), ..Limits::default() };
        // A poll that is not finished waits at least 100 ms, even with `Retry-After: 0`, and resets failures. Between two of those no
        // answer repeats; before the first and after the last, the limits of failures are the bound (124 in total). Each answer takes one
        // step to send and one to wait.
        let most = 2 * ((limits.operation.as_millis() / 100 + 1) * ANSWERS as u128 + 2 * 124);
        let path = if assignment { ASSIGNMENT } else { ACCOUNT };
        let mut now = Moment(1_000);
        let mut next = Exchange::start(method, path, limits, seed, now);
        let mut outcomes = outcomes.iter().cycle();
        let mut accepted = false;
        let mut steps = 0u128;
        loop {
            steps += 1;
            prop_assert!(steps <= most, "it does not end within {most} steps");
            next = match next {
                Next::Send(exchange, request) => {
                    let calling = request == Request::Call;
                    prop_assert!(!(calling && accepted), "an accepted {method} was sent again");
                    let outcome = outcomes.next().expect("a cycle does not end").clone();
                    let followed = matches!(&outcome, Sent::Answer(answer) if method.is_write()
                        && (answer.headers.get("azure-asyncoperation").is_some()
                            || (answer.status == 202 && answer.headers.get("location").is_some())));
                    if let Sent::Answer(answer) = &outcome
                        && calling
                        && (200..300).contains(&answer.status)
                        && (followed || !matches!(answer.body, ResponseBody::Unreadable { .. }))
                        && (method.is_write() || is_whole(answer))
                    {
                        accepted = true;
                    }
                    exchange.step(outcome, now)
                }
                Next::Wait { exchange, until, .. } => {
                    prop_assert!(until >= now);
                    now = until;
                    exchange.step(Sent::Waited, now)
                }
                Next::Done(done) => {
                    prop_assert!(accepted, "done without a success, with {}", done.status);
                    break;
                }
                Next::GiveUp(error) => {
                    prop_assert!(!error.to_string().contains("t=T"));
                    prop_assert_eq!(method == Method::Get, error.effect == Effect::None && !method.is_write());
                    break;
                }
            };
        }
    }
}

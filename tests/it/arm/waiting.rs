//! Waits: told to the observer, ended by Ctrl-C.

use std::sync::Arc;
use std::time::Duration;

use keyless::arm::observer::{What, Why};
use keyless::arm::{ClientSettings, Effect, ErrorKind, Interrupt};
use serde_json::{Value, json};

use super::server::{Play, Server, answer};
use super::{Witness, client_with, options};

const PATH: &str =
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/a?api-version=1";

fn interruptible() -> (ClientSettings, Interrupt, Arc<Witness>) {
    let interrupt = Interrupt::default();
    let witness = Witness { interrupt_on_wait: Some(interrupt.clone()), ..Witness::default() };
    (ClientSettings { interrupt: interrupt.clone(), ..options() }, interrupt, Arc::new(witness))
}

#[tokio::test]
async fn a_long_retry_after_is_reported_in_full_and_ctrl_c_ends_the_wait() {
    let server = Server::playing([answer(429, &[("Retry-After", "307")], &Value::Null)]).await;
    let (options, _, witness) = interruptible();
    let error = client_with(&server.base, options, witness.clone()).get(PATH).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Interrupted, Effect::None));
    let seen = witness.seen.lock().unwrap();
    let [What::Waiting { wait, why: Why::Throttled { by_azure: true } }] = seen.as_slice() else {
        panic!("{seen:?}")
    };
    // Reported as the remaining time, a moment after it began.
    assert!((Duration::from_mins(5)..=Duration::from_secs(307)).contains(wait), "{wait:?}");
}

#[tokio::test]
async fn retries_and_states_are_told() {
    let server = Server::start().await;
    let poll = format!("{}/op", server.base);
    server.then([
        answer(503, &[], &Value::Null),
        answer(201, &[("Azure-AsyncOperation", &poll)], &Value::Null),
        answer(200, &[], &json!({"status": "Creating"})),
        answer(200, &[], &json!({"status": "Succeeded"})),
        answer(200, &[], &json!({})),
    ]);
    let witness = Arc::new(Witness::default());
    client_with(&server.base, options(), witness.clone()).put(PATH, &json!({})).await.unwrap();
    let seen = witness.seen.lock().unwrap();
    let told: Vec<String> = seen
        .iter()
        .map(|what| match what {
            What::Waiting { why, .. } => format!("waiting: {why}"),
            What::State { state, .. } => format!("state {state}"),
        })
        .collect();
    assert_eq!(told, ["waiting: Azure answered 503", "state Creating"]);
}

#[tokio::test]
async fn ctrl_c_while_an_operation_runs_says_that_its_outcome_is_unknown() {
    let server = Server::start().await;
    let poll = format!("{}/op?t=secret", server.base);
    server.then([answer(201, &[("Azure-AsyncOperation", &poll), ("Retry-After", "600")], &Value::Null)]);
    let interrupt = Interrupt::default();
    let witness = Arc::new(Witness::default());
    let client = client_with(
        &server.base,
        ClientSettings { interrupt: interrupt.clone(), ..options() },
        witness.clone(),
    );
    let body = json!({});
    let (answer, ()) = tokio::join!(client.put(PATH, &body), async {
        while witness.seen.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        interrupt.trigger();
        // The time that a write in flight is given is over.
        interrupt.expire();
    });
    let error = answer.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Interrupted, Effect::Accepted));
    assert!(error.to_string().contains("its result is unknown"), "{error}");
    assert!(error.hint().unwrap().contains("run the command again"));
    let error = client.get(PATH).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Interrupted, "nothing begins after Ctrl-C");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_write_in_flight_finishes_after_ctrl_c_and_a_read_is_dropped() {
    for write in [true, false] {
        let (options, interrupt, witness) = interruptible();
        let pull = interrupt.clone();
        let server = Server::playing([Play::After(Arc::new(move || pull.trigger()))]).await;
        let client = client_with(&server.base, options, witness);
        if write {
            assert_eq!(client.put(PATH, &json!({})).await.unwrap().body, json!({}));
        } else {
            assert_eq!(client.get(PATH).await.unwrap_err().kind, ErrorKind::Interrupted);
        }
        assert!(interrupt.is_triggered());
    }
}

#[tokio::test]
async fn requests_are_paced_by_what_azure_says_is_left() {
    let server = Server::start().await;
    // Nothing left: at 25 a second the next read waits, which the observer of a longer wait would be told.
    let empty = [("x-ms-ratelimit-remaining-subscription-reads", "0")];
    server.then([answer(200, &empty, &json!({})), answer(200, &[], &json!({}))]);
    let throttled = json!({"error": {"code": "SubscriptionRequestsThrottled", "message": "m"}});
    server.then([answer(429, &[("Retry-After", "307")], &throttled)]);
    let (options, _, witness) = interruptible();
    let client = client_with(&server.base, options, witness.clone());
    client.get(PATH).await.unwrap();
    client.get(PATH).await.unwrap();
    // One request learns that the subscription is throttled; another does not even try.
    let (first, second) = tokio::join!(client.get(PATH), async {
        // The server has seen the request a while before the client has seen its answer.
        while witness.seen.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        client.get(PATH).await
    });
    assert_eq!(first.unwrap_err().kind, ErrorKind::Interrupted);
    assert_eq!(second.unwrap_err().kind, ErrorKind::Interrupted);
    assert_eq!(server.seen().len(), 3);
}

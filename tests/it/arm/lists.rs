//! Reads: one thing, lists with pages, and what goes wrong with them.

use std::sync::Arc;
use std::time::Duration;

use keyless::arm::{ClientSettings, ErrorKind, RequestCounts};
use serde_json::{Value, json};

use super::server::{Play, Server, answer, owned};
use super::{TOKEN, Witness, client, client_with, options};

const PATH: &str = "/subscriptions/s/providers/Microsoft.CognitiveServices/accounts?api-version=1";

#[tokio::test]
async fn a_read_carries_what_arm_needs_and_the_filter_as_given() {
    let server = Server::playing([answer(200, &[], &json!({"a": 1})), answer(200, &[], &json!({}))]).await;
    let client = client(&server.base);
    assert_eq!(client.get("/x?api-version=1&$filter=principalId eq 'p'").await.unwrap(), json!({"a": 1}));
    client.get("/x").await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].target.replace("%27", "'"), "/x?api-version=1&$filter=principalId%20eq%20'p'");
    assert_eq!(seen[0].header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    assert_eq!(seen[0].header("user-agent"), Some(concat!("keyless/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(seen[0].header("accept-encoding"), Some("gzip"));
    let ids: Vec<_> = seen.iter().map(|seen| seen.header("x-ms-client-request-id").unwrap()).collect();
    assert_eq!(ids[0].len(), 36);
    assert_ne!(ids[0], ids[1]);
    assert_eq!(client.requests(), RequestCounts { reads: 2, writes: 0 });
}

#[tokio::test]
async fn compressed_answers_are_read() {
    // gzip of `{"a":1}`
    let body = vec![
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 74, 84, 178, 50, 172, 5, 0, 175, 172, 27, 86, 7, 0, 0, 0,
    ];
    let headers = owned(&[("content-encoding", "gzip"), ("content-type", "application/json")]);
    let server = Server::playing([Play::Answer { status: 200, headers, body }]).await;
    assert_eq!(client(&server.base).get("/x").await.unwrap(), json!({"a": 1}));
}

#[tokio::test]
async fn pages_are_followed_and_items_projected() {
    let server = Server::start().await;
    let link = |page: u32| format!("{}/p?$skipToken={page}", server.base);
    server.then([
        answer(200, &[], &json!({"value": [{"name": "a", "big": [0, 1, 2]}], "nextLink": link(2)})),
        answer(429, &[("retry-after", "0")], &Value::Null),
        answer(200, &[], &json!({"value": [{"name": "b"}], "nextLink": link(3)})),
        answer(200, &[], &json!({"value": [], "nextLink": ""})),
    ]);
    let client = client(&server.base);
    let names = client.list(PATH, |item| item["name"].as_str().map(str::to_owned)).await.unwrap();
    assert_eq!(names, [Some("a".to_owned()), Some("b".to_owned())]);
    assert_eq!(client.requests().reads, 4);
}

#[tokio::test]
async fn a_part_is_asked_for_again_and_its_items_are_not_counted() {
    let server = Server::start().await;
    let link = format!("{}/p?$skipToken=2", server.base);
    let page = json!({"value": [1], "NextLink": link});
    server.then([
        answer(206, &[("retry-after", "0")], &page),
        answer(202, &[("retry-after", "0")], &page),
        answer(200, &[], &page),
        answer(200, &[], &json!({"value": [2]})),
    ]);
    assert_eq!(client(&server.base).list(PATH, |item| item).await.unwrap(), [json!(1), json!(2)]);
    server.forever(answer(203, &[("retry-after", "0")], &json!({"value": []})), Duration::ZERO);
    let error = client(&server.base).list(PATH, |item| item).await.unwrap_err();
    assert_eq!(
        error.to_string().split(" (").next().unwrap(),
        "Azure's answer with status 203 is unreadable: only status 200 is a complete answer to a read"
    );
}

#[tokio::test]
async fn a_list_whose_pages_form_a_circle_or_never_end_is_an_error() {
    let server = Server::start().await;
    let page =
        |n: u32| answer(200, &[], &json!({"value": [1], "nextLink": format!("{}/p?n={n}", server.base)}));
    server.then([page(1), page(2), page(1)]);
    let error = client(&server.base).list(PATH, |item| item).await.unwrap_err();
    assert!(error.kind == ErrorKind::Unreadable && error.to_string().contains("circle"), "{error}");

    server.then((0..10).map(page));
    let few = ClientSettings { pages: 5, ..options() };
    let error = client_with(&server.base, few, Arc::new(Witness::default()))
        .list(PATH, |item| item)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("more than 5 pages"), "{error}");
}

#[tokio::test]
async fn a_list_can_be_read_until_there_is_enough_or_a_bound_and_says_so() {
    let server = Server::start().await;
    let page =
        |n: u32| answer(200, &[], &json!({"value": [n], "nextLink": format!("{}/p?n={n}", server.base)}));
    let client = client(&server.base);
    server.then((0..3).map(page));
    let read = client.list_until(PATH, |item| item, 3, |_| false).await.unwrap();
    assert_eq!(read, (vec![json!(0), json!(1), json!(2)], false));
    server.then((0..2).map(page));
    let read = client.list_until(PATH, |item| item, 9, |items| items.len() == 2).await.unwrap();
    assert_eq!(read, (vec![json!(0), json!(1)], false));
    server.then([page(0), answer(200, &[], &json!({"value": [1]}))]);
    let read = client.list_until(PATH, |item| item, 2, |_| false).await.unwrap();
    assert_eq!(read, (vec![json!(0), json!(1)], true));
    assert_eq!(server.seen().len(), 7);
}

#[tokio::test]
async fn an_answer_that_is_no_list_is_an_error_and_not_an_empty_list() {
    for body in [json!({}), json!([]), json!({"value": null})] {
        let server = Server::start().await;
        server.forever(answer(200, &[], &body), Duration::ZERO);
        let error = client(&server.base).list(PATH, |item| item).await.unwrap_err();
        assert_eq!((error.kind, error.attempts), (ErrorKind::Unreadable, 6), "{error}");
    }
}

#[tokio::test]
async fn unreadable_answers_are_asked_for_again_and_items_not_counted_twice() {
    let page = json!({"value": [1, 2]});
    let cut = Play::CutOff { status: 200, headers: vec![], body: page.to_string().into_bytes() };
    let html = Play::Answer { status: 200, headers: vec![], body: b"<html>Sign in</html>".to_vec() };
    let server = Server::playing([cut, html, Play::Hangup, answer(200, &[], &page)]).await;
    assert_eq!(client(&server.base).list(PATH, |item| item).await.unwrap(), [json!(1), json!(2)]);
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn an_answer_over_64_mib_is_refused_at_once() {
    let mut body = vec![b' '; (64 << 20) + 1];
    body[0] = b'{';
    let server = Server::playing([Play::Answer { status: 200, headers: vec![], body }]).await;
    let error = client(&server.base).get("/x").await.unwrap_err();
    assert!(error.kind == ErrorKind::Unreadable && error.to_string().contains("64 MiB"), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_server_that_never_answers_is_a_network_error() {
    let server = Server::start().await;
    server.forever(Play::Silence, Duration::ZERO);
    let mut options = ClientSettings { timeout: Duration::from_millis(40), ..options() };
    options.limits.fault.attempts = 2;
    let error = client_with(&server.base, options, Arc::new(Witness::default())).get("/x").await.unwrap_err();
    assert_eq!((error.kind, error.attempts), (ErrorKind::Network, 2));
    assert!(error.to_string().contains("no answer in time"), "{error}");
}

#[tokio::test]
async fn a_closed_port_is_a_network_error_with_a_hint() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = client(&format!("http://{closed}")).get("/x").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Network);
    assert!(error.to_string().to_lowercase().contains("refused"), "{error}");
    // Of a port on this machine no proxy and no network is to blame.
    let hint = error.hint().unwrap();
    assert!(hint.contains("no answer from") && !hint.contains("proxy"), "{hint}");
}

#[tokio::test]
async fn a_proxys_page_is_quoted_with_its_status() {
    let page = b"<html><head><title>403</title></head><body>Blocked by policy</body></html>".to_vec();
    let headers = owned(&[("x-ms-request-id", "r1")]);
    let server = Server::playing([Play::Answer { status: 403, headers, body: page }]).await;
    let error = client(&server.base).get("/x").await.unwrap_err();
    assert_eq!(error.to_string(), "Azure answered 403: 403 Blocked by policy (request r1)");
    assert_eq!((error.kind, error.status), (ErrorKind::Denied, Some(403)));
}

#[tokio::test]
async fn no_more_requests_are_in_flight_than_allowed() {
    let server = Server::start().await;
    server.forever(answer(200, &[], &json!({})), Duration::from_millis(20));
    let few = ClientSettings { parallelism: 3, ..options() };
    let client = client_with(&server.base, few, Arc::new(Witness::default()));
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.get("/x").await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(server.seen().len(), 20);
    assert!((2..=3).contains(&server.most_in_flight()), "{}", server.most_in_flight());
}

#[tokio::test]
async fn a_path_that_could_leave_arm_is_refused_before_anything_is_sent() {
    let server = Server::start().await;
    for path in ["//evil/x", "x", "/a/../b", "@evil/"] {
        let error = client(&server.base).get(path).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{path}");
    }
    assert!(server.seen().is_empty());
}

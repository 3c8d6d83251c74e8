//! Writes over HTTP, followed to their end.

use keyless::arm::{Effect, ErrorKind, RequestCounts};
use serde_json::{Value, json};

use super::client;
use super::server::{Play, Server, answer};

const ACCOUNT: &str =
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/a?api-version=1";
const ASSIGNMENT: &str = "/subscriptions/s/providers/Microsoft.Authorization/roleAssignments/n?api-version=1";

fn account(state: &str) -> Value {
    json!({"name": "a", "properties": {"provisioningState": state}})
}

#[tokio::test]
async fn a_creation_is_followed_to_the_resource() {
    let server = Server::start().await;
    let poll = format!("{}/op?t=1&c=2", server.base);
    server.then([
        answer(201, &[("Azure-AsyncOperation", &poll), ("x-ms-request-id", "r1")], &account("Creating")),
        answer(200, &[], &json!({"status": "Creating"})),
        answer(200, &[], &json!({"status": "Succeeded"})),
        answer(200, &[], &account("Succeeded")),
    ]);
    let client = client(&server.base);
    let written = client.put(ACCOUNT, &json!({"location": "x"})).await.unwrap();
    assert_eq!(written.body, account("Succeeded"));
    assert_eq!(written.status, 201);
    assert_eq!((written.attempts, written.polls, written.request_id.as_deref()), (1, 3, Some("r1")));
    let path = ACCOUNT.split('?').next().unwrap();
    assert_eq!(server.story(), format!("PUT {path}, GET /op, GET /op, GET {path}"));
    let seen = server.seen();
    assert_eq!(seen[0].body, r#"{"location":"x"}"#);
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
    assert_eq!(seen[3].target, ACCOUNT, "the same api-version");
    assert_eq!(client.requests(), RequestCounts { reads: 3, writes: 1 });
}

#[tokio::test]
async fn a_put_whose_answer_was_lost_is_sent_again_and_a_post_is_not() {
    let server = Server::playing([Play::Hangup, answer(200, &[], &account("Succeeded")), Play::Hangup]).await;
    let client = client(&server.base);
    assert_eq!(client.put(ACCOUNT, &json!({})).await.unwrap().attempts, 2);
    let error = client.post_blindly("/x/regenerateKey?api-version=1", &json!({})).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Network, Effect::Unknown));
    assert_eq!(server.seen().iter().filter(|seen| seen.method == "POST").count(), 1);
}

#[tokio::test]
async fn a_refusal_that_is_cut_off_is_asked_for_again() {
    let gone =
        json!({"error": {"code": "RoleAssignmentNotFound", "message": "The role assignment is not found."}});
    let cut = Play::CutOff { status: 404, headers: Vec::new(), body: gone.to_string().into_bytes() };
    let server = Server::playing([cut, answer(404, &[], &gone)]).await;
    let error = client(&server.base).get(ASSIGNMENT).await.unwrap_err();
    assert!(error.kind == ErrorKind::NotFound && error.says_absent(), "{error}");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_principal_that_is_not_replicated_yet_is_waited_for() {
    let missing = answer(400, &[], &json!({"error": {"code": "PrincipalNotFound", "message": "m"}}));
    let mut script = vec![missing; 5];
    script.push(answer(201, &[], &json!({"id": "x"})));
    let server = Server::playing(script).await;
    let written = client(&server.base).put(ASSIGNMENT, &json!({"p": 1})).await.unwrap();
    assert_eq!(written.attempts, 6);
    let seen = server.seen();
    assert!(
        seen.iter().all(|seen| seen.target == ASSIGNMENT && seen.body == r#"{"p":1}"#),
        "the same name and body"
    );
}

#[tokio::test]
async fn a_delete_is_followed_and_what_is_gone_says_so() {
    let server = Server::start().await;
    let poll = format!("{}/op", server.base);
    server.then([
        answer(202, &[("Location", &poll)], &Value::Null),
        answer(202, &[], &Value::Null),
        answer(204, &[], &Value::Null),
        answer(404, &[], &json!({"error": {"code": "ResourceNotFound", "message": "gone."}})),
    ]);
    let client = client(&server.base);
    assert_eq!(client.delete(ACCOUNT).await.unwrap().body, Value::Null);
    let error = client.delete(ACCOUNT).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::NotFound, Effect::None));
    assert_eq!(error.to_string(), "Azure answered 404 ResourceNotFound: gone");
}

#[tokio::test]
async fn a_denied_write_names_the_missing_permission() {
    let message = "The client 'c' with object id 'o' does not have authorization to perform action 'Microsoft.Authorization/roleAssignments/write' over scope '/subscriptions/s' or the scope is invalid.";
    let body = json!({"error": {"code": "AuthorizationFailed", "message": message}});
    let server = Server::playing([answer(403, &[("x-ms-request-id", "7c1e")], &body)]).await;
    let error = client(&server.base).put(ASSIGNMENT, &json!({})).await.unwrap_err();
    assert_eq!(error.code.as_deref(), Some("AuthorizationFailed"));
    assert!(error.to_string().ends_with("(request 7c1e)"), "{error}");
    assert!(
        error
            .hint()
            .unwrap()
            .contains("`Microsoft.Authorization/roleAssignments/write` at `/subscriptions/s`")
    );
    assert_eq!(server.seen().len(), 1);
}

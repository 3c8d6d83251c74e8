//! Every answer that was observed or is documented, and what it proves.

use serde_json::json;

use super::*;
use ProofResult::{Disproven, Inconclusive, Proven, Unprovable};

const CHAT: Call = Call::Model(Ask::Chat);
const CALLS: [Call; 6] = [
    CHAT,
    Call::Model(Ask::Embeddings),
    Call::Model(Ask::Responses),
    Call::Model(Ask::Message),
    Call::Project,
    Call::Keys,
];

/// Azure's answers in public reports: situation | call | status and code | message | verdict.
const ERRORS: &str = "
    role missing, as 401 | chat | 401 PermissionDenied | The principal `9c5b` lacks the required data action `Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action` to perform `POST /openai/deployments/{deployment-id}/chat/completions` operation. | disproven role
    role missing, as 403 | chat | 403 PermissionDenied | Principal does not have access to API/Operation. | disproven role
    another 401 | chat | 401 401 | Nobody knows this text. | inconclusive service
    wrong audience | chat | 401 401 | Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired. | disproven token
    a wrong key, said to a token | chat | 401 401 | Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource. | inconclusive service
    keys are off, said to a token | chat | 403 AuthenticationTypeDisabled | Key based authentication is disabled for this resource. | inconclusive service
    firewall | chat | 403 403 | Access denied due to Virtual Network/Firewall rules. | inconclusive network
    private only | chat | 403 403 | Public access is disabled. Please configure private endpoint. | inconclusive network
    virtual network | chat | 403 403 | A Virtual Network is configured for this resource. Please use the correct endpoint for making requests. Proof https://aka.ms/cogsvc-vnet for more details. | inconclusive network
    private endpoint not approved | chat | 403 403 | Traffic is not from an approved private endpoint. | inconclusive network
    no subdomain | chat | 400 BadRequest | Please provide a custom subdomain for token authentication, otherwise API key is required. | disproven subdomain
    no subdomain, older words | chat | 400 BadRequest | Please provide an authentication key. | disproven subdomain
    no deployment | chat | 404 DeploymentNotFound | The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again. | disproven model
    unknown model | chat | 400 unknown_model | Unknown model: x | disproven model
    wrong operation | chat | 400 OperationNotSupported | The chatCompletion operation does not work with the specified model, x. | inconclusive model
    content filter | chat | 400 content_filter | The response was filtered due to the prompt triggering content management policy. | inconclusive model
    unknown path | chat | 404 404 | Resource not found | inconclusive service
    throttled | chat | 429 429 | Requests to the ChatCompletions_Create Operation have exceeded call rate limit of your current pricing tier. | inconclusive throttled
    paused | chat | 423 Locked | The deployment is paused. | inconclusive model
    fault | chat | 500 InternalServerError | The server had an error. | inconclusive service
    keys are off | keys | 403 AuthenticationTypeDisabled | Key based authentication is disabled for this resource. | proven -
    keys are on | keys | 401 401 | Access denied due to invalid subscription key or wrong API endpoint. | disproven key
    key, firewall | keys | 403 403 | Access denied due to Virtual Network/Firewall rules. | inconclusive network
    key, plain 403 | keys | 403 Forbidden | no | inconclusive service
    key, plain 401 | keys | 401 Unauthorized | no | inconclusive service
    key, role missing | keys | 401 PermissionDenied | lacks the required data action | inconclusive service
    key, throttled | keys | 429 429 | slow down | inconclusive throttled
    project, role missing | project | 401 PermissionDenied | The principal `9c5b` lacks the required data action `Microsoft.CognitiveServices/accounts/AIServices/deployments/read` to perform `GET /api/projects/{projectName}/deployments` operation. For instructions on granting the necessary permissions, see https://aka.ms/FoundryPermissions. | disproven role
    project, wrong audience | project | 401 401 | Unauthorized. Access token is missing, invalid, audience is incorrect (https://ai.azure.com), or have expired. | disproven token
    project not known | project | 404 ResourceNotFound | The project does not exist. | disproven project
    project not known yet | project | 404 NotFound | Project not found | disproven project
    project, another 404 | project | 404 404 | Resource not found | inconclusive service
    a project's words, said of a model | chat | 404 NotFound | Project not found | inconclusive service
    project, private only | project | 403 403 | Public access is disabled. Please configure private endpoint. | inconclusive network
    project, plain 403 | project | 403 Forbidden | no | inconclusive service
    project, throttled | project | 429 429 | slow down | inconclusive throttled";

#[test]
fn every_error_of_azure_has_its_verdict_and_reason() {
    let rows: Vec<Vec<&str>> =
        ERRORS.trim().lines().map(|row| row.split('|').map(str::trim).collect()).collect();
    assert!(rows.len() > 20);
    for row in rows {
        let [situation, call, answer, message, expected] = row[..] else { panic!("{row:?}") };
        let (status, code) = answer.split_once(' ').unwrap();
        let call = match call {
            "keys" => Call::Keys,
            "project" => Call::Project,
            _ => CHAT,
        };
        let error = json!({"code": code, "message": message});
        // With the envelope, and without, as some gateways send it.
        for body in [json!({ "error": error }), error] {
            let status = status.parse().unwrap();
            let verdict = judge(call, &Answered::Answer { status, body: Some(body) });
            let reason = verdict.reason.map_or("-", Reason::word);
            let outcome = match verdict.outcome {
                Proven => "proven",
                Disproven => "disproven",
                Inconclusive => "inconclusive",
                Unprovable => "unprovable",
            };
            assert_eq!(format!("{outcome} {reason}"), expected, "{situation}: {verdict:?}");
        }
    }
}

#[test]
fn what_a_random_key_is_answered_disproves_nothing_while_azure_shows_keys_off() {
    let said = json!({"error": {"code": "401", "message": "Access denied due to invalid subscription key or wrong API endpoint."}});
    let looked_at = judge(Call::Keys, &Answered::Answer { status: 401, body: Some(said) });
    assert_eq!(looked_at.clone().beside_arm(false).outcome, Disproven);
    let beside = looked_at.clone().beside_arm(true);
    assert_eq!(
        (beside.outcome, beside.reason, beside.awaits),
        (Inconclusive, Some(Reason::Key), Awaits::Write)
    );
    let refused = json!({"error": {"code": "AuthenticationTypeDisabled", "message": "x"}});
    let proven = judge(Call::Keys, &Answered::Answer { status: 403, body: Some(refused) });
    assert_eq!(proven.clone().beside_arm(true), proven);
}

#[test]
fn only_the_answer_that_was_asked_for_proves_something() {
    let (chat, embedding) = (json!({"choices": [{}]}), json!({"data": [{"embedding": [0.1]}]}));
    // A token limit ends a response before its first word.
    let response = json!({"object": "response", "status": "incomplete", "output": []});
    let message = json!({"type": "message", "role": "assistant", "content": [], "stop_reason": "max_tokens"});
    let project = json!({"value": [{"name": "gpt", "type": "ModelDeployment"}]});
    let right = [&chat, &embedding, &response, &message, &project];
    let others = [
        json!({"choices": []}),
        json!({"status": "ok"}),
        json!([]),
        json!({"value": [{"id": "x"}]}),
        json!({"value": "x"}),
        // Information about a model does not show who may call it.
        json!({"model_name": "m"}),
    ];
    for (call, right) in CALLS.into_iter().zip(right) {
        for body in [&chat, &embedding, &response, &message, &project].into_iter().chain(&others) {
            let verdict = judge(call, &Answered::Answer { status: 200, body: Some(body.clone()) });
            let (outcome, reason) =
                if body == right { (Proven, None) } else { (Inconclusive, Some(Reason::Service)) };
            assert_eq!((verdict.outcome, verdict.reason), (outcome, reason), "{call:?} {body}");
        }
    }
    // A project without deployments answers too.
    let empty = Answered::Answer { status: 200, body: Some(json!({"value": []})) };
    assert_eq!(judge(Call::Project, &empty).outcome, Proven);
    // A server that accepts a random key did not check it.
    assert_eq!(
        judge(Call::Keys, &Answered::Answer { status: 200, body: Some(embedding) }).outcome,
        Inconclusive
    );
}

#[test]
fn what_did_not_reach_the_account_proves_nothing() {
    let why = || "why".to_owned();
    for (answered, reason) in [
        (Answered::NoName { host: why(), why: why() }, Reason::Dns),
        (Answered::NoConnection(why()), Reason::Network),
        (Answered::NoAnswer, Reason::Network),
        (Answered::NoToken(why()), Reason::Token),
        (Answered::Answer { status: 302, body: Some(json!({"choices": [{}]})) }, Reason::Network),
        (Answered::Answer { status: 200, body: None }, Reason::Network),
        (Answered::Answer { status: 403, body: None }, Reason::Network),
        (Answered::Answer { status: 502, body: None }, Reason::Network),
    ] {
        for call in CALLS {
            let verdict = judge(call, &answered);
            assert_eq!((verdict.outcome, verdict.reason), (Inconclusive, Some(reason)), "{answered:?}");
        }
    }
}

#[test]
fn no_status_alone_proves_or_disproves_anything() {
    for status in 100..600 {
        for body in [None, Some(json!({})), Some(json!({"error": {"code": status.to_string()}}))] {
            for call in CALLS {
                let verdict = judge(call, &Answered::Answer { status, body: body.clone() });
                assert_eq!(verdict.outcome, Inconclusive, "{call:?} {status} {body:?}");
            }
        }
    }
}

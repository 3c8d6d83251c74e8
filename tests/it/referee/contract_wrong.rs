//! Wrong exchanges: a checker that lets one pass is blind.
//!
//! Input are right exchanges, each spoiled in one place; each must be reported with its rule at its place, and nothing
//! in the lists of exceptions may hide it.

use serde_json::{Value, json};
use url::Url;

use super::contract::report::Report;
use super::contract::value::{Rule, Side};
use super::contract::{self, Checker};
use super::contract_right as right;
use super::exchange::{Exchange, Payload};
use super::skipped;

/// One thing done wrong.
struct Wrong {
    says: &'static str,
    right: fn() -> Exchange,
    spoil: fn(&mut Exchange),
    side: Side,
    rule: Rule,
    at: &'static str,
}

/// Set a place in the request's body.
fn ask(exchange: &mut Exchange, pointer: &str, value: Value) {
    set(&mut exchange.request, pointer, Some(value));
}

/// Set a place in the answer's body.
fn answer(exchange: &mut Exchange, pointer: &str, value: Value) {
    set(&mut exchange.response, pointer, Some(value));
}

/// Set or take away the member that the pointer's last part names.
fn set(payload: &mut Payload, pointer: &str, value: Option<Value>) {
    let Payload::Json(body) = payload else { panic!("no body to spoil") };
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = body.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer} has no parent"));
    match (parent, value) {
        (Value::Object(map), Some(value)) => drop(map.insert(name.to_owned(), value)),
        (Value::Object(map), None) => drop(map.remove(name)),
        (Value::Array(list), Some(value)) => list[name.parse::<usize>().expect("an index")] = value,
        _ => panic!("{pointer} cannot be set"),
    }
}

fn url(exchange: &mut Exchange, from: &str, to: &str) {
    let changed = exchange.url.as_str().replace(from, to);
    assert_ne!(changed, exchange.url.as_str(), "`{from}` is not in the URL");
    exchange.url = Url::parse(&changed).expect("still a URL");
}

macro_rules! wrong {
    ($says:literal, $right:ident, $side:ident $rule:ident $at:literal, $spoil:expr) => {
        Wrong {
            says: $says,
            right: right::$right,
            spoil: $spoil,
            side: Side::$side,
            rule: Rule::$rule,
            at: $at,
        }
    };
}

#[rustfmt::skip]
const WRONG: &[Wrong] = &[
    wrong!("a string for a boolean", account_put, Request Type "/properties/disableLocalAuth",
        |e| ask(e, "/properties/disableLocalAuth", json!("true"))),
    wrong!("an object for a list", account_put, Request Type "/properties/networkAcls/ipRules",
        |e| ask(e, "/properties/networkAcls/ipRules", json!({"value": "203.0.113.1"}))),
    wrong!("a string for a rule", account_put, Request Type "/properties/networkAcls/ipRules/0",
        |e| ask(e, "/properties/networkAcls/ipRules/0", json!("203.0.113.1"))),
    wrong!("a broken number", deployment_put, Request Type "/sku/capacity",
        |e| ask(e, "/sku/capacity", json!(1.5))),
    wrong!("a number in quotes", deployment_put, Request Type "/sku/capacity",
        |e| ask(e, "/sku/capacity", json!("1"))),
    wrong!("a number as a tag", account_put, Request Type "/tags/team", |e| ask(e, "/tags/team", json!(7))),
    wrong!("a misspelled field", account_put, Request UnknownField "/properties/disableLocalAuths",
        |e| ask(e, "/properties/disableLocalAuths", json!(true))),
    wrong!("a field in the wrong case", account_put, Request UnknownField "/properties/customSubdomainName",
        |e| ask(e, "/properties/customSubdomainName", json!("chat-eu"))),
    wrong!("a field at the wrong level", account_put, Request UnknownField "/disableLocalAuth",
        |e| ask(e, "/disableLocalAuth", json!(true))),
    wrong!("a field of a newer version", account_put_swagger, Request UnknownField "/properties/allowProjectManagement",
        |e| ask(e, "/properties/allowProjectManagement", json!(true))),
    wrong!("credentials where there are none", connection_put, Request UnknownField "/properties/credentials",
        |e| ask(e, "/properties/credentials", json!({"key": "k"}))),
    wrong!("the id sent", account_put, Request ReadOnly "/id", |e| ask(e, "/id", json!("/subscriptions/s"))),
    wrong!("the state sent", account_put, Request ReadOnly "/properties/provisioningState",
        |e| ask(e, "/properties/provisioningState", json!("Succeeded"))),
    wrong!("the state sent, in swagger's words", account_put_swagger, Request ReadOnly "/properties/provisioningState",
        |e| ask(e, "/properties/provisioningState", json!("Succeeded"))),
    wrong!("the identity's principal sent", account_put, Request ReadOnly "/identity/principalId",
        |e| ask(e, "/identity/principalId", json!("p"))),
    wrong!("the creator sent", assignment_put, Request ReadOnly "/properties/createdBy",
        |e| ask(e, "/properties/createdBy", json!("me"))),
    wrong!("no principal", assignment_put, Request Required "/properties/principalId",
        |e| set(&mut e.request, "/properties/principalId", None)),
    wrong!("no properties", assignment_put, Request Required "/properties",
        |e| set(&mut e.request, "/properties", None)),
    wrong!("a sku without a name", account_put, Request Required "/sku/name", |e| ask(e, "/sku", json!({}))),
    wrong!("an IP rule without a value", account_put, Request Required "/properties/networkAcls/ipRules/0/value",
        |e| ask(e, "/properties/networkAcls/ipRules/0", json!({}))),
    wrong!("no authentication type", connection_put, Request Required "/properties/authType",
        |e| set(&mut e.request, "/properties/authType", None)),
    wrong!("an authentication type that does not exist", connection_put, Request Enum "/properties/authType",
        |e| ask(e, "/properties/authType", json!("AADD"))),
    wrong!("a null for a boolean", account_put, Request Null "/properties/disableLocalAuth",
        |e| ask(e, "/properties/disableLocalAuth", Value::Null)),
    wrong!("a connection string that is none", account_put, Request Pattern "/properties/apiProperties/eventHubConnectionString",
        |e| ask(e, "/properties/apiProperties", json!({"eventHubConnectionString": "hub"}))),
    wrong!("a text that is too long", account_put, Request Length "/properties/apiProperties/websiteName",
        |e| ask(e, "/properties/apiProperties", json!({"websiteName": "w".repeat(501)}))),
    wrong!("a location changed by PATCH", account_patch, Request CreateOnly "/location",
        |e| ask(e, "/location", json!("westus"))),
    wrong!("no body", account_put, Request MissingBody "", |e| e.request = Payload::Empty),
    wrong!("a body with GET", account_get, Request UnexpectedBody "", |e| e.request = Payload::Json(json!({}))),
    wrong!("a form in place of JSON", account_put, Request NotJson "",
        |e| e.request = Payload::Other("location=eastus2".to_owned())),
    wrong!("a misspelled path", account_put, Request UnknownOperation "", |e| url(e, "/accounts/", "/acounts/")),
    wrong!("a method that is not there", account_put, Request UnknownOperation "", |e| "POST".clone_into(&mut e.method)),
    wrong!("no version", account_put, Request ApiVersion "api-version", |e| url(e, "api-version", "apiversion")),
    wrong!("two versions", account_put, Request ApiVersion "api-version",
        |e| url(e, "?", "?api-version=2025-06-01&")),
    wrong!("a version that is no date", account_put, Request ApiVersion "api-version",
        |e| url(e, "2025-06-01", "2025-13-01")),
    wrong!("a name that is too short", account_put_swagger, Request PathParameter "accountName",
        |e| url(e, "chat-eu", "c")),
    wrong!("a name with a forbidden sign", account_put_swagger, Request PathParameter "accountName",
        |e| url(e, "chat-eu", "chat~eu")),
    wrong!("a misspelled parameter", assignment_list, Request UnknownParameter "$fliter",
        |e| url(e, "$filter", "$fliter")),
    wrong!("no filter", activity_list, Request MissingParameter "$filter", |e| url(e, "$filter", "$select")),
    wrong!("204 for a GET", account_get, Answer Status "", |e| e.status = 204),
    wrong!("202 for an assignment", assignment_put, Answer Status "", |e| e.status = 202),
    wrong!("201 for new keys", keys_regenerate, Answer Status "", |e| e.status = 201),
    wrong!("a redirect", account_get, Answer Status "", |e| e.status = 302),
    wrong!("an empty answer", account_get, Answer MissingBody "", |e| e.response = Payload::Empty),
    wrong!("a body after DELETE", account_delete, Answer UnexpectedBody "",
        |e| e.response = Payload::Json(json!({}))),
    wrong!("a page of HTML", account_get, Answer NotJson "", |e| e.response = Payload::Other("<html>".to_owned())),
    wrong!("an error without a code", account_missing, Answer ErrorBody "/error",
        |e| set(&mut e.response, "/error/code", None)),
    wrong!("an error without an envelope", account_missing, Answer ErrorBody "/error",
        |e| e.response = Payload::Json(json!({"code": "NotFound", "message": "no"}))),
    wrong!("a list of tags", account_get, Answer Type "/tags", |e| answer(e, "/tags", json!([]))),
    wrong!("a single item for a page", account_list, Answer Type "/value", |e| answer(e, "/value", json!({}))),
    wrong!("a wrong type inside a page", account_list, Answer Type "/value/0/properties/disableLocalAuth",
        |e| answer(e, "/value/0/properties/disableLocalAuth", json!("yes"))),
    wrong!("a property that nobody has", account_get, Answer UnknownField "/properties/keyless",
        |e| answer(e, "/properties/keyless", json!(true))),
    wrong!("a null that nobody saw", account_get, Answer Null "/properties/endpoint",
        |e| answer(e, "/properties/endpoint", Value::Null)),
    wrong!("a date in words", assignment_put, Answer Format "/properties/createdOn",
        |e| answer(e, "/properties/createdOn", json!("yesterday"))),
    wrong!("a field for writing only", account_get, Answer WriteOnly "/properties/restore",
        |e| answer(e, "/properties/restore", json!(true))),
    wrong!("202 without a poll URL", account_patch, Answer LongRunning "", |e| e.response_headers.clear()),
    wrong!("a poll URL where nothing runs", assignment_put, Answer LongRunning "",
        |e| drop(e.response_headers.insert("azure-asyncoperation".to_owned(), "https://x".to_owned()))),
];

fn judge(checker: &Checker, exchange: &Exchange) -> Report {
    let mut report = Report::default();
    report.add(checker, "here", exchange);
    report
}

#[test]
fn contract_reports_each_wrong_exchange() {
    let Some(checker) = contract::checker() else { return skipped("the table of wrong exchanges") };
    assert!(WRONG.len() >= 30, "{} wrong exchanges", WRONG.len());
    let mut missed = Vec::new();
    for wrong in WRONG {
        let before = judge(checker, &(wrong.right)());
        assert!(before.violations.is_empty(), "{}: not right before: {:?}", wrong.says, before.violations);
        assert_eq!(before.checked, 1, "{}: not checked at all", wrong.says);
        let mut exchange = (wrong.right)();
        (wrong.spoil)(&mut exchange);
        let after = judge(checker, &exchange).violations;
        let reported = after.iter().map(|violation| &violation.finding).any(|finding| {
            (finding.side, finding.rule, finding.at.as_str()) == (wrong.side, wrong.rule, wrong.at)
        });
        if !reported {
            missed.push(format!("{}: found only {after:?}", wrong.says));
        }
    }
    assert!(missed.is_empty(), "not reported:\n{}", missed.join("\n"));
}

#[test]
fn value_that_an_open_enum_does_not_list_is_a_note() {
    let Some(checker) = contract::checker() else { return skipped("the note on open enums") };
    let mut exchange = right::account_get();
    answer(&mut exchange, "/properties/provisioningState", json!("Pausing"));
    let report = judge(checker, &exchange);
    assert!(report.violations.is_empty(), "{:?}", report.violations);
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
}

#[test]
fn wrong_request_that_the_server_refuses_is_a_note() {
    let Some(checker) = contract::checker() else { return skipped("the note on refusals") };
    let mut exchange = right::account_put();
    ask(&mut exchange, "/properties/disableLocalAuths", json!(true));
    exchange.status = 400;
    exchange.response =
        Payload::Json(json!({"error": {"code": "InvalidRequest", "message": "no such field"}}));
    let report = judge(checker, &exchange);
    assert!(report.violations.is_empty(), "{:?}", report.violations);
    assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
}

#[test]
fn wrong_request_is_a_note_only_if_a_test_sent_it_by_hand() {
    let Some(checker) = contract::checker() else { return skipped("the note on a test's own requests") };
    let mut exchange = right::account_put();
    ask(&mut exchange, "/properties/disableLocalAuths", json!(true));
    assert_eq!(judge(checker, &exchange).violations.len(), 1);
    exchange.request_headers.insert("host".to_owned(), "127.0.0.1".to_owned());
    assert_eq!(judge(checker, &exchange).notes.len(), 1);
    exchange.request_headers.insert("user-agent".to_owned(), "keyless/1".to_owned());
    assert_eq!(judge(checker, &exchange).violations.len(), 1);
}

#[test]
fn exchange_that_no_description_covers_is_counted_not_passed() {
    let Some(checker) = contract::checker() else { return skipped("the count of what is not described") };
    let mut exchange = right::account_get();
    url(&mut exchange, "/providers/Microsoft.CognitiveServices/accounts/chat-eu", "");
    let report = judge(checker, &exchange);
    assert_eq!((report.checked, report.bodies), (0, 0));
    assert_eq!(report.not_described.get("resource groups"), Some(&1));
}

#[test]
fn what_one_client_is_known_to_send_is_excused_for_that_client_alone() {
    let Some(checker) = contract::checker() else { return skipped("the habits of clients") };
    let by = |agent: Option<&str>, pointer: &str| {
        let mut exchange = right::deployment_put();
        ask(&mut exchange, pointer, json!("2"));
        exchange.request_headers.extend(agent.map(|agent| ("user-agent".to_owned(), agent.to_owned())));
        let report = judge(checker, &exchange);
        (report.violations.len(), report.excepted)
    };
    assert_eq!(by(Some("AZURECLI/2.80.0 (PIP)"), "/sku/capacity"), (0, 1));
    assert_eq!(by(Some("keyless/0.1.0"), "/sku/capacity"), (1, 0));
    assert_eq!(by(Some("keyless/0.1.0 AZURECLI/2.80.0"), "/sku/capacity"), (1, 0));
    assert_eq!(by(None, "/sku/capacity"), (1, 0));
    assert_eq!(by(Some("AZURECLI/2.80.0"), "/properties/model"), (1, 0), "and nothing else of it");
}

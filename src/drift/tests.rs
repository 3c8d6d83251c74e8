//! Which event of a log counts.

use serde_json::json;

use super::*;

const ACCOUNT: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/chat";

fn event(id: &str, operation: &str, status: &str, second: u32, caller: &str) -> Value {
    json!({
        "resourceId": id, "operationName": {"value": operation}, "status": {"value": status},
        "eventName": {"value": if status == "Started" { "BeginRequest" } else { "EndRequest" }},
        "eventTimestamp": format!("2026-11-25T22:10:{second:02}.1234567Z"), "caller": caller, "correlationId": caller,
    })
}

/// The caller, as the log has it.
fn who(id: &str, sort: Sort, log: &[Value]) -> Option<String> {
    look(id, sort, None, log)
}

fn look(id: &str, sort: Sort, at: Option<&str>, log: &[Value]) -> Option<String> {
    let events: Vec<LogEvent> = log.iter().cloned().filter_map(LogEvent::read).collect();
    let at = at.map(|at| at.parse().unwrap());
    let search = log::Search { id: ResourceId::parse(id).unwrap(), sort, at };
    Log::of(&events).find(&search).map(|event| event.cause(&search.id).caller)
}

#[test]
fn the_last_write_that_succeeded_counts_wherever_it_stands() {
    let write = "Microsoft.CognitiveServices/accounts/write";
    let log = [
        event(ACCOUNT, write, "Succeeded", 1, "first"),
        event(
            &ACCOUNT.to_uppercase().replace("SUBSCRIPTIONS", "subscriptions"),
            write,
            "Succeeded",
            5,
            "last",
        ),
        event(ACCOUNT, write, "Succeeded", 3, "between"),
        event(ACCOUNT, write, "Failed", 8, "refused"),
        event(ACCOUNT, write, "Started", 9, "begun"),
        event(ACCOUNT, "Microsoft.CognitiveServices/accounts/regenerateKey/action", "Succeeded", 9, "keys"),
        event(&format!("{ACCOUNT}/deployments/gpt"), write, "Succeeded", 9, "child"),
        event(&format!("{ACCOUNT}-2"), write, "Succeeded", 9, "neighbour"),
    ];
    assert_eq!(who(ACCOUNT, Sort::Changed, &log).as_deref(), Some("last"));
    assert_eq!(who(ACCOUNT, Sort::Gone, &log), None, "nothing was deleted");
}

#[test]
fn a_name_comes_from_the_write_of_that_time_only() {
    let write = "Microsoft.Authorization/roleAssignments/write";
    let log =
        [event(ACCOUNT, write, "Succeeded", 1, "maker"), event(ACCOUNT, write, "Succeeded", 30, "changer")];
    for (at, expected) in [
        ("2026-11-25T22:10:00Z", Some("maker")),
        ("2026-11-25T22:10:29Z", Some("changer")),
        ("2026-11-25T22:12:00Z", None),
        ("2026-11-25T22:08:00Z", None),
    ] {
        for sort in [Sort::Changed, Sort::Appeared] {
            assert_eq!(look(ACCOUNT, sort, Some(at), &log).as_deref(), expected, "{at}");
        }
    }
}

#[test]
fn a_name_is_looked_for_no_longer_than_it_can_be_found() {
    let id = ResourceId::parse(ACCOUNT).unwrap();
    let body = |on: &str| json!({"properties": {"createdBy": "0a11ce00-0000-4000-8000-000000000001", "createdOn": on}});
    let asked = |on: &str| {
        let cause = of_body(&body(on), Done::Created);
        let subjects =
            vec![CauseSubject { change: 0, id: id.clone(), sort: Sort::Appeared, cause, is_idle: false }];
        let inquiry = Inquiry { subjects, names: BTreeMap::new() };
        inquiry.queries("2026-11-26T03:00:00Z".parse().unwrap())
    };
    assert!(asked("2026-08-29T02:59:59Z").is_empty(), "the log goes back 89 days");
    let [query] = asked("2026-11-25T22:10:30Z").try_into().unwrap();
    let page = |second| vec![None, LogEvent::read(event("/", "x/write", "Succeeded", second, "other"))];
    assert!(!query.is_answered(&[]) && !query.is_answered(&page(20)));
    let mut older = page(20);
    let mut before = event("/", "x/write", "Succeeded", 0, "other");
    before["eventTimestamp"] = json!("2026-11-25T22:09:00Z");
    older.push(LogEvent::read(before));
    assert!(query.is_answered(&older), "what comes now is older than the assignment");
}

#[test]
fn a_write_that_was_accepted_counts_unless_it_failed_later() {
    let write = "Microsoft.CognitiveServices/accounts/write";
    let log = [
        event(ACCOUNT, write, "Accepted", 1, "done"),
        event(ACCOUNT, write, "Accepted", 2, "undone"),
        event(ACCOUNT, write, "Failed", 3, "undone"),
    ];
    assert_eq!(who(ACCOUNT, Sort::Changed, &log).as_deref(), Some("done"));
}

#[test]
fn what_is_gone_may_have_gone_with_what_it_was_in() {
    let group = ACCOUNT.split("/providers").next().unwrap();
    let (own, above) = (
        "Microsoft.CognitiveServices/accounts/delete",
        "Microsoft.Resources/subscriptions/resourcegroups/delete",
    );
    for (log, expected) in [
        (vec![event(ACCOUNT, own, "Succeeded", 2, "own")], "own"),
        (
            vec![event(group, above, "Succeeded", 1, "group"), event(ACCOUNT, own, "Succeeded", 2, "own")],
            "own",
        ),
        (
            vec![event(group, above, "Succeeded", 3, "group"), event(ACCOUNT, own, "Succeeded", 2, "own")],
            "group",
        ),
        // An event of a group's deletion that concerns the resource.
        (vec![event(ACCOUNT, above, "Succeeded", 3, "nested")], "nested"),
    ] {
        assert_eq!(who(ACCOUNT, Sort::Gone, &log).as_deref(), Some(expected));
    }
    let child = event(&format!("{ACCOUNT}/deployments/gpt"), own, "Succeeded", 9, "child");
    assert_eq!(who(ACCOUNT, Sort::Gone, &[child]), None);
}

#[test]
fn ids_without_dashes_are_the_same_ids() {
    let id = |name: &str| format!("{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments/{name}");
    let log = [event(
        &id("c145a26659b7412aa8003bd69c674530"),
        "Microsoft.Authorization/roleAssignments/delete",
        "Succeeded",
        1,
        "who",
    )];
    let dashed = id("c145a266-59b7-412a-a800-3bd69c674530");
    assert_eq!(who(&dashed, Sort::Gone, &log).as_deref(), Some("who"));
}

#[test]
fn events_that_do_not_say_enough_are_left_out_and_nothing_panics() {
    let whole = event(ACCOUNT, "x/write", "Succeeded", 1, "a");
    assert!(LogEvent::read(whole.clone()).is_some());
    for name in ["resourceId", "operationName", "status", "eventTimestamp"] {
        for spoiled in [Value::Null, json!(7), json!(""), json!({"value": 7}), json!([])] {
            let mut event = whole.clone();
            event[name] = spoiled;
            assert_eq!(LogEvent::read(event), None, "{name}");
        }
    }
    for operation in ["é", "éééé/é", "/write"] {
        let _ = who(ACCOUNT, Sort::Changed, &[event(ACCOUNT, operation, "Succeeded", 1, "a")]);
    }
    for other in [Value::Null, json!([]), json!("x"), json!({})] {
        assert_eq!(LogEvent::read(other), None);
    }
}

#[test]
fn what_only_began_did_nothing_yet_whatever_its_status() {
    let delete = "Microsoft.CognitiveServices/accounts/delete";
    for status in ["Succeeded", "Accepted"] {
        let mut begun = event(ACCOUNT, delete, status, 9, "begun");
        begun["eventName"] = json!({"value": "BeginRequest"});
        assert_eq!(who(ACCOUNT, Sort::Gone, &[begun.clone()]), None, "{status}");
        let ended = event(ACCOUNT, delete, "Succeeded", 1, "ended");
        assert_eq!(who(ACCOUNT, Sort::Gone, &[begun, ended]).as_deref(), Some("ended"), "{status}");
    }
}

#[test]
fn an_event_without_a_caller_is_told_by_its_claims() {
    let upn = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";
    let oid = "http://schemas.microsoft.com/identity/claims/objectidentifier";
    for (claims, expected) in [
        (json!({upn: "a@contoso.com", oid: "0b1d", "appid": "a99"}), "a@contoso.com"),
        (json!({oid: "0b1d", "appid": "a99"}), "0b1d"),
        (json!({"appid": "a99"}), "a99"),
        (json!({oid: "", "appid": "a99"}), "a99"),
        (json!({"name": "typed in"}), "somebody whom the log does not name"),
        (Value::Null, "somebody whom the log does not name"),
        (json!([7]), "somebody whom the log does not name"),
    ] {
        for caller in [Value::Null, json!(""), json!(7)] {
            let mut event = event(ACCOUNT, "x/write", "Succeeded", 1, "c");
            event["caller"] = caller;
            event["claims"] = claims.clone();
            assert_eq!(who(ACCOUNT, Sort::Changed, &[event]).as_deref(), Some(expected), "{claims}");
        }
    }
}

#[test]
fn each_group_and_each_provider_outside_of_any_is_asked_once() {
    let now: Timestamp = "2026-11-26T03:00:00.5Z".parse().unwrap();
    let subscription = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11";
    let gone = |id: &str| CauseSubject {
        change: 0,
        id: ResourceId::parse(id).unwrap(),
        sort: Sort::Gone,
        cause: None,
        is_idle: false,
    };
    let inquiry = Inquiry {
        subjects: vec![
            gone(ACCOUNT),
            gone(&ACCOUNT.replace("resourceGroups", "resourcegroups")),
            gone(&format!("{subscription}/providers/Microsoft.Authorization/roleAssignments/x")),
            gone(
                "/providers/Microsoft.Management/managementGroups/m/providers/Microsoft.Authorization/roleAssignments/x",
            ),
        ],
        names: BTreeMap::new(),
    };
    let paths: Vec<String> = inquiry
        .queries(now)
        .into_iter()
        .map(|query| query.path.replace("%20", " ").replace("%27", "'").replace("%3A", ":"))
        .collect();
    let asked = |condition: &str| {
        format!(
            "{subscription}/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01&$filter=eventTimestamp ge '2026-08-29T03:00:00Z' and eventTimestamp le '2026-11-26T03:00:01Z' and {condition}"
        )
    };
    assert_eq!(
        paths,
        [asked("resourceGroupName eq 'rg'"), asked("resourceProvider eq 'Microsoft.Authorization'")]
    );
}

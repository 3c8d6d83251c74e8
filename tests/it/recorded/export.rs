//! Recorded accounts exported: each becomes a spec without errors that changes nothing.

use std::collections::BTreeSet;

use keyless::diff::Change;
use keyless::export::{Exported, Unexportable, Wanted, export, queries};
use keyless::finding::{Code, Severity};
use keyless::id::ResourceId;
use keyless::kinds;
use keyless::snapshot::{Answer, Query, Snapshot};
use serde_json::{Value, json};

use super::cassettes::{Body, bodies};
use super::{compare, paths, plan, read};
use crate::common::{few, shared};

/// All of Azure is this one account.
fn answer(snapshot: &mut Snapshot, query: &Query, body: &Value) {
    let listed = query.path.contains("/accounts?");
    let items = if listed { vec![(query.project)(body.clone())] } else { Vec::new() };
    snapshot.insert(query, Answer::found(items));
}

/// What may be written of an account, as the API description has it: members of the resource, and of its properties.
fn writable() -> Option<[BTreeSet<String>; 2]> {
    let file = shared("openapi/bicep-types-az/cognitiveservices/2025-06-01/types.json")?;
    let types: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let of = |name: &str| {
        let found = types.as_array().unwrap().iter().find(|each| each["name"] == name).unwrap();
        let members = found["properties"].as_object().unwrap().iter();
        // 2: read-only; 8: the resource's own name, type and version.
        let writable = members.filter(|(_, member)| member["flags"].as_u64().unwrap() & 0b1010 == 0);
        writable.map(|(name, _)| name.clone()).collect::<BTreeSet<String>>()
    };
    let all = [of("Microsoft.CognitiveServices/accounts"), of("AccountProperties")];
    assert!(
        all[0].contains("sku") && all[1].contains("apiProperties") && !all[1].contains("endpoint"),
        "{all:?}"
    );
    Some(all)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.values().all(is_empty),
        _ => false,
    }
}

/// Each writable field that is live is in the spec or named.
#[track_caller]
fn names_what_it_leaves_out(writable: &[BTreeSet<String>; 2], live: &Value, exported: &Exported) {
    let account = &exported.tree["accounts"][0];
    let in_head = |name: &str| !exported.tree[name].is_null();
    for (names, holder) in writable.iter().zip([live, &live["properties"]]) {
        for name in names.iter().filter(|name| *name != "properties" && !is_empty(&holder[name.as_str()])) {
            let told = exported.findings.iter().any(|finding| finding.message.contains(&format!("`{name}")));
            let only_mark = name == "tags" && live["tags"].as_object().is_some_and(|tags| tags.len() == 1);
            let said = account.get(name).is_some() || in_head(name) || only_mark;
            assert!(said || told, "`{name}` of {} is lost without a word\n{}", live["id"], exported.text());
        }
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn every_writable_field_of_an_account_is_exported_or_named() {
    let (Some(all), Some(writable)) = (bodies("Microsoft.CognitiveServices/accounts"), writable()) else {
        return;
    };
    let settled =
        all.iter().find(|body| body.value["properties"]["provisioningState"] == "Succeeded").unwrap();
    for name in few(5, &writable[1]) {
        for probe in [json!({"probe": 1}), json!(true), json!(["a"]), json!("text")] {
            let mut value = settled.value.clone();
            value["properties"][name] = probe.clone();
            // What cannot be declared at all is reported, too.
            if let Ok(exported) = exporting(&value) {
                names_what_it_leaves_out(&writable, &value, &exported);
            }
        }
    }
    let mut value = settled.value.clone();
    value["properties"]["apiProperties"] = json!({"notInSpecs": "https://x.example"});
    value["sku"]["tier"] = json!("Standard");
    let exported = exporting(&value).unwrap();
    let told: Vec<&str> = exported.findings.iter().map(|finding| finding.message.as_str()).collect();
    for name in ["`apiProperties` of account ", "`sku.tier` of account "] {
        assert!(told.iter().any(|message| message.starts_with(name)), "{told:?}");
    }
}

/// The export of an Azure in which there is this account and nothing else.
fn exporting(value: &Value) -> Result<Exported, Unexportable> {
    let id = ResourceId::parse(value["id"].as_str().unwrap()).unwrap();
    let wanted = Wanted {
        subscription: ResourceId::subscription(id.subscription_id().unwrap()),
        group: id.segment_after("resourceGroups").map(str::to_owned),
        account: None,
        stack: "recorded".to_owned(),
    };
    let mut snapshot = Snapshot::default();
    for _ in 0..8 {
        for query in queries(&wanted, &snapshot) {
            if snapshot.get(&query).is_none() {
                answer(&mut snapshot, &query, value);
            }
        }
    }
    export(&wanted, &snapshot)
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn every_recorded_account_is_exported_as_a_spec_that_plans_no_change() {
    let Some(all) = bodies("Microsoft.CognitiveServices/accounts") else { return };
    let kind = kinds::by_name("accounts").unwrap();
    let (mut fields, mut left_out, mut seen) = (0, 0, BTreeSet::new());
    let writable = writable();
    for Body { place, value } in &all {
        // Those that differ in nothing a spec can hold count once.
        let state = &value["properties"]["provisioningState"];
        if !seen.insert(format!("{} {} {state}", value["name"], kind.to_spec(value))) {
            continue;
        }
        let id = ResourceId::parse(value["id"].as_str().unwrap()).unwrap();
        let wanted = Wanted {
            subscription: ResourceId::subscription(id.subscription_id().unwrap()),
            group: id.segment_after("resourceGroups").map(str::to_owned),
            account: None,
            stack: "recorded".to_owned(),
        };
        let mut snapshot = Snapshot::default();
        for wave in 0.. {
            let open: Vec<_> = queries(&wanted, &snapshot)
                .into_iter()
                .filter(|query| snapshot.get(query).is_none())
                .collect();
            if open.is_empty() {
                break;
            }
            assert!(wave < 8, "{place}: no end of questions");
            for query in &open {
                answer(&mut snapshot, query, value);
            }
        }
        let exported = export(&wanted, &snapshot).unwrap_or_else(|error| panic!("{place}: {error}"));
        let settled = state == "Succeeded";
        let codes: Vec<Code> = exported.findings.iter().map(|finding| finding.code).collect();
        let (told, codes): (Vec<_>, Vec<_>) = codes.into_iter().partition(|code| *code == Code::LeftOut);
        left_out += told.len();
        if let Some(writable) = &writable {
            names_what_it_leaves_out(writable, value, &exported);
        }
        assert_eq!(codes, if settled { vec![] } else { vec![Code::OperationUnderWay] }, "{place}");
        let text = exported.text();
        let read = read(&text);
        let diff = compare(&read, &snapshot);
        let [change] = diff.changes.as_slice() else { panic!("{place}: {} changes", diff.changes.len()) };
        assert!(matches!(change, Change::NoOp { .. }), "{place}: {:?}\n{text}", paths(change));
        assert!(diff.findings.iter().all(|finding| finding.severity != Severity::Error));
        assert!(plan(diff, &read).steps.is_empty());
        // What Azure shows of keys, networks and identities is not lost on the way.
        let account = &exported.tree["accounts"][0];
        let properties = &value["properties"];
        let keys_off = properties["disableLocalAuth"].as_bool().unwrap_or_default();
        assert_eq!(account["disableLocalAuth"], keys_off, "{place}");
        for name in
            ["networkAcls", "encryption", "userOwnedStorage", "customSubDomainName", "publicNetworkAccess"]
        {
            let shown = properties.get(name).is_some_and(|value| !value.is_null());
            assert_eq!(account.get(name).is_some(), shown, "{place}: {name}\n{text}");
        }
        assert_eq!(account.get("identity").is_some(), value["identity"].is_object(), "{place}");
        fields += account.as_object().unwrap().len();
    }
    assert!(seen.len() > 50, "{} different accounts", seen.len());
    eprintln!(
        "{} recorded accounts, {} different, exported: {fields} fields, {left_out} left out by name",
        all.len(),
        seen.len()
    );
}

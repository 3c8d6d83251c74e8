//! Recorded accounts exported: each becomes a spec without errors that changes nothing.

use std::collections::BTreeSet;

use keyless::diff::Change;
use keyless::export::{Wanted, export, queries};
use keyless::finding::{Code, Severity};
use keyless::id::ResourceId;
use keyless::kinds;
use keyless::snapshot::{Answer, Query, Snapshot};
use serde_json::Value;

use super::cassettes::{Body, bodies};
use super::{compare, paths, plan, read};

/// All of Azure is this one account.
fn answer(snapshot: &mut Snapshot, query: &Query, body: &Value) {
    let listed = query.path.contains("/accounts?");
    let items = if listed { vec![(query.project)(body.clone())] } else { Vec::new() };
    snapshot.insert(query, Answer::found(items));
}

#[test]
fn every_recorded_account_is_exported_as_a_spec_that_plans_no_change() {
    let Some(all) = bodies("Microsoft.CognitiveServices/accounts") else { return };
    let kind = kinds::by_name("accounts").unwrap();
    let (mut fields, mut seen) = (0, BTreeSet::new());
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
    eprintln!("{} recorded accounts, {} different, exported: {fields} fields", all.len(), seen.len());
}

//! The guard of secrets that a new connection sends.

use std::collections::BTreeMap;

use serde_json::json;

use crate::document::NamedSecrets;
use crate::guards::*;

const GROUP: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers";
const GOOD: &str = "https://good.example/";
const EVIL: &str = "https://evil.example/";

fn id(path: &str) -> String {
    format!("{GROUP}/Microsoft.CognitiveServices/accounts/{path}")
}

/// A connection as Azure shows it, with its creator.
fn live(path: &str, category: &str, target: &str) -> (String, Value) {
    let properties = json!({
        "category": category, "authType": "ApiKey", "target": target, "credentials": null, "metadata": {"ApiType": "Azure"},
        "isSharedToAll": false, "group": "AzureAI",
    });
    (
        id(path),
        json!({"properties": properties, "systemData": {"createdBy": "alice@example.com", "createdByType": "User"}}),
    )
}

/// A connection that a plan creates.
fn made(path: &str, category: &str, target: &str, secret: &str) -> (String, Value) {
    let properties = json!({
        "category": category, "authType": "ApiKey", "target": target,
        "credentials": {"key": format!("${{secret.{secret}}}")},
    });
    (id(path), json!({"properties": properties}))
}

fn world(items: &[(String, Value)]) -> World {
    let item = |(id, body): &(String, Value)| {
        let id = ResourceId::parse(id).unwrap();
        let mut body = body.clone();
        body["id"] = json!(id);
        (id, body.into())
    };
    World { resources: items.iter().map(item).collect::<BTreeMap<_, _>>(), ..World::default() }
}

/// A plan whose specs declare these connections, each with the secret it names.
fn plan(declared: &[(&str, &str)]) -> Plan {
    let changes: Vec<Value> = declared
        .iter()
        .map(|(path, _)| {
            json!({"action": "noop", "kind": "connections", "id": id(path), "address": path, "title": path,
                "stack": "team-a", "source": null, "fields": []})
        })
        .collect();
    let mut plan = crate::plan::samples::plan(json!(changes), json!([]));
    let named = declared.iter().filter(|(_, secret)| !secret.is_empty());
    let named =
        named.map(|(path, secret)| NamedSecrets { resource: id(path), names: vec![(*secret).to_owned()] });
    plan.secrets = named.collect();
    plan
}

fn said_by(plan: &Plan, before: &World, new: &[(String, Value)], origin: Origin) -> Vec<String> {
    let mut after = before.clone();
    after.resources.extend(world(new).resources);
    let objections = new_connection::objections(plan, before, &after, origin);
    assert!(
        objections
            .iter()
            .all(|each| each.rule == Rule::Connection && matches!(each.about, About::Resource(_)))
    );
    objections.into_iter().map(|each| each.message).collect()
}

fn said(declared: &[(&str, &str)], before: &[(String, Value)], new: (String, Value)) -> Vec<String> {
    said_by(&plan(declared), &world(before), &[new], Origin::Specs)
}

const SEARCH: &str = "chat/connections/search";
const SECOND: &str = "chat/connections/search2";

#[test]
fn a_secret_that_a_declared_connection_sends_elsewhere_is_refused_in_every_account() {
    let before = [live(SEARCH, "CognitiveSearch", GOOD)];
    let declared = [(SEARCH, "SEARCH")];
    // Beside the other one, in a project, in another account, in another category.
    for path in
        [SECOND, "chat/projects/main/connections/x", "other/connections/x", "other/projects/p/connections/x"]
    {
        let found = said(&declared, &before, made(path, "ApiKey", EVIL, "SEARCH"));
        let name = path.rsplit('/').next().unwrap();
        assert_eq!(
            found,
            [format!(
                "new connection `{name}` sends `${{secret.SEARCH}}` to another host than connection `search` of account `chat`, which the spec also declares with `${{secret.SEARCH}}`: `{GOOD}` -> `{EVIL}`"
            )]
        );
        // The same host, with another secret that is not known.
        assert!(
            said(&declared, &before, made(path, "ApiKey", "https://GOOD.example:443/x", "SEARCH")).is_empty()
        );
        assert!(said(&declared, &before, made(path, "CognitiveSearch", EVIL, "OTHER")).is_empty());
    }
    // A workspace is a different place too.
    let hub = format!("{GROUP}/Microsoft.MachineLearningServices/workspaces/hub/connections/x");
    let new = (hub, made(SECOND, "ApiKey", EVIL, "SEARCH").1);
    assert_eq!(said(&declared, &before, new).len(), 1);
    // If it already sends the secret to both hosts, that was allowed before.
    let before = [before[0].clone(), live("other/connections/far", "ApiKey", EVIL)];
    let both = [(SEARCH, "SEARCH"), ("other/connections/far", "SEARCH")];
    assert!(said(&both, &before, made(SECOND, "ApiKey", EVIL, "SEARCH")).is_empty());
    // But not because a different secret goes there.
    let other = [(SEARCH, "SEARCH"), ("other/connections/far", "FAR")];
    assert_eq!(said(&other, &before, made(SECOND, "ApiKey", EVIL, "SEARCH")).len(), 1);
}

#[test]
fn a_first_set_up_needs_no_word() {
    let new = [made(SEARCH, "ApiKey", GOOD, "SEARCH"), made(SECOND, "ApiKey", EVIL, "SEARCH")];
    let plan = plan(&[(SEARCH, "SEARCH"), (SECOND, "SEARCH")]);
    assert!(said_by(&plan, &World::default(), &new, Origin::Specs).is_empty());
    assert!(said_by(&plan, &World::default(), &new, Origin::File).is_empty());
}

#[test]
fn where_a_secret_goes_that_could_not_be_read_is_a_doubt() {
    let mut before = world(&[]);
    before.unlisted_connections.insert(ResourceId::parse(&id("chat")).unwrap(), "no".to_owned());
    let plan = plan(&[(SEARCH, "SEARCH")]);
    let new = [made("other/connections/x", "ApiKey", EVIL, "SEARCH")];
    assert_eq!(
        said_by(&plan, &before, &new, Origin::Specs),
        [format!(
            "new connection `x` sends `${{secret.SEARCH}}` to `{EVIL}`, and could not read where connection `search` of account `chat`, which the spec also declares with it, sends it"
        )]
    );
    let new = [made("other/connections/x", "ApiKey", EVIL, "OTHER")];
    assert!(said_by(&plan, &before, &new, Origin::Specs).is_empty());
    // In the same account it may be any of them.
    let new = [made(SECOND, "ApiKey", EVIL, "OTHER")];
    assert_eq!(
        said_by(&plan, &before, &new, Origin::Specs),
        [format!(
            "new connection `search2` sends `${{secret.OTHER}}` to `{EVIL}`, and the connections of account `chat` could not all be read: it may be one of them under another name"
        )]
    );
}

#[test]
fn one_that_no_spec_declares_may_be_the_new_one_if_it_is_alike() {
    let before = [live(SEARCH, "CognitiveSearch", GOOD)];
    let new =
        |category: &str, target: &str| made("chat/projects/main/connections/x", category, target, "SEARCH");
    let words = |which: &str| {
        [format!(
            "new connection `x` sends `${{secret.SEARCH}}` to another host than connection `search` of account `chat`, {which}: `{GOOD}` -> `{EVIL}`"
        )]
    };
    assert_eq!(said(&[], &before, new("cognitivesearch", EVIL)), words("which the spec does not declare"));
    // A declaration without a secret proves as little.
    let bare = [(SEARCH, "")];
    assert_eq!(
        said(&bare, &before, new("CognitiveSearch", EVIL)),
        words("which the spec declares without its secret")
    );
    // The portal's connection is of another category, and another account does not count.
    assert!(
        said(&[], &[live("chat/connections/insights", "AppInsights", GOOD)], new("ApiKey", EVIL)).is_empty()
    );
    assert!(
        said(&[], &[live("other/connections/search", "CognitiveSearch", GOOD)], new("CognitiveSearch", EVIL))
            .is_empty()
    );
    // Without a secret there is nothing to forward.
    let mut keyless = live(SEARCH, "CognitiveSearch", GOOD);
    keyless.1["properties"]["authType"] = json!("AAD");
    assert!(said(&[], &[keyless], new("CognitiveSearch", EVIL)).is_empty());
    // A host is trusted with the secret that a declared connection sends there, and with no other.
    let both = [before[0].clone(), live("chat/connections/other", "ApiKey", EVIL)];
    let by = |secret| said(&[("chat/connections/other", secret)], &both, new("CognitiveSearch", EVIL));
    assert!(by("SEARCH").is_empty());
    assert_eq!(by("OTHER"), words("which the spec does not declare"));
    // A connection made by hand is not trusted.
    assert_eq!(said(&[], &both, new("CognitiveSearch", EVIL)), words("which the spec does not declare"));
}

#[test]
fn one_that_our_pipeline_made_may_be_the_new_one_whatever_its_category() {
    let made_by = |kind: &str, who: &str, mut item: (String, Value)| {
        item.1["systemData"] = json!({"createdBy": who, "createdByType": kind});
        item
    };
    let account = |kind: &str| {
        made_by(kind, "p1", (id("chat"), json!({"tags": {"keyless-stack": "team-a"}, "properties": {}})))
    };
    let old =
        |kind: &str, who: &str| made_by(kind, who, live("chat/connections/insights", "AppInsights", GOOD));
    let declared = [("chat", "")];
    let new = || made(SECOND, "ApiKey", EVIL, "SEARCH");
    assert_eq!(said(&declared, &[account("Application"), old("Application", "p1")], new()).len(), 1);
    assert!(said(&declared, &[account("Application"), old("Application", "p2")], new()).is_empty());
    // People who apply from their desk also create things in the portal.
    assert!(said(&declared, &[account("User"), old("User", "p1")], new()).is_empty());
    // Another stack's account does not show who created ours.
    assert!(said(&[], &[account("Application"), old("Application", "p1")], new()).is_empty());
}

#[test]
fn a_new_name_at_the_same_host_does_not_lead_elsewhere_by_its_metadata() {
    let before = [live(SEARCH, "CognitiveSearch", GOOD)];
    let new = |change: &dyn Fn(&mut Value)| {
        let mut new = made(SECOND, "CognitiveSearch", "https://GOOD.example/", "SEARCH");
        change(&mut new.1["properties"]);
        said(&[], &before, new)
    };
    assert!(new(&|_| ()).is_empty());
    assert!(new(&|new| new["metadata"] = json!({"ApiType": "Azure"})).is_empty());
    let all = new(&|new| {
        new["metadata"] = json!({"tokenUrl": EVIL});
        new["isSharedToAll"] = json!(true);
        new["category"] = json!("ApiKey");
    });
    assert_eq!(
        all,
        [
            "new connection `search2` sends `${secret.SEARCH}` to the host of connection `search` of account `chat`, which the spec does not declare, with another `category`, `isSharedToAll`, `metadata`"
        ]
    );
}

#[test]
fn one_that_goes_with_the_plan_may_be_the_new_one_in_any_category() {
    let old = live("chat/projects/old/connections/search", "CognitiveSearch", GOOD);
    let project = (id("chat/projects/old"), json!({"properties": {}}));
    let before = world(&[old.clone(), project]);
    let mut after = before.clone();
    after.resources.remove(&ResourceId::parse(&id("chat/projects/old")).unwrap());
    let judged = |new: (String, Value)| {
        let mut after = after.clone();
        after.resources.extend(world(&[new]).resources);
        let objections = new_connection::objections(&plan(&[]), &before, &after, Origin::Specs);
        objections.into_iter().map(|each| each.message).collect::<Vec<_>>()
    };
    let found = judged(made("chat/projects/new/connections/x", "ApiKey", EVIL, "SEARCH"));
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains("connection `search` of project `old` of `chat`, which this plan deletes:"),
        "{found:?}"
    );
    // In another account, only a connection of the same category counts.
    assert!(judged(made("other/connections/x", "ApiKey", EVIL, "SEARCH")).is_empty());
    assert_eq!(judged(made("other/connections/x", "CognitiveSearch", EVIL, "SEARCH")).len(), 1);
}

/// A plan file can add to what is refused, but removes nothing if the old connection is of the same category.
#[test]
fn a_file_does_not_prove_which_secret_a_connection_has() {
    let before = world(&[live(SEARCH, "CognitiveSearch", GOOD)]);
    let named = plan(&[(SEARCH, "OTHER")]);
    let new = |category: &str, secret: &str| [made(SECOND, category, EVIL, secret)];
    assert!(said_by(&named, &before, &new("CognitiveSearch", "SEARCH"), Origin::Specs).is_empty());
    let found = said_by(&named, &before, &new("CognitiveSearch", "SEARCH"), Origin::File);
    assert!(
        found.len() == 1
            && found[0].contains("whose secret is not known, since the plan is applied without its specs")
    );
    assert!(said_by(&named, &before, &new("ApiKey", "SEARCH"), Origin::File).is_empty());
    assert_eq!(said_by(&named, &before, &new("ApiKey", "OTHER"), Origin::File).len(), 1);
}

//! The guard of secrets that a connection sends.

use std::collections::BTreeMap;

use serde_json::json;

use crate::guards::*;

/// An empty plan.
fn quiet() -> Plan {
    crate::plan::samples::plan(json!([]), json!([]))
}

const ACCOUNT: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/chat";
const HUB: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/hub";

fn objections(before: &World, after: &World) -> Vec<Objection> {
    connection::objections(&quiet(), before, after, Origin::Specs)
}

fn at(id: &str, properties: &Value) -> World {
    let id = ResourceId::parse(id).unwrap();
    World {
        resources: BTreeMap::from([(id.clone(), json!({"id": id, "properties": properties}).into())]),
        ..World::default()
    }
}

fn said(before: &Value, after: &Value) -> Vec<String> {
    let id = format!("{ACCOUNT}/connections/search");
    let objections = objections(&at(&id, before), &at(&id, after));
    assert!(
        objections
            .iter()
            .all(|each| each.rule == Rule::Connection && matches!(each.about, About::Resource(_)))
    );
    objections.into_iter().map(|each| each.message).collect()
}

/// A live connection, as Azure shows it.
fn live(way: &str, target: &str) -> Value {
    json!({"category": "CognitiveSearch", "authType": way, "target": target, "credentials": null, "metadata": {"ApiType": "Azure"}})
}

/// The same after a plan has sent a secret.
fn sent(target: &str, secret: &str) -> Value {
    let mut properties = live("ApiKey", target);
    properties["credentials"] = json!({"key": format!("${{secret.{secret}}}")});
    properties
}

const HOST: &str = "https://s.search.windows.net/";

#[test]
fn a_secret_that_goes_to_another_host_is_refused() {
    for target in [
        "https://evil.example/",
        "https://s.search.windows.net@evil.example/",
        "https://s.search.windows.net:8443/",
        "http://s.search.windows.net/",
        "https://s.search.windows.net.evil.example/",
        "https://s.search.windows.net\\@evil.example/",
        "https://ѕ.search.windows.net/",
        "s.search.windows.net",
        "",
    ] {
        let found = said(&live("ApiKey", HOST), &sent(target, "SEARCH"));
        let expected = format!(
            "the plan sends `${{secret.SEARCH}}` of connection `search` to another host: `{HOST}` -> `{target}`"
        );
        assert_eq!(found, [expected], "{target}");
        // Azure may keep the key when a write has none.
        assert_eq!(said(&live("ApiKey", HOST), &live("ApiKey", target)).len(), 1, "{target}");
        // Without a secret, nothing is disclosed.
        assert!(said(&live("AAD", HOST), &live("AAD", target)).is_empty(), "{target}");
        assert!(said(&live("ApiKey", HOST), &live("AAD", target)).is_empty(), "{target}");
    }
}

#[test]
fn a_secret_in_a_target_is_not_repeated() {
    let found = said(&live("ApiKey", "https://x.example/?sig=Wq7LxT93pd"), &sent(HOST, "SEARCH"));
    assert!(found.len() == 1 && found[0].contains("`https://x.example/?sig=REDACTED` ->"), "{found:?}");
}

#[test]
fn the_same_host_may_be_written_otherwise() {
    for (one, other) in [
        (HOST, "https://S.Search.Windows.NET:443"),
        (HOST, "https://user:word@s.search.windows.net/a/path?q=1"),
        ("https://bücher.example/", "https://xn--bcher-kva.example"),
        ("/subscriptions/x/Search/y", "/SUBSCRIPTIONS/x/search/Y"),
    ] {
        let found = said(&live("ApiKey", one), &live("ApiKey", other));
        assert!(found.is_empty(), "{one} {other}: {found:?}");
        // A different spelling comes with a secret that Azure does not show.
        let found = said(&live("ApiKey", one), &sent(other, "SEARCH"));
        assert_eq!(found.len(), 1, "{one} {other}");
        assert!(
            found[0].ends_with(
                "with a change of `target`, and Azure does not show whether that is the secret it has"
            ),
            "{found:?}"
        );
    }
}

#[test]
fn a_secret_that_may_be_another_is_refused_and_a_rotation_is_not() {
    let mut redirected = sent(HOST, "OTHER");
    redirected["metadata"] = json!({"ApiType": "Azure", "ResourceId": "/subscriptions/evil"});
    let found = said(&live("ApiKey", HOST), &redirected);
    assert_eq!(
        found,
        [
            "the plan sends `${secret.OTHER}` to connection `search` with a change of `metadata`, and Azure does not show whether that is the secret it has"
        ]
    );
    // Only the secret changes: this is what `--rotate` does.
    assert!(said(&live("ApiKey", HOST), &sent(HOST, "SEARCH")).is_empty());
    // A connection without a secret, which may have been pointed at this host earlier.
    for way in ["AAD", "None", "ManagedIdentity"] {
        let found = said(&live(way, HOST), &sent(HOST, "SEARCH"));
        let expected = format!(
            "the plan gives connection `search` `${{secret.SEARCH}}` to sign in with at `{HOST}`: authType {way} -> ApiKey"
        );
        assert_eq!(found, [expected]);
    }
    // Unknown ways to sign in may carry a secret.
    assert_eq!(said(&live("OAuth2", HOST), &live("OAuth2", "https://evil.example/")).len(), 1);
    // An identity is not a secret.
    let mut identity = live("ManagedIdentity", "https://evil.example/");
    identity["credentials"] = json!({"clientId": "x", "resourceId": "y"});
    assert!(said(&live("ManagedIdentity", HOST), &identity).is_empty());
}

#[test]
fn connections_of_projects_and_hubs_count_too_and_new_ones_do_not() {
    for below in ["connections/search", "projects/team/connections/search"] {
        let id = format!("{ACCOUNT}/{below}");
        let (before, after) =
            (at(&id, &live("ApiKey", HOST)), at(&id, &sent("https://evil.example/", "SEARCH")));
        assert_eq!(objections(&before, &after).len(), 1, "{below}");
        assert!(objections(&World::default(), &after).is_empty());
    }
    let id = format!("{HUB}/connections/search");
    let (before, after) = (at(&id, &live("ApiKey", HOST)), at(&id, &sent("https://evil.example/", "SEARCH")));
    assert_eq!(objections(&before, &after).len(), 1);
    // Another resource with a target is not a connection.
    let id = format!("{ACCOUNT}/others/search");
    assert!(
        objections(&at(&id, &live("ApiKey", HOST)), &at(&id, &sent("https://evil.example/", "S"))).is_empty()
    );
}

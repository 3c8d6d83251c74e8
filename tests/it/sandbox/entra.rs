//! Signing in: discovery, tokens, managed identities, and what strict asks of them.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use keyless::sandbox::Options;
use serde_json::{Value, json};

use super::client::{Answer, Client, SUB, answer, form};

const TENANT: &str = "11111111-1111-1111-1111-111111111111";
const APP: &str = "44444444-4444-4444-4444-444444444444";
type Fields<'a> = &'a [(&'a str, &'a str)];

const LIST: &str = "/subscriptions?api-version=2022-12-01";

async fn strict() -> Client {
    Client::start(Options { strict: true, ..Options::default() }).await
}

async fn token(client: &Client, tenant: &str, fields: &[(&str, &str)]) -> Answer {
    answer(form(client.raw("POST", &format!("/{tenant}/oauth2/v2.0/token")), fields)).await
}

fn secret<'a>(secret: &'a str, scope: &'a str) -> [(&'static str, &'a str); 4] {
    [("grant_type", "client_credentials"), ("client_id", APP), ("client_secret", secret), ("scope", scope)]
}

/// The claims of a token, read without the sandbox's own code.
fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = payload
        .chars()
        .map(|letter| format!("{:06b}", alphabet.find(letter).unwrap()))
        .collect::<Vec<_>>()
        .concat();
    let bytes: Vec<u8> = bits
        .as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect();
    serde_json::from_slice(&bytes).unwrap()
}

/// An unsigned token with these claims.
fn unsigned(claims: &Value) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = claims.to_string().bytes().map(|byte| format!("{byte:08b}")).collect::<Vec<_>>().concat();
    let text: String = bits
        .as_bytes()
        .chunks(6)
        .map(|group| {
            let group = format!("{:0<6}", std::str::from_utf8(group).unwrap());
            char::from(alphabet[usize::from_str_radix(&group, 2).unwrap()])
        })
        .collect();
    format!("e30.{text}.x")
}

#[tokio::test]
async fn discovery_names_the_sandbox_itself_whatever_the_tenant() {
    let client = Client::new().await;
    let url = client.sandbox.url();
    for (tenant, end) in [(TENANT, ""), ("common", "?"), ("adfs", ""), ("organizations", "?a=b")] {
        let path = format!("/{tenant}/v2.0/.well-known/openid-configuration{end}");
        let found = answer(client.raw("GET", &path)).await;
        assert_eq!(found.status, 200, "{path}");
        assert_eq!(found.body["token_endpoint"], json!(format!("{url}/{tenant}/oauth2/v2.0/token")));
        assert!(found.body["issuer"].as_str().unwrap().starts_with(url));
    }
    let instance = answer(client.raw("GET", "/common/discovery/instance?api-version=1.1")).await;
    let endpoint = instance.body["tenant_discovery_endpoint"].as_str().unwrap();
    assert_eq!(answer(client.raw("GET", endpoint.strip_prefix(url).unwrap())).await.status, 200);
    let cloud = answer(client.raw("GET", "/metadata/endpoints?api-version=2022-09-01")).await.body;
    assert_eq!(cloud["authentication"]["loginEndpoint"], json!(url));
    let clouds = answer(client.raw("GET", "/metadata/endpoints?api-version=2020-06-01")).await.body;
    assert_eq!(clouds, json!([cloud]), "older versions list clouds");
}

#[tokio::test]
async fn an_application_that_signs_in_exists_and_its_object_id_signs_its_writes() {
    let client = Client::new().await;
    let got = token(&client, TENANT, &secret("any", "https://management.azure.com/.default")).await;
    assert_eq!(
        (got.status, &got.body["token_type"], &got.body["expires_in"]),
        (200, &json!("Bearer"), &json!(3599))
    );
    let claims = claims(&got.body["access_token"]);
    assert_eq!(
        (&claims["aud"], &claims["tid"], &claims["appid"]),
        (&json!("https://management.azure.com"), &json!(TENANT), &json!(APP))
    );
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    let found = client.get(&format!("/v1.0/servicePrincipals?$filter=appId eq '{APP}'")).await;
    assert_eq!(found.body["value"][0]["id"], claims["oid"]);
    let assignment = format!(
        "/subscriptions/{SUB}/providers/Microsoft.Authorization/roleAssignments/00000000-0000-0000-0000-000000000001?api-version=2022-04-01"
    );
    let grant = json!({"properties": {
        "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "principalId": claims["oid"],
    }});
    let put =
        client.raw("PUT", &assignment).bearer_auth(got.body["access_token"].as_str().unwrap()).json(&grant);
    assert_eq!(answer(put).await.status, 201);
    let made = client.get(&assignment).await.body;
    assert_eq!(
        (&made["properties"]["createdBy"], &made["properties"]["principalType"]),
        (&claims["oid"], &json!("ServicePrincipal"))
    );
}

#[tokio::test]
async fn requests_without_the_needed_parts_are_refused_in_entras_form() {
    let client = Client::new().await;
    let scope = ("scope", "https://a/.default");
    let grant = ("grant_type", "client_credentials");
    let cases: [(Fields, &str, u64); 6] = [
        (&[("client_id", APP)], "invalid_request", 900_144),
        (&[grant, scope], "invalid_request", 900_144),
        (&[("grant_type", "password"), ("client_id", APP), scope], "unsupported_grant_type", 70003),
        (
            &[grant, ("client_id", APP), ("client_secret", "s"), ("scope", "https://a")],
            "invalid_scope",
            1_002_012,
        ),
        (&[grant, ("client_id", APP), scope], "invalid_request", 7_000_216),
        (
            &[
                grant,
                ("client_id", APP),
                scope,
                ("client_assertion", "x"),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ],
            "invalid_client",
            50027,
        ),
    ];
    for (form, error, code) in cases {
        let refused = token(&client, TENANT, form).await;
        assert_eq!((refused.status, &refused.body["error"]), (400, &json!(error)), "{form:?}");
        assert_eq!(refused.body["error_codes"], json!([code]));
        assert!(refused.body["error_description"].as_str().unwrap().starts_with(&format!("AADSTS{code}: ")));
    }
}

#[tokio::test]
async fn strict_accepts_only_known_applications_with_their_secret_or_federation() {
    let client = strict().await;
    let scope = "https://management.azure.com/.default";
    assert_eq!(token(&client, TENANT, &secret("right", scope)).await.body["error_codes"], json!([700_016]));
    let directory = json!({
        "subscriptions": [{"id": SUB, "name": "team"}],
        "servicePrincipals": [{
            "displayName": "pipeline", "appId": APP, "secret": "right",
            "federatedCredentials": [{"issuer": "https://token.actions.test", "subject": "repo:a/b:environment:c"}],
        }],
    });
    let known = client.post("/_sandbox/directory", Some(directory)).await;
    let role = json!({"scope": format!("/subscriptions/{SUB}"), "role": "Reader", "principalId": known.body["principals"][0]["id"]});
    assert_eq!(client.post("/_sandbox/access", Some(json!({"roleAssignments": [role]}))).await.status, 200);
    let wrong = token(&client, TENANT, &secret("wrong", scope)).await;
    assert_eq!((wrong.status, &wrong.body["error_codes"]), (401, &json!([7_000_215])));
    let other = token(&client, "99999999-1111-1111-1111-111111111111", &secret("right", scope)).await;
    assert_eq!(other.body["error_codes"], json!([90002]));
    let good = token(&client, TENANT, &secret("right", scope)).await;
    let bearer = good.body["access_token"].as_str().unwrap();
    let listed = answer(client.raw("GET", LIST).bearer_auth(bearer)).await;
    assert_eq!((listed.status, &listed.body["value"][0]["displayName"]), (200, &json!("team")));

    let assertion = |subject: &str, exp: i64| {
        unsigned(&json!({
            "iss": "https://token.actions.test", "sub": subject, "aud": "api://AzureADTokenExchange", "exp": exp,
        }))
    };
    for (sent, code) in [
        (assertion("repo:a/b:environment:c", 4_000_000_000), None),
        (assertion("repo:a/b:pull_request", 4_000_000_000), Some(700_213)),
        (assertion("repo:a/b:environment:c", 1), Some(700_024)),
    ] {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", APP),
            ("client_assertion", sent.as_str()),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("scope", scope),
        ];
        let got = token(&client, TENANT, &form).await;
        assert_eq!(got.body["error_codes"][0].as_i64(), code);
        assert_eq!(got.status, if code.is_none() { 200 } else { 400 });
    }
    let shown = client.get("/_sandbox/directory").await.body.to_string();
    assert!(shown.contains("pipeline") && !shown.contains("right"), "{shown}");
}

#[tokio::test]
async fn strict_takes_its_own_tokens_for_the_right_service_only() {
    let client = strict().await;
    let directory = json!({"servicePrincipals": [{"displayName": "p", "appId": APP, "secret": "s"}]});
    client.post("/_sandbox/directory", Some(directory)).await;
    let get = async |path: &str, token: &str| answer(client.raw("GET", path).bearer_auth(token)).await;
    assert_eq!(get(LIST, "any").await.code(), (401, "InvalidAuthenticationToken"));
    let forged = unsigned(&json!({"aud": "https://management.azure.com", "exp": 4_000_000_000_i64}));
    assert_eq!(get(LIST, &forged).await.code(), (401, "InvalidAuthenticationToken"));
    for (resource, arm, graph) in [
        ("https://management.azure.com", 200, 401),
        ("https://management.core.windows.net/", 200, 401),
        ("https://graph.microsoft.com", 401, 200),
        ("https://cognitiveservices.azure.com", 401, 401),
        (client.sandbox.url(), 200, 200),
    ] {
        let got = token(&client, TENANT, &secret("s", &format!("{resource}/.default"))).await;
        let bearer = got.body["access_token"].as_str().unwrap();
        assert_eq!(get(LIST, bearer).await.status, arm, "{resource}");
        assert_eq!(get("/v1.0/users", bearer).await.status, graph, "{resource}");
        if arm == 401 {
            assert_eq!(get(LIST, bearer).await.code().1, "InvalidAuthenticationTokenAudience");
        }
    }
}

#[tokio::test]
async fn managed_identities_get_tokens_from_both_endpoints() {
    let client = Client::new().await;
    let app_service = "/msi/token?api-version=2019-08-01&resource=https://management.azure.com/";
    let machine =
        "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/";
    assert_eq!(answer(client.raw("GET", app_service)).await.status, 401);
    assert_eq!(answer(client.raw("GET", machine)).await.status, 400);
    let one = answer(client.raw("GET", app_service).header("x-identity-header", "x")).await;
    let two = answer(client.raw("GET", machine).header("metadata", "true")).await;
    assert_eq!(claims(&one.body["access_token"])["oid"], claims(&two.body["access_token"])["oid"]);
    assert_eq!(two.body["expires_in"], "86399");
    assert_eq!(
        one.body["expires_on"],
        json!(claims(&one.body["access_token"])["exp"].to_string()),
        "seconds as text"
    );
    let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/u";
    let named =
        answer(client.raw("GET", &format!("{machine}&msi_res_id={id}")).header("metadata", "true")).await;
    let claims = claims(&named.body["access_token"]);
    assert_eq!((&claims["xms_mirid"], &claims["appid"]), (&json!(id), &named.body["client_id"]));
    let graph = client.get(&format!("/v1.0/servicePrincipals/{}", claims["oid"].as_str().unwrap())).await;
    assert_eq!(
        (&graph.body["servicePrincipalType"], &graph.body["displayName"]),
        (&json!("ManagedIdentity"), &json!("u"))
    );
}

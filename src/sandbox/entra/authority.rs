//! Microsoft Entra: discovery and the token endpoint.
//!
//! Applications sign in with a secret or an assertion. Unless strict, any of them is let in and
//! exists from then on; when strict, the directory must know it and what it presents. Users do
//! not sign in: the sandbox has no passwords and no browser.

use axum::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::token::Claims;
use super::{certificate, directory, token};
use crate::sandbox::http::{Reply, Request};
use crate::sandbox::state::world::seconds;
use crate::sandbox::state::{Principal, World, derived_id};

/// Lifetime of an application's token, in seconds; `expires_in` says one less, as in Azure.
const LIFETIME: i64 = 3600;
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const EXCHANGE: &str = "api://AzureADTokenExchange";

/// Answers a request for Entra or for the list of endpoints; nothing if it is for another service.
pub(crate) fn answer(world: &mut World, request: &Request) -> Option<Reply> {
    let names: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    let get = request.method == Method::GET;
    match names.as_slice() {
        ["common", "discovery", "instance"] if get => Some(instance(request)),
        ["metadata", "endpoints"] if get => Some(endpoints(world, request)),
        [tenant, "v2.0", ".well-known", "openid-configuration"]
        | [tenant, ".well-known", "openid-configuration"]
            if get =>
        {
            Some(
                known_tenant(world, request, tenant).unwrap_or_else(|| configuration(world, request, tenant)),
            )
        }
        [_, "discovery", "v2.0", "keys"] | [_, "discovery", "keys"] if get => {
            Some(Reply::json(200, &json!({"keys": []})))
        }
        [tenant, "oauth2", "v2.0", "token"] | [tenant, "oauth2", "token"]
            if request.method == Method::POST =>
        {
            Some(match known_tenant(world, request, tenant) {
                Some(refusal) => refusal,
                None => issue(world, request).unwrap_or_else(|refusal| refusal),
            })
        }
        _ => None,
    }
}

/// When strict, there is one tenant; `common` and the like mean this one.
fn known_tenant(world: &World, request: &Request, name: &str) -> Option<Reply> {
    let ours = ["adfs", "common", "organizations", &world.state.tenant];
    if !world.strict || ours.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return None;
    }
    let text = format!(
        "Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing into the correct \
         cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for \
         the tenant."
    );
    Some(refusal(world, request, 400, "invalid_request", 90002, &text))
}

fn configuration(world: &World, request: &Request, tenant: &str) -> Reply {
    let origin = &request.origin;
    let issuer = if tenant == "adfs" { tenant } else { &world.state.tenant };
    Reply::json(
        200,
        &json!({
            "token_endpoint": format!("{origin}/{tenant}/oauth2/v2.0/token"),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": format!("{origin}/{tenant}/discovery/v2.0/keys"),
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": format!("{origin}/{issuer}/v2.0"),
            "request_uri_parameter_supported": false,
            "userinfo_endpoint": format!("{origin}/oidc/userinfo"),
            "authorization_endpoint": format!("{origin}/{tenant}/oauth2/v2.0/authorize"),
            "device_authorization_endpoint": format!("{origin}/{tenant}/oauth2/v2.0/devicecode"),
            "http_logout_supported": true,
            "end_session_endpoint": format!("{origin}/{tenant}/oauth2/v2.0/logout"),
            "claims_supported": ["sub", "iss", "aud", "exp", "iat", "oid", "tid", "ver"],
            "tenant_region_scope": "NA",
            "cloud_instance_name": host(origin),
            "cloud_graph_host_name": host(origin),
            "msgraph_host": host(origin),
        }),
    )
}

/// Aliases of this authority: the host under which it was called.
fn instance(request: &Request) -> Reply {
    let origin = &request.origin;
    let host = host(origin);
    Reply::json(
        200,
        &json!({
            "tenant_discovery_endpoint": format!("{origin}/common/v2.0/.well-known/openid-configuration"),
            "api-version": "1.1",
            "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
        }),
    )
}

fn host(origin: &str) -> &str {
    origin.split_once("://").map_or(origin, |(_, host)| host)
}

/// Endpoints of a cloud, all of them this sandbox.
fn endpoints(world: &World, request: &Request) -> Reply {
    let origin = request.origin.as_str();
    let slashed = format!("{origin}/");
    let cloud = json!({
        "portal": slashed,
        "authentication": {
            "loginEndpoint": origin,
            "audiences": [slashed, origin],
            "tenant": world.state.tenant,
            "identityProvider": "AAD",
        },
        "media": slashed,
        "graphAudience": slashed,
        "graph": slashed,
        "name": "Sandbox",
        "suffixes": {"keyVaultDns": "vault.sandbox.invalid", "storage": "storage.sandbox.invalid"},
        "batch": slashed,
        "resourceManager": slashed,
        "vmImageAliasDoc": slashed,
        "activeDirectoryDataLake": slashed,
        "sqlManagement": slashed,
        "microsoftGraphResourceId": slashed,
        "gallery": slashed,
    });
    let version = request.query("api-version").unwrap_or_default();
    // https://management.azure.com/metadata/endpoints: one object since 2022-09-01, a list before.
    if version >= "2022-09-01" { Reply::json(200, &cloud) } else { Reply::json(200, &json!([cloud])) }
}

/// A form, as the token endpoint takes it.
struct Form(Vec<(String, String)>);

impl Form {
    fn read(request: &Request) -> Self {
        Self(url::form_urlencoded::parse(&request.body).into_owned().collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }
}

/// The parameter of a form that has to be there.
fn need<'a>(world: &World, request: &Request, form: &'a Form, name: &str) -> Result<&'a str, Reply> {
    form.get(name).ok_or_else(|| {
        let text = format!("The request body must contain the following parameter: '{name}'.");
        refusal(world, request, 400, "invalid_request", 900_144, &text)
    })
}

fn issue(world: &mut World, request: &Request) -> Result<Reply, Reply> {
    let form = Form::read(request);
    let grant = need(world, request, &form, "grant_type")?;
    if grant != "client_credentials" {
        let text = format!("The app requested an unsupported grant type '{grant}'.");
        return Err(refusal(world, request, 400, "unsupported_grant_type", 70003, &text));
    }
    let client = need(world, request, &form, "client_id")?.to_lowercase();
    let audience = audience(world, request, &form)?;
    let (id, principal) = application(world, request, &client)?;
    check_proof(world, request, &form, &client, &principal)?;
    let claims = Claims {
        appid: Some(client),
        idtyp: Some(String::from("app")),
        ..claims(world, &id, &audience, LIFETIME)
    };
    let token = token::sign(&world.state.secret, &claims);
    // The older endpoint writes its numbers as text.
    let older = request.segments.len() == 3;
    Ok(Reply::json(
        200,
        &if older {
            json!({
                "token_type": "Bearer",
                "expires_in": (LIFETIME - 1).to_string(),
                "ext_expires_in": (LIFETIME - 1).to_string(),
                "expires_on": claims.exp.to_string(),
                "not_before": claims.nbf.to_string(),
                "resource": audience,
                "access_token": token,
            })
        } else {
            json!({
                "token_type": "Bearer",
                "expires_in": LIFETIME - 1,
                "ext_expires_in": LIFETIME - 1,
                "access_token": token,
            })
        },
    ))
}

/// For whom a token is asked: by the older endpoint's `resource`, or by `scope`.
fn audience(world: &World, request: &Request, form: &Form) -> Result<String, Reply> {
    if let Some(resource) = form.get("resource") {
        return Ok(resource.to_owned());
    }
    let scope = need(world, request, form, "scope")?;
    let resource = scope.split(' ').find_map(|scope| scope.strip_suffix("/.default"));
    resource.map(str::to_owned).ok_or_else(|| {
        let text = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope \
             value with /.default suffixed to the resource identifier (application ID URI)."
        );
        refusal(world, request, 400, "invalid_scope", 1_002_012, &text)
    })
}

/// The object id and the entry of an application. Unless strict, it exists on first use.
fn application(world: &mut World, request: &Request, client: &str) -> Result<(String, Principal), Reply> {
    if let Some((id, found)) = directory::by_app_id(world, client) {
        return Ok((id.to_owned(), found.clone()));
    }
    if !world.strict {
        return Ok(first_use(world, client));
    }
    let tenant = &world.state.tenant;
    let text = format!(
        "Application with identifier '{client}' was not found in the directory '{tenant}'. This can happen if \
         the application has not been installed by the administrator of the tenant or consented to by any \
         user in the tenant. You may have sent your authentication request to the wrong tenant."
    );
    Err(refusal(world, request, 400, "unauthorized_client", 700_016, &text))
}

/// Claims of every token.
pub(crate) fn claims(world: &World, id: &str, audience: &str, lifetime: i64) -> Claims {
    let now = world.now.as_second();
    let tenant = &world.state.tenant;
    Claims {
        aud: audience.to_owned(),
        iss: format!("https://sts.windows.net/{tenant}/"),
        iat: now,
        nbf: now,
        exp: now.saturating_add(lifetime),
        oid: Some(id.to_owned()),
        sub: id.to_owned(),
        tid: Some(tenant.clone()),
        ver: Some(String::from("1.0")),
        ..Claims::default()
    }
}

fn first_use(world: &mut World, client: &str) -> (String, Principal) {
    let id = derived_id(&format!("application:{client}")).to_string();
    let principal = Principal {
        app_id: Some(client.to_owned()),
        ..Principal::new("ServicePrincipal", &format!("app-{}", client.get(..8).unwrap_or(client)))
    };
    world.state.principals.insert(id.clone(), principal.clone());
    (id, principal)
}

/// Claims of a federated token.
#[derive(Debug, Default, Deserialize)]
struct Assertion {
    #[serde(default)]
    iss: String,
    #[serde(default)]
    sub: String,
    #[serde(default)]
    aud: Value,
    #[serde(default)]
    exp: i64,
}

/// Why an application is not believed: Entra's code and its words.
type Disbelief = (u32, String);

/// Whether the application authenticated. Unless strict, any credential is enough.
fn check_proof(
    world: &World,
    request: &Request,
    form: &Form,
    client: &str,
    principal: &Principal,
) -> Result<(), Reply> {
    let proof = match (form.get("client_assertion"), form.get("client_secret")) {
        (Some(sent), _) if form.get("client_assertion_type") == Some(ASSERTION) => {
            check_assertion(world, sent, client, principal)
        }
        (None, Some(secret)) => check_secret(world, secret, client, principal),
        _ => {
            let text = "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.";
            Err((7_000_216, text.to_owned()))
        }
    };
    proof.map_err(|(code, text)| {
        let error = if code == 7_000_216 { "invalid_request" } else { "invalid_client" };
        let status = if matches!(code, 7_000_215 | 700_027) { 401 } else { 400 };
        refusal(world, request, status, error, code, &text)
    })
}

/// A token of another issuer, or one that the application signed with a certificate.
fn check_assertion(world: &World, sent: &str, client: &str, principal: &Principal) -> Result<(), Disbelief> {
    let Some(claims) = token::read::<Assertion>(sent) else {
        return Err((50027, "JWT token is invalid or malformed.".to_owned()));
    };
    if !world.strict {
        return Ok(());
    }
    if claims.exp <= world.now.as_second() {
        return Err((700_024, "Client assertion is not within its valid time range.".to_owned()));
    }
    // Signed with a certificate: the application is its own issuer.
    if claims.iss.eq_ignore_ascii_case(client) && claims.sub.eq_ignore_ascii_case(client) {
        if certificate::signed(&principal.certificates, sent) {
            return Ok(());
        }
        let text = "The certificate with identifier used to sign the client assertion is not registered on application.";
        return Err((700_027, text.to_owned()));
    }
    let fits =
        principal.federated.iter().any(|known| known.issuer == claims.iss && known.subject == claims.sub);
    let audience = claims.aud == json!(EXCHANGE) || claims.aud == json!([EXCHANGE]);
    if fits && audience {
        return Ok(());
    }
    let text = format!(
        "No matching federated identity record found for presented assertion subject '{}'. Please check your \
         federated identity credential Subject, Audience and Issuer against the presented assertion. \
         https://learn.microsoft.com/entra/workload-id/workload-identity-federation",
        claims.sub
    );
    Err((700_213, text))
}

fn check_secret(world: &World, secret: &str, client: &str, principal: &Principal) -> Result<(), Disbelief> {
    if !world.strict || principal.secrets.contains(&directory::hashed(secret)) {
        return Ok(());
    }
    let text = format!(
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret \
         value, not the client secret ID, for a secret added to app '{client}'."
    );
    Err((7_000_215, text))
}

/// Entra's own form of an error.
fn refusal(world: &World, request: &Request, status: u16, error: &str, code: u32, text: &str) -> Reply {
    let time = seconds(world.now.as_millisecond()).replace('T', " ");
    let (trace, correlation) = (&request.id, request.header("client-request-id").unwrap_or(&request.id));
    Reply::json(
        status,
        &json!({
            "error": error,
            "error_description":
                format!("AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}"),
            "error_codes": [code],
            "timestamp": time,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("{}/error?code={code}", request.origin),
        }),
    )
}

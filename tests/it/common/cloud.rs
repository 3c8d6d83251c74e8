//! Azure's own addresses on this machine: the binary runs as in production, without `--arm-endpoint`.
//!
//! A strict sandbox serves HTTPS under the names of the public cloud. A proxy (`HTTPS_PROXY`) leads there whatever is asked for by those names,
//! and writes down every host; the certificate is trusted by way of `SSL_CERT_FILE`. So nothing in the binary knows of a test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use keyless::sandbox::{Options, Sandbox, Tls};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::azure::Answer;
use super::{Folder, SUB};

/// The tenant of every sandbox.
pub(crate) const TENANT: &str = "11111111-1111-1111-1111-111111111111";
/// An application that may do everything, for the test itself.
const OWNER: &str = "0000eeee-0000-4000-8000-000000000001";

pub(crate) const ENTRA: &str = "login.microsoftonline.com";
pub(crate) const ARM: &str = "management.azure.com";
pub(crate) const GRAPH: &str = "graph.microsoft.com";

/// What becomes of a connection to a host.
#[derive(Debug, Clone)]
pub(crate) enum Line {
    /// It leads to the sandbox.
    Open,
    /// It is accepted, and never answers.
    Silent,
    /// The proxy says that it cannot be made.
    Refused,
}

#[derive(Debug)]
struct Proxy {
    sandbox: String,
    lines: Mutex<BTreeMap<String, Line>>,
    asked: Mutex<Vec<String>>,
}

/// The public cloud.
pub(crate) struct Cloud {
    // Before the runtime: a sandbox is dropped while its runtime lives.
    sandbox: Sandbox,
    proxy: Arc<Proxy>,
    proxy_url: String,
    http: reqwest::Client,
    files: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Cloud {
    /// A strict cloud with the usual subscription and the group `rg`.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// The same, and these hosts of accounts lead to it as well.
    pub(crate) fn with(hosts: &[&str]) -> Self {
        let files = tempfile::tempdir().unwrap();
        let known = [ENTRA, ARM, GRAPH].into_iter().chain(hosts.iter().copied());
        let names: Vec<String> = known.clone().chain(["localhost", "127.0.0.1"]).map(str::to_owned).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let tls = Tls { cert: files.path().join("cert.pem"), key: files.path().join("key.pem") };
        std::fs::write(&tls.cert, made.cert.pem()).unwrap();
        std::fs::write(&tls.key, made.signing_key.serialize_pem()).unwrap();
        let trusted = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([trusted]).build().unwrap();
        let (sandbox, proxy, proxy_url) = runtime.block_on(async {
            let record = Some(files.path().join("exchanges.jsonl"));
            let options = Options { strict: true, tls: Some(tls), record, ..Options::default() };
            let sandbox = Sandbox::start(options).await.unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let address = sandbox.url().trim_start_matches("https://").to_owned();
            let proxy =
                Arc::new(Proxy { sandbox: address, lines: Mutex::default(), asked: Mutex::default() });
            for host in known {
                proxy.lines.lock().unwrap().insert(host.to_owned(), Line::Open);
            }
            let accepting = Arc::clone(&proxy);
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let proxy = Arc::clone(&accepting);
                    tokio::spawn(async move { proxy.serve(stream).await });
                }
            });
            (sandbox, proxy, url)
        });
        let cloud = Self { sandbox, proxy, proxy_url, http, files, runtime };
        cloud.know("subscriptions", &json!([{"id": SUB, "name": "team"}]));
        cloud.application("owner", OWNER, json!({"secret": "owner's"}), Some("Owner"));
        let group = format!("/subscriptions/{SUB}/resourceGroups/rg?api-version=2021-04-01");
        assert_eq!(cloud.send("PUT", &group, Some(json!({"location": "eastus2"}))).status, 201);
        cloud
    }

    /// An empty folder whose runs go to this cloud, with further variables.
    pub(crate) fn folder(&self, variables: &[(&str, &str)]) -> Folder {
        let mut all = self.variables();
        all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Folder::with(all)
    }

    /// What leads a process here.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let certificate = self.files.path().join("cert.pem");
        vec![
            ("HTTPS_PROXY".to_owned(), self.proxy_url.clone()),
            ("SSL_CERT_FILE".to_owned(), certificate.to_str().unwrap().to_owned()),
        ]
    }

    /// Where the sandbox itself is.
    pub(crate) fn url(&self) -> &str {
        self.sandbox.url()
    }

    /// Puts something into the directory.
    pub(crate) fn know(&self, kind: &str, what: &Value) -> Value {
        self.must("/_sandbox/directory", json!({kind: what}))
    }

    /// An application with these credentials and a role on the subscription; gives its object id.
    pub(crate) fn application(&self, name: &str, app_id: &str, more: Value, role: Option<&str>) -> String {
        let mut one = more;
        one["displayName"] = json!(name);
        one["appId"] = json!(app_id);
        let made = self.know("servicePrincipals", &json!([one]));
        let id = made["principals"][0]["id"].as_str().unwrap().to_owned();
        if let Some(role) = role {
            self.grant(&id, role);
        }
        id
    }

    /// Gives a role on the subscription.
    pub(crate) fn grant(&self, id: &str, role: &str) {
        let scope = format!("/subscriptions/{SUB}");
        let grant = json!({"scope": scope, "role": role, "principalId": id});
        self.must("/_sandbox/access", json!({"roleAssignments": [grant]}));
    }

    /// What becomes of connections to a host from now on.
    pub(crate) fn line(&self, host: &str, line: Line) {
        self.proxy.lines.lock().unwrap().insert(host.to_owned(), line);
    }

    /// The hosts that connections were asked for since the last time.
    pub(crate) fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.proxy.asked.lock().unwrap())
    }

    /// `403 GET /path?query` of each exchange with ARM so far.
    pub(crate) fn exchanges(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.files.path().join("exchanges.jsonl")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let told = lines.filter_map(|line| {
            let url: url::Url = line["url"].as_str()?.parse().ok()?;
            let target = &url[url::Position::BeforePath..];
            let arm = target.starts_with("/subscriptions") || target.starts_with("/providers");
            arm.then(|| {
                format!("{} {} {target}", line["status"], line["method"].as_str().unwrap_or_default())
            })
        });
        told.collect()
    }

    /// Asks the sandbox itself.
    #[track_caller]
    pub(crate) fn must(&self, path: &str, body: Value) -> Value {
        let answer = self.send("POST", path, Some(body));
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    /// A token that the sandbox's Entra gives to an application with a secret.
    pub(crate) fn token(&self, app_id: &str, secret: &str, resource: &str) -> Value {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("grant_type", "client_credentials"),
                ("client_id", app_id),
                ("client_secret", secret),
                ("scope", &format!("{resource}/.default")),
            ])
            .finish();
        let url = format!("{}/{TENANT}/oauth2/v2.0/token", self.sandbox.url());
        let request =
            self.http.post(url).header("content-type", "application/x-www-form-urlencoded").body(form);
        self.answer(request).body
    }

    /// Sends something behind keyless's back, as the owner.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.sandbox.url()));
        if !path.starts_with("/_sandbox") {
            let token = self.token(OWNER, "owner's", "https://management.azure.com");
            request = request.bearer_auth(token["access_token"].as_str().unwrap());
        }
        self.answer(match body {
            Some(body) => request.json(&body),
            None => request,
        })
    }

    fn answer(&self, request: reqwest::RequestBuilder) -> Answer {
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            let status = response.status().as_u16();
            let text = response.text().await.unwrap();
            Answer { status, body: serde_json::from_str(&text).unwrap_or_default() }
        })
    }
}

impl Proxy {
    /// Serves one `CONNECT`.
    async fn serve(&self, mut client: TcpStream) -> Option<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.ok()?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let authority = head.strip_prefix("CONNECT ")?.split(' ').next()?.to_owned();
        let host = authority.rsplit_once(':')?.0.to_owned();
        self.asked.lock().unwrap().push(host.clone());
        let line = self.lines.lock().unwrap().get(&host).cloned();
        let address = match line {
            Some(Line::Open) => self.sandbox.clone(),
            Some(Line::Silent) => {
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
                std::future::pending().await
            }
            Some(Line::Refused) | None => {
                client.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await.ok()?;
                return None;
            }
        };
        let mut server = TcpStream::connect(address).await.ok()?;
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
        tokio::io::copy_bidirectional(&mut client, &mut server).await.ok().map(|_| ())
    }
}

//! What `benches/commands.py` measures keyless against: downloads the pages that a plan reads, parses them, and does nothing else.
//!
//! `null_client ORIGIN SUBSCRIPTION...` prints the number of requests and of items. It reads as many lists at once as keyless does by default.

#![expect(clippy::print_stdout, reason = "what it prints is its result")]

use std::error::Error;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

const LISTS: [&str; 2] = [
    "Microsoft.CognitiveServices/accounts?api-version=2026-05-01",
    "Microsoft.Authorization/roleAssignments?api-version=2022-04-01",
];
const AT_ONCE: usize = 16;

async fn list(client: &reqwest::Client, mut url: String) -> Result<(usize, usize), reqwest::Error> {
    let (mut requests, mut items) = (0, 0);
    loop {
        let answer = client.get(&url).bearer_auth("bench").send().await?.error_for_status()?;
        let page: Value = answer.json().await?;
        requests += 1;
        items += page["value"].as_array().map_or(0, Vec::len);
        let Some(next) = page["nextLink"].as_str() else { return Ok((requests, items)) };
        next.clone_into(&mut url);
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut arguments = std::env::args().skip(1);
    let origin = arguments.next().ok_or("usage: null_client ORIGIN SUBSCRIPTION...")?;
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build()?;
    let urls: Vec<String> = arguments
        .flat_map(|id| LISTS.map(|list| format!("{origin}/subscriptions/{id}/providers/{list}")))
        .collect();
    let read = stream::iter(urls).map(|url| list(&client, url)).buffer_unordered(AT_ONCE);
    let counts: Vec<(usize, usize)> = read.try_collect().await?;
    let (requests, items) = counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    println!("{requests} requests, {items} items");
    Ok(())
}

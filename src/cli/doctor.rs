//! `keyless doctor`: checks everything that a plan needs, one thing after the other.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use futures_util::future::{join, join_all};
use url::Url;
use uuid::Uuid;

use super::Exit;
use super::document::Document;
use super::options::Options;
use super::output::Failure;
use super::session::{Session, block_on, target_of};
use super::specs::check;
use crate::arm;
use crate::arm::auth::Claims;
use crate::arm::auth::cloud::{Cloud, Endpoint};
use crate::doctor::delegation::given;
use crate::doctor::rights::{Purpose, judged, needed, places};
use crate::doctor::{self, Diagnosis, Health, Prerequisite, probe};
use crate::document::{Requests, Statement};
use crate::flow::Azure;
use crate::id::ResourceId;
use crate::kinds::account;
use crate::kinds::role_assignment::definitions;
use crate::rbac::{self, Catalogue, Permission};
use crate::spec::Loaded;

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Spec files or folders whose subscriptions, groups and permissions to check [default: `specs`, if it exists]
    #[arg(value_name = "SPEC")]
    specs: Vec<PathBuf>,
    /// What the caller needs permissions for [default: apply]
    ///
    /// `--for apply` also checks that the caller may assign no other roles than those that the specs give, as the identity of a pipeline
    /// should.
    #[arg(long = "for", value_enum)]
    purpose: Option<Purpose>,
}

pub(super) fn run(options: &Options, args: &Args) -> Result<Exit, Failure> {
    let (stacks, unread) = specs(options, args);
    options.reports_ready()?;
    block_on(async {
        let mut checks = vec![cloud(options)];
        let network = network(options).await;
        let unreachable: Vec<String> = network.iter().filter_map(broken_host).collect();
        checks.extend(network);
        let mut requests = Requests::default();
        match Session::connect(options).await {
            Ok(session) => {
                let (name, why) = session.credential();
                checks.push(Prerequisite::ok("credential", format!("{name}: {why}")));
                checks.extend(look(&session.azure, &stacks, args.purpose, &unreachable).await);
                requests = session.azure.requests();
                let whole = session.azure.unless_interrupted();
                session.close().await;
                whole?;
            }
            Err(failure) => checks.push(failed("credential", failure)),
        }
        checks.extend(unread);
        let document = Statement::new(Diagnosis { checks }, Vec::new(), target_of(options), requests);
        Document::Statement(&document).write(options)?;
        Ok(if document.about.broken() == 0 { Exit::Success } else { Exit::Failure })
    })
}

/// The specs, and whether they have errors.
fn specs(options: &Options, args: &Args) -> (Vec<Loaded>, Option<Prerequisite>) {
    let default = [PathBuf::from("specs")];
    let paths = match &args.specs[..] {
        [] if Path::new("specs").exists() => &default[..],
        paths => paths,
    };
    if paths.is_empty() {
        return (Vec::new(), None);
    }
    let checked = check(options, paths);
    let errors = checked.errors();
    if errors == 0 {
        return (checked.stacks, None);
    }
    let broken = Prerequisite::broken(
        "specs",
        format!("{errors} error{}: their requirements were not checked", if errors == 1 { "" } else { "s" }),
        "run `keyless validate` to see them",
    );
    (Vec::new(), Some(broken))
}

fn cloud(options: &Options) -> Prerequisite {
    match (&options.sandbox, &options.arm_endpoint) {
        (Some(_), _) => Prerequisite::ok("cloud", "the sandbox: nothing in Azure changes"),
        (None, Some(url)) => match Endpoint::custom(url) {
            Ok(endpoint) => Prerequisite::ok("cloud", format!("custom endpoint: {}", endpoint.base())),
            Err(error) => Prerequisite::broken(
                "cloud",
                error.to_string(),
                "`--arm-endpoint` takes scheme, host and port",
            ),
        },
        (None, None) => {
            let addresses = Cloud::from(options.cloud).addresses();
            Prerequisite::ok("cloud", format!("{}: {}", addresses.name, addresses.arm))
        }
    }
}

/// Checks whether the hosts can be reached, and compares their clocks with this machine's.
async fn network(options: &Options) -> Vec<Prerequisite> {
    let hosts: Vec<Url> = match (&options.sandbox, &options.arm_endpoint) {
        (Some(_), _) => Vec::new(),
        (None, Some(url)) => {
            Endpoint::custom(url).map(|endpoint| endpoint.base().clone()).into_iter().collect()
        }
        (None, None) => {
            let addresses = Cloud::from(options.cloud).addresses();
            [addresses.authority, addresses.arm, addresses.graph]
                .iter()
                .flat_map(|url| Url::parse(url))
                .collect()
        }
    };
    let reached = join_all(hosts.iter().map(probe::reach)).await;
    let dated = reached.iter().zip(&hosts).find_map(|(reached, host)| Some((host, reached.ahead?)));
    let clock = dated.map_or_else(
        || probe::clock("", None),
        |(host, ahead)| probe::clock(host.host_str().unwrap_or_default(), Some(ahead)),
    );
    let mut checks: Vec<Prerequisite> = reached.into_iter().map(|reached| reached.check).collect();
    if !hosts.is_empty() {
        checks.push(clock);
    }
    checks
}

/// The host of a failed network check.
fn broken_host(check: &Prerequisite) -> Option<String> {
    check.subject.clone().filter(|_| check.name == "network" && check.state == Health::Broken)
}

/// Everything that needs a token.
async fn look(
    azure: &Azure,
    stacks: &[Loaded],
    purpose: Option<Purpose>,
    unreachable: &[String],
) -> Vec<Prerequisite> {
    // Who only asks whether applying would work may be anybody, also an owner.
    let only = purpose == Some(Purpose::Apply);
    let purpose = purpose.unwrap_or(Purpose::Apply);
    let claims = match azure.caller().await {
        Ok(claims) => claims,
        Err(halt) => return vec![failed("token", halt.into())],
    };
    let mut checks = vec![Prerequisite::ok("token", format!("for {}", azure.client.endpoint().scope()))];
    let declared: Vec<Uuid> =
        stacks.iter().filter_map(|loaded| loaded.spec.tenant.as_ref()?.parse().ok()).collect();
    checks.push(doctor::tenant(&claims, &declared));
    let lost = |client: &arm::Client| {
        client.endpoint().base().host_str().is_some_and(|host| unreachable.iter().any(|other| other == host))
    };
    let who = async {
        if lost(&azure.graph) { doctor::identity(&claims, None) } else { identity(azure, &claims).await }
    };
    if lost(&azure.client) {
        // Asking again would only wait again.
        checks.push(doctor::identity(&claims, None));
        checks.push(Prerequisite::unknown("rights", "not checked: Azure Resource Manager cannot be reached"));
        return checks;
    }
    let mut subscriptions: Vec<&str> =
        stacks.iter().map(|loaded| loaded.spec.subscription.as_str()).collect();
    subscriptions.sort_unstable();
    subscriptions.dedup();
    let groups: BTreeSet<ResourceId> =
        stacks.iter().flat_map(|loaded| account::groups_of(&loaded.spec)).collect();
    let needed = needed(stacks, purpose);
    let ((who, seen), (groups, rights)) = join(
        join(who, join_all(subscriptions.iter().map(|id| subscription(azure, id, &claims)))),
        join(
            join_all(groups.iter().map(|id| group(azure, id))),
            join_all(needed.iter().map(|(scope, actions)| held(azure, scope, actions, purpose))),
        ),
    )
    .await;
    let rights = in_existing_groups(needed.keys().zip(rights), &groups);
    checks.push(who);
    checks.extend(seen);
    checks.extend(groups);
    checks.extend(rights);
    for id in subscriptions.iter().filter(|_| only) {
        let subscription = ResourceId::subscription(id);
        match claims.oid {
            Some(caller) => checks.extend(delegation(azure, &subscription, stacks, caller).await),
            None => {
                let why = "not checked: the token does not say who the caller is";
                checks.push(Prerequisite::unknown("delegation", why).of(subscription.as_str()));
            }
        }
    }
    checks
}

/// The checks of rights by scope. In a group that does not exist, permissions above it say nothing yet: a plan fails until it does.
fn in_existing_groups<'a>(
    rights: impl Iterator<Item = (&'a ResourceId, Prerequisite)>,
    groups: &[Prerequisite],
) -> Vec<Prerequisite> {
    let is_missing = |check: &&Prerequisite| check.state == Health::Broken;
    let missing: BTreeSet<String> =
        groups.iter().filter(is_missing).filter_map(|check| check.subject.clone()).collect();
    let lost = |scope: &ResourceId| scope.group().is_some_and(|group| missing.contains(group.name()));
    let judged = rights.map(|(scope, check)| match check.state {
        Health::Ok if lost(scope) => {
            Prerequisite::unknown("rights", "not checked: its resource group does not exist")
                .of(scope.as_str())
        }
        _ => check,
    });
    judged.collect()
}

/// Which roles the caller may assign in a subscription, beside those that specs give.
async fn delegation(
    azure: &Azure,
    subscription: &ResourceId,
    stacks: &[Loaded],
    caller: Uuid,
) -> Vec<Prerequisite> {
    let definitions = definitions(subscription).path;
    let assignments = format!(
        "{subscription}/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01&$filter=assignedTo('{caller}')"
    );
    let (roles, assignments) =
        join(azure.client.list(&definitions, rbac::project), azure.client.list(&assignments, |body| body))
            .await;
    match (roles, assignments) {
        (Ok(roles), Ok(assignments)) => {
            let roles = Catalogue::of(roles.iter());
            let here: Vec<Loaded> = stacks
                .iter()
                .filter(|loaded| subscription.name().eq_ignore_ascii_case(&loaded.spec.subscription))
                .cloned()
                .collect();
            doctor::delegation::judged(caller, &assignments, &roles, &given(&here, &roles))
        }
        (Err(error), _) | (_, Err(error)) => {
            vec![Prerequisite::unknown("delegation", error.to_string()).of(subscription.as_str())]
        }
    }
}

async fn group(azure: &Azure, id: &ResourceId) -> Prerequisite {
    let told = azure.client.get(&account::group_query(id).path).await;
    doctor::resource_group(id.name(), &told)
}

async fn identity(azure: &Azure, claims: &Claims) -> Prerequisite {
    let Some(id) = claims.oid else { return doctor::identity(claims, None) };
    let (kind, fields) = if claims.is_application() {
        ("servicePrincipals", "displayName,appId")
    } else {
        ("users", "displayName,userPrincipalName")
    };
    let told = azure.graph.get(&format!("/v1.0/{kind}/{id}?$select={fields}")).await;
    doctor::identity(claims, Some(&told))
}

async fn subscription(azure: &Azure, id: &str, claims: &Claims) -> Prerequisite {
    let told = azure.client.get(&format!("/subscriptions/{id}?api-version=2022-12-01")).await;
    doctor::subscription(id, &told, claims)
}

/// The caller's permissions at a scope, or at the nearest one above that exists.
async fn held(azure: &Azure, scope: &ResourceId, actions: &[String], purpose: Purpose) -> Prerequisite {
    for place in places(scope) {
        let path = format!("{place}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01");
        match azure.client.list(&path, serde_json::from_value::<Permission>).await {
            Ok(items) => {
                let permissions: Vec<Permission> = items.into_iter().flatten().collect();
                return judged(scope, &place, actions, &permissions, purpose);
            }
            Err(error) if error.kind == arm::ErrorKind::NotFound => {}
            Err(error) => return Prerequisite::unknown("rights", error.to_string()).of(scope.as_str()),
        }
    }
    Prerequisite::unknown("rights", "neither this scope nor any above it was found").of(scope.as_str())
}

fn failed(name: &str, failure: Failure) -> Prerequisite {
    let (what, hint) = failure.into_parts();
    Prerequisite::broken(name, what, hint.unwrap_or_else(|| "see above".to_owned()))
}

//! From a path below an account to the handler that answers it.

use axum::http::Method;

use super::cognitive::{
    accounts, capability_hosts, children, connections, deployments, offers, plain, projects, rai_policies,
};
use super::router::{not_allowed, unknown_type};
use crate::sandbox::http::scope::Target;
use crate::sandbox::http::{Reply, Request};
use crate::sandbox::state::World;

pub(super) fn answer(
    world: &mut World,
    request: &Request,
    target: &Target,
    account: accounts::AccountPlace,
    types: &[&str],
) -> Result<Reply, Reply> {
    let place = children::Place::of_account(account, &target.rest[2..]);
    if let ["connections", ..] | ["projects", _, "connections", ..] = types {
        return connections(world, request, target, place);
    }
    if let Some(is_list) = host(types) {
        return match (&request.method, is_list) {
            (&Method::GET, true) => capability_hosts::list(world, request, place),
            (&Method::GET, false) => capability_hosts::get(world, place),
            (&Method::PUT, false) => capability_hosts::put(world, request, place),
            (&Method::DELETE, false) => capability_hosts::delete(world, request, place),
            _ => not_allowed(request),
        };
    }
    if let Some((kind, is_list)) = plain_child(types) {
        return match (&request.method, is_list) {
            (&Method::GET, true) => plain::list(world, request, place, kind),
            (&Method::GET, false) => plain::get(world, place, kind),
            (&Method::PUT, false) => plain::put(world, request, place, kind),
            (&Method::DELETE, false) if !matches!(kind, plain::Plain::Defender) => {
                plain::delete(world, request, place)
            }
            _ => not_allowed(request),
        };
    }
    match (&request.method, types) {
        (&Method::GET, ["deployments"]) => deployments::list(world, request, place),
        (&Method::GET, ["deployments", _]) => deployments::get(world, request, place),
        (&Method::PUT, ["deployments", _]) => deployments::put(world, request, place),
        (&Method::PATCH, ["deployments", _]) => deployments::patch(world, request, place),
        (&Method::DELETE, ["deployments", _]) => deployments::delete(world, place),
        (&Method::GET, ["raipolicies"]) => rai_policies::list(world, request, place),
        (&Method::GET, ["raipolicies", _]) => rai_policies::get(world, place),
        (&Method::PUT, ["raipolicies", _]) => rai_policies::put(world, request, place),
        (&Method::DELETE, ["raipolicies", _]) => rai_policies::delete(world, request, place),
        (&Method::GET, ["deployments", _, "skus"]) => offers::deployment_skus(world, request, place),
        (&Method::GET, ["models"]) => offers::account_models(world, request, place),
        (&Method::GET, ["skus"]) => offers::account_skus(world, request, place),
        (&Method::GET, ["usages"]) => offers::account_usages(world, request, place),
        (&Method::GET, ["projects"]) => projects::list(world, request, place),
        (&Method::GET, ["projects", _]) => projects::get(world, place),
        (&Method::PUT, ["projects", _]) => projects::put(world, request, place),
        (&Method::PATCH, ["projects", _]) => projects::patch(world, request, place),
        (&Method::DELETE, ["projects", _]) => projects::delete(world, place),
        (
            _,
            ["deployments" | "raipolicies" | "projects"] | ["deployments" | "raipolicies" | "projects", _],
        ) => not_allowed(request),
        _ => unknown_type(request, target),
    }
}

/// A blocklist, an item of one, or a setting of Defender; and whether the path names all of them.
fn plain_child(types: &[&str]) -> Option<(plain::Plain, bool)> {
    match types {
        ["raiblocklists", rest @ ..] if rest.len() < 2 => Some((plain::Plain::Blocklist, rest.is_empty())),
        ["raiblocklists", _, "raiblocklistitems", rest @ ..] if rest.len() < 2 => {
            Some((plain::Plain::Item, rest.is_empty()))
        }
        ["defenderforaisettings", rest @ ..] if rest.len() < 2 => {
            Some((plain::Plain::Defender, rest.is_empty()))
        }
        _ => None,
    }
}

/// Whether the path of a capability host, of an account or a project, names all of them.
fn host(types: &[&str]) -> Option<bool> {
    match types {
        ["capabilityhosts", rest @ ..] | ["projects", _, "capabilityhosts", rest @ ..] if rest.len() < 2 => {
            Some(rest.is_empty())
        }
        _ => None,
    }
}

/// Connections of an account, a project or a workspace: a list if the path ends with the type.
pub(super) fn connections(
    world: &mut World,
    request: &Request,
    target: &Target,
    place: children::Place,
) -> Result<Reply, Reply> {
    match (&request.method, place.rest) {
        (_, [_, _, _, _, _, ..]) => unknown_type(request, target),
        (&Method::GET, [_] | [_, _, _]) => connections::list(world, request, place),
        (&Method::GET, _) => connections::get(world, place),
        (&Method::PUT, [_, _] | [_, _, _, _]) => connections::put(world, request, place),
        (&Method::PATCH, [_, _] | [_, _, _, _]) => connections::patch(world, request, place),
        (&Method::DELETE, [_, _] | [_, _, _, _]) => connections::delete(world, place),
        _ => not_allowed(request),
    }
}

//! Independent refusals: what a plan must not do unless `--allow` names it.
//!
//! Pure. Judges the state before and the predicted state after, in ARM's own shape, and shares no code with the planner, so that a mistake
//! in finding changes cannot also hide them here.

mod assignments;
mod condition;
mod connection;
mod deletes;
mod encryption;
mod grant;
mod identity;
mod key_use;
mod keys;
mod lifts;
mod lock_out;
mod names;
mod network;
mod new_connection;
mod outbound;
mod policy;
#[cfg(test)]
mod tests;
mod unseen;
mod upgrade;
mod weakening;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use uuid::Uuid;

use assignments::Grants;
use deletes::{deletes, left_out};
use grant::GrantFindings;
use lock_out::Declared;

use crate::body::AssignmentBody;
use crate::document::{FindingEntry, Plan, PlannedChange};
use crate::finding::{Code, Severity};
use crate::id::ResourceId;
use crate::plan::predict::World;
use crate::rbac::Catalogue;

/// A rule that `--allow` can lift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// More than 10 deletes of a stack, or at least 5 and over 30 % of what it owns.
    Deletes,
    /// Deletes because a spec leaves a list out.
    DeleteList,
    /// Deleting an account.
    DeleteAccount,
    /// Deleting a model deployment.
    DeleteDeployment,
    /// Deleting a Foundry project.
    DeleteProject,
    /// Purging a soft-deleted account.
    Purge,
    /// Granting a role that allows privilege escalation, or any role at subscription scope or above.
    Grant,
    /// Dropping or changing the condition of a role assignment.
    Condition,
    /// Attaching a user-assigned identity to a live account.
    Identity,
    /// Enabling API keys.
    KeysOn,
    /// Disabling API keys that are in use, or may be.
    KeyUse,
    /// Opening the network: default action Deny to Allow, or public access Disabled to Enabled.
    PublicNetwork,
    /// An address range that is too wide, or too many addresses in all.
    NetworkRange,
    /// A subnet of a subscription that had no access before.
    NetworkSubnet,
    /// Letting Azure's trusted services bypass the network rules.
    NetworkBypass,
    /// Lifting the outbound restriction, or adding a host that an account may call.
    Outbound,
    /// Sending a connection's secret to another host, or replacing it.
    Connection,
    /// A content filter that blocks less than before, or a deployment that loses its filter.
    Weakening,
    /// Changing the kind of an account in place.
    Upgrade,
    /// Leaving nobody able to call the models, or the caller unable to write.
    LockOut,
}

/// Changes since a plan was approved have not been reviewed, so this cannot be allowed.
const STALE: &str = "stale";

/// The rules, as `--allow` names them.
const RULES: &[(&str, Rule, Code)] = &[
    ("deletes", Rule::Deletes, Code::GuardDeletes),
    ("delete-list", Rule::DeleteList, Code::GuardDeleteList),
    ("delete-account", Rule::DeleteAccount, Code::GuardDeleteAccount),
    ("delete-deployment", Rule::DeleteDeployment, Code::GuardDeleteDeployment),
    ("delete-project", Rule::DeleteProject, Code::GuardDeleteProject),
    ("purge", Rule::Purge, Code::GuardPurge),
    ("grant", Rule::Grant, Code::GuardGrant),
    ("condition", Rule::Condition, Code::GuardCondition),
    ("identity", Rule::Identity, Code::GuardIdentity),
    ("keys-on", Rule::KeysOn, Code::GuardKeysOn),
    ("key-use", Rule::KeyUse, Code::GuardKeyUse),
    ("public-network", Rule::PublicNetwork, Code::GuardPublicNetwork),
    ("network-range", Rule::NetworkRange, Code::GuardNetworkRange),
    ("network-subnet", Rule::NetworkSubnet, Code::GuardNetworkSubnet),
    ("network-bypass", Rule::NetworkBypass, Code::GuardNetworkBypass),
    ("outbound", Rule::Outbound, Code::GuardOutbound),
    ("connection", Rule::Connection, Code::GuardConnection),
    ("weakening", Rule::Weakening, Code::GuardWeakening),
    ("upgrade", Rule::Upgrade, Code::GuardUpgrade),
    ("lock-out", Rule::LockOut, Code::GuardLockOut),
];

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = RULES.iter().find(|(_, rule, _)| rule == self);
        f.write_str(entry.map_or("?", |(name, ..)| *name))
    }
}

/// The help of `--allow`: each rule by name.
#[must_use]
pub fn allow_help() -> String {
    format!("Lift a guard, everywhere or at one address of the plan; RULE is one of {}", names())
}

fn names() -> String {
    let names: Vec<&str> = RULES.iter().map(|(name, ..)| *name).collect();
    names.join(", ")
}

/// What `--allow` lifts: a rule, everywhere or at one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow {
    rule: Rule,
    address: Option<String>,
}

impl FromStr for Allow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, address) = match text.split_once(':') {
            Some((name, address)) => (name, Some(address.to_owned())),
            None => (text, None),
        };
        let known = RULES.iter().find(|(known, ..)| *known == name);
        if name == STALE {
            return Err(format!("`{STALE}` cannot be lifted: make a new plan, review it, and apply that"));
        }
        let Some((_, rule, _)) = known else {
            return Err(format!("no guard is called `{name}`; the guards are {}", names()));
        };
        Ok(Self { rule: *rule, address })
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Some(address) => write!(f, "--allow {}", for_a_shell(&format!("{}:{address}", self.rule))),
            None => write!(f, "--allow {}", self.rule),
        }
    }
}

/// One thing that a guard objects to.
struct Objection {
    rule: Rule,
    about: About,
    message: String,
    /// The error that kept a guard from knowing more.
    cause: Option<String>,
    /// How to get the same result without `--allow`.
    instead: Option<Cow<'static, str>>,
    /// What to do before the plan is applied.
    first: Option<String>,
}

/// What an objection is about.
enum About {
    Resource(ResourceId),
    /// A list of a stack's spec: its kind and its parent; a top-level list has none.
    List {
        stack: String,
        kind: String,
        within: Option<ResourceId>,
        /// Whether the stack's spec does not declare the parent: several stacks may have assignments there, and each needs its own
        /// permission.
        apart: bool,
    },
    /// Everything the plan does to a stack's resources.
    Stack(String),
    /// The plan as a whole.
    Plan,
}

impl Objection {
    fn at(rule: Rule, id: &ResourceId, message: String) -> Self {
        Self::about(rule, About::Resource(id.clone()), message)
    }

    fn about(rule: Rule, about: About, message: String) -> Self {
        Self { rule, about, message, cause: None, instead: None, first: None }
    }

    fn because(self, cause: &str) -> Self {
        Self { cause: Some(cause.to_owned()), ..self }
    }

    fn unless(self, instead: impl Into<Cow<'static, str>>) -> Self {
        Self { instead: Some(instead.into()), ..self }
    }

    fn only_after(self, first: String) -> Self {
        Self { first: Some(first), ..self }
    }

    /// Whether an address names its resource id.
    fn is_at(&self, address: &str) -> bool {
        let is = |text: &str, id: &ResourceId| ResourceId::parse(text).is_ok_and(|named| named == *id);
        match &self.about {
            About::Resource(id) => is(address, id),
            About::List { stack, kind, within: Some(within), apart } => address
                .strip_suffix(kind)
                .and_then(|rest| rest.strip_suffix('/'))
                .and_then(|rest| if *apart { rest.strip_prefix(stack) } else { Some(rest) })
                .is_some_and(|id| is(id, within)),
            About::List { within: None, .. } | About::Stack(_) | About::Plan => false,
        }
    }
}

/// Judges a plan: each objection that no `--allow` lifts is an error, each lifted one a note.
#[must_use]
pub fn judge(plan: &Plan, before: &World, caller: Option<Uuid>, allowed: &[Allow]) -> Vec<FindingEntry> {
    judge_by(plan, before, caller, allowed, Origin::Specs)
}

/// Judges a plan read from a file, without specs: what the file claims about declarations counts for nothing.
#[must_use]
pub fn judge_file(plan: &Plan, before: &World, caller: Option<Uuid>, allowed: &[Allow]) -> Vec<FindingEntry> {
    judge_by(plan, before, caller, allowed, Origin::File)
}

/// The accounts of which a plan turns API keys off.
#[must_use]
pub fn keys_going_off(plan: &Plan, before: &World) -> Vec<ResourceId> {
    key_use::going_off(before, &before.after(plan))
}

/// The deleted accounts that a plan restores with API keys off.
#[must_use]
pub fn restored_without_keys(plan: &Plan, before: &World) -> Vec<ResourceId> {
    key_use::restored_without(plan, before, &before.after(plan))
}

/// What a plan was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Specs of this run.
    Specs,
    /// Only a file.
    File,
}

fn judge_by(
    plan: &Plan,
    before: &World,
    caller: Option<Uuid>,
    allowed: &[Allow],
    origin: Origin,
) -> Vec<FindingEntry> {
    let (used, unused) = key_use::objections(plan, before, &before.after(plan), origin);
    // A restored account is not new: it is compared with what it was.
    let was = names::spelled(before.with_restored(plan), None);
    let after = names::spelled(before.after(plan), Some(&was));
    let before = &was;
    let declared = match origin {
        Origin::Specs => Declared::of(plan),
        Origin::File => Declared::of_file(plan, &after),
    };
    let mut objections = deletes(plan, before, origin);
    objections.extend(left_out(plan, before, &after, origin));
    objections.extend(keys::objections(before, &after));
    objections.extend(used);
    objections.extend(network::objections(before, &after));
    objections.extend(outbound::objections(before, &after));
    objections.extend(connection::objections(plan, before, &after, origin));
    objections.extend(weakening::objections(before, &after));
    objections.extend(identity::objections(before, &after));
    objections.extend(upgrade::objections(before, &after));
    let rights = rights(before, &after, caller, &declared);
    objections.extend(rights.objections);
    let refusals: Vec<GuardRefusal<'_>> =
        objections.into_iter().map(|objection| GuardRefusal::new(plan, objection, origin)).collect();
    let idle = lifts::idle(allowed, &refusals);
    let note = |objection| FindingEntry {
        severity: Severity::Note,
        hint: None,
        ..GuardRefusal::new(plan, objection, origin).finding(&[])
    };
    let notes = rights.notes.into_iter().chain(unused).map(note).chain(idle);
    refusals.into_iter().map(|refusal| refusal.finding(allowed)).chain(notes).collect()
}

/// Judges who could do what before and after.
fn rights(before: &World, after: &World, caller: Option<Uuid>, declared: &Declared) -> GrantFindings {
    // A plan changes no role definitions, so those read before still apply after.
    let roles = Catalogue::of(before.resources.values());
    let old = Grants::of(before, &roles);
    let new = Grants::after(before, after, &roles);
    let mut said = grant::judge(before, &old, &new, &roles);
    said.objections.extend(condition::objections(before, &old, &new));
    said.objections.extend(lock_out::nobody_left(before, after, &old, &new, declared));
    said.objections.extend(lock_out::needed_beside(before, after));
    said.objections.extend(unseen::objections(before, after));
    said.objections.extend(encryption::objections(before, after, &old, &new));
    if let Some(caller) = caller {
        said.objections.extend(lock_out::caller_out(&caller.to_string(), before, after, &old, &new));
    }
    said
}

/// An objection with its place in the plan.
struct GuardRefusal<'a> {
    objection: Objection,
    change: Option<&'a PlannedChange>,
    /// The address that allows only this one.
    address: Option<String>,
    /// The address that it had in a spec, where it is in none any more.
    former: Option<String>,
}

impl<'a> GuardRefusal<'a> {
    fn new(plan: &'a Plan, objection: Objection, origin: Origin) -> Self {
        let place = |id: &ResourceId| {
            let is = |text: &str| ResourceId::parse(text).ok().as_ref() == Some(id);
            // A change that writes comes before one that does not, under the same id.
            let named = |writes| {
                plan.changes.iter().find(|change| change.action.writes() == writes && is(&change.id))
            };
            let change = named(true).or_else(|| named(false));
            (change, address(plan, change).unwrap_or_else(|| id.to_string()))
        };
        let (change, address) = match &objection.about {
            About::Resource(id) => {
                let (change, address) = place(id);
                (change, Some(address))
            }
            About::List { stack, kind, within: Some(within), apart } => {
                let (change, address) = place(within);
                let list = format!("{address}/{kind}");
                (
                    change,
                    Some(if *apart { format!("{stack}/{}", list.trim_start_matches('/')) } else { list }),
                )
            }
            About::List { stack, kind, within: None, .. } => (None, Some(format!("{stack}/{kind}"))),
            About::Stack(stack) => (None, Some(stack.clone())),
            About::Plan => (None, None),
        };
        // Of a plan from a file people know no spec: there an id says what is meant.
        let at_it = matches!(objection.about, About::Resource(_)) && origin == Origin::Specs;
        let former = lifts::former_address(plan, change.filter(|_| at_it));
        Self { objection, change, address, former }
    }

    fn is_lifted_by(&self, allow: &Allow) -> bool {
        let is_here = |allowed: &String| {
            Some(allowed) == self.address.as_ref()
                || self.former.as_ref().is_some_and(|former| former.eq_ignore_ascii_case(allowed))
                || self.objection.is_at(allowed)
        };
        allow.rule == self.objection.rule && allow.address.as_ref().is_none_or(is_here)
    }

    /// The flag that allows exactly this, by a place in a spec if there was one: comments shorten ids.
    fn flag(&self) -> Allow {
        let address = self.former.as_ref().or(self.address.as_ref());
        Allow { rule: self.objection.rule, address: address.cloned() }
    }

    fn finding(self, allowed: &[Allow]) -> FindingEntry {
        let lifted = allowed.iter().any(|allow| self.is_lifted_by(allow));
        let flag = self.flag();
        let Self { objection: Objection { rule, message, cause, instead, first, .. }, change, .. } = self;
        let row = RULES.iter().find(|(_, each, _)| *each == rule);
        FindingEntry {
            source: change.and_then(|change| change.source.clone()),
            severity: if lifted { Severity::Note } else { Severity::Error },
            code: row.expect("each rule has a row").2,
            message,
            cause,
            resource: change.map(|change| change.id.clone()),
            hint: Some(match (first, instead) {
                _ if lifted => "allowed by `--allow`".to_owned(),
                (Some(first), _) => format!("{first}; if the plan is intended all the same: {flag}"),
                (None, Some(instead)) => format!("if this is intended: {instead}, or {flag}"),
                (None, None) => format!("if this is intended: {flag}"),
            }),
        }
    }
}

/// Quotes an argument for a shell: names come from outside.
fn for_a_shell(argument: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:@=,+%".contains(character);
    if argument.chars().all(is_plain) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', r"'\''"))
}

/// The address that allows a change: its place in the spec, or its id if two changes share that place.
fn address(plan: &Plan, change: Option<&PlannedChange>) -> Option<String> {
    let change = change?;
    let shared = plan
        .changes
        .iter()
        .any(|other| other.address == change.address && !other.id.eq_ignore_ascii_case(&change.id));
    Some(if shared { change.id.clone() } else { change.address.clone() })
}

/// The stack whose mark a body carries. Duplicated from the planner on purpose.
fn owner(body: &Value) -> Option<&str> {
    if let Some(stack) = body["tags"]["keyless-stack"].as_str() {
        return Some(stack);
    }
    let description = AssignmentBody::of(body).description()?.trim_end();
    let from = description.rfind("[keyless:")?;
    let stack = description[from..].strip_prefix("[keyless:")?.strip_suffix(']')?;
    (!stack.is_empty() && !stack.contains(['[', ']'])).then_some(stack)
}

/// Whether an id is that of an account itself.
fn is_account(id: &ResourceId) -> bool {
    let lower = id.as_str().to_ascii_lowercase();
    lower
        .rsplit_once('/')
        .is_some_and(|(parent, _)| parent.ends_with("/providers/microsoft.cognitiveservices/accounts"))
}

/// The account that owns the collection an id is in.
fn child_of(id: &ResourceId, collection: &str) -> Option<String> {
    let lower = id.as_str().to_ascii_lowercase();
    let (account, below) =
        lower.split_once("/providers/microsoft.cognitiveservices/accounts/")?.1.split_once('/')?;
    let name = below.strip_prefix(&collection.to_ascii_lowercase())?.strip_prefix('/')?;
    (!name.contains('/')).then(|| account.to_owned())
}

/// An account before the plan: as it is live, or as it was when deleted if the plan restores it.
fn was<'a>(before: &'a World, after: &'a World, id: &ResourceId) -> Option<&'a Value> {
    before.resource(id).or_else(|| after.remains(id))
}

/// The accounts of a state.
fn accounts(world: &World) -> impl Iterator<Item = (&ResourceId, &Value)> {
    world.resources.iter().map(|(id, body)| (id, &**body)).filter(|(id, _)| is_account(id))
}

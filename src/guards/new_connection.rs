//! New connections that send a secret: whether another connection already has it, and where that one sends it.
//!
//! A connection has no mark and is never deleted, and Azure never shows its secret. Specs name secrets: if a spec's live connection sends a
//! secret to one host, sending it to another needs `--allow`. For a connection that no spec declares any more, or that is declared without
//! its secret, keyless guesses: a new connection may be the same one renamed if it is in the same account and of the same category, if it
//! goes to the same host, or if the old one was created by the application that created the stack's resources. Connections that somebody
//! created by hand, such as the portal's connection to Application Insights, are none of these.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::connection::{carries_secret, is_connection, same_host, same_places, secrets, target};
use super::{Objection, Origin, Rule, owner};
use crate::document::Plan;
use crate::id::ResourceId;
use crate::kinds::names_in;
use crate::plan::predict::World;
use crate::spec::secrets::without_secrets;

pub(super) fn objections(plan: &Plan, before: &World, after: &World, origin: Origin) -> Vec<Objection> {
    let is_new = |id: &ResourceId| is_connection(id) && before.resource(id).is_none();
    let made = after.resources.iter().map(|(id, body)| (id, &body["properties"]));
    let made: Vec<_> = made.filter(|(id, new)| is_new(id) && carries_secret(new)).collect();
    if made.is_empty() {
        return Vec::new();
    }
    let state = State::of(plan, before, after, origin);
    made.into_iter().filter_map(|(id, new)| state.judge(&NewConnection { id, properties: new })).collect()
}

/// A connection with a secret that the plan creates.
struct NewConnection<'a> {
    id: &'a ResourceId,
    properties: &'a Value,
}

/// A live connection with a secret.
struct KnownConnection<'a> {
    id: &'a ResourceId,
    properties: &'a Value,
    /// The secrets that specs name for it; empty if no spec does.
    names: BTreeSet<&'a str>,
    /// Whether a spec of a selected stack declares it.
    declared: bool,
    /// Whether the plan deletes it or its parent.
    goes: bool,
    /// Whether it was created by the application that created the marked resources of the plan's stacks.
    by_ours: bool,
}

struct State<'a> {
    before: &'a World,
    known: Vec<KnownConnection<'a>>,
    /// Connections whose secret specs name, but whose existence or target could not be read.
    unread: Vec<(ResourceId, BTreeSet<&'a str>)>,
    /// Accounts that the plan deletes, or deletes a project of.
    left: BTreeSet<ResourceId>,
    origin: Origin,
}

impl<'a> State<'a> {
    fn of(plan: &'a Plan, before: &'a World, after: &World, origin: Origin) -> Self {
        let mut named: BTreeMap<ResourceId, BTreeSet<&str>> = BTreeMap::new();
        for each in &plan.secrets {
            let Ok(id) = ResourceId::parse(&each.resource) else { continue };
            named.entry(id).or_default().extend(each.names.iter().map(String::as_str));
        }
        let declared = plan.changes.iter().filter(|change| !change.action.is_undeclared());
        let declared: BTreeSet<ResourceId> =
            declared.filter_map(|change| ResourceId::parse(&change.id).ok()).collect();
        let stacks: BTreeSet<&str> =
            plan.changes.iter().filter_map(|change| change.stack.as_deref()).collect();
        let ours =
            before.resources.values().filter(|body| owner(body).is_some_and(|mark| stacks.contains(mark)));
        let makers: BTreeSet<&str> = ours.filter_map(|body| application(body)).collect();
        let goes = |id: &ResourceId| {
            std::iter::successors(Some(id.clone()), ResourceId::parent)
                .any(|place| before.resource(&place).is_some() && after.resource(&place).is_none())
        };
        let live = before
            .resources
            .iter()
            .filter(|(id, body)| is_connection(id) && carries_secret(&body["properties"]));
        let known = live.map(|(id, body)| KnownConnection {
            id,
            properties: &body["properties"],
            names: named.get(id).cloned().unwrap_or_default(),
            declared: declared.contains(id),
            goes: goes(id),
            by_ours: application(body).is_some_and(|maker| makers.contains(maker)),
        });
        let known = known.collect();
        let is_open = |id: &ResourceId| {
            before.resource(id).is_none()
                && after.resource(id).is_none()
                && holder(id).is_some_and(|holder| before.unlisted_connections.contains_key(&holder))
        };
        let unread = named.into_iter().filter(|(id, _)| is_open(id)).collect();
        let holds = |id: &ResourceId| {
            let found = id.resource_type().unwrap_or_default().to_lowercase();
            found.ends_with("/accounts") || found.ends_with("/projects")
        };
        let left = before.resources.keys().filter(|id| holds(id) && goes(id));
        let left = left.filter_map(|id| id.up_to("accounts")).collect();
        Self { before, known, unread, left, origin }
    }

    fn judge(&self, new: &NewConnection<'_>) -> Option<Objection> {
        let sent = names_in(&new.properties["credentials"]);
        sent.iter()
            .find_map(|name| self.elsewhere(new, name))
            .or_else(|| self.renamed(new))
            .or_else(|| self.beside_unread(new))
    }

    /// Objects if a live connection that specs give the same secret sends it to another host, and none sends it to this one.
    fn elsewhere(&self, new: &NewConnection<'_>, name: &str) -> Option<Objection> {
        let users = || self.known.iter().filter(|known| known.names.contains(name));
        if users().any(|known| same_places(known.properties, new.properties)) {
            return None;
        }
        if let Some(known) = users().next() {
            let which = format!("which the spec also declares with `${{secret.{name}}}`");
            return Some(new.objection(&new.to_another_host(known, &which)));
        }
        let (id, _) = self.unread.iter().find(|(_, names)| names.contains(name))?;
        let why = self.before.unlisted_connections.get(&holder(id)?)?;
        let message = format!(
            "sends {} to `{}`, and could not read where {}, which the spec also declares with it, sends it",
            new.secrets(),
            without_secrets("target", new.target()),
            title(id)
        );
        Some(new.objection(&message).because(why))
    }

    /// Objects if this may be a live connection under another name.
    fn renamed(&self, new: &NewConnection<'_>) -> Option<Objection> {
        if self.is_trusted(new) {
            return None;
        }
        let is_there = |known: &&KnownConnection<'_>| same_host(target(known.properties), new.target());
        let may_be = self.known.iter().filter(|known| self.may_be(known, new));
        let (same, other): (Vec<_>, Vec<_>) = may_be.partition(is_there);
        let elsewhere =
            |known: &&KnownConnection<'_>| new.suspect(known, &new.to_another_host(known, known.whose()));
        let leading = |known: &KnownConnection<'_>| {
            let differs = new.differs_from(known);
            let what = format!(
                "sends {} to the host of {}, {}, with another {}",
                new.secrets(),
                title(known.id),
                known.whose(),
                differs.join(", ")
            );
            (!differs.is_empty()).then(|| new.suspect(known, &what))
        };
        other.first().map(elsewhere).or_else(|| same.into_iter().find_map(leading))
    }

    /// Whether specs already send each of its secrets to its host. A saved plan proves nothing here.
    fn is_trusted(&self, new: &NewConnection<'_>) -> bool {
        let sent = names_in(&new.properties["credentials"]);
        let there = || self.known.iter().filter(|known| same_places(known.properties, new.properties));
        let goes_there = |name: &&str| there().any(|known| known.names.contains(*name));
        self.origin == Origin::Specs && !sent.is_empty() && sent.iter().all(goes_there)
    }

    fn may_be(&self, known: &KnownConnection<'_>, new: &NewConnection<'_>) -> bool {
        let is_near = holder(known.id) == holder(new.id);
        let word = |properties: &Value| properties["category"].as_str().unwrap_or_default().to_lowercase();
        let is_alike = word(known.properties) == word(new.properties);
        if known.goes {
            return is_near || is_alike;
        }
        // Its secret is known and is a different one. A plan file's claim is not trusted.
        let is_another = self.origin == Origin::Specs && !known.names.is_empty();
        let may_be = is_alike || known.by_ours || same_host(target(known.properties), new.target());
        is_near && !is_another && may_be
    }

    /// Objects if the connections of its account could not all be read.
    fn beside_unread(&self, new: &NewConnection<'_>) -> Option<Objection> {
        let unlisted = &self.before.unlisted_connections;
        let own = holder(new.id).and_then(|holder| unlisted.get_key_value(&holder));
        let left = || unlisted.iter().find(|(account, _)| self.left.contains(*account));
        let ((account, why), which) = match own {
            Some(own) => (own, ""),
            None => (left()?, ", from which this plan deletes something,"),
        };
        let message = format!(
            "sends {} to `{}`, and the connections of account `{}`{which} could not all be read: it may be one of them under another name",
            new.secrets(),
            without_secrets("target", new.target()),
            account.name()
        );
        Some(new.objection(&message).because(why))
    }
}

impl KnownConnection<'_> {
    /// Why its secret is not known.
    fn whose(&self) -> &'static str {
        if self.goes {
            "which this plan deletes"
        } else if !self.declared && self.names.is_empty() {
            "which the spec does not declare"
        } else if self.names.is_empty() {
            "which the spec declares without its secret"
        } else {
            "whose secret is not known, since the plan is applied without its specs"
        }
    }
}

impl NewConnection<'_> {
    /// The objection that this may be a known connection.
    fn suspect(&self, known: &KnownConnection<'_>, what: &str) -> Objection {
        let (old, new) = (known.id.name(), self.id.name());
        let cause = format!(
            "Azure does not show which secret a connection has: `{new}` may be `{old}` under a new name, with the same secret"
        );
        let objection = self.objection(what).because(&cause);
        if !known.names.is_empty() {
            return objection.unless("apply the plan together with its specs");
        }
        if known.goes || !known.declared {
            return objection;
        }
        objection.unless("declare the `credentials` of the old one too (`{key: \"${secret.NAME}\"}`), so that keyless knows its secret")
    }

    fn target(&self) -> &str {
        target(self.properties)
    }

    fn secrets(&self) -> String {
        secrets(self.properties).unwrap_or_else(|| "a secret".to_owned())
    }

    fn objection(&self, what: &str) -> Objection {
        Objection::at(Rule::Connection, self.id, format!("new connection `{}` {what}", self.id.name()))
    }

    fn to_another_host(&self, known: &KnownConnection<'_>, which: &str) -> String {
        format!(
            "sends {} to another host than {}, {which}: `{}` -> `{}`",
            self.secrets(),
            title(known.id),
            without_secrets("target", target(known.properties)),
            without_secrets("target", self.target())
        )
    }

    /// The members in which it goes elsewhere, or is shared with more people, than the other. Azure adds members of its own, so only those
    /// that the new connection sets count.
    fn differs_from(&self, known: &KnownConnection<'_>) -> Vec<&'static str> {
        let (old, new) = (known.properties, self.properties);
        let differs = |name: &str| {
            let word = |properties: &Value| properties[name].as_str().unwrap_or_default().to_lowercase();
            word(old) != word(new)
        };
        let added = |(name, value): (&String, &Value)| !value.is_null() && old["metadata"][name] != *value;
        let metadata = new["metadata"].as_object().is_some_and(|map| map.iter().any(added));
        let shared = new["isSharedToAll"] == true && old["isSharedToAll"] != true;
        [
            ("`authType`", differs("authType")),
            ("`category`", differs("category")),
            ("`isSharedToAll`", shared),
            ("`metadata`", metadata),
            ("`tokenUrl`", !same_places(old, new)),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    }
}

/// The account or workspace that holds a connection, directly or in a project.
fn holder(id: &ResourceId) -> Option<ResourceId> {
    id.up_to("accounts").or_else(|| id.parent())
}

/// A connection with its parent, in words.
fn title(id: &ResourceId) -> String {
    let parent = id.parent().unwrap_or_else(ResourceId::root);
    let of = match (parent.up_to("projects"), parent.up_to("accounts")) {
        (Some(project), Some(account)) => format!("project `{}` of `{}`", project.name(), account.name()),
        (_, Some(account)) => format!("account `{}`", account.name()),
        _ => format!("workspace `{}`", parent.name()),
    };
    format!("connection `{}` of {of}", id.name())
}

/// The application that created something, according to Azure: pipelines run as applications, people create by hand.
fn application(body: &Value) -> Option<&str> {
    let said = &body["systemData"];
    let kind = said["createdByType"].as_str().unwrap_or_default();
    let is_application =
        ["Application", "ManagedIdentity"].iter().any(|each| each.eq_ignore_ascii_case(kind));
    said["createdBy"].as_str().filter(|maker| is_application && !maker.is_empty())
}

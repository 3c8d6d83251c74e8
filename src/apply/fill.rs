//! Fills in what a plan could not know or must not contain: values of resources that earlier steps wrote (IO), and secrets.

use std::borrow::Cow;

use serde_json::json;

use super::Secrets;
use crate::arm::Client;
use crate::document::{Property, Step, StepAction, parse_path};
use crate::id::ResourceId;
use crate::kinds::{self, late};
use crate::principals::has_own_identity;

/// A step as it is sent, with its holes and secrets filled.
pub(super) async fn fill<'a>(
    client: &Client,
    step: &'a Step,
    secrets: &Secrets,
) -> Result<Cow<'a, Step>, (String, Option<String>)> {
    let step = refer(client, step).await?;
    let Some(kind) = kinds::by_name(&step.kind) else { return Ok(step) };
    let patch =
        secrets.fill(kind, &step.patch).map_err(|name| (format!("there is no secret `{name}`"), None))?;
    if patch == step.patch {
        return Ok(step);
    }
    let mut step = step.into_owned();
    step.patch = patch;
    Ok(Cow::Owned(step))
}

/// A step with its holes filled and its final name; unchanged if it has none. Otherwise why not, and what to do.
async fn refer<'a>(client: &Client, step: &'a Step) -> Result<Cow<'a, Step>, (String, Option<String>)> {
    if step.holes.is_empty() {
        return Ok(Cow::Borrowed(step));
    }
    let another_version = |what: &str| {
        let hint = "the plan is from another version of keyless: make a new one".to_owned();
        (format!("`{what}` is not a kind of this version"), Some(hint))
    };
    let kind = kinds::by_name(&step.kind).ok_or_else(|| another_version(&step.kind))?;
    let id = |text: &str| ResourceId::parse(text).map_err(|error| (error.to_string(), None));
    let stand_in = id(&step.target)?;
    let mut filled = step.clone();
    for hole in std::mem::take(&mut filled.holes) {
        let resource = id(&hole.resource)?;
        let holder = kinds::by_id(&resource).ok_or_else(|| another_version(&hole.resource))?;
        let path = format!("{resource}?api-version={}", holder.api_version());
        let body = client.get(&path).await.map_err(|error| (error.to_string(), error.hint()))?;
        let value = match hole.property {
            Property::PrincipalId if hole.reference.is_none() => holder.identity(&body).map(str::to_owned),
            property => late::value_in(&body, property),
        };
        let value = value.ok_or_else(|| {
            let (why, hint) = match hole.property {
                Property::PrincipalId if !has_own_identity(&body) => (
                    format!("`{resource}` has no system-assigned identity"),
                    "add `identity: SystemAssigned` to it",
                ),
                Property::PrincipalId => (
                    format!("Azure does not show the object id of the identity of `{resource}` yet"),
                    "retry once Azure shows it",
                ),
                property => (
                    format!("Azure does not show `{}` of `{resource}` yet", property.as_str()),
                    "retry once Azure shows it",
                ),
            };
            (why, Some(hint.to_owned()))
        })?;
        let Some(reference) = &hole.reference else {
            filled.patch.insert(hole.field, json!(value));
            continue;
        };
        let path = parse_path(&hole.field).unwrap_or_default();
        if !late::fill(&mut filled.patch, &path, reference, &value) {
            return Err(another_version(&hole.field));
        }
    }
    // Nothing that was meant to be filled is ever sent as it is.
    if let Some((_, open)) = late::references(&filled.patch).first() {
        return Err((format!("`{open}` has no value"), Some("make a new plan".to_owned())));
    }
    if step.action == StepAction::Create
        && let Some(target) = kind.named_by(&filled.patch, &stand_in, step.owner.as_deref())
    {
        filled.target = target.to_string();
    }
    Ok(Cow::Owned(filled))
}

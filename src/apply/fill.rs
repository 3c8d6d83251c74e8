//! What a plan could not know, or must not hold: read from the resource that an earlier step has written (IO), and secrets.

use std::borrow::Cow;

use serde_json::json;

use super::Secrets;
use crate::arm::Client;
use crate::id::ResourceId;
use crate::kinds;
use crate::plan::document::Step;

/// A step as it is sent: its reference and its secrets filled.
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

/// A step whose reference is filled, with its own name; one without a reference as it is. Else why not, and what to do.
async fn refer<'a>(client: &Client, step: &'a Step) -> Result<Cow<'a, Step>, (String, Option<String>)> {
    let Some(reference) = &step.reference else { return Ok(Cow::Borrowed(step)) };
    let another_version = || {
        let hint = "the plan is from another version of keyless: make it again".to_owned();
        (format!("`{}` is not a kind of this version", reference.kind), Some(hint))
    };
    let holder = kinds::by_name(&reference.kind).ok_or_else(another_version)?;
    let kind = kinds::by_name(&step.kind).ok_or_else(another_version)?;
    let stand_in = ResourceId::parse(&step.target).map_err(|error| (error.to_string(), None))?;
    let path = format!("{}?api-version={}", reference.identity_of, holder.api_version());
    let body = client.get(&path).await.map_err(|error| (error.to_string(), error.hint()))?;
    let id = holder.identity(&body).ok_or_else(|| {
        let hint = "add `identity: SystemAssigned` to it".to_owned();
        (format!("`{}` has no identity of its own", reference.identity_of), Some(hint))
    })?;
    let mut filled = step.clone();
    filled.patch.insert(reference.field.clone(), json!(id));
    filled.target = kind.named_by(&filled.patch, &stand_in).to_string();
    filled.reference = None;
    Ok(Cow::Owned(filled))
}

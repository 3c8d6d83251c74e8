//! Accounts that get another kind in place: what changes for those who call them.

use super::{Objection, Rule, accounts};
use crate::plan::predict::World;

/// <https://learn.microsoft.com/azure/ai-foundry/how-to/upgrade-azure-openai>
const WHAT_CHANGES: &str = "Callers keep its URLs, keys and roles. New are endpoints below services.ai.azure.com and cognitiveservices.azure.com, \
     which private endpoints need DNS zones for; and its keys, and roles with all data actions such as Cognitive Services User, then open speech, \
     language, vision and the models of other publishers too. Azure undoes it only while nothing of the new kind is used";

pub(super) fn objections(before: &World, after: &World) -> Vec<Objection> {
    let mut objections = Vec::new();
    for (id, new) in accounts(after) {
        let Some(old) = before.resource(id) else { continue };
        let (Some(was), Some(is)) = (old["kind"].as_str(), new["kind"].as_str()) else { continue };
        if !was.eq_ignore_ascii_case(is) {
            let is_known = was.eq_ignore_ascii_case("OpenAI") && is.eq_ignore_ascii_case("AIServices");
            let what =
                if is_known { WHAT_CHANGES } else { "Azure changes no kind but OpenAI, to AIServices" };
            let message = format!(
                "the plan changes the kind of account `{}` from `{was}` to `{is}` in place. {what}",
                id.name()
            );
            objections.push(Objection::at(Rule::Upgrade, id, message));
        }
    }
    objections
}

//! The setting of Defender for AI of an account (`Microsoft.CognitiveServices/accounts/defenderForAISettings`): one each, which Azure does
//! not delete.

use serde_json::{Map, Value, json};

use super::{
    Compare, Comparing, Declaring, Described, Facts, Field, Kind, Reading, Section, Wording, Writing,
    account, merge, rules, shape,
};
use crate::finding::Finding;
use crate::spec::Loaded;
use crate::spec::model::Spec;
use crate::spec::structure::Fields;
use crate::text::json::member;

pub(super) struct Defender;

static FACTS: Facts = Facts {
    name: "defenderForAISettings",
    types: &["Microsoft.CognitiveServices/accounts/defenderForAISettings"],
    noun: "Defender setting",
    api_version: account::API,
    fields: &[Field::new("state", Compare::IgnoreCase).absent("\"Disabled\"").guarded(&[])],
    read_only: &["/id", "/name", "/type", "/etag", "/systemData"],
    moving: &[],
    superseded: &[],
    newer: &[],
    takes_mark: false,
    takes_identity: false,
    is_callable: false,
};

impl Described for Defender {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }
}

impl Kind for Defender {}

impl Declaring for Defender {
    fn declarable(&self) -> Fields {
        Fields::of("DefenderForAiSettings", &[], &[])
    }

    fn only(&self) -> Option<&'static str> {
        Some("Default")
    }

    fn sections(&self, spec: &Spec) -> Vec<Section> {
        account::sections(spec, self.list_name(), |account| account.defender_for_ai_settings.is_some())
    }

    fn check(&self, loaded: &Loaded, findings: &mut Vec<Finding>) {
        for (index, account) in loaded.spec.accounts.iter().enumerate() {
            let Some(settings) = &account.defender_for_ai_settings else { continue };
            let pointer = format!("/accounts/{index}/{}", self.list_name());
            rules::nulls(loaded, &pointer, self.noun(), findings);
            rules::tags(loaded, &pointer, settings.tags.as_ref(), findings);
        }
    }
}

impl Reading for Defender {
    fn may_stand_in(&self, parent: &Value) -> bool {
        account::serves_models(parent)
    }
}

impl Comparing for Defender {
    fn mark(&self, _body: &Value) -> Option<String> {
        None
    }

    fn to_spec(&self, body: &Value) -> Value {
        let mut spec = shape::members(&body["properties"], &["state"]);
        spec.extend(shape::tags(body).map(|tags| ("tags".to_owned(), tags)));
        Value::Object(spec)
    }
}

impl Writing for Defender {
    fn set_mark(&self, _body: &mut Value, _stack: &str) {}

    fn overlay(&self, body: &mut Value, patch: &Map<String, Value>) {
        for (name, value) in patch {
            let holder = if name == "tags" { &mut *body } else { member(body, "properties") };
            merge(holder, &json!({ name: value }));
        }
    }
}

impl Wording for Defender {}

//! Accounts as specs declare them.
//!
//! Pure. A created account gets defaults for what its spec leaves out; a live one keeps its values.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Accounts, DEFAULT_KIND, address_of, existing, key, shape};
use crate::id::ResourceId;
use crate::kinds::desired::{Desired, collect_spans};
use crate::kinds::shape::long_identity;
use crate::spec::Loaded;
use crate::spec::model::Account;
use crate::text::source::Span;

/// The accounts that a stack declares.
pub(super) fn desired(loaded: &Loaded) -> Vec<Desired> {
    let spec = &loaded.spec;
    // Those of a retired stack only say where it may own something.
    let one = |(index, id, account): (usize, ResourceId, &Account)| {
        let pointer = format!("/accounts/{index}");
        let (declared, spans) = fields(loaded, &pointer);
        let mut defaults = defaults(account, loaded.neighbours.projects_in.contains(&id));
        defaults.retain(|name, _| !declared.contains_key(name));
        Desired {
            kind: &Accounts,
            stack: spec.stack.clone(),
            address: address_of(account),
            title: format!("account {}", account.name),
            key: key(&id),
            scope: id.clone(),
            id,
            after: Vec::new(),
            declared,
            defaults,
            span: loaded.document.value_span(&format!("{pointer}/name")),
            spans,
            adopt: spec.adopt,
            open: None,
            holes: Vec::new(),
            taken: Vec::new(),
            unproven: None,
            resend: false,
        }
    };
    existing::own(loaded).map(one).collect()
}

/// The fields of an account in a spec, including its file's `location`, with their positions.
fn fields(loaded: &Loaded, pointer: &str) -> (Map<String, Value>, BTreeMap<String, Span>) {
    let document = &loaded.document;
    let (mut declared, mut spans) = (Map::new(), BTreeMap::new());
    let written = document.tree.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
    let not_fields = shape::not_fields();
    for (name, value) in written.filter(|(name, _)| !not_fields.contains(&name.as_str())) {
        collect_spans(document, &format!("{pointer}/{name}"), name, value, &mut spans);
        declared.insert(name.clone(), value.clone());
    }
    if !declared.contains_key("location")
        && let Some(location) = &loaded.spec.location
    {
        declared.insert("location".to_owned(), json!(location));
        spans.insert("location".to_owned(), document.value_span("/location"));
    }
    if let Some(identity) = declared.get_mut("identity") {
        long_identity(identity);
    }
    let name = declared.get("sku").and_then(|sku| sku.get("name")).cloned();
    declared.extend(name.map(|name| ("sku".to_owned(), name)));
    (declared, spans)
}

/// Defaults for a new account, in which other stacks of the run may declare projects too.
fn defaults(account: &Account, others_have_projects: bool) -> Map<String, Value> {
    let mut defaults = Map::new();
    let mut set = |name: &str, value: Value| drop(defaults.insert(name.to_owned(), value));
    set("kind", json!(DEFAULT_KIND));
    set("sku", json!("S0"));
    set("customSubDomainName", json!(account.name));
    set("disableLocalAuth", json!(true));
    if account.identity.is_none() {
        set("identity", json!({"systemAssigned": true}));
    }
    if others_have_projects || account.projects.as_ref().is_some_and(|projects| !projects.is_empty()) {
        set("allowProjectManagement", json!(true));
    }
    defaults
}

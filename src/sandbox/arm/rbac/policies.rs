//! Azure Policy as far as it denies: what a write may not set, and the question whether it may.
//!
//! A policy is a condition on one field of one type at a scope, made through `/_sandbox/access`. A write
//! that meets the condition gets the 403 that Azure documents; `checkPolicyRestrictions` asks in advance.
//! Changes nothing.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::sandbox::arm::action;
use crate::sandbox::http::{Reply, Request, errors, scope};
use crate::sandbox::state::{Operator, Policy, World};

impl Policy {
    fn assignment_id(&self) -> String {
        format!(
            "{}/providers/Microsoft.Authorization/policyAssignments/{}",
            self.scope.trim_end_matches('/'),
            self.id
        )
    }

    fn definition_id(&self) -> String {
        format!("/providers/Microsoft.Authorization/policyDefinitions/{}", self.id)
    }

    /// Path of the field in a resource: aliases are below `properties`, except a few that ARM has beside it.
    fn path(&self) -> Vec<&str> {
        let alias = self.field.split_at_checked(self.kind.len()).and_then(|(kind, rest)| {
            rest.strip_prefix('/').filter(|_| kind.eq_ignore_ascii_case(&self.kind))
        });
        let field = alias.unwrap_or(&self.field);
        if let Some(tag) = field.strip_prefix("tags['").and_then(|rest| rest.strip_suffix("']")) {
            return vec!["tags", tag];
        }
        let beside = field == "kind" || field.starts_with("sku.") || field.starts_with("identity.");
        let properties = (alias.is_some() && !beside).then_some("properties");
        properties
            .into_iter()
            .chain(field.splitn(if field.starts_with("tags.") { 2 } else { 9 }, '.'))
            .collect()
    }

    /// Whether the condition holds for a value, which denies it.
    fn holds(&self, value: Option<&Value>) -> bool {
        let same =
            |wanted: &Value| value.is_some_and(|value| text(value).eq_ignore_ascii_case(&text(wanted)));
        let any = || self.value.as_array().is_some_and(|list| list.iter().any(same));
        match self.operator {
            Operator::Equals => same(&self.value),
            Operator::NotEquals => !same(&self.value),
            Operator::In => any(),
            Operator::NotIn => !any(),
            Operator::Exists => value.is_some() == (text(&self.value) == "true"),
        }
    }

    fn operator_name(&self) -> &'static str {
        match self.operator {
            Operator::Equals => "Equals",
            Operator::NotEquals => "NotEquals",
            Operator::In => "In",
            Operator::NotIn => "NotIn",
            Operator::Exists => "Exists",
        }
    }

    /// How the condition was evaluated on a resource.
    fn details(&self, resource: &Value) -> Value {
        let value = field(resource, &self.path());
        json!({"evaluatedExpressions": [
            {
                "result": "True", "expressionKind": "Field", "expression": "type", "path": "type",
                "expressionValue": self.kind, "targetValue": self.kind, "operator": "Equals",
            },
            {
                "result": "True", "expressionKind": "Field", "expression": self.field, "path": self.path().join("."),
                "expressionValue": value, "targetValue": self.value, "operator": self.operator_name(),
            },
        ]})
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A field of a resource; names compare without case, `null` counts as absent.
fn field<'v>(resource: &'v Value, path: &[&str]) -> Option<&'v Value> {
    let found = path.iter().try_fold(resource, |value, name| {
        value.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    });
    found.filter(|value| !value.is_null())
}

/// Policies that deny a resource of this type at a place.
fn denying<'w>(world: &'w World, kind: &str, place: &str, resource: &Value) -> Vec<&'w Policy> {
    let about = |policy: &&Policy| {
        policy.kind.eq_ignore_ascii_case(kind)
            && reaches(policy, place)
            && policy.holds(field(resource, &policy.path()))
    };
    world.state.policies.values().filter(about).collect()
}

/// Whether a policy's scope is a place or lies above it; management groups are above every subscription.
fn reaches(policy: &Policy, place: &str) -> bool {
    let management = policy.scope.to_lowercase().starts_with("/providers/microsoft.management/");
    scope::covers(&policy.scope, place) || (management && scope::subscription(place).is_some())
}

/// The 403 for a write whose result a policy denies.
pub(crate) fn refusal(world: &World, request: &Request, resource: &Value) -> Option<Reply> {
    let action = action::of(request)?;
    let kind = action.name.strip_suffix("/write")?;
    let denying = denying(world, kind, &action.scope, resource);
    if denying.is_empty() {
        return None;
    }
    let name = request.segments.last().map_or("", String::as_str);
    let identifiers: Vec<Value> = denying
        .iter()
        .map(|policy| {
            json!({
                "policyAssignment": {"name": policy.name, "id": policy.assignment_id()},
                "policyDefinition": {"name": policy.name, "id": policy.definition_id()},
            })
        })
        .collect();
    let violations: Vec<Value> = denying.iter().map(|policy| violation(policy, resource)).collect();
    let message = format!(
        "Resource '{name}' was disallowed by policy. Policy identifiers: '{}'.",
        Value::Array(identifiers)
    );
    Some(Reply::json(
        403,
        &json!({"error": {
            "code": "RequestDisallowedByPolicy",
            "target": name,
            "message": message,
            "additionalInfo": violations,
        }}),
    ))
}

fn violation(policy: &Policy, resource: &Value) -> Value {
    json!({
        "type": "PolicyViolation",
        "info": {
            "policyDefinitionDisplayName": policy.name,
            "evaluationDetails": policy.details(resource),
            "policyDefinitionId": policy.definition_id(),
            "policyDefinitionName": policy.id,
            "policyDefinitionEffect": "deny",
            "policyAssignmentId": policy.assignment_id(),
            "policyAssignmentName": policy.id,
            "policyAssignmentDisplayName": policy.name,
            "policyAssignmentScope": policy.scope,
            "policyAssignmentParameters": {},
        },
    })
}

/// A resource with the body of a `PATCH` merged in.
pub(crate) fn merged(mut live: Value, sent: Value) -> Value {
    match (&mut live, sent) {
        (Value::Object(live), Value::Object(sent)) => {
            for (name, value) in sent {
                let old = live.remove(&name).unwrap_or_default();
                live.insert(name, merged(old, value));
            }
        }
        (_, sent) => return sent,
    }
    live
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Question {
    resource_details: Details,
    #[serde(default)]
    pending_fields: Vec<Pending>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    resource_content: Map<String, Value>,
    /// Id of the parent, for a child resource.
    scope: Option<String>,
}

#[derive(Deserialize)]
struct Pending {
    field: String,
    #[serde(default)]
    values: Vec<String>,
}

/// `POST {scope}/providers/Microsoft.PolicyInsights/checkPolicyRestrictions`.
pub(crate) fn check(world: &World, request: &Request, scope: &str) -> Result<Reply, Reply> {
    let sent: Question = serde_json::from_value(Value::Object(request.json_object()?))
        .map_err(|error| errors::invalid_content(&error.to_string()))?;
    let details = sent.resource_details;
    let place = details.scope.as_deref().unwrap_or(scope);
    let resource = Value::Object(details.resource_content);
    let Some(kind) = field(&resource, &["type"]).and_then(Value::as_str) else {
        return Err(errors::invalid_content(
            "Required property 'type' not found in JSON. Path 'resourceContent'",
        ));
    };
    let reference = |policy: &Policy| json!({"policyDefinitionId": policy.definition_id(), "policyAssignmentId": policy.assignment_id()});
    // A condition on a pending field decides nothing yet.
    let pends = |policy: &Policy| {
        sent.pending_fields.iter().find(|pending| pending.field.eq_ignore_ascii_case(&policy.field))
    };
    let evaluations: Vec<Value> = denying(world, kind, place, &resource)
        .into_iter()
        .filter(|policy| pends(policy).is_none())
        .map(|policy| {
            json!({
                "policyInfo": reference(policy),
                "evaluationResult": "NonCompliant",
                "evaluationDetails": policy.details(&resource),
            })
        })
        .collect();
    let mut restrictions = Vec::new();
    for pending in &sent.pending_fields {
        let about = |policy: &&Policy| {
            policy.kind.eq_ignore_ascii_case(kind)
                && reaches(policy, place)
                && policy.field.eq_ignore_ascii_case(&pending.field)
        };
        let found: Vec<Value> = world
            .state
            .policies
            .values()
            .filter(about)
            .filter_map(|policy| {
                let (result, values) = restriction(policy, &pending.values)?;
                Some(json!({"result": result, "values": values, "policy": reference(policy)}))
            })
            .collect();
        if !found.is_empty() {
            restrictions.push(json!({"field": pending.field, "restrictions": found}));
        }
    }
    Ok(Reply::json(
        200,
        &json!({
            "fieldRestrictions": restrictions,
            "contentEvaluationResult": {"policyEvaluations": evaluations},
        }),
    ))
}

/// A policy's result for a field that has no value yet.
fn restriction(policy: &Policy, offered: &[String]) -> Option<(&'static str, Vec<String>)> {
    let named: Vec<String> = match &policy.value {
        Value::Array(list) => list.iter().map(text).collect(),
        one => vec![text(one)],
    };
    match policy.operator {
        Operator::Equals | Operator::In if offered.is_empty() => Some(("Deny", named)),
        Operator::Equals | Operator::In => {
            let denied: Vec<String> =
                offered.iter().filter(|value| policy.holds(Some(&json!(value)))).cloned().collect();
            (!denied.is_empty()).then_some(("Deny", denied))
        }
        Operator::NotEquals | Operator::NotIn => Some(("Required", named)),
        Operator::Exists if text(&policy.value) == "true" => Some(("Removed", Vec::new())),
        Operator::Exists => Some(("Required", Vec::new())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(field: &str, operator: Operator, value: Value) -> Policy {
        Policy {
            id: String::new(),
            scope: String::new(),
            name: String::new(),
            kind: String::from("A.B/c"),
            field: field.to_owned(),
            operator,
            value,
        }
    }

    #[test]
    fn fields_and_aliases_lead_to_their_places() {
        for (field, path) in [
            ("location", vec!["location"]),
            ("tags.cost.centre", vec!["tags", "cost.centre"]),
            ("tags['cost centre']", vec!["tags", "cost centre"]),
            ("a.b/C/acls.defaultAction", vec!["properties", "acls", "defaultAction"]),
            ("A.B/c/sku.name", vec!["sku", "name"]),
            ("properties.x", vec!["properties", "x"]),
        ] {
            assert_eq!(policy(field, Operator::Equals, Value::Null).path(), path, "{field}");
        }
    }

    #[test]
    fn conditions_hold_as_azure_policy_documents_them() {
        for (operator, target, value, expected) in [
            (Operator::Equals, json!("East"), Some(json!("east")), true),
            (Operator::Equals, json!(true), Some(json!("true")), true),
            (Operator::Equals, json!("east"), None, false),
            (Operator::NotEquals, json!("east"), None, true),
            (Operator::In, json!(["a", "b"]), Some(json!("B")), true),
            (Operator::NotIn, json!(["a"]), Some(json!("b")), true),
            (Operator::NotIn, json!(["a"]), Some(json!("A")), false),
            (Operator::Exists, json!("false"), None, true),
            (Operator::Exists, json!(true), Some(json!(1)), true),
        ] {
            let holds = policy("x", operator, target.clone()).holds(value.as_ref());
            assert_eq!(holds, expected, "{operator:?} {target} {value:?}");
        }
    }
}

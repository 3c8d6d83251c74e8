//! Sample plans for unit tests.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::document::{Judged, PLAN_VERSION, Plan, Requests, Summary, Target, TargetKind};

/// A plan with these changes and steps, each as JSON; the steps need not follow from the changes.
pub(crate) fn plan(changes: Value, steps: Value) -> Plan {
    let mut plan = Plan {
        format_version: PLAN_VERSION.to_owned(),
        target: Target { kind: TargetKind::Sandbox, cloud: None, endpoint: None },
        environment: None,
        known: Judged::default(),
        shard: None,
        summary: Summary::default(),
        changes: serde_json::from_value(changes).unwrap(),
        declares_assignments: Vec::new(),
        secrets: Vec::new(),
        key_usage: Vec::new(),
        lists: Vec::new(),
        keys: BTreeMap::default(),
        access: Vec::new(),
        findings: Vec::new(),
        incomplete: Vec::new(),
        requests: Requests::default(),
        steps: serde_json::from_value(steps).unwrap(),
        fingerprint: String::new(),
    };
    plan.fingerprint = plan.digest();
    plan
}

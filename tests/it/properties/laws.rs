//! What holds for every plan.

use std::collections::BTreeMap;

use super::*;

#[test]
fn generated_cases_cover_every_action() {
    let mut covered: BTreeMap<String, usize> = BTreeMap::new();
    let mut passed = 0;
    let total = 2000;
    for seed in 0..total {
        let plan = Case::new(seed).plan().plan;
        let mut actions: Vec<String> =
            plan.changes.iter().map(|change| format!("{:?}", change.action)).collect();
        actions.extend(arm::guard_codes(&plan).into_iter().map(|code| format!("guard {code}")));
        if plan
            .changes
            .iter()
            .any(|change| change.reason.as_deref().is_some_and(|reason| reason.contains("mark too")))
        {
            actions.push("Adopt and update".to_owned());
        }
        actions.sort();
        actions.dedup();
        for action in actions {
            *covered.entry(action).or_default() += 1;
        }
        passed += usize::from(!plan.is_refused());
    }
    println!("of {total} cases {passed} pass the guards; cases by what occurs in them: {covered:?}");
    for action in ["Create", "Adopt", "Update", "Delete", "Noop", "Unmanaged", "Unknown", "Refused"] {
        let count = covered.get(action).copied().unwrap_or_default();
        assert!(count * 10 >= 2000, "{action} occurs in {count} of {total} cases only");
    }
}

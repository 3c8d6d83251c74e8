//! Members of content filters that say neither yes nor no: stricter where a plan leaves them, weaker where it comes to them, and no loss where
//! both sides are the same.

use serde_json::{Value, json};

use super::rows::{ON, deployment, hate, policy};
use crate::common::{ALICE, Azure, Fault, Folder, Run, account, few, grants, one_account};

const WEAKENING: &str = "guard-weakening@";

fn write(folder: &Folder, lines: &str) {
    folder.write("a.yaml", one_account("team-a", "chat", &format!("{lines}{}", grants(&[ALICE]))));
}

/// An account whose policy `own` is live as given, whatever a spec could say.
fn live(properties: &Value) -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    write(&folder, "");
    folder.keyless("apply a.yaml --yes -q").exits(0);
    azure.put(&format!("{}/raiPolicies/own", account("chat")), json!({ "properties": properties }));
    (azure, folder)
}

fn one_filter(more: &Value) -> Value {
    let mut filter = json!({"name": "Hate", "source": "Prompt"});
    filter.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"mode": "Blocking", "basePolicyName": "Microsoft.DefaultV2", "contentFilters": [filter]})
}

fn is_weakening(run: &Run) -> bool {
    run.findings().iter().any(|finding| finding.starts_with(WEAKENING))
}

#[test]
fn a_member_that_a_plan_clears_is_lost() {
    let azure = Azure::start();
    let folder = azure.folder();
    write(&folder, &policy(&format!("mode: Blocking, {}", hate(ON))));
    folder.keyless("apply a.yaml --yes -q").exits(0);
    // Where what the region has can be read, a threshold that is missing is an error of its own.
    azure.spoil("GET", "/raiContentFilters", Fault::denied());
    for (member, words) in [
        ("enabled: true", "`Hate` in prompts is no longer known to be enabled"),
        ("blocking: true", "`Hate` in prompts is no longer known to be blocked"),
        ("severityThreshold: Medium", "has no severity threshold; before, Medium"),
    ] {
        let (name, _) = member.split_once(':').unwrap();
        for cleared in [format!("{name}: null"), String::new()] {
            let filter = ON.replace(member, &cleared).replace(", ,", ",");
            let filter = filter.trim_matches([',', ' ']);
            write(&folder, &policy(&format!("mode: Blocking, {}", hate(filter))));
            let run = folder.keyless("plan a.yaml --format json");
            // A threshold that is left out of a spec is left alone, as is every other member.
            assert_eq!(is_weakening(&run), !cleared.is_empty(), "{filter}\n{run}");
            if !cleared.is_empty() {
                run.says(&[words]);
            }
        }
    }
    // Answers wait unless somebody chose otherwise, as Azure documents.
    write(&folder, &policy(&format!("mode: Default, {}", hate(ON))));
    folder.keyless("plan a.yaml").exits(0);
}

#[test]
fn a_new_policy_whose_filters_do_not_say_that_they_are_enabled_is_weaker_than_azures() {
    let azure = Azure::start();
    let folder = azure.folder();
    write(&folder, &deployment("Microsoft.DefaultV2"));
    folder.keyless("apply a.yaml --yes -q").exits(0);
    let with = |filter: &str| {
        format!("{}{}", policy(&format!("mode: Blocking, {}", hate(filter))), deployment("own"))
    };
    write(&folder, &with("blocking: true, severityThreshold: Medium"));
    folder.keyless("plan a.yaml").exits(3).says(&["is no longer known to be enabled"]);
    write(&folder, &with(ON));
    folder.keyless("plan a.yaml").exits(0);
}

#[test]
fn unknown_values_on_both_sides_are_no_loss_and_count_as_stricter_when_left() {
    for (before, after, lost) in few(
        3,
        [
            // Another member gets stricter, or laxer.
            (
                json!({"blocking": true, "severityThreshold": "Medium"}),
                "blocking: true, severityThreshold: Low",
                false,
            ),
            (
                json!({"blocking": true, "severityThreshold": "Medium"}),
                "blocking: true, severityThreshold: High",
                true,
            ),
            (
                json!({"blocking": true, "severityThreshold": "Low"}),
                "enabled: true, severityThreshold: Low",
                false,
            ),
            (
                json!({"blocking": true, "severityThreshold": "Low"}),
                "blocking: false, severityThreshold: Low",
                true,
            ),
            // What stops nothing for certain has nothing to lose.
            (json!({"enabled": false, "blocking": true, "severityThreshold": "Low"}), "enabled: null", false),
            (
                json!({"enabled": true, "blocking": false, "severityThreshold": "Low"}),
                "enabled: false",
                false,
            ),
            // `action` decides if it is present.
            (
                json!({"enabled": true, "blocking": false, "action": "BLOCKING", "severityThreshold": "Low"}),
                "enabled: false",
                true,
            ),
            (
                json!({"enabled": true, "blocking": true, "action": "ANNOTATING", "severityThreshold": "Low"}),
                "enabled: false",
                false,
            ),
            (
                json!({"enabled": true, "blocking": false, "action": "Invented", "severityThreshold": "Low"}),
                "enabled: false",
                true,
            ),
        ],
    ) {
        let (_azure, folder) = live(&one_filter(&before));
        write(&folder, &policy(&hate(after)));
        let run = folder.keyless("plan a.yaml --format json");
        assert_eq!(is_weakening(&run), lost, "{before} -> {after}\n{run}");
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_deployment_between_policies_loses_by_the_same_rule() {
    let plain = json!({"blocking": true, "severityThreshold": "Medium"});
    let lists =
        |blocking: Value| json!([{"blocklistName": "words", "source": "Prompt", "blocking": blocking}]);
    for (before, after, lost) in few(
        3,
        [
            (json!({}), json!({}), false),
            (
                json!({"customBlocklists": lists(Value::Null)}),
                json!({"customBlocklists": lists(Value::Null)}),
                false,
            ),
            (
                json!({"customBlocklists": lists(Value::Null)}),
                json!({"customBlocklists": lists(json!(false))}),
                true,
            ),
            (
                json!({"customBlocklists": lists(json!(true))}),
                json!({"customBlocklists": lists(Value::Null)}),
                true,
            ),
            (
                json!({"customBlocklists": lists(json!(false))}),
                json!({"customBlocklists": lists(Value::Null)}),
                false,
            ),
        ],
    ) {
        let with = |more: &Value| {
            let mut properties = one_filter(&plain);
            properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            properties
        };
        let (azure, folder) = live(&with(&before));
        azure.put(&format!("{}/raiPolicies/other", account("chat")), json!({"properties": with(&after)}));
        write(&folder, &deployment("own"));
        folder.keyless("apply a.yaml --yes -q --allow weakening").exits(0);
        write(&folder, &deployment("other"));
        let run = folder.keyless("plan a.yaml --format json");
        assert_eq!(is_weakening(&run), lost, "{before} -> {after}\n{run}");
    }
}

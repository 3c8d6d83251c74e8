//! Where an account's request log goes: its diagnostic settings, and what their category groups contain.

use serde_json::Value;

use crate::id::ResourceId;
use crate::snapshot::{Query, Shape};
use crate::text::query::encoded;

/// The category of the request log.
const REQUESTS: &str = "RequestResponse";
/// The group that contains every category.
const ALL: &str = "allLogs";

/// Where the request log of an account goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sinks {
    /// Log Analytics workspaces.
    pub workspaces: Vec<ResourceId>,
    /// Where else, as people call it: a storage account, an event hub.
    pub elsewhere: Vec<&'static str>,
    /// Whether there is any setting.
    pub has_settings: bool,
    /// Category groups for which it is not known whether they contain the request log.
    pub open_groups: Vec<String>,
}

/// The query for the diagnostic settings of an account.
pub(super) fn settings(account: &ResourceId) -> Query {
    Query {
        path: format!(
            "{account}/providers/Microsoft.Insights/diagnosticSettings?api-version=2021-05-01-preview"
        ),
        shape: Shape::List,
        scope: account.clone(),
        project: |body| body,
    }
}

/// The query for the categories of an account's logs, each with its groups.
pub(super) fn categories(account: &ResourceId) -> Query {
    Query {
        path: format!(
            "{account}/providers/Microsoft.Insights/diagnosticSettingsCategories?api-version=2021-05-01-preview"
        ),
        shape: Shape::List,
        scope: account.clone(),
        project: |body| body,
    }
}

/// The query for how long a workspace keeps the log.
pub(super) fn table(workspace: &ResourceId) -> Query {
    Query {
        path: format!("{workspace}/tables/AzureDiagnostics?api-version={}", encoded("2022-10-01")),
        shape: Shape::One,
        scope: workspace.clone(),
        project: |body| body,
    }
}

/// Reads diagnostic settings. `groups` are the groups with the request log, if the categories were read.
pub(super) fn read<'a>(settings: impl IntoIterator<Item = &'a Value>, groups: Option<&[String]>) -> Sinks {
    let mut sinks = Sinks::default();
    for setting in settings {
        sinks.has_settings = true;
        let properties = &setting["properties"];
        let text = |name: &str| properties[name].as_str().filter(|text| !text.is_empty());
        let mut sends = false;
        for entry in properties["logs"].as_array().into_iter().flatten() {
            if entry["enabled"].as_bool() != Some(true) {
                continue;
            }
            let is = |name: &str, wanted: &str| {
                entry[name].as_str().is_some_and(|found| found.eq_ignore_ascii_case(wanted))
            };
            sends |= is("category", REQUESTS) || is("categoryGroup", ALL);
            let Some(group) =
                entry["categoryGroup"].as_str().filter(|group| !group.eq_ignore_ascii_case(ALL))
            else {
                continue;
            };
            match groups {
                Some(groups) => sends |= groups.iter().any(|known| known.eq_ignore_ascii_case(group)),
                None if text("workspaceId").is_some() => sinks.open_groups.push(group.to_owned()),
                None => {}
            }
        }
        if !sends {
            continue;
        }
        match text("workspaceId").map(ResourceId::parse) {
            Some(Ok(workspace)) => sinks.workspaces.push(workspace),
            // A workspace of which nothing else can be asked.
            Some(Err(_)) => sinks.elsewhere.push("a workspace whose id cannot be read"),
            None => {}
        }
        if text("storageAccountId").is_some() {
            sinks.elsewhere.push("a storage account");
        }
        if text("eventHubAuthorizationRuleId").is_some() {
            sinks.elsewhere.push("an event hub");
        }
        if text("marketplacePartnerId").is_some() {
            sinks.elsewhere.push("a partner's service");
        }
    }
    sinks.workspaces.sort();
    sinks.workspaces.dedup();
    sinks.elsewhere.sort_unstable();
    sinks.elsewhere.dedup();
    sinks
}

/// The groups that contain the request log.
pub(super) fn groups<'a>(categories: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    let requests = categories
        .into_iter()
        .filter(|category| category["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(REQUESTS)));
    requests
        .flat_map(|category| category["properties"]["categoryGroups"].as_array().into_iter().flatten())
        .filter_map(|group| group.as_str().map(str::to_owned))
        .collect()
}

/// For how many days a workspace keeps the table in a form that can be queried.
pub(super) fn retention(table: &Value) -> Option<u32> {
    table["properties"]["retentionInDays"].as_u64().and_then(|days| u32::try_from(days).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const WORKSPACE: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/w";

    fn setting(logs: &Value, to: &Value) -> Value {
        let mut properties = to.clone();
        properties["logs"] = logs.clone();
        json!({"name": "s", "properties": properties})
    }

    #[test]
    fn the_request_log_goes_where_an_enabled_category_or_its_group_sends_it() {
        let workspace = json!({"workspaceId": WORKSPACE});
        for (logs, groups, sent) in [
            (json!([{"category": "RequestResponse", "enabled": true}]), None, true),
            (json!([{"category": "requestresponse", "categoryGroup": null, "enabled": true}]), None, true),
            (json!([{"categoryGroup": "allLogs", "enabled": true}]), None, true),
            (json!([{"category": "RequestResponse", "enabled": false}]), None, false),
            (json!([{"category": "Audit", "enabled": true}]), None, false),
            (json!([{"categoryGroup": "audit", "enabled": true}]), None, false),
            (json!([{"categoryGroup": "audit", "enabled": true}]), Some(vec!["audit".to_owned()]), true),
            (json!([{"categoryGroup": "audit", "enabled": true}]), Some(vec![]), false),
        ] {
            let sinks = read([&setting(&logs, &workspace)], groups.as_deref());
            assert_eq!(!sinks.workspaces.is_empty(), sent, "{logs}");
        }
        let open = read([&setting(&json!([{"categoryGroup": "audit", "enabled": true}]), &workspace)], None);
        assert_eq!(open.open_groups, ["audit"]);
    }

    #[test]
    fn an_empty_workspace_id_is_none() {
        let logs = json!([{"categoryGroup": "allLogs", "enabled": true}]);
        let to = json!({"workspaceId": "", "storageAccountId": "/s", "eventHubAuthorizationRuleId": "/e"});
        let sinks = read([&setting(&logs, &to)], None);
        assert_eq!((sinks.workspaces.len(), sinks.elsewhere), (0, vec!["a storage account", "an event hub"]));
    }

    #[test]
    fn groups_are_those_of_the_request_log() {
        let categories = [
            json!({"name": "Audit", "properties": {"categoryGroups": ["audit", "allLogs"]}}),
            json!({"name": "RequestResponse", "properties": {"categoryGroups": ["allLogs"]}}),
        ];
        assert_eq!(groups(&categories), ["allLogs"]);
    }
}

//! The lists of a spec that contain resources or grants: the noun for an element, and where the list may be.
//!
//! One row for each list; whatever reads, names, writes or compares specs uses it. A kind of list without a row fails a test.

/// A list of a spec.
#[derive(Debug)]
pub struct Row {
    /// The field.
    pub name: &'static str,
    /// The noun for one element.
    pub noun: &'static str,
    /// The fields that may name an element.
    pub named_by: &'static [&'static str],
    /// The lists whose elements may contain it; "" is the file itself.
    pub within: &'static [&'static str],
}

/// All lists, in the order in which an export writes them.
pub const SECTIONS: &[Row] = &[
    Row { name: "accounts", noun: "account", named_by: &["name"], within: &[""] },
    Row { name: "workspaces", noun: "workspace", named_by: &["name"], within: &[""] },
    Row { name: "raiBlocklists", noun: "blocklist", named_by: &["name"], within: &["accounts"] },
    Row { name: "items", noun: "blocklist item", named_by: &["name"], within: &["raiBlocklists"] },
    Row { name: "raiPolicies", noun: "content filter", named_by: &["name"], within: &["accounts"] },
    Row { name: "deployments", noun: "deployment", named_by: &["name"], within: &["accounts"] },
    Row { name: "projects", noun: "project", named_by: &["name"], within: &["accounts"] },
    Row {
        name: "connections",
        noun: "connection",
        named_by: &["name"],
        within: &["accounts", "projects", "workspaces"],
    },
    Row {
        name: "capabilityHosts",
        noun: "capability host",
        named_by: &["name"],
        within: &["accounts", "projects"],
    },
    Row {
        name: "roleAssignments",
        noun: "role assignment",
        named_by: &["role"],
        within: &["", "accounts", "projects"],
    },
    Row { name: "sqlRoleAssignments", noun: "Cosmos DB role assignment", named_by: &["role"], within: &[""] },
];

/// The row of a list.
#[must_use]
pub fn section(name: &str) -> Option<&'static Row> {
    SECTIONS.iter().find(|row| row.name == name)
}

/// The names of the lists that an element of another list may contain; these are not fields of that element.
pub fn within(name: &str) -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().filter(move |row| row.within.contains(&name)).map(|row| row.name)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Whether a field of the schema takes a list of mappings that have a name or a role.
    fn holds_things(schema: &Value, field: &Value) -> bool {
        let cases = field["anyOf"].as_array().into_iter().flatten().chain([field]);
        let elements = cases.filter_map(|case| case["items"]["$ref"].as_str());
        let mut fields =
            elements.map(|name| &schema.pointer(name.trim_start_matches('#')).unwrap()["properties"]);
        fields.any(|fields| fields["name"].is_object() || fields["principals"].is_object())
    }

    #[test]
    fn every_list_of_things_in_the_schema_has_a_row_and_every_row_a_list() {
        let schema = crate::spec::schema::schema();
        let mut seen = Vec::new();
        for (parent, definition) in [
            ("", &schema),
            ("accounts", &schema["$defs"]["Account"]),
            ("projects", &schema["$defs"]["Project"]),
            ("raiBlocklists", &schema["$defs"]["RaiBlocklist"]),
            ("workspaces", &schema["$defs"]["Workspace"]),
        ] {
            for (name, field) in definition["properties"].as_object().unwrap() {
                if holds_things(&schema, field) {
                    let row = section(name).unwrap_or_else(|| panic!("`{name}` has no row"));
                    assert!(row.within.contains(&parent), "`{name}` stands in `{parent}`");
                    seen.push((row.name, parent));
                }
            }
        }
        for row in SECTIONS {
            for parent in row.within {
                assert!(seen.contains(&(row.name, parent)), "`{}` stands in no `{parent}`", row.name);
            }
        }
    }
}

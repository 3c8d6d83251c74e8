//! Azure's built-in roles, known offline.
//!
//! `builtin.txt` has one role per line, separated by tabs: its GUID, its names (the current one first, separated by `|`), and its
//! permissions as JSON. The permissions are those that Azure listed on 2026-01-25, the names those of May 2026. Permissions are
//! parsed only for the roles that a run asks about.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use uuid::Uuid;

use super::Role;

/// A line of the table.
struct BuiltinRow {
    id: Uuid,
    names: &'static str,
    permissions: &'static str,
    role: OnceLock<Role>,
}

impl BuiltinRow {
    fn of(line: &'static str) -> Option<Self> {
        let mut columns = line.splitn(3, '\t');
        let id = Uuid::try_parse(columns.next()?).ok()?;
        Some(Self { id, names: columns.next()?, permissions: columns.next()?, role: OnceLock::new() })
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.names.split('|')
    }

    fn role(&self) -> &Role {
        self.role.get_or_init(|| {
            let mut names = self.names().map(str::to_owned);
            Role {
                id: self.id,
                name: names.next().unwrap_or_default(),
                other_names: names.collect(),
                permissions: serde_json::from_str(self.permissions)
                    .expect("the permissions in builtin.txt are well-formed"),
                inference: OnceLock::new(),
            }
        })
    }
}

static ROWS: LazyLock<Vec<BuiltinRow>> =
    LazyLock::new(|| include_str!("builtin.txt").lines().filter_map(BuiltinRow::of).collect());

static BY_ID: LazyLock<HashMap<Uuid, &'static BuiltinRow>> =
    LazyLock::new(|| ROWS.iter().map(|row| (row.id, row)).collect());

/// The few that have former names too.
static RENAMED: LazyLock<Vec<&'static BuiltinRow>> =
    LazyLock::new(|| ROWS.iter().filter(|row| row.names.contains('|')).collect());

/// All built-in roles that keyless knows, sorted by name.
pub fn builtin() -> impl Iterator<Item = &'static Role> {
    ROWS.iter().map(BuiltinRow::role)
}

/// Every name of every built-in role, former ones too.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().flat_map(BuiltinRow::names)
}

/// Finds a built-in role by GUID.
#[must_use]
pub fn by_id(id: Uuid) -> Option<&'static Role> {
    BY_ID.get(&id).map(|row| row.role())
}

/// Finds a built-in role by any of its names, ignoring case like Azure's own filter.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Role> {
    let name = name.to_ascii_lowercase();
    let current = |row: &BuiltinRow| row.names().next().unwrap_or_default().to_ascii_lowercase();
    // The table is sorted by current names.
    let found = ROWS.binary_search_by(|row| current(row).cmp(&name)).ok().map(|at| &ROWS[at]);
    let former = |row: &&BuiltinRow| row.names().any(|known| known.eq_ignore_ascii_case(&name));
    found.or_else(|| RENAMED.iter().copied().find(former)).map(BuiltinRow::role)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::rbac::Permission;

    #[test]
    fn the_roles_of_the_job_are_known_by_every_name() {
        let user = by_name("cognitive services user").unwrap();
        assert_eq!(user.id.to_string(), "a97b65f3-24c7-4388-baec-2e87135dc908");
        assert!(user.gives_inference() && !user.can_grant());
        assert_eq!(by_name("Foundry User").unwrap().id, by_name("Azure AI User").unwrap().id);
        assert!(by_name("Cognitive Services OpenAI User").unwrap().gives_inference());
        for (name, inference, grant) in [
            ("Owner", false, true),
            ("Contributor", false, false),
            ("Reader", false, false),
            ("User Access Administrator", false, true),
            ("Role Based Access Control Administrator", false, true),
            ("Cognitive Services Contributor", false, false),
            ("Cognitive Services Data Reader", false, false),
        ] {
            let role = by_name(name).unwrap();
            assert_eq!((role.gives_inference(), role.can_grant()), (inference, grant), "{name}");
        }
    }

    /// Azure's own list, recorded: the same GUIDs, a name that the role has or had, the same permissions.
    #[test]
    fn the_table_says_what_azure_listed() {
        let path =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/roles/all-builtin-roles.json");
        let Ok(text) = std::fs::read_to_string(path) else { return };
        let listed: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(listed.len(), ROWS.len());
        let patterns = |permission: &Permission| {
            let lists = [
                &permission.actions,
                &permission.not_actions,
                &permission.data_actions,
                &permission.not_data_actions,
            ];
            lists.map(|list| list.iter().map(|each| each.to_lowercase()).collect::<BTreeSet<_>>())
        };
        for azure in &listed {
            let role = by_id(azure["name"].as_str().unwrap().parse().unwrap()).unwrap();
            assert!(role.is_called(azure["roleName"].as_str().unwrap()), "{}", role.name);
            let theirs: Vec<Permission> = serde_json::from_value(azure["permissions"].clone()).unwrap();
            let (ours, theirs): (Vec<_>, Vec<_>) =
                (role.permissions.iter().map(patterns).collect(), theirs.iter().map(patterns).collect());
            assert_eq!(ours, theirs, "{}", role.name);
        }
    }

    #[test]
    fn roles_of_other_services_are_known_too() {
        for (name, id) in [
            ("Storage Blob Data Owner", "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"),
            ("Search Index Data Contributor", "8ebe5a00-799e-43f5-93ac-243d3dce84a7"),
            ("Key Vault Secrets User", "4633458b-17de-408a-b874-0445c86b69e6"),
            ("AcrPull", "7f951dda-4ed3-4680-a7ca-43fe172d538d"),
            ("Monitoring Metrics Publisher", "3913510d-42f4-4e42-8a64-420c390055eb"),
        ] {
            assert_eq!(by_name(name).unwrap().id.to_string(), id, "{name}");
        }
    }

    #[test]
    fn the_catalogue_is_sorted_and_has_no_double() {
        assert_eq!(ROWS.len(), include_str!("builtin.txt").lines().count());
        let names: Vec<String> = builtin().map(|role| role.name.to_lowercase()).collect();
        assert!(names.is_sorted());
        let different: BTreeSet<String> = builtin_names().map(str::to_lowercase).collect();
        assert_eq!((BY_ID.len(), different.len()), (ROWS.len(), builtin_names().count()));
        for name in builtin_names() {
            assert!(by_name(&name.to_uppercase()).unwrap().is_called(name), "{name}");
        }
    }
}

//! Tests of writing, and of reading back what was written.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::spec::structure::schema;
use crate::spec::tree;
use crate::spec::variables::{VariableInputs, Variables, substitute};
use crate::text::source::Sources;

fn back(text: &str) -> Value {
    let mut sources = Sources::default();
    let file = sources.add("written.yaml", text);
    let (document, findings) = tree::parse(file, &sources);
    assert!(findings.is_empty(), "{findings:?}\n{text}");
    let mut document = document.unwrap();
    let (variables, _) = Variables::new(&VariableInputs::default(), &[]);
    let findings = substitute(&mut document, &variables, &sources);
    assert!(findings.iter().all(|finding| finding.message.starts_with("the key")), "{findings:?}\n{text}");
    document.tree
}

#[test]
fn a_spec_reads_from_its_head_to_its_children() {
    let subnet = format!("/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/{}", "long/".repeat(15));
    let tree = json!({
        "accounts": [{
            "roleAssignments": [{
                "condition": "(\n  (a)\n)", "role": "Reader",
                "principals": [{"type": "User", "id": "1f0c0000-0000-4000-8000-000000000001"}],
            }],
            "tags": {"team": "ml", "cost:center": "0042"}, "name": "chat", "disableLocalAuth": false,
            "networkAcls": {"virtualNetworkRules": [{"id": subnet}], "ipRules": ["203.0.113.0/24", "198.51.100.7"]},
        }],
        "version": 1, "stack": "ml",
    });
    let comments = [
        ("/accounts/0/disableLocalAuth", "keys are on"),
        ("/accounts/0/roleAssignments/0/principals/0", "line\nbreak \u{202e}"),
        ("/accounts/0", "above"),
    ];
    let comments = comments.map(|(at, text)| (at.to_owned(), text.to_owned())).into();
    let text = to_yaml(&tree, &comments);
    let expected = format!(
        "version: 1
stack: ml

accounts:
  # above
  - name: chat
    disableLocalAuth: false  # keys are on
    networkAcls:
      ipRules: [203.0.113.0/24, 198.51.100.7]
      virtualNetworkRules:
        - id: {subnet}
    tags: {{cost:center: \"0042\", team: ml}}
    roleAssignments:
      - role: Reader
        condition: |-
          (
            (a)
          )
        principals:
          - {{id: 1f0c0000-0000-4000-8000-000000000001, type: User}}  # line\\u{{a}}break \\u{{202e}}
"
    );
    assert_eq!(text, expected);
    assert_eq!(back(&text), tree);
}

#[test]
fn empty_mappings_and_lists_stay_what_they_are_wherever_they_stand() {
    let long = "x".repeat(WIDTH);
    let deep = (0..30).fold(json!([{}, []]), |inside, _| json!([inside, long]));
    for tree in [
        json!({"accounts": [{}, {"name": "a"}, []]}),
        json!({"principals": [{}, long, [], {"a": {}, "b": [{}]}]}),
        json!({long.clone(): {}, "b": []}),
        json!({ "deep": deep }),
    ] {
        let text = to_yaml(&tree, &BTreeMap::new());
        assert_eq!(back(&text), tree, "{text}");
        // A comment on the element itself, or on something not in it, changes nothing.
        let comments = ["/accounts/0", "/accounts/0/x", "/principals/0", "/principals/0/x"];
        let comments = comments.map(|at| (at.to_owned(), "said".to_owned())).into();
        let text = to_yaml(&tree, &comments);
        assert_eq!(back(&text), tree, "{text}");
    }
}

#[test]
fn what_a_reader_could_mistake_stands_in_quotes() {
    for text in [
        "no",
        "On",
        "y",
        "2024-08-06",
        "1",
        "0613",
        "1e3",
        "~",
        "null",
        "0x1f",
        "",
        " a",
        "a ",
        "a: b",
        "a #b",
        "- a",
        "*a",
        "a,b",
    ] {
        assert!(text_on_a_line(text, true).starts_with('"'), "{text}");
    }
    for text in [
        "chat-eu",
        "it's",
        "gpt-4o",
        "203.0.113.0/24",
        "1f0c0000-0000-4000-8000-000000000001",
        "https://s.search.windows.net",
        "Größe",
        "/subscriptions/x",
        "Cognitive Services User",
    ] {
        assert_eq!(text_on_a_line(text, true), text);
    }
    assert_eq!(quoted("##vso[x] \u{202e}\u{e0001}\u{7}"), r##""#\x23vso[x] \u202e\U000e0001\u0007""##);
}

/// Fields that come last, by their names.
const LONE: &[&str] = &[
    "aadClientId",
    "aadTenantId",
    "accessKeyId",
    "accountIdentity",
    "adxStorageResourceId",
    "aiServicesConnections",
    "allowUnknownUntil",
    "authUrl",
    "blocklistName",
    "by",
    "capabilityHostKind",
    "capacity",
    "clientId",
    "clientSecret",
    "coManagedBy",
    "countryCode",
    "customerSubnet",
    "customsubdomain",
    "databaseAccount",
    "delegatedManagedIdentityResourceId",
    "designatedCapacity",
    "developerToken",
    "enablePublicHostingEnvironment",
    "eventHubConnectionString",
    "existing",
    "expected",
    "expiryTime",
    "group",
    "identityClientId",
    "ignoreMissingVnetServiceEndpoint",
    "industry",
    "isSharedToAll",
    "key",
    "keyName",
    "keyUsage",
    "keyVaultProperties",
    "keyVaultUri",
    "keyVersion",
    "keys",
    "managedIdentity",
    "me",
    "migrationToken",
    "models",
    "organizationName",
    "password",
    "pat",
    "peRequirement",
    "peStatus",
    "principal",
    "priority",
    "projectIdentity",
    "publisher",
    "qnaAzureSearchEndpointId",
    "qnaAzureSearchEndpointKey",
    "qnaRuntimeEndpoint",
    "quietDays",
    "reason",
    "refreshToken",
    "regions",
    "resourceId",
    "resourceIdentity",
    "roles",
    "routingMethod",
    "safetyProviderName",
    "sas",
    "secretAccessKey",
    "securityToken",
    "servicePrincipal",
    "sharedUserList",
    "sourceAccount",
    "state",
    "statisticsEnabled",
    "storageAccountConnectionString",
    "storageConnections",
    "subnetArmId",
    "superUser",
    "tenantId",
    "threadStorageConnections",
    "until",
    "useMicrosoftManagedNetwork",
    "useWorkspaceManagedIdentity",
    "user",
    "userAssigned",
    "username",
    "value",
    "vectorStoreConnections",
    "websiteName",
];

#[test]
fn every_field_of_a_spec_has_its_place() {
    let schema = schema();
    let objects = std::iter::once(&schema).chain(schema["$defs"].as_object().unwrap().values());
    // The order of fields that are not in a written spec does not matter.
    let mut fields: Vec<&String> = objects
        .filter_map(|object| object["properties"].as_object())
        .flat_map(|fields| fields.keys())
        .collect();
    fields.sort();
    fields.dedup();
    for field in &fields {
        let named = ORDER.contains(&field.as_str()) || section(field).is_some();
        assert!(
            named != LONE.contains(&field.as_str()),
            "{field} stands in ORDER, or comes last by its name: not both"
        );
    }
    for field in ORDER {
        assert!(fields.iter().any(|known| known == field), "specs have no field {field}");
    }
}

fn scalar() -> impl Strategy<Value = Value> {
    let words = [
        "no",
        "on",
        "1.10",
        "0123",
        "null",
        "~",
        "",
        " ",
        "a: b",
        "- x",
        "#",
        "a #b",
        "${name}",
        "$${",
        "@x",
        "|",
        "'",
        "\"",
        "!t",
        "2024-01-31",
        "[",
        "{}",
        "a\n",
        "a\n\nb",
        "::error::x",
        "a\n::b",
        "##[x",
        "\u{feff}",
        "\u{85}",
        "---",
        "...",
        "<<",
        "=",
    ];
    prop_oneof![
        proptest::sample::select(words.to_vec()).prop_map(|word| json!(word)),
        "\\PC{0,40}".prop_map(|text| json!(text)),
        any::<String>().prop_map(|text| json!(text)),
        "[a-z \\n\\t\\r:#'\"\\\\]{0,120}".prop_map(|text| json!(text)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<bool>().prop_map(|truth| json!(truth)),
        Just(Value::Null),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_and_shows_every_character(tree in scalar().prop_recursive(4, 40, 5, |inner| prop_oneof![
        proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
        proptest::collection::btree_map("[a-z:# \\-\\n$\\{]{0,8}|principals|accounts", inner, 0..4)
            .prop_map(|map| Value::Object(map.into_iter().collect())),
    ])) {
        let tree = json!({ "spec": tree });
        let text = to_yaml(&literal(&tree), &BTreeMap::new());
        prop_assert_eq!(break_commands(&text), text.as_str());
        prop_assert!(!hides(&text.replace('\n', "")), "{}", text);
        prop_assert_eq!(back(&text), tree);
    }
}

//! Structural findings: every problem at once, in plain words.

use serde_json::json;

use super::super::tree::parse;
use super::super::variables::{VariableInputs, Variables, substitute};
use super::*;
use crate::text::source::Sources;

/// Position, message and hint of each finding about a spec with variables substituted.
fn found(text: &str, arguments: &[(&str, &str)]) -> Vec<(String, String, String)> {
    let mut sources = Sources::default();
    let file = sources.add("s", text);
    let (document, findings) = parse(file, &sources);
    assert!(findings.is_empty(), "{findings:?}");
    let mut document = document.unwrap();
    let arguments = arguments.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let (outside, _) = Variables::new(&VariableInputs::new(arguments, Vec::new(), []), &[]);
    let _ = substitute(&mut document, &outside, &sources);
    settle(&mut document);
    let findings = check(&document);
    if findings.is_empty() && document.reported.is_empty() {
        use serde::Deserialize;
        super::super::model::Spec::deserialize(&document.tree)
            .expect("what the check lets pass, serde reads");
    }
    let shown = |finding: Finding| {
        let place = sources.position(finding.span.unwrap()).to_string();
        (place.replace("s:", ""), finding.message, finding.hint.unwrap_or_default())
    };
    findings.into_iter().map(shown).collect()
}

/// The findings about an account with these fields, which start at line 6, column 5.
fn account(fields: &str) -> Vec<(String, String, String)> {
    let fields = fields.replace('\n', "\n    ");
    found(
        &format!("version: 1\nstack: s\nsubscription: x\naccounts:\n  - name: chat-eu\n    {fields}\n"),
        &[],
    )
}

fn assert_one(found: &[(String, String, String)], place: &str, message: &str, hint: &str) {
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].0.as_str(), found[0].1.as_str()), (place, message));
    assert!(found[0].2.contains(hint), "{:?}", found[0].2);
}

#[test]
fn the_model_and_a_whole_account_pass() {
    let fields = "identity: {userAssigned: [], systemAssigned: null}\ndisableLocalAuth: true\nsku: null\npublicNetworkAccess: ~\nnetworkAcls: null\ntags: {a: b, c: null}\nroleAssignments:\n  - role: Reader\n    principals: [{id: x, type: Group}]";
    assert_eq!(account(fields), []);
    assert_eq!(account("identity: None"), []);
    assert_eq!(account("identity: null"), []);
}

#[test]
fn unknown_fields_are_named_with_their_thing_and_the_nearest_name() {
    assert_one(
        &account("locaton: x"),
        "6:5",
        "account `chat-eu` has no field `locaton`",
        "did you mean `location`?",
    );
    assert_one(
        &account("disable-local-auth: true"),
        "6:5",
        "account `chat-eu` has no field `disable-local-auth`",
        "`disableLocalAuth`",
    );
    let fields = "networkAcls:\n  wholly: 1";
    assert_one(
        &account(fields),
        "7:7",
        "`networkAcls` of account `chat-eu` has no field `wholly`",
        "its fields are `bypass`, ",
    );
    let fields =
        "roleAssignments:\n  - role: Reader\n    principals:\n      - user: alice\n        'a/~b': 1";
    let message = "principal `alice` of role assignment `Reader` of account `chat-eu` has no field `a/~b`";
    assert_one(&account(fields), "10:13", message, "`user`");
}

#[test]
fn a_misspelt_field_is_not_missing_as_well() {
    let fields = "roleAssignments:\n  - rol: Reader\n    principals: [{me: true}]";
    let message = "role assignment 1 of account `chat-eu` has no field `rol`";
    assert_one(&account(fields), "7:9", message, "`role`");
    let fields = "roleAssignments:\n  - principals: [{me: true}]";
    let message = "role assignment 1 of account `chat-eu` needs `role`";
    assert_one(&account(fields), "7:9", message, "`role`: A role's name");
}

#[test]
fn wrong_types_are_told_in_words_with_what_to_write() {
    for (field, message, hint) in [
        (
            "disableLocalAuth: yes",
            "`disableLocalAuth` must be true or false, not the string `yes`",
            "write `true`",
        ),
        (
            "disableLocalAuth: Off",
            "`disableLocalAuth` must be true or false, not the string `Off`",
            "write `false`",
        ),
        (
            "disableLocalAuth: 1",
            "`disableLocalAuth` must be true or false, not the number `1`",
            "`disableLocalAuth`: Whether",
        ),
        ("location: 0x1F", "`location` must be text, not the number `0x1F`", "quote it: `\"0x1F\"`"),
        ("location: true", "`location` must be text, not `true`", "quote it"),
        ("location: [a]", "`location` must be text, not a list", "`location`: "),
        ("tags: {cost: 1.10}", "`cost` must be text, not the number `1.10`", "`\"1.10\"`"),
        ("tags: [a]", "`tags` must be a mapping, not a list", "`tags`: "),
        ("networkAcls: []", "`networkAcls` must be a mapping, not a list", "`networkAcls`: "),
        ("networkAcls: {ipRules: 10.0.0.1}", "`ipRules` must be a list, not the string `10.0.0.1`", "- "),
        (
            "networkAcls: {ipRules: [1]}",
            "an element of `ipRules` must be text, not the number `1`",
            "quote it: `",
        ),
        ("networkAcls: {ipRules: [~]}", "an element of `ipRules` must be text, not null", "set a value"),
        (
            "roleAssignments:",
            "`roleAssignments` must be a list, not null",
            "write `[]` to remove all, or remove the line",
        ),
    ] {
        let found = account(field);
        assert_eq!(found.len(), 1, "{field}: {found:?}");
        assert_eq!(found[0].1, message);
        assert!(found[0].2.contains(hint), "{field}: {:?}", found[0].2);
    }
}

#[test]
fn words_are_listed_and_the_nearest_is_offered() {
    let found = account("publicNetworkAccess: enabled");
    assert_one(
        &found,
        "6:26",
        "`publicNetworkAccess` must be `Enabled` or `Disabled`, not `enabled`",
        "did you mean `Enabled`?",
    );
    assert_one(
        &account("publicNetworkAccess: 3"),
        "6:26",
        "`publicNetworkAccess` must be `Enabled` or `Disabled`, not the number `3`",
        "",
    );
    let found = account("encryption: {keySource: Microsoft.Keyvault}");
    let message =
        "`keySource` must be `Microsoft.CognitiveServices` or `Microsoft.KeyVault`, not `Microsoft.Keyvault`";
    assert_one(&found, "6:29", message, "`Microsoft.KeyVault`");
}

#[test]
fn alternatives_are_judged_by_what_the_value_is() {
    let takes = "`identity` must be `SystemAssigned`, `None` or a mapping, not";
    assert_one(
        &account("identity: systemAssigned"),
        "6:15",
        &format!("{takes} `systemAssigned`"),
        "`SystemAssigned`",
    );
    assert_one(&account("identity: 3"), "6:15", &format!("{takes} the number `3`"), "");
    assert_one(&account("identity: [x]"), "6:5", &format!("{takes} a list"), "");
    let found = account("identity: {userAsigned: [x]}");
    assert_one(
        &found,
        "6:16",
        "`identity` of account `chat-eu` has no field `userAsigned`",
        "`userAssigned`",
    );
    let found = account("identity: {userAssigned: [1]}");
    assert_one(
        &found,
        "6:31",
        "an element of `userAssigned` must be text, not the number `1`",
        "quote it: `",
    );
}

#[test]
fn the_spec_itself_is_checked_and_its_version_is_1() {
    let found = found("[]\n", &[]);
    assert_one(&found, "1:1", "a spec must be a mapping, not a list", "");
    for (version, message) in [
        ("2", "`version` must be 1, not 2"),
        ("0", "`version` must be 1, not 0"),
        ("1.5", "`version` must be a whole number, not the number `1.5`"),
        ("'1'", "`version` must be a whole number, not the string `1`"),
        ("99999999999", "`version` must be 1, not 99999999999"),
    ] {
        let found = super::tests::found(&format!("version: {version}\nstack: s\nsubscription: x\n"), &[]);
        assert_one(&found, "1:10", message, "");
    }
    assert_eq!(super::tests::found("version: 1.0\nstack: s\nsubscription: x\n", &[]), []);
    let found = super::tests::found("stack: s\n", &[]);
    let messages = found.iter().map(|(_, message, _)| message.as_str()).collect::<Vec<_>>();
    assert_eq!(messages, ["the spec needs `subscription`", "the spec needs `version`"]);
    let empty = super::tests::found(
        "version: 1\nstack: s\nsubscription: x\naccounts: [{name: a, coManagedBy: [{stack: t, by: [], roles: [r]}]}]\n",
        &[],
    );
    assert_one(&empty, "4:47", "`by` needs at least 1 element", "");
}

#[test]
fn text_fields_take_arguments_that_look_like_numbers_and_typed_fields_take_them_typed() {
    let spec = "version: ${one}\nstack: s\nsubscription: ${one}\nvariables: {two: 2, t: '2'}\naccounts: [{name: '${off}', disableLocalAuth: '${off}', tags: {a: '${one}', b: '${t}'}}]\n";
    assert_eq!(found(spec, &[("one", "1"), ("off", "true")]), []);
    let declared = spec.replace("'${t}'", "'${two}'");
    let found = found(&declared, &[("one", "1"), ("off", "true")]);
    assert_one(
        &found,
        "5:80",
        "`b` must be text, not the number `2`",
        "quote the value of `two` where it is set",
    );
}

#[test]
fn what_has_a_finding_already_is_not_judged_again() {
    let spec = "version: 1\nstack: s\nsubscription: x\nadopt: ${gone}\naccounts: [{name: a, disableLocalAuth: 'x${', publicNetworkAccess: '${gone}'}]\n";
    assert_eq!(found(spec, &[]), []);
}

#[test]
fn shared_values_are_told_once() {
    let spec = "version: 1\nstack: s\nsubscription: x\naccounts:\n  - {name: a, networkAcls: &acls {bypas: None}}\n  - {name: b, networkAcls: *acls}\n";
    assert_eq!(found(spec, &[]).len(), 1);
}

#[test]
fn findings_stand_in_the_order_of_the_file() {
    let found = account("zone: 1\ndisableLocalAuth: x\nalpha: 2\nsku: 3");
    let places = found.iter().map(|(place, ..)| place.as_str()).collect::<Vec<_>>();
    assert_eq!(places, ["6:5", "7:23", "8:5", "9:10"]);
}

#[test]
fn every_field_of_the_model_refuses_another_type() {
    // For every part of the schema, a value of no accepted type gives a worded finding at its position, and no panic.
    let schema = schema();
    let fields = schema["$defs"]["Account"]["properties"].as_object().unwrap();
    assert!(fields.len() > 15);
    for name in fields.keys().filter(|name| *name != "name") {
        let found = account(&format!("{name}: [[1]]"));
        assert!(!found.is_empty(), "{name}");
        assert!(found.iter().all(|(_, message, _)| !message.contains("is not valid")), "{name}: {found:?}");
    }
    assert_eq!(schema["$defs"]["Account"]["required"], json!(["name"]));
}

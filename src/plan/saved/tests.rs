//! Edits that a file must not contain, one at a time: each is refused although the fingerprint was recomputed.

use serde_json::{Value, json};

use super::*;
use crate::diff::{Change, Diff};
use crate::document::{Requests, Target, TargetKind};
use crate::id::arm_guid;
use crate::kinds::desired::samples::{GROUP, account, declared, live};
use crate::kinds::desired::{Desired, Hole};
use crate::kinds::{FieldChange, Mutability};
use crate::plan::plan;
use crate::text::source::{Sources, Span};

pub(super) const ALICE: &str = "aaaaaaaa-0000-4000-8000-000000000001";
pub(super) const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
pub(super) const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
pub(super) const ROLES: &str =
    "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/providers/Microsoft.Authorization/roleDefinitions";
const DELETED: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/providers/Microsoft.CognitiveServices/locations/eastus2/resourceGroups/rg-chat/deletedAccounts";

/// Indexes of the plan's changes.
const NEW: usize = 0;
pub(super) const LIVE: usize = 1;
const SAME: usize = 2;
pub(super) const GRANT: usize = 3;
const HOLED: usize = 4;
pub(super) const GONE: usize = 5;

fn grant(scope: &ResourceId, role: &str, principal: Option<&str>) -> Desired {
    let name = arm_guid(&[principal.unwrap_or("accountIdentity:new"), role, scope.as_str()]).to_string();
    let mut desired =
        declared("roleAssignments", &scope.provider("Microsoft.Authorization/roleAssignments", &name), scope);
    desired.declared.insert("roleDefinitionId".to_owned(), json!(format!("{ROLES}/{role}")));
    desired.declared.insert("principalType".to_owned(), json!("User"));
    match principal {
        Some(principal) => drop(desired.declared.insert("principalId".to_owned(), json!(principal))),
        None => {
            let (holder, key) = (account("new"), declared("accounts", &account("new"), &account("new")).key);
            desired.holes = vec![Hole::of_principal(holder, "accounts", key)];
        }
    }
    desired
}

fn create(desired: Desired, purge: Option<ResourceId>) -> Change {
    Change::Create { desired, purge }
}

/// A new account that replaces a purged one, a live one that changes and gets its keys disabled, an unchanged one, grants, and a delete.
fn saved() -> Plan {
    let mut new = declared("accounts", &account("new"), &account("new"));
    new.declared.insert("location".to_owned(), json!("eastus2"));
    let changing = |name: &str, after: Value, change| FieldChange {
        path: vec![name.to_owned()],
        before: Value::Null,
        after,
        span: None,
        change,
    };
    let (chat, other) = (account("chat"), account("other"));
    let body = |id: &ResourceId| json!({"id": id, "properties": {}, "tags": {"keyless-stack": "team-a"}});
    let old =
        chat.provider("Microsoft.Authorization/roleAssignments", "00000000-0000-4000-8000-000000000009");
    let changes = vec![
        create(new, Some(ResourceId::parse(&format!("{DELETED}/new")).unwrap())),
        Change::Update {
            desired: declared("accounts", &chat, &chat),
            live: live("accounts", &chat, &chat, body(&chat)),
            fields: vec![
                changing("publicNetworkAccess", json!("Disabled"), Mutability::InPlace),
                changing("disableLocalAuth", json!(true), Mutability::AfterGrants),
            ],
            adopt: false,
        },
        Change::NoOp {
            desired: declared("accounts", &other, &other),
            live: live("accounts", &other, &other, body(&other)),
        },
        create(grant(&chat, READER, Some(ALICE)), None),
        create(grant(&ResourceId::parse(GROUP).unwrap(), READER, None), None),
        Change::Delete {
            live: live(
                "roleAssignments",
                &old,
                &chat,
                json!({"id": old, "properties": {"description": "[keyless:team-a]"}}),
            ),
            stack: "team-a".to_owned(),
            span: Span { start: 0, end: 0, ..declared("accounts", &chat, &chat).span },
            title: "role assignment Reader -> User bob on chat".to_owned(),
        },
    ];
    let mut sources = Sources::default();
    sources.add("a.yaml", "");
    let target = Target { kind: TargetKind::Sandbox, cloud: None, endpoint: None };
    plan(Diff { changes, ..Diff::default() }, &[], &sources, target, Requests::default())
}

/// The text of an edited plan with recomputed fingerprint and counts.
fn forged(edit: impl FnOnce(&mut Value)) -> String {
    let mut value = json!(saved());
    edit(&mut value["changes"]);
    let Ok(mut plan) = serde_json::from_value::<Plan>(value.clone()) else { return value.to_string() };
    plan.summary = Summary::of(&plan.changes);
    plan.fingerprint = plan.digest();
    json!(plan).to_string()
}

#[test]
fn a_plan_reads_back_as_it_was_and_its_steps_follow() {
    let made = saved();
    let read = parse(&json!(made).to_string()).unwrap();
    assert_eq!(read.steps, made.steps);
    assert_eq!(
        read.steps.len(),
        7,
        "a purge and two writes of the live account among them: {:#?}",
        read.steps
    );
    assert_eq!(read.digest(), made.fingerprint);
}

/// An alteration of one change.
type Alter = fn(&mut PlannedChange);
/// An edit of the changes.
pub(super) type Edit = Box<dyn FnOnce(&mut Value)>;

pub(super) fn set(index: usize, member: &'static str, value: Value) -> Edit {
    Box::new(move |changes| changes[index][member] = value)
}

fn path(index: usize, field: usize, path: &'static str) -> Edit {
    Box::new(move |changes| changes[index]["fields"][field]["path"] = json!(path))
}

fn field(index: usize, path: &'static str, after: impl Into<Value>) -> Edit {
    let entry = json!({"path": path, "before": null, "after": after.into(), "source": null});
    Box::new(move |changes| changes[index]["fields"].as_array_mut().unwrap().push(entry))
}

pub(super) fn edit(edit: impl FnOnce(&mut Value) + 'static) -> Edit {
    Box::new(edit)
}

pub(super) fn assignment(scope: &ResourceId, name: &str) -> Value {
    json!(scope.provider("Microsoft.Authorization/roleAssignments", name))
}

/// Checks that each case is refused with its message.
pub(super) fn refused(cases: Vec<(&str, Edit, &str)>) {
    for (what, edit, flaw) in cases {
        let error = match parse(&forged(edit)) {
            Ok(plan) => panic!("{what} is taken: {:#?}", plan.changes),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(flaw), "{what}: {error}");
    }
}

#[test]
fn the_target_of_a_write_is_a_resource_of_its_kind_and_of_one_change() {
    let not_a = "the id is not one of kind";
    let twice = "two changes write this resource";
    let again = |changes: &mut Value| {
        let mut again = changes[LIVE].clone();
        again["action"] = json!("delete");
        changes.as_array_mut().unwrap().push(again);
    };
    let nested = account("x").provider("Microsoft.CognitiveServices/accounts", "chat");
    refused(vec![
        ("kind and type", set(GONE, "kind", json!("accounts")), not_a),
        ("unknown kind", set(NEW, "kind", json!("vaults")), "not a kind of resource"),
        ("no id", set(LIVE, "id", json!("/subscriptions/x")), "this is not the id of a resource"),
        ("an account as an assignment", set(GRANT, "id", json!(account("free"))), not_a),
        ("an assignment without a GUID", set(GONE, "id", assignment(&account("chat"), "x")), not_a),
        ("below another resource", set(LIVE, "id", json!(nested)), not_a),
        ("two changes of one resource", set(LIVE, "id", json!(account("NEW"))), twice),
        ("a delete beside an update", edit(again), twice),
        ("two texts that decide", set(LIVE, "steps", json!([])), "unknown field `steps`"),
        ("the old reference", set(HOLED, "reference", json!({})), "unknown field `reference`"),
        ("needs", set(LIVE, "needs", json!([])), "unknown field `needs`"),
        ("last", set(GONE, "last", json!(false)), "unknown field `last`"),
    ]);
}

#[test]
fn an_action_has_what_it_needs_and_nothing_that_is_anothers() {
    let writes_nothing = "it writes nothing, and says what to write";
    let starts = "it has no base fingerprint";
    let elsewhere = account("new").as_str().replace("rg-chat", "prod");
    refused(vec![
        ("a no-op with a fingerprint", set(SAME, "base", json!("sha256:0")), writes_nothing),
        ("a no-op with a field", field(SAME, "disableLocalAuth", json!(false)), writes_nothing),
        ("a no-op with a mark", set(SAME, "mark", json!("added")), writes_nothing),
        ("no base", set(LIVE, "base", Value::Null), starts),
        ("no base of a delete", set(GONE, "base", Value::Null), starts),
        ("a base that is none", set(LIVE, "base", json!("sha256:1234")), starts),
        ("a base of what is new", set(NEW, "base", json!(format!("sha256:{}", "0".repeat(64)))), starts),
        ("no stack", set(GONE, "stack", Value::Null), "it does not name its stack"),
        ("a stack that ends a mark", set(NEW, "stack", json!("a] [keyless:b")), "it does not name its stack"),
        ("a creation without mark", set(NEW, "mark", Value::Null), "its mark"),
        ("a delete with a mark", set(GONE, "mark", json!("kept")), "its mark"),
        ("a delete with fields", field(GONE, "description", json!("x")), "its fields"),
        ("an update of nothing", set(LIVE, "fields", json!([])), "its fields"),
        ("purge of another name", set(NEW, "purge", json!(format!("{DELETED}/prod"))), "soft-deleted"),
        ("purge of a live account", set(NEW, "purge", json!(account("new"))), "soft-deleted"),
        ("purge in another group", set(NEW, "id", json!(elsewhere)), "soft-deleted"),
        ("purge before an update", set(LIVE, "purge", json!(format!("{DELETED}/chat"))), "soft-deleted"),
        ("a field twice", path(LIVE, 0, "disableLocalAuth"), "set twice"),
        ("a field inside of another", path(LIVE, 0, "disableLocalAuth.x"), "set twice"),
        ("a field without a name", path(LIVE, 0, ""), "has no name"),
    ]);
}

#[test]
fn a_field_is_one_that_the_kind_has_spelled_exactly_with_a_value_that_it_takes() {
    let (no_field, twice) = ("is not a field of kind", "set twice, or inside another");
    let deny = json!({"defaultAction": "Deny"});
    let two_tags = json!({"team": "x", "Team": "y"});
    refused(vec![
        ("the role twice", field(GRANT, "RoleDefinitionId", json!("x")), twice),
        ("the principal twice", field(GRANT, "PrincipalId", json!("x")), twice),
        ("inside of another in another case", field(GRANT, "CONDITION.x", json!("x")), no_field),
        ("a principal in another case", field(HOLED, "PrincipalId", json!(ALICE)), no_field),
        ("network rules in another case", field(NEW, "NetworkAcls", deny.clone()), no_field),
        ("a member in another case", field(NEW, "networkAcls.DefaultAction", json!("Deny")), no_field),
        ("a member of a value", field(NEW, "networkAcls", json!({"DefaultAction": "Deny"})), no_field),
        ("ARM's own shape", field(NEW, "properties", json!({"networkAcls": deny})), no_field),
        ("what is declared beside the account", field(NEW, "roleAssignments", json!([])), no_field),
        ("a role by its name", field(HOLED, "role", json!("Reader")), no_field),
        ("a tag twice", field(LIVE, "tags", two_tags), "`tags.team` is set twice"),
        ("text for a switch", field(NEW, "disableLocalAuth", json!("true")), "must be true or false"),
        ("a word in another case", field(NEW, "publicNetworkAccess", json!("enabled")), "must be `Enabled`"),
        ("a mapping for text", field(LIVE, "sku", json!({"name": "S0"})), "`sku` must be text"),
        ("nothing for text", field(LIVE, "sku", Value::Null), "`sku` cannot be cleared"),
        ("a mapping in a tag", field(LIVE, "tags.a", json!({"b": null})), "`tags.a` must be text"),
        ("a type that is none", field(HOLED, "principalType", json!("Owner")), "set twice"),
        ("text without end", field(NEW, "x".repeat(5000).leak(), json!(1)), "xxx…` is not a field"),
    ]);
}

#[test]
fn no_path_is_deeper_than_a_field_and_no_id_is_written_otherwise() {
    let deep = |index: usize, names: usize| {
        edit(move |changes: &mut Value| {
            let fields =
                json!([{"path": vec!["a"; names].join("."), "before": 1, "after": 2, "source": null}]);
            changes[index]["fields"] = fields;
        })
    };
    let refusing = edit(|changes: &mut Value| {
        let fields = json!([{"path": vec!["a"; 13].join("."), "before": 1, "after": 2, "source": null}]);
        changes[SAME]["action"] = json!("refused");
        changes[SAME]["fields"] = fields;
    });
    let slash = |index: usize, member: &'static str| {
        edit(move |changes: &mut Value| {
            changes[index][member] = json!(format!("{}/", changes[index][member].as_str().unwrap()));
        })
    };
    refused(vec![
        ("12 names", deep(LIVE, 12), "`a` is not a field"),
        ("13 names", deep(LIVE, 13), "lies 13 names deep"),
        ("without end", deep(LIVE, 200_000), "lies 200000 names deep"),
        ("of what writes nothing", refusing, "lies 13 names deep"),
        ("an id with a slash", slash(LIVE, "id"), "as a plan writes it"),
        ("an assignment with a slash", slash(GONE, "id"), "as a plan writes it"),
        ("a purge with a slash", slash(NEW, "purge"), "soft-deleted"),
    ]);
}

#[test]
fn a_new_assignment_is_named_by_what_it_gives() {
    let other = "does not match its role, principal and scope";
    let owner = json!([
        {"path": "roleDefinitionId", "before": null, "after": format!("{ROLES}/{OWNER}"), "source": null},
        {"path": "principalId", "before": null, "after": ALICE, "source": null},
    ]);
    let bob = |changes: &mut Value| {
        changes[GRANT]["fields"][0]["after"] = json!("bbbbbbbb-0000-4000-8000-000000000002");
    };
    let at_the_group = |changes: &mut Value| {
        let name = changes[GRANT]["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        changes[GRANT]["id"] = assignment(&ResourceId::parse(GROUP).unwrap(), &name);
    };
    let without_role = |changes: &mut Value| {
        let fields = changes[GRANT]["fields"].as_array_mut().unwrap();
        fields.retain(|field| field["path"] != "roleDefinitionId");
    };
    let no_role = |changes: &mut Value| {
        for field in changes[HOLED]["fields"].as_array_mut().unwrap() {
            if field["path"] == "roleDefinitionId" {
                field["after"] = json!(account(READER));
            }
        }
    };
    let another_role = |changes: &mut Value| {
        changes[GONE]["action"] = json!("update");
        changes[GONE]["fields"] = changes[HOLED]["fields"].clone();
    };
    refused(vec![
        ("another principal", edit(bob), other),
        ("another role", set(GRANT, "fields", owner), other),
        ("another scope", edit(at_the_group), other),
        ("a made-up name", set(GRANT, "id", assignment(&account("chat"), ALICE)), other),
        ("no role", edit(without_role), "it has no role"),
        ("an account as a role", edit(no_role), "it has no role"),
        ("a role that changes", edit(another_role), "identifies the resource and cannot change"),
    ]);
}

#[test]
fn what_comes_from_elsewhere_comes_from_what_the_plan_writes() {
    let (identity, elsewhere) = ("whose identity", "take a value from another");
    let unknown = "is not another change of the plan";
    let hole = |member: &'static str, value: Value| {
        edit(move |changes: &mut Value| changes[HOLED]["holes"][0][member] = value)
    };
    let of_a_grant =
        |changes: &mut Value| changes[HOLED]["holes"][0]["resource"] = changes[GRANT]["id"].clone();
    let in_an_update = |changes: &mut Value| changes[LIVE]["holes"] = changes[HOLED]["holes"].clone();
    refused(vec![
        ("another identity", hole("resource", json!(account("other"))), identity),
        ("the identity of what has none", edit(of_a_grant), identity),
        ("a hole over a value", field(HOLED, "principalId", json!(ALICE)), elsewhere),
        ("a hole of another field", hole("field", json!("roleDefinitionId")), elsewhere),
        ("a hole in an update", edit(in_an_update), elsewhere),
        ("another property", hole("property", json!("name")), "unknown variant"),
        ("waiting for what is not there", set(GRANT, "after", json!([account("elsewhere")])), unknown),
        ("waiting for itself", set(LIVE, "after", json!([account("chat")])), unknown),
        ("waiting for what stays", set(GRANT, "after", json!([account("other")])), unknown),
    ]);
}

#[test]
fn what_a_change_waits_for_may_only_be_added_and_never_turned_round() {
    let ids: Vec<String> = saved().changes.into_iter().map(|change| change.id).collect();
    let after = |index: usize, id: &str| {
        let id = id.to_owned();
        parse(&forged(move |changes| changes[index]["after"] = json!([id])))
    };
    // Disabling keys and deletes wait for grants; grants must not wait for those.
    for (index, other) in [(GRANT, LIVE), (GRANT, GONE), (NEW, HOLED), (LIVE, GONE)] {
        assert!(matches!(after(index, &ids[other]), Err(SavedError::Circle)), "{index} after {other}");
    }
    let plain = saved();
    let waiting = after(GRANT, &ids[NEW]).unwrap();
    let added: Vec<usize> =
        (0..plain.steps.len()).filter(|at| waiting.steps[*at] != plain.steps[*at]).collect();
    assert_eq!(added.len(), 1);
    let (old, new) = (&plain.steps[added[0]].needs, &waiting.steps[added[0]].needs);
    assert!(old.iter().all(|need| new.contains(need)) && new.len() == old.len() + 1, "{old:?} {new:?}");
    // The order of changes has no meaning.
    let mut turned = parse(&forged(|changes| changes.as_array_mut().unwrap().reverse())).unwrap();
    let named = |plan: &Plan| -> Vec<Value> {
        let name =
            |step: &crate::document::Step| json!([format!("{:?}", step.action), step.target, step.patch]);
        let mut all: Vec<Value> = plan
            .steps
            .iter()
            .map(|step| {
                let mut needs: Vec<Value> = step.needs.iter().map(|need| name(&plan.steps[*need])).collect();
                needs.sort_by_key(Value::to_string);
                json!([name(step), needs])
            })
            .collect();
        all.sort_by_key(Value::to_string);
        all
    };
    assert_eq!(named(&turned), named(&plain));
    turned.changes.reverse();
    assert_eq!(turned.changes.len(), plain.changes.len());
}

#[test]
fn counts_and_contents_have_to_fit_the_fingerprint() {
    for edit in [
        |plan: &mut Value| plan["summary"]["delete"] = json!(0),
        |plan: &mut Value| plan["changes"][LIVE]["fields"][0]["after"] = json!("Enabled"),
        |plan: &mut Value| plan["target"]["kind"] = json!("azure"),
        |plan: &mut Value| plan["fingerprint"] = json!(""),
    ] {
        let mut value = json!(saved());
        edit(&mut value);
        assert!(matches!(parse(&value.to_string()), Err(SavedError::Fingerprint)), "{value}");
    }
    let old = json!({"formatVersion": "1.0", "steps": []}).to_string();
    assert_eq!(
        parse(&old).unwrap_err().to_string(),
        "it has format version `1.0`, but this version of keyless reads `2.0`"
    );
}

#[test]
fn titles_addresses_and_reasons_are_made_anew() {
    let read = parse(&forged(|changes| {
        for change in changes.as_array_mut().unwrap() {
            change["title"] = json!("tags of account playground");
            change["address"] = json!("accounts/playground");
            change["reason"] = json!("harmless");
        }
    }))
    .unwrap();
    let told: Vec<(&str, Option<&str>)> = read
        .changes
        .iter()
        .filter(|change| change.action.writes())
        .map(|change| (change.title.as_str(), change.reason.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("account new", Some("a soft-deleted one of this name is permanently purged first")),
            ("account chat", None),
            ("role assignment Reader -> User aaaaaaaa-0000-4000-8000-000000000001 on chat", None),
            (
                "role assignment Reader -> the identity of account `new` (known after it is created) on resource group rg-chat",
                None
            ),
            (
                "role assignment 00000000-0000-4000-8000-000000000009 on chat",
                Some("owned by stack `team-a`, which no longer declares it")
            ),
        ]
    );
    assert!(read.changes.iter().all(|change| change.address == change.id));
    let written: Vec<_> = read.changes.iter().filter(|change| change.action.writes()).collect();
    assert!(written.iter().all(|change| change.called.as_deref() == Some("tags of account playground")));
}

#[test]
fn against_live_state_marks_and_values_before_are_read_anew() {
    let (chat, old) = (account("chat"), saved().changes[GONE].id.clone());
    let world = |tag: Option<&str>, description: &str| {
        let tags = tag.map_or_else(|| json!({}), |tag| json!({"keyless-stack": tag}));
        let account = json!({"id": chat, "properties": {"publicNetworkAccess": "Enabled"}, "tags": tags});
        let role = json!({"id": old, "properties": {"description": description, "scope": chat, "principalId": ALICE,
            "principalType": "User", "roleDefinitionId": format!("{ROLES}/{OWNER}")}});
        let body = |body: Value| (ResourceId::parse(body["id"].as_str().unwrap()).unwrap(), body.into());
        World { resources: [body(account), body(role)].into(), ..World::default() }
    };
    let ours = "x [keyless:team-a]";
    for (tag, description, told) in [
        (Some("team-a"), ours, vec![]),
        (Some("team-b"), ours, vec!["update account chat", "but it carries the mark of stack `team-b`"]),
        (None, ours, vec!["update account chat", "but it carries no mark of a stack"]),
        (Some("team-a"), "x", vec!["delete role assignment Owner", "but it carries no mark of a stack"]),
        (Some("team-a"), "x [keyless:team-b]", vec!["but it carries the mark of stack `team-b`"]),
    ] {
        let mut plan = parse(&json!(saved()).to_string()).unwrap();
        let findings = confront(&mut plan, &world(tag, description));
        let text: String = findings.iter().map(|finding| finding.message.clone() + "\n").collect();
        assert_eq!(findings.len(), usize::from(!told.is_empty()), "{text}");
        assert!(told.iter().all(|words| text.contains(words)), "{text}");
        assert_eq!(plan.changes[LIVE].fields[0].before, "Enabled");
        // Who loses access is read from Azure, whatever the file calls it.
        assert_eq!(plan.changes[GONE].title, format!("role assignment Owner -> User {ALICE} on chat"));
        assert!(plan.changes[GONE].called.is_some());
    }
}

#[test]
fn with_specs_every_part_of_a_change_has_to_be_the_same() {
    let fresh = saved();
    let same = parse(&json!(fresh).to_string()).unwrap();
    assert_eq!(differing(&same, &fresh), []);
    let edits: [(usize, Alter); 9] = [
        (NEW, |change| change.stack = Some("team-b".to_owned())),
        (LIVE, |change| change.mark = None),
        (LIVE, |change| change.base = Some(format!("sha256:{}", "0".repeat(64)))),
        (LIVE, |change| change.fields[0].after = json!("Enabled")),
        (LIVE, |change| change.action = Action::Adopt),
        (NEW, |change| change.purge = None),
        (HOLED, |change| change.holes[0].resource = account("other").to_string()),
        (GRANT, |change| change.after = vec![account("new").to_string()]),
        (GONE, |change| change.kind = "accounts".to_owned()),
    ];
    for (index, edit) in edits {
        let mut other = fresh.clone();
        edit(&mut other.changes[index]);
        assert_eq!(differing(&same, &other).len(), 1, "{index}");
        assert_eq!(differing(&other, &fresh).len(), 1, "{index}");
    }
    // Neither may contain what the other does not.
    let mut fewer = fresh.clone();
    fewer.changes[GONE].action = Action::Refused;
    assert_eq!(differing(&same, &fewer).len(), 1);
    let told = differing(&fewer, &fresh);
    assert_eq!(told.len(), 1);
    assert!(told[0].message.contains("which is not in the plan"), "{told:?}");
}

//! How values compare, and which declared values are shown as lines.

use serde_json::{Value, json};

use super::open::Veiled;
use super::strangers::stranger;
use super::*;
use crate::kinds::desired::samples::{GROUP, account, declared, live};
use crate::kinds::{self, Compare, Gap, UndeclaredVerdict, Weight};
use crate::spec::variables::VariableInputs;

const RULE: &str =
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/n/subnets/app";

fn condition(attribute: &str, space: &str, value: &str) -> Value {
    json!(format!("{attribute}{space}StringEquals{space}{value}"))
}

#[test]
fn each_way_of_comparing() {
    let by_id = Compare::By(&["id"]);
    for (compare, declared, live, same) in [
        (Compare::Equal, json!("a"), json!("a"), true),
        (Compare::Equal, json!("a"), json!("A"), false),
        (Compare::IgnoreCase, json!("a"), json!("A"), true),
        (Compare::IgnoreCase, json!("a"), json!("b"), false),
        (Compare::IgnoreCase, json!(null), json!(null), true),
        (Compare::IgnoreCase, json!("a"), json!(null), false),
        (Compare::Location, json!("East US 2"), json!("eastus2"), true),
        (Compare::Location, json!("eastus"), json!("eastus2"), false),
        (Compare::TextToItsEnd, json!("a b"), json!("a b \n"), true),
        (Compare::TextToItsEnd, json!("a b"), json!("a  b"), false),
        // White space in quotes is part of the compared value.
        (
            Compare::Condition,
            condition("@Resource[a:b]", " ", "'x'"),
            condition("@Resource[a:b]", "\n\t", "'x'"),
            true,
        ),
        (
            Compare::Condition,
            condition("@Resource[a:b]", " ", "'x'"),
            condition("@Resource[a:c]", " ", "'x'"),
            false,
        ),
        (
            Compare::Condition,
            condition("@Resource[a:b c]", " ", "'x'"),
            condition("@Resource[a:bc]", " ", "'x'"),
            false,
        ),
        (
            Compare::Condition,
            condition("@Resource[a:b]", " ", "'x y'"),
            condition("@Resource[a:b]", " ", "'xy'"),
            false,
        ),
        (
            Compare::Condition,
            condition("@Resource[a:b]", " ", "'x\\' y'"),
            condition("@Resource[a:b]", " ", "'x\\' y' "),
            true,
        ),
        (
            Compare::Condition,
            condition("@Resource[a:b]", " ", "'x\\' y'"),
            condition("@Resource[a:b]", " ", "'x\\'y'"),
            false,
        ),
        (Compare::Condition, json!("(half"), json!("(half "), true),
        (Compare::Condition, json!("(half a"), json!("(halfa"), false),
        (Compare::Cidrs, json!(["203.0.113.7", "10.0.0.0/8"]), json!(["10.0.0.0/8", "203.0.113.7/32"]), true),
        (Compare::Cidrs, json!(["203.0.113.7"]), json!(["203.0.113.8"]), false),
        (Compare::Cidrs, json!(null), json!(null), true),
        (Compare::Cidrs, json!(["203.0.113.7"]), json!(null), false),
        (Compare::Names, json!(["A.example"]), json!(["a.example"]), true),
        (Compare::Names, json!([]), json!(["a.example"]), false),
        (by_id, json!(null), json!(null), true),
        (by_id, json!([]), json!(null), false),
        (by_id, json!([{"id": RULE}]), json!([{"id": RULE.to_uppercase(), "state": "Succeeded"}]), true),
        (by_id, json!([{"id": RULE}]), json!([]), false),
        (by_id, json!([{"id": "/a"}, {"id": "/b"}]), json!([{"id": "/b"}, {"id": "/a"}]), true),
        (by_id, json!([{"id": "/a"}]), json!([{"id": "/b"}]), false),
        (by_id, json!([{"id": "/a"}]), json!([{"id": "/a"}, {"id": "/b"}]), false),
        // An absent boolean is false, and a text may be returned in another case.
        (by_id, json!([{"id": "/a", "ignore": false}]), json!([{"id": "/a"}]), true),
        (by_id, json!([{"id": "/a", "ignore": true}]), json!([{"id": "/a"}]), false),
        (by_id, json!([{"id": "/a", "ignore": true}]), json!([{"id": "/a", "ignore": true}]), true),
        (by_id, json!([{"id": "/a", "scenario": "Agent"}]), json!([{"id": "/a", "scenario": "agent"}]), true),
        (by_id, json!([{"id": "/a", "scenario": "agent"}]), json!([{"id": "/a", "scenario": "none"}]), false),
        (Compare::Identity, json!("a"), json!("b"), true),
    ] {
        assert_eq!(compare::equal(compare, &declared, &live), same, "{compare:?}: {declared} and {live}");
    }
}

#[test]
fn a_creation_shows_each_value_and_no_null() {
    let accounts = kinds::by_name("accounts").unwrap();
    let mut lines = Vec::new();
    for (name, value) in [
        ("networkAcls", json!({"defaultAction": "Deny", "ipRules": ["203.0.113.7"]})),
        ("tags", json!({"team": "ml", "old": null})),
        ("disableLocalAuth", json!(true)),
    ] {
        leaves(accounts, &[name.to_owned()], &value, &mut |path, value, change| {
            lines.push((path.join("."), value.clone(), change));
        });
    }
    let shown = |name: &str, value: Value| (name.to_owned(), value, Mutability::InPlace);
    assert_eq!(
        lines,
        [
            shown("networkAcls.defaultAction", json!("Deny")),
            shown("networkAcls.ipRules", json!(["203.0.113.7"])),
            shown("tags.team", json!("ml")),
            ("disableLocalAuth".to_owned(), json!(true), Mutability::AfterGrants),
        ]
    );
}

#[test]
fn values_are_written_as_people_write_them() {
    assert_eq!((plain(&json!("eastus")), plain(&json!(true))), ("eastus".to_owned(), "true".to_owned()));
}

#[test]
fn a_restored_account_carries_the_mark_if_it_did_or_the_stack_adopts() {
    let chat = account("chat");
    for (marked, adopt, differs, mark) in [
        (false, false, true, false),
        (false, true, true, true),
        (true, false, true, true),
        (true, true, true, true),
        (false, false, false, false),
        (false, true, false, true),
        (true, false, false, true),
    ] {
        let mut desired = declared("accounts", &chat, &chat);
        desired.adopt = adopt;
        if differs {
            desired.declared.insert("disableLocalAuth".to_owned(), json!(true));
        }
        let mut body = json!({"id": chat.as_str(), "properties": {"disableLocalAuth": false}});
        if marked {
            desired.kind.set_mark(&mut body, "team-a");
        }
        let change = restored(desired, &live("accounts", &chat, &chat, body), &mut Vec::new());
        let Change::Restore { fields, mark: found, .. } = change else { panic!("{change:?}") };
        assert_eq!((found, fields.len()), (mark, usize::from(differs)), "{marked} {adopt} {differs}");
    }
}

#[test]
fn what_has_a_place_for_a_mark_and_none_there_is_declared_and_not_ours() {
    let group = ResourceId::parse(GROUP).unwrap();
    for (kind, marked, adopt, noted) in [
        ("roleAssignments", false, false, true),
        ("roleAssignments", false, true, false),
        ("roleAssignments", true, false, false),
        ("roleAssignments", true, true, false),
        ("accounts", false, false, true),
        ("accounts", false, true, false),
        ("accounts", true, false, false),
        ("deployments", false, false, true),
        ("projects", false, false, true),
        ("connections", false, false, false),
    ] {
        let id = account("chat");
        let mut desired = declared(kind, &id, &group);
        desired.adopt = adopt;
        let mut body = json!({"id": id.as_str(), "properties": {}});
        if marked {
            desired.kind.set_mark(&mut body, "team-a");
        }
        let mut findings = Vec::new();
        compare(desired, &live(kind, &id, &group, body), &mut findings);
        let codes: Vec<Code> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes.contains(&Code::NotOurs), noted, "{kind} {marked} {adopt}: {codes:?}");
    }
}

/// What happens to an undeclared live account: `D` for delete, `U` for unmanaged with a word of the reason and `!` if it is drift, or
/// nothing.
fn fate(
    settings: &str,
    group: &str,
    mark: Option<&str>,
    spoil: impl Fn(&mut Inventory, &mut Veiled),
) -> String {
    let listed = weighed(settings, group, mark, &spoil, |_| Weight::Listed);
    let drift = weighed(settings, group, mark, &spoil, Weight::Drift);
    // The kind's verdict neither prevents nor causes a delete.
    assert_eq!(drift.trim_end_matches('!'), listed.trim_end_matches('!'));
    // What may be a declared resource is not drift.
    assert_eq!(drift.ends_with('!'), listed.starts_with('U') && listed != "U resolved", "{listed}");
    listed
}

fn weighed(
    settings: &str,
    group: &str,
    mark: Option<&str>,
    spoil: impl Fn(&mut Inventory, &mut Veiled),
    weight: impl Fn(Span) -> Weight,
) -> String {
    const SUBSCRIPTION: &str = "7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11";
    let text = format!(
        "version: 1\nstack: team-a\nsubscription: {SUBSCRIPTION}\nresourceGroup: rg-chat\nlocation: eastus2\n{settings}accounts: [{{name: other}}]\n"
    );
    let mut sources = crate::text::source::Sources::default();
    let (stacks, findings) = crate::spec::read(
        &["-".into()],
        &VariableInputs::default(),
        &mut sources,
        text.as_bytes(),
        crate::kinds::check,
    );
    assert!(findings.is_empty(), "{findings:?}");
    let id = ResourceId::resource_group(SUBSCRIPTION, group)
        .provider("Microsoft.CognitiveServices/accounts", "chat");
    let tags = mark.map_or(json!({}), |stack| json!({"keyless-stack": stack}));
    let chat = live("accounts", &id, &id, json!({"id": id, "name": "chat", "tags": tags}));
    let mut inventory = Inventory::default();
    let mut veiled = Veiled::default();
    spoil(&mut inventory, &mut veiled);
    let verdict =
        UndeclaredVerdict { weight: weight(stacks[0].document.value_span("/accounts")), note: None };
    let known = Known { stacks: &stacks, snapshot: &Snapshot::default(), inventories: Vec::new() };
    let others = super::apart::Others::default();
    let mut undeclared = Undeclared::beside(&[], &others, &known);
    undeclared.veiled = veiled;
    let change = undeclared.change(&chat, verdict, None, inventory.gap_near(&id).is_some());
    let warned = change.as_ref().and_then(stranger).is_some();
    match change {
        None => String::new(),
        Some(Change::Delete { stack, live, .. }) if !warned && live.id == id => format!("D {stack}"),
        Some(Change::Unmanaged { why, weight, .. }) if matches!(weight, Weight::Drift(_)) == warned => {
            let word = why.split(' ').find(|word| word.starts_with('`')).or(why.rsplit(' ').next());
            format!("U {}{}", word.unwrap(), if warned { "!" } else { "" })
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_what_is_ours_and_surely_undeclared_in_our_domain_is_deleted() {
    let gap = |scope: &str| Gap {
        scope: ResourceId::parse(scope).unwrap(),
        refusal: Refusal { message: "no".to_owned(), hint: None },
    };
    let (ours, theirs) = (Some("team-a"), Some("team-b"));
    let whole = |_: &mut Inventory, _: &mut Veiled| {};
    for (settings, group, mark, expected) in [
        ("", "rg-chat", ours, "D team-a"),
        ("", "RG-CHAT", ours, "D team-a"),
        ("", "rg-chat", theirs, "U `team-b`,"),
        ("", "rg-chat", None, "U it"),
        ("", "rg-chat2", ours, "U scopes!"),
        ("unmanaged: list\n", "rg-chat2", ours, "U scopes"),
        ("", "rg-chat2", theirs, ""),
        ("", "rg-chat2", None, ""),
        ("prune: none\n", "rg-chat", ours, "U `prune:"),
        ("unmanaged: list\n", "rg-chat", ours, "D team-a"),
    ] {
        assert_eq!(fate(settings, group, mark, whole), expected, "{settings:?} {group} {mark:?}");
    }
    let subscription = &GROUP[..GROUP.find("/resourceGroups").unwrap()];
    let elsewhere = "/subscriptions/11111111-1111-4111-8111-111111111111";
    let near = format!("{subscription}/resourceGroups/another");
    for (scope, expected) in [
        (GROUP, "U incomplete"),
        (subscription, "U incomplete"),
        (&near, "U incomplete"),
        (elsewhere, "D team-a"),
    ] {
        let gapped = |inventory: &mut Inventory, _: &mut Veiled| inventory.gaps.push(gap(scope));
        let partial = |inventory: &mut Inventory, _: &mut Veiled| inventory.partial.push(gap(scope));
        assert_eq!(fate("", "rg-chat", ours, gapped), expected, "{scope}");
        assert_eq!(fate("", "rg-chat", ours, partial), expected, "{scope}");
    }
    let hidden = |kind: &str| {
        let mut open = declared(kind, &account("x"), &account("x"));
        let message = "nobody is called so".to_owned();
        open.open =
            Some(crate::finding::Open::Unknown(Box::new(Finding::error(Code::PrincipalUnread, message))));
        fate("", "rg-chat", ours, |_, veiled| {
            let known = Known { stacks: &[], snapshot: &Snapshot::default(), inventories: Vec::new() };
            *veiled = Veiled::of(std::slice::from_ref(&open), &known);
        })
    };
    assert_eq!((hidden("accounts").as_str(), hidden("roleAssignments").as_str()), ("U resolved", "D team-a"));
}

/// The names of the changed fields, `refused` with the code, or the kind of change.
fn outcome(desired: Desired, body: Value) -> String {
    let live = live(desired.kind.name(), &desired.id, &desired.scope, body);
    let mut findings = Vec::new();
    let change = compare(desired, &live, &mut findings);
    let paths = |fields: &[FieldChange]| {
        fields.iter().map(|field| field.path.join(".")).collect::<Vec<_>>().join(" ")
    };
    match change {
        Change::NoOp { .. } => "same".to_owned(),
        Change::Adopt { .. } => "adopted".to_owned(),
        Change::Update { fields, adopt, .. } => paths(&fields) + if adopt { " adopted" } else { "" },
        Change::Refused { .. } => format!("refused {}", findings.last().unwrap().code.as_str()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_azure_fixed_or_another_stack_owns_is_refused_and_all_else_changes_in_place() {
    let body = || {
        json!({"id": account("chat").as_str(), "kind": "AIServices", "location": "eastus2", "sku": {"name": "S0"},
            "tags": {}, "properties": {"disableLocalAuth": false}})
    };
    let set = |pointer: &str, name: &str, value: Value| {
        let mut body = body();
        body.pointer_mut(pointer).unwrap()[name] = value;
        body
    };
    let named = || set("/properties", "customSubDomainName", json!("chat-eu"));
    for (field, value, live, expected) in [
        ("disableLocalAuth", json!(false), body(), "same"),
        ("disableLocalAuth", json!(true), body(), "disableLocalAuth"),
        ("kind", json!("OpenAI"), body(), "refused immutable-field"),
        ("location", json!("westeurope"), body(), "refused immutable-field"),
        ("location", json!("East US 2"), body(), "same"),
        ("customSubDomainName", json!("chat-eu"), body(), "customSubDomainName"),
        ("customSubDomainName", json!("chat-eu"), named(), "same"),
        ("customSubDomainName", json!("chat-us"), named(), "refused immutable-field"),
        (
            "disableLocalAuth",
            json!(false),
            set("/tags", "keyless-stack", json!("team-b")),
            "refused foreign-mark",
        ),
        ("disableLocalAuth", json!(false), set("/tags", "keyless-stack", json!("team-a")), "same"),
    ] {
        for adopt in [false, true] {
            let mut desired = declared("accounts", &account("chat"), &account("chat"));
            desired.declared.insert(field.to_owned(), value.clone());
            desired.adopt = adopt;
            let ours = live["tags"]["keyless-stack"] == "team-a";
            let adopted = match expected {
                "same" if adopt && !ours => "adopted".to_owned(),
                fields if adopt && !ours && !fields.contains(' ') && fields != "same" => {
                    format!("{fields} adopted")
                }
                other => other.to_owned(),
            };
            assert_eq!(outcome(desired, live.clone()), adopted, "{field} {value} {adopt}");
        }
    }
}

#[test]
fn a_secret_goes_along_with_another_change_or_when_it_is_to_be_sent_again() {
    let id = account("chat").child("connections", "search");
    for (target, resend, expected) in [
        ("https://search.example", false, "same"),
        ("https://search.example", true, "credentials.key"),
        ("https://other.example", false, "target credentials.key"),
        ("https://other.example", true, "target credentials.key"),
    ] {
        let mut search = declared("connections", &id, &id);
        let fields = json!({"category": "CognitiveSearch", "authType": "ApiKey", "target": target,
            "credentials": {"key": "${secret.SEARCH}"}});
        search.declared = fields.as_object().unwrap().clone();
        search.resend = resend;
        let body = json!({"id": id.as_str(), "properties": {"category": "CognitiveSearch", "authType": "ApiKey",
            "target": "https://search.example", "credentials": null}});
        assert_eq!(outcome(search, body), expected, "{target} {resend}");
    }
}

/// What `diff` returns for one account and a grant on it, with these lists of live and deleted accounts.
fn whole(accounts: &[Value], deleted: &[Value]) -> Vec<String> {
    let text = "version: 1\nstack: team-a\nsubscription: 7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11\nresourceGroup: rg-chat\n\
        location: eastus2\naccounts:\n- name: chat\n  kind: AIServices\n  roleAssignments:\n  - role: Cognitive Services User\n    \
        principals: [{id: aaaaaaaa-1111-4111-8111-111111111111, type: User}]\n";
    let mut sources = crate::text::source::Sources::default();
    let (stacks, findings) = crate::spec::read(
        &["-".into()],
        &VariableInputs::default(),
        &mut sources,
        text.as_bytes(),
        crate::kinds::check,
    );
    assert!(findings.is_empty(), "{findings:?}");
    let mut snapshot = Snapshot::default();
    loop {
        let open = crate::kinds::missing(&crate::kinds::Survey::of(&stacks, &snapshot));
        if open.is_empty() {
            break;
        }
        for query in open {
            let found = match query.path.split('?').next().unwrap() {
                path if path.ends_with("/deletedAccounts") => deleted,
                path if path.ends_with("/accounts") => accounts,
                _ => &[],
            };
            snapshot.insert(&query, crate::snapshot::Answer::found(found.iter().cloned().map(query.project)));
        }
    }
    assert_eq!(crate::kinds::desired::desired(&stacks).len(), 2);
    let changes = diff(&stacks, crate::kinds::desired::resolved(&stacks, &snapshot), &snapshot).changes;
    changes
        .into_iter()
        .map(|change| match change {
            Change::NoOp { desired, .. } => format!("same {}", desired.kind.name()),
            Change::Create { desired, .. } => format!("create {}", desired.kind.name()),
            Change::Refused { desired, .. } => format!("refused {}", desired.kind.name()),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_grant_is_made_on_what_is_there_and_not_on_what_cannot_be_made() {
    let body = |kind: &str| {
        json!({"id": account("chat").as_str(), "name": "chat", "kind": kind, "location": "eastus2",
            "sku": {"name": "S0"}, "properties": {"provisioningState": "Succeeded"}})
    };
    let remains = json!({
        "id": "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/providers/Microsoft.CognitiveServices/locations/eastus2/resourceGroups/rg-chat/deletedAccounts/chat",
        "name": "chat", "location": "eastus2", "properties": {},
    });
    assert_eq!(whole(&[body("AIServices")], &[]), ["same accounts", "create roleAssignments"]);
    assert_eq!(whole(&[], &[]), ["create accounts", "create roleAssignments"]);
    // It exists and differs permanently: that does not affect a grant on it.
    assert_eq!(whole(&[body("OpenAI")], &[]), ["refused accounts", "create roleAssignments"]);
    assert_eq!(whole(&[], &[remains]), ["refused accounts", "refused roleAssignments"]);
}

#[test]
fn a_connection_is_not_written_without_what_it_signs_in_with() {
    let id = account("chat").child("connections", "search");
    let mut search = declared("connections", &id, &id);
    let fields =
        json!({"category": "CognitiveSearch", "authType": "ApiKey", "target": "https://other.example"});
    search.declared = fields.as_object().unwrap().clone();
    let body = json!({"id": id.as_str(), "properties": {"category": "CognitiveSearch", "authType": "ApiKey",
        "target": "https://search.example", "credentials": null}});
    assert_eq!(outcome(search, body), "refused credentials-unknown");
}

#[test]
fn what_could_not_be_read_says_why_and_what_to_do() {
    let chat = declared("accounts", &account("chat"), &account("chat"));
    let finding = chat.unread(&Refusal { message: "403".to_owned(), hint: Some("ask".to_owned()) });
    assert_eq!((finding.cause.as_deref(), finding.hint.as_deref()), (Some("403"), Some("ask")));
}

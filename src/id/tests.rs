//! Ids: their forms, their order, what contains what.

use super::*;

#[test]
fn the_id_of_a_request_is_no_key() {
    for (text, is) in [
        ("7c1e0d52-1a08-4d7b-9f5e-2f6f0c1d9a11", true),
        ("r1", true),
        ("westeurope-0123", true),
        ("0123456789abcdef0123456789abcdef", false),
        ("{7c1e0d52-1a08-4d7b-9f5e-2f6f0c1d9a1}", false),
        ("", false),
        ("two words", false),
        ("WESTUS2:20260101T000000Z", false),
        ("a\u{1b}[31m", false),
    ] {
        assert_eq!(is_request_id(text), is, "{text}");
    }
}

#[test]
fn ids_compare_without_case_and_print_as_written() {
    let upper =
        ResourceId::parse("/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/RG").unwrap();
    let lower =
        ResourceId::parse("/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/rg").unwrap();
    assert_eq!(upper, lower);
    assert_eq!(upper.to_string(), "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/RG");
    assert_eq!(lower.group(), Some(upper));
}

#[test]
fn ids_are_sorted_as_their_lower_case_is() {
    let long = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/";
    let names =
        ["", "a", "A", "ab", "aB", "a-", "Z", "z/providers/x/y", "abcdefghijklmnop", "abcdefghijklmnoP", "é"];
    let ids: Vec<ResourceId> = names
        .iter()
        .flat_map(|name| {
            [format!("{long}{name}"), format!("{}{name}", long.to_lowercase()), format!("/{name}")]
        })
        .map(|text| ResourceId(text.into()))
        .collect();
    for (a, b) in ids.iter().flat_map(|a| ids.iter().map(move |b| (a, b))) {
        assert_eq!(a.cmp(b), a.0.to_ascii_lowercase().cmp(&b.0.to_ascii_lowercase()), "{a} {b}");
    }
}

#[test]
fn a_scope_holds_what_is_below_it_and_not_its_neighbours() {
    let group = ResourceId::resource_group("s", "rg");
    assert!(group.contains(&ResourceId::resource_group("S", "RG")));
    assert!(group.contains(&group.provider("Microsoft.CognitiveServices/accounts", "a")));
    assert!(!group.contains(&ResourceId::resource_group("s", "rg2")));
    assert!(ResourceId::root().contains(&group));
    assert!(!group.contains(&ResourceId::subscription("s")));
}

#[test]
fn a_child_knows_its_parent_and_its_type() {
    let account = ResourceId::resource_group("s", "rg").provider("Microsoft.CognitiveServices/accounts", "a");
    let connection = account.child("projects", "p").child("connections", "c");
    let types = |id: &ResourceId| id.resource_type().unwrap_or_default();
    assert_eq!(types(&connection), "Microsoft.CognitiveServices/accounts/projects/connections");
    assert_eq!(connection.parent(), Some(account.child("projects", "p")));
    assert_eq!(types(&account), "Microsoft.CognitiveServices/accounts");
    assert_eq!(ResourceId::resource_group("s", "rg").resource_type(), None);
    assert_eq!(ResourceId::root().parent(), None);
}

#[test]
fn whatever_is_in_an_account_leads_back_to_it() {
    let group = ResourceId::resource_group("s", "rg");
    let account = group.provider("Microsoft.CognitiveServices/accounts", "a");
    let project = account.child("projects", "p");
    let grant = project.child("connections", "c").provider("Microsoft.Authorization/roleAssignments", "x");
    for id in [&account, &project, &grant] {
        assert_eq!(id.tracked(), account);
        assert_eq!(id.up_to("Accounts").as_ref(), Some(&account));
    }
    assert_eq!(grant.up_to("projects"), Some(project));
    assert_eq!(account.up_to("projects"), None);
    assert_eq!(group.tracked(), group);
    assert_eq!(ResourceId::root().up_to("accounts"), None);
}

#[test]
fn a_name_may_hold_spaces_but_not_end_in_one() {
    let group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg";
    let rule =
        |name: &str| ResourceId::parse(&format!("{group}/providers/microsoft.alertsmanagement/rules/{name}"));
    assert!(rule("Failure Anomalies - app").is_ok());
    for bad in [" ", " a", "a ", "a\tb", "a\u{a0}b"] {
        assert!(rule(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn an_id_that_azure_shows_may_hold_what_a_written_one_may_not() {
    let zone = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Network/dnsZones/x.com";
    for (id, declared) in [("/A/*", false), ("/A/*.dev", false), ("/A/@", true), ("", true)] {
        let id = format!("{zone}{id}");
        assert!(ResourceId::parse(&id).is_ok(), "{id}");
        assert_eq!(ResourceId::declared(&id).is_ok(), declared, "{id}");
    }
}

#[test]
fn a_text_that_is_no_id_is_elsewhere_only_if_it_begins_with_another_path() {
    use Beside::{Elsewhere, Unclear, Within};
    let subscription = "/subscriptions/00000000-0000-0000-0000-0000000000aa";
    let group = format!("{subscription}/resourceGroups/rg");
    let chat = format!("{group}/providers/Microsoft.CognitiveServices/accounts/chat");
    let id = ResourceId::parse(&chat).unwrap();
    for (text, stands) in [
        (format!("{group}/providers/Microsoft.Network/dnsZones/x/A/a|b"), Elsewhere),
        (format!("{group}/providers/Microsoft.Network/dnsZones/x%/A"), Elsewhere),
        (format!("{}/a|b", chat.replace("/rg/", "/other/")), Elsewhere),
        (format!("{}b/resourceGroups/a|b", &subscription[..subscription.len() - 1]), Elsewhere),
        (format!("{chat}2/a|b"), Elsewhere),
        (format!("{chat}/projects/a|b"), Within),
        (chat.to_uppercase() + "/X|Y/Z", Unclear),
        (format!("{chat}/a|b"), Unclear),
        (chat.replace("chat", "c|at"), Unclear),
        (chat.replace("accounts", "acc|ounts"), Unclear),
        (chat.replace("/rg/", "/r|g/"), Unclear),
        (format!("{group}/"), Unclear),
        (subscription.to_owned(), Unclear),
        (chat.replace("00000000-0000-0000-0000-0000000000aa", "000000000000000000000000000000aa"), Unclear),
        // What could be written in another way.
        (chat.replace("chat", "ch%61t/a|b"), Unclear),
        (format!("{subscription}/resourceGroups/other/../rg"), Unclear),
        (format!("{subscription}/resourceGroups/other/%2E./rg"), Unclear),
        (format!("{subscription}/resourceGroups/other\\..\\rg"), Unclear),
        (format!("{subscription}//resourceGroups/rg"), Unclear),
        ("/providers/Microsoft.Management/managementGroups/a|b".to_owned(), Unclear),
        (chat[1..].to_owned(), Unclear),
        ("/".to_owned(), Unclear),
        (String::new(), Unclear),
        ("chat".to_owned(), Unclear),
    ] {
        assert_eq!(id.beside(&text), stands, "{text}");
    }
    let management = ResourceId::parse("/providers/Microsoft.Management/managementGroups/mg").unwrap();
    for (scope, text, stands) in [
        (&management, "/providers/Microsoft.Management/managementGroups/m|g", Unclear),
        (&management, "/providers/Microsoft.Management/managementGroups/other/a|b", Elsewhere),
        (&management, chat.as_str(), Within),
        (&ResourceId::root(), chat.as_str(), Within),
        (&ResourceId::root(), "/a|b", Unclear),
    ] {
        assert_eq!(scope.beside(text), stands, "{scope} {text}");
    }
}

#[test]
fn malformed_ids_are_refused() {
    for bad in [
        "subscriptions/x",
        "/subscriptions/not-a-guid",
        "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/../x",
        "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/a/providers/Microsoft.X/y",
        "/subscriptions/00000000-0000-0000-0000-000000000000//resourceGroups/a",
        "/nonsense/a",
    ] {
        assert!(ResourceId::parse(bad).is_err(), "{bad}");
    }
}

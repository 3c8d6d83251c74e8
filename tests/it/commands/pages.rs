//! Pages of HTML: one file that asks for nothing, in which all text is text. What a browser makes of them `tests/html.sh` looks at.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::accounts;
use crate::common::{
    ALICE, Azure, BOB, CS_USER, Fault, Folder, READER, SUB, account, assignment, every_row, few, grants,
    one_account, role,
};

const HOSTILE: &str =
    "a<img src=x onerror=e()><script>e()</script>\"'><b>&lt; \u{202e}bidi https://evil.example {{1}}";
/// The same as a page shows it.
const TAMED: &str = "a&lt;img src=x onerror=e()&gt;&lt;script&gt;e()&lt;/script&gt;&quot;'&gt;&lt;b&gt;&amp;lt; \\u{202e}bidi https://evil.example {{1}}";
const CUSTOM: &str = "c0570000-0000-4000-8000-000000000001";

/// What stands between two marks, and what is behind.
fn between<'a>(text: &'a str, start: &str, end: &str) -> (&'a str, &'a str) {
    let rest = text.split_once(start).unwrap_or_else(|| panic!("no `{start}` in {text}")).1;
    rest.split_once(end).unwrap_or_else(|| panic!("no `{end}` behind `{start}`"))
}

/// Asserts what holds of every page, whatever it shows.
#[track_caller]
fn is_a_page(page: &str) {
    assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">") && page.ends_with("</html>\n"), "{page}");
    let (policy, _) = between(page, "http-equiv=\"Content-Security-Policy\" content=\"", "\"");
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
    for (element, directive) in [("style", "style-src"), ("script", "script-src")] {
        let (text, rest) = between(page, &format!("<{element}>"), &format!("</{element}>"));
        assert!(!rest.contains(&format!("<{element}")), "a second {element}");
        let hash = STANDARD.encode(Sha256::digest(text.as_bytes()));
        assert!(policy.contains(&format!("{directive} 'sha256-{hash}';")), "{policy}: {element} is {hash}");
    }
    // Nothing but what keyless wrote is an element, an attribute that runs, or an address that is asked.
    let (_, body) = between(page, "<body>", ">");
    let (body, _) = body.split_once("<script>").unwrap();
    let lower = body.to_lowercase();
    for markup in ["<img", "<script", "<b>&lt;", "<svg", "<iframe", "<link", "<form", "<a href=\"h"] {
        assert!(!lower.contains(markup), "`{markup}` in {body}");
    }
    for tag in body.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag) {
        for attribute in [" on", " style=", " src=", " href=\"h", " href=\"/", " href=\"j"] {
            assert!(!tag.to_lowercase().contains(attribute), "`{attribute}` in `<{tag}>`");
        }
    }
    let raw = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{200b}\u{2066}\u{feff}".contains(c);
    assert!(!page.contains(raw), "a raw character");
}

/// The page that a run leaves in a file, which is what it prints too.
#[track_caller]
fn page(folder: &Folder, arguments: &str, code: i32) -> String {
    folder.keyless(&format!("{arguments} --report html=page.html")).exits(code);
    let page = std::fs::read_to_string(folder.path().join("page.html")).unwrap();
    is_a_page(&page);
    assert_eq!(folder.keyless(&format!("{arguments} --format html")).exits(code).stdout, page);
    page
}

/// The text of a page's table, cell by cell, by the id or class of the table.
fn cells(page: &str, table: &str) -> Vec<Vec<String>> {
    let is_it = |rest: &&str| rest.split_once('>').is_some_and(|(tag, _)| tag.contains(table));
    let rest = page.split("<table").skip(1).find(is_it).unwrap_or_else(|| panic!("no table {table}"));
    let inside = rest.split("</table>").next().unwrap();
    let rows = inside.split("<tr").skip(1);
    let text = |cell: &str| {
        let cell = cell.split_once('>').map_or("", |(_, text)| text);
        let parts = cell.split('<').enumerate();
        let plain = parts
            .map(|(at, part)| if at == 0 { part } else { part.split_once('>').map_or("", |(_, text)| text) });
        plain.collect::<String>()
    };
    let cut = |row: &str| row.replace("<th", "<td").split("<td").skip(1).map(text).collect();
    rows.map(cut).collect()
}

fn live() -> Azure {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    azure.make_account("open", &json!({"customSubDomainName": "open"}));
    azure
}

fn name(number: u8) -> String {
    format!("a5510000-0000-4000-8000-0000000000{number:02}")
}

#[test]
fn the_matrix_has_a_row_for_each_principal_and_a_column_for_each_account() {
    let azure = live();
    azure.grant(&account("chat"), &name(1), CS_USER, ALICE, None);
    azure.grant(&format!("/subscriptions/{SUB}/resourceGroups/rg"), &name(2), CS_USER, BOB, None);
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat", "open"]));
    let page = page(&folder, "access", 0);
    let cells = cells(&page, "id=\"matrix\"");
    assert_eq!(cells[0], ["Principal", "chatin rgspecs/a.yaml:7", "openin rgspecs/a.yaml:9keys on"]);
    assert_eq!(cells[1], ["Anyone with an API key", "", "API keys are on"]);
    assert_eq!(cells[2], ["Users 2"]);
    let on_account = "Cognitive Services User on the account";
    let on_group = "Cognitive Services User on resource group rg";
    let holds = |id: &str, of: [&str; 2]| cells.iter().any(|row| row[0].contains(id) && row[1..] == of);
    assert!(holds(ALICE, [on_account, ""]), "{cells:?}");
    assert!(holds(BOB, [on_group, on_group]), "{cells:?}");
}

#[test]
fn a_cell_names_the_least_limited_role_first() {
    let azure = Azure::start();
    let names: Vec<String> = (1..=7).map(|number| format!("chat-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for name in &names {
        azure.make_account(name, &json!({"customSubDomainName": name, "disableLocalAuth": true}));
    }
    let condition = "@Resource[Microsoft.CognitiveServices/accounts:x] StringEquals 'y'";
    azure.grant(&account("chat-1"), &name(1), CS_USER, ALICE, None);
    azure.put(
        &assignment(&format!("/subscriptions/{SUB}"), &name(2)),
        json!({"properties": {"roleDefinitionId": role(CS_USER), "principalId": ALICE, "principalType": "User",
            "condition": condition, "conditionVersion": "2.0"}}),
    );
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&names));
    let cells = cells(&page(&folder, "access", 0), "id=\"matrix\"");
    let alice = cells.iter().find(|row| row[0].contains(ALICE)).unwrap();
    assert_eq!(alice[1..3], ["U·a+1", "U·s*"], "{cells:?}");
}

#[test]
fn names_of_groups_and_members_are_text() {
    const GROUP: &str = "dddddddd-0000-4000-8000-000000000004";
    let azure = live();
    let properties =
        json!({"roleDefinitionId": role(CS_USER), "principalId": GROUP, "principalType": "Group"});
    azure.put(&assignment(&account("chat"), &name(1)), json!({ "properties": properties }));
    let people = json!({
        "users": [{"id": ALICE, "displayName": HOSTILE, "userPrincipalName": HOSTILE}],
        "groups": [{"id": GROUP, "displayName": HOSTILE, "members": [ALICE]}],
    });
    assert_eq!(azure.send("POST", "/_sandbox/directory", Some(people)).status, 200);
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat", "open"]));
    let shown = page(&folder, "access --members", 0);
    assert!(shown.contains(&format!("<li>User <b>{TAMED}</b> <code>{ALICE}</code></li>")), "{shown}");
    let refusal = json!({"error": {"code": "<script>e()</script>", "message": HOSTILE}}).to_string();
    azure.spoil("GET", "/transitiveMembers", Fault::Answer(403, "application/json", refusal));
    let shown = page(&folder, "access --members", 0);
    assert!(shown.contains("<summary>members not known</summary>"), "{shown}");
    folder.keyless("access --members -v").exits(0).says(&["members not known"]);
}

#[test]
fn what_could_not_be_read_is_no_empty_cell() {
    let azure = live();
    azure.grant(&account("chat"), &name(1), CS_USER, ALICE, None);
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat", "open"]));
    let whole = format!("/subscriptions/{SUB}/providers/Microsoft.Authorization/roleAssignments");
    azure.spoil("GET", &whole, Fault::denied());
    let page = page(&folder, "access", 1);
    let cells = cells(&page, "id=\"matrix\"");
    assert!(cells.iter().any(|row| row[0].contains(ALICE) && row[2] == "?"), "{cells:?}");
    assert!(page.contains("<strong class=\"badge changed\">incomplete</strong>"), "{page}");
    assert!(page.contains("error[incomplete-read]"), "{page}");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn text_of_others_is_text_on_every_page() {
    let azure = live();
    let properties = json!({
        "roleName": HOSTILE, "type": "CustomRole", "assignableScopes": [format!("/subscriptions/{SUB}")],
        "permissions": [{"actions": [], "dataActions": ["Microsoft.CognitiveServices/*"]}],
    });
    azure.put(&role(CUSTOM), json!({ "properties": properties }));
    let condition = json!({
        "roleDefinitionId": role(CUSTOM), "principalId": ALICE, "principalType": "User", "description": HOSTILE,
        "condition": format!("@Resource[x] StringEquals '{HOSTILE}'"), "conditionVersion": "2.0",
    });
    azure.put(&assignment(&account("chat"), &name(1)), json!({ "properties": condition }));
    azure.grant(&account("chat"), &name(2), READER, BOB, Some(HOSTILE));
    let user = json!({"id": ALICE, "displayName": HOSTILE, "userPrincipalName": HOSTILE});
    assert_eq!(azure.send("POST", "/_sandbox/directory", Some(json!({"users": [user]}))).status, 200);
    azure.patch(&account("chat"), json!({"tags": {"team": HOSTILE}}));
    let folder = azure.folder();
    folder.write(
        "specs/a.yaml",
        one_account(
            "team-a",
            "chat",
            &format!("disableLocalAuth: true\ntags: {{team: ml}}\n{}", grants(&[BOB])),
        ),
    );
    for (command, code) in [("access", 0), ("plan", 0), ("drift", 2)] {
        let page = page(&folder, command, code);
        assert!(page.contains(TAMED), "{command} shows it: {page}");
    }
    azure.spoil("GET", "CognitiveServices/accounts?", Fault::error(403, HOSTILE, HOSTILE));
    for command in few(2, ["access", "plan", "drift", "keys status", "outputs", "verify"]) {
        let page = page(&folder, command, 1);
        assert!(page.contains(TAMED), "{command} shows it: {page}");
    }
}

#[test]
fn a_plan_says_first_who_gains_and_loses_and_then_what_changes_by_account() {
    let azure = live();
    let folder = azure.folder();
    let of = |name: &str| {
        format!(
            "  - name: {name}\n    disableLocalAuth: true\n    roleAssignments:\n      - role: Cognitive Services User\n        principals: [{{id: {ALICE}, type: User}}]\n"
        )
    };
    folder.write(
        "specs/a.yaml",
        format!("{}accounts:\n{}{}", crate::common::head("team-a"), of("chat"), of("open")),
    );
    let page = page(&folder, "plan", 0);
    let access = cells(&page, "class=\"plain access\"");
    assert_eq!(access[0], ["Account", "Gains", "Loses"]);
    assert!(access[1][0] == "chat" && access[1][1].contains(ALICE) && access[1][2].is_empty(), "{access:?}");
    assert!(access[2][0] == "open" && access[2][2].contains("anyone with an API key"), "{access:?}");
    let groups: Vec<&str> = page.split("<details class=\"group\"").skip(1).collect();
    assert_eq!(groups.len(), 2);
    assert!(
        groups[0].contains("account chat <span class=\"about\">in rg</span>")
            && groups[0].contains("1 to create")
            && !groups[0].contains("1 to update"),
        "{}",
        groups[0]
    );
    assert!(groups[1].contains("account open") && groups[1].contains("1 to update"), "{}", groups[1]);
    assert!(page.find("Who gains").unwrap() < page.find("<h2>Changes</h2>").unwrap());
}

#[test]
fn drift_is_a_time_line_of_who_did_what() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write(
        "a.yaml",
        one_account("team-a", "chat", &format!("disableLocalAuth: true\n{}", grants(&[ALICE]))),
    );
    folder.keyless("apply a.yaml --yes").exits(0);
    let token = format!(
        "e30.{}.c2ln",
        base64::engine::general_purpose::URL_SAFE_NO_PAD
            .encode(json!({"oid": BOB, "upn": "bob@contoso.com"}).to_string())
    );
    let keys = json!({"properties": {"disableLocalAuth": false}});
    assert!(azure.send_as(&token, "PATCH", &account("chat"), Some(keys)).status < 300);
    let page = page(&folder, "drift a.yaml", 2);
    let (line, _) = between(&page, "<div class=\"timeline\"", "</main>");
    assert!(line.contains("UTC</time> <b>bob@contoso.com</b> was the last to change"), "{line}");
    let fields = cells(line, "class=\"fields\"");
    assert_eq!(fields[0], ["Field", "Spec", "Live", "Declared"]);
    assert_eq!(fields[1][..3], ["API keys", "disabled", "enabled"]);
}

#[test]
fn accounts_that_take_keys_come_first() {
    let azure = live();
    let folder = azure.folder();
    let page = page(&folder, &format!("keys status --subscription {SUB}"), 2);
    let rows = cells(&page, "class=\"plain\" id=\"rows\"");
    assert_eq!(rows[1][..2], ["enabled", "open"]);
    assert_eq!(rows[2][..2], ["disabled", "chat"]);
}

#[test]
fn wrong_specs_and_commands_without_a_page_of_their_own_leave_one_too() {
    let azure = live();
    let folder = azure.folder();
    folder.write("wrong.yaml", "version: 1\nstack: team-a\nlocaton: x\n");
    let wrong = page(&folder, "plan wrong.yaml", 1);
    assert!(wrong.contains("<h2>Errors</h2>") && wrong.contains("unknown-field"), "{wrong}");
    folder.write("specs/a.yaml", accounts(&["chat"]));
    assert!(page(&folder, "outputs", 0).contains("<pre>"), "as text");
    folder.write(
        "b.yaml",
        one_account("team-a", "chat", &format!("disableLocalAuth: true\n{}", grants(&[BOB]))),
    );
    folder.keyless("apply b.yaml --yes --report html=done.html").exits(0);
    let done = std::fs::read_to_string(folder.path().join("done.html")).unwrap();
    is_a_page(&done);
    assert!(done.contains("1 done") && done.contains("created  role assignment"), "{done}");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn sixty_accounts_and_two_hundred_principals_are_a_page_of_at_most_a_megabyte_and_a_half() {
    let principals = if every_row() { 200 } else { 40 };
    let azure = Azure::start();
    let names: Vec<String> = (0..60).map(|number| format!("models-{number:02}")).collect();
    for name in &names {
        azure.make_account(name, &json!({"customSubDomainName": name, "disableLocalAuth": true}));
    }
    let group = format!("/subscriptions/{SUB}/resourceGroups/rg");
    for number in 0..principals {
        let principal = format!("aaaaaaaa-0000-4000-8000-{number:012}");
        azure.grant(
            &group,
            &format!("a5510000-0000-4000-8000-{number:012}"),
            CS_USER,
            &principal,
            Some(HOSTILE),
        );
    }
    let folder = azure.folder();
    let page = page(&folder, &format!("access --subscription {SUB}"), 0);
    let cells = cells(&page, "id=\"matrix\"");
    let filled = cells.iter().flatten().filter(|cell| *cell == "U·g").count();
    assert_eq!(filled, 60 * principals);
    assert!(page.len() <= 1_500_000, "{} bytes", page.len());
}

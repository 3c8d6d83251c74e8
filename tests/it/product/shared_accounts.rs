//! Teams that share an account: what `coManagedBy` accepts, and how little a mark is worth for that.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::common::{
    ALICE, Azure, BOB, CS_USER, Folder, READER, account, assignment, few, grants, one_account, role,
};

const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
/// The other team's pipeline: its object id, and the client id that Azure shows of it elsewhere.
const PIPELINE: &str = "b0700000-0000-4000-8000-000000000001";
const CLIENT: &str = "b0700000-0000-4000-8000-0000000000aa";
const GRANT: &str = "a5510000-0000-4000-8000-000000000001";

fn token(claims: &Value) -> String {
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn pipeline() -> String {
    token(&json!({"oid": PIPELINE, "appid": CLIENT}))
}

fn mallory() -> String {
    token(&json!({"oid": "0a11ce00-0000-4000-8000-000000000001", "upn": "mallory@contoso.com"}))
}

fn spec(team: &str) -> String {
    let lines = format!("disableLocalAuth: true\n{}deployments: []\n{team}", grants(&[ALICE]));
    one_account("team-a", "chat", &lines)
}

fn team_b() -> String {
    format!(
        "coManagedBy:\n  - stack: team-b\n    by: [{}, {CLIENT}]\n    roles: [Cognitive Services User, Owner]\n",
        PIPELINE.to_uppercase()
    )
}

fn applied() -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec(&team_b()));
    folder.keyless("apply a.yaml --yes").exits(0);
    (azure, folder)
}

#[track_caller]
fn does(azure: &Azure, token: &str, method: &str, path: &str, body: Option<Value>) {
    let answer = azure.send_as(token, method, path, body);
    assert!(answer.status < 300, "{method} {path}: {answer:?}");
}

fn grant(guid: &str, description: &str) -> Value {
    json!({"properties": {"roleDefinitionId": role(guid), "principalId": BOB, "principalType": "User", "description": description}})
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_mark_is_believed_where_maker_writer_and_role_are_the_teams() {
    let (azure, folder) = applied();
    let path = assignment(&account("chat"), GRANT);
    let marked = "calls it [keyless:team-b]";
    for (maker, writer, guid, description, exit) in few(
        3,
        [
            (pipeline(), pipeline(), CS_USER, marked, 0),
            (mallory(), mallory(), CS_USER, marked, 2),
            // Whoever writes it later takes it over.
            (pipeline(), mallory(), CS_USER, marked, 2),
            (mallory(), pipeline(), CS_USER, marked, 2),
            (pipeline(), pipeline(), READER, marked, 2),
            // Listed among `roles`, and guarded.
            (pipeline(), pipeline(), OWNER, marked, 2),
            (pipeline(), pipeline(), CS_USER, "[keyless:team-c]", 2),
            (pipeline(), pipeline(), CS_USER, "no mark", 2),
        ],
    ) {
        let case = format!("{guid} {description} {exit}");
        does(&azure, &maker, "PUT", &path, Some(grant(guid, "first")));
        does(&azure, &writer, "PUT", &path, Some(grant(guid, description)));
        let run = folder.keyless("drift a.yaml --format json").exits(exit);
        run.fits("plan");
        let action = if exit == 0 { "co-managed" } else { "unmanaged-drift" };
        assert_eq!(run.changes(action).len(), 1, "{case}\n{run}");
        let quiet = folder.keyless("plan a.yaml").exits(0);
        assert_eq!(quiet.stdout.contains("(bbbbbbbb…)"), exit != 0, "{case}\n{quiet}");
        let shown = if exit == 0 { "created by stack `team-b`, accepted by `coManagedBy`" } else { BOB };
        folder.keyless("plan a.yaml -v").exits(0).says(&[BOB, shown]);
        azure.take_seen();
        folder.keyless("apply a.yaml --yes").exits(0);
        assert!(azure.take_writes().is_empty(), "{case}");
        azure.delete(&path);
    }
}

#[test]
fn a_deployment_is_shared_by_who_made_it_too() {
    let (azure, folder) = applied();
    let path = format!("{}/deployments/theirs", account("chat"));
    let body = |tags: &Value| {
        json!({"sku": {"name": "GlobalStandard", "capacity": 1}, "tags": tags,
            "properties": {"model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"}}})
    };
    let theirs = json!({"keyless-stack": "team-b"});
    for (writer, tags, exit) in
        [(pipeline(), &theirs, 0), (mallory(), &theirs, 2), (pipeline(), &json!({}), 2)]
    {
        does(&azure, &writer, "PUT", &path, Some(body(tags)));
        folder.keyless("drift a.yaml").exits(exit);
        does(&azure, &pipeline(), "DELETE", &path, None);
    }
}

#[test]
fn the_account_itself_says_whom_it_shares_with_and_no_other_does() {
    let (azure, folder) = applied();
    let other = format!(
        "{}  - name: mail\n    roleAssignments: []\n    {}",
        spec(""),
        team_b().trim_end().replace('\n', "\n    ")
    );
    folder.write("a.yaml", format!("{other}\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    for (name, exit) in [("chat", 2), ("mail", 0)] {
        let path = assignment(&account(name), GRANT);
        does(&azure, &pipeline(), "PUT", &path, Some(grant(CS_USER, "[keyless:team-b]")));
        folder.keyless("drift a.yaml").exits(exit);
        azure.delete(&path);
    }
}

#[test]
fn what_could_never_be_accepted_is_told_at_its_line() {
    let folder = Folder::new();
    for (team, code) in [
        (team_b().replace("team-b", "team-a"), "invalid-value@15"),
        (team_b().replace("team-b", "Team B"), "invalid-name@15"),
        (team_b().replace(CLIENT, "pipeline"), "invalid-guid@16"),
        (team_b().replace(CLIENT, "00000000-0000-0000-0000-000000000000"), "invalid-guid@16"),
        (team_b().replace("Services User", "Services Usr"), "unknown-role@17"),
    ] {
        folder.write("a.yaml", spec(&team));
        let run = folder.keyless("validate a.yaml --format json").exits(1);
        assert!(run.findings().contains(&code.to_owned()), "{code}\n{run}");
    }
    folder.write("a.yaml", spec(&team_b()));
    let run = folder.keyless("validate a.yaml --format json").exits(0);
    assert_eq!(run.findings(), ["invalid-value@17"], "a guarded role is never accepted\n{run}");
}

/// What a stack expects excuses to that stack: what is given on a group reaches the accounts of every stack in it.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn one_stack_expects_nothing_for_the_accounts_of_another_in_their_group() {
    let azure = Azure::start();
    let folder = azure.folder();
    let expected = format!(
        "expected: [{{role: Owner, principal: {BOB}, reason: \"on call\", until: \"2999-12-31\"}}]\n"
    );
    let account_of = |stack: &str, name: &str, list: &str| {
        one_account(stack, name, &format!("disableLocalAuth: true\n{list}"))
    };
    let (one, two) = (account_of("team-a", "chat", &grants(&[ALICE])), account_of("team-b", "mail", ""));
    let drift = |a: &str, b: &str, specs: &str, exit: i32| {
        folder.write("a.yaml", a);
        folder.write("b.yaml", b);
        folder.keyless(&format!("drift {specs}")).exits(exit)
    };
    let with = |spec: &str| format!("{spec}{expected}");
    drift(&one, &two, "a.yaml b.yaml", 2);
    folder.keyless("apply a.yaml b.yaml --yes").exits(0);
    drift(&one, &two, "a.yaml b.yaml", 0);
    let owner = |scope: &str| {
        let properties =
            json!({"roleDefinitionId": role(OWNER), "principalId": BOB, "principalType": "User"});
        azure.put(&assignment(scope, GRANT), json!({ "properties": properties }));
    };
    let group = format!("/subscriptions/{}/resourceGroups/rg", crate::common::SUB);
    // An account that no spec declares is nobody's alone, as the group is.
    azure.make_account("old", &json!({"customSubDomainName": "old", "disableLocalAuth": true}));
    for scope in [group.clone(), account("old")] {
        owner(&scope);
        drift(&one, &two, "a.yaml b.yaml", 2);
        let run = drift(&one, &with(&two), "a.yaml b.yaml", 2);
        run.says(&[
            "stack `team-b` expects it, and stack `team-a` names that resource group too and does not",
        ]);
        let run = drift(&with(&one), &two, "a.yaml b.yaml", 2);
        run.says(&[
            "stack `team-a` expects it, and stack `team-b` names that resource group too and does not",
        ]);
        // Each alone, and both: together they see what one of them sees.
        drift(&one, &with(&two), "a.yaml", 2);
        drift(&one, &with(&two), "b.yaml", 0);
        let both = drift(&with(&one), &with(&two), "a.yaml b.yaml", 0);
        assert!(both.stdout.contains("No drift") && !both.stdout.contains("      drift: "), "{both}");
        // Of two the one that ends first counts.
        let over = with(&two).replace("2999", "2020");
        drift(&with(&one), &over, "a.yaml b.yaml", 2).says(&["it was expected until 2020-12-31: on call"]);
        // What fails nothing is not concerned.
        let lists = one.replacen("accounts:", "unmanaged: list\naccounts:", 1);
        drift(&lists, &with(&two), "a.yaml b.yaml", 0);
        drift(&lists, &two, "a.yaml b.yaml", 2);
        azure.delete(&assignment(&scope, GRANT));
    }
    // What is given on an account reaches that one only: the word of its stack counts, with a list and without.
    owner(&account("mail"));
    drift(&one, &with(&two), "a.yaml b.yaml", 0);
    drift(&with(&one), &two, "a.yaml b.yaml", 2).says(&[
        "stack `team-a` expects it, and stack `team-b` declares the account: only `expected` of that stack counts here",
    ]);
    azure.delete(&assignment(&account("mail"), GRANT));
    owner(&account("chat"));
    drift(&with(&one), &two, "a.yaml b.yaml", 0);
    drift(&one, &with(&two), "a.yaml b.yaml", 2);
    azure.delete(&assignment(&account("chat"), GRANT));
    // Above groups nothing is drift, and `expected` does not apply.
    for scope in [
        format!("/subscriptions/{}", crate::common::SUB),
        "/providers/Microsoft.Management/managementGroups/contoso".to_owned(),
    ] {
        owner(&scope);
        for (a, b) in [(one.clone(), two.clone()), (one.clone(), with(&two))] {
            let run = drift(&a, &b, "a.yaml b.yaml", 0);
            assert!(!run.stdout.contains("expected until"), "{run}");
        }
        azure.delete(&assignment(&scope, GRANT));
    }
}

/// Its spec is there and no longer declares it: whether the stack is selected makes no difference.
#[test]
fn what_a_loaded_stack_no_longer_declares_is_not_accepted_for_it() {
    let (azure, folder) = applied();
    does(
        &azure,
        &pipeline(),
        "PUT",
        &assignment(&account("chat"), GRANT),
        Some(grant(CS_USER, "[keyless:team-b]")),
    );
    folder.keyless("drift a.yaml").exits(0).says(&["1 of other teams"]);
    let other = one_account("team-b", "other", "").replace("resourceGroup: rg", "resourceGroup: rg-b");
    folder.write("b.yaml", other);
    folder.keyless("apply b.yaml --yes").exits(0);
    for select in ["", " --select team-a"] {
        folder.keyless(&format!("drift a.yaml b.yaml{select}")).exits(2).says(&["1 extra"]);
    }
}

//! `--select`: all specs are loaded, their marks and rules count, and only the chosen stacks are read and written.

use serde_json::json;

use crate::common::{
    ALICE, Azure, BOB, CS_USER, Fault, SUB, account, assignment, grants, head, one_account, role,
};

const OTHER: &str = "9e0d7a40-3333-4444-8555-666677778888";
const OPENAI_USER: &str = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd";
const GRANT: &str = "a5510000-0000-4000-8000-000000000001";

#[test]
#[ignore = "slow: tests/slow.sh"]
fn only_the_chosen_stacks_are_read_and_written() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("specs/a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    folder.write("specs/b.yaml", one_account("team-b", "other", &grants(&[BOB])).replace(SUB, OTHER));
    let run = folder.keyless("plan --select team-a").exits(0).says(&["account chat", "2 to create"]);
    assert!(!run.stdout.contains("account other"), "{run}");
    assert!(azure.take_seen().iter().all(|seen| !seen.path().contains(OTHER)));
    folder
        .with_env("apply --yes", &[("KEYLESS_SELECT", "team-b")])
        .exits(0)
        .says(&["account other", "2 done"]);
    folder.keyless("plan --select team-a --select team-b").exits(0).says(&["2 to create"]);
    folder
        .keyless("plan --select team-c")
        .exits(1)
        .complains(&["`--select team-c`: no loaded spec has that stack", "did you mean `team-"]);
    // What is wrong with a spec is wrong whoever is chosen, and rules between files hold.
    folder.write("specs/c.yaml", one_account("team-a", "chat", ""));
    folder.keyless("plan --select team-b").exits(1);
    std::fs::remove_file(folder.path().join("specs/c.yaml")).unwrap();
    // A pin is about what is chosen.
    folder.keyless("plan --select team-a --stack team-a").exits(0);
    folder.keyless("plan --stack team-a").exits(1).complains(&["pinned to stack `team-a`, not `team-b`"]);
    folder.keyless("plan --select team-b --stack team-a").exits(1).complains(&["pinned to stack `team-a`"]);
    // A saved plan is whole.
    folder.keyless("plan --select team-a --out p.json").exits(0);
    folder
        .keyless("apply p.json --yes --select team-b")
        .exits(1)
        .complains(&["which is not selected", "`--select team-a`"]);
    folder.keyless("apply p.json specs --yes --select team-a").exits(0).says(&["2 done"]);
    folder.keyless("drift").exits(0);
}

#[test]
fn the_mark_of_a_stack_that_was_left_out_counts_where_that_stack_speaks_and_nowhere_else() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    folder.keyless("apply a.yaml --yes").exits(0);
    let marked = json!({"properties": {"roleDefinitionId": role(CS_USER), "principalId": BOB, "principalType": "User", "description": "[keyless:team-b]"}});
    azure.put(&assignment(&account("chat"), GRANT), marked);
    // Not loaded: it hides nothing.
    folder.keyless("drift a.yaml").exits(2).says(&["team-b"]);
    // Loaded and speaking for the group, or not.
    folder.write("b.yaml", one_account("team-b", "other", ""));
    folder.keyless("drift a.yaml b.yaml --select team-a").exits(0);
    folder
        .keyless("plan a.yaml b.yaml --select team-a -v")
        .exits(0)
        .says(&["which is not selected in this run"]);
    folder.write(
        "b.yaml",
        one_account("team-b", "other", "").replace("resourceGroup: rg", "resourceGroup: rg-b"),
    );
    folder.keyless("drift a.yaml b.yaml --select team-a").exits(2).says(&["team-b"]);
}

#[test]
fn what_stacks_of_no_spec_left_elsewhere_is_one_note_with_a_count() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    for (stack, group) in [("team-b", "rg-b"), ("team-c", "rg-c")] {
        let spec = one_account(stack, stack, &grants(&[BOB]))
            .replace("resourceGroup: rg", &format!("resourceGroup: {group}"));
        folder.write("other.yaml", spec);
        folder.keyless("apply other.yaml --yes").exits(0);
    }
    folder.keyless("apply a.yaml --yes").exits(0);
    let words = "4 resources elsewhere belong to stacks that are not loaded: `team-b` (2), `team-c` (2)";
    let run = folder.keyless("plan a.yaml --format json").exits(0);
    let findings = run.json()["findings"].clone();
    let told: Vec<_> = findings.as_array().unwrap().iter().filter(|each| each["message"] == words).collect();
    assert_eq!(told.len(), 1, "{run}");
    assert_eq!(told[0]["severity"], "note");
    folder.keyless("drift a.yaml").exits(0);
    // The last one was loaded.
    let run = folder.keyless("plan a.yaml other.yaml --select team-a --format json").exits(0);
    assert!(
        run.stdout.contains("2 resources elsewhere belong to") && !run.stdout.contains("`team-c`"),
        "{run}"
    );
}

/// What another loaded spec declares is declared: neither deleted, nor drift, under whatever name its principal goes.
#[test]
fn what_a_stack_that_was_left_out_declares_is_kept() {
    let azure = Azure::start();
    let folder = azure.folder();
    // Team a had it; now the line is in the spec of team b.
    let grants = "roleAssignments:\n  - {role: Cognitive Services User, principals: [{group: ml-team}]}\n";
    folder.write("a.yaml", one_account("team-a", "chat", grants));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", one_account("team-a", "chat", "roleAssignments: []\n"));
    folder.keyless("plan a.yaml --allow lock-out").exits(0).says(&["1 to delete"]);
    folder.write(
        "b.yaml",
        format!(
            "{}roleAssignments:\n  - {{scope: {}, role: Cognitive Services User, principals: [{{group: ml-team}}]}}\n",
            head("team-b"),
            account("chat")
        ),
    );
    azure.take_seen();
    for command in ["plan", "apply --yes"] {
        folder.keyless(&format!("{command} a.yaml b.yaml --select team-a")).exits(0).says(&["No changes"]);
    }
    folder.keyless("drift a.yaml b.yaml --select team-a").exits(0);
    // Retired too: the other spec still wants it, and says so with both.
    folder.write("a.yaml", head("team-a"));
    folder.keyless("plan a.yaml b.yaml --select team-a --retire team-a --allow delete-account").exits(1);
    // Who the group is cannot be asked: it stays, and that is an error.
    folder.write("a.yaml", one_account("team-a", "chat", "roleAssignments: []\n"));
    azure.spoil("POST", "$batch", Fault::denied());
    let run = folder.keyless("apply a.yaml b.yaml --select team-a --yes --allow lock-out").exits(1);
    run.says(&["possibly declared by a stack that is not selected: `team-b`", "select that stack too"]);
    // Another role is not meant by it.
    azure.grant(&account("chat"), GRANT, OPENAI_USER, BOB, Some("[keyless:team-a]"));
    let run = folder.keyless("plan a.yaml b.yaml --select team-a --allow lock-out").exits(1);
    run.says(&["1 to delete"]);
    assert!(azure.take_writes().iter().all(|seen| seen.method != "DELETE"));
    // A lock file says it without asking.
    azure.heal();
    folder.keyless("lock b.yaml").exits(0);
    azure.spoil("POST", "$batch", Fault::denied());
    let run = folder.keyless("plan a.yaml b.yaml --select team-a --allow lock-out").exits(0);
    run.says(&["1 to delete"]);
}

#[test]
fn an_account_that_moved_to_a_stack_that_was_left_out_is_not_deleted() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", head("team-a"));
    folder.write("b.yaml", one_account("team-b", "chat", &grants(&[ALICE])));
    folder.keyless("plan a.yaml --allow delete-account --allow lock-out").exits(0).says(&["2 to delete"]);
    for retire in ["", "--retire team-a"] {
        let run = folder.keyless(&format!("apply a.yaml b.yaml --select team-a {retire} --yes")).exits(0);
        run.says(&["No changes"]);
    }
}

/// Keys of an account and who may call it are declared in two files; only the first is selected.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn keys_stay_on_while_a_stack_that_was_left_out_declares_a_grant_that_does_not_exist() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"disableLocalAuth": false, "customSubDomainName": "chat"}));
    azure.grant(&account("chat"), GRANT, CS_USER, ALICE, None);
    folder.write(
        "a.yaml",
        one_account(
            "team-a",
            "chat",
            &format!("disableLocalAuth: true\ntags: {{a: b}}\n{}", grants(&[ALICE])),
        ),
    );
    let b = |scope: &str| {
        let grant = "role: Cognitive Services User, principals: [{id: BOB, type: User}]";
        let grant = grant.replace("BOB", BOB);
        folder.write(
            "b.yaml",
            format!("{}roleAssignments:\n  - {{scope: {scope}, {grant}}}\n", head("team-b")),
        );
    };
    let is_off = || azure.get(&account("chat"))["properties"]["disableLocalAuth"] == true;
    let select = "a.yaml b.yaml --select team-a";
    for scope in [account("chat"), "resourceGroup".to_owned(), format!("/subscriptions/{SUB}")] {
        b(&scope);
        let run = folder.keyless(&format!("apply {select} --yes")).exits(1);
        run.says(&[
            "error[waits-for-grants]",
            "`disableLocalAuth` waits for every declared role assignment, and role assignment",
            "of stack `team-b`, which is not selected in this run, does not exist yet",
            "apply stack `team-b`, or select it too first; other differences are written now",
        ]);
        assert!(!is_off(), "{scope}");
        assert_eq!(azure.get(&account("chat"))["tags"]["a"], "b");
    }
    // On another account, or for an account that has no keys, it does not matter.
    b(&account("other"));
    folder.keyless(&format!("plan {select}")).exits(0).says(&["1 to update"]);
    // Who it is cannot be asked.
    let group = "- {scope: resourceGroup, role: Cognitive Services User, principals: [{group: ml-team}]}\n";
    folder.write("b.yaml", format!("{}roleAssignments:\n  {group}", head("team-b")));
    azure.spoil("POST", "$batch", Fault::denied());
    folder.keyless(&format!("plan {select}")).exits(1).says(&["waits-for-grants"]);
    azure.heal();
    // It stands, wherever the selected stack does not look.
    for scope in ["resourceGroup".to_owned(), format!("/subscriptions/{SUB}"), account("chat")] {
        b(&scope);
        folder.keyless("apply b.yaml --yes --allow grant").exits(0);
        folder.keyless(&format!("plan {select}")).exits(0).says(&["1 to update"]);
    }
    folder.keyless(&format!("apply {select} --yes")).exits(0);
    assert!(is_off());
}

/// A secret goes where a loaded spec sends it already, whoever is selected.
#[test]
fn the_secret_of_a_stack_that_was_left_out_goes_to_no_other_host_unasked() {
    let connection = |name: &str, host: &str| {
        format!(
            "connections: [{{name: {name}, category: CognitiveSearch, target: \"https://{host}/\", authType: ApiKey, credentials: {{key: \"${{secret.SEARCH}}\"}}}}]\n"
        )
    };
    let secrets = [("KEYLESS_SECRET_SEARCH", "k3y-of-the-search-service")];
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("b.yaml", one_account("team-b", "other", &connection("search", "good.search.windows.net")));
    folder.with_env("apply b.yaml --yes", &secrets).exits(0);
    folder.write("a.yaml", one_account("team-a", "chat", ""));
    folder.with_env("apply a.yaml b.yaml --yes", &secrets).exits(0);
    folder.write("a.yaml", one_account("team-a", "chat", &connection("mine", "evil.example")));
    azure.take_seen();
    let words = "sends `${secret.SEARCH}` to another host than connection `search` of account `other`";
    for select in ["", "--select team-a"] {
        let run = folder.with_env(&format!("apply a.yaml b.yaml --yes {select}"), &secrets);
        run.exits(3).says(&["error[guard-connection]", words]);
    }
    folder.with_env("plan a.yaml b.yaml --select team-a --out p.json", &secrets).exits(3);
    folder.with_env("apply p.json --yes", &secrets).exits(3).says(&[words]);
    // Where it goes cannot be read.
    azure.spoil("GET", "/accounts/other/connections", Fault::denied());
    let run = folder.with_env("apply a.yaml b.yaml --yes --select team-a", &secrets).exits(3);
    run.says(&["error[guard-connection]", "could not read where connection `search` of account `other`"]);
    azure.heal();
    assert!(azure.take_writes().is_empty());
    folder.write("a.yaml", one_account("team-a", "chat", &connection("mine", "good.search.windows.net")));
    folder.with_env("apply a.yaml b.yaml --yes --select team-a", &secrets).exits(0);
}

/// Anyone can type a mark. One of a stack that deletes nothing would hide a role from every run.
#[test]
fn the_mark_of_a_stack_that_was_left_out_and_deletes_nothing_hides_nothing() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("b.yaml", one_account("team-b", "other", ""));
    folder.keyless("apply b.yaml --yes").exits(0);
    azure.grant(&account("chat"), GRANT, CS_USER, BOB, Some("[keyless:team-b]"));
    folder.keyless("drift a.yaml b.yaml --select team-a").exits(0);
    folder.keyless("drift a.yaml b.yaml --select team-b").exits(2).says(&[&BOB[..8]]);
    folder.write("b.yaml", one_account("team-b", "other", "").replace("accounts:", "prune: none\naccounts:"));
    folder.keyless("drift a.yaml b.yaml --select team-b").exits(0);
    let run = folder.keyless("drift a.yaml b.yaml --select team-a").exits(2);
    run.says(&[&BOB[..8], "which is not selected in this run and which has `prune: none`"]);
    folder.keyless("drift a.yaml b.yaml").exits(2);
}

#[test]
fn lines_that_moved_to_a_stack_that_was_left_out_are_told() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE, BOB])));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    let moved = |stack: &str| {
        format!(
            "{}roleAssignments:\n  - {{scope: {}, role: Cognitive Services User, principals: [{{id: {BOB}, type: User}}]}}\n",
            head(stack),
            account("chat")
        )
    };
    folder.write("b.yaml", moved("team-b"));
    folder.write("c.yaml", one_account("team-c", "third", ""));
    let words = "1 resource that stack `team-b` declares, which is not selected in this run, carries the mark of stack `team-a`, and nothing is changed there: role assignment Cognitive Services User -> User";
    for command in ["plan", "apply --yes", "drift"] {
        let run = folder.keyless(&format!("{command} a.yaml b.yaml c.yaml --select team-a")).exits(0);
        run.says(&["warning[foreign-mark]", words, "b.yaml:7:", "select `team-b` too"]);
    }
    // It concerns neither of the others alone.
    for select in ["--select team-c", "--select team-a --select team-c"] {
        let run = folder.keyless(&format!("plan a.yaml b.yaml c.yaml {select}")).exits(0);
        assert_eq!(run.stdout.contains("foreign-mark"), select.contains("team-a"), "{run}");
    }
    folder
        .keyless("plan a.yaml b.yaml --select team-b")
        .exits(1)
        .says(&["error[foreign-mark]", "`[keyless:team-a]`"]);
    folder.keyless("plan a.yaml b.yaml").exits(1).says(&["error[foreign-mark]"]);
    // What the other stack owns is its own matter.
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    azure.grant(&account("chat"), GRANT, OPENAI_USER, BOB, Some("[keyless:team-b]"));
    folder.write(
        "b.yaml",
        moved("team-b").replace("Cognitive Services User", "Cognitive Services OpenAI User"),
    );
    let run = folder.keyless("plan a.yaml b.yaml --select team-a").exits(0);
    assert!(!run.stdout.contains("foreign-mark"), "{run}");
}

/// A declared assignment has the name that it was made with, and may carry a mark of a stack of no spec.
#[test]
fn what_is_declared_is_not_counted_among_what_stands_elsewhere() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.grant(&account("chat"), GRANT, CS_USER, BOB, Some("[keyless:old]"));
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE, BOB])));
    let run = folder.keyless("plan a.yaml --format json").exits(1);
    let run = run.says(&["carries the mark of stack `old`"]);
    assert!(!run.stdout.contains("elsewhere"), "{run}");
}

/// A stack's last line for a scope was removed: whoever reads there reports what it left, also if the run is about another stack.
#[test]
fn what_a_stack_left_where_it_no_longer_speaks_is_drift_for_whoever_reads_there() {
    let azure = Azure::start();
    let folder = azure.folder();
    let there = format!("/subscriptions/{OTHER}/resourceGroups/rg");
    let line = format!(
        "roleAssignments:\n  - {{scope: {there}, role: Cognitive Services User, principals: [{{id: {BOB}, type: User}}]}}\n"
    );
    folder.write("a.yaml", format!("{}{line}", head("team-a")));
    folder.write("b.yaml", one_account("team-b", "other", &grants(&[ALICE])).replace(SUB, OTHER));
    folder.keyless("apply a.yaml b.yaml --yes").exits(0);
    folder.keyless("drift a.yaml b.yaml --select team-b").exits(0);
    folder.write("a.yaml", head("team-a"));
    for select in ["", "--select team-b"] {
        folder.keyless(&format!("drift a.yaml b.yaml {select}")).exits(2).says(&[
            "1 extra",
            &BOB[..8],
            "outside of its groups and scopes",
        ]);
    }
}

/// Identities and names of stacks that are left out are looked up where what they are given applies to what is read.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn grants_of_a_stack_that_was_left_out_are_found_to_stand_whoever_holds_them() {
    for (scope, who) in [
        (account("chat"), "accountIdentity: other"),
        (format!("/subscriptions/{SUB}"), "user: carol@contoso.com"),
    ] {
        let azure = Azure::start();
        let folder = azure.folder();
        let a = |keys: bool, who: &[&str]| {
            let lines = format!("disableLocalAuth: {}\n{}", !keys, grants(who));
            folder.write("a.yaml", one_account("team-a", "chat", &lines));
        };
        a(true, &[ALICE, BOB]);
        let grant = format!("scope: {scope}, role: Cognitive Services User, principals: [{{{who}}}]");
        let b = one_account("team-b", "other", "").replace(SUB, OTHER);
        folder.write("b.yaml", format!("{b}roleAssignments:\n  - {{{grant}}}\n"));
        folder.keyless("apply a.yaml b.yaml --yes --allow grant").exits(0);
        // Nothing of it is missing, so that keys go off and a line that is gone revokes.
        a(false, &[ALICE]);
        let run = folder.keyless("plan a.yaml b.yaml --select team-a").exits(0);
        run.says(&["API keys  enabled -> disabled", "1 to update, 1 to delete"]);
        folder.keyless("apply a.yaml b.yaml --select team-a --yes").exits(0);
    }
}

/// What the identity works on is in a subscription that the run does not read.
#[test]
fn an_identity_that_a_stack_that_was_left_out_relies_on_does_not_go_unasked() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", ""));
    folder.keyless("apply a.yaml --yes").exits(0);
    let identity = azure.get(&account("chat"))["identity"]["principalId"].as_str().unwrap().to_owned();
    let known =
        azure.get(&format!("/v1.0/servicePrincipals/{identity}"))["appId"].as_str().unwrap().to_owned();
    for who in [format!("id: {identity}, type: ServicePrincipal"), format!("servicePrincipal: {known}")] {
        let grant =
            format!("roleAssignments:\n  - role: Cognitive Services User\n    principals: [{{{who}}}]\n");
        folder.write("b.yaml", one_account("team-b", "other", &grant).replace(SUB, OTHER));
        folder.keyless("apply b.yaml --yes").exits(0);
        folder.write("a.yaml", format!("{}accounts: []\n", head("team-a")));
        let plan = "plan a.yaml b.yaml --allow delete-account";
        folder.keyless(plan).exits(3).says(&["guard-lock-out"]);
        let select = format!("{plan} --select team-a");
        folder.keyless(&select).exits(3).says(&[
            "error[guard-lock-out]: the plan takes away the identity of `chat`, to which stack `team-b`, which is not selected in this run, gives a role on `other`",
            "--allow lock-out:accounts/chat",
        ]);
        // For a stack that is retired the other subscription is read.
        folder.keyless(&format!("{select} --retire team-a")).exits(3).says(&[
            "error[guard-lock-out]: after the plan nobody could call the models of account `other`",
            "its role `Cognitive Services User` on accounts `other` becomes useless",
        ]);
        folder.keyless(&format!("{plan} --select team-a --allow lock-out")).exits(0);
    }
}

/// Nobody looks for what a retired stack left once its spec is removed.
#[test]
fn a_retired_stack_is_looked_for_in_the_subscriptions_of_those_that_were_left_out() {
    let azure = Azure::start();
    let folder = azure.folder();
    let elsewhere = format!(
        "roleAssignments: [{{scope: /subscriptions/{OTHER}/resourceGroups/rg, role: Reader, principals: [{{id: {ALICE}, type: User}}]}}]\n"
    );
    folder.write("a.yaml", format!("{}{elsewhere}", head("team-a")));
    folder.write("b.yaml", one_account("team-b", "other", &grants(&[BOB])).replace(SUB, OTHER));
    folder.keyless("apply a.yaml b.yaml --yes").exits(0);
    folder.write("a.yaml", head("team-a"));
    let retire = "plan a.yaml b.yaml --select team-a --retire team-a";
    folder.keyless(retire).exits(0).says(&[
        "1 resource carries the mark of stack `team-a` outside of what its spec covers, and stays",
        "1 undeclared but not drift",
    ]);
    azure.spoil(
        "GET",
        &format!("/subscriptions/{OTHER}/providers/Microsoft.Authorization/roleAssignments"),
        Fault::denied(),
    );
    folder.keyless(retire).exits(1).says(&["No changes in what could be read"]);
}

/// Whoever could not be looked up may be the identity that goes.
#[test]
fn an_identity_does_not_go_unasked_while_nobody_knows_whom_a_stack_that_was_left_out_means() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", ""));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", format!("{}accounts: []\n", head("team-a")));
    let plan = "plan a.yaml b.yaml --allow delete-account --select team-a";
    let write = |who: &str| {
        let grant = format!("roleAssignments: [{{role: Cognitive Services User, principals: [{who}]}}]\n");
        folder.write("b.yaml", one_account("team-b", "other", &grant).replace(SUB, OTHER));
    };
    azure.spoil("POST", "/v1.0/$batch", Fault::denied());
    write("{servicePrincipal: chat}");
    folder.keyless(plan).exits(3).says(&[
        "error[guard-lock-out]: the plan takes away the identity of `chat`, and stack `team-b`, which is not selected in this run, gives a role on `other` to a principal that could not be looked up and may be this identity",
    ]);
    folder.keyless(&format!("{plan} --allow lock-out:accounts/chat")).exits(0);
    // A person or a group is none.
    write("{group: ml-team}, {user: alice@contoso.com}");
    folder.keyless(plan).exits(0);
}

#[test]
fn roles_that_a_stack_that_was_left_out_gives_an_identity_are_not_missing() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", ""));
    folder.keyless("apply a.yaml --yes").exits(0);
    let identity = azure.get(&account("chat"))["identity"]["principalId"].as_str().unwrap().to_owned();
    let grant = format!(
        "roleAssignments: [{{role: Cognitive Services User, principals: [{{id: {identity}, type: ServicePrincipal}}]}}]\n"
    );
    folder.write("b.yaml", one_account("team-b", "other", &grant).replace(SUB, OTHER));
    folder.write("a.yaml", one_account("team-a", "chat", "identity: None\n"));
    let run = folder.keyless("plan a.yaml b.yaml --select team-a").exits(3);
    let run = run.says(&["with it go what stack `team-b` gives it on accounts `other`"]);
    assert!(!run.stdout.contains("no roles were found"), "{run}");
}

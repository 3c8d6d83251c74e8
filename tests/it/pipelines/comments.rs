//! What stands in comments: enough to review a plan, and nothing that more people read than should.

use serde_json::{Value, json};

use crate::common::{ALICE, Azure, BOB, CAROL, CS_USER, Folder, SUB, account, head};

/// Names, addresses and targets that a plan is full of.
struct Private {
    range: &'static str,
    address: &'static str,
    person: &'static str,
    host: &'static str,
}

const ROWS: [Private; 3] = [
    Private {
        range: "203.0.0.0/8",
        address: "198.51.100.7",
        person: "alice@contoso.com",
        host: "search-one.search.windows.net",
    },
    Private {
        range: "8.0.0.0/6",
        address: "192.0.2.250",
        person: "al_ice.o'hara+x@sub.contoso.co.uk",
        host: "internal_db.corp.example",
    },
    Private {
        range: "128.0.0.0/1",
        address: "10.20.30.40",
        person: "alice_fabrikam.com#EXT#@contoso.onmicrosoft.com",
        host: "a.b.azure-api.net",
    },
];

/// The heading of a comment says which stack and which environment it is about, and so does the title of a page.
#[test]
fn headings_name_stack_and_environment_of_plan_drift_and_apply() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write(
        "specs/a.yaml",
        format!("{}variables: {{n: dev}}\naccounts:\n  - name: chat-${{n}}\n", head("team-a")),
    );
    folder.write("specs/prod.vars.yaml", "n: prod\n");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let reports = "--report markdown=m.md --report comment=c.md --report html=h.html --report json=j.json";
    let about = "stack team-a, environment prod";
    for (command, code) in
        [("plan --env prod --out plan.json", 0), ("drift --env prod", 2), ("apply --env prod --yes", 0)]
    {
        let name = command.split(' ').next().unwrap();
        folder.keyless(&format!("{command} {reports}")).exits(code);
        for file in ["m.md", "c.md"] {
            assert!(
                read(file).starts_with(&format!("## keyless {name}: {about}, subscription ")),
                "{}",
                read(file)
            );
        }
        assert!(read("h.html").contains(&format!("<title>keyless {name}: {about} - ")), "{name}");
        assert_eq!(serde_json::from_str::<Value>(&read("j.json")).unwrap()["environment"], "prod");
    }
    assert!(read("m.md").contains("| created | account chat-prod |"), "{}", read("m.md"));
    // A saved plan keeps it.
    folder.keyless("show plan.json --format markdown").exits(0).says(&[about]);
    folder.write(
        "specs/a.yaml",
        format!(
            "{}variables: {{n: dev}}\naccounts:\n  - name: chat-${{n}}\n    tags: {{a: b}}\n",
            head("team-a")
        ),
    );
    folder.keyless("plan --env prod --out plan.json").exits(0);
    folder.keyless(&format!("apply plan.json --yes {reports}"));
    assert!(read("m.md").contains(about), "{}", read("m.md"));
    assert!(read("m.md").contains("| updated | account chat-prod |"), "{}", read("m.md"));
    folder.keyless("plan --format markdown").exits(3).says(&["## keyless plan: stack team-a, subscription "]);
}

/// A text as it reads, whatever Markdown escapes in it.
fn as_read(markdown: &str) -> String {
    let mut text = markdown.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
    for (code, letter) in [(46, "."), (64, "@"), (35, "#"), (58, ":"), (33, "!"), (32, " ")] {
        text = text.replace(&format!("&#{code};"), letter);
    }
    text.replace('\\', "")
}

/// Whether a GUID stands anywhere in a text.
fn guid_in(text: &str) -> Option<&str> {
    let is_guid = |at: &usize| text.get(*at..at + 36).is_some_and(|part| uuid::Uuid::try_parse(part).is_ok());
    (0..text.len()).find(is_guid).map(|at| &text[at..at + 36])
}

fn spec(private: &Private) -> String {
    let Private { range, address, person, host } = private;
    format!(
        "{}accounts:
  - name: chat
    tags: {{owner: \"{person}\", net: \"{range}\"}}
    publicNetworkAccess: Enabled
    networkAcls: {{defaultAction: Deny, ipRules: [\"{range}\", {address}]}}
    roleAssignments:
      - role: Cognitive Services User
        principals: [{{user: \"{person}\"}}]
        description: \"asked for by {person} from {address}; see https://{host}/why?who={CAROL}\"
      - role: Cognitive Services Contributor
        principals: [{{id: {BOB}, type: User}}]
    connections:
      - {{name: search, category: CognitiveSearch, target: \"https://{host}/\", authType: AAD, metadata: {{Location: \"{host}\", ResourceId: /subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.Search/searchServices/hidden-search}}}}
",
        head("team-a")
    )
}

fn world(azure: &Azure, private: &Private) -> Folder {
    let people =
        json!({"users": [{"id": ALICE, "userPrincipalName": private.person, "displayName": "Alice Doe"}]});
    assert_eq!(azure.send("POST", "/_sandbox/directory", Some(people)).status, 200);
    azure.make_account("chat", &json!({
        "customSubDomainName": "chat",
        "networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "100.64.9.9"}], "virtualNetworkRules": []},
    }));
    azure.grant(&account("chat"), "d0000000-0000-4000-8000-000000000001", CS_USER, CAROL, None);
    let folder = azure.folder();
    folder.write("specs/one.yaml", spec(private));
    folder
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn comments_leave_out_what_not_everybody_may_see_wherever_it_stands() {
    for private in &ROWS {
        let azure = Azure::start();
        let folder = world(&azure, private);
        let reports = "--report comment=c.md --report markdown=m.md --report json=j.json";
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        for command in ["plan", "drift", "plan --allow network-range --allow grant"] {
            let run = folder.keyless(&format!("{command} specs {reports}"));
            let (comment, whole) = (as_read(&read("c.md")), as_read(&read("m.md")));
            for hidden in [
                private.range,
                private.address,
                "100.64.9.9",
                private.person,
                private.host,
                "Alice Doe",
                "hidden-search",
            ] {
                assert!(!comment.contains(hidden), "{command}: {hidden}\n{comment}");
            }
            assert_eq!(guid_in(&comment), None, "{command}\n{comment}");
            // What is left out was there, and what matters still is.
            assert!(
                whole.contains(private.range) && whole.contains(private.person),
                "{command}\n{whole}\n{run}"
            );
            assert!(guid_in(&whole).is_some(), "{whole}");
            assert!(comment.contains("chat") && comment.contains("Cognitive Services User"), "{comment}");
            assert!(
                comment.contains("specs/one.yaml:") && comment.contains("`--disclose` shows them"),
                "{comment}"
            );
        }
        let comment = read("c.md");
        assert!(
            comment.contains("2 address ranges, 2 of them new") && comment.contains("1 address range"),
            "{comment}"
        );
        // Who asks for it gets all.
        folder.keyless(&format!("plan specs --disclose {reports}"));
        assert_eq!(read("c.md"), read("m.md"));
        let document: Value = serde_json::from_str(&read("j.json")).unwrap();
        assert!(document.to_string().contains(private.range));
    }
}

/// What stands beside the changed lines of a pull request is read by the same people.
#[test]
fn annotations_and_code_quality_leave_it_out_too() {
    let private = &ROWS[0];
    let azure = Azure::start();
    let folder = world(&azure, private);
    let more = "    restrictOutboundNetworkAccess: true\n    allowedFqdnList: [one.corp.example]\n    projects: [{name: p1}]\n";
    let text = spec(private).replace("    networkAcls:", &format!("{more}    networkAcls:"));
    folder.write(
        "specs/one.yaml",
        text.replace("category: CognitiveSearch", "category: CognitiveSearch, sharedUserList: [somebody]"),
    );
    let hidden = [
        "203.0.0.0",
        "198.51.100.7",
        "100.64.9.9",
        private.person,
        private.host,
        "one.corp.example",
        "somebody",
    ];
    let mut told = 0;
    for command in ["plan", "drift", "plan --allow network-range --allow grant"] {
        for host in [("GITHUB_ACTIONS", "true"), ("TF_BUILD", "True")] {
            let shown = |more: &str| {
                let line = format!("{command} specs --report codequality=q.json{more} -v");
                let run = folder.with_env(&line, &[host]);
                let lines =
                    run.stderr.lines().filter(|line| line.starts_with("::") || line.starts_with("##vso"));
                let lines: String = lines.collect::<Vec<_>>().join("\n");
                assert!(!lines.is_empty(), "{run}");
                lines + &std::fs::read_to_string(folder.path().join("q.json")).unwrap()
            };
            let text = shown("");
            for each in hidden {
                assert!(!text.contains(each), "{command}: {each}\n{text}");
            }
            assert_eq!(guid_in(&text), None, "{command}\n{text}");
            assert!(text.contains("chat") && text.contains("specs/one.yaml"), "{text}");
            let whole = shown(" --disclose");
            told += hidden.iter().filter(|each| whole.contains(**each)).count();
            // A difference stays the same one, whatever is shown of it.
            let prints = |text: &str| -> Vec<String> {
                let found = text.split("\"fingerprint\": \"").skip(1);
                found.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
            };
            assert_eq!(prints(&text), prints(&whole));
        }
    }
    assert!(told > 6, "{told}");
}

#[test]
fn mistakes_in_specs_and_results_of_apply_leave_it_out_too() {
    let private = &ROWS[0];
    let azure = Azure::start();
    let folder = world(&azure, private);
    let read = |name: &str| as_read(&std::fs::read_to_string(folder.path().join(name)).unwrap());
    folder.write(
        "wrong.yaml",
        spec(private)
            .replace("disableLocalAuth", "x")
            .replace("publicNetworkAccess: Enabled", &format!("\"{}\": 1", private.person))
            .replace("authType: AAD", "authType: 10.9.8.7"),
    );
    folder.keyless("plan wrong.yaml --report comment=c.md --report markdown=m.md").exits(1);
    assert!(read("m.md").contains(private.person) && read("m.md").contains("10.9.8.7"), "{}", read("m.md"));
    assert!(!read("c.md").contains(private.person) && !read("c.md").contains("10.9.8.7"), "{}", read("c.md"));
    let run = folder.keyless(
        "apply specs --yes --allow network-range --allow grant --report comment=c.md --report markdown=m.md",
    );
    assert!(read("m.md").contains(private.person), "{run}\n{}", read("m.md"));
    assert!(
        !read("c.md").contains(private.person) && !read("c.md").contains(".azure.com"),
        "{}",
        read("c.md")
    );
    assert_eq!(guid_in(&read("c.md")), None);
    // Of lists of who has access, it is not known what to leave out.
    folder
        .keyless("access specs --report comment=new.md")
        .exits(1)
        .complains(&["`keyless access` cannot write `--report comment=FILE`", "use `markdown=FILE`"]);
    assert!(!folder.path().join("new.md").exists());
}

/// The flag of a refusal is cut like everything else, so a comment says where it is whole. What stands there lifts the guard as it was printed.
#[test]
fn a_comment_says_where_the_flag_is_that_lifts_a_guard() {
    let azure = Azure::start();
    let folder = world(&azure, &ROWS[0]);
    let run = folder.keyless("plan specs --report comment=c.md").exits(3);
    let text = std::fs::read_to_string(folder.path().join("c.md")).unwrap();
    let said = "A flag `--allow` is shortened here too and lifts nothing as it stands";
    assert!(text.contains("--allow") && text.contains(said), "{text}");
    assert!(run.to_string().contains(&format!("/{BOB}'")), "the log has it in full: {run}");
    folder.keyless("plan specs --report comment=c.md --disclose").exits(3);
    let text = std::fs::read_to_string(folder.path().join("c.md")).unwrap();
    assert!(text.contains(BOB) && !text.contains(said), "{text}");
}

/// Of two targets one is the other one, whichever side a reader begins with.
#[test]
fn a_target_that_was_changed_by_hand_is_another_in_one_column_only() {
    let azure = Azure::start();
    let folder = azure.folder();
    let with = |host: &str| {
        format!(
            "{}accounts:\n  - name: chat\n    connections:\n      - {{name: search, category: CognitiveSearch, target: \"https://{host}/\", authType: AAD, metadata: {{ResourceId: /subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.Search/searchServices/s}}}}\n",
            head("team-a")
        )
    };
    folder.write("specs/a.yaml", with("one.corp.example"));
    folder.keyless("apply specs --yes").exits(0);
    folder.write("specs/a.yaml", with("two.corp.example"));
    for command in ["plan", "drift"] {
        folder.keyless(&format!("{command} specs --report comment=c.md"));
        let text = std::fs::read_to_string(folder.path().join("c.md")).unwrap();
        let line =
            text.lines().find(|line| line.contains("(another target)")).unwrap_or_else(|| panic!("{text}"));
        assert!(
            line.contains("(target withheld)") && line.matches("(another target)").count() == 1,
            "{line}"
        );
    }
}

//! What people read of one change, of twenty and of 480, on narrow and on wide terminals: golden transcripts, and how long they may be.
//!
//! A fleet is written by the test: accounts, each with two deployments and grants. It is planned, applied, changed behind keyless's back, and
//! asked about. Of the largest one the heads and ends of the outputs are kept, and how many lines each has.

use std::fmt::Write as _;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::common::{
    Azure, BOB, CS_USER, Fault, Folder, Run, account, assignment, every_row, few, head, side_by_side,
};

/// So many accounts, with so many resources each.
#[derive(Clone, Copy)]
struct Fleet {
    accounts: usize,
    each: usize,
}

const ONE: Fleet = Fleet { accounts: 1, each: 1 };
const TWENTY: Fleet = Fleet { accounts: 2, each: 10 };
const MANY: Fleet = Fleet { accounts: 40, each: 12 };
const WIDTHS: [usize; 3] = [60, 100, 200];

impl Fleet {
    fn size(self) -> usize {
        self.accounts * self.each
    }

    fn names(self) -> impl Iterator<Item = String> {
        (1..=self.accounts).map(|number| format!("chat-{number:02}"))
    }

    /// Every second account has a guest of its own; all else is the same on each.
    fn spec(self) -> String {
        let mut spec = head("ml-platform");
        spec += "accounts:\n";
        for (index, name) in self.names().enumerate() {
            let _ = write!(spec, "  - name: {name}\n    disableLocalAuth: true\n    tags: {{team: ml}}\n");
            if self.each < 4 {
                continue;
            }
            spec += "    deployments:\n";
            for (name, version) in [("gpt-4o", "2024-08-06"), ("gpt-4o-mini", "2024-07-18")] {
                let model = format!("{{format: OpenAI, name: {name}, version: \"{version}\"}}");
                let _ = write!(
                    spec,
                    "      - name: {name}\n        model: {model}\n        sku: {{name: GlobalStandard, capacity: 1}}\n"
                );
            }
            spec += "    roleAssignments:\n";
            let grants = self.each - 3;
            for (role, grants) in
                [("Cognitive Services User", 0..grants.min(5)), ("Cognitive Services OpenAI User", 5..grants)]
            {
                if grants.is_empty() {
                    continue;
                }
                let _ = write!(spec, "      - role: {role}\n        principals:\n");
                for grant in grants {
                    let guest = if grant == 0 && index % 2 == 0 { index + 1 } else { 0 };
                    let _ = writeln!(spec, "          - {{id: {}, type: User}}", person(guest, grant));
                }
            }
        }
        spec
    }

    /// As many differences as the fleet has resources: keys on, grants gone, grants by hand.
    fn drifts(self, azure: &Azure) {
        for (index, name) in self.names().enumerate() {
            azure.patch(&account(&name), json!({"properties": {"disableLocalAuth": false}}));
            let gone = (self.each - 1) / 2;
            let mut grants = azure.grants_at(&account(&name));
            grants.sort_by_key(|grant| grant["properties"]["principalId"].to_string());
            for grant in grants.iter().take(gone) {
                azure.delete(grant["id"].as_str().unwrap());
            }
            for number in gone..self.each - 1 {
                let who = if number == gone { BOB.to_owned() } else { person(7000, number) };
                let id = format!("cccccccc-{index:04}-4000-8000-{number:012}");
                azure.put(&assignment(&account(&name), &id), json!({"properties": {
                    "roleDefinitionId": crate::common::role(CS_USER), "principalId": who, "principalType": "User"}}));
            }
        }
    }
}

/// Whatever takes longer on a slow machine happened at one time, so that it is always told in the same way.
fn at_once(answer: &mut Value) {
    static NOW: OnceLock<String> = OnceLock::new();
    let now = NOW.get_or_init(|| jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    match answer {
        Value::Array(items) => items.iter_mut().for_each(at_once),
        Value::Object(members) => members.values_mut().for_each(at_once),
        Value::String(text) if text.parse::<jiff::Timestamp>().is_ok() => text.clone_from(now),
        _ => {}
    }
}

fn person(guest: usize, number: usize) -> String {
    format!("{:08x}-aaaa-4000-8000-000000000000", 1000 * guest + number + 1)
}

fn run(folder: &Folder, width: usize, arguments: &str, code: i32) -> Run {
    folder.with_env(arguments, &[("COLUMNS", &width.to_string())]).exits(code)
}

/// What a run said on stdout: all of it, or its head and its end.
fn kept(arguments: &str, run: &Run, whole: bool) -> String {
    let lines: Vec<&str> = run.stdout.lines().collect();
    let shown = match (whole, lines.len()) {
        (false, 61..) => {
            let [first, last] = [&lines[..40], &lines[lines.len() - 20..]].map(|part| part.join("\n"));
            format!("{first}\n[{} lines]\n{last}", lines.len() - 60)
        }
        _ => lines.join("\n"),
    };
    format!("$ keyless {arguments}  # {} lines, exit {}\n{shown}\n\n", lines.len(), run.code)
}

/// Plays the life of a fleet on a terminal of a width, and gives what was said.
fn transcript(fleet: Fleet, width: usize) -> String {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("specs/fleet.yaml", fleet.spec());
    let whole = fleet.size() <= 20;
    let mut shown = String::new();
    let mut play = |arguments: &str, code| {
        let run = run(&folder, width, arguments, code);
        assert!(run.stdout.lines().count() <= 500, "{arguments} at {width}: {run}");
        let is_long = |line: &&str| line.chars().count() > width && line.trim().contains(' ');
        assert_eq!(run.stdout.lines().find(is_long), None, "a line is longer than {width}: {run}");
        // Below a finding, it has a line of its own.
        let is_place = |line: &&str| {
            let said = line.trim_start();
            let said = said.strip_prefix("at ").filter(|_| line.starts_with("    ")).unwrap_or(said);
            said.starts_with("specs/fleet.yaml:") || said.starts_with("…/fleet.yaml:")
        };
        assert_eq!(run.stdout.lines().find(is_place), None, "a place stands alone at {width}: {run}");
        shown += &kept(arguments, &run, whole);
        run
    };
    let plan = play("plan specs", 0);
    let changes = plan.stdout.lines().position(|line| line.starts_with("If applied"));
    let apply = play("apply specs --yes", 0);
    assert!(apply.stdout.contains(&format!("Applied: {} done", fleet.size())), "{apply}");
    assert!(changes.is_none_or(|changes| changes <= 320), "{plan}");
    fleet.drifts(&azure);
    azure.spoil("GET", "/subscriptions/", Fault::Edit(at_once));
    let drift = play("drift specs", 2);
    assert!(drift.stdout.contains("live: enabled,"), "{drift}");
    let left = drift.stdout.lines().find(|line| line.starts_with("Shortened:")).unwrap_or_default();
    assert!(!left.contains("changed"), "fields that changed are never left out: {left}");
    play("access specs", 0);
    // Without a grant nobody could call the account once keys are off.
    let code = if fleet.each == 1 { 3 } else { 0 };
    play("plan specs", code);
    let markdown = run(&folder, width, "plan specs --format markdown", code).stdout;
    assert!(markdown.chars().count() <= 65_536, "{}", markdown.len());
    crate::scenarios::without_times(&shown.replace(azure.url(), "http://ENDPOINT"))
}

fn keep(name: &str, shown: &str) {
    insta::with_settings!({
        snapshot_path => concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scale"),
        prepend_module_to_snapshot => false, omit_expression => true,
    }, {
        insta::assert_snapshot!(name, shown);
    });
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn one_change_twenty_and_480_read_well_at_every_width() {
    let all: Vec<(&str, Fleet, usize)> = [("1", ONE), ("20", TWENTY), ("480", MANY)]
        .into_iter()
        .flat_map(|(name, fleet)| WIDTHS.map(|width| (name, fleet, width)))
        .collect();
    // The largest takes most of the time.
    let all = few(3, all.into_iter().filter(|(_, fleet, _)| every_row() || fleet.size() < MANY.size()));
    let shown = side_by_side(&all, |(_, fleet, width)| transcript(*fleet, *width));
    for ((name, _, width), shown) in all.iter().zip(shown) {
        keep(&format!("{name}-changes-{width}-columns"), &shown);
    }
}

/// A fleet in which nothing is like anything else, and all of it is long.
fn motley(accounts: usize) -> String {
    let mut spec = head("motley") + "accounts:\n";
    for index in 0..accounts {
        let _ = write!(
            spec,
            "  - name: talk-{index:03}\n    tags: {{note: \"</details> | {}{index}\"}}\n    roleAssignments:\n",
            "<img src=x> @everyone `code` ".repeat(6)
        );
        for number in 0..3 {
            let text = format!("{} of {index} and {number}", "[a](https://evil) | words ".repeat(12));
            let _ = write!(
                spec,
                "      - role: Cognitive Services User\n        description: \"{text}\"\n        principals: [{{id: {}, type: User}}]\n",
                person(index, number)
            );
        }
    }
    spec
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_comment_is_never_longer_than_a_comment_may_be_and_says_what_was_cut() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", motley(120));
    let markdown = folder.keyless("plan a.yaml --format markdown").exits(0).stdout;
    assert!(markdown.chars().count() <= 65_536, "{}", markdown.chars().count());
    assert!(markdown.starts_with("## keyless plan: stack motley, subscription "), "{markdown}");
    assert_eq!(markdown.matches("<details>").count(), markdown.matches("</details>").count(), "{markdown}");
    let access = markdown.find("who gains and who loses").expect("who gains is told");
    assert!(access < markdown.find("<details>").expect("changes are folded"), "{markdown}");
    assert!(markdown.contains("**Cut, because a comment takes no more:**"), "{markdown}");
    assert!(markdown.contains("480 to create"), "{markdown}");
    let text = folder.keyless("plan a.yaml").exits(0).stdout;
    assert!(text.lines().count() <= 500, "{} lines", text.lines().count());
    assert!(text.contains("-v lists all"), "{text}");
    let all = folder.keyless("plan a.yaml -v").exits(0).stdout;
    assert_eq!(all.matches("  + role assignment").count(), 360, "{all}");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_error_stands_first_in_a_comment() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = motley(60).replace("Cognitive Services User", "Owner");
    folder.write("a.yaml", spec);
    let markdown = folder.keyless("plan a.yaml --format markdown").exits(3).stdout;
    assert!(markdown.chars().count() <= 65_536, "{}", markdown.chars().count());
    let error = markdown.find("- **error** `guard-grant`").expect("the guard refuses");
    assert!(error < markdown.find("<details>").expect("changes are folded"), "{markdown}");
}

/// Many accounts of which each changes in another way, and among them one whose keys go on, one that opens, one that gets an owner, one that
/// goes with what stands on it, and one that loses its only caller.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_guards_judge_and_who_loses_access_is_named_in_any_crowd() {
    const ACCOUNTS: usize = 90;
    let azure = Azure::start();
    let folder = azure.folder();
    let mut spec = head("crowd") + "accounts:\n";
    for index in 0..ACCOUNTS {
        let name = format!("chat-{index:02}");
        let tags = |value: &str| json!({"a": value, "b": value, "c": value, "keyless-stack": "crowd"});
        let acls = json!({"defaultAction": "Deny", "ipRules": []});
        azure.put(&account(&name), json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"},
            "tags": tags("old"), "properties": {"customSubDomainName": name, "disableLocalAuth": true, "networkAcls": acls}}));
        if index == ACCOUNTS - 1 {
            azure.put(&assignment(&account(&name), &person(0, index)), json!({"properties": {"description": "[keyless:crowd]",
                "roleDefinitionId": crate::common::role(CS_USER), "principalId": BOB, "principalType": "User"}}));
            azure.put(
                &format!("{}/deployments/keep", account(&name)),
                json!({"sku": {"name": "GlobalStandard", "capacity": 1},
                "properties": {"model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-08-06"}}}),
            );
            continue;
        }
        let (keys, action) = (index != ACCOUNTS - 4, if index == ACCOUNTS - 3 { "Allow" } else { "Deny" });
        let _ = write!(
            spec,
            "  - name: {name}\n    customSubDomainName: {name}\n    disableLocalAuth: {keys}\n    networkAcls: {{defaultAction: {action}, ipRules: []}}\n    tags: {{a: new{index}, b: new{index}, c: new{index}}}\n    roleAssignments:\n      - {{role: Cognitive Services User, principals: [{{id: {}, type: User}}]}}\n",
            person(1, index)
        );
        if index == ACCOUNTS - 2 {
            let _ = writeln!(spec, "      - {{role: Owner, principals: [{{id: {BOB}, type: User}}]}}");
        }
    }
    folder.write("a.yaml", spec);
    let allow =
        "--allow grant --allow keys-on --allow public-network --allow delete-account --allow lock-out";
    let text = folder.keyless(&format!("plan a.yaml {allow}")).exits(0).stdout;
    assert!(text.lines().count() <= 500 && text.contains("as totals only"), "{text}");
    let markdown = folder.keyless(&format!("plan a.yaml {allow} --format markdown")).exits(0).stdout;
    for (name, shown) in [("text", &text), ("markdown", &markdown)] {
        let lines: Vec<&str> = shown.lines().collect();
        let says = |words: &[&str]| lines.iter().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(says(&["role assignment Owner"]), "{name}: {shown}");
        assert!(says(&["API keys", "disabled", "enabled"]), "{name}: {shown}");
        assert!(says(&["networkAcls.defaultAction", "Deny", "Allow"]), "{name}: {shown}");
        assert!(
            says(&["guard-grant"]) && says(&["guard-keys-on"]),
            "what is lifted is said: {name}: {shown}"
        );
        assert!(says(&["chat-89"]), "{name}: {shown}");
        assert!(says(&["with it", " deployment keep"]), "{name}: {shown}");
    }
}

/// Whether a deletion stands in text: below its account, or in a list of deletions by name alone.
fn is_named_among_deletions(changes: &str, name: &str) -> bool {
    let (account, lines) = (name.trim_end_matches(": "), changes.lines().collect::<Vec<_>>());
    let headed = lines.iter().position(|line| line.starts_with(&format!("account {account}: ")));
    let below = headed.map(|at| lines[at + 1..].iter().take_while(|line| line.starts_with("  ")));
    below.is_some_and(|mut lines| lines.any(|line| line.starts_with("  - role assignment")))
        || lines.iter().any(|line| line.starts_with("      ") && line.contains(name.trim_end()))
}

/// Long names, errors, and people who lose access, all at once: no part takes the room of another, and each deletion is named.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn long_names_and_many_errors_leave_room_for_deletions() {
    const ACCOUNTS: usize = 100;
    let azure = Azure::start();
    let folder = azure.folder();
    let mut spec = head("crowd") + "accounts:\n";
    for index in 0..ACCOUNTS {
        let name = format!("chat-{index:03}-{}", "x".repeat(40));
        azure.put(&account(&name), json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"},
            "tags": {"keyless-stack": "crowd"}, "properties": {"customSubDomainName": name, "disableLocalAuth": true}}));
        for (number, who) in [(3, person(3, index)), (4, person(4, index))] {
            azure.put(&assignment(&account(&name), &person(number + 5, index)), json!({"properties": {"description": "[keyless:crowd]",
                "roleDefinitionId": crate::common::role(CS_USER), "principalId": who, "principalType": "User"}}));
        }
        let _ = write!(
            spec,
            "  - name: {name}\n    disableLocalAuth: false\n    roleAssignments:\n      - {{role: Cognitive Services User, principals: [{{id: {}, type: User}}]}}\n      - {{role: Owner, principals: [{{user: a{index}-{}@contoso.com}}]}}\n",
            person(4, index),
            "y".repeat(60)
        );
    }
    folder.write("a.yaml", spec);
    for width in WIDTHS {
        let text = run(&folder, width, "plan a.yaml", 3).stdout;
        assert!(text.lines().count() <= 500, "{} lines at {width}\n{text}", text.lines().count());
        let changes = text.split("If applied").next().unwrap();
        for index in 0..ACCOUNTS {
            let name = format!("chat-{index:03}-{}: ", "x".repeat(40));
            assert!(is_named_among_deletions(changes, &name), "{index} at {width}: {text}");
        }
        for code in ["guard-grant", "guard-keys-on", "guard-deletes"] {
            assert!(text.contains(&format!("error[{code}]")), "{code} at {width}: {text}");
        }
    }
    for format in ["--format markdown", "--report comment=c.md --quiet"] {
        let run = folder.keyless(&format!("plan a.yaml {format}")).exits(3);
        let shown = std::fs::read_to_string(folder.path().join("c.md")).unwrap_or(run.stdout);
        assert!(shown.chars().count() <= 65_536, "{}", shown.chars().count());
        for index in 0..ACCOUNTS {
            let name = format!("chat-{index:03}-");
            let is_here = |line: &str| line.contains("**delete**") && line.contains(&name);
            let lines: Vec<&str> = shown.lines().collect();
            let below = |line: &str| line.starts_with("  - **delete**");
            let headed = lines.iter().position(|line| line.starts_with("- account") && line.contains(&name));
            let named = lines.iter().any(|line| is_here(line))
                || headed.is_some_and(|at| {
                    lines[at + 1..].iter().take_while(|line| line.starts_with("  ")).any(|line| below(line))
                });
            assert!(named, "{format}: {index}: {shown}");
        }
        for code in ["guard-grant", "guard-keys-on", "guard-deletes"] {
            assert!(shown.contains(&format!("- **error** `{code}`")), "{format}: {code}: {shown}");
        }
        assert!(
            shown.contains(" errors; ") && !shown.contains(" lines. `--format json`"),
            "{format}: {shown}"
        );
    }
}

/// Many values that a comment says longer than they are.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_comment_that_withholds_much_is_not_too_long() {
    let azure = Azure::start();
    let folder = azure.folder();
    let mut spec = head("crowd") + "accounts:\n";
    for index in 0..60 {
        let name = format!("chat-{index:02}");
        azure.put(&account(&name), json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"},
            "tags": {"keyless-stack": "crowd"}, "properties": {"customSubDomainName": name, "disableLocalAuth": true}}));
        let _ = write!(spec, "  - name: {name}\n    tags: {{a: \"{index} {}\"}}\n", "::1 ".repeat(60));
    }
    folder.write("a.yaml", spec);
    folder.keyless("plan a.yaml --report comment=c.md").exits(0);
    let comment = std::fs::read_to_string(folder.path().join("c.md")).unwrap();
    assert!(comment.chars().count() <= 65_536, "{}", comment.chars().count());
    assert!(comment.contains("60 to update") && comment.contains("(address withheld)"), "{comment}");
    assert!(comment.contains("changes as totals only") && !comment.contains("new resources"), "{comment}");
}

/// More accounts than text has lines for, each of which changes in its own way and loses a role assignment that no guard judges.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn every_deletion_is_named_in_text_and_markdown_says_how_many_it_leaves_out() {
    const ACCOUNTS: usize = 160;
    let azure = Azure::start();
    let folder = azure.folder();
    let mut spec = head("crowd") + "accounts:\n";
    for index in 0..ACCOUNTS {
        let name = format!("chat-{index:03}");
        azure.put(&account(&name), json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"},
            "tags": {"a": "old", "keyless-stack": "crowd"}, "properties": {"customSubDomainName": name, "disableLocalAuth": true}}));
        azure.put(&assignment(&account(&name), &person(2, index)), json!({"properties": {"description": "[keyless:crowd]",
            "roleDefinitionId": crate::common::role(CS_USER), "principalId": person(3, index), "principalType": "User"}}));
        let _ = write!(
            spec,
            "  - name: {name}\n    tags: {{a: new{index}}}\n    roleAssignments:\n      - {{role: Cognitive Services User, principals: [{{id: {}, type: User}}]}}\n",
            person(1, index)
        );
    }
    folder.write("a.yaml", spec);
    let text = folder.keyless("plan a.yaml --allow deletes").exits(0).stdout;
    let changes = text.split("If applied").next().unwrap();
    for index in 0..ACCOUNTS {
        assert!(is_named_among_deletions(changes, &format!("chat-{index:03}: ")), "{index}: {text}");
    }
    assert!(text.lines().count() <= 500, "{} lines", text.lines().count());
    assert!(text.contains("changes by name only (") && text.contains("changes not shown ("), "{text}");
    let markdown = folder.keyless("plan a.yaml --allow deletes --format markdown").exits(0).stdout;
    assert!(markdown.contains("160 to delete"), "{markdown}");
    let changes = markdown.split("**Cut,").next().unwrap();
    let unnamed = (0..ACCOUNTS).filter(|index| {
        let name = format!("chat-{index:03}");
        // By name in a list of deletions, or in a row below its account.
        let in_list = changes.lines().any(|line| line.starts_with("- **delete**") && line.contains(&name));
        !in_list
            && !changes
                .lines()
                .any(|line| line.contains("**delete**") && line.contains(&person(3, *index)[..8]))
    });
    let unnamed = unnamed.count();
    assert!(unnamed == 0 || markdown.contains(&format!("{unnamed} to delete)")), "{unnamed}: {markdown}");
    assert!(markdown.contains("`keyless plan -v` shows all of it"), "{markdown}");
}

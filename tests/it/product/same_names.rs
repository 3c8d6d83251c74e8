//! Accounts of one name in several resource groups and subscriptions are told apart wherever a plan, a drift and an apply name them.

use crate::common::{ALICE, Azure, BOB, CAROL, SUB};

const DANA: &str = "dddddddd-0000-4000-8000-00000000000d";
const OTHER: &str = "22222222-2222-4333-8444-555555555555";

fn spec(stack: &str, subscription: &str, group: &str, who: &str) -> String {
    format!(
        "version: 1
stack: {stack}
subscription: {subscription}
resourceGroup: {group}
location: eastus2
accounts:
  - name: chat
    customSubDomainName: chat-{stack}
    roleAssignments:
      - role: Cognitive Services User
        principals: [{{id: {who}, type: User}}]
"
    )
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn accounts_of_one_name_are_told_apart_in_every_format() {
    let azure = Azure::start();
    let folder = azure.folder();
    let write = |people: [&str; 3]| {
        folder.write("specs/a.yaml", spec("a", SUB, "rg-eu", people[0]));
        folder.write("specs/b.yaml", spec("b", SUB, "rg-us", people[1]));
        folder.write("specs/c.yaml", spec("c", OTHER, "rg-eu", people[2]));
    };
    write([ALICE, BOB, CAROL]);
    let places = [
        format!("chat in rg-eu of subscription {SUB}"),
        "chat in rg-us".to_owned(),
        format!("chat in rg-eu of subscription {OTHER}"),
    ];
    let mut plan = folder.keyless("plan specs --out plan.json").exits(0);
    for place in &places {
        let gains = format!("\n  {place}\n    + Cognitive Services User on the account: User");
        plan = plan.says(&[&format!("  + account {place}"), &format!(" on {place}"), &gains]);
    }
    // A saved plan derives its titles again, and they are the same.
    let shown = folder.keyless("show plan.json").exits(0);
    let applied = folder.keyless("apply plan.json --yes --report markdown=m.md").exits(0);
    assert!(!shown.stdout.contains("called \"") && !applied.stdout.contains("called \""), "{shown}{applied}");
    let markdown = std::fs::read_to_string(folder.path().join("m.md")).unwrap();
    for place in &places {
        assert!(shown.stdout.contains(&format!("account {place}")), "{shown}");
        assert!(markdown.contains(&format!("account {place}")), "{markdown}");
    }
    write([DANA, BOB, CAROL]);
    for command in
        ["plan specs", "plan specs --format markdown", "drift specs", "drift specs --format markdown"]
    {
        let run = folder.keyless(command);
        assert!(run.stdout.contains(&format!("on {}", places[0])), "{command}: {run}");
        let access = if command.ends_with("markdown") { "\n- " } else { "\n  " };
        assert!(run.stdout.contains(&format!("{access}{}\n", places[0])), "{command}: {run}");
    }
    let page = folder.keyless("plan specs --format html").exits(0).stdout;
    assert!(page.contains(&format!("{}</th>", places[0])), "{page}");
    assert_eq!(page.matches("in rg-eu of subscription").count(), page.matches("in rg-eu").count(), "{page}");
    folder
        .keyless("access specs")
        .says(&[&format!("account {}", places[0]), &format!("account {}", places[1])]);
    // One alone needs no more than its name.
    folder.keyless("plan specs/a.yaml").exits(0).says(&[" on chat  specs/a.yaml", "\n  chat\n"]);
}

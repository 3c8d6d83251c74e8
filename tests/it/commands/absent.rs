//! Accounts that are declared and not there: what `apply` would make of them, as each command beside it says.

use serde_json::json;

use super::accounts;
use crate::common::{Azure, Fault, account};

const COMMANDS: [&str; 4] = ["verify", "access", "keys status", "outputs"];

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_soft_deleted_account_is_not_said_to_be_created() {
    let azure = Azure::start();
    azure.make_account("gone", &json!({"customSubDomainName": "gone"}));
    azure.delete(&account("gone"));
    let folder = azure.folder();
    for (line, hint) in [
        (
            "",
            "`keyless apply` does not create it while the deleted one holds the name: set `onSoftDeleted: restore` in the spec to restore it",
        ),
        ("onSoftDeleted: restore\n", "`keyless apply` restores it, because of `onSoftDeleted: restore`"),
        (
            "onSoftDeleted: purge\n",
            "`keyless apply` permanently purges that one and creates a new one, because of `onSoftDeleted: purge`; this requires `--allow purge`",
        ),
    ] {
        folder.write("specs/a.yaml", accounts(&["gone"]).replace("accounts:", &format!("{line}accounts:")));
        for command in COMMANDS {
            let run = folder
                .keyless(command)
                .exits(1)
                .says(&["account gone does not exist: it was soft-deleted 20", hint]);
            assert!(!run.stdout.contains("creates what the spec declares"), "{command}: {run}");
        }
        // What is said of `apply` is so.
        let planned = folder.keyless("plan --allow lock-out");
        match line {
            "" => drop(planned.exits(1).says(&["soft-deleted"])),
            "onSoftDeleted: restore\n" => drop(planned.exits(0).says(&["1 to restore"])),
            _ => drop(planned.exits(3).says(&["--allow purge"])),
        }
    }
}

#[test]
fn an_account_that_never_was_is_created_where_nothing_stands_in_the_way() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["new"]));
    for command in COMMANDS {
        folder.keyless(command).exits(1).says(&[
            "account new does not exist\n",
            "help: `keyless apply` creates what the spec declares\n",
        ]);
    }
    azure.spoil("GET", "/deletedAccounts?", Fault::denied());
    for command in COMMANDS {
        folder.keyless(command).exits(1).says(&[
            "`keyless apply` creates what the spec declares; could not determine whether a soft-deleted account holds the name `new`",
        ]);
    }
    azure.heal();
    let message = "Resource group 'rg' could not be found.";
    azure.spoil("GET", "/resourceGroups/rg", Fault::error(404, "ResourceGroupNotFound", message));
    folder.keyless("keys status").exits(1).says(&[
        "`keyless apply` cannot create it: resource group `rg` does not exist; create it: az group create --name rg",
        "no account to report on. ",
    ]);
}

#[test]
fn what_is_there_raises_no_further_question() {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat"}));
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    folder.keyless("keys status").exits(2).says(&["the account accepts API keys. 1 read, 0 writes."]);
}

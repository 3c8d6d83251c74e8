//! The contract against the traffic of the whole test suite.
//!
//! Input is `target/exchanges/*.jsonl`, into which the tests' sandboxes record, and the real clients' `tests/transcripts`;
//! output is one summary. It is ignored in an ordinary run, because the suite's transcripts are complete only after it:
//! `tests/contract.sh` does both.

use std::path::PathBuf;

use super::contract::report::{Report, Violation, check_transcript};
use super::{contract, show, skipped};

/// A finding that a test of the suite brings about on purpose.
struct Deliberate {
    /// The test, as its transcripts are named.
    test: &'static str,
    path: &'static str,
    because: &'static str,
}

const DELIBERATE: &[Deliberate] = &[
    Deliberate {
        test: "product.network.a_field_that_no_version_of_keyless_knows_is_carried",
        path: "/properties/inventedIn2031",
        because: "the test invents a field, which keyless must send back",
    },
    Deliberate {
        test: "product.network.a_field_that_no_version_of_keyless_knows_is_carried",
        path: "/plan",
        because: "the test puts a field of other kinds of resources there, which keyless must send back",
    },
    Deliberate {
        test: "product.refusals.what_no_description_has_goes_back_in_every_put",
        path: "/properties/fromTheFuture",
        because: "the test invents a field of each kind, which keyless must send back",
    },
    Deliberate {
        test: "product.",
        path: "/properties/dynamicThrottlingEnabled",
        because: "described as read-only, and taken: https://github.com/Azure/bicep-types-az/issues/2121",
    },
    Deliberate {
        test: "product.contradictions.a_revocation_answered_with_an_error_is_done_if_the_role_is_gone",
        path: "/error",
        because: "the test has a gateway answer in place of Azure, without Azure's words",
    },
    Deliberate {
        test: "product.openings.filters.a_deployment_between_policies_loses_by_the_same_rule",
        path: "/properties/customBlocklists/*/blocking",
        because: "the test makes a filter of which nobody knows whether it blocks",
    },
    Deliberate {
        test: "product.found.a_restore_whose_answer_is_lost_is_done_once_azure_has_completed_it",
        path: "",
        because: "the connection breaks before the answer",
    },
    Deliberate {
        test: "product.found.a_connection_restored_with_an_undeclared_host_is_sent_no_secret",
        path: "/properties/target",
        because: "the test makes a connection without a host",
    },
    Deliberate {
        test: "product.",
        path: "/properties/modelProviderData",
        because: "in no description, and required of some models: https://github.com/Azure/azure-rest-api-specs/issues/43610",
    },
    Deliberate {
        test: "commands.verify_models.",
        path: "/properties/modelProviderData",
        because: "in no description, and required of some models: https://github.com/Azure/azure-rest-api-specs/issues/43610",
    },
    Deliberate { test: "product.", path: "/properties/authType", because: IN_TEMPLATES },
    Deliberate { test: "product.", path: "/properties/audience", because: IN_TEMPLATES },
    Deliberate { test: "product.", path: "/properties/scopes", because: IN_TEMPLATES },
    Deliberate { test: "product.", path: "/properties/tokenUrl", because: IN_TEMPLATES },
    Deliberate { test: "product.estates.", path: "/properties/credentials", because: IN_TEMPLATES },
    Deliberate {
        test: "product.",
        path: "/properties/credentials/clientId",
        because: "a secret of the run, which is not recorded",
    },
    Deliberate {
        test: "product.openings.each_guarded_field_is_refused_and_its_flag_lifts_only_that_guard",
        path: "/properties/storedCompletionsDisabled",
        because: "in a PATCH, of which there is no description at that version",
    },
];

/// Of connections that sign in with the identity of their account or project, or by OAuth 2.0.
const IN_TEMPLATES: &str = "in no description, and sent by templates that are deployed: examples of Microsoft Foundry send `AccountManagedIdentity`";

/// Take what is deliberate out of the violations; the text says what was, and what is listed for nothing.
fn set_aside(report: &mut Report) -> Vec<String> {
    let is = |entry: &Deliberate, violation: &Violation| {
        violation.origin.contains(entry.test) && violation.path == entry.path
    };
    let mut unused = Vec::new();
    for entry in DELIBERATE {
        let count = report.violations.iter().filter(|violation| is(entry, violation)).count();
        show(&format!("deliberate {count}: `{}` in {}: {}", entry.path, entry.test, entry.because));
        if count == 0 {
            unused.push(format!("`{}` in {}", entry.path, entry.test));
        }
    }
    report.violations.retain(|violation| !DELIBERATE.iter().any(|entry| is(entry, violation)));
    unused
}

/// Where the tests' sandboxes record; `KEYLESS_EXCHANGES` names another folder.
fn folder() -> PathBuf {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/exchanges");
    std::env::var_os("KEYLESS_EXCHANGES").map_or_else(default, PathBuf::from)
}

#[test]
#[ignore = "reads what an ordinary run of the tests has recorded"]
fn exchanges_of_the_suite_keep_the_contract() {
    if contract::checker().is_none() {
        return skipped("the contract of the suite's own traffic");
    }
    let (suite, clients) = (folder(), PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts"));
    let mut report = Report::default();
    for folder in [&suite, &clients] {
        let (mut files, before) = (0, report.bodies);
        if folder.is_dir() {
            for path in contract::files(folder) {
                if path.extension().is_some_and(|extension| extension == "jsonl") {
                    files += 1;
                    report.absorb(check_transcript(&path).expect("the descriptions are here"));
                }
            }
        }
        let bodies = report.bodies - before;
        show(&format!("{files} transcripts in {}: {bodies} bodies checked", folder.display()));
        assert!(bodies > 0, "no body in {} was checked: run `tests/contract.sh`", folder.display());
    }
    // A client that stopped naming itself would pass as a test's own hand.
    assert!(
        report.named * 2 > report.exchanges,
        "only {} of {} clients name themselves",
        report.named,
        report.exchanges
    );
    let unused = set_aside(&mut report);
    show(&report.summary());
    assert!(unused.is_empty(), "said to be deliberate, but not there: {unused:?}");
    assert!(report.unreadable.is_empty(), "{} transcripts cannot be read", report.unreadable.len());
    assert!(report.violations.is_empty(), "{} violations, listed above", report.violations.len());
    assert!(
        report.excepted * 20 <= report.checked,
        "{} of {} exchanges need an exception",
        report.excepted,
        report.checked
    );
}

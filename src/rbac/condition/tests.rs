//! Valid and invalid conditions, and what they allow.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::*;

const USER: &str = "a97b65f3-24c7-4388-baec-2e87135dc908";
const OPENAI: &str = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd";

/// Microsoft's examples, one for each documented form.
const GOOD: &[&str] = &[
    "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'} AND NOT SubOperationMatches{'Blob.List'})) OR (@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals 'blobs-example-container'))",
    "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs/tags:Project<$key_case_sensitive$>] StringEquals 'Cascade'",
    "@Principal[Microsoft.Directory/CustomSecurityAttributes/Id:Engineering_Project] ForAnyOfAnyValues:StringEquals @Resource[Microsoft.Storage/storageAccounts/blobServices/containers/blobs/tags:Project<$key_case_sensitive$>]",
    "@Environment[UtcNow] DateTimeGreaterThan '2023-05-01T13:00:00.0Z'",
    "@Environment[isPrivateLink] BoolEquals true",
    "Exists @Request[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:snapshot] && !(@Resource[Microsoft.Storage/storageAccounts:isHnsEnabled] BoolEquals true)",
    "{'red', 'blue'} ForAnyOfAnyValues:StringEquals {'blue', 'green'}",
    "{10, 20} ForAllOfAllValues:NumericLessThan {25, -30}",
    "@Request[subOperation] ForAnyOfAnyValues:StringEqualsIgnoreCase {'Blob.Write.Tier'} || ActionMatches{'*/read'}",
    "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:Name]\n stringEquals 'foo'",
    "@Request[Microsoft.Storage/storageAccounts/blobServices/containers/blobs:prefix] StringLikeIgnoreCase 'a\\*b*'",
];

#[test]
fn documented_forms_are_read_without_a_remark() {
    for text in GOOD {
        let read = Condition::parse(text);
        let remarks = read.as_ref().map(Condition::remarks);
        assert_eq!(remarks, Ok([].as_slice()), "{text}");
    }
}

#[test]
fn a_mistake_has_its_place() {
    for (text, at, message) in [
        ("", 0, "it contains no condition"),
        (" \n ", 0, "it contains no condition"),
        ("(a StringEquals 'b'", 0, "this `(` is not closed"),
        ("a StringEquals 'b')", 18, "unmatched `)`"),
        ("(a StringEquals 'b' c", 20, "expected `AND`, `OR` or `)` before `c`"),
        ("@Resource[x StringEquals 'y'", 25, "missing `]` of the attribute before this"),
        ("@Resource[x", 0, "missing `]` of the attribute"),
        ("@Resource[] StringEquals 'y'", 0, "the attribute has no name"),
        ("@Resource x", 0, "write an attribute as `@Resource[NAME]`"),
        ("@Resource[x] StringEquals 'y", 26, "this quote is not closed"),
        ("@Resource[x] StringEquals \"y\"", 26, "use single quotes for text"),
        ("@Resource[x] StringEquals", 25, "it ends where a value for `StringEquals` is expected"),
        ("@Resource[x] StringEquals )", 26, "expected a value for `StringEquals` before `)`"),
        ("@Resource[x]", 12, "it ends where an operator is expected"),
        ("@Resource[x] AND @Resource[y]", 13, "expected an operator before `AND`"),
        ("StringEquals 'y'", 0, "expected an expression before `StringEquals`"),
        ("@Resource[x] StringEquals 'y' AND", 33, "it ends where an expression is expected"),
        ("@Resource[x] StringEquals 'y' & ", 30, "single `&`: write `&&`"),
        ("AND ActionMatches{'x'}", 0, "expected an expression before `AND`"),
        ("ActionMatches{'x'", 13, "this `{` is not closed"),
        ("ActionMatches{'x' 'y'}", 18, "expected `,` or `}` before `'y'`"),
        ("ActionMatches{,}", 14, "expected a value before `,`"),
        ("ActionMatches", 0, "`ActionMatches` needs an action: `ActionMatches{'...'}`"),
        ("Exists 'x'", 7, "`Exists` needs an attribute"),
        ("!", 1, "it ends where an expression is expected"),
        ("x = 'y'", 2, "unexpected `=`"),
        ("[x] StringEquals 'y'", 0, "an attribute's source is missing, such as `@Resource[...]`"),
    ] {
        let expected = Mistake { at, message: message.to_owned() };
        assert_eq!(Condition::parse(text).map(|_| ()), Err(expected), "{text}");
    }
    assert!(Condition::parse(&"(".repeat(1_000_000)).unwrap_err().message.contains("more than 64"));
    assert!(Condition::parse(&"!".repeat(1_000_000)).unwrap_err().message.contains("more than 64"));
}

#[test]
fn what_is_not_documented_is_remarked_and_read() {
    for (text, message) in [
        (
            "@Resource[Microsoft.CognitiveServices/accounts:x] StringEquals 'y'",
            "keyless does not know the attribute",
        ),
        ("@Environment[UtcNow] DateTimeSoon '1'", "keyless does not know the operator `DateTimeSoon`"),
        ("@Environment[UtcNow] ForNone:DateTimeEquals {'1'}", "keyless does not know the operator"),
        ("ScopeMatches{'x'}", "keyless does not know the function `ScopeMatches`"),
        ("ActionMatches{'a'} OR ActionMatches{'b'} AND ActionMatches{'c'}", "AND and OR without brackets"),
    ] {
        let read = Condition::parse(text).unwrap();
        let said: Vec<&str> = read.remarks().iter().map(|remark| remark.message.as_str()).collect();
        assert!(said.len() == 1 && said[0].contains(message), "{text}: {said:?}");
    }
}

/// A condition as the portal writes it for a delegate who may assign some roles.
fn delegating(roles: &str) -> String {
    format!(
        "((!(ActionMatches{{'Microsoft.Authorization/roleAssignments/write'}})) OR (@Request[{ROLE}] ForAnyOfAnyValues:GuidEquals {{{roles}}}))"
    )
}

fn only(roles: &[&str]) -> Givable {
    Givable::Only(roles.iter().map(|role| Uuid::try_parse(role).unwrap()).collect())
}

#[test]
fn a_condition_says_which_roles_may_be_given_or_nothing() {
    let write = format!("ActionMatches{{'{GRANT}'}}");
    let is = |operator: &str, roles: &str| format!("@Request[{ROLE}] {operator} {roles}");
    let (one, two) = (format!("{{{USER}}}"), format!("{{{USER}, {OPENAI}}}"));
    for (text, expected) in [
        (delegating(&format!("{USER}, {OPENAI}")), only(&[USER, OPENAI])),
        (delegating(USER).to_uppercase(), only(&[USER])),
        (is("GuidEquals", USER), only(&[USER])),
        (is("GuidEquals", &format!("'{USER}'")), only(&[USER])),
        (is("ForAllOfAnyValues:GuidEquals", &two), only(&[USER, OPENAI])),
        (is("ForAnyOfAllValues:GuidEquals", &two), only(&[])),
        (format!("!({})", is("ForAnyOfAnyValues:GuidNotEquals", &one)), only(&[USER])),
        (format!("{} AND {}", is("GuidEquals", &one), "@Principal[x] StringEquals 'y'"), only(&[USER])),
        (format!("!{write}"), only(&[])),
        ("!(ActionMatches{'Microsoft.Authorization/*'})".to_owned(), only(&[])),
        // Conditions that restrict nothing, or may not.
        (format!("!(ActionMatches{{'{GRANT}/none'}})"), Givable::Any),
        (is("ForAnyOfAnyValues:GuidNotEquals", &one), Givable::Any),
        (is("ForAllOfAllValues:GuidNotEquals", &two), Givable::Any),
        (format!("{} OR {}", is("GuidEquals", &one), "@Principal[x] StringEquals 'y'"), Givable::Any),
        (format!("{} OR !({0})", is("GuidEquals", &one)), Givable::Any),
        (is("GuidEquals", &two), Givable::Any),
        (is("StringEquals", &one), Givable::Any),
        (is("ForAnyOfAnyValues:GuidEquals", "{x}"), Givable::Any),
        (is("ForAnyOfAnyValues:GuidEquals", &format!("@Request[{ROLE}]")), Givable::Any),
        (format!("@Resource[{ROLE}] GuidEquals {USER}"), Givable::Any),
        (format!("@Request[{ROLE}Name] GuidEquals {USER}"), Givable::Any),
        (format!("{write} OR {} AND {write}", is("GuidEquals", &one)), Givable::Any),
        (format!("{} AND @Principal[x] StringEquals 'it''s'", is("GuidEquals", &one)), Givable::Any),
    ] {
        assert_eq!(Condition::parse(&text).map(|read| read.givable()), Ok(expected), "{text}");
    }
    assert_eq!(only(&[USER, OPENAI]).and(only(&[USER])), only(&[USER]));
    assert_eq!(only(&[USER]).and(Givable::Any), only(&[USER]));
    assert_eq!(Givable::Any.and(Givable::Any), Givable::Any);
}

#[test]
fn a_condition_that_speaks_of_other_actions_lets_a_call_through() {
    let call = "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action";
    for (text, lets) in [
        (delegating(USER), true),
        ("!(ActionMatches{'*/write'})".to_owned(), true),
        ("!(ActionMatches{'Microsoft.CognitiveServices/*'})".to_owned(), false),
        ("@Resource[Microsoft.CognitiveServices/accounts:x] StringEquals 'y'".to_owned(), false),
        (format!("@Request[{ROLE}] ForAnyOfAnyValues:GuidNotEquals {{{USER}}}"), false),
        ("ActionMatches{'*'}".to_owned(), true),
        ("ActionMatches{'*'} AND @Environment[isPrivateLink] BoolEquals true".to_owned(), false),
    ] {
        assert_eq!(Condition::parse(&text).unwrap().always_lets(call), lets, "{text}");
    }
}

#[test]
fn no_damage_makes_it_panic_or_loop() {
    let mut state = 7_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    let pieces = [
        "(",
        ")",
        "{",
        "}",
        "'",
        "@",
        "[",
        "]",
        "!",
        "&",
        "||",
        "AND",
        "NOT",
        "\\",
        "\u{202e}",
        "é",
        "GuidEquals",
        ",",
        "\n",
        "Exists",
    ];
    let (mut read, mut refused) = (0, 0);
    for round in 0..6000 {
        let mut text: Vec<char> = GOOD[round % GOOD.len()].chars().collect();
        for _ in 0..=random(6) {
            let at = random(text.len());
            match random(4) {
                0 if at < text.len() => drop(text.remove(at)),
                1 => drop(text.splice(at..at, pieces[random(pieces.len())].chars())),
                2 => text.truncate(at),
                _ => {
                    let from = random(at);
                    let copy = text[from..at].to_vec();
                    text.splice(at..at, copy);
                }
            }
        }
        let text: String = text.into_iter().collect();
        match Condition::parse(&text) {
            Ok(condition) => {
                read += 1;
                let _ = (condition.givable(), condition.always_lets(GRANT), condition.remarks().len());
            }
            Err(mistake) => {
                refused += 1;
                assert!(mistake.at <= text.len() && !mistake.message.is_empty(), "{text}");
                assert!(text.is_char_boundary(mistake.at), "{text}");
            }
        }
    }
    assert!(read > 300 && refused > 2000, "{read} read, {refused} refused");
}

#[test]
fn white_space_between_pieces_does_not_count() {
    let tokens = |text: &str| Condition::parse(text).unwrap().tokens().to_vec();
    assert_eq!(tokens("(a StringEquals 'b c')"), tokens(" (\n a\tStringEquals'b c' ) "));
    assert_ne!(tokens("a StringEquals 'b c'"), tokens("a StringEquals 'b  c'"));
    assert_ne!(tokens("a StringEquals 'b'"), tokens("a StringEquals b"));
    let none: BTreeSet<Uuid> = BTreeSet::new();
    assert_eq!(Condition::parse("!(ActionMatches{'*'})").unwrap().givable(), Givable::Only(none));
}

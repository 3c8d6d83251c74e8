//! The documented operators and attributes of conditions; there may be others, so an unknown one is only a note.

/// Operators with two operands, without their quantifier.
const OPERATORS: &[&str] = &[
    "StringEquals",
    "StringEqualsIgnoreCase",
    "StringNotEquals",
    "StringNotEqualsIgnoreCase",
    "StringStartsWith",
    "StringStartsWithIgnoreCase",
    "StringNotStartsWith",
    "StringNotStartsWithIgnoreCase",
    "StringLike",
    "StringLikeIgnoreCase",
    "StringNotLike",
    "StringNotLikeIgnoreCase",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "BoolEquals",
    "BoolNotEquals",
    "GuidEquals",
    "GuidNotEquals",
    "DateTimeEquals",
    "DateTimeNotEquals",
    "DateTimeLessThan",
    "DateTimeLessThanEquals",
    "DateTimeGreaterThan",
    "DateTimeGreaterThanEquals",
    "TimeOfDayEquals",
    "TimeOfDayNotEquals",
    "TimeOfDayLessThan",
    "TimeOfDayLessThanEquals",
    "TimeOfDayGreaterThan",
    "TimeOfDayGreaterThanEquals",
    "TimeOfDayInRange",
];

/// The prefix of an operator that compares lists, followed by a colon.
const QUANTIFIERS: &[&str] =
    &["ForAnyOfAnyValues", "ForAllOfAnyValues", "ForAnyOfAllValues", "ForAllOfAllValues"];

/// Prefixes of attributes, each with its documented sources.
const ATTRIBUTES: &[(&str, &[&str])] = &[
    ("Microsoft.Authorization/roleAssignments:RoleDefinitionId", &["Request", "Resource"]),
    ("Microsoft.Authorization/roleAssignments:PrincipalId", &["Request", "Resource"]),
    ("Microsoft.Authorization/roleAssignments:PrincipalType", &["Request", "Resource"]),
    ("Microsoft.Storage/storageAccounts", &["Request", "Resource"]),
    ("subOperation", &["Request"]),
    ("Microsoft.Directory/CustomSecurityAttributes/Id:", &["Principal"]),
    ("Microsoft.Network/privateEndpoints", &["Environment"]),
    ("Microsoft.Network/virtualNetworks/subnets", &["Environment"]),
    ("isPrivateLink", &["Environment"]),
    ("UtcNow", &["Environment"]),
];

/// Whether an operator, with or without its quantifier, is documented.
pub(super) fn is_operator(word: &str) -> bool {
    let is = |known: &[&str], word: &str| known.iter().any(|known| known.eq_ignore_ascii_case(word));
    match word.split_once(':') {
        Some((quantifier, operator)) => is(QUANTIFIERS, quantifier) && is(OPERATORS, operator),
        None => is(OPERATORS, word),
    }
}

/// Whether an attribute of a source is documented.
pub(super) fn is_attribute(source: &str, name: &str) -> bool {
    ATTRIBUTES.iter().any(|(known, sources)| {
        let begins = name.get(..known.len()).is_some_and(|start| start.eq_ignore_ascii_case(known));
        begins && sources.iter().any(|known| known.eq_ignore_ascii_case(source))
    })
}

//! Valid names of stacks and resource groups.

/// The names that [`is_stack_name`] accepts, in words.
pub const STACK_NAMES: &str =
    "1 to 63 lower-case letters, digits, `-`, `_` and `.`, beginning with a letter or digit";

/// Whether it is a valid stack name.
#[must_use]
pub fn is_stack_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_.".contains(&c))
}

/// Whether it is a valid name of a resource group.
pub(crate) fn is_group_name(name: &str) -> bool {
    let count = name.chars().count();
    (1..=90).contains(&count)
        && !name.ends_with('.')
        && name.chars().all(|c| c.is_alphanumeric() || "_-.()".contains(c))
}

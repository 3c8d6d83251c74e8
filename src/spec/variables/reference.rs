//! References in text: `${name}`, `${secret.NAME}`, and what is neither. Pure.

use crate::spec::late::LateReference;
use crate::text::names::short;

pub(super) const NAME_RULE: &str =
    "a name consists of letters, digits and `_`, and does not start with a digit";

/// A part of a text.
#[derive(Debug, PartialEq)]
pub(super) enum TextPart<'t> {
    Text(&'t str),
    /// `${name}`.
    Reference(&'t str),
    /// `${secret.NAME}`.
    Secret(&'t str),
    /// A reference to a value of a resource, such as `${project.A/P.workspaceId}`.
    Late(&'t str),
    /// `${` and what follows, if it is none of these.
    Malformed(&'t str),
}

/// Cuts a text at its references; `$${` is the text `${`.
pub(super) fn parts(text: &str) -> Vec<TextPart<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            if at > 1 {
                parts.push(TextPart::Text(&rest[..at - 1]));
            }
            parts.push(TextPart::Text(&rest[at..at + 2]));
            rest = &rest[at + 2..];
            continue;
        }
        if at > 0 {
            parts.push(TextPart::Text(&rest[..at]));
        }
        let end = rest[at..].find('}').map_or(rest.len(), |end| at + end + 1);
        let source = &rest[at..end];
        parts.push(match inner(source) {
            _ if !source.ends_with('}') => TextPart::Malformed(source),
            name if is_name(name) => TextPart::Reference(source),
            name if name.strip_prefix("secret.").is_some_and(is_name) => TextPart::Secret(source),
            _ if LateReference::read(source).is_some() => TextPart::Late(source),
            _ => TextPart::Malformed(source),
        });
        rest = &rest[end..];
    }
    if !rest.is_empty() {
        parts.push(TextPart::Text(rest));
    }
    parts
}

/// The name of the secret that a text refers to, if it is one such reference and nothing else.
#[must_use]
pub fn secret_name(text: &str) -> Option<&str> {
    match parts(text)[..] {
        [TextPart::Secret(source)] => inner(source).strip_prefix("secret."),
        _ => None,
    }
}

/// Whether a text is one reference and nothing else.
pub(in crate::spec) fn is_reference(text: &str) -> bool {
    matches!(parts(text)[..], [TextPart::Reference(_) | TextPart::Secret(_)])
}

/// What stands between the braces.
pub(super) fn inner(source: &str) -> &str {
    let inner = source.strip_prefix("${").unwrap_or(source);
    inner.strip_suffix('}').unwrap_or(inner)
}

pub(super) fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The name in `$NAME` or `$(NAME)`, as shells and pipelines write variables.
pub(in crate::spec) fn foreign_name(text: &str) -> Option<&str> {
    let name = text.trim_matches(['"', '\'']).strip_prefix('$')?;
    let name = name.strip_prefix('(').and_then(|name| name.strip_suffix(')')).unwrap_or(name).trim();
    is_name(name).then_some(name)
}

/// What to do about `${` that is no reference.
pub(super) fn remedy(source: &str) -> String {
    let name = inner(source);
    if !source.ends_with('}') {
        return "close it with `}`, or write `$${` for a literal `${`".to_owned();
    }
    if is_name(name.trim()) {
        return format!("write `${{{}}}`, without spaces", name.trim());
    }
    if let Some((name, _)) = name.split_once([':', '-', '?', '=']).filter(|(name, _)| is_name(name)) {
        let name = short(name);
        return format!("put the default under `variables:` as `{name}: ...` and write `${{{name}}}` here");
    }
    format!("{NAME_RULE}; write `$${{` for a literal `${{`")
}

/// Whether a pointer fits a pattern in which `*` stands for any one token.
pub(super) fn matches(pattern: &str, pointer: &str) -> bool {
    let (mut pattern, mut pointer) = (pattern.split('/'), pointer.split('/'));
    loop {
        match (pattern.next(), pointer.next()) {
            (None, None) => return true,
            (Some(wanted), Some(token)) if wanted == "*" || wanted == token => {}
            _ => return false,
        }
    }
}

//! The mark of a stack at the end of a description: `[keyless:STACK]`.

/// Splits a description into its text and the stack in its mark.
pub(super) fn split_mark(description: &str) -> (&str, Option<&str>) {
    let marked = description.trim_end().strip_suffix(']').and_then(|rest| rest.rsplit_once("[keyless:"));
    match marked {
        Some((text, stack)) if !stack.is_empty() && !stack.contains(['[', ']']) => {
            (text.trim_end(), Some(stack))
        }
        _ => (description, None),
    }
}

/// A text followed by the mark of a stack.
pub(super) fn marked(text: &str, stack: &str) -> String {
    let separator = if text.is_empty() { "" } else { " " };
    format!("{text}{separator}[keyless:{stack}]")
}

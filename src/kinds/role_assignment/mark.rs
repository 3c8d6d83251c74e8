//! The mark of a stack at the end of a description: `[keyless:STACK]`.

/// The text in front of a mark, and the stack it names.
pub(super) fn split_mark(description: &str) -> (&str, Option<&str>) {
    let marked = description.trim_end().strip_suffix(']').and_then(|rest| rest.rsplit_once("[keyless:"));
    match marked {
        Some((text, stack)) if !stack.is_empty() && !stack.contains(['[', ']']) => {
            (text.trim_end(), Some(stack))
        }
        _ => (description, None),
    }
}

/// A text with the mark of a stack behind it.
pub(super) fn marked(text: &str, stack: &str) -> String {
    let separator = if text.is_empty() { "" } else { " " };
    format!("{text}{separator}[keyless:{stack}]")
}

//! The target of a call, and what may be kept of its answers.

/// The target of a call.
pub(super) enum CallTarget<'a> {
    Own(&'a str),
    /// Like `Own`, for a write that must not be repeated if it may have taken effect.
    Once(&'a str),
    /// Like `Own`, for a call whose answers, including refusals, may contain a secret: no text of them is kept.
    Blind(&'a str),
    Link(&'a str),
}

impl CallTarget<'_> {
    pub(super) fn text(&self) -> &str {
        match self {
            CallTarget::Own(text)
            | CallTarget::Once(text)
            | CallTarget::Blind(text)
            | CallTarget::Link(text) => text,
        }
    }
}

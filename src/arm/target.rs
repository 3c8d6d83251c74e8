//! What a call goes to, and what of its answers may be kept.

/// What a call is about.
pub(super) enum Target<'a> {
    Own(&'a str),
    /// Like `Own`, for a write that must not be repeated once it may have taken effect.
    Once(&'a str),
    /// Like `Own`, for a call whose answers may hold a secret, refusals too: none of their words are kept.
    Blind(&'a str),
    Link(&'a str),
}

impl Target<'_> {
    pub(super) fn text(&self) -> &str {
        match self {
            Target::Own(text) | Target::Once(text) | Target::Blind(text) | Target::Link(text) => text,
        }
    }
}

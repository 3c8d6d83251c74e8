//! What Azure's words for the state of a resource or an operation mean. One table, for writes, for reads and for plans.

/// How far Azure has come with a resource or an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is over, and well.
    Succeeded,
    /// It is over, and was not completed.
    Failed,
    /// The resource is on its way out.
    Deleting,
    /// Azure has switched the resource off.
    Disabled,
    /// It goes on. A state that we do not know is not an end.
    Going,
}

impl State {
    /// What a state means, in any spelling.
    #[must_use]
    pub fn of(text: &str) -> Self {
        const WORDS: [(&str, State); 6] = [
            ("Succeeded", State::Succeeded),
            ("Failed", State::Failed),
            ("Canceled", State::Failed),
            ("Cancelled", State::Failed),
            ("Deleting", State::Deleting),
            ("Disabled", State::Disabled),
        ];
        let known = WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        known.map_or(State::Going, |(_, state)| *state)
    }
}

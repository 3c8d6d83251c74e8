//! The meaning of Azure's states of resources and operations. One table for writes, reads and plans.

/// The progress of a resource or operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Finished successfully.
    Succeeded,
    /// Finished without success.
    Failed,
    /// The resource is being deleted.
    Deleting,
    /// Azure disabled the resource.
    Disabled,
    /// In progress. An unknown state counts as in progress.
    Going,
}

impl State {
    /// The meaning of a state, ignoring case.
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

//! The meaning of Azure's states of resources and operations. One table for writes, reads and plans.

/// The progress of a resource or operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProvisioningState {
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

impl ProvisioningState {
    /// The meaning of a state, ignoring case.
    #[must_use]
    pub fn of(text: &str) -> Self {
        const WORDS: [(&str, ProvisioningState); 6] = [
            ("Succeeded", ProvisioningState::Succeeded),
            ("Failed", ProvisioningState::Failed),
            ("Canceled", ProvisioningState::Failed),
            ("Cancelled", ProvisioningState::Failed),
            ("Deleting", ProvisioningState::Deleting),
            ("Disabled", ProvisioningState::Disabled),
        ];
        let known = WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        known.map_or(ProvisioningState::Going, |(_, state)| *state)
    }
}

//! `--rotate`: secrets that are sent again although nothing differs.

use super::output::Failure;
use crate::kinds::desired::Desired;

/// Whose secrets are sent again.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Rotation {
    /// Send the secrets of the connection at this address of the spec again, although nothing differs
    #[arg(long, value_name = "ADDRESS")]
    pub(super) rotate: Vec<String>,
}

impl Rotation {
    /// Marks the resources that it names; an address without anything to send is a mistake.
    pub(super) fn mark(&self, desired: &mut [Desired]) -> Result<(), Failure> {
        for address in &self.rotate {
            let found = desired.iter_mut().find(|each| each.address == *address && each.holds_unshown());
            if let Some(found) = found {
                found.resend = true;
                continue;
            }
            let failure = Failure::new(format!("`--rotate {address}` names nothing that holds a secret"));
            let known: Vec<&str> = desired
                .iter()
                .filter(|each| each.holds_unshown())
                .map(|each| each.address.as_str())
                .collect();
            return Err(match known.as_slice() {
                [] => failure.hint("no connection of these specs has `credentials`"),
                known => failure.hint(format!("these do: {}", known.join(", "))),
            });
        }
        Ok(())
    }
}

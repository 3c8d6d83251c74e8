//! `--rotate`: sends secrets, and other fields that Azure does not show, again although nothing differs.

use super::Halt;
use crate::kinds::desired::Desired;

/// Marks the resources at these addresses; an address without such a field is an error.
pub(super) fn mark(desired: &mut [Desired], addresses: &[String]) -> Result<(), Halt> {
    for address in addresses {
        let found = desired.iter_mut().find(|each| each.address == *address && each.holds_unshown());
        if let Some(found) = found {
            found.resend = true;
            continue;
        }
        let known = desired.iter().filter(|each| each.holds_unshown()).map(|each| each.address.clone());
        return Err(Halt::NothingToRotate { address: address.clone(), known: known.collect() });
    }
    Ok(())
}

//! The lists that specs declare, of any kind: deleting from a declared list is intended; deleting because a list was left out may not be.

use super::{KINDS, Kind};
use crate::document::DeclaredList;
use crate::spec::Loaded;

/// The lists that stacks declare.
#[must_use]
pub(crate) fn lists(stacks: &[Loaded]) -> Vec<DeclaredList> {
    let of_kind = |loaded: &Loaded, kind: &'static dyn Kind| {
        let (stack, kind_name) = (loaded.spec.stack.clone(), kind.name());
        let list = move |within| DeclaredList { stack: stack.clone(), kind: kind_name, within };
        kind.lists(loaded).into_iter().map(list)
    };
    stacks.iter().flat_map(|loaded| KINDS.iter().flat_map(move |kind| of_kind(loaded, *kind))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::sections::section;

    #[test]
    fn every_kind_has_a_row_in_the_table_of_sections_and_goes_by_its_noun() {
        for kind in KINDS.iter().filter(|kind| kind.only().is_none()) {
            let row = section(kind.list_name());
            let row = row.unwrap_or_else(|| panic!("{kind:?} has no row in spec/sections.rs"));
            assert_eq!(kind.noun(), row.noun, "{kind:?}");
        }
    }
}

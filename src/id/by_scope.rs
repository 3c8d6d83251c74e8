//! Things by the scopes at which they stand, so that finding those around one place takes no look at all others.

use std::collections::BTreeMap;

use super::ResourceId;

/// Positions in a list, by the scope at which each element stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct ByScope {
    at: BTreeMap<ResourceId, Vec<usize>>,
    /// What stands above subscriptions: no id says what that holds.
    above: Vec<usize>,
}

impl ByScope {
    /// The positions of the elements of a list, given their scopes in its order.
    pub(crate) fn of<'a>(scopes: impl IntoIterator<Item = &'a ResourceId>) -> Self {
        let mut index = Self::default();
        for (position, scope) in scopes.into_iter().enumerate() {
            if scope.subscription_id().is_none() {
                index.above.push(position);
            } else if let Some(there) = index.at.get_mut(scope) {
                there.push(position);
            } else {
                index.at.insert(scope.clone(), vec![position]);
            }
        }
        index
    }

    /// Those that stand at a scope, at one that holds it, in it, or above subscriptions; in the order of the list.
    pub(crate) fn near(&self, at: &ResourceId) -> Vec<usize> {
        let mut near = self.above.clone();
        let text = at.as_str();
        let ends = text.match_indices('/').map(|(end, _)| end).skip(1).chain([text.len()]);
        for holder in ends.map(|end| ResourceId(text[..end].into())) {
            near.extend(self.at.get(&holder).into_iter().flatten());
        }
        // All that begins with its path and `/` comes in one piece.
        let inside = ResourceId(format!("{}/", text.trim_end_matches('/')).into());
        let within = self.at.range(&inside..).take_while(|(scope, _)| at.contains(scope));
        near.extend(within.flat_map(|(_, positions)| positions));
        near.sort_unstable();
        near
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_near_a_scope_is_what_may_overlap_it() {
        let scopes: Vec<ResourceId> = [
            "/",
            "/providers/Microsoft.Management/managementGroups/mg",
            "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11",
            "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a12",
            "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg",
            "/subscriptions/7F3B1C52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourcegroups/RG",
            "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg-2",
            "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/a.b/c/d",
            "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/a.b/c/D/e/f",
            "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/a.b/c/d-2",
            "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/a.b/c/d 2",
        ]
        .map(|id| ResourceId::parse(id).unwrap())
        .into();
        let index = ByScope::of(&scopes);
        for at in &scopes {
            let overlapping = |(position, scope): (usize, &ResourceId)| {
                (scope.subscription_id().is_none() || scope.contains(at) || at.contains(scope))
                    .then_some(position)
            };
            let expected: Vec<usize> = scopes.iter().enumerate().filter_map(overlapping).collect();
            assert_eq!(index.near(at), expected, "{at}");
        }
    }
}

//! Refuses changes of a plan.

use std::collections::BTreeMap;

use super::steps::steps;
use crate::document::{Action, Plan, PlannedChange, Summary};
use crate::id::ResourceId;
use crate::kinds;

impl Plan {
    /// Refuses a change, and with it every change that depends on it; for a delete also the deletes on and in what stays, since doing half
    /// would remove the users' access and leave the account. Their steps are removed, and their reason says why.
    pub fn refuse(&mut self, change: usize, why: &str) {
        self.refuse_all(BTreeMap::from([(change, why.to_owned())]));
    }

    /// The same for several changes, by index, with the reason.
    pub fn refuse_all(&mut self, mut refused: BTreeMap<usize, String>) {
        if refused.is_empty() {
            return;
        }
        loop {
            let lost =
                |need: &usize| self.steps.get(*need).is_some_and(|step| refused.contains_key(&step.change));
            let mut open = self.steps.iter().filter(|step| !refused.contains_key(&step.change));
            let next = open.find_map(|step| {
                let need = step.needs.iter().find(|need| lost(need))?;
                Some((step.change, self.steps[*need].change))
            });
            if let Some((change, needed)) = next {
                let title = self.changes.get(needed).map_or("another change", |change| change.title.as_str());
                refused.insert(change, format!("it depends on {title}, which is refused"));
                continue;
            }
            let inside = self.deletes_on_and_in(&refused);
            if inside.is_empty() {
                break;
            }
            refused.extend(inside);
        }
        for (change, why) in &refused {
            if let Some(change) =
                self.changes.get_mut(*change).filter(|change| change.action != Action::Refused)
            {
                change.action = Action::Refused;
                change.reason = Some(why.clone());
                // A change that is not written has nothing to write.
                (change.mark, change.purge, change.base) = (None, None, None);
                change.holes.clear();
                change.taken.clear();
                change.after.clear();
            }
        }
        self.steps = steps(&self.changes);
        self.summary = Summary::of(&self.changes);
        self.fingerprint = self.digest();
    }

    /// The deletes not refused yet that are on or in a resource whose delete is refused, with the reason of the outermost.
    fn deletes_on_and_in(&self, refused: &BTreeMap<usize, String>) -> BTreeMap<usize, String> {
        let deletes = |(index, change): (usize, &PlannedChange)| {
            let kind = kinds::by_name(&change.kind).filter(|_| change.action == Action::Delete)?;
            let id = ResourceId::parse(&change.id).ok()?;
            Some((index, kind.applies_to(&id), kind.is_grant()))
        };
        let deletes: Vec<_> = self.changes.iter().enumerate().filter_map(deletes).collect();
        let stays = deletes.iter().filter(|(_, _, grant)| !grant);
        let stays: BTreeMap<&ResourceId, &String> =
            stays.filter_map(|(index, id, _)| Some((id, refused.get(index)?))).collect();
        let open = deletes.iter().filter(|(index, ..)| !refused.contains_key(index) && !stays.is_empty());
        let inside = open.filter_map(|(index, place, _)| {
            let around = std::iter::successors(Some(place.clone()), ResourceId::parent);
            Some((*index, (*around.filter_map(|id| stays.get(&id)).last()?).clone()))
        });
        inside.collect()
    }
}

//! What a plan does not write after all.

use std::collections::BTreeMap;

use super::steps::steps;
use crate::document::{Action, Plan, Summary};

impl Plan {
    /// Refuses a change, and with it every change that needs it: their steps go, and their reason says why.
    pub fn refuse(&mut self, change: usize, why: &str) {
        self.refuse_all(BTreeMap::from([(change, why.to_owned())]));
    }

    /// The same of several changes, by index, each with why.
    pub fn refuse_all(&mut self, mut refused: BTreeMap<usize, String>) {
        if refused.is_empty() {
            return;
        }
        loop {
            let lost =
                |need: &usize| self.steps.get(*need).is_some_and(|step| refused.contains_key(&step.change));
            let next =
                self.steps.iter().filter(|step| !refused.contains_key(&step.change)).find_map(|step| {
                    let need = step.needs.iter().find(|need| lost(need))?;
                    Some((step.change, self.steps[*need].change))
                });
            let Some((change, needed)) = next else { break };
            let title = self.changes.get(needed).map_or("another change", |change| change.title.as_str());
            refused.insert(change, format!("it needs {title}, which cannot be done"));
        }
        for (change, why) in &refused {
            if let Some(change) =
                self.changes.get_mut(*change).filter(|change| change.action != Action::Refused)
            {
                change.action = Action::Refused;
                change.reason = Some(why.clone());
                // What writes nothing says nothing to write.
                (change.mark, change.purge, change.base) = (None, None, None);
                change.holes.clear();
                change.after.clear();
            }
        }
        self.steps = steps(&self.changes);
        self.summary = Summary::of(&self.changes);
        self.fingerprint = self.digest();
    }
}

//! Properties of plans over generated cases, judged by what shares nothing with the code under test.
//!
//! `specs`, `values` and `live` make a case from a seed and label every live thing; `children` does that for what stands in accounts;
//! `arm` answers queries; `laws` holds the properties; `judge` evaluates rights and openings by brute force; `sequence` works out
//! what waits for what; `export` holds what is exported against what there is; `reference` compares with a second implementation; `fuzz` feeds
//! damaged input to every parser. `KEYLESS_CASES` and `KEYLESS_FUZZ` raise the numbers (tests/properties.sh); the seeds begin at 0, or at
//! `KEYLESS_FIRST_SEED` (tests/nightly.sh).
#![expect(clippy::print_stdout, reason = "generators print what they covered")]

mod arm;
mod children;
mod export;
mod fuzz;
mod judge;
mod laws;
mod lifts;
mod live;
mod reference;
mod rng;
mod sequence;
mod specs;
mod values;

use std::cell::OnceCell;

use serde_json::Value;

use crate::common::{seeds, setting, skipped};

use self::arm::{Blindness, Planned, Read, Seen};
use self::live::Azure;
use self::rng::Rng;
use self::specs::Specs;

/// One case, generated from its seed.
struct Case {
    seed: u64,
    specs: Specs,
    azure: Azure,
    blindness: Blindness,
    caller: Option<&'static str>,
    read: Read,
    seen: Seen,
    planned: Planned,
    later: OnceCell<(Azure, Planned)>,
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let specs = specs::generate(&mut rng);
        let azure = live::generate(&specs, &mut rng);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let subscriptions: Vec<String> = specs
            .trees
            .iter()
            .map(|tree| format!("/subscriptions/{}", text(&tree["subscription"])))
            .collect();
        let mut groups: Vec<String> = specs
            .accounts
            .iter()
            .filter_map(|account| account.id.split("/providers/").next())
            .map(str::to_owned)
            .collect();
        groups.push(specs::group_id(specs::SUBSCRIPTIONS[0], specs::GROUPS[0]));
        let blindness = Blindness::generate(&subscriptions, &groups, &mut rng);
        let caller = rng.chance(30).then_some(specs::CALLER);
        let read = arm::parse(&specs.trees.iter().map(specs::yaml).collect::<Vec<_>>());
        let seen = arm::read(&read.stacks, &azure, &blindness);
        let planned = arm::plan(&read, &seen.snapshot, caller);
        Self { seed, specs, azure, blindness, caller, read, seen, planned, later: OnceCell::new() }
    }

    /// Azure once the plan is carried out as predicted, and the plan that is made then.
    fn later(&self) -> &(Azure, Planned) {
        self.later.get_or_init(|| {
            let azure = laws::afterwards(self, &self.planned.plan);
            let planned = laws::again(self, &azure);
            (azure, planned)
        })
    }

    fn plan_anew(&self) -> Planned {
        arm::plan(&self.read, &self.seen.snapshot, self.caller)
    }
}

/// How many cases to try: `KEYLESS_CASES`, or few enough for every run of the tests.
fn cases() -> u64 {
    setting("KEYLESS_CASES").unwrap_or(100)
}

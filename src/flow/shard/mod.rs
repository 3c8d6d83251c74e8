//! `--shard I/N`: which stacks are this run's part of a fleet.
//!
//! Pure. A subscription belongs to one part, with all that its stacks reach, so that parts need nothing of each other; and nothing
//! coordinates them.

mod parts;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Checked, Halt};
use crate::document::{Differs, MOST_SHARDS, Plan, Shard, hash};
use crate::kinds::desired::desired;
use crate::principals::Names;
use crate::spec::{self, Loaded};
use parts::Parts;

/// The variables of a pod of an Indexed Job: its number, which Kubernetes sets, and how many there are, which the manifest sets.
const OF_A_POD: [&str; 2] = ["JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"];

/// A part, as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardNumber {
    pub index: u32,
    pub of: u32,
}

impl fmt::Display for ShardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for ShardNumber {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<u32>().ok();
        let parts = text.split_once('/').and_then(|(index, of)| Some((number(index)?, number(of)?)));
        match parts {
            Some((_, of)) if of > MOST_SHARDS => Err(format!("at most {MOST_SHARDS} shards are possible")),
            Some((index, of)) if index < of => Ok(Self { index, of }),
            Some((_, of)) if of > 0 => Err(format!("of {of} shards, the first is 0 and the last {}", of - 1)),
            _ => Err("expected I/N, as in `0/4`".to_owned()),
        }
    }
}

impl ShardNumber {
    /// The part of a pod, by the variables of its Job. Without the number of parts a Job is not taken for a fleet.
    pub(crate) fn of_pod(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let [index, of] = OF_A_POD.map(|name| variable(name).filter(|value| !value.is_empty()));
        let [its_name, all] = OF_A_POD;
        match (index, of) {
            (_, None) => Ok(None),
            (None, Some(_)) => Err(format!(
                "`{all}` is set, and `{its_name}` is not: only a Job with `completionMode: Indexed` sets it"
            )),
            (Some(index), Some(of)) => {
                let parsed = format!("{index}/{of}").parse();
                parsed.map(Some).map_err(|why| format!("`{its_name}` is `{index}`, `{all}` is `{of}`: {why}"))
            }
        }
    }

    /// Whether a part is this one, by the subscription that names it.
    fn holds(self, subscription: &str) -> bool {
        let digest = Sha256::digest(subscription.to_ascii_lowercase());
        let number = digest.iter().take(8).fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
        number % u64::from(self.of) == u64::from(self.index)
    }
}

impl Checked {
    /// Keeps the stacks of one part; the others count like stacks that are loaded and not selected. `wishes` are the options that decide
    /// what a run is about.
    pub(crate) fn keep_shard(
        mut self,
        number: Option<ShardNumber>,
        command: &str,
        began: String,
        wishes: &[&[String]],
    ) -> Self {
        let Some(number) = number else { return self };
        let inputs = self.inputs(wishes);
        let file = |loaded: &Loaded| self.sources.position(loaded.document.value_span("/stack")).file;
        let files = self.stacks.iter().map(file).collect();
        let stacks = self.stacks.iter().map(|loaded| loaded.spec.stack.clone()).collect();
        let unselected = spec::unselected(&self.stacks).to_vec();
        let parts = Parts::of(self.stacks.iter().chain(&unselected));
        let is_own = |loaded: &Loaded| number.holds(&parts.name(&loaded.spec.subscription));
        let (mut own, others): (Vec<Loaded>, Vec<Loaded>) = self.stacks.into_iter().partition(is_own);
        let beside = Arc::new([unselected, others].concat());
        for loaded in &mut own {
            loaded.unselected = Arc::clone(&beside);
        }
        self.stacks = own;
        let ShardNumber { index, of } = number;
        let command = command.to_owned();
        let shard = Shard { index, of, command, began, files, stacks, inputs, ..Shard::default() };
        self.shard = Some(Box::new(shard));
        self
    }

    /// The hash of all that decides what the parts of one run are about: the specs with their variables and locks, options, and the version.
    fn inputs(&self, wishes: &[&[String]]) -> String {
        let specs = self.stacks.iter().chain(spec::unselected(&self.stacks)).map(|loaded| {
            let text = &self.sources.file(loaded.document.file).text;
            hash(&json!([text, loaded.document.tree, loaded.lock]))
        });
        let specs: Vec<String> = specs.collect();
        hash(&json!([env!("CARGO_PKG_VERSION"), wishes, self.environment, specs]))
    }
}

/// Fails unless a saved plan is of the part that this run is. Its report is that of the part.
pub(crate) fn same_part(
    plan: &mut Plan,
    here: Option<ShardNumber>,
    command: &str,
    began: String,
) -> Result<(), Halt> {
    let made = plan.shard.as_ref().map(|shard| ShardNumber { index: shard.index, of: shard.of });
    if made != here {
        return Err(Halt::OtherShard { made, here });
    }
    // What else a file says of its part is only a claim.
    plan.shard = plan.shard.take().map(|shard| {
        let Shard { index, of, files, inputs, .. } = *shard;
        Box::new(Shard { index, of, command: command.to_owned(), began, files, inputs, ..Shard::default() })
    });
    Ok(())
}

/// The addresses that this part is asked to rotate: those of other parts are not missing.
pub(super) fn rotated_here(specs: &Checked, rotate: &[String]) -> Vec<String> {
    if specs.shard.is_none() || rotate.is_empty() {
        return rotate.to_vec();
    }
    let others = desired(spec::unselected(&specs.stacks));
    let is_elsewhere = |address: &&String| others.iter().any(|other| other.address == **address);
    rotate.iter().filter(|address| !specs.stacks.is_empty() && !is_elsewhere(address)).cloned().collect()
}

/// Says of which part a plan is, with what of it only the merged report needs.
pub(super) fn record(plan: &mut Plan, shard: Option<Box<Shard>>, names: Names) {
    let differs = |(index, differs): (usize, Option<Differs>)| differs.map(|differs| (index, differs));
    let Some(mut shard) = shard else { return };
    shard.differs =
        plan.changes.iter().map(|change| change.differs).enumerate().filter_map(differs).collect();
    shard.keys.clone_from(&plan.keys);
    shard.names = names;
    plan.shard = Some(shard);
}

#[cfg(test)]
mod tests {
    use super::ShardNumber;

    #[test]
    fn a_shard_is_a_number_below_the_number_of_shards() {
        assert_eq!("3/4".parse(), Ok(ShardNumber { index: 3, of: 4 }));
        for wrong in ["4/4", "0/0", "1", "a/4", "-1/4", "1/", "1/4/4", "", "0/10001", "0/4294967295"] {
            assert!(wrong.parse::<ShardNumber>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_pod_is_a_shard_only_of_a_job_that_says_how_many_there_are() {
        let of = |index: Option<&str>, all: Option<&str>| {
            ShardNumber::of_pod(|name| {
                (if name == "JOB_COMPLETIONS" { all } else { index }).map(str::to_owned)
            })
        };
        assert_eq!(of(Some("1"), Some("4")), Ok(Some(ShardNumber { index: 1, of: 4 })));
        assert_eq!(of(Some("1"), None), Ok(None));
        assert!(of(None, Some("4")).is_err() && of(Some("4"), Some("4")).is_err());
    }

    #[test]
    fn a_subscription_is_in_one_shard_however_it_is_spelled() {
        let ids = (0..200).map(|number| format!("ABCDEF00-0000-4000-8000-{number:012}"));
        let mut sizes = [0; 7];
        for id in ids {
            let parts = (0..7).map(|index| ShardNumber { index, of: 7 });
            let held: Vec<ShardNumber> = parts.filter(|part| part.holds(&id)).collect();
            assert!(matches!(held.as_slice(), [part] if part.holds(&id.to_lowercase())), "{held:?}");
            sizes[held[0].index as usize] += 1;
        }
        assert!(sizes.iter().all(|size| (15..45).contains(size)), "{sizes:?}");
    }
}

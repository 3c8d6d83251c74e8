//! Runs of [`SHORTEST`] bytes, and a set of them that skips most of a text quickly. Pure.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use super::SHORTEST;

/// A run of bytes, as a number.
pub(super) type Gram = u64;

const _: () = assert!(SHORTEST == size_of::<Gram>());

/// All runs of bytes, in order of position.
pub(super) fn grams(bytes: &[u8]) -> impl Iterator<Item = Gram> {
    let mut gram: Gram = 0;
    let rolled = bytes.iter().map(move |byte| {
        gram = gram << 8 | Gram::from(*byte);
        gram
    });
    rolled.skip(SHORTEST - 1)
}

/// A set of runs. Most texts have none of them, which the bits alone say: the runs themselves are put in order once a text asks for them.
#[derive(Debug, Default)]
pub(super) struct Grams {
    /// Three bits of one word for each run: if one is not set, the set does not contain the run.
    bits: Vec<u64>,
    exact: Mutex<Exact>,
}

#[derive(Debug, Default)]
struct Exact {
    all: HashSet<Gram>,
    /// Runs that are not in `all` yet.
    added: Vec<Gram>,
}

impl Grams {
    const WORDS: usize = 1 << 16;

    /// The word of a run, and its bits there.
    fn place(gram: Gram) -> (usize, u64) {
        // The upper bits depend on all of the run.
        let [high, low, bits @ .., _, _, _] = gram.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
        let mask = 1 << (bits[0] & 63) | 1 << (bits[1] & 63) | 1 << (bits[2] & 63);
        (usize::from(u16::from_be_bytes([high, low])), mask)
    }

    /// Adds the runs of some bytes that are wanted.
    pub(super) fn insert(&mut self, bytes: &[u8], wanted: impl Fn(Gram) -> bool) {
        if self.bits.is_empty() {
            self.bits = vec![0; Self::WORDS];
        }
        let exact = self.exact.get_mut().unwrap_or_else(PoisonError::into_inner);
        for gram in grams(bytes).filter(|gram| wanted(*gram)) {
            let (word, mask) = Self::place(gram);
            self.bits[word] |= mask;
            exact.added.push(gram);
        }
    }

    /// The runs of some bytes that are in the set, with their positions.
    pub(super) fn within(&self, bytes: &[u8]) -> Vec<(usize, Gram)> {
        let mut found = Vec::new();
        let mut gram: Gram = 0;
        for (at, byte) in bytes.iter().enumerate() {
            gram = gram << 8 | Gram::from(*byte);
            if at + 1 >= SHORTEST && self.contains(gram) {
                found.push((at + 1 - SHORTEST, gram));
            }
        }
        found
    }

    pub(super) fn contains(&self, gram: Gram) -> bool {
        let (word, mask) = Self::place(gram);
        if self.bits.is_empty() || self.bits[word] & mask != mask {
            return false;
        }
        let mut exact = self.exact.lock().unwrap_or_else(PoisonError::into_inner);
        let added = std::mem::take(&mut exact.added);
        exact.all.extend(added);
        exact.all.contains(&gram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_added_before_and_after_it_was_asked_and_nothing_else() {
        let mut set = Grams::default();
        let gram = |text: &[u8; SHORTEST]| u64::from_be_bytes(*text);
        assert!(!set.contains(gram(b"password")));
        set.insert(b"password1", |_| true);
        set.insert(b"elsewhere", |gram| gram & 0xFF == u64::from(b'e'));
        assert!(set.contains(gram(b"password")) && set.contains(gram(b"assword1")));
        assert!(set.contains(gram(b"lsewhere")) && !set.contains(gram(b"elsewher")));
        set.insert(b"secrets!", |_| true);
        assert!(set.contains(gram(b"secrets!")) && set.contains(gram(b"password")));
        let other = (0..100_000_u64).filter(|at| set.contains(at.wrapping_mul(0xA5A5_1234_9876_F00D)));
        assert_eq!(other.count(), 0);
    }
}

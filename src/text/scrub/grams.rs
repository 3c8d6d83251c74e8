//! Runs of [`SHORTEST`] bytes, and a set of them that skips most of a text quickly. Pure.

use std::collections::HashSet;

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

/// A set of runs.
#[derive(Debug, Default)]
pub(super) struct Grams {
    all: HashSet<Gram>,
    /// One bit of 2^22 for each: if it is not set, the set need not be queried.
    bits: Vec<u64>,
}

impl Grams {
    const WORDS: usize = 1 << 16;

    fn place(gram: Gram) -> (usize, u64) {
        let hash = gram.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 42;
        // The upper 16 of 22 bits select the word.
        (usize::try_from(hash >> 6).unwrap_or_default(), 1 << (hash & 63))
    }

    pub(super) fn insert(&mut self, gram: Gram) {
        self.bits.resize(Self::WORDS, 0);
        let (word, bit) = Self::place(gram);
        self.bits[word] |= bit;
        self.all.insert(gram);
    }

    pub(super) fn contains(&self, gram: Gram) -> bool {
        let (word, bit) = Self::place(gram);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0) && self.all.contains(&gram)
    }
}

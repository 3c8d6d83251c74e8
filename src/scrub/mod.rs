//! Takes the secrets of a run out of text that people read.
//!
//! Whoever gets hold of a secret makes it known here: tokens, keys, assertions, signed addresses. Every text on its way to a terminal, a log
//! or a report is searched for all of them, in whatever form an answer repeats them: as it is, escaped for JSON, a URL or HTML, also several
//! times over, in base64, and in pieces where somebody cut the text. What programs read back (bodies that are parsed, compared, hashed or
//! sent) never comes here. [`Scrubber`] is pure; what is known belongs to the process, like its environment.

mod view;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::{LazyLock, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use view::View;

/// Shorter secrets are refused where they come from: they would be found in ordinary words. Pieces at a cut are hidden from this length on.
pub(crate) const SHORTEST: usize = 8;
/// What stands in the place of a secret.
pub(crate) const REDACTED: &str = "REDACTED";
/// So many addresses of operations are remembered: more than are ever under way together.
const ADDRESSES: usize = 512;
/// How often a text may be escaped on top of itself.
const LAYERS: usize = 5;
/// So many closing marks may stand between a piece and the cut: `…'"`.
const MARKS: usize = 6;

static KNOWN: LazyLock<RwLock<Scrubber>> = LazyLock::new(RwLock::default);

/// Makes a secret known; from here on no text for people shows it.
pub(crate) fn learn(secret: &str) {
    // Secrets are whole entries: a panic elsewhere leaves none half known.
    KNOWN.write().unwrap_or_else(PoisonError::into_inner).learn(secret);
}

/// Makes the signature of an address known: the values of its secret parameters. The oldest are forgotten once there are many.
pub(crate) fn learn_address<'a>(secret_values: impl Iterator<Item = &'a str>) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    secret_values.for_each(|value| known.learn_for_a_while(value));
}

/// A text without secrets.
#[must_use]
pub(crate) fn scrub(text: &str) -> Cow<'_, str> {
    KNOWN.read().unwrap_or_else(PoisonError::into_inner).scrub(text)
}

/// Lines without secrets: as [`scrub`], each line by itself.
#[must_use]
pub(crate) fn scrub_lines(text: &str) -> Cow<'_, str> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    if known.is_empty() || text.split('\n').all(|line| known.find(line).is_empty()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.split('\n').map(|line| known.scrub(line)).collect::<Vec<_>>().join("\n"))
}

/// Where secrets stand in a text.
#[must_use]
pub(crate) fn find(text: &str) -> Vec<Range<usize>> {
    KNOWN.read().unwrap_or_else(PoisonError::into_inner).find(text)
}

/// Whether a text holds a secret in one of its lines.
#[must_use]
pub(crate) fn holds_secret(text: &str) -> bool {
    matches!(scrub_lines(text), Cow::Owned(_))
}

/// Whether a secret has too few characters to be kept out of texts.
#[must_use]
pub(crate) fn is_too_short(secret: &str) -> bool {
    View::of(secret).trimmed().len() < SHORTEST
}

/// What is known, and how it is found.
#[derive(Debug, Default)]
pub(crate) struct Scrubber {
    lasting: HashSet<String>,
    passing: VecDeque<String>,
    /// All forms of all secrets, as a [`View`] shows them.
    forms: Vec<Vec<u8>>,
    /// Forms by their first bytes.
    heads: HashMap<Gram, Vec<usize>>,
    /// Every run of bytes of every form.
    grams: Grams,
}

type Gram = [u8; SHORTEST];

impl Scrubber {
    /// Makes a secret known; one that is too short is not.
    fn learn(&mut self, secret: &str) {
        if is_too_short(secret) || self.lasting.contains(secret) {
            return;
        }
        self.add(secret);
        self.lasting.insert(secret.to_owned());
        if secret.contains('\n') {
            // A key in PEM is shown line by line, if at all; what stands around it is no secret.
            secret.lines().filter(|line| !line.starts_with("-----")).for_each(|line| self.learn(line));
        }
    }

    fn learn_for_a_while(&mut self, secret: &str) {
        let known = |entry: &String| entry == secret;
        if is_too_short(secret) || self.lasting.contains(secret) || self.passing.iter().any(known) {
            return;
        }
        if self.passing.len() >= ADDRESSES {
            self.passing.drain(..ADDRESSES / 2);
            (self.forms, self.heads, self.grams) = Default::default();
            let all: Vec<String> = self.lasting.iter().chain(&self.passing).cloned().collect();
            for secret in &all {
                self.add(secret);
            }
        }
        self.add(secret);
        self.passing.push_back(secret.to_owned());
    }

    fn add(&mut self, secret: &str) {
        for form in forms(secret) {
            let Some(head) = form.first_chunk().copied() else { continue };
            form.windows(SHORTEST).for_each(|gram| self.grams.insert(gram));
            self.heads.entry(head).or_default().push(self.forms.len());
            self.forms.push(form);
        }
    }

    fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// A text without secrets.
    #[must_use]
    fn scrub<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let found = self.find(text);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut clean = String::with_capacity(text.len());
        let mut end = 0;
        for range in found {
            clean.push_str(&text[end..range.start]);
            clean.push_str(REDACTED);
            end = range.end;
        }
        clean.push_str(&text[end..]);
        Cow::Owned(clean)
    }

    /// Where secrets stand in a text: in order, apart from each other, between characters.
    #[must_use]
    fn find(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        if self.is_empty() || text.len() < SHORTEST {
            return found;
        }
        let mut view = View::of(text);
        for _ in 0..LAYERS {
            self.whole(&view, &mut found);
            self.pieces(&view, &mut found);
            match view.unescaped() {
                Some(deeper) => view = deeper,
                None => break,
            }
        }
        merged(text, found)
    }

    fn whole(&self, view: &View, found: &mut Vec<Range<usize>>) {
        let bytes = view.bytes();
        for (at, gram) in bytes.windows(SHORTEST).enumerate().filter(|(_, gram)| self.grams.contains(gram)) {
            let forms = gram.first_chunk().and_then(|gram: &Gram| self.heads.get(gram));
            for form in forms.into_iter().flatten().map(|form| &self.forms[*form]) {
                if bytes[at..].starts_with(form) {
                    found.push(view.place(at..at + form.len()));
                }
            }
        }
    }

    /// Pieces that end where the text was cut, or begin there.
    fn pieces(&self, view: &View, found: &mut Vec<Range<usize>>) {
        let bytes = view.bytes();
        for (end, start) in view.cuts() {
            for skipped in 0..=MARKS.min(end) {
                let end = end - skipped;
                let longest = self.longest(bytes[..end].last_chunk(), |form, at| {
                    let (before, form) = (&bytes[..end], &form[..at + SHORTEST]);
                    before.iter().rev().zip(form.iter().rev()).take_while(|(a, b)| a == b).count()
                });
                if let Some(length) = longest {
                    found.extend(view.piece(end - length..end));
                    break;
                }
                if !bytes[..end].last().is_some_and(|byte| view::is_mark(*byte)) {
                    break;
                }
            }
            for start in start..bytes.len().min(start + MARKS + 1) {
                let longest = self.longest(bytes[start..].first_chunk(), |form, at| {
                    bytes[start..].iter().zip(&form[at..]).take_while(|(a, b)| a == b).count()
                });
                if let Some(length) = longest {
                    found.extend(view.piece(start..start + length));
                    break;
                }
                if !view::is_mark(bytes[start]) {
                    break;
                }
            }
        }
    }

    /// How far a text agrees with a form around a run of bytes that both hold.
    fn longest(&self, gram: Option<&Gram>, agree: impl Fn(&[u8], usize) -> usize) -> Option<usize> {
        let gram = gram.filter(|gram| self.grams.contains(&gram[..]))?;
        let at = |form: &'_ Vec<u8>| -> Vec<usize> {
            form.windows(SHORTEST).enumerate().filter(|(_, run)| run == gram).map(|(at, _)| at).collect()
        };
        self.forms.iter().flat_map(|form| at(form).into_iter().map(|at| agree(form, at))).max()
    }
}

/// All forms of a secret in which a [`View`] can show it.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    let mut add = |text: &str| {
        let mut view = View::of(text);
        for _ in 0..LAYERS {
            forms.push(view.trimmed().to_vec());
            match view.unescaped() {
                Some(deeper) => view = deeper,
                None => break,
            }
        }
    };
    add(secret);
    let json = serde_json::Value::from(secret).to_string();
    let json = json.trim_matches('"');
    for text in [secret, json].iter().take(if json == secret { 1 } else { 2 }) {
        // In base64 a text looks different by how many bytes stand before it: only what it alone decides is the same.
        for before in 0..3 {
            let padded = [vec![0; before], text.as_bytes().to_vec()].concat();
            let own = (before * 8).div_ceil(6)..padded.len() * 8 / 6;
            for encoded in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
                add(&encoded[own.clone()]);
            }
        }
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// Ranges in order, those that touch as one, widened to whole characters.
fn merged(text: &str, mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    for range in &mut ranges {
        while !text.is_char_boundary(range.start) {
            range.start -= 1;
        }
        while !text.is_char_boundary(range.end) {
            range.end += 1;
        }
    }
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// A set of runs of bytes that may say yes too often and never no wrongly, so that most of a text is passed over quickly.
#[derive(Debug, Default)]
struct Grams(Vec<u64>);

impl Grams {
    /// 2^20 bits.
    const WORDS: usize = 1 << 14;

    fn place(gram: &[u8]) -> (usize, u64) {
        let number = gram.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let hash = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44;
        // The upper 14 of 20 bits choose the word.
        (usize::try_from(hash >> 6).unwrap_or_default(), 1 << (hash & 63))
    }

    fn insert(&mut self, gram: &[u8]) {
        self.0.resize(Self::WORDS, 0);
        let (word, bit) = Self::place(gram);
        self.0[word] |= bit;
    }

    fn contains(&self, gram: &[u8]) -> bool {
        let (word, bit) = Self::place(gram);
        self.0.get(word).is_some_and(|bits| bits & bit != 0)
    }
}

#[cfg(test)]
mod tests;

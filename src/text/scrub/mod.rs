//! Removes the secrets of a run from text that people read.
//!
//! Whoever obtains a secret registers it here: tokens, keys, assertions, signed URLs. Every text for a terminal, a log or a report is
//! searched for all of them, in any form in which an answer may repeat them: plain; escaped for JSON, URLs or HTML, even repeatedly; in
//! base64 or hex; broken into lines; in pieces. Any [`SHORTEST`] consecutive bytes of any form count, anywhere, since nothing in a text
//! shows reliably where it was cut. Two things that secrets have in common with ordinary text do not count as pieces: whole words, and text
//! that is public anyway (see [`open`]). What programs read back (bodies that are parsed, compared, hashed or sent) never comes here.
//! [`Scrubber`] is pure; the registered secrets belong to the process, like its environment.

mod forms;
mod grams;
mod open;
mod view;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::{LazyLock, PoisonError, RwLock};

use forms::{Depth, forms};
use grams::{Gram, Grams};
use view::View;

/// Shorter secrets are refused at their source: they would occur in ordinary words. Pieces of this length or more are hidden.
pub(crate) const SHORTEST: usize = 8;
/// What replaces a secret.
pub(crate) const REDACTED: &str = "REDACTED";
/// How many operation URLs are remembered: more than are ever in progress together.
const ADDRESSES: usize = 512;
/// How many nested levels of escaping are decoded.
const LAYERS: usize = 5;
/// Long texts are searched in parts of about this many bytes, each overlapping the previous one.
const PART: usize = 64 << 10;
const OVERLAP: usize = 1 << 10;

static KNOWN: LazyLock<RwLock<Scrubber>> = LazyLock::new(RwLock::default);

/// Registers a secret, which no text for people shows from now on.
pub(crate) fn learn(secret: &str) {
    // Secrets are added as a whole, so a panic elsewhere cannot leave a partial one.
    KNOWN.write().unwrap_or_else(PoisonError::into_inner).learn(secret);
}

/// Registers the signature of a URL: the values of its secret parameters. The oldest are forgotten once there are many.
pub(crate) fn learn_address<'a>(secret_values: impl Iterator<Item = &'a str>) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    secret_values.for_each(|value| known.learn_for_a_while(value));
}

/// A text without secrets.
#[must_use]
pub(crate) fn scrub(text: &str) -> Cow<'_, str> {
    KNOWN.read().unwrap_or_else(PoisonError::into_inner).scrub(text)
}

/// Lines without secrets: as [`scrub`], but keeps line breaks inside a secret.
#[must_use]
pub(crate) fn scrub_lines(text: &str) -> Cow<'_, str> {
    KNOWN.read().unwrap_or_else(PoisonError::into_inner).scrub_lines(text)
}

/// Registers public text: the names and ids of a spec. A piece of a secret that is also a piece of these is shown.
pub(crate) fn learn_open(text: &str) {
    KNOWN.write().unwrap_or_else(PoisonError::into_inner).learn_open(text);
}

/// The positions of secrets in a text.
#[must_use]
pub(crate) fn find(text: &str) -> Vec<Range<usize>> {
    KNOWN.read().unwrap_or_else(PoisonError::into_inner).find(text)
}

/// Whether a text contains a secret.
#[must_use]
pub(crate) fn holds_secret(text: &str) -> bool {
    matches!(scrub_lines(text), Cow::Owned(_))
}

/// Whether a secret is too short to be removed from texts.
#[must_use]
pub(crate) fn is_too_short(secret: &str) -> bool {
    View::of(secret).squeezed().bytes().len() < SHORTEST
}

/// The registered secrets, indexed for searching.
#[derive(Debug, Default)]
pub(crate) struct Scrubber {
    lasting: HashSet<String>,
    passing: VecDeque<String>,
    /// All forms of all secrets by their first bytes, as a squeezed [`View`] contains them.
    heads: HashMap<Gram, Vec<Box<[u8]>>>,
    /// Every run of bytes of every form.
    grams: Grams,
    /// Whole words in secrets that consist of more than one word.
    words: HashSet<String>,
    /// Runs of bytes of public text.
    open: open::PublicText,
}

impl Scrubber {
    /// Registers a secret, unless it is too short.
    fn learn(&mut self, secret: &str) {
        if is_too_short(secret) || self.lasting.contains(secret) {
            return;
        }
        self.add(secret, Depth::Full);
        self.lasting.insert(secret.to_owned());
        if secret.contains('\n') {
            // A PEM key is shown line by line, if at all; its header lines are not secret.
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
            (self.heads, self.grams, self.words) = Default::default();
            let lasting = self.lasting.iter().map(|secret| (secret.clone(), Depth::Full));
            let passing = self.passing.iter().map(|secret| (secret.clone(), Depth::Once));
            for (secret, depth) in lasting.chain(passing).collect::<Vec<_>>() {
                self.add(&secret, depth);
            }
        }
        self.add(secret, Depth::Once);
        self.passing.push_back(secret.to_owned());
    }

    fn learn_open(&mut self, text: &str) {
        self.open.learn(text);
    }

    fn add(&mut self, secret: &str, depth: Depth) {
        let words =
            open::words(secret).flat_map(|word| [word.to_owned(), word.to_lowercase(), word.to_uppercase()]);
        self.words.extend(words);
        for form in forms(secret, depth) {
            let Some(head) = grams::grams(&form).next() else { continue };
            self.grams.insert(&form, |_| true);
            // A secret may contain separators. Words separated like that are still words, and have no digits.
            if let Some(joined) = view::joined(&form) {
                self.grams.insert(&joined, |gram| gram.to_be_bytes().iter().any(u8::is_ascii_digit));
            }
            self.heads.entry(head).or_default().push(form.into());
        }
    }

    fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// A text without secrets.
    #[must_use]
    fn scrub<'t>(&self, text: &'t str) -> Cow<'t, str> {
        replaced(text, &self.find(text), |_| REDACTED.to_owned())
    }

    /// The same with as many lines as before.
    #[must_use]
    fn scrub_lines<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let line = |line: &str| {
            let blanks = &line[..line.len() - line.trim_start().len()];
            if line.trim().is_empty() { line.to_owned() } else { format!("{blanks}{REDACTED}") }
        };
        replaced(text, &self.find_in_parts(text), |secret| {
            secret.split('\n').map(line).collect::<Vec<_>>().join("\n")
        })
    }

    /// As [`find`](Self::find), part by part: searching a text takes many times its size in memory.
    fn find_in_parts(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let line_end = |from: usize| text[from..].find('\n').map_or(text.len(), |at| from + at + 1);
        let mut start = 0;
        while start < text.len() && !self.is_empty() {
            let end = line_end(floor(text, (start + PART).min(text.len())));
            found.extend(self.find(&text[start..end]).into_iter().map(|at| start + at.start..start + at.end));
            start = if end == text.len() { end } else { floor(text, end.saturating_sub(OVERLAP)) };
        }
        merged(text, found)
    }

    /// The positions of secrets in a text: sorted, not overlapping, at character boundaries.
    #[must_use]
    fn find(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        if self.is_empty() || text.len() < SHORTEST {
            return found;
        }
        let mut view = View::of(text);
        for _ in 0..LAYERS {
            self.search(text, &view, &mut found);
            match view.unescaped() {
                Some(deeper) => view = deeper,
                None => break,
            }
        }
        merged(text, found)
    }

    /// Searches one layer: as it is, without tags, without separators, and with hex decoded.
    fn search(&self, text: &str, view: &View, found: &mut Vec<Range<usize>>) {
        let squeezed = view.squeezed();
        self.runs(text, &squeezed, found);
        if let Some(bare) = view.without_tags() {
            self.runs(text, &bare.squeezed(), found);
        }
        let joined = squeezed.joined();
        if let Some(joined) = &joined {
            self.runs(text, joined, found);
        }
        for decoded in joined.as_ref().unwrap_or(&squeezed).hex() {
            self.runs(text, &decoded.squeezed(), found);
        }
    }

    /// Searches for every run of bytes that some form contains.
    fn runs(&self, text: &str, view: &View, found: &mut Vec<Range<usize>>) {
        let bytes = view.bytes();
        let mut run = None;
        // A whole form extends up to here.
        let mut whole = 0;
        for (at, gram) in self.grams.within(bytes) {
            let end = at + SHORTEST;
            if end > whole {
                let forms = self.heads.get(&gram).into_iter().flatten();
                let longest = forms.filter(|form| bytes[at..].starts_with(form)).map(|form| form.len()).max();
                whole = longest.map_or(whole, |length| whole.max(at + length));
            }
            let is_whole = end <= whole;
            if !is_whole && self.open.contains(gram) {
                continue;
            }
            match &mut run {
                Some(FormRun { place, has_whole }) if at < place.end => {
                    place.end = end;
                    *has_whole |= is_whole;
                }
                _ => {
                    let ended = run.replace(FormRun { place: at..end, has_whole: is_whole });
                    self.keep(text, view, ended, found);
                }
            }
        }
        self.keep(text, view, run, found);
    }

    /// Records a run unless it is an ordinary word and not a whole secret.
    fn keep(&self, text: &str, view: &View, run: Option<FormRun>, found: &mut Vec<Range<usize>>) {
        let Some(run) = run else { return };
        let place = view.place(run.place);
        if run.has_whole || !open::stands_as_word(text, &place, |word| self.words.contains(word)) {
            found.push(place);
        }
    }
}

/// Consecutive bytes contained in forms.
struct FormRun {
    place: Range<usize>,
    /// Whether they include a whole form.
    has_whole: bool,
}

/// A text with some ranges replaced.
fn replaced<'t>(text: &'t str, ranges: &[Range<usize>], other: impl Fn(&str) -> String) -> Cow<'t, str> {
    if ranges.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut end = 0;
    for range in ranges {
        clean.push_str(&text[end..range.start]);
        clean.push_str(&other(&text[range.clone()]));
        end = range.end;
    }
    clean.push_str(&text[end..]);
    Cow::Owned(clean)
}

/// The character boundary at or before an offset.
fn floor(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Sorts ranges, merges those that touch, and widens them to whole characters.
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

#[cfg(test)]
mod tests;

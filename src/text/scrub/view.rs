//! A text as the search for secrets sees it: escapes decoded layer by layer, invisible characters removed, and each byte with its original
//! position.
//!
//! Both the text and the secret are viewed like this, so that spellings of encoders (`%2F` and `%2f`, `&#47;` and `\/`) need not be
//! anticipated. Pure.

use std::ops::Range;

/// A view of a text.
#[derive(Debug, Default)]
pub(super) struct View {
    bytes: Vec<u8>,
    /// For each byte, the range of the text that it represents.
    places: Vec<(u32, u32)>,
}

/// Named characters in HTML.
const ENTITIES: &[(&[u8], &str)] =
    &[(b"&amp;", "&"), (b"&lt;", "<"), (b"&gt;", ">"), (b"&quot;", "\""), (b"&apos;", "'"), (b"&nbsp;", " ")];

impl View {
    /// The text as written.
    pub(super) fn of(text: &str) -> Self {
        let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
        Self { bytes: text.as_bytes().to_vec(), places: (0..end).map(|at| (at, at + 1)).collect() }
    }

    fn with_capacity(length: usize) -> Self {
        Self { bytes: Vec::with_capacity(length), places: Vec::with_capacity(length) }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The original position of a range in this view.
    pub(super) fn place(&self, range: Range<usize>) -> Range<usize> {
        match self.places.get(range) {
            Some([(start, _), .., (_, end)] | [(start, end)]) => *start as usize..*end as usize,
            _ => 0..0,
        }
    }

    fn push(&mut self, byte: u8, start: usize, end: usize) {
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.bytes.push(byte);
        self.places.push((place(start), place(end)));
    }

    fn push_char(&mut self, character: char, start: usize, end: usize) {
        character.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| self.push(byte, start, end));
    }

    /// The view with one layer of escapes decoded; `None` if there is none.
    pub(super) fn unescaped(&self) -> Option<Self> {
        if !self.bytes.iter().any(|byte| matches!(byte, b'\\' | b'%' | b'&')) {
            return None;
        }
        let mut view = Self::with_capacity(self.bytes.len());
        let mut changed = false;
        let mut at = 0;
        while let Some(byte) = self.bytes.get(at).copied() {
            let rest = &self.bytes[at..];
            let escape = match byte {
                b'\\' => backslash(rest),
                b'%' => hex(rest, 1..3, 3)
                    .and_then(|(code, length)| Some((Out::Byte(u8::try_from(code).ok()?), length))),
                b'&' => entity(rest),
                _ => None,
            };
            let (out, length) = escape.unwrap_or((Out::Byte(byte), 1));
            changed |= escape.is_some();
            let place = self.place(at..at + length);
            match out {
                Out::Byte(byte) => view.push(byte, place.start, place.end),
                Out::Char(character) => view.push_char(character, place.start, place.end),
            }
            at += length;
        }
        changed.then_some(view)
    }

    /// The view without characters that are invisible or that an encoder may insert to break lines: blanks, control and format characters,
    /// terminal colours. Also without plus signs, which stand for blanks in URLs.
    pub(super) fn squeezed(&self) -> Self {
        self.without(may_be_unseen, unseen)
    }

    /// The view without separators that tools insert into long values or hex dumps: `53-78-39`, `0x53, 0x78`, `Sx9K-q2Lm`. Takes a squeezed
    /// view; `None` if there are none.
    pub(super) fn joined(&self) -> Option<Self> {
        let joined = self.without(may_divide, divider);
        (joined.bytes.len() < self.bytes.len()).then_some(joined)
    }

    /// The view without HTML tags; `None` if there are none.
    pub(super) fn without_tags(&self) -> Option<Self> {
        let bare = self.without(|byte| byte == b'<', tag);
        (bare.bytes.len() < self.bytes.len()).then_some(bare)
    }

    /// The view without sequences of the returned length, which begin only with some bytes.
    fn without(&self, begins: impl Fn(u8) -> bool, length: impl Fn(&[u8]) -> usize) -> Self {
        let mut view = Self::with_capacity(self.bytes.len());
        for kept in kept(&self.bytes, begins, length) {
            view.bytes.extend_from_slice(&self.bytes[kept.clone()]);
            view.places.extend_from_slice(&self.places[kept]);
        }
        view
    }

    /// The view with possible hex decoded, from even and from odd digits; empty if there is none.
    pub(super) fn hex(&self) -> Vec<Self> {
        /// The number of digits in the shortest piece.
        const DIGITS: usize = 2 * super::SHORTEST;
        let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let mut views = Vec::new();
        for odd in 0..2 {
            let mut view = Self::default();
            let mut at = 0;
            while at < self.bytes.len() {
                let run = digits(&self.bytes[at..]);
                if run < DIGITS {
                    at += run.max(1);
                    continue;
                }
                let mut digit = at + odd;
                while let Some((code, _)) = hex(&self.bytes[..at + run], digit..digit + 2, 2) {
                    let place = self.place(digit..digit + 2);
                    view.push(u8::try_from(code).unwrap_or_default(), place.start, place.end);
                    digit += 2;
                }
                // Separates two runs: no form contains this byte.
                view.push(0xFF, 0, 0);
                at += run;
            }
            if view.bytes.is_empty() {
                break;
            }
            views.push(view);
        }
        views
    }
}

/// What is left of some bytes without the sequences of the returned length, which begin only with some bytes.
fn kept(bytes: &[u8], begins: impl Fn(u8) -> bool, length: impl Fn(&[u8]) -> usize) -> Vec<Range<usize>> {
    let mut kept = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at < bytes.len() {
        let skipped = if begins(bytes[at]) { length(&bytes[at..]) } else { 0 };
        if skipped > 0 {
            kept.push(start..at);
            start = (at + skipped).min(bytes.len());
        }
        at += skipped.max(1);
    }
    kept.push(start..bytes.len());
    kept
}

/// Squeezed bytes without separators, as [`View::joined`]; `None` if there are none.
pub(super) fn joined(bytes: &[u8]) -> Option<Vec<u8>> {
    let kept = kept(bytes, may_divide, divider);
    (kept.len() > 1).then(|| kept.into_iter().map(|kept| &bytes[kept]).collect::<Vec<_>>().concat())
}

/// Whether each view of a text has the same bytes as the text: it has no escapes, no tags and nothing invisible.
pub(super) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'+' | b'<' | b'\\' | b'%' | b'&'))
}

/// Whether something invisible may begin with a byte.
fn may_be_unseen(byte: u8) -> bool {
    matches!(byte, 0..=b' ' | b'+' | 0x7F..)
}

/// Whether a separator may begin with a byte.
fn may_divide(byte: u8) -> bool {
    matches!(byte, b'0' | b'-' | b'_' | b'.' | b':' | b',' | b';' | b'|')
}

/// How many bytes from here are invisible.
fn unseen(bytes: &[u8]) -> usize {
    match bytes {
        [0x1B, b'[', rest @ ..] => {
            let end = rest.iter().take(20).position(|byte| (0x40..0x7F).contains(byte));
            end.map_or(1, |end| end + 3)
        }
        [0..=b' ' | 0x7F | b'+', ..] => 1,
        [0xC2, 0x80..=0xA0 | 0xAD, ..] | [0xD8, 0x9C, ..] => 2,
        [0xE2, 0x80, 0x80..=0x8F | 0xA8..=0xAF, ..]
        | [0xE2, 0x81, 0x9F..=0xAF, ..]
        | [0xE1, 0xA0, 0x8E, ..]
        | [0xE3, 0x80, 0x80, ..]
        | [0xEF, 0xB8, 0x80..=0x8F, ..]
        | [0xEF, 0xBB, 0xBF, ..] => 3,
        [0xF3, 0xA0, _, _, ..] => 4,
        _ => 0,
    }
}

/// The length of the separator here: one character, or the prefix of two hexadecimal digits.
fn divider(bytes: &[u8]) -> usize {
    match bytes {
        [b'0', b'x' | b'X', first, second, rest @ ..] => {
            let goes_on = rest.first().is_some_and(u8::is_ascii_alphanumeric);
            if first.is_ascii_hexdigit() && second.is_ascii_hexdigit() && !goes_on { 2 } else { 0 }
        }
        [b'-' | b'_' | b'.' | b':' | b',' | b';' | b'|', ..] => 1,
        _ => 0,
    }
}

/// The length of the tag here.
fn tag(bytes: &[u8]) -> usize {
    const LONGEST: usize = 200;
    let name = match bytes {
        [b'<', b'/', name, ..] | [b'<', name, ..] => *name,
        _ => return 0,
    };
    if !name.is_ascii_alphabetic() && name != b'!' {
        return 0;
    }
    bytes.iter().take(LONGEST).position(|byte| *byte == b'>').map_or(0, |end| end + 1)
}

/// The meaning of an escape.
#[derive(Clone, Copy)]
enum Out {
    Byte(u8),
    Char(char),
}

/// The number in hexadecimal digits, and the length of the escape.
fn hex(bytes: &[u8], digits: Range<usize>, length: usize) -> Option<(u32, usize)> {
    let digits = bytes.get(digits).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some((code, length))
}

/// Escapes of JSON, Rust and Markdown, and keyless's own.
fn backslash(bytes: &[u8]) -> Option<(Out, usize)> {
    let byte = |byte| Some((Out::Byte(byte), 2));
    match bytes.get(1)? {
        b'n' | b'r' | b't' | b'f' => byte(b' '),
        b'b' => byte(8),
        b'0' => byte(0),
        b'x' => {
            hex(bytes, 2..4, 4).and_then(|(code, length)| Some((Out::Byte(u8::try_from(code).ok()?), length)))
        }
        b'u' if bytes.get(2) == Some(&b'{') => {
            let end = bytes.iter().take(11).position(|byte| *byte == b'}')?;
            let (code, length) = hex(bytes, 3..end, end + 1)?;
            Some((Out::Char(char::from_u32(code)?), length))
        }
        b'u' => {
            let (unit, length) = hex(bytes, 2..6, 6)?;
            if let Some(character) = char::from_u32(unit) {
                return Some((Out::Char(character), length));
            }
            // The first half of a surrogate pair.
            let second = bytes.get(6..8).filter(|next| *next == b"\\u").and_then(|_| hex(bytes, 8..12, 12));
            let units = [unit, second?.0].map(|unit| u16::try_from(unit).unwrap_or_default());
            let character = char::decode_utf16(units).next()?.ok()?;
            Some((Out::Char(character), 12))
        }
        other if other.is_ascii_punctuation() => byte(*other),
        _ => None,
    }
}

/// Escapes of HTML.
fn entity(bytes: &[u8]) -> Option<(Out, usize)> {
    if let Some((name, text)) = ENTITIES.iter().find(|(name, _)| bytes.starts_with(name)) {
        return Some((Out::Char(text.chars().next()?), name.len()));
    }
    let end = bytes.iter().take(10).position(|byte| *byte == b';')?;
    let number = std::str::from_utf8(bytes.get(1..end)?).ok()?.strip_prefix('#')?;
    let code = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => number.parse().ok()?,
    };
    Some((Out::Char(char::from_u32(code)?), end + 1))
}

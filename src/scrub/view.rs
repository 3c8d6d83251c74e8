//! A text as the search for secrets sees it: blanks alike, escapes undone layer by layer, and each byte knows where it came from.
//!
//! Both sides are looked at like this, the text and the secret, so that no spelling of an encoder (`%2F` and `%2f`, `&#47;` and `\/`) needs to
//! be foreseen. Pure.

use std::ops::Range;

/// A text, seen.
#[derive(Debug)]
pub(super) struct View {
    bytes: Vec<u8>,
    /// For each byte, the bytes of the text that it stands for.
    places: Vec<(u32, u32)>,
}

/// Names of characters in HTML.
const ENTITIES: &[(&[u8], &str)] =
    &[(b"&amp;", "&"), (b"&lt;", "<"), (b"&gt;", ">"), (b"&quot;", "\""), (b"&apos;", "'"), (b"&nbsp;", " ")];

/// Whether a byte may stand between a text that was cut and the cut: quotes, brackets, punctuation, blanks.
pub(super) fn is_mark(byte: u8) -> bool {
    byte.is_ascii_punctuation() || byte == b' '
}

impl View {
    /// A text as it is written.
    pub(super) fn of(text: &str) -> Self {
        let mut view = Self::with_capacity(text.len());
        for (at, byte) in text.bytes().enumerate() {
            view.push(byte, at, at + 1);
        }
        view
    }

    fn with_capacity(length: usize) -> Self {
        Self { bytes: Vec::with_capacity(length), places: Vec::with_capacity(length) }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Without blanks around it.
    pub(super) fn trimmed(&self) -> &[u8] {
        self.bytes.trim_ascii()
    }

    /// Where a range of this view stands in the text.
    pub(super) fn place(&self, range: Range<usize>) -> Range<usize> {
        match self.places.get(range) {
            Some([(start, _), .., (_, end)] | [(start, end)]) => *start as usize..*end as usize,
            _ => 0..0,
        }
    }

    /// The same without the blanks around a piece of a secret: they belong to the text.
    pub(super) fn piece(&self, range: Range<usize>) -> Option<Range<usize>> {
        let bytes = self.bytes.get(range.clone())?;
        let start = range.start + bytes.len() - bytes.trim_ascii_start().len();
        let length = bytes.trim_ascii().len();
        (length >= super::SHORTEST).then(|| self.place(start..start + length))
    }

    /// Blanks, line breaks and the plus sign, which stands for a blank in URLs, are all one blank.
    fn push(&mut self, byte: u8, start: usize, end: usize) {
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let blank = byte.is_ascii_whitespace() || byte == b'+';
        if blank && self.bytes.last() == Some(&b' ') {
            if let Some(last) = self.places.last_mut() {
                last.1 = place(end);
            }
            return;
        }
        self.bytes.push(if blank { b' ' } else { byte });
        self.places.push((place(start), place(end)));
    }

    fn push_char(&mut self, character: char, start: usize, end: usize) {
        character.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| self.push(byte, start, end));
    }

    /// The same with one layer of escapes undone; nothing if there is none.
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

    /// Where the text was cut: for each cut, where the text before it ends and where the text behind it begins.
    pub(super) fn cuts(&self) -> Vec<(usize, usize)> {
        let bytes = &self.bytes;
        let mut cuts = vec![(0, 0), (bytes.len(), bytes.len())];
        let mut at = 0;
        while at < bytes.len() {
            let same = |byte: u8| bytes[at..].iter().take_while(|other| **other == byte).count();
            let length = match bytes[at] {
                b'.' => same(b'.'),
                b'*' => same(b'*'),
                0xE2 if bytes[at..].starts_with("…".as_bytes()) => "…".len(),
                _ => 0,
            };
            if length > 1 {
                cuts.push((at, at + length));
            }
            at += length.max(1);
        }
        cuts
    }
}

/// What an escape stands for.
#[derive(Clone, Copy)]
enum Out {
    Byte(u8),
    Char(char),
}

/// The number in hexadecimal digits, with the length of the escape.
fn hex(bytes: &[u8], digits: Range<usize>, length: usize) -> Option<(u32, usize)> {
    let digits = bytes.get(digits).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some((code, length))
}

/// Escapes of JSON, of Rust, of Markdown, and our own.
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
            // The first half of a pair.
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

//! The ground floor: text functions that every module needs. Pure, apart from the secrets that [`scrub`] knows.

pub(crate) mod excerpt;
pub mod json;
pub(crate) mod loopback;
pub(crate) mod names;
pub(crate) mod query;
pub mod redact;
pub mod sanitize;
pub(crate) mod scrub;
pub mod source;

use std::borrow::Cow;
use std::error::Error;
use std::iter;

use jiff::civil::Date;

/// Decodes a file's text: UTF-8, or UTF-16 if it has a byte order mark, which is removed.
pub(crate) fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        Cow::Owned(String::from_utf16_lossy(&units))
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => String::from_utf8_lossy(rest),
    }
}

/// The causes of an error, from the outermost to the innermost, without the error itself.
pub(crate) fn causes<'a>(error: &'a (dyn Error + 'a)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(error.source(), |cause| (*cause).source())
}

/// A day that is written as `2026-12-31`.
pub(crate) fn day(text: &str) -> Option<Date> {
    text.parse().ok().filter(|_| text.len() == "2026-12-31".len())
}

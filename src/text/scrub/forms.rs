//! The forms of a secret: what of it stands in a text that repeats it in some encoding. Pure.
//!
//! What a [`View`] undoes (escapes, hex, blanks, tags) needs no form of its own; what it cannot undo without guessing where it begins does:
//! base64, at each of its alignments.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::view::View;
use super::{LAYERS, SHORTEST};

/// How many forms are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// As it is, and in base64: for what is many and soon forgotten.
    Once,
    /// Also what stands in base64 escaped, in UTF-16, or in base64 again.
    Full,
}

type Encode = fn(&str) -> Vec<u8>;

/// What a text may have become before somebody encoded it in base64.
const BEFORE_BASE64: &[(Depth, Encode)] = &[
    (Depth::Once, |text| text.as_bytes().to_vec()),
    (Depth::Once, |text| json(text).into_bytes()),
    (Depth::Full, |text| url(text).into_bytes()),
    (Depth::Full, |text| url(text).replace('+', "%20").into_bytes()),
    (Depth::Full, |text| html(text).into_bytes()),
    (Depth::Full, |text| text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
];

fn json(text: &str) -> String {
    let text = serde_json::Value::from(text).to_string();
    text.get(1..text.len() - 1).unwrap_or_default().to_owned()
}

fn url(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// All forms of a secret in which a squeezed [`View`] can show it.
pub(super) fn forms(secret: &str, depth: Depth) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    add(secret, &mut forms);
    // Some servers fold the case of what they repeat, as of a host or a header. In base64 another case is another text.
    for folded in [secret.to_lowercase(), secret.to_uppercase()] {
        if folded != secret {
            add(&folded, &mut forms);
        }
    }
    let wanted = BEFORE_BASE64.iter().filter(|(needs, _)| *needs == Depth::Once || depth == Depth::Full);
    let mut texts: Vec<Vec<u8>> = wanted.map(|(_, encode)| encode(secret)).collect();
    texts.sort_unstable();
    texts.dedup();
    for encoded in texts.iter().flat_map(|text| base64(text)) {
        add(&encoded, &mut forms);
    }
    if depth == Depth::Full {
        for twice in base64(secret.as_bytes()).iter().flat_map(|once| base64(once.as_bytes())) {
            add(&twice, &mut forms);
        }
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// A text as each layer of a view shows it.
fn add(text: &str, forms: &mut Vec<Vec<u8>>) {
    let mut view = View::of(text);
    for _ in 0..LAYERS {
        forms.push(view.squeezed().bytes().to_vec());
        forms.extend(view.without_tags().map(|bare| bare.squeezed().bytes().to_vec()));
        match view.unescaped() {
            Some(deeper) => view = deeper,
            None => break,
        }
    }
}

/// In base64 a text looks different by how many bytes stand before it: what it alone decides, for each alignment and alphabet.
fn base64(text: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    for before in 0..3 {
        let padded = [vec![0; before], text.to_vec()].concat();
        let own = (before * 8).div_ceil(6)..padded.len() * 8 / 6;
        for encoded in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            all.extend(encoded.get(own.clone()).map(str::to_owned));
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

//! The forms of a secret in texts that repeat it encoded. Pure.
//!
//! What a [`View`] reverses (escapes, hex, blanks, tags) needs no form of its own; base64, at each alignment, does, since its start cannot
//! be guessed.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::view::{View, is_plain};
use super::{LAYERS, SHORTEST};

/// How many forms to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Plain and base64, for values that are many and short-lived.
    Once,
    /// Also escaped text in base64, UTF-16 in base64, and double base64.
    Full,
}

type Encode = fn(&str) -> Vec<u8>;

/// How a text may be transformed before it is encoded in base64.
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

/// All forms of a secret in which a squeezed [`View`] can contain it.
pub(super) fn forms(secret: &str, depth: Depth) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    add(secret, &mut forms);
    // Some servers change the case of what they repeat, such as a host or header. In base64 that changes the text.
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

/// Adds a text as each layer of a view shows it.
fn add(text: &str, forms: &mut Vec<Vec<u8>>) {
    // Base64 has no escapes and no tags; of what it has, only the plus sign is left out of a view.
    let bare = text.replace('+', "");
    if is_plain(&bare) {
        forms.push(bare.into_bytes());
        return;
    }
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

/// Base64 depends on the number of preceding bytes: the characters that the text alone determines, for each alignment and alphabet.
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

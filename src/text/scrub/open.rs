//! What a secret may have in common with any text without being revealed. Pure.
//!
//! Pieces of secrets are hidden anywhere, and a secret chosen by people, or a connection string, has pieces that occur in most messages:
//! `password`, `windows.net`, the name of an account. Hiding those would only obscure messages. The whole secret is still hidden, and so is
//! any piece that goes beyond these.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use super::SHORTEST;
use super::grams::{Gram, Grams, grams};
use super::view::{View, joined};

/// Text in everybody's ids, URLs and connection strings, and in keyless's messages about writing secrets.
const COMMON: &[&str] = &[
    "${secret.",
    "KEYLESS_SECRET_",
    "https://",
    "/subscriptions/",
    "/resourceGroups/",
    "/providers/Microsoft.CognitiveServices/accounts/",
    "/providers/Microsoft.MachineLearningServices/workspaces/",
    "/providers/Microsoft.Authorization/roleAssignments/",
    "/projects/",
    "/connections/",
    "/deployments/",
    ".openai.azure.com/",
    ".services.ai.azure.com/",
    ".cognitiveservices.azure.com/",
    ".search.windows.net/",
    ".blob.core.windows.net/",
    ".servicebus.windows.net/",
    ".documents.azure.com/",
    ".vault.azure.net/",
    "management.azure.com",
    "login.microsoftonline.com",
    "DefaultEndpointsProtocol=https;AccountName=",
    ";EndpointSuffix=core.windows.net",
    "Endpoint=sb://",
    ";SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=",
    "-----BEGIN CERTIFICATE-----",
    "-----END CERTIFICATE-----",
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----",
    "-----END RSA PRIVATE KEY-----",
];

static COMMON_GRAMS: LazyLock<HashSet<Gram>> = LazyLock::new(|| {
    COMMON.iter().flat_map(|text| views(text)).flat_map(|bytes| grams(&bytes).collect::<Vec<_>>()).collect()
});

/// Runs of bytes of public text.
#[derive(Debug, Default)]
pub(super) struct PublicText(Grams);

impl PublicText {
    pub(super) fn learn(&mut self, text: &str) {
        views(text).for_each(|bytes| self.0.insert(&bytes, |_| true));
    }

    pub(super) fn contains(&self, gram: Gram) -> bool {
        self.0.contains(gram) || COMMON_GRAMS.contains(&gram)
    }
}

/// In any case to which a server may have converted it, with and without separators.
fn views(text: &str) -> impl Iterator<Item = Vec<u8>> {
    let cases = [text.to_owned(), text.to_lowercase(), text.to_uppercase()];
    let squeezed = cases.map(|text| View::of(&text).squeezed().bytes().to_vec());
    squeezed.into_iter().flat_map(|bytes| [joined(&bytes), Some(bytes)]).flatten()
}

/// The words of a secret with more than one word.
pub(super) fn words(secret: &str) -> impl Iterator<Item = &str> {
    let all = secret.trim();
    secret
        .split(|c: char| !c.is_alphanumeric())
        .filter(move |word| word.len() >= SHORTEST && word.len() < all.len() && is_word(word))
}

/// Words as people write them: `password`, `PASSWORD`, `SharedAccessKey`. Random letters have capitals closer together.
fn is_word(text: &str) -> bool {
    const SYLLABLE: usize = 3;
    let capitals = text.char_indices().filter(|(_, c)| c.is_ascii_uppercase()).map(|(at, _)| at);
    let starts: Vec<usize> = capitals.filter(|at| *at > 0).chain([text.len()]).collect();
    let apart = |ends: &[usize]| ends[1] - ends[0] >= SYLLABLE;
    let written = starts[0] >= SYLLABLE && starts.windows(2).all(apart);
    text.bytes().all(|byte| byte.is_ascii_alphabetic())
        && (written || text.bytes().all(|byte| byte.is_ascii_uppercase()))
}

/// Whether a range of a text is exactly one of some words, and not part of a longer one.
pub(super) fn stands_as_word(text: &str, place: &Range<usize>, is_known: impl Fn(&str) -> bool) -> bool {
    let Some(inner) = text.get(place.clone()) else { return false };
    let bare = inner.trim_matches(|c: char| !c.is_alphanumeric());
    let start = place.start + inner.find(bare).unwrap_or_default();
    let goes_on = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    is_known(bare)
        && !goes_on(text[..start].chars().next_back())
        && !goes_on(text[start + bare.len()..].chars().next())
}

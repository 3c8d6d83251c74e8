//! What a secret may have in common with any text without being shown by it. Pure.
//!
//! Pieces of secrets are hidden wherever they stand, and a secret that people made up, or a connection string, has pieces that stand in
//! most messages: `password`, `windows.net`, the name of an account. Hiding those would hide what a message says and nothing else. A secret
//! is hidden whole all the same, and so is a piece that goes beyond these.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use super::SHORTEST;
use super::grams::{Gram, grams};
use super::view::View;

/// What stands in ids, addresses and connection strings of everybody, and in what keyless says of how secrets are written.
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

static COMMON_GRAMS: LazyLock<HashSet<Gram>> =
    LazyLock::new(|| COMMON.iter().flat_map(|text| of(text)).collect());

/// Runs of bytes of what stands in the clear.
#[derive(Debug, Default)]
pub(super) struct Open(HashSet<Gram>);

impl Open {
    pub(super) fn learn(&mut self, text: &str) {
        self.0.extend(of(text));
    }

    pub(super) fn contains(&self, gram: Gram) -> bool {
        self.0.contains(&gram) || COMMON_GRAMS.contains(&gram)
    }
}

/// In any case that a server may have folded it to.
fn of(text: &str) -> Vec<Gram> {
    let cases = [text.to_owned(), text.to_lowercase(), text.to_uppercase()];
    let views = cases.iter().map(|text| View::of(text).squeezed());
    let all = views.flat_map(|view| [view.joined(), Some(view)]).flatten();
    all.flat_map(|view| grams(view.bytes()).collect::<Vec<_>>()).collect()
}

/// The words of a secret that is more than one word.
pub(super) fn words(secret: &str) -> impl Iterator<Item = &str> {
    let all = secret.trim();
    secret
        .split(|c: char| !c.is_alphanumeric())
        .filter(move |word| word.len() >= SHORTEST && word.len() < all.len() && is_word(word))
}

/// Letters as people write them: `password`, `PASSWORD`, `SharedAccessKey`. Letters at random have capitals closer to each other.
fn is_word(text: &str) -> bool {
    const SYLLABLE: usize = 3;
    let capitals = text.char_indices().filter(|(_, c)| c.is_ascii_uppercase()).map(|(at, _)| at);
    let starts: Vec<usize> = capitals.filter(|at| *at > 0).chain([text.len()]).collect();
    let apart = |ends: &[usize]| ends[1] - ends[0] >= SYLLABLE;
    let written = starts[0] >= SYLLABLE && starts.windows(2).all(apart);
    text.bytes().all(|byte| byte.is_ascii_alphabetic())
        && (written || text.bytes().all(|byte| byte.is_ascii_uppercase()))
}

/// Whether a place of a text holds one of some words and nothing else, and no part of a longer one.
pub(super) fn stands_as_word(text: &str, place: &Range<usize>, is_known: impl Fn(&str) -> bool) -> bool {
    let Some(inner) = text.get(place.clone()) else { return false };
    let bare = inner.trim_matches(|c: char| !c.is_alphanumeric());
    let start = place.start + inner.find(bare).unwrap_or_default();
    let goes_on = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    is_known(bare)
        && !goes_on(text[..start].chars().next_back())
        && !goes_on(text[start + bare.len()..].chars().next())
}

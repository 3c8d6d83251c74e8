//! Names in messages: shortened, listed, and the one that was probably meant. Pure.

use strsim::normalized_damerau_levenshtein;

/// The longest part of a spec that a message repeats, in characters.
const SHORT: usize = 60;
/// Longer names are not compared: comparing takes time proportional to the product of the lengths.
const COMPARABLE: usize = 64;
const SIMILAR: f64 = 0.6;
/// From this similarity on, it is almost certainly a typo.
const SLIP: f64 = 0.9;

/// A part of a spec, shortened for a message.
pub(crate) fn short(text: &str) -> String {
    match text.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The most similar name, if it is similar enough.
pub(crate) fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    likest(wrong, names, SIMILAR)
}

/// The most similar name, if it is almost certainly the one that was meant.
pub(crate) fn very_like<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    likest(wrong, names, SLIP)
}

fn likest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>, least: f64) -> Option<&'a str> {
    if wrong.chars().count() > COMPARABLE {
        return None;
    }
    // Most typos are in case, `-` and `_`, so names that differ only there win.
    let fold = |text: &str| {
        text.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect::<String>()
    };
    let folded = fold(wrong);
    let letters = letters(&folded);
    let folded_length = f64::from(u32::try_from(folded.chars().count()).unwrap_or(u32::MAX));
    let mut best: Option<(f64, &str)> = None;
    for name in names {
        // Two texts cannot be more similar than their lengths allow.
        let least_length = name.chars().count() - name.bytes().filter(|byte| b"-_".contains(byte)).count();
        if f64::from(u32::try_from(least_length).unwrap_or(u32::MAX)) * least > folded_length {
            continue;
        }
        let name_folded = fold(name);
        // Most names are not similar at all, which this shows without the full comparison.
        let bound = at_best(&letters, &self::letters(&name_folded));
        if bound < least || best.is_some_and(|(most, _)| bound <= most) {
            continue;
        }
        let likeness = normalized_damerau_levenshtein(&folded, &name_folded);
        if likeness >= least && best.is_none_or(|(most, _)| likeness > most) {
            best = Some((likeness, name));
        }
    }
    best.map(|(_, name)| name)
}

/// How often each letter occurs; non-ASCII characters count as one letter.
fn letters(text: &str) -> [u8; 128] {
    let mut counts = [0_u8; 128];
    for character in text.chars() {
        let place = usize::try_from(u32::from(character)).unwrap_or_default().min(127);
        counts[place] = counts[place].saturating_add(1);
    }
    counts
}

/// The maximum similarity of two texts with these letters: each edit step fixes one surplus letter on each side.
fn at_best(left: &[u8; 128], right: &[u8; 128]) -> f64 {
    let over = |a: &[u8; 128], b: &[u8; 128]| -> u32 {
        a.iter().zip(b).map(|(a, b)| u32::from(a.saturating_sub(*b))).sum()
    };
    let length = |counts: &[u8; 128]| counts.iter().map(|count| u32::from(*count)).sum::<u32>();
    let longest = length(left).max(length(right)).max(1);
    1.0 - f64::from(over(left, right).max(over(right, left))) / f64::from(longest)
}

/// `a`, `b` and `c`, in backticks.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names = names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    match names.pop() {
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} and {last}", names.join(", ")),
        None => "none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_forgives_case_underscores_and_a_slip_but_not_everything() {
        let names = ["location", "disableLocalAuth", "tags"];
        assert_eq!(nearest("locaton", names), Some("location"));
        assert_eq!(nearest("disable_local_auth", names), Some("disableLocalAuth"));
        assert_eq!(nearest("TAGS", names), Some("tags"));
        assert_eq!(nearest("principals", names), None);
        assert_eq!(nearest(&"x".repeat(1 << 20), names), None);
    }

    #[test]
    fn what_is_passed_over_without_a_comparison_is_nothing_that_it_would_find() {
        let names = [
            "location",
            "disableLocalAuth",
            "tags",
            "Reader",
            "Owner",
            "Cognitive Services User",
            "a-b_c",
            "ÄÖÜ-ß",
            "İstanbul",
            "",
        ];
        let fold = |text: &str| text.replace(['-', '_'], "").to_lowercase();
        for wrong in [
            "locaton",
            "Disable_Local-Auth",
            "tag",
            "raeder",
            "ownr",
            "cognitiv service user",
            "abc",
            "äöüss",
            "istanbul",
            "zzz",
            "",
        ] {
            let best = names
                .iter()
                .map(|name| normalized_damerau_levenshtein(&fold(wrong), &fold(name)))
                .fold(0.0, f64::max);
            let found =
                nearest(wrong, names).map(|name| normalized_damerau_levenshtein(&fold(wrong), &fold(name)));
            assert_eq!(found, (best >= SIMILAR).then_some(best), "{wrong}");
        }
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(short(&"ä".repeat(100)), format!("{}…", "ä".repeat(60)));
        assert_eq!(short("kurz"), "kurz");
    }
}

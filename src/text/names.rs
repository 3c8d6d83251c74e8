//! Names in messages: cut where they are long, listed, and the one that was probably meant. Pure.

use strsim::normalized_damerau_levenshtein;

/// Longest part of a spec that a message repeats, in characters.
const SHORT: usize = 60;
/// Names longer than this are not compared: the comparison takes the product of both lengths.
const COMPARABLE: usize = 64;
const SIMILAR: f64 = 0.6;
/// From here on it is hardly anything but a slip.
const SLIP: f64 = 0.9;

/// A part of a spec as a message repeats it: not endlessly.
pub(crate) fn short(text: &str) -> String {
    match text.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The name that was probably meant, if one is near enough.
pub(crate) fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    likest(wrong, names, SIMILAR)
}

/// The name that was meant, if it is so near that hardly another could be.
pub(crate) fn very_like<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    likest(wrong, names, SLIP)
}

fn likest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>, least: f64) -> Option<&'a str> {
    if wrong.chars().count() > COMPARABLE {
        return None;
    }
    // Case, `-` and `_` are what people most often get wrong, and nothing is nearer than that.
    let fold = |text: &str| {
        text.chars().filter(|c| !matches!(c, '-' | '_')).flat_map(char::to_lowercase).collect::<String>()
    };
    let folded = fold(wrong);
    let letters = letters(&folded);
    let folded_length = f64::from(u32::try_from(folded.chars().count()).unwrap_or(u32::MAX));
    let mut best: Option<(f64, &str)> = None;
    for name in names {
        // Two texts are at most as alike as their lengths.
        let least_length = name.chars().count() - name.bytes().filter(|byte| b"-_".contains(byte)).count();
        if f64::from(u32::try_from(least_length).unwrap_or(u32::MAX)) * least > folded_length {
            continue;
        }
        let name_folded = fold(name);
        // Most names are nothing like it, which is seen without the full comparison.
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

/// How often each letter stands in a text; what is no ASCII counts as one letter.
fn letters(text: &str) -> [u8; 128] {
    let mut counts = [0_u8; 128];
    for character in text.chars() {
        let place = usize::try_from(u32::from(character)).unwrap_or_default().min(127);
        counts[place] = counts[place].saturating_add(1);
    }
    counts
}

/// How alike two texts can be at most that consist of these letters: each step of an edit mends one letter too many on each side.
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

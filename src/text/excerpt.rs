//! Excerpts of answers that are not JSON.

use crate::text::scrub::scrub;

/// The number of words quoted from such an answer.
const WORDS: usize = 24;

/// The first words of a page from a proxy or gateway, without tags.
pub(crate) fn first_words(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&body[..body.len().min(64 * 1024)]);
    // Scrubbed before tags are removed and the text is cut, since half a secret is harder to find; and again afterwards, for one that
    // spanned tags.
    let text = scrub(&text);
    let visible = match text.find('<') {
        Some(_) => without_tags(&text),
        None => text.into_owned(),
    };
    let visible = scrub(&visible);
    let mut words = visible.split_whitespace();
    let mut quoted = words.by_ref().take(WORDS).collect::<Vec<_>>().join(" ");
    if quoted.chars().count() > 300 {
        quoted = quoted.chars().take(300).collect();
        quoted.push('…');
    } else if words.next().is_some() {
        quoted.push_str(" …");
    }
    (!quoted.is_empty()).then_some(quoted)
}

fn without_tags(page: &str) -> String {
    let mut visible = String::new();
    let mut rest = page;
    while let Some(open) = rest.find('<') {
        visible.push_str(&rest[..open]);
        visible.push(' ');
        let tag = &rest[open..];
        let hidden = ["script", "style"]
            .iter()
            .find(|name| tag.get(1..=name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)));
        let after_hidden = hidden.map(|name| {
            let end = tag.to_ascii_lowercase().find(&format!("</{name}"));
            end.map_or("", |end| &tag[end..])
        });
        let tag = after_hidden.unwrap_or(tag);
        rest = tag.find('>').map_or("", |close| &tag[close + 1..]);
    }
    visible.push_str(rest);
    visible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_secret_is_left_by_a_cut_or_by_taking_tags_out() {
        let secret = "pr1vate\"key\"<of>/page&words";
        crate::text::scrub::learn(secret);
        for before in 0..310 {
            let page = format!("{}{secret}{secret} after <b>{secret}</b>", "x".repeat(before));
            let words = first_words(page.as_bytes()).unwrap();
            assert!(!words.contains("pr1v") && !words.contains("words"), "{before}: {words}");
        }
    }

    #[test]
    fn long_pages_are_cut() {
        let words = first_words("word ".repeat(1000).as_bytes()).unwrap();
        assert!(words.ends_with('…') && words.len() < 200, "{words}");
        let one = first_words("x".repeat(10_000).as_bytes()).unwrap();
        assert!(one.ends_with('…') && one.len() < 400);
    }
}

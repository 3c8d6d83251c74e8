//! Forms of secrets, pieces of them, and texts that look like them.

use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::*;

/// Looks different in every form.
const SECRET: &str = "s3cr3t+/key=Ω \"va&lue\"\\n<1>";

fn knowing(secrets: &[&str]) -> Scrubber {
    let mut scrubber = Scrubber::default();
    for secret in secrets {
        scrubber.learn(secret);
    }
    scrubber
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string().trim_matches('"').to_owned()
}

fn url(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[test]
fn every_form_of_a_secret_is_taken_out_whole() {
    let scrubber = knowing(&[SECRET]);
    let lower = url(SECRET).to_lowercase().replace("%3d", "=");
    let forms = [
        SECRET.to_owned(),
        json(SECRET),
        json(&json(SECRET)),
        json(&json(&json(SECRET))),
        url(SECRET),
        url(SECRET).replace('+', "%20"),
        lower,
        url(&url(SECRET)),
        html(SECRET),
        html(&json(SECRET)),
        url(&json(SECRET)),
        json(&html(SECRET)),
        SECRET.replace('/', "\\/"),
        SECRET.replace('/', "&#47;").replace('=', "&#x3D;"),
        SECRET.replace('Ω', "\\u03a9"),
        format!("{SECRET:?}").trim_matches('"').to_owned(),
        crate::render::sanitize::markdown(SECRET),
        SECRET.replace(' ', "\n    "),
    ];
    for form in forms {
        let text = format!("before {form} after");
        assert_eq!(scrubber.scrub(&text), "before REDACTED after", "{form}");
    }
}

#[test]
fn base64_is_found_wherever_the_secret_stands_in_it() {
    // The last one is full of what the two alphabets write in two ways.
    let secrets = [SECRET, "0123456789abcdef", "~~~???>>>~~?>~?>~~"];
    let scrubber = knowing(&secrets);
    for secret in secrets {
        for before in 0..5 {
            for after in 0..4 {
                let text = format!("{}{secret}{}", "x".repeat(before), "y".repeat(after));
                for encoded in [STANDARD.encode(&text), URL_SAFE.encode(&text), url(&STANDARD.encode(&text))]
                {
                    let clean = scrubber.scrub(&encoded).into_owned();
                    // What is left tells of no more than the bytes at its edges.
                    assert!(clean.contains(REDACTED), "{before} {after} {encoded}");
                    assert!(
                        clean.len()
                            <= REDACTED.len() + 4 * before.div_ceil(3) + 4 * (after.div_ceil(3) + 1) + 8,
                        "{clean}"
                    );
                }
            }
        }
    }
}

#[test]
fn pieces_are_found_at_a_cut_and_nowhere_else() {
    let scrubber = knowing(&["correct-horse-battery-staple"]);
    for (text, clean) in [
        ("the key correct-horse-ba", "the key REDACTED"),
        ("the key 'correct-horse-ba...' is wrong", "the key 'REDACTED...' is wrong"),
        ("the key 'correct-horse-ba…' is wrong", "the key 'REDACTED…' is wrong"),
        ("the key 'correct-horse-ba'.", "the key 'REDACTED'."),
        ("the key …-battery-staple is wrong", "the key …REDACTED is wrong"),
        ("ends in ****ery-staple", "ends in ****REDACTED"),
        ("horse-battery-sta", "REDACTED"),
        ("…e-battery-s…", "…REDACTED…"),
        ("\\u2026e-battery-s\\u2026", "\\u2026REDACTED\\u2026"),
        ("it is correct-h or so", "it is correct-h or so"),
        ("only correct", "only correct"),
        ("seven: battery", "seven: battery"),
        ("", ""),
        ("…", "…"),
    ] {
        assert_eq!(scrubber.scrub(text), clean);
    }
}

#[test]
fn dots_stars_and_an_ellipsis_are_cuts() {
    let scrubber = knowing(&["0123456789abcdef"]);
    for cut in ["...", "…", "***", "..", "**"] {
        let text = format!("key 01234567{cut}89abcdef end");
        assert_eq!(scrubber.scrub(&text), format!("key REDACTED{cut}REDACTED end"));
    }
    for no in [".", "*", "-", "~~"] {
        let text = format!("key 01234567{no}89abcdef end");
        assert_eq!(scrubber.scrub(&text), text);
    }
}

#[test]
fn what_is_too_short_is_not_looked_for() {
    for (secret, short) in [
        ("1234567", true),
        ("12345678", false),
        ("        ", true),
        ("a b     c", true),
        ("\u{3a9}\u{3a9}\u{3a9}\u{3a9}", false),
        ("", true),
    ] {
        assert_eq!(is_too_short(secret), short, "{secret}");
        assert_eq!(knowing(&[secret]).is_empty(), short, "{secret}");
    }
}

#[test]
fn secrets_that_look_like_escapes_are_found_as_they_are_and_escaped() {
    for secret in [
        "100%41bcdefgh",
        "C:\\new\\table",
        "&amp;&lt;&gt;x",
        "nested\\u0041\\u0042",
        "ends in a backslash\\",
        "%%%%%%%%%%",
    ] {
        let scrubber = knowing(&[secret]);
        for form in [secret.to_owned(), json(secret), url(secret), html(secret), json(&json(secret))] {
            assert_eq!(scrubber.scrub(&format!("a '{form}' b")), "a 'REDACTED' b", "{secret}");
        }
    }
    // Behind a backslash its first letter looks like part of an escape.
    assert_eq!(knowing(&["nothing-to-see"]).scrub("DOMAIN\\nothing-to-see"), "DOMAIN\\REDACTED");
}

#[test]
fn of_two_secrets_the_one_that_holds_the_other_goes_whole() {
    let scrubber = knowing(&["s3cr3t-t", "s3cr3t-too-long"]);
    assert_eq!(scrubber.scrub("bad key s3cr3t-too-long, s3cr3t-t"), "bad key REDACTED, REDACTED");
    let overlapping = knowing(&["abcdefghij", "fghijklmno"]);
    assert_eq!(overlapping.scrub("<abcdefghijklmno>"), "<REDACTED>");
}

#[test]
fn lines_of_a_key_are_secrets_and_what_frames_them_is_not() {
    let scrubber = knowing(&[
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----\n",
    ]);
    assert_eq!(scrubber.scrub("line 3: kqhkiG9w0BAQEF"), "line 3: REDACTED");
    assert_eq!(scrubber.scrub("at kqhkiG9w0BAQEF: no key"), "at REDACTED: no key");
    assert_eq!(
        scrubber.scrub("it begins with -----BEGIN PRIVATE KEY----- as it should"),
        "it begins with -----BEGIN PRIVATE KEY----- as it should"
    );
}

#[test]
fn addresses_are_forgotten_once_there_are_many_and_secrets_never() {
    let mut scrubber = knowing(&["a-lasting-secret"]);
    let signature =
        |number: usize| format!("{:032x}", (number as u128 + 1).wrapping_mul(u128::MAX / 1_000_003));
    for number in 0..2 * ADDRESSES {
        scrubber.learn_for_a_while(&signature(number));
    }
    let last = signature(2 * ADDRESSES - 1);
    assert_eq!(scrubber.scrub(&format!("{last} a-lasting-secret")), "REDACTED REDACTED");
    assert_eq!(scrubber.scrub(&signature(0)), signature(0));
    assert!(scrubber.passing.len() <= ADDRESSES);
}

#[test]
fn no_text_breaks_the_search() {
    let scrubber = knowing(&[SECRET, "ΩΩΩΩΩΩΩΩΩΩ"]);
    let parts = [
        "\\",
        "u",
        "{",
        "}",
        "%",
        "4",
        "&",
        "#",
        ";",
        "x",
        "Ω",
        "\u{1f980}",
        "…",
        "..",
        "d83d",
        " ",
        SECRET,
        "ΩΩΩΩΩ",
    ];
    let mut seed = 1_usize;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..8 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(parts[(seed >> 33) % parts.len()]);
        }
        assert!(!scrubber.scrub(&text).contains(SECRET), "{text}");
    }
}

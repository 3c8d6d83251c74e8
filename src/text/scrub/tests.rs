//! Forms of secrets, pieces of them, and texts that look like them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::*;

/// Differs in every form.
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

/// Messages tell people how to write a secret.
#[test]
fn how_secrets_are_written_is_no_piece_of_one() {
    let scrubber = knowing(&["x${secret.SEARCH}", "k3y-KEYLESS_SECRET_SEARCH"]);
    let remedy = "write only `${secret.NAME}`: it is taken from KEYLESS_SECRET_NAME when it is sent";
    assert_eq!(scrubber.scrub(remedy), remedy);
    assert_eq!(scrubber.scrub("it was x${secret.SEARCH}!"), "it was REDACTED!");
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
        SECRET.replace(' ', "\n    "),
    ];
    for form in forms {
        let text = format!("before {form} after");
        assert_eq!(scrubber.scrub(&text), "before REDACTED after", "{form}");
    }
}

#[test]
fn base64_is_found_wherever_the_secret_stands_in_it() {
    // The last one consists of characters that the two base64 alphabets write differently.
    let secrets = [SECRET, "0123456789abcdef", "~~~???>>>~~?>~?>~~"];
    let scrubber = knowing(&secrets);
    for secret in secrets {
        for before in 0..5 {
            for after in 0..4 {
                let text = format!("{}{secret}{}", "x".repeat(before), "y".repeat(after));
                for encoded in [STANDARD.encode(&text), URL_SAFE.encode(&text), url(&STANDARD.encode(&text))]
                {
                    let clean = scrubber.scrub(&encoded).into_owned();
                    // What is left reveals no more than the bytes at its edges.
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
fn pieces_are_found_wherever_they_stand() {
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
        (
            "Unexpected value 'correct-horse-battery-sta' (truncated)",
            "Unexpected value 'REDACTED' (truncated)",
        ),
        ("correct-horse-battery-sta[truncated]", "REDACTED[truncated]"),
        ("'correct-horse-b' and then '-battery-staple'", "'REDACTED' and then 'REDACTED'"),
        ("xcorrect-hx", "xREDACTEDx"),
        ("only correct", "only correct"),
        ("seven: battery", "seven: battery"),
        ("", ""),
        ("…", "…"),
    ] {
        assert_eq!(scrubber.scrub(text), clean);
    }
}

#[test]
fn what_nobody_sees_in_a_text_hides_no_secret() {
    let secret = "Qx7+Zp/2=\"vW<k>&9mN4$Lt8Rb3Hc\\6Yd1Fj5GsA0Ew-PuIoT";
    let scrubber = knowing(&[secret]);
    for between in [
        "\n",
        "\r\n    ",
        " ",
        "\u{200b}",
        "\u{feff}\u{ad}",
        "\u{1b}[0m",
        "\u{1b}[1;31m",
        "\\u001b[0m",
        "\u{0}",
        "</b>",
        "<br/>",
        "&lt;b&gt;",
    ] {
        for at in [5, 10, 20, 28] {
            let text = format!("a '{}{between}{}' b", &secret[..at], &secret[at..]);
            assert_eq!(scrubber.scrub(&text), "a 'REDACTED' b", "{text}");
        }
        let all: Vec<String> = secret.chars().map(String::from).collect();
        let text = format!("a '{}' b", all.join(between));
        assert!(!scrubber.scrub(&text).contains("Lt"), "{text}");
    }
}

#[test]
fn encodings_of_encodings_are_found() {
    let secret = "Qx7+Zp/2=\"vW<k>&9mN4$Lt8Rb3Hc\\6Yd1Fj5GsA0Ew-PuIoT";
    let scrubber = knowing(&[secret]);
    let bytes = secret.as_bytes();
    let utf16: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let hex: String = bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect();
    for before in ["", "x", "xy", "key="] {
        let with = |text: &str| format!("{before}{text}");
        let long = STANDARD.encode(with(&json(secret)));
        for (form, edge) in [
            (STANDARD.encode(with(&url(secret))), 12),
            (STANDARD.encode(with(&url(secret).replace('+', "%20"))), 12),
            (STANDARD.encode(with(&html(secret))), 12),
            (STANDARD.encode([before.as_bytes(), &utf16].concat()), 12),
            (STANDARD.encode(with(&STANDARD.encode(secret))), 14),
            (STANDARD.encode(with(&URL_SAFE.encode(with(secret)))), 24),
            (with(&hex), 5),
            (with(&hex.to_uppercase()), 5),
            (format!("{before}7{hex}"), 6),
            (hex.chars().map(|c| if c == 'a' { "a\n".to_owned() } else { c.to_string() }).collect(), 4),
            (format!("{}\n{}\n{}", &long[..20], &long[20..50], &long[50..]), 14),
        ] {
            let clean = scrubber.scrub(&form);
            assert!(clean.contains(REDACTED), "{form}");
            assert!(clean.len() <= REDACTED.len() + edge, "{form}\n{clean}");
        }
    }
    // A number or an id is not a secret because it has only hex digits.
    let text = "11111111-2222-4333-8444-555555555555 sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a6978";
    assert_eq!(scrubber.scrub(text), text);
}

#[test]
fn words_and_names_in_the_clear_are_no_pieces_of_a_secret() {
    let mut scrubber = knowing(&[
        "password-of-search",
        "DefaultEndpointsProtocol=https;AccountName=store;AccountKey=q1w2e3r4t5y6==;EndpointSuffix=core.windows.net",
        "chat-eu-prod.11111111-2222-4333-8444-555555555555.z9y8x7w6v5",
        "correct telephone battery",
        "productive",
    ]);
    scrubber.learn_open("chat-eu-prod");
    scrubber.learn_open("11111111-2222-4333-8444-555555555555");
    for text in [
        "the password is wrong; \"password\": 1, password",
        "https://other.blob.core.windows.net/x and https://store.blob.core.windows.net/",
        "AccountName and AccountKey",
        "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/chat-eu-prod",
        "no telephone here",
        "the password\nis wrong",
    ] {
        assert_eq!(scrubber.scrub(text), text);
        assert_eq!(scrubber.scrub_lines(text), text);
    }
    for (text, clean) in [
        ("the passwords are", "the REDACTEDs are"),
        ("password-of", "REDACTED"),
        ("'password-of-search'", "'REDACTED'"),
        ("AccountKey=q1w2e3r4t5y6", "REDACTED"),
        ("x.z9y8x7w6v5", "xREDACTED"),
        ("telephonebat", "REDACTED"),
        // A secret that is a word is hidden as a whole.
        ("a productive day", "a REDACTED day"),
    ] {
        assert_eq!(scrubber.scrub(text), clean);
    }
    // Random letters are not a word.
    let random = knowing(&["AbCdEfGhIj/q1w2e3r4t5", "abcdefghijklmnopqrstuvwxyz"]);
    assert_eq!(random.scrub("a AbCdEfGhIj b"), "a REDACTED b");
    assert_eq!(random.scrub("a abcdefghijklmn b"), "a REDACTED b");
}

#[test]
fn lines_stay_where_a_secret_goes_over_them() {
    let scrubber = knowing(&["first-half-and-second-half"]);
    let text = "one\n  key: first-half-an\n    d-second-half.\nend\n";
    assert_eq!(scrubber.scrub_lines(text), "one\n  key: REDACTED\n    REDACTED.\nend\n");
    let many = "a line of a text that is long\n".repeat(20_000);
    for at in [0, PART - 9, PART + 3, 3 * PART + 5] {
        let at = many[..at].rfind('\n').map_or(0, |at| at + 1);
        let text = format!("{}key first-half-an\nd-second-half\n{}", &many[..at], &many[at..]);
        let clean = scrubber.scrub_lines(&text);
        assert_eq!(clean, format!("{}key REDACTED\nREDACTED\n{}", &many[..at], &many[at..]));
    }
    assert!(matches!(scrubber.scrub_lines(&many), Cow::Borrowed(_)));
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
    // After a backslash its first letter looks like part of an escape.
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

#[test]
fn a_secret_is_found_in_the_case_that_a_server_folded_it_to() {
    let scrubber =
        knowing(&["Qx7Zp2vWk9mN4Lt8Rb3H", "AccountName=Chat;Key=f00DFeed", "https://Chat-Eu/Production-Key"]);
    for (text, clean) in [
        ("key 'qx7zp2vwk9mn4lt8rb3h' is wrong", "key 'REDACTED' is wrong"),
        ("key 'QX7ZP2VWK9MN4LT8RB3H' is wrong", "key 'REDACTED' is wrong"),
        ("ends in ****K9MN4LT8RB3H", "ends in ****REDACTED"),
        ("accountname=chat;key=f00dfeed", "REDACTED"),
        ("accountname%3dchat%3bkey%3df00dfeed", "REDACTED"),
        // The words of a secret, in any case, are ordinary words.
        ("in production, PRODUCTION and Production", "in production, PRODUCTION and Production"),
    ] {
        assert_eq!(scrubber.scrub(text), clean);
    }
    let mut open = knowing(&["https://Chat-Eu-Prod.search.windows.net/?key=f00DFeedF00d"]);
    open.learn_open("Chat-Eu-Prod");
    assert_eq!(
        open.scrub("account chat-eu-prod at HTTPS://X.SEARCH.WINDOWS.NET/"),
        "account chat-eu-prod at HTTPS://X.SEARCH.WINDOWS.NET/"
    );
}

#[test]
fn dividers_hide_neither_the_bytes_of_a_secret_nor_its_groups() {
    let secret = "Sx9Kq2Lm7Zp4Wd8RtYb3";
    let scrubber = knowing(&[secret]);
    let hex = |between: &str, prefix: &str| {
        let bytes: Vec<String> = secret.bytes().map(|byte| format!("{prefix}{byte:02X}")).collect();
        bytes.join(between)
    };
    let groups = |length: usize, between: &str| {
        secret
            .as_bytes()
            .chunks(length)
            .map(|group| std::str::from_utf8(group).unwrap())
            .collect::<Vec<_>>()
            .join(between)
    };
    let utf16: Vec<String> =
        secret.encode_utf16().flat_map(u16::to_le_bytes).map(|byte| format!("{byte:02x}")).collect();
    for form in [
        hex("-", ""),
        hex(":", ""),
        hex(" ", ""),
        hex(",", ""),
        hex(", ", "0x"),
        hex(",", "0X"),
        hex("", "\\x"),
        hex("", "%"),
        hex("-", "").to_lowercase(),
        utf16.join("-"),
        groups(5, "-"),
        groups(4, "."),
        groups(2, "_"),
        groups(1, ":"),
        groups(1, "-"),
        groups(4, ", "),
        groups(5, "-").to_lowercase(),
    ] {
        let clean = scrubber.scrub(&format!("key '{form}' is wrong")).replace("0x", "").replace("0X", "");
        // A zero byte at the end reveals nothing.
        let clean = clean.replace("REDACTED-00", "REDACTED");
        assert_eq!(clean, "key 'REDACTED' is wrong", "{form}");
        // Cut, but longer than the shortest piece.
        let cut = &form[..form.len() * 2 / 3];
        assert!(scrubber.scrub(&format!("key {cut}")).contains("REDACTED"), "{cut}");
    }
    // With its own separators, and with others.
    let divided = knowing(&["3f9a-K2pX_7Qz8.Lw5v-R1tM"]);
    for form in
        ["3f9aK2pX7Qz8Lw5vR1tM", "3f9a.K2pX.7Qz8.Lw5v.R1tM", "33-66-39-61-2D-4B-32-70-58-5F-37-51-7A-38"]
    {
        assert_eq!(divided.scrub(&format!("'{form}'")), "'REDACTED'", "{form}");
    }
}

#[test]
fn dividers_make_no_secret_of_ordinary_words() {
    let mut scrubber = knowing(&[
        "chat-model-key-production",
        "https://chat-eu-prod01.search.windows.net/?key=f00DFeedF00d",
    ]);
    scrubber.learn_open("chat-eu-prod01");
    for text in [
        "the chat model, key of production",
        "chat.model: not found in production",
        "account chat-eu-prod01 at x.search.windows.net",
        "12345678-1234-1234-1234-123456789abc, 0x53, 2026-11-26T23:20:19Z",
    ] {
        assert_eq!(scrubber.scrub(text), text);
    }
}

//! Looks for secrets in what a run has written: in every form in which one could stand there, and in pieces.

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{Folder, Run};

/// Looks different in every form.
pub(crate) const SECRET: &str = "s3cr3t+/key=Ω \"va&lue\"<1>";

fn in_json(text: &str) -> String {
    let text = json!(text).to_string();
    text[1..text.len() - 1].to_owned()
}

fn in_url(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn in_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The forms in which an answer could repeat a secret: as it is, for JSON, twice so, for a URL, for HTML, and in base64 at each of its
/// three alignments, in both alphabets, in another case, in hex, and in groups.
pub(crate) fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![
        secret.to_owned(),
        in_json(secret),
        in_json(&in_json(secret)),
        in_url(secret),
        in_url(secret).replace('+', "%20"),
        in_html(secret),
    ];
    for before in 0..3 {
        let text = STANDARD.encode(format!("{}{secret}", "x".repeat(before)));
        forms.extend([text.replace('+', "-").replace('/', "_"), text]);
    }
    let hex = |between: &str, prefix: &str| {
        let bytes: Vec<String> = secret.bytes().map(|byte| format!("{prefix}{byte:02X}")).collect();
        bytes.join(between)
    };
    let groups: Vec<char> = secret.chars().collect();
    let groups: Vec<String> = groups.chunks(5).map(|group| group.iter().collect()).collect();
    forms.extend([
        secret.to_lowercase(),
        secret.to_uppercase(),
        in_url(&secret.to_lowercase()),
        hex("-", ""),
        hex(":", ""),
        hex(", ", "0x"),
        groups.join("-"),
        STANDARD.encode(format!("key={}", in_url(secret))),
        STANDARD.encode(STANDARD.encode(secret)),
        secret
            .bytes()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .collect(),
    ]);
    forms
}

/// The same with lines broken, as in a mail, and with what nobody sees or a browser hides: what is looked for are the forms themselves.
pub(crate) fn broken(secret: &str) -> Vec<String> {
    let cut = |form: &str, between: &str| {
        let characters: Vec<char> = form.chars().collect();
        let parts: Vec<String> = characters.chunks(13).map(|chunk| chunk.iter().collect()).collect();
        parts.join(between)
    };
    let mime = STANDARD.encode(json!({"properties": {"credentials": {"key": secret}}}).to_string());
    let mime: Vec<char> = mime.chars().collect();
    let mime: Vec<String> = mime.chunks(76).map(|line| line.iter().collect()).collect();
    let betweens = ["\n", "\r\n  ", "\u{200b}", "\u{1b}[0m", "<b>"];
    betweens.iter().map(|between| cut(secret, between)).chain([mime.join("\n")]).collect()
}

/// What would give a secret away: its forms, what is always the same of those in base64, every piece of twelve characters, and its bytes
/// as a debugging output lists them.
fn traces(secret: &str) -> Vec<String> {
    let mut traces = vec![secret.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ")];
    for form in forms(secret) {
        let characters: Vec<char> = form.trim_end_matches('=').chars().collect();
        // At its edges a form in base64 tells of its neighbours too.
        let inner = characters.get(4..characters.len().saturating_sub(2)).unwrap_or_default();
        let inner = if form.contains(' ') || form.contains('%') { &characters[..] } else { inner };
        traces.extend(
            inner.windows(if form == secret { 8 } else { 12 }).map(|piece| piece.iter().collect::<String>()),
        );
    }
    traces
}

/// Everything that a run has written: its streams, and every file of its folder.
pub(crate) fn written(folder: &Folder, run: &Run) -> Vec<(String, String)> {
    let mut texts =
        vec![("stdout".to_owned(), run.stdout.clone()), ("stderr".to_owned(), run.stderr.clone())];
    let mut folders = vec![folder.path().to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                texts.push((path.file_name().unwrap().to_string_lossy().into_owned(), text));
            }
        }
    }
    texts
}

/// Asserts that no output of a run contains a secret or a piece of one.
#[track_caller]
pub(crate) fn holds_none(folder: &Folder, run: &Run, secrets: &[&str]) {
    let traces: Vec<String> = secrets.iter().flat_map(|secret| traces(secret)).collect();
    let search = AhoCorasick::new(&traces).expect("traces are short texts");
    for (name, text) in written(folder, run) {
        if let Some(found) = search.find(&text) {
            panic!("`{}` is in {name}:\n{text}\n{run}", &traces[found.pattern().as_usize()]);
        }
    }
}

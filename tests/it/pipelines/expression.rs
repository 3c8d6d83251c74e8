//! Expressions of GitHub Actions, as far as the files under deploy/github use them.

use serde_json::Value;

/// A text with `${{ }}` in it; one that is nothing else keeps no type, since inputs and variables are texts.
pub(crate) fn filled(text: &str, context: &Value) -> String {
    let mut rest = text;
    let mut filled = String::new();
    while let Some((before, after)) = rest.split_once("${{") {
        let (inner, after) = after.split_once("}}").expect("an expression ends");
        filled.push_str(before);
        filled.push_str(&worded(&evaluate(inner, context)));
        rest = after;
    }
    filled + rest
}

pub(crate) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::String(text) => !text.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        _ => true,
    }
}

pub(crate) fn worded(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `always()`, `success()` and `cancelled()` are members of the context: `{"always": true, ...}` under `functions`.
pub(crate) fn evaluate(text: &str, context: &Value) -> Value {
    let mut parser = Parser { tokens: tokens(text), at: 0, context };
    let value = parser.either();
    assert_eq!(parser.at, parser.tokens.len(), "`{text}` is read to its end");
    value
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Sign(&'static str),
}

fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('\'') {
            let (inner, after) = after.split_once('\'').expect("a text ends");
            found.push(Token::Text(inner.to_owned()));
            rest = after;
        } else if let Some(sign) =
            ["==", "!=", "&&", "||", "!", "(", ")"].into_iter().find(|sign| rest.starts_with(sign))
        {
            found.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else {
            let is_name = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
            let end = rest.find(|letter| !is_name(letter)).unwrap_or(rest.len());
            assert!(end > 0, "`{rest}` is not known here");
            found.push(Token::Name(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    found
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    context: &'a Value,
}

impl Parser<'_> {
    fn takes(&mut self, sign: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Sign(next)) if *next == sign);
        self.at += usize::from(found);
        found
    }

    fn either(&mut self) -> Value {
        let mut left = self.both();
        while self.takes("||") {
            let right = self.both();
            left = if is_true(&left) { left } else { right };
        }
        left
    }

    fn both(&mut self) -> Value {
        let mut left = self.compared();
        while self.takes("&&") {
            let right = self.compared();
            left = if is_true(&left) { right } else { left };
        }
        left
    }

    fn compared(&mut self) -> Value {
        let left = self.single();
        if self.takes("==") {
            return Value::Bool(left == self.single());
        }
        if self.takes("!=") {
            return Value::Bool(left != self.single());
        }
        left
    }

    fn single(&mut self) -> Value {
        if self.takes("!") {
            return Value::Bool(!is_true(&self.single()));
        }
        if self.takes("(") {
            let inner = self.either();
            assert!(self.takes(")"), "a bracket is closed");
            return inner;
        }
        let token = self.tokens.get(self.at).expect("an operand").clone();
        self.at += 1;
        match token {
            Token::Text(text) => Value::String(text),
            Token::Name(name) if self.takes("(") => {
                assert!(self.takes(")"), "functions here take nothing");
                let known = self.context["functions"].get(&name);
                known.unwrap_or_else(|| panic!("no function `{name}` is known here")).clone()
            }
            Token::Name(name) => {
                let pointer = format!("/{}", name.replace('.', "/"));
                self.context.pointer(&pointer).cloned().unwrap_or(Value::Null)
            }
            Token::Sign(sign) => panic!("`{sign}` stands where an operand should"),
        }
    }
}

#[test]
fn expressions_mean_what_they_mean_on_github() {
    let context = serde_json::json!({
        "a": {"b": "x", "empty": ""}, "functions": {"always": true, "cancelled": false},
    });
    for (text, expected) in [
        ("${{ a.b }}-${{ a.none }}", "x-"),
        ("${{ a.b == 'x' && 'yes' || 'no' }}", "yes"),
        ("${{ (a.b != 'x' && 'first') || (a.empty == '' && 'second') || '' }}", "second"),
        ("${{ a.empty || 'default' }}", "default"),
        ("${{ !cancelled() && always() }}", "true"),
        ("${{ a.none == a.other }}", "true"),
    ] {
        assert_eq!(filled(text, &context), expected, "{text}");
    }
}

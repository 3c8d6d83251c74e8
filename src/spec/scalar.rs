//! What a scalar of YAML means: null, true or false, a number, or text.
//!
//! Input: the characters of an unquoted scalar. Output: its value by YAML 1.2's core schema, with fewer surprises: what YAML parsers
//! disagree about (`0123`, `1_000`, `no`, dates) stays text, so that a field of another type reports it. Pure.

use serde_json::{Number, Value};

/// The value of an unquoted scalar.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    /// A JSON value.
    Value(Value),
    /// An integer beyond 64 bits.
    TooBig,
    /// Infinity, not-a-number, or a number too large for a double.
    NotFinite,
}

/// Parses an unquoted scalar.
#[must_use]
pub(super) fn read(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Value(Value::Null),
        "true" | "True" | "TRUE" => return Scalar::Value(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Scalar::Value(Value::Bool(false)),
        _ => {}
    }
    let (sign, unsigned) = match text.as_bytes() {
        [b'-', ..] => ("-", &text[1..]),
        [b'+', ..] => ("", &text[1..]),
        _ => ("", text),
    };
    if matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return Scalar::NotFinite;
    }
    if let Some(number) = radix(text) {
        return number;
    }
    match numeric_shape(unsigned) {
        Some(ScalarShape::Whole) => whole(&format!("{sign}{unsigned}")),
        Some(ScalarShape::Fraction) => fraction(&format!("{sign}{unsigned}")),
        None => Scalar::Value(Value::String(text.to_owned())),
    }
}

/// Parses text from outside of YAML, such as `--var`: true, false and numbers are typed, everything else is text.
///
/// `null`, `~` and the empty string stay text: `--var owner=` means an empty owner, not its removal.
#[must_use]
pub(super) fn read_argument(text: &str) -> Value {
    match read(text) {
        Scalar::Value(value @ (Value::Bool(_) | Value::Number(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

/// Parses hexadecimal and octal numbers of YAML 1.2.
fn radix(text: &str) -> Option<Scalar> {
    let (digits, radix) = match text.split_at_checked(2)? {
        ("0x", digits) => (digits, 16),
        ("0o", digits) => (digits, 8),
        _ => return None,
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    Some(u64::from_str_radix(digits, radix).map_or(Scalar::TooBig, |number| Scalar::Value(number.into())))
}

enum ScalarShape {
    Whole,
    Fraction,
}

/// Whether unsigned text is a decimal number without superfluous leading zeros.
fn numeric_shape(unsigned: &str) -> Option<ScalarShape> {
    let bytes = unsigned.as_bytes();
    let digits_from = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits_from(0);
    if whole > 1 && bytes[0] == b'0' {
        return None;
    }
    let mut at = whole;
    let mut shape = ScalarShape::Whole;
    if bytes.get(at) == Some(&b'.') {
        let decimals = digits_from(at + 1);
        if whole == 0 && decimals == 0 {
            return None;
        }
        at += 1 + decimals;
        shape = ScalarShape::Fraction;
    } else if whole == 0 {
        return None;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(bytes.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        let exponent = digits_from(at);
        if exponent == 0 {
            return None;
        }
        at += exponent;
        shape = ScalarShape::Fraction;
    }
    (at == bytes.len()).then_some(shape)
}

fn whole(text: &str) -> Scalar {
    text.parse::<i64>()
        .map(Number::from)
        .or_else(|_| text.parse::<u64>().map(Number::from))
        .map_or(Scalar::TooBig, |number| Scalar::Value(Value::Number(number)))
}

/// Parses a number with a point or exponent; `1.0` is the integer 1, as in JSON Schema.
fn fraction(text: &str) -> Scalar {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let Some(number) = text.parse::<f64>().ok().filter(|number| number.is_finite()) else {
        return Scalar::NotFinite;
    };
    if number.fract() == 0.0 && number.abs() < EXACT {
        return whole(&format!("{number:.0}"));
    }
    Number::from_f64(number).map_or(Scalar::NotFinite, |number| Scalar::Value(Value::Number(number)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scalars_that_yaml_readers_disagree_on_stay_text() {
        for text in [
            "0123",
            "-007",
            "00.5",
            "1_000",
            "2024-01-31",
            "2024-01-31T10:00:00Z",
            "12:30:45",
            "no",
            "on",
            "yes",
            "off",
            "y",
            "N",
            "1.2.3",
            "1e",
            "e3",
            ".",
            "-",
            "+",
            "--1",
            "0b101",
            "0x",
            "0xg",
            "0o8",
            "-0x1",
            "nan",
            "inf",
            "Infinity",
            "1 ",
            " 1",
            "١",
            "nUll",
            "tRue",
            "7f3b",
        ] {
            assert_eq!(read(text), Scalar::Value(json!(text)), "{text}");
        }
    }

    #[test]
    fn core_schema_scalars_are_typed() {
        for (text, value) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("null", json!(null)),
            ("true", json!(true)),
            ("False", json!(false)),
            ("0", json!(0)),
            ("-0", json!(0)),
            ("+12", json!(12)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("18446744073709551615", json!(u64::MAX)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("1.0", json!(1)),
            ("1.", json!(1)),
            ("1e3", json!(1000)),
            ("-2.5e-3", json!(-0.0025)),
            ("-0.0", json!(0)),
        ] {
            assert_eq!(read(text), Scalar::Value(value), "{text}");
        }
    }

    #[test]
    fn numbers_that_json_cannot_hold_are_named() {
        for text in ["18446744073709551616", "-9223372036854775809", "0xFFFFFFFFFFFFFFFFF"] {
            assert_eq!(read(text), Scalar::TooBig, "{text}");
        }
        for text in [".inf", "-.INF", "+.Inf", ".NaN", "1e999"] {
            assert_eq!(read(text), Scalar::NotFinite, "{text}");
        }
    }

    #[test]
    fn arguments_are_typed_where_that_is_plain_and_never_null() {
        for (text, value) in [
            ("true", json!(true)),
            ("12", json!(12)),
            ("null", json!("null")),
            ("", json!("")),
            ("~", json!("~")),
            (".inf", json!(".inf")),
            ("99999999999999999999", json!("99999999999999999999")),
            ("a: b", json!("a: b")),
        ] {
            assert_eq!(read_argument(text), value, "{text}");
        }
    }
}

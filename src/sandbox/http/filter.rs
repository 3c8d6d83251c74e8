//! `OData` filters as far as ARM and Graph clients use them: terms joined by `and`, and by `or`.
//!
//! `name eq 'value'` (also unquoted, also `ge` and `le`), `name in ('a', 'b')`, `name('argument')`
//! and `name/any(x:x eq 'value')`, whose parts are arguments. Pure.

/// One condition of a filter. Names are lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Term {
    Compare { name: String, operator: String, value: String },
    Call { name: String, arguments: Vec<String> },
    In { name: String, values: Vec<String> },
}

/// Terms of a filter, or nothing if it is not of the known form.
pub(crate) fn parse(filter: &str) -> Option<Vec<Term>> {
    let mut found = parse_alternatives(filter)?;
    if found.len() == 1 { found.pop() } else { None }
}

/// Alternatives of a filter (`or`), each a list of terms (`and`), as Graph has them.
pub(crate) fn parse_alternatives(filter: &str) -> Option<Vec<Vec<Term>>> {
    let mut alternatives = Vec::new();
    let mut terms = Vec::new();
    let mut words = tokens(filter)?.into_iter().peekable();
    loop {
        let name = words.next()?.word()?.to_lowercase();
        match words.next()? {
            Token::Open => terms.push(Term::Call { name, arguments: list(&mut words)? }),
            Token::Word(operator) if operator.eq_ignore_ascii_case("in") => match words.next()? {
                Token::Open => terms.push(Term::In { name, values: list(&mut words)? }),
                _ => return None,
            },
            Token::Word(operator) => {
                let operator = operator.to_lowercase();
                if !["eq", "ne", "ge", "le", "gt", "lt"].contains(&operator.as_str()) {
                    return None;
                }
                let (Token::Text(value) | Token::Word(value)) = words.next()? else { return None };
                terms.push(Term::Compare { name, operator, value });
            }
            _ => return None,
        }
        match words.next() {
            None => {
                alternatives.push(terms);
                return Some(alternatives);
            }
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("and") => {}
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("or") => {
                alternatives.push(std::mem::take(&mut terms));
            }
            Some(_) => return None,
        }
    }
}

/// The rest of a list in parentheses.
fn list(words: &mut impl Iterator<Item = Token>) -> Option<Vec<String>> {
    let mut found = Vec::new();
    loop {
        match words.next()? {
            Token::Close => return Some(found),
            Token::Comma => {}
            Token::Text(text) | Token::Word(text) => found.push(text),
            Token::Open => return None,
        }
    }
}

enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    Comma,
}

impl Token {
    fn word(self) -> Option<String> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }
}

fn tokens(filter: &str) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    let mut letters = filter.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '(' => found.push(Token::Open),
            ')' => found.push(Token::Close),
            ',' => found.push(Token::Comma),
            '\'' => found.push(Token::Text(quoted(&mut letters)?)),
            letter if letter.is_whitespace() => {}
            letter => {
                let mut word = String::from(letter);
                while let Some(next) =
                    letters.next_if(|next| !next.is_whitespace() && !"(),'".contains(*next))
                {
                    word.push(next);
                }
                found.push(Token::Word(word));
            }
        }
    }
    Some(found)
}

/// The rest of a quoted text; a doubled quote stands for one.
fn quoted(letters: &mut std::iter::Peekable<std::str::Chars>) -> Option<String> {
    let mut text = String::new();
    loop {
        match letters.next()? {
            '\'' if letters.next_if_eq(&'\'').is_some() => text.push('\''),
            '\'' => return Some(text),
            letter => text.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(name: &str, operator: &str, value: &str) -> Term {
        Term::Compare { name: name.into(), operator: operator.into(), value: value.into() }
    }

    #[test]
    fn filters_of_real_clients_are_understood() {
        let call = |name: &str, arguments: &[&str]| Term::Call {
            name: name.into(),
            arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
        };
        assert_eq!(parse("atScope()"), Some(vec![call("atscope", &[])]));
        assert_eq!(parse("roleName eq 'it''s'"), Some(vec![compare("rolename", "eq", "it's")]));
        assert_eq!(
            parse("atScope() and assignedTo('a-b')"),
            Some(vec![call("atscope", &[]), call("assignedto", &["a-b"])])
        );
        assert_eq!(
            parse("resourceProvider eq Microsoft.Authorization and eventTimestamp ge 2023-08-23T12:59:20Z"),
            Some(vec![
                compare("resourceprovider", "eq", "Microsoft.Authorization"),
                compare("eventtimestamp", "ge", "2023-08-23T12:59:20Z")
            ])
        );
    }

    #[test]
    fn graphs_forms_are_understood() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            parse("servicePrincipalNames/any(c:c eq 'x')"),
            Some(vec![Term::Call {
                name: "serviceprincipalnames/any".into(),
                arguments: words(&["c:c", "eq", "x"])
            }])
        );
        assert_eq!(
            parse_alternatives("id in ('a', 'b') or displayName eq 'c' and mail eq 'd'"),
            Some(vec![
                vec![Term::In { name: "id".into(), values: words(&["a", "b"]) }],
                vec![compare("displayname", "eq", "c"), compare("mail", "eq", "d")]
            ])
        );
        assert_eq!(parse_alternatives("a eq 'b' or"), None);
    }

    #[test]
    fn anything_else_is_refused() {
        for filter in [
            "",
            "a",
            "a eq",
            "a eq 'b",
            "a like 'b'",
            "a eq 'b' or c eq 'd'",
            "(",
            "f(",
            "f(()",
            "a eq 'b' and",
        ] {
            assert_eq!(parse(filter), None, "{filter}");
        }
    }

    /// A random filter of these pieces, by a seed.
    fn jumbled(seed: &mut u64) -> String {
        const PIECES: &[&str] = &[
            "name",
            "atScope",
            "(",
            ")",
            "'",
            "''",
            "'a b'",
            " eq ",
            " and ",
            ",",
            "2023-08-23T12:59:20Z",
            "ge",
            " ",
            "\t",
            "ä",
            "\u{202e}",
            "$filter",
            "%27",
            "",
        ];
        let mut draw = |limit: u64| {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from((*seed >> 33) % limit).unwrap_or(0)
        };
        (0..draw(12)).map(|_| PIECES[draw(PIECES.len() as u64)]).collect()
    }

    #[test]
    fn jumbled_filters_are_taken_or_refused_and_what_is_taken_means_the_same_when_written_again() {
        let runs = std::env::var("KEYLESS_FUZZ").ok().and_then(|runs| runs.parse().ok()).unwrap_or(2000);
        let (mut seed, mut taken) = (1, 0);
        for _ in 0..runs {
            let filter = jumbled(&mut seed);
            let Some(terms) = parse(&filter) else { continue };
            taken += 1;
            let quoted = |text: &String| format!("'{}'", text.replace('\'', "''"));
            let written: Vec<String> = terms
                .iter()
                .map(|term| match term {
                    Term::Compare { name, operator, value } => format!("{name} {operator} {}", quoted(value)),
                    Term::Call { name, arguments } => {
                        format!("{name}({})", arguments.iter().map(quoted).collect::<Vec<_>>().join(","))
                    }
                    Term::In { name, values } => {
                        format!("{name} in ({})", values.iter().map(quoted).collect::<Vec<_>>().join(","))
                    }
                })
                .collect();
            assert_eq!(parse(&written.join(" and ")).as_ref(), Some(&terms), "{filter:?}");
        }
        assert!(taken > 0 && taken < runs, "{taken} of {runs} filters were taken");
    }
}

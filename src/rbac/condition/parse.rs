//! Parses the text of a condition into an expression: tokens, brackets, operators and their operands.
//!
//! Never panics, and limits nesting, so that no text overflows the stack.

use super::words::{is_attribute, is_operator};

/// The maximum nesting of brackets and negations.
const MAX_DEPTH: usize = 64;

/// A parsed condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub(super) expr: Expr,
    /// Whether quotes, or the precedence of AND and OR, allow two interpretations.
    pub(super) ambiguous: bool,
    remarks: Vec<Remark>,
    tokens: Vec<Token>,
}

/// Why a text is not a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The byte position.
    pub at: usize,
    /// What is wrong, in a few words.
    pub message: String,
}

/// Something valid that may not be what was intended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The byte position.
    pub at: usize,
    /// Its category.
    pub kind: RemarkKind,
    /// What was expected there.
    pub message: String,
}

/// The category of a remark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemarkKind {
    /// An operator, function or attribute that is not documented or not known to keyless.
    Unknown,
    /// AND next to OR without brackets.
    Order,
}

/// A token of a condition; white space between tokens does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// A bracket, a brace, a comma, or `!`.
    Sign(char),
    /// A word: an operator, a number, a GUID, `AND`, `&&`.
    Word(String),
    /// A text in single quotes.
    Text(String),
    /// An attribute: source and name.
    Attribute(String, String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expr {
    All(Vec<Expr>),
    Any(Vec<Expr>),
    Not(Box<Expr>),
    /// `ActionMatches`, with its patterns.
    Action(Vec<String>),
    Compare {
        left: Operand,
        operator: String,
        right: Operand,
    },
    /// Something that only Azure can evaluate.
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operand {
    Attribute { source: Source, name: String },
    Word(String),
    Text(String),
    Set(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Request,
    Other,
}

impl Condition {
    /// Parses a condition.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        // Microsoft does not document how to write a quote inside quotes: both forms are accepted.
        let plain = read(text, false);
        match plain {
            Err(mistake) => read(text, true).map_err(|_| mistake),
            read => read,
        }
    }

    /// Things that may not be intended: unknown operators and attributes, AND next to OR.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// Its tokens: two conditions with the same tokens are the same.
    #[must_use]
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }
}

fn mistake<T>(at: usize, message: impl Into<String>) -> Result<T, Mistake> {
    Err(Mistake { at, message: message.into() })
}

fn read(text: &str, escapes: bool) -> Result<Condition, Mistake> {
    let placed = tokens(text, escapes)?;
    let quotes = |token: &Token| matches!(token, Token::Text(text) if text.contains(['\\', '\'']));
    let ambiguous = placed.iter().any(|(_, token)| quotes(token));
    let mut reader =
        TokenReader { tokens: &placed, next: 0, end: text.len(), remarks: Vec::new(), mixed: false };
    if placed.is_empty() {
        return mistake(0, "it contains no condition");
    }
    let expr = reader.expression(0)?;
    if let Some((at, token)) = reader.peek() {
        return match token {
            Token::Sign(')') => mistake(at, "unmatched `)`"),
            token => mistake(at, format!("expected `AND` or `OR` before {}", shown(token))),
        };
    }
    let (remarks, mixed) = (reader.remarks, reader.mixed);
    let tokens = placed.into_iter().map(|(_, token)| token).collect();
    Ok(Condition { expr, ambiguous: ambiguous || mixed, remarks, tokens })
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || "_-:.+/*".contains(character)
}

fn tokens(text: &str, escapes: bool) -> Result<Vec<(usize, Token)>, Mistake> {
    let mut tokens = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((at, character)) = rest.next() {
        let token = match character {
            blank if blank.is_whitespace() => continue,
            '(' | ')' | '{' | '}' | ',' | '!' => Token::Sign(character),
            '&' | '|' => {
                if rest.next_if(|(_, next)| *next == character).is_none() {
                    return mistake(at, format!("single `{character}`: write `{character}{character}`"));
                }
                Token::Word(String::from(if character == '&' { "AND" } else { "OR" }))
            }
            '\'' => {
                let mut value = String::new();
                loop {
                    match rest.next() {
                        None => return mistake(at, "this quote is not closed"),
                        Some((_, '\'')) => match rest.next_if(|(_, next)| *next == '\'') {
                            Some(_) => value.push('\''),
                            None => break,
                        },
                        Some((_, '\\')) if escapes => {
                            value.push('\\');
                            value.extend(rest.next().map(|(_, escaped)| escaped));
                        }
                        Some((_, other)) => value.push(other),
                    }
                }
                Token::Text(value)
            }
            '"' => return mistake(at, "use single quotes for text"),
            ']' => return mistake(at, "unmatched `]`"),
            '[' => return mistake(at, "an attribute's source is missing, such as `@Resource[...]`"),
            '@' => {
                let source = word(&mut rest);
                if rest.next_if(|(_, next)| *next == '[').is_none() {
                    return mistake(at, "write an attribute as `@Resource[NAME]`");
                }
                attribute(at, source, &mut rest)?
            }
            first if is_word(first) => {
                let word = format!("{first}{}", word(&mut rest));
                if rest.next_if(|(_, next)| *next == '[').is_some() {
                    attribute(at, word, &mut rest)?
                } else {
                    Token::Word(word)
                }
            }
            other => return mistake(at, format!("unexpected `{}`", other.escape_default())),
        };
        tokens.push((at, token));
    }
    Ok(tokens)
}

type Characters<'a> = std::iter::Peekable<std::str::CharIndices<'a>>;

fn word(rest: &mut Characters<'_>) -> String {
    let mut word = String::new();
    while let Some((_, character)) = rest.next_if(|(_, next)| is_word(*next)) {
        word.push(character);
    }
    word
}

/// Parses an attribute's name and its closing bracket.
fn attribute(at: usize, source: String, rest: &mut Characters<'_>) -> Result<Token, Mistake> {
    let mut name = String::new();
    loop {
        match rest.next() {
            Some((_, ']')) => break,
            Some((at, '\'' | '(' | ')' | '{' | '}' | '[')) => {
                return mistake(at, "missing `]` of the attribute before this");
            }
            Some((_, other)) => name.push(other),
            None => return mistake(at, "missing `]` of the attribute"),
        }
    }
    let name = name.trim().to_owned();
    if name.is_empty() {
        return mistake(at, "the attribute has no name");
    }
    Ok(Token::Attribute(source, name))
}

fn shown(token: &Token) -> String {
    match token {
        Token::Sign(sign) => format!("`{sign}`"),
        Token::Word(word) => format!("`{word}`"),
        Token::Text(text) => format!("`'{text}'`"),
        Token::Attribute(source, name) => format!("`@{source}[{name}]`"),
    }
}

struct TokenReader<'a> {
    tokens: &'a [(usize, Token)],
    next: usize,
    end: usize,
    remarks: Vec<Remark>,
    mixed: bool,
}

impl<'a> TokenReader<'a> {
    fn peek(&self) -> Option<(usize, &'a Token)> {
        self.tokens.get(self.next).map(|(at, token)| (*at, token))
    }

    fn takes_sign(&mut self, sign: char) -> bool {
        let is = matches!(self.peek(), Some((_, Token::Sign(next))) if *next == sign);
        self.next += usize::from(is);
        is
    }

    /// The operator that joins two parts, if it comes next.
    fn joint(&mut self) -> Option<(usize, bool)> {
        let (at, Token::Word(word)) = self.peek()? else { return None };
        let and = word.eq_ignore_ascii_case("AND");
        (and || word.eq_ignore_ascii_case("OR")).then(|| {
            self.next += 1;
            (at, and)
        })
    }

    fn expression(&mut self, depth: usize) -> Result<Expr, Mistake> {
        let mut parts = vec![self.part(depth)?];
        let mut joined: Option<bool> = None;
        while let Some((at, and)) = self.joint() {
            if joined.is_some_and(|before| before != and) {
                self.mixed = true;
                let message =
                    "AND and OR without brackets: Azure requires brackets that show which comes first";
                self.remarks.push(Remark { at, kind: RemarkKind::Order, message: message.to_owned() });
            }
            joined = Some(and);
            parts.push(self.part(depth)?);
        }
        Ok(match (joined, parts.pop()) {
            (None, Some(only)) => only,
            (Some(true), last) => Expr::All(parts.into_iter().chain(last).collect()),
            (_, last) => Expr::Any(parts.into_iter().chain(last).collect()),
        })
    }

    fn part(&mut self, depth: usize) -> Result<Expr, Mistake> {
        let Some((at, token)) = self.peek() else {
            return mistake(self.end, "it ends where an expression is expected");
        };
        if depth >= MAX_DEPTH {
            return mistake(at, format!("more than {MAX_DEPTH} nested brackets and negations"));
        }
        match token {
            Token::Sign('!') => {
                self.next += 1;
                Ok(Expr::Not(Box::new(self.part(depth + 1)?)))
            }
            Token::Word(word) if word.eq_ignore_ascii_case("NOT") => {
                self.next += 1;
                Ok(Expr::Not(Box::new(self.part(depth + 1)?)))
            }
            Token::Sign('(') => {
                self.next += 1;
                let inner = self.expression(depth + 1)?;
                if self.takes_sign(')') {
                    return Ok(inner);
                }
                match self.peek() {
                    Some((at, token)) => {
                        mistake(at, format!("expected `AND`, `OR` or `)` before {}", shown(token)))
                    }
                    None => mistake(at, "this `(` is not closed"),
                }
            }
            Token::Word(word) if word.eq_ignore_ascii_case("Exists") => {
                self.next += 1;
                match self.peek() {
                    Some((_, Token::Attribute(..))) => {
                        self.operand("an attribute")?;
                        Ok(Expr::Other)
                    }
                    other => mistake(other.map_or(self.end, |(at, _)| at), "`Exists` needs an attribute"),
                }
            }
            Token::Word(word) if matches!(self.tokens.get(self.next + 1), Some((_, Token::Sign('{')))) => {
                self.next += 1;
                let values = self.set()?;
                if word.eq_ignore_ascii_case("ActionMatches") {
                    return Ok(Expr::Action(values));
                }
                if !word.eq_ignore_ascii_case("SubOperationMatches") {
                    self.remarks.push(Remark {
                        at,
                        kind: RemarkKind::Unknown,
                        message: format!("keyless does not know the function `{word}`"),
                    });
                }
                Ok(Expr::Other)
            }
            Token::Word(word) if word.eq_ignore_ascii_case("ActionMatches") => {
                mistake(at, "`ActionMatches` needs an action: `ActionMatches{'...'}`")
            }
            _ => self.comparison(),
        }
    }

    fn comparison(&mut self) -> Result<Expr, Mistake> {
        let left = self.operand("an expression")?;
        let operator = match self.peek() {
            Some((at, Token::Word(word))) if is_joint(word) => {
                return mistake(at, format!("expected an operator before `{word}`"));
            }
            Some((at, Token::Word(word))) => {
                if !is_operator(word) {
                    self.remarks.push(Remark {
                        at,
                        kind: RemarkKind::Unknown,
                        message: format!("keyless does not know the operator `{word}`"),
                    });
                }
                self.next += 1;
                word.clone()
            }
            Some((at, token)) => return mistake(at, format!("expected an operator before {}", shown(token))),
            None => return mistake(self.end, "it ends where an operator is expected"),
        };
        let right = self.operand(&format!("a value for `{operator}`"))?;
        Ok(Expr::Compare { left, operator, right })
    }

    fn operand(&mut self, what: &str) -> Result<Operand, Mistake> {
        let Some((at, token)) = self.peek() else {
            return mistake(self.end, format!("it ends where {what} is expected"));
        };
        let operand = match token {
            Token::Attribute(source, name) => {
                if !is_attribute(source, name) {
                    let message = format!("keyless does not know the attribute `@{source}[{name}]`");
                    self.remarks.push(Remark { at, kind: RemarkKind::Unknown, message });
                }
                let source =
                    if source.eq_ignore_ascii_case("Request") { Source::Request } else { Source::Other };
                Operand::Attribute { source, name: name.clone() }
            }
            Token::Text(text) => Operand::Text(text.clone()),
            Token::Word(word) if !is_joint(word) && !is_operator(word) => Operand::Word(word.clone()),
            Token::Sign('{') => return self.set().map(Operand::Set),
            token => return mistake(at, format!("expected {what} before {}", shown(token))),
        };
        self.next += 1;
        Ok(operand)
    }

    /// Parses values in braces.
    fn set(&mut self) -> Result<Vec<String>, Mistake> {
        let open = self.peek().map_or(self.end, |(at, _)| at);
        self.next += 1;
        let mut values = Vec::new();
        if self.takes_sign('}') {
            return Ok(values);
        }
        loop {
            match self.peek() {
                Some((_, Token::Text(value) | Token::Word(value))) => values.push(value.clone()),
                Some((at, token)) => return mistake(at, format!("expected a value before {}", shown(token))),
                None => return mistake(open, "this `{` is not closed"),
            }
            self.next += 1;
            if self.takes_sign('}') {
                return Ok(values);
            }
            if !self.takes_sign(',') {
                return match self.peek() {
                    Some((at, token)) => mistake(at, format!("expected `,` or `}}` before {}", shown(token))),
                    None => mistake(open, "this `{` is not closed"),
                };
            }
        }
    }
}

fn is_joint(word: &str) -> bool {
    ["AND", "OR", "NOT"].iter().any(|joint| joint.eq_ignore_ascii_case(word))
}

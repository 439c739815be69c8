//! From characters to tokens.
//!
//! ## Model
//! [`Lexer::next_token`] gives one token at a time, when the parser wants it, so that of several
//! errors the one that stands first in the text is reported. What a character means depends on the
//! brackets around it: inside of braces all words are names, inside of square brackets words are
//! parts of a duration.

use crate::ast::{AggregateOp, PosRange};
use crate::quote::{QuotedChar, quoted_short};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Eof,
    Identifier,
    MetricIdentifier,
    Number,
    Duration,
    String,
    LeftParen,
    RightParen,
    LeftBrace,
    RightBrace,
    LeftBracket,
    RightBracket,
    Comma,
    Colon,
    Assign,
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    TrimUpper,
    TrimLower,
    EqualRegex,
    NotEqualRegex,
    At,
    And,
    Or,
    Unless,
    Atan2,
    Aggregator(AggregateOp),
    Bool,
    By,
    GroupLeft,
    GroupRight,
    Fill,
    FillLeft,
    FillRight,
    Ignoring,
    Offset,
    Smoothed,
    Anchored,
    On,
    Without,
    Start,
    End,
    Step,
    Range,
    MaxOf,
    MinOf,
}

/// A token and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) range: PosRange,
}

/// A text that no token can be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LexError {
    pub(crate) start: u32,
    pub(crate) message: String,
}

fn keyword(word: &str) -> Option<Kind> {
    // The longest keyword has 12 letters; longer words need no lower-case copy.
    if word.len() > 12 {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    if let Some(op) = AggregateOp::ALL.into_iter().find(|op| op.as_str() == lower) {
        return Some(Kind::Aggregator(op));
    }
    Some(match lower.as_str() {
        "and" => Kind::And,
        "or" => Kind::Or,
        "unless" => Kind::Unless,
        "atan2" => Kind::Atan2,
        "offset" => Kind::Offset,
        "smoothed" => Kind::Smoothed,
        "anchored" => Kind::Anchored,
        "by" => Kind::By,
        "without" => Kind::Without,
        "on" => Kind::On,
        "ignoring" => Kind::Ignoring,
        "group_left" => Kind::GroupLeft,
        "group_right" => Kind::GroupRight,
        "fill" => Kind::Fill,
        "fill_left" => Kind::FillLeft,
        "fill_right" => Kind::FillRight,
        "bool" => Kind::Bool,
        "inf" | "nan" => Kind::Number,
        _ => {
            return duration_keyword(&lower).or(match lower.as_str() {
                "start" => Some(Kind::Start),
                "end" => Some(Kind::End),
                _ => None,
            });
        }
    })
}

fn duration_keyword(lower: &str) -> Option<Kind> {
    Some(match lower {
        "step" => Kind::Step,
        "range" => Kind::Range,
        "max_of" => Kind::MaxOf,
        "min_of" => Kind::MinOf,
        _ => return None,
    })
}

/// The words that modify selectors, operators and aggregations, sorted.
pub const KEYWORDS: [&str; 13] = [
    "anchored",
    "bool",
    "by",
    "fill",
    "fill_left",
    "fill_right",
    "group_left",
    "group_right",
    "ignoring",
    "offset",
    "on",
    "smoothed",
    "without",
];

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn is_alpha(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic()
}

fn is_alphanumeric(c: char) -> bool {
    is_alpha(c) || c.is_ascii_digit()
}

/// The state of the scan.
#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    /// Next byte to read.
    at: usize,
    /// First byte of the token that is being read.
    start: usize,
    paren_depth: u32,
    in_braces: bool,
    in_brackets: bool,
    /// At the beginning of a duration in brackets, where names and colons have no meaning yet.
    at_duration: bool,
    got_colon: bool,
    got_duration: bool,
}

type Lexed = Result<Token, LexError>;

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            start: 0,
            paren_depth: 0,
            in_braces: false,
            in_brackets: false,
            at_duration: false,
            got_colon: false,
            got_duration: false,
        }
    }

    /// Goes on from a byte of the text.
    pub(crate) fn skip_to(&mut self, at: usize) {
        self.at = at;
        self.start = at;
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, wanted: impl Fn(char) -> bool) -> bool {
        match self.peek() {
            Some(c) if wanted(c) => {
                self.at += c.len_utf8();
                true
            }
            _ => false,
        }
    }

    fn skip_while(&mut self, wanted: impl Fn(char) -> bool) {
        while self.accept(&wanted) {}
    }

    fn skip_spaces(&mut self) {
        self.skip_while(is_space);
        self.start = self.at;
    }

    fn word(&self) -> &'a str {
        self.text.get(self.start..self.at).unwrap_or("")
    }

    fn emit(&mut self, kind: Kind) -> Token {
        let range = PosRange::new(self.start as u32, self.at as u32);
        self.start = self.at;
        Token { kind, range }
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, LexError> {
        Err(LexError {
            start: self.start as u32,
            message: message.into(),
        })
    }

    /// The next token, comments and spaces left out.
    pub(crate) fn next_token(&mut self) -> Lexed {
        loop {
            if self.at_duration {
                return self.duration_start();
            }
            if self.rest().starts_with('#') {
                self.skip_while(|c| c != '\n' && c != '\r');
                self.start = self.at;
                continue;
            }
            if self.peek().is_some_and(is_space) {
                self.skip_spaces();
                continue;
            }
            return if self.in_braces {
                self.inside_braces()
            } else {
                self.statement()
            };
        }
    }

    fn statement(&mut self) -> Lexed {
        let Some(c) = self.next() else {
            if self.paren_depth != 0 {
                return self.error("unclosed left parenthesis");
            }
            if self.in_brackets {
                return self.error("unclosed left bracket");
            }
            return Ok(self.emit(Kind::Eof));
        };
        let kind = match c {
            ',' => Kind::Comma,
            '*' => Kind::Mul,
            '/' => Kind::Div,
            '%' => Kind::Mod,
            '+' => Kind::Add,
            '-' => Kind::Sub,
            '^' => Kind::Pow,
            '@' => Kind::At,
            '=' => match self.peek() {
                Some('=') => {
                    self.next();
                    Kind::Equal
                }
                Some('~') => return self.error("unexpected character after '=': '~'"),
                _ => Kind::Assign,
            },
            '!' => match self.next() {
                Some('=') => Kind::NotEqual,
                other => {
                    return self.error(format!(
                        "unexpected character after '!': {}",
                        QuotedChar(other)
                    ));
                }
            },
            '<' if self.accept(|c| c == '=') => Kind::LessEqual,
            '<' if self.accept(|c| c == '/') => Kind::TrimUpper,
            '<' => Kind::Less,
            '>' if self.accept(|c| c == '=') => Kind::GreaterEqual,
            '>' if self.accept(|c| c == '/') => Kind::TrimLower,
            '>' => Kind::Greater,
            c if c.is_ascii_digit()
                || (c == '.' && self.peek().is_some_and(|c| c.is_ascii_digit())) =>
            {
                self.at = self.start;
                return self.number_or_duration();
            }
            '"' | '\'' => return self.string(c),
            '`' => return self.raw_string(),
            c if is_alpha(c) || c == ':' => return self.word_or_colon(c),
            '(' => {
                self.paren_depth += 1;
                Kind::LeftParen
            }
            ')' => return self.right_paren(),
            '{' => {
                self.in_braces = true;
                Kind::LeftBrace
            }
            '[' => {
                if self.in_brackets {
                    return self.error("unexpected left bracket '['");
                }
                self.got_colon = false;
                self.got_duration = false;
                let token = self.emit(Kind::LeftBracket);
                self.skip_spaces();
                self.in_brackets = true;
                self.at_duration = true;
                return Ok(token);
            }
            ']' => {
                if !self.in_brackets {
                    return self.error("unexpected right bracket ']'");
                }
                self.in_brackets = false;
                Kind::RightBracket
            }
            c => return self.error(format!("unexpected character: {}", QuotedChar(Some(c)))),
        };
        Ok(self.emit(kind))
    }

    fn right_paren(&mut self) -> Lexed {
        let token = self.emit(Kind::RightParen);
        if self.paren_depth == 0 {
            return self.error("unexpected right parenthesis ')'");
        }
        self.paren_depth -= 1;
        Ok(token)
    }

    /// A word, or the colon of a subquery. The first character is read.
    fn word_or_colon(&mut self, first: char) -> Lexed {
        if !self.in_brackets {
            self.skip_while(|c| is_alphanumeric(c) || c == ':');
            let word = self.word();
            let kind = match keyword(word) {
                // So that metrics of these names stay what they were before the modifiers came.
                Some(Kind::Fill | Kind::FillLeft | Kind::FillRight)
                    if !self.rest().trim_start_matches(is_space).starts_with('(') =>
                {
                    Kind::Identifier
                }
                Some(kind) => kind,
                None if word.contains(':') => Kind::MetricIdentifier,
                None => Kind::Identifier,
            };
            return Ok(self.emit(kind));
        }
        if first == ':' {
            if self.got_colon {
                return self.error("unexpected colon ':'");
            }
            self.got_colon = true;
            return Ok(self.emit(Kind::Colon));
        }
        match self.duration_word(first) {
            Some(token) => Ok(token),
            None => self.error(format!(
                "unexpected character: {}, expected ':'",
                QuotedChar(Some(first))
            )),
        }
    }

    fn duration_word(&mut self, first: char) -> Option<Token> {
        if !matches!(first.to_ascii_lowercase(), 's' | 'r' | 'm') {
            return None;
        }
        self.skip_while(is_alpha);
        let kind = duration_keyword(&self.word().to_ascii_lowercase())?;
        self.got_duration = true;
        Some(self.emit(kind))
    }

    /// The beginning of a duration expression in brackets. A number leads out of this state.
    fn duration_start(&mut self) -> Lexed {
        self.skip_spaces();
        let Some(c) = self.next() else {
            return self.error("unexpected end of input in duration expression");
        };
        let kind = match c {
            ']' => {
                self.in_brackets = false;
                self.at_duration = false;
                self.got_colon = false;
                Kind::RightBracket
            }
            ':' => {
                let token = self.emit(Kind::Colon);
                if !self.got_duration {
                    return self.error("unexpected colon before duration in duration expression");
                }
                if self.got_colon {
                    return self.error("unexpected repeated colon in duration expression");
                }
                self.got_colon = true;
                return Ok(token);
            }
            '(' => {
                self.paren_depth += 1;
                Kind::LeftParen
            }
            ')' => return self.right_paren(),
            '+' => Kind::Add,
            '-' => Kind::Sub,
            '*' => Kind::Mul,
            '/' => Kind::Div,
            '%' => Kind::Mod,
            '^' => Kind::Pow,
            ',' => Kind::Comma,
            c if c.is_ascii_digit()
                || (c == '.' && self.peek().is_some_and(|c| c.is_ascii_digit())) =>
            {
                self.at = self.start;
                self.got_duration = true;
                self.at_duration = false;
                return self.number_or_duration();
            }
            c => {
                if let Some(token) = self.duration_word(c) {
                    return Ok(token);
                }
                return self.error(format!(
                    "unexpected character in duration expression: {}",
                    QuotedChar(Some(c))
                ));
            }
        };
        Ok(self.emit(kind))
    }

    fn inside_braces(&mut self) -> Lexed {
        let Some(c) = self.next() else {
            return self.error("unexpected end of input inside braces");
        };
        let kind = match c {
            c if is_alpha(c) => {
                self.skip_while(is_alphanumeric);
                Kind::Identifier
            }
            ',' => Kind::Comma,
            '"' | '\'' => return self.string(c),
            '`' => return self.raw_string(),
            '=' if self.accept(|c| c == '~') => Kind::EqualRegex,
            '=' => Kind::Assign,
            '!' => match self.next() {
                Some('~') => Kind::NotEqualRegex,
                Some('=') => Kind::NotEqual,
                other => {
                    return self.error(format!(
                        "unexpected character after '!' inside braces: {}",
                        QuotedChar(other)
                    ));
                }
            },
            '{' => return self.error("unexpected left brace '{'"),
            '}' => {
                self.in_braces = false;
                Kind::RightBrace
            }
            c => {
                return self.error(format!(
                    "unexpected character inside braces: {}",
                    QuotedChar(Some(c))
                ));
            }
        };
        Ok(self.emit(kind))
    }

    /// A string between `"` or `'`; the opening quote is read. Escapes are checked here and
    /// resolved by the parser.
    fn string(&mut self, quote: char) -> Lexed {
        loop {
            match self.next() {
                Some('\\') => self.escape(quote)?,
                None | Some('\n') => return self.error("unterminated quoted string"),
                Some(c) if c == quote => return Ok(self.emit(Kind::String)),
                Some(_) => {}
            }
        }
    }

    fn escape(&mut self, quote: char) -> Result<(), LexError> {
        const UNTERMINATED: &str = "escape sequence not terminated";
        let Some(c) = self.next() else {
            return self.error(UNTERMINATED);
        };
        let (count, radix, max) = match c {
            'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' => return Ok(()),
            c if c == quote => return Ok(()),
            '0'..='7' => {
                self.at -= 1;
                (3, 8, 255)
            }
            'x' => (2, 16, 255),
            'u' => (4, 16, 0x10_ffff),
            'U' => (8, 16, 0x10_ffff),
            c => return self.error(format!("unknown escape sequence {}", code_point(c))),
        };
        let mut value = 0u64;
        for _ in 0..count {
            let Some(c) = self.next() else {
                return self.error(UNTERMINATED);
            };
            let Some(digit) = c.to_digit(radix) else {
                return self.error(format!(
                    "illegal character {} in escape sequence",
                    code_point(c)
                ));
            };
            value = value * u64::from(radix) + u64::from(digit);
        }
        if value > max || (0xd800..0xe000).contains(&value) {
            return self.error("escape sequence is an invalid Unicode code point");
        }
        Ok(())
    }

    /// A string between backticks; the opening one is read.
    fn raw_string(&mut self) -> Lexed {
        loop {
            match self.next() {
                None => return self.error("unterminated raw string"),
                Some('`') => return Ok(self.emit(Kind::String)),
                Some(_) => {}
            }
        }
    }

    fn number_or_duration(&mut self) -> Lexed {
        if self.scan_number() {
            return Ok(self.emit(Kind::Number));
        }
        if self.scan_rest_of_duration() {
            return Ok(self.emit(Kind::Duration));
        }
        self.error(format!(
            "bad number or duration syntax: {}",
            quoted_short(self.word())
        ))
    }

    /// The unit after the first number, and further numbers with units. Order and names of units
    /// are checked when the duration is read.
    fn scan_rest_of_duration(&mut self) -> bool {
        let units = |c: char| matches!(c, 's' | 'm' | 'h' | 'd' | 'w');
        if !self.accept(|c| units(c) || c == 'y') {
            return false;
        }
        self.accept(|c| c == 's');
        while self.accept(|c| c.is_ascii_digit()) {
            self.skip_while(|c| c.is_ascii_digit());
            if !self.accept(units) {
                return false;
            }
            self.accept(|c| c == 's');
        }
        if self.peek().is_some_and(is_alphanumeric) {
            self.next();
            return false;
        }
        true
    }

    /// Reads what may be a number; the parser has the last word. Where it is none, the position
    /// stays where that was found out, since a duration may go on from there.
    fn scan_number(&mut self) -> bool {
        let start = self.at;
        let mut is_hex = false;
        if self.accept(|c| c == '0') && self.accept(|c| matches!(c, 'x' | 'X')) {
            self.accept(|c| c == '_');
            is_hex = true;
        }
        let digit = move |c: char| {
            if is_hex {
                c.is_ascii_hexdigit()
            } else {
                c.is_ascii_digit()
            }
        };
        let exponent = |c: char| matches!(c, 'e' | 'E');
        let not_after = |c: char| matches!(c, '.' | '_' | 'e' | 'E');
        self.accept(|c| c == '.');
        self.accept(digit);
        let mut got_dot = false;
        let mut got_exponent = false;
        while let Some(c) = self.peek() {
            if !(digit(c) || exponent(c) || c == '.' || c == '_') {
                break;
            }
            if (c == '.' && got_dot) || (exponent(c) && got_exponent) {
                self.next();
                return false;
            }
            if c == '.' {
                self.next();
                got_dot = true;
                if self.accept(|c| matches!(c, '_' | '.')) || is_hex {
                    return false;
                }
            } else if exponent(c) {
                self.next();
                got_exponent = true;
                self.accept(|c| matches!(c, '+' | '-'));
                if self.accept(not_after) || self.peek().is_none() {
                    return false;
                }
            } else if c == '_' {
                self.next();
                if self.accept(not_after) || self.peek().is_none() {
                    return false;
                }
            } else {
                self.skip_while(digit);
            }
        }
        self.at != start && !self.peek().is_some_and(is_alphanumeric)
    }
}

/// A character as `U+0071 'q'`.
fn code_point(c: char) -> String {
    let shown = QuotedChar(Some(c)).to_string();
    let number = format!("U+{:04X}", u32::from(c));
    if shown.starts_with("'\\") && c != '\\' && c != '\'' {
        number
    } else {
        format!("{number} '{c}'")
    }
}

//! From characters to tokens.
//!
//! ## Model
//! Outside of actions everything is text. Inside, spaces are tokens too, since they part the
//! arguments of a call. Trim markers and comments leave no tokens: a text token is what remains of
//! the text between two actions, and stands somewhere in the source as it is.

use crate::quote::{CodePoint, quoted};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No token can be made of what follows; [`Lexer::error`] says why.
    Error,
    Eof,
    Text,
    LeftDelimiter,
    RightDelimiter,
    LeftParen,
    RightParen,
    Pipe,
    Space,
    /// A character that means nothing by itself, such as a comma.
    Char,
    Bool,
    CharConstant,
    Number,
    Complex,
    String,
    RawString,
    /// A name after a point.
    Field,
    Identifier,
    Variable,
    Dot,
    Nil,
    Assign,
    Declare,
    Keyword(Keyword),
}

/// Words that begin or end something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyword {
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Range,
    Template,
    With,
}

fn keyword(word: &str) -> Option<Keyword> {
    Some(match word {
        "block" => Keyword::Block,
        "break" => Keyword::Break,
        "continue" => Keyword::Continue,
        "define" => Keyword::Define,
        "else" => Keyword::Else,
        "end" => Keyword::End,
        "if" => Keyword::If,
        "range" => Keyword::Range,
        "template" => Keyword::Template,
        "with" => Keyword::With,
        _ => return None,
    })
}

/// A token and where it stands, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    LeftDelimiter,
    Action,
    /// After an error there are no more tokens.
    Failed,
}

/// The state of the scan.
#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    /// Next byte to read.
    at: usize,
    /// First byte of the token that is being read.
    start: usize,
    paren_depth: usize,
    state: State,
    error: String,
}

const LEFT: &str = "{{";
const RIGHT: &str = "}}";

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            start: 0,
            paren_depth: 0,
            state: State::Text,
            error: String::new(),
        }
    }

    /// What is wrong, after a token of [`Kind::Error`].
    pub(crate) fn error(&self) -> &str {
        &self.error
    }

    pub(crate) fn next_token(&mut self) -> Token {
        loop {
            self.start = self.at;
            let token = match self.state {
                State::Text => self.text_token(),
                State::LeftDelimiter => self.left_delimiter(),
                State::Action => Some(self.action_token()),
                State::Failed => Some(self.token(Kind::Error)),
            };
            if let Some(token) = token {
                return token;
            }
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, accept: impl Fn(char) -> bool) -> bool {
        let eaten = self.peek().is_some_and(accept);
        if eaten {
            self.bump();
        }
        eaten
    }

    fn eat_while(&mut self, accept: impl Fn(char) -> bool) {
        while self.eat(&accept) {}
    }

    fn token(&self, kind: Kind) -> Token {
        Token {
            kind,
            start: self.start,
            end: self.at,
        }
    }

    fn fail(&mut self, message: String) -> Token {
        self.error = message;
        self.state = State::Failed;
        self.token(Kind::Error)
    }

    fn text_token(&mut self) -> Option<Token> {
        let rest = self.rest();
        let Some(found) = rest.find(LEFT) else {
            self.at = self.text.len();
            let kind = if rest.is_empty() {
                Kind::Eof
            } else {
                Kind::Text
            };
            return Some(self.token(kind));
        };
        let (text, action) = rest.split_at(found);
        let text = match trims_left(action.get(LEFT.len()..).unwrap_or("")) {
            true => text.trim_end_matches(is_space),
            false => text,
        };
        self.at += found;
        self.state = State::LeftDelimiter;
        (!text.is_empty()).then_some(Token {
            kind: Kind::Text,
            start: self.start,
            end: self.start + text.len(),
        })
    }

    fn left_delimiter(&mut self) -> Option<Token> {
        self.at += LEFT.len();
        let token = self.token(Kind::LeftDelimiter);
        if trims_left(self.rest()) {
            // The minus and the space behind it.
            self.at += 2;
        }
        if self.rest().starts_with("/*") {
            return self.comment();
        }
        self.paren_depth = 0;
        self.state = State::Action;
        Some(token)
    }

    /// Skips a comment; a token only where it does not end.
    fn comment(&mut self) -> Option<Token> {
        let Some(length) = self.rest().find("*/") else {
            return Some(self.fail("unclosed comment".to_owned()));
        };
        self.at += length + 2;
        match self.right_delimiter() {
            Some(trims) => {
                self.skip_right_delimiter(trims);
                None
            }
            None => Some(self.fail("comment ends before closing delimiter".to_owned())),
        }
    }

    /// Whether an action ends here, and if it does, whether it trims the text behind it.
    fn right_delimiter(&self) -> Option<bool> {
        let rest = self.rest();
        if rest.starts_with(RIGHT) {
            return Some(false);
        }
        let marker = rest.strip_prefix(is_space)?.strip_prefix('-')?;
        marker.starts_with(RIGHT).then_some(true)
    }

    fn skip_right_delimiter(&mut self, trims: bool) {
        self.at += RIGHT.len();
        if trims {
            // The space and the minus before the braces, and all space behind them.
            self.at += 2;
            self.eat_while(is_space);
        }
        self.state = State::Text;
    }

    fn action_token(&mut self) -> Token {
        if let Some(trims) = self.right_delimiter() {
            if self.paren_depth > 0 {
                return self.fail("unclosed left paren".to_owned());
            }
            // Trimmed space is no part of the token.
            let token = Token {
                kind: Kind::RightDelimiter,
                start: self.at,
                end: self.at + RIGHT.len() + if trims { 2 } else { 0 },
            };
            self.skip_right_delimiter(trims);
            return token;
        }
        let Some(c) = self.bump() else {
            return self.fail("unclosed action".to_owned());
        };
        match c {
            c if is_space(c) => self.space(),
            '=' => self.token(Kind::Assign),
            ':' => match self.eat(|c| c == '=') {
                true => self.token(Kind::Declare),
                false => self.fail("expected :=".to_owned()),
            },
            '|' => self.token(Kind::Pipe),
            '"' => self.quoted('"', Kind::String, "quoted string"),
            '`' => self.raw_string(),
            '\'' => self.quoted('\'', Kind::CharConstant, "character constant"),
            '$' => self.name(Kind::Variable),
            '.' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => self.name(Kind::Field),
            '.' | '+' | '-' | '0'..='9' => self.number(),
            c if is_alphanumeric(c) => self.name(Kind::Identifier),
            '(' => {
                self.paren_depth += 1;
                self.token(Kind::LeftParen)
            }
            ')' if self.paren_depth == 0 => {
                self.fail(format!("unexpected right paren {}", CodePoint(')')))
            }
            ')' => {
                self.paren_depth -= 1;
                self.token(Kind::RightParen)
            }
            c if c.is_ascii_graphic() => self.token(Kind::Char),
            c => self.fail(format!(
                "unrecognized character in action: {}",
                CodePoint(c)
            )),
        }
    }

    fn space(&mut self) -> Token {
        self.eat_while(is_space);
        // The last space belongs to a trim marker that may follow.
        let before = Self {
            at: self.at.saturating_sub(1),
            error: String::new(),
            ..*self
        };
        if before.right_delimiter() == Some(true) {
            self.at = before.at;
            if self.at == self.start {
                return self.action_token();
            }
        }
        self.token(Kind::Space)
    }

    /// A string or character; what is inside the parser checks.
    fn quoted(&mut self, quote: char, kind: Kind, what: &str) -> Token {
        loop {
            let c = match self.bump() {
                Some('\\') => match self.bump() {
                    Some(c) if c != '\n' => continue,
                    other => other,
                },
                other => other,
            };
            match c {
                None | Some('\n') => return self.fail(format!("unterminated {what}")),
                Some(c) if c == quote => return self.token(kind),
                Some(_) => {}
            }
        }
    }

    fn raw_string(&mut self) -> Token {
        match self.rest().find('`') {
            Some(length) => {
                self.at += length + 1;
                self.token(Kind::RawString)
            }
            None => {
                self.at = self.text.len();
                self.fail("unterminated raw quoted string".to_owned())
            }
        }
    }

    /// A word, the field of something, or a variable. The first character has been read.
    fn name(&mut self, kind: Kind) -> Token {
        if self.at_terminator() && kind != Kind::Identifier {
            let kind = match kind {
                Kind::Field => Kind::Dot,
                other => other,
            };
            return self.token(kind);
        }
        self.eat_while(is_alphanumeric);
        if !self.at_terminator() {
            let c = self.peek().unwrap_or('\u{fffd}');
            return self.fail(format!("bad character {}", CodePoint(c)));
        }
        let word = self.text.get(self.start..self.at).unwrap_or("");
        let kind = match (kind, word) {
            (Kind::Identifier, "true" | "false") => Kind::Bool,
            (Kind::Identifier, "nil") => Kind::Nil,
            (Kind::Identifier, word) => keyword(word).map_or(kind, Kind::Keyword),
            _ => kind,
        };
        self.token(kind)
    }

    /// Whether a name may end here.
    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(c) => is_space(c) || self.rest().starts_with(RIGHT),
        }
    }

    fn number(&mut self) -> Token {
        self.at = self.start;
        let mut kind = Kind::Number;
        let mut sound = self.scan_number();
        if sound && matches!(self.peek(), Some('+' | '-')) {
            // A real and an imaginary part, without a space between them.
            kind = Kind::Complex;
            sound =
                self.scan_number() && self.text.get(..self.at).is_some_and(|t| t.ends_with('i'));
        }
        if sound {
            return self.token(kind);
        }
        let text = self.text.get(self.start..self.at).unwrap_or("");
        self.fail(format!("bad number syntax: {}", quoted(text)))
    }

    /// Eats what may be a number; the parser has the last word.
    fn scan_number(&mut self) -> bool {
        self.eat(|c| matches!(c, '+' | '-'));
        let mut radix = 10;
        if self.eat(|c| c == '0') {
            if self.eat(|c| matches!(c, 'x' | 'X')) {
                radix = 16;
            } else if self.eat(|c| matches!(c, 'o' | 'O')) {
                radix = 8;
            } else if self.eat(|c| matches!(c, 'b' | 'B')) {
                radix = 2;
            }
        }
        let is_digit = |c: char| c == '_' || c.is_digit(radix);
        self.eat_while(is_digit);
        if self.eat(|c| c == '.') {
            self.eat_while(is_digit);
        }
        let exponent = match radix {
            10 => self.eat(|c| matches!(c, 'e' | 'E')),
            16 => self.eat(|c| matches!(c, 'p' | 'P')),
            _ => false,
        };
        if exponent {
            self.eat(|c| matches!(c, '+' | '-'));
            self.eat_while(|c| c == '_' || c.is_ascii_digit());
        }
        self.eat(|c| c == 'i');
        if self.peek().is_some_and(is_alphanumeric) {
            self.bump();
            return false;
        }
        true
    }
}

/// Whether an action that goes on like this trims the text before it.
fn trims_left(action: &str) -> bool {
    action
        .strip_prefix('-')
        .is_some_and(|rest| rest.starts_with(is_space))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &[(Kind, &str)]) {
        let mut lexer = Lexer::new(text);
        let mut tokens = Vec::new();
        loop {
            let token = lexer.next_token();
            match token.kind {
                Kind::Eof => break,
                Kind::Error => {
                    tokens.push((Kind::Error, lexer.error().to_owned()));
                    break;
                }
                kind => tokens.push((kind, text.get(token.start..token.end).unwrap().to_owned())),
            }
        }
        let want: Vec<_> = want.iter().map(|(k, t)| (*k, (*t).to_owned())).collect();
        assert_eq!(tokens, want, "{text}");
    }

    #[test]
    fn text_and_actions_part() {
        use Kind::*;
        check("a {b} }} c", &[(Text, "a {b} }} c")]);
        check(
            "a {{- .b -}} c",
            &[
                (Text, "a"),
                (LeftDelimiter, "{{"),
                (Field, ".b"),
                (RightDelimiter, " -}}"),
                (Text, "c"),
            ],
        );
        check("x{{/* a }} */}}y", &[(Text, "x"), (Text, "y")]);
        check("x {{- /* a */ -}} y", &[(Text, "x"), (Text, "y")]);
        check("{{/* a", &[(Error, "unclosed comment")]);
        check(
            "{{/* a */ }}",
            &[(Error, "comment ends before closing delimiter")],
        );
        check("{{", &[(LeftDelimiter, "{{"), (Error, "unclosed action")]);
        check(
            "{{-3}}",
            &[
                (LeftDelimiter, "{{"),
                (Number, "-3"),
                (RightDelimiter, "}}"),
            ],
        );
        check(
            "{{ 1   -}} x",
            &[
                (LeftDelimiter, "{{"),
                (Space, " "),
                (Number, "1"),
                (Space, "  "),
                (RightDelimiter, " -}}"),
                (Text, "x"),
            ],
        );
    }

    #[test]
    fn words_end_where_they_must() {
        use Kind::*;
        check(
            "{{$x.y|if(nil)}}",
            &[
                (LeftDelimiter, "{{"),
                (Variable, "$x"),
                (Field, ".y"),
                (Pipe, "|"),
                (Keyword(super::Keyword::If), "if"),
                (LeftParen, "("),
                (Nil, "nil"),
                (RightParen, ")"),
                (RightDelimiter, "}}"),
            ],
        );
        check(
            "{{$ . a := true}}",
            &[
                (LeftDelimiter, "{{"),
                (Variable, "$"),
                (Space, " "),
                (Dot, "."),
                (Space, " "),
                (Identifier, "a"),
                (Space, " "),
                (Declare, ":="),
                (Space, " "),
                (Bool, "true"),
                (RightDelimiter, "}}"),
            ],
        );
        let fails = |text: &str, why: &str| {
            let mut lexer = Lexer::new(text);
            while !matches!(lexer.next_token().kind, Kind::Error | Kind::Eof) {}
            assert_eq!(lexer.error(), why, "{text}");
        };
        fails("{{x+1}}", "bad character U+002B '+'");
        fails("{{a:b}}", "expected :=");
        fails("{{(1}}", "unclosed left paren");
        fails("{{1)}}", "unexpected right paren U+0029 ')'");
        fails("{{\"a}}", "unterminated quoted string");
        fails("{{\"a\\\n\"}}", "unterminated quoted string");
        fails("{{`a}}", "unterminated raw quoted string");
        fails("{{'a}}", "unterminated character constant");
        fails("{{1x}}", "bad number syntax: \"1x\"");
        fails("{{1+2}}", "bad number syntax: \"1+2\"");
        fails("{{\u{a0}}}", "unrecognized character in action: U+00A0");
    }
}

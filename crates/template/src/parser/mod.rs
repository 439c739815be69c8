//! From tokens to trees.
//!
//! ## Model
//! Three tokens of lookahead, one function for each construct. `define` and `block` make trees of
//! their own. Variables become slots: a scope ends with the block that it was opened in, and its
//! slots are used again.
//!
//! ## Limits
//! A text is at most [`SOURCE_BYTES_MAX`] long, and blocks and parentheses nest at most
//! [`NESTING_MAX`] deep, so that neither parser nor evaluator can exhaust the stack.

mod blocks;
mod pipeline;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::error::TemplateError;
use crate::functions::Functions;
use crate::lexer::{Keyword, Kind, Lexer, Token};
use crate::limits::{NESTING_MAX, SOURCE_BYTES_MAX, VARIABLES_MAX};
use crate::quote::{quoted, unquoted};
use crate::set::Predefined;
use crate::tree::{List, Node, Source, Text, Tree, is_blank};

type Parsed<T> = Result<T, TemplateError>;

/// Reads a text. The first tree is that of the text itself, and has its name; the others are the
/// templates that it defines.
pub(crate) fn parse(
    name: &str,
    text: &str,
    predefined: &[Predefined<'_>],
    functions: &Functions,
) -> Parsed<Vec<Tree>> {
    let source = Arc::new(Source {
        name: name.into(),
        text: text.into(),
    });
    if text.len() > SOURCE_BYTES_MAX {
        return Err(TemplateError::Parse {
            at: source.position(0),
            reason: format!(
                "the text has {} bytes, and may have {SOURCE_BYTES_MAX}",
                text.len()
            ),
        });
    }
    let mut parser = Parser {
        text,
        lexer: Lexer::new(text),
        pushed: Vec::new(),
        source,
        functions,
        trees: Vec::new(),
        places: FxHashMap::default(),
        scope: Scope::with_predefined(predefined),
        nesting: 0,
        ranges: 0,
        action_start: 0,
    };
    let root = parser.whole()?;
    let tree = Tree {
        name: name.into(),
        source: Arc::clone(&parser.source),
        root,
        slots: parser.scope.slots_max,
        predefined: predefined.iter().map(|p| p.field.into()).collect(),
    };
    parser.add(tree, 0)?;
    let mut trees = parser.trees;
    let own = parser.places.get(name).copied();
    trees.swap(0, own.unwrap_or(0));
    Ok(trees)
}

struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    /// Tokens that were read and given back, the next one last.
    pushed: Vec<Token>,
    source: Arc<Source>,
    functions: &'a Functions,
    trees: Vec<Tree>,
    /// Where a tree is in `trees`, by its name.
    places: FxHashMap<Box<str>, usize>,
    scope: Scope,
    /// How many blocks and parentheses are open.
    nesting: usize,
    /// How many loops are open.
    ranges: usize,
    /// Where the action begins that is being read.
    action_start: usize,
}

/// The variables of a template that can be seen at a point of it. Their slots are their places in
/// the list.
struct Scope {
    names: Vec<Box<str>>,
    slots_max: usize,
}

impl Scope {
    fn new() -> Self {
        Self::with_predefined(&[])
    }

    fn with_predefined(predefined: &[Predefined<'_>]) -> Self {
        let mut names: Vec<Box<str>> = vec!["$".into()];
        names.extend(predefined.iter().map(|p| p.variable.into()));
        Self {
            slots_max: names.len(),
            names,
        }
    }

    fn slot(&self, name: &str) -> Option<usize> {
        self.names.iter().rposition(|known| **known == *name)
    }

    /// `None` where there are too many.
    fn declare(&mut self, name: Box<str>) -> Option<usize> {
        self.names.push(name);
        self.slots_max = self.slots_max.max(self.names.len());
        (self.names.len() <= VARIABLES_MAX).then_some(self.names.len() - 1)
    }

    fn end(&mut self, mark: usize) {
        self.names.truncate(mark);
    }
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Token {
        match self.pushed.pop() {
            Some(token) => token,
            None => self.lexer.next_token(),
        }
    }

    fn give_back(&mut self, token: Token) {
        self.pushed.push(token);
    }

    fn peek(&mut self) -> Token {
        let token = self.next();
        self.give_back(token);
        token
    }

    fn next_word(&mut self) -> Token {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }

    fn peek_word(&mut self) -> Token {
        let token = self.next_word();
        self.give_back(token);
        token
    }

    fn text_of(&self, token: Token) -> &'a str {
        self.text.get(token.start..token.end).unwrap_or("")
    }

    fn text_node(&self, token: Token) -> Node {
        Node::Text(Text {
            at: token.start,
            text: self.text_of(token).into(),
        })
    }

    fn error(&self, at: usize, reason: impl Into<String>) -> TemplateError {
        TemplateError::Parse {
            at: self.source.position(at),
            reason: reason.into(),
        }
    }

    fn unexpected(&self, token: Token, context: &str) -> TemplateError {
        if token.kind == Kind::Error {
            let started = self.source.position(self.action_start);
            let here = self.source.position(token.start);
            let mut reason = self.lexer.error().to_owned();
            if started.line != here.line && self.action_start > 0 {
                if !reason.ends_with(" action") {
                    reason.push_str(" in action");
                }
                reason.push_str(&format!(
                    " started at {}:{}",
                    started.template, started.line
                ));
            }
            return self.error(token.start, reason);
        }
        let what = self.describe(token);
        self.error(token.start, format!("unexpected {what} in {context}"))
    }

    fn describe(&self, token: Token) -> String {
        let text = self.text_of(token);
        match token.kind {
            Kind::Eof => "EOF".to_owned(),
            Kind::Keyword(_) | Kind::Nil | Kind::Dot => format!("<{text}>"),
            _ if text.chars().count() > 10 => {
                let head: String = text.chars().take(10).collect();
                format!("{}...", quoted(&head))
            }
            _ => quoted(text).to_string(),
        }
    }

    fn expect(&mut self, kind: Kind, context: &str) -> Parsed<Token> {
        let token = self.next_word();
        if token.kind == kind {
            Ok(token)
        } else {
            Err(self.unexpected(token, context))
        }
    }

    fn template_name(&mut self, context: &str) -> Parsed<(Box<str>, Token)> {
        let token = self.next_word();
        if !matches!(token.kind, Kind::String | Kind::RawString) {
            return Err(self.unexpected(token, context));
        }
        Ok((self.unquoted(token)?.into(), token))
    }

    fn unquoted(&self, token: Token) -> Parsed<String> {
        let literal = self.text_of(token);
        unquoted(literal)
            .map_err(|_| self.error(token.start, format!("invalid syntax in {literal}")))
    }

    /// Opens a block or a parenthesis.
    fn enter(&mut self, at: usize) -> Parsed<()> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            let reason = format!("blocks and parentheses nest more than {NESTING_MAX} deep");
            return Err(self.error(at, reason));
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.nesting -= 1;
    }

    /// The text up to its end.
    fn whole(&mut self) -> Parsed<List> {
        let mut list = List::new();
        loop {
            let token = self.next();
            match token.kind {
                Kind::Eof => return Ok(list),
                Kind::Text => list.push(self.text_node(token)),
                Kind::LeftDelimiter => {
                    self.action_start = token.start;
                    let word = self.next_word();
                    if word.kind == Kind::Keyword(Keyword::Define) {
                        self.definition(word)?;
                        continue;
                    }
                    self.give_back(word);
                    match self.action()? {
                        blocks::Item::Node(node) => list.push(node),
                        blocks::Item::End(end) => {
                            let reason = format!("unexpected {{{{{}}}}}", end.keyword());
                            return Err(self.error(word.start, reason));
                        }
                    }
                }
                _ => return Err(self.unexpected(token, "input")),
            }
        }
    }

    /// A template within the text: `{{define "name"}} … {{end}}`. The keyword has been read.
    fn definition(&mut self, opened: Token) -> Parsed<()> {
        let (name, token) = self.template_name("define clause")?;
        self.expect(Kind::RightDelimiter, "define clause")?;
        self.tree(name, token.start, opened, "define clause")
    }

    /// The body of a template of its own, up to its `{{end}}`.
    fn tree(&mut self, name: Box<str>, at: usize, opened: Token, context: &str) -> Parsed<()> {
        let outer = std::mem::replace(&mut self.scope, Scope::new());
        let ranges = std::mem::take(&mut self.ranges);
        self.enter(at)?;
        let (root, end) = self.list(opened)?;
        self.leave();
        if !matches!(end, blocks::Ending::Closed) {
            let reason = format!("unexpected {{{{{}}}}} in {context}", end.keyword());
            return Err(self.error(self.action_start, reason));
        }
        self.ranges = ranges;
        let scope = std::mem::replace(&mut self.scope, outer);
        let tree = Tree {
            name,
            source: Arc::clone(&self.source),
            root,
            slots: scope.slots_max,
            predefined: Box::default(),
        };
        self.add(tree, at)
    }

    /// Keeps a tree. Of two with the same name in one text, one must be blank.
    fn add(&mut self, tree: Tree, at: usize) -> Parsed<()> {
        let place = self.places.get(&tree.name);
        match place.and_then(|place| self.trees.get_mut(*place)) {
            None => {
                self.places.insert(tree.name.clone(), self.trees.len());
                self.trees.push(tree);
            }
            Some(known) if is_blank(&known.root) => *known = tree,
            Some(_) if is_blank(&tree.root) => {}
            Some(_) => {
                let reason = format!("multiple definition of template {}", quoted(&tree.name));
                return Err(self.error(at, reason));
            }
        }
        Ok(())
    }
}

//! What a template is once it is parsed.
//!
//! ## Model
//! A [`Tree`] is a list of [`Node`]s. Actions hold a [`Pipeline`] of [`Command`]s, each a list of
//! [`Operand`]s of which the first says what is done with the others. Variables are numbers of
//! slots in the frame of an execution. Every node knows the byte of the source where it stands, and
//! prints as source, since messages quote it.

use std::sync::Arc;

use crate::builtins::Builtin;
use crate::error::Position;
use crate::html::Escaper;
use crate::number::Number;

/// A text that templates were parsed from.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: Box<str>,
    pub(crate) text: Box<str>,
}

impl Source {
    /// The line and column of a byte.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        let line_start = before
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        let lines = before.iter().filter(|b| **b == b'\n').count();
        Position {
            template: self.name.clone(),
            line: u32::try_from(lines + 1).unwrap_or(u32::MAX),
            column: u32::try_from(before.len() - line_start).unwrap_or(u32::MAX),
        }
    }
}

/// A named template.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) name: Box<str>,
    pub(crate) source: Arc<Source>,
    pub(crate) root: List,
    /// How many variables an execution has at most at a time, `$` among them.
    pub(crate) slots: usize,
    /// Fields of the data that are variables from the start, in slots 1 and up.
    pub(crate) predefined: Box<[Box<str>]>,
}

pub(crate) type List = Vec<Node>;

#[derive(Debug, Clone)]
pub(crate) enum Node {
    Text(Text),
    Action(Action),
    Branch(Branch),
    Range(Range),
    Template(Call),
    Break(usize),
    Continue(usize),
}

/// What stands between actions, without what trim markers take away.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) at: usize,
    pub(crate) text: Box<str>,
}

/// A pipeline whose value is printed.
#[derive(Debug, Clone)]
pub(crate) struct Action {
    pub(crate) at: usize,
    pub(crate) pipeline: Pipeline,
    /// What makes the value safe for its place in a page; empty in plain text.
    pub(crate) escapers: Vec<Escaper>,
}

/// `if` and `with`: the first arm whose pipeline is true is executed.
#[derive(Debug, Clone)]
pub(crate) struct Branch {
    pub(crate) at: usize,
    pub(crate) kind: BranchKind,
    pub(crate) arms: Vec<Arm>,
    pub(crate) otherwise: Option<List>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BranchKind {
    If,
    /// Dot is the value of the pipeline in its arm.
    With,
}

#[derive(Debug, Clone)]
pub(crate) struct Arm {
    pub(crate) pipeline: Pipeline,
    pub(crate) list: List,
}

#[derive(Debug, Clone)]
pub(crate) struct Range {
    pub(crate) at: usize,
    pub(crate) pipeline: Pipeline,
    pub(crate) list: List,
    pub(crate) otherwise: Option<List>,
}

/// `template "name" pipeline`.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) at: usize,
    pub(crate) name: Box<str>,
    pub(crate) pipeline: Option<Pipeline>,
    /// The context of the page in which the template is called, where that is not its text.
    pub(crate) context: Option<crate::html::Context>,
}

#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    pub(crate) at: usize,
    /// Variables that get the value.
    pub(crate) targets: Vec<Target>,
    /// Whether the variables exist already (`=`).
    pub(crate) assigns: bool,
    pub(crate) commands: Vec<Command>,
}

#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) name: Box<str>,
    pub(crate) slot: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Command {
    pub(crate) at: usize,
    /// Never empty.
    pub(crate) operands: Vec<Operand>,
}

#[derive(Debug, Clone)]
pub(crate) struct Operand {
    pub(crate) at: usize,
    pub(crate) term: Term,
}

#[derive(Debug, Clone)]
pub(crate) enum Term {
    Dot,
    Nil,
    Bool(bool),
    Number(Number),
    String(StringLiteral),
    /// `.A.B`
    Field(Box<[Box<str>]>),
    /// `$x.A.B`
    Variable(Variable),
    /// `(pipeline).A.B`, or the fields of what a function gives.
    Chain(Box<Chain>),
    Function(Callee),
    Pipeline(Box<Pipeline>),
}

#[derive(Debug, Clone)]
pub(crate) struct StringLiteral {
    /// With its quotes.
    pub(crate) source: Box<str>,
    pub(crate) value: Arc<str>,
}

#[derive(Debug, Clone)]
pub(crate) struct Variable {
    /// With its dollar sign.
    pub(crate) name: Box<str>,
    pub(crate) slot: usize,
    pub(crate) fields: Box<[Box<str>]>,
}

#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub(crate) base: Operand,
    pub(crate) fields: Box<[Box<str>]>,
}

/// Who is called by a name.
#[derive(Debug, Clone)]
pub(crate) enum Callee {
    /// Part of the language.
    Builtin(&'static Builtin),
    /// Of the registry that the execution is given.
    Registered(Box<str>),
}

impl Callee {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Builtin(builtin) => builtin.name,
            Self::Registered(name) => name,
        }
    }
}

/// Whether a list has nothing but space: such a template never replaces another.
pub(crate) fn is_blank(list: &List) -> bool {
    list.iter()
        .all(|node| matches!(node, Node::Text(text) if text.text.trim().is_empty()))
}

//! Trees as the source of a template: messages quote parts of it, and what prints must parse to the
//! same.

use std::fmt::{self, Display, Formatter};

use crate::quote::quoted;
use crate::tree::{
    Action, Branch, BranchKind, Call, Command, List, Node, Operand, Pipeline, Range, Term, Tree,
};

impl Display for Tree {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_list(f, &self.root)
    }
}

fn write_list(f: &mut Formatter<'_>, list: &List) -> fmt::Result {
    list.iter().try_for_each(|node| node.fmt(f))
}

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write_text(f, &text.text),
            Self::Action(action) => action.fmt(f),
            Self::Branch(branch) => branch.fmt(f),
            Self::Range(range) => range.fmt(f),
            Self::Template(call) => call.fmt(f),
            Self::Break(_) => f.write_str("{{break}}"),
            Self::Continue(_) => f.write_str("{{continue}}"),
        }
    }
}

/// A brace at the end of a text would become part of the delimiter of an action that follows.
fn write_text(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    let rest = text.trim_end_matches('{');
    f.write_str(rest)?;
    if rest.len() < text.len() {
        let braces = "{".repeat(text.len() - rest.len());
        write!(f, "{{{{{}}}}}", quoted(&braces))?;
    }
    Ok(())
}

impl Display for Action {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{{}}}}}", self.pipeline)
    }
}

impl Display for Branch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let keyword = match self.kind {
            BranchKind::If => "if",
            BranchKind::With => "with",
        };
        for (index, arm) in self.arms.iter().enumerate() {
            let otherwise = if index == 0 { "" } else { "else " };
            write!(f, "{{{{{otherwise}{keyword} {}}}}}", arm.pipeline)?;
            write_list(f, &arm.list)?;
        }
        write_end(f, self.otherwise.as_ref())
    }
}

impl Display for Range {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{range {}}}}}", self.pipeline)?;
        write_list(f, &self.list)?;
        write_end(f, self.otherwise.as_ref())
    }
}

fn write_end(f: &mut Formatter<'_>, otherwise: Option<&List>) -> fmt::Result {
    if let Some(otherwise) = otherwise {
        f.write_str("{{else}}")?;
        write_list(f, otherwise)?;
    }
    f.write_str("{{end}}")
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{template {}", quoted(&self.name))?;
        if let Some(pipeline) = &self.pipeline {
            write!(f, " {pipeline}")?;
        }
        f.write_str("}}")
    }
}

impl Display for Pipeline {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, target) in self.targets.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}", target.name)?;
        }
        if !self.targets.is_empty() {
            f.write_str(if self.assigns { " = " } else { " := " })?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            let pipe = if index == 0 { "" } else { " | " };
            write!(f, "{pipe}{command}")?;
        }
        Ok(())
    }
}

impl Display for Command {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, operand) in self.operands.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{operand}")?;
        }
        Ok(())
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.term {
            Term::Dot => f.write_str("."),
            Term::Nil => f.write_str("nil"),
            Term::Bool(value) => value.fmt(f),
            Term::Number(number) => f.write_str(&number.text),
            Term::String(literal) => f.write_str(&literal.source),
            Term::Field(fields) => write_fields(f, fields),
            Term::Variable(variable) => {
                f.write_str(&variable.name)?;
                write_fields(f, &variable.fields)
            }
            Term::Chain(chain) => {
                chain.base.fmt(f)?;
                write_fields(f, &chain.fields)
            }
            Term::Function(callee) => f.write_str(callee.name()),
            Term::Pipeline(pipeline) => write!(f, "({pipeline})"),
        }
    }
}

fn write_fields(f: &mut Formatter<'_>, fields: &[Box<str>]) -> fmt::Result {
    fields.iter().try_for_each(|field| write!(f, ".{field}"))
}

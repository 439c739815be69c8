//! Executing trees.
//!
//! ## Model
//! A [`Run`] walks the tree of a template. Variables are slots of its [`Frame`]; a call of another
//! template has a frame of its own and sees none of the caller's. [`At`] is the node that a message
//! would name: it moves exactly as in Go, so that messages are the same.
//!
//! ## Limits
//! Every action, pass of a loop and call spends steps; every block, parenthesis and call of a
//! template that is open counts against [`RECURSION_MAX`]; the output is bounded. No value is longer
//! than the output may be.

mod field;
mod pipeline;

use std::fmt::Display;

use smallvec::SmallVec;

use crate::bounded::Bounded;
use crate::error::TemplateError;
use crate::format;
use crate::functions::Functions;
use crate::html::{self, Escaped};
use crate::limits::{Limits, RECURSION_MAX};
use crate::quote::quoted;
use crate::set::TemplateSet;
use crate::tree::{
    Action, Branch, BranchKind, Call, Command, List, Node, Operand, Pipeline, Range, Target, Tree,
};
use crate::value::Value;

/// Boxed, since results of every step carry the place for it.
type Failure = Box<TemplateError>;

type Done<T> = Result<T, Failure>;

/// Where called templates are found.
#[derive(Clone, Copy)]
pub(crate) enum Program<'t> {
    Text,
    /// Trees whose actions are escaped.
    Html(&'t Escaped),
}

/// Executes a template of a set.
pub(crate) fn execute(
    set: &TemplateSet,
    program: Program<'_>,
    tree: &Tree,
    data: &Value,
    functions: &Functions,
    limits: &Limits,
) -> Result<String, TemplateError> {
    let mut run = Run {
        set,
        program,
        functions,
        limits,
        out: Bounded::new(limits.output_bytes_max),
        steps_left: limits.steps_max,
        depth: 0,
        recursion: 0,
        frame: Frame::new(tree, data.clone()),
        at: At::Start,
    };
    run.root(data).map_err(|failure| *failure)?;
    Ok(run.out.into_text())
}

/// Whether what follows in a list is executed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// The variables of a template that is being executed. Five are those of a Prometheus rule.
struct Frame<'t> {
    tree: &'t Tree,
    slots: SmallVec<[Value; 6]>,
}

impl<'t> Frame<'t> {
    fn new(tree: &'t Tree, data: Value) -> Self {
        let mut slots = SmallVec::new();
        slots.push(data);
        slots.resize(tree.slots.max(1), Value::Nil);
        Self { tree, slots }
    }

    fn get(&self, slot: usize) -> Value {
        self.slots.get(slot).cloned().unwrap_or_default()
    }

    fn set(&mut self, target: &Target, value: Value) {
        if let Some(slot) = self.slots.get_mut(target.slot) {
            *slot = value;
        }
    }
}

/// What is being evaluated.
#[derive(Clone, Copy)]
enum At<'t> {
    Start,
    Action(&'t Action),
    Call(&'t Call),
    Range(&'t Range),
    Pipeline(&'t Pipeline),
    Command(&'t Command),
    Operand(&'t Operand),
}

impl At<'_> {
    fn offset(&self) -> usize {
        match self {
            Self::Start => 0,
            Self::Action(action) => action.at,
            Self::Call(call) => call.at,
            Self::Range(range) => range.at,
            Self::Pipeline(pipeline) => pipeline.at,
            Self::Command(command) => command.at,
            Self::Operand(operand) => operand.at,
        }
    }

    fn context(&self) -> String {
        match self {
            Self::Start => String::new(),
            Self::Action(action) => action.to_string(),
            Self::Call(call) => call.to_string(),
            Self::Range(range) => range.to_string(),
            Self::Pipeline(pipeline) => pipeline.to_string(),
            Self::Command(command) => command.to_string(),
            Self::Operand(operand) => operand.to_string(),
        }
    }
}

struct Run<'t> {
    set: &'t TemplateSet,
    program: Program<'t>,
    functions: &'t Functions,
    limits: &'t Limits,
    out: Bounded,
    steps_left: u64,
    /// How many calls of templates are open.
    depth: usize,
    /// How many blocks, parentheses and calls are open.
    recursion: usize,
    frame: Frame<'t>,
    at: At<'t>,
}

impl<'t> Run<'t> {
    fn root(&mut self, data: &Value) -> Done<()> {
        let tree = self.frame.tree;
        for (slot, field) in (1..).zip(&tree.predefined) {
            let value = self.field_of(data, field)?;
            if let Some(place) = self.frame.slots.get_mut(slot) {
                *place = value;
            }
        }
        self.list(data, &tree.root)?;
        Ok(())
    }

    fn fail(&self, reason: impl Into<String>) -> Failure {
        Box::new(TemplateError::Execute {
            at: self.frame.tree.source.position(self.at.offset()),
            template: self.frame.tree.name.clone(),
            context: self.at.context().into(),
            reason: reason.into(),
        })
    }

    fn limit(&self, reason: impl Into<String>) -> Failure {
        Box::new(TemplateError::Limit {
            at: self.frame.tree.source.position(self.at.offset()),
            template: self.frame.tree.name.clone(),
            context: self.at.context().into(),
            reason: reason.into(),
        })
    }

    fn spend(&mut self, steps: u64) -> Done<()> {
        match self.steps_left.checked_sub(steps) {
            Some(left) => {
                self.steps_left = left;
                Ok(())
            }
            None => {
                let max = self.limits.steps_max;
                Err(self.limit(format!("the template takes more than {max} steps")))
            }
        }
    }

    fn enter(&mut self) -> Done<()> {
        self.recursion += 1;
        if self.recursion > RECURSION_MAX {
            let reason = format!(
                "more than {RECURSION_MAX} blocks, parentheses and templates are open at a time"
            );
            return Err(self.limit(reason));
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.recursion -= 1;
    }

    fn output(&self) -> Failure {
        let max = self.limits.output_bytes_max;
        self.limit(format!("the output has more than {max} bytes"))
    }

    fn list(&mut self, dot: &Value, list: &'t List) -> Done<Flow> {
        for node in list {
            let flow = self.node(dot, node)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn node(&mut self, dot: &Value, node: &'t Node) -> Done<Flow> {
        match node {
            Node::Text(text) => {
                std::fmt::Write::write_str(&mut self.out, &text.text).map_err(|_| self.output())?;
                Ok(Flow::Next)
            }
            Node::Action(action) => self.action(dot, action),
            Node::Branch(branch) => self.branch(dot, branch),
            Node::Range(range) => self.range(dot, range),
            Node::Template(call) => self.call(dot, call),
            Node::Break(_) => Ok(Flow::Break),
            Node::Continue(_) => Ok(Flow::Continue),
        }
    }

    fn action(&mut self, dot: &Value, action: &'t Action) -> Done<Flow> {
        self.at = At::Action(action);
        let value = self.pipeline(dot, &action.pipeline)?;
        if !action.pipeline.targets.is_empty() {
            return Ok(Flow::Next);
        }
        self.at = At::Action(action);
        let written = if action.escapers.is_empty() {
            format::write_output(&mut self.out, &value)
        } else {
            html::write_escaped(&mut self.out, &action.escapers, &value)
        };
        written.map_err(|_| self.output())?;
        Ok(Flow::Next)
    }

    fn branch(&mut self, dot: &Value, branch: &'t Branch) -> Done<Flow> {
        self.enter()?;
        let flow = self.arms(dot, branch)?;
        self.leave();
        Ok(flow)
    }

    fn arms(&mut self, dot: &Value, branch: &'t Branch) -> Done<Flow> {
        for arm in &branch.arms {
            let value = self.pipeline(dot, &arm.pipeline)?;
            if value.is_true() {
                return match branch.kind {
                    BranchKind::If => self.list(dot, &arm.list),
                    BranchKind::With => self.list(&value, &arm.list),
                };
            }
        }
        match &branch.otherwise {
            Some(list) => self.list(dot, list),
            None => Ok(Flow::Next),
        }
    }

    fn range(&mut self, dot: &Value, range: &'t Range) -> Done<Flow> {
        self.enter()?;
        self.at = At::Range(range);
        let value = self.pipeline(dot, &range.pipeline)?;
        let flow = match value.underlying().as_ref() {
            Value::Nil => None,
            Value::List(list) => self.passes(
                range,
                (0..).map(Value::Int).zip(list.values().iter().cloned()),
            )?,
            Value::Map(map) => self.passes(
                range,
                map.iter().map(|(name, value)| (Value::String(name), value)),
            )?,
            Value::Int(count) => {
                if range.pipeline.targets.len() > 1 {
                    let reason =
                        format!("can't use {count} to iterate over more than one variable");
                    return Err(self.fail(reason));
                }
                self.passes(range, (0..*count).map(|n| (Value::Nil, Value::Int(n))))?
            }
            _ => {
                let mut text = Bounded::new(self.limits.output_bytes_max.min(1_000));
                // What does not fit into a message is left out.
                let _cut = format::write_plain(&mut text, &value);
                let reason = format!("range can't iterate over {}", text.as_str());
                return Err(self.fail(reason));
            }
        };
        let flow = match (flow, &range.otherwise) {
            (Some(flow), _) => flow,
            (None, Some(list)) => self.list(dot, list)?,
            (None, None) => Flow::Next,
        };
        self.leave();
        Ok(flow)
    }

    /// Executes the body for each element. `None` where there is none.
    fn passes(
        &mut self,
        range: &'t Range,
        elements: impl Iterator<Item = (Value, Value)>,
    ) -> Done<Option<Flow>> {
        let mut passed = None;
        for (index, element) in elements {
            passed = Some(Flow::Next);
            self.spend(1)?;
            match range.pipeline.targets.as_slice() {
                [] => {}
                [only] => self.frame.set(only, element.clone()),
                [first, second, ..] => {
                    self.frame.set(first, index);
                    self.frame.set(second, element.clone());
                }
            }
            if self.list(&element, &range.list)? == Flow::Break {
                break;
            }
        }
        Ok(passed)
    }

    /// Executes another template in a frame of its own.
    fn call(&mut self, dot: &Value, call: &'t Call) -> Done<Flow> {
        self.spend(1)?;
        self.at = At::Call(call);
        let tree = match self.program {
            Program::Text => self.set.tree(&call.name),
            Program::Html(escaped) => escaped.tree(&call.name, call.context),
        };
        let Some(tree) = tree else {
            let reason = format!("template {} not defined", quoted(&call.name));
            return Err(self.fail(reason));
        };
        self.enter_template()?;
        let data = match &call.pipeline {
            Some(pipeline) => self.pipeline(dot, pipeline)?,
            None => Value::Nil,
        };
        let at = self.at;
        let outer = std::mem::replace(&mut self.frame, Frame::new(tree, data.clone()));
        self.list(&data, &tree.root)?;
        self.frame = outer;
        self.at = at;
        self.leave_template();
        Ok(Flow::Next)
    }

    fn enter_template(&mut self) -> Done<()> {
        self.depth += 1;
        if self.depth > self.limits.depth_max {
            let max = self.limits.depth_max;
            let reason = format!("templates call one another more than {max} deep");
            return Err(self.limit(reason));
        }
        self.enter()
    }

    fn leave_template(&mut self) {
        self.depth -= 1;
        self.leave();
    }

    /// What a template prints that `function` is asked for by name.
    fn printed_by_name(&mut self, function: &str, name: &str, data: &Value) -> Done<Value> {
        let set = self.set;
        self.enter_template()?;
        let wrong = |run: &Self, error: &dyn Display| {
            run.fail(format!("error calling {function}: {error}"))
        };
        let escaped;
        let (program, tree) = match self.program {
            Program::Text => (Program::Text, set.tree(name)),
            Program::Html(_) => {
                escaped = set.escaped(name).map_err(|error| wrong(self, &error))?;
                (Program::Html(&escaped), escaped.tree(name, None))
            }
        };
        let Some(tree) = tree else {
            let error = set.not_found(name);
            return Err(wrong(self, &error));
        };
        let mut run = Run {
            set,
            program,
            functions: self.functions,
            limits: self.limits,
            out: Bounded::new(self.limits.output_bytes_max),
            steps_left: self.steps_left,
            depth: self.depth,
            recursion: self.recursion,
            frame: Frame::new(tree, data.clone()),
            at: At::Start,
        };
        run.list(data, &tree.root)?;
        self.steps_left = run.steps_left;
        self.leave_template();
        let text = run.out.into_text();
        Ok(match self.program {
            Program::Text => text.into(),
            Program::Html(_) => Value::safe_html(text),
        })
    }
}

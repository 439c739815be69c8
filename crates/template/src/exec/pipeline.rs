//! Evaluating what stands inside of an action.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{At, Done, Run};
use crate::arguments::{Account, Arguments};
use crate::builtins::{Body, Builtin};
use crate::functions::{Function, Param, Signature};
use crate::number::Number;
use crate::tree::{Callee, Chain, Command, Operand, Pipeline, Term, Variable};
use crate::value::Value;

/// The arguments of a call: few calls have more than four.
pub(super) type Values = SmallVec<[Value; 4]>;

/// A call before its arguments are evaluated.
pub(super) struct Invocation<'t> {
    /// What a message about its failure names.
    pub(super) at: At<'t>,
    pub(super) name: &'t str,
    pub(super) operands: &'t [Operand],
    /// What the command before it in the pipeline gave: the last argument.
    pub(super) last: Option<Value>,
}

impl<'t> Run<'t> {
    /// The value of a pipeline. Its variables get it too.
    pub(super) fn pipeline(&mut self, dot: &Value, pipeline: &'t Pipeline) -> Done<Value> {
        self.enter()?;
        self.at = At::Pipeline(pipeline);
        self.spend(1)?;
        let mut value = None;
        for command in &pipeline.commands {
            value = Some(self.command(dot, command, value)?);
        }
        let value = value.unwrap_or_default();
        for target in &pipeline.targets {
            self.frame.set(target, value.clone());
        }
        self.leave();
        Ok(value)
    }

    fn command(&mut self, dot: &Value, command: &'t Command, last: Option<Value>) -> Done<Value> {
        let Some((first, operands)) = command.operands.split_first() else {
            return Ok(Value::Nil);
        };
        match &first.term {
            Term::Field(fields) => {
                self.at = At::Operand(first);
                self.fields(dot, dot, first, fields, operands, last)
            }
            Term::Chain(chain) => self.chain(dot, first, chain, operands, last),
            Term::Variable(variable) => self.variable(dot, first, variable, operands, last),
            Term::Function(callee) => {
                self.at = At::Operand(first);
                let invocation = Invocation {
                    at: At::Command(command),
                    name: callee.name(),
                    operands,
                    last,
                };
                self.function(dot, callee, invocation)
            }
            Term::Pipeline(pipeline) => {
                self.takes_no_arguments(first, operands, last.as_ref())?;
                self.pipeline(dot, pipeline)
            }
            constant => {
                self.at = At::Operand(first);
                self.takes_no_arguments(first, operands, last.as_ref())?;
                match constant {
                    Term::Dot => Ok(dot.clone()),
                    Term::Nil => Err(self.fail("nil is not a command")),
                    Term::Bool(value) => Ok(Value::Bool(*value)),
                    Term::Number(number) => Ok(ideal(number)),
                    Term::String(literal) => Ok(Value::String(Arc::clone(&literal.value))),
                    _ => Ok(Value::Nil),
                }
            }
        }
    }

    pub(super) fn takes_no_arguments(
        &self,
        first: &Operand,
        operands: &[Operand],
        last: Option<&Value>,
    ) -> Done<()> {
        if operands.is_empty() && last.is_none() {
            return Ok(());
        }
        Err(self.fail(format!("can't give argument to non-function {first}")))
    }

    fn chain(
        &mut self,
        dot: &Value,
        operand: &'t Operand,
        chain: &'t Chain,
        operands: &'t [Operand],
        last: Option<Value>,
    ) -> Done<Value> {
        self.at = At::Operand(operand);
        let base = self.argument(dot, Param::Any, &chain.base)?;
        self.fields(dot, &base, operand, &chain.fields, operands, last)
    }

    fn variable(
        &mut self,
        dot: &Value,
        operand: &'t Operand,
        variable: &'t Variable,
        operands: &'t [Operand],
        last: Option<Value>,
    ) -> Done<Value> {
        self.at = At::Operand(operand);
        let value = self.frame.get(variable.slot);
        if variable.fields.is_empty() {
            self.takes_no_arguments(operand, operands, last.as_ref())?;
            return Ok(value);
        }
        self.fields(dot, &value, operand, &variable.fields, operands, last)
    }

    fn function(
        &mut self,
        dot: &Value,
        callee: &'t Callee,
        invocation: Invocation<'t>,
    ) -> Done<Value> {
        self.spend(1)?;
        let name = match callee {
            Callee::Builtin(builtin) => return self.builtin(dot, builtin, invocation),
            Callee::Registered(name) => name,
        };
        let functions = self.functions;
        match functions.get(name) {
            Some(Function::Closure { signature, call }) => {
                self.invoke(dot, signature, invocation, |arguments| call(arguments))
            }
            Some(Function::Template) => {
                const TEMPLATE: Signature = Signature::of(&[Param::String, Param::Any]);
                let (at, function) = (invocation.at, invocation.name);
                let values = self.arguments(dot, &TEMPLATE, invocation)?;
                self.at = at;
                match values.as_slice() {
                    [name, data] => {
                        self.printed_by_name(function, name.as_str().unwrap_or(""), data)
                    }
                    _ => Ok(Value::Nil),
                }
            }
            None => Err(self.fail(format!(
                "{} is not a defined function",
                crate::quote::quoted(name)
            ))),
        }
    }

    fn builtin(
        &mut self,
        dot: &Value,
        builtin: &'static Builtin,
        invocation: Invocation<'t>,
    ) -> Done<Value> {
        let decides = match builtin.body {
            Body::Function(function) => {
                return self.invoke(dot, &builtin.signature, invocation, function);
            }
            Body::And => false,
            Body::Or => true,
        };
        let given = invocation.operands.len() + usize::from(invocation.last.is_some());
        if let Some(reason) = builtin.signature.misfit(builtin.name, given) {
            return Err(self.fail(reason));
        }
        let mut value = Value::Nil;
        for operand in invocation.operands {
            self.spend(1)?;
            value = self.argument(dot, Param::Any, operand)?;
            if value.is_true() == decides {
                return Ok(value);
            }
        }
        Ok(invocation.last.unwrap_or(value))
    }

    /// Evaluates the arguments and makes the call.
    pub(super) fn invoke(
        &mut self,
        dot: &Value,
        signature: &Signature,
        invocation: Invocation<'t>,
        call: impl FnOnce(&Arguments<'_>) -> Result<Value, String>,
    ) -> Done<Value> {
        let (at, name) = (invocation.at, invocation.name);
        let values = self.arguments(dot, signature, invocation)?;
        self.spend(values.iter().map(Value::cost).sum())?;
        let account = Account {
            steps_max: self.steps_left,
            ..Account::default()
        };
        let bytes_max = self.limits.output_bytes_max;
        let zone = self.functions.local_zone();
        let result = call(&Arguments::new(&values, bytes_max, zone, &account));
        self.spend(account.steps.get())?;
        let value = match result {
            Ok(value) if value.as_str().is_some_and(|text| text.len() > bytes_max) => {
                self.at = at;
                let reason = format!("{name} gives more than {bytes_max} bytes");
                return Err(self.limit(reason));
            }
            Ok(value) => value,
            Err(reason) => {
                self.at = at;
                let reason = format!("error calling {name}: {reason}");
                return Err(match account.exceeded.get() {
                    true => self.limit(reason),
                    false => self.fail(reason),
                });
            }
        };
        self.spend(value.cost())?;
        Ok(value)
    }

    fn arguments(
        &mut self,
        dot: &Value,
        signature: &Signature,
        invocation: Invocation<'t>,
    ) -> Done<Values> {
        let given = invocation.operands.len() + usize::from(invocation.last.is_some());
        if let Some(reason) = signature.misfit(invocation.name, given) {
            return Err(self.fail(reason));
        }
        let mut values = Values::new();
        for (index, operand) in invocation.operands.iter().enumerate() {
            self.spend(1)?;
            values.push(self.argument(dot, signature.param(index), operand)?);
        }
        if let Some(last) = invocation.last {
            values.push(self.fitting(last, signature.param(values.len()))?);
        }
        Ok(values)
    }

    /// The value of an operand that is an argument.
    fn argument(&mut self, dot: &Value, param: Param, operand: &'t Operand) -> Done<Value> {
        self.at = At::Operand(operand);
        let value = match &operand.term {
            Term::Dot => dot.clone(),
            Term::Nil => {
                return match param {
                    Param::Any | Param::List | Param::Strings => Ok(Value::Nil),
                    param => Err(self.fail(format!("cannot assign nil to {}", param.type_name()))),
                };
            }
            Term::Field(fields) => self.fields(dot, dot, operand, fields, &[], None)?,
            Term::Variable(variable) => self.variable(dot, operand, variable, &[], None)?,
            Term::Chain(chain) => self.chain(dot, operand, chain, &[], None)?,
            Term::Pipeline(pipeline) => self.pipeline(dot, pipeline)?,
            Term::Function(callee) => {
                let invocation = Invocation {
                    at: At::Operand(operand),
                    name: callee.name(),
                    operands: &[],
                    last: None,
                };
                self.function(dot, callee, invocation)?
            }
            literal => return self.literal(literal, param, operand),
        };
        self.fitting(value, param)
    }

    /// A literal as a parameter wants it.
    fn literal(&self, literal: &Term, param: Param, operand: &Operand) -> Done<Value> {
        let value = match (literal, param) {
            (Term::Bool(value), Param::Any | Param::Bool) => Some(Value::Bool(*value)),
            (Term::String(literal), Param::Any | Param::String) => {
                Some(Value::String(Arc::clone(&literal.value)))
            }
            (Term::Number(number), Param::Any) => Some(ideal(number)),
            (Term::Number(number), Param::Int) => number.int.map(Value::Int),
            (Term::Number(number), Param::Duration) => {
                number.int.map(|ns| Value::Duration(crate::DurationNs(ns)))
            }
            _ => None,
        };
        value.ok_or_else(|| {
            self.fail(match param {
                Param::String => format!("expected string; found {operand}"),
                Param::Bool => format!("expected bool; found {operand}"),
                Param::Int | Param::Duration => format!("expected integer; found {operand}"),
                param => format!(
                    "can't handle {operand} for arg of type {}",
                    param.type_name()
                ),
            })
        })
    }

    /// The value if a parameter takes it.
    fn fitting(&self, value: Value, param: Param) -> Done<Value> {
        let fits = match (param, &value) {
            (Param::Any, _)
            | (Param::String, Value::String(_) | Value::Safe(_))
            | (Param::Int, Value::Int(_))
            | (Param::Bool, Value::Bool(_))
            | (Param::Time, Value::Time(_))
            | (Param::Duration, Value::Duration(_))
            | (Param::List | Param::Strings, Value::Nil)
            | (Param::List, Value::List(_)) => true,
            (Param::Strings, Value::List(list)) => {
                list.values().iter().all(|value| value.as_str().is_some())
            }
            _ => false,
        };
        if fits {
            return Ok(value);
        }
        if let Value::Object(object) = &value
            && let Some(underlying) = object.underlying()
        {
            return self.fitting(underlying, param);
        }
        let want = param.type_name();
        Err(self.fail(match &value {
            Value::Nil => format!("invalid value; expected {want}"),
            value => format!(
                "wrong type for value; expected {want}; got {}",
                value.type_name()
            ),
        }))
    }
}

/// A number where nobody says which type it should have.
fn ideal(number: &Number) -> Value {
    match number.int {
        Some(int) if !number.is_float => Value::Int(int),
        _ => Value::Float(number.float),
    }
}

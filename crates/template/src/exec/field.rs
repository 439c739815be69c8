//! Fields, methods and keys.

use super::pipeline::Invocation;
use super::{At, Done, Run};
use crate::quote::quoted;
use crate::set::MissingKey;
use crate::time::{DurationNs, Time};
use crate::tree::Operand;
use crate::value::{Map, Value};

impl<'t> Run<'t> {
    /// The field of a field: `.A.B.C`. The last one may be a method, and gets the arguments.
    pub(super) fn fields(
        &mut self,
        dot: &Value,
        receiver: &Value,
        operand: &'t Operand,
        names: &'t [Box<str>],
        operands: &'t [Operand],
        last: Option<Value>,
    ) -> Done<Value> {
        let Some((name, before)) = names.split_last() else {
            return Ok(receiver.clone());
        };
        let mut held;
        let mut receiver = receiver;
        for name in before {
            self.spend(1)?;
            held = self.field(dot, receiver, invocation(operand, name, &[], None))?;
            receiver = &held;
        }
        self.field(dot, receiver, invocation(operand, name, operands, last))
    }

    fn field(&mut self, dot: &Value, receiver: &Value, invocation: Invocation<'t>) -> Done<Value> {
        let name = invocation.name;
        match receiver {
            Value::Nil => return self.field_of(receiver, name),
            Value::Time(time) => {
                if let Some(signature) = Time::method(name) {
                    self.spend(1)?;
                    return self.invoke(dot, &signature, invocation, |arguments| {
                        time.call(name, arguments)
                    });
                }
            }
            Value::Duration(duration) => {
                if let Some(signature) = DurationNs::method(name) {
                    self.spend(1)?;
                    return self.invoke(dot, &signature, invocation, |arguments| {
                        duration.call(name, arguments)
                    });
                }
            }
            Value::Object(object) => {
                if let Some(signature) = object.method(name) {
                    self.spend(1)?;
                    return self.invoke(dot, &signature, invocation, |arguments| {
                        object.call(name, arguments)
                    });
                }
            }
            _ => {}
        }
        let has_arguments = !invocation.operands.is_empty() || invocation.last.is_some();
        let value = self.field_of(receiver, name)?;
        if has_arguments {
            return Err(self.fail(match receiver.underlying().as_ref() {
                Value::Map(_) => format!("{name} is not a method but has arguments"),
                _ => format!("{name} has arguments but cannot be invoked as function"),
            }));
        }
        Ok(value)
    }

    /// A field or the value of a key.
    pub(super) fn field_of(&self, receiver: &Value, name: &str) -> Done<Value> {
        match receiver {
            Value::Nil if self.set.missing_key() == MissingKey::Error => {
                Err(self.fail(format!("nil data; no entry for key {}", quoted(name))))
            }
            Value::Nil => Ok(Value::Nil),
            Value::Map(map) => self.key(map, name),
            Value::Object(object) => match (object.field(name), object.underlying()) {
                (Some(value), _) => Ok(value),
                (None, Some(Value::Map(map))) => self.key(&map, name),
                _ => Err(self.no_field(receiver, name)),
            },
            _ => Err(self.no_field(receiver, name)),
        }
    }

    fn no_field(&self, receiver: &Value, name: &str) -> super::Failure {
        let type_name = receiver.type_name();
        self.fail(format!("can't evaluate field {name} in type {type_name}"))
    }

    fn key(&self, map: &Map, name: &str) -> Done<Value> {
        match (map.get(name), self.set.missing_key()) {
            (Some(value), _) => Ok(value),
            (None, MissingKey::Default) => Ok(Value::Nil),
            (None, MissingKey::Zero) => Ok(map.zero()),
            (None, MissingKey::Error) => {
                Err(self.fail(format!("map has no entry for key {}", quoted(name))))
            }
        }
    }
}

fn invocation<'t>(
    operand: &'t Operand,
    name: &'t str,
    operands: &'t [Operand],
    last: Option<Value>,
) -> Invocation<'t> {
    Invocation {
        at: At::Operand(operand),
        name,
        operands,
        last,
    }
}

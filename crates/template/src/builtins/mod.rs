//! The functions of the language.

mod compare;
mod escape;
mod index;

use crate::arguments::Arguments;
use crate::format;
use crate::functions::{Param, Signature};
use crate::value::Value;

pub(crate) use escape::html_escaped;

/// A function of the language.
#[derive(Debug)]
pub(crate) struct Builtin {
    pub(crate) name: &'static str,
    pub(crate) signature: Signature,
    pub(crate) body: Body,
}

/// How it works.
#[derive(Debug)]
pub(crate) enum Body {
    Function(fn(&Arguments<'_>) -> Result<Value, String>),
    /// The first argument that decides; those behind it are not evaluated.
    And,
    Or,
}

const ANY: &[Param] = &[Param::Any];

static BUILTINS: [Builtin; 19] = [
    Builtin {
        name: "and",
        signature: Signature::variadic(ANY, Param::Any),
        body: Body::And,
    },
    Builtin {
        name: "or",
        signature: Signature::variadic(ANY, Param::Any),
        body: Body::Or,
    },
    function("call", Signature::variadic(ANY, Param::Any), call),
    function("not", Signature::of(ANY), not),
    function("eq", Signature::variadic(ANY, Param::Any), compare::eq),
    function("ne", TWO, compare::ne),
    function("lt", TWO, compare::lt),
    function("le", TWO, compare::le),
    function("gt", TWO, compare::gt),
    function("ge", TWO, compare::ge),
    function("html", ALL, escape::html),
    function("js", ALL, escape::js),
    function("urlquery", ALL, escape::urlquery),
    function("index", Signature::variadic(ANY, Param::Any), index::index),
    function("slice", Signature::variadic(ANY, Param::Any), index::slice),
    function("len", Signature::of(ANY), index::len),
    function("print", ALL, print),
    function(
        "printf",
        Signature::variadic(&[Param::String], Param::Any),
        printf,
    ),
    function("println", ALL, println),
];

/// What remains of a function that escapes, when the page does so itself: its arguments as a text.
pub(crate) static PRINTED: Builtin = function("print", ALL, printed);

const ALL: Signature = Signature::variadic(&[], Param::Any);
const TWO: Signature = Signature::of(&[Param::Any, Param::Any]);

const fn function(
    name: &'static str,
    signature: Signature,
    body: fn(&Arguments<'_>) -> Result<Value, String>,
) -> Builtin {
    Builtin {
        name,
        signature,
        body: Body::Function(body),
    }
}

pub(crate) fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    BUILTINS.iter().map(|builtin| builtin.name)
}

/// Nothing that templates can hold is a function.
fn call(arguments: &Arguments<'_>) -> Result<Value, String> {
    let callee = arguments.value(0);
    Err(match callee {
        Value::Nil => "call of nil".to_owned(),
        callee => format!("non-function of type {}", callee.type_name()),
    })
}

fn not(arguments: &Arguments<'_>) -> Result<Value, String> {
    Ok(Value::Bool(!arguments.value(0).is_true()))
}

fn print(arguments: &Arguments<'_>) -> Result<Value, String> {
    let text = arguments.build(|out| format::print(out, arguments.values()))?;
    Ok(text.into())
}

fn println(arguments: &Arguments<'_>) -> Result<Value, String> {
    let text = arguments.build(|out| format::println(out, arguments.values()))?;
    Ok(text.into())
}

fn printf(arguments: &Arguments<'_>) -> Result<Value, String> {
    let text = arguments.string(0);
    let text = arguments.build(|out| format::printf(out, text, arguments.rest(1)))?;
    Ok(text.into())
}

fn printed(arguments: &Arguments<'_>) -> Result<Value, String> {
    Ok(escape::text(arguments)?.into())
}

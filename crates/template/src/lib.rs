//! Go's template language: the annotations of Prometheus rules, the notifications of Alertmanager,
//! and web pages, all of which people bring along as they are.
//!
//! ## Model
//! A [`TemplateSet`] holds named templates, each parsed once into a tree. [`TemplateSet::execute`]
//! walks a tree over a [`Value`] and gives back text. What a template can call is in a
//! [`Functions`] registry: [`functions::prometheus`] and [`functions::alertmanager`] are the
//! libraries of the two servers. A set in [`Mode::Html`] escapes each value for the place in the
//! page where it stands.
//!
//! ```
//! use bellwether_template::{Functions, Limits, Map, Mode, TemplateSet, Value};
//!
//! let functions = Functions::new();
//! let mut set = TemplateSet::new(Mode::Text);
//! set.parse("greeting", "Hello, {{ .name | printf \"%q\" }}!", &functions)?;
//! let data = Value::from(Map::of_strings([("name", "world")]));
//! let text = set.execute("greeting", &data, &functions, &Limits::default())?;
//! assert_eq!(text, "Hello, \"world\"!");
//! # Ok::<(), bellwether_template::TemplateError>(())
//! ```
//!
//! ## Invariants
//! No template and no data makes the parser or the evaluator panic, overflow the stack, run without
//! end or take memory without bound. Nothing here reads a clock, a disk or the network: the time
//! zones are part of the binary, and the present time is a function that the caller supplies.
//! Strings are UTF-8: where Go would cut a character in half, the replacement character stands.
//!
//! ## Limits
//! Those of [`Limits`], and nesting of blocks, parentheses and values, as [`limits`] says.
//!
//! ## Failure
//! A [`TemplateError`] with name, line and column, in the words of Go where Go has words for it.
//!
//! ## See also
//! `docs/adr/0003-go-templates.md`; <https://pkg.go.dev/text/template>,
//! <https://pkg.go.dev/html/template>.

mod arguments;
mod bounded;
mod builtins;
mod error;
mod exec;
mod format;
pub mod functions;
mod html;
mod json;
mod lexer;
pub mod limits;
mod number;
mod parser;
mod print;
mod quote;
mod set;
pub mod time;
mod tree;
mod url;
mod value;

pub use arguments::Arguments;
pub use error::{ErrorKind, Position, TemplateError};
pub use functions::{Functions, Param, Signature};
pub use limits::Limits;
pub use set::{MissingKey, Mode, Predefined, TemplateSet};
pub use time::{DurationNs, Time, Zone};
pub use value::{Element, List, Map, Object, Safe, SafeKind, TooDeep, Value};

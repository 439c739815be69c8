//! PromQL: from the text of a query to its answer.
//!
//! ## Model
//! [`parse`] turns a text into an [`Expr`], checked for types and with a byte range on each node.
//! An [`Engine`] evaluates it over any [`bellwether_storage::MetricStore`] and gives back a
//! [`QueryOutcome`]: the value, [`Annotations`] and statistics. [`promqltest`] runs scripts in the
//! test language that Prometheus made, so that the same cases judge every engine and every store.
//!
//! ## Invariants
//! No input makes the parser panic or overflow the stack. Text positions are
//! bytes, counted from 0; the line and column that people see start at 1. Times are milliseconds.
//! Nothing here knows HTTP, files or a wall clock.
//!
//! ## See also
//! <https://prometheus.io/docs/prometheus/latest/querying/basics/> for the language.

mod annotations;
pub mod ast;
mod ast_json;
mod error;
mod eval;
mod features;
pub mod functions;
mod memory;
mod outcome;
pub mod parser;
mod printer;
pub mod promqltest;
mod quote;
mod request;

pub use annotations::{Annotation, Annotations, HistogramOperation, Severity};
pub use ast::Expr;
pub use ast_json::ast_json;
pub use error::{ParseError, QueryError, TextPosition};
pub use eval::{Engine, Prepared};
pub use features::Features;
pub use memory::{HeldMemory, MemoryBudget, MemoryLimits, MemoryStops};
pub use outcome::{MatrixSeries, QueryOutcome, QueryStats, QueryValue, VectorSample};
pub use parser::{parse, parse_metric_selector};
pub use request::{CancelToken, EngineOptions, QueryRequest};

//! What templates can call beside the functions of the language.
//!
//! ## Model
//! A [`Functions`] registry maps names to closures, each with the [`Signature`] of what it takes. A
//! registry may lie over another one, so that a large library is made once and the few functions
//! that depend on the moment are put on top of it for each execution.
//!
//! ```
//! use std::sync::Arc;
//! use bellwether_template::{Functions, Param, Signature, functions};
//!
//! let library = Arc::new(functions::prometheus::library("http://localhost"));
//! let mut functions = Functions::over(library);
//! functions.add("shout", Signature::of(&[Param::String]), |arguments| {
//!     Ok(format!("{}!", arguments.string(0)).into())
//! });
//! ```

pub mod alertmanager;
pub mod prometheus;

mod humanize;
mod signature;
mod text;

use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;

pub use signature::{Param, Signature};

use crate::arguments::Arguments;
use crate::time::Zone;
use crate::value::Value;

type Closure = dyn Fn(&Arguments<'_>) -> Result<Value, String> + Send + Sync;

/// A registered function.
#[derive(Clone)]
pub(crate) enum Function {
    /// Runs a closure.
    Closure {
        signature: Signature,
        call: Arc<Closure>,
    },
    /// Executes the template that the first argument names, with the second as its data.
    Template,
}

/// Functions by name.
#[derive(Clone, Default)]
pub struct Functions {
    own: FxHashMap<Box<str>, Function>,
    base: Option<Arc<Functions>>,
    local_zone: Option<Zone>,
}

impl Functions {
    /// No functions but those of the language.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The functions of another registry, to which more can be added.
    #[must_use]
    pub fn over(base: Arc<Self>) -> Self {
        Self {
            base: Some(base),
            ..Self::default()
        }
    }

    /// Adds a function, which goes before one of the same name in the registry below and in the
    /// language. The arguments that `call` gets fit the signature. An error that it gives back ends
    /// the execution.
    pub fn add<F>(&mut self, name: &str, signature: Signature, call: F) -> &mut Self
    where
        F: Fn(&Arguments<'_>) -> Result<Value, String> + Send + Sync + 'static,
    {
        let function = Function::Closure {
            signature,
            call: Arc::new(call),
        };
        self.own.insert(name.into(), function);
        self
    }

    /// Adds a function that executes a template by name: `{{ tmpl "name" data }}`. Unlike the action
    /// `template`, its name can be computed, and what it prints is a value.
    pub fn add_template_call(&mut self, name: &str) -> &mut Self {
        self.own.insert(name.into(), Function::Template);
        self
    }

    /// Adds a function of another registry, if that has it.
    pub fn borrow_from(&mut self, other: &Self, name: &str) -> &mut Self {
        if let Some(function) = other.get(name) {
            self.own.insert(name.into(), function.clone());
        }
        self
    }

    /// Sets the zone that counts as local, which is UTC if nobody says otherwise.
    pub fn set_local_zone(&mut self, zone: Zone) -> &mut Self {
        self.local_zone = Some(zone);
        self
    }

    /// The names, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let mut registry = Some(self);
        std::iter::from_fn(move || {
            let current = registry?;
            registry = current.base.as_deref();
            Some(current.own.keys().map(|name| &**name))
        })
        .flatten()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Function> {
        match self.own.get(name) {
            Some(function) => Some(function),
            None => self.base.as_deref()?.get(name),
        }
    }

    pub(crate) fn local_zone(&self) -> &Zone {
        const UTC: &Zone = &Zone::Utc;
        match (&self.local_zone, &self.base) {
            (Some(zone), _) => zone,
            (None, Some(base)) => base.local_zone(),
            (None, None) => UTC,
        }
    }
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<&str> = self.names().collect();
        names.sort_unstable();
        names.dedup();
        f.debug_set().entries(names).finish()
    }
}

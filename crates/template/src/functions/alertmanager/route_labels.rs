//! Labels of a route that are templates.
//!
//! ## Model
//! The value of a label may be a template, which may ask for other labels: `{{ routeLabels "x" }}`.
//! Each label is executed once for a notification, whoever asks for it.
//!
//! ## Failure
//! A label that asks for itself, by whatever way, is an error that names the way.

use std::sync::Arc;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::key_values::KeyValues;
use crate::functions::{Functions, Param, Signature};
use crate::limits::Limits;
use crate::set::TemplateSet;
use crate::value::Value;

/// Most labels that wait for one another. Chosen: each is an execution on the stack of the one
/// before.
const DEPTH_MAX: usize = 8;

/// What labels of a route are executed with.
#[derive(Debug, Clone)]
pub struct RouteLabels {
    /// The labels as configured.
    pub labels: KeyValues,
    /// The templates that labels can call.
    pub set: TemplateSet,
    /// The notification.
    pub data: Value,
    /// Limits of each execution.
    pub limits: Limits,
}

/// Lays the function `routeLabels` over a library. A name that the route does not have is empty. The
/// registry is for one execution at a time.
#[must_use]
pub fn route_labels(library: Arc<Functions>, route: RouteLabels) -> Functions {
    functions(&Arc::new(Resolver {
        route,
        library,
        state: Mutex::default(),
    }))
}

struct Resolver {
    route: RouteLabels,
    library: Arc<Functions>,
    /// Never held while a template is executed.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    done: FxHashMap<Box<str>, Arc<str>>,
    /// Labels that wait for one another.
    waiting: Vec<Box<str>>,
}

fn functions(resolver: &Arc<Resolver>) -> Functions {
    let mut functions = Functions::over(Arc::clone(&resolver.library));
    let resolver = Arc::clone(resolver);
    functions.add(
        "routeLabels",
        Signature::of(&[Param::String]),
        move |arguments| resolved(&resolver, arguments.string(0)).map(Value::String),
    );
    functions
}

fn resolved(resolver: &Arc<Resolver>, name: &str) -> Result<Arc<str>, String> {
    let Some(text) = resolver.route.labels.get(name) else {
        return Ok("".into());
    };
    {
        let mut state = resolver.state.lock();
        if let Some(done) = state.done.get(name) {
            return Ok(Arc::clone(done));
        }
        if state.waiting.iter().any(|waiting| **waiting == *name) {
            let way = state.waiting.join(" -> ");
            return Err(format!("route label cycle detected: {way} -> {name}"));
        }
        if state.waiting.len() >= DEPTH_MAX {
            return Err(format!(
                "more than {DEPTH_MAX} route labels wait for one another"
            ));
        }
        state.waiting.push(name.into());
    }
    let executed = executed(resolver, &text);
    let mut state = resolver.state.lock();
    state.waiting.pop();
    let value: Arc<str> = executed?.into();
    state.done.insert(name.into(), Arc::clone(&value));
    Ok(value)
}

fn executed(resolver: &Arc<Resolver>, text: &str) -> Result<String, String> {
    let functions = functions(resolver);
    let route = &resolver.route;
    let mut set = route.set.clone();
    set.parse("", text, &functions)
        .and_then(|()| set.execute("", &route.data, &functions, &route.limits))
        .map_err(|error| error.to_string())
}

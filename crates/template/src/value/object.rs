//! Things with fields and methods.

use std::fmt;

use super::Value;
use crate::arguments::Arguments;
use crate::functions::Signature;

/// What Go programs give to templates as a struct, or as a list or map with methods of its own.
///
/// Where a name is asked for, methods go first, then fields, then the entries of a map that the
/// object is underneath.
pub trait Object: fmt::Debug + Send + Sync {
    /// The type, for messages: `*template.Data`.
    fn type_name(&self) -> &str;

    /// All fields, in the order in which they print.
    fn fields(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    /// One field. `None` where there is none of that name. Worth its own code where fields are many.
    fn field(&self, name: &str) -> Option<Value> {
        let fields = self.fields();
        let found = fields.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value)
    }

    /// What a method takes. `None` where there is none of that name.
    fn method(&self, _name: &str) -> Option<Signature> {
        None
    }

    /// Calls a method that [`Object::method`] knows, with arguments of the types that it takes.
    ///
    /// # Errors
    /// What went wrong, for the message of the template.
    fn call(&self, name: &str, _arguments: &Arguments<'_>) -> Result<Value, String> {
        Err(format!("{name} is not a method of {}", self.type_name()))
    }

    /// The list, map or number that the object is apart from its methods. `None` for a struct. Never
    /// an object.
    fn underlying(&self) -> Option<Value> {
        None
    }

    /// How it prints, where it has a way of its own.
    fn text(&self) -> Option<String> {
        None
    }

    /// The fields as JSON has them, where that differs from [`Object::fields`].
    fn json_fields(&self) -> Vec<(&'static str, Value)> {
        self.fields()
    }
}

//! Making values safe for the place of a page where they stand, as Go's `html/template` does.
//!
//! ## Model
//! The text of a template is followed through the languages of a page: HTML with its tags and
//! attributes, URLs, JavaScript, CSS. The [`Context`] in which an action stands decides on the
//! [`Escaper`]s that its value goes through. Both arms of a branch, and all passes of a loop, must
//! end in the same context; a template that is called in several contexts is escaped for each.
//!
//! ## Invariants
//! The structure of a page is that of the template: no value adds a tag, an attribute or a
//! statement, and no value runs as code. Comments are dropped. Values of the types of
//! [`SafeKind`](crate::SafeKind) are taken as they are where they are safe.
//!
//! ## Failure
//! [`TemplateError::Escape`](crate::TemplateError), before anything is executed.
//!
//! ## See also
//! <https://pkg.go.dev/html/template>

mod action;
mod attributes;
mod context;
mod entities;
mod escapers;
mod page;
mod script;
mod style;
mod tags;
mod text;
mod transition;

pub(crate) use context::Context;
pub(crate) use escapers::{Escaper, write_escaped};
pub(crate) use page::{Escaped, escape};

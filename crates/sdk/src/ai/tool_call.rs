//! One call of a tool.

use std::sync::Arc;
use std::time::Instant;

use super::{ErrorClass, Families};

/// A call that has begun. Dropped before it ends, it counts as cancelled.
#[derive(Debug)]
pub struct ToolCall {
    families: Arc<Families>,
    tool: Box<str>,
    began: Instant,
    is_over: bool,
}

impl ToolCall {
    pub(super) fn begin(families: &Arc<Families>, tool: &str) -> Self {
        families.tools_in_flight.with([tool]).add(1.0);
        Self {
            families: Arc::clone(families),
            tool: tool.into(),
            began: Instant::now(),
            is_over: false,
        }
    }

    /// Ends it with success.
    pub fn succeed(mut self) {
        self.end("");
    }

    /// Ends it with an error; [`ErrorClass::Tool`] where the tool itself says that it failed.
    pub fn fail(mut self, class: ErrorClass) {
        self.end(class.as_str());
    }

    fn end(&mut self, error_type: &str) {
        self.is_over = true;
        let families = &self.families;
        families.tools_in_flight.with([&self.tool]).add(-1.0);
        families.observe(families.tools.with([&self.tool, error_type]), self.began);
    }
}

impl Drop for ToolCall {
    fn drop(&mut self) {
        if !self.is_over {
            self.end(ErrorClass::Cancelled.as_str());
        }
    }
}

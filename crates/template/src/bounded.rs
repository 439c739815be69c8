//! Text that may not grow beyond a limit.

use std::fmt;

/// A string with a bound. A write that would pass it fails and leaves the text as it is.
#[derive(Debug)]
pub(crate) struct Bounded {
    text: String,
    bytes_max: usize,
}

impl Bounded {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            text: String::new(),
            bytes_max,
        }
    }

    /// How many bytes more it can take.
    pub(crate) fn bytes_left(&self) -> usize {
        self.bytes_max.saturating_sub(self.text.len())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() > self.bytes_left() {
            return Err(fmt::Error);
        }
        self.text.push_str(text);
        Ok(())
    }
}

//! What a check finds, and what that says of a probe.

use std::fmt::{self, Display};

use serde::Serialize;

/// Bytes of a reason. Chosen: a sentence fits, the page that a broken server answers with does not.
const REASON_BYTES_MAX: usize = 512;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthState {
    /// It does what it is for.
    Up,
    /// It does so worse than it should.
    Degraded,
    /// It does not.
    Down,
    /// Nobody looked, or not lately.
    #[default]
    Unknown,
}

impl HealthState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Up, Self::Degraded, Self::Down, Self::Unknown];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }

    /// The state that is written so.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether it does what it is for, however badly.
    #[must_use]
    pub fn works(self) -> bool {
        [Self::Up, Self::Degraded].contains(&self)
    }

    /// How bad it is; what is unknown is no worse than what is up.
    #[must_use]
    pub fn badness(self) -> u8 {
        match self {
            Self::Up | Self::Unknown => 0,
            Self::Degraded => 1,
            Self::Down => 2,
        }
    }
}

impl Display for HealthState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one check finds. A `Result<(), E>` is one too: up, or down because of the error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All is well.
    Up,
    /// It works worse than it should, for this reason.
    Degraded(String),
    /// It does not work, for this reason.
    Down(String),
}

impl Outcome {
    /// All is well.
    #[must_use]
    pub fn up() -> Self {
        Self::Up
    }

    /// It works worse than it should. Of the reason the first 512 bytes are kept, without control
    /// characters.
    #[must_use]
    pub fn degraded(reason: impl Display) -> Self {
        Self::Degraded(reason.to_string())
    }

    /// It does not work. Of the reason the first 512 bytes are kept, without control characters.
    #[must_use]
    pub fn down(reason: impl Display) -> Self {
        Self::Down(reason.to_string())
    }

    /// State and reason, the latter fit for one line.
    #[must_use]
    pub fn into_parts(self) -> (HealthState, String) {
        match self {
            Self::Up => (HealthState::Up, String::new()),
            Self::Degraded(reason) => (HealthState::Degraded, one_line(reason)),
            Self::Down(reason) => (HealthState::Down, one_line(reason)),
        }
    }
}

impl<E: Display> From<Result<(), E>> for Outcome {
    fn from(result: Result<(), E>) -> Self {
        match result {
            Ok(()) => Self::Up,
            Err(error) => Self::down(error),
        }
    }
}

/// A reason as it is shown: short, on one line, never empty.
#[must_use]
pub fn one_line(mut reason: String) -> String {
    if reason.len() > REASON_BYTES_MAX {
        reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
        reason.push('…');
    }
    if reason.contains(char::is_control) {
        reason = reason.replace(char::is_control, " ");
    }
    if reason.trim().is_empty() {
        return "no reason given".to_owned();
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_one_short_line() {
        let (state, reason) = Outcome::down("a\r\nb\u{7}").into_parts();
        assert_eq!((state, reason.as_str()), (HealthState::Down, "a  b "));
        let (_, reason) = Outcome::degraded("é".repeat(1_000)).into_parts();
        assert_eq!(reason, format!("{}…", "é".repeat(256)));
        let (_, reason) = Outcome::down(" \n").into_parts();
        assert_eq!(reason, "no reason given");
    }

    #[test]
    fn results_are_outcomes() {
        assert_eq!(Outcome::from(Ok::<(), &str>(())), Outcome::Up);
        assert_eq!(Outcome::from(Err("gone")), Outcome::down("gone"));
    }
}

//! The tools that requests use, behind an MCP server.

use crate::random::Random;

/// A tool with its latency and how often it fails on a good day.
#[derive(Debug)]
pub(crate) struct ToolSpec {
    pub(crate) name: &'static str,
    median_seconds: f64,
    /// Deviation of the latency's logarithm.
    sigma: f64,
    failure: f64,
}

/// The four tools.
pub(crate) const TOOLS: [ToolSpec; 4] = [
    ToolSpec {
        name: "search",
        median_seconds: 0.35,
        sigma: 0.45,
        failure: 0.004,
    },
    ToolSpec {
        name: "database",
        median_seconds: 0.022,
        sigma: 0.7,
        failure: 0.001,
    },
    ToolSpec {
        name: "code",
        median_seconds: 1.1,
        sigma: 0.6,
        failure: 0.02,
    },
    ToolSpec {
        name: "browser",
        median_seconds: 2.2,
        sigma: 0.5,
        failure: 0.012,
    },
];

/// Chosen: after so long a tool is given up.
const TIMEOUT_SECONDS: f64 = 15.0;

/// How a tool call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ToolOutcome {
    Ok = 0,
    Failed = 1,
    Timeout = 2,
}

impl ToolOutcome {
    pub(crate) const COUNT: usize = 3;

    /// The label `error_type`, by the MCP conventions; empty for a success.
    pub(crate) fn error_type(self) -> &'static str {
        ["", "tool_error", "timeout"][self as usize]
    }
}

/// Decides how a call goes, with `extra_failure` added to the probability of a failure.
pub(crate) fn plan_call(
    tool: &ToolSpec,
    extra_failure: f64,
    random: &mut Random,
) -> (ToolOutcome, f64) {
    let seconds = tool.median_seconds * random.spread(tool.sigma);
    if random.chance(tool.failure + extra_failure) {
        // Tools fail early or late: at any part of the time that they would have taken.
        return (ToolOutcome::Failed, seconds * random.fraction());
    }
    if seconds > TIMEOUT_SECONDS {
        return (ToolOutcome::Timeout, TIMEOUT_SECONDS);
    }
    (ToolOutcome::Ok, seconds)
}

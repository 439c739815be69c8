//! The tools that requests use, behind an MCP server.

use bellwether_sdk::ai::ErrorClass;
use bellwether_sdk::health::Outcome;

use crate::faults::Fault;
use crate::random::Random;
use crate::workload::Workload;

/// A tool with its latency and how often it fails on a good day.
#[derive(Debug)]
pub(crate) struct ToolSpec {
    pub(crate) name: &'static str,
    /// A sentence for models.
    pub(crate) description: &'static str,
    /// The argument that it needs, a string.
    pub(crate) argument: &'static str,
    median_seconds: f64,
    /// Deviation of the latency's logarithm.
    sigma: f64,
    failure: f64,
}

/// The four tools.
pub(crate) const TOOLS: [ToolSpec; 4] = [
    ToolSpec {
        name: "search",
        description: "Searches the web and gives the best passages.",
        argument: "query",
        median_seconds: 0.35,
        sigma: 0.45,
        failure: 0.004,
    },
    ToolSpec {
        name: "database",
        description: "Asks the company's database a question in SQL; reads only.",
        argument: "sql",
        median_seconds: 0.022,
        sigma: 0.7,
        failure: 0.001,
    },
    ToolSpec {
        name: "code",
        description: "Runs a snippet in a sandbox and gives its output.",
        argument: "source",
        median_seconds: 1.1,
        sigma: 0.6,
        failure: 0.02,
    },
    ToolSpec {
        name: "browser",
        description: "Opens a page and gives its text.",
        argument: "url",
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

    /// The label `error_type` as the SDK has it; empty for a success.
    pub(crate) fn error_type(self) -> &'static str {
        self.class().map_or("", ErrorClass::as_str)
    }

    /// The label `error_type` by the MCP conventions; empty for a success.
    pub(crate) fn mcp_error_type(self) -> &'static str {
        ["", "tool_error", "timeout"][self as usize]
    }

    /// Whose fault it was; `None`: it succeeded.
    pub(crate) fn class(self) -> Option<ErrorClass> {
        [None, Some(ErrorClass::Tool), Some(ErrorClass::Timeout)][self as usize]
    }
}

/// How a tool did lately: the part of its calls that failed, as a moving average.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ToolHealth {
    pub(crate) error_ratio: f64,
}

impl ToolHealth {
    pub(crate) fn note(&mut self, is_good: bool) {
        // Chosen: some 20 calls.
        const WEIGHT: f64 = 0.05;
        self.error_ratio += WEIGHT * (f64::from(u8::from(!is_good)) - self.error_ratio);
    }

    pub(crate) fn verdict(&self) -> Outcome {
        let percent = self.error_ratio * 100.0;
        match self.error_ratio {
            it if it > 0.6 => Outcome::down(format!("{percent:.0} % of its recent calls failed")),
            it if it > 0.15 => {
                Outcome::degraded(format!("{percent:.0} % of its recent calls failed"))
            }
            _ => Outcome::up(),
        }
    }
}

/// The tool that a workload uses next.
pub(crate) fn choose(workload: Workload, random: &mut Random) -> usize {
    // Chances of search, database, code and browser, cumulative.
    let chances = match workload {
        Workload::Chat => [0.5, 0.9, 0.92, 1.0],
        Workload::Code => [0.15, 0.3, 0.95, 1.0],
        Workload::Agent => [0.25, 0.45, 0.65, 1.0],
    };
    let draw = random.fraction();
    let position = chances.iter().position(|chance| draw < *chance);
    position.unwrap_or(0)
}

/// What faults of a strength add to the probability that a tool fails.
pub(crate) fn extra_failure(tool: &ToolSpec, strength: impl Fn(Fault) -> f64) -> f64 {
    match tool.name == Fault::ToolFailing.target() {
        true => 0.3 * strength(Fault::ToolFailing),
        false => 0.0,
    }
}

/// How many times slower faults of a strength make a tool.
pub(crate) fn slowness(tool: &ToolSpec, strength: impl Fn(Fault) -> f64) -> f64 {
    match tool.name == Fault::ToolSlow.target() {
        true => 1.0 + 4.0 * strength(Fault::ToolSlow),
        false => 1.0,
    }
}

/// Decides how a call goes, with `extra_failure` added to the probability of a failure; `slowness` is 1 on a good day.
pub(crate) fn plan_call(
    tool: &ToolSpec,
    extra_failure: f64,
    slowness: f64,
    random: &mut Random,
) -> (ToolOutcome, f64) {
    let seconds = tool.median_seconds * slowness * random.spread(tool.sigma);
    if random.chance(tool.failure + extra_failure) {
        // Tools fail early or late: at any part of the time that they would have taken.
        return (ToolOutcome::Failed, seconds * random.fraction());
    }
    if seconds > TIMEOUT_SECONDS {
        return (ToolOutcome::Timeout, TIMEOUT_SECONDS);
    }
    (ToolOutcome::Ok, seconds)
}

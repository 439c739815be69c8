//! What is staged in a history: a fault at a time, or one stage of the requests' path that grows.
//!
//! Growths are for whoever looks whether a thing is found. Faults are what the live daemon has too.

use crate::faults::Fault;
use crate::provider::PROVIDERS;
use crate::tool::TOOLS;

/// What becomes more, or slower.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Growing {
    /// Requests of all kinds.
    Load,
    /// How many times fewer workers than the most can be had.
    FewerWorkers,
    /// The time that calls to a provider take.
    Provider(usize),
    /// The time that calls of a tool take.
    Tool(usize),
    /// As it is in the live daemon; it has no factor.
    Fault(Fault),
}

/// Something that happens at a time of a history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Staged {
    pub(crate) what: Growing,
    factor: f64,
    pub(crate) begin_ms: i64,
    ramp_ms: i64,
    pub(crate) end_ms: i64,
}

/// There is no such thing to stage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} cannot be staged: want load, workers, a provider, a tool or a fault")]
pub struct UnknownStage {
    /// What was asked for.
    pub name: String,
}

impl Staged {
    /// Lets what is called `name` grow to `factor` times as much from `begin_ms` on (Unix time), evenly over
    /// `ramp_ms`, until `end_ms`, excluded. Names: `load` (all requests), `workers` (so many times fewer can be had than
    /// the 80 that there are at most), a provider or a tool (its calls take so many times as long).
    ///
    /// # Errors
    /// Where nothing is called so.
    pub fn growth(
        name: &str,
        factor: f64,
        (begin_ms, end_ms): (i64, i64),
        ramp_ms: i64,
    ) -> Result<Self, UnknownStage> {
        let of_provider = || PROVIDERS.iter().position(|it| *it == name);
        let of_tool = || TOOLS.iter().position(|it| it.name == name);
        let what = match name {
            "load" => Growing::Load,
            "workers" => Growing::FewerWorkers,
            _ => match (of_provider(), of_tool()) {
                (Some(provider), _) => Growing::Provider(provider),
                (None, Some(tool)) => Growing::Tool(tool),
                (None, None) => return Err(unknown(name)),
            },
        };
        Ok(Self {
            what,
            factor,
            begin_ms,
            ramp_ms,
            end_ms,
        })
    }

    /// Lets a fault of the live daemon happen, as `POST /faults` does.
    ///
    /// # Errors
    /// Where no fault is called so.
    pub fn fault(name: &str, (begin_ms, end_ms): (i64, i64)) -> Result<Self, UnknownStage> {
        Ok(Self {
            what: Growing::Fault(Fault::parse(name).ok_or_else(|| unknown(name))?),
            factor: 1.0,
            begin_ms,
            ramp_ms: 0,
            end_ms,
        })
    }

    /// By which factor it has grown at a time: 1 outside of its own.
    pub(crate) fn factor_at(&self, time_ms: i64) -> f64 {
        if !(self.begin_ms..self.end_ms).contains(&time_ms) {
            return 1.0;
        }
        let grown = (time_ms - self.begin_ms) as f64 / self.ramp_ms.max(1) as f64;
        1.0 + (self.factor - 1.0) * grown.min(1.0)
    }
}

fn unknown(name: &str) -> UnknownStage {
    UnknownStage {
        name: name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growths_are_named_and_end() {
        for name in [
            "load", "workers", "meridian", "polaris", "database", "browser",
        ] {
            let growth = Staged::growth(name, 3.0, (100, 200), 50).unwrap();
            let seen = [0, 100, 125, 150, 199, 200].map(|time_ms| growth.factor_at(time_ms));
            assert_eq!(seen, [1.0, 1.0, 2.0, 3.0, 3.0, 1.0], "{name}");
        }
        assert!(Staged::fault("provider_degrading", (0, 1)).is_ok());
        let error = Staged::growth("moon", 2.0, (0, 1), 0).unwrap_err();
        assert_eq!(error, unknown("moon"));
        assert!(Staged::fault("load", (0, 1)).is_err());
    }
}

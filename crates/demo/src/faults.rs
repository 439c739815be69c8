//! Faults that come and go on a schedule, so that graphs tell a story.
//!
//! ## Model
//! Each fault recurs with a period that divides 24 h, counted from the beginning of the history, and in
//! the live daemon from its own start: a provider slows down after three minutes in both. Length, strength and
//! exact beginning of an occurrence are drawn from the seed.
//!
//! ## Invariants
//! What is active depends on the seed and the time only, never on the load.

use crate::random::fraction_of;

const MINUTE_US: u64 = 60_000_000;

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The first provider answers up to four times slower.
    ProviderSlow = 0,
    /// A tool fails three times in ten.
    ToolFailing = 1,
    /// The second provider's quota shrinks to a tenth.
    QuotaExhausted = 2,
    /// Code and agent requests arrive up to six times as often.
    QueueBurst = 3,
    /// Traces are not cleaned up and fill the disk.
    DiskFilling = 4,
    /// The second provider refuses every call.
    ProviderDown = 5,
    /// The second provider answers slower and slower, up to four times.
    ProviderDegrading = 6,
    /// A tool answers up to five times slower.
    ToolSlow = 7,
}

struct Plan {
    period_us: u64,
    phase_us: u64,
    length_us: u64,
}

impl Fault {
    pub(crate) const COUNT: usize = 8;
    pub(crate) const ALL: [Self; Self::COUNT] = [
        Self::ProviderSlow,
        Self::ToolFailing,
        Self::QuotaExhausted,
        Self::QueueBurst,
        Self::DiskFilling,
        Self::ProviderDown,
        Self::ProviderDegrading,
        Self::ToolSlow,
    ];

    /// The fault with a name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        [
            "provider_slow",
            "tool_failing",
            "quota_exhausted",
            "queue_burst",
            "disk_filling",
            "provider_down",
            "provider_degrading",
            "tool_slow",
        ][self as usize]
    }

    /// What it hits.
    pub(crate) fn target(self) -> &'static str {
        [
            "meridian", "browser", "polaris", "queue", "traces", "polaris", "polaris", "database",
        ][self as usize]
    }

    /// A sentence for the page.
    pub(crate) fn description(self) -> &'static str {
        [
            "Provider meridian answers up to four times slower than usual.",
            "Tool browser fails in three of ten calls.",
            "The token and request quota of provider polaris shrinks to a tenth.",
            "Batch and editor requests arrive up to six times as often.",
            "The folder traces is not cleaned up and fills the disk.",
            "Provider polaris answers every call with 503, overloaded.",
            "Provider polaris becomes slower and slower, up to four times, for three quarters of the time.",
            "Tool database answers up to five times slower than usual.",
        ][self as usize]
    }

    fn plan(self) -> Plan {
        let minutes = |period: u64, phase: u64, length: u64| Plan {
            period_us: period * MINUTE_US,
            phase_us: phase * MINUTE_US,
            length_us: length * MINUTE_US,
        };
        match self {
            Self::ProviderSlow => minutes(120, 3, 9),
            Self::ToolFailing => minutes(90, 17, 10),
            Self::QuotaExhausted => minutes(180, 34, 12),
            Self::QueueBurst => minutes(60, 49, 4),
            Self::DiskFilling => minutes(120, 13, 14),
            Self::ProviderDown => minutes(120, 6, 3),
            Self::ProviderDegrading => minutes(120, 60, 20),
            Self::ToolSlow => minutes(120, 84, 10),
        }
    }
}

/// One time that a fault happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Occurrence {
    pub(crate) fault: Fault,
    /// Microseconds since the beginning of the simulation; included.
    pub(crate) begin_us: u64,
    /// Excluded.
    pub(crate) end_us: u64,
    /// How strong at its height, 0.7 to 1.
    pub(crate) strength: f64,
}

/// The planned occurrence of a fault that is active at a time, if one is.
fn active(seed: u64, fault: Fault, now_us: u64) -> Option<Occurrence> {
    let plan = fault.plan();
    let index = now_us.checked_sub(plan.phase_us)? / plan.period_us;
    let draw = |what: u64| fraction_of(seed ^ (index << 8 | (fault as u64) << 4 | what));
    let begin_us = index * plan.period_us + plan.phase_us + (draw(0) * MINUTE_US as f64) as u64;
    let end_us = begin_us + (plan.length_us as f64 * (0.75 + 0.5 * draw(1))) as u64;
    let strength = 0.7 + 0.3 * draw(2);
    (begin_us..end_us).contains(&now_us).then_some(Occurrence {
        fault,
        begin_us,
        end_us,
        strength,
    })
}

impl Occurrence {
    /// Whether it is active at a time.
    pub(crate) fn is_active(&self, now_us: u64) -> bool {
        (self.begin_us..self.end_us).contains(&now_us)
    }

    /// How much of it has passed at a time, 0 to 1; 0 where it is not active.
    pub(crate) fn progress(&self, now_us: u64) -> f64 {
        if !self.is_active(now_us) {
            return 0.0;
        }
        let length_us = self.end_us - self.begin_us;
        (now_us - self.begin_us) as f64 / length_us as f64
    }

    /// How strong it is at a time, 0 to 1: it grows over its first and shrinks over its last 20 seconds;
    /// a degradation grows over three quarters of its time, so that it can be seen to come.
    pub(crate) fn strength_at(&self, now_us: u64) -> f64 {
        const RAMP_US: f64 = 20e6;
        if !self.is_active(now_us) {
            return 0.0;
        }
        let growth_us = match self.fault {
            Fault::ProviderDegrading => (self.end_us - self.begin_us) as f64 * 0.75,
            _ => RAMP_US,
        };
        let grown = (now_us - self.begin_us) as f64 / growth_us;
        let left = (self.end_us - now_us) as f64 / RAMP_US;
        self.strength * grown.min(left).min(1.0)
    }
}

/// What goes wrong when: the plan, and what was begun by hand or is staged.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    seed: u64,
    has_plan: bool,
    /// The last one of each fault; it comes before the plan.
    staged: [Option<Occurrence>; Fault::COUNT],
}

impl Schedule {
    /// The plan of a seed.
    pub(crate) fn planned(seed: u64) -> Self {
        Self {
            seed,
            has_plan: true,
            staged: [None; Fault::COUNT],
        }
    }

    /// From now on only what is staged comes.
    pub(crate) fn drop_plan(&mut self) {
        self.has_plan = false;
    }

    /// Lets a fault happen at full strength. What was staged of it before is gone.
    pub(crate) fn stage(&mut self, fault: Fault, begin_us: u64, length_us: u64) -> Occurrence {
        let occurrence = Occurrence {
            fault,
            begin_us,
            end_us: begin_us.saturating_add(length_us),
            strength: 1.0,
        };
        self.staged[fault as usize] = Some(occurrence);
        occurrence
    }

    /// What is active of a fault.
    pub(crate) fn active(&self, fault: Fault, now_us: u64) -> Option<Occurrence> {
        let staged = self.staged[fault as usize].filter(|it| it.is_active(now_us));
        let planned = || {
            self.has_plan
                .then(|| active(self.seed, fault, now_us))
                .flatten()
        };
        staged.or_else(planned)
    }

    /// [`Occurrence::progress`] of what is active of a fault; 0 where nothing is.
    pub(crate) fn progress(&self, fault: Fault, now_us: u64) -> f64 {
        (self.active(fault, now_us)).map_or(0.0, |it| it.progress(now_us))
    }

    /// [`Occurrence::strength_at`] of what is active of a fault; 0 where nothing is.
    pub(crate) fn strength(&self, fault: Fault, now_us: u64) -> f64 {
        (self.active(fault, now_us)).map_or(0.0, |it| it.strength_at(now_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_comes_and_goes_each_day() {
        for fault in Fault::ALL {
            let day: Vec<bool> = (0..24 * 60)
                .map(|minute| Schedule::planned(3).strength(fault, minute * MINUTE_US) > 0.5)
                .collect();
            let active = day.iter().filter(|active| **active).count();
            let starts = day.windows(2).filter(|pair| !pair[0] && pair[1]).count();
            assert!(
                (30..300).contains(&active),
                "{fault:?} is active {active} minutes"
            );
            assert!(
                (8..=24).contains(&starts),
                "{fault:?} starts {starts} times"
            );
        }
    }

    #[test]
    fn the_first_fault_comes_within_five_minutes_of_the_end_of_a_day() {
        for seed in 0..20 {
            let day_us = 24 * 60 * MINUTE_US;
            let strength = |s: u64| {
                Schedule::planned(seed).strength(Fault::ProviderSlow, day_us + s * 1_000_000)
            };
            let seen = (0..300).any(|s| strength(s) > 0.5);
            assert!(seen, "seed {seed}");
        }
    }

    #[test]
    fn a_degradation_can_be_seen_to_come() {
        let mut schedule = Schedule::planned(1);
        schedule.drop_plan();
        schedule.stage(Fault::ProviderDegrading, MINUTE_US, 20 * MINUTE_US);
        let strength =
            |minute: u64| schedule.strength(Fault::ProviderDegrading, minute * MINUTE_US);
        let seen = [0, 1, 4, 16, 20, 21].map(strength);
        assert_eq!(seen, [0.0, 0.0, 0.2, 1.0, 1.0, 0.0]);
        assert_eq!(schedule.strength(Fault::ProviderSlow, 4 * MINUTE_US), 0.0);
    }
}

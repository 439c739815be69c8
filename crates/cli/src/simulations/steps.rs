//! The steps of a simulation, as many as may be told.

use bellwether_server::SimulationStep;

/// Steps of a simulation; what comes later is left out.
const STEPS_MAX: usize = 10_000;
/// Bytes of the texts that would be sent, over all steps; later steps have none. Chosen: some thousand
/// notifications as webhooks have them.
const TEXT_BYTES_MAX: usize = 16 << 20;

/// What was told so far.
#[derive(Debug, Default)]
pub(super) struct Budget {
    text_bytes: usize,
}

impl Budget {
    /// Appends a step, as far as there is room.
    pub(super) fn push(&mut self, steps: &mut Vec<SimulationStep>, mut step: SimulationStep) {
        if steps.len() >= STEPS_MAX {
            return;
        }
        let texts = step.texts.iter();
        let bytes: usize = texts
            .map(|(setting, text)| setting.len() + text.len())
            .sum();
        if self.text_bytes + bytes > TEXT_BYTES_MAX {
            step.texts.clear();
        } else {
            self.text_bytes += bytes;
        }
        steps.push(step);
    }
}

#[cfg(test)]
mod tests {
    use bellwether_model::Labels;

    use super::*;

    #[test]
    fn steps_and_their_texts_are_bounded() {
        let step = |bytes: usize| SimulationStep {
            time_ms: 0,
            kind: "notified",
            labels: Labels::empty(),
            text: String::new(),
            receiver: "team".to_owned(),
            texts: vec![("body".to_owned(), "x".repeat(bytes))],
        };
        let (mut steps, mut budget) = (Vec::new(), Budget::default());
        budget.push(&mut steps, step(TEXT_BYTES_MAX - 10));
        budget.push(&mut steps, step(100));
        budget.push(&mut steps, step(2));
        let with_texts: Vec<bool> = steps.iter().map(|step| !step.texts.is_empty()).collect();
        assert_eq!(with_texts, [true, false, true]);
        for _ in 0..STEPS_MAX {
            budget.push(&mut steps, step(0));
        }
        assert_eq!(steps.len(), STEPS_MAX);
    }
}

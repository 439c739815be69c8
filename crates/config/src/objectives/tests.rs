use bellwether_rules::objective::{AlertOptions, Composition, Counting, Slices};
use bellwether_slo::period::{Calendar, Civil, Period, Unit};

use super::*;

const DAY_MS: i64 = 86_400_000;

fn read(text: &str) -> LoadedObjectives {
    load_objectives_text(text, Path::new("slos.yml"), &ObjectiveOptions::default())
        .unwrap_or_else(|errors| panic!("{errors}"))
}

fn refused(text: &str) -> String {
    match load_objectives_text(text, Path::new("slos.yml"), &ObjectiveOptions::default()) {
        Ok(loaded) => panic!("{loaded:?}"),
        Err(errors) => errors.to_string(),
    }
}

fn warnings(loaded: &LoadedObjectives) -> Vec<String> {
    loaded.warnings.iter().map(ToString::to_string).collect()
}

fn ratio(counting: Counting, part: &str, total: &str) -> Indicator {
    Indicator::Ratio {
        counting,
        part: part.to_owned(),
        total: total.to_owned(),
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

mod form;
mod openslo;
mod pyrra;
mod round_trip;
mod sloth;

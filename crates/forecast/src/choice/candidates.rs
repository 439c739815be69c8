//! The models that are tried.

use crate::model::{Core, Spec};

/// Averages a season over all cycles there are.
const ALL: usize = 1 << 20;
/// … or over the last few.
const FEW: usize = 4;
/// A trend of the last five cycles, and of about as many steps where there is no season.
const RECENT_CYCLES: usize = 5;

/// Over how many cycles a profile is averaged, and whether it is moved to the last level.
const RETURNS: [(usize, bool); 6] = [
    (1, false),
    (2, false),
    (4, false),
    (7, false),
    (4, true),
    (7, true),
];

/// Candidates for a series with these seasons; those on logarithms too if `log`.
pub(super) fn list(seasons: &[usize], horizon: usize, log: bool) -> Vec<Spec> {
    let mut specs = vec![Spec::plain(Core::LastValue), Spec::plain(Core::Drift)];
    specs.extend(
        seasons
            .iter()
            .map(|season| Spec::plain(Core::SeasonalNaive(*season))),
    );
    for &season in seasons {
        for (cycles, levelled) in RETURNS {
            specs.push(Spec::plain(Core::Returning(season, cycles, levelled)));
        }
    }
    for log in if log { &[false, true][..] } else { &[false] } {
        let mut add = |adjust: Option<(&[usize], usize)>, core: Core, corrected: bool| {
            specs.push(Spec {
                log: *log,
                adjust: adjust.map(|(seasons, cycles)| (seasons.to_vec(), cycles)),
                core,
                corrected,
            });
        };
        let lags = || Core::Regression(seasons.to_vec(), false);
        add(None, Core::Holt, false);
        add(None, Core::Theta(None), false);
        add(None, lags(), false);
        add(None, Core::Regression(seasons.to_vec(), true), false);
        add(None, Core::Direct(seasons.to_vec(), horizon), false);
        add(None, Core::Kriging(seasons.to_vec(), horizon), false);
        let (Some(shortest), Some(longest)) = (seasons.first(), seasons.last()) else {
            continue;
        };
        let recent = RECENT_CYCLES * longest;
        add(Some((seasons, ALL)), Core::Theta(None), false);
        add(Some((seasons, ALL)), Core::Theta(Some(recent)), false);
        add(Some((seasons, FEW)), Core::Theta(None), false);
        add(Some((seasons, ALL)), Core::Holt, true);
        add(Some((seasons, ALL)), Core::Regression(vec![], false), false);
        add(Some((&[*shortest], ALL)), lags(), false);
        add(None, Core::HoltWinters(seasons.to_vec()), false);
    }
    specs
}

/// What is quick to fit and to ask: a few that are seldom far off.
pub(super) fn quick(seasons: &[usize], horizon: usize) -> Vec<Spec> {
    let mut specs = vec![Spec::plain(Core::LastValue)];
    for &season in seasons {
        specs.push(Spec::plain(Core::SeasonalNaive(season)));
        specs.push(Spec::plain(Core::Returning(season, FEW, false)));
    }
    specs.push(Spec::plain(Core::Kriging(seasons.to_vec(), horizon)));
    specs
}

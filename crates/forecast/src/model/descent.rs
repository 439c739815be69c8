//! The downhill simplex method of Nelder and Mead (The Computer Journal 7, 1965), for two to six unknowns.

/// Moves from `start` towards a smaller `cost`, which is asked `evaluations` times at most, about.
///
/// A cost that is NaN counts as the largest. Deterministic.
pub(super) fn minimise<const N: usize>(
    start: [f64; N],
    step: f64,
    evaluations: usize,
    mut cost: impl FnMut(&[f64; N]) -> f64,
) -> [f64; N] {
    let mut ask = |point: &[f64; N]| {
        let cost = cost(point);
        if cost.is_nan() { f64::INFINITY } else { cost }
    };
    let mut simplex = vec![(ask(&start), start)];
    for axis in 0..N {
        let mut point = start;
        point[axis] += step;
        simplex.push((ask(&point), point));
    }
    let mut asked = N + 1;
    while asked < evaluations {
        simplex.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (best, worst) = (simplex[0].0, simplex[N].0);
        if worst - best <= 1e-7 * best.abs() {
            break;
        }
        let mut centre = [0.0; N];
        for (_, point) in &simplex[..N] {
            for axis in 0..N {
                centre[axis] += point[axis] / N as f64;
            }
        }
        let last = simplex[N].1;
        let towards = |by: f64| -> [f64; N] {
            std::array::from_fn(|axis| centre[axis] + by * (last[axis] - centre[axis]))
        };
        let reflected = towards(-1.0);
        let at_reflected = ask(&reflected);
        asked += 1;
        if at_reflected < best {
            let expanded = towards(-2.0);
            let at_expanded = ask(&expanded);
            asked += 1;
            simplex[N] = if at_expanded < at_reflected {
                (at_expanded, expanded)
            } else {
                (at_reflected, reflected)
            };
        } else if at_reflected < simplex[N - 1].0 {
            simplex[N] = (at_reflected, reflected);
        } else {
            let contracted = towards(if at_reflected < worst { -0.5 } else { 0.5 });
            let at_contracted = ask(&contracted);
            asked += 1;
            if at_contracted < worst.min(at_reflected) {
                simplex[N] = (at_contracted, contracted);
            } else {
                let first = simplex[0].1;
                for (cost, point) in &mut simplex[1..] {
                    for axis in 0..N {
                        point[axis] = 0.5 * (point[axis] + first[axis]);
                    }
                    *cost = ask(point);
                }
                asked += N;
            }
        }
    }
    simplex.sort_by(|a, b| a.0.total_cmp(&b.0));
    simplex[0].1
}

/// Maps any number into (0, `top`), half of it at 0.
pub(super) fn within(top: f64, free: f64) -> f64 {
    top / (1.0 + (-free).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bottom_of_a_bowl_is_found() {
        let bottom = minimise([0.0, 0.0, 0.0], 0.5, 400, |at| {
            (at[0] - 1.0).powi(2) + 3.0 * (at[1] + 2.0).powi(2) + (at[2] - at[0]).powi(2)
        });
        assert!((bottom[0] - 1.0).abs() < 0.01 && (bottom[1] + 2.0).abs() < 0.01);
        assert!((bottom[2] - 1.0).abs() < 0.01, "{bottom:?}");
    }

    #[test]
    fn a_cost_that_is_no_number_is_avoided() {
        let bottom = minimise(
            [1.0],
            0.5,
            100,
            |at| if at[0] < 0.5 { f64::NAN } else { at[0] },
        );
        assert!((bottom[0] - 0.5).abs() < 0.05, "{bottom:?}");
        assert_eq!(minimise([1.0], 0.5, 20, |_| f64::NAN), [1.0]);
    }
}

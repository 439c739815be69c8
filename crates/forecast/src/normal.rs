//! The normal distribution: density and quantile.

/// Density of the standard normal distribution at `x`.
pub(crate) fn density(x: f64) -> f64 {
    const INV_SQRT_TAU: f64 = 0.398_942_280_401_432_7;
    INV_SQRT_TAU * (-0.5 * x * x).exp()
}

/// How likely a standard normal value is below `x`, within 7.5e-8 (Abramowitz and Stegun 26.2.17).
pub(crate) fn below(x: f64) -> f64 {
    const B: [f64; 5] = [
        0.319_381_530,
        -0.356_563_782,
        1.781_477_937,
        -1.821_255_978,
        1.330_274_429,
    ];
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let sum = B.iter().rev().fold(0.0, |sum, b| (sum + b) * t);
    let above = density(x) * sum;
    if x >= 0.0 { 1.0 - above } else { above }
}

/// Quantile of the standard normal distribution; infinite at 0 and 1, NaN outside of them.
///
/// Relative error below 1.2e-9 (P. J. Acklam's rational approximation, 2003).
pub(crate) fn quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
    ];
    const LOW: f64 = 0.02425;
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p == 0.0 {
        return f64::NEG_INFINITY;
    }
    if p == 1.0 {
        return f64::INFINITY;
    }
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        (((((C[0] * q + C[1]) * q + C[2]) * q + C[3]) * q + C[4]) * q + C[5])
            / ((((D[0] * q + D[1]) * q + D[2]) * q + D[3]) * q + 1.0)
    };
    if p < LOW {
        tail(p)
    } else if p > 1.0 - LOW {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        let r = q * q;
        (((((A[0] * r + A[1]) * r + A[2]) * r + A[3]) * r + A[4]) * r + A[5]) * q
            / (((((B[0] * r + B[1]) * r + B[2]) * r + B[3]) * r + B[4]) * r + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_quantile_is_its_share() {
        for share in [1e-6, 0.02, 0.3, 0.5, 0.8, 0.999] {
            assert!((below(quantile(share)) - share).abs() < 1e-7, "{share}");
        }
        assert_eq!((below(f64::NEG_INFINITY), below(f64::INFINITY)), (0.0, 1.0));
    }

    #[test]
    fn quantiles_are_where_the_density_says() {
        // The slope of the quantile is one over the density there.
        for share in [1e-9, 1e-4, 0.02, 0.024, 0.025, 0.3, 0.5, 0.8, 0.976, 0.999] {
            let step = f64::min(share, 1.0 - share) * 1e-3;
            let slope = (quantile(share + step) - quantile(share - step)) / (2.0 * step);
            let wanted = 1.0 / density(quantile(share));
            assert!(
                (slope / wanted - 1.0).abs() < 1e-4,
                "{share}: {slope} {wanted}"
            );
            assert!((quantile(share) + quantile(1.0 - share)).abs() < 1e-5);
        }
        assert!(quantile(0.5).abs() < 1e-12);
        assert!((quantile(0.975) - 1.959_964).abs() < 1e-6);
        assert_eq!(quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(quantile(1.0), f64::INFINITY);
        assert!(quantile(1.1).is_nan() && quantile(f64::NAN).is_nan());
    }
}

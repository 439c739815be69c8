use bellwether_forecast::anomaly::*;
use bellwether_forecast::forecast::*;
fn cpu() -> f64 {
    std::fs::read_to_string("/proc/self/schedstat")
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse::<f64>()
        .unwrap()
        / 1e9
}
fn main() {
    let mut noise = 7u64;
    let mut rnd = move || {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        (noise >> 11) as f64 / (1u64 << 53) as f64
    };
    let all: Vec<f64> = (0..4096)
        .map(|at| 100.0 + 30.0 * (at as f64 / 144.0 * 6.283).sin() + 10.0 * rnd())
        .collect();
    for n in [48, 64, 96, 128, 192, 256, 512, 2016] {
        for h in [1, 8, 24, 48, 144] {
            let s = Series {
                step_ms: 600_000,
                start_ms: 0,
                values: &all[..n],
            };
            let t = cpu();
            let mut name = String::new();
            for _ in 0..5 {
                if let Ok(f) = forecast(
                    s,
                    &bellwether_forecast::forecast::Options {
                        horizon_steps: h,
                        ..Default::default()
                    },
                ) {
                    name = f.model;
                }
            }
            println!("n {n} h {h}: {:.2} ms {name}", (cpu() - t) * 200.0);
        }
    }
    for n in [128, 192, 256, 384, 512, 768, 1024, 2048, 4096] {
        let t = cpu();
        for _ in 0..3 {
            let mut d = Detector::new(Default::default());
            for (i, v) in all[..n].iter().enumerate() {
                d.push(i as i64 * 60000, *v);
            }
        }
        println!("anomaly n {n}: {:.2} ms", (cpu() - t) * 333.3);
    }
}

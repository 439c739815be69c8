//! Any target, chosen by the environment variable `TARGET`, under libFuzzer.
#![no_main]

use std::sync::LazyLock;

use bellwether_fuzz::targets::{TARGETS, Target};

static CHOSEN: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("TARGET").expect("TARGET names one of bellwether_fuzz::targets");
    TARGETS.iter().find(|target| target.name == name).expect("TARGET is the name of a target")
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| (CHOSEN.run)(input));

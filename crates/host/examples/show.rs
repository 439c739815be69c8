//! Shows the numbers of this machine and of this process as a scraper would see them.
//!
//! `cargo run -p bellwether-host --example show`

#![expect(clippy::print_stdout, reason = "a person reads the numbers")]

use std::sync::Arc;

use bellwether_storage::SystemClock;
use bellwether_telemetry::{Format, Registry};

fn main() {
    let registry = Registry::new();
    bellwether_host::register(&registry, Arc::new(SystemClock));
    print!("{}", registry.render(Format::Prometheus));
}

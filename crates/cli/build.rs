//! Tells the binary which commit and which compiler it was built with.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../../.git/logs/HEAD");
    // Outside of a checkout there is no commit to name, and the answer says so by being empty.
    println!(
        "cargo::rustc-env=BELLWETHER_REVISION={}",
        output("git", &["rev-parse", "HEAD"])
    );
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    println!(
        "cargo::rustc-env=BELLWETHER_RUSTC={}",
        output(&rustc, &["--version"])
    );
}

/// What a program prints, or nothing where it cannot be run.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().ok();
    let text = output
        .filter(|output| output.status.success())
        .map(|output| output.stdout);
    String::from_utf8_lossy(&text.unwrap_or_default())
        .trim()
        .to_owned()
}

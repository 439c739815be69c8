//! The `bellwether` binary: see the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    bellwether::run_program()
}

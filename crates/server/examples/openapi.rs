//! Prints the description of the HTTP API. `cargo xtask openapi --write` makes `ui/openapi.json` of it.
#![expect(
    clippy::print_stdout,
    reason = "the text is the purpose of this program"
)]

fn main() {
    print!(
        "{}",
        bellwether_server::openapi_text(env!("CARGO_PKG_VERSION"))
    );
}
